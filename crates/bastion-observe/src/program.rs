//! A program's name from its user agent: without versions, machines and whatever else changes.
//!
//! It must never keep what could be a secret: everything goes through the redactor first.

use crate::Redactor;

/// Where no program says its name.
const NAMELESS: &str = "(no user agent)";

/// Bytes of a user agent that are looked at.
const MAX_READ_BYTES: usize = 512;

/// Words of a name.
const MAX_WORDS: usize = 6;

/// Letters of a word; a longer one is no program's.
const MAX_WORD_LETTERS: usize = 40;

/// The name: products without their versions, without what stands in brackets.
pub(crate) fn program(user_agent: Option<&[u8]>, redactor: &Redactor) -> String {
    let bytes = user_agent.unwrap_or_default();
    let text = String::from_utf8_lossy(bytes.get(..MAX_READ_BYTES).unwrap_or(bytes));
    let clean = redactor.redact(&text);
    let outside = without_brackets(&clean);
    let words = outside.split_whitespace().filter_map(product).take(MAX_WORDS);
    let name = words.collect::<Vec<_>>().join(" ");
    if name.is_empty() { NAMELESS.to_owned() } else { name }
}

/// `OpenAI/Python` of `OpenAI/Python 1.2.3`; nothing of a version alone.
fn product(word: &str) -> Option<String> {
    let parts = word.split('/').filter(|part| !is_version(part));
    let name = parts.collect::<Vec<_>>().join("/");
    let letter = |c: char| c.is_ascii_alphanumeric() || "/._-+@".contains(c);
    let name: String = name.chars().filter(|c| letter(*c)).take(MAX_WORD_LETTERS).collect();
    (!name.is_empty()).then_some(name)
}

/// Does it begin as versions do: `1.2.3`, `v20`, or is it a long number?
fn is_version(part: &str) -> bool {
    let digits = part.strip_prefix(['v', 'V']).unwrap_or(part);
    digits.is_empty() || digits.starts_with(|c: char| c.is_ascii_digit())
}

fn without_brackets(text: &str) -> String {
    let mut depth = 0_u32;
    let mut outside = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '(' => depth = depth.saturating_add(1),
            ')' => depth = depth.saturating_sub(1),
            letter if depth == 0 => outside.push(letter),
            _ => {}
        }
    }
    outside
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(user_agent: &str, expect: &str) {
        assert_eq!(
            program(Some(user_agent.as_bytes()), &Redactor::default()),
            expect,
            "{user_agent}"
        );
    }

    #[test]
    fn a_program_keeps_its_name_and_loses_its_version() {
        check("OpenAI/Python 1.109.1", "OpenAI/Python");
        check("AsyncOpenAI/Python 2.0.0", "AsyncOpenAI/Python");
        check("OpenAI/JS 5.1.0", "OpenAI/JS");
        check("OpenAI/Go 3.0.0", "OpenAI/Go");
        check("curl/8.5.0", "curl");
        check("python-requests/2.31.0", "python-requests");
        check("node/v20.11", "node");
        check(
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0",
            "Mozilla AppleWebKit Chrome",
        );
        check("", NAMELESS);
        check("1.2.3", NAMELESS);
        assert_eq!(program(None, &Redactor::default()), NAMELESS);
    }

    #[test]
    fn a_key_or_a_flood_in_the_name_is_not_kept() {
        let key = format!("bst_prod_{}", "a".repeat(61));
        let name = program(Some(format!("tool {key}").as_bytes()), &Redactor::default());
        assert!(!name.contains("bst_prod"), "{name}");
        let flood = "x ".repeat(10_000);
        assert_eq!(program(Some(flood.as_bytes()), &Redactor::default()), "x x x x x x");
        assert!(program(Some("y".repeat(9_999).as_bytes()), &Redactor::default()).len() <= 40);
        check("a\u{1b}[2Jb", "a2Jb");
    }
}
