//! Reads `config/environments.toml`, and sees to it that no address and no VLAN is shared.

use std::time::Duration;

use ipnetwork::IpNetwork;

use super::{
    Admission, Authority, AuthorityIndex, Environment, Environments, Flows, Guideline, Pair,
    Revocation, Role, Vlan, WhenStale, WirelessRule,
};
use crate::plan::finding::{Sink, some_of};
use crate::plan::names::{Names, declare, resolve, resolve_all};
use crate::plan::read::{Located, Table, document};
use crate::plan::sources::required;
use crate::plan::{FindingKind, Sources};
use crate::vocabulary::{EnvironmentIndex, VlanId};

/// One byte counts the environments, and the authorities.
const ENVIRONMENTS_MAX: usize = 255;
/// More VLANs than that do not exist.
const VLANS_PER_ENVIRONMENT_MAX: usize = 4094;
const PREFIXES_MAX: usize = 64;
const PAIRS_MAX: usize = 32_385;
/// Missing pairs named in one finding.
const MISSING_SHOWN_MAX: usize = 12;
/// A year: whoever wants more switches the requirement off.
const CRL_GRACE_H_MAX: i64 = 8760;
const HOUR_S: u64 = 3600;
const VLAN_DEFAULT: u16 = 1;

/// An environment as written, before it is compared with the others.
struct Draft {
    id: Located<String>,
    /// `None` after findings of its own.
    environment: Option<Environment>,
    prefixes: Vec<Located<IpNetwork>>,
    vlans: Vec<VlanDraft>,
}

/// The IPv4 and the IPv6 addresses of a VLAN.
type Prefixes = [Option<Located<IpNetwork>>; 2];

struct VlanDraft {
    name: Located<String>,
    /// `None` after findings of its own.
    body: Option<(Located<VlanId>, Prefixes)>,
}

/// Reads `config/environments.toml`.
pub(in crate::plan) fn read(sources: &Sources, sink: &Sink, names: &mut Names) -> Environments {
    let path = "environments.toml";
    let Some(octets) = required(&sources.config, "config", path, sink) else {
        return Environments::default();
    };
    document("config/environments.toml", octets, sink, |table| {
        let authorities = authorities(table, names);
        let mut drafts = table.tables("environment", |table| environment(table, names));
        table.at_most("environment", &mut drafts, ENVIRONMENTS_MAX);
        prefixes_are_apart(&drafts, sink);
        let complete = drafts.iter().all(|draft| draft.environment.is_some());
        let mut environments = Vec::new();
        for draft in drafts {
            let index = u8::try_from(environments.len()).ok().map(EnvironmentIndex);
            let index = index.filter(|_| draft.environment.is_some());
            if declare(&mut names.environments, &draft.id, index, sink)
                && let Some(mut environment) = draft.environment
            {
                environment.vlans = vlans(draft.vlans, &environment, &environments, names, sink);
                environments.push(environment);
            }
        }
        let quarantine = quarantine(table, &environments, complete);
        let pairs = pairs(table, &environments, names, complete);
        Some(Environments { environments, quarantine, pairs, authorities })
    })
    .unwrap_or_default()
}

fn authorities(table: &Table<'_>, names: &mut Names) -> Vec<Authority> {
    let mut drafts = table.tables("authority", |table| {
        let (id, name) = (table.id("id"), table.text("name"));
        Some((id?, name, table.at()))
    });
    table.at_most("authority", &mut drafts, ENVIRONMENTS_MAX);
    let mut authorities = Vec::new();
    for (id, name, at) in drafts {
        let index = u8::try_from(authorities.len()).ok().map(AuthorityIndex);
        let index = index.filter(|_| name.is_some());
        if declare(&mut names.authorities, &id, index, table.sink())
            && let Some(name) = name
        {
            authorities.push(Authority { id: id.value, name: name.value, at });
        }
    }
    authorities
}

