//! One Access-Request on its way to an answer.

use std::sync::Arc;
use std::time::Duration;

use super::dialogue::failure_to;
use super::event::DecisionRecord;
use super::reason::{IgnoreReason, ReplyReason};
use super::snapshot::{Client, Snapshot};
use super::{Access, answer, attachment, duplicates, station};
use crate::eap::server::Evidence as Handshake;
use crate::eap::tls::Msk;
use crate::plan::{Profile, ReplyOmit};
use crate::policy::{self, Decision, Evidence};
use crate::vocabulary::{Because, Mac, Moment, Octets, Outcome, Place, Reason, SwitchIndex, hex};
use crate::wire::radius::{Code, Key, Packet, Writer, attribute};

/// A request that passed every check of the packet itself.
pub(super) struct Request<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) switch: SwitchIndex,
    pub(super) client: &'a Client,
    pub(super) key: &'a Key,
    pub(super) packet: &'a Packet<'a>,
    /// By what a copy of it is known, beside its authenticator.
    pub(super) copy: duplicates::Key,
}

/// An answer in the reply buffer.
pub(super) struct Answer {
    pub(super) reason: ReplyReason,
    /// How long to hold it back.
    pub(super) delay: Duration,
}

/// What goes into an Accept or Reject beside the decision.
#[derive(Default)]
pub(super) struct Proof {
    /// The EAP-Success or EAP-Failure.
    pub(super) eap: Option<Vec<u8>>,
    pub(super) keys: Option<Msk>,
    /// The name of the keys, where the switch asked for it.
    pub(super) session_id: Option<Vec<u8>>,
}

/// How a device authenticated, for the record.
pub(super) struct Course<'a> {
    pub(super) method: &'static str,
    pub(super) handshake: Option<&'a Handshake>,
    pub(super) rounds: u32,
    pub(super) began: Moment,
}

impl Course<'_> {
    pub(super) const fn at_once(method: &'static str, now: Moment) -> Self {
        Self { method, handshake: None, rounds: 1, began: now }
    }
}

impl Access {
    /// Decides on a request and writes the answer into `reply`.
    pub(super) fn admit(
        &mut self,
        now: Moment,
        request: &Request<'_>,
        reply: &mut Vec<u8>,
    ) -> Result<Answer, IgnoreReason> {
        let Some(profile) = request.snapshot.plan.profile_of(request.switch) else {
            return Err(IgnoreReason::UnknownClient);
        };
        let place = station::place(request.packet, &request.snapshot.plan, request.switch, profile);
        let point = Site { request, profile, place };
        let packet = request.packet;
        if packet.has(attribute::EAP_MESSAGE) {
            let passwords =
                packet.count(attribute::USER_PASSWORD) + packet.count(attribute::CHAP_PASSWORD);
            if passwords > 0 {
                let decision = Decision::refuse(Because::new(Reason::CredentialsMixed));
                let mut message = Vec::new();
                packet.joined(attribute::EAP_MESSAGE, &mut message);
                let proof = Proof { eap: Some(failure_to(&message)), ..Proof::default() };
                let course = Course::at_once("none", now);
                return self.conclude(now, &point, decision, proof, &course, reply);
            }
            return self.converse(now, &point, reply);
        }
        let decision = mac_decision(now, &point);
        let course = Course::at_once("mab", now);
        self.conclude(now, &point, decision, Proof::default(), &course, reply)
    }

