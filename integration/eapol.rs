//! EAP-TLS by `eapol_test`, hostapd's RADIUS client and supplicant in one: it compares the MPPE
//! keys with its own and checks Message-Authenticator in every reply.

use std::process::Command;

use sekisho::authority::{Authority, CertificateRequest, Purpose};

use crate::city::{City, address, now, printed, run, secret};

/// A registered terminal of environment C at `kenko/ken-sw02`, a Cisco profile.
const DEVICE: &str = "mu-ka0273.pc.city.example";
const MAC: &str = "D4-1E-F9-0D-B6-CE";
const SWITCH: &str = "ken-sw02";
const VLAN: u64 = 130;

const TLS12: &str = "tls_disable_tlsv1_3=1";
const TLS13: &str =
    "tls_disable_tlsv1_0=1 tls_disable_tlsv1_1=1 tls_disable_tlsv1_2=1 tls_disable_tlsv1_3=0";

/// One run of `eapol_test`.
struct Attempt<'a> {
    /// The certificate and key files, without their endings; `None` for no certificate.
    certificate: Option<&'a str>,
    identity: &'a str,
    versions: &'a str,
    /// Further lines of the network block.
    block: &'a str,
    fast_reauth: bool,
    /// Authentications after the first.
    again: usize,
    mac: &'a str,
    /// Address of the server, and of the switch where it has one of its own.
    server: &'a str,
    switch: Option<String>,
    secret: String,
    arguments: &'a [&'a str],
}

impl Default for Attempt<'_> {
    fn default() -> Self {
        Self {
            certificate: Some(DEVICE),
            identity: DEVICE,
            versions: TLS12,
            block: "",
            fast_reauth: false,
            again: 0,
            mac: MAC,
            server: "127.0.0.1",
            switch: Some(address("14.12")),
            secret: secret(SWITCH),
            arguments: &[],
        }
    }
}

impl Attempt<'_> {
    /// Whether it succeeded, with keys that matched every time, and what was printed.
    fn run(&self, city: &City, port: u16) -> (bool, String) {
        let ca = city.path("secrets/authority/city.pem");
        let credentials = self.certificate.map_or_else(String::new, |name| {
            let (certificate, key) =
                (city.path(&format!("{name}.pem")), city.path(&format!("{name}.key")));
            format!(
                "client_cert=\"{}\"\nprivate_key=\"{}\"\n",
                certificate.display(),
                key.display()
            )
        });
        let eap = if self.block.contains("eap=") { "" } else { "eap=TLS\n" };
        let text = format!(
            "fast_reauth={}\nnetwork={{\nkey_mgmt=IEEE8021X\n{eap}eapol_flags=0\nidentity=\"{}\"\n\
             ca_cert=\"{}\"\ndomain_match=\"radius.city.example\"\n{credentials}phase1=\"{}\"\n{}\n}}\n",
            u8::from(self.fast_reauth),
            self.identity,
            ca.display(),
            self.versions,
            self.block
        );
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let mut command = Command::new("eapol_test");
        command.arg("-c").arg(file.path()).args(["-a", self.server, "-t", "10"]);
        if let Some(switch) = &self.switch {
            command.args(["-A", switch]);
        }
        command.args([
            "-p",
            &port.to_string(),
            "-s",
            &self.secret,
            "-M",
            &self.mac.replace('-', ":"),
        ]);
        command.args(["-N61:d:15", "-N87:s:GigabitEthernet1/0/5"]).args(self.arguments);
        if self.again > 0 {
            command.arg(format!("-r{}", self.again));
        }
        let output = run(&mut command);
        let text = printed(&output);
        let keys = format!("MPPE keys OK: {}  mismatch: 0", self.again + 1);
        (output.status.success() && text.contains(&keys), text)
    }
}

