//! Settings that ask less, or more, than they did: of environments, classes, switches and ports.

use std::collections::BTreeMap;

use super::{Change, ChangeKind, SHOWN_MAX};
use crate::plan::{
    Admission, Environment, Flows, HostMode, MacAdmission, MessageAuthenticator, Plan, Port,
    PortRole, ServerDead, Switch, WhenStale, some_of,
};
use crate::vocabulary::EnvironmentIndex;

/// How strict a setting is, the greater the stricter, and how a file writes it.
type Strictness = (u64, String);

pub(super) fn settings(old: &Plan, new: &Plan, changes: &mut Vec<Change>) {
    for after in &new.environments {
        if let Some(before) = old.environments.iter().find(|it| it.id == after.id) {
            environment((old, before), (new, after), changes);
        }
    }
    for pair in &new.pairs {
        let ends = pair.between.map(|index| new.environment_id(index).to_owned());
        let [one, other] = &ends;
        let known = old.environment_by_id(one).zip(old.environment_by_id(other));
        if let Some(before) = known.and_then(|(one, other)| old.flows(one, other)) {
            let strict = |flows| match flows {
                Flows::Cut => rank(1, "cut"),
                Flows::Enumerated => rank(0, "enumerated"),
            };
            let what = format!("pair {one}-{other}");
            setting(changes, what, strict(before), strict(pair.flows), ends.to_vec());
        }
    }
    for after in &new.classes {
        if let Some(before) = old.classes.iter().find(|it| it.id == after.id) {
            let strict = |mac| match mac {
                MacAdmission::Never => rank(2, "never"),
                MacAdmission::Exception => rank(1, "exception"),
                MacAdmission::Pinned => rank(0, "pinned"),
            };
            let what = format!("class {} mac", after.id);
            setting(changes, what, strict(before.mac), strict(after.mac), Vec::new());
        }
    }
    for after in &new.switches {
        let before = old.switch_by_id(&after.id).and_then(|index| old.switch(index));
        if let Some(before) = before {
            switch((old, before), (new, after), changes);
        }
        ports((old, before), (new, after), changes);
        reach((old, before), (new, after), changes);
    }
}

fn rank(rank: u64, name: &str) -> Strictness {
    (rank, name.to_owned())
}

/// Tells a setting that is stricter or laxer than before.
fn setting(
    changes: &mut Vec<Change>,
    what: String,
    before: Strictness,
    after: Strictness,
    environments: Vec<String>,
) {
    if before.0 == after.0 {
        return;
    }
    let weaker = after.0 < before.0;
    let kind = if weaker { ChangeKind::Loosened } else { ChangeKind::Tightened };
    let change = Change::new(kind, weaker).fact("what", what);
    changes.push(change.fact("before", before.1).fact("after", after.1).of(environments));
}

fn environment(
    (old, before): (&Plan, &Environment),
    (new, after): (&Plan, &Environment),
    changes: &mut Vec<Change>,
) {
    let mut set = |field: &str, was: Strictness, is: Strictness| {
        let what = format!("environment {} {field}", after.id);
        setting(changes, what, was, is, vec![after.id.clone()]);
    };
    let strict = |value: bool| (u64::from(value), value.to_string());
    let lax = |value: bool| (u64::from(!value), value.to_string());
    let admission = |it: &Environment| match it.admission {
        Admission::None => rank(2, "none"),
        Admission::Certificate => rank(1, "certificate"),
        Admission::CertificateOrMac => rank(0, "certificate-or-mac"),
    };
    set("admission", admission(before), admission(after));
    let wireless = |plan: &Plan, it: &Environment| lax(it.wireless_allowed(plan.edition));
    set("wireless", wireless(old, before), wireless(new, after));
    set("critical_vlan", lax(before.critical_vlan), lax(after.critical_vlan));
    set("internet", lax(before.internet), lax(after.internet));
    set("second_person", strict(before.second_person), strict(after.second_person));
    let (was, is) = (before.revocation, after.revocation);
    set("crl.required", strict(was.required), strict(is.required));
    let stale = |when| match when {
        WhenStale::Refuse => rank(1, "refuse"),
        WhenStale::Accept => rank(0, "accept"),
    };
    set("crl.when_stale", stale(was.when_stale), stale(is.when_stale));
    let grace = |time: std::time::Duration| (u64::MAX - time.as_secs(), format!("{time:?}"));
    set("crl.grace_h", grace(was.grace), grace(is.grace));
    let names = |plan: &Plan, it: &Environment| -> Vec<String> {
        let found = it.authorities.iter().filter_map(|index| plan.authority(*index));
        found.map(|authority| authority.id.clone()).collect()
    };
    let (trusted, trusts) = (names(old, before), names(new, after));
    let more = trusts.iter().any(|authority| !trusted.contains(authority));
    set("authorities", (1, trusted.join(", ")), (u64::from(!more), trusts.join(", ")));
}

