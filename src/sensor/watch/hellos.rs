//! Which stack a TLS client's offer comes from: an offer that the fleet makes from one class of
//! TCP stack, coming from another, was carried on by somebody else's stack.
//!
//! No table of programs is needed: what the stations here show is learnt. A program that runs on
//! several systems is seen on several, and says nothing from then on.

use std::hash::BuildHasher as _;
use std::net::IpAddr;

use super::{Context, Draft, Sensor, Subject};
use crate::sensor::dissect::ClientHello;
use crate::sensor::fingerprint::StackClass;
use crate::sensor::sign::SignKind;
use crate::vocabulary::{Mac, escape};

/// Offers that are remembered.
pub const HELLOS_MAX: usize = 4_096;
/// Stations that must make an offer from one class before another class means anything.
pub const STATIONS_MIN: usize = 5;

/// From which stacks an offer comes.
#[derive(Clone, Debug)]
pub(super) struct Hello {
    class: StackClass,
    stations: Vec<Mac>,
    /// The one station whose stack was another.
    odd: Option<Mac>,
    varies: bool,
}

impl Sensor {
    /// Compares the stack behind an offer with the one it comes from elsewhere.
    pub(super) fn compare_hello(
        &mut self,
        at: &Context,
        (mac, address): (Mac, IpAddr),
        hello: &ClientHello,
        class: StackClass,
    ) {
        let new = || Hello { class, stations: Vec::new(), odd: None, varies: false };
        let known = self.hellos.get_or(self.offers.hash_one(hello.shape()), new);
        if known.varies {
            return;
        }
        if known.class == class {
            if known.stations.len() < STATIONS_MIN && !known.stations.contains(&mac) {
                known.stations.push(mac);
            }
            return;
        }
        // A second station, or one that was counted itself: the program runs on several systems.
        let alone = known.odd.is_none_or(|odd| odd == mac);
        if known.stations.len() < STATIONS_MIN || !alone {
            known.varies = true;
            return;
        }
        known.odd = Some(mac);
        let one = known.class.id();
        let shape = escape(hello.to_string().as_bytes());
        let draft = Draft::new(SignKind::TlsMismatch).at(address).fact("shape", shape);
        self.raise(at, Subject::Mac(mac), draft.fact("one", class.id()).fact("other", one));
    }
}
