//! MD5 (RFC 1321) and HMAC-MD5 (RFC 2104) over what lies in several pieces, going on from what was
//! computed once. Nobody else pads a message here, since most of a request's arithmetic is this.

use md5::block_api::compress;

/// The block of MD5, to which HMAC pads its key (RFC 2104 §2).
const BLOCK_OCTETS: usize = 64;
/// Of a block, what the length of the message takes at its end.
const LENGTH_OCTETS: usize = 8;

/// MD5 of what was taken in so far.
#[derive(Clone)]
pub(super) struct Md5 {
    state: [u32; 4],
    octets: u64,
    /// What does not fill a block yet.
    block: [u8; BLOCK_OCTETS],
}

impl Md5 {
    /// Of nothing (RFC 1321 §3.3).
    pub(super) const fn new() -> Self {
        let state = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
        Self { state, octets: 0, block: [0; BLOCK_OCTETS] }
    }

    /// Takes in what follows.
    pub(super) fn update(&mut self, mut part: &[u8]) {
        let filled = self.filled();
        self.octets = self.octets.wrapping_add(u64::try_from(part.len()).unwrap_or_default());
        if filled > 0 {
            let Some((fits, rest)) = part.split_at_checked(BLOCK_OCTETS - filled) else {
                return self.keep(filled, part);
            };
            self.keep(filled, fits);
            compress(&mut self.state, std::slice::from_ref(&self.block));
            part = rest;
        }
        let (blocks, rest) = part.as_chunks();
        compress(&mut self.state, blocks);
        self.keep(0, rest);
    }

    /// Octets of the block that are taken.
    fn filled(&self) -> usize {
        usize::try_from(self.octets).unwrap_or_default() % BLOCK_OCTETS
    }

    /// Puts what fits into the block.
    fn keep(&mut self, at: usize, part: &[u8]) {
        if let Some(room) = self.block.get_mut(at..at + part.len()) {
            room.copy_from_slice(part);
        }
    }

    /// The digest: what was taken in, a one bit, zeros, and its length in bits (RFC 1321 §3.1).
    pub(super) fn finish(mut self) -> [u8; 16] {
        let (bits, filled) = (self.octets.wrapping_mul(8), self.filled());
        if let Some([one, zeros @ ..]) = self.block.get_mut(filled..) {
            *one = 0x80;
            zeros.fill(0);
        }
        if filled >= BLOCK_OCTETS - LENGTH_OCTETS {
            compress(&mut self.state, std::slice::from_ref(&self.block));
            self.block.fill(0);
        }
        if let Some(length) = self.block.last_chunk_mut::<LENGTH_OCTETS>() {
            *length = bits.to_le_bytes();
        }
        compress(&mut self.state, std::slice::from_ref(&self.block));
        let mut digest = [0; 16];
        for (octets, word) in digest.as_chunks_mut().0.iter_mut().zip(self.state) {
            *octets = word.to_le_bytes();
        }
        digest
    }

    /// The digest of these parts.
    pub(super) fn of(parts: &[&[u8]]) -> [u8; 16] {
        Self::new().then(parts)
    }

    /// The digest of what was taken in and these parts behind it.
    pub(super) fn then(mut self, parts: &[&[u8]]) -> [u8; 16] {
        parts.iter().for_each(|part| self.update(part));
        self.finish()
    }
}

/// HMAC-MD5 under a key whose two pads were taken in.
#[derive(Clone)]
pub(super) struct HmacMd5 {
    inner: Md5,
    outer: Md5,
}

impl HmacMd5 {
    pub(super) fn new(key: &[u8]) -> Self {
        let digest;
        let key = if key.len() > BLOCK_OCTETS {
            digest = zeroize::Zeroizing::new(Md5::of(&[key]));
            digest.as_slice()
        } else {
            key
        };
        let padded = |with: u8| {
            let mut block = zeroize::Zeroizing::new([with; BLOCK_OCTETS]);
            block.iter_mut().zip(key).for_each(|(octet, key)| *octet ^= key);
            let mut digest = Md5::new();
            digest.update(&*block);
            digest
        };
        Self { inner: padded(0x36), outer: padded(0x5c) }
    }

    /// The code of these parts, one after the other.
    pub(super) fn of(&self, parts: &[&[u8]]) -> [u8; 16] {
        let inner = self.inner.clone().then(parts);
        self.outer.clone().then(&[&inner])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vocabulary::hex;

    /// RFC 1321 §A.5.
    #[test]
    fn md5_of_the_standards_texts() {
        for (text, digest) in [
            ("", "d41d8cd98f00b204e9800998ecf8427e"),
            ("a", "0cc175b9c0f1b6a831c399e269772661"),
            ("abc", "900150983cd24fb0d6963f7d28e17f72"),
            ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
            ("abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"),
            (
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
                "d174ab98d277d9f5a5611c2c9f419d9f",
            ),
            (
                "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
                "57edf4a22be3c955ac49da2e2107b67a",
            ),
        ] {
            assert_eq!(hex(&Md5::of(&[text.as_bytes()])), digest, "{text}");
        }
    }

    /// RFC 2202 §2, test cases 1, 2, 3 and 6.
    #[test]
    fn hmac_md5_of_the_standards_keys() {
        let long = b"Test Using Larger Than Block-Size Key - Hash Key First";
        for (key, text, code) in [
            (&[0x0b; 16][..], &b"Hi There"[..], "9294727a3638bb1c13f48ef8158bfc9d"),
            (b"Jefe", b"what do ya want for nothing?", "750c783e6ab0b503eaa86e310a5db738"),
            (&[0xaa; 16], &[0xdd; 50], "56be34521d144c88dbb8c733f0e8b3f6"),
            (&[0xaa; 80], long, "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd"),
        ] {
            assert_eq!(hex(&HmacMd5::new(key).of(&[text])), code);
        }
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(parts: Vec<Vec<u8>>) {
            use md5::Digest as _;
            let slices: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            let expected: [u8; 16] = md5::Md5::digest(parts.concat()).into();
            prop_assert_eq!(Md5::of(&slices), expected);
        }
    }
}
