//! The export that NetBox would answer if it held just what a plan holds, in the spelling of
//! 3.2 and of 4. Shared with `integration/`, hence no name but those of the module around it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::plan::{Cable, Link, LinkEnd, Plan, PortRole, Switch, SwitchRole};

/// How the API of a version spells things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// 3.2: `device_role`, `termination_a_id`, one `connected_endpoint`.
    Old,
    /// 4: `role`, lists of terminations, `connected_endpoints`.
    New,
}

/// The lists of the API by name.
pub fn export(plan: &Plan, generation: Generation) -> Value {
    let mut writer = Writer { plan, new: generation == Generation::New, lists: BTreeMap::new() };
    writer.vlans();
    writer.sites();
    let places = writer.switches();
    writer.add("devices", json!({ "name": "UPS-1", "device_role": { "slug": "ups" } }));
    writer.links(&places);
    json!(writer.lists)
}

struct Writer<'a> {
    plan: &'a Plan,
    new: bool,
    lists: BTreeMap<&'static str, Vec<Value>>,
}

/// The position of a port's interface in its list.
type Places = BTreeMap<(u16, u16), usize>;

impl Writer<'_> {
    /// Adds an object; gives its number.
    fn add(&mut self, list: &'static str, mut object: Value) -> u64 {
        let family = if ["vlans", "prefixes"].contains(&list) { "ipam" } else { "dcim" };
        let objects = self.lists.entry(list).or_default();
        let id = objects.len() as u64 + 1;
        object["id"] = id.into();
        object["url"] = format!("https://netbox.city.example/api/{family}/{list}/{id}/").into();
        object["display"] = "something".into();
        object["tags"] = json!([]);
        object["custom_fields"] = json!({});
        objects.push(object);
        id
    }

    fn vlans(&mut self) {
        for vlan in self.plan.environments.iter().flat_map(|environment| &environment.vlans) {
            let status = json!({ "value": "active", "label": "Active" });
            let object = json!({ "vid": vlan.id.get(), "name": vlan.name, "status": status,
                "site": null, "group": null });
            let id = self.add("vlans", object);
            for prefix in [vlan.prefix, vlan.prefix6].into_iter().flatten() {
                let nested = json!({ "id": id, "vid": vlan.id.get(), "name": vlan.name });
                let family = if prefix.is_ipv4() { 4 } else { 6 };
                let object = json!({ "prefix": prefix.to_string(), "vlan": nested,
                    "family": { "value": family, "label": format!("IPv{family}") },
                    "status": { "value": "active", "label": "Active" } });
                self.add("prefixes", object);
            }
        }
        let container = json!({ "prefix": "10.0.0.0/8", "vlan": null,
            "status": { "value": "container", "label": "Container" } });
        self.add("prefixes", container);
    }

    fn sites(&mut self) {
        for site in &self.plan.sites {
            let name = if self.new { &site.name.ja } else { &site.name.en };
            let group = json!({ "id": 1, "name": site.group, "slug": site.group });
            let object = json!({ "name": name, "slug": site.id, "group": group, "region": null });
            self.add("sites", object);
        }
    }

    fn switches(&mut self) -> Places {
        let mut places = Places::new();
        for (number, switch) in (0_u16..).zip(&self.plan.switches) {
            let role = match switch.role {
                SwitchRole::Access => "access-switch",
                SwitchRole::Distribution => "distribution-switch",
                SwitchRole::Core => "core-switch",
                SwitchRole::WirelessController => "wireless-controller",
            };
            let site = &self.plan.sites[usize::from(switch.site.0)];
            // People write names in capitals.
            let name = if self.new { switch.id.clone() } else { switch.id.to_uppercase() };
            let address = json!({ "id": 1, "address": format!("{}/24", switch.address.ip()) });
            let object = json!({
                "name": name,
                if self.new { "role" } else { "device_role" }: { "id": 1, "slug": role },
                "site": { "id": u64::from(switch.site.0) + 1, "slug": site.id },
                "device_type": { "id": 1, "model": switch.model, "slug": "x" },
                "serial": switch.serial,
                "status": { "value": "active", "label": "Active" },
                "primary_ip": address, "primary_ip4": address, "primary_ip6": null,
                "virtual_chassis": null,
            });
            let id = self.add("devices", object);
            let device = json!({ "id": id, "name": name });
            for (index, port) in (0_u16..).zip(&switch.ports) {
                let object = self.interface(switch, &port.name, &port.role, &device);
                self.add("interfaces", object);
                places.insert((number, index), self.lists["interfaces"].len() - 1);
            }
            let vlan = json!({ "device": device, "name": "Vlan990", "enabled": true, "mode": null,
                "type": { "value": "virtual", "label": "Virtual" } });
            self.add("interfaces", vlan);
        }
        places
    }

    fn interface(&self, switch: &Switch, name: &str, role: &PortRole, device: &Value) -> Value {
        let vlan = |id: u16| json!({ "id": u64::from(id) + 5000, "vid": id, "name": "some" });
        let (mut mode, mut untagged, mut tagged) = (Value::Null, Value::Null, Vec::new());
        match role {
            PortRole::Trunk { vlans, native, all } => {
                let word = if *all { "tagged-all" } else { "tagged" };
                mode = json!({ "value": word, "label": "Tagged" });
                untagged = native.map_or(Value::Null, |native| vlan(native.get()));
                if !all {
                    tagged = vlans.iter().map(|id| vlan(id.get())).collect();
                }
            }
            PortRole::Access { vlan: own, .. } => {
                mode = json!({ "value": "access", "label": "Access" });
                untagged = vlan(own.get());
            }
            PortRole::Auth { environments, fixed_vlan, .. } => {
                let site = &self.plan.sites[usize::from(switch.site.0)];
                let first = environments.first().and_then(|first| site.assigned(*first));
                mode = json!({ "value": "access", "label": "Access" });
                untagged = fixed_vlan.or(first).map_or(Value::Null, |id| vlan(id.get()));
            }
            PortRole::Unused => {}
        }
        json!({
            "device": device, "name": name, "enabled": !matches!(role, PortRole::Unused),
            "type": { "value": "1000base-t", "label": "1000BASE-T (1GE)" }, "mgmt_only": false,
            "mode": mode, "untagged_vlan": untagged, "tagged_vlans": tagged, "lag": null,
            "cable": null, "description": "",
        })
    }

    fn links(&mut self, places: &Places) {
        for (number, link) in self.plan.links.iter().enumerate() {
            let ends = link.ends.map(|end| places[&(end.switch.0, end.port.0)]);
            if let Some(lag) = &link.lag {
                ends.into_iter().zip(link.ends).for_each(|(at, end)| self.bundle(lag, at, end));
            }
            // Every fourth passes a panel.
            self.link(link, ends, number % 4 == 3);
        }
    }

    /// A member of a bundle says nothing itself; the bundle does.
    fn bundle(&mut self, lag: &str, at: usize, end: LinkEnd) {
        let switch = &self.plan.switches[usize::from(end.switch.0)];
        let member = self.lists["interfaces"][at].clone();
        let own = |other: &Value| other["name"] == lag && other["device"] == member["device"];
        let found = self.lists["interfaces"].iter().find(|other| own(other)).cloned();
        let role = &switch.ports[usize::from(end.port.0)].role;
        let id = found.map(|found| found["id"].as_u64().unwrap()).unwrap_or_else(|| {
            let mut bundle = self.interface(switch, lag, role, &member["device"]);
            bundle["type"] = json!({ "value": "lag", "label": "LAG" });
            self.add("interfaces", bundle)
        });
        let member = &mut self.lists.get_mut("interfaces").unwrap()[at];
        member["lag"] = json!({ "id": id, "name": lag, "device": member["device"] });
        (member["mode"], member["untagged_vlan"]) = (Value::Null, Value::Null);
        member["tagged_vlans"] = json!([]);
    }

    fn link(&mut self, link: &Link, ends: [usize; 2], panel: bool) {
        let kind = match link.medium {
            Cable::Fibre => "smf-os2",
            Cable::Copper => "cat6a",
            Cable::Radio => "",
        };
        let objects = ends.map(|at| self.lists["interfaces"][at].clone());
        let nested = |at: usize| {
            json!({ "id": objects[at]["id"], "name": objects[at]["name"],
            "device": objects[at]["device"] })
        };
        let status = json!({ "value": "connected", "label": "Connected" });
        let mut id = 0;
        if link.medium == Cable::Radio {
            let object = json!({ "interface_a": nested(0), "interface_b": nested(1), "ssid": "x",
                "status": status });
            self.add("wireless-links", object);
        } else if panel {
            for object in &objects {
                let kinds = ["dcim.interface", "dcim.frontport"];
                id = self.cable(kinds, [&object["id"], &json!(7)], kind, &status);
            }
        } else {
            let ids = [&objects[0]["id"], &objects[1]["id"]];
            id = self.cable(["dcim.interface"; 2], ids, kind, &status);
        }
        for (at, other) in [(ends[0], 1), (ends[1], 0)] {
            let interface = &mut self.lists.get_mut("interfaces").unwrap()[at];
            if id > 0 {
                interface["cable"] = json!({ "id": id, "label": "" });
            }
            if self.new {
                interface["connected_endpoints"] = json!([nested(other)]);
                interface["connected_endpoints_type"] = "dcim.interface".into();
                interface["connected_endpoints_reachable"] = true.into();
            } else {
                interface["connected_endpoint"] = nested(other);
                interface["connected_endpoint_type"] = "dcim.interface".into();
                interface["connected_endpoint_reachable"] = true.into();
            }
        }
    }

    fn cable(&mut self, kinds: [&str; 2], ids: [&Value; 2], kind: &str, status: &Value) -> u64 {
        let mut object = json!({ "type": kind, "status": status, "label": "" });
        for (side, (of, id)) in ["a", "b"].into_iter().zip(kinds.into_iter().zip(ids)) {
            if self.new {
                object[format!("{side}_terminations")] =
                    json!([{ "object_type": of, "object_id": id, "object": {} }]);
            } else {
                object[format!("termination_{side}_type")] = of.into();
                object[format!("termination_{side}_id")] = id.clone();
            }
        }
        self.add("cables", object)
    }
}
