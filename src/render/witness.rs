//! The witnesses of a proof as Graphviz draws them: each a path from where a packet sets out to
//! where it should not arrive.

use super::topology::{colour, quoted};
use crate::plan::{Finding, Plan, Step, StepKind};
use crate::vocabulary::{EnvironmentIndex, Fact, Language};

/// A place on the path and what happens there.
struct Stop {
    shape: &'static str,
    fill: Option<&'static str>,
    lines: Vec<String>,
}

/// Writes the findings that have a witness in the language of `dot`, one cluster each.
#[must_use]
pub fn witnesses(plan: &Plan, findings: &[Finding], language: Language) -> String {
    let mut lines = vec![
        "digraph sekisho {".to_owned(),
        format!("  label={};", quoted(&format!("plan {}", super::short_hash(plan)))),
        "  rankdir=LR; node [shape=box, fontsize=9, style=filled, fillcolor=white];".to_owned(),
    ];
    let told = findings.iter().filter(|finding| !finding.witness.is_empty());
    for (number, finding) in told.enumerate() {
        let title = format!("[{}] {}", finding.kind.id(), finding.text(language));
        lines.push(format!("  subgraph cluster_{number} {{"));
        lines.push(format!("    label={};", quoted(&title)));
        let path = stops(plan, &finding.witness, language);
        for (place, stop) in path.iter().enumerate() {
            let fill = stop.fill.map(|fill| format!(", fillcolor=\"{fill}\"")).unwrap_or_default();
            lines.push(format!(
                "    s{number}_{place} [shape={}, label={}{fill}];",
                stop.shape,
                quoted(&stop.lines.join("\n")).replace('\n', "\\l")
            ));
        }
        for place in 1..path.len() {
            lines.push(format!("    s{number}_{} -> s{number}_{place};", place - 1));
        }
        lines.push("  }".to_owned());
    }
    lines.push("}\n".to_owned());
    lines.join("\n")
}

/// Steps that go somewhere are places; what is said of them in between stands in their label.
fn stops(plan: &Plan, witness: &[Step], language: Language) -> Vec<Stop> {
    let mut stops: Vec<Stop> = Vec::new();
    for (number, step) in (1..).zip(witness) {
        let line = format!("{number}. {}", step.text(language));
        let shape = match step.kind {
            StepKind::Begins | StepKind::Takes => "box",
            StepKind::Sends | StepKind::CutOff => "box3d",
            StepKind::Forwards => "diamond",
            _ => {
                match stops.last_mut() {
                    Some(stop) => stop.lines.push(line),
                    None => stops.push(Stop { shape: "note", fill: None, lines: vec![line] }),
                }
                continue;
            }
        };
        stops.push(Stop { shape, fill: environment(plan, step).map(colour), lines: vec![line] });
    }
    stops
}

/// The environment a step leads into.
fn environment(plan: &Plan, step: &Step) -> Option<EnvironmentIndex> {
    let (_, named) = step.facts.iter().find(|(name, _)| *name == "environment")?;
    let Fact::Word(named) = named else { return None };
    let indexed = (0_u8..).map(EnvironmentIndex).zip(&plan.environments);
    indexed.filter(|(_, each)| each.id == *named).map(|(index, _)| index).next()
}
