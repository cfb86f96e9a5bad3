//! `config/profiles/*.toml`: how a model family of switches speaks RADIUS.
//!
//! Every capability is stated; whatever a profile does not state is refused, not guessed.

#[cfg(test)]
mod plain;
mod read;
mod snmp;
mod spelling;

use std::time::Duration;

pub(super) use read::read;
pub use snmp::{Forwarding, InterfaceNames, Snmp, SnmpAccess};
pub(super) use spelling::{Called, PortPlace};

use super::Origin;
use crate::vocabulary::{MacSpelling, VlanId};

/// A profile of one plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileIndex(pub u16);

/// How a model family of switches speaks RADIUS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The id by which switches name it.
    pub id: String,
    /// The maker.
    pub vendor: String,
    /// The models it is for.
    pub models: Vec<String>,
    /// What it rests on: `vendor guide`, or `capture: <recorded vector>`.
    pub source: String,
    /// What its requests look like.
    pub request: Request,
    /// How it names ports.
    pub port: PortNaming,
    /// What it wants in replies.
    pub reply: Reply,
    /// How a session can be ended.
    pub enforce: Enforce,
    /// How it behaves.
    pub behaviour: Behaviour,
    /// How it is asked for its tables; `None` when it is not.
    pub snmp: Option<Snmp>,
    /// Where it is written.
    pub at: Origin,
}

/// What requests look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The forms of MAC authentication it may use; empty forbids MAC authentication.
    pub mab_forms: Vec<MabForm>,
    /// What tells MAC authentication apart from a user's login.
    pub mab_marker: MabMarker,
    /// The password of MAC authentication.
    pub mab_password: MabPassword,
    /// How the MAC address is spelled in User-Name.
    pub user_mac: MacSpelling,
    /// What stands around the MAC address in User-Name.
    pub user_affix: UserAffix,
    /// Where the device's address is.
    pub calling: CallingStation,
    /// Where the switch's own address is.
    pub called: CalledStation,
    /// What NAS-Identifier holds.
    pub nas_identifier: NasIdentifier,
    /// Whether requests must carry a Message-Authenticator, unless the switch says otherwise.
    pub message_authenticator: MessageAuthenticator,
}

/// A form of MAC authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MabForm {
    /// User-Password (RFC 2865 §5.2).
    Pap,
    /// CHAP-Password (RFC 2865 §5.3).
    Chap,
    /// EAP-MD5 (RFC 3748 §5.4).
    EapMd5,
}

impl MabForm {
    /// As written: `pap`, `chap`, `eap-md5`.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Pap => "pap",
            Self::Chap => "chap",
            Self::EapMd5 => "eap-md5",
        }
    }
}

/// What tells MAC authentication apart from a user's login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MabMarker {
    /// Service-Type Call-Check (10).
    CallCheck,
    /// User-Name is the MAC address in Calling-Station-Id.
    UserEqualsCalling,
    /// An EAP identity that is a MAC address.
    EapMd5Identity,
}

/// The password of MAC authentication. It is no evidence about the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MabPassword {
    /// User-Name again.
    SameAsUser,
    /// One word for the switch.
    Fixed,
    /// None.
    None,
}

/// What stands around the MAC address in User-Name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserAffix {
    /// Before it.
    pub prefix: String,
    /// After it.
    pub suffix: String,
    /// What to make of `@realm`.
    pub realm: RealmRule,
}

/// What to make of `@realm` after a MAC address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RealmRule {
    /// The name is not a MAC address.
    Refuse,
    /// It is cut off.
    Strip,
}

/// Where the device's address is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallingStation {
    /// 31 (Calling-Station-Id), or 30 on switches that swap the two.
    pub attribute: u8,
    /// How it is spelled.
    pub mac: MacSpelling,
    /// Whether it may be missing, so that User-Name stands for it.
    pub may_be_absent: bool,
}

