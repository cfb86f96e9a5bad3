//! `config/alerts.toml`: who is alerted, how and of what. Without the file alerts are log lines,
//! metrics and evidence alone.
//!
//! Tokens and passwords are never written there, only that there is one: it is
//! `secrets/alert/ID.token` or `ID.password`, and the authority that a TLS receiver is proven by
//! is `secrets/alert/ID.pem`.

use std::time::Duration;

use super::finding::Sink;
use super::names::{Names, resolve_all};
use super::read::{Located, Table, distinct, document};
use super::{FindingKind, Origin, Sources};
use crate::vocabulary::{AlertKind, AlertSeverity, Language};

/// Receivers of one node.
const SINKS_MAX: usize = 16;
/// Addressees of one receiver.
const ADDRESSEES_MAX: usize = 32;
const MINUTES: (i64, i64) = (1, 1440);
/// RFC 5424 §6.2.1.
const FACILITIES: (i64, i64) = (0, 23);
/// The number that examples use (RFC 5612), until the city has its own.
const ENTERPRISE_EXAMPLE: u32 = 32_473;
const ENTERPRISES: (i64, i64) = (1, 4_294_967_295);
/// Security and authorisation messages (RFC 5424 §6.2.1).
const FACILITY: u8 = 10;

/// What is alerted, and to whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alerts {
    /// What is too much.
    pub watch: Watch,
    /// The receivers, those switched off included.
    pub sinks: Vec<AlertSink>,
}

/// From when on something is alerted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// How long alerts of the same kind and subject are counted instead of sent.
    pub window: Duration,
    /// Refusals of one device within [`Watch::refusals_within`].
    pub refusals: u32,
    /// See [`Watch::refusals`].
    pub refusals_within: Duration,
    /// Within how long one address in two places is too quick a walk.
    pub two_places_within: Duration,
    /// How long a switch may be silent at least.
    pub silent_after: Duration,
}

impl Default for Watch {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        Self {
            window: minutes(10),
            refusals: 5,
            refusals_within: minutes(10),
            two_places_within: minutes(5),
            silent_after: minutes(15),
        }
    }
}

/// A receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertSink {
    /// The id, unique.
    pub id: String,
    /// Whether it is used at all.
    pub enabled: bool,
    /// Where and how.
    pub means: Means,
    /// The least that is sent.
    pub minimum: AlertSeverity,
    /// What is sent; `None` for everything.
    pub kinds: Option<Vec<AlertKind>>,
    /// The environments whose alerts may go there; `None` for a receiver inside, which gets all.
    pub environments: Option<Vec<String>>,
    /// Whether alerts that concern no environment, such as a full disk, go there.
    pub system: bool,
    /// The language of texts.
    pub language: Language,
    /// Where it is written.
    pub at: Origin,
}

/// Where and how alerts are delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Means {
    /// A collector of syslog.
    Syslog {
        /// UDP (RFC 5426), TCP (RFC 6587) or TLS (RFC 5425).
        transport: Transport,
        /// The collector.
        to: Host,
        /// What a message looks like.
        shape: Shape,
        /// 0 to 23.
        facility: u8,
        /// The enterprise number of our structured data (RFC 5424 §7.2.2).
        enterprise: u32,
        /// Whether the text begins with a byte order mark, as RFC 5424 §6.4 wants.
        bom: bool,
    },
    /// An HTTP server that takes JSON by POST.
    Webhook {
        /// Whether over TLS.
        tls: bool,
        /// The server.
        to: Host,
        /// Path and query, beginning with `/`.
        path: String,
        /// Whether a bearer token is sent.
        token: bool,
    },
    /// A mail server.
    Mail {
        /// The server.
        to: Host,
        /// How the connection is protected.
        security: MailSecurity,
        /// The account, whose password is a secret; empty for none.
        user: String,
        /// The sender's address.
        from: String,
        /// The addressees.
        addressees: Vec<String>,
    },
}

impl Means {
    /// Whether the receiver is proven by a certificate.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        match self {
            Self::Syslog { transport, .. } => *transport == Transport::Tls,
            Self::Webhook { tls, .. } => *tls,
            Self::Mail { security, .. } => *security != MailSecurity::None,
        }
    }

    /// The ending of the file that holds its token or password, where it needs one.
    #[must_use]
    pub fn secret(&self) -> Option<&'static str> {
        match self {
            Self::Webhook { token: true, .. } => Some("token"),
            Self::Mail { user, .. } if !user.is_empty() => Some("password"),
            Self::Syslog { .. } | Self::Webhook { .. } | Self::Mail { .. } => None,
        }
    }
}

/// A machine and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Name or address, without brackets.
    pub name: String,
    /// The port.
    pub port: u16,
}

/// How syslog travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A datagram each; nobody is told when one is lost.
    Udp,
    /// Octet counting.
    Tcp,
    /// The same inside TLS.
    Tls,
}

