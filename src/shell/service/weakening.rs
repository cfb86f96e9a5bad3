//! A change that weakens the separation is put in force only when a person has accepted exactly
//! that change, and where an environment asks for it, a second one too.

use std::collections::BTreeSet;

use super::candidate::Candidate;
use super::{Refused, Service};
use crate::plan::Plan;
use crate::proof::{Change, change_hash, changes};
use crate::shell::control::Accept;
use crate::shell::{Failure, FailureKind, log};
use crate::vocabulary::{Timestamp, hex};

/// Digits of a change's name that must be given, so that nobody accepts another by accident.
const CHANGE_DIGITS_MIN: usize = 12;
/// Longest name or reason of an acceptance in octets.
const TEXT_OCTETS_MAX: usize = 1_000;

/// Refuses a change from the plan in force that weakens the separation.
///
/// # Errors
/// It does.
pub(super) fn refuse_weaker(old: &Plan, new: &Plan, now: Timestamp) -> Result<(), Refused> {
    let changes = changes(old, new, now);
    let count = changes.iter().filter(|change| change.weaker).count();
    if count == 0 {
        return Ok(());
    }
    let failure = Failure::new(FailureKind::Weaker).fact("count", count);
    let failure = failure.fact("change", short(&change_hash(old, new)));
    Err(Refused { failure, findings: Vec::new(), changes })
}

fn short(hash: &[u8; 32]) -> String {
    hex(hash).chars().take(CHANGE_DIGITS_MIN).collect()
}

impl Service {
    /// Lets a candidate pass that weakens nothing, or that has been accepted. Gives whom to name
    /// in the record of generations: the operator, and who accepted it why.
    pub(super) fn permit(
        &mut self,
        now: Timestamp,
        candidate: &Candidate,
        accept: Option<&Accept>,
        operator: &str,
    ) -> Result<String, Refused> {
        let old = std::sync::Arc::clone(&self.snapshot.plan);
        let Err(refused) = refuse_weaker(&old, &candidate.plan, now) else {
            return Ok(operator.to_owned());
        };
        let Some(accept) = accept else { return Err(refused) };
        let change = change_hash(&old, &candidate.plan);
        let given = accept.change.to_ascii_lowercase();
        if given.len() < CHANGE_DIGITS_MIN || !hex(&change).starts_with(&given) {
            let failure = Failure::new(FailureKind::AcceptForeign).fact("given", given);
            let failure = failure.fact("change", short(&change));
            return Err(Refused { failure, ..refused });
        }
        for (field, text) in [("by", &accept.by), ("reason", &accept.reason)] {
            if text.trim().is_empty() {
                return Err(Failure::new(FailureKind::TextEmpty).fact("field", field).into());
            }
            if text.len() > TEXT_OCTETS_MAX {
                let failure = Failure::new(FailureKind::TextTooLong).fact("field", field);
                return Err(failure.fact("limit", TEXT_OCTETS_MAX).into());
            }
        }
        let asking = second_person(&old, &refused.changes);
        let (by, reason) = (accept.by.as_str(), accept.reason.as_str());
        if self.store.is_some() || !asking.is_empty() {
            let known = self.store()?.accept_change(&change, operator, (by, reason), now)?;
            if !asking.is_empty() && known.len() < 2 {
                let failure = Failure::new(FailureKind::WeakerSecond).fact("by", by);
                let failure = failure.fact("environments", asking.join(", "));
                let failure = failure.fact("change", short(&change));
                return Err(Refused { failure, ..refused });
            }
        }
        let facts = [
            ("change", hex(&change)),
            ("by", by.to_owned()),
            ("operator", operator.to_owned()),
            ("reason", reason.to_owned()),
        ];
        self.log.event(now, log::Event::WeakeningAccepted, &facts);
        Ok(format!("{operator} ({by}: {reason})"))
    }
}

/// The environments concerned that ask for a second person. A change that names none concerns
/// all. What the present plan asks counts, or a change could take the question away.
fn second_person(old: &Plan, changes: &[Change]) -> Vec<String> {
    let weaker = || changes.iter().filter(|change| change.weaker);
    let all = weaker().any(|change| change.environments.is_empty());
    let named: BTreeSet<&String> = weaker().flat_map(|change| &change.environments).collect();
    let asking = old.environments.iter().filter(|environment| environment.second_person);
    asking
        .filter(|environment| all || named.contains(&environment.id))
        .map(|environment| environment.id.clone())
        .collect()
}
