//! The evidence in one SQLite file: what [`Store`] asks, in SQL.
//!
//! The body of a record is kept exactly as hashed; what is searched for are columns computed
//! from it, of which only the indices take room. Every commit is durable (write-ahead log with
//! `synchronous = FULL`); other processes may read meanwhile.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::{ToSql, Type};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, Transaction, params};

use crate::record::{
    Account, Appended, COPY_SECONDS_MAX, DIGEST_OCTETS, Digest, Head, Line, Query, Record, Seal,
    Session, SessionEnd, Span, Status, Store, body, day_end, time_of,
};
use crate::shell::files;
use crate::vocabulary::{Mac, Timestamp};

/// Name of the file inside the state directory.
pub const EVIDENCE_FILE: &str = "evidence.sqlite";

/// How long a commit waits for whoever else holds the file; then the spool takes over.
const BUSY: Duration = Duration::from_millis(300);
/// "sksv", so that `file` and we recognise our own database.
const APPLICATION_ID: i32 = 0x736b_7376;
/// Rows of an account's copy that are tidied away at once.
const TIDY_ROWS: usize = 256;

/// One step a version; never edited once released, only appended.
const MIGRATIONS: [&str; 1] = ["
    CREATE TABLE record (
        sequence INTEGER PRIMARY KEY,
        time_ms INTEGER NOT NULL,
        hash BLOB NOT NULL,
        body TEXT NOT NULL,
        mac TEXT AS (body ->> 'mac') VIRTUAL,
        address TEXT AS (body ->> 'address') VIRTUAL,
        asset TEXT AS (body ->> 'asset') VIRTUAL,
        host TEXT AS (body ->> 'host') VIRTUAL,
        identity TEXT AS (body ->> 'identity') VIRTUAL,
        section TEXT AS (body ->> 'section') VIRTUAL,
        site TEXT AS (body ->> 'site') VIRTUAL,
        switch TEXT AS (body ->> 'switch') VIRTUAL,
        place TEXT AS (body ->> 'place') VIRTUAL,
        environment TEXT AS (body ->> 'environment') VIRTUAL,
        outcome TEXT AS (body ->> 'outcome') VIRTUAL,
        reason TEXT AS (body ->> 'reason') VIRTUAL,
        event TEXT AS (body ->> 'event') VIRTUAL,
        session TEXT AS (body ->> 'session') VIRTUAL
    );
    CREATE INDEX record_time ON record (time_ms);
    CREATE INDEX record_mac ON record (mac) WHERE mac IS NOT NULL;
    CREATE INDEX record_address ON record (address) WHERE address IS NOT NULL;
    CREATE INDEX record_asset ON record (asset) WHERE asset IS NOT NULL;
    CREATE INDEX record_host ON record (host) WHERE host IS NOT NULL;
    CREATE INDEX record_identity ON record (identity) WHERE identity IS NOT NULL;
    CREATE INDEX record_section ON record (section) WHERE section IS NOT NULL;
    CREATE INDEX record_place ON record (place) WHERE place IS NOT NULL;
    CREATE INDEX record_switch ON record (switch) WHERE switch IS NOT NULL;
    CREATE INDEX record_site ON record (site) WHERE site IS NOT NULL;
    CREATE INDEX record_environment ON record (environment) WHERE environment IS NOT NULL;
    CREATE INDEX record_reason ON record (reason) WHERE reason IS NOT NULL;
    CREATE INDEX record_event ON record (event) WHERE event IS NOT NULL;
    CREATE INDEX record_session ON record (session) WHERE session IS NOT NULL;
    CREATE TABLE session (
        id INTEGER PRIMARY KEY,
        switch TEXT NOT NULL,
        place TEXT NOT NULL,
        mac TEXT NOT NULL,
        session TEXT NOT NULL,
        start_ms INTEGER NOT NULL,
        last_ms INTEGER NOT NULL,
        end_ms INTEGER,
        cause TEXT,
        address TEXT,
        input_octets INTEGER NOT NULL,
        output_octets INTEGER NOT NULL,
        asset TEXT,
        environment TEXT,
        vlan INTEGER
    ) STRICT;
    CREATE INDEX session_key ON session (switch, session, mac);
    CREATE INDEX session_open ON session (switch, start_ms) WHERE end_ms IS NULL;
    CREATE INDEX session_mac ON session (mac);
    CREATE INDEX session_asset ON session (asset) WHERE asset IS NOT NULL;
    CREATE INDEX session_address ON session (address) WHERE address IS NOT NULL;
    CREATE INDEX session_end ON session (end_ms);
    CREATE TABLE copy (
        copy INTEGER PRIMARY KEY,
        time_ms INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX copy_time ON copy (time_ms);
    CREATE TABLE seal (
        first INTEGER PRIMARY KEY,
        last INTEGER NOT NULL,
        day TEXT NOT NULL,
        node TEXT NOT NULL,
        before BLOB NOT NULL,
        head BLOB NOT NULL,
        signature BLOB NOT NULL
    ) STRICT;
    CREATE TABLE origin (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        sequence INTEGER NOT NULL,
        hash BLOB NOT NULL
    ) STRICT;
    INSERT INTO origin VALUES (1, 0, zeroblob(32));
    CREATE TABLE spool (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        epoch INTEGER NOT NULL,
        taken INTEGER NOT NULL
    ) STRICT;
"];

/// The open file.
#[derive(Debug)]
pub struct Sqlite {
    connection: Connection,
    head: Head,
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
        let connection = Connection::open(&path)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let mut store = Self { connection, head: Head::START, path };
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
        let mut store = Self { connection, head: Head::START, path: path.to_owned() };
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

    /// Keeps lines that waited in a spool, and in the same step how many of that spool's epoch
    /// are thereby kept.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn append_spooled(
        &mut self,
        lines: &[Line],
        epoch: i64,
        taken: u64,
    ) -> rusqlite::Result<Appended> {
        self.write(lines, Some((epoch, taken.cast_signed())))
    }

    /// How many entries of a spool's epoch are kept already.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn spooled(&self, epoch: i64) -> rusqlite::Result<u64> {
        let taken =
            self.connection.query_row("SELECT taken FROM spool WHERE epoch = ?1", [epoch], |row| {
                row.get::<_, i64>(0)
            });
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
        let transaction =
            self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let mut count = 0;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT OR IGNORE INTO record (sequence, time_ms, hash, body) VALUES (?1, ?2, ?3, ?4)",
            )?;
            for record in records {
                let time = time_of(&record.line());
                let sequence = record.sequence.cast_signed();
                count += insert.execute(params![sequence, time.0, record.hash, record.body])?;
            }
        }
        transaction.commit()?;
        Ok(count)
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

    fn write(&mut self, lines: &[Line], spool: Option<(i64, i64)>) -> rusqlite::Result<Appended> {
        let transaction =
            self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let mut head = self.head;
        let mut repeated = 0;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO record (sequence, time_ms, hash, body) VALUES (?1, ?2, ?3, ?4)",
            )?;
            for line in lines {
                let time = time_of(line);
                if let Some(account) = Account::of(line) {
                    if is_copy(&transaction, &account, time)? {
                        repeated += 1;
                        continue;
                    }
                    take(&transaction, &account)?;
                }
                let body = body(line, head.sequence + 1);
                head = head.after(body.as_bytes());
                let sequence = head.sequence.cast_signed();
                insert.execute(params![sequence, time.0, head.hash, body])?;
            }
        }
        if let Some((epoch, taken)) = spool {
            transaction.execute(
                "INSERT OR REPLACE INTO spool VALUES (1, ?1, ?2)",
                params![epoch, taken],
            )?;
        }
        transaction.commit()?;
        self.head = head;
        Ok(Appended { head, repeated })
    }
}

