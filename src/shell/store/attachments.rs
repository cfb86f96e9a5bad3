//! Attachments on disk, so that who lost his place while the service was down is still cut.
//!
//! Written behind, never by admission: what a crash loses of the last second comes back when
//! the devices authenticate again.

use std::time::Duration;

use rusqlite::types::Type;
use rusqlite::{Connection, Error, Row, params};
use smol_str::SmolStr;

use super::Store;
use crate::ledger::{Attachment, Change, Key, Point, Session};
use crate::shell::Failure;
use crate::shell::process::politely;
use crate::vocabulary::{Mac, Octets, Timestamp, VlanId};

/// The table, as a migration.
pub(super) const MIGRATION: &str = "
    CREATE TABLE attachment (
        switch TEXT NOT NULL,
        point_kind TEXT NOT NULL CHECK (point_kind IN ('port', 'network')),
        point TEXT NOT NULL,
        mac TEXT NOT NULL,
        access_point TEXT,
        chain BLOB NOT NULL,
        environment TEXT NOT NULL,
        vlan INTEGER NOT NULL,
        filter TEXT,
        user BLOB NOT NULL,
        nas_port INTEGER,
        nas_port_id BLOB,
        session_id BLOB,
        nas TEXT NOT NULL,
        local TEXT NOT NULL,
        generation INTEGER NOT NULL,
        since_ms INTEGER NOT NULL,
        lasts_s INTEGER,
        PRIMARY KEY (switch, point_kind, point, mac)
    ) STRICT, WITHOUT ROWID;
";

impl Store {
    /// Writes what became of attachments, all in one transaction.
    ///
    /// # Errors
    /// The file cannot be written; then none of them was.
    pub fn keep_attachments(&mut self, changes: &[Change]) -> Result<(), Failure> {
        let path = self.path.clone();
        let mut write = || {
            let transaction = self.connection.transaction()?;
            for (key, attachment) in politely(changes) {
                match attachment {
                    Some(attachment) => keep(&transaction, attachment)?,
                    None => forget(&transaction, key)?,
                }
            }
            transaction.commit()
        };
        write().map_err(|cause| super::failure(&path, &cause))
    }

    /// The attachments kept.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn attachments(&self) -> Result<Vec<Attachment>, Failure> {
        self.run(|connection| {
            connection.prepare_cached("SELECT * FROM attachment")?.query_map([], read)?.collect()
        })
    }
}

fn kind(point: &Point) -> (&'static str, &str) {
    match point {
        Point::Port(name) => ("port", name),
        Point::Network(name) => ("network", name),
    }
}

fn forget(connection: &Connection, key: &Key) -> rusqlite::Result<()> {
    let (kind, point) = kind(&key.point);
    connection
        .prepare_cached(
            "DELETE FROM attachment
             WHERE switch = ?1 AND point_kind = ?2 AND point = ?3 AND mac = ?4",
        )?
        .execute(params![key.switch.as_str(), kind, point, key.mac.to_string()])?;
    Ok(())
}

