//! Exports derived from the shipped city, whole and changed in every way there is a word for.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::plan;
use crate::plan::tests::{NOW, edit, shipped};
use crate::vocabulary::Language;

mod changes;
mod example;

use changes::{CHANGES, port};
use example::{Generation, export};

static CITY: LazyLock<Plan> = LazyLock::new(|| plan::compile(&shipped(), NOW).plan.unwrap());

fn compared(value: &Value, plan: &Plan) -> Comparison {
    let mut export = Export::default();
    export.add("netbox.json", value.to_string().as_bytes());
    compare(&export, plan, &Roles::default())
}

/// What is to be told, without notices: `id place`.
fn told(comparison: &Comparison) -> Vec<String> {
    let remarks = comparison.remarks.iter().filter(|it| it.kind.group() != Group::Notice);
    remarks.map(|remark| format!("{} {}", remark.kind.id(), remark.place())).collect()
}

/// The object of a list that has this value in this field.
fn object<'a>(value: &'a mut Value, list: &str, key: &str, wanted: &str) -> (usize, &'a mut Value) {
    let list = value[list].as_array_mut().unwrap();
    let at = list.iter().position(|object| object[key] == wanted).unwrap();
    (at, &mut list[at])
}

#[test]
fn an_export_of_the_city_agrees_with_it_in_both_generations() {
    for generation in [Generation::Old, Generation::New] {
        let comparison = compared(&export(&CITY, generation), &CITY);
        assert_eq!(told(&comparison), [""; 0], "{generation:?}");
        assert!(comparison.agrees() && comparison.fragments.is_empty());
        let notices: Vec<_> = comparison.remarks.iter().map(|remark| remark.kind).collect();
        assert_eq!(notices, [RemarkKind::CablesElsewhere]);
        for (kind, count) in &comparison.objects {
            assert!(*count > 0, "{kind:?}");
        }
    }
}

#[test]
fn plain_arrays_and_pages_say_the_same_and_a_page_that_lacks_is_told() {
    let value = export(&CITY, Generation::New);
    let mut files = Export::default();
    for (kind, list) in value.as_object().unwrap() {
        let list = list.as_array().unwrap();
        let (first, second) = list.split_at(list.len() / 2);
        let next =
            json!({ "count": list.len(), "next": "https://…", "previous": null, "results": first });
        files.add("page1.json", format!("\u{feff}{next}").as_bytes());
        if kind != "interfaces" {
            files.add(
                "page2.json",
                json!({ "count": list.len(), "results": second }).to_string().as_bytes(),
            );
            // Again, because pages overlap.
            files.add(&format!("{kind}.json"), json!(second).to_string().as_bytes());
        }
    }
    let half = compare(&files, &CITY, &Roles::default());
    assert_eq!(half.of(Group::Invalid).count(), 1);
    // What is not there may be on the page that lacks.
    assert_eq!(half.of(Group::Unknown).count(), 0);
    let text = half.of(Group::Invalid).next().unwrap().text(Language::English);
    assert!(text.contains("interfaces are there"), "{text}");
    let list = value["interfaces"].as_array().unwrap();
    let second = json!({ "count": list.len(), "results": list.split_at(list.len() / 2).1 });
    files.add("page2.json", second.to_string().as_bytes());
    assert_eq!(told(&compare(&files, &CITY, &Roles::default())), [""; 0]);
}

#[test]
fn a_changed_trunk_is_named_at_its_interface_with_what_is_more_and_less() {
    for generation in [Generation::Old, Generation::New] {
        let mut value = export(&CITY, generation);
        let name = if generation == Generation::Old { "AOH-DIST1" } else { "aoh-dist1" };
        let (at, trunk) = port(&mut value, name, "1/1/1");
        let vlans = trunk["tagged_vlans"].as_array_mut().unwrap();
        vlans.retain(|vlan| vlan["vid"] != 131);
        vlans.push(json!({ "id": 1, "vid": 110, "name": "A-HONCHO" }));
        let comparison = compared(&value, &CITY);
        let id = at + 1;
        let place =
            format!("netbox.trunk-vlans netbox.json: interfaces[{at}].tagged_vlans (#{id})");
        let lines = told(&comparison);
        assert!(lines.contains(&place), "{lines:?}");
        // The other end still says what it said.
        assert!(lines.len() == 2 && lines[1].starts_with("netbox.ends-differ"), "{lines:?}");
        let text = comparison.of(Group::Differs).next().unwrap().text(Language::English);
        let wanted = "VLANs of trunk aoh-dist1:1/1/1: only in NetBox 110, only in the files 131";
        assert_eq!(text, wanted);
    }
}

