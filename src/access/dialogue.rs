//! EAP conversations inside RADIUS: which one a packet belongs to, and what follows from it.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;

use super::conversations::State;
use super::event::{DecisionRecord, Event};
use super::reason::{IgnoreReason, ReplyReason};
use super::request::{Answer, Course, Proof, Site, decide};
use super::{Access, answer, duplicates, station};
use crate::eap::md5::{Md5Challenge, Md5Step};
use crate::eap::refusal::Refusal;
use crate::eap::server::{Conversation, Evidence as Handshake, Step};
use crate::plan::{MabForm, Plan};
use crate::policy::{Decision, Evidence};
use crate::vocabulary::{Because, Claimed, Mac, Moment, Octets, Outcome, Place, Reason, escape};
use crate::wire::eap as eap_wire;
use crate::wire::radius::{Code, Writer, attribute};

/// How long a device may take to answer one challenge, in seconds (RFC 3579 §2.3, EAP-13).
const CHALLENGE_SECONDS: u32 = 30;

/// An EAP conversation and what is known of it.
pub(super) struct Dialogue {
    eap: Eap,
    began: Moment,
    rounds: u32,
    /// The request answered last, by what a copy of it is known.
    last: (duplicates::Key, [u8; 16]),
    /// Whose conversation it is, for the record of one that is abandoned.
    plan: Arc<Plan>,
    generation: u64,
    place: Place,
    mac: Option<Mac>,
    user: Octets,
}

enum Eap {
    /// EAP-TLS, and its handshake once that was decided in favour: the peer has yet to confirm.
    Tls(Box<Conversation>, Option<Box<Handshake>>),
    /// A MAC address wrapped in EAP-MD5.
    Md5(Md5Challenge, Mac),
}

impl Access {
    /// Carries an EAP conversation one packet further.
    pub(super) fn converse(
        &mut self,
        now: Moment,
        point: &Site<'_>,
        reply: &mut Vec<u8>,
    ) -> Result<Answer, IgnoreReason> {
        let packet = point.request.packet;
        let mut message = Vec::new();
        packet.joined(attribute::EAP_MESSAGE, &mut message);
        if let Some(state) = packet.first(attribute::STATE) {
            return self.resume(now, point, state, &message, reply);
        }
        self.open(now, point, &message, reply)
    }

    /// The first packet of a conversation: EAP-Start (empty) or the answer to the switch's own
    /// identity request.
    fn open(
        &mut self,
        now: Moment,
        point: &Site<'_>,
        message: &[u8],
        reply: &mut Vec<u8>,
    ) -> Result<Answer, IgnoreReason> {
        let request = point.request;
        let identity = match eap_wire::Packet::parse(message) {
            Ok(packet) if packet.method() == Some(eap_wire::Method::Identity) => {
                Some(packet.type_data())
            }
            Ok(_) | Err(_) => None,
        };
        if let Some(raw) = identity
            && let Some(because) = mac_identity_objection(point, raw)
        {
            match because {
                Ok(mac) => return self.open_md5(now, point, message, mac, reply),
                Err(because) => {
                    let decision = Decision::refuse(*because);
                    let proof = Proof { eap: Some(failure_to(message)), ..Proof::default() };
                    let course = Course::at_once("none", now);
                    return self.conclude(now, point, decision, proof, &course, reply);
                }
            }
        }
        let server = request.snapshot.tls.clone();
        let octets = self.eap_octets(point);
        let (conversation, first) = if message.is_empty() {
            let [identifier] = self.random.octets();
            Conversation::begin(now, server, identifier)
        } else {
            Conversation::received(now, server, message, octets)
                .map_err(|_| IgnoreReason::EapDiscarded)?
        };
        let eap = Eap::Tls(Box::new(conversation), None);
        self.start(now, point, eap, &first, reply)
    }

    fn open_md5(
        &mut self,
        now: Moment,
        point: &Site<'_>,
        message: &[u8],
        mac: Mac,
        reply: &mut Vec<u8>,
    ) -> Result<Answer, IgnoreReason> {
        let (challenge, first) = Md5Challenge::begin(message, self.random.octets())
            .map_err(|_| IgnoreReason::EapDiscarded)?;
        self.start(now, point, Eap::Md5(challenge, mac), &first, reply)
    }

