//! Answers one switch's RADIUS request: checks, duplicates, EAP, decision, reply.
//!
//! One [`Access`] for each worker, sharing nothing with the others but a read-only
//! [`Snapshot`]. Knows no sensor, no verdicts, no sockets, no clock: `now` is the first argument,
//! datagrams come in and octets go out. Every datagram leaves by a counted [`Action`].

mod accounting;
mod answer;
mod attachment;
mod backoff;
mod conversations;
mod dialogue;
mod duplicates;
mod event;
mod reason;
mod request;
mod snapshot;
mod station;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub use accounting::{AccountAction, AccountAnswer, Accounting, Pending};
pub use answer::session_seconds;
pub use attachment::Attached;
pub use event::{Decided, DecisionRecord, Event};
pub use reason::{Action, IgnoreReason, ReplyReason};
pub use snapshot::{Snapshot, SnapshotError};

use backoff::Backoff;
use conversations::{Conversations, Limits, State};
use dialogue::Dialogue;
use duplicates::{Duplicates, Key as DuplicateKey, Reply};
use request::Request;
use snapshot::Client;

use crate::plan::MessageAuthenticator as Requirement;
use crate::vocabulary::{Moment, Random, SwitchIndex};
use crate::wire::radius::{Code, Key, MessageAuthenticator, Packet, Writer, attribute};

/// Answers held back at once; beyond that they go out at once.
const DELAYED_MAX: usize = 4_096;
/// Events, and decisions, not yet taken by the shell; beyond that they are dropped and counted.
const EVENTS_MAX: usize = 65_536;

/// One worker's side of admission.
pub struct Access {
    worker: u8,
    snapshot: Arc<Snapshot>,
    random: Random,
    duplicates: Duplicates,
    conversations: Conversations<Dialogue>,
    backoff: Backoff,
    delayed: BTreeMap<(Duration, u64), Delayed>,
    delays: u64,
    events: VecDeque<Event>,
    decided: Decided,
    events_lost: u64,
}

/// An answer held back.
struct Delayed {
    to: SocketAddr,
    local: SocketAddr,
    key: DuplicateKey,
    authenticator: [u8; 16],
    octets: Vec<u8>,
}

/// What a worker holds at this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// EAP conversations under way.
    pub conversations: usize,
    /// Answers held back.
    pub delayed: usize,
    /// Events dropped because nobody took them.
    pub events_lost: u64,
}

/// What the State of a request says of the conversation it goes on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Continuation {
    /// The worker that has it: a dispatcher sends the datagram there whatever socket it came to.
    pub worker: u8,
    /// Whether it has taken an answer before, so that work was spent on it that would be lost.
    pub begun: bool,
}

/// Reads it off a datagram that nobody has authenticated yet; `None` where it has no State that
/// could be ours.
#[must_use]
pub fn continuation(datagram: &[u8]) -> Option<Continuation> {
    let packet = Packet::parse(datagram).ok()?;
    let state = State::decode(packet.first(attribute::STATE)?)?;
    Some(Continuation { worker: state.worker, begun: state.step.taken > 0 })
}

impl Access {
    /// A worker with nothing under way. `seed` must be unpredictable and the worker's own.
    #[must_use]
    pub fn new(worker: u8, snapshot: Arc<Snapshot>, seed: &[u8; 32]) -> Self {
        let node = snapshot.plan.server.state_number;
        Self {
            worker,
            snapshot,
            random: Random::new(seed),
            duplicates: Duplicates::default(),
            conversations: Conversations::new(node, worker),
            backoff: Backoff::default(),
            delayed: BTreeMap::new(),
            delays: 0,
            events: VecDeque::new(),
            decided: Decided::default(),
            events_lost: 0,
        }
    }

    /// Takes a new snapshot. Conversations under way go on with the TLS server they began with,
    /// but are decided by the new plan, marks and trust.
    pub fn replace(&mut self, snapshot: Arc<Snapshot>) {
        if snapshot.plan.server.state_number != self.snapshot.plan.server.state_number {
            let node = snapshot.plan.server.state_number;
            self.conversations = Conversations::new(node, self.worker);
        }
        self.duplicates.forget_accepts();
        self.snapshot = snapshot;
    }

