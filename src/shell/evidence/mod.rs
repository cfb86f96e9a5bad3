//! Keeps the evidence: one thread takes whatever is logged, keeps it in batches that are durable
//! before anybody is told so, and puts it aside on the spool while the store cannot take it.
//!
//! Whoever hands something in never waits. What fits nowhere is counted, and a record says how
//! much is missing as soon as one can be kept again.

mod keeper;
mod key;
mod packed;
mod spool;
mod sqlite;
#[cfg(test)]
mod tests;

pub use keeper::{Keeper, Settings};
pub use key::{KEY_FILE, PUBLIC_FILE, SealKey, public_key};
pub use packed::{pack, read_packed};
pub use spool::{SPOOL_FILE, SPOOL_OCTETS, Spool};
pub use sqlite::{EVIDENCE_FILE, Sqlite};

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SendError, Sender, channel};

use super::told::{Batch, Crowd};

/// Lines that may wait for the keeper.
pub const LINES_WAITING_MAX: usize = 65_536;

/// Is told once whether something was kept.
pub type Kept = Box<dyn FnOnce(bool) + Send>;

/// How many records wait on the spool of a state directory that a store has not taken yet.
///
/// # Errors
/// Spool or store cannot be read.
pub fn waiting(state: &Path, store: &Sqlite) -> io::Result<u64> {
    let Some((epoch, entries)) = Spool::look(state)? else { return Ok(0) };
    let taken = store.spooled(epoch).map_err(io::Error::other)?;
    Ok(entries.saturating_sub(taken))
}

/// Where evidence is handed in; cheap to clone.
#[derive(Clone, Debug)]
pub struct Evidence {
    inputs: Sender<Input>,
    counts: Arc<Counts>,
}

/// The other end, for the [`Keeper`].
#[derive(Debug)]
pub struct Inputs {
    receiver: Receiver<Input>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    /// Lines handed in and not yet taken by the keeper.
    waiting: Crowd,
    lost: AtomicU64,
}

pub(super) enum Input {
    Lines(Arc<Batch>, Option<Kept>),
    Stop,
}

impl Evidence {
    /// Both ends.
    #[must_use]
    pub fn channel() -> (Self, Inputs) {
        let (inputs, receiver) = channel();
        let counts: Arc<Counts> = Arc::default();
        (Self { inputs, counts: Arc::clone(&counts) }, Inputs { receiver, counts })
    }

    /// Hands in lines.
    pub(super) fn keep(&self, batch: Arc<Batch>) {
        let lines = batch.len();
        if self.put(batch, None).is_err() {
            self.counts.lost.fetch_add(lines as u64, Ordering::Relaxed);
        }
    }

    /// Hands in lines and is told when they are durable, or that they will not be. What does not
    /// fit is told at once and counts as lost nowhere: whoever asked will come again.
    pub(super) fn keep_and_tell(&self, batch: Arc<Batch>, kept: Kept) {
        if let Err(Some(kept)) = self.put(batch, Some(kept)) {
            kept(false);
        }
    }

    fn put(&self, batch: Arc<Batch>, kept: Option<Kept>) -> Result<(), Option<Kept>> {
        if !self.counts.waiting.enter(batch.len(), LINES_WAITING_MAX) {
            return Err(kept);
        }
        self.inputs.send(Input::Lines(batch, kept)).map_err(|SendError(input)| match input {
            Input::Lines(_, kept) => kept,
            Input::Stop => None,
        })
    }

    fn stop(&self) {
        let _ = self.inputs.send(Input::Stop); // OK because a keeper that is gone needs no end
    }
}