    /// Puts a new conversation into the table and writes its first challenge.
    fn start(
        &mut self,
        now: Moment,
        point: &Site<'_>,
        eap: Eap,
        first: &[u8],
        reply: &mut Vec<u8>,
    ) -> Result<Answer, IgnoreReason> {
        let plan = &point.request.snapshot.plan;
        let dialogue = Dialogue {
            eap,
            began: now,
            rounds: 1,
            last: (point.request.copy, point.request.packet.authenticator()),
            plan: Arc::clone(plan),
            generation: point.request.snapshot.generation,
            place: point.place.clone(),
            mac: station::device_mac(point.request.packet, point.profile),
            user: point.raw(attribute::USER_NAME),
        };
        let limits = self.limits();
        let (state, evicted) = self.conversations.insert(
            now.monotonic,
            limits,
            &mut self.random,
            point.request.copy.source.ip(),
            point.place.clone(),
            dialogue,
        );
        if evicted > 0 {
            let switch = plan.switch(point.request.switch).map(|switch| switch.id.clone());
            self.push(Event::Evicted { count: evicted, switch: switch.unwrap_or_default() });
        }
        challenge(point, &state, first, reply)
    }

    /// A further packet of a conversation.
    fn resume(
        &mut self,
        now: Moment,
        point: &Site<'_>,
        state: &[u8],
        message: &[u8],
        reply: &mut Vec<u8>,
    ) -> Result<Answer, IgnoreReason> {
        let octets = self.eap_octets(point);
        let source = point.request.copy.source.ip();
        let state = State::decode(state);
        let held = state.and_then(|state| self.conversations.find(source, &state).map(|_| state));
        let Some(state) = held else {
            let decision = Decision::refuse(Because::new(Reason::EapConversationUnknown));
            let proof = Proof { eap: Some(failure_to(message)), ..Proof::default() };
            let course = Course::at_once("eap-tls", now);
            return self.conclude(now, point, decision, proof, &course, reply);
        };
        let Some(held) = self.conversations.find(source, &state) else {
            return Err(IgnoreReason::EapDiscarded); // OK because it was found just above
        };
        let step = match &mut held.value.eap {
            Eap::Md5(challenge, mac) => {
                let (step, mac) = (challenge.handle(message), *mac);
                return self.conclude_md5(now, point, state, step, mac, reply);
            }
            Eap::Tls(conversation, _) => conversation.handle(now, message, octets),
        };
        held.value.rounds = held.value.rounds.saturating_add(1);
        if !matches!(step, Step::Ignore(_)) {
            let this = (point.request.copy, point.request.packet.authenticator());
            let (copy, authenticator) = std::mem::replace(&mut held.value.last, this);
            // Its State came back, so the challenge has arrived.
            self.duplicates.received(&copy, authenticator);
        }
        self.follow(now, point, state, step, reply)
    }

