//! The Extensible Authentication Protocol (RFC 3748), EAP-TLS framing (RFC 5216 §3) and the
//! MD5-Challenge (RFC 3748 §5.4).
//!
//! ```text
//! +--------+--------+--------+--------+--------+-----------
//! |  code  |   id   |     length      |  type  | type data    (requests and responses)
//! +--------+--------+--------+--------+--------+-----------
//! ```

use md5::{Digest as _, Md5};

/// Octets of code, identifier and length.
pub const HEADER_OCTETS: usize = 4;
/// Octets before the type data of a request or response.
pub const TYPED_HEADER_OCTETS: usize = 5;
/// The most type data one packet can hold, its length field being 16 bits wide.
pub const TYPE_DATA_OCTETS_MAX: usize = 65_535 - TYPED_HEADER_OCTETS;
/// Octets of an MD5-Challenge value.
pub const MD5_OCTETS: usize = 16;

/// What kind of packet this is (RFC 3748 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// From the server.
    Request,
    /// From the peer.
    Response,
    /// The end: access granted.
    Success,
    /// The end: access denied.
    Failure,
    /// Any other code, such as those of ERP (RFC 6696).
    Unknown(u8),
}

impl Code {
    /// Reads the code octet.
    #[must_use]
    pub const fn from_octet(octet: u8) -> Self {
        match octet {
            1 => Self::Request,
            2 => Self::Response,
            3 => Self::Success,
            4 => Self::Failure,
            other => Self::Unknown(other),
        }
    }

    /// The code octet.
    #[must_use]
    pub const fn octet(self) -> u8 {
        match self {
            Self::Request => 1,
            Self::Response => 2,
            Self::Success => 3,
            Self::Failure => 4,
            Self::Unknown(other) => other,
        }
    }
}

/// The type of a request or response (RFC 3748 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Who are you? (§5.1)
    Identity,
    /// A text for a person (§5.2).
    Notification,
    /// The offered method is not wanted (§5.3); only in responses.
    Nak,
    /// MD5-Challenge (§5.4).
    Md5,
    /// EAP-TLS (RFC 5216, RFC 9190).
    Tls,
    /// A vendor's type (§5.7).
    Expanded {
        /// The vendor's SMI number, 24 bits.
        vendor: u32,
        /// The vendor's own type.
        kind: u32,
    },
    /// Any other type.
    Unknown(u8),
}

impl Method {
    /// Reads the type octet; type 254 needs the octets after it and is `Unknown` here.
    #[must_use]
    pub const fn from_octet(octet: u8) -> Self {
        match octet {
            1 => Self::Identity,
            2 => Self::Notification,
            3 => Self::Nak,
            4 => Self::Md5,
            13 => Self::Tls,
            other => Self::Unknown(other),
        }
    }

    /// The type octet.
    #[must_use]
    pub const fn octet(self) -> u8 {
        match self {
            Self::Identity => 1,
            Self::Notification => 2,
            Self::Nak => 3,
            Self::Md5 => 4,
            Self::Tls => 13,
            Self::Expanded { .. } => EXPANDED,
            Self::Unknown(other) => other,
        }
    }
}

/// Why octets are no EAP packet. All of them mean: discard silently (RFC 3748 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PacketError {
    /// Fewer octets than a header.
    Short,
    /// The length field claims less than a header.
    LengthTooSmall,
    /// The length field claims more than arrived: a part is missing.
    LengthTooLong,
    /// A request or response without a type.
    NoType,
    /// An expanded type that ends before its vendor and kind.
    ExpandedShort,
    /// A success or failure that carries data.
    DataAfterEnd,
}

impl PacketError {
    /// The stable id, a metric label.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::LengthTooSmall => "length-too-small",
            Self::LengthTooLong => "length-too-long",
            Self::NoType => "no-type",
            Self::ExpandedShort => "expanded-short",
            Self::DataAfterEnd => "data-after-end",
        }
    }
}

