//! `config/tripwire.toml`: the public zone whose names only the city's own PCs know, so that a
//! look-up from outside proves that a PC has a way out of its own. Without the file, or with
//! `enabled = false`, there is no tripwire.
//!
//! The key that names are derived from is never written there: it is `secrets/tripwire/key`.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnetwork::IpNetwork;

use super::finding::Sink;
use super::inventory::Device;
use super::names::{Names, resolve_all};
use super::packet::hosts;
use super::read::{Located, Table, distinct, document, to_socket};
use super::sensors::{Report, server};
use super::server::dns_name;
use super::{FindingKind, Sensors, Sources};
use crate::vocabulary::{DeviceIndex, EnvironmentIndex};

/// Longest name of the zone: a label of 32 octets and its length go before it, within the 255 of
/// a name (RFC 1035 §2.3.4).
const ZONE_OCTETS_MAX: usize = 190;
/// Name servers, listening addresses and answers of each kind.
const LIST_MAX: usize = 8;
/// Public networks of the city.
const NETWORKS_MAX: usize = 64;
/// Environments whose devices have labels.
const ENVIRONMENTS_MAX: usize = 64;
/// Devices without a label although their environment has some.
const EXCLUDED_MAX: usize = 100_000;
const MINUTES: (i64, i64) = (1, 1440);
const ROTATION_DAYS: (i64, i64) = (1, 366);
/// Short enough that a PC asks again and again, and that a name taken back is soon forgotten.
const TTL_S: (i64, i64) = (1, 300);
const DAY_S: u64 = 86_400;

/// The tripwire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tripwire {
    /// Whether it is in use.
    pub enabled: bool,
    /// The name that the responder reports under, as a sensor does.
    pub id: String,
    /// The zone, lower-cased, without the root's dot.
    pub zone: String,
    /// Its name servers, outside the zone itself.
    pub name_servers: Vec<String>,
    /// Whose devices have labels.
    pub environments: Vec<EnvironmentIndex>,
    /// Devices that leave the building, and so have none.
    pub exclude: Vec<DeviceIndex>,
    /// What the inside DNS answers.
    pub inside: Vec<IpAddr>,
    /// What the responder answers: where its HTTP is reached from outside.
    pub outside: Vec<IpAddr>,
    /// The city's own public networks: what comes from there was let out by the inside DNS, and
    /// proves nothing about a PC.
    pub own_networks: Vec<IpNetwork>,
    /// Where the responder takes queries, by UDP and TCP.
    pub dns: Vec<SocketAddr>,
    /// Where it takes HTTP requests; nowhere when empty.
    pub http: Vec<SocketAddr>,
    /// The API it reports to.
    pub server: Report,
    /// How long a label is new; it stays good for as long again.
    pub rotation: Duration,
    /// How long an answer may be kept, in seconds.
    pub ttl_s: u32,
    /// How long a negative answer may be kept, in seconds (RFC 2308).
    pub negative_ttl_s: u32,
    /// How long the responder may be silent.
    pub silent_after: Duration,
}

impl Tripwire {
    /// Whether a network that was asked from is, or shares, one of the city's own.
    #[must_use]
    pub fn is_own(&self, network: IpNetwork) -> bool {
        let shares =
            |own: &IpNetwork| own.contains(network.network()) || network.contains(own.network());
        self.own_networks.iter().any(shares)
    }

    /// Whether a device has a label.
    #[must_use]
    pub fn covers(&self, index: DeviceIndex, device: &Device) -> bool {
        self.environments.contains(&device.environment) && !self.exclude.contains(&index)
    }
}

/// Reads `config/tripwire.toml`, where there is one.
pub(super) fn read(
    sources: &Sources,
    sink: &Sink,
    names: &Names,
    sensors: &Sensors,
) -> Option<Tripwire> {
    let octets = sources.config.get("tripwire.toml")?;
    document("config/tripwire.toml", octets, sink, |table| {
        let (enabled, id) = (table.boolean("enabled"), own_id(table, sensors));
        let zone = table.text("zone").and_then(|text| zone(&text, table));
        let name_servers = name_servers(table, zone.as_deref());
        let (environments, exclude) = devices(table, names);
        let (inside, outside) = answers(table);
        let own_networks = own_networks(table);
        let dns = sockets(table, "dns");
        let http = sockets(table, "http");
        let server = table.text("server").and_then(|text| server(&text, table));
        let days = table.number::<u64>("rotation_days", ROTATION_DAYS);
        let (ttl_s, negative) =
            (table.number("ttl_s", TTL_S), table.number("negative_ttl_s", TTL_S));
        let silent = table.number::<u64>("silent_minutes", MINUTES);
        let mut exclude = exclude?;
        exclude.sort_unstable();
        Some(Tripwire {
            enabled: enabled?,
            id: id?,
            zone: zone?,
            name_servers: name_servers?,
            environments: environments?,
            exclude,
            inside: inside?,
            outside: outside?,
            own_networks: own_networks?,
            dns: dns?,
            http: http?,
            server: server?,
            rotation: Duration::from_secs(days? * DAY_S),
            ttl_s: ttl_s?,
            negative_ttl_s: negative?,
            silent_after: Duration::from_secs(silent? * 60),
        })
    })
}

