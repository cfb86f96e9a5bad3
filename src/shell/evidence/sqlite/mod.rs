//! The evidence in one SQLite file: what [`Store`] asks, in SQL.
//!
//! The body of a record is kept exactly as hashed; what it can be found by is in an inverted
//! index beside it (`words`). Every commit is durable (write-ahead log with `synchronous = FULL`);
//! other processes may read meanwhile.

mod accounts;
mod conditions;
mod seal;
mod words;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::Type;
use rusqlite::{
    Connection, OpenFlags, OptionalExtension as _, Row, Transaction, TransactionBehavior, params,
};

use accounts::{SESSION_COLUMNS, is_copy, read_session, take};
use conditions::Conditions;
use seal::next_seal;
use words::{Index, Search};

use crate::record::{
    Appended, DIGEST_OCTETS, Digest, Head, Line, Query, Record, Seal, Session, Span, Store,
    Written, numbered,
};
use crate::shell::files;
use crate::vocabulary::Timestamp;

/// Name of the file inside the state directory.
pub const EVIDENCE_FILE: &str = "evidence.sqlite";

/// How long a commit waits for whoever else holds the file; then the spool takes over.
const BUSY: Duration = Duration::from_millis(300);
/// "sksv", so that `file` and we recognise our own database.
const APPLICATION_ID: i32 = 0x736b_7376;

/// One step a version; never edited once released, only appended.
const MIGRATIONS: [&str; 2] = [include_str!("schema-1.sql"), include_str!("schema-2.sql")];

/// What can be asked of sessions; the same as `Query::fits_session`.
const SESSION_FIELDS: [&str; 7] =
    ["mac", "address", "asset", "switch", "place", "environment", "session"];
/// The open file.
#[derive(Debug)]
pub struct Sqlite {
    connection: Connection,
    head: Head,
    index: Index,
    path: PathBuf,
}

impl Sqlite {
    /// Opens the file in a state directory, makes it where there is none, and brings it to this
    /// version's schema.
    ///
    /// # Errors
    /// A damaged, foreign or busy file, or a full disk.
    pub fn open(state: &Path) -> rusqlite::Result<Self> {
        let path = state.join(EVIDENCE_FILE);
        // SQLite would make it readable for everyone the umask lets. OK because opening it tells
        // whatever else is wrong.
        if !path.exists() {
            let _ = files::write_new(&path, &[], files::PRIVATE_FILE);
        }
        // Operators are of the group, and what SQLite puts beside it gets its mode.
        files::let_group_read(&path);
        let connection = Connection::open(&path)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let mut store = Self { connection, head: Head::START, index: Index::default(), path };
        store.migrate()?;
        store.head = store.read_head()?;
        Ok(store)
    }

    /// Opens the file to read only, beside a running service.
    ///
    /// # Errors
    /// No such file, a damaged or foreign one.
    pub fn open_to_read(path: &Path) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        let found: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        if found != APPLICATION_ID {
            return Err(foreign());
        }
        let (head, index, path) = (Head::START, Index::default(), path.to_owned());
        let mut store = Self { connection, head, index, path };
        store.head = store.read_head()?;
        Ok(store)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn migrate(&mut self) -> rusqlite::Result<()> {
        let number = |connection: &Connection, name| -> rusqlite::Result<i32> {
            connection.pragma_query_value(None, name, |row| row.get(0))
        };
        let done = number(&self.connection, "user_version")?;
        let application = number(&self.connection, "application_id")?;
        let done = usize::try_from(done).unwrap_or(usize::MAX);
        if (application != APPLICATION_ID && (application, done) != (0, 0))
            || done > MIGRATIONS.len()
        {
            return Err(foreign());
        }
        let transaction = self.connection.transaction()?;
        for step in MIGRATIONS.iter().skip(done) {
            transaction.execute_batch(step)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", MIGRATIONS.len().cast_signed())?;
        transaction.commit()
    }

    fn read_head(&self) -> rusqlite::Result<Head> {
        let newest = "SELECT sequence, hash FROM record ORDER BY sequence DESC LIMIT 1";
        let head = self.connection.query_row(newest, [], read_head).optional()?;
        head.map_or_else(|| self.origin(), Ok)
    }

    /// What the oldest record still kept is chained to.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn origin(&self) -> rusqlite::Result<Head> {
        self.connection.query_row("SELECT sequence, hash FROM origin", [], read_head)
    }

