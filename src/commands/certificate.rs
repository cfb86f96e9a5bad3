//! `sekisho certificate`: the private authority's desk. It works on the authority's directory,
//! which the service never reads.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command};
use serde_json::Value;

use super::arguments::{Words, shown};
use super::authority_directory::{AuthorityDirectory, LIST_DAYS, read_register};
use super::refusal::{Refusal, conclude};
use super::{Console, WRONG_USE};
use crate::authority::{
    AuthorityError, CertificateRequest, Credential, Entry, Identity, Issued, Purpose,
    RevocationList, RevocationReason, request,
};
use crate::shell::files::{self, FileCause, FileError};
use crate::shell::{Failure, FailureKind, clock};
use crate::vocabulary::{Language, Text, Timestamp, escape};

/// Days a device's certificate is valid, unless told otherwise.
const DEVICE_DAYS: u32 = 1_095;
/// Days a server's certificate is valid, unless told otherwise.
pub(super) const SERVER_DAYS: u32 = 397;
/// Most characters of a name that become the name of a file.
const FILE_NAME_CHARACTERS_MAX: usize = 64;

pub(super) fn define(language: Language) -> Command {
    let words = Words(language);
    words
        .group(
            "certificate",
            "端末とサーバーの証明書を発行・失効する(サーバーではない機械で使う)",
            "issues and revokes certificates (on a machine that is not the server)",
        )
        .subcommand(define_request(words))
        .subcommand(define_issue(words))
        .subcommand(define_revoke(words))
        .subcommand(define_list_renewal(words))
        .subcommand(define_list(words))
}

fn define_request(words: Words) -> Command {
    let out = words.path("out", "DIR", "書き出し先[既定: .]", "where to write [default: .]");
    words
        .verb("request", "鍵と証明書要求(CSR)を作る", "makes a key and a certification request")
        .arg(names(words).required(true))
        .arg(out)
}

fn define_issue(words: Words) -> Command {
    let request = words.path("request", "FILE", "証明書要求(CSR)", "the certification request");
    let new_key = words.flag(
        "new-key",
        "鍵も一緒に作る(要求を作れない小規模な庁舎向け)",
        "make the key as well (for small sites without requests)",
    );
    let days = words.days(
        "days",
        "有効日数[既定: 端末1095、サーバー397]",
        "days of validity [default: 1095 for devices, 397 for servers]",
    );
    let server =
        words.flag("server", "RADIUSサーバーの証明書にする", "make it the RADIUS server's");
    let out = words.path(
        "out",
        "PATH",
        "書き出し先。--requestではファイル[既定: 要求と同じ名前の.pem]、--new-keyではディレクトリ[既定: .]",
        "where to write: a file with --request [default: as the request, ending in .pem], a directory with --new-key [default: .]",
    );
    words
        .verb(
            "issue",
            "証明書を発行し、台帳に記録する",
            "issues a certificate and enters it in the register",
        )
        .arg(authority(words))
        .arg(request)
        .arg(new_key.requires("name"))
        .group(ArgGroup::new("source").args(["request", "new-key"]).required(true))
        .args([names(words), days, server, out])
}

fn define_revoke(words: Words) -> Command {
    let serial =
        words.text("serial", "SERIAL", "シリアル番号(16進)", "serial number in hexadecimal");
    let name = words.text(
        "name",
        "NAME",
        "この名前の有効な証明書すべて",
        "every valid certificate of this name",
    );
    let reasons = RevocationReason::ALL
        .map(|reason| format!("\n  {:<24}{}", reason.id(), reason.text(words.0)))
        .concat();
    let reason = Arg::new("reason")
        .long("reason")
        .value_name("REASON")
        .help(format!("{}{reasons}", words.say("失効の理由:", "why it is revoked:")))
        .required(true)
        .hide_possible_values(true)
        .value_parser(RevocationReason::ALL.map(RevocationReason::id));
    words
        .verb(
            "revoke",
            "証明書を失効させ、失効リストを作る",
            "revokes certificates and writes a revocation list",
        )
        .arg(authority(words))
        .args([serial, name])
        .group(ArgGroup::new("which").args(["serial", "name"]).required(true))
        .args([reason, list_file(words), list_days(words, "crl-days")])
}

fn define_list_renewal(words: Words) -> Command {
    words
        .verb("crl", "失効リストを期限前に作り直す", "renews the revocation list before it is due")
        .args([authority(words), list_file(words), list_days(words, "days")])
}

