//! What changes when one plan takes the place of another (property P8): who would land elsewhere,
//! which packets get through that did not, which findings come and go, and whether any of it
//! weakens the separation.

use std::collections::{BTreeMap, HashMap};

use ring::digest;

use super::header::subtract;
use super::landing::{Landing, landings};
use super::prove;
use crate::plan::{
    Admission, Environment, Finding, FindingKind, Flows, HostMode, MacAdmission,
    MessageAuthenticator, Plan, PortRole, Severity, Switch, WhenStale, WirelessRule,
};
use crate::vocabulary::{EnvironmentIndex, Fact, Language, SwitchIndex, Text, Timestamp};

/// Names shown in one change.
const SHOWN_MAX: usize = 8;

/// Something that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What.
    pub kind: ChangeKind,
    /// Whether it weakens the separation.
    pub weaker: bool,
    /// The environments whose separation it weakens, by id.
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

    fn fact(mut self, name: &'static str, value: impl ToString) -> Self {
        self.facts.push((name, Fact::Word(value.to_string())));
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
        facts.extend(finding.map(|finding| ("text", Fact::Word(finding.text(language)))));
        self.kind.text().tell(language, &facts)
    }
}

/// Declares the changes: variant, id, text (ja, en).
macro_rules! changes {
    ($($name:ident $id:literal [$ja:literal, $en:literal])*) => {
        /// What kind of change it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ChangeKind {
            $(#[doc = $en] $name,)*
        }

        impl ChangeKind {
            /// Every kind, in order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable id.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            /// The text.
            #[must_use]
            pub const fn text(self) -> Text {
                match self { $(Self::$name => Text { ja: $ja, en: $en },)* }
            }
        }
    };
}

changes! {
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
    Loosened "setting.loosened"
        ["{what} が緩む: {before} → {after}", "{what} is loosened: {before} → {after}"]
    Tightened "setting.tightened"
        ["{what} が厳しくなる: {before} → {after}", "{what} is tightened: {before} → {after}"]
    DeviceAdded "device.added"
        ["登録される端末 {count} 台: {devices}", "devices registered: {count} ({devices})"]
    DeviceRemoved "device.removed"
        ["台帳から消える端末 {count} 台: {devices}", "devices taken off the inventory: {count} ({devices})"]
    DeviceMoves "device.moves"
        ["{before} から {after} へ移る端末 {count} 台: {devices}", "devices that move from {before} to {after}: {count} ({devices})"]
    DeviceAdmitted "device.admitted"
        ["{before} だったが {after} に入る端末 {count} 台: {devices}", "devices that were {before} and now get {after}: {count} ({devices})"]
    DeviceRefused "device.refused"
        ["{before} だったが {after} になる端末 {count} 台: {devices}", "devices that had {before} and become {after}: {count} ({devices})"]
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
    flows(old, new, &mut changes);
    exceptions(old, new, &mut changes);
    environments(old, new, &mut changes);
    attachments(old, new, &mut changes);
    devices(old, new, now, &mut changes);
    changes.sort_by_key(|change| (!change.weaker, change.kind));
    changes
}

fn id(plan: &Plan, index: EnvironmentIndex) -> String {
    plan.environment(index).map_or_else(|| "?".to_owned(), |environment| environment.id.clone())
}

/// Packets and findings.
fn proofs(old: &Plan, new: &Plan, now: Timestamp, changes: &mut Vec<Change>) {
    let (before, after) = (prove(old, None, now), prove(new, None, now));
    let crossing = |plan: &Plan, proof: &super::Proof| -> BTreeMap<(String, String), Vec<_>> {
        let mut found: BTreeMap<(String, String), Vec<super::Header>> = BTreeMap::new();
        for crossing in &proof.crossings {
            let ends = (id(plan, crossing.from), id(plan, crossing.to));
            found.entry(ends).or_default().extend(&crossing.headers);
        }
        found
    };
    let (was, is) = (crossing(old, &before), crossing(new, &after));
    let mut differ = |one: &BTreeMap<_, Vec<_>>, other: &BTreeMap<_, Vec<_>>, kind, weaker| {
        for (ends, headers) in one {
            let (from, to): &(String, String) = ends;
            let known = other.get(ends).map_or(&[][..], Vec::as_slice);
            let rest = subtract(headers.clone(), known);
            if let Some(sample) = rest.first() {
                let change = Change::new(kind, weaker).fact("from", from).fact("to", to);
                let change = change.fact("sample", sample);
                changes.push(change.of([from.clone(), to.clone()]));
            }
        }
    };
    differ(&is, &was, ChangeKind::Opens, true);
    differ(&was, &is, ChangeKind::Closes, false);
    let key = |finding: &Finding| (finding.kind, finding.facts.clone());
    for (one, other, kind) in [
        (&after, &before, ChangeKind::FindingAppears),
        (&before, &after, ChangeKind::FindingVanishes),
    ] {
        for finding in &one.findings {
            if other.findings.iter().any(|known| key(known) == key(finding)) {
                continue;
            }
            // What an exception makes a notice of is still a weaker separation.
            let grave = finding.severity() > Severity::Notice || finding.graded.is_some();
            let availability = finding.kind.rule().as_deref() == Some("R24")
                || finding.kind == FindingKind::FlowDead;
            let weaker = kind == ChangeKind::FindingAppears && grave && !availability;
            let mut change = Change::new(kind, weaker).fact("id", finding.kind.id());
            change.finding = Some(finding.clone());
            changes.push(change);
        }
    }
}

