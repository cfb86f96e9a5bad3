//! A storm against servers that are honest, and against servers that are not in one thing each:
//! whatever a server does wrong must be noticed.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::eap::tls::Msk;
use crate::vocabulary::{Moment, Secret, Timestamp, VlanId};
use crate::wire::radius::{Code, Key, Packet, Writer};

const SERVER: ([u8; 4], u16) = ([127, 0, 0, 1], 1812);
const SWITCH: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 7);

fn vlan(number: u16) -> VlanId {
    VlanId::new(number).unwrap()
}

fn secret() -> Secret {
    Secret::new(b"storm-Zq7wPx2vKd9mTn4c".to_vec())
}

fn roster(devices: u16) -> Roster {
    let entry = |number: u16| Entry {
        method: Method::Mab,
        source: Some(SWITCH),
        user: format!("02000000{number:04x}"),
        password: format!("02000000{number:04x}"),
        vlan: vlan(100 + number),
        papers: None,
        attributes: vec![],
    };
    let entries = (0..devices).map(entry).collect();
    Roster { entries, secrets: [(Some(SWITCH), secret())].into() }
}

fn settings(load: Load) -> StormSettings {
    StormSettings {
        server: SERVER.into(),
        load,
        duration: Duration::from_secs(1),
        starts_max: u64::MAX,
        eap_tls_percent: None,
        resume_percent: 0,
        timeout: Duration::from_secs(2),
        retries: 2,
        ports: 2,
        echo: false,
    }
}

fn storm(devices: u16, settings: StormSettings) -> Storm {
    let roster = roster(devices);
    let callers: Arc<[Caller]> = roster
        .entries
        .iter()
        .map(|entry| Caller { entry: entry.clone(), fresh: None, resuming: None })
        .collect();
    Storm::new(callers, &roster, settings, &[7; 32])
}

