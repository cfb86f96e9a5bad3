//! `sekisho incident`: opened, noted and closed over the control socket, so that each step is
//! evidence; listed, shown and bundled from the evidence itself, beside a service or without one.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command, value_parser};
use serde_json::{Value, json};

use super::arguments::Words;
use super::log::open;
use super::operate::{ask, shown};
use super::{Console, DONE, WRONG, WRONG_USE, incident_bundle, site};
use crate::record::{Incident, IncidentStep, Incidents, Span, StepKind, cited_text};
use crate::shell::control::{Basis, Command as Ask};
use crate::shell::{Failure, FailureKind};
use crate::vocabulary::{Language, Text, Timestamp, escape};

pub(super) fn define(language: Language) -> Command {
    let words = Words(language);
    let asked = |command: Command| site::with_json(site::with_state(command, words), words);
    let id =
        || {
            Arg::new("incident").value_name("ID").required(true).help(words.say(
                "インシデントの番号(例 INC-20261124-1)",
                "the incident, such as INC-20261124-1",
            ))
        };
    let reason = |required| {
        words
            .text("reason", "TEXT", "根拠(記録に残る)", "on which ground, for the record")
            .required(required)
    };
    let basis = |command: Command| {
        command
            .arg(words.text(
                "by",
                "NAME",
                "判断した人(入力する人と違うとき)",
                "who decided it, where that is not who enters it",
            ))
            .arg(words.text(
                "evidence",
                "N,N-N",
                "根拠となる証跡の番号(log search の seq、例 12,15-17)",
                "records it rests on, by the seq of log search: 12,15-17",
            ))
    };
    let open = words
        .verb("open", "インシデントを開始する", "open an incident")
        .arg(words.text("title", "TEXT", "件名", "what it is called").required(true))
        .arg(reason(true))
        .arg(words.text(
            "detected",
            "WHEN",
            "発見の日時(省略すると今)",
            "when it was detected; now when absent",
        ));
    let kind = words
        .text(
            "kind",
            "KIND",
            "note(経過、既定)、decision(判断)、action(処置)、corrective(是正措置)",
            "note (default), decision, action or corrective",
        )
        .value_parser(["note", "decision", "action", "corrective"])
        .default_value("note")
        .hide_default_value(true)
        .hide_possible_values(true);
    let note = words
        .verb("note", "経過・判断・処置・是正措置を記録する", "record a step")
        .arg(id())
        .arg(words.text("text", "TEXT", "内容", "what happened or was done").required(true))
        .arg(kind)
        .arg(reason(false));
    let close = words
        .verb("close", "インシデントを終了する", "close an incident")
        .arg(id())
        .arg(reason(true));
    let list = Command::new("list")
        .about(words.say("インシデントの一覧", "every incident"))
        .arg(words.flag("open", "終了していないものだけ", "only those not closed"));
    let show = words.verb("show", "一件の経過", "one incident, step by step").arg(id());
    let bundle = words
        .verb(
            "bundle",
            "CSIRT に渡す一式(経過、証跡、封印、公開鍵)を書き出す",
            "write what the CSIRT needs: history, records, seals, public key",
        )
        .arg(id())
        .arg(words.path("out", "DIR", "書き出し先(新規)", "this new directory").required(true));
    let verify = words
        .verb("verify", "受け取った一式を確かめる", "check a bundle")
        .arg(
            Arg::new("bundle")
                .value_name("DIR")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help(words.say("bundle の書き出し先", "what bundle wrote")),
        )
        .arg(words.path(
            "key",
            "FILE",
            "別に受け取った公開鍵[既定: 一式の evidence.pub]",
            "public key received another way [default: evidence.pub of the bundle]",
        ));
    words
        .group(
            "incident",
            "インシデントの記録と CSIRT への引き渡し",
            "record incidents, and hand them to the CSIRT",
        )
        .subcommands([basis(open), basis(note), basis(close)].map(asked))
        .subcommands([list, show].map(asked))
        .subcommand(site::with_state(bundle, words))
        .subcommand(verify)
}

pub(super) fn run(matches: &ArgMatches, console: &mut Console) -> u8 {
    let Some((kind, inner)) = matches.subcommand() else { return WRONG_USE };
    let text = |name: &str| inner.get_one::<String>(name).cloned();
    let incident = || text("incident").unwrap_or_default();
    let basis = || Basis {
        ground: text("reason").unwrap_or_default(),
        decided_by: text("by").unwrap_or_default(),
        evidence: text("evidence").unwrap_or_default(),
    };
    let done = match kind {
        "open" => {
            let (title, detected) = (text("title").unwrap_or_default(), text("detected"));
            let command = Ask::IncidentOpen { title, detected, basis: basis() };
            Ok(ask(inner, console, command, |console, result| {
                told(
                    console,
                    result,
                    Text {
                        ja: "インシデント {incident} を開始しました",
                        en: "opened incident {incident}",
                    },
                );
            }))
        }
        "note" => {
            let (kind, text) = (text("kind").unwrap_or_default(), text("text").unwrap_or_default());
            let command = Ask::IncidentNote { incident: incident(), kind, text, basis: basis() };
            Ok(ask(inner, console, command, |console, result| {
                told(
                    console,
                    result,
                    Text {
                        ja: "インシデント {incident} に記録しました",
                        en: "noted in incident {incident}",
                    },
                );
            }))
        }
        "close" => {
            let command = Ask::IncidentClose { incident: incident(), basis: basis() };
            Ok(ask(inner, console, command, |console, result| {
                told(
                    console,
                    result,
                    Text {
                        ja: "インシデント {incident} を終了しました",
                        en: "closed incident {incident}",
                    },
                );
            }))
        }
        "list" => list(inner, console),
        "show" => show(inner, &incident(), console),
        "bundle" => incident_bundle::write(inner, &incident(), console),
        _ => incident_bundle::verify(inner, console),
    };
    done.unwrap_or_else(|told| {
        console.complain(told);
        WRONG
    })
}

