//! Ports against a server and a switch of a few lines, in memory, time moved by hand.

mod outside;

use std::net::SocketAddr;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::vocabulary::{Secret, Timestamp};
use crate::wire::eap;
use crate::wire::radius::{Code, Packet, Writer, attribute};

const HOST: [u8; 6] = [2, 0, 0, 0, 0, 0x11];
const OTHER: [u8; 6] = [2, 0, 0, 0, 0, 0x22];
const PORT: [u8; 6] = [2, 0, 0, 0, 1, 0];
const P: PortId = PortId(0);
/// Wall time of the start, in seconds.
const START: u32 = 1_800_000_000;

fn vlan(id: u16) -> VlanId {
    VlanId::new(id).unwrap()
}

fn secret() -> Secret {
    Secret::new(b"a long and random secret".to_vec())
}

fn key() -> Key {
    Key::new(&secret())
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn settings(order: Order) -> Settings {
    let server = |last: u8| Server {
        authentication: SocketAddr::from(([10, 0, 0, last], 1812)),
        accounting: Some(SocketAddr::from(([10, 0, 0, last], 1813))),
        secret: secret(),
    };
    let mac = Mac::new(PORT).unwrap();
    Settings {
        name: "island-1".to_owned(),
        nas_address: [10, 0, 0, 100].into(),
        servers: vec![server(1), server(2)],
        timeout: Duration::from_secs(2),
        retries: 1,
        dead_time: Duration::from_secs(60),
        dynamic: Dynamic {
            clients: vec![DynamicClient { address: [10, 0, 0, 1].into(), secret: secret() }],
            ..Dynamic::default()
        },
        vlans: [10, 20, 99].map(vlan).into(),
        ports: vec![
            Port { order, ..Port::new("p1".to_owned(), 1, mac) },
            Port { order, ..Port::new("p2".to_owned(), 2, mac) },
        ],
    }
}

/// The authenticator with everything around it.
struct Rig {
    authenticator: Authenticator,
    now: Moment,
    /// EAP packets that the host of port 0 got, and whether by its own address.
    eap: Vec<(bool, Vec<u8>)>,
    /// Requests to the servers.
    asked: Vec<(Socket, SocketAddr, Vec<u8>)>,
    accounts: Vec<Vec<u8>>,
    answers: Vec<Vec<u8>>,
    applies: Vec<(PortId, Applied, Option<Mac>)>,
    bounced: usize,
    counted: Vec<Counter>,
    changes: Vec<(State, Change)>,
    /// Whether the switch does what it is asked; `None` leaves it silent.
    obeys: Option<bool>,
}

impl Rig {
    fn new(settings: Settings) -> Self {
        let now = Moment {
            monotonic: Duration::from_secs(1_000),
            wall: Timestamp::from_seconds(START.into()),
        };
        let mut rig = Self {
            authenticator: Authenticator::new(now, settings, &[7; 32]),
            now,
            eap: Vec::new(),
            asked: Vec::new(),
            accounts: Vec::new(),
            answers: Vec::new(),
            applies: Vec::new(),
            bounced: 0,
            counted: Vec::new(),
            changes: Vec::new(),
            obeys: Some(true),
        };
        rig.drain();
        rig
    }

    fn up(order: Order) -> Self {
        let mut rig = Self::new(settings(order));
        rig.link(true);
        rig
    }

    fn drain(&mut self) {
        let mut octets = Vec::new();
        loop {
            while let Some(port) = self.authenticator.poll_frame(&mut octets) {
                let frame = frame::Frame::parse(&octets).unwrap();
                let packet = frame::eapol::Eapol::parse(frame.payload()).unwrap();
                assert_eq!((port, frame.source().octets()), (P, PORT));
                let unicast = frame.destination() == HOST;
                assert!([HOST, OTHER, frame::eapol::GROUP].contains(&frame.destination()));
                self.eap.push((unicast, packet.body().to_vec()));
            }
            while let Some((socket, to)) = self.authenticator.poll_transmit(&mut octets) {
                let octets = octets.clone();
                match (socket, to.port()) {
                    (Socket::Dynamic, _) => self.answers.push(octets),
                    (Socket::Client(_), 1813) => {
                        self.accounts.push(octets.clone());
                        let reply = reply(&octets, Code::AccountingResponse, |_| {});
                        self.authenticator.handle_datagram(self.now, &reply, to, socket);
                    }
                    (Socket::Client(_), _) => self.asked.push((socket, to, octets)),
                }
            }
            let Some(event) = self.authenticator.poll_event() else { return };
            match event {
                Event::Apply { port, applied, only } => {
                    self.applies.push((port, applied, only));
                    if let Some(obeys) = self.obeys {
                        let result = if obeys { Ok(()) } else { Err("no".to_owned()) };
                        self.authenticator.handle_applied(self.now, port, applied, result);
                    }
                }
                Event::Bounce { .. } => self.bounced += 1,
                Event::Changed(status, why) => {
                    if status.port == P {
                        self.changes.push((status.state, why));
                    }
                }
                Event::Counted(counter) => self.counted.push(counter),
            }
        }
    }

    fn link(&mut self, up: bool) {
        self.authenticator.handle_link(self.now, P, up);
        self.drain();
    }

    fn frame(&mut self, from: [u8; 6], to: [u8; 6], kind: u16, payload: &[u8]) {
        let mut octets = Vec::new();
        let (from, kind) = (Mac::new(from).unwrap(), frame::EtherType::from_number(kind));
        frame::write(&mut octets, to, from, kind, payload);
        self.authenticator.handle_frame(self.now, P, &octets);
        self.drain();
    }

    fn eapol(&mut self, from: [u8; 6], kind: frame::eapol::Kind, body: &[u8]) {
        let payload = frame::eapol::packet(kind, body);
        self.frame(from, frame::eapol::GROUP, 0x888e, &payload);
    }

    fn start(&mut self) {
        self.eapol(HOST, frame::eapol::Kind::Start, &[]);
    }

    fn respond(&mut self, method: eap::Method, data: &[u8]) {
        let (_, request) = self.eap.last().unwrap();
        let packet = eap::response(eap::Packet::parse(request).unwrap().identifier(), method, data);
        self.eapol(HOST, frame::eapol::Kind::EapPacket, &packet);
    }

    fn ip(&mut self, from: [u8; 6]) {
        self.frame(from, [0xff; 6], 0x0806, &[0; 28]);
    }

    /// The server that was asked last answers.
    fn answer(&mut self, code: Code, fill: impl FnOnce(&mut Writer<'_>)) {
        let (socket, to, request) = self.asked.last().unwrap().clone();
        let octets = reply(&request, code, fill);
        self.authenticator.handle_datagram(self.now, &octets, to, socket);
        self.drain();
    }

    fn challenge(&mut self, identifier: u8) {
        self.answer(Code::AccessChallenge, |writer| {
            writer
                .eap_message(&eap::request(identifier, eap::Method::Tls, &[0x20]))
                .attribute(attribute::STATE, b"state");
        });
    }

    fn accept(&mut self, id: u16, fill: impl FnOnce(&mut Writer<'_>)) {
        self.answer(Code::AccessAccept, |writer| {
            writer.eap_message(&eap::success(9)).vlan(None, &id.to_string());
            fill(writer);
        });
    }

    /// Moves time in the steps that were asked for, to exactly this much later.
    fn wait(&mut self, milliseconds: u64) {
        let end = self.now.monotonic + Duration::from_millis(milliseconds);
        while let Some(at) = self.authenticator.poll_timeout().filter(|at| *at <= end) {
            self.step(at.max(self.now.monotonic));
        }
        self.step(end);
    }

    fn step(&mut self, at: Duration) {
        self.now.wall = self.now.wall.plus(at - self.now.monotonic);
        self.now.monotonic = at;
        self.authenticator.handle_timeout(self.now);
        self.drain();
    }

    fn status(&self) -> (State, Option<u16>, Option<Method>) {
        let status = self.authenticator.status().remove(0);
        (status.state, status.vlan.map(VlanId::get), status.method)
    }

    fn dot1x(&mut self, fill: impl FnOnce(&mut Writer<'_>)) {
        self.start();
        self.respond(eap::Method::Identity, b"pc-7");
        self.challenge(8);
        self.respond(eap::Method::Tls, &[0]);
        self.accept(10, fill);
    }

    fn mab(&mut self) {
        self.ip(HOST);
        self.accept(20, |_| {});
    }

    fn dynamic(&mut self, code: Code, fill: impl FnOnce(&mut Writer<'_>)) -> (Code, Option<u32>) {
        let octets = request(code, self.now.wall, fill);
        self.send_dynamic(&octets).unwrap()
    }

    fn send_dynamic(&mut self, octets: &[u8]) -> Option<(Code, Option<u32>)> {
        self.answers.clear();
        let from = address("10.0.0.1:40000");
        self.authenticator.handle_datagram(self.now, octets, from, Socket::Dynamic);
        self.drain();
        let asked = Packet::parse(octets).unwrap();
        let reply = self.answers.first()?;
        let packet = Packet::parse(reply).unwrap();
        assert_eq!(key().check_reply(&packet, asked.authenticator(), true), Ok(()));
        Some((packet.code(), packet.integer(attribute::ERROR_CAUSE)))
    }

    fn stop_cause(&self) -> Option<u32> {
        let last = Packet::parse(self.accounts.last()?).unwrap();
        (last.integer(attribute::ACCT_STATUS_TYPE) == Some(2))
            .then(|| last.integer(attribute::ACCT_TERMINATE_CAUSE))?
    }
}

fn reply(request: &[u8], code: Code, fill: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let request = Packet::parse(request).unwrap();
    let mut octets = Vec::new();
    let mut writer = Writer::reply(&mut octets, code, &request);
    writer.message_authenticator_first();
    fill(&mut writer);
    writer.finish_reply(&key(), request.authenticator()).unwrap();
    octets
}

fn request(code: Code, at: Timestamp, fill: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut writer = Writer::request(&mut octets, code, 3, [0; 16]);
    writer.message_authenticator_first();
    writer.integer(attribute::EVENT_TIMESTAMP, u32::try_from(at.seconds()).unwrap());
    fill(&mut writer);
    writer.finish_request(&key()).unwrap();
    octets
}

fn named(writer: &mut Writer<'_>) {
    writer.text(attribute::CALLING_STATION_ID, "0200.0000.0011");
}

#[test]
fn a_supplicant_is_let_in_and_told_so_only_after_the_switch_obeyed() {
    let mut rig = Rig::new(settings(Order::Dot1xFirst));
    assert_eq!(rig.applies, [P, PortId(1)].map(|port| (port, Applied::Closed, None)));
    rig.link(true);
    assert!(!rig.eap[0].0, "nobody is known: to the group");
    rig.start();
    assert!(rig.eap[1].0, "now to the host");
    assert_eq!(rig.eap[0].1, rig.eap[1].1);
    rig.respond(eap::Method::Identity, b"pc-7");
    rig.challenge(8);
    assert_eq!(rig.eap.last().unwrap().1, eap::request(8, eap::Method::Tls, &[0x20]));
    rig.respond(eap::Method::Tls, &[0]);
    let last = rig.asked.last().unwrap().2.clone();
    let packet = Packet::parse(&last).unwrap();
    assert_eq!(packet.first(attribute::STATE), Some(&b"state"[..]));
    assert_eq!(packet.first(attribute::USER_NAME), Some(&b"pc-7"[..]));
    assert_eq!(packet.first(attribute::CALLING_STATION_ID), Some(&b"02-00-00-00-00-11"[..]));
    assert_eq!(packet.first(attribute::NAS_PORT_ID), Some(&b"p1"[..]));
    rig.obeys = None;
    rig.accept(10, |_| {});
    let host = Mac::new(HOST).ok();
    assert_eq!(rig.applies.last(), Some(&(P, Applied::Vlan(vlan(10)), host)));
    assert_eq!(rig.status(), (State::Applying, None, Some(Method::Dot1x)));
    let sent = rig.eap.len();
    rig.authenticator.handle_applied(rig.now, P, Applied::Vlan(vlan(10)), Ok(()));
    rig.drain();
    assert_eq!(rig.eap.get(sent..), Some(&[(true, eap::success(9))][..]));
    assert_eq!(rig.status(), (State::Authorised, Some(10), Some(Method::Dot1x)));
}

#[test]
fn a_silent_host_is_asked_about_by_address_after_three_periods_to_the_millisecond() {
    let mut rig = Rig::up(Order::Dot1xFirst);
    rig.ip(HOST);
    rig.wait(89_999);
    assert_eq!((rig.eap.len(), rig.asked.len()), (3, 0));
    rig.wait(1);
    let asked = rig.asked.last().unwrap().2.clone();
    let packet = Packet::parse(&asked).unwrap();
    assert_eq!(packet.first(attribute::USER_NAME), Some(&b"020000000011"[..]));
    assert_eq!(packet.integer(attribute::SERVICE_TYPE), Some(10));
    rig.answer(Code::AccessReject, |_| {});
    assert_eq!(rig.status().0, State::Held);
    rig.link(false);
    rig.link(true);
    rig.ip(HOST);
    rig.wait(59_999);
    assert_eq!(rig.asked.len(), 1, "one try in a quiet period, whatever the link does");
    rig.wait(30_001);
    assert_eq!(rig.asked.len(), 2);
}

#[test]
fn a_supplicant_takes_over_from_the_address_and_the_port_follows_its_verdict() {
    for (accepted, expected) in [(true, Some(10)), (false, None)] {
        let mut rig = Rig::up(Order::MabFirst);
        rig.mab();
        assert_eq!(rig.status(), (State::Authorised, Some(20), Some(Method::Mab)));
        rig.start();
        rig.respond(eap::Method::Identity, b"pc-7");
        assert_eq!(rig.status().1, Some(20), "stays until the exchange ends");
        if accepted {
            rig.accept(10, |_| {});
        } else {
            rig.answer(Code::AccessReject, |writer| {
                writer.eap_message(&eap::failure(9));
            });
            assert_eq!(rig.eap.last(), Some(&(true, eap::failure(9))));
            assert_eq!(rig.applies.last(), Some(&(P, Applied::Closed, None)));
        }
        assert_eq!(rig.status().1, expected);
    }
    let mut rig = Rig::up(Order::MabFirst);
    rig.mab();
    rig.start();
    rig.wait(90_000);
    assert_eq!(rig.status().1, Some(20), "silence takes nothing over");
}

#[test]
fn the_end_of_a_session_is_a_new_authentication_or_a_closed_port() {
    for (action, at_the_end) in [(Some(1), State::Authorised), (None, State::Connecting)] {
        let mut rig = Rig::up(Order::Dot1xOnly);
        rig.dot1x(|writer| {
            writer.integer(attribute::SESSION_TIMEOUT, 600);
            if let Some(action) = action {
                writer.integer(attribute::TERMINATION_ACTION, action);
            }
        });
        let sent = rig.eap.len();
        rig.wait(599_999);
        assert_eq!((rig.eap.len(), rig.status().0), (sent, State::Authorised));
        rig.wait(1);
        assert_eq!((rig.eap.len(), rig.status().0), (sent + 1, at_the_end));
        if action.is_none() {
            assert_eq!(rig.stop_cause(), Some(5));
            continue;
        }
        rig.respond(eap::Method::Identity, b"pc-7");
        rig.answer(Code::AccessReject, |_| {});
        assert_eq!((rig.status().0, rig.stop_cause()), (State::Held, Some(20)));
        assert_eq!(rig.applies.last(), Some(&(P, Applied::Closed, None)));
    }
}

#[test]
fn nobody_keeps_a_session_beyond_its_time_by_beginning_over_and_over() {
    let mut rig = Rig::up(Order::MabFirst);
    rig.ip(HOST);
    rig.accept(20, |writer| {
        writer.integer(attribute::SESSION_TIMEOUT, 600).integer(attribute::TERMINATION_ACTION, 1);
    });
    for _ in 0..90 {
        rig.wait(10_000);
        rig.start();
    }
    assert_ne!(rig.status().0, State::Authorised);
}

#[test]
fn what_a_host_must_not_send_changes_nothing_and_is_counted() {
    let kind = frame::eapol::Kind::EapPacket;
    let mut rig = Rig::up(Order::Dot1xFirst);
    rig.start();
    rig.respond(eap::Method::Identity, b"pc-7");
    let before = (rig.status(), rig.applies.clone(), rig.asked.len(), rig.eap.clone());
    rig.counted.clear();
    rig.eapol(HOST, kind, &eap::success(9));
    rig.eapol(HOST, kind, &eap::failure(9));
    rig.eapol(HOST, kind, &eap::request(9, eap::Method::Identity, &[]));
    rig.eapol(HOST, kind, &[2, 1, 0, 9, 1]);
    rig.frame(HOST, PORT, 0x888e, &[0, 1, 0, 0]);
    rig.eapol(HOST, frame::eapol::Kind::Key, &[1]);
    rig.frame(HOST, OTHER, 0x888e, &[2, 1, 0, 0]);
    rig.eapol(OTHER, frame::eapol::Kind::Logoff, &[]);
    rig.eapol(HOST, kind, &eap::response(77, eap::Method::Tls, &[]));
    assert_eq!(
        rig.counted,
        [
            Counter::FrameForged,
            Counter::FrameForged,
            Counter::FrameForged,
            Counter::FrameMalformed,
            Counter::FrameMalformed,
            Counter::FrameUnsupported,
            Counter::FrameNotOurs,
            Counter::OtherHost,
            Counter::FrameUnexpected,
        ]
    );
    assert_eq!((rig.status(), rig.applies.clone(), rig.asked.len(), rig.eap.clone()), before);
    for _ in 0..200 {
        rig.eapol(HOST, frame::eapol::Kind::Key, &[1]);
    }
    assert!(rig.counted.contains(&Counter::FrameFlood));
}

#[test]
fn a_reply_that_proves_nothing_changes_nothing_and_is_counted() {
    let mut rig = Rig::up(Order::MabFirst);
    rig.ip(HOST);
    let (socket, to, request) = rig.asked.last().unwrap().clone();
    let mut forged = reply(&request, Code::AccessAccept, |writer| {
        writer.vlan(None, "10");
    });
    forged[4] ^= 1;
    let applies = rig.applies.len();
    for (octets, from) in [(&forged, to), (&vec![2], to), (&forged, address("10.0.0.9:1812"))] {
        rig.authenticator.handle_datagram(rig.now, octets, from, socket);
        rig.drain();
    }
    let expected = [Counter::ReplyUnproven, Counter::ReplyMalformed, Counter::ReplyUnexpected];
    assert!(rig.counted.ends_with(&expected), "{:?}", rig.counted);
    assert_eq!((rig.applies.len(), rig.status().0), (applies, State::Authenticating));
}

#[test]
fn an_accept_that_grants_no_usable_vlan_refuses() {
    let tunnel = |id: &'static str| {
        move |writer: &mut Writer<'_>| {
            writer.vlan(None, id);
        }
    };
    let mut rig = Rig::up(Order::MabOnly);
    rig.ip(HOST);
    rig.answer(Code::AccessAccept, |_| {});
    assert_eq!((rig.status().0, rig.counted.last()), (State::Held, Some(&Counter::VlanAbsent)));
    for (id, counter) in [("11", Counter::VlanForbidden), ("guest", Counter::VlanUnreadable)] {
        rig.wait(60_000);
        rig.answer(Code::AccessAccept, tunnel(id));
        assert_eq!((rig.status().0, rig.counted.last()), (State::Held, Some(&counter)));
    }
    assert!(rig.applies.iter().all(|(_, applied, _)| *applied == Applied::Closed));
    // An Accept that does not end the EAP conversation ends in EAP-Failure.
    let mut rig = Rig::up(Order::Dot1xOnly);
    rig.start();
    rig.respond(eap::Method::Identity, b"pc-7");
    rig.answer(Code::AccessAccept, tunnel("10"));
    assert_eq!(rig.status().0, State::Held);
    assert_eq!(rig.eap.last().unwrap().1[0], eap::Code::Failure.octet());
}

#[test]
fn another_host_is_counted_and_closes_nothing() {
    for (hosts, counted) in [(Hosts::One, 2), (Hosts::Several, 0)] {
        let mut settings = settings(Order::Dot1xFirst);
        settings.ports[0].hosts = hosts;
        let mut rig = Rig::new(settings);
        rig.link(true);
        rig.dot1x(|_| {});
        let only = (hosts == Hosts::One).then(|| Mac::new(HOST).unwrap());
        assert_eq!(rig.applies.last(), Some(&(P, Applied::Vlan(vlan(10)), only)));
        rig.ip(OTHER);
        rig.eapol(OTHER, frame::eapol::Kind::Logoff, &[]);
        let others = rig.counted.iter().filter(|counter| **counter == Counter::OtherHost);
        assert_eq!((others.count(), rig.status().1), (counted, Some(10)));
    }
}

#[test]
fn logoff_and_link_down_end_the_session_and_close_the_port() {
    let mut rig = Rig::up(Order::Dot1xFirst);
    rig.dot1x(|_| {});
    rig.eapol(HOST, frame::eapol::Kind::Logoff, &[]);
    assert_eq!((rig.status().0, rig.stop_cause()), (State::Held, Some(1)));
    assert_eq!(rig.applies.last(), Some(&(P, Applied::Closed, None)));
    rig.dot1x(|_| {});
    rig.link(false);
    assert_eq!((rig.status().0, rig.stop_cause()), (State::Down, Some(2)));
    assert_eq!(rig.applies.last(), Some(&(P, Applied::Closed, None)));
}

#[test]
fn the_next_server_is_asked_and_the_first_again_when_its_dead_time_is_over() {
    let mut rig = Rig::up(Order::MabOnly);
    rig.ip(HOST);
    let first = rig.asked[0].clone();
    rig.wait(2_000);
    assert_eq!(rig.asked[1], first, "a repetition is the same octets");
    rig.wait(2_000);
    let (_, to, _) = rig.asked.last().unwrap();
    assert_eq!(*to, address("10.0.0.2:1812"));
    rig.accept(20, |_| {});
    for (wait, expected) in [(30_000, "10.0.0.2:1812"), (30_000, "10.0.0.1:1812")] {
        rig.wait(wait);
        rig.link(false);
        rig.link(true);
        rig.ip(HOST);
        assert_eq!(rig.asked.last().unwrap().1, address(expected));
        rig.accept(20, |_| {});
    }
}

#[test]
fn a_conversation_stays_with_its_server_and_begins_anew_when_that_dies() {
    let mut rig = Rig::up(Order::Dot1xOnly);
    rig.start();
    rig.respond(eap::Method::Identity, b"pc-7");
    rig.wait(4_000);
    assert_eq!(rig.asked.last().unwrap().1, address("10.0.0.2:1812"));
    rig.challenge(8);
    rig.wait(29_000);
    rig.respond(eap::Method::Tls, &[0]);
    assert_eq!(rig.asked.last().unwrap().1, address("10.0.0.2:1812"));
    let sent = rig.eap.len();
    rig.wait(4_000);
    assert_eq!((rig.eap.len(), rig.status().0), (sent + 1, State::Connecting));
}

#[test]
fn a_host_that_makes_a_living_server_silent_does_not_take_it_from_the_others() {
    let mut rig = Rig::up(Order::Dot1xOnly);
    rig.start();
    rig.respond(eap::Method::Identity, b"pc-7");
    rig.wait(2_000);
    let probe = rig.asked.last().unwrap().2.clone();
    assert_eq!(Packet::parse(&probe).unwrap().code(), Code::StatusServer);
    rig.answer(Code::AccessAccept, |_| {});
    rig.wait(2_000);
    assert_eq!(rig.status().0, State::Held);
    assert!(rig.asked.iter().all(|(_, to, _)| *to == address("10.0.0.1:1812")));
}

#[test]
fn without_any_server_a_port_stays_closed_or_goes_critical_and_tries_again() {
    for critical in [None, Some(vlan(99))] {
        let mut settings = settings(Order::MabOnly);
        settings.ports[0].critical = critical;
        let mut rig = Rig::new(settings);
        rig.link(true);
        rig.ip(HOST);
        rig.wait(8_000);
        match critical {
            None => assert_eq!(rig.status(), (State::Unreachable, None, None)),
            Some(_) => {
                assert_eq!(rig.status(), (State::Authorised, Some(99), Some(Method::Critical)));
            }
        }
        let asked = rig.asked.len();
        rig.wait(56_000);
        assert_eq!(rig.asked.len(), asked + 1, "when the first may live again");
        rig.accept(20, |_| {});
        assert_eq!(rig.status(), (State::Authorised, Some(20), Some(Method::Mab)));
    }
}

#[test]
fn a_switch_that_fails_leaves_the_port_closed_and_is_asked_again_later() {
    let mut rig = Rig::up(Order::Dot1xOnly);
    rig.obeys = Some(false);
    rig.dot1x(|_| {});
    assert_eq!(rig.eap.last().unwrap().1, eap::failure(9));
    assert_eq!(rig.status().0, State::Held);
    assert_eq!(rig.applies.last(), Some(&(P, Applied::Closed, None)));
    assert!(!rig.accounts.iter().any(|octets| {
        Packet::parse(octets).unwrap().integer(attribute::ACCT_STATUS_TYPE) == Some(1)
    }));
    rig.obeys = Some(true);
    rig.wait(60_000);
    rig.dot1x(|_| {});
    assert_eq!(rig.status().1, Some(10));
}

#[test]
fn accounts_tell_start_interim_and_stop_with_class_and_one_id() {
    let mut rig = Rig::up(Order::Dot1xOnly);
    rig.accounts.clear();
    rig.dot1x(|writer| {
        writer.attribute(attribute::CLASS, b"c1").integer(attribute::ACCT_INTERIM_INTERVAL, 5);
    });
    rig.wait(60_000);
    rig.wait(1_000);
    rig.link(false);
    let read = |octets: &Vec<u8>| {
        let packet = Packet::parse(octets).unwrap();
        assert!(key().check_keyed_request(&packet));
        assert_eq!(packet.first(attribute::CLASS), Some(&b"c1"[..]));
        let number = |kind| packet.integer(kind);
        let id = packet.first(attribute::ACCT_SESSION_ID).unwrap().to_vec();
        let at = number(attribute::EVENT_TIMESTAMP).unwrap() - START;
        (number(attribute::ACCT_STATUS_TYPE), at, number(attribute::ACCT_SESSION_TIME), id)
    };
    let told: Vec<_> = rig.accounts.iter().map(read).collect();
    let id = told[0].3.clone();
    assert_eq!(id.len(), 24);
    let expected = [(1, 0, None), (3, 60, Some(60)), (2, 61, Some(61))];
    let expected = expected.map(|(kind, at, lasted)| (Some(kind), at, lasted, id.clone()));
    assert_eq!(told, expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_frames_open_a_port_and_no_octets_panic(
        bodies in proptest::collection::vec(
            (0_u8..6, any::<bool>(), proptest::collection::vec(any::<u8>(), 0..40), 0_u64..40_000),
            1..60,
        ),
    ) {
        let mut rig = Rig::up(Order::Dot1xFirst);
        for (kind, host, body, pause) in bodies {
            let from = if host { HOST } else { OTHER };
            match kind {
                0 => rig.eapol(from, frame::eapol::Kind::Start, &body),
                1 => rig.eapol(from, frame::eapol::Kind::Logoff, &body),
                2 if host => rig.respond(eap::Method::Identity, &body),
                3 => rig.eapol(from, frame::eapol::Kind::EapPacket, &body),
                4 => rig.authenticator.handle_frame(rig.now, P, &body),
                _ => rig.ip(from),
            }
            for socket in [Socket::Client(0), Socket::Client(1), Socket::Dynamic] {
                let from = address("10.0.0.1:1812");
                rig.authenticator.handle_datagram(rig.now, &body, from, socket);
            }
            rig.wait(pause);
        }
        prop_assert!(rig.applies.iter().all(|(_, applied, _)| *applied == Applied::Closed));
    }
}
