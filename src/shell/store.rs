//! The small state that outlives a restart: marks, accepted plans and learned facts, in one
//! SQLite file.
//!
//! Every change is durable when the call returns (write-ahead log with `synchronous = FULL`).
//! The file is held exclusively, so two services never share one state directory.

mod attachments;
mod changes;
mod heads;
mod revocations;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Row, params};

pub use changes::{CHANGES_MAX, ChangeNews, ChangeState, SensorChange, WORDS_MAX};
pub use heads::RUN_OCTETS_MAX;
pub use revocations::Revoked;

use super::archive;
use super::files::{self, FileCause};
use super::{Failure, FailureKind};
use crate::plan::Sources;
use crate::vocabulary::{Mac, Mark, MarkKind, MarkSubject, Timestamp};

/// How many of the newest generations keep their files; older ones keep hash, time and author.
pub const GENERATIONS_CONTENT_MAX: u64 = 100;
/// How many marks may be in force at once.
pub const MARKS_IN_FORCE_MAX: usize = 10_000;
/// How many released or ended marks are kept for the record.
pub const MARKS_PAST_MAX: u64 = 100_000;
/// How many learned facts are kept: more than any city has switches.
pub const LEARNED_MAX: u64 = 100_000;

/// How many acceptances of weakening changes are kept.
pub const ACCEPTANCES_MAX: i64 = 1_000;

/// Name of the file inside the state directory.
pub const STORE_FILE: &str = "sekisho.sqlite";

/// Pages kept in memory, in SQLite's negative KiB: what is asked again is little.
const CACHE_KIB: i32 = -512;

/// "skso", so that `file` and we recognise our own database.
const APPLICATION_ID: i32 = 0x736b_736f;

/// One step a version; never edited once released, only appended.
const MIGRATIONS: [&str; 6] = [
    "
    CREATE TABLE mark (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        subject_kind TEXT NOT NULL CHECK (subject_kind IN ('mac', 'asset', 'port')),
        subject TEXT NOT NULL,
        port TEXT NOT NULL DEFAULT '',
        kind TEXT NOT NULL CHECK (kind IN ('quarantine', 'refuse')),
        reason TEXT NOT NULL,
        set_by TEXT NOT NULL,
        since_ms INTEGER NOT NULL,
        until_ms INTEGER,
        released_ms INTEGER,
        released_by TEXT
    ) STRICT;
    CREATE INDEX mark_in_force ON mark (released_ms, until_ms);
    CREATE TABLE generation (
        generation INTEGER PRIMARY KEY AUTOINCREMENT,
        content_hash BLOB NOT NULL CHECK (length(content_hash) = 32),
        accepted_ms INTEGER NOT NULL,
        accepted_by TEXT NOT NULL,
        restored_from INTEGER,
        sources BLOB
    ) STRICT;
    CREATE TABLE set_aside (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        content_hash BLOB NOT NULL CHECK (length(content_hash) = 32)
    ) STRICT;
    CREATE TABLE learned (
        switch TEXT PRIMARY KEY,
        since_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
",
    "
    CREATE TABLE acceptance (
        change BLOB NOT NULL CHECK (length(change) = 32),
        operator TEXT NOT NULL,
        accepted_by TEXT NOT NULL,
        reason TEXT NOT NULL,
        accepted_ms INTEGER NOT NULL,
        PRIMARY KEY (change, operator)
    ) STRICT;
",
    attachments::MIGRATION,
    heads::MIGRATION,
    changes::MIGRATION,
    revocations::MIGRATION,
];

/// An accepted plan as the store remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// Its number; grows by acceptance, never reused.
    pub generation: u64,
    /// SHA-256 over its files.
    pub content_hash: [u8; 32],
    /// When it was accepted.
    pub accepted: Timestamp,
    /// By whom.
    pub by: String,
    /// The generation whose files it brought back, for a rollback.
    pub restored_from: Option<u64>,
    /// Whether its files are still kept.
    pub kept: bool,
}

/// The open state file.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
}

