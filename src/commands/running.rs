//! `sekisho check --running`: whether the rules on a gateway permit exactly what the plan does.

use std::path::Path;

use clap::ArgMatches;
use serde_json::{Value, json};

use super::render::named_gateway;
use super::site;
use super::{Console, DONE, WRONG};
use crate::render::running;
use crate::shell::{clock, files};
use crate::vocabulary::{Text, hex};

pub(super) fn run(matches: &ArgMatches, running: &Path, console: &mut Console) -> u8 {
    let directories = site::directories(matches);
    let plan = match site::accept(&directories, console) {
        Ok(plan) => plan,
        Err(code) => return code,
    };
    let (gateway, interfaces) = match named_gateway(&plan, matches, "gateway", console) {
        Ok(found) => found,
        Err(code) => return code,
    };
    let content = match files::read_or_input(running) {
        Ok(content) => content,
        Err(error) => {
            console.complain(error.text(console.language));
            return WRONG;
        }
    };
    // What is no JSON has no rules to read, which is said as such.
    let document: Value = serde_json::from_slice(&content).unwrap_or(Value::Null);
    let drifts = running::compare(&plan, gateway, &interfaces, clock::now(), &document);
    let language = console.language;
    if matches.get_flag("json") {
        let one = |drift: &running::Drift| {
            let facts = drift.facts.iter().map(|(name, value)| ((*name).to_owned(), json!(value)));
            json!({
                "id": drift.id,
                "severity": "error",
                "text": drift.text(language),
                "facts": Value::Object(facts.collect()),
            })
        };
        console.json(&json!({
            "gateway": gateway.id,
            "plan": hex(&plan.content_hash),
            "errors": drifts.len(),
            "drift": drifts.iter().map(one).collect::<Vec<_>>(),
        }));
    } else {
        let severity = console.say(Text { ja: "誤り", en: "error" });
        for drift in &drifts {
            console.line(format!("{severity} [{}] {}", drift.id, drift.text(language)));
        }
        let verdict = if drifts.is_empty() {
            Text {
                ja: "ゲートウェイ {gateway} は計画が許すものだけをすべて通します。",
                en: "gateway {gateway} permits exactly what the plan does",
            }
        } else {
            Text {
                ja: "ゲートウェイ {gateway}: 計画との違い {count} 件。",
                en: "gateway {gateway}: differences from the plan: {count}",
            }
        };
        let facts = [("gateway", gateway.id.clone()), ("count", drifts.len().to_string())];
        console.line(verdict.fill(language, &facts));
    }
    if drifts.is_empty() { DONE } else { WRONG }
}
