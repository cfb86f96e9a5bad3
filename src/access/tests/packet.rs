//! What a packet must be before anyone looks at what it says: MA, FMT, DUP, STAT.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::fixture::{Desk, LOCAL, PRINTER, REPLIED, code, text};
use crate::access::{Action, Event, IgnoreReason, ReplyReason};
use crate::plan::Sources;
use crate::plan::tests::edit;
use crate::vocabulary::Secret;
use crate::wire::radius::{Code, Key, PROXY_STATES_MAX, Packet, Writer, attribute};

fn ignored(reason: IgnoreReason) -> Action {
    Action::Ignore { reason }
}

/// The printer's request, but for its Message-Authenticator.
fn unprotected(desk: &Desk, proxied: bool) -> Vec<u8> {
    let key = desk.key(PRINTER.switch);
    let (mut octets, authenticator) = (Vec::new(), [5; 16]);
    let mut writer = Writer::request(&mut octets, Code::AccessRequest, 77, authenticator);
    let mut hidden = Vec::new();
    key.encode_user_password(authenticator, b"e80f.5e60.eb41", &mut hidden).unwrap();
    writer
        .text(attribute::USER_NAME, "e80f.5e60.eb41")
        .attribute(attribute::USER_PASSWORD, &hidden)
        .text(attribute::CALLING_STATION_ID, PRINTER.mac)
        .integer(attribute::NAS_PORT, 1);
    if proxied {
        writer.attribute(attribute::PROXY_STATE, b"collision block");
    }
    writer.finish_request(&key).unwrap();
    octets
}

fn requirement(word: &str) -> impl FnOnce(&mut Sources) {
    move |sources| {
        let from = "id = \"hon-sw15\"\n";
        let to = format!("id = \"hon-sw15\"\nmessage_authenticator = \"{word}\"\n");
        edit(sources, "topology/honcho/site.toml", from, &to);
    }
}

#[test]
fn ma_3_ma_4_absence_is_judged_by_the_switch_and_proxied_absence_never_forgiven() {
    let absent = IgnoreReason::MessageAuthenticatorMissing;
    let mut desk = Desk::new();
    let request = unprotected(&desk, false);
    assert_eq!(desk.send(PRINTER.switch, &request).action, ignored(absent));

    let mut desk = Desk::with(requirement("legacy"));
    let proxied = unprotected(&desk, true);
    let blast = ignored(IgnoreReason::ProxyStateUnprotected);
    assert_eq!(desk.send(PRINTER.switch, &proxied).action, blast, "CVE-2024-3596");
    let request = unprotected(&desk, false);
    assert_eq!(desk.send(PRINTER.switch, &request).action, REPLIED(ReplyReason::Accept));

    let mut desk = Desk::with(requirement("learn"));
    let request = unprotected(&desk, false);
    assert_eq!(desk.send(PRINTER.switch, &request).action, REPLIED(ReplyReason::Accept));
    let mut learned = 0;
    for _ in 0..3 {
        let protected = desk.mab(&PRINTER);
        desk.ask(PRINTER.switch, &protected);
        while let Some(event) = desk.access.poll_event() {
            learned += usize::from(matches!(event, Event::Learned { .. }));
        }
    }
    assert_eq!(learned, 1, "once, to be remembered for good");
    desk.pass(Duration::from_secs(20));
    assert_eq!(desk.send(PRINTER.switch, &request).action, ignored(absent));
}

#[test]
fn ma_1_ma_2_a_wrong_message_authenticator_has_no_effect_at_all() {
    let mut desk = Desk::new();
    let right = desk.mab(&PRINTER);
    let at = 20 + 2; // the first attribute's value
    let mut wrong = right.clone();
    wrong[at] ^= 1;
    let mut short = right.clone();
    short[21] = 17;
    let mut twice = right.clone();
    twice.extend_from_slice(&right[20..38]);
    let length = u16::try_from(twice.len()).unwrap().to_be_bytes();
    twice[2..4].copy_from_slice(&length);
    for bad in [wrong, short, twice] {
        let action = desk.send(PRINTER.switch, &bad).action;
        assert!(
            matches!(
                action,
                Action::Ignore {
                    reason: IgnoreReason::MessageAuthenticatorInvalid | IgnoreReason::Malformed
                }
            ),
            "{action:?}"
        );
        assert_eq!(desk.access.decided(), 0, "nothing is recorded about the device");
        assert!(desk.access.poll_event().is_none());
    }
    // Not even the duplicate cache knows of them.
    assert_eq!(desk.send(PRINTER.switch, &right).action, REPLIED(ReplyReason::Accept));
}

