//! Stations compared with what they are used to do, and changes that a whole fleet makes.
//!
//! When more than [`DRIFT_PERCENT`] of the stations of one environment (without a plan, of one
//! VLAN) change in the same way within a day it is an update: one notice, the signs of those who
//! changed first are taken back, and who follows within another day raises none. With a plan only
//! devices of its inventory count, since anybody can invent stations. What makes a station a phone
//! is never an update, however many do it, nor is another stack or initial TTL: systems keep
//! theirs when they are updated.

use super::{Claim, Context, Draft, NoticeKind, Sensor, Subject, about};
use crate::sensor::capture::CaptureTime;
use crate::sensor::habit::{Aspect, Habit, Sight, change_id};
use crate::sensor::knowledge::{Role, Roles, Vantage};
use crate::sensor::memory::{GATEWAYS_MAX, Memory, Remembered};
use crate::sensor::shelf::Shelf;
use crate::vocabulary::{EnvironmentIndex, Mac};

/// Stations whose habits are settled.
pub const HABITS_MAX: usize = 16_384;
/// Stations that are still learnt; a flood of invented addresses lets go of these alone.
pub const STRANGERS_MAX: usize = 8_192;
/// Changes that are counted over all stations.
const DRIFTS_MAX: usize = 256;
/// Within how long stations change together, in seconds.
pub const DRIFT_S: i64 = 86_400;
/// How many of the settled stations change before it is an update, in per cent.
pub const DRIFT_PERCENT: usize = 2;
/// The fewest stations that make an update: in a small office two per cent is one PC.
pub const DRIFT_STATIONS_MIN: usize = 5;
/// Stations counted towards one change: more than two per cent of any.
const DRIFT_STATIONS_MAX: usize = HABITS_MAX * DRIFT_PERCENT / 100 + DRIFT_STATIONS_MIN;

/// A station at its place.
pub(super) type Key = (Option<u16>, Mac);

/// Where stations change together: an environment, or a VLAN that belongs to none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Fleet {
    Environment(EnvironmentIndex),
    Vlan(Option<u16>),
}

/// Who changed in the same way lately.
#[derive(Debug, Default)]
struct Drift {
    stations: Vec<(Key, CaptureTime)>,
    update: Option<CaptureTime>,
}

/// What stations are used to do.
#[derive(Debug)]
pub(super) struct Habits {
    settled: Shelf<Key, Habit>,
    young: Shelf<Key, Habit>,
    drifts: Shelf<(Fleet, Aspect, u64), Drift>,
    /// Rises with whatever is worth writing down.
    revision: u64,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            settled: Shelf::new(HABITS_MAX),
            young: Shelf::new(STRANGERS_MAX),
            drifts: Shelf::new(DRIFTS_MAX),
            revision: 0,
        }
    }
}

impl Habits {
    /// Entries let go for want of room.
    pub(super) fn evicted(&self) -> u64 {
        self.settled.evicted() + self.young.evicted() + self.drifts.evicted()
    }

    /// Whether a station is learnt no longer.
    pub(super) fn is_settled(&mut self, key: Key, now: CaptureTime) -> bool {
        self.of(key, now).is_settled()
    }

    fn of(&mut self, key: Key, now: CaptureTime) -> &mut Habit {
        if self.settled.get_mut(&key).is_none() {
            let habit = self.young.get_or(key, || Habit::new(now));
            let day = habit.day();
            let settled = habit.touch(now);
            self.revision += u64::from(habit.day() != day);
            if !settled {
                return self.young.get_or(key, || Habit::new(now));
            }
            let habit = self.young.remove(&key).unwrap_or_else(|| Habit::new(now));
            self.settled.insert(key, habit);
        }
        self.settled.get_or(key, || Habit::new(now))
    }

    /// Forgets who changed together lately: environments have other numbers now.
    pub(super) fn forget_drifts(&mut self) {
        self.drifts.clear();
    }