/// Where the switch's own address is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalledStation {
    /// 30 (Called-Station-Id), or 31 on switches that swap the two.
    pub attribute: u8,
    /// What it holds.
    pub carries: CalledCarries,
}

/// What Called-Station-Id holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CalledCarries {
    /// The port's MAC address.
    PortMac,
    /// The switch's MAC address.
    BridgeMac,
    /// `AP-MAC:SSID` (RFC 3580 §3.20): the profile is a wireless one.
    ApMacSsid,
}

/// What NAS-Identifier holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NasIdentifier {
    /// The switch's name.
    Name,
    /// The VLAN number in fixed-VLAN mode.
    VlanInFixedMode,
    /// Nothing to rely on.
    Ignore,
}

/// Whether requests must carry a Message-Authenticator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageAuthenticator {
    /// Always.
    Require,
    /// Once one was seen, always.
    Learn,
    /// Only with Proxy-State.
    Legacy,
}

/// How a switch names ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortNaming {
    /// Where the name comes from.
    pub decode: PortDecode,
    /// What to cut off the end of NAS-Port-Id, such as `.0` of Junos.
    pub strip: String,
    /// The name's pattern with `{slot}` and `{port}`, for numeric decodes.
    pub name: Option<String>,
}

/// Where a port's name comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PortDecode {
    /// NAS-Port is the port's number.
    NasPortPlain,
    /// NAS-Port is the SNMP ifIndex.
    IfIndex,
    /// NAS-Port holds slot 8, subslot 4, port 8 and VLAN 12 bits.
    Comware,
    /// NAS-Port is 50000 + 100 × slot + port.
    Cisco,
    /// NAS-Port-Id is the name.
    NasPortId,
}

/// What a switch wants in replies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// How it is told the VLAN.
    pub vlan: VlanMeans,
    /// The tag of the tunnel attributes.
    pub vlan_tag: VlanTag,
    /// How the VLAN is written.
    pub vlan_text: VlanText,
    /// VLANs it must never be told.
    pub forbidden_vlans: Vec<VlanId>,
    /// How it is told a filter.
    pub filter: FilterMeans,
    /// When devices must authenticate again.
    pub session_timeout: Duration,
    /// What the switch does at that time.
    pub termination_action: TerminationAction,
    /// Attributes it cannot digest.
    pub omit: Vec<ReplyOmit>,
}

/// How a switch is told the VLAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VlanMeans {
    /// Tunnel-Type, Tunnel-Medium-Type, Tunnel-Private-Group-ID (RFC 3580 §3.31).
    Tunnel,
    /// The same, and Egress-VLANID (RFC 4675).
    TunnelEgress,
    /// APRESIA's vendor attribute 278/192.
    Vsa278,
    /// HP's vendor attribute 11/64.
    Hp1164,
    /// Not at all: ports have one VLAN.
    Fixed,
}

/// The tag of the tunnel attributes (RFC 2868 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VlanTag {
    /// No tag octet in Tunnel-Private-Group-ID; zero in the integers.
    None,
    /// Zero.
    Zero,
    /// One.
    One,
    /// Two.
    Two,
}

/// How the VLAN is written in Tunnel-Private-Group-ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VlanText {
    /// `110`.
    Decimal,
    /// The VLAN's name.
    Name,
    /// `VLAN110`.
    Prefixed,
}

/// How a switch is told a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FilterMeans {
    /// Not at all.
    None,
    /// Filter-Id (RFC 2865 §5.11).
    FilterId,
    /// NAS-Filter-Rule (RFC 4849).
    NasFilterRule,
    /// A vendor attribute.
    Vsa,
}

/// What the switch does when the session's time is over (RFC 2865 §5.29).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TerminationAction {
    /// Ends the session.
    Default,
    /// Authenticates again.
    RadiusRequest,
}

