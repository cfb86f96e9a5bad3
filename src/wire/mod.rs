//! Bytes to values and back, for every protocol that crosses a cable here.
//!
//! Holds no state between packets, reads no clock, draws no random numbers, decides nothing and
//! does not panic, whatever the bytes. What it refuses it refuses with a counted reason.

pub mod radius;
