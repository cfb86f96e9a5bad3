//! Sums over rows: recall, precision, time to detect, with intervals.

use std::collections::BTreeMap;

use super::interval::{Interval, clopper_pearson};
use super::manifest::{Class, Name, Row};
use super::trial::Outcome;

/// Times of one kind, in seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Times(Vec<f64>);

impl Times {
    /// Adds one.
    pub fn add(&mut self, seconds: f64) {
        let at = self.0.partition_point(|other| other.total_cmp(&seconds).is_lt());
        self.0.insert(at, seconds);
    }

    /// Adds all of another's.
    pub fn extend(&mut self, other: &Self) {
        for seconds in &other.0 {
            self.add(*seconds);
        }
    }

    /// The smallest time that at least `share` of all reach (the nearest rank); `None` of none.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a rank among a few thousand"
    )]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let rank = (self.0.len() as f64 * share).ceil().max(1.0) as usize;
        self.0.get(rank - 1).copied()
    }

    /// A 95 % interval of the median by order statistics; `None` below six times, of which no
    /// two bound it.
    #[must_use]
    pub fn median_interval(&self) -> Option<Interval> {
        let count = self.0.len();
        // The number of times below the median is binomial with one half.
        let trials = u32::try_from(count).ok()?;
        let mut tail = 0.0;
        let mut chance = 0.5_f64.powi(i32::try_from(count).ok()?);
        let mut rank = 0_u32;
        while tail + chance <= 0.025 {
            tail += chance;
            rank += 1;
            chance *= f64::from(trials - rank + 1) / f64::from(rank);
        }
        let low = usize::try_from(rank).ok()?.checked_sub(1)?;
        Some(Interval { low: *self.0.get(low)?, high: *self.0.get(count - 1 - low)? })
    }
}

/// Sums of one scenario, or of all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// Rows run.
    pub rows: u32,
    /// Rows that count as positives.
    pub positives: u32,
    /// Positives found.
    pub found: u32,
    /// Verdicts that were wrong.
    pub false_alarms: u32,
    /// Seconds from the first offending frame.
    pub from_offence: Times,
    /// Seconds from the station's first frame.
    pub from_first_frame: Times,
    /// Positives by what is independent (one maker's product at one site), and whether all of
    /// each were found.
    units: BTreeMap<String, bool>,
}

impl Totals {
    fn add(&mut self, row: &Row, outcome: &Outcome) {
        self.rows += 1;
        self.false_alarms += u32::try_from(outcome.false_alarms.len()).unwrap_or(u32::MAX);
        if let Some(found) = outcome.found {
            self.positives += 1;
            self.found += u32::from(found);
            *self.units.entry(unit(row)).or_insert(true) &= found;
        }
        if let Some(seconds) = outcome.from_offence_s {
            self.from_offence.add(seconds);
        }
        if let Some(seconds) = outcome.from_first_frame_s {
            self.from_first_frame.add(seconds);
        }
    }

    /// Found of all positives; `None` when there are none.
    #[must_use]
    pub fn recall(&self) -> Option<f64> {
        (self.positives > 0).then(|| f64::from(self.found) / f64::from(self.positives))
    }

    /// Right findings of all findings; 1 where nothing was claimed, since nothing was wrong.
    #[must_use]
    pub fn precision(&self) -> f64 {
        let all = self.found + self.false_alarms;
        if all == 0 { 1.0 } else { f64::from(self.found) / f64::from(all) }
    }

    /// Independent units among the positives, and how many of them were found whole.
    #[must_use]
    pub fn units(&self) -> (u32, u32) {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let found = self.units.values().filter(|found| **found).count();
        (count(self.units.len()), count(found))
    }

    /// The interval of recall, over units and not over repeats.
    #[must_use]
    pub fn recall_interval(&self) -> Interval {
        let (units, found) = self.units();
        clopper_pearson(found, units)
    }

    /// The interval of precision, over findings.
    #[must_use]
    pub fn precision_interval(&self) -> Interval {
        clopper_pearson(self.found, self.found + self.false_alarms)
    }

    /// The interval of the share of rows with a false alarm at most this often.
    #[must_use]
    pub fn false_alarm_interval(&self) -> Interval {
        clopper_pearson(self.false_alarms.min(self.rows), self.rows)
    }
}

/// What repeats of one phenomenon share: the repository, and the maker's block of the MAC or the
/// address named first.
fn unit(row: &Row) -> String {
    let repository = row.source.split(['@', ':']).next().unwrap_or_default();
    let name = row.expected.alerts.first().and_then(|claim| claim.names.first());
    let who = match name {
        Some(Name::Mac(mac)) => {
            let [a, b, c, ..] = mac.octets();
            format!("{a:02x}:{b:02x}:{c:02x}")
        }
        Some(Name::Ip(address)) => address.to_string(),
        Some(Name::Service(address, port)) => format!("{address} {port}"),
        None => row.file.clone(),
    };
    format!("{repository} {who}")
}

/// Sums over all rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Score {
    /// Everything that counts.
    pub overall: Totals,
    /// By scenario.
    pub scenarios: BTreeMap<String, Totals>,
    /// Rows whose protocols were to be recognised, and those where one was not.
    pub parsed: (u32, u32),
    /// Flip runs, and false alarms in them.
    pub flips: (u32, u32),
}

impl Score {
    /// Adds what came of a row.
    pub fn add(&mut self, row: &Row, outcome: &Outcome) {
        if row.class == Class::Ambiguous || row.expected.unscored {
            self.scenarios.entry(row.scenario.clone()).or_default().rows += 1;
            return;
        }
        self.overall.add(row, outcome);
        self.scenarios.entry(row.scenario.clone()).or_default().add(row, outcome);
        if !row.expected.protocols.is_empty() {
            self.parsed.0 += 1;
            self.parsed.1 += u32::from(!outcome.unrecognised.is_empty());
        }
    }

    /// Adds what came of a flip run.
    pub fn add_flip(&mut self, outcome: &Outcome) {
        self.flips.0 += 1;
        self.flips.1 += u32::try_from(outcome.false_alarms.len()).unwrap_or(u32::MAX);
    }
}
