//! The proof against brute force: packets flooded through every subset of links, every choice of
//! active gateways and every assignment of ports, on random small networks.
//!
//! The oracle shares nothing with the proof but the plan: it moves one concrete frame at a time,
//! tagged or not, and asks one rule after the other. `SEKISHO_ORACLE_NETWORKS` sets how many
//! networks are tried, `SEKISHO_ORACLE_SEED` the first of them.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::IpAddr;
use std::sync::OnceLock;

use super::header::{Header, Span, address};
use super::*;
use crate::plan::tests::{NOW, shipped};
use crate::plan::{
    Acl, AclIndex, AclRule, Applied, Cable, Families, Flow, FlowEnd, Flows, Gateway, GatewayIndex,
    HostMode, Interface, Link, LinkEnd, Origin, Port, PortRole, ProfileIndex, Route, Site, Switch,
    SwitchRole, Transmission, VlansPerPort, compile,
};
use crate::vocabulary::{EnvironmentIndex, PortIndex, SiteIndex, SwitchIndex, VlanId};

/// Numbers that look random and are the same everywhere (splitmix64, Steele et al. 2014).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, count: usize) -> usize {
        (self.roll() % count as u64) as usize
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }
}

/// The VLANs of the small networks; the first five of the shipped environments A, A, B, C, Q.
const VLANS: [u16; 5] = [110, 111, 120, 130, 900];

fn vlan(number: u16) -> VlanId {
    VlanId::new(number).unwrap()
}

fn base() -> &'static Plan {
    static BASE: OnceLock<Plan> = OnceLock::new();
    BASE.get_or_init(|| compile(&shipped(), NOW).plan.unwrap())
}

/// An address of a VLAN's hosts.
fn host(number: u16, last: u8) -> IpAddr {
    match number {
        110 => IpAddr::from([10, 1, 0, last]),
        111 => IpAddr::from([10, 1, 64, last]),
        120 => IpAddr::from([10, 2, 0, last]),
        130 => IpAddr::from([10, 3, 0, last]),
        _ => IpAddr::from([10, 249, 0, last]),
    }
}

fn hosts() -> Vec<IpAddr> {
    VLANS.iter().flat_map(|number| [host(*number, 10), host(*number, 11)]).collect()
}

fn origin() -> Origin {
    Origin { file: "network.toml".into(), line: 1 }
}

fn subset(dice: &mut Dice, list: &[u16], odds: usize) -> Vec<VlanId> {
    list.iter().filter(|_| !dice.one_in(odds)).map(|number| vlan(*number)).collect()
}

