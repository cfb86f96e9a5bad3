//! TCP (RFC 9293) by smoltcp's checked view, and the shape of a SYN.
//!
//! The shape of a SYN, which is a stack's own choice: initial window, window scale and the order
//! of options. Options are written in the order sent, four bits each.

use smoltcp::wire::{TcpOption, TcpPacket};

/// Options in the order sent, four bits each, the first lowest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Layout(pub u64);

impl Layout {
    /// Maximum segment size.
    pub const MSS: u8 = 1;
    /// No operation.
    pub const NOP: u8 = 2;
    /// Window scale.
    pub const WS: u8 = 3;
    /// Selective acknowledgements permitted.
    pub const SOK: u8 = 4;
    /// Timestamps.
    pub const TS: u8 = 5;
    /// End of list.
    pub const EOL: u8 = 6;
    /// Any other option.
    pub const OTHER: u8 = 7;
    /// An option that cannot be read.
    pub const FLAWED: u8 = 8;

    /// The layout of these codes; at most sixteen fit.
    #[must_use]
    pub const fn of(codes: &[u8]) -> Self {
        let mut rest = codes;
        let mut value = 0;
        let mut shift = 0;
        while let [code, tail @ ..] = rest {
            if shift < 64 {
                value |= (*code as u64) << shift;
            }
            shift += 4;
            rest = tail;
        }
        Self(value)
    }

    fn read(mut octets: &[u8]) -> (Self, Option<u8>) {
        let mut codes = Vec::with_capacity(8);
        let mut scale = None;
        while !octets.is_empty() && codes.len() < 16 {
            let Ok((rest, option)) = TcpOption::parse(octets) else {
                codes.push(Self::FLAWED);
                break;
            };
            codes.push(match option {
                TcpOption::EndOfList => Self::EOL,
                TcpOption::NoOperation => Self::NOP,
                TcpOption::MaxSegmentSize(_) => Self::MSS,
                TcpOption::WindowScale(value) => {
                    scale = Some(value);
                    Self::WS
                }
                TcpOption::SackPermitted => Self::SOK,
                TcpOption::TimeStamp { .. } => Self::TS,
                TcpOption::SackRange(_) | TcpOption::Unknown { .. } => Self::OTHER,
            });
            if matches!(option, TcpOption::EndOfList) {
                break;
            }
            octets = rest;
        }
        (Self::of(&codes), scale)
    }
}

/// What a stack chooses for the first segment of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Syn {
    /// The window, unscaled.
    pub window: u16,
    /// The window scale, where offered.
    pub scale: Option<u8>,
    /// The options.
    pub layout: Layout,
}

/// A TCP segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tcp<'a> {
    /// The source port.
    pub source: u16,
    /// The destination port.
    pub destination: u16,
    /// The sequence number.
    pub sequence: u32,
    /// Whether ACK is set.
    pub ack: bool,
    /// The shape of the SYN, when SYN is set and neither FIN nor RST is.
    pub syn: Option<Syn>,
    /// What was captured of the payload.
    pub payload: &'a [u8],
}

/// Reads a segment.
pub(super) fn read(octets: &[u8]) -> Option<Tcp<'_>> {
    let packet = TcpPacket::new_checked(octets).ok()?;
    let syn = (packet.syn() && !packet.fin() && !packet.rst()).then(|| {
        let (layout, scale) = Layout::read(packet.options());
        Syn { window: packet.window_len(), scale, layout }
    });
    Some(Tcp {
        source: packet.src_port(),
        destination: packet.dst_port(),
        sequence: u32::from_ne_bytes(packet.seq_number().0.to_ne_bytes()),
        ack: packet.ack(),
        syn,
        payload: octets.get(usize::from(packet.header_len())..).unwrap_or_default(),
    })
}