/// A checked view of one EAP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    code: Code,
    identifier: u8,
    method: Option<Method>,
    type_data: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a packet. Octets after its length are padding of the link and ignored
    /// (RFC 3748 §4.1). An expanded type of vendor 0 is the plain type (§5.7).
    ///
    /// # Errors
    /// [`PacketError`] when the packet must be discarded.
    pub fn parse(octets: &'a [u8]) -> Result<Self, PacketError> {
        let [code, identifier, high, low, rest @ ..] = octets else {
            return Err(PacketError::Short);
        };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let length = length.checked_sub(HEADER_OCTETS).ok_or(PacketError::LengthTooSmall)?;
        let rest = rest.get(..length).ok_or(PacketError::LengthTooLong)?;
        let code = Code::from_octet(*code);
        let (method, type_data) = match code {
            Code::Request | Code::Response => {
                let (method, data) = parse_method(rest)?;
                (Some(method), data)
            }
            Code::Success | Code::Failure if rest.is_empty() => (None, rest),
            Code::Success | Code::Failure => return Err(PacketError::DataAfterEnd),
            Code::Unknown(_) => (None, rest),
        };
        Ok(Self { code, identifier: *identifier, method, type_data })
    }

    /// Request, response, success or failure.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The number that ties a response to its request.
    #[must_use]
    pub const fn identifier(&self) -> u8 {
        self.identifier
    }

    /// The type; `Some` in every request and response.
    #[must_use]
    pub const fn method(&self) -> Option<Method> {
        self.method
    }

    /// What follows the type; for an unknown code, what follows the header.
    #[must_use]
    pub const fn type_data(&self) -> &'a [u8] {
        self.type_data
    }
}

/// Writes a request. Type data beyond [`TYPE_DATA_OCTETS_MAX`] is left out, so that the length
/// is always true.
#[must_use]
pub fn request(identifier: u8, method: Method, type_data: &[u8]) -> Vec<u8> {
    typed(Code::Request, identifier, method, type_data)
}

/// Writes a response, otherwise as [`request`].
#[must_use]
pub fn response(identifier: u8, method: Method, type_data: &[u8]) -> Vec<u8> {
    typed(Code::Response, identifier, method, type_data)
}

/// Writes an EAP-Success for the response of that identifier (RFC 3748 §4.2).
#[must_use]
pub fn success(identifier: u8) -> Vec<u8> {
    vec![Code::Success.octet(), identifier, 0, 4]
}

/// Writes an EAP-Failure for the response of that identifier (RFC 3748 §4.2).
#[must_use]
pub fn failure(identifier: u8) -> Vec<u8> {
    vec![Code::Failure.octet(), identifier, 0, 4]
}

/// Why the type data of an EAP-TLS packet make no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlsFragmentError {
    /// Not even the octet of flags.
    NoFlags,
    /// The L flag without four octets of total length.
    NoTotal,
}

/// The type data of an EAP-TLS packet (RFC 5216 §3.1): flags, an optional total, a fragment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TlsFragment<'a> {
    /// S: the server's invitation to begin. Reserved in responses.
    pub start: bool,
    /// M: more fragments of this message follow.
    pub more: bool,
    /// L: the octets of the whole message.
    pub total: Option<u32>,
    /// The fragment.
    pub data: &'a [u8],
}

impl<'a> TlsFragment<'a> {
    /// An empty fragment: an acknowledgement.
    pub const ACKNOWLEDGEMENT: TlsFragment<'static> =
        TlsFragment { start: false, more: false, total: None, data: &[] };

    /// Reads type data. Reserved flags are ignored, as RFC 5216 §3.1 asks.
    ///
    /// # Errors
    /// [`TlsFragmentError`] when flags or total are missing.
    pub fn parse(type_data: &'a [u8]) -> Result<Self, TlsFragmentError> {
        let [flags, rest @ ..] = type_data else { return Err(TlsFragmentError::NoFlags) };
        let (total, data) = if flags & FLAG_LENGTH == 0 {
            (None, rest)
        } else {
            let (total, data) = rest.split_first_chunk().ok_or(TlsFragmentError::NoTotal)?;
            (Some(u32::from_be_bytes(*total)), data)
        };
        let (start, more) = (flags & FLAG_START != 0, flags & FLAG_MORE != 0);
        Ok(Self { start, more, total, data })
    }

    /// Whether this acknowledges a fragment: no data, and none announced.
    #[must_use]
    pub fn is_acknowledgement(&self) -> bool {
        self.data.is_empty() && !self.more && self.total.is_none_or(|total| total == 0)
    }

    /// Writes the type data.
    #[must_use]
    pub fn to_type_data(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(5 + self.data.len());
        let mut flags = 0;
        if self.start {
            flags |= FLAG_START;
        }
        if self.more {
            flags |= FLAG_MORE;
        }
        if self.total.is_some() {
            flags |= FLAG_LENGTH;
        }
        octets.push(flags);
        if let Some(total) = self.total {
            octets.extend_from_slice(&total.to_be_bytes());
        }
        octets.extend_from_slice(self.data);
        octets
    }
}

