//! Rule R24 and property P7: what a single link, switch or gateway takes along when it fails.
//!
//! For each VLAN the switches that can be assigned it must reach a switch its gateway is
//! connected to; the links (bridges) and switches (articulation points) of which one alone cuts
//! some off are found in one walk (Tarjan 1972), in the time it takes to look at each link once.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::attachment::list;
use super::layer2::{attachments, carried, common};
use crate::plan::{Finding, FindingKind, Plan, PortRole, Step, StepKind};
use crate::vocabulary::{EnvironmentIndex, SwitchIndex, VlanId};

/// What is cut off by one failure: VLANs by switch.
type CutOff = BTreeMap<usize, BTreeSet<VlanId>>;

pub(super) fn check(plan: &Plan, findings: &mut Vec<Finding>) {
    let mut by_link: BTreeMap<usize, CutOff> = BTreeMap::new();
    let mut by_switch: BTreeMap<usize, CutOff> = BTreeMap::new();
    let edges = edges(plan);
    for (shape, vlans) in shapes(plan, &edges) {
        Graph::of(plan, &edges, &shape).single_points(|failing, below| {
            for (vlan, wanted) in &vlans {
                let cut: Vec<usize> =
                    below.iter().filter(|node| wanted.contains(node)).copied().collect();
                if cut.is_empty() {
                    continue;
                }
                let table = match failing {
                    Failing::Link(link) => by_link.entry(link).or_default(),
                    Failing::Switch(switch) => by_switch.entry(switch).or_default(),
                };
                for switch in cut {
                    table.entry(switch).or_default().insert(*vlan);
                }
            }
        });
    }
    for (link, cut) in &by_link {
        let Some(link) = plan.links.get(*link) else { continue };
        let finding = Finding::new(FindingKind::SingleLink, Some(link.at.clone()), "link");
        findings.push(told(plan, finding.fact("link", &link.id), cut));
    }
    for (switch, mut cut) in by_switch {
        let Some(failing) = plan.switches.get(switch) else { continue };
        // What hangs on a switch of its own site is lost with the site anyway, and several
        // stacked units do not fail together.
        cut.retain(|other, _| {
            plan.switches.get(*other).is_some_and(|other| other.site != failing.site)
        });
        if cut.is_empty() || failing.stack > 1 {
            continue;
        }
        let finding = Finding::new(FindingKind::SingleSwitch, Some(failing.at.clone()), "switch");
        findings.push(told(plan, finding.fact("switch", &failing.id), &cut));
    }
    single_gateways(plan, findings);
    unconnected(plan, findings);
}

/// A gateway connected to what does not carry its VLANs: it is not where it is taken to be here.
fn unconnected(plan: &Plan, findings: &mut Vec<Finding>) {
    for gateway in &plan.gateways {
        let by_port = |at: &SwitchIndex| gateway.ports.iter().any(|end| end.switch == *at);
        let whole = gateway.attach.iter().filter(|at| !by_port(at)).filter_map(|at| {
            let switch = plan.switch(*at)?;
            Some((switch.id.clone(), switch.vlans.as_slice(), None))
        });
        let ports = gateway.ports.iter().filter_map(|end| {
            let (switch, port) = (plan.switch(end.switch)?, plan.port(end.switch, end.port)?);
            let (tagged, native) = carried(plan, *end).unwrap_or_default();
            Some((format!("{}:{}", switch.id, port.name), tagged, native))
        });
        for (place, tagged, native) in whole.chain(ports) {
            let vlans = gateway.interfaces.iter().map(|interface| interface.vlan);
            let missing: Vec<VlanId> =
                vlans.filter(|it| !tagged.contains(it) && native != Some(*it)).collect();
            if !missing.is_empty() {
                let at = Some(gateway.at.clone());
                let finding = Finding::new(FindingKind::GatewayNotCarried, at, "attach");
                let finding = finding.fact("gateway", &gateway.id).fact("place", place);
                findings.push(finding.fact("vlans", list(&missing)));
            }
        }
    }
}

fn told(plan: &Plan, finding: Finding, cut: &CutOff) -> Finding {
    let name = |index: &usize| plan.switches.get(*index).map_or("?", |it| it.id.as_str());
    let switches: Vec<&str> = cut.keys().map(name).collect();
    let vlans: BTreeSet<VlanId> = cut.values().flatten().copied().collect();
    let mut finding = finding
        .fact("switches", switches.join(", "))
        .fact("vlans", list(&vlans.into_iter().collect::<Vec<_>>()));
    for (index, vlans) in cut {
        let vlans: Vec<VlanId> = vlans.iter().copied().collect();
        let step = Step::new(StepKind::CutOff).fact("switch", name(index));
        finding.witness.push(step.fact("vlans", list(&vlans)));
    }
    finding
}

