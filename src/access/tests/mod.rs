//! Admission as a switch sees it: octets in, octets out, over the shipped city.

mod conversation;
mod dialect;
mod fixture;
mod hostile;
mod packet;
