//! `topology/SITE/site.toml`: a site and its switches.

use super::port::{self, Surroundings};
use super::read::Ground;
use super::wireless::{self, PointDraft};
use super::{PortRole, Site, Switch, SwitchRole, Transmission};
use crate::plan::names::resolve;
use crate::plan::read::{Located, Table, document};
use crate::plan::{
    CalledCarries, FindingKind, MessageAuthenticator, Profile, Role, ServerDead, VlansPerPort,
};
use crate::vocabulary::{EnvironmentIndex, SiteIndex, VlanId};

/// A site file as far as it can be read alone.
pub(super) struct SiteDraft {
    pub(super) id: Located<String>,
    /// `None` after findings.
    pub(super) site: Option<Site>,
    pub(super) switches: Vec<SwitchDraft>,
}

/// A switch as far as it can be read alone.
pub(super) struct SwitchDraft {
    pub(super) id: Located<String>,
    /// `None` after findings; its site is set once the site has an index.
    pub(super) switch: Option<Switch>,
    pub(super) points: Vec<PointDraft>,
}

/// Reads one site file; `None`, after findings, when not even the site's id can be read.
pub(super) fn read(ground: &Ground<'_>, path: &str, octets: &[u8]) -> Option<SiteDraft> {
    document(&format!("topology/{path}"), octets, ground.sink, |root| {
        let site = root.table("site", |table| {
            let id = table.id("id")?;
            Some((id.clone(), site(ground, table, path, &id)))
        });
        // Read even without a site, for the sake of their findings.
        let known = site.as_ref().and_then(|(_, site)| site.as_ref());
        let switches = root.tables("switch", |table| switch(ground, table, known));
        let (id, site) = site?;
        Some(SiteDraft { id, site, switches })
    })
}

fn site(ground: &Ground<'_>, table: &Table<'_>, path: &str, id: &Located<String>) -> Option<Site> {
    let name = table.name();
    let group = table.text("group");
    let medium =
        table.choice("medium", &[("fibre", Transmission::Fibre), ("radio", Transmission::Radio)]);
    let assign = table.vlan_by_name("assign").map(|pairs| assign(ground, &pairs));
    let directory = path.split('/').next().unwrap_or_default();
    if directory != id.value {
        let finding = id.finding(FindingKind::SiteDirectory).fact("directory", directory);
        table.push(finding.fact("id", &id.value));
        return None;
    }
    Some(Site {
        id: id.value.clone(),
        name: name?,
        group: group?.value,
        medium: medium?,
        assign: assign?,
        at: id.at.clone(),
    })
}

/// Which VLAN each environment's devices get; a VLAN of another environment would join the two.
fn assign(
    ground: &Ground<'_>,
    pairs: &[(Located<String>, Located<VlanId>)],
) -> Vec<(EnvironmentIndex, VlanId)> {
    let mut assign = Vec::new();
    for (name, vlan) in pairs {
        let owner = ground.vlan(vlan);
        let Some(index) = resolve(&ground.names.environments, "environment", name, ground.sink)
        else {
            continue;
        };
        if let Some((owner, _)) = owner
            && owner != index
        {
            let finding = vlan.finding(FindingKind::VlanForeign).fact("vlan", vlan.value);
            let finding = finding.fact("owner", ground.environment_id(owner));
            ground.sink.push(finding.fact("environment", &name.value));
        }
        assign.push((index, vlan.value));
    }
    assign
}

/// Units of one stack.
const STACK_MAX: i64 = 16;

const ROLES: &[(&str, SwitchRole)] = &[
    ("access", SwitchRole::Access),
    ("distribution", SwitchRole::Distribution),
    ("core", SwitchRole::Core),
    ("wireless-controller", SwitchRole::WirelessController),
];

const MESSAGE_AUTHENTICATOR: &[(&str, MessageAuthenticator)] = &[
    ("require", MessageAuthenticator::Require),
    ("learn", MessageAuthenticator::Learn),
    ("legacy", MessageAuthenticator::Legacy),
];

fn switch(ground: &Ground<'_>, table: &Table<'_>, site: Option<&Site>) -> Option<SwitchDraft> {
    let id = table.id("id");
    let switch = body(ground, table, site, id.as_ref());
    let points = wireless::points(table);
    Some(SwitchDraft { id: id?, switch, points })
}

