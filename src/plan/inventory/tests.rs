//! A small inventory, what is found when one cell of it is spoilt, and the shipped one.

use encoding_rs::SHIFT_JIS;
use proptest::prelude::*;

use super::*;
use crate::plan::finding::Sink;
use crate::plan::names::Names;
use crate::plan::topology::tests::{environments, lines, sources, topology};
use crate::plan::{Class, MacAdmission, Name, Origin, Sources};

const GOOD: &str = "資産番号,コンピューター名,MACアドレス,証明書識別名,区分,環境,設置場所,備考
P-1,PC1,00-12-E2-00-00-01;00-12-E2-00-00-02,PC1.city.example,情報系端末,A,hall/sw1,
P-2,PC2,0012.e200.0003,pc2.city.example,terminal,B,,\"二行の
備考\"
S-1,PR1,=\"0012E2000004\",,Printer,B,hall/sw1/0/9,

P-3,PC3,００：１２：Ｅ２：００：００ー０５,pc3.city.example,terminal,B,hall/wlc/ssid:city-b,
";

pub(in crate::plan) fn classes(names: &mut Names) -> Vec<Class> {
    let class = |id: &str, ja: &str, en: &str, mac| Class {
        id: id.to_owned(),
        name: Name { ja: ja.to_owned(), en: en.to_owned() },
        mac,
        handheld: false,
        at: Origin { file: "config/policy.toml".into(), line: 1 },
    };
    let classes = vec![
        class("terminal", "情報系端末", "Terminal", MacAdmission::Never),
        class("printer", "プリンター", "Printer", MacAdmission::Pinned),
    ];
    for (index, class) in (0_u8..).map(ClassIndex).zip(&classes) {
        for name in [&class.id, &class.name.ja, &class.name.en] {
            names.classes.insert(name.clone(), Some(index));
        }
    }
    // The shipped city's, all the same to this reader.
    for name in ["各課端末", "モバイル端末", "無線試行端末"] {
        names.classes.insert(name.to_owned(), Some(ClassIndex(0)));
    }
    names.classes.insert("その他機器".to_owned(), Some(ClassIndex(1)));
    classes
}

pub(in crate::plan) fn inventory(
    mut sources: Sources,
    octets: Vec<u8>,
) -> (Vec<Device>, Sink, Names) {
    let (sink, mut names) = (Sink::default(), Names::default());
    sources.config.insert("inventory.csv".to_owned(), octets);
    let topology = topology(&sources, &sink, &mut names);
    let environments = environments(&mut names).environments;
    let classes = classes(&mut names);
    let devices = read(&sources, &sink, &mut names, &environments, &classes, &topology);
    (devices, sink, names)
}

fn findings(octets: impl Into<Vec<u8>>) -> Vec<String> {
    lines(&inventory(sources(), octets.into()).1.into_findings())
}

#[test]
fn a_small_inventory_reads_as_written() {
    let (devices, sink, names) = inventory(sources(), GOOD.into());
    assert_eq!(lines(&sink.into_findings()), Vec::<String>::new());
    let summary: Vec<_> = devices
        .iter()
        .map(|it| (it.asset.as_str(), it.macs.len(), it.class.0, it.environment.0, it.at.line))
        .collect();
    let expected =
        [("P-1", 2, 0, 0, 2), ("P-2", 1, 0, 1, 3), ("S-1", 1, 1, 1, 5), ("P-3", 1, 0, 1, 7)];
    assert_eq!(summary, expected);
    let [first, second, third, fourth] = devices.as_slice() else { panic!("four devices") };
    assert_eq!(first.certificate.as_deref(), Some("pc1.city.example"));
    assert_eq!(second.note, "二行の\n備考");
    assert_eq!(
        (first.place.clone(), second.place.clone()),
        (Some(Area::Switch(SwitchIndex(1))), None)
    );
    assert_eq!(third.place, Some(Area::Port(SwitchIndex(1), PortIndex(8))));
    assert_eq!(third.macs[0].to_string(), "00-12-E2-00-00-04");
    assert_eq!(fourth.macs[0].to_string(), "00-12-E2-00-00-05");
    assert_eq!(fourth.place, Some(Area::Network(SwitchIndex(3), "city-b".to_owned())));
    assert_eq!(names.assets.len(), 4);
}

