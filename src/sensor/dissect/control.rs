//! Frames by which bridges and switches speak to each other.
//!
//! They belong on links between switches. On a port where a PC is registered they mean that
//! something behind it bridges.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::{Content, Flaw, u16_at};

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
            Self::Bpdu | Self::Pvst | Self::Udld | Self::Dtp | Self::Vtp | Self::Pagp => true,
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
            Self::Lldp(_) => "LLDP",
            Self::Cdp(_) => "CDP",
        }
    }
}

/// Who a neighbour says to be, as a number to compare: its name is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Neighbour(pub u64);

impl Neighbour {
    fn of(name: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// A payload whose type is a length: LLC (IEEE 802.2), and SNAP in it.
pub(super) fn llc(payload: &[u8], destination: [u8; 6]) -> Content<'_> {
    match payload {
        // Spanning tree has its own service access point. Protocol identifier 0 (§14.4).
        [0x42, 0x42, 0x03, rest @ ..] => match u16_at(rest, 0) {
            Some(0) if destination != [0; 6] => Content::Control(Control::Bpdu),
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

/// Version, lifetime and checksum, then types and lengths of two octets each, the length
/// counting itself. Type 1 is the device's name.
fn cdp(body: &[u8]) -> Content<'_> {
    let Some(mut rest) = body.get(4..) else { return Content::Flawed(Flaw::Control) };
    while let (Some(kind), Some(length)) = (u16_at(rest, 0), u16_at(rest, 2)) {
        let Some(value) = rest.get(4..usize::from(length)) else { break };
        if kind == 1 {
            return Content::Control(Control::Cdp(Neighbour::of(value)));
        }
        let Some(tail) = rest.get(usize::from(length)..) else { break };
        rest = tail;
    }
    Content::Flawed(Flaw::Control)
}

/// Seven bits of type and nine of length; type 1, the chassis, comes first (§8.5.2).
pub(super) fn lldp(payload: &[u8]) -> Content<'_> {
    let chassis = || {
        let head = u16_at(payload, 0)?;
        let value = payload.get(2..)?.get(..usize::from(head & 0x01ff))?;
        (head >> 9 == 1 && value.len() >= 2).then(|| Neighbour::of(value))
    };
    match chassis() {
        Some(neighbour) => Content::Control(Control::Lldp(neighbour)),
        None => Content::Flawed(Flaw::Control),
    }
}
