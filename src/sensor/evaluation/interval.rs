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

/// The 95 % interval of the rate of events that were counted over an exposure, in events for each
/// unit of it (Garwood, Biometrika 28, 1936). Where none was seen it is one-sided: the upper end is
/// then 3.0 by the exposure, the rule of three.
#[must_use]
pub fn poisson(count: u32, exposure: f64) -> Interval {
    if exposure <= 0.0 {
        return Interval { low: 0.0, high: f64::INFINITY };
    }
    // The mean lies below this in any case that is counted here.
    let most = 2.0 * f64::from(count) + 20.0;
    let (low, high) = match count {
        0 => (0.0, -(2.0 * TAIL).ln()),
        count => (
            most * search(|share| 1.0 - no_more(count - 1, share * most) < TAIL),
            most * search(|share| no_more(count, share * most) > TAIL),
        ),
    };
    Interval { low: low / exposure, high: high / exposure }
}

/// The chance of at most `count` events where `mean` are expected, summed in logarithms.
fn no_more(count: u32, mean: f64) -> f64 {
    if mean <= 0.0 {
        return 1.0;
    }
    let (mut factorial, mut sum) = (0.0, 0.0);
    for number in 0..=count {
        if number > 0 {
            factorial += f64::from(number).ln();
        }
        sum += (f64::from(number) * mean.ln() - mean - factorial).exp();
    }
    sum.min(1.0)
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

    /// Values of the published tables (Garwood; the rule of three for none).
    #[test]
    fn rates_are_those_of_the_tables() {
        for (count, low, high) in
            [(0, 0.0, 2.996), (1, 0.0253, 5.572), (5, 1.623, 11.668), (20, 12.217, 30.888)]
        {
            let interval = poisson(count, 1.0);
            assert!((interval.low - low).abs() < 1e-2, "{count}: {interval:?}");
            assert!((interval.high - high).abs() < 1e-2, "{count}: {interval:?}");
        }
        assert!((poisson(0, 1_000.0).high - 0.002_996).abs() < 1e-6);
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
