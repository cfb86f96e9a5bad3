//! A sensor as a process of its own: frames of a mirror port in, observations to the service out.
//!
//! It holds no key of RADIUS, TLS server or evidence, and after the interface is open no
//! capability either. One thread reads frames and judges them, one brings what was seen to the
//! service, and what cannot be brought waits on disk.

mod courier;
mod memory;
mod outbox;

use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use super::alert::channel::trust;
use super::control::{self, Command, Reply};
use super::log::{self, Log};
use super::mirror::Mirror;
use super::{Failure, FailureKind, clock, notify, privileges, random};
use crate::plan::{Plan, SensorPlace};
use crate::sensor::{Event, Knowledge, Observation, Pulse, Sensor};
use crate::vocabulary::{Secret, Text, Timestamp, VlanId, hex};
use courier::{Courier, Heard, Shared};
use memory::{Found, Keeper};
use outbox::{OUTBOX_OCTETS, Outbox};

/// Observations that may wait for the courier.
const QUEUE_MAX: usize = 4096;
/// Signs reported within a minute; verdicts and notices are not counted, being one a cause.
const SIGNS_A_MINUTE_MAX: u32 = 600;
/// How often what was learnt is written down, if anything was.
const KEEP_EVERY: Duration = Duration::from_secs(300);
/// How often counters are shown and ended sessions looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What the token and the certificates of the service are.
pub struct Credentials {
    /// What the sensor proves itself by.
    pub token: Secret,
    /// Certificates that prove the service, in DER; needed over TLS.
    pub anchors: Vec<Vec<u8>>,
}

/// A running sensor.
pub struct Running {
    mirror: Mirror,
    sensor: Sensor,
    numbered: u64,
    unnumbered: u64,
    signs: (Instant, u32),
    observations: SyncSender<Observation>,
    heard: Receiver<Heard>,
    keeper: Keeper,
    /// When what was learnt was last written down, and up to which revision.
    kept: (Instant, u64),
    courier: JoinHandle<()>,
    shared: Arc<Shared>,
    dropped_told: u64,
    stop: Arc<AtomicBool>,
    place: SensorPlace,
    log: Log,
    writer: log::Writer,
    /// Serves the control socket and signals.
    runtime: Runtime,
}

impl Running {
    /// Opens the mirror, gives up every capability and starts the threads. `state` keeps what
    /// waits for the service, and the control socket.
    ///
    /// # Errors
    /// The machine refuses the interface, a file or a thread, or the service cannot be proven.
    pub fn start(
        plan: &Plan,
        place: &SensorPlace,
        credentials: Credentials,
        state: &Path,
        output: impl Write + Send + 'static,
    ) -> Result<Self, Failure> {
        let refused =
            |cause: std::io::Error| Failure::new(FailureKind::MachineRefused).fact("cause", cause);
        let control = state.join(control::SOCKET_FILE);
        if std::os::unix::net::UnixStream::connect(&control).is_ok() {
            let failure = Failure::new(FailureKind::SensorRunning);
            return Err(failure.fact("path", state.display()));
        }
        let mirror = Mirror::open(&place.interface)?;
        privileges::give_up()?;
        let trust = trust_of(place, &credentials)?;
        let language = plan.server.language;
        let outbox = Outbox::open(state, OUTBOX_OCTETS).map_err(|cause| {
            let failure = Failure::new(FailureKind::FileUnwritable);
            failure.fact("path", state.join(outbox::OUTBOX_FILE).display()).fact("cause", cause)
        })?;
        let waiting = outbox.waiting();
        let (log, writer) = Log::start(&place.id, language, output)?;
        let shared = Arc::<Shared>::default();
        let (observations, taken) = sync_channel(QUEUE_MAX);
        let (tell_heard, heard) = channel();
        let seed = random::seed()?;
        let courier = Courier {
            to: place.server.clone(),
            trust,
            token: credentials.token,
            run: hex(seed.get(..8).unwrap_or_default()),
            outbox,
            log: log.clone(),
            shared: Arc::clone(&shared),
            heard: tell_heard,
        };
        let courier = std::thread::Builder::new()
            .name("courier".to_owned())
            .spawn(move || courier.run(&taken))
            .map_err(refused)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("outside")
            .enable_all()
            .build()
            .map_err(refused)?;
        let listener = runtime.block_on(async { control::bind(state) })?;
        let since = clock::now();
        let carry = status(place, since, &shared);
        runtime.spawn(control::serve(listener, carry));
        let mut knowledge = Knowledge::of_plan(plan, place.vantage);
        knowledge.untagged = place.untagged.map(VlanId::get);
        let mut sensor = Sensor::new(knowledge);
        remember(&mut sensor, state, place, since, &log)?;
        let keeper = Keeper::start(state, &place.id, log.clone())?;
        let kept = (Instant::now(), sensor.revision());
        let facts = [
            ("sensor", place.id.clone()),
            ("interface", place.interface.clone()),
            ("waiting", waiting.to_string()),
        ];
        log.event(since, log::Event::SensorStarted, &facts);
        Ok(Self {
            mirror,
            sensor,
            numbered: 0,
            unnumbered: 0,
            signs: (Instant::now(), 0),
            observations,
            heard,
            keeper,
            kept,
            courier,
            shared,
            dropped_told: 0,
            stop: Arc::default(),
            place: place.clone(),
            log,
            writer,
            runtime,
        })
    }

