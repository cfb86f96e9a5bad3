//! Labels: derived from a key, so that none is stored, and known to the public side by hash.

use std::fmt;
use std::time::Duration;

use ring::{digest, hmac};

use crate::plan::TRIPWIRE_KEY_OCTETS;
use crate::vocabulary::{Secret, Timestamp, hex, unhex};

/// Octets of the MAC that a label shows: 160 bits, more than half of the hash and beyond any
/// guessing (RFC 2104 §5).
const LABEL_OCTETS: usize = 20;
/// Length of a label: five bits a character, so no padding.
pub const LABEL_CHARACTERS: usize = LABEL_OCTETS * 8 / 5;
/// RFC 4648 §6 in lower case, as names are compared.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// A period in which labels are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The one of a moment; the first for any time before 1970.
    #[must_use]
    pub fn at(now: Timestamp, rotation: Duration) -> Self {
        let seconds = u64::try_from(now.seconds()).unwrap_or(0);
        Self(seconds.checked_div(rotation.as_secs()).unwrap_or(0))
    }

    /// The one before.
    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// When labels of the next take the place of its own.
    #[must_use]
    pub fn ends(self, rotation: Duration) -> Timestamp {
        Self(self.0.saturating_add(1)).begins(rotation)
    }

    /// When it begins.
    #[must_use]
    pub fn begins(self, rotation: Duration) -> Timestamp {
        let seconds = self.0.saturating_mul(rotation.as_secs());
        Timestamp::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX / 1000))
    }
}

/// What labels are derived from.
#[derive(Clone, Debug)]
pub struct LabelKey(hmac::Key);

impl LabelKey {
    /// A key of the right length.
    #[must_use]
    pub fn new(secret: &Secret) -> Option<Self> {
        let octets = secret.expose();
        let right = octets.len() == TRIPWIRE_KEY_OCTETS;
        right.then(|| Self(hmac::Key::new(hmac::HMAC_SHA256, octets)))
    }

    /// The label of a device: HMAC-SHA-256 (RFC 2104, RFC 4231) over its asset number and the
    /// epoch in eight octets, cut and written in base32. The epoch's length being fixed, no two
    /// pairs are the same octets.
    #[must_use]
    pub fn label(&self, asset: &str, epoch: Epoch) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(asset.as_bytes());
        context.update(&epoch.0.to_be_bytes());
        base32(context.sign().as_ref().get(..LABEL_OCTETS).unwrap_or_default())
    }
}

/// SHA-256 of a label in lower case: says nothing of the label, and names it all the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelHash([u8; 32]);

impl LabelHash {
    /// The hash of what may be a label: `None` for what none can be, whose hash nobody needs.
    #[must_use]
    pub fn of(label: &[u8]) -> Option<Self> {
        if label.len() != LABEL_CHARACTERS {
            return None;
        }
        let found = digest::digest(&digest::SHA256, &label.to_ascii_lowercase());
        found.as_ref().try_into().ok().map(Self)
    }

    /// Reads what `Display` writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        unhex(text)?.try_into().ok().map(Self)
    }
}

impl fmt::Display for LabelHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for LabelHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// RFC 4648 §6, lower case and without padding.
fn base32(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len().div_ceil(5) * 8);
    let (mut held, mut bits) = (0_u16, 0_u32);
    for octet in octets {
        (held, bits) = ((held << 8) | u16::from(*octet), bits + 8);
        while bits >= 5 {
            bits -= 5;
            text.push(character(held >> bits));
            held &= (1 << bits) - 1;
        }
    }
    if bits > 0 {
        text.push(character(held << (5 - bits)));
    }
    text
}

fn character(five_bits: u16) -> char {
    let at = usize::from(five_bits & 31);
    ALPHABET.get(at).map_or('a', |octet| char::from(*octet)) // OK because five bits are below 32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(octet: u8) -> LabelKey {
        LabelKey::new(&Secret::new(vec![octet; TRIPWIRE_KEY_OCTETS])).unwrap()
    }

    #[test]
    fn base32_is_that_of_rfc_4648_section_10() {
        for (octets, text) in [
            ("", ""),
            ("f", "my"),
            ("fo", "mzxq"),
            ("foo", "mzxw6"),
            ("foob", "mzxw6yq"),
            ("fooba", "mzxw6ytb"),
            ("foobar", "mzxw6ytboi"),
        ] {
            assert_eq!(base32(octets.as_bytes()), text);
        }
    }

    #[test]
    fn a_label_depends_on_key_asset_and_epoch_and_on_nothing_else() {
        let label = key(1).label("P-0001", Epoch(7));
        // Computed by Python's `hmac` and `base64`.
        assert_eq!(label, "znmx7jr4nsuyt5xqm6ejgvk267pqmdfn");
        assert_eq!(label.len(), LABEL_CHARACTERS);
        assert_eq!(label, key(1).label("P-0001", Epoch(7)));
        for other in [
            key(2).label("P-0001", Epoch(7)),
            key(1).label("P-0002", Epoch(7)),
            key(1).label("P-0001", Epoch(8)),
        ] {
            assert_ne!(label, other);
        }
        assert!(LabelKey::new(&Secret::new(vec![1; 31])).is_none());
    }

    #[test]
    fn epochs_follow_each_other() {
        let (day, rotation) = (86_400, Duration::from_secs(30 * 86_400));
        for (seconds, epoch) in [(-1, 0), (0, 0), (30 * day - 1, 0), (30 * day, 1), (61 * day, 2)] {
            assert_eq!(Epoch::at(Timestamp::from_seconds(seconds), rotation), Epoch(epoch));
        }
        assert_eq!(Epoch(2).begins(rotation), Timestamp::from_seconds(60 * day));
        assert_eq!((Epoch(2).previous(), Epoch(0).previous()), (Epoch(1), Epoch(0)));
        assert_eq!(Epoch::at(Timestamp(0), Duration::ZERO), Epoch(0));
    }

    #[test]
    fn a_hash_is_of_the_label_in_any_case_and_of_nothing_that_is_none() {
        let label = key(1).label("P-0001", Epoch(7));
        let hash = LabelHash::of(label.as_bytes()).unwrap();
        assert_eq!(LabelHash::of(label.to_ascii_uppercase().as_bytes()), Some(hash));
        assert_eq!(LabelHash::parse(&hash.to_string()), Some(hash));
        assert_eq!(LabelHash::of(b"www"), None);
        assert!(LabelHash::parse("00").is_none() && LabelHash::parse("zz").is_none());
    }
}
