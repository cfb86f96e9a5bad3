//! One expression of a rule, as far as it is understood.

use std::net::IpAddr;

use serde_json::Value;

use super::ruleset::{Sets, Verdict};
use super::{ESTABLISHED, INVALID, NEW, RELATED, UNTRACKED};
use crate::proof::{Header, IPV4, MACS, Span, address, addresses, others, subtract};
use crate::render::permitted::{PORTED, number};
use crate::vocabulary::Mac;

/// An expression.
#[derive(Debug)]
pub(super) enum Part {
    /// It asks something of the packet.
    Match(Match),
    /// It ends the rule.
    Verdict(Verdict),
    /// It only counts or logs.
    Nothing,
}

/// What an expression asks.
#[derive(Debug)]
pub(super) enum Match {
    /// The packet is in one of these boxes.
    Headers(Vec<Header>),
    /// It came in by (or goes out by) one of these interfaces, or by none of them.
    Interface { input: bool, names: Vec<String>, equal: bool },
}

impl Match {
    /// The interfaces it names.
    pub(super) fn interface_names(&self) -> impl Iterator<Item = &str> {
        let names = match self {
            Self::Interface { names, .. } => names.as_slice(),
            Self::Headers(_) => &[],
        };
        names.iter().map(String::as_str)
    }
}

/// Protocols as nft prints them (`/etc/protocols`).
const PROTOCOLS: &[(&str, u8)] = &[
    ("icmp", 1),
    ("igmp", 2),
    ("tcp", 6),
    ("udp", 17),
    ("dccp", 33),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("icmpv6", 58),
    ("ipv6-icmp", 58),
    ("ospf", 89),
    ("vrrp", 112),
    ("sctp", 132),
    ("udplite", 136),
];

/// Reads an expression of a rule; `None` when it is not understood.
pub(super) fn read(
    expression: &Value,
    sets: &Sets<'_>,
    scope: (&str, &str),
    before: &[Match],
) -> Option<Part> {
    let object = expression.as_object()?;
    let (kind, inner) = object.iter().next().filter(|_| object.len() == 1)?;
    let target = || inner.get("target").and_then(Value::as_str).map(str::to_owned);
    let verdict = |verdict| Some(Part::Verdict(verdict));
    match kind.as_str() {
        "counter" | "log" => Some(Part::Nothing),
        "accept" => verdict(Verdict::Accept),
        "drop" | "reject" => verdict(Verdict::Drop),
        "return" => verdict(Verdict::Return),
        "jump" => verdict(Verdict::Jump(target()?)),
        "goto" => verdict(Verdict::Goto(target()?)),
        "match" => question(inner, sets, scope, before).map(Part::Match),
        _ => None,
    }
}

