//! Addresses that phones and their like choose for the networks they make.
//!
//! Newer Androids draw theirs at random, hypervisors and meters choose some of these as well: a
//! match supports other evidence and decides nothing.

use std::net::{IpAddr, Ipv4Addr};

/// A subnet that a maker of tethers uses.
struct Subnet {
    name: &'static str,
    network: Ipv4Addr,
    prefix: u8,
    gateway: Ipv4Addr,
}

const fn subnet(name: &'static str, network: [u8; 4], prefix: u8, gateway: u8) -> Subnet {
    let [a, b, c, d] = network;
    Subnet {
        name,
        network: Ipv4Addr::new(a, b, c, d),
        prefix,
        gateway: Ipv4Addr::new(a, b, c, gateway),
    }
}

const SUBNETS: &[Subnet] = &[
    subnet("Android (USB)", [192, 168, 42, 0], 24, 129),
    subnet("Android (Wi-Fi)", [192, 168, 43, 0], 24, 1),
    subnet("Android (Bluetooth)", [192, 168, 44, 0], 24, 1),
    subnet("Android (Wi-Fi P2P)", [192, 168, 49, 0], 24, 1),
    subnet("iOS", [172, 20, 10, 0], 28, 1),
    subnet("Windows ICS", [192, 168, 137, 0], 24, 1),
    subnet("rogue access point", [172, 16, 42, 0], 24, 1),
];

/// What an address says about a tether.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tether {
    /// Who uses this subnet.
    pub maker: &'static str,
    /// Whether it is the address of the tether itself.
    pub gateway: bool,
}

/// The tether whose subnet holds the address, if any.
#[must_use]
pub fn tether(address: IpAddr) -> Option<Tether> {
    let IpAddr::V4(address) = address.to_canonical() else { return None };
    let found = SUBNETS.iter().find(|subnet| {
        let mask = u32::MAX << (32 - u32::from(subnet.prefix));
        address.to_bits() & mask == subnet.network.to_bits()
    })?;
    Some(Tether { maker: found.name, gateway: address == found.gateway })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tethers_and_their_neighbours() {
        for (address, expected) in [
            ("192.168.43.1", Some(true)),
            ("192.168.43.77", Some(false)),
            ("192.168.42.129", Some(true)),
            ("172.20.10.15", Some(false)),
            ("172.20.10.16", None),
            ("192.168.137.1", Some(true)),
            ("192.168.1.1", None),
            ("::ffff:192.168.43.1", Some(true)),
            ("2001:db8::1", None),
        ] {
            let found = tether(address.parse().unwrap());
            assert_eq!(found.map(|tether| tether.gateway), expected, "{address}");
        }
    }
}
