//! One agent asked by both versions, well-behaved and not, by friends and forgers.

use proptest::prelude::*;

use super::super::{
    Access, Action, Agent, Answer, Context, Fault, IgnoreReason, Question, TIME_WINDOW_S,
};
use super::{ENGINE, at, columns, keys, mutations, number, pair, passphrase, run, set, target};
use crate::simulation::{SnmpAgent, Vice};
use crate::wire::snmp::report::Complaint;
use crate::wire::snmp::{Binding, ErrorStatus, Oid, Pdu, PduKind, Value};
use crate::wire::snmp::{CommunityMessage, Outgoing, Scoped};

const TABLE: &str = "1.3.6.1.2.1.17.4.3.1.2";
const OTHER: &str = "1.3.6.1.2.1.17.4.3.1.3";

fn fill(switch: &mut SnmpAgent, rows: u32) {
    for row in 0..rows {
        set(
            switch,
            b"",
            TABLE,
            &[0, 18, 226, 0, row / 256, row % 256],
            number(i64::from(row % 48)),
        );
        if row % 3 == 0 {
            set(switch, b"", OTHER, &[0, 18, 226, 0, row / 256, row % 256], number(3));
        }
    }
    // What stands behind the table.
    set(switch, b"", "1.3.6.1.2.1.31.1.1.1.1", &[1], number(0));
}

fn walk() -> Question {
    Question::Walk(vec![TABLE.parse().unwrap(), OTHER.parse().unwrap()])
}

#[test]
fn a_table_is_read_whole_whichever_version_is_spoken() {
    let (mut switch, mut agent) = pair();
    fill(&mut switch, 500);
    let rows = columns(run(&mut switch, &mut agent, at(0), Context::Default, walk()));
    assert_eq!((rows[0].len(), rows[1].len()), (500, 167));
    assert_eq!(rows[0][499], (vec![0, 18, 226, 0, 1, 243], number(499 % 48)));
    // Discovery, the clock, then as many rows a request as fit.
    assert!(switch.answered < 40, "{}", switch.answered);

    let mut old = Agent::new(target(Access::Community(passphrase("public"))), &[1; 32]);
    assert_eq!(columns(run(&mut switch, &mut old, at(0), Context::Default, walk())), rows);
}

#[test]
fn instances_are_got_and_set_and_what_is_not_there_is_said() {
    let (mut switch, mut agent) = pair();
    let name: Oid = "1.3.6.1.2.1.2.2.1.7.5".parse().unwrap();
    let get = || Question::Get(vec![name.clone()]);
    let absent = Binding { name: name.clone(), value: Value::NoSuchInstance };
    let answer = run(&mut switch, &mut agent, at(0), Context::Default, get());
    assert_eq!(answer, Ok(Answer::Bindings(vec![absent])));
    let down = Binding { name: name.clone(), value: number(2) };
    let set = Question::Set(vec![down.clone()]);
    assert!(run(&mut switch, &mut agent, at(0), Context::Default, set).is_ok());
    let answer = run(&mut switch, &mut agent, at(0), Context::Default, get());
    assert_eq!(answer, Ok(Answer::Bindings(vec![down])));
}

#[test]
fn each_vlan_may_have_a_context_of_its_own_by_either_version() {
    let (mut switch, mut agent) = pair();
    set(&mut switch, b"vlan-110", TABLE, &[0, 18, 226, 0, 0, 1], number(7));
    set(&mut switch, b"110", TABLE, &[0, 18, 226, 0, 0, 1], number(7));
    let mut old = Agent::new(target(Access::Community(passphrase("public"))), &[1; 32]);
    for agent in [&mut agent, &mut old] {
        let rows = columns(run(&mut switch, agent, at(0), Context::Vlan(110), walk()));
        assert_eq!(rows[0].len(), 1);
        let rows = columns(run(&mut switch, agent, at(0), Context::Default, walk()));
        assert_eq!(rows[0].len(), 0);
    }
}

#[test]
fn answers_that_do_not_fit_are_asked_for_in_smaller_pieces() {
    for vice in [Vice::TooBig(500), Vice::GeneralError(500)] {
        let (mut switch, mut agent) = pair();
        fill(&mut switch, 200);
        switch.vice = Some(vice);
        let rows = columns(run(&mut switch, &mut agent, at(0), Context::Default, walk()));
        assert_eq!(rows[0].len(), 200, "{vice:?}");
    }
    // One row that does not fit is an error and no endless halving.
    let (mut switch, mut agent) = pair();
    fill(&mut switch, 200);
    switch.vice = Some(Vice::GeneralError(10));
    let answer = run(&mut switch, &mut agent, at(0), Context::Default, walk());
    assert_eq!(answer, Err(Fault::Refused(ErrorStatus::General)));
}

