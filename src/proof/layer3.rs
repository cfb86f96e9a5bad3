//! Layer 3: which packets get from the segments of one environment into those of another, over
//! every gateway, route and standby at once.

use std::collections::HashSet;

use super::header::{Header, IPV4, MACS, Span, addresses, ports, subtract};
use super::layer2::Segments;
use crate::plan::{Acl, AclIndex, AclRule, Applied, Flow, Gateway, GatewayIndex, Interface, Plan};
use crate::vocabulary::{EnvironmentIndex, VlanId};

/// Boxes of one search at most; a plan that needs more is refused rather than half proven.
pub(super) const PIECES_MAX: usize = 200_000;

/// What let a packet pass at one side of a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Line {
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
pub struct Hop {
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
pub struct Piece {
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
}

/// An interface and what passes it.
struct Door<'a> {
    gateway: GatewayIndex,
    of: &'a Gateway,
    interface: &'a Interface,
    segments: Vec<u32>,
    input: Vec<(Header, Line)>,
    output: Vec<(Header, Line)>,
    /// Destinations that are on this VLAN.
    connected: Vec<Span<u128>>,
}

impl<'a> Routes<'a> {
    pub(super) fn of(plan: &'a Plan, segments: &Segments) -> Self {
        let mut lists = Lists { plan, made: vec![None; plan.acls.len()] };
        let mut doors = Vec::new();
        let mut by_segment = vec![Vec::new(); segments.count()];
        for (index, gateway) in (0_u16..).map(GatewayIndex).zip(&plan.gateways) {
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
                    of: gateway,
                    interface,
                    segments: attached,
                    input: lists.passing(gateway, interface, interface.input, true),
                    output: lists.passing(gateway, interface, interface.output, false),
                    connected: prefixes.flatten().map(addresses).collect(),
                });
            }
        }
        Self { plan, doors, by_segment }
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
        let mut by_segment: Vec<Vec<usize>> = vec![Vec::new(); segments.count()];
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
                    let before = known.iter().filter_map(|index| pieces.get(*index));
                    let headers: Vec<Header> = before.map(|piece| piece.header).collect();
                    for header in subtract(vec![fresh.header], &headers) {
                        known.push(pieces.len());
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
        let mut taken = Vec::new();
        for (header, line) in &door.input {
            taken.extend(header.and(&piece.header).map(|header| (header, *line)));
        }
        for other in self.doors.iter().filter(|other| other.gateway == door.gateway) {
            if std::ptr::eq(other.interface, door.interface) {
                continue;
            }
            let away = |segment: &&u32| !segments.holds(**segment, environment);
            let targets: Vec<u32> = other.segments.iter().filter(away).copied().collect();
            if targets.is_empty() {
                continue;
            }
            let towards = destinations(door, other);
            for (header, input) in &taken {
                for span in &towards {
                    let Some(to) = header.to.and(*span) else { continue };
                    let header = Header { to, ..*header };
                    for (out, output) in &other.output {
                        let Some(header) = header.and(out) else { continue };
                        let hop = Hop {
                            gateway: door.gateway,
                            from: door.interface.vlan,
                            to: other.interface.vlan,
                            input: *input,
                            output: *output,
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

/// What a gateway may send from one of its interfaces to another: destinations on that VLAN, and
/// those of every route whose next hop is there. A longer prefix does not shut out a shorter one,
/// for a route may be lost.
fn destinations(door: &Door<'_>, other: &Door<'_>) -> Vec<Span<u128>> {
    let mut spans = Vec::new();
    if door.of.bypass {
        return vec![Header::ALL.to];
    }
    if door.interface.vrf == other.interface.vrf {
        spans.extend(&other.connected);
    }
    for route in door.of.routes.iter().filter(|route| route.vrf == door.interface.vrf) {
        let via = super::header::address(route.via);
        let there = other.connected.iter().any(|span| span.and(Span::new(via, via)).is_some());
        if there {
            spans.push(route_span(route.to));
        }
    }
    spans
}

/// The destinations of a route; a default route is one of its own family only.
fn route_span(network: ipnetwork::IpNetwork) -> Span<u128> {
    let span = addresses(network);
    match network {
        ipnetwork::IpNetwork::V4(_) => span.and(IPV4).unwrap_or(span),
        ipnetwork::IpNetwork::V6(_) => span,
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
                    passing.extend(unlisted(acl).into_iter().map(|header| (header, line)));
                }
                passing
            }
        }
    }
}

/// Packets of families that a list says nothing about. Both addresses of a packet are of one
/// family.
fn unlisted(acl: &Acl) -> Vec<Header> {
    let v4 = Header { from: IPV4, to: IPV4, ..Header::ALL };
    if !acl.families.ipv4 {
        return vec![v4];
    }
    if !acl.families.ipv6 { others() } else { Vec::new() }
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
pub fn permitted(index: AclIndex, acl: &Acl) -> Vec<(Header, Line)> {
    let mut denied: Vec<Header> = Vec::new();
    let mut passing = Vec::new();
    for (position, rule) in (0_u32..).zip(&acl.rules) {
        let boxes = rule_headers(acl, rule);
        if rule.permit {
            let line = Line::Rule(index, position);
            passing.extend(subtract(boxes, &denied).into_iter().map(|header| (header, line)));
        } else {
            denied.extend(boxes);
        }
    }
    passing
}

fn rule_headers(acl: &Acl, rule: &AclRule) -> Vec<Header> {
    let families: Vec<Header> = match (acl.families.ipv4, acl.families.ipv6) {
        (true, true) => {
            let v4 = Header { from: IPV4, to: IPV4, ..Header::ALL };
            std::iter::once(v4).chain(others()).collect()
        }
        (true, false) => vec![Header { from: IPV4, to: IPV4, ..Header::ALL }],
        (false, _) => others(),
    };
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
    for family in &families {
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
                        6 => Span::new(1, 1),
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
