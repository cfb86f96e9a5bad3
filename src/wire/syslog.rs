//! Syslog inside a stream (RFC 6587, RFC 5425 §4.3): where one message ends and the next begins.

/// Longest message; RFC 5424 §6.1 asks for 2,048 octets at least.
pub const MESSAGE_OCTETS_MAX: usize = 8192;
/// Digits of the largest count.
const COUNT_DIGITS_MAX: usize = 4;

/// The octets of one stream that are not yet messages.
#[derive(Debug, Default)]
pub struct Framing {
    held: Vec<u8>,
}

/// Why a stream cannot go on: nobody knows where its next message begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

impl Framing {
    /// Takes octets in. Whoever reads hands in no more than [`MESSAGE_OCTETS_MAX`] at once and
    /// takes every message out before the next.
    pub fn push(&mut self, octets: &[u8]) {
        self.held.extend_from_slice(octets);
    }

    /// The next whole message: counted (`LENGTH SP MESSAGE`) where it begins with a digit, up to
    /// the end of the line elsewhere. Empty lines are passed over.
    ///
    /// # Errors
    /// It is longer than [`MESSAGE_OCTETS_MAX`], or its count is none.
    pub fn take(&mut self) -> Result<Option<Vec<u8>>, Broken> {
        let blank = |octet: &&u8| matches!(**octet, b'\n' | b'\r' | 0);
        let begin = self.held.iter().take_while(blank).count();
        self.held.drain(..begin);
        let (begin, length, end) = if self.held.first().is_some_and(u8::is_ascii_digit) {
            let Some(space) = self.held.iter().position(|octet| *octet == b' ') else {
                return if self.held.len() > COUNT_DIGITS_MAX { Err(Broken) } else { Ok(None) };
            };
            let count = self.held.get(..space).filter(|digits| digits.len() <= COUNT_DIGITS_MAX);
            let count = count.and_then(|digits| std::str::from_utf8(digits).ok());
            let count: usize = count.and_then(|digits| digits.parse().ok()).ok_or(Broken)?;
            if !(1..=MESSAGE_OCTETS_MAX).contains(&count) {
                return Err(Broken);
            }
            (space + 1, count, space + 1 + count)
        } else {
            match self.held.iter().position(|octet| matches!(octet, b'\n' | 0)) {
                Some(at) if at <= MESSAGE_OCTETS_MAX => (0, at, at + 1),
                None if self.held.len() <= MESSAGE_OCTETS_MAX => return Ok(None),
                Some(_) | None => return Err(Broken),
            }
        };
        if self.held.len() < end {
            return Ok(None);
        }
        let mut message: Vec<u8> = self.held.drain(..end).skip(begin).take(length).collect();
        if message.ends_with(b"\r") {
            message.pop();
        }
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(chunks: &[&[u8]]) -> Result<Vec<Vec<u8>>, Broken> {
        let (mut framing, mut messages) = (Framing::default(), Vec::new());
        for chunk in chunks {
            framing.push(chunk);
            while let Some(message) = framing.take()? {
                messages.push(message);
            }
        }
        Ok(messages)
    }

    #[test]
    fn counted_and_line_by_line_and_mixed_however_the_stream_is_cut() {
        let stream = b"<13>one\r\n\n7 <14>two<15>three\n9 <16>\nfour";
        let wanted: Vec<Vec<u8>> =
            vec![b"<13>one".into(), b"<14>two".into(), b"<15>three".into(), b"<16>\nfour".into()];
        assert_eq!(all(&[stream]).unwrap(), wanted);
        let single: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(all(&single).unwrap(), wanted);
        assert_eq!(all(&[b"<13>unfinished"]).unwrap(), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn what_is_too_long_or_no_count_breaks_the_stream() {
        let long = vec![b'<'; MESSAGE_OCTETS_MAX + 1];
        for wrong in [&b"0 x"[..], b"12345 x", b"12345", b"9999 x", b"1x <", &long] {
            assert_eq!(all(&[wrong]), Err(Broken), "{:?}", &wrong[..wrong.len().min(8)]);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_octets_panic(octets in proptest::collection::vec(0_u8..=255, 0..200)) {
            let _ = all(&[&octets]);
        }
    }
}
