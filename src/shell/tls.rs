//! TLS where other programs come to us: our own certificate, and theirs where they have one.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, ServerConfig,
    SignatureScheme,
};
use tokio_rustls::TlsAcceptor;

use super::{Failure, FailureKind};
use crate::plan::{Credentials, PeerCertificate};
use crate::vocabulary::Timestamp;

/// The certificates that are believed, each as it is; changed while connections come and go.
pub(super) struct Pinned {
    believed: Mutex<Arc<Vec<PeerCertificate>>>,
    /// Whether somebody without a certificate may come too, and prove himself otherwise.
    optional: bool,
    schemes: WebPkiSupportedAlgorithms,
}

impl Pinned {
    pub(super) fn new(optional: bool) -> Arc<Self> {
        let schemes = ring::default_provider().signature_verification_algorithms;
        Arc::new(Self { believed: Mutex::default(), optional, schemes })
    }

    /// From now on these are believed, and no others.
    pub(super) fn admit(&self, believed: Vec<PeerCertificate>) {
        *self.believed.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(believed);
    }

    /// Whose certificate this is, if it is believed now.
    pub(super) fn whose(&self, der: &[u8], now: Timestamp) -> Result<String, CertificateError> {
        let believed = Arc::clone(&self.believed.lock().unwrap_or_else(PoisonError::into_inner));
        let found = believed.iter().find(|each| each.der == der);
        let found = found.ok_or(CertificateError::ApplicationVerificationFailure)?;
        if found.end < now { Err(CertificateError::Expired) } else { Ok(found.name.clone()) }
    }
}

impl fmt::Debug for Pinned {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Pinned").finish_non_exhaustive()
    }
}

impl ClientCertVerifier for Pinned {
    fn client_auth_mandatory(&self) -> bool {
        !self.optional
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        self.whose(end_entity, Timestamp::from_seconds(seconds))?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.schemes)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.schemes)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.supported_schemes()
    }
}

/// TLS with the server's own certificate, which believes the clients of `pinned`.
///
/// # Errors
/// Certificate or key cannot be used.
pub(super) fn acceptor(
    credentials: &Credentials,
    pinned: &Arc<Pinned>,
) -> Result<TlsAcceptor, Failure> {
    let failed = |cause: String| Failure::new(FailureKind::SnapshotRefused).fact("cause", cause);
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(&credentials.server_chain).collect();
    let chain = chain.map_err(|cause| failed(cause.to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(credentials.server_key.expose())
        .map_err(|cause| failed(cause.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|cause| failed(cause.to_string()))?
        .with_client_cert_verifier(Arc::clone(pinned) as _)
        .with_single_cert(chain, key)
        .map_err(|cause| failed(cause.to_string()))?;
    // A resumed session would bring a certificate that may have been taken away since.
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
