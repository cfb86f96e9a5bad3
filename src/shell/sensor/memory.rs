//! What a sensor has learnt, on disk: one file, replaced whole, believed whole or not at all.
//!
//! The first line says what the rest is: format, version, sensor, length and SHA-256. A file that
//! is damaged, of another version or of another sensor is set aside under a name that says when,
//! and learning begins anew.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::sensor::Memory;
use crate::shell::files::{self, FileCause};
use crate::shell::log::{self, Log};
use crate::shell::{Failure, FailureKind, clock};
use crate::vocabulary::{Language, Timestamp, hex};

/// Name of the file inside the state directory.
pub const MEMORY_FILE: &str = "sensor.learnt";
/// What the first line calls it.
const FORMAT: &str = "sekisho-sensor-memory";
/// Rises when an older program could no longer read it rightly.
const VERSION: u32 = 2;
/// The oldest version that is still read rightly.
const VERSION_MIN: u32 = 1;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    format: String,
    version: u32,
    sensor: String,
    octets: u64,
    sha256: String,
}

/// What was found.
#[derive(Debug)]
pub enum Found {
    /// Nothing was written down yet.
    Nothing,
    /// What was learnt.
    Whole(Box<Memory>),
    /// A file that cannot be believed, where it was put, and why.
    SetAside(PathBuf, String),
}

/// Reads what an earlier run of the sensor wrote.
///
/// # Errors
/// A file that cannot be believed cannot be moved either.
pub fn read(state: &Path, sensor: &str, now: Timestamp) -> Result<Found, Failure> {
    let path = state.join(MEMORY_FILE);
    let cause = match files::read(&path) {
        Ok(octets) => match parse(&octets, sensor) {
            Ok(memory) => return Ok(Found::Whole(Box::new(memory))),
            Err(cause) => cause,
        },
        Err(error) if matches!(error.cause, FileCause::System(ErrorKind::NotFound, _)) => {
            return Ok(Found::Nothing);
        }
        Err(error) => error.text(Language::English),
    };
    let aside = state.join(format!("{MEMORY_FILE}.bad-{}", now.0));
    files::replace(&path, &aside).map_err(|error| error.failure(FailureKind::FileUnwritable))?;
    Ok(Found::SetAside(aside, cause))
}

fn parse(octets: &[u8], sensor: &str) -> Result<Memory, String> {
    let split = octets.iter().position(|octet| *octet == b'\n');
    let (head, rest) = split.and_then(|at| octets.split_at_checked(at)).ok_or("no first line")?;
    let body = rest.get(1..).unwrap_or_default();
    let head: Head = serde_json::from_slice(head).map_err(|cause| cause.to_string())?;
    if head.format != FORMAT || !(VERSION_MIN..=VERSION).contains(&head.version) {
        return Err(format!("{} version {}", head.format, head.version));
    }
    if head.sensor != sensor {
        return Err(format!("it is of the sensor {}", head.sensor));
    }
    if head.octets != body.len() as u64 || head.sha256 != sum(body) {
        return Err("length or checksum differ".to_owned());
    }
    let memory: Memory = serde_json::from_slice(body).map_err(|cause| cause.to_string())?;
    memory.is_sound().then_some(memory).ok_or_else(|| "out of bounds".to_owned())
}

fn sum(body: &[u8]) -> String {
    hex(&Sha256::digest(body))
}

/// Writes what was learnt in place of what was there.
///
/// # Errors
/// The machine refuses; the old file is then untouched.
pub fn write(state: &Path, sensor: &str, memory: &Memory) -> Result<(), String> {
    let body = serde_json::to_vec(memory).map_err(|cause| cause.to_string())?;
    let head = Head {
        format: FORMAT.to_owned(),
        version: VERSION,
        sensor: sensor.to_owned(),
        octets: body.len() as u64,
        sha256: sum(&body),
    };
    let mut octets = serde_json::to_vec(&head).map_err(|cause| cause.to_string())?;
    octets.push(b'\n');
    octets.extend_from_slice(&body);
    let path = state.join(MEMORY_FILE);
    files::write_private(&path, &octets, files::PRIVATE_FILE)
        .map_err(|error| error.text(Language::English))
}

