//! Datagrams in, datagrams out: each worker takes a batch off its own sockets, answers what can be
//! answered at once and sends the answers together, all on one thread.
//!
//! A datagram that goes on with a conversation may cost a hundred times as much. It waits in its
//! worker's queue, and a worker spends only so long on its queue before it looks at its sockets
//! again. Conversations that work was spent on go first, so that many are through early and few
//! are open at a time; what has waited long goes in order of arrival, so that nobody gives up for
//! others' sake. What is sent again while it still waits is left out. A full queue lets the oldest
//! go that nothing was spent on, and counts it.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixDatagram;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

use super::clock::Clock;
pub use super::datagrams::Sockets;
use super::datagrams::{Incoming, Outgoing};
use super::{Failure, FailureKind};
use crate::access::Continuation;
use crate::vocabulary::Moment;

/// Datagrams waiting for their conversations at one worker: those of a city that comes back at
/// once.
pub const QUEUE_DATAGRAMS_MAX: usize = 32_768;
/// Their octets together.
pub const QUEUE_OCTETS_MAX: usize = 32 * 1024 * 1024;
/// How long a worker works on its queue before it looks at its sockets again; a step that has
/// begun is finished.
const SLICE: Duration = Duration::from_micros(500);
/// How long a conversation to begin with lets others go first: well below the time after which
/// switches ask again, and about what a city that comes back at once takes.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a worker sleeps when nothing is due.
const IDLE: Duration = Duration::from_millis(200);
/// How long what was received and replies that were put off may take after the end was asked for.
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

/// What happens to workers besides answering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// A worker's queue was full: the oldest datagram in it was let go.
    QueueFull,
    /// What still waited was sent again: it is left out.
    Repeated,
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

/// Names the conversation a datagram goes on with; `None` for all that is answered at once,
/// wherever it came in.
pub type Route = fn(&[u8]) -> Option<Continuation>;

/// The running threads.
#[derive(Debug)]
pub struct Workers<S> {
    doors: Vec<Sender<Message<S>>>,
    lobby: Arc<[Waiting]>,
    threads: Vec<JoinHandle<()>>,
}

enum Message<S> {
    Replace(Arc<S>, Sender<()>),
    Stop,
}

/// What waits for one worker, and how to wake it.
#[derive(Debug)]
struct Waiting {
    queue: Mutex<Queue>,
    bell: UnixDatagram,
}

#[derive(Debug, Default)]
struct Queue {
    /// What goes on with conversations that work was spent on, and what would begin with others.
    begun: VecDeque<Datagram>,
    fresh: VecDeque<Datagram>,
    /// Those of both, under `key`.
    tickets: HashSet<u64>,
    key: RandomState,
    octets: usize,
}

#[derive(Debug)]
struct Datagram {
    octets: Vec<u8>,
    source: SocketAddr,
    /// The address it came to, by number.
    at: usize,
    /// The monotonic time of its arrival.
    since: Duration,
    /// Equal for equal octets of one source, under a key nobody knows.
    ticket: u64,
}

impl Waiting {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // OK because every operation leaves the queue whole.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// OK because a bell that cannot be rung again is ringing already.
    fn ring(&self) {
        let _ = self.bell.send(&[0]);
    }

    /// Puts a datagram behind its like, unless the same waits already, and wakes a worker that is
    /// another; says how many of the oldest had to go, or `None` when it is left out.
    fn push(
        &self,
        octets: &[u8],
        source: SocketAddr,
        at: usize,
        since: Duration,
        begun: bool,
        wake: bool,
    ) -> Option<usize> {
        let mut queue = self.queue();
        let ticket = queue.key.hash_one((octets, source, at));
        if !queue.tickets.insert(ticket) {
            return None;
        }
        if wake && queue.len() == 0 {
            self.ring();
        }
        queue.octets += octets.len();
        let datagram = Datagram { octets: octets.to_vec(), source, at, since, ticket };
        if begun {
            queue.begun.push_back(datagram)
        } else {
            queue.fresh.push_back(datagram)
        }
        let mut gone = 0;
        while queue.len() > QUEUE_DATAGRAMS_MAX || queue.octets > QUEUE_OCTETS_MAX {
            if queue.shed().is_none() {
                break;
            }
            gone += 1;
        }
        Some(gone)
    }
}

impl Queue {
    fn len(&self) -> usize {
        self.begun.len() + self.fresh.len()
    }

    /// The next: of what was begun, unless something fresh came earlier and has waited long.
    fn pop(&mut self, now: Duration) -> Option<Datagram> {
        let begin = match (self.fresh.front(), self.begun.front()) {
            (Some(fresh), Some(begun)) => {
                fresh.since <= begun.since && now.saturating_sub(fresh.since) >= PATIENCE
            }
            (fresh, _) => fresh.is_some(),
        };
        let from = if begin { &mut self.fresh } else { &mut self.begun };
        let datagram = from.pop_front();
        self.without(datagram)
    }

