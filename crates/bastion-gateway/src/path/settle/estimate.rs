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
    pub(super) most: Option<Bound>,
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
    pub(super) fn of(screened: &Screened, text_bytes: u64) -> Allowance {
        Allowance {
            work: screened.work,
            most: screened.model.most(screened.work, screened.prompt),
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
                Usage {
                    input_tokens: if self.has_unknown_media {
                        all.input_tokens
                    } else {
                        self.input_tokens
                    },
                    output_tokens,
                    // All of it may be thinking, and thinking may be dearer.
                    reasoning_tokens: if self.thinks { output_tokens } else { 0 },
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
        self.input_tokens.saturating_add(passed.tokens().max(unseen))
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
