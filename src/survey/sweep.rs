//! The questions that make a view of one switch, in order, and what their answers mean.
//!
//! A forwarding table names bridge ports, those name interfaces, and those have names
//! (RFC 4188 §3.2, RFC 4363 §3.4): nothing else may be taken for a port. A table that a switch
//! does not have is empty, and no fault.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::agent::{Answer, Context, Question};
use super::fault::Fault;
use super::view::{Interface, Neighbour, Station, StpState, View};
use super::walk::{Columns, Row};
use crate::plan::{Forwarding, InterfaceNames};
use crate::vocabulary::{Mac, VlanId};
use crate::wire::snmp::{Binding, Oid, Value};

/// Objects, by the names of their MIBs.
mod object {
    pub(super) const SYS_UP_TIME: [u32; 8] = [1, 3, 6, 1, 2, 1, 1, 3];
    pub(super) const SYS_NAME: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 5, 0];
    pub(super) const IF_DESCR: [u32; 10] = [1, 3, 6, 1, 2, 1, 2, 2, 1, 2];
    pub(super) const IF_ADMIN_STATUS: [u32; 10] = [1, 3, 6, 1, 2, 1, 2, 2, 1, 7];
    pub(super) const IF_OPER_STATUS: [u32; 10] = [1, 3, 6, 1, 2, 1, 2, 2, 1, 8];
    pub(super) const IF_LAST_CHANGE: [u32; 10] = [1, 3, 6, 1, 2, 1, 2, 2, 1, 9];
    pub(super) const IF_NAME: [u32; 11] = [1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1];
    pub(super) const BASE_PORT_IF_INDEX: [u32; 11] = [1, 3, 6, 1, 2, 1, 17, 1, 4, 1, 2];
    pub(super) const STP_PORT_STATE: [u32; 11] = [1, 3, 6, 1, 2, 1, 17, 2, 15, 1, 3];
    pub(super) const TP_FDB_PORT: [u32; 11] = [1, 3, 6, 1, 2, 1, 17, 4, 3, 1, 2];
    pub(super) const TP_FDB_STATUS: [u32; 11] = [1, 3, 6, 1, 2, 1, 17, 4, 3, 1, 3];
    pub(super) const Q_FDB_DYNAMIC_COUNT: [u32; 13] = [1, 3, 6, 1, 2, 1, 17, 7, 1, 2, 1, 1, 2];
    pub(super) const Q_TP_FDB_PORT: [u32; 13] = [1, 3, 6, 1, 2, 1, 17, 7, 1, 2, 2, 1, 2];
    pub(super) const Q_TP_FDB_STATUS: [u32; 13] = [1, 3, 6, 1, 2, 1, 17, 7, 1, 2, 2, 1, 3];
    pub(super) const Q_VLAN_FDB_ID: [u32; 13] = [1, 3, 6, 1, 2, 1, 17, 7, 1, 4, 2, 1, 3];
    pub(super) const PAE_AUTHORISED: [u32; 11] = [1, 0, 8802, 1, 1, 1, 1, 2, 1, 1, 5];
    pub(super) const LLDP_LOC_CHASSIS_SUBTYPE: [u32; 10] = [1, 0, 8802, 1, 1, 2, 1, 3, 1, 0];
    pub(super) const LLDP_LOC_CHASSIS: [u32; 10] = [1, 0, 8802, 1, 1, 2, 1, 3, 2, 0];
    pub(super) const LLDP_LOC_PORT: [u32; 10] = [1, 0, 8802, 1, 1, 2, 1, 3, 7, 1];
    pub(super) const LLDP_REM: [u32; 10] = [1, 0, 8802, 1, 1, 2, 1, 4, 1, 1];
    pub(super) const LLDP_REM_CHANGE: [u32; 9] = [1, 0, 8802, 1, 1, 2, 1, 2, 1];
}