impl Store {
    /// Opens the store in `directory`, which must exist, and brings it to this version's schema.
    ///
    /// # Errors
    /// A damaged, foreign, newer or busy file.
    pub fn open(directory: &Path) -> Result<Self, Failure> {
        let path = directory.join(STORE_FILE);
        // SQLite would make it readable for everyone the umask lets.
        match files::write_new(&path, &[], files::PRIVATE_FILE) {
            Ok(()) => {}
            Err(error) if error.cause == FileCause::Exists => {}
            Err(error) => {
                return Err(error.failure(FailureKind::StoreFailed));
            }
        }
        let connection = Connection::open(&path).map_err(|cause| failure(&path, &cause))?;
        let mut store = Self { connection, path };
        store.prepare().map_err(|cause| failure(&store.path, &cause))?;
        store.migrate()?;
        Ok(store)
    }

    /// Writes a copy to a new file that only its owner may read.
    ///
    /// # Errors
    /// The copy cannot be written.
    pub fn copy_to(&self, path: &Path) -> Result<(), Failure> {
        // What an earlier backup left behind when it was cut off.
        files::remove(path);
        files::write_new(path, &[], files::PRIVATE_FILE)
            .map_err(|error| error.failure(FailureKind::StoreFailed))?;
        self.run(|connection| {
            connection.execute("VACUUM INTO ?1", [path.to_string_lossy()]).map(|_| ())
        })
    }

    /// Sets a mark and gives it its number.
    ///
    /// # Errors
    /// Too many marks in force, or the file cannot be written.
    pub fn add_mark(&mut self, mark: &Mark) -> Result<Mark, Failure> {
        if self.marks(mark.since)?.len() >= MARKS_IN_FORCE_MAX {
            return Err(Failure::new(FailureKind::MarksFull).fact("limit", MARKS_IN_FORCE_MAX));
        }
        let (subject_kind, subject, port) = match &mark.subject {
            MarkSubject::Mac(mac) => ("mac", mac.to_string(), ""),
            MarkSubject::Asset(asset) => ("asset", asset.clone(), ""),
            MarkSubject::Port(switch, port) => ("port", switch.clone(), port.as_str()),
        };
        let kind = kind_id(mark.kind);
        let until = mark.until.map(|until| until.0);
        self.run(|connection| {
            connection.execute(
                "INSERT INTO mark (subject_kind, subject, port, kind, reason, set_by, since_ms, until_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![subject_kind, subject, port, kind, mark.reason, mark.by, mark.since.0, until],
            )?;
            let id = connection.last_insert_rowid();
            connection.execute(
                "DELETE FROM mark WHERE (released_ms IS NOT NULL OR until_ms <= ?1) AND id <= (
                     SELECT id FROM mark WHERE released_ms IS NOT NULL OR until_ms <= ?1
                     ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                params![mark.since.0, MARKS_PAST_MAX.cast_signed()],
            )?;
            Ok(Mark { id, ..mark.clone() })
        })
    }

    /// Releases a mark that is in force.
    ///
    /// # Errors
    /// No such mark in force, or the file cannot be written.
    pub fn release_mark(&mut self, id: i64, by: &str, now: Timestamp) -> Result<(), Failure> {
        let changed = self.run(|connection| {
            connection.execute(
                "UPDATE mark SET released_ms = ?1, released_by = ?2
                 WHERE id = ?3 AND released_ms IS NULL AND (until_ms IS NULL OR until_ms > ?1)",
                params![now.0, by, id],
            )
        })?;
        if changed == 0 {
            return Err(Failure::new(FailureKind::MarkUnknown).fact("mark", id));
        }
        Ok(())
    }