/// A random network: at most 8 switches, 8 links and 4 authenticated ports.
fn network(seed: u64) -> Plan {
    let mut dice = Dice(seed);
    let base = base();
    let profile = |wanted| {
        let found = |it: &crate::plan::Profile| it.behaviour.vlans_per_port == wanted;
        let position = base.profiles.iter().position(found).unwrap();
        ProfileIndex(u16::try_from(position).unwrap())
    };
    let profiles = [profile(VlansPerPort::One), profile(VlansPerPort::PerMac)];
    let site = Site {
        id: "s".to_owned(),
        name: crate::plan::Name::default(),
        group: String::new(),
        medium: Transmission::Fibre,
        assign: [(0, 110), (1, 120), (2, 130), (3, 900)]
            .map(|(index, number)| (EnvironmentIndex(index), vlan(number)))
            .to_vec(),
        at: origin(),
    };
    // Small ones are common, so that faults stand alone; the largest still occur.
    let count = 1 + dice.below(4) + if dice.one_in(4) { dice.below(5) } else { 0 };
    let mut switches: Vec<Switch> = (0..count)
        .map(|number| Switch {
            id: format!("sw{number}"),
            name: None,
            site: SiteIndex(0),
            address: IpAddr::from([10, 250, 0, number as u8 + 1]).into(),
            profile: dice.pick(&profiles),
            model: String::new(),
            serial: String::new(),
            role: SwitchRole::Access,
            vlans: subset(&mut dice, &VLANS, 4),
            stack: 1,
            message_authenticator: crate::plan::MessageAuthenticator::Require,
            ports: Vec::new(),
            networks: Vec::new(),
            access_points: Vec::new(),
            at: origin(),
        })
        .collect();
    let mut links = Vec::new();
    let link_count = dice.below(5).min(count * 2) + if dice.one_in(5) { dice.below(5) } else { 0 };
    for number in 0..link_count {
        let ends = [dice.below(count), dice.below(count)].map(|switch| {
            let has: Vec<u16> = switches[switch].vlans.iter().map(|vlan| vlan.get()).collect();
            let role = if dice.one_in(6) && !has.is_empty() {
                PortRole::Access { vlan: vlan(dice.pick(&has)), reason: String::new() }
            } else {
                let native = (dice.one_in(3) && !has.is_empty()).then(|| vlan(dice.pick(&has)));
                let mut vlans = subset(&mut dice, &has, 3);
                vlans.retain(|vlan| Some(*vlan) != native);
                PortRole::Trunk { vlans, native, all: false }
            };
            let name = format!("{number}.{}", switches[switch].ports.len());
            switches[switch].ports.push(Port { name, role, at: origin() });
            LinkEnd {
                switch: SwitchIndex(switch as u16),
                port: PortIndex(switches[switch].ports.len() as u16 - 1),
            }
        });
        if ends[0] != ends[1] {
            links.push(Link {
                id: format!("l{number}"),
                ends,
                medium: Cable::Copper,
                ring: None,
                lag: None,
                vlans: Vec::new(),
                native: None,
                at: origin(),
            });
        }
    }
    for _ in 0..dice.below(4) {
        let switch = dice.below(count);
        let environments: Vec<EnvironmentIndex> =
            (0..4).filter(|_| dice.one_in(2)).map(EnvironmentIndex).collect();
        let role = PortRole::Auth {
            host_mode: dice.pick(&[HostMode::Single, HostMode::MultiAuth]),
            environments,
            fixed_vlan: None,
            reason: None,
        };
        let name = format!("a{}", switches[switch].ports.len());
        switches[switch].ports.push(Port { name, role, at: origin() });
    }
    let mut plan = Plan::of_parts(
        base.server.clone(),
        base.environments.clone(),
        base.profiles.clone(),
        vec![site],
        switches,
    );
    plan.quarantine = base.quarantine;
    plan.pairs.clone_from(&base.pairs);
    if dice.one_in(3) {
        plan.pairs.iter_mut().for_each(|pair| pair.flows = Flows::Enumerated);
    }
    plan.links = links;
    plan.permitted = (0..dice.below(4)).map(|number| flow(&mut dice, number)).collect();
    plan.permitted.retain(|flow| flow.from.environment != flow.to.environment);
    plan.acls = (0..dice.below(3)).map(|number| acl(&mut dice, number)).collect();
    plan.gateways = (0..dice.below(4)).map(|number| gateway(&mut dice, number, &plan)).collect();
    plan
}

fn prefix(dice: &mut Dice) -> Vec<ipnetwork::IpNetwork> {
    match dice.below(4) {
        0 => Vec::new(),
        1 => vec!["10.0.0.0/8".parse().unwrap()],
        2 => {
            let of = ["10.1.0.0/18", "10.1.64.0/18", "10.2.0.0/18", "10.3.0.0/18"];
            vec![dice.pick(&of).parse().unwrap()]
        }
        _ => vec![dice.pick(&hosts()).into()],
    }
}

fn acl(dice: &mut Dice, number: usize) -> Acl {
    let rule = |dice: &mut Dice| {
        let protocol = dice.pick(&[None, Some(6), Some(17)]);
        let ports =
            |dice: &mut Dice| {
                if protocol.is_some() && dice.one_in(2) {
                    vec![dice.pick(
                        &[80..=80_u16, 443..=443, 80..=443].map(|it| (*it.start(), *it.end())),
                    )]
                    .into_iter()
                    .map(|(first, last)| first..=last)
                    .collect()
                } else {
                    Vec::new()
                }
            };
        AclRule {
            permit: !dice.one_in(3),
            from: prefix(dice),
            to: prefix(dice),
            from_ports: if dice.one_in(4) { ports(dice) } else { Vec::new() },
            to_ports: ports(dice),
            established: protocol == Some(6) && dice.one_in(4),
            protocol,
            at: origin(),
        }
    };
    let families = match dice.below(4) {
        0 => Families { ipv4: false, ipv6: true },
        1 => Families { ipv4: true, ipv6: true },
        _ => Families { ipv4: true, ipv6: false },
    };
    let rules = (0..dice.below(7)).map(|_| rule(dice)).collect();
    Acl { id: format!("acl{number}"), families, rules, at: origin() }
}