/// dot1dTpFdbStatus, dot1qTpFdbStatus: an address that was learned.
const LEARNED: u64 = 3;
/// Interfaces of one switch: more than the largest chassis has.
const INTERFACES_MAX: usize = 16_384;
/// A name as shown, in characters.
const TEXT_CHARACTERS_MAX: usize = 128;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    System,
    Interfaces,
    Descriptions,
    Bridge,
    VlanIds,
    QForwarding,
    Forwarding,
    /// The VLAN at that place of the list, where each has a context of its own.
    VlanBridge(usize),
    VlanForwarding(usize),
    LocalPorts,
    Neighbours,
    Authorised,
    Over,
}

/// A sweep of one switch under way.
#[derive(Debug)]
pub struct Sweep {
    step: Step,
    forwarding: Forwarding,
    interface_names: InterfaceNames,
    /// VLANs that have a context each.
    vlans: Vec<VlanId>,
    names: BTreeMap<u32, String>,
    interfaces: BTreeMap<u32, Interface>,
    bridge_ports: HashMap<u32, u32>,
    fdb_vlans: HashMap<u32, VlanId>,
    local_ports: HashMap<u32, Vec<String>>,
    stations: BTreeSet<Station>,
    view: View,
}

impl Sweep {
    /// A sweep that has asked nothing yet, of the tables and names that the profile says. `vlans`
    /// are those of the plan at that switch.
    #[must_use]
    pub fn new(
        (forwarding, interface_names): (Forwarding, InterfaceNames),
        vlans: &[VlanId],
    ) -> Self {
        Self {
            step: Step::System,
            forwarding,
            interface_names,
            vlans: vlans.to_vec(),
            names: BTreeMap::new(),
            interfaces: BTreeMap::new(),
            bridge_ports: HashMap::new(),
            fdb_vlans: HashMap::new(),
            local_ports: HashMap::new(),
            stations: BTreeSet::new(),
            view: View::default(),
        }
    }

    /// The next question; `None` when the view is complete.
    #[must_use]
    pub fn question(&self) -> Option<(Context, Question)> {
        let lldp = |table: &[u32; 10], columns: &[u32]| {
            columns.iter().map(|column| Oid::from(table).child(&[*column])).collect()
        };
        let own = |question| Some((Context::Default, question));
        let vlan =
            |at: usize| self.vlans.get(at).map_or(Context::Default, |it| Context::Vlan(it.get()));
        match self.step {
            Step::System => own(Question::Get(vec![
                Oid::from(&object::SYS_NAME),
                Oid::from(&object::LLDP_LOC_CHASSIS_SUBTYPE),
                Oid::from(&object::LLDP_LOC_CHASSIS),
            ])),
            Step::Interfaces => own(Question::Walk(vec![
                match self.interface_names {
                    InterfaceNames::IfName => Oid::from(&object::IF_NAME),
                    InterfaceNames::IfDescr => Oid::from(&object::IF_DESCR),
                },
                Oid::from(&object::IF_ADMIN_STATUS),
                Oid::from(&object::IF_OPER_STATUS),
            ])),
            Step::Descriptions => own(Question::Walk(vec![Oid::from(&object::IF_DESCR)])),
            Step::Bridge => own(bridge()),
            Step::VlanIds => own(Question::Walk(vec![Oid::from(&object::Q_VLAN_FDB_ID)])),
            Step::QForwarding => own(Question::Walk(vec![
                Oid::from(&object::Q_TP_FDB_PORT),
                Oid::from(&object::Q_TP_FDB_STATUS),
            ])),
            Step::Forwarding => own(forwarding()),
            Step::VlanBridge(at) => Some((vlan(at), bridge())),
            Step::VlanForwarding(at) => Some((vlan(at), forwarding())),
            Step::LocalPorts => own(Question::Walk(lldp(&object::LLDP_LOC_PORT, &[3, 4]))),
            Step::Neighbours => own(Question::Walk(lldp(&object::LLDP_REM, &[4, 5, 6, 7, 9, 12]))),
            Step::Authorised => own(Question::Walk(vec![Oid::from(&object::PAE_AUTHORISED)])),
            Step::Over => None,
        }
    }

