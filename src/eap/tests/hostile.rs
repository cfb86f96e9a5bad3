//! What anyone on the port could send: out of state, out of order, out of bounds.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use proptest::prelude::*;

use super::city::{Authority, DEVICE, Leaf, OPTIONAL, device, now, server};
use crate::eap::framing::FramingViolation;
use crate::eap::peer::{Peer, PeerStep, PeerVersions};
use crate::eap::refusal::{EapIgnore, Refusal};
use crate::eap::server::{
    CONVERSATION_SECONDS_MAX, Conversation, IDENTITY_OCTETS_MAX, ROUNDS_MAX, Step,
};
use crate::eap::tls::TlsServer;
use crate::wire::eap::{Method, Packet, request, response, success};

struct City {
    authority: Authority,
    leaf: Leaf,
    server: Arc<TlsServer>,
}

static CITY: LazyLock<City> = LazyLock::new(|| {
    let authority = Authority::new("city");
    let leaf = authority.issue(2, |_| {});
    let server = server(&authority, vec![authority.realm(None, OPTIONAL)]);
    City { authority, leaf, server }
});

/// A conversation and a device, with the request that is outstanding.
struct Pair {
    conversation: Conversation,
    peer: Peer,
    request: Vec<u8>,
    octets: usize,
}

/// Where a conversation can stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Identity,
    ClientHello,
    Acknowledgement,
    Message,
    Decision,
    Conclusion,
    AlertAnswer,
    End,
}

const STAGES: [Stage; 8] = [
    Stage::Identity,
    Stage::ClientHello,
    Stage::Acknowledgement,
    Stage::Message,
    Stage::Decision,
    Stage::Conclusion,
    Stage::AlertAnswer,
    Stage::End,
];

impl Pair {
    fn new(octets: usize, leaf: Option<&Leaf>) -> Self {
        let device = device(&CITY.authority, leaf, PeerVersions::Tls13);
        let peer = Peer::new(device, b"host/pc".to_vec(), octets);
        let (conversation, request) = Conversation::begin(now(), CITY.server.clone(), 3);
        Self { conversation, peer, request, octets }
    }

    fn at(stage: Stage) -> Self {
        let octets = if stage == Stage::Acknowledgement { 300 } else { 1400 };
        let leaf = (stage != Stage::AlertAnswer).then_some(&CITY.leaf);
        let mut pair = Self::new(octets, leaf);
        let steps = match stage {
            Stage::Identity => 0,
            Stage::ClientHello => 1,
            Stage::Acknowledgement | Stage::Message => 2,
            Stage::Decision | Stage::Conclusion | Stage::AlertAnswer => 3,
            Stage::End => 4,
        };
        for _ in 0..steps {
            pair.step();
        }
        if stage == Stage::Decision {
            // `step` has decided; a pair of its own stands where the decision is awaited.
            let mut pair = Self::new(octets, leaf);
            pair.step();
            pair.step();
            let answer = pair.answer();
            let step = pair.conversation.handle(now(), &answer, octets);
            assert!(matches!(step, Step::Decide(_)), "{step:?}");
            return pair;
        }
        pair
    }

