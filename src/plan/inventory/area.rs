//! Places as files write them.

use super::Area;
use crate::plan::FindingKind;
use crate::plan::finding::Sink;
use crate::plan::names::nearest;
use crate::plan::names::{Names, resolve};
use crate::plan::read::Located;
use crate::plan::topology::Topology;

/// Reads a place as files write it: `site`, `site/switch`, `site/switch/port` (the port's name
/// may hold slashes), `site/controller/ssid:name`. `None` after a finding, or where the name
/// belongs to something that has findings of its own.
pub(in crate::plan) fn area(
    text: &Located<String>,
    names: &Names,
    topology: &Topology,
    sink: &Sink,
) -> Option<Area> {
    let part = |part: &str| text.clone().map(|_| part.to_owned());
    let mut parts = text.value.splitn(3, '/');
    let site_name = part(parts.next()?);
    let site = resolve(&names.sites, "site", &site_name, sink);
    let Some(switch_name) = parts.next() else { return site.map(Area::Site) };
    let index = resolve(&names.switches, "switch", &part(switch_name), sink);
    let (site, index) = (site?, index?);
    let switch = topology.switches.get(usize::from(index.0))?;
    if switch.site != site {
        let other = topology.sites.get(usize::from(switch.site.0))?;
        let finding = text.finding(FindingKind::PlaceSwitchElsewhere).fact("switch", switch_name);
        sink.push(finding.fact("site", site_name.value).fact("other", &other.id));
        return None;
    }
    let Some(point) = parts.next() else { return Some(Area::Switch(index)) };
    if let Some(ssid) = point.strip_prefix("ssid:") {
        if switch.network(ssid).is_some() {
            return Some(Area::Network(index, ssid.to_owned()));
        }
        let known = switch.networks.iter().map(|network| network.ssid.as_str());
        unknown(text, "ssid", ssid, nearest(ssid, known), sink);
        return None;
    }
    let port = switch.port(point);
    if port.is_none() {
        let known = switch.ports.iter().map(|port| port.name.as_str());
        unknown(text, "port", point, nearest(point, known), sink);
    }
    port.map(|port| Area::Port(index, port))
}

fn unknown(text: &Located<String>, what: &'static str, value: &str, hint: String, sink: &Sink) {
    let finding = text.finding(FindingKind::UnknownReference).term("what", what);
    sink.push(finding.fact("value", value).fact("hint", hint));
}