fn flow(dice: &mut Dice, number: usize) -> Flow {
    let end = |dice: &mut Dice| {
        let number = dice.pick(&VLANS[..4]);
        let environment = match number {
            110 | 111 => 0,
            120 => 1,
            _ => 2,
        };
        FlowEnd {
            environment: EnvironmentIndex(environment),
            addresses: vec![host(number, 10 + dice.below(2) as u8).into()],
            macs: Vec::new(),
        }
    };
    Flow {
        id: format!("f{number}"),
        from: end(dice),
        to: end(dice),
        protocol: dice.pick(&[6, 17]),
        ports: vec![dice.pick(&[(80, 80), (443, 443)])].into_iter().map(|(a, b)| a..=b).collect(),
        purpose: String::new(),
        owner: String::new(),
        approver: String::new(),
        approved: NOW,
        expires: NOW,
        at: origin(),
    }
}

fn gateway(dice: &mut Dice, number: usize, plan: &Plan) -> Gateway {
    let applied = |dice: &mut Dice| match dice.below(5) {
        0 => Some(Applied::Flows),
        1 => None,
        _ if plan.acls.is_empty() => Some(Applied::Flows),
        _ => Some(Applied::Acl(AclIndex(dice.below(plan.acls.len()) as u16))),
    };
    let interfaces = VLANS.iter().filter(|_| !dice.one_in(2)).copied().collect::<Vec<_>>();
    let interfaces = interfaces
        .into_iter()
        .map(|number| Interface {
            vlan: vlan(number),
            address: host(number, 1).into(),
            address6: None,
            vrf: if dice.one_in(5) { "other" } else { "main" }.to_owned(),
            input: applied(dice),
            output: applied(dice),
            at: origin(),
        })
        .collect();
    let routes = if dice.one_in(4) {
        vec![Route {
            to: dice.pick(&["0.0.0.0/0", "10.3.0.0/18"]).parse().unwrap(),
            via: host(dice.pick(&VLANS), 1),
            vrf: "main".to_owned(),
            at: origin(),
        }]
    } else {
        Vec::new()
    };
    Gateway {
        id: format!("gw{number}"),
        site: SiteIndex(0),
        ports: Vec::new(),
        attach: vec![SwitchIndex(dice.below(plan.switches.len()) as u16)],
        standby_of: (number > 0 && dice.one_in(3)).then(|| GatewayIndex(number as u16 - 1)),
        stateful: dice.one_in(2),
        bypass: dice.one_in(12),
        forwards_unlisted: dice.one_in(2),
        interfaces,
        routes,
        at: origin(),
    }
}

/// One packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Packet {
    from: IpAddr,
    to: IpAddr,
    protocol: u8,
    from_port: u16,
    to_port: u16,
    established: bool,
}

impl Packet {
    fn random(dice: &mut Dice) -> Self {
        let protocol = dice.pick(&[6, 17]);
        Self {
            from: dice.pick(&hosts()),
            to: dice.pick(&hosts()),
            protocol,
            from_port: dice.pick(&[80, 443, 5000]),
            to_port: dice.pick(&[80, 443, 5000]),
            established: protocol == 6 && dice.one_in(2),
        }
    }

    fn point(&self) -> Header {
        let one = |number: u16| Span::new(number, number);
        let established = u8::from(self.established);
        Header {
            from: Span::new(address(self.from), address(self.from)),
            to: Span::new(address(self.to), address(self.to)),
            protocol: Span::new(self.protocol, self.protocol),
            from_port: one(self.from_port),
            to_port: one(self.to_port),
            established: Span::new(established, established),
            mac: Span::new(0, 0),
        }
    }

