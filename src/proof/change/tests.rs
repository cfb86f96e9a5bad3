//! What a change is called and whether it weakens the separation, on edits of the shipped city.

use std::collections::BTreeMap;

use super::{Change, ChangeKind, changes};
use crate::plan::tests::{NOW, shipped};
use crate::plan::{Plan, Sources, compile};
use crate::proof::tests::edit_first;
use crate::vocabulary::Language;

fn plan(sources: &Sources) -> Plan {
    let compiled = compile(sources, NOW);
    compiled.plan.unwrap_or_else(|| panic!("{:?}", compiled.findings))
}

/// The changes from the city to the city with one edit, by id with what weakens.
fn after(path: &str, from: &str, to: &str) -> Vec<Change> {
    let mut sources = shipped();
    edit_first(&mut sources, path, from, to);
    changes(&plan(&shipped()), &plan(&sources), NOW)
}

fn ids(changes: &[Change]) -> BTreeMap<&'static str, bool> {
    let mut ids = BTreeMap::new();
    for change in changes {
        *ids.entry(change.kind.id()).or_default() |= change.weaker;
    }
    ids
}

/// The text of the only change of that id.
fn told(changes: &[Change], id: &str) -> String {
    let found: Vec<_> = changes.iter().filter(|change| change.kind.id() == id).collect();
    assert_eq!(found.len(), 1, "{changes:?}");
    found[0].text(Language::English)
}

#[test]
fn the_same_files_change_nothing() {
    assert_eq!(changes(&plan(&shipped()), &plan(&shipped()), NOW), []);
}

#[test]
fn a_wider_flow_opens_packets_and_a_narrower_one_closes_them() {
    let (narrow, wide) = ("ip = [\"10.1.0.50\"]", "ip = [\"10.1.0.50\", \"10.1.0.52\"]");
    let wider = after("config/flows.toml", narrow, wide);
    // Opening it opens the replies of nobody else: they need a connection.
    assert_eq!(ids(&wider), [("flow.changed", true), ("packets.open", true)].into());
    let open = told(&wider, "packets.open");
    assert!(open.contains("from environment A to B: 10.1.0.52 → 10.2.0.60 tcp"), "{open}");
    assert!(wider.iter().all(|change| change.environments == ["A", "B"]));
    let mut sources = shipped();
    edit_first(&mut sources, "config/flows.toml", narrow, wide);
    let narrower = changes(&plan(&sources), &plan(&shipped()), NOW);
    assert_eq!(ids(&narrower), [("flow.changed", false), ("packets.close", false)].into());
}

#[test]
fn a_flow_of_other_machines_with_the_same_address_is_wider() {
    let found = after("config/flows.toml", "00-16-3E-0A-00-50", "00-16-3E-0A-00-51");
    assert_eq!(ids(&found), [("flow.changed", true)].into());
}

#[test]
fn devices_that_move_come_or_go_weaken_nothing() {
    let row = String::from_utf8(shipped().config["inventory.csv"].clone()).unwrap();
    let pc =
        row.lines().find(|line| line.contains(",情報系端末,") && line.contains(",C,")).unwrap();
    let asset = pc.split(',').next().unwrap();
    let moved = after("config/inventory.csv", pc, &pc.replace(",C,", ",B,"));
    assert!(moved.iter().all(|change| change.kind.id() == "device.moves" && !change.weaker));
    let text = moved[0].text(Language::English);
    assert!(text.contains("move from C VLAN") && text.contains(asset), "{text}");
    let gone = after("config/inventory.csv", &format!("{pc}\n"), "");
    assert_eq!(ids(&gone), [("device.removed", false)].into());
    assert!(told(&gone, "device.removed").contains(asset));
}

#[test]
fn a_device_that_changes_place_and_environment_at_once_is_seen() {
    let inventory = String::from_utf8(shipped().config["inventory.csv"].clone()).unwrap();
    let row = inventory.lines().find(|line| line.starts_with("P-0001,")).unwrap();
    assert!(row.contains(",B,") && row.contains("kyoiku"), "{row}");
    let moved = row.replace(",B,", ",A,").replace("kyoiku", "kenko");
    let found = after("config/inventory.csv", row, &moved);
    assert_eq!(ids(&found), [("device.moves", false), ("device.placed", false)].into());
    let text = told(&found, "device.moves");
    assert!(text.contains("move from B VLAN") && text.contains("to A VLAN"), "{text}");
    // At another place in the same environment.
    let found = after("config/inventory.csv", row, &row.replace("kyoiku", "kenko"));
    assert!(ids(&found).contains_key("device.placed"), "{found:?}");
}

