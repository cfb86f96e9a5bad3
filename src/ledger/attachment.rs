//! One attachment: who, where, into what, and by which words its switch knows it.
//!
//! Places are kept by name, not by index: an attachment outlives the plan it was admitted under.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use smol_str::SmolStr;

use crate::vocabulary::{Mac, Octets, Timestamp, VlanId};

/// A certificate chain in DER, the end entity first; empty for a device without one. Kept
/// whole, so that it can be verified against whatever trust and revocation lists come later.
pub type Chain = Arc<[Vec<u8>]>;

/// Names one attachment: one address at one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The switch's id.
    pub switch: SmolStr,
    /// Where on it.
    pub point: Point,
    /// The device's address as the switch saw it.
    pub mac: Mac,
}

/// A place on a switch, by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Point {
    /// A wired port, by its name in the topology.
    Port(SmolStr),
    /// A wireless network, by its name: a device roams between access points in one session.
    Network(SmolStr),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.point {
            Point::Port(port) => write!(f, "{}:{port}", self.switch),
            Point::Network(name) => write!(f, "{}:ssid:{name}", self.switch),
        }
    }
}

/// What a switch was told about one device at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Who and where.
    pub key: Key,
    /// The radio it came through, where a wireless switch named one.
    pub access_point: Option<Mac>,
    /// The certificate chain that it proved; empty when it was admitted by address.
    pub chain: Chain,
    /// The id of the environment entered.
    pub environment: SmolStr,
    /// The VLAN assigned.
    pub vlan: VlanId,
    /// The filter assigned.
    pub filter: Option<String>,
    /// How the switch knows the session.
    pub session: Session,
    /// Generation of the plan that was decided by.
    pub generation: u64,
    /// When.
    pub since: Timestamp,
    /// The Session-Timeout given, if any.
    pub lasts: Option<Duration>,
}

/// What a request of RFC 5176 must repeat, as the switch itself wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// User-Name as received; empty when there was none.
    pub user: Octets,
    /// NAS-Port.
    pub nas_port: Option<u32>,
    /// NAS-Port-Id as received.
    pub nas_port_id: Option<Octets>,
    /// Acct-Session-Id, where the request or accounting named one.
    pub id: Option<Octets>,
    /// The address the switch asked from.
    pub nas: IpAddr,
    /// Our address that it asked, and the only one it will be told by (FMT-6).
    pub local: IpAddr,
}
