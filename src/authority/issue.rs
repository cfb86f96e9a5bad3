//! The authority itself: its certificate and key, and what it signs (RFC 5280).

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType, SerialNumber,
};
use ring::rand::{SecureRandom as _, SystemRandom};
use time::OffsetDateTime;
use x509_parser::prelude::FromDer as _;

use super::request::single_pem;
use super::{AuthorityError, CertificateRequest, Identity, Revocation, RevocationList};
use crate::vocabulary::{Secret, Timestamp, hex};

/// Longest life of an authority in days: twenty years.
pub const AUTHORITY_DAYS_MAX: u32 = 7_305;
/// Longest life of a certificate in days: ten years, for devices nobody can reach to renew.
pub const CERTIFICATE_DAYS_MAX: u32 = 3_653;
/// Most names in one certificate.
pub const IDENTITIES_MAX: usize = 16;

/// How far before `now` validity begins, in seconds, for devices whose clock is late.
const BACKDATE_S: i64 = 300;
/// Longest commonName in characters (RFC 5280 appendix A, ub-common-name).
const COMMON_NAME_CHARACTERS_MAX: usize = 64;
/// Octets of a serial number; RFC 5280 §4.1.2.2 allows 20.
const SERIAL_OCTETS: usize = 16;

/// A certification authority that can sign.
#[derive(Debug)]
pub struct Authority {
    certificate_pem: String,
    certificate_der: Vec<u8>,
    end: Timestamp,
    issuer: Issuer<'static, KeyPair>,
}

/// What a certificate is for; decides its extendedKeyUsage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A device proves its identity: clientAuth.
    Client,
    /// The RADIUS server proves its identity: serverAuth.
    Server,
}

/// A certificate just signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// The certificate.
    pub pem: String,
    /// The certificate in DER.
    pub der: Vec<u8>,
    /// Serial number in lower-case hexadecimal.
    pub serial: String,
    /// What it is for.
    pub purpose: Purpose,
    /// The names it proves, without their kind.
    pub identities: Vec<String>,
    /// Start of validity.
    pub not_before: Timestamp,
    /// End of validity.
    pub not_after: Timestamp,
}

/// A certificate and its private key.
#[derive(Clone, Debug)]
pub struct Credential {
    /// The certificate.
    pub issued: Issued,
    /// The key.
    pub key: PrivateKey,
}

/// A private key in PKCS #8, never printed.
#[derive(Clone, Debug)]
pub struct PrivateKey {
    pem: Secret,
    der: Secret,
}

impl Purpose {
    /// `client` or `server`.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }

    /// The purpose with that id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Client, Self::Server].into_iter().find(|purpose| purpose.id() == text)
    }
}

impl PrivateKey {
    pub(super) fn new(pair: &KeyPair) -> Self {
        Self {
            pem: Secret::new(pair.serialize_pem().into_bytes()),
            der: Secret::new(pair.serialize_der()),
        }
    }

    /// The key as PEM.
    #[must_use]
    pub const fn pem(&self) -> &Secret {
        &self.pem
    }

    /// The key as PKCS #8 DER.
    #[must_use]
    pub const fn der(&self) -> &Secret {
        &self.der
    }
}

impl Authority {
    /// Makes a new self-signed authority with a P-256 key; it may sign devices and servers, but
    /// no further authorities (path length 0).
    ///
    /// # Errors
    /// [`AuthorityError`] for a bad name or number of days, or a failing generator.
    pub fn create(
        name: &str,
        now: Timestamp,
        days: u32,
    ) -> Result<(Self, PrivateKey), AuthorityError> {
        let characters = name.chars().count();
        if characters == 0
            || characters > COMMON_NAME_CHARACTERS_MAX
            || name.trim() != name
            || name.chars().any(char::is_control)
        {
            return Err(AuthorityError::AuthorityName);
        }
        let (not_before, not_after) = validity(now, days, AUTHORITY_DAYS_MAX)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.serial_number = Some(SerialNumber::from_slice(&serial()?));
        params.not_before = civil(not_before)?;
        params.not_after = civil(not_after)?;
        let pair = KeyPair::generate().map_err(|_| AuthorityError::Cryptography)?;
        let key = PrivateKey::new(&pair);
        let certificate = params.self_signed(&pair).map_err(|_| AuthorityError::Cryptography)?;
        let authority = Self {
            certificate_pem: certificate.pem(),
            certificate_der: certificate.der().to_vec(),
            end: not_after,
            issuer: Issuer::new(params, pair),
        };
        Ok((authority, key))
    }

