//! Cuts TLS messages into EAP-TLS fragments and puts them together again (RFC 5216 §2.1.5).

use crate::wire::eap::{TYPED_HEADER_OCTETS, TlsFragment, TlsFragmentError};

/// The largest TLS message a peer may announce or send.
pub const MESSAGE_OCTETS_MAX: usize = 65_536;
/// Packets are never cut smaller than this, whatever MTU a switch claims.
pub const PACKET_OCTETS_MIN: usize = 64;
/// Packets are never made larger than this: what fits into a RADIUS packet beside the rest.
pub const PACKET_OCTETS_MAX: usize = 3_000;

/// How a peer broke the rules of fragmentation. Ends that conversation only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FramingViolation {
    /// No octet of flags.
    NoFlags,
    /// The L flag without a total.
    NoTotal,
    /// The first of several fragments does not announce the total.
    TotalMissing,
    /// The announced total exceeds [`MESSAGE_OCTETS_MAX`].
    TotalTooLarge,
    /// A later fragment announces another total.
    TotalChanged,
    /// More octets than announced, or another fragment where all have come.
    TooMuch,
    /// Fewer octets than announced.
    TooLittle,
    /// More fragments announced by one that holds nothing.
    EmptyFragment,
    /// Data where an acknowledgement was due.
    DataForAcknowledgement,
    /// An acknowledgement where data were due.
    AcknowledgementForData,
}

impl FramingViolation {
    /// The stable id, a metric label.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::NoFlags => "framing-no-flags",
            Self::NoTotal => "framing-no-total",
            Self::TotalMissing => "framing-total-missing",
            Self::TotalTooLarge => "framing-total-too-large",
            Self::TotalChanged => "framing-total-changed",
            Self::TooMuch => "framing-too-much",
            Self::TooLittle => "framing-too-little",
            Self::EmptyFragment => "framing-empty-fragment",
            Self::DataForAcknowledgement => "framing-data-for-acknowledgement",
            Self::AcknowledgementForData => "framing-acknowledgement-for-data",
        }
    }
}

impl From<TlsFragmentError> for FramingViolation {
    fn from(error: TlsFragmentError) -> Self {
        match error {
            TlsFragmentError::NoFlags => Self::NoFlags,
            TlsFragmentError::NoTotal => Self::NoTotal,
        }
    }
}

/// A message being put together.
#[derive(Debug, Default)]
pub struct Reassembly {
    octets: Vec<u8>,
    /// `Some` once the first of several fragments has come.
    total: Option<usize>,
}

impl Reassembly {
    /// Nothing received yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { octets: Vec::new(), total: None }
    }

    /// Whether some fragments have come and more must follow.
    #[must_use]
    pub const fn is_partial(&self) -> bool {
        self.total.is_some()
    }

    /// Takes a fragment with data and gives the message when it is complete; `None` asks for an
    /// acknowledgement.
    ///
    /// # Errors
    /// The [`FramingViolation`], after which the conversation must end.
    pub fn push(
        &mut self,
        fragment: &TlsFragment<'_>,
    ) -> Result<Option<Vec<u8>>, FramingViolation> {
        let announced = match fragment.total {
            Some(total) => match usize::try_from(total) {
                Ok(total) if total <= MESSAGE_OCTETS_MAX => Some(total),
                _ => return Err(FramingViolation::TotalTooLarge),
            },
            None => None,
        };
        if fragment.more && fragment.data.is_empty() {
            return Err(FramingViolation::EmptyFragment);
        }
        let total = match (self.total, announced) {
            (Some(total), Some(again)) if total != again => {
                return Err(FramingViolation::TotalChanged);
            }
            (Some(total), _) | (None, Some(total)) => total,
            (None, None) if fragment.more => return Err(FramingViolation::TotalMissing),
            // One unfragmented message; a packet is smaller than the limit.
            (None, None) => fragment.data.len(),
        };
        let received = self.octets.len().saturating_add(fragment.data.len());
        if received > total || (fragment.more && received == total) {
            return Err(FramingViolation::TooMuch);
        }
        if !fragment.more && received < total {
            return Err(FramingViolation::TooLittle);
        }
        self.octets.extend_from_slice(fragment.data);
        if fragment.more {
            self.total = Some(total);
            Ok(None)
        } else {
            self.total = None;
            Ok(Some(std::mem::take(&mut self.octets)))
        }
    }
}

/// A message being sent in fragments.
#[derive(Debug)]
pub struct Fragmenter {
    octets: Vec<u8>,
    sent: usize,
}

impl Fragmenter {
    /// Takes the message.
    #[must_use]
    pub const fn new(octets: Vec<u8>) -> Self {
        Self { octets, sent: 0 }
    }

