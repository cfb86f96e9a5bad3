//! Reports over evidence made for the purpose, beside the shipped city's files.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Console, DONE, WRONG, WRONG_USE, report};
use crate::plan::{Area, Plan, Sources};
use crate::record::contract::{account, decision};
use crate::record::{Line, Status, Store as _};
use crate::shell::evidence::{EVIDENCE_FILE, SealKey, Sqlite};
use crate::shell::service::{Directories, Material as _};
use crate::vocabulary::{Language, Timestamp};

/// FY2026 Q2, which is over; Q3 is not while this is written, so nothing here rests on it.
const QUARTER: &str = "令和8年度第2四半期";

fn at(text: &str) -> i64 {
    Timestamp::parse(text).unwrap().0
}

fn event(time: i64, event: &str, more: Value) -> Line {
    let mut line = Line::new();
    line.insert("time".into(), json!(Timestamp(time).rfc3339()));
    line.insert("event".into(), json!(event));
    let Value::Object(more) = more else { unreachable!() };
    line.extend(more);
    line
}

struct Evidence {
    state: TempDir,
    store: Sqlite,
}

impl Evidence {
    fn new() -> Self {
        let state = tempfile::tempdir().unwrap();
        let store = Sqlite::open(state.path()).unwrap();
        SealKey::of(state.path()).unwrap();
        Self { state, store }
    }

    /// A quarter with one of everything.
    fn of_a_quarter() -> Self {
        let mut evidence = Self::new();
        let day = at("2026-08-03T09:00:00+09:00");
        let mut admitted = decision(day, 1, Some("B"));
        admitted.insert("method".into(), json!("eap-tls"));
        admitted.insert("section".into(), json!("ひみつの課"));
        admitted.insert("certificate_end".into(), json!("2026-11-01T00:00:00Z"));
        let mut mab = decision(day + 1, 2, Some("B"));
        mab.insert("method".into(), json!("mab"));
        let mut accounted = account(day + 3, Status::Start, 1, 1);
        accounted.insert("asset".into(), json!("P-0001"));
        let lines = [
            decision(at("2026-06-30T23:59:59.999+09:00"), 9, None),
            event(day - 9, "SYS-started", json!({"generation": 1})),
            event(
                day - 8,
                "CFG-plan-accepted",
                json!({"generation": 2, "by": "himitsu-operator", "message": "himitsu-operator did it"}),
            ),
            admitted,
            mab,
            decision(day + 2, 3, None),
            accounted,
            event(
                day + 4,
                "INC-opened",
                json!({"incident": "INC-20260803-1", "title": "himitsu-bridge", "detected": "2026-08-03T08:50:00+09:00", "ground": "himitsu-call", "by": "himitsu-operator", "evidence": "6", "message": "x"}),
            ),
            event(
                day + 5,
                "INC-note",
                json!({"incident": "INC-20260803-1", "kind": "action", "text": "himitsu-cut", "by": "himitsu-operator"}),
            ),
            event(
                day + 6,
                "INC-note",
                json!({"incident": "INC-20260803-1", "kind": "corrective", "text": "himitsu-<script>", "by": "himitsu-operator"}),
            ),
            event(
                day + 7,
                "INC-closed",
                json!({"incident": "INC-20260803-1", "ground": "himitsu-end", "by": "himitsu-operator"}),
            ),
            event(day + 8, "SYS-evidence-gap", json!({"count": "3", "message": "himitsu-gap"})),
            // What an alert tells of a decision is none.
            event(
                day + 9,
                "ALERT-stranger",
                json!({"mac": "00-12-E2-00-00-03", "switch": "sw01", "outcome": "refuse", "reason": "device.unknown", "method": "mab"}),
            ),
        ];
        evidence.store.append(&lines).unwrap();
        evidence.seal("2026-10-02");
        evidence
    }

    fn seal(&mut self, day: &str) {
        let key = SealKey::of(self.state.path()).unwrap();
        let now = Timestamp::parse(day).unwrap();
        self.store.seal("himitsu-node", now, &|message| key.sign(message)).unwrap();
    }

