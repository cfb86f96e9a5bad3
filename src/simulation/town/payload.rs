//! Payloads that programs and servers exchange, and frames that no stack sends of itself.

use std::net::Ipv4Addr;

use super::dice::{Dice, mix};
use super::edge::{put, seal};
use super::program::Offer;

/// A DNS query for an address (RFC 1035 §4.1).
pub(super) fn query(id: u16, name: &str) -> Vec<u8> {
    let mut octets = id.to_be_bytes().to_vec();
    octets.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    labels(&mut octets, name);
    octets.extend([0, 1, 0, 1]);
    octets
}

/// The answer to a query: the address, or that the name does not exist.
pub(super) fn answer(query: &[u8], address: Option<Ipv4Addr>) -> Vec<u8> {
    let mut octets = query.to_vec();
    match address {
        Some(address) => {
            put(&mut octets, 2, &[0x81, 0x80, 0, 1, 0, 1]);
            octets.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
            octets.extend(address.octets());
        }
        None => put(&mut octets, 2, &[0x81, 0x83]),
    }
    octets
}

/// The name of a query.
pub(super) fn queried(query: &[u8]) -> String {
    let mut name = String::new();
    let mut rest = query.get(12..).unwrap_or_default();
    while let [length @ 1..=63, tail @ ..] = rest {
        let Some((label, after)) = tail.split_at_checked(usize::from(*length)) else { break };
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(&String::from_utf8_lossy(label));
        rest = after;
    }
    name
}

