//! Revocation lists (RFC 5280 §5).

use rcgen::{
    CertificateRevocationListParams, Issuer, KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber,
};

use super::AuthorityError;
use super::issue::civil;
use crate::vocabulary::{Language, Text, Timestamp};

/// Longest validity of a list in days; a longer one would make revocation a formality.
pub const REVOCATION_LIST_DAYS_MAX: u32 = 366;

/// Octets of the longest serial number (RFC 5280 §4.1.2.2).
const SERIAL_OCTETS_MAX: usize = 20;

/// Why a certificate no longer counts (RFC 5280 §5.3.1). Holding is not offered: a device is
/// stopped for a while by a mark, which needs no new list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevocationReason {
    /// No reason given.
    Unspecified,
    /// The private key may be known to others: the device was lost or stolen.
    KeyCompromise,
    /// The device moved to another department.
    AffiliationChanged,
    /// A new certificate replaced it.
    Superseded,
    /// The device was retired.
    CessationOfOperation,
    /// The device may no longer join.
    PrivilegeWithdrawn,
}

/// One revoked certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Serial number in hexadecimal.
    pub serial: String,
    /// When it was revoked.
    pub at: Timestamp,
    /// Why.
    pub reason: RevocationReason,
}

/// A signed revocation list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationList {
    /// The list as PEM.
    pub pem: String,
    /// The list as DER.
    pub der: Vec<u8>,
    /// Its number; the largest is the newest (RFC 5280 §5.2.3).
    pub number: u64,
    /// Certificates on it.
    pub revoked: usize,
    /// By when the next one comes.
    pub next_update: Timestamp,
}

impl RevocationReason {
    /// Every reason, in the order of their numbers.
    pub const ALL: [Self; 6] = [
        Self::Unspecified,
        Self::KeyCompromise,
        Self::AffiliationChanged,
        Self::Superseded,
        Self::CessationOfOperation,
        Self::PrivilegeWithdrawn,
    ];

    /// The id, as typed after `--reason`.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "key-compromise",
            Self::AffiliationChanged => "affiliation-changed",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessation-of-operation",
            Self::PrivilegeWithdrawn => "privilege-withdrawn",
        }
    }

    /// The reason with that id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.id() == text)
    }

    /// The reason for people.
    #[must_use]
    pub const fn text(self, language: Language) -> &'static str {
        let text = match self {
            Self::Unspecified => Text { ja: "理由なし", en: "no reason given" },
            Self::KeyCompromise => Text {
                ja: "紛失・盗難などによる鍵の漏えい",
                en: "key compromised, lost or stolen",
            },
            Self::AffiliationChanged => {
                Text { ja: "所属の変更", en: "moved to another department" }
            }
            Self::Superseded => {
                Text { ja: "新しい証明書へ更新", en: "replaced by a new certificate" }
            }
            Self::CessationOfOperation => Text { ja: "端末の廃止", en: "device retired" },
            Self::PrivilegeWithdrawn => {
                Text { ja: "接続許可の取消し", en: "permission withdrawn" }
            }
        };
        text.get(language)
    }

    const fn code(self) -> rcgen::RevocationReason {
        match self {
            Self::Unspecified => rcgen::RevocationReason::Unspecified,
            Self::KeyCompromise => rcgen::RevocationReason::KeyCompromise,
            Self::AffiliationChanged => rcgen::RevocationReason::AffiliationChanged,
            Self::Superseded => rcgen::RevocationReason::Superseded,
            Self::CessationOfOperation => rcgen::RevocationReason::CessationOfOperation,
            Self::PrivilegeWithdrawn => rcgen::RevocationReason::PrivilegeWithdrawn,
        }
    }
}

impl RevocationList {
    pub(super) fn sign(
        issuer: &Issuer<'static, KeyPair>,
        revocations: &[Revocation],
        number: u64,
        now: Timestamp,
        days: u32,
    ) -> Result<Self, AuthorityError> {
        if days == 0 || days > REVOCATION_LIST_DAYS_MAX {
            return Err(AuthorityError::Days { asked: days, max: REVOCATION_LIST_DAYS_MAX });
        }
        let next_update = Timestamp::from_seconds(
            now.seconds().saturating_add(i64::from(days).saturating_mul(86_400)),
        );
        let revoked_certs = revocations
            .iter()
            .map(|revocation| {
                Ok(RevokedCertParams {
                    serial_number: SerialNumber::from_slice(&serial_octets(&revocation.serial)?),
                    revocation_time: civil(revocation.at)?,
                    reason_code: Some(revocation.reason.code()),
                    invalidity_date: None,
                })
            })
            .collect::<Result<Vec<_>, AuthorityError>>()?;
        let revoked = revoked_certs.len();
        let list = CertificateRevocationListParams {
            this_update: civil(now)?,
            next_update: civil(next_update)?,
            crl_number: SerialNumber::from_slice(&number.to_be_bytes()),
            issuing_distribution_point: None,
            revoked_certs,
            key_identifier_method: KeyIdMethod::Sha256,
        }
        .signed_by(issuer)
        .map_err(|_| AuthorityError::Cryptography)?;
        let pem = list.pem().map_err(|_| AuthorityError::Cryptography)?;
        Ok(Self { pem, der: list.der().to_vec(), number, revoked, next_update })
    }
}

/// The octets of a serial number in hexadecimal, as the register and OpenSSL write it: with or
/// without colons, either case.
pub(super) fn serial_octets(text: &str) -> Result<Vec<u8>, AuthorityError> {
    let mut digits: Vec<u8> = Vec::new();
    for character in text.chars().filter(|character| *character != ':') {
        let digit = character.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        digits.push(digit.ok_or(AuthorityError::Serial)?);
        if digits.len() > SERIAL_OCTETS_MAX * 2 {
            return Err(AuthorityError::Serial);
        }
    }
    if digits.len() % 2 == 1 {
        digits.insert(0, 0);
    }
    let octets: Vec<u8> = digits
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0, |octet, digit| octet << 4 | digit))
        .collect();
    if octets.iter().all(|octet| *octet == 0) { Err(AuthorityError::Serial) } else { Ok(octets) }
}
