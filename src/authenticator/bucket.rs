//! How many EAPOL frames a port may send: a burst, then so many a second.

use std::time::Duration;

/// Frames at once: more than the longest handshake with fragments and repetitions.
const BURST_FRAMES: u32 = 64;
/// Time in which the right to one more frame is earned.
const EARNED_MS: u32 = 50;

/// A token bucket; holds time instead of tokens, so that nothing is lost by rounding.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    /// When it was, or will be, full.
    full_at: Duration,
}

impl Bucket {
    pub(super) const fn new() -> Self {
        Self { full_at: Duration::ZERO }
    }

    /// Takes one frame's worth; false when there is none.
    pub(super) fn take(&mut self, now: Duration) -> bool {
        let one = Duration::from_millis(EARNED_MS.into());
        let full_at = self.full_at.max(now) + one;
        let allowed = full_at <= now + one * BURST_FRAMES;
        if allowed {
            self.full_at = full_at;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_one_frame_every_50_ms() {
        let mut bucket = Bucket::new();
        let at = |milliseconds| Duration::from_secs(9) + Duration::from_millis(milliseconds);
        assert_eq!((0..100).filter(|_| bucket.take(at(0))).count(), 64);
        assert!(!bucket.take(at(49)));
        assert!(bucket.take(at(50)) && !bucket.take(at(50)));
        assert_eq!((0..100).filter(|_| bucket.take(at(9_000))).count(), 64);
    }
}
