//! A TLS ClientHello (RFC 8446 §4.1.2): the server's name and the shape of the client's offer.
//!
//! The shape is a tuple of our own: version, number of suites, number of extensions and the first
//! protocol of ALPN, without the values of RFC 8701 (GREASE) that clients draw at random.

use std::fmt;

use super::{is_host_name, u8_at, u16_at};

/// Extensions read of one hello.
const EXTENSIONS_MAX: usize = 64;

/// What a client offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// The server's name (RFC 6066 §3), in lower case; empty where there is none, or none that
    /// could be a host's.
    pub name: String,
    /// The newest version offered.
    pub version: u16,
    /// Cipher suites offered.
    pub suites: u16,
    /// Extensions sent.
    pub extensions: u16,
    /// The first protocol of ALPN (RFC 7301); empty where there is none.
    pub alpn: String,
}

impl fmt::Display for ClientHello {
    /// The shape, as `0304/16/18/h2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (version, suites, extensions, alpn) = self.shape();
        write!(f, "{version:04x}/{suites}/{extensions}/{alpn}")
    }
}

const fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}

impl ClientHello {
    /// What of it is its program's own choice.
    #[must_use]
    pub const fn shape(&self) -> (u16, u16, u16, &str) {
        (self.version, self.suites, self.extensions, self.alpn.as_str())
    }

    /// Reads a payload that begins with a record holding a ClientHello. A hello that goes on in
    /// another segment is read as far as it is here.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        // Record type 22, version 3.x, length; then handshake type 1 and its length.
        let [22, 3, _, _, _, 1, _, _, _, rest @ ..] = payload else { return None };
        let mut hello = Self { version: u16_at(rest, 0)?, ..Self::default() };
        let rest = vector8(rest.get(34..)?)?.1;
        let (suites, rest) = vector16(rest)?;
        let offered = suites.chunks_exact(2).filter_map(|pair| u16_at(pair, 0));
        hello.suites = count(offered.filter(|suite| !is_grease(*suite)).count());
        let rest = vector8(rest)?.1;
        let length = usize::from(u16_at(rest, 0).unwrap_or(0));
        let rest = rest.get(2..).unwrap_or_default();
        hello.read_extensions(rest.get(..length).unwrap_or(rest));
        Some(hello)
    }

    fn read_extensions(&mut self, mut rest: &[u8]) {
        for _ in 0..EXTENSIONS_MAX {
            let Some(kind) = u16_at(rest, 0) else { return };
            let Some((value, tail)) = rest.get(2..).and_then(vector16) else { return };
            rest = tail;
            if is_grease(kind) {
                continue;
            }
            self.extensions += 1;
            let text = |octets: &[u8]| String::from_utf8_lossy(octets).to_ascii_lowercase();
            match kind {
                // List, then type 0 and the name.
                0 => {
                    if let [_, _, 0, name @ ..] = value
                        && let Some((name, _)) = vector16(name)
                        && is_host_name(name)
                    {
                        self.name = text(name);
                    }
                }
                16 => {
                    if let Some((name, _)) = value.get(2..).and_then(vector8) {
                        self.alpn = text(name);
                    }
                }
                43 => {
                    let offered = value.get(1..).unwrap_or_default().chunks_exact(2);
                    let versions = offered.filter_map(|pair| u16_at(pair, 0));
                    let newest = versions.filter(|version| !is_grease(*version)).max();
                    self.version = newest.unwrap_or(self.version);
                }
                _ => {}
            }
        }
    }
}

/// Whether a payload begins with a record holding a ServerHello.
#[must_use]
pub const fn is_server_hello(payload: &[u8]) -> bool {
    matches!(payload, [22, 3, _, _, _, 2, ..])
}

fn count(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

fn vector8(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    octets.get(1..)?.split_at_checked(usize::from(u8_at(octets, 0)?))
}

fn vector16(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    octets.get(2..)?.split_at_checked(usize::from(u16_at(octets, 0)?))
}
