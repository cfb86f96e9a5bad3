//! Layer 3: which packets get from the segments of one environment into those of another, over
//! every gateway, route and standby at once.

use std::collections::HashSet;

use super::header::{Header, IPV4, MACS, Places, Span, addresses, outside, ports};
use super::layer2::Segments;
use crate::plan::{
    Acl, AclIndex, AclRule, Applied, Flow, Gateway, GatewayIndex, Interface, Plan, TCP,
};
use crate::vocabulary::{EnvironmentIndex, VlanId};

/// Boxes of one search at most; a plan that needs more is refused rather than half proven. Boxes
/// for one destination are compared with each other, so this bounds the time as well.
pub(super) const PIECES_MAX: usize = 50_000;

/// What let a packet pass at one side of a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Line {
    /// Nothing restricts it.
    Unfiltered,
    /// A rule of a list.
    Rule(AclIndex, u32),
    /// The list says nothing about the family, and the gateway forwards it.
    Unlisted(AclIndex),
    /// The permitted flow of that position, at a gateway that permits just those.
    Flow(u32),
    /// Traffic within one environment, at a gateway that permits just the flows.
    Inside,
}

/// A passage through a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Hop {
    /// The gateway.
    pub gateway: GatewayIndex,
    /// The VLAN it came from.
    pub from: VlanId,
    /// The VLAN it was forwarded to.
    pub to: VlanId,
    /// What let it in.
    pub input: Line,
    /// What let it out.
    pub output: Line,
}

/// Packets that reach a segment, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    /// The packets.
    pub header: Header,
    /// The segment.
    pub segment: u32,
    /// The hop that brought them and the piece they were before; `None` where they begin.
    pub way: Option<(Hop, usize)>,
}

/// The gateways of a plan, ready to be searched.
pub(super) struct Routes<'a> {
    plan: &'a Plan,
    doors: Vec<Door<'a>>,
    /// The doors of each segment.
    by_segment: Vec<Vec<usize>>,
    /// By gateway.
    ways: Vec<Ways<'a>>,
}

/// Where a gateway sends what: in the order of its doors.
#[derive(Default)]
struct Ways<'a> {
    all: Vec<Way<'a>>,
    places: Places,
}

/// Destinations that a gateway sends out at a door.
struct Way<'a> {
    door: usize,
    to: Span<u128>,
    /// The table of routes this is in; `None` means every one.
    vrf: Option<&'a str>,
}

/// An interface and what passes it.
struct Door<'a> {
    gateway: GatewayIndex,
    interface: &'a Interface,
    segments: Vec<u32>,
    input: Passing,
    output: Passing,
    /// Destinations that are on this VLAN.
    connected: Vec<Span<u128>>,
}

/// What passes, in the order of the lines that let it.
struct Passing {
    all: Vec<(Header, Line)>,
    places: Places,
}

impl Passing {
    fn of(all: Vec<(Header, Line)>) -> Self {
        let places = Places::of(all.iter().map(|(header, _)| header));
        Self { all, places }
    }

    /// What of a box passes.
    fn pass(&self, header: &Header) -> impl Iterator<Item = (Header, Line)> {
        let meeting = self.places.meeting(header.to).into_iter();
        meeting.filter_map(|number| {
            let (passing, line) = self.all.get(number)?;
            Some((header.and(passing)?, *line))
        })
    }
}

impl<'a> Routes<'a> {
    pub(super) fn of(plan: &'a Plan, segments: &Segments) -> Self {
        let mut lists = Lists { plan, made: vec![None; plan.acls.len()] };
        let mut doors = Vec::new();
        let mut by_segment = vec![Vec::new(); segments.count()];
        let mut ways = Vec::with_capacity(plan.gateways.len());
        for (index, gateway) in (0_u16..).map(GatewayIndex).zip(&plan.gateways) {
            let first = doors.len();
            for interface in &gateway.interfaces {
                let attached = segments.attached(plan, gateway, interface.vlan);
                for segment in &attached {
                    let slot = usize::try_from(*segment).ok().and_then(|at| by_segment.get_mut(at));
                    slot.into_iter().for_each(|list: &mut Vec<usize>| list.push(doors.len()));
                }
                let vlan = plan.vlan(interface.vlan);
                let prefixes = vlan.into_iter().flat_map(|vlan| [vlan.prefix, vlan.prefix6]);
                doors.push(Door {
                    gateway: index,
                    interface,
                    segments: attached,
                    input: Passing::of(lists.passing(gateway, interface, interface.input, true)),
                    output: Passing::of(lists.passing(gateway, interface, interface.output, false)),
                    connected: prefixes.flatten().map(addresses).collect(),
                });
            }
            let own = doors.iter().enumerate().skip(first);
            ways.push(Ways::of(gateway, own));
        }
        Self { plan, doors, by_segment, ways }
    }

