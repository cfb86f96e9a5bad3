//! Bytes to values and back.
//!
//! Holds no state, reads no time, decides nothing and never panics, whatever the bytes.

pub mod eap;
pub mod frame;
pub mod radius;
pub mod syslog;
pub mod snmp;
