//! From signs to verdicts, and what a verdict says.

use super::frames::*;
use super::*;
use crate::vocabulary::Language;

fn hop() -> Frame {
    syn((PC, GATEWAY, "10.9.9.5", "10.1.9.9", 63), (1, 80), LINUX)
}

fn name() -> Frame {
    query((PC, GATEWAY, "10.1.1.5", "10.1.9.9", 64), "connectivitycheck.gstatic.com")
}

#[test]
fn one_family_is_watched_and_two_are_a_verdict() {
    let seen = run(edge(), &[hop()]);
    assert_eq!(seen.kinds(), []);
    let watched = seen.sensor.watched();
    assert_eq!((watched.len(), watched[0].score_tenths), (1, 105));
    let seen = run(edge(), &[hop(), name()]);
    assert_eq!(seen.kinds(), [VerdictKind::Relay]);
    assert!(seen.sensor.watched().is_empty());
}

#[test]
fn the_window_is_ten_minutes_in_either_direction_of_a_clock_that_jumps() {
    for (first, second, expected) in [
        (0.0, 599.0, true),
        (0.0, 601.0, false),
        (599.0, 0.0, true),
        (601.0, 0.0, false),
        (4e9, -4e9, false),
        (0.0, 0.0, true),
    ] {
        let seen = run(edge(), &[hop().at(first), name().at(second)]);
        assert_eq!(!seen.verdicts.is_empty(), expected, "{first} {second}");
    }
}

#[test]
fn an_announcement_counts_as_long_as_it_says_to_hold() {
    let to = (PC, OTHER, "10.1.1.5", "239.255.255.250", 4);
    let notify =
        b"NOTIFY * HTTP/1.1\r\nNT: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n\r\n";
    for (seconds, expected) in [(1_799.0, vec![VerdictKind::Nat]), (1_801.0, vec![])] {
        let at = |ttl, more: f64| {
            udp((PC, GATEWAY, "10.1.1.5", "10.1.9.9", ttl), 5000, 5001, b"x").at(seconds + more)
        };
        let announced = udp(to, 1900, 1900, notify).at(0.0);
        let frames = [announced, at(64, -0.3), at(64, -0.2), at(128, -0.1), at(128, 0.0)];
        let seen = run(edge(), &frames);
        assert!(seen.has(SignKind::TtlFamilies));
        assert_eq!(seen.kinds(), expected);
    }
}

#[test]
fn an_address_out_of_place_does_not_count_beside_hops() {
    let forwarded = udp((PC, GATEWAY, "192.168.43.5", "10.1.9.9", 63), 5000, 5001, b"x");
    let seen = run(edge(), &[forwarded, arp(PC, "192.168.43.1")]);
    assert!(seen.has(SignKind::HopDistance) && seen.has(SignKind::TetherGateway));
    assert_eq!(seen.kinds(), []);
}

#[test]
fn a_trifle_is_no_second_family() {
    let local = "02:00:00:00:00:09";
    let forwarded = udp((local, GATEWAY, "10.9.9.5", "10.1.9.9", 63), 5000, 5001, b"x");
    let seen = run(edge(), &[arp(local, "10.1.1.5"), forwarded]);
    assert!(seen.has(SignKind::LocalMac) && seen.has(SignKind::HopDistance));
    assert_eq!(seen.kinds(), []);
}