    /// Does what the conversation asks for.
    fn follow(
        &mut self,
        now: Moment,
        point: &Site<'_>,
        state: State,
        step: Step,
        reply: &mut Vec<u8>,
    ) -> Result<Answer, IgnoreReason> {
        match step {
            Step::Ignore(_) => Err(IgnoreReason::EapDiscarded),
            Step::Request(octets) => self.go_on(point, state, false, &octets, reply),
            Step::Decide(handshake) => self.decide(now, point, state, handshake, reply),
            Step::Failure { packet, refusal } => {
                let Some(held) = self.conversations.remove(state.conversation) else {
                    return Err(IgnoreReason::EapDiscarded);
                };
                let because = refusal_because(refusal);
                let proof = Proof { eap: Some(packet), ..Proof::default() };
                let course = Course {
                    method: "eap-tls",
                    handshake: None,
                    rounds: held.value.rounds,
                    began: held.value.began,
                };
                self.conclude(now, point, Decision::refuse(because), proof, &course, reply)
            }
            Step::Success { packet, keys, session } => {
                let Some(held) = self.conversations.remove(state.conversation) else {
                    return Err(IgnoreReason::EapDiscarded);
                };
                let Eap::Tls(conversation, Some(handshake)) = held.value.eap else {
                    return Err(IgnoreReason::EapDiscarded); // OK because only a yes succeeds
                };
                // Asked again with the plan, marks and trust of this moment: a change between the
                // decision and the peer's confirmation counts.
                let decision = match trusted_still(now, point, &conversation, &handshake) {
                    Ok(()) => certificate_decision(now, point, &handshake),
                    Err(because) => Decision::refuse(because),
                };
                let proof = if decision.outcome() == Outcome::Refuse {
                    Proof { eap: Some(failure_to(&packet)), ..Proof::default() }
                } else {
                    let named = point.request.packet.has(attribute::EAP_KEY_NAME);
                    let session_id = named.then(|| session.id()).flatten();
                    Proof { eap: Some(packet), keys: Some(keys), session_id }
                };
                let course = Course {
                    method: "eap-tls",
                    handshake: Some(&handshake),
                    rounds: held.value.rounds,
                    began: held.value.began,
                };
                self.conclude(now, point, decision, proof, &course, reply)
            }
        }
    }

    /// The handshake is complete: decides before anything is signalled to the peer (TLS-7).
    fn decide(
        &mut self,
        now: Moment,
        point: &Site<'_>,
        state: State,
        handshake: Box<Handshake>,
        reply: &mut Vec<u8>,
    ) -> Result<Answer, IgnoreReason> {
        let decision = certificate_decision(now, point, &handshake);
        let yes = decision.outcome() != Outcome::Refuse;
        let source = point.request.copy.source.ip();
        let Some(held) = self.conversations.find(source, &state) else {
            return Err(IgnoreReason::EapDiscarded); // OK because the step came from it
        };
        let Eap::Tls(conversation, decided) = &mut held.value.eap else {
            return Err(IgnoreReason::EapDiscarded); // OK because EAP-MD5 has no handshake
        };
        let step = conversation.decided(now, yes);
        if yes {
            *decided = Some(handshake);
            return match step {
                Step::Request(octets) => self.go_on(point, state, true, &octets, reply),
                step @ (Step::Ignore(_)
                | Step::Decide(_)
                | Step::Failure { .. }
                | Step::Success { .. }) => self.follow(now, point, state, step, reply),
            };
        }
        let Step::Failure { packet, .. } = step else {
            return Err(IgnoreReason::EapDiscarded); // OK because a no always fails
        };
        let (rounds, began) = (held.value.rounds, held.value.began);
        self.conversations.remove(state.conversation);
        let proof = Proof { eap: Some(packet), ..Proof::default() };
        let course = Course { method: "eap-tls", handshake: Some(&handshake), rounds, began };
        self.conclude(now, point, decision, proof, &course, reply)
    }

    fn go_on(
        &mut self,
        point: &Site<'_>,
        state: State,
        proven: bool,
        eap: &[u8],
        reply: &mut Vec<u8>,
    ) -> Result<Answer, IgnoreReason> {
        let next = self.conversations.advance(&mut self.random, state.conversation, proven);
        let next = next.ok_or(IgnoreReason::EapDiscarded)?;
        challenge(point, &next, eap, reply)
    }

