//! A network of IP addresses, as people write it: `10.0.0.0/8`, `2001:db8::/32`.
//!
//! It must never hold bits behind its prefix: two spellings of one network would differ.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::fmt;

/// An address and how many of its leading bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    prefix_bits: u8,
}

/// The text is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an address or a network, such as 10.0.0.0/8 or 2001:db8::/32")]
pub struct NetworkError;

/// What tells one IPv4 network from another in a sighting.
const V4_SIGHTING_BITS: u8 = 24;

/// The same for IPv6: what one site mostly has.
const V6_SIGHTING_BITS: u8 = 48;

impl Network {
    /// Reads a network; an address alone is a network of one.
    ///
    /// # Errors
    /// When it is neither, or has bits behind its prefix.
    pub fn parse(text: &str) -> Result<Network, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError)?;
        let most = bits(address);
        let prefix_bits = match prefix {
            None => most,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok().filter(|bits| *bits <= most).ok_or(NetworkError)?
            }
            Some(_) => return Err(NetworkError),
        };
        let network = Network { address, prefix_bits };
        if cut(address, prefix_bits) == address { Ok(network) } else { Err(NetworkError) }
    }

    /// The network by which an address is told from others: /24 or /48.
    pub fn around(address: IpAddr) -> Network {
        let address = address.to_canonical();
        let prefix_bits = if address.is_ipv4() { V4_SIGHTING_BITS } else { V6_SIGHTING_BITS };
        Network { address: cut(address, prefix_bits), prefix_bits }
    }

    /// Is this address in it? An IPv4 address written as IPv6 is the same address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4()
            && cut(address, self.prefix_bits) == self.address
    }
}

fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The address with everything behind so many bits as zero.
fn cut(address: IpAddr, prefix_bits: u8) -> IpAddr {
    let behind = u32::from(bits(address).saturating_sub(prefix_bits));
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(behind).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(behind).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<&str>) {
        let got = Network::parse(text).ok().map(|network| network.to_string());
        assert_eq!(got.as_deref(), expect, "{text}");
    }

    #[test]
    fn a_network_has_no_bits_behind_its_prefix() {
        check("10.0.0.0/8", Some("10.0.0.0/8"));
        check("10.1.2.3", Some("10.1.2.3/32"));
        check("0.0.0.0/0", Some("0.0.0.0/0"));
        check("2001:db8::/32", Some("2001:db8::/32"));
        check("::1", Some("::1/128"));
        check("::/0", Some("::/0"));
        for wrong in ["10.0.0.1/8", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/+8", "x", ""] {
            check(wrong, None);
        }
    }

    #[test]
    fn an_address_is_in_its_networks() {
        let inside = |network: &str, address: &str| {
            Network::parse(network).unwrap().contains(address.parse().unwrap())
        };
        assert!(inside("10.0.0.0/8", "10.255.1.2") && !inside("10.0.0.0/8", "11.0.0.1"));
        assert!(inside("10.0.0.0/8", "::ffff:10.1.1.1") && !inside("10.0.0.0/8", "::1"));
        assert!(inside("::/0", "2001:db8::1") && !inside("::/0", "10.0.0.1"));
        let around = |address: &str| Network::around(address.parse().unwrap()).to_string();
        assert_eq!(around("192.0.2.77"), "192.0.2.0/24");
        assert_eq!(around("::ffff:192.0.2.77"), "192.0.2.0/24");
        assert_eq!(around("2001:db8:1:2::3"), "2001:db8:1::/48");
    }
}
