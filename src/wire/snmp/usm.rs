//! The cryptography of the user-based security model: keys from passphrases, tags, and
//! encryption in cipher feedback mode.

use aes::cipher::KeyIvInit as _;
use aes::{Aes128, Aes256};
use cfb_mode::{Decryptor, Encryptor};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Digest as _;
use subtle::ConstantTimeEq as _;

use crate::vocabulary::Secret;

/// The shortest passphrase (RFC 3414 §11.2), in octets.
pub const PASSPHRASE_OCTETS_MIN: usize = 8;
/// How many octets of the repeated passphrase are hashed (RFC 3414 §2.6).
const EXPANDED_OCTETS: usize = 1_048_576;
const EXPANSION_BLOCK_OCTETS: usize = 64;

/// How messages are authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Auth {
    /// HMAC-SHA-96 (RFC 3414 §7).
    Sha1,
    /// usmHMAC128SHA224AuthProtocol (RFC 7860).
    Sha224,
    /// usmHMAC192SHA256AuthProtocol.
    Sha256,
    /// usmHMAC256SHA384AuthProtocol.
    Sha384,
    /// usmHMAC384SHA512AuthProtocol.
    Sha512,
}

/// Evaluates the body with the hash function of a protocol.
macro_rules! with_hash {
    ($auth:expr, $hash:ident => $body:expr) => {
        match $auth {
            Auth::Sha1 => {
                type $hash = sha1::Sha1;
                $body
            }
            Auth::Sha224 => {
                type $hash = sha2::Sha224;
                $body
            }
            Auth::Sha256 => {
                type $hash = sha2::Sha256;
                $body
            }
            Auth::Sha384 => {
                type $hash = sha2::Sha384;
                $body
            }
            Auth::Sha512 => {
                type $hash = sha2::Sha512;
                $body
            }
        }
    };
}

impl Auth {
    /// Every protocol.
    pub const ALL: [Self; 5] = [Self::Sha1, Self::Sha224, Self::Sha256, Self::Sha384, Self::Sha512];

    /// As written in files: `sha-1` to `sha-512`.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Sha1 => "sha-1",
            Self::Sha224 => "sha-224",
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        }
    }

    /// How long a tag is, in octets (RFC 3414 §6.3.1, RFC 7860 §4.2.1).
    #[must_use]
    pub const fn tag_octets(self) -> usize {
        match self {
            Self::Sha1 => 12,
            Self::Sha224 => 16,
            Self::Sha256 => 24,
            Self::Sha384 => 32,
            Self::Sha512 => 48,
        }
    }

    /// Key of a passphrase (RFC 3414 §2.6, Ku).
    fn expand(self, passphrase: &[u8]) -> Secret {
        let mut endless = passphrase.iter().copied().cycle();
        let mut block = [0; EXPANSION_BLOCK_OCTETS];
        Secret::new(with_hash!(self, Hash => {
            let mut hash = Hash::new();
            for _ in 0..EXPANDED_OCTETS / EXPANSION_BLOCK_OCTETS {
                for (octet, next) in block.iter_mut().zip(&mut endless) {
                    *octet = next;
                }
                hash.update(block);
            }
            hash.finalize().to_vec()
        }))
    }

    /// Key of one engine (RFC 3414 §2.6, Kul).
    fn localise(self, key: &[u8], engine: &[u8]) -> Vec<u8> {
        with_hash!(self, Hash => {
            Hash::new().chain_update(key).chain_update(engine).chain_update(key).finalize().to_vec()
        })
    }

    fn hash(self, octets: &[u8]) -> Vec<u8> {
        with_hash!(self, Hash => Hash::digest(octets).to_vec())
    }
}

/// How messages are encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Privacy {
    /// CFB128-AES-128 (RFC 3826).
    Aes128,
    /// AES-256, a short key extended by hashing it (draft-blumenthal-aes-usm-04 §3.1.2.1).
    Aes256Blumenthal,
    /// AES-256, a short key extended by localising it anew (draft-reeder-snmpv3-usm-3desede-00
    /// §2.1), as Cisco does.
    Aes256Reeder,
}

impl Privacy {
    /// Every protocol.
    pub const ALL: [Self; 3] = [Self::Aes128, Self::Aes256Blumenthal, Self::Aes256Reeder];

    /// As written in files.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Aes128 => "aes-128",
            Self::Aes256Blumenthal => "aes-256-blumenthal",
            Self::Aes256Reeder => "aes-256-reeder",
        }
    }

    const fn key_octets(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes256Blumenthal | Self::Aes256Reeder => 32,
        }
    }

    /// A localised key of exactly as many octets as the cipher wants.
    fn fit(self, auth: Auth, mut key: Vec<u8>, engine: &[u8]) -> Secret {
        // SHA-1 and SHA-224 alone are shorter than 256 bits; once is enough for both.
        if key.len() < self.key_octets() {
            let more = match self {
                Self::Aes128 | Self::Aes256Blumenthal => auth.hash(&key),
                Self::Aes256Reeder => auth.localise(auth.expand(&key).expose(), engine),
            };
            key.extend(more);
        }
        key.truncate(self.key_octets());
        Secret::new(key)
    }
}

