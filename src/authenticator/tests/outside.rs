//! Requests from outside: Disconnect and CoA (RFC 5176).

use super::*;

#[test]
fn a_disconnect_closes_and_a_coa_moves_without_the_host() {
    let mut rig = Rig::up(Order::Dot1xOnly);
    rig.dot1x(|_| {});
    let moved = rig.dynamic(Code::CoaRequest, |writer| {
        named(writer);
        writer.vlan(None, "99");
    });
    assert_eq!((moved, rig.status().1), ((Code::CoaAck, None), Some(99)));
    let sent = rig.eap.len();
    let command = |text: &'static str| {
        move |writer: &mut Writer<'_>| {
            named(writer);
            writer.vendor(9, 1, text.as_bytes());
        }
    };
    let again = command("subscriber:command=reauthenticate");
    assert_eq!(rig.dynamic(Code::CoaRequest, again), (Code::CoaAck, None));
    assert_eq!((rig.eap.len(), rig.status().1), (sent + 1, Some(99)));
    rig.respond(eap::Method::Identity, b"pc-7");
    rig.accept(10, |_| {});
    let octets = request(Code::DisconnectRequest, rig.now.wall, named);
    assert_eq!(rig.send_dynamic(&octets), Some((Code::DisconnectAck, None)));
    assert_eq!((rig.status().0, rig.stop_cause()), (State::Held, Some(6)));
    let first = rig.answers[0].clone();
    rig.wait(60_000);
    rig.dot1x(|_| {});
    rig.send_dynamic(&octets);
    assert_eq!(rig.answers, [first], "a copy gets the same octets");
    assert_eq!(rig.status().0, State::Authorised, "and does nothing");
    let bounce = command("subscriber:command=bounce-host-port");
    assert_eq!(rig.dynamic(Code::CoaRequest, bounce), (Code::CoaAck, None));
    assert_eq!((rig.bounced, rig.status().0, rig.stop_cause()), (1, State::Held, Some(21)));
}

#[test]
fn a_session_that_is_asked_anew_ends_in_time_though_its_host_begins_over_and_over() {
    let mut rig = Rig::up(Order::Dot1xOnly);
    rig.dot1x(|_| {});
    let again = rig.dynamic(Code::CoaRequest, |writer| {
        named(writer);
        writer.vendor(9, 1, b"subscriber:command=reauthenticate");
    });
    assert_eq!((again, rig.status().1), ((Code::CoaAck, None), Some(10)));
    for _ in 0..310 {
        rig.wait(1_000);
        rig.start();
    }
    assert_eq!(rig.status().1, None);
}

#[test]
fn a_coa_that_the_switch_cannot_do_is_refused_and_closes_the_port() {
    let mut rig = Rig::up(Order::Dot1xOnly);
    rig.dot1x(|_| {});
    rig.obeys = Some(false);
    let moved = rig.dynamic(Code::CoaRequest, |writer| {
        named(writer);
        writer.vlan(None, "99");
    });
    assert_eq!(moved, (Code::CoaNak, Some(506)));
    assert_eq!(rig.status().1, None);
    assert!(rig.applies.iter().rev().any(|(_, applied, _)| *applied == Applied::Closed));
}