fn define_list(words: Words) -> Command {
    let expiring = words.days(
        "expiring",
        "この日数のうちに切れる有効な証明書だけ",
        "only valid ones that end within that many days",
    );
    words.verb("list", "発行した証明書を一覧する", "lists what has been issued").args([
        authority(words),
        words.flag("json", "JSONで出力", "print JSON"),
        expiring,
    ])
}

fn authority(words: Words) -> Arg {
    words.path("ca", "DIR", "認証局のディレクトリ", "directory of the authority").required(true)
}

fn names(words: Words) -> Arg {
    let names = words.text(
        "name",
        "NAME",
        "証明する名前。複数可。DNS名、`upn:`で始まるUPN、メールアドレス、URI",
        "a name to certify, repeatable: a DNS name, `upn:` and a principal, a mail address, a URI",
    );
    names.action(ArgAction::Append)
}

fn list_file(words: Words) -> Arg {
    words.path(
        "crl",
        "FILE",
        "失効リストの書き出し先[既定: 認証局のディレクトリ]",
        "where the revocation list goes [default: the authority's directory]",
    )
}

fn list_days(words: Words, id: &'static str) -> Arg {
    words.days(
        id,
        "失効リストの有効日数[既定: 30]",
        "days until the revocation list is due again [default: 30]",
    )
}

pub(super) fn run(matches: &ArgMatches, console: &mut Console) -> u8 {
    let now = clock::now();
    let done = match matches.subcommand() {
        Some(("request", inner)) => make_request(inner, console),
        Some(("issue", inner)) => issue(inner, now, console),
        Some(("revoke", inner)) => revoke(inner, now, console),
        Some(("crl", inner)) => renew_list(inner, now, console),
        Some(("list", inner)) => list(inner, now, console),
        Some(_) | None => return WRONG_USE, // OK because clap lets nothing else through
    };
    conclude(done, console)
}

fn make_request(matches: &ArgMatches, console: &mut Console) -> Result<(), Refusal> {
    let identities = identities(matches)?;
    let (key, request) = request(&identities).map_err(Refusal::Argument)?;
    let stem = directory(matches).join(file_stem(&identities));
    let (key_path, request_path) = (ending(&stem, "key"), ending(&stem, "csr"));
    require_absent(&request_path)?;
    files::write_new(&key_path, key.pem().expose(), files::PRIVATE_FILE)?;
    files::write_new(&request_path, request.as_bytes(), files::PUBLIC_FILE)
        .inspect_err(|_| forget(&key_path))?;
    let text = Text {
        ja: "秘密鍵: {key}(この機械から出さないでください)\n証明書要求: {request}(認証局の機械へ渡してください)",
        en: "private key: {key} (keep it on this machine)\nrequest: {request} (take it to the authority's machine)",
    };
    print(console, text, &[("key", shown(&key_path)), ("request", shown(&request_path))]);
    Ok(())
}

fn issue(matches: &ArgMatches, now: Timestamp, console: &mut Console) -> Result<(), Refusal> {
    let purpose = if matches.get_flag("server") { Purpose::Server } else { Purpose::Client };
    let days = matches.get_one("days").copied().unwrap_or(match purpose {
        Purpose::Client => DEVICE_DAYS,
        Purpose::Server => SERVER_DAYS,
    });
    let names = identities(matches)?;
    let mut office = AuthorityDirectory::open(required(matches, "ca"))?;
    let (issued, path) = match matches.get_one::<PathBuf>("request") {
        Some(file) => {
            let request = CertificateRequest::parse(&files::read_text(file)?)?;
            let names = (!names.is_empty()).then_some(names.as_slice());
            let issued =
                office.authority.issue_from_request(&request, names, purpose, now, days)?;
            let path = matches.get_one("out").cloned();
            let path = path.unwrap_or_else(|| file.with_extension("pem"));
            require_absent(&path)?;
            office.record(&issued)?;
            (issued, path)
        }
        None => {
            let Credential { issued, key } =
                office.authority.issue_pair(purpose, &names, now, days)?;
            let stem = directory(matches).join(file_stem(&names));
            let (path, key_path) = (ending(&stem, "pem"), ending(&stem, "key"));
            require_absent(&path)?;
            files::write_new(&key_path, key.pem().expose(), files::PRIVATE_FILE)?;
            office.record(&issued).inspect_err(|_| forget(&key_path))?;
            let text = Text { ja: "秘密鍵: {key}", en: "private key: {key}" };
            print(console, text, &[("key", shown(&key_path))]);
            (issued, path)
        }
    };
    files::write_new(&path, issued.pem.as_bytes(), files::PUBLIC_FILE).map_err(|error| {
        let failure = Failure::new(FailureKind::CertificateNotWritten);
        let failure = failure.fact("ca", shown(required(matches, "ca")));
        Refusal::Unwritten(failure.fact("serial", &issued.serial), error)
    })?;
    report(console, &issued, &path);
    Ok(())
}

