//! Lists as spreadsheets save them against a few rows of the shipped inventory.

use encoding_rs::SHIFT_JIS;
use proptest::prelude::*;

use super::*;
use crate::plan::tests::{NOW, shipped};
use crate::vocabulary::Language;

const LIST: &str = "端末番号,Macアドレス1,Macアドレス2,系統,ＰＣ名,区分,証明書名,備考
P-0001,D41E.F82F.60B6,,A,MU-PC0001,情報系端末,MU-PC0001.pc.city.example,
P-0002,Ｄ４：１Ｅ：Ｆ９：９４：６Ｂ：５Ｅ,,B,MU-PC0002,情報系端末,mu-pc0002.pc.city.example,\"髙﨑\"\"一\"
N-0001,00-12-E2-00-00-01,00-12-E2-00-00-02,B,NEW1,情報系端末,new1.city.example,\"二行の
備考, 。\"
";

/// The shipped site with the first three devices of its inventory, and those that exceptions name.
fn site() -> Sources {
    let mut sources = shipped();
    let text = String::from_utf8(sources.config["inventory.csv"].clone()).unwrap();
    let lines =
        text.lines().enumerate().filter(|(index, line)| *index < 4 || line.starts_with("S-000"));
    let lines: String = lines.take(10).map(|(_, line)| format!("{line}\n")).collect();
    sources.config.insert("inventory.csv".to_owned(), lines.into_bytes());
    sources
}

fn compared(list: impl Into<Vec<u8>>, sources: &Sources, full: bool) -> Import {
    let import = import(&list.into(), "list.csv", None, sources, full, NOW);
    let import = import.unwrap_or_else(|findings| panic!("{findings:#?}"));
    let taken = import.added.len() + import.changed.len() + import.unchanged;
    assert_eq!(import.rows, taken + import.refused.len(), "{import:#?}");
    import
}

fn text(import: &Import) -> String {
    String::from_utf8(import.inventory.clone().unwrap()).unwrap()
}

/// The asset, the lines and ids of everything refused.
fn refused(import: &Import) -> Vec<String> {
    let of = |row: &Refused| -> Vec<String> {
        let one = |finding: &Finding| {
            let at = finding.at.as_ref().unwrap();
            assert_eq!(at.line, row.line, "{finding:?}");
            format!("{}:{} {} {}", row.line, row.asset, finding.kind.id(), finding.field)
        };
        row.findings.iter().map(one).collect()
    };
    import.refused.iter().flat_map(of).collect()
}

#[test]
fn every_encoding_separator_and_line_ending_says_the_same() {
    let separated = |by: &str| LIST.replace(',', by).replace(&format!("備考{by} 。"), "備考, 。");
    let utf16: Vec<u8> = separated("\t").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked16 = [&[0xff, 0xfe], utf16.as_slice()].concat();
    let sites = site();
    let plain = compared(LIST, &sites, false);
    assert_eq!((plain.added.len(), plain.changed.len(), plain.unchanged), (1, 2, 0));
    assert_eq!(refused(&plain), Vec::<String>::new());
    let windows = LIST.replace('\n', "\r\n");
    for (name, octets, charset, separator) in [
        ("mark", [b"\xef\xbb\xbf", LIST.as_bytes()].concat(), Charset::Utf8Marked, ','),
        ("cp932", SHIFT_JIS.encode(&windows).0.into_owned(), Charset::Cp932, ','),
        ("utf-16", marked16, Charset::Utf16, '\t'),
        ("semicolons", separated(";").into_bytes(), Charset::Utf8, ';'),
        ("old Macintosh", LIST.replace('\n', "\r").into_bytes(), Charset::Utf8, ','),
    ] {
        let import = compared(octets, &sites, false);
        assert_eq!((import.charset, import.separator), (charset, separator), "{name}");
        assert_eq!(import.changed, plain.changed, "{name}");
        assert_eq!(text(&import), text(&plain), "{name}");
    }
    let told = import(&utf16, "list.csv", Some(Charset::Utf16), &sites, false, NOW).unwrap();
    assert_eq!(text(&told), text(&plain));
    for wrong in [Charset::Cp932, Charset::Utf16] {
        assert!(import(LIST.as_bytes(), "list.csv", Some(wrong), &sites, false, NOW).is_err());
    }
}