/// Who gets in nowhere weakens nothing, however many there are.
#[test]
fn a_device_that_is_refused_everywhere_is_no_weaker_separation() {
    let inventory = String::from_utf8(shipped().config["inventory.csv"].clone()).unwrap();
    let row = inventory.lines().find(|line| line.starts_with("S-0010,")).unwrap();
    let found = after("config/inventory.csv", row, &row.replace(",B,", ",A,"));
    assert_eq!(ids(&found), [("device.refused", false)].into());
}

#[test]
fn who_was_refused_and_is_let_in_by_less_is_weaker() {
    // Department terminals need no certificate any more.
    let (class, free) = (
        "name_en = \"Department terminal\"\nmac = \"never\"",
        "name_en = \"Department terminal\"\nmac = \"pinned\"",
    );
    let found = after("config/policy.toml", class, free);
    assert_eq!(ids(&found).get("setting.loosened"), Some(&true));
    // A rule that puts them into quarantine gives way to one that admits.
    let rule = "classes = [\"department-terminal\"]\nenvironments = [\"B\", \"C\"]\nmethods = [\"eap-tls\"]";
    let found = after("config/policy.toml", rule, &rule.replace("[\"B\", \"C\"]", "[\"B\"]"));
    assert_eq!(ids(&found), [("device.refused", false)].into());
}

#[test]
fn what_asks_less_is_loosened_and_the_way_back_is_not() {
    for (path, strict, lax, what) in [
        (
            "config/environments.toml",
            "admission = \"certificate\"\n",
            "admission = \"certificate-or-mac\"\n",
            "environment A admission",
        ),
        (
            "config/environments.toml",
            "when_stale = \"refuse\"",
            "when_stale = \"accept\"",
            "environment A crl.when_stale",
        ),
        ("config/environments.toml", "grace_h = 24", "grace_h = 48", "environment A crl.grace_h"),
        (
            "config/environments.toml",
            "internet = false",
            "internet = true",
            "environment A internet",
        ),
        ("config/environments.toml", "flows = \"cut\"", "flows = \"enumerated\"", "pair A-C"),
        (
            "topology/nambara/site.toml",
            "role = \"access\"\n",
            "role = \"access\"\nmessage_authenticator = \"legacy\"\n",
            "switch nam-sw01 message_authenticator",
        ),
        (
            "topology/nambara/site.toml",
            "role = \"unused\"",
            "role = \"access\", vlan = 122, reason = \"x\"",
            "nam-dist1",
        ),
    ] {
        let mut sources = shipped();
        edit_first(&mut sources, path, strict, lax);
        let (old, new) = (plan(&shipped()), plan(&sources));
        let weaker = changes(&old, &new, NOW);
        let loosened = weaker.iter().find(|change| change.kind.id() == "setting.loosened");
        let text = loosened.unwrap_or_else(|| panic!("{what}: {weaker:?}")).text(Language::English);
        assert!(text.starts_with(what) && loosened.unwrap().weaker, "{text}");
        let stricter = changes(&new, &old, NOW);
        assert!(stricter.iter().any(|change| change.kind.id() == "setting.tightened"), "{what}");
        assert!(!stricter.iter().any(|change| change.weaker), "{what}: {stricter:?}");
    }
}

#[test]
fn exceptions_and_what_they_excuse() {
    let flows = "config/exceptions.toml";
    let longer = after(flows, "expires = \"2028-03-31\"", "expires = \"2029-03-31\"");
    assert_eq!(ids(&longer), [("exception.extended", true)].into());
    let more = after(flows, "\"radio-sagishima\", ", "\"radio-sagishima\", \"core-1\", ");
    // What has nothing to excuse yet is told, and the wider exception is the weaker separation.
    let expected = [("exception.extended", true), ("finding.appears", false)];
    assert_eq!(ids(&more), expected.into());
}

