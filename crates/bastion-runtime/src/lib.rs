//! What all listeners share: bind, accept, connections, threads, tracked tasks, clock, drain.
//!
//! It must never know what is served: neither keys nor calls nor money.

mod accept;
mod bind;
mod clock;
mod connection;
mod drain;
mod farewell;
mod first_bytes;
mod handler;
mod head;
mod patient;
mod stop;
mod tasks;
mod threads;
mod tls;

pub use accept::{accept_here, accept_onto};
pub use bind::{BindError, Listener};
pub use clock::TokioClock;
pub use connection::ConnectionLimits;
pub use drain::Drain;
pub use handler::Handler;
pub use head::BadHead;
pub use patient::MAX_READER_PAUSE;
pub use stop::Stop;
pub use tasks::Tasks;
pub use threads::{ThreadError, Threads};
pub use tls::{Tls, TlsError, TlsFiles};
