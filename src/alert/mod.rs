//! What is worth waking somebody: alerts made from the lines of the log and from their absence.
//!
//! [`Alerter`] is one value with the usual verbs and no clock; the shell hands it every line and
//! carries its [`Alert`]s out. It never decides about a device and nothing that admits one waits
//! for it. What is too much is summed up, and what is summed up or forgotten is counted: the
//! alerts with their `more` always add up to everything that happened.

mod detect;
pub mod format;
mod hints;
mod holiday;
mod hours;
mod limit;
mod recent;
#[cfg(test)]
mod tests;

pub use detect::{Alerter, End, Facts};
pub use holiday::holiday;
pub use hours::closed;
pub use limit::PER_KIND_MAX;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::plan::AlertSink;
use crate::record::Line;
use crate::vocabulary::{AlertKind, AlertSeverity, Language, Text, Timestamp};

/// What every event id of an alert begins with.
pub const PREFIX: &str = "ALERT-";

/// One alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// What.
    pub kind: AlertKind,
    /// How urgent.
    pub severity: AlertSeverity,
    /// When it happened; of a summary, when the last of it did.
    pub time: Timestamp,
    /// Whom or what it is about: alerts of one kind and subject are summed up.
    pub subject: String,
    /// The environments it concerns; empty for the service itself.
    pub environments: BTreeSet<String>,
    /// How many more there were that were not sent one by one.
    pub more: u64,
    /// Facts by name, strings and numbers.
    pub fields: Line,
}

impl Alert {
    /// An alert without facts.
    #[must_use]
    pub fn new(kind: AlertKind, time: Timestamp, subject: impl Into<String>) -> Self {
        Self {
            kind,
            severity: kind.severity(),
            time,
            subject: subject.into(),
            environments: BTreeSet::new(),
            more: 0,
            fields: Line::new(),
        }
    }

    /// Adds a fact.
    #[must_use]
    pub fn fact(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// The same with another urgency.
    #[must_use]
    pub const fn graded(mut self, severity: AlertSeverity) -> Self {
        self.severity = severity;
        self
    }

    /// What it says, for an operator.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        let text = self.kind.text();
        let facts: Vec<_> = text
            .wants(language)
            .filter_map(|name| Some((name, shown(self.fields.get(name)?))))
            .filter(|(_, value)| !value.is_empty())
            .collect();
        let mut told = text.fill(language, &facts);
        if self.more > 0 {
            let more = Text { ja: "(ほか {more} 件)", en: " ({more} more)" };
            told.push_str(&more.fill(language, &[("more", self.more.to_string())]));
        }
        told
    }

    /// Its fields in a line of the log, which adds time, event, severity and node.
    #[must_use]
    pub fn to_fields(&self, id: &str, language: Language) -> Line {
        let mut fields = self.fields.clone();
        let mut put = |key: &str, value: Value| {
            fields.insert(key.to_owned(), value);
        };
        put("alert", json!(id));
        put("subject", json!(self.subject));
        put("environments", json!(self.environments));
        put("more", json!(self.more));
        if self.more > 0 {
            put("happened", json!(self.time.rfc3339()));
        }
        put("text", json!(self.text(language)));
        fields
    }

    /// The alert of a line that [`Alert::to_fields`] made, whatever else the line holds.
    #[must_use]
    pub fn of(line: &Line) -> Option<Self> {
        let text = |key: &str| line.get(key).and_then(Value::as_str);
        let kind = AlertKind::parse(text("event")?)?;
        let severity = text("severity")?;
        let graded = AlertSeverity::CHOICES.iter().find(|(id, _)| *id == severity)?;
        let environments = line.get("environments").and_then(Value::as_array);
        let environments = environments.into_iter().flatten().filter_map(Value::as_str);
        Some(Self {
            kind,
            severity: graded.1,
            time: text("happened")
                .and_then(|time| Timestamp::parse(time).ok())
                .unwrap_or_else(|| crate::record::time_of(line)),
            subject: text("subject").unwrap_or_default().to_owned(),
            environments: environments.map(str::to_owned).collect(),
            more: line.get("more").and_then(Value::as_u64).unwrap_or(0),
            fields: line.clone(),
        })
    }

    /// Whether a receiver is meant. Of an alert that concerns an environment which the receiver
    /// must not hear of, it hears nothing.
    #[must_use]
    pub fn is_for(&self, sink: &AlertSink) -> bool {
        if self.kind == AlertKind::Test {
            return true;
        }
        let within = match &sink.environments {
            None => true,
            Some(_) if self.environments.is_empty() => sink.system,
            Some(allowed) => self.environments.iter().all(|each| allowed.contains(each)),
        };
        let wanted = sink.kinds.as_ref().is_none_or(|kinds| kinds.contains(&self.kind));
        within && wanted && self.severity >= sink.minimum
    }
}

/// A fact as text: a list by commas, nothing as nothing.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(shown).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
