//! An upstream's base URL: scheme, host, port and path, nothing else.
//!
//! It must never hold user info, a query or a fragment: there secrets hide.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An upstream's base URL, such as `https://api.qubittron.ai/v1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BaseUrl {
    /// With or without TLS.
    pub scheme: Scheme,
    /// A name or an address, lower case; an IPv6 address without its brackets.
    pub host: String,
    /// 443 or 80 where the URL names none.
    pub port: u16,
    /// Empty, or begins with '/' and does not end with one, such as `/v1`.
    pub path: String,
}

/// With or without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain.
    Http,
    /// TLS.
    Https,
}

/// Longest host name, in bytes. Source: RFC 1035.
const LONGEST_HOST_BYTES: usize = 253;

/// Why a text is no base URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BaseUrlError {
    #[error("must begin with https:// (or http://, on this machine)")]
    Scheme,
    #[error("must not hold a user or a password")]
    UserInfo,
    #[error("must not hold a query or a fragment ('?' or '#')")]
    Query,
    #[error("has no host, or one with characters that hosts do not have")]
    Host,
    #[error("has a port that is not a number from 1 to 65535")]
    Port,
    #[error("has a path with characters that paths do not have, or with '..' or '//'")]
    Path,
}

impl BaseUrl {
    /// Reads a URL; slashes at its end go.
    pub(crate) fn parse(text: &str) -> Result<BaseUrl, BaseUrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(BaseUrlError::Scheme)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(BaseUrlError::Scheme),
        };
        if rest.contains('@') {
            return Err(BaseUrlError::UserInfo);
        }
        if rest.contains(['?', '#']) {
            return Err(BaseUrlError::Query);
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = host_and_port(authority)?;
        let port = match port {
            None => scheme.default_port(),
            Some(port) => port_number(port).ok_or(BaseUrlError::Port)?,
        };
        let path = path.trim_end_matches('/');
        if !is_path(path) {
            return Err(BaseUrlError::Path);
        }
        Ok(BaseUrl { scheme, host, port, path: path.to_owned() })
    }

    /// Is it on this machine: 127.0.0.0/8, `::1` or `localhost`?
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost"
            || self.host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }

    /// Host and, unless it is the scheme's own, port: as the `host` header and a URL write it.
    pub fn authority(&self) -> String {
        let host =
            if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (self.scheme, self.port) {
            (Scheme::Http, 80) | (Scheme::Https, 443) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }
}

impl Scheme {
    const fn default_port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }

    /// `http` or `https`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme.as_str(), self.authority(), self.path)
    }
}

fn host_and_port(authority: &str) -> Result<(String, Option<&str>), BaseUrlError> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (address, behind) = rest.split_once(']').ok_or(BaseUrlError::Host)?;
        let address: Ipv6Addr = address.parse().map_err(|_| BaseUrlError::Host)?;
        let port = match behind {
            "" => None,
            _ => Some(behind.strip_prefix(':').ok_or(BaseUrlError::Host)?),
        };
        return Ok((address.to_string(), port));
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    if is_host(host) { Ok((host.to_ascii_lowercase(), port)) } else { Err(BaseUrlError::Host) }
}

/// A name of letters, digits and '-' between dots, or an IPv4 address. What ends in a number and
/// is no address is refused: others would read `127.1` as one.
fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    let numeric = last.starts_with(|first: char| first.is_ascii_digit())
        && (last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x"));
    host.len() <= LONGEST_HOST_BYTES
        && host.split('.').all(label)
        && (!numeric || host.parse::<Ipv4Addr>().is_ok())
}

fn port_number(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0)
}

fn is_path(path: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:/".contains(&byte);
    path.bytes().all(allowed)
        && !path.contains("//")
        && path.split('/').all(|segment| segment != ".." && segment != ".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<&str, BaseUrlError>) {
        let got = BaseUrl::parse(text).map(|url| url.to_string());
        assert_eq!(got, expect.map(str::to_owned), "{text}");
    }

    #[test]
    fn a_base_url_is_scheme_host_port_and_path() {
        check("https://api.qubittron.ai/v1", Ok("https://api.qubittron.ai/v1"));
        check("HTTPS://API.example:443/v1//", Ok("https://api.example/v1"));
        check("http://127.0.0.1:9090", Ok("http://127.0.0.1:9090"));
        check("http://[::1]:80/", Ok("http://[::1]"));
        check("https://[2001:DB8::1]:8443/a/b", Ok("https://[2001:db8::1]:8443/a/b"));
    }

    #[test]
    fn what_could_hide_something_is_refused() {
        check("api.example/v1", Err(BaseUrlError::Scheme));
        check("ftp://api.example", Err(BaseUrlError::Scheme));
        check("https://me:pw@api.example", Err(BaseUrlError::UserInfo));
        check("https://api.example/v1?key=x", Err(BaseUrlError::Query));
        check("https://api.example/#x", Err(BaseUrlError::Query));
        check("https://", Err(BaseUrlError::Host));
        check("https:///v1", Err(BaseUrlError::Host));
        check("https://a..b", Err(BaseUrlError::Host));
        check("https://a b", Err(BaseUrlError::Host));
        check("https://127.1", Err(BaseUrlError::Host));
        check("https://0x7f000001", Err(BaseUrlError::Host));
        check("https://[::1", Err(BaseUrlError::Host));
        check("https://[::1]x", Err(BaseUrlError::Host));
        check("https://a:0", Err(BaseUrlError::Port));
        check("https://a:+80", Err(BaseUrlError::Port));
        check("https://a:65536", Err(BaseUrlError::Port));
        check("https://a/../b", Err(BaseUrlError::Path));
        check("https://a//b", Err(BaseUrlError::Path));
        check("https://a/\u{e9}", Err(BaseUrlError::Path));
    }

    #[test]
    fn loopback_is_this_machine_only() {
        let loopback = |text| BaseUrl::parse(text).unwrap().is_loopback();
        assert!(loopback("http://localhost:1/v1"));
        assert!(loopback("http://127.8.9.1"));
        assert!(loopback("http://[::1]"));
        assert!(!loopback("http://localhost.example"));
        assert!(!loopback("http://10.0.0.1"));
        assert!(!loopback("http://[::2]"));
    }
}
