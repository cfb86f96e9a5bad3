//! Watches every line of the log, tells what is alerted, and hands it to the receivers.
//!
//! One thread watches and one thread for each receiver delivers. Whoever logs never waits for
//! either: lines come through a bounded queue, and what does not fit is counted and alerted.

pub(super) mod channel;
mod courier;
mod smtp;
mod sink;
pub use courier::{Courier, Fate};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel as queue};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use super::clock::Clock;
use super::log::{Log, Severity};
use super::metrics::Metrics;
use super::process::{Stretch, stand_back};
use super::told::{Batch, Crowd};
use super::{Failure, FailureKind, service};
use crate::alert::{Alert, Alerter, End};
use crate::plan::{AlertSecrets, Plan};
use crate::vocabulary::AlertSeverity;
use sink::Sink;

/// Lines that may wait to be looked at.
pub const LINES_WAITING_MAX: usize = 65_536;
/// Lines looked at before the clock is looked at again.
const BATCH_MAX: usize = 4096;
/// How long the thread sleeps when nothing comes.
const TICK: Duration = Duration::from_millis(250);

/// Where lines are handed in; cheap to clone.
#[derive(Clone, Debug)]
pub struct Watcher {
    inputs: Sender<Input>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    /// Lines handed in and not yet looked at.
    waiting: Crowd,
    lost: AtomicU64,
}

/// The other end, for the [`Alarm`].
#[derive(Debug)]
pub struct Watched {
    receiver: Receiver<Input>,
    watcher: Watcher,
}

#[derive(Debug)]
enum Input {
    Lines(Arc<Batch>),
    Replace(Box<Settings>),
    Stop,
}

/// What is in force.
#[derive(Debug)]
pub struct Settings {
    /// The plan.
    pub plan: Arc<Plan>,
    /// The receivers that have what they need.
    pub secrets: BTreeMap<String, AlertSecrets>,
    /// What ends when.
    pub ends: Vec<End>,
}

/// Both ends.
#[must_use]
pub fn channel() -> (Watcher, Watched) {
    let (inputs, receiver) = queue();
    let watcher = Watcher { inputs, counts: Arc::default() };
    (watcher.clone(), Watched { receiver, watcher })
}

impl Watcher {
    /// Hands in lines.
    pub(super) fn see(&self, batch: &Arc<Batch>) {
        let lines = batch.len();
        if !self.counts.waiting.enter(lines, LINES_WAITING_MAX)
            || self.inputs.send(Input::Lines(Arc::clone(batch))).is_err()
        {
            self.counts.lost.fetch_add(lines as u64, Ordering::Relaxed);
        }
    }
}

/// The running threads.
#[derive(Debug)]
pub struct Alarm {
    inputs: Sender<Input>,
    thread: JoinHandle<()>,
}

impl Alarm {
    /// Starts watching; receivers come with [`Alarm::replace`]. `state` holds their spools;
    /// without it what waits is kept in memory alone.
    ///
    /// # Errors
    /// The machine gives no thread.
    pub fn start(
        state: Option<&Path>,
        plan: Arc<Plan>,
        watched: Watched,
        log: Log,
        metrics: Arc<Metrics>,
        (clock, service): (Clock, Sender<service::Input>),
    ) -> Result<Self, Failure> {
        let inputs = watched.watcher.inputs.clone();
        let work = Work {
            state: state.map(Path::to_owned),
            alerter: Alerter::new(Arc::clone(&plan), Vec::new()),
            plan,
            watched,
            log,
            metrics,
            clock,
            service,
            sinks: Vec::new(),
            told: 0,
        };
        let thread = std::thread::Builder::new()
            .name("alert".to_owned())
            .spawn(move || work.run())
            .map_err(|cause| Failure::new(FailureKind::MachineRefused).fact("cause", cause))?;
        Ok(Self { inputs, thread })
    }

    /// Goes on with other settings; receivers that stay the same are left alone.
    pub fn replace(&self, settings: Settings) {
        let _ = self.inputs.send(Input::Replace(Box::new(settings))); // OK because it is stopping
    }

    /// Tells what is held back, tries once more to deliver it, and ends the threads. What could
    /// not be delivered waits on the spool.
    pub fn stop(self) {
        let _ = self.inputs.send(Input::Stop); // OK because a thread that is gone needs no end
        let _ = self.thread.join();
    }
}

