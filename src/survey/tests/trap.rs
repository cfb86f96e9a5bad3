//! Traps and informs: believed once, in time, from the engine whose tables were read.

use std::sync::Arc;

use super::super::notification::SNMP_TRAP_OID;
use super::super::{Access, Listener, Notification, Sender, TrapFault};
use super::{ENGINE, at, keys, mutations, passphrase};
use crate::wire::snmp::report::Complaint;
use crate::wire::snmp::{
    Binding, CommunityMessage, Keys, MasterKeys, Oid, Outgoing, Pdu, PduKind, Received, Scoped,
    Value, parse,
};

const LINK_DOWN: &str = "1.3.6.1.6.3.1.1.5.3";
const USER: &str = "sekisho";

fn notification(kind: PduKind, name: &str) -> Pdu {
    let value = Value::Oid(name.parse().unwrap());
    let bindings = vec![Binding { name: Oid::from(&SNMP_TRAP_OID), value }];
    Pdu { bindings, ..Pdu::request(kind, 5, Vec::new()) }
}

#[derive(Clone)]
struct Letter<'a> {
    id: i32,
    engine: &'a [u8],
    boots: u32,
    time: u32,
    user: &'a str,
    keys: Option<Keys>,
    kind: PduKind,
}

impl Letter<'_> {
    fn write(&self) -> Vec<u8> {
        let pdu = notification(self.kind, LINK_DOWN);
        let scoped = Scoped { engine: self.engine.to_vec(), context: Vec::new(), pdu };
        Outgoing {
            id: self.id,
            reportable: true,
            engine: self.engine,
            boots: self.boots,
            time: self.time,
            user: self.user.as_bytes(),
            keys: self.keys.as_ref(),
            salt: [1; 8],
            scoped: &scoped,
        }
        .write()
        .unwrap()
    }
}

fn access(master: &Arc<MasterKeys>) -> Access {
    Access::User { name: USER.to_owned(), keys: Arc::clone(master) }
}

fn sender(access: &Access) -> Sender<'_> {
    Sender { switch: "hon-sw01", access, engine: Some((ENGINE, 3, 1_000)) }
}

fn trap(master: &MasterKeys) -> Letter<'static> {
    let keys = Some(master.localise(ENGINE));
    Letter { id: 9, engine: ENGINE, boots: 3, time: 1_000, user: USER, keys, kind: PduKind::Trap }
}

#[test]
fn a_trap_is_believed_once_and_only_from_the_engine_that_was_read_in_time() {
    let master = keys("maplesyrup");
    let access = access(&master);
    let mut listener = Listener::new(at(0), "sekisho-1", 7);
    let mut hear = |letter: &Letter<'_>| {
        let heard = listener.handle(at(1), &letter.write(), Some(sender(&access)));
        assert_eq!(heard.reply, None, "a trap is never answered");
        heard.outcome
    };
    let good = trap(&master);
    assert_eq!(hear(&good), Ok(Notification::LinkDown));
    assert_eq!(hear(&good), Err(TrapFault::Replayed));
    assert_eq!(hear(&Letter { id: 10, ..good.clone() }), Ok(Notification::LinkDown));
    // After a restart of the switch that nobody has noticed yet.
    assert_eq!(hear(&Letter { boots: 4, time: 1, ..good.clone() }), Ok(Notification::LinkDown));
    let refused = [
        (Letter { time: 849, ..good.clone() }, TrapFault::NotInTime),
        (Letter { boots: 2, ..good.clone() }, TrapFault::NotInTime),
        (Letter { user: "somebody", ..good.clone() }, TrapFault::OtherUser),
        (Letter { keys: None, ..good.clone() }, TrapFault::Level),
        (
            Letter { keys: Some(keys("another word").localise(ENGINE)), ..good.clone() },
            TrapFault::NotAuthentic,
        ),
        (Letter { engine: b"\x80\0\0\0\x04other", ..good.clone() }, TrapFault::OtherEngine),
        (Letter { kind: PduKind::Get, id: 11, ..good.clone() }, TrapFault::WrongKind),
    ];
    for (letter, fault) in refused {
        assert_eq!(hear(&letter), Err(fault));
    }
    let octets = good.write();
    let heard = listener.handle(at(1), &octets, None);
    assert_eq!((heard.outcome, heard.reply), (Err(TrapFault::UnknownSource), None));
    // Before its tables were read nothing tells a replay.
    let unread = Sender { engine: None, ..sender(&access) };
    let heard = listener.handle(at(1), &octets, Some(unread));
    assert_eq!(heard.outcome, Err(TrapFault::OtherEngine));
}

