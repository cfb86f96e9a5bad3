//! The thread on which live sessions follow the plan: it holds the enforcer, its sockets and its
//! clock, and waits for nobody. The service tells it of new snapshots, admission of decisions.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Input;
use crate::access::{Attached, Snapshot};
use crate::enforce::{
    CoaResult, Ending, Enforcer, Event, Matter, Pending, RETRY_AFTER, Summary, Wanted,
};
use crate::ledger::{self, Attachment, Change};
use crate::shell::clock::Clock;
use crate::shell::log::{self, Log};
use crate::shell::metrics::Metrics;
use crate::shell::process::{politely, stand_back};
use crate::shell::seen::{Seen, Window};
use crate::shell::store::kind_id;
use crate::shell::survey::Nudge;
use crate::shell::told::Crowd;
use crate::shell::{Failure, FailureKind};
use crate::vocabulary::{Language, Mac, MarkKind, MarkSubject, Text, Timestamp};
use crate::wire::radius::PACKET_OCTETS_MAX;

/// What workers have told that waits for the thread, and questions of a sweep.
const TOLD_MAX: usize = 65_536;
/// Datagrams that wait for the thread.
const ANSWERS_MAX: usize = 1024;
/// How long what changed may wait to be written.
const FLUSH_EVERY: Duration = Duration::from_secs(1);
/// How long a receiver waits before it looks for the end.
const IDLE: Duration = Duration::from_millis(200);
/// How long a sweep waits for the sessions it is held against.
const WIRED_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the service waits for everybody to be decided on again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// What reaches the thread.
enum Message {
    Told(Vec<ledger::Input>),
    Decided(Vec<Attached>),
    Datagram(Vec<u8>, SocketAddr),
    Replace(Arc<Snapshot>, Sender<Summary>),
    Disconnect(MarkSubject, Sender<Summary>),
    Approve(u64, Sender<Option<Summary>>),
    Pending(Sender<(Vec<Pending>, Summary)>),
    Wired(String, Sender<BTreeSet<(String, Mac)>>),
    Stop,
}

/// Where workers hand in what they told a switch. Never waits.
#[derive(Clone)]
pub(in crate::shell) struct Feed {
    queue: Sender<Message>,
    waiting: Arc<Crowd>,
    metrics: Arc<Metrics>,
    nudge: Nudge,
}

impl Feed {
    /// Hands in what accounting said; when there is no room it is lost, and counted.
    pub(in crate::shell) fn tell(&self, inputs: Vec<ledger::Input>) {
        self.nudge.touched(inputs.iter().filter_map(ledger::Input::moves));
        self.hand_in(inputs.len(), Message::Told(inputs));
    }

    /// The same of what was decided.
    pub(in crate::shell) fn decided(&self, attached: Vec<Attached>) {
        self.nudge.touched(attached.iter().filter_map(Attached::moves));
        self.hand_in(attached.len(), Message::Decided(attached));
    }

    fn hand_in(&self, count: usize, message: Message) {
        let entered = self.waiting.enter(count, TOLD_MAX);
        if !entered || self.queue.send(message).is_err() {
            if entered {
                self.waiting.leave(count);
            }
            self.metrics.lost.with_label_values(&["ledger"]).inc_by(count as u64);
        }
    }
}

impl Feed {
    /// The wired sessions at a switch, by port and address; `None` when the thread does not
    /// answer.
    pub(in crate::shell) fn wired(&self, switch: &str) -> Option<BTreeSet<(String, Mac)>> {
        let (reply, answer) = channel();
        if !self.waiting.enter(1, TOLD_MAX) {
            return None;
        }
        self.queue.send(Message::Wired(switch.to_owned(), reply)).ok()?;
        answer.recv_timeout(WIRED_TIMEOUT).ok()
    }
}

