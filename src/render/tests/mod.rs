//! What is rendered for the shipped city, and what of running rules is found to differ.

mod oracle;

use serde_json::{Value, json};

use super::running::{Drift, compare};
use super::*;
use crate::plan::tests::{edit, shipped};
use crate::plan::{Gateway, Plan, Sources, compile};
use crate::vocabulary::{Language, SwitchIndex, Timestamp};

/// 2026-11-24T12:00:00+09:00, when every shipped flow is in force.
pub(super) const NOW: Timestamp = Timestamp(1_795_489_200_000);

pub(super) fn plan_of(sources: &Sources) -> Plan {
    compile(sources, NOW).plan.unwrap()
}

pub(super) fn plan() -> Plan {
    plan_of(&shipped())
}

pub(super) fn gateway_of<'a>(plan: &'a Plan, id: &str) -> &'a Gateway {
    plan.gateways.iter().find(|gateway| gateway.id == id).unwrap()
}

fn rules(plan: &Plan, id: &str, now: Timestamp) -> String {
    let found = gateway_of(plan, id);
    gateway(plan, found, &Interfaces::new(found, &[]).unwrap(), now)
}

fn text_of(plan: &Plan, id: &str) -> String {
    let position = plan.switches.iter().position(|switch| switch.id == id).unwrap();
    switch(plan, SwitchIndex(u16::try_from(position).unwrap())).unwrap()
}

/// What nftables 1.0.6 printed of the rules of `fw-ab`.
fn recorded() -> Value {
    serde_json::from_str(include_str!("fw-ab.json")).unwrap()
}

fn drifts(document: &Value) -> Vec<Drift> {
    let plan = plan();
    let found = gateway_of(&plan, "fw-ab");
    compare(&plan, found, &Interfaces::new(found, &[]).unwrap(), NOW, document)
}

fn said(document: &Value) -> Vec<String> {
    drifts(document).iter().map(|drift| drift.text(Language::English)).collect()
}

/// A rule of the gateway's chain with these expressions, put before the rule at `position`.
fn with_rule(position: usize, expressions: Value) -> Value {
    let mut document = recorded();
    let objects = document["nftables"].as_array_mut().unwrap();
    let mut rule = objects[3].clone();
    rule["rule"]["handle"] = json!(99);
    rule["rule"]["expr"] = expressions;
    objects.insert(3 + position, rule);
    document
}

/// The document without the rule of that comment.
fn without(comment: &str) -> Value {
    let mut document = recorded();
    let objects = document["nftables"].as_array_mut().unwrap();
    objects.retain(|object| object["rule"]["comment"] != comment);
    document
}

#[test]
fn a_gateway_permits_each_flow_by_one_rule() {
    let plan = plan();
    let text = rules(&plan, "fw-bc", NOW);
    let flow = "iifname \"vlan120\" oifname \"vlan130\" ip saddr { 10.2.0.62, 10.2.0.63 } \
                ip daddr { 10.3.0.20, 10.3.0.21 } \
                ether saddr { 00:16:3e:0b:00:62, 00:16:3e:0b:00:63 } tcp dport { 443, 4172 } \
                counter accept comment \"T-010\"";
    assert!(text.contains(flow), "{text}");
    for id in ["T-010", "T-011", "T-020"] {
        assert_eq!(text.matches(id).count(), 1, "{text}");
    }
    assert!(!text.contains("T-001"), "{text}");
    assert_eq!(text, rules(&self::plan(), "fw-bc", NOW), "the same plan gives the same octets");
}

#[test]
fn a_flow_out_of_force_is_a_remark() {
    let mut sources = shipped();
    edit(&mut sources, "config/flows.toml", "expires = \"R9.3.31\"", "expires = \"R8.10.31\"");
    let text = rules(&plan_of(&sources), "fw-ab", NOW);
    assert!(text.contains("# T-001: 承認の期間外。 Not in force."), "{text}");
    assert!(!text.contains("comment \"T-001\""), "{text}");
    let early = rules(&plan(), "fw-ab", Timestamp(0));
    assert_eq!(early.matches("Not in force").count(), 5, "{early}");
}

