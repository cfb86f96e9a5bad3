//! What the CSIRT is handed: an incident's history, the records it rests on, and with them whole
//! sealed days, since only a whole day can be proven against its signed seal. `verify` needs
//! nothing of the node that wrote it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::ArgMatches;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::arguments::shown;
use super::incident::{find, history, incident_json};
use super::log::open;
use super::{Console, DONE, WRONG, site};
use crate::record::{
    Digest, GENESIS, Head, Incident, Incidents, Record, Seal, SealForm, Span, Store as _,
    read_segment, write_segment,
};
use crate::shell::evidence::{PUBLIC_FILE, Sqlite, pack, public_key, read_packed};
use crate::shell::files;
use crate::shell::staged::StagedDirectory;
use crate::vocabulary::{Language, Text, hex, unhex};

const HISTORY_FILE: &str = "incident.json";
const TEXT_FILE: &str = "incident.txt";
const RECORDS_FILE: &str = "records.jsonl";
const SEALS_FILE: &str = "seals.json";
/// Records that no seal covers yet: a line that names what the first is chained to, then bodies.
const OPEN_FILE: &str = "unsealed.jsonl";
const SEGMENTS: &str = "segments";
const README: &str = include_str!("incident_bundle.txt");

#[derive(Serialize, Deserialize)]
struct Kept {
    seq: u64,
    hash: String,
    body: String,
}

#[derive(Serialize, Deserialize)]
struct OpenLine {
    /// Number of the last record before.
    sequence: u64,
    /// Its hash.
    before: String,
}

fn plain(cause: impl std::fmt::Display) -> String {
    cause.to_string()
}

pub(super) fn write(matches: &ArgMatches, id: &str, console: &mut Console) -> Result<u8, String> {
    let language = console.language;
    let store = open(matches, language)?;
    let incidents = Incidents::read(&store, Span::ALL, u64::MAX).map_err(plain)?;
    let incident = find(&incidents, id, language)?;
    let key = public_key(&site::path(matches, "state").join(PUBLIC_FILE));
    let key = key.map_err(|failure| failure.message(language))?;
    let out = site::path(matches, "out");
    let failed = |error: files::FileError| error.text(language);
    let staged = StagedDirectory::begin(&out).map_err(failed)?;
    let put = |name: &str, content: &[u8]| {
        staged.file(name, content, files::PRIVATE_FILE).map_err(failed)
    };

    let wanted = incident.sequences();
    let (mut records, mut missing) = (String::new(), Vec::new());
    for sequence in &wanted {
        match record(&store, *sequence)? {
            Some(record) => {
                let kept = Kept { seq: *sequence, hash: hex(&record.hash), body: record.body };
                records.push_str(&serde_json::to_string(&kept).map_err(plain)?);
                records.push('\n');
            }
            None => missing.push(*sequence),
        }
    }
    put(RECORDS_FILE, records.as_bytes())?;
    let seals = store.seals().map_err(plain)?;
    let covers = |seal: &&Seal| wanted.iter().any(|it| seal.first <= *it && *it <= seal.last);
    let mut told: Vec<SealForm> = seals.iter().filter(covers).map(SealForm::of).collect();
    for seal in seals.iter().filter(covers) {
        // Of expired days the seal is all there is.
        if let Some(text) = segment(&store, seal, &key)? {
            let name = format!("{SEGMENTS}/{}-{}-{}.jsonl.gz", seal.node, seal.day, seal.first);
            put(&name, &pack(&text).map_err(plain)?)?;
        }
    }
    let sealed = seals.last().map(|seal| Head { sequence: seal.last, hash: seal.head });
    let sealed = sealed.map_or_else(|| store.origin().map_err(plain), Ok)?;
    if let Some(last) = wanted.last().filter(|last| **last > sealed.sequence) {
        put(OPEN_FILE, unsealed(&store, sealed, *last)?.as_bytes())?;
        let before = seals
            .last()
            .map(SealForm::of)
            .filter(|line| told.iter().all(|it| it.last != line.last));
        told.extend(before);
    }
    put(SEALS_FILE, &serde_json::to_vec_pretty(&told).map_err(plain)?)?;
    put(PUBLIC_FILE, hex(&key).as_bytes())?;
    put(HISTORY_FILE, &serde_json::to_vec_pretty(&incident_json(incident)).map_err(plain)?)?;
    put(TEXT_FILE, in_both(incident).as_bytes())?;
    put("README.txt", README.as_bytes())?;
    staged.commit_as(files::PRIVATE_DIRECTORY).map_err(failed)?;

    let text = Text {
        ja: "{path}: 証跡 {count} 件(保存期間を過ぎて無いもの {missing} 件)。確かめるには sekisho incident verify {path}",
        en: "{path}: {count} records ({missing} no longer kept); to check it: sekisho incident verify {path}",
    };
    let facts = [
        ("path", shown(&out)),
        ("count", (wanted.len() - missing.len()).to_string()),
        ("missing", missing.len().to_string()),
    ];
    console.line(text.fill(language, &facts));
    Ok(DONE)
}

