//! The thread that asks switches for their tables and tells what should not be there.
//!
//! One thread for all switches: each has its own agent, its own question in flight and its own
//! times, so that one that answers slowly, wrongly or endlessly delays nobody else. The thread
//! decides nothing about anybody; what it finds is an event.

mod bounce;
mod left;
mod target;
mod tell;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use super::clock::Clock;
use super::log::Log;
use super::metrics::{CLIENT_UNKNOWN, Metrics};
use super::process::stand_back;
use super::service::Feed;
use super::{Failure, FailureKind, random};
use crate::plan::{Plan, ProfileIndex, SnmpSecrets};
use crate::survey::{Change, Fault, Judge, Listener, Notification, TrapFault, View};
use crate::vocabulary::{Mac, Moment, Random, SiteIndex};
use crate::wire::snmp::MESSAGE_OCTETS_MAX;
use bounce::Order;
use left::Left;
use target::{Cause, Ended, Target};

/// Messages waiting for the thread.
const QUEUE_MAX: usize = 4_096;
/// How long a receiver waits before it looks for the end.
const IDLE: Duration = Duration::from_millis(200);
/// How long an operator waits for an answer of the thread.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the service waits to hear where an address is; it asks again.
const LOCATE_TIMEOUT: Duration = Duration::from_millis(250);
/// Switches asked at once; the others wait a moment.
const AT_ONCE_MAX: usize = 128;
const MOMENT: Duration = Duration::from_millis(50);
/// Messages taken before it is looked for what is due, so that answers are not taken for late
/// while they wait, and a flood delays nothing for ever.
const TAKEN_MAX: usize = 1024;
/// How long the end waits for a port to be up again.
const STOP_MAX: Duration = Duration::from_secs(3);
/// How often ages are shown, and how often the standing of the rules is put on record.
const SHOW_EVERY: Duration = Duration::from_secs(5);
const STANDING_EVERY: Duration = Duration::from_secs(3600);
/// From what one sweep shows to the next that makes sure of it.
const MAKE_SURE_AFTER: Duration = Duration::from_millis(500);

/// Whom to ask, and by what.
#[derive(Clone, Debug)]
pub(in crate::shell) struct Settings {
    pub(in crate::shell) plan: Arc<Plan>,
    pub(in crate::shell) secrets: HashMap<ProfileIndex, SnmpSecrets>,
}

enum Message {
    Replace(Settings),
    Touched(BTreeSet<String>),
    Datagram(Vec<u8>, SocketAddr),
    Notified(Vec<u8>, SocketAddr),
    Bounce(Order),
    Status(Option<String>, Sender<Option<Value>>),
    Sweep(String, Sender<bool>),
    Locate(Mac, SiteIndex, Sender<Option<(String, String)>>),
    Stop,
}

/// Where others say that something happened at a switch. Never waits.
#[derive(Clone)]
pub(in crate::shell) struct Nudge {
    queue: SyncSender<Message>,
    /// The switches that are asked at all.
    asked: Arc<RwLock<BTreeSet<String>>>,
}

impl Nudge {
    /// Somebody came or went at those switches: their tables are worth a look.
    pub(in crate::shell) fn touched<'a>(&self, switches: impl Iterator<Item = &'a str>) {
        // OK because the set is only ever replaced whole.
        let asked = self.asked.read().unwrap_or_else(PoisonError::into_inner);
        if asked.is_empty() {
            return;
        }
        let touched: BTreeSet<String> =
            switches.filter_map(|switch| asked.get(switch)).cloned().collect();
        if !touched.is_empty() {
            // OK because a sweep comes anyway.
            let _ = self.queue.try_send(Message::Touched(touched));
        }
    }

    /// Has a port taken down and up again because of a device. Says whether the order was taken;
    /// what becomes of it is an event.
    pub(in crate::shell) fn bounce(&self, switch: &str, port: &str, mac: Mac) -> bool {
        let order = Order { switch: switch.to_owned(), port: port.to_owned(), mac };
        self.queue.try_send(Message::Bounce(order)).is_ok()
    }
}

/// What was said before the thread runs.
pub(in crate::shell) struct Inbox(Receiver<Message>);

