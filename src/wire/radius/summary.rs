//! One line about a packet, fit for a log: no password, no key, no raw octets.

use std::fmt::{self, Write as _};
use std::net::Ipv4Addr;

use crate::vocabulary::escape;

use super::attribute::{self, Shape};
use super::view::{tagged_integer, tagged_text};
use super::{Attribute, Packet};

impl Packet<'_> {
    /// Code, identifier and attributes as one printable line. Passwords and vendor values, which
    /// may be keys, show as `…`; octets only their makers understand show as their number.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut line = format!("{} {}", self.code(), self.identifier());
        for one in self.attributes() {
            line.push(' ');
            let _ = match attribute::name(one.kind) {
                Some(name) => write!(line, "{name}={}", shown(one)),
                None => write!(line, "Attribute-{}={}", one.kind, shown(one)),
            }; // OK because a String takes every write
        }
        line
    }
}

impl fmt::Debug for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Packet({})", self.summary())
    }
}

fn shown(one: Attribute<'_>) -> String {
    let text = match attribute::shape(one.kind) {
        Shape::Text => Some(format!("\"{}\"", escape(one.value))),
        Shape::Integer => {
            one.value.try_into().ok().map(|value| u32::from_be_bytes(value).to_string())
        }
        Shape::Address => {
            <[u8; 4]>::try_from(one.value).ok().map(|value| Ipv4Addr::from(value).to_string())
        }
        Shape::TaggedInteger => {
            tagged_integer(one.value).map(|(tag, value)| format!("{}{value}", prefix(tag)))
        }
        Shape::TaggedText => {
            let (tag, text) = tagged_text(one.value);
            Some(format!("{}\"{}\"", prefix(tag), escape(text)))
        }
        Shape::Octets => None,
        Shape::Vendor => {
            one.value.first_chunk().map(|vendor| format!("{}:…", u32::from_be_bytes(*vendor)))
        }
        Shape::Hidden => Some("…".to_owned()),
    };
    text.unwrap_or_else(|| format!("({} octets)", one.value.len()))
}

fn prefix(tag: Option<u8>) -> String {
    tag.map_or_else(String::new, |tag| format!("{tag}:"))
}
