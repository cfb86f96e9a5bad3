//! The tripwire: names that only the city's own PCs know, in a public zone.
//!
//! A PC looks its name up again and again. Inside, the inside DNS answers; a query for it at the
//! public side proves that this PC has a way out of its own, and the name says which PC it is.
//! Names are derived from a key ([`LabelKey`]) and change by [`Epoch`]; the public side holds
//! their hashes alone ([`Export`]), answers queries ([`Zone`]) and requests ([`web`]) without ever
//! saying more than it must, and learns nothing from a name it does not know.
//!
//! Reads no clock, opens no socket; acts on nothing.

mod answer;
mod directory;
mod export;
mod label;
mod limit;
mod network;
mod page;
#[cfg(test)]
mod tests;
pub mod web;
mod zone;

pub use answer::{Answer, Outcome, Transport, Zone};
pub use directory::{Directory, Labelled, Whose, labels};
pub use export::{EXPORT_OCTETS_MAX, Export, ExportError};
pub use label::{Epoch, LABEL_CHARACTERS, LabelHash, LabelKey};
pub use limit::{Limiter, Permit};
pub use network::SourceNetwork;
pub use page::{autoconfiguration, start_page};
pub use zone::{inside, outside};
