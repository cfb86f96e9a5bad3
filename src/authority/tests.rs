use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use rcgen::{CertificateParams, IsCa, KeyPair, SanType};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{CertificateError, Error, RootCertStore};
use x509_parser::prelude::FromDer as _;

use super::*;
use crate::vocabulary::{Language, Timestamp};

fn now() -> Timestamp {
    Timestamp::parse("2026-11-23T00:00:00Z").unwrap()
}

fn authority() -> Authority {
    Authority::create("市 認証局", now(), 3650).unwrap().0
}

fn device() -> Identity {
    Identity::parse("P-0001.b.city.example").unwrap()
}

/// What the TLS server's verifier says of a client certificate at a time.
fn verify(
    authority: &Authority,
    list: &RevocationList,
    certificate: &[u8],
    at: Timestamp,
) -> Result<(), Error> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(authority.certificate_der().to_vec())).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let list = CertificateRevocationListDer::from_pem_slice(list.pem.as_bytes()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .with_crls([list])
        .enforce_revocation_expiration()
        .build()
        .unwrap();
    let at = UnixTime::since_unix_epoch(Duration::from_secs(at.seconds().unsigned_abs()));
    let certificate = CertificateDer::from(certificate.to_vec());
    verifier.verify_client_cert(&certificate, &[], at).map(|_| ())
}

fn later(days: u64) -> Timestamp {
    now().plus(Duration::from_secs(days * 86_400))
}

#[test]
fn a_client_is_accepted_until_it_is_revoked_or_ends() {
    let authority = authority();
    let client = authority.issue_client(&device(), now(), 30).unwrap().issued;
    let other = authority.issue_client(&device(), now(), 30).unwrap().issued;
    let mut register = Register::default();
    register.record(&client).unwrap();
    register.record(&other).unwrap();
    let empty = authority.revocation_list(&register.revocations(now()), 1, now(), 60).unwrap();
    assert_eq!(verify(&authority, &empty, &client.der, later(1)), Ok(()));
    assert_eq!(verify(&authority, &empty, &client.der, now()), Ok(()), "and at once");

    let ended = verify(&authority, &empty, &client.der, later(31));
    assert!(
        matches!(ended, Err(Error::InvalidCertificate(CertificateError::ExpiredContext { .. }))),
        "{ended:?}"
    );

    register.revoke_serial(&client.serial, RevocationReason::KeyCompromise, now()).unwrap();
    let full = authority.revocation_list(&register.revocations(now()), 2, now(), 60).unwrap();
    assert_eq!((full.number, full.revoked, full.next_update), (2, 1, later(60)));
    let revoked = Err(Error::InvalidCertificate(CertificateError::Revoked));
    assert_eq!(verify(&authority, &full, &client.der, later(1)), revoked);
    assert_eq!(verify(&authority, &full, &other.der, later(1)), Ok(()));
}

#[test]
fn a_stale_list_and_a_foreign_authority_are_noticed() {
    let (ours, theirs) = (authority(), authority());
    let client = ours.issue_client(&device(), now(), 30).unwrap().issued;
    let list = ours.revocation_list(&[], 1, now(), 2).unwrap();
    assert!(verify(&ours, &list, &client.der, later(3)).is_err(), "the list has ended");
    let foreign = theirs.issue_client(&device(), now(), 30).unwrap().issued;
    assert!(verify(&ours, &list, &foreign.der, now()).is_err(), "same name, other key");
}

#[test]
fn a_server_certificate_is_no_client_certificate() {
    let authority = authority();
    let server = authority.issue_server(&["Radius.City.Example"], now(), 397).unwrap();
    assert_eq!(server.issued.identities, ["radius.city.example"]);
    let list = authority.revocation_list(&[], 1, now(), 30).unwrap();
    assert!(verify(&authority, &list, &server.issued.der, now()).is_err());
    let (_, parsed) =
        x509_parser::certificate::X509Certificate::from_der(&server.issued.der).unwrap();
    let usage = parsed.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.server_auth && !usage.client_auth && !parsed.is_ca());
    assert_eq!(
        authority.issue_server(&["10.0.0.1"], now(), 1).unwrap_err().id(),
        "identity",
        "an address is no name"
    );
}

