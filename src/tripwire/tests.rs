//! The zone against queries as people, resolvers and enemies send them.

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RecordType};
use proptest::prelude::*;

use super::*;
use crate::plan::tests::{NOW, edit, shipped};
use crate::plan::{Plan, Tripwire, compile};
use crate::vocabulary::Secret;

const ZONE: &str = "a.lan.city.example";

fn plan() -> Plan {
    let mut sources = shipped();
    edit(&mut sources, "config/tripwire.toml", "\nenabled = false", "\nenabled = true");
    edit(&mut sources, "config/tripwire.toml", "exclude = []", "exclude = [\"P-0002\"]");
    compile(&sources, NOW).plan.unwrap()
}

fn key() -> LabelKey {
    LabelKey::new(&Secret::new(vec![7; 32])).unwrap()
}

fn wire(plan: &Plan) -> &Tripwire {
    plan.tripwire().unwrap()
}

fn export() -> Export {
    let plan = plan();
    Export::new(&plan, wire(&plan), &key(), NOW)
}

/// The label of a device of the shipped inventory.
fn label() -> String {
    static LABEL: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    LABEL.get_or_init(fresh).clone()
}

fn fresh() -> String {
    let plan = plan();
    key().label("P-0001", Epoch::at(NOW, wire(&plan).rotation))
}

