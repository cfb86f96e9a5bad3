//! The thread that keeps what is handed in, and what it does when the store cannot.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::RecvTimeoutError;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::ErrorCode;

use super::key::SealKey;
use super::spool::Spool;
use super::sqlite::{EVIDENCE_FILE, Sqlite};
use super::{Evidence, Input, Inputs, Kept};
use crate::record::{Head, Line, Store as _, day_end, time_of};
use crate::shell::clock;
use crate::shell::log::{Event, Log};
use crate::shell::metrics::{Metrics, epoch};
use crate::shell::{Failure, FailureKind};
use crate::vocabulary::{Timestamp, hex};

/// Lines that one commit takes.
const BATCH_MAX: usize = 4096;
/// How long the keeper sleeps when nothing comes.
const TICK: Duration = Duration::from_millis(250);
/// How often a store that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How often figures that cost a query are taken.
const FIGURES: Duration = Duration::from_secs(10);
/// A step of the wall clock worth a record.
const STEP_MS: i64 = 1000;
const DAY_MS: i64 = 86_400_000;

/// Where and how evidence is kept.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The state directory.
    pub state: PathBuf,
    /// The node's name, for seals.
    pub node: String,
    /// Size of the spool in octets.
    pub spool_octets: u64,
    /// Days that records are kept; `None` for ever.
    pub keep_days: Option<u32>,
}

/// The running keeper.
#[derive(Debug)]
pub struct Keeper {
    evidence: Evidence,
    thread: JoinHandle<()>,
}

impl Keeper {
    /// Opens store and spool and starts the thread. A store that cannot be opened does not stop
    /// the service: it is tried again, and the spool takes over meanwhile.
    ///
    /// # Errors
    /// No key for the seals, or no thread.
    pub fn start(
        settings: Settings,
        evidence: Evidence,
        inputs: Inputs,
        log: Log,
        metrics: Arc<Metrics>,
    ) -> Result<Self, Failure> {
        let key = SealKey::of(&settings.state)?;
        let work = Work {
            settings,
            inputs,
            log,
            metrics,
            key,
            store: None,
            spool: None,
            head: None,
            failing: false,
            full: false,
            gap: Gap::default(),
            retry: None,
            figures: None,
            tended: None,
            latest: Timestamp(i64::MIN),
            stepped: false,
        };
        let thread = std::thread::Builder::new()
            .name("evidence".to_owned())
            .spawn(move || work.run())
            .map_err(|cause| Failure::new(FailureKind::MachineRefused).fact("cause", cause))?;
        Ok(Self { evidence, thread })
    }

    /// Keeps what was handed in before, then ends the thread.
    pub fn stop(self) {
        self.evidence.stop();
        let _ = self.thread.join(); // OK because a thread that ended by a fault keeps nothing more
    }
}

/// Records that were lost, until a record says so.
#[derive(Clone, Copy, Debug, Default)]
struct Gap {
    count: u64,
    since: Option<Timestamp>,
}

struct Work {
    settings: Settings,
    inputs: Inputs,
    log: Log,
    metrics: Arc<Metrics>,
    key: SealKey,
    store: Option<Sqlite>,
    spool: Option<Spool>,
    /// The last head known to be kept.
    head: Option<Head>,
    failing: bool,
    full: bool,
    gap: Gap,
    retry: Option<Instant>,
    figures: Option<Instant>,
    /// The end of the day last looked at for sealing.
    tended: Option<Timestamp>,
    latest: Timestamp,
    stepped: bool,
}

impl Work {
    fn run(mut self) {
        self.reopen();
        loop {
            let (lines, told, stop) = self.take();
            if !lines.is_empty() {
                self.keep(lines, told);
            }
            self.tend();
            if stop {
                return;
            }
        }
    }

