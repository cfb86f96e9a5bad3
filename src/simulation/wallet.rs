//! Certificates of simulated devices, made when they are asked for.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::authority::{Authority, AuthorityError, Identity};
use crate::eap::peer::{PeerConfig, PeerMaterial, PeerVersions};
use crate::vocabulary::Timestamp;

/// How long certificates are valid, in days.
const CERTIFICATE_DAYS: u32 = 30;
/// How long ago an expired certificate was made, in seconds: its validity ended a month ago.
const EXPIRED_AGE_S: i64 = 60 * 86_400;

/// A certificate that a device presents.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Paper {
    /// The name in it, as the inventory writes it.
    pub name: String,
    /// What is wrong with it.
    pub flaw: Option<Flaw>,
}

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flaw {
    /// Its validity is over.
    Expired,
    /// An authority made it that the city does not believe.
    OtherAuthority,
}

/// Where devices find their certificates: asked once for each attempt, so that a fleet holds TLS
/// settings only for the attempts under way.
pub trait Wallet {
    /// The settings of a device with that certificate; `None` when it cannot be had.
    fn open(&mut self, paper: &Paper) -> Option<Arc<PeerConfig>>;
}

impl<F: FnMut(&Paper) -> Option<Arc<PeerConfig>>> Wallet for F {
    fn open(&mut self, paper: &Paper) -> Option<Arc<PeerConfig>> {
        self(paper)
    }
}

/// Has every certificate made by a throw-away authority when it is asked for.
pub struct IssuingWallet {
    authority: Authority,
    other: Authority,
    server_anchor: CertificateDer<'static>,
    server_name: String,
    now: Timestamp,
}

impl IssuingWallet {
    /// A wallet whose good certificates come from `authority`, and whose devices believe
    /// `server_anchor` for a server of that name.
    ///
    /// # Errors
    /// [`AuthorityError`] when the generator fails.
    pub fn new(
        authority: Authority,
        server_anchor: Vec<u8>,
        server_name: String,
        now: Timestamp,
    ) -> Result<Self, AuthorityError> {
        let (other, _) = Authority::create("Unknown Device CA", now, CERTIFICATE_DAYS + 1)?;
        let server_anchor = CertificateDer::from(server_anchor);
        Ok(Self { authority, other, server_anchor, server_name, now })
    }
}

impl Wallet for IssuingWallet {
    fn open(&mut self, paper: &Paper) -> Option<Arc<PeerConfig>> {
        let identity = Identity::parse(&paper.name).ok()?;
        let (authority, made) = match paper.flaw {
            None => (&self.authority, self.now),
            Some(Flaw::Expired) => {
                let made = self.now.seconds().saturating_sub(EXPIRED_AGE_S);
                (&self.authority, Timestamp::from_seconds(made))
            }
            Some(Flaw::OtherAuthority) => (&self.other, self.now),
        };
        let credential = authority.issue_client(&identity, made, CERTIFICATE_DAYS).ok()?;
        let chain = vec![CertificateDer::from(credential.issued.der)];
        let key = PrivatePkcs8KeyDer::from(credential.key.der().expose().to_vec());
        let material = PeerMaterial {
            credentials: Some((chain, PrivateKeyDer::from(key))),
            server_anchors: vec![self.server_anchor.clone()],
            server_name: self.server_name.clone(),
            versions: PeerVersions::Both,
            resume: false,
        };
        PeerConfig::new(material).ok().map(Arc::new)
    }
}
