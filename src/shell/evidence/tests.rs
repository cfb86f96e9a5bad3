//! The keeper under everything that can happen to a disk.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};

use super::*;
use crate::record::contract::account;
use crate::record::{Line, Query, Record, Status, Store as _, Verifier, Written};
use crate::shell::log::{Event, Log, Said, Writer};
use crate::shell::metrics::Metrics;
use crate::shell::told::Contents;
use crate::vocabulary::{Language, Timestamp};

struct Node {
    log: Log,
    evidence: Evidence,
    keeper: Keeper,
    writer: Writer,
    metrics: Arc<Metrics>,
}

fn start(state: &Path, spool_octets: u64) -> Node {
    start_writing(state, spool_octets, std::io::sink())
}

fn start_writing(state: &Path, spool_octets: u64, output: impl Write + Send + 'static) -> Node {
    let (log, writer) = Log::start("n1", Language::English, output).unwrap();
    let (evidence, inputs) = Evidence::channel();
    let log = log.with_evidence(evidence.clone());
    let settings =
        Settings { state: state.to_owned(), node: "n1".into(), spool_octets, keep_days: None };
    let metrics = Arc::new(Metrics::new().unwrap());
    let keeper =
        Keeper::start(settings, evidence.clone(), inputs, log.clone(), Arc::clone(&metrics));
    Node { log, evidence, keeper: keeper.unwrap(), writer, metrics }
}

fn batch(lines: impl IntoIterator<Item = Line>) -> Arc<Batch> {
    let lines = lines.into_iter().map(Arc::new).collect();
    Arc::new(Batch::new(Contents::Lines(lines), "n1".into(), Language::Japanese))
}

impl Node {
    /// Hands in an account and waits until it is told what became of it.
    fn keep(&self, copy: u64) -> bool {
        let line = batch([account(1_795_446_000_000, Status::Start, 1, copy)]);
        let (sender, receiver) = channel();
        let told = Box::new(move |kept| sender.send(kept).unwrap());
        self.evidence.keep_and_tell(line, told);
        receiver.recv_timeout(Duration::from_secs(20)).unwrap()
    }

    fn stop(self) {
        self.keeper.stop();
        drop(self.log);
        self.writer.stop();
    }
}

fn records(state: &Path) -> Vec<Record> {
    let store = Sqlite::open_to_read(&state.join(EVIDENCE_FILE)).unwrap();
    let mut found = store.search(&Query::all(100_000)).unwrap();
    found.reverse();
    found
}

/// The copies kept, in order; and the whole chain is sound.
fn copies(state: &Path) -> Vec<u64> {
    let store = Sqlite::open_to_read(&state.join(EVIDENCE_FILE)).unwrap();
    let key = public_key(&state.join(PUBLIC_FILE)).unwrap();
    let mut verifier = Verifier::new(store.origin().unwrap(), store.seals().unwrap(), &key);
    store
        .walk(0, &mut |number, hash, body| {
            verifier.record(number, hash, body);
            true
        })
        .unwrap();
    assert_eq!(verifier.finish(None).0, []);
    let copy = |record: &Record| {
        let line = record.line();
        u64::from_str_radix(line.get("copy")?.as_str()?, 16).ok()
    };
    records(state).iter().filter_map(copy).collect()
}

fn events(state: &Path) -> Vec<String> {
    let event = |record: &Record| record.line()["event"].as_str().unwrap().to_owned();
    records(state).iter().map(event).filter(|event| event.starts_with("SYS-")).collect()
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_was_told_to_be_kept_is_there_after_a_restart_once() {
    let directory = tempfile::tempdir().unwrap();
    for round in 0..3 {
        let node = start(directory.path(), 65_536);
        for copy in 0..10 {
            assert!(node.keep(round * 8 + copy));
        }
        node.stop();
    }
    assert_eq!(copies(directory.path()), (0..26).collect::<Vec<_>>());
}

#[test]
fn while_somebody_holds_the_file_the_spool_takes_over_and_everything_is_there_afterwards() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path();
    let node = start(state, 65_536);
    assert!(node.keep(1));
    let other = Connection::open(state.join(EVIDENCE_FILE)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(node.keep(2) && node.keep(3), "durable on the spool");
    assert_eq!(copies(state), [1]);
    assert!(node.metrics.evidence_spooled.get() >= 2);
    other.execute_batch("ROLLBACK").unwrap();
    until("the spool is handed on", || copies(state) == [1, 2, 3]);
    assert!(node.keep(4));
    node.stop();
    assert_eq!(copies(state), [1, 2, 3, 4]);
    assert!(events(state).iter().any(|event| event == "SYS-evidence-restored"));
    assert!(!events(state).iter().any(|event| event == "SYS-evidence-gap"));
}

#[test]
fn what_waits_on_the_spool_survives_a_hard_end_and_is_taken_once() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path();
    drop(Sqlite::open(state).unwrap());
    let line = |copy| account(1_795_446_000_000, Status::Start, 1, copy);
    let mut spool = Spool::open(state, 65_536).unwrap();
    spool.append(&[line(1), line(2), line(3)]).unwrap();
    // As if the end had come after the store's commit and before the spool began anew.
    let mut store = Sqlite::open(state).unwrap();
    let kept = [line(1), line(2)];
    store.keep_spooled(kept.iter().map(Written::from), spool.epoch(), 2).unwrap();
    drop((store, spool));
    let node = start(state, 65_536);
    assert!(node.keep(4));
    node.stop();
    assert_eq!(copies(state), [1, 2, 3, 4]);
}

