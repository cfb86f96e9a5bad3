//! Two environments on one wire, and what only looks like it.

use super::frames::*;
use super::*;
use crate::plan::{compile, tests::shipped};
use crate::vocabulary::Timestamp;

/// A VLAN of A, of B, of C and of quarantine in the example city, and their gateway's addresses.
const A: u16 = 110;
const B: u16 = 120;
const C: u16 = 130;
const Q: u16 = 900;
const PC_A: &str = "10.1.4.5";
const PC_B: &str = "10.2.4.5";
const PC_C: &str = "10.3.4.5";
/// The two ends of the city's first permitted flow, to port 443 at the second.
const FLOW_A: &str = "10.1.0.50";
const FLOW_B: &str = "10.2.0.60";

/// Noon of a day on which the city's flows are in force.
const DAY: i64 = 1_795_000_000;

fn city() -> Knowledge {
    let plan = compile(&shipped(), Timestamp(DAY * 1000)).plan.unwrap();
    Knowledge::of_plan(&plan, Vantage::Edge)
}

/// A frame on a VLAN, so many seconds after noon.
fn on(vlan: u16, seconds: f64, frame: Frame) -> Frame {
    let mut frame = tagged(frame, 0x8100, vlan);
    frame.time = Some(CaptureTime(DAY * 1_000_000_000 + (seconds * 1e9) as i64));
    frame
}

fn to(source: &str, destination: &str) -> Frame {
    tcp((PC, OTHER, source, destination, 128), (50_000, 445), 1, 0x10, (500, &[]), b"x")
}

fn kinds(seen: &Seen) -> Vec<BreachKind> {
    seen.breaches.iter().map(|breach| breach.kind).collect()
}

/// The frame by which a gateway of the city shows itself on a VLAN.
fn gateway(vlan: u16, seconds: f64) -> Frame {
    let address = match vlan {
        A => "10.1.0.1",
        B => "10.2.0.1",
        _ => "10.3.0.1",
    };
    on(vlan, seconds, arp(GATEWAY, address))
}

fn routed(source: &str, destination: &str, ports: (u16, u16)) -> Frame {
    tcp((GATEWAY, PC, source, destination, 127), ports, 1, 0x10, (500, &[]), b"x")
}

#[test]
fn an_address_of_one_environment_on_the_vlan_of_another_is_told_with_frame_and_time() {
    let frames = [on(C, 0.0, to(PC_C, PC_C)), on(C, 7.0, to(PC_A, PC_C))];
    let seen = run(city(), &frames);
    assert_eq!(kinds(&seen), [BreachKind::Address]);
    let breach = &seen.breaches[0];
    assert_eq!(breach.environments, ["C", "A"]);
    assert_eq!(breach.last(), (2, frames[1].time.unwrap()));
    assert_eq!(breach.about.subject, subject(PC));
    assert_eq!(breach.about.addresses[0].to_string(), PC_A);
    for language in [crate::vocabulary::Language::Japanese, crate::vocabulary::Language::English] {
        let text = breach.text(language);
        assert!(text.contains(PC_A) && text.contains("VLAN 130"), "{text}");
        for fact in breach.kind.text().wants(language) {
            assert!(breach.facts.iter().any(|(name, _)| *name == fact), "{fact}");
        }
    }
    // One cause is told once, and again when it still goes on an hour later.
    let again = |seconds| on(C, seconds, to(PC_A, PC_C));
    let seen = run(city(), &[again(0.0), again(1.0), again(3000.0), again(3601.0)]);
    assert_eq!(kinds(&seen), [BreachKind::Address; 2]);
}

