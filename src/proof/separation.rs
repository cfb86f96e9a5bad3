//! Rules R02, R03, R04, R08 and R13: where segments join environments, and what is forwarded
//! between them beyond the permitted flows.

use std::collections::{HashMap, HashSet};

use super::header::{Header, Places, addresses, outside, subtract};
use super::layer2::{Meeting, Segments, carried, partner};
use super::layer3::{Hop, Line, PIECES_MAX, Piece, Routes, flow_headers};
use crate::plan::{
    Finding, FindingKind, Flows, GatewayIndex, Link, LinkEnd, Origin, Plan, PortRole, Role, Step,
    StepKind,
};
use crate::vocabulary::{EnvironmentIndex, SwitchIndex, VlanId};

/// Findings about one pair of environments; more of the same says nothing new.
const FINDINGS_PER_PAIR_MAX: usize = 16;
/// Pairs of active and standby gateways for which every choice is tried.
const CHOICES_MAX: usize = 8;

/// What is forwarded from one environment into another.
#[derive(Clone, Debug)]
pub struct Crossing {
    /// Where it comes from.
    pub from: EnvironmentIndex,
    /// Where it gets to.
    pub to: EnvironmentIndex,
    /// The packets, as boxes that do not overlap within one segment.
    pub headers: Vec<Header>,
    /// Those that no permitted flow covers.
    pub undeclared: Vec<Header>,
}

/// Rule R02: links and ports where two environments meet, and bundles whose members differ.
pub(super) fn joined(plan: &Plan, segments: &Segments, findings: &mut Vec<Finding>) {
    for meeting in &segments.meetings {
        findings.extend(match meeting {
            Meeting::Native { link, vlans } => native(plan, *link, *vlans),
            Meeting::Wire { end, environments } => {
                let Some(port) = plan.port(end.switch, end.port) else { continue };
                let name = port_name(plan, end.switch, &port.name);
                let kind = FindingKind::SharedWire;
                let finding = Finding::new(kind, Some(port.at.clone()), "host_mode");
                let finding = finding.fact("port", name);
                Some(finding.fact("environments", plan.environment_ids(environments)))
            }
        });
    }
    for (index, switch) in (0_u16..).map(SwitchIndex).zip(&plan.switches) {
        for port in &switch.ports {
            if let PortRole::Trunk { all: true, .. } = port.role {
                let at = Some(port.at.clone());
                let finding = Finding::new(FindingKind::TrunkAll, at, "vlans");
                findings.push(finding.fact("port", port_name(plan, index, &port.name)));
            }
        }
    }
    bundles(plan, findings);
}

fn native(plan: &Plan, link: usize, vlans: [VlanId; 2]) -> Option<Finding> {
    let link = plan.links.get(link)?;
    let [one, other] = link.ends;
    let [vlan, other_vlan] = vlans;
    let name = |end: LinkEnd| {
        let port = plan.port(end.switch, end.port).map_or("?", |port| port.name.as_str());
        port_name(plan, end.switch, port)
    };
    let step = |kind, end: LinkEnd, vlan| {
        let switch = plan.switch(end.switch).map_or("?", |switch| switch.id.as_str());
        let port = plan.port(end.switch, end.port).map_or("?", |port| port.name.as_str());
        let step = Step::new(kind).fact("switch", switch).fact("port", port).fact("vlan", vlan);
        step.fact("environment", vlan_environment(plan, vlan)).fact("form", "untagged")
    };
    let mut finding = Finding::new(FindingKind::Joined, Some(link.at.clone()), "native")
        .fact("link", &link.id)
        .fact("one", name(one))
        .fact("vlan", vlan)
        .fact("environment", vlan_environment(plan, vlan))
        .fact("other", name(other))
        .fact("other_vlan", other_vlan)
        .fact("other_environment", vlan_environment(plan, other_vlan));
    finding.witness.push(step(StepKind::Sends, one, vlan));
    finding.witness.push(step(StepKind::Takes, other, other_vlan));
    let up = format!("{} up", link.id);
    finding.witness.push(Step::new(StepKind::Assumes).fact("what", up));
    Some(finding)
}

/// Members of a bundle carry the same, or frames vanish by the hash that spreads them.
fn bundles(plan: &Plan, findings: &mut Vec<Finding>) {
    let mut firsts: HashMap<&str, &Link> = HashMap::new();
    for link in &plan.links {
        let Some(lag) = &link.lag else { continue };
        let first = *firsts.entry(lag).or_insert(link);
        if std::ptr::eq(first, link) {
            continue;
        }
        let switches = |link: &Link| {
            let mut switches = link.ends.map(|end| end.switch);
            switches.sort_unstable();
            switches
        };
        let ports = |link: &Link| link.ends.map(|end| carried(plan, end));
        let same = switches(first) == switches(link)
            && (first.vlans.as_slice(), first.native) == (link.vlans.as_slice(), link.native)
            && {
                let ([a, b], [c, d]) = (ports(first), ports(link));
                (a == c && b == d) || (a == d && b == c)
            };
        if !same {
            let finding = Finding::new(FindingKind::LagUneven, Some(link.at.clone()), "lag");
            let finding = finding.fact("lag", lag).fact("one", &first.id).fact("other", &link.id);
            findings.push(finding.fact("link", &link.id));
        }
    }
}

