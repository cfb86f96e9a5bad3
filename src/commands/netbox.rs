//! `sekisho import netbox`: what NetBox says of the network beside what the topology says.
//! It never writes into the topology; `--out` writes what to paste into a file of its own.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::{Map, Value, json};

use super::arguments::{Words, shown};
use super::refusal::Refusal;
use super::{Console, DONE, WRONG, WRONG_USE, site};
use crate::plan::netbox::{Comparison, Export, Group, Remark, Roles, Source, compare};
use crate::shell::files;
use crate::shell::service::Directories;
use crate::vocabulary::Text;

pub(super) fn define(words: Words) -> Command {
    let file = Arg::new("file").value_name("FILE").required(true).num_args(1..);
    let file = file.value_parser(value_parser!(PathBuf)).help(words.say(
        "NetBox の API の応答(JSON): sites devices interfaces vlans prefixes cables wireless-links。「-」は標準入力",
        "answers of NetBox's API (JSON): sites devices interfaces vlans prefixes cables wireless-links; - is standard input",
    ));
    let role = words.text(
        "role",
        "SLUG=ROLE",
        "NetBox の役割 SLUG の機器は access、distribution、core、wireless-controller か、スイッチではない(ignore)",
        "devices of NetBox's role SLUG are access, distribution, core or wireless-controller, or no switches (ignore)",
    );
    let out = words.path(
        "out",
        "FILE",
        "トポロジーに無いものを TOML の断片として新しいファイルに書く(「-」は標準出力)",
        "write what the topology lacks as pieces of TOML to a new file (- is standard output)",
    );
    let netbox = words.verb(
        "netbox",
        "NetBox の JSON をトポロジーと比べる。トポロジーは書き換えない(終了コード: 0 一致、1 相違か不正あり、2 使い方の誤り)",
        "compares NetBox's JSON with the topology and never rewrites it (exit 0 they agree, 1 something differs or is invalid, 2 wrong use)",
    );
    let netbox = netbox.arg(file).arg(role.action(ArgAction::Append)).arg(out);
    site::with_json(site::with_files(netbox, words), words)
}

pub(super) fn run(matches: &ArgMatches, console: &mut Console) -> Result<u8, Refusal> {
    let mut roles = Roles::default();
    for text in matches.get_many::<String>("role").into_iter().flatten() {
        if !roles.add(text) {
            console.complain(console.say(Text {
                ja: "--role は SLUG=access、distribution、core、wireless-controller、ignore のどれかです",
                en: "--role wants SLUG=access, distribution, core, wireless-controller or ignore",
            }));
            return Ok(WRONG_USE);
        }
    }
    let directories = Directories {
        config: site::path(matches, "config"),
        topology: site::path(matches, "topology"),
        secrets: PathBuf::new(),
    };
    let plan = match site::compile(&directories, console) {
        Ok(plan) => plan,
        Err(code) => return Ok(code),
    };
    let mut export = Export::default();
    for file in matches.get_many::<PathBuf>("file").into_iter().flatten() {
        export.add(&shown(file), &files::read_or_input(file)?);
    }
    let comparison = compare(&export, &plan, &roles);
    let out = matches.get_one::<PathBuf>("out").map(PathBuf::as_path);
    let apart = out.filter(|out| *out != Path::new("-"));
    if let Some(path) = apart
        && !comparison.fragments.is_empty()
    {
        files::write_new(path, comparison.fragments.as_bytes(), files::PUBLIC_FILE)?;
    }
    if matches.get_flag("json") {
        console.json(&as_value(&comparison, console));
    } else if out.is_some() && apart.is_none() {
        // What is to be pasted stands alone, so that it can be piped into a file.
        console.part(&comparison.fragments);
    } else {
        print(&comparison, apart, console);
    }
    Ok(if comparison.agrees() { DONE } else { WRONG })
}

fn print(comparison: &Comparison, out: Option<&Path>, console: &mut Console) {
    let read = comparison.objects.iter().filter(|(_, count)| *count > 0);
    let read: Vec<_> = read.map(|(kind, count)| format!("{} {count}", kind.id())).collect();
    console.line(format!("NetBox: {}", read.join(", ")));
    for group in Group::ALL {
        let count = comparison.of(*group).count();
        console.line(format!("{}: {count}", console.say(group.text())));
        comparison.of(*group).for_each(|remark| line(remark, console));
    }
    if let Some(path) = out.filter(|_| !comparison.fragments.is_empty()) {
        let text = Text {
            ja: "トポロジーに無いものを `{path}` に書きました。確かめてから写してください",
            en: "what the topology lacks is in `{path}`; review it, then copy it",
        };
        console.line(text.fill(console.language, &[("path", shown(path))]));
    } else if !comparison.fragments.is_empty() {
        console.line(console.say(Text {
            ja: "何も書き込んでいません。無いものを TOML で得るには --out を付けてください",
            en: "nothing was written; --out gives what is lacking as TOML",
        }));
    } else if comparison.agrees() {
        console.line(console.say(Text {
            ja: "NetBox とトポロジーは一致しています",
            en: "NetBox and the topology agree",
        }));
    }
}

fn line(remark: &Remark, console: &mut Console) {
    let place = remark.place();
    let place = if place.is_empty() { place } else { format!("{place}: ") };
    let text = remark.text(console.language);
    console.line(format!("  {place}[{}] {text}", remark.kind.id()));
}

fn as_value(comparison: &Comparison, console: &Console) -> Value {
    let one = |remark: &Remark| {
        let facts: Map<String, Value> =
            remark.facts.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let at = remark.at.as_ref();
        json!({
            "id": remark.kind.id(),
            "file": at.map(|at| at.file.to_string()),
            "object": at.map(Source::object),
            "netbox_id": at.and_then(|at| at.id),
            "field": remark.field,
            "text": remark.text(console.language),
            "facts": facts,
        })
    };
    let objects: Map<String, Value> = comparison
        .objects
        .iter()
        .map(|(kind, count)| (kind.id().to_owned(), json!(count)))
        .collect();
    let mut value = json!({
        "agrees": comparison.agrees(),
        "objects": objects,
        "fragments": comparison.fragments,
    });
    if let Some(map) = value.as_object_mut() {
        for group in Group::ALL {
            let remarks: Vec<_> = comparison.of(*group).map(one).collect();
            map.insert(group.id().to_owned(), Value::Array(remarks));
        }
    }
    value
}
