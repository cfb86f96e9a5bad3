//! By what switches are asked for their tables.
//!
//! Like those of alerts, nothing here keeps the service from starting: switches whose secrets are
//! absent are not asked, and what only their tables show counts as not measured.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{finding, shown};
use crate::plan::finding::Sink;
use crate::plan::{FindingKind, Plan, Profile, ProfileIndex, Snmp, SnmpAccess};
use crate::vocabulary::Secret;
use crate::wire::snmp::{Auth, MasterKeys, PASSPHRASE_OCTETS_MIN, Privacy};

/// What switches of one profile are shown.
#[derive(Clone, Debug)]
pub enum SnmpSecrets {
    /// The community of version 2c.
    Community(Secret),
    /// The keys of the user of version 3.
    User(Arc<MasterKeys>),
}

/// A passphrase becomes keys by hashing a mebibyte: once for all profiles that share it.
type Made = HashMap<(String, Auth, Option<Privacy>), Option<Arc<MasterKeys>>>;

/// What is wrong with a file, and the profiles that need it: told once.
type Faults = BTreeMap<(String, FindingKind), Vec<String>>;

/// The secrets of the profiles that switches use and that have all they need.
pub(super) fn read(
    plan: &Plan,
    files: &BTreeMap<String, Secret>,
    sink: &Sink,
) -> HashMap<ProfileIndex, SnmpSecrets> {
    let (mut made, mut faults) = (Made::new(), Faults::new());
    let mut secrets = HashMap::new();
    for (index, profile) in (0_u16..).map(ProfileIndex).zip(&plan.profiles) {
        let used = plan.switches.iter().any(|switch| switch.profile == index);
        if let Some(snmp) = profile.snmp.as_ref().filter(|_| used)
            && let Some(secret) = one(profile, snmp, files, &mut made, &mut faults)
        {
            secrets.insert(index, secret);
        }
    }
    for ((path, kind), profiles) in faults {
        let finding = finding(kind, &path).fact("path", shown(&path));
        let finding = finding.fact("profile", profiles.join(", "));
        sink.push(finding.fact("min", PASSPHRASE_OCTETS_MIN));
    }
    secrets
}

fn one(
    profile: &Profile,
    snmp: &Snmp,
    files: &BTreeMap<String, Secret>,
    made: &mut Made,
    faults: &mut Faults,
) -> Option<SnmpSecrets> {
    let mut word = |ending: &str, min: usize| {
        let path = format!("snmp/{}.{ending}", snmp.secret);
        let mut told =
            |kind| faults.entry((path.clone(), kind)).or_default().push(profile.id.clone());
        let Some(file) = files.get(&path) else {
            told(FindingKind::SnmpSecretAbsent);
            return None;
        };
        let octets = file.expose().trim_ascii_end();
        if octets.len() < min || !octets.iter().all(u8::is_ascii_graphic) {
            told(FindingKind::SnmpSecretUnusable);
            return None;
        }
        Some(Secret::new(octets.to_vec()))
    };
    match &snmp.access {
        SnmpAccess::Community => word("community", 1).map(SnmpSecrets::Community),
        SnmpAccess::User { auth, privacy, .. } => {
            // Both are looked for, so that all that is absent is told.
            let auth_word = word("auth", PASSPHRASE_OCTETS_MIN);
            let privacy_word = privacy.map(|it| (it, word("priv", PASSPHRASE_OCTETS_MIN)));
            let auth_word = auth_word?;
            let privacy_word = match privacy_word {
                Some((privacy, word)) => Some((privacy, word?)),
                None => None,
            };
            let keys = made.entry((snmp.secret.clone(), *auth, *privacy)).or_insert_with(|| {
                let privacy = privacy_word.as_ref().map(|(privacy, word)| (*privacy, word));
                MasterKeys::new((*auth, &auth_word), privacy).map(Arc::new)
            });
            keys.clone().map(SnmpSecrets::User)
        }
    }
}
