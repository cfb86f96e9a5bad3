//! The octets of a spreadsheet's export as text: a byte order mark decides, else strict UTF-8,
//! else CP932. Never a silent guess: whatever is not UTF-8 is reported.

use encoding_rs::{DecoderResult, Encoding, SHIFT_JIS, UTF_8, UTF_16LE};

use super::devices::PATH;
use crate::plan::finding::Sink;
use crate::plan::{Finding, FindingKind, Origin};
use crate::vocabulary::escape;

/// The text with every line ending as a line feed; `None` after a finding.
pub(super) fn decode(octets: &[u8], sink: &Sink) -> Option<String> {
    let text = if let Some(rest) = octets.strip_prefix(&[0xef, 0xbb, 0xbf]) {
        strict(rest, UTF_8, "UTF-8").map(|text| (text, None))
    } else if let Some(rest) = octets.strip_prefix(&[0xff, 0xfe]) {
        strict(rest, UTF_16LE, "UTF-16LE").map(|text| (text, Some("UTF-16LE")))
    } else {
        match strict(octets, UTF_8, "UTF-8") {
            Ok(text) => Ok((text, None)),
            // The label SHIFT_JIS is Windows-31J (CP932), NEC and IBM extensions included.
            Err(fault) => match strict(octets, SHIFT_JIS, "CP932") {
                Ok(text) => Ok((text, Some("CP932"))),
                // Whichever reads further is what the file was meant to be.
                Err(other) => Err(if fault.octet >= other.octet { fault } else { other }),
            },
        }
    };
    match text {
        Ok((text, notice)) => {
            if let Some(encoding) = notice {
                let finding = Finding::new(FindingKind::InventoryEncoding, at(1), "");
                sink.push(finding.fact("encoding", encoding));
            }
            Some(text.replace("\r\n", "\n").replace('\r', "\n"))
        }
        Err(Fault { encoding, octet, line, octets }) => {
            let finding = Finding::new(FindingKind::InventoryUndecodable, at(line), "");
            let finding = finding.fact("encoding", encoding).fact("octet", octet);
            sink.push(finding.fact("octets", octets));
            None
        }
    }
}

/// Where octets are no text.
struct Fault {
    encoding: &'static str,
    /// From 1.
    octet: usize,
    /// From 1.
    line: usize,
    /// The octets, escaped.
    octets: String,
}

fn at(line: usize) -> Option<Origin> {
    Some(Origin { file: PATH.into(), line: u32::try_from(line).unwrap_or(u32::MAX) })
}

fn strict(octets: &[u8], encoding: &'static Encoding, name: &'static str) -> Result<String, Fault> {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let capacity = decoder.max_utf8_buffer_length_without_replacement(octets.len());
    let mut text = String::with_capacity(capacity.unwrap_or_default());
    let (result, read) = decoder.decode_to_string_without_replacement(octets, &mut text, true);
    let (start, end) = match result {
        DecoderResult::InputEmpty => return Ok(text),
        // A buffer of the length asked for is never full; if it were, the file is not read.
        DecoderResult::OutputFull => (read, read),
        DecoderResult::Malformed(bad, after) => {
            let end = read.saturating_sub(usize::from(after));
            (end.saturating_sub(usize::from(bad)), end)
        }
    };
    let octets = escape(octets.get(start..end).unwrap_or_default());
    let line = 1 + text.matches('\n').count();
    Err(Fault { encoding: name, octet: start + 1, line, octets })
}
