//! `config/server.toml`: this node.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rustls::pki_types::DnsName;

use super::finding::Sink;
use super::read::{Located, Table, distinct, document, to_socket};
use super::sources::required;
use super::{FindingKind, Sources};
use crate::vocabulary::Language;

/// How this node serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The node's name in events and metrics.
    pub node_name: String,
    /// The node's number inside the RADIUS State attribute, so that a second node knows at once
    /// what is not its own.
    pub state_number: u8,
    /// Addresses that answer RADIUS authentication (RFC 2865).
    pub authentication: Vec<SocketAddr>,
    /// Addresses that take accounts (RFC 2866); empty where none are wanted.
    pub accounting: Vec<SocketAddr>,
    /// Days that evidence is kept; `None` for ever.
    pub evidence_days: Option<u32>,
    /// Worker threads.
    pub workers: u8,
    /// Largest RADIUS datagram sent, in octets.
    pub datagram_octets_max: u16,
    /// Address of the metrics endpoint; `None` leaves it off.
    pub metrics_listen: Option<SocketAddr>,
    /// Address of the HTTP API; `None` leaves it off. TLS unless it is on loopback.
    pub api_listen: Option<SocketAddr>,
    /// EAP settings.
    pub eap: EapSettings,
    /// Language of logs.
    pub language: Language,
    /// When switches are asked for their tables, and where traps arrive.
    pub survey: Survey,
    /// What the machine's clock is compared with.
    pub clock: Timeservers,
    /// Ports whose sessions are moved or cut at once; what concerns more waits for a person.
    pub enforce_ports_max: u16,
}

/// Settings of the EAP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EapSettings {
    /// The name in the server's certificate, which supplicants are configured to expect.
    pub server_name: String,
    /// Conversations at once on the node.
    pub conversations_max: u32,
    /// Conversations at once behind one port.
    pub conversations_per_port_max: u16,
    /// How long a conversation may last.
    pub conversation_timeout: Duration,
    /// How long a TLS session can be resumed; `None` switches resumption off.
    pub session_lifetime: Option<Duration>,
}

/// When switches are asked for their tables (where their profile says how).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// From one whole sweep of a switch to the next.
    pub sweep: Duration,
    /// From one look for changes to the next.
    pub hint: Duration,
    /// How long a switch keeps an address it no longer hears.
    pub ageing: Duration,
    /// Where traps and informs arrive; `None` leaves that off.
    pub traps: Option<SocketAddr>,
}

impl Default for Survey {
    fn default() -> Self {
        let [sweep, hint, ageing] = SURVEY_DEFAULT_S.map(Duration::from_secs);
        Self { sweep, hint, ageing, traps: None }
    }
}

/// The city's time servers, with which the machine's clock is compared. It is never set by them:
/// that is the work of the machine's own NTP client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeservers {
    /// Where they answer NTP (RFC 5905); empty where nothing is compared.
    pub servers: Vec<SocketAddr>,
    /// How far the clock may be off.
    pub offset_max: Duration,
}

impl Default for Timeservers {
    fn default() -> Self {
        Self { servers: Vec::new(), offset_max: Duration::from_secs(1) }
    }
}

/// RADIUS listeners on one node.
const LISTENERS_MAX: usize = 16;
const CONVERSATIONS_MAX: i64 = 1_000_000;
const CONVERSATIONS_PER_PORT_MAX: i64 = 1024;
/// Longer than a supplicant takes in the field, shorter than an attacker would like.
const CONVERSATION_TIMEOUT_S: (i64, i64) = (5, 600);
const SESSION_LIFETIME_H: (i64, i64) = (0, 168);
/// 0 for ever; at most thirty years.
const KEEP_DAYS: (i64, i64) = (0, 10_957);
const HOUR_S: u64 = 3600;
/// Of a sweep, a look for changes, and ageing (IEEE 802.1Q §8.8.3 recommends 300 s).
const SURVEY_DEFAULT_S: [u64; 3] = [300, 45, 300];
const SWEEP_S: (i64, i64) = (10, 3600);
const HINT_S: (i64, i64) = (2, 600);
const AGEING_S: (i64, i64) = (1, 3600);
/// More time servers than that tell nothing more (RFC 8633 §3.2 recommends four).
const TIMESERVERS_MAX: usize = 8;
const OFFSET_MAX_MS: (i64, i64) = (10, 60_000);
const ENFORCE_PORTS_MAX: (i64, i64) = (1, 10_000);
/// A department's worth: enough for any incident, too few to empty a building by a slip.
const ENFORCE_PORTS_DEFAULT: u16 = 20;

