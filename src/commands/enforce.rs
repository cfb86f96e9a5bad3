//! Commands about live sessions, over the control socket: `quarantine`, `release`, `disconnect`
//! and `enforce`.

use clap::{Arg, ArgMatches, Command, value_parser};
use serde_json::Value;

use super::arguments::Words;
use super::operate::{ask, common, mark_line, shown};
use super::{Console, WRONG_USE};
use crate::shell::control::Command as Ask;
use crate::vocabulary::{Language, Text};

pub(super) fn define_quarantine(language: Language) -> Command {
    let words = Words(language);
    let about = words.say(
        "端末またはポートをただちに隔離する(解除まで。再認証や再起動でも変わらない)",
        "quarantine a device or port at once, until released, whatever restarts meanwhile",
    );
    let until = words.text(
        "until",
        "DATE",
        "期限(この日の終わりまで)。省略すると解除まで",
        "through this day; until released when absent",
    );
    let arguments = [subject(words), reason(words), until];
    common(Command::new("quarantine").about(about).args(arguments), words)
}

pub(super) fn define_release(language: Language) -> Command {
    let words = Words(language);
    let about = words.say(
        "端末またはポートの印をすべて解除し、ただちに元へ戻す",
        "release every mark on a device or port, and put it back at once",
    );
    common(Command::new("release").about(about).args([subject(words), reason(words)]), words)
}

pub(super) fn define_disconnect(language: Language) -> Command {
    let words = Words(language);
    let about = words.say(
        "端末またはポートの接続を切る(印は付けない。再び認証できる)",
        "end the sessions of a device or port, without a mark: it may authenticate again",
    );
    common(Command::new("disconnect").about(about).args([subject(words), reason(words)]), words)
}

pub(super) fn define_enforce(language: Language) -> Command {
    let words = Words(language);
    let about = words.say(
        "設定や印に合わせて変えるべき接続の一覧と承認",
        "sessions that are to change, and approval where many ports are concerned",
    );
    let list = Command::new("list").about(words.say(
        "まだ設定どおりでない接続と、承認を待つ変更",
        "sessions not yet as the plan says, and those that wait for approval",
    ));
    let number = Arg::new("number")
        .value_name("NUMBER")
        .required(true)
        .value_parser(value_parser!(u64))
        .help(words.say("list に表示された番号", "the number that the list shows"));
    let approve = Command::new("approve")
        .about(words.say("保留中の変更を承認する", "approve what waits"))
        .args([number, reason(words)]);
    Command::new("enforce")
        .about(about)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommands([list, approve].map(|command| common(command, words)))
}

fn subject(words: Words) -> Arg {
    Arg::new("subject").value_name("SUBJECT").required(true).help(words.say(
        "MAC アドレス、資産番号、または スイッチ:ポート",
        "a MAC address, an asset number, or switch:port",
    ))
}

fn reason(words: Words) -> Arg {
    words.text("reason", "TEXT", "理由(記録に残る)", "why, for the record").required(true)
}

pub(super) fn quarantine(matches: &ArgMatches, console: &mut Console) -> u8 {
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let (subject, reason) = given(matches);
    let command = Ask::Quarantine { subject, reason, until: text("until") };
    ask(matches, console, command, |console, result| {
        console.line(mark_line(result, console.language));
        print_sessions(console, &result["sessions"]);
    })
}

pub(super) fn release(matches: &ArgMatches, console: &mut Console) -> u8 {
    let (subject, reason) = given(matches);
    ask(matches, console, Ask::Release { subject, reason }, |console, result| {
        let text = Text {
            ja: "{subject} の印 {marks} を解除しました",
            en: "released the marks {marks} on {subject}",
        };
        let fact = |name| (name, shown(&result[name]));
        console.line(text.fill(console.language, &[fact("subject"), fact("marks")]));
        print_released(console, result);
    })
}

pub(super) fn disconnect(matches: &ArgMatches, console: &mut Console) -> u8 {
    let (subject, reason) = given(matches);
    ask(matches, console, Ask::Disconnect { subject, reason }, |console, result| {
        print_sessions(console, &result["sessions"]);
    })
}

pub(super) fn enforce(matches: &ArgMatches, console: &mut Console) -> u8 {
    match matches.subcommand() {
        Some(("list", inner)) => ask(inner, console, Ask::EnforceList, |console, result| {
            let pending = result["pending"].as_array().map(Vec::as_slice).unwrap_or_default();
            if pending.is_empty() {
                console.complain(console.say(Text {
                    ja: "スイッチに反映を待つ接続はありません",
                    en: "no session waits for a change at its switch",
                }));
            }
            for each in pending {
                console.line(pending_line(each));
            }
            print_sessions(console, &result["sessions"]);
        }),
        Some(("approve", inner)) => {
            let number = inner.get_one("number").copied().unwrap_or_default();
            let reason = inner.get_one::<String>("reason").cloned().unwrap_or_default();
            let command = Ask::EnforceApprove { number, reason };
            ask(inner, console, command, |console, result| {
                print_sessions(console, &result["sessions"]);
            })
        }
        _ => WRONG_USE,
    }
}

fn given(matches: &ArgMatches) -> (String, String) {
    let text = |name: &str| matches.get_one::<String>(name).cloned().unwrap_or_default();
    (text("subject"), text("reason"))
}

/// Says under which names the device is still marked, and what the release does to live sessions.
pub(super) fn print_released(console: &mut Console, result: &Value) {
    let others = result["also_marked"].as_array().into_iter().flatten();
    for other in others.filter_map(Value::as_str) {
        let text = Text {
            ja: "同じ対象の {other} にはまだ印があります。`release {other} --reason 理由` で解除します",
            en: "{other}, which is the same subject, is still marked: `release {other} --reason TEXT`",
        };
        console.line(text.fill(console.language, &[("other", other.to_owned())]));
    }
    print_sessions(console, &result["sessions"]);
}

/// Says what a change does to live sessions; nothing where it does nothing.
pub(super) fn print_sessions(console: &mut Console, sessions: &Value) {
    let count = |name: &str| sessions[name].as_u64().unwrap_or_default();
    let fact = |name| (name, shown(&sessions[name]));
    if count("changing") > 0 {
        let text = Text {
            ja: "接続 {changing} 件をスイッチに反映しています(sekisho enforce list で確認できます)",
            en: "changing {changing} sessions at their switches; see sekisho enforce list",
        };
        console.line(text.fill(console.language, &[fact("changing")]));
    }
    if count("held") > 0 {
        let text = Text {
            ja: "接続 {held} 件は承認を待っています。sekisho enforce list で確かめ、sekisho enforce approve {number} --reason 理由 で承認してください",
            en: "{held} sessions wait for approval: look at sekisho enforce list, then run sekisho enforce approve {number} --reason TEXT",
        };
        console.line(text.fill(console.language, &[fact("held"), fact("number")]));
    }
}

fn pending_line(pending: &Value) -> String {
    let part = |name: &str| shown(&pending[name]);
    let place = match &pending["network"] {
        Value::String(network) => format!("{}:ssid:{network}", part("switch")),
        _ => format!("{}:{}", part("switch"), part("port")),
    };
    let (state, mac, from, to) = (part("state"), part("mac"), part("from"), part("to"));
    format!("{state:<8}  {place}  {mac}  {from} → {to}  [{}]  {}", part("last"), part("why"))
}
