//! A map that never grows beyond its bound, lets go of what was not used for longest, and counts
//! what it let go.
//!
//! Two generations: what is used moves to the young one; when that is full the old one is
//! dropped whole and the young one takes its place. So memory is bounded and the cost of a frame
//! is constant, however many addresses a flood invents.

use std::collections::hash_map::Entry;
use std::hash::Hash;

use crate::vocabulary::Map;

/// A bounded map.
#[derive(Debug)]
pub struct Shelf<K, V> {
    young: Map<K, V>,
    old: Map<K, V>,
    half: usize,
    evicted: u64,
}

impl<K: Hash + Eq + Copy, V> Shelf<K, V> {
    /// A map of at most `entries_max` entries.
    #[must_use]
    pub fn new(entries_max: usize) -> Self {
        let half = (entries_max / 2).max(1);
        Self { young: Map::default(), old: Map::default(), half, evicted: 0 }
    }

    /// The entry, if it is kept.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        if self.old.is_empty() {
            return self.young.get_mut(key);
        }
        if self.young.len() >= self.half {
            if !self.young.contains_key(key) {
                let value = self.old.remove(key)?;
                self.insert(*key, value);
            }
            return self.young.get_mut(key);
        }
        match self.young.entry(*key) {
            Entry::Occupied(found) => Some(found.into_mut()),
            Entry::Vacant(place) => Some(place.insert(self.old.remove(key)?)),
        }
    }

    /// The entry, made when it is not kept.
    pub fn get_or(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        let mut kept = None;
        if self.young.len() >= self.half && !self.young.contains_key(&key) {
            kept = self.old.remove(&key);
            self.renew();
        }
        match self.young.entry(key) {
            Entry::Occupied(found) => found.into_mut(),
            Entry::Vacant(place) => {
                let kept = kept.or_else(|| self.old.remove(&key));
                place.insert(kept.unwrap_or_else(make))
            }
        }
    }

    /// Keeps an entry in place of any of the same key.
    pub fn insert(&mut self, key: K, value: V) {
        self.old.remove(&key);
        if self.young.len() >= self.half && !self.young.contains_key(&key) {
            self.renew();
        }
        self.young.insert(key, value);
    }

    /// Lets go of an entry that is wanted no longer; that is no eviction.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.young.remove(key).or_else(|| self.old.remove(key))
    }

    /// Lets go of everything that is wanted no longer; that is no eviction.
    pub fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }

    /// Drops what was not used since the last turn, and its memory.
    pub fn turn(&mut self) {
        self.renew();
        self.young = Map::default();
    }

    /// Drops what was not used since the last turn; as much is expected to come, so its memory
    /// stays.
    fn renew(&mut self) {
        self.evicted = self.evicted.saturating_add(u64::try_from(self.old.len()).unwrap_or(0));
        self.old.clear();
        std::mem::swap(&mut self.old, &mut self.young);
    }

    /// How many entries are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// How many entries were let go for want of room.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Every entry, to be changed, in no order.
    pub fn entries_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.young.iter_mut().chain(self.old.iter_mut())
    }

    /// Every entry, in no order.
    pub fn entries(&self) -> impl Iterator<Item = (&K, &V)> {
        self.young.iter().chain(self.old.iter())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_used_stays_and_the_rest_is_counted_out() {
        let mut shelf = Shelf::new(8);
        for key in 0..1_000_u32 {
            shelf.get_or(key, || key);
            assert_eq!(shelf.get_mut(&0), Some(&mut 0), "used at {key}");
            assert!(shelf.len() <= 8);
        }
        assert_eq!(shelf.evicted() + shelf.len() as u64, 1_000);
        assert_eq!(shelf.get_mut(&5), None);
    }

    proptest! {
        #[test]
        fn no_order_of_use_exceeds_the_bound(keys: Vec<u8>, bound in 1_usize..20) {
            let mut shelf = Shelf::new(bound);
            for key in keys {
                match key % 3 {
                    0 => { shelf.insert(key, ()); }
                    1 => { shelf.get_mut(&key); }
                    _ => { shelf.get_or(key, || ()); }
                }
                prop_assert!(shelf.len() <= bound.max(2));
            }
        }
    }
}
