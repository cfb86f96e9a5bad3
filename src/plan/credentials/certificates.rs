//! The server's certificate and key, and the authorities with their revocation lists (RFC 5280).
//!
//! Only what a mistake in the directory would bring about is judged here; whether a device's
//! certificate is to be believed is decided at every handshake.

use std::collections::BTreeMap;

use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

use super::{AuthorityMaterial, CHAIN, KEY, finding, shown};
use crate::plan::finding::Sink;
use crate::plan::{Authority, AuthorityIndex, Finding, FindingKind, Plan};
use crate::vocabulary::{Secret, Timestamp};

/// Certificates in one file.
const CERTIFICATES_MAX: usize = 16;
/// When an expiring certificate is first warned of, in days.
const WARNING_DAYS: i64 = 30;
const DAY_S: i64 = 86_400;
const PEM_BEGIN: &[u8] = b"-----BEGIN";

/// The server's side of the handshake.
pub(super) struct Server {
    pub(super) chain: Vec<u8>,
    pub(super) key: Secret,
    pub(super) end: Timestamp,
}

/// The server's chain and key; `None` after findings.
pub(super) fn server(
    name: &str,
    files: &BTreeMap<String, Secret>,
    now: Timestamp,
    sink: &Sink,
) -> Option<Server> {
    let (chain, key) = (present(CHAIN, files, sink), present(KEY, files, sink));
    let signer = key.and_then(|key| {
        let key = PrivateKeyDer::from_pem_slice(key.expose()).ok();
        let signer = key.and_then(|key| any_supported_type(&key).ok());
        if signer.is_none() {
            sink.push(finding(FindingKind::KeyUnreadable, KEY));
        }
        signer
    });
    let (chain, key) = (chain?, key?);
    let certificates = certificates(CHAIN, chain, sink)?;
    let parsed = parse_all(CHAIN, &certificates, sink)?;
    let own = parsed.first()?; // OK because an empty file is unreadable
    if !has_name(own, name) {
        sink.push(finding(FindingKind::ServerNameAbsent, CHAIN).fact("name", name));
    }
    let signer = signer?;
    if signer.public_key().is_none_or(|public| public.as_ref() != own.public_key().raw) {
        sink.push(finding(FindingKind::KeyMismatch, KEY).fact("other", shown(CHAIN)));
    }
    let end = validity(CHAIN, own, now, sink);
    Some(Server { chain: chain.expose().to_vec(), key: key.clone(), end })
}

/// The material of every authority of the plan; `None` when a certificate is absent or unreadable.
pub(super) fn authorities(
    plan: &Plan,
    files: &BTreeMap<String, Secret>,
    now: Timestamp,
    sink: &Sink,
) -> Option<Vec<AuthorityMaterial>> {
    // Collected first, so that every authority is looked at.
    let read: Vec<_> = (0_u8..)
        .zip(&plan.authorities)
        .map(|(index, authority)| {
            material(plan, AuthorityIndex(index), authority, files, now, sink)
        })
        .collect();
    read.into_iter().collect()
}

fn material(
    plan: &Plan,
    index: AuthorityIndex,
    authority: &Authority,
    files: &BTreeMap<String, Secret>,
    now: Timestamp,
    sink: &Sink,
) -> Option<AuthorityMaterial> {
    let path = format!("authority/{}.pem", authority.id);
    let certificates = certificates(&path, present(&path, files, sink)?, sink)?;
    let parsed = parse_all(&path, &certificates, sink)?;
    let mut ends = Vec::new();
    for certificate in &parsed {
        if !is_authority(certificate) {
            sink.push(finding(FindingKind::NotAuthority, &path));
        }
        ends.push(validity(&path, certificate, now, sink));
    }
    let list = revocation_list(plan, index, authority, &parsed, files, now, sink);
    let (crl_der, crl_next_update) = list.unzip();
    Some(AuthorityMaterial {
        index,
        certificates_der: certificates.iter().map(|der| der.to_vec()).collect(),
        crl_der,
        ends,
        crl_next_update: crl_next_update.flatten(),
    })
}