/// A trap and an inform, each with every bit of it turned, cut everywhere and lengthened: none is
/// believed, before the good one or after it, and the good one is believed all the same.
#[test]
fn no_changed_bit_cut_or_addition_of_a_notification_is_believed() {
    let master = keys("maplesyrup");
    let access = access(&master);
    let mut own = Listener::new(at(0), "sekisho-1", 7);
    let engine = own.engine().to_vec();
    // What an inform must say of the time is in the answer to one that asks.
    let asking = Letter { engine: &[], boots: 0, time: 0, user: "", keys: None, ..trap(&master) };
    let told = own.handle(at(1), &asking.write(), Some(sender(&access))).reply.unwrap();
    let Ok(Received::User(told)) = parse(&told) else { panic!("version 3") };
    let inform = Letter {
        engine: &engine,
        boots: told.boots,
        time: told.time,
        keys: Some(master.localise(&engine)),
        kind: PduKind::Inform,
        ..trap(&master)
    };
    for letter in [trap(&master), inform] {
        let good = letter.write();
        let mut listener = Listener::new(at(0), "sekisho-1", 7);
        let mut refuse_all = || {
            for bad in mutations(&good) {
                let heard = listener.handle(at(1), &bad, Some(sender(&access)));
                assert!(heard.outcome.is_err(), "{bad:02x?}: {:?}", heard.outcome);
            }
            listener.handle(at(1), &good, Some(sender(&access))).outcome
        };
        assert_eq!(refuse_all(), Ok(Notification::LinkDown));
        assert_eq!(refuse_all(), Err(TrapFault::Replayed));
    }
}

#[test]
fn an_inform_asks_who_we_are_and_is_acknowledged_once_with_effect() {
    let master = keys("maplesyrup");
    let access = access(&master);
    let mut listener = Listener::new(at(0), "sekisho-1", 7);
    let engine = listener.engine().to_vec();
    let report = |octets: Vec<u8>, keys: Option<&Keys>| {
        let Ok(Received::User(message)) = parse(&octets) else { panic!("version 3") };
        assert_eq!(message.engine, engine);
        let (boots, time) = (message.boots, message.time);
        assert_eq!(message.auth, keys.is_some());
        let scoped = message.open(keys).unwrap();
        (boots, time, scoped.pdu)
    };
    let own = master.localise(&engine);
    let mut letter =
        Letter { id: 1, engine: &[], boots: 0, time: 0, user: "", keys: None, kind: PduKind::Get };
    let heard = listener.handle(at(10), &letter.write(), Some(sender(&access)));
    let (.., pdu) = report(heard.reply.unwrap(), None);
    assert_eq!(Complaint::of(&pdu.bindings[0].name), Complaint::UnknownEngine);
    // Then what our clock says.
    letter = Letter {
        engine: &engine,
        user: USER,
        keys: Some(own.clone()),
        kind: PduKind::Inform,
        ..letter
    };
    let heard = listener.handle(at(10), &letter.write(), Some(sender(&access)));
    assert_eq!(heard.outcome, Err(TrapFault::NotInTime));
    let (boots, time, pdu) = report(heard.reply.unwrap(), Some(&own));
    assert_eq!((Complaint::of(&pdu.bindings[0].name), time), (Complaint::NotInTime, 10));
    letter = Letter { boots, time, ..letter };
    let heard = listener.handle(at(11), &letter.write(), Some(sender(&access)));
    assert_eq!(heard.outcome, Ok(Notification::LinkDown));
    let (.., pdu) = report(heard.reply.unwrap(), Some(&own));
    assert_eq!((pdu.kind, pdu.request_id), (PduKind::Response, 5));
    // A copy is answered again, and has no effect.
    let heard = listener.handle(at(11), &letter.write(), Some(sender(&access)));
    assert_eq!((heard.outcome, heard.reply.is_some()), (Err(TrapFault::Replayed), true));
    let late = listener.handle(at(200), &letter.write(), Some(sender(&access)));
    assert_eq!(late.outcome, Err(TrapFault::NotInTime));
    let wrong = Letter { keys: Some(keys("another word").localise(&engine)), ..letter.clone() };
    let heard = listener.handle(at(11), &wrong.write(), Some(sender(&access)));
    assert_eq!(heard.outcome, Err(TrapFault::NotAuthentic));
    let (.., pdu) = report(heard.reply.unwrap(), None);
    assert_eq!(Complaint::of(&pdu.bindings[0].name), Complaint::WrongDigest);
}

