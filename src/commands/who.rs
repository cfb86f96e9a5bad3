//! `sekisho who`: where a device, person or port is now, and was.

use std::collections::BTreeSet;

use clap::{ArgGroup, ArgMatches, Command};
use serde_json::{Value, json};

use super::arguments::Words;
use super::log::{
    Told, condition, open, port, port_conditions, span, tell_unknown, tell_waiting, with_span,
};
use super::{Console, DONE, WRONG, site};
use crate::record::{
    Field, Line, Pattern, Query, Session, Store as _, cell, is_decision, session_json,
};
use crate::shell::clock;
use crate::shell::evidence::Sqlite;
use crate::vocabulary::{Language, Text, Timestamp, escape};

/// Sessions shown at most.
const SESSIONS_MAX: usize = 200;
/// Decisions looked through for the addresses of a person.
const DECISIONS_MAX: usize = 1000;

/// Option, field, value name, help.
const SUBJECTS: &[(&str, Field, &str, Text)] = &[
    ("mac", Field::Mac, "MAC", Text { ja: "MAC アドレス", en: "MAC address" }),
    ("ip", Field::Address, "IP", Text { ja: "IP アドレス", en: "IP address" }),
    ("asset", Field::Asset, "ASSET", Text { ja: "資産番号", en: "asset number" }),
    ("host", Field::Host, "NAME", Text { ja: "コンピューター名", en: "computer name" }),
    ("person", Field::Identity, "NAME", Text { ja: "証明書の名前", en: "name in the certificate" }),
    ("section", Field::Section, "NAME", Text { ja: "所属", en: "section" }),
];

pub(super) fn define(language: Language) -> Command {
    let words = Words(language);
    let mut command = words.verb(
        "who",
        "端末・人・ポートの今の接続と最後の判定を示す(--history で過去も)",
        "where a device, person or port is now and what was last decided; --history for the past",
    );
    for (name, _, value, help) in SUBJECTS {
        command = command.arg(words.text(name, value, help.ja, help.en));
    }
    let names: Vec<&str> = SUBJECTS.iter().map(|(name, ..)| *name).chain(["port"]).collect();
    let command = command
        .arg(port(words))
        .group(ArgGroup::new("subject").args(names).required(true))
        .arg(words.flag("history", "終わった接続も示す", "ended sessions too"));
    site::with_json(site::with_state(with_span(command, words), words), words)
}

pub(super) fn run(matches: &ArgMatches, console: &mut Console) -> u8 {
    match who(matches, console) {
        Ok(found) => {
            if found {
                DONE
            } else {
                WRONG
            }
        }
        Err(told) => told.complain(console),
    }
}

/// What is known of a subject.
struct Known {
    sessions: Vec<Session>,
    /// The newest decision about each address, newest first.
    decisions: Vec<Line>,
}

fn who(matches: &ArgMatches, console: &mut Console) -> Result<bool, Told> {
    let language = console.language;
    let mut asked = Vec::new();
    for (name, field, ..) in SUBJECTS {
        if let Some(text) = matches.get_one::<String>(name) {
            asked.push(condition(*field, text, language)?);
        }
    }
    if let Some(text) = matches.get_one::<String>("port") {
        asked.extend(port_conditions(text, language)?);
    }
    let query =
        Query { span: span(matches, clock::now(), language)?, fields: asked, limit: DECISIONS_MAX };
    let store = open(matches, language)?;
    let mut known = known(&store, &query).map_err(|cause| cause.to_string())?;
    tell_waiting(matches, &store, console);
    if known.decisions.is_empty() && known.sessions.is_empty() {
        tell_unknown(&store, query.fields, console)?;
    }
    if !matches.get_flag("history") {
        known.sessions.retain(|session| session.end.is_none());
    }
    if matches.get_flag("json") {
        let sessions: Vec<Value> = known.sessions.iter().map(session_json).collect();
        console.json(&json!({ "sessions": sessions, "decisions": known.decisions }));
    } else {
        print(&known, console);
    }
    Ok(!known.sessions.is_empty() || !known.decisions.is_empty())
}

fn known(store: &Sqlite, query: &Query) -> rusqlite::Result<Known> {
    let mut decisions = Vec::new();
    let mut addresses = BTreeSet::new();
    for record in store.search(query)? {
        let line = record.line();
        if let Some(mac) = line.get("mac").and_then(Value::as_str)
            && is_decision(&line)
            && addresses.insert(mac.to_owned())
        {
            decisions.push(line);
        }
    }
    let own = query.fields.iter().any(|(field, _)| {
        matches!(field, Field::Mac | Field::Address | Field::Asset | Field::Place)
    });
    let mut sessions = Vec::new();
    if own {
        sessions = store.sessions(&Query { limit: SESSIONS_MAX, ..query.clone() })?;
    } else {
        // A person or section is known by the addresses that were decided about.
        for mac in &addresses {
            let Ok(pattern) = Pattern::new(Field::Mac, mac) else { continue };
            let fields = vec![(Field::Mac, pattern)];
            let query = Query { span: query.span, fields, limit: SESSIONS_MAX };
            sessions.extend(store.sessions(&query)?);
            if sessions.len() >= SESSIONS_MAX {
                break;
            }
        }
    }
    Ok(Known { sessions, decisions })
}

fn print(known: &Known, console: &mut Console) {
    let language = console.language;
    for session in &known.sessions {
        console.line(session_line(session, language));
    }
    if known.sessions.is_empty() {
        console.line(console.say(Text {
            ja: "開いている接続の記録はありません。",
            en: "no open session is on record",
        }));
    }
    for line in &known.decisions {
        let text = Text {
            ja: "最後の判定 {time}: {mac} {asset} {place} → {outcome} {environment} {text}",
            en: "last decision {time}: {mac} {asset} at {place} → {outcome} {environment} {text}",
        };
        let mut facts = vec![("time", Timestamp::told(&cell(line, "time")))];
        for key in ["mac", "asset", "place", "outcome", "environment", "text"] {
            facts.push((key, escape(cell(line, key).as_bytes())));
        }
        console.line(text.fill(language, &facts));
    }
}

fn session_line(session: &Session, language: Language) -> String {
    let text = Text {
        ja: "{mac} {asset} {place} 環境 {environment} VLAN {vlan} IP {address} {start} から{end}",
        en: "{mac} {asset} at {place} environment {environment} VLAN {vlan} IP {address} since {start}{end}",
    };
    let end = session.end.as_ref().map(|end| {
        let until = if end.cause.is_empty() {
            Text { ja: " {time} まで", en: " until {time}" }
        } else {
            Text { ja: " {time} まで({cause})", en: " until {time} ({cause})" }
        };
        until.fill(language, &[("time", end.time.local()), ("cause", end.cause.clone())])
    });
    let or = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let facts = [
        ("mac", or(session.mac.map(|mac| mac.to_string()))),
        ("asset", or(session.asset.clone())),
        ("place", session.place.clone()),
        ("environment", or(session.environment.clone())),
        ("vlan", or(session.vlan.map(|vlan| vlan.to_string()))),
        ("address", or(session.address.map(|address| address.to_string()))),
        ("start", session.start.local()),
        ("end", end.unwrap_or_default()),
    ];
    text.fill(language, &facts)
}
