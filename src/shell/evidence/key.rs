//! The key that seals each day's evidence: made by the node at its first start, Ed25519.

use std::path::Path;

use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use crate::shell::files::{self, FileCause, PRIVATE_FILE};
use crate::shell::{Failure, FailureKind};
use crate::vocabulary::{hex, unhex};

/// Name of the private key's file inside the state directory (PKCS #8).
pub const KEY_FILE: &str = "evidence.key";
/// Name of the public key's file (hexadecimal), to be copied to where seals are checked.
pub const PUBLIC_FILE: &str = "evidence.pub";

/// Signs seals.
pub struct SealKey(Ed25519KeyPair);

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealKey({})", hex(&self.public()))
    }
}

impl SealKey {
    /// The key of a state directory; made where there is none.
    ///
    /// # Errors
    /// The file cannot be read or written, or holds no key.
    pub fn of(state: &Path) -> Result<Self, Failure> {
        let path = state.join(KEY_FILE);
        let refused = |cause: String| {
            Failure::new(FailureKind::FileUnreadable)
                .fact("path", path.display())
                .fact("cause", cause)
        };
        let read = |octets: &[u8]| {
            Ed25519KeyPair::from_pkcs8(octets).map_err(|cause| refused(cause.to_string()))
        };
        let pair = match files::read(&path) {
            Ok(octets) => read(&octets)?,
            Err(error) if is_absent(&error.cause) => {
                let fresh = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
                    .map_err(|_| Failure::new(FailureKind::RandomUnavailable))?;
                files::write_new(&path, fresh.as_ref(), PRIVATE_FILE)
                    .map_err(|error| error.failure(FailureKind::FileUnwritable))?;
                read(fresh.as_ref())?
            }
            Err(error) => return Err(error.failure(FailureKind::FileUnreadable)),
        };
        let key = Self(pair);
        // OK because the public key can be written again at the next start; who needs it is told
        // that it is absent.
        let public = state.join(PUBLIC_FILE);
        let _ = files::write_new(&public, hex(&key.public()).as_bytes(), files::PUBLIC_FILE);
        Ok(key)
    }

    /// The signature over a message.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }

    /// The public key, 32 octets.
    #[must_use]
    pub fn public(&self) -> Vec<u8> {
        self.0.public_key().as_ref().to_vec()
    }
}

fn is_absent(cause: &FileCause) -> bool {
    matches!(cause, FileCause::System(std::io::ErrorKind::NotFound, _))
}

/// Reads a public key's file.
///
/// # Errors
/// The file cannot be read or holds no key.
pub fn public_key(path: &Path) -> Result<Vec<u8>, Failure> {
    let octets = files::read(path).map_err(|error| error.failure(FailureKind::FileUnreadable))?;
    let key = std::str::from_utf8(&octets).ok().and_then(|text| unhex(text.trim()));
    key.filter(|key| key.len() == 32).ok_or_else(|| {
        Failure::new(FailureKind::FileUnreadable)
            .fact("path", path.display())
            .fact("cause", "not an Ed25519 key")
    })
}