    /// The marks in force at `now`, oldest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn marks(&self, now: Timestamp) -> Result<Vec<Mark>, Failure> {
        self.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT id, subject_kind, subject, port, kind, reason, set_by, since_ms, until_ms
                     FROM mark WHERE released_ms IS NULL AND (until_ms IS NULL OR until_ms > ?1)
                     ORDER BY id",
                )?
                .query_map([now.0], read_mark)?
                .collect()
        })
    }

    /// Records that an operator accepts a change that weakens the separation; gives everyone who
    /// accepted that change so far, by the name the kernel knows them by.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn accept_change(
        &mut self,
        change: &[u8; 32],
        operator: &str,
        (by, reason): (&str, &str),
        now: Timestamp,
    ) -> Result<Vec<String>, Failure> {
        self.run(|connection| {
            connection.execute(
                "INSERT OR REPLACE INTO acceptance VALUES (?1, ?2, ?3, ?4, ?5)",
                params![change.as_slice(), operator, by, reason, now.0],
            )?;
            connection.execute(
                "DELETE FROM acceptance WHERE rowid <= (
                     SELECT rowid FROM acceptance ORDER BY rowid DESC LIMIT 1 OFFSET ?1)",
                params![ACCEPTANCES_MAX],
            )?;
            connection
                .prepare_cached("SELECT operator FROM acceptance WHERE change = ?1")?
                .query_map([change.as_slice()], |row| row.get(0))?
                .collect()
        })
    }

    /// Holds back what is written from now on until [`Store::settle`]: dropped before, it is not.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn hold(&mut self) -> Result<(), Failure> {
        self.run(|connection| connection.execute_batch("BEGIN IMMEDIATE"))
    }

    /// Writes what was held back, if anything was.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn settle(&mut self) -> Result<(), Failure> {
        self.run(|connection| match connection.is_autocommit() {
            true => Ok(()),
            false => connection.execute_batch("COMMIT"),
        })
    }

    /// Forgets what was held back.
    pub fn let_go(&mut self) {
        // OK because what fails here was not begun.
        let _ = self.connection.execute_batch("ROLLBACK");
    }

    /// Gives no number up to this one to another plan: it may have been served without being kept.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn pass(&mut self, generation: u64) -> Result<(), Failure> {
        self.run(|connection| {
            connection.execute(
                "UPDATE sqlite_sequence SET seq = ?1 WHERE name = 'generation' AND seq < ?1",
                [generation.cast_signed()],
            )
        })?;
        Ok(())
    }

    /// Accepts a plan as the newest generation and forgets the files of those too old to keep.
    /// Files that were set aside by a rollback no longer are.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn accept(
        &mut self,
        files: &Sources,
        by: &str,
        now: Timestamp,
    ) -> Result<Generation, Failure> {
        self.insert(files.content_hash(), &archive::pack(files), by, now, None, None)
    }

    /// Accepts the files of an earlier generation again, as a new one, and sets `aside` (the
    /// hash of the files now on disk) aside: a restart must not bring them back by itself.
    ///
    /// # Errors
    /// No such generation, its files are no longer kept, or the file cannot be written.
    pub fn restore(
        &mut self,
        generation: u64,
        aside: Option<[u8; 32]>,
        by: &str,
        now: Timestamp,
    ) -> Result<Generation, Failure> {
        let (found, files) = self.load(generation)?;
        let packed = archive::pack(&files);
        self.insert(found.content_hash, &packed, by, now, Some(generation), aside)
    }

    /// The hash of the files that a rollback set aside.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn set_aside(&self) -> Result<Option<[u8; 32]>, Failure> {
        self.run(|connection| {
            connection
                .query_row("SELECT content_hash FROM set_aside", [], |row| row.get(0))
                .optional()
        })
    }

    /// Every remembered generation, newest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn generations(&self) -> Result<Vec<Generation>, Failure> {
        self.run(|connection| {
            connection
                .prepare_cached(&format!("{GENERATION_SELECT} ORDER BY generation DESC"))?
                .query_map([], read_generation)?
                .collect()
        })
    }

    /// The newest generation, if any plan was ever accepted.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn newest(&self) -> Result<Option<Generation>, Failure> {
        self.run(|connection| {
            connection
                .query_row(
                    &format!("{GENERATION_SELECT} ORDER BY generation DESC LIMIT 1"),
                    [],
                    read_generation,
                )
                .optional()
        })
    }

    /// One generation with its files.
    ///
    /// # Errors
    /// No such generation, its files are no longer kept, or the file cannot be read.
    pub fn load(&self, generation: u64) -> Result<(Generation, Sources), Failure> {
        let number = i64::try_from(generation).unwrap_or(i64::MAX);
        let found = self.run(|connection| {
            connection
                .query_row(
                    &format!("{GENERATION_SELECT} WHERE generation = ?1"),
                    [number],
                    read_generation,
                )
                .optional()
        })?;
        let Some(found) = found else {
            return Err(Failure::new(FailureKind::GenerationUnknown).fact("generation", generation));
        };
        let packed: Option<Vec<u8>> = self.run(|connection| {
            connection.query_row(
                "SELECT sources FROM generation WHERE generation = ?1",
                [number],
                |row| row.get(0),
            )
        })?;
        let Some(packed) = packed else {
            return Err(Failure::new(FailureKind::GenerationForgotten)
                .fact("generation", generation)
                .fact("limit", GENERATIONS_CONTENT_MAX));
        };
        let files = archive::unpack(&packed).ok_or_else(|| {
            Failure::new(FailureKind::StoreUnreadable)
                .fact("path", self.path.display())
                .fact("cause", format!("generation {generation}"))
        })?;
        Ok((found, files))
    }

    /// Remembers that a switch was seen to send Message-Authenticator.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn learn(&mut self, switch: &str, now: Timestamp) -> Result<(), Failure> {
        self.run(|connection| {
            connection.execute(
                "INSERT INTO learned (switch, since_ms)
                 SELECT ?1, ?2 WHERE (SELECT count(*) FROM learned) < ?3
                 ON CONFLICT DO NOTHING",
                params![switch, now.0, LEARNED_MAX.cast_signed()],
            )
        })?;
        Ok(())
    }

    /// The switches seen to send Message-Authenticator.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn learned(&self) -> Result<HashSet<String>, Failure> {
        self.run(|connection| {
            connection
                .prepare_cached("SELECT switch FROM learned")?
                .query_map([], |row| row.get(0))?
                .collect()
        })
    }

    fn insert(
        &mut self,
        content_hash: [u8; 32],
        packed: &[u8],
        by: &str,
        now: Timestamp,
        restored_from: Option<u64>,
        aside: Option<[u8; 32]>,
    ) -> Result<Generation, Failure> {
        let path = self.path.clone();
        let mut change = || {
            let transaction = self.connection.savepoint()?;
            let restored = restored_from.map(u64::cast_signed);
            transaction.execute(
                "INSERT INTO generation (content_hash, accepted_ms, accepted_by, restored_from, sources)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
                params![content_hash, now.0, by, restored, packed],
            )?;
            let generation = transaction.last_insert_rowid();
            transaction.execute(
                "UPDATE generation SET sources = NULL
                 WHERE generation <= ?1 - ?2 AND sources IS NOT NULL",
                params![generation, GENERATIONS_CONTENT_MAX.cast_signed()],
            )?;
            transaction.execute("DELETE FROM set_aside", [])?;
            if let Some(aside) = aside.filter(|aside| *aside != content_hash) {
                transaction.execute(
                    "INSERT INTO set_aside (only, content_hash) VALUES (1, ?1)",
                    params![aside],
                )?;
            }
            transaction.commit()?;
            Ok(Generation {
                generation: generation.cast_unsigned(),
                content_hash,
                accepted: now,
                by: by.to_owned(),
                restored_from,
                kept: true,
            })
        };
        change().map_err(|cause| failure(&path, &cause))
    }

    fn prepare(&mut self) -> rusqlite::Result<()> {
        let connection = &self.connection;
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "cache_size", CACHE_KIB)?;
        // Takes the exclusive lock now rather than at the first write.
        connection.execute_batch("BEGIN IMMEDIATE; COMMIT")?;
        let sound: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if sound == "ok" {
            return Ok(());
        }
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
        Err(rusqlite::Error::SqliteFailure(code, Some(sound)))
    }

    fn migrate(&mut self) -> Result<(), Failure> {
        let pragma = |name: &str| -> rusqlite::Result<i32> {
            self.connection.pragma_query_value(None, name, |row| row.get(0))
        };
        let version = pragma("user_version").map_err(|cause| failure(&self.path, &cause))?;
        let application = pragma("application_id").map_err(|cause| failure(&self.path, &cause))?;
        let tables: i64 = self.run(|connection| {
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        })?;
        let ours = application == APPLICATION_ID || (application == 0 && tables == 0);
        if !ours {
            return Err(Failure::new(FailureKind::StoreForeign).fact("path", self.path.display()));
        }
        let done = usize::try_from(version).unwrap_or(usize::MAX);
        if done > MIGRATIONS.len() {
            return Err(Failure::new(FailureKind::StoreNewer)
                .fact("path", self.path.display())
                .fact("found", version)
                .fact("known", MIGRATIONS.len()));
        }
        // A full disk, which takes not a page more, is no reason not to start.
        if (application, done) == (APPLICATION_ID, MIGRATIONS.len()) {
            return Ok(());
        }
        let path = self.path.clone();
        let mut change = || {
            let transaction = self.connection.transaction()?;
            for step in MIGRATIONS.iter().skip(done) {
                transaction.execute_batch(step)?;
            }
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", MIGRATIONS.len().cast_signed())?;
            transaction.commit()
        };
        change().map_err(|cause| failure(&path, &cause))
    }

    fn run<T>(
        &self,
        operation: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Failure> {
        operation(&self.connection).map_err(|cause| failure(&self.path, &cause))
    }
}

