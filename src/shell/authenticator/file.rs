//! The authenticator's file: one TOML file that says which switch, which servers, which ports.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::switch::BLACKHOLE;
use crate::authenticator::{Dynamic, DynamicClient, Hosts, Order, Port, Server, Settings};
use crate::plan::read::{Located, Table, distinct, document, to_socket};
use crate::plan::{Finding, FindingKind, SECRET_CHARACTERS_MIN, Severity, Sink};
use crate::shell::files;
use crate::vocabulary::{Language, Mac, Secret, VlanId};

/// Ports of one authenticator.
pub const PORTS_MAX: usize = 256;
/// Servers, and clients of the dynamic authorization service.
const PEERS_MAX: usize = 16;
/// Longest name of an interface (`IFNAMSIZ` less the end).
const INTERFACE_OCTETS_MAX: i64 = 15;
const SECONDS_MAX: i64 = 86_400;

/// Everything the shell must know.
#[derive(Clone, Debug)]
pub struct File {
    /// What the state machines are told. Addresses of ports are still to be read from the
    /// interfaces.
    pub settings: Settings,
    /// The bridge of the access ports.
    pub bridge: String,
    /// Socket of the switch's database.
    pub database: PathBuf,
    /// Management socket of the bridge.
    pub openflow: PathBuf,
    /// Ports towards the rest of the network, whose frames are always let in.
    pub uplinks: Vec<String>,
    /// Where CoA and Disconnect requests arrive; `None` closes the service.
    pub dynamic_listen: Option<SocketAddr>,
    /// Address of the metrics endpoint; `None` leaves it off.
    pub metrics_listen: Option<SocketAddr>,
    /// Language of logs.
    pub language: Language,
}

/// Reads the file and the secrets it names; `None` when there is an error among the findings.
#[must_use]
pub fn read(path: &Path) -> (Option<File>, Vec<Finding>) {
    let sink = Sink::default();
    let shown = path.display().to_string();
    let file = match files::read(path) {
        Ok(octets) => document(&shown, &octets, &sink, |table| {
            let base = path.parent().unwrap_or(Path::new("."));
            top(table, base)
        }),
        Err(refused) => {
            sink.push(unreadable(None, "", &refused));
            None
        }
    };
    let findings = sink.into_findings();
    let refused = findings.iter().any(|finding| finding.severity() == Severity::Error);
    (file.filter(|_| !refused), findings)
}

fn top(table: &Table<'_>, base: &Path) -> Option<File> {
    let switch = table.table("switch", switch);
    let radius = table.table("radius", |radius| timers(radius, base));
    let (dynamic, dynamic_listen) = if table.has("dynamic") {
        table.table("dynamic", |dynamic| self::dynamic(dynamic, base)).unzip()
    } else {
        (Some(Dynamic::default()), Some(None))
    };
    let mut ports = table.tables("port", port);
    table.at_most("port", &mut ports, PORTS_MAX);
    if ports.is_empty() {
        table.push(table.finding(FindingKind::Empty, "port"));
    }
    let numbers: Vec<_> = ports.iter().map(|(_, number, _)| number.clone()).collect();
    distinct(&numbers, table.sink());
    // An uplink lets everyone in: no access port is one.
    let uplinks = switch.iter().flat_map(|switch| switch.uplinks.clone());
    let names: Vec<_> = uplinks.chain(ports.iter().map(|(name, _, _)| name.clone())).collect();
    distinct(&names, table.sink());
    let (switch, (timeout, retries, dead_time, servers)) = (switch?, radius?);
    for (_, _, port) in &ports {
        let known = port.critical.is_none_or(|vlan| switch.vlans.contains(&vlan));
        if !known {
            table.push(not_a_vlan(table, port.critical, &switch.vlans));
        }
    }
    Some(File {
        settings: Settings {
            name: switch.name,
            nas_address: switch.address,
            servers,
            timeout,
            retries,
            dead_time,
            dynamic: dynamic?,
            vlans: switch.vlans,
            ports: ports.into_iter().map(|(_, _, port)| port).collect(),
        },
        bridge: switch.bridge,
        database: switch.database,
        openflow: switch.openflow,
        uplinks: switch.uplinks.into_iter().map(|uplink| uplink.value).collect(),
        dynamic_listen: dynamic_listen?,
        metrics_listen: switch.metrics_listen,
        language: switch.language,
    })
}