fn body(
    ground: &Ground<'_>,
    table: &Table<'_>,
    site: Option<&Site>,
    id: Option<&Located<String>>,
) -> Option<Switch> {
    let named = table.has("name_ja") || table.has("name_en");
    let name = if named { table.name().map(Some) } else { Some(None) };
    let address = table.text("address").and_then(|text| {
        let address = table.to_network(&text)?;
        ground.manage(&text, address);
        Some(address)
    });
    let profile_name = table.text("profile");
    let index = profile_name
        .as_ref()
        .and_then(|name| resolve(&ground.names.profiles, "profile", name, ground.sink));
    let profile = index.and_then(|index| ground.profiles.get(usize::from(index.0)));
    let (model, serial) = (table.text("model"), table.text("serial"));
    let role = table.choice("role", ROLES);
    let vlans = table.vlans("vlans").map(|vlans| ground.vlans(&vlans));
    let stack = table.optional_integer("stack", (1, STACK_MAX));
    let own_rule = table.optional_choice("message_authenticator", MESSAGE_AUTHENTICATOR);
    let switch = id.map_or("?", |id| id.value.as_str());
    let surroundings = Surroundings { ground, switch, vlans: vlans.as_deref(), profile, site };
    let ports = port::read(&surroundings, table);
    let networks = wireless::networks(ground, table);
    if role.is_some_and(|role| role != SwitchRole::WirelessController) {
        for key in ["ssid", "access_point"].into_iter().filter(|key| table.has(key)) {
            table.push(table.finding(FindingKind::NotController, key).fact("key", key));
        }
    }
    let switch = Switch {
        id: id?.value.clone(),
        name: name?,
        site: SiteIndex(0),
        address: address?,
        profile: index?,
        model: model?.value,
        serial: serial?.value,
        role: role?,
        vlans: vlans?,
        stack: stack?.and_then(|stack| u8::try_from(stack.value).ok()).unwrap_or(1),
        message_authenticator: own_rule?.unwrap_or(profile?.request.message_authenticator),
        ports,
        networks,
        access_points: Vec::new(),
        at: id?.at.clone(),
    };
    suits(ground, &switch, profile?, &profile_name?);
    Some(switch)
}

/// Whether switches of this profile can keep apart what can be reached from this one.
fn suits(ground: &Ground<'_>, switch: &Switch, profile: &Profile, name: &Located<String>) {
    let finding = |kind| name.finding(kind).fact("switch", &switch.id).fact("profile", &profile.id);
    let sends_ssid = profile.request.called.carries == CalledCarries::ApMacSsid;
    if !sends_ssid && !switch.networks.is_empty() {
        ground.sink.push(finding(FindingKind::ProfileWired));
    }
    let authenticated = |role: &PortRole| matches!(role, PortRole::Auth { .. });
    if sends_ssid && switch.ports.iter().any(|port| authenticated(&port.role)) {
        ground.sink.push(finding(FindingKind::ProfileWireless));
    }
    if !switch.is_client() {
        return;
    }
    let reach = business(ground, switch);
    let environments = ground.environment_ids(&reach);
    if profile.behaviour.vlans_per_port == VlansPerPort::FirstWins && reach.len() > 1 {
        ground.sink.push(finding(FindingKind::FirstWins).fact("environments", &environments));
    }
    match profile.behaviour.server_dead {
        ServerDead::Open if reach.len() > 1 => {
            let finding = finding(FindingKind::ServerDeadOpen);
            ground.sink.push(finding.fact("environments", &environments));
        }
        ServerDead::CriticalVlan(vlan) => {
            let Some((owner, _)) = ground.vlan(&name.clone().map(|_| vlan)) else { return };
            if ground.environment(owner).is_some_and(|owner| !owner.critical_vlan) {
                let finding = finding(FindingKind::CriticalVlan).fact("vlan", vlan);
                ground.sink.push(finding.fact("environment", ground.environment_id(owner)));
            }
        }
        ServerDead::Closed | ServerDead::LastVlan | ServerDead::Open => {}
    }
}

/// The business environments that can be reached from a switch.
fn business(ground: &Ground<'_>, switch: &Switch) -> Vec<EnvironmentIndex> {
    let ports = switch.ports.iter().map(|port| match &port.role {
        PortRole::Auth { environments, .. } => environments.as_slice(),
        PortRole::Trunk { .. } | PortRole::Access { .. } | PortRole::Unused => &[],
    });
    let networks = switch.networks.iter().map(|network| network.environments.as_slice());
    let mut reach: Vec<_> = ports.chain(networks).flatten().copied().collect();
    reach.sort_unstable();
    reach.dedup();
    reach.retain(|index| {
        ground.environment(*index).is_some_and(|environment| environment.role == Role::Business)
    });
    reach
}
