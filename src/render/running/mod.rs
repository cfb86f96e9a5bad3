//! Whether the rules that run on a gateway permit exactly what the plan does.
//!
//! The rules come as `nft -j list ruleset` prints them. What of them is not understood is itself
//! a drift: it is never taken for harmless.

mod evaluate;
mod expression;
mod ruleset;

use serde_json::Value;

use self::evaluate::{Accepted, By, Way};
use self::ruleset::Ruleset;
use super::interfaces::Interfaces;
use super::permitted::{homes, passages};
use crate::plan::{Gateway, Plan};
use crate::proof::{Header, IPV4, Span, others, subtract};
use crate::vocabulary::{Language, Text, Timestamp, VlanId};

/// Where a packet stands to connections, as conntrack says: in place of the plan's two values,
/// `Header::established` holds one of these.
pub(super) const NEW: u8 = 0;
pub(super) const ESTABLISHED: u8 = 1;
pub(super) const RELATED: u8 = 2;
pub(super) const INVALID: u8 = 3;
pub(super) const UNTRACKED: u8 = 4;

/// Boxes of one question at most; rules that need more are refused rather than half compared.
pub(super) const BOXES_MAX: usize = 100_000;

/// How the running rules differ from the plan, or cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// What it is: `running.more`, `running.less`, `running.not-understood`, …
    pub id: &'static str,
    text: Text,
    /// What the text names.
    pub facts: Vec<(&'static str, String)>,
}

impl Drift {
    pub(super) fn new(id: &'static str, ja: &'static str, en: &'static str) -> Self {
        Self { id, text: Text { ja, en }, facts: Vec::new() }
    }

    pub(super) fn fact(mut self, name: &'static str, value: impl ToString) -> Self {
        self.facts.push((name, value.to_string()));
        self
    }

    /// The text, for an operator.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        self.text.fill(language, &self.facts)
    }

    fn not_understood(place: &str, what: &str) -> Self {
        Self::new(
            "running.not-understood",
            "動作中の設定の {place} を解釈できません: {what}。この部分は計画と比べられません",
            "{place} of the running rules is not understood: {what}; it cannot be compared with the plan",
        )
        .fact("place", place)
        .fact("what", what)
    }

    fn too_many() -> Self {
        Self::new(
            "running.too-many",
            "動作中の設定が複雑すぎて比べられません(区分が {limit} を超える)",
            "the running rules are too intricate to compare (more than {limit} boxes)",
        )
        .fact("limit", BOXES_MAX)
    }
}

/// Compares what runs on a gateway, as `nft -j list ruleset` prints it, with what the plan
/// permits there at `now`. Nothing found means that both permit exactly the same.
#[must_use]
pub fn compare(
    plan: &Plan,
    gateway: &Gateway,
    interfaces: &Interfaces,
    now: Timestamp,
    document: &Value,
) -> Vec<Drift> {
    let mut drifts = Vec::new();
    let Some(rules) = Ruleset::read(document, &mut drifts) else { return drifts };
    let mut wanted = wanted(plan, gateway, now);
    for input in rules.names(interfaces) {
        for output in rules.names(interfaces) {
            let way = Way { input: &input, output: &output };
            let Some(accepted) = rules.accepted(way) else {
                drifts.push(Drift::too_many());
                return drifts;
            };
            let here = |name: &str| {
                interfaces.all().iter().find(|(_, own)| own == name).map(|(vlan, _)| *vlan)
            };
            let pair = here(&input).zip(here(&output));
            more(&wanted, pair, way, &accepted, &mut drifts);
            less(&mut wanted, pair, way, &accepted, &mut drifts);
        }
    }
    drifts
}

/// What the plan permits between some VLANs, by one flow or within one environment.
struct Wanted {
    what: What,
    pairs: Vec<(VlanId, VlanId)>,
    headers: Vec<Header>,
    /// Whether it was found missing, so that it is said once.
    missing: bool,
}

enum What {
    Flow(String),
    Inside(String),
}

fn wanted(plan: &Plan, gateway: &Gateway, now: Timestamp) -> Vec<Wanted> {
    let mut wanted: Vec<Wanted> = Vec::new();
    for home in homes(plan, gateway) {
        let pairs = home.vlans.iter().flat_map(|from| home.vlans.iter().map(|to| (*from, *to)));
        wanted.push(Wanted {
            what: What::Inside(home.environment.id.clone()),
            pairs: pairs.collect(),
            headers: home.headers(),
            missing: false,
        });
    }
    for flow in plan.permitted.iter().filter(|flow| flow.in_force(now)) {
        for passage in passages(plan, gateway, flow) {
            wanted.push(Wanted {
                what: What::Flow(flow.id.clone()),
                pairs: passage.outputs.iter().map(|to| (passage.input, *to)).collect(),
                headers: passage.headers(),
                missing: false,
            });
        }
    }
    wanted
}

/// Every packet a router forwards, in families that do not mix.
pub(super) fn universe() -> Vec<Header> {
    let v4 = Header { from: IPV4, to: IPV4, ..Header::ALL };
    let any = Span::new(NEW, UNTRACKED);
    let all = std::iter::once(v4).chain(others());
    all.map(|header| Header { established: any, ..header }).collect()
}

/// The boxes within one standing to connections.
fn standing(headers: &[Header], state: u8) -> Vec<Header> {
    let state = Span::new(state, state);
    headers.iter().map(|header| Header { established: state, ..*header }).collect()
}