    /// Lets the oldest go that nothing was spent on, else the oldest.
    fn shed(&mut self) -> Option<Datagram> {
        let datagram = self.fresh.pop_front().or_else(|| self.begun.pop_front());
        self.without(datagram)
    }

    fn without(&mut self, datagram: Option<Datagram>) -> Option<Datagram> {
        let datagram = datagram?;
        self.octets -= datagram.octets.len();
        self.tickets.remove(&datagram.ticket);
        Some(datagram)
    }
}

impl<S: Send + Sync + 'static> Workers<S> {
    /// Starts a worker for each answerer; `sockets` were bound for as many.
    ///
    /// # Errors
    /// The machine gives no thread or socket.
    pub fn start<A: Answerer<Snapshot = S>>(
        sockets: &Sockets,
        answerers: Vec<A>,
        route: Route,
        clock: Clock,
        report: &Report,
    ) -> Result<Self, Failure> {
        let refused =
            |cause: io::Error| Failure::new(FailureKind::MachineRefused).fact("cause", cause);
        let mut lobby = Vec::with_capacity(answerers.len());
        let mut ears = Vec::with_capacity(answerers.len());
        for _ in &answerers {
            let (bell, ear) = UnixDatagram::pair().map_err(refused)?;
            bell.set_nonblocking(true).map_err(refused)?;
            ear.set_nonblocking(true).map_err(refused)?;
            lobby.push(Waiting { queue: Mutex::default(), bell });
            ears.push(ear);
        }
        let mut running = Self { doors: Vec::new(), lobby: lobby.into(), threads: Vec::new() };
        for (number, (answerer, ear)) in answerers.into_iter().zip(ears).enumerate() {
            let Some(own) = sockets.of(number) else { continue };
            let (door, messages) = channel();
            let worker = Worker {
                number,
                answerer,
                messages,
                ear,
                lobby: Arc::clone(&running.lobby),
                sockets: Arc::clone(own),
                locals: sockets.addresses(),
                route,
                clock,
                report: Arc::clone(report),
                put_off: 0,
            };
            let alarm = Alarm { number, report: Arc::clone(report) };
            let thread = std::thread::Builder::new()
                .name(format!("worker-{number}"))
                .spawn(move || {
                    let _alarm = alarm;
                    worker.run();
                })
                .map_err(refused)?;
            running.doors.push(door);
            running.threads.push(thread);
        }
        Ok(running)
    }

    fn tell(&self, message: impl Fn() -> Message<S>) -> bool {
        let mut sound = true;
        for (door, waiting) in self.doors.iter().zip(self.lobby.iter()) {
            sound &= door.send(message()).is_ok();
            waiting.ring();
        }
        sound
    }

    /// Hands a snapshot to every worker and waits until each has taken it over.
    ///
    /// # Errors
    /// A worker did not take it over in time.
    pub fn replace(&self, snapshot: &Arc<S>) -> Result<(), Failure> {
        let (done, taken) = channel();
        if !self.tell(|| Message::Replace(Arc::clone(snapshot), done.clone())) {
            return Err(worker_gone());
        }
        for _ in &self.doors {
            taken.recv_timeout(REPLACE_TIMEOUT).map_err(|_| worker_gone())?;
        }
        Ok(())
    }

    /// Stops receiving, answers what was received, and ends every thread.
    ///
    /// # Errors
    /// A worker had already ended by a fault.
    pub fn stop(self) -> Result<(), Failure> {
        let mut sound = self.tell(|| Message::Stop);
        for thread in self.threads {
            sound &= thread.join().is_ok();
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

struct Worker<A: Answerer> {
    number: usize,
    answerer: A,
    messages: Receiver<Message<A::Snapshot>>,
    ear: UnixDatagram,
    lobby: Arc<[Waiting]>,
    sockets: Arc<[UdpSocket]>,
    locals: Vec<SocketAddr>,
    route: Route,
    clock: Clock,
    report: Report,
    /// Replies promised by [`Answer::Later`] and not yet sent.
    put_off: usize,
}

impl<A: Answerer> Worker<A> {
    fn run(mut self) {
        let mut incoming = Incoming::new(self.sockets.len());
        let mut outgoing = Outgoing::new();
        loop {
            let took = self.take(&mut incoming, &mut outgoing);
            let went_on = self.go_on(&mut outgoing);
            self.tend(&mut outgoing);
            match self.messages.try_recv() {
                Ok(Message::Replace(snapshot, done)) => {
                    self.answerer.replace(snapshot);
                    let _ = done.send(()); // OK because who asked may have stopped waiting
                }
                Ok(Message::Stop) | Err(TryRecvError::Disconnected) => break,
                Err(TryRecvError::Empty) if took || went_on => {}
                Err(TryRecvError::Empty) => self.sleep(self.wait()),
            }
        }
        self.drain(&mut incoming, &mut outgoing);
    }

    /// Takes a batch off each socket, answers what is answered at once, and lets the rest wait
    /// for its worker.
    fn take(&mut self, incoming: &mut Incoming, outgoing: &mut Outgoing) -> bool {
        let sockets = Arc::clone(&self.sockets);
        let mut any = false;
        for (at, socket) in sockets.iter().enumerate() {
            match incoming.take(at, socket) {
                Ok(0) => continue,
                Ok(_) => any = true,
                Err(cause) => {
                    self.receiving_failed(at, &cause);
                    continue;
                }
            }
            let now = self.clock.now();
            for (octets, source) in incoming.datagrams() {
                let going_on = (self.route)(octets);
                let found =
                    going_on.and_then(|it| Some((it, self.lobby.get(usize::from(it.worker))?)));
                match found {
                    None => self.answer(now, octets, source, at, outgoing),
                    Some((Continuation { worker, begun }, waiting)) => {
                        let other = usize::from(worker) != self.number;
                        match waiting.push(octets, source, at, now.monotonic, begun, other) {
                            Some(gone) => (0..gone).for_each(|_| (self.report)(Trouble::QueueFull)),
                            None => (self.report)(Trouble::Repeated),
                        }
                    }
                }
            }
            self.flush(outgoing);
        }
        any
    }

    /// Goes on with the conversations whose datagrams wait, for a while.
    fn go_on(&mut self, outgoing: &mut Outgoing) -> bool {
        let mut any = false;
        let mut now = self.clock.now();
        let until = now.monotonic + SLICE;
        while let Some(datagram) = self.next(now.monotonic) {
            any = true;
            self.answer(now, &datagram.octets, datagram.source, datagram.at, outgoing);
            now = self.clock.now();
            if now.monotonic >= until {
                break;
            }
        }
        self.flush(outgoing);
        any
    }

    fn next(&self, now: Duration) -> Option<Datagram> {
        self.lobby.get(self.number)?.queue().pop(now)
    }

    fn answer(
        &mut self,
        now: Moment,
        octets: &[u8],
        source: SocketAddr,
        at: usize,
        outgoing: &mut Outgoing,
    ) {
        let Some(local) = self.locals.get(at).copied() else { return };
        match self.answerer.handle(now, octets, source, local, outgoing.next()) {
            Answer::Send => {
                if outgoing.add(at, source) {
                    self.flush(outgoing);
                }
            }
            Answer::Later => self.put_off = self.put_off.saturating_add(1),
            Answer::Nothing => {}
        }
    }

    fn tend(&mut self, outgoing: &mut Outgoing) {
        let now = self.clock.now();
        if self.answerer.poll_timeout().is_some_and(|due| due <= now.monotonic) {
            self.answerer.handle_timeout(now);
        }
        while let Some((to, from)) = self.answerer.poll_transmit(now, outgoing.next()) {
            self.put_off = self.put_off.saturating_sub(1);
            if let Some(at) = self.locals.iter().position(|local| *local == from)
                && outgoing.add(at, to)
            {
                self.flush(outgoing);
            }
        }
        self.flush(outgoing);
        self.answerer.settle(now);
    }

    fn flush(&self, outgoing: &mut Outgoing) {
        outgoing.flush(&self.sockets, |to, cause| {
            (self.report)(Trouble::Send { to, cause: cause.to_string() });
        });
    }

    fn receiving_failed(&self, at: usize, cause: &io::Error) {
        if let Some(local) = self.locals.get(at).copied() {
            (self.report)(Trouble::Receive { local, cause: cause.to_string() });
        }
        self.sleep(IDLE);
    }

    fn wait(&self) -> Duration {
        let now = self.clock.now().monotonic;
        self.answerer.poll_timeout().map_or(IDLE, |due| due.saturating_sub(now).min(IDLE))
    }

    /// Sleeps until a datagram or message comes, at most this long.
    fn sleep(&self, longest: Duration) {
        let sources = self.sockets.iter().map(UdpSocket::as_fd).chain([self.ear.as_fd()]);
        let mut sources: Vec<_> =
            sources.map(|source| PollFd::new(source, PollFlags::POLLIN)).collect();
        // OK because whatever ends the sleep, the worker looks at everything.
        let _ = ppoll(&mut sources, Some(TimeSpec::from_duration(longest)), None);
        while self.ear.recv(&mut [0; 8]).is_ok() {}
    }

    fn drain(mut self, incoming: &mut Incoming, outgoing: &mut Outgoing) {
        let end = self.clock.now().monotonic + DRAIN_TIMEOUT;
        let late = |worker: &Self| worker.clock.now().monotonic >= end;
        while self.take(incoming, outgoing) && !late(&self) {}
        while self.go_on(outgoing) && !late(&self) {}
        self.tend(outgoing);
        while self.put_off > 0 && !late(&self) {
            let left = end.saturating_sub(self.clock.now().monotonic);
            std::thread::sleep(self.wait().min(left));
            self.tend(outgoing);
        }
    }
}

#[cfg(test)]
#[path = "workers_tests.rs"]
mod tests;
