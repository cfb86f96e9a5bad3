//! Sets of packet headers, exactly: unions of boxes over addresses, protocol, ports and whether
//! a TCP segment belongs to a connection already open.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::ops::RangeInclusive;

use ipnetwork::IpNetwork;

use crate::plan::{TCP, UDP, protocol_name};

/// An interval of whole numbers, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span<T> {
    /// The first.
    pub first: T,
    /// The last, not before the first.
    pub last: T,
}

/// The numbers that headers are made of.
pub trait Number: Copy + Ord {
    /// The number before; `None` before the first.
    fn before(self) -> Option<Self>;
    /// The number after; `None` after the last.
    fn after(self) -> Option<Self>;
}

macro_rules! numbers {
    ($($type:ty),*) => {$(
        impl Number for $type {
            fn before(self) -> Option<Self> {
                self.checked_sub(1)
            }
            fn after(self) -> Option<Self> {
                self.checked_add(1)
            }
        }
    )*};
}
numbers!(u8, u16, u64, u128);

impl<T: Number> Span<T> {
    /// From `first` to `last`.
    #[must_use]
    pub const fn new(first: T, last: T) -> Self {
        Self { first, last }
    }

    /// What both hold.
    #[must_use]
    pub fn and(self, other: Self) -> Option<Self> {
        let (first, last) = (self.first.max(other.first), self.last.min(other.last));
        (first <= last).then_some(Self { first, last })
    }

    fn holds(self, other: Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }

    /// What lies before and after `other`, which lies within.
    fn around(self, other: Self) -> [Option<Self>; 2] {
        let below = other.first.before().filter(|last| self.first <= *last);
        let above = other.last.after().filter(|first| *first <= self.last);
        [
            below.map(|last| Self { first: self.first, last }),
            above.map(|first| Self { first, last: self.last }),
        ]
    }
}

/// A box of headers. IPv4 addresses stand as IPv4-mapped IPv6 addresses (RFC 4291 §2.5.5.2), so
/// that both families lie apart in one space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Header {
    /// Source address.
    pub from: Span<u128>,
    /// Destination address.
    pub to: Span<u128>,
    /// Protocol number.
    pub protocol: Span<u8>,
    /// Source port; everything where the protocol has none.
    pub from_port: Span<u16>,
    /// Destination port.
    pub to_port: Span<u16>,
    /// 0: opens a connection; 1: belongs to one (TCP with ACK or RST).
    pub established: Span<u8>,
    /// Source MAC address, as the first gateway sees it; a path forgets it.
    pub mac: Span<u64>,
}

/// Every address.
const ADDRESSES: Span<u128> = Span { first: 0, last: u128::MAX };
/// Every IPv4 address, as IPv4-mapped.
pub const IPV4: Span<u128> = Span { first: 0xffff_0000_0000, last: 0xffff_ffff_ffff };
/// Every MAC address.
pub const MACS: Span<u64> = Span { first: 0, last: 0xffff_ffff_ffff };

impl Header {
    /// Every packet.
    pub const ALL: Self = Self {
        from: ADDRESSES,
        to: ADDRESSES,
        protocol: Span { first: 0, last: u8::MAX },
        from_port: Span { first: 0, last: u16::MAX },
        to_port: Span { first: 0, last: u16::MAX },
        established: Span { first: 0, last: 1 },
        mac: MACS,
    };

    /// What both hold.
    #[must_use]
    pub fn and(&self, other: &Self) -> Option<Self> {
        Some(Self {
            from: self.from.and(other.from)?,
            to: self.to.and(other.to)?,
            protocol: self.protocol.and(other.protocol)?,
            from_port: self.from_port.and(other.from_port)?,
            to_port: self.to_port.and(other.to_port)?,
            established: self.established.and(other.established)?,
            mac: self.mac.and(other.mac)?,
        })
    }

    /// Whether all of `other` lies within.
    #[must_use]
    pub fn holds(&self, other: &Self) -> bool {
        self.from.holds(other.from)
            && self.to.holds(other.to)
            && self.protocol.holds(other.protocol)
            && self.from_port.holds(other.from_port)
            && self.to_port.holds(other.to_port)
            && self.established.holds(other.established)
            && self.mac.holds(other.mac)
    }

