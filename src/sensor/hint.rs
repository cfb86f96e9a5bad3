//! What the service knows of a MAC and no frame shows: its sessions, and the switches' tables. It
//! tells its sensors, which weigh it beside what they saw.

use serde::{Deserialize, Serialize};

use super::sign::SignKind;
use crate::vocabulary::{Mac, Timestamp};

/// Octets of a place's name that a sensor keeps.
const PLACE_OCTETS_MAX: usize = 200;

/// What the service tells of a MAC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hint {
    /// The MAC.
    pub mac: String,
    /// The id of the sign that it is.
    pub kind: String,
    /// Where.
    pub place: String,
    /// Another place, or how many seconds, as the sign wants it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub other: String,
    /// When, so that the record of it is found.
    pub at: String,
}

impl Hint {
    /// What is known of a MAC.
    #[must_use]
    pub fn new(mac: Mac, kind: SignKind, (place, other): (&str, &str), at: Timestamp) -> Self {
        let text = |text: &str| text.to_owned();
        Self {
            mac: mac.to_string(),
            kind: text(kind.id()),
            place: text(place),
            other: text(other),
            at: at.rfc3339(),
        }
    }

    /// About whom, and what sign; `None` for what a sensor does not take from anybody.
    #[must_use]
    pub fn read(&self) -> Option<(Mac, SignKind)> {
        let kind = SignKind::ALL.iter().copied().find(|kind| kind.id() == self.kind)?;
        Some((Mac::parse(&self.mac).ok()?, kind)).filter(|_| kind.is_told_by_the_service())
    }

    /// What the sign's text wants filled in.
    #[must_use]
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let clip = |text: &str| {
            let mut end = text.len().min(PLACE_OCTETS_MAX);
            while !text.is_char_boundary(end) {
                end = end.saturating_sub(1);
            }
            text.get(..end).unwrap_or_default().to_owned()
        };
        vec![("place", clip(&self.place)), ("other", clip(&self.other)), ("at", clip(&self.at))]
    }
}