    fn told(&self, arguments: &[&str]) -> (u8, String) {
        let language =
            if arguments.contains(&"en") { Language::English } else { Language::Japanese };
        let root = env!("CARGO_MANIFEST_DIR");
        let own = [
            "report".to_owned(),
            format!("--config={root}/config"),
            format!("--topology={root}/topology"),
            format!("--state={}", self.state.path().display()),
        ];
        let given = arguments.iter().filter(|text| **text != "en").map(|text| (*text).to_owned());
        let matches = report::define(language).try_get_matches_from(own.into_iter().chain(given));
        let (mut console, captured) = Console::captured(language);
        let code = report::run(&matches.unwrap(), &mut console);
        (code, captured.take())
    }

    fn made(&self, arguments: &[&str]) -> String {
        let (code, text) = self.told(arguments);
        assert_eq!(code, DONE, "{text}");
        text
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.made(&[arguments, &["--format", "json"]].concat())).unwrap()
    }
}

/// The value of a row of a table of named values.
fn named<'a>(table: &'a Value, name: &str) -> &'a Value {
    let row = table.as_array().unwrap().iter().find(|row| row["item"] == name);
    &row.unwrap_or_else(|| panic!("no {name} in {table}"))["value"]
}

fn shipped() -> (Plan, Sources) {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let directories = Directories {
        config: root.join("config"),
        topology: root.join("topology"),
        secrets: root.join("none"),
    };
    let sources = directories.sources().unwrap();
    let now = Timestamp::parse("2026-09-30").unwrap();
    (crate::plan::compile(&sources, now).plan.unwrap(), sources)
}

#[test]
fn the_same_range_yields_the_same_octets_also_when_records_came_and_went_since() {
    let mut evidence = Evidence::of_a_quarter();
    let forms: Vec<Vec<&str>> = [
        &["--format", "html"][..],
        &["--format", "csv"],
        &["--format", "json"],
        &["--format", "html", "--redacted", "en"],
    ]
    .iter()
    .map(|form| [&["--quarter", QUARTER], *form].concat())
    .collect();
    let before: Vec<String> = forms.iter().map(|form| evidence.made(form)).collect();
    let later = at("2026-10-01T00:00:00+09:00");
    evidence.store.append(&[decision(later, 5, None), decision(later + 1, 6, Some("A"))]).unwrap();
    evidence.seal("2026-10-05");
    let gone = Timestamp::parse("2026-07-02").unwrap();
    assert_eq!(evidence.store.expire(gone).unwrap(), 1, "the day before the quarter");
    for (form, before) in forms.iter().zip(&before) {
        assert!(evidence.made(form) == *before, "{form:?}");
    }
}

#[test]
fn a_report_says_what_the_records_and_the_plan_say() {
    let evidence = Evidence::of_a_quarter();
    let found = evidence.json(&["--quarter", QUARTER]);
    let devices = shipped().0.devices.len() as u64;
    let summary = &found["summary"];
    assert_eq!(named(summary, "registered"), &json!(devices));
    assert_eq!(named(summary, "seen"), 2);
    assert_eq!(named(summary, "unseen"), &json!(devices - 2));
    assert_eq!(named(summary, "strangers"), 1);
    assert_eq!(named(summary, "mab_share"), "50.0 %");
    assert_eq!(named(summary, "certificates_ending"), 1);
    assert_eq!(found["unseen"].as_array().unwrap().len() as u64, devices - 2);
    assert_eq!(found["strangers"][0]["mac"], "00-12-E2-00-00-03");
    assert_eq!(found["strangers"][0]["records"], json!([6]));
    let refused = &found["refusals"][0];
    assert_eq!((&refused["reason"], &refused["times"]), (&json!("device.unknown"), &json!(1)));
    let sections = found["sections"].as_array().unwrap();
    let own = sections.iter().find(|row| row["section"] == "ひみつの課").unwrap();
    assert_eq!((&own["certificate"], &own["registered"]), (&json!(1), &json!(0)));
    let registered: u64 = sections.iter().map(|row| row["registered"].as_u64().unwrap()).sum();
    assert_eq!(registered, devices);
    let change = &found["changes"][0];
    assert_eq!((&change["generation"], &change["sign"]), (&json!("2"), &json!("○")));
    let incident = &found["incidents"][0];
    assert_eq!(incident["state"], "closed");
    assert_eq!(incident["acted_minutes"], 10);
    assert_eq!(incident["records"], json!([6, 8, 9, 10, 11]));
    assert_eq!(found["corrective"][0]["state"], "done");
    assert_eq!(found["irregularities"][0]["event"], "SYS-evidence-gap");
    assert_eq!(named(&found["evidence"], "verified"), "yes");
    assert_eq!(named(&found["evidence"], "from_the_beginning"), "yes");
    assert_eq!(named(&found["evidence"], "sealed_to_the_end"), "yes");
    assert_eq!(found["seals"].as_array().unwrap().len(), 1, "the day in the quarter");
    assert_eq!(found["complete"], "yes");
    let rules = found["rules"].as_array().unwrap();
    assert_eq!(rules.len(), 25);
    let rule = |id: &str| rules.iter().find(|row| row["rule"] == id).unwrap();
    assert_eq!((&rule("R01")["sign"], &rule("R01")["records"]), (&json!("○"), &json!([3])));
    assert_eq!((&rule("R17")["sign"], &rule("R17")["records"]), (&json!("－"), &json!([])));
    assert_eq!((&rule("R21")["sign"], &rule("R21")["records"]), (&json!("△"), &json!([12])));
    assert_eq!(rule("R22")["sign"], "△");
}

