//! `api/NAME.ROLE.token`: who may use the HTTP API, and for what.

use std::collections::BTreeMap;

use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq as _;

use super::super::FindingKind;
use super::super::finding::Sink;
use super::finding;
use crate::vocabulary::Secret;

/// Shortest token in characters.
pub(crate) const TOKEN_CHARACTERS_MIN: usize = 32;

/// What a token permits. Reading, operating and administering include what comes before; a sensor
/// may report and nothing else, and nobody else may report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiRole {
    /// To look.
    Read,
    /// To quarantine and release.
    Operate,
    /// To change plans.
    Administer,
    /// To report what a sensor saw.
    Sensor,
}

impl ApiRole {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Read, Self::Operate, Self::Administer, Self::Sensor];

    /// As in file names.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Operate => "operate",
            Self::Administer => "administer",
            Self::Sensor => "sensor",
        }
    }

    /// Whether it permits what `wanted` is needed for.
    #[must_use]
    pub const fn permits(self, wanted: Self) -> bool {
        match (self, wanted) {
            (Self::Sensor, Self::Sensor) => true,
            (Self::Sensor, _) | (_, Self::Sensor) => false,
            (Self::Administer, _) | (_, Self::Read) | (Self::Operate, Self::Operate) => true,
            (Self::Read | Self::Operate, _) => false,
        }
    }
}

/// A token, of which only the hash is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    /// Whose it is, for the record.
    pub name: String,
    /// What it permits.
    pub role: ApiRole,
    hash: [u8; 32],
}

impl ApiToken {
    /// A token of that name, for tests of other rooms.
    #[cfg(test)]
    pub(crate) fn of(name: &str, role: ApiRole, octets: &[u8]) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, octets).as_ref());
        Self { name: name.to_owned(), role, hash }
    }

    /// Whether this is the token, in constant time.
    #[must_use]
    pub fn is(&self, presented: &[u8]) -> bool {
        digest(&SHA256, presented).as_ref().ct_eq(&self.hash).into()
    }
}

/// Name and role of a file of that ending.
pub(super) fn named<'a>(name: &'a str, ending: &str) -> Option<(&'a str, ApiRole)> {
    let (name, role) = name.strip_suffix(ending)?.rsplit_once('.')?;
    let role = ApiRole::ALL.into_iter().find(|each| each.id() == role)?;
    (!name.is_empty()).then_some((name, role))
}

pub(super) fn read(files: &BTreeMap<String, Secret>, sink: &Sink) -> Vec<ApiToken> {
    let mut tokens = Vec::new();
    for (path, secret) in files {
        let Some((name, role)) = path.strip_prefix("api/").and_then(|name| named(name, ".token"))
        else {
            continue;
        };
        let octets = secret.expose().trim_ascii_end();
        if octets.len() < TOKEN_CHARACTERS_MIN {
            let finding = finding(FindingKind::SecretShort, path).fact("length", octets.len());
            sink.push(finding.fact("min", TOKEN_CHARACTERS_MIN));
            continue;
        }
        let mut hash = [0; 32];
        let found = digest(&SHA256, octets);
        hash.iter_mut().zip(found.as_ref()).for_each(|(own, octet)| *own = *octet);
        tokens.push(ApiToken { name: name.to_owned(), role, hash });
    }
    tokens
}
