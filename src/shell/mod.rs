//! The only room that touches the world: sockets, files, stores, HTTP, the control socket, the
//! log and signals.
//!
//! It decides nothing: who is admitted is `access`'s and `policy`'s word, what a site's files
//! mean is `plan`'s. Everything here carries bytes and facts between those rooms and the
//! machine, within named bounds, and never lets a slow reader hold up admission.

mod accounting;
mod admission;
pub mod api;
pub mod alert;
mod archive;
pub mod authenticator;
pub mod backup;
pub mod capture;
pub mod clock;
pub mod control;
mod detection;
mod datagrams;
mod eapol_port;
pub mod evidence;
mod failure;
pub mod files;
pub mod fleet;
pub mod http;
pub mod imports;
pub mod log;
pub mod metrics;
pub mod mirror;
mod notify;
mod openflow;
pub mod outpost;
pub mod ovsdb;
pub mod process;
pub mod post;
pub mod privileges;
pub mod random;
pub mod sensor;
pub mod seen;
pub mod service;
pub mod sources;
mod sparse;
pub mod staged;
pub mod store;
pub mod storm;
mod timekeeper;
mod tls;
pub mod tripwire;
mod told;
mod survey;
pub mod workers;

pub use failure::{Failure, FailureKind};
