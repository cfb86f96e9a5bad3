//! What receivers of alerts are proven by, and what they are shown.
//!
//! Nothing here keeps the service from starting: who may join the network matters more than who
//! hears of it. A receiver that lacks its file is left out, with a warning.

use std::collections::BTreeMap;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::{finding, shown};
use crate::plan::finding::Sink;
use crate::plan::{AlertSink, FindingKind, Plan};
use crate::vocabulary::Secret;

/// What one receiver needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertSecrets {
    /// Certificates of the authorities that its own is believed from, DER; empty without TLS.
    pub anchors: Vec<Vec<u8>>,
    /// The token or password, where there is one.
    pub word: Option<Secret>,
}

/// The receivers in use that have everything they need, by id.
pub(super) fn read(
    plan: &Plan,
    files: &BTreeMap<String, Secret>,
    sink: &Sink,
) -> BTreeMap<String, AlertSecrets> {
    let used = plan.alerts.sinks.iter().filter(|each| each.enabled);
    used.filter_map(|each| Some((each.id.clone(), one(each, files, sink)?))).collect()
}

fn one(
    receiver: &AlertSink,
    files: &BTreeMap<String, Secret>,
    sink: &Sink,
) -> Option<AlertSecrets> {
    let present = |ending: &str| {
        let path = format!("alert/{}.{ending}", receiver.id);
        let file = files.get(&path);
        if file.is_none() {
            let finding = finding(FindingKind::AlertSecretAbsent, &path);
            sink.push(finding.fact("path", shown(&path)).fact("sink", &receiver.id));
        }
        file.map(|file| (file, path))
    };
    let unusable = |path: &str| {
        let finding = finding(FindingKind::AlertSecretUnusable, path);
        sink.push(finding.fact("path", shown(path)).fact("sink", &receiver.id));
    };
    // Both are looked for, so that all that is absent is told.
    let word = receiver.means.secret().map(present);
    let anchors = receiver.means.is_tls().then(|| present("pem"));
    let word = match word {
        Some(word) => {
            let (octets, path) = word.map(|(word, path)| (word.expose().trim_ascii_end(), path))?;
            if octets.is_empty() || !octets.iter().all(u8::is_ascii_graphic) {
                unusable(&path);
                return None;
            }
            Some(Secret::new(octets.to_vec()))
        }
        None => None,
    };
    let anchors = match anchors {
        Some(file) => {
            let (file, path) = file?;
            let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(file.expose()).collect();
            let mut roots = RootCertStore::empty();
            let good = read.ok().filter(|read| {
                !read.is_empty() && read.iter().all(|der| roots.add(der.clone()).is_ok())
            });
            let Some(good) = good else {
                unusable(&path);
                return None;
            };
            good.iter().map(|der| der.to_vec()).collect()
        }
        None => Vec::new(),
    };
    Some(AlertSecrets { anchors, word })
}