fn revoke(matches: &ArgMatches, now: Timestamp, console: &mut Console) -> Result<(), Refusal> {
    let reason = matches.get_one::<String>("reason").and_then(|id| RevocationReason::parse(id));
    let reason = reason.unwrap_or(RevocationReason::Unspecified); // OK because clap asked for one of them
    let mut office = AuthorityDirectory::open(required(matches, "ca"))?;
    let revoked = match (matches.get_one::<String>("serial"), matches.get_one::<String>("name")) {
        (Some(serial), _) => office.register.revoke_serial(serial, reason, now)?,
        (None, name) => {
            let name = name.map_or("", String::as_str); // OK because clap asked for either
            office.register.revoke_identity(name, reason, now)?
        }
    };
    let days = matches.get_one("crl-days").copied().unwrap_or(LIST_DAYS);
    let to = matches.get_one::<PathBuf>("crl").map(PathBuf::as_path);
    let (list, path) = office.publish_list(to, now, days)?;
    for entry in revoked {
        let text = Text {
            ja: "失効: {serial} {names}({reason})",
            en: "revoked: {serial} {names} ({reason})",
        };
        let facts = [
            ("serial", entry.serial.clone()),
            ("names", names_of(&entry.identities)),
            ("reason", reason.text(console.language).to_owned()),
        ];
        print(console, text, &facts);
    }
    report_list(console, &list, &path);
    Ok(())
}

fn renew_list(matches: &ArgMatches, now: Timestamp, console: &mut Console) -> Result<(), Refusal> {
    let mut office = AuthorityDirectory::open(required(matches, "ca"))?;
    let days = matches.get_one("days").copied().unwrap_or(LIST_DAYS);
    let to = matches.get_one::<PathBuf>("crl").map(PathBuf::as_path);
    let (list, path) = office.publish_list(to, now, days)?;
    report_list(console, &list, &path);
    Ok(())
}

fn list(matches: &ArgMatches, now: Timestamp, console: &mut Console) -> Result<(), Refusal> {
    let register = read_register(required(matches, "ca"))?;
    let expiring = matches.get_one::<u32>("expiring").copied();
    let wanted = register.entries().iter().filter(|entry| match expiring {
        None => true,
        Some(days) => {
            let left_s = now.seconds_until(entry.not_after);
            entry.revoked.is_none() && (0..=i64::from(days) * 86_400).contains(&left_s)
        }
    });
    if matches.get_flag("json") {
        let values: Vec<Value> =
            wanted.filter_map(|entry| serde_json::from_str(&entry.json()).ok()).collect();
        console.json(&Value::from(values));
        return Ok(());
    }
    for entry in wanted {
        let text = Text {
            ja: "{serial}  {purpose}  {until}まで  {state}  {names}",
            en: "{serial}  {purpose}  until {until}  {state}  {names}",
        };
        let facts = [
            ("serial", entry.serial.clone()),
            ("purpose", entry.purpose.id().to_owned()),
            ("until", day(entry.not_after, console.language)),
            ("state", state(entry, now, console.language)),
            ("names", names_of(&entry.identities)),
        ];
        print(console, text, &facts);
    }
    Ok(())
}

/// Whether a certificate counts, for people.
fn state(entry: &Entry, now: Timestamp, language: Language) -> String {
    let (text, reason) = match entry.revoked {
        Some((_, reason)) => {
            (Text { ja: "失効({reason})", en: "revoked ({reason})" }, reason.text(language))
        }
        None if entry.not_after < now => (Text { ja: "期限切れ", en: "ended" }, ""),
        None => (Text { ja: "有効", en: "valid" }, ""),
    };
    text.fill(language, &[("reason", reason.to_owned())])
}

