//! `tripwire/key`: what the labels of the tripwire are derived from.
//!
//! Without it nobody can be named, yet who may join the network matters more: a warning.

use std::collections::BTreeMap;

use super::{finding, shown};
use crate::plan::finding::Sink;
use crate::plan::{FindingKind, Plan};
use crate::vocabulary::Secret;

/// Where the key lies below `secrets/`.
pub const TRIPWIRE_KEY: &str = "tripwire/key";
/// Its length in octets: that of the hash it is used with (RFC 2104 §3).
pub const TRIPWIRE_KEY_OCTETS: usize = 32;

pub(super) fn read(plan: &Plan, files: &BTreeMap<String, Secret>, sink: &Sink) -> Option<Secret> {
    plan.tripwire()?;
    let Some(key) = files.get(TRIPWIRE_KEY) else {
        let finding = finding(FindingKind::TripwireKeyAbsent, TRIPWIRE_KEY);
        sink.push(finding.fact("path", shown(TRIPWIRE_KEY)));
        return None;
    };
    let length = key.expose().len();
    if length != TRIPWIRE_KEY_OCTETS {
        let finding = finding(FindingKind::TripwireKeyUnusable, TRIPWIRE_KEY);
        let finding = finding.fact("path", shown(TRIPWIRE_KEY)).fact("length", length);
        sink.push(finding.fact("want", TRIPWIRE_KEY_OCTETS));
        return None;
    }
    Some(key.clone())
}