/// What was handed in before the thread runs.
pub(super) struct Inbox {
    messages: Receiver<Message>,
    /// What workers and accounting told.
    waiting: Arc<Crowd>,
    /// Datagrams, which anybody may send.
    answers: Arc<Crowd>,
}

/// A feed and its other end.
pub(super) fn open(metrics: &Arc<Metrics>, nudge: Nudge) -> (Feed, Inbox) {
    // OK because what is in it is counted, or asked by the service alone, which waits; a bounded
    // one would take its memory at once.
    let (queue, inbox) = channel();
    let waiting: Arc<Crowd> = Arc::default();
    let feed = Feed { queue, waiting: Arc::clone(&waiting), metrics: Arc::clone(metrics), nudge };
    (feed, Inbox { messages: inbox, waiting, answers: Arc::default() })
}

/// The running thread.
pub(super) struct Sessions {
    queue: Sender<Message>,
    thread: JoinHandle<Vec<Change>>,
    receivers: Vec<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
}

/// What the thread needs of its surroundings.
pub(super) struct Surroundings {
    pub(super) clock: Clock,
    pub(super) language: Language,
    pub(super) log: Log,
    pub(super) metrics: Arc<Metrics>,
    pub(super) window: Window,
    pub(super) service: Sender<Input>,
    /// Where ports are bounced that no CoA reaches.
    pub(super) nudge: Nudge,
}

impl Sessions {
    /// Starts the thread, once every worker has `snapshot`. Requests leave from the addresses
    /// that answer RADIUS: switches know no others (FMT-6).
    ///
    /// # Errors
    /// The machine refuses a socket or thread.
    pub(super) fn start(
        feed: &Feed,
        inbox: Inbox,
        addresses: &[SocketAddr],
        snapshot: &Arc<Snapshot>,
        kept: Vec<Attachment>,
        surroundings: Surroundings,
    ) -> Result<Self, Failure> {
        let refused =
            |cause: std::io::Error| Failure::new(FailureKind::MachineRefused).fact("cause", cause);
        let stop = Arc::new(AtomicBool::new(false));
        let hosts: BTreeSet<IpAddr> = addresses.iter().map(SocketAddr::ip).collect();
        let (mut sockets, mut receivers) = (BTreeMap::new(), Vec::new());
        for host in hosts {
            let socket = UdpSocket::bind((host, 0)).map_err(refused)?;
            socket.set_read_timeout(Some(IDLE)).map_err(refused)?;
            let (ear, queue) = (socket.try_clone().map_err(refused)?, feed.queue.clone());
            let (stop, waiting) = (Arc::clone(&stop), Arc::clone(&inbox.answers));
            let receiver = std::thread::Builder::new()
                .name("answers".to_owned())
                .spawn(move || receive(&ear, &queue, &waiting, &stop))
                .map_err(refused)?;
            receivers.push(receiver);
            sockets.insert(host, socket);
        }
        let snapshot = Arc::clone(snapshot);
        let thread = std::thread::Builder::new()
            .name("sessions".to_owned())
            .spawn(move || {
                let _alarm = Alarm(surroundings.service.clone());
                let enforcer = Enforcer::new(surroundings.clock.now(), snapshot, kept);
                let run =
                    Running { enforcer, sockets, surroundings, evicted: 0, shown: BTreeMap::new() };
                run.run(&inbox)
            })
            .map_err(refused)?;
        Ok(Self { queue: feed.queue.clone(), thread, receivers, stop })
    }

    /// Follows a snapshot that every worker has taken; says what that set going.
    ///
    /// # Errors
    /// The thread does not answer.
    pub(super) fn replace(&self, snapshot: &Arc<Snapshot>) -> Result<Summary, Failure> {
        self.ask(|reply| Message::Replace(Arc::clone(snapshot), reply))
    }

    /// Ends the sessions of a subject.
    ///
    /// # Errors
    /// The thread does not answer.
    pub(super) fn disconnect(&self, subject: MarkSubject) -> Result<Summary, Failure> {
        self.ask(|reply| Message::Disconnect(subject, reply))
    }

