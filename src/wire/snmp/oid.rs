//! Object identifiers, in the order of tables.

use std::fmt;
use std::str::FromStr;

/// The longest name (RFC 2578 §3.5), in arcs.
pub const OID_ARCS_MAX: usize = 128;

/// An object identifier. Their order is that of SNMP tables (RFC 3416 §4.2.2).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid(Vec<u32>);

impl Oid {
    /// The name of those arcs; `None` when it is no name: fewer than two arcs, more than
    /// [`OID_ARCS_MAX`], or first arcs that BER cannot write (X.690 §8.19.4).
    #[must_use]
    pub fn new(arcs: Vec<u32>) -> Option<Self> {
        let good = match arcs.as_slice() {
            [0 | 1, second, ..] => *second < 40,
            [2, second, ..] => *second <= u32::MAX - 80,
            _ => false,
        };
        (good && arcs.len() <= OID_ARCS_MAX).then_some(Self(arcs))
    }

    /// The arcs.
    #[must_use]
    pub fn arcs(&self) -> &[u32] {
        &self.0
    }

    /// The arcs after `prefix`; `None` when the name is not under it.
    #[must_use]
    pub fn strip(&self, prefix: &[u32]) -> Option<&[u32]> {
        self.0.strip_prefix(prefix)
    }

    /// The name with these arcs at its end; what exceeds [`OID_ARCS_MAX`] is cut off.
    #[must_use]
    pub fn child(&self, arcs: &[u32]) -> Self {
        Self(self.0.iter().chain(arcs).copied().take(OID_ARCS_MAX).collect())
    }
}

impl<const N: usize> From<&[u32; N]> for Oid {
    /// A name of this program's own, written as arcs.
    fn from(arcs: &[u32; N]) -> Self {
        Self(arcs.to_vec())
    }
}

impl From<&[u32]> for Oid {
    fn from(arcs: &[u32]) -> Self {
        Self(arcs.to_vec())
    }
}

impl FromStr for Oid {
    type Err = ();

    /// Reads `1.3.6.1`, also with a dot in front.
    fn from_str(text: &str) -> Result<Self, ()> {
        let text = text.strip_prefix('.').unwrap_or(text);
        let arcs = text.split('.').map(str::parse).collect::<Result<Vec<u32>, _>>();
        arcs.ok().and_then(Self::new).ok_or(())
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, arc) in self.0.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            write!(f, "{dot}{arc}")?;
        }
        Ok(())
    }
}
