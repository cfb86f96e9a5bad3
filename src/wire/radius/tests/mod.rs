//! The packets of the RFCs, properties over all packets, and a foreign implementation.

mod properties;
mod radius_crate;

use super::*;
use crate::vocabulary::Secret;

fn key(secret: &str) -> Key {
    Key::new(&Secret::new(secret.as_bytes().to_vec()))
}

const AUTHENTICATOR: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|digit| !digit.is_whitespace())
        .map(|digit| u8::try_from(digit.to_digit(16).unwrap()).unwrap())
        .collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// RFC 2865 §7.1: request and reply, byte for byte.
#[test]
fn rfc2865_telnet_example() {
    let request = hex("01000038 0f403f94 73978057 bd83d5cb 98f4227a 0106 6e656d6f
        0212 0dbe708d93d413ce3196e43f782a0aee 0406 c0a80110 0506 00000003");
    let key = key("xyzzy5461");
    let packet = Packet::parse(&request).unwrap();
    assert_eq!(packet.first(attribute::USER_NAME), Some(&b"nemo"[..]));
    assert_eq!(packet.integer(attribute::NAS_PORT), Some(3));
    assert_eq!(&*key.decode_user_password(&packet).unwrap(), b"arctangent");
    assert_eq!(key.check_message_authenticator(&packet), MessageAuthenticator::Absent);

    let mut hidden = Vec::new();
    key.encode_user_password(packet.authenticator(), b"arctangent", &mut hidden).unwrap();
    let mut buffer = Vec::new();
    let mut writer = Writer::request(&mut buffer, Code::AccessRequest, 0, packet.authenticator());
    writer
        .text(attribute::USER_NAME, "nemo")
        .attribute(attribute::USER_PASSWORD, &hidden)
        .attribute(attribute::NAS_IP_ADDRESS, &[192, 168, 1, 16])
        .integer(attribute::NAS_PORT, 3);
    writer.finish_request(&key).unwrap();
    assert_eq!(buffer, request);

    let reply = hex("02000026 86fe220e 7624ba2a 1005f6bf 9b55e0b2 0606 00000001
        0f06 00000000 0e06 c0a80103");
    let mut writer = Writer::reply(&mut buffer, Code::AccessAccept, &packet);
    writer.integer(attribute::SERVICE_TYPE, 1).integer(15, 0).attribute(14, &[192, 168, 1, 3]);
    writer.finish_reply(&key, packet.authenticator()).unwrap();
    assert_eq!(buffer, reply);
    let reply = Packet::parse(&reply).unwrap();
    assert_eq!(key.check_reply(&reply, packet.authenticator(), false), Ok(()));
    assert_eq!(
        key.check_reply(&reply, packet.authenticator(), true),
        Err(ReplyFault::MessageAuthenticatorAbsent)
    );
    assert_eq!(key.check_reply(&packet, [0; 16], false), Err(ReplyFault::NotAReply));
}

/// RFC 2865 §7.2: the challenge is the request authenticator.
#[test]
fn fmt_11_rfc2865_chap_example() {
    let mut request = hex("01010047 2aee86f08d0d55969ca5978e0d3367a2 0108 666c6f707379
        0313 16e97557c316185895f293ff6344077275 0406 c0a80110 0506 00000014
        0606 00000002 0706 00000001");
    let packet = Packet::parse(&request).unwrap();
    assert!(chap_matches(&packet, b"arctangent"));
    assert!(!chap_matches(&packet, b"arctangens"));
    let last = *packet.first(attribute::CHAP_PASSWORD).unwrap().last().unwrap();
    assert_eq!(last, 0x75);

    // A challenge of its own takes the place of the authenticator; two of them match nothing.
    request.extend_from_slice(&[attribute::CHAP_CHALLENGE, 3, 9]);
    request[3] += 3;
    assert!(!chap_matches(&Packet::parse(&request).unwrap(), b"arctangent"));
    let response = chap_response(0x16, b"arctangent", &[9]);
    request[30..47].copy_from_slice(&response);
    assert!(chap_matches(&Packet::parse(&request).unwrap(), b"arctangent"));
    request.extend_from_slice(&[attribute::CHAP_CHALLENGE, 3, 9]);
    request[3] += 3;
    assert!(!chap_matches(&Packet::parse(&request).unwrap(), b"arctangent"));
}

/// Packets computed with another implementation of MD5 and HMAC.
#[test]
fn ma_6_known_answers() {
    let key_ = key("testing123");
    let mut buffer = Vec::new();

    let mut writer = Writer::request(&mut buffer, Code::AccessRequest, 7, AUTHENTICATOR);
    writer.message_authenticator_first().text(attribute::USER_NAME, "001122aabbcc");
    writer.finish_request(&key_).unwrap();
    assert_eq!(
        buffer,
        hex("01070034000102030405060708090a0b0c0d0e0f50127d99ebef133c43596553b7d2a049263c010e
        303031313232616162626363")
    );
    let request = buffer.clone();
    let request = Packet::parse(&request).unwrap();

    let mut writer = Writer::reply(&mut buffer, Code::AccessAccept, &request);
    let recv = std::array::from_fn(|index| index as u8);
    let send = std::array::from_fn(|index| 32 + index as u8);
    writer.message_authenticator_first().vlan(Some(1), "120");
    writer.mppe_keys(&key_, &recv, &send, [[0, 1], [0, 2]]);
    writer.finish_reply(&key_, AUTHENTICATOR).unwrap();
    assert_eq!(
        buffer,
        hex("020700ac2336436cd14be5dd5881ee5330990c305012df638dd0b1fe57985c145dcb5f467fd14006
        0100000d4106010000065106013132301a3a000001371134800112a4054f091e203ec82fb961b9b6
        18fd8f15c5905da6d786c76711ebfbf9b14b8303667ce1e1c225c3924927cd3f0bce1a3a00000137
        10348002376b1f1ccf3fb99415c8da91dbdf1f2ac02b3461f521235cb7ca907f17107960c81f4cd9
        71bccba508012bf3a2a2ef59")
    );

    let mut writer = Writer::request(&mut buffer, Code::CoaRequest, 9, AUTHENTICATOR);
    writer.message_authenticator_first().text(attribute::CALLING_STATION_ID, "00-11-22-AA-BB-CC");
    writer.finish_request(&key_).unwrap();
    assert_eq!(
        buffer,
        hex("2b09003930081010fa810d72b8c5694a1b08fc5250127f895d47c4ddc90f296c69ff7c8fc1a51f13
        30302d31312d32322d41412d42422d4343")
    );
    let request = buffer.clone();
    let request = Packet::parse(&request).unwrap();

    let mut writer = Writer::reply(&mut buffer, Code::CoaAck, &request);
    writer.message_authenticator_first();
    writer.finish_reply(&key_, request.authenticator()).unwrap();
    assert_eq!(
        buffer,
        hex("2c090026abf510b0345b54866a2e454fa70cde5250127e630b54839e0d122814f6731f282414")
    );

    let mut writer = Writer::request(&mut buffer, Code::StatusServer, 1, AUTHENTICATOR);
    writer.message_authenticator_first();
    writer.finish_request(&key(&"x".repeat(80))).unwrap();
    assert_eq!(
        buffer,
        hex("0c010026000102030405060708090a0b0c0d0e0f5012fbd6571dd06cd74ae6461009b90ff3d0")
    );
}

#[test]
fn vlan_1_bytes_and_other_tags() {
    let attributes = |tag, text: &str| {
        let mut buffer = Vec::new();
        let mut writer = Writer::request(&mut buffer, Code::AccessAccept, 0, AUTHENTICATOR);
        writer.vlan(tag, text);
        writer.finish_reply(&key("s"), AUTHENTICATOR).map(|()| buffer[HEADER_OCTETS..].to_vec())
    };
    assert_eq!(attributes(Some(1), "120"), Ok(hex("40060100000d 410601000006 510601313230")));
    assert_eq!(attributes(Some(0), "120"), Ok(hex("40060000000d 410600000006 510600313230")));
    assert_eq!(attributes(None, "120"), Ok(hex("40060000000d 410600000006 5105313230")));
    assert_eq!(attributes(Some(0x20), "120"), Err(Unwritable::Tag));
    assert_eq!(attributes(None, "\u{1f}"), Err(Unwritable::Tag));
    assert_eq!(attributes(Some(1), ""), Err(Unwritable::Empty));
}

#[test]
fn vlan_2_reading_tags() {
    assert_eq!(view::tagged_text(b"\x01120"), (Some(1), &b"120"[..]));
    assert_eq!(view::tagged_text(b"\x1f120"), (Some(0x1f), &b"120"[..]));
    assert_eq!(view::tagged_text(b"\x00120"), (None, &b"120"[..]));
    assert_eq!(view::tagged_text(b" 120"), (None, &b" 120"[..]));
    assert_eq!(view::tagged_text(b""), (None, &b""[..]));
    assert_eq!(view::tagged_integer(&[1, 0, 0, 13]), Some((Some(1), 13)));
    assert_eq!(view::tagged_integer(&[0, 0, 1, 0]), Some((None, 256)));
    assert_eq!(view::tagged_integer(&[0x20, 0, 0, 13]), None);
    assert_eq!(view::tagged_integer(&[1, 0, 0, 0, 13]), None);
}

#[test]
fn vlan_5_egress_both_ways() {
    let vlan = |id| crate::vocabulary::VlanId::new(id).unwrap();
    let mut buffer = Vec::new();
    let mut writer = Writer::request(&mut buffer, Code::AccessAccept, 0, AUTHENTICATOR);
    writer.egress_vlanid(true, vlan(17)).egress_vlanid(false, vlan(4094));
    writer.finish_reply(&key("s"), AUTHENTICATOR).unwrap();
    assert_eq!(buffer[HEADER_OCTETS..], hex("3806 31000011 3806 32000ffe"));
    assert_eq!(view::egress_vlanid(0x3100_0011), Some((true, vlan(17))));
    assert_eq!(view::egress_vlanid(0x3200_0ffe), Some((false, vlan(4094))));
    for refused in [0x3100_0000, 0x3100_0fff, 0x3300_0011, 0x3101_0011] {
        assert_eq!(view::egress_vlanid(refused), None);
    }
}

#[test]
fn vlan_6_a_rule_may_straddle_two_attributes() {
    let long = "permit in ip from any to any ".repeat(9);
    let mut buffer = Vec::new();
    let mut writer = Writer::request(&mut buffer, Code::AccessAccept, 0, AUTHENTICATOR);
    writer.filter_rules(&[&long, "deny in ip from any to any"]);
    writer.finish_reply(&key("s"), AUTHENTICATOR).unwrap();
    let packet = Packet::parse(&buffer).unwrap();
    let mut joined = b"stale".to_vec();
    assert_eq!(packet.joined(attribute::NAS_FILTER_RULE, &mut joined), 2);
    let rules: Vec<_> = view::filter_rules(&joined).collect();
    assert_eq!(rules, [long.as_bytes(), b"deny in ip from any to any"]);
}

#[test]
fn mppe_1_keys_come_back() {
    let key = key("testing123");
    let mut buffer = Vec::new();
    let mut writer = Writer::request(&mut buffer, Code::AccessAccept, 0, AUTHENTICATOR);
    writer.mppe_keys(&key, &[5; 32], &[5; 32], [[1, 2], [0x81, 2]]);
    writer.finish_reply(&key, AUTHENTICATOR).unwrap();
    let packet = Packet::parse(&buffer).unwrap();
    let vendor: Vec<_> = packet.vendor_specific().collect();
    assert_eq!(
        vendor.iter().map(|one| (one.0, one.1, one.2.len())).collect::<Vec<_>>(),
        [(VENDOR_MICROSOFT, MS_MPPE_RECV_KEY, 50), (VENDOR_MICROSOFT, MS_MPPE_SEND_KEY, 50)]
    );
    assert_ne!(vendor[0].2[..2], vendor[1].2[..2]);
    for (_, _, value) in vendor {
        assert_eq!(value[0] & 0x80, 0x80);
        assert_eq!(key.unsalted(AUTHENTICATOR, value).unwrap().as_slice(), [5; 32]);
        assert_ne!(key.unsalted([0; 16], value).as_deref().map(Vec::as_slice), Some(&[5; 32][..]));
        assert_eq!(key.unsalted(AUTHENTICATOR, &value[..49]), None);
    }
}

#[test]
fn fmt_1_and_fmt_3_lengths() {
    let packet = |length: u16, attributes: &str| {
        let mut octets = vec![1, 0];
        octets.extend_from_slice(&length.to_be_bytes());
        octets.extend_from_slice(&AUTHENTICATOR);
        octets.extend(hex(attributes));
        Packet::parse(&octets).map(|packet| packet.octets().len())
    };
    assert_eq!(Packet::parse(&[1; 19]), Err(Malformed::Short));
    assert_eq!(packet(19, ""), Err(Malformed::Short));
    assert_eq!(packet(4097, &"00".repeat(4077)), Err(Malformed::Long));
    assert_eq!(packet(21, ""), Err(Malformed::Truncated));
    assert_eq!(packet(20, ""), Ok(20));
    assert_eq!(packet(20, "0100"), Ok(20));
    assert_eq!(packet(22, "0100"), Err(Malformed::AttributeShort));
    assert_eq!(packet(22, "0101"), Err(Malformed::AttributeShort));
    assert_eq!(packet(22, "4f02"), Ok(22));
    assert_eq!(packet(21, "4f02"), Err(Malformed::AttributeOverrun));
    assert_eq!(packet(22, "4f03ff"), Err(Malformed::AttributeOverrun));
    assert_eq!(packet(420, &"2103".repeat(100)), Err(Malformed::Truncated));
    assert_eq!(packet(420, &"2102".repeat(200)), Ok(420));
    assert_eq!(packet(422, &"2102".repeat(201)), Err(Malformed::TooManyAttributes));
}

#[test]
fn fmt_8_proxy_states_return_unchanged_within_bounds() {
    let request = |states: &[Vec<u8>]| {
        let mut buffer = Vec::new();
        let mut writer = Writer::request(&mut buffer, Code::AccountingRequest, 3, AUTHENTICATOR);
        writer.integer(attribute::ACCT_STATUS_TYPE, 1);
        for state in states {
            writer.put_for_test(attribute::PROXY_STATE, state);
        }
        writer.finish_request(&key("s")).map(|()| buffer)
    };
    let copied = |states: &[Vec<u8>]| {
        let request = request(states).unwrap();
        let request = Packet::parse(&request).unwrap();
        let mut buffer = Vec::new();
        let mut writer = Writer::reply(&mut buffer, Code::AccountingResponse, &request);
        writer.copy_proxy_states(&request);
        writer.finish_reply(&key("s"), request.authenticator())?;
        let reply = Packet::parse(&buffer).unwrap();
        assert!(reply.attributes().all(|one| one.kind == attribute::PROXY_STATE));
        Ok(reply.all(attribute::PROXY_STATE).map(<[u8]>::to_vec).collect::<Vec<_>>())
    };
    let states = [b"b".to_vec(), vec![], b"a".to_vec(), b"b".to_vec()];
    assert_eq!(copied(&states), Ok(states.to_vec()));
    assert_eq!(copied(&vec![vec![7]; PROXY_STATES_MAX + 1]), Err(Unwritable::ProxyStates));
    assert_eq!(copied(&vec![vec![7; 253]; 9]), Err(Unwritable::ProxyStates));
}

#[test]
fn fmt_11_password_faults() {
    let key = key("testing123");
    let decode = |values: &[&[u8]]| {
        let mut buffer = Vec::new();
        let mut writer = Writer::request(&mut buffer, Code::AccessRequest, 3, AUTHENTICATOR);
        for value in values {
            writer.put_for_test(attribute::USER_PASSWORD, value);
        }
        writer.finish_request(&key).unwrap();
        key.decode_user_password(&Packet::parse(&buffer).unwrap()).map(|text| text.to_vec())
    };
    let mut hidden = Vec::new();
    key.encode_user_password(AUTHENTICATOR, b"geheim", &mut hidden).unwrap();
    assert_eq!(decode(&[&hidden]), Ok(b"geheim".to_vec()));
    assert_eq!(decode(&[]), Err(PasswordFault::Absent));
    assert_eq!(decode(&[&hidden, &hidden]), Err(PasswordFault::Repeated));
    assert_eq!(decode(&[&[]]), Err(PasswordFault::Length));
    assert_eq!(decode(&[&hidden[..15]]), Err(PasswordFault::Length));
    assert_eq!(decode(&[&[0; 144]]), Err(PasswordFault::Length));
    hidden[2] ^= b'h'; // the third letter becomes NUL
    assert_eq!(decode(&[&hidden]), Err(PasswordFault::EmbeddedNul));
    let mut out = Vec::new();
    let mut encode = |text: &[u8]| key.encode_user_password(AUTHENTICATOR, text, &mut out);
    assert_eq!(encode(&[b'x'; 129]), Err(PasswordFault::Length));
    assert_eq!(encode(b"a\0b"), Err(PasswordFault::EmbeddedNul));
    assert_eq!(encode(&[b'x'; 128]), Ok(()));
}

#[test]
fn fmt_13_a_strange_vendor_attribute_is_opaque() {
    let mut buffer = Vec::new();
    let mut writer = Writer::request(&mut buffer, Code::AccessRequest, 3, AUTHENTICATOR);
    for value in ["000009", "00000009", "00000009 01", "00000009 0103ff 0201", "00000009 0104ff"] {
        writer.attribute(attribute::VENDOR_SPECIFIC, &hex(value));
    }
    writer.attribute(attribute::VENDOR_SPECIFIC, &hex("00000009 0103aa 0202 0104bbcc"));
    writer.vendor(11, 5, b"x");
    writer.finish_request(&key("s")).unwrap();
    let packet = Packet::parse(&buffer).unwrap();
    assert_eq!(packet.count(attribute::VENDOR_SPECIFIC), 7);
    let found: Vec<_> = packet.vendor_specific().collect();
    let expected: [(u32, u8, &[u8]); 4] =
        [(9, 1, b"\xaa"), (9, 2, b""), (9, 1, b"\xbb\xcc"), (11, 5, b"x")];
    assert_eq!(found, expected);
}

#[test]
fn ma_2_wrong_size_or_twice_is_invalid() {
    let key = key("testing123");
    let mut buffer = Vec::new();
    let mut writer = Writer::request(&mut buffer, Code::AccessRequest, 3, AUTHENTICATOR);
    writer.message_authenticator_first().message_authenticator();
    assert_eq!(writer.finish_request(&key), Err(Unwritable::Order));
    assert!(buffer.is_empty());
    for sizes in [&[15][..], &[17], &[1], &[0], &[16, 16], &[16, 0]] {
        let mut writer = Writer::request(&mut buffer, Code::AccessRequest, 3, AUTHENTICATOR);
        for size in sizes {
            writer.put_for_test(attribute::MESSAGE_AUTHENTICATOR, &vec![0; *size]);
        }
        writer.finish_request(&key).unwrap();
        // Make the first of two right, so that only the second one's presence refuses.
        let value = key.message_authenticator(&buffer, AUTHENTICATOR, 22);
        if sizes[0] == 16 {
            buffer[22..38].copy_from_slice(&value);
        }
        let packet = Packet::parse(&buffer).unwrap();
        assert_eq!(
            key.check_message_authenticator(&packet),
            MessageAuthenticator::Invalid,
            "{sizes:?}"
        );
    }
}

#[test]
fn ma_3_an_eap_reply_without_message_authenticator_is_refused() {
    let key = key("testing123");
    let mut buffer = Vec::new();
    let mut writer = Writer::request(&mut buffer, Code::AccessReject, 3, AUTHENTICATOR);
    writer.eap_message(&[4, 1, 0, 4]);
    writer.finish_reply(&key, AUTHENTICATOR).unwrap();
    assert_eq!(
        key.check_reply(&Packet::parse(&buffer).unwrap(), AUTHENTICATOR, false),
        Err(ReplyFault::MessageAuthenticatorAbsent)
    );
}

#[test]
fn ma_5_first_means_first() {
    let mut buffer = Vec::new();
    let mut writer = Writer::request(&mut buffer, Code::AccessAccept, 3, AUTHENTICATOR);
    writer.text(attribute::REPLY_MESSAGE, "no").message_authenticator_first();
    assert_eq!(writer.finish_reply(&key("s"), AUTHENTICATOR), Err(Unwritable::Order));
}

#[test]
fn acct_1_only_keyed_requests_are_keyed() {
    let key = key("testing123");
    for code in (0..=255).map(Code::from) {
        let mut buffer = Vec::new();
        let writer = Writer::request(&mut buffer, code, 3, AUTHENTICATOR);
        writer.finish_request(&key).unwrap();
        let keyed =
            matches!(code, Code::AccountingRequest | Code::DisconnectRequest | Code::CoaRequest);
        assert_eq!(key.check_keyed_request(&Packet::parse(&buffer).unwrap()), keyed, "{code}");
        assert_eq!(Code::from(code.get()), code);
    }
}

#[test]
fn writing_stops_at_its_bounds() {
    let write = |octets: usize, times: usize| {
        let mut buffer = Vec::new();
        let mut writer = Writer::request(&mut buffer, Code::AccessAccept, 3, AUTHENTICATOR);
        for _ in 0..times {
            writer.attribute(attribute::CLASS, &vec![1; octets]);
        }
        writer.finish_reply(&key("s"), AUTHENTICATOR).map(|()| buffer.len())
    };
    assert_eq!(write(253, 1), Ok(275));
    assert_eq!(write(254, 1), Err(Unwritable::TooLong));
    assert_eq!(write(0, 1), Err(Unwritable::Empty));
    assert_eq!(write(253, 15), Ok(3845));
    assert_eq!(write(253, 16), Err(Unwritable::TooLong));
    assert_eq!(write(1, ATTRIBUTES_MAX), Ok(620));
    assert_eq!(write(1, ATTRIBUTES_MAX + 1), Err(Unwritable::TooLong));

    let mut buffer = Vec::new();
    let mut writer = Writer::request(&mut buffer, Code::AccessAccept, 3, AUTHENTICATOR);
    writer.vendor(9, 1, &[0; 248]);
    assert_eq!(writer.finish_reply(&key("s"), AUTHENTICATOR), Err(Unwritable::TooLong));
    let mut out = Vec::new();
    let key = key("s");
    assert_eq!(key.salted([0; 2], AUTHENTICATOR, &[1; 239], &mut out), Ok(()));
    assert_eq!(out.len(), 242);
    assert_eq!(key.unsalted(AUTHENTICATOR, &out).unwrap().as_slice(), [1; 239]);
    assert_eq!(key.salted([0; 2], AUTHENTICATOR, &[1; 240], &mut out), Err(Unwritable::TooLong));
}

#[test]
fn summary_and_debug_show_no_secret() {
    let key = key("testing123");
    let mut buffer = Vec::new();
    let mut writer = Writer::request(&mut buffer, Code::AccessRequest, 7, AUTHENTICATOR);
    writer
        .text(attribute::USER_NAME, "佐\"\n")
        .attribute(attribute::USER_PASSWORD, b"0123456789abcdef")
        .attribute(attribute::NAS_IP_ADDRESS, &[10, 1, 2, 3])
        .attribute(attribute::NAS_PORT, b"short")
        .vendor(311, 17, b"sesame")
        .attribute(attribute::TUNNEL_PASSWORD, b"sesame")
        .vlan(Some(2), "sales")
        .attribute(250, b"sesame");
    writer.finish_request(&key).unwrap();
    assert_eq!(
        Packet::parse(&buffer).unwrap().summary(),
        "Access-Request 7 User-Name=\"佐\\x22\\x0a\" User-Password=… NAS-IP-Address=10.1.2.3 \
         NAS-Port=(5 octets) Vendor-Specific=311:… Tunnel-Password=… Tunnel-Type=2:13 \
         Tunnel-Medium-Type=2:6 Tunnel-Private-Group-ID=2:\"sales\" Attribute-250=(6 octets)"
    );
    assert_eq!(format!("{key:?}"), "Key(…)");
}
