//! What NetBox says of the network, compared with the topology of a plan: what the topology
//! lacks, what differs, what NetBox does not know, and the lacking part as text to paste.
//!
//! NetBox documents a network, it does not decide about it. Nothing here changes a file: a
//! topology is written by hand, with comments, and is what the proof rests on. Environments,
//! authentication and secrets are not NetBox's to say, so a VLAN that no environment holds is
//! told of and put nowhere.

mod compare;
mod export;
mod fragments;
mod json;
mod links;
mod ports;
mod read;
mod remark;
#[cfg(test)]
mod tests;
mod wired;

use std::collections::BTreeMap;

use super::{Cable, Plan, SwitchRole};
pub use export::{Export, Kind};
pub use json::Source;
pub use remark::{Group, Remark, RemarkKind};

use json::Remarks;

/// What the operator knows about the roles that this NetBox gives its devices.
#[derive(Clone, Debug, Default)]
pub struct Roles(pub BTreeMap<String, Option<SwitchRole>>);

impl Roles {
    /// Reads `SLUG=ROLE`, the role as `site.toml` writes it or `ignore`; false when it is neither.
    pub fn add(&mut self, text: &str) -> bool {
        let Some((slug, role)) = text.split_once('=') else { return false };
        let role = match role {
            "ignore" => None,
            role => match ROLES.iter().find(|(name, _)| *name == role) {
                Some((_, role)) => Some(*role),
                None => return false,
            },
        };
        self.0.insert(slug.to_lowercase(), role);
        true
    }

    /// What devices of a role are; `None` when nobody said and its name does not tell,
    /// `Some(None)` when they are no switches.
    fn of(&self, slug: &str) -> Option<Option<SwitchRole>> {
        if let Some(told) = self.0.get(slug) {
            return Some(*told);
        }
        let words: Vec<&str> = slug
            .split(|letter: char| !letter.is_alphanumeric())
            .filter(|it| !it.is_empty())
            .collect();
        let has = |list: &[&str]| words.iter().any(|word| list.contains(word));
        if has(&["wlc", "controller"]) && has(&["wlc", "wireless", "wlan", "wifi"]) {
            return Some(Some(SwitchRole::WirelessController));
        }
        if has(&["router", "firewall", "server", "point", "ap", "pdu", "ups", "panel"]) {
            return Some(None);
        }
        if has(&["core"]) {
            return Some(Some(SwitchRole::Core));
        }
        if has(&["distribution", "dist", "aggregation"]) {
            return Some(Some(SwitchRole::Distribution));
        }
        has(&["access"]).then_some(Some(SwitchRole::Access))
    }
}

/// The roles of switches as `site.toml` writes them.
const ROLES: &[(&str, SwitchRole)] = &[
    ("access", SwitchRole::Access),
    ("distribution", SwitchRole::Distribution),
    ("core", SwitchRole::Core),
    ("wireless-controller", SwitchRole::WirelessController),
];

fn role_name(role: SwitchRole) -> &'static str {
    ROLES.iter().find(|(_, other)| *other == role).map_or("?", |(name, _)| name)
}

/// What a link is made of, as `network.toml` writes it.
const fn cable_name(cable: Cable) -> &'static str {
    match cable {
        Cable::Fibre => "fibre",
        Cable::Radio => "radio",
        Cable::Copper => "copper",
    }
}

/// An export beside a plan.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Everything worth telling, in the order of [`Group`].
    pub remarks: Vec<Remark>,
    /// How many objects of each kind were read.
    pub objects: Vec<(Kind, usize)>,
    /// What NetBox has and the topology lacks, as text for its files; empty when it lacks nothing.
    pub fragments: String,
}

impl Comparison {
    /// The remarks of one group.
    pub fn of(&self, group: Group) -> impl Iterator<Item = &Remark> {
        self.remarks.iter().filter(move |remark| remark.kind.group() == group)
    }

    /// Whether both say the same and everything could be read.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.remarks.iter().all(|remark| remark.kind.group() == Group::Notice)
    }
}

/// Compares what was exported with the topology of `plan`.
#[must_use]
pub fn compare(export: &Export, plan: &Plan, roles: &Roles) -> Comparison {
    let remarks = Remarks::default();
    export.truncated(&remarks);
    let wired = wired::Wired::new(export, plan, roles, &remarks);
    compare::vlans(export, plan, &remarks);
    compare::sites(export, plan, &remarks);
    compare::switches(&wired, export, plan, &remarks);
    ports::ports(&wired, export, plan, &remarks);
    links::links(&wired, export, plan, &remarks);
    let fragments = fragments::write(&wired, export, plan);
    let mut remarks: Vec<_> = export.remarks.list().into_iter().chain(remarks.list()).collect();
    remarks.sort_by_key(|remark| remark.kind.group());
    Comparison { remarks, objects: export.counts(), fragments }
}
