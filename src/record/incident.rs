//! Incidents: what operators found, decided and did, told by the evidence alone.
//!
//! Nothing else is kept of an incident. Each step of it is a record, and reading those in order
//! gives its state, so that who decided what, when and on which grounds is as hard to change
//! afterwards as any other evidence.

use std::fmt::Write as _;

use serde_json::Value;

use super::query::{ANSWERS_MAX, Field, Pattern, Query, Span};
use super::store::{Line, Store, time_of};
use crate::vocabulary::{Timestamp, registry};

/// Records that one step can cite.
pub const CITED_MAX: usize = 1000;
/// Incidents whose records are still kept.
pub const INCIDENTS_MAX: usize = 10_000;

registry! {
    /// The events that make an incident.
    IncidentEvent {
        Opened "INC-opened" ["発生", "opened"]
        Note "INC-note" ["記録", "note"]
        Closed "INC-closed" ["終了", "closed"]
    }
}

registry! {
    /// What a note is about.
    StepKind {
        Note "note" ["経過", "note"]
        Decision "decision" ["判断", "decision"]
        Action "action" ["処置", "action"]
        Corrective "corrective" ["是正措置", "corrective action"]
    }
}

/// One step of an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentStep {
    /// Number of its record; 0 while that is not known.
    pub sequence: u64,
    /// When.
    pub time: Timestamp,
    /// What it did to the incident.
    pub event: IncidentEvent,
    /// What it is about.
    pub kind: StepKind,
    /// Who entered it, as the kernel says.
    pub by: String,
    /// Who decided it, as whoever entered it says; empty for the same person.
    pub decided_by: String,
    /// What happened or was done.
    pub text: String,
    /// On which ground.
    pub ground: String,
    /// The records it rests on.
    pub evidence: Vec<u64>,
}

/// An incident as its records tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// `INC-20261124-1`.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// When it was detected.
    pub detected: Timestamp,
    /// Every step, in order; the first opened it.
    pub steps: Vec<IncidentStep>,
}

impl Incident {
    /// When it was opened.
    #[must_use]
    pub fn opened(&self) -> Timestamp {
        self.steps.first().map(|step| step.time).unwrap_or_default()
    }

    /// When the first action was recorded.
    #[must_use]
    pub fn acted(&self) -> Option<Timestamp> {
        self.steps.iter().find(|step| step.kind == StepKind::Action).map(|step| step.time)
    }

    /// When it was closed.
    #[must_use]
    pub fn closed(&self) -> Option<Timestamp> {
        let closing = self.steps.iter().find(|step| step.event == IncidentEvent::Closed);
        closing.map(|step| step.time)
    }

    /// The steps that say how it is to be prevented from now on.
    pub fn corrective(&self) -> impl Iterator<Item = &IncidentStep> {
        self.steps.iter().filter(|step| step.kind == StepKind::Corrective)
    }

    /// Its own records and every record it rests on, in order.
    #[must_use]
    pub fn sequences(&self) -> Vec<u64> {
        let own = self.steps.iter().map(|step| step.sequence);
        let cited = self.steps.iter().flat_map(|step| step.evidence.iter().copied());
        let mut all: Vec<u64> = own.chain(cited).filter(|sequence| *sequence > 0).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// Every incident whose records are kept, in the order in which they were opened.
#[derive(Clone, Debug, Default)]
pub struct Incidents(Vec<Incident>);

impl Incidents {
    /// Every incident that a store tells of within a span, up to record `last`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn read<S: Store>(store: &S, span: Span, last: u64) -> Result<Self, S::Error> {
        let mut records = Vec::new();
        for event in IncidentEvent::ALL {
            // OK because an event's id is a value of its field
            let Ok(pattern) = Pattern::new(Field::Event, event.id()) else { continue };
            let fields = vec![(Field::Event, pattern)];
            records.extend(store.search(&Query { span, fields, limit: ANSWERS_MAX })?);
        }
        records.retain(|record| record.sequence <= last);
        records.sort_by_key(|record| record.sequence);
        let mut incidents = Self::default();
        records.iter().for_each(|record| incidents.hear(record.sequence, &record.line()));
        Ok(incidents)
    }

    /// Takes in a record, which may be about anything; 0 for one whose number is not known.
    pub fn hear(&mut self, sequence: u64, line: &Line) {
        let text = |key: &str| line.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let name = text("event");
        let Some(event) = IncidentEvent::ALL.iter().find(|event| event.id() == name) else {
            return;
        };
        let (id, time, kind) = (text("incident"), time_of(line), text("kind"));
        let kind = StepKind::ALL.iter().find(|known| known.id() == kind);
        let step = IncidentStep {
            sequence,
            time,
            event: *event,
            kind: kind.copied().unwrap_or(StepKind::Note),
            by: text("by"),
            decided_by: text("decided_by"),
            text: text("text"),
            ground: text("ground"),
            evidence: cited(&text("evidence")).unwrap_or_default(),
        };
        let room = self.0.len() < INCIDENTS_MAX;
        match self.0.iter_mut().find(|incident| incident.id == id) {
            Some(incident) => incident.steps.push(step),
            None if *event == IncidentEvent::Opened && room => {
                let detected = Timestamp::parse(&text("detected")).unwrap_or(time);
                self.0.push(Incident { id, title: text("title"), detected, steps: vec![step] });
            }
            // What opened it is no longer kept.
            None => {}
        }
    }

    /// Every one.
    pub fn iter(&self) -> impl Iterator<Item = &Incident> {
        self.0.iter()
    }

    /// How many.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The one of that id; the case of letters does not matter.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Incident> {
        self.0.iter().find(|incident| incident.id.eq_ignore_ascii_case(id.trim()))
    }

