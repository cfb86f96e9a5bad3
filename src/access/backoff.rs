//! Growing delays for devices that are refused over and over.

use std::collections::HashMap;
use std::time::Duration;

use crate::vocabulary::Mac;

/// Addresses watched at once by one worker.
const WATCHED_MAX: usize = 16_384;
/// Without a refusal for this long, an address starts afresh.
const FORGET_S: u64 = 120;
/// A full table is looked through for what may be forgotten at most this often.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// Refusals answered at once before delays begin.
const FREE_REFUSALS: u32 = 2;
/// The first delay; each further one doubles.
const FIRST_DELAY_MS: u64 = 250;

/// The longest delay: well below the time for which an answer is remembered, so that an awaited
/// one is never forgotten before it leaves.
const DELAY_MAX_S: u64 = 5;

/// Refusals by address, and the delay the next one earns.
///
/// A constant delay makes every refusal cost the same and some switches give up at one second;
/// a growing one costs an honest mistake nothing and a loop its speed.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    refusals: HashMap<Mac, (u32, Duration)>,
    swept: Duration,
}

impl Backoff {
    /// Counts a refusal of `mac` and says how long to hold its answer: zero at first, then
    /// doubling up to half of the switch's patience, so that the answer still arrives before
    /// the switch asks again.
    pub(super) fn refused(&mut self, now: Duration, mac: Mac, patience: Duration) -> Duration {
        if self.refusals.len() >= WATCHED_MAX && !self.refusals.contains_key(&mac) {
            if now.saturating_sub(self.swept) >= SWEEP_EVERY {
                self.swept = now;
                self.refusals.retain(|_, (_, last)| !forgotten(*last, now));
            }
            if self.refusals.len() >= WATCHED_MAX {
                return Duration::ZERO; // OK because a full table only loses the slowing down
            }
        }
        let (count, last) = self.refusals.entry(mac).or_insert((0, now));
        if forgotten(*last, now) {
            *count = 0;
        }
        *count = count.saturating_add(1);
        *last = now;
        let Some(doublings) = count.checked_sub(FREE_REFUSALS + 1) else { return Duration::ZERO };
        let delay = FIRST_DELAY_MS.saturating_mul(1 << doublings.min(16));
        Duration::from_millis(delay).min(patience / 2).min(Duration::from_secs(DELAY_MAX_S))
    }

    /// Forgets the refusals of a device that was let in.
    pub(super) fn admitted(&mut self, mac: Mac) {
        if !self.refusals.is_empty() {
            self.refusals.remove(&mac);
        }
    }
}

fn forgotten(last: Duration, now: Duration) -> bool {
    now.saturating_sub(last) >= Duration::from_secs(FORGET_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dup_5_delays_grow_to_half_the_patience_and_end_with_admission() {
        let mut backoff = Backoff::default();
        let mac = Mac::new([0, 1, 2, 3, 4, 5]).unwrap();
        let patience = Duration::from_secs(3);
        let mut refuse = |s| backoff.refused(Duration::from_secs(s), mac, patience).as_millis();
        let delays: Vec<_> = (0..7).map(&mut refuse).collect();
        assert_eq!(delays, [0, 0, 250, 500, 1000, 1500, 1500]);
        assert_eq!(refuse(6 + FORGET_S), 0, "forgotten after a while");
        backoff.admitted(mac);
        assert_eq!(backoff.refused(Duration::ZERO, mac, patience), Duration::ZERO);
    }

    #[test]
    fn the_table_is_bounded() {
        let mut backoff = Backoff::default();
        for number in 0..u32::try_from(WATCHED_MAX).unwrap() + 100 {
            let [a, b, c, d] = number.to_be_bytes();
            let mac = Mac::new([2, 0, a, b, c, d]).unwrap();
            backoff.refused(Duration::ZERO, mac, Duration::from_secs(3));
        }
        assert_eq!(backoff.refusals.len(), WATCHED_MAX);
        // A flood looks through the table once a second, and room is found when there is some.
        let refuse = |backoff: &mut Backoff, ms, last| {
            let mac = Mac::new([2, 1, 0, 0, 0, last]).unwrap();
            backoff.refused(Duration::from_millis(ms), mac, Duration::from_secs(3));
            backoff.refusals.len()
        };
        assert_eq!(refuse(&mut backoff, FORGET_S * 1000 - 500, 1), WATCHED_MAX);
        assert_eq!(refuse(&mut backoff, FORGET_S * 1000, 2), WATCHED_MAX, "swept just before");
        assert_eq!(refuse(&mut backoff, FORGET_S * 1000 + 500, 3), 1);
    }
}
