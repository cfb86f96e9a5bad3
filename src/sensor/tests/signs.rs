//! Each sign on the frames that give it.

use super::frames::*;
use super::*;

const LAN: (&str, &str, &str, &str, u8) = (PC, GATEWAY, "10.1.1.5", "10.1.9.9", 64);

fn way(ttl: u8) -> (&'static str, &'static str, &'static str, &'static str, u8) {
    (PC, GATEWAY, "10.1.1.5", "10.1.9.9", ttl)
}

#[test]
fn hops_are_seen_from_the_edge_and_nowhere_else() {
    for (vantage, ttl, expected) in [
        (Vantage::Edge, 63, true),
        (Vantage::Edge, 61, true),
        (Vantage::Edge, 126, true),
        (Vantage::Edge, 60, false),
        (Vantage::Edge, 64, false),
        (Vantage::Learn, 63, false),
        (Vantage::Core, 63, false),
    ] {
        let seen = run(Knowledge::none(vantage), &[udp(way(ttl), 5000, 5001, b"x")]);
        assert_eq!(seen.has(SignKind::HopDistance), expected, "{vantage:?} {ttl}");
    }
}

#[test]
fn multicast_link_local_addresses_and_dhcp_say_nothing_of_hops() {
    for frame in [
        udp((PC, GATEWAY, "10.1.1.5", "239.1.2.3", 63), 5000, 5001, b"x"),
        udp((PC, GATEWAY, "169.254.1.5", "10.1.9.9", 63), 5000, 5001, b"x"),
        udp(way(63), 67, 67, b"x"),
        ip(way(63), 1, &[8, 0, 0, 0]),
    ] {
        assert!(!run(edge(), &[frame]).has(SignKind::HopDistance));
    }
}

#[test]
fn at_an_unknown_vantage_fifty_stations_that_agree_turn_hops_on() {
    let station = |number: u8, ttl| {
        let mac = format!("00:00:5e:00:54:{number:02x}");
        let source = format!("10.1.1.{number}");
        udp((&mac, GATEWAY, &source, "10.1.9.9", ttl), 5000, 5001, b"x")
    };
    let mut frames: Vec<_> = (1..50).map(|number| station(number, 64)).collect();
    frames.push(station(60, 63));
    assert!(!run(Knowledge::none(Vantage::Learn), &frames).has(SignKind::HopDistance));
    frames.push(station(50, 64));
    frames.push(station(60, 63));
    assert!(run(Knowledge::none(Vantage::Learn), &frames).has(SignKind::HopDistance));
}

#[test]
fn a_gateway_is_learnt_by_what_it_carries_and_held_to_nothing() {
    let far = udp((GATEWAY, PC, "198.18.0.1", "10.1.1.5", 52), 443, 5000, b"x");
    let near = udp((GATEWAY, PC, "10.9.9.9", "10.1.1.5", 63), 5000, 5001, b"x");
    assert!(run(edge(), std::slice::from_ref(&near)).has(SignKind::HopDistance));
    let seen = run(edge(), &[far, near.clone()]);
    assert!(!seen.has(SignKind::HopDistance));
    let planned = with(edge(), &[("10.1.1.254", Role::Router)]);
    let seen = run(planned, &[arp(GATEWAY, "10.1.1.254"), near]);
    assert!(!seen.has(SignKind::HopDistance));
}

#[test]
fn a_translator_with_one_public_address_is_no_gateway() {
    let own = (PC, GATEWAY, "198.18.0.1", "203.0.112.9", 63);
    let seen = run(edge(), &[syn(own, (1, 80), LINUX), syn(own, (2, 80), LINUX)]);
    assert!(seen.has(SignKind::HopDistance));
}

#[test]
fn two_initial_ttls_count_when_they_stand_close_and_are_no_single_packet() {
    let at = |ttl, seconds| udp(way(ttl), 5000, 5001, b"x").at(seconds);
    let close = [at(64, 0.0), at(64, 1.0), at(128, 2.0), at(128, 3.0)];
    assert!(run(edge(), &close).has(SignKind::TtlFamilies));
    let single = [at(64, 0.0), at(64, 1.0), at(128, 2.0)];
    assert!(!run(edge(), &single).has(SignKind::TtlFamilies));
    let apart = [at(64, 0.0), at(64, 1.0), at(128, 300.0), at(128, 301.0)];
    assert!(!run(edge(), &apart).has(SignKind::TtlFamilies));
}

