//! Vectors of RFC 3414 Appendix A.3, round trips, and octets nobody thought of.

use proptest::prelude::*;

use super::report::Complaint;
use super::{
    Auth, Binding, CommunityMessage, Keys, Malformed, MasterKeys, OID_ARCS_MAX, Oid, Outgoing, Pdu,
    PduKind, Privacy, Received, Scoped, UserMessage, Value, parse,
};
use crate::vocabulary::Secret;

const ENGINE: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
const SYS_UP_TIME: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 3, 0];

fn master(auth: Auth, privacy: Option<Privacy>) -> MasterKeys {
    let passphrase = Secret::new(b"maplesyrup".to_vec());
    MasterKeys::new((auth, &passphrase), privacy.map(|it| (it, &passphrase))).unwrap()
}

fn keys(auth: Auth, privacy: Option<Privacy>) -> Keys {
    master(auth, privacy).localise(&ENGINE)
}

fn octets(hex: &str) -> Vec<u8> {
    crate::vocabulary::unhex(hex).unwrap()
}

#[test]
fn rfc_3414_a_3_2_the_key_of_a_passphrase() {
    let keys = keys(Auth::Sha1, Some(Privacy::Aes128));
    let expected = octets("6695febc9288e36282235fc7151f128497b38f3f");
    let (auth, privacy) = keys.exposed();
    assert_eq!((auth, privacy), (expected.as_slice(), Some(&expected[..16])));
}

/// Worked out beside the program with Python's `hashlib`, after the text of the two drafts.
#[test]
fn a_key_too_short_for_aes_256_is_extended_in_either_way() {
    for (privacy, expected) in [
        (
            Privacy::Aes256Blumenthal,
            "6695febc9288e36282235fc7151f128497b38f3f505e07eb9af25568fa1f5dbe",
        ),
        (Privacy::Aes256Reeder, "6695febc9288e36282235fc7151f128497b38f3f9b8b6d78936ba6e7d19dfd9c"),
    ] {
        assert_eq!(keys(Auth::Sha1, Some(privacy)).exposed().1.unwrap(), octets(expected));
    }
}

#[test]
fn short_passphrases_make_no_keys() {
    let (long, short) = (Secret::new(b"12345678".to_vec()), Secret::new(b"1234567".to_vec()));
    assert!(MasterKeys::new((Auth::Sha256, &long), None).is_some());
    assert!(MasterKeys::new((Auth::Sha256, &short), None).is_none());
    assert!(MasterKeys::new((Auth::Sha1, &long), Some((Privacy::Aes128, &short))).is_none());
}

fn scoped(pdu: Pdu) -> Scoped {
    Scoped { engine: ENGINE.to_vec(), context: b"vlan-110".to_vec(), pdu }
}

fn outgoing<'a>(scoped: &'a Scoped, keys: Option<&'a Keys>) -> Outgoing<'a> {
    Outgoing {
        id: 7,
        reportable: true,
        engine: &ENGINE,
        boots: 3,
        time: 4_711,
        user: b"sekisho",
        keys,
        salt: [9, 8, 7, 6, 5, 4, 3, 2],
        scoped,
    }
}

fn user_message(octets: &[u8]) -> UserMessage {
    match parse(octets).unwrap() {
        Received::User(message) => *message,
        Received::Community(_) => panic!("version 3 was written"),
    }
}

#[test]
fn every_family_of_keys_writes_what_it_reads_and_no_other_key_does() {
    let scoped = scoped(Pdu::bulk(5, 20, vec![Oid::from(&SYS_UP_TIME)]));
    let levels = [None].into_iter().chain(Privacy::ALL.map(Some));
    let all: Vec<_> = Auth::ALL
        .into_iter()
        .flat_map(|auth| levels.clone().map(move |privacy| keys(auth, privacy)))
        .collect();
    for own in &all {
        let octets = outgoing(&scoped, Some(own)).write().unwrap();
        let message = user_message(&octets);
        assert_eq!((message.boots, message.time, message.id), (3, 4_711, 7));
        assert_eq!(message.user, b"sekisho");
        assert!(message.auth && message.reportable);
        for other in &all {
            let same = own.exposed().0 == other.exposed().0;
            assert_eq!(message.is_authentic(&octets, other), same);
        }
        assert_eq!(message.privacy, own.is_private());
        assert_eq!(message.clone().open(Some(own)), Ok(scoped.clone()));
        let clear = message.open(None);
        assert_eq!(clear.is_ok(), !own.is_private());
    }
    let octets = outgoing(&scoped, None).write().unwrap();
    let message = user_message(&octets);
    assert!(!message.is_authentic(&octets, &all[0]), "what bears no tag is never authentic");
    assert_eq!(message.open(None), Ok(scoped));
}

#[test]
fn one_changed_octet_is_never_authentic() {
    let keys = keys(Auth::Sha256, Some(Privacy::Aes128));
    let scoped = scoped(Pdu::request(PduKind::Get, 1, vec![Oid::from(&SYS_UP_TIME)]));
    let good = outgoing(&scoped, Some(&keys)).write().unwrap();
    for at in 0..good.len() {
        for change in [1, 0x80] {
            let mut bad = good.clone();
            bad[at] ^= change;
            if let Ok(Received::User(message)) = parse(&bad) {
                assert!(!message.is_authentic(&bad, &keys), "octet {at}");
            }
        }
        assert!(parse(&good[..at]).is_err(), "cut at {at}");
    }
    let mut more = good.clone();
    more.push(0);
    assert_eq!(parse(&more), Err(Malformed::Encoding));
}

