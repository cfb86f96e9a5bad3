//! The storm itself: devices begin at their pace, every reply is proven before it counts, and
//! what is not answered is sent again.

use std::collections::{HashMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::super::dialect;
use super::lanes::{Lane, Named};
use super::{Entry, Fault, Load, Method, Pace, Roster, Share, Tally, answer};
use crate::eap::peer::{Peer, PeerConfig, PeerStep};
use crate::vocabulary::{Moment, Random};
use crate::wire::eap::{self, Method as EapMethod};
use crate::wire::radius::{Code, Key, Packet, ReplyFault, Writer, attribute};

/// EAP packets of devices are no longer than this, in octets.
const EAP_OCTETS_MAX: usize = 1_000;
/// Round trips after which a conversation is given up.
const ROUNDS_MAX: u32 = 64;
/// Devices that begin before replies are looked at again.
const BURST_MAX: usize = 16;

/// One device, ready to take part.
#[derive(Clone)]
pub struct Caller {
    /// What the roster says of it.
    pub entry: Entry,
    /// Its supplicant for full handshakes; `None` for MAB.
    pub fresh: Option<Arc<PeerConfig>>,
    /// Its supplicant that resumes sessions; `None` for MAB.
    pub resuming: Option<Arc<PeerConfig>>,
}

/// How a storm blows.
#[derive(Clone, Copy, Debug)]
pub struct StormSettings {
    /// Who is asked.
    pub server: SocketAddr,
    /// How devices show up.
    pub load: Load,
    /// For how long.
    pub duration: Duration,
    /// Devices that begin, at most.
    pub starts_max: u64,
    /// Of a hundred devices, so many come by EAP-TLS; `None` takes them as they are listed.
    pub eap_tls_percent: Option<u8>,
    /// Of a hundred that come by EAP-TLS, so many try to resume a session.
    pub resume_percent: u8,
    /// From one sending to the next.
    pub timeout: Duration,
    /// Sendings after the first.
    pub retries: u8,
    /// Source ports of each switch.
    pub ports: usize,
    /// The server is a mere echo that proves nothing: whatever comes back under the identifier
    /// counts.
    pub echo: bool,
}

/// A datagram to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing<'a> {
    /// From which address; `None` for the machine's own choice.
    pub source: Option<Ipv4Addr>,
    /// From which of the source ports.
    pub port: usize,
    /// The packet.
    pub octets: &'a [u8],
}

/// A run. Nothing begins before the first [`Storm::handle_timeout`].
pub struct Storm {
    settings: StormSettings,
    callers: Arc<[Caller]>,
    /// Idle devices, the one idle longest in front: all of them, or those of each method apart.
    idle: [VecDeque<usize>; 2],
    sources: Vec<Option<Ipv4Addr>>,
    by_source: HashMap<Option<Ipv4Addr>, usize>,
    keys: Vec<Key>,
    lanes: Vec<Lane>,
    turn: usize,
    sessions: Vec<Option<Session>>,
    vacant: Vec<usize>,
    under_way: usize,
    pace: Pace,
    mix: Share,
    resume: Share,
    random: Random,
    waits: VecDeque<(Duration, Named)>,
    outgoing: VecDeque<Named>,
    blocked: bool,
    tally: Tally,
}

/// A device under way.
struct Session {
    caller: usize,
    /// Where its wait begins.
    due: Duration,
    peer: Option<Box<Peer>>,
    rounds: u32,
}

/// How a conversation went on.
enum Course {
    Goes,
    Ends(Result<bool, Fault>),
}

