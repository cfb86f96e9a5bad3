//! Changes of stations that sensors report, and what operators say about them.
//!
//! A sensor names each change; the service keeps it with its text until an operator has spoken,
//! and what was said goes to the sensor with the answers to its reports until it says that it has
//! carried it out.

use serde_json::{Value, json};

use super::Service;
use super::operators::check_reason;
use crate::sensor::{Level, Observation, Word};
use crate::shell::store::{ChangeNews, ChangeState, SensorChange};
use crate::shell::{Failure, FailureKind, log};
use crate::vocabulary::{Language, Mac, Timestamp, escape};

/// Changes that one notice takes back.
const TAKEN_BACK_MAX: usize = 512;

impl Service {
    /// Keeps the changes that a report's signs tell of, closes those that its notices take back,
    /// and notes which words were carried out: all of it, or nothing.
    pub(super) fn take_changes(
        &mut self,
        now: Timestamp,
        sensor: &str,
        taken: &[Word],
        observations: &[Observation],
    ) -> Result<(), Failure> {
        let mut news = Vec::new();
        for observation in observations {
            // A sign tells of one change, a notice takes back those of many stations.
            let named =
                |most| observation.changes.iter().take(most).map(|it| escape(it.as_bytes()));
            match observation.level {
                Level::Sign => {
                    news.extend(named(1).map(|change| {
                        ChangeNews::Seen(Box::new(seen(now, sensor, observation, change)))
                    }));
                }
                Level::Notice if !observation.changes.is_empty() => {
                    news.push(ChangeNews::Update(named(TAKEN_BACK_MAX).collect()));
                }
                Level::Notice | Level::Verdict | Level::Breach | Level::Hit => {}
            }
        }
        if taken.is_empty() && news.is_empty() {
            return Ok(());
        }
        self.store()?.take_changes(sensor, taken, &news)
    }

    /// What goes to a sensor with an answer: it comes with every one until it is taken.
    pub(super) fn words(&mut self, sensor: &str) -> Vec<Value> {
        // OK because a store that cannot be read now is read at the next report.
        let words = self.store().and_then(|store| store.words_for(sensor)).unwrap_or_default();
        words.into_iter().map(|word| json!(word)).collect()
    }

    /// The changes, open ones first.
    pub(super) fn sensor_changes(&mut self, language: Language) -> Result<Value, Failure> {
        Ok(self.store()?.changes()?.iter().map(|change| shown(change, language)).collect())
    }

    /// An operator accepts or denies changes, by the name of one or the MAC of a station.
    pub(super) fn sensor_decide(
        &mut self,
        now: Timestamp,
        subject: &str,
        accepted: bool,
        (reason, by): (&str, &str),
        language: Language,
    ) -> Result<Value, Failure> {
        check_reason(reason)?;
        let subject = subject.trim();
        let named =
            Mac::parse(subject).map_or_else(|_| subject.to_lowercase(), |mac| mac.to_string());
        let decided = self.store()?.decide_changes(&named, accepted, (by, reason), now)?;
        if decided.is_empty() {
            return Err(Failure::new(FailureKind::ChangeUnknown).fact("subject", subject));
        }
        let event = if accepted { log::Event::ChangeAccepted } else { log::Event::ChangeDenied };
        for change in &decided {
            let facts = [
                ("change", change.change.clone()),
                ("sensor", change.sensor.clone()),
                ("mac", change.mac.clone()),
                ("kind", change.kind.clone()),
                ("what", change.text(self.log.language()).to_owned()),
                ("reason", reason.to_owned()),
                ("by", by.to_owned()),
            ];
            self.log.event(now, event, &facts);
        }
        Ok(decided.iter().map(|change| shown(change, language)).collect())
    }
}

fn seen(now: Timestamp, sensor: &str, observation: &Observation, change: String) -> SensorChange {
    let text = |language| escape(observation.text(language).unwrap_or_default().as_bytes());
    SensorChange {
        sensor: sensor.to_owned(),
        change,
        mac: escape(observation.subject.as_bytes()),
        vlan: observation.vlan,
        kind: escape(observation.kind.as_bytes()),
        ja: text(Language::Japanese),
        en: text(Language::English),
        first: now,
        last: now,
        state: ChangeState::Open,
        by: String::new(),
        reason: String::new(),
        decided: None,
    }
}

fn shown(change: &SensorChange, language: Language) -> Value {
    json!({
        "change": change.change,
        "sensor": change.sensor,
        "mac": change.mac,
        "vlan": change.vlan,
        "kind": change.kind,
        "text": change.text(language),
        "first": change.first.rfc3339(),
        "last": change.last.rfc3339(),
        "state": change.state.id(),
        "by": change.by,
        "reason": change.reason,
        "decided": change.decided.map(Timestamp::rfc3339),
    })
}
