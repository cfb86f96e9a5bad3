//! Labels of the tripwire that were taken back.

use rusqlite::{OptionalExtension as _, Row, params};

use super::Store;
use crate::shell::Failure;
use crate::vocabulary::Timestamp;

/// The table, as a migration: one row a device, so bounded by the inventory.
pub(super) const MIGRATION: &str = "
    CREATE TABLE tripwire_revocation (
        asset TEXT PRIMARY KEY,
        at_ms INTEGER NOT NULL,
        revoked_by TEXT NOT NULL,
        reason TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
";

/// The labels of a device that were in force at a moment are taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// The device.
    pub asset: String,
    /// When: labels of that time and before are concerned.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: String,
}

impl Store {
    /// Takes the labels of a device back.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn revoke_label(&mut self, revoked: &Revoked) -> Result<(), Failure> {
        let Revoked { asset, at, by, reason } = revoked;
        self.run(|connection| {
            connection.execute(
                "INSERT OR REPLACE INTO tripwire_revocation VALUES (?1, ?2, ?3, ?4)",
                params![asset, at.0, by, reason],
            )
        })?;
        Ok(())
    }

    /// Whether and when the labels of a device were taken back last.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn revoked_label(&self, asset: &str) -> Result<Option<Revoked>, Failure> {
        self.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT asset, at_ms, revoked_by, reason FROM tripwire_revocation
                     WHERE asset = ?1",
                )?
                .query_row([asset], read)
                .optional()
        })
    }

    /// What was taken back, the newest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn revoked_labels(&self) -> Result<Vec<Revoked>, Failure> {
        self.run(|connection| {
            let mut query = connection.prepare_cached(
                "SELECT asset, at_ms, revoked_by, reason FROM tripwire_revocation
                 ORDER BY at_ms DESC, asset",
            )?;
            let rows = query.query_map([], read)?;
            rows.collect()
        })
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Revoked> {
    Ok(Revoked {
        asset: row.get(0)?,
        at: Timestamp(row.get(1)?),
        by: row.get(2)?,
        reason: row.get(3)?,
    })
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn what_is_taken_back_stays_so_across_a_restart_and_is_said_once_a_device() {
        let state = TempDir::new().unwrap();
        let revoked = |at: i64, reason: &str| Revoked {
            asset: "P-0001".to_owned(),
            at: Timestamp(at),
            by: "root".to_owned(),
            reason: reason.to_owned(),
        };
        let mut store = Store::open(state.path()).unwrap();
        store.revoke_label(&revoked(1, "a link was copied")).unwrap();
        store.revoke_label(&revoked(2, "again")).unwrap();
        drop(store);
        let store = Store::open(state.path()).unwrap();
        assert_eq!(store.revoked_labels().unwrap(), [revoked(2, "again")]);
    }
}