/// An incident's history for people, in both languages.
fn in_both(incident: &Incident) -> String {
    [Language::Japanese, Language::English].map(|it| history(incident, it)).join("\n")
}

fn record(store: &Sqlite, wanted: u64) -> Result<Option<Record>, String> {
    let mut found = None;
    let walked = store.walk(wanted, &mut |sequence, hash, body| {
        let body = String::from_utf8_lossy(body).into_owned();
        found = Some(Record { sequence, hash: *hash, body });
        false
    });
    walked.map_err(plain)?;
    Ok(found.filter(|record| record.sequence == wanted))
}

/// Every record of a sealed day, proven against the seal; `None` where they are no longer kept.
fn segment(store: &Sqlite, seal: &Seal, key: &[u8]) -> Result<Option<String>, String> {
    let mut bodies = Vec::new();
    let walked = store.walk(seal.first, &mut |sequence, _, body| {
        let within = sequence <= seal.last;
        if within {
            bodies.push(String::from_utf8_lossy(body).into_owned());
        }
        within
    });
    walked.map_err(plain)?;
    let text = write_segment(seal, key, bodies.iter().map(String::as_str));
    Ok(read_segment(&text).is_ok().then_some(text))
}

fn unsealed(store: &Sqlite, before: Head, last: u64) -> Result<String, String> {
    let head = OpenLine { sequence: before.sequence, before: hex(&before.hash) };
    let mut text = serde_json::to_string(&head).map_err(plain)?;
    text.push('\n');
    let walked = store.walk(before.sequence + 1, &mut |sequence, _, body| {
        if sequence <= last {
            text.push_str(&String::from_utf8_lossy(body));
            text.push('\n');
        }
        sequence < last
    });
    walked.map_err(plain).map(|()| text)
}

fn digest(text: &str) -> Option<Digest> {
    unhex(text)?.try_into().ok()
}

/// What was proven of a bundle.
struct Proven {
    records: BTreeMap<u64, (Digest, String)>,
    sealed_to: Vec<(u64, u64)>,
}

