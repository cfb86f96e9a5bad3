//! What an authenticator is told about itself: a plain value, made by whoever reads the file.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::vocabulary::{Mac, Secret, VlanId};

/// Everything an authenticator must know before the first frame.
#[derive(Clone, Debug)]
pub struct Settings {
    /// NAS-Identifier: what the authenticator calls itself.
    pub name: String,
    /// NAS-IP-Address or NAS-IPv6-Address.
    pub nas_address: IpAddr,
    /// The servers, the most wanted first.
    pub servers: Vec<Server>,
    /// How long a server may take for one sending of a request.
    pub timeout: Duration,
    /// Sendings to one server after the first.
    pub retries: u8,
    /// How long a server that did not answer is passed over.
    pub dead_time: Duration,
    /// Who may change sessions from outside.
    pub dynamic: Dynamic,
    /// VLANs the switch will carry to an access port; an Accept that names another is refused.
    pub vlans: BTreeSet<VlanId>,
    /// The access ports; [`PortId`](super::PortId) is an index into this list.
    pub ports: Vec<Port>,
}

/// One RADIUS server.
#[derive(Clone, Debug)]
pub struct Server {
    /// Where Access-Requests go.
    pub authentication: SocketAddr,
    /// Where Accounting-Requests go; `None` when it keeps no accounts.
    pub accounting: Option<SocketAddr>,
    /// The secret shared with it.
    pub secret: Secret,
}

/// The dynamic authorization server (RFC 5176).
#[derive(Clone, Debug)]
pub struct Dynamic {
    /// Who may send requests; empty closes the service.
    pub clients: Vec<DynamicClient>,
    /// How far Event-Timestamp may lie from our clock (RFC 5176 §6.3); 300 s by default.
    pub window: Duration,
    /// Whether a request without Message-Authenticator is dropped; true by default.
    pub require_message_authenticator: bool,
}

impl Default for Dynamic {
    fn default() -> Self {
        Self {
            clients: Vec::new(),
            window: Duration::from_secs(300),
            require_message_authenticator: true,
        }
    }
}

/// One sender of Disconnect- and CoA-Requests.
#[derive(Clone, Debug)]
pub struct DynamicClient {
    /// Its address.
    pub address: IpAddr,
    /// The secret shared with it.
    pub secret: Secret,
}

/// One access port.
#[derive(Clone, Debug)]
pub struct Port {
    /// NAS-Port-Id: the interface's name.
    pub name: String,
    /// NAS-Port.
    pub number: u32,
    /// The port's own address: source of our frames, Called-Station-Id.
    pub mac: Mac,
    /// Which ways in are tried, and in what order.
    pub order: Order,
    /// Who may use the port once it is open.
    pub hosts: Hosts,
    /// In place of what the server says: after this long, ask again.
    pub reauthentication: Option<Duration>,
    /// How long a refused port stays deaf (`quietPeriod`).
    pub quiet: Duration,
    /// From one request for an identity to the next (`txPeriod`).
    pub tx_period: Duration,
    /// Requests for an identity after the first, before the host counts as silent (`reAuthMax`).
    pub max_reauth_req: u8,
    /// How long a supplicant may take for an answer, unless the server says otherwise
    /// (`suppTimeout`).
    pub supplicant_timeout: Duration,
    /// Where hosts go while no server can be reached; `None` keeps the port closed.
    pub critical: Option<VlanId>,
    /// Interval of interim accounting when the server names none; at least 60 s.
    pub interim: Option<Duration>,
}

impl Port {
    /// A port with the timers of IEEE 802.1X-2010 §8.6 and §8.9, one host, 802.1X first.
    #[must_use]
    pub fn new(name: String, number: u32, mac: Mac) -> Self {
        Self {
            name,
            number,
            mac,
            order: Order::Dot1xFirst,
            hosts: Hosts::One,
            reauthentication: None,
            quiet: Duration::from_secs(60),
            tx_period: Duration::from_secs(30),
            max_reauth_req: 2,
            supplicant_timeout: Duration::from_secs(30),
            critical: None,
            interim: None,
        }
    }
}

/// Which ways in a port offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// 802.1X; the address alone when no supplicant answers.
    Dot1xFirst,
    /// The address alone; 802.1X when that is refused or a supplicant speaks up.
    MabFirst,
    /// 802.1X and nothing else.
    Dot1xOnly,
    /// The address alone; EAPOL is not listened to.
    MabOnly,
}

/// Who may use an open port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hosts {
    /// The host that was admitted.
    One,
    /// Any host behind it, all in its VLAN.
    Several,
}

impl Hosts {
    /// The one address to let in; `None` lets in all.
    pub(super) const fn only(self, admitted: Mac) -> Option<Mac> {
        match self {
            Self::One => Some(admitted),
            Self::Several => None,
        }
    }
}
