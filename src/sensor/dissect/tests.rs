//! Each parser on octets written by hand.

use super::*;
use crate::sensor::capture::LinkType;

#[test]
fn tags_are_read_and_the_outer_one_is_the_place() {
    let frame = |tags: &[u8]| {
        let mut octets = vec![0xff; 6];
        octets.extend_from_slice(&[2, 0, 0, 0, 0, 1]);
        octets.extend_from_slice(tags);
        octets.extend_from_slice(&[0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1]);
        octets.extend_from_slice(&[2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2]);
        octets
    };
    for (tags, vlan) in [
        (&[][..], None),
        (&[0x81, 0, 0x20, 7], Some(7)),
        (&[0x81, 0, 0x20, 0], None),
        (&[0x88, 0xa8, 0, 9, 0x81, 0, 0, 7], Some(9)),
        (&[0x91, 0, 0, 9, 0x81, 0, 0, 7], Some(9)),
    ] {
        let octets = frame(tags);
        let read = dissect(LinkType::Ethernet, &octets);
        assert_eq!(read.vlan, vlan);
        assert_eq!(read.content, Content::Arp { sender: IpAddr::from([10, 0, 0, 1]) });
        assert_eq!(read.protocol, Some(Protocol::Arp));
        assert!(!read.is_unicast());
    }
    let many = frame(&[0x81, 0, 0, 1].repeat(5));
    let read = dissect(LinkType::Ethernet, &many);
    assert_eq!(read.content, Content::Flawed(Flaw::Tags));
}

#[test]
fn what_cannot_be_read_says_at_which_layer() {
    let frame = |kind: [u8; 2], rest: &[u8]| {
        let mut octets = vec![0; 6];
        octets.extend_from_slice(&[2, 0, 0, 0, 0, 1]);
        octets.extend_from_slice(&kind);
        octets.extend_from_slice(rest);
        octets
    };
    for (octets, flaw) in [
        (vec![0; 13], Flaw::Link),
        (frame([0x81, 0], &[0]), Flaw::Link),
        (frame([8, 6], &[0, 1, 8, 0, 255, 4]), Flaw::Arp),
        (frame([8, 0], &[0x45, 0]), Flaw::Ip),
        (frame([8, 0], &[0x15; 20]), Flaw::Ip),
        (frame([0x86, 0xdd], &[0x60; 39]), Flaw::Ip),
        (frame([0x88, 0x8e], &[0]), Flaw::Eapol),
        (frame([0x88, 0xcc], &[2, 1]), Flaw::Control),
        (frame([0, 8], &[0x42, 0x42, 3, 9, 9]), Flaw::Control),
    ] {
        let read = dissect(LinkType::Ethernet, &octets);
        assert_eq!(read.content, Content::Flawed(flaw), "{octets:?}");
    }
}

#[test]
fn the_shape_of_a_syn_is_its_window_scale_and_options() {
    let octets = [
        0, 1, 0, 80, 0, 0, 0, 9, 0, 0, 0, 0, 0xa0, 0x02, 0xff, 0xff, 0, 0, 0, 0, 2, 4, 5, 0xb4, 4,
        2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 8,
    ];
    let read = tcp::read(&octets).unwrap();
    let layout = Layout::of(&[Layout::MSS, Layout::SOK, Layout::TS, Layout::NOP, Layout::WS]);
    assert_eq!(read.syn, Some(Syn { window: 65_535, scale: Some(8), layout }));
    assert_eq!((read.source, read.destination, read.sequence, read.ack), (1, 80, 9, false));
    // An option without its length, and SYN together with FIN.
    let mut flawed = octets;
    flawed[39] = 8;
    flawed[37] = 2;
    flawed[38] = 99;
    let layout = tcp::read(&flawed).unwrap().syn.unwrap().layout;
    assert_eq!(layout.0 >> 16 & 0xf, u64::from(Layout::FLAWED));
    flawed[13] = 3;
    assert_eq!(tcp::read(&flawed).unwrap().syn, None);
    assert_eq!(tcp::read(&octets[..39]), None);
}

