//! What stations do unlike before, as sensors report it, and what operators say about it.

use rusqlite::{Connection, Row, params};

use super::{Store, failure};
use crate::sensor::Word;
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

/// What a report says of changes.
#[derive(Clone, Debug)]
pub enum ChangeNews {
    /// A change was seen.
    Seen(Box<SensorChange>),
    /// These turned out to be an update.
    Update(Vec<String>),
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
    /// Takes what a report says of changes, in its order and in one transaction: first which words
    /// were carried out, then what was seen. A word that was not the last to be said about its
    /// change, or about which nothing was said, is none.
    ///
    /// A change that was accepted and is reported all the same is told to the sensor again, which
    /// has forgotten it; one that was an update's is open again.
    ///
    /// # Errors
    /// The file cannot be written; nothing is taken.
    pub fn take_changes(
        &mut self,
        sensor: &str,
        taken: &[Word],
        news: &[ChangeNews],
    ) -> Result<(), Failure> {
        let path = self.path.clone();
        let mut take = || {
            let transaction = self.connection.transaction()?;
            for word in taken {
                told(&transaction, sensor, word)?;
            }
            for news in news {
                match news {
                    ChangeNews::Seen(change) => keep(&transaction, change)?,
                    ChangeNews::Update(changes) => settle(&transaction, sensor, changes)?,
                }
            }
            transaction.execute(
                "DELETE FROM sensor_change WHERE (sensor, change) IN (
                     SELECT sensor, change FROM sensor_change
                     ORDER BY state = 'open' DESC, last_ms DESC LIMIT -1 OFFSET ?1)",
                [CHANGES_MAX],
            )?;
            transaction.commit()
        };
        take().map_err(|cause| failure(&path, &cause))
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
    pub fn words_for(&self, sensor: &str) -> Result<Vec<Word>, Failure> {
        self.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT change, state = 'accepted' FROM sensor_change
                     WHERE sensor = ?1 AND told = 0 AND state IN ('accepted', 'denied')
                     ORDER BY decided_ms LIMIT ?2",
                )?
                .query_map(params![sensor, WORDS_MAX], |row| {
                    Ok(Word { change: row.get(0)?, accepted: row.get(1)? })
                })?
                .collect()
        })
    }
}

fn told(connection: &Connection, sensor: &str, word: &Word) -> rusqlite::Result<()> {
    let state = if word.accepted { ChangeState::Accepted } else { ChangeState::Denied };
    connection
        .prepare_cached(
            "UPDATE sensor_change SET told = 1 WHERE sensor = ?1 AND change = ?2 AND state = ?3",
        )?
        .execute(params![sensor, word.change, state.id()])?;
    Ok(())
}

fn keep(connection: &Connection, seen: &SensorChange) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO sensor_change
                 (sensor, change, mac, vlan, kind, ja, en, first_ms, last_ms, state)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, 'open')
             ON CONFLICT (sensor, change) DO UPDATE SET
                 last_ms = ?8, ja = ?6, en = ?7,
                 told = CASE state WHEN 'accepted' THEN 0 ELSE told END,
                 state = CASE state WHEN 'update' THEN 'open' ELSE state END",
        )?
        .execute(params![
            seen.sensor,
            seen.change,
            seen.mac,
            seen.vlan,
            seen.kind,
            seen.ja,
            seen.en,
            seen.last.0
        ])?;
    Ok(())
}

fn settle(connection: &Connection, sensor: &str, changes: &[String]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE sensor_change SET state = 'update'
         WHERE sensor = ?1 AND change = ?2 AND state = 'open'",
    )?;
    changes.iter().try_for_each(|it| statement.execute(params![sensor, it]).map(|_| ()))
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

    fn keep(store: &mut Store, seen: SensorChange) {
        store.take_changes("mirror", &[], &[ChangeNews::Seen(Box::new(seen))]).unwrap();
    }

    fn word(change: &str, accepted: bool) -> Word {
        Word { change: change.to_owned(), accepted }
    }

    #[test]
    fn what_an_operator_says_is_told_until_it_is_taken_and_again_when_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = Store::open(directory.path()).unwrap();
        for (change, mac) in [("aa", "1"), ("bb", "1"), ("cc", "2")] {
            keep(&mut store, seen(change, mac, 5));
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
        let all = [word("aa", true), word("bb", true), word("cc", false)];
        assert_eq!(words(&store), all);
        assert!(store.words_for("other").unwrap().is_empty());
        // What the operator has said since is another word, and one about nothing is none.
        keep(&mut store, seen("dd", "3", 5));
        store.take_changes("mirror", &[word("cc", true), word("dd", true)], &[]).unwrap();
        assert_eq!(words(&store), all);
        store.take_changes("mirror", &all, &[]).unwrap();
        assert!(words(&store).is_empty());
        store.decide_changes("dd", true, ("sato", "x"), Timestamp(12)).unwrap();
        store.decide_changes("dd", false, ("sato", "no"), Timestamp(13)).unwrap();
        store.take_changes("mirror", &[word("dd", true)], &[]).unwrap();
        assert_eq!(words(&store), [word("dd", false)]);
        store.take_changes("mirror", &[word("dd", false)], &[]).unwrap();
        keep(&mut store, seen("aa", "1", 20));
        keep(&mut store, seen("cc", "2", 20));
        assert_eq!(words(&store), [word("aa", true)], "a denied change is reported by right");
        drop(store);
        let store = Store::open(directory.path()).unwrap();
        assert_eq!(words(&store).len(), 1, "also after a restart");
        let changes = store.changes().unwrap();
        assert_eq!(
            (changes.len(), changes[0].first, changes[0].last),
            (4, Timestamp(5), Timestamp(20))
        );
    }

    #[test]
    fn an_update_closes_what_is_open_and_nothing_that_was_decided() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = Store::open(directory.path()).unwrap();
        keep(&mut store, seen("aa", "1", 5));
        keep(&mut store, seen("bb", "2", 5));
        store.decide_changes("bb", false, ("sato", "no"), Timestamp(9)).unwrap();
        let both = ChangeNews::Update(vec!["aa".to_owned(), "bb".to_owned()]);
        store.take_changes("mirror", &[], &[both]).unwrap();
        let state = |store: &Store, name: &str| {
            store.changes().unwrap().into_iter().find(|it| it.change == name).unwrap().state
        };
        assert_eq!(state(&store, "aa"), ChangeState::Update);
        assert_eq!(state(&store, "bb"), ChangeState::Denied);
        keep(&mut store, seen("aa", "1", 6));
        assert_eq!(state(&store, "aa"), ChangeState::Open);
    }
}
