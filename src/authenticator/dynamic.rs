//! The dynamic authorization server (RFC 5176): who may ask, what is asked, and one answer each.
//!
//! A request is carried out only after its sender's address, its keyed authenticator and its
//! Message-Authenticator are right and its Event-Timestamp lies in the window. Answers are
//! remembered for as long as a copy could pass the window, so that nothing is done twice.

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::answer::read_vlan;
use super::event::Counter;
use super::nas::Nas;
use super::settings;
use crate::vocabulary::{Mac, Moment, VlanId};
use crate::wire::radius::{Code, Key, MessageAuthenticator, Packet, Writer, attribute};

/// Answers remembered at once; further requests are refused until the oldest is too old.
const ANSWERS_MAX: usize = 1024;
/// SMI number of Cisco, and its attribute of name and value.
const VENDOR_CISCO: u32 = 9;
const CISCO_AVPAIR: u8 = 1;
const REAUTHENTICATE: &[u8] = b"subscriber:command=reauthenticate";
const BOUNCE: &[u8] = b"subscriber:command=bounce-host-port";

/// Why a request is not carried out (Error-Cause, RFC 5176 §3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ErrorCause {
    UnsupportedAttribute,
    MissingAttribute,
    NasMismatch,
    InvalidRequest,
    UnsupportedService,
    InvalidAttributeValue,
    SessionNotFound,
    ResourcesUnavailable,
    MultipleSessions,
}

impl ErrorCause {
    const fn number(self) -> u32 {
        match self {
            Self::UnsupportedAttribute => 401,
            Self::MissingAttribute => 402,
            Self::NasMismatch => 403,
            Self::InvalidRequest => 404,
            Self::UnsupportedService => 405,
            Self::InvalidAttributeValue => 407,
            Self::SessionNotFound => 503,
            Self::ResourcesUnavailable => 506,
            Self::MultipleSessions => 508,
        }
    }
}

/// What is to be done with the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Disconnect,
    Move(VlanId),
    Reauthenticate,
    Bounce,
}

/// One thing a session must agree with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Criterion {
    Mac(Mac),
    Port(u32),
    PortId(Vec<u8>),
    Session(Vec<u8>),
    User(Vec<u8>),
}

/// Names one request that awaits its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket(u64);

/// What became of a datagram.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Nothing is to be done.
    Over(Counter),
    /// This is to be done with the one session that agrees with everything.
    Do(Ticket, Command, Vec<Criterion>),
}

#[derive(Debug)]
pub(super) struct Service {
    clients: Vec<(IpAddr, Key)>,
    window: Duration,
    required: bool,
    done: VecDeque<Done>,
    tickets: u64,
    outgoing: VecDeque<(SocketAddr, Vec<u8>)>,
}

/// A request taken, and its answer once there is one.
#[derive(Debug)]
struct Done {
    ticket: Ticket,
    client: IpAddr,
    source: SocketAddr,
    request: Vec<u8>,
    at: Duration,
    reply: Option<Vec<u8>>,
}

impl Service {
    pub(super) fn new(settings: &settings::Dynamic) -> Self {
        let clients = settings
            .clients
            .iter()
            .map(|client| (client.address.to_canonical(), Key::new(&client.secret)));
        Self {
            clients: clients.collect(),
            window: settings.window,
            required: settings.require_message_authenticator,
            done: VecDeque::new(),
            tickets: 0,
            outgoing: VecDeque::new(),
        }
    }

    /// Whether anyone may ask at all.
    pub(super) const fn is_open(&self) -> bool {
        !self.clients.is_empty()
    }

