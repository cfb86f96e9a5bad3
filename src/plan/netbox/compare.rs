//! VLANs, sites and switches side by side.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::export::{Export, Kind, VlanReference};
use super::json::Remarks;
use super::remark::{Remark, RemarkKind};
use super::role_name;
use super::wired::{NetSwitch, Wired};
use crate::plan::{Plan, Switch, Vlan};
use crate::vocabulary::{VlanId, escape};

/// A text of the export as it can be shown.
pub(super) fn shown(text: &str) -> String {
    escape(text.as_bytes())
}

/// Names, prefixes and existence of VLANs. Which environment one belongs to is the plan's to say.
pub(super) fn vlans(export: &Export, plan: &Plan, remarks: &Remarks) {
    let known: BTreeMap<VlanId, &Vlan> = plan
        .environments
        .iter()
        .flat_map(|environment| &environment.vlans)
        .map(|vlan| (vlan.id, vlan))
        .collect();
    let mut unknown = HashSet::new();
    let mut seen = HashSet::new();
    for vlan in &export.vlans {
        seen.insert(vlan.vid);
        let remark = |kind| Remark::new(kind, Some(vlan.at.clone())).fact("vlan", vlan.vid);
        match known.get(&vlan.vid) {
            None if unknown.insert(vlan.vid) => {
                remarks.push(remark(RemarkKind::VlanUnknown).fact("name", shown(&vlan.name)));
            }
            Some(own) if own.name != vlan.name => {
                let remark = remark(RemarkKind::VlanName).field("name");
                remarks.push(remark.fact("netbox", shown(&vlan.name)).fact("plan", &own.name));
            }
            Some(_) | None => {}
        }
    }
    prefixes(export, &known, remarks);
    if export.whole(Kind::Vlans) {
        for vlan in known.values().filter(|vlan| !seen.contains(&vlan.id)) {
            let remark = Remark::new(RemarkKind::VlanAbsent, None).fact("vlan", vlan.id);
            remarks.push(remark.fact("name", &vlan.name));
        }
    }
}

/// A VLAN has one prefix of each family here; NetBox may hold several.
fn prefixes(export: &Export, known: &BTreeMap<VlanId, &Vlan>, remarks: &Remarks) {
    let vids: HashMap<u64, VlanId> =
        export.vlans.iter().filter_map(|vlan| Some((vlan.id?, vlan.vid))).collect();
    let mut of_vlan: BTreeMap<(VlanId, bool), Vec<_>> = BTreeMap::new();
    for prefix in &export.prefixes {
        let vlan = match prefix.vlan {
            VlanReference::Vid(vlan) => Some(vlan),
            VlanReference::Id(id) => vids.get(&id).copied(),
        };
        match vlan {
            Some(vlan) => of_vlan.entry((vlan, prefix.prefix.is_ipv4())).or_default().push(prefix),
            None => {
                let remark = Remark::new(RemarkKind::Dangling, Some(prefix.at.clone()));
                let remark = remark.field("vlan").fact("what", "vlans");
                let id = match prefix.vlan {
                    VlanReference::Id(id) => id,
                    VlanReference::Vid(vlan) => u64::from(vlan.get()),
                };
                remarks.push(remark.fact("id", id));
            }
        }
    }
    for ((vlan, ipv4), list) in of_vlan {
        let Some(own) = known.get(&vlan) else { continue };
        let own = if ipv4 { own.prefix } else { own.prefix6 };
        let Some(first) = list.first() else { continue };
        if !list.iter().any(|prefix| Some(prefix.prefix) == own) {
            let texts: Vec<_> = list.iter().map(|prefix| prefix.prefix.to_string()).collect();
            let remark = Remark::new(RemarkKind::VlanPrefix, Some(first.at.clone()));
            let remark = remark.field("prefix").fact("vlan", vlan);
            let own = own.map_or_else(|| "-".to_owned(), |prefix| prefix.to_string());
            remarks.push(remark.fact("netbox", texts.join(", ")).fact("plan", own));
        }
    }
}