    /// The change of that name, one that waits or one that became known.
    fn named(&self, id: u64) -> Option<(Key, (Aspect, u64))> {
        let find = |of: fn(&Habit) -> Vec<(Aspect, u64)>| {
            self.settled.entries().find_map(|((vlan, mac), habit)| {
                let named = |it: &(Aspect, u64)| change_id(*vlan, *mac, it.0, it.1) == id;
                of(habit).into_iter().find(named).map(|it| ((*vlan, *mac), it))
            })
        };
        find(|habit| habit.changes().iter().map(|it| (it.aspect, it.value)).collect())
            .or_else(|| find(|habit| habit.known().to_vec()))
    }
}

impl Sensor {
    /// Compares what a station shows with what it is used to; a change is a sign. `phone` says
    /// that only phones show that.
    pub(super) fn used_to(
        &mut self,
        at: &Context,
        mac: Mac,
        (aspect, value): (Aspect, u64),
        phone: bool,
        draft: impl FnOnce() -> Draft,
    ) -> Sight {
        let key = (at.vlan, mac);
        let habit = self.habits.of(key, at.time);
        let sight = habit.see(aspect, value);
        if matches!(sight, Sight::Known | Sight::Varies) {
            return sight;
        }
        let one = habit.words(aspect);
        self.habits.revision += u64::from(!matches!(sight, Sight::Again | Sight::Beyond));
        if sight == Sight::Learnt {
            return sight;
        }
        if sight == Sight::Changed && !phone && self.is_update(at, key, aspect, value) {
            return Sight::Known;
        }
        let mut draft = draft().fact("one", one).fact("other", aspect.words(value));
        // What is not kept cannot be accepted.
        draft.change = (sight != Sight::Beyond).then(|| change_id(at.vlan, mac, aspect, value));
        self.raise(at, Subject::Mac(mac), draft);
        if sight == Sight::Beyond {
            self.notice_once(at, Subject::Mac(mac), NoticeKind::ChangesBeyond);
        }
        sight
    }

    fn fleet(&self, vlan: Option<u16>) -> Fleet {
        let home = vlan.and_then(|vlan| self.knowledge.separation.home(vlan));
        home.map_or(Fleet::Vlan(vlan), Fleet::Environment)
    }

    /// Whether a station is one of the fleet.
    fn counts(&self, mac: Mac) -> bool {
        !self.knowledge.planned || self.knowledge.roles(Some(mac), None) != Roles::default()
    }

    /// Counts a station towards the fleet; says whether its change is an update's.
    fn is_update(&mut self, at: &Context, key: Key, aspect: Aspect, value: u64) -> bool {
        if matches!(aspect, Aspect::Stack | Aspect::Ttl) || !self.counts(key.1) {
            return false;
        }
        let fleet = self.fleet(key.0);
        let of = |(vlan, mac): &Key| self.fleet(*vlan) == fleet && self.counts(*mac);
        let stations = self.habits.settled.entries().filter(|(key, _)| of(key)).count();
        let drift = self.habits.drifts.get_or((fleet, aspect, value), Drift::default);
        drift.stations.retain(|(other, time)| *other != key && time.within(at.time, DRIFT_S));
        if drift.stations.len() < DRIFT_STATIONS_MAX {
            drift.stations.push((key, at.time));
        }
        let known = drift.update.is_some_and(|update| update.within(at.time, DRIFT_S));
        let changed = drift.stations.len();
        let many = changed >= DRIFT_STATIONS_MIN && changed * 100 > stations * DRIFT_PERCENT;
        if !known && !many {
            return false;
        }
        if !known {
            drift.update = Some(at.time);
        }
        let changed: Vec<Key> =
            std::mem::take(&mut drift.stations).into_iter().map(|it| it.0).collect();
        let mut taken_back = Vec::new();
        let mut before = String::new();
        for (vlan, mac) in &changed {
            let Some(habit) = self.habits.settled.get_mut(&(*vlan, *mac)) else { continue };
            let words = habit.words(aspect);
            if !habit.adopt(aspect, value) {
                continue;
            }
            before = words;
            let id = change_id(*vlan, *mac, aspect, value);
            let place = self.places.get_mut(*vlan);
            if let Some(station) = place.and_then(|place| place.get_mut(&Subject::Mac(*mac))) {
                station.signs.retain(|sign| sign.change != Some(id));
            }
            taken_back.push(id);
        }
        if !known {
            let facts = vec![
                ("count", changed.len().to_string()),
                ("one", before),
                ("other", aspect.words(value)),
            ];
            let subject = Subject::Mac(key.1);
            let station = self.station(at, subject);
            let about = about(subject, station, at.vlan, at.source, None);
            self.notice_of(at, NoticeKind::FleetDrift, about, facts, taken_back);
        }
        true
    }

