//! `sekisho storm prepare`: an invented city on loopback with keys of its own, for this server
//! and, as plain tables, for any other.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command, value_parser};

use super::super::arguments::{Words, shown};
use super::super::authority_directory::{CERTIFICATE, KEY};
use super::super::refusal::Refusal;
use super::super::{Console, secret, site};
use super::outfit;
use crate::authority::Authority;
use crate::plan::{self, ClientSecrets, Plan};
use crate::shell::files::{PRIVATE_DIRECTORY, PRIVATE_FILE, PUBLIC_FILE};
use crate::shell::staged::StagedDirectory;
use crate::shell::{Failure, FailureKind, clock};
use crate::simulation::network::{Size, generate};
use crate::simulation::storm::{Method, Papers, Roster, roster_of};
use crate::vocabulary::{SwitchIndex, Text, Timestamp};

/// Where the tables lie in the directory.
pub(super) const FOLDER: &str = "storm";
/// The table of devices.
pub(super) const DEVICES: &str = "devices.csv";
/// The table of switches and their secrets.
pub(super) const CLIENTS: &str = "clients.csv";
/// Where devices' own certificates and keys lie in it.
const PAPERS: &str = "papers";
/// The server's name in the invented city.
pub(super) const SERVER_NAME: &str = "radius.city.example";

/// Days that the authority and the server's certificate are valid.
const DAYS: u32 = 90;

pub(super) fn define(words: Words) -> Command {
    let directory =
        words.say("作るディレクトリ(無いか、空であること)", "directory to make (absent or empty)");
    let devices =
        words.text("devices", "N", "端末の数[既定: 3118]", "number of devices [default: 3118]");
    let every = words.text(
        "printer-every",
        "N",
        "N 台に 1 台をプリンター(MAB)にする。0 なら全部 EAP-TLS[既定: 10]",
        "one device in N is a printer (MAB); 0 for none [default: 10]",
    );
    let certificates = words.flag(
        "certificates",
        "端末の証明書を今すべて発行し、どの嵐でも同じものを出させる(既定では嵐のたびに新しく発行)",
        "issue every device its certificate now, the same in each storm (else each storm issues new ones)",
    );
    let listen = words.text(
        "listen",
        "ADDR:PORT",
        "server.toml に書く待受アドレス[既定: 127.0.0.1:1812]",
        "listening address in server.toml [default: 127.0.0.1:1812]",
    );
    words
        .verb(
            "prepare",
            "嵐のための架空の市を、鍵と名簿を付けて作る",
            "write an invented city for a storm, with keys and tables",
        )
        .arg(
            Arg::new("directory")
                .value_name("DIR")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help(directory),
        )
        .arg(devices.value_parser(value_parser!(u32).range(1..=200_000)))
        .arg(every.value_parser(value_parser!(u32)))
        .arg(certificates)
        .arg(listen.value_parser(value_parser!(SocketAddr)))
}

pub(super) fn run(matches: &ArgMatches, console: &mut Console) -> Result<(), Refusal> {
    let directory = matches.get_one::<PathBuf>("directory").cloned().unwrap_or_default();
    let number = |id: &str, default| matches.get_one::<u32>(id).copied().unwrap_or(default);
    let size = Size::with_devices(number("devices", 3_118), number("printer-every", 10));
    let listen = matches.get_one::<SocketAddr>("listen").copied();
    let listen = listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 1812)));
    write(&directory, &size, listen, matches.get_flag("certificates"), console)?;
    let text = Text {
        ja: "{directory} に架空の市を作りました。次の手順:\n  sekisho serve --config {directory}/config --topology {directory}/topology --secrets {directory}/secrets --state {directory}/state\n  sekisho storm --site {directory} --server {listen}\nほかのサーバーで測るには、{directory}/storm の二つの表から設定を作ってください。",
        en: "wrote an invented city to {directory}; next:\n  sekisho serve --config {directory}/config --topology {directory}/topology --secrets {directory}/secrets --state {directory}/state\n  sekisho storm --site {directory} --server {listen}\nto measure another server, configure it from the two tables in {directory}/storm",
    };
    let facts = [("directory", shown(&directory)), ("listen", listen.to_string())];
    let text = text.fill(console.language, &facts);
    console.line(text);
    Ok(())
}

