//! Captures written here, whole, cut and spoilt.

use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::vocabulary::Language;

fn open(octets: &[u8]) -> Result<Capture, Failure> {
    Capture::new("test", Box::new(Cursor::new(octets.to_vec())))
}

/// Every frame up to the end or the first fault.
/// Time, link and octets of each frame.
type Frames = Vec<(i64, LinkType, Vec<u8>)>;

fn read(octets: &[u8]) -> (Frames, Option<FailureKind>) {
    let mut frames = Vec::new();
    let mut capture = match open(octets) {
        Ok(capture) => capture,
        Err(failure) => return (frames, Some(failure.kind)),
    };
    loop {
        match capture.next() {
            Ok(Some(frame)) => frames.push((frame.time.0, frame.link, frame.octets.to_vec())),
            Ok(None) => return (frames, None),
            Err(failure) => return (frames, Some(failure.kind)),
        }
    }
}

fn word(order: Order, value: u32) -> [u8; 4] {
    match order {
        Order::Little => value.to_le_bytes(),
        Order::Big => value.to_be_bytes(),
    }
}

fn pcap(order: Order, magic: u32, link: u32, frames: &[(u32, u32, &[u8])]) -> Vec<u8> {
    let mut octets = Vec::new();
    for value in [magic, 0, 0, 0, 65_535, link] {
        octets.extend_from_slice(&word(order, value));
    }
    for (seconds, fraction, frame) in frames {
        for value in [*seconds, *fraction, frame.len() as u32, 1_500] {
            octets.extend_from_slice(&word(order, value));
        }
        octets.extend_from_slice(frame);
    }
    octets
}

fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(4), 0);
    let length = word(order, body.len() as u32 + 12);
    [&word(order, kind)[..], &length, &body, &length].concat()
}

fn section(order: Order) -> Vec<u8> {
    let mut body = word(order, 0x1a2b_3c4d).to_vec();
    body.extend_from_slice(&[0; 12]);
    block(order, 0x0a0d_0d0a, &body)
}

fn interface(order: Order, link: u16, options: &[u8]) -> Vec<u8> {
    let link = match order {
        Order::Little => link.to_le_bytes(),
        Order::Big => link.to_be_bytes(),
    };
    block(order, 1, &[&link[..], &[0; 2], &word(order, 0), options].concat())
}

fn enhanced(order: Order, interface: u32, ticks: u64, frame: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    let length = frame.len() as u32;
    for value in [interface, (ticks >> 32) as u32, ticks as u32, length, length] {
        body.extend_from_slice(&word(order, value));
    }
    body.extend_from_slice(frame);
    block(order, 6, &body)
}

#[test]
fn pcap_is_read_in_either_order_and_resolution() {
    let frames: &[(u32, u32, &[u8])] = &[(1, 5, b"one"), (2, 999_999, b"")];
    for order in [Order::Little, Order::Big] {
        let (read_frames, fault) = read(&pcap(order, 0xa1b2_c3d4, 1, frames));
        assert_eq!(fault, None);
        assert_eq!(read_frames[0], (1_000_005_000, LinkType::Ethernet, b"one".to_vec()));
        assert_eq!(read_frames[1].0, 2_999_999_000);
        let (read_frames, _) = read(&pcap(order, 0xa1b2_3c4d, 113, frames));
        assert_eq!(read_frames[0], (1_000_000_005, LinkType::Cooked, b"one".to_vec()));
    }
    // The upper half of the link type is about check sequences.
    assert_eq!(read(&pcap(Order::Little, 0xa1b2_c3d4, 0x0400_0001, frames)).0.len(), 2);
}

#[test]
fn pcapng_is_read_with_its_sections_interfaces_and_clocks() {
    for order in [Order::Little, Order::Big] {
        let short = |value: u16| match order {
            Order::Little => value.to_le_bytes(),
            Order::Big => value.to_be_bytes(),
        };
        let nanoseconds = [&short(9)[..], &short(1), &[9, 0, 0, 0], &short(0), &short(0)].concat();
        let halves = [&short(9)[..], &short(1), &[0x81, 0, 0, 0]].concat();
        let octets = [
            section(order),
            interface(order, 1, &[]),
            interface(order, 101, &nanoseconds),
            interface(order, 1, &halves),
            block(order, 5, &[0; 8]),
            enhanced(order, 0, 1_000_001, b"a"),
            enhanced(order, 1, 1_000_000_001, b"bcdef"),
            enhanced(order, 2, 3, b"c"),
            block(order, 3, &[&word(order, 2)[..], b"de"].concat()),
            section(Order::Big),
            interface(Order::Big, 1, &[]),
            enhanced(Order::Big, 0, 7, b"f"),
        ];
        let (frames, fault) = read(&octets.concat());
        assert_eq!(fault, None);
        let times: Vec<_> = frames.iter().map(|frame| frame.0).collect();
        assert_eq!(times, [1_000_001_000, 1_000_000_001, 1_500_000_000, 0, 7_000]);
        assert_eq!(frames[1], (1_000_000_001, LinkType::Raw, b"bcdef".to_vec()));
        assert_eq!(frames[3].2, b"de");
    }
}