fn report(console: &mut Console, issued: &Issued, path: &Path) {
    let text = Text {
        ja: "証明書: {path}\n  名前: {names}\n  シリアル番号: {serial}\n  有効期限: {until}",
        en: "certificate: {path}\n  names: {names}\n  serial number: {serial}\n  valid until: {until}",
    };
    let facts = [
        ("path", shown(path)),
        ("names", names_of(&issued.identities)),
        ("serial", issued.serial.clone()),
        ("until", day(issued.not_after, console.language)),
    ];
    print(console, text, &facts);
    if issued.purpose == Purpose::Server {
        let text = Text {
            ja: "証明書を secrets/server/chain.pem に、秘密鍵を secrets/server/key.pem に置き、`sekisho reload` を実行してください",
            en: "put the certificate at secrets/server/chain.pem and its key at secrets/server/key.pem, then run `sekisho reload`",
        };
        print(console, text, &[]);
    }
}

fn report_list(console: &mut Console, list: &RevocationList, path: &Path) {
    let text = Text {
        ja: "失効リスト: {path}(第{number}号、{revoked}件、次の発行期限 {due})\nサーバーの secrets/authority/ID.crl に写し(IDは environments.toml の認証局の id)、`sekisho reload` を実行してください",
        en: "revocation list: {path} (number {number}, {revoked} certificates, next one due {due})\ncopy it to secrets/authority/ID.crl on the server (ID as in environments.toml) and run `sekisho reload`",
    };
    let facts = [
        ("path", shown(path)),
        ("number", list.number.to_string()),
        ("revoked", list.revoked.to_string()),
        ("due", day(list.next_update, console.language)),
    ];
    print(console, text, &facts);
}

fn print(console: &mut Console, text: Text, facts: &[(&'static str, String)]) {
    let text = text.fill(console.language, facts);
    console.line(text);
}

/// The day as the language's readers write it.
fn day(time: Timestamp, language: Language) -> String {
    match language {
        Language::Japanese => time.wareki(),
        Language::English => time.local(),
    }
}

fn names_of(identities: &[String]) -> String {
    let names: Vec<String> = identities.iter().map(|name| escape(name.as_bytes())).collect();
    names.join(", ")
}

/// The names typed, each checked.
fn identities(matches: &ArgMatches) -> Result<Vec<Identity>, Refusal> {
    matches
        .get_many::<String>("name")
        .into_iter()
        .flatten()
        .map(|name| {
            Identity::parse(name)
                .map_err(|error| Refusal::Argument(AuthorityError::identity(name, error)))
        })
        .collect()
}

/// A path that clap asked for.
fn required<'a>(matches: &'a ArgMatches, id: &str) -> &'a Path {
    matches.get_one::<PathBuf>(id).map_or(Path::new("."), PathBuf::as_path)
}

/// The directory to write into.
fn directory(matches: &ArgMatches) -> &Path {
    matches.get_one::<PathBuf>("out").map_or(Path::new(""), PathBuf::as_path)
}

/// The name of a file for a certificate: its first name, without what means something to a
/// file system or shell.
fn file_stem(identities: &[Identity]) -> String {
    let name = identities.first().map_or("", Identity::name);
    let safe = |(index, character): (usize, char)| {
        let plain = character.is_alphanumeric()
            || (index > 0 && matches!(character, '.' | '-' | '_' | '@'));
        if plain { character } else { '_' }
    };
    name.chars().take(FILE_NAME_CHARACTERS_MAX).enumerate().map(safe).collect()
}

/// A path with an ending added, whatever dots it holds already.
fn ending(stem: &Path, ending: &str) -> PathBuf {
    let mut path = stem.as_os_str().to_owned();
    path.push(".");
    path.push(ending);
    path.into()
}

/// Refuses early what writing would refuse late.
fn require_absent(path: &Path) -> Result<(), FileError> {
    match std::fs::symlink_metadata(path) {
        Ok(_) => Err(FileError { path: path.to_owned(), cause: FileCause::Exists }),
        Err(_) => Ok(()),
    }
}

/// Removes a key whose certificate or request never came to be.
fn forget(path: &Path) {
    let _ = std::fs::remove_file(path); // OK because an unused key opens nothing
}

#[cfg(test)]
#[path = "certificate_tests.rs"]
mod tests;
