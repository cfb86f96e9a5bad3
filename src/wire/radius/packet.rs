//! The checked view of a received packet.

use std::iter::FusedIterator;

use super::{ATTRIBUTES_MAX, Code, HEADER_OCTETS, PACKET_OCTETS_MAX, attribute};

/// Why a datagram is no RADIUS packet: it is dropped without a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Malformed {
    /// Fewer octets than a header, in the datagram or by its Length.
    Short,
    /// Length is more than any packet may have.
    Long,
    /// Length is more than what arrived.
    Truncated,
    /// An attribute counts fewer octets than its own type and length.
    AttributeShort,
    /// An attribute runs past the end of the packet.
    AttributeOverrun,
    /// More attributes than [`ATTRIBUTES_MAX`].
    TooManyAttributes,
}

impl Malformed {
    /// Stable name for metrics and logs.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Short => "malformed-short",
            Self::Long => "malformed-long",
            Self::Truncated => "malformed-truncated",
            Self::AttributeShort => "malformed-attribute-short",
            Self::AttributeOverrun => "malformed-attribute-overrun",
            Self::TooManyAttributes => "malformed-too-many-attributes",
        }
    }
}

/// One attribute, borrowed from its packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Its number, see [`attribute`].
    pub kind: u8,
    /// Its value, 0 to 253 octets.
    pub value: &'a [u8],
}

/// A packet whose lengths are consistent (RFC 2865 §3 and §5). Nothing in it is authentic until
/// a [`Key`](super::Key) says so.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    octets: &'a [u8],
    code: Code,
    identifier: u8,
    authenticator: [u8; 16],
    places: Places,
}

/// Where the attributes of each kind begin: a request is searched for many, and has few.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Places {
    /// Of the first of a kind, in octets from the packet's beginning; 0 where there is none.
    first: [u16; 256],
    /// The kinds of which there is more than one.
    several: [u64; 4],
}

impl Places {
    const NONE: Self = Self { first: [0; 256], several: [0; 4] };

    fn add(&mut self, kind: u8, at: u16) {
        match self.first.get_mut(usize::from(kind)) {
            Some(first @ 0) => *first = at,
            Some(_) | None => {
                if let Some(word) = self.several.get_mut(usize::from(kind >> 6)) {
                    *word |= 1 << (kind & 63);
                }
            }
        }
    }

    fn first(&self, kind: u8) -> Option<usize> {
        let first = self.first.get(usize::from(kind)).copied().filter(|at| *at > 0)?;
        Some(usize::from(first))
    }

    fn has_several(&self, kind: u8) -> bool {
        self.several.get(usize::from(kind >> 6)).is_some_and(|word| word >> (kind & 63) & 1 == 1)
    }
}