#[test]
fn stacks_are_graded_by_class_first_and_settings_within_unix() {
    let from = |port, ttl, stack| syn(way(ttl), (port, 80), stack);
    let scaled: (u16, &[u8]) = (8_192, WINDOWS.1);
    let seen = run(edge(), &[from(1, 128, WINDOWS), from(2, 128, scaled)]);
    assert!(seen.has(SignKind::StackVariants) && !seen.has(SignKind::StackClasses));
    let seen = run(edge(), &[from(1, 128, WINDOWS), from(2, 64, LINUX)]);
    assert!(seen.has(SignKind::StackClasses));
    let seen = run(edge(), &[from(1, 64, LINUX), from(2, 64, ANDROID)]);
    assert!(seen.has(SignKind::StackWindows) && seen.has(SignKind::PhoneStack));
    let seen = run(edge(), &[from(1, 64, LINUX), from(2, 64, LINUX)]);
    assert!(seen.signs.is_empty());
}

#[test]
fn a_repeated_syn_and_another_version_of_ip_are_no_second_stack() {
    let bare: (u16, &[u8]) = (8_192, &[2, 4, 5, 0xb4, 1, 1, 4, 2]);
    let seen = run(edge(), &[syn(way(128), (1, 80), WINDOWS), syn(way(128), (1, 80), bare)]);
    assert!(seen.signs.is_empty());
    let six = (PC, GATEWAY, "2001:db8::5", "2001:db8::9", 64);
    let smaller: (u16, &[u8]) = (28_800, LINUX.1);
    let seen = run(edge(), &[syn(way(64), (1, 80), LINUX), syn(six, (1, 80), smaller)]);
    assert!(!seen.has(SignKind::StackWindows));
}

#[test]
fn the_same_segment_from_two_macs_is_a_relay_whichever_is_seen_first() {
    let first = syn((PC, OTHER, "10.1.1.5", "10.1.9.9", 64), (1, 80), LINUX);
    let second = syn((OTHER, GATEWAY, "10.1.1.5", "10.1.9.9", 63), (1, 80), LINUX);
    for frames in [[first.clone(), second.clone()], [second, first]] {
        let seen = run(edge(), &frames);
        let relay = seen.signs.iter().find(|(_, sign)| sign.kind == SignKind::RelayedFlow);
        assert_eq!(relay.unwrap().0.subject, subject(OTHER));
    }
}

#[test]
fn dhcp_tells_phones_changes_and_rogue_servers() {
    let ask = |vendor: &[u8], list: &[u8]| {
        dhcp(PC, false, [0; 4], &[(53, &[1]), (60, vendor), (55, list)])
    };
    let windows = ask(b"MSFT 5.0", &[1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 121, 249, 252]);
    let android = ask(b"android-dhcp-13", &[1, 3, 6, 15, 26, 28, 51, 58, 59, 43]);
    let boot = ask(b"PXEClient:Arch:00007", &[1, 3, 6]);
    assert!(run(edge(), std::slice::from_ref(&android)).has(SignKind::PhoneDhcp));
    let seen = run(edge(), &[windows.clone(), windows.clone()]);
    assert!(seen.signs.is_empty());
    assert!(run(edge(), &[windows.clone(), android.clone()]).has(SignKind::DhcpChanged));
    // What is a phone by the plan says nothing by being one.
    let known = with(edge(), &[(PC, Role::Printer), (PC, Role::Handheld)]);
    assert!(run(known, &[android]).signs.is_empty());
    // A client that no row names is one all the same.
    let unnamed = ask(b"", &[1, 3, 15, 6, 44, 46, 69, 70]);
    assert!(run(edge(), &[unnamed.clone(), windows.clone()]).has(SignKind::DhcpChanged));
    assert!(run(edge(), &[unnamed.clone(), unnamed]).signs.is_empty());
    let inform = dhcp(PC, false, [0; 4], &[(53, &[8]), (60, b"dhcpcd-9"), (55, &[252])]);
    assert!(run(edge(), &[windows.clone(), inform, windows.clone()]).signs.is_empty());
    assert!(run(edge(), &[boot, windows]).signs.is_empty());

    let ack = dhcp(OTHER, true, [10, 1, 1, 5], &[(53, &[5]), (54, &[10, 1, 1, 9])]);
    let ack = std::slice::from_ref(&ack);
    assert_eq!(run(edge(), ack).kinds(), [VerdictKind::RogueDhcp]);
    for known in [OTHER, "10.1.1.9"] {
        for role in [Role::DhcpServer, Role::Router] {
            assert!(run(with(edge(), &[(known, role)]), ack).verdicts.is_empty());
        }
    }
    let seen = run(Knowledge::none(Vantage::Learn), ack);
    assert_eq!((seen.kinds(), seen.notices), (vec![], vec![NoticeKind::UnplannedDhcp]));
}

