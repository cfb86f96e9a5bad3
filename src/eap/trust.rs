//! Whose certificates are believed: one set of anchors and revocation rules per environment.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ring::digest;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, SignatureVerificationAlgorithm, UnixTime,
};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertRevocationListError, CertificateError, DigitallySignedStruct, DistinguishedName, Error,
    OtherError, RootCertStore, SignatureScheme,
};
use webpki::{
    CertRevocationList, EndEntityCert, Error as PathError, ExpirationPolicy, KeyUsage,
    OwnedCertRevocationList, RevocationOptionsBuilder, UnknownStatusPolicy,
};

use super::certificate::{self, Unreadable};
use super::signatures::{Remembering, Signatures};
use crate::vocabulary::Certificate;

/// Names the realm responsible for a certificate by its subject alternative names.
pub type RealmOf = Arc<dyn Fn(&[String]) -> Option<usize> + Send + Sync>;

/// One environment's trust.
#[derive(Clone, Debug)]
pub struct Realm {
    /// The certificate authorities believed.
    pub anchors: Vec<CertificateDer<'static>>,
    /// Their revocation lists.
    pub crls: Vec<CertificateRevocationListDer<'static>>,
    /// What the absence or age of a list means.
    pub crl: CrlRule,
}

/// What the absence or age of a revocation list means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrlRule {
    /// Whether every certificate of the chain must be covered by a list.
    pub required: bool,
    /// How long a list is used after its next update was due.
    pub grace: Duration,
    /// What follows after that.
    pub when_stale: StaleRule,
}

/// What happens when a revocation list is past its grace period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StaleRule {
    /// Nobody whom it covers is let in.
    Refuse,
    /// It is used as it is.
    Accept,
}

/// What is wrong with the trust that was configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustError {
    /// No realm at all.
    NoRealm,
    /// A realm, by its index, without anchors.
    NoAnchors(usize),
    /// A realm whose anchor cannot be used, and why.
    Anchor(usize, String),
    /// A realm whose revocation list cannot be used, and why.
    Crl(usize, String),
    /// The server's own certificate and key do not work, and why.
    ServerCertificate(String),
}

impl fmt::Display for TrustError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRealm => f.write_str("no certificate authority is configured"),
            Self::NoAnchors(realm) => write!(f, "realm {realm} has no certificate authority"),
            Self::Anchor(realm, why) => {
                write!(f, "a certificate authority of realm {realm} cannot be used: {why}")
            }
            Self::Crl(realm, why) => {
                write!(f, "a revocation list of realm {realm} cannot be used: {why}")
            }
            Self::ServerCertificate(why) => {
                write!(f, "the server certificate cannot be used: {why}")
            }
        }
    }
}

impl std::error::Error for TrustError {}

/// Verifies client certificates, each against the realm its names belong to.
pub(super) struct Verifier {
    realms: Vec<RealmVerifier>,
    realm_of: RealmOf,
    hints: Vec<DistinguishedName>,
    algorithms: WebPkiSupportedAlgorithms,
    /// The same, for chains and lists.
    remembering: Vec<Remembering>,
    /// Certificates read for a handshake that is not yet complete.
    read: Mutex<VecDeque<Certificate>>,
}

/// Certificates kept for the end of their handshake: more than there are workers. Who comes too
/// late reads again.
const READ_MAX: usize = 64;

struct RealmVerifier {
    anchors: RootCertStore,
    lists: Vec<CertRevocationList<'static>>,
    crl: CrlRule,
}

impl Verifier {
    pub(super) fn new(
        realms: Vec<Realm>,
        realm_of: RealmOf,
        provider: &CryptoProvider,
    ) -> Result<Self, TrustError> {
        if realms.is_empty() {
            return Err(TrustError::NoRealm);
        }
        let lists = realms.iter().flat_map(|realm| &realm.crls).map(|list| list.to_vec());
        let signatures = Arc::new(Signatures::new(lists));
        let algorithms = provider.signature_verification_algorithms;
        let remembering = algorithms.all.iter();
        let remembering = remembering
            .map(|inner| Remembering { inner: *inner, signatures: Arc::clone(&signatures) })
            .collect();
        let mut verifiers = Vec::with_capacity(realms.len());
        let mut hints: Vec<DistinguishedName> = Vec::new();
        for (index, realm) in realms.into_iter().enumerate() {
            let verifier = RealmVerifier::new(index, realm)?;
            for hint in verifier.anchors.subjects() {
                if !hints.iter().any(|known| known.as_ref() == hint.as_ref()) {
                    hints.push(hint);
                }
            }
            verifiers.push(verifier);
        }
        let read = Mutex::default();
        Ok(Self { realms: verifiers, realm_of, hints, algorithms, remembering, read })
    }

