//! Alerts made from lines, with time moved by hand.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::limit::Limiter;
use super::*;
use crate::plan::{self, Plan};
use crate::vocabulary::{AlertSeverity, Moment};

/// 2026-11-24T10:00:00+09:00, a Tuesday.
fn ten() -> Timestamp {
    Timestamp::parse("2026-11-24T10:00:00+09:00").unwrap()
}

fn plan() -> Arc<Plan> {
    let sources = plan::tests::shipped();
    Arc::new(plan::compile(&sources, plan::tests::NOW).plan.unwrap())
}

struct Desk {
    alerter: Alerter,
    begin: Timestamp,
    at: Duration,
}

impl Desk {
    fn new() -> Self {
        Self::of(Vec::new())
    }

    fn of(ends: Vec<End>) -> Self {
        // A day has gone by since the machine started.
        let at = Duration::from_secs(86_400);
        Self { alerter: Alerter::new(plan(), ends), begin: ten(), at }
    }

    fn now(&self) -> Moment {
        let since = self.at - Duration::from_secs(86_400);
        Moment { monotonic: self.at, wall: self.begin.plus(since) }
    }

    fn line(&mut self, line: &serde_json::Value) {
        self.alerter.handle(self.now(), line.as_object().unwrap());
    }

    fn pass(&mut self, seconds: u64) -> Vec<Alert> {
        let until = self.at + Duration::from_secs(seconds);
        let mut alerts = self.alerter.poll_events();
        while self.at < until {
            self.at = until.min(self.at + Duration::from_secs(60));
            self.alerter.handle_timeout(self.now());
            alerts.extend(self.alerter.poll_events());
        }
        alerts
    }

    fn alerts(&mut self) -> Vec<Alert> {
        self.alerter.poll_events()
    }
}

fn decision(mac: &str, place: &str, outcome: &str, reason: &str) -> serde_json::Value {
    let switch = place.split('/').nth(1).unwrap();
    json!({
        "event": "AUTH", "mac": mac, "place": place, "switch": switch, "site": "honcho",
        "outcome": outcome, "reason": reason, "method": "mab", "environment": null,
    })
}

const PORT: &str = "honcho/hon-sw01/0/3";

fn kinds(alerts: &[Alert]) -> Vec<AlertKind> {
    alerts.iter().map(|alert| alert.kind).collect()
}

#[test]
fn ten_thousand_strangers_are_one_alert_and_a_summary() {
    let mut desk = Desk::new();
    for number in 0..10_000 {
        let mac = format!("02-00-00-00-{:02X}-{:02X}", number >> 8, number & 255);
        desk.line(&decision(&mac, PORT, "refuse", "device.unknown"));
    }
    let first = desk.alerts();
    assert_eq!(kinds(&first), [AlertKind::Stranger]);
    assert_eq!(
        first[0].text(Language::Japanese),
        "登録されていない端末 02-00-00-00-00-00 が honcho/hon-sw01/0/3 に接続しました"
    );
    let rest = desk.pass(3600);
    assert_eq!(kinds(&rest), [AlertKind::Stranger], "and silence afterwards");
    assert_eq!(rest[0].more, 9_998);
    assert!(rest[0].text(Language::English).ends_with("(9998 more)"));
    assert!(desk.alerter.forgotten() == 0);
}

#[test]
fn strangers_at_many_places_are_summed_up_by_their_kind() {
    let mut desk = Desk::new();
    for number in 0..1000 {
        let place = format!("honcho/hon-sw01/9/{number}");
        desk.line(&decision("02-00-00-00-00-01", &place, "refuse", "device.unknown"));
    }
    let strangers = |alerts: Vec<Alert>| {
        let ours = alerts.into_iter().filter(|alert| alert.kind == AlertKind::Stranger);
        ours.collect::<Vec<_>>()
    };
    let first = strangers(desk.alerts());
    assert_eq!(first.len(), PER_KIND_MAX as usize);
    let rest = strangers(desk.pass(1200));
    let all: u64 = first.iter().chain(&rest).map(|alert| 1 + alert.more).sum();
    assert_eq!((rest.len(), all), (1, 1000));
}

