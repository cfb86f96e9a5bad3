//! The switch's side of 802.1X: port state machines that turn EAPOL into RADIUS and an answer
//! into a VLAN.
//!
//! Knows no plan, no policy, no sockets and no clock. A port is opened ([`Event::Apply`] with a
//! VLAN) only after a server's proven Access-Accept with a readable, allowed VLAN, after a
//! proven CoA-Request about an open session, or into the critical VLAN when no server answers;
//! it counts as open, and the supplicant hears of it, only after the switch said so. Everything
//! a host can send is bounded and counted.

mod accounting;
mod answer;
mod bucket;
mod door;
mod dynamic;
mod event;
mod nas;
mod pae;
mod port;
mod settings;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

pub use event::{Applied, Change, Counter, Event, Method, PortId, PortStatus, Socket, State};
/// One access port's settings.
pub use settings::Port;
pub use settings::{Dynamic, DynamicClient, Hosts, Order, Server, Settings};

use accounting::{Accounting, Status};
use answer::{failure_of, read_reply};
use door::Turn;
use dynamic::{Command, ErrorCause, Verdict};
use nas::Nas;
use pae::{Answer, Demand, Effect, Input, TerminateCause};
use port::{Alarm, Session};

use crate::client::{
    self, Action, AskError, Asked, Client, IgnoreReason, Outcome, ServerId, Servers,
};
use crate::vocabulary::{Mac, Moment, Random, VlanId, hex};
use crate::wire::frame;
use crate::wire::radius::Key;

/// Alarms of one port in one call: each moves its own time on, unless that time is zero.
const ALARMS_MAX: usize = 8;

/// The access ports of one switch, and what it takes to ask about their hosts.
#[derive(Debug)]
pub struct Authenticator {
    nas: Nas,
    dead_time: Duration,
    sockets: Vec<(Socket, Option<SocketAddr>)>,
    authentication: Servers,
    accounting: Accounting,
    dynamic: dynamic::Service,
    ports: Vec<port::Port>,
    /// Requests from outside that are answered when the switch has done its part.
    promised: Vec<(PortId, Applied, dynamic::Ticket)>,
    random: Random,
    frames: VecDeque<(PortId, Vec<u8>)>,
    events: VecDeque<Event>,
}

impl Authenticator {
    /// An authenticator whose ports are down and wanted closed, whatever the switch does now.
    /// `seed` must be unpredictable and new at every start.
    #[must_use]
    pub fn new(now: Moment, settings: Settings, seed: &[u8; 32]) -> Self {
        let mut random = Random::new(seed);
        let asking = client::Settings { timeout: settings.timeout, retries: settings.retries };
        let (mut authentication, mut accounting) = (Vec::new(), Vec::new());
        let mut sockets = Vec::new();
        // Two source ports a server: even numbers ask, odd ones keep accounts.
        for (server, number) in settings.servers.iter().zip((0..u16::MAX).step_by(2)) {
            let mut client = |address: SocketAddr, number: u16| {
                sockets.push((Socket::Client(number), Some(address)));
                let key = Key::new(&server.secret);
                (ServerId(number), Client::new(address, key, asking, &random.octets()))
            };
            authentication.push(client(server.authentication, number));
            accounting.extend(server.accounting.map(|address| client(address, number + 1)));
        }
        let dynamic = dynamic::Service::new(&settings.dynamic);
        if dynamic.is_open() {
            sockets.push((Socket::Dynamic, None));
        }
        let nas = Nas::new(&settings);
        let ports = settings.ports.into_iter().zip(0..).map(|(rules, number)| {
            let [identifier] = random.octets();
            port::Port::new(now, PortId(number), rules, identifier)
        });
        let ports: Vec<_> = ports.collect();
        let mut new = Self {
            nas,
            dead_time: settings.dead_time,
            sockets,
            authentication: Servers::new(authentication, settings.dead_time),
            accounting: Accounting::new(Servers::new(accounting, settings.dead_time)),
            dynamic,
            ports,
            promised: Vec::new(),
            random,
            frames: VecDeque::new(),
            events: VecDeque::new(),
        };
        let id = new.session_id();
        new.accounting.on(now, &new.nas, id);
        for id in new.port_ids() {
            new.settle(now, id, Change::LinkDown);
        }
        new
    }

    /// The sockets to keep open: for each [`Socket::Client`] an unconnected source port of its
    /// own, with the server it serves; [`Socket::Dynamic`] only when someone may ask.
    #[must_use]
    pub fn sockets(&self) -> &[(Socket, Option<SocketAddr>)] {
        &self.sockets
    }

