//! Admission as a switch sees it: octets in, octets out, over the shipped city.

mod conversation;
mod dialect;
pub(crate) mod fixture;
mod hostile;
mod packet;