/// The table `switch`.
struct Switch {
    name: String,
    address: IpAddr,
    bridge: String,
    database: PathBuf,
    openflow: PathBuf,
    uplinks: Vec<Located<String>>,
    vlans: BTreeSet<VlanId>,
    metrics_listen: Option<SocketAddr>,
    language: Language,
}

fn switch(table: &Table<'_>) -> Option<Switch> {
    let name = table.id("name");
    let address = table.text("address").and_then(|text| ip(&text, table));
    let bridge = table.text("bridge").and_then(|text| interface(text, table));
    let database = table.text("database");
    let openflow = table.text("openflow");
    let uplinks = table.texts("uplinks");
    let uplinks = uplinks.map(|each| each.into_iter().filter_map(|text| interface(text, table)));
    let uplinks: Option<Vec<_>> = uplinks.map(Iterator::collect);
    let vlans = table.vlans("vlans");
    let listen = table.optional_text("metrics_listen");
    let metrics_listen = listen.and_then(|text| optional_socket(text, table));
    let language =
        table.choice("language", &[("ja", Language::Japanese), ("en", Language::English)]);
    let vlans = vlans.filter(|vlans| {
        distinct(vlans, table.sink());
        if vlans.is_empty() {
            table.push(table.finding(FindingKind::Empty, "vlans"));
        }
        for vlan in vlans.iter().filter(|vlan| vlan.value.get() == BLACKHOLE) {
            let finding = vlan.finding(FindingKind::OutOfRange).fact("value", vlan.value);
            table.push(finding.fact("min", 1).fact("max", BLACKHOLE - 1));
        }
        true
    });
    Some(Switch {
        name: name?.value,
        address: address?,
        bridge: bridge?.value,
        database: database?.value.into(),
        openflow: openflow?.value.into(),
        uplinks: uplinks?,
        vlans: vlans?.into_iter().map(|vlan| vlan.value).collect(),
        metrics_listen: metrics_listen?,
        language: language?,
    })
}

type Radius = (Duration, u8, Duration, Vec<Server>);

fn timers(table: &Table<'_>, base: &Path) -> Option<Radius> {
    let timeout_ms: Option<u64> = table.number("timeout_ms", (100, 60_000));
    let retries = table.number("retries", (1, 10));
    let dead_time_s: Option<u64> = table.number("dead_time_s", (1, SECONDS_MAX));
    let mut servers = table.tables("server", |server| {
        let authentication =
            server.text("authentication").and_then(|text| to_socket(&text, server.sink()));
        let accounting = server.optional_text("accounting");
        let accounting = accounting.and_then(|text| optional_socket(text, server));
        let secret = secret(server, base);
        let (authentication, accounting) = (authentication?, accounting?);
        Some(Server { authentication, accounting, secret: secret? })
    });
    table.at_most("server", &mut servers, PEERS_MAX);
    if servers.is_empty() {
        table.push(table.finding(FindingKind::Empty, "server"));
    }
    let timeout = Duration::from_millis(timeout_ms?);
    Some((timeout, retries?, Duration::from_secs(dead_time_s?), servers))
}

fn dynamic(table: &Table<'_>, base: &Path) -> Option<(Dynamic, Option<SocketAddr>)> {
    let listen = table.text("listen").and_then(|text| to_socket(&text, table.sink()));
    let window = seconds(table, "window_s", (1, SECONDS_MAX));
    let mut clients = table.tables("client", |client| {
        let address = client.text("address").and_then(|text| ip(&text, client));
        let secret = secret(client, base);
        Some(DynamicClient { address: address?, secret: secret? })
    });
    table.at_most("client", &mut clients, PEERS_MAX);
    if clients.is_empty() {
        table.push(table.finding(FindingKind::Empty, "client"));
    }
    let usual = Dynamic::default();
    let dynamic = Dynamic { clients, window: window?.unwrap_or(usual.window), ..usual };
    Some((dynamic, Some(listen?)))
}

