//! What somebody makes up to be believed, to blind the sensor or to put others in the wrong.

use super::frames::*;
use super::*;
use crate::sensor::watch::{STATIONS_MAX, STATIONS_PER_PLACE_MAX};

/// A plan with one gateway, and a PC in its inventory.
fn office() -> Knowledge {
    let mut knowledge = with(edge(), &[(PC, Role::Client), ("10.1.1.254", Role::Router)]);
    knowledge.gateways_learnt = false;
    knowledge
}

/// A hello whose server's name is `name`.
fn hello(name: &[u8]) -> Vec<u8> {
    let two = |number: usize| u16::try_from(number).unwrap().to_be_bytes();
    let mut body = vec![3, 3];
    body.extend([0; 32]);
    body.extend([0, 0, 2, 0x13, 1, 1, 0]);
    body.extend(two(name.len() + 9));
    body.extend([0, 0]);
    body.extend(two(name.len() + 5));
    body.extend(two(name.len() + 3));
    body.push(0);
    body.extend(two(name.len()));
    body.extend(name);
    let mut payload = vec![22, 3, 1, 0, 0, 1, 0, 0, 0];
    payload.extend(body);
    payload
}

#[test]
fn names_that_no_host_can_have_are_no_names_wherever_they_stand() {
    let way = (PC, GATEWAY, "10.1.1.5", "10.1.9.9", 64);
    let long = [vec![b'a'; 256], b".mtalk.google.com".to_vec()].concat();
    let control = [vec![1; 200], b".mtalk.google.com".to_vec()].concat();
    for (name, expected) in [(&b"mtalk.google.com"[..], true), (&long, false), (&control, false)] {
        let request = [b"GET / HTTP/1.1\r\nHost: ", name, b"\r\n\r\n"].concat();
        for payload in [hello(name), request] {
            let seen = run(edge(), &[says(way, (1, 443), &payload)]);
            assert_eq!(seen.has(SignKind::PhoneName), expected, "{name:?}");
        }
    }
}

#[test]
fn every_text_of_an_observation_is_one_that_the_service_takes() {
    let long = "あ\\".repeat(3_000);
    let seen = run(edge(), &[arp("02:00:00:00:00:09", "192.168.43.1")]);
    let (about, mut sign) = seen.signs[0].clone();
    sign.kind = SignKind::PhoneName;
    sign.facts = vec![("name", long.clone()), ("address", long.clone())];
    let facts = vec![("count", long.clone()), ("one", long.clone()), ("other", long)];
    let (kind, time) = (VerdictKind::Phone, sign.time);
    let (signs, score_tenths, frame) = (vec![sign.clone(); 32], 100, 1);
    let changes = vec![7; 1_000];
    for event in [
        Event::Sign { about: about.clone(), sign },
        Event::Verdict(Verdict { kind, about: about.clone(), score_tenths, signs, frame, time }),
        Event::Notice { kind: NoticeKind::FleetDrift, about, facts, changes, frame, time },
    ] {
        let observation = Observation::new(1, &event);
        for note in &observation.signs {
            assert!(note.ja.len() <= TEXT_OCTETS_MAX && note.en.len() <= TEXT_OCTETS_MAX);
            assert!(note.en.ends_with('…') && !note.id.is_empty());
        }
        assert!(!observation.signs.is_empty());
        assert!(serde_json::to_vec(&observation).unwrap().len() < 56 * 1024);
    }
}

#[test]
fn a_registered_pc_that_claims_a_gateways_address_is_an_alarm_and_no_gateway() {
    let forwarded = udp((PC, GATEWAY, "10.9.9.9", "10.1.9.9", 63), 5000, 5001, b"x");
    let spoken = udp((PC, OTHER, "10.1.1.254", "10.1.1.7", 64), 5000, 5001, b"x");
    for claim in [arp(PC, "10.1.1.254"), spoken] {
        let seen = run(office(), &[claim, forwarded.clone()]);
        assert_eq!(seen.kinds(), [VerdictKind::RogueRa]);
        assert!(seen.has(SignKind::GatewayAddress) && seen.has(SignKind::HopDistance));
    }
    // Where gateways are learnt, what a registered PC carries makes it none either.
    let carried = udp((PC, OTHER, "198.18.0.1", "10.1.1.7", 52), 443, 5000, b"x");
    let seen = run(with(edge(), &[(PC, Role::Client)]), &[carried, forwarded]);
    assert!(seen.has(SignKind::HopDistance));
}

