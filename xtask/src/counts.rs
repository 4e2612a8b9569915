//! Reading which tests ran, failed or could not be tried out of what test runners print.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::AddAssign;

/// How a test says that it could not be tried, as `sessile_conformance::not_run` prints it.
const NOT_RUN: &str = "[not run] ";
/// How a case says that the store does not claim what it tests.
pub(crate) const DOES_NOT_APPLY: &str = "[does not apply] ";

/// Tests that passed, failed and were skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 { write!(f, ", {} skipped", self.skipped) } else { Ok(()) }
    }
}

/// What came of the tests of one command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tests {
    pub(crate) counts: Counts,
    /// The names of those that failed.
    pub(crate) failed: BTreeSet<String>,
    /// `NAME: WHY` of those that could not be tried; as many as `counts.skipped`.
    pub(crate) not_run: BTreeSet<String>,
    /// Why a case does not apply to a store, once for each case.
    pub(crate) does_not_apply: Vec<String>,
}

impl From<Counts> for Tests {
    fn from(counts: Counts) -> Self {
        Self { counts, ..Self::default() }
    }
}

impl AddAssign for Tests {
    fn add_assign(&mut self, other: Self) {
        self.counts += other.counts;
        self.failed.extend(other.failed);
        self.not_run.extend(other.not_run);
        self.does_not_apply.extend(other.does_not_apply);
    }
}

/// Reads the output of cargo test, of Python's unittest, and plain `N passed, N failed`.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    tests: Tests,
    /// unittest says how many ran on one line and how many of them failed on a later one.
    ran: Option<u64>,
    /// Tests of the program at hand that will be counted as passed and have not been run.
    not_passed: u64,
    /// Whether cargo is listing the test programs that failed.
    listing: bool,
}

impl Tally {
    /// Takes one line of output.
    pub(crate) fn line(&mut self, line: &str) {
        self.notice(line);
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("test result:") {
            self.libtest(rest);
        } else if let Some(rest) = line.strip_prefix("Ran ") {
            self.ran = Some(first_number(rest));
        } else if let Some(ran) = self.ran
            && (line.starts_with("OK") || line.starts_with("FAILED"))
        {
            self.unittest(ran, line);
        } else {
            // Lines with another word in front are parts of the total.
            let line = line.strip_prefix("total: ").unwrap_or(line);
            if line.starts_with(|c: char| c.is_ascii_digit()) && line.contains(" passed, ") {
                let counts = plain(line);
                self.tests.counts += counts;
            }
        }
    }

    /// What has been read.
    pub(crate) fn tests(self) -> Tests {
        self.tests
    }

    /// The names of tests that failed, and of those that could not be tried.
    fn notice(&mut self, line: &str) {
        // libtest's own words may stand before: `test NAME ... [not run] NAME: WHY`.
        if let Some((_, what)) = line.split_once(NOT_RUN) {
            // A test that says so twice is one test.
            if self.skip(what.trim().to_owned()) {
                self.not_passed += 1;
            }
            return;
        }
        if let Some((_, what)) = line.split_once(DOES_NOT_APPLY) {
            self.not_passed += 1;
            let why = what.split_once(": ").map_or(what, |it| it.1);
            self.tests.does_not_apply.push(why.trim().to_owned());
            return;
        }
        if let Some((name, why)) = ignored(line) {
            // Another test starts these in a process of their own: they are parts of it.
            if !why.contains("process") {
                let why = if why.is_empty() { "ignored" } else { why };
                self.skip(format!("{name}: {why}"));
            }
        } else if let Some((name, why)) = line.split_once(" ... skipped ") {
            let why = why.trim_matches(['\'', '"']);
            self.tests.not_run.insert(format!("{}: {why}", name.trim()));
        }
        let failed = (line.strip_prefix("test ").and_then(|it| it.strip_suffix(" ... FAILED")))
            .or_else(|| line.strip_prefix("FAIL: "))
            .or_else(|| line.strip_prefix("ERROR: "));
        self.tests.failed.extend(failed.map(str::to_owned));
        // With --no-fail-fast cargo ends with `error: 2 targets failed:` and a line for each.
        let program = line.strip_prefix("    `-p ").and_then(|it| it.strip_suffix('`'));
        if let (true, Some(program)) = (self.listing, program) {
            self.tests.failed.insert(format!("(program) {program}"));
        } else {
            self.listing = line.starts_with("error: ") && line.ends_with(" failed:");
        }
    }

    /// `ok. 12 passed; 0 failed; 1 ignored; …`, the end of one program.
    fn libtest(&mut self, text: &str) {
        let mut counts = plain(text);
        let not_passed = std::mem::take(&mut self.not_passed).min(counts.passed);
        counts.passed -= not_passed;
        // Those ignored have been counted with their reasons.
        counts.skipped = 0;
        self.tests.counts += counts;
    }

    /// Counts a test that was not run, unless it is known already.
    fn skip(&mut self, what: String) -> bool {
        let is_new = self.tests.not_run.insert(what);
        self.tests.counts.skipped += u64::from(is_new);
        is_new
    }

