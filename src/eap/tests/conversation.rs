//! Conversations that go as they should, and refusals by decision.

use std::sync::Arc;

use super::city::{Authority, DEVICE, OPTIONAL, device, material, now, run, server};
use crate::eap::peer::{Peer, PeerStep, PeerVersions};
use crate::eap::refusal::Refusal;
use crate::eap::server::{Conversation, Step};
use crate::eap::tls::{TlsServer, TlsVersion};
use crate::vocabulary::Claimed;
use crate::wire::eap::{Method, Packet};

const VERSIONS: [(PeerVersions, TlsVersion); 3] = [
    (PeerVersions::Tls12, TlsVersion::Tls12),
    (PeerVersions::Tls13, TlsVersion::Tls13),
    (PeerVersions::Both, TlsVersion::Tls13),
];

#[test]
fn tls_5_tls_7_tls_9_both_versions_full_and_resumed_in_any_fragment_size() {
    let authority = Authority::new("city");
    let leaf = authority.issue(2, |_| {});
    for (versions, version) in VERSIONS {
        for octets in [64, 300, 1000] {
            let server = server(&authority, vec![authority.realm(Some(&[]), OPTIONAL)]);
            let device = device(&authority, Some(&leaf), versions);
            let mut keys = Vec::new();
            for resumed in [false, true, true] {
                let run = run(&server, &device, now(), octets, true);
                keys.push(run.keys().clone());
                let evidence = run.evidence.as_ref().unwrap();
                assert_eq!((evidence.resumed, evidence.version), (resumed, version));
                assert_eq!(evidence.identity, Claimed(b"anonymous@city.example".to_vec()));
                assert_eq!(evidence.certificate.get().identities, [DEVICE]);
                assert_eq!(evidence.certificate.get().serial, "02");
                let session_id = run.session_id.as_ref().map(|id| (id.len(), id[0]));
                match version {
                    TlsVersion::Tls12 => assert_eq!(session_id, None),
                    TlsVersion::Tls13 => assert_eq!(session_id, Some((65, 13)), "TLS-10"),
                }
                let closing = u32::from(version == TlsVersion::Tls13 || !resumed);
                if octets == 1000 {
                    assert_eq!(run.requests_after_decision, closing, "TLS-8");
                    assert_eq!(run.requests, 1 + closing);
                }
            }
            assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0].recv != keys[0].send);
        }
    }
}

#[test]
fn tls_7_tls_11_a_decision_of_no_sends_nothing_but_failure() {
    let authority = Authority::new("city");
    let leaf = authority.issue(2, |_| {});
    let server = server(&authority, vec![authority.realm(Some(&[]), OPTIONAL)]);
    for (versions, _) in VERSIONS {
        let device = device(&authority, Some(&leaf), versions);
        // Refused, accepted, then refused although resumed.
        let first = run(&server, &device, now(), 1000, false);
        assert_eq!((first.refusal(), first.requests_after_decision), (Refusal::Decision, 0));
        assert!(!first.evidence.as_ref().unwrap().resumed);
        run(&server, &device, now(), 1000, true).keys();
        let last = run(&server, &device, now(), 1000, false);
        assert_eq!((last.refusal(), last.requests_after_decision), (Refusal::Decision, 0));
        assert!(last.evidence.unwrap().resumed);
    }
}

#[test]
fn eap_5_a_conversation_may_begin_with_the_identity_request() {
    let authority = Authority::new("city");
    let leaf = authority.issue(2, |_| {});
    let server = server(&authority, vec![authority.realm(None, OPTIONAL)]);
    let device = device(&authority, Some(&leaf), PeerVersions::Both);
    let mut peer = Peer::new(device, b"@city.example".to_vec(), 1000);
    let (mut conversation, request) = Conversation::begin(now(), server, 255);
    let packet = Packet::parse(&request).unwrap();
    assert_eq!((packet.identifier(), packet.method()), (255, Some(Method::Identity)));
    let PeerStep::Respond(answer) = peer.handle(now(), &request) else { panic!("no answer") };
    let Step::Request(start) = conversation.handle(now(), &answer, 1000) else {
        panic!("no start");
    };
    assert_eq!(start, [1, 0, 0, 6, 13, 0x20]);
    assert_eq!(conversation.identity(), Claimed(&b"@city.example"[..]));
    assert!(conversation.is_unproven());
}

#[test]
fn resumption_can_be_switched_off() {
    let authority = Authority::new("city");
    let leaf = authority.issue(2, |_| {});
    let realms = vec![authority.realm(None, OPTIONAL)];
    let mut material = material(&authority, realms);
    material.session_lifetime_s = 0;
    let server = Arc::new(TlsServer::new(material).unwrap());
    assert!(server.sessions().is_none());
    for (versions, _) in VERSIONS {
        let device = device(&authority, Some(&leaf), versions);
        for _ in 0..2 {
            let run = run(&server, &device, now(), 1000, true);
            run.keys();
            assert!(!run.evidence.unwrap().resumed);
        }
    }
}
