//! The objects of NetBox's API, in the spellings of its versions 2.10 to 4.

use std::net::IpAddr;

use ipnetwork::IpNetwork;

use super::export::{
    CableObject, DeviceObject, InterfaceObject, Mode, PrefixObject, SiteObject, VlanObject,
    VlanReference,
};
use super::json::{Item, Reference, Source};
use super::remark::RemarkKind;
use crate::plan::Cable;
use crate::vocabulary::VlanId;

/// Tagged VLANs of one interface, terminations of one cable end.
const LIST_MAX: usize = 4_096;
const INTERFACE: &str = "dcim.interface";

pub(super) fn site(item: &Item<'_>, at: &Source) -> Option<SiteObject> {
    let (slug, name) = (item.name("slug"), item.name("name"));
    let group = item
        .within("group", &["slug", "name"])
        .or_else(|| item.within("region", &["slug", "name"]));
    Some(SiteObject { at: at.clone(), slug: slug?, name: name?, group })
}

pub(super) fn device(item: &Item<'_>, at: &Source) -> Option<DeviceObject> {
    let id = item.needed_number("id");
    // `role` since 3.6; before, and beside it until 4.0, `device_role`.
    let role = item.within("role", &["slug", "name"]);
    let role = role.or_else(|| item.within("device_role", &["slug", "name"]));
    let address = ["primary_ip4", "primary_ip", "primary_ip6"].iter().find_map(|key| {
        let nested = item.nested(key)?;
        let text = nested.text("address")?;
        let address = text.split('/').next().and_then(|text| text.parse::<IpAddr>().ok());
        if address.is_none() {
            nested.bad("address", &text, "IP address");
        }
        address
    });
    Some(DeviceObject {
        at: at.clone(),
        id: id?,
        name: item.text("name"),
        role: role.map(|role| role.to_lowercase()),
        site: item.within("site", &["slug"]),
        model: item.within("device_type", &["model"]),
        serial: item.text("serial"),
        address,
        status: item.choice("status"),
        chassis: item.within("virtual_chassis", &["name", "display"]),
    })
}

pub(super) fn interface(item: &Item<'_>, at: &Source) -> Option<InterfaceObject> {
    let (id, name) = (item.needed_number("id"), item.name("name"));
    if !item.has("device") {
        item.push(item.remark(RemarkKind::FieldMissing, "device"));
    }
    let device = item.reference_id("device");
    let kind = item.choice("type").unwrap_or_default();
    // Neither is management out of band a part of the network that is proven.
    let physical = !["virtual", "lag", "bridge"].contains(&kind.as_str())
        && !item.flag("mgmt_only").unwrap_or(false);
    let mode = item.choice("mode").and_then(|mode| match mode.as_str() {
        "access" => Some(Mode::Access),
        "tagged" => Some(Mode::Tagged),
        "tagged-all" => Some(Mode::TaggedAll),
        _ => {
            let shown = crate::vocabulary::escape(mode.as_bytes());
            item.push(item.remark(RemarkKind::ModeUnsupported, "mode").fact("mode", shown));
            None
        }
    });
    let untagged = item
        .reference("untagged_vlan")
        .and_then(|vlan| vlan_reference(item, "untagged_vlan", &vlan));
    let tagged = bounded(item, "tagged_vlans");
    let tagged = tagged.iter().filter_map(|(key, vlan)| vlan_reference(item, key, vlan)).collect();
    Some(InterfaceObject {
        at: at.clone(),
        id: id?,
        device: device?,
        name: name?,
        physical,
        enabled: item.flag("enabled").unwrap_or(true),
        cabled: item.has("cable") || item.has("wireless_link"),
        mode,
        untagged,
        tagged,
        lag: item.reference_id("lag"),
        peers: peers(item),
    })
}

/// The interfaces at the far end: a list since 3.3, one object before.
fn peers(item: &Item<'_>) -> Vec<u64> {
    let reachable = item.flag("connected_endpoints_reachable");
    let reachable = reachable.or_else(|| item.flag("connected_endpoint_reachable"));
    if reachable == Some(false) {
        return Vec::new();
    }
    if item.text("connected_endpoints_type").as_deref() == Some(INTERFACE) {
        let peers = bounded(item, "connected_endpoints");
        return peers.iter().filter_map(|(_, peer)| number(peer)).collect();
    }
    if item.text("connected_endpoint_type").as_deref() == Some(INTERFACE) {
        return item.reference_id("connected_endpoint").into_iter().collect();
    }
    Vec::new()
}

