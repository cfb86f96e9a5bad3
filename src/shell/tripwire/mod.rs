//! The tripwire's responder as a process of its own, in the DMZ: queries and requests in, hits to
//! the service out, by the way that a sensor's observations take.
//!
//! It holds no key: a file of hashes ([`Export`]), the token it reports by, and no capability once
//! its sockets are open. It sends to nobody but who asks and the one service.

mod desk;
mod dns;
mod http;

use std::io::Write;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, channel, sync_channel};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use super::control::{self, Command, Reply};
use super::log::{self, Log};
use super::sensor::courier::{Courier, Shared};
use super::sensor::outbox::{self, OUTBOX_OCTETS, Outbox};
use super::sensor::{Credentials, trust_of};
use super::{Failure, FailureKind, clock, files, notify, privileges, random};
use crate::sensor::Observation;
use crate::tripwire::{Export, Zone};
use crate::vocabulary::{Language, Text, Timestamp, hex};
use desk::Desk;

/// Hits that may wait for the courier.
const QUEUE_MAX: usize = 4096;
/// How often counters are shown and signals looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A running responder.
pub struct Running {
    desk: Arc<Desk>,
    path: PathBuf,
    observations: SyncSender<Observation>,
    courier: JoinHandle<()>,
    shared: Arc<Shared>,
    stop: Arc<AtomicBool>,
    again: Arc<AtomicBool>,
    log: Log,
    writer: log::Writer,
    runtime: Runtime,
}

/// The sockets that an export names, opened.
struct Sockets {
    datagrams: Vec<UdpSocket>,
    streams: Vec<TcpListener>,
    http: Vec<TcpListener>,
}

impl Sockets {
    /// UDP and TCP of one address have the same port, also where that is any.
    fn open(export: &Export) -> Result<Self, Failure> {
        let (mut datagrams, mut streams, mut http) = (Vec::new(), Vec::new(), Vec::new());
        for address in &export.dns {
            let datagram =
                UdpSocket::bind(address).map_err(|cause| unavailable(*address, &cause))?;
            let own = datagram.local_addr().map_err(|cause| unavailable(*address, &cause))?;
            datagrams.push(datagram);
            streams.push(listen(own)?);
        }
        for address in &export.http {
            http.push(listen(*address)?);
        }
        Ok(Self { datagrams, streams, http })
    }

    fn shown(streams: &[TcpListener]) -> String {
        let addresses = streams.iter().filter_map(|it| it.local_addr().ok());
        addresses.map(|address| address.to_string()).collect::<Vec<_>>().join(", ")
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind(address).map_err(|cause| unavailable(address, &cause))?;
    listener.set_nonblocking(true).map_err(|cause| unavailable(address, &cause))?;
    Ok(listener)
}

fn unavailable(address: SocketAddr, cause: &std::io::Error) -> Failure {
    Failure::new(FailureKind::AddressUnavailable).fact("address", address).fact("cause", cause)
}

/// Reads a file that `sekisho tripwire export` made.
///
/// # Errors
/// It is absent, or none of ours.
pub fn read(path: &Path) -> Result<(Export, Zone), Failure> {
    let wrong = |cause: String| {
        let failure = Failure::new(FailureKind::TripwireFileWrong);
        failure.fact("path", path.display()).fact("cause", cause)
    };
    let octets = files::read(path).map_err(|error| wrong(error.text(Language::English)))?;
    let export = Export::parse(&octets).map_err(|cause| wrong(cause.0))?;
    let zone = Zone::new(&export).ok_or_else(|| wrong("zone".to_owned()))?;
    Ok((export, zone))
}

impl Running {
    /// Opens the sockets, gives up every capability and starts to answer. `state` keeps what waits
    /// for the service, and the control socket.
    ///
    /// # Errors
    /// The machine refuses a socket, file or thread, or the service cannot be proven.
    pub fn start(
        path: &Path,
        credentials: Credentials,
        state: &Path,
        language: Language,
        output: impl Write + Send + 'static,
    ) -> Result<Self, Failure> {
        let refused =
            |cause: std::io::Error| Failure::new(FailureKind::MachineRefused).fact("cause", cause);
        if std::os::unix::net::UnixStream::connect(state.join(control::SOCKET_FILE)).is_ok() {
            let failure = Failure::new(FailureKind::SensorRunning);
            return Err(failure.fact("path", state.join(control::SOCKET_FILE).display()));
        }
        let (export, zone) = read(path)?;
        let Some(to) = export.report() else {
            let failure = Failure::new(FailureKind::TripwireFileWrong).fact("cause", "server");
            return Err(failure.fact("path", path.display()));
        };
        let sockets = Sockets::open(&export)?;
        privileges::give_up()?;
        let trust = trust_of(&to, &credentials)?;
        let outbox = Outbox::open(state, OUTBOX_OCTETS).map_err(|cause| {
            let failure = Failure::new(FailureKind::FileUnwritable);
            failure.fact("path", state.join(outbox::OUTBOX_FILE).display()).fact("cause", cause)
        })?;
        let waiting = outbox.waiting();
        let (log, writer) = Log::start(&export.id, language, output)?;
        let shared = Arc::<Shared>::default();
        let (observations, taken) = sync_channel(QUEUE_MAX);
        // What the service says of sessions and habits is no business of the tripwire's.
        let (heard, _) = channel();
        let seed = random::seed()?;
        let courier = Courier {
            to,
            trust,
            token: credentials.token,
            run: hex(seed.get(..8).unwrap_or_default()),
            outbox,
            log: log.clone(),
            shared: Arc::clone(&shared),
            heard,
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
        let labels = zone.labels().to_string();
        let desk = Arc::new(Desk::new(zone, &random::seed()?, log.clone(), observations.clone()));
        let since = clock::now();
        let facts = [
            ("dns", Sockets::shown(&sockets.streams)),
            ("http", Sockets::shown(&sockets.http)),
            ("labels", labels),
            ("waiting", waiting.to_string()),
        ];
        answer(&runtime, sockets, &desk).map_err(refused)?;
        let listener = runtime.block_on(async { control::bind(state) })?;
        let carry = status(&export, since, &shared, &desk);
        runtime.spawn(control::serve(listener, carry));
        log.event(since, log::Event::TripwireStarted, &facts);
        Ok(Self {
            desk,
            path: path.to_owned(),
            observations,
            courier,
            shared,
            stop: Arc::default(),
            again: Arc::default(),
            log,
            writer,
            runtime,
        })
    }

    /// Lets SIGTERM and SIGINT end the responder, and SIGHUP make it read its file anew.
    ///
    /// # Errors
    /// The machine refuses a handler.
    pub fn obey_signals(&self) -> Result<(), Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let refused = |cause| Failure::new(FailureKind::MachineRefused).fact("cause", cause);
        let _context = self.runtime.enter();
        for (kind, flag) in [
            (SignalKind::terminate(), &self.stop),
            (SignalKind::interrupt(), &self.stop),
            (SignalKind::hangup(), &self.again),
        ] {
            let mut signals = signal(kind).map_err(refused)?;
            let flag = Arc::clone(flag);
            self.runtime.spawn(async move {
                while signals.recv().await.is_some() {
                    flag.store(true, Ordering::Relaxed);
                }
            });
        }
        Ok(())
    }

