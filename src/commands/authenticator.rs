//! `sekisho authenticator`: a switch port in software, its file checked, its ports shown.

use std::path::PathBuf;

use clap::{ArgMatches, Command};
use serde_json::Value;

use super::arguments::{Words, shown};
use super::{Console, DONE, WRONG, WRONG_USE};
use super::{operate, site};
use crate::authenticator::{Method, State};
use crate::shell::authenticator::Running;
use crate::shell::authenticator::file::{self, File};
use crate::shell::{Failure, FailureKind};
use crate::vocabulary::Language;

/// The columns of `status`.
const HEADINGS: [(&str, &str); 6] = [
    ("ポート", "port"),
    ("MAC アドレス", "MAC"),
    ("状態", "state"),
    ("方式", "method"),
    ("VLAN", "VLAN"),
    ("開始", "since"),
];

pub(super) fn define(language: Language) -> Command {
    let words = Words(language);
    let file = || {
        words
            .path("config", "FILE", "認証スイッチの設定ファイル", "file of the authenticator")
            .required(true)
    };
    let run = words.verb(
        "run",
        "ポートを認証し、VLAN を Open vSwitch に反映する(SIGTERM ですべて閉じて停止)",
        "authenticate ports and put them into VLANs of Open vSwitch (SIGTERM closes all and stops)",
    );
    let check =
        words.verb("check", "設定ファイルを検査する", "look for mistakes in the file").arg(file());
    let status = Command::new("status")
        .about(words.say("ポートの状態を示す", "show what the ports are doing"));
    words
        .group(
            "authenticator",
            "このマシンを 802.1X 認証スイッチにする(Open vSwitch を使う)",
            "make this machine an 802.1X access switch (over Open vSwitch)",
        )
        .subcommands([
            site::with_state(run.arg(file()), words),
            check,
            site::with_json(site::with_state(status, words), words),
        ])
}

pub(super) fn run(matches: &ArgMatches, console: &mut Console) -> u8 {
    match matches.subcommand() {
        Some(("run", inner)) => serve(inner, console),
        Some(("check", inner)) => read(inner, console).map_or(WRONG, |_| DONE),
        Some(("status", inner)) => status(inner, console),
        _ => WRONG_USE,
    }
}

/// Reads the file and prints what is wrong with it.
fn read(matches: &ArgMatches, console: &mut Console) -> Option<File> {
    let path: PathBuf = site::path(matches, "config");
    let (file, findings) = file::read(&path);
    site::print_findings(console, &findings);
    if file.is_none() {
        let failure = Failure::new(FailureKind::AuthenticatorRefused).fact("path", shown(&path));
        let (errors, _) = site::count(&findings);
        console.complain(failure.fact("errors", errors).message(console.language));
    }
    file
}

fn serve(matches: &ArgMatches, console: &mut Console) -> u8 {
    let Some(file) = read(matches, console) else { return WRONG };
    let started = Running::start(file, &site::path(matches, "state"), std::io::stdout());
    match started.and_then(|running| running.obey_signals().map(|()| running)) {
        Ok(running) => {
            running.run();
            DONE
        }
        Err(failure) => {
            console.complain(failure.message(console.language));
            WRONG
        }
    }
}

fn status(matches: &ArgMatches, console: &mut Console) -> u8 {
    operate::ask_status_of(
        "sekisho authenticator run",
        "ports",
        matches,
        console,
        |console, result| {
            let heading = HEADINGS.map(|(ja, en)| match console.language {
                Language::Japanese => ja.to_owned(),
                Language::English => en.to_owned(),
            });
            console.line(row(&heading));
            let ports = result.get("ports").and_then(Value::as_array);
            for port in ports.into_iter().flatten() {
                let keys = ["port", "mac", "state", "method", "vlan", "since"];
                let [name, mac, state, method, vlan, since] =
                    keys.map(|key| operate::shown(port.get(key).unwrap_or(&Value::Null)));
                let language = console.language;
                let state = State::ALL
                    .iter()
                    .find(|it| it.id() == state)
                    .map_or(state, |it| it.text().get(language).to_owned());
                let method = Method::ALL
                    .iter()
                    .find(|it| it.id() == method)
                    .map_or(method, |it| it.text().get(language).to_owned());
                console.line(row(&[name, mac, state, method, vlan, since]));
            }
        },
    )
}

fn row([port, mac, state, method, vlan, since]: &[String; 6]) -> String {
    let cells = [(port, 15), (mac, 17), (vlan, 5), (state, 30), (method, 28)];
    let mut line = String::new();
    for (cell, width) in cells {
        line.push_str(cell);
        line.push_str(&" ".repeat(width_left(cell, width) + 1));
    }
    line.push_str(since);
    line
}

/// Columns left of `width`; a character outside ASCII takes two.
fn width_left(text: &str, width: usize) -> usize {
    let taken: usize = text.chars().map(|it| if it.is_ascii() { 1 } else { 2 }).sum();
    width.saturating_sub(taken)
}
