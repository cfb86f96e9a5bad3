//! What stations do unlike before, as sensors report it, and what operators say about it.

use rusqlite::{Row, params};

use super::Store;
use crate::shell::Failure;
use crate::vocabulary::{Language, Timestamp};

/// Changes of all sensors that are remembered; the oldest make room, decided ones first.
pub const CHANGES_MAX: i64 = 10_000;
/// Decisions told to a sensor at once.
pub const WORDS_MAX: i64 = 256;

/// The table, as a migration. `told` is 1 once the sensor has taken the decision.
pub(super) const MIGRATION: &str = "
    CREATE TABLE sensor_change (
        sensor TEXT NOT NULL,
        change TEXT NOT NULL,
        mac TEXT NOT NULL,
        vlan INTEGER,
        kind TEXT NOT NULL,
        ja TEXT NOT NULL,
        en TEXT NOT NULL,
        first_ms INTEGER NOT NULL,
        last_ms INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('open', 'accepted', 'denied', 'update')),
        decided_by TEXT NOT NULL DEFAULT '',
        reason TEXT NOT NULL DEFAULT '',
        decided_ms INTEGER,
        told INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (sensor, change)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX sensor_change_state ON sensor_change (state, last_ms);
";

/// How a change stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeState {
    /// Nobody has said anything.
    Open,
    /// It is the station's own from now on.
    Accepted,
    /// It is not, and goes on being a sign.
    Denied,
    /// Many stations changed alike: an update.
    Update,
}

impl ChangeState {
    /// As the store and the API write it.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Accepted => "accepted",
            Self::Denied => "denied",
            Self::Update => "update",
        }
    }

    fn parse(id: &str) -> Self {
        let all = [Self::Accepted, Self::Denied, Self::Update];
        all.into_iter().find(|state| state.id() == id).unwrap_or(Self::Open)
    }
}

/// A change as a sensor reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SensorChange {
    /// The sensor.
    pub sensor: String,
    /// Its name: 16 hexadecimal digits.
    pub change: String,
    /// The station.
    pub mac: String,
    /// The VLAN it was seen in.
    pub vlan: Option<u16>,
    /// The id of the sign.
    pub kind: String,
    /// What changed, in Japanese.
    pub ja: String,
    /// What changed, in English.
    pub en: String,
    /// When it was first reported.
    pub first: Timestamp,
    /// When it was last reported.
    pub last: Timestamp,
    /// How it stands.
    pub state: ChangeState,
    /// Who said so.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub decided: Option<Timestamp>,
}

impl SensorChange {
    /// What changed.
    #[must_use]
    pub fn text(&self, language: Language) -> &str {
        match language {
            Language::Japanese => &self.ja,
            Language::English => &self.en,
        }
    }
}

const COLUMNS: &str = "sensor, change, mac, vlan, kind, ja, en, first_ms, last_ms, state, decided_by, reason, decided_ms";

fn change(row: &Row<'_>) -> rusqlite::Result<SensorChange> {
    let state: String = row.get(9)?;
    Ok(SensorChange {
        sensor: row.get(0)?,
        change: row.get(1)?,
        mac: row.get(2)?,
        vlan: row.get(3)?,
        kind: row.get(4)?,
        ja: row.get(5)?,
        en: row.get(6)?,
        first: Timestamp(row.get(7)?),
        last: Timestamp(row.get(8)?),
        state: ChangeState::parse(&state),
        by: row.get(10)?,
        reason: row.get(11)?,
        decided: row.get::<_, Option<i64>>(12)?.map(Timestamp),
    })
}

