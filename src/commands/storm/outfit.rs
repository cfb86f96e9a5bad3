//! Gives the devices of a storm their certificates: their own, where the roster names files, else
//! new ones from the authority of the prepared city.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::super::arguments::shown;
use super::super::refusal::Refusal;
use super::prepare;
use crate::authority::{Authority, Credential, Identity};
use crate::eap::peer::{PeerConfig, PeerMaterial, PeerVersions};
use crate::shell::{Failure, FailureKind, clock, files};
use crate::simulation::storm::{Caller, Entry, Method, Papers, Roster};
use crate::vocabulary::{Language, Timestamp};

/// Days that certificates issued for a storm are valid.
const CERTIFICATE_DAYS: u32 = 7;

/// What devices believe and speak, and where their certificates come from.
pub(super) struct Outfitter {
    /// The directory that `storm prepare` made.
    pub(super) site: PathBuf,
    /// The authorities of the server's certificate, PEM.
    pub(super) server_anchors: PathBuf,
    /// The name in it.
    pub(super) server_name: String,
    pub(super) versions: PeerVersions,
}

/// A certificate with its intermediates, and its key.
type Credentials = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl Outfitter {
    /// Every device of a roster, ready to take part.
    pub(super) fn callers(&self, roster: &Roster) -> Result<Arc<[Caller]>, Refusal> {
        let by_certificate = |entry: &Entry| entry.method == Method::EapTls;
        let anchors = if roster.entries.iter().any(by_certificate) {
            let pem = files::read(&self.server_anchors)?;
            let anchors: Vec<_> =
                CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok).collect();
            if anchors.is_empty() {
                let failure = Failure::new(FailureKind::StormAuthority);
                return Err(failure.fact("path", shown(&self.server_anchors)).into());
            }
            anchors
        } else {
            Vec::new()
        };
        let issued = |entry: &Entry| by_certificate(entry) && entry.papers.is_none();
        let authority = roster.entries.iter().any(issued).then(|| self.authority()).transpose()?;
        let now = clock::now();
        let caller = |entry: &Entry| {
            let (mut fresh, mut resuming) = (None, None);
            if by_certificate(entry) {
                let credentials = self.credentials(entry, authority.as_ref(), now)?;
                fresh = Some(self.supplicant(entry, &credentials, &anchors, false)?);
                resuming = Some(self.supplicant(entry, &credentials, &anchors, true)?);
            }
            Ok(Caller { entry: entry.clone(), fresh, resuming })
        };
        roster.entries.iter().map(caller).collect()
    }

    fn authority(&self) -> Result<Authority, Refusal> {
        let read = |name: &str| files::read_text(&self.site.join("ca").join(name));
        Ok(Authority::load(&read("authority.pem")?, &read("authority.key")?)?)
    }

    fn credentials(
        &self,
        entry: &Entry,
        authority: Option<&Authority>,
        now: Timestamp,
    ) -> Result<Credentials, Refusal> {
        if let Some(papers) = &entry.papers {
            return self.read(entry, papers);
        }
        let authority = authority.ok_or_else(|| unusable(entry, "-"))?;
        let made = issue(authority, entry, now, CERTIFICATE_DAYS)?;
        let key = PrivatePkcs8KeyDer::from(made.key.der().expose().to_vec());
        Ok((vec![CertificateDer::from(made.issued.der)], PrivateKeyDer::from(key)))
    }

    /// Reads a device's own certificate; paths are relative to the roster.
    fn read(&self, entry: &Entry, papers: &Papers) -> Result<Credentials, Refusal> {
        let at = |name: &str| self.site.join(prepare::FOLDER).join(name);
        let (chain, key) = (files::read(&at(&papers.certificate))?, files::read(&at(&papers.key))?);
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&chain).collect();
        let chain = chain.map_err(|error| unusable(entry, error))?;
        let key = PrivateKeyDer::from_pem_slice(&key).map_err(|error| unusable(entry, error))?;
        Ok((chain, key))
    }

    fn supplicant(
        &self,
        entry: &Entry,
        (chain, key): &Credentials,
        anchors: &[CertificateDer<'static>],
        resume: bool,
    ) -> Result<Arc<PeerConfig>, Refusal> {
        let material = PeerMaterial {
            credentials: Some((chain.clone(), key.clone_key())),
            server_anchors: anchors.to_vec(),
            server_name: self.server_name.clone(),
            versions: self.versions,
            resume,
        };
        PeerConfig::new(material).map(Arc::new).map_err(|error| unusable(entry, error))
    }
}

/// Issues a device its certificate.
pub(super) fn issue(
    authority: &Authority,
    entry: &Entry,
    now: Timestamp,
    days: u32,
) -> Result<Credential, Refusal> {
    let identity = Identity::parse(&entry.user)
        .map_err(|error| unusable(entry, error.text(Language::English)))?;
    Ok(authority.issue_client(&identity, now, days)?)
}

fn unusable(entry: &Entry, cause: impl ToString) -> Refusal {
    let failure = Failure::new(FailureKind::StormPapers).fact("user", &entry.user);
    failure.fact("cause", cause).into()
}
