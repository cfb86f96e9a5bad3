//! Commands that speak to a running service over its control socket: `reload`, `status`, `plan`
//! and `mark`.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command, value_parser};
use serde_json::Value;

use super::arguments::Words;
use super::console::on_one_line;
use super::enforce::{print_released, print_sessions};
use super::site::{self, ERROR, WARNING};
use super::{Console, DONE, WRONG, WRONG_USE};
use crate::shell::control::{self, Accept, Command as Ask, MarkKindWord, Reply, Request};
use crate::shell::staged::StagedDirectory;
use crate::shell::{Failure, FailureKind, files};
use crate::vocabulary::{Language, Text, Timestamp};

pub(super) fn define_reload(language: Language) -> Command {
    let words = Words(language);
    let about = words.say(
        "設定を読み直し、誤りがなければ切り替える",
        "read the files again and put them in force if nothing is wrong",
    );
    let accept = words
        .text(
            "accept",
            "CHANGE",
            "分離を弱くする変更を受け入れる(diff や拒否の表示にある番号)",
            "accept a change that weakens the separation, by the name that diff or the refusal shows",
        )
        .requires_all(["by", "reason"]);
    let by = words
        .text("by", "NAME", "受け入れる人の氏名(記録に残る)", "who accepts it, for the record")
        .requires("accept");
    let reason = words
        .text("reason", "TEXT", "受け入れる理由(記録に残る)", "why it is accepted, for the record")
        .requires("accept");
    common(Command::new("reload").about(about).args([accept, by, reason]), words)
}

pub(super) fn define_status(language: Language) -> Command {
    let words = Words(language);
    let about = words.say("稼働中のサービスの状態を示す", "show what is running");
    common(Command::new("status").about(about), words)
}

pub(super) fn define_plan(language: Language) -> Command {
    let words = Words(language);
    let generation = || {
        Arg::new("generation")
            .value_name("GENERATION")
            .required(true)
            .value_parser(value_parser!(u64))
            .help(words.say("計画の世代", "generation of a plan"))
    };
    let out =
        Arg::new("out").long("out").value_name("DIR").value_parser(value_parser!(PathBuf)).help(
            words.say(
                "設定ファイルを書き出すディレクトリ(新規)",
                "write the files into this new directory",
            ),
        );
    let about =
        words.say("受け入れた計画の一覧・表示・巻き戻し", "list, show or roll back accepted plans");
    let list = Command::new("list")
        .about(words.say("受け入れた計画の一覧", "accepted plans, newest first"));
    let show = Command::new("show")
        .about(words.say("一つの計画とそのファイル", "one accepted plan and its files"))
        .arg(generation())
        .arg(out);
    let rollback = Command::new("rollback")
        .about(words.say(
            "以前の計画に戻す(新しい世代になる)",
            "put an earlier plan in force, as a new generation",
        ))
        .arg(generation());
    Command::new("plan")
        .about(about)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommands([list, show, rollback].map(|command| common(command, words)))
}

