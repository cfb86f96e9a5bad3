//! Octets from a stream, their place in it, and the byte order of whoever wrote them.

use std::io::{ErrorKind, Read};

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

/// A stream and how far it was read.
pub(super) struct Source<R> {
    read: R,
    offset: u64,
}

impl<R: Read> Source<R> {
    pub(super) const fn new(read: R) -> Self {
        Self { read, offset: 0 }
    }

    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Fills `octets`, or gives `false` when the stream ended just before them.
    pub(super) fn fill_or_end(&mut self, octets: &mut [u8]) -> Result<bool, Fault> {
        let mut rest = &mut *octets;
        let mut any = false;
        while !rest.is_empty() {
            match self.read.read(rest) {
                Ok(0) if any => return Err(Fault::Cut),
                Ok(0) => return Ok(false),
                Ok(count) => {
                    any = true;
                    self.offset += u64::try_from(count).unwrap_or(0);
                    rest = rest.get_mut(count..).unwrap_or_default();
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Fault::Unreadable(error.to_string())),
            }
        }
        Ok(true)
    }

    /// Fills `octets`.
    pub(super) fn fill(&mut self, octets: &mut [u8]) -> Result<(), Fault> {
        let whole = octets.is_empty() || self.fill_or_end(octets)?;
        if whole { Ok(()) } else { Err(Fault::Cut) }
    }

    /// Replaces the content of `octets` by the next `length`; the caller has bounded it.
    pub(super) fn fill_vec(&mut self, octets: &mut Vec<u8>, length: usize) -> Result<(), Fault> {
        octets.resize(length, 0);
        self.fill(octets)
    }
}
