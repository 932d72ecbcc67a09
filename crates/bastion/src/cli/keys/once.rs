//! A new key, printed once.
//!
//! It must never print the key twice, nor anything else to stdout.

use crate::out;

/// The new key on a line of its own: the only line of stdout, so that `KEY=$(…)` works.
pub(super) fn print_once(api_key: &str, before: &str, after: &str) {
    out::note(before);
    out::line(api_key);
    out::note(after);
}
