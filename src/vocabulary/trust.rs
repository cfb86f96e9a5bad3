//! How far a statement can be trusted, as types: what a peer claims is not what it has proven.

use std::sync::Arc;

use super::Timestamp;

/// A value someone stated and nothing verified, such as the MAC address in a RADIUS request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Claimed<T>(pub T);

/// A value whose truth was verified cryptographically. Only the room that verifies makes one;
/// clones share it.
#[derive(Debug, PartialEq, Eq)]
pub struct Proven<T>(Arc<T>);

impl<T> Clone for Proven<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Proven<T> {
    /// States that `value` has just been verified. Called by `eap` after a completed handshake,
    /// and by `explain`, which asks what would happen if it were.
    #[must_use]
    pub fn after_verification(value: T) -> Self {
        Self(Arc::new(value))
    }

    /// The verified value.
    #[must_use]
    pub fn get(&self) -> &T {
        &self.0
    }
}

/// What the product reads from a device's X.509 certificate (RFC 5280).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The names in subjectAltName that can name a device: dNSName (lower-cased), rfc822Name,
    /// URI and Microsoft's user principal name, in the certificate's order.
    pub identities: Vec<String>,
    /// The subject's distinguished name, for people.
    pub subject: String,
    /// The issuer's distinguished name, for people.
    pub issuer: String,
    /// The serial number in lower-case hexadecimal, without separators.
    pub serial: String,
    /// SHA-256 over the DER encoding.
    pub fingerprint: [u8; 32],
    /// Start of validity.
    pub not_before: Timestamp,
    /// End of validity.
    pub not_after: Timestamp,
}
