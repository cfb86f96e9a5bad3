//! The contract over SQLite, and what only a file can do.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::*;
use crate::record::{Field, Pattern, contract};

fn count(store: &Sqlite, sql: &str) -> i64 {
    store.connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

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
fn what_an_earlier_version_kept_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let earlier = Connection::open(directory.path().join(EVIDENCE_FILE)).unwrap();
    earlier.execute_batch(MIGRATIONS[0]).unwrap();
    earlier.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
    earlier.pragma_update(None, "user_version", 1).unwrap();
    let body = numbered(&Written::from(&contract::decision(0, 1, Some("A"))).text, 1);
    let insert = "INSERT INTO record (sequence, time_ms, hash, body) VALUES (?1, 0, ?2, ?3)";
    earlier.execute(insert, params![1, Head::START.after(body.as_bytes()).hash, body]).unwrap();
    drop(earlier);
    let mut store = Sqlite::open(directory.path()).unwrap();
    store.append(&[contract::decision(1000, 2, Some("A"))]).unwrap();
    let found = |field: Field, text: &str| {
        let fields = vec![(field, Pattern::new(field, text).unwrap())];
        let found = store.search(&Query { fields, ..Query::all(9) }).unwrap();
        found.iter().map(|record| record.sequence).collect::<Vec<_>>()
    };
    assert_eq!(found(Field::Environment, "A"), [2, 1]);
    assert_eq!(found(Field::Mac, "0012e2000001"), [1]);
    assert_eq!(count(&store, "SELECT count(*) FROM found"), 18, "each field of two decisions once");
}

#[test]
fn what_expired_leaves_no_word_behind() {
    let Held(mut store, _directory) = open();
    store.append(&[contract::decision(0, 1, Some("A"))]).unwrap();
    store.append(&[contract::decision(2 * 86_400_000, 2, Some("A"))]).unwrap();
    store.seal("node", Timestamp(3 * 86_400_000), &|_| Vec::new()).unwrap();
    assert_eq!(store.expire(Timestamp(86_400_000)).unwrap(), 1);
    assert_eq!(
        count(&store, "SELECT count(*) FROM found"),
        count(&store, "SELECT count(*) FROM word")
    );
    assert_eq!(count(&store, "SELECT count(*) FROM word WHERE text = '00-12-E2-00-00-01'"), 0);
    // A word that went and comes again is numbered anew.
    store.append(&[contract::decision(3 * 86_400_000, 1, Some("A"))]).unwrap();
    assert_eq!(count(&store, "SELECT count(*) FROM word WHERE text = '00-12-E2-00-00-01'"), 1);
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

#[test]
fn operators_read_it_where_the_directory_is_their_groups() {
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for (above, file) in [(0o750, 0o640), (0o755, 0o600), (0o700, 0o600)] {
        let state = tempfile::tempdir().unwrap();
        fs::set_permissions(state.path(), fs::Permissions::from_mode(above)).unwrap();
        let _store = Sqlite::open(state.path()).unwrap();
        for name in ["", "-wal", "-shm"] {
            let path = state.path().join(format!("{EVIDENCE_FILE}{name}"));
            assert_eq!(mode(&path), file, "{above:o}: {}", path.display());
        }
    }
}
