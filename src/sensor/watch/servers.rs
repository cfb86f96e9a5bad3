//! How servers answer: one that answers one client unlike all others is answered for.

use std::net::IpAddr;

use super::{Context, Draft, Sensor, Subject};
use crate::sensor::dissect::{Layout, Syn};
use crate::sensor::fingerprint::{StackClass, initial_ttl};
use crate::sensor::sign::SignKind;
use crate::vocabulary::Mac;

/// Servers whose answers are remembered.
pub const SERVERS_MAX: usize = 16_384;
/// Clients a server must answer alike before another answer means anything.
pub const CLIENTS_MIN: usize = 3;

/// A server, and the kind of stack it answers: an answer has only options that were offered.
pub(super) type ServerKey = (IpAddr, u16, Option<StackClass>);

/// How a server answers.
#[derive(Clone, Debug)]
pub(super) struct Server {
    answer: (u8, Layout),
    clients: Vec<Mac>,
    /// Whether it answered differently before it was known: several stand behind its address.
    varies: bool,
}

impl Sensor {
    /// Compares the SYN-ACK that `client` was sent with what others are sent.
    pub(super) fn compare_server(
        &mut self,
        at: &Context,
        client: Mac,
        asked: IpAddr,
        key: ServerKey,
        (ttl, syn): (u8, Syn),
    ) {
        let answer = (initial_ttl(ttl), syn.layout);
        let new = || Server { answer, clients: Vec::new(), varies: false };
        let known = self.servers.get_or(key, new);
        let settled = known.clients.len() >= CLIENTS_MIN;
        if known.answer == answer {
            if !settled && !known.clients.contains(&client) {
                known.clients.push(client);
            }
            return;
        }
        if !settled {
            known.varies = true;
        }
        if known.varies || self.is_gateway(client) {
            return;
        }
        let (server, port, _) = key;
        let draft = Draft::new(SignKind::ServerStack).at(asked);
        self.raise(at, Subject::Mac(client), draft.fact("server", format!("{server} {port}")));
    }
}
