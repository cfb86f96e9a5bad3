//! The contract over SQLite, and what only a file can do.

use super::*;
use crate::record::contract;

/// An engine in a directory that goes with it.
struct Held(Sqlite, tempfile::TempDir);

fn open() -> Held {
    let directory = tempfile::tempdir().unwrap();
    Held(Sqlite::open(directory.path()).unwrap(), directory)
}

impl Store for Held {
    type Error = rusqlite::Error;

    fn head(&self) -> rusqlite::Result<Head> {
        self.0.head()
    }
    fn append(&mut self, lines: &[Line]) -> rusqlite::Result<Appended> {
        self.0.append(lines)
    }
    fn search(&self, query: &Query) -> rusqlite::Result<Vec<Record>> {
        self.0.search(query)
    }
    fn sessions(&self, query: &Query) -> rusqlite::Result<Vec<Session>> {
        self.0.sessions(query)
    }
    fn seal(
        &mut self,
        node: &str,
        now: Timestamp,
        sign: &dyn Fn(&[u8]) -> Vec<u8>,
    ) -> rusqlite::Result<Vec<Seal>> {
        self.0.seal(node, now, sign)
    }
    fn seals(&self) -> rusqlite::Result<Vec<Seal>> {
        self.0.seals()
    }
    fn walk(
        &self,
        first: u64,
        each: &mut dyn FnMut(u64, &Digest, &[u8]) -> bool,
    ) -> rusqlite::Result<()> {
        self.0.walk(first, each)
    }
    fn expire(&mut self, before: Timestamp) -> rusqlite::Result<u64> {
        self.0.expire(before)
    }
}

#[test]
fn sqlite_keeps_the_contract() {
    contract::suite(open);
}

#[test]
fn sqlite_agrees_with_memory_whatever_happens() {
    contract::agrees_with_memory(open);
}

#[test]
fn what_was_kept_is_there_when_opened_again_and_read_beside() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Sqlite::open(directory.path()).unwrap();
    let head = store.append(&[contract::decision(0, 1, Some("A"))]).unwrap().head;
    let reader = Sqlite::open_to_read(store.path()).unwrap();
    assert_eq!(reader.head().unwrap(), head);
    drop(store);
    assert_eq!(Sqlite::open(directory.path()).unwrap().head().unwrap(), head);
}

#[test]
fn what_a_spool_held_is_taken_once() {
    let Held(mut store, _directory) = open();
    let lines = [contract::decision(0, 1, Some("A"))];
    assert_eq!(store.spooled(7).unwrap(), 0);
    store.keep_spooled(lines.iter().map(Written::from), 7, 1).unwrap();
    assert_eq!((store.spooled(7).unwrap(), store.spooled(8).unwrap()), (1, 0));
}

#[test]
fn a_foreign_file_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(EVIDENCE_FILE), "no database at all, only words").unwrap();
    assert!(Sqlite::open(directory.path()).is_err());
    let other = Connection::open(directory.path().join("other")).unwrap();
    other.execute_batch("CREATE TABLE x (y); PRAGMA application_id = 5").unwrap();
    assert!(Sqlite::open_to_read(&directory.path().join("other")).is_err());
}
