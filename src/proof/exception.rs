//! Dated exceptions (例外措置, rule R23): what they excuse, and what is left when they lapse.

use super::STATIC_RULES;
use crate::plan::{Exception, Finding, FindingKind, Plan, Severity, Step, StepKind};
use crate::vocabulary::{Fact, Timestamp};

/// Facts of a finding that an exception may name as its object.
const OBJECTS: &[&str] = &[
    "link", "switch", "gateway", "flow", "port", "ports", "lag", "relay", "address", "ssid",
    "rule", "device",
];

/// Grades findings down where an exception names their rule and one of their objects: to a notice
/// while the exception is in force, to a warning when it has lapsed, since the passage of time
/// must not stop the service. An exception in force that excuses nothing is a notice of its own.
pub(super) fn excuse(plan: &Plan, findings: &mut Vec<Finding>, now: Timestamp) {
    let mut idle = Vec::new();
    // Rule R10 is about devices, and asked when they come.
    for exception in plan.exceptions.iter().filter(|exception| exception.rule != "R10") {
        for object in exception.objects.iter().map(|object| plan.object_name(object)) {
            let mut used = false;
            for finding in findings.iter_mut().filter(|it| concerns(it, &exception.rule, object)) {
                used = true;
                grade(finding, exception, now);
            }
            if !used && exception.in_force(now) && STATIC_RULES.contains(&exception.rule.as_str()) {
                let at = Some(exception.at.clone());
                idle.push(
                    Finding::new(FindingKind::ExceptionIdle, at, "objects")
                        .fact("exception", &exception.id)
                        .fact("rule", &exception.rule)
                        .fact("object", object),
                );
            }
        }
    }
    findings.extend(idle);
}

/// Whether a finding is about that rule and that object.
fn concerns(finding: &Finding, rule: &str, object: &str) -> bool {
    let excusable = finding.kind.severity() > Severity::Notice;
    let named = |(fact, value): &(&str, Fact)| match value {
        Fact::Word(word) => OBJECTS.contains(fact) && word == object,
        Fact::Day(_) | Fact::Both(_) => false,
    };
    excusable && finding.kind.rule().as_deref() == Some(rule) && finding.facts.iter().any(named)
}

fn grade(finding: &mut Finding, exception: &Exception, now: Timestamp) {
    let (kind, severity) = if exception.in_force(now) {
        (StepKind::Excepted, Severity::Notice)
    } else {
        (StepKind::Lapsed, Severity::Warning)
    };
    // One that holds outweighs one that has lapsed.
    if finding.graded.is_some_and(|graded| graded <= severity) {
        return;
    }
    finding.graded = Some(severity);
    let mut step =
        Step::new(kind).fact("exception", &exception.id).fact("approver", &exception.approver);
    step.facts.push(("until", Fact::Day(exception.expires.just_before())));
    finding.witness.retain(|step| step.kind != StepKind::Lapsed);
    finding.witness.push(step);
}
