//! Reads what the product needs from a certificate (RFC 5280), never deciding whether to
//! believe it: that is the verifier's part.

use std::borrow::Cow;

use ring::digest;
use x509_parser::asn1_rs::{Any, FromDer as _, Tag};
use x509_parser::certificate::{X509Certificate, X509CertificateParser};
use x509_parser::extensions::{GeneralName, SubjectAlternativeName};
use x509_parser::nom::Parser as _;
use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::oid_registry::OID_X509_EXT_SUBJECT_ALT_NAME;
use x509_parser::x509::X509Name;

use crate::vocabulary::{Certificate, Timestamp, hex};

/// The most names read from one certificate; more is no device.
pub const IDENTITIES_MAX: usize = 64;

/// Why a certificate could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unreadable {
    /// Not the DER encoding of a certificate.
    Encoding,
    /// A name that is no text in its own encoding, or holds a NUL.
    Name,
    /// More than [`IDENTITIES_MAX`] names.
    TooManyNames,
}

impl Unreadable {
    /// The stable id.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Encoding => "certificate-encoding",
            Self::Name => "certificate-name",
            Self::TooManyNames => "certificate-too-many-names",
        }
    }
}

/// Reads a certificate from its DER encoding.
///
/// # Errors
/// [`Unreadable`] says what is wrong with it; names are refused rather than repaired.
pub fn read(der: &[u8]) -> Result<Certificate, Unreadable> {
    // Of the extensions only the names are of use.
    let mut parser = X509CertificateParser::new().with_deep_parse_extensions(false);
    let (rest, certificate) = parser.parse(der).map_err(|_| Unreadable::Encoding)?;
    if !rest.is_empty() {
        return Err(Unreadable::Encoding);
    }
    let validity = certificate.validity();
    Ok(Certificate {
        identities: identities(&certificate)?,
        subject: distinguished_name(certificate.subject())?,
        issuer: distinguished_name(certificate.issuer())?,
        serial: serial(certificate.raw_serial()),
        fingerprint: fingerprint(der),
        not_before: Timestamp::from_seconds(validity.not_before.timestamp()),
        not_after: Timestamp::from_seconds(validity.not_after.timestamp()),
    })
}

/// SHA-256 over the DER encoding.
pub(super) fn fingerprint(der: &[u8]) -> [u8; 32] {
    digest::digest(&digest::SHA256, der).as_ref().try_into().unwrap_or([0; 32]) // OK: it has 32 octets
}

/// 1.3.6.1.4.1.311.20.2.3, Microsoft's user principal name.
const USER_PRINCIPAL_NAME: [u64; 10] = [1, 3, 6, 1, 4, 1, 311, 20, 2, 3];

fn identities(certificate: &X509Certificate<'_>) -> Result<Vec<String>, Unreadable> {
    let extension = certificate.get_extension_unique(&OID_X509_EXT_SUBJECT_ALT_NAME);
    let Some(extension) = extension.map_err(|_| Unreadable::Encoding)? else {
        return Ok(Vec::new());
    };
    let names = SubjectAlternativeName::from_der(extension.value);
    let (rest, names) = names.map_err(|_| Unreadable::Encoding)?;
    if !rest.is_empty() {
        return Err(Unreadable::Encoding);
    }
    let mut identities = Vec::new();
    for name in &names.general_names {
        let identity = match name {
            GeneralName::DNSName(name) => name.to_ascii_lowercase(),
            GeneralName::RFC822Name(name) | GeneralName::URI(name) => (*name).to_owned(),
            GeneralName::OtherName(oid, value) => {
                if !oid.iter().is_some_and(|arcs| arcs.eq(USER_PRINCIPAL_NAME)) {
                    continue;
                }
                let (_, outer) = Any::from_der(value).map_err(|_| Unreadable::Name)?;
                let (_, inner) = Any::from_der(outer.data).map_err(|_| Unreadable::Name)?;
                text(&inner)?.into_owned()
            }
            GeneralName::Invalid(..) => return Err(Unreadable::Name),
            GeneralName::X400Address(_)
            | GeneralName::DirectoryName(_)
            | GeneralName::EDIPartyName(_)
            | GeneralName::IPAddress(_)
            | GeneralName::RegisteredID(_) => continue,
        };
        if identity.is_empty() || identity.contains('\0') {
            return Err(Unreadable::Name);
        }
        if identities.len() == IDENTITIES_MAX {
            return Err(Unreadable::TooManyNames);
        }
        identities.push(identity);
    }
    Ok(identities)
}

