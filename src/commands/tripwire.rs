//! `sekisho tripwire`: labels that only the city's PCs know, and the responder that hears of them.

use std::path::Path;

use clap::{Arg, ArgGroup, ArgMatches, Command};
use serde_json::{Value, json};

use super::arguments::{Words, shown};
use super::{Console, DONE, WRONG, WRONG_USE};
use super::{operate, sensor, site};
use crate::plan::{Plan, TRIPWIRE_KEY, TRIPWIRE_KEY_OCTETS, Tripwire};
use crate::shell::control::Command as Ask;
use crate::shell::files::{self, FileError};
use crate::shell::tripwire::{self as responder, Running};
use crate::shell::{Failure, FailureKind, clock, random};
use crate::tripwire::{
    Epoch, Export, LabelKey, Labelled, autoconfiguration, inside, labels, outside, start_page,
};
use crate::vocabulary::{Language, Secret, Text, Timestamp};

pub(super) fn define(language: Language) -> Command {
    let words = Words(language);
    let group = words.group(
        "tripwire",
        "庁外への道をもつ PC を、その PC だけが知る名前で見つける",
        "find PCs with a way out of their own by names that only they know",
    );
    group.subcommands(inward(words)).subcommands(outward(words))
}

/// What is done beside the service.
fn inward(words: Words) -> [Command; 6] {
    let key = words.verb(
        "key",
        "ラベルの元になる鍵 secrets/tripwire/key を作る(上書きはしない)",
        "make secrets/tripwire/key, which labels are derived from (never overwritten)",
    );
    let all = words.verb(
        "labels",
        "端末ごとのラベルを CSV で示す(秘密として扱う)",
        "show the label of each device as CSV (to be kept secret)",
    );
    let zone = words
        .verb("zone", "ゾーンファイルを BIND の書式で示す", "show the zone as a file for BIND")
        .arg(words.flag(
            "inside",
            "庁内の DNS 用(ラベルを含む)",
            "for the inside DNS, labels included",
        ))
        .arg(words.flag(
            "outside",
            "公開側(ラベルを含まない)",
            "as the public side shows it, without any label",
        ))
        .group(ArgGroup::new("side").args(["inside", "outside"]).required(true));
    let page = words
        .verb(
            "page",
            "端末ごとのスタートページと PAC ファイルをディレクトリに書く",
            "write a start page and a PAC file for each device into a directory",
        )
        .arg(output("DIR", words));
    let export = words
        .verb(
            "export",
            "DMZ の応答サーバーに渡すファイル(ラベルのハッシュ)を書く",
            "write the file for the responder in the DMZ, which holds hashes of labels",
        )
        .arg(output("FILE", words));
    let with = |command, state: bool| {
        let command = site::with_secrets(site::with_files(command, words), words);
        if state { site::with_json(command, words) } else { command }
    };
    let every = |command: Command| command.arg_required_else_help(false);
    [
        every(site::with_secrets(key, words)),
        every(with(all, true)),
        with(zone, false),
        with(page, false),
        with(export, false),
        revoke(words),
    ]
}

fn revoke(words: Words) -> Command {
    let asset = Arg::new("asset")
        .value_name("ASSET")
        .required(true)
        .help(words.say("資産番号", "an asset number"));
    let reason = words.text("reason", "TEXT", "理由(記録に残る)", "why, for the record");
    let revoke = words
        .verb(
            "revoke",
            "漏れたラベルを、次に替わるまで取り消す(判定しない)",
            "take a leaked label back until labels change: it raises no verdict",
        )
        .args([asset, reason.required(true)]);
    site::with_json(site::with_state(revoke, words), words)
}