#[test]
fn a_switch_may_use_its_next_secret_beside_the_current_one() {
    let mut desk = Desk::new();
    let index = desk.switch(PRINTER.switch);
    let next = Secret::new(b"the next secret of it".to_vec());
    desk.credentials.clients.get_mut(&index).unwrap().next = Some(next.clone());
    desk.reload(None, crate::vocabulary::Marks::default());
    let current = desk.mab(&PRINTER);
    assert_eq!(desk.send(PRINTER.switch, &current).action, REPLIED(ReplyReason::Accept));
    // The same switch after it was changed over: its key is the next one.
    let client = desk.credentials.clients.get_mut(&index).unwrap();
    let old = std::mem::replace(&mut client.current, next);
    let changed = desk.mab(&PRINTER);
    assert_eq!(desk.send(PRINTER.switch, &changed).action, REPLIED(ReplyReason::Accept));
    assert_ne!(
        Key::new(&old).check_message_authenticator(&Packet::parse(&changed).unwrap()).id(),
        "message-authenticator-valid"
    );
}

#[test]
fn fmt_1_to_10_what_is_no_request_of_a_known_switch_is_dropped_for_its_reason() {
    let mut desk = Desk::new();
    let right = desk.mab(&PRINTER);
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut octets = right.clone();
        change(&mut octets);
        octets
    };
    let accounting = with(&|octets| octets[0] = 4);
    let reply = with(&|octets| octets[0] = 2);
    let unknown = with(&|octets| octets[0] = 99);
    let truncated = with(&|octets| octets[3] += 1);
    let empty_attribute = with(&|octets| octets[21] = 0);
    let overrun = with(&|octets| *octets.last_mut().unwrap() = 0);
    for (octets, reason) in [
        (Vec::new(), IgnoreReason::Malformed),
        (right[..19].to_vec(), IgnoreReason::Malformed),
        (truncated, IgnoreReason::Malformed),
        (empty_attribute, IgnoreReason::Malformed),
        (accounting, IgnoreReason::WrongCode),
        (reply, IgnoreReason::WrongCode),
        (unknown, IgnoreReason::WrongCode),
        (overrun, IgnoreReason::MessageAuthenticatorInvalid),
    ] {
        assert_eq!(desk.send(PRINTER.switch, &octets).action, ignored(reason), "{octets:?}");
    }
    let stranger = SocketAddr::from(([192, 0, 2, 1], 40_000));
    let action = desk.access.handle(desk.now, &right, stranger, LOCAL.into(), &mut Vec::new());
    assert_eq!(action, ignored(IgnoreReason::UnknownClient));
    // FMT-5: an IPv4 address in IPv6 clothes is the same switch.
    let IpAddr::V4(address) = desk.source(PRINTER.switch).ip() else { panic!() };
    let mapped = SocketAddr::new(address.to_ipv6_mapped().into(), 40_000);
    let action = desk.access.handle(desk.now, &right, mapped, LOCAL.into(), &mut Vec::new());
    assert_eq!(action, REPLIED(ReplyReason::Accept));
}

#[test]
fn fmt_2_padding_after_length_changes_nothing() {
    let mut desk = Desk::new();
    let mut request = desk.mab(&PRINTER);
    request.extend_from_slice(&[0xee; 40]);
    assert_eq!(desk.send(PRINTER.switch, &request).action, REPLIED(ReplyReason::Accept));
}

#[test]
fn fmt_8_proxy_states_come_back_in_order_and_too_many_get_no_answer() {
    let mut desk = Desk::new();
    let states: Vec<Vec<u8>> = (0..3_u8).map(|n| vec![n; usize::from(n) + 1]).collect();
    let request = desk.request(PRINTER.switch, |writer, _, _| {
        for state in &states {
            writer.attribute(attribute::PROXY_STATE, state);
        }
    });
    let reply = desk.ask(PRINTER.switch, &request);
    let packet = Packet::parse(&reply).unwrap();
    let echoed: Vec<Vec<u8>> = packet.all(attribute::PROXY_STATE).map(<[u8]>::to_vec).collect();
    assert_eq!(echoed, states);
    let request = desk.request(PRINTER.switch, |writer, _, _| {
        for _ in 0..=PROXY_STATES_MAX {
            writer.attribute(attribute::PROXY_STATE, b"x");
        }
    });
    let action = desk.send(PRINTER.switch, &request).action;
    assert_eq!(action, ignored(IgnoreReason::Unwritable));
}

#[test]
fn dup_1_dup_2_a_copy_gets_the_same_octets_and_a_new_authenticator_a_new_answer() {
    let mut desk = Desk::new();
    let request = desk.mab(&PRINTER);
    let first = desk.ask(PRINTER.switch, &request);
    desk.pass(Duration::from_secs(3));
    let copy = desk.send(PRINTER.switch, &request);
    assert_eq!(copy.action, REPLIED(ReplyReason::Duplicate));
    assert_eq!(copy.reply, Some(first.clone()));
    desk.identifier -= 1;
    let again = desk.request(PRINTER.switch, |writer, _, _| {
        writer.text(attribute::USER_NAME, "someone else");
    });
    assert_eq!(again[1], request[1], "the same Identifier");
    assert_ne!(desk.ask(PRINTER.switch, &again), first);
}