#[test]
fn a_sender_beyond_a_router_has_no_mac_address_here() {
    let mut sources = shipped();
    edit(
        &mut sources,
        "config/flows.toml",
        "from = { environment = \"A\", ip = [\"10.1.0.50\"]",
        "from = { environment = \"A\", ip = [\"10.1.0.50\", \"10.1.64.50\"]",
    );
    let text = rules(&plan_of(&sources), "fw-ab", NOW);
    assert!(
        text.contains("ip saddr 10.1.0.50 ip daddr 10.2.0.60 ether saddr 00:16:3e:0a:00:50 tcp")
    );
    assert!(text.contains("ip saddr 10.1.64.50 ip daddr 10.2.0.60 tcp dport 443"), "{text}");
}

#[test]
fn only_what_permits_just_the_flows_is_rendered_and_names_must_fit() {
    let plan = plan();
    assert!(Interfaces::new(gateway_of(&plan, "gw-a"), &[]).is_err());
    let found = gateway_of(&plan, "fw-ab");
    let named = |given: &[&str]| {
        let given: Vec<String> = given.iter().map(|text| (*text).to_owned()).collect();
        Interfaces::new(found, &given).is_ok()
    };
    assert!(named(&["110=eth1", "120=eth2.120"]));
    for wrong in ["130=eth1", "110", "110=", "110=a b", "110=v*", "110=\"", "110=sixteen-letters-"]
    {
        assert!(!named(&[wrong]), "{wrong}");
    }
    assert!(!named(&["110=eth1", "120=eth1"]));
    assert!(!named(&["110=vlan120"]));
}

#[test]
fn every_family_of_switches_is_written_and_another_refused() {
    let plan = plan();
    for (id, wanted) in [
        (
            "ken-sw01",
            [
                " authentication host-mode single-host",
                " dot1x pae authenticator",
                " switchport trunk allowed vlan 110,120,130,900,990",
            ],
        ),
        (
            "fuj-sw01",
            [
                " switchport mac vlan 111,121,131,900",
                " dot1x port-control auto",
                " mac-authentication port",
            ],
        ),
        (
            "sei-sw01",
            [
                " auth-mac enable",
                " auth host-mode single-host",
                " switchport trunk native vlan none",
            ],
        ),
    ] {
        let text = text_of(&plan, id);
        for line in wanted {
            assert!(text.lines().any(|own| own == line), "{id} lacks `{line}`:\n{text}");
        }
        assert!(text.is_ascii() && text.contains(" shutdown\n"), "{text}");
        // A remark never stands behind a command.
        assert!(
            text.lines().all(|line| !line.trim_start_matches([' ', '!']).contains(" ! ")),
            "{text}"
        );
        assert!(text.contains("! ") && text.contains("SECRET"), "{text}");
    }
    for (id, wanted, writes) in [
        (
            "ken-sw01",
            [
                "snmp-server group SEKISHO v3 priv read SEKISHO",
                "snmp-server group SEKISHO v3 priv context vlan- match prefix read SEKISHO",
                "! snmp-server user sekisho SEKISHO v3 auth sha-2 256 AUTH priv aes 128 PRIVACY",
            ],
            false,
        ),
        (
            "fuj-sw01",
            [
                "snmp-server view SEKISHO 1.0.8802 included",
                "snmp-server group SEKISHO v3 priv read SEKISHO write SEKISHO-PORTS",
                "! snmp-server user sekisho SEKISHO v3 auth sha AUTH priv aes128 PRIVACY",
            ],
            true,
        ),
        (
            "sei-sw01",
            [
                "snmp-server",
                "snmp-server group SEKISHO priv read SEKISHO write SEKISHO-PORTS",
                "! snmp-server user sekisho SEKISHO auth sha AUTH priv aes PRIVACY",
            ],
            true,
        ),
    ] {
        let text = text_of(&plan, id);
        for line in wanted {
            assert!(text.lines().any(|own| own == line), "{id} lacks `{line}`:\n{text}");
        }
        // Where nothing is bounced nothing may be written, and nowhere more than that.
        let written = "snmp-server view SEKISHO-PORTS 1.3.6.1.2.1.2.2.1.7 included";
        assert_eq!(text.lines().any(|own| own == written), writes, "{text}");
        assert_eq!(text.matches("PORTS").count(), if writes { 2 } else { 0 }, "{text}");
        assert!(!text.contains("snmp-server host"), "no traps are heard: {text}");
    }
    let mut traps = shipped();
    edit(&mut traps, "config/server.toml", "# traps = ", "traps = ");
    let text = text_of(&plan_of(&traps), "fuj-sw01");
    assert!(text.contains("! snmp-server host SERVER traps sekisho version 3 priv snmp"), "{text}");
    let known: Vec<&str> = vec!["Cisco", "ALAXALA", "Allied Telesis"];
    let mut refused = 0;
    for (index, other) in (0..).map(SwitchIndex).zip(&plan.switches) {
        let vendor = &plan.profile_of(index).unwrap().vendor;
        match switch(&plan, index) {
            Ok(_) => assert!(known.contains(&vendor.as_str()), "{}", other.id),
            Err(error) => {
                refused += 1;
                for name in &known {
                    assert!(error.message(Language::English).contains(name));
                }
            }
        }
    }
    assert!(refused > 0);
}

