//! Adds up what the test binaries say in their closing lines.

use std::fmt;

/// Sums over all binaries of a run.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tally {
    passed: u64,
    failed: u64,
    ignored: u64,
    /// Something failed that no closing line counts: a crash, a binary that does not compile.
    failed_otherwise: bool,
}

impl Tally {
    /// Takes `test result: ok. 12 passed; 0 failed; 1 ignored; …`; other lines are none of its business.
    pub fn read(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else { return };
        let counts = result.split_once(". ").map_or(result, |(_, counts)| counts);
        for part in counts.split(';') {
            let mut words = part.split_whitespace();
            let (Some(Ok(count)), Some(kind)) = (words.next().map(str::parse::<u64>), words.next()) else {
                continue;
            };
            match kind {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.ignored += count,
                _ => {}
            }
        }
    }

    /// The run as a whole failed.
    pub fn note_failure(&mut self) {
        self.failed_otherwise = self.failed == 0;
    }

    /// Nothing failed.
    pub fn is_green(&self) -> bool {
        self.failed == 0 && !self.failed_otherwise
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = self.failed + u64::from(self.failed_otherwise);
        write!(f, "{} passed, {failed} failed, {} skipped", self.passed, self.ignored)
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn adds_up_closing_lines() {
        let mut tally = Tally::default();
        tally.read("running 3 tests");
        tally.read("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s");
        tally.read("test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s");
        assert!(tally.is_green());
        assert_eq!(tally.to_string(), "17 passed, 0 failed, 1 skipped");
        tally.read("test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s");
        tally.note_failure();
        assert!(!tally.is_green());
        assert_eq!(tally.to_string(), "18 passed, 2 failed, 1 skipped");
    }

    #[test]
    fn a_run_that_died_is_not_green() {
        let mut tally = Tally::default();
        tally.note_failure();
        assert!(!tally.is_green());
        assert_eq!(tally.to_string(), "0 passed, 1 failed, 0 skipped");
    }
}