impl Storm {
    /// A storm of these devices with the secrets of `roster`; callers whose switch has none never
    /// begin. `seed` must be unpredictable.
    #[must_use]
    pub fn new(
        callers: Arc<[Caller]>,
        roster: &Roster,
        settings: StormSettings,
        seed: &[u8; 32],
    ) -> Self {
        let (mut sources, mut keys, mut by_source) = (Vec::new(), Vec::new(), HashMap::new());
        let mut idle = [VecDeque::new(), VecDeque::new()];
        for (index, caller) in callers.iter().enumerate() {
            let source = caller.entry.source;
            let Some(secret) = roster.secret(source) else { continue };
            by_source.entry(source).or_insert_with(|| {
                sources.push(source);
                keys.push(Key::new(secret));
                sources.len() - 1
            });
            let apart = settings.eap_tls_percent.is_some() && caller.entry.method == Method::EapTls;
            let [listed, certificates] = &mut idle;
            if apart { certificates.push_back(index) } else { listed.push_back(index) }
        }
        let ports = settings.ports.max(1);
        let lanes = (0..sources.len())
            .flat_map(|source| (0..ports).map(move |port| Lane::new(source, port)));
        let starts_max = match settings.load {
            Load::PowerReturn { .. } => {
                u64::try_from(idle.iter().map(VecDeque::len).sum::<usize>()).unwrap_or(u64::MAX)
            }
            Load::Rate { .. } | Load::Outstanding { .. } => settings.starts_max,
        };
        let patience = settings.timeout * (u32::from(settings.retries) + 1);
        Self {
            pace: Pace::new(settings.load, settings.duration, patience, starts_max),
            mix: Share::new(settings.eap_tls_percent.unwrap_or(0)),
            resume: Share::new(settings.resume_percent),
            random: Random::new(seed),
            lanes: lanes.collect(),
            settings: StormSettings { ports, ..settings },
            callers,
            idle,
            sources,
            by_source,
            keys,
            turn: 0,
            sessions: Vec::new(),
            vacant: Vec::new(),
            under_way: 0,
            waits: VecDeque::new(),
            outgoing: VecDeque::new(),
            blocked: false,
            tally: Tally::default(),
        }
    }

    /// Takes a datagram that came from `from` to the address `to` at one of the source ports.
    pub fn handle(
        &mut self,
        now: Moment,
        datagram: &[u8],
        from: SocketAddr,
        to: Option<Ipv4Addr>,
        port: usize,
    ) {
        self.tally.octets_received += u64::try_from(datagram.len()).unwrap_or_default();
        if from != self.settings.server {
            self.tally.unasked += 1;
            return;
        }
        let Ok(packet) = Packet::parse(datagram) else {
            self.tally.fault(Fault::Malformed);
            return;
        };
        let source = self.by_source.get(&to).or_else(|| self.by_source.get(&None)).copied();
        let question = source.and_then(|source| {
            let lane = self.lanes.get_mut(source * self.settings.ports + port)?;
            let authenticator = lane.get(packet.identifier())?.authenticator;
            Some((lane, self.keys.get(source)?, authenticator))
        });
        let Some((lane, key, authenticator)) = question else {
            self.tally.unasked += 1;
            return;
        };
        if !self.settings.echo
            && let Err(fault) = proven(key, &packet, authenticator)
        {
            // As if it had not come: the right answer may still follow.
            self.tally.fault(fault);
            return;
        }
        let Some(session) = lane.close(packet.identifier()) else { return };
        self.tally.answers += 1;
        let course = if self.settings.echo {
            Course::Ends(Ok(false))
        } else {
            self.follow(now, session, &packet, authenticator)
        };
        if let Course::Ends(result) = course {
            self.end(now, session, result);
        }
    }

    /// Carries a conversation one proven reply further.
    fn follow(
        &mut self,
        now: Moment,
        index: usize,
        packet: &Packet<'_>,
        authenticator: [u8; 16],
    ) -> Course {
        let Some(Some(session)) = self.sessions.get_mut(index) else {
            return Course::Ends(Err(Fault::Broken));
        };
        session.rounds += 1;
        let Some(caller) = self.callers.get(session.caller) else {
            return Course::Ends(Err(Fault::Broken));
        };
        let mut message = Vec::new();
        packet.joined(attribute::EAP_MESSAGE, &mut message);
        match packet.code() {
            Code::AccessReject => Course::Ends(Err(Fault::Refused)),
            Code::AccessChallenge => {
                let Some(peer) = &mut session.peer else {
                    return Course::Ends(Err(Fault::Broken));
                };
                if session.rounds > ROUNDS_MAX {
                    return Course::Ends(Err(Fault::Endless));
                }
                let PeerStep::Respond(response) = peer.handle(now, &message) else {
                    return Course::Ends(Err(Fault::Broken));
                };
                if peer.refusal().is_some() {
                    return Course::Ends(Err(Fault::Broken));
                }
                let state = packet.first(attribute::STATE);
                match self.ask(now, index, Some(&response), state) {
                    Ok(()) => Course::Goes,
                    Err(fault) => Course::Ends(Err(fault)),
                }
            }
            _ => {
                let wanted = caller.entry.vlan;
                let Some(peer) = &mut session.peer else {
                    return Course::Ends(answer::judge(packet, wanted, None).map(|()| false));
                };
                let PeerStep::Success(msk) = peer.handle(now, &message) else {
                    return Course::Ends(Err(Fault::Broken));
                };
                let resumed = peer.is_resumed();
                let key =
                    self.by_source.get(&caller.entry.source).and_then(|at| self.keys.get(*at));
                let keys = key.map(|key| (key, authenticator, &msk));
                Course::Ends(answer::judge(packet, wanted, keys).map(|()| resumed))
            }
        }
    }