fn environment(table: &Table<'_>, names: &Names) -> Option<Draft> {
    let id = table.id("id");
    let prefixes = prefixes(table);
    let mut vlans = table.tables("vlan", vlan);
    table.at_most("vlan", &mut vlans, VLANS_PER_ENVIRONMENT_MAX);
    let body = body(table, names);
    let id = id?;
    let environment = match (body, &prefixes) {
        (Some(body), Some(prefixes)) => Some(Environment {
            id: id.value.clone(),
            prefixes: prefixes.iter().map(|prefix| prefix.value).collect(),
            ..body
        }),
        (_, _) => None,
    };
    if let Some(environment) = &environment {
        consistent(environment, table);
    }
    Some(Draft { id, environment, prefixes: prefixes.unwrap_or_default(), vlans })
}

/// Everything but the id, the prefixes and the VLANs.
fn body(table: &Table<'_>, names: &Names) -> Option<Environment> {
    let name = table.name();
    let role = table.choice(
        "role",
        &[
            ("business", Role::Business),
            ("quarantine", Role::Quarantine),
            ("management", Role::Management),
        ],
    );
    let guideline = table.choice(
        "guideline",
        &[
            ("my-number", Guideline::MyNumber),
            ("lgwan", Guideline::Lgwan),
            ("internet", Guideline::Internet),
            ("none", Guideline::None),
        ],
    );
    let admission = table.choice(
        "admission",
        &[
            ("certificate", Admission::Certificate),
            ("certificate-or-mac", Admission::CertificateOrMac),
            ("none", Admission::None),
        ],
    );
    let wireless = table.choice(
        "wireless",
        &[
            ("guideline", WirelessRule::Guideline),
            ("forbidden", WirelessRule::Forbidden),
            ("certificate", WirelessRule::Certificate),
        ],
    );
    let critical_vlan = table.boolean("critical_vlan");
    let second_person = table.optional_flag("second_person");
    let internet = table.boolean("internet");
    let weight = table.number("weight", (0, 255));
    let authorities = table
        .texts("authorities")
        .and_then(|texts| resolve_all(&names.authorities, "authority", &texts, table.sink()));
    let revocation = table.table("crl", revocation);
    Some(Environment {
        id: String::new(),
        name: name?,
        role: role?,
        guideline: guideline?,
        prefixes: Vec::new(),
        admission: admission?,
        wireless: wireless?,
        critical_vlan: critical_vlan?,
        second_person: second_person?.unwrap_or(false),
        internet: internet?,
        weight: weight?,
        authorities: authorities?,
        revocation: revocation?,
        vlans: Vec::new(),
        at: table.at(),
    })
}

fn revocation(table: &Table<'_>) -> Option<Revocation> {
    let required = table.boolean("required");
    let grace_h: Option<u64> = table.number("grace_h", (0, CRL_GRACE_H_MAX));
    let when_stale =
        table.choice("when_stale", &[("refuse", WhenStale::Refuse), ("accept", WhenStale::Accept)]);
    Some(Revocation {
        required: required?,
        grace: Duration::from_secs(grace_h? * HOUR_S),
        when_stale: when_stale?,
    })
}

fn prefixes(table: &Table<'_>) -> Option<Vec<Located<IpNetwork>>> {
    let mut texts = table.texts("prefixes")?;
    table.at_most("prefixes", &mut texts, PREFIXES_MAX);
    // Collected first, so that every wrong prefix is reported.
    let read: Vec<_> = texts
        .into_iter()
        .map(|text| table.to_network(&text).map(|network| text.map(|_| network)))
        .collect();
    read.into_iter().collect()
}

fn vlan(table: &Table<'_>) -> Option<VlanDraft> {
    let name = table.id("name");
    let id = table.vlan("id").filter(|id| {
        let default = id.value.get() == VLAN_DEFAULT;
        if default {
            table.push(id.finding(FindingKind::VlanOne));
        }
        !default
    });
    let prefix = optional_network(table, "prefix");
    let prefix6 = optional_network(table, "prefix6");
    let body = match (id, prefix, prefix6) {
        (Some(id), Some(prefix), Some(prefix6)) => Some((id, [prefix, prefix6])),
        _ => None,
    };
    Some(VlanDraft { name: name?, body })
}

