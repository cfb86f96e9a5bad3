//! Segments on disk: compressed (gzip, RFC 1952), written whole.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

/// Longest segment read, uncompressed: a day of a large city is a tenth of it.
const SEGMENT_OCTETS_MAX: u64 = 4 << 30;

/// The text of a segment.
///
/// # Errors
/// The file cannot be read or is no compressed text.
pub fn read_packed(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let packed = flate2::read::MultiGzDecoder::new(File::open(path)?);
    packed.take(SEGMENT_OCTETS_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// A segment's text as a file holds it.
///
/// # Errors
/// Never in practice: memory takes every write.
pub fn pack(text: &str) -> io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes())?;
    encoder.finish()
}
