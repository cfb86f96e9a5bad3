//! `api/NAME.ROLE.pem` and `detection/NAME.pem`: certificates of programs that speak to us over
//! TLS. Each is believed as it is, by no authority's word: taking the file away and reloading
//! revokes it.

use std::collections::BTreeMap;

use super::tokens::{ApiRole, named};
use super::{certificates, finding};
use crate::plan::finding::Sink;
use crate::plan::{FindingKind, Plan};
use crate::vocabulary::{Secret, Timestamp};

/// A certificate that is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCertificate {
    /// Whose it is, for the record.
    pub name: String,
    /// The certificate, DER.
    pub der: Vec<u8>,
    /// The end of its validity, after which it is believed no longer.
    pub end: Timestamp,
}

/// Who proves itself by a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peers {
    /// To the HTTP API, and for what.
    pub api: Vec<(PeerCertificate, ApiRole)>,
    /// As a console that sends detections.
    pub detection: Vec<PeerCertificate>,
}

pub(super) fn read(
    plan: &Plan,
    files: &BTreeMap<String, Secret>,
    now: Timestamp,
    sink: &Sink,
) -> Peers {
    let mut peers = Peers::default();
    for (path, file) in files {
        let (of_api, name) = match path.split_once('/') {
            Some(("api", name)) => match named(name, ".pem") {
                Some((name, role)) => (Some(role), name),
                None => continue,
            },
            Some(("detection", name)) => match name.strip_suffix(".pem") {
                Some(name) => (None, name),
                None => continue,
            },
            Some(_) | None => continue,
        };
        let Some((der, end)) = certificates::own(path, file, now, sink) else { continue };
        let certificate = PeerCertificate { name: name.to_owned(), der, end };
        match of_api {
            Some(role) => peers.api.push((certificate, role)),
            None => peers.detection.push(certificate),
        }
    }
    if !plan.detections.tls.is_empty() && peers.detection.is_empty() {
        sink.push(finding(FindingKind::DetectionSenderAbsent, "detection/"));
    }
    peers
}