    /// Takes a datagram.
    pub(super) fn handle(
        &mut self,
        now: Moment,
        nas: &Nas,
        octets: &[u8],
        source: SocketAddr,
    ) -> Verdict {
        let client = source.ip().to_canonical();
        let Some((_, key)) = self.clients.iter().find(|(address, _)| *address == client) else {
            return Verdict::Over(Counter::DynamicUnknown);
        };
        let packet = match prove(octets, key, self.required) {
            Ok(packet) => packet,
            Err(counter) => return Verdict::Over(counter),
        };
        // Twice the window: a clock ahead of ours may stamp what passes that much longer.
        let kept = self.window * 2;
        while self.done.front().is_some_and(|done| done.at + kept < now.monotonic) {
            self.done.pop_front();
        }
        let copy = |done: &&Done| done.client == client && done.request == packet.octets();
        if let Some(done) = self.done.iter().find(copy) {
            if let Some(reply) = &done.reply {
                self.outgoing.push_back((source, reply.clone()));
            }
            return Verdict::Over(Counter::DynamicDuplicate);
        }
        let stamp = packet.integer(attribute::EVENT_TIMESTAMP);
        if stamp.is_some_and(|stamp| !in_window(now, stamp, self.window)) {
            return Verdict::Over(Counter::DynamicStale);
        }
        let full = self.done.len() >= ANSWERS_MAX;
        if full {
            let reply = write(&packet, key, Err(ErrorCause::ResourcesUnavailable));
            self.outgoing.extend(reply.map(|reply| (source, reply)));
            return Verdict::Over(Counter::DynamicRefused);
        }
        let read = read(&packet, nas);
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let (request, at) = (packet.octets().to_vec(), now.monotonic);
        self.done.push_back(Done { ticket, client, source, request, at, reply: None });
        match read {
            Ok((command, criteria)) => Verdict::Do(ticket, command, criteria),
            Err(cause) => Verdict::Over(self.answer(ticket, Err(cause))),
        }
    }

    /// Answers a request, and remembers the answer.
    pub(super) fn answer(&mut self, ticket: Ticket, result: Result<(), ErrorCause>) -> Counter {
        let done = self.done.iter_mut().find(|done| done.ticket == ticket);
        if let Some(done) = done
            && let Some((_, key)) = self.clients.iter().find(|(client, _)| *client == done.client)
            && let Ok(request) = Packet::parse(&done.request)
            && let Some(reply) = write(&request, key, result)
        {
            self.outgoing.push_back((done.source, reply.clone()));
            done.reply = Some(reply);
        }
        if result.is_ok() { Counter::DynamicDone } else { Counter::DynamicRefused }
    }

    pub(super) fn poll_transmit(&mut self, octets: &mut Vec<u8>) -> Option<SocketAddr> {
        let (to, reply) = self.outgoing.pop_front()?;
        *octets = reply;
        Some(to)
    }
}

/// Reads a packet and makes sure who made it.
fn prove<'a>(octets: &'a [u8], key: &Key, required: bool) -> Result<Packet<'a>, Counter> {
    let packet = Packet::parse(octets).map_err(|_| Counter::DynamicMalformed)?;
    if !matches!(packet.code(), Code::CoaRequest | Code::DisconnectRequest) {
        return Err(Counter::DynamicMalformed);
    }
    if !key.check_keyed_request(&packet) {
        return Err(Counter::DynamicUnproven);
    }
    match key.check_message_authenticator(&packet) {
        MessageAuthenticator::Valid => Ok(packet),
        MessageAuthenticator::Absent if !required => Ok(packet),
        MessageAuthenticator::Absent | MessageAuthenticator::Invalid => {
            Err(Counter::DynamicUnproven)
        }
    }
}

fn in_window(now: Moment, stamp: u32, window: Duration) -> bool {
    now.wall.seconds().abs_diff(i64::from(stamp)) <= window.as_secs()
}

fn write(request: &Packet<'_>, key: &Key, result: Result<(), ErrorCause>) -> Option<Vec<u8>> {
    let code = match (request.code() == Code::DisconnectRequest, result) {
        (true, Ok(())) => Code::DisconnectAck,
        (true, Err(_)) => Code::DisconnectNak,
        (false, Ok(())) => Code::CoaAck,
        (false, Err(_)) => Code::CoaNak,
    };
    let mut octets = Vec::new();
    let mut writer = Writer::reply(&mut octets, code, request);
    writer.message_authenticator_first();
    if let Err(cause) = result {
        writer.integer(attribute::ERROR_CAUSE, cause.number());
    }
    writer.copy_proxy_states(request);
    writer.finish_reply(key, request.authenticator()).ok()?;
    Some(octets)
}

