//! What stations are used to do, over days; changes, decisions, updates of a fleet, a restart.

use super::frames::*;
use super::*;
use crate::sensor::watch::{HABITS_MAX, STRANGERS_MAX};

/// Midnight in Japan, so many days on.
fn day(number: u32) -> f64 {
    f64::from(number) * 86_400.0 - 9.0 * 3600.0
}

fn asks(mac: &str, parameters: &[u8], seconds: f64) -> Frame {
    dhcp(mac, false, [0; 4], &[(53, &[1]), (60, b"MSFT 5.0"), (55, parameters)]).at(seconds)
}

fn opens(mac: &str, port: u16, ttl: u8, stack: (u16, &[u8]), seconds: f64) -> Frame {
    syn((mac, GATEWAY, "10.1.1.5", "10.1.9.9", ttl), (port, 443), stack).at(seconds)
}

fn station(number: u16) -> String {
    let [high, low] = number.to_be_bytes();
    format!("00:00:5e:00:{high:02x}:{low:02x}")
}

/// A Windows PC that was seen on three days.
fn known(mac: &str) -> Vec<Frame> {
    let one = |number: u32| {
        let at = day(100 + number) + 3600.0;
        [asks(mac, &[1, 3, 6], at), opens(mac, 50_000 + number as u16, 128, WINDOWS, at + 1.0)]
    };
    (0..3).flat_map(one).collect()
}

fn changes(seen: &Seen) -> Vec<SignKind> {
    let told = seen.signs.iter().filter(|(_, sign)| sign.change.is_some());
    told.map(|(_, sign)| sign.kind).collect()
}

#[test]
fn a_change_after_three_days_is_a_sign_and_before_it_is_learnt() {
    let later = day(103) + 3600.0;
    for (frame, kind) in [
        (asks(PC, &[1, 3, 6, 15], later), SignKind::DhcpChanged),
        (opens(PC, 51_000, 64, LINUX, later), SignKind::StackChanged),
        (
            syn_ack((PC, OTHER, "10.1.1.5", "10.1.9.9", 128), (80, 40_000)).at(later),
            SignKind::ServiceAdded,
        ),
    ] {
        let mut frames = known(PC);
        let early = frame.clone().at(day(101));
        frames.push(frame.clone());
        let seen = run(edge(), &frames);
        assert_eq!(changes(&seen), [kind]);
        let (about, sign) = &seen.signs.last().unwrap();
        assert_eq!((about.subject, sign.frame), (subject(PC), 7));
        frames.insert(2, early);
        assert_eq!(changes(&run(edge(), &frames)), [], "it was there on the second day");
    }
    // The same PC on the fourth day, and what says nothing of a station's habits.
    let mut frames = known(PC);
    frames.extend([
        asks(PC, &[1, 3, 6], later),
        opens(PC, 51_000, 128, WINDOWS, later),
        syn_ack((PC, OTHER, "10.1.1.5", "10.1.9.9", 128), (50_123, 40_000)).at(later),
        dhcp(PC, false, [0; 4], &[(53, &[1]), (60, b"PXEClient:Arch:00007"), (55, &[1])]).at(later),
        opens(PC, 52_000, 64, (8_000, &[2, 4, 5, 0xb4]), later),
        syn_ack((PC, OTHER, "10.1.1.5", "10.1.9.9", 128), (7_680, 40_000)).at(later),
        dhcp(PC, false, [0; 4], &[(53, &[8]), (60, b"MSFT 5.0"), (55, &[252])]).at(later),
    ]);
    assert_eq!(changes(&run(edge(), &frames)), []);
}

#[test]
fn another_initial_ttl_is_a_change_when_it_is_no_single_packet() {
    let packet = |ttl, seconds| {
        udp((PC, GATEWAY, "10.1.1.5", "10.1.9.9", ttl), 5000, 5001, b"x").at(seconds)
    };
    let mut frames = known(PC);
    frames.extend((0..3).map(|number| packet(128, day(100 + number) + 7200.0)));
    frames.sort_by_key(|frame| frame.time);
    let later = day(104);
    let mut single = frames.clone();
    single.push(packet(64, later));
    assert_eq!(changes(&run(edge(), &single)), []);
    single.push(packet(64, later + 1.0));
    assert_eq!(changes(&run(edge(), &single)), [SignKind::TtlChanged]);
}

