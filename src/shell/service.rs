//! The running service: which plan is in force, how another takes its place, and what operators
//! ask of it. Everything here happens on one thread, one input after the other, and off the path
//! of admission.
//!
//! A change is applied whole or not at all: compiled, its credentials read, the snapshot built,
//! its generation made durable, and only then handed to the workers.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use super::admission::Admission;
use super::clock::Clock;
use super::control::{self, Command, MarkKindWord, Reply, Request};
use super::log::{self, Log};
use super::metrics::Metrics;
use super::store::{Generation, Store};
use super::workers::{Report, Sockets, Trouble, Workers};
use super::{Failure, FailureKind, http, notify, random, sources};
use crate::access::{Access, Snapshot, worker_of};
use crate::plan::{self, Credentials, Finding, Plan, Severity, Sources};
use crate::vocabulary::{Language, Mac, Mark, MarkKind, MarkSubject, Marks, Text, Timestamp};

/// Longest reason of a mark in octets.
const REASON_OCTETS_MAX: usize = 1000;
/// Findings of one refusal that are logged; the rest is counted.
const FINDINGS_LOGGED_MAX: usize = 50;

/// Where a site's files and secrets come from.
pub trait Material: Send {
    /// The files of `config/` and `topology/`.
    ///
    /// # Errors
    /// They cannot be read.
    fn sources(&self) -> Result<Sources, Failure>;

    /// The secrets that a plan needs, and what is wrong with them; `None` when the plan cannot
    /// be served with what is there.
    ///
    /// # Errors
    /// They cannot be read.
    fn credentials(
        &self,
        plan: &Plan,
        now: Timestamp,
    ) -> Result<(Option<Credentials>, Vec<Finding>), Failure>;

    /// Fits a plan to the machine; the files themselves stay what they are.
    fn fit(&self, plan: Plan) -> Plan {
        plan
    }
}

/// A site in three directories, as every real one is.
#[derive(Clone, Debug)]
pub struct Directories {
    /// `config/`.
    pub config: PathBuf,
    /// `topology/`.
    pub topology: PathBuf,
    /// `secrets/`.
    pub secrets: PathBuf,
}

impl Material for Directories {
    fn sources(&self) -> Result<Sources, Failure> {
        let config = sources::read_tree(&self.config)?;
        let topology = sources::read_tree(&self.topology)?;
        Ok(Sources { config, topology })
    }

    fn credentials(
        &self,
        plan: &Plan,
        now: Timestamp,
    ) -> Result<(Option<Credentials>, Vec<Finding>), Failure> {
        let (files, mut findings) = sources::read_secrets(&self.secrets)?;
        let (credentials, more) = plan::credentials(plan, &files, now);
        findings.extend(more);
        let refused = findings.iter().any(|finding| finding.severity() == Severity::Error);
        Ok((credentials.filter(|_| !refused), findings))
    }
}

/// Why a plan was not put into service.
#[derive(Clone, Debug)]
pub struct Refused {
    /// In one sentence.
    pub failure: Failure,
    /// In detail.
    pub findings: Vec<Finding>,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self { failure, findings: Vec::new() }
    }
}

/// What reaches the service thread.
#[derive(Debug)]
pub enum Input {
    /// An operator's request, who asks, and where the answer goes.
    Control(Request, String, oneshot::Sender<Reply>),
    /// A switch was seen to send Message-Authenticator.
    Learned(String),
    /// Read everything anew, as asked by.
    Reload(String),
    /// End, as asked by.
    Stop(String),
    /// A worker ended by a fault.
    WorkerGone(usize),
}

/// The service and its threads.
pub struct Service {
    material: Box<dyn Material>,
    store: Option<Store>,
    log: Log,
    writer: log::Writer,
    metrics: Arc<Metrics>,
    workers: Workers<Snapshot>,
    addresses: Vec<SocketAddr>,
    metrics_address: Option<SocketAddr>,
    snapshot: Arc<Snapshot>,
    ends: Arc<Mutex<Ends>>,
    healthy: Arc<AtomicBool>,
    clock: Clock,
    since: Timestamp,
    inputs: Receiver<Input>,
    sender: Sender<Input>,
    /// Serves HTTP, the control socket and signals; ends with the service.
    _runtime: Runtime,
}

