//! Detections of other products: `logger` and rsyslog are the console, and switches of a few
//! lines hear what becomes of the device.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use sekisho::wire::radius::Code;

use crate::alert::rsyslog_of;
use crate::city::{City, Server, free_port, printed, run, secret};
use crate::evidence::{accounting_port, ask};
use crate::operate::{json, page};
use crate::sessions::{SOON, Switch, code, wait};

/// A city that takes detections from this machine by every transport.
fn city(environments: &str) -> (City, [u16; 3]) {
    let city = City::new();
    let ports = [free_port(), free_port(), free_port()];
    let [udp, tcp, tls] = ports;
    let rule = |id: &str, pattern: &str| {
        format!(
            "[[rule]]\nid = \"{id}\"\nenabled = true\nfrom = [\"127.0.0.1\"]\naction = \"quarantine\"\nreason = \"検知\"\n{environments}pattern = '{pattern}'\n"
        )
    };
    let text = format!(
        "[listen]\nudp = [\"127.0.0.1:{udp}\"]\ntcp = [\"127.0.0.1:{tcp}\"]\ntls = [\"127.0.0.1:{tls}\"]\nmarks_max = 2\nwindow_minutes = 10\n{}{}",
        rule("by-address", r"Malware detected\|.*\bsrc=(?<ip>[0-9.]+)"),
        rule("by-name", "ウイルスを検出.*コンピューター名: *(?<host>[A-Za-z0-9-]+)")
    );
    city.write("config/detections.toml", text.as_bytes(), 0o644);
    (city, ports)
}

/// One message as a console sends it.
fn logger(transport: &str, port: u16, text: &str) {
    let mut command = Command::new("logger");
    command.args(["-n", "127.0.0.1", "-P", &port.to_string(), transport, "--rfc5424"]);
    let output = run(command.args(["-t", "av", text]));
    assert!(output.status.success(), "{}", printed(&output));
}

fn marks(city: &City) -> Vec<String> {
    let marks = json(city, &["mark", "list", "--json"]);
    let subject = |mark: &serde_json::Value| mark["subject"].as_str().unwrap().to_owned();
    let mut subjects: Vec<String> = marks.as_array().unwrap().iter().map(subject).collect();
    subjects.sort();
    subjects
}

fn counted(city: &City, result: &str) -> bool {
    let line = format!("sekisho_detections_total{{result=\"{result}\"}} ");
    page(city, "/metrics").contains(&line)
}

/// The start of a session with an IP address, so that a message can name the device by it.
fn attached(server: &mut Server, switch: &Switch, address: &str) {
    let port = accounting_port(server);
    let account = format!(
        "Acct-Status-Type = Start\nAcct-Session-Id = \"s-1\"\nCalling-Station-Id = \"E8-0F-5D-9C-B6-9B\"\nNAS-Port-Id = \"GigabitEthernet1/0/1\"\nUser-Name = \"e80f5d9cb69b\"\nFramed-IP-Address = {address}\nPacket-Src-IP-Address = {}",
        switch.address
    );
    let answer = crate::evidence::ask_as(port, "acct", &secret(switch.id), &account);
    assert!(answer.contains("Accounting-Response"), "{answer}");
}

