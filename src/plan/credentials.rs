//! The secrets directory: what the plan's names stand for in keys and certificates.
//!
//! `client/SWITCH.secret` (and `.next` while it is rotated, `.mab` for a fixed word of MAC
//! authentication), `server/chain.pem`, `server/key.pem`, `authority/ID.pem` and
//! `authority/ID.crl` (PEM or DER), `api/NAME.ROLE.token` and `.pem`, `detection/NAME.pem`, for a
//! receiver of alerts `alert/ID.pem`, `.token` and `.password`, and for SNMP `snmp/NAME.auth`,
//! `.priv` and `.community`, and for the tripwire `tripwire/key`. A file that is absent is a warning
//! here, since a plan can be checked on a machine without secrets. A service that starts does
//! without what is absent or spoilt as far as that keeps out nobody but whom it concerns; a reload
//! refuses it.

mod alerts;
mod certificates;
mod clients;
mod peers;
mod snmp;
mod tokens;
mod tripwire;

pub use alerts::AlertSecrets;
pub(crate) use clients::SECRET_CHARACTERS_MIN;
pub use peers::{PeerCertificate, Peers};
pub use snmp::SnmpSecrets;
pub use tokens::{ApiRole, ApiToken};
pub use tripwire::{TRIPWIRE_KEY, TRIPWIRE_KEY_OCTETS};
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::finding::Sink;
use super::{AuthorityIndex, Finding, FindingKind, Origin, Plan, ProfileIndex, Severity};
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
    /// Faults for which somebody gets no answer: clients without a secret, spoilt files.
    pub left_out: usize,
    /// The server's certificate and its intermediates, PEM.
    pub server_chain: Vec<u8>,
    /// Its private key, PEM.
    pub server_key: Secret,
    /// End of the server certificate's validity.
    pub server_end: Timestamp,
    /// The authorities of the plan.
    pub authorities: Vec<AuthorityMaterial>,
    /// Who may use the HTTP API.
    pub tokens: Vec<ApiToken>,
    /// Who proves itself by a certificate instead.
    pub peers: Peers,
    /// The receivers of alerts that have what they need, by id.
    pub alerts: BTreeMap<String, AlertSecrets>,
    /// By profile, for those whose switches can be asked for their tables.
    pub snmp: HashMap<ProfileIndex, SnmpSecrets>,
    /// What the labels of the tripwire are derived from, where it is in use.
    pub tripwire: Option<Secret>,
}

/// The files of a secrets directory.
#[derive(Debug)]
pub struct SecretFiles {
    /// By path relative to it.
    pub files: BTreeMap<String, Secret>,
    /// What is wrong with them as files, each at its own.
    pub findings: Vec<Finding>,
}

/// Reads the secrets directory for a plan. A file that is wrong is left out where that closes a
/// door and opens none. `None` when anything else that `serve` needs is absent or wrong. The
/// findings say what.
#[must_use]
pub fn credentials(
    plan: &Plan,
    secrets: SecretFiles,
    now: Timestamp,
) -> (Option<Credentials>, Vec<Finding>) {
    let SecretFiles { mut files, mut findings } = secrets;
    let (mut found, more) = read(plan, &files, now);
    findings.extend(more);
    let errors = || findings.iter().filter(|finding| finding.severity() == Severity::Error);
    let spoilt: BTreeSet<_> = errors().filter_map(spoilt_file).collect();
    if errors().any(|finding| spoilt_file(finding).is_none_or(|path| !may_be_left_out(plan, path)))
    {
        return (None, findings);
    }
    if !spoilt.is_empty() {
        let faults = found.map_or(0, |it| it.left_out) + errors().count();
        files.retain(|path, _| !spoilt.contains(path.as_str()));
        found = read(plan, &files, now).0.map(|rest| Credentials { left_out: faults, ..rest });
    }
    (found, findings)
}

/// The file below `secrets/` that a finding is at.
fn spoilt_file(finding: &Finding) -> Option<&str> {
    finding.at.as_ref()?.file.strip_prefix(DIRECTORY)
}