/// A plan and everything needed to serve it, not yet in force.
struct Candidate {
    sources: Sources,
    plan: Arc<Plan>,
    credentials: Credentials,
    findings: Vec<Finding>,
}

/// When certificates and lists end, for the metrics.
#[derive(Default)]
struct Ends {
    /// Role, name, end.
    certificates: Vec<(&'static str, String, Timestamp)>,
    /// Authority, next update.
    lists: Vec<(String, Timestamp)>,
}

/// What happened while the first plan was chosen, to be logged once there is a log.
struct Start {
    candidate: Candidate,
    generation: u64,
    events: Vec<(log::Event, Vec<(&'static str, String)>)>,
    findings: Vec<Finding>,
}

impl Service {
    /// Chooses a plan, opens the sockets and starts the threads. `state` keeps what outlives a
    /// restart; without it nothing does, and there is no control socket.
    ///
    /// # Errors
    /// No plan can be served, or the machine refuses a socket, thread or file.
    pub fn start(
        material: Box<dyn Material>,
        state: Option<&Path>,
        output: impl Write + Send + 'static,
    ) -> Result<Self, Refused> {
        let clock = Clock::start();
        let now = clock.now();
        let mut store = state.map(Store::open).transpose()?;
        let start = choose(material.as_ref(), store.as_mut(), now.wall)?;
        let Start { candidate, generation, events, findings } = start;
        let server = candidate.plan.server.clone();
        let (marks, learned) = match &store {
            Some(store) => (store.marks(now.wall)?, store.learned()?),
            None => Default::default(),
        };
        let marks = Marks::new(marks);
        let snapshot = snapshot(generation, &candidate, marks, &learned, None)?;
        let snapshot = Arc::new(snapshot);
        let sockets = Sockets::bind(&server.authentication)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("outside")
            .enable_all()
            .build()
            .map_err(|cause| Failure::new(FailureKind::MachineRefused).fact("cause", cause))?;
        let listener = server.metrics_listen.map(|at| runtime.block_on(http::bind(at)));
        let listener = listener.transpose()?;
        let metrics_address = listener.as_ref().and_then(|listener| listener.local_addr().ok());

        let (log, writer) = Log::start(&server.node_name, server.language, output)?;
        log.set_generation(generation);
        let metrics = Arc::new(Metrics::new()?);
        let (sender, inputs) = channel();
        let mut workers = Vec::new();
        for number in 0..server.workers.max(1) {
            let access = Access::new(number, Arc::clone(&snapshot), &random::seed()?);
            let (log, metrics, sender) = (log.clone(), Arc::clone(&metrics), sender.clone());
            let language = server.language;
            workers.push(Admission::new(number, access, language, log, metrics, sender));
        }
        let report = report(&log, &metrics, &sender);
        let workers = Workers::start(&sockets, workers, worker_of, clock, &report)?;

        let ends = Arc::new(Mutex::new(Ends::default()));
        let healthy = Arc::new(AtomicBool::new(true));
        if let Some(listener) = listener {
            let pages = pages(&metrics, &log, &ends, &healthy);
            runtime.spawn(http::serve(listener, pages));
        }
        if let Some(state) = state {
            let listener = runtime.block_on(async { control::bind(state) })?;
            let sender = sender.clone();
            let carry = move |request, by| {
                let (reply, receiver) = oneshot::channel();
                sender.send(Input::Control(request, by, reply)).ok()?;
                Some(receiver)
            };
            runtime.spawn(control::serve(listener, Arc::new(carry)));
        }
        let service = Self {
            material,
            store,
            log,
            writer,
            metrics,
            workers,
            addresses: sockets.addresses(),
            metrics_address,
            snapshot,
            ends,
            healthy,
            clock,
            since: now.wall,
            inputs,
            sender,
            _runtime: runtime,
        };
        for (event, facts) in &events {
            service.log.event(now.wall, *event, facts);
        }
        service.log_findings(now.wall, &findings);
        service.in_force(&candidate);
        service.metrics.reload_success.set(i64::from(events.is_empty()));
        let addresses: Vec<String> = service.addresses.iter().map(ToString::to_string).collect();
        let facts = [("generation", generation.to_string()), ("addresses", addresses.join(", "))];
        service.log.event(now.wall, log::Event::Started, &facts);
        Ok(service)
    }

    /// Where RADIUS is answered, with real port numbers.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
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
        let _context = self._runtime.enter();
        for (kind, name) in [
            (SignalKind::terminate(), "SIGTERM"),
            (SignalKind::interrupt(), "SIGINT"),
            (SignalKind::hangup(), "SIGHUP"),
        ] {
            let mut signals = signal(kind).map_err(refused)?;
            let sender = self.sender.clone();
            self._runtime.spawn(async move {
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
        notify::ready();
        let mut faulty = None;
        while let Ok(input) = self.inputs.recv() {
            let now = self.clock.now().wall;
            match input {
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
                            &[("cause", failure.to_string())],
                        );
                    }
                }
                Input::Reload(by) => {
                    // OK because the refusal was logged.
                    let _ = self.reload(now, &by, Language::English);
                }
                Input::Stop(by) => {
                    self.log.event(now, log::Event::Stopping, &[("by", by)]);
                    break;
                }
                Input::WorkerGone(number) => {
                    let facts = [("cause", format!("worker {number}"))];
                    self.log.event(now, log::Event::WorkerFailed, &facts);
                    faulty = Some(Failure::new(FailureKind::StopFailed).fact("cause", "worker"));
                    break;
                }
            }
        }
        self.healthy.store(false, Ordering::Relaxed);
        notify::stopping();
        let stopped = self.workers.stop();
        self.log.event(self.clock.now().wall, log::Event::Stopped, &[]);
        self.writer.stop();
        faulty.map_or(stopped, Err)
    }

    /// Carries out what an operator asks.
    fn control(&mut self, now: Timestamp, request: &Request, by: &str) -> Reply {
        let language = request.language();
        let result = match &request.command {
            Command::Reload => match self.reload(now, by, language) {
                Ok(result) => Ok(result),
                Err(refused) => {
                    let findings = findings_json(&refused.findings, language);
                    let reply = Reply::failed(&refused.failure, language);
                    return Reply { result: json!({ "findings": findings }), ..reply };
                }
            },
            Command::Status => Ok(self.status(now)),
            Command::PlanList => self.plan_list(),
            Command::PlanShow { generation } => self.plan_show(*generation),
            Command::PlanRollback { generation } => {
                self.rollback(now, *generation, by).map_err(|refused| refused.failure)
            }
            Command::MarkAdd { subject, kind, reason, until } => {
                self.mark_add(now, subject, *kind, reason, until.as_deref(), by)
            }
            Command::MarkRelease { mark } => self.mark_release(now, *mark, by),
            Command::MarkList => self.mark_list(now),
        };
        let command = ("command", request.command.name().to_owned());
        match result {
            Ok(result) => {
                if request.command.changes() {
                    let facts = [command, ("by", by.to_owned())];
                    self.log.event(now, log::Event::ControlRequest, &facts);
                }
                let done = Text { ja: "実行しました", en: "done" };
                Reply::done(done.get(language).to_owned(), result)
            }
            Err(failure) => {
                let cause = ("cause", failure.message(Language::English));
                let facts = [command, ("by", by.to_owned()), cause];
                self.log.event(now, log::Event::ControlRefused, &facts);
                Reply::failed(&failure, language)
            }
        }
    }

    /// Reads everything anew and puts it in force, or leaves everything as it is.
    fn reload(&mut self, now: Timestamp, by: &str, language: Language) -> Result<Value, Refused> {
        let sources = self.material.sources().map_err(Refused::from);
        let candidate = sources.and_then(|sources| load(self.material.as_ref(), sources, now));
        let outcome = candidate.and_then(|candidate| {
            let generation = self.snapshot.generation;
            let unchanged = candidate.plan.content_hash == self.snapshot.plan.content_hash;
            if unchanged {
                self.replace(now, &candidate, |_| Ok(generation))?;
                let facts = [("by", by.to_owned())];
                self.log.event(now, log::Event::PlanUnchanged, &facts);
            } else {
                self.replace(now, &candidate, |store| {
                    Ok(match store {
                        Some(store) => store.accept(&candidate.sources, by, now)?.generation,
                        None => generation + 1,
                    })
                })?;
                let facts =
                    [("generation", self.snapshot.generation.to_string()), ("by", by.to_owned())];
                self.log.event(now, log::Event::PlanAccepted, &facts);
            }
            self.log_findings(now, &candidate.findings);
            self.in_force(&candidate);
            Ok(json!({
                "generation": self.snapshot.generation,
                "changed": !unchanged,
                "findings": findings_json(&candidate.findings, language),
            }))
        });
        self.metrics.reload_success.set(i64::from(outcome.is_ok()));
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit a double exactly")]
        self.metrics.reload_timestamp_seconds.set(now.seconds() as f64);
        if let Err(refused) = &outcome {
            self.log_refusal(now, log::Event::PlanRefused, self.snapshot.generation, refused);
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
        Ok(json!({ "generation": self.snapshot.generation, "restored": generation }))
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
        let generation = number(self.store.as_mut())?;
        let next = Arc::new(next.with_generation(generation));
        self.workers.replace(&next)?;
        self.snapshot = next;
        self.log.set_generation(generation);
        Ok(())
    }

    /// Shows the plan now in force in the metrics, and complains of what needs a restart.
    fn in_force(&self, candidate: &Candidate) {
        let plan = &self.snapshot.plan;
        let generation = i64::try_from(self.snapshot.generation).unwrap_or(i64::MAX);
        self.metrics.plan_generation.set(generation);
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        *ends = Ends::of(plan, &candidate.credentials);
        drop(ends);
        let asked = &plan.server.authentication;
        let same = asked.len() == self.addresses.len()
            && asked.iter().zip(&self.addresses).all(|(asked, bound)| {
                asked.ip() == bound.ip() && (asked.port() == bound.port() || asked.port() == 0)
            });
        if !same {
            self.log.event(self.clock.now().wall, log::Event::AddressesChanged, &[]);
        }
    }

    fn status(&self, now: Timestamp) -> Value {
        let plan = &self.snapshot.plan;
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "node": plan.server.node_name,
            "generation": self.snapshot.generation,
            "content_hash": hex(&plan.content_hash),
            "since": self.since.rfc3339(),
            "uptime_s": self.since.seconds_until(now),
            "authentication": self.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "metrics": self.metrics_address.map(|address| address.to_string()),
            "clients": plan.switches.iter().filter(|switch| switch.is_client()).count(),
            "devices": plan.devices.len(),
            "reload_success": self.metrics.reload_success.get() == 1,
            "log_lines_missing": self.log.missing(),
        })
    }

