//! What joins VLANs at layer 3: access lists, gateways, and relays where connections end.

use std::collections::HashMap;

use ipnetwork::IpNetwork;

use super::read::Ground;
use super::{
    Acl, AclIndex, AclRule, Applied, Families, Gateway, GatewayIndex, Interface, LinkEnd, Relay,
    RelayClass, Route, Switch, Topology,
};
use crate::plan::names::nearest;
use crate::plan::names::{declare, resolve};
use crate::plan::packet::{TCP, UDP, host, hosts, ports, protocol};
use crate::plan::read::{Located, Table};
use crate::plan::{Finding, FindingKind};
use crate::vocabulary::{SwitchIndex, VlanId};

/// Lists of one plan.
const ACLS_MAX: usize = 4_096;
/// Rules of one list.
const RULES_MAX: usize = 10_000;
/// Gateways of one plan.
const GATEWAYS_MAX: usize = 1_000;
/// Interfaces of one gateway.
const INTERFACES_MAX: usize = 1_000;
/// The list that is not written but made of the permitted flows.
const FLOWS: &str = "flows";
/// The table of routes that a gateway without VRFs has.
const VRF_MAIN: &str = "main";

/// Reads `acl`, `gateway` and `relay` of `topology/network.toml`.
pub(super) fn read(ground: &Ground<'_>, root: &Table<'_>, topology: &mut Topology) {
    let mut lists = root.tables("acl", acl);
    root.at_most("acl", &mut lists, ACLS_MAX);
    // Known, so that nobody else takes the name and a misspelling finds it.
    let mut acls = HashMap::from([(FLOWS.to_owned(), None)]);
    for (id, acl) in lists {
        let index = u16::try_from(topology.acls.len()).ok().map(AclIndex);
        if declare(&mut acls, &id, index, ground.sink) {
            topology.acls.push(acl);
        }
    }
    let mut gateways = root.tables("gateway", |table| {
        let id = table.id("id");
        let standby_of = table.optional_text("standby_of");
        let gateway = gateway(ground, table, &acls, &topology.switches, id.as_ref());
        Some((id?, standby_of.flatten(), gateway))
    });
    root.at_most("gateway", &mut gateways, GATEWAYS_MAX);
    let mut ids = HashMap::new();
    let mut standby = Vec::new();
    for (id, of, gateway) in gateways {
        let index = u16::try_from(topology.gateways.len()).ok().map(GatewayIndex);
        let index = gateway.as_ref().and(index);
        if declare(&mut ids, &id, index, ground.sink) {
            topology.gateways.extend(gateway);
            standby.extend(of.map(|of| (index, of)));
        }
    }
    for (index, of) in standby {
        let other = resolve(&ids, "gateway", &of, ground.sink);
        if other.is_some() && other == index {
            let finding = of.finding(FindingKind::StandbyOfItself);
            ground.sink.push(finding.fact("gateway", &of.value));
        } else if let Some(gateway) =
            index.and_then(|index| topology.gateways.get_mut(usize::from(index.0)))
        {
            gateway.standby_of = other;
        }
    }
    let relays = root.tables("relay", relay);
    let mut ids = HashMap::new();
    for (id, relay) in relays {
        if declare(&mut ids, &id, Some(()), ground.sink) {
            topology.relays.push(relay);
        }
    }
}

fn acl(table: &Table<'_>) -> Option<(Located<String>, Acl)> {
    let id = table.id("id");
    let families = table.choice(
        "family",
        &[
            ("ipv4", Families { ipv4: true, ipv6: false }),
            ("ipv6", Families { ipv4: false, ipv6: true }),
            ("both", Families { ipv4: true, ipv6: true }),
        ],
    );
    let mut rules = table.tables("rule", rule);
    table.at_most("rule", &mut rules, RULES_MAX);
    let id = id?;
    let acl = Acl { id: id.value.clone(), families: families?, rules, at: id.at.clone() };
    Some((id, acl))
}