#[test]
fn a_message_that_names_an_address_cuts_the_device_within_seconds_and_only_once() {
    let (city, [udp, tcp, _]) = city("");
    let mut server = city.serve();
    let cisco = Switch::cisco();
    assert!(cisco.authenticate(&server).contains("Received Access-Accept"));
    attached(&mut server, &cisco, "10.2.16.33");
    logger("-d", udp, "CEF:0|Example|Console|1|1|Scan finished|1|src=10.2.16.33");
    wait("count of it", || counted(&city, "other"));
    logger("-d", udp, "CEF:0|Example|Console|1|1|Malware detected|8|src=10.2.16.33 act=none");
    let request = cisco.heard(SOON, &[]).expect("a Disconnect-Request");
    assert_eq!(code(&request), Code::DisconnectRequest);
    cisco.answer(&request, &secret(cisco.id), None);
    server.wait_for("the detection", |line| {
        line["event"] == "OPS-detection" && line["subject"] == "S-0033" && line["mark"] == "1"
    });
    server.wait_for("the alert", |line| line["event"] == "ALERT-detection");
    assert!(cisco.authenticate(&server).contains("\"900\""), "in quarantine from now on");
    // The same again, by another transport, changes nothing.
    logger("-T", tcp, "CEF:0|Example|Console|1|1|Malware detected|8|src=10.2.16.33 act=none");
    wait("count of it", || counted(&city, "repeated"));
    assert_eq!(marks(&city), ["S-0033"]);
    // An address of nobody, and one device more than may be marked without a person.
    logger("-T", tcp, "CEF:0|Example|Console|1|1|Malware detected|8|src=10.2.99.99 act=none");
    let held = server.wait_for("the question", |line| line["event"] == "OPS-detection-held");
    assert!(held["cause"].as_str().unwrap().contains("10.2.99.99"), "{held}");
    let plan = city.plan();
    let named: Vec<_> = plan.devices.iter().filter(|it| it.computer.starts_with("MU-KA")).collect();
    for device in &named[..2] {
        let text = format!("ウイルスを検出しました。コンピューター名: {}", device.computer);
        logger("-T", tcp, &text);
        // Each comes by a connection of its own; the second must not overtake the first.
        wait("mark", || marks(&city).len() == 2);
    }
    let held = server.wait_for("the limit", |line| {
        line["event"] == "OPS-detection-held" && line["rule"] == "by-name"
    });
    assert_eq!(held["named"].as_str(), Some(named[1].computer.as_str()));
    let mut wanted = vec![named[0].asset.clone(), "S-0033".to_owned()];
    wanted.sort();
    assert_eq!(marks(&city), wanted);
    server.wait_for("the alert", |line| line["event"] == "ALERT-detection-held");
    // An operator may name it as people do.
    let name = named[1].computer.to_lowercase();
    json(&city, &["quarantine", &name, "--reason", "コンソールで確認", "--json"]);
    json(&city, &["release", "10.2.16.33", "--reason", "駆除済み", "--json"]);
    assert_eq!(marks(&city).len(), 2);
    assert!(server.stop().success());
}

#[test]
fn over_the_air_it_is_cut_as_well_and_other_environments_are_not_spoken_of() {
    let (city, [udp, ..]) = city("environments = [\"C\"]\n");
    let mut server = city.serve();
    let (name, mac) = ("mu-ka0573", "84:f0:2c:7a:2d:b1");
    let controller = Switch::new("hon-wlc01", "1.90", ("84-F0-2C-7A-2D-B1", ""), "");
    let path = |name: &str| city.path(name).display().to_string();
    city.issue(&format!("{name}.pc.city.example"));
    let own = format!("{name}.pc.city.example");
    city.write(
        "wifi.conf",
        format!(
            "network={{\nkey_mgmt=IEEE8021X\neap=TLS\neapol_flags=0\nidentity=\"{own}\"\nca_cert=\"{}\"\nclient_cert=\"{}\"\nprivate_key=\"{}\"\n}}\n",
            path("secrets/authority/city.pem"),
            path(&format!("{own}.pem")),
            path(&format!("{own}.key"))
        )
        .as_bytes(),
        0o600,
    );
    let join = || {
        let mut command = Command::new("eapol_test");
        command.args(["-c", &path("wifi.conf"), "-a", "127.0.0.1", "-t", "10"]);
        command.args(["-A", &controller.address]);
        command.args(["-p", &server.port.to_string(), "-s", &secret("hon-wlc01"), "-M", mac]);
        command.args(["-N30:s:84-F0-3C-00-01-00:city-c", "-N61:d:19", "-N32:s:hon-wlc01"]);
        let output = run(&mut command);
        printed(&output)
    };
    let joined = join();
    assert!(joined.contains("SUCCESS"), "{joined}");
    let plan = city.plan();
    let device = plan.devices.iter().find(|it| it.certificate.as_deref() == Some(&own)).unwrap();
    let text = format!("ウイルスを検出 コンピューター名: {}", device.computer);
    logger("-d", udp, &text);
    let request = controller.heard(SOON, &[]).expect("a Disconnect-Request");
    assert_eq!(code(&request), Code::DisconnectRequest);
    controller.answer(&request, &secret("hon-wlc01"), None);
    server.wait_for("the end of the session", |line| line["event"] == "COA-done");
    // The rule speaks of environment C alone; a device of B is left to a person.
    let other = plan.devices.iter().find(|it| it.asset == "S-0033").unwrap();
    logger("-d", udp, &format!("ウイルスを検出 コンピューター名: {}", other.computer));
    let held = server.wait_for("the question", |line| line["event"] == "OPS-detection-held");
    assert!(held["cause"].as_str().unwrap().contains('B'), "{held}");
    assert_eq!(marks(&city), std::slice::from_ref(&device.asset));
    assert!(server.stop().success());
}