/// Rules R03, R04 and R13: what is forwarded from each environment into each other.
pub(super) fn crossings(
    plan: &Plan,
    segments: &Segments,
    findings: &mut Vec<Finding>,
) -> Vec<Crossing> {
    let routes = Routes::of(plan, segments);
    let mut crossings: Vec<Crossing> = Vec::new();
    for from in 0..u8::try_from(plan.environments.len()).unwrap_or(u8::MAX) {
        let from = EnvironmentIndex(from);
        let Some(searches) = searches(&routes, segments, from) else {
            let finding = Finding::new(FindingKind::Unproven, None, "acl");
            let finding = finding.fact("from", plan.environment_id(from));
            findings.push(finding.fact("max", PIECES_MAX));
            continue;
        };
        let mut told = Vec::new();
        for found in searches {
            found.report(&routes, &mut told, &mut crossings);
        }
        findings.extend(told);
    }
    crossings
}

/// One search with every gateway active; where some path needs a gateway and its standby at once,
/// one for each choice instead, so that only what can happen is reported. `None` when any of them
/// would need too many boxes.
fn searches(
    routes: &Routes<'_>,
    segments: &Segments,
    from: EnvironmentIndex,
) -> Option<Vec<Found>> {
    let found = search(routes, segments, from, &HashSet::new())?;
    let mixed = mixing(routes.plan(), &found);
    if mixed.is_empty() {
        return Some(vec![found]);
    }
    choices(&mixed).iter().map(|down| search(routes, segments, from, down)).collect()
}

/// An environment that is reached, by which pieces, and what of each no flow covers.
type Reached = (EnvironmentIndex, Vec<(usize, Vec<Header>)>);

/// What one search found from one environment.
struct Found {
    from: EnvironmentIndex,
    pieces: Vec<Piece>,
    /// By environment reached: the pieces and what of them no flow covers.
    reached: Vec<Reached>,
}

fn search(
    routes: &Routes<'_>,
    segments: &Segments,
    from: EnvironmentIndex,
    down: &HashSet<GatewayIndex>,
) -> Option<Found> {
    let plan = routes.plan();
    let pieces = routes.reach(segments, from, down)?;
    let mut reached: Vec<Reached> = Vec::new();
    let environments = (0..u8::try_from(plan.environments.len()).unwrap_or(u8::MAX))
        .map(EnvironmentIndex)
        .filter(|to| *to != from);
    for to in environments {
        let allowed = allowance(plan, from, to);
        let places = Places::of(&allowed);
        let mut hits = Vec::new();
        for (index, piece) in pieces.iter().enumerate() {
            if piece.way.is_some() && segments.holds(piece.segment, to) {
                hits.push((index, outside(piece.header, &places, &allowed)));
            }
        }
        if !hits.is_empty() {
            reached.push((to, hits));
        }
    }
    Some(Found { from, pieces, reached })
}

/// What the permitted flows allow from one environment into another: what opens them and, the
/// other way, their replies. Between environments that are to be cut, nothing.
fn allowance(plan: &Plan, from: EnvironmentIndex, to: EnvironmentIndex) -> Vec<Header> {
    if cut(plan, from, to) || quarantined(plan, from, to) {
        return Vec::new();
    }
    let mut allowed = Vec::new();
    for flow in &plan.permitted {
        let ends = (flow.from.environment, flow.to.environment);
        if ends == (from, to) {
            allowed.extend(flow_headers(flow, false));
        } else if ends == (to, from) {
            allowed.extend(flow_headers(flow, true));
        }
    }
    allowed
}

pub(super) fn cut(plan: &Plan, from: EnvironmentIndex, to: EnvironmentIndex) -> bool {
    plan.flows(from, to) == Some(Flows::Cut)
}

fn quarantined(plan: &Plan, from: EnvironmentIndex, to: EnvironmentIndex) -> bool {
    [from, to]
        .iter()
        .any(|index| plan.environment(*index).is_some_and(|of| of.role == Role::Quarantine))
}

