//! What operators ask of live sessions, and how the service tells of them.

use serde_json::{Value, json};

use super::Service;
use super::operators::{check_reason, subject_facts, subject_text};
use super::sessions::{last_text, wanted_text, why};
use crate::enforce::{Pending, Summary};
use crate::ledger::Point;
use crate::shell::{Failure, FailureKind, log};
use crate::vocabulary::{Language, MarkSubject, Timestamp};

impl Service {
    /// Has the live sessions follow the snapshot that every worker has just taken.
    pub(super) fn follow(&mut self, now: Timestamp) {
        match self.sessions.replace(&self.snapshot) {
            Ok(summary) => self.followed = summary,
            Err(failure) => {
                let facts = [("cause", failure.message(self.log.language()))];
                self.log.event(now, log::Event::WorkerFailed, &facts);
            }
        }
    }

    /// Releases every mark in force on a subject.
    pub(super) fn release(
        &mut self,
        now: Timestamp,
        subject: &str,
        reason: &str,
        by: &str,
    ) -> Result<Value, Failure> {
        check_reason(reason)?;
        let subject = self.subject(subject)?;
        let marks = self.store()?.marks(now)?;
        let numbers: Vec<i64> =
            marks.iter().filter(|mark| mark.subject == subject).map(|mark| mark.id).collect();
        if numbers.is_empty() {
            let shown = subject_text(&subject);
            return Err(match self.marked_still(now, &subject).as_slice() {
                [] => Failure::new(FailureKind::SubjectUnmarked).fact("subject", shown),
                others => Failure::new(FailureKind::MarkedOtherwise)
                    .fact("subject", shown)
                    .fact("others", others.join(", ")),
            });
        }
        for number in &numbers {
            self.store()?.release_mark(*number, by, now)?;
        }
        self.take_marks(now)?;
        for number in &numbers {
            let mut facts = vec![
                ("mark", number.to_string()),
                ("by", by.to_owned()),
                ("reason", reason.to_owned()),
            ];
            facts.extend(subject_facts(&subject));
            self.log.event(now, log::Event::MarkReleased, &facts);
        }
        Ok(json!({
            "marks": numbers,
            "subject": subject_text(&subject),
            "also_marked": self.marked_still(now, &subject),
            "sessions": summary_json(&self.followed),
        }))
    }

    /// Under which names a device has marks in force: its asset number, its addresses; or the port,
    /// if it is one.
    pub(super) fn marked_still(&self, now: Timestamp, subject: &MarkSubject) -> Vec<String> {
        let plan = &self.snapshot.plan;
        let device = match subject {
            MarkSubject::Mac(mac) => plan.device_by_mac(*mac),
            MarkSubject::Asset(asset) => plan.device_by_asset(asset),
            MarkSubject::Port(..) => None,
        };
        let mut names = vec![subject.clone()];
        if let Some(device) = device.and_then(|index| plan.device(index)) {
            let macs = device.macs.iter().copied().map(MarkSubject::Mac);
            let others = macs.chain([MarkSubject::Asset(device.asset.clone())]);
            names.extend(others.filter(|name| name != subject));
        }
        let marked = |name: &MarkSubject| {
            !self.snapshot.marks.against(std::slice::from_ref(name), now).is_empty()
        };
        names.into_iter().filter(marked).map(|name| subject_text(&name)).collect()
    }

    /// Ends the sessions of a subject, which may come again.
    pub(super) fn disconnect(
        &mut self,
        now: Timestamp,
        subject: &str,
        reason: &str,
        by: &str,
    ) -> Result<Value, Failure> {
        check_reason(reason)?;
        let subject = self.subject(subject)?;
        let shown = subject_text(&subject);
        let facts_of_subject = subject_facts(&subject);
        let summary = self.sessions.disconnect(subject)?;
        if summary.sessions == 0 {
            return Err(Failure::new(FailureKind::SessionUnknown).fact("subject", shown));
        }
        let mut facts = vec![
            ("sessions", summary.sessions.to_string()),
            ("by", by.to_owned()),
            ("reason", reason.to_owned()),
        ];
        facts.extend(facts_of_subject);
        self.log.event(now, log::Event::DisconnectOrdered, &facts);
        Ok(json!({ "subject": shown, "sessions": summary_json(&summary) }))
    }

    /// Every session that is not yet what it should be.
    pub(super) fn enforce_list(&self, language: Language) -> Result<Value, Failure> {
        let (pending, summary) = self.sessions.pending()?;
        let list: Vec<Value> = pending.iter().map(|each| pending_json(each, language)).collect();
        Ok(json!({ "pending": list, "sessions": summary_json(&summary) }))
    }

    /// Does what waits for a person under that number.
    pub(super) fn enforce_approve(
        &mut self,
        now: Timestamp,
        number: u64,
        reason: &str,
        by: &str,
    ) -> Result<Value, Failure> {
        check_reason(reason)?;
        let approved = self.sessions.approve(number)?;
        let Some(summary) = approved else {
            return Err(Failure::new(FailureKind::HeldUnknown).fact("number", number));
        };
        let facts = [
            ("number", number.to_string()),
            ("sessions", summary.changing.to_string()),
            ("by", by.to_owned()),
            ("reason", reason.to_owned()),
        ];
        self.log.event(now, log::Event::EnforceApproved, &facts);
        Ok(json!({ "number": number, "sessions": summary_json(&summary) }))
    }
}

/// What a change set going.
pub(super) fn summary_json(summary: &Summary) -> Value {
    json!({
        "decided": summary.sessions,
        "changing": summary.changing,
        "held": summary.held,
        "number": summary.number,
    })
}

fn pending_json(pending: &Pending, language: Language) -> Value {
    let matter = &pending.matter;
    let (port, network) = match &matter.key.point {
        Point::Port(name) => (Some(name.as_str()), None),
        Point::Network(name) => (None, Some(name.as_str())),
    };
    json!({
        "state": pending.state,
        "switch": matter.key.switch.as_str(),
        "port": port,
        "network": network,
        "mac": matter.key.mac.to_string(),
        "from": matter.environment.as_str(),
        "to": wanted_text(&matter.wanted),
        "reason": matter.because.as_ref().map(|because| because.reason.id()),
        "why": why(matter, language),
        "since": pending.since.rfc3339(),
        "last": last_text(pending.last),
    })
}
