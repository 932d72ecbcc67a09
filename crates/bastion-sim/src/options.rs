//! What a simulated upstream is started with.
//!
//! It must never hold a default that sleeps or takes a fixed port: tests start many at once.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use bastion_runtime::ConnectionLimits;

use crate::Script;

/// How fast answers come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As a model at work: the first token takes long, the others come one by one.
    Realistic {
        /// From the request to the first event; unstreamed, a part of the wait for the head.
        first_token: Duration,
        /// For each further token.
        per_token: Duration,
    },
    /// Everything at once; nothing sleeps.
    Off,
}

impl Pace {
    /// What `bastion sim` and `bastion demo` show: 150 ms to the first token, 8 ms for each.
    pub const REALISTIC: Pace = Pace::Realistic {
        first_token: Duration::from_millis(150),
        per_token: Duration::from_millis(8),
    };

    pub(crate) fn first_token(self) -> Duration {
        match self {
            Pace::Realistic { first_token, .. } => first_token,
            Pace::Off => Duration::ZERO,
        }
    }

    pub(crate) fn per_token(self) -> Duration {
        match self {
            Pace::Realistic { per_token, .. } => per_token,
            Pace::Off => Duration::ZERO,
        }
    }
}

/// What a simulated upstream is started with.
#[derive(Clone)]
pub struct SimOptions {
    /// Where it listens. Default: a free port of 127.0.0.1.
    pub listen: SocketAddr,
    /// Decides, with the request's body, every word of an answer. Default: 1.
    pub seed: u64,
    /// Default: [`Pace::Off`].
    pub pace: Pace,
    /// Accepted bearer keys; empty (the default): any key that is not empty. Others get 401.
    pub keys: Vec<String>,
    /// Requests a minute of each key, a bucket that refills; beyond it 429. Default: no limit.
    pub rate_per_minute: Option<u32>,
    /// Tokens that the account may still use; 402 once none is left. Default: no limit.
    pub balance_tokens: Option<u64>,
    /// Answers that stand in for the generated ones. Default: none.
    pub script: Option<Script>,
    /// Chat models beside the public catalogue. Default: none.
    pub more_models: Vec<String>,
    /// Words of a generated answer. Default: 20 to 120; more than 100 000 are cut to that.
    pub answer_words: RangeInclusive<u32>,
    /// What one peer may take. Default: [`ConnectionLimits::DEFAULT`].
    pub limits: ConnectionLimits,
}

impl Default for SimOptions {
    fn default() -> SimOptions {
        SimOptions {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            seed: 1,
            pace: Pace::Off,
            keys: Vec::new(),
            rate_per_minute: None,
            balance_tokens: None,
            script: None,
            more_models: Vec::new(),
            answer_words: 20..=120,
            limits: ConnectionLimits::DEFAULT,
        }
    }
}
