//! The server's side of an EAP-TLS conversation. It pauses when the handshake is complete, so
//! that no success is signalled before the decision.

use std::fmt;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use super::framing::{Fragmenter, FramingViolation, Reassembly};
use super::refusal::{EapIgnore, Refusal};
use super::tls::{Msk, Tls, TlsServer, TlsVersion};
use crate::vocabulary::{Certificate, Claimed, Moment, Proven};
use crate::wire::eap::{Code, Method, Packet, TlsFragment, failure, request, success};

/// The most responses one conversation takes.
pub const ROUNDS_MAX: u32 = 200;
/// The most octets of responses one conversation takes.
pub const CONVERSATION_OCTETS_MAX: usize = 65_536;
/// The longest a conversation may last.
pub const CONVERSATION_SECONDS_MAX: u64 = 120;
/// The longest identity taken, above the 253 octets of any network access identifier
/// (RFC 7542 §2.2).
pub const IDENTITY_OCTETS_MAX: usize = 1_020;

/// What to do after a response or a decision.
#[derive(Debug)]
pub enum Step {
    /// Send this EAP-Request.
    Request(Vec<u8>),
    /// Do nothing: the packet had no effect.
    Ignore(EapIgnore),
    /// Decide on this evidence, and call [`Conversation::decided`].
    Decide(Box<Evidence>),
    /// Send this EAP-Failure; the conversation is over.
    Failure {
        /// The packet.
        packet: Vec<u8>,
        /// Why.
        refusal: Refusal,
    },
    /// Send this EAP-Success; the conversation is over.
    Success {
        /// The packet.
        packet: Vec<u8>,
        /// What both sides now share.
        keys: Msk,
        /// The session they come from, for its name.
        session: Session,
    },
}

/// A session that has ended in success.
pub struct Session(Box<Tls>);

impl Session {
    /// The name of its keys, where it can be computed (RFC 9190 §2.3).
    #[must_use]
    pub fn id(&self) -> Option<Vec<u8>> {
        self.0.session_id()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session")
    }
}

/// What a completed handshake established.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// What the peer called itself, which proves nothing.
    pub identity: Claimed<Vec<u8>>,
    /// The certificate whose key the peer holds, valid now for its realm.
    pub certificate: Proven<Certificate>,
    /// Whether the session was resumed; the certificate was verified again.
    pub resumed: bool,
    /// The version agreed on.
    pub version: TlsVersion,
    /// The chain in DER, the end entity first, to be verified again when the trust changes.
    pub chain: Arc<[Vec<u8>]>,
}

/// One EAP-TLS conversation.
pub struct Conversation {
    server: Arc<TlsServer>,
    state: State,
    /// Of the outstanding request.
    identifier: u8,
    identity: Vec<u8>,
    packet_octets: usize,
    began: Duration,
    rounds: u32,
    octets: usize,
}

/// Named for what is awaited.
enum State {
    Identity,
    /// The answer to Start.
    ClientHello(Reassembly),
    /// The client's next message, or more of it.
    Message(Box<Tls>, Reassembly),
    /// The acknowledgement of a fragment that is not the last.
    Acknowledgement(Box<Tls>, Fragmenter),
    Decision(Box<Tls>),
    /// The empty response to our last flight, all fragments of it.
    Conclusion(Box<Tls>, Fragmenter, Reassembly),
    /// Whatever answers our alert.
    AlertAnswer(Fragmenter, Refusal),
    End,
}

impl Conversation {
    /// Whether it goes on with that server, and so with its trust.
    #[must_use]
    pub fn is_of(&self, server: &Arc<TlsServer>) -> bool {
        Arc::ptr_eq(&self.server, server)
    }

    /// Begins with a request for the identity, as EAP-Start asks for (RFC 3579 §2.1).
    #[must_use]
    pub fn begin(now: Moment, server: Arc<TlsServer>, start_identifier: u8) -> (Self, Vec<u8>) {
        let conversation = Self {
            server,
            state: State::Identity,
            identifier: start_identifier,
            identity: Vec::new(),
            packet_octets: 0,
            began: now.monotonic,
            rounds: 0,
            octets: 0,
        };
        (conversation, request(start_identifier, Method::Identity, &[]))
    }

