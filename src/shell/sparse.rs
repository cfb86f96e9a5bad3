//! Lines about what a stranger can make happen as often as he likes.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often one is worth a line.
const INTERVAL: Duration = Duration::from_secs(60);

/// Says when the next line may be written, and counts in between.
#[derive(Debug, Default)]
pub(super) struct Sparse(Mutex<(u64, Option<Instant>)>);

impl Sparse {
    /// How many there were since the last line, when it is time for another.
    pub(super) fn due(&self) -> Option<u64> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.1.is_some_and(|at| at.elapsed() < INTERVAL) {
            held.0 += 1;
            return None;
        }
        let more = held.0;
        *held = (0, Some(Instant::now()));
        Some(more)
    }
}