/// A nudge and its other end.
pub(in crate::shell) fn open() -> (Nudge, Inbox) {
    let (queue, inbox) = sync_channel(QUEUE_MAX);
    (Nudge { queue, asked: Arc::default() }, Inbox(inbox))
}

/// What the thread needs of its surroundings.
pub(in crate::shell) struct Surroundings {
    pub(in crate::shell) clock: Clock,
    pub(in crate::shell) log: Log,
    pub(in crate::shell) metrics: Arc<Metrics>,
    pub(in crate::shell) feed: Feed,
    /// Where it is kept which ports are down.
    pub(in crate::shell) state: Option<PathBuf>,
}

/// The running thread.
pub(in crate::shell) struct Survey {
    queue: SyncSender<Message>,
    thread: JoinHandle<()>,
    receivers: Vec<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
}

impl Survey {
    /// Starts the thread; whom to ask comes by [`Survey::replace`].
    ///
    /// # Errors
    /// The machine refuses a socket or thread.
    pub(in crate::shell) fn start(
        nudge: &Nudge,
        inbox: Inbox,
        settings: Settings,
        surroundings: Surroundings,
    ) -> Result<Self, Failure> {
        let refused =
            |cause: std::io::Error| Failure::new(FailureKind::MachineRefused).fact("cause", cause);
        let stop = Arc::new(AtomicBool::new(false));
        let four = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).map_err(refused)?;
        // A machine without IPv6 has no switches there.
        let six = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).ok();
        let traps = settings.plan.server.survey.traps.map(UdpSocket::bind).transpose();
        let traps = traps.map_err(refused)?;
        let listen = |name: &str, socket: &UdpSocket, wrap: Wrap| {
            socket.set_read_timeout(Some(IDLE)).map_err(refused)?;
            let (ear, queue) = (socket.try_clone().map_err(refused)?, nudge.queue.clone());
            let stop = Arc::clone(&stop);
            std::thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || receive(&ear, &queue, &stop, wrap))
                .map_err(refused)
        };
        let mut receivers = vec![listen("tables", &four, Message::Datagram)?];
        let others: [(&str, Option<&UdpSocket>, Wrap); 2] = [
            ("tables", six.as_ref(), Message::Datagram),
            ("traps", traps.as_ref(), Message::Notified),
        ];
        for (name, socket, wrap) in others {
            receivers.extend(socket.map(|socket| listen(name, socket, wrap)).transpose()?);
        }
        let asked = Arc::clone(&nudge.asked);
        let mut random = Random::new(&random::seed()?);
        let salt = u64::from_be_bytes(random.octets());
        let now = surroundings.clock.now();
        let listener = Listener::new(now, &settings.plan.server.node_name, salt);
        let thread = std::thread::Builder::new()
            .name("survey".to_owned())
            .spawn(move || {
                stand_back();
                let judge = Judge::new(settings.plan.server.survey.ageing);
                let left = Left::open(surroundings.state.clone());
                let mut running = Running {
                    plan: Arc::clone(&settings.plan),
                    asked,
                    judge,
                    targets: Vec::new(),
                    due: BTreeSet::new(),
                    by_address: HashMap::new(),
                    by_host: HashMap::new(),
                    listener,
                    sockets: (four, six),
                    traps,
                    random,
                    surroundings,
                    standing_at: Duration::ZERO,
                    bounced: VecDeque::new(),
                    left,
                    stopping: None,
                };
                running.replace(&settings);
                running.look_for_left(running.now());
                running.run(&inbox.0);
            })
            .map_err(refused)?;
        Ok(Self { queue: nudge.queue.clone(), thread, receivers, stop })
    }

    /// Goes on with another plan and other secrets.
    pub(in crate::shell) fn replace(&self, settings: Settings) {
        let _ = self.queue.send(Message::Replace(settings)); // OK: a thread that is gone told so
    }

    /// How one switch, or every switch, was read; `None` for one that is not known.
    ///
    /// # Errors
    /// The thread does not answer.
    pub(in crate::shell) fn status(&self, switch: Option<&str>) -> Result<Option<Value>, Failure> {
        self.ask(|reply| Message::Status(switch.map(str::to_owned), reply))
    }

    /// At which switch and edge port an address is. Where none shows it, those of the site are
    /// swept soon.
    ///
    /// # Errors
    /// The thread does not answer.
    pub(in crate::shell) fn locate(
        &self,
        mac: Mac,
        site: SiteIndex,
    ) -> Result<Option<(String, String)>, Failure> {
        self.ask_within(LOCATE_TIMEOUT, |reply| Message::Locate(mac, site, reply))
    }

    /// Sweeps one switch now. Says whether it is one that is asked.
    ///
    /// # Errors
    /// The thread does not answer.
    pub(in crate::shell) fn sweep(&self, switch: &str) -> Result<bool, Failure> {
        self.ask(|reply| Message::Sweep(switch.to_owned(), reply))
    }

    fn ask<T>(&self, message: impl FnOnce(Sender<T>) -> Message) -> Result<T, Failure> {
        self.ask_within(ANSWER_TIMEOUT, message)
    }

    fn ask_within<T>(
        &self,
        timeout: Duration,
        message: impl FnOnce(Sender<T>) -> Message,
    ) -> Result<T, Failure> {
        let gone = || Failure::new(FailureKind::StopFailed).fact("cause", "survey");
        let (reply, answer) = channel();
        self.queue.send(message(reply)).map_err(|_| gone())?;
        answer.recv_timeout(timeout).map_err(|_| gone())
    }

    /// Ends the threads.
    pub(in crate::shell) fn stop(self) {
        let _ = self.queue.send(Message::Stop); // OK because a thread that is gone has stopped
        let _ = self.thread.join(); // OK because it holds nothing
        // Until then it had to hear, to bring up a port that it had taken down.
        self.stop.store(true, Ordering::Relaxed);
        for receiver in self.receivers {
            let _ = receiver.join(); // OK because it holds nothing
        }
    }
}

