//! What the sensor knows beforehand: where it stands, who is who, which addresses belong.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use ipnetwork::IpNetwork;

use super::habit::digest;
use super::separation::Separation;
pub use crate::plan::Vantage;
use crate::vocabulary::{Mac, Map};

/// A station, by its MAC where the link shows one, else by its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// By MAC.
    Mac(Mac),
    /// By IP address.
    Ip(IpAddr),
}

impl Hash for Subject {
    /// As one number: every frame of a mirror is looked up by it.
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Mac(mac) => mac.hash(state),
            Self::Ip(IpAddr::V4(address)) => state.write_u32(address.to_bits()),
            Self::Ip(IpAddr::V6(address)) => state.write_u128(address.to_bits()),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mac(mac) => mac.fmt(f),
            Self::Ip(address) => address.fmt(f),
        }
    }
}

/// The kind of port that control frames come in on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PortKind {
    /// Where a device is registered to be.
    Access,
    /// Between switches.
    Uplink,
    /// Not told.
    #[default]
    Unknown,
}

/// What the plan says a station is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// It asks and does not answer.
    Client,
    /// It answers.
    Server,
    /// A proxy of the city.
    Proxy,
    /// A printer, which serves pages of its own.
    Printer,
    /// It gives addresses.
    DhcpServer,
    /// It forwards, and may give addresses.
    Router,
    /// A phone or tablet by nature, and known as such.
    Handheld,
}

impl Role {
    /// Reads the id that a manifest writes.
    #[must_use]
    pub fn parse(id: &str) -> Option<Self> {
        Some(match id {
            "client" => Self::Client,
            "server" => Self::Server,
            "proxy" => Self::Proxy,
            "printer" => Self::Printer,
            "dhcp-server" => Self::DhcpServer,
            "router" => Self::Router,
            "handheld" => Self::Handheld,
            _ => return None,
        })
    }
}

/// The roles of one station; empty for a station nobody knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Roles(u8);

impl Roles {
    /// Adds one.
    pub fn add(&mut self, role: Role) {
        self.0 |= 1 << role as u8;
    }

    /// Whether it is among them.
    #[must_use]
    pub const fn has(self, role: Role) -> bool {
        self.0 & 1 << role as u8 != 0
    }

    /// Those of either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// How grave a finding is in an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// What weights are multiplied by, in tenths.
    pub factor_tenths: u32,
    /// Whether a client that serves is an alarm by itself.
    pub services_hard: bool,
    /// Whether the Internet is reached, so that names of phones say less.
    pub internet: bool,
}

impl Setting {
    /// Where nothing but registered PCs may be: the gravest, and what is assumed untold.
    pub const GRAVE: Self = Self { factor_tenths: 15, services_hard: true, internet: false };
    /// Anywhere else without Internet.
    pub const PLAIN: Self = Self { factor_tenths: 10, services_hard: false, internet: false };
}

/// What is known before the first frame.
#[derive(Clone, Debug)]
pub struct Knowledge {
    /// Where the mirror stands.
    pub vantage: Vantage,
    /// The port control frames come in on.
    pub port: PortKind,
    /// Whether a plan says who serves, so that everybody else does not.
    pub planned: bool,
    /// Whether gateways are learnt by what they carry; with a plan of the network only its own
    /// gateways are believed.
    pub gateways_learnt: bool,
    /// The VLAN of frames that carry no tag, where it is told.
    pub untagged: Option<u16>,
    /// Which environments are kept apart, and what may pass between them.
    pub separation: Separation,
    roles: Map<Subject, Roles>,
    pub(super) settings: Map<u16, Setting>,
    pub(super) prefixes: Map<u16, Vec<IpNetwork>>,
    pub(super) setting: Setting,
}

impl Knowledge {
    /// Knowing nothing: no plan, no roles, the gravest environment.
    #[must_use]
    pub fn none(vantage: Vantage) -> Self {
        Self {
            vantage,
            port: PortKind::Unknown,
            planned: false,
            gateways_learnt: true,
            untagged: None,
            separation: Separation::default(),
            roles: Map::default(),
            settings: Map::default(),
            prefixes: Map::default(),
            setting: Setting::GRAVE,
        }
    }

    /// Gives a station a role.
    pub fn add(&mut self, subject: Subject, role: Role) {
        self.roles.entry(subject).or_default().add(role);
    }

    /// What is known of a station by either of its names.
    #[must_use]
    pub fn roles(&self, mac: Option<Mac>, address: Option<IpAddr>) -> Roles {
        if self.roles.is_empty() {
            return Roles::default();
        }
        let of = |subject: Option<Subject>| {
            subject.and_then(|subject| self.roles.get(&subject)).copied().unwrap_or_default()
        };
        of(mac.map(Subject::Mac)).or(of(address.map(Subject::Ip)))
    }

    /// Where the mirror stands and which addresses gateways have, as a number to compare: what was
    /// learnt of hops and gateways is worth nothing elsewhere.
    #[must_use]
    pub fn ground(&self) -> u64 {
        let mut routers: Vec<String> = self
            .roles
            .iter()
            .filter(|(_, roles)| roles.has(Role::Router))
            .map(|(subject, _)| subject.to_string())
            .collect();
        routers.sort();
        let vantage: &[u8] = match self.vantage {
            Vantage::Edge => b"edge",
            Vantage::Core => b"core",
            Vantage::Learn => b"learn",
        };
        let untagged = self.untagged.unwrap_or(0).to_be_bytes();
        digest(&[vantage, &untagged, routers.join(" ").as_bytes()])
    }

    /// How grave findings on a VLAN are.
    #[must_use]
    pub fn setting(&self, vlan: Option<u16>) -> Setting {
        vlan.and_then(|vlan| self.settings.get(&vlan)).copied().unwrap_or(self.setting)
    }

    /// The networks of a VLAN; `None` where no plan tells.
    #[must_use]
    pub fn prefixes(&self, vlan: Option<u16>) -> Option<&[IpNetwork]> {
        self.prefixes.get(&vlan?).map(Vec::as_slice).filter(|networks| !networks.is_empty())
    }

    /// Whether control frames come in on an access port, as told, or since the mirror stands
    /// before every switch.
    #[must_use]
    pub const fn is_access(&self) -> bool {
        match (self.port, self.vantage) {
            (PortKind::Access, _) | (PortKind::Unknown, Vantage::Edge) => true,
            (PortKind::Uplink, _) | (PortKind::Unknown, Vantage::Core | Vantage::Learn) => false,
        }
    }
}
