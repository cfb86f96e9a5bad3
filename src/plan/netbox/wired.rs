//! An export put together: which devices are switches of which names, what their ports carry,
//! and which ports are joined.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Roles;
use super::export::{DeviceObject, Export, InterfaceObject, Mode, VlanReference};
use super::json::{Remarks, Source};
use super::remark::{Remark, RemarkKind};
use crate::plan::{Cable, Plan, SwitchRole};
use crate::vocabulary::{SwitchIndex, VlanId, escape};

/// The export seen as switches with ports, and connections between them.
pub(super) struct Wired<'a> {
    pub(super) switches: Vec<NetSwitch<'a>>,
    pub(super) connections: Vec<Connection>,
    /// The switch and port of an interface.
    places: HashMap<u64, (usize, usize)>,
}

/// A switch: a device, or the devices of one virtual chassis.
pub(super) struct NetSwitch<'a> {
    /// Its name, spelt as the topology does when it has it.
    pub(super) id: String,
    pub(super) known: Option<SwitchIndex>,
    pub(super) role: Option<SwitchRole>,
    /// The device that stands for it.
    pub(super) device: &'a DeviceObject,
    pub(super) units: usize,
    pub(super) ports: Vec<NetPort<'a>>,
}

/// A socket of a switch.
pub(super) struct NetPort<'a> {
    /// Its name, spelt as the topology does when it has it.
    pub(super) name: String,
    pub(super) interface: &'a InterfaceObject,
    /// What it carries; `None` when NetBox does not say.
    pub(super) carries: Option<Carries>,
    pub(super) bundle: Option<String>,
}

/// What a port carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Carries {
    pub(super) mode: Mode,
    /// Empty for `tagged-all`.
    pub(super) tagged: BTreeSet<VlanId>,
    pub(super) untagged: Option<VlanId>,
}

/// Two ports that are joined.
pub(super) struct Connection {
    pub(super) at: Source,
    pub(super) ends: [(usize, usize); 2],
    pub(super) medium: Option<Cable>,
}

impl<'a> Wired<'a> {
    pub(super) fn new(export: &'a Export, plan: &Plan, roles: &Roles, remarks: &Remarks) -> Self {
        let (switches, of_device) = switches(export, plan, roles, remarks);
        let mut wired = Self { switches, connections: Vec::new(), places: HashMap::new() };
        wired.add_ports(export, plan, &of_device, remarks);
        wired.connect(export, remarks);
        wired
    }