/// What a datagram becomes.
type Wrap = fn(Vec<u8>, SocketAddr) -> Message;

fn receive(socket: &UdpSocket, queue: &SyncSender<Message>, stop: &AtomicBool, wrap: Wrap) {
    let mut buffer = vec![0; MESSAGE_OCTETS_MAX];
    while !stop.load(Ordering::Relaxed) {
        // An error is a timeout, or the ICMP message of a switch that does not listen.
        if let Ok((octets, source)) = socket.recv_from(&mut buffer) {
            let octets = buffer.get(..octets).unwrap_or_default().to_vec();
            // OK because what is lost is asked again, and a flood must not wait.
            let _ = queue.try_send(wrap(octets, source));
        }
    }
}

struct Running {
    plan: Arc<Plan>,
    asked: Arc<RwLock<BTreeSet<String>>>,
    judge: Judge,
    targets: Vec<Target>,
    /// When each target has something to do next.
    due: BTreeSet<(Duration, usize)>,
    by_address: HashMap<SocketAddr, usize>,
    by_host: HashMap<IpAddr, usize>,
    listener: Listener,
    sockets: (UdpSocket, Option<UdpSocket>),
    /// Where traps arrive.
    traps: Option<UdpSocket>,
    random: Random,
    surroundings: Surroundings,
    standing_at: Duration,
    /// When which switch had a port bounced.
    bounced: VecDeque<(Duration, String)>,
    /// Ports that may be down.
    left: Left,
    /// Until when the end waits; from then on nothing new begins.
    stopping: Option<Duration>,
}