#[test]
fn a_second_mac_has_a_gateways_address_only_when_the_first_is_gone() {
    let claim = |mac, seconds| arp(mac, "10.1.1.254").at(seconds);
    let carries =
        |mac, seconds| udp((mac, PC, "10.9.9.9", "10.1.1.7", 63), 5000, 5001, b"x").at(seconds);
    let hops = |frames: &[Frame]| {
        let seen = run(office(), frames);
        let hops = seen.signs.iter().filter(|(_, sign)| sign.kind == SignKind::HopDistance);
        let hops: Vec<_> = hops.map(|(about, _)| about.subject).collect();
        (hops, seen.has(SignKind::GatewayAddress), seen.verdicts.len())
    };
    // A newcomer has two minutes to be believed; while the first goes on it never is.
    let first = [claim(GATEWAY, 0.0), carries(GATEWAY, 50.0), claim(OTHER, 100.0)];
    let early = [first.to_vec(), vec![carries(OTHER, 101.0), carries(GATEWAY, 102.0)]].concat();
    assert_eq!(hops(&early), (vec![], true, 0));
    let goes_on = [carries(GATEWAY, 150.0), claim(OTHER, 200.0), carries(GATEWAY, 210.0)];
    let beside = [first.to_vec(), goes_on.to_vec(), vec![carries(OTHER, 221.0)]].concat();
    assert_eq!(hops(&beside), (vec![subject(OTHER)], true, 1));
    // A pair that hands an address over: the first lives on, as something else.
    let own = |seconds| udp((GATEWAY, PC, "10.1.1.253", "10.1.1.7", 64), 1, 2, b"x").at(seconds);
    let handed = [claim(GATEWAY, 0.0), carries(GATEWAY, 50.0), claim(OTHER, 51.0), own(52.0)];
    let handed = [handed.to_vec(), vec![carries(OTHER, 53.0), own(110.0), claim(OTHER, 111.0)]];
    let handed = [handed.concat(), vec![own(170.0), carries(OTHER, 500.0)]].concat();
    assert_eq!(hops(&handed), (vec![], true, 0));
    let after = [claim(GATEWAY, 0.0), carries(GATEWAY, 50.0), claim(OTHER, 111.0)];
    assert_eq!(hops(&[after.to_vec(), vec![carries(OTHER, 112.0)]].concat()), (vec![], false, 0));
    // Redundant routers share MACs made for that.
    let vrrp = "00:00:5e:00:01:07";
    let shared = [claim(GATEWAY, 0.0), claim(vrrp, 1.0), carries(vrrp, 2.0), carries(GATEWAY, 3.0)];
    assert_eq!(hops(&shared), (vec![], false, 0));
}

#[test]
fn a_request_for_a_proxy_frames_nobody_who_does_not_answer_as_one() {
    let asked = b"CONNECT a.example:443 HTTP/1.1\r\n\r\n";
    let answers = |asked: &[u8], answered: &[u8]| {
        let frames = conversation((OTHER, "10.1.1.7"), (PC, "10.1.1.5"), 5357, (asked, answered));
        let seen = run(with(edge(), &[(PC, Role::Client)]), &frames);
        let told = seen.signs.iter().filter(|(_, sign)| sign.kind == SignKind::ProxyRequest);
        let weights: Vec<_> = told.map(|(_, sign)| (sign.weight, sign.hard)).collect();
        (weights, seen.kinds())
    };
    for refusal in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"HTTP/1.1 503 no\r\n\r\n", b"hello"]
    {
        assert_eq!(answers(asked, refusal), (vec![(2, false)], vec![]));
    }
    for answer in [&b"HTTP/1.1 200 OK\r\n\r\n"[..], b"HTTP/1.1 407 who\r\n\r\n"] {
        assert_eq!(answers(asked, answer), (vec![(2, false), (7, true)], vec![VerdictKind::Proxy]));
    }
    let field = b"POST /wsd HTTP/1.1\r\nProxy-Connection: close\r\n\r\n";
    let weak = (vec![(2, false)], vec![]);
    assert_eq!(answers(field, b"HTTP/1.1 200 OK\r\n\r\n"), weak, "Windows itself serves there");
    // Only what comes next answers the request.
    let there = (OTHER, PC, "10.1.1.7", "10.1.1.5", 128);
    let back = (PC, OTHER, "10.1.1.5", "10.1.1.7", 64);
    let frames = [
        says(there, (1, 5357), asked),
        says(back, (5357, 1), b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        says(there, (1, 5357), b"GET / HTTP/1.1\r\n\r\n"),
        says(back, (5357, 1), b"HTTP/1.1 200 OK\r\n\r\n"),
    ];
    assert_eq!(run(with(edge(), &[(PC, Role::Client)]), &frames).kinds(), []);
}