/// What is accepted and not permitted, once for each rule that accepts it. What belongs to a
/// connection may pass everywhere, since only permitted packets open one.
fn more(
    wanted: &[Wanted],
    pair: Option<(VlanId, VlanId)>,
    way: Way<'_>,
    accepted: &[Accepted],
    drifts: &mut Vec<Drift>,
) {
    let mut permitted = standing(&[Header::ALL], ESTABLISHED);
    permitted.extend(standing(&[Header::ALL], RELATED));
    for each in wanted {
        if pair.is_some_and(|pair| each.pairs.contains(&pair)) {
            permitted.extend(standing(&each.headers, NEW));
        }
    }
    let crosses = pair.is_some_and(|(input, output)| input != output);
    for each in accepted {
        let rest = subtract(vec![each.header], &permitted);
        let Some(sample) = rest.first() else { continue };
        let drift = match &each.by {
            By::Rule { table, chain, handle } => Drift::new(
                "running.more",
                "動作中のゲートウェイが計画より多くを通します: {input} から {output} への {packet}、規則 handle {handle}({table} {chain})",
                "running gateway permits more: packet {packet} from {input} to {output}, rule handle {handle} ({table} {chain})",
            )
            .fact("handle", handle)
            .fact("table", table)
            .fact("chain", chain),
            By::Policy => Drift::new(
                "running.more",
                "動作中のゲートウェイが計画より多くを通します: {input} から {output} への {packet}、規則に該当せず既定で転送",
                "running gateway permits more: packet {packet} from {input} to {output}, forwarded because no rule drops it",
            ),
        };
        let drift = drift
            .fact("input", way.input)
            .fact("output", way.output)
            .fact("packet", packet(sample));
        let key = |drift: &Drift| {
            let of = |name| drift.facts.iter().find(|(own, _)| *own == name).cloned();
            let by_policy = of("handle").is_none();
            let way = (of("input"), of("output"));
            (drift.id, of("handle"), of("table"), (by_policy && crosses).then_some(way))
        };
        // Once for each rule; of what no rule drops once for each two VLANs, and once for the rest.
        if !drifts.iter().any(|known| key(known) == key(&drift)) {
            drifts.push(drift);
        }
    }
}

/// What is permitted and not accepted: what opens a connection, and then what belongs to it in
/// both directions.
fn less(
    wanted: &mut [Wanted],
    pair: Option<(VlanId, VlanId)>,
    way: Way<'_>,
    accepted: &[Accepted],
    drifts: &mut Vec<Drift>,
) {
    let Some((input, output)) = pair else { return };
    for each in wanted.iter_mut().filter(|each| !each.missing) {
        let mut needed = Vec::new();
        if each.pairs.contains(&(input, output)) {
            needed.extend(standing(&each.headers, NEW));
            needed.extend(standing(&each.headers, ESTABLISHED));
        }
        if each.pairs.contains(&(output, input)) {
            needed.extend(standing(&replies(&each.headers), ESTABLISHED));
        }
        let rest = subtract(needed, accepted.iter().map(|each| &each.header));
        let Some(sample) = rest.first() else { continue };
        each.missing = true;
        let drift = match &each.what {
            What::Flow(id) => Drift::new(
                "running.less",
                "動作中のゲートウェイが計画より少なくしか通しません: 特定通信 {flow}、{input} から {output} への {packet}",
                "running gateway permits less: flow {flow}, packet {packet} from {input} to {output}",
            )
            .fact("flow", id),
            What::Inside(id) => Drift::new(
                "running.less",
                "動作中のゲートウェイが計画より少なくしか通しません: 環境 {environment} の中の通信、{input} から {output} への {packet}",
                "running gateway permits less: traffic within environment {environment}, packet {packet} from {input} to {output}",
            )
            .fact("environment", id),
        };
        let drift = drift
            .fact("input", way.input)
            .fact("output", way.output)
            .fact("packet", packet(sample));
        let same =
            |known: &Drift| known.id == drift.id && known.facts.first() == drift.facts.first();
        if !drifts.iter().any(same) {
            drifts.push(drift);
        }
    }
}

/// The same packets the other way. Whose MAC address they come from is not asked.
fn replies(headers: &[Header]) -> Vec<Header> {
    let turn = |header: &Header| Header {
        from: header.to,
        to: header.from,
        from_port: header.to_port,
        to_port: header.from_port,
        mac: Header::ALL.mac,
        ..*header
    };
    headers.iter().map(turn).collect()
}

/// One packet of a box, with what conntrack says and the MAC address where either matters.
fn packet(sample: &Header) -> String {
    let state = match sample.established.first {
        NEW => "new",
        ESTABLISHED => "established",
        RELATED => "related",
        INVALID => "invalid",
        _ => "untracked",
    };
    let plain = Header { established: Span::new(0, 0), ..*sample };
    let mut text = plain.to_string();
    if sample.established.first != NEW {
        text.push_str(&format!(" (ct state {state})"));
    }
    if sample.mac != Header::ALL.mac {
        let octets = sample.mac.first.to_be_bytes();
        let shown: Vec<String> =
            octets.iter().skip(2).map(|octet| format!("{octet:02x}")).collect();
        text.push_str(&format!(" (ether {})", shown.join(":")));
    }
    text
}