#[test]
fn ip_lengths_are_believed_as_far_as_octets_go() {
    let mut packet = vec![0x45, 0, 0, 29, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    packet.extend_from_slice(&[0, 53, 0, 54, 0, 9, 0, 0, b'x', 0, 0, 0]);
    let udp = |packet: &[u8]| match ip::read(packet).unwrap().transport {
        Transport::Udp { source, destination, payload } => (source, destination, payload.to_vec()),
        other => panic!("{other:?}"),
    };
    assert_eq!(udp(&packet), (53, 54, b"x".to_vec()));
    assert_eq!(udp(&packet[..28]), (53, 54, vec![]));
    packet[3] = 0;
    assert_eq!(udp(&packet).2, b"x");
    packet[7] = 1;
    assert_eq!(ip::read(&packet).unwrap().transport, Transport::Fragment);
}

#[test]
fn extension_headers_of_ipv6_are_walked() {
    let packet = |next: u8, rest: &[u8]| {
        let mut packet = vec![0x60, 0, 0, 0, 0, 0, next, 64];
        packet.extend_from_slice(&[0; 32]);
        packet.extend_from_slice(rest);
        packet
    };
    let udp = [0, 1, 0, 2, 0, 8, 0, 0];
    let hops = [&[17, 0, 0, 0, 0, 0, 0, 0][..], &udp].concat();
    let read = packet(0, &hops);
    assert!(matches!(ip::read(&read).unwrap().transport, Transport::Udp { source: 1, .. }));
    let first = packet(44, &[&[17, 0, 0, 1, 0, 0, 0, 0][..], &udp].concat());
    assert!(matches!(ip::read(&first).unwrap().transport, Transport::Udp { .. }));
    let later = packet(44, &[&[17, 0, 0, 8, 0, 0, 0, 0][..], &udp].concat());
    assert_eq!(ip::read(&later).unwrap().transport, Transport::Fragment);
    let endless = packet(60, &[60, 0, 0, 0, 0, 0, 0, 0].repeat(20));
    assert_eq!(ip::read(&endless).unwrap().transport, Transport::Other(60));
}

#[test]
fn overloaded_dhcp_hides_nothing() {
    let mut payload = vec![0; 240];
    payload[0] = 1;
    payload[2] = 6;
    payload[28..34].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
    payload[236..240].copy_from_slice(&[0x63, 0x82, 0x53, 0x63]);
    payload[108..116].copy_from_slice(&[60, 5, b'h', b'i', b'd', b'e', b'n', 255]);
    payload[44..48].copy_from_slice(&[55, 1, 6, 255]);
    payload.extend_from_slice(&[53, 1, 1, 0, 0, 52, 1, 3, 255]);
    let read = Dhcp::parse(&payload).unwrap();
    assert_eq!((read.kind, read.reply), (DhcpKind::Discover, false));
    assert_eq!((read.vendor.as_str(), read.parameters.as_slice()), ("hiden", &[6][..]));
    payload[236] = 0;
    assert_eq!(Dhcp::parse(&payload), None);
}

#[test]
fn dns_names_end_at_loops_and_lengths() {
    let query = b"\0\x01\x01\0\0\x01\0\0\0\0\0\0\x01A\x02eX\0\0\x01\0\x01";
    let questions = |octets: &[u8]| Dns::parse(octets).unwrap().questions().collect::<Vec<_>>();
    assert_eq!(questions(query), ["a.ex"]);
    let pointer = b"\0\x01\x01\0\0\x01\0\0\0\0\0\0\xc0\x0c\0\x01\0\x01";
    assert_eq!(questions(pointer), Vec::<String>::new());
    let response =
        b"\0\0\x84\0\0\0\0\x01\0\0\0\0\x01a\x05local\0\0\x01\0\x01\0\0\0\x78\0\x04\x0a\0\0\x01";
    let read = Dns::parse(response).unwrap();
    assert!(read.response);
    assert_eq!(read.answers().collect::<Vec<_>>(), ["a.local"]);
    assert!(Dns::parse(&[0; 12]).is_none());
}

#[test]
fn http_heads_are_requests_responses_or_nothing() {
    let for_proxy = |text: &str| Http::parse(text.as_bytes()).map(|http| http.is_for_proxy());
    assert_eq!(for_proxy("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), Some(false));
    assert_eq!(for_proxy("GET hTTp://a/ HTTP/1.0\r\n\r\n"), Some(true));
    assert_eq!(for_proxy("CONNECT a:443 HTTP/1.1\r\n\r\n"), Some(true));
    assert_eq!(for_proxy("BREW / HTTP/1.1\nproxy-authorization: x\n\n"), Some(true));
    assert_eq!(for_proxy("GET /?u=http://a/ HTTP/1.1\r\n\r\n"), Some(false));
    assert_eq!(for_proxy("HELO mail.example\r\n"), None);
    assert_eq!(for_proxy("GET\r\n"), None);
    assert_eq!(for_proxy("HTTP/1.1 99 low\r\n"), None);
    assert_eq!(for_proxy("HTTP/2 200\r\n"), None);
    let long = format!("GET http://a/{} HTTP/1.1\r\n", "x".repeat(HEAD_OCTETS_MAX));
    assert_eq!(for_proxy(&long), Some(true));
    let Some(Http::Response { status: 404, head }) = Http::parse(
        b"HTTP/1.1 404 no\r\nServer: Apache/2.4\r\nVIA: 1.1 p\r\n\r\nUser-Agent: body\r\n",
    ) else {
        panic!("a response");
    };
    assert_eq!((head.server, head.via, head.agent), ("Apache/2.4", true, ""));
}

#[test]
fn a_client_hello_gives_name_and_shape_without_grease() {
    let extensions: &[&[u8]] = &[
        &[0x0a, 0x0a, 0, 0],
        &[0, 0, 0, 11, 0, 9, 0, 0, 6, b'A', b'.', b'c', b'o', b'm', b'm'],
        &[0, 16, 0, 5, 0, 3, 2, b'h', b'2'],
        &[0, 43, 0, 7, 6, 0x1a, 0x1a, 3, 4, 3, 3],
    ];
    let extensions = extensions.concat();
    let mut body = vec![3, 3];
    body.extend_from_slice(&[0; 32]);
    body.push(0);
    body.extend_from_slice(&[0, 6, 0x2a, 0x2a, 0x13, 1, 0x13, 2, 1, 0]);
    body.extend_from_slice(&(extensions.len() as u16).to_be_bytes());
    body.extend_from_slice(&extensions);
    let mut payload = vec![22, 3, 1, 0, 0, 1, 0, 0, 0];
    payload.extend_from_slice(&body);
    let hello = ClientHello::parse(&payload).unwrap();
    assert_eq!((hello.name.as_str(), hello.to_string().as_str()), ("a.comm", "0304/2/3/h2"));
    // Cut in the middle of the extensions, what was read stays.
    let cut = ClientHello::parse(&payload[..payload.len() - 20]).unwrap();
    assert_eq!(cut.suites, 2);
    assert_eq!(ClientHello::parse(&payload[..40]), None);
}

#[test]
fn socks_and_quic_are_told_from_their_likes() {
    assert_eq!(greeting(&[5, 2, 0, 2]), Some(Greeting::Version5));
    assert_eq!(greeting(&[5, 2, 0]), None);
    assert_eq!(greeting(&[4, 1, 0, 80, 1, 2, 3, 4, b'u', 0]), Some(Greeting::Version4));
    assert_eq!(greeting(&[4, 3, 0, 80, 1, 2, 3, 4, 0]), None);
    assert!(is_answer(Greeting::Version5, &[5, 0xff]));
    assert!(!is_answer(Greeting::Version5, &[5, 0, 0]));
    assert!(is_answer(Greeting::Version4, &[0, 0x5b, 0, 0, 0, 0, 0, 0]));
    assert!(is_quic_initial(&[0xc0, 0, 0, 0, 1, 8]));
    assert!(is_quic_initial(&[0xd0, 0x6b, 0x33, 0x43, 0xcf, 8]));
    assert!(!is_quic_initial(&[0xe0, 0, 0, 0, 1, 8]));
    assert!(!is_quic_initial(&[0x40, 0, 0, 0, 1, 8]));
    assert!(!is_quic_initial(&[0xc0, 0, 0, 0, 1, 21]));
}

#[test]
fn links_without_addresses_carry_ip() {
    let packet = [0x45, 0, 0, 20, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    for (link, head) in [
        (LinkType::Raw, vec![]),
        (LinkType::Null, vec![2, 0, 0, 0]),
        (LinkType::Loop, vec![0, 0, 0, 2]),
        (LinkType::Cooked, vec![0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0]),
        (LinkType::Cooked2, vec![8, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0]),
    ] {
        let octets = [head, packet.to_vec()].concat();
        let read = dissect(link, &octets);
        assert!(matches!(read.content, Content::Ip(_)), "{link:?} {read:?}");
        assert_eq!(read.source.is_some(), matches!(link, LinkType::Cooked | LinkType::Cooked2));
    }
}
