//! Connections side by side with the links of `network.toml`.

use std::collections::{HashMap, HashSet};

use super::cable_name;
use super::compare::shown;
use super::export::{Export, Kind};
use super::json::Remarks;
use super::ports::told;
use super::remark::{Remark, RemarkKind};
use super::wired::{Connection, Wired};
use crate::plan::{Cable, Link, LinkEnd, Plan};

/// Compares every connection with the links, and tells of links that NetBox does not know.
pub(super) fn links(wired: &Wired<'_>, export: &Export, plan: &Plan, remarks: &Remarks) {
    let by_end: HashMap<LinkEnd, &Link> =
        plan.links.iter().flat_map(|link| link.ends.map(|end| (end, link))).collect();
    let mut seen = HashSet::new();
    for connection in &wired.connections {
        agree(wired, connection, remarks);
        let ends = connection.ends.map(|place| own_end(wired, plan, place));
        let found = ends.map(|end| end.and_then(|end| by_end.get(&end).copied()));
        if let [Some(link), Some(other)] = found
            && link.id == other.id
        {
            seen.insert(link.id.as_str());
            same(wired, connection, link, remarks);
            continue;
        }
        let mut elsewhere = false;
        for (position, link) in found.iter().enumerate() {
            let (Some(link), Some(end)) = (link, ends.get(position).copied().flatten()) else {
                continue;
            };
            elsewhere = true;
            seen.insert(link.id.as_str());
            let far = link.ends.iter().find(|far| **far != end);
            let [one, other] = connection.ends;
            let (here, there) = if position == 0 { (one, other) } else { (other, one) };
            let remark = Remark::new(RemarkKind::LinkElsewhere, Some(connection.at.clone()));
            let remark = remark.fact("end", shown(&wired.shown(here)));
            let remark = remark.fact("netbox", shown(&wired.shown(there)));
            remarks.push(remark.fact("plan", far.map_or_else(String::new, |far| name(plan, *far))));
        }
        if !elsewhere && !idle(wired, connection) {
            let [one, other] = connection.ends.map(|place| shown(&wired.shown(place)));
            let remark = Remark::new(RemarkKind::LinkMissing, Some(connection.at.clone()));
            remarks.push(remark.fact("one", one).fact("other", other));
        }
    }
    // NetBox keeps radio links apart from cables; either needs the ports it joins.
    let placed = export.whole(Kind::Devices) && export.whole(Kind::Interfaces);
    let whole = |link: &&Link| {
        let radio = link.medium == Cable::Radio;
        placed && export.whole(if radio { Kind::WirelessLinks } else { Kind::Cables })
    };
    let unseen = plan.links.iter().filter(|link| !seen.contains(link.id.as_str()));
    for link in unseen.filter(whole) {
        let [one, other] = link.ends.map(|end| name(plan, end));
        let remark = Remark::new(RemarkKind::LinkAbsent, None).fact("link", &link.id);
        remarks.push(remark.fact("one", one).fact("other", other));
    }
}

/// Whether an end is a switch that is planned or gone.
pub(super) fn idle(wired: &Wired<'_>, connection: &Connection) -> bool {
    let mut switches = connection.ends.iter().filter_map(|place| wired.switch_of(*place));
    switches.any(|net| net.known.is_none() && net.device.idle().is_some())
}

/// The end of a link where a port of the export is in the topology.
pub(super) fn own_end(wired: &Wired<'_>, plan: &Plan, place: (usize, usize)) -> Option<LinkEnd> {
    let switch = wired.switch_of(place)?.known?;
    let port = plan.port_by_name(switch, &wired.port_of(place)?.name)?;
    Some(LinkEnd { switch, port })
}

fn name(plan: &Plan, end: LinkEnd) -> String {
    let switch = plan.switch(end.switch).map_or("?", |switch| &switch.id);
    let port = plan.port(end.switch, end.port).map_or("?", |port| &port.name);
    format!("{switch}:{port}")
}

fn same(wired: &Wired<'_>, connection: &Connection, link: &Link, remarks: &Remarks) {
    let differs = |kind, netbox: &str, plan: &str| {
        let remark = Remark::new(kind, Some(connection.at.clone())).fact("link", &link.id);
        remarks.push(remark.fact("netbox", shown(netbox)).fact("plan", plan));
    };
    if let Some(medium) = connection.medium
        && medium != link.medium
    {
        differs(RemarkKind::LinkMedium, cable_name(medium), cable_name(link.medium));
    }
    let bundles = connection.ends.map(|place| wired.port_of(place)?.bundle.as_deref());
    let bundle = bundles.iter().flatten().next().copied();
    if bundle.is_some() != link.lag.is_some() {
        differs(RemarkKind::LinkBundle, bundle.unwrap_or("-"), link.lag.as_deref().unwrap_or("-"));
    }
}

/// Two ends that carry different VLANs are a mistake in NetBox itself.
fn agree(wired: &Wired<'_>, connection: &Connection, remarks: &Remarks) {
    let [one, other] = connection.ends;
    let carries = |place| wired.port_of(place)?.carries.as_ref();
    let (Some(left), Some(right)) = (carries(one), carries(other)) else { return };
    let same = left.tagged == right.tagged && left.untagged == right.untagged;
    // `tagged-all` is whatever the switch has; what that is, NetBox does not say.
    if same || left.mode != right.mode {
        return;
    }
    let remark = Remark::new(RemarkKind::EndsDiffer, Some(connection.at.clone()));
    let remark = remark.fact("one", shown(&wired.shown(one))).fact("left", told(left));
    remarks.push(remark.fact("other", shown(&wired.shown(other))).fact("right", told(right)));
}
