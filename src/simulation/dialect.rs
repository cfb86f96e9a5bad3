//! Requests as a model of switch writes them, and replies as it reads them: the other end of
//! what the profile promises, written from the profile alone.

use std::net::IpAddr;
use std::time::Duration;

use super::switch::Unusable;
use crate::eap::tls::Msk;
use crate::plan::{
    CalledCarries, MabForm, MabMarker, MabPassword, NasIdentifier, Plan, PortRole, Profile, Switch,
    VlanMeans, VlanTag, VlanText,
};
use crate::vocabulary::{Mac, MacSpelling, Point, Secret, SwitchIndex, VlanId};
use crate::wire::radius::{
    Key, MS_MPPE_RECV_KEY, MS_MPPE_SEND_KEY, Packet, VENDOR_MICROSOFT, Writer, attribute,
    chap_response, view,
};

/// Service-Type of a device that joins a network, and of a request for its address alone
/// (RFC 2865 §5.6).
const SERVICE_TYPE_FRAMED: u32 = 2;
const SERVICE_TYPE_CALL_CHECK: u32 = 10;
/// NAS-Port-Type Ethernet and IEEE 802.11 (RFC 2865 §5.41).
const NAS_PORT_TYPE_ETHERNET: u32 = 15;
const NAS_PORT_TYPE_WIRELESS: u32 = 19;
/// What the link to the device takes, in octets (RFC 3579 §2.4).
const FRAMED_MTU_OCTETS: u32 = 1_400;
/// Tunnel-Type VLAN and Tunnel-Medium-Type IEEE-802 (RFC 3580 §3.31).
const TUNNEL_TYPE_VLAN: u32 = 13;
const TUNNEL_MEDIUM_IEEE_802: u32 = 6;
/// The vendors whose own attribute names the VLAN (`plan::VlanMeans`).
const VENDOR_APRESIA: u32 = 278;
const APRESIA_VLAN: u8 = 192;
const VENDOR_HP: u32 = 11;
const HP_EGRESS_VLAN: u8 = 64;

/// A device at a point of a switch, with all that the switch knows of itself.
#[derive(Clone, Copy)]
pub(super) struct Station<'a> {
    pub(super) plan: &'a Plan,
    pub(super) index: SwitchIndex,
    pub(super) switch: &'a Switch,
    pub(super) profile: &'a Profile,
    pub(super) mac: Mac,
    pub(super) point: &'a Point,
}

/// NAS-Port and NAS-Port-Id.
pub(super) type PortAttributes = (Option<u32>, Option<String>);

