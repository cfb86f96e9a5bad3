//! `topology/network.toml`: what joins the sites — rings, links and gateways.

use std::collections::HashMap;

use super::gateway;
use super::read::Ground;
use super::{Cable, Link, LinkEnd, PortRole, Ring, RingIndex, Topology};
use crate::plan::FindingKind;
use crate::plan::names::{declare, nearest, resolve};
use crate::plan::read::{Located, Table, document};
use crate::vocabulary::VlanId;

const CABLES: &[(&str, Cable)] =
    &[("fibre", Cable::Fibre), ("radio", Cable::Radio), ("copper", Cable::Copper)];

/// Reads the file; gives the names of the rings.
pub(super) fn read(
    ground: &Ground<'_>,
    octets: &[u8],
    topology: &mut Topology,
) -> HashMap<String, Option<RingIndex>> {
    let mut rings = HashMap::new();
    document("topology/network.toml", octets, ground.sink, |root| {
        for (id, ring) in root.tables("ring", |table| {
            let id = table.id("id")?;
            Some((id.clone(), ring(ground, table, id)))
        }) {
            let index = u16::try_from(topology.rings.len()).ok().map(RingIndex);
            if declare(&mut rings, &id, ring.as_ref().and(index), ground.sink) {
                topology.rings.extend(ring);
            }
        }
        let links = root.tables("link", |table| link(ground, table, topology, &rings));
        topology.links = distinct(ground, links);
        gateway::read(ground, root, topology);
        Some(())
    });
    rings
}

fn ring(ground: &Ground<'_>, table: &Table<'_>, id: Located<String>) -> Option<Ring> {
    let (name, protocol, sites) = (table.name(), table.text("protocol"), table.texts("sites"));
    let sites: Vec<_> =
        sites?.iter().map(|site| resolve(&ground.names.sites, "site", site, ground.sink)).collect();
    let sites = sites.into_iter().collect::<Option<_>>()?;
    Some(Ring { id: id.value, name: name?, protocol: protocol?.value, sites, at: id.at })
}

/// A link with its id and ends where they are written.
type LinkDraft = (Located<String>, Vec<Located<String>>, Link);

fn link(
    ground: &Ground<'_>,
    table: &Table<'_>,
    topology: &Topology,
    rings: &HashMap<String, Option<RingIndex>>,
) -> Option<LinkDraft> {
    let id = table.id("id");
    let medium = table.choice("medium", CABLES);
    let ring = table
        .optional_text("ring")
        .map(|ring| ring.and_then(|ring| resolve(rings, "ring", &ring, ground.sink)));
    let lag = table.optional_text("lag");
    let vlans = table.vlans("vlans").map(|vlans| ground.vlans(&vlans));
    let native = table.vlan_or_none("native");
    let texts = table.texts("ends");
    let (vlans, native, texts) = (vlans?, native?, texts?);
    if let Some(vlan) = &native {
        ground.vlan(vlan);
    }
    let native = native.map(|vlan| vlan.value);
    let carried = (vlans.as_slice(), native);
    let ends: Vec<_> =
        texts.iter().map(|text| end(ground, table, topology, text, carried)).collect();
    let [one, other] = ends.as_slice() else {
        let finding = table.finding(FindingKind::BadLinkEnd, "ends");
        table.push(finding.fact("value", texts.len()));
        return None;
    };
    let (id, ends) = (id?, [(*one)?, (*other)?]);
    let at = id.at.clone();
    let link = Link {
        id: id.value.clone(),
        ends,
        medium: medium?,
        ring: ring?,
        lag: lag?.map(|lag| lag.value),
        vlans,
        native,
        at,
    };
    Some((id, texts, link))
}

/// Reads `switch:port`, a trunk port that carries exactly what the link carries.
fn end(
    ground: &Ground<'_>,
    table: &Table<'_>,
    topology: &Topology,
    text: &Located<String>,
    (vlans, native): (&[VlanId], Option<VlanId>),
) -> Option<LinkEnd> {
    let finding = |kind| text.finding(kind).fact("value", &text.value);
    let Some((name, port_name)) = text.value.split_once(':') else {
        ground.sink.push(finding(FindingKind::BadLinkEnd));
        return None;
    };
    let name = text.clone().map(|_| name.to_owned());
    let index = resolve(&ground.names.switches, "switch", &name, ground.sink)?;
    let switch = topology.switches.get(usize::from(index.0))?;
    let Some(port) = switch.port(port_name) else {
        let hint = nearest(port_name, switch.ports.iter().map(|port| port.name.as_str()));
        let finding = finding(FindingKind::UnknownReference).term("what", "port");
        ground.sink.push(finding.fact("hint", hint));
        return None;
    };
    let (there, untagged) = match &switch.ports.get(usize::from(port.0))?.role {
        PortRole::Trunk { vlans, native, .. } => (vlans.as_slice(), *native),
        PortRole::Access { vlan, .. } => (&[][..], Some(*vlan)),
        PortRole::Auth { .. } | PortRole::Unused => {
            ground.sink.push(finding(FindingKind::LinkEndNotTrunk));
            return None;
        }
    };
    // What differs may join two environments or only carry too little: the proof says which.
    let differs = |what: &'static str, link: String, port: String| {
        let finding = table.finding(FindingKind::LinkDiffers, what).term("what", what);
        let finding = finding.fact("link", link).fact("port", port);
        ground.sink.push(finding.fact("end", &text.value));
    };
    if there != vlans {
        differs("vlans", list(vlans), list(there));
    }
    if untagged != native {
        differs("native", list(native.as_slice()), list(untagged.as_slice()));
    }
    Some(LinkEnd { switch: index, port })
}

fn list(vlans: &[VlanId]) -> String {
    if vlans.is_empty() {
        return "none".to_owned();
    }
    vlans.iter().map(VlanId::to_string).collect::<Vec<_>>().join(", ")
}

/// Ids are unique, and a port holds one cable.
fn distinct(ground: &Ground<'_>, links: Vec<LinkDraft>) -> Vec<Link> {
    let mut ids = HashMap::new();
    let mut taken = HashMap::new();
    let mut distinct = Vec::new();
    for (id, texts, link) in links {
        for (end, text) in link.ends.iter().zip(&texts) {
            if let Some(other) = taken.insert(*end, link.at.clone()) {
                let finding = text.finding(FindingKind::Duplicate).fact("value", &text.value);
                ground.sink.push(finding.fact("other", other));
            }
        }
        if declare(&mut ids, &id, Some(()), ground.sink) {
            distinct.push(link);
        }
    }
    distinct
}
