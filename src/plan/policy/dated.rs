//! Reads `config/exceptions.toml` and `config/grants.toml`: what holds for a time only.

use std::collections::HashMap;

use super::{Exception, ExceptionObject, Grant};
use crate::plan::environment::{Admission, Environments, Role};
use crate::plan::finding::Sink;
use crate::plan::names::{Names, declare, nearest, resolve, sorted};
use crate::plan::read::{Located, Table, document, to_mac};
use crate::plan::topology::Topology;
use crate::plan::{Area, FindingKind, Sources, inventory};
use crate::vocabulary::{EnvironmentIndex, Timestamp};

const EXCEPTIONS_MAX: usize = 10_000;
const OBJECTS_MAX: usize = 1000;
/// Two octets count the grants.
const GRANTS_MAX: usize = 10_000;
const PLACES_MAX: usize = 256;
/// Longest grant: whoever stays longer belongs into the inventory.
const GRANT_DAYS_MAX: i64 = 92;
/// When an expiring exception is first warned of, in days.
const EXCEPTION_WARNING_DAYS: i64 = 30;
/// When an ending grant is first warned of, in days.
const GRANT_WARNING_DAYS: i64 = 7;
/// The rules of separation are R01 to R25.
const RULES: std::ops::RangeInclusive<u8> = 1..=25;
/// The rule that wants certificates, whose exceptions concern devices.
const RULE_CERTIFICATE: &str = "R10";
const DAY_S: i64 = 86_400;

/// Whole days from `now` to `end`, begun ones included.
pub(in crate::plan) const fn days_left(now: Timestamp, end: Timestamp) -> i64 {
    (now.seconds_until(end) + DAY_S - 1).div_euclid(DAY_S)
}

/// Reads `config/exceptions.toml`, which may be absent.
pub(super) fn exceptions(
    sources: &Sources,
    sink: &Sink,
    names: &Names,
    now: Timestamp,
) -> Vec<Exception> {
    let Some(octets) = sources.config.get("exceptions.toml") else { return Vec::new() };
    document("config/exceptions.toml", octets, sink, |table| {
        let mut drafts = table.tables("exception", |table| exception(table, names, now));
        table.at_most("exception", &mut drafts, EXCEPTIONS_MAX);
        let mut ids = HashMap::new();
        drafts.retain(|(id, _)| declare(&mut ids, id, Some(()), sink));
        Some(drafts.into_iter().map(|(_, exception)| exception).collect())
    })
    .unwrap_or_default()
}

fn exception(
    table: &Table<'_>,
    names: &Names,
    now: Timestamp,
) -> Option<(Located<String>, Exception)> {
    let id = table.id("id");
    let rule = table.text("rule").filter(|rule| is_rule(rule, table));
    let objects = table.texts("objects").and_then(|mut texts| {
        if texts.is_empty() {
            table.push(table.finding(FindingKind::Empty, "objects"));
        }
        table.at_most("objects", &mut texts, OBJECTS_MAX);
        let rule = rule.as_ref()?;
        // Collected first, so that every unknown name is reported.
        let found: Vec<_> =
            texts.iter().map(|text| object(text, &rule.value, names, table.sink())).collect();
        found.into_iter().collect::<Option<Vec<_>>>()
    });
    let (reason, approver) = (table.text("reason"), table.text("approver"));
    let approved = table.time("approved", Timestamp::parse);
    let expires = table.time("expires", Timestamp::parse_end);
    let (id, approved, expires) = (id?, approved?, expires?);
    in_order(&approved, &expires, table.sink());
    let finding = |at: &Located<Timestamp>, kind| at.finding(kind).fact("exception", &id.value);
    if now < approved.value {
        let finding = finding(&approved, FindingKind::ExceptionNotYet);
        table.push(finding.day("from", approved.value));
    }
    let days = days_left(now, expires.value);
    if days <= 0 {
        let finding = finding(&expires, FindingKind::ExceptionExpired);
        table.push(finding.day("until", expires.value.just_before()));
    } else if days <= EXCEPTION_WARNING_DAYS {
        table.push(finding(&expires, FindingKind::ExceptionExpiring).fact("days", days));
    }
    let exception = Exception {
        id: id.value.clone(),
        rule: rule?.value,
        objects: objects?,
        reason: reason?.value,
        approver: approver?.value,
        approved: approved.value,
        expires: expires.value,
        at: table.at(),
    };
    Some((id, exception))
}

fn is_rule(rule: &Located<String>, table: &Table<'_>) -> bool {
    let known = RULES.map(|number| format!("R{number:02}")).any(|known| known == rule.value);
    if !known {
        let finding = rule.finding(FindingKind::NotAChoice).fact("value", &rule.value);
        table.push(finding.fact("choices", "R01 – R25"));
    }
    known
}

