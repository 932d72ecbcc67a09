//! The proxy that the usual variables name: `HTTPS_PROXY`, `http_proxy`, `ALL_PROXY`, `NO_PROXY`.
//!
//! It must never be asked for what runs on this machine, and its password must never be printed.

use std::fmt;
use std::net::IpAddr;

use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::Matcher;

/// What a proxy is reached at where its address names no port.
const DEFAULT_PORT: u16 = 80;

/// The proxies of this process's environment.
pub struct Proxies {
    matcher: Matcher,
}

/// A proxy that speaks HTTP and opens a way with CONNECT.
#[derive(Clone)]
pub struct Proxy {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) authorization: Option<HeaderValue>,
}

/// A proxy that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the proxy for '{0}' is not one of http://; set HTTPS_PROXY to http://host:port")]
pub struct ProxyError(String);

impl Proxies {
    /// Reads the variables.
    pub fn from_environment() -> Proxies {
        Proxies { matcher: Matcher::from_env() }
    }

    /// The proxy on the way to this origin; none for what runs on this machine.
    ///
    /// # Errors
    /// When the variables name a proxy that does not speak plain HTTP.
    pub fn to(&self, scheme: &str, host: &str, port: u16) -> Result<Option<Proxy>, ProxyError> {
        if is_loopback(host) {
            return Ok(None);
        }
        let Ok(origin) = Uri::try_from(format!("{scheme}://{host}:{port}/")) else {
            return Ok(None);
        };
        let Some(found) = self.matcher.intercept(&origin) else { return Ok(None) };
        let (uri, unusable) = (found.uri(), || ProxyError(host.to_owned()));
        if uri.scheme_str() != Some("http") {
            return Err(unusable());
        }
        let authorization = found.basic_auth().cloned().map(|mut value| {
            value.set_sensitive(true);
            value
        });
        Ok(Some(Proxy {
            host: uri.host().ok_or_else(unusable)?.to_owned(),
            port: uri.port_u16().unwrap_or(DEFAULT_PORT),
            authorization,
        }))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}:{}", self.host, self.port)
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(https: &str, no: &str) -> Proxies {
        Proxies { matcher: Matcher::builder().https(https).http("http://plain:1").no(no).build() }
    }

    fn to(proxies: &Proxies, scheme: &str, host: &str) -> Option<String> {
        proxies.to(scheme, host, 443).unwrap().map(|proxy| format!("{proxy:?}"))
    }

    #[test]
    fn the_variables_name_the_way() {
        let set = proxies("http://user:secret@proxy.example:3128", "inside.example,10.0.0.0/8");
        let proxy = Some("http://proxy.example:3128".to_owned());
        assert_eq!(to(&set, "https", "api.qubittron.ai"), proxy);
        assert_eq!(to(&set, "http", "other.example"), Some("http://plain:1".to_owned()));
        for direct in ["inside.example", "x.inside.example", "10.1.2.3"] {
            assert_eq!(to(&set, "https", direct), None, "{direct}");
        }
        for here in ["127.0.0.1", "localhost", "[::1]", "127.9.9.9"] {
            assert_eq!(to(&set, "https", here), None, "{here}");
        }
        let found = set.to("https", "api.qubittron.ai", 443).unwrap().unwrap();
        let basic = found.authorization.unwrap();
        assert!(basic.is_sensitive() && basic.to_str().unwrap().starts_with("Basic "));
        assert_eq!(to(&proxies("http://p", "*"), "https", "api.qubittron.ai"), None);
    }

    #[test]
    fn a_proxy_of_another_kind_is_told_without_its_password() {
        for other in ["https://u:secret@p:1", "socks5://u:secret@p:1"] {
            let told = proxies(other, "").to("https", "a.example", 443).unwrap_err().to_string();
            assert!(told.contains("a.example") && !told.contains("secret"), "{told}");
        }
    }
}
