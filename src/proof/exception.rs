//! Dated exceptions (例外措置, rule R23): what they excuse, and what is left when they lapse.

use crate::plan::{ExceptionObject, Finding, Plan, Severity, Step, StepKind};
use crate::vocabulary::{Fact, Timestamp};

/// Facts of a finding that an exception may name as its object.
const OBJECTS: &[&str] = &[
    "link", "switch", "gateway", "flow", "port", "ports", "lag", "relay", "address", "ssid",
    "rule", "device",
];

/// Grades a finding down when an exception names its rule and one of its objects: to a notice
/// while the exception is in force, to a warning when it has lapsed, since the passage of time
/// must not stop the service.
pub(super) fn excuse(plan: &Plan, finding: &mut Finding, now: Timestamp) {
    let Some(rule) = finding.kind.rule() else { return };
    if finding.severity() == Severity::Notice {
        return;
    }
    let named = |name: &str| {
        finding.facts.iter().any(|(fact, value)| match value {
            Fact::Word(word) => OBJECTS.contains(fact) && word == name,
            Fact::Day(_) | Fact::Both(_) => false,
        })
    };
    let concerns = |object: &ExceptionObject| match object {
        ExceptionObject::Other(name) => named(name),
        ExceptionObject::Switch(index) => {
            plan.switch(*index).is_some_and(|switch| named(&switch.id))
        }
        ExceptionObject::Device(index) => {
            plan.device(*index).is_some_and(|device| named(&device.asset))
        }
        ExceptionObject::Class(_) => false,
    };
    let found = plan
        .exceptions
        .iter()
        .filter(|exception| exception.rule == rule && exception.objects.iter().any(concerns))
        .max_by_key(|exception| exception.in_force(now));
    let Some(exception) = found else { return };
    let (kind, severity) = if exception.in_force(now) {
        (StepKind::Excepted, Severity::Notice)
    } else {
        (StepKind::Lapsed, Severity::Warning)
    };
    finding.graded = Some(severity);
    let mut step =
        Step::new(kind).fact("exception", &exception.id).fact("approver", &exception.approver);
    step.facts.push(("until", Fact::Day(exception.expires.just_before())));
    finding.witness.push(step);
}
