//! `config/detections.toml`: whose messages may take a device off the network. Without the file
//! nobody's.
//!
//! The console of an anti-virus product, or any other that finds things, sends syslog. A rule
//! says from where, what such a message looks like, and where in it the device is named.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnetwork::IpNetwork;
use regex::{Regex, RegexBuilder};

use super::finding::Sink;
use super::names::{Names, resolve_all};
use super::read::{Located, Table, distinct, document, to_socket};
use super::{FindingKind, Origin, Sources};
use crate::vocabulary::MarkKind;

/// Listeners of one transport.
const LISTENERS_MAX: usize = 4;
const RULES_MAX: usize = 64;
const SENDERS_MAX: usize = 16;
/// Compiled size of one pattern, in octets: far more than any line of syslog asks for.
const PATTERN_OCTETS_MAX: usize = 262_144;
const MARKS: (i64, i64) = (1, 1000);
const MINUTES: (i64, i64) = (1, 1440);
const HOURS: (i64, i64) = (1, 8760);

/// Names of the groups of a pattern that hold a device.
pub const GROUPS: [&str; 4] = ["mac", "ip", "host", "asset"];

/// What may come from other products' consoles.
#[derive(Clone, Debug, Default)]
pub struct Detections {
    /// Where datagrams arrive (RFC 5426).
    pub udp: Vec<SocketAddr>,
    /// Where streams arrive (RFC 6587).
    pub tcp: Vec<SocketAddr>,
    /// Where streams inside TLS arrive (RFC 5425), from who has a certificate of
    /// `secrets/detection/`.
    pub tls: Vec<SocketAddr>,
    /// Devices that messages may mark within [`Detections::window`]; more wait for a person.
    pub marks_max: usize,
    /// See [`Detections::marks_max`].
    pub window: Duration,
    /// The rules, those switched off included.
    pub rules: Vec<DetectionRule>,
}

/// One kind of message.
#[derive(Clone, Debug)]
pub struct DetectionRule {
    /// The id, unique.
    pub id: String,
    /// Whether it is used at all.
    pub enabled: bool,
    /// Who may send it.
    pub from: Vec<IpNetwork>,
    /// What it looks like, with at least one of [`GROUPS`].
    pub pattern: Regex,
    /// What becomes of the device.
    pub kind: MarkKind,
    /// The environments whose devices it may concern; `None` for all.
    pub environments: Option<Vec<String>>,
    /// For how long; `None` until somebody releases the device.
    pub lasts: Option<Duration>,
    /// The reason written on the mark.
    pub reason: String,
    /// Where it is written.
    pub at: Origin,
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// From an address that no rule knows.
    Foreign,
    /// From a known sender, about nothing that a rule speaks of.
    Other,
    /// A rule speaks of it, and it names this device.
    Names(usize, &'a str),
}

impl Detections {
    /// What a message from `source` is; the first rule that fits speaks.
    #[must_use]
    pub fn read<'a>(&self, source: IpAddr, line: &'a str) -> Message<'a> {
        let source = source.to_canonical();
        let mut known = false;
        for (index, rule) in self.rules.iter().enumerate() {
            if !rule.enabled || !rule.from.iter().any(|network| network.contains(source)) {
                continue;
            }
            known = true;
            if let Some(found) = rule.pattern.captures(line)
                && let Some(device) = GROUPS.iter().find_map(|group| found.name(group))
                && !device.is_empty()
            {
                return Message::Names(index, device.as_str());
            }
        }
        if known { Message::Other } else { Message::Foreign }
    }

    /// Every address that is listened on, with its transport.
    pub fn listeners(&self) -> impl Iterator<Item = (&'static str, SocketAddr)> {
        let all = [("udp", &self.udp), ("tcp", &self.tcp), ("tls", &self.tls)];
        all.into_iter().flat_map(|(name, list)| list.iter().map(move |it| (name, *it)))
    }
}

/// Reads `config/detections.toml`, where there is one.
pub(super) fn read(sources: &Sources, sink: &Sink, names: &Names) -> Detections {
    let Some(octets) = sources.config.get("detections.toml") else { return Detections::default() };
    let read = document("config/detections.toml", octets, sink, |table| {
        let listen = table.table("listen", |listen| {
            let of = |key| listeners(listen, key);
            let (udp, tcp, tls) = (of("udp"), of("tcp"), of("tls"));
            let all: Vec<_> = [&tcp, &tls].into_iter().flatten().flatten().cloned().collect();
            distinct(&all, listen.sink());
            let plain = |read: Option<Vec<Located<SocketAddr>>>| {
                read.map(|all| all.into_iter().map(|each| each.value).collect::<Vec<_>>())
            };
            let marks_max = listen.number("marks_max", MARKS);
            let minutes: Option<u64> = listen.number("window_minutes", MINUTES);
            Some((plain(udp)?, plain(tcp)?, plain(tls)?, marks_max?, minutes?))
        });
        let mut rules = table.tables("rule", |rule| one(rule, names));
        table.at_most("rule", &mut rules, RULES_MAX);
        let ids: Vec<_> = rules.iter().map(|(id, _)| id.clone()).collect();
        distinct(&ids, table.sink());
        let rules: Vec<_> = rules.into_iter().map(|(_, rule)| rule).collect();
        let (udp, tcp, tls, marks_max, minutes) = listen?;
        let window = Duration::from_secs(minutes * 60);
        let detections = Detections { udp, tcp, tls, marks_max, window, rules };
        if let Some(rule) = detections.rules.iter().find(|rule| rule.enabled)
            && detections.listeners().next().is_none()
        {
            let finding =
                super::Finding::new(FindingKind::DetectionDeaf, Some(rule.at.clone()), "listen");
            table.push(finding.fact("rule", &rule.id));
        }
        Some(detections)
    });
    read.unwrap_or_default()
}

