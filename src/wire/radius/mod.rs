//! RADIUS packets: reading, writing, and the computations that a shared secret keys.
//!
//! ```text
//!  0               1               2               3
//! +---------------+---------------+-------------------------------+
//! |     Code      |  Identifier   |            Length             |
//! +---------------+---------------+-------------------------------+
//! |              Authenticator (16 octets) …                      |
//! +---------------+---------------+-------------------------------+
//! |     Type      |    Length     |  Value (0 to 253 octets) …    |
//! +---------------+---------------+-------------------------------+
//! ```
//!
//! [`Packet`] is a checked view of a datagram that borrows its octets, [`Writer`] fills a buffer
//! that its caller reuses, [`Key`] holds what one shared secret keys. Only the octets that Length
//! counts are ever read, printed or hashed; those after it are padding (RFC 2865 §3). Whether a
//! missing Message-Authenticator is acceptable, and what an attribute means, others decide.

pub mod attribute;
mod code;
mod digest;
mod key;
mod packet;
mod password;
mod summary;
#[cfg(test)]
mod tests;
pub mod view;
mod writer;

pub use code::Code;
pub use key::{Key, MessageAuthenticator, ReplyFault};
pub use packet::{Attribute, Attributes, Malformed, Packet};
pub use password::{PASSWORD_OCTETS_MAX, PasswordFault, SALTED_OCTETS_MAX};
pub use password::{chap_matches, chap_response};
pub use writer::{PROXY_STATE_OCTETS_MAX, PROXY_STATES_MAX, Unwritable, Writer};

/// The fixed part of a packet: code, identifier, length and authenticator (RFC 2865 §3).
pub const HEADER_OCTETS: usize = 20;

/// The longest packet (RFC 2865 §3), and what a receive buffer holds: octets beyond the Length
/// field are padding, and Length is never larger, so nothing beyond this is ever read.
pub const PACKET_OCTETS_MAX: usize = 4096;

/// The longest value of one attribute: 255 less type and length (RFC 2865 §5).
pub const VALUE_OCTETS_MAX: usize = 253;

/// More attributes than any honest peer sends; a packet with more is refused.
pub const ATTRIBUTES_MAX: usize = 200;

/// SMI number of Microsoft, whose attributes carry the link keys (RFC 2548).
pub const VENDOR_MICROSOFT: u32 = 311;

/// MS-MPPE-Send-Key (RFC 2548 §2.4.2).
pub const MS_MPPE_SEND_KEY: u8 = 16;

/// MS-MPPE-Recv-Key (RFC 2548 §2.4.3).
pub const MS_MPPE_RECV_KEY: u8 = 17;