/// What a server answers: a packet for a request, or nothing.
type Server = fn(&Packet<'_>) -> Option<Vec<u8>>;

/// An Accept with the VLAN that the device's name asks for, off by `off`.
fn accept(request: &Packet<'_>, off: u16, code: Code, signed: bool, key: &Key) -> Vec<u8> {
    let name = std::str::from_utf8(request.first(1).unwrap()).unwrap();
    let number = u16::from_str_radix(name.strip_prefix("02000000").unwrap(), 16).unwrap();
    let mut octets = Vec::new();
    let mut writer = Writer::reply(&mut octets, code, request);
    if signed {
        writer.message_authenticator_first();
    }
    writer.vlan(None, &(100 + number + off).to_string());
    writer.finish_reply(key, request.authenticator()).unwrap();
    octets
}

fn honest(request: &Packet<'_>) -> Option<Vec<u8>> {
    Some(accept(request, 0, Code::AccessAccept, true, &Key::new(&secret())))
}

/// Lets a storm blow against a server, a millisecond a step, and says how it went.
fn blow(mut storm: Storm, server: Server) -> Tally {
    for step in 0..30_000 {
        let now = Moment { monotonic: Duration::from_millis(step), wall: Timestamp(0) };
        storm.handle_timeout(now);
        let mut replies = Vec::new();
        while let Some(outgoing) = storm.poll_transmit() {
            assert_eq!(outgoing.source, Some(SWITCH));
            let request = Packet::parse(outgoing.octets).unwrap();
            replies.extend(server(&request).map(|octets| (octets, outgoing.port)));
        }
        for (octets, port) in replies {
            storm.handle(now, &octets, SERVER.into(), Some(SWITCH), port);
        }
        if storm.is_done(now) {
            return storm.tally().clone();
        }
    }
    panic!("the storm does not end: {:?}", storm.tally());
}

#[test]
fn an_honest_server_has_nothing_against_it() {
    for load in [
        Load::Rate { per_second: 500 },
        Load::Outstanding { devices: 20 },
        Load::PowerReturn { devices: 700 },
    ] {
        let tally = blow(storm(600, settings(load)), honest);
        assert!(tally.is_right(), "{load:?}: {tally:?}");
        assert_eq!((tally.answers, tally.mab), (tally.begun, tally.admitted));
        if let Load::PowerReturn { .. } = load {
            assert_eq!(tally.admitted, 600, "more than two ports have identifiers for at once");
        }
    }
}

#[test]
fn a_dishonest_server_is_noticed_whatever_it_does_wrong() {
    let cases: [(&str, Server); 9] = [
        ("no-answer", |_| None),
        ("refused", |request| {
            Some(accept(request, 0, Code::AccessReject, true, &Key::new(&secret())))
        }),
        ("vlan-wrong", |request| {
            Some(accept(request, 1, Code::AccessAccept, true, &Key::new(&secret())))
        }),
        ("vlan-absent", |request| {
            let mut octets = Vec::new();
            let mut writer = Writer::reply(&mut octets, Code::AccessAccept, request);
            writer.message_authenticator_first();
            writer.finish_reply(&Key::new(&secret()), request.authenticator()).unwrap();
            Some(octets)
        }),
        ("conversation-broken", |request| {
            Some(accept(request, 0, Code::AccessChallenge, true, &Key::new(&secret())))
        }),
        ("message-authenticator-absent", |request| {
            Some(accept(request, 0, Code::AccessAccept, false, &Key::new(&secret())))
        }),
        ("response-authenticator", |request| {
            let other = Key::new(&Secret::new(b"another-secret".to_vec()));
            Some(accept(request, 0, Code::AccessAccept, true, &other))
        }),
        ("reply-code", |request| {
            Some(accept(request, 0, Code::AccountingResponse, true, &Key::new(&secret())))
        }),
        ("malformed", |request| honest(request).map(|octets| octets[..21].to_vec())),
    ];
    for (fault, server) in cases {
        let tally = blow(storm(3, settings(Load::PowerReturn { devices: 3 })), server);
        assert!(!tally.is_right());
        assert_eq!(tally.admitted, 0, "{fault}");
        assert!(tally.faults.contains_key(fault), "{fault}: {:?}", tally.faults);
    }
}

#[test]
fn one_wrong_octet_anywhere_admits_nobody() {
    let length = {
        let mut storm = storm(1, settings(Load::PowerReturn { devices: 1 }));
        storm.handle_timeout(Moment::default());
        let outgoing = storm.poll_transmit().unwrap();
        honest(&Packet::parse(outgoing.octets).unwrap()).unwrap().len()
    };
    for at in 0..length {
        let mut storm = storm(1, settings(Load::PowerReturn { devices: 1 }));
        storm.handle_timeout(Moment::default());
        let outgoing = storm.poll_transmit().unwrap();
        let mut reply = honest(&Packet::parse(outgoing.octets).unwrap()).unwrap();
        let port = outgoing.port;
        reply[at] ^= 1;
        storm.handle(Moment::default(), &reply, SERVER.into(), Some(SWITCH), port);
        assert_eq!(storm.tally().admitted, 0, "octet {at}");
        // The right answer still counts.
        reply[at] ^= 1;
        storm.handle(Moment::default(), &reply, SERVER.into(), Some(SWITCH), port);
        assert_eq!(storm.tally().admitted, 1, "octet {at}");
    }
}

#[test]
fn what_was_lost_is_sent_again_as_it_was_and_the_wait_counts_from_the_first_time() {
    let mut storm = storm(1, settings(Load::PowerReturn { devices: 1 }));
    let at = |milliseconds| Moment {
        monotonic: Duration::from_millis(milliseconds),
        wall: Timestamp(0),
    };
    storm.handle_timeout(at(0));
    let first = storm.poll_transmit().unwrap().octets.to_vec();
    storm.handle_timeout(at(1_999));
    assert_eq!(storm.poll_transmit(), None);
    storm.handle_timeout(at(2_000));
    let again = storm.poll_transmit().unwrap();
    assert_eq!(again.octets, first);
    let (reply, port) = (honest(&Packet::parse(again.octets).unwrap()).unwrap(), again.port);
    storm.handle(at(2_100), &reply, SERVER.into(), Some(SWITCH), port);
    let tally = storm.tally();
    assert!(tally.is_right());
    assert_eq!((tally.retransmissions, tally.wait_mab.max()), (1, Duration::from_millis(2_100)));
    // A second copy of the answer answers nothing.
    storm.handle(at(2_101), &reply, SERVER.into(), Some(SWITCH), port);
    assert_eq!((storm.tally().unasked, storm.tally().admitted), (1, 1));
}

#[test]
fn a_stranger_cannot_answer_for_the_server() {
    let mut storm = storm(1, settings(Load::PowerReturn { devices: 1 }));
    storm.handle_timeout(Moment::default());
    let outgoing = storm.poll_transmit().unwrap();
    let (reply, port) = (honest(&Packet::parse(outgoing.octets).unwrap()).unwrap(), outgoing.port);
    let stranger = SocketAddr::from(([127, 0, 0, 2], 1812));
    storm.handle(Moment::default(), &reply, stranger, Some(SWITCH), port);
    assert_eq!((storm.tally().admitted, storm.tally().unasked), (0, 1));
}

#[test]
fn a_silent_server_cannot_hide_behind_the_open_loop() {
    // 100 a second for a second, but only ten devices: all wait, and what could not begin is
    // said, as are the waits of what did.
    let storm = storm(10, settings(Load::Rate { per_second: 100 }));
    let tally = blow(storm, |_| None);
    assert_eq!((tally.begun >= 10, tally.admitted), (true, 0));
    assert_eq!(tally.faults.get("no-answer"), Some(&tally.begun));
    assert!(tally.begun < 100 && !tally.is_right());
}

#[test]
fn link_keys_must_be_the_devices_own() {
    let request = {
        let mut octets = Vec::new();
        let writer = Writer::request(&mut octets, Code::AccessRequest, 1, [9; 16]);
        writer.finish_request(&Key::new(&secret())).unwrap();
        octets
    };
    let request = Packet::parse(&request).unwrap();
    let (key, device) = (Key::new(&secret()), [[1; 32], [2; 32]]);
    let msk = Msk { recv: Secret::new(vec![1; 32]), send: Secret::new(vec![2; 32]) };
    let judged = |given: Option<[[u8; 32]; 2]>, twice: bool| {
        let mut octets = Vec::new();
        let mut writer = Writer::reply(&mut octets, Code::AccessAccept, &request);
        writer.message_authenticator_first().vlan(Some(1), "120");
        for _ in 0..=usize::from(twice) {
            if let Some([recv, send]) = given {
                writer.mppe_keys(&key, &recv, &send, [[1, 2], [3, 4]]);
            }
        }
        writer.finish_reply(&key, request.authenticator()).unwrap();
        let accept = Packet::parse(&octets).unwrap();
        answer::judge(&accept, vlan(120), Some((&key, request.authenticator(), &msk)))
    };
    assert_eq!(judged(Some(device), false), Ok(()));
    assert_eq!(judged(None, false), Err(Fault::KeysAbsent));
    assert_eq!(judged(Some(device), true), Err(Fault::KeysAbsent), "which of the two?");
    assert_eq!(judged(Some([[1; 32], [3; 32]]), false), Err(Fault::KeysWrong));
    assert_eq!(
        judged(Some([[2; 32], [1; 32]]), false),
        Err(Fault::KeysWrong),
        "the wrong way round"
    );
}