#[test]
fn a_client_that_is_none_of_those_whose_packets_come_from_it_is_a_sign() {
    let ask = |vendor: &[u8]| dhcp(PC, false, [0; 4], &[(53, &[1]), (60, vendor), (55, &[1, 3])]);
    let speaks = |ttl, times: usize| vec![udp(way(ttl), 5000, 5001, b"x"); times];
    let opens = |ttl, stack| syn(way(ttl), (5000, 80), stack);
    // A router's client and a desktop's stack, whatever the TTL was made to be.
    for (vendor, ttl, expected) in
        [(&b"udhcp 1.25.1"[..], 64, true), (b"udhcp 1.25.1", 127, true), (b"MSFT 5.0", 128, false)]
    {
        let seen = run(edge(), &[ask(vendor), opens(ttl, WINDOWS)]);
        assert_eq!(seen.has(SignKind::ClientMismatch), expected, "{ttl}");
    }
    assert!(!run(edge(), &[ask(b"udhcp 1.25.1"), opens(64, LINUX)]).has(SignKind::ClientMismatch));
    // Windows' client, and never once its TTL; a controller on the same interface speaks beside.
    let poses = |frames: Vec<Frame>| {
        let all = [vec![ask(b"MSFT 5.0")], frames].concat();
        run(edge(), &all).has(SignKind::ClientMismatch)
    };
    assert!(poses(speaks(64, 4)));
    assert!(!poses(speaks(64, 3)));
    assert!(!poses([speaks(128, 1), speaks(64, 9)].concat()));
    assert!(!poses(speaks(63, 9)));
}

#[test]
fn a_tether_that_gives_addresses_is_rogue_without_any_plan() {
    let ack = dhcp(OTHER, true, [192, 168, 43, 7], &[(53, &[2]), (54, &[192, 168, 43, 1])]);
    let seen = run(Knowledge::none(Vantage::Learn), &[ack]);
    assert_eq!(seen.kinds(), [VerdictKind::RogueDhcp]);
    assert!(seen.has(SignKind::TetherGateway));
    // An Android says so, whatever addresses it gives.
    let metered = |said: &[u8]| {
        let options = [(53, &[2][..]), (54, &[192, 168, 117, 1]), (43, said)];
        run(Knowledge::none(Vantage::Learn), &[dhcp(OTHER, true, [192, 168, 117, 7], &options)])
    };
    assert_eq!(metered(b"ANDROID_METERED").kinds(), [VerdictKind::RogueDhcp]);
    assert_eq!(metered(b"ANDROID").notices, [NoticeKind::UnplannedDhcp]);
}

#[test]
fn advertisements_of_routers_nobody_planned_are_alarms() {
    let advertisement = |ttl| {
        let body = [134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];
        ip((OTHER, PC, "fe80::1", "ff02::1", ttl), 58, &body)
    };
    assert_eq!(run(edge(), &[advertisement(255)]).kinds(), [VerdictKind::RogueRa]);
    assert!(run(edge(), &[advertisement(64)]).verdicts.is_empty());
    let planned = with(edge(), &[(OTHER, Role::Router)]);
    assert!(run(planned, &[advertisement(255)]).verdicts.is_empty());
    let reply = udp((OTHER, PC, "fe80::1", "fe80::5", 64), 547, 546, &[7, 1, 2, 3]);
    assert_eq!(run(edge(), &[reply]).kinds(), [VerdictKind::RogueRa]);
}

