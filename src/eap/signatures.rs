//! Signatures that were found right, so that none is computed twice: neither a revocation list's
//! at every handshake, nor a chain's at every resumption. Only that arithmetic is spared; dates,
//! usage and revocation are looked at every time. What was found wrong is not remembered.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ring::digest::{Context, SHA256};
use rustls::pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm};

/// Signatures remembered, beside those of revocation lists: those of a city's certificates.
pub const SIGNATURES_MAX: usize = 32_768;

type Digest = [u8; 32];

/// The signatures found right under one server's trust.
pub(super) struct Signatures {
    lists: Vec<List>,
    others: Mutex<Others>,
}

/// A revocation list, compared whole: digesting a long one would cost what is to be spared.
struct List {
    der: Vec<u8>,
    /// Under which key and algorithm its signature was found right.
    right: OnceLock<Digest>,
}

/// In two halves, of which the older goes when the younger is full.
#[derive(Default)]
struct Others {
    young: HashSet<Digest>,
    old: HashSet<Digest>,
}

impl Signatures {
    /// Remembers nothing yet; `lists` are the revocation lists in DER.
    pub(super) fn new(lists: impl Iterator<Item = Vec<u8>>) -> Self {
        let lists = lists.map(|der| List { der, right: OnceLock::new() }).collect();
        Self { lists, others: Mutex::default() }
    }

    fn has(&self, digest: &Digest) -> bool {
        let others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        others.young.contains(digest) || others.old.contains(digest)
    }

    fn remember(&self, digest: Digest) {
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if others.young.len() >= SIGNATURES_MAX / 2 {
            others.old = std::mem::take(&mut others.young);
        }
        others.young.insert(digest);
    }
}

impl List {
    /// What the list's signature is over (RFC 5280 §5.1).
    fn signed(&self, octets: usize) -> Option<&[u8]> {
        let header = match self.der.get(1)? {
            length @ 0x80.. => 2 + usize::from(length & 0x7f),
            _ => 2,
        };
        self.der.get(header..header.checked_add(octets)?)
    }
}

/// An algorithm that asks [`Signatures`] before it computes.
pub(super) struct Remembering {
    pub(super) inner: &'static dyn SignatureVerificationAlgorithm,
    pub(super) signatures: Arc<Signatures>,
}

impl fmt::Debug for Remembering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl Remembering {
    fn digest(&self, parts: &[&[u8]]) -> Digest {
        let mut context = Context::new(&SHA256);
        let (public_key, signature) = (self.public_key_alg_id(), self.signature_alg_id());
        for part in [public_key.as_ref(), signature.as_ref()].iter().chain(parts) {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        context.finish().as_ref().try_into().unwrap_or([0; 32]) // OK: SHA-256 has 32 octets
    }
}

impl SignatureVerificationAlgorithm for Remembering {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let same = |list: &&List| list.signed(message.len()) == Some(message);
        if let Some(list) = self.signatures.lists.iter().find(same) {
            let digest = self.digest(&[public_key, signature]);
            if list.right.get() != Some(&digest) {
                self.inner.verify_signature(public_key, message, signature)?;
                let _ = list.right.set(digest); // OK because a second issuer is only not spared
            }
            return Ok(());
        }
        let digest = self.digest(&[public_key, signature, message]);
        if !self.signatures.has(&digest) {
            self.inner.verify_signature(public_key, message, signature)?;
            self.signatures.remember(digest);
        }
        Ok(())
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.inner.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.inner.signature_alg_id()
    }

    fn fips(&self) -> bool {
        self.inner.fips()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Believes a signature that is the message backwards, and counts.
    #[derive(Debug)]
    struct Backwards(AtomicU32);

    impl SignatureVerificationAlgorithm for Backwards {
        fn verify_signature(
            &self,
            _public_key: &[u8],
            message: &[u8],
            signature: &[u8],
        ) -> Result<(), InvalidSignature> {
            self.0.fetch_add(1, Ordering::Relaxed);
            message.iter().rev().eq(signature).then_some(()).ok_or(InvalidSignature)
        }

        fn public_key_alg_id(&self) -> AlgorithmIdentifier {
            AlgorithmIdentifier::from_slice(&[1])
        }

        fn signature_alg_id(&self) -> AlgorithmIdentifier {
            AlgorithmIdentifier::from_slice(&[2])
        }
    }

    fn remembering(lists: &[&[u8]]) -> (Remembering, &'static Backwards) {
        let inner: &'static Backwards = Box::leak(Box::new(Backwards(AtomicU32::new(0))));
        let lists = lists.iter().map(|list| list.to_vec());
        (Remembering { inner, signatures: Arc::new(Signatures::new(lists)) }, inner)
    }

    #[test]
    fn what_was_right_is_computed_once_and_what_was_wrong_every_time() {
        // A list of long and one of short form: header, signed part, the rest.
        let short = [&[0x30, 5][..], b"abc", b"zz"].concat();
        let long = [&[0x30, 0x82, 0, 5][..], b"abd", b"zz"].concat();
        let (algorithm, inner) = remembering(&[&short, &long]);
        let computed = || inner.0.swap(0, Ordering::Relaxed);
        for message in [&b"abc"[..], b"abd", b"a certificate"] {
            let right: Vec<u8> = message.iter().rev().copied().collect();
            for _ in 0..3 {
                assert!(algorithm.verify_signature(b"key", message, &right).is_ok());
            }
            assert_eq!(computed(), 1);
            for _ in 0..2 {
                assert!(algorithm.verify_signature(b"key", message, b"wrong").is_err());
            }
            assert_eq!(computed(), 2);
            let mut other = message.to_vec();
            other[0] ^= 1;
            assert!(algorithm.verify_signature(b"key", &other, &right).is_err());
            assert_eq!(computed(), 1);
            // The same octets under another key are another question.
            assert!(algorithm.verify_signature(b"other", message, &right).is_ok());
            assert_eq!(computed(), 1);
        }
    }

    #[test]
    fn the_table_is_bounded_and_keeps_what_came_last() {
        let (algorithm, inner) = remembering(&[]);
        let verify = |number: usize| {
            let message = number.to_be_bytes();
            let signature: Vec<u8> = message.iter().rev().copied().collect();
            algorithm.verify_signature(b"key", &message, &signature).unwrap();
        };
        for number in 0..SIGNATURES_MAX * 2 {
            verify(number);
        }
        let others = algorithm.signatures.others.lock().unwrap();
        assert!(others.young.len() + others.old.len() <= SIGNATURES_MAX);
        drop(others);
        inner.0.store(0, Ordering::Relaxed);
        verify(SIGNATURES_MAX * 2 - 1);
        assert_eq!(inner.0.load(Ordering::Relaxed), 0);
        verify(0);
        assert_eq!(inner.0.load(Ordering::Relaxed), 1);
    }
}
