//! The sensor's own table of stacks: what a SYN and a DHCP request say about who sent them.
//!
//! A row is a fact read from one frame of one capture, with the capture's SHA-256 and the frame's
//! number as provenance. Nothing is taken from other tables. What no row names still has a class,
//! by its options alone; the rest is learnt from what the network shows.

mod dhcp;
mod syn;

pub use dhcp::{DhcpClass, dhcp_class};
pub use syn::{StackClass, desktop, initial_ttl, phone_row, stack_class};

/// Where a row was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// SHA-256 of the capture, in hexadecimal.
    pub sha256: &'static str,
    /// The number of the frame in it, from 1.
    pub frame: u32,
}

#[cfg(test)]
mod tests {
    use super::dhcp::DHCP_ROWS;
    use super::syn::SYN_ROWS;

    #[test]
    fn every_row_says_where_it_was_read() {
        let rows = SYN_ROWS.iter().map(|row| row.provenance);
        for provenance in rows.chain(DHCP_ROWS.iter().map(|row| row.provenance)) {
            assert_eq!(provenance.sha256.len(), 64);
            assert!(provenance.sha256.bytes().all(|digit| digit.is_ascii_hexdigit()));
            assert!(provenance.frame > 0);
        }
    }
}