    /// Where packets of `environment` get to, while the gateways in `down` are not active. What
    /// begins in a segment of the environment is every packet, whatever it claims to be. `None`
    /// when the search would need too many boxes.
    pub(super) fn reach(
        &self,
        segments: &Segments,
        environment: EnvironmentIndex,
        down: &HashSet<GatewayIndex>,
    ) -> Option<Vec<Piece>> {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut by_segment: Vec<Known> = vec![Known::default(); segments.count()];
        for segment in 0..u32::try_from(segments.count()).unwrap_or_default() {
            if segments.holds(segment, environment) {
                pieces.push(Piece { header: Header::ALL, segment, way: None });
            }
        }
        let mut next = 0;
        while let Some(piece) = pieces.get(next).copied() {
            let at = next;
            next += 1;
            let slot = usize::try_from(piece.segment).unwrap_or_default();
            for door in self.by_segment.get(slot).into_iter().flatten() {
                let Some(door) = self.doors.get(*door) else { continue };
                if down.contains(&door.gateway) {
                    continue;
                }
                self.enter(segments, environment, (at, &piece), door, &mut |fresh| {
                    let slot = usize::try_from(fresh.segment).unwrap_or_default();
                    let Some(known) = by_segment.get_mut(slot) else { return };
                    for header in outside(fresh.header, &known.places, &known.headers) {
                        known.places.add(header.to, known.headers.len());
                        known.headers.push(header);
                        pieces.push(Piece { header, ..fresh });
                    }
                });
                if pieces.len() > PIECES_MAX {
                    return None;
                }
            }
        }
        Some(pieces)
    }

    /// Hands on whatever of a piece a gateway takes in at `door` and sends out at another.
    fn enter(
        &self,
        segments: &Segments,
        environment: EnvironmentIndex,
        (at, piece): (usize, &Piece),
        door: &Door<'a>,
        found: &mut dyn FnMut(Piece),
    ) {
        let Some(ways) = self.ways.get(usize::from(door.gateway.0)) else { return };
        let taken: Vec<(Header, Line)> = door.input.pass(&piece.header).collect();
        let there: Vec<&Way<'_>> = ways
            .places
            .meeting(piece.header.to)
            .into_iter()
            .filter_map(|number| ways.all.get(number))
            .filter(|way| way.vrf.is_none_or(|vrf| vrf == door.interface.vrf))
            .collect();
        for towards in there.chunk_by(|one, other| one.door == other.door) {
            let other = towards.first().and_then(|way| self.doors.get(way.door));
            let Some(other) = other.filter(|it| !std::ptr::eq(it.interface, door.interface)) else {
                continue;
            };
            let away = |segment: &&u32| !segments.holds(**segment, environment);
            let targets: Vec<u32> = other.segments.iter().filter(away).copied().collect();
            if targets.is_empty() {
                continue;
            }
            for (header, input) in &taken {
                for way in towards {
                    let Some(to) = header.to.and(way.to) else { continue };
                    let header = Header { to, ..*header };
                    for (header, output) in other.output.pass(&header) {
                        let hop = Hop {
                            gateway: door.gateway,
                            from: door.interface.vlan,
                            to: other.interface.vlan,
                            input: *input,
                            output,
                        };
                        // The next gateway sees this one's MAC address.
                        let header = Header { mac: MACS, ..header };
                        for segment in &targets {
                            found(Piece { header, segment: *segment, way: Some((hop, at)) });
                        }
                    }
                }
            }
        }
    }

