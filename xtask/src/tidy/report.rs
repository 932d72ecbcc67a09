//! What the rules find, and how it is printed.
//!
//! It must never hold a finding without a way to mend it.

use std::fmt;
use std::path::{Path, PathBuf};

/// One breach of a rule, at one line (1-based) of one file (relative to the workspace).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    path: PathBuf,
    line: usize,
    wrong: String,
    mend: String,
}

impl Finding {
    /// `wrong` says what is wrong, `mend` what to do about it: lower case, no full stop.
    pub(crate) fn new(
        path: &Path,
        line: usize,
        wrong: impl Into<String>,
        mend: impl Into<String>,
    ) -> Finding {
        Finding { path: path.to_path_buf(), line, wrong: wrong.into(), mend: mend.into() }
    }

    /// The finding with the name of the rule that made it.
    pub(crate) fn under(self, rule: &'static str) -> Violation {
        Violation { finding: self, rule }
    }
}

/// A finding and the rule that made it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    finding: Finding,
    rule: &'static str,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { path, line, wrong, mend } = &self.finding;
        write!(f, "{}:{line}: {}: {wrong}; {mend}", path.display(), self.rule)
    }
}

/// All violations, and the table of sizes.
#[derive(Debug)]
pub(crate) struct Report {
    /// Sorted by place.
    pub(crate) violations: Vec<Violation>,
    /// One row a crate, and the total.
    pub(crate) table: String,
}

impl Report {
    /// Is there nothing to mend?
    pub(crate) fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for violation in &self.violations {
            writeln!(f, "{violation}")?;
        }
        writeln!(f, "{}", self.table)?;
        match self.violations.len() {
            0 => writeln!(f, "tidy"),
            1 => writeln!(f, "1 violation"),
            many => writeln!(f, "{many} violations"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_is_one_line_with_place_rule_wrong_and_mend() {
        let found = Finding::new(Path::new("a/b.rs"), 7, "b is wrong", "mend b");
        assert_eq!(found.under("rule").to_string(), "a/b.rs:7: rule: b is wrong; mend b");
    }

    #[test]
    fn a_report_with_a_violation_is_not_clean() {
        let found = Finding::new(Path::new("a.rs"), 1, "wrong", "mend").under("rule");
        let report = Report { violations: vec![found], table: String::new() };
        assert!(!report.is_clean());
        assert!(report.to_string().ends_with("1 violation\n"));
    }
}