    /// An empty store goes on with the chain of one that was lost.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn go_on_from(&mut self, head: Head) -> rusqlite::Result<()> {
        if self.head == Head::START && head != Head::START {
            self.connection.execute(
                "UPDATE origin SET sequence = ?1, hash = ?2",
                params![head.sequence.cast_signed(), head.hash],
            )?;
            self.head = head;
        }
        Ok(())
    }

    /// Keeps lines, as [`Store::append`] does.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep<'a>(
        &mut self,
        lines: impl Iterator<Item = Written<'a>>,
    ) -> rusqlite::Result<Appended> {
        self.write(lines, None)
    }

    /// Keeps lines that waited in a spool, and in the same step how many of that spool's epoch
    /// are thereby kept.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep_spooled<'a>(
        &mut self,
        lines: impl Iterator<Item = Written<'a>>,
        epoch: u64,
        taken: u64,
    ) -> rusqlite::Result<Appended> {
        self.write(lines, Some((epoch.cast_signed(), taken.cast_signed())))
    }

    /// How many entries of a spool's epoch are kept already.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn spooled(&self, epoch: u64) -> rusqlite::Result<u64> {
        let taken = self.connection.query_row(
            "SELECT taken FROM spool WHERE epoch = ?1",
            [epoch.cast_signed()],
            |row| row.get::<_, i64>(0),
        );
        Ok(taken.optional()?.unwrap_or(0).cast_unsigned())
    }

    /// Writes a consistent copy to a file that must be absent or empty.
    ///
    /// # Errors
    /// The copy cannot be written.
    pub fn copy_to(&self, path: &Path) -> rusqlite::Result<()> {
        // OK because writing the copy tells whatever is wrong.
        let _ = files::write_new(path, &[], files::PRIVATE_FILE);
        self.connection.execute("VACUUM INTO ?1", [path.to_string_lossy()]).map(|_| ())
    }

    /// Brings records of expired days back, as they were; gives how many were not there.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn readmit(&mut self, records: &[Record]) -> rusqlite::Result<usize> {
        let index = &mut self.index;
        let kept = within(&mut self.connection, |transaction| {
            let mut insert = transaction.prepare_cached(
                "INSERT OR IGNORE INTO record (sequence, time_ms, hash, body) VALUES (?1, ?2, ?3, ?4)",
            )?;
            let mut count = 0;
            for record in records {
                let Written { text, time, words, .. } = Written::parse(&record.body);
                let sequence = record.sequence.cast_signed();
                if insert.execute(params![sequence, time.0, record.hash, text])? > 0 {
                    index.take(transaction, sequence, &words)?;
                    count += 1;
                }
            }
            index.flush(transaction)?;
            Ok(count)
        });
        kept.inspect_err(|_| self.index.forget())
    }

    /// When the oldest record still kept was made.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn oldest(&self) -> rusqlite::Result<Option<Timestamp>> {
        let oldest = "SELECT time_ms FROM record ORDER BY sequence LIMIT 1";
        self.connection.query_row(oldest, [], |row| Ok(Timestamp(row.get(0)?))).optional()
    }

    /// The first and last record of what happened within a span, and the latest time among them;
    /// `None` where there is none.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn extent(&self, span: Span) -> rusqlite::Result<Option<(u64, u64, Timestamp)>> {
        self.connection.query_row(
            "SELECT min(sequence), max(sequence), max(time_ms) FROM record
             WHERE time_ms >= ?1 AND time_ms < ?2",
            [span.from.0, span.to.0],
            |row| {
                let first: Option<i64> = row.get(0)?;
                let Some(first) = first else { return Ok(None) };
                let last: i64 = row.get(1)?;
                Ok(Some((first.cast_unsigned(), last.cast_unsigned(), Timestamp(row.get(2)?))))
            },
        )
    }

    /// How many sessions are open, by environment; those of nobody admitted under "".
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn open_sessions(&self) -> rusqlite::Result<Vec<(String, i64)>> {
        self.connection
            .prepare_cached(
                "SELECT coalesce(environment, ''), count(*) FROM session
                 WHERE end_ms IS NULL GROUP BY 1 ORDER BY 1",
            )?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect()
    }

    fn write<'a>(
        &mut self,
        lines: impl Iterator<Item = Written<'a>>,
        spool: Option<(i64, i64)>,
    ) -> rusqlite::Result<Appended> {
        let (index, mut head, mut repeated) = (&mut self.index, self.head, 0);
        let written = within(&mut self.connection, |transaction| {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO record (sequence, time_ms, hash, body) VALUES (?1, ?2, ?3, ?4)",
            )?;
            for Written { text, time, account, words } in lines {
                if let Some(account) = account {
                    if is_copy(transaction, &account, time)? {
                        repeated += 1;
                        continue;
                    }
                    // The session takes over from records of this batch too.
                    index.flush(transaction)?;
                    take(transaction, &account)?;
                }
                let body = numbered(&text, head.sequence + 1);
                head = head.after(body.as_bytes());
                let sequence = head.sequence.cast_signed();
                insert.execute(params![sequence, time.0, head.hash, body])?;
                index.take(transaction, sequence, &words)?;
            }
            index.flush(transaction)?;
            if let Some((epoch, taken)) = spool {
                transaction.execute(
                    "INSERT OR REPLACE INTO spool VALUES (1, ?1, ?2)",
                    params![epoch, taken],
                )?;
            }
            Ok(())
        });
        written.inspect_err(|_| self.index.forget())?;
        self.head = head;
        Ok(Appended { head, repeated })
    }
}

