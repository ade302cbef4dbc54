//! Addresses as keys: who comes from the same network has the same one, and the address cannot be read back from it.

use crate::adapters::secret::Key;
use domain::model::user::Network;
use std::net::IpAddr;

/// Turns addresses into keys, the same on all nodes of a database.
pub struct Networks {
    key: Key,
}

impl Networks {
    /// Keys under `key`: without it, all four billion IPv4 addresses could be tried.
    pub fn new(key: Key) -> Networks {
        Networks { key }
    }

    /// The network of an address: IPv4 as it is, IPv6 by its first 64 bits (what one household or phone has for itself),
    /// IPv4 written as IPv6 as what it means.
    pub fn of(&self, address: IpAddr) -> Network {
        match address.to_canonical() {
            IpAddr::V4(v4) => self.key_of(&v4.octets()),
            IpAddr::V6(v6) => self.key_of(&v6.octets()[..8]),
        }
    }

    /// The wider networks of an address, nearest first: of IPv6 the /56 and the /48, which providers give to one customer
    /// and one site (RFC 6177); IPv4 has none.
    pub fn wider(&self, address: IpAddr) -> Vec<Network> {
        match address.to_canonical() {
            IpAddr::V4(_) => Vec::new(),
            IpAddr::V6(v6) => [7, 6].map(|bytes| self.key_of(&v6.octets()[..bytes])).to_vec(),
        }
    }

    fn key_of(&self, bytes: &[u8]) -> Network {
        Network(self.key.hash(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str) -> String {
        Networks::new(Key::from_bytes([1; 32])).of(address.parse().unwrap()).0
    }

    #[test]
    fn equal_networks_have_equal_keys() {
        for (a, b, equal) in [
            ("203.0.113.7", "203.0.113.7", true),
            ("203.0.113.7", "203.0.113.8", false),
            ("203.0.113.7", "::ffff:203.0.113.7", true),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
            ("127.0.0.1", "::1", false),
        ] {
            assert_eq!(of(a) == of(b), equal, "{a} {b}");
        }
    }

    #[test]
    fn an_ipv6_address_lies_in_two_wider_networks() {
        let wider = |address: &str| Networks::new(Key::from_bytes([1; 32])).wider(address.parse().unwrap());
        let (a, b, c) = (wider("2001:db8:1:2::1"), wider("2001:db8:1:3::1"), wider("2001:db8:1:ff03::1"));
        assert_eq!(a, b, "one /56");
        assert_eq!((a[0] == c[0], a[1] == c[1]), (false, true), "another /56 of one /48");
        assert_eq!(wider("203.0.113.7"), []);
        assert_eq!(wider("::ffff:203.0.113.7"), []);
    }

    #[test]
    fn a_key_shows_nothing_of_the_address() {
        assert_eq!(of("203.0.113.7").len(), 22);
        let other = Networks::new(Key::from_bytes([2; 32])).of("203.0.113.7".parse().unwrap());
        assert_ne!(other.0, of("203.0.113.7"));
    }
}
