//! Where a query came from, no more exactly than a network.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The network of a source: enough to tell a carrier's from the city's own, too little to tell a
/// person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SourceNetwork {
    /// A /24.
    V4(Ipv4Addr),
    /// A /48.
    V6(Ipv6Addr),
}

impl SourceNetwork {
    /// The network of an address; an IPv4 address within IPv6 is an IPv4 address (RFC 4291
    /// §2.5.5.2).
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                Self::V4(Ipv4Addr::from_bits(address.to_bits() & (u32::MAX << 8)))
            }
            IpAddr::V6(address) => {
                Self::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 80)))
            }
        }
    }
}

impl fmt::Display for SourceNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(network) => write!(f, "{network}/24"),
            Self::V6(network) => write!(f, "{network}/48"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_known_by_its_network_alone() {
        for (address, network) in [
            ("203.0.113.77", "203.0.113.0/24"),
            ("::ffff:203.0.113.77", "203.0.113.0/24"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ] {
            assert_eq!(SourceNetwork::of(address.parse().unwrap()).to_string(), network);
        }
    }
}
