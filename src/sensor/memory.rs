//! What a sensor has learnt, to be written down and read back after a restart: habits, hops, and
//! the gateways it believed.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::habit::Habit;
use super::watch::{HABITS_MAX, STRANGERS_MAX};
use crate::vocabulary::Mac;

/// Gateways written down.
pub const GATEWAYS_MAX: usize = 4_096;
/// Places: there are as many VLANs, and frames without a tag.
pub const PLACES_MAX: usize = 4_097;

/// A station's habit with its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remembered {
    /// The VLAN.
    pub vlan: Option<u16>,
    /// The MAC.
    pub mac: String,
    /// What it is used to do.
    pub habit: Habit,
}

/// What a sensor has learnt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Where the mirror stood and which addresses gateways had, as a number to compare.
    pub ground: u64,
    /// MACs that were believed to be gateways.
    pub gateways: Vec<String>,
    /// Which MAC has which gateway's address; absent in what versions before 2 wrote.
    #[serde(default)]
    pub claims: Vec<(IpAddr, String)>,
    /// The settled hop count of ordinary stations, by VLAN.
    pub hops: Vec<(Option<u16>, u8)>,
    /// The habits.
    pub habits: Vec<Remembered>,
}

impl Memory {
    /// Whether all of it is what a sensor of this version writes: it is taken whole or not at all.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let vlan = |vlan: Option<u16>| vlan.is_none_or(|number| (1..=4094).contains(&number));
        self.gateways.len() <= GATEWAYS_MAX
            && self.gateways.iter().all(|mac| Mac::parse(mac).is_ok())
            && self.claims.len() <= GATEWAYS_MAX
            && self.claims.iter().all(|(_, mac)| Mac::parse(mac).is_ok())
            && self.hops.len() <= PLACES_MAX
            && self.hops.iter().all(|(at, hop)| vlan(*at) && *hop <= super::watch::HOPS_MAX)
            && self.habits.len() <= HABITS_MAX + STRANGERS_MAX
            && self
                .habits
                .iter()
                .all(|it| vlan(it.vlan) && Mac::parse(&it.mac).is_ok() && it.habit.is_sound())
    }
}