struct Work {
    state: Option<PathBuf>,
    plan: Arc<Plan>,
    alerter: Alerter,
    watched: Watched,
    log: Log,
    metrics: Arc<Metrics>,
    clock: Clock,
    /// Who tells the sensors.
    service: Sender<service::Input>,
    sinks: Vec<Sink>,
    told: u64,
}

impl Work {
    fn run(mut self) {
        stand_back();
        let mut stretch = Stretch::begin();
        let mut stop = false;
        while !stop {
            let mut next = match self.watched.receiver.recv_timeout(TICK) {
                Ok(input) => Some(input),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let mut count = 0;
            while let Some(input) = next {
                match input {
                    Input::Lines(batch) => {
                        self.watched.watcher.counts.waiting.leave(batch.len());
                        let now = self.clock.now();
                        batch.iter().for_each(|told| self.alerter.handle(now, &told));
                        stretch.pause();
                    }
                    Input::Replace(settings) => self.replace(*settings),
                    Input::Stop => stop = true,
                }
                count += 1;
                let more = count < BATCH_MAX && !stop;
                next = if more { self.watched.receiver.try_recv().ok() } else { None };
            }
            let lost = self.watched.watcher.counts.lost.swap(0, Ordering::Relaxed);
            if lost > 0 {
                self.alerter.missed(self.clock.now(), lost);
            }
            self.alerter.handle_timeout(self.clock.now());
            let forgotten = i64::try_from(self.alerter.forgotten()).unwrap_or(i64::MAX);
            self.metrics.alert_forgotten.set(forgotten);
            for alert in self.alerter.poll_events() {
                self.tell(&alert);
            }
            let hints = self.alerter.poll_hints();
            if !hints.is_empty() {
                // OK because a service that is gone tells nobody.
                let _ = self.service.send(service::Input::Hints(hints));
            }
        }
        for alert in self.alerter.finish() {
            self.tell(&alert);
        }
        self.sinks.into_iter().for_each(Sink::stop);
    }

    fn tell(&mut self, alert: &Alert) {
        self.told += 1;
        let node = &self.plan.server.node_name;
        let id = format!("{node}-{}-{}", self.clock.now().wall.0, self.told);
        let kind = alert.kind.id();
        self.metrics.alerts.with_label_values(&[kind]).inc_by(alert.more.saturating_add(1));
        let severity = match alert.severity {
            AlertSeverity::Info => Severity::Info,
            AlertSeverity::Warning => Severity::Warning,
            AlertSeverity::Error => Severity::Error,
        };
        let fields = Value::Object(alert.to_fields(&id, self.plan.server.language));
        // A summary is told long after the last of it: with that time it would look as if the
        // clock had stepped back.
        let line = self.log.told(self.clock.now().wall, kind, severity, fields);
        for sink in self.sinks.iter().filter(|sink| alert.is_for(sink.settings())) {
            sink.deliver(&line);
        }
    }

    fn replace(&mut self, settings: Settings) {
        let Settings { plan, secrets, ends } = settings;
        let mut before = std::mem::take(&mut self.sinks);
        let wanted = plan.alerts.sinks.iter().filter(|sink| sink.enabled);
        let wanted: Vec<_> =
            wanted.filter_map(|sink| Some((sink, secrets.get(&sink.id)?))).collect();
        let (kept, gone): (Vec<_>, Vec<_>) = before.drain(..).partition(|sink| {
            wanted.iter().any(|(settings, secrets)| sink.is_same(settings, secrets))
        });
        // An old one lets go of its spool before a new one of the same name opens it.
        gone.into_iter().for_each(Sink::stop);
        self.sinks = kept;
        for (settings, secrets) in wanted {
            if self.sinks.iter().any(|sink| sink.is_same(settings, secrets)) {
                continue;
            }
            let node = plan.server.node_name.as_str();
            let (log, metrics) = (self.log.clone(), Arc::clone(&self.metrics));
            match Sink::start(settings, secrets, node, self.state.as_deref(), log, metrics) {
                Ok(sink) => self.sinks.push(sink),
                Err(cause) => sink::away(&self.log, &settings.id, &cause.to_string()),
            }
        }
        self.alerter.replace(Arc::clone(&plan), ends);
        self.plan = plan;
    }
}
