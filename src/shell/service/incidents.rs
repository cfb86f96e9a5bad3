//! Incidents as operators open, note and close them. Each step is a record of the evidence and
//! nothing else; the operator hears of it only when it is durable.

use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Service;
use crate::record::{
    CITED_MAX, INCIDENTS_MAX, Incidents, Line, Span, StepKind, Store as _, cited, cited_text,
};
use crate::shell::control::Basis;
use crate::shell::evidence::{EVIDENCE_FILE, Sqlite};
use crate::shell::{Failure, FailureKind, log};
use crate::vocabulary::Timestamp;

/// Longest text of a step in octets.
const TEXT_OCTETS_MAX: usize = 4000;
/// How long a step may take to become durable.
const DURABLE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a service that has just started may take to make its evidence.
const MADE_TIMEOUT: Duration = Duration::from_secs(2);

impl Service {
    pub(super) fn incident_open(
        &mut self,
        now: Timestamp,
        title: &str,
        detected: Option<&str>,
        basis: &Basis,
        by: &str,
    ) -> Result<Value, Failure> {
        let title = text("title", title)?;
        let ground = text("reason", &basis.ground)?;
        let detected = match detected {
            None => now,
            Some(text) => Timestamp::parse(text)
                .ok()
                .filter(|time| *time <= now)
                .ok_or(Failure::new(FailureKind::IncidentTime).fact("text", text))?,
        };
        let known = self.known_incidents()?;
        if known.len() >= INCIDENTS_MAX {
            return Err(Failure::new(FailureKind::IncidentsFull).fact("limit", INCIDENTS_MAX));
        }
        let id = known.next_id(now);
        let facts = vec![
            ("incident", id.clone()),
            ("title", title),
            ("detected", detected.rfc3339()),
            ("ground", ground),
        ];
        self.step(now, log::Event::IncidentOpened, facts, basis, by)?;
        Ok(json!({ "incident": id }))
    }

    pub(super) fn incident_note(
        &mut self,
        now: Timestamp,
        incident: &str,
        kind: &str,
        told: &str,
        basis: &Basis,
        by: &str,
    ) -> Result<Value, Failure> {
        let told = text("text", told)?;
        let found = StepKind::ALL.iter().find(|known| known.id() == kind);
        let Some(found) = found else {
            let known: Vec<&str> = StepKind::ALL.iter().map(|kind| kind.id()).collect();
            let failure = Failure::new(FailureKind::IncidentKind).fact("kind", kind);
            return Err(failure.fact("known", known.join(", ")));
        };
        // A decision without its ground cannot be reviewed.
        let ground = match (found, basis.ground.trim()) {
            (StepKind::Note | StepKind::Action | StepKind::Corrective, "") => String::new(),
            (_, ground) => text("reason", ground)?,
        };
        let id = self.open_incident(incident)?;
        let facts = vec![
            ("incident", id.clone()),
            ("kind", found.id().to_owned()),
            ("text", told),
            ("ground", ground),
        ];
        self.step(now, log::Event::IncidentNote, facts, basis, by)?;
        Ok(json!({ "incident": id }))
    }

    pub(super) fn incident_close(
        &mut self,
        now: Timestamp,
        incident: &str,
        basis: &Basis,
        by: &str,
    ) -> Result<Value, Failure> {
        let ground = text("reason", &basis.ground)?;
        let id = self.open_incident(incident)?;
        let facts = vec![("incident", id.clone()), ("ground", ground)];
        self.step(now, log::Event::IncidentClosed, facts, basis, by)?;
        Ok(json!({ "incident": id }))
    }

    /// The id of an incident that is not closed.
    fn open_incident(&mut self, id: &str) -> Result<String, Failure> {
        let known = self.known_incidents()?;
        let unknown = || Failure::new(FailureKind::IncidentUnknown).fact("incident", id.trim());
        let incident = known.find(id).ok_or_else(unknown)?;
        match incident.closed() {
            None => Ok(incident.id.clone()),
            Some(time) => Err(Failure::new(FailureKind::IncidentClosed)
                .fact("incident", &incident.id)
                .fact("closed", time.local())),
        }
    }