#[test]
fn dup_3_dup_5_while_a_refusal_is_held_back_copies_are_absorbed() {
    let mut desk = Desk::new();
    let stranger = super::fixture::Printer { mac: "00-15-5D-00-00-01", ..PRINTER };
    let mut held = None;
    for _ in 0..5 {
        let request = desk.mab(&stranger);
        match desk.send(PRINTER.switch, &request).action {
            Action::Later { reason } => {
                assert_eq!(reason, ReplyReason::Reject);
                held = Some(request);
                break;
            }
            action => assert_eq!(action, REPLIED(ReplyReason::Reject)),
        }
    }
    let held = held.expect("a device that is refused over and over is slowed down");
    assert_eq!(desk.send(PRINTER.switch, &held).action, ignored(IgnoreReason::Absorbed));
    desk.pass(Duration::from_secs(1));
    let mut reply = Vec::new();
    let (to, from) = desk.access.poll_transmit(desk.now, &mut reply).unwrap();
    assert_eq!((to, from), (desk.source(PRINTER.switch), LOCAL.into()));
    desk.prove(PRINTER.switch, &held, &reply);
    let copy = desk.send(PRINTER.switch, &held);
    assert_eq!((copy.action, copy.reply), (REPLIED(ReplyReason::Duplicate), Some(reply)));
}

#[test]
fn stat_1_status_server_is_answered_only_when_it_is_authentic() {
    let mut desk = Desk::new();
    let key = desk.key(PRINTER.switch);
    for protect in [true, false] {
        let mut octets = Vec::new();
        let mut writer = Writer::request(&mut octets, Code::StatusServer, 8, [3; 16]);
        if protect {
            writer.message_authenticator_first();
        }
        writer.finish_request(&key).unwrap();
        let answered = desk.send(PRINTER.switch, &octets);
        if protect {
            assert_eq!(answered.action, REPLIED(ReplyReason::Status));
            assert_eq!(code(&answered.reply.unwrap()), Code::AccessAccept);
        } else {
            let reason = IgnoreReason::MessageAuthenticatorMissing;
            assert_eq!(answered.action, ignored(reason));
        }
        assert_eq!(desk.access.decided(), 0, "no side effect");
        assert!(desk.access.poll_event().is_none());
    }
}

/// VLAN-7: only who asks gets a pseudonym, and always the same.
#[test]
fn vlan_7_a_pseudonym_is_given_when_asked_for_and_is_not_the_name() {
    let mut desk = Desk::new();
    let ask = |desk: &mut Desk| {
        let request = desk.request(PRINTER.switch, |writer, key, authenticator| {
            let mut hidden = Vec::new();
            key.encode_user_password(authenticator, b"e80f.5e60.eb41", &mut hidden).unwrap();
            writer
                .text(attribute::USER_NAME, "e80f.5e60.eb41")
                .attribute(attribute::USER_PASSWORD, &hidden)
                .text(attribute::CALLING_STATION_ID, PRINTER.mac)
                .integer(attribute::NAS_PORT, 1)
                .attribute(attribute::CHARGEABLE_USER_IDENTITY, &[0]);
        });
        text(&desk.ask(PRINTER.switch, &request), attribute::CHARGEABLE_USER_IDENTITY).unwrap()
    };
    let first = ask(&mut desk);
    assert_eq!(first, ask(&mut desk));
    assert!(!first.contains("S-0007") && first.len() == 32, "{first}");
    let unasked = desk.mab(&PRINTER);
    let reply = desk.ask(PRINTER.switch, &unasked);
    assert_eq!(text(&reply, attribute::CHARGEABLE_USER_IDENTITY), None);
}

/// With everything warm; what becomes of a hundred decisions is taken and dropped outside.
#[test]
fn an_answer_to_mac_authentication_allocates_nothing() {
    let mut desk = Desk::new();
    let source = desk.source(PRINTER.switch);
    let mut reply = Vec::with_capacity(4096);
    let mut allocations = 0;
    for round in 0..20 {
        allocations = 0;
        for _ in 0..100 {
            let request = desk.mab(&PRINTER);
            desk.pass(Duration::from_millis(100));
            reply.clear();
            let (access, now) = (&mut desk.access, desk.now);
            let mut action = None;
            let counted = allocation_counter::measure(|| {
                action = Some(access.handle(now, &request, source, LOCAL.into(), &mut reply));
            });
            assert_eq!(action, Some(REPLIED(ReplyReason::Accept)), "round {round}");
            allocations += counted.count_total;
        }
        let decided = desk.access.take_decided();
        assert_eq!((decided.records.len(), decided.attached.len()), (100, 100));
    }
    assert_eq!(allocations, 0);
}
