//! Which proxy stands before a target, by the usual variables.
//!
//! It must never print a proxy's user or password, and never go on without a proxy because what a
//! variable says cannot be read.

use std::ffi::OsString;
use std::fmt;
use std::net::IpAddr;

use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::Matcher;

/// Source: curl's manual, ENVIRONMENT; the first of a pair that is not empty counts.
const HTTP: [&str; 2] = ["http_proxy", "HTTP_PROXY"];
const HTTPS: [&str; 2] = ["HTTPS_PROXY", "https_proxy"];
const ALL: [&str; 2] = ["ALL_PROXY", "all_proxy"];
const NO: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// Set by servers that run CGI programs: there a request's `Proxy` header becomes `HTTP_PROXY`,
/// so only the lower-case one counts. Source: CVE-2016-5385.
const CGI: &str = "REQUEST_METHOD";

/// What a variable says cannot be used. Its text may hold a password: only its name is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// No URL.
    #[error("the variable {0} is no URL like http://user:password@proxy.example:3128")]
    NoUrl(&'static str),
    /// TLS to the proxy itself, or SOCKS.
    #[error("the variable {0} names a proxy that is not http://; only those are spoken to")]
    Scheme(&'static str),
    /// Not text.
    #[error("the variable {0} is no text in UTF-8")]
    NoText(&'static str),
}

/// An HTTP proxy that opens ways by CONNECT, for plain text too: the proxy sees no prompt that it
/// need not see, and connections are kept as they are without it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Proxy {
    host: String,
    port: u16,
    authorization: Option<HeaderValue>,
    /// For messages.
    variable: &'static str,
}

/// The proxies of this process.
#[derive(Debug)]
pub struct Proxies {
    matcher: Matcher,
    http: &'static str,
    https: &'static str,
}

impl Proxy {
    pub(crate) fn address(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// `Basic …`, if the URL names a user.
    pub(crate) fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }

    /// The variable that names it.
    pub(crate) fn variable(&self) -> &'static str {
        self.variable
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} of {}", self.host, self.port, self.variable)
    }
}

impl Proxies {
    /// As `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say, upper or lower case.
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub fn from_environment() -> Result<Proxies, ProxyError> {
        Proxies::of(std::env::var_os::<&str>)
    }