    /// `OK`, `OK (skipped=1)`, `FAILED (failures=1, errors=2, skipped=1)`.
    fn unittest(&mut self, ran: u64, line: &str) {
        let (mut failed, mut skipped) = (0, 0);
        for part in line.split(['(', ',', ')']) {
            match part.trim().split_once('=') {
                Some(("failures" | "errors" | "unexpected successes", n)) => {
                    failed += first_number(n);
                }
                Some(("skipped" | "expected failures", n)) => skipped += first_number(n),
                _ => {}
            }
        }
        self.tests.counts.passed += ran.saturating_sub(failed + skipped);
        self.tests.counts.failed += failed;
        self.tests.counts.skipped += skipped;
        self.ran = None;
    }
}

/// The name and the reason in `test NAME ... ignored, REASON`.
fn ignored(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.strip_prefix("test ")?.split_once(" ... ignored")?;
    Some((name, rest.trim_start_matches(", ").trim()))
}

/// `12 passed, 0 failed, 1 skipped`, and libtest's like.
fn plain(text: &str) -> Counts {
    let (mut counts, mut before) = (Counts::default(), 0);
    for word in text.split(|c: char| !c.is_ascii_alphanumeric()) {
        match word {
            "passed" => counts.passed += before,
            "failed" => counts.failed += before,
            "skipped" | "ignored" => counts.skipped += before,
            _ => before = word.parse().unwrap_or(0),
        }
    }
    counts
}

fn first_number(text: &str) -> u64 {
    text.split(|c: char| !c.is_ascii_digit()).find_map(|it| it.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Tests {
        let mut tally = Tally::default();
        text.lines().for_each(|line| tally.line(line));
        tally.tests()
    }

    fn count(text: &str) -> Counts {
        read(text).counts
    }

    fn names(set: &BTreeSet<String>) -> Vec<&str> {
        set.iter().map(String::as_str).collect()
    }

    #[test]
    fn cargo_test_lines_add_up() {
        let text = "running 3 tests\ntest a ... ok\ntest b ... FAILED\ntest c - should panic ... ok\n\
            test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; done\n\
            test result: FAILED. 2 passed; 4 failed; 0 ignored; 0 measured; 9 filtered out\n\
            error: 2 targets failed:\n    `-p a --test b`\n    `-p a --lib`\n`-p x`";
        let tests = read(text);
        assert_eq!(tests.counts, Counts { passed: 5, failed: 4, skipped: 0 });
        let failed = ["(program) a --lib", "(program) a --test b", "b"];
        assert_eq!(names(&tests.failed), failed);
    }

    #[test]
    fn what_could_not_be_tried_is_no_success() {
        let text = "[not run] a::b: no mount here\ntest b ... ok\ntest c ... ok\n\
            test d ... ignored, needs a printer\ntest e ... ignored\n\
            test f ... ignored, the process that other tests start\n\
            [does not apply] a::x: the store says: no lists\ntest x ... ok\n\
            test result: ok. 3 passed; 0 failed; 3 ignored; 0 measured; 0 filtered out\n\
            test g ... [not run] b::g: no network\nok\n[not run] b::g: no network\n\
            test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out";
        let tests = read(text);
        assert_eq!(tests.counts, Counts { passed: 2, failed: 0, skipped: 4 });
        let not_run =
            ["a::b: no mount here", "b::g: no network", "d: needs a printer", "e: ignored"];
        assert_eq!(names(&tests.not_run), not_run);
        assert_eq!(tests.does_not_apply, ["the store says: no lists"]);
    }

    #[test]
    fn unittest_lines_are_read_together() {
        let text = "test_a (m.A.test_a) ... skipped 'no browser'\n\
            FAIL: test_b (m.A.test_b)\nERROR: test_c (m.A.test_c)\n\
            Ran 7 tests in 1.204s\n\nFAILED (failures=1, errors=2, skipped=1)";
        let tests = read(text);
        assert_eq!(tests.counts, Counts { passed: 3, failed: 3, skipped: 1 });
        assert_eq!(names(&tests.not_run), ["test_a (m.A.test_a): no browser"]);
        assert_eq!(names(&tests.failed), ["test_b (m.A.test_b)", "test_c (m.A.test_c)"]);
        assert_eq!(count("Ran 1 test in 0.1s\n\nOK"), Counts { passed: 1, failed: 0, skipped: 0 });
        let none = "Ran 0 tests in 0.1s\n\nOK (skipped=2)";
        assert_eq!(count(none), Counts { passed: 0, failed: 0, skipped: 2 });
    }

    #[test]
    fn the_plain_line_is_read_and_lookalikes_are_not() {
        let text = "12 passed, 1 failed, 2 skipped\nOK then\na test passed, so did 3";
        assert_eq!(count(text), Counts { passed: 12, failed: 1, skipped: 2 });
        let parts = "one: 3 passed, 1 failed\ntwo: 4 passed, 0 failed\ntotal: 7 passed, 1 failed";
        assert_eq!(count(parts), Counts { passed: 7, failed: 1, skipped: 0 });
    }
}
