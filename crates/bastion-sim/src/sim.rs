//! The simulated upstream itself: bind, look, serve.
//!
//! It must never take a call once its drain has begun.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bastion_runtime::{BindError, ConnectionLimits, Drain, Listener, accept_here};

use crate::reception::Reception;
use crate::state::State;
use crate::{SimControls, SimLog, SimOptions};

/// A simulated upstream that has its port and is not yet served.
pub struct Sim {
    listener: Listener,
    limits: ConnectionLimits,
    state: Arc<State>,
}

/// How long answers that run may take to end in a drain, in which nothing is waited out.
const LAST_ANSWERS: Duration = Duration::from_secs(30);

/// Why a simulated upstream cannot start.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// Its port cannot be had.
    #[error("the simulated upstream cannot start")]
    Bind(#[from] BindError),
}

impl Sim {
    /// Takes the port.
    ///
    /// # Errors
    /// When the port is in use, not allowed, or not an address of this machine.
    pub fn bind(options: SimOptions) -> Result<Sim, SimError> {
        let listener = Listener::bind(options.listen)?;
        let limits = options.limits;
        Ok(Sim { listener, limits, state: Arc::new(State::new(options)) })
    }

    /// Where it listens; a port 0 is resolved.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// What it receives; the same log that `GET /sim/log` shows.
    pub fn log(&self) -> SimLog {
        self.state.log.clone()
    }

    /// Changes it while it runs.
    pub fn controls(&self) -> SimControls {
        SimControls::new(Arc::clone(&self.state))
    }

    /// Serves until the drain begins and the running requests are over. In a drain no wait is
    /// waited out: what is left of an answer is sent at once, and a stall is cut.
    pub async fn serve(self, drain: Drain) {
        let reception = Reception::new(self.state, drain.clone());
        accept_here(self.listener, Arc::new(reception), (self.limits, LAST_ANSWERS), drain).await;
    }
}