    pub(crate) fn of(
        variable: impl Fn(&'static str) -> Option<OsString>,
    ) -> Result<Proxies, ProxyError> {
        let first = |names: &[&'static str]| -> Result<Option<(&'static str, String)>, ProxyError> {
            let set = names.iter().find_map(|name| {
                variable(name).filter(|text| !text.is_empty()).map(|text| (*name, text))
            });
            let Some((name, text)) = set else { return Ok(None) };
            let text = text.into_string().map_err(|_| ProxyError::NoText(name))?;
            Ok(Some((name, text.trim().to_owned())))
        };
        let proxy = |names: &[&'static str]| {
            let named = first(names)?;
            named.map(|(name, text)| checked(name, &text).map(|()| (name, text))).transpose()
        };
        let cgi = variable(CGI).is_some();
        let (http, https, all) =
            (proxy(if cgi { &HTTP[..1] } else { &HTTP })?, proxy(&HTTPS)?, proxy(&ALL)?);
        let name = |one: &Option<(&'static str, String)>| {
            one.as_ref().or(all.as_ref()).map_or(ALL[0], |(name, _)| *name)
        };
        let names = (name(&http), name(&https));
        let text = |one: Option<(&'static str, String)>| one.map_or_else(String::new, |(_, t)| t);
        let matcher = Matcher::builder()
            .http(text(http))
            .https(text(https))
            .all(text(all))
            .no(suffixes(&text(first(&NO)?)))
            .build();
        Ok(Proxies { matcher, http: names.0, https: names.1 })
    }

    /// The proxy before a target, if there is one; never before this machine itself.
    pub fn before(&self, scheme: &str, host: &str, port: u16) -> Option<Proxy> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let address = bare.parse::<IpAddr>();
        if bare.eq_ignore_ascii_case("localhost") || address.is_ok_and(|ip| ip.is_loopback()) {
            return None;
        }
        let authority = if bare.contains(':') { format!("[{bare}]") } else { bare.to_owned() };
        let target: Uri = format!("{scheme}://{authority}:{port}/").parse().ok()?;
        let found = self.matcher.intercept(&target)?;
        let uri = found.uri();
        let host = uri.host()?.trim_start_matches('[').trim_end_matches(']').to_owned();
        Some(Proxy {
            host,
            port: uri.port_u16().unwrap_or(80),
            authorization: found.basic_auth().cloned(),
            variable: if scheme == "https" { self.https } else { self.http },
        })
    }
}

/// The matcher passes over what it cannot read; here that is an error.
fn checked(name: &'static str, text: &str) -> Result<(), ProxyError> {
    let uri: Uri = text.parse().map_err(|_| ProxyError::NoUrl(name))?;
    match uri.scheme_str() {
        None | Some("http") => {}
        Some(_) => return Err(ProxyError::Scheme(name)),
    }
    let authority = uri.authority().ok_or(ProxyError::NoUrl(name))?;
    // A port that is no number is passed over by `Uri`, and 80 would stand in for it.
    let behind_host = authority.as_str().rsplit(['@', ']']).next().unwrap_or_default();
    let port_is_lost = behind_host.contains(':') && authority.port_u16().is_none();
    if authority.host().is_empty() || port_is_lost { Err(ProxyError::NoUrl(name)) } else { Ok(()) }
}

/// `*.example.com` is widely written for `.example.com`, which the matcher knows.
fn suffixes(no: &str) -> String {
    let each = |entry: &str| {
        let entry = entry.trim();
        entry.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(entry).to_owned()
    };
    no.split(',').map(each).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(set: &[(&'static str, &str)]) -> Result<Proxies, ProxyError> {
        let of = |name| set.iter().find(|(set, _)| *set == name).map(|(_, text)| text.into());
        Proxies::of(of)
    }

    /// Where a call to this target goes first; none: straight there.
    fn check(set: &[(&'static str, &str)], target: (&str, &str), expect: Option<&str>) {
        let found = proxies(set).unwrap().before(target.0, target.1, 443);
        let found = found.map(|proxy| format!("{}:{}", proxy.host, proxy.port));
        assert_eq!(found.as_deref(), expect, "{set:?} {target:?}");
    }

    #[test]
    fn each_scheme_has_its_variables() {
        let target = ("https", "api.example");
        check(&[], target, None);
        check(&[("HTTPS_PROXY", "http://p:1")], target, Some("p:1"));
        check(&[("https_proxy", "p:1")], target, Some("p:1"));
        check(&[("HTTPS_PROXY", ""), ("https_proxy", "http://p")], target, Some("p:80"));
        check(&[("ALL_PROXY", "http://[::1]:3128")], target, Some("::1:3128"));
        check(&[("ALL_PROXY", "http://a:1"), ("HTTPS_PROXY", "http://p:1")], target, Some("p:1"));
        check(&[("HTTP_PROXY", "http://p:1")], target, None);
        check(&[("HTTP_PROXY", "http://p:1")], ("http", "api.example"), Some("p:1"));
        check(&[("http_proxy", "http://p:1")], ("http", "api.example"), Some("p:1"));
    }

    #[test]
    fn where_a_request_may_name_variables_only_the_lower_case_one_counts() {
        let target = ("http", "api.example");
        let cgi = ("REQUEST_METHOD", "POST");
        check(&[cgi, ("HTTP_PROXY", "http://p:1")], target, None);
        check(&[cgi, ("http_proxy", "http://p:1")], target, Some("p:1"));
        check(&[cgi, ("HTTPS_PROXY", "http://p:1")], ("https", "api.example"), Some("p:1"));
    }

    #[test]
    fn no_proxy_knows_hosts_suffixes_addresses_networks_and_all() {
        let no = |no, host, expect| {
            let set = [("ALL_PROXY", "http://p:1"), ("NO_PROXY", no)];
            check(&set, ("https", host), expect);
        };
        no("a.example, b.example", "b.example", None);
        no("example", "api.example", None);
        no(".example", "api.example", None);
        no("*.example", "api.example", None);
        no("example", "notexample", Some("p:1"));
        no("10.0.0.0/8", "10.1.2.3", None);
        no("10.0.0.0/8", "11.1.2.3", Some("p:1"));
        no("2001:db8::/32", "2001:db8::1", None);
        no("*", "api.example", None);
    }

    #[test]
    fn this_machine_is_never_behind_a_proxy() {
        for host in ["localhost", "127.0.0.1", "127.3.2.1", "::1", "[::1]"] {
            check(&[("ALL_PROXY", "http://p:1")], ("http", host), None);
        }
    }

    #[test]
    fn what_cannot_be_used_is_an_error_that_tells_no_password() {
        let refused = |name, text| {
            let error = proxies(&[(name, text)]).unwrap_err();
            let told = format!("{error} {error:?}");
            assert!(told.contains(name) && !told.contains("hunter2"), "{told}");
            error
        };
        let url = refused("HTTPS_PROXY", "http://me:hunter2@");
        assert_eq!(url, ProxyError::NoUrl("HTTPS_PROXY"));
        refused("https_proxy", "http://me:hunter2@p:notaport");
        refused("ALL_PROXY", "socks5://me:hunter2@p:1080");
        let tls = refused("HTTP_PROXY", "https://me:hunter2@p:1");
        assert_eq!(tls, ProxyError::Scheme("HTTP_PROXY"));
    }

    #[test]
    fn a_user_and_password_are_a_header_that_is_never_printed() {
        let proxies = proxies(&[("HTTPS_PROXY", "http://me:hunt%2Fer2@p:1")]).unwrap();
        let proxy = proxies.before("https", "api.example", 443).unwrap();
        // me:hunt/er2
        assert_eq!(proxy.authorization().unwrap(), "Basic bWU6aHVudC9lcjI=");
        let told = format!("{proxies:?} {proxy:?} {:?}", proxy.authorization());
        assert!(!told.contains("er2") && !told.contains("bWU6"), "{told}");
    }
}
