//! The inventory as it is written, so that rows nobody changes stay as they are to the octet.

use std::collections::{HashMap, HashSet};

use super::super::finding::Sink;
use super::super::inventory::cells::{self, Column, plain};
use super::super::inventory::decode::{self, Charset, line_feeds};
use super::super::inventory::devices::PATH;
use super::super::inventory::mac;
use super::super::{Origin, Severity};
use super::list::{Item, Key};
use crate::vocabulary::Mac;

/// The inventory before the import.
pub(super) struct Book {
    pub(super) charset: Charset,
    separator: char,
    /// Titles and headings, with what follows them up to the first row.
    pub(super) head: String,
    pub(super) newline: &'static str,
    /// Each column's key and heading.
    pub(super) columns: Vec<(Option<Key>, String)>,
    pub(super) rows: Vec<BookRow>,
    pub(super) by_asset: HashMap<String, usize>,
}

/// A row of the inventory.
pub(super) struct BookRow {
    pub(super) line: u32,
    /// As written, with its line end.
    pub(super) raw: String,
    /// The blank rows after it.
    pub(super) tail: String,
    cells: Vec<String>,
    pub(super) asset: String,
    pub(super) macs: Vec<Mac>,
    pub(super) certificate: String,
}

impl Book {
    /// Reads the inventory; `None` after findings that concern all of it. Its rows' own faults
    /// are the compiler's to find.
    pub(super) fn read(octets: &[u8], sink: &Sink) -> Option<Self> {
        let (text, charset) = decode::text(octets, None, PATH, sink)?;
        let own = Sink::default();
        let mut rows: Vec<BookRow> = Vec::new();
        let (mut first, mut last) = (None, 0);
        let layout = cells::rows(&text, PATH, cells::REQUIRED, &own, |row| {
            let between = text.get(last..row.start).unwrap_or_default();
            if let Some(previous) = rows.last_mut() {
                between.clone_into(&mut previous.tail);
            }
            first.get_or_insert(row.start);
            last = row.end;
            let mut macs = Vec::new();
            for cell in row.cells(Column::Mac) {
                mac::addresses(&cell, &Sink::default(), &mut macs);
            }
            rows.push(BookRow {
                line: row.at.line,
                raw: text.get(row.start..row.end).unwrap_or_default().to_owned(),
                tail: String::new(),
                cells: row.raw().map(str::to_owned).collect(),
                asset: row.text(Column::Asset),
                macs,
                certificate: row.text(Column::Certificate).to_lowercase(),
            });
        });
        let whole = layout.as_ref().is_some_and(|layout| layout.whole);
        if !whole {
            let errors = own.into_findings().into_iter();
            errors.filter(|it| it.severity() == Severity::Error).for_each(|it| sink.push(it));
            return None;
        }
        let layout = layout?;
        let rest = text.get(last..).unwrap_or_default();
        if let Some(previous) = rows.last_mut() {
            rest.clone_into(&mut previous.tail);
        }
        let head = text.get(..first.unwrap_or(text.len())).unwrap_or_default().to_owned();
        let newline = match (head.contains("\r\n"), head.contains('\r')) {
            (true, _) => "\r\n",
            (false, true) => "\r",
            (false, false) => "\n",
        };
        let columns = layout.columns.into_iter();
        let columns = columns.map(|(kind, heading)| (Key::of(kind, &heading), heading)).collect();
        let mut by_asset = HashMap::new();
        for (index, row) in rows.iter().enumerate().filter(|(_, row)| !row.asset.is_empty()) {
            by_asset.entry(row.asset.clone()).or_insert(index);
        }
        let separator = char::from(layout.separator);
        Some(Self { charset, separator, head, newline, columns, rows, by_asset })
    }

    /// The fields in which an item differs from a row, or from nothing.
    pub(super) fn changes(&self, row: Option<&BookRow>, item: &Item) -> Vec<super::Change> {
        let mut changes = Vec::new();
        let mut macs_told = false;
        for (index, (key, heading)) in self.columns.iter().enumerate() {
            let Some(key) = key else { continue };
            let (old, new) = if *key == Key::Known(Column::Mac) {
                let Some(macs) = item.macs.as_ref().filter(|_| !macs_told) else { continue };
                macs_told = true;
                let before = row.map(|row| row.macs.as_slice()).unwrap_or_default();
                let set = |macs: &[Mac]| macs.iter().copied().collect::<HashSet<_>>();
                if set(before) == set(macs) {
                    continue;
                }
                (list(before), list(macs))
            } else {
                let Some(new) = item.cells.get(key) else { continue };
                let old = row.map_or_else(String::new, |row| row.value(index));
                let (folded_old, folded_new) = (old.to_lowercase(), new.to_lowercase());
                let same = old == *new
                    || *key == Key::Known(Column::Certificate) && folded_old == folded_new;
                if same {
                    continue;
                }
                (old, new.clone())
            };
            changes.push(super::Change { field: heading.clone(), old, new });
        }
        changes
    }

    /// The row of an item in the inventory's columns, without a line end; cells of which the
    /// list says nothing new are as they were.
    pub(super) fn written(&self, row: Option<&BookRow>, item: &Item) -> String {
        let changes = self.changes(row, item);
        let is_mac = |key: &Option<Key>| *key == Some(Key::Known(Column::Mac));
        let slots = self.columns.iter().filter(|(key, _)| is_mac(key)).count();
        let new_macs = self.columns.iter().any(|(key, heading)| {
            is_mac(key) && changes.iter().any(|change| change.field == *heading)
        });
        let mut slot = 0;
        let cells = self.columns.iter().enumerate().map(|(index, (key, heading))| {
            let cell = if is_mac(key) && new_macs {
                slot += 1;
                spread(item.macs.as_deref().unwrap_or_default(), slot, slots)
            } else if let Some(change) = changes.iter().find(|change| change.field == *heading) {
                change.new.clone()
            } else {
                let old = row.and_then(|row| row.cells.get(index));
                old.cloned().unwrap_or_default()
            };
            quote(&cell, self.separator)
        });
        let cells: Vec<String> = cells.collect();
        cells.join(&self.separator.to_string())
    }
}

impl BookRow {
    /// A cell as the list would say it.
    fn value(&self, index: usize) -> String {
        self.cells.get(index).map(|cell| line_feeds(plain(cell))).unwrap_or_default()
    }

    /// Its line end.
    pub(super) fn ending(&self) -> &str {
        let content = self.raw.trim_end_matches(['\r', '\n']).len();
        self.raw.get(content..).unwrap_or_default()
    }

    /// Where it is written.
    pub(super) fn at(&self) -> Origin {
        Origin { file: PATH.into(), line: self.line }
    }
}

fn list(macs: &[Mac]) -> String {
    macs.iter().map(Mac::to_string).collect::<Vec<_>>().join(";")
}

/// The addresses that go into the `slot`th of `slots` columns; the last takes all that remain.
fn spread(macs: &[Mac], slot: usize, slots: usize) -> String {
    let rest = macs.get(slot - 1..).unwrap_or_default();
    list(if slot == slots { rest } else { rest.get(..1).unwrap_or_default() })
}

/// A cell as RFC 4180 §2 writes it.
fn quote(cell: &str, separator: char) -> String {
    if cell.contains([separator, '"', '\r', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}
