//! `config/environments.toml`: environments as data, their pairs, VLANs and authorities.

mod read;

use std::time::Duration;

use ipnetwork::IpNetwork;

pub(super) use read::read;

use super::{Edition, Name, Origin};
use crate::vocabulary::{EnvironmentIndex, VlanId};

/// A certificate authority of one plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthorityIndex(pub u8);

/// One environment (A, B, C, quarantine, management, …).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// The id by which files and logs name it.
    pub id: String,
    /// Its names.
    pub name: Name,
    /// What it is for.
    pub role: Role,
    /// What the national guideline calls it.
    pub guideline: Guideline,
    /// Its addresses; no address lies in two environments.
    pub prefixes: Vec<IpNetwork>,
    /// What a device must show to get in.
    pub admission: Admission,
    /// Whether it may be reached through the air.
    pub wireless: WirelessRule,
    /// Whether a switch may open it while no server answers.
    pub critical_vlan: bool,
    /// Whether a change that weakens its separation needs a second person's acceptance.
    pub second_person: bool,
    /// Whether it reaches the Internet.
    pub internet: bool,
    /// How grave a leak out of it is, 0 to 255; orders findings and alerts.
    pub weight: u8,
    /// The authorities whose certificates it accepts.
    pub authorities: Vec<AuthorityIndex>,
    /// What to make of revocation lists.
    pub revocation: Revocation,
    /// Its VLANs; no VLAN id belongs to two environments.
    pub vlans: Vec<Vlan>,
    /// Where it is written.
    pub at: Origin,
}

impl Environment {
    /// What the edition of the national guideline, or the city's own by-law over it, says about
    /// wireless. Certificates are demanded everywhere; no MAC address is admitted over the air.
    #[must_use]
    pub const fn wireless_allowed(&self, edition: Edition) -> bool {
        match self.wireless {
            WirelessRule::Forbidden => false,
            WirelessRule::Certificate => true,
            WirelessRule::Guideline => match self.guideline {
                Guideline::MyNumber => match edition {
                    Edition::R4_3 | Edition::R6_10 => false,
                    Edition::R7_3 => true,
                },
                Guideline::Lgwan | Guideline::Internet | Guideline::None => true,
            },
        }
    }
}

/// What an environment is for. Exactly one of a plan is the quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// People work in it.
    Business,
    /// Devices that must be kept apart.
    Quarantine,
    /// Switches and servers.
    Management,
}

/// Which of the national guideline's environments this one is, for rules that name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Guideline {
    /// マイナンバー利用事務系.
    MyNumber,
    /// LGWAN 接続系.
    Lgwan,
    /// インターネット接続系.
    Internet,
    /// None of the three.
    None,
}

/// What a device must show to be admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Admission {
    /// A certificate, but for dated exceptions (rule R10).
    Certificate,
    /// A certificate, or a MAC address where class and rules allow it.
    CertificateOrMac,
    /// No registered device belongs into it.
    None,
}

/// Whether an environment may be reached through the air.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WirelessRule {
    /// As the policy's edition of the guideline says.
    Guideline,
    /// Never.
    Forbidden,
    /// With a certificate.
    Certificate,
}

/// What to make of an authority's certificate revocation list (RFC 5280 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Whether a list must be there at all.
    pub required: bool,
    /// How long past nextUpdate a list still counts as fresh.
    pub grace: Duration,
    /// What to do with certificates while the list is stale.
    pub when_stale: WhenStale,
}

/// What to do with certificates while the revocation list is stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WhenStale {
    /// Refuse them.
    Refuse,
    /// Accept them.
    Accept,
}

/// One VLAN of an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vlan {
    /// Its number.
    pub id: VlanId,
    /// Its name, unique in the plan.
    pub name: String,
    /// Its addresses, inside the environment's.
    pub prefix: Option<IpNetwork>,
    /// Its IPv6 addresses, inside the environment's.
    pub prefix6: Option<IpNetwork>,
    /// Where it is written.
    pub at: Origin,
}

/// What may flow between two business environments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The two, in order of index.
    pub between: [EnvironmentIndex; 2],
    /// What may flow.
    pub flows: Flows,
    /// Where it is written.
    pub at: Origin,
}

/// What may flow between two environments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flows {
    /// Nothing.
    Cut,
    /// Only flows listed one by one (特定通信).
    Enumerated,
}

/// A certificate authority; its certificate and revocation list lie in the secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The id, also the name of its files.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// Where it is written.
    pub at: Origin,
}

/// What `config/environments.toml` says.
#[derive(Debug, Default)]
pub(super) struct Environments {
    pub(super) environments: Vec<Environment>,
    pub(super) quarantine: Option<EnvironmentIndex>,
    pub(super) pairs: Vec<Pair>,
    pub(super) authorities: Vec<Authority>,
}
