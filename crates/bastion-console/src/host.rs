//! Which `Host` the operator API answers: on loopback no foreign name, against DNS rebinding.
//!
//! It must never refuse an address: only names can be bound to another machine's page.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use bastion_observe::Setting;
use http::Request;
use http::header::HOST;
use http::uri::Authority;

/// The setting that says where operators connect.
const LISTEN_SETTING: &str = "operator.listen";

const LOCAL_NAME: &str = "localhost";

/// Which names may stand in `Host`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HostRule {
    /// Only `localhost`: the listener is for this machine.
    LocalNames,
    /// Any: the operators chose a listener that others can reach.
    AnyName,
}

impl HostRule {
    /// By the listener's address; the strict one if that is not known.
    pub(crate) fn of(settings: &[Setting]) -> HostRule {
        let listen = settings.iter().find(|setting| setting.key == LISTEN_SETTING);
        let address: Option<SocketAddr> = listen.and_then(|setting| setting.value.parse().ok());
        match address {
            Some(address) if !address.ip().is_loopback() => HostRule::AnyName,
            Some(_) | None => HostRule::LocalNames,
        }
    }

    /// May this request be answered? One without any host cannot come from a page.
    pub(crate) fn admits<B>(self, request: &Request<B>) -> bool {
        let named = |value: &http::HeaderValue| value.to_str().is_ok_and(is_local);
        let authority = request.uri().authority();
        self == HostRule::AnyName
            || (request.headers().get_all(HOST).iter().all(named)
                && authority.is_none_or(|authority| is_local(authority.as_str())))
    }
}

fn is_local(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let host = authority.host();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match bare {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => host.eq_ignore_ascii_case(LOCAL_NAME) || host.parse::<IpAddr>().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listening(value: &str) -> HostRule {
        let (key, value) = (LISTEN_SETTING.to_owned(), value.to_owned());
        HostRule::of(&[Setting { key, value, source: "default".to_owned() }])
    }

    fn check(rule: HostRule, host: &str, expect: bool) {
        let request = Request::builder().header(HOST, host).body(()).unwrap();
        assert_eq!(rule.admits(&request), expect, "{host}");
    }

    #[test]
    fn a_foreign_name_is_refused_on_loopback_only() {
        let local = listening("127.0.0.1:8081");
        for foreign in ["evil.example", "evil.example:8081", "localhost.evil.example", "", "a b"] {
            check(local, foreign, false);
        }
        for own in ["localhost", "LOCALHOST:8081", "127.0.0.1:1", "[::1]:8081", "192.0.2.7"] {
            check(local, own, true);
        }
        check(listening("[::1]:8081"), "evil.example", false);
        check(listening("0.0.0.0:8081"), "ops.example", true);
        check(HostRule::of(&[]), "evil.example", false);
    }
}
