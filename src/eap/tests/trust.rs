//! Whose certificates are refused, and that resumption changes nothing about it.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{ExtendedKeyUsagePurpose, SanType, date_time_ymd};
use rustls::pki_types::UnixTime;
use rustls::server::danger::ClientCertVerifier as _;

use super::city::{Authority, OPTIONAL, REQUIRED, at, device, material, now, run, server};
use crate::eap::certificate::{self, Unreadable};
use crate::eap::peer::PeerVersions;
use crate::eap::refusal::{PeerAlert, Refusal};
use crate::eap::tls::{TlsServer, TrustMaterial, provider};
use crate::eap::trust::{CrlRule, Realm, StaleRule, TrustError, Verifier};

const BOTH: [PeerVersions; 2] = [PeerVersions::Tls12, PeerVersions::Tls13];

/// The alert by which a client learns of its refusal.
fn alerted(refusal: Option<Refusal>) -> PeerAlert {
    match refusal {
        Some(Refusal::PeerAlert(alert)) => alert,
        other => panic!("{other:?}"),
    }
}

/// However many handshakes are between their certificate and their end, each gets its own.
#[test]
fn what_was_read_is_handed_to_the_handshake_whose_certificate_it_is() {
    let authority = Authority::new("city");
    let TrustMaterial { realms, realm_of, .. } =
        material(&authority, vec![authority.realm(None, OPTIONAL)]);
    let verifier = Verifier::new(realms, realm_of, &provider()).unwrap();
    let leaves: Vec<_> = (2..102).map(|serial| authority.issue(serial, |_| {})).collect();
    let time = UnixTime::since_unix_epoch(Duration::from_secs(now().wall.seconds() as u64));
    for leaf in &leaves {
        verifier.verify_client_cert(&leaf.chain[0], &[], time).unwrap();
    }
    for leaf in leaves.iter().rev().chain(&leaves) {
        assert_eq!(verifier.read(&leaf.chain[0]), certificate::read(&leaf.chain[0]));
    }
    assert_eq!(verifier.read(b"none"), Err(Unreadable::Encoding));
}

#[test]
fn tls_12_refusals_come_from_the_certificate_and_reach_the_peer_as_alerts() {
    let authority = Authority::new("city");
    let stranger = Authority::new("stranger");
    let valid = authority.issue(2, |_| {});
    let realms = || vec![authority.realm(Some(&[3]), REQUIRED)];
    let server = server(&authority, realms());
    for (leaf, refusal, alert) in [
        (
            Some(authority.issue(4, |params| params.not_after = date_time_ymd(2026, 5, 1))),
            Refusal::CertificateExpired(at("2026-05-01T00:00:00Z").wall),
            PeerAlert::CertificateExpired,
        ),
        (
            Some(authority.issue(5, |params| params.not_before = date_time_ymd(2026, 8, 1))),
            Refusal::CertificateNotYetValid(at("2026-08-01T00:00:00Z").wall),
            PeerAlert::CertificateExpired,
        ),
        (
            Some(authority.issue(3, |_| {})),
            Refusal::CertificateRevoked,
            PeerAlert::CertificateRevoked,
        ),
        (Some(stranger.issue(2, |_| {})), Refusal::IssuerUntrusted, PeerAlert::UnknownCa),
        (
            Some(authority.issue(6, |params| {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            })),
            Refusal::CertificateUsage,
            PeerAlert::UnsupportedCertificate,
        ),
        (
            Some(authority.issue(7, |params| {
                let name = "pc-0001\0.city.example".try_into().unwrap();
                params.subject_alt_names = vec![SanType::DnsName(name)];
            })),
            Refusal::CertificateMalformed,
            PeerAlert::BadCertificate,
        ),
        (None, Refusal::CertificateMissing, PeerAlert::Other),
    ] {
        for versions in BOTH {
            for octets in [80, 1000] {
                let device = device(&authority, leaf.as_ref(), versions);
                let run = run(&server, &device, now(), octets, true);
                assert_eq!(run.refusal(), refusal);
                assert!(run.evidence.is_none());
                if refusal == Refusal::CertificateMissing {
                    continue; // The alert's name differs between the versions.
                }
                assert_eq!(alerted(run.peer_refusal), alert, "{refusal:?}");
            }
        }
    }
    let device = device(&authority, Some(&valid), PeerVersions::Both);
    run(&server, &device, now(), 1000, true).keys();
}