fn message(name: &str, kind: RecordType) -> Message {
    let mut message = Message::new(77, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message
}

fn ask(zone: &Zone, message: &Message) -> (Outcome, Option<LabelHash>, Message) {
    let query = message.to_vec().unwrap();
    let answer = zone.answer(&query, Transport::Udp);
    let octets = answer.octets.unwrap();
    assert!(octets.len() <= 512, "{}", octets.len());
    (answer.outcome, answer.hit, Message::from_vec(&octets).unwrap())
}

#[test]
fn a_label_is_answered_and_names_itself_and_everything_else_is_nothing() {
    let (zone, label) = (Zone::new(&export()).unwrap(), label());
    let hash = LabelHash::of(label.as_bytes());
    let mixed = label.to_ascii_uppercase();
    let guessed = key().label("P-0001", Epoch(1));
    let (here, code) = (Some(hash).flatten(), |code| (code, 0, 1));
    let none = (ResponseCode::NoError, 0, 1);
    let missing = code(ResponseCode::NXDomain);
    for (name, kind, outcome, hit, expected) in [
        (
            format!("{label}.{ZONE}."),
            RecordType::A,
            Outcome::Named,
            here,
            (ResponseCode::NoError, 1, 0),
        ),
        (
            format!("{mixed}.A.lan.CITY.example."),
            RecordType::A,
            Outcome::Named,
            here,
            (ResponseCode::NoError, 1, 0),
        ),
        (format!("{label}.{ZONE}."), RecordType::AAAA, Outcome::Named, here, none),
        (format!("{label}.{ZONE}."), RecordType::HTTPS, Outcome::Named, here, none),
        // Below a label there is nothing, yet who asks knows the label.
        (format!("x.{label}.{ZONE}."), RecordType::A, Outcome::Named, here, missing),
        // No wildcard, no guess, no label of another time.
        (format!("www.{ZONE}."), RecordType::A, Outcome::Missed, None, missing),
        (format!("*.{ZONE}."), RecordType::A, Outcome::Missed, None, missing),
        (format!("{guessed}.{ZONE}."), RecordType::A, Outcome::Missed, None, missing),
        (format!("{label}.x.{ZONE}."), RecordType::A, Outcome::Missed, None, missing),
        (format!("{ZONE}."), RecordType::SOA, Outcome::Apex, None, (ResponseCode::NoError, 1, 0)),
        (format!("{ZONE}."), RecordType::NS, Outcome::Apex, None, (ResponseCode::NoError, 1, 0)),
        (format!("{ZONE}."), RecordType::ANY, Outcome::Apex, None, (ResponseCode::NoError, 1, 0)),
        (format!("{ZONE}."), RecordType::A, Outcome::Apex, None, none),
        (
            format!("{ZONE}."),
            RecordType::AXFR,
            Outcome::Refused,
            None,
            (ResponseCode::Refused, 0, 0),
        ),
        (
            "city.example.".to_owned(),
            RecordType::A,
            Outcome::Refused,
            None,
            (ResponseCode::Refused, 0, 0),
        ),
        (
            format!("{label}.example."),
            RecordType::A,
            Outcome::Refused,
            None,
            (ResponseCode::Refused, 0, 0),
        ),
        (".".to_owned(), RecordType::NS, Outcome::Refused, None, (ResponseCode::Refused, 0, 0)),
    ] {
        let found = ask(&zone, &message(&name, kind));
        let answer = &found.2;
        let shown = (answer.metadata.response_code, answer.answers.len(), answer.authorities.len());
        assert_eq!((found.0, found.1, shown), (outcome, hit, expected), "{name} {kind}");
        let metadata = &answer.metadata;
        assert!(metadata.recursion_desired && !metadata.recursion_available && metadata.id == 77);
        assert_eq!(metadata.authoritative, outcome != Outcome::Refused, "{name}");
        assert!(answer.answers.iter().chain(&answer.authorities).all(|record| record.ttl == 30));
        assert!(answer.additionals.is_empty() && answer.edns.is_none());
    }
}

#[test]
fn what_is_no_plain_query_is_told_so_and_a_response_is_never_answered() {
    let (zone, name) = (Zone::new(&export()).unwrap(), format!("{}.{ZONE}.", label()));
    let query = message(&name, RecordType::A);
    let mut response = query.clone();
    response.metadata.message_type = MessageType::Response;
    let ignored = zone.answer(&response.to_vec().unwrap(), Transport::Udp);
    assert_eq!((ignored.outcome, ignored.octets), (Outcome::Ignored, None));
    assert_eq!(zone.answer(b"short", Transport::Udp).octets, None);
    let mut update = query.clone();
    update.metadata.op_code = OpCode::Update;
    assert_eq!(ask(&zone, &update).2.metadata.response_code, ResponseCode::NotImp);
    let mut twice = query.clone();
    twice.add_query(query.queries[0].clone());
    let found = ask(&zone, &twice);
    assert_eq!(
        (found.0, found.2.metadata.response_code),
        (Outcome::Malformed, ResponseCode::FormErr)
    );
    let octets = query.to_vec().unwrap();
    let cut = zone.answer(&octets[..octets.len() - 1], Transport::Udp);
    assert_eq!(cut.outcome, Outcome::Malformed);
    let mut chaos = query.clone();
    chaos.queries[0].set_query_class(DNSClass::CH);
    assert_eq!(ask(&zone, &chaos).2.metadata.response_code, ResponseCode::Refused);
    // EDNS is answered by EDNS, and a version nobody knows is said to be (RFC 6891 §6.1.3).
    let mut edns = Edns::new();
    edns.set_max_payload(4096);
    let mut with = query.clone();
    with.set_edns(edns.clone());
    let answer = ask(&zone, &with).2;
    assert_eq!(answer.edns.as_ref().map(Edns::max_payload), Some(1232));
    edns.set_version(1);
    with.set_edns(edns);
    let (outcome, hit, answer) = ask(&zone, &with);
    assert_eq!((outcome, hit), (Outcome::Refused, None));
    assert_eq!((answer.edns.unwrap().rcode_high(), answer.answers.len()), (1, 0));
    // What is to be asked for by TCP is no longer than the query.
    let short = zone.answer(&octets, Transport::Udp).truncate().octets.unwrap();
    let read = Message::from_vec(&short).unwrap();
    assert!(read.metadata.truncation && read.metadata.message_type == MessageType::Response);
    assert!(short.len() <= octets.len());
}

#[test]
fn no_answer_is_worth_a_forged_source() {
    let zone = Zone::new(&export()).unwrap();
    for name in [format!("{}.{ZONE}.", label()), format!("x.{ZONE}."), format!("{ZONE}.")] {
        for kind in [RecordType::A, RecordType::ANY, RecordType::NS, RecordType::TXT] {
            let query = message(&name, kind).to_vec().unwrap();
            let answer = zone.answer(&query, Transport::Udp).octets.unwrap();
            assert!(answer.len() < 4 * query.len(), "{name} {kind}: {}", answer.len());
        }
    }
}

#[test]
fn the_file_for_the_responder_names_nobody_and_wrong_ones_are_refused() {
    let export = export();
    let text = serde_json::to_string(&export).unwrap();
    let plan = plan();
    assert_eq!(Export::parse(text.as_bytes()).unwrap(), export);
    let known = labels(&plan, wire(&plan), &key(), Epoch::at(NOW, wire(&plan).rotation));
    assert_eq!(export.hashes.len(), 2 * known.len());
    assert!(known.iter().any(|it| it.asset == "P-0001"));
    assert!(known.iter().all(|it| it.asset != "P-0002"), "one that leaves the building has none");
    for it in &known {
        assert!(!text.contains(&it.label) && !text.contains(&it.asset), "{}", it.asset);
    }
    for (from, to) in [
        ("\"version\":1", "\"version\":2"),
        ("https://", "http://"),
        ("\"ttl_s\":30", "\"ttl_s\":301"),
        ("\"dns\":[\"0.0.0.0:53\"]", "\"dns\":[]"),
        ("\"hashes\":[\"", "\"hashes\":[\"0"),
        ("\"zone\"", "\"zonk\""),
    ] {
        assert!(text.contains(from), "{from}");
        assert!(Export::parse(text.replacen(from, to, 1).as_bytes()).is_err(), "{to}");
    }
}

#[test]
fn a_label_is_good_for_its_epoch_and_the_next() {
    let plan = plan();
    let (wire, key) = (wire(&plan), key());
    let epoch = Epoch::at(NOW, wire.rotation);
    let directory = Directory::new(&plan, wire, &key, NOW);
    let hash = |epoch| LabelHash::of(key.label("P-0001", epoch).as_bytes()).unwrap();
    let device = plan.device_by_asset("P-0001").unwrap();
    let earlier = Epoch(epoch.0 - 2);
    for (label, asked, whose) in [
        (epoch, NOW, Whose::Device(device, epoch)),
        (epoch.previous(), NOW, Whose::Device(device, epoch.previous())),
        (earlier, NOW, Whose::Past(device)),
        // It waited on the responder's disk, and was good when it was asked for.
        (earlier, epoch.previous().begins(wire.rotation), Whose::Device(device, earlier)),
        (Epoch(epoch.0 - 3), NOW, Whose::Nobody),
        (Epoch(epoch.0 + 1), NOW, Whose::Nobody),
    ] {
        assert_eq!(directory.whose(hash(label), asked), whose, "{label:?}");
    }
    let excluded = LabelHash::of(key.label("P-0002", epoch).as_bytes()).unwrap();
    assert_eq!(directory.whose(excluded, NOW), Whose::Nobody);
    assert!(directory.is_of(NOW) && !directory.is_of(Epoch(epoch.0 + 1).begins(wire.rotation)));
}

#[test]
fn zone_files_hold_the_labels_inside_and_none_outside() {
    let plan = plan();
    let label = label();
    let inner = inside(&plan, wire(&plan), &key(), NOW);
    assert!(
        inner.starts_with(
            "$ORIGIN a.lan.city.example.\n$TTL 30\n@ 30 IN SOA tripwire.city.example. "
        )
    );
    assert!(inner.contains(&format!("\n{label} IN A 10.1.0.80\n")));
    let outer = outside(wire(&plan), NOW);
    assert!(!outer.contains(&label) && outer.lines().count() < 8, "{outer}");
    assert!(start_page(ZONE, &label).contains(&format!("\"http://{label}.{ZONE}/\"")));
    assert!(autoconfiguration(ZONE, &label).contains(&format!("dnsResolve(\"{label}.{ZONE}\")")));
}

#[test]
fn a_request_by_a_label_is_a_hit_and_no_other_is() {
    let (zone, label) = (Zone::new(&export()).unwrap(), label());
    let hash = LabelHash::of(label.as_bytes());
    for (head, status, outcome, hit) in [
        (format!("GET / HTTP/1.1\r\nHost: {label}.{ZONE}\r\n\r\n"), "204", Outcome::Named, hash),
        (
            format!("HEAD /x HTTP/1.0\r\nA: b\r\nhOST:  {label}.{ZONE}:80 \r\n\r\n"),
            "204",
            Outcome::Named,
            hash,
        ),
        (format!("GET / HTTP/1.1\r\nHost: www.{ZONE}\r\n\r\n"), "404", Outcome::Missed, None),
        ("GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n".to_owned(), "404", Outcome::Missed, None),
        (
            format!("GET / HTTP/1.1\r\nHost: a\r\nHost: {label}.{ZONE}\r\n\r\n"),
            "400",
            Outcome::Malformed,
            None,
        ),
        (
            format!("POST / HTTP/1.1\r\nHost: {label}.{ZONE}\r\n\r\n"),
            "400",
            Outcome::Malformed,
            None,
        ),
        (
            format!("GET http://{label}.{ZONE}/ HTTP/1.1\r\nHost: x\r\n\r\n"),
            "400",
            Outcome::Malformed,
            None,
        ),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), "400", Outcome::Malformed, None),
        (String::new(), "400", Outcome::Malformed, None),
    ] {
        let (response, found, label) = web::answer(&zone, head.as_bytes());
        let response = String::from_utf8(response).unwrap();
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{head}: {response}");
        assert_eq!((found, label), (outcome, hit), "{head}");
    }
}