impl Store {
    /// A sensor reports a change. One that was accepted and is reported all the same is told to
    /// the sensor again, which has forgotten it; one that was an update's is open again.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep_change(&mut self, seen: &SensorChange) -> Result<(), Failure> {
        self.run(|connection| {
            connection.execute(
                "INSERT INTO sensor_change
                     (sensor, change, mac, vlan, kind, ja, en, first_ms, last_ms, state)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, 'open')
                 ON CONFLICT (sensor, change) DO UPDATE SET
                     last_ms = ?8, ja = ?6, en = ?7,
                     told = CASE state WHEN 'accepted' THEN 0 ELSE told END,
                     state = CASE state WHEN 'update' THEN 'open' ELSE state END",
                params![
                    seen.sensor,
                    seen.change,
                    seen.mac,
                    seen.vlan,
                    seen.kind,
                    seen.ja,
                    seen.en,
                    seen.last.0
                ],
            )?;
            connection.execute(
                "DELETE FROM sensor_change WHERE (sensor, change) IN (
                     SELECT sensor, change FROM sensor_change
                     ORDER BY state = 'open' DESC, last_ms DESC LIMIT -1 OFFSET ?1)",
                [CHANGES_MAX],
            )
        })?;
        Ok(())
    }

    /// Changes of a sensor turned out to be an update.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn settle_changes(&mut self, sensor: &str, changes: &[String]) -> Result<(), Failure> {
        self.run(|connection| {
            let mut statement = connection.prepare_cached(
                "UPDATE sensor_change SET state = 'update'
                 WHERE sensor = ?1 AND change = ?2 AND state = 'open'",
            )?;
            changes.iter().try_for_each(|it| statement.execute(params![sensor, it]).map(|_| ()))
        })
    }

    /// The changes, open ones first, then the newest.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn changes(&self) -> Result<Vec<SensorChange>, Failure> {
        self.run(|connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM sensor_change ORDER BY state = 'open' DESC, last_ms DESC, change"
                ))?
                .query_map([], change)?
                .collect()
        })
    }

    /// An operator says something about the changes of that name, or about every open change of
    /// that MAC; gives those it was said about.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn decide_changes(
        &mut self,
        named: &str,
        accepted: bool,
        (by, reason): (&str, &str),
        now: Timestamp,
    ) -> Result<Vec<SensorChange>, Failure> {
        let state = if accepted { ChangeState::Accepted } else { ChangeState::Denied };
        self.run(|connection| {
            connection
                .prepare_cached(&format!(
                    "UPDATE sensor_change
                     SET state = ?2, decided_by = ?3, reason = ?4, decided_ms = ?5, told = 0
                     WHERE change = ?1 OR (mac = ?1 AND state = 'open')
                     RETURNING {COLUMNS}"
                ))?
                .query_map(params![named, state.id(), by, reason, now.0], change)?
                .collect()
        })
    }

    /// What a sensor has not been told: changes, and whether they were accepted.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn words_for(&self, sensor: &str) -> Result<Vec<(String, bool)>, Failure> {
        self.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT change, state = 'accepted' FROM sensor_change
                     WHERE sensor = ?1 AND told = 0 AND state IN ('accepted', 'denied')
                     ORDER BY decided_ms LIMIT ?2",
                )?
                .query_map(params![sensor, WORDS_MAX], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })
    }

    /// A sensor has taken what it was told about these.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn words_taken(&mut self, sensor: &str, changes: &[String]) -> Result<(), Failure> {
        self.run(|connection| {
            let mut statement = connection.prepare_cached(
                "UPDATE sensor_change SET told = 1 WHERE sensor = ?1 AND change = ?2",
            )?;
            changes.iter().try_for_each(|it| statement.execute(params![sensor, it]).map(|_| ()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(change: &str, mac: &str, at: i64) -> SensorChange {
        SensorChange {
            sensor: "mirror".to_owned(),
            change: change.to_owned(),
            mac: mac.to_owned(),
            vlan: Some(110),
            kind: "dhcp.changed".to_owned(),
            ja: "変わりました".to_owned(),
            en: "changed".to_owned(),
            first: Timestamp(at),
            last: Timestamp(at),
            state: ChangeState::Open,
            by: String::new(),
            reason: String::new(),
            decided: None,
        }
    }

    #[test]
    fn what_an_operator_says_is_told_until_it_is_taken_and_again_when_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = Store::open(directory.path()).unwrap();
        for (change, mac) in [("aa", "1"), ("bb", "1"), ("cc", "2")] {
            store.keep_change(&seen(change, mac, 5)).unwrap();
        }
        let said = store.decide_changes("1", true, ("sato", "new image"), Timestamp(9)).unwrap();
        assert_eq!(said.len(), 2);
        assert_eq!((said[0].state, said[0].by.as_str()), (ChangeState::Accepted, "sato"));
        assert_eq!(
            store.decide_changes("cc", false, ("sato", "?"), Timestamp(10)).unwrap().len(),
            1
        );
        assert!(store.decide_changes("1", true, ("sato", "x"), Timestamp(11)).unwrap().is_empty());
        let words = |store: &Store| store.words_for("mirror").unwrap();
        let all = [("aa".to_owned(), true), ("bb".to_owned(), true), ("cc".to_owned(), false)];
        assert_eq!(words(&store), all);
        assert!(store.words_for("other").unwrap().is_empty());
        store.words_taken("mirror", &["aa".to_owned(), "bb".to_owned(), "cc".to_owned()]).unwrap();
        assert!(words(&store).is_empty());
        store.keep_change(&seen("aa", "1", 20)).unwrap();
        store.keep_change(&seen("cc", "2", 20)).unwrap();
        assert_eq!(
            words(&store),
            [("aa".to_owned(), true)],
            "a denied change is reported by right"
        );
        drop(store);
        let store = Store::open(directory.path()).unwrap();
        assert_eq!(words(&store).len(), 1, "also after a restart");
        let changes = store.changes().unwrap();
        assert_eq!(
            (changes.len(), changes[0].first, changes[0].last),
            (3, Timestamp(5), Timestamp(20))
        );
    }

    #[test]
    fn an_update_closes_what_is_open_and_nothing_that_was_decided() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = Store::open(directory.path()).unwrap();
        store.keep_change(&seen("aa", "1", 5)).unwrap();
        store.keep_change(&seen("bb", "2", 5)).unwrap();
        store.decide_changes("bb", false, ("sato", "no"), Timestamp(9)).unwrap();
        store.settle_changes("mirror", &["aa".to_owned(), "bb".to_owned()]).unwrap();
        let state = |store: &Store, name: &str| {
            store.changes().unwrap().into_iter().find(|it| it.change == name).unwrap().state
        };
        assert_eq!(state(&store, "aa"), ChangeState::Update);
        assert_eq!(state(&store, "bb"), ChangeState::Denied);
        store.keep_change(&seen("aa", "1", 6)).unwrap();
        assert_eq!(state(&store, "aa"), ChangeState::Open);
    }
}
