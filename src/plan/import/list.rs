//! The list as it comes: rows under known headings, every slip noted at its row.

use std::collections::{HashMap, HashSet};

use super::super::finding::Sink;
use super::super::inventory::cells::{self, Column, Layout, Row, fold, plain};
use super::super::inventory::decode::{self, Charset};
use super::super::inventory::mac;
use super::super::{Finding, FindingKind};
use crate::vocabulary::Mac;

/// What lists and inventories know a column by: its kind, else its heading as folded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Known(Column),
    Other(String),
}

impl Key {
    /// `None` for a column without a heading.
    pub(super) fn of(kind: Option<Column>, heading: &str) -> Option<Self> {
        let other = || Some(fold(heading)).filter(|folded| !folded.is_empty()).map(Self::Other);
        kind.map(Self::Known).or_else(other)
    }

    /// Whether its cells hold addresses or numbers, so that full-width forms are slips. Names
    /// are never normalised: that would rewrite letters people chose.
    fn is_technical(&self) -> bool {
        match self {
            Self::Known(column) => *column == Column::Mac,
            Self::Other(heading) => heading.starts_with("ip") || heading.contains("vlan"),
        }
    }
}

/// A list that was read.
pub(super) struct List {
    pub(super) charset: Charset,
    pub(super) layout: Layout,
    pub(super) items: Vec<Item>,
}

/// A row of the list.
pub(super) struct Item {
    pub(super) line: u32,
    /// Empty when there is none, which is a finding.
    pub(super) asset: String,
    pub(super) cells: HashMap<Key, String>,
    /// `None` when the list has no column for them.
    pub(super) macs: Option<Vec<Mac>>,
    /// Why it is refused; empty when it is not.
    pub(super) findings: Vec<Finding>,
}

/// Reads a list; `None` after findings that concern all of it. Findings about a row that is
/// refused are with the row, all others in `sink`.
pub(super) fn read(
    octets: &[u8],
    name: &str,
    charset: Option<Charset>,
    sink: &Sink,
) -> Option<List> {
    let (text, charset) = decode::text(octets, charset, name, sink)?;
    let text = decode::line_feeds(&text);
    let own = Sink::default();
    let mut items = Vec::new();
    // Whatever else is missing is missed only where a new device would need it.
    let needed = [(Column::Asset, "資産番号")];
    let layout = cells::rows(&text, name, &needed, &own, |row| items.push(item(row, &own)));
    let whole = layout.as_ref().is_some_and(|layout| layout.whole);
    let mut by_line: HashMap<u32, usize> = HashMap::new();
    by_line.extend(items.iter().enumerate().map(|(index, item)| (item.line, index)));
    for finding in own.into_findings() {
        let line = finding.at.as_ref().map_or(0, |at| at.line);
        let item = by_line.get(&line).and_then(|index| items.get_mut(*index));
        match item {
            Some(item) if whole && finding.severity() == super::Severity::Error => {
                item.findings.push(finding);
            }
            // Whether a column is used depends on the inventory, not on the list.
            _ if finding.kind == FindingKind::ColumnUnknown => {}
            _ => sink.push(finding),
        }
    }
    if !whole {
        return None;
    }
    Some(List { charset, layout: layout?, items })
}

fn item(row: &Row<'_>, sink: &Sink) -> Item {
    let asset = row.text(Column::Asset);
    if asset.is_empty() {
        sink.push(row.finding(FindingKind::Empty, Column::Asset));
    }
    let mut found = HashMap::new();
    for ((kind, heading), cell) in row.columns().iter().zip(row.raw()) {
        let Some(key) = Key::of(*kind, heading) else { continue };
        let value = if key.is_technical() {
            plain(&cell.chars().map(mac::fold).collect::<String>()).to_owned()
        } else {
            plain(cell).to_owned()
        };
        // Of two columns with one heading the first counts; the second is told of.
        found.entry(key).or_insert(value);
    }
    let has_macs = found.contains_key(&Key::Known(Column::Mac));
    let mut macs = Vec::new();
    for cell in row.cells(Column::Mac) {
        mac::addresses(&cell, sink, &mut macs);
    }
    let mut seen = HashSet::new();
    macs.retain(|mac| seen.insert(*mac));
    Item {
        line: row.at.line,
        asset,
        cells: found,
        macs: has_macs.then_some(macs),
        findings: Vec::new(),
    }
}