/// The type data of an MD5-Challenge request or response: a sized value, then a name
/// (RFC 3748 §5.4, RFC 1994 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Md5Value<'a> {
    /// The challenge, or the digest that answers it.
    pub value: &'a [u8],
    /// The name of who sends it; often empty.
    pub name: &'a [u8],
}

impl<'a> Md5Value<'a> {
    /// Reads type data; `None` when the value is empty or longer than what arrived.
    #[must_use]
    pub fn parse(type_data: &'a [u8]) -> Option<Self> {
        let [size, rest @ ..] = type_data else { return None };
        if *size == 0 {
            return None;
        }
        let (value, name) = rest.split_at_checked(usize::from(*size))?;
        Some(Self { value, name })
    }

    /// Writes the type data; `None` when the value is empty or longer than 255 octets.
    #[must_use]
    pub fn to_type_data(&self) -> Option<Vec<u8>> {
        let size = u8::try_from(self.value.len()).ok().filter(|size| *size > 0)?;
        let mut octets = vec![size];
        octets.extend_from_slice(self.value);
        octets.extend_from_slice(self.name);
        Some(octets)
    }
}

/// The digest that answers an MD5-Challenge (RFC 1994 §4.1): identifier, secret, challenge.
#[must_use]
pub fn md5_answer(identifier: u8, secret: &[u8], challenge: &[u8]) -> [u8; MD5_OCTETS] {
    Md5::new().chain_update([identifier]).chain_update(secret).chain_update(challenge).finalize().0
}

const EXPANDED: u8 = 254;
/// Vendor and kind of an expanded type.
const EXPANDED_OCTETS: usize = 7;
const FLAG_LENGTH: u8 = 0x80;
const FLAG_MORE: u8 = 0x40;
const FLAG_START: u8 = 0x20;

fn parse_method(octets: &[u8]) -> Result<(Method, &[u8]), PacketError> {
    match octets {
        [] => Err(PacketError::NoType),
        [EXPANDED, v0, v1, v2, k0, k1, k2, k3, data @ ..] => {
            let vendor = u32::from_be_bytes([0, *v0, *v1, *v2]);
            let kind = u32::from_be_bytes([*k0, *k1, *k2, *k3]);
            match u8::try_from(kind) {
                Ok(kind) if vendor == 0 && kind != EXPANDED => Ok((Method::from_octet(kind), data)),
                _ => Ok((Method::Expanded { vendor, kind }, data)),
            }
        }
        [EXPANDED, ..] => Err(PacketError::ExpandedShort),
        [method, data @ ..] => Ok((Method::from_octet(*method), data)),
    }
}

