//! What a shared secret proves: Message-Authenticator and the keyed authenticators.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};
use subtle::ConstantTimeEq as _;

use crate::vocabulary::Secret;

use super::code::AuthenticatorRule;
use super::{HEADER_OCTETS, Packet, attribute};

/// The block of MD5, to which HMAC pads its key (RFC 2104 §2).
const MD5_BLOCK_OCTETS: usize = 64;

/// A shared secret made ready: its HMAC state and its MD5 prefix are computed once a client.
#[derive(Clone)]
pub struct Key {
    secret: Secret,
    hmac: Hmac<Md5>,
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
        let octets = secret.expose();
        let mut block = zeroize::Zeroizing::new([0; MD5_BLOCK_OCTETS]);
        if octets.len() > MD5_BLOCK_OCTETS {
            copy(&mut block[..], &Md5::digest(octets));
        } else {
            copy(&mut block[..], octets);
        }
        let hmac = Hmac::new((&*block).into());
        let prefix = Md5::new_with_prefix(octets);
        Self { secret: secret.clone(), hmac, prefix }
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
        let mut hmac = self.hmac.clone();
        hmac.update(octets.get(..4).unwrap_or_default());
        hmac.update(&authenticator);
        hmac.update(octets.get(HEADER_OCTETS..value_at).unwrap_or_default());
        hmac.update(&[0; 16]);
        hmac.update(octets.get(value_at.saturating_add(16)..).unwrap_or_default());
        hmac.finalize().into_bytes().into()
    }

    /// MD5 over a packet with these octets in the authenticator field, then the secret.
    pub(super) fn keyed_authenticator(&self, octets: &[u8], authenticator: [u8; 16]) -> [u8; 16] {
        let mut digest = Md5::new();
        digest.update(octets.get(..4).unwrap_or_default());
        digest.update(authenticator);
        digest.update(octets.get(HEADER_OCTETS..).unwrap_or_default());
        digest.update(self.secret.expose());
        digest.finalize().into()
    }

    /// MD5 over the secret, then these parts: the pad that hides passwords and keys.
    pub(super) fn pad(&self, parts: &[&[u8]]) -> [u8; 16] {
        let mut digest = self.prefix.clone();
        for part in parts {
            digest.update(part);
        }
        digest.finalize().into()
    }

    fn check_message_authenticator_with(
        &self,
        packet: &Packet<'_>,
        authenticator: [u8; 16],
    ) -> MessageAuthenticator {
        let mut found = None;
        let mut at = HEADER_OCTETS;
        for one in packet.attributes() {
            if one.kind == attribute::MESSAGE_AUTHENTICATOR
                && found.replace((at + 2, one.value)).is_some()
            {
                return MessageAuthenticator::Invalid;
            }
            at += 2 + one.value.len();
        }
        let Some((value_at, value)) = found else { return MessageAuthenticator::Absent };
        let expected = self.message_authenticator(packet.octets(), authenticator, value_at);
        // Slices of unequal length are unequal, so a value that is not 16 octets long is wrong.
        if expected.ct_eq(value).into() {
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

/// Copies as much as fits; callers choose a target that is long enough.
fn copy(target: &mut [u8], source: &[u8]) {
    for (to, from) in target.iter_mut().zip(source) {
        *to = *from;
    }
}