/// The stable id of a kind of mark.
#[must_use]
pub const fn kind_id(kind: MarkKind) -> &'static str {
    match kind {
        MarkKind::Quarantine => "quarantine",
        MarkKind::Refuse => "refuse",
    }
}

const GENERATION_SELECT: &str = "SELECT generation, content_hash, accepted_ms, accepted_by, \
                                 restored_from, sources IS NOT NULL FROM generation";

fn read_generation(row: &Row<'_>) -> rusqlite::Result<Generation> {
    Ok(Generation {
        generation: row.get::<_, i64>(0)?.cast_unsigned(),
        content_hash: row.get(1)?,
        accepted: Timestamp(row.get(2)?),
        by: row.get(3)?,
        restored_from: row.get::<_, Option<i64>>(4)?.map(i64::cast_unsigned),
        kept: row.get(5)?,
    })
}

fn read_mark(row: &Row<'_>) -> rusqlite::Result<Mark> {
    let unreadable = |column: usize, what: &str| {
        rusqlite::Error::FromSqlConversionFailure(
            column,
            rusqlite::types::Type::Text,
            format!("`{what}`").into(),
        )
    };
    let (subject_kind, subject): (String, String) = (row.get(1)?, row.get(2)?);
    let subject = match subject_kind.as_str() {
        "mac" => MarkSubject::Mac(Mac::parse(&subject).map_err(|_| unreadable(2, &subject))?),
        "asset" => MarkSubject::Asset(subject),
        "port" => MarkSubject::Port(subject, row.get(3)?),
        other => return Err(unreadable(1, other)),
    };
    let kind: String = row.get(4)?;
    let kind = match kind.as_str() {
        "quarantine" => MarkKind::Quarantine,
        "refuse" => MarkKind::Refuse,
        other => return Err(unreadable(4, other)),
    };
    Ok(Mark {
        id: row.get(0)?,
        subject,
        kind,
        reason: row.get(5)?,
        by: row.get(6)?,
        since: Timestamp(row.get(7)?),
        until: row.get::<_, Option<i64>>(8)?.map(Timestamp),
    })
}

fn failure(path: &Path, cause: &rusqlite::Error) -> Failure {
    let kind = match cause.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => FailureKind::StoreBusy,
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => FailureKind::StoreUnreadable,
        _ => FailureKind::StoreFailed,
    };
    Failure::new(kind).fact("path", path.display()).fact("cause", cause)
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