#[test]
fn control_frames_are_alarms_on_access_ports_once_for_each_port() {
    let snap = |kind: u16| {
        let [high, low] = kind.to_be_bytes();
        llc(PC, &[0xaa, 0xaa, 3, 0, 0, 0x0c, high, low, 0, 0, 0, 0])
    };
    let bpdu = llc(PC, &[0x42, 0x42, 3, 0, 0, 0, 0, 0]);
    let lacp = ethernet(PC, [1, 0x80, 0xc2, 0, 0, 2], 0x8809, &[1, 1, 1, 20]);
    let all = [bpdu, lacp, snap(0x010b), snap(0x0111), snap(0x2004), snap(0x2003), snap(0x0104)];
    for frame in &all {
        let frame = std::slice::from_ref(frame);
        assert_eq!(run(edge(), frame).kinds(), [VerdictKind::BridgeFrame]);
        let mut uplink = edge();
        uplink.port = PortKind::Uplink;
        assert!(run(uplink, frame).verdicts.is_empty());
        assert!(run(Knowledge::none(Vantage::Learn), frame).verdicts.is_empty());
    }
    let mut port = Knowledge::none(Vantage::Learn);
    port.port = PortKind::Access;
    let other = llc(OTHER, &[0x42, 0x42, 3, 0, 0, 0, 0, 0]);
    let both = [all[0].clone(), other.clone(), other];
    assert_eq!(run(port, &both).verdicts.len(), 1);
}

#[test]
fn neighbours_that_switch_or_change_are_signs_and_telephones_are_not() {
    let lldp = |name: u8, does: u8| {
        let tlvs = [2, 3, 7, name, name, 4, 2, 7, 1, 6, 2, 0, 120, 14, 4, 0, does, 0, does, 0, 0];
        ethernet(PC, [1, 0x80, 0xc2, 0, 0, 0x0e], 0x88cc, &tlvs)
    };
    assert!(run(edge(), &[lldp(1, 0x04)]).has(SignKind::NeighbourSwitch));
    let seen = run(edge(), &[lldp(1, 0x24), lldp(1, 0x24)]);
    assert!(seen.signs.is_empty());
    assert!(run(edge(), &[lldp(1, 0x80), lldp(2, 0x80)]).has(SignKind::NeighbourChanged));
}

#[test]
fn addresses_of_tethers_are_signs_wherever_they_show() {
    for (frame, kind) in [
        (arp(PC, "192.168.43.7"), SignKind::TetherAddress),
        (arp(PC, "172.20.10.1"), SignKind::TetherGateway),
        (arp("02:00:00:00:00:09", "192.168.2.1"), SignKind::TetherGateway),
        (udp((PC, OTHER, "192.168.137.1", "10.1.1.1", 128), 1, 2, b""), SignKind::TetherGateway),
    ] {
        assert!(run(edge(), &[frame]).has(kind), "{kind:?}");
    }
    let seen = run(edge(), &[arp(PC, "192.168.2.1"), arp(PC, "10.1.1.5")]);
    assert!(seen.signs.is_empty());
}

