//! A walk through columns of a table by GetBulk (RFC 3416 §4.2.3): how many rows are asked for at
//! once, where each column ends, and what is no table.

use std::time::Duration;

use super::fault::Fault;
use crate::wire::snmp::{Binding, ErrorStatus, Oid, Pdu, Value};

/// Rows of one walk, all its columns together: more than the largest switch forwards by.
pub const ROWS_MAX: usize = 131_072;
/// Requests of one walk.
pub const REQUESTS_MAX: u32 = 16_384;
/// How long a walk may take.
pub const WALK_MAX: Duration = Duration::from_secs(120);
/// Rows asked for at once, at most.
pub const REPETITIONS_MAX: u32 = 40;
/// An answer shorter than this may grow: the next one still fits an Ethernet frame.
const ROOMY_OCTETS: usize = 700;

/// A row: the arcs after the column's name, and the value.
pub type Row = (Vec<u32>, Value);

/// The rows of each column asked for, in the order asked.
pub type Columns = Vec<Vec<Row>>;

#[derive(Debug)]
pub(super) struct Walk {
    columns: Vec<Column>,
    rows: usize,
    requests: u32,
    until: Duration,
}

#[derive(Debug)]
struct Column {
    root: Oid,
    /// The last name seen.
    at: Oid,
    over: bool,
    rows: Vec<Row>,
}

/// What follows from an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Ask,
    Over,
    Fail(Fault),
}

impl Walk {
    pub(super) fn new(now: Duration, roots: Vec<Oid>) -> Self {
        let column = |root: Oid| Column { at: root.clone(), root, over: false, rows: Vec::new() };
        let columns = roots.into_iter().map(column).collect();
        Self { columns, rows: 0, requests: 0, until: now + WALK_MAX }
    }

    /// The next request, for about `repetitions` rows in all.
    pub(super) fn request(&mut self, id: i32, repetitions: u32) -> Pdu {
        self.requests += 1;
        let open = self.columns.iter().filter(|column| !column.over);
        let names: Vec<Oid> = open.map(|column| column.at.clone()).collect();
        let count = u32::try_from(names.len()).unwrap_or(u32::MAX).max(1);
        Pdu::bulk(id, (repetitions / count).max(1), names)
    }

    /// Takes an answer. `octets` is how long it was, `repetitions` how many rows are asked for
    /// at once, which this corrects.
    pub(super) fn answered(
        &mut self,
        now: Duration,
        pdu: Pdu,
        octets: usize,
        repetitions: &mut u32,
    ) -> Next {
        match pdu.error() {
            ErrorStatus::None => {}
            // net-snmp 5.9 answers genErr where an answer does not fit.
            ErrorStatus::TooBig | ErrorStatus::General if *repetitions > 1 => {
                *repetitions /= 2;
                return self.within(now);
            }
            error => return Next::Fail(Fault::Refused(error)),
        }
        let mut open: Vec<&mut Column> =
            self.columns.iter_mut().filter(|column| !column.over).collect();
        let count = open.len();
        if pdu.bindings.is_empty() {
            return Next::Fail(Fault::Endless);
        }
        for (index, binding) in pdu.bindings.into_iter().enumerate() {
            let Some(column) = index.checked_rem(count).and_then(|index| open.get_mut(index))
            else {
                break;
            };
            match column.take(binding) {
                Ok(true) => self.rows += 1,
                Ok(false) => {}
                Err(fault) => return Next::Fail(fault),
            }
        }
        if octets < ROOMY_OCTETS {
            *repetitions = (*repetitions + *repetitions / 2 + 1).min(REPETITIONS_MAX);
        }
        if self.columns.iter().all(|column| column.over) {
            return Next::Over;
        }
        self.within(now)
    }

    fn within(&self, now: Duration) -> Next {
        let over = self.rows > ROWS_MAX || self.requests >= REQUESTS_MAX || now >= self.until;
        if over { Next::Fail(Fault::TooMuch) } else { Next::Ask }
    }

    pub(super) fn into_columns(self) -> Columns {
        self.columns.into_iter().map(|column| column.rows).collect()
    }
}

impl Column {
    /// Whether the binding is a row.
    fn take(&mut self, binding: Binding) -> Result<bool, Fault> {
        if self.over {
            return Ok(false);
        }
        let row = match binding.name.strip(self.root.arcs()) {
            Some(index) if !index.is_empty() => index.to_vec(),
            Some(_) | None => {
                self.over = true;
                return Ok(false);
            }
        };
        match binding.value {
            Value::EndOfMibView | Value::NoSuchObject | Value::NoSuchInstance => {
                self.over = true;
                Ok(false)
            }
            // A name that does not come after the last one would come again for ever.
            _ if binding.name <= self.at => Err(Fault::Endless),
            value => {
                self.rows.push((row, value));
                self.at = binding.name;
                Ok(true)
            }
        }
    }
}
