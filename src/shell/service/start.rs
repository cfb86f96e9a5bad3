//! How the service begins: a plan is chosen, sockets are opened, threads started.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Sender, channel};

use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use super::candidate::{Material, Refused, Start, choose, snapshot, unstored};
use super::outlook::{self, pages, report};
use super::sessions::{self, Sessions};
use super::{Input, Service, detections, sensors, tripwire};
use crate::access::{Access, Accounting, continuation};
use crate::enforce::Summary;
use crate::ledger::{Attachment, Change};
use crate::plan::{self, Credentials};
use crate::shell::accounting::Accountant;
use crate::shell::admission::Admission;
use crate::shell::alert::{self, Alarm};
use crate::shell::api::{self, Api};
use crate::shell::clock::Clock;
use crate::shell::detection::Intake;
use crate::shell::evidence::{self, Evidence, Keeper};
use crate::shell::log::{self, Log};
use crate::shell::metrics::Metrics;
use crate::shell::process::stand_back;
use crate::shell::seen::Window;
use crate::shell::store::Store;
use crate::shell::survey::{self, Survey};
use crate::shell::timekeeper::Timekeeper;
use crate::shell::workers::{Sockets, Workers};
use crate::shell::{Failure, FailureKind, control, http, random};
use crate::vocabulary::Marks;

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
        // What could not be served is no generation to fall back to: settled at the end.
        let start = choose(material.as_ref(), store.as_mut(), now.wall)?;
        let Start { candidate, generation, mut events, findings } = start;
        let server = candidate.plan.server.clone();
        let (marks, learned) = match &store {
            Some(store) => (store.marks(now.wall)?, store.learned()?),
            None => Default::default(),
        };
        let kept = store.as_ref().map(Store::attachments).transpose()?.unwrap_or_default();
        let mut sensors = sensors::Sensors::default();
        sensors.follow(&kept.iter().map(known).collect::<Vec<_>>());
        let marks = Marks::new(marks);
        let snapshot = snapshot(generation, &candidate, marks, &learned, None)?;
        let snapshot = Arc::new(snapshot);
        let sockets = Sockets::bind(&server.authentication, usize::from(server.workers.max(1)))?;
        let accounting = Sockets::bind(&server.accounting, 1)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("outside")
            // A scrape of a large city takes milliseconds, which no request should wait for.
            .on_thread_start(stand_back)
            .enable_all()
            .build()
            .map_err(|cause| Failure::new(FailureKind::MachineRefused).fact("cause", cause))?;
        let listener = server.metrics_listen.map(|at| runtime.block_on(http::bind(at)));
        let listener = listener.transpose()?;
        let metrics_address = listener.as_ref().and_then(|listener| listener.local_addr().ok());

        let (log, writer) = Log::start(&server.node_name, server.language, output)?;
        log.set_generation(generation);
        let (watcher, watched) = alert::channel();
        let log = log.with_watcher(watcher);
        let metrics = Arc::new(Metrics::new()?);
        outlook::begin(&metrics, &server.node_name, now.wall);
        let (log, keeper) = match state {
            Some(state) => {
                let (log, keeper) = keep(state, &server, log, &metrics)?;
                (log, Some(keeper))
            }
            None => (log, None),
        };
        let shared = (Arc::clone(&snapshot.plan), log.clone(), Arc::clone(&metrics));
        let (sender, inputs) = channel();
        let own = (clock, sender.clone());
        let alarm = Alarm::start(state, shared.0, watched, shared.1, shared.2, own)?;
        let (nudge, nudged) = survey::open();
        let (feed, inbox) = sessions::open(&metrics, nudge.clone());
        let mut workers = Vec::new();
        for number in 0..server.workers.max(1) {
            let access = Access::new(number, Arc::clone(&snapshot), &random::seed()?);
            let (log, metrics, sender) = (log.clone(), Arc::clone(&metrics), sender.clone());
            let feed = feed.clone();
            workers.push(Admission::new(number, access, log, metrics, sender, feed));
        }
        let report = report(&log, &metrics, &sender);
        let workers = Workers::start(&sockets, workers, continuation, clock, &report)?;
        let window = Window::new(Arc::clone(&snapshot));
        let surroundings = sessions::Surroundings {
            clock,
            language: server.language,
            log: log.clone(),
            metrics: Arc::clone(&metrics),
            window: window.clone(),
            service: sender.clone(),
            nudge: nudge.clone(),
        };
        let addresses = sockets.addresses();
        let sessions = Sessions::start(&feed, inbox, &addresses, &snapshot, kept, surroundings)?;
        let surroundings = survey::Surroundings {
            clock,
            log: log.clone(),
            metrics: Arc::clone(&metrics),
            feed: feed.clone(),
            state: state.map(Path::to_owned),
        };
        let settings = survey::Settings {
            plan: Arc::clone(&snapshot.plan),
            secrets: candidate.credentials.snmp.clone(),
        };
        let survey = Survey::start(&nudge, nudged, settings, surroundings)?;
        let timekeeper = Timekeeper::start(log.clone(), Arc::clone(&metrics), clock)?;
        let accountants = if server.accounting.is_empty() {
            None
        } else {
            let books = Accounting::new(Arc::clone(&snapshot));
            let (log, metrics) = (log.clone(), Arc::clone(&metrics));
            let books = vec![Accountant::new(books, server.language, log, metrics, feed.clone())];
            Some(Workers::start(&accounting, books, |_| None, clock, &report)?)
        };

        let healthy = Arc::new(AtomicBool::new(true));
        if let Some(listener) = listener {
            let pages = pages(&metrics, &log, &healthy);
            runtime.spawn(http::serve(listener, pages));
        }
        let (mut api, mut api_address) = (None, None);
        if let Some(state) = state {
            let carry = answer_operators(&runtime, state, &sender)?;
            if let Some(address) = server.api_listen {
                let evidence = state.join(evidence::EVIDENCE_FILE);
                let outlook = (window, Arc::clone(&metrics));
                let own = Api::new(carry, evidence, server.language, log.clone(), outlook);
                let own = Arc::new(own);
                api_address = serve_api(&runtime, address, &own, &candidate.credentials)?;
                api = Some(own);
            }
        }
        let (intake, detection) = Intake::start(
            &runtime,
            &snapshot.plan,
            &candidate.credentials,
            sender.clone(),
            Arc::clone(&metrics),
            log.clone(),
        )?;
        if let Some(store) = &mut store
            && let Err(failure) = store.settle()
        {
            store.let_go();
            events.push(unstored(&failure, server.language));
        }
        let service = Self {
            material,
            store,
            log,
            writer,
            metrics,
            workers,
            accountants,
            accounting: accounting.addresses(),
            keeper,
            alarm,
            state: state.map(Path::to_owned),
            sessions,
            survey,
            timekeeper,
            sensors,
            tripwire: tripwire::Labels::new(&candidate.credentials),
            followed: Summary::default(),
            addresses,
            metrics_address,
            api,
            api_address,
            intake,
            detection,
            lately: detections::Lately::default(),
            started_as: server,
            listened_as: snapshot.plan.detections.listeners().collect(),
            snapshot,
            healthy,
            clock,
            since: now.wall,
            incidents: None,
            inputs,
            sender,
            runtime,
        };
        for (event, facts) in &events {
            service.log.event(now.wall, *event, facts);
        }
        service.log.findings(now.wall, &findings);
        service.in_force(&candidate);
        service.metrics.reload_success.set(i64::from(events.is_empty()));
        Ok(service)
    }

    /// Says that it answers from now on.
    pub(super) fn tell_started(&self) {
        let facts = [
            ("generation", self.snapshot.generation.to_string()),
            ("addresses", shown(&self.addresses)),
            ("accounting", shown(&self.accounting)),
        ];
        self.log.event(self.clock.now().wall, log::Event::Started, &facts);
    }
}