#[test]
fn a_certificate_at_another_device_is_alerted() {
    let mut desk = Desk::new();
    let mut line = decision("00-12-E2-01-02-03", PORT, "refuse", "certificate.other-mac");
    line["identity"] = json!("pc-0001.city.example");
    line["asset"] = json!("PC-00001");
    desk.line(&line);
    let alerts = desk.alerts();
    assert_eq!(kinds(&alerts), [AlertKind::CertificateConflict]);
    assert_eq!(alerts[0].severity, AlertSeverity::Error);
    let text = alerts[0].text(Language::English);
    assert!(text.contains("pc-0001.city.example") && text.contains("00-12-E2-01-02-03"), "{text}");
}

#[test]
fn one_address_in_two_places_is_alerted_unless_it_was_unplugged() {
    let other = "honcho/hon-sw02/0/4";
    let mac = "00-12-E2-01-02-03";
    let account = |event: &str, place: &str| json!({"event": event, "mac": mac, "place": place, "switch": place.split('/').nth(1)});
    let admitted = |place: &str| decision(mac, place, "admit", "policy.admitted");
    let mut desk = Desk::new();
    desk.line(&admitted(PORT));
    desk.pass(60);
    desk.line(&admitted(other));
    let alerts = desk.alerts();
    assert_eq!(kinds(&alerts), [AlertKind::TwoPlaces]);
    let text = alerts[0].text(Language::English);
    assert_eq!(text, format!("{mac} is in two places within 60 s: {PORT} and {other}"));

    let mut desk = Desk::new();
    desk.line(&admitted(PORT));
    desk.line(&account("ACCT-start", PORT));
    desk.pass(60);
    desk.line(&account("ACCT-stop", PORT));
    desk.line(&admitted(other));
    assert_eq!(desk.alerts(), [], "moved");
    // An account of the place it left: the copy is still there.
    desk.pass(600);
    desk.line(&admitted(other));
    desk.line(&account("ACCT-interim", PORT));
    assert_eq!(kinds(&desk.alerts()), [AlertKind::TwoPlaces]);

    let mut desk = Desk::new();
    desk.line(&admitted(PORT));
    desk.pass(301);
    desk.line(&admitted(other));
    assert_eq!(desk.alerts(), [], "time enough to walk");
    desk.line(&admitted("honcho/hon-wlc/ssid:one"));
    desk.pass(700);
    desk.alerts();
    desk.line(&admitted("honcho/hon-wlc/ssid:one"));
    desk.line(&admitted("honcho/hon-wlc/ssid:two"));
    assert_eq!(desk.alerts(), [], "roamed");
}

#[test]
fn use_outside_office_hours_is_alerted_once_an_evening() {
    let mut line = decision("00-12-E2-01-02-03", PORT, "admit", "policy.admitted");
    line["method"] = json!("eap-tls");
    line["section"] = json!("市民課");
    line["asset"] = json!("PC-1");
    let mut desk = Desk::new();
    desk.line(&line);
    assert_eq!(desk.alerts(), [], "at ten in the morning");
    // Left on, it authenticates every hour: that is nobody's use.
    for _ in 0..12 {
        desk.pass(3600);
        desk.line(&line);
    }
    assert_eq!(desk.alerts(), []);
    let mut desk = Desk::new();
    desk.begin = Timestamp::parse("2026-11-24T21:30:00+09:00").unwrap();
    desk.line(&line);
    let alerts = desk.alerts();
    assert_eq!(kinds(&alerts), [AlertKind::AfterHours]);
    let text = alerts[0].text(Language::Japanese);
    assert!(text.contains("市民課の端末 PC-1") || text.contains("市民課 の端末 PC-1"), "{text}");
    assert!(text.contains("2026-11-24 21:30:00") && text.contains("07:00-21:00"), "{text}");
    let mut desk = Desk::new();
    desk.begin = Timestamp::parse("2026-11-23T10:00:00+09:00").unwrap();
    desk.line(&line);
    assert!(desk.alerts()[0].text(Language::Japanese).contains("勤労感謝の日"));
    let mut printer = line.clone();
    printer["method"] = json!("mab");
    printer["mac"] = json!("00-12-E2-01-02-04");
    desk.line(&printer);
    assert_eq!(desk.alerts(), []);
}

#[test]
fn refusals_are_alerted_from_the_fifth_on() {
    let mut desk = Desk::new();
    for _ in 0..4 {
        desk.line(&decision("00-12-E2-01-02-03", PORT, "refuse", "certificate.expired"));
    }
    assert_eq!(desk.alerts(), []);
    desk.pass(601);
    for _ in 0..5 {
        desk.line(&decision("00-12-E2-01-02-03", PORT, "refuse", "certificate.expired"));
    }
    let alerts = desk.alerts();
    assert_eq!(kinds(&alerts), [AlertKind::Refusals]);
    assert!(alerts[0].text(Language::English).contains("5 times within 10 min"));
}

