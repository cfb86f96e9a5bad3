//! Why a conversation drops a packet, and why it ends in refusal.

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

use super::framing::FramingViolation;
use crate::vocabulary::Timestamp;
use crate::wire::eap::PacketError;

/// Why a packet was dropped without any effect: anyone on the port could have sent it
/// (RFC 3748 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EapIgnore {
    /// Not an EAP packet.
    Malformed(PacketError),
    /// A request, success, failure or unknown code.
    NotResponse,
    /// Not the identifier of the outstanding request.
    WrongIdentifier,
    /// Not the type that was asked for.
    UnexpectedMethod,
    /// A Nak that does not answer the first request of a method.
    LateNak,
    /// An identity longer than any that can be real.
    IdentityTooLong,
    /// The decision is still awaited.
    DecisionPending,
    /// The caller gave a decision that was not asked for.
    DecisionUnasked,
    /// The conversation is over.
    AfterEnd,
}

impl EapIgnore {
    /// The stable id, a metric label.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Malformed(error) => error.id(),
            Self::NotResponse => "not-response",
            Self::WrongIdentifier => "wrong-identifier",
            Self::UnexpectedMethod => "unexpected-method",
            Self::LateNak => "late-nak",
            Self::IdentityTooLong => "identity-too-long",
            Self::DecisionPending => "decision-pending",
            Self::DecisionUnasked => "decision-unasked",
            Self::AfterEnd => "after-end",
        }
    }
}

/// Declares the refusals without data: variant, id, meaning.
macro_rules! refusals {
    ($($name:ident $id:literal $meaning:literal)*) => {
        /// Why a conversation ended in EAP-Failure.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Refusal {
            /// The peer broke the rules of fragmentation.
            Framing(FramingViolation),
            /// The peer refused us: the alert it sent.
            PeerAlert(PeerAlert),
            /// The client's certificate, or its issuer's, has expired: when.
            CertificateExpired(Timestamp),
            /// The client's certificate is not valid yet: from when it is.
            CertificateNotYetValid(Timestamp),
            $(#[doc = $meaning] $name,)*
        }

        impl Refusal {
            /// The stable id, a metric label.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self {
                    Self::Framing(violation) => violation.id(),
                    Self::PeerAlert(alert) => alert.id(),
                    Self::CertificateExpired(_) => "certificate-expired",
                    Self::CertificateNotYetValid(_) => "certificate-not-yet-valid",
                    $(Self::$name => $id,)*
                }
            }
        }
    };
}

refusals! {
    CertificateRevoked "certificate-revoked" "The client's certificate, or its issuer's, is revoked."
    IssuerUntrusted "issuer-untrusted" "No configured anchor issued the client's certificate."
    CertificateUsage "certificate-usage" "The certificate is not meant for client authentication."
    CertificateSignature "certificate-signature" "A signature in the chain or the handshake is wrong."
    CertificateAlgorithm "certificate-algorithm" "The chain uses an algorithm or key size we do not accept."
    CertificateMalformed "certificate-malformed" "The certificate cannot be read."
    CertificateUnacceptable "certificate-unacceptable" "The chain is refused for another reason, such as a name constraint."
    CertificateMissing "certificate-missing" "The client presented no certificate."
    NameUnknown "name-unknown" "None of the certificate's names belongs to any environment."
    RevocationUnknown "revocation-unknown" "No revocation list covers the certificate, and one is required."
    RevocationListStale "revocation-list-stale" "The revocation list is past its next update and its grace period."
    RevocationListInvalid "revocation-list-invalid" "The revocation list is not validly signed by the issuer."
    VersionTooOld "tls-version-too-old" "The client offers nothing newer than TLS 1.1."
    NoSharedCipher "tls-no-shared-cipher" "No cipher suite in common."
    NoSharedGroup "tls-no-shared-group" "No key exchange group in common."
    NoSharedSignature "tls-no-shared-signature" "No signature scheme in common."
    TlsIncompatible "tls-incompatible" "The client lacks some other part of TLS that is required."
    TlsMalformed "tls-malformed" "The client's TLS message cannot be read."
    TlsMisbehaved "tls-misbehaved" "The client broke the TLS protocol."
    TlsDecryption "tls-decryption" "The client's TLS record does not authenticate."
    TlsStalled "tls-stalled" "The client's message is complete but asks nothing of us."
    MethodRefused "method-refused" "The client does not want EAP-TLS."
    PasswordWrong "password-wrong" "The answer to the MD5 challenge is wrong or malformed."
    TooManyRounds "too-many-rounds" "The conversation took too many packets."
    TooManyOctets "too-many-octets" "The client sent too much."
    TooSlow "too-slow" "The conversation took too long."
    Decision "decision" "The certificate is good, but the decision was no."
    Internal "internal" "Something failed on our side."
}

/// The alert by which a client refused the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PeerAlert {
    /// It does not know the CA of our certificate.
    UnknownCa,
    /// It found our certificate broken or with the wrong name.
    BadCertificate,
    /// It does not support our kind of certificate.
    UnsupportedCertificate,
    /// It believes our certificate revoked.
    CertificateRevoked,
    /// It believes our certificate expired.
    CertificateExpired,
    /// It refused our certificate for another reason.
    CertificateUnknown,
    /// It denies access.
    AccessDenied,
    /// It found no common ground.
    HandshakeFailure,
    /// It does not speak our version.
    ProtocolVersion,
    /// Our signature or Finished did not verify.
    DecryptError,
    /// It closed the connection or its user gave up.
    Closed,
    /// Its own fault.
    InternalError,
    /// Any other alert.
    Other,
}

