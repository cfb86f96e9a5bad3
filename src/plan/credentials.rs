//! The secrets directory: what the plan's names stand for in keys and certificates.
//!
//! `client/SWITCH.secret` (and `.next` while it is rotated, `.mab` for a fixed word of MAC
//! authentication), `server/chain.pem`, `server/key.pem`, `authority/ID.pem` and
//! `authority/ID.crl` (PEM or DER). A file that is absent is a warning here, since a plan can be
//! checked on a machine without secrets; `serve` refuses it.

use std::collections::{BTreeMap, HashMap};

use super::{AuthorityIndex, Finding, Plan};
use crate::vocabulary::{Secret, SwitchIndex, Timestamp};

/// The secrets shared with one switch.
#[derive(Clone, Debug)]
pub struct ClientSecrets {
    /// In use.
    pub current: Secret,
    /// Accepted as well, while the switch is being changed over.
    pub next: Option<Secret>,
    /// The fixed word the switch sends as the password of MAC authentication.
    pub mab_word: Option<Secret>,
}

/// An authority's certificate and revocation list.
#[derive(Clone, Debug)]
pub struct AuthorityMaterial {
    /// Which authority.
    pub index: AuthorityIndex,
    /// Its certificates, more than one while it is being renewed.
    pub certificates_der: Vec<Vec<u8>>,
    /// Its revocation list.
    pub crl_der: Option<Vec<u8>>,
    /// End of each certificate's validity.
    pub ends: Vec<Timestamp>,
    /// When the next list is due (nextUpdate), where there is a list that says so.
    pub crl_next_update: Option<Timestamp>,
}

/// Everything secret that a plan needs to be served.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// By switch.
    pub clients: HashMap<SwitchIndex, ClientSecrets>,
    /// The server's certificate and its intermediates, PEM.
    pub server_chain: Vec<u8>,
    /// Its private key, PEM.
    pub server_key: Secret,
    /// End of the server certificate's validity.
    pub server_end: Timestamp,
    /// The authorities of the plan.
    pub authorities: Vec<AuthorityMaterial>,
}

/// Reads the secrets directory for a plan. `files` are its files by relative path, with modes
/// judged by the caller. `None` when anything `serve` needs is absent or wrong; the findings say
/// what.
#[must_use]
pub fn credentials(
    plan: &Plan,
    files: &BTreeMap<String, Secret>,
    now: Timestamp,
) -> (Option<Credentials>, Vec<Finding>) {
    let _ = (plan, files, now);
    (None, Vec::new())
}
