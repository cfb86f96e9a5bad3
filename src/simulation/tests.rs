//! One simulated switch against a server of a few lines, in memory.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnetwork::IpNetwork;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::switch::Visitor;
use super::{Flaw, IssuingWallet, Outcome, Paper, Switch, Unusable, Wallet as _};
use crate::authority::Authority;
use crate::eap::md5::{Md5Challenge, Md5Step};
use crate::eap::server::{Conversation, Step};
use crate::eap::tls::{TlsServer, TrustMaterial};
use crate::eap::trust::{CrlRule, Realm, StaleRule};
use crate::plan::{
    self, CalledCarries, ClientSecrets, EapSettings, HostMode, MabForm, MabMarker, MabPassword,
    MessageAuthenticator, NasIdentifier, Origin, Plan, Port, PortRole, Profile, ProfileIndex,
    Server, SwitchRole, VlanMeans, VlanTag, VlanText,
};
use crate::vocabulary::{
    EnvironmentIndex, Language, Mac, MacSpelling, Moment, Point, PortIndex, Secret, SiteIndex,
    SwitchIndex, Timestamp, VlanId,
};
use crate::wire::radius::{Code, Key, Packet, Writer, attribute, chap_matches};

const SERVER: &str = "127.0.0.1:1812";
const NAME: &str = "pc-0001.city.example";
const WORD: &[u8] = b"one word for all";

fn server() -> SocketAddr {
    SERVER.parse().unwrap()
}

fn key() -> Key {
    Key::new(&secrets().current)
}

fn secrets() -> ClientSecrets {
    let current = Secret::new(b"a secret of one switch".to_vec());
    ClientSecrets { current, next: None, mab_word: Some(Secret::new(WORD.to_vec())) }
}

fn now() -> Moment {
    at(0)
}

fn at(seconds: u64) -> Moment {
    let monotonic = Duration::from_secs(seconds);
    Moment { monotonic, wall: Timestamp::parse("2026-11-24").unwrap() }
}

fn mac() -> Mac {
    Mac::parse("84-F0-1A-57-2D-C6").unwrap()
}

fn vlan(id: u16) -> VlanId {
    VlanId::new(id).unwrap()
}

fn port() -> Point {
    Point::Port(PortIndex(0))
}

fn origin() -> Origin {
    Origin { file: "topology/site.toml".into(), line: 1 }
}

/// A plain profile, changed.
fn profile(change: impl FnOnce(&mut Profile)) -> Profile {
    let mut profile = Profile::plain();
    profile.reply.forbidden_vlans = vec![vlan(120)];
    change(&mut profile);
    profile
}

/// A switch of that profile with one port, and VLANs 110, 120 and 900 of one environment.
fn switch(profile: Profile) -> Switch {
    let name = plan::Name::default();
    let numbered = |id| plan::Vlan {
        id: vlan(id),
        name: format!("A-{id}"),
        prefix: None,
        prefix6: None,
        at: origin(),
    };
    let environment = plan::Environment {
        id: "A".to_owned(),
        name: name.clone(),
        role: plan::Role::Business,
        guideline: plan::Guideline::None,
        prefixes: Vec::new(),
        admission: plan::Admission::Certificate,
        wireless: plan::WirelessRule::Certificate,
        critical_vlan: false,
        second_person: false,
        internet: false,
        weight: 1,
        authorities: Vec::new(),
        revocation: plan::Revocation {
            required: false,
            grace: Duration::ZERO,
            when_stale: plan::WhenStale::Refuse,
        },
        vlans: vec![numbered(110), numbered(120), numbered(900), numbered(666)],
        at: origin(),
    };
    let site = plan::Site {
        id: "site".to_owned(),
        name,
        group: String::new(),
        medium: plan::Transmission::Fibre,
        assign: vec![(EnvironmentIndex(0), vlan(110))],
        at: origin(),
    };
    let role = PortRole::Auth {
        host_mode: HostMode::Single,
        environments: vec![EnvironmentIndex(0)],
        fixed_vlan: Some(vlan(900)),
        reason: None,
    };
    let switch = plan::Switch {
        id: "sw01".to_owned(),
        name: None,
        site: SiteIndex(0),
        address: IpNetwork::from(std::net::IpAddr::from([127, 0, 0, 9])),
        profile: ProfileIndex(0),
        model: String::new(),
        serial: String::new(),
        role: SwitchRole::Access,
        vlans: vec![vlan(110), vlan(120), vlan(900)],
        stack: 1,
        message_authenticator: MessageAuthenticator::Require,
        ports: vec![Port { name: "ge-0/0/1".to_owned(), role, at: origin() }],
        networks: Vec::new(),
        access_points: Vec::new(),
        at: origin(),
    };
    let server_settings = Server {
        node_name: String::new(),
        state_number: 1,
        accounting: Vec::new(),
        evidence_days: None,
        api_listen: None,
        authentication: vec![server()],
        workers: 1,
        datagram_octets_max: 1400,
        metrics_listen: None,
        eap: EapSettings {
            server_name: "radius.city.example".to_owned(),
            conversations_max: 1,
            conversations_per_port_max: 1,
            conversation_timeout: Duration::ZERO,
            session_lifetime: None,
        },
        language: Language::Japanese,
        survey: Default::default(),
        clock: Default::default(),
        enforce_ports_max: 20,
    };
    let plan =
        Plan::of_parts(server_settings, vec![environment], vec![profile], vec![site], vec![switch]);
    Switch::new(Arc::new(plan), SwitchIndex(0), server(), &secrets(), &[3; 32]).unwrap()
}