impl Station<'_> {
    /// What the switch sends for the port; the air has none.
    pub(super) fn port_attributes(&self) -> Result<PortAttributes, Unusable> {
        match self.point {
            Point::Port(port) => {
                let port = self.plan.port(self.index, *port).ok_or(Unusable::PortNaming)?;
                self.profile.port_attributes(&port.name).ok_or(Unusable::PortNaming)
            }
            Point::Wireless { .. } => Ok((None, None)),
            Point::Unknown(name) => Ok((None, Some(name.clone()))),
        }
    }

    /// User-Name of MAC authentication.
    pub(super) fn mac_name(&self) -> String {
        self.profile.user_name(self.mac)
    }

    /// The password that goes with it.
    pub(super) fn mac_password(&self, word: Option<&Secret>) -> Option<Vec<u8>> {
        match self.profile.request.mab_password {
            MabPassword::SameAsUser => Some(self.mac_name().into_bytes()),
            MabPassword::Fixed => word.map(|word| word.expose().to_vec()),
            MabPassword::None => None,
        }
    }

    /// The form of MAC authentication it uses. A model that should have none is a switch whose
    /// settings were changed: it does what most would.
    pub(super) fn mac_form(&self) -> MabForm {
        self.profile.request.mab_forms.first().copied().unwrap_or(MabForm::Pap)
    }

    /// Writes what every request of this switch says of itself, the port and the device.
    pub(super) fn describe(&self, writer: &mut Writer<'_>, port: &PortAttributes, mac_alone: bool) {
        match self.switch.address.ip() {
            IpAddr::V4(address) => {
                writer.attribute(attribute::NAS_IP_ADDRESS, &address.octets());
            }
            // The name must do: RFC 2865 §4.1 asks for one of the two.
            IpAddr::V6(_) => {}
        }
        match self.profile.request.nas_identifier {
            NasIdentifier::VlanInFixedMode => match self.fixed_vlan() {
                Some(vlan) => writer.text(attribute::NAS_IDENTIFIER, &vlan.to_string()),
                None => writer.text(attribute::NAS_IDENTIFIER, &self.switch.id),
            },
            NasIdentifier::Name | NasIdentifier::Ignore => {
                writer.text(attribute::NAS_IDENTIFIER, &self.switch.id)
            }
        };
        let (number, text) = port;
        if let Some(number) = number {
            writer.integer(attribute::NAS_PORT, *number);
        }
        if let Some(text) = text {
            writer.text(attribute::NAS_PORT_ID, text);
        }
        let wireless = self.point.is_wireless();
        let kind = if wireless { NAS_PORT_TYPE_WIRELESS } else { NAS_PORT_TYPE_ETHERNET };
        writer.integer(attribute::NAS_PORT_TYPE, kind);
        let call_check = mac_alone && self.profile.request.mab_marker == MabMarker::CallCheck;
        let service = if call_check { SERVICE_TYPE_CALL_CHECK } else { SERVICE_TYPE_FRAMED };
        writer.integer(attribute::SERVICE_TYPE, service);
        let calling = &self.profile.request.calling;
        // Models that leave it out do so where User-Name tells the same.
        if !(mac_alone && calling.may_be_absent) {
            writer.text(calling.attribute, &calling.mac.format(self.mac));
        }
        writer.text(self.profile.request.called.attribute, &self.called());
    }

    fn called(&self) -> String {
        let spelled =
            |mac: Option<Mac>| mac.map_or_else(String::new, |mac| MacSpelling::RFC3580.format(mac));
        match (self.profile.request.called.carries, self.point) {
            (_, Point::Wireless { ssid, access_point }) => {
                format!("{}:{ssid}", spelled(access_point.or_else(|| self.hardware(0))))
            }
            (CalledCarries::PortMac, Point::Port(port)) => spelled(self.hardware(port.0 + 1)),
            (
                CalledCarries::PortMac | CalledCarries::BridgeMac | CalledCarries::ApMacSsid,
                Point::Port(_) | Point::Unknown(_),
            ) => spelled(self.hardware(0)),
        }
    }

    /// An address of the switch itself: locally administered, since no maker gave it.
    fn hardware(&self, part: u16) -> Option<Mac> {
        let ([a, b], [c, d]) = (self.index.0.to_be_bytes(), part.to_be_bytes());
        Mac::new([2, 0, a, b, c, d]).ok()
    }

    fn fixed_vlan(&self) -> Option<VlanId> {
        if self.profile.reply.vlan != VlanMeans::Fixed {
            return None;
        }
        let Point::Port(port) = self.point else { return None };
        match self.plan.port(self.index, *port)?.role {
            PortRole::Auth { fixed_vlan, .. } => fixed_vlan,
            PortRole::Trunk { .. } | PortRole::Access { .. } | PortRole::Unused => None,
        }
    }

    /// The VLAN that this model puts the port into after that Accept.
    pub(super) fn read_vlan(&self, accept: &Packet<'_>) -> Result<VlanId, Unusable> {
        let vlan = match self.profile.reply.vlan {
            VlanMeans::Tunnel => self.tunnel_vlan(accept),
            VlanMeans::TunnelEgress => {
                let egress = accept.integer(attribute::EGRESS_VLANID).and_then(untagged);
                self.tunnel_vlan(accept).filter(|vlan| egress == Some(*vlan))
            }
            VlanMeans::Vsa278 => vendor_integer(accept, VENDOR_APRESIA, APRESIA_VLAN)
                .and_then(|number| VlanId::new(u16::try_from(number).ok()?)),
            VlanMeans::Hp1164 => {
                vendor_integer(accept, VENDOR_HP, HP_EGRESS_VLAN).and_then(untagged)
            }
            VlanMeans::Fixed => self.fixed_vlan(),
        };
        let vlan = vlan.ok_or(Unusable::NoVlan)?;
        let exists = self.switch.vlans.contains(&vlan);
        let usable = !self.profile.reply.forbidden_vlans.contains(&vlan);
        if exists && usable { Ok(vlan) } else { Err(Unusable::VlanNotHere) }
    }

    /// All three attributes must come, under the one tag this model looks for.
    fn tunnel_vlan(&self, accept: &Packet<'_>) -> Option<VlanId> {
        let group = accept.first(attribute::TUNNEL_PRIVATE_GROUP_ID)?;
        let tag_octet = group.first().copied().filter(|octet| *octet <= view::TAG_MAX);
        let (expected, integer_tag) = match self.profile.reply.vlan_tag {
            VlanTag::None => (None, None),
            VlanTag::Zero => (Some(0), None),
            VlanTag::One => (Some(1), Some(1)),
            VlanTag::Two => (Some(2), Some(2)),
        };
        let integer = |kind| accept.first(kind).and_then(view::tagged_integer);
        let says = |kind, number| integer(kind) == Some((integer_tag, number));
        if tag_octet != expected
            || !says(attribute::TUNNEL_TYPE, TUNNEL_TYPE_VLAN)
            || !says(attribute::TUNNEL_MEDIUM_TYPE, TUNNEL_MEDIUM_IEEE_802)
        {
            return None;
        }
        let (_, text) = view::tagged_text(group);
        let text = std::str::from_utf8(text).ok()?;
        match self.profile.reply.vlan_text {
            VlanText::Decimal => decimal(text),
            VlanText::Prefixed => decimal(text.strip_prefix("VLAN")?),
            VlanText::Name => {
                let named =
                    |vlan: &&VlanId| self.plan.vlan(**vlan).is_some_and(|found| found.name == text);
                self.switch.vlans.iter().find(named).copied()
            }
        }
    }
}

