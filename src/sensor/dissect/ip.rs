//! IPv4 (RFC 791), IPv6 (RFC 8200), UDP (RFC 768) and what the sensor wants of ICMPv6.
//!
//! Lengths are believed only as far as the octets go: captures cut packets short, and the first
//! octets of a payload are all that is looked at.

use std::net::IpAddr;

use super::{Flaw, Tcp, tcp, u8_at, u16_at};

/// Extension headers read of one packet.
const EXTENSIONS_MAX: usize = 8;

/// An IP packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ip<'a> {
    /// Who sent it.
    pub source: IpAddr,
    /// Whom it is for.
    pub destination: IpAddr,
    /// Time to live, or hop limit, as captured.
    pub ttl: u8,
    /// What it carries.
    pub transport: Transport<'a>,
}

/// What an IP packet carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport<'a> {
    /// A TCP segment.
    Tcp(Tcp<'a>),
    /// A UDP datagram.
    Udp {
        /// The source port.
        source: u16,
        /// The destination port.
        destination: u16,
        /// What was captured of the payload.
        payload: &'a [u8],
    },
    /// ICMPv6 (RFC 4443), by its type.
    Icmpv6 {
        /// The type.
        kind: u8,
        /// Router lifetime in seconds, of a router advertisement (RFC 4861 §4.2).
        lifetime_s: Option<u16>,
    },
    /// A later fragment: ports and payload belong to the first.
    Fragment,
    /// Another protocol.
    Other(u8),
    /// TCP or UDP whose header cannot be read.
    Flawed,
}

/// Reads a packet of either version.
pub(super) fn read(octets: &[u8]) -> Result<Ip<'_>, Flaw> {
    match octets.first().map(|first| first >> 4) {
        Some(4) => version4(octets).ok_or(Flaw::Ip),
        Some(6) => version6(octets).ok_or(Flaw::Ip),
        _ => Err(Flaw::Ip),
    }
}

fn version4(octets: &[u8]) -> Option<Ip<'_>> {
    let header = usize::from(u8_at(octets, 0)? & 0x0f) * 4;
    let total = usize::from(u16_at(octets, 2)?);
    // A total of 0 is left by network cards that cut segments themselves.
    let end = if total < header { octets.len() } else { total.min(octets.len()) };
    let fragment = u16_at(octets, 6)? & 0x1fff;
    let (ttl, protocol) = (u8_at(octets, 8)?, u8_at(octets, 9)?);
    let source: [u8; 4] = *octets.get(12..)?.first_chunk()?;
    let destination: [u8; 4] = *octets.get(16..)?.first_chunk()?;
    if header < 20 {
        return None;
    }
    let payload = octets.get(header..end)?;
    let transport = if fragment == 0 { transport(protocol, payload) } else { Transport::Fragment };
    Some(Ip { source: source.into(), destination: destination.into(), ttl, transport })
}

fn version6(octets: &[u8]) -> Option<Ip<'_>> {
    let length = usize::from(u16_at(octets, 4)?);
    let mut next = u8_at(octets, 6)?;
    let ttl = u8_at(octets, 7)?;
    let source: [u8; 16] = *octets.get(8..)?.first_chunk()?;
    let destination: [u8; 16] = *octets.get(24..)?.first_chunk()?;
    let mut payload = octets.get(40..)?;
    if length != 0 {
        payload = payload.get(..length).unwrap_or(payload);
    }
    let mut later = false;
    for _ in 0..EXTENSIONS_MAX {
        // Hop-by-hop, routing, fragment and destination options (RFC 8200 §4.1).
        let size = match next {
            0 | 43 | 60 => usize::from(u8_at(payload, 1)?) * 8 + 8,
            44 => {
                later = u16_at(payload, 2)? & 0xfff8 != 0;
                8
            }
            _ => break,
        };
        next = u8_at(payload, 0)?;
        payload = payload.get(size..)?;
    }
    let transport = if later { Transport::Fragment } else { transport(next, payload) };
    Some(Ip { source: source.into(), destination: destination.into(), ttl, transport })
}

fn transport(protocol: u8, payload: &[u8]) -> Transport<'_> {
    let udp = || {
        let (source, destination) = (u16_at(payload, 0)?, u16_at(payload, 2)?);
        let length = usize::from(u16_at(payload, 4)?);
        let body = payload.get(8..)?;
        let body = length.checked_sub(8).and_then(|length| body.get(..length)).unwrap_or(body);
        Some(Transport::Udp { source, destination, payload: body })
    };
    match protocol {
        6 => tcp::read(payload).map_or(Transport::Flawed, Transport::Tcp),
        17 => udp().unwrap_or(Transport::Flawed),
        58 => match u8_at(payload, 0) {
            Some(kind) => {
                let lifetime_s = u16_at(payload, 6).filter(|_| kind == 134);
                Transport::Icmpv6 { kind, lifetime_s }
            }
            None => Transport::Flawed,
        },
        other => Transport::Other(other),
    }
}
