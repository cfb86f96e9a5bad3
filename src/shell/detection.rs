//! Where the consoles of other products report what they found: syslog by datagram, stream or
//! TLS. A message that a rule of `config/detections.toml` speaks of is handed to the service, one
//! at a time for each sender, so that a flood waits at its own connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use encoding_rs::SHIFT_JIS;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::{TcpListener, UdpSocket};
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::log::{self, Log};
use super::metrics::Metrics;
use super::service::Input;
use super::sparse::Sparse;
use super::tls::{self, Pinned};
use super::{Failure, FailureKind, clock, http};
use crate::plan::{Credentials, Message, Plan};
use crate::wire::syslog::{Framing, MESSAGE_OCTETS_MAX};

/// Senders connected at once; further ones wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 16;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a sender may be silent: consoles keep their connection open for days.
const IDLE_TIMEOUT: Duration = Duration::from_secs(24 * 3600);

/// A message that names a device.
#[derive(Debug)]
pub struct Detection {
    /// The rule that speaks of it.
    pub(super) rule: String,
    /// The device, as the message names it.
    pub(super) named: String,
    /// Who sent it.
    pub(super) source: IpAddr,
    /// The message.
    pub(super) line: String,
}

/// What listens.
pub(super) struct Intake {
    plan: Mutex<Arc<Plan>>,
    pinned: Arc<Pinned>,
    service: Sender<Input>,
    metrics: Arc<Metrics>,
    log: Log,
    foreign: Sparse,
}

impl Intake {
    /// Listens wherever the plan says. Gives the addresses with real port numbers, too.
    ///
    /// # Errors
    /// An address cannot be bound, or TLS cannot be had with these credentials.
    pub(super) fn start(
        runtime: &Runtime,
        plan: &Arc<Plan>,
        credentials: &Credentials,
        service: Sender<Input>,
        metrics: Arc<Metrics>,
        log: Log,
    ) -> Result<(Arc<Self>, Vec<SocketAddr>), Failure> {
        let intake = Arc::new(Self {
            plan: Mutex::new(Arc::clone(plan)),
            pinned: Pinned::new(false),
            service,
            metrics,
            log,
            foreign: Sparse::default(),
        });
        let detections = &plan.detections;
        let mut addresses = Vec::new();
        for address in &detections.udp {
            let unavailable = |cause| {
                let failure = Failure::new(FailureKind::AddressUnavailable);
                failure.fact("address", address).fact("cause", cause)
            };
            let socket = runtime.block_on(UdpSocket::bind(address)).map_err(unavailable)?;
            addresses.push(socket.local_addr().map_err(unavailable)?);
            runtime.spawn(Arc::clone(&intake).datagrams(socket));
        }
        let protected = if detections.tls.is_empty() {
            None
        } else {
            Some(tls::acceptor(credentials, &intake.pinned)?)
        };
        let streams = detections.tcp.iter().map(|address| (address, None));
        let protected = detections.tls.iter().map(|address| (address, protected.clone()));
        for (address, tls) in streams.chain(protected) {
            let listener = runtime.block_on(http::bind(*address))?;
            addresses.extend(listener.local_addr());
            runtime.spawn(Arc::clone(&intake).streams(listener, tls));
        }
        Ok((intake, addresses))
    }

    /// From now on these rules and certificates are good, and no others.
    pub(super) fn replace(&self, plan: &Arc<Plan>, credentials: &Credentials) {
        self.pinned.admit(credentials.peers.detection.clone());
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(plan);
    }

    async fn datagrams(self: Arc<Self>, socket: UdpSocket) {
        let mut octets = vec![0; MESSAGE_OCTETS_MAX];
        loop {
            match socket.recv_from(&mut octets).await {
                Ok((length, source)) => {
                    let message = octets.get(..length).unwrap_or_default();
                    self.handle(source.ip(), message).await;
                }
                // An error of a datagram sent before; nothing of ours was lost.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    async fn streams(self: Arc<Self>, listener: TcpListener, tls: Option<TlsAcceptor>) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let Ok((stream, source)) = listener.accept().await else {
                // Out of descriptors, most likely: wait rather than spin.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let (own, tls) = (Arc::clone(&self), tls.clone());
            tokio::spawn(async move {
                match tls {
                    None => own.stream(stream, source.ip()).await,
                    Some(tls) => match timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
                        Ok(Ok(stream)) => own.stream(stream, source.ip()).await,
                        Ok(Err(_)) => own.refuse(source.ip()),
                        Err(_) => {}
                    },
                }
                drop(place);
            });
        }
    }

    async fn stream(&self, mut stream: impl AsyncRead + Unpin, source: IpAddr) {
        let mut framing = Framing::default();
        let mut octets = vec![0; MESSAGE_OCTETS_MAX];
        while let Ok(Ok(length @ 1..)) = timeout(IDLE_TIMEOUT, stream.read(&mut octets)).await {
            framing.push(octets.get(..length).unwrap_or_default());
            loop {
                match framing.take() {
                    Ok(Some(message)) => {
                        if !self.handle(source, &message).await {
                            return;
                        }
                    }
                    Ok(None) => break,
                    Err(_) => {
                        self.count("broken");
                        return;
                    }
                }
            }
        }
    }

    /// Hands on what a rule speaks of, and waits until it is dealt with. Says whether its sender
    /// may go on.
    async fn handle(&self, source: IpAddr, message: &[u8]) -> bool {
        let line = text(message);
        let plan = Arc::clone(&self.plan.lock().unwrap_or_else(PoisonError::into_inner));
        let detection = match plan.detections.read(source, &line) {
            Message::Foreign => {
                self.refuse(source);
                return false;
            }
            Message::Other => {
                self.count("other");
                return true;
            }
            Message::Names(rule, named) => {
                let rule = plan.detections.rules.get(rule).map(|rule| rule.id.clone());
                let (rule, named) = (rule.unwrap_or_default(), named.to_owned());
                Detection { rule, named, source: source.to_canonical(), line }
            }
        };
        let (done, dealt_with) = oneshot::channel();
        if self.service.send(Input::Detected(detection, done)).is_ok() {
            let result = dealt_with.await.unwrap_or("stopping");
            self.count(result);
        }
        true
    }

    fn refuse(&self, source: IpAddr) {
        self.count("foreign");
        if let Some(more) = self.foreign.due() {
            let facts =
                [("address", source.to_canonical().to_string()), ("more", more.to_string())];
            self.log.event(clock::now(), log::Event::DetectionForeign, &facts);
        }
    }

    fn count(&self, result: &str) {
        self.metrics.detections.with_label_values(&[result]).inc();
    }
}

/// UTF-8, or else what Japanese products on Windows write.
fn text(message: &[u8]) -> String {
    let message = message.trim_ascii_end();
    match std::str::from_utf8(message) {
        Ok(text) => text.to_owned(),
        Err(_) => SHIFT_JIS.decode_without_bom_handling(message).0.into_owned(),
    }
}
