//! Switches that say No, say nothing, cannot be told, or are not who they seem.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::enforce::{ANSWER, CoaResult, RETRY_AFTER, ROUNDS_MAX, SETTLE};

/// A terminal whose device was deleted, and everything already following that.
fn deleted() -> (Desk, Enforcer) {
    let mut desk = Desk::new();
    let (device, _) = terminal(&desk, 1, DELETED);
    let mut enforcer = enforcer(&desk, vec![device]);
    let mut sources = shipped();
    delete(&mut sources, DELETED.0);
    desk.reload(Some(&sources), Marks::default());
    follow(&desk, &mut enforcer);
    (desk, enforcer)
}

/// Lets time pass until a person is told; gives the requests by code, copies not counted, and
/// how many datagrams there were.
fn until_told(desk: &mut Desk, enforcer: &mut Enforcer) -> (BTreeMap<u8, usize>, usize, Duration) {
    let began = desk.now.monotonic;
    let (mut requests, mut datagrams, mut last) = (BTreeMap::new(), 0, Vec::new());
    loop {
        for (_, octets) in sent(enforcer) {
            datagrams += 1;
            if octets != last {
                *requests.entry(about(&octets).0.get()).or_default() += 1;
                last = octets;
            }
        }
        let told = events(enforcer).into_iter().any(|it| matches!(it, Event::Failed { .. }));
        if told {
            return (requests, datagrams, desk.now.monotonic - began);
        }
        let due = enforcer.poll_timeout().unwrap();
        desk.pass(due.saturating_sub(desk.now.monotonic));
        assert!(desk.now.monotonic - began < Duration::from_secs(120), "nobody was told");
        enforcer.handle_timeout(desk.now);
    }
}

#[test]
fn a_silent_switch_is_asked_by_every_means_in_rounds_then_told_of_and_tried_again_later() {
    let (mut desk, mut enforcer) = deleted();
    let (requests, datagrams, took) = until_told(&mut desk, &mut enforcer);
    let rounds = usize::from(ROUNDS_MAX);
    let expected = [(Code::DisconnectRequest.get(), rounds), (Code::CoaRequest.get(), rounds)];
    assert_eq!(requests, expected.into());
    assert_eq!(datagrams, 2 * rounds * (1 + usize::from(ANSWER.retries)));
    assert!(took <= Duration::from_secs(30), "{took:?}");
    assert_eq!(enforcer.pending()[0].state, "failed");
    assert_eq!(enforcer.pending()[0].last, Some((CoaResult::Silent, None)));
    // Another change elsewhere does not begin it anew, its time does.
    follow(&desk, &mut enforcer);
    assert!(sent(&mut enforcer).is_empty());
    desk.pass(RETRY_AFTER);
    enforcer.handle_timeout(desk.now);
    assert_eq!(sent(&mut enforcer).len(), 1);
}

/// The answer to whatever is open now, with this Error-Cause.
fn refuse(desk: &Desk, enforcer: &mut Enforcer, cause: Option<u32>) -> usize {
    let requests = sent(enforcer);
    for (to, octets) in &requests {
        let code = match about(octets).0 {
            Code::DisconnectRequest => Code::DisconnectNak,
            _ => Code::CoaNak,
        };
        let reply = answer(desk, SWITCH, octets, code, cause);
        enforcer.handle_datagram(desk.now, &reply, *to);
    }
    requests.len()
}

#[test]
fn coa_5_an_error_cause_says_whether_to_ask_again() {
    // Gone: nothing remains to be done.
    let (desk, mut enforcer) = deleted();
    assert_eq!(refuse(&desk, &mut enforcer, Some(503)), 1);
    assert_eq!(done(&mut enforcer), [(mac(DELETED.0), Ending::Gone)]);
    assert!(enforcer.ledger().is_empty());

    // Never: each means once, and a person is told at once.
    for cause in [401, 402, 403, 404, 405, 406, 407, 501, 508] {
        let (desk, mut enforcer) = deleted();
        assert_eq!(refuse(&desk, &mut enforcer, Some(cause)), 1);
        assert_eq!(refuse(&desk, &mut enforcer, Some(cause)), 1);
        assert!(sent(&mut enforcer).is_empty());
        let failed = |event: &Event| match event {
            Event::Failed { last, .. } => *last == Some((CoaResult::Nak, Some(cause))),
            _ => false,
        };
        assert!(events(&mut enforcer).iter().any(failed), "{cause}");
    }

    // Later, or no cause at all: in rounds, as with silence.
    for cause in [Some(504), Some(506), None] {
        let (mut desk, mut enforcer) = deleted();
        let mut asked = 0;
        while enforcer.pending()[0].state != "failed" {
            loop {
                match refuse(&desk, &mut enforcer, cause) {
                    0 => break,
                    count => asked += count,
                }
            }
            let due = enforcer.poll_timeout().unwrap();
            desk.pass(due.saturating_sub(desk.now.monotonic));
            enforcer.handle_timeout(desk.now);
        }
        assert_eq!(asked, 2 * usize::from(ROUNDS_MAX), "{cause:?}");
    }
}

