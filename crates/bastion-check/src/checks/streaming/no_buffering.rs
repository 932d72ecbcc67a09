//! `streaming.no-buffering`.
//!
//! It must never be proved before what proves it is built.

use super::super::Check;
use crate::card::Card;
use crate::facts::Facts;
use crate::proof::Proof;

pub(crate) struct NoBuffering;

const CARD: Card = Card {
    id: "streaming.no-buffering",
    sentence: "Reverse proxies and CDNs do not buffer SSE responses (proxy_buffering off, no \
         caching, no compression on stream routes).",
    why: "a proxy that buffers turns a stream into a long silence",
    mend: "take the proxy's settings from here: bastion init nginx; until the probe is built, \
         waive this box with how it was looked at",
    proof: "a probe measures the gaps between timed events through the real proxies",
};

impl Check for NoBuffering {
    fn card(&self) -> Card {
        CARD
    }

    fn prove(&self, _facts: &Facts) -> Proof {
        Proof::not_built("the probe of a stream through your proxies")
    }
}