/// Reads what is asked and of which session.
///
/// # Errors
/// The cause to answer with; nothing is guessed and nothing unknown is passed over.
fn read(packet: &Packet<'_>, nas: &Nas) -> Result<(Command, Vec<Criterion>), ErrorCause> {
    let mut criteria = Vec::new();
    let mut commands = BTreeSet::new();
    let mut stamped = false;
    let disconnect = packet.code() == Code::DisconnectRequest;
    for one in packet.attributes() {
        let value = one.value;
        match one.kind {
            attribute::MESSAGE_AUTHENTICATOR | attribute::PROXY_STATE => {}
            attribute::EVENT_TIMESTAMP => stamped = value.len() == 4,
            attribute::NAS_IDENTIFIER if value != nas.name.as_bytes() => {
                return Err(ErrorCause::NasMismatch);
            }
            attribute::NAS_IP_ADDRESS | attribute::NAS_IPV6_ADDRESS if !is_ours(value, nas) => {
                return Err(ErrorCause::NasMismatch);
            }
            attribute::NAS_IDENTIFIER | attribute::NAS_IP_ADDRESS | attribute::NAS_IPV6_ADDRESS => {
            }
            attribute::CALLING_STATION_ID => {
                let text = std::str::from_utf8(value).map_err(|_| ErrorCause::InvalidRequest)?;
                let mac = Mac::parse(text).map_err(|_| ErrorCause::InvalidRequest)?;
                criteria.push(Criterion::Mac(mac));
            }
            attribute::NAS_PORT => {
                let octets = value.try_into().map_err(|_| ErrorCause::InvalidRequest)?;
                criteria.push(Criterion::Port(u32::from_be_bytes(octets)));
            }
            attribute::NAS_PORT_ID => criteria.push(Criterion::PortId(value.to_vec())),
            attribute::ACCT_SESSION_ID => criteria.push(Criterion::Session(value.to_vec())),
            attribute::USER_NAME => criteria.push(Criterion::User(value.to_vec())),
            attribute::TUNNEL_TYPE
            | attribute::TUNNEL_MEDIUM_TYPE
            | attribute::TUNNEL_PRIVATE_GROUP_ID
                if !disconnect => {}
            attribute::VENDOR_SPECIFIC if !disconnect => {
                commands.insert(command(value)?);
            }
            attribute::SERVICE_TYPE => return Err(ErrorCause::UnsupportedService),
            _ => return Err(ErrorCause::UnsupportedAttribute),
        }
    }
    // Without a time a recorded request could be played again for ever (RFC 5176 §6.3).
    if criteria.is_empty() || !stamped {
        return Err(ErrorCause::MissingAttribute);
    }
    if disconnect {
        return Ok((Command::Disconnect, criteria));
    }
    let vlan = read_vlan(packet).map_err(|_| ErrorCause::InvalidAttributeValue)?;
    let mut commands = commands.into_iter();
    match (vlan, commands.next(), commands.next()) {
        (Some(vlan), None, None) if nas.vlans.contains(&vlan) => {
            Ok((Command::Move(vlan), criteria))
        }
        (Some(_), None, None) => Err(ErrorCause::InvalidAttributeValue),
        (None, Some(true), None) => Ok((Command::Bounce, criteria)),
        (None, Some(false), None) => Ok((Command::Reauthenticate, criteria)),
        (None, None, None) => Err(ErrorCause::MissingAttribute),
        (_, Some(_), _) | (_, None, Some(_)) => Err(ErrorCause::InvalidRequest),
    }
}

/// Reads the one command of a vendor attribute: true bounces, false authenticates anew.
fn command(value: &[u8]) -> Result<bool, ErrorCause> {
    let pair = value
        .strip_prefix(&VENDOR_CISCO.to_be_bytes())
        .and_then(|rest| rest.split_first_chunk())
        .filter(|([kind, length], pair)| {
            *kind == CISCO_AVPAIR && usize::from(*length) == pair.len() + 2
        });
    match pair {
        Some((_, REAUTHENTICATE)) => Ok(false),
        Some((_, BOUNCE)) => Ok(true),
        Some(_) | None => Err(ErrorCause::UnsupportedAttribute),
    }
}

fn is_ours(value: &[u8], nas: &Nas) -> bool {
    match nas.address {
        IpAddr::V4(address) => value == address.octets(),
        IpAddr::V6(address) => value == address.octets(),
    }
}
