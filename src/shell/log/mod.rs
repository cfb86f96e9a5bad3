//! Structured lines, one JSON object each, on standard output.
//!
//! Whoever logs never waits: lines go through a bounded queue to a thread of their own. What
//! does not fit is counted, and the next line that is written is preceded by one that says how
//! many are missing, so that a gap is never silent.

mod event;

pub use event::{Event, Said, Severity};

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use serde_json::{Value, json};

use super::alert::Watcher;
use super::clock::now;
use super::evidence::{Evidence, Kept};
use super::process::{Stretch, stand_back};
use super::told::{Batch, Contents, Crowd};
use super::{Failure, FailureKind};
use crate::access::DecisionRecord;
use crate::plan::{Finding, Severity as Grade};
use crate::record::Line;
use crate::vocabulary::{Language, Timestamp};

/// How many lines may wait to be written.
pub const LINES_WAITING_MAX: usize = 65_536;
/// Findings of one refusal that are reported.
const FINDINGS_MAX: usize = 50;
/// Lines that wait are written together up to about so many octets.
const PAGE_OCTETS: usize = 65_536;
/// Version of the keys in a line; grows when a key changes its meaning.
pub const SCHEMA: u64 = 1;

/// Where lines are handed in; cheap to clone.
#[derive(Clone, Debug)]
pub struct Log {
    lines: Sender<Entry>,
    shared: Arc<Shared>,
    /// Where every line is kept as well.
    evidence: Option<Evidence>,
    /// Who looks at every line for something to alert.
    watcher: Option<Watcher>,
}

/// The writing thread; stop it last.
#[derive(Debug)]
pub struct Writer {
    lines: Sender<Entry>,
    thread: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    node: Arc<str>,
    language: Language,
    generation: AtomicU64,
    /// Lines handed in and not yet taken by the writing thread.
    waiting: Crowd,
    missing: AtomicU64,
}

enum Entry {
    Lines(Arc<Batch>),
    End,
}