fn told(console: &mut Console, result: &Value, text: Text) {
    console.line(text.fill(console.language, &[("incident", shown(&result["incident"]))]));
}

fn read(matches: &ArgMatches, language: Language) -> Result<Incidents, String> {
    let store = open(matches, language)?;
    Incidents::read(&store, Span::ALL, u64::MAX).map_err(|cause| cause.to_string())
}

/// The incident of that id.
pub(super) fn find<'a>(
    incidents: &'a Incidents,
    id: &str,
    language: Language,
) -> Result<&'a Incident, String> {
    incidents.find(id).ok_or_else(|| {
        let id = escape(id.trim().as_bytes());
        Failure::new(FailureKind::IncidentUnknown).fact("incident", id).message(language)
    })
}

fn list(matches: &ArgMatches, console: &mut Console) -> Result<u8, String> {
    let incidents = read(matches, console.language)?;
    let only_open = matches.get_flag("open");
    let wanted = incidents.iter().filter(|incident| !only_open || incident.closed().is_none());
    if matches.get_flag("json") {
        console.json(&wanted.map(incident_json).collect());
        return Ok(DONE);
    }
    let wanted: Vec<_> = wanted.collect();
    if wanted.is_empty() {
        console.complain(console.say(Text {
            ja: "該当するインシデントはありません",
            en: "no such incident is on record",
        }));
    }
    for incident in wanted {
        let line = head_line(incident, console.language);
        console.line(line);
    }
    Ok(DONE)
}

fn show(matches: &ArgMatches, id: &str, console: &mut Console) -> Result<u8, String> {
    let language = console.language;
    let incidents = read(matches, language)?;
    let incident = find(&incidents, id, language)?;
    if matches.get_flag("json") {
        console.json(&incident_json(incident));
    } else {
        console.part(history(incident, language));
    }
    Ok(DONE)
}

fn head_line(incident: &Incident, language: Language) -> String {
    let text = Text {
        ja: "{incident}  発見 {detected}  終了 {closed}  {title}",
        en: "{incident}  detected {detected}  closed {closed}  {title}",
    };
    let closed = incident.closed().map_or("-".to_owned(), Timestamp::local);
    let facts = [
        ("incident", incident.id.clone()),
        ("detected", incident.detected.local()),
        ("closed", closed),
        ("title", escape(incident.title.as_bytes())),
    ];
    text.fill(language, &facts)
}

/// An incident as people read it: a line, and one for each step.
pub(super) fn history(incident: &Incident, language: Language) -> String {
    let mut all = head_line(incident, language);
    all.push('\n');
    for step in &incident.steps {
        all.push_str(&step_line(step, language));
        all.push('\n');
    }
    all
}

fn step_line(step: &IncidentStep, language: Language) -> String {
    let kind = match step.kind {
        StepKind::Note => step.event.text(),
        StepKind::Decision | StepKind::Action | StepKind::Corrective => step.kind.text(),
    };
    let clean = |text: &str| escape(text.as_bytes());
    let mut line = format!("  {}  {}  {}", step.time.local(), kind.get(language), clean(&step.by));
    let mut part = |text: Text, value: &str| {
        if !value.is_empty() {
            line.push_str(&text.fill(language, &[("value", clean(value))]));
        }
    };
    part(Text { ja: "(判断: {value})", en: " (decided by {value})" }, &step.decided_by);
    part(Text { ja: "  {value}", en: "  {value}" }, &step.text);
    part(Text { ja: "  根拠: {value}", en: "  ground: {value}" }, &step.ground);
    let cited = cited_text(&step.evidence);
    part(Text { ja: "  証跡: {value}", en: "  evidence: {value}" }, &cited);
    let own = step.sequence.to_string();
    part(Text { ja: "  [記録 {value}]", en: "  [record {value}]" }, &own);
    line
}

/// An incident for machines.
pub(super) fn incident_json(incident: &Incident) -> Value {
    let step = |step: &IncidentStep| {
        json!({
            "seq": step.sequence,
            "time": step.time.rfc3339(),
            "event": step.event.id(),
            "kind": step.kind.id(),
            "by": step.by,
            "decided_by": step.decided_by,
            "text": step.text,
            "ground": step.ground,
            "evidence": step.evidence,
        })
    };
    json!({
        "incident": incident.id,
        "title": incident.title,
        "detected": incident.detected.rfc3339(),
        "opened": incident.opened().rfc3339(),
        "acted": incident.acted().map(Timestamp::rfc3339),
        "closed": incident.closed().map(Timestamp::rfc3339),
        "steps": incident.steps.iter().map(step).collect::<Vec<_>>(),
    })
}
