//! When the next device shows up: as often as a clock says, or as soon as another is done.

use std::time::Duration;

/// How devices show up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// The open loop: so many a second, whatever the server makes of it.
    Rate {
        /// Devices a second, at least 1.
        per_second: u32,
    },
    /// The closed loop: so many under way at any moment.
    Outstanding {
        /// Devices under way.
        devices: u32,
    },
    /// Power returns: every device once, so many under way at once.
    PowerReturn {
        /// Devices under way.
        devices: u32,
    },
}

/// What is due, and since when.
#[derive(Clone, Debug)]
pub struct Pace {
    load: Load,
    duration: Duration,
    /// How long an open loop that is held up may go on after its end.
    patience: Duration,
    /// Devices in all: those of the inventory for a power return, else the bound of the run.
    starts_max: u64,
    begun: Option<Duration>,
    starts: u64,
}

impl Pace {
    /// A pace of which nothing has begun; it ends after `duration` or `starts_max` devices. An
    /// open loop that is held up goes on for `patience` more.
    #[must_use]
    pub const fn new(load: Load, duration: Duration, patience: Duration, starts_max: u64) -> Self {
        Self { load, duration, patience, starts_max, begun: None, starts: 0 }
    }

    /// When a device that is now due was due, if one is: that instant is where its wait begins.
    /// It counts as begun.
    pub fn take(&mut self, now: Duration, under_way: usize) -> Option<Duration> {
        let due = self.next(now, under_way).filter(|due| *due <= now)?;
        self.begun.get_or_insert(now);
        self.starts += 1;
        Some(due)
    }

    /// When the next device is due; `None` when that hangs on another's end, or none is to come.
    #[must_use]
    pub fn next(&self, now: Duration, under_way: usize) -> Option<Duration> {
        if self.is_over(now) {
            return None;
        }
        match self.load {
            Load::Rate { per_second } => {
                let begun = self.begun.unwrap_or(now);
                let nanoseconds =
                    u128::from(self.starts) * 1_000_000_000 / u128::from(per_second.max(1));
                let offset = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
                let due = begun + offset;
                (due < begun + self.duration).then_some(due)
            }
            Load::Outstanding { devices } | Load::PowerReturn { devices } => {
                let room = u32::try_from(under_way).is_ok_and(|under_way| under_way < devices);
                room.then_some(now)
            }
        }
    }

    /// Whether no device is to come any more. An open loop that lags behind is not over before
    /// everything that was due has begun, or its patience ended.
    #[must_use]
    pub fn is_over(&self, now: Duration) -> bool {
        let Some(begun) = self.begun else { return self.starts_max == 0 };
        if self.starts >= self.starts_max {
            return true;
        }
        match self.load {
            Load::Rate { .. } => {
                self.starts >= self.scheduled() || now >= begun + self.duration + self.patience
            }
            Load::Outstanding { .. } | Load::PowerReturn { .. } => now >= begun + self.duration,
        }
    }

    /// Devices that were to begin and have not.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.scheduled().saturating_sub(self.starts)
    }

    /// Devices that are to begin; a closed loop promises none.
    fn scheduled(&self) -> u64 {
        match self.load {
            Load::Rate { per_second } => {
                let all = u128::from(per_second.max(1)) * self.duration.as_nanos() / 1_000_000_000;
                u64::try_from(all).unwrap_or(u64::MAX).min(self.starts_max)
            }
            Load::Outstanding { .. } => 0,
            Load::PowerReturn { .. } => self.starts_max,
        }
    }

    /// When the first began.
    #[must_use]
    pub const fn begun(&self) -> Option<Duration> {
        self.begun
    }
}

/// Spreads a share of a hundred evenly: of 30, every tenth but one of three, never by chance.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    percent: u8,
    carried: u8,
}

impl Share {
    /// A share in percent, at most 100.
    #[must_use]
    pub fn new(percent: u8) -> Self {
        Self { percent: percent.min(100), carried: 0 }
    }

    /// Whether the next one belongs to the share.
    pub const fn take(&mut self) -> bool {
        let carried = self.carried + self.percent;
        let belongs = carried >= 100;
        self.carried = if belongs { carried - 100 } else { carried };
        belongs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn the_open_loop_begins_a_wait_when_it_was_due_however_late_it_is() {
        let mut pace = Pace::new(Load::Rate { per_second: 100 }, ms(50), ms(600), u64::MAX);
        assert_eq!(pace.take(ms(1_000), 0), Some(ms(1_000)));
        assert_eq!(pace.take(ms(1_001), 1), None);
        assert_eq!(pace.next(ms(1_001), 1), Some(ms(1_010)));
        // The generator was held up past the end: what was due is sent all the same, and its
        // wait counts from when it was due.
        let waits: Vec<_> = std::iter::from_fn(|| pace.take(ms(1_500), 99)).collect();
        assert_eq!(waits, [ms(1_010), ms(1_020), ms(1_030), ms(1_040)]);
        assert!(pace.is_over(ms(1_500)));
    }

    #[test]
    fn an_open_loop_that_is_held_up_ends_all_the_same_and_says_what_is_missing() {
        let mut pace = Pace::new(Load::Rate { per_second: 100 }, ms(50), ms(60), u64::MAX);
        pace.take(ms(0), 0);
        assert!(!pace.is_over(ms(109)));
        assert!(pace.is_over(ms(110)));
        assert_eq!((pace.take(ms(110), 0), pace.missing()), (None, 4));
    }

    #[test]
    fn the_closed_loop_keeps_so_many_under_way_and_ends_in_time() {
        let mut pace = Pace::new(Load::Outstanding { devices: 2 }, ms(50), ms(0), u64::MAX);
        assert_eq!(pace.take(ms(0), 0), Some(ms(0)));
        assert_eq!(pace.take(ms(0), 1), Some(ms(0)));
        assert_eq!(pace.take(ms(0), 2), None);
        assert_eq!(pace.take(ms(7), 1), Some(ms(7)));
        assert_eq!(pace.take(ms(50), 1), None);
        assert!(pace.is_over(ms(50)));
    }

    #[test]
    fn a_power_return_takes_everyone_once() {
        let mut pace = Pace::new(Load::PowerReturn { devices: 9 }, ms(1), ms(0), 3);
        assert_eq!(pace.missing(), 3);
        let begun = std::iter::from_fn(|| pace.take(ms(70_000), 0)).count();
        assert_eq!((begun, pace.missing()), (3, 0));
        assert!(pace.is_over(ms(70_000)));
    }

    #[test]
    fn a_bound_of_devices_ends_any_pace() {
        for load in [Load::Rate { per_second: 1_000 }, Load::Outstanding { devices: 9 }] {
            let mut pace = Pace::new(load, ms(60_000), ms(0), 5);
            let begun = (0..50).filter(|at| pace.take(ms(*at), 0).is_some()).count();
            assert_eq!(begun, 5);
        }
    }

    #[test]
    fn a_share_is_exact_over_a_hundred_and_spread() {
        for percent in [0, 1, 33, 50, 90, 100] {
            let mut share = Share::new(percent);
            let taken: Vec<bool> = (0..100).map(|_| share.take()).collect();
            assert_eq!(taken.iter().filter(|taken| **taken).count(), usize::from(percent));
        }
        let mut half = Share::new(50);
        assert_eq!([half.take(), half.take(), half.take()], [false, true, false]);
    }
}
