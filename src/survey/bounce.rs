//! Link down and up at one port by ifAdminStatus (RFC 2863): what makes a device authenticate
//! anew where a switch understands no CoA.
//!
//! The port is looked at first: one that somebody has shut down stays as it is. Once it was told
//! to go down, everything that follows is done to bring it up again, and it is looked at whether
//! it is, again after a while, since some switches show late what was set; who stops half-way
//! leaves somebody without a network.

use std::time::Duration;

use super::agent::{Answer, Question};
use super::fault::Fault;
use crate::wire::snmp::{Binding, Oid, Value};

/// How long a port stays down: long enough for a host to notice, and to ask for an address anew.
pub const DOWN: Duration = Duration::from_secs(5);
/// How often it is tried to bring it up again, and how long is waited in between.
pub const UP_TRIES_MAX: u32 = 10;
const UP_EVERY: Duration = Duration::from_secs(2);
/// The same where nobody waits any longer.
const UP_AT_ONCE_EVERY: Duration = Duration::from_millis(250);

const IF_ADMIN_STATUS: [u32; 10] = [1, 3, 6, 1, 2, 1, 2, 2, 1, 7];
const UP: i64 = 1;
const DOWN_STATUS: i64 = 2;

/// Why a port was not bounced, or not brought up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BounceFault {
    /// Somebody has shut it down; it was left alone.
    NotUp,
    /// The switch did not answer, or refused; the port was left as it is.
    Untouched(Fault),
    /// It went down and could not be brought up again.
    LeftDown,
}

impl BounceFault {
    /// The stable id.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::NotUp => "not-up",
            Self::Untouched(fault) => fault.id(),
            Self::LeftDown => "left-down",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Look,
    TakeDown,
    /// Whether it went down is not known: it is brought up in any case.
    Wait(Duration),
    /// It was told to come up: a switch may show late what was set.
    LookAgain,
    BringUp,
    Verify,
    Ended(Result<(), BounceFault>),
}

/// A bounce under way.
#[derive(Debug)]
pub struct Bounce {
    name: Oid,
    stage: Stage,
    tries: u32,
    /// From one try to bring it up to the next.
    every: Duration,
}

impl Bounce {
    /// Of the interface of that ifIndex; nothing is asked yet.
    #[must_use]
    pub fn new(index: u32) -> Self {
        let name = Oid::from(&IF_ADMIN_STATUS).child(&[index]);
        Self { name, stage: Stage::Look, tries: 0, every: UP_EVERY }
    }

    /// The rest of one that nobody saw the end of: the port is brought up if it is down.
    #[must_use]
    pub fn left_down(index: u32) -> Self {
        Self { stage: Stage::LookAgain, ..Self::new(index) }
    }

    /// Whether the port may be down because of it.
    #[must_use]
    pub const fn has_begun(&self) -> bool {
        match self.stage {
            Stage::Look => false,
            Stage::TakeDown
            | Stage::Wait(_)
            | Stage::LookAgain
            | Stage::BringUp
            | Stage::Verify => true,
            Stage::Ended(result) => matches!(result, Err(BounceFault::LeftDown)),
        }
    }

    /// Brings the port up without waiting any longer, since there may be no later.
    pub fn hurry(&mut self) {
        self.every = UP_AT_ONCE_EVERY;
        match self.stage {
            Stage::TakeDown | Stage::Wait(_) => self.bring_up(),
            Stage::Look | Stage::LookAgain | Stage::BringUp | Stage::Verify | Stage::Ended(_) => {}
        }
    }

    fn bring_up(&mut self) {
        self.tries += 1;
        self.stage = Stage::BringUp;
    }

    /// The next question; `None` while it waits, and when it has ended.
    #[must_use]
    pub fn question(&self) -> Option<Question> {
        let set = |status| {
            let binding = Binding { name: self.name.clone(), value: Value::Integer(status) };
            Some(Question::Set(vec![binding]))
        };
        match self.stage {
            Stage::Look | Stage::LookAgain | Stage::Verify => {
                Some(Question::Get(vec![self.name.clone()]))
            }
            Stage::TakeDown => set(DOWN_STATUS),
            Stage::BringUp => set(UP),
            Stage::Wait(_) | Stage::Ended(_) => None,
        }
    }

    /// Takes the answer to [`Bounce::question`].
    pub fn answered(&mut self, now: Duration, answer: &Result<Answer, Fault>) {
        let is_up = match answer {
            Ok(Answer::Bindings(bindings)) => {
                bindings.first().is_some_and(|it| it.value == Value::Integer(UP))
            }
            Ok(Answer::Columns(_)) | Err(_) => false,
        };
        self.stage = match (self.stage, answer) {
            (Stage::Look, Err(fault)) => Stage::Ended(Err(BounceFault::Untouched(*fault))),
            (Stage::Look, Ok(_)) if is_up => Stage::TakeDown,
            (Stage::Look, Ok(_)) => Stage::Ended(Err(BounceFault::NotUp)),
            // A refusal is certain; silence may be that of the answer, whatever somebody
            // complained of meanwhile without proof.
            (Stage::TakeDown, Err(fault @ Fault::Refused(_))) => {
                Stage::Ended(Err(BounceFault::Untouched(*fault)))
            }
            (Stage::TakeDown, _) => Stage::Wait(now + DOWN),
            (Stage::BringUp, Ok(_)) => Stage::Verify,
            (Stage::Verify | Stage::LookAgain, Ok(_)) if is_up => Stage::Ended(Ok(())),
            (Stage::BringUp | Stage::Verify, _) => Stage::Wait(now + self.every),
            (Stage::LookAgain, _) if self.tries >= UP_TRIES_MAX => {
                Stage::Ended(Err(BounceFault::LeftDown))
            }
            (Stage::LookAgain, _) => return self.bring_up(),
            (stage @ (Stage::Wait(_) | Stage::Ended(_)), _) => stage,
        };
    }

    /// Goes on when it has waited long enough.
    pub fn handle_timeout(&mut self, now: Duration) {
        match self.stage {
            Stage::Wait(until) if until <= now => {
                // Before it was ever told to come up it is not looked at: a switch that shows
                // late what was set would still show it up.
                if self.tries == 0 {
                    self.bring_up();
                } else {
                    self.stage = Stage::LookAgain;
                }
            }
            Stage::Wait(_)
            | Stage::Look
            | Stage::TakeDown
            | Stage::LookAgain
            | Stage::BringUp
            | Stage::Verify
            | Stage::Ended(_) => {}
        }
    }

    /// When [`Bounce::handle_timeout`] has something to do.
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Duration> {
        match self.stage {
            Stage::Wait(until) => Some(until),
            _ => None,
        }
    }

    /// How it ended.
    #[must_use]
    pub const fn ended(&self) -> Option<Result<(), BounceFault>> {
        match self.stage {
            Stage::Ended(result) => Some(result),
            _ => None,
        }
    }
}