/// What admission, role and authorities must agree on.
fn consistent(environment: &Environment, table: &Table<'_>) {
    let role = match environment.role {
        Role::Business => None,
        Role::Quarantine => Some("quarantine"),
        Role::Management => Some("management"),
    };
    match (environment.admission, role) {
        (Admission::None, _) => {}
        (Admission::Certificate | Admission::CertificateOrMac, Some(role)) => {
            let finding = table.finding(FindingKind::RoleAdmits, "admission");
            table.push(finding.fact("environment", &environment.id).fact("role", role));
        }
        (Admission::Certificate | Admission::CertificateOrMac, None) => {
            if environment.authorities.is_empty() {
                let finding = table.finding(FindingKind::NoAuthority, "authorities");
                table.push(finding.fact("environment", &environment.id));
            }
        }
    }
}

fn overlap(one: IpNetwork, other: IpNetwork) -> bool {
    one.contains(other.network()) || other.contains(one.network())
}

/// A network that may be absent.
fn optional_network(table: &Table<'_>, key: &'static str) -> Option<Option<Located<IpNetwork>>> {
    match table.optional_text(key)? {
        Some(text) => table.to_network(&text).map(|network| Some(text.map(|_| network))),
        None => Some(None),
    }
}

fn prefixes_are_apart(drafts: &[Draft], sink: &Sink) {
    for (index, draft) in drafts.iter().enumerate() {
        let earlier = || drafts.iter().take(index).filter(|other| other.id.value != draft.id.value);
        for prefix in &draft.prefixes {
            let others = earlier().flat_map(|other| {
                other.prefixes.iter().map(|prefix| (&other.id.value, prefix.value))
            });
            for (other, other_prefix) in others {
                if overlap(prefix.value, other_prefix) {
                    let finding = prefix.finding(FindingKind::PrefixOverlap);
                    let finding = finding.fact("environment", &draft.id.value);
                    let finding = finding.fact("prefix", prefix.value);
                    sink.push(finding.fact("other", other).fact("other_prefix", other_prefix));
                }
            }
        }
    }
}

/// Takes an environment's VLANs in, comparing each with those already taken.
fn vlans(
    drafts: Vec<VlanDraft>,
    environment: &Environment,
    before: &[Environment],
    names: &mut Names,
    sink: &Sink,
) -> Vec<Vlan> {
    let mut vlans: Vec<Vlan> = Vec::new();
    for draft in drafts {
        let id = draft.body.as_ref().map(|(id, _)| id.value);
        let fresh = declare(&mut names.vlans, &draft.name, id, sink);
        let Some((id, prefixes)) = draft.body.filter(|_| fresh) else { continue };
        let name = draft.name.value;
        let taken = || before.iter().flat_map(|other| &other.vlans).chain(&vlans);
        if let Some(other) = taken().find(|other| other.id == id.value) {
            let finding = id.finding(FindingKind::Duplicate).fact("value", id.value);
            sink.push(finding.fact("other", format!("{} ({})", other.name, other.at)));
            continue;
        }
        for prefix in prefixes.iter().flatten() {
            let inside = environment.prefixes.iter().any(|whole| {
                whole.contains(prefix.value.network()) && whole.prefix() <= prefix.value.prefix()
            });
            if !inside {
                let finding = prefix.finding(FindingKind::VlanOutside).fact("vlan", &name);
                let finding = finding.fact("prefix", prefix.value);
                sink.push(finding.fact("environment", &environment.id));
            }
            for other in taken() {
                let theirs = [other.prefix, other.prefix6].into_iter().flatten();
                for other_prefix in theirs.filter(|theirs| overlap(prefix.value, *theirs)) {
                    let finding = prefix.finding(FindingKind::VlanOverlap).fact("vlan", &name);
                    let finding = finding.fact("prefix", prefix.value);
                    let finding = finding.fact("other", &other.name);
                    sink.push(finding.fact("other_prefix", other_prefix));
                }
            }
        }
        let [prefix, prefix6] = prefixes.map(|prefix| prefix.map(|prefix| prefix.value));
        vlans.push(Vlan { id: id.value, name, prefix, prefix6, at: id.at });
    }
    vlans
}

