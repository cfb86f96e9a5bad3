//! A bounded memory that forgets what was longest not asked for.

use std::collections::HashMap;

/// Values by name. When one half is full, the other half, which holds what was not asked for
/// since, is forgotten and counted: constant time whatever an attacker invents.
#[derive(Debug)]
pub(super) struct Recent<V> {
    young: HashMap<String, V>,
    old: HashMap<String, V>,
    half: usize,
    forgotten: u64,
}

impl<V> Recent<V> {
    /// At most `max` values.
    pub(super) fn new(max: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), half: max / 2, forgotten: 0 }
    }

    /// The value of a name, made by `make` when there is none.
    pub(super) fn entry(&mut self, name: &str, make: impl FnOnce() -> V) -> &mut V {
        let kept = self.young.remove(name).or_else(|| self.old.remove(name));
        if self.young.len() >= self.half {
            self.forgotten += self.old.len() as u64;
            self.old = std::mem::take(&mut self.young);
        }
        self.young.entry(name.to_owned()).or_insert_with(|| kept.unwrap_or_else(make))
    }

    /// The value of a name.
    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut V> {
        match self.young.get_mut(name) {
            Some(value) => Some(value),
            None => self.old.get_mut(name),
        }
    }

    /// How many values were forgotten.
    pub(super) const fn forgotten(&self) -> u64 {
        self.forgotten
    }
}
