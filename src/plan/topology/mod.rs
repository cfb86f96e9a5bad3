//! `topology/`: sites, switches, ports, links, gateways.

mod gateway;
mod network;
mod port;
mod read;
mod site;
#[cfg(test)]
pub(super) mod tests;
mod wireless;

pub(super) use read::read;

use ipnetwork::IpNetwork;

use super::{HostMode, MessageAuthenticator, Name, Origin, ProfileIndex};
use crate::vocabulary::{EnvironmentIndex, Mac, PortIndex, SiteIndex, SwitchIndex, VlanId};

/// A ring of one plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RingIndex(pub u16);

/// A building.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The id, unique.
    pub id: String,
    /// Its names.
    pub name: Name,
    /// The group it belongs to, for people.
    pub group: String,
    /// How it is reached.
    pub medium: Transmission,
    /// The VLAN that devices of an environment get here.
    pub assign: Vec<(EnvironmentIndex, VlanId)>,
    /// Where it is written.
    pub at: Origin,
}

impl Site {
    /// The VLAN that devices of `environment` get here.
    #[must_use]
    pub fn assigned(&self, environment: EnvironmentIndex) -> Option<VlanId> {
        self.assign.iter().find(|(index, _)| *index == environment).map(|(_, vlan)| *vlan)
    }
}

/// How a site is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transmission {
    /// Optical fibre.
    Fibre,
    /// Radio.
    Radio,
}

/// A switch or wireless controller; a RADIUS client when it has authenticated ports or networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    /// The id, unique over all sites.
    pub id: String,
    /// Its names, when it has some.
    pub name: Option<Name>,
    /// Where it stands.
    pub site: SiteIndex,
    /// Where its requests come from: one address or a prefix.
    pub address: IpNetwork,
    /// How it speaks RADIUS.
    pub profile: ProfileIndex,
    /// Model.
    pub model: String,
    /// Serial number.
    pub serial: String,
    /// What it is for.
    pub role: SwitchRole,
    /// The VLANs configured on it, ascending.
    pub vlans: Vec<VlanId>,
    /// How many units are stacked in it; one that fails does not take the others along.
    pub stack: u8,
    /// Whether its requests must carry a Message-Authenticator.
    pub message_authenticator: MessageAuthenticator,
    /// Its ports, in the order written.
    pub ports: Vec<Port>,
    /// The wireless networks it announces.
    pub networks: Vec<WirelessNetwork>,
    /// The access points it controls.
    pub access_points: Vec<AccessPoint>,
    /// Where it is written.
    pub at: Origin,
}

impl Switch {
    /// Whether it asks this server: it has an authenticated port or a wireless network.
    #[must_use]
    pub fn is_client(&self) -> bool {
        !self.networks.is_empty()
            || self.ports.iter().any(|port| matches!(port.role, PortRole::Auth { .. }))
    }

    /// The port of that name.
    #[must_use]
    pub fn port(&self, name: &str) -> Option<PortIndex> {
        let position = self.ports.iter().position(|port| port.name == name)?;
        u16::try_from(position).ok().map(PortIndex)
    }

    /// The wireless network of that name.
    #[must_use]
    pub fn network(&self, ssid: &str) -> Option<&WirelessNetwork> {
        self.networks.iter().find(|network| network.ssid == ssid)
    }

    /// The access point with that radio address.
    #[must_use]
    pub fn access_point(&self, mac: Mac) -> Option<&AccessPoint> {
        self.access_points.iter().find(|point| point.mac == mac)
    }
}

/// What a switch is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SwitchRole {
    /// Devices plug into it.
    Access,
    /// It joins the switches of a site.
    Distribution,
    /// It joins the sites.
    Core,
    /// It controls access points.
    WirelessController,
}

/// A port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name on the switch.
    pub name: String,
    /// What it is for.
    pub role: PortRole,
    /// Where it is written.
    pub at: Origin,
}

/// What a port is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortRole {
    /// Devices must authenticate.
    Auth {
        /// How many may be behind it.
        host_mode: HostMode,
        /// Every environment that a device can be put into here, the quarantine included: the
        /// port's own list, or all that the site assigns.
        environments: Vec<EnvironmentIndex>,
        /// The port's only VLAN, on switches that cannot be told one.
        fixed_vlan: Option<VlanId>,
        /// Why whoever follows the first device need not authenticate (`multi-host`).
        reason: Option<String>,
    },
    /// It carries several VLANs to another switch.
    Trunk {
        /// The tagged VLANs, ascending.
        vlans: Vec<VlanId>,
        /// The untagged VLAN.
        native: Option<VlanId>,
        /// Whether it carries whatever the switch has (`vlans = "all"`).
        all: bool,
    },
    /// One VLAN without authentication.
    Access {
        /// The VLAN.
        vlan: VlanId,
        /// Why it is not authenticated.
        reason: String,
    },
    /// Shut down.
    Unused,
}

/// A wireless network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WirelessNetwork {
    /// Its name (SSID).
    pub ssid: String,
    /// Every environment that a device can be put into through it.
    pub environments: Vec<EnvironmentIndex>,
    /// Where it is written.
    pub at: Origin,
}

/// An access point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessPoint {
    /// Its radio address.
    pub mac: Mac,
    /// Where it hangs.
    pub site: SiteIndex,
    /// Its name.
    pub name: String,
    /// Where it is written.
    pub at: Origin,
}

