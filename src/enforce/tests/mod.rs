//! Live sessions of the shipped city, its switches answered by hand, time moved by hand.

mod dialect;
mod failure;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::judge::judge;
use super::{Ending, Enforcer, Event, Means, Wanted};
use crate::access::tests::fixture::{Desk, LOCAL, PC, PRINTER, today};
use crate::authority::Identity;
use crate::eap::peer::PeerVersions;
use crate::ledger::{Attachment, Input, Key, Point, Session};
use crate::plan::Sources;
use crate::plan::tests::{edit, shipped};
use crate::vocabulary::{Mac, Mark, MarkKind, MarkSubject, Marks, Moment, VlanId};
use crate::wire::radius::{Code, Packet, Writer, attribute};

/// Terminals of environment B at `ken-sw02`, a Cisco.
const DELETED: (&str, &str) = ("D4-1E-F9-79-ED-AC", "mu-pc0343.pc.city.example");
const REVOKED: (&str, &str) = ("84-F0-1A-25-61-F2", "mu-pc0508.pc.city.example");
const MOVED: (&str, &str) = ("84-F0-1B-CB-90-83", "mu-pc0585.pc.city.example");
const UNCHANGED: (&str, &str) = ("84-F0-1B-58-54-7E", "mu-pc0837.pc.city.example");
const SWITCH: &str = "ken-sw02";

fn inventory(sources: &mut Sources, change: impl FnOnce(&str) -> String) {
    let file = sources.config.get_mut("inventory.csv").unwrap();
    let text = String::from_utf8(file.clone()).unwrap();
    let changed = change(&text);
    assert_ne!(text, changed);
    *file = changed.into_bytes();
}

/// The inventory without a device.
fn delete(sources: &mut Sources, mac: &str) {
    let other = |line: &&str| !line.contains(mac);
    inventory(sources, |text| text.lines().filter(other).map(|line| format!("{line}\n")).collect());
}

/// The inventory with a device of B in C.
fn relocate(sources: &mut Sources, mac: &str) {
    let line = |line: &str| {
        let moved = line.contains(mac);
        let line = if moved { line.replace(",B,", ",C,") } else { line.to_owned() };
        format!("{line}\n")
    };
    inventory(sources, |text| text.lines().map(line).collect());
}

/// A session at a port, as admission at this moment would have opened it.
fn session(desk: &Desk, switch: &str, port: &str, mac: &str, chain: Vec<Vec<u8>>) -> Attachment {
    let key = Key {
        switch: switch.into(),
        point: Point::Port(port.into()),
        mac: Mac::parse(mac).unwrap(),
    };
    let mut attachment = Attachment {
        key,
        access_point: None,
        chain: chain.into(),
        environment: "".into(),
        vlan: VlanId::new(1).unwrap(),
        filter: None,
        session: Session {
            user: b"user".as_slice().into(),
            nas_port: Some(50_105),
            nas_port_id: Some(port.as_bytes().into()),
            id: None,
            nas: desk.source(switch).ip(),
            local: SocketAddr::from(LOCAL).ip(),
        },
        generation: 1,
        since: desk.now.wall,
        lasts: Some(Duration::from_secs(3_600)),
    };
    let decision = judge(desk.access.snapshot(), &attachment, desk.now, true);
    let entry = decision.entry().unwrap_or_else(|| panic!("{:?}", decision.because));
    attachment.environment = desk.plan.environment_id(entry.environment).into();
    attachment.vlan = entry.vlan;
    attachment.filter = entry.filter.clone();
    attachment
}

/// A terminal at a port of [`SWITCH`], and the serial of its certificate.
fn terminal(desk: &Desk, port: u8, (mac, name): (&str, &str)) -> (Attachment, String) {
    let identity = Identity::parse(name).unwrap();
    let issued = desk.authority.issue_client(&identity, desk.now.wall, 30).unwrap().issued;
    let port = format!("GigabitEthernet1/0/{port}");
    (session(desk, SWITCH, &port, mac, vec![issued.der]), issued.serial)
}