    /// The packet with the smallest numbers of a box, where it is an IPv4 one.
    fn of(header: &Header) -> Option<Self> {
        let ip = |span: Span<u128>| {
            let both = span.and(super::header::IPV4)?;
            Some(std::net::Ipv6Addr::from(both.first).to_canonical())
        };
        Some(Self {
            from: ip(header.from)?,
            to: ip(header.to)?,
            protocol: header.protocol.first,
            from_port: header.from_port.first,
            to_port: header.to_port.first,
            established: header.established.first == 1,
        })
    }
}

/// What is up and assigned at one time.
struct State {
    links: u32,
    down: HashSet<GatewayIndex>,
    /// Pairs of VLANs that share the wire of a port.
    wires: Vec<(SwitchIndex, VlanId, VlanId)>,
}

type Node = (SwitchIndex, VlanId);

/// Whether one rule matches, asked field by field.
fn matches(rule: &AclRule, packet: &Packet) -> bool {
    let of =
        |list: &[ipnetwork::IpNetwork], ip| list.is_empty() || list.iter().any(|n| n.contains(ip));
    let at = |list: &[std::ops::RangeInclusive<u16>], port: u16| {
        list.is_empty() || list.iter().any(|range| range.contains(&port))
    };
    of(&rule.from, packet.from)
        && of(&rule.to, packet.to)
        && rule.protocol.is_none_or(|protocol| protocol == packet.protocol)
        && at(&rule.from_ports, packet.from_port)
        && at(&rule.to_ports, packet.to_port)
        && (!rule.established || packet.established)
}

fn opens(flow: &Flow, packet: &Packet) -> bool {
    flow.from.holds(packet.from)
        && flow.to.holds(packet.to)
        && flow.protocol == packet.protocol
        && flow.ports.iter().any(|range| range.contains(&packet.to_port))
}

fn answers(flow: &Flow, packet: &Packet) -> bool {
    flow.to.holds(packet.from)
        && flow.from.holds(packet.to)
        && flow.protocol == packet.protocol
        && flow.ports.iter().any(|range| range.contains(&packet.from_port))
        && (packet.protocol != 6 || packet.established)
}

fn passes(plan: &Plan, gateway: &Gateway, of: &Interface, input: bool, packet: &Packet) -> bool {
    if gateway.bypass {
        return true;
    }
    let own = plan.vlan_environment(of.vlan).unwrap();
    match if input { of.input } else { of.output } {
        None => true,
        Some(Applied::Flows) => {
            let within = |ip| {
                plan.environment(own).unwrap().prefixes.iter().any(|prefix| prefix.contains(ip))
            };
            let flow = |flow: &Flow| {
                let end = if input { &flow.from } else { &flow.to };
                end.environment == own && opens(flow, packet) && !packet.established
            };
            (within(packet.from) && within(packet.to)) || plan.permitted.iter().any(flow)
        }
        Some(Applied::Acl(index)) => {
            let acl = plan.acl(index).unwrap();
            if !acl.families.ipv4 {
                return gateway.forwards_unlisted;
            }
            if gateway.stateful && packet.established {
                return false;
            }
            acl.rules.iter().find(|rule| matches(rule, packet)).is_some_and(|rule| rule.permit)
        }
    }
}

struct Oracle<'a> {
    plan: &'a Plan,
}

