//! Requests to a switch of a few lines, in memory, time moved by hand.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::{Action, Ask, AskError, Dynamic, DynamicKind, DynamicOutcome, IgnoreReason, Settings};
use crate::vocabulary::{Moment, Secret};
use crate::wire::radius::{Code, Key, MessageAuthenticator, Packet, ReplyFault, Writer, attribute};

const OURS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 250, 0, 10));
const BOTH: [Code; 2] = [Code::DisconnectAck, Code::CoaAck];

fn switch() -> SocketAddr {
    SocketAddr::from(([10, 250, 1, 11], 3799))
}

fn key(secret: &str) -> Key {
    Key::new(&Secret::new(secret.as_bytes().to_vec()))
}

fn at(seconds: u64) -> Moment {
    Moment { monotonic: Duration::from_secs(seconds), ..Moment::default() }
}

fn dynamic() -> Dynamic {
    Dynamic::new(Settings { timeout: Duration::from_secs(1), retries: 2 })
}

fn ask(dynamic: &mut Dynamic, kind: DynamicKind, to: SocketAddr) -> Result<(), AskError> {
    let key = key("correct horse");
    let (message_authenticator, acknowledged_by) = (true, &BOTH[..]);
    let ask = Ask { kind, to, from: OURS, key: &key, message_authenticator, acknowledged_by };
    let ticket = dynamic.ask(at(0), &ask, |writer| {
        writer.text(attribute::CALLING_STATION_ID, "02-00-00-00-00-01");
    });
    ticket.map(|_| ())
}

fn sent(dynamic: &mut Dynamic) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    let route = dynamic.poll_transmit(&mut octets)?;
    assert_eq!(route.from, OURS);
    Some(octets)
}

fn answer(request: &[u8], code: Code, secret: &str, cause: Option<u32>) -> Vec<u8> {
    let (request, mut octets) = (Packet::parse(request).unwrap(), Vec::new());
    let mut writer = Writer::reply(&mut octets, code, &request);
    if let Some(cause) = cause {
        writer.integer(attribute::ERROR_CAUSE, cause);
    }
    writer.finish_reply(&key(secret), request.authenticator()).unwrap();
    octets
}

fn outcome(dynamic: &mut Dynamic) -> Option<DynamicOutcome> {
    dynamic.poll_event().map(|(_, outcome)| outcome)
}

#[test]
fn coa_1_a_request_is_keyed_and_begins_with_a_valid_message_authenticator() {
    for (kind, code) in
        [(DynamicKind::Disconnect, Code::DisconnectRequest), (DynamicKind::Coa, Code::CoaRequest)]
    {
        let mut dynamic = dynamic();
        ask(&mut dynamic, kind, switch()).unwrap();
        let octets = sent(&mut dynamic).unwrap();
        let packet = Packet::parse(&octets).unwrap();
        assert_eq!(packet.code(), code);
        assert!(key("correct horse").check_keyed_request(&packet));
        let checked = key("correct horse").check_message_authenticator(&packet);
        assert_eq!(checked, MessageAuthenticator::Valid);
        let first = packet.attributes().next().unwrap().kind;
        assert_eq!(first, attribute::MESSAGE_AUTHENTICATOR);
    }
}

#[test]
fn coa_1_silence_is_met_with_the_same_octets_and_an_end() {
    let mut dynamic = dynamic();
    ask(&mut dynamic, DynamicKind::Disconnect, switch()).unwrap();
    let first = sent(&mut dynamic).unwrap();
    for seconds in [1, 2] {
        dynamic.handle_timeout(at(seconds));
        assert_eq!(sent(&mut dynamic), Some(first.clone()));
        assert_eq!(dynamic.poll_event(), None);
    }
    assert_eq!(dynamic.poll_timeout(), Some(Duration::from_secs(3)));
    dynamic.handle_timeout(at(3));
    assert_eq!(outcome(&mut dynamic), Some(DynamicOutcome::Silent));
    assert_eq!((sent(&mut dynamic), dynamic.poll_timeout()), (None, None));
}

#[test]
fn an_answer_is_taken_in_whichever_of_the_codes_the_switch_uses() {
    for (code, cause, expected) in [
        (Code::DisconnectAck, None, DynamicOutcome::Acknowledged),
        (Code::CoaAck, None, DynamicOutcome::Acknowledged),
        (Code::DisconnectNak, Some(503), DynamicOutcome::Refused(Some(503))),
        (Code::CoaNak, None, DynamicOutcome::Refused(None)),
    ] {
        let mut dynamic = dynamic();
        ask(&mut dynamic, DynamicKind::Disconnect, switch()).unwrap();
        let request = sent(&mut dynamic).unwrap();
        let answer = answer(&request, code, "correct horse", cause);
        assert_eq!(dynamic.handle(&answer, switch()), Action::Answered);
        assert_eq!(outcome(&mut dynamic), Some(expected));
        let again = dynamic.handle(&answer, switch());
        assert_eq!(again, Action::Ignored { reason: IgnoreReason::NothingAsked });
    }
}

#[test]
fn a_forged_answer_changes_nothing() {
    let mut dynamic = dynamic();
    ask(&mut dynamic, DynamicKind::Disconnect, switch()).unwrap();
    let request = sent(&mut dynamic).unwrap();
    let right = answer(&request, Code::DisconnectAck, "correct horse", None);
    let wrong = answer(&request, Code::DisconnectAck, "wrong", None);
    let mut spoilt = right.clone();
    spoilt[1] = spoilt[1].wrapping_add(1);
    let accept = answer(&request, Code::AccessAccept, "correct horse", None);
    let elsewhere = SocketAddr::from(([10, 250, 1, 12], 3799));
    let unproven = IgnoreReason::Unproven(ReplyFault::ResponseAuthenticator);
    for (octets, source, reason) in [
        (&wrong, switch(), unproven),
        (&spoilt, switch(), IgnoreReason::NothingAsked),
        (&right, elsewhere, IgnoreReason::NothingAsked),
        (&accept, switch(), IgnoreReason::WrongCode),
    ] {
        assert_eq!(dynamic.handle(octets, source), Action::Ignored { reason });
    }
    assert!(matches!(dynamic.handle(&request, switch()), Action::Ignored { .. }), "an echo");
    assert_eq!(dynamic.poll_event(), None);
    assert_eq!(dynamic.ignored().map(|(_, count)| count).sum::<u64>(), 5);
    assert_eq!(dynamic.handle(&right, switch()), Action::Answered, "it still waits");
}

#[test]
fn identifiers_are_told_apart_for_each_switch_and_run_out() {
    let mut dynamic = dynamic();
    for _ in 0..256 {
        ask(&mut dynamic, DynamicKind::Coa, switch()).unwrap();
    }
    assert_eq!(ask(&mut dynamic, DynamicKind::Coa, switch()), Err(AskError::Full));
    let other = SocketAddr::from(([10, 250, 1, 12], 3799));
    assert_eq!(ask(&mut dynamic, DynamicKind::Coa, other), Ok(()));
}

proptest::proptest! {
    #[test]
    fn no_octets_panic_or_end_the_wait(octets: Vec<u8>) {
        let mut dynamic = dynamic();
        ask(&mut dynamic, DynamicKind::Disconnect, switch()).unwrap();
        dynamic.handle(&octets, switch());
        proptest::prop_assert_eq!(dynamic.poll_event(), None);
    }
}
