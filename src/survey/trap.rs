//! Traps and informs of switches (RFC 3416 §4.2.6, §4.2.7): who sent them is proven, and that
//! they are new.
//!
//! A trap only makes a sweep come sooner: what it says is never taken for the state of anything.
//! Of a trap by version 3 the switch is the authoritative engine, and only the one its tables
//! were read from is believed, within the time window and once; of an inform it is us
//! (RFC 3414 §1.5.1).

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::agent::{Access, TIME_WINDOW_S};
use super::notification::Notification;
use crate::vocabulary::{Moment, Secret, Timestamp};
use crate::wire::snmp::report::Complaint;
use crate::wire::snmp::{
    Binding, CommunityMessage, Keys, Malformed, Outgoing, Pdu, PduKind, Received, Scoped,
    UserMessage, Value, parse,
};

/// Messages of one sender that are remembered within the time window.
pub const RECENT_MAX: usize = 1_024;
/// Octets of the node's name in our engine's id (RFC 3411 §5: 32 in all).
const NAME_OCTETS_MAX: usize = 27;
/// The head of an engine's id in text form (RFC 3411 §5), under the number of no enterprise.
const ENGINE_HEAD: [u8; 5] = [0x80, 0, 0, 0, 4];
/// snmpEngineBoots counts four-second steps since then, so that it grows with every start
/// without being kept: 2020-01-01T00:00:00Z.
const BOOTS_EPOCH_S: i64 = 1_577_836_800;
const BOOTS_STEP_S: i64 = 4;

/// Why a message at the port of traps had no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrapFault {
    /// It is no SNMP message.
    Malformed(Malformed),
    /// It comes from no switch that is asked for its tables.
    UnknownSource,
    /// Another version than is spoken with this switch.
    OtherVersion,
    /// Another community or user.
    OtherUser,
    /// From an engine that the switch's tables were not read from.
    OtherEngine,
    /// In clear, or without a tag.
    Level,
    /// Its tag is not that of the keys.
    NotAuthentic,
    /// Outside the time window.
    NotInTime,
    /// It came before.
    Replayed,
    /// It cannot be decrypted.
    Undecipherable,
    /// Neither a trap nor an inform.
    WrongKind,
}

impl TrapFault {
    /// The stable id: a metric label.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Malformed(malformed) => malformed.id(),
            Self::UnknownSource => "unknown-source",
            Self::OtherVersion => "other-version",
            Self::OtherUser => "other-user",
            Self::OtherEngine => "other-engine",
            Self::Level => "unsupported-level",
            Self::NotAuthentic => "not-authentic",
            Self::NotInTime => "not-in-time",
            Self::Replayed => "replayed",
            Self::Undecipherable => "undecipherable",
            Self::WrongKind => "wrong-kind",
        }
    }
}

/// Who is known at the address that a message came from.
#[derive(Clone, Copy, Debug)]
pub struct Sender<'a> {
    /// The switch's id.
    pub switch: &'a str,
    /// As whom it is asked, and so as whom it may speak.
    pub access: &'a Access,
    /// Its engine's id, boots and time, once its tables were read by version 3.
    pub engine: Option<(&'a [u8], u32, u32)>,
}

/// What came of a message: the outcome, and what is to be sent back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The notification, or why there is none.
    pub outcome: Result<Notification, TrapFault>,
    /// A Response or Report.
    pub reply: Option<Vec<u8>>,
}

/// The notification receiver.
#[derive(Debug)]
pub struct Listener {
    engine: Vec<u8>,
    boots: u32,
    began: Duration,
    salt: u64,
    /// Of each switch, by id.
    memories: HashMap<String, Memory>,
}

/// What one switch sent lately.
#[derive(Debug, Default)]
struct Memory {
    /// Its keys at our engine.
    own: Option<Keys>,
    /// Its keys at its own.
    remote: Option<(Vec<u8>, Keys)>,
    /// (boots, time, msgID) of traps, msgID of informs; within the time window.
    recent: VecDeque<(u32, u32, i32)>,
}

impl Memory {
    /// Whether this is the first time. The oldest are forgotten, which the time window allows.
    fn is_new(&mut self, mark: (u32, u32, i32)) -> bool {
        if self.recent.contains(&mark) {
            return false;
        }
        if self.recent.len() >= RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(mark);
        true
    }
}

