//! Reads `config/policy.toml`, in two passes: classes come before the inventory, whose devices
//! have one, and rules after the topology, whose sites and switches they name.

use std::time::Duration;

use super::{Action, Class, Edition, MacAdmission, Medium, Method, Policy, Rule, dated};
use crate::plan::environment::Environments;
use crate::plan::finding::Sink;
use crate::plan::names::{Names, declare, resolve, resolve_all};
use crate::plan::read::{Located, Table, document};
use crate::plan::sources::required;
use crate::plan::topology::Topology;
use crate::plan::{FindingKind, Name, Sources};
use crate::vocabulary::{ClassIndex, Timestamp, VlanId};

/// One byte counts the classes.
const CLASSES_MAX: usize = 255;
/// Every rule is compared with those before it.
const RULES_MAX: usize = 1000;
const SESSION_TIMEOUT_S: (i64, i64) = (60, 86_400);

const PATH: &str = "policy.toml";
const SHOWN: &str = "config/policy.toml";

/// Reads the classes of `config/policy.toml`.
pub(in crate::plan) fn read_classes(
    sources: &Sources,
    sink: &Sink,
    names: &mut Names,
) -> Vec<Class> {
    let Some(octets) = required(&sources.config, "config", PATH, sink) else { return Vec::new() };
    document(SHOWN, octets, sink, |table| {
        // These are for the second pass.
        let _ = (table.has("edition"), table.has("rule"));
        let mut drafts = table.tables("class", class);
        table.at_most("class", &mut drafts, CLASSES_MAX);
        let mut classes = Vec::new();
        for (id, body) in drafts {
            let index = u8::try_from(classes.len()).ok().map(ClassIndex);
            let index = index.filter(|_| body.is_some());
            if !declare(&mut names.classes, &id, index, sink) {
                continue;
            }
            let Some((ja, en, mac, handheld)) = body else { continue };
            for name in [&ja, &en] {
                if names.classes.get(&name.value) != Some(&index) {
                    declare(&mut names.classes, name, index, sink);
                }
            }
            let name = Name { ja: ja.value, en: en.value };
            classes.push(Class { id: id.value, name, mac, handheld, at: id.at });
        }
        Some(classes)
    })
    .unwrap_or_default()
}

type ClassBody = (Located<String>, Located<String>, MacAdmission, bool);

fn class(table: &Table<'_>) -> Option<(Located<String>, Option<ClassBody>)> {
    let id = table.id("id");
    let (ja, en) = (table.text("name_ja"), table.text("name_en"));
    let mac = table.choice(
        "mac",
        &[
            ("never", MacAdmission::Never),
            ("exception", MacAdmission::Exception),
            ("pinned", MacAdmission::Pinned),
        ],
    );
    let handheld = table.optional_flag("handheld").map(Option::unwrap_or_default);
    let body = ja.zip(en).zip(mac).zip(handheld);
    let body = body.map(|(((ja, en), mac), handheld)| (ja, en, mac, handheld));
    Some((id?, body))
}

/// Reads the rest of the policy.
pub(in crate::plan) fn read(
    sources: &Sources,
    sink: &Sink,
    names: &Names,
    environments: &Environments,
    topology: &Topology,
    now: Timestamp,
) -> Policy {
    let mut policy = rules(sources, sink, names, environments).unwrap_or_default();
    policy.exceptions = dated::exceptions(sources, sink, names, now);
    policy.grants = dated::grants(sources, sink, names, environments, topology, now);
    policy
}

fn rules(
    sources: &Sources,
    sink: &Sink,
    names: &Names,
    environments: &Environments,
) -> Option<Policy> {
    let octets = sources.config.get(PATH)?; // OK because the first pass reports its absence
    let second = Sink::default();
    let policy = document(SHOWN, octets, &second, |table| {
        let _ = table.has("class");
        let edition = table.choice("edition", &Edition::ALL.map(|edition| (edition.id(), edition)));
        let mut rules = table.tables("rule", |table| rule(table, names, environments));
        table.at_most("rule", &mut rules, RULES_MAX);
        let mut ids = std::collections::HashMap::new();
        rules.retain(|rule| declare(&mut ids, &rule.id, Some(()), table.sink()));
        unreachable_rules(&rules, table.sink());
        let rules = rules.into_iter().map(|draft| draft.rule).collect();
        Some(Policy { edition, rules, ..Policy::default() })
    });
    for finding in second.into_findings() {
        // What is wrong with the file as a whole was reported by the first pass.
        if !matches!(finding.kind, FindingKind::Syntax | FindingKind::FileNotText) {
            sink.push(finding);
        }
    }
    policy
}

struct Draft {
    id: Located<String>,
    rule: Rule,
}

