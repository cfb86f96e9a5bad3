//! The octets of a spreadsheet's export as text: a byte order mark decides, else strict UTF-8,
//! else CP932. Never a silent guess: whatever is not UTF-8 is reported.

use encoding_rs::{DecoderResult, Encoding, SHIFT_JIS, UTF_8, UTF_16LE};

use super::devices::PATH;
use crate::plan::finding::Sink;
use crate::plan::{Finding, FindingKind, Origin};
use crate::vocabulary::escape;

/// How a file's octets spell its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// UTF-8.
    Utf8,
    /// UTF-8 after a byte order mark.
    Utf8Marked,
    /// Little-endian UTF-16, as Excel's "Unicode text".
    Utf16,
    /// Windows-31J, what Japanese Windows calls Shift_JIS.
    Cp932,
}

impl Charset {
    /// As people call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf8Marked => "UTF-8 (BOM)",
            Self::Utf16 => "UTF-16LE",
            Self::Cp932 => "CP932",
        }
    }

    /// The octets of a text, byte order mark included; `None` when a character has none.
    pub(in crate::plan) fn encode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Utf8 => Some(text.into()),
            Self::Utf8Marked => Some([UTF_8_MARK, text.as_bytes()].concat()),
            Self::Utf16 => {
                let units = text.encode_utf16().flat_map(u16::to_le_bytes);
                Some(UTF_16_MARK.iter().copied().chain(units).collect())
            }
            Self::Cp932 => {
                // The yen sign would silently become a backslash.
                let text: String = text.chars().map(windows).collect();
                let (octets, _, replaced) = SHIFT_JIS.encode(&text);
                (!replaced && !text.contains('\u{a5}')).then(|| octets.into_owned())
            }
        }
    }
}

const UTF_8_MARK: &[u8] = &[0xef, 0xbb, 0xbf];
const UTF_16_MARK: &[u8] = &[0xff, 0xfe];

/// The text with every line ending as a line feed; `None` after a finding.
pub(super) fn decode(octets: &[u8], sink: &Sink) -> Option<String> {
    let (text, charset) = text(octets, None, PATH, sink)?;
    if matches!(charset, Charset::Utf16 | Charset::Cp932) {
        let finding = Finding::new(FindingKind::InventoryEncoding, at(PATH, 1), "");
        sink.push(finding.fact("encoding", charset.name()));
    }
    // A large file is not copied for nothing.
    Some(if text.contains('\r') { line_feeds(&text) } else { text })
}

/// A text with every line ending as a line feed.
pub(in crate::plan) fn line_feeds(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// The text as it is written, and how: as `charset` says, else as the octets show. `None` after
/// a finding.
pub(in crate::plan) fn text(
    octets: &[u8],
    charset: Option<Charset>,
    path: &str,
    sink: &Sink,
) -> Option<(String, Charset)> {
    let marked = octets.strip_prefix(UTF_8_MARK);
    let wide = octets.strip_prefix(UTF_16_MARK);
    let text = match (charset, marked, wide) {
        (None | Some(Charset::Utf8 | Charset::Utf8Marked), Some(rest), _) => {
            strict(rest, UTF_8, Charset::Utf8Marked)
        }
        (None, _, Some(rest)) => strict(rest, UTF_16LE, Charset::Utf16),
        (Some(Charset::Utf16), _, rest) => strict(rest.unwrap_or(octets), UTF_16LE, Charset::Utf16),
        (Some(Charset::Cp932), ..) => strict(octets, SHIFT_JIS, Charset::Cp932),
        (Some(Charset::Utf8 | Charset::Utf8Marked), None, _) => {
            strict(octets, UTF_8, Charset::Utf8)
        }
        (None, None, None) => strict(octets, UTF_8, Charset::Utf8).or_else(|fault| {
            // The label SHIFT_JIS is Windows-31J (CP932), NEC and IBM extensions included.
            // Whichever reads further is what the file was meant to be.
            strict(octets, SHIFT_JIS, Charset::Cp932)
                .map_err(|other| if fault.octet >= other.octet { fault } else { other })
        }),
    };
    match text {
        Ok(text) => Some(text),
        Err(Fault { encoding, octet, line, octets }) => {
            let finding = Finding::new(FindingKind::InventoryUndecodable, at(path, line), "");
            let finding = finding.fact("encoding", encoding).fact("octet", octet);
            sink.push(finding.fact("octets", octets));
            None
        }
    }
}

/// A character as Windows maps it, where Macintosh and Unix differ.
const fn windows(letter: char) -> char {
    match letter {
        '\u{301c}' => '\u{ff5e}',
        '\u{2014}' => '\u{2015}',
        '\u{2016}' => '\u{2225}',
        other => other,
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

fn at(path: &str, line: usize) -> Option<Origin> {
    Some(Origin { file: path.into(), line: u32::try_from(line).unwrap_or(u32::MAX) })
}

fn strict(
    octets: &[u8],
    encoding: &'static Encoding,
    charset: Charset,
) -> Result<(String, Charset), Fault> {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let capacity = decoder.max_utf8_buffer_length_without_replacement(octets.len());
    let mut text = String::with_capacity(capacity.unwrap_or_default());
    let (result, read) = decoder.decode_to_string_without_replacement(octets, &mut text, true);
    let (start, end) = match result {
        DecoderResult::InputEmpty => return Ok((text, charset)),
        // A buffer of the length asked for is never full; if it were, the file is not read.
        DecoderResult::OutputFull => (read, read),
        DecoderResult::Malformed(bad, after) => {
            let end = read.saturating_sub(usize::from(after));
            (end.saturating_sub(usize::from(bad)), end)
        }
    };
    let octets = escape(octets.get(start..end).unwrap_or_default());
    let line = 1 + text.matches('\n').count();
    Err(Fault { encoding: charset.name(), octet: start + 1, line, octets })
}
