//! A switch's ports, written in groups that share a role: `names = "0/1-48"`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::read::Ground;
use super::{Port, PortRole, Site};
use crate::plan::names::resolve;
use crate::plan::read::{Located, Table};
use crate::plan::{Finding, FindingKind, HostMode, Origin, Profile, VlanMeans};
use crate::vocabulary::{EnvironmentIndex, VlanId};

/// Ports in one group of names.
const PORTS_PER_GROUP_MAX: u32 = 512;
/// Ports of one switch.
const PORTS_MAX: usize = 4_096;
/// Octets of a port's name.
const NAME_OCTETS_MAX: usize = 64;

/// What surrounds a port; `None` where that could not be read.
pub(super) struct Surroundings<'a> {
    pub(super) ground: &'a Ground<'a>,
    /// The switch's id, for findings.
    pub(super) switch: &'a str,
    pub(super) vlans: Option<&'a [VlanId]>,
    pub(super) profile: Option<&'a Profile>,
    pub(super) site: Option<&'a Site>,
}

#[derive(Clone, Copy)]
enum Kind {
    Auth,
    Trunk,
    Access,
    Unused,
}

const KINDS: &[(&str, Kind)] = &[
    ("auth", Kind::Auth),
    ("trunk", Kind::Trunk),
    ("access", Kind::Access),
    ("unused", Kind::Unused),
];

const HOST_MODES: &[(&str, HostMode)] = &[
    ("single", HostMode::Single),
    ("multi-domain", HostMode::MultiDomain),
    ("multi-auth", HostMode::MultiAuth),
    ("multi-host", HostMode::MultiHost),
];

/// Reads the groups of `port` of a switch's table.
pub(super) fn read(around: &Surroundings<'_>, table: &Table<'_>) -> Vec<Port> {
    let sink = around.ground.sink;
    let mut ports = Vec::new();
    let mut taken: HashMap<String, Origin> = HashMap::new();
    for (names, role) in table.tables("port", |table| group(around, table)) {
        let count = ports.len() + names.value.len();
        if count > PORTS_MAX {
            let finding = names.finding(FindingKind::TooMany).fact("count", count);
            sink.push(finding.fact("max", PORTS_MAX));
            break;
        }
        for name in &names.value {
            match taken.entry(name.clone()) {
                Entry::Occupied(other) => {
                    let finding = names.finding(FindingKind::Duplicate).fact("value", name);
                    sink.push(finding.fact("other", other.get()));
                }
                Entry::Vacant(free) => {
                    free.insert(names.at.clone());
                    let (name, role) = (name.clone(), role.clone());
                    ports.push(Port { name, role, at: names.at.clone() });
                }
            }
        }
    }
    ports.shrink_to_fit();
    ports
}

fn group(around: &Surroundings<'_>, table: &Table<'_>) -> Option<(Located<Vec<String>>, PortRole)> {
    let text = table.text("names");
    let names = text.as_ref().and_then(|text| match expand(&text.value) {
        Ok(names) => Some(text.clone().map(|_| names)),
        Err(why) => {
            let finding = text.finding(FindingKind::BadPortNames).fact("value", &text.value);
            table.push(finding.term("why", why).fact("max", PORTS_PER_GROUP_MAX));
            None
        }
    });
    let Some(kind) = table.choice("role", KINDS) else {
        // Without a role no other key can be called unknown.
        for key in ["host_mode", "environments", "vlan", "vlans", "native", "reason"] {
            table.has(key);
        }
        return None;
    };
    let role = match kind {
        Kind::Auth => auth(around, table, text.as_ref()),
        Kind::Trunk => trunk(around, table),
        Kind::Access => access(around, table),
        Kind::Unused => Some(PortRole::Unused),
    };
    Some((names?, role?))
}

/// The names of a group: the last number may be a range, `ge-0/0/0-23`.
fn expand(text: &str) -> Result<Vec<String>, &'static str> {
    if text.len() > NAME_OCTETS_MAX {
        return Err("too long");
    }
    if text.chars().any(|letter| letter.is_control() || letter.is_whitespace()) {
        return Err("spaces");
    }
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    let Some((before, last)) = text.rsplit_once('-').filter(|(_, last)| digits(last)) else {
        return Ok(vec![text.to_owned()]);
    };
    let stem = before.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let Some(first) = before.strip_prefix(stem).filter(|first| !first.is_empty()) else {
        // `ge-1`: the hyphen is part of the name.
        return Ok(vec![text.to_owned()]);
    };
    let (Ok(first), Ok(last)) = (first.parse::<u32>(), last.parse::<u32>()) else {
        return Err("number too large");
    };
    if first > last {
        return Err("first > last");
    }
    if last - first >= PORTS_PER_GROUP_MAX {
        return Err("too many");
    }
    Ok((first..=last).map(|number| format!("{stem}{number}")).collect())
}