    /// Takes the answer to [`Sweep::question`].
    ///
    /// # Errors
    /// The fault, where the sweep cannot go on; a table that is refused is one that is not there.
    pub fn answered(&mut self, answer: Result<Answer, Fault>) -> Result<(), Fault> {
        let columns = match answer {
            Ok(Answer::Bindings(bindings)) => {
                self.system(&bindings);
                Vec::new()
            }
            Ok(Answer::Columns(columns)) => columns,
            Err(Fault::Refused(_)) => Vec::new(),
            Err(fault) => return Err(fault),
        };
        self.step = match self.step {
            Step::System => Step::Interfaces,
            Step::Interfaces => {
                self.interfaces(&columns);
                if self.names.is_empty() { Step::Descriptions } else { self.bridging() }
            }
            Step::Descriptions => {
                self.name(column(&columns, 0));
                self.bridging()
            }
            Step::Bridge => {
                self.bridge(&columns);
                match self.forwarding {
                    Forwarding::QBridge => Step::VlanIds,
                    Forwarding::Bridge | Forwarding::VlanContexts => Step::Forwarding,
                }
            }
            Step::VlanIds => {
                self.vlan_ids(column(&columns, 0));
                Step::QForwarding
            }
            Step::QForwarding => {
                self.learned(&columns, |sweep, index| match index {
                    [fdb, mac @ ..] => Some((mac_of(mac)?, sweep.vlan_of(*fdb))),
                    [] => None,
                });
                // Some serve the older table alone.
                if column(&columns, 0).is_empty() { Step::Forwarding } else { Step::LocalPorts }
            }
            Step::Forwarding => {
                self.learned(&columns, |_, index| Some((mac_of(index)?, None)));
                Step::LocalPorts
            }
            Step::VlanBridge(at) => {
                self.bridge_ports.clear();
                self.bridge(&columns);
                Step::VlanForwarding(at)
            }
            Step::VlanForwarding(at) => {
                let vlan = self.vlans.get(at).copied();
                self.learned(&columns, |_, index| Some((mac_of(index)?, vlan)));
                if at + 1 < self.vlans.len() { Step::VlanBridge(at + 1) } else { Step::LocalPorts }
            }
            Step::LocalPorts => {
                self.local(&columns);
                Step::Neighbours
            }
            Step::Neighbours => {
                self.neighbours(&columns);
                Step::Authorised
            }
            Step::Authorised => {
                self.authorised(column(&columns, 0));
                Step::Over
            }
            Step::Over => Step::Over,
        };
        Ok(())
    }

    /// The view, once every question is answered.
    #[must_use]
    pub fn into_view(mut self) -> View {
        let name = |(index, interface): (&u32, &Interface)| {
            Some((self.names.get(index)?.clone(), *interface))
        };
        self.view.interfaces = self.interfaces.iter().filter_map(name).collect();
        self.view.stations = self.stations.into_iter().collect();
        self.view
    }

    /// Where the forwarding tables begin.
    fn bridging(&self) -> Step {
        match self.forwarding {
            Forwarding::VlanContexts if !self.vlans.is_empty() => Step::VlanBridge(0),
            Forwarding::QBridge | Forwarding::Bridge | Forwarding::VlanContexts => Step::Bridge,
        }
    }

    fn system(&mut self, bindings: &[Binding]) {
        let value = |at: usize| bindings.get(at).map(|binding| &binding.value);
        self.view.system = value(0).and_then(Value::octets).map(text).unwrap_or_default();
        let subtype = value(1).and_then(Value::number).unwrap_or(0);
        self.view.chassis = value(2)
            .and_then(Value::octets)
            .map_or_else(String::new, |it| identity(it, subtype == 4));
    }

    fn interfaces(&mut self, columns: &Columns) {
        self.name(column(columns, 0));
        for (index, value) in column(columns, 1) {
            self.interface(index, |it| it.enabled = Some(value.number() == Some(1)));
        }
        for (index, value) in column(columns, 2) {
            self.interface(index, |it| it.up = Some(value.number() == Some(1)));
        }
    }

    fn name(&mut self, rows: &[Row]) {
        for (index, value) in rows {
            let ([number], Some(octets)) = (index.as_slice(), value.octets()) else { continue };
            let name = text(octets);
            if !name.is_empty() && self.names.len() < INTERFACES_MAX {
                self.names.insert(*number, name);
                self.interface(index, |_| {});
            }
        }
    }

