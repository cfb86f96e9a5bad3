//! The stations of each place, found without a search: every frame asks for its own.

use super::{STATIONS_PER_PLACE_MAX, Subject};
use crate::sensor::shelf::Shelf;
use crate::sensor::station::Station;

/// The stations of one place.
type Place = Shelf<Subject, Station>;

/// Numbers of VLANs (IEEE 802.1Q: twelve bits).
const VLANS: u16 = 1 << 12;

/// By outer VLAN tag; the first is for frames without one.
#[derive(Debug)]
pub(super) struct Places(Box<[Option<Box<Place>>]>);

impl Default for Places {
    fn default() -> Self {
        Self((0..=VLANS).map(|_| None).collect())
    }
}

fn number(vlan: Option<u16>) -> usize {
    vlan.map_or(0, |vlan| 1 + usize::from(vlan % VLANS))
}

impl Places {
    pub(super) fn get(&self, vlan: Option<u16>) -> Option<&Place> {
        self.0.get(number(vlan))?.as_deref()
    }

    pub(super) fn get_mut(&mut self, vlan: Option<u16>) -> Option<&mut Place> {
        self.0.get_mut(number(vlan))?.as_deref_mut()
    }

    /// The place, made unless it is there.
    pub(super) fn open(&mut self, vlan: Option<u16>) -> &mut Place {
        #[expect(clippy::indexing_slicing, reason = "there are as many as numbers")]
        let place = &mut self.0[number(vlan)];
        place.get_or_insert_with(|| Box::new(Shelf::new(STATIONS_PER_PLACE_MAX)))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Option<u16>, &Place)> {
        let vlans = std::iter::once(None).chain((0..VLANS).map(Some));
        vlans.zip(&self.0).filter_map(|(vlan, place)| Some((vlan, place.as_deref()?)))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (Option<u16>, &mut Place)> {
        let vlans = std::iter::once(None).chain((0..VLANS).map(Some));
        vlans.zip(&mut self.0).filter_map(|(vlan, place)| Some((vlan, place.as_deref_mut()?)))
    }
}
