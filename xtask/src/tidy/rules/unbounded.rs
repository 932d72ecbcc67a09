//! Words that stand for something without an end: queues without a limit, work left for later,
//! silenced lints and tests.
//!
//! It must never write such a word whole: then it would find itself.

use super::Rule;
use crate::tidy::house::House;
use crate::tidy::report::Finding;
use crate::tidy::source::Source;

/// A word, and what to write in its place.
struct Banned {
    word: &'static str,
    mend: &'static str,
}

const LATER: &str = "do it now, or write it down where the work is planned";
const QUEUE: &str = "give the queue a named limit";

const BANNED: &[Banned] = &[
    Banned { word: concat!("unbounded", "_channel"), mend: QUEUE },
    Banned { word: concat!("mpsc::", "channel()"), mend: QUEUE },
    Banned { word: concat!("#[", "ignore"), mend: "mend the test or delete it" },
    Banned { word: concat!("#[", "allow("), mend: "use `#[expect(…, reason = \"…\")]`" },
    Banned { word: concat!("#![", "allow("), mend: "use `#![expect(…, reason = \"…\")]`" },
    Banned { word: concat!("to", "do!"), mend: LATER },
    Banned { word: concat!("TO", "DO"), mend: LATER },
    Banned { word: concat!("FIX", "ME"), mend: LATER },
    Banned { word: concat!("XX", "X"), mend: LATER },
];

/// Nothing without a limit, nothing left open.
pub(crate) struct Unbounded;

impl Rule for Unbounded {
    fn name(&self) -> &'static str {
        "unbounded"
    }

    fn findings(&self, house: &House) -> Vec<Finding> {
        house.sources().flat_map(of_source).collect()
    }
}

fn of_source(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in source.text.lines().enumerate() {
        for Banned { word, mend } in BANNED.iter().filter(|banned| holds(line, banned.word)) {
            findings.push(Finding::new(&source.path, index + 1, format!("`{word}`"), *mend));
        }
    }
    findings
}

/// Does the line hold the word, and not as a part of a longer one?
fn holds(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at + word.len()..).and_then(|text| text.chars().next());
        !joins(before, word.chars().next()) && !joins(word.chars().next_back(), after)
    })
}

/// Do two neighbouring characters belong to one word?
fn joins(left: Option<char>, right: Option<char>) -> bool {
    let is_word = |one: Option<char>| one.is_some_and(|c| c.is_alphanumeric() || c == '_');
    is_word(left) && is_word(right)
}

#[cfg(test)]
mod tests {
    use super::super::found;
    use super::*;

    const FILE: &str = "crates/a/src/lib.rs";

    #[test]
    fn each_banned_word_is_found_in_comments_and_code() {
        for Banned { word, .. } in BANNED {
            let text = format!("//! head\n// a {word} b\n");
            assert_eq!(found(&Unbounded, [(FILE, &text)]), [format!("{FILE}:2: `{word}`")]);
        }
    }

    #[test]
    fn a_part_of_a_longer_word_is_fine() {
        let text = format!("// {}S a{}\n", concat!("TO", "DO"), concat!("XX", "X"));
        assert!(found(&Unbounded, [(FILE, &text)]).is_empty());
    }
}
