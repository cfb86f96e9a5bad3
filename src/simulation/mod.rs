//! Simulated switches, supplicants and printers that speak the real protocols, for `demo`, for
//! tests and for load.
//!
//! Nothing the service does may need this room. A switch here knows its own profile, secret and
//! ports and what comes over the wire, never what the server decided; what a device should be
//! given ([`Expected`]) is derived from inventory and sites alone, never by asking the policy, so
//! that a run is a check and not an echo.

/// Declares what a run tells of: an enum whose variants have an id and words in both languages.
macro_rules! told {
    (#[doc = $doc:literal] $enum:ident $($name:ident $id:literal $ja:literal $en:literal)*) => {
        #[doc = $doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $enum { $(#[doc = $en] $name,)* }

        impl $enum {
            /// Every one, in order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable id.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            /// What happened, for people.
            #[must_use]
            pub const fn text(self) -> Text {
                match self { $(Self::$name => Text { ja: $ja, en: $en },)* }
            }
        }
    };
}

pub mod agent;
pub mod city;
pub mod device;
mod dialect;
mod imposter;
pub mod network;
pub mod run;
pub mod storm;
pub mod switch;
pub mod town;
#[cfg(test)]
mod city_tests;
#[cfg(test)]
mod network_tests;
#[cfg(test)]
mod stack_tests;
#[cfg(test)]
mod tests;
pub mod wallet;

pub use agent::{SnmpAgent, Tree, Vice};
pub use city::{Attempt, City, Expected, Story};
pub use device::Credential;
pub use run::{AttemptResult, Fleet, Progress};
pub use switch::{Outcome, Switch, Unusable};
pub use wallet::{Flaw, IssuingWallet, Paper, Wallet};
