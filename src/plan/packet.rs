//! The words that files describe packets with: protocols, ports, hosts.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use ipnetwork::IpNetwork;

use super::read::{Located, Table};
use super::{Environment, FindingKind};

/// The protocol number of TCP (RFC 9293).
pub const TCP: u8 = 6;
/// The protocol number of UDP (RFC 768).
pub const UDP: u8 = 17;
const PROTOCOLS: &[(&str, u8)] = &[("tcp", TCP), ("udp", UDP), ("icmp", 1), ("icmpv6", 58)];

/// The name of a protocol as files write it, else its number.
#[must_use]
pub fn protocol_name(protocol: u8) -> String {
    let known = PROTOCOLS.iter().find(|(_, number)| *number == protocol);
    known.map_or_else(|| protocol.to_string(), |(name, _)| (*name).to_owned())
}

/// Reads a protocol by name or number (IANA protocol numbers).
pub(super) fn protocol(text: &Located<String>, table: &Table<'_>) -> Option<u8> {
    let known = PROTOCOLS.iter().find(|(name, _)| *name == text.value);
    let number = known.map(|(_, number)| *number).or_else(|| text.value.parse().ok());
    if number.is_none() {
        let finding = text.finding(FindingKind::NotAChoice).fact("value", &text.value);
        table.push(finding.fact("choices", "tcp, udp, icmp, icmpv6, 0 – 255"));
    }
    number
}

/// Ports that may be absent, which means all of them: `"443"`, `"8000-8010"`.
pub(super) fn ports(table: &Table<'_>, key: &'static str) -> Option<Vec<RangeInclusive<u16>>> {
    let Some(texts) = table.optional_texts(key)? else { return Some(Vec::new()) };
    if texts.is_empty() {
        table.push(table.finding(FindingKind::Empty, key));
    }
    let range = |text: &Located<String>| {
        let (first, last) =
            text.value.split_once('-').unwrap_or((text.value.as_str(), text.value.as_str()));
        let range = first.parse::<u16>().ok().zip(last.parse::<u16>().ok());
        let range = range.filter(|(first, last)| first <= last);
        if range.is_none() {
            table.push(text.finding(FindingKind::BadPorts).fact("value", &text.value));
        }
        range.map(|(first, last)| first..=last)
    };
    let found: Vec<_> = texts.iter().map(range).collect();
    found.into_iter().collect()
}

/// The address of one host.
pub(super) fn host(text: &Located<String>, table: &Table<'_>) -> Option<IpAddr> {
    let host = text.value.parse().ok();
    if host.is_none() {
        let finding = text.finding(FindingKind::BadAddress).fact("value", &text.value);
        table.push(finding.term("cause", "one host address is wanted"));
    }
    host
}

/// Addresses of single hosts, at least one.
pub(super) fn hosts(table: &Table<'_>, key: &'static str) -> Option<Vec<IpAddr>> {
    let texts = table.texts(key)?;
    if texts.is_empty() {
        table.push(table.finding(FindingKind::Empty, key));
    }
    let found: Vec<_> = texts.iter().map(|text| host(text, table)).collect();
    found.into_iter().collect()
}

/// Hosts or networks of one environment; one outside it is a finding.
pub(super) fn hosts_within(
    table: &Table<'_>,
    texts: &[Located<String>],
    environment: Option<&Environment>,
) -> Option<Vec<IpNetwork>> {
    if texts.is_empty() {
        table.push(table.finding(FindingKind::Empty, "ip"));
    }
    let one = |text: &Located<String>| {
        let network = table.to_network(text)?;
        let inside =
            |whole: &IpNetwork| whole.contains(network.ip()) && whole.prefix() <= network.prefix();
        if let Some(environment) = environment
            && !environment.prefixes.iter().any(inside)
        {
            let finding = text.finding(FindingKind::FlowOutside).fact("value", network);
            table.push(finding.fact("environment", &environment.id));
        }
        Some(network)
    };
    let found: Vec<_> = texts.iter().map(one).collect();
    found.into_iter().collect()
}