#[test]
fn a_gateway_may_carry_permitted_flows_and_nothing_else() {
    let flow = |vlan, source, destination, ports| {
        run(city(), &[gateway(vlan, 0.0), on(vlan, 1.0, routed(source, destination, ports))])
    };
    // T-001, its reply, another port, its ports the wrong way round, another host.
    for (vlan, source, destination, ports, expected) in [
        (B, FLOW_A, FLOW_B, (50_000, 443), false),
        (A, FLOW_B, FLOW_A, (443, 50_000), false),
        (B, FLOW_A, FLOW_B, (50_000, 22), true),
        (A, FLOW_B, FLOW_A, (50_000, 443), true),
        (B, "10.1.0.51", FLOW_B, (50_000, 443), true),
        (C, PC_A, PC_C, (50_000, 443), true),
        (C, PC_C, PC_C, (50_000, 443), false),
        (C, "198.18.0.1", PC_C, (443, 50_000), false),
    ] {
        let seen = flow(vlan, source, destination, ports);
        let found: &[BreachKind] = if expected { &[BreachKind::Flow] } else { &[] };
        assert_eq!(kinds(&seen), found, "{vlan} {source} {destination} {ports:?}");
    }
    let seen = flow(C, PC_A, PC_C, (50_000, 443));
    let breach = &seen.breaches[0];
    assert_eq!((breach.about.subject, breach.about.mac), (subject(PC_A), Mac::parse(GATEWAY).ok()));
    assert!(breach.facts.contains(&("service", "tcp 50000→443".to_owned())));
    // A flow is permitted while it is in force, and not a day longer.
    let late = |frame: Frame| frame.at((DAY + 3 * 366 * 86_400) as f64);
    let frame = late(tagged(routed(FLOW_A, FLOW_B, (50_000, 443)), 0x8100, B));
    let seen = run(city(), &[late(tagged(arp(GATEWAY, "10.2.0.1"), 0x8100, B)), frame]);
    assert_eq!(kinds(&seen), [BreachKind::Flow]);
    // Errors about a permitted flow belong to it, and what comes before the gateway is known.
    let icmp = ip((GATEWAY, PC, FLOW_A, FLOW_B, 63), 1, &[3, 4, 0, 0]);
    let seen = run(city(), &[on(B, 0.0, icmp), on(B, 0.1, routed(FLOW_A, FLOW_B, (1, 443)))]);
    assert_eq!(kinds(&seen), []);
}

#[test]
fn what_says_nothing_of_environments_is_no_breach() {
    let frames = [
        on(C, 0.0, dhcp(PC, false, [0; 4], &[(53, &[1])])),
        on(C, 1.0, to("169.254.7.7", PC_C)),
        on(C, 2.0, arp(PC, "0.0.0.0")),
        on(C, 3.0, udp((PC, OTHER, PC_A, "239.255.255.250", 1), 1900, 1900, b"x")),
        on(C, 4.0, udp((PC, OTHER, PC_A, "255.255.255.255", 64), 137, 137, b"x")),
        on(C, 5.0, arp(PC, PC_A)),
        // The gateway's own address of another interface.
        gateway(C, 6.0),
        on(C, 7.0, ip((GATEWAY, PC, "10.1.0.1", PC_C, 64), 1, &[11, 0, 0, 0])),
        // Nobody's VLAN, and nobody's address.
        on(77, 8.0, to(PC_A, PC_C)),
        on(C, 9.0, to("10.77.0.1", PC_C)),
        // What devices bring into quarantine, and out of it.
        on(Q, 10.0, to(PC_A, "10.249.0.1")),
        on(A, 11.0, to("10.249.4.4", PC_A)),
        // A frame without a tag, where nobody says whose VLAN that is.
        to(PC_A, PC_C).at(DAY as f64 + 12.0),
    ];
    assert_eq!(kinds(&run(city(), &frames)), []);
    let mut untagged = city();
    untagged.untagged = Some(C);
    assert_eq!(kinds(&run(untagged, &frames[12..])), [BreachKind::Address]);
    assert_eq!(kinds(&run(edge(), &[on(C, 0.0, to(PC_A, PC_C))])), [], "no plan, no breach");
}

#[test]
fn a_moved_station_may_use_its_old_address_for_a_minute() {
    let stale = |seconds| on(C, seconds, arp(PC, PC_A));
    assert_eq!(kinds(&run(city(), &[stale(0.0), stale(30.0), stale(59.0)])), []);
    let seen = run(city(), &[stale(0.0), stale(30.0), stale(61.0)]);
    assert_eq!(kinds(&seen), [BreachKind::Address]);
    assert_eq!((seen.breaches[0].first().0, seen.breaches[0].last().0), (1, 3));
}

