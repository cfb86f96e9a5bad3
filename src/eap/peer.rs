//! The supplicant's side of EAP-TLS, for simulated devices and for tests of the server's side.

use std::fmt;
use std::sync::{Arc, OnceLock};

use rustls::client::{ClientSessionMemoryCache, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, ServerName, SignatureVerificationAlgorithm,
};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore, SupportedProtocolVersion};

use super::framing::{Fragmenter, FramingViolation, Reassembly};
use super::refusal::Refusal;
use super::sessions::Clock;
use super::signatures::{Remembering, Signatures};
use super::tls::{Msk, Tls, TlsVersion, peer_provider};
use crate::vocabulary::Moment;
use crate::wire::eap::{Code, Method, Packet, TlsFragment, response};

/// What a device holds.
pub struct PeerMaterial {
    /// Its certificate and intermediates, and the private key; `None` for a device without.
    pub credentials: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    /// The authorities it believes for the server.
    pub server_anchors: Vec<CertificateDer<'static>>,
    /// The name the server's certificate must have.
    pub server_name: String,
    /// The versions it offers.
    pub versions: PeerVersions,
    /// Whether it resumes sessions.
    pub resume: bool,
}

/// The TLS versions a device offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerVersions {
    /// Only 1.2.
    Tls12,
    /// Only 1.3.
    Tls13,
    /// Both.
    Both,
}

/// Why a device cannot be made of its material.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerMaterialError(String);

impl fmt::Display for PeerMaterialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the supplicant's material cannot be used: {}", self.0)
    }
}

impl std::error::Error for PeerMaterialError {}

/// A device's settings, shared by its conversations: sessions learned in one are resumed in
/// the next.
pub struct PeerConfig {
    tls: Arc<ClientConfig>,
    clock: Arc<Clock>,
    server_name: ServerName<'static>,
}

impl PeerConfig {
    /// Builds the settings.
    ///
    /// # Errors
    /// [`PeerMaterialError`] when a certificate, key or name cannot be used.
    pub fn new(material: PeerMaterial) -> Result<Self, PeerMaterialError> {
        let unusable = |error: rustls::Error| PeerMaterialError(error.to_string());
        let mut roots = RootCertStore::empty();
        for anchor in material.server_anchors {
            roots.add(anchor).map_err(unusable)?;
        }
        let versions: &[&'static SupportedProtocolVersion] = match material.versions {
            PeerVersions::Tls12 => &[&TLS12],
            PeerVersions::Tls13 => &[&TLS13],
            PeerVersions::Both => &[&TLS13, &TLS12],
        };
        let clock = Arc::<Clock>::default();
        let builder = ClientConfig::builder_with_details(provider(), clock.clone())
            .with_protocol_versions(versions)
            .map_err(unusable)?
            .with_root_certificates(roots);
        let mut tls = match material.credentials {
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(unusable)?,
            None => builder.with_no_client_auth(),
        };
        tls.enable_sni = false;
        tls.resumption = if material.resume {
            Resumption::store(Arc::new(ClientSessionMemoryCache::new(SESSIONS_MAX)))
        } else {
            Resumption::disabled()
        };
        let server_name = ServerName::try_from(material.server_name)
            .map_err(|error| PeerMaterialError(error.to_string()))?;
        Ok(Self { tls: Arc::new(tls), clock, server_name })
    }
}

/// What all devices compute with: of a storm's thousands each would verify the same chain of the
/// same server, which is computed once. Signatures made in a handshake are computed every time.
fn provider() -> Arc<CryptoProvider> {
    static SHARED: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    let shared = SHARED.get_or_init(|| {
        let mut provider = peer_provider();
        let signatures = Arc::new(Signatures::new(std::iter::empty()));
        let algorithms = provider.signature_verification_algorithms.all.iter().map(|inner| {
            let remembering = Remembering { inner: *inner, signatures: Arc::clone(&signatures) };
            let algorithm: &'static dyn SignatureVerificationAlgorithm =
                Box::leak(Box::new(remembering));
            algorithm
        });
        let algorithms: Vec<_> = algorithms.collect();
        provider.signature_verification_algorithms.all = algorithms.leak();
        Arc::new(provider)
    });
    Arc::clone(shared)
}

/// What to do after a request.
#[derive(Debug, PartialEq, Eq)]
pub enum PeerStep {
    /// Send this EAP-Response.
    Respond(Vec<u8>),
    /// Access is granted, with these keys.
    Success(Msk),
    /// Access is denied.
    Failure,
    /// Do nothing: the packet does not belong to the conversation.
    Ignore,
}

/// One conversation of a device.
pub struct Peer {
    config: Arc<PeerConfig>,
    identity: Vec<u8>,
    packet_octets: usize,
    tls: Option<Tls>,
    outgoing: Fragmenter,
    incoming: Reassembly,
    /// The protected success indication has come (RFC 9190 §2.1.1).
    indicated: bool,
    refusal: Option<Refusal>,
    /// The last request and what answered it, for duplicates (RFC 3748 §4.1).
    last: Option<(Vec<u8>, Vec<u8>)>,
}