    /// Verifies a chain at a time, and gives what its first certificate says. The names choose the
    /// realm before anything is proven, which is harmless: they choose only whose rules the chain
    /// must satisfy.
    pub(super) fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<Certificate, Error> {
        let read = certificate::read(end_entity).map_err(|_| CertificateError::BadEncoding)?;
        let realm = (self.realm_of)(&read.identities).and_then(|index| self.realms.get(index));
        let judge = |realm: &RealmVerifier| {
            realm.verify(end_entity, intermediates, now, &self.remembering).map_err(told)
        };
        if let Some(realm) = realm {
            return judge(realm).map(|()| read);
        }
        // A name of no realm: what is wrong with the chain is still the better explanation.
        if let Some(first) = self.realms.first() {
            judge(first)?;
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    /// What a certificate says that was found right in this handshake.
    pub(super) fn read(&self, der: &[u8]) -> Result<Certificate, Unreadable> {
        let fingerprint = certificate::fingerprint(der);
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let place = read.iter().rposition(|each| each.fingerprint == fingerprint);
        let kept = place.and_then(|place| read.remove(place));
        drop(read);
        kept.map_or_else(|| certificate::read(der), Ok)
    }
}

impl RealmVerifier {
    fn new(index: usize, realm: Realm) -> Result<Self, TrustError> {
        if realm.anchors.is_empty() {
            return Err(TrustError::NoAnchors(index));
        }
        let mut anchors = RootCertStore::empty();
        for anchor in realm.anchors {
            anchors.add(anchor).map_err(|error| TrustError::Anchor(index, error.to_string()))?;
        }
        let read = |list: &CertificateRevocationListDer<'_>| {
            OwnedCertRevocationList::from_der(list)
                .map(CertRevocationList::from)
                .map_err(|error| TrustError::Crl(index, error.to_string()))
        };
        let lists = realm.crls.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self { anchors, lists, crl: realm.crl })
    }

    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
        algorithms: &[Remembering],
    ) -> Result<(), PathError> {
        let end_entity = EndEntityCert::try_from(end_entity)?;
        let algorithms: Vec<&dyn SignatureVerificationAlgorithm> =
            algorithms.iter().map(|algorithm| algorithm as _).collect();
        let lists: Vec<&CertRevocationList<'_>> = self.lists.iter().collect();
        let unknown =
            if self.crl.required { UnknownStatusPolicy::Deny } else { UnknownStatusPolicy::Allow };
        let attempt = |expiration| {
            // Without any list there are no options, and revocation is not asked for at all.
            let revocation = RevocationOptionsBuilder::new(&lists).ok().map(|options| {
                options.with_status_policy(unknown).with_expiration_policy(expiration).build()
            });
            let (anchors, usage) = (&self.anchors.roots, KeyUsage::client_auth());
            end_entity
                .verify_for_usage(&algorithms, anchors, intermediates, now, usage, revocation, None)
                .map(drop)
        };
        match attempt(ExpirationPolicy::Enforce) {
            Ok(()) if self.crl.required && self.lists.is_empty() => {
                Err(PathError::UnknownRevocationStatus)
            }
            Err(PathError::CrlExpired { time, next_update })
                if self.may_be_stale(time, next_update) =>
            {
                attempt(ExpirationPolicy::Ignore)
            }
            result => result,
        }
    }

    fn may_be_stale(&self, now: UnixTime, next_update: UnixTime) -> bool {
        match self.crl.when_stale {
            StaleRule::Accept => true,
            StaleRule::Refuse => {
                let age_s = now.as_secs().saturating_sub(next_update.as_secs());
                age_s <= self.crl.grace.as_secs()
            }
        }
    }
}

/// The same in the words of the TLS library, which chooses the alert by them.
fn told(error: PathError) -> Error {
    match error {
        PathError::BadDer | PathError::BadDerTime | PathError::TrailingData(_) => {
            CertificateError::BadEncoding.into()
        }
        PathError::CertNotValidYet { time, not_before } => {
            CertificateError::NotValidYetContext { time, not_before }.into()
        }
        PathError::CertExpired { time, not_after } => {
            CertificateError::ExpiredContext { time, not_after }.into()
        }
        PathError::InvalidCertValidity => CertificateError::Expired.into(),
        PathError::UnknownIssuer => CertificateError::UnknownIssuer.into(),
        PathError::CertRevoked => CertificateError::Revoked.into(),
        PathError::UnknownRevocationStatus => CertificateError::UnknownRevocationStatus.into(),
        PathError::CrlExpired { time, next_update } => {
            CertificateError::ExpiredRevocationListContext { time, next_update }.into()
        }
        PathError::InvalidSignatureForPublicKey => CertificateError::BadSignature.into(),
        PathError::UnsupportedSignatureAlgorithmContext(context) => {
            CertificateError::UnsupportedSignatureAlgorithmContext {
                signature_algorithm_id: context.signature_algorithm_id,
                supported_algorithms: context.supported_algorithms,
            }
            .into()
        }
        PathError::UnsupportedSignatureAlgorithmForPublicKeyContext(context) => {
            CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
                signature_algorithm_id: context.signature_algorithm_id,
                public_key_algorithm_id: context.public_key_algorithm_id,
            }
            .into()
        }
        PathError::RequiredEkuNotFoundContext(_) => CertificateError::InvalidPurpose.into(),
        PathError::IssuerNotCrlSigner => CertRevocationListError::IssuerInvalidForCrl.into(),
        PathError::InvalidCrlSignatureForPublicKey
        | PathError::UnsupportedCrlSignatureAlgorithmContext(_)
        | PathError::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_) => {
            CertRevocationListError::BadSignature.into()
        }
        error => CertificateError::Other(OtherError(Arc::new(error))).into(),
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("realms", &self.realms.len()).finish_non_exhaustive()
    }
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let certificate = self.verify(end_entity, intermediates, now)?;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.len() >= READ_MAX {
            read.pop_front();
        }
        read.push_back(certificate);
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// A digest over every realm's anchors in order, by which a change of trust is recognised.
pub(super) fn anchors_digest(realms: &[Realm]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for realm in realms {
        context.update(&(realm.anchors.len() as u64).to_be_bytes());
        for anchor in &realm.anchors {
            context.update(digest::digest(&digest::SHA256, anchor).as_ref());
        }
    }
    context.finish().as_ref().try_into().unwrap_or([0; 32]) // OK: SHA-256 has 32 octets
}
