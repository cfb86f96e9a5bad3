//! Ethernet frames, and EAPOL in them.
//!
//! ```text
//! +-------------------+-------------------+---------+-----------
//! |  destination (6)  |    source (6)     | type(2) | payload …
//! +-------------------+-------------------+---------+-----------
//! ```
//!
//! As software sees them: no preamble, no frame check sequence.

pub mod eapol;

use crate::vocabulary::Mac;

/// Octets of addresses and type.
pub const HEADER_OCTETS: usize = 14;
/// The shortest frame without its check sequence (IEEE 802.3 §3.2.8).
pub const FRAME_OCTETS_MIN: usize = 60;
/// The longest untagged frame without its check sequence.
pub const FRAME_OCTETS_MAX: usize = 1514;

/// What the payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EtherType {
    /// EAPOL (IEEE 802.1X-2010 §11.1.4).
    Eapol,
    /// Any other type, or a length.
    Unknown(u16),
}

impl EtherType {
    /// Reads the number.
    #[must_use]
    pub const fn from_number(number: u16) -> Self {
        match number {
            0x888e => Self::Eapol,
            other => Self::Unknown(other),
        }
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::Eapol => 0x888e,
            Self::Unknown(other) => other,
        }
    }
}

/// Why octets are no frame of a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameError {
    /// Fewer octets than a header.
    Short,
    /// The source is a group or the zero address.
    Source,
}

/// A checked view of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    destination: [u8; 6],
    source: Mac,
    kind: EtherType,
    payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Reads a frame.
    ///
    /// # Errors
    /// [`FrameError`] when it is cut short or names no station as its source.
    pub fn parse(octets: &'a [u8]) -> Result<Self, FrameError> {
        let (destination, rest) = octets.split_first_chunk().ok_or(FrameError::Short)?;
        let (source, rest) = rest.split_first_chunk().ok_or(FrameError::Short)?;
        let (kind, payload) = rest.split_first_chunk().ok_or(FrameError::Short)?;
        let source = Mac::new(*source).map_err(|_| FrameError::Source)?;
        let kind = EtherType::from_number(u16::from_be_bytes(*kind));
        Ok(Self { destination: *destination, source, kind, payload })
    }

    /// Where it goes: a station, a group or everyone.
    #[must_use]
    pub const fn destination(&self) -> [u8; 6] {
        self.destination
    }

    /// Who claims to have sent it.
    #[must_use]
    pub const fn source(&self) -> Mac {
        self.source
    }

    /// What the payload is.
    #[must_use]
    pub const fn kind(&self) -> EtherType {
        self.kind
    }

    /// What follows the header, the padding of short frames included.
    #[must_use]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }
}

/// Writes a frame into `octets`, which is cleared first; a short one is filled up with zeros.
pub fn write(
    octets: &mut Vec<u8>,
    destination: [u8; 6],
    source: Mac,
    kind: EtherType,
    payload: &[u8],
) {
    octets.clear();
    octets.extend_from_slice(&destination);
    octets.extend_from_slice(&source.octets());
    octets.extend_from_slice(&kind.number().to_be_bytes());
    octets.extend_from_slice(payload);
    if octets.len() < FRAME_OCTETS_MIN {
        octets.resize(FRAME_OCTETS_MIN, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_and_its_octets() {
        let source = Mac::new([2, 0, 0, 0, 0, 7]).unwrap();
        let mut octets = Vec::new();
        write(&mut octets, eapol::GROUP, source, EtherType::Eapol, &[1, 1, 0, 0]);
        assert_eq!(
            octets[..18],
            [1, 0x80, 0xc2, 0, 0, 3, 2, 0, 0, 0, 0, 7, 0x88, 0x8e, 1, 1, 0, 0]
        );
        assert_eq!(octets.len(), FRAME_OCTETS_MIN);
        let frame = Frame::parse(&octets).unwrap();
        assert_eq!((frame.destination(), frame.source()), (eapol::GROUP, source));
        assert_eq!((frame.kind(), frame.payload().len()), (EtherType::Eapol, 46));
    }

    #[test]
    fn what_no_station_sends_is_no_frame() {
        for (octets, error) in [
            (&[0_u8; 13][..], FrameError::Short),
            (&[0; 14], FrameError::Source),
            (&[0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 8, 0], FrameError::Source),
        ] {
            assert_eq!(Frame::parse(octets), Err(error));
        }
    }
}