#[test]
fn names_of_no_realm_are_refused_and_names_choose_the_realm() {
    let (office, learning) = (Authority::new("office"), Authority::new("learning"));
    let mut material = material(
        &office,
        vec![office.realm(Some(&[]), REQUIRED), learning.realm(Some(&[]), REQUIRED)],
    );
    material.realm_of = Arc::new(|names| {
        names.iter().find_map(|name| match name.rsplit('.').nth(2) {
            Some("office") => Some(0),
            Some("learning") => Some(1),
            _ => None,
        })
    });
    let server = Arc::new(TlsServer::new(material).unwrap());
    for (authority, name, expected) in [
        (&office, "a.office.city.example", Ok(())),
        (&learning, "a.learning.city.example", Ok(())),
        (&learning, "a.office.city.example", Err(Refusal::IssuerUntrusted)),
        (&office, "a.learning.city.example", Err(Refusal::IssuerUntrusted)),
        (&office, "a.elsewhere.city.example", Err(Refusal::NameUnknown)),
        (&learning, "a.elsewhere.city.example", Err(Refusal::IssuerUntrusted)),
    ] {
        let leaf = authority.issue(9, |params| {
            params.subject_alt_names = vec![SanType::DnsName(name.try_into().unwrap())];
        });
        let device = device(&office, Some(&leaf), PeerVersions::Both);
        let run = run(&server, &device, now(), 1000, true);
        match expected {
            Ok(()) => drop(run.keys().clone()),
            Err(refusal) => {
                assert_eq!(run.refusal(), refusal, "{name}");
                if refusal == Refusal::NameUnknown {
                    assert_eq!(alerted(run.peer_refusal), PeerAlert::AccessDenied);
                }
            }
        }
    }
}

#[test]
fn pki_2_absent_and_stale_lists_follow_the_rule() {
    let (authority, other) = (Authority::new("city"), Authority::new("other"));
    let leaf = authority.issue(2, |_| {});
    let grace = Duration::from_secs(3_600);
    let refuse = CrlRule { required: true, grace, when_stale: StaleRule::Refuse };
    let accept = CrlRule { when_stale: StaleRule::Accept, ..refuse };
    let foreign = |crl| Realm { crls: vec![other.crl(&[])], ..authority.realm(None, crl) };
    let (due, late) = ("2026-07-01T00:59:59Z", "2026-07-01T01:00:01Z");
    for (realm, now, expected) in [
        (authority.realm(None, OPTIONAL), now(), Ok(())),
        (authority.realm(None, REQUIRED), now(), Err(Refusal::RevocationUnknown)),
        (foreign(OPTIONAL), now(), Ok(())),
        (foreign(REQUIRED), now(), Err(Refusal::RevocationUnknown)),
        (authority.realm(Some(&[]), refuse), at(due), Ok(())),
        (authority.realm(Some(&[]), refuse), at(late), Err(Refusal::RevocationListStale)),
        (authority.realm(Some(&[]), accept), at(late), Ok(())),
        // A stale list still revokes whom it names.
        (authority.realm(Some(&[2]), refuse), at(due), Err(Refusal::CertificateRevoked)),
        (authority.realm(Some(&[2]), accept), at(late), Err(Refusal::CertificateRevoked)),
    ] {
        let server = server(&authority, vec![realm]);
        let device = device(&authority, Some(&leaf), PeerVersions::Both);
        let run = run(&server, &device, now, 1000, true);
        match expected {
            Ok(()) => drop(run.keys().clone()),
            Err(refusal) => assert_eq!(run.refusal(), refusal),
        }
    }
}

/// A server that keeps the sessions of another but has new material.
fn successor(server: &TlsServer, material: TrustMaterial) -> Arc<TlsServer> {
    let sessions = server.sessions().cloned();
    Arc::new(TlsServer::new(TrustMaterial { sessions, ..material }).unwrap())
}

