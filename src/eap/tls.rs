//! TLS as EAP needs it: whole messages in and out instead of a stream, keys exported
//! (RFC 5216 §2.3, RFC 9190 §2.3), time handed in.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::version::{TLS12, TLS13};
use rustls::{
    Connection, HandshakeKind, NamedGroup, ProtocolVersion, ServerConfig, ServerConnection,
};
use zeroize::Zeroizing;

use super::refusal::{PeerAlert, Refusal};
use super::sessions::{Clock, SessionStore};
use super::trust::{Realm, RealmOf, TrustError, Verifier, anchors_digest};
use crate::vocabulary::{Certificate, Moment, Secret};

/// What a server is made of.
pub struct TrustMaterial {
    /// Our certificate and its intermediates, the end entity first.
    pub server_chain: Vec<CertificateDer<'static>>,
    /// Its private key.
    pub server_key: PrivateKeyDer<'static>,
    /// The OCSP response to staple, DER; empty for none (RFC 9190 §5.4).
    pub ocsp_response: Vec<u8>,
    /// Whose certificates are believed. The first is the strictest: names that belong to no
    /// realm are checked against it before they are refused.
    pub realms: Vec<Realm>,
    /// Which realm is responsible for which names.
    pub realm_of: RealmOf,
    /// How long a session may be resumed, in seconds; 0 switches resumption off.
    pub session_lifetime_s: u32,
    /// How many sessions are kept.
    pub sessions_max: usize,
    /// Sessions of an earlier server to keep. They are kept only if anchors and lifetime are equal.
    pub sessions: Option<Arc<SessionStore>>,
}

/// A TLS server for conversations, with its trust and its sessions. Immutable: a new
/// revocation list makes a new one, and conversations under way finish with theirs.
pub struct TlsServer {
    config: Arc<ServerConfig>,
    verifier: Arc<Verifier>,
    clock: Arc<Clock>,
    sessions: Option<Arc<SessionStore>>,
}

impl TlsServer {
    /// Builds the server: TLS 1.2 and 1.3, client certificates required, one ticket, no early
    /// data.
    ///
    /// # Errors
    /// [`TrustError`] says which part of the material cannot be used.
    pub fn new(material: TrustMaterial) -> Result<Self, TrustError> {
        let anchors = anchors_digest(&material.realms);
        let lifetime_s = material.session_lifetime_s;
        let kept = material.sessions.filter(|sessions| sessions.is_of(&anchors, lifetime_s));
        let clock = kept.as_ref().map_or_else(Arc::default, |sessions| sessions.clock.clone());
        let sessions = (lifetime_s > 0 && material.sessions_max > 0).then(|| {
            kept.unwrap_or_else(|| {
                let clock = clock.clone();
                Arc::new(SessionStore::new(clock, anchors, lifetime_s, material.sessions_max))
            })
        });
        let provider = Arc::new(provider());
        let verifier = Arc::new(Verifier::new(material.realms, material.realm_of, &provider)?);
        let unusable = |error: rustls::Error| TrustError::ServerCertificate(error.to_string());
        let mut config = ServerConfig::builder_with_details(provider, clock.clone())
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(unusable)?
            .with_client_cert_verifier(verifier.clone())
            .with_single_cert_with_ocsp(
                material.server_chain,
                material.server_key,
                material.ocsp_response,
            )
            .map_err(unusable)?;
        config.max_early_data_size = 0;
        config.ignore_client_order = true;
        match &sessions {
            Some(sessions) => {
                config.session_storage = sessions.clone();
                config.send_tls13_tickets = 1;
            }
            None => {
                config.session_storage = Arc::new(NoServerSessionStorage {});
                config.send_tls13_tickets = 0;
            }
        }
        Ok(Self { config: Arc::new(config), verifier, clock, sessions })
    }

    /// The sessions, to be handed to a successor; `None` when resumption is off.
    #[must_use]
    pub const fn sessions(&self) -> Option<&Arc<SessionStore>> {
        self.sessions.as_ref()
    }

    pub(super) fn connect(&self, now: Moment) -> Result<Tls, Refusal> {
        self.clock.set(now);
        let connection = ServerConnection::new(self.config.clone());
        connection.map(|connection| Tls(connection.into())).map_err(|_| Refusal::Internal)
    }

    pub(super) fn set_time(&self, now: Moment) {
        self.clock.set(now);
    }