#[test]
fn what_changes_is_told_and_what_does_not_stays_to_the_octet() {
    let sites = site();
    let before = String::from_utf8(sites.config["inventory.csv"].clone()).unwrap();
    let titled = format!("端末一覧,,\n令和8年11月,,\n\n{LIST},,,,,,,\n");
    let import = compared(titled, &sites, false);
    assert_eq!((import.titles, import.blank, import.absent), (2, 1, 7));
    let change = |field: &str, old: &str, new: &str| Change {
        field: field.to_owned(),
        old: old.to_owned(),
        new: new.to_owned(),
    };
    let [first, second] = import.changed.as_slice() else { panic!("{import:#?}") };
    assert_eq!((first.line, &first.changes), (5, &vec![change("環境", "B", "A")]));
    assert_eq!(second.changes, [change("備考", "", "髙﨑\"一")]);
    let came = |from: Option<&str>, to: Option<&str>| Move {
        from: from.map(str::to_owned),
        to: to.map(str::to_owned),
        devices: 1,
    };
    assert_eq!(import.moves, [came(None, Some("B")), came(Some("B"), Some("A"))]);
    assert_eq!(import.faults, []);
    let after = text(&import);
    let mut expected: Vec<String> = before.lines().map(str::to_owned).collect();
    expected[1] = expected[1].replace(",B,", ",A,");
    expected[2] = format!("{}\"髙﨑\"\"一\"", expected[2]);
    expected.push(
        "N-0001,NEW1,,,,00-12-E2-00-00-01;00-12-E2-00-00-02,new1.city.example,情報系端末,,B,,\"二行の".to_owned(),
    );
    expected.push("備考, 。\"".to_owned());
    assert_eq!(after.lines().collect::<Vec<_>>(), expected);
    // What was taken over is afterwards unchanged.
    let mut sites = sites;
    sites.config.insert("inventory.csv".to_owned(), after.clone().into_bytes());
    let again = compared(LIST, &sites, false);
    assert_eq!((again.unchanged, again.differs()), (3, false));
    assert_eq!(text(&again), after);
}

#[test]
fn the_encoding_and_line_endings_of_the_inventory_stay() {
    let mut sites = site();
    let unix = String::from_utf8(sites.config["inventory.csv"].clone()).unwrap();
    let windows = unix.trim_end().replace('\n', "\r\n");
    let octets = SHIFT_JIS.encode(&windows).0.into_owned();
    sites.config.insert("inventory.csv".to_owned(), octets.clone());
    let list = "資産番号,MACアドレス,区分,環境\nN-1,00-12-E2-00-00-01,プリンター,B\n";
    let import = compared(list, &sites, false);
    let added = "\r\nN-1,,,,,00-12-E2-00-00-01,,プリンター,,B,,\r\n";
    let expected = [octets.as_slice(), &SHIFT_JIS.encode(added).0].concat();
    assert_eq!(import.inventory, Some(expected));
    let foreign = list.replace("資産番号", "備考,資産番号").replace("N-1", "한,N-1");
    let import = compared(foreign, &sites, false);
    assert_eq!(import.obstacles(Consent::default()), [Obstacle::Unwritable("CP932")]);
}

