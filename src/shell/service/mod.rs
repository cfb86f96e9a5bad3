//! The running service: which plan is in force, how another takes its place, and what operators
//! ask of it. Everything here happens on one thread, one input after the other, and off the path
//! of admission.
//!
//! A change is applied whole or not at all: compiled, its credentials read, the snapshot built,
//! its generation made durable, and only then handed to the workers.

mod candidate;
mod changes;
mod detections;
mod enforce;
mod incidents;
mod operators;
mod outlook;
mod place;
mod sensors;
mod sessions;
mod start;
mod tripwire;
mod verdicts;
mod watched;
mod weakening;

pub use candidate::{Directories, Material, Refused, prove};
pub(super) use sessions::Feed;

pub use operators::{changes_json, finding_json, findings_json, mark_subject};

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use candidate::{Candidate, load, snapshot};
use enforce::summary_json;
use outlook::Ends;
pub use sensors::Underway;
use sessions::Sessions;

use super::alert::{self, Alarm};
use super::api::Api;
use super::clock::Clock;
use super::control::{Accept, Command, Reply, Request};
use super::detection::{Detection, Intake};
use super::evidence::Keeper;
use super::log::{self, Log};
use super::metrics::{Metrics, epoch};
use super::process::stand_back;
use super::store::Store;
use super::survey::{self, Survey};
use super::timekeeper::Timekeeper;
use super::workers::Workers;
use super::{Failure, FailureKind, notify};
use crate::access::Snapshot;
use crate::enforce::Summary;
use crate::ledger::Change;
use crate::plan::{self, Plan};
use crate::record::Incidents;
use crate::sensor::Hint;
use crate::vocabulary::{Language, Marks, Timestamp};

/// How often it is looked for sensors that say nothing.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What reaches the service thread.
#[derive(Debug)]
pub enum Input {
    /// An operator's request, who asks, and where the answer goes.
    Control(Request, String, oneshot::Sender<Reply>),
    /// A switch was seen to send Message-Authenticator.
    Learned(String),
    /// What became of live sessions, to be kept.
    Attachments(Vec<Change>),
    /// Read everything anew, as asked by.
    Reload(String),
    /// End, as asked by.
    Stop(String),
    /// Another product found something; what became of it goes back.
    Detected(Detection, oneshot::Sender<&'static str>),
    /// A worker ended by a fault.
    WorkerGone(usize),
    /// The thread of live sessions ended by a fault.
    SessionsGone,
    /// What sensors are to be told of devices.
    Hints(Vec<Hint>),
    /// The lines of a sensor's report are kept as evidence, or are not.
    Observed(Box<Underway>, bool),
}

/// The service and its threads.
pub struct Service {
    material: Box<dyn Material>,
    store: Option<Store>,
    log: Log,
    writer: log::Writer,
    metrics: Arc<Metrics>,
    workers: Workers<Snapshot>,
    /// Takes accounts; `None` where the plan wants none.
    accountants: Option<Workers<Snapshot>>,
    accounting: Vec<SocketAddr>,
    keeper: Option<Keeper>,
    alarm: Alarm,
    state: Option<PathBuf>,
    sessions: Sessions,
    survey: Survey,
    timekeeper: Timekeeper,
    /// What sensors report, and who is where.
    sensors: sensors::Sensors,
    /// Whose labels the tripwire's responder tells of.
    tripwire: tripwire::Labels,
    /// What the last snapshot set going among live sessions.
    followed: Summary,
    addresses: Vec<SocketAddr>,
    metrics_address: Option<SocketAddr>,
    api: Option<Arc<Api>>,
    api_address: Option<SocketAddr>,
    /// Takes detections of other products.
    intake: Arc<Intake>,
    detection: Vec<SocketAddr>,
    lately: detections::Lately,
    /// What the plan said of this node when it started.
    started_as: plan::Server,
    listened_as: Vec<(&'static str, SocketAddr)>,
    snapshot: Arc<Snapshot>,
    healthy: Arc<AtomicBool>,
    clock: Clock,
    since: Timestamp,
    /// Read from the evidence when first asked for.
    incidents: Option<Incidents>,
    inputs: Receiver<Input>,
    sender: Sender<Input>,
    /// Serves HTTP, the control socket and signals; ends with the service.
    runtime: Runtime,
}

impl Service {
    /// Where RADIUS is answered, with real port numbers.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where accounts are taken, with real port numbers.
    #[must_use]
    pub fn accounting_addresses(&self) -> &[SocketAddr] {
        &self.accounting
    }