/// The next datagram that the switch sends.
fn sent(switch: &mut Switch) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    let to = switch.poll_transmit(&mut octets)?;
    assert_eq!(to, server());
    Some(octets)
}

fn reply(request: &[u8], code: Code, fill: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let request = Packet::parse(request).unwrap();
    let mut octets = Vec::new();
    let mut writer = Writer::reply(&mut octets, code, &request);
    writer.message_authenticator_first();
    fill(&mut writer);
    writer.finish_reply(&key(), request.authenticator()).unwrap();
    octets
}

fn admitted(outcome: Option<(u32, Outcome)>) -> VlanId {
    match outcome {
        Some((_, Outcome::Admitted { vlan, keys_match: None, .. })) => vlan,
        other => panic!("{other:?}"),
    }
}

/// What the server does with the link keys of an Accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keys {
    Right,
    Swapped,
    Absent,
}

/// Lets one device with that certificate in, if the handshake comes to its end.
fn handshake(paper: &Paper, server_name: &str, keys_sent: Keys) -> Outcome {
    let wall = now().wall;
    let (authority, _) = Authority::create("CA", wall, 90).unwrap();
    let leaf = authority.issue_server(&["radius.city.example"], wall, 30).unwrap();
    let anchor = CertificateDer::from(authority.certificate_der().to_vec());
    let rule = CrlRule { required: false, grace: Duration::ZERO, when_stale: StaleRule::Refuse };
    let private = PrivatePkcs8KeyDer::from(leaf.key.der().expose().to_vec());
    let tls = TlsServer::new(TrustMaterial {
        server_chain: vec![CertificateDer::from(leaf.issued.der)],
        server_key: PrivateKeyDer::from(private),
        ocsp_response: Vec::new(),
        realms: vec![Realm { anchors: vec![anchor.clone()], crls: Vec::new(), crl: rule }],
        realm_of: Arc::new(|_| Some(0)),
        session_lifetime_s: 0,
        sessions_max: 0,
        sessions: None,
    });
    let tls = Arc::new(tls.unwrap());
    let mut wallet =
        IssuingWallet::new(authority, anchor.to_vec(), server_name.to_owned(), wall).unwrap();
    let visitor = Visitor::Tls(wallet.open(paper).unwrap(), paper.name.clone());
    let mut switch = switch(profile(|_| {}));
    switch.attach(now(), 1, mac(), port(), visitor);
    let mut conversation = None;
    while let Some(octets) = sent(&mut switch) {
        let request = Packet::parse(&octets).unwrap();
        assert_eq!(request.first(attribute::USER_NAME), Some(NAME.as_bytes()));
        let mut message = Vec::new();
        request.joined(attribute::EAP_MESSAGE, &mut message);
        let step = match &mut conversation {
            None => {
                assert_eq!(request.first(attribute::STATE), None);
                let begun = Conversation::received(now(), tls.clone(), &message, 700).unwrap();
                conversation = Some(begun.0);
                Step::Request(begun.1)
            }
            Some(conversation) => {
                assert_eq!(request.first(attribute::STATE), Some(&b"state"[..]));
                match conversation.handle(now(), &message, 700) {
                    Step::Decide(_) => conversation.decided(now(), true),
                    step => step,
                }
            }
        };
        let answer = match step {
            Step::Request(eap) => reply(&octets, Code::AccessChallenge, |writer| {
                writer.eap_message(&eap).attribute(attribute::STATE, b"state");
            }),
            Step::Failure { packet, .. } => reply(&octets, Code::AccessReject, |writer| {
                writer.eap_message(&packet);
            }),
            Step::Success { packet, keys, .. } => reply(&octets, Code::AccessAccept, |writer| {
                writer.eap_message(&packet).vlan(None, "110").integer(27, 3600);
                let halves = [keys.recv.expose(), keys.send.expose()];
                let [recv, send] = halves.map(|half| half.try_into().unwrap());
                match keys_sent {
                    Keys::Right => writer.mppe_keys(&key(), recv, send, [[1, 2], [3, 4]]),
                    Keys::Swapped => writer.mppe_keys(&key(), send, recv, [[1, 2], [3, 4]]),
                    Keys::Absent => writer,
                };
            }),
            step @ (Step::Decide(_) | Step::Ignore(_)) => panic!("{step:?}"),
        };
        switch.handle(now(), &answer, server());
    }
    let (id, outcome) = switch.poll_event().unwrap();
    assert_eq!((id, switch.poll_timeout()), (1, None));
    outcome
}

