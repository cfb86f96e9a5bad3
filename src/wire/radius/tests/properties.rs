//! What holds for every packet.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn attributes() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let kind = any::<u8>().prop_filter("reserved apart", |kind| {
        *kind != attribute::MESSAGE_AUTHENTICATOR && *kind != attribute::EAP_MESSAGE
    });
    vec((kind, vec(any::<u8>(), 1..=60)), 0..12)
}

fn codes() -> impl Strategy<Value = Code> {
    prop::sample::select(vec![1, 2, 3, 4, 5, 11, 12, 40, 41, 42, 43, 44, 45, 52])
        .prop_map(Code::from)
}

fn is_request(code: Code) -> bool {
    matches!(code.get(), 1 | 4 | 12 | 40 | 43)
}

fn written(code: Code, attributes: &[(u8, Vec<u8>)], eap: &[u8], key: &Key) -> Vec<u8> {
    let mut buffer = b"stale octets of an earlier packet".to_vec();
    let mut writer = Writer::request(&mut buffer, code, 5, AUTHENTICATOR);
    writer.message_authenticator_first();
    for (kind, value) in attributes {
        writer.attribute(*kind, value);
    }
    if !eap.is_empty() {
        writer.eap_message(eap);
    }
    if is_request(code) {
        writer.finish_request(key).unwrap();
    } else {
        writer.finish_reply(key, AUTHENTICATOR).unwrap();
    }
    buffer
}

/// Everything that a receiver of this code checks.
fn authentic(packet: &Packet<'_>, key: &Key) -> bool {
    if is_request(packet.code()) {
        let keyed = !matches!(packet.code(), Code::AccessRequest | Code::StatusServer);
        key.check_message_authenticator(packet) == MessageAuthenticator::Valid
            && (!keyed || key.check_keyed_request(packet))
    } else {
        key.check_reply(packet, AUTHENTICATOR, true).is_ok()
    }
}

