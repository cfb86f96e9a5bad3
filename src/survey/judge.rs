//! What in the views of switches should not be: an address without a session at a port where
//! devices must authenticate (R17), one address in two places (R18), a neighbour that nobody
//! declared (R19).
//!
//! A table shows a little of the past: an address stays until it has aged, and a session may
//! have ended or begun between two questions. So nothing is said of what only one sweep shows,
//! of a session that ended lately, or of a place that could still be the old one of a device
//! that moved.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use super::view::{Neighbour, View};
use crate::plan::{HostMode, LinkEnd, Plan, Port, PortRole};
use crate::vocabulary::{Mac, Moment, PortIndex, SwitchIndex, VlanId};

/// Sweeps one after the other that must show it.
pub const SWEEPS_TOLERATED: u32 = 2;
/// A view that is older than so many periods counts as not measured.
pub const STALE_PERIODS: u32 = 3;
/// Addresses at edge ports that are remembered, of all switches together.
const STATIONS_MAX: usize = 200_000;
/// What is suspected at once; beyond that, what is new is left for the next sweep.
const SUSPICIONS_MAX: usize = 10_000;

/// Which rule something breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// R17.
    Stranger,
    /// R18.
    TwoPlaces,
    /// R19.
    Neighbour,
}

impl Rule {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Stranger, Self::TwoPlaces, Self::Neighbour];

    /// The rule's number.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Stranger => "R17",
            Self::TwoPlaces => "R18",
            Self::Neighbour => "R19",
        }
    }
}

/// Something that should not be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Verdict {
    /// What it breaks.
    pub rule: Rule,
    /// The switch's id.
    pub switch: String,
    /// The port's name in the topology.
    pub port: String,
    /// The address, or what the neighbour calls itself.
    pub subject: String,
    /// The VLAN it was seen in, where the tables tell.
    pub vlan: Option<VlanId>,
    /// The other place (R18), who was expected (R19); else empty.
    pub other: String,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is so.
    Found(Verdict),
    /// It is no longer so.
    Over(Verdict),
}

/// How far the views can be relied on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Switches seen lately.
    pub fresh: usize,
    /// Switches never seen, or not lately.
    pub stale: usize,
}

/// Where an address is: switch and port by name.
type Spot = (String, String);

#[derive(Clone, Copy, Debug)]
struct Sighting {
    first: Moment,
    last: Moment,
}

#[derive(Debug)]
struct Suspicion {
    sweeps: u32,
    told: bool,
}

/// What is known of every switch, and what is thought of it.
#[derive(Debug)]
pub struct Judge {
    /// How long an address stays in a table without being heard.
    ageing: Duration,
    views: BTreeMap<String, (View, Moment)>,
    places: HashMap<Mac, BTreeMap<Spot, Sighting>>,
    stations: usize,
    suspicions: BTreeMap<Verdict, Suspicion>,
    /// Sessions of each switch at its last sweep.
    sessions: HashMap<String, BTreeSet<(String, Mac)>>,
    /// Sessions that have ended since, and when that was noticed.
    ended: HashMap<(String, String, Mac), Moment>,
}

impl Judge {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(ageing: Duration) -> Self {
        Self {
            ageing,
            views: BTreeMap::new(),
            places: HashMap::new(),
            stations: 0,
            suspicions: BTreeMap::new(),
            sessions: HashMap::new(),
            ended: HashMap::new(),
        }
    }

    /// From now on an address stays that long in a table without being heard.
    pub const fn age_by(&mut self, ageing: Duration) {
        self.ageing = ageing;
    }

    /// Takes a view that began to be made at `now`. `sessions` are the wired ones at that switch,
    /// by port and address, as they are after the view was made.
    pub fn viewed(
        &mut self,
        now: Moment,
        plan: &Plan,
        switch: SwitchIndex,
        view: View,
        sessions: BTreeSet<(String, Mac)>,
    ) -> Vec<Change> {
        let Some(id) = plan.switch(switch).map(|it| it.id.clone()) else { return Vec::new() };
        self.remember_sessions(now, &id, sessions);
        self.views.insert(id.clone(), (view, now));
        let Some((view, _)) = self.views.get(&id) else { return Vec::new() };
        let edge: Vec<_> = view
            .stations
            .iter()
            .filter_map(|station| {
                let (_, port) = place(plan, switch, &station.port)?;
                is_edge(&port.role).then(|| (port.name.clone(), station.mac, station.vlan))
            })
            .collect();
        self.sight(now, &id, &edge);
        let mut found: BTreeSet<Verdict> = BTreeSet::new();
        found.extend(self.strangers(now, plan, switch, &id, &edge));
        found.extend(self.doubles(&id, &edge));
        found.extend(self.neighbours(plan, switch, &id));
        self.weigh(&id, found)
    }

