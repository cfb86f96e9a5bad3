//! What a simulated device does once a switch has seen it.

use std::sync::Arc;

use super::wallet::Paper;
use crate::eap::peer::{Peer, PeerConfig, PeerStep};
use crate::eap::tls::Msk;
use crate::vocabulary::Moment;
use crate::wire::eap::{Code, Md5Value, Method, Packet, md5_answer, request, response};

/// The EAP packets of a simulated device are no longer than this, in octets.
const EAP_OCTETS_MAX: usize = 1_000;

/// By what a device wants to be let in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Credential {
    /// Nothing but its MAC address.
    Mac,
    /// A certificate, by EAP-TLS.
    Certificate(Paper),
}

/// The end of an EAP conversation that a switch relays: the device's own supplicant, or the
/// switch itself where it wraps a MAC address in EAP-MD5.
pub(super) enum Supplicant {
    Tls(Box<Peer>),
    Md5 { name: Vec<u8>, password: Vec<u8> },
}

/// What a supplicant makes of a packet.
pub(super) enum Step {
    /// It answers.
    Respond(Vec<u8>),
    /// It is let in; EAP-MD5 has no keys.
    Success(Option<Msk>),
    /// It is refused, or refuses.
    Failure,
    /// It drops the packet.
    Ignore,
}

impl Supplicant {
    /// A device that holds `paper` and calls itself by the name in it.
    pub(super) fn tls(config: Arc<PeerConfig>, name: &str) -> Self {
        let identity = name.as_bytes().to_vec();
        Self::Tls(Box::new(Peer::new(config, identity, EAP_OCTETS_MAX)))
    }

    /// What it calls itself when a switch asks.
    pub(super) fn identify(&mut self, now: Moment, identifier: u8) -> Step {
        self.handle(now, &request(identifier, Method::Identity, &[]))
    }

    pub(super) fn handle(&mut self, now: Moment, octets: &[u8]) -> Step {
        match self {
            Self::Tls(peer) => match peer.handle(now, octets) {
                PeerStep::Respond(answer) => Step::Respond(answer),
                PeerStep::Success(keys) => Step::Success(Some(keys)),
                PeerStep::Failure => Step::Failure,
                PeerStep::Ignore => Step::Ignore,
            },
            Self::Md5 { name, password } => md5(octets, name, password),
        }
    }
}

fn md5(octets: &[u8], name: &[u8], password: &[u8]) -> Step {
    let Ok(packet) = Packet::parse(octets) else { return Step::Ignore };
    let identifier = packet.identifier();
    match packet.code() {
        Code::Request => {}
        Code::Success => return Step::Success(None),
        Code::Failure => return Step::Failure,
        Code::Response | Code::Unknown(_) => {
            return Step::Ignore;
        }
    }
    match packet.method() {
        Some(Method::Identity) => Step::Respond(response(identifier, Method::Identity, name)),
        Some(Method::Md5) => {
            let Some(challenge) = Md5Value::parse(packet.type_data()) else { return Step::Ignore };
            let value = md5_answer(identifier, password, challenge.value);
            let data = Md5Value { value: &value, name: &[] }.to_type_data();
            let data = data.unwrap_or_default(); // OK because 16 octets fit
            Step::Respond(response(identifier, Method::Md5, &data))
        }
        Some(
            Method::Notification
            | Method::Nak
            | Method::Tls
            | Method::Expanded { .. }
            | Method::Unknown(_),
        )
        | None => Step::Respond(response(identifier, Method::Nak, &[Method::Md5.octet()])),
    }
}