fn typed(code: Code, identifier: u8, method: Method, type_data: &[u8]) -> Vec<u8> {
    let mut packet = Vec::with_capacity(TYPED_HEADER_OCTETS + EXPANDED_OCTETS + type_data.len());
    packet.extend_from_slice(&[code.octet(), identifier, 0, 0, method.octet()]);
    if let Method::Expanded { vendor, kind } = method {
        packet.extend_from_slice(vendor.to_be_bytes().get(1..).unwrap_or_default());
        packet.extend_from_slice(&kind.to_be_bytes());
    }
    packet.extend_from_slice(type_data);
    packet.truncate(usize::from(u16::MAX));
    let length = u16::try_from(packet.len()).unwrap_or(u16::MAX).to_be_bytes(); // OK: just cut
    if let [_, _, high, low, ..] = packet.as_mut_slice() {
        [*high, *low] = length;
    }
    packet
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn packets_and_their_octets() {
        for (octets, code, identifier, method, data) in [
            (&[1, 7, 0, 5, 1][..], Code::Request, 7, Some(Method::Identity), &[][..]),
            (&[2, 7, 0, 7, 1, b'h', b'i'], Code::Response, 7, Some(Method::Identity), b"hi"),
            (&[1, 8, 0, 6, 13, 0x20], Code::Request, 8, Some(Method::Tls), &[0x20]),
            (&[2, 8, 0, 6, 3, 25], Code::Response, 8, Some(Method::Nak), &[25]),
            (&[3, 9, 0, 4], Code::Success, 9, None, &[]),
            (&[4, 9, 0, 4], Code::Failure, 9, None, &[]),
            (&[5, 9, 0, 6, 1, 2], Code::Unknown(5), 9, None, &[1, 2]),
        ] {
            let packet = Packet::parse(octets).unwrap();
            assert_eq!(packet, Packet { code, identifier, method, type_data: data });
            let written = match (code, method) {
                (Code::Request, Some(method)) => request(identifier, method, data),
                (Code::Response, Some(method)) => response(identifier, method, data),
                (Code::Success, _) => success(identifier),
                (Code::Failure, _) => failure(identifier),
                _ => continue,
            };
            assert_eq!(written, octets);
        }
    }

    #[test]
    fn eap_2_padding_is_ignored_and_a_missing_part_is_not() {
        let padded = [2, 7, 0, 6, 1, b'h', 0, 0, 0];
        assert_eq!(Packet::parse(&padded).unwrap().type_data(), b"h");
        assert_eq!(Packet::parse(&[2, 7, 0, 7, 1, b'h']), Err(PacketError::LengthTooLong));
    }

    #[test]
    fn broken_packets_say_why() {
        for (octets, error) in [
            (&[][..], PacketError::Short),
            (&[1, 2, 0], PacketError::Short),
            (&[1, 2, 0, 3], PacketError::LengthTooSmall),
            (&[1, 2, 0, 4], PacketError::NoType),
            (&[2, 2, 0, 6, 254, 0], PacketError::ExpandedShort),
            (&[3, 2, 0, 5, 0], PacketError::DataAfterEnd),
        ] {
            assert_eq!(Packet::parse(octets), Err(error), "{octets:?}");
        }
    }

    #[test]
    fn expanded_types_of_vendor_0_are_plain_types() {
        let plain = [2, 1, 0, 13, 254, 0, 0, 0, 0, 0, 0, 13, 0];
        assert_eq!(Packet::parse(&plain).unwrap().method(), Some(Method::Tls));
        let method = Method::Expanded { vendor: 0x00_372a, kind: 1 };
        let octets = request(1, method, &[9]);
        let packet = Packet::parse(&octets).unwrap();
        assert_eq!((packet.method(), packet.type_data()), (Some(method), &[9][..]));
    }

    #[test]
    fn md5_answer_is_the_digest_of_identifier_secret_challenge() {
        // MD5("abc"), split over the three inputs (RFC 1321 §A.5).
        let expected = [
            0x90, 0x01, 0x50, 0x98, 0x3c, 0xd2, 0x4f, 0xb0, 0xd6, 0x96, 0x3f, 0x7d, 0x28, 0xe1,
            0x7f, 0x72,
        ];
        assert_eq!(md5_answer(b'a', b"b", b"c"), expected);
    }

    #[test]
    fn md5_lengths_are_checked() {
        assert_eq!(Md5Value::parse(&[]), None);
        assert_eq!(Md5Value::parse(&[0, 1]), None);
        assert_eq!(Md5Value::parse(&[2, 1]), None);
        let value = Md5Value { value: &[1, 2], name: b"n" };
        assert_eq!(Md5Value::parse(&value.to_type_data().unwrap()), Some(value));
        assert_eq!(Md5Value { value: &[], name: b"" }.to_type_data(), None);
    }

    proptest! {
        #[test]
        fn no_octets_panic(octets: Vec<u8>) {
            if let Ok(packet) = Packet::parse(&octets) {
                let _ = TlsFragment::parse(packet.type_data());
                let _ = Md5Value::parse(packet.type_data());
            }
        }

        #[test]
        fn fragments_round_trip(start: bool, more: bool, total: Option<u32>, data: Vec<u8>) {
            let fragment = TlsFragment { start, more, total, data: &data };
            let octets = fragment.to_type_data();
            prop_assert_eq!(TlsFragment::parse(&octets), Ok(fragment));
        }

        #[test]
        fn requests_round_trip(identifier: u8, octet: u8, data: Vec<u8>) {
            prop_assume!(octet != EXPANDED);
            let method = Method::from_octet(octet);
            let octets = request(identifier, method, &data);
            let packet = Packet::parse(&octets).unwrap();
            prop_assert_eq!(packet.identifier(), identifier);
            prop_assert_eq!(packet.method(), Some(method));
            prop_assert_eq!(packet.type_data(), &data[..]);
        }
    }
}
