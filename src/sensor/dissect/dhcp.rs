//! DHCP for IPv4 (RFC 2131), as far as it tells clients and servers apart.
//!
//! ```text
//! op(1) htype(1) hlen(1) hops(1) xid(4) secs(2) flags(2) ciaddr(4) yiaddr(4) siaddr(4) giaddr(4)
//! chaddr(16) sname(64) file(128) cookie(4) options …
//! ```
//!
//! Option 52 moves options into `file` and `sname` (RFC 2132 §9.3); they are read as well, so
//! that an overloaded message hides nothing.

use std::net::Ipv4Addr;

use super::{u8_at, u32_at};
use crate::vocabulary::Mac;

/// The cookie before the options (RFC 2131 §3).
const COOKIE: u32 = 0x6382_5363;
/// Options kept of the parameter request list.
pub const PARAMETERS_MAX: usize = 64;
/// What an Android that is tethered to says of the network.
const METERED: &[u8] = b"ANDROID_METERED";
/// Octets kept of a vendor class or host name.
const TEXT_OCTETS_MAX: usize = 64;

/// The message type (RFC 2132 §9.6), as far as the sensor tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DhcpKind {
    /// A client looks for a server.
    Discover,
    /// A server offers an address.
    Offer,
    /// A client asks for an address.
    Request,
    /// A server gives it.
    Ack,
    /// A server refuses it.
    Nak,
    /// A client that has an address asks for options.
    Inform,
    /// Any other, and BOOTP, which has no type.
    Unknown(u8),
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dhcp {
    /// What it is.
    pub kind: DhcpKind,
    /// Whether a server sent it (BOOTREPLY).
    pub reply: bool,
    /// The client's address, where it names a station.
    pub client: Option<Mac>,
    /// The address given (`yiaddr`), unless it is zero.
    pub given: Option<Ipv4Addr>,
    /// Option 1, the network's mask, as a prefix length.
    pub prefix: Option<u8>,
    /// Option 3, the first router.
    pub router: Option<Ipv4Addr>,
    /// Whether option 43 says, in a server's answer, that the network is an Android's tether
    /// (AOSP, `DhcpPacket.VENDOR_INFO_ANDROID_METERED`).
    pub metered: bool,
    /// Option 54, who the server says to be.
    pub server: Option<Ipv4Addr>,
    /// Option 55, what the client asks for, in its order.
    pub parameters: Vec<u8>,
    /// Option 60, what the client says to be.
    pub vendor: String,
    /// Option 12, the client's name.
    pub host: String,
}

impl Dhcp {
    /// Reads the payload of a datagram; `None` when it is no DHCP message.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let operation = u8_at(payload, 0)?;
        let client = payload.get(28..)?.first_chunk::<6>()?;
        let client = (u8_at(payload, 2)? == 6).then(|| Mac::new(*client).ok()).flatten();
        let given = Ipv4Addr::from_bits(u32_at(payload, 16)?);
        if !matches!(operation, 1 | 2) || u32_at(payload, 236)? != COOKIE {
            return None;
        }
        let mut message = Self {
            kind: DhcpKind::Unknown(0),
            reply: operation == 2,
            client,
            given: Some(given).filter(|address| !address.is_unspecified()),
            prefix: None,
            router: None,
            metered: false,
            server: None,
            parameters: Vec::new(),
            vendor: String::new(),
            host: String::new(),
        };
        let overload = message.options(payload.get(240..)?);
        if overload & 1 != 0 {
            message.options(payload.get(108..236)?);
        }
        if overload & 2 != 0 {
            message.options(payload.get(44..108)?);
        }
        Some(message)
    }

    /// Reads one field of options; gives the value of option 52.
    fn options(&mut self, mut octets: &[u8]) -> u8 {
        let mut overload = 0;
        loop {
            let (kind, value) = match octets {
                [0, rest @ ..] => {
                    octets = rest;
                    continue;
                }
                [] | [255, ..] => return overload,
                [kind, length, rest @ ..] => {
                    let Some((value, tail)) = rest.split_at_checked(usize::from(*length)) else {
                        return overload;
                    };
                    octets = tail;
                    (*kind, value)
                }
                [_] => return overload,
            };
            let address = || u32_at(value, 0).map(Ipv4Addr::from_bits);
            let text = || String::from_utf8_lossy(value.get(..TEXT_OCTETS_MAX).unwrap_or(value));
            match kind {
                1 => {
                    let ones = |mask: u32| u8::try_from(mask.leading_ones()).unwrap_or(32);
                    self.prefix = u32_at(value, 0).map(ones);
                }
                3 => self.router = address(),
                12 => self.host = text().into_owned(),
                43 => self.metered = value == METERED,
                52 => overload = u8_at(value, 0).unwrap_or(0),
                53 => {
                    self.kind = match u8_at(value, 0).unwrap_or(0) {
                        1 => DhcpKind::Discover,
                        2 => DhcpKind::Offer,
                        3 => DhcpKind::Request,
                        5 => DhcpKind::Ack,
                        6 => DhcpKind::Nak,
                        8 => DhcpKind::Inform,
                        other => DhcpKind::Unknown(other),
                    }
                }
                54 => self.server = address(),
                55 => self.parameters = value.iter().copied().take(PARAMETERS_MAX).collect(),
                60 => self.vendor = text().into_owned(),
                _ => {}
            }
        }
    }
}
