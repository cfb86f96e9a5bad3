//! Datagrams in, datagrams out: one receiving thread a socket, worker threads behind bounded
//! queues, replies from the socket that was asked.
//!
//! What an answer says is the [`Answerer`]'s business. A full queue drops and counts; it never
//! makes a receiver wait.

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TrySendError};
use std::sync::mpsc::{channel, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::clock::Clock;
use super::{Failure, FailureKind};
use crate::vocabulary::Moment;
use crate::wire::radius::PACKET_OCTETS_MAX;

/// Datagrams waiting for one worker.
pub const QUEUE_DATAGRAMS_MAX: usize = 2048;
/// Receive buffer asked of the kernel: a thousand switches re-authenticating at once.
pub const RECEIVE_BUFFER_OCTETS: usize = 4 * 1024 * 1024;
/// How long a worker sleeps when nothing is due, and a receiver before it looks for the end.
const IDLE: Duration = Duration::from_millis(200);
/// How long replies that were put off may take to leave after the end was asked for.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a worker may take to take over a snapshot.
pub const REPLACE_TIMEOUT: Duration = Duration::from_secs(10);

/// What one worker knows: answers datagrams, without a clock or a socket.
pub trait Answerer: Send + 'static {
    /// What all workers share, swapped whole.
    type Snapshot: Send + Sync + 'static;

    /// Answers one datagram; the octets to send are in `reply`.
    fn handle(
        &mut self,
        now: Moment,
        datagram: &[u8],
        source: SocketAddr,
        local: SocketAddr,
        reply: &mut Vec<u8>,
    ) -> Answer;
    /// A reply that was put off and is due: its octets in `reply`, then destination and source.
    fn poll_transmit(
        &mut self,
        now: Moment,
        reply: &mut Vec<u8>,
    ) -> Option<(SocketAddr, SocketAddr)>;
    /// The monotonic time of the next call to [`Answerer::handle_timeout`].
    fn poll_timeout(&self) -> Option<Duration>;
    /// Something is due.
    fn handle_timeout(&mut self, now: Moment);
    /// Takes over a new snapshot.
    fn replace(&mut self, snapshot: Arc<Self::Snapshot>);
    /// Called after each of the above, to report what happened.
    fn settle(&mut self, now: Moment);
}

/// What becomes of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The reply goes out now.
    Send,
    /// A reply will come out of [`Answerer::poll_transmit`].
    Later,
    /// No reply.
    Nothing,
}

/// What happens to receivers and workers besides answering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The queue of the worker is full.
    QueueFull,
    /// Receiving failed.
    Receive {
        /// On which socket.
        local: SocketAddr,
        /// Why.
        cause: String,
    },
    /// A reply could not be sent.
    Send {
        /// To whom.
        to: SocketAddr,
        /// Why.
        cause: String,
    },
    /// A worker ended by a fault of ours; the service cannot go on.
    WorkerGone(usize),
}

/// Takes trouble; must not block.
pub type Report = Arc<dyn Fn(Trouble) + Send + Sync>;

/// Names the worker a datagram belongs to, where the datagram says.
pub type Route = fn(&[u8]) -> Option<u8>;

/// The running threads.
#[derive(Debug)]
pub struct Workers<S> {
    receivers: Vec<JoinHandle<()>>,
    workers: Vec<(SyncSender<Message<S>>, JoinHandle<()>)>,
    stop: Arc<AtomicBool>,
}

enum Message<S> {
    Datagram(Datagram),
    Replace(Arc<S>, Sender<()>),
    Stop,
}

struct Datagram {
    octets: Vec<u8>,
    source: SocketAddr,
    socket: usize,
}

/// The bound sockets.
#[derive(Clone, Debug)]
pub struct Sockets(Arc<[(UdpSocket, SocketAddr)]>);

impl Sockets {
    /// Binds every address for itself.
    ///
    /// # Errors
    /// The first address that cannot be bound.
    pub fn bind(addresses: &[SocketAddr]) -> Result<Self, Failure> {
        let sockets: Result<Vec<_>, _> =
            addresses.iter().map(|address| bind_one(*address)).collect();
        Ok(Self(sockets?.into()))
    }

    /// The addresses as bound, with real port numbers.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.0.iter().map(|(_, local)| *local).collect()
    }

    fn send(&self, socket: usize, octets: &[u8], to: SocketAddr, report: &Report) {
        let Some((socket, _)) = self.0.get(socket) else { return };
        if let Err(cause) = socket.send_to(octets, to) {
            report(Trouble::Send { to, cause: cause.to_string() });
        }
    }
}

