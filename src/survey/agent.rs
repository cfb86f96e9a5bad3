//! One switch's agent, asked one question after the other with one request in flight.
//!
//! Of version 3 this is the non-authoritative side (RFC 3414 §2.2): it learns the engine's id,
//! then its clock, and believes nothing but what bears the tag of the user's keys within the
//! time window. A Report without a tag ends no wait; whoever can send one could else stop the
//! sweep of a switch.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::fault::{Action, Fault, IgnoreReason};
use super::walk::{Columns, Next, REPETITIONS_MAX, Walk};
use crate::vocabulary::{Moment, Random, Secret};
use crate::wire::snmp::report::Complaint;
use crate::wire::snmp::{
    Binding, CommunityMessage, ErrorStatus, Keys, MasterKeys, Oid, Outgoing, Pdu, PduKind,
    Received, Scoped, UserMessage, parse,
};

/// The time window (RFC 3414 §2.2.3).
pub const TIME_WINDOW_S: u32 = 150;
/// msgID and request-id are made of that many random bits.
const ID_MASK: u32 = 0x7fff_ffff;

/// How a switch is asked.
#[derive(Clone, Debug)]
pub struct Target {
    /// By which version, and as whom.
    pub access: Access,
    /// Rows asked for at once, to begin with.
    pub repetitions: u32,
    /// How long to wait for one answer.
    pub timeout: Duration,
    /// Sendings after the first.
    pub retries: u8,
}

/// By which version, and as whom.
#[derive(Clone, Debug)]
pub enum Access {
    /// Version 2c; the community.
    Community(Secret),
    /// Version 3; the user's name and keys.
    User {
        /// msgUserName.
        name: String,
        /// The keys, which one passphrase makes for every switch.
        keys: Arc<MasterKeys>,
    },
}

/// Which of an agent's views is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Context {
    /// The only one of most.
    #[default]
    Default,
    /// One for each VLAN, as Cisco has them: `vlan-N`, or `community@N`.
    Vlan(u16),
}

impl Context {
    fn name(self) -> Vec<u8> {
        match self {
            Self::Default => Vec::new(),
            Self::Vlan(vlan) => format!("vlan-{vlan}").into_bytes(),
        }
    }

    fn community(self, community: &Secret) -> Vec<u8> {
        let mut octets = community.expose().to_vec();
        if let Self::Vlan(vlan) = self {
            octets.extend_from_slice(format!("@{vlan}").as_bytes());
        }
        octets
    }
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// These instances.
    Get(Vec<Oid>),
    /// Every row of these columns.
    Walk(Vec<Oid>),
    /// That these instances take these values.
    Set(Vec<Binding>),
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To a Get or Set: the bindings, in the order asked.
    Bindings(Vec<Binding>),
    /// To a Walk.
    Columns(Columns),
}

/// The agent of one switch.
#[derive(Debug)]
pub struct Agent {
    target: Target,
    random: Random,
    salt: u64,
    engine: Option<Engine>,
    repetitions: u32,
    job: Option<Job>,
    outgoing: Option<Vec<u8>>,
    events: VecDeque<Result<Answer, Fault>>,
    restarts: u64,
    requests: u64,
}

/// The authoritative engine as last heard of.
#[derive(Debug)]
struct Engine {
    id: Vec<u8>,
    keys: Keys,
    boots: u32,
    /// snmpEngineTime at `at`.
    time: u32,
    at: Duration,
    /// Whether boots and time were authentic.
    proven: bool,
}

#[derive(Debug)]
struct Job {
    context: Context,
    work: Work,
    stage: Stage,
    request_id: i32,
    /// The msgIDs of the request and its repetitions: a slow agent may answer an earlier one.
    ids: Vec<i32>,
    due: Duration,
    retries_left: u8,
    /// Whether the agent's clock was taken over once for this request.
    resynchronised: bool,
    /// Whether the engine was asked for anew once for this question: who forges complaints about
    /// it could else keep the question open for ever.
    rediscovered: bool,
    complaint: Option<Complaint>,
}

#[derive(Debug)]
enum Work {
    Get(Vec<Oid>),
    Set(Vec<Binding>),
    Walk(Walk),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Who is there (RFC 3414 §4)?
    Discovery,
    /// The request itself.
    Request,
}

