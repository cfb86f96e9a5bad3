//! Property P7 by trial: one link, then one switch, taken away at a time.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::Oracle;
use crate::plan::{Finding, Plan, PortRole};
use crate::proof::Proof;
use crate::vocabulary::{EnvironmentIndex, Language, SwitchIndex, VlanId};

/// Switches that are cut off, by what failed.
type Lost = BTreeMap<String, BTreeSet<String>>;

/// The proof names exactly the links and switches of which one alone cuts others off.
pub(super) fn compare(plan: &Plan, oracle: &Oracle<'_>, proof: &Proof, seed: u64) {
    let (mut links, mut switches) = (Lost::new(), Lost::new());
    for environment in (0..4).map(EnvironmentIndex) {
        for vlan in plan.environment(environment).unwrap().vlans.iter().map(|entry| entry.id) {
            let wanted = |switch: &SwitchIndex| wanted(plan, *switch, environment, vlan);
            let whole: HashSet<SwitchIndex> = reached(plan, oracle, vlan, None, None);
            let whole: HashSet<SwitchIndex> = whole.into_iter().filter(wanted).collect();
            let id = |switch: &SwitchIndex| plan.switch(*switch).unwrap().id.clone();
            for (number, link) in plan.links.iter().enumerate() {
                let left = reached(plan, oracle, vlan, Some(number), None);
                for switch in whole.difference(&left) {
                    links.entry(link.id.clone()).or_default().insert(id(switch));
                }
            }
            for gone in (0..plan.switches.len() as u16).map(SwitchIndex) {
                let site = plan.switch(gone).unwrap().site;
                let left = reached(plan, oracle, vlan, None, Some(gone));
                let far = |switch: &&SwitchIndex| plan.switch(**switch).unwrap().site != site;
                for switch in whole.difference(&left).filter(far) {
                    switches.entry(id(&gone)).or_default().insert(id(switch));
                }
            }
        }
    }
    assert_eq!(told(proof, "r24.single-link", "link"), links, "seed {seed}: single links");
    assert_eq!(
        told(proof, "r24.single-switch", "switch"),
        switches,
        "seed {seed}: single switches"
    );
}

/// The switches from which a VLAN reaches a gateway. Only paths that stay in the VLAN count: a
/// detour through another is a leak.
fn reached(
    plan: &Plan,
    oracle: &Oracle<'_>,
    vlan: VlanId,
    cut: Option<usize>,
    gone: Option<SwitchIndex>,
) -> HashSet<SwitchIndex> {
    let serving = plan.gateways.iter().filter(|it| it.interfaces.iter().any(|it| it.vlan == vlan));
    let mut seen: HashSet<SwitchIndex> = serving.flat_map(|it| it.attach.clone()).collect();
    seen.retain(|switch| Some(*switch) != gone);
    loop {
        let before = seen.len();
        for (number, link) in plan.links.iter().enumerate() {
            let [one, other] = link.ends;
            let up = cut != Some(number) && ![one.switch, other.switch].map(Some).contains(&gone);
            let joins = oracle.over(one, other, vlan) == Some(vlan)
                || oracle.over(other, one, vlan) == Some(vlan);
            if up && joins && (seen.contains(&one.switch) || seen.contains(&other.switch)) {
                seen.extend([one.switch, other.switch]);
            }
        }
        if seen.len() == before {
            return seen;
        }
    }
}

/// Whether devices can be put into the VLAN at the switch.
fn wanted(plan: &Plan, switch: SwitchIndex, environment: EnvironmentIndex, vlan: VlanId) -> bool {
    let at = plan.switch(switch).unwrap();
    let assigned = plan.site(at.site).unwrap().assigned(environment) == Some(vlan);
    at.vlans.contains(&vlan)
        && at.ports.iter().any(|port| match &port.role {
            PortRole::Auth { environments, .. } => assigned && environments.contains(&environment),
            PortRole::Access { vlan: own, .. } => *own == vlan,
            PortRole::Trunk { .. } | PortRole::Unused => false,
        })
}

fn told(proof: &Proof, id: &str, fact: &str) -> Lost {
    let word = |finding: &Finding, name: &str| {
        let fact = finding.facts.iter().find(|(fact, _)| *fact == name).unwrap();
        fact.1.get(Language::English)
    };
    let findings = proof.findings.iter().filter(|finding| finding.kind.id() == id);
    findings
        .map(|finding| {
            let switches = word(finding, "switches").split(", ").map(str::to_owned).collect();
            (word(finding, fact), switches)
        })
        .collect()
}
