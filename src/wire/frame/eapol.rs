//! EAP over LAN (IEEE 802.1X-2010 §11).
//!
//! ```text
//! +---------+--------+------------------+-----------
//! | version |  type  | length of body   | body …
//! +---------+--------+------------------+-----------
//! ```

/// Where supplicants and authenticators that do not know each other send (IEEE 802.1X-2010
/// §11.1.1, Table 11-1). Bridges do not forward it.
pub const GROUP: [u8; 6] = [0x01, 0x80, 0xc2, 0x00, 0x00, 0x03];

/// The version written: that of IEEE 802.1X-2004, which every supplicant takes.
pub const VERSION: u8 = 2;

/// Octets before the body.
pub const HEADER_OCTETS: usize = 4;

/// What a packet is (IEEE 802.1X-2010 Table 11-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The body is an EAP packet.
    EapPacket,
    /// A supplicant asks to begin.
    Start,
    /// A supplicant leaves.
    Logoff,
    /// A key descriptor.
    Key,
    /// An alert of the Alert Standards Forum.
    Alert,
    /// MACsec Key Agreement.
    Mka,
    /// An announcement to everyone.
    Announcement,
    /// An announcement to one.
    AnnouncementSpecific,
    /// A request for an announcement.
    AnnouncementRequest,
    /// Any other.
    Unknown(u8),
}

impl Kind {
    /// Reads the type octet.
    #[must_use]
    pub const fn from_octet(octet: u8) -> Self {
        match octet {
            0 => Self::EapPacket,
            1 => Self::Start,
            2 => Self::Logoff,
            3 => Self::Key,
            4 => Self::Alert,
            5 => Self::Mka,
            6 => Self::Announcement,
            7 => Self::AnnouncementSpecific,
            8 => Self::AnnouncementRequest,
            other => Self::Unknown(other),
        }
    }

    /// The type octet.
    #[must_use]
    pub const fn octet(self) -> u8 {
        match self {
            Self::EapPacket => 0,
            Self::Start => 1,
            Self::Logoff => 2,
            Self::Key => 3,
            Self::Alert => 4,
            Self::Mka => 5,
            Self::Announcement => 6,
            Self::AnnouncementSpecific => 7,
            Self::AnnouncementRequest => 8,
            Self::Unknown(other) => other,
        }
    }
}

/// Why a payload is no EAPOL packet. All of them mean: discard (IEEE 802.1X-2010 §11.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EapolError {
    /// Fewer octets than a header.
    Short,
    /// Version 0, which never was.
    Version,
    /// The body ends before its length.
    Truncated,
}

/// A checked view of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Eapol<'a> {
    version: u8,
    kind: Kind,
    body: &'a [u8],
}

impl<'a> Eapol<'a> {
    /// Reads the payload of a frame. Octets after the body are padding; a version newer than
    /// any known is read as the newest known (IEEE 802.1X-2010 §11.5).
    ///
    /// # Errors
    /// [`EapolError`] when the packet must be discarded.
    pub fn parse(payload: &'a [u8]) -> Result<Self, EapolError> {
        let [version, kind, high, low, rest @ ..] = payload else {
            return Err(EapolError::Short);
        };
        if *version == 0 {
            return Err(EapolError::Version);
        }
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let body = rest.get(..length).ok_or(EapolError::Truncated)?;
        Ok(Self { version: *version, kind: Kind::from_octet(*kind), body })
    }

    /// The version its sender speaks.
    #[must_use]
    pub const fn version(&self) -> u8 {
        self.version
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Its body without padding.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }
}

/// Writes a packet. A body beyond what the length can say is cut, so that the length is true.
#[must_use]
pub fn packet(kind: Kind, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap_or(u16::MAX);
    let mut octets = Vec::with_capacity(HEADER_OCTETS + usize::from(length));
    octets.extend_from_slice(&[VERSION, kind.octet()]);
    octets.extend_from_slice(&length.to_be_bytes());
    octets.extend(body.iter().take(usize::from(length)));
    octets
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn packets_and_their_octets() {
        for (octets, version, kind, body) in [
            (&[1, 1, 0, 0][..], 1, Kind::Start, &[][..]),
            (&[3, 2, 0, 0, 0, 0, 0], 3, Kind::Logoff, &[]),
            (&[2, 0, 0, 4, 3, 1, 0, 4, 0xaa], 2, Kind::EapPacket, &[3, 1, 0, 4]),
            (&[3, 1, 0, 2, 9, 9], 3, Kind::Start, &[9, 9]),
            (&[9, 200, 0, 0], 9, Kind::Unknown(200), &[]),
        ] {
            assert_eq!(Eapol::parse(octets), Ok(Eapol { version, kind, body }));
        }
    }

    #[test]
    fn broken_packets_say_why() {
        for (octets, error) in [
            (&[][..], EapolError::Short),
            (&[2, 0, 0], EapolError::Short),
            (&[0, 1, 0, 0], EapolError::Version),
            (&[2, 0, 0, 5, 1, 2, 3, 4], EapolError::Truncated),
        ] {
            assert_eq!(Eapol::parse(octets), Err(error), "{octets:?}");
        }
    }

    proptest! {
        #[test]
        fn packets_round_trip_with_any_padding(octet: u8, body: Vec<u8>, padding in 0_usize..64) {
            let mut octets = packet(Kind::from_octet(octet), &body);
            octets.resize(octets.len() + padding, 0);
            let read = Eapol::parse(&octets).unwrap();
            prop_assert_eq!((read.kind().octet(), read.body()), (octet, &body[..]));
        }

        #[test]
        fn no_octets_panic(octets: Vec<u8>) {
            if let Ok(frame) = super::super::Frame::parse(&octets) {
                let _ = Eapol::parse(frame.payload());
            }
            let _ = Eapol::parse(&octets);
        }
    }
}