/// A certificate from a key and request made by OpenSSL.
fn openssl_certificate(city: &City, name: &str, key: &[&str], purpose: Purpose) {
    let key_file = city.path(&format!("{name}.key"));
    let (key_text, request_file) = (key_file.display().to_string(), city.path("request.pem"));
    let mut generate = Command::new("openssl");
    generate.arg("genpkey").args(key).args(["-out", &key_text]);
    assert!(run(&mut generate).status.success());
    let mut request = Command::new("openssl");
    request
        .args(["req", "-new", "-key", &key_text, "-subj", "/CN=device", "-out"])
        .arg(&request_file);
    request.args(["-addext", &format!("subjectAltName=DNS:{name}")]);
    assert!(run(&mut request).status.success());
    let pem = std::fs::read_to_string(request_file).unwrap();
    let request = CertificateRequest::parse(&pem).unwrap();
    let issued = city.authority.issue_from_request(&request, None, purpose, now(), 30).unwrap();
    city.write(&format!("{name}.pem"), issued.pem.as_bytes(), 0o644);
}

const RSA: &[&str] = &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];

/// conformance.md §2: versions × key types × fragments × resumption, each with equal keys and
/// the VLAN of the environment.
#[test]
fn tls_versions_keys_fragments_and_resumption() {
    for rsa in [false, true] {
        let city = City::new();
        city.edit("config/server.toml", |text| text.replace("= 1400", "= 576"));
        if rsa {
            openssl_certificate(&city, DEVICE, RSA, Purpose::Client);
            openssl_certificate(&city, crate::city::SERVER_NAME, RSA, Purpose::Server);
            let name = crate::city::SERVER_NAME;
            for (from, to, mode) in [("pem", "chain", 0o644), ("key", "key", 0o600)] {
                let content = std::fs::read(city.path(&format!("{name}.{from}"))).unwrap();
                city.write(&format!("secrets/server/{to}.pem"), &content, mode);
            }
        } else {
            city.issue(DEVICE);
        }
        let mut server = city.serve();
        let mut seen = 0;
        for (versions, version) in [(TLS12, "1.2"), (TLS13, "1.3")] {
            for block in ["", "fragment_size=300"] {
                for fast_reauth in [false, true] {
                    let attempt =
                        Attempt { versions, block, fast_reauth, again: 2, ..Attempt::default() };
                    let (passed, text) = attempt.run(&city, server.port);
                    assert!(passed, "rsa {rsa} {version} {block} {fast_reauth}: {text}");
                    for round in 0..3 {
                        seen += 1;
                        let decision = server.decision(MAC, seen);
                        assert_eq!(decision["outcome"], "admit", "{decision}");
                        assert_eq!(decision["vlan"], VLAN);
                        assert_eq!(decision["tls"], version);
                        assert_eq!(decision["identity"], DEVICE);
                        // Every resumption is decided anew, the first is always full.
                        assert_eq!(decision["resumed"], fast_reauth && round > 0, "{decision}");
                    }
                }
            }
        }
        assert!(server.stop().success());
    }
}

/// RES-1, PKI-1: a certificate revoked after a full handshake is refused when it is resumed, as
/// soon as the list is reloaded and without a restart.
#[test]
fn a_certificate_revoked_after_its_handshake_cannot_be_resumed() {
    for versions in [TLS12, TLS13] {
        let city = City::new();
        let credential = city.issue(DEVICE);
        let mut server = city.serve();
        // Sixty rounds at a tenth of a second each; the list changes in between, however slow the machine.
        std::thread::scope(|scope| {
            let (city, server) = (&city, &mut server);
            let port = server.port;
            let attempt = Attempt { versions, fast_reauth: true, again: 60, ..Attempt::default() };
            let attempt = scope.spawn(move || attempt.run(city, port));
            let resumed =
                |line: &serde_json::Value| line["event"] == "AUTH" && line["resumed"] == true;
            server.wait_for("a resumption", resumed);
            city.revoke(&credential.issued.serial);
            server.signal("HUP");
            let (passed, _) = attempt.join().unwrap();
            assert!(!passed);
            let refused = server.wait_for("a refusal", |line| line["outcome"] == "refuse");
            assert_eq!(refused["reason"], "certificate.revoked", "{refused}");
        });
        let decisions = server.decisions(MAC);
        let first = decisions.iter().position(|each| each["outcome"] == "refuse").unwrap();
        assert!(
            decisions[first..].iter().all(|each| each["outcome"] == "refuse"),
            "{decisions:#?}"
        );
    }
}

