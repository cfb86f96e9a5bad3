//! One session that must change: which means are tried, how often, and what each answer means
//! (COA-5).

use std::time::Duration;

use super::dialect::Means;
use super::event::{CoaResult, Ending, Matter};
use crate::client::{DynamicOutcome, DynamicTicket};
use crate::vocabulary::{Moment, Timestamp};

/// How often all means are tried before a person is told.
pub const ROUNDS_MAX: u8 = 3;
/// How long a device may take to authenticate after its switch agreed to ask it.
pub const SETTLE: Duration = Duration::from_secs(10);
/// Between two rounds; the second time twice as long.
const REST: Duration = Duration::from_secs(2);
/// After a failure that a person was told of.
pub const RETRY_AFTER: Duration = Duration::from_secs(300);

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// A request may be sent.
    Ready,
    /// One was sent.
    Asked(DynamicTicket),
    /// The switch agreed; the device should authenticate until then.
    Settling(Duration),
    /// Tried again then.
    Resting(Duration),
    /// Nothing can be sent to this switch.
    Waiting,
    /// A person was told; tried again then.
    Failed(Duration),
}

impl State {
    pub(super) const fn id(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Asked(_) => "asked",
            Self::Settling(_) => "settling",
            Self::Resting(_) => "resting",
            Self::Waiting => "waits",
            Self::Failed(_) => "failed",
        }
    }

    pub(super) const fn until(self) -> Option<Duration> {
        match self {
            Self::Settling(until) | Self::Resting(until) | Self::Failed(until) => Some(until),
            Self::Ready | Self::Asked(_) | Self::Waiting => None,
        }
    }
}

/// What follows from an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The task goes on.
    Go,
    /// Nothing remains to be done.
    Finish(Ending),
    /// Nothing more can be done now.
    Fail,
}

/// One request that could be sent: a means under one of the switch's secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) means: Means,
    /// Which of the secrets: the current one, or the one the switch is about to change to.
    pub(super) secret: usize,
}

#[derive(Debug)]
pub(super) struct Task {
    pub(super) matter: Matter,
    pub(super) began: Moment,
    pub(super) state: State,
    pub(super) last: Option<(CoaResult, Option<u32>)>,
    /// When the last request was made, on the wall clock.
    pub(super) asked: Timestamp,
    /// Whether the session is named by its Acct-Session-Id.
    pub(super) with_id: bool,
    steps: Vec<Step>,
    at: usize,
    round: u8,
}

/// What an Error-Cause (RFC 5176 §3.5) says about asking again.
enum Advice {
    /// There is no such session.
    Gone,
    /// The device is being asked.
    Await,
    /// This will never be done: the profile is wrong, or the switch cannot.
    Never,
    /// Perhaps later.
    Later,
}

const fn advice(cause: Option<u32>) -> Advice {
    match cause {
        Some(503) => Advice::Gone,
        Some(507) => Advice::Await,
        Some(401..=407 | 501 | 508) => Advice::Never,
        Some(_) | None => Advice::Later,
    }
}

impl Task {
    pub(super) fn new(now: Moment, matter: Matter, steps: Vec<Step>) -> Self {
        let state = if steps.is_empty() { State::Waiting } else { State::Ready };
        let asked = now.wall;
        let (last, with_id, at, round) = (None, true, 0, 0);
        Self { matter, began: now, state, last, asked, with_id, steps, at, round }
    }

    pub(super) fn step(&self) -> Option<Step> {
        self.steps.get(self.at).copied()
    }

    /// The request in hand ended. `has_id` says whether it named the session by its id.
    pub(super) fn answered(&mut self, now: Moment, outcome: DynamicOutcome, has_id: bool) -> Next {
        match outcome {
            DynamicOutcome::Acknowledged => {
                self.last = Some((CoaResult::Ack, None));
                if self.step().is_some_and(|step| step.means == Means::Disconnect) {
                    return Next::Finish(Ending::Disconnected);
                }
                self.state = State::Settling(now.monotonic + SETTLE);
                Next::Go
            }
            DynamicOutcome::Silent => {
                self.last = Some((CoaResult::Silent, None));
                self.next(now)
            }
            DynamicOutcome::Refused(cause) => {
                self.last = Some((CoaResult::Nak, cause));
                match advice(cause) {
                    // The id may be that of an earlier session; the other keys decide.
                    Advice::Gone if has_id && self.with_id => {
                        self.with_id = false;
                        self.state = State::Ready;
                        Next::Go
                    }
                    Advice::Gone => Next::Finish(Ending::Gone),
                    Advice::Await => {
                        self.state = State::Settling(now.monotonic + SETTLE);
                        Next::Go
                    }
                    Advice::Never => self.give_up_step(now),
                    Advice::Later => self.next(now),
                }
            }
        }
    }

    /// The step in hand cannot be written.
    pub(super) fn unsent(&mut self, now: Moment) -> Next {
        self.last = Some((CoaResult::Unsent, None));
        self.give_up_step(now)
    }

    /// The time of the state is over.
    pub(super) fn timed_out(&mut self, now: Moment) -> Next {
        match self.state {
            State::Settling(_) => self.next(now),
            State::Resting(_) => {
                self.state = State::Ready;
                Next::Go
            }
            State::Ready | State::Asked(_) | State::Waiting | State::Failed(_) => Next::Go,
        }
    }

    pub(super) const fn fail(&mut self, now: Moment) {
        self.state = State::Failed(now.monotonic.saturating_add(RETRY_AFTER));
    }

    fn give_up_step(&mut self, now: Moment) -> Next {
        if self.at < self.steps.len() {
            self.steps.remove(self.at);
        }
        self.go_on(now)
    }

    fn next(&mut self, now: Moment) -> Next {
        self.at += 1;
        self.go_on(now)
    }

    fn go_on(&mut self, now: Moment) -> Next {
        if self.at < self.steps.len() {
            self.state = State::Ready;
            return Next::Go;
        }
        self.round += 1;
        if self.steps.is_empty() || self.round >= ROUNDS_MAX {
            return Next::Fail;
        }
        self.at = 0;
        self.state = State::Resting(now.monotonic + REST * u32::from(self.round));
        Next::Go
    }
}
