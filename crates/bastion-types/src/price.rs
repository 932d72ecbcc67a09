//! What a model's tokens cost, and the one rounding there is.
//!
//! It must never round down when charging: a cost is rounded once per call, up.

use crate::{Money, Usage};

const TOKENS_PER_PRICE: i128 = 1_000_000;

/// The price of one model at one upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// Nano-units for a million tokens of the prompt.
    pub input_per_million: Money,
    /// Nano-units for a million cached tokens of the prompt.
    pub cached_input_per_million: Money,
    /// Nano-units for a million tokens of the answer.
    pub output_per_million: Money,
    /// Nano-units for a million tokens of thinking.
    pub reasoning_per_million: Money,
    /// For each call, whatever it uses.
    pub per_call: Money,
}

impl Price {
    /// The cost of this usage, rounded up to the next nano-unit; none when it cannot be counted.
    pub fn cost(&self, usage: &Usage) -> Option<Money> {
        let cached = usage.cached_input_tokens.min(usage.input_tokens);
        let reasoning = usage.reasoning_tokens.min(usage.output_tokens);
        let rows = [
            (usage.input_tokens.checked_sub(cached)?, self.input_per_million),
            (cached, self.cached_input_per_million),
            (usage.output_tokens.checked_sub(reasoning)?, self.output_per_million),
            (reasoning, self.reasoning_per_million),
        ];
        let mut millionths: i128 = 0;
        for (tokens, price) in rows {
            let row = i128::from(tokens).checked_mul(i128::from(price.nanos()))?;
            millionths = millionths.checked_add(row)?;
        }
        let whole = millionths.checked_add(TOKENS_PER_PRICE.checked_sub(1)?)?;
        let tokens_cost = i64::try_from(whole.checked_div_euclid(TOKENS_PER_PRICE)?).ok()?;
        tokens_cost.checked_add(self.per_call.nanos()).map(Money::from_nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_rounded_up_once() {
        let price = Price {
            input_per_million: Money::parse("0.05").unwrap(),
            cached_input_per_million: Money::parse("0.01").unwrap(),
            output_per_million: Money::parse("0.20").unwrap(),
            reasoning_per_million: Money::parse("0.20").unwrap(),
            per_call: Money::ZERO,
        };
        let usage = Usage {
            input_tokens: 1000,
            cached_input_tokens: 400,
            output_tokens: 10,
            reasoning_tokens: 4,
            ..Usage::default()
        };
        // 600 × 50 + 400 × 10 + 10 × 200 nano-units a token.
        assert_eq!(price.cost(&usage).unwrap().nanos(), 36_000);
        let odd = Price { input_per_million: Money::from_nanos(1), ..price };
        let one = Usage { input_tokens: 1, ..Usage::default() };
        assert_eq!(odd.cost(&one).unwrap().nanos(), 1, "a part of a nano-unit is a whole one");
    }

    #[test]
    fn an_absurd_usage_is_told_and_does_not_wrap() {
        let price = Price {
            input_per_million: Money::from_nanos(i64::MAX),
            cached_input_per_million: Money::ZERO,
            output_per_million: Money::ZERO,
            reasoning_per_million: Money::ZERO,
            per_call: Money::ZERO,
        };
        let absurd = Usage { input_tokens: u64::MAX, ..Usage::default() };
        assert_eq!(price.cost(&absurd), None);
    }
}
