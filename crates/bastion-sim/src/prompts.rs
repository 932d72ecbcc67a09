//! Prompts in their four forms: a text, texts, tokens, lists of tokens.
//!
//! An error must never repeat what a prompt says.

use serde_json::Value;

use crate::refused::Refused;
use crate::text::len;
use crate::text_request::PromptSize;

/// Most prompts of one request. Source: OpenAI's reference, embeddings.
const MAX_PROMPTS: usize = 2048;

/// One prompt.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Prompt {
    /// What its answer follows from: the text, or the tokens.
    pub(crate) bytes: Vec<u8>,
    pub(crate) size: PromptSize,
}

/// Reads the prompts of a field; at least one.
pub(crate) fn prompts(value: Option<&Value>, param: &'static str) -> Result<Vec<Prompt>, Refused> {
    let read = match value {
        Some(Value::String(text)) => Some(vec![of_text(text)]),
        Some(Value::Array(list)) if list.len() > MAX_PROMPTS && !is_tokens(list) => {
            let message = format!("'{param}' holds too many entries; send at most {MAX_PROMPTS}");
            return Err(Refused::field(param, message));
        }
        Some(Value::Array(list)) if is_tokens(list) => of_tokens(list).map(|one| vec![one]),
        Some(Value::Array(list)) => list.iter().map(entry).collect(),
        _ => None,
    };
    read.filter(|prompts| !prompts.is_empty()).ok_or_else(|| {
        let message =
            format!("'{param}' is a text, a list of texts, tokens, or lists of tokens; none empty");
        Refused::field(param, message)
    })
}

fn is_tokens(list: &[Value]) -> bool {
    list.first().is_some_and(Value::is_u64)
}

fn entry(value: &Value) -> Option<Prompt> {
    let text = value.as_str().map(of_text);
    text.or_else(|| value.as_array().and_then(|list| of_tokens(list)))
}

fn of_text(text: &str) -> Prompt {
    Prompt { bytes: text.as_bytes().to_vec(), size: PromptSize::of(len(text.len()), 0) }
}

fn of_tokens(list: &[Value]) -> Option<Prompt> {
    let tokens = list.iter().map(Value::as_u64).collect::<Option<Vec<_>>>()?;
    let bytes: Vec<u8> = tokens.iter().flat_map(|token| token.to_le_bytes()).collect();
    let size = PromptSize { bytes: 0, tokens: len(tokens.len()) };
    (!tokens.is_empty()).then_some(Prompt { bytes, size })
}

/// How large all of them are together.
pub(crate) fn size_of(prompts: &[Prompt]) -> PromptSize {
    prompts.iter().fold(PromptSize { bytes: 0, tokens: 0 }, |all, one| PromptSize {
        bytes: all.bytes.saturating_add(one.size.bytes),
        tokens: all.tokens.saturating_add(one.size.tokens),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(value: &str) -> Option<Vec<u64>> {
        let value: Value = serde_json::from_str(value).unwrap();
        let read = prompts(Some(&value), "input").ok()?;
        Some(read.iter().map(|prompt| prompt.size.tokens).collect())
    }

    #[test]
    fn each_form_is_read_and_others_are_not() {
        assert_eq!(tokens(r#""12345""#), Some(vec![2]));
        assert_eq!(tokens(r#"["1","12345"]"#), Some(vec![1, 2]));
        assert_eq!(tokens("[1,2,3]"), Some(vec![3]));
        assert_eq!(tokens("[[1,2],[3]]"), Some(vec![2, 1]));
        for wrong in ["[]", "5", "null", "[[]]", r#"["a",5]"#, "[1,\"a\"]", "[-1]", "{}"] {
            assert_eq!(tokens(wrong), None, "{wrong}");
        }
        assert_eq!(prompts(None, "input").unwrap_err().answer().status, 400);
        assert!(tokens(&format!("[{}1]", "1,".repeat(4000))).is_some());
        assert!(tokens(&format!("[{}\"\"]", "\"\",".repeat(2048))).is_none());
    }
}
