//! `config/flows.toml`: the permitted flows between environments (特定通信), each a full tuple.

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use ipnetwork::IpNetwork;

use super::finding::Sink;
use super::names::{Names, declare, resolve};
use super::packet::{TCP, UDP, hosts_within, ports, protocol};
use super::policy::{days_left, in_order};
use super::read::{Located, Table, document, to_mac};
use super::{Environment, Finding, FindingKind, Origin, Sources};
use crate::vocabulary::{EnvironmentIndex, Mac, Timestamp};

/// Flows of one plan.
const FLOWS_MAX: usize = 10_000;
/// Addresses of one end of a flow.
const ADDRESSES_MAX: usize = 256;
/// When an expiring flow is first warned of, in days.
const WARNING_DAYS: i64 = 30;

/// A flow that may cross from one environment into another: the path is limited by IP and MAC
/// address, the application by protocol and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// The id.
    pub id: String,
    /// Who opens the connection.
    pub from: FlowEnd,
    /// Who answers.
    pub to: FlowEnd,
    /// The protocol's number.
    pub protocol: u8,
    /// The ports that answer; empty for protocols without ports.
    pub ports: Vec<RangeInclusive<u16>>,
    /// What it is for.
    pub purpose: String,
    /// The section that needs it.
    pub owner: String,
    /// Who approved it.
    pub approver: String,
    /// Since when.
    pub approved: Timestamp,
    /// The first instant at which it is no longer approved.
    pub expires: Timestamp,
    /// Where it is written.
    pub at: Origin,
}

impl Flow {
    /// Whether it is approved at `now`.
    #[must_use]
    pub fn in_force(&self, now: Timestamp) -> bool {
        self.approved <= now && now < self.expires
    }
}

/// One end of a permitted flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowEnd {
    /// Its environment.
    pub environment: EnvironmentIndex,
    /// Its addresses, hosts or small networks.
    pub addresses: Vec<IpNetwork>,
    /// The MAC addresses of its machines.
    pub macs: Vec<Mac>,
}

impl FlowEnd {
    /// Whether that address is one of its own.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|network| network.contains(address))
    }
}

/// Reads `config/flows.toml`; without it nothing may cross.
pub(super) fn read(
    sources: &Sources,
    sink: &Sink,
    names: &Names,
    environments: &[Environment],
    now: Timestamp,
) -> Vec<Flow> {
    let Some(octets) = sources.config.get("flows.toml") else { return Vec::new() };
    document("config/flows.toml", octets, sink, |root| {
        let mut drafts = root.tables("flow", |table| flow(table, names, environments, now));
        root.at_most("flow", &mut drafts, FLOWS_MAX);
        let mut ids = HashMap::new();
        drafts.retain(|(id, _)| declare(&mut ids, id, Some(()), sink));
        Some(drafts.into_iter().map(|(_, flow)| flow).collect())
    })
    .unwrap_or_default()
}

fn flow(
    table: &Table<'_>,
    names: &Names,
    environments: &[Environment],
    now: Timestamp,
) -> Option<(Located<String>, Flow)> {
    let id = table.id("id");
    let from = table.table("from", |table| end(table, names, environments));
    let to = table.table("to", |table| end(table, names, environments));
    let number = table.text("protocol").and_then(|text| protocol(&text, table));
    let range = ports(table, "ports");
    let (purpose, owner, approver) =
        (table.text("purpose"), table.text("owner"), table.text("approver"));
    let approved = table.time("approved", Timestamp::parse);
    let expires = table.time("expires", Timestamp::parse_end);
    let (id, approved, expires) = (id?, approved?, expires?);
    dates(&id, &approved, &expires, now, table.sink());
    let flow = Flow {
        id: id.value.clone(),
        from: from?,
        to: to?,
        protocol: number?,
        ports: range?,
        purpose: purpose?.value,
        owner: owner?.value,
        approver: approver?.value,
        approved: approved.value,
        expires: expires.value,
        at: id.at.clone(),
    };
    if flow.from.environment == flow.to.environment {
        table.push(id.finding(FindingKind::FlowStays).fact("flow", &flow.id));
    }
    if !flow.ports.is_empty() && !matches!(flow.protocol, TCP | UDP) {
        table.push(table.finding(FindingKind::PortsWithoutProtocol, "protocol"));
    }
    let speaks = |end: &FlowEnd, four| end.addresses.iter().any(|it| it.is_ipv4() == four);
    if ![true, false].iter().any(|four| speaks(&flow.from, *four) && speaks(&flow.to, *four)) {
        table.push(id.finding(FindingKind::FlowFamilies).fact("flow", &flow.id));
    }
    Some((id, flow))
}

fn dates(
    id: &Located<String>,
    approved: &Located<Timestamp>,
    expires: &Located<Timestamp>,
    now: Timestamp,
    sink: &Sink,
) {
    in_order(approved, expires, sink);
    let push = |at: &Located<Timestamp>, kind, add: &dyn Fn(Finding) -> Finding| {
        sink.push(add(at.finding(kind).fact("flow", &id.value)));
    };
    if now < approved.value {
        push(approved, FindingKind::FlowNotYet, &|it| it.day("from", approved.value));
    }
    let days = days_left(now, expires.value);
    if days <= 0 {
        push(expires, FindingKind::FlowExpired, &|it| it.day("until", expires.value.just_before()));
    } else if days <= WARNING_DAYS {
        push(expires, FindingKind::FlowExpiring, &|it| it.fact("days", days));
    }
}

fn end(table: &Table<'_>, names: &Names, environments: &[Environment]) -> Option<FlowEnd> {
    let environment = table.text("environment");
    let environment = environment
        .and_then(|text| resolve(&names.environments, "environment", &text, table.sink()));
    let within = environment.and_then(|index| environments.get(usize::from(index.0)));
    let addresses = table.texts("ip").and_then(|mut texts| {
        table.at_most("ip", &mut texts, ADDRESSES_MAX);
        hosts_within(table, &texts, within)
    });
    let macs = table.texts("mac").and_then(|mut texts| {
        if texts.is_empty() {
            table.push(table.finding(FindingKind::Empty, "mac"));
        }
        table.at_most("mac", &mut texts, ADDRESSES_MAX);
        let found: Vec<_> = texts.iter().map(|text| to_mac(text, table.sink())).collect();
        found.into_iter().collect::<Option<Vec<_>>>()
    });
    Some(FlowEnd { environment: environment?, addresses: addresses?, macs: macs? })
}