    /// Takes an authority from its certificate and key, whoever made them.
    ///
    /// # Errors
    /// [`AuthorityError`] when either is unreadable, they do not belong together, or the
    /// certificate may not sign certificates and lists.
    pub fn load(certificate_pem: &str, key_pem: &str) -> Result<Self, AuthorityError> {
        let der = single_pem(certificate_pem, &["CERTIFICATE"])
            .ok_or(AuthorityError::AuthorityCertificate)?;
        let (rest, certificate) = x509_parser::certificate::X509Certificate::from_der(&der)
            .map_err(|_| AuthorityError::AuthorityCertificate)?;
        if !rest.is_empty() {
            return Err(AuthorityError::AuthorityCertificate);
        }
        let may_sign = match certificate.key_usage() {
            Ok(Some(usage)) => usage.value.key_cert_sign() && usage.value.crl_sign(),
            Ok(None) => true,
            Err(_) => false,
        };
        if !certificate.is_ca() || !may_sign {
            return Err(AuthorityError::NotAuthority);
        }
        let pair = KeyPair::from_pem(key_pem).map_err(|_| AuthorityError::AuthorityKey)?;
        if pair.subject_public_key_info() != certificate.public_key().raw {
            return Err(AuthorityError::KeyMismatch);
        }
        let end = Timestamp::from_seconds(certificate.validity().not_after.timestamp());
        let issuer = Issuer::from_ca_cert_der(&der.as_slice().into(), pair)
            .map_err(|_| AuthorityError::AuthorityCertificate)?;
        Ok(Self { certificate_pem: certificate_pem.to_owned(), certificate_der: der, end, issuer })
    }

    /// The authority's certificate as PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The authority's certificate as DER.
    #[must_use]
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate_der
    }

    /// When the authority's certificate ends.
    #[must_use]
    pub const fn end(&self) -> Timestamp {
        self.end
    }

    /// Makes a key and a server certificate (serverAuth) for DNS names.
    ///
    /// # Errors
    /// [`AuthorityError`] for bad names or days, or a failing generator.
    pub fn issue_server(
        &self,
        names: &[&str],
        now: Timestamp,
        days: u32,
    ) -> Result<Credential, AuthorityError> {
        let identities = names
            .iter()
            .map(|name| Identity::dns(name).map_err(|error| AuthorityError::identity(name, error)))
            .collect::<Result<Vec<_>, _>>()?;
        self.issue_pair(Purpose::Server, &identities, now, days)
    }

    /// Makes a key and a device certificate (clientAuth) for one name, for demonstrations,
    /// storms and tests: real devices make their own key and send a request.
    ///
    /// # Errors
    /// [`AuthorityError`] for bad days, or a failing generator.
    pub fn issue_client(
        &self,
        identity: &Identity,
        now: Timestamp,
        days: u32,
    ) -> Result<Credential, AuthorityError> {
        self.issue_pair(Purpose::Client, std::slice::from_ref(identity), now, days)
    }

    /// Signs the key of a request, for the names in it or, when given, for `names` instead.
    ///
    /// # Errors
    /// [`AuthorityError`] for bad names or days, or a failing signature.
    pub fn issue_from_request(
        &self,
        request: &CertificateRequest,
        names: Option<&[Identity]>,
        purpose: Purpose,
        now: Timestamp,
        days: u32,
    ) -> Result<Issued, AuthorityError> {
        let identities = match names {
            Some(names) => names,
            None => request.identities()?,
        };
        self.sign(&request.key, purpose, identities, now, days)
    }

    /// Signs a revocation list (RFC 5280 §5) that replaces every one with a smaller `number`.
    ///
    /// # Errors
    /// [`AuthorityError`] for bad serial numbers or days, or a failing signature.
    pub fn revocation_list(
        &self,
        revocations: &[Revocation],
        number: u64,
        now: Timestamp,
        days: u32,
    ) -> Result<RevocationList, AuthorityError> {
        RevocationList::sign(&self.issuer, revocations, number, now, days)
    }

    /// Makes a key and a certificate for it.
    ///
    /// # Errors
    /// [`AuthorityError`] for bad names or days, or a failing generator.
    pub fn issue_pair(
        &self,
        purpose: Purpose,
        identities: &[Identity],
        now: Timestamp,
        days: u32,
    ) -> Result<Credential, AuthorityError> {
        let pair = KeyPair::generate().map_err(|_| AuthorityError::Cryptography)?;
        let issued = self.sign(&pair, purpose, identities, now, days)?;
        Ok(Credential { issued, key: PrivateKey::new(&pair) })
    }

    fn sign(
        &self,
        key: &impl PublicKeyData,
        purpose: Purpose,
        identities: &[Identity],
        now: Timestamp,
        days: u32,
    ) -> Result<Issued, AuthorityError> {
        let (not_before, not_after) = validity(now, days, CERTIFICATE_DAYS_MAX)?;
        if not_after > self.end {
            return Err(AuthorityError::OutlivesAuthority { end: self.end });
        }
        let is_dns = |identity: &Identity| matches!(identity, Identity::Dns(_));
        if purpose == Purpose::Server && !identities.iter().all(is_dns) {
            return Err(AuthorityError::ServerName);
        }
        let mut params = CertificateParams::default();
        params.subject_alt_names = general_names(identities)?;
        let serial = serial()?;
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        let serial = hex(&serial);
        let first = identities.first().map(Identity::name);
        // The subject is for people; programs read subjectAltName.
        let shown = first.filter(|name| name.chars().count() <= COMMON_NAME_CHARACTERS_MAX);
        params.distinguished_name = common_name(shown.unwrap_or(&serial));
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![match purpose {
            Purpose::Client => ExtendedKeyUsagePurpose::ClientAuth,
            Purpose::Server => ExtendedKeyUsagePurpose::ServerAuth,
        }];
        params.use_authority_key_identifier_extension = true;
        params.not_before = civil(not_before)?;
        params.not_after = civil(not_after)?;
        let certificate =
            params.signed_by(key, &self.issuer).map_err(|_| AuthorityError::Cryptography)?;
        Ok(Issued {
            pem: certificate.pem(),
            der: certificate.der().to_vec(),
            serial,
            purpose,
            identities: identities.iter().map(|identity| identity.name().to_owned()).collect(),
            not_before,
            not_after,
        })
    }
}

