use std::net::IpAddr;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer,
    KeyIdMethod, KeyPair, SerialNumber, date_time_ymd,
};

use super::*;
use crate::plan::Severity;
use crate::plan::tests::{NOW, plan_of_two_switches};
use crate::vocabulary::Language;

const GOOD: &str = "kT7vQ2mXz9LwR4pB8cNd";
const OTHER: &str = "Ue5yHs3jWq6GfA1oVx0Z";

/// A certificate and key as PEM.
fn signed(params: CertificateParams, issuer: Option<&Issuer<'_, KeyPair>>) -> (String, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let certificate = match issuer {
        Some(issuer) => params.signed_by(&key, issuer),
        None => params.self_signed(&key),
    };
    (certificate.unwrap().pem(), key)
}

fn params(name: &str, year_end: i32) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(year_end, 12, 20);
    params
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = params(name, 2030);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// A revocation list in DER by an authority of that name.
fn list(name: &str, year_next: i32) -> Vec<u8> {
    let issuer = Issuer::new(authority_params(name), KeyPair::generate().unwrap());
    CertificateRevocationListParams {
        this_update: date_time_ymd(2025, 1, 1),
        next_update: date_time_ymd(year_next, 1, 1),
        crl_number: SerialNumber::from_slice(&[1]),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: KeyIdMethod::Sha256,
    }
    .signed_by(&issuer)
    .unwrap()
    .der()
    .to_vec()
}

/// A directory without any fault for [`plan_of_two_switches`].
fn good_files() -> BTreeMap<String, Secret> {
    let (chain, key) = signed(params("radius.city.example", 2030), None);
    let (authority, _) = signed(authority_params("city"), None);
    [
        ("client/sw-a.secret", format!("{GOOD}\n").into_bytes()),
        ("client/sw-b.secret", format!("{OTHER}\r\n").into_bytes()),
        ("client/sw-b.mab", b"fixed-word".to_vec()),
        ("server/chain.pem", chain.into_bytes()),
        ("server/key.pem", key.serialize_pem().into_bytes()),
        ("authority/city.pem", authority.into_bytes()),
        ("authority/city.crl", list("city", 2030)),
    ]
    .into_iter()
    .map(|(path, octets)| (path.to_owned(), Secret::new(octets)))
    .collect()
}

fn found(files: &BTreeMap<String, Secret>) -> (Option<Credentials>, Vec<(String, String)>) {
    let (credentials, findings) = credentials_of(files);
    let shown = |finding: &Finding| {
        let at = finding.at.as_ref().map_or_else(String::new, ToString::to_string);
        (finding.kind.id().to_owned(), at)
    };
    for finding in &findings {
        for secret in files.iter().filter(|(path, _)| !path.ends_with(".crl")) {
            let secret = String::from_utf8_lossy(secret.1.expose()).trim().to_owned();
            let mut said = format!("{finding:?}");
            for language in [Language::Japanese, Language::English] {
                said += &finding.text(language);
                said += &finding.remedy(language);
            }
            assert!(secret.len() < 4 || !said.contains(&secret), "a secret is in {finding:?}");
        }
    }
    (credentials, findings.iter().map(shown).collect())
}

#[test]
fn a_complete_directory_is_taken_without_a_word() {
    let (credentials, findings) = found(&good_files());
    assert_eq!(findings, []);
    let credentials = credentials.unwrap();
    let plan = plan_of_two_switches();
    let client = &credentials.clients[&plan.switch_by_id("sw-b").unwrap()];
    assert_eq!(client.current.expose(), OTHER.as_bytes(), "the newline is no part of the secret");
    assert_eq!(client.mab_word.as_ref().unwrap().expose(), b"fixed-word");
    assert_eq!(credentials.authorities.len(), 1);
    assert!(credentials.authorities[0].crl_next_update.is_some_and(|next| next > NOW));
    assert!(plan.client_by_address(IpAddr::from([10, 0, 0, 2])).is_some());
}

#[test]
fn an_empty_directory_is_warned_of_once_for_each_kind() {
    let (credentials, findings) = found(&BTreeMap::new());
    assert!(credentials.is_none());
    let ids: Vec<&str> = findings.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "secret.client-absent",
            "secret.mab-word-absent",
            "credential.absent",
            "credential.absent",
            "credential.absent",
        ]
    );
    let (_, findings) = credentials_of(&BTreeMap::new());
    assert!(findings.iter().all(|finding| finding.severity() == Severity::Warning));
    let text = findings[0].text(Language::English);
    assert!(text.contains("answer: 2 (") && text.contains("secrets/client/sw-a.secret"), "{text}");
}

fn directory(files: &BTreeMap<String, Secret>) -> SecretFiles {
    SecretFiles { files: files.clone(), findings: Vec::new() }
}

