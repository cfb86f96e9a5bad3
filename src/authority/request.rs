//! Certification requests (RFC 2986): made for a new key, and read with their proof of possession.

use rcgen::{CertificateParams, DistinguishedName, KeyPair, PublicKeyData, SubjectPublicKeyInfo};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::der_parser::asn1_rs::{Any, Error as DerError, TaggedExplicit};
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;

use super::identity::PRINCIPAL_OID;
use super::issue::{IDENTITIES_MAX, PrivateKey};
use super::{AuthorityError, Identity, IdentityError};

/// Bounds of an RSA modulus in bits, those of the TLS library's verifier.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// A request whose signature was verified with the key inside, and its names.
#[derive(Clone, Debug)]
pub struct CertificateRequest {
    pub(super) key: SubjectPublicKeyInfo,
    names: Result<Vec<Identity>, AuthorityError>,
}

/// Makes a new P-256 key and a request for a certificate with `identities`.
///
/// # Errors
/// [`AuthorityError`] for no or too many names, or a failing generator.
pub fn request(identities: &[Identity]) -> Result<(PrivateKey, String), AuthorityError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.subject_alt_names = super::issue::general_names(identities)?;
    let pair = KeyPair::generate().map_err(|_| AuthorityError::Cryptography)?;
    let request = params.serialize_request(&pair).map_err(|_| AuthorityError::Cryptography)?;
    let pem = request.pem().map_err(|_| AuthorityError::Cryptography)?;
    Ok((PrivateKey::new(&pair), pem))
}

impl CertificateRequest {
    /// Reads one PEM request and verifies that its sender holds the private key. Only the key
    /// and the names are taken over; whatever else a request asks for is not granted, and a
    /// request to become an authority is refused outright.
    ///
    /// Written on the parser rather than on the certificate library's own reader, which refuses
    /// the extensions Windows always adds and takes the curve of the key from the signature.
    ///
    /// # Errors
    /// [`AuthorityError`] for whatever is wrong except the names, which [`Self::identities`]
    /// reports, since the issuer may replace them.
    pub fn parse(pem: &str) -> Result<Self, AuthorityError> {
        let der = single_pem(pem, &["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"])
            .ok_or(AuthorityError::RequestForm)?;
        let (rest, request) =
            X509CertificationRequest::from_der(&der).map_err(|_| AuthorityError::RequestForm)?;
        if !rest.is_empty() || request.signature_value.unused_bits != 0 {
            return Err(AuthorityError::RequestForm);
        }
        let key = public_key(request.certification_request_info.subject_pki.raw)?;
        request.verify_signature().map_err(|_| AuthorityError::RequestSignature)?;

        let mut names = Ok(Vec::new());
        for extension in request.requested_extensions().into_iter().flatten() {
            match extension {
                ParsedExtension::BasicConstraints(constraints) if constraints.ca => {
                    return Err(AuthorityError::RequestForAuthority);
                }
                ParsedExtension::SubjectAlternativeName(alternatives) => {
                    for name in &alternatives.general_names {
                        names = names.and_then(|mut names| {
                            names.push(identity(name)?);
                            Ok(names)
                        });
                    }
                }
                ParsedExtension::ParseError { .. } => {
                    return Err(AuthorityError::RequestExtension);
                }
                _ => {} // OK because what is not taken over cannot be granted
            }
        }
        Ok(Self { key, names })
    }

    /// The names asked for, each checked.
    ///
    /// # Errors
    /// [`AuthorityError`] when there is none, too many, or one that is not signed.
    pub fn identities(&self) -> Result<&[Identity], AuthorityError> {
        match &self.names {
            Ok(names) if names.is_empty() => Err(AuthorityError::NoIdentity),
            Ok(names) if names.len() > IDENTITIES_MAX => Err(AuthorityError::TooManyIdentities),
            Ok(names) => Ok(names),
            Err(error) => Err(error.clone()),
        }
    }
}

/// The DER of the only PEM block of a text, when its label is one of `labels`.
pub(super) fn single_pem(text: &str, labels: &[&str]) -> Option<Vec<u8>> {
    let mut blocks = Pem::iter_from_buffer(text.as_bytes());
    let block = blocks.next()?.ok()?;
    let alone = blocks.next().is_none();
    (alone && labels.contains(&block.label.as_str())).then_some(block.contents)
}

/// A key of an accepted kind and size, read from its SubjectPublicKeyInfo.
fn public_key(der: &[u8]) -> Result<SubjectPublicKeyInfo, AuthorityError> {
    let key = SubjectPublicKeyInfo::from_der(der).map_err(|_| AuthorityError::RequestKey)?;
    let (_, parsed) = x509_parser::x509::SubjectPublicKeyInfo::from_der(der)
        .map_err(|_| AuthorityError::RequestKey)?;
    let accepted = match parsed.parsed() {
        Ok(PublicKey::RSA(rsa)) => RSA_BITS.contains(&rsa.key_size()),
        Ok(PublicKey::EC(point)) => matches!(point.key_size(), 256 | 384),
        Ok(PublicKey::Unknown(octets)) => octets.len() == 32, // Ed25519, told apart above
        Ok(_) | Err(_) => false,
    };
    // The certificate must carry the very octets whose possession was proven.
    if accepted && key.subject_public_key_info() == der {
        Ok(key)
    } else {
        Err(AuthorityError::RequestKey)
    }
}

fn identity(name: &GeneralName<'_>) -> Result<Identity, AuthorityError> {
    let check = |text: &str, read: fn(&str) -> Result<Identity, IdentityError>| {
        read(text).map_err(|error| AuthorityError::identity(text, error))
    };
    match name {
        GeneralName::DNSName(text) => check(text, Identity::dns),
        GeneralName::RFC822Name(text) => check(text, Identity::mail),
        GeneralName::URI(text) => check(text, Identity::uri),
        GeneralName::OtherName(oid, value) => {
            let is_principal = oid.iter().is_some_and(|arcs| arcs.eq(PRINCIPAL_OID));
            let text = principal(value);
            match text {
                Some(text) if is_principal => check(&text, Identity::principal),
                Some(_) | None => Err(AuthorityError::RequestNameKind),
            }
        }
        _ => Err(AuthorityError::RequestNameKind),
    }
}

/// The UTF8String inside the explicit tag of an otherName (RFC 5280 §4.2.1.6).
fn principal(value: &[u8]) -> Option<String> {
    use x509_parser::der_parser::asn1_rs::{FromDer as _, Tag};
    let (rest, tagged) = TaggedExplicit::<Any<'_>, DerError, 0>::from_der(value).ok()?;
    let inner = tagged.into_inner();
    if !rest.is_empty() || inner.tag() != Tag::Utf8String {
        return None;
    }
    std::str::from_utf8(inner.data).ok().map(str::to_owned)
}
