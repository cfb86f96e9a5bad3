//! Stacks by their SYN: initial TTL, window, scale and options.

use std::net::IpAddr;

use super::Provenance;
use crate::sensor::dissect::{Layout, Syn};

use Layout as L;

/// `mss,sok,ts,nop,ws`: Linux and what is built on it.
const UNIX: Layout = L::of(&[L::MSS, L::SOK, L::TS, L::NOP, L::WS]);
/// The same without timestamps: `mss,nop,nop,sok,nop,ws`.
const UNIX_BARE: Layout = L::of(&[L::MSS, L::NOP, L::NOP, L::SOK, L::NOP, L::WS]);
/// `mss,nop,ws,nop,nop,sok`: Windows.
const WINDOWS: Layout = L::of(&[L::MSS, L::NOP, L::WS, L::NOP, L::NOP, L::SOK]);
/// `mss,nop,nop,sok`: Windows' last retry, and Windows before Vista.
const WINDOWS_BARE: Layout = L::of(&[L::MSS, L::NOP, L::NOP, L::SOK]);
/// `mss,nop,ws,nop,nop,ts,sok,eol`: macOS and iOS.
const APPLE: Layout = L::of(&[L::MSS, L::NOP, L::WS, L::NOP, L::NOP, L::TS, L::SOK, L::EOL]);
/// `mss` alone: small stacks.
const SMALL: Layout = L::of(&[L::MSS]);

/// A family of TCP stacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StackClass {
    /// Windows.
    Windows,
    /// macOS and iOS.
    Apple,
    /// Linux, Android and embedded Linux.
    Unix,
    /// Anything else.
    Other,
}

impl StackClass {
    /// The id.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Windows => "windows",
            Self::Apple => "apple",
            Self::Unix => "unix",
            Self::Other => "other",
        }
    }
}

/// The initial TTL behind an observed one: the next of 64, 128 and 255 at or above it.
#[must_use]
pub const fn initial_ttl(ttl: u8) -> u8 {
    match ttl {
        0..=64 => 64,
        65..=128 => 128,
        129..=255 => 255,
    }
}

/// The class of a SYN from `source` seen at `ttl`, by its options, and by its TTL where options are
/// shared; not over IPv6, where a router says with which hop limit to begin (RFC 4861 §6.3.4).
#[must_use]
pub fn stack_class(source: IpAddr, ttl: u8, syn: Syn) -> StackClass {
    let begins = source.is_ipv6() || initial_ttl(ttl) == 128;
    match syn.layout {
        UNIX | UNIX_BARE => StackClass::Unix,
        APPLE => StackClass::Apple,
        WINDOWS | WINDOWS_BARE if begins => StackClass::Windows,
        _ => StackClass::Other,
    }
}

/// The desktop whose options a SYN has, whatever its TTL: who forwards may have rewritten that.
#[must_use]
pub fn desktop(syn: Syn) -> Option<StackClass> {
    match syn.layout {
        WINDOWS => Some(StackClass::Windows),
        APPLE => Some(StackClass::Apple),
        _ => None,
    }
}

/// A row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SynRow {
    /// What it is, as operators name it.
    pub name: &'static str,
    /// Whether it is a phone's, and how far that can be believed (0 to 10).
    pub phone: u8,
    /// The initial TTL.
    pub ttl: u8,
    /// The window.
    pub window: u16,
    /// The scale.
    pub scale: Option<u8>,
    /// The options.
    pub layout: Layout,
    /// Where it was read.
    pub provenance: Provenance,
}