/// What a syslog message looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// RFC 5424 with structured data.
    Rfc5424,
    /// The older style (RFC 3164).
    Bsd,
    /// ArcSight's Common Event Format behind a header of the older style.
    Cef,
}

/// How mail is protected on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailSecurity {
    /// Not at all.
    None,
    /// By STARTTLS (RFC 3207), which is demanded.
    StartTls,
    /// TLS from the beginning (RFC 8314).
    Tls,
}

/// Reads `config/alerts.toml`, where there is one.
pub(super) fn read(sources: &Sources, sink: &Sink, names: &Names) -> Alerts {
    let Some(octets) = sources.config.get("alerts.toml") else { return Alerts::default() };
    let read = document("config/alerts.toml", octets, sink, |table| {
        let watched =
            if table.has("watch") { table.table("watch", watch) } else { Some(Watch::default()) };
        let mut sinks = table.tables("sink", |sink| one(sink, names));
        table.at_most("sink", &mut sinks, SINKS_MAX);
        let ids: Vec<_> = sinks.iter().map(|(id, _)| id.clone()).collect();
        distinct(&ids, table.sink());
        let sinks = sinks.into_iter().map(|(_, sink)| sink).collect();
        Some(Alerts { watch: watched?, sinks })
    });
    read.unwrap_or_default()
}

fn watch(table: &Table<'_>) -> Option<Watch> {
    let minutes = |key| table.number::<u64>(key, MINUTES).map(|it| Duration::from_secs(it * 60));
    let (window, refusals_within) = (minutes("window_minutes"), minutes("refusals_minutes"));
    let refusals = table.number("refusals", (2, 10_000));
    let two_places_within = minutes("two_places_minutes");
    let silent_after = minutes("silent_minutes");
    Some(Watch {
        window: window?,
        refusals: refusals?,
        refusals_within: refusals_within?,
        two_places_within: two_places_within?,
        silent_after: silent_after?,
    })
}

type Read = fn(&Table<'_>) -> Option<Means>;

fn one(table: &Table<'_>, names: &Names) -> Option<(Located<String>, AlertSink)> {
    let (id, enabled) = (table.id("id"), table.boolean("enabled"));
    let readers: &[(&str, Read)] = &[("syslog", syslog), ("webhook", webhook), ("mail", mail)];
    let means = table.choice("kind", readers).and_then(|read| read(table));
    let minimum = table.choice("minimum", AlertSeverity::CHOICES);
    let kinds = table.optional_texts("alerts").and_then(|texts| match texts {
        None => Some(None),
        Some(texts) => {
            let all: Vec<_> = AlertKind::ALL.iter().map(|kind| (kind.id(), *kind)).collect();
            table.choose_all(&texts, &all).map(Some)
        }
    });
    let environments = table.optional_texts("environments").and_then(|texts| match texts {
        None => Some(None),
        Some(texts) => {
            let known = resolve_all(&names.environments, "environment", &texts, table.sink());
            known.map(|_| Some(texts.into_iter().map(|text| text.value).collect::<Vec<_>>()))
        }
    });
    // A receiver of some environments is outside of the others unless it says more.
    let system = table.optional_flag("system");
    let languages = [("ja", Language::Japanese), ("en", Language::English)];
    let language = table.choice("language", &languages);
    let (id, environments) = (id?, environments?);
    let system = system?.unwrap_or(environments.is_none());
    let sink = AlertSink {
        id: id.value.clone(),
        enabled: enabled?,
        means: means?,
        minimum: minimum?,
        kinds: kinds?,
        environments,
        system,
        language: language?,
        at: table.at(),
    };
    if sink.means.secret().is_some() && !sink.means.is_tls() {
        table.push(table.finding(FindingKind::AlertSecretInClear, "kind"));
        return None;
    }
    Some((id, sink))
}

fn syslog(table: &Table<'_>) -> Option<Means> {
    let transport = table.choice(
        "transport",
        &[("udp", Transport::Udp), ("tcp", Transport::Tcp), ("tls", Transport::Tls)],
    );
    let to = table.text("address").and_then(|text| host(&text, table));
    let shape = table
        .choice("format", &[("rfc5424", Shape::Rfc5424), ("bsd", Shape::Bsd), ("cef", Shape::Cef)]);
    let facility = table.optional_integer("facility", FACILITIES);
    let enterprise = table.optional_integer("enterprise", ENTERPRISES);
    let bom = table.optional_flag("bom");
    Some(Means::Syslog {
        transport: transport?,
        to: to?,
        shape: shape?,
        facility: facility?.map_or(Some(FACILITY), |it| u8::try_from(it.value).ok())?,
        enterprise: enterprise?
            .map_or(Some(ENTERPRISE_EXAMPLE), |it| u32::try_from(it.value).ok())?,
        bom: bom?.unwrap_or(true),
    })
}

fn webhook(table: &Table<'_>) -> Option<Means> {
    let url = table.text("url").and_then(|text| {
        let read = web_address(&text.value);
        if read.is_none() {
            table.push(text.finding(FindingKind::AlertUrl).fact("value", &text.value));
        }
        read
    });
    let token = table.boolean("token");
    let (tls, to, path) = url?;
    Some(Means::Webhook { tls, to, path, token: token? })
}

/// `https://collector.example:8443/hook`; printable ASCII, without user, password or fragment.
pub(super) fn web_address(text: &str) -> Option<(bool, Host, String)> {
    let (tls, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (None, rest) => (false, rest?),
    };
    if !rest.bytes().all(|octet| octet.is_ascii_graphic()) || rest.contains(['@', '#']) {
        return None;
    }
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at_checked(at)?,
        None => (rest, "/"),
    };
    let port = if tls { 443 } else { 80 };
    Some((tls, read_host(authority, Some(port))?, path.to_owned()))
}

