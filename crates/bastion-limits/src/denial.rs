//! Why a call is not admitted: the one limit that is named of those that are in the way.
//!
//! It must never decide: it only puts decisions into the caller's words.

use bastion_types::RateKind;

use crate::Standing;
use crate::rate::Shortage;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// When a slot may be free again cannot be known; a second is what we name.
const SLOT_WAIT: Shortage = Shortage::Wait { nanos: NANOS_PER_SECOND };

/// Why a call is not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denied {
    /// The limit that is in the way longest.
    pub kind: RateKind,
    /// Until it may fit, in whole seconds, at least 1.
    pub retry_after_s: u32,
    /// It can never fit: the tokens asked are above the whole bucket, or the limit is 0.
    pub never: bool,
    /// Where the key stands with its rates.
    pub standing: Standing,
}

impl Denied {
    pub(crate) fn new(kind: RateKind, shortage: Shortage, standing: Standing) -> Denied {
        let seconds = wait_nanos(shortage).div_ceil(NANOS_PER_SECOND).max(1);
        Denied {
            kind,
            retry_after_s: u32::try_from(seconds).unwrap_or(u32::MAX),
            never: shortage == Shortage::Never,
            standing,
        }
    }
}

/// What is in the way of a call, limit by limit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InTheWay {
    pub(crate) requests: Option<Shortage>,
    pub(crate) tokens: Option<Shortage>,
    pub(crate) slots: Option<Shortage>,
}

impl InTheWay {
    /// The limit that is in the way longest, if one is.
    pub(crate) fn longest(self) -> Option<(RateKind, Shortage)> {
        // The last of equals wins, so a rate is named before concurrency.
        [
            (RateKind::Concurrency, self.slots),
            (RateKind::Tokens, self.tokens),
            (RateKind::Requests, self.requests),
        ]
        .into_iter()
        .filter_map(|(kind, shortage)| Some((kind, shortage?)))
        .max_by_key(|(_, shortage)| wait_nanos(*shortage))
    }
}

/// What lacks where so many slots of a limit are taken.
pub(crate) fn slot_shortage(limit: u32, taken: u32) -> Option<Shortage> {
    match limit {
        0 => Some(Shortage::Never),
        _ => (taken >= limit).then_some(SLOT_WAIT),
    }
}

fn wait_nanos(shortage: Shortage) -> u64 {
    match shortage {
        Shortage::Wait { nanos } => nanos,
        Shortage::Never => u64::MAX,
    }
}