    /// The hops by which a piece came, in order.
    pub(super) fn hops(pieces: &[Piece], piece: &Piece) -> Vec<Hop> {
        let mut hops = Vec::new();
        let mut way = piece.way;
        while let Some((hop, before)) = way {
            hops.push(hop);
            way = pieces.get(before).and_then(|piece| piece.way);
        }
        hops.reverse();
        hops
    }

    /// The plan that is searched.
    pub(super) const fn plan(&self) -> &'a Plan {
        self.plan
    }
}

/// What is known to reach a segment.
#[derive(Clone, Default)]
struct Known {
    headers: Vec<Header>,
    places: Places,
}

impl<'a> Ways<'a> {
    /// What a gateway may send out at each of its doors: destinations on that VLAN, and those of
    /// every route whose next hop is there. A longer prefix does not shut out a shorter one, for
    /// a route may be lost.
    fn of<'b>(gateway: &'a Gateway, doors: impl Iterator<Item = (usize, &'b Door<'a>)>) -> Self
    where
        'a: 'b,
    {
        let mut ways = Self::default();
        for (position, door) in doors {
            let mut add = |to: Span<u128>, vrf| {
                ways.places.add(to, ways.all.len());
                ways.all.push(Way { door: position, to, vrf });
            };
            if gateway.bypass {
                add(Header::ALL.to, None);
                continue;
            }
            for span in &door.connected {
                add(*span, Some(door.interface.vrf.as_str()));
            }
            for route in &gateway.routes {
                let via = super::header::address(route.via);
                let there =
                    door.connected.iter().any(|span| span.and(Span::new(via, via)).is_some());
                if there {
                    add(addresses(route.to), Some(route.vrf.as_str()));
                }
            }
        }
        ways
    }
}

/// Access lists as boxes, each made once.
struct Lists<'a> {
    plan: &'a Plan,
    made: Vec<Option<Vec<(Header, Line)>>>,
}

impl Lists<'_> {
    /// What passes an interface. A gateway in bypass lets everything pass.
    fn passing(
        &mut self,
        gateway: &Gateway,
        interface: &Interface,
        applied: Option<Applied>,
        input: bool,
    ) -> Vec<(Header, Line)> {
        let Some(applied) = applied.filter(|_| !gateway.bypass) else {
            return vec![(Header::ALL, Line::Unfiltered)];
        };
        match applied {
            Applied::Flows => flows(self.plan, interface.vlan, input),
            Applied::Acl(index) => {
                let Some(acl) = self.plan.acl(index) else { return Vec::new() };
                let made = self.made.get_mut(usize::from(index.0));
                let Some(slot) = made else { return Vec::new() };
                let mut passing = slot.get_or_insert_with(|| permitted(index, acl)).clone();
                if gateway.stateful {
                    // Replies pass by the connection they belong to, not by a rule.
                    let opens = Header { established: Span::new(0, 0), ..Header::ALL };
                    passing.retain_mut(|(header, _)| match header.and(&opens) {
                        Some(both) => {
                            *header = both;
                            true
                        }
                        None => false,
                    });
                }
                if gateway.forwards_unlisted {
                    let line = Line::Unlisted(index);
                    passing.extend(packets(acl, false).into_iter().map(|header| (header, line)));
                }
                passing
            }
        }
    }
}

/// Every IPv4 packet. Both addresses of a packet are of one family.
const IPV4_PACKETS: Header = Header { from: IPV4, to: IPV4, ..Header::ALL };

/// The packets that a list speaks about, or does not.
fn packets(acl: &Acl, listed: bool) -> Vec<Header> {
    let mut packets = Vec::new();
    if acl.families.ipv4 == listed {
        packets.push(IPV4_PACKETS);
    }
    if acl.families.ipv6 == listed {
        packets.extend(others());
    }
    packets
}

/// Every packet that is not IPv4.
#[must_use]
pub fn others() -> Vec<Header> {
    let below = Span::new(0, IPV4.first - 1);
    let above = Span::new(IPV4.last + 1, u128::MAX);
    let spans = [below, above];
    let pairs = spans.iter().flat_map(|from| spans.iter().map(move |to| (from, to)));
    pairs.map(|(from, to)| Header { from: *from, to: *to, ..Header::ALL }).collect()
}

