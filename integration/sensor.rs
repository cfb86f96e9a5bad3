//! `sekisho analyze` and `sekisho evaluate` through the real binary, on captures made here, and
//! on the labelled captures where they are.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::city::root;

const PHONE: [u8; 6] = [0x02, 0, 0, 0, 0, 0x51];
const SERVER: [u8; 6] = [0x02, 0, 0, 0, 0, 0x52];

fn sekisho(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sekisho"))
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

/// An Ethernet frame with a UDP datagram in it.
fn datagram(
    from: [u8; 6],
    source: Ipv4Addr,
    ports: (u16, u16),
    ttl: u8,
    payload: &[u8],
) -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend_from_slice(&from);
    frame.extend_from_slice(&[8, 0, 0x45, 0]);
    frame.extend_from_slice(&(28 + payload.len() as u16).to_be_bytes());
    frame.extend_from_slice(&[0, 0, 0, 0, ttl, 17, 0, 0]);
    frame.extend_from_slice(&source.octets());
    frame.extend_from_slice(&[255; 4]);
    for value in [ports.0, ports.1, 8 + payload.len() as u16, 0] {
        frame.extend_from_slice(&value.to_be_bytes());
    }
    frame.extend_from_slice(payload);
    frame
}

fn dhcp(reply: bool, client: [u8; 6], options: &[&[u8]]) -> Vec<u8> {
    let mut payload = vec![0; 240];
    payload[0] = if reply { 2 } else { 1 };
    payload[2] = 6;
    payload[28..34].copy_from_slice(&client);
    payload[236..240].copy_from_slice(&[0x63, 0x82, 0x53, 0x63]);
    payload.extend(options.concat());
    payload.push(255);
    payload
}

/// A phone that asks for an address and looks its probe's name up.
pub fn phone(mac: [u8; 6]) -> Vec<Vec<u8>> {
    let asks = dhcp(false, mac, &[&[53, 1, 1], b"\x3c\x0fandroid-dhcp-13", &[55, 2, 1, 3]]);
    let mut query = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    query.extend_from_slice(b"\x11connectivitycheck\x07gstatic\x03com\0\0\x01\0\x01");
    vec![
        datagram(mac, Ipv4Addr::UNSPECIFIED, (68, 67), 64, &asks),
        datagram(mac, Ipv4Addr::new(10, 1, 1, 5), (40_000, 53), 64, &query),
    ]
}

/// A DHCP server.
fn server() -> Vec<Vec<u8>> {
    let gives = dhcp(true, PHONE, &[&[53, 1, 5], &[54, 4, 10, 1, 1, 9]]);
    vec![datagram(SERVER, Ipv4Addr::new(10, 1, 1, 9), (67, 68), 64, &gives)]
}

fn pcap(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut octets = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    octets.extend_from_slice(&65_535_u32.to_le_bytes());
    octets.extend_from_slice(&1_u32.to_le_bytes());
    for (second, frame) in (1_700_000_000_u32..).zip(frames) {
        for value in [second, 0, frame.len() as u32, frame.len() as u32] {
            octets.extend_from_slice(&value.to_le_bytes());
        }
        octets.extend_from_slice(frame);
    }
    octets
}

