//! Ordinary traffic that looks like something else to a simple rule.

use super::frames::*;
use super::*;

#[test]
fn a_windows_pc_with_a_browser_is_no_phone_and_no_relay() {
    let pc = (PC, GATEWAY, "10.1.1.5", "10.1.9.9", 128);
    let bare: (u16, &[u8]) = (8_192, &[2, 4, 5, 0xb4, 1, 1, 4, 2]);
    let frames = [
        dhcp(PC, false, [0; 4], &[(53, &[1]), (60, b"MSFT 5.0"), (55, &[1, 3, 6])]),
        arp(PC, "10.1.1.5"),
        syn(pc, (1, 443), WINDOWS),
        syn(pc, (2, 443), (65_535, WINDOWS.1)),
        syn(pc, (3, 443), bare),
        query(pc, "clients3.google.com"),
        query(pc, "mtalk.google.com"),
        syn(pc, (4, 5228), WINDOWS),
        udp((PC, OTHER, "10.1.1.5", "239.255.255.250", 1), 1900, 1900, b"M-SEARCH * HTTP/1.1\r\n"),
    ];
    assert_eq!(run(edge(), &frames).kinds(), []);
}

#[test]
fn a_virtual_machine_behind_a_desktop_is_a_notice() {
    let host = (PC, GATEWAY, "10.1.1.5", "10.1.9.9", 128);
    let guest = (PC, GATEWAY, "10.1.1.5", "10.1.9.9", 63);
    let mut frames = vec![arp(PC, "10.1.1.5")];
    for port in 0..4 {
        frames.push(syn(guest, (100 + port, 80), LINUX));
        frames.push(syn(host, (200 + port, 80), WINDOWS));
        frames.push(query(host, "mtalk.google.com"));
    }
    let seen = run(edge(), &frames);
    assert_eq!((seen.kinds(), seen.notices), (vec![], vec![NoticeKind::LocalNat]));
    // The same with a phone's stack behind it is none.
    for port in 0..4 {
        frames.push(syn(guest, (300 + port, 80), ANDROID));
        frames.push(query(guest, "connectivitycheck.gstatic.com"));
    }
    assert_eq!(run(edge(), &frames).kinds(), [VerdictKind::Nat]);
}

#[test]
fn a_unix_that_takes_a_desktops_place_is_no_virtual_machine() {
    let own = |ttl| (PC, GATEWAY, "10.1.1.5", "10.1.9.9", ttl);
    let mut frames = vec![arp(PC, "10.1.1.5"), syn(own(128), (1, 80), WINDOWS)];
    // What is no TCP goes through the box, connections are made anew by it.
    for port in 0..4 {
        frames.push(query(own(127), "files.city.example"));
        frames.push(syn(own(64), (100 + port, 80), LINUX));
    }
    assert_eq!(run(edge(), &frames).kinds(), [VerdictKind::Nat]);
}

#[test]
fn a_device_that_leaks_the_address_of_its_factory_is_only_watched() {
    let mut knowledge = edge();
    knowledge.prefixes.insert(7, vec!["10.1.1.0/24".parse().unwrap()]);
    let frames = [
        tagged(arp("02:00:00:00:00:09", "192.168.10.1"), 0x8100, 7),
        tagged(arp("02:00:00:00:00:09", "192.168.43.1"), 0x8100, 7),
        tagged(arp("02:00:00:00:00:09", "10.1.1.8"), 0x8100, 7),
    ];
    assert_eq!(run(knowledge, &frames).kinds(), []);
}

#[test]
fn a_mirror_above_a_router_concludes_nothing_from_hops() {
    let mut frames = Vec::new();
    for number in 1..40_u8 {
        let source = format!("10.1.{number}.5");
        let way = (GATEWAY, OTHER, source.as_str(), "10.9.9.9", 64 - number % 4);
        frames.push(syn(way, (u16::from(number), 80), LINUX));
        let way = (GATEWAY, OTHER, source.as_str(), "10.9.9.9", 127);
        frames.push(syn(way, (u16::from(number) + 100, 80), WINDOWS));
    }
    assert_eq!(run(Knowledge::none(Vantage::Learn), &frames).kinds(), []);
}

#[test]
fn a_container_host_that_answers_from_behind_itself_is_explained_by_its_role() {
    let answer = syn_ack((PC, OTHER, "10.1.1.5", "10.1.1.7", 63), (80, 5000));
    assert!(run(edge(), std::slice::from_ref(&answer)).has(SignKind::HopDistance));
    let server = with(edge(), &[("10.1.1.5", Role::Server)]);
    assert!(run(server, &[answer]).signs.is_empty());
}
