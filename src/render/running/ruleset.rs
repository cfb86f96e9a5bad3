//! The rules as `nft -j list ruleset` prints them (libnftables-json(5)).

use std::collections::HashMap;

use serde_json::Value;

use super::Drift;
use super::expression::{self, Match};
use crate::render::interfaces::Interfaces;

/// Chains and rules that a forwarded packet meets.
#[derive(Debug, Default)]
pub(super) struct Ruleset {
    /// Chains by family, table and name.
    pub(super) chains: HashMap<ChainId, Chain>,
    /// The chains that forwarded packets begin in, in order.
    pub(super) bases: Vec<(ChainId, Base)>,
}

/// Family, table and name of a chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct ChainId {
    pub(super) family: String,
    pub(super) table: String,
    pub(super) name: String,
}

#[derive(Debug, Default)]
pub(super) struct Chain {
    pub(super) rules: Vec<Rule>,
}

/// A chain at the forward hook.
#[derive(Clone, Copy, Debug)]
pub(super) struct Base {
    pub(super) priority: i64,
    pub(super) accept: bool,
}

#[derive(Debug)]
pub(super) struct Rule {
    pub(super) handle: u64,
    pub(super) matches: Vec<Match>,
    pub(super) verdict: Option<Verdict>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Accept,
    Drop,
    Return,
    Jump(String),
    Goto(String),
}

/// Sets by family, table and name.
pub(super) type Sets<'a> = HashMap<(&'a str, &'a str, &'a str), &'a Value>;

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

impl Ruleset {
    /// Reads everything; what is not understood becomes a drift. `None` where there is nothing to
    /// read.
    pub(super) fn read(document: &Value, drifts: &mut Vec<Drift>) -> Option<Self> {
        let mut rules = Self::default();
        let Some(objects) = document.get("nftables").and_then(Value::as_array) else {
            drifts.push(Drift::new(
                "running.unreadable",
                "`nft -j list ruleset` の出力ではありません(\"nftables\" がありません)",
                "this is not what `nft -j list ruleset` prints: \"nftables\" is missing",
            ));
            return None;
        };
        let mut sets = Sets::new();
        let mut elsewhere: HashMap<ChainId, String> = HashMap::new();
        for object in objects {
            if let Some(set) = object.get("set") {
                sets.insert((text(set, "family"), text(set, "table"), text(set, "name")), set);
            }
            if let Some(chain) = object.get("chain") {
                rules.chain(chain, &mut elsewhere, drifts);
            }
        }
        rules.bases.sort_by_key(|(_, base)| base.priority);
        for object in objects {
            let Some((kind, inner)) = object.as_object().and_then(|object| object.iter().next())
            else {
                drifts.push(Drift::not_understood("nftables", &object.to_string()));
                continue;
            };
            match kind.as_str() {
                "metainfo" | "set" | "chain" | "counter" | "quota" | "limit" | "map" => {}
                "table" => table(inner, drifts),
                "rule" => rules.rule(inner, &sets, &elsewhere, drifts),
                other => drifts.push(Drift::not_understood(other, &inner.to_string())),
            }
        }
        Some(rules)
    }

    fn chain(
        &mut self,
        chain: &Value,
        elsewhere: &mut HashMap<ChainId, String>,
        drifts: &mut Vec<Drift>,
    ) {
        let id = ChainId {
            family: text(chain, "family").to_owned(),
            table: text(chain, "table").to_owned(),
            name: text(chain, "name").to_owned(),
        };
        let hook = chain.get("hook").and_then(Value::as_str);
        let routed = matches!(id.family.as_str(), "inet" | "ip" | "ip6");
        let place = || format!("chain {} {} {}", id.family, id.table, id.name);
        match hook {
            Some("forward") if routed => {
                let accept = match text(chain, "policy") {
                    "accept" => true,
                    "drop" => false,
                    other => {
                        drifts.push(Drift::not_understood(&place(), &format!("policy {other}")));
                        true
                    }
                };
                let priority = chain.get("prio").and_then(Value::as_i64);
                if priority.is_none() || text(chain, "type") != "filter" {
                    drifts.push(Drift::not_understood(&place(), &chain.to_string()));
                }
                let priority = priority.unwrap_or_default();
                self.bases.push((id.clone(), Base { priority, accept }));
            }
            // What the gateway itself receives and sends is not forwarded.
            Some("input" | "output") if routed => return,
            None if !routed => return,
            None => {}
            Some(other) => {
                if routed && text(chain, "policy") == "drop" {
                    let what = format!("hook {other}, policy drop");
                    drifts.push(Drift::not_understood(&place(), &what));
                }
                elsewhere.insert(id.clone(), other.to_owned());
                return;
            }
        }
        self.chains.entry(id).or_default();
    }

