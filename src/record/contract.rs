//! What every engine of [`Store`] must do alike: one suite, run over each, and a random walk in
//! which an engine must agree with [`Memory`].

use std::fmt::Debug;

use proptest::prelude::*;
use serde_json::json;

use super::memory::Memory;
use super::{Account, Field, GENESIS, Head, Line, Pattern, Query, Span, Status, Store, Verifier};
use crate::vocabulary::{Mac, Timestamp};

/// 2026-11-24T00:00:00+09:00.
const DAY: i64 = 1_795_446_000_000;
const HOUR: i64 = 3_600_000;

fn mac(number: u8) -> Mac {
    Mac::new([0, 0x12, 0xe2, 0, 0, number]).unwrap()
}

/// A decision about device `number`.
pub fn decision(time: i64, number: u8, environment: Option<&str>) -> Line {
    let outcome = if environment.is_some() { "admit" } else { "refuse" };
    let value = json!({
        "time": Timestamp(time).rfc3339(),
        "event": "AUTH",
        "outcome": outcome,
        "reason": if environment.is_some() { "admitted" } else { "device.unknown" },
        "switch": "sw01",
        "place": format!("0/{number}"),
        "mac": mac(number).to_string(),
        "asset": environment.map(|_| format!("P-{number:04}")),
        "environment": environment,
        "section": "市民課",
        "vlan": environment.map(|_| 110),
    });
    let serde_json::Value::Object(line) = value else { unreachable!() };
    line
}

/// An account of device `number`.
pub fn account(time: i64, status: Status, number: u8, copy: u64) -> Line {
    let account = Account {
        status,
        time: Timestamp(time),
        switch: "sw01".into(),
        place: format!("0/{number}"),
        mac: (status != Status::On && status != Status::Off).then(|| mac(number)),
        session: format!("s{number}"),
        address: format!("10.1.0.{number}").parse().ok(),
        input_octets: copy,
        output_octets: 2,
        seconds: None,
        cause: (status == Status::Stop).then_some(1),
        copy,
    };
    let mut line = account.fields();
    line.insert("time".into(), json!(Timestamp(time).rfc3339()));
    line.insert("event".into(), json!(status.id()));
    line
}

fn query(fields: &[(Field, &str)]) -> Query {
    let fields = fields.iter().map(|(field, text)| (*field, Pattern::new(*field, text).unwrap()));
    Query { fields: fields.collect(), ..Query::all(100) }
}

/// Runs the suite over engines that `open` makes, empty.
pub fn suite<S: Store>(mut open: impl FnMut() -> S)
where
    S::Error: Debug,
{
    keeps_and_finds(open());
    sessions_follow_their_accounts(open());
    copies_are_kept_once(open());
    days_are_sealed_verified_and_expire(open());
    a_clock_that_was_ahead_holds_up_no_seal(open());
}

fn keeps_and_finds<S: Store>(mut store: S)
where
    S::Error: Debug,
{
    assert_eq!(store.head().unwrap(), Head::START);
    let lines: Vec<Line> = (0..10)
        .map(|number| {
            let environment = (number % 2 == 0).then_some("A");
            decision(DAY + i64::from(number) * HOUR, number, environment)
        })
        .collect();
    let appended = store.append(&lines).unwrap();
    assert_eq!((appended.head.sequence, appended.repeated), (10, 0));
    assert_eq!(store.head().unwrap(), appended.head);
    let sequences = |query: &Query| -> Vec<u64> {
        store.search(query).unwrap().iter().map(|record| record.sequence).collect()
    };
    assert_eq!(sequences(&Query::all(3)), [10, 9, 8], "newest first, and no more than asked");
    assert_eq!(sequences(&query(&[(Field::Mac, "0012e2000003")])), [4]);
    assert_eq!(sequences(&query(&[(Field::Mac, "00-12-E2-00-00-0*")])).len(), 10);
    assert_eq!(sequences(&query(&[(Field::Asset, "P-0004"), (Field::Environment, "A")])), [5]);
    assert_eq!(sequences(&query(&[(Field::Asset, "p-000*"), (Field::Place, "0/2")])), [3]);
    assert_eq!(sequences(&query(&[(Field::Section, "*民*"), (Field::Outcome, "refuse")])).len(), 5);
    assert_eq!(sequences(&query(&[(Field::Section, "_民_")])), [] as [u64; 0]);
    assert_eq!(sequences(&query(&[(Field::Reason, "%*")])), [] as [u64; 0]);
    let span = Span { from: Timestamp(DAY + 2 * HOUR), to: Timestamp(DAY + 4 * HOUR) };
    assert_eq!(sequences(&Query { span, ..Query::all(9) }), [4, 3]);
    let record = store.search(&query(&[(Field::Place, "0/0")])).unwrap().remove(0);
    assert_eq!(record.line()["seq"], 1);
    assert_eq!(record.hash, Head::START.after(record.body.as_bytes()).hash);
}