#[test]
fn every_cut_is_a_cut_and_the_frames_before_it_are_given() {
    let whole = pcap(Order::Little, 0xa1b2_c3d4, 1, &[(1, 5, b"one"), (2, 5, b"two")]);
    let ng = [
        section(Order::Little),
        interface(Order::Little, 1, &[]),
        enhanced(Order::Little, 0, 7, b"one"),
    ];
    let ng = ng.concat();
    for octets in [&whole, &ng] {
        let all = read(octets).0.len();
        for end in 0..octets.len() {
            let (frames, fault) = read(&octets[..end]);
            assert!(frames.len() < all);
            // A file that ends between frames is whole.
            let expected = [None, Some(FailureKind::CaptureCut), Some(FailureKind::CaptureForeign)];
            assert!(expected.contains(&fault), "{end}: {fault:?}");
        }
    }
    assert_eq!(
        read(&whole[..45]),
        (vec![(1_000_005_000, LinkType::Ethernet, b"one".to_vec())], Some(FailureKind::CaptureCut))
    );
}

#[test]
fn garbage_says_what_and_where_in_both_languages() {
    let long = pcap(Order::Little, 0xa1b2_c3d4, 1, &[]);
    let long = [&long[..], &[0; 8], &[0xff; 8]].concat();
    let stray = [section(Order::Little), enhanced(Order::Little, 0, 0, b"x")].concat();
    let radio = [
        section(Order::Little),
        interface(Order::Little, 127, &[]),
        enhanced(Order::Little, 0, 0, b"x"),
    ];
    for (octets, kind) in [
        (b"[package]\nname".to_vec(), FailureKind::CaptureForeign),
        (Vec::new(), FailureKind::CaptureForeign),
        (long, FailureKind::CaptureDamaged),
        (stray, FailureKind::CaptureDamaged),
        (radio.concat(), FailureKind::CaptureLink),
        (pcap(Order::Big, 0xa1b2_c3d4, 127, &[]), FailureKind::CaptureLink),
    ] {
        let fault = match open(&octets) {
            Err(failure) => failure,
            Ok(mut capture) => capture.next().map(|_| ()).unwrap_err(),
        };
        assert_eq!(fault.kind, kind);
        for language in [Language::Japanese, Language::English] {
            let message = fault.message(language);
            assert!(message.contains("`test`") && !message.contains('{'), "{message}");
        }
    }
}

#[test]
fn files_that_are_none_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let kind = |path: &Path| Capture::open(path).err().map(|failure| failure.kind);
    assert_eq!(kind(directory.path()), Some(FailureKind::NotAFile));
    assert_eq!(kind(&directory.path().join("absent")), Some(FailureKind::FileUnreadable));
    let path = directory.path().join("whole.pcap");
    std::fs::write(&path, pcap(Order::Little, 0xa1b2_c3d4, 1, &[(1, 2, b"x")])).unwrap();
    assert!(Capture::open(&path).unwrap().next().unwrap().is_some());
    assert_eq!(read_whole(&path).unwrap().len(), 41);
}

proptest! {
    #[test]
    fn no_octets_panic_or_go_on_for_ever(octets: Vec<u8>, form in 0_usize..3) {
        let head = [
            pcap(Order::Little, 0xa1b2_c3d4, 1, &[]),
            [section(Order::Big), interface(Order::Big, 1, &[])].concat(),
            Vec::new(),
        ];
        let _ = read(&[&head[form][..], &octets].concat());
    }

    #[test]
    fn no_spoilt_file_panics(at: proptest::sample::Index, value: u8) {
        let mut octets = [
            section(Order::Little),
            interface(Order::Little, 1, &[9, 0, 1, 0, 6, 0, 0, 0]),
            enhanced(Order::Little, 0, 7, b"one"),
        ]
        .concat();
        let at = at.index(octets.len());
        octets[at] = value;
        let _ = read(&octets);
    }
}