/// A name of its own among those that report.
fn own_id(table: &Table<'_>, sensors: &Sensors) -> Option<String> {
    let id = table.id("id")?;
    if sensors.sensors.iter().any(|sensor| sensor.id == id.value) {
        let finding = id.finding(FindingKind::Duplicate).fact("value", &id.value);
        table.push(finding.fact("other", "config/sensors.toml"));
        return None;
    }
    Some(id.value)
}

fn zone(text: &Located<String>, table: &Table<'_>) -> Option<String> {
    let name = dns_name(text, table)?;
    if name.len() > ZONE_OCTETS_MAX || !name.contains('.') {
        let finding = text.finding(FindingKind::TripwireZone).fact("value", &text.value);
        table.push(finding.fact("max", ZONE_OCTETS_MAX));
        return None;
    }
    Some(name)
}

/// Name servers inside the zone would need glue and names of their own beside the labels.
fn name_servers(table: &Table<'_>, zone: Option<&str>) -> Option<Vec<String>> {
    let texts = some_texts(table, "name_servers")?;
    let one = |text: &Located<String>| {
        let name = dns_name(text, table)?;
        let inside = zone.is_some_and(|zone| {
            name == zone || name.strip_suffix(zone).is_some_and(|rest| rest.ends_with('.'))
        });
        if inside {
            let finding = text.finding(FindingKind::TripwireNameServer);
            table.push(finding.fact("value", &text.value));
            return None;
        }
        Some(name)
    };
    let read: Vec<_> = texts.iter().map(one).collect();
    read.into_iter().collect()
}

/// Whose devices have labels, and which of them have none.
fn devices(
    table: &Table<'_>,
    names: &Names,
) -> (Option<Vec<EnvironmentIndex>>, Option<Vec<DeviceIndex>>) {
    let environments = table.texts("environments").and_then(|mut texts| {
        if texts.is_empty() {
            table.push(table.finding(FindingKind::Empty, "environments"));
            return None;
        }
        table.at_most("environments", &mut texts, ENVIRONMENTS_MAX);
        distinct(&texts, table.sink());
        resolve_all(&names.environments, "environment", &texts, table.sink())
    });
    let exclude = table.optional_texts("exclude").and_then(|texts| {
        let mut texts = texts.unwrap_or_default();
        table.at_most("exclude", &mut texts, EXCLUDED_MAX);
        resolve_all(&names.assets, "asset", &texts, table.sink())
    });
    (environments, exclude)
}

/// What inside and outside answer, which must differ: else a PC that asks outside would be sent
/// to the inside.
fn answers(table: &Table<'_>) -> (Option<Vec<IpAddr>>, Option<Vec<IpAddr>>) {
    let read = |key: &'static str| {
        let mut found = hosts(table, key)?;
        table.at_most(key, &mut found, LIST_MAX);
        (!found.is_empty()).then_some(found)
    };
    let (inside, outside) = (read("inside"), read("outside"));
    if let (Some(inside), Some(outside)) = (&inside, &outside)
        && let Some(both) = inside.iter().find(|address| outside.contains(address))
    {
        let finding = table.finding(FindingKind::TripwireSameAnswer, "outside");
        table.push(finding.fact("value", both));
        return (None, None);
    }
    (inside, outside)
}

fn own_networks(table: &Table<'_>) -> Option<Vec<IpNetwork>> {
    let mut texts = table.texts("own_networks")?;
    table.at_most("own_networks", &mut texts, NETWORKS_MAX);
    let read: Vec<_> = texts.iter().map(|text| table.to_network(text)).collect();
    read.into_iter().collect()
}

/// Listening addresses; only those for HTTP may be absent.
fn sockets(table: &Table<'_>, key: &'static str) -> Option<Vec<SocketAddr>> {
    let texts = if key == "http" {
        let mut texts = table.optional_texts(key)?.unwrap_or_default();
        table.at_most(key, &mut texts, LIST_MAX);
        texts
    } else {
        some_texts(table, key)?
    };
    let read: Vec<_> = texts.iter().map(|text| to_socket(text, table.sink())).collect();
    read.into_iter().collect()
}

/// A list with something in it, and not too much.
fn some_texts(table: &Table<'_>, key: &'static str) -> Option<Vec<Located<String>>> {
    let mut texts = table.texts(key)?;
    if texts.is_empty() {
        table.push(table.finding(FindingKind::Empty, key));
        return None;
    }
    table.at_most(key, &mut texts, LIST_MAX);
    Some(texts)
}
