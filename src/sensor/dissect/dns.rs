//! Names in DNS (RFC 1035), mDNS (RFC 6762) and LLMNR (RFC 4795), by smoltcp's checked view.

use smoltcp::wire::{DnsPacket, DnsQuestion, DnsRecord};

/// Questions and answers read of one message.
const ENTRIES_MAX: u16 = 8;
/// Octets of a name (RFC 1035 §2.3.4).
pub const NAME_OCTETS_MAX: usize = 255;

/// Whether octets that somebody calls a host's name could be one: letters, digits and hyphens, and
/// the underscore that services and some hosts use.
#[must_use]
pub fn is_host_name(octets: &[u8]) -> bool {
    let letter = |octet: &u8| octet.is_ascii_alphanumeric() || b"-_.".contains(octet);
    !octets.is_empty() && octets.len() <= NAME_OCTETS_MAX && octets.iter().all(letter)
}

/// The names of a message, in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dns {
    /// Whether it is a response.
    pub response: bool,
    /// The names asked for.
    pub questions: Vec<String>,
    /// The names answered, as mDNS announces them.
    pub answers: Vec<String>,
}

impl Dns {
    /// Reads the payload of a datagram; `None` when it is no message. A message that is broken
    /// further on keeps the names before the break.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let packet = DnsPacket::new_checked(payload).ok()?;
        let flags = u16::from_be_bytes(*payload.get(2..)?.first_chunk()?);
        let mut message = Self { response: flags & 0x8000 != 0, ..Self::default() };
        let (questions, answers) = (packet.question_count(), packet.answer_record_count());
        // Without any entry, or with absurdly many, it is something else on the same port.
        if questions > 64 || (questions == 0 && answers == 0) {
            return None;
        }
        let mut rest = packet.payload();
        for _ in 0..questions.min(ENTRIES_MAX) {
            let Ok((tail, question)) = DnsQuestion::parse(rest) else { return Some(message) };
            message.questions.extend(name(&packet, question.name));
            rest = tail;
        }
        if questions > ENTRIES_MAX {
            return Some(message);
        }
        for _ in 0..answers.min(ENTRIES_MAX) {
            let Ok((tail, record)) = DnsRecord::parse(rest) else { return Some(message) };
            message.answers.extend(name(&packet, record.name));
            rest = tail;
        }
        Some(message)
    }
}

fn name(packet: &DnsPacket<&[u8]>, octets: &[u8]) -> Option<String> {
    let mut text = String::with_capacity(octets.len());
    for label in packet.parse_name(octets) {
        let label = label.ok()?;
        if text.len() + label.len() >= NAME_OCTETS_MAX {
            return None;
        }
        if !text.is_empty() {
            text.push('.');
        }
        match str::from_utf8(label) {
            Ok(label) if label.is_ascii() => text.push_str(label),
            _ => text.extend(label.iter().map(|octet| char::from(*octet))),
        }
    }
    text.make_ascii_lowercase();
    Some(text)
}
