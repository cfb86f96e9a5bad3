//! `config/sensors.toml`: where mirror ports are watched, and what a verdict may do by itself.
//! Without the file no sensor is expected and nothing is done about verdicts.
//!
//! Tokens are never written there: each sensor proves itself to the API by the token in
//! `secrets/api/ID.sensor.token`.

use std::net::IpAddr;
use std::time::Duration;

use super::alerts::{Host, web_address};
use super::finding::Sink;
use super::names::{Names, resolve};
use super::read::{Located, Table, distinct, document};
use super::{FindingKind, Sources};
use crate::vocabulary::{EnvironmentIndex, SiteIndex, VlanId};

/// Sensors of one city.
const SENSORS_MAX: usize = 256;
/// DHCP servers of one city.
const DHCP_SERVERS_MAX: usize = 64;
/// Longest name of an interface (`IFNAMSIZ` less the end).
const INTERFACE_OCTETS_MAX: usize = 15;
const MINUTES: (i64, i64) = (1, 1440);
const PORTS: (i64, i64) = (1, 100);

/// Sensors, and what is done about their verdicts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sensors {
    /// The sensors, those switched off included.
    pub sensors: Vec<SensorPlace>,
    /// What is done by environment; where none is written, alerts alone.
    pub responses: Vec<Response>,
    /// How much may be done without a person.
    pub limit: ResponseLimit,
    /// Who gives addresses beside gateways.
    pub dhcp_servers: Vec<IpAddr>,
}

/// A sensor and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SensorPlace {
    /// The id, unique.
    pub id: String,
    /// Whether it is expected to run.
    pub enabled: bool,
    /// The site whose frames it sees.
    pub site: SiteIndex,
    /// The interface the mirror leads to.
    pub interface: String,
    /// Where the mirror stands.
    pub vantage: Vantage,
    /// The VLAN of frames that carry no tag.
    pub untagged: Option<VlanId>,
    /// The API it reports to.
    pub server: Report,
    /// How long it may be silent.
    pub silent_after: Duration,
}

/// Where a sensor reports to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Whether over TLS; without it only to this machine itself.
    pub tls: bool,
    /// The server.
    pub to: Host,
}

/// Where a mirror stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Vantage {
    /// Before the first router: every MAC but a gateway's is on an access port.
    Edge,
    /// Above a router: hops are ordinary.
    Core,
    /// Unknown: nothing is concluded from hops until enough stations agree.
    #[default]
    Learn,
}

/// What is done about a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rung {
    /// People are told.
    Alert,
    /// The device is put into quarantine until released.
    Quarantine,
    /// The port lets nobody in until released.
    PortDown,
}

impl Rung {
    /// As files and records write it.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Quarantine => "quarantine",
            Self::PortDown => "port-down",
        }
    }
}

/// The ladder of one environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response {
    /// Whose devices.
    pub environment: EnvironmentIndex,
    /// At the first verdict.
    pub first: Rung,
    /// When a device goes on although something was done.
    pub again: Rung,
    /// Whether only verdicts with a hard sign count.
    pub hard_only: bool,
}

/// How much may be done without a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseLimit {
    /// Ports within [`ResponseLimit::window`].
    pub ports_max: u16,
    /// How long a port counts.
    pub window: Duration,
}

impl Default for ResponseLimit {
    fn default() -> Self {
        Self { ports_max: 3, window: Duration::from_secs(3600) }
    }
}

impl Sensors {
    /// The sensor of that id that is expected to run.
    #[must_use]
    pub fn expected(&self, id: &str) -> Option<&SensorPlace> {
        self.sensors.iter().find(|sensor| sensor.enabled && sensor.id == id)
    }

    /// What is done about verdicts on devices of an environment.
    #[must_use]
    pub fn response(&self, environment: EnvironmentIndex) -> Option<&Response> {
        self.responses.iter().find(|response| response.environment == environment)
    }
}