pub(super) fn verify(matches: &ArgMatches, console: &mut Console) -> Result<u8, String> {
    let language = console.language;
    let bundle = site::path(matches, "bundle");
    let key = matches.get_one::<PathBuf>("key").cloned();
    let key = public_key(&key.unwrap_or_else(|| bundle.join(PUBLIC_FILE)));
    let key = key.map_err(|failure| failure.message(language))?;
    let wrong = |what: &str| {
        let text = Text {
            ja: "{path}: {what} が封印と一致しません(書き換え・欠落・別の鍵)",
            en: "{path}: {what} does not agree with the seals: changed, missing, or another key",
        };
        text.fill(language, &[("path", shown(&bundle)), ("what", what.to_owned())])
    };
    let read = |name: &str| files::read_text(&bundle.join(name)).map_err(|it| it.text(language));
    let mut proven = Proven { records: BTreeMap::new(), sealed_to: Vec::new() };
    let seals: Vec<SealForm> =
        serde_json::from_str(&read(SEALS_FILE)?).map_err(|_| wrong(SEALS_FILE))?;
    let mut ends = vec![(0, GENESIS)];
    for line in seals {
        let name = format!("{SEGMENTS}/{}-{}-{}.jsonl.gz", line.node, line.day, line.first);
        let seal = line.seal().ok_or_else(|| wrong(SEALS_FILE))?;
        if !seal.is_signed_by(&key) {
            return Err(wrong(SEALS_FILE));
        }
        ends.push((seal.last, seal.head));
        if bundle.join(&name).exists() {
            let text = read_packed(&bundle.join(&name)).map_err(|_| wrong(&name))?;
            let segment = read_segment(&text).map_err(|_| wrong(&name))?;
            if segment.seal != seal || segment.key != key {
                return Err(wrong(&name));
            }
            proven.sealed_to.push((seal.first, seal.last));
            let records = segment.records.into_iter();
            proven.records.extend(records.map(|it| (it.sequence, (it.hash, it.body))));
        }
    }
    if bundle.join(OPEN_FILE).exists() {
        let text = read(OPEN_FILE)?;
        chain(&text, &ends, &mut proven).ok_or_else(|| wrong(OPEN_FILE))?;
    }
    let (mut sealed, mut unsealed) = (0_usize, 0_usize);
    let mut incidents = Incidents::default();
    for line in read(RECORDS_FILE)?.lines() {
        let kept: Kept = serde_json::from_str(line).map_err(|_| wrong(RECORDS_FILE))?;
        let found = proven.records.get(&kept.seq);
        if found.is_none_or(|(hash, body)| hex(hash) != kept.hash || *body != kept.body) {
            return Err(wrong(&format!("{RECORDS_FILE} {}", kept.seq)));
        }
        let within =
            proven.sealed_to.iter().any(|(first, last)| (*first..=*last).contains(&kept.seq));
        *(if within { &mut sealed } else { &mut unsealed }) += 1;
        let hash = digest(&kept.hash).unwrap_or(GENESIS);
        let record = Record { sequence: kept.seq, hash, body: kept.body };
        incidents.hear(record.sequence, &record.line());
    }
    let history: Value =
        serde_json::from_str(&read(HISTORY_FILE)?).map_err(|_| wrong(HISTORY_FILE))?;
    let told = incidents.iter().find(|incident| incident_json(incident) == history);
    let told = told.ok_or_else(|| wrong(HISTORY_FILE))?;
    if read(TEXT_FILE)? != in_both(told) {
        let text = Text {
            ja: "{path}: {what} は経過から作られるものと違います(書き換え、または別の版の sekisho が作ったもの)",
            en: "{path}: {what} is not what the history gives: changed, or made by another version of sekisho",
        };
        let facts = [("path", shown(&bundle)), ("what", TEXT_FILE.to_owned())];
        return Err(text.fill(language, &facts));
    }
    let text = Text {
        ja: "{path}: 経過と証跡は一致しています(封印済み {sealed} 件、まだ封印されていない {unsealed} 件)",
        en: "{path}: history and records agree ({sealed} records sealed, {unsealed} not sealed yet)",
    };
    let facts = [
        ("path", shown(&bundle)),
        ("sealed", sealed.to_string()),
        ("unsealed", unsealed.to_string()),
    ];
    console.line(text.fill(language, &facts));
    Ok(if sealed + unsealed > 0 { DONE } else { WRONG })
}

/// Follows the chain of records that no seal covers, from the end of one that is signed.
fn chain(text: &str, ends: &[(u64, Digest)], proven: &mut Proven) -> Option<()> {
    let mut lines = text.lines();
    let first: OpenLine = serde_json::from_str(lines.next()?).ok()?;
    let mut head = Head { sequence: first.sequence, hash: digest(&first.before)? };
    if !ends.contains(&(head.sequence, head.hash)) {
        return None;
    }
    for body in lines {
        head = head.after(body.as_bytes());
        let record = Record { sequence: head.sequence, hash: head.hash, body: body.to_owned() };
        if record.line().get("seq").and_then(Value::as_u64) != Some(head.sequence) {
            return None;
        }
        proven.records.insert(head.sequence, (head.hash, record.body));
    }
    Some(())
}