impl Oracle<'_> {
    fn carries(&self, end: LinkEnd) -> (Vec<VlanId>, Option<VlanId>) {
        match &self.plan.port(end.switch, end.port).unwrap().role {
            PortRole::Trunk { vlans, native, .. } => (vlans.clone(), *native),
            PortRole::Access { vlan, .. } => (Vec::new(), Some(*vlan)),
            PortRole::Auth { .. } | PortRole::Unused => unreachable!(),
        }
    }

    /// Where a frame of a VLAN comes out at the other end of a link.
    fn over(&self, from: LinkEnd, to: LinkEnd, vlan: VlanId) -> Option<VlanId> {
        let ((tagged, native), (other_tagged, other_native)) =
            (self.carries(from), self.carries(to));
        if native == Some(vlan) {
            return other_native;
        }
        (tagged.contains(&vlan) && other_tagged.contains(&vlan)).then_some(vlan)
    }

    /// Every place one packet gets to from every place in `start`.
    fn flood(&self, state: &State, start: &[Node], packet: Option<&Packet>) -> HashSet<Node> {
        let mut seen: HashSet<Node> = HashSet::new();
        let mut open: Vec<Node> = start.to_vec();
        while let Some(node) = open.pop() {
            let (switch, vlan) = node;
            if !self.plan.switch(switch).unwrap().vlans.contains(&vlan) || !seen.insert(node) {
                continue;
            }
            for (number, link) in self.plan.links.iter().enumerate() {
                if state.links >> number & 1 == 0 {
                    continue;
                }
                for (from, to) in [(link.ends[0], link.ends[1]), (link.ends[1], link.ends[0])] {
                    if from.switch == switch
                        && let Some(out) = self.over(from, to, vlan)
                    {
                        open.push((to.switch, out));
                    }
                }
            }
            for (at, one, other) in &state.wires {
                if *at == switch && (*one == vlan || *other == vlan) {
                    open.extend([(switch, *one), (switch, *other)]);
                }
            }
            if let Some(packet) = packet {
                self.route(state, node, packet, &mut open);
            }
        }
        seen
    }

    fn route(&self, state: &State, (switch, vlan): Node, packet: &Packet, open: &mut Vec<Node>) {
        for (index, gateway) in (0..).map(GatewayIndex).zip(&self.plan.gateways) {
            if state.down.contains(&index) || !gateway.attach.contains(&switch) {
                continue;
            }
            for (entry, input) in gateway.interfaces.iter().enumerate() {
                if input.vlan != vlan || !passes(self.plan, gateway, input, true, packet) {
                    continue;
                }
                for (exit, output) in gateway.interfaces.iter().enumerate() {
                    let on = |ip: IpAddr| {
                        self.plan.vlan(output.vlan).unwrap().prefix.unwrap().contains(ip)
                    };
                    let routed = |route: &Route| {
                        route.vrf == input.vrf && route.to.contains(packet.to) && on(route.via)
                    };
                    let towards = gateway.bypass
                        || (input.vrf == output.vrf && on(packet.to))
                        || gateway.routes.iter().any(routed);
                    if entry != exit && towards && passes(self.plan, gateway, output, false, packet)
                    {
                        open.extend(gateway.attach.iter().map(|switch| (*switch, output.vlan)));
                    }
                }
            }
        }
    }

    /// Every state: each subset of links, each choice of active gateways, each assignment.
    fn states(&self) -> Vec<State> {
        let mut wires: Vec<Vec<(SwitchIndex, VlanId, VlanId)>> = vec![Vec::new()];
        for (index, switch) in (0..).map(SwitchIndex).zip(&self.plan.switches) {
            let profile = self.plan.profile(switch.profile).unwrap();
            for port in &switch.ports {
                let PortRole::Auth { host_mode: HostMode::MultiAuth, environments, .. } =
                    &port.role
                else {
                    continue;
                };
                if profile.behaviour.vlans_per_port != VlansPerPort::PerMac {
                    continue;
                }
                let site = self.plan.site(switch.site).unwrap();
                let vlans: Vec<VlanId> =
                    environments.iter().filter_map(|it| site.assigned(*it)).collect();
                let mut next = wires.clone();
                for (position, one) in vlans.iter().enumerate() {
                    for other in vlans.iter().skip(position + 1) {
                        next.extend(
                            wires.iter().map(|before| {
                                [before.clone(), vec![(index, *one, *other)]].concat()
                            }),
                        );
                    }
                }
                wires = next;
            }
        }
        let standbys = (0..).map(GatewayIndex).zip(&self.plan.gateways);
        let mut downs: Vec<HashSet<GatewayIndex>> = vec![HashSet::new()];
        for (index, gateway) in standbys {
            let Some(other) = gateway.standby_of else { continue };
            downs = downs
                .into_iter()
                .flat_map(|down| {
                    [index, other].map(|it| {
                        [&down, &HashSet::from([it])].into_iter().flatten().copied().collect()
                    })
                })
                .collect();
        }
        let mut states = Vec::new();
        for links in 0..1_u32 << self.plan.links.len() {
            for down in &downs {
                for wires in &wires {
                    states.push(State { links, down: down.clone(), wires: wires.clone() });
                }
            }
        }
        states
    }

    fn nodes(&self, environment: EnvironmentIndex) -> Vec<Node> {
        let switches = (0..).map(SwitchIndex).zip(&self.plan.switches);
        switches
            .flat_map(|(index, switch)| switch.vlans.iter().map(move |vlan| (index, *vlan)))
            .filter(|(_, vlan)| self.plan.vlan_environment(*vlan) == Some(environment))
            .collect()
    }
}