#[test]
fn the_environment_weighs() {
    let mut plain = edge();
    plain.setting = Setting { internet: true, ..Setting::PLAIN };
    let seen = run(plain.clone(), &[hop(), name()]);
    assert_eq!((seen.kinds(), seen.verdicts[0].score_tenths), (vec![VerdictKind::Relay], 100));
    // A client that serves is an alarm by itself only where it is gravest.
    let frames = conversation(
        (OTHER, "10.1.1.7"),
        (PC, "10.1.1.5"),
        80,
        (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"),
    );
    let roles = [("10.1.1.5", Role::Client)];
    assert!(run(with(plain, &roles), &frames).verdicts.is_empty());
    assert_eq!(run(with(edge(), &roles), &frames).kinds(), [VerdictKind::HttpServer]);
}

#[test]
fn apples_stack_is_a_macs_unless_an_iphone_asked_for_the_address() {
    let mut plain = edge();
    plain.setting = Setting { internet: true, ..Setting::PLAIN };
    let apple =
        (65_535, &[2, 4, 5, 0xb4, 1, 3, 3, 6, 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 4, 2, 0, 0][..]);
    let iphone: &[u8] = &[1, 121, 3, 6, 15, 108, 114, 119, 252];
    let mac: &[u8] = &[1, 121, 3, 6, 15, 108, 114, 119, 252, 95, 44, 46];
    for (list, expected) in [(iphone, vec![VerdictKind::Phone]), (mac, vec![])] {
        let frames = [
            dhcp(PC, false, [0; 4], &[(53, &[3]), (55, list)]),
            syn((PC, GATEWAY, "10.1.1.5", "10.1.9.9", 64), (1, 443), apple),
            name(),
        ];
        let seen = run(plain.clone(), &frames);
        assert!(seen.has(SignKind::PhoneName));
        assert_eq!(seen.kinds(), expected, "{list:?}");
    }
}

#[test]
fn one_cause_is_one_alarm_however_often_it_comes() {
    let mut frames = Vec::new();
    for hour in 0..5 {
        let seconds = f64::from(hour) * 3600.0;
        frames.extend([hop().at(seconds), name().at(seconds + 1.0), hop().at(seconds + 2.0)]);
    }
    assert_eq!(run(edge(), &frames).kinds(), [VerdictKind::Relay]);
}

#[test]
fn an_own_address_that_was_forwarded_says_translation() {
    let own = syn((PC, GATEWAY, "10.1.1.5", "10.1.9.9", 63), (1, 80), LINUX);
    let seen = run(edge(), &[arp(PC, "10.1.1.5"), own, name()]);
    assert_eq!(seen.kinds(), [VerdictKind::Nat]);
}

#[test]
fn a_station_that_leaves_takes_its_suspicion_with_it() {
    let mut seen = run(edge(), &[hop()]);
    seen.sensor.end_session(None, subject(PC));
    feed(&mut seen, &[name()]);
    assert_eq!(seen.kinds(), []);
    assert_eq!(seen.sensor.stations(), 1);
    feed(&mut seen, &[hop()]);
    assert_eq!(seen.verdicts.len(), 1);
    // The same in every VLAN, for whoever does not know in which it was.
    seen.sensor.end_sessions(crate::vocabulary::Mac::parse(PC).unwrap());
    assert_eq!(seen.sensor.stations(), 0);
    feed(&mut seen, &[hop(), name()]);
    assert_eq!(seen.verdicts.len(), 2, "what is seen of the next one counts anew");
}

#[test]
fn a_verdict_explains_itself_in_both_languages_with_its_frames() {
    let seen = run(edge(), &[arp(PC, "10.1.1.5"), hop().at(2.0), name().at(3.0)]);
    let verdict = &seen.verdicts[0];
    assert_eq!((verdict.frame, verdict.time), (3, CaptureTime::new(3, 0)));
    assert_eq!(verdict.first_sign(), CaptureTime::new(2, 0));
    assert!(verdict.text(Language::English).contains("00-00-5E-00-53-01"));
    assert!(verdict.text(Language::Japanese).contains("中継"));
    let words: Vec<_> =
        verdict.signs.iter().map(|sign| (sign.frame, sign.text(Language::English))).collect();
    assert_eq!(words[0].0, 2);
    assert!(words[0].1.contains("10.9.9.5") && words[0].1.contains("TTL 63"), "{words:?}");
    assert!(words[1].1.contains("connectivitycheck.gstatic.com"));
    // Every fact a text wants is given.
    for (_, sign) in &seen.signs {
        for language in [Language::Japanese, Language::English] {
            for fact in sign.kind.text().wants(language) {
                assert!(sign.facts.iter().any(|(name, _)| *name == fact), "{fact}: {sign:?}");
            }
        }
    }
}

#[test]
fn vlans_are_places_of_their_own() {
    let seen = run(edge(), &[tagged(hop(), 0x8100, 5), tagged(name(), 0x88a8, 6)]);
    assert_eq!(seen.kinds(), []);
    let seen = run(edge(), &[tagged(hop(), 0x8100, 5), tagged(name(), 0x8100, 5)]);
    assert_eq!(seen.verdicts[0].about.vlan, Some(5));
}
