//! What a call used at the upstream: tokens, images, audio, characters.
//!
//! It must never pretend: what was not reported is estimated and says so.

use serde::Serialize;

use crate::Money;

/// What one call used; cached and written input are part of input, reasoning is part of
/// output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Usage {
    /// Tokens of the prompt, cached ones included.
    pub input_tokens: u64,
    /// Tokens of the prompt that the upstream had in its cache.
    pub cached_input_tokens: u64,
    /// Tokens of the prompt that the upstream put into its cache.
    pub cache_write_tokens: u64,
    /// Tokens of the answer, reasoning included.
    pub output_tokens: u64,
    /// Tokens of the answer that were thinking.
    pub reasoning_tokens: u64,
    /// Images that were made.
    pub images: u64,
    /// Recorded speech that was read, in milliseconds.
    pub audio_ms: u64,
    /// Characters that were spoken.
    pub characters: u64,
    /// What the upstream says that it cost, in a currency of its own; kept beside our own sum and
    /// never charged.
    pub stated_cost: Option<Money>,
    /// Was this made from bytes, because the upstream reported nothing?
    pub estimated: bool,
}

impl Usage {
    /// Bytes that count as one token where nobody says more. Source: interface, Estimates.
    pub const BYTES_PER_TOKEN: u64 = 4;

    /// An estimate from the bytes that were sent and the bytes that were relayed.
    pub fn estimate(sent_bytes: u64, relayed_bytes: u64) -> Usage {
        Usage {
            input_tokens: sent_bytes.div_ceil(Usage::BYTES_PER_TOKEN),
            output_tokens: relayed_bytes.div_ceil(Usage::BYTES_PER_TOKEN),
            estimated: true,
            ..Usage::default()
        }
    }

    /// This and that, of one call.
    #[must_use]
    pub fn plus(&self, other: &Usage) -> Usage {
        let sum = |one: u64, other: u64| one.saturating_add(other);
        Usage {
            input_tokens: sum(self.input_tokens, other.input_tokens),
            cached_input_tokens: sum(self.cached_input_tokens, other.cached_input_tokens),
            cache_write_tokens: sum(self.cache_write_tokens, other.cache_write_tokens),
            output_tokens: sum(self.output_tokens, other.output_tokens),
            reasoning_tokens: sum(self.reasoning_tokens, other.reasoning_tokens),
            images: sum(self.images, other.images),
            audio_ms: sum(self.audio_ms, other.audio_ms),
            characters: sum(self.characters, other.characters),
            stated_cost: match (self.stated_cost, other.stated_cost) {
                (Some(one), Some(other)) => one.checked_add(other),
                (one, other) => one.or(other),
            },
            estimated: self.estimated || other.estimated,
        }
    }

    /// Input and output together.
    pub fn total_tokens(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_rounds_up_and_says_so() {
        let usage = Usage::estimate(401, 3);
        assert_eq!((usage.input_tokens, usage.output_tokens, usage.estimated), (101, 1, true));
        assert_eq!(usage.total_tokens(), 102);
    }
}