impl Log {
    /// Starts the writing thread for the service called `node`.
    ///
    /// # Errors
    /// The machine gives no thread.
    pub fn start(
        node: &str,
        language: Language,
        output: impl Write + Send + 'static,
    ) -> Result<(Self, Writer), Failure> {
        let (lines, received) = channel();
        let shared = Arc::new(Shared {
            node: node.into(),
            language,
            generation: AtomicU64::new(0),
            waiting: Crowd::default(),
            missing: AtomicU64::new(0),
        });
        let log = Self { lines: lines.clone(), shared, evidence: None, watcher: None };
        let writing = log.shared.clone();
        let thread = std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write(&received, &writing, output))
            .map_err(|cause| Failure::new(FailureKind::MachineRefused).fact("cause", cause))?;
        Ok((log, Writer { lines, thread }))
    }

    /// The same log, whose lines are kept as evidence too.
    #[must_use]
    pub fn with_evidence(self, evidence: Evidence) -> Self {
        Self { evidence: Some(evidence), ..self }
    }

    /// The same log, whose lines are watched.
    #[must_use]
    pub fn with_watcher(self, watcher: Watcher) -> Self {
        Self { watcher: Some(watcher), ..self }
    }

    /// Every later line names this generation.
    pub fn set_generation(&self, generation: u64) {
        self.shared.generation.store(generation, Ordering::Relaxed);
    }

    /// Reports something the service did or suffered.
    pub fn event(&self, now: Timestamp, event: Event, facts: &[(&'static str, String)]) {
        self.send(event_line(&self.shared, now, event, facts));
    }

    /// Reports what was found in a plan's files, the gravest as errors.
    pub fn findings(&self, now: Timestamp, findings: &[Finding]) {
        let language = self.language();
        let grave = findings.iter().filter(|finding| finding.severity() > Grade::Notice);
        for finding in grave.take(FINDINGS_MAX) {
            let facts = [
                ("message", finding.text(language)),
                ("finding", finding.kind.id().to_owned()),
                ("file", finding.at.as_ref().map(ToString::to_string).unwrap_or_default()),
                ("field", finding.field.clone()),
            ];
            let event = match finding.severity() {
                Grade::Error => Event::FindingError,
                Grade::Warning | Grade::Notice => Event::Finding,
            };
            self.event(now, event, &facts);
        }
    }

    /// The same, and is told when it is durable, or that it will not be.
    pub fn event_kept(
        &self,
        now: Timestamp,
        event: Event,
        facts: &[(&'static str, String)],
        kept: Kept,
    ) {
        self.keep(vec![event_line(&self.shared, now, event, facts)], kept);
    }

    /// The same of several events, which stay together: all are durable, or will come again.
    pub fn events_kept(&self, now: Timestamp, said: &[Said], kept: Kept) {
        let line = |(event, facts): &Said| event_line(&self.shared, now, *event, facts);
        self.keep(said.iter().map(line).collect(), kept);
    }

    /// Reports something, but does not hand it in as evidence: the line that may be kept is given back.
    pub fn unkept(
        &self,
        now: Timestamp,
        event: Event,
        facts: &[(&'static str, String)],
    ) -> Arc<Line> {
        let line = Arc::new(event_line(&self.shared, now, event, facts));
        self.print(&self.batch(vec![Arc::clone(&line)]));
        line
    }

    /// Hands in an object's fields; `time`, `event`, `severity`, `node` and `schema` are added.
    pub fn fields(&self, now: Timestamp, event: &str, severity: Severity, fields: Value) {
        self.send(self.line(now, event, severity, fields));
    }

    /// The same, and the whole line is given back.
    pub fn told(
        &self,
        now: Timestamp,
        event: &str,
        severity: Severity,
        fields: Value,
    ) -> Arc<Line> {
        let line = Arc::new(self.line(now, event, severity, fields));
        self.hand_in(self.batch(vec![Arc::clone(&line)]));
        line
    }

    /// Reports an account and is told when it is durable, or that it will not be. Without
    /// evidence it never is.
    pub fn account(&self, now: Timestamp, event: &str, fields: Value, kept: Kept) {
        self.keep(vec![self.line(now, event, Severity::Info, fields)], kept);
    }

    fn keep(&self, lines: Vec<Line>, kept: Kept) {
        let lines = lines.into_iter().map(Arc::new);
        let batch = self.batch(lines.collect());
        self.print(&batch);
        match &self.evidence {
            Some(evidence) => evidence.keep_and_tell(batch, kept),
            None => kept(false),
        }
    }

    fn line(&self, now: Timestamp, event: &str, severity: Severity, fields: Value) -> Line {
        let mut line = head(&self.shared, now, event, severity);
        match fields {
            Value::Object(fields) => line.extend(fields),
            other => {
                line.insert("fields".to_owned(), other);
            }
        }
        line
    }

    /// The language of texts.
    #[must_use]
    pub fn language(&self) -> Language {
        self.shared.language
    }

    /// How many lines did not fit and were not yet reported.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.shared.missing.load(Ordering::Relaxed)
    }

    fn send(&self, line: Line) {
        self.hand_in(self.batch(vec![Arc::new(line)]));
    }

    pub(super) fn batch(&self, lines: Vec<Arc<Line>>) -> Arc<Batch> {
        self.shared.batch(Contents::Lines(lines))
    }

    /// Hands in what was decided together.
    pub(super) fn decisions(&self, records: Vec<DecisionRecord>) {
        self.hand_in(self.shared.batch(Contents::Decisions(records)));
    }

    fn hand_in(&self, batch: Arc<Batch>) {
        self.print(&batch);
        if let Some(evidence) = &self.evidence {
            evidence.keep(batch);
        }
    }

    fn print(&self, batch: &Arc<Batch>) {
        if let Some(watcher) = &self.watcher {
            watcher.see(batch);
        }
        let lines = batch.len();
        if !self.shared.waiting.enter(lines, LINES_WAITING_MAX)
            || self.lines.send(Entry::Lines(Arc::clone(batch))).is_err()
        {
            self.shared.missing.fetch_add(lines as u64, Ordering::Relaxed);
        }
    }
}

impl Writer {
    /// Writes what is waiting, then ends the thread.
    pub fn stop(self) {
        // OK because a writer that is gone already has nothing left to write.
        let _ = self.lines.send(Entry::End);
        let _ = self.thread.join();
    }
}

/// Lines on their way to the output, so that those that wait together leave together.
struct Page<W> {
    output: W,
    text: Vec<u8>,
    lines: u64,
}

impl<W: Write> Page<W> {
    fn add(&mut self, batch: &Batch) {
        self.text.extend_from_slice(batch.text().as_bytes());
        self.lines += batch.len() as u64;
    }

    /// Writes what waits; gives how many lines could not be. A writer that fails (a closed pipe)
    /// must not stop admission.
    fn turn(&mut self) -> u64 {
        let written = self.output.write_all(&self.text).and_then(|()| self.output.flush());
        self.text.clear();
        let lines = std::mem::take(&mut self.lines);
        if written.is_ok() { 0 } else { lines }
    }
}

fn write(received: &Receiver<Entry>, shared: &Shared, output: impl Write) {
    stand_back();
    let mut stretch = Stretch::begin();
    let mut page = Page { output, text: Vec::new(), lines: 0 };
    let mut next = received.recv().ok();
    while let Some(entry) = next {
        let missing = shared.missing.swap(0, Ordering::Relaxed);
        if missing > 0 {
            let facts = [("count", missing.to_string())];
            let line = event_line(shared, now(), Event::LinesMissing, &facts);
            page.add(&shared.batch(Contents::Lines(vec![Arc::new(line)])));
            let lost = page.turn();
            if lost > 0 {
                shared.missing.fetch_add(missing + lost - 1, Ordering::Relaxed);
            }
        }
        match entry {
            Entry::Lines(batch) => {
                shared.waiting.leave(batch.len());
                page.add(&batch);
                stretch.pause();
            }
            Entry::End => break,
        }
        let waiting = received.try_recv().ok();
        if waiting.is_none() || page.text.len() >= PAGE_OCTETS {
            let lost = page.turn();
            shared.missing.fetch_add(lost, Ordering::Relaxed);
        }
        next = waiting.or_else(|| received.recv().ok());
    }
    let _ = page.turn(); // OK because nobody is left to be told
}

impl Shared {
    fn batch(&self, contents: Contents) -> Arc<Batch> {
        Arc::new(Batch::new(contents, Arc::clone(&self.node), self.language))
    }
}

fn event_line(
    shared: &Shared,
    now: Timestamp,
    event: Event,
    facts: &[(&'static str, String)],
) -> Line {
    let mut line = head(shared, now, event.id(), event.severity());
    line.insert("message".to_owned(), json!(event.text().fill(shared.language, facts)));
    for (name, value) in facts {
        if !line.contains_key(*name) {
            line.insert((*name).to_owned(), json!(value));
        }
    }
    line
}

fn head(shared: &Shared, now: Timestamp, event: &str, severity: Severity) -> Line {
    let mut line = Line::new();
    line.insert("time".to_owned(), json!(now.rfc3339()));
    line.insert("event".to_owned(), json!(event));
    line.insert("severity".to_owned(), json!(severity.id()));
    line.insert("node".to_owned(), json!(*shared.node));
    line.insert("generation".to_owned(), json!(shared.generation.load(Ordering::Relaxed)));
    line.insert("schema".to_owned(), json!(SCHEMA));
    line
}

#[cfg(test)]
mod tests {
    use std::sync::{Condvar, Mutex};

    use super::*;

    /// An output whose writes wait until it is opened.
    #[derive(Clone, Default)]
    struct Gate {
        opened: Arc<(Mutex<bool>, Condvar)>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Gate {
        fn open(&self) {
            *self.opened.0.lock().unwrap() = true;
            self.opened.1.notify_all();
        }

        fn lines(&self) -> Vec<Value> {
            let text = String::from_utf8(self.written.lock().unwrap().clone()).unwrap();
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        }
    }

    impl Write for Gate {
        fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
            let closed = self.opened.0.lock().unwrap();
            drop(self.opened.1.wait_while(closed, |opened| !*opened).unwrap());
            self.written.lock().unwrap().extend_from_slice(octets);
            Ok(octets.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_names_time_event_node_and_generation() {
        let gate = Gate::default();
        gate.open();
        let (log, writer) = Log::start("sekisho-1", Language::Japanese, gate.clone()).unwrap();
        log.set_generation(7);
        log.event(Timestamp(0), Event::MarkAdded, &[("mark", "3".into()), ("by", "\"佐\n".into())]);
        log.fields(Timestamp(1), "AUTH-decision", Severity::Info, json!({"vlan": 110}));
        writer.stop();
        let lines = gate.lines();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["time"], "1970-01-01T00:00:00.000Z");
        assert_eq!(lines[0]["event"], "OPS-mark-added");
        assert_eq!(lines[0]["node"], "sekisho-1");
        assert_eq!(lines[0]["generation"], 7);
        assert_eq!(lines[0]["by"], "\"佐\n");
        assert_eq!(lines[1]["vlan"], 110);
    }

    #[test]
    fn a_stuck_output_never_blocks_and_the_gap_is_reported() {
        let gate = Gate::default();
        let (log, writer) = Log::start("sekisho-1", Language::English, gate.clone()).unwrap();
        // More than the queue and the page that is being written hold.
        const LINES: usize = LINES_WAITING_MAX + 2 * PAGE_OCTETS / 100;
        for _ in 0..LINES {
            log.event(Timestamp(0), Event::Stopped, &[]);
        }
        assert!(log.missing() > 0);
        gate.open();
        writer.stop();
        let lines = gate.lines();
        let gap = lines.iter().find(|line| line["event"] == "SYS-lines-missing").unwrap();
        let reported: u64 = gap["count"].as_str().unwrap().parse().unwrap();
        let written = lines.iter().filter(|line| line["event"] == "SYS-stopped").count();
        assert_eq!(written + usize::try_from(reported).unwrap(), LINES);
    }
}
