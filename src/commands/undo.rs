//! `sekisho import undo`: puts back the inventory that the last import replaced, unless somebody
//! has changed it since.

use std::path::PathBuf;

use clap::{ArgMatches, Command};
use serde_json::json;

use super::arguments::Words;
use super::refusal::Refusal;
use super::{Console, DONE, WRONG, site};
use crate::plan::{self, Severity};
use crate::shell::service::{Directories, Material as _, findings_json};
use crate::shell::{clock, imports};
use crate::vocabulary::{Text, Timestamp};

pub(super) fn define(words: Words) -> Command {
    let undo = words.verb(
        "undo",
        "最後に取り込んだ端末一覧を取り消し、台帳を元に戻す。その後に変更された台帳には触れない",
        "takes the last import of devices back and restores the inventory; one changed since is left alone",
    );
    // It needs no argument.
    site::with_json(site::with_files(undo.arg_required_else_help(false), words), words)
}

pub(super) fn run(matches: &ArgMatches, console: &mut Console) -> Result<u8, Refusal> {
    let directories = Directories {
        config: site::path(matches, "config"),
        topology: site::path(matches, "topology"),
        secrets: PathBuf::new(),
    };
    let as_json = matches.get_flag("json");
    let Some(kept) = imports::last(&directories.config)? else {
        if as_json {
            console.json(&json!({ "undone": false }));
        } else {
            console.line(console.say(Text {
                ja: "取り消せる取り込みはありません。一度もしていないか、その後に config/inventory.csv が変更されています",
                en: "there is no import to take back: none was made, or config/inventory.csv was changed since",
            }));
        }
        return Ok(WRONG);
    };
    let mut sources = directories.sources()?;
    sources.config.insert("inventory.csv".to_owned(), kept.content.clone());
    let compiled = plan::compile(&sources, clock::now());
    let errors = compiled.findings.into_iter();
    let errors: Vec<_> = errors.filter(|it| it.severity() == Severity::Error).collect();
    if !errors.is_empty() {
        if as_json {
            let findings = findings_json(&errors, console.language);
            console.json(&json!({ "undone": false, "errors": findings }));
        } else {
            site::print_findings(console, &errors);
            console.line(console.say(Text {
                ja: "元の台帳では設定に誤りが生じるため、何も書き込んでいません",
                en: "with the former inventory the files would hold errors; nothing was written",
            }));
        }
        return Ok(WRONG);
    }
    imports::take_back(&directories.config, &kept, clock::now())?;
    let record = &kept.record;
    if as_json {
        console.json(&json!({ "undone": true, "import": record }));
        return Ok(DONE);
    }
    let text = Text {
        ja: "{time} に {by} が取り込んだ `{list}`(追加 {added}、変更 {changed}、削除 {removed})を取り消し、config/inventory.csv を元に戻しました。`sekisho reload` で有効になります",
        en: "took back `{list}` (added {added}, changed {changed}, removed {removed}), imported at {time} by {by}, and restored config/inventory.csv; `sekisho reload` puts it into force",
    };
    let facts = [
        ("time", Timestamp::told(&record.time)),
        ("by", record.by.clone()),
        ("list", record.list.clone()),
        ("added", record.added.to_string()),
        ("changed", record.changed.to_string()),
        ("removed", record.removed.to_string()),
    ];
    console.line(text.fill(console.language, &facts));
    Ok(DONE)
}