/// The gateways, each with its standby, that some undeclared piece needs at once.
fn mixing(plan: &Plan, found: &Found) -> Vec<[GatewayIndex; 2]> {
    let mut mixed: Vec<[GatewayIndex; 2]> = Vec::new();
    let hits = found.reached.iter().flat_map(|(_, hits)| hits);
    for (index, _) in hits.filter(|(_, rest)| !rest.is_empty()) {
        let Some(piece) = found.pieces.get(*index) else { continue };
        let used: Vec<GatewayIndex> =
            Routes::hops(&found.pieces, piece).iter().map(|hop| hop.gateway).collect();
        for gateway in &used {
            if let Some(other) = partner(plan, *gateway)
                && used.contains(&other)
            {
                let pair = [*gateway.min(&other), *gateway.max(&other)];
                if !mixed.contains(&pair) && mixed.len() < CHOICES_MAX {
                    mixed.push(pair);
                }
            }
        }
    }
    mixed
}

/// Every choice of one gateway to be down of each pair.
fn choices(pairs: &[[GatewayIndex; 2]]) -> Vec<HashSet<GatewayIndex>> {
    let mut choices = vec![HashSet::new()];
    for pair in pairs {
        choices = choices
            .into_iter()
            .flat_map(|choice: HashSet<GatewayIndex>| {
                pair.map(|down| {
                    let mut choice = choice.clone();
                    choice.insert(down);
                    choice
                })
            })
            .collect();
    }
    choices
}

impl Found {
    /// Adds what crosses, and a finding for each way it does, to what other searches found.
    fn report(
        self,
        routes: &Routes<'_>,
        findings: &mut Vec<Finding>,
        crossings: &mut Vec<Crossing>,
    ) {
        let plan = routes.plan();
        for (to, hits) in &self.reached {
            let mut told: HashSet<(Vec<GatewayIndex>, Line, Line)> = HashSet::new();
            let mut headers = Vec::new();
            let mut undeclared = Vec::new();
            for (index, rest) in hits {
                let Some(piece) = self.pieces.get(*index) else { continue };
                headers.push(piece.header);
                undeclared.extend(rest.iter().copied());
                let Some(sample) = rest.first() else { continue };
                let sample = &typical(plan, (self.from, *to), sample);
                let hops = Routes::hops(&self.pieces, piece);
                let Some(last) = hops.last() else { continue };
                let gateways = hops.iter().map(|hop| hop.gateway).collect();
                let fresh = told.insert((gateways, last.input, last.output));
                if fresh && told.len() <= FINDINGS_PER_PAIR_MAX {
                    let finding = crossing(plan, (self.from, *to), &hops, sample);
                    if !findings.contains(&finding) {
                        findings.push(finding);
                    }
                }
            }
            let same = |it: &&mut Crossing| (it.from, it.to) == (self.from, *to);
            match crossings.iter_mut().find(same) {
                Some(known) => {
                    known.headers.extend(subtract(headers, &known.headers));
                    known.undeclared.extend(subtract(undeclared, &known.undeclared));
                }
                None => {
                    crossings.push(Crossing { from: self.from, to: *to, headers, undeclared });
                }
            }
        }
    }
}

/// Of these packets, those between addresses of the two environments, where there are such.
fn typical(
    plan: &Plan,
    (from, to): (EnvironmentIndex, EnvironmentIndex),
    sample: &Header,
) -> Header {
    let prefixes = |index| {
        let environment = plan.environment(index);
        environment.into_iter().flat_map(|environment| &environment.prefixes)
    };
    prefixes(from)
        .flat_map(|from| prefixes(to).map(move |to| (addresses(*from), addresses(*to))))
        .find_map(|(from, to)| sample.and(&Header { from, to, ..Header::ALL }))
        .unwrap_or(*sample)
}

fn crossing(
    plan: &Plan,
    (from, to): (EnvironmentIndex, EnvironmentIndex),
    hops: &[Hop],
    sample: &Header,
) -> Finding {
    let kind = if quarantined(plan, from, to) {
        FindingKind::QuarantineLeadsOut
    } else if cut(plan, from, to) {
        FindingKind::CutCrossed
    } else {
        FindingKind::FlowUndeclared
    };
    // The line to mend is the last that somebody wrote, else where the last list is missing.
    let lines = || hops.iter().flat_map(|hop| [(hop, hop.input, true), (hop, hop.output, false)]);
    let written = lines().rfind(|(_, line, _)| matches!(line, Line::Rule(..)));
    let (line, at) = written
        .or_else(|| lines().next_back())
        .map(|(hop, line, input)| line_of(plan, hop, line, input))
        .unwrap_or_else(|| ("?".to_owned(), None));
    let mut finding = Finding::new(kind, at, "")
        .fact("from", plan.environment_id(from))
        .fact("to", plan.environment_id(to))
        .fact("sample", sample)
        .fact("line", line);
    if let Some(hop) = hops.last() {
        let gateway = plan.gateway(hop.gateway).map_or("?", |gateway| gateway.id.as_str());
        finding = finding.fact("gateway", gateway);
    }
    finding.witness = witness(plan, from, hops, sample);
    finding
}

