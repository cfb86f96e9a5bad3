//! Tells switches to end a session or to authenticate anew (RFC 5176), and waits for each answer.
//!
//! One value for all switches: an Identifier tells requests to one address apart (COA-1), and a
//! request is sent again as the same octets. An answer counts only when it comes from the asked
//! address and proves the secret and the request; whatever else arrives changes nothing.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::{Action, AskError, IgnoreReason, Settings};
use crate::vocabulary::Moment;
use crate::wire::radius::{Code, Key, Packet, Writer, attribute};

/// Requests open at once, to all switches together.
pub const OPEN_MAX: usize = 4_096;
/// Switches whose next Identifier is remembered; far more than any city has.
const SWITCHES_MAX: usize = 65_536;

/// Names one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DynamicTicket(u64);

/// What a switch is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DynamicKind {
    /// Disconnect-Request (RFC 5176 §2.1).
    Disconnect,
    /// CoA-Request (RFC 5176 §2.2).
    Coa,
}

/// To whom a request goes and how it is spoken.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// What is asked for.
    pub kind: DynamicKind,
    /// The switch's address and port.
    pub to: SocketAddr,
    /// Our address, as the switch knows it.
    pub from: IpAddr,
    /// The shared secret.
    pub key: &'a Key,
    /// Whether the request begins with a Message-Authenticator.
    pub message_authenticator: bool,
    /// The codes that mean success to this switch, whatever was asked.
    pub acknowledged_by: &'a [Code],
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DynamicOutcome {
    /// The switch says that it is done.
    Acknowledged,
    /// The switch says No, with the Error-Cause (RFC 5176 §3.5) where it gave one.
    Refused(Option<u32>),
    /// Nobody proved an answer in time.
    Silent,
}

/// Where a datagram goes, and from which of our addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The switch.
    pub to: SocketAddr,
    /// Our address.
    pub from: IpAddr,
}

/// Requests to switches.
#[derive(Debug)]
pub struct Dynamic {
    settings: Settings,
    open: HashMap<(SocketAddr, u8), Question>,
    /// Counts on through all Identifiers, so that a late answer finds its own unused.
    next: HashMap<SocketAddr, u8>,
    due: BTreeSet<(Duration, SocketAddr, u8)>,
    outgoing: VecDeque<(SocketAddr, u8)>,
    events: VecDeque<(DynamicTicket, DynamicOutcome)>,
    tickets: u64,
    ignored: HashMap<IgnoreReason, u64>,
}

#[derive(Debug)]
struct Question {
    ticket: DynamicTicket,
    from: IpAddr,
    key: Key,
    acknowledged_by: Vec<Code>,
    octets: Vec<u8>,
    authenticator: [u8; 16],
    due: Duration,
    retries_left: u8,
}