/// The name in the order of its encoding, `C=JP, O=…, CN=…`, separators inside values escaped.
fn distinguished_name(name: &X509Name<'_>) -> Result<String, Unreadable> {
    let mut written = String::with_capacity(name.as_raw().len());
    for attribute in name.iter_attributes() {
        if !written.is_empty() {
            written.push_str(", ");
        }
        let kind = attribute.attr_type();
        match oid2abbrev(kind, oid_registry()) {
            Ok(abbreviation) => written.push_str(abbreviation),
            Err(_) => written.push_str(&kind.to_id_string()),
        }
        written.push('=');
        for character in text(attribute.attr_value())?.chars() {
            if matches!(character, ',' | '=' | '\\' | '"' | '+') {
                written.push('\\');
            }
            written.push(character);
        }
    }
    Ok(written)
}

/// The text of any of the string types that names occur in (RFC 5280 §4.1.2.4).
fn text<'a>(value: &Any<'a>) -> Result<Cow<'a, str>, Unreadable> {
    let octets = value.data;
    let text: Cow<'_, str> = match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::NumericString => {
            std::str::from_utf8(octets).map_err(|_| Unreadable::Name)?.into()
        }
        // T.61 as everyone wrote it in practice: Latin-1.
        Tag::T61String => octets.iter().copied().map(char::from).collect(),
        Tag::BmpString => {
            let (units, rest) = octets.as_chunks();
            if !rest.is_empty() {
                return Err(Unreadable::Name);
            }
            char::decode_utf16(units.iter().copied().map(u16::from_be_bytes))
                .collect::<Result<String, _>>()
                .map_err(|_| Unreadable::Name)?
                .into()
        }
        Tag::UniversalString => {
            let (units, rest) = octets.as_chunks();
            if !rest.is_empty() {
                return Err(Unreadable::Name);
            }
            let units = units.iter().copied().map(u32::from_be_bytes);
            units.map(char::from_u32).collect::<Option<String>>().ok_or(Unreadable::Name)?.into()
        }
        _ => return Err(Unreadable::Name),
    };
    if text.contains('\0') { Err(Unreadable::Name) } else { Ok(text) }
}

/// Lower-case hexadecimal without the leading zero octet that only keeps the number positive.
fn serial(octets: &[u8]) -> String {
    match octets {
        [0, rest @ ..] if !rest.is_empty() => hex(rest),
        octets => hex(octets),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::string::BmpString;
    use rcgen::{CertificateParams, DnType, DnValue, KeyPair, OtherNameValue, SanType};

    use super::*;

    fn certificate(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.serial_number = Some(vec![0x00, 0x9a, 0x01].into());
        change(&mut params);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn pki_5_names_of_every_kind_are_read() {
        let der = certificate(|params| {
            params.subject_alt_names = vec![
                SanType::DnsName("PC-0001.City.Example".try_into().unwrap()),
                SanType::Rfc822Name("Tanaka@city.example".try_into().unwrap()),
                SanType::URI("urn:device:1".try_into().unwrap()),
                SanType::OtherName((
                    USER_PRINCIPAL_NAME.to_vec(),
                    OtherNameValue::Utf8String("佐藤@city.example".to_owned()),
                )),
            ];
            params.distinguished_name.push(
                DnType::OrganizationName,
                DnValue::BmpString(BmpString::try_from("市役所, 本庁").unwrap()),
            );
        });
        let certificate = read(&der).unwrap();
        assert_eq!(
            certificate.identities,
            ["pc-0001.city.example", "Tanaka@city.example", "urn:device:1", "佐藤@city.example"]
        );
        assert!(certificate.subject.contains("O=市役所\\, 本庁"), "{}", certificate.subject);
        assert_eq!(certificate.subject, certificate.issuer);
        assert_eq!(certificate.serial, "9a01");
        assert!(certificate.not_before < certificate.not_after);
    }

    #[test]
    fn pki_5_a_nul_in_a_name_is_refused() {
        let name = "pc-0001\0.evil.example";
        let der = certificate(|params| {
            params.subject_alt_names = vec![SanType::DnsName(name.try_into().unwrap())];
        });
        assert_eq!(read(&der), Err(Unreadable::Name));
        let der = certificate(|params| {
            params.distinguished_name.push(DnType::OrganizationName, "a\0b");
        });
        assert_eq!(read(&der), Err(Unreadable::Name));
    }

    #[test]
    fn no_prefix_and_no_flipped_bit_panics() {
        let der = certificate(|_| {});
        for index in 0..der.len() {
            assert_eq!(read(&der[..index]), Err(Unreadable::Encoding));
            let mut flipped = der.clone();
            flipped[index] ^= 0x41;
            let _ = read(&flipped);
        }
    }
}