#[test]
fn a_table_without_end_is_refused() {
    let (mut switch, mut agent) = pair();
    for row in 1..50 {
        set(&mut switch, b"", TABLE, &[0, 0, 0, 0, 0, row], number(1));
    }
    switch.vice = Some(Vice::Endless);
    let question = Question::Walk(vec![TABLE.parse().unwrap()]);
    let answer = run(&mut switch, &mut agent, at(0), Context::Default, question);
    assert_eq!(answer, Err(Fault::Endless));
}

#[test]
fn a_silent_switch_is_given_up_after_its_retries() {
    let (_, mut agent) = pair();
    assert!(agent.ask(at(0), Context::Default, walk()));
    assert!(!agent.ask(at(0), Context::Default, walk()), "one question at a time");
    let mut sent = 0;
    for second in 0..4 {
        agent.handle_timeout(at(second));
        sent += u32::from(agent.poll_transmit().is_some());
    }
    assert_eq!((sent, agent.poll_event()), (3, Some(Err(Fault::Silent))));
    assert!(!agent.is_busy() && agent.poll_timeout().is_none());
}

#[test]
fn a_wrong_passphrase_or_user_is_named_once_nobody_proves_better() {
    let (mut switch, _) = pair();
    fill(&mut switch, 10);
    for (name, word, complaint) in [
        ("sekisho", "another word", Complaint::WrongDigest),
        ("somebody", "maplesyrup", Complaint::UnknownUser),
    ] {
        let access = Access::User { name: name.to_owned(), keys: keys(word) };
        let mut agent = Agent::new(target(access), &[2; 32]);
        let answer = run(&mut switch, &mut agent, at(0), Context::Default, walk());
        assert_eq!(answer, Err(Fault::Complaint(complaint)));
    }
}

#[test]
fn a_restart_is_noticed_and_the_walk_goes_on() {
    let (mut switch, mut agent) = pair();
    fill(&mut switch, 10);
    assert!(run(&mut switch, &mut agent, at(1_000), Context::Default, walk()).is_ok());
    switch.boots += 1;
    assert!(run(&mut switch, &mut agent, at(1_001), Context::Default, walk()).is_ok());
    assert_eq!(agent.restarts(), 1);
}

#[test]
fn a_replaced_switch_is_discovered_anew() {
    let (mut switch, mut agent) = pair();
    fill(&mut switch, 10);
    assert!(run(&mut switch, &mut agent, at(0), Context::Default, walk()).is_ok());
    let engine = b"\x80\x00\x1f\x88\x80another";
    switch.engine = engine.to_vec();
    switch.user = Some((b"sekisho".to_vec(), keys("maplesyrup").localise(engine)));
    assert!(run(&mut switch, &mut agent, at(1), Context::Default, walk()).is_ok());
}

/// A Report in clear, as anybody can send it, about the request in hand.
fn forged(request: &[u8], name: &str) -> Vec<u8> {
    let binding = Binding { name: name.parse().unwrap(), value: number(1) };
    let report = Pdu::request(PduKind::Report, 0, Vec::new());
    let pdu = Pdu { bindings: vec![binding], ..report };
    let scoped = Scoped { engine: ENGINE.to_vec(), context: Vec::new(), pdu };
    let outgoing = Outgoing {
        id: id_of(request),
        reportable: false,
        engine: ENGINE,
        boots: 1,
        time: 1,
        user: b"sekisho",
        keys: None,
        salt: [0; 8],
        scoped: &scoped,
    };
    outgoing.write().unwrap()
}

#[test]
fn complaints_of_an_unknown_engine_keep_no_question_open_for_ever() {
    let (mut switch, mut agent) = pair();
    fill(&mut switch, 3);
    assert!(run(&mut switch, &mut agent, at(0), Context::Default, walk()).is_ok());
    assert!(agent.ask(at(1), Context::Default, walk()));
    let (mut second, mut sent) = (1, 0);
    while agent.is_busy() {
        if let Some(request) = agent.poll_transmit() {
            sent += 1;
            assert!(sent < 20, "no end");
            // Who is there is answered, everything else is complained of.
            match switch.answer(second, &request) {
                Some(answer) if is_clear(&answer) => {
                    agent.handle(at(u64::from(second)), &answer);
                }
                _ => {
                    let report = forged(&request, "1.3.6.1.6.3.15.1.1.4.0");
                    agent.handle(at(u64::from(second)), &report);
                }
            }
        }
        second += 1;
        agent.handle_timeout(at(u64::from(second)));
    }
    assert_eq!(agent.poll_event(), Some(Err(Fault::Complaint(Complaint::UnknownEngine))));
}

