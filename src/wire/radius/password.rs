//! Passwords and keys on the wire: hidden by MD5 pads, or answered as a CHAP challenge.

use std::fmt;
use std::ops::Deref;

use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, Zeroizing};

use super::digest::Md5;
use super::{Key, Packet, Unwritable, attribute};

/// The longest User-Password (RFC 2865 §5.2).
pub const PASSWORD_OCTETS_MAX: usize = 128;

/// The longest text under a salt: 240 octets of ciphertext less the length octet (RFC 2868 §3.5).
pub const SALTED_OCTETS_MAX: usize = 239;

/// The block in which pads are laid over a text.
const BLOCK_OCTETS: usize = 16;

/// Why a request holds no usable User-Password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PasswordFault {
    /// None in the packet.
    Absent,
    /// More than one in the packet.
    Repeated,
    /// Empty, not a multiple of 16, or more than [`PASSWORD_OCTETS_MAX`].
    Length,
    /// A NUL before the padding: the secret is wrong, or the peer means to confuse.
    EmbeddedNul,
}

impl PasswordFault {
    /// Stable name for metrics and logs.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Absent => "password-absent",
            Self::Repeated => "password-repeated",
            Self::Length => "password-length",
            Self::EmbeddedNul => "password-embedded-nul",
        }
    }
}

/// A User-Password that was read, kept in place and wiped afterwards.
pub struct UserPassword {
    octets: [u8; PASSWORD_OCTETS_MAX],
    length: usize,
    /// With its padding.
    padded: usize,
}

impl Drop for UserPassword {
    fn drop(&mut self) {
        // Not the rest, which was never written.
        self.octets.get_mut(..self.padded).unwrap_or_default().zeroize();
    }
}

impl fmt::Debug for UserPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserPassword")
    }
}

impl Deref for UserPassword {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }
}

impl Key {
    /// Reads the one User-Password of a request (RFC 2865 §5.2), without its padding. A wrong
    /// secret gives a wrong password, and often an embedded NUL.
    ///
    /// # Errors
    /// [`PasswordFault`] when there is not exactly one well-formed password.
    pub fn decode_user_password(&self, packet: &Packet<'_>) -> Result<UserPassword, PasswordFault> {
        let mut all = packet.all(attribute::USER_PASSWORD);
        let hidden = all.next().ok_or(PasswordFault::Absent)?;
        if all.next().is_some() {
            return Err(PasswordFault::Repeated);
        }
        if hidden.is_empty()
            || hidden.len() > PASSWORD_OCTETS_MAX
            || !hidden.len().is_multiple_of(BLOCK_OCTETS)
        {
            return Err(PasswordFault::Length);
        }
        let octets = [0; PASSWORD_OCTETS_MAX];
        let mut password = UserPassword { octets, length: hidden.len(), padded: hidden.len() };
        self.reveal(&[&packet.authenticator()], hidden, &mut password.octets);
        password.length = password.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
        if password.contains(&0) { Err(PasswordFault::EmbeddedNul) } else { Ok(password) }
    }

    /// Hides a password for a request with this authenticator (RFC 2865 §5.2) and appends it to
    /// `out`: at least 16 octets, padded with NUL.
    ///
    /// # Errors
    /// [`PasswordFault::Length`] above [`PASSWORD_OCTETS_MAX`], [`PasswordFault::EmbeddedNul`]
    /// when the password holds a NUL.
    pub fn encode_user_password(
        &self,
        request_authenticator: [u8; 16],
        password: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), PasswordFault> {
        if password.len() > PASSWORD_OCTETS_MAX {
            return Err(PasswordFault::Length);
        }
        if password.contains(&0) {
            return Err(PasswordFault::EmbeddedNul);
        }
        let length = password.len().max(1).next_multiple_of(BLOCK_OCTETS);
        let mut padded = Zeroizing::new(Vec::with_capacity(length));
        padded.extend_from_slice(password);
        padded.resize(length, 0);
        self.hide(&[&request_authenticator], &padded, out);
        Ok(())
    }