/// What an exception concerns. Something that has a name but could not be read is `None` without
/// a finding of its own.
fn object(
    text: &Located<String>,
    rule: &str,
    names: &Names,
    sink: &Sink,
) -> Option<ExceptionObject> {
    let name = &text.value;
    if let Some(device) = names.assets.get(name) {
        return device.map(ExceptionObject::Device);
    }
    if let Some(class) = names.classes.get(name) {
        return class.map(ExceptionObject::Class);
    }
    if rule == RULE_CERTIFICATE {
        let known = [sorted(names.classes.keys()), sorted(names.assets.keys())].concat();
        let finding = text.finding(FindingKind::UnknownReference).term("what", "device, class");
        sink.push(finding.fact("value", name).fact("hint", nearest(name, known.iter().copied())));
        return None;
    }
    match names.switches.get(name) {
        Some(switch) => switch.map(ExceptionObject::Switch),
        None => Some(ExceptionObject::Other(name.clone())),
    }
}

/// Reports a beginning that is not before its end.
pub(in crate::plan) fn in_order(
    from: &Located<Timestamp>,
    until: &Located<Timestamp>,
    sink: &Sink,
) {
    if from.value >= until.value {
        let finding = until.finding(FindingKind::TimesReversed).day("from", from.value);
        sink.push(finding.day("until", until.value.just_before()));
    }
}

/// Reads `config/grants.toml`, which may be absent.
pub(super) fn grants(
    sources: &Sources,
    sink: &Sink,
    names: &Names,
    environments: &Environments,
    topology: &Topology,
    now: Timestamp,
) -> Vec<Grant> {
    let Some(octets) = sources.config.get("grants.toml") else { return Vec::new() };
    document("config/grants.toml", octets, sink, |table| {
        let mut drafts = table.tables("grant", |table| {
            grant(table, names, environments, now, |text| {
                inventory::area(text, names, topology, table.sink())
            })
        });
        table.at_most("grant", &mut drafts, GRANTS_MAX);
        let mut ids = HashMap::new();
        drafts.retain(|(id, _)| declare(&mut ids, id, Some(()), sink));
        Some(drafts.into_iter().map(|(_, grant)| grant).collect())
    })
    .unwrap_or_default()
}

fn grant(
    table: &Table<'_>,
    names: &Names,
    environments: &Environments,
    now: Timestamp,
    area: impl Fn(&Located<String>) -> Option<Area>,
) -> Option<(Located<String>, Grant)> {
    let sink = table.sink();
    let id = table.id("id");
    let (company, purpose) = (table.text("company"), table.text("purpose"));
    let approver = table.text("approver");
    let approved = table.time("approved", Timestamp::parse);
    let environment = table.text("environment").and_then(|text| {
        let index = resolve(&names.environments, "environment", &text, sink)?;
        may_be_granted(&text, index, environments, sink).then_some(index)
    });
    let mac = table.optional_text("mac").and_then(|text| match text {
        Some(text) => to_mac(&text, sink).map(Some),
        None => Some(None),
    });
    let certificate = table.optional_text("certificate");
    let places = table.texts("places").and_then(|mut texts| {
        if texts.is_empty() {
            table.push(table.finding(FindingKind::Empty, "places"));
        }
        table.at_most("places", &mut texts, PLACES_MAX);
        // Collected first, so that every unknown place is reported.
        let found: Vec<_> = texts.iter().map(&area).collect();
        found.into_iter().collect::<Option<Vec<_>>>()
    });
    let from = table.time("from", Timestamp::parse);
    let until = table.time("until", Timestamp::parse_end);
    let (id, mac, certificate) = (id?, mac?, certificate?);
    if mac.is_none() && certificate.is_none() {
        table.push(table.finding(FindingKind::GrantNobody, "id").fact("grant", &id.value));
    }
    let (from, until, approved) = (from?, until?, approved?);
    duration(&id.value, &from, &until, now, sink);
    if now < approved.value {
        let finding = approved.finding(FindingKind::GrantNotYet).fact("grant", &id.value);
        sink.push(finding.day("from", approved.value));
    }
    let requires_certificate = environment.is_some_and(|index| {
        let environment = environments.environments.get(usize::from(index.0));
        environment.is_some_and(|it| it.admission == Admission::Certificate)
    });
    if requires_certificate && certificate.is_none() {
        table.push(table.finding(FindingKind::GrantCertificate, "mac").fact("grant", &id.value));
    }
    let grant = Grant {
        id: id.value.clone(),
        company: company?.value,
        purpose: purpose?.value,
        approver: approver?.value,
        approved: approved.value,
        environment: environment?,
        mac,
        certificate: certificate.map(|name| name.value.to_lowercase()),
        places: places?,
        // Nothing holds before it is approved.
        from: from.value.max(approved.value),
        until: until.value,
        at: table.at(),
    };
    Some((id, grant))
}

fn may_be_granted(
    text: &Located<String>,
    index: EnvironmentIndex,
    environments: &Environments,
    sink: &Sink,
) -> bool {
    let environment = environments.environments.get(usize::from(index.0));
    let open = environment.is_some_and(|environment| {
        environment.role == Role::Business && environment.admission != Admission::None
    });
    if !open {
        let finding = text.finding(FindingKind::GrantEnvironment);
        sink.push(finding.fact("environment", &text.value));
    }
    open
}

