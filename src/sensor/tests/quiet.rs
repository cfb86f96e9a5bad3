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

/// On a USB adapter as well, whose maker says nothing then.
#[test]
fn a_virtual_machine_on_a_usb_adapter_is_a_notice() {
    let adapter = "00:0e:c6:00:00:01";
    let way = |ttl| (adapter, GATEWAY, "10.1.1.5", "10.1.9.9", ttl);
    let mut frames = vec![arp(adapter, "10.1.1.5")];
    for port in 0..4 {
        frames.push(syn(way(63), (100 + port, 80), LINUX));
        frames.push(syn(way(128), (200 + port, 80), WINDOWS));
    }
    let seen = run(edge(), &frames);
    assert!(seen.has(SignKind::MakerBlock) && seen.has(SignKind::TtlFamilies));
    assert_eq!((seen.kinds(), seen.notices), (vec![], vec![NoticeKind::LocalNat]));
}

#[test]
fn a_notebook_whose_lease_is_older_than_the_mirror_is_no_phone() {
    let adapter = "00:0e:c6:00:00:01";
    for name in ["captive.apple.com", "play.googleapis.com", "connectivitycheck.gstatic.com"] {
        let way = (adapter, GATEWAY, "10.1.1.5", "10.1.9.9", 64);
        let seen = run(edge(), &[arp(adapter, "10.1.1.5"), query(way, name)]);
        assert!(seen.has(SignKind::MakerBlock) && seen.has(SignKind::PhoneName));
        assert_eq!(seen.kinds(), [], "{name}");
    }
}

/// Two systems on one disk, two notebooks at one dock; a printer's MAC has one system.
#[test]
fn systems_that_follow_each_other_are_no_mixture() {
    let asks = |vendor: &[u8], list: &[u8], seconds: f64| {
        let options = [(53, &[1][..]), (60, vendor), (55, list)];
        dhcp(PC, false, [0; 4], &options).at(seconds)
    };
    let speaks = |ttl, stack, seconds: f64| -> Vec<Frame> {
        let way = (PC, GATEWAY, "10.1.1.5", "10.1.9.9", ttl);
        (0..4).map(|port| syn(way, (100 + port, 80), stack).at(seconds + f64::from(port))).collect()
    };
    const NETWORK_MANAGER: &[u8] = &[1, 28, 2, 3, 15, 6, 119, 12, 44, 47, 26, 121, 42];
    let windows = [vec![asks(b"MSFT 5.0", &[1, 3, 6], 0.0)], speaks(128, WINDOWS, 1.0)].concat();
    let linux = [vec![asks(b"", NETWORK_MANAGER, 40.0)], speaks(64, LINUX, 41.0)].concat();
    let follow = [windows, linux].concat();
    assert!(run(edge(), &follow).has(SignKind::DhcpChanged));
    assert_eq!(run(edge(), &follow).kinds(), []);
    let printer = with(edge(), &[(PC, Role::Printer)]);
    assert_eq!(run(printer, &follow).kinds(), [VerdictKind::StackMix]);
    // Both at once stand behind it.
    let both = [follow, speaks(128, WINDOWS, 50.0)].concat();
    assert_eq!(run(edge(), &both).kinds(), [VerdictKind::StackMix]);
}

#[test]
fn a_pc_before_its_system_has_started_speaks_through_its_controller() {
    let way = |ttl| (PC, GATEWAY, "10.1.1.5", "10.1.9.9", ttl);
    let mut frames = vec![dhcp(PC, false, [0; 4], &[(53, &[1]), (60, b"MSFT 5.0"), (55, &[1, 3])])];
    frames.extend((0..6).map(|_| says(way(64), (16_992, 50_000), b"x")));
    frames.extend((0..6).map(|port| syn(way(128), (100 + port, 80), WINDOWS)));
    assert!(run(edge(), &frames).signs.is_empty());
}