fn auth(
    around: &Surroundings<'_>,
    table: &Table<'_>,
    names: Option<&Located<String>>,
) -> Option<PortRole> {
    let own_mode = table.optional_choice("host_mode", HOST_MODES);
    let listed = table.optional_texts("environments");
    let own_vlan = table.optional_vlan("vlan");
    let reason = table.optional_text("reason");
    let profile = around.profile?;
    let host_mode = own_mode?.unwrap_or(profile.behaviour.host_mode);
    let listed = listed?;
    if listed.as_ref().is_some_and(Vec::is_empty) {
        table.push(table.finding(FindingKind::Empty, "environments"));
    }
    let listed = listed.map(|texts| resolve_all(around, &texts));
    let (environments, fixed_vlan) = match (profile.reply.vlan == VlanMeans::Fixed, own_vlan?) {
        (false, None) => (assignable(around, table, listed)?, None),
        (true, Some(vlan)) => (vec![fixed(around, &vlan, listed)?], Some(vlan.value)),
        (true, None) => {
            let finding = table.finding(FindingKind::FixedVlanMissing, "vlan");
            table.push(finding.fact("profile", &profile.id));
            return None;
        }
        (false, Some(vlan)) => {
            let finding = vlan.finding(FindingKind::FixedVlanUnused);
            table.push(finding.fact("profile", &profile.id));
            return None;
        }
    };
    if host_mode == HostMode::MultiHost && environments.len() > 1 {
        let ports = names.map_or("?", |names| names.value.as_str());
        let finding = table.finding(FindingKind::MultiHost, "host_mode").fact("ports", ports);
        table.push(finding.fact("environments", around.ground.environment_ids(&environments)));
    }
    let reason = reason?.map(|reason| reason.value);
    Some(PortRole::Auth { host_mode, environments, fixed_vlan, reason })
}

/// The environments of a port's own list, each once.
fn resolve_all(
    around: &Surroundings<'_>,
    texts: &[Located<String>],
) -> Vec<Located<EnvironmentIndex>> {
    let ground = around.ground;
    let mut found: Vec<Located<EnvironmentIndex>> = Vec::new();
    for text in texts {
        let index = resolve(&ground.names.environments, "environment", text, ground.sink);
        let Some(index) = index else { continue };
        if let Some(other) = found.iter().find(|other| other.value == index) {
            let finding = text.finding(FindingKind::Duplicate).fact("value", &text.value);
            ground.sink.push(finding.fact("other", &other.at));
        } else {
            found.push(text.clone().map(|_| index));
        }
    }
    found
}

/// The environments a port can be told: its own list, else all that the site assigns. Each needs
/// a VLAN here that the switch has and can be told.
fn assignable(
    around: &Surroundings<'_>,
    table: &Table<'_>,
    listed: Option<Vec<Located<EnvironmentIndex>>>,
) -> Option<Vec<EnvironmentIndex>> {
    let (ground, site) = (around.ground, around.site?);
    let Some(listed) = listed else {
        for (environment, vlan) in &site.assign {
            usable(around, |kind| table.finding(kind, "names"), *environment, *vlan);
        }
        return Some(site.assign.iter().map(|(environment, _)| *environment).collect());
    };
    for environment in &listed {
        match site.assigned(environment.value) {
            Some(vlan) => usable(around, |kind| environment.finding(kind), environment.value, vlan),
            None => {
                let id = ground.environment_id(environment.value);
                let finding = environment.finding(FindingKind::NotAssigned);
                ground.sink.push(finding.fact("environment", id).fact("site", &site.id));
            }
        }
    }
    Some(listed.into_iter().map(|environment| environment.value).collect())
}

