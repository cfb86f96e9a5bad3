//! Reading values that have an inner form.

use crate::vocabulary::VlanId;

/// The largest tag (RFC 2868 §3.1).
pub const TAG_MAX: u8 = 0x1f;

/// Splits a tagged text: a first octet of 0x01 to 0x1F is a tag, 0x00 an unused tag, anything
/// above belongs to the text (RFC 2868 §3.6).
#[must_use]
pub const fn tagged_text(value: &[u8]) -> (Option<u8>, &[u8]) {
    match value {
        [0, text @ ..] => (None, text),
        [tag, text @ ..] if *tag <= TAG_MAX => (Some(*tag), text),
        text => (None, text),
    }
}

/// Reads a tagged integer, one octet of tag and three of number (RFC 2868 §3.1). `None` for any
/// other length and for a tag above 0x1F.
#[must_use]
pub const fn tagged_integer(value: &[u8]) -> Option<(Option<u8>, u32)> {
    let [tag, high, middle, low] = value else { return None };
    let number = u32::from_be_bytes([0, *high, *middle, *low]);
    match *tag {
        0 => Some((None, number)),
        tag if tag <= TAG_MAX => Some((Some(tag), number)),
        _ => None,
    }
}

/// Reads an Egress-VLANID: whether frames carry a tag, and the VLAN (RFC 4675 §2.1).
#[must_use]
pub fn egress_vlanid(value: u32) -> Option<(bool, VlanId)> {
    let tagged = match value >> 12 {
        0x31000 => true,
        0x32000 => false,
        _ => return None,
    };
    let vlan = VlanId::new(u16::try_from(value & 0xfff).ok()?)?;
    Some((tagged, vlan))
}

/// The rules in joined NAS-Filter-Rule attributes: NUL ends a rule, empty ones are left out
/// (RFC 4849 §2).
pub fn filter_rules(joined: &[u8]) -> impl Iterator<Item = &[u8]> {
    joined.split(|octet| *octet == 0).filter(|rule| !rule.is_empty())
}
