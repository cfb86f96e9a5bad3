//! Waiting times in buckets whose width grows with the value, so that a percentile of millions
//! costs a few kilobytes and is never off by more than one part in 64.

use std::time::Duration;

/// Buckets an octave is cut into.
const PARTS: u64 = 64;
/// Binary digits of [`PARTS`].
const PART_BITS: u32 = PARTS.trailing_zeros();
/// Enough buckets for every number of nanoseconds in 64 bits.
const BUCKETS: usize = (64 - PART_BITS as usize + 1) * PARTS as usize;

/// Waiting times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    sum: Duration,
    max: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: vec![0; BUCKETS], count: 0, sum: Duration::ZERO, max: Duration::ZERO }
    }
}

impl Histogram {
    /// Takes one waiting time.
    pub fn record(&mut self, wait: Duration) {
        let nanoseconds = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        if let Some(bucket) = self.buckets.get_mut(bucket_of(nanoseconds)) {
            *bucket += 1;
        }
        self.count += 1;
        self.sum += wait;
        self.max = self.max.max(wait);
    }

    /// How many were taken.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The longest, exactly.
    #[must_use]
    pub const fn max(&self) -> Duration {
        self.max
    }

    /// The mean, exactly; zero of none.
    #[must_use]
    pub fn mean(&self) -> Duration {
        u32::try_from(self.count)
            .ok()
            .and_then(|count| self.sum.checked_div(count))
            .unwrap_or_default()
    }

    /// The wait that `per_mille` in a thousand did not exceed: the upper end of its bucket, at
    /// most the longest; zero of none.
    #[must_use]
    pub fn percentile(&self, per_mille: u64) -> Duration {
        let rank = self.count.saturating_mul(per_mille.min(1_000)).div_ceil(1_000).max(1);
        let mut seen = 0;
        for (index, bucket) in self.buckets.iter().enumerate() {
            seen += bucket;
            if seen >= rank {
                return Duration::from_nanos(upper_end(index)).min(self.max);
            }
        }
        Duration::ZERO
    }

    /// Adds another's waits.
    pub fn merge(&mut self, other: &Self) {
        for (own, more) in self.buckets.iter_mut().zip(&other.buckets) {
            *own += more;
        }
        self.count += other.count;
        self.sum += other.sum;
        self.max = self.max.max(other.max);
    }
}

/// Values below two octaves of parts have a bucket each; above, the first [`PART_BITS`] digits
/// after the leading one choose it.
fn bucket_of(value: u64) -> usize {
    let shift = (u64::BITS - value.leading_zeros()).saturating_sub(PART_BITS + 1);
    let index = u64::from(shift) * PARTS + (value >> shift);
    usize::try_from(index).unwrap_or(usize::MAX)
}

/// The largest value of a bucket.
fn upper_end(index: usize) -> u64 {
    let index = u64::try_from(index).unwrap_or(u64::MAX);
    let shift = (index / PARTS).saturating_sub(1);
    let lead = index - shift * PARTS;
    // OK because the highest buckets end at the largest number.
    let next = u128::from(lead + 1) << shift.min(63);
    u64::try_from(next - 1).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_percentile_is_never_below_the_wait_and_at_most_one_part_above(
            nanoseconds in 0_u64..u64::MAX / 2,
        ) {
            let end = upper_end(bucket_of(nanoseconds));
            prop_assert!(end >= nanoseconds);
            prop_assert!(end - nanoseconds <= nanoseconds / PARTS);
        }

        #[test]
        fn percentiles_are_those_of_the_sorted_list(mut waits in proptest::collection::vec(0_u64..10_000_000_000, 1..500)) {
            let mut histogram = Histogram::default();
            for wait in &waits {
                histogram.record(Duration::from_nanos(*wait));
            }
            waits.sort_unstable();
            for per_mille in [1, 500, 900, 990, 999, 1_000] {
                let rank = (waits.len() * per_mille).div_ceil(1_000).max(1);
                let exact = waits[rank - 1];
                let told = u64::try_from(histogram.percentile(per_mille as u64).as_nanos()).unwrap();
                prop_assert!(told >= exact && told - exact <= exact / PARTS, "{told} {exact}");
            }
        }
    }

    #[test]
    fn none_is_zero_and_two_merge_into_one() {
        let mut one = Histogram::default();
        assert_eq!((one.percentile(990), one.mean(), one.max()), Default::default());
        one.record(Duration::from_micros(10));
        let mut other = Histogram::default();
        other.record(Duration::from_micros(30));
        one.merge(&other);
        assert_eq!((one.count(), one.mean()), (2, Duration::from_micros(20)));
        assert_eq!(one.percentile(1_000), Duration::from_micros(30));
    }

    #[test]
    fn the_largest_number_has_a_bucket() {
        let mut histogram = Histogram::default();
        histogram.record(Duration::MAX);
        assert_eq!(histogram.percentile(500), Duration::from_nanos(u64::MAX));
    }
}
