//! Several servers that know the same: which is asked, and which is passed over for a while.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use super::{Action, AskError, Client, Event, IgnoreReason, Ticket};
use crate::vocabulary::Moment;
use crate::wire::radius::{Key, Writer};

/// Names one server, as whoever made the list did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(pub u16);

/// Names one question to one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Asked {
    /// The server.
    pub server: ServerId,
    ticket: Ticket,
}

/// How a question to one of the servers ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server answered, and proved it.
    Reply {
        /// The packet, exactly Length octets.
        octets: Vec<u8>,
    },
    /// The server does not answer this question, but others meanwhile: asking elsewhere or
    /// again is of no use.
    Unanswered,
    /// The server answers nothing, and is passed over from now on.
    Lost,
}

/// A list of servers, the most wanted first.
///
/// A server that let a question run out is dead for a time, but only when it answered nothing
/// since: a host whose EAP makes a server silent must not take the server from all others.
/// So that something could have been answered, Status-Server goes with the first repetition.
#[derive(Debug)]
pub struct Servers {
    servers: Vec<Server>,
    dead_time: Duration,
    asked: HashMap<Asked, Duration>,
    events: VecDeque<(Asked, Outcome)>,
}

#[derive(Debug)]
struct Server {
    id: ServerId,
    client: Client,
    answered: Option<Duration>,
    dead_until: Option<Duration>,
    probe: Option<Ticket>,
}

impl Servers {
    /// Servers of which nothing is known yet.
    #[must_use]
    pub fn new(clients: Vec<(ServerId, Client)>, dead_time: Duration) -> Self {
        let servers = clients.into_iter().map(|(id, client)| Server {
            id,
            client,
            answered: None,
            dead_until: None,
            probe: None,
        });
        let (asked, events) = (HashMap::new(), VecDeque::new());
        Self { servers: servers.collect(), dead_time, asked, events }
    }

    /// Whether there is none at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.servers.is_empty()
    }

    /// The first server that is not dead.
    #[must_use]
    pub fn choose(&self, now: Moment) -> Option<ServerId> {
        let alive = |server: &&Server| server.dead_until.is_none_or(|until| until <= now.monotonic);
        self.servers.iter().find(alive).map(|server| server.id)
    }

    /// When the first of the dead may be asked again; `None` when none is dead.
    #[must_use]
    pub fn revival(&self) -> Option<Duration> {
        self.servers.iter().filter_map(|server| server.dead_until).min()
    }

    /// As [`Client::ask_access`], dead or not: a conversation stays with its server.
    ///
    /// # Errors
    /// As there; a server that is not in the list has no room.
    pub fn ask_access(
        &mut self,
        now: Moment,
        server: ServerId,
        fill: impl FnOnce(&mut Writer<'_>, &Key, [u8; 16]),
    ) -> Result<Asked, AskError> {
        self.ask(now, server, |client| client.ask_access(now, fill))
    }

    /// As [`Client::ask_accounting`].
    ///
    /// # Errors
    /// As there; a server that is not in the list has no room.
    pub fn ask_accounting(
        &mut self,
        now: Moment,
        server: ServerId,
        fill: impl FnOnce(&mut Writer<'_>),
    ) -> Result<Asked, AskError> {
        self.ask(now, server, |client| client.ask_accounting(now, fill))
    }

    fn ask(
        &mut self,
        now: Moment,
        id: ServerId,
        ask: impl FnOnce(&mut Client) -> Result<Ticket, AskError>,
    ) -> Result<Asked, AskError> {
        let server = self.servers.iter_mut().find(|server| server.id == id);
        let ticket = ask(&mut server.ok_or(AskError::Full)?.client)?;
        let asked = Asked { server: id, ticket };
        self.asked.insert(asked, now.monotonic);
        Ok(asked)
    }

    /// As [`Client::cancel`].
    pub fn cancel(&mut self, asked: Asked) {
        self.asked.remove(&asked);
        if let Some(server) = self.servers.iter_mut().find(|server| server.id == asked.server) {
            server.client.cancel(asked.ticket);
        }
    }

    /// Takes a datagram that came from `source` to the source port used towards `id`.
    pub fn handle(
        &mut self,
        now: Moment,
        id: ServerId,
        datagram: &[u8],
        source: SocketAddr,
    ) -> Action {
        let Some(server) = self.servers.iter_mut().find(|server| server.id == id) else {
            return Action::Ignored { reason: IgnoreReason::OtherSource };
        };
        let action = server.client.handle(datagram, source);
        self.follow(now);
        action
    }

    /// Sends again what was not answered in time, or gives it up.
    pub fn handle_timeout(&mut self, now: Moment) {
        for server in &mut self.servers {
            if server.client.handle_timeout(now) && server.probe.is_none() {
                // OK because without room for the probe the question alone decides.
                server.probe = server.client.ask_status(now).ok();
            }
        }
        self.follow(now);
    }

    fn follow(&mut self, now: Moment) {
        for server in &mut self.servers {
            while let Some(event) = server.client.poll_event() {
                let (ticket, reply) = match event {
                    Event::Reply { ticket, octets, .. } => (ticket, Some(octets)),
                    Event::TimedOut { ticket } => (ticket, None),
                };
                if server.probe == Some(ticket) {
                    server.probe = None;
                }
                if reply.is_some() {
                    server.answered = Some(now.monotonic);
                    server.dead_until = None;
                }
                let asked = Asked { server: server.id, ticket };
                let Some(since) = self.asked.remove(&asked) else { continue };
                let outcome = match reply {
                    Some(octets) => Outcome::Reply { octets },
                    None if server.answered.is_some_and(|answered| answered > since) => {
                        Outcome::Unanswered
                    }
                    None => {
                        server.dead_until = Some(now.monotonic + self.dead_time);
                        Outcome::Lost
                    }
                };
                self.events.push_back((asked, outcome));
            }
        }
    }

    /// The next datagram to send: its octets in `octets`, by which source port, and where to.
    pub fn poll_transmit(&mut self, octets: &mut Vec<u8>) -> Option<(ServerId, SocketAddr)> {
        self.servers.iter_mut().find_map(|server| {
            server.client.poll_transmit(octets).map(|address| (server.id, address))
        })
    }

    /// When [`Servers::handle_timeout`] has something to do next, on the monotonic clock.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.servers.iter().filter_map(|server| server.client.poll_timeout()).min()
    }

    /// The next question that ended.
    pub fn poll_event(&mut self) -> Option<(Asked, Outcome)> {
        self.events.pop_front()
    }
}