/// Does everything or nothing, and lets nobody else write meanwhile.
fn within<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = work(&transaction)?;
    transaction.commit()?;
    Ok(done)
}

fn foreign() -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_NOTADB);
    rusqlite::Error::SqliteFailure(code, Some("no evidence of this version".to_owned()))
}

impl Store for Sqlite {
    type Error = rusqlite::Error;

    fn head(&self) -> rusqlite::Result<Head> {
        Ok(self.head)
    }

    fn append(&mut self, lines: &[Line]) -> rusqlite::Result<Appended> {
        self.write(lines.iter().map(Written::from), None)
    }

    fn search(&self, query: &Query) -> rusqlite::Result<Vec<Record>> {
        let mut bounds = Search::ALL;
        if query.span != Span::ALL {
            // Numbers follow time but for steps of the clock: they bound what is read.
            let Some((first, last, _)) = self.extent(query.span)? else { return Ok(Vec::new()) };
            bounds = (first.cast_signed(), last.cast_signed());
        }
        let (mut search, unknown) = Search::new(&self.connection, &query.fields, bounds)?;
        let unknown = Query {
            span: query.span,
            fields: unknown.into_iter().cloned().collect(),
            limit: query.limit,
        };
        let mut fetch = self
            .connection
            .prepare_cached("SELECT hash, body, time_ms FROM record WHERE sequence = ?1")?;
        let mut found = Vec::new();
        while found.len() < query.limit
            && let Some(sequence) = search.next(&self.connection)?
        {
            let record = fetch.query_row([sequence], |row| {
                let sequence = sequence.cast_unsigned();
                let record = Record { sequence, hash: digest(row, 0)?, body: row.get(1)? };
                Ok((record, Timestamp(row.get(2)?)))
            });
            // OK because another process may delete what is too old meanwhile.
            let Some((record, time)) = record.optional()? else { continue };
            let fits = if unknown.fields.is_empty() {
                query.span.holds(time)
            } else {
                unknown.fits(time, &record.line())
            };
            if fits {
                found.push(record);
            }
        }
        Ok(found)
    }

