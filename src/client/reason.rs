//! Why a datagram was no answer: it is counted, and the wait goes on.

use crate::wire::radius::{Malformed, ReplyFault};

/// Why a datagram was taken as if it had not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IgnoreReason {
    /// It did not come from the server's address and port.
    OtherSource,
    /// It is no RADIUS packet.
    Malformed(Malformed),
    /// No question with this Identifier is open: too late, or never asked.
    NothingAsked,
    /// It does not prove that its sender knows the secret and the question.
    Unproven(ReplyFault),
    /// A kind of reply that does not belong to this kind of question.
    WrongCode,
}

impl IgnoreReason {
    /// The stable id: a metric label.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::OtherSource => "other-source",
            Self::Malformed(malformed) => malformed.id(),
            Self::NothingAsked => "nothing-asked",
            Self::Unproven(fault) => fault.id(),
            Self::WrongCode => "wrong-code",
        }
    }
}

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It answers a question; the event says which.
    Answered,
    /// It had no effect.
    Ignored {
        /// Why.
        reason: IgnoreReason,
    },
}
