//! Maps that every frame and every request is looked up in, several times.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

/// A map whose hash is seeded for each process and ten times as fast as the standard one. That one
/// withstands whoever may put in what keys he likes and sees how long an answer takes; this is for
/// maps that are bounded and whose keys come from the plan, from those who know a secret, or from
/// frames that nobody is answered.
pub type Map<K, V> = HashMap<K, V, RandomState>;
/// A set of the same kind.
pub type Set<K> = HashSet<K, RandomState>;
