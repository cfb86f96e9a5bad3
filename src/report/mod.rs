//! The self-check of a quarter or a year (四半期自己点検): what the evidence and the plan say
//! together, as tables that auditors read.
//!
//! Knows no file and no clock. The same records and the same plan give the same octets: nothing
//! of a report says when it was made.

mod content;
mod document;
mod html;
mod items;
mod rules;
mod tally;

pub use content::{Basis, report};
pub use document::{Cell, Column, Document, Table};
pub use html::html;
pub use items::{Items, ItemsError, ItemsFacts};
pub use tally::{Count, Decisions, NOTABLE_MAX, STRANGERS_MAX, Seen, Stranger, Tally};
