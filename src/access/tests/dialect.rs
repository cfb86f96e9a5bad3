//! Each family of switches asks and is answered in its own way; the air has rules of its own.

use super::fixture::{Answered, Desk, LOCAL, PC, PRINTER, Printer, code, text};
use crate::eap::peer::PeerVersions;
use crate::plan::Sources;
use crate::plan::tests::edit;
use crate::vocabulary::Reason;
use crate::wire::radius::{Code, Packet, attribute, view};

const ALAXALA: &str = "config/profiles/alaxala-ax-mac-dynamic.toml";

fn profile(from: &'static str, to: &'static str) -> impl FnOnce(&mut Sources) {
    move |sources| edit(sources, ALAXALA, from, to)
}

fn accepted(desk: &mut Desk) -> Vec<u8> {
    let request = desk.mab(&PRINTER);
    let reply = desk.ask(PRINTER.switch, &request);
    assert_eq!(code(&reply), Code::AccessAccept, "{:?}", desk.decision().because);
    reply
}

/// VLAN-1, VLAN-2: tag and text as the profile says, the same tag on all three.
#[test]
fn vlan_1_tunnel_attributes_carry_the_tag_and_text_of_the_profile() {
    for (tag, text, octets) in [
        ("none", "decimal", b"125".to_vec()),
        ("0", "decimal", b"\x00125".to_vec()),
        ("1", "decimal", b"\x01125".to_vec()),
        ("2", "name", b"\x02B-PRINTER".to_vec()),
        ("none", "VLANnnn", b"VLAN125".to_vec()),
    ] {
        let mut desk = Desk::with(|sources| {
            edit(sources, ALAXALA, "vlan_tag = \"none\"", &format!("vlan_tag = \"{tag}\""));
            edit(sources, ALAXALA, "vlan_text = \"decimal\"", &format!("vlan_text = \"{text}\""));
        });
        let reply = accepted(&mut desk);
        let packet = Packet::parse(&reply).unwrap();
        let tag = tag.parse::<u8>().unwrap_or(0);
        let first = |kind| packet.first(kind).unwrap().to_vec();
        assert_eq!(first(attribute::TUNNEL_TYPE), [tag, 0, 0, 13]);
        assert_eq!(first(attribute::TUNNEL_MEDIUM_TYPE), [tag, 0, 0, 6]);
        assert_eq!(first(attribute::TUNNEL_PRIVATE_GROUP_ID), octets, "{tag} {text}");
    }
}

#[test]
fn vlan_5_egress_and_vendor_forms_of_the_vlan() {
    let mut desk = Desk::with(profile("vlan = \"tunnel\"", "vlan = \"tunnel+egress\""));
    let reply = accepted(&mut desk);
    let egress = Packet::parse(&reply).unwrap().integer(attribute::EGRESS_VLANID).unwrap();
    let (tagged, vlan) = view::egress_vlanid(egress).unwrap();
    assert_eq!((tagged, vlan.get()), (false, 125));
    for (means, vendor, kind, value) in
        [("vsa-278-192", 278, 192, 125_u32), ("hp-11-64", 11, 64, 0x3200_007d)]
    {
        let mut desk = Desk::with(|sources| {
            edit(sources, ALAXALA, "vlan = \"tunnel\"", &format!("vlan = \"{means}\""));
        });
        let reply = accepted(&mut desk);
        let packet = Packet::parse(&reply).unwrap();
        let found: Vec<_> = packet.vendor_specific().collect();
        assert_eq!(found, [(vendor, kind, &value.to_be_bytes()[..])]);
        assert_eq!(packet.count(attribute::TUNNEL_TYPE), 0);
    }
}