fn keep(connection: &Connection, attachment: &Attachment) -> rusqlite::Result<()> {
    let (key, session) = (&attachment.key, &attachment.session);
    let (kind, point) = kind(&key.point);
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO attachment VALUES
             (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
        )?
        .execute(params![
            key.switch.as_str(),
            kind,
            point,
            key.mac.to_string(),
            attachment.access_point.map(|mac| mac.to_string()),
            pack(&attachment.chain),
            attachment.environment.as_str(),
            attachment.vlan.get(),
            attachment.filter,
            session.user.as_slice(),
            session.nas_port,
            session.nas_port_id.as_deref(),
            session.id.as_deref(),
            session.nas.to_string(),
            session.local.to_string(),
            attachment.generation.cast_signed(),
            attachment.since.0,
            attachment.lasts.map(|lasts| lasts.as_secs().cast_signed()),
        ])?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<Attachment> {
    let wrong = |column: usize| {
        Error::FromSqlConversionFailure(column, Type::Text, "no such attachment".into())
    };
    let mac = |column: usize, text: String| Mac::parse(&text).map_err(|_| wrong(column));
    let word = |column: usize| row.get::<_, String>(column).map(SmolStr::from);
    let octets = |column: usize| row.get::<_, Vec<u8>>(column).map(Octets::from);
    let maybe =
        |column: usize| row.get::<_, Option<Vec<u8>>>(column).map(|found| found.map(Octets::from));
    let (kind, point): (String, SmolStr) = (row.get(1)?, word(2)?);
    let key = Key {
        switch: word(0)?,
        point: if kind == "port" { Point::Port(point) } else { Point::Network(point) },
        mac: mac(3, row.get(3)?)?,
    };
    let access_point: Option<String> = row.get(4)?;
    let chain: Vec<u8> = row.get(5)?;
    let address = |column: usize| {
        let text: String = row.get(column)?;
        text.parse().map_err(|_| wrong(column))
    };
    Ok(Attachment {
        key,
        access_point: access_point.map(|text| mac(4, text)).transpose()?,
        chain: unpack(&chain).ok_or_else(|| wrong(5))?.into(),
        environment: word(6)?,
        vlan: VlanId::new(row.get(7)?).ok_or_else(|| wrong(7))?,
        filter: row.get(8)?,
        session: Session {
            user: octets(9)?,
            nas_port: row.get(10)?,
            nas_port_id: maybe(11)?,
            id: maybe(12)?,
            nas: address(13)?,
            local: address(14)?,
        },
        generation: row.get::<_, i64>(15)?.cast_unsigned(),
        since: Timestamp(row.get(16)?),
        lasts: row.get::<_, Option<i64>>(17)?.map(|it| Duration::from_secs(it.cast_unsigned())),
    })
}

/// Certificates one after the other, each after its length in four octets.
fn pack(chain: &[Vec<u8>]) -> Vec<u8> {
    let mut octets = Vec::new();
    for each in chain {
        octets.extend_from_slice(&u32::try_from(each.len()).unwrap_or(u32::MAX).to_be_bytes());
        octets.extend_from_slice(each);
    }
    octets
}

fn unpack(mut octets: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut chain = Vec::new();
    while !octets.is_empty() {
        let (length, rest) = octets.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (each, rest) = rest.split_at_checked(length)?;
        chain.push(each.to_vec());
        octets = rest;
    }
    Some(chain)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tempfile::TempDir;

    use super::*;

    #[test]
    fn attachments_come_back_as_they_were_and_the_gone_do_not() {
        let attachment = Attachment {
            key: Key {
                switch: "sw01".into(),
                point: Point::Network("city-b".into()),
                mac: Mac::new([2, 0, 0, 0, 0, 1]).unwrap(),
            },
            access_point: Mac::new([2, 0, 0, 0, 0, 9]).ok(),
            chain: vec![vec![1; 700], Vec::new(), vec![2]].into(),
            environment: "B".into(),
            vlan: VlanId::new(120).unwrap(),
            filter: Some("f".to_owned()),
            session: Session {
                user: Octets::from_slice(&[0xff, 0]),
                nas_port: Some(u32::MAX),
                nas_port_id: None,
                id: Some(Octets::from_slice(b"S")),
                nas: "fd00::1".parse().unwrap(),
                local: "127.0.0.1".parse().unwrap(),
            },
            generation: 7,
            since: Timestamp(1_234_567),
            lasts: None,
        };
        let wired = Key { point: Point::Port("1".into()), ..attachment.key.clone() };
        let other = Attachment {
            key: wired.clone(),
            lasts: Some(Duration::from_secs(3_600)),
            access_point: None,
            ..attachment.clone()
        };
        let state = TempDir::new().unwrap();
        let mut store = Store::open(state.path()).unwrap();
        let change = |it: &Attachment| (it.key.clone(), Some(Arc::new(it.clone())));
        store.keep_attachments(&[change(&other), change(&attachment)]).unwrap();
        drop(store);
        let mut store = Store::open(state.path()).unwrap();
        assert_eq!(store.attachments().unwrap(), [attachment.clone(), other]);
        store.keep_attachments(&[(wired, None)]).unwrap();
        assert_eq!(store.attachments().unwrap(), [attachment]);
    }
}