#[test]
fn a_certificate_lets_in_and_the_link_keys_are_compared_with_those_of_the_device() {
    let paper = |flaw| Paper { name: NAME.to_owned(), flaw };
    let right = "radius.city.example";
    let in_with = |keys_match| Outcome::Admitted {
        vlan: vlan(110),
        session_timeout: Some(Duration::from_secs(3600)),
        keys_match: Some(keys_match),
    };
    for (paper, server_name, keys, expected) in [
        (paper(None), right, Keys::Right, in_with(true)),
        (paper(None), right, Keys::Swapped, in_with(false)),
        (paper(None), right, Keys::Absent, in_with(false)),
        (paper(Some(Flaw::Expired)), right, Keys::Right, Outcome::Refused),
        (paper(Some(Flaw::OtherAuthority)), right, Keys::Right, Outcome::Refused),
        // The device does not believe this server, says so, and is refused.
        (paper(None), "other.city.example", Keys::Right, Outcome::Refused),
    ] {
        let outcome = handshake(&paper, server_name, keys);
        assert_eq!(outcome, expected, "{paper:?} {server_name} {keys:?}");
    }
}

#[test]
fn mac_authentication_takes_the_form_of_the_profile() {
    for (word, password) in
        [(MabPassword::SameAsUser, &b"84f0.1a57.2dc6"[..]), (MabPassword::Fixed, WORD)]
    {
        for form in [MabForm::Pap, MabForm::Chap, MabForm::EapMd5] {
            let mut switch = switch(profile(|profile| {
                profile.request.mab_forms = vec![form];
                profile.request.mab_password = word;
            }));
            switch.attach(now(), 1, mac(), port(), Visitor::Mac);
            let mut octets = sent(&mut switch).unwrap();
            let request = Packet::parse(&octets).unwrap();
            assert_eq!(request.first(attribute::USER_NAME), Some(&b"84f0.1a57.2dc6"[..]));
            let mut end = None;
            match form {
                MabForm::Pap => {
                    assert_eq!(&*key().decode_user_password(&request).unwrap(), password);
                }
                MabForm::Chap => assert!(chap_matches(&request, password)),
                MabForm::EapMd5 => {
                    let mut message = Vec::new();
                    request.joined(attribute::EAP_MESSAGE, &mut message);
                    let (asked, challenge) = Md5Challenge::begin(&message, [7; 16]).unwrap();
                    let answer = reply(&octets, Code::AccessChallenge, |writer| {
                        writer.eap_message(&challenge).attribute(attribute::STATE, b"s");
                    });
                    switch.handle(now(), &answer, server());
                    octets = sent(&mut switch).unwrap();
                    Packet::parse(&octets).unwrap().joined(attribute::EAP_MESSAGE, &mut message);
                    let Md5Step::Answered(answer) = asked.handle(&message) else {
                        panic!("not answered")
                    };
                    assert!(answer.matches(password));
                    end = Some(answer.success());
                }
            }
            let accept = reply(&octets, Code::AccessAccept, |writer| {
                writer.vlan(None, "110");
                if let Some(end) = &end {
                    writer.eap_message(end);
                }
            });
            switch.handle(now(), &accept, server());
            assert_eq!(admitted(switch.poll_event()), vlan(110), "{form:?}");
        }
    }
}