    /// Answers until asked to stop.
    pub fn run(self) {
        notify::ready();
        while !self.stop.load(Ordering::Relaxed) {
            clock::rest(LOOK_EVERY);
            if self.again.swap(false, Ordering::Relaxed) {
                self.read_again();
            }
            self.show();
        }
        notify::stopping();
        let Self { desk, observations, courier, log, writer, runtime, .. } = self;
        runtime.shutdown_background();
        desk.close();
        drop(observations);
        let _ = courier.join(); // OK because what it held is on disk
        log.event(clock::now(), log::Event::Stopped, &[]);
        writer.stop();
    }

    /// Goes on with what the file says now; addresses and service stay what they were.
    fn read_again(&self) {
        match read(&self.path) {
            Ok((_, zone)) => {
                let facts = [("labels", zone.labels().to_string())];
                self.desk.replace(zone);
                self.log.event(clock::now(), log::Event::TripwireRead, &facts);
            }
            Err(failure) => {
                let facts = [("cause", failure.message(self.log.language()))];
                self.log.event(clock::now(), log::Event::TripwireUnread, &facts);
            }
        }
    }

    fn show(&self) {
        let pulse = self.desk.pulse();
        *self.shared.pulse.lock().unwrap_or_else(PoisonError::into_inner) = pulse;
    }
}

/// Starts to answer on every socket.
fn answer(runtime: &Runtime, sockets: Sockets, desk: &Arc<Desk>) -> std::io::Result<()> {
    for socket in sockets.datagrams {
        let desk = Arc::clone(desk);
        std::thread::Builder::new()
            .name("datagrams".to_owned())
            .spawn(move || dns::datagrams(&socket, &desk))?;
    }
    let _context = runtime.enter();
    for listener in sockets.streams {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        runtime.spawn(dns::streams(listener, Arc::clone(desk)));
    }
    for listener in sockets.http {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        runtime.spawn(http::serve(listener, Arc::clone(desk)));
    }
    Ok(())
}

/// Answers `sekisho tripwire status`.
fn status(
    export: &Export,
    since: Timestamp,
    shared: &Arc<Shared>,
    desk: &Arc<Desk>,
) -> control::Carry {
    let zone = export.zone.clone();
    let (shared, desk) = (Arc::clone(shared), Arc::clone(desk));
    Arc::new(move |request, _| {
        let (reply, receiver) = oneshot::channel();
        let language = request.language();
        let answer = if request.command == Command::Status {
            let done = Text { ja: "実行しました", en: "done" };
            let shown = shown(&zone, since, &shared, &desk);
            Reply::done(done.get(language).to_owned(), shown)
        } else {
            Reply::failed(&Failure::new(FailureKind::NotHere), language)
        };
        let _ = reply.send(answer); // OK because an operator may hang up
        Some(receiver)
    })
}

fn shown(zone: &str, since: Timestamp, shared: &Shared, desk: &Desk) -> Value {
    let line = shared.line.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut value = desk.counts();
    if let Value::Object(fields) = &mut value {
        fields.extend([
            ("zone".to_owned(), json!(zone)),
            ("since".to_owned(), json!(since.rfc3339())),
            ("acknowledged".to_owned(), json!(line.acknowledged)),
            ("waiting".to_owned(), json!(line.waiting)),
            ("lost".to_owned(), json!(line.lost)),
            ("away".to_owned(), json!(line.away)),
        ]);
    }
    value
}
