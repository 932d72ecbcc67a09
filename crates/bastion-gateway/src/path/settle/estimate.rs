//! What an attempt used where the upstream does not say it. Source: interface, Estimates; ADR 0011.
//!
//! It must never be less than what may be owed where nothing at all is known, and never more than
//! the attempt was allowed.

use bastion_types::{Bound, Money, Price, Usage};
use bastion_wire::Work;

use crate::path::relay::Passed;
use crate::path::screen::Screened;

/// What an attempt may use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    work: Work,
    /// The most, as it is held; none where nothing bounds it.
    most: Option<Bound>,
    /// The prompt as it is estimated, in tokens.
    input_tokens: u64,
    /// The most output that was asked for, in tokens.
    asked_tokens: u64,
    /// The prompt holds media of which nothing is known but that they fit into the context.
    has_unknown_media: bool,
    /// The model thinks, and need not show it.
    thinks: bool,
}

impl Allowance {
    pub(super) fn of(screened: &Screened, text_bytes: u64, most: Option<Bound>) -> Allowance {
        Allowance {
            work: screened.work,
            most,
            input_tokens: text_bytes.div_ceil(Usage::BYTES_PER_TOKEN),
            asked_tokens: screened.output_bound_tokens,
            has_unknown_media: screened.model.has_unknown_media(screened.prompt),
            thinks: screened.model.thinks(),
        }
    }

    /// Of which nothing came back: it may have used all of it.
    pub(super) fn all(&self) -> Usage {
        let most = self.most.unwrap_or_default();
        let known = Usage {
            input_tokens: self.input_tokens.max(most.input_tokens),
            output_tokens: self.most_output_tokens(),
            images: most.images,
            audio_ms: most.audio_ms,
            characters: most.characters,
            estimated: true,
            ..Usage::default()
        };
        match self.work {
            Work::Images { count } => Usage { images: count, ..known },
            Work::Transcript { estimated_ms, .. } => {
                Usage { audio_ms: most.audio_ms.max(estimated_ms), ..known }
            }
            Work::Speech { characters } => {
                Usage { characters, estimated: true, ..Usage::default() }
            }
            Work::Text { .. } | Work::Vectors => known,
        }
    }

    /// Of which this came back, at this price.
    pub(super) fn part(&self, passed: &Passed, price: Option<&Price>) -> Usage {
        let all = self.all();
        let by_tokens = price.is_some_and(|price| {
            price.dearest_input_per_million().max(price.dearest_output_per_million()) > Money::ZERO
        });
        match self.work {
            Work::Speech { .. } => all,
            Work::Images { .. } if by_tokens => all,
            Work::Images { count } => Usage { images: count, ..Usage::estimate(0, 0) },
            Work::Transcript { estimated_ms, .. } => {
                let heard = if by_tokens { all } else { Usage::estimate(0, 0) };
                let output_tokens = if by_tokens { self.output_tokens(passed) } else { 0 };
                Usage { audio_ms: estimated_ms, output_tokens, ..heard }
            }
            Work::Vectors | Work::Text { .. } => {
                let output_tokens = self.output_tokens(passed);
                let is_dearer = price.is_some_and(Price::has_dear_thinking);
                Usage {
                    input_tokens: if self.has_unknown_media {
                        all.input_tokens
                    } else {
                        self.input_tokens
                    },
                    output_tokens,
                    // All of it may be what costs more.
                    reasoning_tokens: if is_dearer { output_tokens } else { 0 },
                    ..Usage::estimate(0, 0)
                }
            }
        }
    }

    /// As it counts in the key's rate, which took the estimate of the prompt and what was asked for: no
    /// more than that for what was not seen.
    pub(super) fn rated_tokens(&self, passed: &Passed) -> u64 {
        let is_unseen = passed.bytes == 0 || self.hides(passed);
        let unseen = if is_unseen { self.asked_tokens } else { 0 };
        // Vectors and pictures have many bytes and no tokens of an answer.
        let seen = match self.work {
            Work::Text { .. } => passed.tokens().min(self.most_output_tokens()),
            Work::Vectors | Work::Images { .. } | Work::Transcript { .. } | Work::Speech { .. } => {
                0
            }
        };
        self.input_tokens.saturating_add(seen.max(unseen))
    }

    /// May it have written more than was seen?
    fn hides(&self, passed: &Passed) -> bool {
        self.thinks && !passed.shows_all
    }

    fn output_tokens(&self, passed: &Passed) -> u64 {
        if self.work == Work::Vectors {
            return 0;
        }
        if self.hides(passed) {
            return self.most_output_tokens();
        }
        passed.tokens().min(self.most_output_tokens())
    }

    /// What costs nothing is not bounded; then it is as much as was asked for.
    fn most_output_tokens(&self) -> u64 {
        let most = self.most.map(|most| most.output_tokens);
        most.unwrap_or_default().max(self.asked_tokens)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const TEXT: Work = Work::Text { limit_tokens: Some(100), answers: 1 };

    pub(in crate::path::settle) fn allowance(work: Work) -> Allowance {
        let most = Bound { input_tokens: 500, output_tokens: 100, ..Bound::default() };
        Allowance {
            work,
            most: Some(most),
            input_tokens: 25,
            asked_tokens: if work == Work::Vectors { 0 } else { 100 },
            has_unknown_media: false,
            thinks: false,
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_no_tokens_of_the_rate() {
        let megabyte = Passed::whole(1_000_000);
        assert_eq!(allowance(Work::Vectors).rated_tokens(&megabyte), 25);
        assert_eq!(allowance(Work::Images { count: 1 }).rated_tokens(&megabyte), 25);
        assert_eq!(allowance(TEXT).rated_tokens(&megabyte), 125, "no more than it may write");
        assert_eq!(allowance(TEXT).rated_tokens(&Passed::whole(40)), 35);
        assert_eq!(allowance(TEXT).rated_tokens(&Passed::default()), 125, "nothing was seen");
    }

    #[test]
    fn what_may_be_thinking_is_taken_for_it_only_where_it_is_dearer() {
        let price = |reasoning: i64| Price {
            output_per_million: Money::from_nanos(8),
            reasoning_per_million: Money::from_nanos(reasoning),
            ..Price::default()
        };
        let thinks = Allowance { thinks: true, ..allowance(TEXT) };
        for (reasoning, thought) in [(3, 0), (8, 0), (20, 100)] {
            let usage = thinks.part(&Passed::whole(4), Some(&price(reasoning)));
            assert_eq!((usage.output_tokens, usage.reasoning_tokens), (100, thought));
        }
    }
}
