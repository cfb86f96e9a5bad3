//! `sekisho backup` and `sekisho restore`: a whole node, out and back.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command, value_parser};
use serde_json::Value;

use super::arguments::{Words, shown};
use super::{Console, DONE, WRONG, site};
use crate::shell::backup;
use crate::shell::control::{self, Command as Ask, Request};
use crate::shell::{Failure, FailureKind, clock};
use crate::vocabulary::{Language, Text, Timestamp};

pub(super) fn define_backup(language: Language) -> Command {
    let words = Words(language);
    let command = words
        .verb(
            "backup",
            "ノード全体(計画・印・証跡・設定・秘密情報)を動かしたまま写し、原本と照合する",
            "copy a whole node while it runs (plans, marks, evidence, files, secrets) and compare it",
        )
        .arg(
            words
                .path("out", "DIR", "書き出し先(新規)", "where to, a new directory")
                .required(true),
        );
    site::with_state(site::with_secrets(site::with_files(command, words), words), words)
}

pub(super) fn define_restore(language: Language) -> Command {
    let words = Words(language);
    let source = Arg::new("backup")
        .value_name("BACKUP")
        .required(true)
        .value_parser(value_parser!(PathBuf))
        .help(words.say("sekisho backup が書いたディレクトリ", "what sekisho backup wrote"));
    words
        .verb(
            "restore",
            "バックアップからノードを作り直す(変更や欠落があれば拒む)",
            "rebuild a node from a backup; refused if anything in it was changed or is missing",
        )
        .arg(source)
        .arg(words.path("to", "DIR", "作る場所(新規)", "where to, a new directory").required(true))
}

/// The service is asked for a copy of its state store, which it holds for itself, and told how
/// the backup went, so that both stand in the record.
pub(super) fn backup(matches: &ArgMatches, console: &mut Console) -> u8 {
    let state = site::path(matches, "state");
    let language = console.language;
    let ask = |command| {
        let request = Request { language: language.id().to_owned(), command };
        control::ask(&state, &request)
    };
    let copy = match ask(Ask::BackupBegin) {
        Ok(reply) if reply.ok => {
            let path = reply.result.get("path").and_then(Value::as_str).map(PathBuf::from);
            path.map(|path| state.join(path))
        }
        Ok(reply) => {
            console.complain(reply.message);
            return WRONG;
        }
        Err(failure) if failure.kind == FailureKind::ControlUnavailable => None,
        Err(failure) => return complain(&failure, console),
    };
    let out = site::path(matches, "out");
    let directories = site::directories(matches);
    let time = clock::now().rfc3339();
    let done = backup::backup(&directories, &state, copy.as_deref(), &out, time);
    if let Some(copy) = copy {
        backup::discard(&copy);
        let (sequence, cause) = match &done {
            Ok((manifest, 0)) => (manifest.sequence, None),
            Ok((manifest, waiting)) => (manifest.sequence, Some(left_out(*waiting, language))),
            Err(failure) => (0, Some(failure.message(language))),
        };
        let path = shown(&out);
        // OK because a service that ended meanwhile has no record to keep it in.
        let _ = ask(Ask::BackupEnd { path, sequence, cause });
    }
    match done {
        Ok((manifest, waiting)) => {
            let text = Text {
                ja: "{path} に写し、原本と照合しました(記録 {sequence} まで、{head})",
                en: "copied to {path} and compared with the original, up to record {sequence} ({head})",
            };
            let facts = [
                ("path", shown(&out)),
                ("sequence", manifest.sequence.to_string()),
                ("head", manifest.head),
            ];
            console.line(text.fill(language, &facts));
            if waiting == 0 {
                return DONE;
            }
            console.complain(left_out(waiting, language));
            WRONG
        }
        Err(failure) => complain(&failure, console),
    }
}

fn left_out(waiting: u64, language: Language) -> String {
    let text = Text {
        ja: "スプールで保存を待つ {count} 件は写していません。サービスが保存してから、もう一度実行してください",
        en: "{count} records that wait on the spool are not in it; run it again once the service has stored them",
    };
    text.fill(language, &[("count", waiting.to_string())])
}

pub(super) fn restore(matches: &ArgMatches, console: &mut Console) -> u8 {
    let (source, target) = (site::path(matches, "backup"), site::path(matches, "to"));
    match backup::restore(&source, &target) {
        Ok(manifest) => {
            let text = Text {
                ja: "{time} のバックアップから {path} を作りました(記録 {sequence} まで)。次の手順:
     cd {path}
     sekisho check
     sekisho serve
サービスの利用者で動かすなら、その前に secrets と state の所有者とモードを README の systemd の節のとおりにしてください",
                en: "rebuilt {path} from the backup of {time}, up to record {sequence}; next:
     cd {path}
     sekisho check
     sekisho serve
where a user of its own runs it, first give secrets and state owner and mode as the README says under systemd",
            };
            let facts = [
                ("time", Timestamp::told(&manifest.time)),
                ("path", shown(&target)),
                ("sequence", manifest.sequence.to_string()),
            ];
            console.line(text.fill(console.language, &facts));
            DONE
        }
        Err(failure) => complain(&failure, console),
    }
}

fn complain(failure: &Failure, console: &mut Console) -> u8 {
    console.complain(failure.message(console.language));
    WRONG
}
