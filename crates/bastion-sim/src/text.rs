//! Words and token counts that follow from the dice alone.
//!
//! It must never repeat what a prompt says, and never read like a real answer.

use std::ops::RangeInclusive;

use crate::dice::Dice;

/// The `created` of every object, seconds since 1970: fixed, so that answers are the same.
pub(crate) const CREATED_S: i64 = 1_795_435_200;
/// The `system_fingerprint` of every answer.
pub(crate) const FINGERPRINT: &str = "simulated";
/// Bytes of text that count as one token.
pub(crate) const BYTES_PER_TOKEN: usize = 4;
/// Words of one sentence: at least so many, and up to so many more.
const SENTENCE_WORDS: (u64, u64) = (6, 9);
const WORDS: [&str; 48] = [
    "a",
    "and",
    "answer",
    "any",
    "are",
    "as",
    "berth",
    "bollard",
    "by",
    "calm",
    "channel",
    "chart",
    "crew",
    "deck",
    "each",
    "ebb",
    "ferry",
    "fog",
    "follow",
    "from",
    "gauge",
    "harbour",
    "hull",
    "in",
    "jetty",
    "keel",
    "lantern",
    "ledger",
    "mast",
    "model",
    "no",
    "of",
    "only",
    "pilot",
    "plank",
    "quay",
    "réserve",
    "rope",
    "sail",
    "seed",
    "simulated",
    "slack",
    "the",
    "tide",
    "to",
    "with",
    "without",
    "word",
];

/// Tokens of a text: its bytes over 4, rounded up.
pub(crate) fn tokens(text: &str) -> u64 {
    len(text.len().div_ceil(BYTES_PER_TOKEN))
}

/// A length as a count.
pub(crate) fn len(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// The longest begin of `text` that is at most `most` tokens; whole characters.
pub(crate) fn cut_to(text: &str, most: u64) -> &str {
    let bytes = usize::try_from(most).unwrap_or(usize::MAX).saturating_mul(BYTES_PER_TOKEN);
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}

/// A text that begins with `opening` and has as many words as the dice say.
pub(crate) fn written(dice: &mut Dice, words: &RangeInclusive<u32>, opening: &str) -> String {
    let span = u64::from(words.end().saturating_sub(*words.start())).saturating_add(1);
    let wanted = u64::from(*words.start()).saturating_add(dice.below(span));
    let opened = len(opening.split(' ').count());
    let mut text = opening.to_owned();
    let mut left = wanted.saturating_sub(opened);
    while left > 0 {
        let (fewest, more) = SENTENCE_WORDS;
        let length = fewest.saturating_add(dice.below(more)).min(left);
        sentence(dice, &mut text, length);
        left = left.saturating_sub(length);
    }
    text
}

fn sentence(dice: &mut Dice, text: &mut String, words: u64) {
    for number in 0..words {
        let place = usize::try_from(dice.below(len(WORDS.len()))).unwrap_or_default();
        let word = WORDS.get(place).copied().unwrap_or_default();
        text.push(' ');
        let mut letters = word.chars();
        match letters.next() {
            Some(first) if number == 0 => text.extend(first.to_uppercase()),
            Some(first) => text.push(first),
            None => {}
        }
        text.push_str(letters.as_str());
    }
    text.push('.');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_as_many_words_as_were_asked_for() {
        for seed in 0..200 {
            let text = written(&mut Dice::new(seed, b""), &(20..=120), "This is simulated.");
            let words = text.split(' ').count();
            assert!((20..=120).contains(&words), "{words}: {text}");
            assert!(text.ends_with('.'));
        }
    }

    #[test]
    fn a_cut_text_fits_and_keeps_its_characters() {
        assert_eq!(cut_to("abcdefghi", 2), "abcdefgh");
        assert_eq!(cut_to("abcé", 1), "abc");
        assert_eq!(cut_to("abc", 9), "abc");
        assert_eq!(cut_to("abc", 0), "");
        assert_eq!((tokens(""), tokens("a"), tokens("abcd"), tokens("abcde")), (0, 1, 1, 2));
    }
}
