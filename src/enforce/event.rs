//! What the service is told of enforcement: for the log, the metrics and whoever asks.

use std::time::Duration;

use super::dialect::Means;
use super::judge::Wanted;
use crate::ledger::Key;
use crate::vocabulary::{Because, Timestamp};

/// Something that happened to live sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A request to a switch ended.
    Answered {
        /// The switch's id.
        switch: String,
        /// What was asked for.
        means: Means,
        /// How it ended.
        result: CoaResult,
        /// The switch's Error-Cause (RFC 5176 §3.5).
        cause: Option<u32>,
    },
    /// A session is now what it should be, or is gone.
    Done {
        /// Which one.
        matter: Box<Matter>,
        /// How that is known.
        how: Ending,
        /// From the moment it was wanted.
        elapsed: Duration,
    },
    /// Nothing can be sent to this switch: the session changes when it authenticates again.
    Waits {
        /// Which one.
        matter: Box<Matter>,
        /// When its time is over at the latest; `None` when it was given none.
        until: Option<Timestamp>,
    },
    /// Every means failed as often as it was tried. It will be tried again later.
    Failed {
        /// Which one.
        matter: Box<Matter>,
        /// How the last request ended; `None` when the plan no longer has the switch.
        last: Option<(CoaResult, Option<u32>)>,
    },
    /// More ports are concerned than may be changed without a person.
    Held {
        /// By which number it can be approved.
        number: u64,
        /// Sessions concerned.
        sessions: usize,
        /// Ports concerned.
        ports: usize,
        /// How many are allowed.
        limit: u16,
    },
}

/// One session and what is wanted of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matter {
    /// Which session.
    pub key: Key,
    /// The environment that it was admitted into.
    pub environment: String,
    /// What it should become.
    pub wanted: Wanted,
    /// Why; `None` when an operator said so.
    pub because: Option<Because>,
}

/// How a request to a switch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CoaResult {
    /// The switch says that it is done.
    Ack,
    /// The switch says No.
    Nak,
    /// The switch says nothing.
    Silent,
    /// It could not be sent.
    Unsent,
}

impl CoaResult {
    /// The stable id: a metric label.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Ack => "ack",
            Self::Nak => "nak",
            Self::Silent => "silent",
            Self::Unsent => "unsent",
        }
    }
}

/// How it is known that nothing remains to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// The switch acknowledged the end of the session.
    Disconnected,
    /// The device was decided on again.
    Decided,
    /// The switch knows no such session, or its time is over.
    Gone,
    /// A later change made it right again.
    Right,
}

impl Ending {
    /// The stable id.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::Decided => "decided-anew",
            Self::Gone => "gone",
            Self::Right => "right-again",
        }
    }
}

/// What a change set going.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Sessions decided on again.
    pub sessions: usize,
    /// Of these, sessions that are being moved or cut.
    pub changing: usize,
    /// Sessions that wait for a person, this change's and earlier ones'.
    pub held: usize,
    /// The number by which these can be approved.
    pub number: Option<u64>,
}

/// One session that is not yet what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Which one, and what it should become.
    pub matter: Matter,
    /// Where it stands: `held`, `ready`, `asked`, `settling`, `resting`, `waits`, `failed`.
    pub state: &'static str,
    /// Since when it is wanted.
    pub since: Timestamp,
    /// How the last request ended.
    pub last: Option<(CoaResult, Option<u32>)>,
}
