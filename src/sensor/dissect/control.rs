//! Frames by which bridges and switches speak to each other.
//!
//! They belong on links between switches. On a port where a PC is registered they mean that
//! something behind it bridges.

use crate::sensor::habit::digest;

use super::{Content, Flaw, u16_at, u32_at};

/// A control frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Control {
    /// Spanning tree (IEEE 802.1Q-2018 §14).
    Bpdu,
    /// Cisco's spanning tree for each VLAN.
    Pvst,
    /// Unidirectional link detection (RFC 5171).
    Udld,
    /// Cisco's dynamic trunking.
    Dtp,
    /// Cisco's VLAN trunking.
    Vtp,
    /// Cisco's port aggregation.
    Pagp,
    /// Registration of VLANs and groups between bridges (GARP, IEEE 802.1D-2004 §12).
    Garp,
    /// Link aggregation (IEEE 802.1AX-2014 §6).
    Lacp,
    /// Link layer discovery (IEEE 802.1AB-2016).
    Lldp(Neighbour),
    /// Cisco's discovery.
    Cdp(Neighbour),
}

impl Control {
    /// Whether only something that bridges sends it; discovery is sent by phones and PCs too.
    #[must_use]
    pub const fn is_bridge(self) -> bool {
        match self {
            Self::Bpdu
            | Self::Pvst
            | Self::Udld
            | Self::Dtp
            | Self::Vtp
            | Self::Pagp
            | Self::Garp
            | Self::Lacp => true,
            Self::Lldp(_) | Self::Cdp(_) => false,
        }
    }

    /// Its usual name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bpdu => "BPDU",
            Self::Pvst => "PVST",
            Self::Udld => "UDLD",
            Self::Dtp => "DTP",
            Self::Vtp => "VTP",
            Self::Pagp => "PAgP",
            Self::Garp => "GARP",
            Self::Lacp => "LACP",
            Self::Lldp(_) => "LLDP",
            Self::Cdp(_) => "CDP",
        }
    }
}

/// Who a neighbour says to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Neighbour {
    /// Its name as a number to compare: the name itself is not kept.
    pub name: u64,
    /// Whether it says to be a switch or a router, and no telephone.
    pub switches: bool,
}

impl Neighbour {
    fn of(name: &[u8], switches: bool) -> Self {
        Self { name: digest(&[name]), switches }
    }
}

/// A payload whose type is a length: LLC (IEEE 802.2), and SNAP in it.
pub(super) fn llc(payload: &[u8], destination: [u8; 6]) -> Content<'_> {
    match payload {
        // Spanning tree has its own service access point. Protocol identifier 0 (§14.4).
        [0x42, 0x42, 0x03, rest @ ..] => match u16_at(rest, 0) {
            Some(0) if destination != [0; 6] => Content::Control(Control::Bpdu),
            Some(1) => Content::Control(Control::Garp),
            _ => Content::Flawed(Flaw::Control),
        },
        [0xaa, 0xaa, 0x03, rest @ ..] => snap(rest),
        _ => Content::Other,
    }
}

fn snap(payload: &[u8]) -> Content<'_> {
    let (Some(head), Some(kind), Some(body)) =
        (payload.first_chunk::<3>(), u16_at(payload, 3), payload.get(5..))
    else {
        return Content::Flawed(Flaw::Control);
    };
    if *head != [0x00, 0x00, 0x0c] {
        return Content::Other;
    }
    Content::Control(match kind {
        0x010b => Control::Pvst,
        0x0111 => Control::Udld,
        0x0104 => Control::Pagp,
        0x2004 => Control::Dtp,
        0x2003 => Control::Vtp,
        0x2000 => return cdp(body),
        _ => return Content::Other,
    })
}

/// Slow protocols (IEEE 802.3 §57A): the first is link aggregation.
pub(super) fn slow(payload: &[u8]) -> Content<'_> {
    match payload.first() {
        Some(1) => Content::Control(Control::Lacp),
        Some(_) => Content::Other,
        None => Content::Flawed(Flaw::Control),
    }
}

/// Version, lifetime and checksum, then types and lengths of two octets each, the length
/// counting itself. Type 1 is the device's name, type 4 what it can do: 1 routes, 8 switches,
/// 128 is a telephone.
fn cdp(body: &[u8]) -> Content<'_> {
    let Some(mut rest) = body.get(4..) else { return Content::Flawed(Flaw::Control) };
    let (mut name, mut can) = (None, 0);
    while let (Some(kind), Some(length)) = (u16_at(rest, 0), u16_at(rest, 2)) {
        let Some(value) = rest.get(4..usize::from(length)) else { break };
        match kind {
            1 => name = Some(value),
            4 => can = u32_at(value, 0).unwrap_or(0),
            _ => {}
        }
        let Some(tail) = rest.get(usize::from(length)..) else { break };
        rest = tail;
    }
    let switches = can & 0x09 != 0 && can & 0x80 == 0;
    match name {
        Some(name) => Content::Control(Control::Cdp(Neighbour::of(name, switches))),
        None => Content::Flawed(Flaw::Control),
    }
}

/// Seven bits of type and nine of length; type 1, the chassis, comes first (§8.5.2), type 7 says
/// what it can do and what of that it does: 4 bridges, 16 routes, 32 is a telephone (§8.5.8).
pub(super) fn lldp(payload: &[u8]) -> Content<'_> {
    let (mut rest, mut name, mut does) = (payload, None, 0);
    while let Some(head) = u16_at(rest, 0) {
        let value = rest.get(2..).and_then(|rest| rest.get(..usize::from(head & 0x01ff)));
        let Some(value) = value else { break };
        match (head >> 9, name) {
            (1, None) if value.len() >= 2 => name = Some(value),
            (0, _) | (_, None) => break,
            (7, _) => does = u16_at(value, 2).unwrap_or(0),
            _ => {}
        }
        rest = rest.get(2 + value.len()..).unwrap_or_default();
    }
    let switches = does & 0x14 != 0 && does & 0x20 == 0;
    match name {
        Some(name) => Content::Control(Control::Lldp(Neighbour::of(name, switches))),
        None => Content::Flawed(Flaw::Control),
    }
}