    /// Appends what of `self` lies outside `other`, as boxes that do not overlap.
    fn without(&self, other: &Self, rest: &mut Vec<Self>) {
        let Some(both) = self.and(other) else {
            rest.push(*self);
            return;
        };
        let mut left = *self;
        macro_rules! peel {
            ($($field:ident),*) => {$(
                for part in left.$field.around(both.$field).into_iter().flatten() {
                    rest.push(Self { $field: part, ..left });
                }
                left.$field = both.$field;
            )*};
        }
        peel!(from, to, protocol, from_port, to_port, established, mac);
        let _ = left; // what is left is `both`
    }
}

/// What of `headers` lies outside every box of `others`.
#[must_use]
pub fn subtract<'a>(
    headers: Vec<Header>,
    others: impl IntoIterator<Item = &'a Header>,
) -> Vec<Header> {
    let mut left = headers;
    for other in others {
        if left.is_empty() {
            break;
        }
        if left.iter().all(|header| header.and(other).is_none()) {
            continue;
        }
        let mut rest = Vec::with_capacity(left.len());
        for header in &left {
            header.without(other, &mut rest);
        }
        left = rest;
    }
    left
}

/// Numbered spans of destinations, by where they lie, so that a box is compared only with those
/// it can have something in common with.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// By length, as the power of two above it; by first address and number, the last address.
    tiers: BTreeMap<u32, BTreeMap<(u128, usize), u128>>,
}

impl Places {
    /// The destinations of boxes, numbered in order.
    pub(super) fn of<'a>(headers: impl IntoIterator<Item = &'a Header>) -> Self {
        let mut places = Self::default();
        for (number, header) in headers.into_iter().enumerate() {
            places.add(header.to, number);
        }
        places
    }

    /// Adds a span under a number.
    pub(super) fn add(&mut self, span: Span<u128>, number: usize) {
        let length = span.last - span.first;
        let tier = u128::BITS - length.leading_zeros();
        self.tiers.entry(tier).or_default().insert((span.first, number), span.last);
    }

    /// The numbers of the spans that have something in common with that one, ascending.
    pub(super) fn meeting(&self, span: Span<u128>) -> Vec<usize> {
        let mut found = Vec::new();
        for (tier, spans) in &self.tiers {
            // What begins earlier is too short to reach the span.
            let longest = 1_u128.checked_shl(*tier).map_or(u128::MAX, |above| above - 1);
            let from = (span.first.saturating_sub(longest), 0);
            let within = spans.range(from..=(span.last, usize::MAX));
            let reaching = within.filter(|(_, last)| **last >= span.first);
            found.extend(reaching.map(|((_, number), _)| *number));
        }
        found.sort_unstable();
        found
    }
}

/// What of a header lies outside every box of a list, whose destinations are in `places`: the
/// same boxes as [`subtract`] leaves, for what does not meet the header changes none.
pub(super) fn outside(header: Header, places: &Places, others: &[Header]) -> Vec<Header> {
    let meeting = places.meeting(header.to);
    subtract(vec![header], meeting.iter().filter_map(|number| others.get(*number)))
}

/// The addresses of a network.
#[must_use]
pub fn addresses(network: IpNetwork) -> Span<u128> {
    match network {
        IpNetwork::V4(network) => Span::new(
            address(IpAddr::V4(network.network())),
            address(IpAddr::V4(network.broadcast())),
        ),
        IpNetwork::V6(network) => {
            Span::new(u128::from(network.network()), u128::from(network.broadcast()))
        }
    }
}

/// An address as a number.
#[must_use]
pub fn address(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_ipv6_mapped()),
        IpAddr::V6(address) => u128::from(address),
    }
}

/// The ports of a range.
#[must_use]
pub fn ports(range: &RangeInclusive<u16>) -> Span<u16> {
    Span::new(*range.start(), *range.end())
}