fn rule(table: &Table<'_>, names: &Names, environments: &Environments) -> Option<Draft> {
    let sink = table.sink();
    let id = table.id("id");
    let note = table.optional_text("note");
    let classes =
        condition(table, "classes", |texts| resolve_all(&names.classes, "class", texts, sink));
    let allowed = condition(table, "environments", |texts| {
        resolve_all(&names.environments, "environment", texts, sink)
    });
    let methods = [Method::EapTls, Method::Mab].map(|method| (method.id(), method));
    let methods = condition(table, "methods", |texts| table.choose_all(texts, &methods));
    let media = [("wired", Medium::Wired), ("wireless", Medium::Wireless)];
    let media = condition(table, "media", |texts| table.choose_all(texts, &media));
    let sites = condition(table, "sites", |texts| resolve_all(&names.sites, "site", texts, sink));
    let switches =
        condition(table, "switches", |texts| resolve_all(&names.switches, "switch", texts, sink));
    let grants = if table.has("grants") { table.boolean("grants") } else { Some(false) };
    let action = table.choice(
        "action",
        &[("admit", Action::Admit), ("quarantine", Action::Quarantine), ("refuse", Action::Refuse)],
    );
    let vlan = table.optional_text("vlan").and_then(|text| match text {
        Some(text) => {
            resolve(&names.vlans, "VLAN", &text, sink).map(|vlan| Some(text.map(|_| vlan)))
        }
        None => Some(None),
    });
    let timeout_s = table.optional_integer("session_timeout_s", SESSION_TIMEOUT_S);
    let filter = table.optional_text("filter");
    let (id, vlan) = (id?, vlan?);
    let rule = Rule {
        id: id.value.clone(),
        note: note?.map(|note| note.value),
        classes: classes?,
        environments: allowed?,
        methods: methods?,
        media: media?,
        sites: sites?,
        switches: switches?,
        grants: grants?,
        action: action?,
        vlan: vlan.as_ref().map(|vlan| vlan.value),
        session_timeout: timeout_s?
            .and_then(|seconds| u64::try_from(seconds.value).ok()) // OK because it is positive
            .map(Duration::from_secs),
        filter: filter?.map(|filter| filter.value),
        at: table.at(),
    };
    if let Some(vlan) = &vlan {
        vlan_stays_home(vlan, &rule, environments, sink);
    }
    no_mac_over_the_air(&rule, table);
    Some(Draft { id, rule })
}

/// A condition that may be absent. An empty one would never match, so that it is a mistake.
fn condition<T>(
    table: &Table<'_>,
    key: &'static str,
    read: impl FnOnce(&[Located<String>]) -> Option<Vec<T>>,
) -> Option<Option<Vec<T>>> {
    let Some(texts) = table.optional_texts(key)? else { return Some(None) };
    if texts.is_empty() {
        table.push(table.finding(FindingKind::Empty, key));
        return None;
    }
    read(&texts).map(Some)
}

/// A rule's own VLAN must not put a device into another environment than its own.
fn vlan_stays_home(vlan: &Located<VlanId>, rule: &Rule, environments: &Environments, sink: &Sink) {
    match rule.action {
        Action::Admit => {}
        Action::Quarantine | Action::Refuse => {
            sink.push(vlan.finding(FindingKind::VlanWithoutAdmit));
        }
    }
    let owner = environments.environments.iter().position(|environment| {
        environment.vlans.iter().any(|candidate| candidate.id == vlan.value)
    });
    let Some(owner) = owner else { return }; // OK because an unread environment has its findings
    let only = |list: &Vec<crate::vocabulary::EnvironmentIndex>| {
        !list.is_empty() && list.iter().all(|index| usize::from(index.0) == owner)
    };
    if !rule.environments.as_ref().is_some_and(only) {
        let id = environments.environments.get(owner).map_or("?", |owner| owner.id.as_str());
        let finding = vlan.finding(FindingKind::VlanElsewhere).fact("vlan", vlan.value);
        sink.push(finding.fact("environment", id));
    }
}

fn no_mac_over_the_air(rule: &Rule, table: &Table<'_>) {
    let mac = rule.methods.as_ref().is_none_or(|methods| methods.contains(&Method::Mab));
    let air = rule.media.as_ref().is_none_or(|media| media.contains(&Medium::Wireless));
    if rule.action == Action::Admit && mac && air {
        table.push(table.finding(FindingKind::MacOverAir, "media"));
    }
}

/// Reports rules that an earlier rule leaves nothing to. Only whole rules are compared: several
/// that together leave nothing are not noticed.
fn unreachable_rules(rules: &[Draft], sink: &Sink) {
    for (index, draft) in rules.iter().enumerate() {
        let earlier = rules.iter().take(index).find(|earlier| covers(&earlier.rule, &draft.rule));
        if let Some(earlier) = earlier {
            let finding = draft.id.finding(FindingKind::UnreachableRule);
            sink.push(finding.fact("earlier", &earlier.rule.id));
        }
    }
}

/// Whether whatever matches `later` matches `earlier` too.
fn covers(earlier: &Rule, later: &Rule) -> bool {
    fn holds<T: PartialEq>(earlier: Option<&Vec<T>>, later: Option<&Vec<T>>) -> bool {
        match (earlier, later) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(earlier), Some(later)) => later.iter().all(|item| earlier.contains(item)),
        }
    }
    earlier.grants == later.grants
        && holds(earlier.classes.as_ref(), later.classes.as_ref())
        && holds(earlier.environments.as_ref(), later.environments.as_ref())
        && holds(earlier.methods.as_ref(), later.methods.as_ref())
        && holds(earlier.media.as_ref(), later.media.as_ref())
        && holds(earlier.sites.as_ref(), later.sites.as_ref())
        && holds(earlier.switches.as_ref(), later.switches.as_ref())
}
