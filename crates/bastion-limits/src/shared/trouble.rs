//! Why limits cannot be counted in Redis, in words that say how to mend it.
//!
//! It must never repeat an address with its password: the words go into the log.

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// The oldest Redis that is spoken to: the first with users, and with scripts as they are used.
pub(crate) const LEAST_VERSION: (u32, u32) = (6, 0);

/// Why not; each reads behind 'Redis at HOST:PORT'.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("has not answered yet")]
    NotBegun,
    #[error("has no address: {0}")]
    NoAddress(String),
    #[error("cannot be reached ({0}); start it, or correct 'limits.url'")]
    Unreachable(String),
    #[error("did not answer within {0} ms ('limits.timeout'); look at its load and the network")]
    Slow(u128),
    #[error("wants a password; set 'limits.password' to a reference to it")]
    NoPassword,
    #[error("refuses our user or password; correct 'limits.password', or the user in 'limits.url'")]
    WrongPassword,
    #[error(
        "does not let our user do what it must; allow it EVALSHA, SCRIPT LOAD, INFO, TIME, GET, \
         SET, PEXPIRE, ZADD, ZREM, ZCARD and ZREMRANGEBYSCORE on the keys of 'limits.prefix' ({0})"
    )]
    NotAllowed(String),
    #[error("is version {version}; install {}.{} or newer", LEAST_VERSION.0, LEAST_VERSION.1)]
    TooOld { version: String },
    #[error("is out of memory ('maxmemory'); give it more, or a database of its own")]
    OutOfMemory,
    #[error("takes no writes ({0}); point 'limits.url' to the primary")]
    ReadOnly(String),
    #[error("is loading its data; it will be asked again")]
    Loading,
    #[error("is a node of a cluster, which is not spoken to; point 'limits.url' to a single Redis")]
    Cluster,
    #[error("holds something else at keys of ours; set another 'limits.prefix', or delete them")]
    ForeignKey,
    #[error("answers what is no answer ({0}); is it Redis?")]
    Nonsense(String),
}

impl Trouble {
    /// Does it concern one key only, so that the others are counted on?
    pub(crate) fn is_of_one_key(&self) -> bool {
        *self == Trouble::ForeignKey
    }

    /// What an error means; `timeout_ms` is what was waited at most.
    pub(crate) fn of(error: &RedisError, timeout_ms: u128) -> Trouble {
        let text = error.to_string();
        let code = error.code().unwrap_or_default();
        // What fails inside a script stands behind its own words in older versions.
        let says = |word: &str| code == word || text.contains(word);
        let kind = error.kind();
        let server = |of: ServerErrorKind| kind == ErrorKind::Server(of);
        match () {
            () if kind == ErrorKind::Io && error.is_timeout() => Trouble::Slow(timeout_ms),
            () if kind == ErrorKind::Io => Trouble::Unreachable(text),
            () if kind == ErrorKind::AuthenticationFailed => Trouble::WrongPassword,
            () if server(ServerErrorKind::BusyLoading) => Trouble::Loading,
            () if server(ServerErrorKind::Moved) || server(ServerErrorKind::ClusterDown) => {
                Trouble::Cluster
            }
            () if says("WRONGTYPE") => Trouble::ForeignKey,
            () if says("OOM") => Trouble::OutOfMemory,
            () if says("NOAUTH") => Trouble::NoPassword,
            () if says("WRONGPASS") => Trouble::WrongPassword,
            () if server(ServerErrorKind::NoPerm) || says("NOPERM") => Trouble::NotAllowed(text),
            () if says("READONLY") || says("MASTERDOWN") || says("NOREPLICAS") => {
                Trouble::ReadOnly(text)
            }
            () if says("MISCONF") => Trouble::ReadOnly(text),
            () => Trouble::Nonsense(text),
        }
    }
}