    /// Begins with an identity that came unasked, since the switch asked for it; gives the
    /// EAP-TLS Start.
    ///
    /// # Errors
    /// [`EapIgnore`] when the packet is no identity response.
    pub fn received(
        now: Moment,
        server: Arc<TlsServer>,
        response: &[u8],
        packet_octets: usize,
    ) -> Result<(Self, Vec<u8>), EapIgnore> {
        let packet = Packet::parse(response).map_err(EapIgnore::Malformed)?;
        let (mut conversation, _) = Self::begin(now, server, packet.identifier());
        match conversation.handle(now, response, packet_octets) {
            Step::Request(start) => Ok((conversation, start)),
            Step::Ignore(ignore) => Err(ignore),
            // An identity decides nothing.
            Step::Decide(_) | Step::Failure { .. } | Step::Success { .. } => {
                Err(EapIgnore::UnexpectedMethod)
            }
        }
    }

    /// What the peer called itself; empty before it did.
    #[must_use]
    pub fn identity(&self) -> Claimed<&[u8]> {
        Claimed(&self.identity)
    }

    /// Whether nothing has been proven yet: such conversations are evicted first.
    #[must_use]
    pub const fn is_unproven(&self) -> bool {
        match &self.state {
            State::Identity
            | State::ClientHello(_)
            | State::Message(..)
            | State::Acknowledgement(..)
            | State::AlertAnswer(..)
            | State::End => true,
            State::Decision(_) | State::Conclusion(..) => false,
        }
    }

    /// Takes one EAP packet from the peer. Requests made from now on are at most
    /// `packet_octets` long (within the bounds of [`super::framing`]).
    pub fn handle(&mut self, now: Moment, response: &[u8], packet_octets: usize) -> Step {
        let packet = match self.check(response) {
            Ok(packet) => packet,
            Err(ignore) => return Step::Ignore(ignore),
        };
        self.packet_octets = packet_octets;
        self.rounds += 1;
        self.octets = self.octets.saturating_add(response.len());
        if self.rounds > ROUNDS_MAX {
            return self.fail(Refusal::TooManyRounds);
        }
        if self.octets > CONVERSATION_OCTETS_MAX {
            return self.fail(Refusal::TooManyOctets);
        }
        if now.monotonic.saturating_sub(self.began).as_secs() > CONVERSATION_SECONDS_MAX {
            return self.fail(Refusal::TooSlow);
        }
        if packet.method() == Some(Method::Identity) {
            self.identity = packet.type_data().to_vec();
            self.state = State::ClientHello(Reassembly::default());
            let start = TlsFragment { start: true, ..TlsFragment::ACKNOWLEDGEMENT };
            return self.request(&start.to_type_data());
        }
        if packet.method() == Some(Method::Nak) {
            return self.fail(Refusal::MethodRefused);
        }
        let fragment = match TlsFragment::parse(packet.type_data()) {
            Ok(fragment) => fragment,
            Err(error) => {
                let refusal = match &self.state {
                    State::AlertAnswer(_, refusal) => *refusal,
                    State::Identity
                    | State::ClientHello(_)
                    | State::Message(..)
                    | State::Acknowledgement(..)
                    | State::Decision(_)
                    | State::Conclusion(..)
                    | State::End => Refusal::Framing(error.into()),
                };
                return self.fail(refusal);
            }
        };
        self.server.set_time(now);
        self.advance(now, &fragment)
    }

    /// Takes the decision that [`Step::Decide`] asked for. On yes the peer is told and, once it
    /// has acknowledged, accepted; on no it gets nothing but EAP-Failure.
    pub fn decided(&mut self, now: Moment, yes: bool) -> Step {
        let mut tls = match std::mem::replace(&mut self.state, State::End) {
            State::Decision(tls) => tls,
            state @ (State::Identity
            | State::ClientHello(_)
            | State::Message(..)
            | State::Acknowledgement(..)
            | State::Conclusion(..)
            | State::AlertAnswer(..)
            | State::End) => {
                self.state = state;
                return Step::Ignore(EapIgnore::DecisionUnasked);
            }
        };
        if !yes {
            return self.fail(Refusal::Decision);
        }
        self.server.set_time(now);
        match tls.version() {
            TlsVersion::Tls12 => {}
            // The protected success indication (RFC 9190 §2.1.1): only after the decision.
            TlsVersion::Tls13 => {
                if tls.0.writer().write_all(&[0]).is_err() {
                    return self.fail(Refusal::Internal);
                }
            }
        }
        let flight = tls.output();
        if flight.is_empty() {
            // A resumed TLS 1.2 handshake: the client spoke last (RFC 5216 §2.1.2).
            return self.succeed(tls);
        }
        let mut fragmenter = Fragmenter::new(flight);
        let step = self.send(&mut fragmenter);
        self.state = State::Conclusion(tls, fragmenter, Reassembly::default());
        step
    }