/// Reads `config/sensors.toml`, where there is one.
pub(super) fn read(sources: &Sources, sink: &Sink, names: &Names) -> Sensors {
    let Some(octets) = sources.config.get("sensors.toml") else { return Sensors::default() };
    let read = document("config/sensors.toml", octets, sink, |table| {
        let limit = if table.has("limit") {
            table.table("limit", limit)
        } else {
            Some(ResponseLimit::default())
        };
        let servers = table.optional_texts("dhcp_servers").map(Option::unwrap_or_default);
        let servers = servers.and_then(|mut texts| {
            table.at_most("dhcp_servers", &mut texts, DHCP_SERVERS_MAX);
            // Collected first, so that every wrong address is reported.
            let read: Vec<_> = texts.iter().map(|text| address(text, table)).collect();
            read.into_iter().collect::<Option<Vec<_>>>()
        });
        let mut sensors = table.tables("sensor", |sensor| one(sensor, names));
        table.at_most("sensor", &mut sensors, SENSORS_MAX);
        let ids: Vec<_> = sensors.iter().map(|(id, _)| id.clone()).collect();
        distinct(&ids, table.sink());
        let responses = table.tables("response", |response| ladder(response, names));
        let named: Vec<_> = responses.iter().map(|(environment, _)| environment.clone()).collect();
        distinct(&named, table.sink());
        Some(Sensors {
            sensors: sensors.into_iter().map(|(_, sensor)| sensor).collect(),
            responses: responses.into_iter().map(|(_, response)| response).collect(),
            limit: limit?,
            dhcp_servers: servers?,
        })
    });
    read.unwrap_or_default()
}

fn limit(table: &Table<'_>) -> Option<ResponseLimit> {
    let ports_max = table.number("ports_max", PORTS);
    let window = table.number::<u64>("window_minutes", MINUTES);
    Some(ResponseLimit { ports_max: ports_max?, window: Duration::from_secs(window? * 60) })
}

fn one(table: &Table<'_>, names: &Names) -> Option<(Located<String>, SensorPlace)> {
    let (id, enabled) = (table.id("id"), table.boolean("enabled"));
    let site = table.text("site");
    let site = site.and_then(|text| resolve(&names.sites, "site", &text, table.sink()));
    let interface = table.text("interface").and_then(|text| interface(&text, table));
    let vantage = table.choice(
        "vantage",
        &[("edge", Vantage::Edge), ("core", Vantage::Core), ("learn", Vantage::Learn)],
    );
    let untagged = table.optional_vlan("untagged_vlan");
    let server = table.text("server").and_then(|text| server(&text, table));
    let silent = table.number::<u64>("silent_minutes", MINUTES);
    let id = id?;
    let sensor = SensorPlace {
        id: id.value.clone(),
        enabled: enabled?,
        site: site?,
        interface: interface?,
        vantage: vantage?,
        untagged: untagged?.map(|vlan| vlan.value),
        server: server?,
        silent_after: Duration::from_secs(silent? * 60),
    };
    Some((id, sensor))
}

fn address(text: &Located<String>, table: &Table<'_>) -> Option<IpAddr> {
    let read = text.value.parse();
    if let Err(cause) = &read {
        let finding = text.finding(FindingKind::BadAddress).fact("value", &text.value);
        table.push(finding.fact("cause", cause));
    }
    read.ok()
}

fn interface(text: &Located<String>, table: &Table<'_>) -> Option<String> {
    let good = text.value.len() <= INTERFACE_OCTETS_MAX
        && text.value.bytes().all(|octet| octet.is_ascii_graphic() && octet != b'/');
    if good && !text.value.is_empty() {
        return Some(text.value.clone());
    }
    table.push(text.finding(FindingKind::SensorInterface).fact("value", &text.value));
    None
}

/// `https://radius.city.example:9813`; in the clear only to this machine itself, since the token
/// would be read on the way.
fn server(text: &Located<String>, table: &Table<'_>) -> Option<Report> {
    let Some((tls, to, _)) = web_address(&text.value).filter(|(.., path)| path == "/") else {
        table.push(text.finding(FindingKind::AlertUrl).fact("value", &text.value));
        return None;
    };
    let own = to.name.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    if !tls && !own {
        table.push(text.finding(FindingKind::SensorInClear).fact("value", &text.value));
        return None;
    }
    Some(Report { tls, to })
}

fn ladder(table: &Table<'_>, names: &Names) -> Option<(Located<String>, Response)> {
    let written = table.text("environment");
    let environment = written
        .as_ref()
        .and_then(|text| resolve(&names.environments, "environment", text, table.sink()));
    let rungs =
        [("alert", Rung::Alert), ("quarantine", Rung::Quarantine), ("port-down", Rung::PortDown)];
    let (first, again) = (table.choice("first", &rungs), table.choice("again", &rungs));
    let hard_only = table.choice("verdicts", &[("hard", true), ("all", false)]);
    let (first, again) = (first?, again?);
    if again < first {
        table.push(table.finding(FindingKind::SensorLadder, "again"));
        return None;
    }
    let response = Response { environment: environment?, first, again, hard_only: hard_only? };
    Some((written?, response))
}