/// VLANs whose only gateway has no standby.
fn single_gateways(plan: &Plan, findings: &mut Vec<Finding>) {
    let mut serving: HashMap<VlanId, usize> = HashMap::new();
    for gateway in &plan.gateways {
        let vlans: HashSet<VlanId> =
            gateway.interfaces.iter().map(|interface| interface.vlan).collect();
        for vlan in vlans {
            *serving.entry(vlan).or_default() += 1;
        }
    }
    for gateway in &plan.gateways {
        let vlans = gateway.interfaces.iter().map(|interface| interface.vlan);
        let alone: Vec<VlanId> = vlans.filter(|vlan| serving.get(vlan) == Some(&1)).collect();
        if !alone.is_empty() {
            findings.push(
                Finding::new(FindingKind::SingleGateway, Some(gateway.at.clone()), "gateway")
                    .fact("gateway", &gateway.id)
                    .fact("vlans", list(&alone)),
            );
        }
    }
}

/// A link between two switches and the VLANs that both ends carry.
struct Edge {
    link: usize,
    ends: [usize; 2],
    vlans: Vec<VlanId>,
}

fn edges(plan: &Plan) -> Vec<Edge> {
    let mut edges = Vec::new();
    for (link, entry) in plan.links.iter().enumerate() {
        let [one, other] = entry.ends;
        let (Some((tagged, native)), Some((other_tagged, other_native))) =
            (carried(plan, one), carried(plan, other))
        else {
            continue;
        };
        let mut vlans: Vec<VlanId> = common(tagged, other_tagged).collect();
        vlans.extend(native.filter(|native| Some(*native) == other_native));
        let ends = [usize::from(one.switch.0), usize::from(other.switch.0)];
        edges.push(Edge { link, ends, vlans });
    }
    edges
}

/// What can fail alone.
enum Failing {
    Link(usize),
    Switch(usize),
}

/// What VLANs have in common whose ways to their gateways are the same: positions of edges, and
/// the switches that gateways are connected to.
type Shape = (Vec<usize>, BTreeSet<SwitchIndex>);
/// VLANs, and the switches at which devices can be put into each.
type Wanted = Vec<(VlanId, HashSet<usize>)>;

/// The shapes of all VLANs that have a gateway and that devices can be put into.
fn shapes(plan: &Plan, edges: &[Edge]) -> HashMap<Shape, Wanted> {
    let mut attached: HashMap<VlanId, BTreeSet<SwitchIndex>> = HashMap::new();
    for gateway in &plan.gateways {
        let switches = attachments(plan, gateway);
        for interface in &gateway.interfaces {
            attached.entry(interface.vlan).or_default().extend(&switches);
        }
    }
    let mut links: HashMap<VlanId, Vec<usize>> = HashMap::new();
    for (position, edge) in edges.iter().enumerate() {
        for vlan in &edge.vlans {
            links.entry(*vlan).or_default().push(position);
        }
    }
    let mut shapes: HashMap<Shape, Wanted> = HashMap::new();
    for (vlan, wanted) in wanted(plan) {
        let Some(attached) = attached.get(&vlan).filter(|switches| !switches.is_empty()) else {
            continue;
        };
        let shape = (links.remove(&vlan).unwrap_or_default(), attached.clone());
        shapes.entry(shape).or_default().push((vlan, wanted));
    }
    shapes
}

/// The VLANs that devices can be put into, and at which switches.
fn wanted(plan: &Plan) -> HashMap<VlanId, HashSet<usize>> {
    let mut wanted: HashMap<VlanId, HashSet<usize>> = HashMap::new();
    for (index, switch) in plan.switches.iter().enumerate() {
        let mut add = |vlan: VlanId| {
            if plan.vlan_environment(vlan).is_some() && switch.vlans.contains(&vlan) {
                wanted.entry(vlan).or_default().insert(index);
            }
        };
        let mut environments: HashSet<EnvironmentIndex> = HashSet::new();
        for port in &switch.ports {
            match &port.role {
                PortRole::Auth { environments: own, fixed_vlan, .. } => {
                    environments.extend(own);
                    fixed_vlan.iter().copied().for_each(&mut add);
                }
                PortRole::Access { vlan, .. } => add(*vlan),
                PortRole::Trunk { .. } | PortRole::Unused => {}
            }
        }
        let site = plan.site(switch.site);
        for environment in environments {
            let assigned = site.and_then(|site| site.assigned(environment));
            let own = |vlan: &VlanId| plan.vlan_environment(*vlan) == Some(environment);
            assigned.into_iter().filter(own).for_each(&mut add);
        }
    }
    wanted
}