    /// Where metrics are served.
    #[must_use]
    pub const fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// The plan in force.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.snapshot.plan
    }

    /// A way to reach the service from other threads.
    #[must_use]
    pub fn sender(&self) -> Sender<Input> {
        self.sender.clone()
    }

    /// Lets SIGTERM and SIGINT end the service and SIGHUP reload it.
    ///
    /// # Errors
    /// The machine refuses a handler.
    pub fn obey_signals(&self) -> Result<(), Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let refused = |cause| Failure::new(FailureKind::MachineRefused).fact("cause", cause);
        let _context = self.runtime.enter();
        for (kind, name) in [
            (SignalKind::terminate(), "SIGTERM"),
            (SignalKind::interrupt(), "SIGINT"),
            (SignalKind::hangup(), "SIGHUP"),
        ] {
            let mut signals = signal(kind).map_err(refused)?;
            let sender = self.sender.clone();
            self.runtime.spawn(async move {
                while signals.recv().await.is_some() {
                    let by = name.to_owned();
                    let input = if kind == SignalKind::hangup() {
                        Input::Reload(by)
                    } else {
                        Input::Stop(by)
                    };
                    if sender.send(input).is_err() {
                        return;
                    }
                }
            });
        }
        Ok(())
    }

    /// Serves until asked to stop; answers what was received before it returns.
    ///
    /// # Errors
    /// A worker ended by a fault, or shutdown did not finish.
    pub fn run(mut self) -> Result<(), Failure> {
        stand_back();
        // Not before signals are obeyed: who has read it may ask for the end.
        self.tell_started();
        notify::ready();
        let mut faulty = None;
        let mut looked = self.clock.now().monotonic;
        loop {
            let input = match self.inputs.recv_timeout(LOOK_EVERY) {
                Ok(input) => Some(input),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break, // OK because `sender` is ours
            };
            let moment = self.clock.now();
            if moment.monotonic.saturating_sub(looked) >= LOOK_EVERY {
                looked = moment.monotonic;
                self.watch_sensors();
                self.look_for_sought();
            }
            let (Some(input), now) = (input, moment.wall) else { continue };
            match input {
                Input::Control(
                    Request { command: Command::Observe { sensor, report }, language },
                    _,
                    answer,
                ) => {
                    let language = Language::parse(&language).unwrap_or_default();
                    self.observe(now, &sensor, report, language, answer);
                }
                Input::Observed(underway, kept) => self.observed(now, *underway, kept),
                Input::Control(request, by, answer) => {
                    let reply = self.control(now, &request, &by);
                    let _ = answer.send(reply); // OK because an operator may have hung up
                }
                Input::Learned(switch) => {
                    let stored = self.store.as_mut().map(|store| store.learn(&switch, now));
                    if let Some(Err(failure)) = stored {
                        self.log.event(
                            now,
                            log::Event::StoreFailed,
                            &[("cause", failure.message(self.log.language()))],
                        );
                    }
                }
                Input::Attachments(changes) => self.keep(now, &changes),
                Input::Hints(hints) => self.sensors.hint(&hints),
                Input::Detected(detection, answer) => {
                    let _ = answer.send(self.detected(moment, &detection)); // OK as above
                }
                Input::Reload(by) => {
                    // OK because the refusal was logged.
                    let _ = self.reload(now, &by, None, Language::English);
                }
                Input::Stop(by) => {
                    self.log.event(now, log::Event::Stopping, &[("by", by)]);
                    break;
                }
                input @ (Input::WorkerGone(_) | Input::SessionsGone) => {
                    let cause = match input {
                        Input::WorkerGone(number) => format!("worker {number}"),
                        _ => "sessions".to_owned(),
                    };
                    let facts = [("cause", cause)];
                    self.log.event(now, log::Event::WorkerFailed, &facts);
                    faulty = Some(Failure::new(FailureKind::StopFailed).fact("cause", "worker"));
                    break;
                }
            }
        }
        self.healthy.store(false, Ordering::Relaxed);
        notify::stopping();
        let books = self.accountants.map_or(Ok(()), Workers::stop);
        let stopped = self.workers.stop().and(books);
        self.survey.stop();
        self.timekeeper.stop();
        let changes = self.sessions.stop();
        if let Some(Err(failure)) = self.store.as_mut().map(|it| it.keep_attachments(&changes)) {
            let facts = [("cause", failure.message(self.log.language()))];
            self.log.event(self.clock.now().wall, log::Event::StoreFailed, &facts);
        }
        self.log.event(self.clock.now().wall, log::Event::Stopped, &[]);
        self.alarm.stop();
        if let Some(keeper) = self.keeper {
            keeper.stop();
        }
        self.writer.stop();
        faulty.map_or(stopped, Err)
    }