fn switch(
    (old, before): (&Plan, &Switch),
    (new, after): (&Plan, &Switch),
    changes: &mut Vec<Change>,
) {
    let mut set = |field: &str, was: Strictness, is: Strictness| {
        setting(changes, format!("switch {} {field}", after.id), was, is, Vec::new());
    };
    let demand = |it| match it {
        MessageAuthenticator::Require => rank(2, "require"),
        MessageAuthenticator::Learn => rank(1, "learn"),
        MessageAuthenticator::Legacy => rank(0, "legacy"),
    };
    let (was, is) = (before.message_authenticator, after.message_authenticator);
    set("message_authenticator", demand(was), demand(is));
    let dead = |plan: &Plan, it: &Switch| {
        plan.profile(it.profile).map(|profile| match profile.behaviour.server_dead {
            ServerDead::Closed => rank(3, "closed"),
            ServerDead::LastVlan => rank(2, "last-vlan"),
            ServerDead::CriticalVlan(vlan) => (1, format!("critical-vlan:{vlan}")),
            ServerDead::Open => rank(0, "open"),
        })
    };
    if let (Some(was), Some(is)) = (dead(old, before), dead(new, after)) {
        set("server_dead", was, is);
    }
}

/// How much is asked of whoever plugs in. A trunk is no place to plug in: one that leads nowhere
/// is a finding of rule R16.
fn asked(port: Option<&Port>) -> Strictness {
    match port.map(|port| &port.role) {
        None | Some(PortRole::Unused | PortRole::Trunk { .. }) => rank(5, "-"),
        Some(PortRole::Auth { host_mode, .. }) => match host_mode {
            HostMode::Single => rank(4, "auth single"),
            HostMode::MultiDomain => rank(3, "auth multi-domain"),
            HostMode::MultiAuth => rank(2, "auth multi-auth"),
            HostMode::MultiHost => rank(1, "auth multi-host"),
        },
        Some(PortRole::Access { .. }) => rank(0, "access"),
    }
}

fn known<'a>(old: &'a Plan, before: Option<&Switch>, name: &str) -> Option<&'a Port> {
    let index = old.switch_by_id(&before?.id)?;
    old.port(index, old.port_by_name(index, name)?)
}

/// Ports at which less is asked; those of one switch that change alike are told together.
fn ports(
    (old, before): (&Plan, Option<&Switch>),
    (_, after): (&Plan, &Switch),
    changes: &mut Vec<Change>,
) {
    let mut alike: BTreeMap<(Strictness, Strictness), Vec<String>> = BTreeMap::new();
    for port in &after.ports {
        let (was, is) = (asked(known(old, before, &port.name)), asked(Some(port)));
        // A port put to use is not less guarded, if everybody who comes must authenticate.
        let put_to_use = was.0 == 5 && is.0 > 1;
        if was.0 != is.0 && !put_to_use {
            alike.entry((was, is)).or_default().push(port.name.clone());
        }
    }
    for ((was, is), ports) in alike {
        let what = format!("{} {}", after.id, some_of(&ports, SHOWN_MAX));
        setting(changes, what, was, is, Vec::new());
    }
}

/// The environments that whoever plugs in can be put into.
fn reached(plan: &Plan, role: &PortRole) -> Vec<EnvironmentIndex> {
    match role {
        PortRole::Auth { environments, .. } => environments.clone(),
        PortRole::Access { vlan, .. } => plan.vlan_environment(*vlan).into_iter().collect(),
        PortRole::Trunk { .. } | PortRole::Unused => Vec::new(),
    }
}

/// Environments that can be reached from ports and wireless networks where they could not.
fn reach(
    (old, before): (&Plan, Option<&Switch>),
    (new, after): (&Plan, &Switch),
    changes: &mut Vec<Change>,
) {
    let ids = |plan: &Plan, list: &[EnvironmentIndex]| -> Vec<String> {
        list.iter().map(|index| plan.environment_id(*index).to_owned()).collect()
    };
    let mut more: BTreeMap<(Vec<String>, Vec<String>), Vec<String>> = BTreeMap::new();
    let mut compare = |name: &str, was: Vec<String>, is: Vec<String>| {
        if is.iter().any(|environment| !was.contains(environment)) {
            more.entry((was, is)).or_default().push(name.to_owned());
        }
    };
    for port in &after.ports {
        // What a port was put to is the business of `ports`; here, where it leads.
        let Some(known) = known(old, before, &port.name) else { continue };
        let was = reached(old, &known.role);
        if !was.is_empty() {
            compare(&port.name, ids(old, &was), ids(new, &reached(new, &port.role)));
        }
    }
    let networks = before.map_or(&[][..], |switch| &switch.networks);
    for network in &after.networks {
        let before = networks.iter().find(|other| other.ssid == network.ssid);
        let before = before.map_or(&[][..], |network| &network.environments);
        compare(
            &format!("ssid:{}", network.ssid),
            ids(old, before),
            ids(new, &network.environments),
        );
    }
    for ((was, is), names) in more {
        let what = format!("{} {}", after.id, some_of(&names, SHOWN_MAX));
        setting(changes, what, (1, was.join(", ")), (0, is.join(", ")), Vec::new());
    }
}
