//! The tripwire with real peers: `named-checkzone` reads its zones, `dig` and `curl` are the PC
//! and the rest of the world, and what they ask for reaches the service and the switch.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::city::{City, Server, printed, run, secret};
use crate::operate::{json, page, refused};
use crate::sessions::{SOON, Switch};

const ZONE: &str = "a.lan.city.example";
const FILE: &str = "tripwire.json";
const STATE: &str = "trip";

/// A running responder and what it logs.
struct Responder {
    child: Child,
    lines: Receiver<Value>,
    dns: u16,
    http: u16,
}

impl Responder {
    fn start(city: &City) -> Self {
        let token = "secrets/api/tripwire.sensor.token";
        let arguments = ["tripwire", "run", "--export", FILE, "--token", token, "--state", STATE];
        let mut command = city.sekisho(&[&arguments[..], &["--lang", "en"]].concat());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let (output, (sender, lines)) = (child.stdout.take().unwrap(), channel());
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).unwrap());
            }
        });
        let mut responder = Self { child, lines, dns: 0, http: 0 };
        let started = responder.wait_for("TRIPWIRE-started");
        let port =
            |key: &str| started[key].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap();
        (responder.dns, responder.http) = (port("dns"), port("http"));
        responder
    }

    fn wait_for(&self, event: &str) -> Value {
        let end = Instant::now() + Duration::from_secs(20);
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            if let Ok(line) = self.lines.recv_timeout(left)
                && line["event"] == event
            {
                return line;
            }
        }
        panic!("no {event}");
    }

    /// What `dig` prints.
    fn dig(&self, arguments: &[&str]) -> String {
        let port = self.dns.to_string();
        let mut dig = Command::new("dig");
        dig.args(["@127.0.0.1", "-p", &port, "+tries=1", "+time=5"]).args(arguments);
        printed(&run(&mut dig))
    }

    /// The status of a request by a name.
    fn curl(&self, name: &str) -> String {
        let resolve = format!("{name}:{}:127.0.0.1", self.http);
        let page = format!("http://{name}:{}/", self.http);
        let arguments = ["-sS", "--max-time", "10", "-o", "/dev/null", "-w", "%{http_code}"];
        let mut curl = Command::new("curl");
        printed(&run(curl.args(arguments).args(["--resolve", &resolve, &page])))
    }

    fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        assert!(
            run(kill.args([&format!("-{name}"), &self.child.id().to_string()])).status.success()
        );
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        // OK when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A city with a tripwire, whose environment B is quarantined by hard signs.
fn city() -> City {
    let city = City::new();
    city.edit("config/tripwire.toml", |text| {
        text.replace("\nenabled = false", "\nenabled = true")
            .replace("0.0.0.0:53", "127.0.0.1:0")
            .replace("0.0.0.0:80", "127.0.0.1:0")
            .replace("own_networks = []", "own_networks = [\"127.9.0.0/16\"]")
            .replace("exclude = []", "exclude = [\"P-0002\"]")
    });
    city.edit("config/sensors.toml", |text| {
        text.replace("environment = \"A\"", "environment = \"B\"")
    });
    for arguments in
        [&["tripwire", "key"][..], &["secret", "token", "tripwire", "--role", "sensor"]]
    {
        let made = run(&mut city.sekisho(arguments));
        assert!(made.status.success(), "{}", printed(&made));
    }
    city
}

/// The file for the responder, with the address the API has here.
fn export(city: &City) {
    let made = run(&mut city.sekisho(&["tripwire", "export", "--output", FILE]));
    assert!(made.status.success(), "{}", printed(&made));
    let api = json(city, &["status", "--json"])["api"].as_str().unwrap().to_owned();
    city.edit(FILE, |text| {
        text.replace("https://radius.city.example:9813", &format!("http://{api}"))
    });
}

fn name(labels: &Value, asset: &str) -> String {
    let found = labels.as_array().unwrap().iter().find(|row| row["asset"] == asset);
    found.unwrap_or_else(|| panic!("{asset} has no label"))["name"].as_str().unwrap().to_owned()
}

fn check_zone(city: &City, side: &str) -> String {
    let made = run(&mut city.sekisho(&["tripwire", "zone", side]));
    assert!(made.status.success(), "{}", printed(&made));
    let path = city.path("zone.db");
    fs::write(&path, &made.stdout).unwrap();
    let checked = run(Command::new("named-checkzone").args(["-i", "local", ZONE]).arg(path));
    assert!(checked.status.success(), "{}", printed(&checked));
    String::from_utf8(made.stdout).unwrap()
}

