//! Accounting, evidence and what becomes of them, over the real binary: by `radclient`, and by
//! switches of our own that send again until they are answered, through hard ends of the server.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sekisho::vocabulary::Secret;
use sekisho::wire::radius::{Code, Key, Packet, Writer, attribute};
use serde_json::Value;

use crate::city::{City, Server, address, free_port, printed, run, secret};

/// A switch of the city: id, address, an ALAXALA that names ports by NAS-Port.
const SWITCH: (&str, &str) = ("hon-sw15", "1.25");
/// A printer of environment B behind it.
const PRINTER: &str = "E8-0F-5E-60-EB-41";
const MAB: &str = "User-Name = \"e80f.5e60.eb41\"\nUser-Password = \"e80f.5e60.eb41\"\nCalling-Station-Id = \"e8-0f-5e-60-eb-41\"\nNAS-Port = 1\nMessage-Authenticator = 0x00";

/// Asks by radclient; what it printed.
pub fn ask(port: u16, kind: &str, lines: &str) -> String {
    let (id, at) = SWITCH;
    let lines = format!("{}\nPacket-Src-IP-Address = {}", lines.trim_end(), address(at));
    ask_as(port, kind, &secret(id), &lines)
}

/// The same for any switch, whose address the lines name.
pub fn ask_as(port: u16, kind: &str, secret: &str, lines: &str) -> String {
    let mut command = Command::new("radclient");
    command.args(["-x", "-r", "1", "-t", "3", &format!("127.0.0.1:{port}"), kind, secret]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("radclient must be installed");
    child.stdin.take().unwrap().write_all(format!("{lines}\n").as_bytes()).unwrap();
    printed(&child.wait_with_output().unwrap())
}

fn account(status: &str, more: &str) -> String {
    format!(
        "Acct-Status-Type = {status}\nAcct-Session-Id = \"s-1\"\nUser-Name = \"e80f.5e60.eb41\"\nCalling-Station-Id = \"e8-0f-5e-60-eb-41\"\nNAS-Port = 1\n{more}"
    )
}

/// The port for accounts of a running server.
pub fn accounting_port(server: &mut Server) -> u16 {
    let started = server.wait_for("start", |line| line["event"] == "SYS-started");
    started["accounting"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap()
}

fn told(city: &City, arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(&mut city.sekisho(arguments));
    (output.status.code(), printed(&output))
}

/// The records that answer, newest first.
fn found(city: &City, arguments: &[&str]) -> Vec<Value> {
    let arguments =
        [&["log", "search", "--format", "json", "--limit", "1000000"], arguments].concat();
    let output = run(&mut city.sekisho(&arguments));
    assert!(output.status.success(), "{}", printed(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_session_is_followed_from_admission_to_its_end_and_found_by_anything_known_of_it() {
    let city = City::new();
    let mut server = city.serve();
    let port = accounting_port(&mut server);
    assert!(ask(server.port, "auth", MAB).contains("Access-Accept"));
    let start = account("Start", "Framed-IP-Address = 10.2.4.7");
    assert!(ask(port, "acct", &start).contains("Accounting-Response"));
    let (code, who) = told(&city, &["who", "--mac", "e80f5e60eb41", "--lang", "ja"]);
    assert_eq!(code, Some(0), "{who}");
    for part in [PRINTER, "honcho/hon-sw15/0/1", "環境 B", "VLAN 125", "IP 10.2.4.7", "最後の判定"]
    {
        assert!(who.contains(part), "no {part} in {who}");
    }
    let asset = found(&city, &["--event", "ACCT-start"])[0]["asset"].as_str().unwrap().to_owned();
    for subject in [&["--ip", "10.2.4.7"][..], &["--asset", &asset], &["--port", "hon-sw15:0/1"]] {
        let (code, text) = told(&city, &[&["who"], subject].concat());
        assert!(code == Some(0) && text.contains(PRINTER), "{subject:?}: {text}");
        let option = [&["log", "search", "--since", "1h"], subject].concat();
        let (code, text) = told(&city, &option);
        assert!(code == Some(0) && text.contains("ACCT-start"), "{subject:?}: {text}");
    }
    let stop = account(
        "Stop",
        "Acct-Session-Time = 5\nAcct-Input-Octets = 7\nAcct-Input-Gigawords = 2\nAcct-Terminate-Cause = Lost-Carrier",
    );
    assert!(ask(port, "acct", &stop).contains("Accounting-Response"));
    let (_, who) = told(&city, &["who", "--mac", PRINTER, "--history", "--json"]);
    let who: Value = serde_json::from_str(&who).unwrap();
    let session = &who["sessions"][0];
    assert_eq!(session["cause"], "lost-carrier");
    assert_eq!(session["input_octets"], (2_u64 << 32) + 7);
    // A stranger's account, a wrong secret and another code get no answer.
    let unknown = start.replace("e8-0f-5e-60-eb-41", "02-00-00-00-00-09");
    assert!(ask(port, "acct", &unknown).contains("Accounting-Response"), "recorded all the same");
    assert!(!ask(port, "auth", MAB).contains("Access-Accept"));
    assert!(ask(port, "status", "Message-Authenticator = 0x00").contains("Accounting-Response"));
    let (code, text) = told(&city, &["log", "verify", "--lang", "en"]);
    assert!(code == Some(0) && text.contains("nothing changed"), "{text}");
    // What no record has is told apart from what only does not come together.
    let slip = ["log", "search", "--switch", "hon-sw51", "--result", "admit", "--lang", "en"];
    let (code, text) = told(&city, &slip);
    assert!(code == Some(0) && text.contains("`hon-sw51` of --switch"), "{text}");
    assert!(!text.contains("`admit`"), "{text}");
    let (_, text) = told(&city, &["log", "search", "--switch", "HON-SW15", "--lang", "en"]);
    assert!(text.contains("did you mean `hon-sw15`?"), "{text}");
    let csv = run(&mut city.sekisho(&["log", "search", "--format", "csv", "--encoding", "cp932"]));
    let script = "import csv,sys\nrows=list(csv.reader(open(sys.argv[1],encoding='cp932',newline='')))\nassert rows[0][7]=='MACアドレス', rows[0]\nprint(len(rows), len({len(row) for row in rows}))";
    fs::write(city.path("out.csv"), csv.stdout).unwrap();
    let read = run(Command::new("python3").args(["-c", script]).arg(city.path("out.csv")));
    let count = found(&city, &[]).len() + 1;
    assert_eq!(printed(&read).trim(), format!("{count} 1"), "another program reads the table");
    assert!(server.stop().success());
}

#[test]
fn wrong_questions_are_answered_with_what_to_write_instead() {
    let city = City::new();
    for (arguments, code, text) in [
        (&["log", "search", "--state", "nowhere"][..], 1, "nowhere/evidence.sqlite"),
        (&["log", "search", "--mac", "zz"], 2, "00-12-E2-01-02-03"),
        (&["log", "search", "--since", "tomorrow"], 2, "24h"),
        (&["log", "search", "--port", "hon-sw15"], 2, "hon-sw01:0/3"),
        (&["log", "search", "--since", "昨日", "--until", "7d"], 2, "--since"),
        (&["log", "search", "--limit", "0"], 2, "--limit"),
        (&["log", "search", "--format", "xml"], 2, "csv"),
        (&["log", "verify"], 1, "evidence.pub"),
        (&["log"], 2, ""),
        (&["who"], 2, ""),
        (&["who", "--mac", PRINTER, "--asset", "P-0001"], 2, ""),
    ] {
        for language in ["ja", "en"] {
            let (found, told) = told(&city, &[arguments, &["--lang", language]].concat());
            assert_eq!(found, Some(code), "{arguments:?}: {told}");
            assert!(told.contains(text), "{arguments:?}: {told}");
        }
    }
}

#[test]
fn every_tampering_with_the_file_is_named() {
    let city = City::new();
    let server = city.serve();
    for _ in 0..4 {
        assert!(ask(server.port, "auth", MAB).contains("Access-Accept"));
    }
    assert!(server.stop().success());
    let file = city.path("state/evidence.sqlite");
    let whole = fs::read(&file).unwrap();
    for (change, text) in [
        ("UPDATE record SET body = replace(body, '\"B\"', '\"A\"') WHERE sequence = 2", "2"),
        ("DELETE FROM record WHERE sequence = 3", "3"),
        (
            "UPDATE record SET sequence = 900 WHERE sequence = 2; UPDATE record SET sequence = 2 WHERE sequence = 3; UPDATE record SET sequence = 3 WHERE sequence = 900",
            "2",
        ),
    ] {
        fs::write(&file, &whole).unwrap();
        rusqlite::Connection::open(&file).unwrap().execute_batch(change).unwrap();
        let (code, told) = told(&city, &["log", "verify", "--lang", "en"]);
        assert!(
            code == Some(1) && told.contains(&format!("record {text}"))
                || told.contains(&format!("records {text} to")),
            "{change}: {told}"
        );
    }
}

#[test]
fn a_full_disk_changes_no_decision_and_loses_no_acknowledged_account() {
    let city = City::new();
    let state = city.path("state");
    fs::create_dir(&state).unwrap();
    let at = state.to_str().unwrap();
    let mount =
        |arguments: &[&str]| run(Command::new(arguments[0]).args(&arguments[1..])).status.success();
    assert!(mount(&["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", at]));
    let mut server = city.serve();
    let port = accounting_port(&mut server);
    assert!(ask(port, "acct", &account("Start", "")).contains("Accounting-Response"));
    assert!(fs::write(state.join("filler"), vec![0; 64 << 20]).is_err(), "the disk is full");
    let mut counter = 0;
    let deadline = Instant::now() + Duration::from_secs(20);
    while city_page_value(&city, "sekisho_evidence_spooled") == 0.0 {
        assert!(Instant::now() < deadline, "the spool takes over");
        counter += 1;
        let interim = account("Interim-Update", &format!("Acct-Session-Time = {counter}"));
        assert!(ask(port, "acct", &interim).contains("Accounting-Response"));
        assert!(ask(server.port, "auth", MAB).contains("Access-Accept"));
    }
    let interim = account("Interim-Update", "Acct-Session-Time = 1000");
    assert!(ask(port, "acct", &interim).contains("Accounting-Response"), "from the spool");
    let (code, text) = told(&city, &["log", "verify", "--lang", "en"]);
    assert!(code == Some(0) && text.contains("wait on the spool"), "{text}");
    fs::remove_file(state.join("filler")).unwrap();
    while city_page_value(&city, "sekisho_evidence_spooled") > 0.0 {
        assert!(Instant::now() < deadline + Duration::from_secs(20), "the spool is handed on");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(server.stop().success());
    assert_eq!(found(&city, &["--event", "ACCT-interim"]).len(), counter + 1);
    let (code, text) = told(&city, &["log", "verify"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(mount(&["umount", at]));
}

#[test]
fn a_node_is_rebuilt_from_a_backup_made_while_it_ran_and_a_spoilt_backup_is_refused() {
    let city = City::new();
    let mut server = city.serve();
    let port = accounting_port(&mut server);
    assert!(ask(server.port, "auth", MAB).contains("Access-Accept"));
    assert!(ask(port, "acct", &account("Start", "")).contains("Accounting-Response"));
    let (code, text) = told(&city, &["mark", "add", "P-0001", "--reason", "lost"]);
    assert_eq!(code, Some(0), "{text}");
    let backup = |out: &str| {
        let (code, text) = told(&city, &["backup", "--out", out, "--lang", "en"]);
        assert!(code == Some(0) && text.contains("compared with the original"), "{text}");
        let (code, text) = told(&city, &["backup", "--out", out, "--lang", "en"]);
        assert!(code == Some(1) && text.contains("exists already"), "{text}");
    };
    backup("backup");
    server.wait_for("the record of it", |line| line["event"] == "OPS-backup");
    assert!(server.stop().success());
    backup("offline");
    assert!(!city.path("state/backup.sqlite").exists());
    // Nothing of the node is left but its backup.
    for part in ["config", "topology", "secrets", "state"] {
        fs::remove_dir_all(city.path(part)).unwrap();
    }
    let (code, text) = told(&city, &["restore", "backup", "--to", "again", "--lang", "en"]);
    assert_eq!(code, Some(0), "{text}");
    let again = |arguments: &[&str]| {
        let mut command = crate::city::sekisho(arguments);
        run(command.current_dir(city.path("again")))
    };
    let verified = again(&["log", "verify"]);
    assert!(verified.status.success(), "{}", printed(&verified));
    let mut command = crate::city::sekisho(&[]);
    command.current_dir(city.path("again")).args(["serve", "--lang", "en"]);
    let served = Server::start(command);
    let marks = again(&["mark", "list"]);
    assert!(printed(&marks).contains("lost"), "{}", printed(&marks));
    assert!(ask(served.port, "auth", MAB).contains("Access-Accept"));
    let plans = again(&["plan", "list"]);
    assert!(printed(&plans).contains('1'), "{}", printed(&plans));
    assert!(served.stop().success());
    for (file, what) in [
        ("secrets/server/key.pem", "manifest"),
        ("state/evidence.sqlite", "manifest"),
        ("manifest.json", "manifest"),
    ] {
        let path = city.path("backup").join(file);
        let whole = fs::read(&path).unwrap();
        let mut spoilt = whole.clone();
        let place = spoilt.len() / 2;
        spoilt[place] ^= 1;
        fs::write(&path, spoilt).unwrap();
        let (code, text) = told(&city, &["restore", "backup", "--to", "other", "--lang", "en"]);
        assert!(code == Some(1) && text.contains(what), "{file}: {text}");
        assert!(!city.path("other").exists(), "nothing is half restored");
        fs::write(&path, whole).unwrap();
    }
}

fn city_page_value(city: &City, name: &str) -> f64 {
    let text = crate::operate::page(city, "/metrics");
    let line = text.lines().find(|line| line.split(' ').next() == Some(name));
    line.and_then(|line| line.split(' ').nth(1)).unwrap().parse().unwrap()
}

/// An account as its sender knows it: session id and Acct-Status-Type.
type Sent = (String, u32);

/// One sender at a switch: starts and stops sessions, each account sent again until it is
/// acknowledged; gives those that were.
fn sender(number: usize, at: &str, port: u16, end: &AtomicBool) -> Vec<Sent> {
    let (id, _) = SWITCH;
    let key = Key::new(&Secret::new(secret(id).into_bytes()));
    let socket = UdpSocket::bind((at, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(150))).unwrap();
    let mut acknowledged = Vec::new();
    let mut identifier = 0_u8;
    for round in 0_u32.. {
        let session = format!("{number}-{round}");
        for status in [1_u32, 3, 2] {
            if end.load(Ordering::Relaxed) && status == 1 {
                return acknowledged;
            }
            let mut delay = 0_u32;
            loop {
                identifier = identifier.wrapping_add(1);
                let mut octets = Vec::new();
                let mut writer =
                    Writer::request(&mut octets, Code::AccountingRequest, identifier, [0; 16]);
                writer.integer(attribute::ACCT_STATUS_TYPE, status);
                writer.text(attribute::ACCT_SESSION_ID, &session);
                writer.text(attribute::CALLING_STATION_ID, &format!("02-00-00-00-00-{number:02x}"));
                writer.integer(attribute::NAS_PORT, 1);
                writer.integer(attribute::ACCT_SESSION_TIME, round);
                // As switches do: the account is the same, its delay and authenticator are not.
                writer.integer(attribute::ACCT_DELAY_TIME, delay);
                writer.finish_request(&key).unwrap();
                let authenticator = Packet::parse(&octets).unwrap().authenticator();
                let _ = socket.send_to(&octets, ("127.0.0.1", port)); // OK: sent again
                let deadline = Instant::now() + Duration::from_millis(150);
                // The answer to an earlier copy may come first; it is none to this one.
                let mut answered = false;
                while !answered && Instant::now() < deadline {
                    let mut buffer = [0; 4096];
                    answered = socket.recv_from(&mut buffer).is_ok_and(|(octets, _)| {
                        Packet::parse(&buffer[..octets]).is_ok_and(|packet| {
                            key.check_reply(&packet, authenticator, false).is_ok()
                        })
                    });
                }
                if answered {
                    acknowledged.push((session.clone(), status));
                    break;
                }
                delay += 1;
            }
        }
    }
    acknowledged
}

/// Kills the server hard `times` times under load; acknowledged, lost, doubled, and the longest
/// time a restart took to serve.
fn kill_often(times: u32) -> (usize, usize, usize, Duration) {
    let city = City::new();
    let free = free_port();
    city.edit("config/server.toml", |text| {
        text.replace(
            "accounting = [\"127.0.0.1:0\"]",
            &format!("accounting = [\"127.0.0.1:{free}\"]"),
        )
    });
    let end = Arc::new(AtomicBool::new(false));
    let senders: Vec<_> = (0..12)
        .map(|number| {
            let (at, end) = (address(SWITCH.1), Arc::clone(&end));
            std::thread::spawn(move || sender(number, &at, free, &end))
        })
        .collect();
    let mut random = 0x2545_f491_4f6c_dd1d_u64 ^ u64::from(std::process::id());
    let mut longest = Duration::ZERO;
    for _ in 0..times {
        let begun = Instant::now();
        let server = city.serve();
        longest = longest.max(begun.elapsed());
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        std::thread::sleep(Duration::from_millis(5 + random % 300));
        server.signal("KILL");
        assert!(!server.ended().success());
    }
    let server = city.serve();
    end.store(true, Ordering::Relaxed);
    let acknowledged: Vec<Sent> = senders.into_iter().flat_map(|it| it.join().unwrap()).collect();
    assert!(server.stop().success());
    let (code, text) = told(&city, &["log", "verify"]);
    assert_eq!(code, Some(0), "{text}");
    let mut kept: BTreeMap<Sent, usize> = BTreeMap::new();
    for record in found(&city, &["--event", "ACCT-*"]) {
        let status = match record["event"].as_str().unwrap() {
            "ACCT-start" => 1,
            "ACCT-stop" => 2,
            _ => 3,
        };
        *kept.entry((record["session"].as_str().unwrap().to_owned(), status)).or_default() += 1;
    }
    let lost = acknowledged.iter().filter(|sent| !kept.contains_key(*sent)).count();
    let doubled = kept.values().filter(|count| **count > 1).count();
    (acknowledged.len(), lost, doubled, longest)
}

/// `integration/kill TIMES` says how often; a few times otherwise.
#[test]
fn killed_hard_it_loses_no_acknowledged_account_and_doubles_none() {
    let times = std::env::var("SEKISHO_KILLS").ok().map_or(6, |times| times.parse().unwrap());
    let (acknowledged, lost, doubled, longest) = kill_often(times);
    println!("{acknowledged} acknowledged, chain sound, slowest start {longest:?}");
    println!("{times} kills, {lost} lost, {doubled} doubled");
    assert!(acknowledged > times as usize, "there was load: {acknowledged}");
    assert_eq!((lost, doubled), (0, 0));
}
