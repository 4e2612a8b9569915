//! The steps of a run: a heading and a time for each, then a table, what failed, what was not
//! run, and one plain line at the end.

use std::collections::BTreeMap;
use std::fmt;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::counts::{Counts, Tests};

/// What went wrong and what to do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    remedy: String,
    tests: Box<Tests>,
}

impl Failure {
    pub(crate) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into(), tests: Box::default() }
    }

    /// Several as one; `None` if there are none.
    pub(crate) fn all(failures: Vec<Self>) -> Option<Self> {
        let mut failures = failures.into_iter();
        let mut all = failures.next()?;
        for one in failures {
            all.what = format!("{}\n{}", all.what, one.what);
            if !all.remedy.lines().any(|line| line == one.remedy) {
                all.remedy = format!("{}\n{}", all.remedy, one.remedy);
            }
            *all.tests += *one.tests;
        }
        Some(all)
    }

    /// What went wrong.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// What to do about it.
    pub(crate) fn remedy(&self) -> &str {
        &self.remedy
    }

    /// Tests that had run when it went wrong.
    pub(crate) fn with_tests(mut self, tests: Tests) -> Self {
        *self.tests = tests;
        self
    }

    /// More tests that had run.
    pub(crate) fn and_tests(mut self, tests: Tests) -> Self {
        *self.tests += tests;
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "FAILED: {}", self.what.replace('\n', "\n        "))?;
        for test in &self.tests.failed {
            writeln!(f, "        {test}")?;
        }
        write!(f, "What to do: {}", self.remedy.replace('\n', "\n            "))
    }
}

/// What a step has to say when it went well.
#[derive(Debug, Default)]
pub(crate) struct Done {
    tests: Tests,
    note: String,
}

impl Done {
    pub(crate) fn note(note: impl Into<String>) -> Self {
        Self { note: note.into(), ..Self::default() }
    }

    pub(crate) fn and(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }
}

impl From<Tests> for Done {
    fn from(tests: Tests) -> Self {
        Self { tests, note: String::new() }
    }
}

impl From<Counts> for Done {
    fn from(counts: Counts) -> Self {
        Self::from(Tests::from(counts))
    }
}

struct Step {
    name: &'static str,
    took: Duration,
    counts: Counts,
    note: String,
    failure: Option<Failure>,
}