/// Whatever a spreadsheet saves the same table as, the same devices come out.
#[test]
fn every_encoding_separator_and_line_ending_reads_the_same() {
    let (expected, ..) = inventory(sources(), GOOD.into());
    let tabbed = GOOD.replace(',', "\t");
    let utf16: Vec<u8> =
        [0xfeff].into_iter().chain(tabbed.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let titled = format!("端末台帳,,,\n令和8年11月現在\n\n{GOOD}");
    for (name, octets, notice) in [
        ("mark", [b"\xef\xbb\xbf", GOOD.as_bytes()].concat(), None),
        (
            "cp932",
            SHIFT_JIS.encode(&GOOD.replace('\n', "\r\n")).0.into_owned(),
            Some("inventory.encoding inventory.csv:1 "),
        ),
        ("utf-16", utf16, Some("inventory.encoding inventory.csv:1 ")),
        ("old Macintosh", GOOD.replace('\n', "\r").into(), None),
        ("blank rows", format!("{GOOD},,,,,,,\n,,,,,,,\n\n").into(), None),
    ] {
        let (devices, sink, _) = inventory(sources(), octets);
        assert_eq!(devices, expected, "{name}");
        assert_eq!(lines(&sink.into_findings()), Vec::from_iter(notice), "{name}");
    }
    let (devices, ..) = inventory(sources(), titled.into());
    let lines: Vec<_> = devices.iter().map(|device| device.at.line).collect();
    assert_eq!(lines, [5, 6, 8, 10]);
}

/// Each row spoils one spot and names what must be found, and nothing else may be.
#[test]
fn every_mistake_is_found_where_it_is_made() {
    let mut wrong = Vec::new();
    let mac = "00-12-E2-00-00-01;";
    for (from, to, expected) in [
        (mac, "24103;", "inventory.mac-zeros-lost inventory.csv:2 MACアドレス"),
        (mac, "1.23457E+11;", "inventory.mac-exponent inventory.csv:2 MACアドレス"),
        (mac, "1E+200;", "inventory.mac-exponent inventory.csv:2 MACアドレス"),
        (mac, "00-12-E2-00-00;", "inventory.mac-length inventory.csv:2 MACアドレス"),
        (mac, "00-12-E2-00-00-01-02;", "inventory.mac-length inventory.csv:2 MACアドレス"),
        (mac, "00-12-E2-O0-00-01;", "inventory.mac-not-hexadecimal inventory.csv:2 MACアドレス"),
        (mac, "0-012-E2-00-00-01;", "inventory.mac-separators inventory.csv:2 MACアドレス"),
        (mac, "01-00-5E-00-00-01;", "inventory.mac-group inventory.csv:2 MACアドレス"),
        (mac, "FF:FF:FF:FF:FF:FF;", "inventory.mac-broadcast inventory.csv:2 MACアドレス"),
        (mac, "000000000000;", "inventory.mac-zero inventory.csv:2 MACアドレス"),
        (mac, "00-12-E2-00-00-02;", "inventory.mac-twice inventory.csv:2 MACアドレス"),
        (
            mac,
            "02-12-E2-00-00-01/",
            "inventory.mac-locally-administered-certificate inventory.csv:2 MACアドレス",
        ),
        (
            "0012.e200.0003",
            "0212.e200.0003",
            "inventory.mac-locally-administered inventory.csv:3 MACアドレス",
        ),
        ("0012.e200.0003", "0012.e200.0001", "inventory.mac-twice inventory.csv:3 MACアドレス"),
        ("0012.e200.0003", "", "inventory.no-mac inventory.csv:3 MACアドレス"),
        ("P-2", "P-1", "file.duplicate inventory.csv:3 資産番号"),
        ("P-2", "", "file.empty-value inventory.csv:3 資産番号"),
        ("PC2,", "pc1,", "inventory.computer-twice inventory.csv:3 コンピューター名"),
        ("pc2.city", "pC1.city", "file.duplicate inventory.csv:3 証明書識別名"),
        ("pc2.city.example", "", "inventory.never-admitted inventory.csv:3 区分"),
        ("terminal,B,,", "terminals,B,,", "file.unknown-reference inventory.csv:3 区分"),
        ("terminal,B,,", "terminal,D,,", "file.unknown-reference inventory.csv:3 環境"),
        ("terminal,B,,", "terminal,Q,,", "inventory.environment-closed inventory.csv:3 環境"),
        ("hall/sw1/0/9", "hell/sw1/0/9", "file.unknown-reference inventory.csv:5 設置場所"),
        ("hall/sw1/0/9", "hall/sw9/0/9", "file.unknown-reference inventory.csv:5 設置場所"),
        ("hall/sw1/0/9", "annex/sw1/0/9", "place.switch-elsewhere inventory.csv:5 設置場所"),
        ("hall/sw1/0/9", "hall/sw1/0/99", "file.unknown-reference inventory.csv:5 設置場所"),
        ("ssid:city-b", "ssid:city-a", "file.unknown-reference inventory.csv:7 設置場所"),
        ("二行", "\u{e000}行", "inventory.private-use-character inventory.csv:3 備考"),
        ("hall/sw1/0/9,", "hall/sw1/0/9", "inventory.row-width inventory.csv:5 "),
        (",備考\nP-1", ",IPアドレス\nP-1", "inventory.column-unknown inventory.csv:1 IPアドレス"),
        (",備考\nP-1", ",系統\nP-1", "inventory.column-twice inventory.csv:1 系統"),
        (
            ",区分,",
            ",区別,",
            "inventory.column-unknown inventory.csv:1 区別; inventory.column-missing inventory.csv:1 区分",
        ),
        ("ssid:city-b,", "ssid:city-b,\"", "inventory.quote-open inventory.csv:7 "),
    ] {
        let spoilt = GOOD.replacen(from, to, 1);
        assert_ne!(GOOD, spoilt, "{from}");
        let mut found = findings(spoilt);
        found.sort_by_key(|line| !line.starts_with("inventory.column-unknown"));
        if found.join("; ") != expected {
            wrong.push(format!("{from} -> {to}: {found:?}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_spoils_the_whole_file_is_found() {
    let wide = "x".repeat(1_001);
    let many = (0..17).map(|octet| format!("0012E20001{octet:02X};")).collect::<String>();
    for (octets, expected) in [
        (b"a,b\nc,d\n".to_vec(), "inventory.no-header inventory.csv:1 "),
        (b"".to_vec(), "inventory.no-header inventory.csv:1 "),
        ([GOOD.as_bytes(), b"\xff"].concat(), "inventory.undecodable inventory.csv:8 "),
        (GOOD.replacen("二行", &wide, 1).into(), "inventory.cell-too-long inventory.csv:3 備考"),
        (
            GOOD.replacen("00-12-E2-00-00-01;", &many, 1).into(),
            "file.too-many inventory.csv:2 MACアドレス",
        ),
    ] {
        assert_eq!(findings(octets), [expected]);
    }
}

#[test]
fn a_lost_zero_is_padded_and_a_wrong_letter_is_pointed_at() {
    let spoilt = GOOD.replacen("00-12-E2-00-00-01", "24103", 1).replacen(
        "0012.e200.0003",
        "0012.e2O0.0003",
        1,
    );
    let (_, sink, _) = inventory(sources(), spoilt.into());
    let texts: Vec<_> = sink
        .into_findings()
        .iter()
        .map(|it| it.text(crate::vocabulary::Language::English))
        .collect();
    assert_eq!(
        texts,
        [
            "`24103` may have lost its leading zeros (was it 000000024103?)",
            "character 8 of `0012.e2O0.0003`, `O`, is not a hexadecimal digit"
        ]
    );
}

#[test]
fn the_shipped_city_is_as_large_as_the_published_one() {
    let compiled = crate::plan::compile(&crate::plan::tests::shipped(), crate::plan::tests::NOW);
    let plan = compiled.plan.unwrap();
    assert_eq!((plan.devices.len(), plan.sites.len(), plan.switches.len()), (3_118, 20, 124));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_octets_panic(octets: Vec<u8>) {
        findings([GOOD.as_bytes(), &octets].concat());
        findings(octets);
    }

    #[test]
    fn no_slip_in_an_inventory_panics(at in 0..GOOD.len(), cut in 0_usize..40, put: Vec<u8>) {
        let mut octets = GOOD.as_bytes().to_vec();
        let end = (at + cut).min(octets.len());
        octets.splice(at..end, put);
        findings(octets);
    }
}
