//! What a storm counted.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Histogram, Method};
use crate::vocabulary::Text;

told! {
    /// What a server did wrong, or left undone.
    Fault
    NoAnswer "no-answer"
        "再送しても応答がない"
        "no answer, however often the switch asked"
    Refused "refused"
        "許可されるはずの端末を拒否した"
        "a device that should be admitted was refused"
    Malformed "malformed"
        "RADIUS パケットとして読めない応答"
        "a datagram that is no RADIUS packet"
    NotAReply "reply-code"
        "応答ではない種類のパケット"
        "a packet that is no reply to an Access-Request"
    ResponseAuthenticator "response-authenticator"
        "Response Authenticator が正しくない"
        "a wrong Response Authenticator"
    SignatureAbsent "message-authenticator-absent"
        "Message-Authenticator がない"
        "no Message-Authenticator"
    SignatureWrong "message-authenticator-wrong"
        "Message-Authenticator が正しくない"
        "a wrong Message-Authenticator"
    VlanAbsent "vlan-absent"
        "許可の応答に VLAN がない"
        "an Accept without a VLAN"
    VlanWrong "vlan-wrong"
        "台帳と違う VLAN"
        "another VLAN than the one that is right"
    KeysAbsent "keys-absent"
        "MS-MPPE 鍵がない、または復号できない"
        "MS-MPPE keys that are absent or cannot be decrypted"
    KeysWrong "keys-wrong"
        "MS-MPPE 鍵が端末の鍵と違う"
        "MS-MPPE keys that are not the device's"
    Broken "conversation-broken"
        "EAP の手順に合わない応答、または端末がサーバーを信用しない"
        "a reply that does not continue the conversation, or a server the device does not believe"
    Endless "too-many-rounds"
        "EAP のやりとりが終わらない"
        "a conversation that does not end"
}

/// Counts of one storm.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Devices that began.
    pub begun: u64,
    /// Devices admitted, with everything right.
    pub admitted: u64,
    /// Of these, by MAC address.
    pub mab: u64,
    /// Of these, by EAP-TLS with a full handshake.
    pub eap_tls_full: u64,
    /// Of these, by EAP-TLS with a resumed session.
    pub eap_tls_resumed: u64,
    /// Proven replies, challenges among them.
    pub answers: u64,
    /// Round trips of admitted devices.
    pub round_trips: u64,
    /// Octets of RADIUS packets sent, retransmissions among them.
    pub octets_sent: u64,
    /// Octets of RADIUS packets received.
    pub octets_received: u64,
    /// Requests sent again.
    pub retransmissions: u64,
    /// Replies to nothing that was asked any more: late ones, and repeated ones.
    pub unasked: u64,
    /// Devices that could not begin when they were due, for want of a free device or identifier.
    pub held_up: u64,
    /// How late a device began at most that could have begun when it was due: what this generator
    /// itself adds to the waits of an open loop.
    pub late_max: Duration,
    /// What went wrong, and how often.
    pub faults: BTreeMap<&'static str, u64>,
    /// How long devices waited that came by MAC address.
    pub wait_mab: Histogram,
    /// How long devices waited that came with a certificate.
    pub wait_eap_tls: Histogram,
    /// From the first request to the last answer.
    pub elapsed: Duration,
}

impl Tally {
    pub(super) fn fault(&mut self, fault: Fault) {
        *self.faults.entry(fault.id()).or_default() += 1;
    }

    pub(super) fn admitted(&mut self, method: Method, resumed: bool, wait: Duration, rounds: u32) {
        self.admitted += 1;
        self.round_trips += u64::from(rounds);
        match (method, resumed) {
            (Method::Mab, _) => self.mab += 1,
            (Method::EapTls, false) => self.eap_tls_full += 1,
            (Method::EapTls, true) => self.eap_tls_resumed += 1,
        }
        match method {
            Method::Mab => self.wait_mab.record(wait),
            Method::EapTls => self.wait_eap_tls.record(wait),
        }
    }

    /// Whether every device that began was admitted and nothing else was amiss.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.begun > 0 && self.admitted == self.begun && self.faults.is_empty()
    }
}