#[test]
fn version_2c_needs_the_community_and_the_address() {
    let access = Access::Community(passphrase("not-public"));
    let mut listener = Listener::new(at(0), "sekisho-1", 7);
    let mut hear = |community: &str, kind| {
        let pdu = notification(kind, "1.3.6.1.4.1.9.9.215.2.0.1");
        let message = CommunityMessage { community: community.as_bytes().to_vec(), pdu };
        let heard = listener.handle(at(1), &message.write().unwrap(), Some(sender(&access)));
        (heard.outcome, heard.reply.is_some())
    };
    assert_eq!(hear("not-public", PduKind::Trap), (Ok(Notification::Addresses), false));
    assert_eq!(hear("not-public", PduKind::Inform), (Ok(Notification::Addresses), true));
    assert_eq!(hear("public", PduKind::Inform), (Err(TrapFault::OtherUser), false));
    assert_eq!(hear("not-public", PduKind::Set), (Err(TrapFault::WrongKind), false));
    let master = keys("maplesyrup");
    let heard = listener.handle(at(1), &trap(&master).write(), Some(sender(&access)));
    assert_eq!(heard.outcome, Err(TrapFault::OtherVersion));
}

/// Names as net-snmp prints them, of the vendors' own MIB files.
#[test]
fn what_a_vendor_calls_a_change_of_its_table_is_known() {
    let about = |name: &str| Notification::of(&notification(PduKind::Trap, name));
    for name in [
        "1.3.6.1.4.1.9.9.215.2.0.1",
        "1.3.6.1.4.1.9.9.215.2.0.2",
        "1.3.6.1.4.1.2636.3.40.1.7.2.0.1",
        "1.3.6.1.4.1.25506.2.87.1.3.0.1",
        "1.3.6.1.4.1.25506.2.87.1.4.0.1",
        "1.3.6.1.4.1.25506.2.87.1.4.0.2",
        "1.3.6.1.4.1.2011.10.2.87.1.3.0.1",
        "1.3.6.1.4.1.2011.10.2.87.1.4.0.1",
        "1.3.6.1.4.1.11.2.14.11.15.2.87.1.3.0.1",
        "1.3.6.1.4.1.11.2.14.11.15.2.87.1.4.0.2",
        "1.3.6.1.4.1.11.2.14.11.5.1.66.0.1",
        "1.3.6.1.4.1.11.2.14.11.5.1.66.0.2",
        "1.3.6.1.4.1.47196.4.1.1.3.19.0.1",
        "1.3.6.1.4.1.2011.5.25.315.3.1",
        "1.3.6.1.4.1.2011.5.25.315.3.5",
        // DES-3200-26, DGS-3420, DXS-3326GSR.
        "1.3.6.1.4.1.171.11.113.1.5.2.20.0.2",
        "1.3.6.1.4.1.171.11.118.9.2.100.1.2.0.1",
        "1.3.6.1.4.1.171.11.59.7.2.15.1.2.0.1",
    ] {
        assert_eq!(about(name), Notification::Addresses, "{name}");
    }
    assert_eq!(about("1.3.6.1.2.1.17.0.2"), Notification::SpanningTree);
    assert_eq!(about("1.0.8802.1.1.2.0.0.1"), Notification::Neighbours);
    assert_eq!(about("1.3.111.2.802.1.1.13.0.0.1"), Notification::Neighbours);
    // A name beside those, longer than those, and of who has none.
    for name in [
        "1.3.6.1.4.1.9.9.215.2.0.3",
        "1.3.6.1.4.1.9.9.215.2.0.1.1",
        "1.3.6.1.4.1.171.11.118.9.2.100.1.2.0.2",
        "1.3.6.1.4.1.171.12.118.9.2.100.1.2.0.1",
        "1.3.6.1.4.1.21839.2.2.3.0.1",
    ] {
        assert_eq!(about(name), Notification::Other, "{name}");
    }
}

proptest::proptest! {
    #[test]
    fn no_octets_panic_or_have_an_effect(octets in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
        let access = access(&keys("maplesyrup"));
        let mut listener = Listener::new(at(0), "sekisho-1", 7);
        let heard = listener.handle(at(1), &octets, Some(sender(&access)));
        proptest::prop_assert!(heard.outcome.is_err());
    }
}
