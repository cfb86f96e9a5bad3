//! Evidence in, decision out.

use super::objection::{self, Subject};
use super::{Decision, Entry, Evidence, Verdict};
use crate::plan::{Action, FilterMeans, Medium, Method, Plan, PortRole, Rule, VlanMeans};
use crate::vocabulary::{
    Because, Certificate, EnvironmentIndex, Mark, MarkKind, MarkSubject, Marks, Outcome, Place,
    Point, Reason, RuleIndex, Timestamp, VlanId,
};

/// Decides whether the device behind `evidence` may join at `place`, and where.
///
/// The steps, each of which can only take away: the place must be an access point of the plan;
/// the evidence must name exactly one registered device or grant; nothing may speak against it
/// ([`objection`]); the first policy rule that matches must admit; the VLAN must be of the
/// device's own environment. A rule may turn an objection into quarantine, never into admission.
#[must_use]
pub fn decide(
    plan: &Plan,
    marks: &Marks,
    evidence: &Evidence,
    place: &Place,
    now: Timestamp,
) -> Decision {
    if let Some(because) = objection::to_place(plan, evidence, place) {
        return Decision::refuse(because);
    }
    let subject = match objection::identify(plan, evidence, now) {
        Ok(subject) => subject,
        Err(because) => return Decision::refuse(because),
    };
    let decision = judge(plan, &subject, evidence, place, now);
    // Most days nobody is marked, and the subjects need not be spelled out.
    let strictest = (!marks.is_empty())
        .then(|| marks.strictest(&mark_subjects(plan, &subject, evidence, place), now));
    match strictest.flatten() {
        Some(mark) => marked(plan, &subject, evidence, place, decision, mark),
        None => decision,
    }
}

/// What a mark leaves of a decision: never more than there was without it.
fn marked(
    plan: &Plan,
    subject: &Subject,
    evidence: &Evidence,
    place: &Place,
    decision: Decision,
    mark: &Mark,
) -> Decision {
    let because = |reason| subject.because(reason).fact("why", &mark.reason).fact("by", &mark.by);
    match (mark.kind, decision.outcome()) {
        (MarkKind::Refuse, _) => Decision::refuse(because(Reason::Marked)),
        (MarkKind::Quarantine, Outcome::Refuse) => decision,
        (MarkKind::Quarantine, Outcome::Admit | Outcome::Quarantine) => {
            quarantine(plan, evidence, place, None, because(Reason::MarkedQuarantine))
        }
    }
}

/// The decision without marks.
fn judge(
    plan: &Plan,
    subject: &Subject,
    evidence: &Evidence,
    place: &Place,
    now: Timestamp,
) -> Decision {
    let objection = objection::to_subject(plan, subject, evidence, place, now);
    let rule = matching_rule(plan, subject, evidence, place);
    match (objection, rule) {
        (Some(because), Some((index, rule))) if rule.action == Action::Quarantine => {
            let because = Because { rule: Some(index), ..because };
            quarantine(plan, evidence, place, Some(rule), because)
        }
        (Some(because), _) => Decision::refuse(because),
        (None, None) => Decision::refuse(subject.because(Reason::NoRule)),
        (None, Some((index, rule))) => {
            let because = |reason| Because {
                rule: Some(index),
                ..subject.because(reason).fact("rule", rule.id.as_str())
            };
            match rule.action {
                Action::Refuse => Decision::refuse(because(Reason::RuleRefused)),
                Action::Quarantine => {
                    let because = because(Reason::RuleQuarantined);
                    quarantine(plan, evidence, place, Some(rule), because)
                }
                Action::Admit => {
                    let reason = match subject {
                        Subject::Device(_) => Reason::Admitted,
                        Subject::Grant(_) => Reason::GrantAdmitted,
                    };
                    admit(plan, subject, evidence, (place, now), rule, because(reason))
                }
            }
        }
    }
}

fn mark_subjects(
    plan: &Plan,
    subject: &Subject,
    evidence: &Evidence,
    place: &Place,
) -> Vec<MarkSubject> {
    let mut subjects = vec![MarkSubject::Mac(evidence.mac())];
    if let Subject::Device(index) = subject
        && let Some(device) = plan.device(*index)
    {
        subjects.push(MarkSubject::Asset(device.asset.clone()));
        // A mark on one of a device's addresses holds for all of them.
        subjects.extend(device.macs.iter().map(|mac| MarkSubject::Mac(*mac)));
    }
    if let Point::Port(port) = place.point
        && let Some(switch) = plan.switch(place.switch)
        && let Some(port) = plan.port(place.switch, port)
    {
        subjects.push(MarkSubject::Port(switch.id.clone(), port.name.clone()));
    }
    subjects
}