fn enforcer(desk: &Desk, sessions: Vec<Attachment>) -> Enforcer {
    Enforcer::new(desk.now, Arc::clone(desk.access.snapshot()), sessions)
}

fn follow(desk: &Desk, enforcer: &mut Enforcer) -> super::Summary {
    enforcer.replace(desk.now, Arc::clone(desk.access.snapshot()))
}

/// What is sent now: where to, and the octets.
fn sent(enforcer: &mut Enforcer) -> Vec<(SocketAddr, Vec<u8>)> {
    let (mut all, mut octets) = (Vec::new(), Vec::new());
    while let Some(route) = enforcer.poll_transmit(&mut octets) {
        assert_eq!(route.from, SocketAddr::from(LOCAL).ip());
        all.push((route.to, octets.clone()));
    }
    all
}

/// Code and station of a request.
fn about(octets: &[u8]) -> (Code, Mac) {
    let packet = Packet::parse(octets).unwrap();
    let calling = packet.first(attribute::CALLING_STATION_ID).unwrap();
    (packet.code(), Mac::parse(std::str::from_utf8(calling).unwrap()).unwrap())
}

fn mac(text: &str) -> Mac {
    Mac::parse(text).unwrap()
}

/// The switch's answer to a request.
fn answer(desk: &Desk, switch: &str, request: &[u8], code: Code, cause: Option<u32>) -> Vec<u8> {
    let (request, mut octets) = (Packet::parse(request).unwrap(), Vec::new());
    let mut writer = Writer::reply(&mut octets, code, &request);
    writer.message_authenticator_first();
    if let Some(cause) = cause {
        writer.integer(attribute::ERROR_CAUSE, cause);
    }
    writer.finish_reply(&desk.key(switch), request.authenticator()).unwrap();
    octets
}

fn acknowledge(desk: &Desk, enforcer: &mut Enforcer, (to, request): &(SocketAddr, Vec<u8>)) {
    let code = match about(request).0 {
        Code::DisconnectRequest => Code::DisconnectAck,
        _ => Code::CoaAck,
    };
    let reply = answer(desk, SWITCH, request, code, None);
    enforcer.handle_datagram(desk.now, &reply, *to);
}

fn events(enforcer: &mut Enforcer) -> Vec<Event> {
    std::iter::from_fn(|| enforcer.poll_event()).collect()
}

/// Sessions that are done, and how that is known.
fn done(enforcer: &mut Enforcer) -> Vec<(Mac, Ending)> {
    let done = |event| match event {
        Event::Done { matter, how, .. } => Some((matter.key.mac, how)),
        _ => None,
    };
    events(enforcer).into_iter().filter_map(done).collect()
}

fn mark(desk: &Desk, subject: &str) -> Mark {
    Mark {
        id: 1,
        subject: MarkSubject::Mac(mac(subject)),
        kind: MarkKind::Quarantine,
        reason: "test".to_owned(),
        by: "test".to_owned(),
        since: desk.now.wall,
        until: None,
    }
}