#[test]
fn a_swapped_machine_is_a_verdict_and_what_a_person_accepts_is_none() {
    let later = day(103);
    let swap = |seconds: f64| {
        let linux = [1, 28, 2, 3, 15, 6, 119, 12, 44, 47, 26, 121, 42];
        let asks = dhcp(PC, false, [0; 4], &[(53, &[1]), (55, &linux)]).at(seconds);
        let port = 51_000 + ((seconds - later) / 3600.0) as u16;
        [asks, opens(PC, port, 64, LINUX, seconds + 1.0)]
    };
    let mut seen = run(edge(), &known(PC));
    feed(&mut seen, &swap(later));
    assert_eq!(changes(&seen), [SignKind::DhcpChanged, SignKind::StackChanged]);
    assert_eq!(seen.kinds(), [VerdictKind::StackMix]);
    for accepted in [false, true] {
        let mut seen = run(edge(), &known(PC));
        feed(&mut seen, &swap(later));
        let told: Vec<u64> = seen.signs.iter().filter_map(|(_, sign)| sign.change).collect();
        for change in &told {
            assert!(seen.sensor.decide(*change, accepted));
        }
        assert!(!seen.sensor.decide(1, accepted), "nothing of that name");
        seen.signs.clear();
        feed(&mut seen, &swap(later + 7200.0));
        assert_eq!(changes(&seen).len(), if accepted { 0 } else { 2 });
        assert_eq!(seen.sensor.watched().len(), 0);
        // A person may think again.
        for change in &told {
            assert!(seen.sensor.decide(*change, false));
        }
        seen.signs.clear();
        feed(&mut seen, &swap(later + 14_400.0));
        assert_eq!(changes(&seen).len(), 2);
    }
}

#[test]
fn as_many_changes_as_are_kept_blind_nobody() {
    let later = day(103) + 3600.0;
    let mut seen = run(edge(), &known(PC));
    let odd = |number: u8| asks(PC, &[1, 3, 6, 100 + number], later + f64::from(number) * 700.0);
    feed(&mut seen, &(0..11).map(odd).collect::<Vec<_>>());
    let told = seen.signs.iter().filter(|(_, sign)| sign.kind == SignKind::DhcpChanged);
    assert_eq!((told.count(), changes(&seen).len()), (11, 8));
    assert_eq!(seen.notices, [NoticeKind::ChangesBeyond]);
    feed(&mut seen, &[opens(PC, 51_000, 64, LINUX, later + 9_000.0)]);
    assert_eq!(changes(&seen).last(), Some(&SignKind::StackChanged));
}

/// So many settled PCs of an inventory, and a sensor that has seen no fifth day.
fn fleet(stations: u16) -> Seen {
    let mut knowledge = edge();
    for number in 0..stations {
        knowledge.add(subject(&station(number)), Role::Client);
    }
    fleet_of(knowledge, stations)
}

fn fleet_of(knowledge: Knowledge, stations: u16) -> Seen {
    let mut frames: Vec<_> = (0..stations).flat_map(|number| known(&station(number))).collect();
    frames.sort_by_key(|frame| frame.time);
    let mut seen = run(knowledge, &frames);
    let later = day(103);
    let again: Vec<_> = (0..stations).map(|it| asks(&station(it), &[1, 3, 6], later)).collect();
    feed(&mut seen, &again);
    assert_eq!((seen.sensor.settled(), changes(&seen).len()), (usize::from(stations), 0));
    seen
}

