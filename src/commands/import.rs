//! `sekisho import`: takes over device lists that people keep anyway. Without `--apply` it only
//! shows what would change. What NetBox says has a file of its own.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command, value_parser};
use serde_json::{Value, json};

use super::arguments::{Words, shown};
use super::refusal::{Refusal, conclude};
use super::{Console, DONE, WRONG, WRONG_USE, netbox, site, undo};
use crate::plan::{self, Charset, Consent, Entry, Import, Move, Obstacle};
use crate::shell::imports::{self, Replacement};
use crate::shell::service::{Directories, Material as _, findings_json};
use crate::shell::{clock, files};
use crate::vocabulary::{Language, Text, escape};

pub(super) fn define(language: Language) -> Command {
    let words = Words(language);
    let devices = words.verb(
        "devices",
        "端末一覧(CSV)を台帳 config/inventory.csv と比べ、--apply で取り込む(終了コード: 0 問題なし、1 不正な行あり、2 使い方の誤り)",
        "compares a list of devices (CSV) with config/inventory.csv, and with --apply takes it over (exit 0 nothing wrong, 1 something invalid, 2 wrong use)",
    );
    let file = Arg::new("file").value_name("FILE").required(true);
    let file =
        file.value_parser(value_parser!(PathBuf)).help(words.say(
            "CSV ファイル(区切りは , タブ ;)",
            "CSV file, separated by comma, tab or semicolon",
        ));
    let encoding = words.text(
        "encoding",
        "auto|cp932|utf-8|utf-16le",
        "文字コード[既定: auto]",
        "encoding of the file [default: auto]",
    );
    let encoding = encoding
        .value_parser(["auto", "cp932", "utf-8", "utf-16le"])
        .hide_possible_values(true)
        .default_value("auto")
        .hide_default_value(true);
    let removals = words.text(
        "accept-removals",
        "N",
        "削除する端末がちょうど N 台であることを認める",
        "agree that exactly N devices are removed",
    );
    let removals = removals.value_parser(value_parser!(usize)).requires("full-list");
    let devices = devices
        .arg(file)
        .arg(encoding)
        .arg(words.flag("apply", "台帳に書き込む", "write the inventory"))
        .arg(words.flag(
            "full-list",
            "一覧にない端末を台帳から削除する",
            "remove devices that the list does not hold",
        ))
        .arg(removals)
        .arg(words.flag(
            "accept-partial",
            "不正な行を除いて取り込む",
            "leave invalid rows out and take over the others",
        ));
    let devices = site::with_json(site::with_files(devices, words), words);
    words
        .group("import", "既存の一覧を取り込む", "takes over lists that exist elsewhere")
        .subcommand(devices)
        .subcommand(netbox::define(words))
        .subcommand(undo::define(words))
}

pub(super) fn run(matches: &ArgMatches, console: &mut Console) -> u8 {
    let done = match matches.subcommand() {
        Some(("devices", inner)) => {
            let file = inner.get_one::<PathBuf>("file").cloned().unwrap_or_default();
            devices(inner, &file, console)
        }
        Some(("netbox", inner)) => netbox::run(inner, console),
        Some(("undo", inner)) => undo::run(inner, console),
        _ => return WRONG_USE,
    };
    match done {
        Ok(code) => code,
        Err(refusal) => conclude(Err(refusal), console),
    }
}

