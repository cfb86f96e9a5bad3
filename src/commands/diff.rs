//! `sekisho diff`: what would change if one set of files took the place of another.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command, value_parser};
use serde_json::json;

use super::arguments::{Words, shown};
use super::site;
use super::{Console, DONE, WRONG, WRONG_USE};
use crate::plan::Plan;
use crate::proof::{change_hash, changes};
use crate::shell::clock;
use crate::shell::service::{Directories, changes_json};
use crate::vocabulary::{Language, Text, hex};

pub(super) fn define(language: Language) -> Command {
    let words = Words(language);
    let about = words.say(
        "二つの設定の違いを示す(終了コード: 0 弱くならない、1 分離が弱くなる、2 使い方の誤り・読めない設定)",
        "show what changes between two sets of files (exit 0 nothing gets weaker, 1 the separation gets weaker, 2 wrong use or unusable files)",
    );
    let directory = |name: &'static str, value: &'static str, ja, en| {
        Arg::new(name)
            .value_name(value)
            .required(true)
            .value_parser(value_parser!(PathBuf))
            .help(words.say(ja, en))
    };
    let command = Command::new("diff").about(about).arg_required_else_help(true).args([
        directory(
            "old",
            "OLD",
            "今の config/ と topology/ があるディレクトリ",
            "directory that holds the present config/ and topology/",
        ),
        directory(
            "new",
            "NEW",
            "新しい config/ と topology/ があるディレクトリ",
            "directory that holds the new config/ and topology/",
        ),
    ]);
    site::with_json(command, words)
}

pub(super) fn run(matches: &ArgMatches, console: &mut Console) -> u8 {
    let mut read = |name: &str| compile(&site::path(matches, name), console);
    let (old, new) = (read("old"), read("new"));
    let (Some(old), Some(new)) = (old, new) else { return WRONG_USE };
    let found = changes(&old, &new, clock::now());
    let hash = hex(&change_hash(&old, &new));
    let weaker = found.iter().any(|change| change.weaker);
    let listed = changes_json(&found, console.language);
    if matches.get_flag("json") {
        console.json(&json!({ "change": hash, "weaker": weaker, "changes": listed }));
    } else {
        site::print_changes(console, &listed);
        let verdict = match (found.is_empty(), weaker) {
            (true, _) if old.content_hash == new.content_hash => {
                Text { ja: "違いはありません", en: "nothing changes" }
            }
            (true, _) => Text {
                ja: "違いはありますが、分離にも端末の行き先にも関わりません",
                en: "what differs concerns neither the separation nor where devices land",
            },
            (false, false) => Text {
                ja: "分離は弱くなりません",
                en: "the separation does not get weaker",
            },
            (false, true) => Text {
                ja: "分離が弱くなります。受け入れるには reload --accept {hash} --by 氏名 --reason 理由",
                en: "the separation gets weaker; to accept it: reload --accept {hash} --by NAME --reason TEXT",
            },
        };
        let short: String = hash.chars().take(12).collect();
        console.line(verdict.fill(console.language, &[("hash", short)]));
    }
    if weaker { WRONG } else { DONE }
}

/// The plan of the files in a directory; its faults are printed when there is none.
fn compile(root: &Path, console: &mut Console) -> Option<Plan> {
    let directories = Directories {
        config: root.join("config"),
        topology: root.join("topology"),
        secrets: root.join("secrets"),
    };
    let plan = site::compile(&directories, console);
    if plan.is_err() {
        let text = Text {
            ja: "`{path}` の設定は使えません",
            en: "no plan can be made of the files in `{path}`",
        };
        console.complain(text.fill(console.language, &[("path", shown(root))]));
    }
    plan.ok()
}