/// A reply attribute that some models cannot digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReplyOmit {
    /// Session-Timeout.
    SessionTimeout,
    /// Termination-Action.
    TerminationAction,
    /// Message-Authenticator, in replies without EAP only.
    MessageAuthenticator,
    /// User-Name.
    UserName,
    /// Reply-Message.
    ReplyMessage,
}

/// How a session can be ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enforce {
    /// The means, in order.
    pub means: Vec<EnforceMeans>,
    /// How CoA and Disconnect are spoken.
    pub coa: Coa,
}

/// A means to end a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EnforceMeans {
    /// Wait for Session-Timeout.
    SessionTimeout,
    /// Set ifAdminStatus down and up.
    SnmpPortBounce,
    /// Disconnect-Request (RFC 5176).
    Disconnect,
    /// CoA-Request that asks for re-authentication.
    CoaReauth,
    /// CoA-Request that asks for a port bounce.
    CoaPortBounce,
}

/// How CoA and Disconnect are spoken (RFC 5176).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coa {
    /// UDP port; 0 when not spoken.
    pub port: u16,
    /// The attributes that name the session.
    pub keys: Vec<CoaKey>,
    /// How a MAC address is spelled.
    pub mac: Option<MacSpelling>,
    /// Whether Event-Timestamp is sent.
    pub event_timestamp: bool,
    /// Whether Message-Authenticator is sent.
    pub message_authenticator: bool,
    /// The codes that mean success.
    pub ack: Vec<CoaAck>,
    /// How it is asked to bounce a port; `None` when it is not.
    pub bounce: Option<CoaBounce>,
}

/// The attribute that asks for a port bounce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CoaBounce {
    /// Cisco-AVPair `subscriber:command=bounce-host-port` (vendor 9, type 1).
    Cisco,
    /// HP-Port-Bounce-Host (vendor 11, type 23), in seconds.
    Hp,
    /// Aruba-Port-Bounce-Host (vendor 14823, type 40), in seconds.
    Aruba,
}

/// An attribute that names a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CoaKey {
    /// Calling-Station-Id.
    CallingStationId,
    /// NAS-Port.
    NasPort,
    /// NAS-Port-Id.
    NasPortId,
    /// Acct-Session-Id.
    AcctSessionId,
    /// User-Name.
    UserName,
}

/// A code that means success.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CoaAck {
    /// Disconnect-ACK (41).
    DisconnectAck,
    /// CoA-ACK (44).
    CoaAck,
}

/// How a switch behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behaviour {
    /// How many VLANs can be on one port at once.
    pub vlans_per_port: VlansPerPort,
    /// How many devices may be behind a port, unless the port says otherwise.
    pub host_mode: HostMode,
    /// What the switch does while no server answers.
    pub server_dead: ServerDead,
    /// How long it waits for an answer.
    pub request_timeout: Duration,
    /// How often it asks again.
    pub retries: u8,
    /// What accounting it sends.
    pub accounting: Accounting,
    /// Remarks, for people.
    pub quirks: Vec<String>,
}

/// How many VLANs can be on one authenticated port at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VlansPerPort {
    /// One; a device that would need another is refused by the switch.
    One,
    /// One for each MAC address.
    PerMac,
    /// One; everyone joins the first device's.
    FirstWins,
}

/// How many devices may be behind an authenticated port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HostMode {
    /// One.
    Single,
    /// One, and one telephone.
    MultiDomain,
    /// Several, each authenticated.
    MultiAuth,
    /// Several; the first opens the port for all.
    MultiHost,
}

/// What a switch does while no server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServerDead {
    /// Admits nobody.
    Closed,
    /// Keeps devices where they were.
    LastVlan,
    /// Opens one VLAN.
    CriticalVlan(VlanId),
    /// Admits everybody.
    Open,
}

/// What accounting a switch sends (RFC 2866).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accounting {
    /// Whether it reports starts and stops.
    pub start_stop: bool,
    /// How often it reports in between; zero for never.
    pub interim: Duration,
}
