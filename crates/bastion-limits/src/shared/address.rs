//! Where Redis is: a URL, and a password that may stand apart from it.
//!
//! It must never print a password, and never take a URL that switches the check of certificates off.

use std::fmt;

use bastion_types::Secret;
use redis::{Client, ConnectionAddr, IntoConnectionInfo};

/// Why a URL is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Something else than Redis over TCP.
    #[error("must be redis://HOST:PORT/DATABASE or rediss://… (TLS)")]
    NotRedis,
    /// What stands behind `?` or `#` could switch checks off.
    #[error("must have nothing behind '?' or '#'")]
    Extras,
    /// Twice a password.
    #[error("has a password, and so has 'limits.password'; keep one of them")]
    TwoPasswords,
}

/// Where Redis is.
pub(crate) struct Address {
    pub(super) client: Client,
    shown: String,
}

impl Address {
    /// Reads a URL; the host is not looked up.
    pub(crate) fn parse(url: &Secret, password: Option<&Secret>) -> Result<Address, AddressError> {
        let url = url.expose();
        let parsed = redis::parse_redis_url(url).ok_or(AddressError::NotRedis)?;
        if parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(AddressError::Extras);
        }
        if !matches!(parsed.scheme(), "redis" | "rediss") {
            return Err(AddressError::NotRedis);
        }
        let mut info = url.into_connection_info().map_err(|_| AddressError::NotRedis)?;
        if let Some(password) = password {
            if info.redis_settings().password().is_some() {
                return Err(AddressError::TwoPasswords);
            }
            let settings = info.redis_settings().clone().set_password(password.expose());
            info = info.set_redis_settings(settings);
        }
        let (ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. }) =
            info.addr()
        else {
            return Err(AddressError::NotRedis);
        };
        let shown = format!("{host}:{port}");
        let client = Client::open(info).map_err(|_| AddressError::NotRedis)?;
        Ok(Address { client, shown })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, password: Option<&str>, expect: Result<&str, AddressError>) {
        let secret = |text: &str| Secret::new(text.to_owned());
        let got = Address::parse(&secret(url), password.map(secret).as_ref());
        let got = got.map(|address| address.to_string());
        assert_eq!(got, expect.map(str::to_owned), "{url}");
    }

    #[test]
    fn only_redis_over_tcp_is_an_address_and_it_shows_no_password() {
        check("redis://h", None, Ok("h:6379"));
        check("redis://u:hunter2@h:7000/3", None, Ok("h:7000"));
        check("rediss://u@h:7000", Some("hunter2"), Ok("h:7000"));
        check("redis://:hunter2@h", Some("hunter2"), Err(AddressError::TwoPasswords));
        check("rediss://h/#insecure", None, Err(AddressError::Extras));
        check("redis://h?protocol=resp3", None, Err(AddressError::Extras));
        check("redis+unix:///run/redis.sock", None, Err(AddressError::NotRedis));
        check("http://h", None, Err(AddressError::NotRedis));
        check("h:6379", None, Err(AddressError::NotRedis));
        check("", None, Err(AddressError::NotRedis));
    }
}