fn listeners(table: &Table<'_>, key: &'static str) -> Option<Vec<Located<SocketAddr>>> {
    let mut texts = table.optional_texts(key)?.unwrap_or_default();
    table.at_most(key, &mut texts, LISTENERS_MAX);
    let read: Vec<_> = texts
        .into_iter()
        .map(|text| to_socket(&text, table.sink()).map(|address| text.map(|_| address)))
        .collect();
    read.into_iter().collect()
}

fn one(table: &Table<'_>, names: &Names) -> Option<(Located<String>, DetectionRule)> {
    let (id, enabled) = (table.id("id"), table.boolean("enabled"));
    let from = table.texts("from").and_then(|mut texts| {
        if texts.is_empty() {
            table.push(table.finding(FindingKind::Empty, "from"));
            return None;
        }
        table.at_most("from", &mut texts, SENDERS_MAX);
        let read: Vec<_> = texts.iter().map(|text| table.to_network(text)).collect();
        read.into_iter().collect::<Option<Vec<_>>>()
    });
    let pattern = table.text("pattern").and_then(|text| pattern(&text, table));
    let kinds = [("quarantine", MarkKind::Quarantine), ("refuse", MarkKind::Refuse)];
    let kind = table.choice("action", &kinds);
    let environments = table.optional_texts("environments").and_then(|texts| match texts {
        None => Some(None),
        Some(texts) => {
            let known = resolve_all(&names.environments, "environment", &texts, table.sink());
            known.map(|_| Some(texts.into_iter().map(|text| text.value).collect::<Vec<_>>()))
        }
    });
    let hours = table.optional_integer("hours", HOURS);
    let reason = table.text("reason");
    let id = id?;
    let rule = DetectionRule {
        id: id.value.clone(),
        enabled: enabled?,
        from: from?,
        pattern: pattern?,
        kind: kind?,
        environments: environments?,
        lasts: hours?
            .and_then(|hours| u64::try_from(hours.value).ok())
            .map(|hours| Duration::from_secs(hours * 3600)),
        reason: reason?.value,
        at: table.at(),
    };
    Some((id, rule))
}

fn pattern(text: &Located<String>, table: &Table<'_>) -> Option<Regex> {
    let built = RegexBuilder::new(&text.value).size_limit(PATTERN_OCTETS_MAX).build();
    let pattern = match built {
        Ok(pattern) => pattern,
        Err(cause) => {
            let cause = cause.to_string();
            let cause = cause.lines().last().unwrap_or_default().trim().to_owned();
            let finding = text.finding(FindingKind::DetectionPattern).fact("value", &text.value);
            table.push(finding.fact("cause", cause.trim_start_matches("error: ")));
            return None;
        }
    };
    if pattern.capture_names().flatten().any(|name| GROUPS.contains(&name)) {
        return Some(pattern);
    }
    let finding = text.finding(FindingKind::DetectionNamesNothing);
    table.push(finding.fact("groups", GROUPS.map(|group| format!("(?<{group}>…)")).join(" ")));
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::compile;
    use crate::plan::tests::{NOW, shipped};

    #[test]
    fn the_shipped_rules_find_the_device_and_only_from_their_sender() {
        let mut detections = compile(&shipped(), NOW).plan.unwrap().detections;
        detections.rules.iter_mut().for_each(|rule| rule.enabled = true);
        let cef = "<12>Nov 26 10:00:00 av CEF:0|Example|Console|1|100|Malware detected|8|src=10.3.16.9 act=none";
        let named = "<12>Nov 26 10:00:00 av ウイルスを検出しました。コンピューター名: PC-0012";
        let console: IpAddr = "10.3.8.20".parse().unwrap();
        let at = |id: &str| detections.rules.iter().position(|rule| rule.id == id).unwrap();
        assert_eq!(detections.read(console, cef), Message::Names(at("malware"), "10.3.16.9"));
        let by_name = Message::Names(at("malware-by-name"), "PC-0012");
        assert_eq!(detections.read(console, named), by_name);
        assert_eq!(detections.read("10.3.8.21".parse().unwrap(), cef), Message::Foreign);
        assert_eq!(detections.read("::ffff:10.3.8.20".parse().unwrap(), "CEF:0|x"), Message::Other);
        detections.rules.iter_mut().for_each(|rule| rule.enabled = false);
        assert_eq!(
            detections.read(console, cef),
            Message::Foreign,
            "who is switched off is nobody"
        );
    }
}
