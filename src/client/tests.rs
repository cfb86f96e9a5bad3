//! A client against a server of a few lines, in memory, time moved by hand.

use std::net::SocketAddr;
use std::time::Duration;

use super::{Action, AskError, Client, Event, IgnoreReason, QUESTIONS_MAX, Settings};
use crate::vocabulary::{Moment, Secret};
use crate::wire::radius::{Code, Key, Malformed, Packet, ReplyFault, Writer, attribute};

const SECONDS: Settings = Settings { timeout: Duration::from_secs(5), retries: 2 };

fn server() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 1812))
}

fn key(secret: &str) -> Key {
    Key::new(&Secret::new(secret.as_bytes().to_vec()))
}

fn client() -> Client {
    Client::new(server(), key("correct horse"), SECONDS, &[1; 32])
}

fn at(seconds: u64) -> Moment {
    Moment { monotonic: Duration::from_secs(seconds), ..Moment::default() }
}

/// The next datagram the client sends.
fn sent(client: &mut Client) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    client.poll_transmit(&mut octets).map(|to| {
        assert_eq!(to, server());
        octets
    })
}

fn reply(request: &[u8], code: Code, secret: &str, authenticated: bool) -> Vec<u8> {
    let request = Packet::parse(request).unwrap();
    let mut octets = Vec::new();
    let mut writer = Writer::reply(&mut octets, code, &request);
    if authenticated {
        writer.message_authenticator_first();
    }
    writer.finish_reply(&key(secret), request.authenticator()).unwrap();
    octets
}

#[test]
fn a_request_begins_with_a_valid_message_authenticator_and_no_authenticator_comes_twice() {
    let mut client = client();
    let mut seen = Vec::new();
    for _ in 0..4 {
        client
            .ask_access(at(0), |writer, _, _| {
                writer.text(attribute::USER_NAME, "pc");
            })
            .unwrap();
        let octets = sent(&mut client).unwrap();
        let packet = Packet::parse(&octets).unwrap();
        let first = packet.attributes().next().unwrap();
        assert_eq!(first.kind, attribute::MESSAGE_AUTHENTICATOR);
        let valid = key("correct horse").check_message_authenticator(&packet);
        assert_eq!(valid.id(), "message-authenticator-valid");
        assert!(!seen.contains(&packet.authenticator()));
        seen.push(packet.authenticator());
    }
}

#[test]
fn the_same_octets_are_sent_again_until_the_retries_are_used_up() {
    let mut client = client();
    let ticket = client.ask_status(at(0)).unwrap();
    let first = sent(&mut client).unwrap();
    assert_eq!(Packet::parse(&first).unwrap().code(), Code::StatusServer);
    for second in [5, 10] {
        client.handle_timeout(at(second - 1));
        assert_eq!(sent(&mut client), None, "too early at {second}");
        assert_eq!(client.poll_timeout(), Some(Duration::from_secs(second)));
        client.handle_timeout(at(second));
        assert_eq!(sent(&mut client).as_ref(), Some(&first));
    }
    client.handle_timeout(at(15));
    assert_eq!(client.poll_event(), Some(Event::TimedOut { ticket }));
    assert_eq!((sent(&mut client), client.poll_timeout()), (None, None));
    let late = reply(&first, Code::AccessAccept, "correct horse", true);
    let reason = IgnoreReason::NothingAsked;
    assert_eq!(client.handle(&late, server()), Action::Ignored { reason });
}