fn credentials_of(files: &BTreeMap<String, Secret>) -> (Option<Credentials>, Vec<Finding>) {
    credentials(&plan_of_two_switches(), directory(files), NOW)
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Served {
    Whole,
    InPart,
    No,
}

/// What one changed file brings about: finding, the file it is about, and whether a service starts
/// with it, and may be reloaded with it.
#[test]
fn every_fault_of_the_directory_is_found_and_keeps_out_nobody_else() {
    use Served::{InPart, No, Whole};
    let secret = |text: &str| Some(text.as_bytes().to_vec());
    let pem = |params| Some(signed(params, None).0.into_bytes());
    let key = || Some(KeyPair::generate().unwrap().serialize_pem().into_bytes());
    let cases: Vec<(&str, Option<Vec<u8>>, &str, Served)> = vec![
        ("client/sw-a.secret", secret("kT7vQ2mXz9LwR4p"), "secret.too-short", InPart),
        ("client/sw-a.secret", secret("testing123testing123"), "secret.weak", InPart),
        ("client/sw-a.secret", secret("Cisco-Radius-Secret1"), "secret.weak", InPart),
        ("client/sw-a.secret", secret("abababababababababab"), "secret.weak", InPart),
        ("client/sw-a.secret", secret("kT7vQ2mX z9LwR4pB8cNd"), "secret.characters", InPart),
        ("client/sw-a.secret", secret("kT7vQ2mXz9LwR4pB8cé"), "secret.characters", InPart),
        ("client/sw-a.secret", secret("\n"), "file.empty-value", InPart),
        ("client/sw-b.secret", secret(GOOD), "secret.shared", InPart),
        ("client/sw-b.next", secret(GOOD), "secret.shared", InPart),
        ("client/sw-a.next", secret(GOOD), "secret.next-is-current", Whole),
        ("client/sw-c.secret", secret(GOOD), "secret.unknown-file", Whole),
        ("authority/town.pem", secret("x"), "secret.unknown-file", Whole),
        ("client/sw-a.secret", None, "secret.client-absent", InPart),
        ("client/sw-b.mab", None, "secret.mab-word-absent", Whole),
        ("server/chain.pem", secret("x"), "credential.unreadable-certificate", No),
        ("server/key.pem", secret("x"), "credential.unreadable-key", No),
        ("server/key.pem", key(), "credential.key-mismatch", No),
        ("server/key.pem", None, "credential.absent", No),
        ("authority/city.pem", None, "credential.absent", No),
        ("authority/city.pem", pem(params("city", 2030)), "credential.not-an-authority", No),
        ("authority/city.crl", secret("x"), "credential.unreadable-crl", InPart),
        ("authority/city.crl", Some(list("town", 2030)), "credential.foreign-crl", InPart),
        ("authority/city.crl", Some(list("city", 2026)), "credential.stale-crl", Whole),
        ("authority/city.crl", None, "credential.crl-absent", Whole),
    ];
    for (path, content, id, served) in cases {
        let mut files = good_files();
        let present = content.is_some();
        match content {
            Some(content) => files.insert(path.to_owned(), Secret::new(content)),
            None => files.remove(path),
        };
        let (credentials, findings) = found(&files);
        let at = if present { format!("secrets/{path}:1") } else { String::new() };
        assert_eq!(findings, [(id.to_owned(), at)], "{path}");
        let found = match credentials {
            None => No,
            Some(credentials) if credentials.left_out == 0 => Whole,
            Some(credentials) => {
                let clients = &credentials.clients;
                assert_eq!(clients.len(), 2 - usize::from(path.ends_with(".secret")), "{path}");
                assert!(clients.values().all(|client| client.next.is_none()), "{path}");
                assert_eq!(credentials.authorities[0].crl_der.is_some(), !path.ends_with(".crl"));
                InPart
            }
        };
        assert_eq!(found, served, "{path} {id}");
    }
}

/// A spoilt list opens no door: an authority that is to be believed without one keeps its own.
#[test]
fn a_spoilt_list_is_done_without_only_where_one_is_required() {
    let mut plan = plan_of_two_switches();
    let mut files = good_files();
    files.insert("authority/city.crl".to_owned(), Secret::new(b"x".to_vec()));
    assert!(credentials(&plan, directory(&files), NOW).0.is_some());
    for environment in &mut plan.environments {
        environment.revocation.required = false;
    }
    assert!(credentials(&plan, directory(&files), NOW).0.is_none());
}

#[test]
fn certificates_are_warned_of_by_their_dates_and_refused_by_their_name() {
    for (name, from, until, id, served) in [
        ("radius.city.example", 2025, 2025, "credential.certificate-expired", true),
        ("radius.city.example", 2025, 2026, "credential.certificate-expiring", true),
        ("radius.city.example", 2028, 2030, "credential.certificate-not-yet", true),
        ("*.city.example", 2025, 2030, "credential.server-name", false),
    ] {
        let mut files = good_files();
        let mut params = params(name, until);
        params.not_before = date_time_ymd(from, 1, 1);
        let (chain, key) = signed(params, None);
        files.insert("server/chain.pem".to_owned(), Secret::new(chain.into_bytes()));
        files.insert("server/key.pem".to_owned(), Secret::new(key.serialize_pem().into_bytes()));
        let (credentials, findings) = found(&files);
        assert_eq!(findings, [(id.to_owned(), "secrets/server/chain.pem:1".to_owned())]);
        assert_eq!(credentials.is_some(), served, "{id}");
    }
}

/// Every octet of every file flipped and every file cut short: findings, never a panic.
#[test]
fn no_spoilt_directory_panics() {
    let plan = plan_of_two_switches();
    let good = good_files();
    for (path, content) in &good {
        for at in 0..content.expose().len() {
            let mut flipped = content.expose().to_vec();
            flipped[at] ^= 0x15;
            for spoilt in [flipped, content.expose()[..at].to_vec()] {
                let mut files = good.clone();
                files.insert(path.clone(), Secret::new(spoilt));
                let _ = credentials(&plan, directory(&files), NOW);
            }
        }
    }
}

#[test]
fn certificates_of_other_programs_are_known_by_name_and_role() {
    let mut plan = plan_of_two_switches();
    plan.detections.tls = vec!["127.0.0.1:6514".parse().unwrap()];
    let told = |files: &BTreeMap<String, Secret>| {
        let (credentials, findings) = credentials(&plan, directory(files), NOW);
        (credentials.unwrap().peers, findings)
    };
    let mut files = good_files();
    let (peers, findings) = told(&files);
    assert_eq!(peers, Default::default());
    assert_eq!(findings[0].kind, FindingKind::DetectionSenderAbsent);
    let certificate = |year| Secret::new(signed(params("av", year), None).0.into_bytes());
    files.insert("detection/console.pem".to_owned(), certificate(2030));
    files.insert("api/soc.operate.pem".to_owned(), certificate(2030));
    let (peers, findings) = told(&files);
    assert!(findings.is_empty(), "{findings:?}");
    assert_eq!(peers.detection[0].name, "console");
    assert_eq!((peers.api[0].0.name.as_str(), peers.api[0].1), ("soc", ApiRole::Operate));
    files.insert("api/soc.operate.pem".to_owned(), certificate(2025));
    files.insert("api/soc.master.pem".to_owned(), certificate(2030));
    let kinds: Vec<_> = told(&files).1.iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, [FindingKind::SecretUnknown, FindingKind::CertificateExpired]);
}