#[test]
fn labels_zones_and_pages_are_made_for_those_who_stay_and_for_nobody_without_a_key() {
    let city = city();
    let mode = fs::metadata(city.path("secrets/tripwire/key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    refused(&city, &["tripwire", "key"]);
    let labels = json(&city, &["tripwire", "labels", "--json"]);
    let own = name(&labels, "S-0033");
    assert!(labels.as_array().unwrap().iter().all(|row| row["asset"] != "P-0002"));
    let label = own.split('.').next().unwrap();
    assert!(check_zone(&city, "--inside").contains(&format!("\n{label} IN A 10.1.0.80\n")));
    assert!(!check_zone(&city, "--outside").contains(label));
    let made = run(&mut city.sekisho(&["tripwire", "page", "--output", "pages"]));
    assert!(made.status.success(), "{}", printed(&made));
    for ending in ["html", "pac"] {
        let page = fs::read_to_string(city.path(&format!("pages/S-0033.{ending}"))).unwrap();
        assert!(page.contains(&own), "{page}");
    }
    let csv = run(&mut city.sekisho(&["tripwire", "labels"]));
    assert!(printed(&csv).starts_with("asset,computer,label,name,until\n"));
    fs::remove_file(city.path("secrets/tripwire/key")).unwrap();
    refused(&city, &["tripwire", "labels"]);
    city.edit("config/tripwire.toml", |text| text.replace("\nenabled = true", "\nenabled = false"));
    assert!(refused(&city, &["tripwire", "labels", "--lang", "en"]).contains("no tripwire"));
}

#[test]
fn a_pc_with_a_way_out_of_its_own_is_named_and_cut_and_nobody_else_is() {
    let city = city();
    let mut server = city.serve();
    let switch = Switch::cisco();
    assert!(switch.authenticate(&server).contains("\"120\""));
    export(&city);
    let labels = json(&city, &["tripwire", "labels", "--json"]);
    let [own, leaked, absent] = ["S-0033", "P-0001", "S-0027"].map(|asset| name(&labels, asset));
    let label = own.split('.').next().unwrap();
    assert!(!fs::read_to_string(city.path(FILE)).unwrap().contains(label));
    let mut responder = Responder::start(&city);
    strangers(&responder, label);
    leak(&city, &mut server, &responder, &leaked);

    // The inside DNS of the city has no such zone and asks outside: no fault of the PC.
    responder.dig(&["-b", "127.9.9.1", "+short", &own, "A"]);
    assert_eq!(responder.wait_for("TRIPWIRE-hit")["network"], "127.9.9.0/24");
    server.wait_for("a hit of our own", |line| {
        line["event"] == "TRIPWIRE-own" && line["asset"] == "S-0033"
    });
    std::thread::sleep(Duration::from_secs(1));

    // The PC: the resolver of its carrier writes names in any case.
    let asked = responder.dig(&["+short", &own.to_uppercase(), "A"]);
    assert_eq!(asked.trim(), "192.0.2.80");
    let hit = responder.wait_for("TRIPWIRE-hit");
    let shown = (hit["network"].as_str(), hit["by"].as_str());
    assert_eq!(shown, (Some("127.0.0.0/24"), Some("dns")), "the leaked one was told before");
    let request = switch.heard(SOON, &[]).expect("a Disconnect-Request");
    switch.answer(&request, &secret(switch.id), None);
    let verdict = server.wait_for("the verdict", |line| {
        line["event"] == "SENSOR-verdict" && line["asset"] == "S-0033"
    });
    assert_eq!((&verdict["kind"], &verdict["action"]), (&"tripwire".into(), &"quarantine".into()));
    assert_eq!((&verdict["hard"], &verdict["environment"]), (&"true".into(), &"B".into()));
    assert!(verdict["signs"].as_str().unwrap().contains("127.0.0.0/24"), "{verdict}");
    assert!(verdict["place"].as_str().unwrap().contains("GigabitEthernet1/0/1"), "{verdict}");
    server.wait_for("its alert", |line| line["event"] == "ALERT-rogue");
    assert!(switch.authenticate(&server).contains("\"900\""));

    // Data goes that way too, of a device that is not on the wire now.
    assert_eq!(responder.curl(&absent), "204");
    server.wait_for("the other verdict", |line| {
        line["event"] == "SENSOR-verdict"
            && line["asset"] == "S-0027"
            && line["action"] == "no-session"
            && line["signs"].as_str().unwrap().contains("http")
    });
    renewed(&city, &responder, &own);
    told(&city);
    responder.signal("TERM");
    assert!(responder.child.wait().unwrap().success());
    assert!(server.stop().success());
}

/// Scanners, resolvers and enemies: answered as they should be, and without any effect.
fn strangers(responder: &Responder, label: &str) {
    let guess: String = label.chars().rev().collect();
    for (arguments, status) in [
        (&["www.a.lan.city.example", "A"][..], "NXDOMAIN"),
        (&[&format!("{guess}.{ZONE}"), "A"], "NXDOMAIN"),
        (&["+tcp", &format!("{guess}.{ZONE}"), "AAAA"], "NXDOMAIN"),
        (&[&format!("*.{ZONE}"), "ANY"], "NXDOMAIN"),
        (&[ZONE, "SOA"], "NOERROR"),
        (&[ZONE, "MX"], "NOERROR"),
        (&["www.city.example", "A"], "REFUSED"),
        (&["-c", "CH", "-t", "TXT", "version.bind"], "REFUSED"),
        (&["+opcode=UPDATE", ZONE, "SOA"], "NOTIMP"),
        (&["+edns=1", "+noednsnegotiation", ZONE, "SOA"], "BADVERS"),
    ] {
        let found = responder.dig(arguments);
        assert!(found.contains(&format!("status: {status},")), "{arguments:?}: {found}");
        let flags = found.lines().find(|line| line.contains(";; flags:")).unwrap_or_default();
        assert!(!flags.contains(" ra"), "{arguments:?}: no recursion: {found}");
    }
    assert!(responder.dig(&["+tcp", ZONE, "AXFR"]).contains("Transfer failed"));
    assert_eq!(responder.curl(&format!("{guess}.{ZONE}")), "404");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for octets in [&[0_u8; 0][..], &[0xff; 12], &[0; 40], &[0; 2000], b"GET / HTTP/1.1\r\n\r\n"] {
        socket.send_to(octets, ("127.0.0.1", responder.dns)).unwrap();
        for port in [responder.dns, responder.http] {
            let _ = TcpStream::connect(("127.0.0.1", port)).unwrap().write_all(octets);
        }
    }
}

/// A label that got out is taken back: shown as such, and no verdict.
fn leak(city: &City, server: &mut Server, responder: &Responder, leaked: &str) {
    let wrong = ["tripwire", "revoke", "P-0002", "--reason", "x", "--lang", "en"];
    assert!(refused(city, &wrong).contains("has no label"));
    json(city, &["tripwire", "revoke", "P-0001", "--reason", "リンクのコピー", "--json"]);
    let answer = responder.dig(&["+short", "+tcp", leaked, "A"]);
    assert_eq!(answer.trim(), "192.0.2.80");
    responder.wait_for("TRIPWIRE-hit");
    server.wait_for("a revoked hit", |line| {
        line["event"] == "TRIPWIRE-revoked-hit"
            && line["asset"] == "P-0001"
            && line["reason"] == "リンクのコピー"
    });
    let revoked = json(city, &["tripwire", "revoked", "--json"]);
    assert_eq!((&revoked[0]["asset"], &revoked[0]["new_label"]), (&"P-0001".into(), &false.into()));
}

/// A file that is spoilt changes nothing; a good one is taken.
fn renewed(city: &City, responder: &Responder, own: &str) {
    let good = fs::read_to_string(city.path(FILE)).unwrap();
    fs::write(city.path(FILE), "{}").unwrap();
    responder.signal("HUP");
    responder.wait_for("TRIPWIRE-unread");
    assert_eq!(responder.dig(&["+short", own, "A"]).trim(), "192.0.2.80");
    fs::write(city.path(FILE), good).unwrap();
    responder.signal("HUP");
    responder.wait_for("TRIPWIRE-read");
}

/// What operators see of it, and that nothing but the two labels raised anything.
fn told(city: &City) {
    let status = json(city, &["tripwire", "status", "--state", STATE, "--json"]);
    assert!(status["misses"].as_u64().unwrap() >= 4, "{status}");
    assert!(status["named"].as_u64().unwrap() >= 3 && status["malformed"] != 0, "{status}");
    let metrics = page(city, "/metrics");
    for line in ["{result=\"named\"} 2", "{result=\"revoked\"} 1", "{result=\"own\"} 1"] {
        let line = format!("sekisho_tripwire_hits_total{line}");
        assert!(metrics.lines().any(|each| each == line), "{line}\n{metrics}");
    }
    let verdicts =
        run(&mut city.sekisho(&["log", "search", "--event", "SENSOR-verdict", "--format", "json"]));
    let verdicts = String::from_utf8(verdicts.stdout).unwrap();
    assert_eq!(verdicts.matches("SENSOR-verdict").count(), 2, "{verdicts}");
    let listed = json(city, &["sensor", "list", "--json"]);
    let row = listed.as_array().unwrap().last().unwrap();
    assert_eq!((&row["sensor"], &row["taken"]), (&"tripwire".into(), &4.into()), "{row}");
}
