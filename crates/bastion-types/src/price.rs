//! What a model costs at an upstream, row by row, and the one rounding there is.
//!
//! It must never round down when charging: a cost is rounded once per call, up. It must never
//! wrap: what cannot be counted has no cost.

use crate::{Money, Usage};

/// Parts of a nano-unit that every row can be counted in without a rest: a token is a millionth
/// of its price, a millisecond of audio a 60,000th.
const PARTS: i128 = 3_000_000;
const PARTS_OF_A_MILLIONTH: i128 = 3;
const PARTS_OF_A_MILLISECOND: i128 = 50;

/// The price of one model at one upstream. What costs nothing is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Price {
    /// For a million tokens of the prompt.
    pub input_per_million: Money,
    /// For a million tokens of the prompt that the upstream had in its cache.
    pub cached_input_per_million: Money,
    /// For a million tokens of the prompt that the upstream put into its cache.
    pub cache_write_per_million: Money,
    /// For a million tokens of the answer.
    pub output_per_million: Money,
    /// For a million tokens of thinking.
    pub reasoning_per_million: Money,
    /// For each call, whatever it uses.
    pub per_call: Money,
    /// For each image that is made.
    pub per_image: Money,
    /// For a minute of a recording, counted by the millisecond.
    pub per_audio_minute: Money,
    /// For a million characters that are spoken.
    pub characters_per_million: Money,
}

impl Price {
    /// The cost of this usage, rounded up to the next nano-unit; none when it cannot be counted.
    ///
    /// Cached and written input are part of input, thinking is part of output: reports that say
    /// otherwise are taken as far as they can be true.
    pub fn cost(&self, usage: &Usage) -> Option<Money> {
        let cached = usage.cached_input_tokens.min(usage.input_tokens);
        let plain = usage.input_tokens.checked_sub(cached)?;
        let written = usage.cache_write_tokens.min(plain);
        let reasoning = usage.reasoning_tokens.min(usage.output_tokens);
        total(&[
            (plain.checked_sub(written)?, self.input_per_million, PARTS_OF_A_MILLIONTH),
            (cached, self.cached_input_per_million, PARTS_OF_A_MILLIONTH),
            (written, self.cache_write_per_million, PARTS_OF_A_MILLIONTH),
            (
                usage.output_tokens.checked_sub(reasoning)?,
                self.output_per_million,
                PARTS_OF_A_MILLIONTH,
            ),
            (reasoning, self.reasoning_per_million, PARTS_OF_A_MILLIONTH),
            (usage.characters, self.characters_per_million, PARTS_OF_A_MILLIONTH),
            (usage.audio_ms, self.per_audio_minute, PARTS_OF_A_MILLISECOND),
            (usage.images, self.per_image, PARTS),
            (1, self.per_call, PARTS),
        ])
    }

    /// The most that a token of the prompt can cost, for a million.
    pub fn dearest_input_per_million(&self) -> Money {
        self.input_per_million.max(self.cached_input_per_million).max(self.cache_write_per_million)
    }

    /// Does a token of thinking cost more than one of the answer?
    pub fn has_dear_thinking(&self) -> bool {
        self.reasoning_per_million > self.output_per_million
    }

    /// The most that a token of the answer can cost, for a million.
    pub fn dearest_output_per_million(&self) -> Money {
        self.output_per_million.max(self.reasoning_per_million)
    }
}

/// The sum of these counts × price × parts, rounded up once.
fn total(rows: &[(u64, Money, i128)]) -> Option<Money> {
    let mut parts: i128 = 0;
    for (count, price, of) in rows {
        let row = i128::from(*count).checked_mul(i128::from(price.nanos()))?.checked_mul(*of)?;
        parts = parts.checked_add(row)?;
    }
    let up = parts.checked_add(PARTS.checked_sub(1)?)?;
    i64::try_from(up.checked_div_euclid(PARTS)?).ok().map(Money::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(text: &str) -> Money {
        Money::parse(text).unwrap()
    }

    fn price() -> Price {
        Price {
            input_per_million: money("0.05"),
            cached_input_per_million: money("0.01"),
            cache_write_per_million: money("0.06"),
            output_per_million: money("0.20"),
            reasoning_per_million: money("0.20"),
            ..Price::default()
        }
    }

    #[test]
    fn a_cost_is_rounded_up_once() {
        let usage = Usage {
            input_tokens: 1000,
            cached_input_tokens: 400,
            output_tokens: 10,
            reasoning_tokens: 4,
            ..Usage::default()
        };
        // 600 × 50 + 400 × 10 + 10 × 200 nano-units a token.
        assert_eq!(price().cost(&usage).unwrap().nanos(), 36_000);
        let odd = Price { input_per_million: Money::from_nanos(1), ..price() };
        let one = Usage { input_tokens: 1, ..Usage::default() };
        assert_eq!(odd.cost(&one).unwrap().nanos(), 1, "a part of a nano-unit is a whole one");
        let thirds = Price {
            per_audio_minute: Money::from_nanos(1),
            characters_per_million: Money::from_nanos(1),
            ..Price::default()
        };
        let parts = Usage { audio_ms: 30_000, characters: 500_000, ..Usage::default() };
        assert_eq!(thirds.cost(&parts).unwrap().nanos(), 1, "two halves are rounded together");
    }

    #[test]
    fn every_row_is_charged() {
        let check = |usage: Usage, price: Price, expect: &str| {
            assert_eq!(price.cost(&usage), Some(money(expect)), "{usage:?}");
        };
        let none = Usage::default();
        check(none, Price { per_call: money("0.002"), ..Price::default() }, "0.002");
        let images = Usage { images: 3, ..none };
        check(images, Price { per_image: money("0.04"), ..Price::default() }, "0.12");
        let audio = Usage { audio_ms: 90_000, ..none };
        check(audio, Price { per_audio_minute: money("0.006"), ..Price::default() }, "0.009");
        let speech = Usage { characters: 1234, ..none };
        let spoken = Price { characters_per_million: money("15"), ..Price::default() };
        check(speech, spoken, "0.01851");
        let written = Usage { input_tokens: 100, cache_write_tokens: 40, ..none };
        // 60 × 50 + 40 × 60 nano-units.
        check(written, price(), "0.0000054");
    }

    #[test]
    fn a_report_that_cannot_be_true_is_taken_as_far_as_it_can() {
        let more_cached_than_read =
            Usage { input_tokens: 10, cached_input_tokens: 99, ..Usage::default() };
        assert_eq!(price().cost(&more_cached_than_read).unwrap().nanos(), 100);
        let all_of_it_twice = Usage {
            input_tokens: 10,
            cached_input_tokens: 6,
            cache_write_tokens: 9,
            ..Usage::default()
        };
        assert_eq!(price().cost(&all_of_it_twice).unwrap().nanos(), 6 * 10 + 4 * 60);
    }

    #[test]
    fn an_absurd_usage_is_told_and_does_not_wrap() {
        let dear = Price { input_per_million: Money::from_nanos(i64::MAX), ..Price::default() };
        let absurd = Usage { input_tokens: u64::MAX, ..Usage::default() };
        assert_eq!(dear.cost(&absurd), None);
    }
}
