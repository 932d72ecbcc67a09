//! The signals that the process obeys: SIGTERM and SIGINT end it, SIGHUP reloads.
//!
//! It must never miss one that comes before the listeners stand.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens for signals from the moment it is made.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Drain and end.
    End,
    /// Read the configuration again.
    Reload,
}

impl Signals {
    /// # Errors
    /// When the system does not let us listen.
    pub(crate) fn listen() -> std::io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Ends with the first signal that asks for the end.
    pub(crate) async fn end(&mut self) {
        while self.next().await != Wish::End {}
    }

    /// The next signal. May be dropped and called again at any time.
    pub(crate) async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.terminate.recv() => Wish::End,
            _ = self.interrupt.recv() => Wish::End,
            _ = self.hang_up.recv() => Wish::Reload,
        }
    }
}
