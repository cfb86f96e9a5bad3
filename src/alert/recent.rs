//! A bounded memory that forgets what was longest not asked for.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

/// Values by key. When one half is full, the other half, which holds what was not asked for
/// since, is forgotten and counted: constant time whatever an attacker invents.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    half: usize,
    forgotten: u64,
}

impl<K: Eq + Hash, V> Recent<K, V> {
    /// At most `max` values.
    pub(super) fn new(max: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), half: max / 2, forgotten: 0 }
    }

    /// The value of a key, made by `make` when there is none.
    pub(super) fn entry(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        if self.young.len() >= self.half && !self.young.contains_key(&key) {
            let kept = self.old.remove(&key);
            self.forgotten += self.old.len() as u64;
            self.old = std::mem::take(&mut self.young);
            return self.young.entry(key).or_insert_with(|| kept.unwrap_or_else(make));
        }
        match self.young.entry(key) {
            Entry::Occupied(found) => found.into_mut(),
            Entry::Vacant(room) => {
                let kept = self.old.remove(room.key());
                room.insert(kept.unwrap_or_else(make))
            }
        }
    }

    /// The value of a key.
    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        match self.young.get_mut(key) {
            Some(value) => Some(value),
            None => self.old.get_mut(key),
        }
    }

    /// How many values were forgotten.
    pub(super) const fn forgotten(&self) -> u64 {
        self.forgotten
    }
}
