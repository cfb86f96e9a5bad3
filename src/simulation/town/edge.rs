//! What a stack's frames look like on the wire: the stated model of an operating system.
//!
//! smoltcp shows no window, order of options, time to live or DHCP client but its own, so those
//! are written here into the frames it sends, before anybody sees them: peers, routers and the
//! sensor see the same octets. Later windows of a connection are divided by the scale that its SYN
//! told, so that the peer's stack, which multiplies, comes to what this one has room for.

use super::dice::mix;
use super::system::{Part, System};

/// Octets before the IP header.
pub(super) const ETHERNET: usize = 14;
/// SYNs of unanswered connections that are counted.
const SYNS_MAX: usize = 8;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// Whose frames pass, and what has to be remembered of them.
#[derive(Clone, Debug)]
pub(super) struct Edge {
    pub(super) system: System,
    /// The TTL of what is no TCP, where another machine sends that.
    pub(super) datagram_ttl: Option<u8>,
    /// Routers, or what acts as one, between the stack and the wire.
    pub(super) hop: u8,
    /// What it calls itself by DHCP; empty for nothing.
    pub(super) host: String,
    identification: u16,
    /// Port, sequence number and count of SYNs.
    syns: Vec<(u16, u32, u8)>,
}

impl Edge {
    pub(super) fn new(system: System, hop: u8, host: String) -> Self {
        Self { system, datagram_ttl: None, hop, host, identification: 1, syns: Vec::new() }
    }

    /// Writes the model into a frame, or into an IP packet that begins at `start`.
    pub(super) fn dress(&mut self, octets: &mut Vec<u8>, start: usize) {
        let Some(&[version, _, _, _, _, _, _, _, _, protocol, ..]) = octets.get(start..) else {
            return;
        };
        let plain = start < 2 || octets.get(start - 2..start) == Some(&[8, 0]);
        if version != 0x45 || !plain {
            return;
        }
        self.identification = match self.system.counts {
            true => self.identification.wrapping_add(1),
            false => half(mix(u64::from(self.identification))),
        };
        let [high, low] = self.identification.to_be_bytes();
        put(octets, start + 4, &[high, low, 0x40, 0]);
        let ttl = match (protocol, octets.get(start + 16..start + 20)) {
            // RFC 6762 §11, RFC 4795 §2.5, UPnP Device Architecture 2.0 §1.3.2.
            (UDP, Some([224, 0, 0, 251])) => 255,
            (UDP, Some([224, 0, 0, _])) => 1,
            (UDP, Some([239, ..])) => 4,
            (TCP, _) => self.system.ttl - self.hop,
            _ => self.datagram_ttl.unwrap_or(self.system.ttl - self.hop),
        };
        put(octets, start + 8, &[ttl]);
        match protocol {
            TCP => self.segment(octets, start),
            UDP if octets.get(start + 20..start + 24) == Some(&[0, 68, 0, 67]) => {
                self.request(octets, start);
            }
            _ => {}
        }
        seal(octets, start);
    }

    fn segment(&mut self, octets: &mut Vec<u8>, start: usize) {
        let at = start + 20;
        let Some(&[port_high, port_low, _, _, a, b, c, d, _, _, _, _, offset, flags, w, v, ..]) =
            octets.get(at..)
        else {
            return;
        };
        let port = u16::from_be_bytes([port_high, port_low]);
        let drawn = u64::from(port) << 8 | 7;
        let scale =
            self.system.scales.get(remainder(mix(drawn), self.system.scales.len())).copied();
        let client = port >= 32_768;
        if flags & 2 == 0 {
            let scale = scale.filter(|_| client).unwrap_or(0);
            let window = u16::from_be_bytes([w, v]);
            // Rounding to nothing would stop the peer.
            let scaled = (window >> scale).max(u16::from(window > 0));
            put(octets, at + 14, &scaled.to_be_bytes());
            return;
        }
        let answers = flags & 0x10 != 0;
        let told = Told::read(octets.get(at + 20..at + usize::from(offset >> 4) * 4));
        let sequence = u32::from_be_bytes([a, b, c, d]);
        let tries = if answers { 1 } else { self.tries(port, sequence) };
        let parts =
            if answers && told.stamp.is_none() { self.system.answer } else { self.system.options };
        let gives_in = self.system.gives_in && tries >= 3;
        let mut options = Vec::new();
        for part in parts {
            match part {
                Part::Mss => options.extend([2, 4, told.mss[0], told.mss[1]]),
                Part::Nop => options.push(1),
                Part::End => options.push(0),
                Part::Scale if !answers && !gives_in => options.extend([3, 3, scale.unwrap_or(0)]),
                Part::Scale if answers && told.scale => options.extend([3, 3, 0]),
                Part::Sack if told.sack => options.extend([4, 2]),
                Part::Stamp if let Some(stamp) = told.stamp => {
                    options.extend([8, 10]);
                    options.extend(stamp);
                }
                Part::Scale | Part::Sack | Part::Stamp => {}
            }
        }
        if gives_in {
            // What Windows sends at last: no scale, the rest padded in front.
            options = vec![2, 4, told.mss[0], told.mss[1], 1, 1, 4, 2];
        }
        while options.len() % 4 != 0 {
            options.push(if parts.contains(&Part::End) { 0 } else { 1 });
        }
        octets.truncate(at + 20);
        octets.extend(&options);
        let words = u8::try_from(5 + options.len() / 4).unwrap_or(5);
        put(octets, at + 12, &[words << 4]);
        if !answers {
            put(octets, at + 14, &self.system.window.to_be_bytes());
        }
        let length = u16::try_from(octets.len() - start).unwrap_or(u16::MAX);
        put(octets, start + 2, &length.to_be_bytes());
    }

