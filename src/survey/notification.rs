//! What notifications of switches are about, by their names.

use crate::wire::snmp::{Pdu, Value};

/// snmpTrapOID.0 (RFC 3418).
pub(super) const SNMP_TRAP_OID: [u32; 11] = [1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0];

/// What a notification is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Notification {
    /// The switch has started.
    Start,
    /// A port has a link.
    LinkUp,
    /// A port has lost its link.
    LinkDown,
    /// Somebody asked the switch without the right to.
    AuthenticationFailure,
    /// The spanning tree has changed.
    SpanningTree,
    /// The neighbours have changed.
    Neighbours,
    /// The forwarding table has changed.
    Addresses,
    /// Any other, of a vendor's own.
    Other,
}

/// How notifications are called: beginning, end (empty where the beginning is the whole name),
/// and what they are about. Where a vendor numbers the same notification anew for each model, the
/// model's arcs stand in between.
type Name = (&'static [u32], &'static [u32], Notification);

/// ALAXALA, APRESIA, Allied Telesis and Panasonic have none for addresses in what they publish;
/// theirs are [`Notification::Other`], and as good.
#[rustfmt::skip]
const NAMES: &[Name] = &[
    // coldStart, warmStart, linkDown, linkUp, authenticationFailure (RFC 3418, RFC 2863).
    (&[1, 3, 6, 1, 6, 3, 1, 1, 5, 1], &[], Notification::Start),
    (&[1, 3, 6, 1, 6, 3, 1, 1, 5, 2], &[], Notification::Start),
    (&[1, 3, 6, 1, 6, 3, 1, 1, 5, 3], &[], Notification::LinkDown),
    (&[1, 3, 6, 1, 6, 3, 1, 1, 5, 4], &[], Notification::LinkUp),
    (&[1, 3, 6, 1, 6, 3, 1, 1, 5, 5], &[], Notification::AuthenticationFailure),
    // newRoot, topologyChange (RFC 4188).
    (&[1, 3, 6, 1, 2, 1, 17, 0, 1], &[], Notification::SpanningTree),
    (&[1, 3, 6, 1, 2, 1, 17, 0, 2], &[], Notification::SpanningTree),
    // lldpRemTablesChange (IEEE 802.1AB-2005), lldpV2RemTablesChange (IEEE 802.1AB-2009).
    (&[1, 0, 8802, 1, 1, 2, 0, 0, 1], &[], Notification::Neighbours),
    (&[1, 3, 111, 2, 802, 1, 1, 13, 0, 0, 1], &[], Notification::Neighbours),
    // CISCO-MAC-NOTIFICATION-MIB: cmnMacChangedNotification, cmnMacMoveNotification.
    (&[1, 3, 6, 1, 4, 1, 9, 9, 215, 2, 0, 1], &[], Notification::Addresses),
    (&[1, 3, 6, 1, 4, 1, 9, 9, 215, 2, 0, 2], &[], Notification::Addresses),
    // JUNIPER-EX-MAC-NOTIFICATION-MIB: jnxMacChangedNotification.
    (&[1, 3, 6, 1, 4, 1, 2636, 3, 40, 1, 7, 2, 0, 1], &[], Notification::Addresses),
    // HH3C-MAC-INFORMATION-MIB (Comware): hh3cMACInformationChangedTrap, …ChangedTrapExt,
    // …MovedTrap; the same under the numbers of 3Com and of HP.
    (&[1, 3, 6, 1, 4, 1, 25506, 2, 87, 1, 3, 0, 1], &[], Notification::Addresses),
    (&[1, 3, 6, 1, 4, 1, 25506, 2, 87, 1, 4, 0, 1], &[], Notification::Addresses),
    (&[1, 3, 6, 1, 4, 1, 25506, 2, 87, 1, 4, 0, 2], &[], Notification::Addresses),
    (&[1, 3, 6, 1, 4, 1, 2011, 10, 2, 87, 1, 3, 0, 1], &[], Notification::Addresses),
    (&[1, 3, 6, 1, 4, 1, 2011, 10, 2, 87, 1, 4, 0, 1], &[], Notification::Addresses),
    (&[1, 3, 6, 1, 4, 1, 11, 2, 14, 11, 15, 2, 87, 1, 3, 0, 1], &[], Notification::Addresses),
    (&[1, 3, 6, 1, 4, 1, 11, 2, 14, 11, 15, 2, 87, 1, 4, 0, 1], &[], Notification::Addresses),
    (&[1, 3, 6, 1, 4, 1, 11, 2, 14, 11, 15, 2, 87, 1, 4, 0, 2], &[], Notification::Addresses),
    // HP-ICF-MACNOTIFY-MIB (ArubaOS-Switch): …MacAddressTableChange, …PortMacAddressCount.
    (&[1, 3, 6, 1, 4, 1, 11, 2, 14, 11, 5, 1, 66, 0, 1], &[], Notification::Addresses),
    (&[1, 3, 6, 1, 4, 1, 11, 2, 14, 11, 5, 1, 66, 0, 2], &[], Notification::Addresses),
    // ARUBAWIRED-MACNOTIFY-MIB (AOS-CX): arubaWiredMacNotifyMacAddressTableChange.
    (&[1, 3, 6, 1, 4, 1, 47196, 4, 1, 1, 3, 19, 0, 1], &[], Notification::Addresses),
    // HUAWEI-SWITCH-L2MAM-EXT-MIB: hwMacTrapAlarm, hwMacTrapPortCfgAlarm.
    (&[1, 3, 6, 1, 4, 1, 2011, 5, 25, 315, 3, 1], &[], Notification::Addresses),
    (&[1, 3, 6, 1, 4, 1, 2011, 5, 25, 315, 3, 5], &[], Notification::Addresses),
    // D-Link: swL2macNotification, below the number of each model.
    (&[1, 3, 6, 1, 4, 1, 171, 11], &[2, 100, 1, 2, 0, 1], Notification::Addresses),
    (&[1, 3, 6, 1, 4, 1, 171, 11], &[2, 15, 1, 2, 0, 1], Notification::Addresses),
    (&[1, 3, 6, 1, 4, 1, 171, 11], &[2, 20, 0, 2], Notification::Addresses),
];

impl Notification {
    /// The stable id: a metric label.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::LinkUp => "link-up",
            Self::LinkDown => "link-down",
            Self::AuthenticationFailure => "authentication-failure",
            Self::SpanningTree => "spanning-tree",
            Self::Neighbours => "neighbours",
            Self::Addresses => "addresses",
            Self::Other => "other",
        }
    }

    /// What a trap or inform is about, by its snmpTrapOID.0 (RFC 3416 §4.2.6).
    pub(super) fn of(pdu: &Pdu) -> Self {
        let named = pdu.bindings.iter().find(|it| it.name.arcs() == SNMP_TRAP_OID);
        let Some(Value::Oid(name)) = named.map(|it| &it.value) else { return Self::Other };
        let fits = |(head, tail, _): &&Name| match name.strip(head) {
            Some(rest) if tail.is_empty() => rest.is_empty(),
            Some(rest) => rest.ends_with(tail),
            None => false,
        };
        NAMES.iter().find(fits).map_or(Self::Other, |(_, _, about)| *about)
    }
}
