//! Frames of our own making.

use std::net::{IpAddr, Ipv4Addr};

use crate::sensor::CaptureTime;
use crate::vocabulary::Mac;

pub const PC: &str = "00:00:5e:00:53:01";
pub const OTHER: &str = "00:00:5e:00:53:02";
pub const GATEWAY: &str = "00:00:5e:00:53:fe";

pub const WINDOWS: (u16, &[u8]) = (64_240, &[2, 4, 5, 0xb4, 1, 3, 3, 8, 1, 1, 4, 2]);
pub const LINUX: (u16, &[u8]) =
    (29_200, &[2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7]);
pub const ANDROID: (u16, &[u8]) =
    (65_535, &[2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 8]);

/// A frame and, where it matters, its time.
#[derive(Clone, Debug)]
pub struct Frame {
    pub octets: Vec<u8>,
    pub time: Option<CaptureTime>,
}

impl Frame {
    pub fn at(mut self, seconds: f64) -> Self {
        self.time = Some(CaptureTime((seconds * 1e9) as i64));
        self
    }
}

fn mac(text: &str) -> [u8; 6] {
    Mac::parse(text).unwrap().octets()
}

pub fn ethernet(from: &str, to: [u8; 6], kind: u16, payload: &[u8]) -> Frame {
    let mut octets = to.to_vec();
    octets.extend_from_slice(&mac(from));
    octets.extend_from_slice(&kind.to_be_bytes());
    octets.extend_from_slice(payload);
    Frame { octets, time: None }
}

/// The same frame with a tag.
pub fn tagged(mut frame: Frame, kind: u16, vlan: u16) -> Frame {
    let tag = [kind.to_be_bytes(), vlan.to_be_bytes()].concat();
    frame.octets.splice(12..12, tag);
    frame
}

/// A control frame of LLC or SNAP.
pub fn llc(from: &str, payload: &[u8]) -> Frame {
    ethernet(from, [1, 0x80, 0xc2, 0, 0, 0], payload.len() as u16, payload)
}

pub fn arp(from: &str, sender: &str) -> Frame {
    let sender: Ipv4Addr = sender.parse().unwrap();
    let mut payload = vec![0, 1, 8, 0, 6, 4, 0, 1];
    payload.extend_from_slice(&mac(from));
    payload.extend_from_slice(&sender.octets());
    payload.extend_from_slice(&[0; 10]);
    ethernet(from, [0xff; 6], 0x0806, &payload)
}

/// From whom, to whom, at which TTL.
pub type Way<'a> = (&'a str, &'a str, &'a str, &'a str, u8);

pub fn ip((from, to, source, destination, ttl): Way<'_>, protocol: u8, body: &[u8]) -> Frame {
    let (source, destination): (IpAddr, IpAddr) =
        (source.parse().unwrap(), destination.parse().unwrap());
    let destination_mac = match destination {
        IpAddr::V4(address) if address.is_broadcast() => [0xff; 6],
        address if address.is_multicast() => [1, 0, 0x5e, 0, 0, 1],
        _ => mac(to),
    };
    let mut packet;
    let kind = match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            packet = vec![0x45, 0, 0, 0, 0, 0, 0x40, 0, ttl, protocol, 0, 0];
            packet.extend_from_slice(&source.octets());
            packet.extend_from_slice(&destination.octets());
            packet.extend_from_slice(body);
            let length = (packet.len() as u16).to_be_bytes();
            packet[2..4].copy_from_slice(&length);
            0x0800
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            packet = vec![0x60, 0, 0, 0];
            packet.extend_from_slice(&(body.len() as u16).to_be_bytes());
            packet.extend_from_slice(&[protocol, ttl]);
            packet.extend_from_slice(&source.octets());
            packet.extend_from_slice(&destination.octets());
            packet.extend_from_slice(body);
            0x86dd
        }
        _ => panic!("one version"),
    };
    ethernet(from, destination_mac, kind, &packet)
}

