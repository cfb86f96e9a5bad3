//! Another plan while the sensor runs.

use super::frames::*;
use super::*;

const GONE: &str = "10.1.1.254";

fn office(roles: &[(&str, Role)]) -> Knowledge {
    let mut knowledge = with(edge(), roles);
    knowledge.gateways_learnt = false;
    knowledge
}

/// What another plan and these frames come to.
fn then(seen: &mut Seen, next: Knowledge, frames: &[Frame]) -> Vec<VerdictKind> {
    (seen.signs, seen.verdicts) = (Vec::new(), Vec::new());
    seen.sensor.follow(next);
    feed(seen, frames);
    seen.kinds()
}

fn asks(mac: &str) -> Frame {
    dhcp(mac, false, [0; 4], &[(53, &[1]), (60, b"android-dhcp-13"), (55, &[1, 3, 6])])
}

fn checks(mac: &str) -> Frame {
    query((mac, GATEWAY, "10.1.1.5", "10.1.9.9", 64), "connectivitycheck.gstatic.com")
}

#[test]
fn who_is_registered_meanwhile_is_reported_no_longer_and_everybody_else_as_before() {
    for (next, expected) in [
        (office(&[(PC, Role::Printer), (PC, Role::Handheld)]), vec![]),
        (office(&[(OTHER, Role::Handheld)]), vec![VerdictKind::Phone]),
    ] {
        let mut seen = run(office(&[]), &[asks(PC)]);
        assert!(seen.has(SignKind::PhoneDhcp) && seen.verdicts.is_empty());
        assert_eq!(then(&mut seen, next, &[checks(PC)]), expected);
    }
    // Who was an alarm under the old plan is none under the new, and again one under the old.
    let mut seen = run(office(&[]), &[asks(PC), checks(PC)]);
    assert_eq!(seen.kinds(), [VerdictKind::Phone]);
    let both = [asks(PC), checks(PC)];
    assert_eq!(then(&mut seen, office(&[(PC, Role::Handheld)]), &both), []);
    assert_eq!(then(&mut seen, office(&[]), &both), [VerdictKind::Phone]);
}

#[test]
fn a_server_that_the_new_plan_names_is_rogue_no_longer() {
    let answer = dhcp(OTHER, true, [10, 1, 1, 5], &[(53, &[5]), (54, &[10, 1, 1, 9])]);
    let mut seen = run(office(&[]), std::slice::from_ref(&answer));
    assert_eq!(seen.kinds(), [VerdictKind::RogueDhcp]);
    let named = office(&[("10.1.1.9", Role::DhcpServer)]);
    assert_eq!(then(&mut seen, named, std::slice::from_ref(&answer)), []);
    assert_eq!(then(&mut seen, office(&[]), &[answer]), [VerdictKind::RogueDhcp]);
}

#[test]
fn a_gateway_is_one_as_long_as_the_plan_has_its_address() {
    let carries = udp((GATEWAY, PC, "10.9.9.9", "10.1.1.7", 63), 5000, 5001, b"x");
    let forwards = |next: Knowledge| {
        let mut seen = run(office(&[(GONE, Role::Router)]), &[arp(GATEWAY, GONE), carries.clone()]);
        assert!(seen.signs.is_empty());
        then(&mut seen, next, std::slice::from_ref(&carries));
        seen.has(SignKind::HopDistance)
    };
    let another = ("10.1.2.254", Role::Router);
    assert!(!forwards(office(&[(GONE, Role::Router), another])), "a gateway more changes nothing");
    assert!(forwards(office(&[another])));
    assert!(forwards(office(&[(GONE, Role::Router), (GATEWAY, Role::Client)])));
}

#[test]
fn addresses_are_looked_at_again_where_the_networks_of_their_vlan_changed() {
    let with_networks = |network: &str| {
        let mut knowledge = office(&[]);
        knowledge.untagged = Some(7);
        knowledge.prefixes.insert(7, vec![network.parse().unwrap()]);
        knowledge
    };
    let speaks = udp((PC, OTHER, "10.1.1.5", "10.1.1.7", 64), 5000, 5001, b"x");
    let mut seen = run(with_networks("10.1.0.0/16"), std::slice::from_ref(&speaks));
    assert!(!seen.has(SignKind::ForeignAddress));
    then(&mut seen, with_networks("10.2.0.0/16"), std::slice::from_ref(&speaks));
    assert!(seen.has(SignKind::ForeignAddress));
    then(&mut seen, with_networks("10.1.0.0/16"), &[speaks]);
    assert!(!seen.has(SignKind::ForeignAddress) && seen.sensor.watched().is_empty());
}
