//! What the store keeps, forgets and refuses.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;

use super::*;

const NOW: Timestamp = Timestamp(1_795_392_000_000);

fn mark(subject: MarkSubject, until: Option<Timestamp>) -> Mark {
    let (reason, by) = ("検査".to_owned(), "情報政策課".to_owned());
    Mark { id: 0, subject, kind: MarkKind::Quarantine, reason, by, since: NOW, until }
}

fn later(milliseconds: i64) -> Timestamp {
    Timestamp(NOW.0 + milliseconds)
}

fn files(content: &str) -> Sources {
    let config = BTreeMap::from([("server.toml".to_owned(), content.as_bytes().to_vec())]);
    let topology = BTreeMap::from([("honcho/site.toml".to_owned(), Vec::new())]);
    Sources { config, topology }
}

#[test]
fn marks_outlive_a_restart_until_they_end_or_are_released() {
    let directory = TempDir::new().unwrap();
    let mut store = Store::open(directory.path()).unwrap();
    let mac = MarkSubject::Mac(Mac::parse("00-11-22-33-44-55").unwrap());
    let port = MarkSubject::Port("hon-sw01".to_owned(), "0/3".to_owned());
    let asset = MarkSubject::Asset("P-0001".to_owned());
    let first = store.add_mark(&mark(mac, None)).unwrap();
    let second = store.add_mark(&mark(port, Some(later(10)))).unwrap();
    let third = store.add_mark(&mark(asset, None)).unwrap();
    drop(store);
    let mode = std::fs::metadata(directory.path().join(STORE_FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let mut store = Store::open(directory.path()).unwrap();
    assert_eq!(store.marks(NOW).unwrap(), [first.clone(), second, third.clone()]);
    assert_eq!(store.marks(later(10)).unwrap(), [first.clone(), third.clone()]);
    store.release_mark(first.id, "operator", later(11)).unwrap();
    assert_eq!(store.marks(later(11)).unwrap(), [third]);
    let again = store.release_mark(first.id, "operator", later(12)).unwrap_err();
    assert_eq!(again.kind, FailureKind::MarkUnknown);
}

#[test]
fn numbers_of_marks_are_never_reused() {
    let directory = TempDir::new().unwrap();
    let mut store = Store::open(directory.path()).unwrap();
    let asset = || MarkSubject::Asset("P-0001".to_owned());
    let first = store.add_mark(&mark(asset(), None)).unwrap();
    store.release_mark(first.id, "operator", NOW).unwrap();
    assert!(store.add_mark(&mark(asset(), None)).unwrap().id > first.id);
}

#[test]
fn generations_grow_keep_their_files_and_load_the_same() {
    let directory = TempDir::new().unwrap();
    let mut store = Store::open(directory.path()).unwrap();
    assert_eq!(store.newest().unwrap(), None);
    let first = store.accept(&files("one"), "root", NOW).unwrap();
    let second = store.accept(&files("two"), "sighup", later(1)).unwrap();
    drop(store);
    let store = Store::open(directory.path()).unwrap();
    assert!(second.generation > first.generation);
    assert_eq!(store.newest().unwrap(), Some(second.clone()));
    assert_eq!(store.generations().unwrap(), [second, first.clone()]);
    assert_eq!(store.load(first.generation).unwrap(), (first, files("one")));
    assert_eq!(store.load(99).unwrap_err().kind, FailureKind::GenerationUnknown);
}

#[test]
fn only_the_newest_generations_keep_their_files() {
    let directory = TempDir::new().unwrap();
    let mut store = Store::open(directory.path()).unwrap();
    for _ in 0..=GENERATIONS_CONTENT_MAX {
        store.accept(&files("x"), "root", NOW).unwrap();
    }
    assert_eq!(store.load(1).unwrap_err().kind, FailureKind::GenerationForgotten);
    assert!(store.load(2).is_ok());
    let kept = store.generations().unwrap().iter().filter(|each| each.kept).count();
    assert_eq!(u64::try_from(kept).unwrap(), GENERATIONS_CONTENT_MAX);
}

#[test]
fn a_rollback_is_a_new_generation_and_sets_the_files_on_disk_aside() {
    let directory = TempDir::new().unwrap();
    let mut store = Store::open(directory.path()).unwrap();
    let first = store.accept(&files("one"), "root", NOW).unwrap();
    let second = store.accept(&files("two"), "root", NOW).unwrap();
    let third = store
        .restore(first.generation, Some(files("two").content_hash()), "operator", later(5))
        .unwrap();
    assert!(third.generation > second.generation);
    assert_eq!(third.restored_from, Some(first.generation));
    assert_eq!(store.load(third.generation).unwrap().1, files("one"));
    assert_eq!(store.set_aside().unwrap(), Some(files("two").content_hash()));
    store.accept(&files("three"), "root", later(6)).unwrap();
    assert_eq!(store.set_aside().unwrap(), None);
}

#[test]
fn learned_facts_outlive_a_restart() {
    let directory = TempDir::new().unwrap();
    let mut store = Store::open(directory.path()).unwrap();
    store.learn("hon-sw01", NOW).unwrap();
    store.learn("hon-sw01", later(1)).unwrap();
    drop(store);
    let store = Store::open(directory.path()).unwrap();
    assert_eq!(store.learned().unwrap(), HashSet::from(["hon-sw01".to_owned()]));
}

#[test]
fn a_damaged_file_is_named_and_not_replaced() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join(STORE_FILE);
    std::fs::write(&path, b"this is no database, but it is long enough to be looked at").unwrap();
    let before = std::fs::read(&path).unwrap();
    let failure = Store::open(directory.path()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::StoreUnreadable);
    assert!(failure.to_string().contains(STORE_FILE), "{failure}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_page_overwritten_inside_a_store_is_found_at_opening() {
    let directory = TempDir::new().unwrap();
    let mut store = Store::open(directory.path()).unwrap();
    for content in 0..50 {
        let text = format!("{content}").repeat(2000);
        store.accept(&files(&text), "root", NOW).unwrap();
    }
    drop(store);
    let path = directory.path().join(STORE_FILE);
    let mut octets = std::fs::read(&path).unwrap();
    assert!(octets.len() > 16 * 4096);
    octets[4096..16 * 4096].fill(0xa5);
    std::fs::write(&path, octets).unwrap();
    let failure = Store::open(directory.path()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::StoreUnreadable);
}

#[test]
fn a_second_service_is_refused() {
    let directory = TempDir::new().unwrap();
    let _first = Store::open(directory.path()).unwrap();
    let second = Connection::open(directory.path().join(STORE_FILE)).unwrap();
    second.busy_timeout(std::time::Duration::ZERO).unwrap();
    let cause = second.execute_batch("BEGIN IMMEDIATE").unwrap_err();
    assert_eq!(failure(Path::new("x"), &cause).kind, FailureKind::StoreBusy);
}

#[test]
fn newer_and_foreign_files_are_refused() {
    let directory = TempDir::new().unwrap();
    drop(Store::open(directory.path()).unwrap());
    let path = directory.path().join(STORE_FILE);
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    assert_eq!(Store::open(directory.path()).unwrap_err().kind, FailureKind::StoreNewer);

    std::fs::remove_file(&path).unwrap();
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("CREATE TABLE other (x)").unwrap();
    drop(connection);
    assert_eq!(Store::open(directory.path()).unwrap_err().kind, FailureKind::StoreForeign);
}

#[test]
fn two_people_are_two_only_for_the_same_change() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path()).unwrap();
    let (one, other) = ([1; 32], [2; 32]);
    let mut accept = |change: &[u8; 32], operator: &str| {
        store.accept_change(change, operator, ("name", "reason"), Timestamp(7)).unwrap()
    };
    assert_eq!(accept(&one, "seki (uid 1000)"), ["seki (uid 1000)"]);
    assert_eq!(accept(&one, "seki (uid 1000)"), ["seki (uid 1000)"]);
    assert_eq!(accept(&other, "mori (uid 1001)"), ["mori (uid 1001)"]);
    assert_eq!(accept(&one, "mori (uid 1001)").len(), 2);
    // What is kept is bounded, the oldest goes first.
    for number in 0..2_000_u32 {
        let mut change = [0; 32];
        change[..4].copy_from_slice(&number.to_be_bytes());
        accept(&change, "seki (uid 1000)");
    }
    assert_eq!(accept(&one, "kobo (uid 1002)"), ["kobo (uid 1002)"]);
}