/// Collects the steps of one run. A step that fails keeps no later one from running.
pub(crate) struct Report {
    started: Instant,
    steps: Vec<Step>,
    /// Lines to be shown after the table.
    last: Vec<String>,
    /// `NAME: WHY` of everything that could not be tried.
    not_run: Vec<String>,
    /// How many of these no step has counted.
    uncounted: u64,
    /// How many cases do not apply, by reason.
    does_not_apply: BTreeMap<String, u64>,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            steps: Vec::new(),
            last: Vec::new(),
            not_run: Vec::new(),
            uncounted: 0,
            does_not_apply: BTreeMap::new(),
        }
    }

    /// Lines for the end of the output, before the total.
    pub(crate) fn at_the_end(&mut self, lines: Vec<String>) {
        self.last.extend(lines);
    }

    /// Something that could not be tried, and why: one test, or many that nobody counted.
    pub(crate) fn not_run(&mut self, what: &str, why: &str) {
        self.not_run.push(format!("{what}: {why}"));
        self.uncounted += 1;
    }

    /// Runs one step and prints its time, and at once what failed.
    pub(crate) fn step(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> Result<Done, Failure>,
    ) {
        println!("\n== {name}");
        let started = Instant::now();
        let outcome = work();
        let took = started.elapsed();
        println!("-- {name}: {}", seconds(took));
        let (mut tests, note, failure) = match outcome {
            Ok(done) => (done.tests, done.note, None),
            Err(mut failure) => {
                println!("{failure}");
                let mut tests = std::mem::take(&mut *failure.tests);
                failure.tests.failed = std::mem::take(&mut tests.failed);
                // A check that is not made of tests counts as one that failed.
                tests.counts.failed = tests.counts.failed.max(1);
                (tests, "FAILED".to_owned(), Some(failure))
            }
        };
        self.not_run.extend(std::mem::take(&mut tests.not_run));
        for why in tests.does_not_apply {
            *self.does_not_apply.entry(why).or_default() += 1;
        }
        self.steps.push(Step { name, took, counts: tests.counts, note, failure });
    }

    /// Prints the table, what failed, what was not run, and the closing line.
    pub(crate) fn close(self) -> ExitCode {
        let (lines, total) = self.closing();
        for line in lines {
            println!("{line}");
        }
        if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn closing(&self) -> (Vec<String>, Counts) {
        let mut total = Counts::default();
        let mut lines = vec![
            String::new(),
            format!(
                "{:<12} {:>8} {:>7} {:>8} {:>8}",
                "step", "passed", "failed", "not run", "time"
            ),
        ];
        let row = |name: &str, counts: Counts, time: Duration, note: &str| {
            let cell = |n: u64| if n == 0 { "-".to_owned() } else { n.to_string() };
            let [passed, failed, not_run] =
                [counts.passed, counts.failed, counts.skipped].map(cell);
            let time = seconds(time);
            let line = format!("{name:<12} {passed:>8} {failed:>7} {not_run:>8} {time:>8}  {note}");
            line.trim_end().to_owned()
        };
        for step in &self.steps {
            total += step.counts;
            lines.push(row(step.name, step.counts, step.took, &step.note));
        }
        total.skipped += self.uncounted;
        lines.push(row("all", total, self.started.elapsed(), ""));
        lines.push(String::new());
        for step in &self.steps {
            if let Some(failure) = &step.failure {
                lines.extend(format!("{}: {failure}\n", step.name).split('\n').map(str::to_owned));
            }
        }
        lines.extend(self.last.iter().cloned());
        if !self.does_not_apply.is_empty() {
            let all: u64 = self.does_not_apply.values().sum();
            lines.push(format!("cases that do not apply to a store that claims no more: {all}"));
            let each = self.does_not_apply.iter().map(|(why, count)| format!("  {count} × {why}"));
            lines.extend(each);
        }
        lines.push(format!("not run: {}", total.skipped));
        lines.extend(self.not_run.iter().map(|it| format!("  {it}")));
        lines.push(total.to_string());
        (lines, total)
    }
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_fails_keeps_no_later_one_from_running_and_fails_the_run() {
        let mut report = Report::new();
        report.step("one", || Ok(Done::note("fine")));
        report.step("two", || Err(Failure::new("it broke", "mend it")));
        let counts = Counts { passed: 3, failed: 0, skipped: 1 };
        let not_run = ["a::b: no mount here".to_owned()].into();
        let tests = Tests { counts, not_run, ..Tests::default() };
        report.step("three", || Ok(Done::from(tests)));
        report.not_run("vectors", "none given");
        let (lines, total) = report.closing();
        assert_eq!(total, Counts { passed: 3, failed: 1, skipped: 2 });
        let text = lines.join("\n");
        assert!(text.contains("two: FAILED: it broke\nWhat to do: mend it"), "{text}");
        let end = "not run: 2\n  a::b: no mount here\n  vectors: none given\n\
            3 passed, 1 failed, 2 skipped";
        assert!(text.ends_with(end), "{text}");
        assert_eq!(report.close(), ExitCode::FAILURE);
    }

    #[test]
    fn failing_tests_are_named_beside_what_to_do() {
        let mut report = Report::new();
        let counts = Counts { passed: 1, failed: 2, skipped: 0 };
        let failed = ["b".to_owned(), "a".to_owned()].into();
        let tests = Tests { counts, failed, ..Tests::default() };
        let failure = Failure::new("cargo test", "run it alone").with_tests(tests);
        report.step("unit", || Err(failure));
        let text = report.closing().0.join("\n");
        let wanted = "unit: FAILED: cargo test\n        a\n        b\nWhat to do: run it alone";
        assert!(text.contains(wanted), "{text}");
        assert!(text.ends_with("not run: 0\n1 passed, 2 failed"), "{text}");
    }

    #[test]
    fn several_failures_are_shown_as_one_with_every_remedy_once() {
        let one = || Failure::new("one", "do this");
        let all = Failure::all(vec![one(), Failure::new("two", "do that"), one()]).unwrap();
        let wanted =
            "FAILED: one\n        two\n        one\nWhat to do: do this\n            do that";
        assert_eq!(all.to_string(), wanted);
        assert!(Failure::all(Vec::new()).is_none());
    }
}