#[test]
fn every_difference_is_told_with_file_and_object() {
    let mut city = export(&CITY, Generation::New);
    // The ports of a few switches do; those of all take their time.
    let few = ["aoh-dist1", "aoh-sw01", "hon-core1", "hon-core2", "sho-dist1"];
    let keep = |it: &Value| few.iter().any(|name| it["device"]["name"] == *name);
    city["interfaces"].as_array_mut().unwrap().retain(keep);
    for (number, (change, wanted)) in CHANGES.iter().enumerate() {
        let mut value = city.clone();
        change(&mut value);
        let lines = told(&compared(&value, &CITY));
        if wanted.is_empty() {
            let differs = lines.iter().find(|line| !line.contains("-absent"));
            assert_eq!(differs, None, "{number}");
        } else {
            assert!(
                lines.iter().any(|line| line.starts_with(wanted)),
                "{number} {wanted}: {lines:#?}"
            );
        }
    }
}

#[test]
fn a_bundle_speaks_for_its_members() {
    let mut sources = shipped();
    for id in ["core-1", "core-2"] {
        let id = format!("id = \"{id}\"");
        edit(&mut sources, "topology/network.toml", &id, &format!("{id}\nlag = \"core\""));
    }
    let plan = plan::compile(&sources, NOW).plan.unwrap();
    for generation in [Generation::Old, Generation::New] {
        let mut value = export(&plan, generation);
        assert_eq!(told(&compared(&value, &plan)), [""; 0]);
        let bundle = object(&mut value, "interfaces", "name", "core").1;
        bundle["tagged_vlans"].as_array_mut().unwrap().pop();
        let lines = told(&compared(&value, &plan));
        let trunks = lines.iter().filter(|line| line.starts_with("netbox.trunk-vlans "));
        assert_eq!(trunks.count(), 2, "{lines:#?}");
    }
}

#[test]
fn no_kind_of_remark_is_left_untried() {
    let tried = [include_str!("mod.rs"), include_str!("changes.rs")].concat();
    for kind in RemarkKind::ALL {
        let (_, word) = kind.id().split_once('.').unwrap();
        let named = tried.contains(&format!("RemarkKind::{kind:?}"));
        assert!(named || tried.contains(word), "{}", kind.id());
    }
}

