//! Rules R05, R06 and the chains of R03: what the permitted flows themselves say.

use std::collections::HashMap;
use std::net::IpAddr;

use super::header::{Header, Places, Span, addresses, outside};
use super::layer3::flow_headers;
use super::separation::{Crossing, cut};
use crate::plan::{
    Edition, Environment, Finding, FindingKind, Flow, FlowEnd, Plan, Relay, RelayClass, TCP, UDP,
};
use crate::vocabulary::EnvironmentIndex;

/// Shortest prefix of an IPv4 address of a flow.
const PREFIX4_MIN: u8 = 24;
/// Shortest prefix of an IPv6 address of a flow.
const PREFIX6_MIN: u8 = 64;
/// Ports of one flow.
const PORTS_MAX: usize = 16;

pub(super) fn check(
    plan: &Plan,
    crossings: &[Crossing],
    edition: Edition,
    findings: &mut Vec<Finding>,
) {
    let passing = Passing::of(crossings);
    for flow in &plan.permitted {
        tuple(flow, findings);
        if cut(plan, flow.from.environment, flow.to.environment) {
            findings.push(
                finding(FindingKind::FlowAcrossCut, flow)
                    .fact("from", plan.environment_id(flow.from.environment))
                    .fact("to", plan.environment_id(flow.to.environment)),
            );
        } else {
            possible(flow, &passing, findings);
        }
    }
    chains(plan, edition, findings);
}

fn finding(kind: FindingKind, flow: &Flow) -> Finding {
    Finding::new(kind, Some(flow.at.clone()), "flow").fact("flow", &flow.id)
}

/// Rule R05: addresses and ports are as narrow as an application needs.
fn tuple(flow: &Flow, findings: &mut Vec<Finding>) {
    for network in flow.from.addresses.iter().chain(&flow.to.addresses) {
        let min = if network.is_ipv4() { PREFIX4_MIN } else { PREFIX6_MIN };
        if network.prefix() < min {
            findings.push(
                finding(FindingKind::FlowTooWide, flow)
                    .fact("value", network)
                    .fact("min4", PREFIX4_MIN)
                    .fact("min6", PREFIX6_MIN),
            );
        }
    }
    let count: usize = flow.ports.iter().map(ExactSizeIterator::len).sum::<usize>();
    if matches!(flow.protocol, TCP | UDP) && !(1..=PORTS_MAX).contains(&count) {
        findings.push(
            finding(FindingKind::FlowPorts, flow).fact("count", count).fact("max", PORTS_MAX),
        );
    }
}

/// What gets from one environment into another, by these two.
#[derive(Default)]
struct Passing(HashMap<(EnvironmentIndex, EnvironmentIndex), (Vec<Header>, Places)>);

impl Passing {
    fn of(crossings: &[Crossing]) -> Self {
        let mut passing = Self::default();
        for crossing in crossings {
            let ends = (crossing.from, crossing.to);
            let (headers, places) = passing.0.entry(ends).or_default();
            for header in &crossing.headers {
                places.add(header.to, headers.len());
                headers.push(*header);
            }
        }
        passing
    }
}

/// Rule R06: what opens the flow gets through.
fn possible(flow: &Flow, passing: &Passing, findings: &mut Vec<Finding>) {
    let nothing = (Vec::new(), Places::default());
    let ends = (flow.from.environment, flow.to.environment);
    let (headers, places) = passing.0.get(&ends).unwrap_or(&nothing);
    let opening = flow_headers(flow, false).into_iter();
    let rest = opening
        .map(|header| Header { established: Span::new(0, 0), ..header })
        .flat_map(|header| outside(header, places, headers))
        .next();
    if let Some(sample) = rest {
        findings.push(finding(FindingKind::FlowDead, flow).fact("sample", sample));
    }
}

