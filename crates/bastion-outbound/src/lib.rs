//! Everything that leaves the process and is not a call: secret stores, the operator API's client.
//!
//! It must never carry a call of a caller's, and never follow a redirect.

mod connect;
mod http_client;
mod references;
mod tls;

pub use connect::{ConnectError, Stream, connect};
pub use http_client::{Answer, HttpClient, HttpError, Target, TargetError};
pub use references::{ResolveError, resolve};
pub use tls::{TlsError, client_tls};