fn foreign() -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_NOTADB);
    rusqlite::Error::SqliteFailure(code, Some("no evidence of this version".to_owned()))
}

/// Whether an account was kept already; if not, it is from now on.
fn is_copy(
    transaction: &Transaction<'_>,
    account: &Account,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let oldest = now.0.saturating_sub(COPY_SECONDS_MAX * 1000);
    let copy = account.copy.cast_signed();
    let known: Option<i64> = transaction
        .prepare_cached("SELECT time_ms FROM copy WHERE copy = ?1")?
        .query_row([copy], |row| row.get(0))
        .optional()?;
    if known.is_some_and(|time| time > oldest) && !begins_anew(transaction, account)? {
        return Ok(true);
    }
    transaction
        .prepare_cached("INSERT OR REPLACE INTO copy VALUES (?1, ?2)")?
        .execute(params![copy, now.0])?;
    transaction
        .prepare_cached(&format!(
            "DELETE FROM copy WHERE copy IN
             (SELECT copy FROM copy WHERE time_ms <= ?1 ORDER BY time_ms LIMIT {TIDY_ROWS})"
        ))?
        .execute([oldest])?;
    Ok(false)
}

/// The session that an account belongs to, if one is open or ended lately, and its row.
fn known_session(
    transaction: &Transaction<'_>,
    account: &Account,
) -> rusqlite::Result<Option<(Session, i64)>> {
    let mac = account.mac.map(|mac| mac.to_string()).unwrap_or_default();
    let live = account.time.0.saturating_sub(COPY_SECONDS_MAX * 1000);
    transaction
        .prepare_cached(&format!(
            "SELECT {SESSION_COLUMNS}, id FROM session
             WHERE switch = ?1 AND session = ?2 AND mac = ?3 AND (end_ms IS NULL OR last_ms > ?4)
             ORDER BY id DESC LIMIT 1"
        ))?
        .query_row(params![account.switch, account.session, mac, live], |row| {
            Ok((read_session(row)?, row.get::<_, i64>("id")?))
        })
        .optional()
}