/// One `[[port]]`: its name and number as they are written, and what they say. What is absent is
/// as IEEE 802.1X has it ([`Port::new`]).
fn port(table: &Table<'_>) -> Option<(Located<String>, Located<i64>, Port)> {
    let name = table.text("interface").and_then(|text| interface(text, table));
    let number = table.integer("number", (1, i64::from(u32::MAX)));
    let order = table.optional_choice(
        "order",
        &[
            ("802.1x-first", Order::Dot1xFirst),
            ("mab-first", Order::MabFirst),
            ("802.1x-only", Order::Dot1xOnly),
            ("mab-only", Order::MabOnly),
        ],
    );
    let hosts = table.optional_choice("hosts", &[("one", Hosts::One), ("several", Hosts::Several)]);
    let reauthentication = seconds(table, "reauthentication_s", (10, SECONDS_MAX));
    let quiet = seconds(table, "quiet_s", (1, SECONDS_MAX));
    let tx_period = seconds(table, "tx_period_s", (1, 3600));
    let max_reauth_req = table.optional_integer("max_reauth_req", (1, 10));
    let supplicant_timeout = seconds(table, "supplicant_timeout_s", (1, 3600));
    let critical = table.optional_vlan("critical_vlan");
    let interim = seconds(table, "interim_s", (60, SECONDS_MAX));
    let (name, number) = (name?, number?);
    // The interface's own address is read when it is opened; this one is replaced then.
    let unread = Mac::new([2, 0, 0, 0, 0, 1]).ok()?;
    let usual = Port::new(name.value.clone(), u32::try_from(number.value).ok()?, unread);
    let max_reauth_req = match max_reauth_req? {
        Some(requests) => u8::try_from(requests.value).ok()?,
        None => usual.max_reauth_req,
    };
    let port = Port {
        order: order?.unwrap_or(usual.order),
        hosts: hosts?.unwrap_or(usual.hosts),
        reauthentication: reauthentication?,
        quiet: quiet?.unwrap_or(usual.quiet),
        tx_period: tx_period?.unwrap_or(usual.tx_period),
        max_reauth_req,
        supplicant_timeout: supplicant_timeout?.unwrap_or(usual.supplicant_timeout),
        critical: critical?.map(|vlan| vlan.value),
        interim: interim?,
        ..usual
    };
    Some((name, number, port))
}

/// A span that may be absent.
fn seconds(table: &Table<'_>, key: &'static str, range: (i64, i64)) -> Option<Option<Duration>> {
    let number = table.optional_integer(key, range)?;
    let span = |number: Located<i64>| u64::try_from(number.value).ok().map(Duration::from_secs);
    Some(number.and_then(span))
}

fn optional_socket(text: Option<Located<String>>, table: &Table<'_>) -> Option<Option<SocketAddr>> {
    text.map_or(Some(None), |text| to_socket(&text, table.sink()).map(Some))
}

fn ip(text: &Located<String>, table: &Table<'_>) -> Option<IpAddr> {
    match text.value.parse::<IpAddr>() {
        Ok(address) => Some(address),
        Err(cause) => {
            let finding = text.finding(FindingKind::BadAddress).fact("value", &text.value);
            table.push(finding.fact("cause", cause));
            None
        }
    }
}

/// The name of an interface or a bridge.
fn interface(text: Located<String>, table: &Table<'_>) -> Option<Located<String>> {
    let octets = i64::try_from(text.value.len()).unwrap_or(i64::MAX);
    if octets <= INTERFACE_OCTETS_MAX && text.value.bytes().all(|octet| octet.is_ascii_graphic()) {
        return Some(text);
    }
    let finding = text.finding(FindingKind::BadId).fact("value", &text.value);
    table.push(finding.fact("max", INTERFACE_OCTETS_MAX));
    None
}

/// The secret in the file that `secret_file` names, relative to the configuration.
fn secret(table: &Table<'_>, base: &Path) -> Option<Secret> {
    let text = table.text("secret_file")?;
    let path = base.join(&text.value);
    let octets = match files::read(&path) {
        Ok(octets) => Secret::new(octets),
        Err(refused) => {
            table.push(unreadable(Some(&text), &text.field, &refused));
            return None;
        }
    };
    let finding = |kind| text.finding(kind);
    let mode = std::fs::metadata(&path).map_or(0, |facts| facts.permissions().mode());
    if mode & 0o007 != 0 {
        let open = finding(FindingKind::SecretOpen).fact("path", path.display());
        table.push(open.fact("mode", format!("{:03o}", mode & 0o777)));
    }
    let word = octets.expose().trim_ascii_end();
    if !word.iter().all(u8::is_ascii_graphic) {
        table.push(finding(FindingKind::SecretCharacters));
    } else if word.len() < SECRET_CHARACTERS_MIN {
        let short = finding(FindingKind::SecretShort).fact("length", word.len());
        table.push(short.fact("min", SECRET_CHARACTERS_MIN));
    }
    Some(Secret::new(word.to_vec()))
}