/// Reads `config/server.toml`.
pub(super) fn read(sources: &Sources, sink: &Sink) -> Option<Server> {
    let octets = required(&sources.config, "config", "server.toml", sink)?;
    document("config/server.toml", octets, sink, |table| {
        let node = table.table("node", |node| {
            let name = node.id("name");
            let state_number = node.number("state_number", (1, 255));
            Some((name?.value, state_number?))
        });
        let radius = table.table("radius", |radius| {
            let authentication = addresses(radius, "authentication", LISTENERS_MAX);
            let accounting = if radius.has("accounting") {
                addresses(radius, "accounting", LISTENERS_MAX)
            } else {
                Some(Vec::new())
            };
            let workers = radius.number("workers", (1, 64));
            let octets_max = radius.number("datagram_octets_max", (576, 4096));
            let (authentication, accounting) = (authentication?, accounting?);
            let both = accounting.iter().find(|address| authentication.contains(address));
            if let Some(address) = both.filter(|address| address.port() != 0) {
                let finding = radius.finding(FindingKind::Duplicate, "accounting");
                radius.push(finding.fact("value", address).fact("other", "authentication"));
            }
            Some((authentication, accounting, workers?, octets_max?))
        });
        let evidence_days = if table.has("evidence") {
            table.table("evidence", |evidence| {
                evidence
                    .number("keep_days", KEEP_DAYS)
                    .map(|days: u32| Some(days).filter(|it| *it > 0))
            })
        } else {
            Some(None)
        };
        let metrics_listen = listener(table, "metrics");
        let api_listen = listener(table, "api");
        if let (Some(Some(metrics)), Some(Some(api))) = (metrics_listen, api_listen)
            && metrics == api
            && api.port() != 0
        {
            let finding = table.finding(FindingKind::Duplicate, "api");
            table.push(finding.fact("value", api).fact("other", "metrics.listen"));
        }
        let eap = table.table("eap", eap);
        let enforce = if table.has("enforce") {
            table.table("enforce", |enforce| enforce.number("ports_max", ENFORCE_PORTS_MAX))
        } else {
            Some(ENFORCE_PORTS_DEFAULT)
        };
        let survey = if table.has("survey") {
            table.table("survey", survey)
        } else {
            Some(Survey::default())
        };
        let clock = if table.has("clock") {
            table.table("clock", clock)
        } else {
            Some(Timeservers::default())
        };
        let language = table.table("language", |language| {
            language.choice("default", &[("ja", Language::Japanese), ("en", Language::English)])
        });
        let (node_name, state_number) = node?;
        let (authentication, accounting, workers, datagram_octets_max) = radius?;
        Some(Server {
            node_name,
            state_number,
            authentication,
            accounting,
            evidence_days: evidence_days?,
            workers,
            datagram_octets_max,
            metrics_listen: metrics_listen?,
            api_listen: api_listen?,
            eap: eap?,
            language: language?,
            survey: survey?,
            clock: clock?,
            enforce_ports_max: enforce?,
        })
    })
}

/// The optional `listen` of an optional table.
#[expect(clippy::option_option, reason = "wrong, absent and there are three things")]
fn listener(table: &Table<'_>, name: &'static str) -> Option<Option<SocketAddr>> {
    if !table.has(name) {
        return Some(None);
    }
    table.table(name, |inner| {
        inner
            .optional_text("listen")?
            .map_or(Some(None), |text| to_socket(&text, inner.sink()).map(Some))
    })
}

fn survey(table: &Table<'_>) -> Option<Survey> {
    let sweep: Option<u64> = table.number("sweep_s", SWEEP_S);
    let hint: Option<u64> = table.number("hint_s", HINT_S);
    let ageing: Option<u64> = table.number("ageing_s", AGEING_S);
    let traps = match table.optional_text("traps")? {
        Some(text) => Some(to_socket(&text, table.sink())?),
        None => None,
    };
    let seconds = Duration::from_secs;
    Some(Survey { sweep: seconds(sweep?), hint: seconds(hint?), ageing: seconds(ageing?), traps })
}

fn clock(table: &Table<'_>) -> Option<Timeservers> {
    let servers = addresses(table, "servers", TIMESERVERS_MAX);
    let offset_max = if table.has("offset_max_ms") {
        table.number("offset_max_ms", OFFSET_MAX_MS).map(Duration::from_millis)
    } else {
        Some(Timeservers::default().offset_max)
    };
    Some(Timeservers { servers: servers?, offset_max: offset_max? })
}

/// At least one address with its port, and none twice.
fn addresses(table: &Table<'_>, key: &'static str, most: usize) -> Option<Vec<SocketAddr>> {
    let mut texts = table.texts(key)?;
    if texts.is_empty() {
        table.push(table.finding(FindingKind::Empty, key));
        return None;
    }
    table.at_most(key, &mut texts, most);
    // Collected first, so that every wrong address is reported.
    let read: Vec<_> = texts
        .into_iter()
        .map(|text| to_socket(&text, table.sink()).map(|address| text.map(|_| address)))
        .collect();
    let read: Vec<_> = read.into_iter().collect::<Option<_>>()?;
    distinct(&read, table.sink());
    Some(read.into_iter().map(|address| address.value).collect())
}

fn eap(eap: &Table<'_>) -> Option<EapSettings> {
    let server_name = eap.text("server_name").and_then(|text| dns_name(&text, eap));
    let conversations_max = eap.number("conversations_max", (1, CONVERSATIONS_MAX));
    let per_port = eap.number("conversations_per_port_max", (1, CONVERSATIONS_PER_PORT_MAX));
    let timeout_s = eap.number("conversation_timeout_s", CONVERSATION_TIMEOUT_S);
    let lifetime_h: Option<u64> = eap.number("session_lifetime_h", SESSION_LIFETIME_H);
    Some(EapSettings {
        server_name: server_name?,
        conversations_max: conversations_max?,
        conversations_per_port_max: per_port?,
        conversation_timeout: Duration::from_secs(timeout_s?),
        session_lifetime: match lifetime_h? {
            0 => None,
            hours => Some(Duration::from_secs(hours * HOUR_S)),
        },
    })
}

/// A DNS name, lower-cased. Supplicants compare it with the names in the certificate, so that
/// neither an address nor a root dot would ever match.
pub(super) fn dns_name(text: &Located<String>, table: &Table<'_>) -> Option<String> {
    let name = text.value.to_ascii_lowercase();
    let address = name.parse::<IpAddr>().is_ok();
    if address || name.ends_with('.') || DnsName::try_from(name.as_str()).is_err() {
        table.push(text.finding(FindingKind::BadDnsName).fact("value", &text.value));
        return None;
    }
    Some(name)
}
