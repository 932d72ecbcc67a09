//! Hides what could be a secret in text that is about to be shown, keeping its length.
//!
//! It must never change a text's length in bytes or characters: places point into it.

pub(crate) mod file;

/// What is known to begin a key, and the least number of key characters behind it.
const KEY_PREFIXES: [(&str, usize); 8] = [
    ("bst_", 4),
    ("qbt_", 4),
    ("sk-", 8),
    ("sk_", 8),
    ("ghp_", 8),
    ("xoxb-", 8),
    ("AKIA", 12),
    ("eyJ", 12),
];

/// So many letters and digits without a break, both kinds among them, are a key and not a word.
const LEAST_KEY_RUN_CHARS: usize = 20;

/// Hides keys and the credentials of URLs, wherever they stand.
pub(crate) fn keys(text: &str) -> String {
    let mut hide = vec![false; text.len()];
    mark_prefixed(text, &mut hide);
    mark_runs(text, &mut hide);
    mark_credentials(text, &mut hide);
    apply(text, &hide)
}

/// Hides all of it.
pub(crate) fn whole(text: &str) -> String {
    text.chars().map(stand_in).collect()
}

/// Hides all of a URL in which a secret could stand: before the last '@', behind '?' or '#'.
pub(crate) fn url(text: &str) -> String {
    let mut hide = vec![false; text.len()];
    let begin = text.find("://").map_or(0, |at| at + 3);
    if let Some(at) = text.rfind('@') {
        mark(&mut hide, begin.min(at), at);
    }
    if let Some(at) = text.find(['?', '#']) {
        mark(&mut hide, at + 1, text.len());
    }
    keys(&apply(text, &hide))
}

fn mark_prefixed(text: &str, hide: &mut [bool]) {
    for (prefix, least) in KEY_PREFIXES {
        for (at, _) in text.match_indices(prefix) {
            if hide.get(at) == Some(&true) {
                continue;
            }
            let begin = at + prefix.len();
            let length = run_length(text, begin, |byte| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
            });
            if length >= least && (prefix.ends_with('_') || begins_a_word(text, at)) {
                mark(hide, begin, begin + length);
            }
        }
    }
}

fn begins_a_word(text: &str, at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| text.as_bytes().get(before));
    !before.is_some_and(u8::is_ascii_alphanumeric)
}

fn mark_runs(text: &str, hide: &mut [bool]) {
    let mut at = 0;
    while at < text.len() {
        let length = run_length(text, at, |byte| byte.is_ascii_alphanumeric());
        let run = text.get(at..at + length).unwrap_or_default();
        let mixed = run.bytes().any(|byte| byte.is_ascii_digit())
            && run.bytes().any(|byte| byte.is_ascii_alphabetic());
        if mixed && length >= LEAST_KEY_RUN_CHARS {
            mark(hide, at, at + length);
        }
        at += length.max(1);
    }
}

/// `scheme://user:password@host`: all between the slashes and the last '@' of the word.
fn mark_credentials(text: &str, hide: &mut [bool]) {
    let mut read_to = 0;
    for (at, _) in text.match_indices("://") {
        if at < read_to {
            continue;
        }
        let begin = at + 3;
        let length = run_length(text, begin, |byte| {
            !byte.is_ascii_whitespace() && !matches!(byte, b'"' | b'\'')
        });
        let word = text.get(begin..begin + length).unwrap_or_default();
        read_to = begin + length;
        if let Some(end) = word.rfind('@') {
            mark(hide, begin, begin + end);
        }
    }
}

fn run_length(text: &str, from: usize, belongs: impl Fn(u8) -> bool) -> usize {
    text.bytes().skip(from).take_while(|byte| belongs(*byte)).count()
}

fn mark(hide: &mut [bool], begin: usize, end: usize) {
    for flag in hide.iter_mut().take(end).skip(begin) {
        *flag = true;
    }
}

fn apply(text: &str, hide: &[bool]) -> String {
    let hidden = |at: usize| hide.get(at).copied().unwrap_or(true);
    text.char_indices().map(|(at, c)| if hidden(at) { stand_in(c) } else { c }).collect()
}

/// A character of the same length in bytes.
fn stand_in(hidden: char) -> char {
    match hidden.len_utf8() {
        1 => '*',
        2 => '\u{b7}',
        3 => '\u{2022}',
        _ => '\u{10102}',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        assert_eq!(keys(text), expect);
        assert_eq!(expect.len(), text.len());
    }

    #[test]
    fn keys_are_hidden_wherever_they_stand() {
        check("say qbt_live12345 now", "say qbt_********* now");
        check("bst_prod_AbC", "bst_********");
        check("sk-proj-abcdefgh", "sk-*************");
        check("a task-forced-word", "a task-forced-word");
        check("0123456789abcdef0123", "********************");
        check("Mistral-Small-3.2-24B-Instruct-2506", "Mistral-Small-3.2-24B-Instruct-2506");
    }

    #[test]
    fn a_urls_credentials_are_hidden() {
        check("postgres://me:p@ss@db/x", "postgres://*******@db/x");
        check("https://api.qubittron.ai/v1", "https://api.qubittron.ai/v1");
        assert_eq!(url("https//me:pw@host/v1?k=v"), "************@host/v1?***");
    }

    #[test]
    fn what_is_hidden_keeps_its_length() {
        for text in ["é", "漢", "𝄞", "a\tb"] {
            assert_eq!(whole(text).len(), text.len());
            assert_eq!(whole(text).chars().count(), text.chars().count());
        }
    }
}
