//! `sekisho authenticator` end to end, in the lab of `integration/lab`: Open vSwitch,
//! `wpa_supplicant`, dnsmasq, web servers, sekisho or FreeRADIUS behind it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::city::{Within, printed, root, run};

const PATIENCE: Duration = Duration::from_secs(20);
/// The authenticator's address, and where each environment's web server is.
const SWITCH: &str = "10.250.1.11";
const PAGES: [&str; 4] = ["10.1.0.10", "10.2.0.10", "10.3.0.10", "10.249.0.10"];

static LABS: AtomicU32 = AtomicU32::new(0);

/// A lab of one's own, taken down at the end whatever happens.
pub struct Lab(String);

impl Lab {
    pub fn up(options: &[&str]) -> Self {
        let number = LABS.fetch_add(1, Ordering::Relaxed);
        let lab = Self(format!("sk{}-{number}", std::process::id()));
        let output = run(lab.command("up").args(options));
        assert!(output.status.success(), "{}", printed(&output));
        lab
    }

    pub fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(root().join("integration/lab"));
        command.arg(verb).arg(&self.0).env("SEKISHO", env!("CARGO_BIN_EXE_sekisho"));
        command
    }

    pub fn tell(&self, verb: &str, arguments: &[&str]) -> String {
        let output = run(self.command(verb).args(arguments));
        assert!(output.status.success(), "{verb}: {}", printed(&output));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        PathBuf::from(format!("/tmp/sekisho-lab-{}", self.0)).join(relative)
    }

    /// The namespace of a part of the lab.
    pub fn within(&self, role: &str) -> Within {
        Within(Some(format!("{}-{role}", self.0)))
    }

    pub fn inside(&self, role: &str, program: &str) -> Command {
        self.within(role).command(program)
    }

    /// Runs a shell line in a namespace.
    pub fn shell(&self, role: &str, line: &str) -> Output {
        run(self.inside(role, "sh").args(["-c", line]))
    }

    pub fn sekisho(&self, arguments: &[&str]) -> Output {
        run(Command::new(env!("CARGO_BIN_EXE_sekisho")).args(arguments))
    }

    /// What the authenticator says of a port.
    pub fn port(&self, name: &str) -> Value {
        let state = self.path("authenticator");
        let output = self.sekisho(&[
            "authenticator",
            "status",
            "--json",
            "--state",
            state.to_str().unwrap(),
        ]);
        let status: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let mut ports = status["ports"].as_array().into_iter().flatten();
        ports.find(|port| port["port"] == name).cloned().unwrap_or_default()
    }

    pub fn wait(&self, what: &str, ready: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !ready() {
            let log = fs::read_to_string(self.path("authenticate.log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "{}: no {what}\n{log}", self.0);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn wait_for(&self, port: &str, state: &str, vlan: impl Into<Value>) {
        let vlan = vlan.into();
        self.wait(&format!("{port} {state} {vlan}"), || {
            let found = self.port(port);
            found["state"] == state && found["vlan"] == vlan
        });
    }

    /// The pages that a host can fetch: A, B, C, quarantine.
    pub fn pages(&self, host: &str) -> String {
        let fetch = |address: &&str| {
            let output = run(self.inside(host, "curl").args(["-s", "-m", "1", address]));
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        PAGES.iter().map(fetch).collect::<Vec<_>>().join(",")
    }

    /// What the switch itself has for a port, whatever the authenticator believes.
    pub fn tag(&self, port: &str) -> String {
        let database = format!("--db=unix:{}", self.path("ovs/db.sock").display());
        let output = run(Command::new("ovs-vsctl").args([&database, "get", "port", port, "tag"]));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// How many flows let frames of access ports in.
    pub fn open_flows(&self) -> usize {
        let socket = format!("unix:{}", self.path("ovs/access.mgmt").display());
        let output = run(Command::new("ovs-ofctl").args(["--timeout=5", "dump-flows", &socket]));
        if !output.status.success() {
            return usize::MAX; // a switch that does not say
        }
        String::from_utf8(output.stdout).unwrap().matches("dl_src=").count()
    }

    /// How often the authenticator counted an event.
    pub fn count(&self, event: &str) -> u64 {
        self.metric(&format!("events_total{{event=\"{event}\"}}"))
    }

    pub fn metric(&self, event: &str) -> u64 {
        let output = run(self.inside("sw", "curl").args(["-s", "http://127.0.0.1:9813/metrics"]));
        let text = String::from_utf8(output.stdout).unwrap();
        let name = format!("sekisho_authenticator_{event} ");
        text.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or_default()
    }

    pub fn pid(&self, name: &str) -> String {
        fs::read_to_string(self.path(&format!("{name}.pid"))).unwrap().trim().to_owned()
    }

    pub fn kill(&self, how: &str, name: &str) {
        let pid = self.pid(name);
        assert!(run(Command::new("kill").args([how, &pid])).status.success());
        self.wait(&format!("end of {name}"), || {
            let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            state.is_empty() || state.contains(") Z ")
        });
    }

    /// Sends a CoA or Disconnect request from the server; gives radclient's words.
    pub fn change(&self, kind: &str, attributes: &str) -> String {
        let secret = self.path("radius.secret");
        let line = format!(
            "printf '%s, Message-Authenticator = 0x00, Event-Timestamp = %s' '{attributes}' \"$(date +%s)\" | radclient -x -t 2 -r 1 -S {} {SWITCH}:3799 {kind}",
            secret.display()
        );
        printed(&self.shell("srv", &line))
    }

    /// Sends raw frames on a host's wire.
    pub fn send(&self, host: &str, frames: &[Vec<u8>]) {
        let hex: Vec<String> = frames
            .iter()
            .map(|frame| frame.iter().map(|octet| format!("{octet:02x}")).collect())
            .collect();
        let program = "import socket,sys\ns=socket.socket(socket.AF_PACKET,socket.SOCK_RAW)\ns.bind(('eth0',0))\nfor f in sys.argv[1:]: s.send(bytes.fromhex(f))";
        let output = run(self.inside(host, "python3").args(["-c", program]).args(hex));
        assert!(output.status.success(), "{}", printed(&output));
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.command("down").status(); // OK because what fails here was told by the lab
    }
}

/// An EAPOL frame from a host to the group address.
fn eapol(source: [u8; 6], body: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x01, 0x80, 0xc2, 0, 0, 3];
    frame.extend_from_slice(&source);
    frame.extend_from_slice(&[0x88, 0x8e]);
    frame.extend_from_slice(body);
    frame
}

const STRANGER: [u8; 6] = [0, 0, 0x5e, 0, 0x53, 0x99];

#[test]
fn each_host_gets_its_own_vlan_and_nothing_else_and_a_socket_forgets_who_was_there() {
    let lab = Lab::up(&[]);
    lab.tell("plug", &["port1", "pc"]);
    lab.tell("join", &["pc"]);
    lab.wait_for("port1", "authorised", 120);
    assert_eq!(lab.port("port1")["method"], "dot1x");
    assert!(lab.tell("lease", &["pc"]).starts_with("10.2.0."));
    assert_eq!(lab.pages("pc"), ",b,,");

    // Another host on the same wire is not let in by the first one's admission.
    let spoof = "ip addr flush dev eth0; ip link set eth0 address 00:00:5e:00:53:77; ip addr add 10.2.0.77/18 dev eth0";
    lab.shell("pc", spoof);
    assert_eq!(lab.pages("pc"), ",,,");

    // Pulled, the port is dead at once; the printer on the same socket gets its own VLAN.
    lab.tell("unplug", &["port1"]);
    lab.wait_for("port1", "down", Value::Null);
    lab.wait("a closed port", || lab.tag("port1") == "4094" && lab.open_flows() == 0);
    lab.tell("plug", &["port1", "guest"]);
    assert!(lab.tell("lease", &["guest"]).starts_with("10.3.0."));
    assert_eq!(lab.port("port1")["method"], "mab");
    assert_eq!(lab.pages("guest"), ",,c,");

    // And the PC, back in its socket, its own.
    lab.tell("plug", &["port1", "pc"]);
    lab.tell("join", &["pc"]);
    lab.wait_for("port1", "authorised", 120);
    assert!(lab.tell("lease", &["pc"]).starts_with("10.2.0."));
}

#[test]
fn a_strangers_frames_reach_no_other_port_and_forgeries_change_nothing() {
    let lab = Lab::up(&[]);
    lab.tell("plug", &["port2", "printer"]);
    assert!(lab.tell("lease", &["printer"]).starts_with("10.2.0."));
    lab.tell("plug", &["port3", "stranger"]);
    lab.shell("stranger", "ip addr add 10.2.0.66/18 dev eth0");

    // Every other wire is watched while the stranger shouts; the mirror shows that it does.
    let watched = [
        ("printer", "eth0"),
        ("a", "eth0"),
        ("b", "eth0"),
        ("c", "eth0"),
        ("q", "eth0"),
        ("mirror", "eth0"),
    ];
    let mut watching: Vec<_> = watched
        .map(|(role, link)| {
            let mut command = lab.inside(role, "timeout");
            command.args(["6", "tcpdump", "-U", "--immediate-mode", "-c1", "-nei", link]);
            command.args(["ether", "src", "00:00:5e:00:53:99"]);
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null());
            command.spawn().expect("tcpdump must be installed")
        })
        .into();
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(lab.pages("stranger"), ",,,");
    let mut shout = vec![0xff; 6];
    shout.extend_from_slice(&STRANGER);
    shout.extend_from_slice(&[0x08, 0x06]);
    shout.resize(60, 0);
    // With an 802.1Q tag of B as well, as a VLAN hopper would.
    let mut tagged = shout[..12].to_vec();
    tagged.extend_from_slice(&[0x81, 0, 0, 120, 0x08, 0x06]);
    tagged.resize(64, 0);
    lab.send("stranger", &[shout, tagged]);

    // Malformed frames, a flood, and successes that only a server may grant.
    let before = lab.port("port3");
    lab.send("stranger", &[eapol(STRANGER, &[2, 0, 0xff, 0xff, 2]), eapol(STRANGER, &[2])]);
    let success = eapol(STRANGER, &[2, 0, 0, 4, 3, 1, 0, 4]);
    lab.send("stranger", &[success.clone(), success]);
    lab.send("stranger", &vec![eapol(STRANGER, &[2, 1, 0, 0]); 400]);
    lab.wait("counted malformed frames", || lab.count("frame-malformed") >= 1);
    lab.wait("counted forgeries", || lab.count("frame-forged") >= 1);
    lab.wait("counted floods", || {
        lab.count("frame-flood") + lab.metric("frames_lost_total{port=\"port3\"}") >= 1
    });
    assert_eq!(before["vlan"], Value::Null);
    assert_eq!(lab.port("port3")["vlan"], Value::Null);
    assert_eq!(lab.tag("port3"), "4094");
    assert_eq!(lab.port("port2")["vlan"], 120, "others are untouched");
    for (child, (role, _)) in watching.drain(..).zip(watched) {
        let heard = printed(&child.wait_with_output().unwrap());
        assert_eq!(heard.contains("00:00:5e:00:53:99"), role == "mirror", "{role}: {heard}");
    }
}

#[test]
fn a_coa_moves_a_live_host_to_quarantine_within_a_second_and_a_forged_one_does_not() {
    let lab = Lab::up(&[]);
    lab.tell("plug", &["port1", "pc"]);
    lab.tell("join", &["pc"]);
    lab.wait_for("port1", "authorised", 120);
    lab.tell("lease", &["pc"]);
    assert_eq!(lab.pages("pc"), ",b,,");
    let quarantine = "Calling-Station-Id = \"00-00-5E-00-53-01\", Tunnel-Type = VLAN, Tunnel-Medium-Type = IEEE-802, Tunnel-Private-Group-Id = \"900\"";

    let forged = format!(
        "echo '{quarantine}, Message-Authenticator = 0x00' | radclient -t 1 -r 1 {SWITCH}:3799 coa wrong-secret-0123456789"
    );
    lab.shell("srv", &forged);
    assert!(lab.count("dynamic-unproven") >= 1);
    assert_eq!(lab.tag("port1"), "120");

    let begin = Instant::now();
    let said = lab.change("coa", quarantine);
    let took = begin.elapsed();
    assert!(said.contains("CoA-ACK"), "{said}");
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(lab.tag("port1"), "900", "the acknowledgement means it is done");
    assert_eq!(lab.pages("pc"), ",,,");
    assert!(lab.tell("lease", &["pc"]).starts_with("10.249.0."));

    let said = lab.change("disconnect", "Calling-Station-Id = \"00-00-5E-00-53-01\"");
    assert!(said.contains("Disconnect-ACK"), "{said}");
    assert!(lab.change("disconnect", "Calling-Station-Id = \"00-00-5E-00-53-55\"").contains("NAK"));
}

#[test]
fn nothing_stays_open_or_shut_for_good_when_a_part_is_killed() {
    let lab = Lab::up(&[]);
    // The server, in the middle of the handshake: it is stopped before it can answer the first
    // message, and killed.
    run(Command::new("kill").args(["-STOP", &lab.pid("serve")]));
    lab.tell("plug", &["port1", "pc"]);
    lab.tell("join", &["pc"]);
    lab.wait("an unanswered question", || lab.port("port1")["state"] == "authenticating");
    lab.kill("-KILL", "serve");
    lab.wait("a counted silence", || lab.count("server-silent") >= 1);
    assert_eq!(lab.port("port1")["vlan"], Value::Null);
    lab.tell("serve", &[]);
    lab.wait_for("port1", "authorised", 120);

    // The authenticator: what it left open is closed and asked anew.
    let before = lab.port("port1")["session"].clone();
    lab.kill("-KILL", "authenticate");
    assert_eq!(lab.tag("port1"), "120");
    lab.tell("authenticate", &[]);
    lab.wait_for("port1", "authorised", 120);
    assert_ne!(lab.port("port1")["session"], before, "a session of its own, not a memory");

    // Somebody else's hand.
    let database = format!("--db=unix:{}", lab.path("ovs/db.sock").display());
    run(Command::new("ovs-vsctl").args([&database, "set", "port", "port1", "tag=110"]));
    lab.wait("a noticed change", || {
        fs::read_to_string(lab.path("authenticate.log")).unwrap().contains("SYS-port-drifted")
    });
    lab.wait_for("port1", "authorised", 120);
    assert_eq!(lab.tag("port1"), "120");

    // The switch and its database: when they are back, nothing is taken for granted.
    for daemon in ["ovs/ovs-vswitchd", "ovs/ovsdb-server"] {
        let count = || {
            let log = fs::read_to_string(lab.path("authenticate.log")).unwrap();
            log.matches("SYS-switch-lost").count()
        };
        let lost = count();
        lab.kill("-KILL", daemon);
        lab.wait("a noticed loss", || count() > lost);
        assert_eq!(lab.port("port1")["vlan"], Value::Null);
        lab.tell("daemons", &[]);
        lab.wait_for("port1", "authorised", 120);
        lab.wait("an open port", || lab.tag("port1") == "120" && lab.open_flows() == 1);
    }

    // Ended in order, it leaves every port closed.
    lab.kill("-TERM", "authenticate");
    assert_eq!((lab.tag("port1"), lab.open_flows()), ("4094".to_owned(), 0));
}

#[test]
fn an_admission_lasts_while_it_is_renewed_and_ends_with_the_process_that_renews_it() {
    let lab = Lab::up(&[]);
    lab.tell("plug", &["port1", "pc"]);
    lab.tell("join", &["pc"]);
    lab.wait_for("port1", "authorised", 120);
    // Longer than a flow lives.
    let until = Instant::now() + Duration::from_secs(17);
    while Instant::now() < until {
        assert_eq!(lab.open_flows(), 1);
        std::thread::sleep(Duration::from_millis(200));
    }
    lab.kill("-KILL", "authenticate");
    lab.wait("a port that shuts by itself", || lab.open_flows() == 0);
}

#[test]
fn free_radius_as_the_server_and_forged_replies() {
    let lab = Lab::up(&["--server", "freeradius"]);
    lab.tell("plug", &["port1", "pc"]);
    lab.tell("plug", &["port2", "printer"]);
    lab.tell("plug", &["port3", "stranger"]);
    lab.tell("join", &["pc"]);
    lab.wait_for("port1", "authorised", 120);
    assert!(lab.tell("lease", &["printer"]).starts_with("10.2.0."));
    assert_eq!(lab.port("port2")["method"], "mab");
    lab.shell("stranger", "ip addr add 10.2.0.66/18 dev eth0; ping -c1 -W1 10.2.0.10");
    lab.wait("a rejected stranger", || lab.count("rejected") >= 1);
    assert_eq!(lab.port("port3")["vlan"], Value::Null);

    // Accounting: a start and a stop of one session, as FreeRADIUS wrote them down.
    let accounts = || fs::read_to_string(lab.path("raddb/accounts")).unwrap_or_default();
    let records = |status: &str| -> Vec<String> {
        let mine = |record: &&str| {
            record.contains(&format!("Acct-Status-Type = {status}"))
                && record.contains("Calling-Station-Id = \"00-00-5E-00-53-01\"")
        };
        let session = |record: &str| {
            let line = record.lines().find(|line| line.contains("Acct-Session-Id")).unwrap();
            line.trim().to_owned()
        };
        accounts().split("\n\n").filter(mine).map(session).collect()
    };
    lab.wait("an accounting start", || records("Start").len() == 1);
    lab.tell("unplug", &["port1"]);
    lab.wait("an accounting stop", || records("Stop").len() == 1);
    assert_eq!(records("Start"), records("Stop"), "{}", accounts());
    assert!(accounts().contains("Acct-Terminate-Cause = Lost-Carrier"), "{}", accounts());
    lab.tell("plug", &["port1", "pc"]);

    // A server that answers Accept with a VLAN under a wrong authenticator: the port stays shut.
    lab.kill("-KILL", "freeradius");
    lab.tell("unplug", &["port2"]);
    let program = "import socket\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\ns.bind(('10.250.0.10',1812))\nwhile True:\n d,a=s.recvfrom(4096)\n v=bytes([64,6,0,0,0,13,65,6,0,0,0,6,81,5])+b'120'\n s.sendto(bytes([2,d[1]])+(20+len(v)).to_bytes(2,'big')+bytes(16)+v,a)";
    let mut forger = lab.inside("srv", "timeout");
    let mut forger = forger.args(["30", "python3", "-c", program]).spawn().unwrap();
    lab.tell("plug", &["port2", "printer"]);
    lab.shell("printer", "ip addr add 10.2.0.67/18 dev eth0; ping -c1 -W1 10.2.0.10");
    lab.wait("a counted forgery", || lab.count("reply-unproven") >= 1);
    lab.wait("an unreachable server", || lab.count("server-silent") >= 1);
    assert_eq!(
        (lab.port("port2")["vlan"].clone(), lab.tag("port2")),
        (Value::Null, "4094".to_owned())
    );
    let _ = forger.kill(); // OK when its time was over
    let _ = forger.wait();
}
