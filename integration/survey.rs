//! The service names what is really plugged in, by the tables of switches.

use std::fmt::Write as _;
use std::fs;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sekisho::simulation::{SnmpAgent, Vice};
use sekisho::wire::snmp::{Auth, Oid, Privacy, Value as Cell};

use crate::api;
use crate::city::{City, Server, address, printed, run, secret};
use crate::operate::{json, page, refused};
use crate::radclient::{ask, protected};
use crate::snmp::{AUTH_WORD, COMMUNITY, PRIVACY_WORD, Snmpd, keys, tool};

const SWITCH: &str = "ken-sw02";
const PORT: u16 = 11_610;

/// The address of the switch that is asked.
fn at() -> String {
    address("14.12")
}

/// A registered printer, and how its switch asks for it.
const PRINTER: &str = "E8-0F-5D-9C-B6-9B";
const REQUEST: &str = "User-Name = \"e80f5d9cb69b\"\nUser-Password = \"e80f5d9cb69b\"\nCalling-Station-Id = \"E8-0F-5D-9C-B6-9B\"\nService-Type = Call-Check\nNAS-Port-Id = \"GigabitEthernet1/0/1\"";

/// The city, one family of whose switches is asked for its tables.
fn city() -> City {
    let city = City::new();
    // The others are not there to be asked.
    for profile in fs::read_dir(city.path("config/profiles")).unwrap() {
        let path = profile.unwrap().path();
        fs::write(&path, without(&fs::read_to_string(&path).unwrap(), "[snmp]")).unwrap();
    }
    city.edit("config/profiles/cisco-ibns.toml", |text| {
        format!(
            "{}\n[snmp]\nversion = \"3\"\nuser = \"sekisho\"\nauth = \"sha-256\"\nprivacy = \"aes-128\"\nsecret = \"switches\"\nport = {PORT}\nrepetitions = 20\ntimeout_ms = 1000\nretries = 1\nforwarding = \"q-bridge\"\ninterface_names = \"if-name\"\ninterface_prefixes = []\n",
            text
        )
    });
    city.edit("config/server.toml", |text| {
        format!(
            "{}\n[survey]\nsweep_s = 10\nhint_s = 2\nageing_s = 1\ntraps = \"127.0.0.1:0\"\n",
            without(text, "[survey]")
        )
    });
    city.write("secrets/snmp/switches.auth", AUTH_WORD.as_bytes(), 0o600);
    city.write("secrets/snmp/switches.priv", PRIVACY_WORD.as_bytes(), 0o600);
    city
}

/// A file without one of its tables.
fn without(text: &str, table: &str) -> String {
    let mut rest = String::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with('[') {
            inside = line == table;
        }
        if !inside {
            rest.push_str(line);
            rest.push('\n');
        }
    }
    rest
}

fn snmpd() -> Snmpd {
    Snmpd::start(&format!("{}:{PORT}", at()), &[("sekisho", "SHA-256", "AES")])
}

/// The rows of a switch: an address a port, and who announces itself where.
fn tables(stations: &[(u32, &str)], neighbours: &[(u32, &str, &str)]) -> String {
    let mut rows = String::new();
    for port in 1..=52 {
        let index = 10_100 + port;
        writeln!(rows, "1.3.6.1.2.1.31.1.1.1.1.{index} string GigabitEthernet1/0/{port}").unwrap();
        writeln!(rows, "1.3.6.1.2.1.2.2.1.7.{index} integer 1").unwrap();
        writeln!(rows, "1.3.6.1.2.1.2.2.1.8.{index} integer 1").unwrap();
        writeln!(rows, "1.3.6.1.2.1.17.1.4.1.2.{port} integer {index}").unwrap();
    }
    writeln!(rows, "1.3.6.1.2.1.17.7.1.2.1.1.2.120 counter {}", stations.len()).unwrap();
    for (port, mac) in stations {
        let arcs = u64::from_str_radix(&mac.replace('-', ""), 16).unwrap().to_be_bytes()[2..]
            .iter()
            .map(u8::to_string)
            .collect::<Vec<_>>()
            .join(".");
        writeln!(rows, "1.3.6.1.2.1.17.7.1.2.2.1.2.120.{arcs} integer {port}").unwrap();
        writeln!(rows, "1.3.6.1.2.1.17.7.1.2.2.1.3.120.{arcs} integer 3").unwrap();
    }
    for (port, system, capabilities) in neighbours {
        let index = format!("7.{port}.1");
        writeln!(rows, "1.0.8802.1.1.2.1.4.1.1.4.{index} integer 7").unwrap();
        writeln!(rows, "1.0.8802.1.1.2.1.4.1.1.5.{index} string {system}").unwrap();
        writeln!(rows, "1.0.8802.1.1.2.1.4.1.1.9.{index} string {system}").unwrap();
        writeln!(rows, "1.0.8802.1.1.2.1.4.1.1.12.{index} octet {capabilities} 00").unwrap();
    }
    rows
}

