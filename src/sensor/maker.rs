//! Blocks of MAC addresses of makers of consumer routers and USB network adapters.
//!
//! Facts of the IEEE registry (MA-L), a few of each maker that Japanese offices meet. They support
//! other signs and decide nothing: the same makers sell print servers, plugs and cameras, and
//! offices share USB adapters.

use crate::vocabulary::Mac;

/// A maker's blocks.
const MAKERS: &[(&str, &[[u8; 3]])] = &[
    (
        "Buffalo",
        &[
            [0x00, 0x0d, 0x0b],
            [0x00, 0x24, 0xa5],
            [0x10, 0x6f, 0x3f],
            [0x18, 0xec, 0xe7],
            [0x34, 0x3d, 0xc4],
            [0x4c, 0xe6, 0x76],
            [0x60, 0x84, 0xbd],
            [0x74, 0x03, 0xbd],
            [0x84, 0xaf, 0xec],
            [0x88, 0x57, 0xee],
            [0x90, 0x96, 0xf3],
            [0xb0, 0xc7, 0x45],
            [0xcc, 0xe1, 0xd5],
            [0xdc, 0xfb, 0x02],
        ],
    ),
    (
        "NEC Platforms",
        &[
            [0x00, 0x1b, 0x8b],
            [0x00, 0x3a, 0x9d],
            [0x10, 0x66, 0x82],
            [0x98, 0xf1, 0x99],
            [0xa4, 0x12, 0x42],
            [0xc0, 0x25, 0xa2],
        ],
    ),
    ("I-O DATA", &[[0x00, 0xa0, 0xb0], [0x34, 0x76, 0xc5], [0x50, 0x41, 0xb9]]),
    ("ELECOM", &[[0x00, 0x90, 0xfe], [0x04, 0xab, 0x18], [0xbc, 0x5c, 0x4c]]),
    ("PLANEX", &[[0x00, 0x22, 0xcf], [0x00, 0x90, 0xcc], [0x8c, 0x4c, 0xdc]]),
    (
        "TP-Link",
        &[
            [0x14, 0xcc, 0x20],
            [0x50, 0xc7, 0xbf],
            [0x64, 0x66, 0xb3],
            [0xc0, 0x4a, 0x00],
            [0xe8, 0xde, 0x27],
            [0xf4, 0xf2, 0x6d],
        ],
    ),
    ("Linksys", &[[0x00, 0x1d, 0x7e], [0xc8, 0xd7, 0x19]]),
    ("ASIX (USB LAN)", &[[0x00, 0x0e, 0xc6]]),
    ("Realtek (USB LAN)", &[[0x00, 0xe0, 0x4c]]),
    ("Good Way (USB LAN)", &[[0x00, 0x50, 0xb6]]),
    ("Magic Control (USB LAN)", &[[0x00, 0x05, 0x1b]]),
    ("Plugable (USB LAN)", &[[0x8c, 0xae, 0x4c]]),
    ("BizLink (USB LAN)", &[[0x9c, 0xeb, 0xe8]]),
];

/// The maker of consumer routers or USB adapters whose block holds the address, if any.
#[must_use]
pub fn maker(mac: Mac) -> Option<&'static str> {
    let [a, b, c, ..] = mac.octets();
    let found = MAKERS.iter().find(|(_, blocks)| blocks.contains(&[a, b, c]));
    found.map(|(name, _)| *name)
}

/// Whether a maker's blocks are those of USB network adapters.
#[must_use]
pub fn is_adapter(maker: &str) -> bool {
    maker.ends_with("(USB LAN)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_belong_to_one_maker_and_are_universal() {
        let mut all: Vec<_> = MAKERS.iter().flat_map(|(_, blocks)| blocks.iter()).collect();
        assert!(all.iter().all(|block| block[0] & 3 == 0));
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
        assert_eq!(maker(Mac::parse("00:0e:c6:12:34:56").unwrap()), Some("ASIX (USB LAN)"));
        assert_eq!(maker(Mac::parse("00:00:5e:00:53:01").unwrap()), None);
    }
}
