//! SOCKS 4, 4a and 5 (RFC 1928): a client's first words and a server's answer to them.
//!
//! Either alone is a few octets that other protocols send too, so the caller wants both, in the
//! same connection, in this order.

/// What a client begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Greeting {
    /// SOCKS 4 and 4a: a request.
    Version4,
    /// SOCKS 5: the methods of authentication it knows.
    Version5,
}

/// Reads the first payload of a connection's client.
#[must_use]
pub fn greeting(payload: &[u8]) -> Option<Greeting> {
    match payload {
        // CONNECT or BIND, port, address, user name and its end.
        [4, 1 | 2, _, _, _, _, _, _, rest @ ..] if rest.last() == Some(&0) => {
            Some(Greeting::Version4)
        }
        [5, count, methods @ ..] if *count > 0 && methods.len() == usize::from(*count) => {
            Some(Greeting::Version5)
        }
        _ => None,
    }
}

/// Whether the first payload of the server answers a greeting.
#[must_use]
pub fn is_answer(greeting: Greeting, payload: &[u8]) -> bool {
    match greeting {
        Greeting::Version4 => matches!(payload, [0, 0x5a..=0x5d, rest @ ..] if rest.len() == 6),
        Greeting::Version5 => matches!(payload, [5, _]),
    }
}
