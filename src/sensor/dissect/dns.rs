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

/// A message, whose names are read by whoever wants them.
#[derive(Debug)]
pub struct Dns<'a> {
    /// Whether it is a response.
    pub response: bool,
    packet: DnsPacket<&'a [u8]>,
}

impl<'a> Dns<'a> {
    /// Reads the payload of a datagram; `None` when it is no message.
    #[must_use]
    pub fn parse(payload: &'a [u8]) -> Option<Self> {
        let packet = DnsPacket::new_checked(payload).ok()?;
        let flags = u16::from_be_bytes(*payload.get(2..)?.first_chunk()?);
        let (questions, answers) = (packet.question_count(), packet.answer_record_count());
        // Without any entry, or with absurdly many, it is something else on the same port.
        if questions > 64 || (questions == 0 && answers == 0) {
            return None;
        }
        Some(Self { response: flags & 0x8000 != 0, packet })
    }

    /// The names asked for, in lower case, as far as the message can be read.
    pub fn questions(&self) -> impl Iterator<Item = String> {
        let mut rest = self.packet.payload();
        let questions = (0..self.packet.question_count().min(ENTRIES_MAX)).map_while(move |_| {
            let (tail, question) = DnsQuestion::parse(rest).ok()?;
            rest = tail;
            Some(name(&self.packet, question.name))
        });
        questions.flatten()
    }

    /// The names answered, in lower case, as mDNS announces them and as far as the message can be
    /// read.
    pub fn answers(&self) -> impl Iterator<Item = String> {
        let questions = self.packet.question_count();
        let mut rest = Some(self.packet.payload()).filter(|_| questions <= ENTRIES_MAX);
        for _ in 0..questions {
            rest = rest.and_then(|rest| DnsQuestion::parse(rest).ok()).map(|(tail, _)| tail);
        }
        let answers =
            (0..self.packet.answer_record_count().min(ENTRIES_MAX)).map_while(move |_| {
                let (tail, record) = DnsRecord::parse(rest?).ok()?;
                rest = Some(tail);
                Some(name(&self.packet, record.name))
            });
        answers.flatten()
    }
}

fn name(packet: &DnsPacket<&[u8]>, octets: &[u8]) -> Option<String> {
    let mut text = Vec::with_capacity(NAME_OCTETS_MAX);
    for label in packet.parse_name(octets) {
        let label = label.ok()?;
        if text.len() + label.len() >= NAME_OCTETS_MAX {
            return None;
        }
        if !text.is_empty() {
            text.push(b'.');
        }
        text.extend_from_slice(label);
    }
    text.make_ascii_lowercase();
    // What is no ASCII is no name of a host, and is shown octet by octet.
    let latin1 = |octets: &[u8]| octets.iter().copied().map(char::from).collect();
    Some(if text.is_ascii() { String::from_utf8(text).ok()? } else { latin1(&text) })
}
