//! Accounts: kept until a server takes them, within bounds, and never in anyone's way.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use super::event::Counter;
use super::nas::{self, Nas};
use super::pae::TerminateCause;
use super::port::Session;
use super::settings::Port;
use crate::client::{Action, AskError, Asked, Outcome, ServerId, Servers};
use crate::vocabulary::{Moment, Timestamp};
use crate::wire::radius::{Writer, attribute};

/// Records waiting or under way; beyond, the oldest waiting is given up.
const RECORDS_MAX: usize = 1024;
/// Servers tried for one record, the same one counted again.
const ATTEMPTS_MAX: u8 = 10;
/// Until a record that no server took is offered again.
const PAUSE: Duration = Duration::from_secs(30);
/// Acct-Authentic: by RADIUS, by ourselves (RFC 2866 §5.6).
const AUTHENTIC_RADIUS: u32 = 1;
const AUTHENTIC_LOCAL: u32 = 2;

/// What a record tells (Acct-Status-Type, RFC 2866 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Start,
    Stop(TerminateCause),
    Interim,
    /// The authenticator has started: what it told of before is over.
    On,
}

impl Status {
    const fn number(self) -> u32 {
        match self {
            Self::Start => 1,
            Self::Stop(_) => 2,
            Self::Interim => 3,
            Self::On => 7,
        }
    }
}

/// One record. Event-Timestamp says when it happened, so that no repetition changes it.
#[derive(Debug)]
struct Record {
    status: Status,
    at: Timestamp,
    id: String,
    session: Option<(Port, Session, Duration)>,
    attempts: u8,
    not_before: Duration,
}

#[derive(Debug)]
pub(super) struct Accounting {
    servers: Servers,
    waiting: VecDeque<Record>,
    open: HashMap<Asked, Record>,
    pub(super) counted: Vec<Counter>,
}

impl Accounting {
    pub(super) fn new(servers: Servers) -> Self {
        let (waiting, open) = (VecDeque::new(), HashMap::new());
        Self { servers, waiting, open, counted: Vec::new() }
    }

    /// Tells that the authenticator has started.
    pub(super) fn on(&mut self, now: Moment, nas: &Nas, id: String) {
        self.put(now, nas, Status::On, id, None);
    }

    /// Tells of a session.
    pub(super) fn tell(
        &mut self,
        now: Moment,
        nas: &Nas,
        status: Status,
        port: &Port,
        session: &Session,
    ) {
        let lasted = now.monotonic.saturating_sub(session.since.monotonic);
        let about = Some((port.clone(), session.clone(), lasted));
        self.put(now, nas, status, session.id.clone(), about);
    }

    fn put(
        &mut self,
        now: Moment,
        nas: &Nas,
        status: Status,
        id: String,
        session: Option<(Port, Session, Duration)>,
    ) {
        if self.servers.is_empty() {
            return;
        }
        if self.waiting.len() + self.open.len() >= RECORDS_MAX {
            self.counted.push(Counter::AccountingLost);
            if self.waiting.pop_front().is_none() {
                return;
            }
        }
        let (at, not_before) = (now.wall, now.monotonic);
        self.waiting.push_back(Record { status, at, id, session, attempts: 0, not_before });
        self.send(now, nas);
    }

    fn send(&mut self, now: Moment, nas: &Nas) {
        for _ in 0..self.waiting.len() {
            let Some(mut record) = self.waiting.pop_front() else { return };
            if record.not_before > now.monotonic {
                self.waiting.push_back(record);
                continue;
            }
            let Some(server) = self.servers.choose(now) else {
                record.not_before = now.monotonic + PAUSE;
                self.waiting.push_back(record);
                continue;
            };
            let fill = |writer: &mut Writer<'_>| record.write(writer, nas);
            match self.servers.ask_accounting(now, server, fill) {
                Ok(asked) => {
                    self.open.insert(asked, record);
                }
                Err(AskError::Full) => {
                    record.not_before = now.monotonic + PAUSE;
                    self.waiting.push_back(record);
                }
                Err(AskError::Unwritable(_)) => self.counted.push(Counter::AccountingLost),
            }
        }
    }

    /// Takes a datagram that came to the source port used towards `server`.
    pub(super) fn handle(
        &mut self,
        now: Moment,
        nas: &Nas,
        server: ServerId,
        octets: &[u8],
        source: SocketAddr,
    ) -> Action {
        let action = self.servers.handle(now, server, octets, source);
        self.follow(now, nas);
        action
    }

    pub(super) fn handle_timeout(&mut self, now: Moment, nas: &Nas) {
        self.servers.handle_timeout(now);
        self.follow(now, nas);
    }

    fn follow(&mut self, now: Moment, nas: &Nas) {
        while let Some((asked, outcome)) = self.servers.poll_event() {
            let Some(mut record) = self.open.remove(&asked) else { continue };
            match outcome {
                Outcome::Reply { .. } => self.counted.push(Counter::AccountingSent),
                Outcome::Unanswered | Outcome::Lost => {
                    record.attempts += 1;
                    if record.attempts < ATTEMPTS_MAX {
                        self.waiting.push_back(record);
                    } else {
                        self.counted.push(Counter::AccountingLost);
                    }
                }
            }
        }
        self.send(now, nas);
    }

    pub(super) fn poll_transmit(&mut self, octets: &mut Vec<u8>) -> Option<(ServerId, SocketAddr)> {
        self.servers.poll_transmit(octets)
    }

    pub(super) fn poll_timeout(&self) -> Option<Duration> {
        let waiting = self.waiting.iter().map(|record| record.not_before);
        self.servers.poll_timeout().into_iter().chain(waiting).min()
    }
}

impl Record {
    fn write(&self, writer: &mut Writer<'_>, nas: &Nas) {
        writer
            .integer(attribute::ACCT_STATUS_TYPE, self.status.number())
            .text(attribute::ACCT_SESSION_ID, &self.id);
        // Seconds since 1970 fit until 2106.
        let at = u32::try_from(self.at.seconds()).unwrap_or_default();
        writer.integer(attribute::EVENT_TIMESTAMP, at);
        let Some((port, session, lasted)) = &self.session else {
            nas.itself(writer);
            return;
        };
        nas.place(writer, port);
        nas::user_name(writer, session.mac, &session.user);
        nas::station(writer, port, session.mac);
        let by = if session.by_server() { AUTHENTIC_RADIUS } else { AUTHENTIC_LOCAL };
        writer.integer(attribute::ACCT_AUTHENTIC, by);
        writer.vlan(None, &session.vlan.to_string());
        for class in session.class.iter().filter(|class| !class.is_empty()) {
            writer.attribute(attribute::CLASS, class);
        }
        let seconds = u32::try_from(lasted.as_secs()).unwrap_or(u32::MAX);
        match self.status {
            Status::Start | Status::On => {}
            Status::Interim => {
                writer.integer(attribute::ACCT_SESSION_TIME, seconds);
            }
            Status::Stop(cause) => {
                writer
                    .integer(attribute::ACCT_SESSION_TIME, seconds)
                    .integer(attribute::ACCT_TERMINATE_CAUSE, cause.number());
            }
        }
    }
}