#[test]
fn an_authority_comes_back_from_its_files() {
    let (created, key) = Authority::create("City", now(), 100).unwrap();
    let key = std::str::from_utf8(key.pem().expose()).unwrap().to_owned();
    let loaded = Authority::load(created.certificate_pem(), &key).unwrap();
    assert_eq!(loaded.end(), created.end());
    let client = loaded.issue_client(&device(), now(), 99).unwrap().issued;
    let list = loaded.revocation_list(&[], 1, now(), 30).unwrap();
    assert_eq!(verify(&created, &list, &client.der, now()), Ok(()));

    let error = |certificate: &str, key: &str| Authority::load(certificate, key).unwrap_err();
    let other = authority();
    assert_eq!(error(other.certificate_pem(), &key), AuthorityError::KeyMismatch);
    assert_eq!(error(&client.pem, &key), AuthorityError::NotAuthority);
    assert_eq!(error("", &key), AuthorityError::AuthorityCertificate);
    let twice = format!("{0}{0}", created.certificate_pem());
    assert_eq!(error(&twice, &key), AuthorityError::AuthorityCertificate);
    assert_eq!(error(created.certificate_pem(), "x"), AuthorityError::AuthorityKey);
}

#[test]
fn a_request_becomes_a_certificate_for_its_own_key() {
    let authority = authority();
    let names = [device(), Identity::principal("佐世保@city.example").unwrap()];
    let (key, pem) = request(&names).unwrap();
    let read = CertificateRequest::parse(&pem).unwrap();
    assert_eq!(read.identities().unwrap(), names);
    let issued = authority.issue_from_request(&read, None, Purpose::Client, now(), 397).unwrap();
    assert_eq!(issued.identities, ["p-0001.b.city.example", "佐世保@city.example"]);
    let list = authority.revocation_list(&[], 1, now(), 30).unwrap();
    assert_eq!(verify(&authority, &list, &issued.der, now()), Ok(()));
    let pair = KeyPair::from_pem(std::str::from_utf8(key.pem().expose()).unwrap()).unwrap();
    let (_, parsed) = x509_parser::certificate::X509Certificate::from_der(&issued.der).unwrap();
    assert_eq!(parsed.public_key().subject_public_key.data, pair.public_key_raw());
    let serial: String = parsed.raw_serial().iter().map(|octet| format!("{octet:02x}")).collect();
    assert_eq!(serial, issued.serial);
    assert_eq!(parsed.validity().not_after.timestamp(), issued.not_after.seconds());

    let instead = [Identity::dns("p-0002").unwrap()];
    let issued =
        authority.issue_from_request(&read, Some(&instead), Purpose::Client, now(), 397).unwrap();
    assert_eq!(issued.identities, ["p-0002"]);
}

fn hostile(change: impl FnOnce(&mut CertificateParams)) -> Result<Vec<Identity>, AuthorityError> {
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::DnsName("p-0001".try_into().unwrap())];
    change(&mut params);
    let pem = params.serialize_request(&KeyPair::generate().unwrap()).unwrap().pem().unwrap();
    CertificateRequest::parse(&pem)?.identities().map(<[Identity]>::to_vec)
}

#[test]
fn hostile_requests_are_refused() {
    let dns = |name: &str| SanType::DnsName(name.try_into().unwrap());
    let id = |result: Result<Vec<Identity>, AuthorityError>| result.unwrap_err().id();
    assert_eq!(hostile(|_| {}).unwrap(), [Identity::dns("p-0001").unwrap()]);
    for name in ["", "*", "*.city.example", "a\0b", "a b", "a..b", "-a"] {
        assert_eq!(id(hostile(|params| params.subject_alt_names = vec![dns(name)])), "identity");
    }
    // One bad name among good ones refuses all.
    assert_eq!(id(hostile(|params| params.subject_alt_names.push(dns("*")))), "identity");
    assert_eq!(id(hostile(|params| params.subject_alt_names.clear())), "no-identity");
    assert_eq!(
        id(hostile(|params| params.subject_alt_names = vec![dns("a"); IDENTITIES_MAX + 1])),
        "too-many-identities"
    );
    let address = SanType::IpAddress([10, 0, 0, 1].into());
    assert_eq!(id(hostile(|params| params.subject_alt_names = vec![address])), "request-name-kind");
    let other = SanType::OtherName((vec![1, 2, 3], "p-0001".into()));
    assert_eq!(id(hostile(|params| params.subject_alt_names = vec![other])), "request-name-kind");
    let constraints = rcgen::BasicConstraints::Unconstrained;
    assert_eq!(id(hostile(|params| params.is_ca = IsCa::Ca(constraints))), "request-for-authority");
}

