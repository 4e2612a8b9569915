//! Reading how many tests ran out of what test runners print.

use std::fmt;
use std::ops::AddAssign;

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

/// Adds up the closing lines of cargo test, Python's unittest, and plain `N passed, N failed`.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counts: Counts,
    /// unittest says how many ran on one line and how many of them failed on a later one.
    ran: u64,
}

impl Tally {
    /// Takes one line of output.
    pub(crate) fn line(&mut self, line: &str) {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("test result:") {
            self.plain(rest);
        } else if let Some(rest) = line.strip_prefix("Ran ") {
            self.ran = first_number(rest);
        } else if self.ran > 0 && (line.starts_with("OK") || line.starts_with("FAILED")) {
            self.unittest(line);
        } else {
            // Lines with another word in front are parts of the total.
            let line = line.strip_prefix("total: ").unwrap_or(line);
            if line.starts_with(|c: char| c.is_ascii_digit()) && line.contains(" passed, ") {
                self.plain(line);
            }
        }
    }

    /// What has been counted.
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// `ok. 12 passed; 0 failed; 1 ignored; …` and `12 passed, 0 failed, 1 skipped`.
    fn plain(&mut self, text: &str) {
        let mut before = 0;
        for word in text.split(|c: char| !c.is_ascii_alphanumeric()) {
            match word {
                "passed" => self.counts.passed += before,
                "failed" => self.counts.failed += before,
                "skipped" | "ignored" => self.counts.skipped += before,
                _ => before = word.parse().unwrap_or(0),
            }
        }
    }

    /// `OK`, `OK (skipped=1)`, `FAILED (failures=1, errors=2, skipped=1)`.
    fn unittest(&mut self, line: &str) {
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
        self.counts.passed += self.ran.saturating_sub(failed + skipped);
        self.counts.failed += failed;
        self.counts.skipped += skipped;
        self.ran = 0;
    }
}

fn first_number(text: &str) -> u64 {
    text.split(|c: char| !c.is_ascii_digit()).find_map(|it| it.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> Counts {
        let mut tally = Tally::default();
        text.lines().for_each(|line| tally.line(line));
        tally.counts()
    }

    #[test]
    fn cargo_test_lines_add_up() {
        let text = "running 3 tests\ntest a ... ok\n\
            test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; done\n\
            test result: FAILED. 2 passed; 4 failed; 0 ignored; 0 measured; 9 filtered out";
        assert_eq!(count(text), Counts { passed: 5, failed: 4, skipped: 1 });
    }

    #[test]
    fn unittest_lines_are_read_together() {
        let text = "Ran 7 tests in 1.204s\n\nFAILED (failures=1, errors=2, skipped=1)";
        assert_eq!(count(text), Counts { passed: 3, failed: 3, skipped: 1 });
        assert_eq!(count("Ran 1 test in 0.1s\n\nOK"), Counts { passed: 1, failed: 0, skipped: 0 });
    }

    #[test]
    fn the_plain_line_is_read_and_lookalikes_are_not() {
        let text = "12 passed, 1 failed, 2 skipped\nOK then\na test passed, so did 3";
        assert_eq!(count(text), Counts { passed: 12, failed: 1, skipped: 2 });
        let parts = "one: 3 passed, 1 failed\ntwo: 4 passed, 0 failed\ntotal: 7 passed, 1 failed";
        assert_eq!(count(parts), Counts { passed: 7, failed: 1, skipped: 0 });
    }
}
