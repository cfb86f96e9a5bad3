//! How a question to a switch can fail, and why a datagram was no answer.

use crate::wire::snmp::report::Complaint;
use crate::wire::snmp::{ErrorStatus, Malformed};

/// How a question ended that was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Nobody proved an answer in time.
    Silent,
    /// The agent complains of the request (RFC 3414 §3.2): a wrong user, passphrase or level.
    Complaint(Complaint),
    /// The agent answers with an error.
    Refused(ErrorStatus),
    /// A table whose names do not increase, or an answer without end: it would never be over.
    Endless,
    /// A table larger than any switch has, or one that takes too long.
    TooMuch,
    /// The question cannot be written.
    Unwritable,
    /// The switch calls none of its ports by a name of the plan: whatever it shows, nothing of it
    /// can be judged.
    OtherNames,
}

impl Fault {
    /// The stable id: a metric label and a search word.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Complaint(complaint) => complaint.id(),
            Self::Refused(_) => "refused",
            Self::Endless => "endless",
            Self::TooMuch => "too-much",
            Self::Unwritable => "unwritable",
            Self::OtherNames => "other-names",
        }
    }
}

/// Why a datagram had no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IgnoreReason {
    /// It is no SNMP message.
    Malformed(Malformed),
    /// Another version than is spoken with this switch.
    OtherVersion,
    /// No question with this id is open: too late, or never asked.
    NothingAsked,
    /// Another engine, user or community than the question's.
    OtherSender,
    /// Its tag is not that of the keys, or there is none.
    NotAuthentic,
    /// In clear where the switch must encrypt.
    NotPrivate,
    /// Authentic, but from before the time window (RFC 3414 §3.2 7): a replay.
    NotInTime,
    /// It cannot be decrypted.
    Undecipherable,
    /// A Report that proves nothing; it colours the reason if nothing better comes.
    Unproven(Complaint),
    /// No answer to this question.
    WrongKind,
}

impl IgnoreReason {
    /// The stable id: a metric label.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Malformed(malformed) => malformed.id(),
            Self::OtherVersion => "other-version",
            Self::NothingAsked => "nothing-asked",
            Self::OtherSender => "other-sender",
            Self::NotAuthentic => "not-authentic",
            Self::NotPrivate => "not-private",
            Self::NotInTime => "not-in-time",
            Self::Undecipherable => "undecipherable",
            Self::Unproven(_) => "unproven-report",
            Self::WrongKind => "wrong-kind",
        }
    }
}

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It took the question further.
    Taken,
    /// It had no effect.
    Ignored {
        /// Why.
        reason: IgnoreReason,
    },
}