#[test]
fn after_a_reload_the_deleted_the_revoked_and_the_moved_are_told_and_nobody_else() {
    let mut desk = Desk::new();
    let devices = [DELETED, REVOKED, MOVED, UNCHANGED];
    let devices: Vec<_> = (1..).zip(devices).map(|(port, it)| terminal(&desk, port, it)).collect();
    let printer = session(&desk, PRINTER.switch, "0/1", PRINTER.mac, Vec::new());
    let mut all: Vec<Attachment> = devices.iter().map(|(it, _)| it.clone()).collect();
    all.push(printer);
    let mut enforcer = enforcer(&desk, all);
    assert!(sent(&mut enforcer).is_empty(), "all is as it should be");

    let mut sources = shipped();
    delete(&mut sources, DELETED.0);
    relocate(&mut sources, MOVED.0);
    desk.revoke(&devices[1].1);
    desk.reload(Some(&sources), Marks::default());
    let summary = follow(&desk, &mut enforcer);
    assert_eq!((summary.sessions, summary.changing, summary.held), (5, 3, 0));
    let requests = sent(&mut enforcer);
    let expected = [
        (Code::DisconnectRequest, mac(DELETED.0)),
        (Code::DisconnectRequest, mac(REVOKED.0)),
        (Code::CoaRequest, mac(MOVED.0)),
    ];
    assert_eq!(requests.iter().map(|(_, octets)| about(octets)).collect::<Vec<_>>(), expected);
    let port = desk.source(SWITCH).ip();
    assert!(requests.iter().all(|(to, _)| *to == SocketAddr::new(port, 3799)));

    for request in &requests {
        acknowledge(&desk, &mut enforcer, request);
    }
    let ended = [DELETED, REVOKED].map(|(it, _)| (mac(it), Ending::Disconnected));
    assert_eq!(done(&mut enforcer), ended);
    assert_eq!(enforcer.ledger().len(), 3);
    // That the third moved shows in its new decision, and in nothing else.
    let (mut moved, _) = terminal(&desk, 3, MOVED);
    assert_eq!((moved.environment.as_str(), moved.vlan.get()), ("C", 130));
    moved.since = desk.now.wall.plus(Duration::from_secs(1));
    enforcer.handle(desk.now, Input::Attached(Box::new(moved)));
    assert_eq!(done(&mut enforcer), [(mac(MOVED.0), Ending::Decided)]);
    assert!(sent(&mut enforcer).is_empty() && enforcer.pending().is_empty());
    assert_eq!(follow(&desk, &mut enforcer).changing, 0);
}

#[test]
fn what_admission_tells_is_what_enforcement_needs() {
    let mut desk = Desk::new();
    let (config, serial) = desk.supplicant(PC.name, PeerVersions::Tls13);
    desk.authenticate(&PC, &config, false, None, |_, _| {});
    let request = desk.mab(&PRINTER);
    desk.ask(PRINTER.switch, &request);
    let mut enforcer = enforcer(&desk, Vec::new());
    for told in desk.access.take_decided().attached {
        enforcer.handle(desk.now, told.input().unwrap());
    }
    let sessions: Vec<_> = enforcer.ledger().iter().cloned().collect();
    let [printer, pc] = sessions.as_slice() else { panic!("{sessions:#?}") };
    assert_eq!(pc.key.to_string(), "ken-sw02:GigabitEthernet1/0/5");
    assert_eq!((pc.vlan.get(), pc.chain.len()), (130, 1));
    assert_eq!(&*pc.session.user, b"anonymous");
    assert_eq!((printer.vlan.get(), printer.session.nas_port), (125, Some(1)));
    assert!(printer.chain.is_empty() && printer.lasts.is_some());
    assert_eq!(printer.session.local, SocketAddr::from(LOCAL).ip());

    desk.revoke(&serial);
    follow(&desk, &mut enforcer);
    let requests = sent(&mut enforcer);
    assert_eq!(requests.len(), 1);
    assert_eq!(about(&requests[0].1), (Code::DisconnectRequest, mac(PC.mac)));
    // Coming back, it is refused, and that is the end of it.
    desk.authenticate(&PC, &config, false, None, |_, _| {});
    for told in desk.access.take_decided().attached {
        enforcer.handle(desk.now, told.input().unwrap());
    }
    assert_eq!(done(&mut enforcer), [(mac(PC.mac), Ending::Decided)]);
    assert_eq!(enforcer.ledger().len(), 1);
}