#[test]
fn who_sends_another_ones_segment_again_makes_nobody_a_relay() {
    let own = syn((PC, GATEWAY, "10.1.1.5", "10.1.9.9", 64), (1, 80), LINUX);
    let copy = syn((OTHER, GATEWAY, "10.1.1.5", "10.1.9.9", 65), (1, 80), LINUX);
    for frames in [[own.clone(), copy.clone()], [copy, own]] {
        assert!(!run(edge(), &frames).has(SignKind::RelayedFlow));
    }
}

#[test]
fn a_dhcp_server_is_judged_by_who_sent_its_answer() {
    let answer =
        |from, named: [u8; 4]| dhcp(from, true, [10, 1, 1, 5], &[(53, &[5]), (54, &named)]);
    let real = [10, 1, 1, 9];
    let kinds = |roles: &[(&str, Role)], frame| run(with(edge(), roles), &[frame]).kinds();
    let server = ("10.1.1.9", Role::DhcpServer);
    assert_eq!(kinds(&[server], answer(OTHER, real)), []);
    assert_eq!(kinds(&[server, (OTHER, Role::Printer)], answer(OTHER, real)), []);
    let rogue = [VerdictKind::RogueDhcp];
    assert_eq!(kinds(&[server, (PC, Role::Client)], answer(PC, real)), rogue);
    assert_eq!(kinds(&[server], answer(OTHER, [10, 1, 1, 8])), rogue, "it names itself");
    let other = ("10.1.1.8", Role::DhcpServer);
    assert_eq!(kinds(&[other], answer(OTHER, [10, 1, 1, 8])), rogue, "it names the real one");
    let printer = [("10.1.1.9", Role::Router), (OTHER, Role::Printer)];
    assert!(kinds(&printer, answer(OTHER, real)).contains(&VerdictKind::RogueDhcp));
    // A gateway relays for servers that it alone knows.
    assert_eq!(kinds(&[("10.1.1.9", Role::Router)], answer(OTHER, [10, 7, 7, 7])), []);
}

#[test]
fn after_a_restart_a_gateways_address_is_still_its_own() {
    let claim = |mac, seconds| arp(mac, "10.1.1.254").at(seconds);
    let carries =
        |mac, seconds| udp((mac, PC, "10.9.9.9", "10.1.1.7", 63), 5000, 5001, b"x").at(seconds);
    let before = run(office(), &[claim(GATEWAY, 0.0)]).sensor.memory();
    let again = |frames: &[Frame]| {
        let mut seen = run(office(), &[]);
        seen.sensor.recall(&before);
        feed(&mut seen, frames);
        let hops = seen.signs.iter().filter(|(_, sign)| sign.kind == SignKind::HopDistance);
        let hops: Vec<_> = hops.map(|(about, _)| about.subject).collect();
        (hops, seen.has(SignKind::GatewayAddress), seen.verdicts.len())
    };
    let forged = [claim(OTHER, 1.0), carries(GATEWAY, 2.0), carries(OTHER, 3.0)];
    let forged = [&forged[..], &[carries(GATEWAY, 90.0), carries(OTHER, 125.0)]].concat();
    assert_eq!(again(&forged), (vec![subject(OTHER)], true, 1));
    // Another machine that took its place meanwhile is told of, believed and not accused.
    let swapped = [claim(OTHER, 1.0), carries(OTHER, 2.0), claim(OTHER, 62.0)];
    assert_eq!(again(&[&swapped[..], &[carries(OTHER, 300.0)]].concat()), (vec![], true, 0));
    // What was not written down by an older version is learnt anew.
    let mut old = before.clone();
    old.claims.clear();
    let mut seen = run(office(), &[]);
    seen.sensor.recall(&old);
    feed(&mut seen, &[carries(GATEWAY, 1.0), claim(GATEWAY, 2.0)]);
    assert!(seen.signs.is_empty());
}

/// A network whose server stands in it, is named by the plan and is no device of the inventory.
fn served() -> Knowledge {
    let mut knowledge = with(office(), &[("10.1.1.9", Role::DhcpServer)]);
    knowledge.prefixes.insert(1, vec!["10.1.1.0/24".parse().unwrap()]);
    knowledge.untagged = Some(1);
    knowledge
}