fn within(
    server: &mut Server,
    what: &str,
    limit: Duration,
    fits: impl Fn(&serde_json::Value) -> bool,
) {
    let start = Instant::now();
    server.wait_for(what, fits);
    assert!(start.elapsed() < limit, "{what} took {:?}", start.elapsed());
}

#[test]
fn what_is_really_plugged_in_is_named_and_what_is_in_order_is_not() {
    let (city, snmpd) = (city(), snmpd());
    snmpd.show(&tables(&[], &[(49, "ken-dist1", "28")]));
    let mut server = city.serve();
    let printed = ask(&server, "auth", &at(), &secret(SWITCH), &protected(REQUEST));
    assert!(printed.contains("Access-Accept"), "{printed}");
    let status = json(&city, &["switch", "sweep", SWITCH, "--json"]);
    assert_eq!(
        (&status["state"], &status["fault"]),
        (&"fresh".into(), &serde_json::Value::Null),
        "{status}"
    );

    // A stranger at port 2 beside the printer with its session at port 1; a hub at port 3.
    let stranger = "02-00-5E-00-53-01";
    let rows =
        tables(&[(1, PRINTER), (2, stranger)], &[(49, "ken-dist1", "28"), (3, "home-hub", "20")]);
    snmpd.show(&rows);
    // Only the hints see the change in the size of the table; the next sweep may be 10 s away.
    within(&mut server, "R17", Duration::from_secs(15), |line| {
        line["event"] == "SNMP-stranger" && line["mac"] == stranger
    });
    let line = server.wait_for("R19", |line| line["event"] == "SNMP-neighbour");
    assert_eq!(line["place"], "kenko/ken-sw02/GigabitEthernet1/0/3");
    assert!(line["neighbour"].as_str().unwrap().contains("home-hub"), "{line}");
    server.wait_for("an alert", |line| line["event"] == "ALERT-mac-without-session");
    server.wait_for("an alert", |line| line["event"] == "ALERT-neighbour-undeclared");

    let status = json(&city, &["switch", "status", SWITCH, "--json"]);
    assert_eq!((&status["r17"], &status["r18"], &status["r19"]), (&1.into(), &0.into(), &1.into()));
    assert_eq!(status["findings"][0]["subject"], stranger);
    assert_eq!(status["stations"], 2);
    let metrics = page(&city, "/metrics");
    for line in [
        "sekisho_fdb_minus_sessions{client=\"ken-sw02\"} 1",
        "sekisho_rule_violations{rule=\"R19\"} 1",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    assert!(metrics.contains("sekisho_snmp_sweep_timestamp_seconds{client=\"ken-sw02\"}"));
    // Others of the family do not answer; that is said of them and delays nobody.
    server.wait_for("an unread one", |line| {
        line["event"] == "SNMP-unread" && line["name"] == "ken-sw03"
    });
    server.wait_for("the standing", |line| line["event"] == "SNMP-part");

    // Both are gone.
    snmpd.show(&tables(&[(1, PRINTER)], &[(49, "ken-dist1", "28")]));
    server.wait_for("its end", |line| line["event"] == "SNMP-over" && line["subject"] == stranger);
    server.wait_for("its end", |line| line["event"] == "SNMP-over" && line["rule"] == "R19");
    let all = json(&city, &["switch", "status", "--json"]);
    assert_eq!(all["fresh"], 1);
    let text = refused(&city, &["switch", "sweep", "hon-sw01", "--lang", "en"]);
    assert!(text.contains("[snmp]"), "{text}");
    refused(&city, &["switch", "status", "no-such-switch"]);
    assert!(server.stop().success());
}

#[test]
fn a_verdict_on_a_device_without_a_session_is_carried_out_where_a_switch_shows_it_later() {
    let (city, snmpd) = (city(), snmpd());
    let (sensor, intruder) = ("kenko-mirror", "02-00-5E-00-53-07");
    city.edit("config/sensors.toml", |text| {
        let (others, own) = text.split_once("id = \"kenko-mirror\"\nenabled = false").unwrap();
        format!("{others}id = \"kenko-mirror\"\nenabled = true{own}").replacen(
            "environment = \"A\"",
            "environment = \"B\"",
            1,
        )
    });
    let made = run(&mut city.sekisho(&["secret", "token", sensor, "--role", "sensor"]));
    assert!(made.status.success(), "{}", printed(&made));
    let token = fs::read_to_string(city.path("secrets/api/kenko-mirror.sensor.token")).unwrap();
    snmpd.show(&tables(&[(1, PRINTER)], &[]));
    let mut server = city.serve();
    let printed = ask(&server, "auth", &at(), &secret(SWITCH), &protected(REQUEST));
    assert!(printed.contains("Access-Accept"), "{printed}");
    json(&city, &["switch", "sweep", SWITCH, "--json"]);

    // No table shows it yet, so nothing can be done.
    let mut report = api::report("a", 1..=1);
    let seen = &mut report["observations"][0];
    (seen["subject"], seen["mac"], seen["vlan"]) = (intruder.into(), intruder.into(), 120.into());
    let base = format!("http://{}", api::address(&city));
    let told = api::ask(&base, &token, "POST", "/api/v1/observations", Some(&report));
    assert_eq!((told.0, &told.1["acknowledged"]), (200, &1.into()), "{}", told.1);
    let verdict = server.wait_for("a verdict", |line| line["event"] == "SENSOR-verdict");
    assert_eq!((&verdict["action"], &verdict["place"]), (&"no-session".into(), &"-".into()));
    let marks = || json(&city, &["mark", "list", "--json"]);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(marks(), serde_json::json!([]));

    // It sends, behind the printer's port: what is done is done to the port.
    snmpd.show(&tables(&[(1, PRINTER), (1, intruder)], &[]));
    let located = server.wait_for("its place", |line| line["event"] == "SENSOR-located");
    assert_eq!(located["mac"], intruder, "{located}");
    assert_eq!(located["place"], "ken-sw02:GigabitEthernet1/0/1", "{located}");
    assert_eq!((&located["action"], &located["environment"]), (&"quarantine".into(), &"B".into()));
    let marks = marks();
    assert_eq!(marks.as_array().unwrap().len(), 1, "{marks}");
    assert!(marks[0]["subject"].as_str().unwrap().contains("GigabitEthernet1/0/1"), "{marks}");
    let printed = ask(&server, "auth", &at(), &secret(SWITCH), &protected(REQUEST));
    assert!(printed.contains("\"900\""), "the port is in quarantine from now on: {printed}");
    assert!(server.stop().success());
}

#[test]
fn a_wrong_passphrase_is_named_and_measures_nothing() {
    let (city, snmpd) = (city(), snmpd());
    snmpd.show(&tables(&[(2, "02-00-5E-00-53-01")], &[]));
    city.write("secrets/snmp/switches.auth", b"another-word-altogether", 0o600);
    let mut server = city.serve();
    let unread =
        server.wait_for("unread", |line| line["event"] == "SNMP-unread" && line["name"] == SWITCH);
    assert_eq!(unread["fault"], "wrong-digest");
    let status = json(&city, &["switch", "status", SWITCH, "--json"]);
    assert_eq!(status["state"], "unread");
    // The right one, after a reload.
    city.write("secrets/snmp/switches.auth", AUTH_WORD.as_bytes(), 0o600);
    json(&city, &["reload", "--json"]);
    server.wait_for("read", |line| line["event"] == "SNMP-read" && line["switch"] == SWITCH);
    // Names of which the plan has none measure nothing either.
    let rows = tables(&[(2, "02-00-5E-00-53-01")], &[]).replace("GigabitEthernet1", "Gi1");
    snmpd.show(&rows);
    let status = json(&city, &["switch", "sweep", SWITCH, "--json"]);
    assert_eq!(status["fault"], "other-names", "{status}");
    assert!(server.stop().success());
}

/// net-snmp's words for the user of the switches.
const USER: [&str; 10] =
    ["-v3", "-l", "authPriv", "-u", "sekisho", "-a", "SHA-256", "-A", AUTH_WORD, "-x"];

fn user() -> Vec<&'static str> {
    USER.into_iter().chain(["AES", "-X", PRIVACY_WORD]).collect()
}