fn rule(table: &Table<'_>) -> Option<AclRule> {
    let permit = table.choice("action", &[("permit", true), ("deny", false)]);
    let (from, to) = (networks(table, "from"), networks(table, "to"));
    let protocol = table.optional_text("protocol").and_then(|text| match text {
        Some(text) => protocol(&text, table).map(Some),
        None => Some(None),
    });
    let from_ports = ports(table, "from_ports");
    let to_ports = ports(table, "ports");
    let established = table.optional_flag("established");
    let rule = AclRule {
        permit: permit?,
        from: from?,
        to: to?,
        protocol: protocol?,
        from_ports: from_ports?,
        to_ports: to_ports?,
        established: established?.unwrap_or(false),
        at: table.at(),
    };
    let ported = !rule.from_ports.is_empty() || !rule.to_ports.is_empty();
    if ported && !matches!(rule.protocol, Some(TCP | UDP)) {
        table.push(table.finding(FindingKind::PortsWithoutProtocol, "protocol"));
    }
    if rule.established && rule.protocol != Some(TCP) {
        table.push(table.finding(FindingKind::EstablishedNotTcp, "established"));
    }
    Some(rule)
}

/// Networks that may be absent, which means all of them.
fn networks(table: &Table<'_>, key: &'static str) -> Option<Vec<IpNetwork>> {
    let Some(texts) = table.optional_texts(key)? else { return Some(Vec::new()) };
    if texts.is_empty() {
        table.push(table.finding(FindingKind::Empty, key));
    }
    let found: Vec<_> = texts.iter().map(|text| table.to_network(text)).collect();
    found.into_iter().collect()
}

type Acls = HashMap<String, Option<AclIndex>>;

fn gateway(
    ground: &Ground<'_>,
    table: &Table<'_>,
    acls: &Acls,
    switches: &[Switch],
    id: Option<&Located<String>>,
) -> Option<Gateway> {
    let site = table.text("site");
    let site = site.and_then(|site| resolve(&ground.names.sites, "site", &site, ground.sink));
    let attach = table.optional_texts("attach").and_then(|texts| {
        let texts = texts.unwrap_or_default();
        let found: Vec<_> = texts.iter().map(|text| attachment(ground, text, switches)).collect();
        found.into_iter().collect::<Option<Vec<_>>>()
    });
    let stateful = table.optional_flag("stateful");
    let bypass = table.optional_flag("bypass");
    let silent = table.optional_choice("unlisted_family", &[("drop", false), ("forward", true)]);
    let mut interfaces = table.tables("interface", |table| interface(ground, table, acls));
    table.at_most("interface", &mut interfaces, INTERFACES_MAX);
    let routes = table.tables("route", route);
    for route in &routes {
        let near = |address: &IpNetwork| address.contains(route.via);
        let addresses = interfaces.iter().flat_map(|it| [Some(it.address), it.address6]).flatten();
        if !addresses.into_iter().any(|address| near(&address)) {
            let finding = Finding::new(FindingKind::RouteNowhere, Some(route.at.clone()), "via");
            ground.sink.push(finding.fact("via", route.via).fact("to", route.to));
        }
    }
    Some(Gateway {
        id: id?.value.clone(),
        site: site?,
        ports: attach.iter().flatten().filter_map(|(_, end)| *end).collect(),
        attach: attach?.into_iter().map(|(switch, _)| switch).collect(),
        standby_of: None,
        stateful: stateful?.unwrap_or(false),
        bypass: bypass?.unwrap_or(false),
        forwards_unlisted: silent?.unwrap_or(true),
        interfaces,
        routes,
        at: id?.at.clone(),
    })
}