/// VLAN-4, VLAN-6: the rule's time and filter; what the model cannot digest is left out.
#[test]
fn vlan_4_vlan_6_time_and_filter_in_the_form_of_the_profile() {
    let rule = |sources: &mut Sources| {
        let vlan = "vlan = \"B-PRINTER\"";
        let more = "vlan = \"B-PRINTER\"\nsession_timeout_s = 900\nfilter = \"printers\"";
        edit(sources, "config/policy.toml", vlan, more);
    };
    for (form, kind, written) in [
        ("filter-id", attribute::FILTER_ID, "printers"),
        ("nas-filter-rule", attribute::NAS_FILTER_RULE, "printers"),
    ] {
        let mut desk = Desk::with(|sources| {
            rule(sources);
            edit(sources, ALAXALA, "filter = \"none\"", &format!("filter = \"{form}\""));
        });
        let reply = accepted(&mut desk);
        let packet = Packet::parse(&reply).unwrap();
        let both = packet.count(attribute::FILTER_ID) + packet.count(attribute::NAS_FILTER_RULE);
        assert_eq!(both, 1, "never the two together");
        assert_eq!(text(&reply, kind).unwrap().trim_end_matches('\0'), written);
        assert_eq!(packet.integer(attribute::SESSION_TIMEOUT), Some(900));
        assert_eq!(packet.integer(attribute::TERMINATION_ACTION), Some(1));
    }
    let mut desk = Desk::with(rule);
    let request = desk.mab(&PRINTER);
    assert_eq!(code(&desk.ask(PRINTER.switch, &request)), Code::AccessReject);
    assert_eq!(desk.decision().because.reason, Reason::FilterUnsupported);
    let mut desk = Desk::with(|sources| {
        edit(sources, ALAXALA, "omit = []", "omit = [\"termination-action\"]");
    });
    let reply = accepted(&mut desk);
    assert_eq!(Packet::parse(&reply).unwrap().count(attribute::TERMINATION_ACTION), 0);
}

/// MA-5: models that discard it get none, except beside EAP.
#[test]
fn ma_5_message_authenticator_is_left_out_only_where_asked_and_never_with_eap() {
    let mut desk = Desk::with(|sources| {
        for file in [ALAXALA, "config/profiles/cisco-ibns.toml"] {
            edit(sources, file, "omit = []", "omit = [\"message-authenticator\"]");
        }
    });
    let request = desk.mab(&PRINTER);
    let (source, mut reply) = (desk.source(PRINTER.switch), Vec::new());
    desk.access.handle(desk.now, &request, source, LOCAL.into(), &mut reply);
    let packet = Packet::parse(&reply).unwrap();
    assert_eq!(packet.code(), Code::AccessAccept);
    assert_eq!(packet.count(attribute::MESSAGE_AUTHENTICATOR), 0);
    let (config, _) = desk.supplicant(PC.name, PeerVersions::Both);
    // Every reply of the conversation is proven to begin with it.
    desk.authenticate(&PC, &config, false, None, |_, _| {});
}

/// No session lasts beyond the end of the grant or certificate it rests on.
#[test]
fn a_session_never_lasts_beyond_the_grant_or_the_certificate() {
    let visitor = Printer { switch: "hon-sw18", mac: "E8-0F-5D-0E-8C-0F", port: 5 };
    let mut desk = Desk::new();
    let end = crate::vocabulary::Timestamp::parse_end("2026-12-25").unwrap();
    for (left, expected) in [(100_000, Some(3600)), (90, Some(90)), (0, None), (-5, None)] {
        desk.now.wall = crate::vocabulary::Timestamp(end.0 - left * 1000);
        let request = desk.mab(&visitor);
        let reply = desk.ask(visitor.switch, &request);
        let seconds = Packet::parse(&reply).unwrap().integer(attribute::SESSION_TIMEOUT);
        assert_eq!(seconds, expected, "{left} s before its end");
        let reason = desk.decision().because.reason;
        let ended = expected.is_none();
        assert_eq!(reason, if ended { Reason::GrantEnded } else { Reason::GrantAdmitted });
        desk.pass(std::time::Duration::from_secs(200));
    }
    // Ten days, less than the hour that the profile would give at their very end.
    let mut desk = Desk::new();
    let (config, _) = desk.supplicant(PC.name, PeerVersions::Tls12);
    desk.now.wall = desk.now.wall.plus(std::time::Duration::from_secs(10 * 86_400 - 600));
    // The list would be stale by then: a new one.
    let list = desk.authority.revocation_list(&[], 2, desk.now.wall, 7).unwrap();
    desk.credentials.authorities[0].crl_der = Some(list.der);
    desk.reload(None, crate::vocabulary::Marks::default());
    let ended = desk.authenticate(&PC, &config, false, None, |_, _| {});
    let seconds = Packet::parse(&ended.reply).unwrap().integer(attribute::SESSION_TIMEOUT);
    assert!(seconds.is_some_and(|seconds| (1..=600).contains(&seconds)), "{seconds:?}");
}

