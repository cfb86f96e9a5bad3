//! What switches' own tables say, beside what RADIUS knows of their ports.

use std::collections::HashMap;

use maud::{Markup, html};
use serde_json::Value;

use super::Visit;
use crate::shell::control::Command;

/// Findings of one switch that are shown.
const SHOWN_MAX: usize = 20;

/// How the tables of switches were read, by switch; those with findings whole.
pub(super) async fn read(visit: &Visit<'_>, of: impl Fn(&str) -> bool) -> HashMap<String, Value> {
    let mut found = HashMap::new();
    let Ok(all) = visit.carry(Command::SwitchStatus { switch: None }).await else { return found };
    for row in list(&all, "switches") {
        let Some(id) = row["switch"].as_str().filter(|id| of(id)) else { continue };
        let suspects = ["r17", "r18", "r19"].iter().any(|rule| row[rule].as_u64() > Some(0));
        let switch = Some(id.to_owned());
        let whole =
            if suspects { visit.carry(Command::SwitchStatus { switch }).await.ok() } else { None };
        found.insert(id.to_owned(), whole.unwrap_or_else(|| row.clone()));
    }
    found
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// How the tables of a switch stand; nothing where it is not asked at all.
pub(super) fn standing(visit: &Visit<'_>, status: Option<&Value>) -> Markup {
    let say = |ja, en| visit.say(ja, en);
    let Some(status) = status.filter(|it| it["state"] != "unasked") else { return html! {} };
    let fresh = status["state"] == "fresh";
    let findings = list(status, "findings");
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    html! {
        p.quiet {
            (say("表(SNMP)", "tables (SNMP)")) " "
            @match status["age_s"].as_u64() {
                Some(age) if fresh => { (age) " " (say("秒前に読めています", "s ago")) },
                _ => {
                    (say("未測定", "not measured"))
                    @if let Some(fault) = status["fault"].as_str() { " · " (fault) }
                },
            }
        }
        @for finding in findings.iter().take(SHOWN_MAX) {
            @let subject = text(finding, "subject");
            p.notice.bad {
                (text(finding, "rule")) " "
                (match finding["rule"].as_str() {
                    Some("R17") => say("認証の無い MAC アドレス", "an address without a session"),
                    Some("R18") => say("二か所にある MAC アドレス", "an address in two places"),
                    _ => say("計画にない隣接機器", "a neighbour that the plan does not have"),
                })
                " · " (text(finding, "port")) " · " (subject)
                @if finding["rule"] == "R18" { " · " (text(finding, "other")) }
            }
        }
        @if findings.len() > SHOWN_MAX { p.quiet { "+" (findings.len() - SHOWN_MAX) } }
    }
}