    /// Reads everything anew and puts it in force, or leaves everything as it is.
    fn reload(
        &mut self,
        now: Timestamp,
        by: &str,
        accept: Option<&Accept>,
        language: Language,
    ) -> Result<Value, Refused> {
        let sources = self.material.sources().map_err(Refused::from);
        let candidate = sources.and_then(|sources| load(self.material.as_ref(), sources, now));
        let outcome = candidate.and_then(|candidate| {
            let generation = self.snapshot.generation;
            // One that a full disk kept from being stored when it was taken up is taken again.
            let kept = match &self.store {
                Some(store) => store.newest()?.is_some_and(|it| it.generation == generation),
                None => true,
            };
            let same = candidate.plan.content_hash == self.snapshot.plan.content_hash;
            let unchanged = kept && same;
            if unchanged {
                self.replace(now, &candidate, |_| Ok(generation))?;
                let facts = [("by", by.to_owned())];
                self.log.event(now, log::Event::PlanUnchanged, &facts);
            } else {
                let by = self.permit(now, &candidate, accept, by)?;
                self.replace(now, &candidate, |store| {
                    Ok(match store {
                        Some(store) => store.accept(&candidate.sources, &by, now)?.generation,
                        None => generation + 1,
                    })
                })?;
                let facts = [("generation", self.snapshot.generation.to_string()), ("by", by)];
                self.log.event(now, log::Event::PlanAccepted, &facts);
            }
            self.log.findings(now, &candidate.findings);
            self.in_force(&candidate);
            Ok(json!({
                "generation": self.snapshot.generation,
                "changed": !unchanged,
                "needs_restart": self.needs_restart(),
                "sessions": summary_json(&self.followed),
                "findings": findings_json(&candidate.findings, language),
            }))
        });
        self.metrics.reload_success.set(i64::from(outcome.is_ok()));
        self.metrics.reload_timestamp_seconds.set(epoch(now));
        if let Err(refused) = &outcome {
            let facts = [
                ("generation", self.snapshot.generation.to_string()),
                ("by", by.to_owned()),
                ("cause", refused.failure.message(self.snapshot.plan.server.language)),
            ];
            self.log.event(now, log::Event::PlanRefused, &facts);
            self.log.findings(now, &refused.findings);
        }
        outcome
    }

    /// Puts the files of an earlier generation in force as a new one.
    fn rollback(&mut self, now: Timestamp, generation: u64, by: &str) -> Result<Value, Refused> {
        let (_, sources) = self.store()?.load(generation)?;
        let candidate = load(self.material.as_ref(), sources, now)?;
        // Files on disk that cannot be read cannot come back by themselves either.
        let aside = self.material.sources().ok().map(|sources| sources.content_hash());
        self.replace(now, &candidate, |store| match store {
            Some(store) => Ok(store.restore(generation, aside, by, now)?.generation),
            None => Err(Failure::new(FailureKind::StateAbsent)),
        })?;
        let facts = [
            ("restored", generation.to_string()),
            ("generation", self.snapshot.generation.to_string()),
            ("by", by.to_owned()),
        ];
        self.log.event(now, log::Event::PlanRolledBack, &facts);
        self.in_force(&candidate);
        Ok(json!({
            "generation": self.snapshot.generation,
            "restored": generation,
            "needs_restart": self.needs_restart(),
            "sessions": summary_json(&self.followed),
        }))
    }

