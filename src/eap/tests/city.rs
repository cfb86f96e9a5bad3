//! A small public key infrastructure, and a wire between a device and the server.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
    SanType, SerialNumber, date_time_ymd,
};
use rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer, PrivatePkcs8KeyDer,
};

use crate::eap::peer::{Peer, PeerConfig, PeerMaterial, PeerStep, PeerVersions};
use crate::eap::refusal::Refusal;
use crate::eap::server::{Conversation, Evidence, Step};
use crate::eap::tls::{Msk, TlsServer, TrustMaterial};
use crate::eap::trust::{CrlRule, Realm, StaleRule};
use crate::vocabulary::{Moment, Timestamp};
use crate::wire::eap::{Method, response};

pub const DEVICE: &str = "pc-0001.city.example";
pub const OPTIONAL: CrlRule =
    CrlRule { required: false, grace: Duration::ZERO, when_stale: StaleRule::Refuse };
pub const REQUIRED: CrlRule = CrlRule { required: true, ..OPTIONAL };

/// Noon of a day in 2026 on which every certificate is valid.
pub fn now() -> Moment {
    at("2026-06-01T12:00:00Z")
}

pub fn at(text: &str) -> Moment {
    Moment { monotonic: Duration::from_secs(100), wall: Timestamp::parse(text).unwrap() }
}

pub struct Authority(CertifiedIssuer<'static, KeyPair>);

pub struct Leaf {
    pub chain: Vec<CertificateDer<'static>>,
    key: Vec<u8>,
}

impl Leaf {
    pub fn key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.clone()).into()
    }
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        (params.not_before, params.not_after) = validity();
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn certificate(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    pub fn issue(&self, serial: u64, change: impl FnOnce(&mut CertificateParams)) -> Leaf {
        let mut params = CertificateParams::default();
        params.serial_number = Some(SerialNumber::from(serial));
        params.subject_alt_names = vec![SanType::DnsName(DEVICE.try_into().unwrap())];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        (params.not_before, params.not_after) = validity();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Leaf { chain: vec![certificate.der().clone()], key: key.serialize_der() }
    }

    pub fn server(&self) -> Leaf {
        self.issue(1, |params| {
            params.subject_alt_names =
                vec![SanType::DnsName("radius.city.example".try_into().unwrap())];
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        })
    }

    /// A revocation list due again on 2026-07-01.
    pub fn crl(&self, revoked: &[u64]) -> CertificateRevocationListDer<'static> {
        let revoked = revoked.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2026, 5, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 5, 1),
            next_update: date_time_ymd(2026, 7, 1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.0).unwrap().der().clone()
    }

    pub fn realm(&self, revoked: Option<&[u64]>, crl: CrlRule) -> Realm {
        let crls = revoked.map(|revoked| self.crl(revoked)).into_iter().collect();
        Realm { anchors: vec![self.certificate()], crls, crl }
    }
}

fn validity() -> (time::OffsetDateTime, time::OffsetDateTime) {
    (date_time_ymd(2026, 1, 1), date_time_ymd(2027, 1, 1))
}

/// A server that takes every name into its first realm, and resumes.
pub fn server(authority: &Authority, realms: Vec<Realm>) -> Arc<TlsServer> {
    Arc::new(TlsServer::new(material(authority, realms)).unwrap())
}

pub fn material(authority: &Authority, realms: Vec<Realm>) -> TrustMaterial {
    let leaf = authority.server();
    TrustMaterial {
        server_key: leaf.key(),
        server_chain: leaf.chain,
        ocsp_response: Vec::new(),
        realms,
        realm_of: Arc::new(|_| Some(0)),
        session_lifetime_s: 3_600,
        sessions_max: 100,
        sessions: None,
    }
}

pub fn device(
    authority: &Authority,
    leaf: Option<&Leaf>,
    versions: PeerVersions,
) -> Arc<PeerConfig> {
    let material = PeerMaterial {
        credentials: leaf.map(|leaf| (leaf.chain.clone(), leaf.key())),
        server_anchors: vec![authority.certificate()],
        server_name: "radius.city.example".to_owned(),
        versions,
        resume: true,
    };
    Arc::new(PeerConfig::new(material).unwrap())
}

/// How a conversation went.
#[derive(Debug)]
pub struct Run {
    pub evidence: Option<Evidence>,
    pub outcome: Result<Msk, Refusal>,
    pub session_id: Option<Vec<u8>>,
    pub peer: PeerStep,
    pub peer_refusal: Option<Refusal>,
    /// EAP-Requests after the Start.
    pub requests: u32,
    /// EAP-Requests after the decision.
    pub requests_after_decision: u32,
}

impl Run {
    /// The keys, if both sides agree that access was granted and on what they share.
    pub fn keys(&self) -> &Msk {
        let keys = self.outcome.as_ref().unwrap();
        assert_eq!(self.peer, PeerStep::Success(keys.clone()));
        keys
    }

    /// The refusal, if both sides agree that access was denied.
    pub fn refusal(&self) -> Refusal {
        assert_eq!(self.peer, PeerStep::Failure);
        *self.outcome.as_ref().unwrap_err()
    }
}

/// One whole conversation, both sides sending packets of at most `octets`.
pub fn run(
    server: &Arc<TlsServer>,
    device: &Arc<PeerConfig>,
    now: Moment,
    octets: usize,
    yes: bool,
) -> Run {
    let mut peer = Peer::new(device.clone(), b"anonymous@city.example".to_vec(), octets);
    let identity = response(7, Method::Identity, b"anonymous@city.example");
    let (mut conversation, mut request) =
        Conversation::received(now, server.clone(), &identity, octets).unwrap();
    assert_eq!(request, [1, 8, 0, 6, 13, 0x20], "TLS-1: Start has the S flag alone");
    let (mut evidence, mut requests, mut requests_after_decision) = (None, 0, 0);
    loop {
        assert!(request.len() <= octets, "EAP-12");
        let PeerStep::Respond(answer) = peer.handle(now, &request) else {
            panic!("the peer does not answer");
        };
        assert!(answer.len() <= octets);
        let mut step = conversation.handle(now, &answer, octets);
        if let Step::Decide(found) = step {
            assert!(evidence.replace(*found).is_none(), "decided once");
            step = conversation.decided(now, yes);
        }
        let (packet, outcome, session_id) = match step {
            Step::Request(next) => {
                assert_eq!(next[1], request[1].wrapping_add(1), "EAP-6");
                requests += 1;
                requests_after_decision += u32::from(evidence.is_some());
                request = next;
                continue;
            }
            Step::Success { packet, keys, session } => (packet, Ok(keys), session.id()),
            Step::Failure { packet, refusal } => (packet, Err(refusal), None),
            Step::Ignore(_) | Step::Decide(_) => panic!("{step:?}"),
        };
        assert_eq!(packet[1], answer[1], "EAP-6");
        let peer_step = peer.handle(now, &packet);
        return Run {
            evidence,
            outcome,
            session_id,
            peer: peer_step,
            peer_refusal: peer.refusal(),
            requests,
            requests_after_decision,
        };
    }
}
