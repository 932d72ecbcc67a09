//! Every metric there is, as Prometheus reads them.
//!
//! It must never put a caller's word into a label, nor anything that looks like a key: such a
//! label is dropped and counted.

use std::sync::Arc;

use bastion_types::{CallRecord, ModelName, Refusal, UpstreamName};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::Redactor;
use crate::labels::{
    AttemptLabels, AttemptOutcome, CallLabels, DurationLabels, Label, RefusalLabels, ReloadLabels,
    TokenKind, TokenLabels, UnitKind, UnitLabels, UpstreamLabels,
};
use crate::limits_metrics::LimitsMetrics;

/// Up to ten minutes: the longest that an unstreamed answer may take.
const DURATION_BUCKETS_S: [f64; 14] =
    [0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0];

/// The value of a label that may not be shown.
const DROPPED: &str = "dropped";
const NONE: &str = "none";

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
    calls: Family<CallLabels, Counter>,
    duration: Family<DurationLabels, Histogram>,
    first_event: Family<DurationLabels, Histogram>,
    tokens: Family<TokenLabels, Counter>,
    units: Family<UnitLabels, Counter>,
    attempts: Family<AttemptLabels, Counter>,
    refused_at_door: Family<RefusalLabels, Counter>,
    in_flight: Gauge,
    dropped_labels: Counter,
    unwritten_records: Counter,
    client_retries: Counter,
    refused_retries: Counter,
    opened_breakers: Family<UpstreamLabels, Counter>,
    reloads: Family<ReloadLabels, Counter>,
    limits: LimitsMetrics,
}

fn durations() -> Histogram {
    Histogram::new(DURATION_BUCKETS_S)
}

impl Metrics {
    /// All metrics at zero.
    pub fn new(version: &'static str, redactor: Arc<Redactor>) -> Metrics {
        let mut metrics = Metrics {
            registry: Registry::with_prefix("bastion"),
            redactor,
            calls: Family::default(),
            duration: Family::new_with_constructor(durations),
            first_event: Family::new_with_constructor(durations),
            tokens: Family::default(),
            units: Family::default(),
            attempts: Family::default(),
            refused_at_door: Family::default(),
            in_flight: Gauge::default(),
            dropped_labels: Counter::default(),
            unwritten_records: Counter::default(),
            client_retries: Counter::default(),
            refused_retries: Counter::default(),
            opened_breakers: Family::default(),
            reloads: Family::default(),
            limits: LimitsMetrics::default(),
        };
        metrics.register(version);
        metrics
    }

    fn register(&mut self, version: &'static str) {
        let to = &mut self.registry;
        to.register("build", "The version that runs", Info::new([("version", version)]));
        to.register("calls", "Calls that are over, by how they ended", self.calls.clone());
        to.register_with_unit(
            "call_duration",
            "From the head's arrival to the answer's end",
            Unit::Seconds,
            self.duration.clone(),
        );
        to.register_with_unit(
            "first_event",
            "From the head's arrival to a stream's first event",
            Unit::Seconds,
            self.first_event.clone(),
        );
        to.register("tokens", "Tokens, reported or estimated", self.tokens.clone());
        to.register(
            "units",
            "Images, milliseconds of audio and characters, reported or estimated",
            self.units.clone(),
        );
        to.register("attempts", "Tries at upstreams, by how they ended", self.attempts.clone());
        to.register(
            "refused_at_door",
            "Requests refused before a key was known",
            self.refused_at_door.clone(),
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
        let environment = self.label(&record.environment.shared());
        let model = record.model.as_ref().map_or_else(|| NONE.into(), ModelName::shared);
        let model = self.label(&model);
        let labels = CallLabels {
            endpoint,
            environment: environment.clone(),
            model: model.clone(),
            status: record.status,
            code,
            stream: record.stream.as_str(),
        };
        self.calls.get_or_create(&labels).inc();
        let labels = DurationLabels { endpoint, environment: environment.clone() };
        self.duration.get_or_create(&labels).observe(seconds(record.latency_ms));
        if let Some(first_event_ms) = record.first_event_ms {
            self.first_event.get_or_create(&labels).observe(seconds(first_event_ms));
        }
        self.count_tokens(record, &environment, &model);
        self.count_units(record, &environment, &model);
    }

    fn count_units(&self, record: &CallRecord, environment: &Label, model: &Label) {
        let usage = &record.usage;
        for (unit, count) in [
            (UnitKind::Images, usage.images),
            (UnitKind::AudioMs, usage.audio_ms),
            (UnitKind::Characters, usage.characters),
        ] {
            if count > 0 {
                let (environment, model) = (environment.clone(), model.clone());
                self.units.get_or_create(&UnitLabels { environment, model, unit }).inc_by(count);
            }
        }
    }

    fn count_tokens(&self, record: &CallRecord, environment: &Label, model: &Label) {
        let usage = &record.usage;
        for (kind, count) in [
            (TokenKind::Input, usage.input_tokens),
            (TokenKind::CachedInput, usage.cached_input_tokens),
            (TokenKind::Output, usage.output_tokens),
            (TokenKind::Reasoning, usage.reasoning_tokens),
        ] {
            if count > 0 {
                let labels =
                    TokenLabels { environment: environment.clone(), model: model.clone(), kind };
                self.tokens.get_or_create(&labels).inc_by(count);
            }
        }
    }

    /// One try at an upstream is over.
    pub fn attempt(&self, upstream: &UpstreamName, outcome: AttemptOutcome) {
        let labels = AttemptLabels { upstream: self.label(&upstream.shared()), outcome };
        self.attempts.get_or_create(&labels).inc();
    }

    /// A request was refused before its key was known.
    pub fn refused_at_door(&self, refusal: &Refusal) {
        self.refused_at_door.get_or_create(&RefusalLabels { code: refusal.code() }).inc();
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
        let labels = UpstreamLabels { upstream: self.label(&upstream.shared()) };
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

    fn label(&self, name: &Arc<str>) -> Label {
        if self.redactor.finds_key(name) {
            self.dropped_labels.inc();
            return Label(DROPPED.into());
        }
        Label(Arc::clone(name))
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

fn seconds(millis: u64) -> f64 {
    std::time::Duration::from_millis(millis).as_secs_f64()
}