    /// Whether a view names any port of the plan.
    #[must_use]
    pub fn knows(plan: &Plan, switch: SwitchIndex, view: &View) -> bool {
        view.interfaces.keys().any(|name| place(plan, switch, name).is_some())
    }

    /// What is known of a switch, and since when.
    #[must_use]
    pub fn view(&self, switch: &str) -> Option<(&View, Moment)> {
        self.views.get(switch).map(|(view, at)| (view, *at))
    }

    /// The ifIndex of a port, where the last view named it.
    #[must_use]
    pub fn interface(&self, plan: &Plan, switch: SwitchIndex, port: PortIndex) -> Option<u32> {
        let (view, _) = self.views.get(&plan.switch(switch)?.id)?;
        let is = |name: &str| place(plan, switch, name).is_some_and(|(index, _)| index == port);
        view.interfaces.iter().find(|(name, _)| is(name)).map(|(_, interface)| interface.index)
    }

    /// Whether something that forwards announces itself at a port, whatever the plan says of it.
    #[must_use]
    pub fn leads_on(&self, plan: &Plan, switch: SwitchIndex, port: PortIndex) -> bool {
        let view = plan.switch(switch).and_then(|it| self.views.get(&it.id));
        view.into_iter().flat_map(|(view, _)| &view.neighbours).any(|neighbour| {
            let here = place(plan, switch, &neighbour.port).is_some_and(|(it, _)| it == port);
            here && (neighbour.bridge || neighbour.router) && !neighbour.telephone
        })
    }

    /// The edge port, of all switches, at which an address is, by switch and port; `None` where it
    /// is at none or at several.
    #[must_use]
    pub fn place_of(&self, mac: Mac) -> Option<&(String, String)> {
        let mut spots = self.places.get(&mac)?.keys();
        spots.next().filter(|_| spots.next().is_none())
    }

    /// Forgets switches that are not asked any more.
    pub fn keep(&mut self, switch: impl Fn(&str) -> bool) -> Vec<Change> {
        self.views.retain(|id, _| switch(id));
        self.sessions.retain(|id, _| switch(id));
        for spots in self.places.values_mut() {
            spots.retain(|(id, _), _| switch(id));
        }
        self.places.retain(|_, spots| !spots.is_empty());
        self.stations = self.places.values().map(BTreeMap::len).sum();
        let gone: Vec<Verdict> =
            self.suspicions.keys().filter(|it| !switch(&it.switch)).cloned().collect();
        let mut changes = Vec::new();
        for verdict in gone {
            if self.suspicions.remove(&verdict).is_some_and(|it| it.told) {
                changes.push(Change::Over(verdict));
            }
        }
        changes
    }

    /// Whether something at that switch waits for another sweep to be sure of.
    #[must_use]
    pub fn is_in_doubt(&self, switch: &str) -> bool {
        self.suspicions.iter().any(|(verdict, it)| verdict.switch == switch && !it.told)
    }

    /// What is so at present.
    pub fn verdicts(&self) -> impl Iterator<Item = &Verdict> {
        self.suspicions.iter().filter(|(_, it)| it.told).map(|(verdict, _)| verdict)
    }