#[test]
fn a_switch_that_falls_silent_is_alerted_once() {
    let mut desk = Desk::new();
    for _ in 0..26 {
        desk.line(&json!({"event": "AUTH", "switch": "hon-sw01", "outcome": "admit"}));
        desk.pass(3600);
    }
    assert_eq!(desk.pass(3540), []);
    let alerts = desk.pass(86_400);
    assert_eq!(kinds(&alerts), [AlertKind::SwitchSilent]);
    assert!(alerts[0].text(Language::English).contains("hon-sw01 for 12"));
    desk.line(&json!({"event": "AUTH", "switch": "no-such-switch", "outcome": "admit"}));
    assert_eq!(desk.pass(86_400), []);
}

#[test]
fn certificates_and_lists_are_told_of_at_their_thresholds() {
    let days = |days: u64| ten().plus(Duration::from_secs(days * 86_400));
    let end = |kind, role, name: &str, at| End { kind, role, name: name.to_owned(), at };
    let mut desk = Desk::of(vec![
        end(AlertKind::CertificateExpiring, "server", "radius", days(61)),
        end(AlertKind::CertificateExpiring, "authority", "city", days(365)),
        end(AlertKind::ListExpiring, "crl", "city", days(62)),
    ]);
    let mut told = BTreeMap::new();
    for day in 0..63 {
        for alert in desk.pass(86_400) {
            told.entry((alert.subject.clone(), alert.severity.id()))
                .or_insert(Vec::new())
                .push(day);
        }
    }
    let name = |name: &str, severity| (name.to_owned(), severity);
    assert_eq!(told[&name("server radius", "warning")].len(), 3, "60, 30, 14: {told:?}");
    assert!(told[&name("server radius", "error")].len() >= 2, "3 days, and over: {told:?}");
    assert!(told.contains_key(&name("crl city", "warning")), "{told:?}");
    assert!(told.contains_key(&name("crl city", "error")), "{told:?}");
    assert_eq!(told.len(), 4, "{told:?}");
}

#[test]
fn the_clock_is_watched_in_both_directions() {
    let mut desk = Desk::new();
    assert_eq!(desk.pass(600), []);
    desk.begin = desk.begin.plus(Duration::from_secs(5));
    let alerts = desk.pass(60);
    assert_eq!(kinds(&alerts), [AlertKind::ClockOff]);
    assert_eq!(alerts[0].severity, AlertSeverity::Warning);
    desk.pass(1200);
    desk.begin = Timestamp(desk.begin.0 - 60_000);
    let alerts = desk.pass(60);
    assert_eq!((alerts[0].kind, alerts[0].severity), (AlertKind::ClockOff, AlertSeverity::Error));
}

#[test]
fn events_of_the_service_become_alerts_and_alerts_never_do() {
    let mut desk = Desk::new();
    for (event, kind) in [
        ("CFG-plan-refused", AlertKind::ReloadRefused),
        ("SYS-evidence-gap", AlertKind::EvidenceGap),
        ("SYS-evidence-spooling", AlertKind::EvidenceSpooling),
        ("SYS-evidence-no-spool", AlertKind::EvidenceUnspooled),
        ("SYS-evidence-full", AlertKind::EvidenceFull),
        ("SYS-evidence-damaged", AlertKind::EvidenceDamaged),
        ("OPS-backup-failed", AlertKind::BackupFailed),
        ("SYS-worker-failed", AlertKind::Service),
    ] {
        desk.line(&json!({"event": event, "cause": "why", "severity": "error", "message": "m"}));
        assert_eq!(kinds(&desk.alerts()), [kind], "{event}");
    }
    desk.line(&json!({"event": "AUTH-ignored", "address": "10.0.0.9", "reason": "message-authenticator-invalid", "more": "4"}));
    let alerts = desk.alerts();
    assert_eq!((alerts[0].kind, alerts[0].more), (AlertKind::SecretMismatch, 4));
    for line in [json!({"event": "ALERT-stranger"}), json!({"event": "SYS-started"}), json!({})] {
        desk.line(&line);
    }
    assert_eq!(desk.alerts(), []);
}