    /// Makes a step a record, waits until it is durable, and only then takes it for true.
    fn step(
        &mut self,
        now: Timestamp,
        event: log::Event,
        mut facts: Vec<(&'static str, String)>,
        basis: &Basis,
        by: &str,
    ) -> Result<(), Failure> {
        let decided_by = basis.decided_by.trim();
        if !decided_by.is_empty() {
            facts.push(("decided_by", text("by", decided_by)?));
        }
        let evidence = self.existing(&basis.evidence)?;
        facts.extend([("evidence", cited_text(&evidence)), ("by", by.to_owned())]);
        let (told, durable) = sync_channel(1);
        let kept = Box::new(move |kept| {
            let _ = told.send(kept); // OK because who waits no longer has been answered
        });
        self.log.event_kept(now, event, &facts, kept);
        if durable.recv_timeout(DURABLE_TIMEOUT) != Ok(true) {
            // It may yet be kept; what is true is read anew.
            self.incidents = None;
            let cause = "it could not be made durable";
            return Err(Failure::new(FailureKind::EvidenceUnavailable).fact("cause", cause));
        }
        let mut line = Line::new();
        line.insert("time".to_owned(), json!(now.rfc3339()));
        line.insert("event".to_owned(), json!(event.id()));
        line.extend(facts.into_iter().map(|(name, value)| (name.to_owned(), json!(value))));
        if let Some(incidents) = &mut self.incidents {
            incidents.hear(0, &line);
        }
        Ok(())
    }

    /// The numbers of records that a text names, every one of which is kept.
    fn existing(&self, text: &str) -> Result<Vec<u64>, Failure> {
        let malformed = || {
            let failure = Failure::new(FailureKind::RecordsMalformed).fact("text", text);
            failure.fact("limit", CITED_MAX)
        };
        let sequences = cited(text).ok_or_else(malformed)?;
        if sequences.is_empty() {
            return Ok(sequences);
        }
        let store = self.evidence()?;
        for sequence in &sequences {
            let mut found = None;
            let walked = store.walk(*sequence, &mut |first, _, _| {
                found = Some(first);
                false
            });
            walked.map_err(unavailable)?;
            if found != Some(*sequence) {
                return Err(Failure::new(FailureKind::RecordUnknown).fact("sequence", sequence));
            }
        }
        Ok(sequences)
    }

    fn known_incidents(&mut self) -> Result<&Incidents, Failure> {
        if self.incidents.is_none() {
            // What waits on the spool may be about incidents too.
            if self.metrics.evidence_spooled.get() > 0 {
                return Err(Failure::new(FailureKind::EvidenceWaiting));
            }
            let known = Incidents::read(&self.evidence()?, Span::ALL, u64::MAX);
            self.incidents = Some(known.map_err(unavailable)?);
        }
        self.incidents.as_ref().ok_or(Failure::new(FailureKind::StateAbsent))
    }

    fn evidence(&self) -> Result<Sqlite, Failure> {
        let state = self.state.as_ref().ok_or(Failure::new(FailureKind::StateAbsent))?;
        let path = state.join(EVIDENCE_FILE);
        // Right after the first start its keeper is still making it.
        let begun = Instant::now();
        while !path.exists() && begun.elapsed() < MADE_TIMEOUT {
            std::thread::sleep(Duration::from_millis(20));
        }
        Sqlite::open_to_read(&path).map_err(unavailable)
    }
}

fn unavailable(cause: impl std::fmt::Display) -> Failure {
    Failure::new(FailureKind::EvidenceUnavailable).fact("cause", cause)
}

/// A text that is neither empty nor too long.
fn text(field: &'static str, text: &str) -> Result<String, Failure> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Failure::new(FailureKind::TextEmpty).fact("field", field));
    }
    if text.len() > TEXT_OCTETS_MAX {
        let failure = Failure::new(FailureKind::TextTooLong).fact("field", field);
        return Err(failure.fact("limit", TEXT_OCTETS_MAX));
    }
    Ok(text.to_owned())
}