    /// How far the views of these switches can be relied on.
    #[must_use]
    pub fn reading<'a>(
        &self,
        now: Moment,
        period: Duration,
        switches: impl Iterator<Item = &'a str>,
    ) -> Reading {
        let mut reading = Reading::default();
        for switch in switches {
            let age =
                self.views.get(switch).map(|(_, at)| now.monotonic.saturating_sub(at.monotonic));
            if age.is_some_and(|age| age <= period * STALE_PERIODS) {
                reading.fresh += 1;
            } else {
                reading.stale += 1;
            }
        }
        reading
    }

    fn remember_sessions(&mut self, now: Moment, id: &str, sessions: BTreeSet<(String, Mac)>) {
        let until = |at: &Moment| at.monotonic + self.ageing > now.monotonic;
        self.ended.retain(|_, at| until(at));
        let before = self.sessions.get(id);
        for (port, mac) in before.into_iter().flatten().filter(|it| !sessions.contains(*it)) {
            if self.ended.len() < STATIONS_MAX {
                self.ended.insert((id.to_owned(), port.clone(), *mac), now);
            }
        }
        self.sessions.insert(id.to_owned(), sessions);
    }

    /// Remembers since when and until when each address was seen at each edge port.
    fn sight(&mut self, now: Moment, id: &str, edge: &[(String, Mac, Option<VlanId>)]) {
        let here: BTreeSet<(&str, Mac)> =
            edge.iter().map(|(port, mac, _)| (port.as_str(), *mac)).collect();
        for (mac, spots) in &mut self.places {
            spots.retain(|(switch, port), _| switch != id || here.contains(&(port.as_str(), *mac)));
        }
        self.places.retain(|_, spots| !spots.is_empty());
        self.stations = self.places.values().map(BTreeMap::len).sum();
        for (port, mac, _) in edge {
            if self.stations >= STATIONS_MAX {
                break;
            }
            let spots = self.places.entry(*mac).or_default();
            let known = spots.len();
            let sighting = spots
                .entry((id.to_owned(), port.clone()))
                .or_insert(Sighting { first: now, last: now });
            sighting.last = now;
            self.stations += spots.len() - known;
        }
    }

    /// R17.
    fn strangers(
        &self,
        now: Moment,
        plan: &Plan,
        switch: SwitchIndex,
        id: &str,
        edge: &[(String, Mac, Option<VlanId>)],
    ) -> Vec<Verdict> {
        let none = BTreeSet::new();
        let sessions = self.sessions.get(id).unwrap_or(&none);
        let role = |name: &str| {
            let index = plan.port_by_name(switch, name)?;
            plan.port(switch, index).map(|port| &port.role)
        };
        let lately = |port: &str, mac: Mac| {
            let ended = self.ended.get(&(id.to_owned(), port.to_owned(), mac));
            ended.is_some_and(|at| at.monotonic + self.ageing > now.monotonic)
        };
        let stranger = |port: &str, mac: Mac| match role(port) {
            // Behind a port of this mode the first device opens it for all.
            Some(PortRole::Auth { host_mode: HostMode::MultiHost, .. }) => {
                !sessions.iter().any(|(at, _)| at == port) && !lately(port, mac)
            }
            Some(PortRole::Auth {
                host_mode: HostMode::Single | HostMode::MultiDomain | HostMode::MultiAuth,
                ..
            }) => !sessions.contains(&(port.to_owned(), mac)) && !lately(port, mac),
            // It should be shut down.
            Some(PortRole::Unused) => true,
            Some(PortRole::Access { .. } | PortRole::Trunk { .. }) | None => false,
        };
        let strange = edge.iter().filter(|(port, mac, _)| stranger(port, *mac));
        let verdict = |(port, mac, vlan): &(String, Mac, Option<VlanId>)| Verdict {
            rule: Rule::Stranger,
            switch: id.to_owned(),
            port: port.clone(),
            subject: mac.to_string(),
            vlan: *vlan,
            other: String::new(),
        };
        strange.map(verdict).collect()
    }

    /// R18: an address that was seen at both places after its entry at the older one must have
    /// aged, had it moved.
    fn doubles(&self, id: &str, edge: &[(String, Mac, Option<VlanId>)]) -> Vec<Verdict> {
        let mut found = Vec::new();
        for (port, mac, vlan) in edge {
            let here = (id.to_owned(), port.clone());
            let Some(spots) = self.places.get(mac) else { continue };
            let Some(own) = spots.get(&here) else { continue };
            let other = spots.iter().find(|(spot, other)| {
                let later = own.first.monotonic.max(other.first.monotonic);
                let both = own.last.monotonic.min(other.last.monotonic);
                **spot != here && later + self.ageing <= both
            });
            if let Some(((switch, at), _)) = other {
                found.push(Verdict {
                    rule: Rule::TwoPlaces,
                    switch: id.to_owned(),
                    port: port.clone(),
                    subject: mac.to_string(),
                    vlan: *vlan,
                    other: format!("{switch}:{at}"),
                });
            }
        }
        found
    }

    /// R19.
    fn neighbours(&self, plan: &Plan, switch: SwitchIndex, id: &str) -> Vec<Verdict> {
        let Some((view, _)) = self.views.get(id) else { return Vec::new() };
        let mut found = Vec::new();
        for neighbour in &view.neighbours {
            let Some((index, port)) = place(plan, switch, &neighbour.port) else { continue };
            let other = far_end(plan, switch, index);
            let expected = other.and_then(|other| plan.switch(other)).map(|it| it.id.as_str());
            let declared = match expected {
                Some(expected) => self.is_switch(neighbour, expected),
                None => is_harmless(neighbour, &port.role),
            };
            if !declared {
                found.push(Verdict {
                    rule: Rule::Neighbour,
                    switch: id.to_owned(),
                    port: port.name.clone(),
                    subject: called(neighbour),
                    vlan: None,
                    other: expected.unwrap_or_default().to_owned(),
                });
            }
        }
        found
    }

    /// Whether a neighbour is the switch of that id, by its name or by what that switch says of
    /// itself.
    fn is_switch(&self, neighbour: &Neighbour, id: &str) -> bool {
        let host = neighbour.system.split('.').next().unwrap_or_default();
        let own = self.views.get(id).map(|(view, _)| view);
        let said = |own: &View| {
            let chassis = !own.chassis.is_empty() && own.chassis == neighbour.chassis;
            chassis || (!own.system.is_empty() && own.system == neighbour.system)
        };
        host.eq_ignore_ascii_case(id) || own.is_some_and(said)
    }

    /// What follows from what one sweep of a switch shows.
    fn weigh(&mut self, id: &str, found: BTreeSet<Verdict>) -> Vec<Change> {
        let mut changes = Vec::new();
        let here = |verdict: &&Verdict| verdict.switch == id;
        let gone: Vec<Verdict> = self
            .suspicions
            .keys()
            .filter(here)
            .filter(|verdict| !found.contains(*verdict))
            .cloned()
            .collect();
        for verdict in gone {
            if self.suspicions.remove(&verdict).is_some_and(|it| it.told) {
                changes.push(Change::Over(verdict));
            }
        }
        for verdict in found {
            let known = self.suspicions.contains_key(&verdict);
            if !known && self.suspicions.len() >= SUSPICIONS_MAX {
                continue;
            }
            let suspicion = self
                .suspicions
                .entry(verdict.clone())
                .or_insert(Suspicion { sweeps: 0, told: false });
            suspicion.sweeps = suspicion.sweeps.saturating_add(1);
            if suspicion.sweeps >= SWEEPS_TOLERATED && !suspicion.told {
                suspicion.told = true;
                changes.push(Change::Found(verdict));
            }
        }
        changes
    }
}

