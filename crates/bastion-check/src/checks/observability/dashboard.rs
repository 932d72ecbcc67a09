//! `observability.dashboard`.
//!
//! It must never be proved before what proves it is built.

use super::super::Check;
use crate::card::Card;
use crate::facts::Facts;
use crate::proof::Proof;

pub(crate) struct Dashboard;

const CARD: Card = Card {
    id: "observability.dashboard",
    sentence: "Latency (p50, p95, p99), error rate, and 4xx-vs-5xx breakdown are dashboards you can \
         open in under 30 seconds.",
    why: "in an incident the first question is: since when, and for whom",
    mend: "let Prometheus read /metrics of the operators' listener; until the page is built, \
         waive this box with where your dashboard is",
    proof: "the page's figures are fresh and it opens in time",
};

impl Check for Dashboard {
    fn card(&self) -> Card {
        CARD
    }

    fn prove(&self, _facts: &Facts) -> Proof {
        Proof::not_built("the console's page of latency and errors")
    }
}
