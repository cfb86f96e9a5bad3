//! sekisho (関所) decides who may join a city hall's network, and where.
//!
//! The order of the modules is the order of dependency: a room names only rooms above it.
//! `ARCHITECTURE.md` tells what each room is for and what it may not do.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::disallowed_methods,
        reason = "a test that goes wrong should stop loudly"
    )
)]

pub mod vocabulary;
pub mod wire;
pub mod plan;
pub mod policy;
pub mod ledger;
pub mod proof;
pub mod render;
pub mod record;
pub mod sensor;
pub mod tripwire;
pub mod report;
pub mod alert;
pub mod eap;
pub mod authority;
pub mod client;
pub mod survey;
pub mod authenticator;
pub mod access;
pub mod enforce;
pub mod simulation;
#[expect(clippy::disallowed_methods, reason = "the one room that touches the world")]
pub mod shell;
pub mod commands;
