//! Where records wait while the store cannot take them, or cannot take them as fast as they come:
//! one file of a fixed size, whose room is taken when it is made, so that a full disk cannot take
//! it back.
//!
//! ```text
//! header (32):  "skspool2"  epoch u64  reserved
//! entry:        length u32  check 8 octets  content
//! content:      a line (JSON)
//!               or, where the first bit of the length is set, lines, each with its end, as their
//!               length (u32, little-endian) and an LZ4 block
//! ```
//!
//! `check` is the beginning of SHA-256 over epoch, place in the file and content: what is left of
//! an earlier epoch, or was half written when the power went, is no entry. When everything was
//! handed on, a new epoch begins at the front. The store keeps in the same step as the lines how
//! many of an epoch it has, so that nothing is kept twice, whenever the power goes.
//!
//! Lines that come together are packed: decisions are much alike, so that nine times as many fit,
//! and packing them costs less than checking and writing them as they are.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use lz4_flex::block::{compress_prepend_size, decompress, uncompressed_size};
use ring::digest::{Context, SHA256};
use rustix::fs::{FallocateFlags, fallocate};

use crate::record::Line;
use crate::shell::clock;
use crate::shell::files::{PRIVATE_FILE, let_group_read};

/// Name of the file inside the state directory.
pub const SPOOL_FILE: &str = "evidence.spool";
/// Its size: about 180,000 records one by one, 1,800,000 decisions that come together.
pub const SPOOL_OCTETS: u64 = 128 * 1024 * 1024;

const MAGIC: &[u8; 8] = b"skspool2";
/// What an earlier version wrote, which packed nothing and could not read what is packed.
const MAGIC_BEFORE: &[u8; 8] = b"skspool1";
const HEADER_OCTETS: u64 = 32;
const ENTRY_HEAD_OCTETS: usize = 12;
/// Longest line: more than any record.
const LINE_OCTETS_MAX: usize = 65_536;
/// Lines are packed up to about so many octets at a time.
const PACK_OCTETS: usize = 128 * 1024;
/// The most that packed lines are.
const PACKED_OCTETS_MAX: usize = PACK_OCTETS + LINE_OCTETS_MAX + 1;
/// Set in the length of packed lines.
const PACKED: u32 = 1 << 31;

/// Entries looked at together when the file is opened.
const SCAN_ENTRIES: usize = 4096;
/// Octets read at once.
const READ_OCTETS: usize = 256 * 1024;

/// The open file.
#[derive(Debug)]
pub struct Spool {
    file: File,
    octets: u64,
    epoch: u64,
    /// Where the next entry goes.
    end: u64,
    entries: u64,
    /// Where the first entry is that was not handed on, and how many are before it.
    begin: u64,
    handed_on: u64,
    /// How many of those that wait were read last, and where the one after them is.
    read: (u64, u64),
}

impl Spool {
    /// Opens the spool of a state directory, or makes one of `octets`; what waits in it is read
    /// by [`Spool::lines`] or [`Spool::first`].
    ///
    /// # Errors
    /// The file cannot be read, or the disk has no room for it.
    pub fn open(state: &Path, octets: u64) -> io::Result<Self> {
        let path = state.join(SPOOL_FILE);
        let spool = Self::open_file(&path, octets)?;
        // As the store's: who asks that is told what waits.
        let_group_read(&path);
        Ok(spool)
    }

