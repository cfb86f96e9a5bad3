//! What every worker reads and none writes: the plan, the marks, the keys, the TLS server.

use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ring::{digest, hmac};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

use super::reason::IgnoreReason;
use crate::eap::tls::{TlsServer, TrustMaterial};
use crate::eap::trust::{CrlRule, Realm, RealmOf, StaleRule, TrustError};
use crate::plan::{Admission, Credentials, Environment, Plan, Switch, WhenStale};
use crate::vocabulary::{Because, Certificate, Marks, Moment, Secret, SwitchIndex};
use crate::wire::radius::Key;

/// TLS sessions kept for each registered device.
const SESSIONS_PER_DEVICE: usize = 2;

/// One generation of everything a worker needs, swapped whole.
pub struct Snapshot {
    /// Generation of the plan.
    pub generation: u64,
    /// The accepted plan.
    pub plan: Arc<Plan>,
    /// The marks in force.
    pub marks: Arc<Marks>,
    /// By the number of their switch.
    pub(super) clients: Arc<[Option<Client>]>,
    pub(super) tls: Arc<TlsServer>,
    /// Turns asset numbers into pseudonyms that stay the same (Chargeable-User-Identity).
    pub(super) pseudonym: hmac::Key,
}

/// A switch as RADIUS client.
pub(super) struct Client {
    pub(super) current: Key,
    /// The secret it is about to change to.
    pub(super) next: Option<Key>,
    /// The fixed word it uses as the password of MAC authentication.
    pub(super) mab_word: Option<Secret>,
    /// Whether it was seen to send Message-Authenticator (MA-4, `learn`).
    learned: AtomicBool,
}

impl Client {
    pub(super) fn has_learned(&self) -> bool {
        self.learned.load(Ordering::Relaxed)
    }

    /// True the first time.
    pub(super) fn learn(&self) -> bool {
        !self.learned.swap(true, Ordering::Relaxed)
    }
}

