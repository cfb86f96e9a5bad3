//! Rules R07 and R09 to R16: what can be attached where, by every rule of the policy at every
//! port and wireless network. The rules are asked as they stand, over sets, not by samples.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::layer2::Segments;
use super::separation::port_name;
use crate::plan::{
    Action, Admission, Area, Edition, ExceptionObject, Finding, FindingKind, HostMode, LinkEnd,
    Origin, Plan, PortRole, Role, Rule, Switch, some_of,
};
use crate::vocabulary::{DeviceIndex, EnvironmentIndex, SwitchIndex, VlanId};

/// Names shown in one finding.
const SHOWN_MAX: usize = 8;

pub(super) fn check(
    plan: &Plan,
    segments: &Segments,
    edition: Edition,
    findings: &mut Vec<Finding>,
) {
    rules(plan, findings);
    exceptions(plan, findings);
    wireless(plan, edition, findings);
    gateways(plan, findings);
    let mut linked: Vec<LinkEnd> = plan.links.iter().flat_map(|link| link.ends).collect();
    linked.extend(plan.gateways.iter().flat_map(|gateway| &gateway.ports));
    linked.sort_unstable_by_key(|end| (end.switch, end.port));
    let served = served(plan, segments);
    for (index, switch) in (0_u16..).map(SwitchIndex).zip(&plan.switches) {
        ports(plan, index, switch, &linked, findings);
        uplinks(plan, segments, &served, index, switch, findings);
    }
    unguarded(plan, findings);
}

/// The environments a rule may admit into: its own condition, else all that admit.
fn admitted(plan: &Plan, rule: &Rule) -> Vec<EnvironmentIndex> {
    match &rule.environments {
        Some(list) => list.clone(),
        None => (0_u8..)
            .map(EnvironmentIndex)
            .zip(&plan.environments)
            .filter(|(_, of)| of.admission != Admission::None)
            .map(|(index, _)| index)
            .collect(),
    }
}

fn applies(rule: &Rule, index: SwitchIndex, switch: &Switch) -> bool {
    rule.sites.as_ref().is_none_or(|sites| sites.contains(&switch.site))
        && rule.switches.as_ref().is_none_or(|switches| switches.contains(&index))
}

/// Rules R09 and R15 for VLANs that a rule names.
fn rules(plan: &Plan, findings: &mut Vec<Finding>) {
    for rule in plan.rules.iter().filter(|rule| rule.action == Action::Admit) {
        let Some(vlan) = rule.vlan else { continue };
        let owner = plan.vlan_environment(vlan);
        for environment in admitted(plan, rule) {
            if owner != Some(environment) {
                let finding = Finding::new(FindingKind::RuleCrosses, Some(rule.at.clone()), "vlan")
                    .fact("rule", &rule.id)
                    .fact("environment", plan.environment_id(environment))
                    .fact("vlan", vlan);
                let owner = owner.map_or("?", |owner| plan.environment_id(owner));
                findings.push(finding.fact("other_environment", owner));
            }
        }
        let lacking: Vec<String> = (0_u16..)
            .map(SwitchIndex)
            .zip(&plan.switches)
            .filter(|(index, switch)| {
                applies(rule, *index, switch)
                    && !switch.vlans.contains(&vlan)
                    && owner.is_some_and(|owner| serves(switch, owner))
            })
            .map(|(_, switch)| switch.id.clone())
            .collect();
        if !lacking.is_empty() {
            findings.push(
                Finding::new(FindingKind::RuleVlanAbsent, Some(rule.at.clone()), "vlan")
                    .fact("rule", &rule.id)
                    .fact("vlan", vlan)
                    .fact("switches", some_of(&lacking, SHOWN_MAX)),
            );
        }
    }
}

fn serves(switch: &Switch, environment: EnvironmentIndex) -> bool {
    switch.ports.iter().any(|port| match &port.role {
        PortRole::Auth { environments, .. } => environments.contains(&environment),
        PortRole::Trunk { .. } | PortRole::Access { .. } | PortRole::Unused => false,
    })
}

/// Rule R10: who enters by an exception is pinned to a port.
fn exceptions(plan: &Plan, findings: &mut Vec<Finding>) {
    let objects = || {
        let exceptions = plan.exceptions.iter().filter(|exception| exception.rule == "R10");
        exceptions.flat_map(|exception| &exception.objects)
    };
    for (index, device) in (0_u32..).map(DeviceIndex).zip(&plan.devices) {
        let excepted = |object: &ExceptionObject| match object {
            ExceptionObject::Device(of) => *of == index,
            ExceptionObject::Class(class) => *class == device.class,
            ExceptionObject::Switch(_) | ExceptionObject::Other(_) => false,
        };
        let pinned = matches!(device.place, Some(Area::Port(..)));
        if device.certificate.is_none() && !pinned && objects().any(excepted) {
            findings.push(
                Finding::new(FindingKind::ExceptionUnpinned, Some(device.at.clone()), "place")
                    .fact("device", &device.asset)
                    .fact("environment", plan.environment_id(device.environment)),
            );
        }
    }
}

/// Rule R11: no environment is on the air that its own rule or the edition keeps off it.
fn wireless(plan: &Plan, edition: Edition, findings: &mut Vec<Finding>) {
    for network in plan.switches.iter().flat_map(|switch| &switch.networks) {
        for index in &network.environments {
            let Some(environment) = plan.environment(*index) else { continue };
            if !environment.wireless_allowed(edition) {
                findings.push(
                    Finding::new(FindingKind::WirelessForbidden, Some(network.at.clone()), "ssid")
                        .fact("ssid", &network.ssid)
                        .fact("environment", &environment.id)
                        .fact("edition", edition.id()),
                );
            }
        }
    }
}