    /// Lets SIGTERM and SIGINT end the sensor.
    ///
    /// # Errors
    /// The machine refuses a handler.
    pub fn obey_signals(&self) -> Result<(), Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let refused = |cause| Failure::new(FailureKind::MachineRefused).fact("cause", cause);
        let _context = self.runtime.enter();
        for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
            let mut signals = signal(kind).map_err(refused)?;
            let stop = Arc::clone(&self.stop);
            self.runtime.spawn(async move {
                while signals.recv().await.is_some() {
                    stop.store(true, Ordering::Relaxed);
                }
            });
        }
        Ok(())
    }

    /// Watches until asked to stop, or until the interface is lost.
    ///
    /// # Errors
    /// The interface is gone.
    pub fn run(mut self) -> Result<(), Failure> {
        notify::ready();
        let mut looked = Instant::now();
        let lost = loop {
            if self.stop.load(Ordering::Relaxed) {
                break None;
            }
            match self.mirror.next() {
                Ok(Some(frame)) => {
                    self.sensor.handle(&frame);
                    while let Some(event) = self.sensor.poll_event() {
                        self.take(&event);
                    }
                }
                Ok(None) => {}
                Err(failure) => break Some(failure),
            }
            if looked.elapsed() >= LOOK_EVERY {
                looked = Instant::now();
                self.look();
            }
        };
        notify::stopping();
        self.look();
        let Self { observations, courier, log, writer, keeper, sensor, .. } = self;
        keeper.finish(sensor.memory());
        drop(observations);
        let _ = courier.join(); // OK because what it held is on disk
        log.event(clock::now(), log::Event::Stopped, &[]);
        writer.stop();
        lost.map_or(Ok(()), Err)
    }

    /// Numbers an event and hands it on.
    fn take(&mut self, event: &Event) {
        if matches!(event, Event::Sign { .. }) {
            if self.signs.0.elapsed() >= Duration::from_secs(60) {
                self.signs = (Instant::now(), 0);
            }
            self.signs.1 += 1;
            if self.signs.1 > SIGNS_A_MINUTE_MAX {
                self.unnumbered += 1;
                return;
            }
        }
        self.numbered += 1;
        let observation = Observation::new(self.numbered, event);
        if let Event::Verdict(verdict) = event {
            let facts = [
                ("kind", observation.kind.clone()),
                ("mac", observation.mac.clone().unwrap_or_default()),
                ("text", verdict.text(self.log.language())),
                ("frame", observation.frame.to_string()),
                ("sequence", observation.sequence.to_string()),
            ];
            self.log.event(clock::now(), log::Event::SensorSaw, &facts);
        }
        if let Event::Breach(breach) = event {
            let facts = [
                ("kind", observation.kind.clone()),
                ("mac", observation.mac.clone().unwrap_or_default()),
                ("text", breach.text(self.log.language())),
                ("frame", observation.frame.to_string()),
                ("sequence", observation.sequence.to_string()),
            ];
            self.log.event(clock::now(), log::Event::SensorSaw, &facts);
        }
        // OK because the number of one that does not fit is missing from now on, which is how the
        // service hears of it.
        let _ = self.observations.try_send(observation);
    }

    /// Shows the counters, and forgets stations whose session is over.
    fn look(&mut self) {
        for Heard { ended, words } in self.heard.try_iter() {
            for mac in ended {
                self.sensor.end_sessions(mac);
            }
            for (change, accepted) in words {
                // One that is not there was forgotten, and is told of anew when it is seen.
                self.sensor.decide(change, accepted);
                self.shared.took(change);
            }
        }
        let revision = self.sensor.revision();
        if revision != self.kept.1 && self.kept.0.elapsed() >= KEEP_EVERY {
            let taken = self.keeper.keep(self.sensor.memory());
            self.kept = (Instant::now(), if taken { revision } else { self.kept.1 });
        }
        let dropped = self.mirror.dropped();
        if dropped > self.dropped_told {
            let facts = [
                ("interface", self.place.interface.clone()),
                ("count", (dropped - self.dropped_told).to_string()),
            ];
            self.log.event(clock::now(), log::Event::SensorDropped, &facts);
            self.dropped_told = dropped;
        }
        let counters = self.sensor.counters();
        let pulse = Pulse {
            frames: counters.frames,
            flawed: counters.flawed,
            dropped,
            evicted: self.sensor.evicted(),
            lost: self.unnumbered + counters.events_lost + counters.breaches_held,
            stations: self.sensor.stations() as u64,
        };
        *self.shared.pulse.lock().unwrap_or_else(PoisonError::into_inner) = pulse;
    }
}

