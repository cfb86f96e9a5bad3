//! Ports side by side: which there are, and which VLANs they carry.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::compare::shown;
use super::export::{Export, Kind, Mode};
use super::json::Remarks;
use super::remark::{Remark, RemarkKind};
use super::wired::{Carries, NetPort, NetSwitch, Wired, list, ranges};
use crate::plan::{Plan, PortRole, Switch};
use crate::vocabulary::VlanId;

/// Compares the ports of every switch that both have.
pub(super) fn ports(wired: &Wired<'_>, export: &Export, plan: &Plan, remarks: &Remarks) {
    for net in &wired.switches {
        let Some(own) = net.known.and_then(|index| plan.switch(index)) else { continue };
        existence(net, own, export.whole(Kind::Interfaces), remarks);
        let mut silent = Vec::new();
        let by_name: HashMap<&str, &PortRole> =
            own.ports.iter().map(|port| (port.name.as_str(), &port.role)).collect();
        for port in &net.ports {
            let Some(role) = by_name.get(port.name.as_str()) else { continue };
            let pair = Pair { port, plan, own, remarks };
            if port.carries.is_none() && matches!(role, PortRole::Trunk { .. }) {
                silent.push(port.name.as_str());
            }
            pair.compare(role);
        }
        if !silent.is_empty() {
            let ports = ranges(silent.into_iter()).join(", ");
            let remark = Remark::new(RemarkKind::TrunksAbsent, Some(net.device.at.clone()));
            remarks.push(remark.fact("switch", &own.id).fact("ports", shown(&ports)));
        }
    }
    unknown_vlans(wired, plan, remarks);
}

fn existence(net: &NetSwitch<'_>, own: &Switch, whole: bool, remarks: &Remarks) {
    let known: HashSet<&str> = own.ports.iter().map(|port| port.name.as_str()).collect();
    let lacking: Vec<&NetPort<'_>> =
        net.ports.iter().filter(|port| !known.contains(port.name.as_str())).collect();
    if let Some(first) = lacking.first() {
        let ports = ranges(lacking.iter().map(|port| port.name.as_str())).join(", ");
        let remark = Remark::new(RemarkKind::PortMissing, Some(first.interface.at.clone()));
        remarks.push(remark.fact("switch", &own.id).fact("ports", shown(&ports)));
    }
    // Without any interface, NetBox keeps the switch but not its ports.
    if net.ports.is_empty() || !whole {
        return;
    }
    let there: HashSet<&str> = net.ports.iter().map(|port| port.name.as_str()).collect();
    let absent = own.ports.iter().map(|port| port.name.as_str());
    let absent = ranges(absent.filter(|name| !there.contains(name)));
    if !absent.is_empty() {
        let remark = Remark::new(RemarkKind::PortsAbsent, Some(net.device.at.clone()));
        remarks.push(remark.fact("switch", &own.id).fact("ports", absent.join(", ")));
    }
}

/// One port in both.
struct Pair<'a> {
    port: &'a NetPort<'a>,
    plan: &'a Plan,
    own: &'a Switch,
    remarks: &'a Remarks,
}