/// The one quarantine. Where an environment could not be read, none is not a finding.
fn quarantine(
    table: &Table<'_>,
    environments: &[Environment],
    complete: bool,
) -> Option<EnvironmentIndex> {
    let mut found = (0_u8..)
        .zip(environments)
        .filter(|(_, environment)| environment.role == Role::Quarantine)
        .map(|(index, _)| EnvironmentIndex(index));
    let first = found.next();
    let count = found.count() + usize::from(first.is_some());
    if count > 1 || (count == 0 && complete) {
        let finding = table.finding(FindingKind::QuarantineCount, "environment");
        table.push(finding.fact("count", count));
    }
    first
}

fn pairs(
    table: &Table<'_>,
    environments: &[Environment],
    names: &Names,
    complete: bool,
) -> Vec<Pair> {
    let written = std::cell::Cell::new(0_usize);
    let mut drafts = table.tables("pair", |table| {
        written.set(written.get() + 1);
        pair(table, environments, names)
    });
    let complete = complete && drafts.len() == written.get();
    table.at_most("pair", &mut drafts, PAIRS_MAX);
    let mut pairs: Vec<Pair> = Vec::new();
    for draft in drafts {
        match pairs.iter().find(|pair| pair.between == draft.value.between) {
            Some(other) => {
                let between = name_pair(environments, draft.value.between);
                let finding = draft.finding(FindingKind::Duplicate).fact("value", between);
                table.push(finding.fact("other", &other.at));
            }
            None => pairs.push(draft.value),
        }
    }
    if complete {
        every_pair_is_there(table, environments, &pairs);
    }
    pairs
}

fn name_pair(environments: &[Environment], between: [EnvironmentIndex; 2]) -> String {
    let [one, other] = between.map(|index| {
        environments.get(usize::from(index.0)).map_or("?", |environment| &environment.id)
    });
    format!("{one}-{other}")
}

fn pair(table: &Table<'_>, environments: &[Environment], names: &Names) -> Option<Located<Pair>> {
    let texts = table.texts("between");
    let flows = table.choice("flows", &[("cut", Flows::Cut), ("enumerated", Flows::Enumerated)]);
    let texts = texts?;
    // Collected first, so that every unknown name is reported.
    let found: Vec<_> = texts
        .iter()
        .map(|text| {
            let index = resolve(&names.environments, "environment", text, table.sink())?;
            let environment = environments.get(usize::from(index.0))?;
            if environment.role == Role::Business {
                return Some(index);
            }
            let finding = text.finding(FindingKind::PairRole);
            table.push(finding.fact("environment", &environment.id));
            None
        })
        .collect();
    let found: Vec<_> = found.into_iter().collect::<Option<_>>()?;
    let between = match found.as_slice() {
        [one, other] if one < other => [*one, *other],
        [one, other] if other < one => [*other, *one],
        _ => {
            table.push(table.finding(FindingKind::PairShape, "between"));
            return None;
        }
    };
    let pair = Pair { between, flows: flows?, at: table.at() };
    let at = texts.into_iter().next()?.at; // OK because two were found
    Some(Located { value: pair, at, field: table.field("between") })
}

fn every_pair_is_there(table: &Table<'_>, environments: &[Environment], pairs: &[Pair]) {
    let business: Vec<EnvironmentIndex> = (0_u8..)
        .zip(environments)
        .filter(|(_, environment)| environment.role == Role::Business)
        .map(|(index, _)| EnvironmentIndex(index))
        .collect();
    let declared: std::collections::HashSet<_> = pairs.iter().map(|pair| pair.between).collect();
    let mut missing = Vec::new();
    for (position, one) in business.iter().enumerate() {
        for other in business.iter().skip(position + 1) {
            if !declared.contains(&[*one, *other]) {
                missing.push(name_pair(environments, [*one, *other]));
            }
        }
    }
    if !missing.is_empty() {
        let shown = some_of(&missing, MISSING_SHOWN_MAX);
        table.push(table.finding(FindingKind::PairMissing, "pair").fact("pairs", shown));
    }
}
