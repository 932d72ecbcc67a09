//! The process-wide tools of the callers' plane, and the policy that a reload swaps.
//!
//! It must never be rebuilt by a reload: limits and counts go on.

use std::sync::Arc;

use arc_swap::ArcSwap;
use bastion_limits::Limits;
use bastion_observe::{CallSink, Metrics, Readiness, Redactor, Sightings};
use bastion_runtime::Drain;
use bastion_store::Store;
use bastion_types::Clock;

use crate::breaker::Breakers;
use crate::dice::Dice;
use crate::policy::Policy;
use crate::retry_budget::RetryBudget;

/// What the gateway needs from the wiring.
pub struct Tools {
    /// Keys and records.
    pub store: Store,
    /// Where records of calls go.
    pub calls: CallSink,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What stands before everything that is written or passed on from an upstream's error.
    pub redactor: Arc<Redactor>,
    /// From where keys are used.
    pub sightings: Arc<Sightings>,
    /// What `/readyz` answers.
    pub readiness: Readiness,
    /// The one clock.
    pub clock: Arc<dyn Clock>,
    /// Has the end begun?
    pub drain: Drain,
    /// The upstreams' circuit breakers.
    pub breakers: Arc<Breakers>,
    /// Rates and concurrency of all keys.
    pub limits: Limits,
}

/// The callers' plane of one process.
pub struct Gateway {
    pub(crate) tools: Tools,
    pub(crate) retry_budget: RetryBudget,
    pub(crate) dice: Dice,
    policy: ArcSwap<Policy>,
}

impl Gateway {
    /// With its first policy.
    pub fn new(tools: Tools, policy: Policy) -> Gateway {
        Gateway {
            tools,
            retry_budget: RetryBudget::new(),
            dice: Dice::from_system(),
            policy: ArcSwap::from_pointee(policy),
        }
    }

    /// The upstreams' circuit breakers, for the next policy.
    pub fn breakers(&self) -> &Breakers {
        &self.tools.breakers
    }

    /// Calls that come from now on go by this policy; running ones keep theirs.
    pub fn exchange_policy(&self, policy: Policy) {
        self.policy.store(Arc::new(policy));
    }

    /// The policy of a call that begins now.
    pub(crate) fn policy(&self) -> Arc<Policy> {
        self.policy.load_full()
    }
}
