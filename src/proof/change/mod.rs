//! What changes when one plan takes the place of another (property P8): who would land elsewhere,
//! which packets get through that did not, which findings come and go, and whether any of it
//! weakens the separation.

mod device;
mod setting;
#[cfg(test)]
mod tests;
mod written;

use std::collections::BTreeMap;
use std::fmt::Display;

use ring::digest;

use super::header::{Places, outside};
use super::{Header, Proof, prove_separation};
use crate::plan::{Finding, FindingKind, Plan, Severity, some_of};
use crate::vocabulary::{Fact, Language, Timestamp, registry};

/// Names shown in one change.
const SHOWN_MAX: usize = 8;

/// Something that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What.
    pub kind: ChangeKind,
    /// Whether it weakens the separation.
    pub weaker: bool,
    /// The environments concerned, by id; empty when it may be any.
    pub environments: Vec<String>,
    /// What its text wants filled in.
    pub facts: Vec<(&'static str, Fact)>,
    /// The finding that appears or vanishes.
    pub finding: Option<Finding>,
}

impl Change {
    fn new(kind: ChangeKind, weaker: bool) -> Self {
        Self { kind, weaker, environments: Vec::new(), facts: Vec::new(), finding: None }
    }

    fn fact(mut self, name: &'static str, value: impl Display) -> Self {
        self.facts.push((name, Fact::word(value)));
        self
    }

    fn of(mut self, environments: impl IntoIterator<Item = String>) -> Self {
        self.environments.extend(environments);
        self
    }

    /// The change, for an operator.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        let mut facts = self.facts.clone();
        let finding = self.finding.iter();
        facts.extend(finding.map(|finding| ("text", Fact::word(finding.text(language)))));
        self.kind.text().tell(language, &facts)
    }
}

registry! {
    /// What kind of change it is.
    ChangeKind {
    Opens "packets.open"
        ["環境 {from} から環境 {to} へ新しく通る: {sample}", "newly passes from environment {from} to {to}: {sample}"]
    Closes "packets.close"
        ["環境 {from} から環境 {to} へ通らなくなる: {sample}", "no longer passes from environment {from} to {to}: {sample}"]
    FlowAdded "flow.added"
        ["特定通信 {flow} が加わる({from} → {to})", "flow {flow} is added ({from} → {to})"]
    FlowRemoved "flow.removed"
        ["特定通信 {flow} が無くなる", "flow {flow} is removed"]
    FlowChanged "flow.changed"
        ["特定通信 {flow} が変わる", "flow {flow} changes"]
    FindingAppears "finding.appears"
        ["新しい指摘 [{id}] {text}", "new finding [{id}] {text}"]
    FindingVanishes "finding.vanishes"
        ["指摘が消える [{id}] {text}", "finding gone [{id}] {text}"]
    ExceptionAdded "exception.added"
        ["例外 {exception}(規則 {rule})が加わる", "exception {exception} from rule {rule} is added"]
    ExceptionExtended "exception.extended"
        ["例外 {exception}(規則 {rule})の対象か期限が広がる", "exception {exception} from rule {rule} covers more or lasts longer"]
    ExceptionRemoved "exception.removed"
        ["例外 {exception} が無くなる", "exception {exception} is removed"]
        GrantAdded "grant.added"
            ["一時許可 {grant}({company}、環境 {environment})が加わる", "grant {grant} ({company}, environment {environment}) is added"]
        GrantChanged "grant.changed"
            ["一時許可 {grant}({company}、環境 {environment})が変わる", "grant {grant} ({company}, environment {environment}) changes"]
        GrantRemoved "grant.removed"
            ["一時許可 {grant} が無くなる", "grant {grant} is removed"]
    Loosened "setting.loosened"
        ["{what} が緩む: {before} → {after}", "{what} is loosened: {before} → {after}"]
    Tightened "setting.tightened"
        ["{what} が厳しくなる: {before} → {after}", "{what} is tightened: {before} → {after}"]
    SwitchAdded "switch.added"
        ["加わるスイッチ {count} 台: {switches}", "switches that are added: {count} ({switches})"]
    SwitchRemoved "switch.removed"
        ["無くなるスイッチ {count} 台: {switches}", "switches that are removed: {count} ({switches})"]
    DeviceAdded "device.added"
        ["登録される端末 {count} 台: {devices}", "devices registered: {count} ({devices})"]
    DeviceRemoved "device.removed"
        ["台帳から消える端末 {count} 台: {devices}", "devices taken off the inventory: {count} ({devices})"]
    DeviceRenamed "device.renamed"
        ["MAC アドレスか証明書名が変わる端末 {count} 台: {devices}", "devices whose MAC addresses or certificate name change: {count} ({devices})"]
    DevicePlaced "device.placed"
        ["登録の設置場所が変わる端末 {count} 台: {devices}", "devices registered for another place: {count} ({devices})"]
    DeviceMoves "device.moves"
        ["{before} から {after} へ移る端末 {count} 台: {devices}", "devices that move from {before} to {after}: {count} ({devices})"]
    DeviceAdmitted "device.admitted"
        ["{before} だったが {after} に入る端末 {count} 台: {devices}", "devices that were {before} and now get {after}: {count} ({devices})"]
    DeviceRefused "device.refused"
        ["{before} だったが {after} になる端末 {count} 台: {devices}", "devices that had {before} and become {after}: {count} ({devices})"]
    }
}