    pub(super) fn switch_of(&self, (switch, _): (usize, usize)) -> Option<&NetSwitch<'a>> {
        self.switches.get(switch)
    }

    pub(super) fn port_of(&self, (switch, port): (usize, usize)) -> Option<&NetPort<'a>> {
        self.switches.get(switch)?.ports.get(port)
    }

    /// A port as `network.toml` writes it.
    pub(super) fn shown(&self, place: (usize, usize)) -> String {
        let switch = self.switch_of(place).map_or("?", |switch| &switch.id);
        let port = self.port_of(place).map_or("?", |port| &port.name);
        format!("{switch}:{port}")
    }

    fn add_ports(
        &mut self,
        export: &'a Export,
        plan: &Plan,
        of_device: &HashMap<u64, usize>,
        remarks: &Remarks,
    ) {
        let by_id: HashMap<u64, &InterfaceObject> =
            export.interfaces.iter().map(|interface| (interface.id, interface)).collect();
        let vids: HashMap<u64, VlanId> =
            export.vlans.iter().filter_map(|vlan| Some((vlan.id?, vlan.vid))).collect();
        let reader = Vlans { vids: &vids, remarks };
        let names: Vec<HashMap<String, &str>> =
            self.switches.iter().map(|it| names(it, plan)).collect();
        for interface in export.interfaces.iter().filter(|interface| interface.physical) {
            let Some(&index) = of_device.get(&interface.device) else { continue };
            let Some(switch) = self.switches.get_mut(index) else { continue };
            let lag = interface.lag.and_then(|lag| by_id.get(&lag));
            // A member of a bundle carries what the bundle carries.
            let speaks = match lag {
                Some(lag) if interface.mode.is_none() => lag,
                _ => interface,
            };
            let lower = interface.name.to_lowercase();
            let name = names.get(index).and_then(|names| names.get(&lower));
            self.places.insert(interface.id, (index, switch.ports.len()));
            switch.ports.push(NetPort {
                name: name.map_or_else(|| interface.name.clone(), |name| (*name).to_owned()),
                interface,
                carries: reader.carries(speaks),
                bundle: lag.map(|lag| lag.name.clone()),
            });
        }
    }

    fn connect(&mut self, export: &Export, remarks: &Remarks) {
        let mut pairs = BTreeMap::new();
        let (mut elsewhere, mut planned) = (0_usize, 0_usize);
        let (mut first_elsewhere, mut first_planned) = (None, None);
        for cable in &export.cables {
            if !cable.connected {
                planned += 1;
                first_planned.get_or_insert_with(|| cable.at.clone());
                continue;
            }
            let places = cable.ends.map(|ends| ends.map(|end| self.places.get(&end).copied()));
            if let Some([Some(one), Some(other)]) = places {
                let pair = if one < other { [one, other] } else { [other, one] };
                pairs.entry(pair).or_insert_with(|| (cable.at.clone(), cable.medium));
            } else {
                elsewhere += 1;
                first_elsewhere.get_or_insert_with(|| cable.at.clone());
            }
        }
        for interface in &export.interfaces {
            let Some(&one) = self.places.get(&interface.id) else { continue };
            // Several interfaces behind one cable are a breakout, not a link.
            let [peer] = interface.peers.as_slice() else { continue };
            let Some(&other) = self.places.get(peer) else { continue };
            let pair = if one < other { [one, other] } else { [other, one] };
            pairs.entry(pair).or_insert_with(|| (interface.at.clone(), None));
        }
        let told = [
            (RemarkKind::CablesElsewhere, elsewhere, first_elsewhere),
            (RemarkKind::CablesPlanned, planned, first_planned),
        ];
        for (kind, count, at) in told.into_iter().filter(|(_, count, _)| *count > 0) {
            remarks.push(Remark::new(kind, at).fact("count", count));
        }
        let pairs = pairs.into_iter().filter(|([one, other], _)| one.0 != other.0);
        self.connections =
            pairs.map(|(ends, (at, medium))| Connection { at, ends, medium }).collect();
    }
}

/// The ports of a switch of the topology by their names in lower case.
fn names<'p>(switch: &NetSwitch<'_>, plan: &'p Plan) -> HashMap<String, &'p str> {
    let known = switch.known.and_then(|index| plan.switch(index));
    let ports = known.into_iter().flat_map(|switch| &switch.ports);
    ports.map(|port| (port.name.to_lowercase(), port.name.as_str())).collect()
}

/// The devices that are switches, and which switch a device belongs to.
fn switches<'a>(
    export: &'a Export,
    plan: &Plan,
    roles: &Roles,
    remarks: &Remarks,
) -> (Vec<NetSwitch<'a>>, HashMap<u64, usize>) {
    let known: HashMap<String, SwitchIndex> = (0..)
        .map(SwitchIndex)
        .zip(&plan.switches)
        .map(|(index, switch)| (switch.id.to_lowercase(), index))
        .collect();
    let mut switches: Vec<NetSwitch<'a>> = Vec::new();
    let mut of_device = HashMap::new();
    let mut by_name: HashMap<String, usize> = HashMap::new();
    let mut unknown: BTreeMap<&str, (usize, &DeviceObject)> = BTreeMap::new();
    for device in &export.devices {
        let own = device.name.as_deref();
        let index_of = |name: &str| known.get(&name.to_lowercase()).copied();
        let chassis = device.chassis.as_deref();
        // Its own name counts first: a chassis may be called as its first unit.
        let name = match (own, chassis) {
            (Some(own), Some(_)) if index_of(own).is_some() => own,
            (_, Some(chassis)) => chassis,
            (Some(own), None) => own,
            (None, None) => continue, // OK because a device without a name is known by none
        };
        let index = index_of(name);
        let told = device.role.as_deref().map(|role| (role, roles.of(role)));
        let role = match told {
            Some((_, Some(role))) => role,
            Some((slug, None)) => {
                if index.is_none() {
                    unknown.entry(slug).or_insert((0, device)).0 += 1;
                }
                None
            }
            None => None,
        };
        if index.is_none() && role.is_none() {
            continue;
        }
        if let Some(&at) = by_name.get(&name.to_lowercase()) {
            let Some(first) = switches.get_mut(at) else { continue };
            if chassis.is_some() && first.device.chassis.as_deref() == chassis {
                first.units += 1;
                of_device.insert(device.id, at);
            } else {
                let remark = Remark::new(RemarkKind::NameTwice, Some(device.at.clone()));
                let remark = remark.field("name").fact("switch", escape(name.as_bytes()));
                let other = Remark::new(RemarkKind::NameTwice, Some(first.device.at.clone()));
                remarks.push(remark.fact("other", other.place()));
            }
            continue;
        }
        let id = index.and_then(|index| plan.switch(index)).map(|switch| switch.id.clone());
        by_name.insert(name.to_lowercase(), switches.len());
        of_device.insert(device.id, switches.len());
        switches.push(NetSwitch {
            id: id.unwrap_or_else(|| name.to_owned()),
            known: index,
            role,
            device,
            units: 1,
            ports: Vec::new(),
        });
    }
    for (slug, (count, device)) in unknown {
        let remark = Remark::new(RemarkKind::RoleUnknown, Some(device.at.clone())).field("role");
        remarks.push(remark.fact("role", escape(slug.as_bytes())).fact("count", count));
    }
    (switches, of_device)
}