pub(super) fn define_mark(language: Language) -> Command {
    let words = Words(language);
    let subject = Arg::new("subject").value_name("SUBJECT").required(true).help(words.say(
        "MAC アドレス、資産番号、または スイッチ:ポート",
        "a MAC address, an asset number, or switch:port",
    ));
    let kind = Arg::new("kind")
        .long("kind")
        .value_name("KIND")
        .hide_possible_values(true)
        .hide_default_value(true)
        .value_parser(["quarantine", "refuse"])
        .default_value("quarantine")
        .help(
            words
                .say("quarantine(隔離、既定)または refuse(拒否)", "quarantine (default) or refuse"),
        );
    let reason = Arg::new("reason")
        .long("reason")
        .value_name("TEXT")
        .required(true)
        .help(words.say("理由(記録に残る)", "why, for the record"));
    let until = Arg::new("until").long("until").value_name("DATE").help(words.say(
        "期限(この日の終わりまで)。省略すると解除まで",
        "through this day; until released when absent",
    ));
    let number = Arg::new("mark")
        .value_name("NUMBER")
        .required(true)
        .value_parser(value_parser!(i64))
        .help(words.say("印の番号", "number of the mark"));
    let add = Command::new("add")
        .about(words.say(
            "端末またはポートを隔離・拒否する印を付け、ただちに反映する",
            "quarantine or refuse a device or port, its live sessions at once",
        ))
        .args([subject, kind, reason, until]);
    let release =
        Command::new("release").about(words.say("印を解除する", "release a mark")).arg(number);
    let list = Command::new("list").about(words.say("有効な印の一覧", "marks in force"));
    Command::new("mark")
        .about(words.say("隔離・拒否の印", "marks: devices and ports to quarantine or refuse"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommands([add, release, list].map(|command| common(command, words)))
}

pub(super) fn common(command: Command, words: Words) -> Command {
    site::with_json(site::with_state(command, words), words)
}

pub(super) fn reload(matches: &ArgMatches, console: &mut Console) -> u8 {
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let accept = text("accept").map(|change| Accept {
        change,
        by: text("by").unwrap_or_default(),
        reason: text("reason").unwrap_or_default(),
    });
    ask(matches, console, Ask::Reload { accept }, |console, result| {
        print_found(console, result);
        let text = match result["changed"].as_bool() {
            Some(true) => Text {
                ja: "新しい計画を世代 {generation} として受け入れました",
                en: "accepted the files as generation {generation}",
            },
            Some(false) | None => Text {
                ja: "計画に変更はありません(世代 {generation})。秘密情報と失効リストを読み直しました",
                en: "the plan is unchanged (generation {generation}); secrets and CRLs were read again",
            },
        };
        console.line(text.fill(console.language, &[("generation", shown(&result["generation"]))]));
        print_followed(console, result);
    })
}

/// Says what another plan does to live sessions, and what of it waits for a restart.
fn print_followed(console: &mut Console, result: &Value) {
    print_sessions(console, &result["sessions"]);
    if result["needs_restart"] == true {
        console.line(console.say(Text {
            ja: "アドレス、ワーカー数、ノード名またはログの言語の変更は、再起動すると有効になります",
            en: "changes of addresses, workers, node name or log language take effect after a restart",
        }));
    }
}

pub(super) fn status(matches: &ArgMatches, console: &mut Console) -> u8 {
    ask(matches, console, Ask::Status, print_status)
}

fn print_status(console: &mut Console, result: &Value) {
    let language = console.language;
    let fact = |name: &'static str| (name, shown(&result[name]));
    let mut line = |text: Text, facts: &[(&'static str, String)]| {
        console.line(text.fill(language, facts));
    };
    line(
        Text {
            ja: "ノード {node}(sekisho {version}): {since} から稼働",
            en: "node {node} (sekisho {version}): up since {since}",
        },
        &[fact("node"), fact("version"), fact("since")],
    );
    let hash = shown(&result["content_hash"]).chars().take(12).collect();
    line(
        Text {
            ja: "計画: 世代 {generation}({hash})、RADIUS クライアント {clients}、機器 {devices}",
            en: "plan: generation {generation} ({hash}), RADIUS clients {clients}, devices {devices}",
        },
        &[fact("generation"), ("hash", hash), fact("clients"), fact("devices")],
    );
    if result["reload_success"] == false {
        let text = Text {
            ja: "前回の読み直しは拒否されました: ファイルは有効な計画と違います",
            en: "the last reload was refused: the files are not what is in force",
        };
        line(text, &[]);
    }
    let listeners = ["authentication", "accounting", "detection", "api", "metrics"].map(fact);
    line(
        Text {
            ja: "待ち受け: 認証 {authentication}、アカウンティング {accounting}、センサー {detection}、API {api}、メトリクス {metrics}",
            en: "listening: authentication {authentication}, accounting {accounting}, sensors {detection}, API {api}, metrics {metrics}",
        },
        &listeners,
    );
    let evidence = &result["evidence"];
    let text = if evidence["healthy"] == true {
        Text {
            ja: "証跡: 正常、最後の番号 {sequence}、スプールで保存待ち {spooled}",
            en: "evidence: healthy, last record {sequence}, waiting on the spool: {spooled}",
        }
    } else {
        Text {
            ja: "証跡: 保存できていません。最後の番号 {sequence}、スプールで保存待ち {spooled}。状態ディレクトリのディスクの空きと、ログの SYS-evidence-… を確かめてください",
            en: "evidence: cannot be stored; last record {sequence}, waiting on the spool: {spooled}; look at the room on the disk of the state directory and for SYS-evidence-… in the log",
        }
    };
    line(text, &["sequence", "spooled"].map(|name| (name, shown(&evidence[name]))));
    if result["log_lines_missing"].as_u64().is_some_and(|missing| missing > 0) {
        let text = Text {
            ja: "書けなかったログの行: {log_lines_missing}",
            en: "log lines that could not be written: {log_lines_missing}",
        };
        line(text, &[fact("log_lines_missing")]);
    }
}

pub(super) fn plan(matches: &ArgMatches, console: &mut Console) -> u8 {
    let generation = |inner: &ArgMatches| inner.get_one("generation").copied().unwrap_or_default();
    match matches.subcommand() {
        Some(("list", inner)) => ask(inner, console, Ask::PlanList, |console, result| {
            for each in result.as_array().into_iter().flatten() {
                console.line(plan_line(each));
            }
        }),
        Some(("show", inner)) => {
            let out = inner.get_one::<PathBuf>("out").cloned();
            let mut written = DONE;
            let ask_show = Ask::PlanShow { generation: generation(inner) };
            let code = ask(inner, console, ask_show, |console, result| {
                console.line(plan_line(result));
                let files = result["files"].as_object().into_iter().flatten();
                match &out {
                    Some(out) => written = write_files(console, out, files),
                    None => files.for_each(|(path, content)| {
                        console.line(format!("{:>9}  {path}", octets(content).len()));
                    }),
                }
            });
            code.max(written)
        }
        Some(("rollback", inner)) => {
            let ask_rollback = Ask::PlanRollback { generation: generation(inner) };
            ask(inner, console, ask_rollback, |console, result| {
                let text = Text {
                    ja: "世代 {restored} の内容を世代 {generation} として有効にしました。ディスク上のファイルは次の reload まで使われません",
                    en: "generation {restored} is in force again as generation {generation}; the files on disk stay aside until the next reload",
                };
                let fact = |name| (name, shown(&result[name]));
                console.line(text.fill(console.language, &[fact("restored"), fact("generation")]));
                print_followed(console, result);
            })
        }
        _ => WRONG_USE,
    }
}

pub(super) fn mark(matches: &ArgMatches, console: &mut Console) -> u8 {
    let text = |inner: &ArgMatches, name: &str| inner.get_one::<String>(name).cloned();
    match matches.subcommand() {
        Some(("add", inner)) => {
            let kind = match text(inner, "kind").as_deref() {
                Some("refuse") => MarkKindWord::Refuse,
                _ => MarkKindWord::Quarantine,
            };
            let add = Ask::MarkAdd {
                subject: text(inner, "subject").unwrap_or_default(),
                kind,
                reason: text(inner, "reason").unwrap_or_default(),
                until: text(inner, "until"),
            };
            ask(inner, console, add, |console, result| {
                console.line(mark_line(result, console.language));
                print_sessions(console, &result["sessions"]);
            })
        }
        Some(("release", inner)) => {
            let mark = inner.get_one("mark").copied().unwrap_or_default();
            ask(inner, console, Ask::MarkRelease { mark }, |console, result| {
                let text =
                    Text { ja: "印 {mark} を解除しました", en: "released mark {mark}" };
                console.line(text.fill(console.language, &[("mark", shown(&result["mark"]))]));
                print_released(console, result);
            })
        }
        Some(("list", inner)) => ask(inner, console, Ask::MarkList, |console, result| {
            let marks = result.as_array().map(Vec::as_slice).unwrap_or_default();
            if marks.is_empty() {
                console.complain(
                    console.say(Text {
                        ja: "有効な印はありません", en: "no mark is in force"
                    }),
                );
            }
            for each in marks {
                console.line(mark_line(each, console.language));
            }
        }),
        _ => WRONG_USE,
    }
}

/// Sends a request and prints what comes of it: JSON as it is, else by `print`.
pub(super) fn ask(
    matches: &ArgMatches,
    console: &mut Console,
    command: Ask,
    print: impl FnOnce(&mut Console, &Value),
) -> u8 {
    let request = Request { language: console.language.id().to_owned(), command };
    let reply = control::ask(&site::path(matches, "state"), &request);
    answered(matches, console, reply, print)
}

/// Asks a program beside the service, called as operators start it, how it is; `mark` is what only
/// its answer holds.
pub(super) fn ask_status_of(
    program: &str,
    mark: &str,
    matches: &ArgMatches,
    console: &mut Console,
    print: impl FnOnce(&mut Console, &Value),
) -> u8 {
    let request = Request { language: console.language.id().to_owned(), command: Ask::Status };
    let state = site::path(matches, "state");
    let reply = control::ask_of(program, &state, &request);
    let reply = reply.and_then(|reply| match reply.result.get(mark) {
        None if reply.ok => Err(Failure::new(FailureKind::ControlForeign)
            .fact("program", program)
            .fact("path", state.display())),
        _ => Ok(reply),
    });
    answered(matches, console, reply, print)
}

fn answered(
    matches: &ArgMatches,
    console: &mut Console,
    reply: Result<Reply, Failure>,
    print: impl FnOnce(&mut Console, &Value),
) -> u8 {
    let reply = match reply {
        Ok(reply) => reply,
        Err(failure) => {
            console.complain(failure.message(console.language));
            return WRONG;
        }
    };
    if matches.get_flag("json") {
        console.json(&reply.result);
    } else if reply.ok {
        print(console, &reply.result);
    } else {
        print_found(console, &reply.result);
    }
    if reply.ok {
        return DONE;
    }
    console.complain(reply.message);
    WRONG
}

fn print_found(console: &mut Console, result: &Value) {
    site::print_changes(console, &result["changes"]);
    for finding in result["findings"].as_array().into_iter().flatten() {
        let part = |name: &str| shown(&finding[name]);
        if finding["severity"] == "notice" {
            continue;
        }
        let mut place = match &finding["file"] {
            Value::String(file) => format!("{file}:{}: ", part("line")),
            _ => String::new(),
        };
        if let Some(field) = finding["field"].as_str().filter(|field| !field.is_empty()) {
            place.push_str(&format!("{field}: "));
        }
        let severity = if finding["severity"] == "error" { ERROR } else { WARNING };
        let severity = console.say(severity);
        console.line(format!("{place}{severity} [{}] {}", part("id"), part("text")));
        console.line(format!("    → {}", part("remedy")));
    }
}

fn plan_line(plan: &Value) -> String {
    let part = |name: &str| shown(&plan[name]);
    let hash: String = part("content_hash").chars().take(12).collect();
    let star = if plan["in_force"] == true { '*' } else { ' ' };
    let from = match &plan["restored_from"] {
        Value::Null => String::new(),
        generation => format!("  ← {generation}"),
    };
    format!("{star} {:>5}  {hash}  {}  {}{from}", part("generation"), part("accepted"), part("by"))
}

pub(super) fn mark_line(mark: &Value, language: Language) -> String {
    let part = |name: &str| shown(&mark[name]);
    let (number, subject) = (part("mark"), part("subject"));
    let kind = match (part("kind").as_str(), language) {
        ("quarantine", Language::Japanese) => "隔離".to_owned(),
        ("refuse", Language::Japanese) => "拒否".to_owned(),
        (kind, _) => kind.to_owned(),
    };
    let (since, until, by) = (part("since"), part("until"), part("by"));
    format!("{number:>5}  {kind:<10}  {subject}  {since} … {until}  {by}  {}", part("reason"))
}

/// Writes a plan's files into a new directory, whole or not at all.
fn write_files<'a>(
    console: &mut Console,
    out: &std::path::Path,
    files: impl Iterator<Item = (&'a String, &'a Value)>,
) -> u8 {
    let write = || {
        let staged = StagedDirectory::begin(out)?;
        for (path, content) in files {
            staged.file(path, &octets(content), files::PUBLIC_FILE)?;
        }
        staged.commit()
    };
    match write() {
        Ok(()) => DONE,
        Err(error) => {
            console.complain(error.text(console.language));
            WRONG
        }
    }
}

/// A file's octets: text as it is, anything else in hexadecimal.
fn octets(content: &Value) -> Vec<u8> {
    if let Value::String(text) = content {
        return text.as_bytes().to_vec();
    }
    let digits = content["hex"].as_str().unwrap_or_default().as_bytes();
    let (pairs, _) = digits.as_chunks::<2>();
    let octet = |pair: &[u8; 2]| {
        std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok())
    };
    pairs.iter().filter_map(octet).collect()
}

/// Whether a text is a time as [`Timestamp::rfc3339`] writes it.
fn is_machine_time(text: &str) -> bool {
    Timestamp::parse(text).is_ok_and(|time| time.rfc3339() == text)
}

/// A value without the quotes of JSON, a time as the clock on the wall shows it; `-` for nothing.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if is_machine_time(text) => Timestamp::told(text),
        Value::String(text) => on_one_line(text),
        Value::Null => "-".to_owned(),
        Value::Array(list) if list.is_empty() => "-".to_owned(),
        Value::Array(list) => list.iter().map(shown).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