/// The port of the plan that a switch calls by this name, with what its profile says to cut off
/// at either end.
fn place<'a>(plan: &'a Plan, switch: SwitchIndex, name: &str) -> Option<(PortIndex, &'a Port)> {
    let whole = plan.port_by_name(switch, name);
    let index = whole.or_else(|| {
        let profile = plan.profile_of(switch)?;
        let name = name.strip_suffix(profile.port.strip.as_str()).unwrap_or(name);
        let snmp = profile.snmp.as_ref()?;
        let prefixes = snmp.interface_prefixes.iter().map(String::as_str);
        [""].into_iter()
            .chain(prefixes)
            .find_map(|prefix| plan.port_by_name(switch, name.strip_prefix(prefix)?.trim_start()))
    })?;
    plan.port(switch, index).map(|port| (index, port))
}

const fn is_edge(role: &PortRole) -> bool {
    match role {
        PortRole::Auth { .. } | PortRole::Access { .. } | PortRole::Unused => true,
        PortRole::Trunk { .. } => false,
    }
}

/// The switch at the other end of the link at that port.
fn far_end(plan: &Plan, switch: SwitchIndex, port: PortIndex) -> Option<SwitchIndex> {
    plan.links.iter().find_map(|link| {
        let [one, other] = link.ends;
        let is_here = |end: LinkEnd| end.switch == switch && end.port == port;
        match (is_here(one), is_here(other)) {
            (true, _) => Some(other.switch),
            (false, true) => Some(one.switch),
            (false, false) => None,
        }
    })
}

/// Whether who announces itself may stand where no link is declared: whatever forwards nothing,
/// a telephone where one may be, an access point where the port is listed with its reason.
const fn is_harmless(neighbour: &Neighbour, role: &PortRole) -> bool {
    if !neighbour.bridge && !neighbour.router && !neighbour.access_point {
        return true;
    }
    match role {
        PortRole::Auth { host_mode, .. } => {
            let phone = neighbour.telephone && !neighbour.router && !neighbour.access_point;
            phone && !matches!(host_mode, HostMode::Single)
        }
        PortRole::Access { .. } => neighbour.access_point && !neighbour.router,
        PortRole::Trunk { .. } | PortRole::Unused => false,
    }
}

/// What a neighbour calls itself.
fn called(neighbour: &Neighbour) -> String {
    match (neighbour.system.as_str(), neighbour.chassis.as_str()) {
        ("", "") => "?".to_owned(),
        ("", chassis) => chassis.to_owned(),
        (system, "") => system.to_owned(),
        (system, chassis) => format!("{system} ({chassis})"),
    }
}