/// What is done at the public side, or asks who runs.
fn outward(words: Words) -> [Command; 3] {
    let file = words.path(
        "export",
        "FILE",
        "sekisho tripwire export が書いたファイル(SIGHUP で読み直す)",
        "file that `sekisho tripwire export` wrote (SIGHUP reads it anew)",
    );
    let run = words
        .verb(
            "run",
            "公開側で応答し、反応をサーバーに報告する(SIGTERM で停止)",
            "answer at the public side and report hits to the service (SIGTERM stops)",
        )
        .arg(file.required(true));
    let run = site::with_state(sensor::with_credentials(run, words), words);
    let status = Command::new("status")
        .about(words.say("この応答サーバーの状態を示す", "show what the responder here is doing"));
    let revoked = Command::new("revoked")
        .about(words.say("取り消したラベルの一覧", "show the labels that were taken back"));
    let asking = |command| site::with_json(site::with_state(command, words), words);
    [run, asking(status), asking(revoked)]
}

fn output(value: &'static str, words: Words) -> Arg {
    words.path("output", value, "書き出す先", "where to write").required(true)
}

pub(super) fn run(matches: &ArgMatches, console: &mut Console) -> u8 {
    match matches.subcommand() {
        Some(("key", inner)) => key(inner, console),
        Some(("labels", inner)) => concluded(list(inner, console)),
        Some(("zone", inner)) => concluded(zone(inner, console)),
        Some(("page", inner)) => concluded(page(inner, console)),
        Some(("export", inner)) => concluded(export(inner, console)),
        Some(("revoke", inner)) => take_back(inner, console),
        Some(("run", inner)) => answer(inner, console),
        Some(("status", inner)) => status(inner, console),
        Some(("revoked", inner)) => revoked(inner, console),
        _ => WRONG_USE,
    }
}

fn concluded(done: Result<(), u8>) -> u8 {
    done.map_or_else(|code| code, |()| DONE)
}

fn complain(failure: &Failure, console: &mut Console) -> u8 {
    console.complain(failure.message(console.language));
    WRONG
}

fn unwritten(error: &FileError, console: &mut Console) -> u8 {
    console.complain(error.text(console.language));
    WRONG
}

fn key(matches: &ArgMatches, console: &mut Console) -> u8 {
    let secrets = site::path(matches, "secrets");
    if !secrets.is_dir() {
        let failure = Failure::new(FailureKind::DirectoryAbsent).fact("path", shown(&secrets));
        return complain(&failure, console);
    }
    let path = secrets.join(TRIPWIRE_KEY);
    let octets = match random::seed() {
        Ok(octets) => octets,
        Err(failure) => return complain(&failure, console),
    };
    let made = match path.parent() {
        Some(directory) => files::make_secret_directory(directory),
        None => Ok(()),
    };
    if let Err(error) = made.and_then(|()| files::write_secret(&path, &octets)) {
        return unwritten(&error, console);
    }
    let text = Text {
        ja: "{path} を作りました。`sekisho reload` で有効になります",
        en: "wrote {path}; `sekisho reload` puts it into force",
    };
    console.line(text.fill(console.language, &[("path", shown(&path))]));
    DONE
}

/// What labels are made of.
struct Site {
    plan: Plan,
    wire: Tripwire,
    key: LabelKey,
    now: Timestamp,
}

impl Site {
    fn read(matches: &ArgMatches, console: &mut Console) -> Result<Self, u8> {
        let directories = site::directories(matches);
        let plan = site::compile(&directories, console)?;
        let Some(wire) = plan.tripwire().cloned() else {
            return Err(complain(&Failure::new(FailureKind::TripwireAbsent), console));
        };
        let path = directories.secrets.join(TRIPWIRE_KEY);
        let octets = files::read(&path).map_err(|error| unwritten(&error, console))?;
        let Some(key) = LabelKey::new(&Secret::new(octets)) else {
            let failure = Failure::new(FailureKind::TripwireKeyWrong).fact("path", shown(&path));
            return Err(complain(&failure.fact("want", TRIPWIRE_KEY_OCTETS), console));
        };
        Ok(Self { plan, wire, key, now: clock::now() })
    }

    fn epoch(&self) -> Epoch {
        Epoch::at(self.now, self.wire.rotation)
    }

    fn labels(&self) -> Vec<Labelled> {
        labels(&self.plan, &self.wire, &self.key, self.epoch())
    }