#[test]
fn a_quarantine_ends_the_session_rather_than_asking_the_device() {
    let mut desk = Desk::new();
    let (device, _) = terminal(&desk, 1, MOVED);
    let mut enforcer = enforcer(&desk, vec![device]);
    desk.reload(None, Marks::new(vec![mark(&desk, MOVED.0)]));
    follow(&desk, &mut enforcer);
    let requests = sent(&mut enforcer);
    assert_eq!(about(&requests[0].1).0, Code::DisconnectRequest);
    let pending = enforcer.pending();
    let wanted = Wanted::Move {
        environment: "Q".to_owned(),
        vlan: VlanId::new(900).unwrap(),
        quarantine: true,
    };
    assert_eq!(pending[0].matter.wanted, wanted);
    // Released before the switch answered: nothing more is sent.
    desk.reload(None, Marks::default());
    follow(&desk, &mut enforcer);
    acknowledge(&desk, &mut enforcer, &requests[0]);
    assert!(sent(&mut enforcer).is_empty() && enforcer.pending().is_empty());
}

#[test]
fn a_mark_that_ends_by_itself_is_followed_when_it_ends() {
    let mut desk = Desk::new();
    let until = desk.now.wall.plus(Duration::from_secs(60));
    let ending = Mark { until: Some(until), ..mark(&desk, MOVED.0) };
    desk.reload(None, Marks::new(vec![ending]));
    let (device, _) = terminal(&desk, 1, MOVED);
    assert_eq!(device.environment, "Q");
    let mut enforcer = enforcer(&desk, vec![device]);
    let due = enforcer.poll_timeout().unwrap() - desk.now.monotonic;
    assert!((60..=61).contains(&due.as_secs()), "{due:?}");
    desk.pass(due);
    enforcer.handle_timeout(desk.now);
    assert_eq!(about(&sent(&mut enforcer)[0].1), (Code::CoaRequest, mac(MOVED.0)));
}

#[test]
fn who_was_deleted_while_nobody_served_is_cut_at_the_start() {
    let mut desk = Desk::new();
    let (device, _) = terminal(&desk, 1, DELETED);
    let mut sources = shipped();
    delete(&mut sources, DELETED.0);
    desk.reload(Some(&sources), Marks::default());
    let mut enforcer = enforcer(&desk, vec![device]);
    let requests = sent(&mut enforcer);
    assert_eq!(about(&requests[0].1), (Code::DisconnectRequest, mac(DELETED.0)));
}

#[test]
fn an_expired_certificate_ends_its_session_though_nothing_was_changed() {
    let mut desk = Desk::new();
    let (mut device, _) = terminal(&desk, 1, MOVED);
    device.lasts = None;
    let (_, other) = terminal(&desk, 2, UNCHANGED);
    let mut enforcer = enforcer(&desk, vec![device]);
    desk.pass(Duration::from_secs(31 * 86_400));
    desk.revoke(&other); // A list of today, or nothing could be verified.
    enforcer.replace(desk.now, Arc::clone(desk.access.snapshot()));
    let pending = enforcer.pending();
    let cut = pending.iter().find(|it| it.matter.wanted == Wanted::Cut).map(|it| &it.matter);
    let because = cut.and_then(|matter| matter.because.as_ref()).unwrap();
    assert_eq!(because.reason.id(), "certificate.expired");
}

#[test]
fn more_ports_than_allowed_wait_for_a_person_and_a_small_change_does_not_wait_with_them() {
    let mut desk = Desk::with(|sources| {
        edit(sources, "config/server.toml", "ports_max = 20", "ports_max = 2");
    });
    let devices = [DELETED, REVOKED, MOVED, UNCHANGED];
    let devices: Vec<_> = (1..).zip(devices).map(|(port, it)| terminal(&desk, port, it)).collect();
    let all = devices.iter().map(|(it, _)| it.clone()).collect();
    let mut enforcer = enforcer(&desk, all);
    let marks = |which: &[(&str, &str)]| {
        Marks::new(which.iter().map(|(subject, _)| mark(&desk, subject)).collect())
    };
    let (three, four) =
        (marks(&[DELETED, REVOKED, MOVED]), marks(&[DELETED, REVOKED, MOVED, UNCHANGED]));
    desk.reload(None, three);
    let summary = follow(&desk, &mut enforcer);
    assert_eq!((summary.changing, summary.held), (0, 3));
    assert!(sent(&mut enforcer).is_empty());
    let held = events(&mut enforcer);
    let number = summary.number.unwrap();
    assert_eq!(held, [Event::Held { number, sessions: 3, ports: 3, limit: 2 }]);

    // One more is few enough.
    desk.reload(None, four);
    let summary = follow(&desk, &mut enforcer);
    assert_eq!((summary.changing, summary.held, summary.number), (1, 3, Some(number)));
    assert_eq!(about(&sent(&mut enforcer)[0].1).1, mac(UNCHANGED.0));

    assert_eq!(enforcer.approve(desk.now, number + 1), None);
    let summary = enforcer.approve(desk.now, number).unwrap();
    assert_eq!((summary.changing, summary.held), (3, 0));
    let told: BTreeSet<Mac> = sent(&mut enforcer).iter().map(|(_, it)| about(it).1).collect();
    assert_eq!(told, [DELETED, REVOKED, MOVED].map(|(it, _)| mac(it)).into());
    assert_eq!(enforcer.approve(desk.now, number), None, "once");
}