    /// The snapshot in use.
    #[must_use]
    pub const fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// Takes a datagram from `source` to `local`. With [`Action::Reply`], `reply` holds the
    /// answer, to be sent from `local` to `source` (FMT-6).
    pub fn handle(
        &mut self,
        now: Moment,
        datagram: &[u8],
        source: SocketAddr,
        local: SocketAddr,
        reply: &mut Vec<u8>,
    ) -> Action {
        reply.clear();
        match self.answer(now, datagram, source, local, reply) {
            Ok(action) => action,
            Err(reason) => {
                reply.clear();
                Action::Ignore { reason }
            }
        }
    }

    fn answer(
        &mut self,
        now: Moment,
        datagram: &[u8],
        source: SocketAddr,
        local: SocketAddr,
        reply: &mut Vec<u8>,
    ) -> Result<Action, IgnoreReason> {
        let snapshot = Arc::clone(&self.snapshot);
        let (switch, client) = snapshot.client(source.ip())?;
        let packet = Packet::parse(datagram)?;
        let status = match packet.code() {
            Code::AccessRequest => false,
            Code::StatusServer => true,
            _ => return Err(IgnoreReason::WrongCode),
        };
        // Before anything with an effect (MA-1).
        let key = self.authenticate(&snapshot, switch, client, &packet)?;
        let duplicate = DuplicateKey {
            source,
            local,
            code: packet.code().get(),
            identifier: packet.identifier(),
        };
        let authenticator = packet.authenticator();
        match self.duplicates.find(now.monotonic, &duplicate, authenticator) {
            Some(Reply::Sent(octets)) => {
                reply.extend_from_slice(octets);
                return Ok(Action::Reply { reason: ReplyReason::Duplicate });
            }
            Some(Reply::Awaited | Reply::Silence) => return Err(IgnoreReason::Absorbed),
            None => {}
        }
        if status {
            let mut writer = Writer::reply(reply, Code::AccessAccept, &packet);
            writer.message_authenticator_first().copy_proxy_states(&packet);
            writer.finish_reply(key, authenticator).map_err(|_| IgnoreReason::Unwritable)?;
            return Ok(Action::Reply { reason: ReplyReason::Status });
        }
        let packet = &packet;
        let request = Request { snapshot: &snapshot, switch, client, key, packet, copy: duplicate };
        let remember = |access: &mut Self, reply| {
            access.duplicates.remember(now.monotonic, duplicate, authenticator, reply);
        };
        let answer = match self.admit(now, &request, reply) {
            Ok(answer) => answer,
            Err(reason) => {
                remember(self, Reply::Silence);
                return Err(reason);
            }
        };
        let delay = answer.delay;
        let reason = answer.reason;
        if delay == Duration::ZERO || self.delayed.len() >= DELAYED_MAX {
            remember(self, Reply::Sent(reply.as_slice().into()));
            return Ok(Action::Reply { reason });
        }
        remember(self, Reply::Awaited);
        self.delays += 1;
        let octets = std::mem::take(reply);
        let delayed = Delayed { to: source, local, key: duplicate, authenticator, octets };
        self.delayed.insert((now.monotonic + delay, self.delays), delayed);
        Ok(Action::Later { reason })
    }

