//! A frame as a capture hands it over: its octets, its number and its own time.
//!
//! The frame's time is the only time the sensor knows. Publishers' clocks jump, stand still and
//! run backwards, so a time is compared and never divided by.

use crate::vocabulary::Timestamp;

/// Nanoseconds in a second.
const SECOND_NS: i64 = 1_000_000_000;

/// When a frame was captured: nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CaptureTime(pub i64);

impl CaptureTime {
    /// From whole seconds and a fraction in nanoseconds, stopping at the ends of the type.
    #[must_use]
    pub fn new(seconds: i64, nanoseconds: u32) -> Self {
        Self(seconds.saturating_mul(SECOND_NS).saturating_add(i64::from(nanoseconds)))
    }

    /// The same instant in milliseconds.
    #[must_use]
    pub const fn timestamp(self) -> Timestamp {
        Timestamp(self.0.div_euclid(1_000_000))
    }

    /// Seconds from `self` until `later`; negative when `later` lies before.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a span in seconds needs no nanoseconds")]
    pub fn seconds_until(self, later: Self) -> f64 {
        later.0.saturating_sub(self.0) as f64 / 1e9
    }

    /// Whether two instants lie within `seconds` of each other, whichever comes first.
    #[must_use]
    pub const fn within(self, other: Self, seconds: i64) -> bool {
        self.0.saturating_sub(other.0).unsigned_abs()
            <= seconds.saturating_mul(SECOND_NS).unsigned_abs()
    }
}

/// What the octets of a frame begin with (link types of tcpdump.org).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkType {
    /// IEEE 802.3 addresses and type.
    Ethernet,
    /// BSD loopback: the address family in four octets of the capturing machine's order.
    Null,
    /// OpenBSD loopback: the same in network order.
    Loop,
    /// An IP packet.
    Raw,
    /// Linux "cooked" capture, version 1.
    Cooked,
    /// Linux "cooked" capture, version 2.
    Cooked2,
}

impl LinkType {
    /// Reads the number of a capture file; `None` for what this sensor cannot read.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Null),
            1 => Some(Self::Ethernet),
            12 | 14 | 101 | 228 | 229 => Some(Self::Raw),
            108 => Some(Self::Loop),
            113 => Some(Self::Cooked),
            276 => Some(Self::Cooked2),
            _ => None,
        }
    }
}

/// One frame of a capture.
#[derive(Clone, Copy, Debug)]
pub struct Captured<'a> {
    /// Its place in the capture, from 1.
    pub number: u64,
    /// When it was captured.
    pub time: CaptureTime,
    /// What its octets begin with.
    pub link: LinkType,
    /// What was kept of it; captures may cut frames short.
    pub octets: &'a [u8],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_survive_every_jump() {
        let ends = [CaptureTime(i64::MIN), CaptureTime(0), CaptureTime(i64::MAX)];
        for one in ends {
            for other in ends {
                assert_eq!(one.within(other, 600), one == other, "{one:?} {other:?}");
                assert!(one.seconds_until(other).is_finite());
            }
        }
        assert!(CaptureTime::new(10, 0).within(CaptureTime::new(4, 0), 6));
        assert_eq!(CaptureTime::new(1, 500_000_000).timestamp(), Timestamp(1500));
        assert_eq!(CaptureTime::new(i64::MAX, 9), CaptureTime(i64::MAX));
    }
}