    /// Hides a text under a salt (RFC 2548 §2.4.2, RFC 2868 §3.5) and appends salt and ciphertext
    /// to `out`. The highest bit of the salt is set here; that no two salts of a packet are equal
    /// is the caller's to see to.
    ///
    /// # Errors
    /// [`Unwritable::TooLong`] above [`SALTED_OCTETS_MAX`].
    pub fn salted(
        &self,
        salt: [u8; 2],
        request_authenticator: [u8; 16],
        plaintext: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Unwritable> {
        let length = u8::try_from(plaintext.len()).map_err(|_| Unwritable::TooLong)?;
        if plaintext.len() > SALTED_OCTETS_MAX {
            return Err(Unwritable::TooLong);
        }
        let salt = [salt[0] | 0x80, salt[1]];
        let total = (plaintext.len() + 1).next_multiple_of(BLOCK_OCTETS);
        let mut padded = Zeroizing::new(Vec::with_capacity(total));
        padded.push(length);
        padded.extend_from_slice(plaintext);
        padded.resize(total, 0);
        out.extend_from_slice(&salt);
        self.hide(&[&request_authenticator, &salt], &padded, out);
        Ok(())
    }

    /// Reads what [`Key::salted`] wrote. `None` when the value has no such form, which is also
    /// the likely look of a wrong secret.
    #[must_use]
    pub fn unsalted(
        &self,
        request_authenticator: [u8; 16],
        value: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let (salt, hidden) = value.split_first_chunk::<2>()?;
        if salt[0] & 0x80 == 0 || hidden.is_empty() || !hidden.len().is_multiple_of(BLOCK_OCTETS) {
            return None;
        }
        let mut padded = Zeroizing::new(vec![0; hidden.len()]);
        self.reveal(&[&request_authenticator, salt], hidden, &mut padded);
        let (length, text) = padded.split_first()?;
        Some(Zeroizing::new(text.get(..usize::from(*length))?.to_vec()))
    }

    fn hide(&self, start: &[&[u8]], text: &[u8], out: &mut Vec<u8>) {
        let mut previous = None;
        for block in text.chunks(BLOCK_OCTETS) {
            let pad = match previous {
                None => self.pad(start),
                Some(from) => self.pad(&[out.get(from..).unwrap_or_default()]),
            };
            previous = Some(out.len());
            out.extend(block.iter().zip(pad).map(|(octet, pad)| octet ^ pad));
        }
    }

    /// Writes what is hidden to the front of `text`, which must have the room.
    fn reveal(&self, start: &[&[u8]], hidden: &[u8], text: &mut [u8]) {
        let mut previous = None;
        for (block, text) in hidden.chunks(BLOCK_OCTETS).zip(text.chunks_mut(BLOCK_OCTETS)) {
            let pad = match previous {
                None => self.pad(start),
                Some(previous) => self.pad(&[previous]),
            };
            previous = Some(block);
            let octets = block.iter().zip(pad).map(|(octet, pad)| octet ^ pad);
            text.iter_mut().zip(octets).for_each(|(text, octet)| *text = octet);
        }
    }
}

/// Whether the one CHAP-Password of a request answers for this password (RFC 2865 §5.3). The
/// challenge is CHAP-Challenge, else the request authenticator (RFC 2865 §5.40).
#[must_use]
pub fn chap_matches(packet: &Packet<'_>, password: &[u8]) -> bool {
    if packet.count(attribute::CHAP_PASSWORD) != 1 || packet.count(attribute::CHAP_CHALLENGE) > 1 {
        return false;
    }
    let Some(value) = packet.first(attribute::CHAP_PASSWORD) else { return false };
    let Some(identifier) = value.first() else { return false };
    let authenticator = packet.authenticator();
    let challenge = packet.first(attribute::CHAP_CHALLENGE).unwrap_or(&authenticator);
    chap_response(*identifier, password, challenge).ct_eq(value).into()
}

/// The value of CHAP-Password: identifier, then MD5 over identifier, password and challenge
/// (RFC 1994 §4.1).
#[must_use]
pub fn chap_response(identifier: u8, password: &[u8], challenge: &[u8]) -> [u8; 17] {
    let digest = Md5::of(&[&[identifier], password, challenge]);
    let mut value = [identifier; 17];
    for (to, from) in value.iter_mut().skip(1).zip(digest) {
        *to = from;
    }
    value
}