    fn end(&mut self, now: Moment, index: usize, result: Result<bool, Fault>) {
        let Some(session) = self.sessions.get_mut(index).and_then(Option::take) else { return };
        self.vacant.push(index);
        self.under_way -= 1;
        self.tally.elapsed = now.monotonic.saturating_sub(self.pace.begun().unwrap_or_default());
        let Some(caller) = self.callers.get(session.caller) else { return };
        let method = caller.entry.method;
        match result {
            Ok(resumed) => {
                let wait = now.monotonic.saturating_sub(session.due);
                self.tally.admitted(method, resumed, wait, session.rounds);
            }
            Err(fault) => self.tally.fault(fault),
        }
        let apart = self.settings.eap_tls_percent.is_some() && method == Method::EapTls;
        let [listed, certificates] = &mut self.idle;
        if apart {
            certificates.push_back(session.caller)
        } else {
            listed.push_back(session.caller)
        }
    }

    /// Begins what is due, and sends again what was not answered in time, or gives it up.
    pub fn handle_timeout(&mut self, now: Moment) {
        while let Some((due, named)) = self.waits.front().copied()
            && due <= now.monotonic
        {
            self.waits.pop_front();
            let lane = self.lanes.get_mut(named.lane);
            let Some(lane) = lane else { continue };
            let Some(question) = lane.get(named.identifier).filter(|it| it.due == due) else {
                continue;
            };
            if let Some(left) = question.retries_left.checked_sub(1) {
                question.retries_left = left;
                question.due = now.monotonic + self.settings.timeout;
                self.waits.push_back((question.due, named));
                self.outgoing.push_back(named);
                self.tally.retransmissions += 1;
            } else if let Some(session) = lane.close(named.identifier) {
                self.end(now, session, Err(Fault::NoAnswer));
            }
        }
        for _ in 0..BURST_MAX {
            let certificates = self.mix;
            let Some(ring) = self.ring() else {
                self.blocked |= self.pace.next(now.monotonic, self.under_way).is_some();
                self.mix = certificates;
                return;
            };
            let Some(due) = self.pace.take(now.monotonic, self.under_way) else {
                self.mix = certificates;
                self.blocked = false;
                return;
            };
            if self.blocked {
                self.tally.held_up += 1;
            } else {
                let late = now.monotonic.saturating_sub(due);
                self.tally.late_max = self.tally.late_max.max(late);
            }
            self.begin(now, due, ring);
        }
    }

    /// The ring that has the next device, if it has one; the mix moves on.
    fn ring(&mut self) -> Option<usize> {
        let ring = usize::from(self.settings.eap_tls_percent.is_some() && self.mix.take());
        let first = self.idle.get(ring)?.front()?;
        let source = self.callers.get(*first)?.entry.source;
        let source = *self.by_source.get(&source)?;
        self.lanes_of(source).iter().any(Lane::has_room).then_some(ring)
    }

    fn lanes_of(&self, source: usize) -> &[Lane] {
        let first = source * self.settings.ports;
        self.lanes.get(first..first + self.settings.ports).unwrap_or_default()
    }

    fn begin(&mut self, now: Moment, due: Duration, ring: usize) {
        let Some(index) = self.idle.get_mut(ring).and_then(VecDeque::pop_front) else { return };
        let Some(caller) = self.callers.get(index) else { return };
        self.tally.begun += 1;
        let config = match caller.entry.method {
            Method::Mab => None,
            Method::EapTls if self.resume.take() => caller.resuming.clone(),
            Method::EapTls => caller.fresh.clone(),
        };
        let identity = caller.entry.user.as_bytes().to_vec();
        let mut peer = config.map(|config| Box::new(Peer::new(config, identity, EAP_OCTETS_MAX)));
        let [identifier] = self.random.octets();
        let response = peer.as_mut().and_then(|peer| {
            match peer.handle(now, &eap::request(identifier, EapMethod::Identity, &[])) {
                PeerStep::Respond(response) => Some(response),
                PeerStep::Success(_) | PeerStep::Failure | PeerStep::Ignore => None,
            }
        });
        let session = Some(Session { caller: index, due, peer, rounds: 0 });
        let at = match self.vacant.pop() {
            Some(at) => at,
            None => {
                self.sessions.push(None);
                self.sessions.len() - 1
            }
        };
        if let Some(place) = self.sessions.get_mut(at) {
            *place = session;
        }
        self.under_way += 1;
        if let Err(fault) = self.ask(now, at, response.as_deref(), None) {
            self.end(now, at, Err(fault));
        }
    }

