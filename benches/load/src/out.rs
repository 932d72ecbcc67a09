//! What the harness prints: results to stdout, progress to stderr.
//!
//! It must never mix the two.

use std::io::Write;

/// A line of results.
pub(crate) fn line(text: &str) {
    // A closed stdout leaves nobody to tell.
    writeln!(std::io::stdout().lock(), "{text}").ok();
}

/// A line of progress.
pub(crate) fn progress(text: &str) {
    writeln!(std::io::stderr().lock(), "{text}").ok();
}