/// RES-2: the VLAN of a resumed session follows the plan of the moment.
#[test]
fn a_resumed_session_follows_the_plan() {
    let city = City::new();
    city.issue(DEVICE);
    let mut server = city.serve();
    std::thread::scope(|scope| {
        let (city, server) = (&city, &mut server);
        let port = server.port;
        let attempt = Attempt { fast_reauth: true, again: 60, ..Attempt::default() };
        let attempt = scope.spawn(move || attempt.run(city, port));
        server.wait_for("a resumption", |line| line["event"] == "AUTH" && line["resumed"] == true);
        city.edit("config/inventory.csv", |text| {
            let line = text.lines().find(|line| line.contains(DEVICE)).unwrap();
            text.replace(line, &line.replace(",C,", ",B,"))
        });
        server.signal("HUP");
        attempt.join().unwrap();
        let moved = server.wait_for("the other VLAN", |line| line["vlan"] == 120);
        assert_eq!(moved["resumed"], true, "{moved}");
        assert_eq!(moved["environment"], "B");
    });
}

/// The refusals, each with its reason, and a server that lives on.
#[test]
fn every_refusal_has_its_reason() {
    let city = City::new();
    let credential = city.issue(DEVICE);
    city.issue("nobody.pc.city.example");
    // Registered, but another device's: the right certificate on the wrong address.
    city.issue("mu-pc0001.pc.city.example");
    let long_ago = sekisho::vocabulary::Timestamp(now().0 - 40 * 86_400_000);
    let soon = sekisho::vocabulary::Timestamp(now().0 + 2 * 86_400_000);
    let name = sekisho::authority::Identity::parse(DEVICE).unwrap();
    let keep = |file: &str, authority: &Authority, at| {
        city.keep(file, &authority.issue_client(&name, at, 30).unwrap());
    };
    let (old_authority, _) = Authority::create("Another CA", long_ago, 365).unwrap();
    keep("expired", &city.authority, long_ago);
    keep("early", &city.authority, soon);
    keep("foreign", &old_authority, now());
    let server_usage = city.authority.issue_server(&[DEVICE], now(), 30).unwrap();
    city.keep("server-usage", &server_usage);
    let revoked = city.authority.issue_client(&name, now(), 30).unwrap();
    city.keep("revoked", &revoked);
    city.revoke(&revoked.issued.serial);
    let _ = credential;

    let mut server = city.serve();
    let cases: &[(&str, Attempt<'_>, &str)] = &[
        (
            "no certificate",
            Attempt { certificate: None, ..Attempt::default() },
            "eap.no-common-method",
        ),
        (
            "wrong CA",
            Attempt { certificate: Some("foreign"), ..Attempt::default() },
            "certificate.untrusted",
        ),
        (
            "expired",
            Attempt { certificate: Some("expired"), ..Attempt::default() },
            "certificate.expired",
        ),
        (
            "not yet valid",
            Attempt { certificate: Some("early"), ..Attempt::default() },
            "certificate.not-yet-valid",
        ),
        (
            "revoked",
            Attempt { certificate: Some("revoked"), ..Attempt::default() },
            "certificate.revoked",
        ),
        (
            "server usage",
            Attempt { certificate: Some("server-usage"), ..Attempt::default() },
            "certificate.wrong-usage",
        ),
        (
            "not in the inventory",
            Attempt { certificate: Some("nobody.pc.city.example"), ..Attempt::default() },
            "certificate.no-device",
        ),
        (
            "another's MAC",
            Attempt { certificate: Some("mu-pc0001.pc.city.example"), ..Attempt::default() },
            "certificate.other-mac",
        ),
        (
            "MAC as identity",
            Attempt { identity: "d41ef90db6ce", ..Attempt::default() },
            "eap.mac-identity",
        ),
        (
            "too old",
            Attempt {
                versions: "tls_disable_tlsv1_0=0 tls_disable_tlsv1_1=0 tls_disable_tlsv1_2=1 tls_disable_tlsv1_3=1",
                block: "openssl_ciphers=\"DEFAULT@SECLEVEL=0\"",
                ..Attempt::default()
            },
            "eap.tls-too-old",
        ),
        (
            "PEAP",
            Attempt { block: "eap=PEAP\npassword=\"x\"", ..Attempt::default() },
            "eap.no-common-method",
        ),
        (
            "TTLS",
            Attempt { block: "eap=TTLS\npassword=\"x\"", ..Attempt::default() },
            "eap.no-common-method",
        ),
        (
            "MD5",
            Attempt { block: "eap=MD5\npassword=\"x\"", ..Attempt::default() },
            "eap.no-common-method",
        ),
        (
            "server refused",
            Attempt { block: "domain_suffix_match=\"other.example\"", ..Attempt::default() },
            "eap.peer-refused-server",
        ),
    ];
    let mut seen = 0;
    for (what, attempt, reason) in cases {
        let (passed, text) = attempt.run(&city, server.port);
        assert!(!passed, "{what} was let in");
        seen += 1;
        let decision = server.decision(MAC, seen);
        assert_eq!(decision["reason"], *reason, "{what}: {decision}\n{text}");
        assert_eq!(decision["outcome"], "refuse");
    }
    // A wrong secret is silence, counted and said once.
    let wrong = Attempt {
        secret: "another-secret-0123456789".to_owned(),
        arguments: &["-t", "3"],
        ..Attempt::default()
    };
    assert!(!wrong.run(&city, server.port).0);
    let complaint = server.wait_for("complaint", |line| line["event"] == "AUTH-ignored");
    assert_eq!(complaint["reason"], "message-authenticator-invalid");
    let (passed, text) = Attempt::default().run(&city, server.port);
    assert!(passed, "the server lives on: {text}");
}

/// TLS-12 and the reload of the server's own certificate: the chain a device sees is the one on
/// disk, without a restart.
#[test]
fn a_new_server_certificate_is_presented_after_a_reload() {
    let city = City::new();
    city.issue(DEVICE);
    let mut server = city.serve();
    let chain = city.path("chain.pem");
    let argument = format!("-o{}", chain.display());
    let port = server.port;
    let read = |path: &std::path::Path| {
        std::fs::read_to_string(path).unwrap().replace(char::is_whitespace, "")
    };
    let seen = || {
        let attempt = Attempt { arguments: &[&argument], ..Attempt::default() };
        let (passed, text) = attempt.run(&city, port);
        assert!(passed, "{text}");
        read(&chain)
    };
    let on_disk = || read(&city.path("secrets/server/chain.pem"));
    let (before, first) = (seen(), on_disk());
    assert!(before.contains(&first), "{before}");
    let renewed = city.authority.issue_server(&[crate::city::SERVER_NAME], now(), 90).unwrap();
    city.write("secrets/server/chain.pem", renewed.issued.pem.as_bytes(), 0o644);
    city.write("secrets/server/key.pem", renewed.key.pem().expose(), 0o600);
    server.signal("HUP");
    server.wait_for("reload", |line| line["event"] == "CFG-plan-unchanged");
    let after = seen();
    assert!(after.contains(&on_disk()) && !after.contains(&first), "{after}");
}

/// FMT-5: a switch with an IPv6 address.
#[test]
fn a_switch_may_ask_over_ipv6() {
    let city = City::new();
    city.issue(DEVICE);
    city.edit("config/server.toml", |text| text.replace("\"127.0.0.1:0\"]", "\"[::1]:0\"]"));
    let clients = format!("\"{}\"", address("0.0/16"));
    city.edit("config/environments.toml", |text| {
        text.replacen(&clients, &format!("{clients}, \"::1/128\""), 1)
    });
    city.edit("topology/kenko/site.toml", |text| text.replace(&address("14.12"), "::1"));
    let mut server = city.serve();
    let attempt = Attempt { server: "::1", switch: None, ..Attempt::default() };
    let (passed, text) = attempt.run(&city, server.port);
    assert!(passed, "{text}");
    assert_eq!(server.decision(MAC, 1)["vlan"], VLAN);
}
