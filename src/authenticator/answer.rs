//! What a server's reply says and an Access-Accept grants: read strictly, because whatever is not understood would leave
//! the host where nobody meant it to be.

use std::collections::BTreeSet;
use std::time::Duration;

use super::event::Counter;
use super::nas::Nas;
use super::pae::{Answer, Challenge};
use crate::client::ServerId;
use crate::vocabulary::VlanId;
use crate::wire::eap;
use crate::wire::radius::{Code, Packet, attribute, view};

/// Tunnel-Type VLAN and Tunnel-Medium-Type IEEE-802 (RFC 3580 §3.31).
const TUNNEL_TYPE_VLAN: u32 = 13;
const TUNNEL_MEDIUM_IEEE_802: u32 = 6;
/// Termination-Action RADIUS-Request (RFC 2865 §5.29).
const TERMINATION_RADIUS_REQUEST: u32 = 1;
/// The shortest interval of interim accounting (RFC 2869 §5.16).
pub(super) const INTERIM_MIN: Duration = Duration::from_secs(60);
/// A session of no time at all would be a loop.
const SESSION_MIN: Duration = Duration::from_secs(1);

/// The terms on which a host comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) vlan: VlanId,
    /// When the session is over; `None` for never.
    pub(super) session_timeout: Option<Duration>,
    /// Whether the end is a new authentication rather than a closed port.
    pub(super) reauthenticate: bool,
    pub(super) interim: Option<Duration>,
    /// To be echoed in accounting, in this order (RFC 2865 §5.25).
    pub(super) class: Vec<Vec<u8>>,
    /// The name under which the server keeps the account (RFC 2865 §5.1).
    pub(super) user: Option<Vec<u8>>,
}

impl Grant {
    /// The terms that no server gave.
    pub(super) const fn critical(vlan: VlanId) -> Self {
        Self {
            vlan,
            session_timeout: None,
            reauthenticate: false,
            interim: None,
            class: Vec::new(),
            user: None,
        }
    }

    /// Reads an Access-Accept.
    ///
    /// # Errors
    /// Why the VLAN cannot be used: absent, unreadable or not among `vlans`.
    pub(super) fn read(accept: &Packet<'_>, vlans: &BTreeSet<VlanId>) -> Result<Self, Counter> {
        let vlan = read_vlan(accept)?.ok_or(Counter::VlanAbsent)?;
        if !vlans.contains(&vlan) {
            return Err(Counter::VlanForbidden);
        }
        let seconds = |kind| accept.integer(kind).map(|value| Duration::from_secs(value.into()));
        let action = accept.integer(attribute::TERMINATION_ACTION);
        Ok(Self {
            vlan,
            session_timeout: seconds(attribute::SESSION_TIMEOUT).map(|span| span.max(SESSION_MIN)),
            reauthenticate: action == Some(TERMINATION_RADIUS_REQUEST),
            interim: seconds(attribute::ACCT_INTERIM_INTERVAL).map(|span| span.max(INTERIM_MIN)),
            class: accept.all(attribute::CLASS).map(<[u8]>::to_vec).collect(),
            user: accept.first(attribute::USER_NAME).map(<[u8]>::to_vec),
        })
    }
}

/// The VLAN of the tunnel attributes: each of the three exactly once, under one tag, the id in
/// decimal digits. `None` when there is none of the three.
///
/// # Errors
/// [`Counter::VlanUnreadable`] for anything else.
pub(super) fn read_vlan(packet: &Packet<'_>) -> Result<Option<VlanId>, Counter> {
    let once = |kind| {
        let mut all = packet.all(kind);
        all.next().filter(|_| all.next().is_none())
    };
    let counts =
        [attribute::TUNNEL_TYPE, attribute::TUNNEL_MEDIUM_TYPE, attribute::TUNNEL_PRIVATE_GROUP_ID]
            .map(|kind| packet.count(kind));
    if counts == [0; 3] {
        return Ok(None);
    }
    let read = || {
        let (tag, kind) = view::tagged_integer(once(attribute::TUNNEL_TYPE)?)?;
        let (medium_tag, medium) = view::tagged_integer(once(attribute::TUNNEL_MEDIUM_TYPE)?)?;
        let (text_tag, text) = view::tagged_text(once(attribute::TUNNEL_PRIVATE_GROUP_ID)?);
        let together = tag == medium_tag && tag == text_tag;
        let vlan = together && kind == TUNNEL_TYPE_VLAN && medium == TUNNEL_MEDIUM_IEEE_802;
        let text = std::str::from_utf8(text).ok().filter(|_| vlan)?;
        let number: u16 = text.parse().ok()?;
        VlanId::new(number).filter(|_| number.to_string() == text)
    };
    read().map(Some).ok_or(Counter::VlanUnreadable)
}

