//! The whole path: `wpa_supplicant` on a wire, `hostapd` as the switch, sekisho as the server,
//! in network namespaces of their own; and `tshark` reading our replies.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::city::{City, address, printed, run, secret};

/// `mu-ka0297`, a terminal of environment C registered for the main office, where the test bench
/// stands.
const DEVICE: &str = "mu-ka0297.pc.city.example";
const MAC: &str = "D4-1E-F8-20-A0-50";
const SERVER: &str = "10.255.77.1";
const SWITCH: &str = "10.255.77.2";

/// Runs `ip` and demands success.
fn ip(arguments: &str) {
    let output = run(Command::new("ip").args(arguments.split_whitespace()));
    assert!(output.status.success(), "ip {arguments}: {}", printed(&output));
}

/// Three namespaces: the server's, the switch's and the device's.
struct Wires {
    names: [String; 3],
}

impl Wires {
    fn new() -> Self {
        let process = std::process::id();
        let names = ["srv", "sw", "pc"].map(|role| format!("sekisho-{role}-{process}"));
        let wires = Self { names };
        let [server, switch, device] = &wires.names;
        for name in &wires.names {
            ip(&format!("netns add {name}"));
            ip(&format!("-n {name} link set lo up"));
        }
        ip(&format!("-n {server} link add up0 type veth peer name up0 netns {switch}"));
        ip(&format!("-n {switch} link add eth1 type veth peer name eth0 netns {device}"));
        ip(&format!("-n {server} addr add {SERVER}/24 dev up0"));
        ip(&format!("-n {switch} addr add {SWITCH}/24 dev up0"));
        ip(&format!("-n {device} link set eth0 address {}", MAC.replace('-', ":")));
        for (name, link) in [(server, "up0"), (switch, "up0"), (switch, "eth1"), (device, "eth0")] {
            ip(&format!("-n {name} link set {link} up"));
        }
        wires
    }

    fn inside(&self, which: usize, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.names[which], program]);
        command
    }
}

impl Drop for Wires {
    fn drop(&mut self) {
        for name in &self.names {
            // OK when the test failed before it was made.
            let _ = Command::new("ip").args(["netns", "del", name]).status();
        }
    }
}

/// A program that ends with the test.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Asked first, so that it can end what it started itself; both OK when it has ended.
        let _ = Command::new("kill").args(["-INT", &self.0.id().to_string()]).status();
        std::thread::sleep(Duration::from_millis(100));
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn supplicant(city: &City, versions: &str) -> std::path::PathBuf {
    let path = city.path("supplicant.conf");
    let at = |name: &str| city.path(name).display().to_string();
    let text = format!(
        "ap_scan=0\nnetwork={{\nkey_mgmt=IEEE8021X\neap=TLS\neapol_flags=0\nidentity=\"{DEVICE}\"\n\
         ca_cert=\"{}\"\nclient_cert=\"{}\"\nprivate_key=\"{}\"\ndomain_match=\"radius.city.example\"\nphase1=\"{versions}\"\n}}\n",
        at("secrets/authority/city.pem"),
        at(&format!("{DEVICE}.pem")),
        at(&format!("{DEVICE}.key"))
    );
    std::fs::write(&path, text).unwrap();
    path
}

fn switch(city: &City) -> std::path::PathBuf {
    let path = city.path("hostapd.conf");
    let control = city.path("hostapd");
    let text = format!(
        "interface=eth1\ndriver=wired\nieee8021x=1\nuse_pae_group_addr=1\nctrl_interface={}\n\
         own_ip_addr={SWITCH}\nnas_identifier=hon-sw40\nauth_server_addr={SERVER}\nauth_server_port=1812\n\
         auth_server_shared_secret={}\nradius_auth_req_attr=61:d:15\nradius_auth_req_attr=87:s:eth1\neap_server=0\n",
        control.display(),
        secret("hon-sw40")
    );
    std::fs::write(&path, text).unwrap();
    path
}

/// What the switch says of the port: authorised or not. A supplicant may believe otherwise.
fn is_authorised(wires: &Wires, control: &Path) -> bool {
    let output =
        run(wires.inside(1, "hostapd_cli").arg("-p").arg(control).args(["-i", "eth1", "all_sta"]));
    printed(&output).contains("dot1xAuthAuthControlledPortStatus=1")
}