impl Running {
    fn run(&mut self, inbox: &Receiver<Message>) {
        let mut shown = Duration::ZERO;
        loop {
            let now = self.now();
            if self.stopping.is_some_and(|until| until <= now.monotonic || !self.is_bouncing()) {
                return self.give_up(now);
            }
            let next = self.due.first().map_or(Duration::MAX, |(due, _)| *due);
            let next = self.stopping.map_or(next, |until| next.min(until));
            let wait = next.saturating_sub(now.monotonic).min(SHOW_EVERY);
            match inbox.recv_timeout(wait) {
                Ok(first) => {
                    self.take(first);
                    for message in inbox.try_iter().take(TAKEN_MAX) {
                        self.take(message);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return, // OK because [`Survey`] holds one
            }
            let now = self.now();
            while let Some((due, place)) = self.due.first().copied()
                && due <= now.monotonic
            {
                self.due.remove(&(due, place));
                self.wake(now, place);
            }
            if shown + SHOW_EVERY <= now.monotonic {
                shown = now.monotonic;
                self.show(now);
            }
        }
    }

    fn now(&self) -> Moment {
        self.surroundings.clock.now()
    }

    fn take(&mut self, message: Message) {
        let now = self.now();
        // OK because who asked may have stopped waiting.
        let _ = match message {
            Message::Replace(settings) => {
                self.replace(&settings);
                true
            }
            Message::Touched(switches) => {
                for switch in switches {
                    self.hasten(now, &switch, Cause::Session);
                }
                true
            }
            Message::Datagram(octets, source) => {
                if let Some(place) = self.by_address.get(&source).copied() {
                    self.heard(now, place, &octets);
                }
                true
            }
            Message::Bounce(order) => {
                self.order(now, order);
                true
            }
            Message::Notified(octets, source) => {
                self.notified(now, &octets, source);
                true
            }
            Message::Status(switch, reply) => {
                reply.send(self.status(now, switch.as_deref())).is_ok()
            }
            Message::Sweep(switch, reply) => {
                reply.send(self.hasten(now, &switch, Cause::Operator)).is_ok()
            }
            Message::Locate(mac, site, reply) => {
                let found = self.judge.place_of(mac).cloned();
                if found.is_none() {
                    self.hasten_site(now, site);
                }
                reply.send(found).is_ok()
            }
            Message::Stop => {
                self.finish(now);
                true
            }
        };
    }

    /// Asks whom the plan says from now on; what was learned of the others is forgotten.
    fn replace(&mut self, settings: &Settings) {
        let now = self.now();
        let mut before: BTreeMap<String, Target> =
            self.targets.drain(..).map(|target| (target.id.clone(), target)).collect();
        (self.due, self.by_address, self.by_host) = Default::default();
        self.listener.forget();
        let plan = Arc::clone(&settings.plan);
        for (index, switch) in (0_u16..).zip(&plan.switches) {
            let secrets = settings.secrets.get(&switch.profile);
            let seed = self.random.octets();
            let Some(mut target) = Target::of(&plan, index, secrets, &seed) else { continue };
            match before.remove(&target.id) {
                Some(old) => target.inherit(old),
                None => target.first(now, plan.server.survey.sweep, self.random.octets()),
            }
            let place = self.targets.len();
            self.by_address.insert(target.address, place);
            self.by_host.insert(target.address.ip(), place);
            self.targets.push(target);
            self.schedule(place);
        }
        self.plan = plan;
        self.judge.age_by(self.plan.server.survey.ageing);
        let ids = self.targets.iter().map(|target| target.id.clone()).collect();
        *self.asked.write().unwrap_or_else(PoisonError::into_inner) = ids;
        let targets = &self.targets;
        let asked = |id: &str| targets.iter().any(|target| target.id == id);
        let changes = self.judge.keep(asked);
        for (id, target) in before {
            self.forget_metrics(&id);
            for (order, bounce) in target.into_bounces() {
                self.unfinished(now, &order, &bounce, "not-asked");
                self.forget_left(now, &order);
            }
        }
        self.tell(now, &changes);
        self.standing_at = Duration::ZERO;
    }

    /// Something is due at a target.
    fn wake(&mut self, now: Moment, place: usize) {
        let busy = self.targets.iter().filter(|target| target.is_busy()).count();
        let random = self.random.octets();
        let settings = &self.plan.server.survey;
        let Some(target) = self.targets.get_mut(place) else { return };
        if target.is_busy() && !target.must_bounce(now) {
            target.handle_timeout(now);
        } else if busy < AT_ONCE_MAX || target.must_bounce(now) {
            target.begin(now, settings, random);
        } else {
            target.postpone(now.monotonic + MOMENT);
        }
        self.tend(now, place);
    }

    fn heard(&mut self, now: Moment, place: usize, octets: &[u8]) {
        let Some(target) = self.targets.get_mut(place) else { return };
        if let Some(reason) = target.handle(now, octets) {
            let labels = [target.id.as_str(), reason.id()];
            self.surroundings.metrics.snmp_ignored.with_label_values(&labels).inc();
        }
        self.tend(now, place);
    }

    /// Something came to the port of traps.
    fn notified(&mut self, now: Moment, octets: &[u8], source: SocketAddr) {
        let place = self.by_host.get(&source.ip().to_canonical()).copied();
        let target = place.and_then(|place| self.targets.get(place));
        let sender = target.map(|target| target.sender(now));
        let heard = self.listener.handle(now, octets, sender);
        let switch = target.map_or(CLIENT_UNKNOWN, |target| target.id.as_str()).to_owned();
        let result = heard.outcome.map_or_else(TrapFault::id, Notification::id);
        self.surroundings.metrics.snmp_traps.with_label_values(&[switch.as_str(), result]).inc();
        if let (Some(socket), Some(reply)) = (&self.traps, heard.reply) {
            let _ = socket.send_to(&reply, source); // OK because who hears nothing asks again
        }
        if heard.outcome.is_ok() {
            self.hasten(now, &switch, Cause::Trap);
        }
    }

    /// Sends what is to be sent, takes what has ended, and sets the next time.
    fn tend(&mut self, now: Moment, place: usize) {
        let Some(target) = self.targets.get_mut(place) else { return };
        let ended = target.advance(now);
        if let Some(octets) = target.poll_transmit() {
            let socket = match (target.address, &self.sockets) {
                (SocketAddr::V4(_), (four, _)) => Some(four),
                (SocketAddr::V6(_), (_, six)) => six.as_ref(),
            };
            // OK because what cannot be sent is as good as lost, and silence is dealt with.
            let _ = socket.map(|socket| socket.send_to(&octets, target.address));
        }
        match ended {
            None => {}
            Some(Ended::Bounced(order, result)) => self.bounced(now, &order, result),
            Some(Ended::View(view, began)) => self.viewed(now, place, began, *view),
            Some(Ended::Failed(fault)) => self.failed(now, place, fault),
        }
        self.remember_begun(now, place);
        self.schedule(place);
    }

    fn schedule(&mut self, place: usize) {
        if let Some(target) = self.targets.get_mut(place) {
            self.due.remove(&(target.scheduled, place));
            target.scheduled = target.next();
            if self.stopping.is_none() || target.is_bouncing() {
                self.due.insert((target.scheduled, place));
            }
        }
    }

    fn viewed(&mut self, now: Moment, place: usize, began: Moment, view: View) {
        let Some(target) = self.targets.get_mut(place) else { return };
        if !Judge::knows(&self.plan, target.index, &view) {
            return self.failed(now, place, Some(Fault::OtherNames));
        }
        let Some(sessions) = self.surroundings.feed.wired(&target.id) else {
            return self.failed(now, place, None);
        };
        let changes = self.judge.viewed(began, &self.plan, target.index, view, sessions);
        if self.judge.is_in_doubt(&target.id) {
            target.hasten(now.monotonic + MAKE_SURE_AFTER);
        }
        let back = target.succeeded();
        let id = target.id.clone();
        if back {
            self.tell_back(now, &id);
        }
        self.show_target(place);
        self.tell(now, &changes);
        self.look_after(now, place);
    }

    fn hasten(&mut self, now: Moment, switch: &str, cause: Cause) -> bool {
        if self.stopping.is_some() {
            return false;
        }
        let found = self.targets.iter().position(|target| target.id == switch);
        let Some(place) = found else { return false };
        if let Some(target) = self.targets.get_mut(place) {
            target.hasten_for(now, cause);
        }
        self.schedule(place);
        true
    }

    fn hasten_site(&mut self, now: Moment, site: SiteIndex) {
        let here = |target: &&Target| {
            self.plan.switch(target.index).is_some_and(|switch| switch.site == site)
        };
        let ids: Vec<String> = self.targets.iter().filter(here).map(|it| it.id.clone()).collect();
        for id in ids {
            self.hasten(now, &id, Cause::Session);
        }
    }

    fn tell(&self, now: Moment, changes: &[Change]) {
        self.show_rules();
        for change in changes {
            self.tell_change(now, change);
        }
    }
}
