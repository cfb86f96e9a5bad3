//! The thread that keeps what is handed in, and what it does when the store cannot.
//!
//! While more comes than a city's every day, everything goes to the spool, which makes it durable
//! at a small part of the store's price, and from there to the store when it is quiet again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::RecvTimeoutError;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::ErrorCode;

use super::key::SealKey;
use super::spool::{SPOOL_FILE, Spool};
use super::sqlite::{EVIDENCE_FILE, Sqlite};
use super::{Evidence, Input, Inputs, Kept};
use crate::record::{Head, Store as _, Written, day_end};
use crate::shell::clock;
use crate::shell::log::{Event, Log};
use crate::shell::metrics::{Metrics, epoch};
use crate::shell::process::{politely, stand_back};
use crate::shell::told::{Batch, Told};
use crate::shell::{Failure, FailureKind};
use crate::vocabulary::{Timestamp, hex};

/// Lines that one commit takes.
const BATCH_MAX: usize = 4096;
/// Lines in a second from which on they go to the spool first.
const BUSY_LINES: usize = 300;
/// How long lines gather for one commit while many come.
const GATHER: Duration = Duration::from_millis(20);
/// Lines taken from the spool before new ones are looked at.
const CATCH_UP: usize = 512;
/// How long the end may take to hand on what waits on the spool; the next start does the rest.
const LAST_CATCH_UP: Duration = Duration::from_secs(2);
/// How long the keeper sleeps when nothing comes.
const TICK: Duration = Duration::from_millis(250);
/// How often a store that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How often figures that cost a query are taken.
const FIGURES: Duration = Duration::from_secs(10);
/// How long losses are counted for one record, and room for it on the spool.
const GAP_MS: i64 = 1000;
const GAP_OCTETS: u64 = 1024;
/// Days of records that expire at most from one day to the next: a wall clock that is wrong must
/// not take everything.
const EXPIRE_DAYS: i64 = 31;
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
            unspooled: false,
            full: false,
            gap: Gap::default(),
            retry: None,
            figures: None,
            tended: None,
            latest: Timestamp(i64::MIN),
            stepped: false,
            pace: Pace { since: Instant::now(), lines: 0, busy: false },
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

/// How much comes.
struct Pace {
    since: Instant,
    lines: usize,
    busy: bool,
}

impl Pace {
    fn add(&mut self, lines: usize) {
        if self.since.elapsed() >= Duration::from_secs(1) {
            self.busy = self.lines >= BUSY_LINES;
            (self.since, self.lines) = (Instant::now(), 0);
        }
        self.lines += lines;
        self.busy |= self.lines >= BUSY_LINES;
    }
}

/// What was handed in and is to be kept together.
#[derive(Default)]
struct Taken {
    batches: Vec<Arc<Batch>>,
    lines: usize,
    /// Who wants to know of the line at a place.
    told: Vec<(usize, Kept)>,
    stop: bool,
}

impl Taken {
    fn add(&mut self, batch: Arc<Batch>, kept: Option<Kept>) {
        self.lines += batch.len();
        // Its last line speaks for all of it: lines are kept in order.
        self.told.extend(kept.map(|kept| (self.lines.saturating_sub(1), kept)));
        self.batches.push(batch);
    }

    fn iter(&self) -> impl Iterator<Item = Told<'_>> {
        self.batches.iter().flat_map(|batch| batch.iter())
    }
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
    unspooled: bool,
    full: bool,
    gap: Gap,
    retry: Option<Instant>,
    figures: Option<Instant>,
    /// The end of the day last looked at for sealing.
    tended: Option<Timestamp>,
    latest: Timestamp,
    stepped: bool,
    pace: Pace,
}

impl Work {
    fn run(mut self) {
        stand_back();
        self.reopen();
        loop {
            let taken = self.take();
            let stop = taken.stop;
            if taken.lines > 0 {
                self.keep(taken);
            }
            let began = Instant::now();
            while self.is_behind() && (stop || !self.pace.busy || self.is_filling()) {
                if let Err(cause) = self.catch_up(CATCH_UP) {
                    self.failed(&cause);
                }
                if !stop || began.elapsed() >= LAST_CATCH_UP {
                    break;
                }
            }
            self.tend(stop);
            if stop {
                return;
            }
        }
    }

    /// Whether something waits on the spool that the store could take.
    fn is_behind(&self) -> bool {
        self.store.is_some() && self.spool.as_ref().is_some_and(|spool| spool.waiting() > 0)
    }

    /// Whether the spool must be emptied however much comes.
    fn is_filling(&self) -> bool {
        self.spool.as_ref().is_some_and(Spool::is_filling)
    }

