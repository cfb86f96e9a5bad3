//! The 802.1X conversation: EAP-TLS (RFC 5216, RFC 9190) from the server's and the peer's side,
//! as state machines over bytes.
//!
//! Knows no RADIUS, no policy, no socket and no clock. The server side ends in proven evidence
//! or a refusal, and pauses for the decision before it signals success; what a peer claims
//! (its EAP identity) is handed on as a claim and authorises nothing here.

pub mod certificate;
pub mod framing;
pub mod md5;
pub mod peer;
pub mod refusal;
pub mod server;
pub mod sessions;
pub mod signatures;
pub mod tls;
pub mod trust;

#[cfg(test)]
mod tests;