/// Why a plan and its credentials cannot be served.
#[derive(Debug)]
pub enum SnapshotError {
    /// The server's own key or certificate cannot be read.
    ServerCredentials(String),
    /// The trust cannot be built.
    Trust(TrustError),
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ServerCredentials(why) => write!(f, "server certificate or key: {why}"),
            Self::Trust(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for SnapshotError {}

impl Snapshot {
    /// Builds a snapshot. TLS sessions of `previous` are kept only where the trust anchors are
    /// the same, and every resumption is verified anew whatever was kept.
    ///
    /// # Errors
    /// [`SnapshotError`] when the credentials cannot be used.
    pub fn new(
        generation: u64,
        plan: Arc<Plan>,
        credentials: &Credentials,
        marks: Marks,
        learned: &HashSet<String>,
        previous: Option<&Self>,
    ) -> Result<Self, SnapshotError> {
        let client = |(index, switch): (usize, &Switch)| {
            let index = SwitchIndex(u16::try_from(index).ok()?);
            let secrets = credentials.clients.get(&index)?;
            let known = learned.contains(&switch.id)
                || previous.is_some_and(|previous| previous.has_learned(&switch.id));
            Some(Client {
                current: Key::new(&secrets.current),
                next: secrets.next.as_ref().map(Key::new),
                mab_word: secrets.mab_word.clone(),
                learned: AtomicBool::new(known),
            })
        };
        let clients = plan.switches.iter().enumerate().map(client).collect();
        let tls = Arc::new(tls_server(&plan, credentials, previous)?);
        let key = digest::digest(&digest::SHA256, credentials.server_key.expose());
        let pseudonym = hmac::Key::new(hmac::HMAC_SHA256, key.as_ref());
        Ok(Self { generation, plan, marks: Arc::new(marks), clients, tls, pseudonym })
    }

    /// The same with other marks.
    #[must_use]
    pub fn with_marks(&self, marks: Marks) -> Self {
        Self {
            generation: self.generation,
            plan: Arc::clone(&self.plan),
            marks: Arc::new(marks),
            clients: Arc::clone(&self.clients),
            tls: Arc::clone(&self.tls),
            pseudonym: self.pseudonym.clone(),
        }
    }

    /// The same as generation `generation`: the plan is numbered only once it is known to work.
    #[must_use]
    pub fn with_generation(self, generation: u64) -> Self {
        Self { generation, ..self }
    }

    /// The switch that a source address belongs to; it alone chooses the secret (RFC 2865 §3).
    pub(super) fn client(&self, source: IpAddr) -> Result<(SwitchIndex, &Client), IgnoreReason> {
        let switch = self.plan.client_by_address(source).ok_or(IgnoreReason::UnknownClient)?;
        Ok((switch, self.client_of(switch).ok_or(IgnoreReason::UnknownClient)?))
    }

    fn client_of(&self, switch: SwitchIndex) -> Option<&Client> {
        self.clients.get(usize::from(switch.0))?.as_ref()
    }

    /// The id of the switch that a source address belongs to.
    #[must_use]
    pub fn client_id(&self, source: IpAddr) -> Option<&str> {
        let switch = self.plan.client_by_address(source).and_then(|index| self.plan.switch(index));
        switch.map(|switch| switch.id.as_str())
    }

    /// What a handshake at `now` would make of this certificate chain, the end entity first,
    /// possession of its key aside; what the certificate says.
    ///
    /// # Errors
    /// Why the certificate would be refused.
    pub fn verify(
        &self,
        now: Moment,
        chain: &[CertificateDer<'_>],
    ) -> Result<Certificate, Because> {
        self.tls.verify(now, chain).map_err(super::dialogue::refusal_because)
    }

    /// The secrets shared with a switch: the current one, and the one it is about to change to.
    pub fn secrets(&self, switch: SwitchIndex) -> impl Iterator<Item = &Key> {
        let client = self.client_of(switch);
        client.into_iter().flat_map(|client| std::iter::once(&client.current).chain(&client.next))
    }

    /// Whether certificates are judged by the very same trust and revocation lists.
    #[must_use]
    pub fn has_trust_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.tls, &other.tls)
    }

    fn has_learned(&self, switch: &str) -> bool {
        let client = self.plan.switch_by_id(switch).and_then(|index| self.client_of(index));
        client.is_some_and(Client::has_learned)
    }
}

fn tls_server(
    plan: &Arc<Plan>,
    credentials: &Credentials,
    previous: Option<&Snapshot>,
) -> Result<TlsServer, SnapshotError> {
    let fault =
        |why: rustls::pki_types::pem::Error| SnapshotError::ServerCredentials(why.to_string());
    let chain = CertificateDer::pem_slice_iter(&credentials.server_chain)
        .collect::<Result<Vec<_>, _>>()
        .map_err(fault)?;
    let key = PrivateKeyDer::from_pem_slice(credentials.server_key.expose()).map_err(fault)?;
    // Realms stand in the order of environments by weight, the weightiest first: certificates
    // that name nobody are judged by the strictest.
    let mut order: Vec<usize> = (0..plan.environments.len()).collect();
    let certified = |index: &usize| {
        plan.environments.get(*index).is_some_and(|environment| {
            environment.admission != Admission::None && !environment.authorities.is_empty()
        })
    };
    order.retain(certified);
    let weight = |index: &usize| plan.environments.get(*index).map_or(0, |found| found.weight);
    order.sort_by_key(|index| std::cmp::Reverse(weight(index)));
    let realms = order
        .iter()
        .filter_map(|index| plan.environments.get(*index))
        .map(|environment| realm(environment, credentials))
        .collect();
    let sessions_max = plan.devices.len().saturating_mul(SESSIONS_PER_DEVICE).max(1024);
    let lifetime = plan.server.eap.session_lifetime.unwrap_or(Duration::ZERO);
    let material = TrustMaterial {
        server_chain: chain,
        server_key: key,
        ocsp_response: Vec::new(),
        realms,
        realm_of: realm_of(plan, order),
        session_lifetime_s: u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX),
        sessions_max,
        sessions: previous.and_then(|previous| previous.tls.sessions().cloned()),
    };
    TlsServer::new(material).map_err(SnapshotError::Trust)
}

/// The names of a certificate lead to a device or a grant, that to its environment, and that to
/// the environment's own trust. A name nobody registered has no realm.
fn realm_of(plan: &Arc<Plan>, order: Vec<usize>) -> RealmOf {
    let plan = Arc::clone(plan);
    Arc::new(move |names: &[String]| {
        let device = names.iter().find_map(|name| plan.device_by_identity(name));
        let environment = match device.and_then(|index| plan.device(index)) {
            Some(device) => device.environment,
            None => plan.grants_for(None, names).find_map(|index| plan.grant(index))?.environment,
        };
        order.iter().position(|index| *index == usize::from(environment.0))
    })
}

fn realm(environment: &Environment, credentials: &Credentials) -> Realm {
    let mine = credentials
        .authorities
        .iter()
        .filter(|authority| environment.authorities.contains(&authority.index));
    let mut realm = Realm {
        anchors: Vec::new(),
        crls: Vec::new(),
        crl: CrlRule {
            required: environment.revocation.required,
            grace: environment.revocation.grace,
            when_stale: match environment.revocation.when_stale {
                WhenStale::Refuse => StaleRule::Refuse,
                WhenStale::Accept => StaleRule::Accept,
            },
        },
    };
    for authority in mine {
        let certificates = authority.certificates_der.iter().cloned();
        realm.anchors.extend(certificates.map(CertificateDer::from));
        realm.crls.extend(authority.crl_der.clone().map(CertificateRevocationListDer::from));
    }
    realm
}
