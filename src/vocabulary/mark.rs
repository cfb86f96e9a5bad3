//! Marks: what operators and the sensor hold against a device or a port.

use super::{Mac, Timestamp};

/// A standing instruction about one device or one port, in force until it ends or is released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Number in the ledger, never reused.
    pub id: i64,
    /// Whom it concerns.
    pub subject: MarkSubject,
    /// What it demands.
    pub kind: MarkKind,
    /// Why, in the words of whoever set it.
    pub reason: String,
    /// Who set it.
    pub by: String,
    /// From when.
    pub since: Timestamp,
    /// Until when; `None` until released.
    pub until: Option<Timestamp>,
}

/// Whom a mark concerns.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MarkSubject {
    /// One address.
    Mac(Mac),
    /// A registered device by asset number, with all its addresses.
    Asset(String),
    /// A port, as switch id and port name of the topology.
    Port(String, String),
}

/// What a mark demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MarkKind {
    /// Only the quarantine environment.
    Quarantine,
    /// Nothing at all.
    Refuse,
}
