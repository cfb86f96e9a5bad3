//! Numbers out of octets, or nothing where the octets end.

/// The octet at `at`.
pub(super) fn u8_at(octets: &[u8], at: usize) -> Option<u8> {
    octets.get(at).copied()
}

/// The 16-bit number in network order at `at`.
pub(super) fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    octets.get(at..)?.first_chunk().copied().map(u16::from_be_bytes)
}

/// The 32-bit number in network order at `at`.
pub(super) fn u32_at(octets: &[u8], at: usize) -> Option<u32> {
    octets.get(at..)?.first_chunk().copied().map(u32::from_be_bytes)
}