/// Finds the numbers of VLANs.
struct Vlans<'a> {
    vids: &'a HashMap<u64, VlanId>,
    remarks: &'a Remarks,
}

impl Vlans<'_> {
    fn carries(&self, interface: &InterfaceObject) -> Option<Carries> {
        let mode = interface.mode?;
        let untagged = interface.untagged.as_ref();
        let untagged = untagged.and_then(|vlan| self.vid(interface, "untagged_vlan", vlan));
        let tagged = interface.tagged.iter();
        let tagged = tagged.filter_map(|vlan| self.vid(interface, "tagged_vlans", vlan));
        // NetBox keeps the list when the mode is changed; only `tagged` means it.
        let tagged = if mode == Mode::Tagged { tagged.collect() } else { BTreeSet::new() };
        Some(Carries { mode, tagged, untagged })
    }

    fn vid(
        &self,
        interface: &InterfaceObject,
        field: &'static str,
        vlan: &VlanReference,
    ) -> Option<VlanId> {
        let id = match vlan {
            VlanReference::Vid(vlan) => return Some(*vlan),
            VlanReference::Id(id) => id,
        };
        let found = self.vids.get(id).copied();
        if found.is_none() {
            let remark = Remark::new(RemarkKind::Dangling, Some(interface.at.clone())).field(field);
            self.remarks.push(remark.fact("what", "vlans").fact("id", id));
        }
        found
    }
}

/// Names in ranges as `site.toml` writes them: `0/1-48`.
pub(super) fn ranges<'n>(names: impl Iterator<Item = &'n str>) -> Vec<String> {
    let mut ranges: Vec<(&str, u32, u32)> = Vec::new();
    let mut shown: Vec<String> = Vec::new();
    let flush = |ranges: &mut Vec<(&str, u32, u32)>, shown: &mut Vec<String>| {
        for (stem, first, last) in ranges.drain(..) {
            let one = format!("{stem}{first}");
            shown.push(if first == last { one } else { format!("{one}-{last}") });
        }
    };
    for name in names {
        let stem = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
        let digits = name.strip_prefix(stem).unwrap_or_default();
        // A number with zeros before it would come back without them.
        let number = digits.parse::<u32>().ok().filter(|it| it.to_string() == digits);
        match (number, ranges.last_mut()) {
            (Some(number), Some((other, first, last)))
                if *other == stem
                    && last.checked_add(1) == Some(number)
                    && number - *first < 512 =>
            {
                *last = number;
            }
            (Some(number), _) => {
                flush(&mut ranges, &mut shown);
                ranges.push((stem, number, number));
            }
            (None, _) => {
                flush(&mut ranges, &mut shown);
                shown.push(name.to_owned());
            }
        }
    }
    flush(&mut ranges, &mut shown);
    shown
}

/// VLANs for people; `-` for none.
pub(super) fn list<'v>(vlans: impl IntoIterator<Item = &'v VlanId>) -> String {
    let vlans: Vec<_> = vlans.into_iter().map(VlanId::to_string).collect();
    if vlans.is_empty() { "-".to_owned() } else { vlans.join(", ") }
}
