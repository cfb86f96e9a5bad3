//! Answers in the switch's dialect.

use std::time::Duration;

use smol_str::{SmolStr, format_smolstr};

use crate::eap::tls::Msk;
use crate::plan::{
    FilterMeans, Plan, Profile, ReplyOmit, TerminationAction, VlanMeans, VlanTag, VlanText,
};
use crate::policy::Entry;
use crate::vocabulary::{Timestamp, VlanId};
use crate::wire::radius::{Packet, Writer, attribute};

/// Termination-Action RADIUS-Request (RFC 2865 §5.29): ask again when the time is up.
const TERMINATION_RADIUS_REQUEST: u32 = 1;
/// APRESIA's enterprise number, and its VLAN attribute.
const VENDOR_APRESIA: u32 = 278;
const APRESIA_VLAN: u8 = 192;
/// Hewlett-Packard's enterprise number, and its egress VLAN attribute.
const VENDOR_HP: u32 = 11;
const HP_EGRESS_VLAN: u8 = 64;
/// RFC 4675 §2.1: the frames of this VLAN leave the port untagged.
const UNTAGGED: u32 = 0x3200_0000;

/// Writes what an Accept says beside its proofs: VLAN, length of the session, filter.
pub(super) fn entry(
    writer: &mut Writer<'_>,
    plan: &Plan,
    profile: &Profile,
    entry: &Entry,
    now: Timestamp,
) {
    vlan(writer, plan, profile, entry.vlan);
    let omits = |what| profile.reply.omit.contains(&what);
    if !omits(ReplyOmit::SessionTimeout)
        && let Some(seconds) = session_seconds(profile, entry, now)
    {
        writer.integer(attribute::SESSION_TIMEOUT, seconds);
        if !omits(ReplyOmit::TerminationAction)
            && profile.reply.termination_action == TerminationAction::RadiusRequest
        {
            writer.integer(attribute::TERMINATION_ACTION, TERMINATION_RADIUS_REQUEST);
        }
    }
    if let Some(filter) = &entry.filter {
        match profile.reply.filter {
            FilterMeans::FilterId => {
                writer.text(attribute::FILTER_ID, filter);
            }
            FilterMeans::NasFilterRule => {
                writer.filter_rules(&[filter.as_str()]);
            }
            FilterMeans::None | FilterMeans::Vsa => {}
        }
    }
}

/// Seconds the session may last: what the rule or the profile says, never past the end of the
/// grant or certificate. `None` leaves it to the switch, only where nothing ends.
#[must_use]
pub fn session_seconds(profile: &Profile, entry: &Entry, now: Timestamp) -> Option<u32> {
    let wanted = entry.session_timeout.unwrap_or(profile.reply.session_timeout);
    let wanted = (wanted > Duration::ZERO).then_some(wanted.as_secs());
    let left = entry.until.map(|until| u64::try_from(now.seconds_until(until)).unwrap_or(0).max(1));
    let seconds = match (wanted, left) {
        (Some(wanted), Some(left)) => wanted.min(left),
        (Some(seconds), None) | (None, Some(seconds)) => seconds,
        (None, None) => return None,
    };
    Some(u32::try_from(seconds).unwrap_or(u32::MAX))
}

fn vlan(writer: &mut Writer<'_>, plan: &Plan, profile: &Profile, vlan: VlanId) {
    let tag = match profile.reply.vlan_tag {
        VlanTag::None => None,
        VlanTag::Zero => Some(0),
        VlanTag::One => Some(1),
        VlanTag::Two => Some(2),
    };
    let text = match profile.reply.vlan_text {
        VlanText::Decimal => vlan.decimal(),
        VlanText::Name => {
            plan.vlan(vlan).map_or_else(|| vlan.decimal(), |found| SmolStr::new(&found.name))
        }
        VlanText::Prefixed => format_smolstr!("VLAN{vlan}"),
    };
    let untagged = UNTAGGED | u32::from(vlan.get());
    match profile.reply.vlan {
        VlanMeans::Tunnel => {
            writer.vlan(tag, &text);
        }
        VlanMeans::TunnelEgress => {
            writer.vlan(tag, &text).egress_vlanid(false, vlan);
        }
        VlanMeans::Vsa278 => {
            writer.vendor(VENDOR_APRESIA, APRESIA_VLAN, &u32::from(vlan.get()).to_be_bytes());
        }
        VlanMeans::Hp1164 => {
            writer.vendor(VENDOR_HP, HP_EGRESS_VLAN, &untagged.to_be_bytes());
        }
        // The policy admitted only because the port's own VLAN is of the right environment.
        VlanMeans::Fixed => {}
    }
}

/// The keys of an EAP method that has some (RFC 2548 §2.4). The salts differ and have their
/// high bit set.
pub(super) fn keys(
    writer: &mut Writer<'_>,
    key: &crate::wire::radius::Key,
    msk: &Msk,
    salt: [u8; 2],
) {
    let [high, low] = salt;
    let salts = [[high | 0x80, low & 0xfe], [high | 0x80, low | 1]];
    if let (Ok(recv), Ok(send)) = (msk.recv.expose().try_into(), msk.send.expose().try_into()) {
        writer.mppe_keys(key, recv, send, salts);
    }
}

/// The largest EAP packet that fits: what the link to the device takes (Framed-MTU less the
/// 802.1X header, RFC 3579 §2.4), and what keeps the datagram below the path's limit.
pub(super) fn eap_octets(request: &Packet<'_>, datagram_octets_max: u16) -> usize {
    let echoed: usize = request.all(attribute::PROXY_STATE).map(|value| value.len() + 2).sum();
    let room = usize::from(datagram_octets_max).saturating_sub(FIXED_OCTETS + echoed);
    let fits = room.saturating_sub(2 * room.div_ceil(255));
    let link = request
        .integer(attribute::FRAMED_MTU)
        .and_then(|octets| usize::try_from(octets).ok())
        .map_or(EAP_OCTETS_MAX, |octets| octets.saturating_sub(EAPOL_OCTETS));
    fits.min(link).clamp(EAP_OCTETS_MIN, EAP_OCTETS_MAX)
}

/// Header, Message-Authenticator, State and Session-Timeout of a Challenge.
const FIXED_OCTETS: usize = 20 + 18 + 18 + 6;
/// The 802.1X header in front of an EAP packet.
const EAPOL_OCTETS: usize = 4;
/// Larger flights are split here whatever the link takes.
const EAP_OCTETS_MAX: usize = 1_000;
/// A Framed-MTU below this is nonsense.
const EAP_OCTETS_MIN: usize = 128;