fn number(reference: &Reference<'_>) -> Option<u64> {
    match reference {
        Reference::Nested(item) => item.needed_number("id"),
        Reference::Number(id) => Some(*id),
    }
}

fn bounded<'a>(item: &Item<'a>, key: &str) -> Vec<(String, Reference<'a>)> {
    let mut list = item.list(key);
    if list.len() > LIST_MAX {
        item.push(item.remark(RemarkKind::TooMany, key).fact("max", LIST_MAX));
        list.truncate(LIST_MAX);
    }
    list
}

fn vlan_reference(item: &Item<'_>, key: &str, vlan: &Reference<'_>) -> Option<VlanReference> {
    match vlan {
        Reference::Number(id) => Some(VlanReference::Id(*id)),
        Reference::Nested(nested) if nested.has("vid") => vid(nested).map(VlanReference::Vid),
        Reference::Nested(nested) => match nested.number("id") {
            Some(id) => Some(VlanReference::Id(id)),
            None => {
                item.push(item.remark(RemarkKind::FieldMissing, &format!("{key}.vid")));
                None
            }
        },
    }
}

fn vid(item: &Item<'_>) -> Option<VlanId> {
    let number = item.needed_number("vid")?;
    let vlan = u16::try_from(number).ok().and_then(VlanId::new);
    if vlan.is_none() {
        item.bad("vid", &number.to_string(), "VLAN id");
    }
    vlan
}

pub(super) fn vlan(item: &Item<'_>, at: &Source) -> Option<VlanObject> {
    let (vid, name) = (vid(item), item.name("name"));
    Some(VlanObject { at: at.clone(), id: item.number("id"), vid: vid?, name: name? })
}

/// A prefix without VLAN, or one that only holds others, says nothing about the topology.
pub(super) fn prefix(item: &Item<'_>, at: &Source) -> Option<PrefixObject> {
    let text = item.name("prefix");
    if item.choice("status").as_deref() == Some("container") {
        return None;
    }
    let vlan = item.reference("vlan")?;
    let vlan = vlan_reference(item, "vlan", &vlan);
    let text = text?;
    let Ok(prefix) = text.parse::<IpNetwork>() else {
        item.bad("prefix", &text, "IP prefix");
        return None;
    };
    Some(PrefixObject { at: at.clone(), prefix, vlan: vlan? })
}

pub(super) fn cable(item: &Item<'_>, at: &Source) -> Option<CableObject> {
    let medium = item.choice("type").and_then(|kind| {
        let copper = ["cat", "mrj21", "dac", "coax", "rg-", "lmr-"];
        let fibre = ["mmf", "smf", "aoc"];
        let starts = |list: &[&str]| list.iter().any(|start| kind.starts_with(start));
        match (starts(&fibre), starts(&copper)) {
            (true, _) => Some(Cable::Fibre),
            (false, true) => Some(Cable::Copper),
            (false, false) => None,
        }
    });
    // Since 3.3 each end is a list; before, it was one object.
    let ends = if item.has("a_terminations") || item.has("b_terminations") {
        let end = |key| match bounded(item, key).as_slice() {
            [(_, Reference::Nested(end))]
                if end.text("object_type").as_deref() == Some(INTERFACE) =>
            {
                end.needed_number("object_id")
            }
            _ => None,
        };
        (end("a_terminations"), end("b_terminations"))
    } else {
        let end = |kind, id| {
            let interface = item.text(kind).as_deref() == Some(INTERFACE);
            interface.then(|| item.needed_number(id)).flatten()
        };
        let one = end("termination_a_type", "termination_a_id");
        (one, end("termination_b_type", "termination_b_id"))
    };
    let connected = item.choice("status").is_none_or(|status| status == "connected");
    let ends = ends.0.zip(ends.1).map(|(one, other)| [one, other]);
    Some(CableObject { at: at.clone(), ends, medium, connected })
}

pub(super) fn wireless(item: &Item<'_>, at: &Source) -> Option<CableObject> {
    let (one, other) = (item.reference_id("interface_a"), item.reference_id("interface_b"));
    let connected = item.choice("status").is_none_or(|status| status == "connected");
    let ends = one.zip(other).map(|(one, other)| [one, other]);
    Some(CableObject { at: at.clone(), ends, medium: Some(Cable::Radio), connected })
}