fn question(
    inner: &Value,
    sets: &Sets<'_>,
    scope: (&str, &str),
    before: &[Match],
) -> Option<Match> {
    let op = inner.get("op")?.as_str()?;
    let left = inner.get("left")?.as_object()?;
    let (kind, what) = left.iter().next().filter(|_| left.len() == 1)?;
    let values = values(inner.get("right")?, sets, scope)?;
    let text = |key: &str| what.get(key).and_then(Value::as_str);
    // A direction of a connection would be another question.
    if kind == "ct" && what.get("dir").is_none() && text("key") == Some("state") {
        return states(op, &values).map(Match::Headers);
    }
    let equal = match op {
        "==" => true,
        "!=" => false,
        _ => return None,
    };
    // A list that is no set means bits.
    if matches!(inner.get("right"), Some(Value::Array(_))) {
        return None;
    }
    match (kind.as_str(), text("protocol"), text("field").or_else(|| text("key"))?) {
        ("meta", None, key @ ("iifname" | "oifname" | "iif" | "oif")) => {
            let name = |value: &Value| value.as_str().map(str::to_owned);
            let names = values.iter().map(name).collect::<Option<Vec<_>>>()?;
            Some(Match::Interface { input: key.starts_with("ii"), names, equal })
        }
        ("meta", None, "l4proto") => headers(equal, &[Header::ALL], protocols(&values)?),
        ("meta", None, "nfproto" | "protocol") => {
            let mut boxes = Vec::new();
            for value in &values {
                boxes.extend(match value.as_str()? {
                    "ipv4" | "ip" => family(true),
                    "ipv6" | "ip6" => family(false),
                    _ => return None,
                });
            }
            headers(equal, &[Header::ALL], boxes)
        }
        ("payload", Some("ip"), "protocol") => headers(equal, &family(true), protocols(&values)?),
        ("payload", Some(ip @ ("ip" | "ip6")), field @ ("saddr" | "daddr")) => {
            let spans = values.iter().map(|value| network(value, ip == "ip"));
            let spans = spans.collect::<Option<Vec<_>>>()?;
            let boxes = spans.into_iter().map(|span| match field {
                "saddr" => Header { from: span, ..Header::ALL },
                _ => Header { to: span, ..Header::ALL },
            });
            headers(equal, &family(ip == "ip"), boxes.collect())
        }
        ("payload", Some("ether"), "saddr") => {
            let mac = |value: &Value| {
                let number = number(Mac::parse(value.as_str()?).ok()?);
                Some(Header { mac: Span::new(number, number), ..Header::ALL })
            };
            let boxes = values.iter().map(mac).collect::<Option<Vec<_>>>()?;
            headers(equal, &[Header { mac: MACS, ..Header::ALL }], boxes)
        }
        ("payload", Some(protocol), field @ ("sport" | "dport")) => {
            let spans = values.iter().map(range).collect::<Option<Vec<_>>>()?;
            let boxes = spans.into_iter().map(|span| match field {
                "sport" => Header { from_port: span, ..Header::ALL },
                _ => Header { to_port: span, ..Header::ALL },
            });
            headers(equal, &ported(protocol, before)?, boxes.collect())
        }
        _ => None,
    }
}

/// The boxes of `whole` that are, or are not, in `boxes`.
fn headers(equal: bool, whole: &[Header], boxes: Vec<Header>) -> Option<Match> {
    let whole: Vec<Header> = whole
        .iter()
        .map(|header| Header { established: Span::new(NEW, UNTRACKED), ..*header })
        .collect();
    let boxes: Vec<Header> = boxes
        .iter()
        .map(|header| Header { established: Span::new(NEW, UNTRACKED), ..*header })
        .collect();
    Some(Match::Headers(if equal {
        let both =
            |one: &Header| boxes.iter().filter_map(|other| one.and(other)).collect::<Vec<_>>();
        whole.iter().flat_map(both).collect()
    } else {
        subtract(whole, &boxes)
    }))
}

/// The boxes in which ports are asked of a protocol. `th` is whatever the rule has asked for
/// before, and that must have ports: in other protocols those octets are something else.
fn ported(protocol: &str, before: &[Match]) -> Option<Vec<Header>> {
    let of = |number: u8| Header { protocol: Span::new(number, number), ..Header::ALL };
    if let Some((number, _)) = PORTED.iter().find(|(_, name)| *name == protocol) {
        return Some(vec![of(*number)]);
    }
    let all: Vec<Header> = PORTED
        .iter()
        .map(|(number, _)| Header { established: Span::new(NEW, UNTRACKED), ..of(*number) })
        .collect();
    let asked = before.iter().any(|one| match one {
        Match::Headers(boxes) => subtract(boxes.clone(), &all).is_empty(),
        Match::Interface { .. } => false,
    });
    (protocol == "th" && asked).then_some(all)
}

fn family(ipv4: bool) -> Vec<Header> {
    if ipv4 { vec![Header { from: IPV4, to: IPV4, ..Header::ALL }] } else { others() }
}