#[test]
fn names_agents_and_ports_of_phones_are_signs() {
    let weight = |seen: &Seen| {
        let named = seen.signs.iter().find(|(_, sign)| sign.kind == SignKind::PhoneName);
        named.map(|(_, sign)| sign.weight)
    };
    let seen = run(edge(), &[query(LAN, "connectivitycheck.gstatic.com")]);
    assert_eq!(weight(&seen), Some(6));
    let seen = run(edge(), &[query(LAN, "mtalk.google.com")]);
    assert_eq!(weight(&seen), Some(4));
    assert_eq!(weight(&run(edge(), &[syn(LAN, (1, 5228), LINUX)])), Some(4));
    assert_eq!(weight(&run(edge(), &[query(LAN, "www.msftconnecttest.com")])), None);
    let server = with(edge(), &[("10.1.1.5", Role::Server)]);
    assert_eq!(weight(&run(server, &[query(LAN, "mtalk.google.com")])), None);
    let agent = b"GET /generate_204 HTTP/1.1\r\nUser-Agent: Dalvik/2.1.0 (Linux)\r\n\r\n";
    assert!(run(edge(), &[says(LAN, (1, 80), agent)]).has(SignKind::PhoneAgent));
    let announced = b"\0\0\x84\0\0\0\0\x01\0\0\0\0\x06iphone\x05local\0\0\x01\0\x01\0\0\0\x78\0\x04\x0a\x01\x01\x05";
    let frame = udp((PC, OTHER, "10.1.1.5", "224.0.0.251", 255), 5353, 5353, announced);
    assert!(run(edge(), &[frame]).has(SignKind::PhoneHost));
}

#[test]
fn a_device_that_describes_a_gateway_is_one_and_one_that_looks_for_it_is_not() {
    let to = (PC, OTHER, "10.1.1.5", "239.255.255.250", 4);
    let says =
        b"NOTIFY * HTTP/1.1\r\nNT: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n\r\n";
    let seeks =
        b"M-SEARCH * HTTP/1.1\r\nST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n\r\n";
    assert!(run(edge(), &[udp(to, 1900, 1900, says)]).has(SignKind::GatewayDescription));
    assert!(!run(edge(), &[udp(to, 1900, 1900, seeks)]).has(SignKind::GatewayDescription));
}

#[test]
fn an_agent_that_contradicts_its_stack_is_a_sign() {
    let agent = b"GET / HTTP/1.1\r\nUser-Agent: Mozilla/5.0 (Windows NT 10.0)\r\n\r\n";
    let seen = run(edge(), &[syn(LAN, (1, 80), LINUX), says(LAN, (1, 80), agent)]);
    assert!(seen.has(SignKind::AgentMismatch));
    let seen = run(edge(), &[syn(way(128), (1, 80), WINDOWS), says(way(128), (1, 80), agent)]);
    assert!(!seen.has(SignKind::AgentMismatch));
    // A browser that says to be a phone makes no phone of its PC.
    let agent = b"GET / HTTP/1.1\r\nUser-Agent: Mozilla/5.0 (Linux; Android 14; Pixel 8)\r\n\r\n";
    let seen = run(edge(), &[syn(way(128), (1, 80), WINDOWS), says(way(128), (1, 80), agent)]);
    assert!(seen.has(SignKind::AgentMismatch) && !seen.has(SignKind::PhoneAgent));
    assert_eq!(seen.kinds(), []);
}

#[test]
fn a_far_server_that_answers_at_once_is_a_sign_on_its_client() {
    let there = (PC, GATEWAY, "10.1.1.5", "198.18.0.1", 128);
    let back = (GATEWAY, PC, "198.18.0.1", "10.1.1.5", 60);
    for (seconds, expected) in [(0.000_1, true), (0.01, false), (0.0, false), (-1.0, false)] {
        let asked = syn(there, (1, 80), WINDOWS).at(5.0);
        let seen = run(edge(), &[asked, syn_ack(back, (80, 1)).at(5.0 + seconds)]);
        assert_eq!(seen.has(SignKind::FastAnswer), expected, "{seconds}");
    }
}

#[test]
fn a_client_that_serves_is_an_alarm_and_a_server_that_serves_is_not() {
    let asked = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let answered = b"HTTP/1.1 200 OK\r\nServer: Apache/2.4\r\n\r\n";
    let frames = conversation((OTHER, "10.1.1.7"), (PC, "10.1.1.5"), 8080, (asked, answered));
    let client = with(edge(), &[("10.1.1.5", Role::Client)]);
    let seen = run(client, &frames);
    assert_eq!(seen.kinds(), [VerdictKind::HttpServer]);
    assert_eq!(seen.verdicts[0].about.service, Some(("10.1.1.5".parse().unwrap(), 8080)));
    for role in [Role::Server, Role::Printer, Role::Proxy] {
        assert!(run(with(edge(), &[("10.1.1.5", role)]), &frames).verdicts.is_empty());
    }
    assert!(run(edge(), &frames).verdicts.is_empty());
    let windows = conversation((OTHER, "10.1.1.7"), (PC, "10.1.1.5"), 5357, (asked, answered));
    assert!(run(with(edge(), &[(PC, Role::Client)]), &windows).verdicts.is_empty());
}

