//! The words of the domain as small types that cannot hold nonsense.
//!
//! Knows no protocol and does no I/O. What a peer claims ([`Claimed`]) and what it has proven
//! ([`Proven`]) are different types; a secret cannot be printed ([`Secret`]); every text an
//! operator reads exists in both languages ([`Text`]).

mod fiscal;
mod alert;
mod cause;
mod json;
mod language;
mod mac;
mod map;
mod mark;
mod network;
mod random;
mod reason;
mod secret;
mod time;
mod trust;

pub use alert::{AlertKind, AlertSeverity};
pub use fiscal::{FiscalError, FiscalPeriod};
pub(crate) use json::members;
pub use json::{Json, words};
pub(crate) use language::registry;
pub use language::{Fact, Language, Text, escape, escape_to, hex, unhex};
pub use mac::{Mac, MacError, MacSpelling};
pub use map::{Map, Set};
pub use mark::{Mark, MarkKind, MarkSubject, Marks};
pub use network::{
    ClassIndex, DeviceIndex, EnvironmentIndex, GrantIndex, Place, Point, PortIndex, RuleIndex,
    SiteIndex, SwitchIndex, VlanId,
};
pub use random::Random;
pub use reason::{Because, Outcome, Reason};
pub use secret::Secret;
pub use time::{DateError, Moment, Timestamp};
pub use trust::{Certificate, Claimed, Proven};

/// What an attribute held, as received; a text of usual length is kept in place.
pub type Octets = smallvec::SmallVec<[u8; 24]>;
