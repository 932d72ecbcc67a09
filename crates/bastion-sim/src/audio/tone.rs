//! A quiet tone: its pitch from the dice, its length from the text.
//!
//! It must never last longer than its limit.

use crate::dice::Dice;
use crate::text::len;

/// What a player shows as the comment.
pub(super) const TOLD: &str = "simulated";

/// One character lasts so long.
const CHARACTER_MS: u64 = 60;
const LENGTH_MS: (u64, u64) = (200, 60_000);
/// A wave's half in samples: at least so many, and up to so many more.
const HALF_WAVE_SAMPLES: (u64, u64) = (20, 40);
const VOLUME: i16 = 4_000;

pub(crate) struct Tone {
    pub(crate) samples: Vec<i16>,
    pub(crate) rate_hz: u32,
}

impl Tone {
    /// For a text of so many characters.
    pub(crate) fn of(dice: &mut Dice, characters: u64, rate_hz: u32) -> Tone {
        let (shortest, longest) = LENGTH_MS;
        let length_ms = characters.saturating_mul(CHARACTER_MS).clamp(shortest, longest);
        let count = length_ms.saturating_mul(u64::from(rate_hz)) / 1000;
        let (fewest, more) = HALF_WAVE_SAMPLES;
        let half = fewest.saturating_add(dice.below(more)).max(1);
        let sample = |at: u64| if (at / half).is_multiple_of(2) { VOLUME } else { -VOLUME };
        Tone { samples: (0..count).map(sample).collect(), rate_hz }
    }

    pub(crate) fn milliseconds(&self) -> u64 {
        len(self.samples.len()).saturating_mul(1000).div_ceil(u64::from(self.rate_hz).max(1))
    }
}