/// Whether an account opens a session whose id was used before, so that it is no copy.
fn begins_anew(transaction: &Transaction<'_>, account: &Account) -> rusqlite::Result<bool> {
    let known = known_session(transaction, account)?;
    Ok(known.is_some_and(|(session, _)| session.begins_anew(account)))
}

/// Moves sessions on by an account.
fn take(transaction: &Transaction<'_>, account: &Account) -> rusqlite::Result<()> {
    if account.status == Status::Other {
        return Ok(());
    }
    if matches!(account.status, Status::On | Status::Off) {
        transaction
            .prepare_cached(
                "UPDATE session SET end_ms = ?2, cause = 'nas-reboot'
                 WHERE switch = ?1 AND end_ms IS NULL AND start_ms <= ?2",
            )?
            .execute(params![account.switch, account.time.0])?;
        return Ok(());
    }
    let mac = account.mac.map(|mac| mac.to_string()).unwrap_or_default();
    let (session, id) = match known_session(transaction, account)? {
        Some((mut session, id)) if !session.begins_anew(account) => {
            session.hear(account);
            (session, Some(id))
        }
        _ => {
            let mut session = Session::begin(account);
            admitted(transaction, &mut session, &mac)?;
            (session, None)
        }
    };
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO session VALUES
             (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        )?
        .execute(params![
            id,
            session.switch,
            session.place,
            mac,
            session.session,
            session.start.0,
            session.last.0,
            session.end.as_ref().map(|end| end.time.0),
            session.end.as_ref().map(|end| end.cause.as_str()),
            session.address.map(|address| address.to_string()),
            session.input_octets.cast_signed(),
            session.output_octets.cast_signed(),
            session.asset,
            session.environment,
            session.vlan,
        ])?;
    Ok(())
}