#[test]
fn res_1_who_was_revoked_or_expired_since_is_refused_on_resumption() {
    let authority = Authority::new("city");
    let leaf = authority.issue(2, |params| params.not_after = date_time_ymd(2026, 6, 2));
    let realm = |revoked: &[u64]| vec![authority.realm(Some(revoked), REQUIRED)];
    let before = server(&authority, realm(&[]));
    let after = successor(&before, material(&authority, realm(&[2])));
    for versions in BOTH {
        let device = device(&authority, Some(&leaf), versions);
        run(&before, &device, now(), 1000, true).keys();
        assert!(run(&before, &device, now(), 1000, true).evidence.unwrap().resumed);
        let revoked = run(&after, &device, now(), 1000, true);
        assert_eq!(revoked.refusal(), Refusal::CertificateRevoked);
        // One flight of ours: it was the resumption that was refused, not a new handshake.
        assert_eq!((revoked.requests, revoked.peer_refusal), (1, None));
        assert!(revoked.evidence.is_none());

        let device = super::city::device(&authority, Some(&leaf), versions);
        run(&before, &device, at("2026-06-01T23:59:00Z"), 1000, true).keys();
        let last = run(&before, &device, at("2026-06-01T23:59:59Z"), 1000, true);
        assert!(last.evidence.as_ref().unwrap().resumed);
        let expired = run(&before, &device, at("2026-06-02T00:00:01Z"), 1000, true);
        assert_eq!(expired.refusal().id(), "certificate-expired");
    }
}

#[test]
fn res_3_sessions_too_old_make_a_full_handshake() {
    let authority = Authority::new("city");
    let leaf = authority.issue(2, |_| {});
    let server = server(&authority, vec![authority.realm(None, OPTIONAL)]);
    for versions in BOTH {
        let device = device(&authority, Some(&leaf), versions);
        run(&server, &device, now(), 1000, true).keys();
        let later = run(&server, &device, at("2026-06-01T13:00:01Z"), 1000, true);
        later.keys();
        assert!(!later.evidence.unwrap().resumed);
    }
}

#[test]
fn res_5_sessions_survive_a_new_list_but_not_new_anchors() {
    let (authority, other) = (Authority::new("city"), Authority::new("other"));
    let leaf = authority.issue(2, |_| {});
    let mut realm = authority.realm(Some(&[]), OPTIONAL);
    let first = server(&authority, vec![realm.clone()]);
    let device = device(&authority, Some(&leaf), PeerVersions::Both);
    run(&first, &device, now(), 1000, true).keys();
    realm.crls = vec![authority.crl(&[77])];
    let second = successor(&first, material(&authority, vec![realm.clone()]));
    assert!(Arc::ptr_eq(first.sessions().unwrap(), second.sessions().unwrap()));
    realm.anchors.push(other.certificate());
    let third = successor(&second, material(&authority, vec![realm]));
    assert!(!Arc::ptr_eq(first.sessions().unwrap(), third.sessions().unwrap()));
    let resumed =
        |server: &Arc<TlsServer>| run(server, &device, now(), 1000, true).evidence.unwrap().resumed;
    assert!(resumed(&second));
    assert!(!resumed(&third));
}

#[test]
fn a_peer_that_refuses_the_server_is_named() {
    let (authority, other) = (Authority::new("city"), Authority::new("other"));
    let leaf = authority.issue(2, |_| {});
    let server = server(&authority, vec![authority.realm(None, OPTIONAL)]);
    for versions in BOTH {
        let device = device(&other, Some(&leaf), versions);
        let run = run(&server, &device, now(), 1000, true);
        assert_eq!(run.refusal(), Refusal::PeerAlert(PeerAlert::UnknownCa));
        assert_eq!(run.peer_refusal, Some(Refusal::IssuerUntrusted));
    }
}

#[test]
fn pki_1_material_that_cannot_work_is_refused_with_its_place() {
    let authority = Authority::new("city");
    let build = |realms| TlsServer::new(material(&authority, realms)).err();
    assert_eq!(build(vec![]), Some(TrustError::NoRealm));
    let mut realm = authority.realm(Some(&[]), OPTIONAL);
    realm.crls = vec![vec![0x30, 0x00].into()];
    assert!(matches!(build(vec![realm.clone()]), Some(TrustError::Crl(0, _))));
    realm.crls.clear();
    realm.anchors = vec![vec![1, 2, 3].into()];
    assert!(matches!(build(vec![realm.clone()]), Some(TrustError::Anchor(0, _))));
    realm.anchors.clear();
    assert_eq!(build(vec![realm]), Some(TrustError::NoAnchors(0)));
    let mut material = material(&authority, vec![authority.realm(None, OPTIONAL)]);
    material.server_key = authority.issue(2, |_| {}).key();
    assert!(matches!(TlsServer::new(material).err(), Some(TrustError::ServerCertificate(_))));
}
