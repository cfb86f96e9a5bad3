//! Live sessions follow the plan: through the real binary to switches of a few lines, and in the
//! lab to the real authenticator.

use std::net::UdpSocket;
use std::process::Stdio;
use std::time::{Duration, Instant};

use sekisho::vocabulary::Secret;
use sekisho::wire::radius::{Code, Key, Packet, Writer, attribute};
use serde_json::Value;

use crate::authenticator::Lab;
use crate::city::{City, Server, address, printed, secret};
use crate::operate::{json, page, refused};
use crate::radclient::{ask, protected};

/// How long a session may stay wrong.
pub(crate) const SOON: Duration = Duration::from_secs(5);

/// A switch of the city with one printer, and its own end of RFC 5176.
pub struct Switch {
    pub id: &'static str,
    pub address: String,
    mac: &'static str,
    asset: &'static str,
    request: &'static str,
    socket: UdpSocket,
}

impl Switch {
    pub(crate) fn new(
        id: &'static str,
        rest: &str,
        (mac, asset): (&'static str, &'static str),
        request: &'static str,
    ) -> Self {
        let address = address(rest);
        let socket = UdpSocket::bind((address.as_str(), 3799)).unwrap();
        Self { id, address, mac, asset, request, socket }
    }

    pub fn cisco() -> Self {
        Self::new(
            "ken-sw02",
            "14.12",
            ("E8-0F-5D-9C-B6-9B", "S-0033"),
            "User-Name = \"e80f5d9cb69b\"\nUser-Password = \"e80f5d9cb69b\"\nCalling-Station-Id = \"E8-0F-5D-9C-B6-9B\"\nService-Type = Call-Check\nNAS-Port-Id = \"GigabitEthernet1/0/1\"",
        )
    }

    fn hpe() -> Self {
        Self::new(
            "shi-sw01",
            "6.11",
            ("E8-0F-5E-8E-64-FC", "S-0027"),
            "User-Name = \"e80f5e8e64fc\"\nCHAP-Password = \"e80f5e8e64fc\"\nCalling-Station-Id = \"e8-0f-5e-8e-64-fc\"\nNAS-Port = 1",
        )
    }

    /// Lets its printer authenticate; gives what radclient printed.
    pub fn authenticate(&self, server: &Server) -> String {
        ask(server, "auth", &self.address, &secret(self.id), &protected(self.request))
    }

    /// The next request, if one comes in time; copies of `last` are passed over.
    pub fn heard(
        &self,
        patience: Duration,
        last: &[u8],
    ) -> Option<(Vec<u8>, std::net::SocketAddr)> {
        let end = Instant::now() + patience;
        let mut buffer = [0; 4096];
        loop {
            let left = end.checked_duration_since(Instant::now())?;
            self.socket.set_read_timeout(Some(left.max(Duration::from_millis(1)))).unwrap();
            if let Ok((octets, source)) = self.socket.recv_from(&mut buffer)
                && buffer[..octets] != *last
            {
                let request = buffer[..octets].to_vec();
                let packet = Packet::parse(&request).unwrap();
                assert!(Key::new(&of(&secret(self.id))).check_keyed_request(&packet));
                return Some((request, source));
            }
        }
    }

    pub fn answer(
        &self,
        request: &(Vec<u8>, std::net::SocketAddr),
        word: &str,
        cause: Option<u32>,
    ) {
        let (octets, to) = request;
        let packet = Packet::parse(octets).unwrap();
        let code = match (packet.code(), cause) {
            (Code::DisconnectRequest, None) => Code::DisconnectAck,
            (Code::DisconnectRequest, Some(_)) => Code::DisconnectNak,
            (_, None) => Code::CoaAck,
            (_, Some(_)) => Code::CoaNak,
        };
        let mut reply = Vec::new();
        let mut writer = Writer::reply(&mut reply, code, &packet);
        if let Some(cause) = cause {
            writer.integer(attribute::ERROR_CAUSE, cause);
        }
        writer.finish_reply(&Key::new(&of(word)), packet.authenticator()).unwrap();
        self.socket.send_to(&reply, to).unwrap();
    }
}

