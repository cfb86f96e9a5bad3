//! What is kept as evidence: when, who, where, into which environment, and why.
//!
//! Every line of the log becomes a [`Record`]: numbered, chained to the one before by its hash,
//! sealed day by day. Knows what a store must offer ([`Store`]), never a database, a file or a
//! clock.

mod account;
mod chain;
#[cfg(test)]
pub(crate) mod contract;
mod export;
mod incident;
#[cfg(test)]
mod memory;
mod query;
mod session;
mod store;
mod table;

pub use account::{Account, Status};
pub use chain::{Broken, BrokenKind, DIGEST_OCTETS, Digest, GENESIS, Head, Seal, Verifier, digest};
pub use export::{SealForm, Segment, SegmentFault, read_segment, write_segment};
pub use incident::{
    CITED_MAX, INCIDENTS_MAX, Incident, IncidentEvent, IncidentStep, Incidents, StepKind, cited,
    cited_text,
};
pub use query::{ANSWERS_MAX, Field, Pattern, Query, QueryError, Span, folded};
pub use session::{Session, SessionEnd, session_json};
pub(crate) use store::day_end;
pub use store::{
    Appended, COPY_SECONDS_MAX, DECISION, Line, Record, Store, Written, body, is_decision,
    numbered, time_of,
};
pub use table::{COLUMNS, TableEncoding, cell, csv, csv_rows};