    /// Builds the snapshot of a candidate, has it numbered by `number` (the durable step), and
    /// hands it to every worker.
    fn replace(
        &mut self,
        now: Timestamp,
        candidate: &Candidate,
        number: impl FnOnce(Option<&mut Store>) -> Result<u64, Failure>,
    ) -> Result<(), Refused> {
        let (marks, learned) = match &self.store {
            Some(store) => (store.marks(now)?, store.learned()?),
            None => Default::default(),
        };
        let marks = Marks::new(marks);
        let next = snapshot(0, candidate, marks, &learned, Some(&self.snapshot))?;
        if let Some(store) = &mut self.store {
            store.pass(self.snapshot.generation)?;
        }
        let generation = number(self.store.as_mut())?;
        self.hand_out(Arc::new(next.with_generation(generation)))?;
        self.tripwire = tripwire::Labels::new(&candidate.credentials);
        self.log.set_generation(generation);
        self.follow(now);
        Ok(())
    }

    /// Shows the plan now in force in the metrics, and complains of what needs a restart.
    fn in_force(&self, candidate: &Candidate) {
        let plan = &self.snapshot.plan;
        let generation = i64::try_from(self.snapshot.generation).unwrap_or(i64::MAX);
        if self.metrics.plan_generation.get() != generation {
            self.metrics.plan_changed.set(epoch(self.clock.now().wall));
        }
        self.metrics.plan_generation.set(generation);
        let ends = Ends::of(plan, &candidate.credentials);
        ends.show(&self.metrics);
        outlook::show_plan(&self.metrics, plan);
        if let Some(api) = &self.api {
            api.admit(&candidate.credentials);
        }
        self.intake.replace(plan, &candidate.credentials);
        let secrets = candidate.credentials.alerts.clone();
        let snmp = candidate.credentials.snmp.clone();
        self.survey.replace(survey::Settings { plan: Arc::clone(plan), secrets: snmp });
        self.timekeeper.replace(plan.server.clock.clone());
        self.alarm.replace(alert::Settings {
            plan: Arc::clone(plan),
            secrets,
            ends: ends.watched(),
        });
        if self.needs_restart() {
            self.log.event(self.clock.now().wall, log::Event::RestartNeeded, &[]);
        }
    }

    /// Whether the plan in force says something that only a restart can follow: addresses,
    /// workers, and the name and language of the log.
    fn needs_restart(&self) -> bool {
        let of = |server: &plan::Server| {
            (
                (server.authentication.clone(), server.accounting.clone()),
                (server.metrics_listen, server.api_listen),
                server.evidence_days,
                server.survey.traps,
                server.workers,
                server.node_name.clone(),
                server.language,
            )
        };
        let listened = self.snapshot.plan.detections.listeners();
        of(&self.snapshot.plan.server) != of(&self.started_as)
            || !listened.eq(self.listened_as.iter().copied())
    }

    /// When this returns, every worker decides by the marks now in force.
    fn take_marks(&mut self, now: Timestamp) -> Result<(), Failure> {
        let marks = Marks::new(self.store()?.marks(now)?);
        self.hand_out(Arc::new(self.snapshot.with_marks(marks)))?;
        self.follow(now);
        Ok(())
    }

    /// When this returns, every worker has taken the snapshot.
    fn hand_out(&mut self, next: Arc<Snapshot>) -> Result<(), Failure> {
        self.workers.replace(&next)?;
        if let Some(accountants) = &self.accountants {
            accountants.replace(&next)?;
        }
        self.snapshot = next;
        Ok(())
    }

    /// Writes down what became of live sessions; what cannot be written comes again when the
    /// devices authenticate anew.
    fn keep(&mut self, now: Timestamp, changes: &[Change]) {
        self.sensors.follow(changes);
        let kept = self.store.as_mut().map(|store| store.keep_attachments(changes));
        if let Some(Err(failure)) = kept {
            self.log.event(
                now,
                log::Event::StoreFailed,
                &[("cause", failure.message(self.log.language()))],
            );
        }
    }

    fn store(&mut self) -> Result<&mut Store, Failure> {
        self.store.as_mut().ok_or(Failure::new(FailureKind::StateAbsent))
    }
}