/// Whether a service without this file admits fewer and nobody more.
fn may_be_left_out(plan: &Plan, path: &str) -> bool {
    let needed = |id: &str| {
        let mine = |index: &AuthorityIndex| {
            plan.authorities.get(usize::from(index.0)).is_some_and(|authority| authority.id == id)
        };
        let users = || plan.environments.iter().filter(|it| it.authorities.iter().any(mine));
        users().all(|environment| environment.revocation.required)
    };
    match path.split_once('/') {
        Some(("client" | "api" | "detection" | "alert" | "snmp", _)) => true,
        Some(("authority", name)) => name.strip_suffix(".crl").is_some_and(needed),
        Some(_) | None => false,
    }
}

/// The same of these files; every error is at its file.
fn read(
    plan: &Plan,
    files: &BTreeMap<String, Secret>,
    now: Timestamp,
) -> (Option<Credentials>, Vec<Finding>) {
    let sink = Sink::default();
    unknown_files(plan, files, &sink);
    let clients = clients::read(plan, files, &sink);
    let server = certificates::server(&plan.server.eap.server_name, files, now, &sink);
    let authorities = certificates::authorities(plan, files, now, &sink);
    let tokens = tokens::read(files, &sink);
    let peers = peers::read(plan, files, now, &sink);
    let alerts = alerts::read(plan, files, &sink);
    let snmp = snmp::read(plan, files, &sink);
    let tripwire = tripwire::read(plan, files, &sink);
    let complete = || {
        let server = server?;
        let (clients, left_out) = clients?;
        Some(Credentials {
            clients,
            left_out,
            server_chain: server.chain,
            server_key: server.key,
            server_end: server.end,
            authorities: authorities?,
            tokens,
            peers,
            alerts,
            snmp,
            tripwire,
        })
    };
    (complete(), sink.into_findings())
}

/// What the receivers of alerts in use need, by id, and what is wrong with it.
#[must_use]
pub fn alert_secrets(
    plan: &Plan,
    files: &BTreeMap<String, Secret>,
) -> (BTreeMap<String, AlertSecrets>, Vec<Finding>) {
    let sink = Sink::default();
    let secrets = alerts::read(plan, files, &sink);
    (secrets, sink.into_findings())
}

/// Before the names of its files in findings.
const DIRECTORY: &str = "secrets/";
const CHAIN: &str = "server/chain.pem";
const KEY: &str = "server/key.pem";

/// A misspelt name would otherwise look like a file that is absent.
fn unknown_files(plan: &Plan, files: &BTreeMap<String, Secret>, sink: &Sink) {
    let switch = |id: &str| plan.switch_by_id(id).is_some();
    let authority = |id: &str| plan.authorities.iter().any(|authority| authority.id == id);
    let receiver = |id: &str| plan.alerts.sinks.iter().any(|sink| sink.id == id);
    let snmp = |name: &str| {
        plan.profiles.iter().filter_map(|it| it.snmp.as_ref()).any(|it| it.secret == name)
    };
    let named = |name: &str, endings: &[&str], known: &dyn Fn(&str) -> bool| {
        endings.iter().any(|ending| name.strip_suffix(ending).is_some_and(known))
    };
    for path in files.keys() {
        let known = match path.split_once('/') {
            Some(("client", name)) => named(name, &[".secret", ".next", ".mab"], &switch),
            Some(("authority", name)) => named(name, &[".pem", ".crl"], &authority),
            Some(("api", name)) => {
                [".token", ".pem"].iter().any(|ending| tokens::named(name, ending).is_some())
            }
            Some(("detection", name)) => name.strip_suffix(".pem").is_some_and(|it| !it.is_empty()),
            Some(("snmp", name)) => named(name, &[".auth", ".priv", ".community"], &snmp),
            Some(("alert", name)) => named(name, &[".pem", ".token", ".password"], &receiver),
            Some(("tripwire", name)) => name == "key",
            Some(_) | None => path == CHAIN || path == KEY,
        };
        if !known {
            sink.push(finding(FindingKind::SecretUnknown, path).fact("path", shown(path)));
        }
    }
}

/// The path as findings show it.
fn shown(path: &str) -> String {
    format!("{DIRECTORY}{path}")
}

/// A finding about a file below `secrets/` as a whole.
pub(crate) fn finding(kind: FindingKind, path: &str) -> Finding {
    Finding::new(kind, Some(Origin { file: shown(path).into(), line: 1 }), "")
}
