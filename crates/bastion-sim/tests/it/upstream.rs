//! A simulated upstream that serves for one test.
//!
//! It must never outlive its test.

use std::net::SocketAddr;
use std::time::Duration;

use bastion_runtime::{Drain, Tasks};
use bastion_sim::{Script, Sim, SimControls, SimLog, SimOptions};

/// Longest wait for something that is to happen at once.
pub(crate) const SOON: Duration = Duration::from_secs(10);

pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    pub(crate) log: SimLog,
    pub(crate) controls: SimControls,
    drain: Drain,
    tasks: Tasks,
}

impl Upstream {
    pub(crate) fn start(options: SimOptions) -> Upstream {
        let sim = Sim::bind(options).unwrap();
        let (address, log, controls) = (sim.address(), sim.log(), sim.controls());
        let (drain, tasks) = (Drain::new(), Tasks::new());
        drop(tasks.spawn(sim.serve(drain.clone())));
        Upstream { address, log, controls, drain, tasks }
    }

    pub(crate) fn seeded(seed: u64) -> Upstream {
        Upstream::start(SimOptions { seed, ..SimOptions::default() })
    }

    pub(crate) fn scripted(script: &str) -> Upstream {
        let script = Some(Script::parse(script).unwrap());
        Upstream::start(SimOptions { script, ..SimOptions::default() })
    }

    /// Ends when the last request is over.
    pub(crate) async fn drained(self) {
        self.drain.begin();
        tokio::time::timeout(SOON, self.tasks.finished()).await.expect("the drain ends");
    }
}