    /// Writes the Accept or Reject, and the record of it.
    pub(super) fn conclude(
        &mut self,
        now: Moment,
        point: &Site<'_>,
        decision: Decision,
        proof: Proof,
        course: &Course<'_>,
        reply: &mut Vec<u8>,
    ) -> Result<Answer, IgnoreReason> {
        let request = point.request;
        let packet = request.packet;
        let code = match decision.outcome() {
            Outcome::Admit | Outcome::Quarantine => Code::AccessAccept,
            Outcome::Refuse => Code::AccessReject,
        };
        let mut writer = Writer::reply(reply, code, packet);
        let omitted = proof.eap.is_none()
            && point.profile.reply.omit.contains(&ReplyOmit::MessageAuthenticator);
        if !omitted {
            writer.message_authenticator_first();
        }
        if let Some(eap) = &proof.eap {
            writer.eap_message(eap);
        }
        if let Some(entry) = decision.entry() {
            let plan = &request.snapshot.plan;
            answer::entry(&mut writer, plan, point.profile, entry, now.wall);
            if let Some(keys) = &proof.keys {
                answer::keys(&mut writer, request.key, keys, self.random.octets());
            }
            if let Some(id) = &proof.session_id {
                writer.attribute(attribute::EAP_KEY_NAME, id);
            }
            if packet.has(attribute::CHARGEABLE_USER_IDENTITY)
                && let Some(pseudonym) = point.pseudonym(&decision)
            {
                writer.text(attribute::CHARGEABLE_USER_IDENTITY, &pseudonym);
            }
        }
        writer.copy_proxy_states(packet);
        writer
            .finish_reply(request.key, packet.authenticator())
            .map_err(|_| IgnoreReason::Unwritable)?;
        let outcome = decision.outcome();
        let mac = station::device_mac(packet, point.profile);
        if let Some(mac) = mac {
            self.attach(attachment::attached(now, point, &decision, course, mac));
        }
        self.record(point.record(now, decision, mac, course));
        let (reason, delay) = match outcome {
            Outcome::Admit => (ReplyReason::Accept, Duration::ZERO),
            Outcome::Quarantine => (ReplyReason::Quarantine, Duration::ZERO),
            Outcome::Refuse => {
                let patience = point.profile.behaviour.request_timeout;
                let delay = mac.map(|mac| self.backoff.refused(now.monotonic, mac, patience));
                (ReplyReason::Reject, delay.unwrap_or_default())
            }
        };
        if reason != ReplyReason::Reject
            && let Some(mac) = mac
        {
            self.backoff.admitted(mac);
        }
        Ok(Answer { reason, delay })
    }
}

/// A request and where it comes from.
pub(super) struct Site<'a> {
    pub(super) request: &'a Request<'a>,
    pub(super) profile: &'a Profile,
    pub(super) place: Place,
}

impl Site<'_> {
    pub(super) fn raw(&self, kind: u8) -> Octets {
        self.request.packet.first(kind).map(Octets::from_slice).unwrap_or_default()
    }

    /// The same device has the same pseudonym at every switch and on every node (VLAN-7).
    fn pseudonym(&self, decision: &Decision) -> Option<String> {
        let device = self.request.snapshot.plan.device(decision.because.device?)?;
        let tag = ring::hmac::sign(&self.request.snapshot.pseudonym, device.asset.as_bytes());
        tag.as_ref().get(..16).map(hex)
    }

    fn record(
        &self,
        now: Moment,
        decision: Decision,
        mac: Option<Mac>,
        course: &Course<'_>,
    ) -> DecisionRecord {
        let snapshot = self.request.snapshot;
        DecisionRecord {
            time: now.wall,
            generation: snapshot.generation,
            plan: Arc::clone(&snapshot.plan),
            place: self.place.clone(),
            mac,
            user: self.raw(attribute::USER_NAME),
            calling: self.raw(self.profile.request.calling.attribute),
            method: course.method,
            certificate: course.handshake.map(|found| found.certificate.clone()),
            outcome: decision.outcome(),
            entered: decision.entry().map(|entry| (entry.environment, entry.vlan)),
            because: decision.because,
            resumed: course.handshake.is_some_and(|handshake| handshake.resumed),
            tls: course.handshake.map(|handshake| handshake.version.id()),
            rounds: course.rounds,
            elapsed: now.monotonic.saturating_sub(course.began.monotonic),
        }
    }
}

/// Asks the policy with the plan and marks of this moment.
pub(super) fn decide(now: Moment, point: &Site<'_>, evidence: &Evidence) -> Decision {
    let snapshot = point.request.snapshot;
    policy::decide(&snapshot.plan, &snapshot.marks, evidence, &point.place, now.wall)
}

fn mac_decision(now: Moment, point: &Site<'_>) -> Decision {
    let Request { packet, client, key, .. } = point.request;
    let password = if packet.has(attribute::USER_PASSWORD) {
        match key.decode_user_password(packet) {
            Ok(password) => Some(password),
            Err(fault) => {
                let because = Because::new(Reason::PasswordUnreadable).fact("fault", fault.id());
                return Decision::refuse(because);
            }
        }
    } else {
        None
    };
    let password = password.as_deref();
    match station::mab(packet, point.profile, client.mab_word.as_ref(), password) {
        Ok(mac) => decide(now, point, &Evidence::Mac(mac)),
        Err(because) => Decision::refuse(*because),
    }
}