/// An mDNS answer that names its sender (RFC 6762 §8.3).
pub(super) fn announcement(name: &str, address: Ipv4Addr) -> Vec<u8> {
    let mut octets = vec![0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    labels(&mut octets, name);
    octets.extend([0, 1, 0x80, 1, 0, 0, 0, 120, 0, 4]);
    octets.extend(address.octets());
    octets
}

fn labels(octets: &mut Vec<u8>, name: &str) {
    for label in name.split('.') {
        octets.push(u8::try_from(label.len()).unwrap_or(0));
        octets.extend(label.as_bytes());
    }
    octets.push(0);
}

/// A request by HTTP.
pub(super) fn get(name: &str, agent: &str) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\nHost: {name}\r\nUser-Agent: {agent}\r\nAccept: */*\r\nConnection: close\r\n\r\n")
        .into_bytes()
}

/// A ClientHello of the offer's form (RFC 8446 §4.1.2); extensions come in any order, as
/// Chromium's do.
pub(super) fn hello(offer: Offer, name: &str, dice: &mut Dice) -> Vec<u8> {
    let grease = [0x0a0a_u16, 0x1a1a, 0x2a2a, 0x3a3a, 0xdada, 0xfafa];
    let mut suites: Vec<u16> = (0..offer.suites).map(|number| 0x1301 + u16::from(number)).collect();
    let mut extensions: Vec<(u16, Vec<u8>)> = Vec::new();
    let long = |value: &[u8]| u16::try_from(value.len()).unwrap_or(0).to_be_bytes();
    let mut server = long(name.as_bytes()).to_vec();
    server.splice(0..0, [0]);
    server.extend(name.as_bytes());
    server.splice(0..0, long(&server));
    extensions.push((0, server));
    if !offer.alpn.is_empty() {
        let mut list = vec![u8::try_from(offer.alpn.len()).unwrap_or(0)];
        list.extend(offer.alpn.as_bytes());
        list.splice(0..0, long(&list));
        extensions.push((16, list));
    }
    if offer.version > 0x0303 {
        extensions.push((43, vec![4, 3, 4, 3, 3]));
    }
    let mut kind = 0x0100;
    while extensions.len() < usize::from(offer.extensions) {
        kind += 1;
        extensions.push((kind, vec![0; 6]));
    }
    if offer.grease {
        suites.splice(0..0, dice.pick(&grease).copied());
        extensions.extend(dice.pick(&grease).map(|kind| (*kind, Vec::new())));
    }
    for place in (1..extensions.len()).rev() {
        let other = usize::try_from(dice.below(u64::try_from(place).unwrap_or(0) + 1)).unwrap_or(0);
        extensions.swap(place, other);
    }
    let mut body = vec![3, 3];
    body.extend((0..4).flat_map(|_| dice.next().to_be_bytes()));
    body.push(0);
    let suites: Vec<u8> = suites.iter().flat_map(|suite| suite.to_be_bytes()).collect();
    body.extend(long(&suites));
    body.extend(suites);
    body.extend([1, 0]);
    let mut all = Vec::new();
    for (kind, value) in extensions {
        all.extend(kind.to_be_bytes());
        all.extend(long(&value));
        all.extend(value);
    }
    body.extend(long(&all));
    body.extend(all);
    handshake(1, &body)
}

fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or(0);
    let [_, a, b, c] = length.to_be_bytes();
    let [high, low] = u16::try_from(length + 4).unwrap_or(0).to_be_bytes();
    let mut octets = vec![22, 3, 1, high, low, kind, a, b, c];
    octets.extend(body);
    octets
}

/// A record of TLS with that many octets of whatever it protects.
pub(super) fn record(octets: usize) -> Vec<u8> {
    let [high, low] = u16::try_from(octets).unwrap_or(u16::MAX).to_be_bytes();
    let mut record = vec![23, 3, 3, high, low];
    record.resize(5 + octets, 0x5a);
    record
}

/// What a server says to a request, and whether it then closes; the size depends on `draw`.
pub(super) fn respond(request: &[u8], turn: u32, draw: u64) -> (Vec<u8>, bool) {
    let size = usize::try_from(mix(draw) % 6_000).unwrap_or(0) + 200;
    match request {
        [22, 3, ..] if turn == 0 => {
            let mut body = vec![3, 3];
            body.resize(72, 7);
            let mut octets = handshake(2, &body);
            octets.extend(record(2_400));
            (octets, false)
        }
        [20..=23, 3, ..] => (record(size), true),
        [b'A'..=b'Z', b'A'..=b'Z', ..] => {
            let mut octets = format!(
                "HTTP/1.1 200 OK\r\nServer: Apache/2.4.58\r\nContent-Type: text/html\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n"
            )
            .into_bytes();
            octets.resize(octets.len() + size, b'x');
            (octets, true)
        }
        _ => (vec![0; 300], true),
    }
}

/// A frame of UDP over IPv4 that no stack of the simulation sends itself.
pub(super) fn datagram(
    (from, to): ([u8; 6], [u8; 6]),
    (source, destination): ((Ipv4Addr, u16), (Ipv4Addr, u16)),
    ttl: u8,
    payload: &[u8],
) -> Vec<u8> {
    let length =
        |more: usize| u16::try_from(payload.len() + more).unwrap_or(u16::MAX).to_be_bytes();
    let mut octets =
        [to.as_slice(), &from, &[8, 0, 0x45, 0], &length(28), &[0, 0, 0x40, 0]].concat();
    octets.extend([ttl, 17, 0, 0]);
    octets.extend(source.0.octets());
    octets.extend(destination.0.octets());
    octets.extend(source.1.to_be_bytes());
    octets.extend(destination.1.to_be_bytes());
    octets.extend(length(8));
    octets.extend([0, 0]);
    octets.extend(payload);
    seal(&mut octets, 14);
    octets
}

/// A router advertisement with a lifetime of half an hour (RFC 4861 §4.2).
pub(super) fn advertisement(mac: [u8; 6]) -> Vec<u8> {
    let [a, b, c, d, e, f] = mac;
    let mut octets = vec![0x33, 0x33, 0, 0, 0, 1, a, b, c, d, e, f, 0x86, 0xdd];
    octets.extend([0x60, 0, 0, 0, 0, 16, 58, 255, 0xfe, 0x80, 0, 0, 0, 0, 0, 0]);
    octets.extend([
        a ^ 2,
        b,
        c,
        0xff,
        0xfe,
        d,
        e,
        f,
        0xff,
        2,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        1,
    ]);
    octets.extend([134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0]);
    // Over the addresses, the length, the protocol and the message (RFC 4443 §2.3).
    let pairs = octets.get(22..).unwrap_or_default().chunks(2);
    let pairs = pairs.map(|pair| pair.iter().fold(0, |sum, octet| sum << 8 | u32::from(*octet)));
    let sum: u32 = pairs.sum::<u32>() + 16 + 58;
    let sum = (sum & 0xffff) + (sum >> 16);
    let [high, low] = (!u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap_or(0)).to_be_bytes();
    put(&mut octets, 56, &[high, low]);
    octets
}

/// A configuration BPDU, as a bridge of two interfaces sends it (IEEE 802.1D §9.3.1).
pub(super) fn bridge_frame(mac: [u8; 6]) -> Vec<u8> {
    let mut octets = vec![1, 0x80, 0xc2, 0, 0, 0];
    octets.extend(mac);
    octets.extend([0, 38, 0x42, 0x42, 3, 0, 0, 0, 0, 0, 0x80, 0]);
    octets.extend(mac);
    octets.extend([0, 0, 0, 0, 0x80, 0]);
    octets.extend(mac);
    octets.extend([0x80, 1, 0, 0, 20, 0, 2, 0, 15, 0]);
    octets.resize(60, 0);
    octets
}