impl<S: Send + Sync + 'static> Workers<S> {
    /// Starts one worker for each answerer and one receiver for each socket.
    ///
    /// # Errors
    /// The machine gives no thread or the socket cannot be shared.
    pub fn start<A: Answerer<Snapshot = S>>(
        sockets: &Sockets,
        answerers: Vec<A>,
        route: Route,
        clock: Clock,
        report: &Report,
    ) -> Result<Self, Failure> {
        let refused =
            |cause: std::io::Error| Failure::new(FailureKind::MachineRefused).fact("cause", cause);
        let stop = Arc::new(AtomicBool::new(false));
        let mut running = Self { receivers: Vec::new(), workers: Vec::new(), stop };
        for (number, answerer) in answerers.into_iter().enumerate() {
            let (queue, received) = sync_channel(QUEUE_DATAGRAMS_MAX);
            let worker = Worker {
                answerer,
                received,
                sockets: sockets.clone(),
                clock,
                report: report.clone(),
                put_off: 0,
                reply: Vec::with_capacity(PACKET_OCTETS_MAX),
            };
            let alarm = Alarm { number, report: report.clone() };
            let thread = std::thread::Builder::new()
                .name(format!("worker-{number}"))
                .spawn(move || {
                    let _alarm = alarm;
                    worker.run();
                })
                .map_err(refused)?;
            running.workers.push((queue, thread));
        }
        for socket in 0..sockets.0.len() {
            let receiver = Receiving {
                sockets: sockets.clone(),
                socket,
                queues: running.workers.iter().map(|(queue, _)| queue.clone()).collect(),
                route,
                stop: running.stop.clone(),
                report: report.clone(),
            };
            let thread = std::thread::Builder::new()
                .name(format!("receiver-{socket}"))
                .spawn(move || receiver.run())
                .map_err(refused)?;
            running.receivers.push(thread);
        }
        Ok(running)
    }

    /// Hands a snapshot to every worker and waits until each has taken it over.
    ///
    /// # Errors
    /// A worker did not take it over in time.
    pub fn replace(&self, snapshot: &Arc<S>) -> Result<(), Failure> {
        let (done, taken) = channel();
        for (queue, _) in &self.workers {
            // Waits for room: datagrams before the snapshot are answered by the old one.
            let message = Message::Replace(snapshot.clone(), done.clone());
            queue.send(message).map_err(|_| worker_gone())?;
        }
        for _ in &self.workers {
            taken.recv_timeout(REPLACE_TIMEOUT).map_err(|_| worker_gone())?;
        }
        Ok(())
    }

    /// Stops receiving, answers what was received, and ends every thread.
    ///
    /// # Errors
    /// A worker had already ended by a fault.
    pub fn stop(self) -> Result<(), Failure> {
        self.stop.store(true, Ordering::Relaxed);
        let mut sound = true;
        for receiver in self.receivers {
            sound &= receiver.join().is_ok();
        }
        for (queue, _) in &self.workers {
            sound &= queue.send(Message::Stop).is_ok();
        }
        for (_, worker) in self.workers {
            sound &= worker.join().is_ok();
        }
        if sound { Ok(()) } else { Err(worker_gone()) }
    }
}

fn worker_gone() -> Failure {
    Failure::new(FailureKind::StopFailed).fact("cause", "worker")
}

/// Reports when its thread unwinds.
struct Alarm {
    number: usize,
    report: Report,
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            (self.report)(Trouble::WorkerGone(self.number));
        }
    }
}

struct Receiving<S> {
    sockets: Sockets,
    socket: usize,
    queues: Vec<SyncSender<Message<S>>>,
    route: Route,
    stop: Arc<AtomicBool>,
    report: Report,
}

impl<S> Receiving<S> {
    fn run(self) {
        let Some((socket, local)) = self.sockets.0.get(self.socket) else { return };
        let mut buffer = vec![0; PACKET_OCTETS_MAX];
        while !self.stop.load(Ordering::Relaxed) {
            match socket.recv_from(&mut buffer) {
                Ok((octets, source)) => {
                    self.hand_over(buffer.get(..octets).unwrap_or_default(), source);
                }
                Err(cause) => match cause.kind() {
                    std::io::ErrorKind::WouldBlock
                    | std::io::ErrorKind::TimedOut
                    | std::io::ErrorKind::Interrupted
                    // An ICMP error for an earlier reply, not for this socket.
                    | std::io::ErrorKind::ConnectionRefused
                    | std::io::ErrorKind::ConnectionReset => {}
                    _ => {
                        let cause = cause.to_string();
                        (self.report)(Trouble::Receive { local: *local, cause });
                        std::thread::sleep(IDLE);
                    }
                },
            }
        }
    }

