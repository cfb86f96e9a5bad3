//! Marks: what operators and the sensor hold against a device or a port.

use std::collections::HashMap;

use super::{Mac, Timestamp};

/// A standing instruction about one device or one port, in force until it ends or is released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Number in the ledger, never reused.
    pub id: i64,
    /// Whom it concerns.
    pub subject: MarkSubject,
    /// What it demands.
    pub kind: MarkKind,
    /// Why, in the words of whoever set it.
    pub reason: String,
    /// Who set it.
    pub by: String,
    /// From when.
    pub since: Timestamp,
    /// Until when; `None` until released.
    pub until: Option<Timestamp>,
}

impl Mark {
    const fn in_force(&self, now: Timestamp) -> bool {
        self.since.0 <= now.0
            && match self.until {
                None => true,
                Some(until) => now.0 < until.0,
            }
    }
}

/// Whom a mark concerns.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MarkSubject {
    /// One address.
    Mac(Mac),
    /// A registered device by asset number, with all its addresses.
    Asset(String),
    /// A port, as switch id and port name of the topology.
    Port(String, String),
}

/// What a mark demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MarkKind {
    /// Only the quarantine environment.
    Quarantine,
    /// Nothing at all.
    Refuse,
}

/// The marks in force, as one read-only snapshot.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    by_subject: HashMap<MarkSubject, Vec<Mark>>,
}

impl Marks {
    /// Sorts `marks` by subject.
    #[must_use]
    pub fn new(marks: Vec<Mark>) -> Self {
        let mut by_subject: HashMap<MarkSubject, Vec<Mark>> = HashMap::new();
        for mark in marks {
            by_subject.entry(mark.subject.clone()).or_default().push(mark);
        }
        Self { by_subject }
    }

    /// When the next mark ends by itself, after `now`.
    #[must_use]
    pub fn next_end(&self, now: Timestamp) -> Option<Timestamp> {
        let ends = self.by_subject.values().flatten().filter_map(|mark| mark.until);
        ends.filter(|end| now < *end).min()
    }

    /// Whether nobody is marked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_subject.is_empty()
    }

    /// How many marks of a kind are in force at `now`.
    #[must_use]
    pub fn count(&self, kind: MarkKind, now: Timestamp) -> usize {
        let marks = self.by_subject.values().flatten();
        marks.filter(|mark| mark.kind == kind && mark.in_force(now)).count()
    }

    /// The marks in force at `now` against any of `subjects`.
    #[must_use]
    pub fn against<'a>(&'a self, subjects: &[MarkSubject], now: Timestamp) -> Vec<&'a Mark> {
        let marks = subjects.iter().filter_map(|subject| self.by_subject.get(subject));
        marks.flatten().filter(|mark| mark.in_force(now)).collect()
    }

    /// The strictest mark in force at `now` against any of `subjects`; the oldest of equals.
    #[must_use]
    pub fn strictest<'a>(&'a self, subjects: &[MarkSubject], now: Timestamp) -> Option<&'a Mark> {
        subjects
            .iter()
            .filter_map(|subject| self.by_subject.get(subject))
            .flatten()
            .filter(|mark| mark.in_force(now))
            .min_by_key(|mark| (mark.kind == MarkKind::Quarantine, mark.since, mark.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_beats_quarantine_and_ended_marks_are_silent() {
        let subject = MarkSubject::Asset("P-1".to_owned());
        let mark = |id, kind, until| Mark {
            id,
            subject: subject.clone(),
            kind,
            reason: String::new(),
            by: String::new(),
            since: Timestamp(10),
            until,
        };
        let marks = Marks::new(vec![
            mark(1, MarkKind::Quarantine, None),
            mark(2, MarkKind::Refuse, Some(Timestamp(20))),
        ]);
        let strictest =
            |now| marks.strictest(std::slice::from_ref(&subject), Timestamp(now)).map(|m| m.id);
        assert_eq!(strictest(9), None);
        assert_eq!(strictest(10), Some(2));
        assert_eq!(strictest(19), Some(2));
        assert_eq!(strictest(20), Some(1), "a mark ends the very moment it says");
    }
}
