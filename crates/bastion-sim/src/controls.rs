//! Changes a simulated upstream while it runs.
//!
//! It must never touch a call that has been answered already.

use std::sync::Arc;

use crate::Script;
use crate::state::State;

/// A handle on a running simulated upstream; cheap to clone.
#[derive(Clone)]
pub struct SimControls {
    state: Arc<State>,
}

impl SimControls {
    pub(crate) fn new(state: Arc<State>) -> SimControls {
        SimControls { state }
    }

    /// From the next request on this script is played, its counts at 0; none ends the play.
    pub fn set_script(&self, script: Option<Script>) {
        self.state.set_script(script);
    }

    /// Tokens that the account may still use; none lifts the limit.
    pub fn set_balance_tokens(&self, balance_tokens: Option<u64>) {
        self.state.account.set_balance_tokens(balance_tokens);
    }

    /// Tokens that are left; none without a limit.
    pub fn balance_tokens(&self) -> Option<u64> {
        self.state.account.balance_tokens()
    }

    /// Accepted bearer keys; empty: any key that is not empty.
    pub fn set_keys(&self, keys: Vec<String>) {
        self.state.account.set_keys(&keys);
    }

    /// Requests a minute of each key; every bucket begins full again.
    pub fn set_rate_per_minute(&self, rate_per_minute: Option<u32>) {
        self.state.account.set_rate_per_minute(rate_per_minute);
    }
}
