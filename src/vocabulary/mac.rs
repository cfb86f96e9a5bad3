//! MAC addresses: one value, and the many ways switches spell it.

use std::fmt;
use std::hash::{Hash, Hasher};

/// A 48-bit IEEE 802 address that can identify one station: never all-zero, never a group address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mac([u8; 6]);

impl Hash for Mac {
    /// As one number: every frame of a mirror is looked up by its addresses.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [a, b, c, d, e, f] = self.0;
        state.write_u64(u64::from_be_bytes([0, 0, a, b, c, d, e, f]));
    }
}

/// Why six octets or a text are not the address of one station.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MacError {
    /// Not six pairs of hexadecimal digits with at most one separator after each pair.
    Spelling,
    /// The all-zero address.
    Zero,
    /// The group bit is set: multicast or broadcast.
    Group,
}

impl Mac {
    /// The least of all, for where a range of them begins.
    pub const LEAST: Self = Self([0, 0, 0, 0, 0, 1]);

    /// Takes six octets in transmission order.
    ///
    /// # Errors
    /// [`MacError::Zero`] or [`MacError::Group`] when they cannot name one station.
    pub fn new(octets: [u8; 6]) -> Result<Self, MacError> {
        let [first, ..] = octets;
        if octets == [0; 6] {
            Err(MacError::Zero)
        } else if first & 1 == 1 {
            Err(MacError::Group)
        } else {
            Ok(Self(octets))
        }
    }

    /// Reads any spelling switches use: six pairs of hex digits, at most one other ASCII
    /// punctuation character or space after each pair but the last, either case.
    ///
    /// # Errors
    /// [`MacError::Spelling`] for anything else, and the errors of [`Mac::new`].
    pub fn parse(text: &(impl AsRef<[u8]> + ?Sized)) -> Result<Self, MacError> {
        let mut octets = [0_u8; 6];
        let mut rest = text.as_ref();
        for (index, octet) in octets.iter_mut().enumerate() {
            let [high, low, tail @ ..] = rest else {
                return Err(MacError::Spelling);
            };
            *octet = hex(*high)? << 4 | hex(*low)?;
            rest = match tail {
                [separator, tail @ ..]
                    if index < 5 && (separator.is_ascii_punctuation() || *separator == b' ') =>
                {
                    tail
                }
                tail => tail,
            };
        }
        if rest.is_empty() { Self::new(octets) } else { Err(MacError::Spelling) }
    }

    /// The six octets in transmission order.
    #[must_use]
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }

    /// Whether the locally administered bit is set, as in the randomised addresses of phones.
    #[must_use]
    pub const fn is_local(self) -> bool {
        self.0[0] & 2 == 2
    }
}

impl fmt::Display for Mac {
    /// The form of RFC 3580 §3.20: upper case, hyphens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        MacSpelling::RFC3580.format(*self).fmt(f)
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How one model of switch spells an address: case, separator, digits between separators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MacSpelling {
    upper: bool,
    /// `None` for twelve digits in a row.
    separator: Option<char>,
    /// Digits between two separators: 2, 4 or 6.
    group: u8,
}

impl MacSpelling {
    /// `00-11-22-AA-BB-CC`.
    pub const RFC3580: Self = Self { upper: true, separator: Some('-'), group: 2 };
    /// `001122aabbcc`.
    pub const BARE: Self = Self { upper: false, separator: None, group: 2 };

    /// Reads a spelling from the example address of `00 11 22 aa bb cc` written in it, as
    /// `"0011.22aa.bbcc"`; `None` when the text is not that address in a regular spelling.
    #[must_use]
    pub fn from_example(example: &str) -> Option<Self> {
        let model = Mac([0x00, 0x11, 0x22, 0xaa, 0xbb, 0xcc]);
        let separators = [None, Some('-'), Some(':'), Some('.'), Some(' ')];
        separators
            .into_iter()
            .flat_map(|separator| [2, 4, 6].map(|group| (separator, group)))
            .flat_map(|(separator, group)| {
                [false, true].map(|upper| Self { upper, separator, group })
            })
            .find(|spelling| spelling.format(model) == example)
    }

    /// Writes `mac` in this spelling.
    #[must_use]
    pub fn format(self, mac: Mac) -> String {
        let mut text = String::with_capacity(17);
        self.format_to(mac, &mut text);
        text
    }

    /// The same, appended to a text.
    pub fn format_to(self, mac: Mac, text: &mut String) {
        for (index, octet) in mac.0.iter().enumerate() {
            if let Some(separator) = self.separator
                && index > 0
                && (index * 2) % usize::from(self.group) == 0
            {
                text.push(separator);
            }
            for digit in [octet >> 4, octet & 15] {
                let digit = char::from_digit(u32::from(digit), 16).unwrap_or('0');
                text.push(if self.upper { digit.to_ascii_uppercase() } else { digit });
            }
        }
    }
}

fn hex(digit: u8) -> Result<u8, MacError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(MacError::Spelling),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every row of the table of spellings that names an address of its own.
    #[test]
    fn every_field_spelling_is_read() {
        let expected = Mac([0x00, 0x11, 0x22, 0xaa, 0xbb, 0xcc]);
        for text in [
            "001122aabbcc",
            "001122AABBCC",
            "00-11-22-aa-bb-cc",
            "00-11-22-AA-BB-CC",
            "00:11:22:aa:bb:cc",
            "00:11:22:AA:BB:CC",
            "001122-aabbcc",
            "0011-22aa-bbcc",
            "0011.22aa.bbcc",
            "0011.22AA.BBCC",
            "001122.AABBCC",
            "001122 aabbcc",
        ] {
            assert_eq!(Mac::parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_station_is_refused() {
        for (text, error) in [
            ("", MacError::Spelling),
            ("001122aabbc", MacError::Spelling),
            ("001122aabbccdd", MacError::Spelling),
            ("00--11-22-aa-bb-cc", MacError::Spelling),
            ("00-11-22-aa-bb-cc-", MacError::Spelling),
            ("-001122aabbcc", MacError::Spelling),
            ("0-011-22-aa-bb-cc", MacError::Spelling),
            ("00-11-22-aa-bb-cg", MacError::Spelling),
            ("00\u{30fc}11-22-aa-bb-cc", MacError::Spelling),
            ("000000000000", MacError::Zero),
            ("ffffffffffff", MacError::Group),
            ("01005e000001", MacError::Group),
        ] {
            assert_eq!(Mac::parse(text), Err(error), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn format_then_parse_is_identity(octets: [u8; 6], which in 0_usize..6) {
            let examples = [
                "001122aabbcc", "0011.22aa.bbcc", "00-11-22-AA-BB-CC",
                "001122-aabbcc", "00:11:22:aa:bb:cc", "001122 AABBCC",
            ];
            let spelling = MacSpelling::from_example(examples[which]).unwrap();
            if let Ok(mac) = Mac::new(octets) {
                proptest::prop_assert_eq!(Mac::parse(&spelling.format(mac)), Ok(mac));
            }
        }

        #[test]
        fn no_text_panics(text: String) {
            let _ = Mac::parse(&text);
            let _ = MacSpelling::from_example(&text);
        }
    }
}
