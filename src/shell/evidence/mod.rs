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

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use crate::record::Line;

/// Lines that may wait for the keeper.
pub const LINES_WAITING_MAX: usize = 65_536;

/// Is told once whether something was kept.
pub type Kept = Box<dyn FnOnce(bool) + Send>;

/// Where evidence is handed in; cheap to clone.
#[derive(Clone, Debug)]
pub struct Evidence {
    inputs: SyncSender<Input>,
    lost: Arc<AtomicU64>,
}

/// The other end, for the [`Keeper`].
#[derive(Debug)]
pub struct Inputs {
    receiver: Receiver<Input>,
    lost: Arc<AtomicU64>,
}

pub(super) enum Input {
    Line(Arc<Line>, Option<Kept>),
    Stop,
}

impl Evidence {
    /// Both ends.
    #[must_use]
    pub fn channel() -> (Self, Inputs) {
        let (inputs, receiver) = sync_channel(LINES_WAITING_MAX);
        let lost = Arc::new(AtomicU64::new(0));
        (Self { inputs, lost: Arc::clone(&lost) }, Inputs { receiver, lost })
    }

    /// Hands in a line.
    pub fn keep(&self, line: Arc<Line>) {
        match self.inputs.try_send(Input::Line(line, None)) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Hands in a line and is told when it is durable, or that it will not be. What does not
    /// fit is told at once and counts as lost nowhere: whoever asked will come again.
    pub fn keep_and_tell(&self, line: Arc<Line>, kept: Kept) {
        if let Err(
            TrySendError::Full(Input::Line(_, Some(kept)))
            | TrySendError::Disconnected(Input::Line(_, Some(kept))),
        ) = self.inputs.try_send(Input::Line(line, Some(kept)))
        {
            kept(false);
        }
    }

    fn stop(&self) {
        let _ = self.inputs.send(Input::Stop); // OK because a keeper that is gone needs no end
    }
}
