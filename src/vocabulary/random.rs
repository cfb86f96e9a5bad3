//! Unpredictable octets from a seed handed in, so that a run can be repeated in a test.

use ring::hmac;

/// HMAC-SHA-256 over a counter, keyed by the seed: a pseudo-random function in counter mode
/// (NIST SP 800-108r1 §4.1).
#[derive(Debug)]
pub struct Random {
    key: hmac::Key,
    counter: u64,
}

impl Random {
    /// A sequence of its own for each seed.
    #[must_use]
    pub fn new(seed: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, seed), counter: 0 }
    }

    /// The next `N` octets, at most 32.
    pub fn octets<const N: usize>(&mut self) -> [u8; N] {
        const { assert!(N <= 32) };
        self.counter += 1;
        let tag = hmac::sign(&self.key, &self.counter.to_be_bytes());
        let mut octets = [0; N];
        for (octet, random) in octets.iter_mut().zip(tag.as_ref()) {
            *octet = *random;
        }
        octets
    }
}