    /// Does what waits under this number; `None` when something else waits.
    ///
    /// # Errors
    /// The thread does not answer.
    pub(super) fn approve(&self, number: u64) -> Result<Option<Summary>, Failure> {
        self.ask(|reply| Message::Approve(number, reply))
    }

    /// What is not yet as it should be.
    ///
    /// # Errors
    /// The thread does not answer.
    pub(super) fn pending(&self) -> Result<(Vec<Pending>, Summary), Failure> {
        self.ask(Message::Pending)
    }

    fn ask<T>(&self, message: impl FnOnce(Sender<T>) -> Message) -> Result<T, Failure> {
        let gone = || Failure::new(FailureKind::StopFailed).fact("cause", "sessions");
        let (reply, answer) = channel();
        self.queue.send(message(reply)).map_err(|_| gone())?;
        answer.recv_timeout(ANSWER_TIMEOUT).map_err(|_| gone())
    }

    /// Ends the thread; what is not yet written is given back.
    pub(super) fn stop(self) -> Vec<Change> {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.queue.send(Message::Stop); // OK because a thread that is gone has stopped
        for receiver in self.receivers {
            let _ = receiver.join(); // OK because it holds nothing
        }
        self.thread.join().unwrap_or_default()
    }
}

/// Reports when its thread unwinds: nobody would be cut any more, and nobody would notice.
struct Alarm(Sender<Input>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = self.0.send(Input::SessionsGone); // OK because a service that is gone stops
        }
    }
}

fn receive(socket: &UdpSocket, queue: &Sender<Message>, waiting: &Crowd, stop: &AtomicBool) {
    let mut buffer = vec![0; PACKET_OCTETS_MAX];
    while !stop.load(Ordering::Relaxed) {
        // An error is a timeout, or the ICMP message of a switch that does not listen.
        if let Ok((octets, source)) = socket.recv_from(&mut buffer) {
            // OK because a switch that hears nothing is asked again, and a flood must neither wait
            // nor keep out what workers tell.
            if waiting.enter(1, ANSWERS_MAX) {
                let octets = buffer.get(..octets).unwrap_or_default().to_vec();
                if queue.send(Message::Datagram(octets, source)).is_err() {
                    waiting.leave(1);
                }
            }
        }
    }
}

struct Running {
    enforcer: Enforcer,
    sockets: BTreeMap<IpAddr, UdpSocket>,
    surroundings: Surroundings,
    evicted: u64,
    /// Sessions by site and environment, as the metrics show them.
    shown: BTreeMap<(String, String), i64>,
}

