//! `sekisho render gateway` and `check --running` with nftables itself and real packets: hosts
//! and a gateway in namespaces, one veth pair for each VLAN.

use std::fs;
use std::io::Write as _;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::city::{City, printed, root, run, sekisho};

const PATIENCE: Duration = Duration::from_secs(20);
/// The interface of a host.
const HOST: &str = "eth0";

static NETWORKS: AtomicU32 = AtomicU32::new(0);

/// One side of the gateway.
struct Side {
    vlan: u16,
    /// The gateway's addresses there.
    gateway: [&'static str; 2],
    /// The addresses of its hosts, which one namespace all has.
    hosts: &'static [&'static str],
}

const A: Side = Side {
    vlan: 110,
    gateway: ["10.1.0.8/18", "fd00:1:0:110::8/64"],
    hosts: &["10.1.0.50", "10.1.9.9", "fd00:1:0:110::51", "fd00:1:0:110::99"],
};
const B_OF_AB: Side = Side {
    vlan: 120,
    gateway: ["10.2.0.8/18", "fd00:2:0:120::8/64"],
    hosts: &["10.2.0.60", "10.2.9.9", "fd00:2:0:120::61", "fd00:2:0:120::99"],
};
const B_OF_BC: Side = Side {
    vlan: 120,
    gateway: ["10.2.0.10/18", "fd00:2:0:120::a/64"],
    hosts: &["10.2.0.62", "10.2.0.63", "10.2.0.64", "10.2.0.70", "fd00:2:0:120::62"],
};
const C: Side = Side {
    vlan: 130,
    gateway: ["10.3.0.10/18", "fd00:3:0:130::a/64"],
    hosts: &["10.3.0.20", "10.3.0.21", "10.3.0.30", "10.3.0.40", "fd00:3:0:130::20"],
};