/// The name of a change from one set of files to another: what an acceptance is given for, and
/// for nothing else.
#[must_use]
pub fn change_hash(old: &Plan, new: &Plan) -> [u8; 32] {
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(&old.content_hash);
    hash.update(&new.content_hash);
    hash.finish().as_ref().try_into().unwrap_or([0; 32]) // OK: SHA-256 has 32 octets
}

/// Compares two plans at `now`, the weakening changes first.
#[must_use]
pub fn changes(old: &Plan, new: &Plan, now: Timestamp) -> Vec<Change> {
    let mut changes = Vec::new();
    proofs(old, new, now, &mut changes);
    written::flows(old, new, &mut changes);
    written::exceptions(old, new, &mut changes);
    written::grants(old, new, &mut changes);
    setting::settings(old, new, &mut changes);
    switches(old, new, &mut changes);
    device::devices(old, new, now, &mut changes);
    changes.sort_by_key(|change| (!change.weaker, change.kind));
    changes
}

fn switches(old: &Plan, new: &Plan, changes: &mut Vec<Change>) {
    for (kind, these, those) in
        [(ChangeKind::SwitchAdded, new, old), (ChangeKind::SwitchRemoved, old, new)]
    {
        let alone = these.switches.iter().filter(|it| those.switch_by_id(&it.id).is_none());
        let ids: Vec<String> = alone.map(|switch| switch.id.clone()).collect();
        if !ids.is_empty() {
            let change = Change::new(kind, false).fact("count", ids.len());
            changes.push(change.fact("switches", some_of(&ids, SHOWN_MAX)));
        }
    }
}

/// What crosses, by the ids of both environments.
type Crossed = BTreeMap<(String, String), Vec<Header>>;

fn crossed(plan: &Plan, proof: &Proof) -> Crossed {
    let mut found = Crossed::new();
    for crossing in &proof.crossings {
        let ends = [crossing.from, crossing.to].map(|end| plan.environment_id(end).to_owned());
        found.entry(ends.into()).or_default().extend(&crossing.headers);
    }
    found
}

/// Packets and findings.
fn proofs(old: &Plan, new: &Plan, now: Timestamp, changes: &mut Vec<Change>) {
    let (before, after) = (prove_separation(old, None, now), prove_separation(new, None, now));
    let (was, is) = (crossed(old, &before), crossed(new, &after));
    packets((&is, &was), ChangeKind::Opens, changes);
    packets((&was, &is), ChangeKind::Closes, changes);
    for (one, other, kind) in [
        (&after, &before, ChangeKind::FindingAppears),
        (&before, &after, ChangeKind::FindingVanishes),
    ] {
        for finding in &one.findings {
            let same = |it: &Finding| it.kind == finding.kind && it.facts == finding.facts;
            if other.findings.iter().any(same) {
                continue;
            }
            let weaker = kind == ChangeKind::FindingAppears && weakens(finding);
            let mut change = Change::new(kind, weaker).fact("id", finding.kind.id());
            change.finding = Some(finding.clone());
            changes.push(change);
        }
    }
}

/// What of the packets in one lies outside the other.
fn packets((one, other): (&Crossed, &Crossed), kind: ChangeKind, changes: &mut Vec<Change>) {
    for (ends, headers) in one {
        let known = other.get(ends).map_or(&[][..], Vec::as_slice);
        let places = Places::of(known);
        let rest = headers.iter().find_map(|it| outside(*it, &places, known).into_iter().next());
        if let Some(sample) = rest {
            let (from, to) = ends;
            let change = Change::new(kind, kind == ChangeKind::Opens);
            let change = change.fact("from", from).fact("to", to).fact("sample", sample);
            changes.push(change.of([from.clone(), to.clone()]));
        }
    }
}

/// Whether a new finding means a weaker separation: what an exception made a notice of still
/// does, and a new chain over a relay; what is only about availability does not.
fn weakens(finding: &Finding) -> bool {
    let availability = finding.kind.rule().as_deref() == Some("R24")
        || matches!(finding.kind, FindingKind::FlowDead | FindingKind::NoWayToGateway);
    let grave = finding.severity() > Severity::Notice || finding.graded.is_some();
    (grave && !availability) || finding.kind == FindingKind::RelayChain
}
