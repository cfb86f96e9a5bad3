//! Random small networks.

use std::net::IpAddr;
use std::sync::OnceLock;

use crate::plan::tests::{NOW, shipped};
use crate::plan::{
    Acl, AclIndex, AclRule, Applied, Cable, Families, Flow, FlowEnd, Flows, Gateway, GatewayIndex,
    HostMode, Interface, Link, LinkEnd, Origin, Plan, Port, PortRole, ProfileIndex, Route, Site,
    Switch, SwitchRole, Transmission, VlansPerPort, compile,
};
use crate::vocabulary::{EnvironmentIndex, PortIndex, SiteIndex, SwitchIndex, VlanId};

/// Numbers that look random and are the same everywhere (splitmix64, Steele et al. 2014).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, count: usize) -> usize {
        (self.roll() % count as u64) as usize
    }

    pub(super) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub(super) fn pick<T: Copy>(&mut self, list: &[T]) -> T {
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

pub(super) fn hosts() -> Vec<IpAddr> {
    VLANS.iter().flat_map(|number| [host(*number, 10), host(*number, 11)]).collect()
}

fn origin() -> Origin {
    Origin { file: "network.toml".into(), line: 1 }
}

fn subset(dice: &mut Dice, list: &[u16], odds: usize) -> Vec<VlanId> {
    list.iter().filter(|_| !dice.one_in(odds)).map(|number| vlan(*number)).collect()
}

/// A random network: at most 8 switches, 8 links and 4 authenticated ports.
pub(super) fn network(seed: u64) -> Plan {
    let mut dice = Dice(seed);
    let base = base();
    let profile = |wanted| {
        let found = |it: &crate::plan::Profile| it.behaviour.vlans_per_port == wanted;
        let position = base.profiles.iter().position(found).unwrap();
        ProfileIndex(u16::try_from(position).unwrap())
    };
    let profiles = [profile(VlansPerPort::One), profile(VlansPerPort::PerMac)];
    let site = |id: &str| Site {
        id: id.to_owned(),
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
            site: SiteIndex(dice.below(2) as u16),
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
        vec![site("s"), site("t")],
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