fn is_clear(octets: &[u8]) -> bool {
    match crate::wire::snmp::parse(octets).unwrap() {
        crate::wire::snmp::Received::User(message) => !message.auth,
        crate::wire::snmp::Received::Community(_) => panic!("version 3 was written"),
    }
}

#[test]
fn a_switch_whose_clock_went_back_is_read_again_after_one_question_in_vain() {
    let (mut switch, mut agent) = pair();
    fill(&mut switch, 10);
    switch.boots = 7;
    assert!(run(&mut switch, &mut agent, at(1_000), Context::Default, walk()).is_ok());
    // Restored without its memory: every answer seems to be a replay.
    switch.boots = 1;
    let answer = run(&mut switch, &mut agent, at(1_001), Context::Default, walk());
    assert!(answer.is_err(), "{answer:?}");
    assert!(agent.engine(at(1_002)).is_none());
    assert!(run(&mut switch, &mut agent, at(1_002), Context::Default, walk()).is_ok());
}

/// Asks, and gives the answer that was due.
fn awaiting() -> (SnmpAgent, Agent, Vec<u8>) {
    let (mut switch, mut agent) = pair();
    fill(&mut switch, 3);
    assert!(run(&mut switch, &mut agent, at(1_000), Context::Default, walk()).is_ok());
    assert!(agent.ask(at(1_001), Context::Default, walk()));
    let request = agent.poll_transmit().unwrap();
    let answer = switch.answer(1_001, &request).unwrap();
    (switch, agent, answer)
}

fn ignored(action: Action) -> IgnoreReason {
    match action {
        Action::Ignored { reason } => reason,
        Action::Taken => panic!("it was taken"),
    }
}

#[test]
fn what_proves_nothing_ends_no_wait() {
    let (switch, mut agent, answer) = awaiting();
    let now = at(1_001);
    for bad in mutations(&answer) {
        ignored(agent.handle(now, &bad));
    }
    let pdu = Pdu::request(PduKind::Response, 1, Vec::new());
    let community = CommunityMessage { community: b"public".to_vec(), pdu: pdu.clone() };
    let action = agent.handle(now, &community.write().unwrap());
    assert_eq!(ignored(action), IgnoreReason::OtherVersion);
    // In clear and without a tag, whatever it says.
    let (_, keys) = switch.user.clone().unwrap();
    let scoped = Scoped { engine: ENGINE.to_vec(), context: Vec::new(), pdu };
    let write = |id, keys, boots, time| {
        let (engine, user, salt) = (ENGINE, b"sekisho".as_slice(), [0; 8]);
        let scoped = &scoped;
        Outgoing { id, reportable: false, engine, boots, time, user, keys, salt, scoped }
            .write()
            .unwrap()
    };
    let id = id_of(&answer);
    let action = agent.handle(now, &write(id, None, 1, 1_001));
    assert_eq!(ignored(action), IgnoreReason::NotAuthentic);
    // Authentic, but of another question, or from before the time window.
    let action = agent.handle(now, &write(id ^ 1, Some(&keys), 1, 1_001));
    assert_eq!(ignored(action), IgnoreReason::NothingAsked);
    let late = 1_001 - TIME_WINDOW_S - 1;
    for (boots, time) in [(1, late), (0, 1_001)] {
        let action = agent.handle(now, &write(id, Some(&keys), boots, time));
        assert_eq!(ignored(action), IgnoreReason::NotInTime);
    }
    // The true answer still counts, once.
    assert_eq!(agent.handle(now, &answer), Action::Taken);
    assert_eq!(ignored(agent.handle(now, &answer)), IgnoreReason::NothingAsked);
    assert!(matches!(agent.poll_event(), Some(Ok(Answer::Columns(_)))));
}

fn id_of(octets: &[u8]) -> i32 {
    match crate::wire::snmp::parse(octets).unwrap() {
        crate::wire::snmp::Received::User(message) => message.id,
        crate::wire::snmp::Received::Community(_) => panic!("version 3 was written"),
    }
}

proptest! {
    #[test]
    fn no_octets_panic_or_end_the_wait(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        let (_, mut agent, _) = awaiting();
        agent.handle(at(1_001), &octets);
        prop_assert!(agent.is_busy());
    }
}