/// Each row spoils one spot of the list and names everything that must be refused for it.
#[test]
fn every_mistake_refuses_its_row_and_says_where() {
    let mac = "00-12-E2-00-00-01,00-12-E2-00-00-02";
    let cell = "Macアドレス1";
    let sites = site();
    for (from, to, expected) in [
        (mac, "1.2E+11,", vec![format!("4:N-0001 inventory.mac-exponent {cell}")]),
        (mac, "24103,", vec![format!("4:N-0001 inventory.mac-zeros-lost {cell}")]),
        (mac, "01-00-5E-00-00-01,", vec![format!("4:N-0001 inventory.mac-group {cell}")]),
        (mac, "000000000000,", vec![format!("4:N-0001 inventory.mac-zero {cell}")]),
        (mac, "FFFFFFFFFFFF,", vec![format!("4:N-0001 inventory.mac-broadcast {cell}")]),
        (mac, "00-12-E2-O0-00-01,", vec![format!("4:N-0001 inventory.mac-not-hexadecimal {cell}")]),
        (mac, ",", vec!["4:N-0001 inventory.no-mac MACアドレス".to_owned()]),
        // Nobody knows which of two rows is right.
        (
            mac,
            "D4-1E-F8-2F-60-B6,",
            vec![
                format!("2:P-0001 inventory.mac-twice {cell}"),
                format!("4:N-0001 inventory.mac-twice {cell}"),
            ],
        ),
        (
            "N-0001,",
            "P-0001,",
            vec![
                "2:P-0001 file.duplicate 端末番号".to_owned(),
                "4:P-0001 file.duplicate 端末番号".to_owned(),
            ],
        ),
        ("N-0001,", ",", vec!["4: file.empty-value 端末番号".to_owned()]),
        // Of a device that the list does not hold.
        (mac, "E8-0F-5D-41-ED-2E,", vec![format!("4:N-0001 inventory.mac-twice {cell}")]),
        ("new1.city", "mu-pc0003.pc.city", vec!["4:N-0001 file.duplicate 証明書名".to_owned()]),
        ("B,NEW1", "Z,NEW1", vec!["4:N-0001 file.unknown-reference 環境".to_owned()]),
        ("B,NEW1,情報系", "B,NEW1,情緒系", vec!["4:N-0001 file.unknown-reference 区分".to_owned()]),
        ("example,\"髙", "example,x,\"髙", vec!["3:P-0002 inventory.row-width ".to_owned()]),
    ] {
        let spoilt = LIST.replacen(from, to, 1);
        assert_ne!(spoilt, LIST, "{from}");
        let import = compared(spoilt, &sites, false);
        assert_eq!(refused(&import), expected, "{from} -> {to}");
        assert_eq!(import.faults, [], "{from} -> {to}");
        let count = import.refused.len();
        assert_eq!(import.obstacles(Consent::default()), [Obstacle::Refused(count)]);
        let partial = Consent { partial: true, removals: None };
        assert_eq!(import.obstacles(partial), []);
    }
}

#[test]
fn addresses_may_change_hands_within_a_list() {
    let sites = site();
    let (first, second) = ("D4-1E-F8-2F-60-B6", "D4-1E-F9-94-6B-5E");
    let list = format!("資産番号,MACアドレス\nP-0001,{second}\nP-0002,{first}\n");
    let import = compared(list, &sites, false);
    assert_eq!((import.changed.len(), refused(&import)), (2, Vec::new()));
    assert_eq!(import.faults, []);
    // The one whose address was to be taken is refused, and so the other must be as well.
    let list = format!("資産番号,MACアドレス,環境\nP-0001,{second},B\nP-0002,{first},Z\n");
    let import = compared(list, &sites, false);
    let ids: Vec<_> = import.refused.iter().map(|row| row.findings[0].kind.id()).collect();
    assert_eq!(ids, ["inventory.mac-twice", "file.unknown-reference"]);
    assert_eq!((import.differs(), import.faults), (false, Vec::new()));
}

#[test]
fn devices_are_removed_by_a_full_list_only_and_never_by_mistake() {
    let sites = site();
    let before = String::from_utf8(sites.config["inventory.csv"].clone()).unwrap();
    let list = before.lines().filter(|line| !line.starts_with("P-0003"));
    let list: String = list.map(|line| format!("{line}\n")).collect();
    let import = compared(list.clone(), &sites, false);
    assert_eq!((import.removed.len(), import.absent, import.differs()), (0, 1, false));
    let import = compared(list.clone(), &sites, true);
    assert_eq!(import.removed.iter().map(|it| it.asset.as_str()).collect::<Vec<_>>(), ["P-0003"]);
    assert_eq!(text(&import), list);
    // Numbers alone tell it too.
    let numbers = list.lines().filter_map(|line| line.split(',').next());
    let numbers: String = numbers.map(|number| format!("{number}\n")).collect();
    let alone = compared(numbers, &sites, true);
    assert_eq!((alone.removed, alone.changed.len()), (import.removed.clone(), 0));
    let agreed = |count| Consent { partial: true, removals: Some(count) };
    assert_eq!(import.obstacles(Consent::default()), [Obstacle::RemovalsMany(1)]);
    assert_eq!(import.obstacles(agreed(2)), [Obstacle::RemovalsOther(1, 2)]);
    assert_eq!(import.obstacles(agreed(1)), []);
    // A refused row still says that its device is there; one without a number says nothing.
    let spoilt = before.replacen("84-F0-2C-F5-9F-08", "1E+11", 1);
    assert_eq!(compared(spoilt, &sites, true).removed, []);
    let spoilt = before.replacen("P-0003,", ",", 1);
    assert_eq!(compared(spoilt, &sites, true).obstacles(agreed(1)), [Obstacle::RemovalsUnsure]);
    // What other files name cannot go.
    let gone = list.lines().filter(|line| !line.starts_with("S-0001"));
    let import = compared(gone.map(|line| format!("{line}\n")).collect::<String>(), &sites, true);
    assert_eq!(import.obstacles(agreed(2)), [Obstacle::Faults(1)]);
}