#[test]
fn a_full_spool_acknowledges_nothing_and_what_else_is_lost_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path();
    let node = start(state, 4096);
    assert!(node.keep(1));
    let other = Connection::open(state.join(EVIDENCE_FILE)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut kept = vec![1];
    let refused = (2..100).find(|copy| {
        let taken = node.keep(*copy);
        if taken {
            kept.push(*copy);
        }
        !taken
    });
    assert!(refused.is_some(), "4,096 octets hold no hundred records");
    for number in 0..5 {
        let line = [
            ("number".to_owned(), json!(number)),
            ("filler".to_owned(), noise(number, 900).into()),
        ];
        node.evidence.keep(batch([line.into_iter().collect()]));
    }
    assert!(!node.keep(100));
    other.execute_batch("ROLLBACK").unwrap();
    until("the spool is handed on", || copies(state) == kept);
    until("the gap is said", || events(state).iter().any(|event| event == "SYS-evidence-gap"));
    node.stop();
    let gap =
        records(state).iter().map(Record::line).find(|line| line["event"] == "SYS-evidence-gap");
    let count: u64 = gap.unwrap()["count"].as_str().unwrap().parse().unwrap();
    // The service's own lines may be among them.
    assert!((1..=8).contains(&count), "{count}");
}

/// Text that packing does not make shorter.
fn noise(seed: u64, length: usize) -> String {
    let mut state = seed + 1;
    let letters = std::iter::from_fn(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        Some(char::from(b'0' + (state >> 58) as u8))
    });
    letters.take(length).collect()
}

#[test]
fn what_belongs_together_is_acknowledged_whole_or_not_at_all() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path();
    let node = start(state, 4096);
    let keep = |count: u64| {
        let said: Vec<Said> = (0..count)
            .map(|number| {
                let text = format!("{number} {}", noise(number, 600));
                (Event::SensorSign, vec![("sequence", number.to_string()), ("text", text)])
            })
            .collect();
        let (sender, receiver) = channel();
        let told = Box::new(move |kept| sender.send(kept).unwrap());
        node.log.events_kept(crate::shell::clock::now(), &said, told);
        let kept = receiver.recv_timeout(Duration::from_secs(20)).unwrap();
        assert!(receiver.try_recv().is_err(), "once");
        kept
    };
    assert!(keep(1));
    let other = Connection::open(state.join(EVIDENCE_FILE)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(keep(1), "durable on the spool");
    assert!(!keep(8), "the last of them finds no room");
    other.execute_batch("ROLLBACK").unwrap();
    until("the store is back", || keep(8));
    node.stop();
    let numbers: Vec<String> = records(state)
        .iter()
        .filter_map(|record| record.line().get("sequence")?.as_str().map(str::to_owned))
        .collect();
    let last: Vec<String> = (0..8).map(|number: u64| number.to_string()).collect();
    assert!(numbers.ends_with(&last), "{numbers:?}");
}