    /// Takes a frame seen on an access port: EAPOL, or any other by which a host shows itself.
    pub fn handle_frame(&mut self, now: Moment, port: PortId, frame: &[u8]) {
        let Some(found) = self.ports.get_mut(usize::from(port.0)) else {
            return self.count(Counter::UnknownPort);
        };
        match found.hear(now.monotonic, frame) {
            Ok((from, heard)) => self.drive(now, port, Input::Heard(from, heard)),
            Err(Some(counter)) => self.count(counter),
            Err(None) => {}
        }
    }

    /// Learns that a link is up or down; to say it again changes nothing.
    pub fn handle_link(&mut self, now: Moment, port: PortId, up: bool) {
        if self.ports.get(usize::from(port.0)).is_none() {
            return self.count(Counter::UnknownPort);
        }
        self.drive(now, port, Input::Link(up));
    }

    /// Takes a datagram that came from `source` to one of [`Authenticator::sockets`].
    pub fn handle_datagram(&mut self, now: Moment, octets: &[u8], source: SocketAddr, to: Socket) {
        match to {
            Socket::Client(number) => {
                let server = ServerId(number);
                let action = if number % 2 == 0 {
                    self.authentication.handle(now, server, octets, source)
                } else {
                    self.accounting.handle(now, &self.nas, server, octets, source)
                };
                match action {
                    Action::Answered => {}
                    Action::Ignored { reason } => self.count(ignored(reason)),
                }
                self.follow(now);
            }
            Socket::Dynamic => match self.dynamic.handle(now, &self.nas, octets, source) {
                Verdict::Over(counter) => self.count(counter),
                Verdict::Do(ticket, command, criteria) => {
                    self.command(now, ticket, command, &criteria);
                }
            },
        }
    }

    /// Learns that the switch did what [`Event::Apply`] asked, or could not.
    ///
    /// The error's text is the shell's to log.
    pub fn handle_applied(
        &mut self,
        now: Moment,
        port: PortId,
        applied: Applied,
        result: Result<(), String>,
    ) {
        if self.ports.get(usize::from(port.0)).is_none() {
            return self.count(Counter::UnknownPort);
        }
        self.applied(now, port, applied, result.is_ok());
    }

    fn applied(&mut self, now: Moment, id: PortId, applied: Applied, done: bool) {
        let Some(port) = self.ports.get_mut(usize::from(id.0)) else { return };
        let turn = port.door.answered(now.monotonic, applied, done);
        if !done && turn != Turn::Unexpected {
            self.count(Counter::ApplyFailed);
        }
        match turn {
            Turn::Done => {
                self.keep_promises(id, applied, true);
                let moved = self.ports.get_mut(usize::from(id.0)).is_some_and(move_session);
                let input = Input::Switch(Ok(()));
                if moved { self.settle(now, id, Change::Moved) } else { self.drive(now, id, input) }
            }
            Turn::Failed(pause) => {
                self.keep_promises(id, applied, false);
                self.drive(now, id, Input::Switch(Err(pause)));
            }
            Turn::Pending => {
                self.keep_promises(id, applied, false);
                self.settle(now, id, if done { Change::Retry } else { Change::ApplyFailed });
            }
            Turn::Unexpected => self.count(Counter::ApplyUnexpected),
        }
    }

    /// Answers who waits for the switch to have done this.
    fn keep_promises(&mut self, id: PortId, applied: Applied, done: bool) {
        let (mine, others) = std::mem::take(&mut self.promised)
            .into_iter()
            .partition(|(port, wanted, _)| *port == id && *wanted == applied);
        self.promised = others;
        let mine: Vec<_> = mine;
        for (_, _, ticket) in mine {
            let result = if done { Ok(()) } else { Err(ErrorCause::ResourcesUnavailable) };
            let counter = self.dynamic.answer(ticket, result);
            self.count(counter);
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Moment) {
        self.authentication.handle_timeout(now);
        self.accounting.handle_timeout(now, &self.nas);
        self.follow(now);
        for id in self.port_ids() {
            self.overdue(now, id);
            for _ in 0..ALARMS_MAX {
                let port = self.ports.get_mut(usize::from(id.0));
                let Some(alarm) = port.and_then(|port| port.alarm(now.monotonic)) else { break };
                match alarm {
                    Alarm::State => self.drive(now, id, Input::Timeout),
                    Alarm::Reauthenticate => {
                        self.drive(now, id, Input::Ordered(Demand::Reauthenticate));
                    }
                    Alarm::End => self.drive(now, id, Input::Ordered(Demand::End)),
                    Alarm::Interim => self.account(now, id, Status::Interim),
                }
            }
            self.settle(now, id, Change::Retry);
        }
    }

    fn overdue(&mut self, now: Moment, id: PortId) {
        let port = self.ports.get(usize::from(id.0));
        if let Some(applied) = port.and_then(|port| port.door.overdue(now.monotonic)) {
            self.count(Counter::ApplySilent);
            self.applied(now, id, applied, false);
        }
    }

    /// When [`Authenticator::handle_timeout`] has something to do next, on the monotonic clock.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        let ports = self.ports.iter().filter_map(port::Port::due);
        let servers = [self.authentication.poll_timeout(), self.accounting.poll_timeout()];
        servers.into_iter().flatten().chain(ports).min()
    }

