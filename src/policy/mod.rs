//! The decision: a pure function of plan, marks, evidence, place and time.
//!
//! Sees no packets, mutates nothing, and gives no one a default environment: whatever no rule
//! admits is refused. A rule can admit a device into its own environment only, so no policy file
//! can express a crossing. An admission without a VLAN cannot be constructed ([`Entry`]).

mod decide;
mod objection;
#[cfg(test)]
mod tests;

pub use decide::decide;

use std::time::Duration;

use crate::vocabulary::{
    Because, Certificate, Claimed, EnvironmentIndex, Mac, Outcome, Proven, Timestamp, VlanId,
};

/// What a device has shown of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// A MAC address in a request of a known switch: a claim that anyone can copy.
    Mac(Claimed<Mac>),
    /// The same, and possession of a certificate's private key.
    Certificate {
        /// The address the switch saw.
        mac: Claimed<Mac>,
        /// The certificate, verified.
        certificate: Proven<Certificate>,
    },
}

impl Evidence {
    /// The claimed address.
    #[must_use]
    pub const fn mac(&self) -> Mac {
        match self {
            Self::Mac(mac) | Self::Certificate { mac, .. } => mac.0,
        }
    }

    /// The certificate, where there is one.
    #[must_use]
    pub fn certificate(&self) -> Option<&Certificate> {
        match self {
            Self::Mac(_) => None,
            Self::Certificate { certificate, .. } => Some(certificate.get()),
        }
    }
}

/// The way in that a decision opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The environment.
    pub environment: EnvironmentIndex,
    /// The VLAN, one of that environment's.
    pub vlan: VlanId,
    /// The instant from which the evidence or permission no longer holds; no session may last
    /// beyond it.
    pub until: Option<Timestamp>,
    /// A session length the rule asks for instead of the switch profile's.
    pub session_timeout: Option<Duration>,
    /// A filter the rule asks for (Filter-Id, RFC 2865 §5.11).
    pub filter: Option<String>,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Into the device's own environment.
    Admit(Entry),
    /// Into the quarantine environment.
    Quarantine(Entry),
    /// Nothing.
    Refuse,
}

/// A verdict and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What was decided.
    pub verdict: Verdict,
    /// Why.
    pub because: Because,
}

impl Decision {
    /// A refusal.
    #[must_use]
    pub const fn refuse(because: Because) -> Self {
        Self { verdict: Verdict::Refuse, because }
    }

    /// The verdict without its details.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        match self.verdict {
            Verdict::Admit(_) => Outcome::Admit,
            Verdict::Quarantine(_) => Outcome::Quarantine,
            Verdict::Refuse => Outcome::Refuse,
        }
    }

    /// The way in, where there is one.
    #[must_use]
    pub const fn entry(&self) -> Option<&Entry> {
        match &self.verdict {
            Verdict::Admit(entry) | Verdict::Quarantine(entry) => Some(entry),
            Verdict::Refuse => None,
        }
    }
}