    fn plan_list(&mut self) -> Result<Value, Failure> {
        let current = self.snapshot.generation;
        let list = self.store()?.generations()?;
        Ok(list.iter().map(|each| generation_json(each, current)).collect())
    }

    fn plan_show(&mut self, generation: u64) -> Result<Value, Failure> {
        let current = self.snapshot.generation;
        let (found, sources) = self.store()?.load(generation)?;
        let mut value = generation_json(&found, current);
        let files = |tree: &str, files: &std::collections::BTreeMap<String, Vec<u8>>| {
            let file = |(path, content): (&String, &Vec<u8>)| {
                let content = match std::str::from_utf8(content) {
                    Ok(text) => json!(text),
                    Err(_) => json!({ "hex": hex(content) }),
                };
                (format!("{tree}/{path}"), content)
            };
            files.iter().map(file).collect::<Vec<_>>()
        };
        let all = [files("config", &sources.config), files("topology", &sources.topology)];
        let all: serde_json::Map<String, Value> = all.into_iter().flatten().collect();
        if let Value::Object(fields) = &mut value {
            fields.insert("files".to_owned(), Value::Object(all));
        }
        Ok(value)
    }

    fn mark_add(
        &mut self,
        now: Timestamp,
        subject: &str,
        kind: MarkKindWord,
        reason: &str,
        until: Option<&str>,
        by: &str,
    ) -> Result<Value, Failure> {
        if reason.trim().is_empty() {
            return Err(Failure::new(FailureKind::TextEmpty).fact("field", "reason"));
        }
        if reason.len() > REASON_OCTETS_MAX {
            let failure = Failure::new(FailureKind::TextTooLong).fact("field", "reason");
            return Err(failure.fact("limit", REASON_OCTETS_MAX));
        }
        let until = until.map(|text| {
            Timestamp::parse_end(text)
                .map_err(|_| Failure::new(FailureKind::DateMalformed).fact("text", text))
        });
        let mark = Mark {
            id: 0,
            subject: mark_subject(&self.snapshot.plan, subject)?,
            kind: match kind {
                MarkKindWord::Quarantine => MarkKind::Quarantine,
                MarkKindWord::Refuse => MarkKind::Refuse,
            },
            reason: reason.to_owned(),
            by: by.to_owned(),
            since: now,
            until: until.transpose()?,
        };
        let mark = self.store()?.add_mark(&mark)?;
        self.take_marks(now)?;
        let facts = [("mark", mark.id.to_string()), ("by", by.to_owned())];
        self.log.event(now, log::Event::MarkAdded, &facts);
        Ok(mark_json(&mark))
    }