fn sessions_follow_their_accounts<S: Store>(mut store: S)
where
    S::Error: Debug,
{
    store
        .append(&[
            decision(DAY, 1, Some("A")),
            account(DAY + 1000, Status::Start, 1, 1),
            decision(DAY + 2000, 2, None),
            account(DAY + 3000, Status::Start, 2, 2),
            account(DAY + 60_000, Status::Interim, 1, 700),
        ])
        .unwrap();
    let sessions = store.sessions(&query(&[(Field::Mac, "00-12-E2-00-00-01")])).unwrap();
    let [session] = sessions.as_slice() else { panic!("{sessions:?}") };
    assert_eq!((session.asset.as_deref(), session.vlan), (Some("P-0001"), Some(110)));
    assert_eq!((session.start.0, session.last.0), (DAY + 1000, DAY + 60_000));
    assert_eq!((session.input_octets, session.end.is_none()), (700, true));
    let [stranger] = &store.sessions(&query(&[(Field::Address, "10.1.0.2")])).unwrap()[..] else {
        panic!("one session has the address")
    };
    assert_eq!(stranger.environment, None, "a refusal is no admission");
    store.append(&[account(DAY + 90_000, Status::Stop, 1, 3)]).unwrap();
    store.append(&[account(DAY + 100_000, Status::On, 0, 4)]).unwrap();
    let all = store.sessions(&Query::all(9)).unwrap();
    let causes: Vec<_> =
        all.iter().map(|it| it.end.as_ref().map_or("", |end| end.cause.as_str())).collect();
    assert_eq!(causes, ["nas-reboot", "user-request"], "the switch that restarted closed the rest");
    let before = Span { from: Timestamp(DAY), to: Timestamp(DAY + 1000) };
    assert_eq!(store.sessions(&Query { span: before, ..Query::all(9) }).unwrap(), []);
    // The same id counts anew after the restart.
    store.append(&[account(DAY + 3 * HOUR, Status::Start, 1, 5)]).unwrap();
    let open = store.sessions(&query(&[(Field::Mac, "00-12-E2-00-00-01")])).unwrap();
    assert_eq!(open.len(), 2);
    assert!(open[0].end.is_none() && open[1].end.is_some(), "open ones first");
}

fn copies_are_kept_once<S: Store>(mut store: S)
where
    S::Error: Debug,
{
    let start = account(DAY, Status::Start, 1, 7);
    let first = store.append(&[start.clone(), start.clone()]).unwrap();
    assert_eq!((first.head.sequence, first.repeated), (1, 1));
    let mut late = start;
    late.insert("time".into(), json!(Timestamp(DAY + 1000).rfc3339()));
    assert_eq!(store.append(&[late.clone()]).unwrap().repeated, 1);
    late.insert("time".into(), json!(Timestamp(DAY + 2 * HOUR).rfc3339()));
    assert_eq!(store.append(&[late]).unwrap().head.sequence, 2, "not an hour later");
}

fn days_are_sealed_verified_and_expire<S: Store>(mut store: S)
where
    S::Error: Debug,
{
    use ring::signature::{Ed25519KeyPair, KeyPair as _};
    let pair = Ed25519KeyPair::from_seed_unchecked(&[3; 32]).unwrap();
    let sign = |message: &[u8]| pair.sign(message).as_ref().to_vec();
    let seal = |store: &mut S, time: i64| store.seal("n", Timestamp(time), &sign).unwrap();
    assert_eq!(seal(&mut store, DAY), [], "nothing to seal");
    for hour in [1, 23, 25, 47, 73] {
        store.append(&[decision(DAY + hour * HOUR, 1, Some("A"))]).unwrap();
    }
    // The clock stepped back: the record stays where it came in.
    store.append(&[decision(DAY + 2 * HOUR, 1, Some("A"))]).unwrap();
    let seals = seal(&mut store, DAY + 74 * HOUR);
    let days: Vec<_> = seals.iter().map(|it| (it.day.as_str(), it.first, it.last)).collect();
    assert_eq!(days, [("2026-11-24", 1, 2), ("2026-11-25", 3, 4)]);
    assert_eq!(seal(&mut store, DAY + 95 * HOUR), [], "the day is not over");
    assert_eq!(seal(&mut store, DAY + 96 * HOUR).len(), 1);
    let key = pair.public_key().as_ref().to_vec();
    let verify = |store: &S, head: Head| {
        let mut verifier = Verifier::new(head, store.seals().unwrap(), &key);
        let walked = store.walk(head.sequence + 1, &mut |number, hash, body| {
            verifier.record(number, hash, body);
            true
        });
        walked.unwrap();
        verifier.finish(Some(store.head().unwrap().sequence))
    };
    assert_eq!(verify(&store, Head { sequence: 0, hash: GENESIS }), (vec![], 6));
    assert_eq!(store.expire(Timestamp(DAY + 48 * HOUR - 1)).unwrap(), 2);
    assert_eq!(store.search(&Query::all(9)).unwrap().len(), 4);
    let oldest = store.seals().unwrap()[1].clone();
    let head = Head { sequence: oldest.first - 1, hash: oldest.before };
    assert_eq!(verify(&store, head), (vec![], 4));
}