#[test]
fn what_sensors_saw_breaks_the_rules_that_the_plan_keeps() {
    let mut evidence = Evidence::of_a_quarter();
    let signs = |evidence: &Evidence| {
        let found = evidence.json(&["--quarter", QUARTER]);
        let rules = found["rules"].as_array().unwrap().clone();
        ["R02", "R04", "R18"].map(|id| {
            let row = rules.iter().find(|row| row["rule"] == id).unwrap();
            (row["sign"].as_str().unwrap().to_owned(), row["records"].clone())
        })
    };
    let [wire, flow, place] = signs(&evidence);
    assert_eq!((wire.0.as_str(), flow.0.as_str(), place.0.as_str()), ("○", "○", "－"));
    let day = at("2026-08-04T09:00:00+09:00");
    let lines: Vec<Line> = ["wire", "flow", "device"]
        .iter()
        .map(|what| event(day, &format!("SENSOR-separation-{what}"), json!({ "sensor": "m" })))
        .collect();
    evidence.store.append(&lines).unwrap();
    evidence.seal("2026-10-05");
    for ((sign, records), number) in signs(&evidence).into_iter().zip(14..) {
        assert_eq!((sign.as_str(), records), ("×", json!([number])));
    }
}

#[test]
fn a_quarter_begins_and_ends_at_midnight_in_japan() {
    let mut evidence = Evidence::new();
    let lines: Vec<Line> = (1..)
        .zip([
            "2026-06-30T23:59:59.999+09:00",
            "2026-07-01T00:00:00+09:00",
            "2026-09-30T23:59:59.999+09:00",
            "2026-10-01T00:00:00+09:00",
        ])
        .map(|(number, time)| decision(at(time), number, None))
        .collect();
    evidence.store.append(&lines).unwrap();
    let span = |quarter: &str| {
        let made = evidence.json(&["--quarter", quarter])["made_from"].clone();
        (made["first"].as_u64().unwrap(), made["last"].as_u64().unwrap())
    };
    assert_eq!(span("R8Q1"), (1, 1));
    assert_eq!(span("R8Q2"), (2, 3));
    assert_eq!(span("2026Q3"), (4, 4));
}

