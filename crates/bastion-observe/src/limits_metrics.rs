//! What is counted of limits that nodes share: who decides, and what Redis was not told.
//!
//! It must never have a label: which key it was is not for a metric.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Of limits that nodes share; all zero where this process counts for itself.
#[derive(Debug, Default)]
pub struct LimitsMetrics {
    degraded: Gauge,
    losses: Counter,
    decided_alone: Counter,
    untold: Counter,
}

impl LimitsMetrics {
    pub(crate) fn register(&self, to: &mut Registry) {
        to.register(
            "limits_degraded",
            "1 while this node counts limits alone, by its share: Redis is lost",
            self.degraded.clone(),
        );
        to.register("limits_losses", "Times that Redis was lost", self.losses.clone());
        to.register(
            "limits_decided_alone",
            "Calls that this node decided by its share of the limits",
            self.decided_alone.clone(),
        );
        to.register(
            "limits_untold",
            "Calls of whose end Redis was not told: their slots came back with their leases",
            self.untold.clone(),
        );
    }

    /// This node counts alone, or no longer does.
    pub fn set_degraded(&self, degraded: bool) {
        let was = self.degraded.set(i64::from(degraded));
        if degraded && was == 0 {
            self.losses.inc();
        }
    }

    /// A call was decided by this node's share.
    pub fn decided_alone(&self) {
        self.decided_alone.inc();
    }

    /// So many calls ended without Redis being told.
    pub fn untold(&self, calls: u64) {
        self.untold.inc_by(calls);
    }
}
