//! The order in which `topology/` is read, and what its readers share.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnetwork::IpNetwork;

use super::site::{SiteDraft, SwitchDraft};
use super::{Switch, Topology, network, site, wireless};
use crate::plan::environment::Environments;
use crate::plan::finding::Sink;
use crate::plan::names::{Names, declare};
use crate::plan::read::Located;
use crate::plan::sources::{is_site, required};
use crate::plan::{Environment, Finding, FindingKind, Profile, Role, Sources, Vlan};
use crate::vocabulary::{EnvironmentIndex, SiteIndex, SwitchIndex, VlanId};

/// Sites of a city.
const SITES_MAX: usize = 1_000;
/// Switches of all sites.
const SWITCHES_MAX: usize = 10_000;

/// Reads `topology/network.toml` and `topology/*/site.toml`.
pub(in crate::plan) fn read(
    sources: &Sources,
    sink: &Sink,
    names: &mut Names,
    environments: &Environments,
    profiles: &[Profile],
) -> Topology {
    let mut topology = Topology::default();
    let mut points = Vec::new();
    for (path, octets) in sources.topology.iter().filter(|(path, _)| is_site(path)) {
        let ground = Ground::new(sink, names, environments, profiles);
        let Some(draft) = site::read(&ground, path, octets) else { continue };
        let SiteDraft { id, site, switches } = draft;
        let site =
            site.filter(|_| topology.sites.len() < SITES_MAX || too_many(sink, &id, SITES_MAX));
        let index = u16::try_from(topology.sites.len()).ok().map(SiteIndex);
        let index = site.as_ref().and(index);
        let index = if declare(&mut names.sites, &id, index, sink) { index } else { None };
        if index.is_some() {
            topology.sites.extend(site);
        }
        for SwitchDraft { id, switch, points: found } in switches {
            let switch = switch.zip(index).map(|(switch, site)| Switch { site, ..switch });
            let full = topology.switches.len() >= SWITCHES_MAX;
            let switch = switch.filter(|_| !full || too_many(sink, &id, SWITCHES_MAX));
            let index = u16::try_from(topology.switches.len()).ok().map(SwitchIndex);
            let index = switch.as_ref().and(index);
            if declare(&mut names.switches, &id, index, sink)
                && let (Some(index), Some(switch)) = (index, switch)
            {
                topology.switches.push(switch);
                points.extend(found.into_iter().map(|point| (index, point)));
            }
        }
    }
    let ground = Ground::new(sink, names, environments, profiles);
    wireless::join(&ground, &mut topology, points);
    addresses(sink, &topology.switches);
    if let Some(octets) = required(&sources.topology, "topology", "network.toml", sink) {
        let ground = Ground::new(sink, names, environments, profiles);
        names.rings = network::read(&ground, octets, &mut topology);
    }
    topology
}

/// Reports a list that is full; false, so that nothing is added.
fn too_many(sink: &Sink, id: &Located<String>, max: usize) -> bool {
    let finding = id.finding(FindingKind::TooMany).fact("count", max + 1);
    sink.push(finding.fact("max", max));
    false
}

/// Two RADIUS clients must not share an address; a host inside another's prefix is told apart,
/// since the longest prefix wins.
fn addresses(sink: &Sink, switches: &[Switch]) {
    let mut taken: HashMap<(IpAddr, u8), &Switch> = HashMap::new();
    for switch in switches.iter().filter(|switch| switch.is_client()) {
        let bits = if switch.address.is_ipv4() { 32 } else { 128 };
        let key = (switch.address.ip().to_canonical(), bits - switch.address.prefix());
        if let Some(other) = taken.insert(key, switch) {
            let at = Some(switch.at.clone());
            let finding = Finding::new(FindingKind::AddressTaken, at, "address");
            sink.push(finding.fact("address", switch.address).fact("other", &other.id));
        }
    }
}

/// What the readers of topology stand on: what was read before them.
pub(super) struct Ground<'a> {
    pub(super) sink: &'a Sink,
    pub(super) names: &'a Names,
    pub(super) environments: &'a [Environment],
    pub(super) profiles: &'a [Profile],
    vlans: HashMap<VlanId, (EnvironmentIndex, &'a Vlan)>,
    /// Whether every declared environment could be read. If not, nothing is said about VLANs
    /// and addresses that may be those of one that could not.
    complete: bool,
}

impl<'a> Ground<'a> {
    pub(super) fn new(
        sink: &'a Sink,
        names: &'a Names,
        environments: &'a Environments,
        profiles: &'a [Profile],
    ) -> Self {
        let environments = environments.environments.as_slice();
        let vlans = (0_u8..)
            .map(EnvironmentIndex)
            .zip(environments)
            .flat_map(|(index, of)| of.vlans.iter().map(move |vlan| (vlan.id, (index, vlan))));
        let complete = !environments.is_empty() && names.environments.values().all(Option::is_some);
        Self { sink, names, environments, profiles, vlans: vlans.collect(), complete }
    }

    /// The environment and entry of a VLAN; an unknown one is a finding.
    pub(super) fn vlan(&self, vlan: &Located<VlanId>) -> Option<(EnvironmentIndex, &'a Vlan)> {
        let found = self.vlans.get(&vlan.value).copied();
        if found.is_none() && self.complete {
            let finding = vlan.finding(FindingKind::VlanUnknown);
            self.sink.push(finding.fact("vlan", vlan.value));
        }
        found
    }

    /// A list of known VLANs, ascending, each once.
    pub(super) fn vlans(&self, vlans: &[Located<VlanId>]) -> Vec<VlanId> {
        for vlan in vlans {
            self.vlan(vlan);
        }
        let pairs = vlans.iter().zip(vlans.iter().skip(1));
        for (_, vlan) in pairs.filter(|(before, after)| before.value >= after.value) {
            let finding = vlan.finding(FindingKind::NotAscending);
            self.sink.push(finding.fact("vlan", vlan.value));
        }
        vlans.iter().map(|vlan| vlan.value).collect()
    }

    pub(super) fn environment(&self, index: EnvironmentIndex) -> Option<&'a Environment> {
        self.environments.get(usize::from(index.0))
    }

    /// The id of an environment, for findings.
    pub(super) fn environment_id(&self, index: EnvironmentIndex) -> &'a str {
        self.environment(index).map_or("?", |environment| environment.id.as_str())
    }

    /// The ids of environments, for findings.
    pub(super) fn environment_ids(&self, list: &[EnvironmentIndex]) -> String {
        let ids: Vec<&str> = list.iter().map(|index| self.environment_id(*index)).collect();
        ids.join(", ")
    }

    /// Warns of a switch that is reached through an environment where people work.
    pub(super) fn manage(&self, text: &Located<String>, address: IpNetwork) {
        let holds = |prefix: &IpNetwork| {
            prefix.contains(address.ip()) && prefix.prefix() <= address.prefix()
        };
        let managed = self.environments.iter().any(|environment| {
            environment.role == Role::Management && environment.prefixes.iter().any(holds)
        });
        if !managed && self.complete {
            let finding = text.finding(FindingKind::AddressUnmanaged);
            self.sink.push(finding.fact("address", address));
        }
    }
}
