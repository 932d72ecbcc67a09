//! Where a call comes from: the connection's other end, or behind proxies that are trusted, whom
//! they name.
//!
//! It must never believe a header that an untrusted peer could have written.

use std::net::IpAddr;

use bastion_types::Network;
use http::HeaderMap;

const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// Entries of the header that are looked at, from the last one on.
const MAX_ENTRIES: usize = 32;

/// The caller's address. Each proxy adds whom it saw at the end: from there on entries are believed
/// as long as it was a trusted one that wrote them.
pub(crate) fn caller_address(trusted: &[Network], peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    if trusted.is_empty() || !is_trusted(peer) {
        return peer;
    }
    let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
    let entries = lines.flat_map(|line| line.to_str().unwrap_or("unreadable").rsplit(','));
    let mut known = peer;
    for entry in entries.take(MAX_ENTRIES) {
        let Some(address) = address(entry.trim()) else { return known };
        known = address;
        if !is_trusted(address) {
            return address;
        }
    }
    known
}

/// An address, perhaps with a port, as some proxies write it.
fn address(entry: &str) -> Option<IpAddr> {
    let plain = entry.parse().ok();
    let bracketed = || entry.strip_prefix('[')?.split_once(']')?.0.parse().ok();
    let with_port = || entry.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    plain.or_else(with_port).or_else(bracketed)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn check(peer: &str, lines: &[&str], expect: &str) {
        let trusted = ["10.0.0.0/8", "::1"].map(|text| Network::parse(text).unwrap());
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_str(line).unwrap());
        }
        let found = caller_address(&trusted, peer.parse().unwrap(), &headers);
        assert_eq!(found, expect.parse::<IpAddr>().unwrap(), "{peer} {lines:?}");
        assert_eq!(
            caller_address(&[], peer.parse().unwrap(), &headers),
            peer.parse::<IpAddr>().unwrap()
        );
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        check("192.0.2.1", &["203.0.113.5"], "192.0.2.1");
        check("10.0.0.1", &["203.0.113.5"], "203.0.113.5");
        check("::ffff:10.0.0.1", &["203.0.113.5"], "203.0.113.5");
        check("10.0.0.1", &[], "10.0.0.1");
        check("10.0.0.1", &["1.1.1.1, 203.0.113.5, 10.0.0.9"], "203.0.113.5");
        check("10.0.0.1", &["1.1.1.1", "203.0.113.5"], "203.0.113.5");
        check("10.0.0.1", &["10.0.0.8, 10.0.0.9"], "10.0.0.8");
        check("10.0.0.1", &["203.0.113.5, nonsense"], "10.0.0.1");
        check("10.0.0.1", &["203.0.113.5, nonsense, 10.0.0.2"], "10.0.0.2");
        check("::1", &["[2001:db8::7]:4711"], "2001:db8::7");
        check("::1", &["203.0.113.5:80"], "203.0.113.5");
        check("::1", &["[2001:db8::7]"], "2001:db8::7");
    }
}
