//! The secrets shared with switches. They are judged as an attacker with a recorded packet would
//! judge them: RADIUS lets him try as many as he can compute.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ring::digest;

use super::{ClientSecrets, finding, shown};
use crate::plan::finding::{Sink, some_of};
use crate::plan::{Finding, FindingKind, MabPassword, Plan};
use crate::vocabulary::{Secret, SwitchIndex};

/// Shortest secret: 8 characters count as broken, 10 as broken by a strong attacker.
pub(crate) const SECRET_CHARACTERS_MIN: usize = 16;
/// Fewest different characters in a secret.
const DISTINCT_CHARACTERS_MIN: usize = 6;
/// What must be left of a secret without the words everybody knows.
const CHARACTERS_BESIDES_WORDS_MIN: usize = 8;
/// Absent files named in one finding.
const ABSENT_SHOWN_MAX: usize = 5;

/// Examples of manuals and what people type when asked for a secret, in lower case.
const WELL_KNOWN: [&str; 14] = [
    "testing123",
    "password",
    "p@ssw0rd",
    "passw0rd",
    "sharedsecret",
    "secret",
    "radius",
    "cisco",
    "sekisho",
    "admin",
    "switch",
    "changeme",
    "qwerty",
    "0123456789",
];

/// Which file holds a secret, by its digest.
type Holders = HashMap<[u8; 32], (SwitchIndex, String)>;

/// The secrets of the clients, and how many have none; `None` when no client has one.
pub(super) fn read(
    plan: &Plan,
    files: &BTreeMap<String, Secret>,
    sink: &Sink,
) -> Option<(HashMap<SwitchIndex, ClientSecrets>, usize)> {
    let mut clients = HashMap::new();
    let (mut absent, mut wordless) = (Vec::new(), Vec::new());
    let mut holders = Holders::new();
    for (index, switch) in (0_u16..).zip(&plan.switches) {
        if !switch.is_client() {
            continue;
        }
        let index = SwitchIndex(index);
        let path = |ending| format!("client/{}.{ending}", switch.id);
        let mut take = |ending| shared_secret(&path(ending), index, files, &mut holders, sink);
        let (current, next) = (take("secret"), take("next"));
        if current.is_some() && current == next {
            sink.push(finding(FindingKind::SecretNextSame, &path("next")));
        }
        let mab_word = word(&path("mab"), files, sink);
        let fixed = plan
            .profile(switch.profile)
            .is_some_and(|profile| profile.request.mab_password == MabPassword::Fixed);
        if fixed && mab_word.is_none() {
            wordless.push(shown(&path("mab")));
        }
        match current {
            Some(current) => {
                clients.insert(index, ClientSecrets { current, next, mab_word });
            }
            None => absent.push(shown(&path("secret"))),
        }
    }
    let without = absent.len();
    for (kind, paths) in
        [(FindingKind::ClientSecretAbsent, absent), (FindingKind::MabWordAbsent, wordless)]
    {
        if !paths.is_empty() {
            let finding = Finding::new(kind, None, "").fact("count", paths.len());
            sink.push(finding.fact("paths", some_of(&paths, ABSENT_SHOWN_MAX)));
        }
    }
    (without == 0 || !clients.is_empty()).then_some((clients, without))
}

/// A file's word without the newline at its end; `None` when the file is absent.
fn word(path: &str, files: &BTreeMap<String, Secret>, sink: &Sink) -> Option<Secret> {
    let octets = files.get(path)?.expose();
    let octets = octets.strip_suffix(b"\n").unwrap_or(octets);
    let octets = octets.strip_suffix(b"\r").unwrap_or(octets);
    if octets.is_empty() {
        sink.push(finding(FindingKind::Empty, path));
    } else if !octets.iter().all(u8::is_ascii_graphic) {
        sink.push(finding(FindingKind::SecretCharacters, path));
    }
    Some(Secret::new(octets.to_vec()))
}

fn shared_secret(
    path: &str,
    switch: SwitchIndex,
    files: &BTreeMap<String, Secret>,
    holders: &mut Holders,
    sink: &Sink,
) -> Option<Secret> {
    let secret = word(path, files, sink)?;
    let octets = secret.expose();
    if octets.is_empty() {
        return Some(secret);
    }
    if octets.len() < SECRET_CHARACTERS_MIN {
        let finding = finding(FindingKind::SecretShort, path).fact("length", octets.len());
        sink.push(finding.fact("min", SECRET_CHARACTERS_MIN));
    }
    if is_weak(octets) {
        sink.push(finding(FindingKind::SecretWeak, path));
    }
    let digest = digest::digest(&digest::SHA256, octets);
    let digest: [u8; 32] = digest.as_ref().try_into().ok()?; // OK: SHA-256 has 32 octets
    match holders.get(&digest) {
        Some((other, other_path)) if *other != switch => {
            let finding = finding(FindingKind::SecretShared, path);
            sink.push(finding.fact("other", shown(other_path)));
        }
        Some(_) => {}
        None => {
            holders.insert(digest, (switch, path.to_owned()));
        }
    }
    Some(secret)
}

/// Whether little is left of a secret beside well-known words and repetition.
fn is_weak(octets: &[u8]) -> bool {
    let distinct: BTreeSet<u8> = octets.iter().copied().collect();
    let mut rest = octets.to_ascii_lowercase();
    for word in WELL_KNOWN {
        rest = without(&rest, word.as_bytes());
    }
    let left = rest.len();
    distinct.len() < DISTINCT_CHARACTERS_MIN
        || (left < CHARACTERS_BESIDES_WORDS_MIN && left < octets.len())
}

/// The octets with every occurrence of a word removed.
fn without(octets: &[u8], word: &[u8]) -> Vec<u8> {
    let mut rest = octets;
    let mut kept = Vec::with_capacity(octets.len());
    while let Some((first, after)) = rest.split_first() {
        rest = rest.strip_prefix(word).unwrap_or_else(|| {
            kept.push(*first);
            after
        });
    }
    kept
}