#[test]
fn a_station_moved_without_a_link_that_goes_down_has_a_minute_as_well() {
    let at_home = on(A, 0.0, to(PC_A, PC_A));
    let still = |seconds| on(C, seconds, to(PC_A, PC_C));
    assert_eq!(kinds(&run(city(), &[at_home.clone(), still(1.0), still(50.0)])), []);
    let frames = [at_home, still(1.0), still(50.0), still(62.0)];
    assert_eq!(kinds(&run(city(), &frames)), [BreachKind::Address]);
}

#[test]
fn two_stations_of_another_environment_make_it_a_vlan_of_two() {
    let frames = [on(C, 0.0, arp(PC, PC_A)), on(C, 1.0, arp(OTHER, "10.1.4.6"))];
    let seen = run(city(), &frames);
    assert_eq!(kinds(&seen), [BreachKind::Vlan]);
    assert_eq!(seen.breaches[0].evidence.len(), 2);
    assert_eq!(kinds(&run(city(), &[frames[0].clone(), on(C, 1000.0, arp(OTHER, PC_A))])), []);
}

#[test]
fn one_mac_in_two_environments_is_told_once_it_is_back() {
    let at = |vlan, seconds, source| on(vlan, seconds, to(source, source));
    let moved = [at(A, 0.0, PC_A), at(C, 5.0, PC_C), at(C, 6.0, PC_C)];
    assert_eq!(kinds(&run(city(), &moved)), [], "who is moved does not come back");
    let back = [at(A, 0.0, PC_A), at(C, 5.0, PC_C), at(A, 6.0, PC_A), at(C, 7.0, PC_C)];
    let seen = run(city(), &back);
    assert_eq!(kinds(&seen), [BreachKind::Device]);
    let breach = &seen.breaches[0];
    assert_eq!(breach.environments, ["A", "C"]);
    let frames: Vec<_> = breach.evidence.iter().map(|seen| (seen.frame, seen.vlan)).collect();
    assert_eq!(frames, [(2, C), (3, A)]);
    let both = [at(A, 0.0, PC_A), at(C, 0.001, PC_C)];
    assert_eq!(kinds(&run(city(), &both)), [], "a move takes no time");
    // A session that ended in between is a move.
    let mut seen = run(city(), &back[..2]);
    seen.sensor.end_sessions(Mac::parse(PC).unwrap());
    feed(&mut seen, &back[2..3]);
    assert_eq!(kinds(&seen), []);
    // A gateway is in all of them, also before it has shown its own address.
    let frame = |vlan, seconds, source| {
        on(
            vlan,
            seconds,
            tcp((GATEWAY, PC, source, source, 127), (1, 443), 1, 0x10, (5, &[]), b"x"),
        )
    };
    let gateway = [frame(A, 0.0, PC_A), frame(B, 0.1, PC_B), frame(A, 0.2, PC_A)];
    assert_eq!(kinds(&run(city(), &gateway)), []);
    // In and out of quarantine is what quarantine is for.
    let waits = [at(A, 0.0, PC_A), at(Q, 0.5, "10.249.4.4"), at(A, 0.9, PC_A)];
    assert_eq!(kinds(&run(city(), &waits)), []);
}

#[test]
fn a_flood_of_strays_is_told_of_a_few_and_counted() {
    let stray = |number: u32| {
        let [_, a, b, c] = number.to_be_bytes();
        let mac = format!("00:00:5d:{a:02x}:{b:02x}:{c:02x}");
        let frame = tcp((&mac, OTHER, PC_A, PC_C, 128), (1, 2), 1, 0x10, (500, &[]), b"x");
        on(C, f64::from(number) / 1e4, frame)
    };
    let frames: Vec<_> = (0..2_000).map(stray).collect();
    let seen = run(city(), &frames);
    assert_eq!(seen.breaches.len(), 17, "sixteen stations, and the VLAN");
    assert_eq!(seen.sensor.counters().breaches_held, 2_000 - 16);
}
