//! A report as tables, before it is any file: so that every form says the same, and a redacted
//! edition leaves out by column and table what must not leave the house.

use serde_json::{Map, Value, json};

use crate::record::{TableEncoding, cited_text, csv_rows};
use crate::vocabulary::{Language, Text, Timestamp, escape};

/// What stands in a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Nothing.
    Nothing,
    /// A text.
    Text(String),
    /// A word with an id for machines and a text for people.
    Term(&'static str, Text),
    /// A number.
    Number(u64),
    /// A point in time.
    Time(Timestamp),
    /// A day in Japan.
    Day(Timestamp),
    /// Numbers of records.
    Records(Vec<u64>),
}

impl Cell {
    /// A text; nothing for an empty one.
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() { Self::Nothing } else { Self::Text(text) }
    }

    /// A time, where there is one.
    #[must_use]
    pub fn time(time: Option<Timestamp>) -> Self {
        time.map_or(Self::Nothing, Self::Time)
    }

    /// As people read it; what peers sent is escaped.
    #[must_use]
    pub fn shown(&self, language: Language) -> String {
        match (self, language) {
            (Self::Nothing, _) => String::new(),
            (Self::Text(text), _) => escape(text.as_bytes()),
            (Self::Term(_, text), language) => text.get(language).to_owned(),
            (Self::Number(number), _) => number.to_string(),
            (Self::Time(time), _) => time.local(),
            (Self::Day(time), Language::Japanese) => time.wareki(),
            (Self::Day(time), Language::English) => time.day(),
            (Self::Records(numbers), _) => cited_text(numbers),
        }
    }

    fn value(&self) -> Value {
        match self {
            Self::Nothing => Value::Null,
            Self::Text(text) => json!(text),
            Self::Term(id, _) => json!(id),
            Self::Number(number) => json!(number),
            Self::Time(time) => json!(time.rfc3339()),
            Self::Day(time) => json!(time.day()),
            Self::Records(numbers) => json!(numbers),
        }
    }
}

/// A word with an id for machines and a text for people.
#[must_use]
pub const fn term(id: &'static str, ja: &'static str, en: &'static str) -> Cell {
    Cell::Term(id, Text { ja, en })
}

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its key, for machines.
    pub key: &'static str,
    /// Its heading.
    pub heading: Text,
    /// Whether it shows what the redacted edition leaves out.
    pub private: bool,
}

/// A column that every edition shows.
#[must_use]
pub const fn column(key: &'static str, ja: &'static str, en: &'static str) -> Column {
    Column { key, heading: Text { ja, en }, private: false }
}

/// A column that the redacted edition leaves out: names, addresses, ports, models, numbers of
/// devices, and whatever people write themselves.
#[must_use]
pub const fn private(key: &'static str, ja: &'static str, en: &'static str) -> Column {
    Column { key, heading: Text { ja, en }, private: true }
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its key, for machines.
    pub key: &'static str,
    /// What it shows.
    pub title: Text,
    /// What must be known to read it; empty for nothing.
    pub note: String,
    /// Whether the redacted edition leaves all of it out.
    pub private: bool,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows, each as long as there are columns.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new(key: &'static str, title: Text, columns: &[Column]) -> Self {
        let (note, columns) = (String::new(), columns.to_vec());
        Self { key, title, note, private: false, columns, rows: Vec::new() }
    }

    /// The same with a note.
    #[must_use]
    pub fn note(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }

    /// The same, left out of the redacted edition.
    #[must_use]
    pub fn private(self) -> Self {
        Self { private: true, ..self }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    fn redact(&mut self) {
        let kept: Vec<bool> = self.columns.iter().map(|column| !column.private).collect();
        let mut keep = kept.iter();
        self.columns.retain(|_| keep.next().copied().unwrap_or(false));
        for row in &mut self.rows {
            let mut keep = kept.iter();
            row.retain(|_| keep.next().copied().unwrap_or(false));
        }
    }
}

/// A whole report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The language it is written in.
    pub language: Language,
    /// The heading.
    pub title: String,
    /// Sentences below it.
    pub remarks: Vec<String>,
    /// Values for machines that identify the report.
    pub head: Vec<(&'static str, Cell)>,
    /// The tables, in order.
    pub tables: Vec<Table>,
    /// What it was made from: key, heading, value.
    pub foot: Vec<(&'static str, Text, Cell)>,
}

impl Document {
    /// The edition that proves controls exist without showing how they work.
    #[must_use]
    pub fn redacted(mut self) -> Self {
        self.tables.retain(|table| !table.private);
        self.tables.iter_mut().for_each(Table::redact);
        self
    }

    /// As one JSON object.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut all = Map::new();
        for (key, cell) in &self.head {
            all.insert((*key).to_owned(), cell.value());
        }
        for table in &self.tables {
            let row = |row: &Vec<Cell>| -> Value {
                let cells = table.columns.iter().zip(row);
                cells.map(|(column, cell)| (column.key.to_owned(), cell.value())).collect()
            };
            all.insert(table.key.to_owned(), table.rows.iter().map(row).collect());
        }
        let foot: Value =
            self.foot.iter().map(|(key, _, cell)| ((*key).to_owned(), cell.value())).collect();
        all.insert("made_from".to_owned(), foot);
        Value::Object(all)
    }

    /// As CSV: every table under its title, with a row of headings, and an empty row behind it.
    #[must_use]
    pub fn csv(&self, encoding: TableEncoding) -> Vec<u8> {
        let language = self.language;
        let mut rows = vec![vec![self.title.clone()]];
        rows.extend(self.remarks.iter().map(|remark| vec![remark.clone()]));
        for table in &self.tables {
            rows.push(vec![String::new()]);
            rows.push(vec![table.title.get(language).to_owned()]);
            let headings = table.columns.iter().map(|it| it.heading.get(language).to_owned());
            rows.push(headings.collect());
            let shown = |row: &Vec<Cell>| row.iter().map(|cell| cell.shown(language)).collect();
            rows.extend(table.rows.iter().map(shown));
        }
        rows.push(vec![String::new()]);
        for (_, heading, cell) in &self.foot {
            rows.push(vec![heading.get(language).to_owned(), cell.shown(language)]);
        }
        csv_rows(rows.into_iter(), encoding)
    }
}
