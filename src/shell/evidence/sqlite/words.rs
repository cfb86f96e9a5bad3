//! Which records have which words: an inverted index, so that a record is taken apart once, when
//! it is written, and a pattern is held against each word instead of each record.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};

use rusqlite::{Connection, OptionalExtension as _, params};

use super::conditions::like;
use crate::record::{Field, Pattern};

/// Words whose numbers are remembered.
const REMEMBERED_MAX: usize = 65_536;
/// Words that one pattern may fit; of a pattern that fits more, records are read instead.
const FITTING_MAX: usize = if cfg!(test) { 3 } else { 20_000 };
/// Places of a word read at once: at first, and at most.
const READ: (usize, usize) = (4, 1024);

/// Puts records into the index.
#[derive(Debug, Default)]
pub(super) struct Index {
    numbers: HashMap<Field, HashMap<String, i64>>,
    remembered: usize,
    /// Word and record, not written yet.
    waiting: Vec<(i64, i64)>,
}

impl Index {
    /// Takes the next record in; [`Index::flush`] writes it.
    pub(super) fn take(
        &mut self,
        connection: &Connection,
        sequence: i64,
        words: &[(Field, Cow<'_, str>)],
    ) -> rusqlite::Result<()> {
        for (field, text) in words {
            let number = self.number(connection, *field, text)?;
            self.waiting.push((number, sequence));
        }
        Ok(())
    }

    /// Writes what was taken in, in the order of the index.
    pub(super) fn flush(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.waiting.sort_unstable();
        let mut insert =
            connection.prepare_cached("INSERT OR IGNORE INTO found VALUES (?1, ?2)")?;
        for (word, sequence) in self.waiting.drain(..) {
            insert.execute([word, sequence])?;
        }
        Ok(())
    }

    /// Forgets what may not be in the file: a transaction was undone, or words were deleted.
    pub(super) fn forget(&mut self) {
        self.forget_numbers();
        self.waiting.clear();
    }

    fn forget_numbers(&mut self) {
        self.numbers.clear();
        self.remembered = 0;
    }

    fn number(
        &mut self,
        connection: &Connection,
        field: Field,
        text: &str,
    ) -> rusqlite::Result<i64> {
        if let Some(number) = self.numbers.get(&field).and_then(|numbers| numbers.get(text)) {
            return Ok(*number);
        }
        let number = match number_of(connection, field, text)? {
            Some(number) => number,
            None => {
                connection
                    .prepare_cached("INSERT INTO word (field, text) VALUES (?1, ?2)")?
                    .execute([field.key(), text])?;
                connection.last_insert_rowid()
            }
        };
        if self.remembered >= REMEMBERED_MAX {
            self.forget_numbers();
        }
        self.remembered += 1;
        self.numbers.entry(field).or_default().insert(text.to_owned(), number);
        Ok(number)
    }
}

/// Takes records up to one, and words that no other has, out of the index.
pub(super) fn delete_through(connection: &Connection, last: i64) -> rusqlite::Result<()> {
    connection.execute(
        "DELETE FROM found WHERE word IN (SELECT id FROM word) AND sequence <= ?1",
        [last],
    )?;
    connection.execute(
        "DELETE FROM word WHERE NOT EXISTS (SELECT 1 FROM found WHERE found.word = word.id)",
        [],
    )?;
    Ok(())
}

/// A number of rows as SQLite counts them.
fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

fn number_of(connection: &Connection, field: Field, text: &str) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT id FROM word WHERE field = ?1 AND text = ?2")?
        .query_row([field.key(), text], |row| row.get(0))
        .optional()
}

/// The words that a pattern fits; `None` if there are too many.
fn fitting(
    connection: &Connection,
    field: Field,
    pattern: &Pattern,
) -> rusqlite::Result<Option<Vec<i64>>> {
    if let Some(value) = pattern.value() {
        return Ok(Some(number_of(connection, field, value)?.into_iter().collect()));
    }
    let numbers = connection
        .prepare_cached(
            "SELECT id FROM word WHERE field = ?1 AND text LIKE ?2 ESCAPE '\\' LIMIT ?3",
        )?
        .query_map(params![field.key(), like(pattern), limit(FITTING_MAX + 1)], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<i64>>>()?;
    Ok((numbers.len() <= FITTING_MAX).then_some(numbers))
}

/// The records that have one word, or all records, from the newest on.
struct Postings {
    word: Option<i64>,
    /// Read and not gone by, the newest last.
    read: Vec<i64>,
    at_once: usize,
    /// Whether `read` holds all that is left.
    whole: bool,
}

impl Postings {
    /// The newest record not after `most`, and from `least` on.
    fn seek(
        &mut self,
        connection: &Connection,
        least: i64,
        most: i64,
    ) -> rusqlite::Result<Option<i64>> {
        let left = self.read.partition_point(|sequence| *sequence <= most);
        self.read.truncate(left);
        if self.read.is_empty() && !self.whole {
            let mut statement = connection.prepare_cached(match self.word {
                Some(_) => {
                    "SELECT sequence FROM found WHERE word = ?1 AND sequence BETWEEN ?2 AND ?3
                     ORDER BY sequence DESC LIMIT ?4"
                }
                None => {
                    "SELECT sequence FROM record WHERE ?1 IS NULL AND sequence BETWEEN ?2 AND ?3
                     ORDER BY sequence DESC LIMIT ?4"
                }
            })?;
            let rows = statement
                .query_map(params![self.word, least, most, limit(self.at_once)], |row| {
                    row.get::<_, i64>(0)
                })?;
            self.read = rows.collect::<rusqlite::Result<_>>()?;
            self.whole = self.read.len() < self.at_once;
            self.at_once = (self.at_once * 4).min(READ.1);
            self.read.reverse();
        }
        Ok(self.read.last().copied())
    }
}

/// The records that have one of several words, from the newest on.
struct Either {
    words: Vec<Postings>,
    /// The newest record of each word that has one left.
    next: BinaryHeap<(i64, usize)>,
}

impl Either {
    fn new(words: impl IntoIterator<Item = Option<i64>>) -> Self {
        let postings = |word| Postings { word, read: Vec::new(), at_once: READ.0, whole: false };
        let words: Vec<_> = words.into_iter().map(postings).collect();
        // What was not looked up yet comes before everything.
        let next = (0..words.len()).map(|word| (i64::MAX, word)).collect();
        Self { words, next }
    }

    fn seek(
        &mut self,
        connection: &Connection,
        least: i64,
        most: i64,
    ) -> rusqlite::Result<Option<i64>> {
        while let Some((sequence, word)) = self.next.peek().copied() {
            if sequence <= most {
                return Ok(Some(sequence));
            }
            self.next.pop();
            if let Some(postings) = self.words.get_mut(word)
                && let Some(sequence) = postings.seek(connection, least, most)?
            {
                self.next.push((sequence, word));
            }
        }
        Ok(None)
    }
}

/// Records that have what is wanted in every field, from the newest on. Fields take turns in
/// naming the next record that can be meant, so that the rarest word sets the pace (leapfrog
/// join; Veldhuizen, ICDT 2014).
pub(super) struct Search {
    fields: Vec<Either>,
    least: i64,
    most: i64,
}

impl Search {
    /// Every record. Before the greatest number, which stands for what was not looked up yet.
    pub(super) const ALL: (i64, i64) = (0, i64::MAX - 1);

    /// Asks for records from `least` to `most`. Also says of which fields the index tells
    /// nothing, so that records must be looked at.
    pub(super) fn new<'a>(
        connection: &Connection,
        wanted: &'a [(Field, Pattern)],
        (least, most): (i64, i64),
    ) -> rusqlite::Result<(Self, Vec<&'a (Field, Pattern)>)> {
        let (mut fields, mut unknown) = (Vec::new(), Vec::new());
        for condition in wanted {
            match fitting(connection, condition.0, &condition.1)? {
                Some(words) => fields.push(Either::new(words.into_iter().map(Some))),
                None => unknown.push(condition),
            }
        }
        if fields.is_empty() {
            fields.push(Either::new([None]));
        }
        Ok((Self { fields, least, most }, unknown))
    }

    /// The next record.
    pub(super) fn next(&mut self, connection: &Connection) -> rusqlite::Result<Option<i64>> {
        let (mut agreed, mut turn) = (0, 0);
        while agreed < self.fields.len() {
            let Some(field) = self.fields.get_mut(turn) else { break };
            let Some(found) = field.seek(connection, self.least, self.most)? else {
                return Ok(None);
            };
            match found.cmp(&self.most) {
                Ordering::Less => (self.most, agreed) = (found, 1),
                Ordering::Equal | Ordering::Greater => agreed += 1,
            }
            turn = (turn + 1) % self.fields.len();
        }
        let found = self.most;
        self.most -= 1;
        Ok(Some(found))
    }
}