#[test]
fn switches_whose_secrets_are_absent_are_not_asked_and_nothing_else() {
    use crate::plan::{Forwarding, InterfaceNames, Snmp, SnmpAccess};
    use crate::wire::snmp::{Auth, Privacy};
    let mut plan = crate::plan::compile(&crate::plan::tests::shipped(), NOW).plan.unwrap();
    let user = SnmpAccess::User {
        name: "sekisho".to_owned(),
        auth: Auth::Sha256,
        privacy: Some(Privacy::Aes128),
    };
    plan.profiles.iter_mut().for_each(|profile| profile.snmp = None);
    let names = ["alaxala-ax-mac-dynamic", "cisco-ibns", "comware"];
    for (profile, access) in names.iter().zip([user.clone(), user, SnmpAccess::Community]) {
        let found = plan.profiles.iter_mut().find(|it| it.id == *profile).unwrap();
        found.snmp = Some(Snmp {
            secret: if access == SnmpAccess::Community { "old" } else { "new" }.to_owned(),
            access,
            port: 161,
            repetitions: 20,
            timeout: std::time::Duration::from_secs(1),
            retries: 1,
            forwarding: Forwarding::QBridge,
            interface_names: InterfaceNames::IfName,
            interface_prefixes: Vec::new(),
        });
    }
    let file = |text: &str| Secret::new(text.as_bytes().to_vec());
    let told = |files: &BTreeMap<String, Secret>| {
        let sink = Sink::default();
        unknown_files(&plan, files, &sink);
        let mut read: Vec<String> = snmp::read(&plan, files, &sink)
            .keys()
            .map(|index| plan.profile(*index).unwrap().id.clone())
            .collect();
        read.sort();
        let shown = |it: &Finding| format!("{} {}", it.kind.id(), it.at.as_ref().unwrap().file);
        (read, sink.into_findings().iter().map(shown).collect::<Vec<_>>())
    };
    let used = |profile: &str| {
        let index = plan.profiles.iter().position(|it| it.id == profile).unwrap();
        plan.switches.iter().any(|switch| usize::from(switch.profile.0) == index)
    };
    assert!(names.iter().all(|profile| used(profile)));
    let (read, findings) = told(&BTreeMap::new());
    assert_eq!(read, Vec::<String>::new());
    assert_eq!(
        findings,
        [
            "secret.snmp-absent secrets/snmp/new.auth",
            "secret.snmp-absent secrets/snmp/new.priv",
            "secret.snmp-absent secrets/snmp/old.community",
        ]
    );
    let mut files = BTreeMap::from([
        ("snmp/new.auth".to_owned(), file("long enough")),
        ("snmp/new.priv".to_owned(), file("short")),
        ("snmp/old.community".to_owned(), file("word\n")),
        ("snmp/odl.community".to_owned(), file("word\n")),
    ]);
    let (read, findings) = told(&files);
    assert_eq!(read, ["comware"]);
    assert!(findings.contains(&"secret.snmp-unusable secrets/snmp/new.auth".to_owned()), "a blank");
    assert!(findings.contains(&"secret.snmp-unusable secrets/snmp/new.priv".to_owned()));
    assert!(findings.iter().any(|it| it.ends_with("secrets/snmp/odl.community")), "{findings:?}");
    for name in ["snmp/new.auth", "snmp/new.priv"] {
        files.insert(name.to_owned(), file("long-enough\n"));
    }
    files.remove("snmp/odl.community");
    let (read, findings) = told(&files);
    assert_eq!((read.len(), findings), (3, Vec::new()));
}