#[test]
fn a_request_without_possession_of_the_key_is_refused() {
    let (_, pem) = request(&[device()]).unwrap();
    let der = request::single_pem(&pem, &["CERTIFICATE REQUEST"]).unwrap();
    let armour = |der: &[u8]| {
        let body = base64(der);
        format!("-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n")
    };
    assert!(CertificateRequest::parse(&armour(&der)).is_ok(), "the armour itself is right");
    // Any changed octet of what is signed, and of the signature, is noticed. Between the two
    // stands the algorithm's name, whose object identifier tag (one octet) the parser does not insist on.
    let algorithm = [0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
    let tag = 2 + der.windows(algorithm.len()).position(|window| window == algorithm).unwrap();
    for index in (0..der.len()).filter(|index| *index != tag) {
        let mut changed = der.clone();
        changed[index] ^= 1;
        let refused = CertificateRequest::parse(&armour(&changed));
        assert!(refused.is_err(), "octet {index}");
    }
    let mut longer = der.clone();
    longer.push(0);
    let error = CertificateRequest::parse(&armour(&longer)).unwrap_err();
    assert_eq!(error, AuthorityError::RequestForm);
    let double = format!("{pem}{pem}");
    assert_eq!(CertificateRequest::parse(&double).unwrap_err(), AuthorityError::RequestForm);
}

/// Base 64 in lines of 64, for requests broken on purpose.
fn base64(octets: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in octets.chunks(48) {
        for group in chunk.chunks(3) {
            let value = group.iter().fold(0_u32, |value, octet| value << 8 | u32::from(*octet))
                << (8 * (3 - group.len()));
            for place in 0..4 {
                if place <= group.len() {
                    text.push(char::from(ALPHABET[(value >> (18 - 6 * place) & 63) as usize]));
                } else {
                    text.push('=');
                }
            }
        }
        text.push('\n');
    }
    text
}

#[test]
fn limits_of_time_are_kept() {
    let (authority, _) = Authority::create("City", now(), 30).unwrap();
    let issue = |days| authority.issue_client(&device(), now(), days).map(|_| ());
    assert_eq!(issue(30), Ok(()));
    assert_eq!(issue(31), Err(AuthorityError::OutlivesAuthority { end: later(30) }));
    assert_eq!(issue(0).unwrap_err().id(), "days");
    assert_eq!(issue(CERTIFICATE_DAYS_MAX + 1).unwrap_err().id(), "days");
    let create = |name: &str, now, days| Authority::create(name, now, days).map(|_| ());
    assert_eq!(create("City", now(), AUTHORITY_DAYS_MAX + 1).unwrap_err().id(), "days");
    for time in [Timestamp(i64::MAX), Timestamp(i64::MIN)] {
        assert_eq!(create("City", time, 30), Err(AuthorityError::Time));
        assert_eq!(authority.revocation_list(&[], 1, time, 30).unwrap_err(), AuthorityError::Time);
    }
    for name in ["", " City", "a\nb", &"a".repeat(65)] {
        assert_eq!(create(name, now(), 30), Err(AuthorityError::AuthorityName));
    }
}

#[test]
fn the_register_finds_revokes_and_keeps_order() {
    let authority = authority();
    let mut register = Register::default();
    let first = authority.issue_client(&device(), now(), 10).unwrap().issued;
    let second = authority.issue_client(&device(), now(), 400).unwrap().issued;
    register.record(&first).unwrap();
    register.record(&second).unwrap();
    assert_eq!(register.record(&first), Err(RegisterFault::Duplicate));
    let reason = RevocationReason::Superseded;
    let mut by_serial = register.clone();
    let colons: Vec<String> = second
        .serial
        .as_bytes()
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).unwrap().to_uppercase())
        .collect();
    let changed = by_serial.revoke_serial(&colons.join(":"), reason, now()).unwrap();
    assert_eq!(changed.len(), 1);
    assert_eq!(changed[0].serial, second.serial);
    assert_eq!(by_serial.revoke_serial(&second.serial, reason, now()), Err(RevokeError::Already));
    assert_eq!(by_serial.revoke_serial("xyz", reason, now()), Err(RevokeError::Unknown));

    // By name: only what has not ended.
    let changed = register.revoke_identity("P-0001.B.city.example", reason, later(20)).unwrap();
    assert_eq!(changed.len(), 1);
    assert_eq!(register.revoke_identity("p-0002", reason, now()), Err(RevokeError::Unknown));
    assert_eq!(register.revocations(later(20)).len(), 1);
    assert_eq!(register.revocations(later(400 + 367)).len(), 1, "once more after its end");
    assert_eq!(register.revocations(later(400 + 368)).len(), 0);
    assert_eq!((register.next_list_number(), register.next_list_number()), (1, 2));
    assert_eq!(Register::parse(&register.print()), Ok(register));
}