    fn tries(&mut self, port: u16, sequence: u32) -> u8 {
        let known =
            self.syns.iter_mut().find(|(other, number, _)| (*other, *number) == (port, sequence));
        if let Some((_, _, count)) = known {
            *count = count.saturating_add(1);
            return *count;
        }
        if self.syns.len() >= SYNS_MAX {
            self.syns.remove(0);
        }
        self.syns.push((port, sequence, 1));
        1
    }

    /// The options of a DHCP request as this system sends them (RFC 2132).
    fn request(&self, octets: &mut Vec<u8>, start: usize) {
        let at = start + 28 + 240;
        let mut kept = Vec::new();
        let mut rest = octets.get(at..).unwrap_or_default();
        // Type, address wanted, server, client identifier, largest message: as smoltcp has them.
        while let [code, length, tail @ ..] = rest {
            if matches!(code, 0 | 255) {
                break;
            }
            let Some((value, after)) = tail.split_at_checked(usize::from(*length)) else { break };
            if matches!(code, 50 | 53 | 54 | 57 | 61) {
                kept.extend([*code, *length]);
                kept.extend(value);
            }
            rest = after;
        }
        let mut add = |code: u8, value: &[u8]| {
            if !value.is_empty() {
                kept.extend([code, u8::try_from(value.len()).unwrap_or(0)]);
                kept.extend(value);
            }
        };
        add(12, self.host.as_bytes());
        add(60, self.system.client.vendor.as_bytes());
        add(55, self.system.client.parameters);
        kept.push(255);
        octets.truncate(at);
        octets.extend(kept);
        // BOOTP's own minimum (RFC 1542 §2.1).
        octets.resize(octets.len().max(start + 28 + 300), 0);
        let length = octets.len() - start;
        put(octets, start + 2, &u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
        put(octets, start + 24, &u16::try_from(length - 20).unwrap_or(u16::MAX).to_be_bytes());
    }
}

/// The options that smoltcp wrote.
#[derive(Default)]
struct Told {
    mss: [u8; 2],
    scale: bool,
    sack: bool,
    stamp: Option<[u8; 8]>,
}

impl Told {
    fn read(options: Option<&[u8]>) -> Self {
        let mut told = Self { mss: 1460_u16.to_be_bytes(), ..Self::default() };
        let mut rest = options.unwrap_or_default();
        loop {
            rest = match rest {
                [1, tail @ ..] => tail,
                [2, 4, high, low, tail @ ..] => {
                    told.mss = [*high, *low];
                    tail
                }
                [3, 3, _, tail @ ..] => {
                    told.scale = true;
                    tail
                }
                [4, 2, tail @ ..] => {
                    told.sack = true;
                    tail
                }
                [8, 10, tail @ ..] => {
                    told.stamp = tail.first_chunk().copied();
                    tail.get(8..).unwrap_or_default()
                }
                _ => return told,
            }
        }
    }
}

fn half(number: u64) -> u16 {
    u16::try_from(number & 0xffff).unwrap_or(0)
}

fn remainder(number: u64, count: usize) -> usize {
    let count = u64::try_from(count).unwrap_or(0);
    usize::try_from(number.checked_rem(count).unwrap_or(0)).unwrap_or(0)
}

/// Writes over what is there.
pub(super) fn put(octets: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = octets.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

/// A router passed it on: its TTL falls.
pub(super) fn forward(octets: &mut [u8], start: usize, hops: u8) {
    if let Some(ttl) = octets.get_mut(start + 8) {
        *ttl = ttl.saturating_sub(hops);
    }
    seal_header(octets, start);
}

/// Fills in the checksums of an IPv4 packet and of its TCP or UDP (RFC 1071).
pub(super) fn seal(octets: &mut [u8], start: usize) {
    seal_header(octets, start);
    let Some(&protocol) = octets.get(start + 9) else { return };
    let place = match protocol {
        TCP => 16,
        UDP => 6,
        _ => return,
    };
    let at = start + 20;
    put(octets, at + place, &[0, 0]);
    let addresses = octets.get(start + 12..at).unwrap_or_default();
    let body = octets.get(at..).unwrap_or_default();
    let length = u32::try_from(body.len()).unwrap_or(0);
    let total = sum(addresses) + sum(body) + u32::from(protocol) + length;
    let folded = match fold(total) {
        0 if protocol == UDP => 0xffff,
        other => other,
    };
    put(octets, at + place, &folded.to_be_bytes());
}

fn seal_header(octets: &mut [u8], start: usize) {
    put(octets, start + 10, &[0, 0]);
    let total = sum(octets.get(start..start + 20).unwrap_or_default());
    put(octets, start + 10, &fold(total).to_be_bytes());
}

fn sum(octets: &[u8]) -> u32 {
    let pairs = octets.chunks(2).map(|pair| match pair {
        [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
        [high] => u32::from(*high) << 8,
        _ => 0,
    });
    pairs.sum()
}

fn fold(mut total: u32) -> u16 {
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    !u16::try_from(total).unwrap_or(0)
}
