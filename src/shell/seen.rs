//! What the service last saw, for whoever looks on: one read-only value, swapped whole.

use std::sync::{Arc, Mutex, PoisonError};

use crate::access::Snapshot;
use crate::ledger::Attachment;

/// The plan and marks in force, and who is attached where.
#[derive(Clone)]
pub struct Seen {
    /// Plan, marks and the rest.
    pub snapshot: Arc<Snapshot>,
    /// Live sessions, in the order of switch, place and address.
    pub attached: Vec<Arc<Attachment>>,
}

/// Where it is shown; at most a second old.
#[derive(Clone)]
pub struct Window(Arc<Mutex<Arc<Seen>>>);

impl Window {
    /// A window onto a service where nobody is attached yet.
    #[must_use]
    pub fn new(snapshot: Arc<Snapshot>) -> Self {
        Self(Arc::new(Mutex::new(Arc::new(Seen { snapshot, attached: Vec::new() }))))
    }

    /// Shows something new.
    pub fn show(&self, seen: Seen) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(seen);
    }

    /// What is shown now.
    #[must_use]
    pub fn look(&self) -> Arc<Seen> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