    fn sessions(&self, query: &Query) -> rusqlite::Result<Vec<Session>> {
        let mut wanted = Conditions::default();
        if query.span != Span::ALL {
            wanted.add("start_ms < ?", query.span.to.0);
            wanted.add("coalesce(end_ms, 9223372036854775807) >= ?", query.span.from.0);
        }
        for (field, pattern) in &query.fields {
            if SESSION_FIELDS.contains(&field.key()) {
                wanted.field(field.key(), pattern);
            }
        }
        let sql = format!(
            "SELECT {SESSION_COLUMNS} FROM session {}
             ORDER BY end_ms IS NOT NULL, start_ms DESC, id DESC LIMIT {}",
            wanted.clause(),
            query.limit
        );
        self.connection
            .prepare_cached(&sql)?
            .query_map(wanted.values().as_slice(), read_session)?
            .collect()
    }

    fn seal(
        &mut self,
        node: &str,
        now: Timestamp,
        sign: &dyn Fn(&[u8]) -> Vec<u8>,
    ) -> rusqlite::Result<Vec<Seal>> {
        let transaction =
            self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let mut fresh = Vec::new();
        while let Some(mut seal) = next_seal(&transaction, node, now)? {
            seal.signature = sign(&seal.message());
            transaction.execute(
                "INSERT INTO seal VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    seal.first.cast_signed(),
                    seal.last.cast_signed(),
                    seal.day,
                    seal.node,
                    seal.before,
                    seal.head,
                    seal.signature
                ],
            )?;
            fresh.push(seal);
        }
        transaction.commit()?;
        Ok(fresh)
    }

    fn seals(&self) -> rusqlite::Result<Vec<Seal>> {
        self.connection
            .prepare_cached(
                "SELECT first, last, day, node, before, head, signature FROM seal ORDER BY first",
            )?
            .query_map([], |row| {
                Ok(Seal {
                    first: row.get::<_, i64>(0)?.cast_unsigned(),
                    last: row.get::<_, i64>(1)?.cast_unsigned(),
                    day: row.get(2)?,
                    node: row.get(3)?,
                    before: digest(row, 4)?,
                    head: digest(row, 5)?,
                    signature: row.get(6)?,
                })
            })?
            .collect()
    }

    fn walk(
        &self,
        first: u64,
        each: &mut dyn FnMut(u64, &Digest, &[u8]) -> bool,
    ) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare_cached(
            "SELECT sequence, hash, body FROM record WHERE sequence >= ?1 ORDER BY sequence",
        )?;
        let mut rows = statement.query([first.cast_signed()])?;
        while let Some(row) = rows.next()? {
            let body = row.get_ref(2)?.as_bytes()?;
            if !each(row.get::<_, i64>(0)?.cast_unsigned(), &digest(row, 1)?, body) {
                break;
            }
        }
        Ok(())
    }

    fn expire(&mut self, before: Timestamp) -> rusqlite::Result<u64> {
        let ended = |seal: &&Seal| Timestamp::parse_end(&seal.day).is_ok_and(|end| end <= before);
        let seals = self.seals()?;
        let Some(last) = seals.iter().take_while(ended).last() else { return Ok(0) };
        let transaction =
            self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let gone = transaction
            .execute("DELETE FROM record WHERE sequence <= ?1", [last.last.cast_signed()])?;
        words::delete_through(&transaction, last.last.cast_signed())?;
        transaction.execute("DELETE FROM session WHERE end_ms < ?1", [before.0])?;
        if gone > 0 {
            let origin = params![last.last.cast_signed(), last.head];
            transaction.execute("UPDATE origin SET sequence = ?1, hash = ?2", origin)?;
        }
        transaction.commit()?;
        self.index.forget();
        Ok(gone as u64)
    }
}

fn read_head(row: &Row<'_>) -> rusqlite::Result<Head> {
    Ok(Head { sequence: row.get::<_, i64>(0)?.cast_unsigned(), hash: digest(row, 1)? })
}

fn digest(row: &Row<'_>, column: usize) -> rusqlite::Result<Digest> {
    let octets = row.get_ref(column)?.as_blob()?;
    <[u8; DIGEST_OCTETS]>::try_from(octets)
        .map_err(|_| rusqlite::Error::InvalidColumnType(column, "hash".to_owned(), Type::Blob))
}
#[cfg(test)]
mod tests;