/// As `snmptrap -v 2c -c public` of net-snmp writes it.
#[test]
fn a_community_message_has_the_octets_that_other_programs_write() {
    let up = Binding { name: Oid::from(&SYS_UP_TIME), value: Value::Ticks(6) };
    let pdu = Pdu { bindings: vec![up], ..Pdu::request(PduKind::Trap, 9, Vec::new()) };
    let message = CommunityMessage { community: b"public".to_vec(), pdu };
    let written = octets(concat!(
        "302702010104067075626c6963a71a020109020100020100",
        "300f300d06082b06010201010300430106",
    ));
    assert_eq!(message.write().unwrap(), written);
    assert_eq!(parse(&written), Ok(Received::Community(message)));
}

#[test]
fn other_versions_and_models_are_told_apart() {
    let one =
        octets("302602010004067075626c6963a019020101020100020100300e300c06082b060102010103000500");
    assert_eq!(parse(&one), Err(Malformed::Version));
    assert_eq!(parse(b""), Err(Malformed::Encoding));
    assert_eq!(parse(&vec![0x30; 70_000]), Err(Malformed::Long));
}

#[test]
fn complaints_are_known_by_their_objects() {
    let all = [
        Complaint::UnsupportedLevel,
        Complaint::NotInTime,
        Complaint::UnknownUser,
        Complaint::UnknownEngine,
        Complaint::WrongDigest,
        Complaint::Decryption,
    ];
    for complaint in all {
        assert_eq!(Complaint::of(&complaint.name()), complaint);
    }
    assert_eq!(Complaint::of(&Oid::from(&SYS_UP_TIME)), Complaint::Other);
}

#[test]
fn names_are_ordered_read_and_bounded() {
    let read = |text: &str| text.parse::<Oid>();
    assert!(read("1.3.6.1.2").unwrap() < read(".1.3.6.1.2.1").unwrap());
    assert!(read("1.3.6.2").unwrap() > read("1.3.6.1.9").unwrap());
    for bad in ["", "1", "3.1", "1.40", "1.3.x", "1..3", "1.3.4294967296", "2.4294967295"] {
        assert_eq!(read(bad), Err(()), "{bad}");
    }
    assert!(
        Oid::new(vec![1; OID_ARCS_MAX]).is_some() && Oid::new(vec![1; OID_ARCS_MAX + 1]).is_none()
    );
    assert_eq!(read("1.3.6.1.2.1.1").unwrap().strip(&[1, 3, 6]), Some([1, 2, 1, 1].as_slice()));
}

fn values() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i32>().prop_map(|it| Value::Integer(i64::from(it))),
        prop::collection::vec(any::<u8>(), 0..200).prop_map(Value::Octets),
        names().prop_map(Value::Oid),
        any::<[u8; 4]>().prop_map(Value::Address),
        any::<u32>().prop_map(Value::Counter32),
        any::<u32>().prop_map(Value::Gauge32),
        any::<u32>().prop_map(Value::Ticks),
        any::<u64>().prop_map(Value::Counter64),
        Just(Value::Unspecified),
        Just(Value::NoSuchObject),
        Just(Value::NoSuchInstance),
        Just(Value::EndOfMibView),
    ]
}

fn names() -> impl Strategy<Value = Oid> {
    prop::collection::vec(any::<u32>(), 0..40)
        .prop_map(|rest| Oid::from(&[1, 3, 6, 1]).child(&rest))
}

fn pdus() -> impl Strategy<Value = Pdu> {
    let kinds = prop::sample::select(vec![
        PduKind::Get,
        PduKind::GetNext,
        PduKind::Response,
        PduKind::Set,
        PduKind::GetBulk,
        PduKind::Inform,
        PduKind::Trap,
        PduKind::Report,
    ]);
    let binding = (names(), values()).prop_map(|(name, value)| Binding { name, value });
    let bindings = prop::collection::vec(binding, 0..8);
    (kinds, any::<i32>(), 0..20_u32, 0..50_u32, bindings).prop_map(
        |(kind, request_id, first, second, bindings)| Pdu {
            kind,
            request_id,
            first,
            second,
            bindings,
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read(pdu in pdus()) {
        let message = CommunityMessage { community: b"c".to_vec(), pdu: pdu.clone() };
        let octets = message.write().unwrap();
        prop_assert_eq!(parse(&octets), Ok(Received::Community(message)));
        let scoped = scoped(pdu);
        let octets = outgoing(&scoped, None).write().unwrap();
        prop_assert_eq!(user_message(&octets).open(None), Ok(scoped));
    }

    #[test]
    fn no_octets_panic(octets in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = parse(&octets);
    }

    /// Splices, flips, repetitions and cuts of good messages reach deeper than random octets.
    #[test]
    fn no_mutation_panics(
        pdu in pdus(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..8),
        secure in any::<bool>(),
    ) {
        let (scoped, message) = (scoped(pdu.clone()), CommunityMessage { community: vec![], pdu });
        let octets = if secure { outgoing(&scoped, None).write() } else { message.write() };
        let mut octets = octets.unwrap();
        for (at, value, change) in changes {
            let at = at.index(octets.len());
            match change {
                0 => octets[at] = value,
                1 => octets.insert(at, value),
                2 if octets.len() > 1 => { octets.remove(at); }
                _ => {
                    let copy = octets[at..].iter().copied().take(32).collect::<Vec<_>>();
                    octets.splice(at..at, copy);
                }
            }
        }
        if let Ok(Received::User(message)) = parse(&octets) {
            let _ = message.open(None);
        }
    }
}