impl Dynamic {
    /// Nothing asked yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            open: HashMap::new(),
            next: HashMap::new(),
            due: BTreeSet::new(),
            outgoing: VecDeque::new(),
            events: VecDeque::new(),
            tickets: 0,
            ignored: HashMap::new(),
        }
    }

    /// Asks a switch. `fill` writes what names the session, and what is wanted of it.
    ///
    /// # Errors
    /// [`AskError`]; then nothing was asked.
    pub fn ask(
        &mut self,
        now: Moment,
        ask: &Ask<'_>,
        fill: impl FnOnce(&mut Writer<'_>),
    ) -> Result<DynamicTicket, AskError> {
        if self.open.len() + self.events.len() >= OPEN_MAX {
            return Err(AskError::Full);
        }
        let identifier = self.identifier(ask.to).ok_or(AskError::Full)?;
        let code = match ask.kind {
            DynamicKind::Disconnect => Code::DisconnectRequest,
            DynamicKind::Coa => Code::CoaRequest,
        };
        let mut octets = Vec::new();
        // The authenticator is keyed and computed at the end (RFC 5176 §2.3).
        let mut writer = Writer::request(&mut octets, code, identifier, [0; 16]);
        if ask.message_authenticator {
            writer.message_authenticator_first();
        }
        fill(&mut writer);
        writer.finish_request(ask.key).map_err(AskError::Unwritable)?;
        let authenticator = Packet::parse(&octets).map_or([0; 16], |packet| packet.authenticator());
        self.tickets += 1;
        let ticket = DynamicTicket(self.tickets);
        let due = now.monotonic + self.settings.timeout;
        let question = Question {
            ticket,
            from: ask.from,
            key: ask.key.clone(),
            acknowledged_by: ask.acknowledged_by.to_vec(),
            octets,
            authenticator,
            due,
            retries_left: self.settings.retries,
        };
        self.open.insert((ask.to, identifier), question);
        self.due.insert((due, ask.to, identifier));
        self.outgoing.push_back((ask.to, identifier));
        Ok(ticket)
    }

    /// The next Identifier towards `to` that is not in use.
    fn identifier(&mut self, to: SocketAddr) -> Option<u8> {
        if self.next.len() >= SWITCHES_MAX {
            let open = &self.open;
            self.next.retain(|known, _| open.keys().any(|(asked, _)| asked == known));
        }
        let next = self.next.entry(to).or_default();
        for _ in 0..=u8::MAX {
            let identifier = *next;
            *next = next.wrapping_add(1);
            if !self.open.contains_key(&(to, identifier)) {
                return Some(identifier);
            }
        }
        None
    }

    /// Takes a datagram that came from `source`.
    pub fn handle(&mut self, datagram: &[u8], source: SocketAddr) -> Action {
        match self.accept(datagram, source) {
            Ok(()) => Action::Answered,
            Err(reason) => {
                *self.ignored.entry(reason).or_default() += 1;
                Action::Ignored { reason }
            }
        }
    }

    fn accept(&mut self, datagram: &[u8], source: SocketAddr) -> Result<(), IgnoreReason> {
        let packet = Packet::parse(datagram).map_err(IgnoreReason::Malformed)?;
        let at = (source, packet.identifier());
        let question = self.open.get(&at).ok_or(IgnoreReason::NothingAsked)?;
        // RFC 5176 asks for no Message-Authenticator in answers; one that is there must be right.
        question
            .key
            .check_reply(&packet, question.authenticator, false)
            .map_err(IgnoreReason::Unproven)?;
        let outcome = match packet.code() {
            code if question.acknowledged_by.contains(&code) => DynamicOutcome::Acknowledged,
            Code::DisconnectNak | Code::CoaNak => {
                DynamicOutcome::Refused(packet.integer(attribute::ERROR_CAUSE))
            }
            _ => return Err(IgnoreReason::WrongCode),
        };
        self.close(at, outcome);
        Ok(())
    }

    /// No longer asks: what is not yet sent again never is, and nothing more is heard of it.
    pub fn cancel(&mut self, ticket: DynamicTicket) {
        let found = self.open.iter().find(|(_, question)| question.ticket == ticket);
        if let Some(at) = found.map(|(at, _)| *at)
            && let Some(question) = self.open.remove(&at)
        {
            self.due.remove(&(question.due, at.0, at.1));
            self.outgoing.retain(|waiting| *waiting != at);
        }
    }

    /// Sends again what was not answered in time, or gives it up.
    pub fn handle_timeout(&mut self, now: Moment) {
        while let Some((due, to, identifier)) = self.due.first().copied()
            && due <= now.monotonic
        {
            self.due.remove(&(due, to, identifier));
            let Some(question) = self.open.get_mut(&(to, identifier)) else { continue };
            if let Some(left) = question.retries_left.checked_sub(1) {
                question.retries_left = left;
                question.due = now.monotonic + self.settings.timeout;
                self.due.insert((question.due, to, identifier));
                self.outgoing.push_back((to, identifier));
            } else {
                self.close((to, identifier), DynamicOutcome::Silent);
            }
        }
    }

    fn close(&mut self, at: (SocketAddr, u8), outcome: DynamicOutcome) {
        if let Some(question) = self.open.remove(&at) {
            self.due.remove(&(question.due, at.0, at.1));
            self.outgoing.retain(|waiting| *waiting != at);
            self.events.push_back((question.ticket, outcome));
        }
    }

    /// The next datagram to send: its octets in `octets`, and its way.
    pub fn poll_transmit(&mut self, octets: &mut Vec<u8>) -> Option<Route> {
        let at = self.outgoing.pop_front()?;
        let question = self.open.get(&at)?; // OK because closing takes it out of the queue
        octets.clear();
        octets.extend_from_slice(&question.octets);
        Some(Route { to: at.0, from: question.from })
    }

    /// When [`Dynamic::handle_timeout`] has something to do next, on the monotonic clock.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.due.first().map(|(due, ..)| *due)
    }

    /// The next request that ended.
    pub fn poll_event(&mut self) -> Option<(DynamicTicket, DynamicOutcome)> {
        self.events.pop_front()
    }

    /// How many datagrams were ignored, by reason.
    pub fn ignored(&self) -> impl Iterator<Item = (IgnoreReason, u64)> + '_ {
        self.ignored.iter().map(|(reason, count)| (*reason, *count))
    }
}