    fn rule(
        &mut self,
        rule: &Value,
        sets: &Sets<'_>,
        elsewhere: &HashMap<ChainId, String>,
        drifts: &mut Vec<Drift>,
    ) {
        let id = ChainId {
            family: text(rule, "family").to_owned(),
            table: text(rule, "table").to_owned(),
            name: text(rule, "chain").to_owned(),
        };
        let handle = rule.get("handle").and_then(Value::as_u64).unwrap_or_default();
        let place = format!("rule handle {handle} ({} {} {})", id.family, id.table, id.name);
        if let Some(hook) = elsewhere.get(&id) {
            // It may rewrite, mark or drop what is forwarded, so it is not passed over.
            let what = format!("hook {hook}");
            drifts.push(Drift::not_understood(&place, &what));
            return;
        }
        // A chain that is not here is one of `input` or `output`, or of a family that does not
        // route and is spoken of where it hooks; every other chain may be jumped to and is read.
        if !self.chains.contains_key(&id) {
            return;
        }
        let scope = (id.family.as_str(), id.table.as_str());
        let mut found = Rule { handle, matches: Vec::new(), verdict: None };
        let expressions = rule.get("expr").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for one in expressions {
            if found.verdict.is_some() {
                drifts.push(Drift::not_understood(&place, &one.to_string()));
                return;
            }
            match expression::read(one, sets, scope, &found.matches) {
                Some(expression::Part::Match(one)) => found.matches.push(one),
                Some(expression::Part::Verdict(verdict)) => found.verdict = Some(verdict),
                Some(expression::Part::Nothing) => {}
                None => {
                    drifts.push(Drift::not_understood(&place, &one.to_string()));
                    return;
                }
            }
        }
        if let Some(Verdict::Jump(name) | Verdict::Goto(name)) = &found.verdict
            && !self.chains.contains_key(&ChainId { name: name.clone(), ..id.clone() })
        {
            drifts.push(Drift::not_understood(&place, name));
            return;
        }
        self.chains.entry(id).or_default().rules.push(found);
    }

    /// The interfaces to ask about: the plan's, those that the rules name, one of each pattern,
    /// and one that nothing names.
    pub(super) fn names(&self, interfaces: &Interfaces) -> Vec<String> {
        let mut names: Vec<String> =
            interfaces.all().iter().map(|(_, name)| name.clone()).collect();
        let rules = self.chains.values().flat_map(|chain| &chain.rules);
        let mut more: Vec<String> = Vec::new();
        for one in rules.flat_map(|rule| &rule.matches) {
            more.extend(one.interface_names().map(|name| match name.strip_suffix('*') {
                Some(start) => format!("{start}…"),
                None => name.to_owned(),
            }));
        }
        more.sort();
        more.push("(…)".to_owned());
        for name in more {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

/// Flags of a table: a dormant one does nothing, which this reading does not know.
fn table(table: &Value, drifts: &mut Vec<Drift>) {
    if let Some(flags) = table.get("flags") {
        let place = format!("table {} {}", text(table, "family"), text(table, "name"));
        drifts.push(Drift::not_understood(&place, &format!("flags {flags}")));
    }
}
