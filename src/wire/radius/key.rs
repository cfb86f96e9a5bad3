//! What a shared secret proves: Message-Authenticator and the keyed authenticators.

use std::fmt;

use subtle::ConstantTimeEq as _;

use crate::vocabulary::Secret;

use super::code::AuthenticatorRule;
use super::digest::{HmacMd5, Md5};
use super::{HEADER_OCTETS, Packet, attribute};

/// A shared secret made ready: its HMAC state and its MD5 prefix are computed once a client.
#[derive(Clone)]
pub struct Key {
    secret: Secret,
    hmac: HmacMd5,
    prefix: Md5,
}

/// What a Message-Authenticator says of its packet (RFC 3579 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageAuthenticator {
    /// Exactly one, and right.
    Valid,
    /// None.
    Absent,
    /// Wrong value, wrong length, or more than one.
    Invalid,
}

impl MessageAuthenticator {
    /// Stable name for metrics and logs.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Valid => "message-authenticator-valid",
            Self::Absent => "message-authenticator-absent",
            Self::Invalid => "message-authenticator-invalid",
        }
    }
}

/// Why a reply does not prove that the server knows the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReplyFault {
    /// Its code is not that of a reply.
    NotAReply,
    /// The response authenticator is wrong.
    ResponseAuthenticator,
    /// No Message-Authenticator where one is required.
    MessageAuthenticatorAbsent,
    /// The Message-Authenticator is wrong.
    MessageAuthenticatorInvalid,
}

impl ReplyFault {
    /// Stable name for metrics and logs.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::NotAReply => "reply-code",
            Self::ResponseAuthenticator => "reply-authenticator",
            Self::MessageAuthenticatorAbsent => "reply-message-authenticator-absent",
            Self::MessageAuthenticatorInvalid => "reply-message-authenticator-invalid",
        }
    }
}

impl Key {
    /// Prepares a secret.
    #[must_use]
    pub fn new(secret: &Secret) -> Self {
        let mut prefix = Md5::new();
        prefix.update(secret.expose());
        Self { secret: secret.clone(), hmac: HmacMd5::new(secret.expose()), prefix }
    }

    /// Checks the Message-Authenticator of a request over exactly Length octets (RFC 3579 §3.2,
    /// RFC 5176 §3.4): Access-Request and Status-Server as they came, the requests with a keyed
    /// authenticator with zeros in its place. A reply is checked by [`Key::check_reply`]; here
    /// its field would not hold what the computation needs.
    #[must_use]
    pub fn check_message_authenticator(&self, packet: &Packet<'_>) -> MessageAuthenticator {
        let authenticator = match packet.code().authenticator_rule() {
            AuthenticatorRule::Random
            | AuthenticatorRule::Response
            | AuthenticatorRule::Unknown => packet.authenticator(),
            AuthenticatorRule::KeyedRequest => [0; 16],
        };
        self.check_message_authenticator_with(packet, authenticator)
    }

    /// Checks the keyed authenticator of an Accounting-, Disconnect- or CoA-Request (RFC 2866 §3,
    /// RFC 5176 §2.3). No other code has one, so for them the answer is no.
    #[must_use]
    pub fn check_keyed_request(&self, packet: &Packet<'_>) -> bool {
        match packet.code().authenticator_rule() {
            AuthenticatorRule::KeyedRequest => {
                let expected = self.keyed_authenticator(packet.octets(), [0; 16]);
                expected.ct_eq(&packet.authenticator()).into()
            }
            AuthenticatorRule::Random
            | AuthenticatorRule::Response
            | AuthenticatorRule::Unknown => false,
        }
    }

    /// Checks that a reply was made for this request by someone with the secret (RFC 2865 §3).
    /// A Message-Authenticator that is there must be right; it must be there when `required` or
    /// beside an EAP-Message (RFC 3579 §3.2). The identifier is the caller's to compare.
    ///
    /// # Errors
    /// [`ReplyFault`]: treat the reply as if it had not come.
    pub fn check_reply(
        &self,
        reply: &Packet<'_>,
        request_authenticator: [u8; 16],
        required: bool,
    ) -> Result<(), ReplyFault> {
        match reply.code().authenticator_rule() {
            AuthenticatorRule::Response => {}
            AuthenticatorRule::Random
            | AuthenticatorRule::KeyedRequest
            | AuthenticatorRule::Unknown => return Err(ReplyFault::NotAReply),
        }
        let expected = self.keyed_authenticator(reply.octets(), request_authenticator);
        if !bool::from(expected.ct_eq(&reply.authenticator())) {
            return Err(ReplyFault::ResponseAuthenticator);
        }
        match self.check_message_authenticator_with(reply, request_authenticator) {
            MessageAuthenticator::Valid => Ok(()),
            MessageAuthenticator::Absent
                if required || reply.first(attribute::EAP_MESSAGE).is_some() =>
            {
                Err(ReplyFault::MessageAuthenticatorAbsent)
            }
            MessageAuthenticator::Absent => Ok(()),
            MessageAuthenticator::Invalid => Err(ReplyFault::MessageAuthenticatorInvalid),
        }
    }

    /// HMAC-MD5 over a packet with these octets in the authenticator field and sixteen zeros in
    /// place of the value that starts at `value_at`.
    pub(super) fn message_authenticator(
        &self,
        octets: &[u8],
        authenticator: [u8; 16],
        value_at: usize,
    ) -> [u8; 16] {
        let head = octets.get(..4).unwrap_or_default();
        let before = octets.get(HEADER_OCTETS..value_at).unwrap_or_default();
        let after = octets.get(value_at.saturating_add(16)..).unwrap_or_default();
        self.hmac.of(&[head, &authenticator, before, &[0; 16], after])
    }

    /// MD5 over a packet with these octets in the authenticator field, then the secret.
    pub(super) fn keyed_authenticator(&self, octets: &[u8], authenticator: [u8; 16]) -> [u8; 16] {
        let head = octets.get(..4).unwrap_or_default();
        let attributes = octets.get(HEADER_OCTETS..).unwrap_or_default();
        Md5::of(&[head, &authenticator, attributes, self.secret.expose()])
    }

    /// MD5 over the secret, then these parts: the pad that hides passwords and keys.
    pub(super) fn pad(&self, parts: &[&[u8]]) -> [u8; 16] {
        self.prefix.clone().then(parts)
    }

    fn check_message_authenticator_with(
        &self,
        packet: &Packet<'_>,
        authenticator: [u8; 16],
    ) -> MessageAuthenticator {
        let mut all = packet.all(attribute::MESSAGE_AUTHENTICATOR);
        let value = all.next();
        let at = packet.value_at(attribute::MESSAGE_AUTHENTICATOR);
        let Some((value, at)) = value.zip(at) else { return MessageAuthenticator::Absent };
        let expected = self.message_authenticator(packet.octets(), authenticator, at);
        // Slices of unequal length are unequal, so a value that is not 16 octets long is wrong.
        if all.next().is_none() && bool::from(expected.ct_eq(value)) {
            MessageAuthenticator::Valid
        } else {
            MessageAuthenticator::Invalid
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}