    fn interface(&mut self, index: &[u32], change: impl FnOnce(&mut Interface)) {
        let [number] = *index else { return };
        if self.interfaces.len() < INTERFACES_MAX || self.interfaces.contains_key(&number) {
            let interface = self.interfaces.entry(number).or_default();
            interface.index = number;
            change(interface);
        }
    }

    fn bridge(&mut self, columns: &Columns) {
        for (index, value) in column(columns, 0) {
            let interface = value.number().and_then(|number| u32::try_from(number).ok());
            if let ([port], Some(interface)) = (index.as_slice(), interface) {
                self.bridge_ports.insert(*port, interface);
            }
        }
        for (index, value) in column(columns, 1) {
            let state = value.number().and_then(|number| u32::try_from(number).ok());
            let [port] = index.as_slice() else { continue };
            if let (Some(interface), Some(state)) = (self.bridge_ports.get(port).copied(), state) {
                self.interface(&[interface], |it| it.spanning_tree = Some(StpState::of(state)));
            }
        }
    }

    /// dot1qVlanCurrentTable is indexed by a time filter and the VLAN.
    fn vlan_ids(&mut self, rows: &[Row]) {
        for (index, value) in rows {
            let [_, vlan] = index.as_slice() else { continue };
            let vlan = u16::try_from(*vlan).ok().and_then(VlanId::new);
            let fdb = value.number().and_then(|number| u32::try_from(number).ok());
            if let (Some(vlan), Some(fdb)) = (vlan, fdb) {
                self.fdb_vlans.insert(fdb, vlan);
            }
        }
    }

    /// Where the switch does not say which VLAN a table is of, most number it alike.
    fn vlan_of(&self, fdb: u32) -> Option<VlanId> {
        if self.fdb_vlans.is_empty() {
            return u16::try_from(fdb).ok().and_then(VlanId::new);
        }
        self.fdb_vlans.get(&fdb).copied()
    }

    /// Rows of a forwarding table: bridge port, and status where there is one.
    fn learned(
        &mut self,
        columns: &Columns,
        read: impl Fn(&Self, &[u32]) -> Option<(Mac, Option<VlanId>)>,
    ) {
        let statuses: HashMap<&[u32], Option<u64>> =
            column(columns, 1).iter().map(|(index, it)| (index.as_slice(), it.number())).collect();
        for (index, value) in column(columns, 0) {
            let status = statuses.get(index.as_slice()).copied().flatten();
            let port = value.number().and_then(|number| u32::try_from(number).ok());
            // Port 0 is one that the switch does not know itself.
            let Some(port) = port.filter(|port| *port != 0) else { continue };
            if status.is_some_and(|status| status != LEARNED) {
                continue;
            }
            let Some((mac, vlan)) = read(self, index) else { continue };
            let interface = self.bridge_ports.get(&port);
            match interface.and_then(|interface| self.names.get(interface)) {
                Some(name) => {
                    self.stations.insert(Station { port: name.clone(), mac, vlan });
                }
                None => self.view.unplaced += 1,
            }
        }
    }

    fn local(&mut self, columns: &Columns) {
        for (index, value) in columns.iter().flatten() {
            if let ([port], Some(octets)) = (index.as_slice(), value.octets()) {
                self.local_ports.entry(*port).or_default().push(text(octets));
            }
        }
    }

    /// The name of a port of the LLDP tables: one of what it calls itself, or the interface (or
    /// bridge port) of its number.
    fn local_name(&self, port: u32) -> Option<String> {
        let called = self.local_ports.get(&port);
        let named = called
            .and_then(|list| list.iter().find(|own| self.names.values().any(|name| name == *own)));
        let by_number = || {
            let interface = self.bridge_ports.get(&port).unwrap_or(&port);
            self.names.get(interface).or_else(|| self.names.get(&port))
        };
        named.or_else(by_number).cloned()
    }

