//! The wireless networks a controller announces and the access points it controls.

use std::collections::HashMap;

use super::port::forbids;
use super::read::Ground;
use super::{AccessPoint, Switch, Topology, WirelessNetwork};
use crate::plan::names::resolve;
use crate::plan::read::{Located, Table};
use crate::plan::{Finding, FindingKind, Origin};
use crate::vocabulary::{Mac, MacError, SiteIndex, SwitchIndex};

/// Octets of a network's name (IEEE 802.11, SSID element).
const SSID_OCTETS_MAX: usize = 32;

/// An access point whose site may be in a file not read yet.
pub(super) struct PointDraft {
    mac: Located<Mac>,
    site: Located<String>,
    name: String,
}

/// Reads `ssid` of a controller's table.
pub(super) fn networks(ground: &Ground<'_>, table: &Table<'_>) -> Vec<WirelessNetwork> {
    let read = table.tables("ssid", |table| {
        let (name, environments) = (table.text("name"), table.texts("environments"));
        let (name, texts) = (name?, environments?);
        if name.value.len() > SSID_OCTETS_MAX {
            let finding = name.finding(FindingKind::OutOfRange).fact("value", name.value.len());
            table.push(finding.fact("min", 1).fact("max", SSID_OCTETS_MAX));
            return None;
        }
        if texts.is_empty() {
            table.push(table.finding(FindingKind::Empty, "environments"));
        }
        let environments = texts.iter().filter_map(|text| {
            resolve(&ground.names.environments, "environment", text, ground.sink)
        });
        let environments = environments.collect();
        Some((name.clone(), WirelessNetwork { ssid: name.value, environments, at: name.at }))
    });
    let mut networks: Vec<WirelessNetwork> = Vec::new();
    for (name, network) in read {
        if let Some(other) = networks.iter().find(|other| other.ssid == network.ssid) {
            let finding = name.finding(FindingKind::Duplicate).fact("value", &name.value);
            ground.sink.push(finding.fact("other", &other.at));
        } else {
            networks.push(network);
        }
    }
    networks
}

/// Reads `access_point` of a controller's table.
pub(super) fn points(table: &Table<'_>) -> Vec<PointDraft> {
    table.tables("access_point", |table| {
        let mac = table.text("mac").and_then(|text| radio(text, table));
        let (site, name) = (table.text("site"), table.text("name"));
        Some(PointDraft { mac: mac?, site: site?, name: name?.value })
    })
}

/// The address of a radio; many are locally administered.
fn radio(text: Located<String>, table: &Table<'_>) -> Option<Located<Mac>> {
    let why = match Mac::parse(&text.value) {
        Ok(mac) => return Some(text.map(|_| mac)),
        Err(MacError::Spelling) => "spelling",
        Err(MacError::Zero) => "all zero",
        Err(MacError::Group) => "multicast or broadcast",
    };
    let finding = text.finding(FindingKind::BadMac).fact("value", &text.value);
    table.push(finding.fact("why", why));
    None
}

/// Gives access points to their controllers, once every site is known, and checks that each
/// network's environments exist wherever it can be heard.
pub(super) fn join(
    ground: &Ground<'_>,
    topology: &mut Topology,
    points: Vec<(SwitchIndex, PointDraft)>,
) {
    let mut taken: HashMap<Mac, Origin> = HashMap::new();
    for (switch, PointDraft { mac, site, name }) in points {
        if let Some(other) = taken.insert(mac.value, mac.at.clone()) {
            let finding = mac.finding(FindingKind::Duplicate).fact("value", mac.value);
            ground.sink.push(finding.fact("other", other));
        }
        let site = resolve(&ground.names.sites, "site", &site, ground.sink);
        let switch = topology.switches.get_mut(usize::from(switch.0));
        if let (Some(site), Some(switch)) = (site, switch) {
            switch.access_points.push(AccessPoint { mac: mac.value, site, name, at: mac.at });
        }
    }
    for switch in &topology.switches {
        let mut sites: Vec<_> = switch.access_points.iter().map(|point| point.site).collect();
        sites.sort_unstable();
        sites.dedup();
        for site in sites {
            heard(ground, topology, switch, site);
        }
    }
}

/// What can be heard at one site.
fn heard(ground: &Ground<'_>, topology: &Topology, switch: &Switch, site: SiteIndex) {
    let Some(site) = topology.sites.get(usize::from(site.0)) else { return };
    let profile = ground.profiles.get(usize::from(switch.profile.0));
    for network in &switch.networks {
        for environment in &network.environments {
            let finding = |kind| {
                let finding = Finding::new(kind, Some(network.at.clone()), "ssid.environments");
                let finding = finding.fact("site", &site.id).fact("switch", &switch.id);
                finding.fact("environment", ground.environment_id(*environment))
            };
            let Some(vlan) = site.assigned(*environment) else {
                ground.sink.push(finding(FindingKind::NotAssigned));
                continue;
            };
            if !switch.vlans.contains(&vlan) {
                ground.sink.push(finding(FindingKind::AssignableVlanAbsent).fact("vlan", vlan));
            }
            if profile.is_some_and(|profile| forbids(profile, vlan)) {
                ground.sink.push(finding(FindingKind::VlanForbidden).fact("vlan", vlan));
            }
        }
    }
}