fn flows(old: &Plan, new: &Plan, changes: &mut Vec<Change>) {
    let find = |plan: &Plan, id: &str| plan.permitted.iter().find(|flow| flow.id == id).cloned();
    for flow in &new.permitted {
        let ends = [id(new, flow.from.environment), id(new, flow.to.environment)];
        match find(old, &flow.id) {
            None => {
                let change = Change::new(ChangeKind::FlowAdded, true).fact("flow", &flow.id);
                let [from, to] = &ends;
                changes.push(change.fact("from", from).fact("to", to).of(ends.clone()));
            }
            Some(before) => {
                let mut same = before.clone();
                same.at = flow.at.clone();
                if same != *flow {
                    let less = |flow: &crate::plan::Flow| super::layer3::flow_headers(flow, false);
                    let wider = !subtract(less(flow), &less(&before)).is_empty()
                        || flow.expires > before.expires
                        || flow.from.macs.iter().any(|mac| !before.from.macs.contains(mac))
                        || flow.to.macs.iter().any(|mac| !before.to.macs.contains(mac));
                    let change = Change::new(ChangeKind::FlowChanged, wider);
                    changes.push(change.fact("flow", &flow.id).of(ends));
                }
            }
        }
    }
    for flow in old.permitted.iter().filter(|flow| find(new, &flow.id).is_none()) {
        changes.push(Change::new(ChangeKind::FlowRemoved, false).fact("flow", &flow.id));
    }
}

fn exceptions(old: &Plan, new: &Plan, changes: &mut Vec<Change>) {
    let find = |plan: &Plan, id: &str| plan.exceptions.iter().find(|it| it.id == id).cloned();
    let names = |plan: &Plan, exception: &crate::plan::Exception| -> Vec<String> {
        let name = |object: &crate::plan::ExceptionObject| match object {
            crate::plan::ExceptionObject::Device(index) => {
                plan.device(*index).map(|device| device.asset.clone()).unwrap_or_default()
            }
            crate::plan::ExceptionObject::Class(index) => {
                plan.class(*index).map(|class| class.id.clone()).unwrap_or_default()
            }
            crate::plan::ExceptionObject::Switch(index) => {
                plan.switch(*index).map(|switch| switch.id.clone()).unwrap_or_default()
            }
            crate::plan::ExceptionObject::Other(name) => name.clone(),
        };
        exception.objects.iter().map(name).collect()
    };
    for exception in &new.exceptions {
        let change = |kind| {
            Change::new(kind, true).fact("exception", &exception.id).fact("rule", &exception.rule)
        };
        match find(old, &exception.id) {
            None => changes.push(change(ChangeKind::ExceptionAdded)),
            Some(before) => {
                let known = names(old, &before);
                let more = names(new, exception).iter().any(|name| !known.contains(name));
                let longer = exception.expires > before.expires || exception.rule != before.rule;
                if more || longer {
                    changes.push(change(ChangeKind::ExceptionExtended));
                }
            }
        }
    }
    for exception in old.exceptions.iter().filter(|it| find(new, &it.id).is_none()) {
        let change = Change::new(ChangeKind::ExceptionRemoved, false);
        changes.push(change.fact("exception", &exception.id));
    }
}

/// How strict a setting is, the greater the stricter, and what it is called.
type Strictness<'a> = (u8, &'a str);

/// A setting that is stricter or laxer than before.
fn setting(
    changes: &mut Vec<Change>,
    what: String,
    (before, after): (Strictness<'_>, Strictness<'_>),
    environments: Vec<String>,
) {
    if before.0 == after.0 {
        return;
    }
    let weaker = after.0 < before.0;
    let kind = if weaker { ChangeKind::Loosened } else { ChangeKind::Tightened };
    let change = Change::new(kind, weaker).fact("what", what);
    changes.push(change.fact("before", before.1).fact("after", after.1).of(environments));
}