proptest! {
    #[test]
    fn what_is_asked_for_by_kind_is_what_a_walk_finds(
        kinds in vec(250_u8..=255, 0..12), asked in 248_u8..=255,
    ) {
        let mut octets = vec![0];
        let mut writer = Writer::request(&mut octets, Code::AccessRequest, 1, [0; 16]);
        for (number, kind) in (1_u8..).zip(kinds) {
            writer.attribute(kind, &[number]);
        }
        writer.finish_request(&key("testing123")).unwrap();
        let packet = Packet::parse(&octets).unwrap();
        let walked = packet.attributes().filter(|one| one.kind == asked).map(|one| one.value);
        let walked: Vec<_> = walked.collect();
        prop_assert_eq!(packet.all(asked).collect::<Vec<_>>(), walked.clone());
        prop_assert_eq!(packet.first(asked), walked.first().copied());
        prop_assert_eq!((packet.has(asked), packet.count(asked)), (!walked.is_empty(), walked.len()));
    }

    #[test]
    fn what_is_written_is_read(
        code in codes(), attributes in attributes(), eap in vec(any::<u8>(), 0..1200),
    ) {
        let key = key("testing123");
        let octets = written(code, &attributes, &eap, &key);
        let packet = Packet::parse(&octets).unwrap();
        prop_assert_eq!(packet.code(), code);
        prop_assert!(authentic(&packet, &key));
        prop_assert!(!authentic(&packet, &super::key("testing124")));
        let read: Vec<_> = packet
            .attributes()
            .filter(|one| !matches!(one.kind, 79 | 80))
            .map(|one| (one.kind, one.value.to_vec()))
            .collect();
        prop_assert_eq!(read, attributes);
        let mut joined = Vec::new();
        prop_assert_eq!(
            packet.joined(attribute::EAP_MESSAGE, &mut joined), eap.len().div_ceil(253)
        );
        prop_assert_eq!(joined, eap);
    }

    /// FMT-2: octets after Length change no answer.
    #[test]
    fn fmt_2_padding_is_ignored(
        code in codes(), attributes in attributes(), padding in vec(any::<u8>(), 1..40),
    ) {
        let key = key("testing123");
        let octets = written(code, &attributes, &[], &key);
        let mut padded = octets.clone();
        padded.extend(padding);
        let packet = Packet::parse(&padded).unwrap();
        prop_assert!(authentic(&packet, &key));
        prop_assert_eq!(packet, Packet::parse(&octets).unwrap());
    }

    /// Any change of one octet is noticed, wherever it is.
    #[test]
    fn ma_6_one_flipped_octet_is_never_authentic(
        code in codes(), attributes in attributes(), at: prop::sample::Index, flip in 1..=255_u8,
    ) {
        let key = key("testing123");
        let mut octets = written(code, &attributes, &[], &key);
        let at = at.index(octets.len());
        octets[at] ^= flip;
        if let Ok(packet) = Packet::parse(&octets) {
            prop_assert!(!authentic(&packet, &key), "octet {at}");
        }
    }

    #[test]
    fn no_octets_panic(octets in vec(any::<u8>(), 0..400), length in 0..400_u16, fix: bool) {
        let mut octets = octets;
        if fix && octets.len() >= 4 {
            octets[2..4].copy_from_slice(&length.to_be_bytes());
        }
        if let Ok(packet) = Packet::parse(&octets) {
            touch(&packet);
        }
    }

    /// Attribute lengths that mostly fit reach deeper than random ones.
    #[test]
    fn no_values_panic(values in vec((any::<u8>(), vec(any::<u8>(), 0..20)), 0..20)) {
        let mut buffer = Vec::new();
        let mut writer = Writer::request(&mut buffer, Code::AccessRequest, 5, AUTHENTICATOR);
        for (kind, value) in &values {
            writer.put_for_test(*kind, value);
            writer.put_for_test(attribute::VENDOR_SPECIFIC, value);
        }
        writer.finish_request(&key("s")).unwrap();
        let packet = Packet::parse(&buffer).unwrap();
        prop_assert_eq!(packet.attributes().count(), values.len() * 2);
        touch(&packet);
    }

    #[test]
    fn fmt_11_passwords_come_back(password in vec(1..=255_u8, 0..=128), authenticator: [u8; 16]) {
        let key = key("testing123");
        let mut hidden = Vec::new();
        key.encode_user_password(authenticator, &password, &mut hidden).unwrap();
        let mut buffer = Vec::new();
        let mut writer = Writer::request(&mut buffer, Code::AccessRequest, 5, authenticator);
        writer.attribute(attribute::USER_PASSWORD, &hidden);
        writer.finish_request(&key).unwrap();
        let packet = Packet::parse(&buffer).unwrap();
        prop_assert_eq!(key.decode_user_password(&packet).unwrap().to_vec(), password);
    }

    #[test]
    fn salted_texts_come_back(text in vec(any::<u8>(), 0..=239), salt: [u8; 2]) {
        let key = key("testing123");
        let mut hidden = Vec::new();
        key.salted(salt, AUTHENTICATOR, &text, &mut hidden).unwrap();
        prop_assert_eq!(hidden.len() % 16, 2);
        prop_assert_eq!(key.unsalted(AUTHENTICATOR, &hidden).unwrap().to_vec(), text);
    }

    /// The `radius` crate reads what this one writes and refuses what this one refuses, save
    /// for the bound on the number of attributes, which it does not have.
    #[test]
    fn parsing_agrees_with_the_radius_crate(
        octets in vec(any::<u8>(), 20..60), length in 18..60_u16, small: bool,
    ) {
        let mut octets = octets;
        octets[2..4].copy_from_slice(&length.to_be_bytes());
        if small {
            for octet in octets.iter_mut().skip(HEADER_OCTETS) {
                *octet %= 8;
            }
        }
        let theirs = ::radius::core::packet::Packet::decode(&octets, b"secret");
        let ours = Packet::parse(&octets);
        prop_assert_eq!(theirs.is_ok(), ours.is_ok());
        if let (Ok(theirs), Ok(ours)) = (theirs, ours) {
            prop_assert_eq!(theirs.get_identifier(), ours.identifier());
            prop_assert_eq!(theirs.get_authenticator(), &ours.authenticator().to_vec());
            for kind in 0..=255 {
                let theirs: Vec<_> =
                    theirs.lookup_all(kind).iter().map(|one| one.encode_bytes()).collect();
                prop_assert_eq!(theirs, ours.all(kind).map(<[u8]>::to_vec).collect::<Vec<_>>());
            }
        }
    }
}

/// Calls everything that reads a packet.
fn touch(packet: &Packet<'_>) {
    let key = key("s");
    let _ = packet.summary();
    let _ = packet.vendor_specific().count();
    let _ = key.check_message_authenticator(packet);
    let _ = key.check_keyed_request(packet);
    let _ = key.check_reply(packet, AUTHENTICATOR, true);
    let _ = key.decode_user_password(packet);
    let _ = chap_matches(packet, b"x");
    for one in packet.attributes() {
        let _ = packet.integer(one.kind);
        let _ = view::tagged_text(one.value);
        let _ = view::tagged_integer(one.value);
        let _ = key.unsalted(AUTHENTICATOR, one.value);
    }
}
