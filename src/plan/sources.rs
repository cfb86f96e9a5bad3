//! The files of a site, before anything is known of them.

use std::collections::BTreeMap;

use ring::digest;

use super::finding::Sink;
use super::{Finding, FindingKind};

/// The files of a site by path relative to their directory, with `/` between names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// What lies below `config/`.
    pub config: BTreeMap<String, Vec<u8>>,
    /// What lies below `topology/`.
    pub topology: BTreeMap<String, Vec<u8>>,
}

impl Sources {
    /// SHA-256 over every path and content, each with its length, in order.
    #[must_use]
    pub fn content_hash(&self) -> [u8; 32] {
        let mut hash = digest::Context::new(&digest::SHA256);
        for (tree, files) in [("config", &self.config), ("topology", &self.topology)] {
            for (path, content) in files {
                for part in [tree.as_bytes(), path.as_bytes(), content] {
                    hash.update(&(part.len() as u64).to_be_bytes());
                    hash.update(part);
                }
            }
        }
        hash.finish().as_ref().try_into().unwrap_or([0; 32]) // OK: SHA-256 has 32 octets
    }
}

/// Whether a file below `config/` is part of a plan: what Prometheus and Grafana read is not.
#[must_use]
pub fn concerns(path: &str) -> bool {
    !["prometheus/", "grafana/"].iter().any(|directory| path.starts_with(directory))
}

/// `profiles/ID.toml`.
pub(super) fn is_profile(path: &str) -> bool {
    path.split('/').count() == 2 && path.starts_with("profiles/") && path.ends_with(".toml")
}

/// `SITE/site.toml`.
pub(super) fn is_site(path: &str) -> bool {
    path.split('/').count() == 2 && path.ends_with("/site.toml")
}

/// A required file, or a finding.
pub(super) fn required<'a>(
    files: &'a BTreeMap<String, Vec<u8>>,
    tree: &str,
    path: &str,
    sink: &Sink,
) -> Option<&'a [u8]> {
    let found = files.get(path);
    if found.is_none() {
        let path = format!("{tree}/{path}");
        sink.push(Finding::new(FindingKind::FileAbsent, None, "").fact("path", path));
    }
    found.map(Vec::as_slice)
}
