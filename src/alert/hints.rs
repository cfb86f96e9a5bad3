//! What lines show of one device's sessions that contradicts itself, for the sensors: alone it is
//! everyday (a PC that sleeps, starts anew or is carried to another desk), beside another TCP stack
//! behind the same MAC it is not.

use std::time::Duration;

use super::detect::{Facts, Seen, is_wired};
use crate::sensor::{Hint, SignKind};
use crate::vocabulary::{Mac, Moment, Outcome};

/// The method of devices that prove a certificate.
const CERTIFICATE: &str = "eap-tls";
/// How long a connection is gone that was interrupted, and how long it had stood before.
const GONE_MAX: Duration = Duration::from_secs(60);
const STOOD_MIN: Duration = Duration::from_secs(600);
/// Hints that wait to be taken; the oldest make room.
const WAITING_MAX: usize = 1_024;

/// Hints to be taken.
#[derive(Debug, Default)]
pub(super) struct Hints(Vec<Hint>);

impl Hints {
    pub(super) fn take(&mut self) -> Vec<Hint> {
        std::mem::take(&mut self.0)
    }

    pub(super) fn add(&mut self, now: Moment, mac: Mac, kind: SignKind, places: (&str, &str)) {
        if self.0.len() >= WAITING_MAX {
            self.0.remove(0);
        }
        self.0.push(Hint::new(mac, kind, places, now.wall));
    }

    /// Whether and how a device comes in at a place, beside what is known of it there.
    pub(super) fn decided(
        &mut self,
        now: Moment,
        (mac, place): (Mac, &str),
        seen: &mut Seen,
        told: &dyn Facts,
    ) {
        let same = seen.place == place;
        let refused = told.fact("outcome").is_none_or(|outcome| outcome == Outcome::Refuse.id());
        // Only where accounting says when a session ends is it known to go on.
        let goes_on = std::mem::take(&mut seen.accounted);
        if !same {
            if goes_on && !refused && is_wired(&seen.place) {
                self.add(now, mac, SignKind::SessionElsewhere, (place, &seen.place));
            }
            seen.forget_session();
        }
        let certificate = told.fact("method").is_some_and(|method| method == CERTIFICATE);
        seen.accounted = same && goes_on;
        if !certificate && seen.certificate && seen.accounted {
            self.add(now, mac, SignKind::MethodChanged, (place, ""));
        }
        if refused {
            return;
        }
        let left = seen.left.take();
        if same && let Some((at, stood)) = left {
            let gone = now.monotonic.saturating_sub(at);
            if gone <= GONE_MAX && stood >= STOOD_MIN {
                let seconds = gone.as_secs().to_string();
                self.add(now, mac, SignKind::Reconnected, (place, &seconds));
            }
        }
        if left.is_some() || seen.since.is_none() {
            (seen.since, seen.accounted) = (Some(now.monotonic), false);
        }
        seen.certificate = certificate;
    }

    /// A session ended.
    pub(super) fn left(now: Moment, seen: &mut Seen) {
        let stood = seen.since.take().map(|since| now.monotonic.saturating_sub(since));
        seen.left = stood.map(|stood| (now.monotonic, stood));
        seen.accounted = false;
    }
}