    /// When these labels are followed by others.
    fn until(&self) -> String {
        self.epoch().ends(self.wire.rotation).rfc3339()
    }
}

fn list(matches: &ArgMatches, console: &mut Console) -> Result<(), u8> {
    let site = Site::read(matches, console)?;
    let (until, zone) = (site.until(), &site.wire.zone);
    if matches.get_flag("json") {
        let one = |it: &Labelled| {
            let name = format!("{}.{zone}", it.label);
            json!({ "asset": it.asset, "computer": it.computer, "label": it.label, "name": name, "until": until })
        };
        let all: Value = site.labels().iter().map(one).collect();
        console.json(&all);
        return Ok(());
    }
    let mut table = csv::Writer::from_writer(Vec::new());
    // OK because a Vec takes every write, here and below.
    let _ = table.write_record(["asset", "computer", "label", "name", "until"]);
    for Labelled { asset, computer, label, .. } in site.labels() {
        let name = format!("{label}.{zone}");
        let _ = table.write_record([&asset, &computer, &label, &name, &until]);
    }
    console.octets(&table.into_inner().unwrap_or_default());
    Ok(())
}

fn zone(matches: &ArgMatches, console: &mut Console) -> Result<(), u8> {
    let site = Site::read(matches, console)?;
    let text = if matches.get_flag("inside") {
        inside(&site.plan, &site.wire, &site.key, site.now)
    } else {
        outside(&site.wire, site.now)
    };
    console.octets(text.as_bytes());
    Ok(())
}

/// Asset numbers are checked by the inventory; what a file's name cannot hold is written as `_`.
fn file_name(labelled: &Labelled) -> String {
    let plain = |it: char| if it.is_alphanumeric() || "-_".contains(it) { it } else { '_' };
    labelled.asset.chars().map(plain).collect()
}

fn page(matches: &ArgMatches, console: &mut Console) -> Result<(), u8> {
    let site = Site::read(matches, console)?;
    let directory = site::path(matches, "output");
    let written = || -> Result<usize, FileError> {
        files::make_directory(&directory, files::PRIVATE_DIRECTORY)?;
        let all = site.labels();
        for labelled in &all {
            let (zone, name) = (&site.wire.zone, file_name(labelled));
            let write = |ending: &str, text: String| {
                let path = directory.join(format!("{name}.{ending}"));
                files::write_private(&path, text.as_bytes(), files::PRIVATE_FILE)
            };
            write("html", start_page(zone, &labelled.label))?;
            write("pac", autoconfiguration(zone, &labelled.label))?;
        }
        Ok(all.len())
    };
    let count = written().map_err(|error| unwritten(&error, console))?;
    let text = Text {
        ja: "{count} 台分を {path} に書きました({until} に替わります)。各 PC には自分のものだけを渡してください",
        en: "wrote those of {count} devices into {path} (others follow at {until}); give each PC its own and no other",
    };
    let facts = [
        ("count", count.to_string()),
        ("path", shown(&directory)),
        ("until", Timestamp::told(&site.until())),
    ];
    console.line(text.fill(console.language, &facts));
    Ok(())
}

fn export(matches: &ArgMatches, console: &mut Console) -> Result<(), u8> {
    let site = Site::read(matches, console)?;
    let path = site::path(matches, "output");
    let export = Export::new(&site.plan, &site.wire, &site.key, site.now);
    let octets = serde_json::to_vec_pretty(&export).unwrap_or_default();
    files::write_private(&path, &octets, files::PRIVATE_FILE)
        .map_err(|error| unwritten(&error, console))?;
    let text = Text {
        ja: "ハッシュ {count} 件を {path} に書きました。{until} を過ぎたら作り直し、応答サーバーに送って SIGHUP してください",
        en: "wrote {count} hashes to {path}; make it anew after {until}, send it to the responder and SIGHUP that",
    };
    let facts = [
        ("count", export.hashes.len().to_string()),
        ("path", shown(&path)),
        ("until", Timestamp::told(&site.until())),
    ];
    console.line(text.fill(console.language, &facts));
    Ok(())
}