fn mail(table: &Table<'_>) -> Option<Means> {
    let to = table.text("address").and_then(|text| host(&text, table));
    let security = table.choice(
        "security",
        &[
            ("none", MailSecurity::None),
            ("starttls", MailSecurity::StartTls),
            ("tls", MailSecurity::Tls),
        ],
    );
    let user = table.optional_text("user");
    let from = table.text("from").and_then(|text| mailbox(&text, table));
    let mut addressees = table.texts("to")?;
    if addressees.is_empty() {
        table.push(table.finding(FindingKind::Empty, "to"));
        return None;
    }
    table.at_most("to", &mut addressees, ADDRESSEES_MAX);
    let read: Vec<_> = addressees.iter().map(|text| mailbox(text, table)).collect();
    Some(Means::Mail {
        to: to?,
        security: security?,
        user: user?.map(|user| user.value).unwrap_or_default(),
        from: from?,
        addressees: read.into_iter().collect::<Option<_>>()?,
    })
}

/// An address that can be written between angle brackets as it is.
fn mailbox(text: &Located<String>, table: &Table<'_>) -> Option<String> {
    let plain = |part: &str| {
        let known = |octet: u8| octet.is_ascii_alphanumeric() || b".-_+=".contains(&octet);
        !part.is_empty() && part.bytes().all(known)
    };
    let good = text.value.split_once('@').is_some_and(|(name, host)| plain(name) && plain(host));
    if good {
        return Some(text.value.clone());
    }
    table.push(text.finding(FindingKind::AlertMailbox).fact("value", &text.value));
    None
}

fn host(text: &Located<String>, table: &Table<'_>) -> Option<Host> {
    let read = read_host(&text.value, None);
    if read.is_none() {
        table.push(text.finding(FindingKind::AlertHost).fact("value", &text.value));
    }
    read
}

/// `name:port`, `10.1.0.9:514`, `[fd00::9]:514`.
fn read_host(text: &str, port: Option<u16>) -> Option<Host> {
    let (name, rest) = match text.strip_prefix('[') {
        Some(inner) => {
            let (name, rest) = inner.split_once(']')?;
            name.parse::<std::net::Ipv6Addr>().ok()?;
            (name, rest)
        }
        None => match text.find(':') {
            Some(at) => text.split_at_checked(at)?,
            None => (text, ""),
        },
    };
    let port = match rest.strip_prefix(':') {
        Some(number) => number.parse().ok().filter(|port| *port > 0)?,
        None if rest.is_empty() => port?,
        None => return None,
    };
    // A receiver over TLS is proven by this name, so it must be one that certificates have.
    rustls::pki_types::ServerName::try_from(name).ok()?;
    Some(Host { name: name.to_owned(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_urls_are_read_as_people_write_them() {
        let host = |text: &str| read_host(text, None).map(|it| (it.name, it.port));
        assert_eq!(host("10.1.0.9:514"), Some(("10.1.0.9".into(), 514)));
        assert_eq!(host("[fd00::9]:6514"), Some(("fd00::9".into(), 6514)));
        assert_eq!(host("log.city.example:1"), Some(("log.city.example".into(), 1)));
        for wrong in ["", ":514", "a b:1", "host", "host:0", "host:70000", "[zz]:1", "fd00::9:514"]
        {
            assert_eq!(host(wrong), None, "{wrong}");
        }
        let (tls, to, path) = web_address("https://hook.example/a?b=c").unwrap();
        assert!(tls && to.port == 443 && path == "/a?b=c");
        assert_eq!(web_address("http://hook.example:8080").unwrap().2, "/");
        for wrong in ["ftp://a/", "https://u:p@a/", "https:///a", "http://a/ b", "http://a/#f"] {
            assert_eq!(web_address(wrong), None, "{wrong}");
        }
    }
}