/// What a list permits, as boxes that do not overlap earlier denials; the first match speaks.
fn permitted(index: AclIndex, acl: &Acl) -> Vec<(Header, Line)> {
    let mut denied: Vec<Header> = Vec::new();
    let mut places = Places::default();
    let mut passing = Vec::new();
    for (position, rule) in (0_u32..).zip(&acl.rules) {
        let boxes = rule_headers(acl, rule);
        if rule.permit {
            let line = Line::Rule(index, position);
            let left = boxes.into_iter().flat_map(|one| outside(one, &places, &denied));
            passing.extend(left.map(|header| (header, line)));
        } else {
            for header in boxes {
                places.add(header.to, denied.len());
                denied.push(header);
            }
        }
    }
    passing
}

fn rule_headers(acl: &Acl, rule: &AclRule) -> Vec<Header> {
    let networks = |list: &[ipnetwork::IpNetwork]| -> Vec<Span<u128>> {
        if list.is_empty() {
            vec![Header::ALL.from]
        } else {
            list.iter().map(|network| addresses(*network)).collect()
        }
    };
    let ranges = |list: &[std::ops::RangeInclusive<u16>]| -> Vec<Span<u16>> {
        if list.is_empty() { vec![Header::ALL.to_port] } else { list.iter().map(ports).collect() }
    };
    let protocol = rule.protocol.map_or(Header::ALL.protocol, |number| Span::new(number, number));
    let established = if rule.established { Span::new(1, 1) } else { Header::ALL.established };
    let mut boxes = Vec::new();
    for family in &packets(acl, true) {
        for from in networks(&rule.from) {
            for to in networks(&rule.to) {
                for from_port in ranges(&rule.from_ports) {
                    for to_port in ranges(&rule.to_ports) {
                        let header = Header {
                            from,
                            to,
                            protocol,
                            from_port,
                            to_port,
                            established,
                            mac: MACS,
                        };
                        boxes.extend(header.and(family));
                    }
                }
            }
        }
    }
    boxes
}

/// The packets that a permitted flow is about: those that open it, and its replies.
pub(super) fn flow_headers(flow: &Flow, reply: bool) -> Vec<Header> {
    let protocol = Span::new(flow.protocol, flow.protocol);
    let ranges: Vec<Span<u16>> = if flow.ports.is_empty() {
        vec![Header::ALL.to_port]
    } else {
        flow.ports.iter().map(ports).collect()
    };
    let mut boxes = Vec::new();
    for one in &flow.from.addresses {
        for other in &flow.to.addresses {
            for range in &ranges {
                let (one, other) = (addresses(*one), addresses(*other));
                let header = Header { from: one, to: other, protocol, ..Header::ALL };
                boxes.push(if reply {
                    let established = match flow.protocol {
                        TCP => Span::new(1, 1),
                        _ => Header::ALL.established,
                    };
                    Header { from: other, to: one, from_port: *range, established, ..header }
                } else {
                    Header { to_port: *range, ..header }
                });
            }
        }
    }
    boxes
}

/// What a gateway that permits just the flows lets in from, or out to, a VLAN.
fn flows(plan: &Plan, vlan: VlanId, input: bool) -> Vec<(Header, Line)> {
    let Some(own) = plan.vlan_environment(vlan) else { return Vec::new() };
    let mut passing = Vec::new();
    let prefixes = plan.environment(own).map_or(&[][..], |environment| &environment.prefixes);
    for from in prefixes {
        for to in prefixes {
            let (from, to) = (addresses(*from), addresses(*to));
            passing.push((Header { from, to, ..Header::ALL }, Line::Inside));
        }
    }
    let opens = Span::new(0, 0);
    for (position, flow) in (0_u32..).zip(&plan.permitted) {
        let end = if input { &flow.from } else { &flow.to };
        if end.environment == own {
            let boxes = flow_headers(flow, false).into_iter();
            let opening = boxes.map(|header| Header { established: opens, ..header });
            passing.extend(opening.map(|header| (header, Line::Flow(position))));
        }
    }
    passing
}