impl Listener {
    /// A receiver whose engine is named after the node. `salt` must be unpredictable.
    #[must_use]
    pub fn new(now: Moment, node: &str, salt: u64) -> Self {
        let name = node.bytes().take(NAME_OCTETS_MAX);
        let engine = ENGINE_HEAD.into_iter().chain(name).collect();
        let boots = boots_at(now.wall);
        Self { engine, boots, began: now.monotonic, salt, memories: HashMap::new() }
    }

    /// Forgets the keys of every switch: they may have changed.
    pub fn forget(&mut self) {
        for memory in self.memories.values_mut() {
            (memory.own, memory.remote) = (None, None);
        }
    }

    /// Takes a message that came from a switch's address.
    pub fn handle(&mut self, now: Moment, octets: &[u8], sender: Option<Sender<'_>>) -> Heard {
        let silent = |fault| Heard { outcome: Err(fault), reply: None };
        let message = match parse(octets) {
            Ok(message) => message,
            Err(malformed) => return silent(TrapFault::Malformed(malformed)),
        };
        // Whoever is unknown is told nothing, not even who we are.
        let Some(sender) = sender else { return silent(TrapFault::UnknownSource) };
        match (message, sender.access) {
            (Received::Community(message), Access::Community(community)) => {
                if Secret::new(message.community.clone()) != *community {
                    return silent(TrapFault::OtherUser);
                }
                community_heard(message)
            }
            (Received::User(message), Access::User { name, .. }) => {
                if message.engine == self.engine || message.engine.is_empty() {
                    self.informed(now, *message, octets, sender, name)
                } else {
                    match self.trapped(*message, octets, sender, name) {
                        Ok(notification) => Heard { outcome: Ok(notification), reply: None },
                        Err(fault) => silent(fault),
                    }
                }
            }
            (Received::Community(_), Access::User { .. })
            | (Received::User(_), Access::Community(_)) => silent(TrapFault::OtherVersion),
        }
    }

    /// A trap: the switch is authoritative, and nothing is ever answered.
    fn trapped(
        &mut self,
        message: UserMessage,
        octets: &[u8],
        sender: Sender<'_>,
        name: &str,
    ) -> Result<Notification, TrapFault> {
        let (engine, boots, time) = sender.engine.ok_or(TrapFault::OtherEngine)?;
        if message.engine != engine {
            return Err(TrapFault::OtherEngine);
        }
        if message.user != name.as_bytes() {
            return Err(TrapFault::OtherUser);
        }
        let memory = self.memories.entry(sender.switch.to_owned()).or_default();
        if memory.remote.as_ref().is_none_or(|(of, _)| of != engine) {
            let Access::User { keys, .. } = sender.access else {
                return Err(TrapFault::OtherVersion);
            };
            memory.remote = Some((engine.to_vec(), keys.localise(engine)));
        }
        let Some((_, keys)) = memory.remote.clone() else { return Err(TrapFault::OtherUser) };
        if !message.auth || message.privacy != keys.is_private() {
            return Err(TrapFault::Level);
        }
        if !message.is_authentic(octets, &keys) {
            return Err(TrapFault::NotAuthentic);
        }
        let late = message.boots < boots
            || (message.boots == boots && message.time.saturating_add(TIME_WINDOW_S) < time);
        if late {
            return Err(TrapFault::NotInTime);
        }
        if !memory.is_new((message.boots, message.time, message.id)) {
            return Err(TrapFault::Replayed);
        }
        let scoped = message.open(Some(&keys)).map_err(|_| TrapFault::Undecipherable)?;
        match scoped.pdu.kind {
            PduKind::Trap => Ok(Notification::of(&scoped.pdu)),
            _ => Err(TrapFault::WrongKind),
        }
    }