#[test]
fn every_event_that_is_alerted_exists() {
    let known: Vec<&str> = crate::shell::log::Event::ALL.iter().map(|event| event.id()).collect();
    for (event, ..) in detect::EVENTS {
        assert!(known.contains(event), "{event}");
    }
}

#[test]
fn what_concerns_other_environments_stays_inside() {
    let plan = plan();
    let soc = plan.alerts.sinks.iter().find(|sink| sink.id == "soc").unwrap();
    let inside = plan.alerts.sinks.iter().find(|sink| sink.id == "collector").unwrap();
    let device = |environment: &str| {
        let found = plan.devices.iter().find(|device| {
            plan.environment(device.environment).is_some_and(|it| it.id == environment)
        });
        found.unwrap().asset.clone()
    };
    let mut desk = Desk::new();
    for (environment, goes_out) in [("A", false), ("B", false), ("C", true)] {
        let mut line = decision("00-12-E2-01-02-03", PORT, "refuse", "certificate.other-mac");
        line["asset"] = json!(device(environment));
        line["identity"] = json!(environment);
        desk.line(&line);
        let alert = desk.alerts().remove(0);
        assert!(alert.is_for(inside));
        assert_eq!(alert.is_for(soc), goes_out, "{environment} {:?}", alert.environments);
    }
    // A stranger at a port that could have let it into A.
    desk.line(&decision("02-00-00-00-00-01", PORT, "refuse", "device.unknown"));
    let alert = desk.alerts().remove(0);
    assert!(!alert.environments.is_empty() && !alert.is_for(soc), "{:?}", alert.environments);
    desk.line(&json!({"event": "SYS-evidence-full"}));
    let alert = desk.alerts().remove(0);
    assert!(alert.is_for(inside) && !alert.is_for(soc), "the service itself is not C");
}

#[test]
fn an_alert_comes_back_from_its_line() {
    let mut desk = Desk::new();
    desk.line(&decision("02-00-00-00-00-01", PORT, "refuse", "device.unknown"));
    let alert = desk.alerts().remove(0);
    let mut line = alert.to_fields("n-1-1", Language::Japanese);
    line.insert("time".into(), json!(alert.time.rfc3339()));
    line.insert("event".into(), json!(alert.kind.id()));
    line.insert("severity".into(), json!(alert.severity.id()));
    let back = Alert::of(&line).unwrap();
    assert_eq!((back.kind, back.time, &back.subject), (alert.kind, alert.time, &alert.subject));
    // A summary is told later than the last of it happened.
    let summary = Alert { more: 2, ..alert.clone() };
    let mut late = summary.to_fields("n-1-2", Language::Japanese);
    late.insert("time".into(), json!("2030-01-01T00:00:00.000Z"));
    late.insert("event".into(), json!(summary.kind.id()));
    late.insert("severity".into(), json!(summary.severity.id()));
    assert_eq!(Alert::of(&late).unwrap().time, alert.time);
    assert_eq!(back.environments, alert.environments);
    for language in [Language::Japanese, Language::English] {
        assert_eq!(back.text(language), alert.text(language));
    }
}

proptest! {
    #[test]
    fn what_comes_out_adds_up_to_what_went_in(
        raised in proptest::collection::vec((0_usize..4, 0_u8..60, 0_u64..400), 0..400)
    ) {
        let kinds = [AlertKind::Stranger, AlertKind::AfterHours, AlertKind::Service, AlertKind::Test];
        let mut limiter = Limiter::new(Duration::from_secs(600));
        let (mut now, mut out) = (Duration::ZERO, 0_u64);
        let sum = |alerts: Vec<Alert>| alerts.iter().map(|it| 1 + it.more).sum::<u64>();
        for (kind, subject, seconds) in &raised {
            now += Duration::from_secs(*seconds);
            limiter.expire(now);
            limiter.raise(now, Alert::new(kinds[*kind], Timestamp(0), subject.to_string()));
            out += sum(limiter.take());
        }
        limiter.flush();
        out += sum(limiter.take());
        prop_assert_eq!(out, raised.len() as u64);
    }

    #[test]
    fn no_line_panics(event in "AUTH|ACCT-[a-z]{2,7}|SYS-[a-z-]{3,20}|.*", names in proptest::collection::vec((".{0,12}|mac|place|switch|reason|outcome", ".*"), 0..8)) {
        let mut desk = Desk::new();
        let mut line: Line = names.into_iter().map(|(name, value)| (name, json!(value))).collect();
        line.insert("event".into(), json!(event));
        desk.alerter.handle(desk.now(), &line);
        for alert in desk.alerter.finish() {
            let _ = alert.text(Language::Japanese);
        }
    }
}