#[test]
fn a_device_that_does_not_authenticate_though_its_switch_agreed_is_cut() {
    let mut desk = Desk::new();
    let (device, _) = terminal(&desk, 1, MOVED);
    let mut enforcer = enforcer(&desk, vec![device]);
    let mut sources = shipped();
    relocate(&mut sources, MOVED.0);
    desk.reload(Some(&sources), Marks::default());
    follow(&desk, &mut enforcer);
    let requests = sent(&mut enforcer);
    assert_eq!(about(&requests[0].1).0, Code::CoaRequest);
    acknowledge(&desk, &mut enforcer, &requests[0]);
    assert_eq!(done(&mut enforcer), []);
    let before = SETTLE.as_secs() - 1;
    enforcer.handle_timeout(at(&mut desk, before));
    assert!(sent(&mut enforcer).is_empty());
    enforcer.handle_timeout(at(&mut desk, before + 1));
    let requests = sent(&mut enforcer);
    assert_eq!(about(&requests[0].1), (Code::DisconnectRequest, mac(MOVED.0)));
}

#[test]
fn no_late_copy_cuts_a_device_that_came_back_by_itself() {
    let mut desk = Desk::new();
    let (device, _) = terminal(&desk, 1, MOVED);
    let mut enforcer = enforcer(&desk, vec![device]);
    desk.reload(None, Marks::new(vec![mark(&desk, MOVED.0)]));
    follow(&desk, &mut enforcer);
    assert_eq!(sent(&mut enforcer).len(), 1, "and lost on its way");
    let (quarantined, _) = terminal(&desk, 1, MOVED);
    assert_eq!(quarantined.environment, "Q");
    enforcer.handle(desk.now, Input::Attached(Box::new(quarantined)));
    assert_eq!(done(&mut enforcer), [(mac(MOVED.0), Ending::Decided)]);
    for _ in 0..5 {
        desk.pass(Duration::from_secs(1));
        enforcer.handle_timeout(desk.now);
        assert!(sent(&mut enforcer).is_empty());
    }
}

#[test]
fn a_session_not_known_by_its_id_is_named_by_its_other_keys() {
    let mut desk = Desk::new();
    let (device, _) = terminal(&desk, 1, DELETED);
    let key = device.key.clone();
    let mut enforcer = enforcer(&desk, vec![device]);
    enforcer.handle(desk.now, Input::Started(Box::new(key), b"0000002A".to_vec()));
    let mut sources = shipped();
    delete(&mut sources, DELETED.0);
    desk.reload(Some(&sources), Marks::default());
    follow(&desk, &mut enforcer);
    let id = |octets: &[u8]| {
        let packet = Packet::parse(octets).unwrap();
        packet.first(attribute::ACCT_SESSION_ID).map(<[u8]>::to_vec)
    };
    let requests = sent(&mut enforcer);
    assert_eq!(id(&requests[0].1), Some(b"0000002A".to_vec()));
    let (to, octets) = &requests[0];
    let reply = answer(&desk, SWITCH, octets, Code::DisconnectNak, Some(503));
    enforcer.handle_datagram(desk.now, &reply, *to);
    let requests = sent(&mut enforcer);
    assert_eq!((requests.len(), id(&requests[0].1)), (1, None));
    acknowledge(&desk, &mut enforcer, &requests[0]);
    assert_eq!(done(&mut enforcer), [(mac(DELETED.0), Ending::Disconnected)]);
}

#[test]
fn a_forged_acknowledgement_changes_nothing() {
    let (desk, mut enforcer) = deleted();
    let (to, octets) = sent(&mut enforcer).remove(0);
    // Of a switch with another secret, from another address, and of another request.
    let foreign = answer(&desk, "ken-sw01", &octets, Code::DisconnectAck, None);
    let right = answer(&desk, SWITCH, &octets, Code::DisconnectAck, None);
    let mut spoilt = right.clone();
    *spoilt.last_mut().unwrap() ^= 1;
    for (reply, source) in
        [(&foreign, to), (&spoilt, to), (&right, SocketAddr::from(([10, 9, 9, 9], 3799)))]
    {
        enforcer.handle_datagram(desk.now, reply, source);
    }
    assert_eq!(events(&mut enforcer), []);
    assert_eq!((enforcer.pending()[0].state, enforcer.ledger().len()), ("asked", 1));
    enforcer.handle_datagram(desk.now, &right, to);
    assert_eq!(done(&mut enforcer), [(mac(DELETED.0), Ending::Disconnected)]);
}