    /// The same at a path of the caller's.
    ///
    /// # Errors
    /// As [`Spool::open`].
    pub fn open_file(path: &Path, octets: u64) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(PRIVATE_FILE);
        let mut file = options.open(path)?;
        let known = recognised(&file)?;
        let found = file.metadata()?.len();
        if found > 0 && known.is_none() {
            // Whatever it is, it may hold what was acknowledged.
            std::fs::rename(path, path.with_extension(format!("unknown-{}", clock::now().0)))?;
            file = options.open(path)?;
        }
        if let Some((epoch, before)) = known {
            // One of another size goes on with its own.
            let mut spool = Self::scanned(file, found, epoch)?;
            if before {
                spool.write_header()?;
            }
            return Ok(spool);
        }
        // Never an epoch that a store has heard of.
        let mut spool = Self::empty(file, octets, clock::now().0.unsigned_abs());
        if let Err(cause) = spool.allocate() {
            // Half a spool would only take the room that others need. OK because the first cause
            // is the one to tell.
            let _ = std::fs::remove_file(path);
            return Err(cause);
        }
        Ok(spool)
    }

    /// Epoch and number of the entries in the spool of a state directory, which is not touched;
    /// `None` where there is no spool that this version knows.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn look(state: &Path) -> io::Result<Option<(u64, u64)>> {
        let file = match File::open(state.join(SPOOL_FILE)) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let Some((epoch, _)) = recognised(&file)? else { return Ok(None) };
        let found = file.metadata()?.len();
        Ok(Some((epoch, Self::scanned(file, found, epoch)?.entries)))
    }

    const fn empty(file: File, octets: u64, epoch: u64) -> Self {
        let (end, begin) = (HEADER_OCTETS, HEADER_OCTETS);
        Self { file, octets, epoch, end, entries: 0, begin, handed_on: 0, read: (0, begin) }
    }

    /// A spool with what a file holds.
    fn scanned(file: File, octets: u64, epoch: u64) -> io::Result<Self> {
        let mut spool = Self::empty(file, octets, epoch);
        loop {
            let (texts, end) = spool.read_from(spool.end, SCAN_ENTRIES)?;
            spool.entries += texts.len() as u64;
            spool.end = end;
            if texts.is_empty() {
                return Ok(spool);
            }
        }
    }

    /// Takes the room of the whole file, so that its blocks are ours.
    fn allocate(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        fallocate(&self.file, FallocateFlags::empty(), 0, self.octets)?;
        self.write_header()
    }

    fn write_header(&mut self) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(MAGIC)?;
        self.file.write_all(&self.epoch.to_be_bytes())?;
        self.file.sync_all()
    }

    /// Which filling of the file this is.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// How many lines wait.
    #[must_use]
    pub const fn waiting(&self) -> u64 {
        self.entries - self.handed_on
    }

    /// Octets that are free.
    #[must_use]
    pub const fn room(&self) -> u64 {
        self.octets - self.end
    }

    /// Whether three quarters of it are taken, also by what was handed on.
    #[must_use]
    pub const fn is_filling(&self) -> bool {
        self.end > self.octets / 4 * 3
    }

    /// Whether everything in it was handed on.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.entries > 0 && self.waiting() == 0
    }

    /// How many lines of this epoch were handed on.
    #[must_use]
    pub const fn handed_on(&self) -> u64 {
        self.handed_on
    }

    /// Puts lines behind those that wait, as many as fit; gives how many did. They are durable
    /// when this returns.
    ///
    /// # Errors
    /// The file cannot be written; then none of them counts.
    pub fn append(&mut self, lines: &[Line]) -> io::Result<usize> {
        let texts: Vec<String> =
            lines.iter().map(|line| serde_json::to_string(line).unwrap_or_default()).collect();
        self.append_texts(texts.iter().map(String::as_str))
    }

    /// The same of lines as texts.
    ///
    /// # Errors
    /// As [`Spool::append`].
    pub fn append_texts<'a>(
        &mut self,
        texts: impl IntoIterator<Item = &'a str>,
    ) -> io::Result<usize> {
        let mut texts = texts.into_iter().take_while(|text| text.len() <= LINE_OCTETS_MAX);
        let (mut octets, mut taken) = (Vec::new(), 0);
        loop {
            let (mut lines, mut length) = (Vec::new(), 0);
            while length < PACK_OCTETS
                && let Some(text) = texts.next()
            {
                length += text.len() + 1;
                lines.push(text);
            }
            let added = self.add_lines(&lines, &mut octets);
            taken += added;
            if added < lines.len() || lines.is_empty() {
                break;
            }
        }
        if taken > 0 {
            self.file.seek(SeekFrom::Start(self.end))?;
            self.file.write_all(&octets)?;
            self.file.sync_data()?;
            self.end += octets.len() as u64;
            self.entries += taken as u64;
        }
        Ok(taken)
    }

    /// Adds lines to what will be written, together or in parts, as many as fit; says how many.
    fn add_lines(&self, lines: &[&str], octets: &mut Vec<u8>) -> usize {
        match lines {
            [] => return 0,
            [line] => return self.add(line.as_bytes(), 0, octets).into(),
            [_, _, ..] => {}
        }
        let text: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
        let packed = compress_prepend_size(text.as_bytes());
        if packed.len() < text.len() && self.add(&packed, PACKED, octets) {
            return lines.len();
        }
        let (front, back) = lines.split_at(lines.len() / 2);
        match self.add_lines(front, octets) {
            added if added < front.len() => added,
            added => added + self.add_lines(back, octets),
        }
    }

    /// Adds an entry to those that will be written, if there is room.
    fn add(&self, content: &[u8], flag: u32, octets: &mut Vec<u8>) -> bool {
        let place = self.end + octets.len() as u64;
        if place + (ENTRY_HEAD_OCTETS + content.len()) as u64 > self.octets {
            return false;
        }
        octets.extend((content.len() as u32 | flag).to_be_bytes());
        octets.extend(check(self.epoch, place, content));
        octets.extend(content);
        true
    }

    /// The lines that wait, in order.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn lines(&mut self) -> io::Result<Vec<Line>> {
        let (texts, _) = self.read_from(self.begin, usize::MAX)?;
        Ok(texts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect())
    }

    /// The first lines that wait, as texts: `most` of them, and those packed with the last.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn first(&mut self, most: usize) -> io::Result<Vec<String>> {
        let (texts, place) = self.read_from(self.begin, most)?;
        self.read = (texts.len() as u64, place);
        Ok(texts)
    }

    /// The first `count` lines that wait were handed on, as many as [`Spool::first`] gives.
    ///
    /// # Errors
    /// The file cannot be read, or lines packed together were parted.
    pub fn hand_on(&mut self, count: u64) -> io::Result<()> {
        if self.read.0 != count {
            self.first(usize::try_from(count).unwrap_or(usize::MAX))?;
        }
        if self.read.0 > count {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.handed_on += self.read.0;
        self.begin = self.read.1;
        self.read = (0, self.begin);
        Ok(())
    }

    /// The lines from a place on, `most` of them and those packed with the last, and where the next
    /// entry is or goes.
    fn read_from(&mut self, from: u64, most: usize) -> io::Result<(Vec<String>, u64)> {
        self.file.seek(SeekFrom::Start(from))?;
        let rest = (&self.file).take(self.octets.saturating_sub(from));
        let mut rest = BufReader::with_capacity(READ_OCTETS, rest);
        let (mut texts, mut place) = (Vec::new(), from);
        while texts.len() < most {
            let mut head = [0; ENTRY_HEAD_OCTETS];
            if !read_whole(&mut rest, &mut head)? {
                break;
            }
            let (length, sum) = head.split_at(4);
            let length = length.iter().fold(0, |all, octet| all << 8 | u32::from(*octet));
            let (packed, length) = (length & PACKED != 0, (length & !PACKED) as usize);
            if length == 0 || length > if packed { PACKED_OCTETS_MAX } else { LINE_OCTETS_MAX } {
                break;
            }
            let mut content = vec![0; length];
            if !read_whole(&mut rest, &mut content)? || sum != check(self.epoch, place, &content) {
                break;
            }
            let content = if packed { unpack(&content) } else { Some(content) };
            let Some(text) = content.and_then(|text| String::from_utf8(text).ok()) else { break };
            if packed {
                texts.extend(text.lines().map(str::to_owned));
            } else {
                texts.push(text);
            }
            place += (ENTRY_HEAD_OCTETS + length) as u64;
        }
        Ok((texts, place))
    }

    /// Everything was handed on: a new epoch begins.
    ///
    /// # Errors
    /// The file cannot be written; then the same lines wait on.
    pub fn clear(&mut self) -> io::Result<()> {
        self.epoch += 1;
        let done = self.write_header();
        if done.is_ok() {
            (self.end, self.entries) = (HEADER_OCTETS, 0);
            (self.begin, self.handed_on) = (HEADER_OCTETS, 0);
            self.read = (0, HEADER_OCTETS);
        } else {
            self.epoch -= 1;
        }
        done
    }
}

