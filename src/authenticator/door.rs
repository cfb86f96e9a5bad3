//! What the switch was asked to do with a port, and what it is known to have done.

use std::time::Duration;

use super::event::Applied;
use crate::vocabulary::Mac;

/// The switch is given this long to say that it did what was asked.
const APPLY_MAX: Duration = Duration::from_secs(10);
/// The pause after a first failure; each further one doubles it.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// One port's gate. One question at a time: what is wanted meanwhile is asked afterwards, so
/// that an answer always belongs to the last question.
#[derive(Debug)]
pub(super) struct Door {
    wanted: (Applied, Option<Mac>),
    asked: Option<((Applied, Option<Mac>), Duration)>,
    /// What the switch does for certain; `None` while it is not known.
    is: Option<Applied>,
    /// When closing is tried again.
    again: Option<Duration>,
    failures: u32,
}

/// What an answer of the switch means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The port is as wanted.
    Done,
    /// It could not be opened; opening makes sense again after this long.
    Failed(Duration),
    /// Something else is wanted by now, or closing is tried again later.
    Pending,
    /// Nobody asked for that.
    Unexpected,
}

impl Door {
    /// A port of which nothing is known, wanted closed.
    pub(super) const fn new() -> Self {
        let wanted = (Applied::Closed, None);
        Self { wanted, asked: None, is: None, again: None, failures: 0 }
    }

    /// Wants the port like this. Opening is always asked of the switch, so that it is certain.
    pub(super) fn want(&mut self, applied: Applied, only: Option<Mac>) {
        if applied != Applied::Closed {
            self.is = None;
        }
        self.wanted = (applied, only);
    }

    /// What is wanted.
    pub(super) const fn wanted(&self) -> Applied {
        self.wanted.0
    }

    /// What the switch does for certain.
    pub(super) const fn is(&self) -> Option<Applied> {
        self.is
    }

    /// The next thing to ask of the switch.
    pub(super) fn ask(&mut self, now: Duration) -> Option<(Applied, Option<Mac>)> {
        let settled = self.is == Some(self.wanted.0);
        let pause = self.wanted.0 == Applied::Closed && self.again.is_some_and(|at| at > now);
        if settled || pause || self.asked.is_some() {
            return None;
        }
        self.again = None;
        self.is = None;
        self.asked = Some((self.wanted, now + APPLY_MAX));
        Some(self.wanted)
    }

    /// The switch did, or could not do, what was asked.
    pub(super) fn answered(&mut self, now: Duration, applied: Applied, done: bool) -> Turn {
        let asked = match self.asked {
            Some((asked, _)) if asked.0 == applied => asked,
            Some(_) | None => return Turn::Unexpected,
        };
        self.asked = None;
        if done {
            // The same VLAN for another host is another wish.
            self.is = (self.wanted == asked || self.wanted.0 != applied).then_some(applied);
            if self.wanted != asked {
                return Turn::Pending;
            }
            // A port that closes after every failure to open has not recovered.
            if applied != Applied::Closed {
                self.failures = 0;
            }
            return Turn::Done;
        }
        let pause = PAUSE_MIN.saturating_mul(1 << self.failures.min(6)).min(PAUSE_MAX);
        if applied == Applied::Closed {
            self.failures = self.failures.saturating_add(1);
            self.again = Some(now + pause);
            Turn::Pending
        } else if self.wanted.0 == applied {
            self.failures = self.failures.saturating_add(1);
            Turn::Failed(pause)
        } else {
            Turn::Pending
        }
    }

    /// What was asked and not answered in time.
    pub(super) fn overdue(&self, now: Duration) -> Option<Applied> {
        self.asked.filter(|(_, due)| *due <= now).map(|((applied, _), _)| applied)
    }

    /// When there is something to do, on the monotonic clock.
    pub(super) fn due(&self) -> Option<Duration> {
        self.asked.map(|(_, due)| due).or(self.again)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::VlanId;

    const CLOSED: Applied = Applied::Closed;

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn one_question_at_a_time_and_the_last_wish_wins() {
        let vlan = Applied::Vlan(VlanId::new(10).unwrap());
        let mut door = Door::new();
        assert_eq!(door.ask(at(0)), Some((CLOSED, None)));
        door.want(vlan, None);
        assert_eq!(door.ask(at(0)), None, "the first question is open");
        assert_eq!(door.answered(at(1), vlan, true), Turn::Unexpected);
        assert_eq!(door.answered(at(1), CLOSED, true), Turn::Pending);
        assert_eq!(door.ask(at(1)), Some((vlan, None)));
        door.want(CLOSED, None);
        assert_eq!(door.answered(at(2), vlan, true), Turn::Pending, "it is not wanted any more");
        assert_eq!(door.ask(at(2)), Some((CLOSED, None)));
        assert_eq!(door.answered(at(3), CLOSED, true), Turn::Done);
        assert_eq!((door.ask(at(3)), door.due()), (None, None));
    }

    #[test]
    fn the_same_vlan_for_another_host_is_asked_for_again() {
        let vlan = Applied::Vlan(VlanId::new(10).unwrap());
        let [first, second] = [1, 2].map(|last| Mac::new([0, 0, 0x5e, 0, 0x53, last]).ok());
        let mut door = Door::new();
        door.want(vlan, first);
        assert_eq!(door.ask(at(0)), Some((vlan, first)));
        door.want(vlan, second);
        assert_eq!(door.answered(at(1), vlan, true), Turn::Pending);
        assert_eq!(door.is(), None, "the switch admits a host that nobody wants");
        assert_eq!(door.ask(at(1)), Some((vlan, second)));
        assert_eq!(door.answered(at(2), vlan, true), Turn::Done);
    }

    #[test]
    fn closing_is_tried_again_with_growing_pauses_until_it_works() {
        let mut door = Door::new();
        let mut now = at(0);
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(door.ask(now), Some((CLOSED, None)));
            assert_eq!(door.overdue(now + APPLY_MAX), Some(CLOSED));
            assert_eq!(door.answered(now, CLOSED, false), Turn::Pending);
            now += Duration::from_secs(pause);
            assert_eq!((door.ask(now - at(1)), door.due()), (None, Some(now)), "{pause} s");
        }
    }
}
