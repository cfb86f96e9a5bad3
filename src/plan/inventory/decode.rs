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
        strict(rest, UTF_8, "UTF-8", sink)?
    } else if let Some(rest) = octets.strip_prefix(&[0xff, 0xfe]) {
        strict(rest, UTF_16LE, "UTF-16LE", sink)?
    } else if let Ok(text) = std::str::from_utf8(octets) {
        text.to_owned()
    } else {
        // The label SHIFT_JIS is Windows-31J (CP932), NEC and IBM extensions included.
        strict(octets, SHIFT_JIS, "CP932", sink)?
    };
    Some(text.replace("\r\n", "\n").replace('\r', "\n"))
}

fn strict(
    octets: &[u8],
    encoding: &'static Encoding,
    name: &'static str,
    sink: &Sink,
) -> Option<String> {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let capacity = decoder.max_utf8_buffer_length_without_replacement(octets.len())?;
    let mut text = String::with_capacity(capacity);
    let (result, read) = decoder.decode_to_string_without_replacement(octets, &mut text, true);
    let at = |line: usize| {
        Some(Origin { file: PATH.into(), line: u32::try_from(line).unwrap_or(u32::MAX) })
    };
    match result {
        DecoderResult::InputEmpty => {
            if encoding != UTF_8 {
                let finding = Finding::new(FindingKind::InventoryEncoding, at(1), "");
                sink.push(finding.fact("encoding", name));
            }
            Some(text)
        }
        // A buffer of the length asked for is never full; if it were, the file is not read.
        DecoderResult::OutputFull => None,
        DecoderResult::Malformed(bad, after) => {
            let end = read.saturating_sub(usize::from(after));
            let start = end.saturating_sub(usize::from(bad));
            let line = 1 + text.matches('\n').count();
            let finding = Finding::new(FindingKind::InventoryUndecodable, at(line), "");
            let shown = escape(octets.get(start..end).unwrap_or_default());
            let finding = finding.fact("encoding", name).fact("octet", start + 1);
            sink.push(finding.fact("octets", shown));
            None
        }
    }
}