impl Peer {
    /// A device that will call itself `identity` and send packets of at most `packet_octets`.
    #[must_use]
    pub const fn new(config: Arc<PeerConfig>, identity: Vec<u8>, packet_octets: usize) -> Self {
        Self {
            config,
            identity,
            packet_octets,
            tls: None,
            outgoing: Fragmenter::new(Vec::new()),
            incoming: Reassembly::new(),
            indicated: false,
            refusal: None,
            last: None,
        }
    }

    /// Why this device refused the server, if it did.
    #[must_use]
    pub const fn refusal(&self) -> Option<Refusal> {
        self.refusal
    }

    /// Whether the handshake resumed an earlier session.
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        self.tls.as_ref().is_some_and(Tls::is_resumed)
    }

    /// Takes one EAP packet from the server.
    pub fn handle(&mut self, now: Moment, request: &[u8]) -> PeerStep {
        let Ok(packet) = Packet::parse(request) else { return PeerStep::Ignore };
        self.config.clock.set(now);
        match packet.code() {
            Code::Request => {}
            Code::Success => return self.success(packet.identifier()),
            Code::Failure => return self.failure(packet.identifier()),
            Code::Response | Code::Unknown(_) => return PeerStep::Ignore,
        }
        if let Some((last, answer)) = &self.last
            && last == request
        {
            return PeerStep::Respond(answer.clone());
        }
        let identifier = packet.identifier();
        let answer = match packet.method() {
            Some(Method::Identity) => response(identifier, Method::Identity, &self.identity),
            Some(Method::Notification) => response(identifier, Method::Notification, &[]),
            Some(Method::Tls) => match self.tls_request(packet.type_data()) {
                Ok(data) => response(identifier, Method::Tls, &data),
                Err(refusal) => {
                    self.refusal = Some(refusal);
                    let data = TlsFragment::ACKNOWLEDGEMENT.to_type_data();
                    response(identifier, Method::Tls, &data)
                }
            },
            Some(Method::Nak | Method::Md5 | Method::Expanded { .. } | Method::Unknown(_)) => {
                response(identifier, Method::Nak, &[Method::Tls.octet()])
            }
            None => return PeerStep::Ignore,
        };
        self.last = Some((request.to_vec(), answer.clone()));
        PeerStep::Respond(answer)
    }

    fn tls_request(&mut self, type_data: &[u8]) -> Result<Vec<u8>, Refusal> {
        let fragment =
            TlsFragment::parse(type_data).map_err(|error| Refusal::Framing(error.into()))?;
        if fragment.start {
            let (config, name) = (self.config.tls.clone(), self.config.server_name.clone());
            let connection = ClientConnection::new(config, name).map_err(|_| Refusal::Internal)?;
            let mut tls = Tls(connection.into());
            self.outgoing = Fragmenter::new(tls.output());
            self.tls = Some(tls);
            (self.incoming, self.indicated, self.refusal) = (Reassembly::new(), false, None);
            return Ok(self.outgoing.next_type_data(self.packet_octets));
        }
        let tls = self.tls.as_mut().ok_or(Refusal::TlsMisbehaved)?;
        if !self.outgoing.is_done() {
            if !fragment.is_acknowledgement() {
                return Err(Refusal::Framing(FramingViolation::DataForAcknowledgement));
            }
            return Ok(self.outgoing.next_type_data(self.packet_octets));
        }
        if fragment.is_acknowledgement() {
            return Err(Refusal::Framing(FramingViolation::AcknowledgementForData));
        }
        let message = self.incoming.push(&fragment).map_err(Refusal::Framing)?;
        let Some(message) = message else {
            return Ok(TlsFragment::ACKNOWLEDGEMENT.to_type_data());
        };
        if let Err(refusal) = tls.receive(&message) {
            self.refusal = Some(refusal);
        }
        match tls.plaintext().as_slice() {
            [] => {}
            [0] if tls.version() == TlsVersion::Tls13 && !self.indicated => self.indicated = true,
            _ => self.refusal = Some(Refusal::TlsMisbehaved),
        }
        self.outgoing = Fragmenter::new(tls.output());
        Ok(self.outgoing.next_type_data(self.packet_octets))
    }

    /// Believes a success only at the end of a handshake (RFC 9190 §2.1.1).
    fn success(&self, identifier: u8) -> PeerStep {
        let Some(tls) = &self.tls else { return PeerStep::Ignore };
        let indicated = match tls.version() {
            TlsVersion::Tls12 => true,
            TlsVersion::Tls13 => self.indicated,
        };
        let complete = !tls.0.is_handshaking() && indicated && self.refusal.is_none();
        if !complete || !self.is_answered(identifier) {
            return PeerStep::Ignore;
        }
        tls.keys().map_or(PeerStep::Failure, PeerStep::Success)
    }

    fn failure(&self, identifier: u8) -> PeerStep {
        if self.is_answered(identifier) { PeerStep::Failure } else { PeerStep::Ignore }
    }

    /// Whether the last response had this identifier.
    fn is_answered(&self, identifier: u8) -> bool {
        let last = self.last.as_ref().and_then(|(_, answer)| answer.get(1));
        last == Some(&identifier)
    }
}

/// Sessions a device remembers.
const SESSIONS_MAX: usize = 8;
