//! Secrets from the operating system's random generator.

use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use super::{Failure, FailureKind};
use crate::vocabulary::Secret;

/// Sixty-four characters that need no quoting in shells, TOML or switch consoles, so that every
/// character carries exactly six bits.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The random generator gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RandomError;

/// A text of that many random characters, six bits each.
///
/// # Errors
/// [`RandomError`] when the operating system gives no randomness.
pub fn text(characters: usize) -> Result<Secret, RandomError> {
    let mut octets = Zeroizing::new(vec![0_u8; characters]);
    SystemRandom::new().fill(&mut octets).map_err(|_| RandomError)?;
    let chosen = octets.iter().filter_map(|octet| ALPHABET.get(usize::from(octet & 63)).copied());
    Ok(Secret::new(chosen.collect()))
}

/// Thirty-two octets for a worker's own generator.
///
/// # Errors
/// The operating system gives no randomness.
pub fn seed() -> Result<[u8; 32], Failure> {
    let mut octets = [0; 32];
    let filled = SystemRandom::new().fill(&mut octets);
    filled.map_err(|_| Failure::new(FailureKind::RandomUnavailable))?;
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_their_length_and_use_the_whole_alphabet() {
        let secret = text(4096).unwrap();
        assert_eq!(secret.expose().len(), 4096);
        // A character is missing with probability (63/64)^4096 < 10^-28.
        assert!(ALPHABET.iter().all(|character| secret.expose().contains(character)));
        assert_ne!(text(32), text(32));
    }
}