    /// lldpRemTable is indexed by a time filter, the local port and a number.
    fn neighbours(&mut self, columns: &Columns) {
        let mut rows: BTreeMap<&[u32], [Option<&Value>; 6]> = BTreeMap::new();
        for (place, rows_of) in columns.iter().take(6).enumerate() {
            for (index, value) in rows_of {
                if let Some(cell) = rows.entry(index).or_default().get_mut(place) {
                    *cell = Some(value);
                }
            }
        }
        for (index, [chassis_kind, chassis, port_kind, port, system, capabilities]) in rows {
            let [_, local, _] = *index else { continue };
            let Some(name) = self.local_name(local) else {
                self.view.unplaced += 1;
                continue;
            };
            let id = |value: Option<&Value>, kind: Option<&Value>, mac: u64| {
                let is_mac = kind.and_then(Value::number) == Some(mac);
                value.and_then(Value::octets).map_or_else(String::new, |it| identity(it, is_mac))
            };
            // Bits from the left (RFC 2578 §7.1.4): other, repeater, bridge, access point, router,
            // telephone (IEEE 802.1AB-2005 §12.1).
            let bits = capabilities.and_then(Value::octets).and_then(|it| it.first().copied());
            let bits = bits.unwrap_or(0);
            self.view.neighbours.push(Neighbour {
                port: name,
                chassis: id(chassis, chassis_kind, 4),
                remote_port: id(port, port_kind, 3),
                system: system.and_then(Value::octets).map(text).unwrap_or_default(),
                bridge: bits & 0x20 != 0,
                access_point: bits & 0x10 != 0,
                router: bits & 0x08 != 0,
                telephone: bits & 0x04 != 0,
            });
        }
        self.view.neighbours.sort_unstable();
    }

    /// Indexed by port number, which is the interface's (IEEE8021-PAE-MIB).
    fn authorised(&mut self, rows: &[Row]) {
        for (index, value) in rows {
            if let [number] = index.as_slice()
                && self.interfaces.contains_key(number)
            {
                self.interface(index, |it| it.authorised = Some(value.number() == Some(1)));
            }
        }
    }
}

fn bridge() -> Question {
    Question::Walk(vec![Oid::from(&object::BASE_PORT_IF_INDEX), Oid::from(&object::STP_PORT_STATE)])
}

fn forwarding() -> Question {
    Question::Walk(vec![Oid::from(&object::TP_FDB_PORT), Oid::from(&object::TP_FDB_STATUS)])
}

fn column(columns: &Columns, at: usize) -> &[Row] {
    columns.get(at).map_or(&[], Vec::as_slice)
}

/// Six arcs that are an address, unless it is a group's.
fn mac_of(arcs: &[u32]) -> Option<Mac> {
    let octets: Vec<u8> =
        arcs.iter().map(|arc| u8::try_from(*arc)).collect::<Result<_, _>>().ok()?;
    Mac::new(octets.try_into().ok()?).ok()
}

/// Octets of a stranger as text on one line.
fn text(octets: &[u8]) -> String {
    let text = String::from_utf8_lossy(octets);
    let clean = text.trim_matches(char::from(0)).trim().chars();
    clean.map(|it| if it.is_control() { '·' } else { it }).take(TEXT_CHARACTERS_MAX).collect()
}

/// An id: an address where it says so and has six octets, else text.
fn identity(octets: &[u8], is_mac: bool) -> String {
    let mac = <[u8; 6]>::try_from(octets).ok().filter(|_| is_mac).and_then(|it| Mac::new(it).ok());
    mac.map_or_else(|| text(octets), |mac| mac.to_string())
}

/// What is asked between sweeps, to see for little whether anything moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hints(Vec<Vec<Row>>);

impl Hints {
    /// The question: link changes and the sizes of forwarding tables.
    #[must_use]
    pub fn question() -> Question {
        Question::Walk(vec![
            Oid::from(&object::IF_LAST_CHANGE),
            Oid::from(&object::Q_FDB_DYNAMIC_COUNT),
            Oid::from(&object::LLDP_REM_CHANGE),
            Oid::from(&object::SYS_UP_TIME),
        ])
    }

    /// Of an answer. The switch's own clock always moves, and says only whether it began anew.
    #[must_use]
    pub fn of(answer: Answer) -> Option<(Self, u32)> {
        let Answer::Columns(mut columns) = answer else { return None };
        let uptime = columns.pop()?.first().and_then(|(_, value)| value.number())?;
        Some((Self(columns), u32::try_from(uptime).ok()?))
    }
}
