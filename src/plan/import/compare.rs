//! List against inventory: what becomes of every row, and the inventory that results.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use super::super::finding::Sink;
use super::super::inventory::cells::Column;
use super::super::inventory::decode::line_feeds;
use super::super::{Finding, FindingKind, Origin};
use super::book::{Book, BookRow};
use super::list::{Item, Key, List};
use super::{Entry, Import, Refused};
use crate::vocabulary::Mac;

/// A list beside an inventory.
pub(super) struct Comparison<'a> {
    list: List,
    book: &'a Book,
    full: bool,
    name: &'a str,
    /// The assets that the list holds in any row, refused ones included.
    named: HashSet<String>,
}

/// What only one device may have.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Unique {
    Mac(Mac),
    Certificate(String),
}

impl<'a> Comparison<'a> {
    /// Refuses the rows of the list that contradict each other, and tells of columns the
    /// inventory has no place for.
    pub(super) fn new(list: List, book: &'a Book, full: bool, name: &'a str, sink: &Sink) -> Self {
        let named = list.items.iter().map(|item| item.asset.clone()).collect();
        let mut comparison = Self { list, book, full, name, named };
        comparison.unused_columns(sink);
        let items = &comparison.list.items;
        let assets = twins(items, |item| {
            let asset = (!item.asset.is_empty()).then(|| item.asset.clone());
            asset.into_iter().collect()
        });
        let claims = twins(items, uniques);
        for (index, other, asset) in assets {
            let finding = comparison.finding(index, FindingKind::Duplicate, Column::Asset);
            let finding = finding.fact("value", asset).fact("other", comparison.origin(other));
            comparison.push(index, finding);
        }
        for (index, other, unique) in claims {
            let other = comparison.origin(other);
            let finding = comparison.claimed(index, &unique, &other);
            comparison.push(index, finding);
        }
        comparison
    }

    /// Nothing of the list is left out without a word.
    fn unused_columns(&self, sink: &Sink) {
        let known: HashSet<_> =
            self.book.columns.iter().filter_map(|(key, _)| key.as_ref()).collect();
        let at = &self.list.layout.at;
        let mut seen = HashSet::new();
        for (number, (kind, heading)) in (1_usize..).zip(&self.list.layout.columns) {
            let key = Key::of(*kind, heading);
            let used = key.as_ref().is_some_and(|key| {
                known.contains(key) && (seen.insert(key.clone()) || *key == Key::Known(Column::Mac))
            });
            if !used {
                let shown = if heading.is_empty() { format!("#{number}") } else { heading.clone() };
                let finding = Finding::new(FindingKind::ColumnUnknown, Some(at.clone()), heading);
                sink.push(finding.fact("column", shown));
            }
        }
    }

    /// Refuses rows that claim what a device keeps that the list leaves as it is; repeated,
    /// because a refused row leaves its device as it is.
    pub(super) fn refuse_collisions(&mut self) {
        loop {
            let touched: HashSet<&str> =
                self.sound().map(|(_, item)| item.asset.as_str()).collect();
            let mut kept: HashMap<Unique, Origin> = HashMap::new();
            let stays =
                |row: &&BookRow| !touched.contains(row.asset.as_str()) && !self.is_removed(row);
            for row in self.book.rows.iter().filter(stays) {
                let macs = row.macs.iter().copied().map(Unique::Mac);
                let certificate = (!row.certificate.is_empty())
                    .then(|| Unique::Certificate(row.certificate.clone()));
                kept.extend(macs.chain(certificate).map(|unique| (unique, row.at())));
            }
            let mut refused = Vec::new();
            for (index, item) in self.sound() {
                for unique in uniques(item) {
                    if let Some(other) = kept.get(&unique) {
                        refused.push((index, self.claimed(index, &unique, other)));
                    }
                }
            }
            if refused.is_empty() {
                return;
            }
            for (index, finding) in refused {
                self.push(index, finding);
            }
        }
    }

    /// The inventory that results, and the item that wrote each line at which one begins.
    pub(super) fn merged(&self) -> (String, HashMap<u32, usize>) {
        let book = self.book;
        let items: HashMap<&str, (usize, &Item)> =
            self.sound().map(|(index, item)| (item.asset.as_str(), (index, item))).collect();
        let mut page = Page { text: book.head.clone(), lines: HashMap::new(), line: 1 };
        page.line += breaks(&book.head);
        for (index, row) in book.rows.iter().enumerate() {
            let first = book.by_asset.get(&row.asset) == Some(&index);
            match items.get(row.asset.as_str()).filter(|_| first) {
                Some((item, found)) if !book.changes(Some(row), found).is_empty() => {
                    let written = book.written(Some(row), found) + row.ending();
                    page.add(&written, Some(*item));
                }
                _ if self.is_removed(row) => {}
                _ => page.add(&row.raw, None),
            }
            page.add(&row.tail, None);
        }
        for (index, item) in self.sound() {
            if book.by_asset.contains_key(&item.asset) {
                continue;
            }
            if !page.text.is_empty() && !page.text.ends_with(['\r', '\n']) {
                page.add(book.newline, None);
            }
            page.add(&(book.written(None, item) + book.newline), Some(index));
        }
        (page.text, page.lines)
    }

    /// Refuses an item for an error found where it would be written.
    pub(super) fn refuse(&mut self, index: usize, finding: &Finding) {
        let finding = self.relocate(index, finding);
        self.push(index, finding);
    }

