//! One receiver's thread: what waits for it, on disk before it is tried, and when to try again.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::courier::{Courier, Fate};
use crate::alert::Alert;
use crate::plan::{AlertSecrets, AlertSink};
use crate::record::Line;
use crate::shell::clock;
use crate::shell::evidence::Spool;
use crate::shell::log::{Event, Log};
use crate::shell::metrics::Metrics;

/// Alerts on their way to the thread.
const QUEUE_MAX: usize = 4096;
/// Alerts that wait for a receiver that is away.
const WAITING_MAX: usize = 4096;
/// Alerts of one connection.
const BATCH_MAX: usize = 64;
/// Size of a receiver's spool in octets: about 1,500 alerts.
const SPOOL_OCTETS: u64 = 1024 * 1024;
/// The first and the longest pause before another try.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// A receiver and its thread.
#[derive(Debug)]
pub(super) struct Sink {
    settings: AlertSink,
    secrets: AlertSecrets,
    inputs: SyncSender<Option<Arc<Line>>>,
    overflow: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Sink {
    pub(super) fn start(
        settings: &AlertSink,
        secrets: &AlertSecrets,
        node: &str,
        state: Option<&Path>,
        log: Log,
        metrics: Arc<Metrics>,
    ) -> std::io::Result<Self> {
        let courier = Courier::new(settings, secrets, node).map_err(std::io::Error::other)?;
        let path = state.map(|state| state.join(format!("alert-{}.spool", settings.id)));
        // Without a spool what waits is in memory alone.
        let mut spool = path.and_then(|path| Spool::open_file(&path, SPOOL_OCTETS).ok());
        let waiting = spool.as_mut().and_then(|spool| spool.lines().ok()).unwrap_or_default();
        let (inputs, receiver) = sync_channel(QUEUE_MAX);
        let overflow = Arc::new(AtomicU64::new(0));
        let work = Work {
            id: settings.id.clone(),
            courier,
            receiver,
            overflow: Arc::clone(&overflow),
            waiting: waiting.into(),
            spool,
            log,
            metrics,
            away: false,
            returned: 0,
            retry: None,
            backoff: BACKOFF.0,
        };
        let thread =
            std::thread::Builder::new().name("alert-sink".to_owned()).spawn(move || work.run())?;
        let (settings, secrets) = (settings.clone(), secrets.clone());
        Ok(Self { settings, secrets, inputs, overflow, thread })
    }

    pub(super) const fn settings(&self) -> &AlertSink {
        &self.settings
    }

    pub(super) fn is_same(&self, settings: &AlertSink, secrets: &AlertSecrets) -> bool {
        // Where it is written does not matter.
        let here = AlertSink { at: self.settings.at.clone(), ..settings.clone() };
        self.settings == here && self.secrets == *secrets
    }

    pub(super) fn deliver(&self, line: &Arc<Line>) {
        match self.inputs.try_send(Some(Arc::clone(line))) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.overflow.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    pub(super) fn stop(self) {
        let _ = self.inputs.send(None); // OK because a thread that is gone needs no end
        let _ = self.thread.join();
    }
}

struct Work {
    id: String,
    courier: Courier,
    receiver: Receiver<Option<Arc<Line>>>,
    overflow: Arc<AtomicU64>,
    waiting: VecDeque<Line>,
    /// Holds at least what waits, so that nothing is lost when the power goes.
    spool: Option<Spool>,
    log: Log,
    metrics: Arc<Metrics>,
    away: bool,
    /// Delivered since the receiver is back.
    returned: u64,
    retry: Option<Instant>,
    backoff: Duration,
}

impl Work {
    fn run(mut self) {
        loop {
            let stop = self.take();
            let due = self.retry.is_none_or(|at| Instant::now() >= at);
            if !self.waiting.is_empty() && (due || (stop && !self.away)) {
                self.attempt();
            }
            if stop {
                return;
            }
        }
    }

    /// Takes what has come, or waits until it is time to try again; whether the end has come.
    fn take(&mut self) -> bool {
        let idle = Duration::from_secs(3600);
        let wait = match self.retry {
            Some(at) => at.saturating_duration_since(Instant::now()),
            None if self.waiting.is_empty() => idle,
            None => Duration::ZERO,
        };
        let mut next = match self.receiver.recv_timeout(wait) {
            Ok(input) => Some(input),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return true,
        };
        let (mut lines, mut stop) = (Vec::new(), false);
        while let Some(input) = next {
            match input {
                Some(line) => lines.push(Arc::unwrap_or_clone(line)),
                None => stop = true,
            }
            let more = lines.len() < QUEUE_MAX && !stop;
            next = if more { self.receiver.try_recv().ok() } else { None };
        }
        self.put_aside(lines);
        stop
    }

    fn put_aside(&mut self, mut lines: Vec<Line>) {
        let room = WAITING_MAX.saturating_sub(self.waiting.len());
        let lost = lines.len().saturating_sub(room) as u64;
        lines.truncate(room);
        let overflow = self.overflow.swap(0, Ordering::Relaxed);
        if lost + overflow > 0 {
            self.lost(lost + overflow, "too many are waiting");
        }
        if let Some(spool) = &mut self.spool {
            let written = spool.append(&lines);
            let full = matches!(written, Ok(taken) if taken < lines.len());
            self.waiting.extend(lines);
            // What was delivered since gives its room back.
            if full && spool.clear().is_ok() {
                let (front, back) = self.waiting.as_slices();
                // OK because what fits no more is in memory, and tried as long as we live.
                let _ = spool.append(front).and_then(|_| spool.append(back));
            }
        } else {
            self.waiting.extend(lines);
        }
    }

    fn attempt(&mut self) {
        while !self.waiting.is_empty() {
            let batch: Vec<Alert> =
                self.waiting.iter().take(BATCH_MAX).filter_map(Alert::of).collect();
            if batch.is_empty() {
                // Only a spool of another version can hold what is no alert.
                self.waiting.clear();
                break;
            }
            let (mut done, mut refused) = (0, Vec::new());
            let outcome = self.courier.deliver(clock::now(), &batch, &mut |fate| {
                done += 1;
                if let Fate::Refused(cause) = fate {
                    refused.push(cause);
                }
            });
            let good = (done - refused.len()) as u64;
            self.count("delivered", good);
            self.count("refused", refused.len() as u64);
            self.returned += good;
            self.waiting.drain(..done.min(self.waiting.len()));
            if let Some(cause) = refused.first().cloned() {
                self.lost(refused.len() as u64, &cause);
            }
            if let Err(cause) = outcome {
                return self.failed(&cause);
            }
        }
        if let Some(spool) = &mut self.spool {
            let _ = spool.clear(); // OK because what stays there is delivered twice at worst
        }
        if self.away {
            let facts = [("sink", self.id.clone()), ("count", self.returned.to_string())];
            self.log.event(clock::now(), Event::AlertSinkBack, &facts);
        }
        (self.away, self.retry, self.backoff) = (false, None, BACKOFF.0);
    }

    fn failed(&mut self, cause: &str) {
        self.count("failed", 1);
        if !self.away {
            self.away = true;
            self.returned = 0;
            away(&self.log, &self.id, cause);
        }
        self.retry = Some(Instant::now() + self.backoff);
        self.backoff = self.backoff.saturating_mul(2).min(BACKOFF.1);
    }

    fn lost(&self, count: u64, cause: &str) {
        self.count("lost", count);
        let facts =
            [("count", count.to_string()), ("sink", self.id.clone()), ("cause", cause.to_owned())];
        self.log.event(clock::now(), Event::AlertsLost, &facts);
    }

    fn count(&self, result: &str, count: u64) {
        self.metrics.alert_deliveries.with_label_values(&[&self.id, result]).inc_by(count);
    }
}

/// Says that a receiver cannot be reached.
pub(super) fn away(log: &Log, sink: &str, cause: &str) {
    let facts = [("sink", sink.to_owned()), ("cause", cause.to_owned())];
    log.event(clock::now(), Event::AlertSinkAway, &facts);
}
