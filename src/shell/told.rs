//! What is logged, on its way to whoever prints, keeps or watches it. It is handed on in batches,
//! and its text is made once, by whoever needs it first, never by the thread that answers switches.

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use serde::Serialize;

use super::log::{DECISION, SCHEMA, Severity};
use crate::access::DecisionRecord;
use crate::alert::Facts;
use crate::record::{Account, Field, Line, Written, time_of};
use crate::vocabulary::{Language, Outcome, Timestamp};

/// Room for a line of usual length.
const LINE_OCTETS: usize = 1024;

/// What is handed on together.
pub(super) type Batch = Arc<Vec<Told>>;

/// How many of something wait between two threads that hand it over in batches.
#[derive(Debug, Default)]
pub(super) struct Crowd(AtomicUsize);

impl Crowd {
    /// Lets so many in, unless `max` are there already.
    pub(super) fn enter(&self, count: usize, max: usize) -> bool {
        let free = self.0.fetch_add(count, Ordering::Relaxed) < max;
        if !free {
            self.leave(count);
        }
        free
    }

    /// So many were taken.
    pub(super) fn leave(&self, count: usize) {
        self.0.fetch_sub(count, Ordering::Relaxed);
    }
}

/// One thing logged.
#[derive(Debug)]
pub struct Told {
    content: Content,
    text: OnceLock<String>,
}

#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a batch of decisions is one allocation, and decisions are what there is much of"
)]
enum Content {
    Line(Arc<Line>),
    Decision { record: DecisionRecord, node: Arc<str>, language: Language },
}

#[derive(Serialize)]
struct DecisionLine<'a, F> {
    time: String,
    event: &'static str,
    severity: &'static str,
    node: &'a str,
    schema: u32,
    #[serde(flatten)]
    fields: F,
}

impl Told {
    pub(super) const fn line(line: Arc<Line>) -> Self {
        Self { content: Content::Line(line), text: OnceLock::new() }
    }

    pub(super) const fn decision(
        record: DecisionRecord,
        node: Arc<str>,
        language: Language,
    ) -> Self {
        Self { content: Content::Decision { record, node, language }, text: OnceLock::new() }
    }

    /// The line as one JSON object.
    pub(super) fn text(&self) -> &str {
        self.text.get_or_init(|| {
            let mut octets = Vec::with_capacity(LINE_OCTETS);
            let written = match &self.content {
                Content::Line(line) => serde_json::to_writer(&mut octets, &**line),
                Content::Decision { record, node, language } => {
                    let severity = match record.outcome {
                        Outcome::Admit => Severity::Info,
                        Outcome::Quarantine | Outcome::Refuse => Severity::Warning,
                    };
                    let line = DecisionLine {
                        time: record.time.rfc3339(),
                        event: DECISION,
                        severity: severity.id(),
                        node,
                        schema: SCHEMA,
                        fields: record.fields(*language),
                    };
                    serde_json::to_writer(&mut octets, &line)
                }
            };
            // OK because such values always have a JSON form, which is UTF-8.
            written.ok().and_then(|()| String::from_utf8(octets).ok()).unwrap_or_default()
        })
    }

    pub(super) fn time(&self) -> Timestamp {
        match &self.content {
            Content::Line(line) => time_of(line),
            Content::Decision { record, .. } => record.time,
        }
    }

    pub(super) fn is_account(&self) -> bool {
        match &self.content {
            Content::Line(line) => line.contains_key("copy"),
            Content::Decision { .. } => false,
        }
    }

    /// What is kept of it.
    pub(super) fn written(&self) -> Written<'_> {
        let account = match &self.content {
            Content::Line(line) => Account::of(line),
            Content::Decision { .. } => None,
        };
        let words = Field::ALL.into_iter();
        let words = words.filter_map(|field| Some((field, self.fact(field.key())?))).collect();
        Written { text: Cow::Borrowed(self.text()), time: self.time(), account, words }
    }
}

impl Facts for Told {
    fn fact(&self, name: &str) -> Option<Cow<'_, str>> {
        match &self.content {
            Content::Line(line) => line.fact(name),
            Content::Decision { .. } if name == "event" => Some(DECISION.into()),
            Content::Decision { record, .. } => record.text(name),
        }
    }

    fn line(&self) -> Cow<'_, Line> {
        match &self.content {
            Content::Line(line) => Cow::Borrowed(line),
            Content::Decision { .. } => {
                Cow::Owned(serde_json::from_str(self.text()).unwrap_or_default())
            }
        }
    }
}
