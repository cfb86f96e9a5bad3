//! What each shipped profile says on the wire, attribute by attribute.

use std::time::Duration;

use crate::access::tests::fixture::{Desk, LOCAL};
use crate::client::DynamicKind;
use crate::enforce::dialect::{Means, acknowledged_by, is_speakable, means, write};
use crate::ledger::{Attachment, Key as Who, Point, Session};
use crate::plan::Profile;
use crate::vocabulary::{Mac, Moment, Timestamp, VlanId, hex};
use crate::wire::radius::{Code, Packet, Writer, attribute};

/// 2026-11-24T03:00:00Z.
const NOW: Timestamp = Timestamp(1_795_489_200_000);

/// Profile, means, and the attributes after Message-Authenticator: number and value, as text
/// where it is one. The address is spelled as the profile says, everything else repeated.
const SPOKEN: &[(&str, Means, &[&str])] = &[
    ("aruba-cx", Means::Disconnect, &["31 001122AABBCC", "5 00000011", "55 6b04fdb0"]),
    (
        "aruba-cx",
        Means::Bounce,
        &["31 001122AABBCC", "5 00000011", "55 6b04fdb0", "26 000039e7280600000005"],
    ),
    (
        "cisco-ibns",
        Means::Reauthenticate,
        &[
            "44 0000002A",
            "31 00-11-22-AA-BB-CC",
            "55 6b04fdb0",
            "26 000000090123subscriber:command=reauthenticate",
        ],
    ),
    ("cisco-ibns", Means::Disconnect, &["44 0000002A", "31 00-11-22-AA-BB-CC", "55 6b04fdb0"]),
    ("comware", Means::Disconnect, &["31 00-11-22-aa-bb-cc", "55 6b04fdb0"]),
    (
        "hpe-arubaos-switch",
        Means::Disconnect,
        &["31 00-11-22-aa-bb-cc", "5 00000011", "55 6b04fdb0"],
    ),
    (
        "hpe-arubaos-switch",
        Means::Bounce,
        &["31 00-11-22-aa-bb-cc", "5 00000011", "55 6b04fdb0", "26 0000000b170600000005"],
    ),
    ("juniper-ex", Means::Disconnect, &["31 00-11-22-AA-BB-CC", "55 6b04fdb0"]),
    (
        "sekisho-authenticator",
        Means::Reauthenticate,
        &[
            "44 0000002A",
            "31 00-11-22-AA-BB-CC",
            "55 6b04fdb0",
            "26 000000090123subscriber:command=reauthenticate",
        ],
    ),
    (
        "sekisho-authenticator",
        Means::Disconnect,
        &["44 0000002A", "31 00-11-22-AA-BB-CC", "55 6b04fdb0"],
    ),
    ("wireless-controller", Means::Disconnect, &["31 00-11-22-aa-bb-cc", "55 6b04fdb0"]),
];

/// Profiles that can be told nothing.
const MUTE: [&str; 5] = [
    "alaxala-ax-mac-dynamic",
    "alliedtelesis-x",
    "apresia-np",
    "hostapd-wired",
    "panasonic-switch-m",
];

fn attachment() -> Attachment {
    Attachment {
        key: Who {
            switch: "sw01".into(),
            point: Point::Port("17".into()),
            mac: Mac::parse("00-11-22-aa-bb-cc").unwrap(),
        },
        access_point: None,
        chain: [].into(),
        environment: "B".into(),
        vlan: VlanId::new(120).unwrap(),
        filter: None,
        session: Session {
            user: b"anonymous".as_slice().into(),
            nas_port: Some(17),
            nas_port_id: Some(b"17".as_slice().into()),
            id: Some(b"0000002A".as_slice().into()),
            nas: LOCAL.0.into(),
            local: LOCAL.0.into(),
        },
        generation: 1,
        since: NOW,
        lasts: Some(Duration::from_secs(3_600)),
    }
}

/// A value as the table has it.
fn shown(kind: u8, value: &[u8]) -> String {
    let text = match kind {
        attribute::NAS_PORT | attribute::EVENT_TIMESTAMP => hex(value),
        attribute::VENDOR_SPECIFIC => {
            let (head, rest) = value.split_at(6);
            let printable = rest.iter().all(|octet| octet.is_ascii_graphic());
            let rest =
                if printable { String::from_utf8(rest.to_vec()).unwrap() } else { hex(rest) };
            format!("{}{rest}", hex(head))
        }
        _ => String::from_utf8(value.to_vec()).unwrap(),
    };
    format!("{kind} {text}")
}

#[test]
fn coa_2_coa_3_every_shipped_profile_names_the_session_in_its_own_words() {
    let desk = Desk::new();
    let now = Moment { wall: NOW, ..Moment::default() };
    let mut spoken = Vec::new();
    for profile in with_authenticator(&desk) {
        assert_eq!(is_speakable(&profile, &attachment()), !MUTE.contains(&profile.id.as_str()));
        for means in means(&profile, false, true) {
            let kind = means.kind();
            let code = match kind {
                DynamicKind::Disconnect => Code::DisconnectRequest,
                DynamicKind::Coa => Code::CoaRequest,
            };
            let mut octets = Vec::new();
            let mut writer = Writer::request(&mut octets, code, 1, [0; 16]);
            assert!(profile.enforce.coa.message_authenticator, "{}", profile.id);
            writer.message_authenticator_first();
            write(&mut writer, now, &profile, &attachment(), means, true);
            writer.finish_request(&desk.key("ken-sw02")).unwrap();
            let packet = Packet::parse(&octets).unwrap();
            let attributes: Vec<String> =
                packet.attributes().skip(1).map(|it| shown(it.kind, it.value)).collect();
            let row = SPOKEN.iter().find(|row| row.0 == profile.id && row.1 == means);
            let row = row.unwrap_or_else(|| panic!("{} {means:?} {attributes:?}", profile.id));
            assert_eq!(attributes, row.2, "{} {means:?}", profile.id);
            spoken.push((profile.id.clone(), means));
            // Whichever word the switch uses for yes, it is one that its profile lists.
            assert!(acknowledged_by(&profile).contains(&Code::DisconnectAck), "{}", profile.id);
        }
    }
    assert_eq!(spoken.len(), SPOKEN.len(), "{spoken:?}");
}

fn with_authenticator(desk: &Desk) -> Vec<Profile> {
    assert_eq!(desk.plan.profiles.len(), 12);
    desk.plan.profiles.clone()
}
