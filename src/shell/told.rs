//! What is logged, on its way to whoever prints, keeps or watches it. It is handed on in batches,
//! and its text is made once, by whoever needs it first, never by the thread that answers switches.

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use super::log::{SCHEMA, Severity};
use crate::access::DecisionRecord;
use crate::alert::Facts;
use crate::record::{Account, DECISION, Field, Line, Written, time_of};
use crate::vocabulary::{Json as _, Language, Mac, Outcome, Timestamp, members};

/// Room for a line of usual length.
const LINE_OCTETS: usize = 1024;

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

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// So many were taken.
    pub(super) fn leave(&self, count: usize) {
        self.0.fetch_sub(count, Ordering::Relaxed);
    }
}

/// What is handed on together.
#[derive(Debug)]
pub(super) struct Batch {
    contents: Contents,
    node: Arc<str>,
    language: Language,
    text: OnceLock<Text>,
}

#[derive(Debug)]
pub(super) enum Contents {
    Lines(Vec<Arc<Line>>),
    Decisions(Vec<DecisionRecord>),
}

/// One thing logged.
#[derive(Clone, Copy, Debug)]
enum Content<'a> {
    Line(&'a Line),
    Decision(&'a DecisionRecord),
}

impl Contents {
    fn len(&self) -> usize {
        match self {
            Self::Lines(lines) => lines.len(),
            Self::Decisions(records) => records.len(),
        }
    }

    fn get(&self, number: usize) -> Option<Content<'_>> {
        match self {
            Self::Lines(lines) => lines.get(number).map(|line| Content::Line(line)),
            Self::Decisions(records) => records.get(number).map(Content::Decision),
        }
    }
}

/// All lines of a batch, each with its end of line, and where each one ends.
#[derive(Debug, Default)]
struct Text {
    lines: String,
    ends: Vec<usize>,
}

/// One thing logged, and where it stands in its batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told<'a> {
    batch: &'a Batch,
    number: usize,
    content: Content<'a>,
}

impl Batch {
    pub(super) const fn new(contents: Contents, node: Arc<str>, language: Language) -> Self {
        Self { contents, node, language, text: OnceLock::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.contents.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Told<'_>> {
        (0..self.len()).filter_map(|number| {
            self.contents.get(number).map(|content| Told { batch: self, number, content })
        })
    }

    /// All of it as lines, one JSON object each.
    pub(super) fn text(&self) -> &str {
        &self.rendered().lines
    }

    fn rendered(&self) -> &Text {
        self.text.get_or_init(|| {
            let mut lines = String::with_capacity(self.len() * LINE_OCTETS);
            let ends = self.iter().map(|told| {
                self.write(told.content, &mut lines);
                lines.push('\n');
                lines.len()
            });
            let ends = ends.collect();
            // It may wait for a while.
            lines.shrink_to_fit();
            Text { lines, ends }
        })
    }

    fn write(&self, content: Content<'_>, text: &mut String) {
        match content {
            // OK because such values always have a JSON form.
            Content::Line(line) => text.push_str(&serde_json::to_string(line).unwrap_or_default()),
            Content::Decision(record) => {
                let severity = match record.outcome {
                    Outcome::Admit => Severity::Info,
                    Outcome::Quarantine | Outcome::Refuse => Severity::Warning,
                };
                text.push_str("{\"time\":");
                record.time.push_json(text);
                members!(text, {
                    "event": DECISION,
                    "severity": severity.id(),
                    "node": &*self.node,
                    "schema": SCHEMA,
                });
                record.push_fields(self.language, text);
                text.push('}');
            }
        }
    }
}

impl<'a> Told<'a> {
    /// The line as one JSON object.
    pub(super) fn text(self) -> &'a str {
        let Text { lines, ends } = self.batch.rendered();
        let before = self.number.checked_sub(1).and_then(|number| ends.get(number));
        let end = ends.get(self.number).map_or(0, |end| end.saturating_sub(1));
        lines.get(before.copied().unwrap_or(0)..end).unwrap_or_default()
    }

    pub(super) fn time(self) -> Timestamp {
        match self.content {
            Content::Line(line) => time_of(line),
            Content::Decision(record) => record.time,
        }
    }

    pub(super) fn is_account(self) -> bool {
        match self.content {
            Content::Line(line) => line.contains_key("copy"),
            Content::Decision(_) => false,
        }
    }

    /// What is kept of it.
    pub(super) fn written(self) -> Written<'a> {
        let account = match self.content {
            Content::Line(line) => Account::of(line),
            Content::Decision(_) => None,
        };
        let words = Field::ALL.into_iter();
        let words = words.filter_map(|field| Some((field, self.find(field.key())?))).collect();
        Written { text: Cow::Borrowed(self.text()), time: self.time(), account, words }
    }

    fn find(self, name: &str) -> Option<Cow<'a, str>> {
        match self.content {
            Content::Line(line) => line.fact(name),
            Content::Decision(_) if name == "event" => Some(DECISION.into()),
            Content::Decision(record) => record.text(name),
        }
    }
}

impl Facts for Told<'_> {
    fn fact(&self, name: &str) -> Option<Cow<'_, str>> {
        self.find(name)
    }

    fn mac(&self) -> Option<Mac> {
        match self.content {
            Content::Line(line) => line.mac(),
            Content::Decision(record) => record.mac,
        }
    }

    fn line(&self) -> Cow<'_, Line> {
        match self.content {
            Content::Line(line) => Cow::Borrowed(line),
            Content::Decision(_) => {
                Cow::Owned(serde_json::from_str(self.text()).unwrap_or_default())
            }
        }
    }
}
