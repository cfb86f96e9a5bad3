//! `sekisho log verify`: whether the evidence, or what was exported of it, is as it was recorded.

use std::path::PathBuf;

use clap::ArgMatches;
use serde_json::{Value, json};

use super::arguments::shown;
use super::log::{Told, open, segment};
use super::{Console, DONE, WRONG, site};
use crate::record::{Broken, Head, Store as _, Verifier};
use crate::shell::evidence::{EVIDENCE_FILE, PUBLIC_FILE, public_key, waiting};
use crate::shell::log::Event;
use crate::vocabulary::{Language, Text, hex};

pub(super) fn verify(matches: &ArgMatches, console: &mut Console) -> Result<u8, Told> {
    let language = console.language;
    let paths: Vec<&PathBuf> = matches.get_many("file").into_iter().flatten().collect();
    let key_file = matches.get_one::<PathBuf>("key").cloned();
    let key_file = key_file.unwrap_or_else(|| site::path(matches, "state").join(PUBLIC_FILE));
    let key = public_key(&key_file).map_err(|failure| failure.message(language))?;
    let mut result = Vec::new();
    if paths.is_empty() {
        let (broken, records, store) = verify_store(matches, &key, language)?;
        let texts: Vec<String> = broken.iter().map(|each| each.text(language)).collect();
        result.push((EVIDENCE_FILE.to_owned(), texts, records, Some(store)));
    }
    for path in paths {
        let (texts, records) = match segment(path, language) {
            Ok(segment) if segment.key == key => (Vec::new(), segment.records.len() as u64),
            Ok(_) => {
                let text = Text {
                    ja: "別の鍵で署名されています({key} と比べました)",
                    en: "signed by another key than {key}",
                };
                (vec![text.fill(language, &[("key", shown(&key_file))])], 0)
            }
            Err(told) => (vec![told], 0),
        };
        result.push((shown(path), texts, records, None));
    }
    let sound = result.iter().all(|(_, texts, ..)| texts.is_empty());
    if matches.get_flag("json") {
        let one = |(name, texts, records, store): &(String, Vec<String>, u64, Option<Whole>)| {
            json!({
                "name": name,
                "sound": texts.is_empty(),
                "records": records,
                "broken": texts,
                "sequence": store.map(|store| store.head.sequence),
                "head": store.map(|store| hex(&store.head.hash)),
                "never_recorded": store.map(|store| store.missed),
                "waiting": store.map(|store| store.waiting),
            })
        };
        let all: Vec<Value> = result.iter().map(one).collect();
        console.json(&json!({ "sound": sound, "verified": all }));
        return Ok(if sound { DONE } else { WRONG });
    }
    for (name, texts, records, store) in result {
        for text in &texts {
            console.line(format!("{name}: {text}"));
        }
        if texts.is_empty() {
            let text = Text {
                ja: "{name}: 記録 {records} 件に変更・欠落・入れ替えはありません {head}",
                en: "{name}: {records} records, nothing changed, missing or reordered {head}",
            };
            let head = store.map(|store| store.head);
            let head = head.map(|head| format!("({} {})", head.sequence, hex(&head.hash)));
            let facts = [
                ("name", name),
                ("records", records.to_string()),
                ("head", head.unwrap_or_default()),
            ];
            console.line(text.fill(language, &facts).trim_end());
        }
        if let Some(store) = store.filter(|store| store.waiting > 0) {
            let text = Text {
                ja: "このほかに {count} 件がスプールで保存を待っています。サービスが保存してから確かめてください",
                en: "besides, {count} records wait on the spool; verify again once the service has stored them",
            };
            console.line(text.fill(language, &[("count", store.waiting.to_string())]));
        }
        if let Some(store) = store.filter(|store| store.missed > 0) {
            let text = Text {
                ja: "このほかに、記録できずに失われたものが {count} 件あると記録されています: sekisho log search --event {event}",
                en: "besides, the record says that {count} were lost before they could be recorded: sekisho log search --event {event}",
            };
            let facts = [("count", store.missed.to_string()), ("event", GAP.to_owned())];
            console.line(text.fill(language, &facts));
        }
    }
    Ok(if sound { DONE } else { WRONG })
}

/// The event that says how many lines were lost before they were recorded.
const GAP: &str = Event::EvidenceGap.id();

/// What a whole store says beside its records.
#[derive(Clone, Copy)]
struct Whole {
    head: Head,
    /// Lines that it says were lost before they were recorded.
    missed: u64,
    /// Lines on the spool that it has not taken yet.
    waiting: u64,
}

fn verify_store(
    matches: &ArgMatches,
    key: &[u8],
    language: Language,
) -> Result<(Vec<Broken>, u64, Whole), String> {
    let store = open(matches, language)?;
    let failed = |cause: rusqlite::Error| cause.to_string();
    let origin = store.origin().map_err(failed)?;
    let mut verifier = Verifier::new(origin, store.seals().map_err(failed)?, key);
    let mut whole = Whole { head: origin, missed: 0, waiting: 0 };
    let walked = store.walk(origin.sequence + 1, &mut |sequence, hash, body| {
        verifier.record(sequence, hash, body);
        whole.head = Head { sequence, hash: *hash };
        whole.missed += missed(body);
        true
    });
    walked.map_err(failed)?;
    // OK because who may not read the spool is told of the store alone.
    whole.waiting = waiting(&site::path(matches, "state"), &store).unwrap_or_default();
    let (broken, records) = verifier.finish(None);
    Ok((broken, records, whole))
}

/// How many lines a record says were lost.
fn missed(body: &[u8]) -> u64 {
    if !body.windows(GAP.len()).any(|part| part == GAP.as_bytes()) {
        return 0;
    }
    let line: Value = serde_json::from_slice(body).unwrap_or_default();
    let word = |name: &str| line.get(name).and_then(Value::as_str);
    let count = word("count").filter(|_| word("event") == Some(GAP));
    count.and_then(|count| count.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_counted_where_the_record_is_about_them() {
        let line =
            |event: &str, count: Value| json!({ "event": event, "count": count }).to_string();
        for (line, lost) in [
            (line(GAP, json!("12")), 12),
            (line(GAP, json!("many")), 0),
            (line(GAP, json!(12)), 0),
            (line("OPS-note", json!(GAP)), 0),
            (GAP.to_owned(), 0),
        ] {
            assert_eq!(missed(line.as_bytes()), lost, "{line}");
        }
    }
}
