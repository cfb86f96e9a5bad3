//! `sekisho render`: the plan as configuration for the machines that carry it out.

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::arguments::Words;
use super::site;
use super::{Console, DONE, WRONG, WRONG_USE};
use crate::plan::{Gateway, Plan, nearest};
use crate::proof;
use crate::render::{self, Interfaces};
use crate::shell::clock;
use crate::shell::service::Directories;
use crate::vocabulary::{Language, Text};

pub(super) fn define(language: Language) -> Command {
    let words = Words(language);
    let name = |ja, en| Arg::new("name").value_name("NAME").required(true).help(words.say(ja, en));
    let gateway = words
        .verb(
            "gateway",
            "特定通信だけを通すゲートウェイの nftables の規則を書く(nft -f で読む)",
            "write the nftables rules of a gateway that permits just the flows, for nft -f",
        )
        .arg(name("ゲートウェイ", "gateway"))
        .arg(interface(words));
    let switch = words
        .verb(
            "switch",
            "スイッチのポートの設定を書く(Cisco、ALAXALA、Allied Telesis)",
            "write the configuration of a switch's ports (Cisco, ALAXALA, Allied Telesis)",
        )
        .arg(name("スイッチ", "switch"));
    let format = words
        .text("format", "FORMAT", "書式[既定: dot]", "format [default: dot]")
        .value_parser(["dot"])
        .default_value("dot")
        .hide_default_value(true)
        .hide_possible_values(true);
    let topology = Command::new("topology")
        .about(words.say(
            "拠点・スイッチ・リンク・ゲートウェイの図を書く(Graphviz)",
            "draw sites, switches, links and gateways (Graphviz)",
        ))
        .arg(format);
    let witness = Command::new("witness")
        .about(words.say(
            "分離の証明が示す経路の図を書く(Graphviz)",
            "draw the paths by which the proof says environments meet (Graphviz)",
        ))
        .arg(
            Arg::new("rule")
                .value_name("RULE")
                .value_parser(proof::STATIC_RULES.to_vec())
                .hide_possible_values(true)
                .help(words.say("規則(R01〜R24)だけ", "only of one rule, R01 to R24")),
        );
    words
        .group(
            "render",
            "計画どおりに動く機器の設定を書く",
            "write the configuration of the machines that carry the plan out",
        )
        .subcommand(site::with_files(gateway, words))
        .subcommand(site::with_files(switch, words))
        .subcommand(site::with_files(topology, words))
        .subcommand(site::with_files(witness, words))
}

/// `--interface VLAN=IFNAME`, as often as wanted.
pub(super) fn interface(words: Words) -> Arg {
    words
        .text(
            "interface",
            "VLAN=IFNAME",
            "VLAN のインターフェース名(繰り返し可)[既定: vlan<ID>]",
            "name of a VLAN's interface, repeatable [default: vlan<ID>]",
        )
        .action(ArgAction::Append)
}

pub(super) fn run(matches: &ArgMatches, console: &mut Console) -> u8 {
    let Some((kind, matches)) = matches.subcommand() else { return WRONG_USE };
    let directories = Directories {
        config: site::path(matches, "config"),
        topology: site::path(matches, "topology"),
        secrets: "secrets".into(),
    };
    // A drawing may show what is wrong; a device is told only what was proven.
    if matches!(kind, "topology" | "witness") {
        return match site::compile(&directories, console) {
            Ok(plan) => {
                let text = match kind {
                    "witness" => witness(&plan, matches, console),
                    _ => Ok(render::dot(&plan, console.language)),
                };
                written(text, console)
            }
            Err(code) => code,
        };
    }
    let plan = match site::accept(&directories, console) {
        Ok(plan) => plan,
        Err(code) => return code,
    };
    let text = match kind {
        "gateway" => named_gateway(&plan, matches, "name", console).map(|(gateway, interfaces)| {
            render::gateway(&plan, gateway, &interfaces, clock::now())
        }),
        _ => switch(&plan, matches, console),
    };
    written(text, console)
}

fn written(text: Result<String, u8>, console: &mut Console) -> u8 {
    match text {
        Ok(text) => {
            console.part(text);
            DONE
        }
        Err(code) => code,
    }
}

/// The gateway that an argument names, and its interfaces.
///
/// # Errors
/// The exit code, after saying why not.
pub(super) fn named_gateway<'a>(
    plan: &'a Plan,
    matches: &ArgMatches,
    argument: &str,
    console: &mut Console,
) -> Result<(&'a Gateway, Interfaces), u8> {
    let name = matches.get_one::<String>(argument).ok_or(WRONG_USE)?;
    let Some(gateway) = plan.gateways.iter().find(|gateway| gateway.id == *name) else {
        let known = plan.gateways.iter().map(|gateway| gateway.id.as_str());
        let text = Text {
            ja: "ゲートウェイ {name} は計画にありません: {nearest}",
            en: "the plan has no gateway {name}: {nearest}",
        };
        unknown(text, name, nearest(name, known), console);
        return Err(WRONG_USE);
    };
    let given: Vec<String> =
        matches.get_many::<String>("interface").into_iter().flatten().cloned().collect();
    match Interfaces::new(gateway, &given) {
        Ok(interfaces) => Ok((gateway, interfaces)),
        Err(refused) => {
            console.complain(refused.message(console.language));
            Err(WRONG)
        }
    }
}

/// The witnesses of the proof, of one rule if one is named.
fn witness(plan: &Plan, matches: &ArgMatches, console: &mut Console) -> Result<String, u8> {
    let mut findings = proof::prove(plan, None, clock::now()).findings;
    findings.retain(|finding| !finding.witness.is_empty());
    if let Some(rule) = matches.get_one::<String>("rule") {
        findings.retain(|finding| finding.kind.rule().as_ref() == Some(rule));
    }
    if findings.is_empty() {
        console.complain(console.say(Text {
            ja: "経路で示すような違反や例外はありません。",
            en: "there is nothing to show a path of",
        }));
        return Err(WRONG);
    }
    Ok(render::witnesses(plan, &findings, console.language))
}

fn switch(plan: &Plan, matches: &ArgMatches, console: &mut Console) -> Result<String, u8> {
    let name = matches.get_one::<String>("name").ok_or(WRONG_USE)?;
    let Some(index) = plan.switch_by_id(name) else {
        let known = plan.switches.iter().map(|switch| switch.id.as_str());
        let text = Text {
            ja: "スイッチ {name} は計画にありません: {nearest}",
            en: "the plan has no switch {name}: {nearest}",
        };
        unknown(text, name, nearest(name, known), console);
        return Err(WRONG_USE);
    };
    match render::switch(plan, index) {
        Ok(text) => Ok(text),
        Err(refused) => {
            console.complain(refused.message(console.language));
            Err(WRONG)
        }
    }
}

fn unknown(text: Text, name: &str, nearest: String, console: &mut Console) {
    let facts = [("name", name.to_owned()), ("nearest", nearest)];
    console.complain(text.fill(console.language, &facts));
}