/// The links of VLANs of one shape, with one more node that stands for their gateways.
struct Graph {
    /// By switch: neighbours and the link to them; the gateways' node is the last.
    neighbours: Vec<Vec<(usize, Option<usize>)>>,
}

impl Graph {
    fn of(plan: &Plan, edges: &[Edge], (links, attached): &Shape) -> Self {
        let count = plan.switches.len();
        let mut neighbours = vec![Vec::new(); count + 1];
        let mut add = |one: usize, other: usize, link| {
            if let Some(list) = neighbours.get_mut(one) {
                let list: &mut Vec<(usize, Option<usize>)> = list;
                list.push((other, link));
            }
        };
        for edge in links.iter().filter_map(|position| edges.get(*position)) {
            let [one, other] = edge.ends;
            add(one, other, Some(edge.link));
            add(other, one, Some(edge.link));
        }
        for switch in attached {
            add(count, usize::from(switch.0), None);
            add(usize::from(switch.0), count, None);
        }
        Self { neighbours }
    }

    /// Walks from the gateways' node and tells each link and switch that alone cuts off others,
    /// and which.
    fn single_points(&self, mut tell: impl FnMut(Failing, &[usize])) {
        let root = self.neighbours.len().saturating_sub(1);
        let mut walk = Walk::new(self.neighbours.len());
        // Frames: a node, the link it was reached by, and the next neighbour to look at.
        let mut stack: Vec<(usize, Option<Option<usize>>, usize)> = vec![(root, None, 0)];
        walk.enter(root);
        while let Some((node, by, next)) = stack.last().copied() {
            let neighbour = self.neighbours.get(node).and_then(|list| list.get(next)).copied();
            if let Some(frame) = stack.last_mut() {
                frame.2 += 1;
            }
            match neighbour {
                // The same link back; a second link between the two is another way.
                Some((_, link)) if by == Some(link) && link.is_some() => {}
                Some((other, link)) => match walk.entered(other) {
                    Some(entered) => walk.lower(node, entered),
                    None => {
                        walk.enter(other);
                        stack.push((other, Some(link), 0));
                    }
                },
                None => {
                    stack.pop();
                    let Some((parent, by_parent, _)) = stack.last().copied() else { break };
                    walk.lower(parent, walk.low(node));
                    let below = walk.since(node);
                    let (low, own) = (walk.low(node), walk.entered(parent).unwrap_or_default());
                    if let (true, Some(Some(link))) = (low > own, by) {
                        tell(Failing::Link(link), below);
                    }
                    if low >= own && by_parent.is_some() {
                        tell(Failing::Switch(parent), below);
                    }
                }
            }
        }
    }
}

/// The bookkeeping of a depth-first walk.
struct Walk {
    /// When each node was entered, and in that order.
    entered: Vec<Option<usize>>,
    order: Vec<usize>,
    /// The earliest node that what lies below has a way to.
    low: Vec<usize>,
}

impl Walk {
    fn new(count: usize) -> Self {
        Self { entered: vec![None; count], order: Vec::new(), low: vec![usize::MAX; count] }
    }

    fn enter(&mut self, node: usize) {
        let time = self.order.len();
        if let (Some(entered), Some(low)) = (self.entered.get_mut(node), self.low.get_mut(node)) {
            *entered = Some(time);
            *low = time;
        }
        self.order.push(node);
    }

    fn entered(&self, node: usize) -> Option<usize> {
        self.entered.get(node).copied().flatten()
    }

    fn low(&self, node: usize) -> usize {
        self.low.get(node).copied().unwrap_or(usize::MAX)
    }

    fn lower(&mut self, node: usize, to: usize) {
        if let Some(low) = self.low.get_mut(node) {
            *low = to.min(*low);
        }
    }

    /// Every node entered since `node`, itself included.
    fn since(&self, node: usize) -> &[usize] {
        let from = self.entered(node).unwrap_or_default();
        self.order.get(from..).unwrap_or_default()
    }
}