    /// Writes a request of a conversation and waits for its answer.
    fn ask(
        &mut self,
        now: Moment,
        index: usize,
        message: Option<&[u8]>,
        state: Option<&[u8]>,
    ) -> Result<(), Fault> {
        let session = self.sessions.get(index).and_then(Option::as_ref).ok_or(Fault::Broken)?;
        let caller = self.callers.get(session.caller).ok_or(Fault::Broken)?;
        let source = *self.by_source.get(&caller.entry.source).ok_or(Fault::Broken)?;
        let key = self.keys.get(source).ok_or(Fault::Broken)?;
        let authenticator = self.random.octets();
        self.turn = self.turn.wrapping_add(1);
        let ports = self.settings.ports;
        let free = (0..ports)
            .map(|step| source * ports + (self.turn.wrapping_add(step)) % ports)
            .find(|lane| self.lanes.get(*lane).is_some_and(Lane::has_room));
        let at = free.ok_or(Fault::Broken)?;
        let lane = self.lanes.get_mut(at).ok_or(Fault::Broken)?;
        let (identifier, question) = lane.open().ok_or(Fault::Broken)?;
        question.session = Some(index);
        question.authenticator = authenticator;
        question.retries_left = self.settings.retries;
        question.due = now.monotonic + self.settings.timeout;
        let named = Named { lane: at, identifier };
        let octets = &mut question.octets;
        let mut writer = Writer::request(octets, Code::AccessRequest, identifier, authenticator);
        writer.message_authenticator_first();
        writer.text(attribute::USER_NAME, &caller.entry.user);
        for (kind, value) in &caller.entry.attributes {
            writer.attribute(*kind, value);
        }
        match message {
            Some(message) => {
                writer.eap_message(message);
            }
            None => dialect::pap(&mut writer, key, authenticator, caller.entry.password.as_bytes()),
        }
        if let Some(state) = state {
            writer.attribute(attribute::STATE, state);
        }
        let due = question.due;
        if writer.finish_request(key).is_err() {
            lane.close(identifier);
            return Err(Fault::Broken);
        }
        self.waits.push_back((due, named));
        self.outgoing.push_back(named);
        Ok(())
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Outgoing<'_>> {
        let named = loop {
            let named = self.outgoing.pop_front()?;
            let waits = self.lanes.get_mut(named.lane).and_then(|lane| lane.get(named.identifier));
            if waits.is_some() {
                break named;
            }
        };
        let lane = self.lanes.get_mut(named.lane)?;
        let (source, port) = (*self.sources.get(lane.source)?, lane.port);
        let octets = lane.get(named.identifier)?.octets.as_slice();
        self.tally.octets_sent += u64::try_from(octets.len()).unwrap_or_default();
        Some(Outgoing { source, port, octets })
    }

    /// When [`Storm::handle_timeout`] has something to do next, on the monotonic clock.
    #[must_use]
    pub fn poll_timeout(&self, now: Moment) -> Option<Duration> {
        let start = self.pace.next(now.monotonic, self.under_way).filter(|_| !self.blocked);
        let again = self.waits.front().map(|(due, _)| *due);
        match (start, again) {
            (Some(start), Some(again)) => Some(start.min(again)),
            (start, again) => start.or(again),
        }
    }

    /// Whether every device has ended and none is to come.
    #[must_use]
    pub fn is_done(&self, now: Moment) -> bool {
        self.under_way == 0 && self.pace.is_over(now.monotonic)
    }

    /// Devices that were to begin and have not.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.pace.missing()
    }

    /// What was counted so far.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }
}

/// Whether a reply proves that the server knows the secret, as EAP always needs and a prudent
/// switch wants of every reply (RFC 2865 §3, RFC 3579 §3.2).
fn proven(key: &Key, packet: &Packet<'_>, authenticator: [u8; 16]) -> Result<(), Fault> {
    if !matches!(packet.code(), Code::AccessAccept | Code::AccessReject | Code::AccessChallenge) {
        return Err(Fault::NotAReply);
    }
    key.check_reply(packet, authenticator, true).map_err(|fault| match fault {
        ReplyFault::NotAReply => Fault::NotAReply,
        ReplyFault::ResponseAuthenticator => Fault::ResponseAuthenticator,
        ReplyFault::MessageAuthenticatorAbsent => Fault::SignatureAbsent,
        ReplyFault::MessageAuthenticatorInvalid => Fault::SignatureWrong,
    })
}
