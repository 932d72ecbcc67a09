//! The metrics of calls that are over.
//!
//! It must never cost a call more than it must: the counters of a kind of calls are found once.

use std::sync::{Arc, OnceLock};

use bastion_types::{CallRecord, ModelName, Usage};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::at_hand::AtHand;
use crate::labels::{
    CallLabels, DurationLabels, Label, ModelLabels, TokenKind, TokenLabels, UnitKind, UnitLabels,
};

/// Up to ten minutes: the longest that an unstreamed answer may take.
const DURATION_BUCKETS_S: [f64; 14] =
    [0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0];

const NONE: &str = "none";

/// The names by which a call is counted; of closed lists.
#[derive(Clone, Copy)]
pub(super) struct Names {
    pub(super) endpoint: &'static str,
    pub(super) code: &'static str,
}

/// What is counted of calls.
pub(super) struct CallMetrics {
    calls: Family<CallLabels, Counter>,
    duration: Family<DurationLabels, Histogram>,
    first_event: Family<DurationLabels, Histogram>,
    tokens: Family<TokenLabels, Counter>,
    units: Family<UnitLabels, Counter>,
    ended_empty: Family<ModelLabels, Counter>,
    at_hand: AtHand<Series>,
}

fn durations() -> Histogram {
    Histogram::new(DURATION_BUCKETS_S)
}

impl CallMetrics {
    /// All at zero, shown by this registry.
    pub(super) fn registered(to: &mut Registry) -> CallMetrics {
        let metrics = CallMetrics {
            calls: Family::default(),
            duration: Family::new_with_constructor(durations),
            first_event: Family::new_with_constructor(durations),
            tokens: Family::default(),
            units: Family::default(),
            ended_empty: Family::default(),
            at_hand: AtHand::default(),
        };
        to.register("calls", "Calls that are over, by how they ended", metrics.calls.clone());
        to.register_with_unit(
            "call_duration",
            "From the head's arrival to the answer's end",
            Unit::Seconds,
            metrics.duration.clone(),
        );
        to.register_with_unit(
            "first_event",
            "From the head's arrival to a stream's first event",
            Unit::Seconds,
            metrics.first_event.clone(),
        );
        to.register("tokens", "Tokens, reported or estimated", metrics.tokens.clone());
        to.register(
            "units",
            "Images, milliseconds of audio and characters, reported or estimated",
            metrics.units.clone(),
        );
        to.register(
            "answers_ended_empty",
            "Answers that their limit ended before they had any text",
            metrics.ended_empty.clone(),
        );
        metrics
    }

    /// A call is over. `label` makes a label of a name, or none of one that may not be shown; what
    /// it says holds for one `state`.
    pub(super) fn count(
        &self,
        call: &CallRecord,
        names: Names,
        state: u64,
        label: impl Fn(&Arc<str>) -> Result<Label, Label>,
    ) {
        let counted = |series: &Series| self.count_in(series, call, names);
        if self.at_hand.with(state, |series| series.is_of(call, names), counted) {
            return;
        }
        let none = || NONE.into();
        let environment = label(&call.environment.shared());
        let model = label(&call.model.as_ref().map_or_else(none, ModelName::shared));
        let may_be_kept = environment.is_ok() && model.is_ok();
        let either = |label: Result<Label, Label>| label.unwrap_or_else(|dropped| dropped);
        let series = self.series(call, names, (either(environment), either(model)));
        self.count_in(&series, call, names);
        if may_be_kept {
            self.at_hand.keep(state, series);
        }
    }

    fn series(
        &self,
        call: &CallRecord,
        names: Names,
        (environment, model): (Label, Label),
    ) -> Series {
        let labels = CallLabels {
            endpoint: names.endpoint,
            environment: environment.clone(),
            model: model.clone(),
            status: call.status,
            code: names.code,
            stream: call.stream.as_str(),
        };
        let of_endpoint =
            DurationLabels { endpoint: names.endpoint, environment: environment.clone() };
        Series {
            calls: self.calls.get_or_create_owned(&labels),
            duration: self.duration.get_or_create_owned(&of_endpoint),
            first_event: OnceLock::new(),
            tokens: Default::default(),
            labels,
            environment: call.environment.shared(),
            model: call.model.as_ref().map(ModelName::shared),
        }
    }

    fn count_in(&self, series: &Series, call: &CallRecord, names: Names) {
        let Series { labels: CallLabels { environment, model, .. }, .. } = series;
        series.calls.inc();
        series.duration.observe(seconds(call.latency_ms));
        if let Some(first_event_ms) = call.first_event_ms {
            let made = || {
                let endpoint = names.endpoint;
                let labels = DurationLabels { endpoint, environment: environment.clone() };
                self.first_event.get_or_create_owned(&labels)
            };
            series.first_event.get_or_init(made).observe(seconds(first_event_ms));
        }
        for (counter, (kind, count)) in series.tokens.iter().zip(tokens(&call.usage)) {
            let made = || {
                let (environment, model) = (environment.clone(), model.clone());
                self.tokens.get_or_create_owned(&TokenLabels { environment, model, kind })
            };
            if count > 0 {
                counter.get_or_init(made).inc_by(count);
            }
        }
        if call.ended_empty {
            let (environment, model) = (environment.clone(), model.clone());
            self.ended_empty.get_or_create(&ModelLabels { environment, model }).inc();
        }
        for (unit, count) in units(&call.usage) {
            if count > 0 {
                let (environment, model) = (environment.clone(), model.clone());
                self.units.get_or_create(&UnitLabels { environment, model, unit }).inc_by(count);
            }
        }
    }
}

const TOKEN_KINDS: usize = 4;

fn tokens(usage: &Usage) -> [(TokenKind, u64); TOKEN_KINDS] {
    [
        (TokenKind::Input, usage.input_tokens),
        (TokenKind::CachedInput, usage.cached_input_tokens),
        (TokenKind::Output, usage.output_tokens),
        (TokenKind::Reasoning, usage.reasoning_tokens),
    ]
}

fn units(usage: &Usage) -> [(UnitKind, u64); 3] {
    [
        (UnitKind::Images, usage.images),
        (UnitKind::AudioMs, usage.audio_ms),
        (UnitKind::Characters, usage.characters),
    ]
}

/// The counters of one kind of calls. Those that it may never need are made when it does: a series
/// that never counts is not shown.
struct Series {
    labels: CallLabels,
    /// The names themselves, which need not be what their labels show.
    environment: Arc<str>,
    model: Option<Arc<str>>,
    calls: Counter,
    duration: Histogram,
    first_event: OnceLock<Histogram>,
    tokens: [OnceLock<Counter>; TOKEN_KINDS],
}

impl Series {
    fn is_of(&self, call: &CallRecord, names: Names) -> bool {
        let CallLabels { endpoint, status, code, stream, .. } = &self.labels;
        (*status, *endpoint, *code) == (call.status, names.endpoint, names.code)
            && *stream == call.stream.as_str()
            && *self.environment == *call.environment.as_str()
            && self.model.as_deref() == call.model.as_ref().map(ModelName::as_str)
    }
}

fn seconds(millis: u64) -> f64 {
    std::time::Duration::from_millis(millis).as_secs_f64()
}