impl Running {
    fn run(mut self, inbox: &Inbox) -> Vec<Change> {
        stand_back();
        let mut flushed = self.surroundings.clock.now().monotonic;
        let mut shown = flushed;
        self.tend();
        self.show();
        loop {
            let now = self.surroundings.clock.now().monotonic;
            let due = self.enforcer.poll_timeout().unwrap_or(Duration::MAX);
            let changed = self.enforcer.ledger().has_changed();
            let flush = if changed { flushed + FLUSH_EVERY } else { Duration::MAX };
            let wait = due.min(flush).saturating_sub(now).min(FLUSH_EVERY);
            match inbox.messages.recv_timeout(wait) {
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(message) => {
                    match &message {
                        Message::Told(inputs) => inbox.waiting.leave(inputs.len()),
                        Message::Decided(attached) => inbox.waiting.leave(attached.len()),
                        Message::Wired(..) => inbox.waiting.leave(1),
                        Message::Datagram(..) => inbox.answers.leave(1),
                        _ => {}
                    }
                    self.take(message);
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.tend();
            let now = self.surroundings.clock.now().monotonic;
            if shown + FLUSH_EVERY <= now {
                shown = now;
                self.show();
            }
            if self.enforcer.ledger().has_changed() && flushed + FLUSH_EVERY <= now {
                flushed = now;
                let changes = self.changes();
                // OK because a service that is gone is stopping.
                let _ = self.surroundings.service.send(Input::Attachments(changes));
            }
        }
        self.changes()
    }

    /// What changed since the last time.
    fn changes(&mut self) -> Vec<Change> {
        politely(std::iter::from_fn(|| self.enforcer.poll_change())).collect()
    }

    fn take(&mut self, message: Message) {
        let now = self.surroundings.clock.now();
        // OK because who asked may have stopped waiting.
        let _ = match message {
            Message::Told(inputs) => {
                politely(inputs).for_each(|input| self.enforcer.handle(now, input));
                true
            }
            Message::Decided(attached) => {
                let inputs = politely(attached).filter_map(Attached::input);
                inputs.for_each(|input| self.enforcer.handle(now, input));
                true
            }
            Message::Datagram(octets, source) => {
                self.enforcer.handle_datagram(now, &octets, source);
                true
            }
            Message::Replace(snapshot, reply) => {
                let summary = self.enforcer.replace(now, snapshot);
                self.show();
                reply.send(summary).is_ok()
            }
            Message::Disconnect(subject, reply) => {
                reply.send(self.enforcer.disconnect(now, &subject)).is_ok()
            }
            Message::Approve(number, reply) => {
                reply.send(self.enforcer.approve(now, number)).is_ok()
            }
            Message::Pending(reply) => {
                reply.send((self.enforcer.pending(), self.enforcer.summary())).is_ok()
            }
            Message::Wired(switch, reply) => {
                let wired =
                    self.enforcer.ledger().wired(&switch).map(|(port, mac)| (port.to_owned(), mac));
                reply.send(wired.collect()).is_ok()
            }
            Message::Stop => true,
        };
    }

    fn tend(&mut self) {
        let now = self.surroundings.clock.now();
        if self.enforcer.poll_timeout().is_some_and(|due| due <= now.monotonic) {
            self.enforcer.handle_timeout(now);
        }
        let mut octets = Vec::new();
        while let Some(route) = self.enforcer.poll_transmit(&mut octets) {
            let near = |host: &&IpAddr| host.is_ipv4() == route.to.is_ipv4();
            let socket = self.sockets.get(&route.from).or_else(|| {
                let host = self.sockets.keys().find(near)?;
                self.sockets.get(host)
            });
            // OK because what cannot be sent is as good as lost, and silence is dealt with.
            let _ = socket.map(|socket| socket.send_to(&octets, route.to));
        }
        while let Some(event) = self.enforcer.poll_event() {
            self.report(now.wall, &event);
        }
        let evicted = self.enforcer.ledger().evicted();
        let metrics = &self.surroundings.metrics;
        metrics.lost.with_label_values(&["ledger"]).inc_by(evicted - self.evicted);
        self.evicted = evicted;
        let Summary { sessions, changing, held, .. } = self.enforcer.summary();
        for (state, count) in [("attached", sessions), ("changing", changing), ("held", held)] {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            metrics.sessions.with_label_values(&[state]).set(count);
        }
    }

    /// Shows who is where and which marks are in force; what is over goes to zero, not away.
    fn show(&mut self) {
        let (metrics, now) = (&self.surroundings.metrics, self.surroundings.clock.now().wall);
        let snapshot = self.enforcer.snapshot();
        for kind in [MarkKind::Quarantine, MarkKind::Refuse] {
            let count = i64::try_from(snapshot.marks.count(kind, now)).unwrap_or(i64::MAX);
            metrics.marks.with_label_values(&[kind_id(kind)]).set(count);
        }
        self.shown.values_mut().for_each(|count| *count = 0);
        for attachment in politely(self.enforcer.ledger().iter()) {
            let switch = snapshot.plan.switch_by_id(&attachment.key.switch);
            let site = switch.and_then(|it| snapshot.plan.site(snapshot.plan.switch(it)?.site));
            let site = site.map_or_else(String::new, |site| site.id.clone());
            *self.shown.entry((site, attachment.environment.to_string())).or_default() += 1;
        }
        let attached = self.enforcer.ledger().iter().map(Arc::clone).collect();
        self.surroundings.window.show(Seen { snapshot: Arc::clone(snapshot), attached });
        for ((site, environment), count) in &self.shown {
            metrics.attached.with_label_values(&[site, environment]).set(*count);
        }
    }

    fn report(&self, now: Timestamp, event: &Event) {
        let (log, language) = (&self.surroundings.log, self.surroundings.language);
        match event {
            Event::Answered { switch, means, result, .. } => {
                let labels = [switch.as_str(), means.id(), result.id()];
                self.surroundings.metrics.coa.with_label_values(&labels).inc();
            }
            Event::Done { matter, how, elapsed } => {
                let mut facts = facts(matter, language);
                facts.push(("how", how.id().to_owned()));
                facts.push(("elapsed_ms", elapsed.as_millis().to_string()));
                let event = match how {
                    Ending::Right => log::Event::SessionStays,
                    Ending::Disconnected | Ending::Decided | Ending::Gone => {
                        log::Event::SessionChanged
                    }
                };
                log.event(now, event, &facts);
            }
            Event::Waits { matter, .. }
                if self.enforcer.bounce(matter).is_some_and(|port| {
                    self.surroundings.nudge.bounce(&matter.key.switch, port, matter.key.mac)
                }) => {}
            Event::Waits { matter, until } => {
                let mut facts = facts(matter, language);
                let until = until.map_or_else(|| "-".to_owned(), Timestamp::rfc3339);
                facts.push(("until", until));
                log.event(now, log::Event::SessionWaits, &facts);
            }
            Event::Failed { matter, last } => {
                let mut facts = facts(matter, language);
                facts.push(("last", last_text(*last)));
                facts.push(("minutes", (RETRY_AFTER.as_secs() / 60).to_string()));
                log.event(now, log::Event::SessionStuck, &facts);
            }
            Event::Held { number, sessions, ports, limit } => {
                let facts = [
                    ("number", number.to_string()),
                    ("sessions", sessions.to_string()),
                    ("ports", ports.to_string()),
                    ("limit", limit.to_string()),
                ];
                log.event(now, log::Event::SessionsHeld, &facts);
            }
        }
    }
}

/// How the last request ended, as `nak 503`.
pub(super) fn last_text(last: Option<(CoaResult, Option<u32>)>) -> String {
    match last {
        None => "-".to_owned(),
        Some((result, None)) => result.id().to_owned(),
        Some((result, Some(cause))) => format!("{} {cause}", result.id()),
    }
}

/// What a session should become, as `C/130`; `-` for nothing.
pub(super) fn wanted_text(wanted: &Wanted) -> String {
    match wanted {
        Wanted::Cut | Wanted::Renewal => "-".to_owned(),
        Wanted::Move { environment, vlan, .. } => format!("{environment}/{vlan}"),
    }
}

/// Why, in the words of the decision.
pub(super) fn why(matter: &Matter, language: Language) -> String {
    let operator = Text { ja: "運用者の指示", en: "an operator said so" };
    let said = || operator.get(language).to_owned();
    matter.because.as_ref().map_or_else(said, |because| because.text(language))
}

fn facts(matter: &Matter, language: Language) -> Vec<(&'static str, String)> {
    let reason = matter.because.as_ref().map_or("-", |because| because.reason.id());
    vec![
        ("place", matter.key.to_string()),
        ("mac", matter.key.mac.to_string()),
        ("from", matter.environment.clone()),
        ("to", wanted_text(&matter.wanted)),
        ("reason", reason.to_owned()),
        ("why", why(matter, language)),
    ]
}
