//! `sekisho check`: compiles a site's files and says everything that is wrong with them.

use std::path::PathBuf;

use clap::{ArgMatches, Command};
use serde_json::{Value, json};

use super::arguments::Words;
use super::{Console, DONE, WRONG};
use super::{render, running, site};
use crate::plan::{self, Edition, Finding, Plan};
use crate::proof::{self, Standing, standings};
use crate::shell::clock;
use crate::shell::service::{Material as _, findings_json};
use crate::vocabulary::{Language, Text, hex};

pub(super) fn define(language: Language) -> Command {
    let words = Words(language);
    let about = words.say("設定を検査し、問題をすべて示す(終了コード: 0 誤りなし、1 誤りあり、2 使い方の誤り)", "check the files and show everything wrong with them (exit 0 no errors, 1 errors, 2 wrong use)");
    let command = Command::new("check").about(about);
    let edition = words
        .text(
            "edition",
            "EDITION",
            "この版のガイドラインで検査する(R4.3、R6.10、R7.3)[既定: policy.toml の edition]",
            "check against this edition of the guideline (R4.3, R6.10, R7.3) [default: that of policy.toml]",
        )
        .value_parser(Edition::ALL.map(Edition::id))
        .hide_possible_values(true);
    let running = words
        .path(
            "running",
            "FILE",
            "代わりに、ゲートウェイで動く規則(nft -j list ruleset の出力、- は標準入力)を計画と比べる",
            "instead compare the rules that run on a gateway (output of nft -j list ruleset, - for standard input) with the plan",
        )
        .requires("gateway")
        .conflicts_with("edition");
    let gateway =
        words.text("gateway", "NAME", "そのゲートウェイ", "that gateway").requires("running");
    let command = command
        .arg(edition)
        .arg(running)
        .arg(gateway)
        .arg(render::interface(words).requires("running"));
    let command = site::with_secrets(site::with_files(command, words), words);
    site::with_json(command, words)
}

pub(super) fn run(matches: &ArgMatches, console: &mut Console) -> u8 {
    if let Some(file) = matches.get_one::<PathBuf>("running") {
        return running::run(matches, file, console);
    }
    let directories = site::directories(matches);
    let now = clock::now();
    let sources = match directories.sources() {
        Ok(sources) => sources,
        Err(failure) => {
            console.complain(failure.message(console.language));
            return WRONG;
        }
    };
    let compiled = plan::compile(&sources, now);
    let mut findings = compiled.findings;
    let edition = matches.get_one::<String>("edition").and_then(|id| Edition::parse(id));
    if let Some(plan) = &compiled.plan {
        findings.extend(proof::prove(plan, edition, now).findings);
        match directories.credentials(plan, now) {
            Ok((_, more)) => findings.extend(more),
            Err(failure) => {
                console.complain(failure.message(console.language));
                return WRONG;
            }
        }
    }
    let (errors, warnings) = site::count(&findings);
    let plan = compiled.plan.as_ref();
    if matches.get_flag("json") {
        console.json(&json!({
            "errors": errors,
            "warnings": warnings,
            "rules": rules_json(plan, &findings),
            "findings": findings_json(&findings, console.language),
            "plan": plan.map(|plan| json!({
                "content_hash": hex(&plan.content_hash),
                "environments": plan.environments.len(),
                "sites": plan.sites.len(),
                "switches": plan.switches.len(),
                "devices": plan.devices.len(),
                "rules": plan.rules.len(),
            })),
        }));
    } else {
        site::print_findings(console, &findings);
        if plan.is_some() {
            let rules = rules_line(&findings, console.language);
            console.line(rules);
        }
        let verdict = summary(plan, errors, warnings, console.language);
        console.line(verdict);
    }
    if errors == 0 { DONE } else { WRONG }
}

fn summary(plan: Option<&Plan>, errors: usize, warnings: usize, language: Language) -> String {
    let text = match plan {
        Some(_) => Text {
            ja: "環境 {environments}、拠点 {sites}、スイッチ {switches}、端末 {devices}。誤り {errors} 件、警告 {warnings} 件。",
            en: "environments {environments}, sites {sites}, switches {switches}, devices {devices}; errors: {errors}, warnings: {warnings}",
        },
        None => Text {
            ja: "誤り {errors} 件、警告 {warnings} 件。この設定は使えません。",
            en: "errors: {errors}, warnings: {warnings}; no plan can be made of these files",
        },
    };
    let mut facts = vec![("errors", errors.to_string()), ("warnings", warnings.to_string())];
    if let Some(plan) = plan {
        facts.push(("environments", plan.environments.len().to_string()));
        facts.push(("sites", plan.sites.len().to_string()));
        facts.push(("switches", plan.switches.len().to_string()));
        facts.push(("devices", plan.devices.len().to_string()));
    }
    text.fill(language, &facts)
}

/// `null` where no plan could be made, since then nothing was proven.
fn rules_json(plan: Option<&Plan>, findings: &[Finding]) -> Value {
    if plan.is_none() {
        return Value::Null;
    }
    let one = |(rule, standing): (String, Standing)| (rule, json!(standing.id()));
    Value::Object(standings(findings).into_iter().map(one).collect())
}

fn rules_line(findings: &[Finding], language: Language) -> String {
    let heading = Text {
        ja: "規則(○ 適合、△ 例外・警告あり、× 不適合、－ 未測定):",
        en: "rules (○ held, △ with an exception or warning, × broken, － not measured):",
    };
    let rules: Vec<String> = standings(findings)
        .into_iter()
        .map(|(rule, standing)| format!("{rule}{}", standing.sign()))
        .collect();
    format!("{} {}", heading.get(language), rules.join(" "))
}
