//! Certificates from request to revocation, by the command line.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

use super::super::authority_directory::{CERTIFICATE, KEY, LIST, REGISTER};
use super::*;
use crate::authority::{Authority, Register};
use crate::shell::files::Lock;

/// A directory with an authority in `ca` and room for what it hands out.
struct Office(tempfile::TempDir);

impl Office {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let ca = directory.path().join("ca");
        fs::create_dir(&ca).unwrap();
        let (authority, key) = Authority::create("City", clock::now(), 3_000).unwrap();
        fs::write(ca.join(CERTIFICATE), authority.certificate_pem()).unwrap();
        files::write_new(&ca.join(KEY), key.pem().expose(), files::PRIVATE_FILE).unwrap();
        fs::write(ca.join(REGISTER), Register::default().print()).unwrap();
        Self(directory)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs a command line in which `@x` stands for a path in the directory.
    fn run(&self, line: &str) -> (u8, String) {
        let (mut console, captured) = Console::captured(Language::English);
        let words = line.split_whitespace().map(|word| match word.strip_prefix('@') {
            Some(name) => self.path(name).to_str().unwrap().to_owned(),
            None => word.to_owned(),
        });
        let words = std::iter::once("certificate".to_owned()).chain(words);
        let matches = define(Language::English).try_get_matches_from(words).unwrap();
        (run(&matches, &mut console), captured.take())
    }

    fn done(&self, line: &str) -> String {
        let (code, printed) = self.run(line);
        assert_eq!(code, 0, "{line}: {printed}");
        printed
    }

    fn refused(&self, line: &str, code: u8, text: &str) {
        let (found, printed) = self.run(line);
        assert!(found == code && printed.contains(text), "{line}: {found} {printed}");
    }

    fn register(&self) -> Register {
        read_register(&self.path("ca")).unwrap()
    }

    /// The serial numbers on the list.
    fn listed(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path(name)).unwrap();
        let pem = Pem::iter_from_buffer(text.as_bytes()).next().unwrap().unwrap();
        let (_, list) = CertificateRevocationList::from_der(&pem.contents).unwrap();
        list.iter_revoked_certificates()
            .map(|revoked| revoked.raw_serial_as_string().replace(':', ""))
            .collect()
    }
}

#[test]
fn a_request_is_made_issued_listed_and_revoked() {
    let office = Office::new();
    office.done("request --name PC1.example.test --out @");
    let key = fs::read_to_string(office.path("pc1.example.test.key")).unwrap();
    let mode = fs::metadata(office.path("pc1.example.test.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let issue = "issue --ca @ca --request @pc1.example.test.csr --days 20";
    let printed = office.done(issue);
    let register = office.register();
    let entry = &register.entries()[0];
    assert_eq!(
        (entry.purpose, entry.identities.as_slice()),
        (Purpose::Client, ["pc1.example.test".to_owned()].as_slice())
    );
    assert!(printed.contains(&entry.serial) && !printed.contains(key.trim()));
    assert!(office.path("pc1.example.test.pem").exists());
    office.refused(issue, 1, "exists already");
    assert_eq!(office.register().entries().len(), 1, "what is refused is not recorded");

    assert!(office.done("list --ca @ca --expiring 30").contains(&entry.serial));
    assert!(!office.done("list --ca @ca --expiring 10").contains(&entry.serial));
    let json: Value = serde_json::from_str(&office.done("list --ca @ca --json")).unwrap();
    assert_eq!(json[0]["serial"], entry.serial.as_str());

    office.done("crl --ca @ca");
    assert!(office.listed("ca/authority.crl").is_empty());
    office.done("revoke --ca @ca --name PC1.example.test --reason key-compromise --crl @city.crl");
    assert_eq!(office.listed("city.crl"), [entry.serial.as_str()]);
    office.refused("revoke --ca @ca --name pc1.example.test --reason superseded", 1, "already");
    office.refused("revoke --ca @ca --serial 0a --reason superseded", 1, "no such certificate");
    assert!(office.done("list --ca @ca").contains("revoked (key compromised"));
    office.done("crl --ca @ca --days 7");
    assert_eq!(office.listed("ca/authority.crl"), [entry.serial.as_str()], "and it stays");
    // What a service reads it reads afterwards too.
    let list = office.path("city.crl");
    fs::set_permissions(&list, fs::Permissions::from_mode(0o640)).unwrap();
    office.done("crl --ca @ca --crl @city.crl");
    assert_eq!(fs::metadata(&list).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn a_key_made_by_the_authority_is_private_and_a_server_gets_a_server_certificate() {
    let office = Office::new();
    office.done("issue --ca @ca --new-key --server --name radius.example.test --out @");
    assert_eq!(office.register().entries()[0].purpose, Purpose::Server);
    let mode = |name| fs::metadata(office.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("radius.example.test.key"), 0o600);
    assert_eq!(mode("radius.example.test.pem"), 0o644);
}

#[test]
fn names_that_are_not_certified_and_foreign_requests_are_refused() {
    let office = Office::new();
    office.refused("request --name *.example.test --out @", 2, "wildcard");
    office.refused("request --name 10.0.0.1 --out @", 2, "IP address");
    office.refused("issue --ca @ca --new-key --server --name a@b --out @", 1, "DNS names only");
    office.refused("issue --ca @none --new-key --name pc1 --out @", 1, "no such directory");
    office.refused("issue --ca @ca --new-key --name pc1 --days 9999 --out @", 1, "9999");

    office.done("request --name pc1 --out @");
    let request = fs::read_to_string(office.path("pc1.csr")).unwrap();
    let (body, end) = request.split_at(request.find("-----END").unwrap() - 16);
    let (kept, changed) = body.split_at(body.len() - 1); // inside the signature
    let changed = if changed == "A" { "B" } else { "A" };
    fs::write(office.path("forged.csr"), format!("{kept}{changed}{end}")).unwrap();
    office.refused("issue --ca @ca --request @forged.csr", 1, "not signed by the key");
    fs::write(office.path("text.csr"), "hello").unwrap();
    office.refused("issue --ca @ca --request @text.csr", 1, "PEM");
    assert!(office.register().entries().is_empty());
}

#[test]
fn a_key_open_to_others_and_a_directory_in_use_are_refused() {
    let office = Office::new();
    let lock = Lock::take(&office.path("ca")).unwrap();
    office.refused("crl --ca @ca", 1, "another command");
    drop(lock);
    fs::set_permissions(office.path("ca").join(KEY), fs::Permissions::from_mode(0o640)).unwrap();
    office.refused("crl --ca @ca", 1, "chmod 600");
    assert!(!office.path("ca").join(LIST).exists());
    assert!(!office.path("ca/.lock").exists(), "the lock is given back");
}

#[test]
fn a_certificate_that_cannot_be_written_is_on_record() {
    let office = Office::new();
    office.done("request --name pc1 --out @");
    office.refused(
        "issue --ca @ca --request @pc1.csr --out @none/pc1.pem",
        1,
        "is in the register",
    );
    assert_eq!(office.register().entries().len(), 1);
}

#[test]
fn names_of_files_mean_nothing_to_the_file_system() {
    for (name, stem) in [
        ("pc1.example.test", "pc1.example.test"),
        ("upn:佐藤@example.test", "佐藤@example.test"),
        ("urn:x:../../etc/passwd", "urn_x_.._.._etc_passwd"),
        ("upn:.hidden@example.test", "_hidden@example.test"),
    ] {
        assert_eq!(file_stem(&[Identity::parse(name).unwrap()]), stem);
    }
}