#[test]
fn requests_for_a_proxy_nobody_planned_are_found_in_every_form() {
    for (asked, answered) in [
        (&b"CONNECT a.example:443 HTTP/1.1\r\n\r\n"[..], &b"HTTP/1.1 200 OK\r\n\r\n"[..]),
        (b"GET HTTP://a.example/ HTTP/1.1\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\n"),
        (b"POST / HTTP/1.1\r\nProxy-Connection: keep-alive\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"),
        (b"GET http://a.example/ HTTP/1.1\r\n\r\n", b"HTTP/1.1 502 Bad Gateway\r\n\r\n"),
        (b"GET http://a.example/ HTTP/1.1\r\n\r\n", b"HTTP/1.1 404 No\r\nVia: 1.1 x\r\n\r\n"),
        (&[5, 1, 0], &[5, 0]),
        (&[4, 1, 0, 80, 10, 0, 0, 1, 0], &[0, 0x5a, 0, 0, 0, 0, 0, 0]),
        (&[4, 1, 0, 80, 0, 0, 0, 1, 0, b'a', 0], &[0, 0x5a, 0, 0, 0, 0, 0, 0]),
    ] {
        let frames = conversation((OTHER, "10.1.1.7"), (PC, "10.1.1.5"), 1080, (asked, answered));
        let client = with(edge(), &[("10.1.1.5", Role::Client)]);
        let seen = run(client, &frames);
        assert_eq!(seen.kinds(), [VerdictKind::Proxy], "{asked:?}");
        let unknown = run(edge(), &frames);
        assert!(unknown.verdicts.is_empty());
        assert!(unknown.signs.iter().any(|(_, sign)| sign.may_mean(VerdictKind::Proxy)));
        for role in [Role::Server, Role::Proxy] {
            assert!(run(with(edge(), &[("10.1.1.5", role)]), &frames).signs.is_empty());
        }
    }
}

#[test]
fn a_greeting_of_socks_without_its_answer_is_nothing() {
    let frames = conversation((OTHER, "10.1.1.7"), (PC, "10.1.1.5"), 9999, (&[5, 1, 0], b"hello"));
    assert!(run(edge(), &frames).signs.is_empty());
}

#[test]
fn addresses_outside_the_plan_of_their_vlan_are_signs() {
    let mut knowledge = edge();
    knowledge.prefixes.insert(7, vec!["10.1.1.0/24".parse().unwrap()]);
    let foreign = tagged(arp(PC, "10.2.2.2"), 0x8100, 7);
    let own = tagged(arp(PC, "10.1.1.5"), 0x8100, 7);
    let automatic = tagged(arp(PC, "169.254.3.3"), 0x8100, 7);
    assert!(run(knowledge.clone(), &[foreign]).has(SignKind::ForeignAddress));
    assert!(run(knowledge, &[own, automatic]).signs.is_empty());
}

#[test]
fn a_server_that_answers_one_client_unlike_the_others_is_answered_for() {
    let visit_as = |stack, number: u8, options: &[u8]| {
        let mac = format!("00:00:5e:00:54:{number:02x}");
        let client = format!("10.1.1.{number}");
        let there = (mac.as_str(), GATEWAY, client.as_str(), "198.18.0.1", 128);
        let back = (GATEWAY, mac.as_str(), "198.18.0.1", client.as_str(), 50);
        let answer = tcp(back, (80, 1), 7, 0x12, (1, options), &[]);
        [syn(there, (1, 80), stack).at(f64::from(number)), answer.at(f64::from(number) + 0.1)]
    };
    let visit = |number, options: &[u8]| visit_as(WINDOWS, number, options);
    let mut frames: Vec<_> = (1..4).flat_map(|number| visit(number, LINUX.1)).collect();
    // Who offers other options is answered with others.
    let other = [frames.clone(), visit_as(LINUX, 9, WINDOWS.1).to_vec()].concat();
    assert!(!run(edge(), &other).has(SignKind::ServerStack));
    frames.extend(visit(9, WINDOWS.1));
    assert!(run(edge(), &frames).has(SignKind::ServerStack));
    // One that answered differently from the start is several.
    let mut varied = visit(8, WINDOWS.1).to_vec();
    varied.extend(frames);
    assert!(!run(edge(), &varied).has(SignKind::ServerStack));
}