#[test]
fn what_is_held_is_let_go_when_it_is_right_again_or_no_longer_there() {
    let mut desk = Desk::with(|sources| {
        edit(sources, "config/server.toml", "ports_max = 20", "ports_max = 1");
    });
    let devices = [DELETED, REVOKED, MOVED];
    let devices: Vec<_> = (1..).zip(devices).map(|(port, it)| terminal(&desk, port, it)).collect();
    let mut enforcer = enforcer(&desk, devices.iter().map(|(it, _)| it.clone()).collect());
    let all = [DELETED, REVOKED, MOVED].map(|(subject, _)| mark(&desk, subject));
    desk.reload(None, Marks::new(all.to_vec()));
    assert_eq!(follow(&desk, &mut enforcer).held, 3);
    enforcer.handle(desk.now, Input::Refused(Box::new(devices[0].0.key.clone())));
    desk.reload(None, Marks::new(vec![mark(&desk, REVOKED.0)]));
    assert_eq!(follow(&desk, &mut enforcer).held, 1);
}

#[test]
fn a_disconnect_finds_a_device_by_asset_address_and_port_and_needs_no_mark() {
    let mut desk = Desk::new();
    let (device, _) = terminal(&desk, 1, MOVED);
    let place = MarkSubject::Port(SWITCH.to_owned(), "GigabitEthernet1/0/1".to_owned());
    let subjects = [MarkSubject::Asset("P-0585".to_owned()), MarkSubject::Mac(mac(MOVED.0)), place];
    for subject in subjects {
        let mut enforcer = enforcer(&desk, vec![device.clone()]);
        assert_eq!(enforcer.disconnect(desk.now, &subject).changing, 1);
        let requests = sent(&mut enforcer);
        assert_eq!(about(&requests[0].1).0, Code::DisconnectRequest);
        // A sweep meanwhile does not call it off.
        desk.reload(None, Marks::default());
        follow(&desk, &mut enforcer);
        acknowledge(&desk, &mut enforcer, &requests[0]);
        assert_eq!(done(&mut enforcer), [(mac(MOVED.0), Ending::Disconnected)]);
        assert!(enforcer.ledger().is_empty());
    }
    let mut enforcer = enforcer(&desk, vec![device]);
    assert_eq!(enforcer.disconnect(desk.now, &MarkSubject::Asset("P-0001".to_owned())).sessions, 0);
}

#[test]
fn a_port_is_bounced_only_when_nobody_else_is_behind_it() {
    let desk = Desk::new();
    let profile = desk.plan.profiles.iter().find(|it| it.id == "aruba-cx").unwrap();
    let of = |urgent, alone| super::dialect::means(profile, urgent, alone);
    assert_eq!(of(false, true), [Means::Disconnect, Means::Bounce]);
    assert_eq!(of(true, false), [Means::Disconnect]);
}

fn at(desk: &mut Desk, seconds: u64) -> Moment {
    let until = today().monotonic + Duration::from_secs(seconds);
    desk.pass(until.saturating_sub(desk.now.monotonic));
    desk.now
}