    /// A batch: what waits, or what comes within a tick.
    fn take(&mut self) -> (Vec<Line>, Vec<(usize, Kept)>, bool) {
        let (mut lines, mut told, mut stop) = (Vec::new(), Vec::new(), false);
        let mut next = match self.inputs.receiver.recv_timeout(TICK) {
            Ok(input) => Some(input),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                stop = true;
                None
            }
        };
        while let Some(input) = next {
            match input {
                Input::Line(line, kept) => {
                    told.extend(kept.map(|kept| (lines.len(), kept)));
                    lines.push(Arc::unwrap_or_clone(line));
                }
                Input::Stop => stop = true,
            }
            let more = lines.len() < BATCH_MAX && !stop;
            next = if more { self.inputs.receiver.try_recv().ok() } else { None };
        }
        (lines, told, stop)
    }

    fn keep(&mut self, mut lines: Vec<Line>, told: Vec<(usize, Kept)>) {
        self.watch_clock(&mut lines);
        let lost = self.inputs.lost.swap(0, Ordering::Relaxed);
        self.missed(lost);
        if let Some(store) = &mut self.store {
            match store.append(&lines) {
                Ok(appended) => {
                    self.head = Some(appended.head);
                    self.metrics.evidence_head.set(appended.head.sequence.cast_signed());
                    self.metrics.evidence_written.set(epoch(clock::now()));
                    told.into_iter().for_each(|(_, kept)| kept(true));
                    return;
                }
                Err(cause) => self.failed(&cause),
            }
        }
        let taken = self.put_aside(&lines);
        for (place, kept) in told {
            kept(place < taken);
        }
        // An account that is not acknowledged comes again; whatever else is lost is missing.
        let lost = lines.iter().skip(taken).filter(|line| !is_account(line)).count();
        self.missed(lost as u64);
    }

    /// Puts lines on the spool; gives how many it took.
    fn put_aside(&mut self, lines: &[Line]) -> usize {
        let taken = match self.spool.as_mut().map(|spool| spool.append(lines)) {
            Some(Ok(taken)) => taken,
            Some(Err(_)) => {
                self.spool = None;
                0
            }
            None => 0,
        };
        if let Some(spool) = &self.spool {
            self.metrics.evidence_spooled.set(spool.waiting().cast_signed());
        }
        if taken < lines.len() && !self.full {
            self.full = true;
            self.log.unkept(clock::now(), Event::EvidenceFull, &[]);
        }
        taken
    }

    fn missed(&mut self, count: u64) {
        if count > 0 {
            self.gap.count += count;
            self.gap.since.get_or_insert_with(clock::now);
            self.metrics.evidence_lost.inc_by(count);
        }
    }

    fn failed(&mut self, cause: &rusqlite::Error) {
        self.metrics.evidence_errors.inc();
        self.store = None;
        self.retry = Some(Instant::now() + RETRY);
        if is_damage(cause) {
            self.set_aside(cause);
        }
        if !self.failing {
            self.failing = true;
            let facts = [("cause", cause.to_string())];
            self.log.unkept(clock::now(), Event::EvidenceSpooling, &facts);
        }
        self.metrics.evidence_healthy.set(0);
    }

    /// A damaged file is kept for those who can repair it; a new one goes on with the chain.
    fn set_aside(&mut self, cause: &rusqlite::Error) {
        let from = self.settings.state.join(EVIDENCE_FILE);
        let name = format!("evidence-damaged-{}.sqlite", clock::now().0);
        let to = self.settings.state.join(name);
        let with = |path: &Path, end: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(end);
            PathBuf::from(name)
        };
        for end in ["", "-wal", "-shm"] {
            // OK because the log's parts may not exist, and a file that stays is tried again.
            let _ = std::fs::rename(with(&from, end), with(&to, end));
        }
        let facts = [("path", to.display().to_string()), ("cause", cause.to_string())];
        self.log.unkept(clock::now(), Event::EvidenceDamaged, &facts);
    }

    /// Opens what is not open, and hands on what waited.
    fn reopen(&mut self) {
        if self.spool.is_none() {
            self.spool = Spool::open(&self.settings.state, self.settings.spool_octets).ok();
        }
        if let Err(cause) = self.open_store() {
            self.failed(&cause);
            return;
        }
        let drained = self.drain();
        let gap = self.gap;
        if let Err(cause) = drained.and_then(|count| self.tell_gap().map(|()| count)).map(|count| {
            if self.failing {
                let missing = gap.count.to_string();
                let facts = [("count", count.to_string()), ("missing", missing)];
                self.log.event(clock::now(), Event::EvidenceRestored, &facts);
            }
        }) {
            self.failed(&cause);
            return;
        }
        (self.failing, self.full, self.retry) = (false, false, None);
        self.metrics.evidence_healthy.set(1);
    }

    fn open_store(&mut self) -> rusqlite::Result<()> {
        let mut store = Sqlite::open(&self.settings.state)?;
        if let Some(head) = self.head {
            store.go_on_from(head)?;
        }
        self.head = Some(store.head()?);
        self.store = Some(store);
        Ok(())
    }

    /// Hands the spool's lines to the store; gives how many.
    fn drain(&mut self) -> rusqlite::Result<usize> {
        let (Some(store), Some(spool)) = (&mut self.store, &mut self.spool) else { return Ok(0) };
        if spool.waiting() == 0 {
            return Ok(0);
        }
        let epoch = spool.epoch().cast_signed();
        let Ok(lines) = spool.lines() else {
            self.spool = None;
            return Ok(0);
        };
        let done = usize::try_from(store.spooled(epoch)?).unwrap_or(usize::MAX);
        let mut taken = done.min(lines.len());
        for batch in lines.get(taken..).unwrap_or_default().chunks(BATCH_MAX) {
            taken += batch.len();
            let appended = store.append_spooled(batch, epoch, taken as u64)?;
            self.head = Some(appended.head);
        }
        // OK because what stays in the spool is known to be kept.
        let _ = spool.clear();
        self.metrics.evidence_spooled.set(spool.waiting().cast_signed());
        Ok(lines.len())
    }

    /// Says in the chain itself that records are missing.
    fn tell_gap(&mut self) -> rusqlite::Result<()> {
        let Some(store) = self.store.as_mut().filter(|_| self.gap.count > 0) else {
            return Ok(());
        };
        let now = clock::now();
        let since = self.gap.since.unwrap_or(now).rfc3339();
        let facts = [("count", self.gap.count.to_string()), ("since", since)];
        let line = self.log.unkept(now, Event::EvidenceGap, &facts);
        self.head = Some(store.append(&[Arc::unwrap_or_clone(line)])?.head);
        self.gap = Gap::default();
        Ok(())
    }

    /// A wall clock that steps back is itself evidence; records stay in the order they came.
    fn watch_clock(&mut self, lines: &mut Vec<Line>) {
        let times = lines.iter().map(time_of);
        let (first, last) = times
            .fold((i64::MAX, i64::MIN), |(low, high), time| (low.min(time.0), high.max(time.0)));
        let back = self.latest.0.saturating_sub(first);
        if back > STEP_MS && !self.stepped {
            self.stepped = true;
            let facts = [("seconds", (back / 1000).to_string()), ("latest", self.latest.rfc3339())];
            let line = self.log.unkept(clock::now(), Event::ClockBack, &facts);
            lines.push(Arc::unwrap_or_clone(line));
        } else if last >= self.latest.0 {
            self.stepped = false;
        }
        self.latest = self.latest.max(Timestamp(last));
    }

    fn tend(&mut self) {
        if self.retry.is_some_and(|at| Instant::now() >= at) {
            self.retry = Some(Instant::now() + RETRY);
            self.reopen();
        }
        if self.store.is_none() {
            return;
        }
        if self.gap.count > 0
            && let Err(cause) = self.tell_gap()
        {
            return self.failed(&cause);
        }
        let now = clock::now();
        if self.tended.is_none_or(|end| now >= end) {
            self.tended = Some(day_end(now));
            if let Err(cause) = self.day_over(now) {
                return self.failed(&cause);
            }
        }
        if self.figures.is_none_or(|at| Instant::now() >= at) {
            self.figures = Some(Instant::now() + FIGURES);
            if let Err(cause) = self.figures() {
                self.failed(&cause);
            }
        }
    }

    /// Seals the days that are over, and lets go of those kept long enough.
    fn day_over(&mut self, now: Timestamp) -> rusqlite::Result<()> {
        let Some(store) = &mut self.store else { return Ok(()) };
        let key = &self.key;
        for seal in store.seal(&self.settings.node, now, &|message| key.sign(message))? {
            let facts = [
                ("day", seal.day.clone()),
                ("first", seal.first.to_string()),
                ("last", seal.last.to_string()),
                ("head", hex(&seal.head)),
            ];
            self.log.event(now, Event::EvidenceSealed, &facts);
        }
        if let Some(days) = self.settings.keep_days {
            let before = now.0.saturating_sub(i64::from(days).saturating_mul(DAY_MS));
            let count = store.expire(Timestamp(before))?;
            if count > 0 {
                let facts = [("count", count.to_string()), ("days", days.to_string())];
                self.log.event(now, Event::EvidenceExpired, &facts);
            }
        }
        Ok(())
    }

    fn figures(&self) -> rusqlite::Result<()> {
        let Some(store) = &self.store else { return Ok(()) };
        self.metrics.evidence_oldest.set(store.oldest()?.map_or(0.0, epoch));
        self.metrics.accounted_sessions.reset();
        for (environment, count) in store.open_sessions()? {
            self.metrics.accounted_sessions.with_label_values(&[&environment]).set(count);
        }
        Ok(())
    }
}

fn is_account(line: &Line) -> bool {
    line.contains_key("copy")
}

fn is_damage(cause: &rusqlite::Error) -> bool {
    matches!(cause.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}
