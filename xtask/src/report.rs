//! The steps of a run: a heading and a time for each, a table and one plain line at the end.

use std::fmt;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::counts::Counts;

/// What went wrong and what to do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    remedy: String,
    counts: Counts,
}

impl Failure {
    pub(crate) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into(), counts: Counts::default() }
    }

    /// Tests that had run when it went wrong.
    pub(crate) fn with_counts(mut self, counts: Counts) -> Self {
        self.counts = counts;
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FAILED: {}\nWhat to do: {}", self.what, self.remedy)
    }
}

/// What a step has to say when it went well.
#[derive(Debug, Default)]
pub(crate) struct Done {
    counts: Counts,
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

impl From<Counts> for Done {
    fn from(counts: Counts) -> Self {
        Self { counts, note: String::new() }
    }
}

struct Step {
    name: &'static str,
    took: Duration,
    done: Done,
}

/// Collects the steps of one run.
pub(crate) struct Report {
    started: Instant,
    steps: Vec<Step>,
    /// Lines to be shown after the table.
    last: Vec<String>,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), steps: Vec::new(), last: Vec::new() }
    }

    /// Lines for the end of the output, before the total.
    pub(crate) fn at_the_end(&mut self, lines: Vec<String>) {
        self.last.extend(lines);
    }

    /// Runs one step and prints its time; the first failure is for the caller to pass on.
    pub(crate) fn step(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> Result<Done, Failure>,
    ) -> Result<(), Failure> {
        println!("\n== {name}");
        let started = Instant::now();
        let outcome = work();
        let took = started.elapsed();
        println!("-- {name}: {}", seconds(took));
        match outcome {
            Ok(done) => {
                self.steps.push(Step { name, took, done });
                Ok(())
            }
            Err(failure) => {
                let mut counts = failure.counts;
                // A check that is not made of tests counts as one that failed.
                counts.failed = counts.failed.max(1);
                let done = Done { counts, note: "FAILED".to_owned() };
                self.steps.push(Step { name, took, done });
                Err(failure)
            }
        }
    }

    /// Prints the table and the closing line.
    pub(crate) fn close(self, outcome: Result<(), Failure>) -> ExitCode {
        if let Err(failure) = &outcome {
            println!("\n{failure}");
        }
        if self.steps.is_empty() && outcome.is_err() {
            // A mistyped command: there is no step to show.
            println!("\n{}", Counts { failed: 1, ..Counts::default() });
            return ExitCode::FAILURE;
        }
        let mut total = Counts::default();
        println!("\n{:<12} {:>8} {:>7} {:>8}", "step", "passed", "failed", "time");
        for step in &self.steps {
            total += step.done.counts;
            let counts = step.done.counts;
            let cell = |n: u64| if n == 0 { "-".to_owned() } else { n.to_string() };
            let (passed, failed) = (cell(counts.passed), cell(counts.failed));
            let (name, note) = (step.name, &step.done.note);
            let line = format!("{name:<12} {passed:>8} {failed:>7} {:>8}", seconds(step.took));
            println!("{}", format!("{line}  {note}").trim_end());
        }
        if outcome.is_err() {
            total.failed = total.failed.max(1);
        }
        let all = seconds(self.started.elapsed());
        println!("{:<12} {:>8} {:>7} {all:>8}\n", "all", total.passed, total.failed);
        for line in &self.last {
            println!("{line}");
        }
        println!("{total}");
        if outcome.is_ok() && total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}