fn devices(matches: &ArgMatches, file: &Path, console: &mut Console) -> Result<u8, Refusal> {
    let octets = files::read(file)?;
    let directories = Directories {
        config: site::path(matches, "config"),
        topology: site::path(matches, "topology"),
        secrets: PathBuf::new(),
    };
    let sources = directories.sources()?;
    let charset = match matches.get_one::<String>("encoding").map(String::as_str) {
        Some("cp932") => Some(Charset::Cp932),
        Some("utf-8") => Some(Charset::Utf8),
        Some("utf-16le") => Some(Charset::Utf16),
        _ => None, // OK because clap lets only `auto` through
    };
    let full = matches.get_flag("full-list");
    let as_json = matches.get_flag("json");
    let name = shown(file);
    let import = match plan::import(&octets, &name, charset, &sources, full, clock::now()) {
        Ok(import) => import,
        Err(findings) => {
            if as_json {
                console.json(&json!({ "findings": findings_json(&findings, console.language) }));
            } else {
                site::print_findings(console, &findings);
            }
            return Ok(WRONG);
        }
    };
    let consent = Consent {
        partial: matches.get_flag("accept-partial"),
        removals: matches.get_one::<usize>("accept-removals").copied(),
    };
    let obstacles = import.obstacles(consent);
    let mut applied = false;
    let mut written = Ok(());
    if let Some(content) = &import.inventory
        && matches.get_flag("apply")
        && obstacles.is_empty()
        && import.differs()
    {
        let before = sources.config.get("inventory.csv").map_or(&[][..], Vec::as_slice);
        let counts = [import.added.len(), import.changed.len(), import.removed.len()];
        let list = (name.as_str(), octets.as_slice());
        let new = Replacement { list, before, after: content, counts };
        written = imports::replace(&directories.config, &new, clock::now());
        applied = written.is_ok();
    }
    if as_json {
        console.json(&as_value(&import, &obstacles, applied, console.language));
    } else {
        print(&import, &name, console);
        conclusion(&import, &obstacles, matches.get_flag("apply"), applied, console);
    }
    written?;
    Ok(if obstacles.is_empty() && import.refused.is_empty() { DONE } else { WRONG })
}

fn print(import: &Import, name: &str, console: &mut Console) {
    let read = Text {
        ja: "{name}: 文字コード {charset}、区切り {separator}、表題 {titles} 行、端末 {rows} 行、空行 {blank} 行",
        en: "{name}: encoding {charset}, separator {separator}, title lines {titles}, device rows {rows}, blank rows {blank}",
    };
    let facts = [
        ("name", name.to_owned()),
        ("charset", import.charset.name().to_owned()),
        ("separator", separator(import.separator, console.language)),
        ("titles", import.titles.to_string()),
        ("rows", import.rows.to_string()),
        ("blank", import.blank.to_string()),
    ];
    console.line(read.fill(console.language, &facts));
    heading(Text { ja: "追加", en: "added" }, import.added.len(), console);
    import.added.iter().for_each(|entry| device(entry, true, console));
    heading(Text { ja: "変更", en: "changed" }, import.changed.len(), console);
    import.changed.iter().for_each(|entry| device(entry, false, console));
    heading(Text { ja: "削除", en: "removed" }, import.removed.len(), console);
    import.removed.iter().for_each(|entry| device(entry, false, console));
    heading(Text { ja: "不正", en: "invalid" }, import.refused.len(), console);
    for row in &import.refused {
        site::print_findings(console, &row.findings);
    }
    heading(Text { ja: "警告", en: "warnings" }, import.warnings.len(), console);
    site::print_findings(console, &import.warnings);
    heading(Text { ja: "変更なし", en: "unchanged" }, import.unchanged, console);
    let kept = import.absent - import.removed.len().min(import.absent);
    if kept > 0 {
        let text = Text {
            ja: "一覧にないが台帳に残る端末: {count} 台(削除するには --full-list)",
            en: "devices not in the list that stay in the inventory: {count} (--full-list removes them)",
        };
        console.line(text.fill(console.language, &[("count", kept.to_string())]));
    }
    for each in &import.moves {
        let text = effect(each, console.language);
        console.line(text);
    }
    if !import.faults.is_empty() {
        console.line(
            console.say(Text {
                ja: "取り込み後の設定の誤り:", en: "errors the files would hold:"
            }),
        );
        site::print_findings(console, &import.faults);
    }
}

fn heading(text: Text, count: usize, console: &mut Console) {
    let text = text.get(console.language);
    console.line(format!("{text}: {count}"));
}

fn device(entry: &Entry, new: bool, console: &mut Console) {
    let line = Text { ja: "{line}行目", en: "line {line}" };
    let line = line.fill(console.language, &[("line", entry.line.to_string())]);
    console.line(format!("  {} ({line})", escape(entry.asset.as_bytes())));
    let empty = console.say(Text { ja: "(空)", en: "(empty)" });
    let value = |text: &str| match text {
        "" => empty.to_owned(),
        text => escape(text.as_bytes()),
    };
    for change in &entry.changes {
        let field = escape(change.field.as_bytes());
        if !new {
            console.line(format!("    {field}: {} → {}", value(&change.old), value(&change.new)));
        } else if !change.new.is_empty() {
            console.line(format!("    {field}: {}", value(&change.new)));
        }
    }
}