    /// Finds the key under which the request's Message-Authenticator is right, or under which
    /// its absence is tolerated.
    fn authenticate<'a>(
        &mut self,
        snapshot: &Snapshot,
        switch: SwitchIndex,
        client: &'a Client,
        packet: &Packet<'_>,
    ) -> Result<&'a Key, IgnoreReason> {
        let keys = std::iter::once(&client.current).chain(&client.next);
        let requirement = snapshot
            .plan
            .switch(switch)
            .map_or(Requirement::Require, |switch| switch.message_authenticator);
        for key in keys {
            match key.check_message_authenticator(packet) {
                MessageAuthenticator::Valid => {
                    if requirement == Requirement::Learn && client.learn() {
                        let id = snapshot.plan.switch(switch).map(|switch| switch.id.clone());
                        let switch = id.unwrap_or_default();
                        self.push(Event::Learned { switch });
                    }
                    return Ok(key);
                }
                MessageAuthenticator::Invalid => {}
                MessageAuthenticator::Absent => {
                    return absent(requirement, client, packet).map(|()| key);
                }
            }
        }
        Err(IgnoreReason::MessageAuthenticatorInvalid)
    }

    /// The next answer whose time has come: its octets in `octets`, its destination, and the
    /// address it leaves from.
    pub fn poll_transmit(
        &mut self,
        now: Moment,
        octets: &mut Vec<u8>,
    ) -> Option<(SocketAddr, SocketAddr)> {
        loop {
            let entry = self.delayed.first_entry()?;
            if entry.key().0 > now.monotonic {
                return None;
            }
            let delayed = entry.remove();
            let Delayed { to, local, key, authenticator, octets: answer } = delayed;
            // A newer request with the same Identifier has taken its place (DUP-2).
            if self.duplicates.answered(&key, authenticator, &answer) {
                *octets = answer;
                return Some((to, local));
            }
        }
    }

    /// When [`Access::handle_timeout`] or [`Access::poll_transmit`] has something to do next, on
    /// the monotonic clock.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        let delayed = self.delayed.keys().next().map(|(at, _)| *at);
        let expiry = self.conversations.timeout(self.limits());
        match (delayed, expiry) {
            (Some(left), Some(right)) => Some(left.min(right)),
            (left, right) => left.or(right),
        }
    }

    /// Ends the conversations that have lasted too long.
    pub fn handle_timeout(&mut self, now: Moment) {
        let limits = self.limits();
        while let Some(held) = self.conversations.expire(now.monotonic, limits) {
            self.abandoned(now, held.value);
        }
    }

    /// The next event for the shell.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// How many decisions wait to be taken.
    #[must_use]
    pub fn decided(&self) -> usize {
        self.decided.records.len().max(self.decided.attached.len())
    }

    /// Takes what was decided.
    pub fn take_decided(&mut self) -> Decided {
        let Decided { records, attached } = &self.decided;
        let empty = Decided {
            records: Vec::with_capacity(records.len()),
            attached: Vec::with_capacity(attached.len()),
        };
        std::mem::replace(&mut self.decided, empty)
    }

    /// What is held at this moment.
    #[must_use]
    pub fn gauges(&self) -> Gauges {
        Gauges {
            conversations: self.conversations.len(),
            delayed: self.delayed.len(),
            events_lost: self.events_lost,
        }
    }

    fn limits(&self) -> Limits {
        let eap = &self.snapshot.plan.server.eap;
        let workers = usize::from(self.snapshot.plan.server.workers.max(1));
        let max = usize::try_from(eap.conversations_max).unwrap_or(usize::MAX);
        Limits {
            conversations_max: max.div_ceil(workers),
            per_place_max: usize::from(eap.conversations_per_port_max),
            lifetime: eap.conversation_timeout,
        }
    }

    fn push(&mut self, event: Event) {
        if self.events.len() >= EVENTS_MAX {
            self.events_lost += 1;
        } else {
            self.events.push_back(event);
        }
    }

    fn attach(&mut self, attached: Attached) {
        if self.decided.attached.len() >= EVENTS_MAX {
            self.events_lost += 1;
        } else {
            self.decided.attached.push(attached);
        }
    }

    fn record(&mut self, record: DecisionRecord) {
        if self.decided.records.len() >= EVENTS_MAX {
            self.events_lost += 1;
        } else {
            self.decided.records.push(record);
        }
    }
}

/// Whether a request without Message-Authenticator may go on (MA-3, MA-4).
fn absent(
    requirement: Requirement,
    client: &Client,
    packet: &Packet<'_>,
) -> Result<(), IgnoreReason> {
    let always = packet.code() == Code::StatusServer || packet.has(attribute::EAP_MESSAGE);
    let tolerated = match requirement {
        Requirement::Require => false,
        Requirement::Learn => !client.has_learned(),
        Requirement::Legacy => true,
    };
    if always || !tolerated {
        return Err(IgnoreReason::MessageAuthenticatorMissing);
    }
    // The forgery of CVE-2024-3596 hides its collision blocks in Proxy-State.
    if packet.has(attribute::PROXY_STATE) {
        return Err(IgnoreReason::ProxyStateUnprotected);
    }
    Ok(())
}