fn write(directory: &Path, name: &str, octets: &[u8]) -> String {
    let path = directory.join(name);
    fs::write(&path, octets).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_phone_in_a_capture_is_found_from_a_file_and_from_standard_input() {
    let directory = tempfile::tempdir().unwrap();
    let capture = pcap(&phone(PHONE));
    let file = write(directory.path(), "phone.pcap", &capture);
    let output = sekisho(&["analyze", &file, "--json", "--lang", "en"]);
    assert_eq!(output.status.code(), Some(1));
    let lines = text(&output.stdout);
    assert_eq!(lines.lines().count(), 1, "{lines}");
    let verdict: Value = serde_json::from_str(lines.trim()).unwrap();
    assert_eq!(verdict["kind"], "phone");
    assert_eq!(verdict["mac"], "02-00-00-00-00-51");
    assert_eq!(verdict["ip"][0], "10.1.1.5");
    assert_eq!(verdict["first_frame_time"], "2023-11-14T22:13:20.000Z");
    assert_eq!(verdict["verdict_time"], "2023-11-14T22:13:21.000Z");
    let ids: Vec<_> = verdict["signs"].as_array().unwrap().iter().map(|it| &it["id"]).collect();
    assert_eq!(ids, ["dhcp.phone", "names.phone", "l2.local-mac"]);

    let mut child = Command::new(env!("CARGO_BIN_EXE_sekisho"))
        .args(["analyze", "-", "--lang", "ja"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&capture).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let lines = text(&output.stdout);
    assert!(lines.contains("[phone] 02-00-00-00-00-51 はスマートフォンです"), "{lines}");
    assert!(lines.contains("フレーム 2"), "{lines}");
}

#[test]
fn the_plan_of_the_city_says_who_may_give_addresses() {
    let directory = tempfile::tempdir().unwrap();
    let file = write(directory.path(), "server.pcap", &pcap(&server()));
    let without = sekisho(&["analyze", &file, "--watch", "--json", "--lang", "en"]);
    assert_eq!(without.status.code(), Some(0));
    assert!(text(&without.stdout).contains("\"unplanned-dhcp\""));
    let with = ["analyze", &file, "--config", "config", "--topology", "topology", "--json"];
    let with = sekisho(&with);
    assert_eq!(with.status.code(), Some(1), "{}", text(&with.stderr));
    assert!(text(&with.stdout).contains("\"rogue-dhcp\""));
}

#[test]
fn two_environments_on_one_wire_are_told_with_their_frames() {
    let directory = tempfile::tempdir().unwrap();
    let mut stray = datagram(SERVER, Ipv4Addr::new(10, 1, 4, 5), (5000, 5001), 64, b"x");
    stray[..6].copy_from_slice(&PHONE);
    stray[30..34].copy_from_slice(&[10, 3, 4, 6]);
    let file = write(directory.path(), "stray.pcap", &pcap(&[stray]));
    let planned = ["analyze", &file, "--config", "config", "--topology", "topology"];
    let quiet = sekisho(&planned);
    assert_eq!(quiet.status.code(), Some(0), "nobody says whose VLAN it is");
    let found = sekisho(&[&planned[..], &["--untagged-vlan", "130", "--json"]].concat());
    assert_eq!(found.status.code(), Some(1), "{}", text(&found.stderr));
    let breach: Value = serde_json::from_slice(&found.stdout).unwrap();
    assert_eq!(
        (&breach["level"], &breach["kind"]),
        (&"breach".into(), &"separation.address".into())
    );
    assert_eq!((&breach["environment"], &breach["other"]), (&"C".into(), &"A".into()));
    assert_eq!((&breach["verdict_frame"], &breach["vlan"]), (&1.into(), &130.into()));
    assert_eq!(breach["verdict_time"], "2023-11-14T22:13:20.000Z");
    let told = sekisho(&[&planned[..], &["--untagged-vlan", "130", "--lang", "ja"]].concat());
    assert!(text(&told.stdout).contains("A のアドレス 10.1.4.5"), "{}", text(&told.stdout));
}

#[test]
fn wrong_captures_are_told_by_name_place_and_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let whole = pcap(&phone(PHONE));
    let cut = write(directory.path(), "cut.pcap", &whole[..whole.len() - 3]);
    let garbage = write(directory.path(), "garbage.pcap", b"not a capture at all");
    for (file, words) in [
        (cut.as_str(), "breaks off after frame 1"),
        (&garbage, "neither pcap nor pcapng"),
        ("/nonexistent.pcap", "cannot read `/nonexistent.pcap`"),
        ("config", "not a regular file"),
    ] {
        let output = sekisho(&["analyze", file, "--lang", "en"]);
        assert_eq!(output.status.code(), Some(2), "{file}");
        assert!(text(&output.stderr).contains(words), "{file}: {}", text(&output.stderr));
    }
    let output = sekisho(&["analyze", &cut, "--vantage", "moon"]);
    assert_eq!(output.status.code(), Some(2));
}

/// A manifest of these rows in a directory that holds the captures it names.
fn labelled(rows: &[[&str; 4]]) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "phone.pcap", &pcap(&phone(PHONE)));
    write(directory.path(), "server.pcap", &pcap(&server()));
    let mut manifest = "file\tscenario\tclass\texpected\n".to_owned();
    for row in rows {
        writeln!(manifest, "{}", row.join("\t")).unwrap();
    }
    let path = write(directory.path(), "MANIFEST.tsv", manifest.as_bytes());
    (directory, path)
}

fn evaluate(directory: &Path, manifest: &str) -> (Output, Value) {
    let captures = directory.to_str().unwrap();
    let arguments = ["evaluate", "--manifest", manifest, "--captures", captures, "--json"];
    let output = sekisho(&[&arguments[..], &["--lang", "en"]].concat());
    let value = serde_json::from_slice(&output.stdout).unwrap();
    (output, value)
}

