//! `config/policy.toml`, `exceptions.toml` and `grants.toml`: who may come in, under which rule.

mod dated;
mod read;

use std::time::Duration;

pub(super) use dated::{days_left, in_order};
pub(super) use read::{read, read_classes};

use super::{Area, Name, Origin};
use crate::vocabulary::{
    ClassIndex, DeviceIndex, EnvironmentIndex, Mac, SiteIndex, SwitchIndex, Timestamp, VlanId,
};

/// The edition of the national guideline that the site follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Edition {
    /// 令和4年3月版: no wireless in the My Number environment.
    R4_3,
    /// 令和6年10月版.
    R6_10,
    /// 令和7年3月版: wireless with EAP-TLS.
    R7_3,
}

impl Edition {
    /// Every edition, oldest first.
    pub const ALL: [Self; 3] = [Self::R4_3, Self::R6_10, Self::R7_3];

    /// The edition of that id.
    #[must_use]
    pub fn parse(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|edition| edition.id() == id)
    }

    /// As written: `R4.3`, `R6.10`, `R7.3`.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::R4_3 => "R4.3",
            Self::R6_10 => "R6.10",
            Self::R7_3 => "R7.3",
        }
    }
}

/// A class of devices (区分).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// The id.
    pub id: String,
    /// Its names.
    pub name: Name,
    /// Whether its devices may come in by MAC address alone.
    pub mac: MacAdmission,
    /// Whether its devices are phones or tablets by nature, Android displays for instance: what
    /// they show of a phone is then no sign.
    pub handheld: bool,
    /// Where it is written.
    pub at: Origin,
}

/// Whether a device may come in by MAC address alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MacAdmission {
    /// Never.
    Never,
    /// With a dated exception of rule R10.
    Exception,
    /// When the inventory pins the device to a port.
    Pinned,
}

/// How a device showed who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// A certificate (RFC 5216, RFC 9190).
    EapTls,
    /// Its MAC address, vouched for by the switch.
    Mab,
}

impl Method {
    /// As written: `eap-tls`, `mab`.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::EapTls => "eap-tls",
            Self::Mab => "mab",
        }
    }
}

/// Through what a device reaches the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Medium {
    /// A cable.
    Wired,
    /// The air.
    Wireless,
}

/// A rule of the policy. `None` in a condition means that it does not restrict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The id.
    pub id: String,
    /// A remark, for people.
    pub note: Option<String>,
    /// Device classes it applies to.
    pub classes: Option<Vec<ClassIndex>>,
    /// Environments of the device it applies to.
    pub environments: Option<Vec<EnvironmentIndex>>,
    /// Methods it applies to.
    pub methods: Option<Vec<Method>>,
    /// Media it applies to.
    pub media: Option<Vec<Medium>>,
    /// Sites it applies to.
    pub sites: Option<Vec<SiteIndex>>,
    /// Switches it applies to.
    pub switches: Option<Vec<SwitchIndex>>,
    /// Whether it applies to maintenance companies' grants (true) or to registered devices.
    pub grants: bool,
    /// What it says.
    pub action: Action,
    /// The VLAN to use instead of the one the site assigns to the environment.
    pub vlan: Option<VlanId>,
    /// When the device must authenticate again, instead of the profile's time.
    pub session_timeout: Option<Duration>,
    /// The name of a filter to apply at the switch.
    pub filter: Option<String>,
    /// Where it is written.
    pub at: Origin,
}

/// What a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Into the device's environment.
    Admit,
    /// Into the quarantine.
    Quarantine,
    /// Nothing.
    Refuse,
}

/// A dated exception from a separation rule (例外措置).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// The id.
    pub id: String,
    /// The rule it excepts from, such as `R10`.
    pub rule: String,
    /// What it concerns.
    pub objects: Vec<ExceptionObject>,
    /// Why.
    pub reason: String,
    /// Who approved it.
    pub approver: String,
    /// Since when.
    pub approved: Timestamp,
    /// The first instant at which it no longer holds.
    pub expires: Timestamp,
    /// Where it is written.
    pub at: Origin,
}

impl Exception {
    /// Whether it holds at `now`.
    #[must_use]
    pub fn in_force(&self, now: Timestamp) -> bool {
        self.approved <= now && now < self.expires
    }
}

/// What an exception concerns.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ExceptionObject {
    /// A registered device.
    Device(DeviceIndex),
    /// Every device of a class.
    Class(ClassIndex),
    /// A switch.
    Switch(SwitchIndex),
    /// Something else that the rule in question names.
    Other(String),
}

/// A maintenance company's temporary admission (一時許可).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The id.
    pub id: String,
    /// Whom it lets in.
    pub company: String,
    /// For what.
    pub purpose: String,
    /// Who approved it.
    pub approver: String,
    /// When it was approved.
    pub approved: Timestamp,
    /// Into which environment.
    pub environment: EnvironmentIndex,
    /// The device's address, when the grant names one.
    pub mac: Option<Mac>,
    /// The certificate's identity, lower-cased, when the grant names one.
    pub certificate: Option<String>,
    /// Where it is valid.
    pub places: Vec<Area>,
    /// From when: the day that is written, or that of the approval where that is later.
    pub from: Timestamp,
    /// The first instant at which it is over.
    pub until: Timestamp,
    /// Where it is written.
    pub at: Origin,
}

impl Grant {
    /// Whether it holds at `now`.
    #[must_use]
    pub fn in_force(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }
}

/// What `config/policy.toml`, `exceptions.toml` and `grants.toml` say.
#[derive(Debug, Default)]
pub(super) struct Policy {
    pub(super) edition: Option<Edition>,
    pub(super) rules: Vec<Rule>,
    pub(super) exceptions: Vec<Exception>,
    pub(super) grants: Vec<Grant>,
}