    /// The checks of RFC 3748 §4.1 and §5.3: nothing that fails them has an effect.
    fn check<'a>(&self, response: &'a [u8]) -> Result<Packet<'a>, EapIgnore> {
        let packet = Packet::parse(response).map_err(EapIgnore::Malformed)?;
        if packet.code() != Code::Response {
            return Err(EapIgnore::NotResponse);
        }
        match &self.state {
            State::End => return Err(EapIgnore::AfterEnd),
            State::Decision(_) => return Err(EapIgnore::DecisionPending),
            State::Identity
            | State::ClientHello(_)
            | State::Message(..)
            | State::Acknowledgement(..)
            | State::Conclusion(..)
            | State::AlertAnswer(..) => {}
        }
        if packet.identifier() != self.identifier {
            return Err(EapIgnore::WrongIdentifier);
        }
        match (&self.state, packet.method()) {
            (State::Identity, Some(Method::Identity)) => {
                if packet.type_data().len() > IDENTITY_OCTETS_MAX {
                    return Err(EapIgnore::IdentityTooLong);
                }
                Ok(packet)
            }
            (State::Identity, _) => Err(EapIgnore::UnexpectedMethod),
            (_, Some(Method::Tls)) => Ok(packet),
            (State::ClientHello(reassembly), Some(Method::Nak)) if !reassembly.is_partial() => {
                Ok(packet)
            }
            (_, Some(Method::Nak)) => Err(EapIgnore::LateNak),
            (_, _) => Err(EapIgnore::UnexpectedMethod),
        }
    }

    fn advance(&mut self, now: Moment, fragment: &TlsFragment<'_>) -> Step {
        match std::mem::replace(&mut self.state, State::End) {
            State::ClientHello(mut reassembly) => match due(&mut reassembly, fragment) {
                Ok(Some(message)) => match self.server.connect(now) {
                    Ok(tls) => self.drive(now, Box::new(tls), &message),
                    Err(refusal) => self.fail(refusal),
                },
                Ok(None) => self.acknowledge(State::ClientHello(reassembly)),
                Err(violation) => self.fail(Refusal::Framing(violation)),
            },
            State::Message(tls, mut reassembly) => match due(&mut reassembly, fragment) {
                Ok(Some(message)) => self.drive(now, tls, &message),
                Ok(None) => self.acknowledge(State::Message(tls, reassembly)),
                Err(violation) => self.fail(Refusal::Framing(violation)),
            },
            State::Acknowledgement(tls, mut fragmenter) => {
                if !fragment.is_acknowledgement() {
                    return self.fail(Refusal::Framing(FramingViolation::DataForAcknowledgement));
                }
                let step = self.send(&mut fragmenter);
                self.state = if fragmenter.is_done() {
                    State::Message(tls, Reassembly::default())
                } else {
                    State::Acknowledgement(tls, fragmenter)
                };
                step
            }
            State::Conclusion(tls, fragmenter, reassembly) => {
                self.conclude(tls, fragmenter, reassembly, fragment)
            }
            State::AlertAnswer(mut fragmenter, refusal) => {
                if fragmenter.is_done() || !fragment.is_acknowledgement() {
                    return self.fail(refusal);
                }
                let step = self.send(&mut fragmenter);
                self.state = State::AlertAnswer(fragmenter, refusal);
                step
            }
            // OK because `check` lets no EAP-TLS packet through in these states.
            State::Identity | State::Decision(_) | State::End => self.fail(Refusal::Internal),
        }
    }

    /// Gives the library a whole message and does what it asks for.
    fn drive(&mut self, now: Moment, mut tls: Box<Tls>, message: &[u8]) -> Step {
        let received = tls.receive(message);
        if let Err(refusal) = received {
            // The library may complain of something else first, such as the lack of extensions
            // that came only with TLS 1.2.
            let refusal =
                if is_hello_before_tls12(message) { Refusal::VersionTooOld } else { refusal };
            let alert = tls.output();
            if alert.is_empty() {
                return self.fail(refusal);
            }
            let mut fragmenter = Fragmenter::new(alert);
            let step = self.send(&mut fragmenter);
            self.state = State::AlertAnswer(fragmenter, refusal);
            return step;
        }
        if !tls.0.is_handshaking() {
            return self.complete(now, tls);
        }
        let flight = tls.output();
        if flight.is_empty() {
            return self.fail(Refusal::TlsStalled);
        }
        let mut fragmenter = Fragmenter::new(flight);
        let step = self.send(&mut fragmenter);
        self.state = if fragmenter.is_done() {
            State::Message(tls, Reassembly::default())
        } else {
            State::Acknowledgement(tls, fragmenter)
        };
        step
    }

    /// The handshake is complete: establishes the evidence and pauses.
    fn complete(&mut self, now: Moment, mut tls: Box<Tls>) -> Step {
        if !tls.plaintext().is_empty() {
            return self.fail(Refusal::TlsMisbehaved);
        }
        let resumed = tls.is_resumed();
        let chain = tls.0.peer_certificates().unwrap_or_default();
        // The library verifies nothing on resumption (RFC 9190 §5.7, RES-1).
        let certificate = if resumed {
            self.server.verify(now, chain)
        } else {
            let end_entity = chain.first().ok_or(Refusal::CertificateMissing);
            end_entity.and_then(|end_entity| self.server.read(end_entity))
        };
        let certificate = match certificate {
            Ok(certificate) => certificate,
            Err(refusal) => return self.fail(refusal),
        };
        let chain = chain.iter().map(|each| each.to_vec()).collect();
        let evidence = Evidence {
            identity: Claimed(self.identity.clone()),
            certificate: Proven::after_verification(certificate),
            resumed,
            version: tls.version(),
            chain,
        };
        self.state = State::Decision(tls);
        Step::Decide(Box::new(evidence))
    }

    /// After our last flight: an empty response accepts it, an alert refuses it.
    fn conclude(
        &mut self,
        mut tls: Box<Tls>,
        mut fragmenter: Fragmenter,
        mut reassembly: Reassembly,
        fragment: &TlsFragment<'_>,
    ) -> Step {
        if fragment.is_acknowledgement() && !reassembly.is_partial() {
            if fragmenter.is_done() {
                return self.succeed(tls);
            }
            let step = self.send(&mut fragmenter);
            self.state = State::Conclusion(tls, fragmenter, reassembly);
            return step;
        }
        let unasked = Refusal::Framing(FramingViolation::DataForAcknowledgement);
        if !fragmenter.is_done() {
            return self.fail(unasked);
        }
        match due(&mut reassembly, fragment) {
            Ok(None) => self.acknowledge(State::Conclusion(tls, fragmenter, reassembly)),
            Ok(Some(message)) => {
                let refusal = tls.receive(&message).err().unwrap_or(unasked);
                self.fail(refusal)
            }
            Err(violation) => self.fail(Refusal::Framing(violation)),
        }
    }

    fn acknowledge(&mut self, state: State) -> Step {
        self.state = state;
        self.request(&TlsFragment::ACKNOWLEDGEMENT.to_type_data())
    }

    fn send(&mut self, fragmenter: &mut Fragmenter) -> Step {
        let data = fragmenter.next_type_data(self.packet_octets);
        self.request(&data)
    }

    fn request(&mut self, type_data: &[u8]) -> Step {
        self.identifier = self.identifier.wrapping_add(1);
        Step::Request(request(self.identifier, Method::Tls, type_data))
    }

    fn succeed(&mut self, tls: Box<Tls>) -> Step {
        self.state = State::End;
        match tls.keys() {
            Ok(keys) => {
                Step::Success { packet: success(self.identifier), keys, session: Session(tls) }
            }
            Err(refusal) => self.fail(refusal),
        }
    }

    fn fail(&mut self, refusal: Refusal) -> Step {
        self.state = State::End;
        Step::Failure { packet: failure(self.identifier), refusal }
    }
}

/// Whether a message is a ClientHello whose newest version is below 3.3 (RFC 5246 §7.4.1.2).
/// TLS 1.3 clients claim 3.3 here.
fn is_hello_before_tls12(message: &[u8]) -> bool {
    matches!(message, [22, 3, _, _, _, 1, _, _, _, 3, 0..=2, ..])
}

/// Takes a fragment where data are due.
fn due(
    reassembly: &mut Reassembly,
    fragment: &TlsFragment<'_>,
) -> Result<Option<Vec<u8>>, FramingViolation> {
    if fragment.is_acknowledgement() {
        return Err(FramingViolation::AcknowledgementForData);
    }
    reassembly.push(fragment)
}