    /// Verifies a chain again, as every resumption must (RFC 9190 §5.7), and gives what its first
    /// certificate says.
    ///
    /// # Errors
    /// Why a handshake with this chain would be refused now.
    pub fn verify(
        &self,
        now: Moment,
        chain: &[CertificateDer<'_>],
    ) -> Result<Certificate, Refusal> {
        let (end_entity, intermediates) = chain.split_first().ok_or(Refusal::CertificateMissing)?;
        let seconds = u64::try_from(now.wall.seconds()).map_err(|_| Refusal::Internal)?;
        let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        self.verifier
            .verify(end_entity, intermediates, now)
            .map_err(|error| Refusal::from_tls(&error))
    }

    /// What the certificate of a full handshake says, whose verifier believed it.
    pub(super) fn read(&self, der: &CertificateDer<'_>) -> Result<Certificate, Refusal> {
        self.verifier.read(der).map_err(|_| Refusal::CertificateMalformed)
    }
}

/// The cryptography of a server: ring's, but for what costs a handshake more than it must.
#[must_use]
pub fn provider() -> CryptoProvider {
    let mut provider = peer_provider();
    // SHA-256 before SHA-384: without a key exchange of the same strength the longer hash
    // adds time to every handshake and nothing else; everybody has the suite (RFC 8446 §9.1).
    provider
        .cipher_suites
        .sort_by_key(|suite| suite.suite().as_str().is_some_and(|name| name.ends_with("SHA384")));
    provider
}

/// The same of a peer, which offers the suites in the order most devices do.
pub(super) fn peer_provider() -> CryptoProvider {
    let mut provider = ring::default_provider();
    // Half the time of ring's X25519, by the proven arithmetic of s2n-bignum; on a processor
    // without the instructions for it, ring's.
    if graviola::util::is_cpu_supported() {
        for group in &mut provider.kx_groups {
            if group.name() == NamedGroup::X25519 {
                *group = &rustls_graviola::kx::X25519;
            }
        }
    }
    provider
}

/// The version a handshake agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

impl TlsVersion {
    /// `1.2` or `1.3`.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
        }
    }
}

/// The part of the Master Session Key that RADIUS carries (RFC 2548 §2.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Msk {
    /// MSK[0..32], MS-MPPE-Recv-Key.
    pub recv: Secret,
    /// MSK[32..64], MS-MPPE-Send-Key.
    pub send: Secret,
}

/// One end of a TLS connection, fed whole messages.
pub(super) struct Tls(pub(super) Connection);

impl Tls {
    pub(super) fn receive(&mut self, mut message: &[u8]) -> Result<(), Refusal> {
        while !message.is_empty() {
            match self.0.read_tls(&mut message) {
                Ok(0) => return Err(Refusal::PeerAlert(PeerAlert::Closed)),
                Ok(_) => {}
                Err(_) => return Err(Refusal::TlsMisbehaved),
            }
            self.0.process_new_packets().map_err(|error| Refusal::from_tls(&error))?;
        }
        Ok(())
    }

    /// Everything the library wants sent, alerts included.
    pub(super) fn output(&mut self) -> Vec<u8> {
        let mut octets = Vec::new();
        while self.0.wants_write() {
            if self.0.write_tls(&mut octets).is_err() {
                break;
            }
        }
        octets
    }

    /// Application data that came, up to a few octets: EAP-TLS knows only one octet of it.
    pub(super) fn plaintext(&mut self) -> Vec<u8> {
        let mut octets = Vec::new();
        // The error only says that no more has come yet.
        let _ = self.0.reader().take(8).read_to_end(&mut octets);
        octets
    }

    pub(super) fn version(&self) -> TlsVersion {
        match self.0.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => TlsVersion::Tls13,
            _ => TlsVersion::Tls12,
        }
    }

    pub(super) fn is_resumed(&self) -> bool {
        self.0.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// 128 octets always: in TLS 1.3 the length enters the derivation.
    pub(super) fn keys(&self) -> Result<Msk, Refusal> {
        let (label, context): (&[u8], Option<&[u8]>) = match self.version() {
            TlsVersion::Tls12 => (b"client EAP encryption", None),
            TlsVersion::Tls13 => (b"EXPORTER_EAP_TLS_Key_Material", Some(&[EAP_TLS])),
        };
        let octets = Zeroizing::new([0_u8; 128]);
        let octets =
            self.0.export_keying_material(octets, label, context).map_err(|_| Refusal::Internal)?;
        let (recv, rest) = octets.split_at(32);
        let (send, _emsk) = rest.split_at(32);
        Ok(Msk { recv: Secret::new(recv.to_vec()), send: Secret::new(send.to_vec()) })
    }

    /// The Session-Id of RFC 9190 §2.3; the randoms that make that of TLS 1.2 are not at hand.
    pub(super) fn session_id(&self) -> Option<Vec<u8>> {
        match self.version() {
            TlsVersion::Tls12 => None,
            TlsVersion::Tls13 => {
                let label = b"EXPORTER_EAP_TLS_Method-Id";
                let context: Option<&[u8]> = Some(&[EAP_TLS]);
                let octets = self.0.export_keying_material([0_u8; 64], label, context).ok()?;
                Some([&[EAP_TLS][..], &octets].concat())
            }
        }
    }
}

/// The type number of EAP-TLS, which enters its key derivations.
const EAP_TLS: u8 = 13;
