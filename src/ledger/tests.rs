//! Attachments come, go and are forgotten, time moved by hand.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::{ATTACHMENTS_MAX, Attachment, ENDLESS, GRACE, Input, Key, Ledger, Point, Session};
use crate::vocabulary::{Mac, Moment, Timestamp, VlanId};

const HOUR: Duration = Duration::from_secs(3_600);

fn at(seconds: u64) -> Moment {
    let wall = Timestamp::from_seconds(1_000_000 + i64::try_from(seconds).unwrap());
    Moment { monotonic: Duration::from_secs(seconds), wall }
}

fn key(port: &str, last: u32) -> Key {
    let [_, a, b, c] = last.to_be_bytes();
    let mac = Mac::new([2, 0, 0, a, b, c]).unwrap();
    Key { switch: "sw01".into(), point: Point::Port(port.into()), mac }
}

fn attachment(now: Moment, key: Key) -> Attachment {
    let session = Session {
        user: b"u".as_slice().into(),
        nas_port: Some(1),
        nas_port_id: None,
        id: None,
        nas: IpAddr::V4(Ipv4Addr::LOCALHOST),
        local: IpAddr::V4(Ipv4Addr::LOCALHOST),
    };
    Attachment {
        key,
        access_point: None,
        chain: [].into(),
        environment: "B".into(),
        vlan: VlanId::new(120).unwrap(),
        filter: None,
        session,
        generation: 1,
        since: now.wall,
        lasts: Some(HOUR),
    }
}

fn attach(ledger: &mut Ledger, now: Moment, key: &Key) {
    ledger.handle(now, Input::Attached(Box::new(attachment(now, key.clone()))));
}

#[test]
fn an_attachment_lasts_its_time_and_a_grace_and_each_renewal_counts_anew() {
    let (mut ledger, key) = (Ledger::default(), key("1", 1));
    attach(&mut ledger, at(0), &key);
    attach(&mut ledger, at(1_800), &key);
    assert_eq!(ledger.len(), 1);
    let end = Duration::from_secs(1_800) + HOUR + GRACE;
    // It is looked at when it would have ended, and again when it does.
    assert_eq!(ledger.poll_timeout(), Some(HOUR + GRACE));
    ledger.handle_timeout(at((HOUR + GRACE).as_secs()));
    assert_eq!(ledger.poll_timeout(), Some(end));
    ledger.handle_timeout(at(end.as_secs() - 1));
    assert!(ledger.get(&key).is_some());
    ledger.handle_timeout(at(end.as_secs()));
    assert!(ledger.is_empty() && ledger.poll_timeout().is_none());
}

#[test]
fn a_session_without_a_time_is_kept_long_but_not_for_ever() {
    let mut ledger = Ledger::default();
    let endless = Attachment { lasts: None, ..attachment(at(0), key("1", 1)) };
    ledger.handle(at(0), Input::Attached(Box::new(endless)));
    assert_eq!(ledger.poll_timeout(), Some(ENDLESS));
}

#[test]
fn a_refusal_closes_its_own_place_only() {
    let mut ledger = Ledger::default();
    attach(&mut ledger, at(0), &key("1", 1));
    attach(&mut ledger, at(0), &key("2", 1));
    ledger.handle(at(1), Input::Refused(Box::new(key("1", 1))));
    ledger.handle(at(1), Input::Refused(Box::new(key("9", 9))));
    let left: Vec<Key> = ledger.iter().map(|found| found.key.clone()).collect();
    assert_eq!(left, [key("2", 1)]);
}

#[test]
fn an_end_that_comes_late_or_is_anothers_ends_nothing() {
    let (mut ledger, key) = (Ledger::default(), key("1", 1));
    attach(&mut ledger, at(10), &key);
    assert!(!ledger.ended(&key, None, at(9).wall), "it began after that end");
    ledger.handle(at(11), Input::Started(Box::new(key.clone()), b"S-2".to_vec()));
    assert!(!ledger.ended(&key, Some(b"S-1"), at(20).wall), "another session");
    assert_eq!(ledger.get(&key).unwrap().session.id.as_deref(), Some(&b"S-2"[..]));
    ledger.handle(at(21), Input::Ended(Box::new(key.clone()), b"S-2".to_vec(), at(20).wall));
    assert!(!ledger.ended(&key, Some(b"S-2"), at(20).wall), "it has ended");
    attach(&mut ledger, at(30), &key);
    ledger.handle(at(50), Input::Restarted("sw02".to_owned(), at(40).wall));
    ledger.handle(at(50), Input::Restarted("sw01".to_owned(), at(29).wall));
    assert_eq!(ledger.len(), 1);
    ledger.handle(at(50), Input::Restarted("sw01".to_owned(), at(40).wall));
    assert!(ledger.is_empty());
}

#[test]
fn every_change_is_told_once_and_as_it_is_now() {
    let mut ledger = Ledger::default();
    attach(&mut ledger, at(0), &key("1", 1));
    attach(&mut ledger, at(1), &key("1", 1));
    attach(&mut ledger, at(1), &key("2", 2));
    ledger.handle(at(2), Input::Refused(Box::new(key("2", 2))));
    let (first, kept) = ledger.poll_event().unwrap();
    assert_eq!((first, kept.unwrap().since), (key("1", 1), at(1).wall));
    assert_eq!(ledger.poll_event(), Some((key("2", 2), None)));
    assert_eq!(ledger.poll_event(), None);
}

#[test]
fn what_is_taken_up_from_before_ends_when_it_would_have_ended() {
    let mut ledger = Ledger::default();
    let (old, young) = (attachment(at(0), key("1", 1)), attachment(at(7_000), key("2", 2)));
    let now = Moment { monotonic: Duration::from_secs(5), wall: at(7_200).wall };
    ledger.restore(now, vec![old, young]);
    assert_eq!(ledger.len(), 1);
    assert_eq!(ledger.poll_timeout(), Some(Duration::from_secs(5 + 3_400) + GRACE));
    assert_eq!(ledger.poll_event(), Some((key("1", 1), None)), "forgotten on disk as well");
}

#[test]
fn when_it_is_full_the_one_that_ends_first_goes_and_is_counted() {
    let mut ledger = Ledger::default();
    for number in 0..=u32::try_from(ATTACHMENTS_MAX).unwrap() {
        attach(&mut ledger, at(u64::from(number > 0)), &key("1", number));
    }
    assert_eq!((ledger.len(), ledger.evicted()), (ATTACHMENTS_MAX, 1));
    assert!(ledger.get(&key("1", 0)).is_none());
}