    /// An inform: we are authoritative (RFC 3414 §3.2, as the receiver of a request).
    fn informed(
        &mut self,
        now: Moment,
        message: UserMessage,
        octets: &[u8],
        sender: Sender<'_>,
        name: &str,
    ) -> Heard {
        let id = message.id;
        let reportable = message.reportable;
        let refuse = |listener: &mut Self, fault, complaint, keys: Option<&Keys>| Heard {
            outcome: Err(fault),
            reply: reportable.then(|| listener.report(now, id, complaint, name, keys)).flatten(),
        };
        if message.engine.is_empty() {
            return refuse(self, TrapFault::OtherEngine, Complaint::UnknownEngine, None);
        }
        if message.user != name.as_bytes() {
            return refuse(self, TrapFault::OtherUser, Complaint::UnknownUser, None);
        }
        let Access::User { keys, .. } = sender.access else {
            return Heard { outcome: Err(TrapFault::OtherVersion), reply: None };
        };
        let engine = self.engine.clone();
        let memory = self.memories.entry(sender.switch.to_owned()).or_default();
        let keys = memory.own.get_or_insert_with(|| keys.localise(&engine)).clone();
        if !message.auth || message.privacy != keys.is_private() {
            return refuse(self, TrapFault::Level, Complaint::UnsupportedLevel, None);
        }
        if !message.is_authentic(octets, &keys) {
            return refuse(self, TrapFault::NotAuthentic, Complaint::WrongDigest, None);
        }
        if message.boots != self.boots || message.time.abs_diff(self.time(now)) > TIME_WINDOW_S {
            return refuse(self, TrapFault::NotInTime, Complaint::NotInTime, Some(&keys));
        }
        let mark = (message.boots, message.time, id);
        let Ok(scoped) = message.open(Some(&keys)) else {
            return refuse(self, TrapFault::Undecipherable, Complaint::Decryption, None);
        };
        if scoped.pdu.kind != PduKind::Inform {
            return Heard { outcome: Err(TrapFault::WrongKind), reply: None };
        }
        let memory = self.memories.entry(sender.switch.to_owned()).or_default();
        let new = memory.is_new(mark);
        let notification = Notification::of(&scoped.pdu);
        let pdu = Pdu { kind: PduKind::Response, first: 0, second: 0, ..scoped.pdu };
        let response = Scoped { pdu, ..scoped };
        // A copy means that the answer was lost: it is answered again, and has no effect.
        let outcome = if new { Ok(notification) } else { Err(TrapFault::Replayed) };
        Heard { outcome, reply: self.write(now, id, name, Some(&keys), &response) }
    }

    fn report(
        &mut self,
        now: Moment,
        id: i32,
        complaint: Complaint,
        name: &str,
        keys: Option<&Keys>,
    ) -> Option<Vec<u8>> {
        let binding = Binding { name: complaint.name(), value: Value::Counter32(1) };
        let empty = Pdu::request(PduKind::Report, 0, Vec::new());
        let pdu = Pdu { bindings: vec![binding], ..empty };
        let scoped = Scoped { engine: self.engine.clone(), context: Vec::new(), pdu };
        self.write(now, id, name, keys, &scoped)
    }

    fn write(
        &mut self,
        now: Moment,
        id: i32,
        name: &str,
        keys: Option<&Keys>,
        scoped: &Scoped,
    ) -> Option<Vec<u8>> {
        self.salt = self.salt.wrapping_add(1);
        Outgoing {
            id,
            reportable: false,
            engine: &self.engine,
            boots: self.boots,
            time: self.time(now),
            // A name without keys would be one that the sender does not have at our engine yet.
            user: if keys.is_some() { name.as_bytes() } else { &[] },
            keys,
            salt: self.salt.to_be_bytes(),
            scoped,
        }
        .write()
        .ok()
    }

    fn time(&self, now: Moment) -> u32 {
        let passed = now.monotonic.saturating_sub(self.began).as_secs();
        u32::try_from(passed).unwrap_or(u32::MAX)
    }

    /// Our engine's id, as switches that do not ask for it are told by hand.
    #[must_use]
    pub fn engine(&self) -> &[u8] {
        &self.engine
    }
}

fn community_heard(message: CommunityMessage) -> Heard {
    let notification = Notification::of(&message.pdu);
    match message.pdu.kind {
        PduKind::Trap => Heard { outcome: Ok(notification), reply: None },
        PduKind::Inform => {
            let pdu = Pdu { kind: PduKind::Response, first: 0, second: 0, ..message.pdu };
            let answer = CommunityMessage { pdu, ..message };
            Heard { outcome: Ok(notification), reply: answer.write().ok() }
        }
        _ => Heard { outcome: Err(TrapFault::WrongKind), reply: None },
    }
}

fn boots_at(now: Timestamp) -> u32 {
    let steps = now.seconds().saturating_sub(BOOTS_EPOCH_S).max(0) / BOOTS_STEP_S;
    u32::try_from(steps).unwrap_or(u32::MAX).clamp(1, 0x7fff_fffe)
}
