//! A sealed day as a file of its own, for the long-term archive: a line that holds the seal, then
//! the records exactly as they were hashed, one a line.

use serde::{Deserialize, Serialize};

use super::chain::{DIGEST_OCTETS, Digest, Head, Seal};
use super::store::{Record, number_of};
use crate::vocabulary::{hex, registry, unhex};

/// Names the form of the file.
const FORMAT: &str = "sekisho-segment-1";

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: String,
    key: String,
    seal: SealForm,
}

/// A seal as files hold it: hashes and signature in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealForm {
    /// The node.
    pub node: String,
    /// The day in Japan.
    pub day: String,
    /// The first record's number.
    pub first: u64,
    /// The last record's number.
    pub last: u64,
    before: String,
    head: String,
    signature: String,
}

impl SealForm {
    /// A seal to be written.
    #[must_use]
    pub fn of(seal: &Seal) -> Self {
        Self {
            node: seal.node.clone(),
            day: seal.day.clone(),
            first: seal.first,
            last: seal.last,
            before: hex(&seal.before),
            head: hex(&seal.head),
            signature: hex(&seal.signature),
        }
    }

    /// The seal, not yet proven; `None` where its octets are none.
    #[must_use]
    pub fn seal(self) -> Option<Seal> {
        Some(Seal {
            before: digest(&unhex(&self.before)?)?,
            head: digest(&unhex(&self.head)?)?,
            signature: unhex(&self.signature)?,
            node: self.node,
            day: self.day,
            first: self.first,
            last: self.last,
        })
    }
}

/// A segment that was read and found whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its seal.
    pub seal: Seal,
    /// The public key it names; whether that is the node's own the reader must know.
    pub key: Vec<u8>,
    /// Its records.
    pub records: Vec<Record>,
}

registry! {
    /// What is wrong with a segment.
    SegmentFault {
        Form "segment.form"
            ["封印ファイルの形式ではありません", "this is no segment of evidence"]
        Signature "segment.signature"
            ["封印の署名が正しくありません", "the signature of the seal is wrong"]
        Records "segment.records"
            ["記録 {sequence} が封印と一致しません(書き換え・欠落・入れ替え)", "record {sequence} does not agree with the seal: changed, missing or reordered"]
    }
}

/// Writes a segment; `key` is the public key.
#[must_use]
pub fn write_segment<'a>(
    seal: &Seal,
    key: &[u8],
    bodies: impl IntoIterator<Item = &'a str>,
) -> String {
    let header = Header { format: FORMAT.to_owned(), key: hex(key), seal: SealForm::of(seal) };
    // OK because a struct of texts and numbers always has a JSON form
    let mut text = serde_json::to_string(&header).unwrap_or_default();
    text.push('\n');
    for body in bodies {
        text.push_str(body);
        text.push('\n');
    }
    text
}

/// Reads a segment and proves it against its own seal.
///
/// # Errors
/// What is wrong, and at which record.
pub fn read_segment(text: &str) -> Result<Segment, (SegmentFault, u64)> {
    let form = (SegmentFault::Form, 0);
    let mut lines = text.lines();
    let header: Header = serde_json::from_str(lines.next().ok_or(form)?).map_err(|_| form)?;
    if header.format != FORMAT {
        return Err(form);
    }
    let seal = header.seal.seal().ok_or(form)?;
    let key = unhex(&header.key).ok_or(form)?;
    if !seal.is_signed_by(&key) {
        return Err((SegmentFault::Signature, 0));
    }
    let mut head = Head { sequence: seal.first.checked_sub(1).ok_or(form)?, hash: seal.before };
    let mut records = Vec::new();
    for line in lines {
        let wrong = (SegmentFault::Records, head.sequence + 1);
        head = head.after(line.as_bytes());
        if head.sequence > seal.last || number_of(line.as_bytes()) != Some(head.sequence) {
            return Err(wrong);
        }
        records.push(Record { sequence: head.sequence, hash: head.hash, body: line.to_owned() });
    }
    if (head.sequence, head.hash) != (seal.last, seal.head) {
        return Err((SegmentFault::Records, head.sequence));
    }
    Ok(Segment { seal, key, records })
}

fn digest(octets: &[u8]) -> Option<Digest> {
    let digest: [u8; DIGEST_OCTETS] = octets.try_into().ok()?;
    Some(digest)
}
