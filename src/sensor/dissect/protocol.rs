//! The protocols the sensor recognises, as ids and as a set.

use super::u16_at;

/// A protocol, by the id that a manifest writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// ARP.
    Arp,
    /// 802.1X.
    Eapol,
    /// Spanning tree and other control frames of bridges.
    Bpdu,
    /// LLDP.
    Lldp,
    /// CDP.
    Cdp,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMPv6.
    Icmpv6,
    /// DHCP.
    Dhcp,
    /// DHCPv6.
    Dhcpv6,
    /// DNS, mDNS and LLMNR.
    Dns,
    /// SSDP.
    Ssdp,
    /// RADIUS.
    Radius,
    /// SNMP.
    Snmp,
    /// HTTP.
    Http,
    /// TLS.
    Tls,
    /// QUIC.
    Quic,
    /// SOCKS.
    Socks,
}

impl Protocol {
    /// Every protocol.
    pub const ALL: &'static [Self] = &[
        Self::Arp,
        Self::Eapol,
        Self::Bpdu,
        Self::Lldp,
        Self::Cdp,
        Self::Tcp,
        Self::Udp,
        Self::Icmpv6,
        Self::Dhcp,
        Self::Dhcpv6,
        Self::Dns,
        Self::Ssdp,
        Self::Radius,
        Self::Snmp,
        Self::Http,
        Self::Tls,
        Self::Quic,
        Self::Socks,
    ];

    /// The id.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Arp => "arp",
            Self::Eapol => "eapol",
            Self::Bpdu => "bpdu",
            Self::Lldp => "lldp",
            Self::Cdp => "cdp",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmpv6 => "icmpv6",
            Self::Dhcp => "dhcp",
            Self::Dhcpv6 => "dhcpv6",
            Self::Dns => "dns",
            Self::Ssdp => "ssdp",
            Self::Radius => "radius",
            Self::Snmp => "snmp",
            Self::Http => "http",
            Self::Tls => "tls",
            Self::Quic => "quic",
            Self::Socks => "socks",
        }
    }

    /// Reads an id.
    #[must_use]
    pub fn parse(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|protocol| protocol.id() == id)
    }

    /// What an EtherType, or the LLC header behind a length, names.
    pub(super) fn below_ip(kind: u16, payload: &[u8]) -> Option<Self> {
        match kind {
            0x0806 => Some(Self::Arp),
            0x888e => Some(Self::Eapol),
            0x88cc => Some(Self::Lldp),
            0x8809 => Some(Self::Bpdu),
            0..=1500 => match (payload, u16_at(payload, 6)) {
                ([0x42, 0x42, 0x03, ..], _) => Some(Self::Bpdu),
                ([0xaa, 0xaa, 0x03, 0x00, 0x00, 0x0c, ..], Some(kind)) => match kind {
                    0x2000 => Some(Self::Cdp),
                    0x0104 | 0x010b | 0x0111 | 0x2003 | 0x2004 => Some(Self::Bpdu),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        }
    }
}

/// The protocols recognised so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Protocols(u32);

impl Protocols {
    /// Adds one.
    pub fn add(&mut self, protocol: Protocol) {
        self.0 |= 1 << protocol as u32;
    }

    /// Whether it is among them.
    #[must_use]
    pub const fn has(self, protocol: Protocol) -> bool {
        self.0 & 1 << protocol as u32 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_protocol_has_its_own_id_and_bit() {
        let mut seen = Protocols::default();
        for protocol in Protocol::ALL {
            assert!(!seen.has(*protocol), "{protocol:?}");
            seen.add(*protocol);
            assert_eq!(Protocol::parse(protocol.id()), Some(*protocol));
        }
        assert_eq!(Protocol::parse("ipx"), None);
    }
}