/// Takes back what an earlier run learnt.
fn remember(
    sensor: &mut Sensor,
    state: &Path,
    place: &SensorPlace,
    now: Timestamp,
    log: &Log,
) -> Result<(), Failure> {
    match memory::read(state, &place.id, now)? {
        Found::Nothing => {}
        Found::Whole(memory) => {
            sensor.recall(&memory);
            let facts = [("sensor", place.id.clone()), ("count", sensor.settled().to_string())];
            log.event(now, log::Event::SensorRemembers, &facts);
        }
        Found::SetAside(path, cause) => {
            let facts = [("path", path.display().to_string()), ("cause", cause)];
            log.event(now, log::Event::SensorMemoryBad, &facts);
        }
    }
    Ok(())
}

fn trust_of(
    place: &SensorPlace,
    credentials: &Credentials,
) -> Result<Option<Arc<ClientConfig>>, Failure> {
    if !place.server.tls {
        return Ok(None);
    }
    let trust = trust(&credentials.anchors).map_err(|cause| {
        Failure::new(FailureKind::SnapshotRefused).fact("cause", cause.to_string())
    })?;
    Ok(Some(trust))
}

/// Answers `sekisho sensor status`.
fn status(place: &SensorPlace, since: Timestamp, shared: &Arc<Shared>) -> control::Carry {
    let (id, interface) = (place.id.clone(), place.interface.clone());
    let shared = Arc::clone(shared);
    Arc::new(move |request, _| {
        let (reply, receiver) = oneshot::channel();
        let language = request.language();
        let answer = if request.command == Command::Status {
            let done = Text { ja: "実行しました", en: "done" };
            Reply::done(done.get(language).to_owned(), shown(&id, &interface, since, &shared))
        } else {
            Reply::failed(&Failure::new(FailureKind::NotHere), language)
        };
        let _ = reply.send(answer); // OK because an operator may hang up
        Some(receiver)
    })
}

fn shown(id: &str, interface: &str, since: Timestamp, shared: &Shared) -> Value {
    let pulse = shared.pulse();
    let line = shared.line.lock().unwrap_or_else(PoisonError::into_inner).clone();
    json!({
        "sensor": id,
        "interface": interface,
        "since": since.rfc3339(),
        "frames": pulse.frames,
        "flawed": pulse.flawed,
        "dropped": pulse.dropped,
        "evicted": pulse.evicted,
        "stations": pulse.stations,
        "acknowledged": line.acknowledged,
        "waiting": line.waiting,
        "lost": pulse.lost + line.lost,
        "away": line.away,
    })
}
