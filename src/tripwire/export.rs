//! What the responder in the DMZ is given: everything it needs, and nothing that names a PC.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::{Epoch, LabelHash, LabelKey, labels};
use crate::plan::{Plan, Report, Tripwire};
use crate::vocabulary::Timestamp;

/// The form of the file.
const VERSION: u32 = 1;
/// Longest file: two labels for each device that an inventory may hold, with room to spare.
pub const EXPORT_OCTETS_MAX: usize = 64 * 1024 * 1024;
/// Addresses of one kind.
const LIST_MAX: usize = 8;
/// Longest TTL in seconds.
const TTL_S_MAX: u32 = 300;

/// The file, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    version: u32,
    /// The name it reports under.
    pub id: String,
    /// The zone.
    pub zone: String,
    /// Its name servers.
    pub name_servers: Vec<String>,
    /// What labels are answered with.
    pub outside: Vec<IpAddr>,
    /// Where queries are taken.
    pub dns: Vec<SocketAddr>,
    /// Where HTTP requests are taken.
    pub http: Vec<SocketAddr>,
    /// The API it reports to.
    pub server: String,
    /// TTL of answers in seconds.
    pub ttl_s: u32,
    /// TTL of negative answers in seconds.
    pub negative_ttl_s: u32,
    /// Serial number of the zone (RFC 1982).
    pub serial: u32,
    /// The hashes of the labels in force.
    pub hashes: Vec<String>,
}

/// Why a file is none of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportError(pub String);

impl Export {
    /// What is in force at a moment: the labels of this epoch and of the one before.
    #[must_use]
    pub fn new(plan: &Plan, wire: &Tripwire, key: &LabelKey, now: Timestamp) -> Self {
        let epoch = Epoch::at(now, wire.rotation);
        let epochs = HashSet::from([epoch, epoch.previous()]);
        let all = epochs.into_iter().flat_map(|epoch| labels(plan, wire, key, epoch));
        let hashes = all.filter_map(|it| LabelHash::of(it.label.as_bytes()));
        let mut hashes: Vec<String> = hashes.map(|hash| hash.to_string()).collect();
        // In the order of the hashes, so that their place says nothing of the inventory.
        hashes.sort_unstable();
        Self {
            version: VERSION,
            id: wire.id.clone(),
            zone: wire.zone.clone(),
            name_servers: wire.name_servers.clone(),
            outside: wire.outside.clone(),
            dns: wire.dns.clone(),
            http: wire.http.clone(),
            server: wire.server.url(),
            ttl_s: wire.ttl_s,
            negative_ttl_s: wire.negative_ttl_s,
            serial: serial(now),
            hashes,
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// It is none of ours, or holds what cannot be used.
    pub fn parse(octets: &[u8]) -> Result<Self, ExportError> {
        if octets.len() > EXPORT_OCTETS_MAX {
            return Err(ExportError(format!("more than {EXPORT_OCTETS_MAX} octets")));
        }
        let read: Result<Self, _> = serde_json::from_slice(octets);
        let export = read.map_err(|cause| ExportError(cause.to_string()))?;
        let wrong = |what: &str| Err(ExportError(format!("`{what}` cannot be used")));
        if export.version != VERSION {
            return wrong("version");
        }
        let lists = [export.dns.len(), export.outside.len(), export.name_servers.len()];
        if lists.iter().any(|length| !(1..=LIST_MAX).contains(length)) {
            return wrong("dns, outside, name_servers");
        }
        if export.http.len() > LIST_MAX {
            return wrong("http");
        }
        if [export.ttl_s, export.negative_ttl_s].iter().any(|ttl| *ttl > TTL_S_MAX) {
            return wrong("ttl_s");
        }
        if export.report().is_none() {
            return wrong("server");
        }
        if export.hashes.iter().any(|hash| LabelHash::parse(hash).is_none()) {
            return wrong("hashes");
        }
        Ok(export)
    }

    /// Where it reports to; `None` for nowhere a token may be sent.
    #[must_use]
    pub fn report(&self) -> Option<Report> {
        Report::parse(&self.server).filter(Report::is_private)
    }
}

/// The serial number of a zone made now: seconds, which grow (RFC 1982).
pub(super) fn serial(now: Timestamp) -> u32 {
    u32::try_from(now.seconds().rem_euclid(1 << 32)).unwrap_or(0)
}