#[test]
fn what_cannot_be_read_or_is_left_out_is_told_too() {
    let notice = |file: &str, text: &str, kind| {
        let mut export = Export::default();
        export.add(file, text.as_bytes());
        let remarks = compare(&export, &CITY, &Roles::default()).remarks;
        assert!(remarks.iter().any(|remark| remark.kind == kind), "{text}: {remarks:#?}");
    };
    notice("x.json", "{", RemarkKind::NotJson);
    notice("x.json", &"[".repeat(100_000), RemarkKind::NotJson);
    notice("x.json", "[]", RemarkKind::KindUnknown);
    notice("x.json", "{\"racks\": []}", RemarkKind::KeyUnused);
    notice(
        "x.json",
        r#"{"devices": [{"id": 1, "name": "x", "role": {"slug": "floor"}}]}"#,
        RemarkKind::RoleUnknown,
    );
    notice(
        "x.json",
        r#"[{"id": 1, "name": "x", "device_type": {}, "role": {"slug": "core"}, "status": "planned"}]"#,
        RemarkKind::NotInService,
    );
    notice(
        "netbox_cables.json",
        r#"[{"id": 1, "status": {"value": "planned"}}]"#,
        RemarkKind::CablesPlanned,
    );
    notice("netbox_cables.json", r#"[{"id": 1}]"#, RemarkKind::CablesElsewhere);
}

/// What `site.toml` and `network.toml` say of what the invented export adds, once a person has
/// said what NetBox cannot.
#[test]
fn what_is_proposed_compiles_once_its_gaps_are_filled_and_then_both_agree() {
    let mut value = export(&CITY, Generation::New);
    value["sites"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "id": 900, "slug": "minato", "name": "港\"分室\"",
        "group": { "slug": "north-ring" } }));
    let device = json!({ "id": 900, "name": "min-sw01", "role": { "slug": "access-switch" },
        "site": { "slug": "minato" }, "device_type": { "model": "AX2630S" }, "serial": "S9",
        "primary_ip4": { "address": "10.250.99.1/24" }, "status": { "value": "active" } });
    value["devices"].as_array_mut().unwrap().push(device);
    let trunk = |id: u64, device: Value, name: &str, cable: u64| {
        json!({ "id": id, "device": device,
        "name": name, "enabled": true, "type": { "value": "10gbase-x-sfpp" }, "cable": { "id": cable },
        "mode": { "value": "tagged" }, "untagged_vlan": null,
        "tagged_vlans": [{ "vid": 120 }, { "vid": 900 }, { "vid": 990 }] })
    };
    let here = json!({ "id": 900, "name": "min-sw01" });
    let core = object(&mut value, "devices", "name", "hon-core1").1.clone();
    let list = value["interfaces"].as_array_mut().unwrap();
    list.push(trunk(90_000, here.clone(), "0/25", 9000));
    list.push(trunk(90_001, core, "2/1/1", 9000));
    for number in 1..=24 {
        list.push(json!({ "id": 90_001 + number, "device": here, "name": format!("0/{number}"),
            "enabled": number < 24, "type": "1000base-t", "mode": "access", "untagged_vlan": { "vid": 120 } }));
    }
    value["cables"].as_array_mut().unwrap().push(
        json!({ "id": 9000, "type": "smf", "status": "connected",
        "a_terminations": [{ "object_type": "dcim.interface", "object_id": 90_000 }],
        "b_terminations": [{ "object_type": "dcim.interface", "object_id": 90_001 }] }),
    );
    let comparison = compared(&value, &CITY);
    let ids: Vec<_> =
        told(&comparison).iter().map(|it| it.split(' ').next().unwrap().to_owned()).collect();
    let wanted = ["site-missing", "switch-missing", "port-missing", "link-missing"];
    assert_eq!(ids, wanted.map(|id| format!("netbox.{id}")));

    let text = &comparison.fragments;
    let sections: Vec<(&str, &str)> =
        text.split("# ==== ").skip(1).filter_map(|part| part.split_once('\n')).collect();
    let [(site_path, site), (core_path, ports), (network_path, link)] = sections.as_slice() else {
        panic!("{text}")
    };
    assert_eq!(*site_path, "topology/minato/site.toml");
    assert!(core_path.starts_with("topology/honcho/site.toml: switch `hon-core1`"), "{core_path}");
    assert_eq!(*network_path, "topology/network.toml");
    // As it stands it is refused, at each gap.
    let mut sources = shipped();
    sources.topology.insert("minato/site.toml".to_owned(), site.as_bytes().to_vec());
    let network = String::from_utf8(sources.topology["network.toml"].clone()).unwrap();
    sources.topology.insert("network.toml".to_owned(), format!("{network}\n{link}").into_bytes());
    let honcho = String::from_utf8(sources.topology["honcho/site.toml"].clone()).unwrap();
    let (before, after) = honcho.split_once("id = \"hon-core1\"").unwrap();
    let after = after.replacen("port = [\n", &format!("port = [\n{ports}"), 1);
    let whole = format!("{before}id = \"hon-core1\"{after}");
    sources.topology.insert("honcho/site.toml".to_owned(), whole.into_bytes());
    let refused = plan::compile(&sources, NOW);
    assert!(refused.plan.is_none());
    for field in ["medium", "profile", "role"] {
        assert!(refused.findings.iter().any(|it| it.field.ends_with(field)), "{field}");
    }
    // A person says what they are.
    let site = site.replace("medium = \"?\"", "medium = \"fibre\"");
    let site = site.replace("[site.assign]\n", "[site.assign]\nB = 120\nQ = 900\n");
    let site = site.replace("profile = \"?\"", "profile = \"alaxala-ax-mac-dynamic\"");
    let site = site.replace("role = \"?\"", "role = \"auth\"");
    sources.topology.insert("minato/site.toml".to_owned(), site.into_bytes());
    let compiled = plan::compile(&sources, NOW);
    let plan = compiled.plan.unwrap_or_else(|| panic!("{:#?}\n{text}", compiled.findings));
    assert_eq!(told(&compared(&value, &plan)), [""; 0]);
    let minato = plan.switch(plan.switch_by_id("min-sw01").unwrap()).unwrap();
    assert_eq!(minato.ports.len(), 25);
    assert_eq!(plan.sites.last().map(|_| ()), Some(()));
    assert!(plan.sites.iter().any(|site| site.name.ja == "港\"分室\""));
}

