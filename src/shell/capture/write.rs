//! Frames into a capture file, so that other programs can read what a simulation made.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::{FRAME_OCTETS_MAX, Failure, FailureKind};
use crate::sensor::Captured;
use crate::vocabulary::escape;

/// A pcap file being written: Ethernet, nanoseconds, this machine's order of octets.
pub struct CaptureWriter {
    name: String,
    file: BufWriter<File>,
    /// What went wrong first; nothing is written after that.
    fault: Option<io::Error>,
}

impl CaptureWriter {
    /// Begins a new file.
    ///
    /// # Errors
    /// The failure names the file: it exists already, or cannot be written.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let name = escape(path.as_os_str().as_encoded_bytes());
        let file = File::create_new(path);
        let file = file.map_err(|error| unwritable(&name, &error))?;
        let mut writer = Self { name, file: BufWriter::with_capacity(1 << 18, file), fault: None };
        // Magic number of nanoseconds, version 2.4, zone and accuracy, longest frame, Ethernet.
        let mut header = 0xa1b2_3c4d_u32.to_ne_bytes().to_vec();
        header.extend(2_u16.to_ne_bytes());
        header.extend(4_u16.to_ne_bytes());
        header.extend([0; 8]);
        header.extend(u32::try_from(FRAME_OCTETS_MAX).unwrap_or(u32::MAX).to_ne_bytes());
        header.extend(1_u32.to_ne_bytes());
        writer.put(&header);
        Ok(writer)
    }

    /// Adds a frame, whose time lies between 1970 and 2106.
    pub fn add(&mut self, captured: &Captured<'_>) {
        let (seconds, fraction) =
            (captured.time.0.div_euclid(1_000_000_000), captured.time.0.rem_euclid(1_000_000_000));
        let number = |value: i64| u32::try_from(value).unwrap_or(u32::MAX).to_ne_bytes();
        let length = u32::try_from(captured.octets.len()).unwrap_or(u32::MAX).to_ne_bytes();
        let header = [number(seconds), number(fraction), length, length].concat();
        self.put(&header);
        self.put(captured.octets);
    }

    fn put(&mut self, octets: &[u8]) {
        if self.fault.is_none()
            && let Err(error) = self.file.write_all(octets)
        {
            self.fault = Some(error);
        }
    }

    /// Ends the file.
    ///
    /// # Errors
    /// Whatever went wrong since the beginning.
    pub fn finish(mut self) -> Result<(), Failure> {
        let fault = self.fault.take();
        let result = fault.map_or_else(|| self.file.flush(), Err);
        result.map_err(|error| unwritable(&self.name, &error))
    }
}

fn unwritable(name: &str, error: &io::Error) -> Failure {
    Failure::new(FailureKind::FileUnwritable).fact("path", name).fact("cause", error)
}
