//! Octets to what the sensor looks at; holds no state and decides nothing.
//!
//! Frames come cut short and malformed. What cannot be read is a [`Flaw`] with the layer it was
//! met at, never a panic; what was read before it stays usable. smoltcp's checked views read TCP
//! and DNS; IPv4, IPv6 and UDP are read here, since smoltcp refuses the cut packets that captures
//! are full of.

mod control;
mod datagram;
mod dhcp;
mod dns;
mod http;
mod ip;
mod octets;
mod protocol;
mod socks;
mod tcp;
#[cfg(test)]
mod tests;
mod tls;

pub use control::{Control, Neighbour};
pub use datagram::{is_dhcpv6, is_quic_initial, is_radius, is_snmp};
pub use dhcp::{Dhcp, DhcpKind};
pub use dns::Dns;
use dns::is_host_name;
pub use http::{HEAD_OCTETS_MAX, Http};
pub use ip::{Ip, Transport};
pub use protocol::{Protocol, Protocols};
pub use socks::{Greeting, greeting, is_answer};
pub use tcp::{Layout, Syn, Tcp};
pub use tls::{ClientHello, is_server_hello};

use std::net::IpAddr;

use super::capture::LinkType;
use crate::vocabulary::Mac;
use crate::wire::frame::eapol::Eapol;
use octets::{u8_at, u16_at, u32_at};

/// Tags read of one frame (802.1Q, 802.1ad and the older 0x9100).
const TAGS_MAX: usize = 4;

/// Where reading a frame stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flaw {
    /// The link layer's header.
    Link,
    /// More tags than any network has.
    Tags,
    /// ARP.
    Arp,
    /// IPv4 or IPv6.
    Ip,
    /// A control frame of bridges and switches.
    Control,
    /// EAPOL.
    Eapol,
}

/// What a frame carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// IPv4 or IPv6.
    Ip(Ip<'a>),
    /// ARP: who says to have which address.
    Arp {
        /// The sender's IPv4 address, as [`IpAddr`] for those who compare.
        sender: IpAddr,
    },
    /// BPDU, LLDP, CDP and their like.
    Control(Control),
    /// A packet of 802.1X.
    Eapol,
    /// Something that tells the sensor nothing.
    Other,
    /// Something that cannot be read.
    Flawed(Flaw),
}

/// One frame, read as far as it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dissection<'a> {
    /// Who sent it, where the link says so.
    pub source: Option<Mac>,
    /// Whom it is for, where the link says so.
    pub destination: Option<[u8; 6]>,
    /// The outer VLAN tag; priority tags (VLAN 0) are none.
    pub vlan: Option<u16>,
    /// The protocol below IP that its type names, readable or not.
    pub protocol: Option<Protocol>,
    /// What it carries.
    pub content: Content<'a>,
}

impl Dissection<'_> {
    /// Whether it is for one station; links without addresses leave that to the IP address.
    #[must_use]
    pub fn is_unicast(&self) -> bool {
        self.destination.is_none_or(|[first, ..]| first & 1 == 0)
    }
}

/// Reads one frame.
#[must_use]
pub fn dissect(link: LinkType, octets: &[u8]) -> Dissection<'_> {
    let anonymous = |content| Dissection {
        source: None,
        destination: None,
        vlan: None,
        protocol: None,
        content,
    };
    match link {
        LinkType::Ethernet => ethernet(octets),
        LinkType::Null | LinkType::Loop => anonymous(match octets.get(4..) {
            Some(rest) => ip(rest),
            None => Content::Flawed(Flaw::Link),
        }),
        LinkType::Raw => anonymous(ip(octets)),
        LinkType::Cooked => cooked(octets, 6, 14, 16),
        LinkType::Cooked2 => cooked(octets, 12, 0, 20),
    }
}

fn ethernet(octets: &[u8]) -> Dissection<'_> {
    let read = || {
        let (destination, rest) = octets.split_first_chunk::<6>()?;
        let (source, rest) = rest.split_first_chunk::<6>()?;
        Some((*destination, Mac::new(*source).ok(), u16_at(rest, 0)?, rest.get(2..)?))
    };
    let Some((destination, source, mut kind, mut payload)) = read() else {
        return Dissection {
            source: None,
            destination: None,
            vlan: None,
            protocol: None,
            content: Content::Flawed(Flaw::Link),
        };
    };
    let mut vlan = None;
    let mut tags = 0;
    let content = loop {
        if !matches!(kind, 0x8100 | 0x88a8 | 0x9100) {
            break typed(kind, payload, destination);
        }
        let (Some(tag), Some(inner), Some(rest)) =
            (u16_at(payload, 0), u16_at(payload, 2), payload.get(4..))
        else {
            break Content::Flawed(Flaw::Link);
        };
        tags += 1;
        if tags > TAGS_MAX {
            break Content::Flawed(Flaw::Tags);
        }
        vlan = vlan.or(Some(tag & 0x0fff).filter(|number| *number != 0));
        (kind, payload) = (inner, rest);
    };
    let protocol = Protocol::below_ip(kind, payload);
    Dissection { source, destination: Some(destination), vlan, protocol, content }
}

/// Linux cooked captures: the address at `address`, the type at `kind`, the payload at `start`.
/// They do not say whom a frame is for.
fn cooked(octets: &[u8], address: usize, kind: usize, start: usize) -> Dissection<'_> {
    let source = octets.get(address..).and_then(|rest| rest.first_chunk::<6>());
    let source = source.and_then(|octets| Mac::new(*octets).ok());
    let (protocol, content) = match (u16_at(octets, kind), octets.get(start..)) {
        (Some(kind), Some(payload)) => {
            (Protocol::below_ip(kind, payload), typed(kind, payload, [0; 6]))
        }
        _ => (None, Content::Flawed(Flaw::Link)),
    };
    Dissection { source, destination: None, vlan: None, protocol, content }
}

/// A payload by its EtherType, or by its LLC header where the type is a length.
fn typed(kind: u16, payload: &[u8], destination: [u8; 6]) -> Content<'_> {
    match kind {
        0x0800 | 0x86dd => ip(payload),
        0x0806 => arp(payload),
        0x888e => match Eapol::parse(payload) {
            Ok(_) => Content::Eapol,
            Err(_) => Content::Flawed(Flaw::Eapol),
        },
        0x88cc => control::lldp(payload),
        0x8809 => control::slow(payload),
        0..=1500 => control::llc(payload, destination),
        _ => Content::Other,
    }
}

fn ip(payload: &[u8]) -> Content<'_> {
    ip::read(payload).map_or_else(Content::Flawed, Content::Ip)
}

/// ARP over Ethernet for IPv4 (RFC 826): lengths of 6 and 4, then the sender's two addresses.
fn arp(payload: &[u8]) -> Content<'_> {
    let lengths = (u8_at(payload, 4), u8_at(payload, 5));
    match (lengths, payload.get(14..).and_then(|rest| rest.first_chunk::<4>())) {
        ((Some(6), Some(4)), Some(address)) => Content::Arp { sender: IpAddr::from(*address) },
        _ => Content::Flawed(Flaw::Arp),
    }
}