/// The revocation list and when the next is due. Its absence is the environments' affair: where
/// one is required, certificates are refused.
fn revocation_list(
    plan: &Plan,
    index: AuthorityIndex,
    authority: &Authority,
    issuers: &[X509Certificate<'_>],
    files: &BTreeMap<String, Secret>,
    now: Timestamp,
    sink: &Sink,
) -> Option<(Vec<u8>, Option<Timestamp>)> {
    let path = format!("authority/{}.crl", authority.id);
    let Some(file) = files.get(&path) else {
        let required = plan.environments.iter().any(|environment| {
            environment.revocation.required && environment.authorities.contains(&index)
        });
        if required {
            let finding = Finding::new(FindingKind::CrlAbsent, None, "");
            sink.push(finding.fact("authority", &authority.id).fact("path", shown(&path)));
        }
        return None;
    };
    let der = if file.expose().trim_ascii_start().starts_with(PEM_BEGIN) {
        CertificateRevocationListDer::from_pem_slice(file.expose()).ok().map(|der| der.to_vec())
    } else {
        Some(file.expose().to_vec())
    };
    let der = der.unwrap_or_default();
    let list = match CertificateRevocationList::from_der(&der) {
        Ok(([], list)) => list,
        Ok(_) | Err(_) => {
            sink.push(finding(FindingKind::CrlUnreadable, &path));
            return None;
        }
    };
    let own = |issuer: &X509Certificate<'_>| issuer.subject().as_raw() == list.issuer().as_raw();
    if !issuers.iter().any(own) {
        let finding = finding(FindingKind::CrlForeign, &path);
        sink.push(finding.fact("authority", &authority.id));
    }
    let next = list.next_update().map(|time| Timestamp::from_seconds(time.timestamp()));
    if let Some(next) = next.filter(|next| *next < now) {
        sink.push(finding(FindingKind::CrlStale, &path).day("until", next));
    }
    Some((der.clone(), next))
}

/// The first certificate of a file, whatever issued it: its octets and the end of its validity.
pub(super) fn own(
    path: &str,
    file: &Secret,
    now: Timestamp,
    sink: &Sink,
) -> Option<(Vec<u8>, Timestamp)> {
    let read = certificates(path, file, sink)?;
    let parsed = parse_all(path, &read, sink)?;
    let end = validity(path, parsed.first()?, now, sink);
    Some((read.first()?.to_vec(), end))
}

fn present<'a>(path: &str, files: &'a BTreeMap<String, Secret>, sink: &Sink) -> Option<&'a Secret> {
    let file = files.get(path);
    if file.is_none() {
        let finding = Finding::new(FindingKind::CredentialAbsent, None, "");
        sink.push(finding.fact("path", shown(path)));
    }
    file
}

/// The certificates of a PEM file, at least one.
fn certificates(path: &str, file: &Secret, sink: &Sink) -> Option<Vec<CertificateDer<'static>>> {
    let read: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(file.expose()).take(CERTIFICATES_MAX).collect();
    let certificates = read.ok().filter(|certificates| !certificates.is_empty());
    if certificates.is_none() {
        sink.push(finding(FindingKind::CertificateUnreadable, path));
    }
    certificates
}

fn parse_all<'a>(
    path: &str,
    certificates: &'a [CertificateDer<'static>],
    sink: &Sink,
) -> Option<Vec<X509Certificate<'a>>> {
    let parsed: Option<Vec<_>> = certificates
        .iter()
        .map(|der| match X509Certificate::from_der(der) {
            Ok(([], certificate)) => Some(certificate),
            Ok(_) | Err(_) => None,
        })
        .collect();
    if parsed.is_none() {
        sink.push(finding(FindingKind::CertificateUnreadable, path));
    }
    parsed
}

/// Whether a certificate carries that DNS name, spelled out: supplicants are told one name.
fn has_name(certificate: &X509Certificate<'_>, name: &str) -> bool {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return false };
    extension.value.general_names.iter().any(|general| match general {
        GeneralName::DNSName(own) => own.eq_ignore_ascii_case(name),
        GeneralName::RFC822Name(_)
        | GeneralName::URI(_)
        | GeneralName::OtherName(..)
        | GeneralName::X400Address(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EDIPartyName(_)
        | GeneralName::IPAddress(_)
        | GeneralName::RegisteredID(_)
        | GeneralName::Invalid(..) => false,
    })
}

/// Whether a certificate may sign others (RFC 5280 §4.2.1.3 and §4.2.1.9).
fn is_authority(certificate: &X509Certificate<'_>) -> bool {
    let may_sign = match certificate.key_usage() {
        Ok(Some(usage)) => usage.value.key_cert_sign(),
        Ok(None) => true,
        Err(_) => false,
    };
    certificate.is_ca() && may_sign
}

/// The end of a certificate's validity, with a warning when now is outside it or near its end.
fn validity(
    path: &str,
    certificate: &X509Certificate<'_>,
    now: Timestamp,
    sink: &Sink,
) -> Timestamp {
    let validity = certificate.validity();
    let start = Timestamp::from_seconds(validity.not_before.timestamp());
    let end = Timestamp::from_seconds(validity.not_after.timestamp());
    let days = now.seconds_until(end).div_euclid(DAY_S);
    if now < start {
        sink.push(finding(FindingKind::CertificateNotYet, path).day("from", start));
    } else if end < now {
        sink.push(finding(FindingKind::CertificateExpired, path).day("until", end));
    } else if days <= WARNING_DAYS {
        sink.push(finding(FindingKind::CertificateExpiring, path).fact("days", days));
    }
    end
}