fn hints(desk: &mut Desk) -> Vec<(String, String)> {
    let hints = desk.alerter.poll_hints();
    hints.into_iter().map(|hint| (hint.kind, hint.other)).collect()
}

fn certified(place: &str) -> serde_json::Value {
    let mut line = decision(MAC, place, "admit", "rule");
    line["method"] = json!("eap-tls");
    line
}

fn account(event: &str, place: &str) -> serde_json::Value {
    json!({ "event": event, "mac": MAC, "place": place, "switch": "hon-sw01" })
}

const MAC: &str = "00-12-E2-01-02-03";
const ELSEWHERE: &str = "honcho/hon-sw01/0/4";

#[test]
fn who_asks_by_its_address_while_its_certificate_stands_is_told_to_sensors() {
    let by_address = decision(MAC, PORT, "refuse", "certificate-required");
    let told = |lines: &[serde_json::Value]| {
        let mut desk = Desk::new();
        for line in lines {
            desk.line(line);
            desk.pass(1);
        }
        hints(&mut desk)
    };
    let (start, stop) = (account("ACCT-start", PORT), account("ACCT-stop", PORT));
    let method = [("auth.method".to_owned(), String::new())];
    let one = [certified(PORT), start.clone(), by_address.clone()];
    assert_eq!(told(&one), method);
    // It has left, or nobody says when it leaves, or that was somewhere else.
    assert_eq!(told(&[certified(PORT), start.clone(), stop, by_address.clone()]), []);
    assert_eq!(told(&[certified(PORT), by_address.clone()]), []);
    assert_eq!(told(&[start.clone(), by_address.clone()]), []);
    let there = [certified(ELSEWHERE), account("ACCT-start", ELSEWHERE), start, by_address];
    assert_eq!(told(&there), []);
}

#[test]
fn a_connection_that_was_interrupted_in_use_is_told_to_sensors() {
    let told = |stood: u64, gone: u64, back: &str| {
        let mut desk = Desk::new();
        desk.line(&certified(PORT));
        desk.line(&account("ACCT-start", PORT));
        desk.pass(stood);
        desk.line(&account("ACCT-stop", PORT));
        desk.pass(gone);
        desk.line(&decision(MAC, PORT, "refuse", "certificate-required"));
        desk.line(&certified(back));
        desk.line(&certified(back));
        hints(&mut desk)
    };
    assert_eq!(told(900, 20, PORT), [("auth.reconnect".to_owned(), "20".to_owned())]);
    assert_eq!(told(900, 61, PORT), []);
    assert_eq!(told(300, 20, PORT), [], "it had only begun");
    assert_eq!(told(900, 20, ELSEWHERE), []);
}

#[test]
fn two_ports_at_once_and_what_the_tables_show_are_told_to_sensors_in_bounds() {
    let mut desk = Desk::new();
    desk.line(&certified(PORT));
    desk.pass(5);
    desk.line(&certified(ELSEWHERE));
    assert_eq!(hints(&mut desk), [], "nobody says when a session ends");
    desk.line(&certified(PORT));
    desk.line(&account("ACCT-start", PORT));
    desk.pass(5);
    desk.line(&certified(ELSEWHERE));
    assert_eq!(hints(&mut desk), [("auth.two-places".to_owned(), PORT.to_owned())]);
    let air = "honcho/hon-wlc01/ssid:city-c";
    desk.line(&certified(air));
    assert_eq!(hints(&mut desk), [], "a PC that is on the air as well");
    let stranger = |event: &str, other: &str| json!({ "event": event, "mac": MAC, "place": PORT, "vlan": "110", "other": other });
    desk.line(&stranger("SNMP-stranger", ""));
    desk.line(&stranger("SNMP-two-places", ELSEWHERE));
    let both = [("l2.no-session", ""), ("l2.two-places", ELSEWHERE)];
    assert_eq!(hints(&mut desk), both.map(|(kind, other)| (kind.to_owned(), other.to_owned())));
    for _ in 0..3_000 {
        desk.line(&stranger("SNMP-stranger", ""));
    }
    assert_eq!(hints(&mut desk).len(), 1_024);
}
