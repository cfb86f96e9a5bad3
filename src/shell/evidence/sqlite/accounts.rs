//! Accounts in SQL: copies passed over, sessions moved on.

use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::words::Search;
use crate::record::{
    Account, COPY_SECONDS_MAX, DECISION, Field, Pattern, Session, SessionEnd, Status,
};
use crate::vocabulary::{Mac, Timestamp};

/// Rows of an account's copy that are tidied away at once.
const TIDY_ROWS: usize = 256;
pub(super) const SESSION_COLUMNS: &str = "switch, place, mac, session, start_ms, last_ms, end_ms, cause, \
                               address, input_octets, output_octets, asset, environment, vlan";

/// Whether an account was kept already; if not, it is from now on.
pub(super) fn is_copy(
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
pub(super) fn take(transaction: &Transaction<'_>, account: &Account) -> rusqlite::Result<()> {
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
    let switch = session.switch.as_str();
    let wanted = [
        (Field::Mac, mac),
        (Field::Switch, switch),
        (Field::Event, DECISION),
        (Field::Environment, "*"),
    ];
    let wanted =
        wanted.into_iter().map(|(field, text)| Some((field, Pattern::new(field, text).ok()?)));
    // Without an address nobody was admitted by one.
    let Some(wanted) = wanted.collect::<Option<Vec<_>>>() else { return Ok(()) };
    let (mut search, _) = Search::new(transaction, &wanted, Search::ALL)?;
    let Some(sequence) = search.next(transaction)? else { return Ok(()) };
    let found = transaction
        .prepare_cached(
            "SELECT body ->> 'asset', body ->> 'environment', body ->> 'vlan' FROM record
             WHERE sequence = ?1",
        )?
        .query_row([sequence], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    (session.asset, session.environment, session.vlan) = found.unwrap_or_default();
    Ok(())
}

pub(super) fn read_session(row: &Row<'_>) -> rusqlite::Result<Session> {
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
