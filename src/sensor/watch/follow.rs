//! Another plan while the sensor runs: what was learnt stays, but for what rested on the old one.

use std::net::IpAddr;

use super::{Sensor, Subject};
use crate::sensor::knowledge::{Knowledge, Role, Roles};
use crate::sensor::sign::Family;
use crate::sensor::station::Station;
use crate::vocabulary::Mac;

impl Sensor {
    /// Goes on with what another plan says.
    ///
    /// Whoever the plan now calls something else, as itself or as the server it is about, is judged
    /// anew. What is no gateway's address any more makes nobody a gateway. Addresses of a VLAN whose
    /// networks changed are looked at again.
    pub fn follow(&mut self, next: Knowledge) {
        let before = std::mem::replace(&mut self.knowledge, next);
        if !before.separation.is_numbered_like(&self.knowledge.separation) {
            self.breaches.clear();
            self.habits.forget_drifts();
        }
        if before.vantage != self.knowledge.vantage {
            self.baselines.clear();
        }
        self.dismiss_gateways();
        let now = &self.knowledge;
        for (vlan, place) in self.places.iter_mut() {
            let moved = before.prefixes(vlan) != now.prefixes(vlan);
            for (subject, station) in place.entries_mut() {
                let changed = named(*subject, station)
                    .into_iter()
                    .any(|(mac, address)| before.roles(mac, address) != now.roles(mac, address));
                if changed {
                    station.absolve();
                    station.alarms.clear();
                    station.notices.clear();
                }
                if changed || moved {
                    station.addresses.clear();
                    station.signs.retain(|sign| sign.kind.family() != Family::Address);
                }
            }
        }
    }

    /// Takes back who was believed to be a gateway for an address that is none's any more, or has
    /// come into the inventory.
    fn dismiss_gateways(&mut self) {
        let knowledge = &self.knowledge;
        let routes = |address: &IpAddr| knowledge.roles(None, Some(*address)).has(Role::Router);
        let is_device = |mac: Mac| {
            let roles = knowledge.roles(Some(mac), None);
            roles != Roles::default() && !roles.has(Role::Router)
        };
        let mut gone = Vec::new();
        self.claims.retain(|address, claim| {
            let stays = routes(address) && !is_device(claim.mac);
            if !stays {
                gone.push(claim.mac);
            }
            stays
        });
        gone.retain(|mac| is_device(*mac) || !self.claims.values().any(|it| it.mac == *mac));
        for (mac, carrier) in self.carriers.entries_mut() {
            if gone.contains(mac) || is_device(*mac) {
                carrier.gateway = false;
            }
        }
    }
}

/// The names that a plan may know a station, or whom its signs are about, by.
fn named(subject: Subject, station: &Station) -> Vec<(Option<Mac>, Option<IpAddr>)> {
    let own = match subject {
        Subject::Mac(mac) => (Some(mac), None),
        Subject::Ip(address) => (None, Some(address)),
    };
    let signs = station.signs.iter().filter_map(|sign| sign.address);
    let addresses = station.addresses.iter().copied().chain(signs);
    std::iter::once(own).chain(addresses.map(|address| (None, Some(address)))).collect()
}