#[test]
fn what_a_system_serves_by_itself_is_no_web_server() {
    let client = || with(edge(), &[(PC, Role::Client)]);
    let serves = |port, server: &str| {
        let answered = format!("HTTP/1.1 200 OK\r\nServer: {server}\r\n\r\n");
        let said = (&b"GET / HTTP/1.1\r\n\r\n"[..], answered.as_bytes());
        run(client(), &conversation((OTHER, "10.1.1.7"), (PC, "10.1.1.5"), port, said)).kinds()
    };
    for port in [5_000, 7_000] {
        assert_eq!(serves(port, "AirTunes/770.8.1"), []);
        assert_eq!(serves(port, "Werkzeug/3.0"), [VerdictKind::HttpServer]);
    }
    assert_eq!(serves(8_080, "AirTunes/770.8.1"), [VerdictKind::HttpServer]);
    assert_eq!(serves(10_243, "Microsoft-HTTPAPI/2.0"), []);
    assert_eq!(serves(8_080, "OfficeScan Client"), []);
}

/// A router says with which hop limit IPv6 begins, IPv4 goes on as the system does.
#[test]
fn a_windows_pc_of_two_versions_of_ip_is_one_system() {
    let mut frames = vec![dhcp(PC, false, [0; 4], &[(53, &[1]), (60, b"MSFT 5.0"), (55, &[1, 3])])];
    for port in 0..6 {
        let six = (PC, GATEWAY, "2001:db8::5", "2001:db8:9::9", 64);
        frames.push(syn(six, (100 + port, 443), WINDOWS));
    }
    for port in 0..6 {
        frames.push(syn((PC, GATEWAY, "10.1.1.5", "10.1.9.9", 128), (200 + port, 443), WINDOWS));
    }
    assert!(run(edge(), &frames).signs.is_empty());
}

#[test]
fn what_a_proxy_or_server_of_the_plan_hands_on_is_others() {
    let asked = b"GET / HTTP/1.1\r\nUser-Agent: Dalvik/2.1.0 (Linux)\r\nVia: 1.1 x\r\n\r\n";
    let way = (PC, GATEWAY, "10.1.1.5", "203.0.113.9", 64);
    let frames = [syn(way, (5_000, 80), LINUX), says(way, (5_000, 80), asked)];
    for role in [Role::Proxy, Role::Server] {
        assert!(run(with(edge(), &[(PC, role)]), &frames).signs.is_empty());
    }
    let seen = run(edge(), &frames);
    assert!(seen.has(SignKind::PhoneAgent) && seen.has(SignKind::ForwardedField));
}

/// A bridge with a MAC of its own hands on what its clients ask.
#[test]
fn requests_that_name_another_client_are_no_new_system() {
    let asks = |vendor: &[u8]| {
        let mut frame = dhcp(PC, false, [0; 4], &[(53, &[1]), (60, vendor), (55, &[1, 3])]);
        let client = frame.octets.len() - 240 - 9 - vendor.len() - 1 + 28;
        frame.octets[client..client + 6].copy_from_slice(&[0, 0, 0x5e, 0, 0x53, vendor[0]]);
        frame
    };
    let speaks = |ttl, stack| {
        (0..4).map(move |port| syn((PC, GATEWAY, "10.1.1.5", "10.1.9.9", ttl), (port, 80), stack))
    };
    let mut frames = vec![asks(b"MSFT 5.0")];
    frames.extend(speaks(128, WINDOWS));
    frames.push(asks(b"udhcp 1.25.1"));
    frames.extend(speaks(64, LINUX));
    assert!(run(edge(), &frames).has(SignKind::TtlFamilies));
}

#[test]
fn a_registered_server_for_network_boot_gives_no_addresses() {
    let ack = |given, vendor: &[u8]| {
        dhcp(OTHER, true, given, &[(53, &[5]), (54, &[10, 1, 1, 9]), (60, vendor)])
    };
    let boot = [ack([0; 4], b"PXEClient")];
    for name in [OTHER, "10.1.1.9"] {
        assert_eq!(run(with(edge(), &[(name, Role::Server)]), &boot).kinds(), []);
    }
    assert_eq!(run(edge(), &boot).kinds(), [VerdictKind::RogueDhcp]);
    let gives = [ack([10, 1, 1, 5], b"PXEClient")];
    let server = with(edge(), &[(OTHER, Role::Server)]);
    assert_eq!(run(server, &gives).kinds(), [VerdictKind::RogueDhcp]);
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