#[test]
fn a_switch_that_cannot_be_told_is_said_to_wait_and_a_switch_that_left_the_plan_is_told_of() {
    let mut desk = Desk::new();
    let printer = session(&desk, PRINTER.switch, "0/1", PRINTER.mac, Vec::new());
    let until = printer.since.plus(printer.lasts.unwrap());
    let mut first = enforcer(&desk, vec![printer.clone()]);
    desk.reload(None, Marks::new(vec![mark(&desk, PRINTER.mac)]));
    follow(&desk, &mut first);
    assert!(sent(&mut first).is_empty());
    let events_of = |enforcer: &mut Enforcer| events(enforcer);
    let [Event::Waits { until: told, .. }] = &events_of(&mut first)[..] else { panic!() };
    assert_eq!(*told, Some(until));
    follow(&desk, &mut first);
    assert_eq!(events_of(&mut first), [], "said once");

    let mut gone = printer;
    gone.key.switch = "sold-sw01".into();
    let mut second = Enforcer::new(desk.now, Arc::clone(desk.access.snapshot()), vec![gone]);
    assert!(sent(&mut second).is_empty());
    assert!(matches!(&events_of(&mut second)[..], [Event::Failed { last: None, .. }]));
    assert!(second.ledger().is_empty());
}

#[test]
fn the_other_secret_is_tried_while_a_switch_changes_to_it() {
    let mut desk = Desk::new();
    let (device, _) = terminal(&desk, 1, DELETED);
    let mut enforcer = enforcer(&desk, vec![device]);
    let index = desk.switch(SWITCH);
    let next = crate::vocabulary::Secret::new(b"the next secret of ken-sw02".to_vec());
    desk.credentials.clients.get_mut(&index).unwrap().next = Some(next.clone());
    let mut sources = shipped();
    delete(&mut sources, DELETED.0);
    desk.reload(Some(&sources), Marks::default());
    follow(&desk, &mut enforcer);
    let key = crate::wire::radius::Key::new(&next);
    let mut found = false;
    for _ in 0..10 {
        for (_, octets) in sent(&mut enforcer) {
            found |= key.check_keyed_request(&Packet::parse(&octets).unwrap());
        }
        desk.pass(Duration::from_secs(1));
        enforcer.handle_timeout(desk.now);
    }
    assert!(found);
}

#[test]
fn a_switch_is_asked_little_at_once_and_everything_in_time() {
    let mut desk = Desk::new();
    let text = String::from_utf8(shipped().config["inventory.csv"].clone()).unwrap();
    let rows = text.lines().filter(|line| line.contains(",B,kenko/ken-sw02,"));
    let devices: Vec<(String, String)> = rows
        .map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>())
        .map(|cells| (cells[5].clone(), cells[6].clone()))
        .filter(|(mac, name)| !mac.contains(';') && !name.is_empty())
        .collect();
    let all: Vec<Attachment> = (1..)
        .zip(&devices)
        .map(|(port, (mac, name))| terminal(&desk, port, (mac, name)).0)
        .collect();
    let count = all.len();
    assert!(count > super::super::PER_SWITCH_MAX && count <= 20);
    let mut enforcer = enforcer(&desk, all);
    let marks = devices.iter().map(|(subject, _)| mark(&desk, subject)).collect();
    desk.reload(None, Marks::new(marks));
    assert_eq!(follow(&desk, &mut enforcer).changing, count);
    let mut told = BTreeSet::new();
    loop {
        let requests = sent(&mut enforcer);
        if requests.is_empty() {
            break;
        }
        assert!(requests.len() <= super::super::PER_SWITCH_MAX);
        for request in &requests {
            told.insert(about(&request.1).1);
            acknowledge(&desk, &mut enforcer, request);
        }
    }
    assert_eq!(told.len(), count);
}

#[test]
fn accounting_of_the_end_is_an_end() {
    let (desk, mut enforcer) = deleted();
    let request = sent(&mut enforcer).remove(0);
    let key = enforcer.pending()[0].matter.key.clone();
    enforcer.handle(desk.now, Input::Ended(Box::new(key), b"1".to_vec(), desk.now.wall));
    assert_eq!(done(&mut enforcer), [(mac(DELETED.0), Ending::Gone)]);
    acknowledge(&desk, &mut enforcer, &request);
    assert!(sent(&mut enforcer).is_empty() && events(&mut enforcer).is_empty());
}