/// Reads `switch` or `switch:port`.
fn attachment(
    ground: &Ground<'_>,
    text: &Located<String>,
    switches: &[Switch],
) -> Option<(SwitchIndex, Option<LinkEnd>)> {
    let Some((name, port)) = text.value.split_once(':') else {
        return resolve(&ground.names.switches, "switch", text, ground.sink)
            .map(|switch| (switch, None));
    };
    let name = text.clone().map(|_| name.to_owned());
    let index = resolve(&ground.names.switches, "switch", &name, ground.sink)?;
    let switch = switches.get(usize::from(index.0))?;
    match switch.port(port) {
        Some(port) => Some((index, Some(LinkEnd { switch: index, port }))),
        None => {
            let hint = nearest(port, switch.ports.iter().map(|port| port.name.as_str()));
            let finding = text.finding(FindingKind::UnknownReference).term("what", "port");
            ground.sink.push(finding.fact("value", &text.value).fact("hint", hint));
            None
        }
    }
}

fn interface(ground: &Ground<'_>, table: &Table<'_>, acls: &Acls) -> Option<Interface> {
    let (vlan, text) = (table.vlan("vlan"), table.text("address"));
    let address = text.as_ref().and_then(|text| table.to_interface(text));
    let text6 = table.optional_text("address6");
    let vrf = table.optional_text("vrf");
    let applied = |key| -> Option<Option<Applied>> {
        match table.optional_text(key)? {
            None => Some(None),
            Some(text) if text.value == FLOWS => Some(Some(Applied::Flows)),
            Some(text) => {
                resolve(acls, "acl", &text, ground.sink).map(|index| Some(Applied::Acl(index)))
            }
        }
    };
    let (input, output) = (applied("in"), applied("out"));
    let (vlan, text, address) = (vlan?, text?, address?);
    let (_, entry) = ground.vlan(&vlan)?;
    fits(ground, &text, address, vlan.value, entry.prefix);
    let address6 = match text6? {
        None => None,
        Some(text) => {
            let address = table.to_interface(&text)?;
            fits(ground, &text, address, vlan.value, entry.prefix6);
            Some(address)
        }
    };
    Some(Interface {
        vlan: vlan.value,
        address,
        address6,
        vrf: vrf?.map_or_else(|| VRF_MAIN.to_owned(), |vrf| vrf.value),
        input: input?,
        output: output?,
        at: vlan.at,
    })
}

fn fits(
    ground: &Ground<'_>,
    text: &Located<String>,
    address: IpNetwork,
    vlan: VlanId,
    prefix: Option<IpNetwork>,
) {
    let fits = prefix
        .is_some_and(|prefix| prefix.contains(address.ip()) && prefix.prefix() == address.prefix());
    if !fits {
        let prefix = prefix.map_or_else(|| "-".to_owned(), |prefix| prefix.to_string());
        let finding = text.finding(FindingKind::GatewayAddress).fact("address", address);
        ground.sink.push(finding.fact("vlan", vlan).fact("prefix", prefix));
    }
}

fn route(table: &Table<'_>) -> Option<Route> {
    let to = table.text("to").and_then(|text| table.to_network(&text));
    let via = table.text("via").and_then(|text| host(&text, table));
    let vrf = table.optional_text("vrf")?;
    let vrf = vrf.map_or_else(|| VRF_MAIN.to_owned(), |vrf| vrf.value);
    Some(Route { to: to?, via: via?, vrf, at: table.at() })
}

fn relay(table: &Table<'_>) -> Option<(Located<String>, Relay)> {
    let id = table.id("id");
    let class = table.choice(
        "class",
        &[
            ("screen", RelayClass::Screen),
            ("sanitiser", RelayClass::Sanitiser),
            ("proxy", RelayClass::Proxy),
            ("mail", RelayClass::Mail),
        ],
    );
    let addresses = hosts(table, "addresses");
    let (purpose, approver) = (table.text("purpose"), table.text("approver"));
    let id = id?;
    let relay = Relay {
        id: id.value.clone(),
        class: class?,
        addresses: addresses?,
        purpose: purpose?.value,
        approver: approver?.value,
        at: id.at.clone(),
    };
    Some((id, relay))
}