/// Reads a proven reply.
///
/// # Errors
/// Why it lets nobody in.
pub(super) fn read_reply(octets: &[u8], server: ServerId, nas: &Nas) -> Result<Answer, Counter> {
    let packet = Packet::parse(octets).map_err(|_| Counter::AnswerBroken)?;
    let mut message = Vec::new();
    let spoken = packet.joined(attribute::EAP_MESSAGE, &mut message) > 0;
    let read = eap::Packet::parse(&message);
    let code = read.map(|read| read.code());
    match packet.code() {
        Code::AccessChallenge => {
            let (Ok(eap::Code::Request), Ok(read)) = (code, read) else {
                return Err(Counter::AnswerBroken);
            };
            let patience = packet.integer(attribute::SESSION_TIMEOUT).filter(|span| *span > 0);
            Ok(Answer::Challenge(Challenge {
                server,
                state: packet.first(attribute::STATE).unwrap_or_default().to_vec(),
                identifier: read.identifier(),
                packet: message,
                patience: patience.map(|span| Duration::from_secs(span.into())),
            }))
        }
        Code::AccessAccept => {
            if spoken && code != Ok(eap::Code::Success) {
                return Err(Counter::AnswerBroken);
            }
            Ok(Answer::Accept(Grant::read(&packet, &nas.vlans)?, message))
        }
        _ => Err(Counter::Rejected), // OK because the client lets only a Reject through
    }
}

/// The EAP-Failure in a reply, if it has one.
pub(super) fn failure_of(octets: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    if let Ok(packet) = Packet::parse(octets) {
        packet.joined(attribute::EAP_MESSAGE, &mut message);
    }
    let failure = eap::Packet::parse(&message).map(|read| read.code());
    if failure == Ok(eap::Code::Failure) { message } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::Secret;
    use crate::wire::radius::{Code, Key, Writer};

    const TYPE: u8 = attribute::TUNNEL_TYPE;
    const MEDIUM: u8 = attribute::TUNNEL_MEDIUM_TYPE;
    const GROUP: u8 = attribute::TUNNEL_PRIVATE_GROUP_ID;

    fn read(attributes: &[(u8, &[u8])]) -> Result<u16, Counter> {
        let mut octets = Vec::new();
        let mut writer = Writer::request(&mut octets, Code::AccessAccept, 1, [0; 16]);
        for (kind, value) in attributes {
            writer.attribute(*kind, value);
        }
        writer.finish_reply(&Key::new(&Secret::new(vec![1])), [0; 16]).unwrap();
        let vlans = [10, 120].map(|id| VlanId::new(id).unwrap()).into();
        Grant::read(&Packet::parse(&octets).unwrap(), &vlans).map(|grant| grant.vlan.get())
    }

    #[test]
    fn vlan_1_to_3_only_one_whole_group_with_a_decimal_id_is_a_vlan() {
        let (kind, medium) = ((TYPE, &[0, 0, 0, 13][..]), (MEDIUM, &[0, 0, 0, 6][..]));
        let (kind_1, medium_1) = ((TYPE, &[1, 0, 0, 13][..]), (MEDIUM, &[1, 0, 0, 6][..]));
        for (attributes, expected) in [
            (&[kind, medium, (GROUP, b"120")][..], Ok(120)),
            (&[(GROUP, b"\x00120"), medium, kind], Ok(120)),
            (&[kind_1, medium_1, (GROUP, b"\x01120")], Ok(120)),
            (&[], Err(Counter::VlanAbsent)),
            (&[kind, medium], Err(Counter::VlanUnreadable)),
            (&[(GROUP, b"120")], Err(Counter::VlanUnreadable)),
            (&[kind_1, medium_1, (GROUP, b"120")], Err(Counter::VlanUnreadable)),
            (&[kind, medium, (GROUP, b"\x01120")], Err(Counter::VlanUnreadable)),
            (&[kind, medium_1, (GROUP, b"120")], Err(Counter::VlanUnreadable)),
            (&[kind, medium, (GROUP, b"0120")], Err(Counter::VlanUnreadable)),
            (&[kind, medium, (GROUP, b"+120")], Err(Counter::VlanUnreadable)),
            (&[kind, medium, (GROUP, b"staff")], Err(Counter::VlanUnreadable)),
            (&[kind, medium, (GROUP, b"4095")], Err(Counter::VlanUnreadable)),
            (&[kind, medium, (GROUP, b"10"), (GROUP, b"120")], Err(Counter::VlanUnreadable)),
            (&[(TYPE, &[0, 0, 0, 12]), medium, (GROUP, b"10")], Err(Counter::VlanUnreadable)),
            (&[(TYPE, &[0, 13]), medium, (GROUP, b"10")], Err(Counter::VlanUnreadable)),
            (&[kind, (MEDIUM, &[0, 0, 0, 7]), (GROUP, b"10")], Err(Counter::VlanUnreadable)),
            (&[kind, medium, (GROUP, b"11")], Err(Counter::VlanForbidden)),
        ] {
            assert_eq!(read(attributes), expected, "{attributes:?}");
        }
    }
}
