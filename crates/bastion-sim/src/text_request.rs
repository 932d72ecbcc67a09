//! What decides an answer of text, whatever the endpoint.
//!
//! It must never hold what the prompt says, only how much that is.

use serde_json::Value;

use crate::text::{BYTES_PER_TOKEN, len};

/// What an image in a prompt counts as.
const IMAGE_TOKENS: u64 = 85;
/// From so many tokens on a prompt counts as cached in part, in steps of `CACHE_STEP_TOKENS`.
const MIN_CACHED_PROMPT_TOKENS: u64 = 1024;
const CACHE_STEP_TOKENS: u64 = 128;

/// How the answer is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    Whole,
    Stream,
    StreamWithUsage,
}

/// What the text is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
}

impl Format {
    /// By the `type` of a `response_format`, or of what responses call `text.format`.
    pub(crate) fn of(format: Option<&Value>) -> Format {
        match format.and_then(|format| format.get("type")).and_then(Value::as_str) {
            Some("json_object" | "json_schema") => Format::Json,
            Some(_) | None => Format::Text,
        }
    }
}

#[derive(Debug)]
pub(crate) struct TextRequest {
    pub(crate) model: String,
    pub(crate) choices: u64,
    /// For each choice, reasoning included.
    pub(crate) max_tokens: Option<u64>,
    pub(crate) delivery: Delivery,
    pub(crate) format: Format,
    /// Does the model think before it answers here?
    pub(crate) thinks: bool,
    pub(crate) prompt: PromptSize,
}

/// How large a prompt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PromptSize {
    /// Bytes of its text.
    pub(crate) bytes: u64,
    pub(crate) tokens: u64,
}

impl PromptSize {
    /// Of text, and of images beside it.
    pub(crate) fn of(bytes: u64, images: u64) -> PromptSize {
        let tokens = bytes
            .div_ceil(len(BYTES_PER_TOKEN))
            .saturating_add(images.saturating_mul(IMAGE_TOKENS))
            .max(1);
        PromptSize { bytes, tokens }
    }

    /// Bytes of text and number of images in one `content`: a text, or a list of parts.
    pub(crate) fn parts(content: &Value) -> (u64, u64) {
        if let Some(text) = content.as_str() {
            return (len(text.len()), 0);
        }
        let parts = content.as_array().map(Vec::as_slice).unwrap_or_default();
        let texts = parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str));
        let images = parts.iter().filter(|part| part.get("image_url").is_some());
        (texts.map(|text| len(text.len())).fold(0, u64::saturating_add), len(images.count()))
    }

    /// Half of a long prompt: so that prices of cached input are met in tests.
    pub(crate) fn cached_tokens(self) -> u64 {
        if self.tokens < MIN_CACHED_PROMPT_TOKENS {
            return 0;
        }
        let half = self.tokens / 2;
        half.saturating_sub(half % CACHE_STEP_TOKENS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_a_long_prompt_is_cached() {
        assert_eq!(PromptSize::of(4 * 2000, 0).cached_tokens(), 896);
        assert_eq!(PromptSize::of(4 * 1023, 0).cached_tokens(), 0);
    }

    #[test]
    fn an_image_counts_as_much_as_a_sentence() {
        let content = serde_json::json!([{"text": "678"}, {"image_url": {}}]);
        let (bytes, images) = PromptSize::parts(&content);
        assert_eq!((bytes, images), (3, 1));
        assert_eq!(PromptSize::of(bytes, images).tokens, 1 + IMAGE_TOKENS);
        assert_eq!(PromptSize::of(0, 0).tokens, 1);
    }
}