#[test]
fn a_damaged_register_is_refused_with_its_line() {
    let authority = authority();
    let mut register = Register::default();
    register.record(&authority.issue_client(&device(), now(), 10).unwrap().issued).unwrap();
    let text = register.print();
    let error = |text: &str| Register::parse(text).unwrap_err();
    let line = text.lines().nth(1).unwrap();
    assert_eq!(error(""), RegisterError { line: 1, fault: RegisterFault::Form });
    let double = format!("{text}{line}\n");
    assert_eq!(error(&double), RegisterError { line: 3, fault: RegisterFault::Duplicate });
    let cut = text.get(..text.len() - 5).unwrap();
    assert_eq!(error(cut), RegisterError { line: 2, fault: RegisterFault::Form });
    let half = text.replace("\"not_before\"", "\"reason\":\"superseded\",\"not_before\"");
    assert_eq!(error(&half), RegisterError { line: 2, fault: RegisterFault::Value });
    let unknown = text.replace("\"not_before\"", "\"extra\":1,\"not_before\"");
    assert_eq!(error(&unknown), RegisterError { line: 2, fault: RegisterFault::Form });
}

#[test]
fn texts_exist_in_both_languages_and_are_filled() {
    let errors = [
        AuthorityError::Days { asked: 0, max: 9 },
        AuthorityError::OutlivesAuthority { end: now() },
        AuthorityError::identity("a\0", IdentityError::Character),
    ];
    for error in errors {
        for language in [Language::Japanese, Language::English] {
            let text = error.text(language);
            assert!(!text.contains(['{', '}', '\0']), "{text}");
        }
    }
    for reason in RevocationReason::ALL {
        assert_eq!(RevocationReason::parse(reason.id()), Some(reason));
    }
}

#[test]
fn private_keys_are_not_printed() {
    let credential = authority().issue_client(&device(), now(), 1).unwrap();
    let shown = format!("{credential:?}");
    assert!(shown.contains("Secret(…)") && !shown.contains("PRIVATE"), "{shown}");
}

proptest! {
    #[test]
    fn no_text_panics(text: String) {
        let _ = (Identity::parse(&text), CertificateRequest::parse(&text));
        let _ = (Register::parse(&text), revocation::serial_octets(&text));
    }

    #[test]
    fn a_name_that_is_signed_is_clean_and_reads_back(text in "[ -~*\0é@:.]{0,40}") {
        if let Ok(identity) = Identity::parse(&text) {
            let name = identity.name();
            prop_assert!(!name.is_empty() && !name.contains(['*', '\0', ' ', '"', '\\']));
            prop_assert!(identity.general_name().is_some());
            prop_assert_eq!(Identity::parse(&identity.to_string()), Ok(identity));
        }
    }

    #[test]
    fn serial_numbers_read_with_and_without_colons(octets in prop::collection::vec(any::<u8>(), 1..20)) {
        let pairs: Vec<String> = octets.iter().map(|octet| format!("{octet:02X}")).collect();
        let plain = revocation::serial_octets(&pairs.concat());
        prop_assert_eq!(&plain, &revocation::serial_octets(&pairs.join(":")));
        prop_assert_eq!(plain.is_ok(), octets.iter().any(|octet| *octet != 0));
    }

    #[test]
    fn a_register_round_trips(
        rows in prop::collection::vec((any::<u128>(), "[a-z\"\\\\é]{1,20}", 0_i64..4_000_000_000, prop::option::of(0_usize..6)), 0..20)
    ) {
        let mut register = Register::default();
        for (number, name, at, reason) in rows {
            let issued = Issued {
                pem: String::new(),
                der: Vec::new(),
                serial: format!("{:032x}", number | 1),
                purpose: Purpose::Client,
                identities: vec![name],
                not_before: Timestamp::from_seconds(at),
                not_after: Timestamp::from_seconds(at + 1),
            };
            if register.record(&issued).is_ok() && let Some(reason) = reason {
                let at = Timestamp::from_seconds(at);
                register.revoke_serial(&issued.serial, RevocationReason::ALL[reason], at).unwrap();
            }
        }
        prop_assert_eq!(Register::parse(&register.print()), Ok(register));
    }
}