    fn conclude_md5(
        &mut self,
        now: Moment,
        point: &Site<'_>,
        state: State,
        step: Md5Step,
        mac: Mac,
        reply: &mut Vec<u8>,
    ) -> Result<Answer, IgnoreReason> {
        let answered = match step {
            Md5Step::Ignore(_) => return Err(IgnoreReason::EapDiscarded),
            Md5Step::Answered(answered) => Ok(answered),
            Md5Step::Failure { packet, refusal } => Err((packet, refusal)),
        };
        let Some(held) = self.conversations.remove(state.conversation) else {
            return Err(IgnoreReason::EapDiscarded); // OK because the step came from it
        };
        let (decision, eap) = match answered {
            Err((packet, refusal)) => (Decision::refuse(refusal_because(refusal)), packet),
            Ok(answered) => {
                let password = station::mab_password(
                    point.request.packet,
                    point.profile,
                    point.request.client.mab_word.as_ref(),
                );
                let decision = match password {
                    Err(because) => Decision::refuse(*because),
                    // EAP-MD5 cannot be checked without a password to compare with.
                    Ok(Some(password)) if answered.matches(password) => {
                        decide(now, point, &Evidence::Mac(Claimed(mac)))
                    }
                    Ok(_) => Decision::refuse(Because::new(Reason::MabPassword).fact("mac", mac)),
                };
                let eap = match decision.outcome() {
                    Outcome::Admit | Outcome::Quarantine => answered.success(),
                    Outcome::Refuse => answered.failure(),
                };
                (decision, eap)
            }
        };
        let proof = Proof { eap: Some(eap), ..Proof::default() };
        let course = Course {
            method: "mab",
            handshake: None,
            rounds: held.value.rounds.saturating_add(1),
            began: held.value.began,
        };
        self.conclude(now, point, decision, proof, &course, reply)
    }

    /// Records a conversation that ended in silence.
    pub(super) fn abandoned(&mut self, now: Moment, dialogue: Dialogue) {
        let record = DecisionRecord {
            time: now.wall,
            generation: dialogue.generation,
            plan: dialogue.plan,
            place: dialogue.place,
            mac: dialogue.mac,
            user: dialogue.user,
            calling: Octets::new(),
            method: match dialogue.eap {
                Eap::Tls(..) => "eap-tls",
                Eap::Md5(..) => "mab",
            },
            certificate: None,
            outcome: Outcome::Refuse,
            because: Because::new(Reason::EapAbandoned),
            entered: None,
            resumed: false,
            tls: None,
            rounds: dialogue.rounds,
            elapsed: now.monotonic.saturating_sub(dialogue.began.monotonic),
        };
        self.record(record);
    }

    fn eap_octets(&self, point: &Site<'_>) -> usize {
        let limit = self.snapshot.plan.server.datagram_octets_max;
        answer::eap_octets(point.request.packet, limit)
    }
}

/// Whether a chain that was verified when the handshake ended is believed by what is trusted now.
fn trusted_still(
    now: Moment,
    point: &Site<'_>,
    conversation: &Conversation,
    handshake: &Handshake,
) -> Result<(), Because> {
    let snapshot = point.request.snapshot;
    if conversation.is_of(&snapshot.tls) {
        return Ok(());
    }
    let chain: Vec<_> =
        handshake.chain.iter().map(|each| CertificateDer::from(each.as_slice())).collect();
    snapshot.verify(now, &chain).map(drop)
}

/// The certificate and the address the switch saw, checked together.
fn certificate_decision(now: Moment, point: &Site<'_>, handshake: &Handshake) -> Decision {
    let Claimed(identity) = &handshake.identity;
    if looks_like_mac(identity) {
        let because = Because::new(Reason::EapIdentityIsMac).fact("identity", escape(identity));
        return Decision::refuse(because);
    }
    let Some(mac) = station::calling_mac(point.request.packet, point.profile) else {
        return Decision::refuse(Because::new(Reason::StationMissing));
    };
    let certificate = handshake.certificate.clone();
    decide(now, point, &Evidence::Certificate { mac: Claimed(mac), certificate })
}

/// An identity spelled as a MAC address is MAC authentication in EAP-MD5 where the profile
/// allows that form (`Ok`), and refused everywhere else (`Err`); `None` for other identities.
fn mac_identity_objection(point: &Site<'_>, identity: &[u8]) -> Option<Result<Mac, Box<Because>>> {
    if !looks_like_mac(identity) {
        return None;
    }
    if !point.profile.request.mab_forms.contains(&MabForm::EapMd5) {
        let because = Because::new(Reason::EapIdentityIsMac).fact("identity", escape(identity));
        return Some(Err(Box::new(because)));
    }
    let mac = station::mab_identity(point.request.packet, point.profile, MabForm::EapMd5);
    Some(mac.map_err(Box::new).and_then(|mac| {
        // The identity inside EAP and the User-Name around it must be the same device.
        let named = std::str::from_utf8(identity).ok().and_then(|it| Mac::parse(it.trim()).ok());
        if named == Some(mac) {
            return Ok(mac);
        }
        let because = Because::new(Reason::MabMacMismatch).fact("user", mac);
        Err(Box::new(because.fact("calling", escape(identity))))
    }))
}