pub fn udp(way: Way<'_>, from: u16, to: u16, payload: &[u8]) -> Frame {
    let mut body = from.to_be_bytes().to_vec();
    body.extend_from_slice(&to.to_be_bytes());
    body.extend_from_slice(&((payload.len() + 8) as u16).to_be_bytes());
    body.extend_from_slice(&[0, 0]);
    body.extend_from_slice(payload);
    ip(way, 17, &body)
}

/// A segment: ports, sequence, flags, window, options, payload.
pub fn tcp(
    way: Way<'_>,
    (from, to): (u16, u16),
    sequence: u32,
    flags: u8,
    (window, options): (u16, &[u8]),
    payload: &[u8],
) -> Frame {
    let mut body = from.to_be_bytes().to_vec();
    body.extend_from_slice(&to.to_be_bytes());
    body.extend_from_slice(&sequence.to_be_bytes());
    body.extend_from_slice(&[0; 4]);
    body.push(((20 + options.len()) / 4 * 16) as u8);
    body.push(flags);
    body.extend_from_slice(&window.to_be_bytes());
    body.extend_from_slice(&[0; 4]);
    body.extend_from_slice(options);
    body.extend_from_slice(payload);
    ip(way, 6, &body)
}

pub fn syn(way: Way<'_>, ports: (u16, u16), stack: (u16, &[u8])) -> Frame {
    tcp(way, ports, u32::from(ports.0), 0x02, stack, &[])
}

pub fn syn_ack(way: Way<'_>, ports: (u16, u16)) -> Frame {
    tcp(way, ports, 7, 0x12, LINUX, &[])
}

pub fn says(way: Way<'_>, ports: (u16, u16), payload: &[u8]) -> Frame {
    tcp(way, ports, 8, 0x18, (500, &[]), payload)
}

/// A DNS query for a name.
pub fn query(way: Way<'_>, name: &str) -> Frame {
    let mut payload = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        payload.push(label.len() as u8);
        payload.extend_from_slice(label.as_bytes());
    }
    payload.extend_from_slice(&[0, 0, 1, 0, 1]);
    udp(way, 40_000, 53, &payload)
}

/// A DHCP message of a client, or of a server.
pub fn dhcp(from: &str, reply: bool, given: [u8; 4], options: &[(u8, &[u8])]) -> Frame {
    let payload = dhcp_payload(from, reply, given, options);
    let (way, ports) = if reply {
        ((from, from, "10.1.1.9", "255.255.255.255", 64), (67, 68))
    } else {
        ((from, from, "0.0.0.0", "255.255.255.255", 64), (68, 67))
    };
    udp(way, ports.0, ports.1, &payload)
}

pub fn dhcp_payload(from: &str, reply: bool, given: [u8; 4], options: &[(u8, &[u8])]) -> Vec<u8> {
    let mut payload = vec![0; 240];
    payload[0] = if reply { 2 } else { 1 };
    payload[1] = 1;
    payload[2] = 6;
    payload[16..20].copy_from_slice(&given);
    payload[28..34].copy_from_slice(&mac(from));
    payload[236..240].copy_from_slice(&[0x63, 0x82, 0x53, 0x63]);
    for (code, value) in options {
        payload.extend_from_slice(&[*code, value.len() as u8]);
        payload.extend_from_slice(value);
    }
    payload.push(255);
    payload
}

/// A conversation of a client with a server that is asked and answers.
pub fn conversation(
    (client, client_ip): (&str, &str),
    (server, server_ip): (&str, &str),
    port: u16,
    (asked, answered): (&[u8], &[u8]),
) -> Vec<Frame> {
    let there = (client, server, client_ip, server_ip, 128);
    let back = (server, client, server_ip, client_ip, 64);
    vec![
        syn(there, (50_000, port), WINDOWS),
        syn_ack(back, (port, 50_000)),
        says(there, (50_000, port), asked),
        says(back, (port, 50_000), answered),
    ]
}