/// Chains of terminated connections: a machine that accepts from one environment and opens into
/// another is no path for packets, but one for data, and needs a class and an approval.
fn chains(plan: &Plan, edition: Edition, findings: &mut Vec<Finding>) {
    let mut told = Vec::new();
    let relayed_end = |end: &FlowEnd| {
        plan.relays.iter().flat_map(|relay| &relay.addresses).any(|address| end.holds(*address))
    };
    // Only flows that begin where another ends, or at a relay, can go on from it.
    let mut begins = Places::default();
    let mut at_relays = Vec::new();
    for (position, flow) in plan.permitted.iter().enumerate() {
        for network in &flow.from.addresses {
            begins.add(addresses(*network), position);
        }
        if relayed_end(&flow.from) {
            at_relays.push(position);
        }
    }
    for first in &plan.permitted {
        let ends = first.to.addresses.iter();
        let mut seconds: Vec<usize> =
            ends.flat_map(|network| begins.meeting(addresses(*network))).collect();
        if relayed_end(&first.to) {
            seconds.extend(&at_relays);
        }
        seconds.sort_unstable();
        seconds.dedup();
        for second in seconds.into_iter().filter_map(|position| plan.permitted.get(position)) {
            let (from, to) = (first.from.environment, second.to.environment);
            if from == to {
                continue;
            }
            let Some(address) = meeting(&first.to, &second.from) else {
                relayed(plan, first, second, edition, &mut told, findings);
                continue;
            };
            let relay = plan.relays.iter().find(|relay| relay.addresses.contains(&address));
            match relay {
                Some(relay) => {
                    chain(plan, (from, to), relay, Some(first), edition, &mut told, findings);
                }
                None => findings.push(
                    Finding::new(FindingKind::RelayUndeclared, Some(second.at.clone()), "flow")
                        .fact("address", address)
                        .fact("from", plan.environment_id(from))
                        .fact("to", plan.environment_id(to))
                        .fact("one", &first.id)
                        .fact("other", &second.id),
                ),
            }
        }
    }
    for (position, relay) in plan.relays.iter().enumerate() {
        straddling(plan, (position, relay), edition, &mut told, findings);
    }
}

/// A relay that stands in two environments which are to be cut joins them without any flow.
fn straddling(
    plan: &Plan,
    (position, relay): (usize, &Relay),
    edition: Edition,
    told: &mut Vec<(usize, EnvironmentIndex, EnvironmentIndex)>,
    findings: &mut Vec<Finding>,
) {
    let holds = |environment: &Environment| {
        let mut prefixes = environment.prefixes.iter();
        prefixes.any(|prefix| relay.addresses.iter().any(|address| prefix.contains(*address)))
    };
    let all = (0_u8..).map(EnvironmentIndex).zip(&plan.environments);
    let own: Vec<_> = all.filter(|(_, it)| holds(it)).map(|(index, _)| index).collect();
    for (first, from) in own.iter().enumerate() {
        for to in own.iter().skip(first + 1) {
            let known = told.contains(&(position, *to, *from));
            if cut(plan, *from, *to) && !known {
                chain(plan, (*from, *to), relay, None, edition, told, findings);
            }
        }
    }
}

/// A relay with addresses in two environments: in by one, out by the other.
fn relayed(
    plan: &Plan,
    first: &Flow,
    second: &Flow,
    edition: Edition,
    told: &mut Vec<(usize, EnvironmentIndex, EnvironmentIndex)>,
    findings: &mut Vec<Finding>,
) {
    let ends = (first.from.environment, second.to.environment);
    for relay in &plan.relays {
        let holds = |end: &FlowEnd| relay.addresses.iter().any(|address| end.holds(*address));
        if holds(&first.to) && holds(&second.from) {
            chain(plan, ends, relay, Some(first), edition, told, findings);
        }
    }
}

fn chain(
    plan: &Plan,
    (from, to): (EnvironmentIndex, EnvironmentIndex),
    relay: &Relay,
    flow: Option<&Flow>,
    edition: Edition,
    told: &mut Vec<(usize, EnvironmentIndex, EnvironmentIndex)>,
    findings: &mut Vec<Finding>,
) {
    let position = plan.relays.iter().position(|other| std::ptr::eq(other, relay));
    let key = (position.unwrap_or_default(), from, to);
    if told.contains(&key) {
        return;
    }
    told.push(key);
    // Screen transfer to a named peer is what the edition of R7.3 allows, and nothing else.
    let allowed = relay.class == RelayClass::Screen && edition == Edition::R7_3;
    let kind = if cut(plan, from, to) && !allowed {
        FindingKind::RelayAcrossCut
    } else {
        FindingKind::RelayChain
    };
    let class = match relay.class {
        RelayClass::Screen => "screen",
        RelayClass::Sanitiser => "sanitiser",
        RelayClass::Proxy => "proxy",
        RelayClass::Mail => "mail",
    };
    let mut finding = Finding::new(kind, Some(relay.at.clone()), "relay")
        .fact("relay", &relay.id)
        .fact("class", class)
        .fact("approver", &relay.approver)
        .fact("from", plan.environment_id(from))
        .fact("to", plan.environment_id(to))
        .fact("edition", edition.id());
    if let Some(flow) = flow {
        finding = finding.fact("flow", &flow.id);
    }
    findings.push(finding);
}

/// An address that both ends hold.
fn meeting(one: &FlowEnd, other: &FlowEnd) -> Option<IpAddr> {
    if one.environment != other.environment {
        return None;
    }
    let within = |whole: &FlowEnd, part: &FlowEnd| {
        part.addresses.iter().map(ipnetwork::IpNetwork::ip).find(|address| whole.holds(*address))
    };
    within(one, other).or_else(|| within(other, one))
}