/// Writes on a thread of its own, so that no disk holds up the frames.
#[derive(Debug)]
pub struct Keeper {
    hand: SyncSender<Memory>,
    thread: JoinHandle<()>,
}

impl Keeper {
    /// Starts the thread.
    ///
    /// # Errors
    /// The machine gives none.
    pub fn start(state: &Path, sensor: &str, log: Log) -> Result<Self, Failure> {
        let (hand, taken) = sync_channel(1);
        let (state, sensor) = (state.to_owned(), sensor.to_owned());
        let thread = std::thread::Builder::new()
            .name("memory".to_owned())
            .spawn(move || keep(&taken, &state, &sensor, &log))
            .map_err(|cause| Failure::new(FailureKind::MachineRefused).fact("cause", cause))?;
        Ok(Self { hand, thread })
    }

    /// Hands in what to write; says whether it was taken, which it is not while the last one is
    /// being written.
    pub fn keep(&self, memory: Memory) -> bool {
        match self.hand.try_send(memory) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }

    /// Writes this last one, and ends.
    pub fn finish(self, memory: Memory) {
        let Self { hand, thread } = self;
        let _ = hand.send(memory); // OK because a keeper that is gone has said why
        drop(hand);
        let _ = thread.join(); // OK as above
    }
}

fn keep(taken: &Receiver<Memory>, state: &Path, sensor: &str, log: &Log) {
    let mut failed = false;
    for memory in taken {
        let written = write(state, sensor, &memory);
        if let Err(cause) = &written
            && !failed
        {
            let path = state.join(MEMORY_FILE).display().to_string();
            let facts = [("path", path), ("cause", cause.clone())];
            log.event(clock::now(), log::Event::SensorForgets, &facts);
        }
        failed = written.is_err();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENSOR: &str = "honcho-mirror";

    fn memory() -> Memory {
        Memory {
            ground: u64::MAX,
            gateways: vec!["00-00-5E-00-53-FE".to_owned()],
            claims: vec![([10, 1, 0, 1].into(), "00-00-5E-00-53-FE".to_owned())],
            hops: vec![(None, 0), (Some(110), 1)],
            habits: Vec::new(),
        }
    }

    fn found(state: &Path, sensor: &str) -> Found {
        read(state, sensor, Timestamp(7)).unwrap()
    }

    #[test]
    fn what_was_written_is_read_back_and_nothing_is_no_fault() {
        let state = tempfile::tempdir().unwrap();
        assert!(matches!(found(state.path(), SENSOR), Found::Nothing));
        write(state.path(), SENSOR, &memory()).unwrap();
        let Found::Whole(read) = found(state.path(), SENSOR) else { panic!("not whole") };
        assert_eq!(*read, memory());
    }

    #[test]
    fn every_spoilt_file_is_named_and_set_aside_and_never_believed_in_part() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join(MEMORY_FILE);
        write(state.path(), SENSOR, &memory()).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let aside = state.path().join(format!("{MEMORY_FILE}.bad-7"));
        let mut spoilt: Vec<Vec<u8>> = (0..whole.len()).map(|end| whole[..end].to_vec()).collect();
        for at in 0..whole.len() {
            let mut one = whole.clone();
            one[at] ^= 1;
            spoilt.push(one);
        }
        spoilt.push([&whole[..], b"x"].concat());
        for octets in spoilt {
            std::fs::write(&path, &octets).unwrap();
            match found(state.path(), SENSOR) {
                Found::SetAside(named, cause) => {
                    assert_eq!((named, cause.is_empty()), (aside.clone(), false));
                }
                other => panic!("{other:?} from {}", String::from_utf8_lossy(&octets)),
            }
            assert_eq!(std::fs::read(&aside).unwrap(), octets);
            assert!(!path.exists());
        }
        write(state.path(), "other", &memory()).unwrap();
        assert!(matches!(found(state.path(), SENSOR), Found::SetAside(..)));
        let unsound = Memory { hops: vec![(Some(0), 200)], ..memory() };
        write(state.path(), SENSOR, &unsound).unwrap();
        assert!(matches!(found(state.path(), SENSOR), Found::SetAside(..)));
    }
}
