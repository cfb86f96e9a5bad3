//! Capture files, pcap and pcapng, from disk or standard input.
//!
//! A reader of our own: the formats are small, the octets come from strangers, and the crates at
//! hand either hold whole blocks of any length or leave buffers, byte order and clocks to their
//! caller. This one streams, holds one frame, and says where a file breaks off.
//!
//! Both formats: <https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcap/> and
//! <https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcapng/>.

mod ng;
mod octets;
mod write;

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;

use crate::sensor::{CaptureTime, Captured, LinkType};
use crate::vocabulary::escape;

use super::failure::{Failure, FailureKind};
use ng::Interfaces;
use octets::{Order, Source};
pub use write::CaptureWriter;

/// Octets of one frame; libpcap's own bound.
pub const FRAME_OCTETS_MAX: usize = 262_144;
/// Octets of one block of pcapng that is no frame, names of machines or keys for instance.
pub const BLOCK_OCTETS_MAX: usize = 16 * 1024 * 1024;
/// Interfaces of one section of pcapng.
pub const INTERFACES_MAX: usize = 1_024;

/// Octets of a file that is read whole.
pub const FILE_OCTETS_MAX: u64 = 1 << 30;

/// Reads a file whole, as one whose digest is wanted.
///
/// # Errors
/// The failure names the file and says why it cannot be read, or that it is too large.
pub fn read_whole(path: &Path) -> Result<Vec<u8>, Failure> {
    let name = escape(path.as_os_str().as_encoded_bytes());
    let unreadable = |error: io::Error| {
        let failure = Failure::new(FailureKind::FileUnreadable).fact("path", &name);
        failure.fact("cause", error)
    };
    let mut octets = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(FILE_OCTETS_MAX + 1).read_to_end(&mut octets).map_err(unreadable)?;
    if u64::try_from(octets.len()).is_ok_and(|length| length > FILE_OCTETS_MAX) {
        let failure = Failure::new(FailureKind::FilesTooLarge).fact("path", &name);
        return Err(failure.fact("limit", FILE_OCTETS_MAX));
    }
    Ok(octets)
}

/// What is wrong with a capture, without its name.
#[derive(Debug, PartialEq, Eq)]
enum Fault {
    Foreign,
    Cut,
    Damaged(&'static str),
    Link(u32),
    Unreadable(String),
}

enum Form {
    Classic { order: Order, nanoseconds: bool, link: LinkType },
    Ng(Interfaces),
}

/// One frame's place in what was taken last.
struct Found {
    time: CaptureTime,
    link: LinkType,
    octets: Range<usize>,
}

/// A capture being read.
pub struct Capture {
    name: String,
    source: Source<Box<dyn Read>>,
    form: Form,
    number: u64,
}

impl Capture {
    /// Opens a file; `-` is standard input.
    ///
    /// # Errors
    /// The failure names the file and says whether it is unreadable, no capture, cut short, or
    /// of a link type that cannot be read.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        if path.as_os_str() == "-" {
            return Self::new("-", Box::new(io::stdin()));
        }
        let name = escape(path.as_os_str().as_encoded_bytes());
        let unreadable = |error: io::Error| {
            let failure = Failure::new(FailureKind::FileUnreadable).fact("path", &name);
            failure.fact("cause", error)
        };
        let file = File::open(path).map_err(unreadable)?;
        if file.metadata().map_err(unreadable)?.is_dir() {
            return Err(Failure::new(FailureKind::NotAFile).fact("path", &name));
        }
        Self::new(&name, Box::new(file))
    }

    /// Reads from anything; `name` is what failures call it.
    ///
    /// # Errors
    /// As [`Capture::open`].
    pub fn new(name: &str, read: Box<dyn Read>) -> Result<Self, Failure> {
        let mut source = Source::new(read);
        match begin(&mut source) {
            Ok(form) => Ok(Self { name: name.to_owned(), source, form, number: 0 }),
            Err(fault) => Err(failure(name, fault, 0, source.offset())),
        }
    }

    /// The next frame; `None` at the end.
    ///
    /// # Errors
    /// As [`Capture::open`]; frames before the fault were given.
    #[expect(clippy::should_implement_trait, reason = "a frame is lent, which Iterator cannot")]
    pub fn next(&mut self) -> Result<Option<Captured<'_>>, Failure> {
        let found = match &mut self.form {
            Form::Classic { order, nanoseconds, link } => {
                classic(&mut self.source, *order, *nanoseconds, *link)
            }
            Form::Ng(interfaces) => interfaces.next(&mut self.source),
        };
        match found {
            Ok(None) => Ok(None),
            Ok(Some(Found { time, link, octets })) => {
                self.number += 1;
                let octets = self.source.taken().get(octets).unwrap_or_default();
                Ok(Some(Captured { number: self.number, time, link, octets }))
            }
            Err(fault) => Err(failure(&self.name, fault, self.number, self.source.offset())),
        }
    }
}

fn failure(name: &str, fault: Fault, frames: u64, offset: u64) -> Failure {
    let at = |kind| {
        let failure = Failure::new(kind).fact("path", name);
        failure.fact("frames", frames).fact("offset", offset)
    };
    match fault {
        Fault::Foreign => at(FailureKind::CaptureForeign),
        Fault::Cut => at(FailureKind::CaptureCut),
        Fault::Damaged(cause) => at(FailureKind::CaptureDamaged).fact("cause", cause),
        Fault::Link(number) => at(FailureKind::CaptureLink).fact("number", number),
        Fault::Unreadable(cause) => at(FailureKind::FileUnreadable).fact("cause", cause),
    }
}

/// Reads the magic number and what follows it.
fn begin(source: &mut Source<Box<dyn Read>>) -> Result<Form, Fault> {
    let magic = source.take_or_end(4)?.ok_or(Fault::Foreign)?;
    let (order, nanoseconds) = match magic {
        [0xd4, 0xc3, 0xb2, 0xa1] => (Order::Little, false),
        [0xa1, 0xb2, 0xc3, 0xd4] => (Order::Big, false),
        [0x4d, 0x3c, 0xb2, 0xa1] => (Order::Little, true),
        [0xa1, 0xb2, 0x3c, 0x4d] => (Order::Big, true),
        [0x0a, 0x0d, 0x0d, 0x0a] => return Interfaces::begin(source).map(Form::Ng),
        _ => return Err(Fault::Foreign),
    };
    // Version, zone, accuracy and the longest frame; then the link type, whose upper half is
    // about check sequences.
    let number = order.u32_at(source.take(20)?, 16) & 0xffff;
    let link = LinkType::from_number(number).ok_or(Fault::Link(number))?;
    Ok(Form::Classic { order, nanoseconds, link })
}

/// Seconds, fraction, captured length, length on the wire, octets.
fn classic(
    source: &mut Source<Box<dyn Read>>,
    order: Order,
    nanoseconds: bool,
    link: LinkType,
) -> Result<Option<Found>, Fault> {
    let Some(header) = source.take_or_end(16)? else { return Ok(None) };
    let (seconds, fraction) = (order.u32_at(header, 0), order.u32_at(header, 4));
    let fraction = if nanoseconds { fraction } else { fraction.saturating_mul(1_000) };
    let length = usize::try_from(order.u32_at(header, 8)).unwrap_or(usize::MAX);
    if length > FRAME_OCTETS_MAX {
        return Err(Fault::Damaged("frame too long"));
    }
    source.take(length)?;
    let time = CaptureTime::new(i64::from(seconds), fraction);
    Ok(Some(Found { time, link, octets: 0..length }))
}

#[cfg(test)]
mod tests;