/// The environment of a fixed VLAN; no other can be reached from the port.
fn fixed(
    around: &Surroundings<'_>,
    vlan: &Located<VlanId>,
    listed: Option<Vec<Located<EnvironmentIndex>>>,
) -> Option<EnvironmentIndex> {
    let ground = around.ground;
    let (owner, _) = ground.vlan(vlan)?;
    usable(around, |kind| vlan.finding(kind), owner, vlan.value);
    for other in listed.iter().flatten().filter(|other| other.value != owner) {
        let finding = other.finding(FindingKind::FixedVlanEnvironment).fact("vlan", vlan.value);
        let finding = finding.fact("owner", ground.environment_id(owner));
        ground.sink.push(finding.fact("environment", ground.environment_id(other.value)));
    }
    Some(owner)
}

/// Reports a VLAN that the switch does not have or cannot be told.
fn usable(
    around: &Surroundings<'_>,
    finding: impl Fn(FindingKind) -> Finding,
    environment: EnvironmentIndex,
    vlan: VlanId,
) {
    let push = |kind| {
        let finding = finding(kind).fact("vlan", vlan).fact("switch", around.switch);
        let id = around.ground.environment_id(environment);
        around.ground.sink.push(finding.fact("environment", id));
    };
    if around.vlans.is_some_and(|vlans| !vlans.contains(&vlan)) {
        push(FindingKind::AssignableVlanAbsent);
    }
    if around.profile.is_some_and(|profile| forbids(profile, vlan)) {
        push(FindingKind::VlanForbidden);
    }
}

/// Whether authenticated ports of this profile must not get a VLAN. VLAN 1 is every switch's own.
pub(super) fn forbids(profile: &Profile, vlan: VlanId) -> bool {
    vlan.get() == 1 || profile.reply.forbidden_vlans.contains(&vlan)
}

fn trunk(around: &Surroundings<'_>, table: &Table<'_>) -> Option<PortRole> {
    let all = table.is_word("vlans", "all");
    let native = table.vlan_or_none("native");
    let vlans = if all {
        around.vlans?.to_vec()
    } else {
        let vlans = table.vlans("vlans");
        for vlan in vlans.iter().flatten() {
            on_switch(around, vlan);
        }
        around.ground.vlans(&vlans?)
    };
    let native = native?;
    if let Some(vlan) = &native {
        around.ground.vlan(vlan);
        on_switch(around, vlan);
    }
    Some(PortRole::Trunk { vlans, native: native.map(|vlan| vlan.value), all })
}

fn access(around: &Surroundings<'_>, table: &Table<'_>) -> Option<PortRole> {
    let (vlan, reason) = (table.vlan("vlan"), table.text("reason"));
    let vlan = vlan?;
    around.ground.vlan(&vlan);
    on_switch(around, &vlan);
    Some(PortRole::Access { vlan: vlan.value, reason: reason?.value })
}

fn on_switch(around: &Surroundings<'_>, vlan: &Located<VlanId>) {
    if around.vlans.is_some_and(|vlans| !vlans.contains(&vlan.value)) {
        let finding = vlan.finding(FindingKind::PortVlanAbsent).fact("vlan", vlan.value);
        around.ground.sink.push(finding.fact("switch", around.switch));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_number_of_a_name_is_a_range() {
        for (text, first, last, count) in [
            ("GigabitEthernet1/0/1-48", "GigabitEthernet1/0/1", "GigabitEthernet1/0/48", 48),
            ("port1.0.25-26", "port1.0.25", "port1.0.26", 2),
            ("ge-0/0/0-23", "ge-0/0/0", "ge-0/0/23", 24),
            ("ge-0/0/1", "ge-0/0/1", "ge-0/0/1", 1),
            ("1-52", "1", "52", 52),
            ("eth-7", "eth-7", "eth-7", 1),
            ("1/0/41", "1/0/41", "1/0/41", 1),
            ("1-512", "1", "512", 512),
        ] {
            let names = expand(text).unwrap();
            assert_eq!((names[0].as_str(), names.last().unwrap().as_str()), (first, last));
            assert_eq!(names.len(), count, "{text}");
        }
        for (text, why) in [
            ("0/9-1", "first > last"),
            ("0/1-513", "too many"),
            ("0/1-99999999999", "number too large"),
            ("0/1 - 4", "spaces"),
        ] {
            assert_eq!(expand(text), Err(why), "{text}");
        }
    }
}