#[test]
fn whoever_answers_as_a_server_of_the_plan_gives_what_the_plan_and_the_first_one_give() {
    const FIRST: &str = "00:00:5e:00:53:09";
    let answer = |from, given: [u8; 4], router: [u8; 4], seconds| {
        let options: [(u8, &[u8]); 3] = [(53, &[5]), (54, &[10, 1, 1, 9]), (3, &router)];
        dhcp(from, true, given, &options).at(seconds)
    };
    let (given, router) = ([10, 1, 1, 5], [10, 1, 1, 254]);
    let told = |frames: &[Frame]| {
        let seen = run(served(), frames);
        let of = seen.signs.iter().filter(|(_, sign)| sign.kind == SignKind::RogueDhcp);
        let of: Vec<_> = of.map(|(about, sign)| (about.subject, sign.hard)).collect();
        (of, seen.kinds())
    };
    let rogue = (vec![(subject(OTHER), true)], vec![VerdictKind::RogueDhcp]);
    assert_eq!(told(&[answer(FIRST, given, router, 0.0)]), (vec![], vec![]));
    for wrong in
        [answer(OTHER, [10, 9, 9, 5], router, 0.0), answer(OTHER, given, [10, 9, 9, 1], 0.0)]
    {
        let (of, kinds) = told(&[wrong]);
        assert!(of.contains(&(subject(OTHER), true)), "{of:?}");
        assert!(kinds.contains(&VerdictKind::RogueDhcp));
    }
    let first = answer(FIRST, given, router, 0.0);
    let other = |router, seconds| answer(OTHER, given, router, seconds);
    // The other machine of a pair: told of, and no alarm.
    let doubtful = (vec![(subject(OTHER), false)], vec![]);
    assert_eq!(told(&[first.clone(), other(router, 60.0)]), doubtful);
    assert_eq!(told(&[first.clone(), other([10, 1, 1, 66], 60.0)]), rogue);
    assert_eq!(told(&[first.clone(), other(router, 3_700.0)]), (vec![], vec![]));
    // Where a gateway brings the answers of that server, it does not stand in this network.
    let relayed = [arp(GATEWAY, "10.1.1.254").at(0.0), answer(GATEWAY, given, router, 1.0)];
    assert_eq!(told(&[&relayed[..], &[other(router, 2.0)]].concat()), doubtful);
    assert_eq!(told(&[&relayed[..], &[other([10, 1, 1, 66], 2.0)]].concat()), rogue);
    // What a server gives to another network goes to its relay.
    let payload = dhcp_payload(PC, true, [10, 7, 7, 5], &[(53, &[5]), (54, &[10, 1, 1, 9])]);
    let far = udp((FIRST, GATEWAY, "10.1.1.9", "10.7.7.1", 64), 67, 67, &payload).at(0.0);
    assert_eq!(told(&[far]), (vec![], vec![]));
}

#[test]
fn a_gateway_advertises_itself_from_a_link_local_address() {
    let body = [134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    let advertises = |mac| ip((mac, PC, "fe80::1", "ff02::1", 255), 58, &body);
    let seen = run(office(), &[arp(GATEWAY, "10.1.1.254"), advertises(GATEWAY)]);
    assert_eq!(seen.kinds(), []);
    let seen = run(office(), &[arp(GATEWAY, "10.1.1.254"), advertises(OTHER)]);
    assert_eq!(seen.kinds(), [VerdictKind::RogueRa]);
}

#[test]
fn a_flood_in_one_place_costs_no_station_of_another() {
    let hop = syn((PC, GATEWAY, "10.9.9.5", "10.1.9.9", 63), (1, 80), LINUX);
    let mut seen = run(edge(), &[tagged(hop, 0x8100, 1)]);
    let beside = tagged(udp((OTHER, GATEWAY, "10.1.1.7", "10.1.9.9", 64), 1, 2, b""), 0x8100, 1);
    feed(&mut seen, std::slice::from_ref(&beside));
    let plain = tagged(arp("02:00:00:00:00:00", "10.1.1.9"), 0x8100, 2).octets;
    for number in 0..u32::try_from(STATIONS_MAX + 4 * STATIONS_PER_PLACE_MAX).unwrap() {
        let mut octets = plain.clone();
        let [_, a, b, c] = number.to_be_bytes();
        octets[6..12].copy_from_slice(&[0, 0x12, 0xe2, a, b, c]);
        octets[15] = 2 + (number % 16) as u8;
        let link = LinkType::Ethernet;
        seen.sensor.handle(&Captured { number: 9, time: CaptureTime(9), link, octets: &octets });
        while seen.sensor.poll_event().is_some() {}
        assert!(seen.sensor.stations() <= STATIONS_MAX);
    }
    for _ in 0..4 {
        feed(&mut seen, std::slice::from_ref(&beside));
    }
    let watched = seen.sensor.watched();
    assert_eq!(watched.iter().map(|it| it.about.subject).collect::<Vec<_>>(), [subject(PC)]);
}
