//! MAC authentication and Status-Server by FreeRADIUS's `radclient`, in the dialects of the
//! switches of the city.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::city::{City, Server, address, printed, run, secret};

/// Sends one request from a switch's address; what radclient printed.
pub fn ask(server: &Server, kind: &str, source: &str, secret: &str, lines: &str) -> String {
    let mut command = Command::new("radclient");
    command.args(["-x", "-r", "1", "-t", "2", &format!("127.0.0.1:{}", server.port), kind, secret]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("radclient must be installed");
    // An empty line would end the request.
    let request = format!("{}\nPacket-Src-IP-Address = {source}\n", lines.replace("\n\n", "\n"));
    child.stdin.take().unwrap().write_all(request.as_bytes()).unwrap();
    printed(&child.wait_with_output().unwrap())
}

pub fn protected(lines: &str) -> String {
    format!("{lines}\nMessage-Authenticator = 0x00")
}

struct Printer {
    switch: &'static str,
    address: &'static str,
    mac: &'static str,
    request: &'static str,
    /// What the reply must hold.
    reply: &'static str,
}

/// A printer of environment B behind each family of switches, asked for as that family asks.
const PRINTERS: &[Printer] = &[
    Printer {
        switch: "hon-sw15", // ALAXALA
        address: "1.25",
        mac: "E8-0F-5E-60-EB-41",
        request: "User-Name = \"e80f.5e60.eb41\"\nUser-Password = \"e80f.5e60.eb41\"\nCalling-Station-Id = \"e8-0f-5e-60-eb-41\"\nNAS-Port = 1",
        reply: "Tunnel-Private-Group-Id:0 = \"125\"", // by rule P-60
    },
    Printer {
        switch: "ken-sw02", // Cisco
        address: "14.12",
        mac: "E8-0F-5D-9C-B6-9B",
        request: "User-Name = \"e80f5d9cb69b\"\nUser-Password = \"e80f5d9cb69b\"\nCalling-Station-Id = \"E8-0F-5D-9C-B6-9B\"\nService-Type = Call-Check\nNAS-Port-Id = \"GigabitEthernet1/0/1\"",
        reply: "Tunnel-Private-Group-Id:0 = \"120\"",
    },
    Printer {
        switch: "shi-sw01", // HPE ArubaOS-Switch, by CHAP
        address: "6.11",
        mac: "E8-0F-5E-8E-64-FC",
        request: "User-Name = \"e80f5e8e64fc\"\nCHAP-Password = \"e80f5e8e64fc\"\nCalling-Station-Id = \"e8-0f-5e-8e-64-fc\"\nNAS-Port = 1",
        reply: "Tunnel-Private-Group-Id:0 = \"121\"",
    },
    Printer {
        switch: "mat-sw01", // APRESIA, told by its own attribute: 0x79 is 121
        address: "4.11",
        mac: "E8-0F-5D-60-FE-91",
        request: "User-Name = \"e80f5d60fe91\"\nUser-Password = \"e80f5d60fe91\"\nCalling-Station-Id = \"e8-0f-5d-60-fe-91\"\nNAS-Port = 1",
        reply: "0x00000079",
    },
    Printer {
        switch: "iwa-sw02", // Panasonic
        address: "9.12",
        mac: "E8-0F-5D-94-30-2F",
        request: "User-Name = \"E8-0F-5D-94-30-2F\"\nUser-Password = \"E8-0F-5D-94-30-2F\"\nCalling-Station-Id = \"E8-0F-5D-94-30-2F\"\nNAS-Port = 1",
        reply: "Tunnel-Private-Group-Id:0 = \"121\"",
    },
    Printer {
        switch: "ose-sw01", // Allied Telesis
        address: "18.11",
        mac: "E8-0F-5D-ED-D9-78",
        request: "User-Name = \"e8-0f-5d-ed-d9-78\"\nUser-Password = \"e8-0f-5d-ed-d9-78\"\nCalling-Station-Id = \"e8-0f-5d-ed-d9-78\"\nNAS-Port-Id = \"port1.0.1\"",
        reply: "Tunnel-Private-Group-Id:0 = \"123\"",
    },
];

#[test]
fn printers_get_the_vlan_of_their_environment_in_the_dialect_of_their_switch() {
    let city = City::new();
    let mut server = city.serve();
    for printer in PRINTERS {
        let secret = secret(printer.switch);
        let text =
            ask(&server, "auth", &address(printer.address), &secret, &protected(printer.request));
        assert!(text.contains("Received Access-Accept"), "{}: {text}", printer.switch);
        assert!(text.contains(printer.reply), "{}: {text}", printer.switch);
        assert!(text.contains("Message-Authenticator"), "{}: {text}", printer.switch);
        assert_eq!(server.decision(printer.mac, 1)["method"], "mab");
    }
}

/// dialects.md §1: whatever the spelling, it is the same printer.
#[test]
fn every_spelling_of_a_mac_is_the_same_device() {
    let city = City::new();
    let server = city.serve();
    for spelling in [
        "e80f5e60eb41",
        "E80F5E60EB41",
        "e8-0f-5e-60-eb-41",
        "E8-0F-5E-60-EB-41",
        "e8:0f:5e:60:eb:41",
        "E8:0F:5E:60:EB:41",
        "e80f5e-60eb41",
        "e80f-5e60-eb41",
        "e80f.5e60.eb41",
        "E80F.5E60.EB41",
        "E80F5E.60EB41",
    ] {
        let request = format!(
            "User-Name = \"{spelling}\"\nUser-Password = \"{spelling}\"\nCalling-Station-Id = \"{spelling}\"\nNAS-Port = 1"
        );
        let text =
            ask(&server, "auth", &address("1.25"), &secret("hon-sw15"), &protected(&request));
        assert!(text.contains("Received Access-Accept"), "{spelling}: {text}");
    }
}

#[test]
fn what_is_not_mac_authentication_of_a_registered_device_is_refused_with_its_reason() {
    let city = City::new();
    let mut server = city.serve();
    let cisco = |user: &str, calling: &str, rest: &str| {
        format!(
            "User-Name = \"{user}\"\nUser-Password = \"{user}\"\nCalling-Station-Id = \"{calling}\"\nNAS-Port-Id = \"GigabitEthernet1/0/1\"\n{rest}"
        )
    };
    let check = "Service-Type = Call-Check";
    let cases = [
        (cisco("e80f5d9cb69b", "E8-0F-5D-9C-B6-9C", check), "E8-0F-5D-9C-B6-9C", "mab.mac-mismatch"),
        (cisco("e80f5d9cb69b", "E8-0F-5D-9C-B6-9B", ""), "E8-0F-5D-9C-B6-9B", "mab.not-marked"),
        (cisco("tanaka", "E8-0F-5D-9C-B6-01", check), "E8-0F-5D-9C-B6-01", "mab.not-a-mac"),
        (cisco("00155d000001", "00-15-5D-00-00-01", check), "00-15-5D-00-00-01", "device.unknown"),
        (cisco("02155d000001", "02-15-5D-00-00-01", check), "02-15-5D-00-00-01", "device.unknown-random-mac"),
        // Another site's printer.
        (cisco("e80f5e60eb41", "E8-0F-5E-60-EB-41", check), "E8-0F-5E-60-EB-41", "place.unexpected"),
        // A PC that must show its certificate: quarantine by rule P-90.
        (cisco("d41ef90db6ce", "D4-1E-F9-0D-B6-CE", check), "D4-1E-F9-0D-B6-CE", "certificate.required"),
        (
            "User-Name = \"e80f5d9cb602\"\nCHAP-Password = \"e80f5d9cb602\"\nCalling-Station-Id = \"E8-0F-5D-9C-B6-02\"\nService-Type = Call-Check\nNAS-Port-Id = \"GigabitEthernet1/0/1\"".to_owned(),
            "E8-0F-5D-9C-B6-02",
            "mab.form-not-allowed",
        ),
        (
            "User-Name = \"e80f5d9cb69b\"\nUser-Password = \"wrong\"\nCalling-Station-Id = \"E8-0F-5D-9C-B6-9B\"\nService-Type = Call-Check\nNAS-Port-Id = \"GigabitEthernet1/0/1\"".to_owned(),
            "E8-0F-5D-9C-B6-9B",
            "mab.wrong-password",
        ),
        (
            cisco("e80f5d9cb69b", "E8-0F-5D-9C-B6-9B", check).replace("1/0/1", "9/9/9"),
            "E8-0F-5D-9C-B6-9B",
            "place.unknown-port",
        ),
        // Without credentials at all.
        (
            "User-Name = \"e80f5d9cb603\"\nCalling-Station-Id = \"E8-0F-5D-9C-B6-03\"\nNAS-Port-Id = \"GigabitEthernet1/0/1\"".to_owned(),
            "E8-0F-5D-9C-B6-03",
            "request.no-credentials",
        ),
    ];
    let mut seen = std::collections::HashMap::new();
    for (request, mac, reason) in &cases {
        let text =
            ask(&server, "auth", &address("14.12"), &secret("ken-sw02"), &protected(request));
        let count = seen.entry(*mac).or_insert(0);
        *count += 1;
        let decision = server.decision(mac, *count);
        assert_eq!(decision["reason"], *reason, "{request}\n{text}\n{decision}");
        let quarantined = decision["outcome"] == "quarantine";
        assert_eq!(quarantined, *reason == "certificate.required");
        let kind = if quarantined { "Access-Accept" } else { "Access-Reject" };
        assert!(text.contains(&format!("Received {kind}")), "{request}\n{text}");
        assert_eq!(quarantined, text.contains("Tunnel-Private-Group-Id:0 = \"900\""), "{text}");
        assert!(quarantined || !text.contains("Tunnel-"), "a Reject names no VLAN: {text}");
    }
}

/// MA-3, MA-4, FMT-5, FMT-10: no answer, and a counted reason.
#[test]
fn what_is_not_authentic_gets_no_answer() {
    let city = City::new();
    let mut server = city.serve();
    let request = PRINTERS[0].request;
    let mine = secret("hon-sw15");
    let here = address("1.25");
    let silent = [
        ("auth", here.as_str(), mine.as_str(), request.to_owned(), "message-authenticator-missing"),
        (
            "auth",
            here.as_str(),
            "not-the-secret-at-all",
            protected(request),
            "message-authenticator-invalid",
        ),
        ("auth", "127.0.0.77", mine.as_str(), protected(request), "unknown-client"),
        (
            "acct",
            here.as_str(),
            mine.as_str(),
            "Acct-Status-Type = Start\nAcct-Session-Id = \"1\"".to_owned(),
            "wrong-code",
        ),
    ];
    for (kind, source, secret, request, reason) in silent {
        let text = ask(&server, kind, source, secret, &request);
        assert!(text.contains("No reply"), "{reason}: {text}");
        let line = server.wait_for(reason, |line| line["reason"] == reason);
        assert_eq!(line["address"], source);
    }
    let text = ask(&server, "auth", &address("1.25"), &mine, &protected(request));
    assert!(text.contains("Received Access-Accept"), "{text}");
    assert!(server.stop().success());
}

#[test]
fn status_server_is_answered_to_known_clients_with_a_message_authenticator() {
    let city = City::new();
    let server = city.serve();
    let text = ask(&server, "status", &address("1.25"), &secret("hon-sw15"), &protected(""));
    assert!(text.contains("Received Access-Accept"), "{text}");
    assert!(text.contains("Message-Authenticator"), "{text}");
}

/// The next secret works beside the current one, so that a switch can be changed over.
#[test]
fn two_secrets_at_once_while_one_is_rotated() {
    let city = City::new();
    city.write("secrets/client/hon-sw15.next", b"Hs6-next-Jq2vRz8tXw4y\n", 0o600);
    let server = city.serve();
    for secret in [secret("hon-sw15").as_str(), "Hs6-next-Jq2vRz8tXw4y"] {
        let text = ask(&server, "auth", &address("1.25"), secret, &protected(PRINTERS[0].request));
        assert!(text.contains("Received Access-Accept"), "{secret}: {text}");
    }
}

/// A Juniper asks for MAC authentication as EAP-MD5.
#[test]
fn mac_authentication_by_eap_md5_where_the_profile_says_so() {
    let city = City::new();
    let mut server = city.serve();
    let configuration = city.path("md5.conf");
    std::fs::write(
        &configuration,
        "network={\nkey_mgmt=IEEE8021X\neap=MD5\neapol_flags=0\nidentity=\"e80f5e0686b4\"\npassword=\"e80f5e0686b4\"\n}\n",
    )
    .unwrap();
    let mut command = Command::new("eapol_test");
    command.arg("-c").arg(&configuration).args([
        "-n",
        "-t",
        "10",
        "-a",
        "127.0.0.1",
        "-A",
        &address("13.11"),
    ]);
    command.args([
        "-p",
        &server.port.to_string(),
        "-s",
        &secret("tos-sw01"),
        "-M",
        "e8:0f:5e:06:86:b4",
    ]);
    let output = run(command.args(["-N61:d:15", "-N87:s:ge-0/0/0.0"]));
    let decision = server.decision("E8-0F-5E-06-86-B4", 1);
    assert!(output.status.success(), "{decision}\n{}", printed(&output));
    assert_eq!(decision["method"], "mab");
    assert_eq!(decision["vlan"], 122);
}