/// Whether a packet may go from one environment into another.
fn allowed(plan: &Plan, from: EnvironmentIndex, to: EnvironmentIndex, packet: &Packet) -> bool {
    if [from, to].contains(&plan.quarantine) || plan.flows(from, to) == Some(Flows::Cut) {
        return false;
    }
    plan.permitted.iter().any(|flow| {
        let ends = (flow.from.environment, flow.to.environment);
        (ends == (from, to) && opens(flow, packet)) || (ends == (to, from) && answers(flow, packet))
    })
}

type Pairs = BTreeSet<(u8, u8)>;

/// Compares proof and oracle on one network; gives how many layer 2 and layer 3 leaks it has.
fn compare(seed: u64) -> (usize, usize) {
    let plan = network(seed);
    let oracle = Oracle { plan: &plan };
    let proof = prove(&plan, None, NOW);
    let states = oracle.states();
    let environments: Vec<EnvironmentIndex> = (0..4).map(EnvironmentIndex).collect();
    let starts: Vec<Vec<Node>> = environments.iter().map(|it| oracle.nodes(*it)).collect();
    let environment = |node: &Node| plan.vlan_environment(node.1).unwrap();

    // Layer 2: who meets whom, and on which segments in the fullest state.
    let mut joined: Pairs = Pairs::new();
    let mut near: BTreeMap<u8, HashSet<Node>> = BTreeMap::new();
    for state in &states {
        for (from, start) in environments.iter().zip(&starts) {
            for node in oracle.flood(state, start, None) {
                near.entry(from.0).or_default().insert(node);
                if environment(&node) != *from {
                    joined.insert((from.0, environment(&node).0));
                }
            }
        }
    }
    let told = proof
        .findings
        .iter()
        .any(|finding| matches!(finding.kind.id(), "r02.environments-joined" | "r02.shared-wire"));
    assert_eq!(told, !joined.is_empty(), "seed {seed}: layer 2, oracle {joined:?}");

    // Layer 3, for random packets and for those the proof shows as samples.
    let mut dice = Dice(!seed);
    let mut packets: Vec<Packet> = (0..10).map(|_| Packet::random(&mut dice)).collect();
    let undeclared = proof.crossings.iter().flat_map(|crossing| crossing.undeclared.first());
    packets.extend(undeclared.filter_map(Packet::of));
    let mut leaks = 0;
    for packet in &packets {
        let mut found: Pairs = Pairs::new();
        for state in &states {
            for (from, start) in environments.iter().zip(&starts) {
                for node in oracle.flood(state, start, Some(packet)) {
                    let to = environment(&node);
                    // What the same segment shares anyway is a leak of layer 2.
                    let shared = near.get(&from.0).is_some_and(|near| near.contains(&node));
                    if to != *from && !shared && !allowed(&plan, *from, to, packet) {
                        found.insert((from.0, to.0));
                    }
                }
            }
        }
        let point = packet.point();
        let proven: Pairs = proof
            .crossings
            .iter()
            .filter(|crossing| crossing.undeclared.iter().any(|header| header.holds(&point)))
            .map(|crossing| (crossing.from.0, crossing.to.0))
            .collect();
        assert_eq!(proven, found, "seed {seed}: {packet:?}");
        leaks += found.len();
    }
    // A leak is told if and only if there is one.
    let crossing = proof.crossings.iter().any(|crossing| !crossing.undeclared.is_empty());
    let told = proof.findings.iter().any(|finding| {
        let id = finding.kind.id();
        ["r03.path", "r04.", "r13."].iter().any(|start| id.starts_with(start))
    });
    assert_eq!(told, crossing, "seed {seed}: findings and crossings differ");
    single_failures(&plan, &oracle, &proof, seed);
    (joined.len(), leaks)
}