/// A crossing told hop by hop.
fn witness(plan: &Plan, from: EnvironmentIndex, hops: &[Hop], sample: &Header) -> Vec<Step> {
    let mut steps = Vec::new();
    if let Some(first) = hops.first() {
        steps.push(
            Step::new(StepKind::Begins)
                .fact("environment", plan.environment_id(from))
                .fact("vlan", first.from)
                .fact("place", some_place(plan, first.from)),
        );
    }
    let mut up = Vec::new();
    for hop in hops {
        let gateway = plan.gateway(hop.gateway).map_or("?", |gateway| gateway.id.as_str());
        up.push(format!("{gateway} active"));
        steps.push(
            Step::new(StepKind::Forwards)
                .fact("gateway", gateway)
                .fact("from", hop.from)
                .fact("to", hop.to)
                .fact("environment", vlan_environment(plan, hop.to)),
        );
        for (side, line, input) in [("in", hop.input, true), ("out", hop.output, false)] {
            let (text, _) = line_of(plan, hop, line, input);
            let step = match line {
                Line::Unfiltered => Step::new(StepKind::Unfiltered),
                Line::Rule(index, _) => Step::new(StepKind::Permitted)
                    .fact("acl", plan.acl(index).map_or("?", |acl| &acl.id))
                    .fact("line", text),
                Line::Unlisted(index) => Step::new(StepKind::Unlisted)
                    .fact("acl", plan.acl(index).map_or("?", |acl| &acl.id)),
                Line::Flow(_) | Line::Inside => {
                    Step::new(StepKind::Permitted).fact("acl", "flows").fact("line", text)
                }
            };
            steps.push(step.fact("side", side));
        }
    }
    steps.push(Step::new(StepKind::Passes).fact("packet", sample));
    steps.push(Step::new(StepKind::Assumes).fact("what", up.join(", ")));
    steps
}

/// What a line is called, and where it is written.
fn line_of(plan: &Plan, hop: &Hop, line: Line, input: bool) -> (String, Option<Origin>) {
    let interface = plan.gateway(hop.gateway).and_then(|gateway| {
        let vlan = if input { hop.from } else { hop.to };
        gateway.interfaces.iter().find(|interface| interface.vlan == vlan)
    });
    let at = interface.map(|interface| interface.at.clone());
    match line {
        Line::Rule(index, rule) => {
            let acl = plan.acl(index);
            let rule = acl.and_then(|acl| acl.rules.get(usize::try_from(rule).ok()?));
            match rule {
                Some(rule) => (rule.at.to_string(), Some(rule.at.clone())),
                None => ("?".to_owned(), at),
            }
        }
        Line::Flow(position) => {
            let flow = usize::try_from(position).ok().and_then(|at| plan.permitted.get(at));
            (flow.map_or_else(|| "?".to_owned(), |flow| flow.id.clone()), at)
        }
        Line::Unfiltered | Line::Unlisted(_) | Line::Inside => {
            let gateway = plan.gateway(hop.gateway).map_or("?", |gateway| gateway.id.as_str());
            let vlan = if input { hop.from } else { hop.to };
            (format!("{gateway} VLAN {vlan}"), at)
        }
    }
}

/// An access point at which a device can be put into that VLAN.
fn some_place(plan: &Plan, vlan: VlanId) -> String {
    let environment = plan.vlan_environment(vlan);
    for (index, switch) in (0_u16..).map(SwitchIndex).zip(&plan.switches) {
        let assigned = environment
            .and_then(|environment| plan.site(switch.site)?.assigned(environment))
            == Some(vlan);
        for port in &switch.ports {
            let here = match &port.role {
                PortRole::Auth { environments, fixed_vlan, .. } => {
                    *fixed_vlan == Some(vlan)
                        || (assigned && environment.is_some_and(|of| environments.contains(&of)))
                }
                PortRole::Access { vlan: own, .. } => *own == vlan,
                PortRole::Trunk { .. } | PortRole::Unused => false,
            };
            if here {
                return port_name(plan, index, &port.name);
            }
        }
    }
    "-".to_owned()
}

pub(super) fn port_name(plan: &Plan, switch: SwitchIndex, port: &str) -> String {
    let switch = plan.switch(switch).map_or("?", |switch| switch.id.as_str());
    format!("{switch}:{port}")
}

fn vlan_environment(plan: &Plan, vlan: VlanId) -> &str {
    plan.vlan_environment(vlan).map_or("?", |index| plan.environment_id(index))
}
