//! The noun `Upstream`: the simulated upstream, in this process, with its log at hand.
//!
//! It must never sleep: it runs without pace unless a script says otherwise.

use std::net::SocketAddr;

use bastion_runtime::{Drain, Tasks};
use bastion_sim::{LogEntry, Script, Sim, SimControls, SimLog, SimOptions};

use crate::bastion::{LIMIT, UPSTREAM_KEY};

/// A simulated upstream that runs on the test's runtime.
pub(crate) struct Upstream {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What it received.
    pub(crate) log: SimLog,
    controls: SimControls,
    drain: Drain,
}

impl Upstream {
    /// One that answers everything.
    pub(crate) fn start() -> Upstream {
        Upstream::with(SimOptions::default())
    }

    /// One with these options; it takes the gateway's key and no other.
    pub(crate) fn with(options: SimOptions) -> Upstream {
        let sim = Sim::bind(SimOptions { keys: vec![UPSTREAM_KEY.to_owned()], ..options }).unwrap();
        let (address, log, drain) = (sim.address(), sim.log(), Drain::new());
        let controls = sim.controls();
        drop(Tasks::new().spawn(sim.serve(drain.clone())));
        Upstream { address, log, controls, drain }
    }

    /// From the next request on it plays this script, and its log begins anew.
    pub(crate) fn play(&self, script: &str) {
        self.controls.set_script(Some(Script::parse(script).unwrap()));
        self.log.clear();
    }

    /// From the next request on it takes this key and no other.
    pub(crate) fn takes_only(&self, key: &str) {
        self.controls.set_keys(vec![key.to_owned()]);
    }

    /// How many requests it ever got.
    pub(crate) fn sent(&self) -> u64 {
        self.log.entries().last().map_or(0, |entry| entry.n)
    }

    /// Waits until its log is as `is` says.
    pub(crate) async fn wait_for(&self, is: impl Fn(&[LogEntry]) -> bool) {
        assert!(self.log.wait_for(is, LIMIT).await, "{:#?}", self.log.entries());
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.drain.begin();
    }
}