#[test]
fn a_request_tells_device_switch_and_port_in_the_dialect() {
    let radio = Mac::parse("84-F0-3C-00-01-00").unwrap();
    let air = Point::Wireless { ssid: "city:b".to_owned(), access_point: Some(radio) };
    /// A change of the profile, a point, and attributes with their values or their absence.
    type Row = (fn(&mut Profile), Point, &'static [(u8, Option<&'static str>)]);
    let rows: [Row; 5] = [
        (
            |_| {},
            port(),
            &[
                (4, Some("\x7f\0\0\t")),
                (6, Some("\0\0\0\x02")),
                (30, Some("02-00-00-00-00-00")),
                (31, Some("84-f0-1a-57-2d-c6")),
                (32, Some("sw01")),
                (61, Some("\0\0\0\x0f")),
                (87, Some("ge-0/0/1.0")),
                (5, None),
                (12, None),
            ],
        ),
        (
            |profile| profile.request.mab_marker = MabMarker::CallCheck,
            port(),
            &[(6, Some("\0\0\0\x0a"))],
        ),
        (
            |profile| {
                (profile.request.calling.attribute, profile.request.called.attribute) = (30, 31);
                profile.request.called.carries = CalledCarries::PortMac;
                profile.request.calling.mac = MacSpelling::RFC3580;
            },
            port(),
            &[(30, Some("84-F0-1A-57-2D-C6")), (31, Some("02-00-00-00-00-01"))],
        ),
        (
            |profile| {
                profile.request.calling.may_be_absent = true;
                profile.request.nas_identifier = NasIdentifier::VlanInFixedMode;
                profile.reply.vlan = VlanMeans::Fixed;
                profile.request.user_affix.suffix = "%VLAN900".to_owned();
            },
            port(),
            &[(31, None), (32, Some("900")), (1, Some("84f0.1a57.2dc6%VLAN900"))],
        ),
        (
            |profile| profile.request.called.carries = CalledCarries::ApMacSsid,
            air,
            &[(30, Some("84-F0-3C-00-01-00:city:b")), (61, Some("\0\0\0\x13")), (87, None)],
        ),
    ];
    for (number, (change, point, attributes)) in rows.into_iter().enumerate() {
        let mut switch = switch(profile(change));
        switch.attach(now(), 1, mac(), point, Visitor::Mac);
        let octets = sent(&mut switch).unwrap();
        let request = Packet::parse(&octets).unwrap();
        for (kind, expected) in attributes {
            let expected = expected.map(str::as_bytes);
            assert_eq!(request.first(*kind), expected, "row {number} attribute {kind}");
        }
    }
}

