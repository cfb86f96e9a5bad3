//! `switch`: how the tables of switches are read by SNMP, and what they show.

use std::time::Duration;

use clap::{Arg, ArgMatches, Command};
use serde_json::Value;

use super::arguments::Words;
use super::operate::{ask, common, shown};
use super::{Console, DONE, WRONG, WRONG_USE, site};
use crate::shell::clock;
use crate::shell::control::{self, Command as Ask, Request};
use crate::vocabulary::{Language, Text};

/// How often it is looked whether a sweep has ended, and how many times at most.
const LOOK_EVERY: Duration = Duration::from_millis(200);
const LOOKS_MAX: u32 = 300;

pub(super) fn define(language: Language) -> Command {
    let words = Words(language);
    let name =
        |required| {
            Arg::new("switch").value_name("NAME").required(required).help(words.say(
                "スイッチの id。省略するとすべて",
                "the switch's id; every switch when absent",
            ))
        };
    let status = Command::new("status")
        .about(words.say(
            "スイッチの表(転送表・隣接機器・ポート)と、R17–R19 に合わないもの",
            "what the tables of switches show, and what breaks R17 to R19",
        ))
        .arg(name(false));
    let sweep = Command::new("sweep")
        .about(words.say("スイッチの表を今すぐ読む", "read the tables of a switch now"))
        .arg(name(true));
    Command::new("switch")
        .about(words.say(
            "SNMP で読むスイッチの表(実際につながっているもの)",
            "the tables of switches by SNMP: what is really plugged in",
        ))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommands([status, sweep].map(|command| common(command, words)))
}

pub(super) fn run(matches: &ArgMatches, console: &mut Console) -> u8 {
    let name = |inner: &ArgMatches| inner.get_one::<String>("switch").cloned();
    match matches.subcommand() {
        Some(("status", inner)) => status(inner, console, name(inner)),
        Some(("sweep", inner)) => sweep(inner, console, name(inner).unwrap_or_default()),
        _ => WRONG_USE,
    }
}

fn status(matches: &ArgMatches, console: &mut Console, switch: Option<String>) -> u8 {
    ask(matches, console, Ask::SwitchStatus { switch }, print)
}

/// Has a switch swept, waits for the end, and shows what came of it.
fn sweep(matches: &ArgMatches, console: &mut Console, switch: String) -> u8 {
    let state = site::path(matches, "state");
    let language = console.language.id().to_owned();
    let put = |command| control::ask(&state, &Request { language: language.clone(), command });
    let tried = |result: &Value| {
        let count = |name: &str| result[name].as_u64().unwrap_or_default();
        count("sweeps") + count("failures")
    };
    let before = match put(Ask::SwitchSweep { switch: switch.clone() }) {
        Ok(reply) if reply.ok => tried(&reply.result),
        Ok(reply) => {
            console.complain(reply.message);
            return WRONG;
        }
        Err(failure) => {
            console.complain(failure.message(console.language));
            return WRONG;
        }
    };
    for _ in 0..LOOKS_MAX {
        clock::rest(LOOK_EVERY);
        let now = put(Ask::SwitchStatus { switch: Some(switch.clone()) });
        if now.is_ok_and(|reply| tried(&reply.result) > before) {
            break;
        }
    }
    let mut fault = Value::Null;
    let code =
        ask(matches, console, Ask::SwitchStatus { switch: Some(switch) }, |console, result| {
            fault = result["fault"].clone();
            print(console, result);
        });
    if code == DONE && !fault.is_null() { WRONG } else { code }
}

fn print(console: &mut Console, result: &Value) {
    if let Some(switches) = result["switches"].as_array() {
        if switches.iter().all(is_unasked) {
            let text = Text {
                ja: "SNMP で読むスイッチがありません(R17–R19 は未測定)。{remedy}",
                en: "no switch is asked by SNMP, so R17 to R19 are not measured; {remedy}",
            };
            return console.line(text.fill(console.language, &[remedy(console.language)]));
        }
        for switch in switches {
            console.line(line(switch));
        }
        let text = Text {
            ja: "端末ポートのあるスイッチ: 読めている {fresh} 台、未測定 {stale} 台",
            en: "switches with edge ports: {fresh} are read, {stale} are not measured",
        };
        let fact = |name| (name, shown(&result[name]));
        return console.line(text.fill(console.language, &[fact("fresh"), fact("stale")]));
    }
    if is_unasked(result) {
        let text = Text {
            ja: "スイッチ {switch} は SNMP で読んでいません。{remedy}",
            en: "the switch {switch} is not asked by SNMP; {remedy}",
        };
        let facts = [("switch", part(result, "switch")), remedy(console.language)];
        return console.line(text.fill(console.language, &facts));
    }
    console.line(line(result));
    let list = |name: &str| result[name].as_array().cloned().unwrap_or_default();
    for found in list("findings") {
        let part = |name| part(&found, name);
        let (rule, port, subject) = (part("rule"), part("port"), part("subject"));
        console.line(format!("{rule}  {port:<12}  {subject}  {}", part("other")));
    }
    for station in list("table") {
        let part = |name| part(&station, name);
        console.line(format!("FDB   {:<12}  {}  VLAN {}", part("port"), part("mac"), part("vlan")));
    }
    for neighbour in list("neighbours") {
        let part = |name| part(&neighbour, name);
        let (port, remote) = (part("port"), part("remote_port"));
        let (system, chassis) = (part("system"), part("chassis"));
        console.line(format!("LLDP  {port:<12}  {system}  {chassis}  {remote}"));
    }
}

fn is_unasked(switch: &Value) -> bool {
    switch["state"] == "unasked"
}

fn remedy(language: Language) -> (&'static str, String) {
    let text = Text {
        ja: "機種のプロファイル(config/profiles)に [snmp] を書き、secrets/snmp に秘密情報を置いて、sekisho reload で反映してください",
        en: "write [snmp] into the profile of its model (config/profiles), put the secrets into secrets/snmp, and carry out sekisho reload",
    };
    ("remedy", text.get(language).to_owned())
}

fn part(of: &Value, name: &str) -> String {
    shown(&of[name])
}

fn line(switch: &Value) -> String {
    let part = |name| part(switch, name);
    let (id, state, age) = (part("switch"), part("state"), part("age_s"));
    if is_unasked(switch) {
        return format!("{id:<16}  {state}");
    }
    let (stations, took, requests) = (part("stations"), part("took_ms"), part("requests"));
    let rules = format!("R17 {} R18 {} R19 {}", part("r17"), part("r18"), part("r19"));
    let fault = part("fault");
    format!(
        "{id:<16}  {state:<8}  {age:>5} s  {stations:>5} MAC  {rules}  {requests} req {took} ms  {fault}"
    )
}
