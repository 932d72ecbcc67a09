//! What stays the same for every answer of one simulated upstream.
//!
//! It must never change while the upstream runs.

use std::ops::RangeInclusive;

use crate::catalogue::Catalogue;
use crate::{Pace, SimOptions};

/// Most words of one generated answer.
const MAX_ANSWER_WORDS: u32 = 100_000;

pub(crate) struct House {
    pub(crate) seed: u64,
    pub(crate) pace: Pace,
    pub(crate) catalogue: Catalogue,
    pub(crate) answer_words: RangeInclusive<u32>,
}

impl House {
    pub(crate) fn new(options: SimOptions) -> House {
        let fewest = (*options.answer_words.start()).min(MAX_ANSWER_WORDS);
        let most = (*options.answer_words.end()).clamp(fewest, MAX_ANSWER_WORDS);
        House {
            seed: options.seed,
            pace: options.pace,
            catalogue: Catalogue::with(options.more_models),
            answer_words: fewest..=most,
        }
    }
}
