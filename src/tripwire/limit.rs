//! How much one network is answered, so that the responder is of no use for a flood in somebody
//! else's name, in memory that never grows.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use super::SourceNetwork;

/// Answers a second that a network is given for good.
const RATE_PER_S: u32 = 20;
/// Answers it may have at once.
const BURST: u32 = 100;
/// Networks that are told apart; more share.
pub const SLOTS: usize = 4096;

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// It goes out.
    Answer,
    /// Only that it is to be asked for by TCP: no longer than the query, and who really asks gets
    /// its answer there.
    Truncate,
    /// Nothing goes out.
    Drop,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// Thousandths of an answer that are left.
    left: u32,
    filled: Duration,
    refused: bool,
}

/// A token bucket for each network, found by a keyed hash: who does not know the seed cannot
/// choose whose bucket is shared.
#[derive(Debug)]
pub struct Limiter {
    seed: u64,
    buckets: Vec<Bucket>,
}

impl Limiter {
    /// One in which every bucket is full.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let full = Bucket { left: BURST * 1000, filled: Duration::ZERO, refused: false };
        Self { seed, buckets: vec![full; SLOTS] }
    }

    /// Takes one answer for a network.
    pub fn take(&mut self, now: Duration, network: SourceNetwork) -> Permit {
        let mut hasher = DefaultHasher::new();
        (self.seed, network).hash(&mut hasher);
        let slots = u64::try_from(SLOTS).unwrap_or(1);
        let slot = usize::try_from(hasher.finish() % slots).unwrap_or(0);
        let Some(bucket) = self.buckets.get_mut(slot) else { return Permit::Drop };
        let elapsed = now.saturating_sub(bucket.filled);
        // A thousandth a millisecond is one answer a second.
        let more = u32::try_from(elapsed.as_millis()).unwrap_or(u32::MAX);
        bucket.left = bucket.left.saturating_add(more.saturating_mul(RATE_PER_S));
        bucket.left = bucket.left.min(BURST * 1000);
        bucket.filled = bucket.filled.max(now);
        if let Some(left) = bucket.left.checked_sub(1000) {
            bucket.left = left;
            return Permit::Answer;
        }
        bucket.refused = !bucket.refused;
        if bucket.refused { Permit::Truncate } else { Permit::Drop }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_its_burst_then_its_rate_and_no_other_pays_for_it() {
        let network = |text: &str| SourceNetwork::of(text.parse().unwrap());
        let (one, other) = (network("203.0.113.1"), network("198.51.100.1"));
        let mut limiter = Limiter::new(7);
        let mut count = |now: Duration, times: u32| {
            let all = (0..times).map(|_| limiter.take(now, one));
            let all: Vec<_> = all.collect();
            [Permit::Answer, Permit::Truncate, Permit::Drop]
                .map(|permit| all.iter().filter(|it| **it == permit).count())
        };
        assert_eq!(count(Duration::ZERO, 140), [100, 20, 20]);
        assert_eq!(count(Duration::from_secs(1), 40), [20, 10, 10]);
        assert_eq!(count(Duration::from_secs(3600), 100), [100, 0, 0]);
        assert_eq!(limiter.take(Duration::from_secs(3600), other), Permit::Answer);
        assert_eq!(limiter.buckets.len(), SLOTS);
    }
}
