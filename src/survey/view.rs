//! What the tables of one switch say, by the names of its ports.

use std::collections::BTreeMap;

use crate::vocabulary::{Mac, VlanId};

/// A switch as its tables show it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// sysName.
    pub system: String,
    /// lldpLocChassisId, in the spelling of [`Neighbour::chassis`]; empty where not spoken.
    pub chassis: String,
    /// Its interfaces, by name.
    pub interfaces: BTreeMap<String, Interface>,
    /// Addresses it learned, and where.
    pub stations: Vec<Station>,
    /// What announces itself by LLDP.
    pub neighbours: Vec<Neighbour>,
    /// Rows that name a port which no other table knows.
    pub unplaced: usize,
}

/// An interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// ifIndex.
    pub index: u32,
    /// Whether it is meant to be up (ifAdminStatus).
    pub enabled: Option<bool>,
    /// Whether it is (ifOperStatus).
    pub up: Option<bool>,
    /// dot1dStpPortState.
    pub spanning_tree: Option<StpState>,
    /// Whether its controlled port is authorised (dot1xAuthAuthControlledPortStatus).
    pub authorised: Option<bool>,
}

/// dot1dStpPortState (RFC 4188).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StpState {
    /// Spanning tree is off.
    Disabled,
    /// No frames pass.
    Blocking,
    /// Listening, in the old protocol.
    Listening,
    /// Learning addresses.
    Learning,
    /// Frames pass.
    Forwarding,
    /// Out of order.
    Broken,
    /// Any other number.
    Unknown(u32),
}

impl StpState {
    pub(super) const fn of(number: u32) -> Self {
        match number {
            1 => Self::Disabled,
            2 => Self::Blocking,
            3 => Self::Listening,
            4 => Self::Learning,
            5 => Self::Forwarding,
            6 => Self::Broken,
            other => Self::Unknown(other),
        }
    }

    /// The word of the MIB.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Blocking => "blocking",
            Self::Listening => "listening",
            Self::Learning => "learning",
            Self::Forwarding => "forwarding",
            Self::Broken => "broken",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// An address that a switch learned.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Station {
    /// The interface's name.
    pub port: String,
    /// The address.
    pub mac: Mac,
    /// The VLAN, where the tables tell.
    pub vlan: Option<VlanId>,
}

/// Who announces itself at a port (IEEE 802.1AB).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Neighbour {
    /// The interface's name here.
    pub port: String,
    /// lldpRemChassisId: an address as `00-11-…`, or text.
    pub chassis: String,
    /// lldpRemPortId, spelled alike.
    pub remote_port: String,
    /// lldpRemSysName; may be empty.
    pub system: String,
    /// What it is, of lldpRemSysCapEnabled.
    pub bridge: bool,
    /// A router.
    pub router: bool,
    /// A wireless access point.
    pub access_point: bool,
    /// A telephone.
    pub telephone: bool,
}
