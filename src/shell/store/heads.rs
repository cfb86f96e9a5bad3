//! How far each run of a sensor was taken, so that nothing is taken twice.

use rusqlite::params;

use super::Store;
use crate::shell::Failure;
use crate::vocabulary::Timestamp;

/// Runs of one sensor that are remembered: the one under way, and those whose last observations
/// may still wait on its disk.
const RUNS_MAX: i64 = 16;
/// Longest name of a run, in octets.
pub const RUN_OCTETS_MAX: usize = 64;

/// The table, as a migration.
pub(super) const MIGRATION: &str = "
    CREATE TABLE sensor_head (
        sensor TEXT NOT NULL,
        run TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        PRIMARY KEY (sensor, run)
    ) STRICT, WITHOUT ROWID;
";

impl Store {
    /// The number up to which a run of a sensor was taken; 0 for none.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn sensor_head(&self, sensor: &str, run: &str) -> Result<u64, Failure> {
        let head: Option<i64> = self.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT max(sequence) FROM sensor_head WHERE sensor = ?1 AND run = ?2",
                )?
                .query_row(params![sensor, run], |row| row.get(0))
        })?;
        Ok(u64::try_from(head.unwrap_or(0)).unwrap_or(0))
    }

    /// A run of a sensor was taken up to this number.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep_sensor_head(
        &mut self,
        sensor: &str,
        run: &str,
        sequence: u64,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let sequence = i64::try_from(sequence).unwrap_or(i64::MAX);
        self.run(|connection| {
            connection.execute(
                "INSERT OR REPLACE INTO sensor_head VALUES (?1, ?2, ?3, ?4)",
                params![sensor, run, sequence, now.0],
            )?;
            connection.execute(
                "DELETE FROM sensor_head WHERE sensor = ?1 AND run NOT IN (
                     SELECT run FROM sensor_head WHERE sensor = ?1
                     ORDER BY at_ms DESC LIMIT ?2)",
                params![sensor, RUNS_MAX],
            )
        })?;
        Ok(())
    }

    /// How many marks sensors set since then, released ones included.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn marks_by_sensors(&self, since: Timestamp) -> Result<u64, Failure> {
        let count: i64 = self.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT count(*) FROM mark WHERE since_ms > ?1 AND substr(set_by, 1, 7) = 'sensor '",
                )?
                .query_row([since.0], |row| row.get(0))
        })?;
        Ok(u64::try_from(count).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::vocabulary::{Mac, Mark, MarkKind, MarkSubject};

    #[test]
    fn marks_of_sensors_count_also_after_their_release() {
        let state = TempDir::new().unwrap();
        let mut store = Store::open(state.path()).unwrap();
        let (mut ids, day) = (Vec::new(), 86_400_000);
        for (since, by) in [
            (0, "sensor honcho"),
            (10 * day, "sensor honcho"),
            (10 * day, "sensor kenko"),
            (10 * day, "detection edr (192.0.2.1)"),
            (10 * day, "sensors-are-liked@honcho"),
        ] {
            let mark = Mark {
                id: 0,
                subject: MarkSubject::Mac(Mac::LEAST),
                kind: MarkKind::Quarantine,
                reason: "test".to_owned(),
                by: by.to_owned(),
                since: Timestamp(since),
                until: None,
            };
            ids.push(store.add_mark(&mark).unwrap().id);
        }
        assert_eq!(store.marks_by_sensors(Timestamp(9 * day)).unwrap(), 2);
        for id in ids {
            store.release_mark(id, "root", Timestamp(11 * day)).unwrap();
        }
        assert!(store.marks(Timestamp(11 * day)).unwrap().is_empty());
        // Who releases gives a sensor no new right to act.
        assert_eq!(store.marks_by_sensors(Timestamp(9 * day)).unwrap(), 2);
        assert_eq!(store.marks_by_sensors(Timestamp(-1)).unwrap(), 3);
    }
}
