//! The scenarios, each with its bound: a multiple of what nginx costs in the same run.
//!
//! A bound must never be changed to fit a figure. Source: docs/reference/performance.md.

use std::time::Duration;

use crate::load::Load;

/// What a scenario puts on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Calls; the cost of one is compared.
    Calls,
    /// Calls at a fixed rate; the latency that is added is told.
    Paced,
    /// Streams that are held open; the memory of one is told.
    Hold {
        /// How many.
        streams: u32,
    },
}

/// Is money set aside for a call before it is sent?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Money {
    /// No: nothing limits it, and it is counted at its end.
    Counted,
    /// Yes, durably: its environment has a cap.
    Held,
}

/// One scenario.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) load: Load,
    /// Whose calls they are.
    pub(crate) money: Money,
    /// How the upstream answers: its latency, events of a stream and the gap between them.
    pub(crate) upstream: (u64, u64, u64),
    /// The bound: times nginx, added milliseconds, or KiB a stream.
    pub(crate) must: f64,
}

const SECONDS: Duration = Duration::from_secs(4);

const fn calls(name: &'static str, connections: u32, latency_ms: u64, must: f64) -> Scenario {
    let load = Load { connections, streamed: false, per_s: None, lasts: SECONDS };
    let upstream = (latency_ms, 0, 0);
    Scenario { name, kind: Kind::Calls, load, money: Money::Counted, upstream, must }
}

const fn streams(name: &'static str, connections: u32, gap_ms: u64, must: f64) -> Scenario {
    let load = Load { connections, streamed: true, per_s: None, lasts: SECONDS };
    let upstream = (0, 64, gap_ms);
    Scenario { name, kind: Kind::Calls, load, money: Money::Counted, upstream, must }
}

const RATE100: Scenario = Scenario {
    name: "rate100",
    kind: Kind::Paced,
    load: Load { connections: 8, streamed: false, per_s: Some(100), lasts: SECONDS },
    money: Money::Counted,
    upstream: (20, 0, 0),
    must: 0.4,
};

/// All of them, in the order of the report.
pub(crate) const ALL: [Scenario; 10] = [
    calls("ns_c1", 1, 0, 2.0),
    calls("ns_c32", 32, 0, 1.8),
    calls("ns_c128", 128, 0, 1.8),
    calls("ns_c64_50", 64, 50, 1.7),
    Scenario { name: "ns_c32_cap", money: Money::Held, ..calls("ns_c32", 32, 0, 2.2) },
    RATE100,
    Scenario { name: "rate100_cap", money: Money::Held, must: 3.0, ..RATE100 },
    streams("st_burst", 16, 0, 1.3),
    streams("st_5ms", 64, 5, 1.4),
    Scenario {
        name: "hold",
        kind: Kind::Hold { streams: 1000 },
        load: Load { connections: 0, streamed: true, per_s: None, lasts: SECONDS },
        money: Money::Counted,
        upstream: (0, 1_000_000, 1000),
        must: 48.0,
    },
];