    fn mark_release(&mut self, now: Timestamp, mark: i64, by: &str) -> Result<Value, Failure> {
        self.store()?.release_mark(mark, by, now)?;
        self.take_marks(now)?;
        let facts = [("mark", mark.to_string()), ("by", by.to_owned())];
        self.log.event(now, log::Event::MarkReleased, &facts);
        Ok(json!({ "mark": mark }))
    }

    fn mark_list(&mut self, now: Timestamp) -> Result<Value, Failure> {
        Ok(self.store()?.marks(now)?.iter().map(mark_json).collect())
    }

    /// When this returns, every worker decides by the marks now in force.
    fn take_marks(&mut self, now: Timestamp) -> Result<(), Failure> {
        let marks = Marks::new(self.store()?.marks(now)?);
        let next = Arc::new(self.snapshot.with_marks(marks));
        self.workers.replace(&next)?;
        self.snapshot = next;
        Ok(())
    }

    fn store(&mut self) -> Result<&mut Store, Failure> {
        self.store.as_mut().ok_or(Failure::new(FailureKind::StateAbsent))
    }

    fn log_refusal(&self, now: Timestamp, event: log::Event, generation: u64, refused: &Refused) {
        let cause = refused.failure.message(self.snapshot.plan.server.language);
        let facts = [("generation", generation.to_string()), ("cause", cause)];
        self.log.event(now, event, &facts);
        self.log_findings(now, &refused.findings);
    }