#[test]
fn a_damaged_file_is_set_aside_and_the_chain_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path();
    let node = start(state, 65_536);
    assert!(node.keep(1) && node.keep(2));
    let file = state.join(EVIDENCE_FILE);
    // The log goes into the file, then every page but the first is ruined.
    Connection::open(&file).unwrap().pragma_update(None, "wal_checkpoint", "TRUNCATE").unwrap();
    let mut content = fs::read(&file).unwrap();
    content[4096..].fill(0x5a);
    fs::write(&file, &content).unwrap();
    let mut copy = 3;
    until("the damage is found", || {
        assert!(node.keep(copy), "never lost, whatever the file is");
        copy += 1;
        fs::read_dir(state).unwrap().any(|entry| {
            entry.unwrap().file_name().to_str().unwrap().starts_with("evidence-damaged")
        })
    });
    until("a new file goes on", || {
        node.keep(copy);
        copy += 1;
        Sqlite::open_to_read(&file)
            .is_ok_and(|store| store.head().is_ok_and(|head| head.sequence > 3))
    });
    node.stop();
    let kept = records(state);
    assert!(kept[0].sequence >= 3, "the numbers go on");
    assert_eq!(copies(state).last(), Some(&(copy - 1)));
}

#[test]
fn a_directory_that_cannot_be_written_stops_nothing_and_acknowledges_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    fs::create_dir(&state).unwrap();
    SealKey::of(&state).unwrap();
    // Neither file can be made where a directory has its name.
    fs::create_dir(state.join(EVIDENCE_FILE)).unwrap();
    fs::create_dir(state.join(SPOOL_FILE)).unwrap();
    let printed = directory.path().join("log");
    let node = start_writing(&state, 65_536, fs::File::create(&printed).unwrap());
    assert!(!node.keep(1));
    fs::remove_dir(state.join(EVIDENCE_FILE)).unwrap();
    until("the store opens", || node.keep(1));
    node.stop();
    assert_eq!(copies(&state), [1]);
    // Nothing is said to wait on a spool that is not there.
    let printed = fs::read_to_string(printed).unwrap();
    assert_eq!(printed.matches("SYS-evidence-no-spool").count(), 1, "{printed}");
    assert!(!printed.contains("SYS-evidence-spooling"), "{printed}");
}

#[test]
fn a_clock_that_steps_back_is_evidence_itself() {
    let directory = tempfile::tempdir().unwrap();
    let node = start(directory.path(), 65_536);
    let now = crate::shell::clock::now().0;
    let line = |time: i64| {
        let value = json!({ "time": Timestamp(now + time).rfc3339(), "event": "X" });
        let Value::Object(line) = value else { unreachable!() };
        line
    };
    for time in [10_000, 20_000, 5_000, 6_000, 21_000] {
        node.evidence.keep(batch([line(time)]));
    }
    node.stop();
    let back = records(directory.path());
    let back: Vec<_> = back.iter().filter(|it| it.line()["event"] == "SYS-clock-back").collect();
    assert_eq!(back.len(), 1);
    assert_eq!(back[0].line()["seconds"], "15");
}

#[test]
fn what_comes_too_fast_for_the_store_is_durable_at_once_and_stored_in_order_afterwards() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path();
    let node = start(state, 16 * 1024 * 1024);
    const LINES: u64 = 20_000;
    let line = |number: u64| {
        let fields = [("event".to_owned(), json!("X")), ("number".to_owned(), json!(number))];
        fields.into_iter().collect()
    };
    for number in (0..LINES).step_by(100) {
        node.evidence.keep(batch((number..number + 100).map(line)));
    }
    // An account in the middle of it is told when it is durable, wherever that is.
    assert!(node.keep(7));
    assert!(node.metrics.evidence_spooled.get() > 0, "the spool took it");
    until("the spool is handed on", || node.metrics.evidence_spooled.get() == 0);
    let number = |record: &Record| record.line().get("number").and_then(Value::as_u64);
    let kept: Vec<u64> = records(state).iter().filter_map(number).collect();
    assert_eq!(kept, (0..LINES).collect::<Vec<_>>());
    assert_eq!(copies(state), [7]);
    assert_eq!(node.metrics.evidence_lost.get(), 0);
    node.stop();
}

#[test]
fn what_waits_is_what_the_store_has_not_taken() {
    let state = tempfile::tempdir().unwrap();
    let mut store = Sqlite::open(state.path()).unwrap();
    assert_eq!(waiting(state.path(), &store).unwrap(), 0, "no spool");
    let lines = [1, 2, 3].map(|copy| account(1_795_446_000_000, Status::Start, 1, copy));
    let mut spool = Spool::open(state.path(), 1 << 20).unwrap();
    spool.append(&lines).unwrap();
    assert_eq!(waiting(state.path(), &store).unwrap(), 3);
    store.keep_spooled(lines[..2].iter().map(Written::from), spool.epoch(), 2).unwrap();
    assert_eq!(waiting(state.path(), &store).unwrap(), 1);
}