/// What the import means for the environments.
fn effect(each: &Move, language: Language) -> String {
    let text = match (&each.from, &each.to) {
        (Some(_), Some(_)) => Text {
            ja: "環境が {from} から {to} に変わる端末: {count} 台",
            en: "environment changes from {from} to {to}: {count} devices",
        },
        (None, _) => Text {
            ja: "環境 {to} に加わる端末: {count} 台",
            en: "new in environment {to}: {count} devices",
        },
        (Some(_), None) => Text {
            ja: "環境 {from} から消える端末: {count} 台",
            en: "gone from environment {from}: {count} devices",
        },
    };
    let facts = [
        ("from", each.from.clone().unwrap_or_default()),
        ("to", each.to.clone().unwrap_or_default()),
        ("count", each.devices.to_string()),
    ];
    text.fill(language, &facts)
}

fn conclusion(
    import: &Import,
    obstacles: &[Obstacle],
    apply: bool,
    applied: bool,
    console: &mut Console,
) {
    for obstacle in obstacles {
        let not = console.say(Text { ja: "取り込めません: ", en: "cannot be applied: " });
        console.line(format!("{not}{}", obstacle.text(console.language)));
    }
    if applied {
        console.line(console.say(Text {
            ja: "config/inventory.csv を書き換えました。`sekisho reload` で有効になり、`sekisho import undo` で取り消せます",
            en: "wrote config/inventory.csv; `sekisho reload` puts it into force, `sekisho import undo` takes it back",
        }));
    } else if obstacles.is_empty() && !import.differs() {
        console.line(
            console.say(Text {
                ja: "台帳に変更はありません", en: "the inventory stays as it is"
            }),
        );
    } else if !apply {
        console.line(console.say(Text {
            ja: "何も書き込んでいません。書き込むには --apply を付けてください",
            en: "nothing was written; add --apply to write",
        }));
    } else {
        console.line(
            console
                .say(Text { ja: "何も書き込んでいません", en: "nothing was written" }),
        );
    }
}

fn separator(separator: char, language: Language) -> String {
    match separator {
        '\t' => Text { ja: "タブ", en: "tab" }.get(language).to_owned(),
        other => format!("`{other}`"),
    }
}

fn as_value(import: &Import, obstacles: &[Obstacle], applied: bool, language: Language) -> Value {
    let entry = |entry: &Entry| {
        let changes = entry.changes.iter();
        let changes = changes
            .map(|change| json!({ "field": change.field, "old": change.old, "new": change.new }));
        json!({
            "asset": entry.asset,
            "line": entry.line,
            "changes": changes.collect::<Vec<_>>(),
        })
    };
    let entries = |list: &[Entry]| list.iter().map(entry).collect::<Vec<_>>();
    let refused = import.refused.iter().map(|row| {
        json!({
            "asset": row.asset,
            "line": row.line,
            "findings": findings_json(&row.findings, language),
        })
    });
    let moves = import.moves.iter();
    let moves =
        moves.map(|each| json!({ "from": each.from, "to": each.to, "devices": each.devices }));
    let obstacles = obstacles.iter();
    let obstacles = obstacles.map(|each| json!({ "id": each.id(), "text": each.text(language) }));
    json!({
        "encoding": import.charset.name(),
        "separator": import.separator,
        "titles": import.titles,
        "blank": import.blank,
        "counts": {
            "read": import.rows,
            "added": import.added.len(),
            "changed": import.changed.len(),
            "removed": import.removed.len(),
            "invalid": import.refused.len(),
            "warnings": import.warnings.len(),
            "unchanged": import.unchanged,
            "absent": import.absent,
        },
        "added": entries(&import.added),
        "changed": entries(&import.changed),
        "removed": entries(&import.removed),
        "invalid": refused.collect::<Vec<_>>(),
        "warnings": findings_json(&import.warnings, language),
        "environments": moves.collect::<Vec<_>>(),
        "errors": findings_json(&import.faults, language),
        "obstacles": obstacles.collect::<Vec<_>>(),
        "applied": applied,
    })
}
