//! The one place where this binary prints.
//!
//! It must never decide what is said, only where it goes.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is the binary's only printer")]

/// Prints what was asked for.
pub(crate) fn text(text: &str) {
    print!("{text}");
}

/// Prints why nothing was done.
pub(crate) fn complaint(line: &str) {
    eprintln!("{line}");
}