#[test]
fn a_labelled_set_is_measured_by_scenario() {
    let (directory, manifest) = labelled(&[
        ["phone.pcap", "S2-phone", "pos", "ALERT phone 10.1.1.5; PARSE dhcp"],
        ["server.pcap", "N", "neg", "NO-ALERT; ROLE 10.1.1.9=dhcp-server"],
    ]);
    let (output, value) = evaluate(directory.path(), &manifest);
    assert_eq!(output.status.code(), Some(0), "{value}");
    let scenario = &value["scenarios"]["S2-phone"];
    for of in [scenario, &value["overall"]] {
        assert_eq!((&of["recall"], &of["precision"]), (&1.0.into(), &1.0.into()));
        assert_eq!((&of["positives"], &of["false_alarms"]), (&1.into(), &0.into()));
        assert_eq!(of["time_to_detect_s"]["median"], 1.0);
        assert_eq!(of["time_to_detect_s"]["p95"], 1.0);
    }
    assert_eq!(value["scenarios"]["N"]["recall"], Value::Null);
}

#[test]
fn misses_and_false_alarms_are_told_with_their_reasons() {
    let (directory, manifest) = labelled(&[
        ["phone.pcap", "S2-phone", "pos", "ALERT relay 02:00:00:00:00:51"],
        ["server.pcap", "N", "neg", "NO-ALERT"],
    ]);
    let (output, value) = evaluate(directory.path(), &manifest);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(value["scenarios"]["S2-phone"]["recall"], 0.0);
    assert_eq!(value["scenarios"]["N"]["false_alarms"], 1);
    let reason = value["misses"][0]["reasons"][0].as_str().unwrap();
    assert!(reason.contains("another kind: phone"), "{reason}");
    let alarms = value["false_alarms"].as_array().unwrap();
    assert_eq!(alarms.len(), 2);
    assert_eq!(alarms[1]["reasons"][0]["kind"], "rogue-dhcp");
    let captures = directory.path().to_str().unwrap();
    let printed = sekisho(&["evaluate", "--manifest", &manifest, "--captures", captures]);
    assert!(text(&printed.stdout).contains("見逃し phone.pcap"), "{}", text(&printed.stdout));
}

#[test]
fn wrong_rows_are_told_by_line_and_remedy_and_the_others_are_measured() {
    let (directory, manifest) = labelled(&[
        ["absent.pcap", "N", "neg", "NO-ALERT"],
        ["phone.pcap", "N", "neg", "SILENCE"],
        ["phone.pcap", "S2-phone", "pos", "ALERT phone"],
        ["../phone.pcap", "N", "neg", "NO-ALERT"],
    ]);
    let (output, value) = evaluate(directory.path(), &manifest);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(value["overall"]["found"], 1);
    let told = text(&output.stderr);
    for words in ["line 2: cannot read", "line 3: cannot read the clause `SILENCE`", "line 5: "] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let spoilt = "file\tscenario\tclass\texpected\tsha256\nphone.pcap\tN\tneg\tNO-ALERT\t00\n";
    let spoilt = write(directory.path(), "spoilt.tsv", spoilt.as_bytes());
    let (output, _) = evaluate(directory.path(), &spoilt);
    assert!(text(&output.stderr).contains("SHA-256"), "{}", text(&output.stderr));
}

/// A short run: its numbers have the form of a labelled set's, and the frames that it writes are
/// those that it counted, for whoever reads them.
#[test]
fn a_simulated_hall_is_measured_and_its_frames_can_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("hall.pcap");
    let file = file.to_str().unwrap();
    let short =
        ["evaluate", "--simulate", "3", "--hours", "1", "--endpoints", "40", "--repeats", "1"];
    let output = sekisho(&[&short[..], &["--write", file, "--json"]].concat());
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    let overall = &value["overall"];
    assert_eq!(overall["false_alarms"], 0, "{value}");
    assert!(overall["found"].as_u64() > Some(5), "{value}");
    assert!(overall["time_to_detect_s"]["p95"].is_number());
    assert_eq!(value["scenarios"]["3b"]["recall"], 1.0, "{value}");
    assert_eq!(value["unseen"]["2a-notebook"]["result"]["found"], 0);
    let rate = &value["false_alarms_per_endpoint_day"];
    let upper = rate["rate_ci95"][1].as_f64().unwrap();
    assert!((upper * 40.0 / 24.0 - 2.996).abs() < 0.01, "the rule of three: {rate}");

    let read = sekisho(&["analyze", file, "--vantage", "edge", "--lang", "en"]);
    let frames = format!("{} (unreadable: 0", value["simulation"]["frames"]);
    assert!(text(&read.stdout).contains(&frames), "{frames}: {}", text(&read.stdout));
    let again = sekisho(&[&short[..], &["--write", file]].concat());
    assert_eq!(again.status.code(), Some(2));
    assert!(text(&again.stderr).contains("hall.pcap"), "{}", text(&again.stderr));
    let wrong = sekisho(&["evaluate", "--simulate", "3", "--hours", "0"]);
    assert_eq!(wrong.status.code(), Some(2));
}