/// The names in the form of the certificate library, when their number is allowed.
pub(super) fn general_names(identities: &[Identity]) -> Result<Vec<SanType>, AuthorityError> {
    match identities.len() {
        0 => return Err(AuthorityError::NoIdentity),
        1..=IDENTITIES_MAX => {}
        _ => return Err(AuthorityError::TooManyIdentities),
    }
    identities
        .iter()
        .map(|identity| {
            identity.general_name().ok_or_else(|| {
                AuthorityError::identity(identity.name(), super::IdentityError::Character)
            })
        })
        .collect()
}

/// Start and end of something valid for `days` from `now`, in whole seconds.
fn validity(now: Timestamp, days: u32, max: u32) -> Result<(Timestamp, Timestamp), AuthorityError> {
    if days == 0 || days > max {
        return Err(AuthorityError::Days { asked: days, max });
    }
    let seconds = now.seconds();
    let start = Timestamp::from_seconds(seconds.saturating_sub(BACKDATE_S));
    let end = Timestamp::from_seconds(seconds.saturating_add(i64::from(days) * 86_400));
    Ok((start, end))
}

/// A time as the certificate library wants it. Years 1950 to 9999 exist in certificates
/// (RFC 5280 §4.1.2.5).
pub(super) fn civil(time: Timestamp) -> Result<OffsetDateTime, AuthorityError> {
    OffsetDateTime::from_unix_timestamp(time.seconds())
        .ok()
        .filter(|time| (1950..=9999).contains(&time.year()))
        .ok_or(AuthorityError::Time)
}

fn common_name(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    subject
}

/// A random positive serial number of constant length (RFC 5280 §4.1.2.2).
fn serial() -> Result<[u8; SERIAL_OCTETS], AuthorityError> {
    let mut octets = [0_u8; SERIAL_OCTETS];
    SystemRandom::new().fill(&mut octets).map_err(|_| AuthorityError::Cryptography)?;
    if let Some(first) = octets.first_mut() {
        *first = *first & 0x3f | 0x40;
    }
    Ok(octets)
}