#[test]
fn a_router_makers_block_supports_hops_and_nothing_else() {
    let router = "00:0d:0b:00:00:01";
    let forwarded = udp((router, GATEWAY, "10.1.1.5", "10.1.9.9", 63), 5000, 5001, b"x");
    let seen = run(edge(), &[arp(router, "10.1.1.5")]);
    assert!(seen.has(SignKind::MakerBlock) && seen.sensor.watched().is_empty());
    let seen = run(edge(), &[arp(router, "10.1.1.5"), forwarded]);
    assert_eq!(seen.kinds(), [VerdictKind::Nat]);
}

#[test]
fn a_connection_check_without_a_link_that_came_up_is_a_sign() {
    let at = |seconds, name| query(way(128), name).at(seconds);
    let lives = |from: u32, to: u32| {
        (from..to).map(|it| udp(way(128), 5000, 5001, b"x").at(f64::from(it) * 30.0))
    };
    let burst = |seconds: f64| {
        [at(seconds, "www.msftconnecttest.com"), at(seconds + 1.0, "dns.msftncsi.com")]
    };
    let found = |frames: Vec<Frame>| run(edge(), &frames).has(SignKind::ProbeBurst);
    assert!(found(lives(0, 20).chain(burst(600.0)).collect()));
    assert!(!found(lives(0, 2).chain(burst(60.0)).collect()), "it came up a minute ago");
    assert!(!found(lives(0, 20).chain(burst(900.0)).collect()), "it may have slept");
    let lease = dhcp(PC, false, [0; 4], &[(53, &[3]), (60, b"MSFT 5.0"), (55, &[1])]).at(580.0);
    assert!(!found(lives(0, 20).chain([lease]).chain(burst(600.0)).collect()));
    let [one, _] = burst(600.0);
    assert!(!found(lives(0, 20).chain([one.clone(), one]).collect()), "one name is no burst");
}

#[test]
fn an_offer_of_tls_from_another_stack_than_the_fleets_is_a_sign_until_two_make_it() {
    // Version 3.3, random, no session, one suite, one method, no extensions.
    let mut hello = vec![22, 3, 1, 0, 45, 1, 0, 0, 41, 3, 3];
    hello.extend([0; 32]);
    hello.extend([0, 0, 2, 0x13, 1, 1, 0]);
    let visit = |number: u8, stack: (u16, &[u8]), ttl| {
        let (mac, address) = (format!("00:00:5e:00:55:{number:02x}"), format!("10.1.1.{number}"));
        let there = (mac.as_str(), GATEWAY, address.as_str(), "10.1.9.9", ttl);
        [syn(there, (50_000, 443), stack), says(there, (50_000, 443), &hello)]
    };
    let windows = |count: u8| (1..=count).flat_map(|number| visit(number, WINDOWS, 128));
    let odd = |number| visit(number, LINUX, 64);
    let found = |frames: Vec<Frame>| {
        let seen = run(edge(), &frames);
        let told = seen.signs.iter().filter(|(_, sign)| sign.kind == SignKind::TlsMismatch);
        told.count()
    };
    assert_eq!(found(windows(5).chain(odd(9)).collect()), 1);
    assert_eq!(found(windows(4).chain(odd(9)).collect()), 0);
    assert_eq!(found(odd(9).into_iter().chain(windows(5)).collect()), 0);
    assert_eq!(found(windows(5).chain(odd(9)).chain(odd(10)).chain(odd(11)).collect()), 1);
    assert_eq!(found(windows(9).collect()), 0);
}