const fn row(
    (name, phone): (&'static str, u8),
    (ttl, window, scale, layout): (u8, u16, Option<u8>, Layout),
    sha256: &'static str,
    frame: u32,
) -> SynRow {
    SynRow { name, phone, ttl, window, scale, layout, provenance: Provenance { sha256, frame } }
}

/// The table. Android from 5 on begins with a full window of 65,535, which Linux does not; the
/// window of Android 4 is also that of Linux 3, so it says little.
pub const SYN_ROWS: &[SynRow] = &[
    row(
        ("Windows 10", 0),
        (128, 64_240, Some(8), WINDOWS),
        "8794902fb18070d639aceb20a57f093c994cd43f43937905ca0e1d1f58968b8d",
        159,
    ),
    row(
        ("Windows 7–10", 0),
        (128, 8_192, Some(8), WINDOWS),
        "d331fea12a16350241fdc681b3d4ea7d4776d82052ecb6041bf654c89cce1ab1",
        191,
    ),
    row(
        ("Windows 7", 0),
        (128, 8_192, Some(2), WINDOWS),
        "3dd3ba2b3521398759d02f81adee0d3fc283f3d00debf33df24d2a017e289204",
        1,
    ),
    row(
        ("Windows, last retry", 0),
        (128, 8_192, None, WINDOWS_BARE),
        "9b06892032bcf9ac3ccaf1ac36f9463a5161584162c5adf18856b76291a6020e",
        7,
    ),
    row(
        ("Windows XP", 0),
        (128, 64_240, None, WINDOWS_BARE),
        "63586c45f28a8fe3bcd7653e05c35a8ee5a47cf9d5fa46fc3ebda43de7635424",
        125,
    ),
    row(
        ("Android 4", 2),
        (64, 14_600, Some(6), UNIX),
        "b6b42c0659b41ce0cb39053ceaba0117e1ddb475dcfdf1b3381bbeee8e866e90",
        1,
    ),
    row(
        ("Android 4", 2),
        (64, 14_600, Some(7), UNIX),
        "afbf72e15692af08398df5156e934edea30bacd0d87ec8372ca5f3bb64103962",
        50,
    ),
    row(
        ("Android 5, 6", 4),
        (64, 65_535, Some(8), UNIX),
        "d0538b1b4c56ff527efcd50dd4523dd362d093f8ed2bd4120d4c9f056620511c",
        19,
    ),
    row(
        ("Android 5, 6", 4),
        (64, 65_535, Some(6), UNIX),
        "05b2cb86a090494d11077908967b583f2d100d23e974b4731552a53b094b7b88",
        1,
    ),
    row(
        ("Android 5, 6", 4),
        (64, 65_535, Some(7), UNIX),
        "49b89ae99e51425fdd7995fce49b85d0757055cdea74022b062d12205e3b8d79",
        46,
    ),
    row(
        ("Linux", 0),
        (64, 29_200, Some(7), UNIX),
        "2d82f575a8b9addfc9e66582e34911f79b5388984e54299293a28393c6d7c24e",
        13,
    ),
    row(
        ("Linux 2.6", 0),
        (64, 5_840, Some(7), UNIX),
        "11d2ce14fcb893f3ca6d77a02344fdb1d087b1546b53fffb64b836943a1113b6",
        9,
    ),
    row(
        ("embedded Linux", 0),
        (64, 5_840, Some(1), UNIX),
        "afbf72e15692af08398df5156e934edea30bacd0d87ec8372ca5f3bb64103962",
        54,
    ),
    row(
        ("embedded Linux", 0),
        (64, 5_840, Some(1), UNIX_BARE),
        "bb099f0209db453d9e80dd3b3cdc62c47279a54323f00108373c51e5ccb9b40f",
        54,
    ),
    row(
        ("macOS, iOS", 0),
        (64, 65_535, Some(4), APPLE),
        "941ce8cee4ba9be1b53df29bd6e326721e1d1a6a866febdd9aa02126bfd92283",
        1,
    ),
    row(
        ("macOS, iOS", 0),
        (64, 65_535, Some(5), APPLE),
        "82b6e8b0d95ee16bb14d12932f824b6fa13a3de5f2960d729a4e1bc5a17a2cb9",
        1,
    ),
    row(
        ("macOS, iOS", 0),
        (64, 65_535, Some(6), APPLE),
        "d59db8b285311acc47d6cb0295270257a1585c6af526444062e1988b69d2bf69",
        1,
    ),
    row(
        ("small stack", 0),
        (255, 8_400, None, SMALL),
        "50c26a60bd764d52bd90fb437d7784696b7245a7b50d1f9c2c57c14891b1b823",
        14,
    ),
];

/// The phone's row that a SYN seen at `ttl` fits, if any. Scales of one window differ between
/// connections and builds, so any scale an Android has been seen with will do.
#[must_use]
pub fn phone_row(ttl: u8, syn: Syn) -> Option<&'static SynRow> {
    SYN_ROWS.iter().find(|row| {
        row.phone > 0
            && row.ttl == initial_ttl(ttl)
            && row.window == syn.window
            && row.layout == syn.layout
            && syn.scale.is_some_and(|scale| (6..=10).contains(&scale))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn rows_are_of_the_class_their_options_say() {
        for row in SYN_ROWS {
            let syn = Syn { window: row.window, scale: row.scale, layout: row.layout };
            let class = stack_class(V4, row.ttl.saturating_sub(1), syn);
            let expected = match row.name {
                name if name.starts_with("Windows") => StackClass::Windows,
                "macOS, iOS" => StackClass::Apple,
                "small stack" => StackClass::Other,
                _ => StackClass::Unix,
            };
            assert_eq!(class, expected, "{}", row.name);
            assert_eq!(phone_row(row.ttl, syn).is_some(), row.name.starts_with("Android"));
        }
    }

    #[test]
    fn windows_options_at_another_ttl_are_not_windows() {
        let syn = Syn { window: 64_240, scale: Some(8), layout: WINDOWS };
        assert_eq!(stack_class(V4, 127, syn), StackClass::Windows);
        assert_eq!(stack_class(V4, 64, syn), StackClass::Other);
        assert_eq!(stack_class(IpAddr::from([0_u16; 8]), 64, syn), StackClass::Windows);
    }

    #[test]
    fn initial_ttls_are_the_next_above() {
        let pairs = [(0, 64), (63, 64), (64, 64), (65, 128), (127, 128), (128, 128), (200, 255)];
        for (observed, initial) in pairs {
            assert_eq!(initial_ttl(observed), initial);
        }
    }
}