#[test]
fn ids_are_unique_and_texts_want_the_same_facts() {
    use std::collections::BTreeSet;

    let mut seen = BTreeSet::new();
    for kind in ChangeKind::ALL {
        assert!(seen.insert(kind.id()), "{} is used twice", kind.id());
        let facts = |language| kind.text().wants(language).collect::<BTreeSet<_>>();
        assert_eq!(facts(Language::Japanese), facts(Language::English), "{}", kind.id());
    }
}

#[test]
fn ports_that_ask_less_are_seen_wherever_they_are() {
    use crate::plan::{PortRole, SwitchRole};

    let old = plan(&shipped());
    let loosened = |new: &Plan| {
        let changes = changes(&old, new, NOW);
        let told = changes.iter().filter(|change| change.kind == ChangeKind::Loosened);
        told.map(|change| change.text(Language::English)).collect::<Vec<_>>()
    };
    let vlan = |at: usize| old.environments[at].vlans[0].id;
    let access = |at| PortRole::Access { vlan: vlan(at), reason: "lift".to_owned() };
    // A new switch with a port that asks for nothing.
    let mut new = old.clone();
    let mut switch = new.switches.iter().find(|it| it.role == SwitchRole::Access).unwrap().clone();
    switch.id = "new".to_owned();
    switch.ports[0].role = access(1);
    switch.ports.truncate(1);
    new.switches.push(switch);
    assert_eq!(loosened(&new), ["new 0/1 is loosened: - → access"]);
    // One that asks for nothing and is moved into another environment.
    let (mut before, mut after) = (old.clone(), old.clone());
    let at = old.switches.iter().position(|it| it.role == SwitchRole::Access).unwrap();
    before.switches[at].ports[0].role = access(2);
    after.switches[at].ports[0].role = access(0);
    let found = changes(&before, &after, NOW);
    let moved = found.iter().find(|change| change.kind == ChangeKind::Loosened).unwrap();
    assert!(moved.weaker && moved.text(Language::English).ends_with("is loosened: C → A"));
    // A trunk put to use is judged by where it leads, not here.
    let mut new = old.clone();
    let unused = |port: &&mut crate::plan::Port| port.role == PortRole::Unused;
    let port = new.switches[at].ports.iter_mut().find(unused).unwrap();
    port.role = PortRole::Trunk { vlans: vec![vlan(1)], native: None, all: false };
    assert_eq!(loosened(&new), Vec::<String>::new());
}

#[test]
fn a_switch_that_opens_without_server_and_a_new_relay_are_weaker() {
    let closed = "server_dead = \"closed\"";
    let found = after("config/profiles/comware.toml", closed, "server_dead = \"last-vlan\"");
    assert_eq!(ids(&found), [("setting.loosened", true)].into());
    // The chain over the sanitiser goes on into C by a flow that is there already.
    let vdi = "addresses = [\"10.3.0.20\", \"10.3.0.21\"]";
    let found = after(
        "topology/network.toml",
        vdi,
        "addresses = [\"10.3.0.20\", \"10.2.0.60\", \"10.2.0.62\"]",
    );
    assert!(found.iter().any(|it| it.weaker && it.kind == ChangeKind::FindingAppears), "{found:?}");
}

#[test]
fn grants_and_new_addresses_are_shown_and_weaken_nothing() {
    let found = after("config/grants.toml", "until = \"2026-12-25\"", "until = \"2026-12-24\"");
    assert_eq!(ids(&found), [("grant.changed", false)].into());
    let inventory = String::from_utf8(shipped().config["inventory.csv"].clone()).unwrap();
    let row = inventory.lines().find(|line| line.contains(",情報系端末,")).unwrap();
    let mac = row.split(',').nth(5).unwrap();
    let found = after("config/inventory.csv", mac, "00-16-3E-7F-00-01");
    assert_eq!(ids(&found), [("device.renamed", false)].into());
}

#[test]
fn a_refusal_is_told_in_the_readers_language() {
    let rule = "environments = [\"B\", \"C\"]\nmethods = [\"eap-tls\"]\nmedia = [\"wired\"]";
    let found = after("config/policy.toml", rule, &rule.replace("[\"B\", \"C\"]", "[\"B\"]"));
    let refused = found.iter().find(|it| it.kind == ChangeKind::DeviceRefused).unwrap();
    assert!(
        refused.text(Language::Japanese).contains("だったが 拒否 になる端末 100 台"),
        "{refused:?}"
    );
    assert!(refused.text(Language::English).contains("become refused"));
}