fn looks_like_mac(identity: &[u8]) -> bool {
    std::str::from_utf8(identity).is_ok_and(|identity| Mac::parse(identity.trim()).is_ok())
}

fn challenge(
    point: &Site<'_>,
    state: &State,
    eap: &[u8],
    reply: &mut Vec<u8>,
) -> Result<Answer, IgnoreReason> {
    let packet = point.request.packet;
    let mut writer = Writer::reply(reply, Code::AccessChallenge, packet);
    writer
        .message_authenticator_first()
        .eap_message(eap)
        .attribute(attribute::STATE, &state.encode())
        .integer(attribute::SESSION_TIMEOUT, CHALLENGE_SECONDS)
        .copy_proxy_states(packet);
    writer
        .finish_reply(point.request.key, packet.authenticator())
        .map_err(|_| IgnoreReason::Unwritable)?;
    Ok(Answer { reason: ReplyReason::Challenge, delay: Duration::ZERO })
}

/// EAP-Failure with the Identifier of the packet it answers (RFC 3748 §4.2); an EAP-Start has
/// none, and its refusal still needs a Failure (RFC 3579 §2.6.3).
pub(super) fn failure_to(message: &[u8]) -> Vec<u8> {
    eap_wire::failure(message.get(1).copied().unwrap_or_default())
}

/// A refusal of the conversation in the words of the record.
pub(super) fn refusal_because(refusal: Refusal) -> Because {
    let reason = match refusal {
        Refusal::CertificateExpired(_) => Reason::CertificateExpired,
        Refusal::CertificateNotYetValid(_) => Reason::CertificateNotYetValid,
        Refusal::CertificateRevoked => Reason::CertificateRevoked,
        Refusal::IssuerUntrusted
        | Refusal::CertificateSignature
        | Refusal::CertificateUnacceptable => Reason::CertificateUntrusted,
        Refusal::CertificateUsage => Reason::CertificateUsage,
        Refusal::CertificateMalformed => Reason::CertificateMalformed,
        Refusal::CertificateMissing => Reason::CertificateAbsent,
        Refusal::NameUnknown => Reason::CertificateUnknown,
        Refusal::RevocationUnknown
        | Refusal::RevocationListStale
        | Refusal::RevocationListInvalid => Reason::CertificateRevocationUnknown,
        Refusal::VersionTooOld => Reason::EapTlsVersion,
        Refusal::CertificateAlgorithm
        | Refusal::NoSharedCipher
        | Refusal::NoSharedGroup
        | Refusal::NoSharedSignature
        | Refusal::TlsIncompatible => Reason::EapTlsParameters,
        Refusal::PeerAlert(_) => Reason::EapPeerAlert,
        Refusal::MethodRefused => Reason::EapMethod,
        Refusal::PasswordWrong => Reason::MabPassword,
        Refusal::Framing(_)
        | Refusal::TlsMalformed
        | Refusal::TlsMisbehaved
        | Refusal::TlsDecryption
        | Refusal::TlsStalled => Reason::EapProtocol,
        Refusal::TooManyRounds | Refusal::TooManyOctets | Refusal::TooSlow => Reason::EapLimit,
        Refusal::Decision | Refusal::Internal => Reason::ServerFault,
    };
    let because = Because::new(reason).fact("fault", refusal.id()).fact("alert", refusal.id());
    match refusal {
        Refusal::CertificateExpired(until) => because.day("until", until),
        Refusal::CertificateNotYetValid(from) => because.day("from", from),
        _ => because,
    }
}