const fn yes(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

fn environments(old: &Plan, new: &Plan, changes: &mut Vec<Change>) {
    let admission = |environment: &Environment| match environment.admission {
        Admission::None => (2, "none"),
        Admission::Certificate => (1, "certificate"),
        Admission::CertificateOrMac => (0, "certificate-or-mac"),
    };
    let wireless = |environment: &Environment| match environment.wireless {
        WirelessRule::Forbidden => (2, "forbidden"),
        WirelessRule::Guideline => (1, "guideline"),
        WirelessRule::Certificate => (0, "certificate"),
    };
    let stale = |environment: &Environment| match environment.revocation.when_stale {
        WhenStale::Refuse => (1, "refuse"),
        WhenStale::Accept => (0, "accept"),
    };
    for after in &new.environments {
        let Some(before) = old.environments.iter().find(|it| it.id == after.id) else { continue };
        let own = || vec![after.id.clone()];
        let name = |field: &str| format!("environment {} {field}", after.id);
        let strict = |value: bool| (u8::from(value), yes(value));
        let lax = |value: bool| (u8::from(!value), yes(value));
        let mut set = |field: &str, pair| setting(changes, name(field), pair, own());
        set("admission", (admission(before), admission(after)));
        set("wireless", (wireless(before), wireless(after)));
        set("critical_vlan", (lax(before.critical_vlan), lax(after.critical_vlan)));
        set("internet", (lax(before.internet), lax(after.internet)));
        set("second_person", (strict(before.second_person), strict(after.second_person)));
        let required = |it: &Environment| strict(it.revocation.required);
        set("crl.required", (required(before), required(after)));
        set("crl.when_stale", (stale(before), stale(after)));
        let (shorter, longer) = (before.revocation.grace, after.revocation.grace);
        set(
            "crl.grace_h",
            ((u8::from(shorter <= longer), "shorter"), (u8::from(longer <= shorter), "longer")),
        );
        let names = |plan: &Plan, it: &Environment| -> Vec<String> {
            let found = it.authorities.iter().filter_map(|index| plan.authority(*index));
            found.map(|authority| authority.id.clone()).collect()
        };
        let (trusted, trusts) = (names(old, before), names(new, after));
        let more = trusts.iter().any(|authority| !trusted.contains(authority));
        let (was, is) = (trusted.join(", "), trusts.join(", "));
        set("authorities", ((1, &was), (u8::from(!more), &is)));
    }
    for pair in &new.pairs {
        let ends = pair.between.map(|index| id(new, index));
        let [one, other] = &ends;
        let (Some(first), Some(second)) =
            (old.environment_by_id(one), old.environment_by_id(other))
        else {
            continue;
        };
        let strictness = |flows| match flows {
            Flows::Cut => (1, "cut"),
            Flows::Enumerated => (0, "enumerated"),
        };
        if let Some(before) = old.flows(first, second) {
            let what = format!("pair {one}-{other}");
            let pair = (strictness(before), strictness(pair.flows));
            setting(changes, what, pair, ends.to_vec());
        }
    }
    for after in &new.classes {
        let strictness = |mac| match mac {
            MacAdmission::Never => (2, "never"),
            MacAdmission::Exception => (1, "exception"),
            MacAdmission::Pinned => (0, "pinned"),
        };
        if let Some(before) = old.classes.iter().find(|it| it.id == after.id) {
            let pair = (strictness(before.mac), strictness(after.mac));
            setting(changes, format!("class {} mac", after.id), pair, Vec::new());
        }
    }
}

/// Ports and switches that ask less than they did.
fn attachments(old: &Plan, new: &Plan, changes: &mut Vec<Change>) {
    let authenticates = |role: &PortRole| match role {
        PortRole::Unused => (5, "unused"),
        PortRole::Auth { host_mode, .. } => match host_mode {
            HostMode::Single => (4, "auth single"),
            HostMode::MultiDomain => (3, "auth multi-domain"),
            HostMode::MultiAuth => (2, "auth multi-auth"),
            HostMode::MultiHost => (1, "auth multi-host"),
        },
        PortRole::Trunk { .. } => (0, "trunk"),
        PortRole::Access { .. } => (0, "access"),
    };
    for after in &new.switches {
        let Some(index) = old.switch_by_id(&after.id) else { continue };
        let Some(before) = old.switch(index) else { continue };
        let strictness = |it| match it {
            MessageAuthenticator::Require => (2, "require"),
            MessageAuthenticator::Learn => (1, "learn"),
            MessageAuthenticator::Legacy => (0, "legacy"),
        };
        let pair =
            (strictness(before.message_authenticator), strictness(after.message_authenticator));
        setting(changes, format!("switch {} message_authenticator", after.id), pair, Vec::new());
        // Ports of one switch that change alike are told together.
        let mut alike: BTreeMap<[Strictness<'_>; 2], Vec<String>> = BTreeMap::new();
        for port in &after.ports {
            let known = old.port_by_name(index, &port.name);
            let Some(known) = known.and_then(|at| old.port(index, at)) else { continue };
            let (was, is) = (authenticates(&known.role), authenticates(&port.role));
            // A port put to use is not less guarded, if whoever comes must authenticate.
            if was.0 != is.0 && (was.0, is.0 > 1) != (5, true) {
                alike.entry([was, is]).or_default().push(port.name.clone());
            }
        }
        reach(old, new, (index, after), changes);
        for ([was, is], ports) in alike {
            setting(changes, format!("{} {}", after.id, some(&ports)), (was, is), Vec::new());
        }
    }
}

/// Environments that can be reached from ports and wireless networks where they could not.
fn reach(
    old: &Plan,
    new: &Plan,
    (index, after): (SwitchIndex, &Switch),
    changes: &mut Vec<Change>,
) {
    let ids = |plan: &Plan, list: &[EnvironmentIndex]| -> Vec<String> {
        list.iter().map(|index| id(plan, *index)).collect()
    };
    let mut more: BTreeMap<(Vec<String>, Vec<String>), Vec<String>> = BTreeMap::new();
    let mut compare = |name: &str, was: Vec<String>, is: Vec<String>| {
        if is.iter().any(|environment| !was.contains(environment)) {
            more.entry((was, is)).or_default().push(name.to_owned());
        }
    };
    for port in &after.ports {
        let known = old.port_by_name(index, &port.name).and_then(|at| old.port(index, at));
        if let (
            PortRole::Auth { environments, .. },
            Some(PortRole::Auth { environments: before, .. }),
        ) = (&port.role, known.map(|port| &port.role))
        {
            compare(&port.name, ids(old, before), ids(new, environments));
        }
    }
    let networks = old.switch(index).map_or(&[][..], |switch| &switch.networks);
    for network in &after.networks {
        let before = networks.iter().find(|other| other.ssid == network.ssid);
        let before = before.map_or(&[][..], |network| &network.environments);
        let name = format!("ssid:{}", network.ssid);
        compare(&name, ids(old, before), ids(new, &network.environments));
    }
    for ((was, is), names) in more {
        let what = format!("{} {}", after.id, some(&names));
        let (was, is) = (was.join(", "), is.join(", "));
        setting(changes, what, ((1, &was), (0, &is)), Vec::new());
    }
}

fn some(names: &[String]) -> String {
    let more = names.len().saturating_sub(SHOWN_MAX);
    let shown = names.iter().take(SHOWN_MAX).cloned().collect::<Vec<_>>().join(", ");
    if more == 0 { shown } else { format!("{shown}, +{more}") }
}

/// Registered devices, by what becomes of them.
fn devices(old: &Plan, new: &Plan, now: Timestamp, changes: &mut Vec<Change>) {
    let list = |kind, devices: Vec<String>, changes: &mut Vec<Change>| {
        if !devices.is_empty() {
            let change = Change::new(kind, false).fact("count", devices.len());
            changes.push(change.fact("devices", some(&devices)));
        }
    };
    let absent = |devices: &Plan, other: &Plan| -> Vec<String> {
        let gone = devices.devices.iter().filter(|it| other.device_by_asset(&it.asset).is_none());
        gone.map(|device| device.asset.clone()).collect()
    };
    list(ChangeKind::DeviceAdded, absent(new, old), changes);
    list(ChangeKind::DeviceRemoved, absent(old, new), changes);
    let (mut was, mut is) = (HashMap::new(), HashMap::new());
    let mut told: BTreeMap<(Landing, Landing, bool), Vec<String>> = BTreeMap::new();
    for after in &new.devices {
        let Some(before) = old.device_by_asset(&after.asset).and_then(|at| old.device(at)) else {
            continue;
        };
        // Less is asked of a device that needed a certificate, or was bound to a place.
        let loosened = (before.certificate.is_some() && after.certificate.is_none())
            || (before.place.is_some() && after.place.is_none() && after.certificate.is_none());
        let before = landings(old, before, now, &mut was);
        let after_landings = landings(new, after, now, &mut is);
        for (place, before) in before.iter() {
            let Some(landing) = after_landings.get(place).filter(|it| *it != before) else {
                continue;
            };
            let devices = told.entry((before.clone(), landing.clone(), loosened)).or_default();
            if devices.last() != Some(&after.asset) {
                devices.push(after.asset.clone());
            }
        }
    }
    for ((before, after, loosened), devices) in told {
        let kind = match (before.admitted(), after.admitted()) {
            (true, true) => ChangeKind::DeviceMoves,
            (false, true) => ChangeKind::DeviceAdmitted,
            (_, false) => ChangeKind::DeviceRefused,
        };
        let weaker = loosened || kind == ChangeKind::DeviceAdmitted;
        let change = Change::new(kind, weaker).fact("count", devices.len());
        let change = change.fact("devices", some(&devices)).fact("before", &before);
        changes.push(change.fact("after", &after).of(after.environment()));
    }
}