fn unreadable(text: Option<&Located<String>>, field: &str, refused: &files::FileError) -> Finding {
    let at = text.map(|text| text.at.clone());
    let cause = match &refused.cause {
        files::FileCause::System(_, words) => format!("`{}`: {words}", refused.path.display()),
        files::FileCause::TooLarge
        | files::FileCause::NotText
        | files::FileCause::NotFile
        | files::FileCause::Exists
        | files::FileCause::Locked
        | files::FileCause::Changed
        | files::FileCause::NoRandomness => refused.text(Language::English),
    };
    Finding::new(FindingKind::FileUnreadable, at, field).fact("cause", cause)
}

fn not_a_vlan(table: &Table<'_>, vlan: Option<VlanId>, vlans: &BTreeSet<VlanId>) -> Finding {
    let value = vlan.map_or_else(String::new, |vlan| vlan.to_string());
    let choices: Vec<String> = vlans.iter().map(ToString::to_string).collect();
    let finding = table.finding(FindingKind::NotAChoice, "port").fact("value", value);
    finding.fact("choices", choices.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lab's file with one thing changed, and a secret beside it.
    fn read_changed(old: &str, new: &str) -> (Option<File>, Vec<Finding>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("authenticator.toml");
        let lab = include_str!("../../../integration/lab_site/authenticator.toml");
        let text = lab.replace("@SWITCH@", "10.250.1.11").replace("@SERVER@", "10.250.0.10");
        let text = text.replace("@SECRET@", "radius.secret");
        assert!(text.contains(old), "{old}");
        let secret = directory.path().join("radius.secret");
        std::fs::write(&secret, "Zq7wPx2vKd9mTn4c\n").unwrap();
        let mode = |mode| std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&secret, mode(if new == "OPEN" { 0o644 } else { 0o600 })).unwrap();
        std::fs::write(&path, text.replacen(old, new, 1).replace("OPEN", old)).unwrap();
        read(&path)
    }

    #[test]
    fn the_labs_file_is_read_with_the_timers_it_names_and_the_standards_others() {
        let (file, findings) = read_changed("[switch]", "[switch]");
        assert_eq!(findings, []);
        let settings = file.unwrap().settings;
        assert_eq!(settings.servers[0].secret, Secret::new(b"Zq7wPx2vKd9mTn4c".to_vec()));
        let ports = settings.ports;
        assert_eq!((ports[0].order, ports[1].order), (Order::Dot1xFirst, Order::MabFirst));
        assert_eq!(ports[0].quiet, Duration::from_secs(3));
        assert_eq!(ports[0].supplicant_timeout, Duration::from_secs(30));
        assert_eq!(ports[0].hosts, Hosts::One);
    }

    #[test]
    fn every_mistake_is_named_with_its_line_and_refuses_the_file() {
        for (old, new, kind) in [
            ("[switch]", "[switch", FindingKind::Syntax),
            ("bridge =", "brigde =", FindingKind::UnknownKey),
            ("uplinks = [\"uplink\"]\n", "", FindingKind::MissingKey),
            ("\"10.250.1.11\"", "\"10.250.1\"", FindingKind::BadAddress),
            ("vlans = [110,", "vlans = [4094,", FindingKind::OutOfRange),
            ("timeout_ms = 1000", "timeout_ms = \"1000\"", FindingKind::WrongType),
            ("number = 2", "number = 1", FindingKind::Duplicate),
            ("\"mab-first\"", "\"mab\"", FindingKind::NotAChoice),
            ("interface = \"port1\"", "interface = \"uplink\"", FindingKind::Duplicate),
            ("[\"uplink\"]", "[\"a name too long\"]", FindingKind::BadId),
            ("interface = \"port1\"", "interface = \"a name too long\"", FindingKind::BadId),
            ("order = \"mab-first\"", "critical_vlan = 777", FindingKind::NotAChoice),
            ("\"radius.secret\"", "\"other.secret\"", FindingKind::FileUnreadable),
            ("\"radius.secret\"", "OPEN", FindingKind::SecretOpen),
        ] {
            let (file, findings) = read_changed(old, new);
            let found = findings.iter().find(|finding| finding.kind == kind);
            let found = found.unwrap_or_else(|| panic!("{new}: {findings:#?}"));
            assert!(found.at.as_ref().is_some_and(|at| at.line > 0), "{new}: {found:?}");
            assert!(file.is_none(), "{new}");
        }
    }
}