fn a_clock_that_was_ahead_holds_up_no_seal<S: Store>(mut store: S)
where
    S::Error: Debug,
{
    let seal = |store: &mut S, hour: i64| {
        let seals = store.seal("n", Timestamp(DAY + hour * HOUR), &|_| Vec::new()).unwrap();
        seals.iter().map(|it| (it.day.clone(), it.first, it.last)).collect::<Vec<_>>()
    };
    store.append(&[decision(DAY + 9_000 * HOUR, 1, Some("A"))]).unwrap();
    assert_eq!(seal(&mut store, 1), [], "only tomorrow's so far");
    for hour in [1, 9_000, 2, 25] {
        store.append(&[decision(DAY + hour * HOUR, 1, Some("A"))]).unwrap();
    }
    assert_eq!(seal(&mut store, 26), [("2026-11-24".to_owned(), 1, 4)]);
    assert_eq!(seal(&mut store, 49), [("2026-11-25".to_owned(), 5, 5)]);
}

/// Does the same to an engine and to [`Memory`] and compares.
pub fn agrees_with_memory<S: Store>(open: impl Fn() -> S)
where
    S::Error: Debug,
{
    let act = (0_u8..7, 0_u8..4, 0_i64..4000, 0_u64..6);
    let acts = proptest::collection::vec(act, 1..60);
    let config = ProptestConfig::with_cases(24);
    proptest!(config, |(acts in acts, together in 1_usize..5, limit in 0_usize..12)| {
        let (mut store, mut memory) = (open(), Memory::default());
        let lines = acts.into_iter().map(|(kind, number, minute, copy)| {
            let time = DAY + minute * 60_000;
            match kind {
                0 => decision(time, number, Some("A")),
                1 => decision(time, number, None),
                2 => account(time, Status::Start, number, copy),
                3 => account(time, Status::Interim, number, copy),
                4 => account(time, Status::Stop, number, copy),
                5 => account(time, Status::On, number, copy),
                _ => account(time, Status::Off, number, copy),
            }
        });
        for lines in lines.collect::<Vec<_>>().chunks(together) {
            prop_assert_eq!(store.append(lines).unwrap(), memory.append(lines).unwrap());
        }
        let span = Span { from: Timestamp(DAY + 600 * 60_000), to: Timestamp(DAY + 3000 * 60_000) };
        let queries = [
            Query::all(1000),
            Query { span, ..Query::all(1000) },
            query(&[(Field::Mac, "00-12-E2-00-00-01")]),
            query(&[(Field::Mac, "00-12-E2-00-00-0*"), (Field::Outcome, "*")]),
            Query { span, ..query(&[(Field::Place, "0/*"), (Field::Event, "ACCT-*")]) },
            Query { limit, ..query(&[(Field::Place, "*2"), (Field::Event, "*"), (Field::Mac, "00-12*")]) },
            query(&[(Field::Environment, "A")]),
            query(&[(Field::Session, "no-such-session"), (Field::Mac, "00-12*")]),
        ];
        for expired in [false, true] {
            if expired {
                let (now, before) = (Timestamp(DAY + 96 * HOUR), Timestamp(DAY + 24 * HOUR));
                let sign = |_: &[u8]| Vec::new();
                let sealed = store.seal("node", now, &sign).unwrap();
                prop_assert_eq!(sealed, memory.seal("node", now, &sign).unwrap());
                prop_assert_eq!(store.expire(before).unwrap(), memory.expire(before).unwrap());
            }
            for query in &queries {
                prop_assert_eq!(store.search(query).unwrap(), memory.search(query).unwrap());
                prop_assert_eq!(store.sessions(query).unwrap(), memory.sessions(query).unwrap());
            }
        }
    });
}

#[test]
fn memory_keeps_the_contract() {
    suite(Memory::default);
}
