//! Asks a RADIUS server and waits: unpredictable authenticators, retransmission of the same
//! octets, replies believed only when they prove the secret.
//!
//! Knows no sockets, no clock and not who asks. A [`Client`] asks one server for admission
//! (Access-Request), for life (Status-Server) or hands it an account (Accounting-Request);
//! [`Servers`] chooses among several of them; [`Dynamic`] asks switches (RFC 5176).

mod dynamic;
#[cfg(test)]
mod dynamic_tests;
mod reason;
mod servers;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

pub use dynamic::{Ask, Dynamic, DynamicKind, DynamicOutcome, DynamicTicket, OPEN_MAX, Route};
pub use reason::{Action, IgnoreReason};
pub use servers::{Asked, Outcome, ServerId, Servers};

use crate::vocabulary::{Moment, Random};
use crate::wire::radius::{Code, Key, Packet, Unwritable, Writer};

/// Questions open at once through one source port: as many as the Identifier tells apart
/// (RFC 2865 §3).
pub const QUESTIONS_MAX: usize = 256;

/// How long to wait for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// From one sending to the next.
    pub timeout: Duration,
    /// Sendings after the first.
    pub retries: u8,
}

/// One server, one secret, one source port.
#[derive(Debug)]
pub struct Client {
    server: SocketAddr,
    key: Key,
    settings: Settings,
    random: Random,
    /// Identifiers not in use, the one unused longest in front, so that a late reply finds its
    /// Identifier unused rather than in use for something else.
    free: VecDeque<u8>,
    open: HashMap<u8, Question>,
    /// When each open question is sent again or given up.
    due: BTreeSet<(Duration, u8)>,
    outgoing: VecDeque<u8>,
    events: VecDeque<Event>,
    tickets: u64,
    ignored: HashMap<IgnoreReason, u64>,
}

/// Names one question of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

/// How a question ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The server answered, and proved it.
    Reply {
        /// Which question.
        ticket: Ticket,
        /// The packet, exactly Length octets.
        octets: Vec<u8>,
        /// The authenticator of the question, under which keys in the reply are hidden.
        request_authenticator: [u8; 16],
    },
    /// Nobody answered in time.
    TimedOut {
        /// Which question.
        ticket: Ticket,
    },
}

/// Why a question cannot be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskError {
    /// [`QUESTIONS_MAX`] are open, or ended and not yet taken.
    Full,
    /// It cannot be written.
    Unwritable(Unwritable),
}

/// What is asked; decides which replies belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Access,
    Accounting,
    Status,
}

impl Kind {
    const fn request(self) -> Code {
        match self {
            Self::Access => Code::AccessRequest,
            Self::Accounting => Code::AccountingRequest,
            Self::Status => Code::StatusServer,
        }
    }

    /// RFC 2865 §4; RFC 2866 §4; RFC 5997 §4.2 for the authentication port.
    const fn is_answered_by(self, code: Code) -> bool {
        match self {
            Self::Access => {
                matches!(code, Code::AccessAccept | Code::AccessReject | Code::AccessChallenge)
            }
            Self::Accounting => matches!(code, Code::AccountingResponse),
            Self::Status => matches!(code, Code::AccessAccept),
        }
    }

    /// An Accounting-Response holds nothing worth forging, and servers seldom sign it twice.
    const fn wants_message_authenticator(self) -> bool {
        match self {
            Self::Access | Self::Status => true,
            Self::Accounting => false,
        }
    }
}

#[derive(Debug)]
struct Question {
    ticket: Ticket,
    kind: Kind,
    octets: Vec<u8>,
    authenticator: [u8; 16],
    due: Duration,
    retries_left: u8,
}

impl Client {
    /// A client with nothing asked. `seed` must be unpredictable and the client's own.
    #[must_use]
    pub fn new(server: SocketAddr, key: Key, settings: Settings, seed: &[u8; 32]) -> Self {
        Self {
            server,
            key,
            settings,
            random: Random::new(seed),
            free: (0..=u8::MAX).collect(),
            open: HashMap::new(),
            due: BTreeSet::new(),
            outgoing: VecDeque::new(),
            events: VecDeque::new(),
            tickets: 0,
            ignored: HashMap::new(),
        }
    }

    /// The key shared with the server, for hidden attributes of replies.
    #[must_use]
    pub const fn key(&self) -> &Key {
        &self.key
    }

