//! Octets from a stream, their place in it, and the byte order of whoever wrote them.

use std::io::{ErrorKind, Read};
use std::ops::Range;

use super::Fault;

/// The byte order a capture was written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    /// The 16-bit number at `at`, 0 where the octets end.
    pub(super) fn u16_at(self, octets: &[u8], at: usize) -> u16 {
        let chunk = octets.get(at..).and_then(|rest| rest.first_chunk()).copied();
        let chunk = chunk.unwrap_or_default();
        match self {
            Self::Little => u16::from_le_bytes(chunk),
            Self::Big => u16::from_be_bytes(chunk),
        }
    }

    /// The 32-bit number at `at`, 0 where the octets end.
    pub(super) fn u32_at(self, octets: &[u8], at: usize) -> u32 {
        let chunk = octets.get(at..).and_then(|rest| rest.first_chunk()).copied();
        let chunk = chunk.unwrap_or_default();
        match self {
            Self::Little => u32::from_le_bytes(chunk),
            Self::Big => u32::from_be_bytes(chunk),
        }
    }

    /// The signed 64-bit number at `at`, 0 where the octets end.
    pub(super) fn i64_at(self, octets: &[u8], at: usize) -> i64 {
        let chunk = octets.get(at..).and_then(|rest| rest.first_chunk()).copied();
        let chunk = chunk.unwrap_or_default();
        match self {
            Self::Little => i64::from_le_bytes(chunk),
            Self::Big => i64::from_be_bytes(chunk),
        }
    }
}

/// Octets asked of a stream at once.
const READ_OCTETS: usize = 1 << 16;

/// A stream and how far it was read; what was taken last is lent, not copied.
pub(super) struct Source<R> {
    read: R,
    offset: u64,
    buffer: Vec<u8>,
    /// Where what was taken last lies in the buffer.
    taken: Range<usize>,
    /// Where what was read ahead ends.
    end: usize,
}

impl<R: Read> Source<R> {
    pub(super) fn new(read: R) -> Self {
        Self { read, offset: 0, buffer: vec![0; READ_OCTETS], taken: 0..0, end: 0 }
    }

    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// What was taken last.
    pub(super) fn taken(&self) -> &[u8] {
        self.buffer.get(self.taken.clone()).unwrap_or_default()
    }

    /// Takes the next `length` octets, which the caller has bounded; `None` when the stream ended
    /// just before them.
    pub(super) fn take_or_end(&mut self, length: usize) -> Result<Option<&[u8]>, Fault> {
        let start = self.taken.end;
        self.taken = start..start;
        if self.end - start < length {
            let ahead = self.fetch(length);
            if !matches!(ahead, Ok(true)) {
                self.advance(self.end - self.taken.start);
                return ahead.map(|_| None);
            }
        }
        self.advance(length);
        Ok(Some(self.taken()))
    }

    /// Takes the next `length` octets, which the caller has bounded.
    pub(super) fn take(&mut self, length: usize) -> Result<&[u8], Fault> {
        self.take_or_end(length)?.ok_or(Fault::Cut)
    }

    fn advance(&mut self, length: usize) {
        self.taken.end = self.taken.start + length;
        self.offset += u64::try_from(length).unwrap_or(0);
    }

    /// Reads until `length` octets lie ahead; `false` when the stream ended before the first.
    fn fetch(&mut self, length: usize) -> Result<bool, Fault> {
        let start = self.taken.start;
        self.buffer.copy_within(start..self.end, 0);
        self.end -= start;
        self.taken = 0..0;
        if self.buffer.len() < length {
            self.buffer.resize(length, 0);
        }
        while self.end < length {
            match self.read.read(self.buffer.get_mut(self.end..).unwrap_or_default()) {
                Ok(0) if self.end > 0 => return Err(Fault::Cut),
                Ok(0) => return Ok(false),
                Ok(count) => self.end += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Fault::Unreadable(error.to_string())),
            }
        }
        Ok(true)
    }
}