#[test]
fn the_redacted_edition_names_nobody_and_nothing() {
    let evidence = Evidence::of_a_quarter();
    let (plan, _) = shipped();
    let mut secret: Vec<String> =
        ["himitsu", "ひみつ", "00-12-E2", "市民課", "sw01"].map(str::to_owned).into();
    for device in &plan.devices {
        secret.extend([device.asset.clone(), device.computer.clone(), device.section.to_string()]);
        secret.extend(device.macs.iter().map(ToString::to_string));
        secret.extend(
            device
                .place
                .iter()
                .filter(|it| matches!(it, Area::Port(..)))
                .map(|it| plan.area_name(it)),
        );
    }
    for switch in &plan.switches {
        secret.extend([switch.id.clone(), switch.address.ip().to_string()]);
    }
    secret.extend(plan.profiles.iter().map(|profile| profile.id.clone()));
    for exception in &plan.exceptions {
        secret.extend([exception.approver.clone(), exception.reason.clone(), exception.id.clone()]);
    }
    secret.retain(|text| text.chars().count() > 2);
    secret.sort();
    secret.dedup();
    for form in ["html", "csv", "json"] {
        for language in ["ja", "en"] {
            let arguments = ["--quarter", QUARTER, "--format", form, "--redacted", language];
            let arguments = arguments.iter().filter(|text| **text != "ja").copied();
            let text = evidence.made(&arguments.collect::<Vec<_>>());
            for secret in &secret {
                assert!(!text.contains(secret.as_str()), "{form} shows {secret}");
            }
            assert!(text.contains("R25") && text.contains("INC-20260803-1"), "{form}");
        }
    }
    let whole = evidence.made(&["--quarter", QUARTER]);
    for name in ["himitsu-operator", "himitsu-bridge", "00-12-E2-00-00-03", "ひみつの課"] {
        assert!(whole.contains(name), "{name}");
    }
    assert!(!whole.contains("<script>") && whole.contains("himitsu-&lt;script&gt;"));
}

#[test]
fn a_period_that_is_not_over_says_up_to_which_record_it_speaks() {
    let mut evidence = Evidence::new();
    // A year that lasts for a while.
    let now = crate::shell::clock::now();
    evidence.store.append(&[decision(now.0, 1, None)]).unwrap();
    let day = now.day();
    let mut parts = day.split('-');
    let (year, month) = (parts.next().unwrap(), parts.next().unwrap());
    let fiscal = year.parse::<i32>().unwrap() - i32::from(month < "04");
    let arguments = ["--year", &fiscal.to_string()];
    let text = evidence.made(&arguments);
    assert!(text.contains("期間はまだ終わっていません。記録 1("), "{text}");
    assert_eq!(evidence.json(&arguments)["complete"], "no");
    assert_eq!(evidence.made(&arguments), text);
}

#[test]
fn a_changed_record_breaks_the_rule_about_records() {
    let evidence = Evidence::of_a_quarter();
    let file = rusqlite::Connection::open(evidence.state.path().join(EVIDENCE_FILE)).unwrap();
    file.execute_batch("UPDATE record SET body = replace(body, 'mab', 'map') WHERE sequence = 5")
        .unwrap();
    let found = evidence.json(&["--quarter", QUARTER]);
    let rule = found["rules"].as_array().unwrap().iter().find(|row| row["rule"] == "R21").unwrap();
    assert_eq!(rule["sign"], "×");
    assert_eq!(named(&found["evidence"], "verified"), "no");
}

#[test]
fn item_numbers_of_the_audit_guide_are_taken_from_a_file() {
    let evidence = Evidence::of_a_quarter();
    let file = evidence.state.path().join("report.toml");
    let path = file.to_str().unwrap();
    std::fs::write(&file, "[items]\nR01 = \"5.1.2\"\n").unwrap();
    let found = evidence.json(&["--quarter", QUARTER, "--items", path]);
    assert_eq!(found["rules"][0]["item"], "5.1.2");
    std::fs::write(&file, "[items]\nR99 = \"5.1.2\"\n").unwrap();
    let (code, text) = evidence.told(&["--quarter", QUARTER, "--items", path]);
    assert!(code == WRONG && text.contains("R99"), "{text}");
}

#[test]
fn wrong_periods_and_empty_ones_are_refused_with_what_to_write() {
    let evidence = Evidence::of_a_quarter();
    for (arguments, code, part) in [
        (["--quarter", "Q3"], WRONG_USE, "令和8年度第3四半期"),
        (["--quarter", "R8Q5"], WRONG_USE, "R8Q5"),
        (["--year", "平成32年度"], WRONG_USE, "平成32年度"),
        (["--quarter", "R7Q1"], WRONG, "2026-06-30"),
        (["--year", "2999"], WRONG, "2999-04-01"),
    ] {
        for language in ["ja", "en"] {
            let arguments = if language == "en" {
                vec![arguments[0], arguments[1], "en"]
            } else {
                arguments.to_vec()
            };
            let (ended, text) = evidence.told(&arguments);
            assert!(ended == code && text.contains(part), "{arguments:?}: {ended} {text}");
        }
    }
}