#[test]
fn roles_are_told_by_their_names_or_by_the_operator() {
    let mut roles = Roles::default();
    assert!(roles.add("floor=access") && roles.add("access-lab=ignore"));
    assert!(!roles.add("floor") && !roles.add("floor=edge"));
    for (slug, role) in [
        ("core-switch", Some(Some(SwitchRole::Core))),
        ("access", Some(Some(SwitchRole::Access))),
        ("access-point", Some(None)),
        ("core-router", Some(None)),
        ("wlan-controller", Some(Some(SwitchRole::WirelessController))),
        ("floor", Some(Some(SwitchRole::Access))),
        ("access-lab", Some(None)),
        ("switch", None),
    ] {
        assert_eq!(roles.of(slug), role, "{slug}");
    }
}

#[test]
fn ids_are_unique_and_texts_want_the_same_facts() {
    let mut ids = std::collections::HashSet::new();
    for kind in RemarkKind::ALL {
        assert!(ids.insert(kind.id()) && kind.id().starts_with("netbox."), "{}", kind.id());
        let wants = |language| {
            let mut wants: Vec<_> = kind.text().wants(language).collect();
            wants.sort_unstable();
            wants.dedup();
            wants
        };
        assert_eq!(wants(Language::Japanese), wants(Language::English), "{}", kind.id());
    }
}

/// Any JSON value of little depth.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0_u64..50).prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        Just(Value::from("dcim.interface")),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        let keys = prop_oneof![Just("id"), Just("value"), Just("vid"), Just("name"), Just("slug")];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((keys, inner), 0..4).prop_map(|list| {
                list.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
            }),
        ]
    })
}

/// A few objects of every list.
static PART: LazyLock<Value> = LazyLock::new(|| {
    let mut value = export(&CITY, Generation::New);
    for list in value.as_object_mut().unwrap().values_mut() {
        list.as_array_mut().unwrap().truncate(60);
    }
    value
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn no_octets_panic(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut export = Export::default();
        export.add("x.json", &octets);
        prop_assert!(compare(&export, &CITY, &Roles::default()).fragments.is_empty());
    }

    #[test]
    fn no_spoilt_export_panics_and_what_it_proposes_stays_in_its_lines(
        spoilt in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(),
            any::<prop::sample::Index>(), anything()), 1..8)
    ) {
        let mut value = PART.clone();
        for (list, at, key, new) in spoilt {
            let lists = value.as_object_mut().unwrap();
            let list = lists.values_mut().nth(list.index(7)).unwrap().as_array_mut().unwrap();
            let at = at.index(list.len());
            let Some(object) = list[at].as_object_mut() else { continue };
            let length = object.len();
            if let Some(field) = object.values_mut().nth(key.index(length)) {
                *field = new;
            }
        }
        let comparison = compared(&value, &CITY);
        for remark in &comparison.remarks {
            for language in [Language::Japanese, Language::English] {
                prop_assert!(!remark.text(language).contains(char::is_control));
            }
        }
        // Each section is TOML for itself, whatever names hold.
        for part in comparison.fragments.split("# ==== ").skip(1) {
            let (path, text) = part.split_once('\n').unwrap();
            let text = if path.ends_with("port = [ … ]") { format!("port = [\n{text}]") } else { text.to_owned() };
            prop_assert!(text.parse::<toml::Table>().is_ok(), "{part}");
        }
    }
}
