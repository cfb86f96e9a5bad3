//! The clock: the only place that asks the machine for the time.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::vocabulary::{Moment, Timestamp};

/// Gives moments whose monotonic part counts from when the clock was made.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that starts now.
    #[must_use]
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Both clocks, read together.
    #[must_use]
    pub fn now(&self) -> Moment {
        Moment { monotonic: self.start.elapsed(), wall: wall() }
    }
}

/// The wall clock; times before 1970 read as 1970.
#[must_use]
pub fn wall() -> Timestamp {
    Timestamp::default().plus(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}