fn matching_rule<'a>(
    plan: &'a Plan,
    subject: &Subject,
    evidence: &Evidence,
    place: &Place,
) -> Option<(RuleIndex, &'a Rule)> {
    let method = match evidence {
        Evidence::Mac(_) => Method::Mab,
        Evidence::Certificate { .. } => Method::EapTls,
    };
    let medium = if place.point.is_wireless() { Medium::Wireless } else { Medium::Wired };
    let site = plan.place_site(place);
    let class = match subject {
        Subject::Device(index) => Some(plan.device(*index)?.class),
        Subject::Grant(_) => None,
    };
    let environment = subject.environment(plan)?;
    let matches = |rule: &Rule| {
        rule.grants == class.is_none()
            && class.is_none_or(|class| rule.classes.as_ref().is_none_or(|l| l.contains(&class)))
            && rule.environments.as_ref().is_none_or(|list| list.contains(&environment))
            && rule.methods.as_ref().is_none_or(|list| list.contains(&method))
            && rule.media.as_ref().is_none_or(|list| list.contains(&medium))
            && rule.sites.as_ref().is_none_or(|list| site.is_some_and(|site| list.contains(&site)))
            && rule.switches.as_ref().is_none_or(|list| list.contains(&place.switch))
    };
    let position = plan.rules.iter().position(matches)?;
    Some((RuleIndex(u16::try_from(position).ok()?), plan.rules.get(position)?))
}

fn admit(
    plan: &Plan,
    subject: &Subject,
    evidence: &Evidence,
    (place, now): (&Place, Timestamp),
    rule: &Rule,
    because: Because,
) -> Decision {
    let Some(environment) = subject.environment(plan) else {
        return Decision::refuse(subject.because(Reason::NoRule));
    };
    let environment_id = plan.environment(environment).map_or("-", |found| found.id.as_str());
    let vlan = rule.vlan.or_else(|| vlan_at(plan, place, environment));
    // The plan was compiled so that a rule's VLAN is of the rule's environment; asking again here
    // keeps the promise of this room independent of that compiler.
    let vlan = vlan.filter(|vlan| plan.vlan_environment(*vlan) == Some(environment));
    let Some(vlan) = vlan else {
        let because = subject
            .because(Reason::EnvironmentNotServed)
            .fact("place", plan.place_name(place))
            .fact("environment", environment_id);
        return Decision::refuse(because);
    };
    // A filter that cannot be sent would silently be none.
    if rule.filter.is_some()
        && let Some(profile) = plan.profile_of(place.switch)
        && matches!(profile.reply.filter, FilterMeans::None | FilterMeans::Vsa)
    {
        let because = subject.because(Reason::FilterUnsupported).fact("rule", &rule.id);
        return Decision::refuse(because.fact("profile", &profile.id));
    }
    let mut because = because.fact("environment", environment_id);
    let grant = match subject {
        Subject::Device(_) => None,
        Subject::Grant(index) => plan.grant(*index),
    };
    if let Some(grant) = grant {
        because = because.fact("grant", &grant.id).day("until", grant.until.just_before());
    }
    let permission_end = match (subject, evidence) {
        (Subject::Grant(_), _) => grant.map(|grant| grant.until),
        // Who comes in by an exception leaves with it.
        (Subject::Device(index), Evidence::Mac(_)) => {
            plan.mac_exception(*index, now).map(|exception| exception.expires)
        }
        (Subject::Device(_), Evidence::Certificate { .. }) => None,
    };
    let entry = entry(environment, vlan, evidence, permission_end, Some(rule));
    Decision { verdict: Verdict::Admit(entry), because }
}

fn quarantine(
    plan: &Plan,
    evidence: &Evidence,
    place: &Place,
    rule: Option<&Rule>,
    because: Because,
) -> Decision {
    // Where the quarantine is not served, its VLAN is not among those the plan was proven for.
    let served = plan.served(place).contains(&plan.quarantine);
    match vlan_at(plan, place, plan.quarantine).filter(|_| served) {
        Some(vlan) => {
            let entry = entry(plan.quarantine, vlan, evidence, None, rule);
            Decision { verdict: Verdict::Quarantine(entry), because }
        }
        None => {
            let why = because.reason.id();
            let because = Because { reason: Reason::NoQuarantine, ..because }.fact("why", why);
            Decision::refuse(because)
        }
    }
}

fn entry(
    environment: EnvironmentIndex,
    vlan: VlanId,
    evidence: &Evidence,
    permission_end: Option<Timestamp>,
    rule: Option<&Rule>,
) -> Entry {
    let ends =
        [permission_end, evidence.certificate().map(|Certificate { not_after, .. }| *not_after)];
    Entry {
        environment,
        vlan,
        until: ends.into_iter().flatten().min(),
        session_timeout: rule.and_then(|rule| rule.session_timeout),
        filter: rule.and_then(|rule| rule.filter.clone()),
    }
}

/// The VLAN of `environment` at `place`: the port's own where the switch cannot be told one,
/// else what the site assigns; `None` where the place does not serve the environment.
pub(super) fn vlan_at(plan: &Plan, place: &Place, environment: EnvironmentIndex) -> Option<VlanId> {
    if plan.profile_of(place.switch)?.reply.vlan == VlanMeans::Fixed {
        return fixed_vlan(plan, place)
            .filter(|vlan| plan.vlan_environment(*vlan) == Some(environment));
    }
    let vlan = plan.site(plan.place_site(place)?)?.assigned(environment)?;
    plan.switch(place.switch)?.vlans.contains(&vlan).then_some(vlan)
}

/// The VLAN a port is configured with, for switches that take none from us.
pub(super) fn fixed_vlan(plan: &Plan, place: &Place) -> Option<VlanId> {
    let Point::Port(port) = place.point else { return None };
    match plan.port(place.switch, port)?.role {
        PortRole::Auth { fixed_vlan, .. } => fixed_vlan,
        PortRole::Trunk { .. } | PortRole::Access { .. } | PortRole::Unused => None,
    }
}
