//! Everything that leaves the process and is not a call: secret stores, the operator API's client.
//!
//! It must never carry a call of a caller's, and never follow a redirect.

mod connect;
mod http_client;
mod http_error;
mod open_answer;
mod proxy;
mod references;
mod tls;
mod tunnel;

pub use connect::{ConnectError, Stream, Way, connect};
pub use http_client::{Answer, HttpClient, Target, TargetError};
pub use http_error::HttpError;
pub use open_answer::OpenAnswer;
pub use proxy::{Proxies, Proxy, ProxyError};
pub use references::{ResolveError, resolve};
pub use tls::{ExtraRoots, RootsError, TlsError, Versions, client_tls};
pub use tunnel::TunnelError;