/// The keys of a user before they are localised: the costly step, made once for a passphrase.
#[derive(Clone, Debug)]
pub struct MasterKeys {
    auth: (Auth, Secret),
    privacy: Option<(Privacy, Secret)>,
}

impl MasterKeys {
    /// From passphrases. `None` when one is shorter than [`PASSPHRASE_OCTETS_MIN`].
    #[must_use]
    pub fn new(auth: (Auth, &Secret), privacy: Option<(Privacy, &Secret)>) -> Option<Self> {
        let long = |secret: &Secret| secret.expose().len() >= PASSPHRASE_OCTETS_MIN;
        let good = long(auth.1) && privacy.is_none_or(|(_, secret)| long(secret));
        let expand = |secret: &Secret| auth.0.expand(secret.expose());
        good.then(|| Self {
            auth: (auth.0, expand(auth.1)),
            privacy: privacy.map(|(privacy, secret)| (privacy, expand(secret))),
        })
    }

    /// The keys for one engine.
    #[must_use]
    pub fn localise(&self, engine: &[u8]) -> Keys {
        let (auth, key) = &self.auth;
        let local = |key: &Secret| auth.localise(key.expose(), engine);
        Keys {
            auth: *auth,
            auth_key: Secret::new(local(key)),
            privacy: self
                .privacy
                .as_ref()
                .map(|(privacy, key)| (*privacy, privacy.fit(*auth, local(key), engine))),
        }
    }
}

/// The keys of one user at one engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    auth: Auth,
    auth_key: Secret,
    privacy: Option<(Privacy, Secret)>,
}

impl Keys {
    /// How messages are authenticated.
    #[must_use]
    pub const fn auth(&self) -> Auth {
        self.auth
    }

    /// Whether messages are encrypted.
    #[must_use]
    pub const fn is_private(&self) -> bool {
        self.privacy.is_some()
    }

    /// The tag over the parts of a message, in which the tag itself counts as zeros
    /// (RFC 3414 §6.3.1).
    pub(super) fn tag(&self, parts: &[&[u8]]) -> Vec<u8> {
        let mut tag = with_hash!(self.auth, Hash => {
            Hmac::<Hash>::new_from_slice(self.auth_key.expose()).map(|mut mac| {
                for part in parts {
                    mac.update(part);
                }
                mac.finalize().into_bytes().to_vec()
            })
        })
        .unwrap_or_default(); // OK because HMAC takes keys of any length
        tag.truncate(self.auth.tag_octets());
        tag
    }

    /// Whether `tag` is the one over those parts, in constant time.
    pub(super) fn is_tag(&self, tag: &[u8], parts: &[&[u8]]) -> bool {
        tag.len() == self.auth.tag_octets() && bool::from(self.tag(parts).ct_eq(tag))
    }

    /// Encrypts in place; does nothing without privacy.
    pub(super) fn encrypt(&self, boots: u32, time: u32, salt: [u8; 8], octets: &mut [u8]) {
        let iv = vector(boots, time, salt);
        let Some((_, key)) = &self.privacy else { return };
        // OK because `fit` makes keys of one of these two lengths, and the vector has 16 octets.
        if let Ok(cipher) = Encryptor::<Aes128>::new_from_slices(key.expose(), &iv) {
            cipher.encrypt(octets);
        } else if let Ok(cipher) = Encryptor::<Aes256>::new_from_slices(key.expose(), &iv) {
            cipher.encrypt(octets);
        }
    }

    /// Decrypts in place.
    pub(super) fn decrypt(&self, boots: u32, time: u32, salt: [u8; 8], octets: &mut [u8]) {
        let iv = vector(boots, time, salt);
        let Some((_, key)) = &self.privacy else { return };
        if let Ok(cipher) = Decryptor::<Aes128>::new_from_slices(key.expose(), &iv) {
            cipher.decrypt(octets);
        } else if let Ok(cipher) = Decryptor::<Aes256>::new_from_slices(key.expose(), &iv) {
            cipher.decrypt(octets);
        }
    }

    #[cfg(test)]
    pub(super) fn exposed(&self) -> (&[u8], Option<&[u8]>) {
        (self.auth_key.expose(), self.privacy.as_ref().map(|(_, key)| key.expose()))
    }
}

/// The initialisation vector (RFC 3826 §3.1.2.1).
fn vector(boots: u32, time: u32, salt: [u8; 8]) -> [u8; 16] {
    let mut vector = [0; 16];
    let octets = boots.to_be_bytes().into_iter().chain(time.to_be_bytes()).chain(salt);
    for (octet, value) in vector.iter_mut().zip(octets) {
        *octet = value;
    }
    vector
}
