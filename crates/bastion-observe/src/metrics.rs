//! Every metric there is, as Prometheus reads them.
//!
//! It must never put a caller's word into a label, nor anything that looks like a key: such a
//! label is dropped and counted.

mod at_hand;
mod calls;

use std::sync::Arc;

use bastion_types::{CallRecord, EnvironmentName, Refusal, UpstreamName};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::Redactor;
use crate::labels::{
    AttemptLabels, AttemptOutcome, Label, ObservedLabels, RefusalLabels, ReloadLabels,
    UpstreamLabels,
};
use crate::limits_metrics::LimitsMetrics;
use at_hand::AtHand;
use calls::{CallMetrics, Names};

/// The value of a label that may not be shown.
const DROPPED: &str = "dropped";

/// Did a reload take?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReloadOutcome {
    /// The new configuration holds.
    Taken,
    /// The old one goes on.
    Refused,
}

/// All metrics of the process.
pub struct Metrics {
    registry: Registry,
    redactor: Arc<Redactor>,
    calls: CallMetrics,
    attempts: Family<AttemptLabels, Counter>,
    attempts_at_hand: AtHand<(UpstreamName, AttemptOutcome, Counter)>,
    refused_at_door: Family<RefusalLabels, Counter>,
    observed: Family<ObservedLabels, Counter>,
    in_flight: Gauge,
    dropped_labels: Counter,
    unwritten_records: Counter,
    client_retries: Counter,
    refused_retries: Counter,
    opened_breakers: Family<UpstreamLabels, Counter>,
    reloads: Family<ReloadLabels, Counter>,
    limits: LimitsMetrics,
}

impl Metrics {
    /// All metrics at zero.
    pub fn new(version: &'static str, redactor: Arc<Redactor>) -> Metrics {
        let mut registry = Registry::with_prefix("bastion");
        registry.register("build", "The version that runs", Info::new([("version", version)]));
        let mut metrics = Metrics {
            calls: CallMetrics::registered(&mut registry),
            registry,
            redactor,
            attempts: Family::default(),
            attempts_at_hand: AtHand::default(),
            refused_at_door: Family::default(),
            observed: Family::default(),
            in_flight: Gauge::default(),
            dropped_labels: Counter::default(),
            unwritten_records: Counter::default(),
            client_retries: Counter::default(),
            refused_retries: Counter::default(),
            opened_breakers: Family::default(),
            reloads: Family::default(),
            limits: LimitsMetrics::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let to = &mut self.registry;
        to.register("attempts", "Tries at upstreams, by how they ended", self.attempts.clone());
        to.register(
            "refused_at_door",
            "Requests refused before a key was known",
            self.refused_at_door.clone(),
        );
        to.register(
            "observed_refusals",
            "Refusals that were decided and, by enforce = observe, not applied",
            self.observed.clone(),
        );
        to.register("calls_in_flight", "Calls that run now", self.in_flight.clone());
        to.register(
            "dropped_labels",
            "Labels that looked like a key and were dropped",
            self.dropped_labels.clone(),
        );
        to.register(
            "unwritten_records",
            "Records of calls that the store did not take",
            self.unwritten_records.clone(),
        );
        to.register(
            "client_retries",
            "Requests that an SDK sent again by itself",
            self.client_retries.clone(),
        );
        to.register(
            "refused_retries",
            "Retries that the budget of the last minute did not allow",
            self.refused_retries.clone(),
        );
        to.register(
            "opened_breakers",
            "Times that an upstream was left alone after failures in a row",
            self.opened_breakers.clone(),
        );
        to.register("config_reloads", "Reloads of the configuration", self.reloads.clone());
        self.limits.register(to);
    }

    /// As Prometheus text.
    ///
    /// # Errors
    /// When the text cannot be formatted, which would be a fault of ours.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// A call is over; endpoint and code are names of closed lists.
    pub fn call(&self, record: &CallRecord, endpoint: &'static str, code: &'static str) {
        let names = Names { endpoint, code };
        self.calls.count(record, names, self.redactor.state(), |name| self.label(name));
    }

    /// One try at an upstream is over.
    pub fn attempt(&self, upstream: &UpstreamName, outcome: AttemptOutcome) {
        let state = self.redactor.state();
        let is = |(name, of, _): &(UpstreamName, AttemptOutcome, Counter)| {
            *of == outcome && name == upstream
        };
        if self.attempts_at_hand.with(state, is, |(.., counter)| {
            counter.inc();
        }) {
            return;
        }
        let label = self.label(&upstream.shared());
        let may_be_kept = label.is_ok();
        let upstream_label = label.unwrap_or_else(|dropped| dropped);
        let labels = AttemptLabels { upstream: upstream_label, outcome };
        let counter = self.attempts.get_or_create_owned(&labels);
        counter.inc();
        if may_be_kept {
            self.attempts_at_hand.keep(state, (upstream.clone(), outcome, counter));
        }
    }

    /// A request was refused before its key was known.
    pub fn refused_at_door(&self, refusal: &Refusal) {
        self.refused_at_door.get_or_create(&RefusalLabels { code: refusal.code() }).inc();
    }

    /// A refusal was decided and not applied.
    pub fn observed(&self, refusal: &Refusal, environment: &EnvironmentName) {
        let environment = self.label(&environment.shared()).unwrap_or_else(|dropped| dropped);
        self.observed.get_or_create(&ObservedLabels { environment, code: refusal.code() }).inc();
    }

    /// An SDK sent a request again by itself.
    pub fn client_retry(&self) {
        self.client_retries.inc();
    }

    /// A retry was not allowed by the budget.
    pub fn retry_refused(&self) {
        self.refused_retries.inc();
    }

    /// An upstream is left alone for a while.
    pub fn breaker_opened(&self, upstream: &UpstreamName) {
        let upstream = self.label(&upstream.shared()).unwrap_or_else(|dropped| dropped);
        let labels = UpstreamLabels { upstream };
        self.opened_breakers.get_or_create(&labels).inc();
    }

    /// Records that the store did not take.
    pub fn unwritten(&self, records: u64) {
        self.unwritten_records.inc_by(records);
    }

    /// Of limits that nodes share.
    pub fn limits(&self) -> &LimitsMetrics {
        &self.limits
    }

    /// A reload of the configuration.
    pub fn reload(&self, outcome: ReloadOutcome) {
        let outcome = match outcome {
            ReloadOutcome::Taken => "taken",
            ReloadOutcome::Refused => "refused",
        };
        self.reloads.get_or_create(&ReloadLabels { outcome }).inc();
    }

    /// Counts a call as running until the guard is dropped.
    pub fn begin_call(&self) -> InFlight {
        self.in_flight.inc();
        InFlight { gauge: self.in_flight.clone() }
    }

    /// A name as a label; what looks like a key is counted and shown as [`DROPPED`].
    fn label(&self, name: &Arc<str>) -> Result<Label, Label> {
        if self.redactor.finds_key(name) {
            self.dropped_labels.inc();
            return Err(Label(DROPPED.into()));
        }
        Ok(Label(Arc::clone(name)))
    }
}

/// A call that runs.
#[must_use]
pub struct InFlight {
    gauge: Gauge,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}