/// Writes Framed-MTU, without which a server may send EAP packets too large for the link.
pub(super) fn framed_mtu(writer: &mut Writer<'_>) {
    writer.integer(attribute::FRAMED_MTU, FRAMED_MTU_OCTETS);
}

/// Hides a password for PAP. One that cannot be hidden is left out, and the server refuses.
pub(super) fn pap(writer: &mut Writer<'_>, key: &Key, authenticator: [u8; 16], password: &[u8]) {
    let mut hidden = Vec::new();
    if key.encode_user_password(authenticator, password, &mut hidden).is_ok() {
        writer.attribute(attribute::USER_PASSWORD, &hidden);
    }
}

/// Answers a challenge of the switch's own for CHAP (RFC 2865 §5.40).
pub(super) fn chap(writer: &mut Writer<'_>, challenge: [u8; 16], password: &[u8]) {
    let [identifier, ..] = challenge;
    writer
        .attribute(attribute::CHAP_PASSWORD, &chap_response(identifier, password, &challenge))
        .attribute(attribute::CHAP_CHALLENGE, &challenge);
}

/// How long the session may last.
pub(super) fn session_timeout(accept: &Packet<'_>) -> Option<Duration> {
    accept.integer(attribute::SESSION_TIMEOUT).map(|seconds| Duration::from_secs(seconds.into()))
}

/// Whether the link keys in an Accept (RFC 2548 §2.4) are the two halves of the device's MSK.
pub(super) fn keys_match(
    accept: &Packet<'_>,
    key: &Key,
    authenticator: [u8; 16],
    msk: &Msk,
) -> bool {
    let link_key = |kind| {
        let mut all = accept
            .vendor_specific()
            .filter(|(vendor, found, _)| *vendor == VENDOR_MICROSOFT && *found == kind);
        let (_, _, value) = all.next()?;
        let once = all.next().is_none();
        let plain = key.unsalted(authenticator, value).filter(|_| once)?;
        Some(Secret::new(plain.to_vec()))
    };
    link_key(MS_MPPE_RECV_KEY).as_ref() == Some(&msk.recv)
        && link_key(MS_MPPE_SEND_KEY).as_ref() == Some(&msk.send)
}

fn vendor_integer(accept: &Packet<'_>, vendor: u32, kind: u8) -> Option<u32> {
    let (_, _, value) =
        accept.vendor_specific().find(|(from, found, _)| (*from, *found) == (vendor, kind))?;
    value.try_into().ok().map(u32::from_be_bytes)
}

/// RFC 4675 §2.1: a device's own frames carry no tag.
fn untagged(value: u32) -> Option<VlanId> {
    view::egress_vlanid(value).and_then(|(tagged, vlan)| (!tagged).then_some(vlan))
}

/// Digits only, as switches print VLANs: no sign, no leading zero.
fn decimal(text: &str) -> Option<VlanId> {
    let number: u16 = text.parse().ok()?;
    (number.to_string() == text).then(|| VlanId::new(number)).flatten()
}
