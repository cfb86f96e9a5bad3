//! Which day is to be sealed next.

use rusqlite::{OptionalExtension as _, Transaction};

use super::digest;
use crate::record::{Seal, day_end};
use crate::vocabulary::Timestamp;

/// The next day that is over and not sealed, unsigned.
pub(super) fn next_seal(
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
    // A clock that was ahead for a while holds up no seal.
    let open = transaction
        .query_row(
            "SELECT time_ms FROM record WHERE sequence > ?1 AND time_ms <= ?2
             ORDER BY sequence LIMIT 1",
            [sealed, now.0],
            |row| Ok(Timestamp(row.get(0)?)),
        )
        .optional()?;
    let Some(time) = open else { return Ok(None) };
    let first: i64 = transaction.query_row(
        "SELECT min(sequence) FROM record WHERE sequence > ?1",
        [sealed],
        |row| row.get(0),
    )?;
    let end = day_end(time);
    let next: Option<i64> = transaction.query_row(
        "SELECT min(sequence) FROM record WHERE sequence > ?1 AND time_ms BETWEEN ?2 AND ?3",
        [first, end.0, now.0],
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