/// Existence and names of sites.
pub(super) fn sites(export: &Export, plan: &Plan, remarks: &Remarks) {
    let slugs: HashSet<String> = export.sites.iter().map(|site| site.slug.to_lowercase()).collect();
    for site in &export.sites {
        let remark = |kind| Remark::new(kind, Some(site.at.clone()));
        let own = plan.sites.iter().find(|own| own.id.eq_ignore_ascii_case(&site.slug));
        let Some(own) = own else {
            let remark = remark(RemarkKind::SiteMissing).fact("site", shown(&site.slug));
            remarks.push(remark.fact("name", shown(&site.name)));
            continue;
        };
        if ![&own.name.ja, &own.name.en].contains(&&site.name) {
            let plan = format!("{} / {}", own.name.ja, own.name.en);
            let remark = remark(RemarkKind::SiteName).field("name").fact("site", &own.id);
            remarks.push(remark.fact("netbox", shown(&site.name)).fact("plan", plan));
        }
    }
    if export.whole(Kind::Sites) {
        for site in plan.sites.iter().filter(|site| !slugs.contains(&site.id.to_lowercase())) {
            remarks.push(Remark::new(RemarkKind::SiteAbsent, None).fact("site", &site.id));
        }
    }
}

/// Existence of switches, and what NetBox says about each as a whole.
pub(super) fn switches(wired: &Wired<'_>, export: &Export, plan: &Plan, remarks: &Remarks) {
    let mut seen = HashSet::new();
    for net in &wired.switches {
        let Some((index, own)) = net.known.and_then(|index| Some((index, plan.switch(index)?)))
        else {
            missing(net, remarks);
            continue;
        };
        seen.insert(index);
        let site = plan.site(own.site).map_or("?", |site| &site.id);
        switch(net, own, site, remarks);
    }
    if export.whole(Kind::Devices) {
        let own = (0..).map(crate::vocabulary::SwitchIndex).zip(&plan.switches);
        for (_, own) in own.filter(|(index, _)| !seen.contains(index)) {
            remarks.push(Remark::new(RemarkKind::SwitchAbsent, None).fact("switch", &own.id));
        }
    }
}

fn missing(net: &NetSwitch<'_>, remarks: &Remarks) {
    let device = net.device;
    let remark = |kind| Remark::new(kind, Some(device.at.clone())).fact("switch", shown(&net.id));
    if let Some(status) = device.idle() {
        let remark = remark(RemarkKind::NotInService).field("status");
        remarks.push(remark.fact("status", status));
        return;
    }
    let word = |text: &Option<String>| text.as_deref().map_or_else(|| "-".to_owned(), shown);
    let remark = remark(RemarkKind::SwitchMissing).fact("site", word(&device.site));
    let remark = remark.fact("role", net.role.map_or("?", role_name));
    remarks.push(remark.fact("model", word(&device.model)));
}

fn switch(net: &NetSwitch<'_>, own: &Switch, site: &str, remarks: &Remarks) {
    let device = net.device;
    let differs = |kind, field: &str, netbox: &str, plan: &str| {
        let remark = Remark::new(kind, Some(device.at.clone())).field(field);
        let remark = remark.fact("switch", &own.id).fact("netbox", shown(netbox));
        remarks.push(remark.fact("plan", plan));
    };
    let text = |kind, field: &str, netbox: &Option<String>, plan: &str| {
        if let Some(netbox) = netbox
            && !netbox.eq_ignore_ascii_case(plan)
        {
            differs(kind, field, netbox, plan);
        }
    };
    text(RemarkKind::SwitchSite, "site.slug", &device.site, site);
    text(RemarkKind::SwitchModel, "device_type.model", &device.model, &own.model);
    if net.units == 1 && device.chassis.is_none() {
        text(RemarkKind::SwitchSerial, "serial", &device.serial, &own.serial);
    }
    if let Some(role) = net.role
        && role != own.role
    {
        differs(RemarkKind::SwitchRole, "role", role_name(role), role_name(own.role));
    }
    if let Some(address) = device.address
        && !own.address.contains(address)
    {
        let bits = if own.address.is_ipv4() { 32 } else { 128 };
        let host = own.address.prefix() == bits;
        let plan = if host { own.address.ip().to_string() } else { own.address.to_string() };
        differs(RemarkKind::SwitchAddress, "primary_ip", &address.to_string(), &plan);
    }
    if net.units != usize::from(own.stack) {
        let (netbox, plan) = (net.units.to_string(), own.stack.to_string());
        differs(RemarkKind::SwitchStack, "virtual_chassis", &netbox, &plan);
    }
    if let Some(status) = device.idle() {
        let remark = Remark::new(RemarkKind::SwitchStatus, Some(device.at.clone()));
        let remark = remark.field("status").fact("switch", &own.id);
        remarks.push(remark.fact("status", status));
    }
}