    /// A batch: what waits, or what comes within a tick.
    fn take(&mut self) -> Taken {
        let mut taken = Taken::default();
        let tick = if self.is_behind() && !self.pace.busy { Duration::ZERO } else { TICK };
        let mut next = match self.inputs.receiver.recv_timeout(tick) {
            Ok(input) => Some(input),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                taken.stop = true;
                None
            }
        };
        let gathered = self.inputs.counts.waiting.count() >= BATCH_MAX;
        if self.pace.busy && !gathered && matches!(&next, Some(Input::Lines(_, None))) {
            std::thread::sleep(GATHER);
        }
        while let Some(input) = next {
            match input {
                Input::Lines(batch, kept) => taken.add(batch, kept),
                Input::Stop => taken.stop = true,
            }
            let more = taken.lines < BATCH_MAX && !taken.stop;
            next = if more { self.inputs.receiver.try_recv().ok() } else { None };
        }
        self.inputs.counts.waiting.leave(taken.lines);
        self.pace.add(taken.lines);
        taken
    }

    fn keep(&mut self, mut taken: Taken) {
        self.watch_clock(&mut taken);
        let lost = self.inputs.counts.lost.swap(0, Ordering::Relaxed);
        self.missed(lost);
        let mut done = 0;
        if self.store.is_none() || self.pace.busy || self.is_behind() {
            done = self.put_aside(&taken, 0);
        }
        if done < taken.lines && self.store.is_some() {
            // In order: what is on the spool goes before.
            match self.catch_up(usize::MAX).and_then(|()| self.store(&taken, done)) {
                Ok(()) => done = taken.lines,
                Err(cause) => {
                    self.failed(&cause);
                    done += self.put_aside(&taken, done);
                }
            }
        }
        if done < taken.lines && !self.full {
            self.full = true;
            self.log.unkept(clock::now(), Event::EvidenceFull, &[]);
        }
        // An account that is not acknowledged comes again; whatever else is lost is missing.
        let lost = taken.iter().skip(done).filter(|told| !told.is_account()).count();
        for (place, kept) in taken.told {
            kept(place < done);
        }
        self.missed(lost as u64);
    }

    fn store(&mut self, taken: &Taken, from: usize) -> rusqlite::Result<()> {
        let Some(store) = &mut self.store else { return Ok(()) };
        let appended = store.keep(politely(taken.iter()).skip(from).map(Told::written))?;
        self.advance(appended.head);
        Ok(())
    }

    fn advance(&mut self, head: Head) {
        self.head = Some(head);
        self.metrics.evidence_head.set(head.sequence.cast_signed());
        self.metrics.evidence_written.set(epoch(clock::now()));
    }

    /// Puts lines on the spool; gives how many it took.
    fn put_aside(&mut self, taken: &Taken, from: usize) -> usize {
        let texts = politely(taken.iter()).skip(from).map(Told::text);
        let aside = match self.spool.as_mut().map(|spool| spool.append_texts(texts)) {
            Some(Ok(aside)) => aside,
            Some(Err(_)) => {
                self.spool_lost();
                0
            }
            None => 0,
        };
        self.show_waiting();
        aside
    }

    /// It cannot be used as it is, and is opened anew soon.
    fn spool_lost(&mut self) {
        self.spool = None;
        self.retry = Some(Instant::now() + RETRY);
    }

    fn show_waiting(&self) {
        let waiting = self.spool.as_ref().map_or(0, Spool::waiting);
        self.metrics.evidence_spooled.set(waiting.cast_signed());
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
        if !std::mem::replace(&mut self.failing, true) && self.spool.is_some() {
            let facts = [("cause", cause.to_string())];
            self.log.unkept(clock::now(), Event::EvidenceSpooling, &facts);
        }
        self.metrics.evidence_healthy.set(0);
    }

    /// There is no spool: told once.
    fn unspooled(&mut self, cause: &std::io::Error) {
        if !std::mem::replace(&mut self.unspooled, true) {
            let path = self.settings.state.join(SPOOL_FILE).display().to_string();
            let facts = [("path", path), ("cause", cause.to_string())];
            self.log.unkept(clock::now(), Event::EvidenceUnspooled, &facts);
        }
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
            match Spool::open(&self.settings.state, self.settings.spool_octets) {
                Ok(spool) => (self.spool, self.unspooled) = (Some(spool), false),
                Err(cause) => self.unspooled(&cause),
            }
        }
        if let Err(cause) = self.open_store() {
            self.failed(&cause);
            return;
        }
        let count = self.spool.as_ref().map_or(0, Spool::waiting);
        let missing = self.gap.count;
        if let Err(cause) = self.catch_up(CATCH_UP).and_then(|()| self.tell_gap()) {
            self.failed(&cause);
            return;
        }
        if self.failing {
            let facts = [("count", count.to_string()), ("missing", missing.to_string())];
            self.log.event(clock::now(), Event::EvidenceRestored, &facts);
        }
        (self.failing, self.full) = (false, false);
        // Without a spool the next failure of the store would lose what comes.
        let sound = self.spool.is_some();
        self.retry = (!sound).then(|| Instant::now() + RETRY);
        self.metrics.evidence_healthy.set(sound.into());
    }

    /// Opens the store if it is not open, and takes off the spool what the store has already: a
    /// power cut may have come between the two.
    fn open_store(&mut self) -> rusqlite::Result<()> {
        if self.store.is_none() {
            let mut store = Sqlite::open(&self.settings.state)?;
            if let Some(head) = self.head {
                store.go_on_from(head)?;
            }
            self.head = Some(store.head()?);
            self.store = Some(store);
        }
        if let (Some(store), Some(spool)) = (&self.store, &mut self.spool) {
            let done = store.spooled(spool.epoch())?;
            // OK because what cannot be read now is not handed on either.
            let _ = spool.hand_on(done.saturating_sub(spool.handed_on()));
            if spool.is_done() {
                let _ = spool.clear();
            }
        }
        Ok(())
    }

    /// Hands lines of the spool to the store, at least so many while there are some.
    fn catch_up(&mut self, least: usize) -> rusqlite::Result<()> {
        let mut count = 0;
        while self.is_behind() && count < least {
            let (Some(store), Some(spool)) = (&mut self.store, &mut self.spool) else { break };
            let (epoch, handed_on) = (spool.epoch(), spool.handed_on());
            let Ok(lines) = spool.first(CATCH_UP) else {
                self.spool_lost();
                break;
            };
            let now = lines.len() as u64;
            if now == 0 {
                // What cannot be read any more is missing.
                let unread = spool.waiting();
                self.missed(unread);
                self.spool_lost();
                break;
            }
            let lines = politely(&lines).map(|line| Written::parse(line));
            let head = store.keep_spooled(lines, epoch, handed_on + now)?.head;
            count += CATCH_UP;
            let handed_on = spool.hand_on(now);
            if handed_on
                .and_then(|()| if spool.is_done() { spool.clear() } else { Ok(()) })
                .is_err()
            {
                // It is opened anew: the store knows how much of it is kept.
                self.spool_lost();
            }
            self.advance(head);
        }
        self.show_waiting();
        Ok(())
    }

    /// Says in the chain itself that records are missing, after what came before: on the spool
    /// while the store is behind.
    fn tell_gap(&mut self) -> rusqlite::Result<()> {
        let aside = self.store.is_none() || self.is_behind();
        let room = self.spool.as_ref().is_some_and(|spool| spool.room() >= GAP_OCTETS);
        if self.gap.count == 0 || aside && !room {
            return Ok(());
        }
        let now = clock::now();
        let since = self.gap.since.unwrap_or(now).rfc3339();
        let facts = [("count", self.gap.count.to_string()), ("since", since)];
        let line = self.log.unkept(now, Event::EvidenceGap, &facts);
        match (&mut self.store, &mut self.spool) {
            (Some(store), _) if !aside => {
                self.head = Some(store.keep(std::iter::once(Written::from(&*line)))?.head);
            }
            (_, Some(spool)) => match spool.append(std::slice::from_ref(&*line)) {
                Ok(1) => {}
                Ok(_) => return Ok(()),
                Err(_) => {
                    self.spool_lost();
                    return Ok(());
                }
            },
            (_, None) => return Ok(()),
        }
        self.gap = Gap::default();
        Ok(())
    }

    /// A wall clock that steps back is itself evidence; records stay in the order they came.
    fn watch_clock(&mut self, taken: &mut Taken) {
        let mut back = None;
        for time in taken.iter().map(Told::time) {
            let step = self.latest.0.saturating_sub(time.0);
            if step > STEP_MS && !self.stepped {
                self.stepped = true;
                back.get_or_insert((step, self.latest));
            } else if step <= 0 {
                self.stepped = false;
            }
            self.latest = self.latest.max(time);
        }
        if let Some((step, latest)) = back {
            let facts = [("seconds", (step / 1000).to_string()), ("latest", latest.rfc3339())];
            let line = self.log.unkept(clock::now(), Event::ClockBack, &facts);
            taken.add(self.log.batch(vec![line]), None);
        }
    }

    fn tend(&mut self, stop: bool) {
        if self.retry.is_some_and(|at| Instant::now() >= at) {
            self.retry = Some(Instant::now() + RETRY);
            self.reopen();
        }
        let now = clock::now();
        // One record for what is lost within a while.
        let due = |since: Timestamp| now.0.saturating_sub(since.0) >= GAP_MS;
        if (stop || self.gap.since.is_some_and(due))
            && let Err(cause) = self.tell_gap()
        {
            return self.failed(&cause);
        }
        if self.store.is_none() {
            return;
        }
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
            let oldest = store.oldest()?.map_or(before, |oldest| oldest.0);
            let before = before.min(oldest.saturating_add(EXPIRE_DAYS * DAY_MS));
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

fn is_damage(cause: &rusqlite::Error) -> bool {
    matches!(cause.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}