fn notify(name: &str, from: &str, options: &[&str], to: &str) -> String {
    notify_of(".1.3.6.1.6.3.1.1.5.4", name, from, options, to)
}

fn notify_of(about: &str, name: &str, from: &str, options: &[&str], to: &str) -> String {
    let address = format!("--clientaddr={from}");
    let trap = [to, "", about];
    let arguments: Vec<&str> =
        [address.as_str()].into_iter().chain(options.iter().copied()).chain(trap).collect();
    tool(name, &arguments)
}

fn count(city: &City, switch: &str, result: &str) -> u64 {
    let head = format!("sekisho_snmp_traps_total{{client=\"{switch}\",result=\"{result}\"}} ");
    let metrics = page(city, "/metrics");
    let found = metrics.lines().find_map(|line| line.strip_prefix(&head));
    found.map_or(0, |number| number.parse().unwrap())
}

fn wait(what: &str, ready: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !ready() {
        assert!(Instant::now() < end, "no {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn traps_and_informs_of_net_snmp_bring_a_sweep_at_once_and_a_replay_brings_none() {
    let (city, snmpd) = (city(), snmpd());
    // Neither a sweep nor a look for changes comes in the meantime.
    city.edit("config/server.toml", |text| {
        text.replace("sweep_s = 10", "sweep_s = 3600").replace("hint_s = 2", "hint_s = 600")
    });
    snmpd.show(&tables(&[], &[]));
    let mut server = city.serve();
    json(&city, &["switch", "sweep", SWITCH, "--json"]);
    let status = json(&city, &["switch", "status", "--json"]);
    let to = status["traps"].as_str().unwrap().to_owned();
    let agent = format!("{}:{PORT}", at());
    let ask_engine = |object: &str| {
        let name = format!(".1.3.6.1.6.3.10.2.1.{object}.0");
        let options: Vec<&str> = user().into_iter().chain(["-Oqvx", &agent, &name]).collect();
        tool("snmpget", &options).replace(['"', ' ', '\n'], "")
    };
    let engine = format!("0x{}", ask_engine("1"));
    let clock = format!("{},{}", ask_engine("2"), ask_engine("3"));
    let signed: Vec<&str> = user().into_iter().chain(["-e", &engine, "-Z", &clock]).collect();

    let stranger = "02-00-5E-00-53-02";
    snmpd.show(&tables(&[(2, stranger)], &[]));
    let start = Instant::now();
    notify("snmptrap", &at(), &signed, &to);
    server.wait_for("R17", |line| line["event"] == "SNMP-stranger" && line["mac"] == stranger);
    let took = start.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    eprintln!("named {} ms after the trap", took.as_millis());
    assert_eq!(count(&city, SWITCH, "link-up"), 1);

    // As Comware and AOS-CX tell of a changed table.
    for name in [".1.3.6.1.4.1.25506.2.87.1.4.0.1", ".1.3.6.1.4.1.47196.4.1.1.3.19.0.1"] {
        notify_of(name, "snmptrap", &at(), &signed, &to);
    }
    wait("changes of tables", || count(&city, SWITCH, "addresses") == 2);

    // The very same octets once more, caught on their way, and what is wrong in other ways.
    let ear = UdpSocket::bind("127.0.0.1:0").unwrap();
    ear.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    notify("snmptrap", &at(), &signed, &ear.local_addr().unwrap().to_string());
    let mut buffer = vec![0; 65_536];
    let (octets, _) = ear.recv_from(&mut buffer).unwrap();
    let switch = UdpSocket::bind((at().as_str(), 0)).unwrap();
    for _ in 0..2 {
        switch.send_to(&buffer[..octets], &to).unwrap();
    }
    wait("refusal of the copy", || count(&city, SWITCH, "replayed") == 1);
    assert_eq!(count(&city, SWITCH, "link-up"), 2);
    let mut wrong = signed.clone();
    wrong[8] = "another-word-altogether";
    notify("snmptrap", &at(), &wrong, &to);
    wait("refusal of the key", || count(&city, SWITCH, "not-authentic") == 1);
    notify("snmptrap", "127.9.9.9", &signed, &to);
    wait("refusal of the stranger", || count(&city, "unknown", "unknown-source") == 1);
    notify("snmptrap", &at(), &["-v2c", "-c", COMMUNITY], &to);
    wait("refusal of the version", || count(&city, SWITCH, "other-version") == 1);
    switch.send_to(b"\x30\x84\xff\xff\xff\xff", &to).unwrap();
    wait("refusal of nonsense", || count(&city, SWITCH, "encoding") == 1);

    // An inform is acknowledged, or net-snmp would complain; it too brings a sweep.
    snmpd.show(&tables(&[], &[]));
    let printed = notify("snmpinform", &at(), &user(), &to);
    assert!(!printed.contains("Timeout") && !printed.contains("snmpinform:"), "{printed}");
    server.wait_for("its end", |line| line["event"] == "SNMP-over" && line["subject"] == stranger);
    assert_eq!(count(&city, SWITCH, "link-up"), 3);
    assert!(server.stop().success());
}

#[test]
fn where_no_coa_reaches_the_port_is_taken_down_and_up_again_and_only_there() {
    let (city, snmpd) = bouncing();
    let mut server = city.serve();
    let printed = ask(&server, "auth", &at(), &secret(SWITCH), &protected(REQUEST));
    assert!(printed.contains("Access-Accept"), "{printed}");
    json(&city, &["switch", "sweep", SWITCH, "--json"]);
    let start = Instant::now();
    json(&city, &["disconnect", PRINTER, "--reason", "test", "--json"]);
    let bounced = server.wait_for("the bounce", |line| line["event"] == "COA-bounced");
    assert_eq!(bounced["place"], "kenko/ken-sw02/GigabitEthernet1/0/1");
    eprintln!("down and up within {} ms", start.elapsed().as_millis());
    assert_eq!(snmpd.set(), [2, 1], "one port, down and up");
    let metrics = page(&city, "/metrics");
    let line = "sekisho_coa_total{client=\"ken-sw02\",kind=\"snmp-bounce\",result=\"ack\"} 1";
    assert!(metrics.contains(line), "{metrics}");

    // Behind a bridge that announces itself nothing is bounced, whatever the plan says.
    fs::remove_file(snmpd.directory.path().join("tables.set")).unwrap();
    snmpd.show(&tables(&[(1, PRINTER)], &[(1, "somebody-s-switch", "20")]));
    ask(&server, "auth", &at(), &secret(SWITCH), &protected(REQUEST));
    json(&city, &["switch", "sweep", SWITCH, "--json"]);
    json(&city, &["disconnect", PRINTER, "--reason", "test", "--json"]);
    let refused = server.wait_for("the refusal", |line| line["event"] == "COA-bounce-failed");
    assert_eq!(refused["cause"], "uplink");
    assert!(!snmpd.directory.path().join("tables.set").exists());
    assert!(server.stop().success());
}

#[test]
fn where_nothing_is_asked_or_watched_the_operator_is_told_what_to_do() {
    let city = City::new();
    fs::remove_file(city.path("config/sensors.toml")).unwrap();
    let server = city.serve();
    let say = |arguments: &[&str], language: &str| {
        let output = run(city.sekisho(arguments).args(["--lang", language]));
        assert!(output.status.success(), "{}", printed(&output));
        printed(&output)
    };
    for (arguments, japanese, english) in [
        (
            &["switch", "status"][..],
            "SNMP で読むスイッチがありません",
            "no switch is asked by SNMP",
        ),
        (&["switch", "status", SWITCH], "読んでいません", "ken-sw02 is not asked by SNMP"),
        (&["sensor", "list"], "センサーは設定されていません", "no sensor is configured"),
    ] {
        for (language, words) in [("ja", japanese), ("en", english)] {
            let said = say(arguments, language);
            assert!(said.contains(words) && said.contains("sekisho reload"), "{said}");
            assert_eq!(said.trim().lines().count(), 1, "{said}");
        }
    }
    assert!(server.stop().success());
}

/// Tells threads to end, also when a test fails beside them.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Answers for a switch of the family until it is told to stop: everything a moment late, and as
/// often as that.
fn misbehave(address: &str, vice: Option<Vice>, late: Duration, times: usize, stop: &AtomicBool) {
    let engine = format!("\u{80}{address}").into_bytes();
    let mut agent = SnmpAgent::new(&engine);
    let local = keys(Auth::Sha256, Privacy::Aes128).localise(&engine);
    agent.user = Some((b"sekisho".to_vec(), local));
    agent.vice = vice;
    for row in 1..2_000_u32 {
        let name = "1.3.6.1.2.1.31.1.1.1.1".parse::<Oid>().unwrap().child(&[row]);
        let text = format!("GigabitEthernet1/0/{row}");
        agent.tree().insert(name, Cell::Octets(text.into_bytes()));
    }
    let socket = UdpSocket::bind((address, PORT)).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let (mut buffer, begun) = (vec![0; 65_536], Instant::now());
    while !stop.load(Ordering::Relaxed) {
        let Ok((octets, from)) = socket.recv_from(&mut buffer) else { continue };
        let time = u32::try_from(begun.elapsed().as_secs()).unwrap();
        let Some(answer) = agent.answer(time, &buffer[..octets]) else { continue };
        std::thread::sleep(late);
        for _ in 0..times {
            socket.send_to(&answer, from).unwrap();
        }
    }
}

#[test]
fn a_switch_that_answers_slowly_endlessly_or_too_often_delays_nobody_else() {
    let (city, snmpd) = (city(), snmpd());
    snmpd.show(&tables(&[(1, PRINTER)], &[]));
    let stop = AtomicBool::new(false);
    let moment = Duration::from_millis(1);
    std::thread::scope(|scope| {
        let _over = Over(&stop);
        // Just before it would be given up; one after the other for ever; a thousandfold.
        for (rest, vice, late, times) in [
            ("14.11", None, moment * 800, 1),
            ("14.13", Some(Vice::Endless), moment, 1),
            ("14.14", None, moment, 1_000),
        ] {
            let (at, stop) = (address(rest), &stop);
            scope.spawn(move || misbehave(&at, vice, late, times, stop));
        }
        let server = city.serve();
        let status = |switch: &str| json(&city, &["switch", "status", switch, "--json"]);
        wait("sweep beside them", || status(SWITCH)["state"] == "fresh");
        wait("end of the endless one", || status("ken-sw03")["fault"] == "endless");
        let mut longest = 0;
        for round in 1..=5 {
            let begun = Instant::now();
            let swept = json(&city, &["switch", "sweep", SWITCH, "--json"]);
            assert_eq!(swept["fault"], serde_json::Value::Null, "{round}: {swept}");
            assert!(begun.elapsed() < Duration::from_secs(5), "{round}: {:?}", begun.elapsed());
            longest = longest.max(swept["took_ms"].as_u64().unwrap());
        }
        println!("{longest} ms at most beside a slow, an endless and a flooding switch");
        assert!(longest < 3_000, "{longest} ms");
        assert_ne!(status("ken-sw01")["state"], "fresh", "the slow one is not read yet");
        assert!(server.stop().success());
    });
}

/// The city, whose switches of one family are bounced, with the printer at its port.
fn bouncing() -> (City, Snmpd) {
    let (city, snmpd) = (city(), snmpd());
    city.edit("config/profiles/cisco-ibns.toml", |text| {
        let lines = text.lines().map(|line| match line {
            line if line.starts_with("means = ") => "means = [\"snmp-port-bounce\", \"session-timeout\"]",
            line if line.starts_with("coa = ") => {
                "coa = { port = 0, keys = [], mac = \"\", event_timestamp = false, message_authenticator = false, ack = [] }"
            }
            line => line,
        });
        lines.collect::<Vec<_>>().join("\n") + "\n"
    });
    snmpd.show(&tables(&[(1, PRINTER)], &[(49, "ken-dist1", "28")]));
    (city, snmpd)
}

/// Has the printer's port taken down, and waits until it is.
fn take_down(city: &City, server: &Server, snmpd: &Snmpd) {
    let printed = ask(server, "auth", &at(), &secret(SWITCH), &protected(REQUEST));
    assert!(printed.contains("Access-Accept"), "{printed}");
    json(city, &["switch", "sweep", SWITCH, "--json"]);
    json(city, &["disconnect", PRINTER, "--reason", "test", "--json"]);
    wait("port that is down", || snmpd.set().last() == Some(&2));
}

#[test]
fn a_service_that_stops_in_the_midst_of_a_bounce_brings_the_port_up_first() {
    let (city, snmpd) = bouncing();
    let mut server = city.serve();
    take_down(&city, &server, &snmpd);
    server.signal("TERM");
    server.wait_for("the bounce", |line| line["event"] == "COA-bounced");
    assert!(server.ended().success());
    assert_eq!(snmpd.set(), [2, 1]);
    // Nothing is left to be looked after.
    assert_eq!(fs::read_to_string(city.path("state/bounces.json")).unwrap(), "[]");
}

#[test]
fn what_a_killed_service_left_down_the_next_one_brings_up() {
    let (city, snmpd) = bouncing();
    let server = city.serve();
    take_down(&city, &server, &snmpd);
    server.signal("KILL");
    server.ended();
    assert_eq!(snmpd.set(), [2]);
    let mut server = city.serve();
    let bounced = server.wait_for("the bounce", |line| line["event"] == "COA-bounced");
    assert_eq!(bounced["place"], "kenko/ken-sw02/GigabitEthernet1/0/1");
    assert_eq!(bounced["mac"], PRINTER);
    assert_eq!(snmpd.set(), [2, 1]);
    assert!(server.stop().success());
}

#[test]
fn a_port_that_cannot_be_brought_up_before_the_end_is_told() {
    let (city, mut snmpd) = bouncing();
    let mut server = city.serve();
    take_down(&city, &server, &snmpd);
    snmpd.child.kill().unwrap();
    let start = Instant::now();
    server.signal("TERM");
    let told = server.wait_for("the port", |line| line["event"] == "COA-left-down");
    assert_eq!(told["cause"], "stopping");
    assert!(server.ended().success());
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    // And the next one knows of it.
    assert!(fs::read_to_string(city.path("state/bounces.json")).unwrap().contains(SWITCH));
}