#[test]
fn requests_from_outside_that_do_not_fit_say_why() {
    type Fill = fn(&mut Writer<'_>);
    let mut rig = Rig::up(Order::Dot1xOnly);
    rig.dot1x(|_| {});
    let cases: [(Code, Fill, u32); 13] = [
        (Code::DisconnectRequest, |_| {}, 402),
        (Code::CoaRequest, |w| named(w), 402),
        (
            Code::DisconnectRequest,
            |w| {
                w.integer(attribute::NAS_PORT, 2);
            },
            503,
        ),
        (
            Code::DisconnectRequest,
            |w| {
                named(w);
                w.text(attribute::USER_NAME, "pc-8");
            },
            503,
        ),
        (
            Code::DisconnectRequest,
            |w| {
                named(w);
                w.text(attribute::NAS_IDENTIFIER, "x");
            },
            403,
        ),
        (
            Code::DisconnectRequest,
            |w| {
                named(w);
                w.integer(attribute::NAS_IP_ADDRESS, 1);
            },
            403,
        ),
        (
            Code::DisconnectRequest,
            |w| {
                w.text(attribute::CALLING_STATION_ID, "?");
            },
            404,
        ),
        (
            Code::DisconnectRequest,
            |w| {
                named(w);
                w.integer(attribute::SERVICE_TYPE, 17);
            },
            405,
        ),
        (
            Code::DisconnectRequest,
            |w| {
                named(w);
                w.integer(attribute::SESSION_TIMEOUT, 9);
            },
            401,
        ),
        (
            Code::CoaRequest,
            |w| {
                named(w);
                w.vendor(9, 1, b"subscriber:command=x");
            },
            401,
        ),
        (
            Code::CoaRequest,
            |w| {
                named(w);
                w.vlan(None, "11");
            },
            407,
        ),
        (
            Code::CoaRequest,
            |w| {
                named(w);
                w.vlan(None, "guest");
            },
            407,
        ),
        (
            Code::CoaRequest,
            |w| {
                named(w);
                w.vlan(None, "99").vendor(9, 1, b"subscriber:command=reauthenticate");
            },
            404,
        ),
    ];
    for (number, (code, fill, cause)) in cases.into_iter().enumerate() {
        let (answer, found) = rig.dynamic(code, fill);
        assert!(matches!(answer, Code::CoaNak | Code::DisconnectNak));
        assert_eq!(found, Some(cause), "case {number}");
    }
    assert_eq!(rig.status().1, Some(10));
    rig.authenticator.handle_link(rig.now, PortId(1), true);
    let mut twin = Rig::new({
        let mut settings = settings(Order::MabOnly);
        settings.ports[1].number = 1;
        settings
    });
    for port in [P, PortId(1)] {
        twin.authenticator.handle_link(twin.now, port, true);
        let mut octets = Vec::new();
        let kind = frame::EtherType::Unknown(0x0800);
        frame::write(&mut octets, [0xff; 6], Mac::new(HOST).unwrap(), kind, &[]);
        twin.authenticator.handle_frame(twin.now, port, &octets);
        twin.drain();
        twin.accept(20, |_| {});
    }
    assert_eq!(twin.dynamic(Code::DisconnectRequest, named), (Code::DisconnectNak, Some(508)));
}

#[test]
fn requests_from_outside_that_prove_nothing_get_no_answer() {
    let mut rig = Rig::up(Order::Dot1xOnly);
    rig.dot1x(|_| {});
    rig.counted.clear();
    let good = request(Code::DisconnectRequest, rig.now.wall, named);
    let mut forged = good.clone();
    forged[5] ^= 1;
    let mut unsigned = Vec::new();
    let mut writer = Writer::request(&mut unsigned, Code::DisconnectRequest, 3, [0; 16]);
    writer.integer(attribute::EVENT_TIMESTAMP, START);
    named(&mut writer);
    writer.finish_request(&key()).unwrap();
    let late = rig.now.wall.plus(Duration::from_secs(301));
    let stale = request(Code::DisconnectRequest, late, named);
    let wrong = request(Code::AccountingRequest, rig.now.wall, named);
    for (octets, from, counter) in [
        (&good, "10.0.0.7:40000", Counter::DynamicUnknown),
        (&vec![40], "10.0.0.1:40000", Counter::DynamicMalformed),
        (&wrong, "10.0.0.1:40000", Counter::DynamicMalformed),
        (&forged, "10.0.0.1:40000", Counter::DynamicUnproven),
        (&unsigned, "10.0.0.1:40000", Counter::DynamicUnproven),
        (&stale, "10.0.0.1:40000", Counter::DynamicStale),
    ] {
        rig.authenticator.handle_datagram(rig.now, octets, address(from), Socket::Dynamic);
        rig.drain();
        assert_eq!((rig.counted.last(), rig.answers.len()), (Some(&counter), 0));
    }
    assert_eq!(rig.status().1, Some(10));
}