/// A ring of sites.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ring {
    /// The id.
    pub id: String,
    /// Its names.
    pub name: Name,
    /// The protocol that opens it, for people.
    pub protocol: String,
    /// Its sites, in order.
    pub sites: Vec<SiteIndex>,
    /// Where it is written.
    pub at: Origin,
}

/// A cable or radio path between two trunk ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The id.
    pub id: String,
    /// Its two ends.
    pub ends: [LinkEnd; 2],
    /// What it is made of.
    pub medium: Cable,
    /// The ring it is part of.
    pub ring: Option<RingIndex>,
    /// The name of the bundle (link aggregation) it is a member of.
    pub lag: Option<String>,
    /// The VLANs it carries tagged, ascending.
    pub vlans: Vec<VlanId>,
    /// The VLAN it carries untagged.
    pub native: Option<VlanId>,
    /// Where it is written.
    pub at: Origin,
}

/// One end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkEnd {
    /// The switch.
    pub switch: SwitchIndex,
    /// The port.
    pub port: PortIndex,
}

/// What a link is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cable {
    /// Optical fibre.
    Fibre,
    /// Radio.
    Radio,
    /// Copper.
    Copper,
}

/// An access list of one plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AclIndex(pub u16);

/// A gateway of one plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GatewayIndex(pub u16);

/// An access list: the first rule that matches speaks, and a packet of its families that none
/// matches is dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acl {
    /// The id.
    pub id: String,
    /// What it speaks about; other packets are treated as the gateway treats unlisted families.
    pub families: Families,
    /// The rules, in order.
    pub rules: Vec<AclRule>,
    /// Where it is written.
    pub at: Origin,
}

/// Address families.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Families {
    /// IPv4.
    pub ipv4: bool,
    /// IPv6.
    pub ipv6: bool,
}

/// A rule of an access list. An empty list does not restrict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AclRule {
    /// Permit, else deny.
    pub permit: bool,
    /// Source networks.
    pub from: Vec<IpNetwork>,
    /// Destination networks.
    pub to: Vec<IpNetwork>,
    /// The protocol's number; `None` means every one.
    pub protocol: Option<u8>,
    /// Source ports.
    pub from_ports: Vec<std::ops::RangeInclusive<u16>>,
    /// Destination ports.
    pub to_ports: Vec<std::ops::RangeInclusive<u16>>,
    /// Only segments that do not open a connection: TCP with ACK or RST.
    pub established: bool,
    /// Where it is written.
    pub at: Origin,
}

/// What an interface lets pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Applied {
    /// What a list permits.
    Acl(AclIndex),
    /// The permitted flows and nothing else; what crosses no environment passes.
    Flows,
}

/// A router or firewall: something that joins VLANs at layer 3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// The id.
    pub id: String,
    /// Where it stands.
    pub site: SiteIndex,
    /// The switches it is connected to; empty means every core switch of its site.
    pub attach: Vec<SwitchIndex>,
    /// The ports it is connected to, where they are written.
    pub ports: Vec<LinkEnd>,
    /// The gateway whose place it takes when that one fails; the two are never active together.
    pub standby_of: Option<GatewayIndex>,
    /// Whether it knows connections: then replies pass without a rule, and rules are about the
    /// packet that opens a connection.
    pub stateful: bool,
    /// Whether it joins its interfaces when it fails (fail to wire).
    pub bypass: bool,
    /// Whether it forwards families that a list does not speak about.
    pub forwards_unlisted: bool,
    /// Its VLAN interfaces.
    pub interfaces: Vec<Interface>,
    /// Its static routes.
    pub routes: Vec<Route>,
    /// Where it is written.
    pub at: Origin,
}

/// A gateway's interface in a VLAN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The VLAN.
    pub vlan: VlanId,
    /// Its address, with the length of the VLAN's prefix.
    pub address: IpNetwork,
    /// Its IPv6 address, where it has one.
    pub address6: Option<IpNetwork>,
    /// The table of routes it belongs to; interfaces of different tables are not joined.
    pub vrf: String,
    /// What may come in; `None` means everything.
    pub input: Option<Applied>,
    /// What may go out; `None` means everything.
    pub output: Option<Applied>,
    /// Where it is written.
    pub at: Origin,
}

/// A static route. A next hop in a VLAN of another table is a leak between tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where to.
    pub to: IpNetwork,
    /// The next hop.
    pub via: std::net::IpAddr,
    /// The table it is in.
    pub vrf: String,
    /// Where it is written.
    pub at: Origin,
}

/// A machine where connections end and others begin (VDI host, sanitiser, proxy, mail relay).
/// It forwards no packet, so no path leads through it; it is a chain that must be approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relay {
    /// The id.
    pub id: String,
    /// What it does.
    pub class: RelayClass,
    /// Its addresses, in whatever environments.
    pub addresses: Vec<std::net::IpAddr>,
    /// What it is for.
    pub purpose: String,
    /// Who approved it.
    pub approver: String,
    /// Where it is written.
    pub at: Origin,
}

/// What a relay does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RelayClass {
    /// Screen transfer (画面転送).
    Screen,
    /// Sanitising (無害化).
    Sanitiser,
    /// A proxy.
    Proxy,
    /// A mail relay.
    Mail,
}

/// What `topology/` says.
#[derive(Debug, Default)]
pub(super) struct Topology {
    pub(super) sites: Vec<Site>,
    pub(super) switches: Vec<Switch>,
    pub(super) rings: Vec<Ring>,
    pub(super) links: Vec<Link>,
    pub(super) acls: Vec<Acl>,
    pub(super) gateways: Vec<Gateway>,
    pub(super) relays: Vec<Relay>,
}
