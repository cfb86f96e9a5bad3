//! A process of its own beside the service: the sensor at a mirror port, the tripwire's responder
//! in the DMZ. Both have a line to the service that waits on disk while the service is away, a log,
//! a control socket for `status`, and no key of RADIUS, TLS server or evidence.

mod courier;
mod outbox;

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use rustls::ClientConfig;
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::alert::channel::trust;
use super::control::{self, Command, Reply};
use super::log::{self, Log};
use super::{Failure, FailureKind, clock, notify, random};
use crate::plan::Report as Destination;
use crate::sensor::Observation;
use crate::vocabulary::{Language, Secret, Text, hex};
use courier::Courier;
pub(super) use courier::{Heard, LineState, Shared};
use outbox::{OUTBOX_FILE, OUTBOX_OCTETS, Outbox};

/// Observations that may wait for the courier.
const QUEUE_MAX: usize = 4096;

/// What the token and the certificates of the service are.
pub struct Credentials {
    /// What the process proves itself by.
    pub token: Secret,
    /// Certificates that prove the service, in DER; needed over TLS.
    pub anchors: Vec<Vec<u8>>,
}

/// What such a process stands on.
pub(super) struct Outpost {
    /// Takes what was seen; what does not fit is lost, and its number missing.
    pub(super) observations: SyncSender<Observation>,
    /// What the service answers.
    pub(super) heard: Receiver<Heard>,
    pub(super) shared: Arc<Shared>,
    pub(super) log: Log,
    /// Serves the control socket and signals.
    pub(super) runtime: Runtime,
    /// Observations that waited on disk at the start.
    pub(super) waiting: usize,
    stop: Arc<AtomicBool>,
    courier: JoinHandle<()>,
    writer: log::Writer,
}

impl Outpost {
    /// Refuses to start beside another on the same state directory.
    ///
    /// # Errors
    /// One answers at its control socket.
    pub(super) fn is_free(state: &Path) -> Result<(), Failure> {
        if UnixStream::connect(state.join(control::SOCKET_FILE)).is_err() {
            return Ok(());
        }
        Err(Failure::new(FailureKind::SensorRunning).fact("path", state.display()))
    }

    /// Opens the log and the line to the service, and starts their threads.
    ///
    /// # Errors
    /// The machine refuses a file or a thread, or the service cannot be proven.
    pub(super) fn start(
        id: &str,
        to: Destination,
        credentials: Credentials,
        state: &Path,
        language: Language,
        output: impl Write + Send + 'static,
    ) -> Result<Self, Failure> {
        let refused =
            |cause: std::io::Error| Failure::new(FailureKind::MachineRefused).fact("cause", cause);
        let trust = trust_of(&to, &credentials)?;
        let outbox = Outbox::open(state, OUTBOX_OCTETS).map_err(|cause| {
            let failure = Failure::new(FailureKind::FileUnwritable);
            failure.fact("path", state.join(OUTBOX_FILE).display()).fact("cause", cause)
        })?;
        let waiting = outbox.waiting();
        let (log, writer) = Log::start(id, language, output)?;
        let shared = Arc::<Shared>::default();
        let (observations, taken) = sync_channel(QUEUE_MAX);
        let (tell, heard) = channel();
        let courier = Courier {
            to,
            trust,
            token: credentials.token,
            run: hex(random::seed()?.get(..8).unwrap_or_default()),
            outbox,
            log: log.clone(),
            shared: Arc::clone(&shared),
            heard: tell,
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
        let stop = Arc::default();
        Ok(Self { observations, heard, shared, log, runtime, waiting, stop, courier, writer })
    }

    /// Answers `status` at the control socket, and nothing else.
    ///
    /// # Errors
    /// The socket cannot be bound.
    pub(super) fn show(
        &self,
        state: &Path,
        status: impl Fn() -> Value + Send + Sync + 'static,
    ) -> Result<(), Failure> {
        let listener = self.runtime.block_on(async { control::bind(state) })?;
        let carry: control::Carry = Arc::new(move |request, _| {
            let (reply, receiver) = oneshot::channel();
            let language = request.language();
            let answer = if request.command == Command::Status {
                let done = Text { ja: "実行しました", en: "done" };
                Reply::done(done.get(language).to_owned(), status())
            } else {
                Reply::failed(&Failure::new(FailureKind::NotHere), language)
            };
            let _ = reply.send(answer); // OK because an operator may hang up
            Some(receiver)
        });
        self.runtime.spawn(control::serve(listener, carry));
        Ok(())
    }

    /// Lets SIGTERM and SIGINT end the process.
    ///
    /// # Errors
    /// The machine refuses a handler.
    pub(super) fn obey_signals(&self) -> Result<(), Failure> {
        self.raise(SignalKind::terminate(), &self.stop)?;
        self.raise(SignalKind::interrupt(), &self.stop)
    }

    /// Raises a flag at every such signal.
    ///
    /// # Errors
    /// The machine refuses a handler.
    pub(super) fn raise(&self, kind: SignalKind, flag: &Arc<AtomicBool>) -> Result<(), Failure> {
        let _context = self.runtime.enter();
        let refused = |cause| Failure::new(FailureKind::MachineRefused).fact("cause", cause);
        let mut signals = signal(kind).map_err(refused)?;
        let flag = Arc::clone(flag);
        self.runtime.spawn(async move {
            while signals.recv().await.is_some() {
                flag.store(true, Ordering::Relaxed);
            }
        });
        Ok(())
    }

    /// Whether the end was asked for.
    pub(super) fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Delivers what it can, leaves the rest on disk, and says so. Whoever else holds a sender of
    /// observations must have dropped it.
    pub(super) fn close(self) {
        let Self { observations, courier, log, writer, runtime, .. } = self;
        notify::stopping();
        runtime.shutdown_background();
        drop(observations);
        let _ = courier.join(); // OK because what it held is on disk
        log.event(clock::now(), log::Event::Stopped, &[]);
        writer.stop();
    }
}

fn trust_of(
    server: &Destination,
    credentials: &Credentials,
) -> Result<Option<Arc<ClientConfig>>, Failure> {
    if !server.tls {
        return Ok(None);
    }
    let trust = trust(&credentials.anchors).map_err(|cause| {
        Failure::new(FailureKind::SnapshotRefused).fact("cause", cause.to_string())
    })?;
    Ok(Some(trust))
}
