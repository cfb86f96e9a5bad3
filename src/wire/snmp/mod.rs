//! SNMPv2c (RFC 1901, RFC 3416) and SNMPv3 (RFC 3412) with the user-based security model
//! (RFC 3414) in its present families: HMAC-SHA-1 and HMAC-SHA-2 (RFC 7860), AES in cipher
//! feedback mode (RFC 3826, and 256 bits in both ways that switches extend a key).
//!
//! The shapes of messages are those of `rasn-snmp`. What it lacks is here: where the tag of a
//! received message stands, the cryptography, and values that hold only sense.

mod message;
mod oid;
mod pdu;
#[cfg(test)]
mod tests;
mod usm;

pub use message::{CommunityMessage, Outgoing, Received, Scoped, UserMessage, parse};
pub use oid::{OID_ARCS_MAX, Oid};
pub use pdu::{Binding, BindingFault, ErrorStatus, Pdu, PduKind, Value};
pub use usm::{Auth, Keys, MasterKeys, PASSPHRASE_OCTETS_MIN, Privacy};

/// The longest datagram of UDP over IPv4, in octets.
pub const MESSAGE_OCTETS_MAX: usize = 65_507;
/// Bindings of one message that are read; a datagram cannot hold more of any use.
pub const BINDINGS_MAX: usize = 4_096;
/// Octets of an engine's id (RFC 3411 §5, SnmpEngineID).
pub const ENGINE_ID_OCTETS: (usize, usize) = (5, 32);

/// Why octets are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Malformed {
    /// Longer than [`MESSAGE_OCTETS_MAX`].
    Long,
    /// Not BER, cut off, or followed by more.
    Encoding,
    /// Neither version 2c nor 3.
    Version,
    /// Fields that do not agree with each other or exceed their range.
    Fields,
    /// A security model that is not the user-based one.
    SecurityModel,
    /// More than [`BINDINGS_MAX`] bindings, or a name longer than [`OID_ARCS_MAX`].
    Bounds,
}

impl Malformed {
    /// The stable id: a metric label.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Long => "long",
            Self::Encoding => "encoding",
            Self::Version => "version",
            Self::Fields => "fields",
            Self::SecurityModel => "security-model",
            Self::Bounds => "bounds",
        }
    }
}

/// Objects of RFC 3414 §5 that a Report names.
pub mod report {
    /// The columns under `usmStats`; each instance ends with `.0`.
    const USM_STATS: [u32; 9] = [1, 3, 6, 1, 6, 3, 15, 1, 1];

    /// What a Report complains of.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Complaint {
        /// usmStatsUnsupportedSecLevels.
        UnsupportedLevel,
        /// usmStatsNotInTimeWindows.
        NotInTime,
        /// usmStatsUnknownUserNames.
        UnknownUser,
        /// usmStatsUnknownEngineIDs.
        UnknownEngine,
        /// usmStatsWrongDigests.
        WrongDigest,
        /// usmStatsDecryptionErrors.
        Decryption,
        /// Anything else.
        Other,
    }

    impl Complaint {
        /// The stable id: a metric label.
        #[must_use]
        pub const fn id(self) -> &'static str {
            match self {
                Self::UnsupportedLevel => "unsupported-level",
                Self::NotInTime => "not-in-time",
                Self::UnknownUser => "unknown-user",
                Self::UnknownEngine => "unknown-engine",
                Self::WrongDigest => "wrong-digest",
                Self::Decryption => "decryption",
                Self::Other => "other-report",
            }
        }

        /// The complaint that is counted by this object.
        #[must_use]
        pub fn of(name: &super::Oid) -> Self {
            match name.strip(&USM_STATS) {
                Some([1, 0]) => Self::UnsupportedLevel,
                Some([2, 0]) => Self::NotInTime,
                Some([3, 0]) => Self::UnknownUser,
                Some([4, 0]) => Self::UnknownEngine,
                Some([5, 0]) => Self::WrongDigest,
                Some([6, 0]) => Self::Decryption,
                Some(_) | None => Self::Other,
            }
        }

        /// The object that counts this complaint, for who answers as an agent.
        #[must_use]
        pub fn name(self) -> super::Oid {
            let column = match self {
                Self::UnsupportedLevel => 1,
                Self::NotInTime => 2,
                Self::UnknownUser => 3,
                Self::UnknownEngine => 4,
                Self::WrongDigest => 5,
                Self::Decryption | Self::Other => 6,
            };
            super::Oid::from(&USM_STATS).child(&[column, 0])
        }
    }
}
