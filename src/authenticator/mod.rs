//! The switch's side of 802.1X: port state machines that turn EAPOL into RADIUS and an answer
//! into a VLAN.

mod event;
mod settings;

pub use event::{Applied, Change, Counter, Event, Method, PortId, PortStatus, Socket, State};
pub use settings::{Dynamic, DynamicClient, Hosts, Order, Port, Server, Settings};

// The surface, while the machine behind it is being written:
//
//   Authenticator::new(now, settings, seed: &[u8; 32]) -> Self
//   sockets(&self) -> impl Iterator<Item = (Socket, Option<SocketAddr>)>   what to open: Client(n)
//       is an unconnected UDP socket of its own towards that address; Dynamic has none and is
//       listed only when a dynamic client is configured
//   handle_frame, handle_link, handle_datagram, handle_applied, handle_timeout, poll_* as agreed