fn take_back(matches: &ArgMatches, console: &mut Console) -> u8 {
    let text = |id: &str| matches.get_one::<String>(id).cloned().unwrap_or_default();
    let ask = Ask::TripwireRevoke { asset: text("asset"), reason: text("reason") };
    operate::ask(matches, console, ask, |console, result| {
        let text = Text {
            ja: "{asset} のラベルを {until} まで取り消しました",
            en: "revoked the label of {asset} until {until}",
        };
        let facts = ["asset", "until"].map(|key| (key, operate::shown(&result[key])));
        console.line(text.fill(console.language, &facts));
    })
}

fn revoked(matches: &ArgMatches, console: &mut Console) -> u8 {
    operate::ask(matches, console, Ask::TripwireRevoked, |console, result| {
        let list = result.as_array().map(Vec::as_slice).unwrap_or_default();
        if list.is_empty() {
            let none = Text {
                ja: "取り消したラベルはありません", en: "no label was revoked"
            };
            console.line(none.get(console.language));
        }
        for row in list {
            let text = Text {
                ja: "{asset}: {at} に {by} が取り消し、{until} に新しいラベル: {reason}",
                en: "{asset}: revoked at {at} by {by}, a new label from {until}: {reason}",
            };
            let keys = ["asset", "at", "by", "until", "reason"];
            let facts = keys.map(|key| (key, operate::shown(&row[key])));
            console.line(text.fill(console.language, &facts));
        }
    })
}

fn answer(matches: &ArgMatches, console: &mut Console) -> u8 {
    let language = console.language;
    let started = start(&site::path(matches, "export"), matches, language);
    match started {
        Ok(running) => {
            running.run();
            DONE
        }
        Err(complaint) => {
            console.complain(complaint);
            WRONG
        }
    }
}

fn start(export: &Path, matches: &ArgMatches, language: Language) -> Result<Running, String> {
    let told = |failure: Failure| failure.message(language);
    let (read, _) = responder::read(export).map_err(told)?;
    let tls = read.report().is_some_and(|to| to.tls);
    let credentials = sensor::credentials(matches, tls, language)?;
    let state = site::path(matches, "state");
    files::make_directory(&state, files::PRIVATE_DIRECTORY).map_err(|it| it.text(language))?;
    let output = std::io::stdout();
    let running = Running::start(export, credentials, &state, language, output).map_err(told)?;
    running.obey_signals().map_err(told)?;
    Ok(running)
}

fn status(matches: &ArgMatches, console: &mut Console) -> u8 {
    operate::ask_status_of("sekisho tripwire run", "zone", matches, console, |console, result| {
        let fact = |key: &'static str| (key, operate::shown(&result[key]));
        let keys = ["zone", "since", "labels", "queries", "requests", "named", "misses"];
        let facts: Vec<_> = keys.into_iter().map(fact).collect();
        let text = Text {
            ja: "ゾーン {zone}({since} から): ラベル {labels} 件、問い合わせ {queries}、HTTP {requests}、反応 {named}、名前なし {misses}",
            en: "zone {zone} since {since}: {labels} labels, queries: {queries}, HTTP requests: {requests}, hits: {named}, no such name: {misses}",
        };
        console.line(text.fill(console.language, &facts));
        let keys =
            ["refused", "malformed", "ignored", "limited", "acknowledged", "waiting", "lost"];
        let facts: Vec<_> = keys.into_iter().map(fact).collect();
        let text = Text {
            ja: "拒否 {refused}、読めない {malformed}、無視 {ignored}、制限 {limited}。報告: 送信済み {acknowledged}、未送信 {waiting}、欠落 {lost}",
            en: "refused: {refused}, unreadable: {malformed}, ignored: {ignored}, limited: {limited}; hits acknowledged: {acknowledged}, waiting: {waiting}, lost: {lost}",
        };
        console.line(text.fill(console.language, &facts));
        sensor::line_away(console, result);
    })
}