fn wireless(desk: &mut Desk, called: &str, mac: &str) -> Answered {
    let identity = crate::wire::eap::response(1, crate::wire::eap::Method::Identity, b"x");
    let request = desk.request("hon-wlc01", |writer, _, _| {
        writer
            .text(attribute::USER_NAME, "x")
            .text(attribute::CALLED_STATION_ID, called)
            .text(attribute::CALLING_STATION_ID, mac)
            .integer(attribute::NAS_PORT_TYPE, 19)
            .eap_message(&identity);
    });
    desk.send("hon-wlc01", &request)
}

/// Over the air an address alone is nothing, whatever the switch claims; the profile of the
/// controller allows no such form, and a wired switch cannot claim the air.
#[test]
fn mac_authentication_over_the_air_is_always_refused() {
    let mut desk = Desk::new();
    assert!(wireless(&mut desk, "84-F0-3C-00-01-00:city-b", PC.mac).reply.is_some());
    let request = desk.request("hon-wlc01", |writer, key, authenticator| {
        let mut hidden = Vec::new();
        key.encode_user_password(authenticator, b"e80f5e60eb41", &mut hidden).unwrap();
        writer
            .text(attribute::USER_NAME, "e80f5e60eb41")
            .attribute(attribute::USER_PASSWORD, &hidden)
            .text(attribute::CALLED_STATION_ID, "84-F0-3C-00-01-00:city-b")
            .text(attribute::CALLING_STATION_ID, PRINTER.mac)
            .integer(attribute::SERVICE_TYPE, 10);
    });
    assert_eq!(code(&desk.ask("hon-wlc01", &request)), Code::AccessReject);
    assert_eq!(desk.decision().because.reason, Reason::MabFormForbidden);

    let mut wired = desk.mab(&PRINTER);
    wired = {
        let packet = Packet::parse(&wired).unwrap();
        let password = packet.first(attribute::USER_PASSWORD).unwrap().to_vec();
        let authenticator = packet.authenticator();
        let key = desk.key(PRINTER.switch);
        let mut octets = Vec::new();
        let mut writer = crate::wire::radius::Writer::request(
            &mut octets,
            Code::AccessRequest,
            99,
            authenticator,
        );
        writer
            .message_authenticator_first()
            .text(attribute::USER_NAME, "e80f.5e60.eb41")
            .attribute(attribute::USER_PASSWORD, &password)
            .text(attribute::CALLING_STATION_ID, PRINTER.mac)
            .integer(attribute::NAS_PORT, 1)
            .integer(attribute::NAS_PORT_TYPE, 19);
        writer.finish_request(&key).unwrap();
        octets
    };
    assert_eq!(code(&desk.ask(PRINTER.switch, &wired)), Code::AccessReject);
    assert_eq!(desk.decision().because.reason, Reason::WirelessMac);
}

/// dialects.md §2: a fixed word authenticates the switch, and only one that is stored counts.
#[test]
fn a_fixed_word_must_be_stored_and_right() {
    let mut desk = Desk::with(profile("\"same-as-user\"", "\"fixed\""));
    let index = desk.switch(PRINTER.switch);
    let ask = |desk: &mut Desk, word: &[u8]| {
        let request = desk.request(PRINTER.switch, |writer, key, authenticator| {
            let mut hidden = Vec::new();
            key.encode_user_password(authenticator, word, &mut hidden).unwrap();
            writer
                .text(attribute::USER_NAME, "e80f.5e60.eb41")
                .attribute(attribute::USER_PASSWORD, &hidden)
                .text(attribute::CALLING_STATION_ID, PRINTER.mac)
                .integer(attribute::NAS_PORT, 1);
        });
        desk.ask(PRINTER.switch, &request);
        desk.decision().because.reason
    };
    assert_eq!(ask(&mut desk, b"e80f.5e60.eb41"), Reason::MabWordMissing);
    let word = crate::vocabulary::Secret::new(b"one word for the switch".to_vec());
    desk.credentials.clients.get_mut(&index).unwrap().mab_word = Some(word);
    desk.reload(None, crate::vocabulary::Marks::default());
    assert_eq!(ask(&mut desk, b"e80f.5e60.eb41"), Reason::MabPassword);
    assert_eq!(ask(&mut desk, b"one word for the switch"), Reason::Admitted);
}
