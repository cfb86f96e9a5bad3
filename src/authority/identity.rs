//! The names a certificate can prove, and which of them this authority is willing to sign.

use std::fmt;
use std::net::IpAddr;

use rcgen::SanType;

use crate::vocabulary::{Language, Text};

/// Longest name in octets: the limit of a DNS name (RFC 1035 §3.1), used for every kind.
pub const IDENTITY_OCTETS_MAX: usize = 253;

/// The object identifier of Microsoft's user principal name in an otherName.
pub(super) const PRINCIPAL_OID: [u64; 10] = [1, 3, 6, 1, 4, 1, 311, 20, 2, 3];

/// One checked name for subjectAltName (RFC 5280 §4.2.1.6).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identity {
    /// dNSName, in lower case.
    Dns(String),
    /// rfc822Name.
    Mail(String),
    /// uniformResourceIdentifier.
    Uri(String),
    /// otherName holding Microsoft's user principal name.
    Principal(String),
}

/// Why a text is no name this authority signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityError {
    /// No characters.
    Empty,
    /// More than [`IDENTITY_OCTETS_MAX`] octets.
    TooLong,
    /// A `*`: a wildcard would name devices nobody registered.
    Wildcard,
    /// NUL, another control character, a space, a quote, a backslash, or non-ASCII where the
    /// kind of name is ASCII.
    Character,
    /// An IP address: it names a place, not a device.
    Address,
    /// A DNS label that is empty, longer than 63 octets, or begins or ends with a hyphen.
    Label,
    /// A mail address or principal without a local part or a domain, or a URI without a scheme.
    Shape,
}

impl Identity {
    /// Reads a name as operators write it: `upn:` leads a principal name, a text with `:` is a
    /// URI, one with `@` a mail address, everything else a DNS name (a host or asset name).
    ///
    /// # Errors
    /// [`IdentityError`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, IdentityError> {
        if let Some(principal) = text.strip_prefix("upn:") {
            Self::principal(principal)
        } else if text.parse::<IpAddr>().is_ok() {
            Err(IdentityError::Address)
        } else if text.contains(':') {
            Self::uri(text)
        } else if text.contains('@') {
            Self::mail(text)
        } else {
            Self::dns(text)
        }
    }

    /// A host name or any other name of DNS labels; an underscore is allowed as hosts have it.
    ///
    /// # Errors
    /// [`IdentityError`] says what is wrong with it.
    pub fn dns(text: &str) -> Result<Self, IdentityError> {
        check(text, true)?;
        if text.parse::<IpAddr>().is_ok() {
            return Err(IdentityError::Address);
        }
        for label in text.split('.') {
            if label.is_empty()
                || label.len() > 63
                || label.starts_with('-')
                || label.ends_with('-')
            {
                return Err(IdentityError::Label);
            }
            let known = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
            if !label.bytes().all(known) {
                return Err(IdentityError::Character);
            }
        }
        Ok(Self::Dns(text.to_ascii_lowercase()))
    }

    /// A mail address.
    ///
    /// # Errors
    /// [`IdentityError`] says what is wrong with it.
    pub fn mail(text: &str) -> Result<Self, IdentityError> {
        check(text, true)?;
        two_sides(text)?;
        Ok(Self::Mail(text.to_owned()))
    }

    /// A URI with a scheme.
    ///
    /// # Errors
    /// [`IdentityError`] says what is wrong with it.
    pub fn uri(text: &str) -> Result<Self, IdentityError> {
        check(text, true)?;
        match text.split_once(':') {
            Some((scheme, rest))
                if scheme.starts_with(|first: char| first.is_ascii_alphabetic())
                    && scheme.bytes().all(|octet| {
                        octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'-' | b'.')
                    })
                    && !rest.is_empty() =>
            {
                Ok(Self::Uri(text.to_owned()))
            }
            _ => Err(IdentityError::Shape),
        }
    }

    /// A user principal name, which alone may hold characters outside ASCII.
    ///
    /// # Errors
    /// [`IdentityError`] says what is wrong with it.
    pub fn principal(text: &str) -> Result<Self, IdentityError> {
        check(text, false)?;
        two_sides(text)?;
        Ok(Self::Principal(text.to_owned()))
    }

    /// The name alone, as the server reads it from a certificate.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Dns(name) | Self::Mail(name) | Self::Uri(name) | Self::Principal(name) => name,
        }
    }

    /// The name in the form of the certificate library; `None` only for a name that is not
    /// ASCII where it must be, which no constructor lets through.
    pub(super) fn general_name(&self) -> Option<SanType> {
        Some(match self {
            Self::Dns(name) => SanType::DnsName(name.as_str().try_into().ok()?),
            Self::Mail(name) => SanType::Rfc822Name(name.as_str().try_into().ok()?),
            Self::Uri(name) => SanType::URI(name.as_str().try_into().ok()?),
            Self::Principal(name) => {
                SanType::OtherName((PRINCIPAL_OID.to_vec(), name.as_str().into()))
            }
        })
    }
}

impl fmt::Display for Identity {
    /// The form that [`Identity::parse`] reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) | Self::Mail(name) | Self::Uri(name) => f.write_str(name),
            Self::Principal(name) => write!(f, "upn:{name}"),
        }
    }
}

impl IdentityError {
    /// What is wrong, for people.
    #[must_use]
    pub const fn text(self, language: Language) -> &'static str {
        let text = match self {
            Self::Empty => Text { ja: "空です", en: "it is empty" },
            Self::TooLong => Text {
                ja: "253オクテットを超えています",
                en: "it is longer than 253 octets",
            },
            Self::Wildcard => Text {
                ja: "ワイルドカード(*)は登録のない端末まで名乗れるため使えません",
                en: "a wildcard would name devices that nobody registered",
            },
            Self::Character => Text {
                ja: "使えない文字(NUL、制御文字、空白、引用符など)があります",
                en: "it holds a character that is not allowed (NUL, control, space, quote, …)",
            },
            Self::Address => Text {
                ja: "IPアドレスは端末の名前になりません",
                en: "an IP address does not name a device",
            },
            Self::Label => Text {
                ja: "DNSラベルが空、63オクテット超、またはハイフンで始まるか終わります",
                en: "a DNS label is empty, longer than 63 octets, or begins or ends with a hyphen",
            },
            Self::Shape => Text {
                ja: "「@」の前後、またはURIのスキームが欠けています",
                en: "one side of the `@`, or the scheme of the URI, is missing",
            },
        };
        text.get(language)
    }
}

fn check(text: &str, ascii: bool) -> Result<(), IdentityError> {
    if text.is_empty() {
        return Err(IdentityError::Empty);
    }
    if text.len() > IDENTITY_OCTETS_MAX {
        return Err(IdentityError::TooLong);
    }
    for character in text.chars() {
        match character {
            '*' => return Err(IdentityError::Wildcard),
            '"' | '\\' => return Err(IdentityError::Character),
            character
                if character.is_control()
                    || character.is_whitespace()
                    || (ascii && !character.is_ascii()) =>
            {
                return Err(IdentityError::Character);
            }
            _ => {}
        }
    }
    Ok(())
}

fn two_sides(text: &str) -> Result<(), IdentityError> {
    match text.split_once('@') {
        Some((local, domain))
            if !local.is_empty() && !domain.is_empty() && !domain.contains('@') =>
        {
            Ok(())
        }
        _ => Err(IdentityError::Shape),
    }
}