    /// The id of one opened now. It names the day in Japan, so that no id comes again when the
    /// records of old ones are no longer kept.
    #[must_use]
    pub fn next_id(&self, now: Timestamp) -> String {
        let day: String = now.day().chars().filter(char::is_ascii_digit).collect();
        let prefix = format!("INC-{day}-");
        let numbers = self.0.iter().filter_map(|incident| {
            incident.id.strip_prefix(&prefix).and_then(|number| number.parse::<u64>().ok())
        });
        format!("{prefix}{}", numbers.max().unwrap_or(0).saturating_add(1))
    }
}

/// Reads numbers of records as people write them: `12,15-17`. `None` for anything else, and for
/// more than [`CITED_MAX`].
#[must_use]
pub fn cited(text: &str) -> Option<Vec<u64>> {
    let mut all = Vec::new();
    let parts = text.split([',', '、', ' ']).map(str::trim).filter(|part| !part.is_empty());
    for part in parts {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
        let count = last.checked_sub(first)?;
        if first == 0 || count >= (CITED_MAX - all.len().min(CITED_MAX)) as u64 {
            return None;
        }
        all.extend(first..=last);
    }
    all.sort_unstable();
    all.dedup();
    Some(all)
}

/// Writes what [`cited`] reads.
#[must_use]
pub fn cited_text(sequences: &[u64]) -> String {
    let mut text = String::new();
    let mut rest = sequences.iter().copied().peekable();
    while let Some(first) = rest.next() {
        let mut last = first;
        while rest.next_if_eq(&last.saturating_add(1)).is_some() {
            last += 1;
        }
        let comma = if text.is_empty() { "" } else { "," };
        // OK because a String takes every write
        let _ = match last == first {
            true => write!(text, "{comma}{first}"),
            false => write!(text, "{comma}{first}-{last}"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(value: Value) -> Line {
        let Value::Object(line) = value else { unreachable!() };
        line
    }

    fn told() -> Incidents {
        let mut incidents = Incidents::default();
        for (sequence, step) in [
            json!({"event": "INC-opened", "time": "2026-11-24T09:00:00+09:00", "incident": "INC-20261124-1", "title": "不審な中継器", "detected": "2026-11-24T08:50:00+09:00", "ground": "通報", "evidence": "3,5-7", "by": "sato"}),
            json!({"event": "AUTH", "time": "2026-11-24T09:01:00+09:00", "incident": "INC-20261124-1"}),
            json!({"event": "INC-note", "time": "2026-11-24T09:10:00+09:00", "incident": "INC-20261124-1", "kind": "action", "text": "切断", "by": "sato"}),
            json!({"event": "INC-note", "time": "2026-11-24T09:20:00+09:00", "incident": "INC-20261124-9", "text": "nobody opened it"}),
            json!({"event": "INC-closed", "time": "2026-11-24T10:00:00+09:00", "incident": "INC-20261124-1", "ground": "撤去を確認", "decided_by": "課長", "by": "sato"}),
        ]
        .into_iter()
        .enumerate()
        {
            incidents.hear(sequence as u64 + 10, &line(step));
        }
        incidents
    }

    #[test]
    fn the_records_alone_tell_an_incident_from_detection_to_its_end() {
        let incidents = told();
        assert_eq!(incidents.len(), 1, "what nobody opened is none");
        let incident = incidents.find("inc-20261124-1").unwrap();
        let at = |text| Timestamp::parse(text).unwrap();
        assert_eq!(incident.detected, at("2026-11-24T08:50:00+09:00"));
        assert_eq!(incident.acted(), Some(at("2026-11-24T09:10:00+09:00")));
        assert_eq!(incident.closed(), Some(at("2026-11-24T10:00:00+09:00")));
        assert_eq!(incident.sequences(), [3, 5, 6, 7, 10, 12, 14]);
        assert_eq!(incident.steps[2].decided_by, "課長");
    }

    #[test]
    fn an_id_names_the_day_in_japan_and_never_comes_again() {
        let incidents = told();
        let at = |text| Timestamp::parse(text).unwrap();
        assert_eq!(incidents.next_id(at("2026-11-24T23:59:59+09:00")), "INC-20261124-2");
        assert_eq!(incidents.next_id(at("2026-11-24T15:00:00Z")), "INC-20261125-1");
    }

    #[test]
    fn numbers_of_records_are_read_as_people_write_them_and_bounded() {
        assert_eq!(cited("7, 3,5-6"), Some(vec![3, 5, 6, 7]));
        assert_eq!(cited(""), Some(vec![]));
        for text in ["x", "3-", "5-3", "0", "1-1001", "1-600,2000-2600", "-3"] {
            assert_eq!(cited(text), None, "{text}");
        }
        let all = [1, 2, 3, 7, 9, 10];
        assert_eq!(cited_text(&all), "1-3,7,9-10");
        assert_eq!(cited(&cited_text(&all)).as_deref(), Some(&all[..]));
        assert_eq!(cited("1-1000").map(|all| all.len()), Some(CITED_MAX));
    }
}