#[test]
fn a_port_of_hostapd_opens_for_wpa_supplicant_and_only_with_its_certificate() {
    for (versions, version) in [
        ("tls_disable_tlsv1_3=1", "1.2"),
        (
            "tls_disable_tlsv1_0=1 tls_disable_tlsv1_1=1 tls_disable_tlsv1_2=1 tls_disable_tlsv1_3=0",
            "1.3",
        ),
    ] {
        let city = City::new();
        let credential = city.issue(DEVICE);
        city.edit("config/server.toml", |text| {
            text.replace(
                "authentication = [\"127.0.0.1:0\"]",
                &format!("authentication = [\"{SERVER}:1812\"]"),
            )
        });
        let clients = address("0.0/16");
        city.edit("config/environments.toml", |text| {
            text.replace(
                &format!("prefixes = [\"{clients}\"]"),
                &format!("prefixes = [\"{clients}\", \"10.255.77.0/24\"]"),
            )
        });
        city.edit("topology/honcho/site.toml", |text| text.replace(&address("1.50"), SWITCH));
        let wires = Wires::new();
        let mut server = city.serve_by(wires.inside(0, env!("CARGO_BIN_EXE_sekisho")));
        let control = city.path("hostapd");
        let _switch = Running::start(wires.inside(1, "hostapd").arg(switch(&city)));
        let start = || {
            let configuration = supplicant(&city, versions);
            Running::start(
                wires
                    .inside(2, "wpa_supplicant")
                    .args(["-D", "wired", "-i", "eth0", "-c"])
                    .arg(configuration),
            )
        };
        let device = start();
        let decision = server.decision(MAC, 1);
        assert_eq!(decision["outcome"], "admit", "{decision}");
        assert_eq!((&decision["tls"], &decision["vlan"]), (&version.into(), &130.into()));
        let deadline = Instant::now() + Duration::from_secs(10);
        while !is_authorised(&wires, &control) {
            assert!(Instant::now() < deadline, "the port stays closed");
            std::thread::sleep(Duration::from_millis(100));
        }
        drop(device);

        // Revoked, the same device finds the port closed.
        city.revoke(&credential.issued.serial);
        server.signal("HUP");
        server.wait_for("reload", |line| line["event"] == "CFG-plan-unchanged");
        let _device = start();
        let decision = server.decision(MAC, 2);
        assert_eq!(decision["reason"], "certificate.revoked", "{decision}");
        std::thread::sleep(Duration::from_millis(500));
        assert!(!is_authorised(&wires, &control));
    }
}

/// conformance.md §6: our replies as another program reads them.
#[test]
fn tshark_finds_our_replies_valid() {
    let city = City::new();
    city.issue("mu-ka0273.pc.city.example");
    let mut server = city.serve();
    let port = server.port;
    let capture = city.path("replies.pcapng");
    let mut dumping = Command::new("tshark");
    dumping.args(["-i", "lo", "-f", &format!("udp port {port}"), "-w"]).arg(&capture);
    let dumping = dumping.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut dumping = Running(dumping.expect("tshark must be installed"));
    let mut said = BufReader::new(dumping.0.stderr.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().contains("Capturing")), "tshark captures");
    std::thread::sleep(Duration::from_millis(500));

    let secret = secret("ken-sw02");
    let configuration = city.path("tls.conf");
    let at = |name: &str| city.path(name).display().to_string();
    let text = format!(
        "network={{\nkey_mgmt=IEEE8021X\neap=TLS\neapol_flags=0\nidentity=\"x\"\nca_cert=\"{}\"\nclient_cert=\"{}\"\nprivate_key=\"{}\"\n}}\n",
        at("secrets/authority/city.pem"),
        at("mu-ka0273.pc.city.example.pem"),
        at("mu-ka0273.pc.city.example.key")
    );
    std::fs::write(&configuration, text).unwrap();
    for mac in ["D4-1E-F9-0D-B6-CE", "00-15-5D-00-00-09"] {
        let mut command = Command::new("eapol_test");
        command.arg("-c").arg(&configuration).args([
            "-t",
            "10",
            "-a",
            "127.0.0.1",
            "-A",
            &address("14.12"),
        ]);
        command.args([
            "-p",
            &port.to_string(),
            "-s",
            &secret,
            "-M",
            &mac.replace('-', ":"),
            "-N61:d:15",
            "-N87:s:GigabitEthernet1/0/5",
        ]);
        let output = run(&mut command);
        let decision = server.decision(mac, 1);
        let expected = if mac == "D4-1E-F9-0D-B6-CE" { "admit" } else { "refuse" };
        assert_eq!(decision["outcome"], expected, "{decision}\n{}", printed(&output));
    }
    std::thread::sleep(Duration::from_millis(500));
    run(Command::new("kill").args(["-INT", &dumping.0.id().to_string()]));
    dumping.0.wait().unwrap();

    let fields = [
        "radius.code",
        "radius.authenticator.valid",
        "radius.Tunnel_Type",
        "radius.Tunnel_Medium_Type",
        "radius.Tunnel_Private_Group_Id",
        "_ws.expert",
    ];
    let mut reading = Command::new("tshark");
    reading.arg("-r").arg(&capture).args(["-d", &format!("udp.port=={port},radius")]);
    reading.args([
        "-o",
        &format!("radius.shared_secret:{secret}"),
        "-o",
        "radius.validate_authenticator:TRUE",
    ]);
    reading.args(["-Y", &format!("udp.srcport=={port}"), "-T", "fields"]);
    let output = run(reading.args(fields.iter().flat_map(|field| ["-e", field])));
    let text = String::from_utf8(output.stdout).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    let codes: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    for code in ["2", "3", "11"] {
        assert!(codes.contains(&code), "no reply with code {code}: {text}");
    }
    for row in &rows {
        assert!(matches!(row[1], "1" | "True"), "authenticator: {row:?}");
        assert_eq!(row[5], "", "expert warnings: {row:?}");
        if row[0] == "2" {
            assert_eq!(row[2..5], ["13", "6", "130"]);
        }
    }
}