proptest! {
    #[test]
    fn no_octets_panic_or_name_anybody(octets in proptest::collection::vec(any::<u8>(), 0..600)) {
        let zone = zone();
        let answer = zone.answer(&octets, Transport::Udp);
        prop_assert!(answer.hit.is_none());
        prop_assert!(answer.octets.is_none_or(|answer| answer.len() <= 1232));
        prop_assert!(web::answer(zone, &octets).2.is_none());
    }

    #[test]
    fn no_mutation_of_a_query_panics_and_every_answer_can_be_read(
        at in 0_usize..80, octet in any::<u8>(), cut in 0_usize..90, edns in any::<bool>(),
    ) {
        let mut query = message(&format!("{}.{ZONE}.", label()), RecordType::A);
        if edns {
            query.set_edns(Edns::new());
        }
        let mut octets = query.to_vec().unwrap();
        if let Some(place) = octets.get_mut(at) {
            *place ^= octet;
        }
        octets.truncate(cut);
        for transport in [Transport::Udp, Transport::Tcp] {
            let answer = zone().answer(&octets, transport);
            if let Some(octets) = answer.octets {
                let read = Message::from_vec(&octets).unwrap();
                prop_assert_eq!(read.metadata.message_type, MessageType::Response);
                prop_assert!(!read.metadata.recursion_available);
            }
        }
    }
}

fn zone() -> &'static Zone {
    static ZONE: std::sync::OnceLock<Zone> = std::sync::OnceLock::new();
    ZONE.get_or_init(|| Zone::new(&export()).unwrap())
}
