//! An honest foreign switch under load: asks any RADIUS server as many times as wanted, believes
//! no answer that does not prove itself, and measures how long each device had to wait.
//!
//! A storm knows a [`Roster`] alone (who asks, from where, and which VLAN is right), never a
//! plan, so that every server is measured by the same program. It counts what a server does
//! wrong; it never forgives. In the open loop a wait begins when the request was due, not when
//! the generator came to send it, so that a slow server cannot slow its own measurement.

mod answer;
mod engine;
mod histogram;
mod lanes;
mod pace;
mod roster;
mod roster_of_plan;
mod tally;
#[cfg(test)]
mod tests;

pub use engine::{Caller, Outgoing, Storm, StormSettings};
pub use histogram::Histogram;
pub use pace::{Load, Pace, Share};
pub use roster::{Entry, Method, Papers, Roster, RosterError, RosterFault};
pub use roster_of_plan::{Unlisted, roster_of};
pub use tally::{Fault, Tally};
