//! A gateway's rules as nftables reads them (`nft -f`).

use std::fmt::Write as _;
use std::ops::RangeInclusive;

use ipnetwork::IpNetwork;

use super::interfaces::Interfaces;
use super::permitted::{Home, PORTED, Passage, family, homes, passages};
use super::short_hash;
use crate::plan::{Flow, Gateway, Plan};
use crate::vocabulary::{Timestamp, VlanId};

/// Writes the rules of a gateway that permits just the flows in force at `now`. The same plan
/// gives the same octets as long as the same flows are in force.
#[must_use]
pub fn gateway(plan: &Plan, gateway: &Gateway, interfaces: &Interfaces, now: Timestamp) -> String {
    let table = table_name(&gateway.id);
    let mut text = String::new();
    let mut line = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    line("#!/usr/sbin/nft -f");
    line("# sekisho render gateway が書いたもの。手で変えず、計画を変えて書き直すこと。");
    line("# Written by sekisho render gateway; change the plan, not this file.");
    line(&format!("# gateway {}, plan {}", gateway.id, short_hash(plan)));
    line("");
    line("# 何度読み込んでも同じ結果になる。 Loading it again replaces the table whole.");
    line(&format!("table inet {table}"));
    line(&format!("delete table inet {table}"));
    line(&format!("table inet {table} {{"));
    line("\tchain forward {");
    line("\t\ttype filter hook forward priority filter; policy drop;");
    line("\t\tct state invalid,untracked counter drop");
    line("\t\tct state established,related accept");
    for home in homes(plan, gateway) {
        line("");
        let id = &home.environment.id;
        line(&format!("\t\t# 環境 {id} の中。 Within environment {id}."));
        for rule in inside(&home, interfaces) {
            line(&rule);
        }
    }
    line("");
    line("\t\t# 特定通信。 Permitted flows.");
    for flow in &plan.permitted {
        if !flow.in_force(now) {
            line(&format!("\t\t# {}: 承認の期間外。 Not in force.", flow.id));
            continue;
        }
        for passage in passages(plan, gateway, flow) {
            line(&rule(&passage, interfaces));
        }
    }
    line("");
    line("\t\tcounter drop comment \"nothing else\"");
    line("\t}");
    line("}");
    text
}

/// The name of a gateway's table.
fn table_name(id: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    format!("sekisho_{}", id.chars().map(plain).collect::<String>())
}

fn inside(home: &Home<'_>, interfaces: &Interfaces) -> Vec<String> {
    let names = interface_set(&home.vlans, interfaces);
    let mut rules = Vec::new();
    for (ipv4, ip) in [(true, "ip"), (false, "ip6")] {
        let prefixes = family(&home.environment.prefixes, ipv4);
        if !prefixes.is_empty() {
            let set = network_set(&prefixes);
            let comment = comment(&format!("within {}", home.environment.id));
            rules.push(format!(
                "\t\tiifname {names} oifname {names} {ip} saddr {set} {ip} daddr {set} counter accept{comment}",
            ));
        }
    }
    rules
}

fn rule(passage: &Passage<'_>, interfaces: &Interfaces) -> String {
    let flow = passage.flow;
    let ip = if passage.from.iter().any(IpNetwork::is_ipv4) { "ip" } else { "ip6" };
    let mut rule = format!(
        "\t\tiifname \"{}\" oifname {} {ip} saddr {} {ip} daddr {}",
        interfaces.name(passage.input),
        interface_set(&passage.outputs, interfaces),
        network_set(&passage.from),
        network_set(&passage.to),
    );
    if let Some(macs) = passage.macs {
        let mut macs: Vec<String> =
            macs.iter().map(|mac| mac.to_string().to_lowercase().replace('-', ":")).collect();
        macs.sort();
        macs.dedup();
        let _ = write!(rule, " ether saddr {}", set(&macs)); // OK because a String takes all
    }
    let _ = write!(rule, " {}", protocol(flow)); // OK as above
    rule.push_str(" counter accept");
    rule.push_str(&comment(&flow.id));
    rule
}

fn protocol(flow: &Flow) -> String {
    let name = PORTED.iter().find(|(number, _)| *number == flow.protocol);
    match name {
        Some((_, name)) if !flow.ports.is_empty() => {
            format!("{name} dport {}", set(&merged(&flow.ports)))
        }
        _ => format!("meta l4proto {}", flow.protocol),
    }
}

/// Port ranges that neither overlap nor touch, as nftables wants them.
fn merged(ranges: &[RangeInclusive<u16>]) -> Vec<String> {
    let mut sorted: Vec<(u16, u16)> =
        ranges.iter().map(|range| (*range.start(), *range.end())).collect();
    sorted.sort_unstable();
    let mut whole: Vec<(u16, u16)> = Vec::new();
    for (first, last) in sorted {
        match whole.last_mut() {
            Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
            _ => whole.push((first, last)),
        }
    }
    let shown = |(first, last): &(u16, u16)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    whole.iter().map(shown).collect()
}

fn interface_set(vlans: &[VlanId], interfaces: &Interfaces) -> String {
    let names: Vec<String> =
        vlans.iter().map(|vlan| format!("\"{}\"", interfaces.name(*vlan))).collect();
    set(&names)
}

fn network_set(networks: &[IpNetwork]) -> String {
    let shown = |network: &IpNetwork| {
        let whole = if network.is_ipv4() { 32 } else { 128 };
        if network.prefix() == whole {
            network.ip().to_string()
        } else {
            format!("{}/{}", network.network(), network.prefix())
        }
    };
    set(&networks.iter().map(shown).collect::<Vec<_>>())
}

/// One value as it is, several in braces.
fn set(values: &[String]) -> String {
    match values {
        [one] => one.clone(),
        several => format!("{{ {} }}", several.join(", ")),
    }
}

/// A comment that no id can end early.
fn comment(text: &str) -> String {
    let plain: String = text.chars().filter(|letter| !matches!(letter, '"' | '\\')).collect();
    format!(" comment \"{plain}\"")
}