fn of(word: &str) -> Secret {
    Secret::new(word.as_bytes().to_vec())
}

pub(crate) fn code(request: &(Vec<u8>, std::net::SocketAddr)) -> Code {
    Packet::parse(&request.0).unwrap().code()
}

fn pending(city: &City) -> Vec<Value> {
    let list = json(city, &["enforce", "list", "--json"]);
    list["pending"].as_array().unwrap().clone()
}

pub(crate) fn wait(what: &str, ready: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !ready() {
        assert!(Instant::now() < end, "no {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_quarantine_is_carried_out_at_once_where_it_belongs_and_a_forged_answer_changes_nothing() {
    let city = City::new();
    let mut server = city.serve();
    let (cisco, hpe) = (Switch::cisco(), Switch::hpe());
    for switch in [&cisco, &hpe] {
        assert!(switch.authenticate(&server).contains("Received Access-Accept"));
    }
    refused(&city, &["quarantine", cisco.asset, "--reason", " "]);
    let reply = json(&city, &["quarantine", cisco.asset, "--reason", "不審な通信", "--json"]);
    assert_eq!(reply["sessions"]["changing"], 1, "{reply:#}");
    let request = cisco.heard(SOON, &[]).expect("a Disconnect-Request");
    assert_eq!(code(&request), Code::DisconnectRequest);
    cisco.answer(&request, "another secret", None);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(pending(&city)[0]["state"], "asked", "a forgery is no answer");
    cisco.answer(&request, &secret(cisco.id), None);
    server.wait_for("the end of the session", |line| line["event"] == "COA-done");
    assert!(pending(&city).is_empty());
    assert!(hpe.heard(Duration::from_millis(500), &[]).is_none(), "the other hears nothing");

    // In force across authentication and restart, until released.
    assert!(cisco.authenticate(&server).contains("\"900\""));
    assert!(server.stop().success());
    let server = city.serve();
    assert!(cisco.authenticate(&server).contains("\"900\""));
    let reply = json(&city, &["release", cisco.asset, "--reason", "確認済み", "--json"]);
    assert_eq!(reply["sessions"]["changing"], 1, "{reply:#}");
    let request = cisco.heard(SOON, &request.0).expect("a CoA-Request");
    assert_eq!(code(&request), Code::CoaRequest, "back home it is asked, not cut");
    cisco.answer(&request, &secret(cisco.id), None);
    assert!(cisco.authenticate(&server).contains("\"120\""));
    wait("end", || pending(&city).is_empty());
    refused(&city, &["release", cisco.asset, "--reason", "確認済み"]);

    // Without a mark: the session ends, and may come again.
    let place = format!("{}:GigabitEthernet1/0/1", cisco.id);
    json(&city, &["disconnect", &place, "--reason", "再接続", "--json"]);
    let request = cisco.heard(SOON, &request.0).expect("a Disconnect-Request");
    cisco.answer(&request, &secret(cisco.id), None);
    wait("end", || pending(&city).is_empty());
    refused(&city, &["disconnect", &place, "--reason", "再接続"]);
    assert!(hpe.heard(Duration::from_millis(300), &[]).is_none());
    let metrics = page(&city, "/metrics");
    let line = "sekisho_coa_total{client=\"ken-sw02\",kind=\"disconnect\",result=\"ack\"} 1";
    assert!(metrics.contains(line), "{metrics}");
    assert!(server.stop().success());
}

#[test]
fn who_is_deleted_while_nothing_runs_is_cut_at_the_start_and_a_no_is_told_of() {
    let city = City::new();
    let server = city.serve();
    let (cisco, hpe) = (Switch::cisco(), Switch::hpe());
    for switch in [&cisco, &hpe] {
        assert!(switch.authenticate(&server).contains("Received Access-Accept"));
    }
    assert!(server.stop().success());
    city.edit("config/inventory.csv", |text| {
        text.lines().filter(|line| !line.contains(hpe.mac)).map(|it| format!("{it}\n")).collect()
    });
    let mut server = city.serve();
    let mut last = hpe.heard(SOON, &[]).expect("a Disconnect-Request");
    assert_eq!(code(&last), Code::DisconnectRequest);
    // Unsupported attribute: not asked the same again, by the other means once.
    hpe.answer(&last, &secret(hpe.id), Some(401));
    last = hpe.heard(SOON, &last.0).expect("a CoA-Request");
    assert_eq!(code(&last), Code::CoaRequest);
    hpe.answer(&last, &secret(hpe.id), Some(401));
    let told = server.wait_for("the alert", |line| line["event"] == "COA-failed");
    assert_eq!((&told["severity"], &told["last"]), (&"error".into(), &"nak 401".into()));
    assert_eq!(told["mac"], hpe.mac);
    assert!(hpe.heard(Duration::from_millis(500), &last.0).is_none());
    assert!(cisco.heard(Duration::from_millis(10), &[]).is_none(), "the other hears nothing");
    let found = pending(&city);
    assert_eq!((found.len(), &found[0]["state"]), (1, &"failed".into()));
    let metrics = page(&city, "/metrics");
    let counted = |line: &str| {
        line.starts_with("sekisho_coa_total{client=\"shi-sw01\"")
            && line.ends_with("result=\"nak\"} 1")
    };
    assert!(metrics.lines().any(counted), "{metrics}");
    assert!(server.stop().success());
}

#[test]
fn more_ports_than_allowed_wait_until_somebody_approves() {
    let city = City::new();
    city.edit("config/server.toml", |text| text.replace("ports_max = 20", "ports_max = 1"));
    let mut server = city.serve();
    let (cisco, hpe) = (Switch::cisco(), Switch::hpe());
    for switch in [&cisco, &hpe] {
        assert!(switch.authenticate(&server).contains("Received Access-Accept"));
    }
    city.edit("config/inventory.csv", |text| {
        let kept = |line: &&str| !line.contains(hpe.mac) && !line.contains(cisco.mac);
        text.lines().filter(kept).map(|it| format!("{it}\n")).collect()
    });
    let reply = json(&city, &["reload", "--json"]);
    assert_eq!(
        (&reply["sessions"]["held"], &reply["sessions"]["changing"]),
        (&2.into(), &0.into())
    );
    server.wait_for("the question", |line| line["event"] == "COA-held");
    assert!(cisco.heard(Duration::from_millis(500), &[]).is_none());
    refused(&city, &["enforce", "approve", "7", "--reason", "x"]);
    let number = reply["sessions"]["number"].to_string();
    json(&city, &["enforce", "approve", &number, "--reason", "確認済み", "--json"]);
    for switch in [&cisco, &hpe] {
        let request = switch.heard(SOON, &[]).expect("a Disconnect-Request");
        switch.answer(&request, &secret(switch.id), None);
    }
    wait("end", || pending(&city).is_empty());
    assert!(server.stop().success());
}

/// A command to the lab's own server.
fn told(lab: &Lab, arguments: &[&str]) -> String {
    let state = lab.path("state");
    let output = lab.sekisho(&[arguments, &["--state", state.to_str().unwrap()]].concat());
    assert!(output.status.success(), "{arguments:?}: {}", printed(&output));
    printed(&output)
}

fn edit(lab: &Lab, path: &str, change: impl FnOnce(&str) -> String) {
    let path = lab.path("site").join(path);
    let text = std::fs::read_to_string(&path).unwrap();
    let changed = change(&text);
    assert_ne!(text, changed);
    std::fs::write(path, changed).unwrap();
}

#[test]
fn after_a_reload_the_revoked_the_deleted_and_the_moved_are_right_within_five_seconds() {
    let lab = Lab::up(&[]);
    lab.tell("plug", &["port4", "pc"]);
    lab.tell("plug", &["port1", "guest"]);
    lab.tell("plug", &["port2", "printer"]);
    lab.tell("join", &["pc"]);
    lab.wait_for("port4", "authorised", 120);
    assert!(lab.tell("lease", &["guest"]).starts_with("10.3.0."));
    assert!(lab.tell("lease", &["printer"]).starts_with("10.2.0."));
    assert!(lab.tell("lease", &["pc"]).starts_with("10.2.0."));

    let (ca, list) = (lab.path("site/ca"), lab.path("site/secrets/authority/city.crl"));
    let (ca, list) = (ca.to_str().unwrap(), list.to_str().unwrap());
    let revoke = ["certificate", "revoke", "--ca", ca, "--name", "pc0001.example.test"];
    let why = ["--reason", "key-compromise", "--crl", list];
    let output = lab.sekisho(&[&revoke[..], &why[..]].concat());
    assert!(output.status.success(), "{}", printed(&output));
    edit(&lab, "config/inventory.csv", |text| {
        let kept = |line: &&str| !line.contains("00-00-5E-00-53-03");
        let moved = |line: &str| {
            let guest = line.contains("00-00-5E-00-53-04");
            if guest { line.replace(",C,", ",B,") } else { line.to_owned() }
        };
        text.lines().filter(kept).map(|line| format!("{}\n", moved(line))).collect()
    });
    let began = Instant::now();
    told(&lab, &["reload"]);
    lab.wait("a revoked PC outside", || lab.tag("port4") != "120");
    lab.wait("a deleted printer outside", || lab.tag("port2") == "4094");
    lab.wait("a moved printer in B", || lab.tag("port1") == "120");
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    assert_eq!(lab.count("dynamic-done"), 3, "each is asked once");
    // No frame of theirs comes out of the old VLAN any more, however they shout.
    let old = [("b", "00:00:5e:00:53:01"), ("b", "00:00:5e:00:53:03"), ("c", "00:00:5e:00:53:04")];
    let watching = old.map(|(role, mac)| {
        let mut command = lab.inside(role, "timeout");
        command.args(["8", "tcpdump", "-U", "--immediate-mode", "-c1", "-nei", "eth0"]);
        command.args(["ether", "src", mac]).stdout(Stdio::piped()).stderr(Stdio::null());
        command.spawn().expect("tcpdump must be installed")
    });
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(lab.pages("printer"), ",,,");
    assert_eq!(lab.pages("pc"), ",,,");
    assert!(lab.tell("lease", &["guest"]).starts_with("10.2.0."));
    assert_eq!(lab.pages("guest"), ",b,,");
    for child in watching {
        let heard = printed(&child.wait_with_output().unwrap());
        assert!(!heard.contains("00:00:5e"), "{heard}");
    }
    // By its address alone the PC is worth a quarantine, to no page at all.
    assert_eq!(lab.tag("port2"), "4094");
    assert!(["4094", "900"].contains(&lab.tag("port4").as_str()));

    // Another reload of the same asks nobody.
    told(&lab, &["reload"]);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(lab.count("dynamic-done"), 3);
}

#[test]
fn an_operator_quarantines_a_live_host_until_it_is_released() {
    let lab = Lab::up(&[]);
    lab.tell("plug", &["port1", "pc"]);
    lab.tell("join", &["pc"]);
    lab.wait_for("port1", "authorised", 120);
    let began = Instant::now();
    told(&lab, &["quarantine", "00-00-5E-00-53-01", "--reason", "malware"]);
    lab.wait("quarantine", || lab.tag("port1") == "900");
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    assert!(lab.tell("lease", &["pc"]).starts_with("10.249.0."));
    // A restart of the server does not forget it.
    lab.kill("-TERM", "serve");
    lab.tell("serve", &[]);
    let state = lab.path("state");
    let status = ["status", "--state", state.to_str().unwrap()];
    lab.wait("a server", || lab.sekisho(&status).status.success());
    told(&lab, &["disconnect", "sw01:port1", "--reason", "again"]);
    lab.wait("a new session", || lab.count("dynamic-done") >= 2);
    lab.wait("quarantine", || lab.tag("port1") == "900");
    let began = Instant::now();
    told(&lab, &["release", "00-00-5E-00-53-01", "--reason", "clean"]);
    lab.wait("its own VLAN", || lab.tag("port1") == "120");
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}