impl Agent {
    /// An agent that was not asked anything yet. `seed` must be unpredictable and its own.
    #[must_use]
    pub fn new(target: Target, seed: &[u8; 32]) -> Self {
        let mut random = Random::new(seed);
        let salt = u64::from_be_bytes(random.octets());
        Self {
            repetitions: target.repetitions.clamp(1, REPETITIONS_MAX),
            target,
            random,
            salt,
            engine: None,
            job: None,
            outgoing: None,
            events: VecDeque::new(),
            restarts: 0,
            requests: 0,
        }
    }

    /// Whether a question is open.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        self.job.is_some()
    }

    /// Asks. Says whether it was taken: one question at a time.
    pub fn ask(&mut self, now: Moment, context: Context, question: Question) -> bool {
        if self.is_busy() {
            return false;
        }
        let work = match question {
            Question::Get(names) => Work::Get(names),
            Question::Set(bindings) => Work::Set(bindings),
            Question::Walk(roots) => Work::Walk(Walk::new(now.monotonic, roots)),
        };
        self.job = Some(Job {
            context,
            work,
            stage: Stage::Request,
            request_id: 0,
            ids: Vec::new(),
            due: now.monotonic,
            retries_left: 0,
            resynchronised: false,
            rediscovered: false,
            complaint: None,
        });
        self.request(now);
        true
    }

    /// Gives up the question in hand; nothing more is heard of it.
    pub fn cancel(&mut self) {
        self.job = None;
        self.outgoing = None;
    }

    /// Begins the next request of the job in hand.
    fn request(&mut self, now: Moment) {
        let request_id = self.id();
        let discover = matches!(self.target.access, Access::User { .. }) && self.engine.is_none();
        let retries_left = self.target.retries;
        let Some(job) = &mut self.job else { return };
        job.stage = if discover { Stage::Discovery } else { Stage::Request };
        job.request_id = request_id;
        job.ids.clear();
        job.retries_left = retries_left;
        job.resynchronised = false;
        self.send(now);
    }

    fn id(&mut self) -> i32 {
        let number = u32::from_be_bytes(self.random.octets()) & ID_MASK;
        i32::try_from(number).unwrap_or(0) // OK because of the mask
    }

    /// Writes the request in hand, once more or for the first time.
    fn send(&mut self, now: Moment) {
        let id = self.id();
        self.salt = self.salt.wrapping_add(1);
        let Some(job) = &mut self.job else { return };
        let pdu = match (&mut job.work, job.stage) {
            (_, Stage::Discovery) => Pdu::request(PduKind::Get, job.request_id, Vec::new()),
            (Work::Get(names), Stage::Request) => {
                Pdu::request(PduKind::Get, job.request_id, names.clone())
            }
            (Work::Set(bindings), Stage::Request) => {
                let empty = Pdu::request(PduKind::Set, job.request_id, Vec::new());
                Pdu { bindings: bindings.clone(), ..empty }
            }
            (Work::Walk(walk), Stage::Request) => walk.request(job.request_id, self.repetitions),
        };
        job.ids.push(id);
        job.due = now.monotonic + self.target.timeout;
        let written = match (&self.target.access, &self.engine) {
            (Access::Community(community), _) => {
                CommunityMessage { community: job.context.community(community), pdu }.write()
            }
            (Access::User { name, .. }, Some(engine)) => Outgoing {
                id,
                reportable: true,
                engine: &engine.id,
                boots: engine.boots,
                time: engine.time_at(now),
                user: name.as_bytes(),
                keys: Some(&engine.keys),
                salt: self.salt.to_be_bytes(),
                scoped: &Scoped { engine: engine.id.clone(), context: job.context.name(), pdu },
            }
            .write(),
            (Access::User { .. }, None) => Outgoing {
                id,
                reportable: true,
                engine: &[],
                boots: 0,
                time: 0,
                user: &[],
                keys: None,
                salt: [0; 8],
                scoped: &Scoped { engine: Vec::new(), context: Vec::new(), pdu },
            }
            .write(),
        };
        match written {
            Ok(octets) => {
                self.requests += 1;
                self.outgoing = Some(octets);
            }
            Err(_) => self.end(Err(Fault::Unwritable)),
        }
    }

    fn end(&mut self, result: Result<Answer, Fault>) {
        match result {
            // Whatever it is by now, one that was replaced or lost its clock included, the next
            // question begins by asking who is there.
            Err(Fault::Silent | Fault::Complaint(_)) => self.engine = None,
            Ok(_)
            | Err(
                Fault::Refused(_)
                | Fault::Endless
                | Fault::TooMuch
                | Fault::Unwritable
                | Fault::OtherNames,
            ) => {}
        }
        self.job = None;
        self.outgoing = None;
        self.events.push_back(result);
    }

    /// Takes a datagram that came from the switch's address. What does not prove to be an answer
    /// changes nothing.
    pub fn handle(&mut self, now: Moment, datagram: &[u8]) -> Action {
        match self.accept(now, datagram) {
            Ok(()) => Action::Taken,
            Err(reason) => Action::Ignored { reason },
        }
    }

    fn accept(&mut self, now: Moment, datagram: &[u8]) -> Result<(), IgnoreReason> {
        let message = parse(datagram).map_err(IgnoreReason::Malformed)?;
        let job = self.job.as_ref().ok_or(IgnoreReason::NothingAsked)?;
        match (message, &self.target.access) {
            (Received::Community(message), Access::Community(community)) => {
                if Secret::new(message.community) != Secret::new(job.context.community(community)) {
                    return Err(IgnoreReason::OtherSender);
                }
                self.answered(now, message.pdu, datagram.len())
            }
            (Received::User(message), Access::User { .. }) => {
                if !job.ids.contains(&message.id) {
                    return Err(IgnoreReason::NothingAsked);
                }
                match job.stage {
                    Stage::Discovery => self.discovered(now, *message),
                    Stage::Request => self.user_answered(now, *message, datagram),
                }
            }
            (Received::Community(_), Access::User { .. })
            | (Received::User(_), Access::Community(_)) => Err(IgnoreReason::OtherVersion),
        }
    }

    /// The engine said who it is. Its clock is believed only when a tag proves it.
    fn discovered(&mut self, now: Moment, message: UserMessage) -> Result<(), IgnoreReason> {
        let Access::User { keys, .. } = &self.target.access else {
            return Err(IgnoreReason::OtherVersion);
        };
        let (id, boots, time) = (message.engine.clone(), message.boots, message.time);
        let scoped = message.open(None).map_err(IgnoreReason::Malformed)?;
        if id.is_empty() || scoped.pdu.kind != PduKind::Report {
            return Err(IgnoreReason::WrongKind);
        }
        let keys = keys.localise(&id);
        self.engine = Some(Engine { id, keys, boots, time, at: now.monotonic, proven: false });
        self.request(now);
        Ok(())
    }

    fn user_answered(
        &mut self,
        now: Moment,
        message: UserMessage,
        datagram: &[u8],
    ) -> Result<(), IgnoreReason> {
        let (Some(engine), Access::User { name, .. }) = (&mut self.engine, &self.target.access)
        else {
            return Err(IgnoreReason::OtherSender);
        };
        if !message.auth {
            let scoped = message.open(None).map_err(IgnoreReason::Malformed)?;
            if scoped.pdu.kind != PduKind::Report {
                return Err(IgnoreReason::NotAuthentic);
            }
            let complaint = complaint(&scoped.pdu);
            if let Some(job) = &mut self.job {
                job.complaint = Some(complaint);
            }
            return Err(IgnoreReason::Unproven(complaint));
        }
        if message.engine != engine.id || message.user != name.as_bytes() {
            return Err(IgnoreReason::OtherSender);
        }
        if !message.is_authentic(datagram, &engine.keys) {
            return Err(IgnoreReason::NotAuthentic);
        }
        let restarted = engine.heard(now, message.boots, message.time)?;
        let privacy = message.privacy;
        let keys = engine.keys.clone();
        let scoped = message.open(Some(&keys)).map_err(|_| IgnoreReason::Undecipherable)?;
        self.restarts += u64::from(restarted);
        if scoped.pdu.kind == PduKind::Report {
            return self.reported(now, complaint(&scoped.pdu));
        }
        if keys.is_private() && !privacy {
            return Err(IgnoreReason::NotPrivate);
        }
        self.answered(now, scoped.pdu, datagram.len())
    }

    /// An authentic Report: our clock was wrong once, anything else is the end.
    fn reported(&mut self, now: Moment, complaint: Complaint) -> Result<(), IgnoreReason> {
        let job = self.job.as_mut().ok_or(IgnoreReason::NothingAsked)?;
        if complaint == Complaint::NotInTime && !job.resynchronised {
            job.resynchronised = true;
            self.send(now);
        } else {
            self.end(Err(Fault::Complaint(complaint)));
        }
        Ok(())
    }

    fn answered(&mut self, now: Moment, pdu: Pdu, octets: usize) -> Result<(), IgnoreReason> {
        let job = self.job.as_mut().ok_or(IgnoreReason::NothingAsked)?;
        if pdu.kind != PduKind::Response {
            return Err(IgnoreReason::WrongKind);
        }
        if pdu.request_id != job.request_id {
            return Err(IgnoreReason::NothingAsked);
        }
        job.complaint = None;
        match &mut job.work {
            Work::Get(names) => {
                let (asked, answered) = (names.len(), pdu.bindings.len());
                let result = match pdu.error() {
                    ErrorStatus::None if asked == answered => Ok(Answer::Bindings(pdu.bindings)),
                    ErrorStatus::None => Err(Fault::Endless),
                    error => Err(Fault::Refused(error)),
                };
                self.end(result);
            }
            Work::Set(_) => {
                let result = match pdu.error() {
                    ErrorStatus::None => Ok(Answer::Bindings(pdu.bindings)),
                    error => Err(Fault::Refused(error)),
                };
                self.end(result);
            }
            Work::Walk(walk) => {
                match walk.answered(now.monotonic, pdu, octets, &mut self.repetitions) {
                    Next::Ask => self.request(now),
                    Next::Fail(fault) => self.end(Err(fault)),
                    Next::Over => {
                        let job = self.job.take();
                        let Some(Job { work: Work::Walk(walk), .. }) = job else { return Ok(()) };
                        self.end(Ok(Answer::Columns(walk.into_columns())));
                    }
                }
            }
        }
        Ok(())
    }

    /// Sends again what was not answered in time, or gives it up.
    pub fn handle_timeout(&mut self, now: Moment) {
        let Some(job) = self.job.as_mut().filter(|job| job.due <= now.monotonic) else { return };
        let Some(left) = job.retries_left.checked_sub(1) else {
            let fault = job.complaint.map_or(Fault::Silent, Fault::Complaint);
            return self.end(Err(fault));
        };
        job.retries_left = left;
        if matches!(job.work, Work::Walk(_)) && job.stage == Stage::Request {
            // The answer may have been lost because it was cut in pieces.
            self.repetitions = (self.repetitions / 2).max(1);
        }
        let unknown = job.complaint == Some(Complaint::UnknownEngine);
        if unknown && job.stage == Stage::Request && !job.rediscovered {
            job.rediscovered = true;
            self.engine = None;
            return self.request(now);
        }
        self.send(now);
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.outgoing.take()
    }

    /// When [`Agent::handle_timeout`] has something to do next, on the monotonic clock.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.job.as_ref().map(|job| job.due)
    }

    /// How the question ended.
    pub fn poll_event(&mut self) -> Option<Result<Answer, Fault>> {
        self.events.pop_front()
    }

    /// How often the agent began anew since it is asked (snmpEngineBoots).
    #[must_use]
    pub const fn restarts(&self) -> u64 {
        self.restarts
    }

    /// As whom the switch is asked.
    #[must_use]
    pub const fn access(&self) -> &Access {
        &self.target.access
    }

    /// The engine's id, boots and time, once they were proven.
    #[must_use]
    pub fn engine(&self, now: Moment) -> Option<(&[u8], u32, u32)> {
        let engine = self.engine.as_ref().filter(|engine| engine.proven)?;
        Some((&engine.id, engine.boots, engine.time_at(now)))
    }

    /// Requests written, repetitions included.
    #[must_use]
    pub const fn requests(&self) -> u64 {
        self.requests
    }
}

fn complaint(pdu: &Pdu) -> Complaint {
    pdu.bindings.first().map_or(Complaint::Other, |binding| Complaint::of(&binding.name))
}

impl Engine {
    /// snmpEngineTime as it must be by now.
    fn time_at(&self, now: Moment) -> u32 {
        let passed = now.monotonic.saturating_sub(self.at).as_secs();
        self.time.saturating_add(u32::try_from(passed).unwrap_or(u32::MAX)).min(ID_MASK)
    }

    /// Takes over the clock of an authentic message (RFC 3414 §3.2 7b). Says whether the engine
    /// began anew.
    fn heard(&mut self, now: Moment, boots: u32, time: u32) -> Result<bool, IgnoreReason> {
        let expected = self.time_at(now);
        let late = boots < self.boots
            || (boots == self.boots && time.saturating_add(TIME_WINDOW_S) < expected);
        if self.proven && (late || boots == ID_MASK) {
            return Err(IgnoreReason::NotInTime);
        }
        let restarted = self.proven && boots > self.boots;
        if !self.proven || boots > self.boots || time > expected {
            (self.boots, self.time, self.at) = (boots, time, now.monotonic);
        }
        self.proven = true;
        Ok(restarted)
    }
}