#[test]
fn over_tls_rsyslog_must_show_the_certificate_that_was_registered() {
    let (city, [_, _, tls]) = city("");
    for name in ["console", "other"] {
        city.issue(&format!("{name}.city.example"));
    }
    let path = |name: &str| city.path(name).display().to_string();
    let registered = std::fs::read(city.path("console.city.example.pem")).unwrap();
    city.write("secrets/detection/console.pem", &registered, 0o644);
    let mut server = city.serve();
    // Without a certificate, and with another of the same authority: nothing is taken.
    for own in [None, Some("other.city.example")] {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-quiet", "-connect", &format!("127.0.0.1:{tls}")]);
        if let Some(own) = own {
            command.args(["-cert", &path(&format!("{own}.pem"))]);
            command.args(["-key", &path(&format!("{own}.key"))]);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl must be installed");
        let mut stdin = child.stdin.take().unwrap();
        // OK when it has been refused already.
        let _ = stdin.write_all("<13>ウイルスを検出 コンピューター名: MU-KA0273\n".as_bytes());
        std::thread::sleep(Duration::from_millis(300));
        drop(stdin);
        let _ = child.wait();
    }
    server.wait_for("the refusal", |line| line["event"] == "OPS-detection-refused");
    assert!(marks(&city).is_empty());
    let text = format!(
        "global(defaultNetstreamDriverCAFile=\"{}\" defaultNetstreamDriverCertFile=\"{}\" defaultNetstreamDriverKeyFile=\"{}\")\nmodule(load=\"imfile\" PollingInterval=\"1\")\ninput(type=\"imfile\" File=\"{}\" Tag=\"av\")\naction(type=\"omfwd\" target=\"127.0.0.1\" port=\"{tls}\" protocol=\"tcp\" TCP_Framing=\"octet-counted\" StreamDriver=\"ossl\" StreamDriverMode=\"1\" StreamDriverAuthMode=\"x509/certvalid\" template=\"RSYSLOG_SyslogProtocol23Format\")\n",
        path("secrets/authority/city.pem"),
        path("console.city.example.pem"),
        path("console.city.example.key"),
        path("detected.log")
    );
    city.write("rsyslog.conf", text.as_bytes(), 0o644);
    city.write("detected.log", b"", 0o644);
    let _console = rsyslog_of(&city);
    let plan = city.plan();
    let device = plan.devices.iter().find(|it| it.computer.starts_with("MU-KA")).unwrap();
    let line = format!("ウイルスを検出しました コンピューター名: {}\n", device.computer);
    std::thread::sleep(Duration::from_secs(1));
    city.write("detected.log", line.as_bytes(), 0o644);
    server.wait_for("the detection", |line| line["event"] == "OPS-detection");
    assert_eq!(marks(&city), std::slice::from_ref(&device.asset));
    assert!(ask(server.port, "status", "Message-Authenticator = 0x00").contains("Access-Accept"));
    assert!(server.stop().success());
}