#[test]
fn what_two_per_cent_do_alike_within_a_day_is_an_update_and_no_sign() {
    let later = day(104);
    let update = |number: u16, seconds| asks(&station(number), &[1, 3, 6, 119], later + seconds);
    let mut seen = fleet(300);
    let first: Vec<_> = (0..6).map(|number| update(number, f64::from(number))).collect();
    feed(&mut seen, &first);
    assert_eq!((changes(&seen).len(), seen.notices.len()), (6, 0), "two per cent are not more");
    feed(&mut seen, &[update(6, 10.0)]);
    assert_eq!((changes(&seen).len(), seen.notices.as_slice()), (6, &[NoticeKind::FleetDrift][..]));
    let rest: Vec<_> = (0..300).map(|number| update(number, 20.0 + f64::from(number))).collect();
    feed(&mut seen, &rest);
    assert_eq!((changes(&seen).len(), seen.notices.len()), (6, 1), "one notice, no more signs");
    assert!(seen.sensor.memory().habits.iter().all(|it| it.habit.changes().is_empty()));
    // Apart by more than a day it is one after the other.
    let mut seen = fleet(300);
    let apart: Vec<_> = (0..20).map(|it| update(it, f64::from(it) * 90_000.0)).collect();
    feed(&mut seen, &apart);
    assert_eq!((changes(&seen).len(), seen.notices.len()), (20, 0));
    // In a small office a few are no fleet.
    let mut seen = fleet(20);
    feed(&mut seen, &(0..4).map(|number| update(number, 1.0)).collect::<Vec<_>>());
    assert_eq!((changes(&seen).len(), seen.notices.len()), (4, 0));
}

#[test]
fn strangers_other_vlans_and_other_stacks_make_no_update() {
    let later = day(104);
    let update = |number: u16| asks(&station(number), &[1, 3, 6, 119], later + f64::from(number));
    let all: Vec<_> = (0..30).map(update).collect();
    let mut seen = fleet_of(edge(), 30);
    feed(&mut seen, &all);
    assert_eq!((changes(&seen).len(), seen.notices.len()), (30, 0), "anybody can invent thirty");
    let mut seen = fleet_of(Knowledge::none(Vantage::Edge), 30);
    feed(&mut seen, &all);
    assert_eq!((changes(&seen).len(), seen.notices.len()), (4, 1), "without a plan all count");
    let mut seen = fleet(30);
    // On ports of their own, since the address is the same.
    let open = |it: u16, stack, ttl| {
        opens(&station(it), 50_000 + 10 * u16::from(ttl) + it, ttl, stack, later + f64::from(it))
    };
    feed(&mut seen, &(0..30).map(|it| open(it, WINDOWS, 128)).collect::<Vec<_>>());
    let others: Vec<_> = (0..30).map(|it| open(it, LINUX, 64)).collect();
    feed(&mut seen, &others);
    assert_eq!((changes(&seen).len(), seen.notices.len()), (30, 0));
    // Four here and four there are no five anywhere.
    let place = |frame: Frame, number: u16| tagged(frame, 0x8100, 10 + number % 2);
    let mut knowledge = edge();
    let mut frames = Vec::new();
    for number in 0..8 {
        knowledge.add(subject(&station(number)), Role::Client);
        let again = asks(&station(number), &[1, 3, 6], day(103));
        frames
            .extend(known(&station(number)).into_iter().chain([again]).map(|it| place(it, number)));
    }
    frames.sort_by_key(|frame| frame.time);
    let mut seen = run(knowledge, &frames);
    assert_eq!(seen.sensor.settled(), 8);
    feed(&mut seen, &(0..8).map(|number| place(update(number), number)).collect::<Vec<_>>());
    assert_eq!((changes(&seen).len(), seen.notices.len()), (8, 0));
}