#[test]
fn the_vlan_is_read_as_the_model_reads_it() {
    type Fill = fn(&mut Writer<'_>);
    /// What is tried, a change of the profile, what the Accept holds, what comes of it.
    type Row = (&'static str, Box<dyn Fn(&mut Profile)>, Fill, Result<u16, Unusable>);
    let tag = |tag| move |profile: &mut Profile| profile.reply.vlan_tag = tag;
    let (untagged, one, two) = (VlanTag::None, VlanTag::One, VlanTag::Two);
    let rows: [Row; 16] = [
        ("decimal", Box::new(tag(untagged)), |w| _ = w.vlan(None, "110"), Ok(110)),
        ("tag 1", Box::new(tag(one)), |w| _ = w.vlan(Some(1), "110"), Ok(110)),
        ("tag 2", Box::new(tag(two)), |w| _ = w.vlan(Some(2), "110"), Ok(110)),
        ("tag 0", Box::new(tag(VlanTag::Zero)), |w| _ = w.vlan(Some(0), "110"), Ok(110)),
        ("no tag", Box::new(tag(two)), |w| _ = w.vlan(None, "110"), Err(Unusable::NoVlan)),
        ("a tag", Box::new(tag(untagged)), |w| _ = w.vlan(Some(1), "110"), Err(Unusable::NoVlan)),
        (
            "by name",
            Box::new(|profile| profile.reply.vlan_text = VlanText::Name),
            |w| _ = w.vlan(None, "A-110"),
            Ok(110),
        ),
        (
            "with prefix",
            Box::new(|profile| profile.reply.vlan_text = VlanText::Prefixed),
            |w| _ = w.vlan(None, "VLAN110"),
            Ok(110),
        ),
        ("name for number", Box::new(|_| {}), |w| _ = w.vlan(None, "A-110"), Err(Unusable::NoVlan)),
        (
            "egress",
            Box::new(|profile| profile.reply.vlan = VlanMeans::TunnelEgress),
            |w| _ = w.vlan(None, "110").egress_vlanid(false, vlan(110)),
            Ok(110),
        ),
        (
            "egress with tags",
            Box::new(|profile| profile.reply.vlan = VlanMeans::TunnelEgress),
            |w| _ = w.vlan(None, "110").egress_vlanid(true, vlan(110)),
            Err(Unusable::NoVlan),
        ),
        ("fixed", Box::new(|profile| profile.reply.vlan = VlanMeans::Fixed), |_| {}, Ok(900)),
        (
            "vendor 278",
            Box::new(|profile| profile.reply.vlan = VlanMeans::Vsa278),
            |w| _ = w.vendor(278, 192, &[0, 0, 0, 110]),
            Ok(110),
        ),
        (
            "vendor 11",
            Box::new(|profile| profile.reply.vlan = VlanMeans::Hp1164),
            |w| _ = w.vendor(11, 64, &[0x32, 0, 0, 110]),
            Ok(110),
        ),
        ("not here", Box::new(|_| {}), |w| _ = w.vlan(None, "666"), Err(Unusable::VlanNotHere)),
        ("forbidden", Box::new(|_| {}), |w| _ = w.vlan(None, "120"), Err(Unusable::VlanNotHere)),
    ];
    let read = |profile: Profile, fill: Fill| {
        let mut switch = switch(profile);
        switch.attach(now(), 1, mac(), port(), Visitor::Mac);
        let accept = reply(&sent(&mut switch).unwrap(), Code::AccessAccept, fill);
        switch.handle(now(), &accept, server());
        switch.poll_event()
    };
    for (what, change, fill, expected) in rows {
        let outcome = read(profile(change), fill);
        match expected {
            Ok(id) => assert_eq!(admitted(outcome), vlan(id), "{what}"),
            Err(fault) => assert_eq!(outcome, Some((1, Outcome::Unusable(fault))), "{what}"),
        }
    }
}

#[test]
fn silence_is_no_answer_and_answers_find_their_devices_in_any_order() {
    let mut switch = switch(profile(|_| {}));
    let mut requests = HashMap::new();
    for id in 0..4 {
        let mac = Mac::new([0, 0, 0x5e, 0, 0x53, id]).unwrap();
        switch.attach(now(), u32::from(id), mac, port(), Visitor::Mac);
        requests.insert(u32::from(id), sent(&mut switch).unwrap());
    }
    for (id, code) in [(2, Code::AccessReject), (0, Code::AccessAccept), (3, Code::AccessReject)] {
        let answer = reply(&requests[&id], code, |writer| {
            writer.vlan(None, "110");
        });
        switch.handle(now(), &answer, server());
        let (found, outcome) = switch.poll_event().unwrap();
        assert_eq!((found, outcome == Outcome::Refused), (id, code == Code::AccessReject));
    }
    for seconds in [5, 10] {
        switch.handle_timeout(at(seconds));
        assert_eq!(sent(&mut switch).as_ref(), requests.get(&1));
        assert_eq!(switch.poll_event(), None);
    }
    switch.handle_timeout(at(15));
    assert_eq!(switch.poll_event(), Some((1, Outcome::NoAnswer)));
}