/// Keeps what is logged from now on as evidence.
fn keep(
    state: &Path,
    server: &plan::Server,
    log: Log,
    metrics: &Arc<Metrics>,
) -> Result<(Log, Keeper), Failure> {
    let (evidence, waiting) = Evidence::channel();
    let log = log.with_evidence(evidence.clone());
    let settings = evidence::Settings {
        state: state.to_owned(),
        node: server.node_name.clone(),
        spool_octets: evidence::SPOOL_OCTETS,
        keep_days: server.evidence_days,
    };
    let keeper = Keeper::start(settings, evidence, waiting, log.clone(), Arc::clone(metrics))?;
    Ok((log, keeper))
}

/// Opens the control socket; gives the way by which operators are answered, here and elsewhere.
fn answer_operators(
    runtime: &Runtime,
    state: &Path,
    sender: &Sender<Input>,
) -> Result<control::Carry, Failure> {
    let listener = runtime.block_on(async { control::bind(state) })?;
    let sender = sender.clone();
    let carry: control::Carry = Arc::new(move |request, by| {
        let (reply, receiver) = oneshot::channel();
        sender.send(Input::Control(request, by, reply)).ok()?;
        Some(receiver)
    });
    runtime.spawn(control::serve(listener, Arc::clone(&carry)));
    Ok(carry)
}

/// Serves the API, by TLS wherever somebody could listen in. Gives its real address.
fn serve_api(
    runtime: &Runtime,
    address: SocketAddr,
    api: &Arc<Api>,
    credentials: &Credentials,
) -> Result<Option<SocketAddr>, Failure> {
    let tls = if address.ip().is_loopback() { None } else { Some(api.tls(credentials)?) };
    let listener = runtime.block_on(http::bind(address))?;
    let address = listener.local_addr().ok();
    runtime.spawn(api::serve(listener, tls, Arc::clone(api)));
    Ok(address)
}

fn shown(addresses: &[SocketAddr]) -> String {
    if addresses.is_empty() {
        return "-".to_owned();
    }
    let shown: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    shown.join(", ")
}

/// An attachment remembered from before, as a change.
fn known(attachment: &Attachment) -> Change {
    (attachment.key.clone(), Some(Arc::new(attachment.clone())))
}