    fn answer(&mut self) -> Vec<u8> {
        match self.peer.handle(now(), &self.request) {
            PeerStep::Respond(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    fn step(&mut self) {
        let answer = self.answer();
        let mut step = self.conversation.handle(now(), &answer, self.octets);
        if let Step::Decide(_) = step {
            step = self.conversation.decided(now(), true);
        }
        match step {
            Step::Request(request) => self.request = request,
            Step::Success { .. } => {}
            other => panic!("{other:?}"),
        }
    }

    fn identifier(&self) -> u8 {
        Packet::parse(&self.request).unwrap().identifier()
    }

    /// Sends EAP-TLS type data as the answer to the outstanding request.
    fn tls(&mut self, type_data: &[u8]) -> Step {
        let packet = response(self.identifier(), Method::Tls, type_data);
        self.conversation.handle(now(), &packet, self.octets)
    }

    fn finishes(mut self) {
        for _ in 0..40 {
            let answer = self.answer();
            let mut step = self.conversation.handle(now(), &answer, self.octets);
            if let Step::Decide(_) = step {
                step = self.conversation.decided(now(), true);
            }
            match step {
                Step::Request(request) => self.request = request,
                Step::Success { .. } => return,
                other => panic!("{other:?}"),
            }
        }
        panic!("no end");
    }
}

fn ignored(step: &Step) -> EapIgnore {
    match step {
        Step::Ignore(ignore) => *ignore,
        other => panic!("{other:?}"),
    }
}

fn refused(step: &Step) -> Refusal {
    match step {
        Step::Failure { refusal, .. } => *refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn eap_4_eap_6_eap_7_eap_10_every_message_in_every_state() {
    for stage in STAGES {
        let blocked = match stage {
            Stage::Decision => Some(EapIgnore::DecisionPending),
            Stage::End => Some(EapIgnore::AfterEnd),
            _ => None,
        };
        let identifier = Pair::at(stage).identifier();
        let is = |expected: EapIgnore| blocked.unwrap_or(expected);
        let mut cases = vec![
            (response(identifier ^ 0x80, Method::Tls, &[0]), is(EapIgnore::WrongIdentifier)),
            (response(identifier, Method::Md5, &[1, 1]), is(EapIgnore::UnexpectedMethod)),
            (response(identifier, Method::Notification, &[]), is(EapIgnore::UnexpectedMethod)),
            (response(identifier, Method::Unknown(25), &[0]), is(EapIgnore::UnexpectedMethod)),
            (request(identifier, Method::Tls, &[0x20]), EapIgnore::NotResponse),
            (success(identifier), EapIgnore::NotResponse),
            (vec![9, identifier, 0, 4], EapIgnore::NotResponse),
        ];
        match stage {
            Stage::Identity => {
                let nak = response(identifier, Method::Nak, &[25]);
                cases.push((nak, EapIgnore::UnexpectedMethod));
                let tls = response(identifier, Method::Tls, &[0]);
                cases.push((tls, EapIgnore::UnexpectedMethod));
                let long = vec![b'a'; IDENTITY_OCTETS_MAX + 1];
                let long = response(identifier, Method::Identity, &long);
                cases.push((long, EapIgnore::IdentityTooLong));
            }
            Stage::ClientHello => {
                let again = response(identifier, Method::Identity, b"someone-else");
                cases.push((again, EapIgnore::UnexpectedMethod));
            }
            _ => {
                let again = response(identifier, Method::Identity, b"someone-else");
                cases.push((again, is(EapIgnore::UnexpectedMethod)));
                let nak = response(identifier, Method::Nak, &[25]);
                cases.push((nak, is(EapIgnore::LateNak)));
            }
        }
        let mut pair = Pair::at(stage);
        for (packet, expected) in cases {
            let step = pair.conversation.handle(now(), &packet, 1000);
            assert_eq!(ignored(&step), expected, "{stage:?} {packet:?}");
        }
        if stage == Stage::Decision {
            continue;
        }
        let undecided = pair.conversation.decided(now(), true);
        assert_eq!(ignored(&undecided), EapIgnore::DecisionUnasked, "{stage:?}");
        // None of it had an effect: the conversation goes on to its own end.
        if !matches!(stage, Stage::AlertAnswer | Stage::End) {
            pair.finishes();
        }
    }
}

#[test]
fn eap_7_a_nak_of_the_first_request_ends_the_conversation() {
    let mut pair = Pair::at(Stage::ClientHello);
    let nak = response(pair.identifier(), Method::Nak, &[25, 21]);
    let step = pair.conversation.handle(now(), &nak, 1000);
    assert_eq!(refused(&step), Refusal::MethodRefused);
}

/// The cases of hostap's `eap_proto_tls`, from the peer's side.
#[test]
fn tls_2_tls_3_tls_4_every_violation_of_framing_ends_the_conversation() {
    use FramingViolation as V;
    for stage in [Stage::ClientHello, Stage::Message] {
        for (packets, violation) in [
            (&[&[][..]][..], V::NoFlags),
            (&[&[0x80, 0, 0, 0]], V::NoTotal),
            (&[&[0x00]], V::AcknowledgementForData),
            (&[&[0x80, 0, 0, 0, 0]], V::AcknowledgementForData),
            (&[&[0x80, 0, 0, 0, 1, 2, 3]], V::TooMuch),
            (&[&[0x80, 0, 0, 0, 9, 2, 3]], V::TooLittle),
            (&[&[0xc0, 0, 0, 0, 1, 2]], V::TooMuch),
            (&[&[0x40, 1]], V::TotalMissing),
            (&[&[0x40]], V::EmptyFragment),
            (&[&[0xc0, 0, 0, 0, 9]], V::EmptyFragment),
            (&[&[0xc0, 0, 1, 0, 1, 2]], V::TotalTooLarge),
            (&[&[0xc0, 0xff, 0xff, 0xff, 0xff, 2]], V::TotalTooLarge),
            (&[&[0xc0, 0, 0, 0, 9, 2], &[0xc0, 0, 0, 0, 8, 2]], V::TotalChanged),
            (&[&[0xc0, 0, 0, 0, 2, 2], &[0x00, 1, 2]], V::TooMuch),
            (&[&[0xc0, 0, 0, 0, 9, 2], &[0x00, 1, 2]], V::TooLittle),
            (&[&[0xc0, 0, 0, 0, 9, 2], &[0x00]], V::AcknowledgementForData),
        ] {
            let mut pair = Pair::at(stage);
            let (last, first) = packets.split_last().unwrap();
            for packet in first {
                let Step::Request(request) = pair.tls(packet) else { panic!("{packet:?}") };
                assert_eq!(Packet::parse(&request).unwrap().type_data(), [0], "TLS-4");
                pair.request = request;
            }
            assert_eq!(refused(&pair.tls(last)), Refusal::Framing(violation), "{packets:?}");
            assert_eq!(ignored(&pair.tls(&[0])), EapIgnore::AfterEnd);
        }
    }
    for stage in [Stage::Acknowledgement, Stage::Conclusion] {
        let expected = match stage {
            Stage::Acknowledgement => Refusal::Framing(V::DataForAcknowledgement),
            _ => Refusal::TlsDecryption,
        };
        assert_eq!(refused(&Pair::at(stage).tls(&[0x00, 23, 3, 3, 0, 1, 9])), expected);
    }
}

#[test]
fn tls_6_the_answer_to_an_alert_does_not_matter() {
    for answer in [&[0][..], &[0, 21, 3, 3, 0, 2, 2, 40], &[0xff]] {
        let mut pair = Pair::at(Stage::AlertAnswer);
        assert_eq!(refused(&pair.tls(answer)), Refusal::CertificateMissing);
    }
}

#[test]
fn unreadable_tls_is_answered_with_an_alert_and_named() {
    let mut pair = Pair::at(Stage::ClientHello);
    let Step::Request(alert) = pair.tls(b"\x00GET / HTTP/1.1\r\n\r\n") else {
        panic!("no alert");
    };
    // An alert record in a plain EAP-TLS packet.
    assert_eq!(Packet::parse(&alert).unwrap().type_data()[..2], [0, 21]);
    pair.request = alert;
    assert_eq!(refused(&pair.tls(&[0])), Refusal::TlsMalformed);
    // A record that never ends asks nothing of us.
    let step = Pair::at(Stage::ClientHello).tls(&[0, 22, 3, 1, 0x10, 0]);
    assert_eq!(refused(&step), Refusal::TlsStalled);
}

#[test]
fn clients_older_than_tls_1_2_are_named() {
    // A hello of TLS 1.0: version, random, no session, one suite, no compression.
    let mut hello = vec![3, 1];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0, 0x2f, 1, 0]);
    let mut record = vec![0, 22, 3, 1, 0, 45, 1, 0, 0, 41];
    record.extend(hello);
    let mut pair = Pair::at(Stage::ClientHello);
    let Step::Request(alert) = pair.tls(&record) else { panic!("no alert") };
    pair.request = alert;
    assert_eq!(refused(&pair.tls(&[0])), Refusal::VersionTooOld);
}

#[test]
fn eap_11_conversations_are_bounded() {
    // In time.
    let mut pair = Pair::at(Stage::Message);
    let mut late = now();
    late.monotonic += Duration::from_secs(CONVERSATION_SECONDS_MAX + 1);
    let packet = response(pair.identifier(), Method::Tls, &[0]);
    let step = pair.conversation.handle(late, &packet, 1000);
    assert_eq!(refused(&step), Refusal::TooSlow);
    // In rounds, and in octets.
    for (size, expected) in [(1, Refusal::TooManyRounds), (1000, Refusal::TooManyOctets)] {
        let mut pair = Pair::at(Stage::ClientHello);
        let mut fragment = vec![0xc0, 0, 1, 0, 0];
        fragment.resize(5 + size, 1);
        let mut rounds = 0;
        let refusal = loop {
            rounds += 1;
            assert!(rounds <= ROUNDS_MAX);
            match pair.tls(&fragment) {
                Step::Request(request) => pair.request = request,
                Step::Failure { refusal, .. } => break refusal,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(refusal, expected);
    }
}

#[test]
fn eap_8_a_peer_repeats_its_answer_to_a_repeated_request() {
    let mut pair = Pair::at(Stage::Message);
    assert_eq!(pair.answer(), pair.answer());
}

#[test]
fn a_peer_believes_no_success_before_the_end() {
    for stage in [Stage::Identity, Stage::ClientHello, Stage::Message] {
        let mut pair = Pair::at(stage);
        let answer = pair.answer();
        assert_eq!(pair.peer.handle(now(), &success(answer[1])), PeerStep::Ignore, "{stage:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_octets_panic_or_grant_access(
        stage in 0_usize..8,
        packets in proptest::collection::vec(
            (any::<bool>(), proptest::collection::vec(any::<u8>(), 0..80)), 1..6),
    ) {
        let mut pair = Pair::at(STAGES[stage]);
        let done = matches!(STAGES[stage], Stage::Conclusion);
        for (shaped, octets) in packets {
            let step = if shaped {
                pair.tls(&octets)
            } else {
                pair.conversation.handle(now(), &octets, 1000)
            };
            match step {
                Step::Request(request) => pair.request = request,
                Step::Success { .. } => prop_assert!(done, "only after a decision"),
                Step::Decide(_) => prop_assert!(false, "evidence out of noise"),
                Step::Ignore(_) | Step::Failure { .. } => {}
            }
        }
    }

    #[test]
    fn one_changed_octet_grants_access_to_nobody_else(
        round in 0_usize..5,
        place: prop::sample::Index,
        change in 1_u8..,
        octets in 150_usize..1200,
    ) {
        let mut pair = Pair::new(octets, Some(&CITY.leaf));
        let mut proven = false;
        for count in 0..40 {
            let PeerStep::Respond(mut answer) = pair.peer.handle(now(), &pair.request) else {
                break;
            };
            if count == round {
                let place = place.index(answer.len());
                answer[place] ^= change;
            }
            let mut step = pair.conversation.handle(now(), &answer, octets);
            if let Step::Decide(evidence) = step {
                prop_assert_eq!(&evidence.certificate.get().identities, &[DEVICE]);
                proven = true;
                step = pair.conversation.decided(now(), true);
            }
            match step {
                Step::Request(request) => pair.request = request,
                Step::Success { packet, keys, .. } => {
                    prop_assert!(proven);
                    prop_assert_eq!(pair.peer.handle(now(), &packet), PeerStep::Success(keys));
                    break;
                }
                Step::Ignore(_) | Step::Failure { .. } => break,
                Step::Decide(_) => prop_assert!(false, "decided once"),
            }
        }
    }

    #[test]
    fn no_octets_panic_the_peer(
        stage in 0_usize..4,
        packets in proptest::collection::vec(
            (any::<bool>(), proptest::collection::vec(any::<u8>(), 0..80)), 1..6),
    ) {
        let mut pair = Pair::at(STAGES[stage]);
        for (shaped, octets) in packets {
            let packet = if shaped { request(77, Method::Tls, &octets) } else { octets };
            let step = pair.peer.handle(now(), &packet);
            prop_assert!(!matches!(step, PeerStep::Success(_)));
        }
    }
}
