//! Breaches: frames that show two environments where the plan keeps them apart.
//!
//! A breach is no matter of weight. The plan says which addresses belong to which environment,
//! which VLAN is whose and what may pass between them (特定通信); a wire that shows otherwise is
//! told at once, with the frames that show it.

use std::net::IpAddr;

use super::capture::CaptureTime;
use super::event::About;
use crate::vocabulary::{Language, registry};

registry! {
    /// The kinds of breaches, with what an operator reads of each.
    BreachKind {
        Address "separation.address"
            ["VLAN {vlan}({home})に、{other} のアドレス {address} を使う {mac} がいます", "{mac} uses {address}, an address of {other}, on VLAN {vlan} of {home}"]
        Flow "separation.flow"
            ["特定通信にない通信が {other} から VLAN {vlan}({home})へ {mac} により転送されています: {address} から {destination}({service})", "{mac} forwards from {other} into VLAN {vlan} of {home} what no permitted flow allows: {address} to {destination} ({service})"]
        Device "separation.device"
            ["{mac} が VLAN {vlan}({home})と {other} の VLAN {before} の両方にいます", "{mac} is both on VLAN {vlan} of {home} and on VLAN {before} of {other}"]
        Vlan "separation.vlan"
            ["VLAN {vlan}({home})に {other} の機器が {count} 台います: {addresses}", "VLAN {vlan} of {home} carries {other} as well, {count} of its stations: {addresses}"]
    }
}

impl BreachKind {
    /// Reads an id.
    #[must_use]
    pub fn parse(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.id() == id)
    }
}

/// A frame that shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The frame's number.
    pub frame: u64,
    /// The frame's time.
    pub time: CaptureTime,
    /// The VLAN it was on.
    pub vlan: u16,
    /// Its source address, where it has one.
    pub address: Option<IpAddr>,
}

/// A breach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// What it is.
    pub kind: BreachKind,
    /// Whom it is about.
    pub about: About,
    /// Ids of the environments: the VLAN's own, and the one that should not be there.
    pub environments: [String; 2],
    /// The frames that show it, in order of time; never empty.
    pub evidence: Vec<Evidence>,
    /// What its text wants filled in.
    pub facts: Vec<(&'static str, String)>,
}

impl Breach {
    /// The frame at which it was sure.
    #[must_use]
    pub fn last(&self) -> (u64, CaptureTime) {
        self.evidence.last().map_or((0, self.about.since), |seen| (seen.frame, seen.time))
    }

    /// The first frame that shows it.
    #[must_use]
    pub fn first(&self) -> (u64, CaptureTime) {
        self.evidence.first().map_or((0, self.about.since), |seen| (seen.frame, seen.time))
    }

    /// The breach in one sentence.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        self.kind.text().fill(language, &self.facts)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn both_languages_want_the_same_facts_and_ids_are_unique() {
        let mut ids = BTreeSet::new();
        for kind in BreachKind::ALL {
            assert!(ids.insert(kind.id()), "{} is used twice", kind.id());
            assert_eq!(BreachKind::parse(kind.id()), Some(*kind));
            let wants = |language| kind.text().wants(language).collect::<BTreeSet<_>>();
            assert_eq!(wants(Language::Japanese), wants(Language::English), "{}", kind.id());
        }
    }
}