/// Property P7: the switches that lose their gateway when one link is cut, one link at a time.
fn single_failures(plan: &Plan, oracle: &Oracle<'_>, proof: &Proof, seed: u64) {
    let all = (1_u32 << plan.links.len()) - 1;
    let mut expected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for environment in 0..4 {
        let environment = EnvironmentIndex(environment);
        for entry in &plan.environment(environment).unwrap().vlans {
            let serving =
                |gateway: &&Gateway| gateway.interfaces.iter().any(|it| it.vlan == entry.id);
            let doors: Vec<Node> = plan
                .gateways
                .iter()
                .filter(serving)
                .flat_map(|gateway| gateway.attach.iter().map(|switch| (*switch, entry.id)))
                .collect();
            let reached = |links| -> HashSet<SwitchIndex> {
                // Only paths that stay in the VLAN count: a detour through another is a leak.
                let mut seen: HashSet<SwitchIndex> =
                    doors.iter().map(|(switch, _)| *switch).collect();
                loop {
                    let before = seen.len();
                    for (number, link) in plan.links.iter().enumerate() {
                        let [one, other] = link.ends;
                        let joins = oracle.over(one, other, entry.id) == Some(entry.id)
                            || oracle.over(other, one, entry.id) == Some(entry.id);
                        if links >> number & 1 == 1
                            && joins
                            && (seen.contains(&one.switch) || seen.contains(&other.switch))
                        {
                            seen.extend([one.switch, other.switch]);
                        }
                    }
                    if seen.len() == before {
                        return seen;
                    }
                }
            };
            if doors.is_empty() {
                continue;
            }
            let whole = reached(all);
            for (number, link) in plan.links.iter().enumerate() {
                for switch in whole.difference(&reached(all & !(1 << number))) {
                    let at = plan.switch(*switch).unwrap();
                    let site = plan.site(at.site).unwrap();
                    let wanted = at.vlans.contains(&entry.id)
                        && at.ports.iter().any(|port| match &port.role {
                            PortRole::Auth { environments, .. } => {
                                environments.contains(&environment)
                                    && site.assigned(environment) == Some(entry.id)
                            }
                            PortRole::Access { vlan, .. } => *vlan == entry.id,
                            PortRole::Trunk { .. } | PortRole::Unused => false,
                        });
                    if wanted {
                        expected.entry(link.id.clone()).or_default().insert(at.id.clone());
                    }
                }
            }
        }
    }
    let word = |finding: &Finding, name: &str| {
        let fact = finding.facts.iter().find(|(fact, _)| *fact == name).unwrap();
        fact.1.get(crate::vocabulary::Language::English)
    };
    let told: BTreeMap<String, BTreeSet<String>> = proof
        .findings
        .iter()
        .filter(|finding| finding.kind.id() == "r24.single-link")
        .map(|finding| {
            let switches = word(finding, "switches").split(", ").map(str::to_owned).collect();
            (word(finding, "link"), switches)
        })
        .collect();
    assert_eq!(told, expected, "seed {seed}: single failures");
}

/// At least 10,000 networks in a release build, as `.ci/run` has it; fewer where each is slow.
#[test]
fn the_oracle_agrees_on_every_random_network() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let count = number("SEKISHO_ORACLE_NETWORKS").unwrap_or(if cfg!(debug_assertions) {
        300
    } else {
        10_000
    });
    let first = number("SEKISHO_ORACLE_SEED").unwrap_or(1);
    let (mut joined, mut leaking) = (0_u64, 0_u64);
    for seed in first..first + count {
        let (layer2, layer3) = compare(seed);
        joined += u64::from(layer2 > 0);
        leaking += u64::from(layer3 > 0);
    }
    // A test of networks that never leak, or always do, would show nothing.
    for share in [joined, leaking] {
        assert!(share * 20 > count && share * 20 < count * 19, "{joined} {leaking} of {count}");
    }
    println!("{count} networks: {joined} joined at layer 2, {leaking} leaking at layer 3");
}
