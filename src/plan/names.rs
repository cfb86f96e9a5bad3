//! The names that files refer to each other by.

use std::collections::HashMap;

use super::finding::Sink;
use super::read::{Located, nearest};
use super::{AuthorityIndex, FindingKind, ProfileIndex, RingIndex};
use crate::vocabulary::{
    ClassIndex, DeviceIndex, EnvironmentIndex, SiteIndex, SwitchIndex, VlanId,
};

/// The names that files refer to each other by. A name that was declared but could not be read
/// stands for `None`: references to it are not findings of their own.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) environments: HashMap<String, Option<EnvironmentIndex>>,
    pub(super) vlans: HashMap<String, Option<VlanId>>,
    pub(super) authorities: HashMap<String, Option<AuthorityIndex>>,
    pub(super) profiles: HashMap<String, Option<ProfileIndex>>,
    /// By id, and by both names: the inventory uses any of them.
    pub(super) classes: HashMap<String, Option<ClassIndex>>,
    pub(super) sites: HashMap<String, Option<SiteIndex>>,
    pub(super) switches: HashMap<String, Option<SwitchIndex>>,
    pub(super) rings: HashMap<String, Option<RingIndex>>,
    pub(super) assets: HashMap<String, Option<DeviceIndex>>,
}

/// Finds what a text refers to. An unknown name is a finding; a name whose declaration could not
/// be read is silently nothing, since that has its own findings.
pub(super) fn resolve<T: Copy>(
    names: &HashMap<String, Option<T>>,
    what: &'static str,
    text: &Located<String>,
    sink: &Sink,
) -> Option<T> {
    match names.get(&text.value) {
        Some(found) => *found,
        None => {
            let known = sorted(names.keys());
            let hint = nearest(&text.value, known.iter().copied());
            let finding = text.finding(FindingKind::UnknownReference).term("what", what);
            sink.push(finding.fact("value", &text.value).fact("hint", hint));
            None
        }
    }
}

/// Names in an order that is the same every time.
pub(super) fn sorted<'a>(names: impl Iterator<Item = &'a String>) -> Vec<&'a str> {
    let mut names: Vec<&str> = names.map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// Finds what every text of a list refers to, so that all unknown names are reported.
pub(super) fn resolve_all<T: Copy>(
    names: &HashMap<String, Option<T>>,
    what: &'static str,
    texts: &[Located<String>],
    sink: &Sink,
) -> Option<Vec<T>> {
    let found: Vec<_> = texts.iter().map(|text| resolve(names, what, text, sink)).collect();
    found.into_iter().collect()
}

/// Declares a name; a second declaration is a finding. False when it was taken.
pub(super) fn declare<T>(
    names: &mut HashMap<String, Option<T>>,
    text: &Located<String>,
    index: Option<T>,
    sink: &Sink,
) -> bool {
    if names.contains_key(&text.value) {
        let finding = text.finding(FindingKind::Duplicate).fact("value", &text.value);
        sink.push(finding.term("other", "another entry"));
        return false;
    }
    names.insert(text.value.clone(), index);
    true
}