fn duration(
    id: &str,
    from: &Located<Timestamp>,
    until: &Located<Timestamp>,
    now: Timestamp,
    sink: &Sink,
) {
    in_order(from, until, sink);
    let finding = |kind| until.finding(kind).fact("grant", id);
    if from.value.seconds_until(until.value) > GRANT_DAYS_MAX * DAY_S {
        sink.push(finding(FindingKind::GrantTooLong).fact("max_days", GRANT_DAYS_MAX));
    }
    let days = days_left(now, until.value);
    if days <= 0 {
        sink.push(finding(FindingKind::GrantEnded).day("until", until.value.just_before()));
    } else if days <= GRANT_WARNING_DAYS {
        sink.push(finding(FindingKind::GrantEnding).fact("days", days));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::{NOW, shipped};
    use crate::vocabulary::SiteIndex;

    #[test]
    fn grants_hold_through_their_last_day_and_name_devices_in_one_spelling() {
        let (sources, sink, mut names) = (shipped(), Sink::default(), Names::default());
        let environments = crate::plan::environment::read(&sources, &sink, &mut names);
        let text = String::from_utf8(sources.config["grants.toml"].clone()).unwrap();
        let text = text.replace("audit-01.guest", "Audit-01.Guest");
        let grants = document("config/grants.toml", text.as_bytes(), &sink, |table| {
            Some(table.tables("grant", |table| {
                grant(table, &names, &environments, NOW, |text| {
                    (text.value != "kenko").then_some(Area::Site(SiteIndex(7)))
                })
            }))
        })
        .unwrap();
        assert_eq!(sink.into_findings(), []);
        let [(id, only)] = grants.as_slice() else { panic!("a grant with a bad place was read") };
        assert_eq!((id.value.as_str(), only.places.len()), ("G-2026-014", 2));
        assert_eq!(only.mac.unwrap().to_string(), "E8-0F-5D-0E-8C-0F");
        let at = |text| Timestamp::parse(text).unwrap();
        assert!(!only.in_force(at("2026-11-15T23:59:59+09:00")));
        assert!(only.in_force(at("2026-11-16")));
        assert!(only.in_force(at("2026-12-25T23:59:59+09:00")));
        assert!(!only.in_force(at("2026-12-26")));

        // What is not approved yet does not hold.
        let late = text.replace("approved = \"2026-11-09\"", "approved = \"2026-12-01\"");
        let grants = document("config/grants.toml", late.as_bytes(), &Sink::default(), |table| {
            Some(table.tables("grant", |table| {
                grant(table, &names, &environments, NOW, |_| Some(Area::Site(SiteIndex(7))))
            }))
        })
        .unwrap();
        let held = |text| grants[0].1.in_force(at(text));
        assert!(!held("2026-11-30T23:59:59+09:00") && held("2026-12-01"));

        let sink = Sink::default();
        let grants = document("config/grants.toml", text.as_bytes(), &sink, |table| {
            Some(table.tables("grant", |table| {
                grant(table, &names, &environments, NOW, |_| Some(Area::Site(SiteIndex(7))))
            }))
        })
        .unwrap();
        let names: Vec<_> = grants.iter().map(|(_, grant)| grant.certificate.as_deref()).collect();
        assert_eq!(names, [None, Some("audit-01.guest.city.example")]);
    }

    #[test]
    fn days_left_count_the_day_that_has_begun() {
        let end = Timestamp::parse_end("2026-11-24").unwrap();
        let days = |text| days_left(Timestamp::parse(text).unwrap(), end);
        assert_eq!(days("2026-11-24T23:59:59+09:00"), 1);
        assert_eq!(days("2026-11-24"), 1);
        assert_eq!(days("2026-11-23"), 2);
        assert_eq!(days("2026-11-25"), 0);
    }

    #[test]
    fn an_exception_may_concern_what_only_its_rule_knows_but_not_r10() {
        let (sink, mut names) = (Sink::default(), Names::default());
        names.switches.insert("sw".to_owned(), Some(crate::vocabulary::SwitchIndex(3)));
        names.assets.insert("P-1".to_owned(), None);
        let at = crate::plan::Origin { file: "x".into(), line: 1 };
        let read = |name: &str, rule| {
            let value = name.to_owned();
            let text = Located { value, at: at.clone(), field: String::new() };
            object(&text, rule, &names, &sink)
        };
        let switch = ExceptionObject::Switch(crate::vocabulary::SwitchIndex(3));
        assert_eq!(read("sw", "R08"), Some(switch));
        assert_eq!(read("a-b", "R08"), Some(ExceptionObject::Other("a-b".to_owned())));
        assert_eq!(read("P-1", "R10"), None, "an unread device has its own findings");
        assert!(!sink.has_errors());
        assert_eq!(read("sw", "R10"), None);
        assert!(sink.has_errors());
    }
}