/// Lines that were packed; `None` for what no packing makes.
fn unpack(content: &[u8]) -> Option<Vec<u8>> {
    let (length, block) = uncompressed_size(content).ok()?;
    (length <= PACKED_OCTETS_MAX).then(|| decompress(block, length).ok()).flatten()
}

/// The epoch of a spool, and whether an earlier version wrote it; `None` for another file.
fn recognised(mut file: &File) -> io::Result<Option<(u64, bool)>> {
    let mut header = [0; 16];
    if !read_whole(&mut file, &mut header)? {
        return Ok(None);
    }
    let (magic, epoch) = header.split_at(MAGIC.len());
    let before = magic == *MAGIC_BEFORE;
    let epoch = epoch.iter().fold(0, |all, octet| all << 8 | u64::from(*octet));
    Ok((before || magic == *MAGIC).then_some((epoch, before)))
}

/// False at the end of the file.
fn read_whole(from: &mut impl io::Read, buffer: &mut [u8]) -> io::Result<bool> {
    match from.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(cause) => Err(cause),
    }
}

fn check(epoch: u64, place: u64, text: &[u8]) -> [u8; 8] {
    let mut context = Context::new(&SHA256);
    context.update(&epoch.to_be_bytes());
    context.update(&place.to_be_bytes());
    context.update(text);
    let mut sum = [0; 8];
    sum.iter_mut().zip(context.finish().as_ref()).for_each(|(own, octet)| *own = *octet);
    sum
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;

    fn line(number: usize) -> Line {
        [("number".to_owned(), json!(number))].into_iter().collect()
    }

    #[test]
    fn what_waits_is_there_when_opened_again_and_gone_when_handed_on() {
        let directory = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(directory.path(), 4096).unwrap();
        assert_eq!(spool.append(&[line(1), line(2)]).unwrap(), 2);
        assert_eq!(spool.append(&[line(3)]).unwrap(), 1);
        drop(spool);
        let mut spool = Spool::open(directory.path(), 4096).unwrap();
        let epoch = spool.epoch();
        assert_eq!(spool.waiting(), 3);
        assert_eq!(spool.lines().unwrap(), [line(1), line(2), line(3)]);
        spool.clear().unwrap();
        assert_eq!(spool.append(&[line(4)]).unwrap(), 1);
        drop(spool);
        let mut spool = Spool::open(directory.path(), 4096).unwrap();
        assert_eq!((spool.lines().unwrap(), spool.epoch()), (vec![line(4)], epoch + 1));
    }

    #[test]
    fn it_is_bounded_and_its_room_is_its_own_from_the_beginning() {
        let directory = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(directory.path(), 4096).unwrap();
        let path = directory.path().join(SPOOL_FILE);
        assert_eq!(fs::metadata(&path).unwrap().len(), 4096);
        // Nothing that packing would make much shorter.
        let noise = |number: usize| line(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let lines: Vec<Line> = (1..=1000).map(noise).collect();
        let taken = spool.append(&lines).unwrap();
        assert!((50..200).contains(&taken), "{taken}");
        assert_eq!(spool.append(&lines).unwrap(), 0, "full");
        assert_eq!(fs::metadata(&path).unwrap().len(), 4096);
        assert_eq!(spool.lines().unwrap().len(), taken);
    }

    #[test]
    fn lines_are_handed_on_piece_by_piece_while_others_come() {
        let directory = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(directory.path(), 4096).unwrap();
        for number in 1..=3 {
            spool.append(&[line(number)]).unwrap();
        }
        let text = |number| serde_json::to_string(&line(number)).unwrap();
        assert_eq!(spool.first(2).unwrap(), [text(1), text(2)]);
        spool.hand_on(2).unwrap();
        spool.append(&[line(4)]).unwrap();
        assert_eq!((spool.waiting(), spool.handed_on()), (2, 2));
        assert_eq!(spool.first(9).unwrap(), [text(3), text(4)]);
        // Whoever opens it anew sees all of the epoch; the store knows how many it has.
        let mut again = Spool::open(directory.path(), 4096).unwrap();
        again.hand_on(2).unwrap();
        assert_eq!(again.first(9).unwrap(), [text(3), text(4)]);
        spool.hand_on(2).unwrap();
        spool.clear().unwrap();
        assert_eq!((spool.waiting(), spool.handed_on()), (0, 0));
    }

    #[test]
    fn one_of_another_size_goes_on_and_what_is_no_spool_is_set_aside() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(SPOOL_FILE);
        let mut spool = Spool::open(directory.path(), 4096).unwrap();
        spool.append(&[line(1)]).unwrap();
        drop(spool);
        let mut spool = Spool::open(directory.path(), 8192).unwrap();
        assert_eq!(spool.lines().unwrap(), [line(1)]);
        spool.hand_on(1).unwrap();
        assert!(spool.is_done() && !spool.is_filling());
        drop(spool);
        fs::write(&path, b"something that somebody else wrote").unwrap();
        assert_eq!(Spool::open(directory.path(), 4096).unwrap().waiting(), 0);
        let aside = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path());
        let aside: Vec<_> = aside.filter(|found| *found != path).collect();
        assert_eq!(fs::read(&aside[0]).unwrap(), b"something that somebody else wrote");
    }

    #[test]
    fn what_an_earlier_version_left_is_read_and_its_file_goes_on() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(SPOOL_FILE);
        let mut spool = Spool::open(directory.path(), 4096).unwrap();
        spool.append(&[line(1)]).unwrap();
        spool.append(&[line(2)]).unwrap();
        let epoch = spool.epoch();
        drop(spool);
        let mut octets = fs::read(&path).unwrap();
        octets[..8].copy_from_slice(MAGIC_BEFORE);
        fs::write(&path, octets).unwrap();
        assert_eq!(Spool::look(directory.path()).unwrap(), Some((epoch, 2)));
        assert_eq!(fs::read(&path).unwrap()[..8], *MAGIC_BEFORE, "looked at, not touched");
        let mut spool = Spool::open(directory.path(), 4096).unwrap();
        assert_eq!(spool.append(&[line(3), line(4)]).unwrap(), 2);
        assert_eq!(fs::read(&path).unwrap()[..8], *MAGIC);
        drop(spool);
        let mut spool = Spool::open(directory.path(), 4096).unwrap();
        assert_eq!(spool.lines().unwrap(), [line(1), line(2), line(3), line(4)]);
    }

    #[test]
    fn lines_that_come_together_are_packed_and_stay_whole() {
        let directory = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(directory.path(), SPOOL_OCTETS / 16).unwrap();
        // Three times what is packed at a time, and one line that packing does not make shorter.
        let long: String =
            (0..60_000_u32).map(|it| char::from(b'0' + (it * it % 75) as u8)).collect();
        let texts: Vec<String> = (0..4_000)
            .map(|number| format!("{{\"event\":\"AUTH\",\"place\":\"s019-sw05/0/{number}\",\"text\":\"規則 P-70 により環境 B に許可しました。\"}}"))
            .chain([format!("{{\"long\":\"{long}\"}}")])
            .collect();
        let plain: usize = texts.iter().map(String::len).sum();
        assert_eq!(spool.append_texts(texts.iter().map(String::as_str)).unwrap(), texts.len());
        assert!(spool.end < plain as u64 / 3, "{} of {plain}", spool.end);
        assert_eq!(spool.append_texts(["{}"]).unwrap(), 1);
        drop(spool);
        let mut spool = Spool::open(directory.path(), SPOOL_OCTETS / 16).unwrap();
        assert_eq!(spool.waiting(), 4_002);
        assert!(spool.hand_on(1).is_err(), "what is packed together is handed on together");
        let mut found = Vec::new();
        while spool.waiting() > 0 {
            let first = spool.first(100).unwrap();
            assert!((1..=4_000).contains(&first.len()));
            spool.hand_on(first.len() as u64).unwrap();
            found.extend(first);
        }
        assert_eq!(found.pop().unwrap(), "{}");
        assert_eq!(found, texts);
    }

    #[test]
    fn half_an_entry_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(directory.path(), 4096).unwrap();
        spool.append(&[line(1)]).unwrap();
        let end = usize::try_from(spool.end).unwrap();
        spool.append(&[line(2)]).unwrap();
        drop(spool);
        let path = directory.path().join(SPOOL_FILE);
        let whole = fs::read(&path).unwrap();
        for cut in end..end + 20 {
            let mut octets = whole.clone();
            octets[cut..].fill(0);
            fs::write(&path, &octets).unwrap();
            let mut spool = Spool::open(directory.path(), 4096).unwrap();
            assert_eq!(spool.lines().unwrap(), [line(1)], "cut at {cut}");
            assert_eq!(spool.append(&[line(9)]).unwrap(), 1);
            assert_eq!(spool.lines().unwrap(), [line(1), line(9)]);
        }
    }
}
