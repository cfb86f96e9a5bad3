//! The machine's clocks.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::vocabulary::{Moment, Timestamp};

/// A pair of clocks: a monotonic one that starts with this value, and the wall clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// Starts the monotonic clock.
    #[must_use]
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// This instant on both clocks.
    #[must_use]
    pub fn now(&self) -> Moment {
        Moment { monotonic: self.start.elapsed(), wall: now() }
    }
}

/// The wall clock's time; before 1970 it counts backwards.
#[must_use]
pub fn now() -> Timestamp {
    let milliseconds = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => Timestamp(milliseconds(since)),
        Err(before) => Timestamp(milliseconds(before.duration()).saturating_neg()),
    }
}

/// Waits.
pub fn rest(span: Duration) {
    std::thread::sleep(span);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_monotonic_clock_does_not_step_back() {
        let clock = Clock::start();
        let (first, second) = (clock.now(), clock.now());
        assert!(first.monotonic <= second.monotonic);
        assert!(first.wall > Timestamp::parse("2020-01-01").unwrap());
    }
}
