//! Bytes to values and back.
//!
//! Holds no state, reads no time, decides nothing and never panics: whatever the octets, a
//! reader gives a checked view or says why there is none.

pub mod eap;