impl Pair<'_> {
    fn remark(&self, kind: RemarkKind, field: &str) -> Remark {
        let remark = Remark::new(kind, Some(self.port.interface.at.clone())).field(field);
        remark.fact("port", format!("{}:{}", self.own.id, self.port.name))
    }

    fn differs(&self, kind: RemarkKind, field: &str, netbox: &str, plan: &str) {
        let remark = self.remark(kind, field);
        self.remarks.push(remark.fact("netbox", netbox).fact("plan", plan));
    }

    fn compare(&self, role: &PortRole) {
        let interface = self.port.interface;
        if matches!(role, PortRole::Unused) {
            let used = self.port.carries.is_some() || interface.cabled;
            if interface.enabled && used {
                let netbox = self.port.carries.as_ref().map_or_else(|| "cable".to_owned(), told);
                self.differs(RemarkKind::PortUse, "enabled", &netbox, "unused");
            }
            return;
        }
        if !interface.enabled {
            self.differs(RemarkKind::PortUse, "enabled", "disabled", name(role));
            return;
        }
        let Some(carries) = &self.port.carries else { return };
        match role {
            PortRole::Trunk { vlans, native, .. } => self.trunk(carries, vlans, *native),
            PortRole::Access { vlan, .. } => match single(carries) {
                Some(netbox) if netbox == Some(*vlan) => {}
                Some(netbox) => self.vlan(netbox, &vlan.to_string()),
                None => self.differs(RemarkKind::PortUse, "mode", &told(carries), name(role)),
            },
            PortRole::Auth { environments, fixed_vlan, .. } => match single(carries) {
                // What a port carries while nobody has authenticated is not said here.
                Some(None) => {}
                Some(Some(netbox)) => match fixed_vlan {
                    Some(vlan) if *vlan == netbox => {}
                    Some(vlan) => self.vlan(Some(netbox), &vlan.to_string()),
                    None => {
                        let holds = |index| {
                            let found = self.plan.environment(index);
                            found.is_some_and(|it| it.vlans.iter().any(|vlan| vlan.id == netbox))
                        };
                        if !environments.iter().any(|index| holds(*index)) {
                            let ids = environments.iter();
                            let ids: Vec<_> =
                                ids.map(|index| self.plan.environment_id(*index)).collect();
                            self.vlan(Some(netbox), &format!("auth ({})", ids.join(", ")));
                        }
                    }
                },
                None => self.differs(RemarkKind::PortUse, "mode", &told(carries), name(role)),
            },
            PortRole::Unused => {} // OK because it was looked at above
        }
    }

    fn vlan(&self, netbox: Option<VlanId>, plan: &str) {
        self.differs(RemarkKind::PortVlan, "untagged_vlan", &list(&netbox), plan);
    }

    fn trunk(&self, carries: &Carries, vlans: &[VlanId], native: Option<VlanId>) {
        let plan: BTreeSet<VlanId> =
            vlans.iter().copied().filter(|vlan| Some(*vlan) != native).collect();
        let tagged = match carries.mode {
            Mode::Access => {
                let plan = format!("trunk {}", list(vlans));
                self.differs(RemarkKind::PortUse, "mode", &told(carries), &plan);
                return;
            }
            Mode::Tagged => carries.tagged.clone(),
            // Everything the switch has.
            Mode::TaggedAll => self.own.vlans.iter().copied().collect(),
        };
        let tagged: BTreeSet<VlanId> =
            tagged.into_iter().filter(|vlan| Some(*vlan) != carries.untagged).collect();
        // Which of the two is untagged is a difference of its own.
        let both = |vlan: &&VlanId| Some(**vlan) != native && Some(**vlan) != carries.untagged;
        let more: Vec<_> = tagged.difference(&plan).filter(both).collect();
        let less: Vec<_> = plan.difference(&tagged).filter(both).collect();
        if !more.is_empty() || !less.is_empty() {
            let remark = self.remark(RemarkKind::TrunkVlans, "tagged_vlans");
            self.remarks.push(remark.fact("more", list(more)).fact("less", list(less)));
        }
        if carries.untagged != native {
            let (netbox, plan) = (list(&carries.untagged), list(&native));
            self.differs(RemarkKind::NativeVlan, "untagged_vlan", &netbox, &plan);
        }
    }
}

/// The one untagged VLAN of a port that carries no tags; `None` when it does.
fn single(carries: &Carries) -> Option<Option<VlanId>> {
    let plain = match carries.mode {
        Mode::Access => true,
        Mode::Tagged => carries.tagged.is_empty(),
        Mode::TaggedAll => false,
    };
    plain.then_some(carries.untagged)
}

/// What a port carries, in the words of the files.
pub(super) fn told(carries: &Carries) -> String {
    match carries.mode {
        Mode::Access => format!("access {}", list(&carries.untagged)),
        Mode::Tagged => {
            format!("trunk {} (native {})", list(&carries.tagged), list(&carries.untagged))
        }
        Mode::TaggedAll => format!("trunk all (native {})", list(&carries.untagged)),
    }
}

const fn name(role: &PortRole) -> &'static str {
    match role {
        PortRole::Auth { .. } => "auth",
        PortRole::Trunk { .. } => "trunk",
        PortRole::Access { .. } => "access",
        PortRole::Unused => "unused",
    }
}

/// VLANs that only interfaces name, each once; those of the list of VLANs are told there.
fn unknown_vlans(wired: &Wired<'_>, plan: &Plan, remarks: &Remarks) {
    let known = plan.environments.iter().flat_map(|environment| &environment.vlans);
    let mut known: HashSet<VlanId> = known.map(|vlan| vlan.id).collect();
    let listed = remarks.list();
    let listed = listed.iter().filter(|remark| remark.kind == RemarkKind::VlanUnknown);
    let listed = listed.flat_map(|remark| &remark.facts).filter(|(name, _)| *name == "vlan");
    let listed: HashSet<String> = listed.map(|(_, vlan)| vlan.clone()).collect();
    for port in wired.switches.iter().flat_map(|net| &net.ports) {
        let Some(carries) = &port.carries else { continue };
        let untagged = carries.untagged.iter().map(|vlan| ("untagged_vlan", vlan));
        let tagged = carries.tagged.iter().map(|vlan| ("tagged_vlans", vlan));
        for (field, vlan) in untagged.chain(tagged) {
            if known.insert(*vlan) && !listed.contains(&vlan.to_string()) {
                let at = Some(port.interface.at.clone());
                let remark = Remark::new(RemarkKind::VlanUnknown, at).field(field);
                remarks.push(remark.fact("vlan", vlan).fact("name", "-"));
            }
        }
    }
}