    fn log_findings(&self, now: Timestamp, findings: &[Finding]) {
        let language = self.snapshot.plan.server.language;
        let grave = findings.iter().filter(|finding| finding.severity() > Severity::Notice);
        for finding in grave.take(FINDINGS_LOGGED_MAX) {
            let facts = [
                ("message", finding.text(language)),
                ("finding", finding.kind.id().to_owned()),
                ("file", finding.at.as_ref().map(ToString::to_string).unwrap_or_default()),
                ("field", finding.field.clone()),
            ];
            self.log.event(now, log::Event::Finding, &facts);
        }
    }
}

impl Ends {
    fn of(plan: &Plan, credentials: &Credentials) -> Self {
        let mut ends = Self::default();
        let server = plan.server.eap.server_name.clone();
        ends.certificates.push(("server", server, credentials.server_end));
        for material in &credentials.authorities {
            let id = plan.authority(material.index).map(|authority| authority.id.clone());
            let id = id.unwrap_or_default();
            // While an authority is renewed the longest-lived of its certificates counts.
            if let Some(end) = material.ends.iter().max() {
                ends.certificates.push(("authority", id.clone(), *end));
            }
            if let Some(next) = material.crl_next_update {
                ends.lists.push((id, next));
            }
        }
        ends
    }

