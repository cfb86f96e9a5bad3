//! Octets nobody would send, and more stations than anybody has.

use proptest::prelude::*;

use super::frames::*;
use super::*;
use crate::sensor::watch::{STATIONS_MAX, STATIONS_PER_PLACE_MAX};

const LINKS: [LinkType; 6] = [
    LinkType::Ethernet,
    LinkType::Null,
    LinkType::Loop,
    LinkType::Raw,
    LinkType::Cooked,
    LinkType::Cooked2,
];

/// One frame of each kind the sensor looks into.
fn samples() -> Vec<Vec<u8>> {
    let way = (PC, OTHER, "10.1.1.5", "10.1.1.7", 63);
    let six = (PC, OTHER, "2001:db8::5", "2001:db8::7", 63);
    let hello = [
        22, 3, 1, 0, 60, 1, 0, 0, 56, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0x13, 1, 1, 0, 0, 13, 0, 0, 0, 9, 0, 7, 0,
        0, 4, b'a', b'.', b'e', b'x',
    ];
    let frames = [
        arp(PC, "10.1.1.5"),
        llc(PC, &[0x42, 0x42, 3, 0, 0, 0, 0, 0]),
        llc(PC, &[0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0, 1, 180, 0, 0, 0, 1, 0, 6, b'a', b'b']),
        ethernet(PC, [1, 0x80, 0xc2, 0, 0, 0x0e], 0x88cc, &[2, 3, 7, 1, 1, 14, 4, 0, 4, 0, 4]),
        ethernet(PC, [1, 0x80, 0xc2, 0, 0, 3], 0x888e, &[2, 1, 0, 0]),
        tagged(syn(way, (1, 80), ANDROID), 0x8100, 7),
        syn(six, (1, 5228), LINUX),
        syn_ack((OTHER, PC, "10.1.1.7", "10.1.1.5", 64), (80, 1)),
        says(way, (1, 80), b"CONNECT a:1 HTTP/1.1\r\nVia: x\r\nUser-Agent: Dalvik/2\r\n\r\n"),
        says(
            (OTHER, PC, "10.1.1.7", "10.1.1.5", 64),
            (80, 1),
            b"HTTP/1.1 200 OK\r\nServer: A\r\n\r\n",
        ),
        says(way, (2, 443), &hello),
        says(way, (3, 1080), &[5, 1, 0]),
        query(way, "mtalk.google.com"),
        dhcp(PC, false, [0; 4], &[(53, &[1]), (60, b"android-dhcp-9"), (55, &[1, 3]), (52, &[3])]),
        dhcp(OTHER, true, [192, 168, 43, 7], &[(53, &[5]), (54, &[192, 168, 43, 1])]),
        ip((OTHER, PC, "fe80::1", "ff02::1", 255), 58, &[134, 0, 0, 0, 64, 0, 7, 8]),
        udp(way, 161, 162, &[0x30, 0x82, 0, 3, 2, 1, 1]),
        udp(way, 5000, 1812, &[1, 1, 0, 20]),
        udp(way, 5000, 443, &[0xc3, 0, 0, 0, 1, 8, 0, 0, 0, 0]),
        udp(way, 1900, 5000, b"HTTP/1.1 200 OK\r\nST: InternetGatewayDevice:1\r\n\r\n"),
    ];
    frames.into_iter().map(|frame| frame.octets).collect()
}

fn swallow(sensor: &mut Sensor, link: LinkType, octets: &[u8], time: i64) {
    sensor.handle(&Captured { number: 1, time: CaptureTime(time), link, octets });
    while sensor.poll_event().is_some() {}
}

/// Everybody is a client, so that every rule is asked.
fn strict() -> Knowledge {
    with(edge(), &[(PC, Role::Client), (OTHER, Role::Client)])
}

#[test]
fn every_cut_of_every_frame_is_swallowed() {
    for octets in samples() {
        let mut sensor = Sensor::new(strict());
        for end in 0..=octets.len() {
            for link in LINKS {
                swallow(&mut sensor, link, &octets[..end], 0);
                swallow(&mut sensor, link, octets.get(14..end).unwrap_or_default(), 0);
            }
        }
    }
}

#[test]
fn every_octet_of_every_frame_may_be_any_other() {
    let mut sensor = Sensor::new(strict());
    for octets in samples() {
        for at in 0..octets.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut spoilt = octets.clone();
                spoilt[at] = value;
                swallow(&mut sensor, LinkType::Ethernet, &spoilt, 0);
            }
        }
    }
}

proptest! {
    #[test]
    fn no_octets_panic(octets: Vec<u8>, link in 0_usize..6, time: i64) {
        swallow(&mut Sensor::new(strict()), LINKS[link], &octets, time);
    }

    #[test]
    fn no_mutation_panics(
        which: proptest::sample::Index,
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..12),
        cut: proptest::sample::Index,
        times in proptest::collection::vec(any::<i64>(), 4),
    ) {
        let samples = samples();
        let mut octets = which.get(&samples).clone();
        for (at, value) in changes {
            let at = at.index(octets.len());
            octets[at] = value;
        }
        let mut sensor = Sensor::new(strict());
        for time in times {
            swallow(&mut sensor, LinkType::Ethernet, &octets, time);
            swallow(&mut sensor, LinkType::Ethernet, &octets[..cut.index(octets.len())], time);
        }
    }
}

#[test]
fn a_flood_of_addresses_is_bounded_and_counted() {
    let mut sensor = Sensor::new(edge());
    let mut frame = syn((PC, OTHER, "10.1.1.5", "10.1.1.7", 63), (1, 80), ANDROID).octets;
    let flood = u32::try_from(STATIONS_PER_PLACE_MAX * 3).unwrap();
    for number in 0..flood {
        let [_, a, b, c] = number.to_be_bytes();
        // MAC, address and port all change.
        frame[6..12].copy_from_slice(&[2, 0, 0, a, b, c]);
        frame[26..30].copy_from_slice(&[10, a, b, c]);
        frame[34..36].copy_from_slice(&[b, c]);
        swallow(&mut sensor, LinkType::Ethernet, &frame, i64::from(number));
        assert!(sensor.stations() <= STATIONS_PER_PLACE_MAX);
    }
    assert!(sensor.evicted() > u64::from(flood) / 2);
    // Spread over many VLANs the bound of all holds.
    let mut tagged = tagged(Frame { octets: frame, time: None }, 0x8100, 1).octets;
    for number in 0..u32::try_from(STATIONS_MAX * 5 / 4).unwrap() {
        let [_, a, b, c] = number.to_be_bytes();
        tagged[6..12].copy_from_slice(&[2, 0, 1, a, b, c]);
        tagged[14..16].copy_from_slice(&[b & 0x0f, c]);
        swallow(&mut sensor, LinkType::Ethernet, &tagged, 0);
        assert!(sensor.stations() <= STATIONS_MAX + 1);
    }
}