/// What a host tries: source, destination, protocol, port.
type Probe = (&'static str, &'static str, &'static str, u16);

/// A gateway between two sides, taken down at the end whatever happens.
struct Network {
    name: String,
    gateway: &'static str,
    sides: [&'static Side; 2],
    directory: TempDir,
    peers: Vec<Child>,
}

impl Drop for Network {
    fn drop(&mut self) {
        for peer in &mut self.peers {
            let _ = peer.kill();
            let _ = peer.wait();
        }
        for role in ["gw", "0", "1"] {
            let _ = Command::new("ip")
                .args(["netns", "del", &format!("{}-{role}", self.name)])
                .stderr(Stdio::null())
                .status();
        }
    }
}

/// Runs what must succeed.
fn must(command: &mut Command) -> Output {
    let output = run(command);
    assert!(output.status.success(), "{command:?}: {}", printed(&output));
    output
}

fn ip(line: &str) {
    must(Command::new("ip").args(line.split(' ')));
}

impl Network {
    fn up(gateway: &'static str, sides: [&'static Side; 2]) -> Self {
        let number = NETWORKS.fetch_add(1, Ordering::Relaxed);
        let name = format!("skr{}-{number}", std::process::id());
        let directory = tempfile::tempdir().unwrap();
        let mut network = Self { name, gateway, sides, directory, peers: Vec::new() };
        let name = network.name.clone();
        for role in ["gw", "0", "1"] {
            ip(&format!("netns add {name}-{role}"));
            network.shell(role, "sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 && ip link set lo up");
        }
        // What drops must be the rules and nothing else.
        network.shell("gw", "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0");
        for (role, side) in ["0", "1"].into_iter().zip(sides) {
            let vlan = side.vlan;
            ip(&format!(
                "link add vlan{vlan} netns {name}-gw type veth peer name {HOST} netns {name}-{role}"
            ));
            for address in side.gateway {
                network.shell("gw", &format!("ip address add {address} dev vlan{vlan}"));
            }
            network.shell("gw", &format!("ip link set vlan{vlan} up"));
            for host in side.hosts {
                let length = if host.contains(':') { 64 } else { 18 };
                network.shell(role, &format!("ip address add {host}/{length} dev {HOST}"));
            }
            network.shell(role, &format!("ip link set {HOST} up"));
            for (family, address) in ["-4", "-6"].into_iter().zip(side.gateway) {
                let address = address.split('/').next().unwrap();
                network.shell(role, &format!("ip {family} route add default via {address}"));
            }
            let peer = network
                .inside(role, "python3")
                .arg(root().join("integration/render_peer.py"))
                .args(["serve", HOST])
                .arg(network.directory.path().join(role))
                .spawn()
                .unwrap();
            network.peers.push(peer);
        }
        for role in ["0", "1"] {
            let deadline = Instant::now() + PATIENCE;
            while !network.arrived(role).contains("ready") {
                assert!(Instant::now() < deadline, "no servers in {role}");
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        network
    }

    fn inside(&self, role: &str, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &format!("{}-{role}", self.name), program]);
        command
    }

    fn shell(&self, role: &str, line: &str) -> String {
        let output = must(self.inside(role, "sh").args(["-c", line]));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Every packet that came to a side.
    fn arrived(&self, role: &str) -> String {
        fs::read_to_string(self.directory.path().join(role)).unwrap_or_default()
    }

    /// Gives a side's hosts a MAC address; the gateway forgets the old one.
    fn mac(&self, role: &str, mac: &str) {
        self.shell(role, &format!("ip link set {HOST} address {mac}"));
        for _ in 0..2 {
            self.shell("gw", "ip neigh flush all");
        }
    }

    /// Which of these get through and back.
    fn passing(&self, role: &str, probes: &[Probe]) -> Vec<Probe> {
        let wanted = json!(probes).to_string();
        let script = root().join("integration/render_peer.py");
        let output = must(self.inside(role, "python3").arg(script).args(["probe", &wanted]));
        let found: Vec<bool> = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(found.len(), probes.len());
        probes.iter().zip(found).filter(|(_, passed)| *passed).map(|(probe, _)| *probe).collect()
    }

    /// Everything that a side's hosts could try at the other's.
    fn everything(&self, from: usize) -> Vec<Probe> {
        let mut probes = Vec::new();
        for source in self.sides[from].hosts {
            for destination in self.sides[1 - from].hosts {
                if source.contains(':') == destination.contains(':') {
                    for port in [22, 443, 4172, 8443] {
                        probes.push((*source, *destination, "tcp", port));
                    }
                    for port in [53, 123] {
                        probes.push((*source, *destination, "udp", port));
                    }
                }
            }
        }
        probes
    }

    fn load(&self) {
        let mut render = sekisho(&["render", "gateway", self.gateway]);
        let output = must(render.current_dir(root()));
        let file = self.directory.path().join("rules.nft");
        fs::write(&file, output.stdout).unwrap();
        must(self.inside("gw", "nft").arg("-f").arg(&file));
    }

    fn ruleset(&self) -> Vec<u8> {
        must(self.inside("gw", "nft").args(["-j", "list", "ruleset"])).stdout
    }

    /// The handle of the rule with that comment.
    fn handle(&self, comment: &str) -> u64 {
        let document: Value = serde_json::from_slice(&self.ruleset()).unwrap();
        let mut objects = document["nftables"].as_array().unwrap().iter();
        let rule = objects.find(|object| object["rule"]["comment"] == comment).unwrap();
        rule["rule"]["handle"].as_u64().unwrap()
    }

    /// What `sekisho check --running -` says of the rules as they are, and its exit code.
    fn check(&self) -> (Vec<Value>, i32) {
        let mut child = sekisho(&[
            "check",
            "--running",
            "-",
            "--gateway",
            self.gateway,
            "--json",
            "--lang",
            "en",
        ])
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
        child.stdin.take().unwrap().write_all(&self.ruleset()).unwrap();
        let output = child.wait_with_output().unwrap();
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        (found["drift"].as_array().unwrap().clone(), output.status.code().unwrap())
    }
}

#[test]
fn between_a_and_b_the_flows_pass_and_nothing_else() {
    let network = Network::up("fw-ab", [&A, &B_OF_AB]);
    let (t001, t002) = (
        [("10.1.0.50", "10.2.0.60", "tcp", 443)],
        [("fd00:2:0:120::61", "fd00:1:0:110::51", "tcp", 8443)],
    );
    network.mac("0", "00:16:3e:0a:00:50");
    network.mac("1", "00:16:3e:0b:00:61");
    // Without rules everything passes, so that what follows means something.
    assert_eq!(network.passing("0", &network.everything(0)), network.everything(0));
    assert_eq!(network.passing("1", &network.everything(1)), network.everything(1));
    network.load();
    let before = [network.arrived("0").len(), network.arrived("1").len()];

    assert_eq!(network.passing("0", &network.everything(0)), t001);
    assert_eq!(network.passing("1", &network.everything(1)), t002);
    // Another machine with the permitted address.
    network.mac("0", "00:16:3e:0a:00:66");
    network.mac("1", "00:16:3e:0b:00:66");
    assert_eq!(network.passing("0", &network.everything(0)), []);
    assert_eq!(network.passing("1", &network.everything(1)), []);

    // Nothing arrived but what the two flows and their replies are, not even one way.
    let arrived = |role: usize| {
        let all = network.arrived(&role.to_string());
        all.get(before[role]..).unwrap().to_owned()
    };
    for line in arrived(1).lines() {
        let opens = line.starts_with("10.1.0.50 10.2.0.60 6 ") && line.ends_with(" 443");
        assert!(opens || line.starts_with("fd00:1:0:110::51 fd00:2:0:120::61 6 8443 "), "{line}");
    }
    for line in arrived(0).lines() {
        let opens =
            line.starts_with("fd00:2:0:120::61 fd00:1:0:110::51 6 ") && line.ends_with(" 8443");
        assert!(opens || line.starts_with("10.2.0.60 10.1.0.50 6 443 "), "{line}");
    }
    assert!(!arrived(0).is_empty() && !arrived(1).is_empty());
}

#[test]
fn between_b_and_c_the_flows_pass_and_nothing_else() {
    let network = Network::up("fw-bc", [&B_OF_BC, &C]);
    network.load();
    let mut t010 = Vec::new();
    for source in ["10.2.0.62", "10.2.0.63"] {
        for destination in ["10.3.0.20", "10.3.0.21"] {
            t010.extend([443, 4172].map(|port| (source, destination, "tcp", port)));
        }
    }
    for mac in ["00:16:3e:0b:00:62", "00:16:3e:0b:00:63"] {
        network.mac("0", mac);
        assert_eq!(network.passing("0", &network.everything(0)), t010, "{mac}");
    }
    for (mac, flow) in [
        ("00:16:3e:0c:00:30", vec![("10.3.0.30", "10.2.0.70", "tcp", 443)]),
        ("00:16:3e:0c:00:40", vec![("10.3.0.40", "10.2.0.64", "udp", 123)]),
        ("00:16:3e:0c:00:66", vec![]),
    ] {
        network.mac("1", mac);
        assert_eq!(network.passing("1", &network.everything(1)), flow, "{mac}");
    }
    let (drift, code) = network.check();
    assert!(drift.is_empty() && code == 0, "{drift:?}");
}

#[test]
fn what_is_changed_by_hand_is_found_and_nothing_else() {
    let network = Network::up("fw-ab", [&A, &B_OF_AB]);
    network.mac("0", "00:16:3e:0a:00:50");
    network.load();
    // Loading again changes nothing.
    network.load();
    assert_eq!(network.check(), (vec![], 0));

    // A rule more: found by its handle, and packets agree.
    let flow = network.handle("T-001");
    network.shell("gw", &format!(
        "nft add rule inet sekisho_fw_ab forward handle {flow} iifname vlan110 ip daddr 10.2.9.9 tcp dport 22 accept comment door"
    ));
    let (drift, code) = network.check();
    assert!(drift.len() == 1 && code == 1, "{drift:?}");
    assert_eq!(drift[0]["id"], "running.more");
    assert_eq!(drift[0]["facts"]["handle"], network.handle("door").to_string());
    let text = drift[0]["text"].as_str().unwrap();
    assert!(text.contains("10.2.9.9 tcp") && text.contains("→ 22"), "{text}");
    let door = ("10.1.9.9", "10.2.9.9", "tcp", 22);
    assert_eq!(network.passing("0", &[door]), [door]);
    network.shell(
        "gw",
        &format!("nft delete rule inet sekisho_fw_ab forward handle {}", network.handle("door")),
    );
    assert_eq!(network.check(), (vec![], 0));
    assert_eq!(network.passing("0", &[door]), []);

    // Behind the rule that drops everything a rule lets nothing pass, and is no drift.
    network.shell("gw", "nft add rule inet sekisho_fw_ab forward accept");
    assert_eq!(network.check(), (vec![], 0));
    assert_eq!(network.passing("0", &[door]), []);
    network.load();

    // A flow less.
    let t001 = ("10.1.0.50", "10.2.0.60", "tcp", 443);
    assert_eq!(network.passing("0", &[t001]), [t001]);
    network.shell(
        "gw",
        &format!("nft delete rule inet sekisho_fw_ab forward handle {}", network.handle("T-001")),
    );
    let (drift, code) = network.check();
    assert!(drift.len() == 1 && code == 1, "{drift:?}");
    assert_eq!(
        (&drift[0]["id"], &drift[0]["facts"]["flow"]),
        (&json!("running.less"), &json!("T-001"))
    );
    assert_eq!(network.passing("0", &[t001]), []);
    network.load();

    // What is not understood is said, never passed over.
    network.shell("gw", "nft insert rule inet sekisho_fw_ab forward meta mark 7 accept");
    let (drift, code) = network.check();
    assert!(drift.len() == 1 && code == 1, "{drift:?}");
    assert_eq!(drift[0]["id"], "running.not-understood");
    network.load();

    // A chain of its own, by a named set, in another table: it can only take away.
    network.shell("gw", "nft -f - <<'E'\ntable ip other {\n set hosts { type ipv4_addr; elements = { 10.1.0.50 } }\n chain block { ip saddr @hosts drop\n }\n chain forward { type filter hook forward priority 5; policy accept; jump block; }\n}\nE");
    let (drift, code) = network.check();
    assert!(code == 1 && drift.iter().all(|each| each["id"] == "running.less"), "{drift:?}");
    assert!(drift.iter().any(|each| each["facts"]["flow"] == "T-001"), "{drift:?}");
    assert_eq!(network.passing("0", &[t001]), []);
    network.shell("gw", "nft flush ruleset");
    let (drift, code) = network.check();
    // From A to B, from B to A, and all the rest.
    let more = drift.iter().all(|each| each["id"] == "running.more");
    assert!(drift.len() == 3 && more && code == 1, "{drift:?}");
}

/// What Graphviz makes of a drawing, as SVG.
fn drawn(dot: &[u8]) -> String {
    let mut child = Command::new("dot")
        .arg("-Tsvg")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("graphviz is installed");
    child.stdin.take().unwrap().write_all(dot).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().replace("&#45;", "-")
}

#[test]
fn a_gateway_is_told_nothing_of_a_plan_that_was_not_proven() {
    let city = City::new();
    let network = city.directory.path().join("topology/network.toml");
    let text = fs::read_to_string(&network).unwrap();
    let route = "\n[[gateway]]\nid = \"open\"\nsite = \"honcho\"\ninterface = [{ vlan = 110, address = \"10.1.0.20/18\" }, { vlan = 130, address = \"10.3.0.20/18\" }]\n";
    fs::write(&network, text + route).unwrap();
    let ask = |arguments: &[&str]| run(sekisho(arguments).current_dir(city.directory.path()));
    let refused = ask(&["render", "gateway", "fw-ab", "--lang", "en"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(printed(&refused).contains("r03.") && !printed(&refused).contains("chain forward"));
    let witness = ask(&["render", "witness", "R03", "--lang", "en"]);
    assert!(drawn(&witness.stdout).contains("gateway open forwards from VLAN"));
}

#[test]
fn render_writes_switches_and_the_drawing_and_refuses_what_it_cannot() {
    let ask = |arguments: &[&str]| run(sekisho(arguments).current_dir(root()));
    let switch = ask(&["render", "switch", "ken-sw01"]);
    assert!(switch.status.success() && printed(&switch).contains("dot1x system-auth-control"));
    let drawing = ask(&["render", "topology", "--format", "dot", "--lang", "en"]);
    assert!(drawing.stdout.starts_with(b"graph sekisho {"), "{}", printed(&drawing));
    assert!(drawn(&drawing.stdout).contains("hon-core1"));
    // The island's single radio is an exception of the shipped city, and has a path to show.
    let witness = ask(&["render", "witness", "R24", "--lang", "ja"]);
    assert!(drawn(&witness.stdout).contains("例外"), "{}", printed(&witness));
    for (arguments, code, text) in [
        (vec!["render", "gateway", "gw-a"], 1, "flows"),
        (vec!["render", "gateway", "fw-xy"], 2, "fw-"),
        (vec!["render", "gateway", "fw-ab", "--interface", "130=eth1"], 1, "110=eth1"),
        (vec!["render", "switch", "hon-sw99"], 2, "hon-sw"),
        (vec!["render", "witness", "R03"], 1, ""),
        (vec!["render"], 2, ""),
        (vec!["check", "--running", "-"], 2, "--gateway"),
        (vec!["check", "--running", "absent.json", "--gateway", "fw-ab"], 1, "absent.json"),
    ] {
        for language in ["ja", "en"] {
            let output = ask(&[arguments.clone(), vec!["--lang", language]].concat());
            assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", printed(&output));
            assert!(printed(&output).contains(text), "{arguments:?}: {}", printed(&output));
        }
    }
}
