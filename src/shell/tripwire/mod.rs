//! The tripwire's responder as a process of its own, in the DMZ: queries and requests in, hits to
//! the service out, by the way that a sensor's observations take.
//!
//! It holds no key: a file of hashes ([`Export`]), the token it reports by, and no capability once
//! its sockets are open. It sends to nobody but who asks and the one service.

mod desk;
mod dns;
mod http;

use std::future::Future;
use std::io::Write;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::signal::unix::SignalKind;
use tokio::sync::Semaphore;

use super::log;
use super::outpost::{Credentials, LineState, Outpost};
use super::{Failure, FailureKind, clock, files, notify, privileges, random};
use crate::tripwire::{Export, Zone};
use crate::vocabulary::{Language, Timestamp};
use desk::Desk;

/// Connections at once to one socket; further ones wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 64;
/// How often counters are shown and signals looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A running responder.
pub struct Running {
    outpost: Outpost,
    desk: Arc<Desk>,
    path: PathBuf,
    again: Arc<AtomicBool>,
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
    let octets = files::read(path).map_err(|error| error.failure(FailureKind::FileUnreadable))?;
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
        Outpost::is_free(state)?;
        let (export, zone) = read(path)?;
        let Some(to) = export.report() else {
            let failure = Failure::new(FailureKind::TripwireFileWrong).fact("cause", "server");
            return Err(failure.fact("path", path.display()));
        };
        let sockets = Sockets::open(&export)?;
        privileges::give_up()?;
        let outpost = Outpost::start(&export.id, to, credentials, state, language, output)?;
        let since = clock::now();
        let facts = [
            ("dns", Sockets::shown(&sockets.streams)),
            ("http", Sockets::shown(&sockets.http)),
            ("labels", zone.labels().to_string()),
            ("waiting", outpost.waiting.to_string()),
        ];
        let (log, observations) = (outpost.log.clone(), outpost.observations.clone());
        let desk = Arc::new(Desk::new(zone, &random::seed()?, log, observations));
        answer(&outpost.runtime, sockets, &desk)
            .map_err(|cause| Failure::new(FailureKind::MachineRefused).fact("cause", cause))?;
        let (shared, counts) = (Arc::clone(&outpost.shared), Arc::clone(&desk));
        let zone = export.zone;
        outpost.show(state, move || shown(&zone, since, shared.line(), &counts))?;
        outpost.log.event(since, log::Event::TripwireStarted, &facts);
        Ok(Self { outpost, desk, path: path.to_owned(), again: Arc::default() })
    }

    /// Lets SIGTERM and SIGINT end the responder, and SIGHUP make it read its file anew.
    ///
    /// # Errors
    /// The machine refuses a handler.
    pub fn obey_signals(&self) -> Result<(), Failure> {
        self.outpost.obey_signals()?;
        self.outpost.raise(SignalKind::hangup(), &self.again)
    }

    /// Answers until asked to stop.
    pub fn run(self) {
        notify::ready();
        while !self.outpost.is_over() {
            clock::rest(LOOK_EVERY);
            if self.again.swap(false, Ordering::Relaxed) {
                self.read_again();
            }
            self.outpost.shared.count(self.desk.pulse());
            // What the service says of sessions and habits is no business of the tripwire's.
            self.outpost.heard.try_iter().for_each(drop);
        }
        self.desk.close();
        self.outpost.close();
    }

    /// Goes on with what the file says now; addresses and service stay what they were.
    fn read_again(&self) {
        match read(&self.path) {
            Ok((_, zone)) => {
                let facts = [("labels", zone.labels().to_string())];
                self.desk.replace(zone);
                self.outpost.log.event(clock::now(), log::Event::TripwireRead, &facts);
            }
            Err(failure) => {
                let log = &self.outpost.log;
                let facts = [("cause", failure.message(log.language()))];
                log.event(clock::now(), log::Event::TripwireUnread, &facts);
            }
        }
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
        runtime.spawn(serve(listener, Arc::clone(desk), dns::connection));
    }
    for listener in sockets.http {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        runtime.spawn(serve(listener, Arc::clone(desk), http::connection));
    }
    Ok(())
}

/// Answers the connections to a socket, so many at once, until the task is dropped.
async fn serve<F: Future<Output = ()> + Send>(
    listener: tokio::net::TcpListener,
    desk: Arc<Desk>,
    answer: impl Fn(TcpStream, IpAddr, Arc<Desk>) -> F + Copy + Send + Sync + 'static,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((stream, source)) = listener.accept().await else {
            // Out of descriptors, most likely: wait rather than spin.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let desk = Arc::clone(&desk);
        tokio::spawn(async move {
            answer(stream, source.ip(), desk).await;
            drop(place);
        });
    }
}

/// What `sekisho tripwire status` shows.
fn shown(zone: &str, since: Timestamp, line: LineState, desk: &Desk) -> Value {
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