    /// Asks for admission. `fill` writes every attribute but Message-Authenticator, which stands
    /// first; it is given the request authenticator, under which passwords are hidden.
    ///
    /// # Errors
    /// [`AskError`]; then nothing was asked.
    pub fn ask_access(
        &mut self,
        now: Moment,
        fill: impl FnOnce(&mut Writer<'_>, &Key, [u8; 16]),
    ) -> Result<Ticket, AskError> {
        self.ask(now, Kind::Access, fill)
    }

    /// Hands over an account (RFC 2866). `fill` writes every attribute but Message-Authenticator.
    ///
    /// # Errors
    /// [`AskError`]; then nothing was sent.
    pub fn ask_accounting(
        &mut self,
        now: Moment,
        fill: impl FnOnce(&mut Writer<'_>),
    ) -> Result<Ticket, AskError> {
        self.ask(now, Kind::Accounting, |writer, _, _| fill(writer))
    }

    /// Asks whether the server lives (RFC 5997).
    ///
    /// # Errors
    /// [`AskError`]; then nothing was asked.
    pub fn ask_status(&mut self, now: Moment) -> Result<Ticket, AskError> {
        self.ask(now, Kind::Status, |_, _, _| {})
    }

    fn ask(
        &mut self,
        now: Moment,
        kind: Kind,
        fill: impl FnOnce(&mut Writer<'_>, &Key, [u8; 16]),
    ) -> Result<Ticket, AskError> {
        if self.open.len() + self.events.len() >= QUESTIONS_MAX {
            return Err(AskError::Full);
        }
        let identifier = self.free.pop_front().ok_or(AskError::Full)?;
        let authenticator = self.random.octets();
        let mut octets = Vec::new();
        let mut writer = Writer::request(&mut octets, kind.request(), identifier, authenticator);
        writer.message_authenticator_first();
        fill(&mut writer, &self.key, authenticator);
        if let Err(fault) = writer.finish_request(&self.key) {
            self.free.push_front(identifier);
            return Err(AskError::Unwritable(fault));
        }
        // The authenticator of an account is keyed and known only now (RFC 2866 §3).
        let authenticator =
            Packet::parse(&octets).map_or(authenticator, |packet| packet.authenticator());
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let due = now.monotonic + self.settings.timeout;
        let retries_left = self.settings.retries;
        let question = Question { ticket, kind, octets, authenticator, due, retries_left };
        self.open.insert(identifier, question);
        self.due.insert((due, identifier));
        self.outgoing.push_back(identifier);
        Ok(ticket)
    }

    /// Takes a datagram that came from `source`. What does not prove to be the answer changes
    /// nothing: neither a forger nor a stray packet can end the wait.
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
        if source != self.server {
            return Err(IgnoreReason::OtherSource);
        }
        let packet = Packet::parse(datagram).map_err(IgnoreReason::Malformed)?;
        let identifier = packet.identifier();
        let question = self.open.get(&identifier).ok_or(IgnoreReason::NothingAsked)?;
        self.key
            .check_reply(
                &packet,
                question.authenticator,
                question.kind.wants_message_authenticator(),
            )
            .map_err(IgnoreReason::Unproven)?;
        if !question.kind.is_answered_by(packet.code()) {
            return Err(IgnoreReason::WrongCode);
        }
        if let Some(question) = self.close(identifier) {
            self.events.push_back(Event::Reply {
                ticket: question.ticket,
                octets: packet.octets().to_vec(),
                request_authenticator: question.authenticator,
            });
        }
        Ok(())
    }

    /// No longer waits for the answer to a question; nothing more is heard of it.
    pub fn cancel(&mut self, ticket: Ticket) {
        let found = self.open.iter().find(|(_, question)| question.ticket == ticket);
        if let Some(identifier) = found.map(|(identifier, _)| *identifier) {
            self.close(identifier);
        }
    }

    /// Sends again what was not answered in time, or gives it up. Says whether an
    /// Access-Request is among what is sent again.
    pub fn handle_timeout(&mut self, now: Moment) -> bool {
        let mut again = false;
        while let Some((due, identifier)) = self.due.first().copied()
            && due <= now.monotonic
        {
            self.due.remove(&(due, identifier));
            let Some(question) = self.open.get_mut(&identifier) else { continue };
            if let Some(left) = question.retries_left.checked_sub(1) {
                question.retries_left = left;
                question.due = now.monotonic + self.settings.timeout;
                self.due.insert((question.due, identifier));
                self.outgoing.push_back(identifier);
                again |= question.kind == Kind::Access;
            } else if let Some(question) = self.close(identifier) {
                self.events.push_back(Event::TimedOut { ticket: question.ticket });
            }
        }
        again
    }

    fn close(&mut self, identifier: u8) -> Option<Question> {
        let question = self.open.remove(&identifier)?;
        self.due.remove(&(question.due, identifier));
        self.outgoing.retain(|waiting| *waiting != identifier);
        self.free.push_back(identifier);
        Some(question)
    }

    /// The next datagram to send: its octets in `octets`, and where to.
    pub fn poll_transmit(&mut self, octets: &mut Vec<u8>) -> Option<SocketAddr> {
        let identifier = self.outgoing.pop_front()?;
        let question = self.open.get(&identifier)?; // OK because closing takes it out of the queue
        octets.clear();
        octets.extend_from_slice(&question.octets);
        Some(self.server)
    }

    /// When [`Client::handle_timeout`] has something to do next, on the monotonic clock.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.due.first().map(|(due, _)| *due)
    }

    /// The next question that ended.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// How many datagrams were ignored, by reason.
    pub fn ignored(&self) -> impl Iterator<Item = (IgnoreReason, u64)> + '_ {
        self.ignored.iter().map(|(reason, count)| (*reason, *count))
    }
}
