//! The decision over the shipped city: a table of who, by what, where and when; and what holds
//! whatever is asked.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::plan::tests::{edit, shipped};
use crate::plan::{Area, Plan, Sources, compile};
use crate::vocabulary::{
    Mark, MarkKind, MarkSubject, Marks, Place, Point, PortIndex, Proven, Reason, SwitchIndex,
};

fn noon() -> Timestamp {
    at("2026-11-24T12:00:00+09:00")
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn plan(change: impl FnOnce(&mut Sources)) -> Plan {
    let mut sources = shipped();
    change(&mut sources);
    let compiled = compile(&sources, noon());
    compiled.plan.unwrap_or_else(|| panic!("{:#?}", compiled.findings))
}

static CITY: LazyLock<Plan> = LazyLock::new(|| plan(|_| {}));

fn by_mac(mac: &str) -> Evidence {
    Evidence::Mac(Claimed(Mac::parse(mac).unwrap()))
}

fn by_certificate(mac: &str, names: &[&str]) -> Evidence {
    let certificate = Certificate {
        identities: names.iter().map(|name| (*name).to_owned()).collect(),
        subject: String::new(),
        issuer: String::new(),
        serial: "01".to_owned(),
        fingerprint: [0; 32],
        not_before: at("2026-01-01"),
        not_after: at("2027-06-30T00:00:00Z"),
    };
    let mac = Claimed(Mac::parse(mac).unwrap());
    Evidence::Certificate { mac, certificate: Proven::after_verification(certificate) }
}

/// `switch/port` or `switch/ssid:name`.
fn place(plan: &Plan, text: &str) -> Place {
    let (switch, point) = text.split_once('/').unwrap();
    let switch = plan.switch_by_id(switch).unwrap();
    let point = match point.strip_prefix("ssid:") {
        Some(ssid) => Point::Wireless {
            ssid: ssid.to_owned(),
            access_point: plan.switch(switch).unwrap().access_points.first().map(|it| it.mac),
        },
        None => match plan.port_by_name(switch, point) {
            Some(port) => Point::Port(port),
            None => Point::Unknown(point.to_owned()),
        },
    };
    Place { switch, point }
}

fn decided(plan: &Plan, evidence: &Evidence, at_place: &str, now: Timestamp) -> (Reason, u16) {
    let decision = decide(plan, &Marks::default(), evidence, &place(plan, at_place), now);
    (decision.because.reason, decision.entry().map_or(0, |entry| entry.vlan.get()))
}

const PC_A: (&str, &str) = ("84-F0-1A-06-69-2B", "mu-pc0037.pc.city.example"); // shobo/sho-sw02
const PC_B: (&str, &str) = ("D4-1E-F8-2F-60-B6", "mu-pc0001.pc.city.example"); // kyoiku
const PC_C: (&str, &str) = ("D4-1E-F9-0D-B6-CE", "mu-ka0273.pc.city.example"); // kenko/ken-sw02
const PRINTER: &str = "E8-0F-5E-60-EB-41"; // hon-sw15/0/1
const PRINTER_A: &str = "E8-0F-5D-41-ED-2E"; // hon-sw05/0/1, by exception E-001
const VISITOR: &str = "E8-0F-5D-0E-8C-0F"; // grant G-2026-014, hon-sw18/0/5
const AUDITOR: &str = "audit-01.guest.city.example"; // grant G-2026-015

#[test]
fn the_table_of_decisions() {
    use Reason as R;
    let of = |(mac, name): (&str, &str)| by_certificate(mac, &[name]);
    let home_c = "ken-sw02/GigabitEthernet1/0/5";
    let table: &[(&str, Evidence, &str, (Reason, u16))] = &[
        ("a PC of A", of(PC_A), "sho-sw02/port1.0.3", (R::Admitted, 111)),
        ("a PC of C", of(PC_C), home_c, (R::Admitted, 130)),
        ("the same elsewhere", of(PC_C), "ken-sw01/GigabitEthernet1/0/5", (R::PlaceUnexpected, 0)),
        ("the same by its address", by_mac(PC_C.0), home_c, (R::CertificateMissing, 900)),
        ("another's certificate", of((PC_C.0, PC_B.1)), home_c, (R::CertificateOtherMac, 0)),
        ("nobody's certificate", of((PC_C.0, "x.example")), home_c, (R::CertificateUnknown, 0)),
        (
            "two devices in one certificate",
            by_certificate(PC_C.0, &[PC_C.1, PC_B.1]),
            home_c,
            (R::CertificateAmbiguous, 0),
        ),
        (
            "a certificate without names",
            by_certificate(PC_C.0, &[]),
            home_c,
            (R::CertificateUnknown, 0),
        ),
        ("a printer at its port", by_mac(PRINTER), "hon-sw15/0/1", (R::Admitted, 125)),
        ("a printer at the next port", by_mac(PRINTER), "hon-sw15/0/2", (R::PlaceUnexpected, 0)),
        (
            "a printer of A with its exception",
            by_mac(PRINTER_A),
            "hon-sw05/0/1",
            (R::Admitted, 110),
        ),
        ("a stranger", by_mac("00-15-5D-00-00-01"), "hon-sw15/0/1", (R::DeviceUnknown, 0)),
        ("a phone", by_mac("02-15-5D-00-00-01"), "hon-sw15/0/1", (R::DeviceUnknownRandom, 0)),
        ("a port nobody knows", by_mac(PRINTER), "hon-sw15/9/9", (R::PlaceUnknown, 0)),
        ("a trunk", by_mac(PRINTER), "hon-sw15/0/49", (R::PlaceNotAccess, 0)),
        ("an address over the air", by_mac(PRINTER), "hon-wlc01/ssid:city-b", (R::WirelessMac, 0)),
        ("a network nobody knows", of(PC_C), "hon-wlc01/ssid:free", (R::WirelessNetworkUnknown, 0)),
        ("A over the air", of(PC_A), "hon-wlc01/ssid:city-b", (R::PlaceUnexpected, 0)),
        ("a visitor", by_mac(VISITOR), "hon-sw18/0/5", (R::GrantAdmitted, 130)),
        ("a visitor elsewhere", by_mac(VISITOR), "hon-sw18/0/6", (R::GrantElsewhere, 0)),
        (
            "an auditor",
            by_certificate("00-15-5D-00-00-02", &[AUDITOR]),
            home_c,
            (R::GrantAdmitted, 130),
        ),
        (
            "an auditor on a city device",
            by_certificate(PRINTER, &[AUDITOR]),
            home_c,
            (R::CertificateOtherMac, 0),
        ),
    ];
    for (what, evidence, at_place, expected) in table {
        assert_eq!(decided(&CITY, evidence, at_place, noon()), *expected, "{what}");
    }
}

/// To the millisecond: a grant, an exception and a certificate hold until their end, not after.
#[test]
fn everything_dated_holds_until_its_end_and_not_a_moment_longer() {
    let moment = |end: Timestamp, more: i64| Timestamp(end.0 + more);
    let end = Timestamp::parse_end("2026-12-25").unwrap();
    let visitor = by_mac(VISITOR);
    let seen = |now| decided(&CITY, &visitor, "hon-sw18/0/5", now).0;
    assert_eq!(seen(moment(end, -1)), Reason::GrantAdmitted);
    assert_eq!(seen(end), Reason::GrantEnded);
    assert_eq!(seen(moment(at("2026-11-16"), -1)), Reason::GrantEnded);
    assert_eq!(seen(at("2026-11-16")), Reason::GrantAdmitted);

    let end = Timestamp::parse_end("2027-03-31").unwrap();
    let printer = by_mac(PRINTER_A);
    let seen = |now| decided(&CITY, &printer, "hon-sw05/0/1", now).0;
    assert_eq!(seen(moment(end, -1)), Reason::Admitted);
    assert_eq!(seen(end), Reason::CertificateMissing);

    let pc = by_certificate(PC_C.0, &[PC_C.1]);
    let seen = |now| decided(&CITY, &pc, "ken-sw02/GigabitEthernet1/0/5", now).0;
    let end = at("2027-06-30T00:00:00Z");
    assert_eq!(seen(end), Reason::Admitted);
    assert_eq!(seen(moment(end, 1)), Reason::CertificateExpired);
    assert_eq!(seen(moment(at("2026-01-01"), -1)), Reason::CertificateNotYetValid);
}

/// A grant that follows an ended one is found, whichever is written first.
#[test]
fn a_renewed_grant_is_not_hidden_by_the_one_before_it() {
    let renewed = |sources: &mut Sources| {
        let text = String::from_utf8(sources.config["grants.toml"].clone()).unwrap();
        let first = text.split("[[grant]]").nth(1).unwrap();
        let again = format!("\n[[grant]]{first}")
            .replace("G-2026-014", "G-2027-001")
            .replace("2026-11-16", "2027-01-10")
            .replace("2026-12-25", "2027-01-20");
        sources.config.insert("grants.toml".to_owned(), (text.clone() + &again).into_bytes());
    };
    let plan = plan(renewed);
    let seen = |day| decided(&plan, &by_mac(VISITOR), "hon-sw18/0/5", at(day)).0;
    assert_eq!(seen("2026-12-01"), Reason::GrantAdmitted);
    assert_eq!(seen("2027-01-05"), Reason::GrantEnded);
    assert_eq!(seen("2027-01-15"), Reason::GrantAdmitted);
}

/// The permission's end goes out with the admission, so that no session outlives it.
#[test]
fn who_comes_in_by_an_exception_leaves_with_it() {
    let place = place(&CITY, "hon-sw05/0/1");
    let decision = decide(&CITY, &Marks::default(), &by_mac(PRINTER_A), &place, noon());
    let end = Timestamp::parse_end("2027-03-31").unwrap();
    assert_eq!(decision.entry().map(|entry| entry.until), Some(Some(end)));
}

/// An SSID that does not serve the quarantine gets no quarantine VLAN either.
#[test]
fn quarantine_is_only_where_it_is_served() {
    let place = place(&CITY, "hon-wlc01/ssid:city-b");
    let evidence = by_certificate(PC_B.0, &[PC_B.1]);
    let marks = mark(MarkSubject::Mac(evidence.mac()), MarkKind::Quarantine);
    let without = decide(&CITY, &Marks::default(), &evidence, &place, noon());
    let with = decide(&CITY, &marks, &evidence, &place, noon());
    assert_eq!(with.outcome(), Outcome::Refuse, "{:?} {:?}", without.because, with.because);
}

/// segmentation.md §2: the edition rules the air, and a by-law may be stricter or looser.
#[test]
fn wireless_in_the_my_number_environment_follows_edition_and_by_law() {
    let city = |edition: &str, law: &str| {
        plan(|sources| {
            edit(
                sources,
                "config/policy.toml",
                "edition = \"R7.3\"",
                &format!("edition = \"{edition}\""),
            );
            let from = "admission = \"certificate\"\nwireless = \"forbidden\"";
            let to = format!("admission = \"certificate\"\nwireless = \"{law}\"");
            edit(sources, "config/environments.toml", from, &to);
            // A device of A without a place, which the network of B does not serve.
            edit(sources, "config/inventory.csv", "消防総務課,A,shobo/sho-sw02", "消防総務課,A,");
        })
    };
    for (edition, law, reason) in [
        ("R4.3", "guideline", Reason::WirelessForbidden),
        ("R6.10", "guideline", Reason::WirelessForbidden),
        // Allowed, but this network is B's.
        ("R7.3", "guideline", Reason::WirelessOtherEnvironment),
        ("R7.3", "forbidden", Reason::WirelessForbidden),
        ("R4.3", "certificate", Reason::WirelessOtherEnvironment),
    ] {
        let plan = city(edition, law);
        let pc = by_certificate(PC_A.0, &[PC_A.1]);
        assert_eq!(
            decided(&plan, &pc, "hon-wlc01/ssid:city-b", noon()).0,
            reason,
            "{edition} {law}"
        );
    }
}

#[test]
fn no_rule_is_a_refusal_and_an_access_point_nobody_knows_is_one_too() {
    let plan = plan(|sources| {
        edit(
            sources,
            "config/policy.toml",
            "classes = [\"department-terminal\"]",
            "classes = [\"wifi-trial\"]",
        );
    });
    let pc = by_certificate(PC_C.0, &[PC_C.1]);
    let home = "ken-sw02/GigabitEthernet1/0/5";
    assert_eq!(decided(&plan, &pc, home, noon()), (Reason::NoRule, 0));
    let mut there = place(&CITY, "hon-wlc01/ssid:city-c");
    if let Point::Wireless { access_point, .. } = &mut there.point {
        *access_point = Mac::parse("00-15-5D-00-00-03").ok();
    }
    let decision = decide(&CITY, &Marks::default(), &pc, &there, noon());
    assert_eq!(decision.because.reason, Reason::AccessPointUnknown);
}

fn mark(subject: MarkSubject, kind: MarkKind) -> Marks {
    let (reason, by) = ("検査".to_owned(), "情報政策課".to_owned());
    Marks::new(vec![Mark { id: 1, subject, kind, reason, by, since: noon(), until: None }])
}

/// A mark on one address, the asset or the port; never a way in.
#[test]
fn a_mark_on_address_asset_or_port_takes_away() {
    let here = place(&CITY, "hon-sw15/0/1");
    let subjects = [
        MarkSubject::Mac(Mac::parse(PRINTER).unwrap()),
        MarkSubject::Asset("S-0007".to_owned()),
        MarkSubject::Port("hon-sw15".to_owned(), "0/1".to_owned()),
    ];
    for subject in subjects {
        for (kind, outcome, vlan) in [
            (MarkKind::Quarantine, Outcome::Quarantine, 900),
            (MarkKind::Refuse, Outcome::Refuse, 0),
        ] {
            let decision =
                decide(&CITY, &mark(subject.clone(), kind), &by_mac(PRINTER), &here, noon());
            assert_eq!(decision.outcome(), outcome, "{subject:?}");
            assert_eq!(decision.entry().map_or(0, |entry| entry.vlan.get()), vlan);
            // Who is a stranger stays one.
            let stranger = by_mac("00-15-5D-00-00-01");
            let decision = decide(&CITY, &mark(subject.clone(), kind), &stranger, &here, noon());
            assert_eq!(decision.outcome(), Outcome::Refuse);
        }
    }
}

fn any_evidence() -> impl Strategy<Value = Evidence> {
    (any::<Index>(), any::<Index>(), 0..4_u8).prop_map(|(first, second, kind)| {
        let (one, other) = (first.get(&CITY.devices), second.get(&CITY.devices));
        let mac = one.macs[0].to_string();
        let name = |certificate: &Option<String>| certificate.clone().unwrap_or_default();
        match kind {
            0 => by_mac(&mac),
            1 => by_certificate(&mac, &[&name(&one.certificate)]),
            2 => by_certificate(&mac, &[&name(&other.certificate)]),
            _ => by_certificate(&mac, &[&name(&one.certificate), &name(&other.certificate)]),
        }
    })
}

fn any_place() -> impl Strategy<Value = Place> {
    (any::<Index>(), any::<u16>(), any::<bool>()).prop_map(|(switch, port, air)| {
        let number = u16::try_from(switch.index(CITY.switches.len())).unwrap();
        let found = &CITY.switches[usize::from(number)];
        let network = found.networks.first().filter(|_| air);
        let point = match network {
            Some(network) => Point::Wireless {
                ssid: network.ssid.clone(),
                access_point: found.access_points.get(usize::from(port) % 32).map(|it| it.mac),
            },
            None => Point::Port(PortIndex(port % u16::try_from(found.ports.len() + 1).unwrap())),
        };
        Place { switch: SwitchIndex(number), point }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// Whoever asks wherever with whatever: an admission leads into the device's own environment
    /// and into a VLAN that the site gives it there; with certificates checked against the MAC.
    #[test]
    fn an_admission_never_leaves_the_environment_of_the_device(
        evidence in any_evidence(),
        place in any_place(),
    ) {
        let decision = decide(&CITY, &Marks::default(), &evidence, &place, noon());
        if let Verdict::Admit(entry) = &decision.verdict {
            let device = CITY.device(decision.because.device.unwrap()).unwrap();
            prop_assert_eq!(entry.environment, device.environment);
            prop_assert_eq!(CITY.vlan_environment(entry.vlan), Some(device.environment));
            prop_assert!(device.macs.contains(&evidence.mac()));
            let switch = CITY.switch(place.switch).unwrap();
            prop_assert!(switch.vlans.contains(&entry.vlan), "the switch has it");
            if let Some(area @ (Area::Port(..) | Area::Switch(_))) = &device.place {
                prop_assert!(CITY.area_contains(area, &place));
            }
        }
        if let Verdict::Quarantine(entry) = &decision.verdict {
            prop_assert_eq!(entry.environment, CITY.quarantine);
        }
    }

    /// A mark can only take away.
    #[test]
    fn a_mark_never_lets_anyone_in(
        evidence in any_evidence(),
        place in any_place(),
        refuse: bool,
    ) {
        let kind = if refuse { MarkKind::Refuse } else { MarkKind::Quarantine };
        let marks = mark(MarkSubject::Mac(evidence.mac()), kind);
        let without = decide(&CITY, &Marks::default(), &evidence, &place, noon());
        let with = decide(&CITY, &marks, &evidence, &place, noon());
        prop_assert_ne!(with.outcome(), Outcome::Admit);
        if refuse {
            prop_assert_eq!(with.outcome(), Outcome::Refuse);
        }
        if without.outcome() == Outcome::Refuse {
            prop_assert_eq!(with.outcome(), Outcome::Refuse);
        }
    }
}