    fn show(&self, metrics: &Metrics, now: Timestamp) {
        #[expect(clippy::cast_precision_loss, reason = "spans of time need no more than 52 bits")]
        let seconds = |end: &Timestamp| now.seconds_until(*end) as f64;
        metrics.certificate_expiry_days.reset();
        for (role, name, end) in &self.certificates {
            let gauge = metrics.certificate_expiry_days.with_label_values(&[*role, name.as_str()]);
            gauge.set(seconds(end) / 86_400.0);
        }
        metrics.crl_next_update_seconds.reset();
        for (authority, next) in &self.lists {
            let gauge = metrics.crl_next_update_seconds.with_label_values(&[authority.as_str()]);
            gauge.set(seconds(next));
        }
    }
}

/// Compiles files and reads the credentials of the plan they make.
fn load(material: &dyn Material, sources: Sources, now: Timestamp) -> Result<Candidate, Refused> {
    let compiled = plan::compile(&sources, now);
    let mut findings = compiled.findings;
    let Some(plan) = compiled.plan else {
        let errors = findings.iter().filter(|each| each.severity() == Severity::Error).count();
        let failure = Failure::new(FailureKind::PlanRefused).fact("errors", errors);
        return Err(Refused { failure, findings });
    };
    let plan = material.fit(plan);
    let (credentials, more) = material.credentials(&plan, now)?;
    let count = more.len();
    findings.extend(more);
    let Some(credentials) = credentials else {
        let failure = Failure::new(FailureKind::CredentialsRefused).fact("count", count);
        return Err(Refused { failure, findings });
    };
    Ok(Candidate { sources, plan: Arc::new(plan), credentials, findings })
}

/// The plan to start with: the files if they can be served and were not set aside by a rollback,
/// else the last one accepted, loudly.
fn choose(
    material: &dyn Material,
    store: Option<&mut Store>,
    now: Timestamp,
) -> Result<Start, Refused> {
    let fresh = material.sources().map_err(Refused::from);
    let fresh = fresh.and_then(|sources| load(material, sources, now));
    let Some(store) = store else {
        let mut candidate = fresh?;
        let findings = std::mem::take(&mut candidate.findings);
        return Ok(Start { candidate, generation: 1, events: Vec::new(), findings });
    };
    let newest = store.newest()?;
    let aside = store.set_aside()?;
    let (event, cause, findings) = match (fresh, &newest) {
        (Ok(candidate), Some(_)) if aside == Some(candidate.plan.content_hash) => {
            (log::Event::PlanSetAside, None, candidate.findings)
        }
        (Ok(mut candidate), newest) => {
            let known =
                newest.as_ref().filter(|newest| newest.content_hash == candidate.plan.content_hash);
            let generation = match known {
                Some(newest) => newest.generation,
                None => store.accept(&candidate.sources, "start", now)?.generation,
            };
            let findings = std::mem::take(&mut candidate.findings);
            return Ok(Start { candidate, generation, events: Vec::new(), findings });
        }
        (Err(refused), None) => return Err(refused),
        (Err(refused), Some(_)) => {
            (log::Event::PlanFallback, Some(refused.failure), refused.findings)
        }
    };
    let Some(newest) = newest else {
        return Err(Failure::new(FailureKind::GenerationUnknown).fact("generation", 0).into());
    };
    let (_, sources) = store.load(newest.generation)?;
    let mut candidate = load(material, sources, now)?;
    candidate.findings.clear();
    let mut facts = vec![("generation", newest.generation.to_string())];
    facts.extend(cause.map(|cause| ("cause", cause.message(candidate.plan.server.language))));
    let events = vec![(event, facts)];
    Ok(Start { candidate, generation: newest.generation, events, findings })
}

fn snapshot(
    generation: u64,
    candidate: &Candidate,
    marks: Marks,
    learned: &std::collections::HashSet<String>,
    previous: Option<&Snapshot>,
) -> Result<Snapshot, Failure> {
    let plan = Arc::clone(&candidate.plan);
    Snapshot::new(generation, plan, &candidate.credentials, marks, learned, previous)
        .map_err(|cause| Failure::new(FailureKind::SnapshotRefused).fact("cause", cause))
}

fn report(log: &Log, metrics: &Arc<Metrics>, sender: &Sender<Input>) -> Report {
    let (log, metrics, sender) = (log.clone(), Arc::clone(metrics), sender.clone());
    Arc::new(move |trouble| match trouble {
        Trouble::QueueFull => metrics.lost.with_label_values(&["queue"]).inc(),
        Trouble::Send { .. } => metrics.lost.with_label_values(&["send"]).inc(),
        Trouble::Receive { local, cause } => {
            metrics.lost.with_label_values(&["receive"]).inc();
            let facts = [("address", local.to_string()), ("cause", cause)];
            log.event(super::clock::now(), log::Event::SocketFailed, &facts);
        }
        Trouble::WorkerGone(number) => {
            let _ = sender.send(Input::WorkerGone(number)); // OK because it is stopping anyway
        }
    })
}

fn pages(
    metrics: &Arc<Metrics>,
    log: &Log,
    ends: &Arc<Mutex<Ends>>,
    healthy: &Arc<AtomicBool>,
) -> http::Pages {
    let (metrics, log) = (Arc::clone(metrics), log.clone());
    let (ends, healthy) = (Arc::clone(ends), Arc::clone(healthy));
    Arc::new(move |path| match path {
        "/metrics" => {
            let now = super::clock::now();
            ends.lock().unwrap_or_else(PoisonError::into_inner).show(&metrics, now);
            metrics.log_lines_missing.set(i64::try_from(log.missing()).unwrap_or(i64::MAX));
            let media_type = "text/plain; version=0.0.4; charset=utf-8";
            Some(http::Page { status: http::Status::Ok, media_type, body: metrics.render() })
        }
        "/health" => {
            let sound = healthy.load(Ordering::Relaxed);
            let status = if sound { http::Status::Ok } else { http::Status::Unavailable };
            let generation = metrics.plan_generation.get();
            let body = json!({ "healthy": sound, "generation": generation }).to_string();
            let media_type = "application/json";
            Some(http::Page { status, media_type, body: body.into_bytes() })
        }
        _ => None,
    })
}

/// Reads whom a mark concerns: a MAC address in any spelling, `switch:port`, or an asset number.
///
/// # Errors
/// The plan knows no such thing.
pub fn mark_subject(plan: &Plan, text: &str) -> Result<MarkSubject, Failure> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Failure::new(FailureKind::SubjectMalformed).fact("subject", text));
    }
    if let Ok(mac) = Mac::parse(text) {
        return Ok(MarkSubject::Mac(mac));
    }
    if plan.device_by_asset(text).is_some() {
        return Ok(MarkSubject::Asset(text.to_owned()));
    }
    let known = text.split_once(':').filter(|(switch, port)| {
        let switch = plan.switch_by_id(switch);
        switch.is_some_and(|switch| plan.port_by_name(switch, port).is_some())
    });
    match known {
        Some((switch, port)) => Ok(MarkSubject::Port(switch.to_owned(), port.to_owned())),
        None => Err(Failure::new(FailureKind::SubjectUnknown).fact("subject", text)),
    }
}