    fn hand_over(&self, octets: &[u8], source: SocketAddr) {
        let named = (self.route)(octets).map(usize::from).filter(|n| *n < self.queues.len());
        let hashed = || {
            let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(source);
            let workers = u64::try_from(self.queues.len()).unwrap_or(1).max(1);
            usize::try_from(hash % workers).unwrap_or(0)
        };
        let Some(queue) = self.queues.get(named.unwrap_or_else(hashed)) else { return };
        let datagram = Datagram { octets: octets.to_vec(), source, socket: self.socket };
        match queue.try_send(Message::Datagram(datagram)) {
            Ok(()) => {}
            // A worker that is gone has been reported; its datagrams are lost like a full queue's.
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                (self.report)(Trouble::QueueFull);
            }
        }
    }
}

struct Worker<A: Answerer> {
    answerer: A,
    received: Receiver<Message<A::Snapshot>>,
    sockets: Sockets,
    clock: Clock,
    report: Report,
    /// Replies promised by [`Answer::Later`] and not yet sent.
    put_off: usize,
    reply: Vec<u8>,
}

impl<A: Answerer> Worker<A> {
    fn run(mut self) {
        loop {
            match self.received.recv_timeout(self.wait()) {
                Ok(Message::Datagram(datagram)) => self.answer(&datagram),
                Ok(Message::Replace(snapshot, done)) => {
                    self.answerer.replace(snapshot);
                    let _ = done.send(()); // OK because who asked may have stopped waiting
                }
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.tend();
        }
        let end = self.clock.now().monotonic + DRAIN_TIMEOUT;
        while self.put_off > 0 && self.clock.now().monotonic < end {
            std::thread::sleep(self.wait().min(end.saturating_sub(self.clock.now().monotonic)));
            self.tend();
        }
    }

    fn wait(&self) -> Duration {
        let now = self.clock.now().monotonic;
        self.answerer.poll_timeout().map_or(IDLE, |due| due.saturating_sub(now).min(IDLE))
    }

    fn answer(&mut self, datagram: &Datagram) {
        let Some(local) = self.sockets.0.get(datagram.socket).map(|(_, local)| *local) else {
            return;
        };
        self.reply.clear();
        let (octets, source) = (&datagram.octets, datagram.source);
        match self.answerer.handle(self.clock.now(), octets, source, local, &mut self.reply) {
            Answer::Send => {
                self.sockets.send(datagram.socket, &self.reply, source, &self.report);
            }
            Answer::Later => self.put_off = self.put_off.saturating_add(1),
            Answer::Nothing => {}
        }
    }

    fn tend(&mut self) {
        let now = self.clock.now();
        if self.answerer.poll_timeout().is_some_and(|due| due <= now.monotonic) {
            self.answerer.handle_timeout(now);
        }
        loop {
            self.reply.clear();
            let Some((to, from)) = self.answerer.poll_transmit(now, &mut self.reply) else { break };
            self.put_off = self.put_off.saturating_sub(1);
            if let Some(socket) = self.sockets.0.iter().position(|(_, local)| *local == from) {
                self.sockets.send(socket, &self.reply, to, &self.report);
            }
        }
        self.answerer.settle(now);
    }
}

fn bind_one(address: SocketAddr) -> Result<(UdpSocket, SocketAddr), Failure> {
    let open = || {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            // An IPv6 wildcard must not take IPv4's datagrams under mapped addresses.
            socket.set_only_v6(true)?;
        }
        // OK because the kernel's own limit is the most an unprivileged process can have.
        let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER_OCTETS);
        socket.set_read_timeout(Some(IDLE))?;
        socket.bind(&address.into())?;
        let socket = UdpSocket::from(socket);
        let local = socket.local_addr()?;
        Ok((socket, local))
    };
    open().map_err(|cause: std::io::Error| {
        Failure::new(FailureKind::AddressUnavailable).fact("address", address).fact("cause", cause)
    })
}

#[cfg(test)]
#[path = "workers_tests.rs"]
mod tests;