#[test]
fn the_drawing_has_every_switch_link_and_gateway() {
    let plan = plan();
    let text = dot(&plan, Language::English);
    for switch in &plan.switches {
        assert!(text.contains(&format!("\"switch {}\" [", switch.id)));
    }
    for link in &plan.links {
        assert!(text.contains(&format!("tooltip=\"{}\"", link.id)));
    }
    for gateway in &plan.gateways {
        assert!(text.contains(&format!("\"gateway {}\" -- ", gateway.id)), "{}", gateway.id);
    }
    assert!(text.contains("\"gateway fw-ab\" -- \"switch hon-core1\" [color=\"#d55e00:#0072b2\"]"));
    assert_eq!(text.matches('{').count(), text.matches('}').count());
}

#[test]
fn what_was_rendered_is_what_the_plan_permits() {
    assert_eq!(said(&recorded()), Vec::<String>::new());
}

#[test]
fn more_is_found_with_its_rule() {
    let all = said(&with_rule(0, json!([{ "accept": null }])));
    assert!(all.len() == 1 && all[0].contains("permits more") && all[0].contains("handle 99"));
    let one = said(&with_rule(
        2,
        json!([
            { "match": { "op": "==", "left": { "meta": { "key": "iifname" } }, "right": "vlan120" } },
            { "match": { "op": "==", "left": { "payload": { "protocol": "tcp", "field": "dport" } }, "right": 22 } },
            { "accept": null },
        ]),
    ));
    assert!(one.len() == 1 && one[0].contains("→ 22 from vlan120 to vlan110"), "{one:?}");
    // An interface that the plan does not know is no way in either.
    let foreign = said(&with_rule(
        2,
        json!([
            { "match": { "op": "==", "left": { "meta": { "key": "iifname" } }, "right": "wlan*" } },
            { "accept": null },
        ]),
    ));
    assert!(foreign.len() == 1 && foreign[0].contains("wlan…"), "{foreign:?}");
    // A rule behind the one that drops everything changes nothing.
    let rules = recorded()["nftables"].as_array().unwrap().len() - 3;
    assert_eq!(said(&with_rule(rules, json!([{ "accept": null }]))), Vec::<String>::new());
}

#[test]
fn a_wider_source_port_address_or_mac_is_more() {
    for (from, to, sample) in [
        ("\"10.1.0.50\"", "{\"prefix\": {\"addr\": \"10.1.0.48\", \"len\": 30}}", "10.1.0.49 →"),
        ("443", "{\"range\": [443, 444]}", "→ 444"),
        (
            "\"00:16:3e:0a:00:50\"",
            "{\"set\": [\"00:16:3e:0a:00:50\", \"00:16:3e:0a:00:51\"]}",
            "ether 00:16:3e:0a:00:51",
        ),
    ] {
        let text = include_str!("fw-ab.json");
        assert!(text.contains(from));
        let found = said(&serde_json::from_str(&text.replacen(from, to, 1)).unwrap());
        assert!(found.len() == 1 && found[0].contains(sample), "{found:?}");
    }
}

#[test]
fn less_is_found_with_its_flow() {
    let found = said(&without("T-001"));
    assert!(found.len() == 1 && found[0].contains("permits less: flow T-001"), "{found:?}");
    let inside = said(&without("within A"));
    assert!(inside.len() == 1 && inside[0].contains("within environment A"), "{inside:?}");
    let replies = said(&with_rule(
        0,
        json!([
            { "match": { "op": "in", "left": { "ct": { "key": "state" } }, "right": "established" } },
            { "match": { "op": "==", "left": { "payload": { "protocol": "tcp", "field": "sport" } }, "right": 443 } },
            { "drop": null },
        ]),
    ));
    assert!(replies.iter().any(|text| text.contains("flow T-001")), "{replies:?}");
    assert!(replies.iter().all(|text| text.contains("ct state established")), "{replies:?}");
}