impl PeerAlert {
    /// The stable id, a metric label.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::UnknownCa => "peer-alert-unknown-ca",
            Self::BadCertificate => "peer-alert-bad-certificate",
            Self::UnsupportedCertificate => "peer-alert-unsupported-certificate",
            Self::CertificateRevoked => "peer-alert-certificate-revoked",
            Self::CertificateExpired => "peer-alert-certificate-expired",
            Self::CertificateUnknown => "peer-alert-certificate-unknown",
            Self::AccessDenied => "peer-alert-access-denied",
            Self::HandshakeFailure => "peer-alert-handshake-failure",
            Self::ProtocolVersion => "peer-alert-protocol-version",
            Self::DecryptError => "peer-alert-decrypt-error",
            Self::Closed => "peer-alert-closed",
            Self::InternalError => "peer-alert-internal-error",
            Self::Other => "peer-alert-other",
        }
    }

    pub(super) const fn from_tls(alert: AlertDescription) -> Self {
        match alert {
            AlertDescription::UnknownCA => Self::UnknownCa,
            AlertDescription::BadCertificate => Self::BadCertificate,
            AlertDescription::UnsupportedCertificate => Self::UnsupportedCertificate,
            AlertDescription::CertificateRevoked => Self::CertificateRevoked,
            AlertDescription::CertificateExpired => Self::CertificateExpired,
            AlertDescription::CertificateUnknown => Self::CertificateUnknown,
            AlertDescription::AccessDenied => Self::AccessDenied,
            AlertDescription::HandshakeFailure => Self::HandshakeFailure,
            AlertDescription::ProtocolVersion => Self::ProtocolVersion,
            AlertDescription::DecryptError => Self::DecryptError,
            AlertDescription::CloseNotify | AlertDescription::UserCanceled => Self::Closed,
            AlertDescription::InternalError => Self::InternalError,
            _ => Self::Other,
        }
    }
}

impl Refusal {
    /// Says in our words why the TLS library gave up.
    pub(super) fn from_tls(error: &Error) -> Self {
        match error {
            Error::InvalidCertificate(error) => Self::from_certificate(error),
            Error::InvalidCertRevocationList(_) => Self::RevocationListInvalid,
            Error::NoCertificatesPresented => Self::CertificateMissing,
            Error::AlertReceived(alert) => Self::PeerAlert(PeerAlert::from_tls(*alert)),
            Error::PeerIncompatible(error) => Self::from_incompatible(error),
            Error::InvalidMessage(_)
            | Error::UnsupportedNameType
            | Error::PeerSentOversizedRecord => Self::TlsMalformed,
            Error::PeerMisbehaved(_)
            | Error::InappropriateMessage { .. }
            | Error::InappropriateHandshakeMessage { .. } => Self::TlsMisbehaved,
            Error::DecryptError => Self::TlsDecryption,
            Error::NoApplicationProtocol => Self::TlsIncompatible,
            _ => Self::Internal,
        }
    }

    fn from_certificate(error: &CertificateError) -> Self {
        match error {
            CertificateError::ExpiredContext { not_after, .. } => {
                Self::CertificateExpired(at(*not_after))
            }
            CertificateError::NotValidYetContext { not_before, .. } => {
                Self::CertificateNotYetValid(at(*not_before))
            }
            CertificateError::Revoked => Self::CertificateRevoked,
            CertificateError::UnknownIssuer => Self::IssuerUntrusted,
            CertificateError::UnknownRevocationStatus => Self::RevocationUnknown,
            CertificateError::ExpiredRevocationList
            | CertificateError::ExpiredRevocationListContext { .. } => Self::RevocationListStale,
            CertificateError::BadSignature => Self::CertificateSignature,
            CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
                Self::CertificateAlgorithm
            }
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                Self::CertificateUsage
            }
            CertificateError::BadEncoding => Self::CertificateMalformed,
            // Our verifier says so when no realm is responsible for the names.
            CertificateError::ApplicationVerificationFailure => Self::NameUnknown,
            _ => Self::CertificateUnacceptable,
        }
    }

    const fn from_incompatible(error: &PeerIncompatible) -> Self {
        match error {
            PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::SupportedVersionsExtensionRequired => Self::VersionTooOld,
            PeerIncompatible::NoCipherSuitesInCommon => Self::NoSharedCipher,
            PeerIncompatible::NoKxGroupsInCommon
            | PeerIncompatible::NamedGroupsExtensionRequired
            | PeerIncompatible::NoEcPointFormatsInCommon => Self::NoSharedGroup,
            PeerIncompatible::NoSignatureSchemesInCommon
            | PeerIncompatible::SignatureAlgorithmsExtensionRequired
            | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon => {
                Self::NoSharedSignature
            }
            _ => Self::TlsIncompatible,
        }
    }
}

fn at(time: UnixTime) -> Timestamp {
    Timestamp::from_seconds(i64::try_from(time.as_secs()).unwrap_or(i64::MAX))
}