    /// A finding about the inventory, said of the list.
    pub(super) fn relocate(&self, index: usize, finding: &Finding) -> Finding {
        Finding { at: Some(self.origin(index)), ..finding.clone() }
    }

    /// What became of every row; `sink` holds what was found in the list as a whole.
    pub(super) fn finish(self, sink: Sink, mut warnings: Vec<Finding>) -> Import {
        warnings.splice(0..0, sink.into_findings());
        let (mut added, mut changed, mut unchanged) = (Vec::new(), Vec::new(), 0);
        for (_, item) in self.sound() {
            let row = self.book.by_asset.get(&item.asset);
            let row = row.and_then(|index| self.book.rows.get(*index));
            let changes = self.book.changes(row, item);
            let entry = Entry { asset: item.asset.clone(), line: item.line, changes };
            match row {
                None => added.push(entry),
                Some(_) if entry.changes.is_empty() => unchanged += 1,
                Some(_) => changed.push(entry),
            }
        }
        let entry =
            |row: &BookRow| Entry { asset: row.asset.clone(), line: row.line, changes: Vec::new() };
        let removed = self.book.rows.iter().filter(|row| self.is_removed(row)).map(entry).collect();
        let absent = self.book.rows.iter().filter(|row| self.is_absent(row)).count();
        let rows = self.list.items.len();
        let refused = self.list.items.into_iter().filter(|item| !item.findings.is_empty());
        let refused =
            refused.map(|Item { line, asset, findings, .. }| Refused { asset, line, findings });
        let refused: Vec<_> = refused.collect();
        Import {
            charset: self.list.charset,
            separator: char::from(self.list.layout.separator),
            titles: self.list.layout.titles,
            rows,
            blank: self.list.layout.blank,
            added,
            changed,
            removed,
            unchanged,
            nameless: refused.iter().any(|row| row.asset.is_empty()),
            refused,
            warnings,
            faults: Vec::new(),
            moves: Vec::new(),
            absent,
            devices: self.book.by_asset.len(),
            inventory_charset: self.book.charset,
            inventory: None,
        }
    }

    /// The items that are not refused, with their index.
    fn sound(&self) -> impl Iterator<Item = (usize, &Item)> {
        self.list.items.iter().enumerate().filter(|(_, item)| item.findings.is_empty())
    }

    fn is_absent(&self, row: &BookRow) -> bool {
        !row.asset.is_empty() && !self.named.contains(&row.asset)
    }

    fn is_removed(&self, row: &BookRow) -> bool {
        self.full && self.is_absent(row)
    }

    fn origin(&self, index: usize) -> Origin {
        let line = self.list.items.get(index).map_or(0, |item| item.line);
        Origin { file: self.name.into(), line }
    }

    fn finding(&self, index: usize, kind: FindingKind, column: Column) -> Finding {
        let columns = &self.list.layout.columns;
        let heading = columns.iter().find(|(kind, _)| *kind == Some(column));
        let heading = heading.map(|(_, heading)| heading.as_str()).unwrap_or_default();
        Finding::new(kind, Some(self.origin(index)), heading)
    }

    fn claimed(&self, index: usize, unique: &Unique, other: &Origin) -> Finding {
        match unique {
            Unique::Mac(mac) => {
                let finding = self.finding(index, FindingKind::MacTwice, Column::Mac);
                finding.fact("mac", mac).fact("other", other)
            }
            Unique::Certificate(name) => {
                let finding = self.finding(index, FindingKind::Duplicate, Column::Certificate);
                finding.fact("value", name).fact("other", other)
            }
        }
    }

    fn push(&mut self, index: usize, finding: Finding) {
        if let Some(item) = self.list.items.get_mut(index)
            && !item.findings.contains(&finding)
        {
            item.findings.push(finding);
        }
    }
}

/// The inventory being written.
struct Page {
    text: String,
    lines: HashMap<u32, usize>,
    line: u32,
}

impl Page {
    fn add(&mut self, part: &str, item: Option<usize>) {
        if let Some(item) = item {
            self.lines.insert(self.line, item);
        }
        self.text.push_str(part);
        self.line += breaks(part);
    }
}

fn breaks(text: &str) -> u32 {
    u32::try_from(line_feeds(text).matches('\n').count()).unwrap_or(u32::MAX)
}

fn uniques(item: &Item) -> Vec<Unique> {
    let macs = item.macs.iter().flatten().copied().map(Unique::Mac);
    let certificate = item.cells.get(&Key::Known(Column::Certificate));
    let certificate = certificate.filter(|name| !name.is_empty());
    macs.chain(certificate.map(|name| Unique::Certificate(name.to_lowercase()))).collect()
}

/// What more than one item has: each such item with the first other one. Nobody knows which of
/// them is right.
fn twins<K: Clone + Eq + Hash>(
    items: &[Item],
    of: impl Fn(&Item) -> Vec<K>,
) -> Vec<(usize, usize, K)> {
    let mut holders: HashMap<K, Vec<usize>> = HashMap::new();
    for (index, item) in items.iter().enumerate() {
        for key in of(item) {
            holders.entry(key).or_default().push(index);
        }
    }
    let mut twins = Vec::new();
    for (key, indexes) in holders {
        for index in &indexes {
            if let Some(other) = indexes.iter().find(|other| *other != index) {
                twins.push((*index, *other, key.clone()));
            }
        }
    }
    twins
}