/// Rule R12: nothing joins environments when it fails.
fn gateways(plan: &Plan, findings: &mut Vec<Finding>) {
    for gateway in plan.gateways.iter().filter(|gateway| gateway.bypass) {
        let mut joined: Vec<EnvironmentIndex> = gateway
            .interfaces
            .iter()
            .filter_map(|interface| plan.vlan_environment(interface.vlan))
            .collect();
        joined.sort_unstable();
        joined.dedup();
        if joined.len() > 1 {
            findings.push(
                Finding::new(FindingKind::FailsToWire, Some(gateway.at.clone()), "bypass")
                    .fact("gateway", &gateway.id)
                    .fact("environments", plan.environment_ids(&joined)),
            );
        }
    }
}

/// Rule R16: what an unauthenticated port is, and what a trunk leads to.
fn ports(
    plan: &Plan,
    index: SwitchIndex,
    switch: &Switch,
    linked: &[LinkEnd],
    findings: &mut Vec<Finding>,
) {
    let linked = |port: usize| {
        let key = |end: &LinkEnd| (end.switch, usize::from(end.port.0));
        linked.binary_search_by_key(&(index, port), key).is_ok()
    };
    // One finding for each line of the file: ports are written in groups.
    let mut trunks: BTreeMap<u32, (Vec<String>, &[VlanId])> = BTreeMap::new();
    for (position, port) in switch.ports.iter().enumerate() {
        match &port.role {
            PortRole::Trunk { vlans, .. } => {
                if !linked(position) {
                    let (names, _) = trunks.entry(port.at.line).or_insert((Vec::new(), vlans));
                    names.push(port_name(plan, index, &port.name));
                }
            }
            PortRole::Auth { host_mode: HostMode::MultiHost, reason: None, .. } => {
                let kind = FindingKind::MultiHostUnlisted;
                let finding = Finding::new(kind, Some(port.at.clone()), "host_mode");
                findings.push(finding.fact("ports", port_name(plan, index, &port.name)));
            }
            PortRole::Auth { .. } | PortRole::Access { .. } | PortRole::Unused => {}
        }
    }
    for (line, (names, vlans)) in trunks {
        let at = Origin { file: switch.at.file.clone(), line };
        findings.push(
            Finding::new(FindingKind::TrunkUnlinked, Some(at), "role")
                .fact("ports", some_of(&names, SHOWN_MAX))
                .fact("vlans", list(vlans))
                .fact("switch", &switch.id),
        );
    }
}

pub(super) fn list(vlans: &[VlanId]) -> String {
    vlans.iter().map(VlanId::to_string).collect::<Vec<_>>().join(", ")
}

/// The segments that gateways of each VLAN are connected to, for every VLAN that has a gateway.
fn served(plan: &Plan, segments: &Segments) -> HashMap<VlanId, HashSet<u32>> {
    let mut served: HashMap<VlanId, HashSet<u32>> = HashMap::new();
    for gateway in &plan.gateways {
        for interface in &gateway.interfaces {
            let attached = segments.attached(plan, gateway, interface.vlan);
            served.entry(interface.vlan).or_default().extend(attached);
        }
    }
    served
}

/// Rule R15: what can be assigned at a switch reaches the gateway of its VLAN.
fn uplinks(
    plan: &Plan,
    segments: &Segments,
    served: &HashMap<VlanId, HashSet<u32>>,
    index: SwitchIndex,
    switch: &Switch,
    findings: &mut Vec<Finding>,
) {
    // A test bench on this very machine is no part of the network.
    if switch.address.ip().is_loopback() {
        return;
    }
    let site = plan.site(switch.site);
    let assigned = site.into_iter().flat_map(|site| &site.assign);
    for (environment, vlan) in assigned {
        if !serves(switch, *environment) || !switch.vlans.contains(vlan) {
            continue;
        }
        let Some(attached) = served.get(vlan) else { continue };
        let here = segments.segment(index, *vlan);
        if !here.is_some_and(|here| attached.contains(&here)) {
            findings.push(
                Finding::new(FindingKind::NoWayToGateway, Some(switch.at.clone()), "vlans")
                    .fact("switch", &switch.id)
                    .fact("vlan", vlan),
            );
        }
    }
}

/// Property P6: the ports at which nothing would stop a bridge brought in between two of them:
/// no authentication, or only of the first device.
fn unguarded(plan: &Plan, findings: &mut Vec<Finding>) {
    let mut by_environment: BTreeMap<EnvironmentIndex, Vec<String>> = BTreeMap::new();
    for (index, switch) in (0_u16..).map(SwitchIndex).zip(&plan.switches) {
        for port in &switch.ports {
            let reach: Vec<EnvironmentIndex> = match &port.role {
                PortRole::Access { vlan, .. } => plan.vlan_environment(*vlan).into_iter().collect(),
                PortRole::Auth { host_mode: HostMode::MultiHost, environments, .. } => {
                    environments.clone()
                }
                PortRole::Auth { .. } | PortRole::Trunk { .. } | PortRole::Unused => continue,
            };
            for environment in reach {
                let ports = by_environment.entry(environment).or_default();
                ports.push(port_name(plan, index, &port.name));
            }
        }
    }
    by_environment
        .retain(|index, _| plan.environment(*index).is_some_and(|of| of.role == Role::Business));
    if by_environment.len() < 2 {
        return;
    }
    let told = by_environment.iter().map(|(index, ports)| {
        format!("{}: {}", plan.environment_id(*index), some_of(ports, SHOWN_MAX))
    });
    let told = told.collect::<Vec<_>>().join("; ");
    findings.push(Finding::new(FindingKind::Unguarded, None, "").fact("ports", told));
}