fn write(
    directory: &std::path::Path,
    size: &Size,
    listen: SocketAddr,
    certificates: bool,
    console: &mut Console,
) -> Result<(), Refusal> {
    let now = clock::now();
    let mut sources = generate(size);
    relocate(&mut sources.config);
    relocate(&mut sources.topology);
    if let Some(server) = sources.config.get_mut("server.toml") {
        let text = String::from_utf8_lossy(server).into_owned();
        *server = text
            .replace("127.0.0.1:1812", &listen.to_string())
            .replace("127.0.0.1:9812", "127.0.0.1:0")
            .replace("conversations_max = 4096", "conversations_max = 65536")
            .into_bytes();
    }
    let compiled = plan::compile(&sources, now);
    let Some(plan) = compiled.plan else {
        site::print_findings(console, &compiled.findings);
        let errors = site::count(&compiled.findings).0;
        return Err(Failure::new(FailureKind::PlanRefused).fact("errors", errors).into());
    };
    let clients = clients(&plan)?;
    let mut roster = roster_of(&plan, &clients, now).map_err(|fault| {
        let words = format!("{} / {}", fault.text().ja, fault.text().en);
        Failure::new(FailureKind::StormUnlisted).fact("fault", words)
    })?;
    let (authority, key) = Authority::create("Storm CA", now, DAYS)?;
    let server = authority.issue_server(&[SERVER_NAME], now, DAYS)?;
    let list = authority.revocation_list(&[], 1, now, DAYS)?;

    let staged = StagedDirectory::begin(directory)?;
    for (tree, files) in [("config", &sources.config), ("topology", &sources.topology)] {
        for (path, content) in files {
            staged.file(&format!("{tree}/{path}"), content, PUBLIC_FILE)?;
        }
    }
    for part in ["ca", "secrets", "secrets/client", "secrets/server", "secrets/authority", FOLDER] {
        staged.directory(part, PRIVATE_DIRECTORY)?;
    }
    staged.directory("state", PRIVATE_DIRECTORY)?;
    let certificate = authority.certificate_pem().as_bytes();
    staged.file(&format!("ca/{CERTIFICATE}"), certificate, PUBLIC_FILE)?;
    staged.file(&format!("ca/{KEY}"), key.pem().expose(), PRIVATE_FILE)?;
    staged.file("secrets/authority/city.pem", certificate, PUBLIC_FILE)?;
    staged.file("secrets/authority/city.crl", list.pem.as_bytes(), PUBLIC_FILE)?;
    staged.file("secrets/server/chain.pem", server.issued.pem.as_bytes(), PUBLIC_FILE)?;
    staged.file("secrets/server/key.pem", server.key.pem().expose(), PRIVATE_FILE)?;
    for (index, client) in &clients {
        let Some(switch) = plan.switch(*index) else { continue };
        let path = format!("secrets/client/{}.secret", switch.id);
        staged.file(&path, client.current.expose(), PRIVATE_FILE)?;
    }
    if certificates {
        give_papers(&staged, &mut roster, &authority, now)?;
    }
    let (devices, switches) = roster.print();
    staged.file(&format!("{FOLDER}/{DEVICES}"), devices.as_bytes(), PRIVATE_FILE)?;
    staged.file(&format!("{FOLDER}/{CLIENTS}"), switches.as_bytes(), PRIVATE_FILE)?;
    Ok(staged.commit()?)
}

/// Issues every device that needs one its certificate, in one file with its key.
fn give_papers(
    staged: &StagedDirectory,
    roster: &mut Roster,
    authority: &Authority,
    now: Timestamp,
) -> Result<(), Refusal> {
    staged.directory(&format!("{FOLDER}/{PAPERS}"), PRIVATE_DIRECTORY)?;
    for entry in roster.entries.iter_mut().filter(|entry| entry.method == Method::EapTls) {
        let made = outfit::issue(authority, entry, now, DAYS)?;
        let path = format!("{PAPERS}/{}.pem", entry.user);
        let pem = [made.key.pem().expose(), made.issued.pem.as_bytes()].concat();
        staged.file(&format!("{FOLDER}/{path}"), &pem, PRIVATE_FILE)?;
        entry.papers = Some(Papers { certificate: path.clone(), key: path });
    }
    Ok(())
}

/// Moves the management network to loopback, where every address is this machine's.
fn relocate(files: &mut BTreeMap<String, Vec<u8>>) {
    for (path, content) in files {
        if path.ends_with(".toml") {
            let text = String::from_utf8_lossy(content).into_owned();
            *content = text.replace("10.250.", "127.250.").into_bytes();
        }
    }
}

fn clients(plan: &Plan) -> Result<HashMap<SwitchIndex, ClientSecrets>, Failure> {
    let mut clients = HashMap::new();
    for (index, switch) in (0_u16..).map(SwitchIndex).zip(&plan.switches) {
        if switch.is_client() {
            let current = secret::generate()?;
            clients.insert(index, ClientSecrets { current, next: None, mab_word: None });
        }
    }
    Ok(clients)
}