    /// Carries out what a person said about a change; says whether it was there.
    pub fn decide(&mut self, change: u64, accepted: bool) -> bool {
        let Some((key, what)) = self.habits.named(change) else { return false };
        if let Some(habit) = self.habits.settled.get_mut(&key) {
            habit.decide(what, accepted);
            self.habits.revision += 1;
        }
        let place = self.places.get_mut(key.0).filter(|_| accepted);
        if let Some(station) = place.and_then(|place| place.get_mut(&Subject::Mac(key.1))) {
            station.signs.retain(|sign| sign.change != Some(change));
        }
        true
    }

    /// A number that rises whenever there is something new to write down.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.habits.revision
    }

    /// Stations whose habits are settled.
    #[must_use]
    pub fn settled(&self) -> usize {
        self.habits.settled.len()
    }

    /// What was learnt, to be written down.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let habits = self.habits.settled.entries().chain(self.habits.young.entries());
        let mut habits: Vec<_> = habits
            .map(|((vlan, mac), habit)| Remembered {
                vlan: *vlan,
                mac: mac.to_string(),
                habit: habit.clone(),
            })
            .collect();
        habits.sort_by(|one, other| (one.vlan, &one.mac).cmp(&(other.vlan, &other.mac)));
        let gateways = self.carriers.entries().filter(|(_, carrier)| carrier.is_gateway());
        let mut gateways: Vec<_> = gateways.map(|(mac, _)| mac.to_string()).collect();
        gateways.sort();
        gateways.truncate(GATEWAYS_MAX);
        let mut claims: Vec<_> =
            self.claims.iter().map(|(address, claim)| (*address, claim.mac.to_string())).collect();
        claims.sort();
        claims.truncate(GATEWAYS_MAX);
        let settled = |(vlan, baseline): (&Option<u16>, &super::Baseline)| {
            baseline.settled().map(|hop| (*vlan, hop))
        };
        let mut hops: Vec<_> = self.baselines.iter().filter_map(settled).collect();
        hops.sort_unstable();
        Memory { ground: self.knowledge.ground(), gateways, claims, hops, habits }
    }

    /// Takes back what was written down, which must be sound. Where the mirror stands elsewhere
    /// than then, or gateways have other addresses, gateways and hops are learnt anew.
    pub fn recall(&mut self, memory: &Memory) {
        for remembered in &memory.habits {
            let Ok(mac) = Mac::parse(&remembered.mac) else { continue };
            let key = (remembered.vlan, mac);
            let habit = remembered.habit.clone();
            if habit.is_settled() {
                self.habits.settled.insert(key, habit);
            } else {
                self.habits.young.insert(key, habit);
            }
        }
        if memory.ground != self.knowledge.ground() {
            return;
        }
        for mac in memory.gateways.iter().filter_map(|mac| Mac::parse(mac).ok()) {
            // It may have come into the inventory since.
            if self.is_registered(mac) {
                continue;
            }
            self.carriers.get_or(mac, super::Carrier::default).believe();
        }
        for (address, mac) in &memory.claims {
            let Ok(mac) = Mac::parse(mac) else { continue };
            let routes = self.knowledge.roles(None, Some(*address)).has(Role::Router);
            if routes && !self.is_registered(mac) {
                self.claims.insert(*address, Claim::remembered(mac));
            }
        }
        if self.knowledge.vantage != Vantage::Edge {
            for (vlan, hop) in &memory.hops {
                self.baselines.entry(*vlan).or_default().settle(*hop);
            }
        }
    }
}