fn mark_json(mark: &Mark) -> Value {
    let subject = match &mark.subject {
        MarkSubject::Mac(mac) => mac.to_string(),
        MarkSubject::Asset(asset) => asset.clone(),
        MarkSubject::Port(switch, port) => format!("{switch}:{port}"),
    };
    json!({
        "mark": mark.id,
        "subject": subject,
        "kind": super::store::kind_id(mark.kind),
        "reason": mark.reason,
        "by": mark.by,
        "since": mark.since.rfc3339(),
        "until": mark.until.map(Timestamp::rfc3339),
    })
}

fn generation_json(generation: &Generation, current: u64) -> Value {
    json!({
        "generation": generation.generation,
        "content_hash": hex(&generation.content_hash),
        "accepted": generation.accepted.rfc3339(),
        "by": generation.by,
        "restored_from": generation.restored_from,
        "kept": generation.kept,
        "in_force": generation.generation == current,
    })
}

/// Findings as the control socket and `check --json` show them.
#[must_use]
pub fn findings_json(findings: &[Finding], language: Language) -> Value {
    let one = |finding: &Finding| {
        json!({
            "id": finding.kind.id(),
            "severity": finding.severity().id(),
            "file": finding.at.as_ref().map(|at| at.file.to_string()),
            "line": finding.at.as_ref().map(|at| at.line),
            "field": finding.field,
            "text": finding.text(language),
            "remedy": finding.remedy(language),
        })
    };
    findings.iter().map(one).collect()
}

/// Octets in lower-case hexadecimal.
#[must_use]
pub fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
