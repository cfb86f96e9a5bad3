//! `config/server.toml`: this node.

use std::net::SocketAddr;
use std::time::Duration;

use crate::vocabulary::Language;

/// How this node serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The node's name in events and metrics.
    pub node_name: String,
    /// The node's number inside the RADIUS State attribute, so that a second node knows at once
    /// what is not its own.
    pub state_number: u8,
    /// Addresses that answer RADIUS authentication (RFC 2865).
    pub authentication: Vec<SocketAddr>,
    /// Worker threads.
    pub workers: u8,
    /// Largest RADIUS datagram sent, in octets.
    pub datagram_octets_max: u16,
    /// Address of the metrics endpoint; `None` leaves it off.
    pub metrics_listen: Option<SocketAddr>,
    /// EAP settings.
    pub eap: EapSettings,
    /// Language of logs.
    pub language: Language,
}

/// Settings of the EAP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EapSettings {
    /// The name in the server's certificate, which supplicants are configured to expect.
    pub server_name: String,
    /// Conversations at once on the node.
    pub conversations_max: u32,
    /// Conversations at once behind one port.
    pub conversations_per_port_max: u16,
    /// How long a conversation may last.
    pub conversation_timeout: Duration,
    /// How long a TLS session can be resumed; `None` switches resumption off.
    pub session_lifetime: Option<Duration>,
}

/// Reads `config/server.toml`.
pub(super) fn read(sources: &super::Sources, sink: &super::finding::Sink) -> Option<Server> {
    let _ = (sources, sink);
    None
}