#[test]
fn only_addresses_and_numbers_are_folded_and_private_letters_are_listed() {
    let mut sites = site();
    let text_before = String::from_utf8(sites.config["inventory.csv"].clone()).unwrap();
    let mut lines = text_before.lines().map(|line| format!("{line},\n"));
    let headings = lines.next().unwrap().replace(",\n", ",IPアドレス\n");
    let wide: String = [headings].into_iter().chain(lines).collect();
    sites.config.insert("inventory.csv".to_owned(), wide.into_bytes());
    let list = "資産番号,ＩＰアドレス,備考,色,\nP-0001,１０．１．２．３,Ａ\u{fa10}\u{e001},赤,x\n";
    let import = compared(list, &sites, false);
    let changes = &import.changed[0].changes;
    let new: Vec<_> = changes.iter().map(|it| (it.field.as_str(), it.new.as_str())).collect();
    assert_eq!(new, [("備考", "Ａ\u{fa10}\u{e001}"), ("IPアドレス", "10.1.2.3")]);
    let told: Vec<_> = import
        .warnings
        .iter()
        .map(|it| (it.kind, it.at.as_ref().unwrap().line, it.text(Language::English)))
        .collect();
    let unused =
        |name: &str| (FindingKind::ColumnUnknown, 1, format!("the column `{name}` is not used"));
    assert!(told.contains(&unused("色")) && told.contains(&unused("#5")), "{told:?}");
    let private = |it: &&(FindingKind, u32, String)| it.0 == FindingKind::PrivateUse && it.1 == 2;
    assert_eq!(told.iter().filter(private).count(), 1, "{told:?}");
}

#[test]
fn what_is_no_list_is_refused_as_a_whole() {
    let sites = site();
    for (list, expected) in [
        ("a,b\nc,d\n", FindingKind::NoHeader),
        ("MACアドレス,環境\n00-12-E2-00-00-01,B\n", FindingKind::ColumnMissing),
        ("資産番号,環境\nP-0001,\"B\nP-0002,C\n", FindingKind::QuoteOpen),
    ] {
        let findings = import(list.as_bytes(), "list.csv", None, &sites, true, NOW).unwrap_err();
        assert!(findings.iter().any(|finding| finding.kind == expected), "{findings:?}");
    }
    let mut sites = sites;
    sites.config.remove("inventory.csv");
    let findings = import(LIST.as_bytes(), "list.csv", None, &sites, false, NOW).unwrap_err();
    assert_eq!(findings[0].kind, FindingKind::FileAbsent);
}

#[test]
fn both_languages_want_the_same_of_an_obstacle() {
    for obstacle in [
        Obstacle::Refused(1),
        Obstacle::RemovalsMany(2),
        Obstacle::RemovalsOther(3, 4),
        Obstacle::RemovalsUnsure,
        Obstacle::Faults(5),
        Obstacle::Unwritable("CP932"),
    ] {
        let (ja, en) = (obstacle.text(Language::Japanese), obstacle.text(Language::English));
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).count();
        assert_eq!(digits(&ja), digits(&en), "{ja} {en}");
        assert!(!ja.contains('`') || en.contains('`'), "{ja}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_slip_in_a_list_panics_or_loses_a_row(at in 0..LIST.len(), cut in 0_usize..40, put: Vec<u8>) {
        let mut octets = LIST.as_bytes().to_vec();
        let end = (at + cut).min(octets.len());
        octets.splice(at..end, put);
        // Without the other files nothing compiles, which is quick and no concern of the list.
        let mut sources = Sources::default();
        sources.config.insert("inventory.csv".to_owned(), LIST.as_bytes().to_vec());
        if let Ok(import) = import(&octets, "list.csv", None, &sources, true, NOW) {
            let taken = import.added.len() + import.changed.len() + import.unchanged;
            prop_assert_eq!(import.rows, taken + import.refused.len());
        }
    }
}
