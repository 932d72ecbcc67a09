//! Texts told word by word, each word after its own time.
//!
//! It must never lose a word: what is told is the whole text.

use std::time::Duration;

use crate::Pace;
use crate::completion::Choice;
use crate::text::tokens;

/// A word of each choice in turn, until all are told.
pub(crate) fn told_in_turn<'a>(
    choices: &'a [Choice],
    pace: Pace,
    text: impl Fn(&'a Choice) -> &'a str,
) -> Vec<(Duration, &'a Choice, &'a str)> {
    let mut left: Vec<_> =
        choices.iter().map(|choice| (choice, text(choice).split_inclusive(' '))).collect();
    let mut told = Vec::new();
    while !left.is_empty() {
        left.retain_mut(|(choice, words)| match words.next() {
            Some(word) => {
                let count = u32::try_from(tokens(word)).unwrap_or(u32::MAX);
                told.push((pace.per_token().saturating_mul(count), *choice, word));
                true
            }
            None => false,
        });
    }
    told
}
