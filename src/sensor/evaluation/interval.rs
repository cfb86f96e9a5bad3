//! Confidence intervals of proportions (Clopper and Pearson, Biometrika 26, 1934): exact, so that
//! few trials look as uncertain as they are.

/// A 95 % confidence interval of a proportion.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower end, 0 to 1.
    pub low: f64,
    /// The upper end, 0 to 1.
    pub high: f64,
}

/// Half of what the interval leaves out.
const TAIL: f64 = 0.025;
/// Halvings of the search: beyond the precision of the type.
const STEPS: u32 = 60;

/// The interval for `found` of `trials`; all of it when nothing was tried.
#[must_use]
pub fn clopper_pearson(found: u32, trials: u32) -> Interval {
    let found = found.min(trials);
    if trials == 0 {
        return Interval { low: 0.0, high: 1.0 };
    }
    // The chance of at least `found` grows with the proportion, that of at most `found` falls.
    let low = match found {
        0 => 0.0,
        found => search(|chance| 1.0 - at_most(found - 1, trials, chance) < TAIL),
    };
    let high =
        if found == trials { 1.0 } else { search(|chance| at_most(found, trials, chance) > TAIL) };
    Interval { low, high }
}

/// Where `below` stops being true.
fn search(below: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..STEPS {
        let middle = f64::midpoint(low, high);
        if below(middle) { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// The chance of at most `found` of `trials` with `chance` each, summed in logarithms.
fn at_most(found: u32, trials: u32, chance: f64) -> f64 {
    if chance <= 0.0 {
        return 1.0;
    }
    if chance >= 1.0 {
        return if found >= trials { 1.0 } else { 0.0 };
    }
    let (yes, no) = (chance.ln(), (1.0 - chance).ln());
    let mut choose = 0.0;
    let mut sum = 0.0;
    for count in 0..=found {
        if count > 0 {
            choose += (f64::from(trials - count + 1) / f64::from(count)).ln();
        }
        sum += (choose + f64::from(count) * yes + f64::from(trials - count) * no).exp();
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of the published tables.
    #[test]
    fn intervals_are_those_of_the_tables() {
        for (found, trials, low, high) in [
            (0, 10, 0.0, 0.3085),
            (10, 10, 0.6915, 1.0),
            (5, 10, 0.1871, 0.8129),
            (21, 22, 0.7716, 0.9988),
            (0, 0, 0.0, 1.0),
        ] {
            let interval = clopper_pearson(found, trials);
            assert!((interval.low - low).abs() < 1e-3, "{found}/{trials}: {interval:?}");
            assert!((interval.high - high).abs() < 1e-3, "{found}/{trials}: {interval:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn an_interval_holds_its_proportion(found in 0_u32..200, more in 0_u32..200) {
            let interval = clopper_pearson(found, found + more);
            let share = f64::from(found) / f64::from((found + more).max(1));
            proptest::prop_assert!(interval.low <= share && share <= interval.high);
            proptest::prop_assert!((0.0..=1.0).contains(&interval.low));
        }
    }
}