    /// The next Ethernet frame to send: its octets in `frame`, and on which port.
    pub fn poll_frame(&mut self, frame: &mut Vec<u8>) -> Option<PortId> {
        let (port, octets) = self.frames.pop_front()?;
        *frame = octets;
        Some(port)
    }

    /// The next datagram to send: its octets in `octets`, from which socket, and where to.
    pub fn poll_transmit(&mut self, octets: &mut Vec<u8>) -> Option<(Socket, SocketAddr)> {
        if let Some(to) = self.dynamic.poll_transmit(octets) {
            return Some((Socket::Dynamic, to));
        }
        let (server, to) = self
            .authentication
            .poll_transmit(octets)
            .or_else(|| self.accounting.poll_transmit(octets))?;
        Some((Socket::Client(server.0), to))
    }

    /// The next thing to do or to report.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.extend(self.accounting.counted.drain(..).map(Event::Counted));
        self.events.pop_front()
    }

    /// Every port as an operator sees it.
    #[must_use]
    pub fn status(&self) -> Vec<PortStatus> {
        self.ports.iter().map(|port| port.shown().clone()).collect()
    }

    fn port_ids(&self) -> impl Iterator<Item = PortId> + use<> {
        let count = u16::try_from(self.ports.len()).unwrap_or(u16::MAX);
        (0..count).map(PortId)
    }

    fn count(&mut self, counter: Counter) {
        self.events.push_back(Event::Counted(counter));
    }

    /// Unguessable, and never the same again (RFC 2866 §5.5).
    fn session_id(&mut self) -> String {
        hex(&self.random.octets::<12>())
    }

    /// Gives an input to a port's state machine, and does what it wants done.
    fn drive(&mut self, now: Moment, id: PortId, input: Input) {
        let mut inputs = VecDeque::from([input]);
        let mut why = Change::Retry;
        // Only a question that cannot be asked makes a further input, and each ends in a pause.
        while let Some(input) = inputs.pop_front() {
            let revival = self.authentication.revival();
            let revival = revival.filter(|at| *at > now.monotonic);
            let revival = revival.unwrap_or(now.monotonic + self.dead_time);
            let Some(port) = self.ports.get_mut(usize::from(id.0)) else { return };
            if input == Input::Link(false) {
                port.forget();
            }
            if input == Input::Ordered(Demand::Reauthenticate) {
                port.limit(now.monotonic);
            }
            let (state, mut desk) = port.desk(now.monotonic, revival);
            let next = state.handle(input, &mut desk);
            let effects = desk.effects;
            port.pae = next;
            for effect in effects {
                if let Effect::Tell(change) = effect {
                    why = change;
                } else if let Some(answer) = self.perform(now, id, effect) {
                    inputs.push_back(Input::Answered(answer));
                }
            }
        }
        self.settle(now, id, why);
    }

    fn perform(&mut self, now: Moment, id: PortId, effect: Effect) -> Option<Answer> {
        let port = self.ports.get_mut(usize::from(id.0))?;
        match effect {
            Effect::Send(to, packet) => {
                let destination = to.map_or(frame::eapol::GROUP, Mac::octets);
                let payload = frame::eapol::packet(frame::eapol::Kind::EapPacket, &packet);
                let mut octets = Vec::new();
                let kind = frame::EtherType::Eapol;
                frame::write(&mut octets, destination, port.rules.mac, kind, &payload);
                self.frames.push_back((id, octets));
            }
            Effect::AskEap { mac, identity, packet, back } => {
                let (server, state) = match back {
                    Some((server, state)) => (Some(server), Some(state)),
                    None => (self.authentication.choose(now), None),
                };
                let Some(server) = server else { return Some(Answer::NoServer) };
                let (nas, rules) = (&self.nas, &port.rules);
                let asked = self.authentication.ask_access(now, server, |writer, _, _| {
                    nas.eap(writer, rules, mac, &identity, &packet, state.as_deref());
                });
                return take(&mut port.question, asked);
            }
            Effect::AskMab(mac) => {
                let Some(server) = self.authentication.choose(now) else {
                    return Some(Answer::NoServer);
                };
                let (nas, rules) = (&self.nas, &port.rules);
                let asked =
                    self.authentication.ask_access(now, server, |writer, key, authenticator| {
                        nas.mab(writer, key, authenticator, rules, mac);
                    });
                return take(&mut port.question, asked);
            }
            Effect::Withdraw => {
                if let Some(asked) = port.question.take() {
                    self.authentication.cancel(asked);
                }
            }
            Effect::Open(entry) => {
                let only = port.rules.hosts.only(entry.mac);
                port.moving = None;
                port.door.want(Applied::Vlan(entry.grant.vlan), only);
                port.entry = Some(entry);
            }
            Effect::Admit => self.admit(now, id),
            Effect::Close(cause) => {
                port.entry = None;
                port.moving = None;
                port.door.want(Applied::Closed, None);
                self.account(now, id, Status::Stop(cause));
                if let Some(port) = self.ports.get_mut(usize::from(id.0)) {
                    port.session = None;
                }
            }
            Effect::Bar(mac, until) => port.barred = Some((mac, until)),
            Effect::Bounce => self.events.push_back(Event::Bounce { port: id }),
            Effect::Count(counter) => self.count(counter),
            Effect::Tell(_) => {} // OK because `drive` keeps it for `settle`
        }
        None
    }

    /// The switch has opened: the session goes on, or a new one begins.
    fn admit(&mut self, now: Moment, id: PortId) {
        let new = self.session_id();
        let Some(port) = self.ports.get_mut(usize::from(id.0)) else { return };
        let Some(entry) = port.entry.take() else { return };
        if let Some(old) = port.session.as_mut().filter(|session| session.goes_on_as(&entry)) {
            let mut session = Session::new(now, &port.rules, entry, old.id.clone());
            session.since = old.since;
            *old = session;
            return;
        }
        let session = Session::new(now, &port.rules, entry, new);
        if port.session.is_some() {
            let cause = if session.by_server() {
                TerminateCause::SupplicantRestart
            } else {
                TerminateCause::ServiceUnavailable
            };
            self.account(now, id, Status::Stop(cause));
        }
        if let Some(port) = self.ports.get_mut(usize::from(id.0)) {
            port.session = Some(session);
        }
        self.account(now, id, Status::Start);
    }

    fn account(&mut self, now: Moment, id: PortId, status: Status) {
        if let Some(port) = self.ports.get(usize::from(id.0))
            && let Some(session) = &port.session
        {
            self.accounting.tell(now, &self.nas, status, &port.rules, session);
        }
    }

    /// Asks of the switch what is wanted, and reports what changed.
    fn settle(&mut self, now: Moment, id: PortId, why: Change) {
        let Some(port) = self.ports.get_mut(usize::from(id.0)) else { return };
        if let Some((applied, only)) = port.door.ask(now.monotonic) {
            self.events.push_back(Event::Apply { port: id, applied, only });
        }
        if let Some((status, why)) = port.show(now, why) {
            self.events.push_back(Event::Changed(status, why));
        }
        // What a later wish has overtaken will not happen any more.
        let (wanted, is) = (port.door.wanted(), port.door.is());
        if let Some((_, stale, _)) =
            self.promised.iter().find(|(port, target, _)| *port == id && *target != wanted)
        {
            self.keep_promises(id, *stale, false);
        }
        if let Some(applied) = is.filter(|applied| *applied == wanted) {
            self.keep_promises(id, applied, true);
        }
    }

    /// Hands the ends of questions to the ports that asked.
    fn follow(&mut self, now: Moment) {
        while let Some((asked, outcome)) = self.authentication.poll_event() {
            let asks = |port: &port::Port| port.question == Some(asked);
            let Some(index) = self.ports.iter().position(asks) else { continue };
            let answer = self.read(asked, outcome);
            if let Some(port) = self.ports.get_mut(index) {
                port.question = None;
            }
            let id = PortId(u16::try_from(index).unwrap_or(u16::MAX)); // OK: ids are u16
            self.drive(now, id, Input::Answered(answer));
        }
    }

    fn read(&mut self, asked: Asked, outcome: Outcome) -> Answer {
        let octets = match outcome {
            Outcome::Reply { octets } => octets,
            Outcome::Unanswered => {
                self.count(Counter::ServerSilent);
                return Answer::Unanswered;
            }
            Outcome::Lost => {
                self.count(Counter::ServerSilent);
                return Answer::Lost;
            }
        };
        read_reply(&octets, asked.server, &self.nas).unwrap_or_else(|counter| {
            self.count(counter);
            let change = match counter {
                Counter::Rejected => Change::Rejected,
                _ => Change::Unusable, // OK because every other reason is an unusable answer
            };
            Answer::Refuse(change, failure_of(&octets))
        })
    }

    /// Carries out a request from outside about the one session it names.
    fn command(
        &mut self,
        now: Moment,
        ticket: dynamic::Ticket,
        command: Command,
        criteria: &[dynamic::Criterion],
    ) {
        let mut found = self.ports.iter().zip(0..).filter(|(port, _)| port.agrees(criteria));
        let id = match (found.next(), found.next()) {
            (Some((_, number)), None) => Ok(PortId(number)),
            (None, _) => Err(ErrorCause::SessionNotFound),
            (Some(_), Some(_)) => Err(ErrorCause::MultipleSessions),
        };
        let done = id.and_then(|id| match command {
            Command::Disconnect => {
                self.promised.push((id, Applied::Closed, ticket));
                self.drive(now, id, Input::Ordered(Demand::Disconnect));
                Ok(None)
            }
            Command::Move(vlan) => {
                self.relocate(id, vlan)?;
                self.promised.push((id, Applied::Vlan(vlan), ticket));
                self.settle(now, id, Change::Moved);
                Ok(None)
            }
            Command::Reauthenticate => {
                self.drive(now, id, Input::Ordered(Demand::Reauthenticate));
                Ok(Some(ticket))
            }
            Command::Bounce => {
                self.drive(now, id, Input::Ordered(Demand::Bounce));
                Ok(Some(ticket))
            }
        });
        let counter = match done {
            Ok(None) => return,
            Ok(Some(ticket)) => self.dynamic.answer(ticket, Ok(())),
            Err(cause) => self.dynamic.answer(ticket, Err(cause)),
        };
        self.count(counter);
    }

    /// Wants a session elsewhere; not while another answer is on its way to the switch.
    fn relocate(&mut self, id: PortId, vlan: VlanId) -> Result<(), ErrorCause> {
        let port = self.ports.get_mut(usize::from(id.0)).ok_or(ErrorCause::SessionNotFound)?;
        if port.entry.is_some() {
            return Err(ErrorCause::ResourcesUnavailable);
        }
        let session = port.session.as_ref().ok_or(ErrorCause::SessionNotFound)?;
        let only = port.rules.hosts.only(session.mac);
        port.moving = Some(vlan);
        port.door.want(Applied::Vlan(vlan), only);
        Ok(())
    }
}

/// Ends a move from outside; false when there is none.
fn move_session(port: &mut port::Port) -> bool {
    match (port.moving.take(), &mut port.session) {
        (Some(vlan), Some(session)) => {
            session.vlan = vlan;
            true
        }
        (Some(_) | None, Some(_) | None) => false,
    }
}

/// Remembers a question that was asked; says why one was not.
fn take(question: &mut Option<Asked>, asked: Result<Asked, AskError>) -> Option<Answer> {
    match asked {
        Ok(asked) => {
            *question = Some(asked);
            None
        }
        Err(AskError::Full) => Some(Answer::Overload),
        // What the host said does not fit a request: no server will ever hear it.
        Err(AskError::Unwritable(_)) => Some(Answer::Refuse(Change::Unusable, Vec::new())),
    }
}

const fn ignored(reason: IgnoreReason) -> Counter {
    match reason {
        IgnoreReason::Malformed(_) => Counter::ReplyMalformed,
        IgnoreReason::Unproven(_) => Counter::ReplyUnproven,
        IgnoreReason::OtherSource | IgnoreReason::NothingAsked | IgnoreReason::WrongCode => {
            Counter::ReplyUnexpected
        }
    }
}
