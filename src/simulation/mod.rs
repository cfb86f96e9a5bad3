//! Simulated switches, supplicants and printers that speak the real protocols, for `demo`, for
//! tests and for load.
//!
//! Nothing the service does may need this room. A switch here knows its own profile, secret and
//! ports and what comes over the wire, never what the server decided; what a device should be
//! given ([`Expected`]) is derived from inventory and sites alone, never by asking the policy, so
//! that a run is a check and not an echo.

pub mod city;
pub mod device;
mod dialect;
mod imposter;
pub mod run;
pub mod switch;
#[cfg(test)]
mod city_tests;
#[cfg(test)]
mod tests;
pub mod wallet;

pub use city::{Attempt, City, Expected, Story};
pub use device::Credential;
pub use run::{AttemptResult, Fleet, Progress};
pub use switch::{Outcome, Switch, Unusable};
pub use wallet::{Flaw, IssuingWallet, Paper, Wallet};