impl<'a> Packet<'a> {
    /// Checks the lengths of a datagram; octets after Length are padding and are left out.
    ///
    /// # Errors
    /// [`Malformed`] when the lengths contradict each other or exceed the bounds.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, Malformed> {
        let [code, identifier, high, low, rest @ ..] = datagram else {
            return Err(Malformed::Short);
        };
        let Some((authenticator, _)) = rest.split_first_chunk() else {
            return Err(Malformed::Short);
        };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        if length < HEADER_OCTETS {
            return Err(Malformed::Short);
        }
        if length > PACKET_OCTETS_MAX {
            return Err(Malformed::Long);
        }
        let octets = datagram.get(..length).ok_or(Malformed::Truncated)?;
        let mut places = Places::NONE;
        let mut at = HEADER_OCTETS;
        check_attributes(octets.get(HEADER_OCTETS..).unwrap_or_default(), |one| {
            places.add(one.kind, u16::try_from(at).unwrap_or_default());
            at += 2 + one.value.len();
        })?;
        Ok(Self {
            octets,
            code: Code::from(*code),
            identifier: *identifier,
            authenticator: *authenticator,
            places,
        })
    }

    /// The kind of packet.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The octet that joins a reply to its request.
    #[must_use]
    pub const fn identifier(&self) -> u8 {
        self.identifier
    }

    /// The authenticator field as received.
    #[must_use]
    pub const fn authenticator(&self) -> [u8; 16] {
        self.authenticator
    }

    /// The packet without padding: exactly Length octets.
    #[must_use]
    pub const fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// All attributes in their order.
    #[must_use]
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes { rest: self.octets.get(HEADER_OCTETS..).unwrap_or_default() }
    }

    /// The value of the first attribute of a kind.
    #[must_use]
    pub fn first(&self, kind: u8) -> Option<&'a [u8]> {
        self.onwards_from_first(kind).next().map(|one| one.value)
    }

    /// Whether there is an attribute of a kind.
    #[must_use]
    pub fn has(&self, kind: u8) -> bool {
        self.places.first(kind).is_some()
    }

    /// Where the value of the first attribute of a kind begins, in octets from the packet's
    /// beginning.
    pub(super) fn value_at(&self, kind: u8) -> Option<usize> {
        self.places.first(kind).map(|at| at + 2)
    }

    /// The values of all attributes of a kind in their order.
    pub fn all(&self, kind: u8) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let most = if self.places.has_several(kind) { usize::MAX } else { 1 };
        let all = self.onwards_from_first(kind).take(most);
        all.filter(move |one| one.kind == kind).map(|one| one.value)
    }

    /// The first attribute of a kind and all that follow it.
    fn onwards_from_first(&self, kind: u8) -> Attributes<'a> {
        let rest = self.places.first(kind).and_then(|at| self.octets.get(at..));
        Attributes { rest: rest.unwrap_or_default() }
    }

    /// How many attributes of a kind there are.
    #[must_use]
    pub fn count(&self, kind: u8) -> usize {
        self.all(kind).count()
    }

    /// The first attribute of a kind as a number; `None` also when it is not four octets long.
    #[must_use]
    pub fn integer(&self, kind: u8) -> Option<u32> {
        self.first(kind)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// Vendor's number, type and value of every vendor attribute in the recommended format
    /// (RFC 2865 §5.26). A Vendor-Specific attribute that is not wholly in that format yields
    /// nothing and hurts nobody.
    pub fn vendor_specific(&self) -> impl Iterator<Item = (u32, u8, &'a [u8])> + use<'a> {
        self.all(attribute::VENDOR_SPECIFIC)
            .filter_map(vendor_attributes)
            .flat_map(|(vendor, inner)| inner.map(move |one| (vendor, one.kind, one.value)))
    }

    /// Puts the values of all attributes of a kind, one after the other, into `joined`, which is
    /// cleared first: EAP-Message (RFC 3579 §3.1), NAS-Filter-Rule (RFC 4849 §2). Says how many
    /// there were; one empty EAP-Message is an EAP-Start.
    pub fn joined(&self, kind: u8, joined: &mut Vec<u8>) -> usize {
        joined.clear();
        joined.reserve(self.all(kind).map(<[u8]>::len).sum());
        self.all(kind).inspect(|value| joined.extend_from_slice(value)).count()
    }
}

/// Attributes in their order.
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    /// Attributes whose lengths were checked; a broken one would end the iteration.
    rest: &'a [u8],
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        let (attribute, rest) = split_attribute(self.rest).ok()?;
        self.rest = rest;
        Some(attribute)
    }
}

impl FusedIterator for Attributes<'_> {}

/// Checks that attributes follow each other without a gap, and hands each on.
fn check_attributes<'a>(
    mut rest: &'a [u8],
    mut each: impl FnMut(Attribute<'a>),
) -> Result<(), Malformed> {
    let mut count = 0;
    while !rest.is_empty() {
        let attribute;
        (attribute, rest) = split_attribute(rest)?;
        each(attribute);
        count += 1;
        if count > ATTRIBUTES_MAX {
            return Err(Malformed::TooManyAttributes);
        }
    }
    Ok(())
}

fn split_attribute(octets: &[u8]) -> Result<(Attribute<'_>, &[u8]), Malformed> {
    let [kind, length, tail @ ..] = octets else {
        return Err(Malformed::AttributeOverrun);
    };
    let length = usize::from(*length).checked_sub(2).ok_or(Malformed::AttributeShort)?;
    let (value, rest) = tail.split_at_checked(length).ok_or(Malformed::AttributeOverrun)?;
    Ok((Attribute { kind: *kind, value }, rest))
}

fn vendor_attributes(value: &[u8]) -> Option<(u32, Attributes<'_>)> {
    let (vendor, rest) = value.split_first_chunk()?;
    check_attributes(rest, |_| ()).ok()?;
    Some((u32::from_be_bytes(*vendor), Attributes { rest }))
}
