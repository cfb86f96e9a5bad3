//! The steps of a witness: how two environments come to meet, told hop by hop.

use std::fmt::Display;

use crate::vocabulary::{Fact, Language, registry};

/// One step of a witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What happens.
    pub kind: StepKind,
    /// What its text wants filled in.
    pub facts: Vec<(&'static str, Fact)>,
}

impl Step {
    /// A step without facts.
    #[must_use]
    pub const fn new(kind: StepKind) -> Self {
        Self { kind, facts: Vec::new() }
    }

    /// Adds a fact.
    #[must_use]
    pub fn fact(mut self, name: &'static str, value: impl Display) -> Self {
        self.facts.push((name, Fact::word(value)));
        self
    }

    /// The step, for an operator.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        self.kind.text().tell(language, &self.facts)
    }
}

registry! {
    /// What happens in a step of a witness.
    StepKind {
    Sends "sends"
        ["{switch} の {port} が VLAN {vlan}(環境 {environment})のフレームを {form} で送る", "{port} of {switch} sends frames of VLAN {vlan} (environment {environment}) {form}"]
    Takes "takes"
        ["{switch} の {port} がそれを VLAN {vlan}(環境 {environment})に入れる", "{port} of {switch} takes them into VLAN {vlan} (environment {environment})"]
    Begins "begins"
        ["環境 {environment} の VLAN {vlan}(例: {place})から", "from VLAN {vlan} of environment {environment} (for example {place})"]
    Forwards "forwards"
        ["ゲートウェイ {gateway} が VLAN {from} から VLAN {to}(環境 {environment})へ転送", "gateway {gateway} forwards from VLAN {from} to VLAN {to} (environment {environment})"]
    Permitted "permitted"
        ["{side}: 一覧 {acl} の {line} が許す", "{side}: {line} of list {acl} permits it"]
    Unfiltered "unfiltered"
        ["{side}: 制限が無い", "{side}: nothing restricts it"]
    Unlisted "unlisted"
        ["{side}: 一覧 {acl} はこのアドレス体系について何も言わず、機器は通す", "{side}: list {acl} says nothing about this address family, and the device forwards it"]
    Passes "passes"
        ["例: {packet}", "for example {packet}"]
    Assumes "assumes"
        ["前提: {what}", "assuming {what}"]
    CutOff "cut-off"
        ["{switch} の VLAN {vlans} がゲートウェイに届かない", "VLANs {vlans} at {switch} do not reach their gateway"]
    Excepted "excepted"
        ["例外 {exception}({approver})により {until} まで認められている", "allowed by exception {exception} ({approver}) until {until}"]
    Lapsed "lapsed"
        ["例外 {exception}({approver})は {until} に切れた", "exception {exception} ({approver}) ended at {until}"]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_unique_and_texts_want_the_same_facts() {
        let mut ids = BTreeSet::new();
        for kind in StepKind::ALL {
            assert!(ids.insert(kind.id()), "{} is used twice", kind.id());
            let facts = |language| kind.text().wants(language).collect::<BTreeSet<_>>();
            assert_eq!(facts(Language::Japanese), facts(Language::English), "{}", kind.id());
        }
    }
}