#[test]
fn a_receiver_without_its_secrets_is_left_out_and_nothing_else() {
    let sources = crate::plan::tests::shipped();
    let mut plan = crate::plan::compile(&sources, NOW).plan.unwrap();
    plan.alerts.sinks.iter_mut().for_each(|sink| sink.enabled = true);
    let (authority, _) = signed(authority_params("log"), None);
    let file = |text: &str| Secret::new(text.as_bytes().to_vec());
    let mut files = BTreeMap::from([
        ("alert/collector.pem".to_owned(), file(&authority)),
        ("alert/soc.pem".to_owned(), file("no certificate")),
        ("alert/chat.pem".to_owned(), file(&authority)),
        ("alert/chat.token".to_owned(), file("a b")),
    ]);
    let told = |files: &BTreeMap<String, Secret>| {
        let (secrets, findings) = alert_secrets(&plan, files);
        assert!(findings.iter().all(|finding| finding.severity() == Severity::Warning));
        let findings: Vec<_> = findings
            .iter()
            .map(|it| format!("{} {}", it.kind.id(), it.at.as_ref().unwrap().file))
            .collect();
        (secrets, findings)
    };
    let (secrets, findings) = told(&files);
    assert_eq!(secrets.keys().collect::<Vec<_>>(), ["collector"]);
    assert_eq!(
        findings,
        [
            "alert.secret-unusable secrets/alert/chat.token",
            "alert.secret-absent secrets/alert/duty.password",
            "alert.secret-absent secrets/alert/duty.pem",
            "alert.secret-unusable secrets/alert/soc.pem",
        ]
    );
    files.insert("alert/chat.token".to_owned(), file("token-of-the-chat\n"));
    let (secrets, _) = told(&files);
    assert_eq!(secrets["chat"].word, Some(file("token-of-the-chat")));
    assert_eq!(secrets["chat"].anchors.len(), 1);
}

#[test]
fn a_tripwire_without_a_good_key_is_told_of_and_one_that_is_off_needs_none() {
    let mut sources = crate::plan::tests::shipped();
    let off = crate::plan::compile(&sources, NOW).plan.unwrap();
    let path = "config/tripwire.toml";
    crate::plan::tests::edit(&mut sources, path, "\nenabled = false", "\nenabled = true");
    let on = crate::plan::compile(&sources, NOW).plan.unwrap();
    let told = |plan: &Plan, octets: Option<usize>| {
        let key = octets.map(|octets| (TRIPWIRE_KEY.to_owned(), Secret::new(vec![7; octets])));
        let (files, sink) = (BTreeMap::from_iter(key), Sink::default());
        let read = tripwire::read(plan, &files, &sink).is_some();
        unknown_files(plan, &files, &sink);
        (read, sink.into_findings().iter().map(|it| it.kind.id()).collect::<Vec<_>>())
    };
    assert_eq!(told(&off, None), (false, vec![]));
    assert_eq!(told(&on, None), (false, vec!["tripwire.key-absent"]));
    assert_eq!(told(&on, Some(31)), (false, vec!["tripwire.key-unusable"]));
    assert_eq!(told(&on, Some(TRIPWIRE_KEY_OCTETS)), (true, vec![]));
}
