//! The names that files refer to each other by.

use std::collections::HashMap;

use super::finding::Sink;
use super::read::Located;
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

/// A word of the list that is one or two letters away, or ends in the same digits (`Gi1/0/5` for
/// `GigabitEthernet1/0/5`): `` `word`? ``; else the first few of the list.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    // Another letter instead of the only one is no slip.
    let length = word.chars().count();
    let written = |other: &str| fold(other) == fold(word);
    let close = known
        .clone()
        .map(|other| (if written(other) { 0 } else { distance(word, other) }, other))
        .filter(|(distance, _)| *distance <= 2 && *distance < length)
        .min();
    let tail = word.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    let same_tail = || known.clone().find(|other| !tail.is_empty() && ends_in(other, tail));
    if let Some(other) = close.map(|(_, other)| other).or_else(same_tail) {
        return format!("`{other}`?");
    }
    let mut listed: Vec<&str> = Vec::new();
    for other in known {
        if !listed.contains(&other) {
            listed.push(other);
        }
        if listed.len() > LISTED_MAX {
            break;
        }
    }
    let more = if listed.len() > LISTED_MAX { ", …" } else { "" };
    listed.truncate(LISTED_MAX);
    format!("({}{more})", listed.join(", "))
}

/// Known words shown when none is near.
const LISTED_MAX: usize = 12;

/// A word without the width and case of its letters: Ｂ, ｂ, B and b alike.
fn fold(word: &str) -> String {
    let narrow = |letter: char| match u32::from(letter) {
        wide @ 0xFF01..=0xFF5E => char::from_u32(wide - 0xFEE0).unwrap_or(letter),
        _ => letter,
    };
    word.chars().map(narrow).collect::<String>().to_lowercase()
}

/// Whether a name ends in these digits, and not within a longer number.
fn ends_in(name: &str, tail: &str) -> bool {
    let before = name.strip_suffix(tail).and_then(|rest| rest.chars().next_back());
    before.is_some_and(|letter| !letter.is_ascii_digit())
}

/// Letters to insert, remove or replace (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, letter) in left.chars().enumerate() {
        let mut diagonal = index;
        let mut before = index + 1;
        let mut next = vec![before];
        for (other, above) in right.iter().zip(row.iter().skip(1)) {
            before = (diagonal + usize::from(letter != *other)).min(above + 1).min(before + 1);
            diagonal = *above;
            next.push(before);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_probably_meant_comes_first_and_no_other_environment() {
        let told = |word: &str| nearest(word, ["A", "B", "C", "hon-sw01"].into_iter());
        for word in ["b", "Ｂ", "ｂ"] {
            assert_eq!(told(word), "`B`?", "{word}");
        }
        assert_eq!(told("D"), "(A, B, C, hon-sw01)");
        assert_eq!(told("hon-sv01"), "`hon-sw01`?");
        assert_eq!(told("HON-SW01"), "`hon-sw01`?");
    }
}
