//! What a datagram begins like: QUIC, SNMP, RADIUS, DHCPv6. Recognised and no more.

use super::{u8_at, u16_at, u32_at};

/// Whether the payload is a QUIC Initial packet (RFC 9000 §17.2.2) of version 1, version 2 (RFC 9369) or a draft.
#[must_use]
pub fn is_quic_initial(payload: &[u8]) -> bool {
    let (Some(first), Some(version)) = (u8_at(payload, 0), u32_at(payload, 1)) else {
        return false;
    };
    // Long header and fixed bit, then two bits of type; version 2 renumbered the types.
    let kind = first >> 4 & 3;
    let known = match version {
        1 | 0xff00_0000..=0xff00_00ff => kind == 0,
        0x6b33_43cf => kind == 1,
        _ => false,
    };
    first & 0xc0 == 0xc0 && known && u8_at(payload, 5).is_some_and(|length| length <= 20)
}

/// Whether the octets begin like an SNMP message: a sequence that begins with a small integer
/// (RFC 3417 §8).
#[must_use]
pub fn is_snmp(payload: &[u8]) -> bool {
    let Some(0x30) = u8_at(payload, 0) else { return false };
    let skip = match u8_at(payload, 1) {
        Some(length @ 0x81..=0x84) => usize::from(length & 0x7f),
        Some(_) => 0,
        None => return false,
    };
    payload.get(2 + skip..).is_some_and(|rest| matches!(rest, [0x02, 0x01, 0..=3, ..]))
}

/// Whether the octets begin like a RADIUS packet (RFC 2865 §3), whatever its code.
#[must_use]
pub fn is_radius(payload: &[u8]) -> bool {
    u16_at(payload, 2).is_some_and(|length| (20..=4096).contains(&length))
}

/// Whether the octets begin like a DHCPv6 message (RFC 8415 §8).
#[must_use]
pub fn is_dhcpv6(payload: &[u8]) -> bool {
    matches!(u8_at(payload, 0), Some(1..=13)) && u32_at(payload, 0).is_some()
}