#[test]
fn no_bad_reply_ends_the_wait() {
    let mut client = client();
    let ticket = client.ask_access(at(0), |_, _, _| {}).unwrap();
    let request = sent(&mut client).unwrap();
    let good = reply(&request, Code::AccessAccept, "correct horse", true);
    let mut other_identifier = good.clone();
    other_identifier[1] ^= 1;
    let unsigned = reply(&request, Code::AccessAccept, "correct horse", false);
    let accounting = reply(&request, Code::AccountingResponse, "correct horse", true);
    let elsewhere = SocketAddr::from(([127, 0, 0, 2], 1812));
    let other_port = SocketAddr::from(([127, 0, 0, 1], 1813));
    for (datagram, source, reason) in [
        (&good, elsewhere, IgnoreReason::OtherSource),
        (&good, other_port, IgnoreReason::OtherSource),
        (&good[..7].to_vec(), server(), IgnoreReason::Malformed(Malformed::Short)),
        (&other_identifier, server(), IgnoreReason::NothingAsked),
        (
            &reply(&request, Code::AccessAccept, "wrong", true),
            server(),
            IgnoreReason::Unproven(ReplyFault::ResponseAuthenticator),
        ),
        (&unsigned, server(), IgnoreReason::Unproven(ReplyFault::MessageAuthenticatorAbsent)),
        (&request, server(), IgnoreReason::Unproven(ReplyFault::NotAReply)),
        (&accounting, server(), IgnoreReason::WrongCode),
    ] {
        assert_eq!(client.handle(datagram, source), Action::Ignored { reason });
        assert_eq!(client.poll_event(), None, "{reason:?}");
    }
    assert_eq!(client.ignored().map(|(_, count)| count).sum::<u64>(), 8);
    let mut padded = good.clone();
    padded.extend_from_slice(&[0; 9]);
    assert_eq!(client.handle(&padded, server()), Action::Answered);
    let request_authenticator = Packet::parse(&request).unwrap().authenticator();
    let octets = good;
    assert_eq!(client.poll_event(), Some(Event::Reply { ticket, octets, request_authenticator }));
    assert_eq!(client.poll_timeout(), None);
}

#[test]
fn identifiers_are_used_in_turn_and_run_out_at_256() {
    let mut client = client();
    for expected in 0..=u8::MAX {
        client.ask_status(at(0)).unwrap();
        let request = sent(&mut client).unwrap();
        assert_eq!(Packet::parse(&request).unwrap().identifier(), expected);
        if expected == 9 {
            // Answered, but free again only behind all others.
            let accept = reply(&request, Code::AccessAccept, "correct horse", true);
            assert_eq!(client.handle(&accept, server()), Action::Answered);
        }
    }
    assert_eq!(client.ask_status(at(0)), Err(AskError::Full), "an event waits to be taken");
    assert!(client.poll_event().is_some());
    client.ask_status(at(0)).unwrap();
    let request = sent(&mut client).unwrap();
    assert_eq!(Packet::parse(&request).unwrap().identifier(), 9);
    assert_eq!(client.ask_status(at(0)), Err(AskError::Full));
    assert_eq!(client.open.len(), QUESTIONS_MAX);
}

#[test]
fn a_question_that_cannot_be_written_leaves_nothing_behind() {
    let mut client = client();
    let error = client.ask_access(at(0), |writer, _, _| {
        writer.text(attribute::USER_NAME, "");
    });
    assert!(matches!(error, Err(AskError::Unwritable(_))));
    assert_eq!((sent(&mut client), client.poll_timeout(), client.free.len()), (None, None, 256));
}

#[test]
fn an_account_is_keyed_and_its_answer_needs_no_message_authenticator() {
    let mut client = client();
    let ticket = client
        .ask_accounting(at(0), |writer| {
            writer.integer(attribute::ACCT_STATUS_TYPE, 1);
        })
        .unwrap();
    let request = sent(&mut client).unwrap();
    assert!(key("correct horse").check_keyed_request(&Packet::parse(&request).unwrap()));
    let accept = reply(&request, Code::AccessAccept, "correct horse", true);
    let reason = IgnoreReason::WrongCode;
    assert_eq!(client.handle(&accept, server()), Action::Ignored { reason });
    let response = reply(&request, Code::AccountingResponse, "correct horse", false);
    assert_eq!(client.handle(&response, server()), Action::Answered);
    assert!(matches!(client.poll_event(), Some(Event::Reply { ticket: of, .. }) if of == ticket));
}

#[test]
fn of_a_withdrawn_question_nothing_is_heard_again() {
    let mut client = client();
    let ticket = client.ask_access(at(0), |_, _, _| {}).unwrap();
    let request = sent(&mut client).unwrap();
    client.cancel(ticket);
    let accept = reply(&request, Code::AccessAccept, "correct horse", true);
    let reason = IgnoreReason::NothingAsked;
    assert_eq!(client.handle(&accept, server()), Action::Ignored { reason });
    client.handle_timeout(at(99));
    assert_eq!((client.poll_event(), client.poll_timeout(), client.free.len()), (None, None, 256));
}
