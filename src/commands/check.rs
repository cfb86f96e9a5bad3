//! `sekisho check`: compiles a site's files and says everything that is wrong with them.

use clap::{ArgMatches, Command};
use serde_json::json;

use super::arguments::Words;
use super::site;
use super::{Console, DONE, WRONG};
use crate::plan::{self, Plan};
use crate::shell::clock;
use crate::shell::service::{Material as _, findings_json};
use crate::vocabulary::{Language, Text, hex};

pub(super) fn define(language: Language) -> Command {
    let words = Words(language);
    let about = words.say("設定を検査し、問題をすべて示す(終了コード: 0 誤りなし、1 誤りあり、2 使い方の誤り)", "check the files and show everything wrong with them (exit 0 no errors, 1 errors, 2 wrong use)");
    let command = Command::new("check").about(about);
    site::with_json(site::with_secrets(site::with_files(command, words), words), words)
}

pub(super) fn run(matches: &ArgMatches, console: &mut Console) -> u8 {
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
    if let Some(plan) = &compiled.plan {
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