/// One packet of a box, one that people know where the box holds such:
/// `10.1.0.1 → 10.3.0.1 tcp 49152 → 443`.
impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A destination of IPv4 wants a source of IPv4, where the box holds one.
        let show = |own: Span<u128>, other: Span<u128>| {
            let both = own.and(IPV4).filter(|_| other.and(IPV4).is_some()).unwrap_or(own);
            // The first address of a network is no host's.
            Ipv6Addr::from(both.last.min(both.first.saturating_add(1))).to_canonical()
        };
        let (from, to) = (show(self.from, self.to), show(self.to, self.from));
        let protocol = if self.protocol == Self::ALL.protocol { TCP } else { self.protocol.first };
        write!(f, "{from} → {to} {}", protocol_name(protocol))?;
        if matches!(protocol, TCP | UDP) {
            let port = |span: Span<u16>, known: u16| {
                if span.first <= known && known <= span.last { known } else { span.first }
            };
            let (from, to) = (port(self.from_port, 49_152), port(self.to_port, 443));
            write!(f, " {from} → {to}")?;
        }
        if protocol == TCP && self.established.first == 1 {
            write!(f, " (ACK)")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn small() -> impl Strategy<Value = Header> {
        let span = |max: u8| (0..=max, 0..=max).prop_map(|(a, b)| (a.min(b), a.max(b)));
        (span(3), span(3), span(2), span(2), span(1)).prop_map(|(from, to, proto, port, ack)| {
            Header {
                from: Span::new(from.0.into(), from.1.into()),
                to: Span::new(to.0.into(), to.1.into()),
                protocol: Span::new(proto.0, proto.1),
                to_port: Span::new(port.0.into(), port.1.into()),
                established: Span::new(ack.0, ack.1),
                ..Header::ALL
            }
        })
    }

    fn points() -> Vec<Header> {
        let mut points = Vec::new();
        for number in 0_u32..4 * 4 * 3 * 3 * 2 {
            let (from, rest) = (number % 4, number / 4);
            let (to, rest) = (rest % 4, rest / 4);
            let (proto, rest) = (rest % 3, rest / 3);
            let (port, ack) = (rest % 3, rest / 3);
            points.push(Header {
                from: Span::new(from.into(), from.into()),
                to: Span::new(to.into(), to.into()),
                protocol: Span::new(proto as u8, proto as u8),
                from_port: Span::new(0, 0),
                to_port: Span::new(port as u16, port as u16),
                established: Span::new(ack as u8, ack as u8),
                mac: Span::new(0, 0),
            });
        }
        points
    }

    proptest! {
        #[test]
        fn what_is_left_is_exactly_what_no_other_box_holds(
            one in small(),
            others in prop::collection::vec(small(), 0..4),
        ) {
            let left = subtract(vec![one], &others);
            for point in points() {
                let holding = left.iter().filter(|header| header.holds(&point)).count();
                let expected =
                    one.holds(&point) && !others.iter().any(|other| other.holds(&point));
                prop_assert_eq!(holding, usize::from(expected));
            }
        }
    }

    proptest! {
        #[test]
        fn what_meets_is_found_whatever_its_length(
            spans in prop::collection::vec((any::<u128>(), any::<u128>(), 0_u32..128), 0..20),
            one in (any::<u128>(), any::<u128>(), 0_u32..128),
        ) {
            let span = |(first, length, bits): (u128, u128, u32)| {
                // Close together, so that some meet; up to the very ends.
                let first = if length % 2 == 0 { first % 64 } else { u128::MAX - first % 64 };
                Span::new(first, first.saturating_add(length >> bits))
            };
            let one = span(one);
            let spans: Vec<_> = spans.into_iter().map(span).collect();
            let mut places = Places::default();
            for (number, span) in spans.iter().enumerate() {
                places.add(*span, number);
            }
            let expected: Vec<usize> =
                (0..spans.len()).filter(|number| spans[*number].and(one).is_some()).collect();
            prop_assert_eq!(places.meeting(one), expected);
        }
    }

    #[test]
    fn families_lie_apart_and_a_sample_is_one_packet() {
        let v4 = addresses("10.1.0.0/16".parse().unwrap());
        let v6 = addresses("fd00:1::/48".parse().unwrap());
        assert!(IPV4.holds(v4) && IPV4.and(v6).is_none());
        let header = Header { from: v4, to_port: Span::new(443, 443), ..Header::ALL };
        assert_eq!(header.to_string(), "10.1.0.1 → 0.0.0.1 tcp 49152 → 443");
        let header = Header { from: v6, to: v6, ..Header::ALL };
        assert_eq!(header.to_string(), "fd00:1::1 → fd00:1::1 tcp 49152 → 443");
    }
}