#[test]
fn what_is_not_understood_is_said() {
    for expressions in [
        json!([{ "limit": { "rate": 1, "per": "second" } }, { "accept": null }]),
        json!([{ "xt": null }]),
        json!([{ "match": { "op": "==", "left": { "meta": { "key": "mark" } }, "right": 1 } }, { "drop": null }]),
        json!([{ "match": { "op": "==", "left": { "ct": { "key": "state", "dir": "original" } }, "right": "new" } }, { "drop": null }]),
        json!([{ "match": { "op": "<", "left": { "payload": { "protocol": "tcp", "field": "dport" } }, "right": 9 } }, { "drop": null }]),
        json!([{ "match": { "op": "==", "left": { "payload": { "protocol": "th", "field": "dport" } }, "right": 9 } }, { "drop": null }]),
        json!([{ "jump": { "target": "nowhere" } }]),
        json!([{ "vmap": { "key": { "meta": { "key": "iifname" } }, "data": { "set": [] } } }]),
        json!([{ "queue": null }]),
        json!([{ "accept": null }, { "counter": null }]),
    ] {
        let found = drifts(&with_rule(0, expressions.clone()));
        assert!(found.iter().any(|drift| drift.id == "running.not-understood"), "{expressions}");
    }
    // Chains elsewhere on the way, tables with flags, and objects nobody knows.
    for object in [
        json!({ "flowtable": { "family": "inet", "name": "f", "table": "sekisho_fw_ab" } }),
        json!({ "table": { "family": "ip", "name": "x", "handle": 9, "flags": ["dormant"] } }),
        json!({ "chain": { "family": "ip", "table": "x", "name": "p", "handle": 1, "type": "nat", "hook": "prerouting", "prio": -100, "policy": "drop" } }),
    ] {
        let mut document = recorded();
        document["nftables"].as_array_mut().unwrap().push(object.clone());
        let found = drifts(&document);
        assert!(found.iter().any(|drift| drift.id == "running.not-understood"), "{object}");
    }
    let mut document = recorded();
    let objects = document["nftables"].as_array_mut().unwrap();
    objects.push(json!({ "chain": { "family": "ip", "table": "x", "name": "p", "handle": 1, "type": "nat", "hook": "prerouting", "prio": -100, "policy": "accept" } }));
    objects.push(json!({ "rule": { "family": "ip", "table": "x", "chain": "p", "handle": 2, "expr": [{ "accept": null }] } }));
    let found = drifts(&document);
    assert!(
        found.len() == 1 && found[0].text(Language::Japanese).contains("prerouting"),
        "{found:?}"
    );
    for document in [json!(null), json!([]), json!({ "nftables": 1 })] {
        let found: Vec<_> = drifts(&document).iter().map(|drift| drift.id).collect();
        assert_eq!(found, ["running.unreadable"], "{document}");
    }
}

#[test]
fn no_rules_at_all_permit_everything() {
    let found = said(&json!({ "nftables": [] }));
    assert!(
        found.len() == 3 && found.iter().all(|it| it.contains("no rule drops it")),
        "{found:?}"
    );
}

#[test]
fn a_second_chain_at_the_hook_only_takes_away() {
    let mut document = recorded();
    let objects = document["nftables"].as_array_mut().unwrap();
    objects.push(json!({ "chain": { "family": "ip", "table": "x", "name": "f", "handle": 1, "type": "filter", "hook": "forward", "prio": 9, "policy": "accept" } }));
    assert_eq!(said(&document), Vec::<String>::new());
    let objects = document["nftables"].as_array_mut().unwrap();
    objects.push(json!({ "rule": { "family": "ip", "table": "x", "chain": "f", "handle": 2, "expr": [
        { "match": { "op": "==", "left": { "payload": { "protocol": "ip", "field": "saddr" } }, "right": "10.1.0.50" } },
        { "drop": null },
    ] } }));
    let found = said(&document);
    assert!(found.iter().any(|text| text.contains("less: flow T-001")), "{found:?}");
    // The table is one of IPv4: the flow of IPv6 is not touched.
    assert!(found.iter().all(|text| text.contains("less") && !text.contains("T-002")), "{found:?}");
}
