//! How many prompts a field holds: a text, texts, tokens, or lists of tokens.
//!
//! It must never keep a prompt: it only counts.

use std::fmt;

use bastion_types::Refusal;
use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use super::slots::{Field, Slots, wrong_type};

/// Most prompts of one call. Source: OpenAI's reference, embeddings.
const MAX_PROMPTS: u64 = 2048;

const EXPECTED: &str =
    "a string, a list of strings, a list of tokens, or a list of lists of tokens; none empty";

/// How many prompts the field holds.
///
/// # Errors
/// 400 when it is missing, of another type, empty, or holds too many.
pub(super) fn prompts(slots: &Slots<'_>, field: Field) -> Result<u64, Refusal> {
    let value = slots.required(field)?;
    let Prompts(count) =
        serde_json::from_str(value.get()).map_err(|_| wrong_type(field, EXPECTED))?;
    if count > MAX_PROMPTS {
        let message = format!(
            "'{}' holds {count} entries, and {MAX_PROMPTS} is the most; send several calls",
            field.name()
        );
        return Err(Refusal::invalid_field(field.name(), message));
    }
    Ok(count)
}

struct Prompts(u64);

impl<'de> Deserialize<'de> for Prompts {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Prompts, D::Error> {
        from.deserialize_any(PromptsVisitor)
    }
}

struct PromptsVisitor;

impl<'de> Visitor<'de> for PromptsVisitor {
    type Value = Prompts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Prompts, E> {
        Ok(Prompts(1))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Prompts, A::Error> {
        let Some(first) = list.next_element::<Entry>()? else {
            return Err(A::Error::custom("empty"));
        };
        let mut count = 1_u64;
        while let Some(entry) = list.next_element::<Entry>()? {
            if entry != first {
                return Err(A::Error::custom("mixed"));
            }
            count = count.saturating_add(1);
        }
        Ok(Prompts(if first == Entry::Token { 1 } else { count }))
    }
}

/// What an entry of the list is.
#[derive(PartialEq, Eq)]
enum Entry {
    Text,
    Token,
    Tokens,
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Entry, D::Error> {
        from.deserialize_any(EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = Entry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Entry, E> {
        Ok(Entry::Text)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Entry, E> {
        Ok(Entry::Token)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Entry, A::Error> {
        let mut is_empty = true;
        while list.next_element::<u32>()?.is_some() {
            is_empty = false;
        }
        if is_empty { Err(A::Error::custom("empty")) } else { Ok(Entry::Tokens) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(value: &str) -> Result<u64, Refusal> {
        let body = format!(r#"{{"prompt":{value}}}"#);
        prompts(&Slots::read(body.as_bytes(), &[Field::Prompt]).unwrap(), Field::Prompt)
    }

    #[test]
    fn each_form_has_its_count() {
        for (value, expect) in [
            (r#""a""#, 1),
            (r#"["a"]"#, 1),
            (r#"["a","b\n","c"]"#, 3),
            ("[1,2,3]", 1),
            ("[[1],[2,3]]", 2),
        ] {
            assert_eq!(counted(value), Ok(expect), "{value}");
        }
    }

    #[test]
    fn another_form_is_refused_and_never_repeated() {
        for value in
            ["[]", "5", "{}", "true", "[[]]", r#"["secret",1]"#, "[1,[2]]", "[-1]", "[1.5]"]
        {
            let refusal = counted(value).unwrap_err();
            assert_eq!((refusal.status(), refusal.param()), (400, Some("prompt")), "{value}");
            let message = refusal.message();
            assert!(message.contains("a list of tokens") && !message.contains("secret"));
        }
    }

    #[test]
    fn there_is_a_most() {
        let list = |count: usize| format!("[{}]", vec!["\"a\""; count].join(","));
        assert_eq!(counted(&list(2048)), Ok(2048));
        let told = counted(&list(10_000)).unwrap_err().message().into_owned();
        assert!(told.contains("holds 10000 entries, and 2048 is the most"), "{told}");
    }
}