    /// Whether every octet has been sent.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.sent >= self.octets.len()
    }

    /// The type data of the next EAP-TLS packet, which will not exceed `packet_octets` (within
    /// [`PACKET_OCTETS_MIN`] and [`PACKET_OCTETS_MAX`]). The first of several announces the
    /// total, the others and an only one do not.
    pub fn next_type_data(&mut self, packet_octets: usize) -> Vec<u8> {
        let packet_octets = packet_octets.clamp(PACKET_OCTETS_MIN, PACKET_OCTETS_MAX);
        let room = packet_octets - TYPED_HEADER_OCTETS - FLAGS_OCTETS;
        let left = self.octets.get(self.sent..).unwrap_or_default();
        let total = match u32::try_from(self.octets.len()) {
            Ok(total) if self.sent == 0 && left.len() > room => Some(total),
            _ => None,
        };
        let room = if total.is_some() { room - TOTAL_OCTETS } else { room };
        let data = left.get(..room).unwrap_or(left);
        let more = data.len() < left.len();
        self.sent += data.len();
        TlsFragment { start: false, more, total, data }.to_type_data()
    }
}

const FLAGS_OCTETS: usize = 1;
const TOTAL_OCTETS: usize = 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fragment(more: bool, total: Option<u32>, data: &[u8]) -> TlsFragment<'_> {
        TlsFragment { start: false, more, total, data }
    }

    #[test]
    fn tls_2_length_is_welcome_on_an_unfragmented_message() {
        for total in [None, Some(3)] {
            let message = Reassembly::default().push(&fragment(false, total, b"abc"));
            assert_eq!(message, Ok(Some(b"abc".to_vec())));
        }
    }

    #[test]
    fn tls_2_a_repeated_total_must_be_the_same() {
        let mut reassembly = Reassembly::default();
        assert_eq!(reassembly.push(&fragment(true, Some(6), b"ab")), Ok(None));
        assert_eq!(reassembly.push(&fragment(true, Some(6), b"cd")), Ok(None));
        assert!(reassembly.is_partial());
        let changed = reassembly.push(&fragment(false, Some(7), b"efg"));
        assert_eq!(changed, Err(FramingViolation::TotalChanged));
    }

    #[test]
    fn tls_3_every_mismatch_is_a_violation() {
        let large = u32::try_from(MESSAGE_OCTETS_MAX).unwrap() + 1;
        for (first, second, expected) in [
            (Some(fragment(true, Some(4), b"abc")), b"de", FramingViolation::TooMuch),
            (Some(fragment(true, Some(9), b"abc")), b"de", FramingViolation::TooLittle),
            (Some(fragment(true, Some(3), b"abc")), b"de", FramingViolation::TooMuch),
            (Some(fragment(true, None, b"abc")), b"de", FramingViolation::TotalMissing),
            (Some(fragment(true, Some(5), b"")), b"de", FramingViolation::EmptyFragment),
            (Some(fragment(true, Some(large), b"abc")), b"de", FramingViolation::TotalTooLarge),
            (Some(fragment(false, Some(4), b"abcde")), b"de", FramingViolation::TooMuch),
            (Some(fragment(false, Some(8), b"abcde")), b"de", FramingViolation::TooLittle),
        ] {
            let mut reassembly = Reassembly::default();
            let outcome = first
                .map_or(Ok(None), |first| reassembly.push(&first))
                .and_then(|_| reassembly.push(&fragment(false, None, second)));
            assert_eq!(outcome, Err(expected));
        }
    }

    #[test]
    fn tls_1_only_the_first_of_several_announces_the_total() {
        let mut fragmenter = Fragmenter::new(vec![7; 120]);
        let flags = std::iter::from_fn(|| {
            (!fragmenter.is_done()).then(|| fragmenter.next_type_data(64)[0])
        });
        assert_eq!(flags.collect::<Vec<_>>(), [0xc0, 0x40, 0x00]);
        assert_eq!(Fragmenter::new(vec![7; 58]).next_type_data(64)[0], 0);
    }

    proptest! {
        #[test]
        fn fragments_reassemble_and_keep_their_size(
            octets in proptest::collection::vec(any::<u8>(), 1..4000),
            packet_octets in 0_usize..1500,
        ) {
            let mut fragmenter = Fragmenter::new(octets.clone());
            let mut reassembly = Reassembly::default();
            let mut whole = None;
            while !fragmenter.is_done() {
                prop_assert_eq!(whole.take(), None);
                let data = fragmenter.next_type_data(packet_octets);
                prop_assert!(data.len() + TYPED_HEADER_OCTETS <= packet_octets.max(64));
                whole = reassembly.push(&TlsFragment::parse(&data).unwrap()).unwrap();
            }
            prop_assert_eq!(whole, Some(octets));
        }

        #[test]
        fn no_fragment_panics_or_exceeds_the_bound(packets: Vec<Vec<u8>>) {
            let mut reassembly = Reassembly::default();
            for packet in packets {
                if let Ok(fragment) = TlsFragment::parse(&packet) {
                    let _ = reassembly.push(&fragment);
                    prop_assert!(reassembly.octets.len() <= MESSAGE_OCTETS_MAX);
                }
            }
        }
    }
}