#[test]
fn no_fleet_of_phones_is_an_update_and_no_update_takes_back_a_denial() {
    let later = day(104);
    let phone = |number: u16| {
        let options: &[(u8, &[u8])] = &[(53, &[1]), (60, b"android-dhcp-13"), (55, &[1, 3, 6])];
        dhcp(&station(number), false, [0; 4], options).at(later + f64::from(number))
    };
    let mut seen = fleet(50);
    feed(&mut seen, &(0..50).map(phone).collect::<Vec<_>>());
    assert_eq!((changes(&seen).len(), seen.notices.len()), (50, 0));
    let update = |number: u16| asks(&station(number), &[1, 3, 6, 119], later + f64::from(number));
    let mut seen = fleet(50);
    feed(&mut seen, &[update(0)]);
    let denied = seen.signs.iter().find_map(|(_, sign)| sign.change).unwrap();
    assert!(seen.sensor.decide(denied, false));
    feed(&mut seen, &(1..20).map(update).collect::<Vec<_>>());
    assert_eq!(seen.notices, [NoticeKind::FleetDrift]);
    let open: Vec<_> = seen
        .sensor
        .memory()
        .habits
        .into_iter()
        .filter(|it| !it.habit.changes().is_empty())
        .collect();
    assert_eq!(open.len(), 1);
    assert!(open[0].habit.changes()[0].denied);
}

#[test]
fn what_was_learnt_is_known_after_a_restart_with_the_vantage() {
    let station = |number: u8| {
        let mac = format!("00:00:5e:00:54:{number:02x}");
        udp((&mac, GATEWAY, &format!("10.1.1.{number}"), "10.1.9.9", 64), 5000, 5001, b"x")
    };
    let mut frames: Vec<_> = (1..=50).map(station).collect();
    frames.push(udp((GATEWAY, PC, "198.18.0.1", "10.1.1.5", 52), 443, 5000, b"x"));
    frames.extend(known(PC));
    frames.push(asks(PC, &[1, 3, 6], day(103)));
    let learn = || Knowledge::none(Vantage::Learn);
    let before = run(learn(), &frames);
    let memory = before.sensor.memory();
    assert!(memory.is_sound());
    assert_eq!((memory.gateways.len(), memory.hops.as_slice()), (1, &[(None, 0)][..]));
    let forwarded = udp((GATEWAY, PC, "10.9.9.9", "10.1.1.5", 63), 5000, 5001, b"x").at(day(104));
    let behind = udp((OTHER, GATEWAY, "10.9.9.9", "10.1.9.9", 63), 5000, 5001, b"x").at(day(104));
    let changed = asks(PC, &[1, 3, 6, 15], day(104));
    let restarted = |knowledge: Knowledge, remembers: bool| {
        let mut seen = run(knowledge, &[]);
        if remembers {
            seen.sensor.recall(&memory);
        }
        feed(&mut seen, &[changed.clone(), forwarded.clone(), behind.clone()]);
        let hops: Vec<_> =
            seen.signs.iter().filter(|(_, sign)| sign.kind == SignKind::HopDistance).collect();
        (changes(&seen).len(), hops.iter().map(|(about, _)| about.subject).collect::<Vec<_>>())
    };
    assert_eq!(restarted(learn(), true), (1, vec![subject(OTHER)]));
    assert_eq!(restarted(learn(), false), (0, vec![]));
    // Where the gateways are others now, hops and gateways are learnt anew, and habits are not.
    assert_eq!(restarted(with(learn(), &[("10.1.1.254", Role::Router)]), true), (1, vec![]));
    let again = run(learn(), &[]);
    let mut again = again.sensor;
    again.recall(&memory);
    assert_eq!(again.memory(), memory);
}

#[test]
fn a_flood_of_addresses_lets_go_of_strangers_alone() {
    let mut seen = run(edge(), &known(PC));
    feed(&mut seen, &[asks(PC, &[1, 3, 6], day(103))]);
    let flood: Vec<_> = (0..40_000_u32)
        .map(|number| {
            let [_, a, b, c] = number.to_be_bytes();
            let mac = format!("00:00:5d:{a:02x}:{b:02x}:{c:02x}");
            asks(&mac, &[1], day(103) + 1.0)
        })
        .collect();
    feed(&mut seen, &flood);
    let memory = seen.sensor.memory();
    assert!(memory.is_sound() && memory.habits.len() <= HABITS_MAX + STRANGERS_MAX);
    assert!(seen.sensor.evicted() > 0);
    feed(&mut seen, &[asks(PC, &[1, 3, 6, 15], day(104))]);
    assert_eq!(changes(&seen), [SignKind::DhcpChanged]);
}
