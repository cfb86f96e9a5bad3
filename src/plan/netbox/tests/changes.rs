//! Each way an export may differ from the city, and what is told of it.

use serde_json::{Value, json};

use super::CITY;

/// A port's interface.
pub(super) fn port<'a>(value: &'a mut Value, switch: &str, name: &str) -> (usize, &'a mut Value) {
    let list = value["interfaces"].as_array_mut().unwrap();
    let is = |it: &Value| it["device"]["name"] == switch && it["name"] == name;
    let at = list.iter().position(is).unwrap();
    (at, &mut list[at])
}

pub(super) type Change = fn(&mut Value);

/// Each way an export may differ, and what is told of it and where.
pub(super) const CHANGES: &[(Change, &str)] = &[
    (
        |it| it["sites"][0]["name"] = "別の庁舎".into(),
        "netbox.site-name netbox.json: sites[0].name (#1)",
    ),
    (|it| drop_last(it, "sites"), "netbox.site-absent"),
    (
        |it| it["devices"][0]["site"]["slug"] = "honcho".into(),
        "netbox.switch-site netbox.json: devices[0].site.slug (#1)",
    ),
    (
        |it| it["devices"][0]["role"]["slug"] = "core".into(),
        "netbox.switch-role netbox.json: devices[0].role (#1)",
    ),
    (
        |it| it["devices"][0]["device_type"]["model"] = "X".into(),
        "netbox.switch-model netbox.json: devices[0].device_type.model (#1)",
    ),
    (
        |it| it["devices"][0]["serial"] = "X".into(),
        "netbox.switch-serial netbox.json: devices[0].serial (#1)",
    ),
    (
        |it| it["devices"][0]["primary_ip4"]["address"] = "192.0.2.1/24".into(),
        "netbox.switch-address netbox.json: devices[0].primary_ip (#1)",
    ),
    (
        |it| it["devices"][0]["status"]["value"] = "decommissioning".into(),
        "netbox.switch-status netbox.json: devices[0].status (#1)",
    ),
    (|it| it["devices"][0]["name"] = "elsewhere".into(), "netbox.switch-absent"),
    (
        |it| it["devices"][0]["name"] = "elsewhere".into(),
        "netbox.switch-missing netbox.json: devices[0] (#1)",
    ),
    (
        |it| it["devices"][1]["name"] = it["devices"][0]["name"].clone(),
        "netbox.name-twice netbox.json: devices[1].name (#2)",
    ),
    (
        |it| {
            let mut second = it["devices"][0].clone();
            it["devices"][0]["virtual_chassis"] =
                json!({ "id": 1, "name": it["devices"][0]["name"] });
            second["virtual_chassis"] = it["devices"][0]["virtual_chassis"].clone();
            (second["id"], second["name"]) = (9999.into(), "unit-2".into());
            it["devices"].as_array_mut().unwrap().push(second);
        },
        "netbox.switch-stack netbox.json: devices[0].virtual_chassis (#1)",
    ),
    (
        |it| it["interfaces"][0]["name"] = "mgmt9".into(),
        "netbox.port-missing netbox.json: interfaces[0] (#1)",
    ),
    (
        |it| it["interfaces"][0]["name"] = "mgmt9".into(),
        "netbox.ports-absent netbox.json: devices[0] (#1)",
    ),
    (
        |it| it["interfaces"][0]["enabled"] = false.into(),
        "netbox.port-use netbox.json: interfaces[0].enabled (#1)",
    ),
    (|it| port(it, "aoh-dist1", "1/1/1").1["mode"] = Value::Null, "netbox.trunk-vlans-absent"),
    (|it| port(it, "aoh-dist1", "1/1/1").1["mode"]["value"] = "access".into(), "netbox.port-use"),
    (|it| port(it, "aoh-dist1", "1/1/1").1["mode"]["value"] = "tagged-all".into(), ""),
    (
        |it| port(it, "aoh-dist1", "1/1/1").1["mode"]["value"] = "q-in-q".into(),
        "netbox.mode-unsupported",
    ),
    (
        |it| port(it, "aoh-dist1", "1/1/1").1["untagged_vlan"] = json!({ "vid": 990 }),
        "netbox.native-vlan",
    ),
    (
        |it| port(it, "aoh-sw01", "0/1").1["untagged_vlan"] = json!({ "vid": 990 }),
        "netbox.port-vlan",
    ),
    (|it| port(it, "aoh-sw01", "0/1").1["mode"]["value"] = "tagged-all".into(), "netbox.port-use"),
    (|it| port(it, "aoh-sw01", "0/51").1["mode"] = json!("access"), ""),
    (
        |it| {
            let unused = port(it, "aoh-sw01", "0/51").1;
            (unused["mode"], unused["enabled"]) = (json!("access"), true.into());
        },
        "netbox.port-use",
    ),
    (
        |it| port(it, "aoh-sw01", "0/1").1["untagged_vlan"] = json!({ "vid": 777 }),
        "netbox.vlan-unknown",
    ),
    (|it| port(it, "aoh-sw01", "0/1").1["untagged_vlan"] = json!(424_242), "netbox.dangling"),
    (|it| it["vlans"][0]["name"] = "X".into(), "netbox.vlan-name netbox.json: vlans[0].name (#1)"),
    (|it| it["vlans"][0]["vid"] = 777.into(), "netbox.vlan-unknown netbox.json: vlans[0] (#1)"),
    (|it| it["vlans"][0]["vid"] = 777.into(), "netbox.vlan-absent"),
    (
        |it| it["prefixes"][0]["prefix"] = "10.9.0.0/16".into(),
        "netbox.vlan-prefix netbox.json: prefixes[0].prefix (#1)",
    ),
    (
        |it| it["prefixes"][0]["vlan"] = json!(4242),
        "netbox.dangling netbox.json: prefixes[0].vlan (#1)",
    ),
    (|it| rewire(it, "core-1", "core-2"), "netbox.link-elsewhere"),
    (
        |it| it["cables"][0]["type"] = "cat6".into(),
        "netbox.link-medium netbox.json: cables[0] (#1)",
    ),
    (|it| unplug(it), "netbox.link-absent"),
    (
        |it| {
            let bundle = json!({ "device": it["interfaces"][0]["device"], "name": "LAG1", "id": 99_999,
                "type": "lag", "mode": null });
            it["interfaces"].as_array_mut().unwrap().push(bundle);
            let id = it["cables"][0]["a_terminations"][0]["object_id"].clone();
            let list = it["interfaces"].as_array_mut().unwrap();
            let end = list.iter_mut().find(|interface| interface["id"] == id).unwrap();
            end["lag"] = json!({ "id": 99_999 });
        },
        "netbox.link-bundle netbox.json: cables[0] (#1)",
    ),
    (
        |it| it["devices"] = json!({ "count": 1_000_000, "results": it["devices"] }),
        "netbox.truncated",
    ),
    (
        |it| it["interfaces"][12]["untagged_vlan"] = json!([1]),
        "netbox.wrong-type netbox.json: interfaces[12].untagged_vlan (#13)",
    ),
    (
        |it| it["interfaces"][12]["enabled"] = json!("yes"),
        "netbox.wrong-type netbox.json: interfaces[12].enabled (#13)",
    ),
    (
        |it| it["interfaces"][12]["untagged_vlan"] = json!({ "vid": 5000 }),
        "netbox.bad-value netbox.json: interfaces[12].untagged_vlan.vid (#13)",
    ),
    (|it| it["vlans"] = json!(7), "netbox.wrong-type netbox.json: vlans"),
    (
        |it| it["devices"][0]["device_type"] = json!({ "model": "x".repeat(500) }),
        "netbox.too-long netbox.json: devices[0].device_type.model (#1)",
    ),
    (
        |it| it["sites"][0]["slug"] = Value::Null,
        "netbox.field-missing netbox.json: sites[0].slug (#1)",
    ),
    (
        |it| it["interfaces"][0]["tagged_vlans"] = json!(vec![1; 5000]),
        "netbox.too-many netbox.json: interfaces[0].tagged_vlans (#1)",
    ),
    (|it| *it = json!({}), "netbox.kind-unknown netbox.json"),
];

fn drop_last(value: &mut Value, list: &str) {
    value[list].as_array_mut().unwrap().pop();
}

/// Gives the far ends of two links to each other.
fn rewire(value: &mut Value, one: &str, other: &str) {
    let position = |id: &str| CITY.links.iter().position(|link| link.id == id).unwrap();
    assert!(position(one) < 3 && position(other) < 3, "no panels");
    let (one, other) = (position(one), position(other));
    let list = value["cables"].as_array_mut().unwrap();
    let end = list[one]["b_terminations"].clone();
    list[one]["b_terminations"] = list[other]["b_terminations"].clone();
    list[other]["b_terminations"] = end;
    for interface in value["interfaces"].as_array_mut().unwrap() {
        interface["connected_endpoints_type"] = Value::Null;
    }
}

fn unplug(value: &mut Value) {
    value["cables"].as_array_mut().unwrap().remove(0);
    for interface in value["interfaces"].as_array_mut().unwrap() {
        if interface["cable"]["id"] == 1 {
            interface["connected_endpoints_reachable"] = false.into();
        }
    }
}
