//! `sekisho alert`: tries the receivers, and lists what was alerted.
//!
//! A test goes out from here and not through the service, so that receivers can be tried before
//! anything is served; a list is read from the evidence.

use clap::{ArgMatches, Command, value_parser};
use serde_json::{Value, json};

use super::arguments::Words;
use super::{Console, DONE, WRONG, WRONG_USE, log, site};
use crate::alert::{Alert, PREFIX, format::NAME};
use crate::plan;
use crate::record::{Field, Query, Store as _, cell};
use crate::shell::alert::{Courier, Fate};
use crate::shell::{clock, sources};
use crate::vocabulary::{AlertKind, Language, Text, Timestamp, escape};

/// Alerts shown when nobody says how many.
const LIMIT: &str = "100";
const LIMIT_MAX: i64 = 100_000;

pub(super) fn define(language: Language) -> Command {
    let words = Words(language);
    let sink = words.text(
        "sink",
        "NAME",
        "この送り先だけ(enabled = false でも試す)",
        "this receiver alone, even one with enabled = false",
    );
    let test = Command::new("test")
        .about(words.say(
            "試験の警報を送り、送り先ごとの結果を示す",
            "send a test alert and say what became of it at each receiver",
        ))
        .arg(sink);
    let limit = words
        .text("limit", "N", "最大件数[既定: 100]", "alerts at most [default: 100]")
        .value_parser(value_parser!(u32).range(1..=LIMIT_MAX))
        .default_value(LIMIT)
        .hide_default_value(true);
    let list = Command::new("list")
        .about(words.say("警報を新しい順に示す", "what was alerted, newest first"));
    let list = log::with_span(list, words).arg(limit);
    let test = site::with_secrets(site::with_files(test, words), words);
    words
        .group("alert", "警報の試験と一覧", "try the receivers of alerts; list what was alerted")
        .subcommand(site::with_json(test, words))
        .subcommand(site::with_json(site::with_state(list, words), words))
}

pub(super) fn run(matches: &ArgMatches, console: &mut Console) -> u8 {
    match matches.subcommand() {
        Some(("test", inner)) => test(inner, console).unwrap_or_else(|code| code),
        Some(("list", inner)) => list(inner, console).unwrap_or_else(|told| told.complain(console)),
        _ => WRONG_USE,
    }
}

fn test(matches: &ArgMatches, console: &mut Console) -> Result<u8, u8> {
    let language = console.language;
    let directories = site::directories(matches);
    let mut plan = site::compile(&directories, console)?;
    let only = matches.get_one::<String>("sink");
    plan.alerts.sinks.retain(|sink| only.map_or(sink.enabled, |only| *only == sink.id));
    if plan.alerts.sinks.is_empty() {
        let text = match only {
            Some(_) => Text {
                ja: "alerts.toml に送り先 `{sink}` はありません",
                en: "alerts.toml has no receiver `{sink}`",
            },
            None => Text {
                ja: "使われている送り先がありません(alerts.toml の enabled)",
                en: "no receiver is in use; see enabled in alerts.toml",
            },
        };
        let sink = only.map(|only| escape(only.as_bytes())).unwrap_or_default();
        console.complain(text.fill(language, &[("sink", sink)]));
        return Err(WRONG);
    }
    plan.alerts.sinks.iter_mut().for_each(|sink| sink.enabled = true);
    let secrets = sources::read_secrets(&directories.secrets).map_err(|failure| {
        console.complain(failure.message(language));
        WRONG
    })?;
    let (secrets, findings) = plan::alert_secrets(&plan, &secrets.files);
    let now = clock::now();
    let alert = sample(now, &plan.server.node_name);
    let mut results = Vec::new();
    for sink in &plan.alerts.sinks {
        let outcome = match secrets.get(&sink.id) {
            Some(secrets) => send(sink, secrets, &plan.server.node_name, now, &alert),
            None => {
                let about = |finding: &&plan::Finding| {
                    finding.facts.iter().any(|(_, fact)| fact.get(language) == sink.id)
                };
                let finding = findings.iter().find(about);
                Err(finding.map(|finding| finding.text(language)).unwrap_or_default())
            }
        };
        results.push((sink.id.as_str(), outcome));
    }
    let all = results.iter().all(|(_, outcome)| outcome.is_ok());
    if matches.get_flag("json") {
        let one = |(sink, outcome): &(&str, Result<(), String>)| json!({ "sink": sink, "delivered": outcome.is_ok(), "cause": outcome.as_ref().err() });
        console.json(&results.iter().map(one).collect::<Value>());
    } else {
        for (sink, outcome) in &results {
            let text = match outcome {
                Ok(()) => Text { ja: "{sink}: 送りました", en: "{sink}: delivered" },
                Err(_) => {
                    Text { ja: "{sink}: 送れません: {cause}", en: "{sink}: failed: {cause}" }
                }
            };
            let cause = outcome.as_ref().err().cloned().unwrap_or_default();
            console.line(text.fill(language, &[("sink", (*sink).to_owned()), ("cause", cause)]));
        }
    }
    Ok(if all { DONE } else { WRONG })
}

fn send(
    sink: &plan::AlertSink,
    secrets: &plan::AlertSecrets,
    node: &str,
    now: Timestamp,
    alert: &Alert,
) -> Result<(), String> {
    let courier = Courier::new(sink, secrets, node).map_err(|cause| cause.to_string())?;
    let mut refused = None;
    courier.deliver(now, std::slice::from_ref(alert), &mut |fate| {
        if let Fate::Refused(cause) = fate {
            refused = Some(cause);
        }
    })?;
    refused.map_or(Ok(()), Err)
}

/// A test, as it would come from the service.
fn sample(now: Timestamp, node: &str) -> Alert {
    let mut alert = Alert::new(AlertKind::Test, now, "test")
        .fact("by", format!("{NAME} alert test"))
        .fact("time", now.rfc3339())
        .fact("event", AlertKind::Test.id())
        .fact("severity", AlertKind::Test.severity().id())
        .fact("node", node);
    alert.fields = alert.to_fields(&format!("{node}-{}-test", now.0), Language::Japanese);
    alert
}

fn list(matches: &ArgMatches, console: &mut Console) -> Result<u8, log::Told> {
    let language = console.language;
    let condition = log::condition(Field::Event, &format!("{PREFIX}*"), language)?;
    let limit = matches.get_one::<u32>("limit").map_or(1, |limit| *limit as usize);
    let span = log::span(matches, clock::now(), language)?;
    let query = Query { span, fields: vec![condition], limit };
    let store = log::open(matches, language)?;
    let records = store.search(&query).map_err(|cause| cause.to_string())?;
    log::tell_waiting(matches, &store, console);
    if records.is_empty() {
        console.complain(
            console.say(Text {
                ja: "その期間の警報はありません",
                en: "there is no alert in that time",
            }),
        );
    }
    for record in &records {
        if matches.get_flag("json") {
            console.line(&record.body);
            continue;
        }
        let line = record.line();
        let Some(alert) = Alert::of(&line) else { continue };
        let text = escape(alert.text(language).as_bytes());
        let (time, severity) = (Timestamp::told(&cell(&line, "time")), alert.severity.id());
        console.line(format!("{time}  {severity:<7}  {}  {text}", alert.kind.id()));
    }
    Ok(DONE)
}