/// Takes over into what a device was last admitted at the switch.
fn admitted(
    transaction: &Transaction<'_>,
    session: &mut Session,
    mac: &str,
) -> rusqlite::Result<()> {
    let found = transaction
        .prepare_cached(
            "SELECT asset, environment, body ->> 'vlan' FROM record
             WHERE mac = ?1 AND switch = ?2 AND environment IS NOT NULL AND outcome IS NOT NULL
             ORDER BY sequence DESC LIMIT 1",
        )?
        .query_row([mac, session.switch.as_str()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    (session.asset, session.environment, session.vlan) = found.unwrap_or_default();
    Ok(())
}

impl Store for Sqlite {
    type Error = rusqlite::Error;

    fn head(&self) -> rusqlite::Result<Head> {
        Ok(self.head)
    }

    fn append(&mut self, lines: &[Line]) -> rusqlite::Result<Appended> {
        self.write(lines, None)
    }

    fn search(&self, query: &Query) -> rusqlite::Result<Vec<Record>> {
        let mut wanted = Conditions::default();
        if query.span != Span::ALL {
            let span = params![query.span.from.0, query.span.to.0];
            // Numbers follow time but for steps of the clock: they bound what any index reads.
            let bounds: (Option<i64>, Option<i64>) = self
                .connection
                .prepare_cached(
                    "SELECT min(sequence), max(sequence) FROM record
                     WHERE time_ms >= ?1 AND time_ms < ?2",
                )?
                .query_row(span, |row| Ok((row.get(0)?, row.get(1)?)))?;
            let (Some(first), Some(last)) = bounds else { return Ok(Vec::new()) };
            wanted.add("sequence >= ?", first);
            wanted.add("sequence <= ?", last);
            // The plus keeps the index over times from being chosen again.
            wanted.add("+time_ms >= ?", query.span.from.0);
            wanted.add("+time_ms < ?", query.span.to.0);
        }
        for (field, pattern) in &query.fields {
            wanted.field(field.key(), pattern);
        }
        let sql = format!(
            "SELECT sequence, hash, body FROM record {} ORDER BY sequence DESC LIMIT {}",
            wanted.clause(),
            query.limit
        );
        self.connection
            .prepare_cached(&sql)?
            .query_map(wanted.values().as_slice(), |row| {
                let sequence = row.get::<_, i64>(0)?.cast_unsigned();
                Ok(Record { sequence, hash: digest(row, 1)?, body: row.get(2)? })
            })?
            .collect()
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
        transaction.execute("DELETE FROM session WHERE end_ms < ?1", [before.0])?;
        if gone > 0 {
            let origin = params![last.last.cast_signed(), last.head];
            transaction.execute("UPDATE origin SET sequence = ?1, hash = ?2", origin)?;
        }
        transaction.commit()?;
        Ok(gone as u64)
    }
}

/// The next day that is over and not sealed, unsigned.
fn next_seal(
    transaction: &Transaction<'_>,
    node: &str,
    now: Timestamp,
) -> rusqlite::Result<Option<Seal>> {
    let sealed = transaction
        .query_row("SELECT last, head FROM seal ORDER BY first DESC LIMIT 1", [], |row| {
            Ok((row.get::<_, i64>(0)?, digest(row, 1)?))
        })
        .optional()?;
    let (sealed, before) = match sealed {
        Some(sealed) => sealed,
        None => transaction.query_row("SELECT sequence, hash FROM origin", [], |row| {
            Ok((row.get::<_, i64>(0)?, digest(row, 1)?))
        })?,
    };
    let open = transaction
        .query_row(
            "SELECT sequence, time_ms FROM record WHERE sequence > ?1 ORDER BY sequence LIMIT 1",
            [sealed],
            |row| Ok((row.get::<_, i64>(0)?, Timestamp(row.get(1)?))),
        )
        .optional()?;
    let Some((first, time)) = open else { return Ok(None) };
    let end = day_end(time);
    let next: Option<i64> = transaction.query_row(
        "SELECT min(sequence) FROM record WHERE sequence > ?1 AND time_ms >= ?2",
        [first, end.0],
        |row| row.get(0),
    )?;
    if next.is_none() && now < end {
        return Ok(None);
    }
    let below = next.unwrap_or(i64::MAX);
    let (last, head) = transaction.query_row(
        "SELECT sequence, hash FROM record WHERE sequence < ?1 ORDER BY sequence DESC LIMIT 1",
        [below],
        |row| Ok((row.get::<_, i64>(0)?, digest(row, 1)?)),
    )?;
    Ok(Some(Seal {
        node: node.to_owned(),
        day: time.day(),
        first: first.cast_unsigned(),
        last: last.cast_unsigned(),
        before,
        head,
        signature: Vec::new(),
    }))
}

const SESSION_COLUMNS: &str = "switch, place, mac, session, start_ms, last_ms, end_ms, cause, \
                               address, input_octets, output_octets, asset, environment, vlan";
/// What can be asked of sessions; the same as `Query::fits_session`.
const SESSION_FIELDS: [&str; 7] =
    ["mac", "address", "asset", "switch", "place", "environment", "session"];

fn read_session(row: &Row<'_>) -> rusqlite::Result<Session> {
    let text = |name: &str| row.get::<_, Option<String>>(name);
    let end = row.get::<_, Option<i64>>("end_ms")?;
    Ok(Session {
        switch: row.get("switch")?,
        place: row.get("place")?,
        mac: text("mac")?.and_then(|mac| Mac::parse(&mac).ok()),
        session: row.get("session")?,
        start: Timestamp(row.get("start_ms")?),
        last: Timestamp(row.get("last_ms")?),
        end: match end {
            Some(time) => Some(SessionEnd {
                time: Timestamp(time),
                cause: text("cause")?.unwrap_or_default(),
            }),
            None => None,
        },
        address: text("address")?.and_then(|address| address.parse().ok()),
        input_octets: row.get::<_, i64>("input_octets")?.cast_unsigned(),
        output_octets: row.get::<_, i64>("output_octets")?.cast_unsigned(),
        asset: text("asset")?,
        environment: text("environment")?,
        vlan: row.get("vlan")?,
    })
}

fn read_head(row: &Row<'_>) -> rusqlite::Result<Head> {
    Ok(Head { sequence: row.get::<_, i64>(0)?.cast_unsigned(), hash: digest(row, 1)? })
}

fn digest(row: &Row<'_>, column: usize) -> rusqlite::Result<Digest> {
    let octets = row.get_ref(column)?.as_blob()?;
    <[u8; DIGEST_OCTETS]>::try_from(octets)
        .map_err(|_| rusqlite::Error::InvalidColumnType(column, "hash".to_owned(), Type::Blob))
}

/// The conditions of a query, with their values.
#[derive(Default)]
struct Conditions {
    clauses: Vec<String>,
    values: Vec<Box<dyn ToSql>>,
}

impl Conditions {
    fn add(&mut self, clause: &str, value: impl ToSql + 'static) {
        self.clauses.push(clause.to_owned());
        self.values.push(Box::new(value));
    }

    fn field(&mut self, column: &str, pattern: &crate::record::Pattern) {
        match pattern.value() {
            Some(value) => self.add(&format!("{column} = ?"), value.to_owned()),
            None => {
                let mut like = String::new();
                for letter in pattern.text().chars() {
                    match letter {
                        '*' => like.push('%'),
                        '%' | '_' | '\\' => like.extend(['\\', letter]),
                        other => like.push(other),
                    }
                }
                self.add(&format!("{column} LIKE ? ESCAPE '\\'"), like);
            }
        }
    }

    fn clause(&self) -> String {
        if self.clauses.is_empty() {
            return String::new();
        }
        format!("WHERE {}", self.clauses.join(" AND "))
    }

    fn values(&self) -> Vec<&dyn ToSql> {
        self.values.iter().map(AsRef::as_ref).collect()
    }
}

#[cfg(test)]
mod tests {
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
        store.append_spooled(&lines, 7, 1).unwrap();
        assert_eq!((store.spooled(7).unwrap(), store.spooled(8).unwrap()), (1, 0));
    }

    #[test]
    fn a_foreign_file_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(EVIDENCE_FILE), "no database at all, only words")
            .unwrap();
        assert!(Sqlite::open(directory.path()).is_err());
        let other = Connection::open(directory.path().join("other")).unwrap();
        other.execute_batch("CREATE TABLE x (y); PRAGMA application_id = 5").unwrap();
        assert!(Sqlite::open_to_read(&directory.path().join("other")).is_err());
    }
}