/// The values on the right: one, or those of a set, written there or named.
fn values(right: &Value, sets: &Sets<'_>, scope: (&str, &str)) -> Option<Vec<Value>> {
    let elements = |elements: &Value| match elements {
        Value::Array(several) => several.iter().map(element).collect::<Option<Vec<_>>>(),
        one => element(one).map(|one| vec![one]),
    };
    match right {
        Value::Array(several) => Some(several.clone()),
        Value::Object(object) if object.contains_key("set") => elements(object.get("set")?),
        Value::String(name) if name.starts_with('@') => {
            let set = sets.get(&(scope.0, scope.1, name.get(1..)?))?;
            // What a set may gain by itself is not what it holds now.
            let flags = set.get("flags").map(Value::to_string).unwrap_or_default();
            if flags.contains("dynamic") || flags.contains("timeout") {
                return None;
            }
            set.get("elem").map_or_else(|| Some(Vec::new()), elements)
        }
        one => Some(vec![one.clone()]),
    }
}

/// An element of a set, out of its wrapping with counters and comments. One that expires is not
/// understood.
fn element(value: &Value) -> Option<Value> {
    match value.get("elem") {
        Some(inner) if inner.get("timeout").is_none() && inner.get("expires").is_none() => {
            inner.get("val").cloned()
        }
        Some(_) => None,
        None => Some(value.clone()),
    }
}

fn protocols(values: &[Value]) -> Option<Vec<Header>> {
    let one = |value: &Value| {
        let number = match value {
            Value::String(name) => PROTOCOLS.iter().find(|(own, _)| own == name)?.1,
            value => u8::try_from(value.as_u64()?).ok()?,
        };
        Some(Header { protocol: Span::new(number, number), ..Header::ALL })
    };
    values.iter().map(one).collect()
}

fn network(value: &Value, ipv4: bool) -> Option<Span<u128>> {
    let host = |value: &Value| {
        let host: IpAddr = value.as_str()?.parse().ok()?;
        (host.is_ipv4() == ipv4).then_some(host)
    };
    if let Some(prefix) = value.get("prefix") {
        let length = u8::try_from(prefix.get("len")?.as_u64()?).ok()?;
        let network = ipnetwork::IpNetwork::new(host(prefix.get("addr")?)?, length).ok()?;
        return Some(addresses(network));
    }
    if let Some(range) = value.get("range").and_then(Value::as_array) {
        let [first, last] = range.as_slice() else { return None };
        let (first, last) = (address(host(first)?), address(host(last)?));
        return (first <= last).then(|| Span::new(first, last));
    }
    let one = address(host(value)?);
    Some(Span::new(one, one))
}

fn range(value: &Value) -> Option<Span<u16>> {
    let port = |value: &Value| u16::try_from(value.as_u64()?).ok();
    if let Some(range) = value.get("range").and_then(Value::as_array) {
        let [first, last] = range.as_slice() else { return None };
        let (first, last) = (port(first)?, port(last)?);
        return (first <= last).then(|| Span::new(first, last));
    }
    port(value).map(|port| Span::new(port, port))
}

/// Standings to connections: a packet has exactly one.
fn states(op: &str, values: &[Value]) -> Option<Vec<Header>> {
    let one = |value: &Value| {
        Some(match value.as_str()? {
            "new" => NEW,
            "established" => ESTABLISHED,
            "related" => RELATED,
            "invalid" => INVALID,
            "untracked" => UNTRACKED,
            _ => return None,
        })
    };
    let named = values.iter().map(one).collect::<Option<Vec<u8>>>()?;
    let wanted = |state: &u8| match op {
        "in" | "==" => named.contains(state),
        _ => !named.contains(state),
    };
    // Several bits compared as a whole would be something else.
    if !matches!(op, "in" | "==" | "!=") || (op != "in" && named.len() != 1) {
        return None;
    }
    let all = (NEW..=UNTRACKED).filter(wanted);
    Some(all.map(|state| Header { established: Span::new(state, state), ..Header::ALL }).collect())
}
