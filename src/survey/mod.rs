//! What is really plugged in: the tables of switches, asked by SNMP and held against plan and
//! sessions.
//!
//! [`Agent`] asks one switch one question at a time; [`Sweep`] knows which questions make a
//! [`View`] of it; [`Judge`] says what in the views should not be (rules R17 to R19). Nothing
//! here knows sockets, threads or the clock. A [`Bounce`] alone changes anything: one port, down and
//! up again.

mod agent;
mod bounce;
mod fault;
mod judge;
mod notification;
mod sweep;
#[cfg(test)]
mod tests;
mod trap;
mod view;
mod walk;

pub use agent::{Access, Agent, Answer, Context, Question, TIME_WINDOW_S, Target};
pub use bounce::{Bounce, BounceFault, DOWN, UP_TRIES_MAX};
pub use fault::{Action, Fault, IgnoreReason};
pub use judge::{Change, Judge, Reading, Rule, STALE_PERIODS, SWEEPS_TOLERATED, Verdict};
pub use notification::Notification;
pub use sweep::{Hints, Sweep};
pub use trap::{Heard, Listener, RECENT_MAX, Sender, TrapFault};
pub use view::{Interface, Neighbour, Station, StpState, View};
pub use walk::{Columns, REPETITIONS_MAX, REQUESTS_MAX, ROWS_MAX, Row, WALK_MAX};
