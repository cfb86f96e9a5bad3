//! A device list that people keep anyway, compared with `config/inventory.csv`: what would be
//! added, changed and removed, and the inventory that results.
//!
//! Whatever the inventory's reader refuses is refused here by the list's line: the result is
//! compiled, and rows that would break it are taken out and compiled without.

mod book;
mod compare;
mod list;
mod obstacle;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use super::finding::Sink;
use super::inventory::Charset;
use super::inventory::devices::PATH;
use super::sources::required;
use super::{Finding, FindingKind, Origin, Plan, Severity, Sources, compile};
use crate::vocabulary::Timestamp;
pub use obstacle::{Consent, Obstacle};

use book::Book;
use compare::Comparison;

/// Rounds of compiling without the rows that the round before refused.
const ROUNDS_MAX: usize = 8;

/// A list against the inventory. Of the rows read, each is added, changed, unchanged or refused.
#[derive(Clone, Debug)]
pub struct Import {
    /// How the list was read.
    pub charset: Charset,
    /// What separates its cells.
    pub separator: char,
    /// Lines above its headings.
    pub titles: usize,
    /// Its rows that are not blank.
    pub rows: usize,
    /// Its blank rows.
    pub blank: usize,
    /// Devices the inventory does not know.
    pub added: Vec<Entry>,
    /// Devices of which the list says something else.
    pub changed: Vec<Entry>,
    /// Devices that a full list does not hold.
    pub removed: Vec<Entry>,
    /// Rows that say what the inventory says.
    pub unchanged: usize,
    /// Rows that are not taken over.
    pub refused: Vec<Refused>,
    /// What is remarkable about the list and the rows taken over.
    pub warnings: Vec<Finding>,
    /// Errors of the resulting plan that no row of the list can be blamed for.
    pub faults: Vec<Finding>,
    /// How many devices come into, leave or change environments.
    pub moves: Vec<Move>,
    /// Devices of the inventory that the list does not hold.
    pub absent: usize,
    /// Devices of the inventory as it is.
    pub devices: usize,
    /// Whether a refused row does not even say which device it is about.
    pub nameless: bool,
    /// The encoding of the inventory.
    pub inventory_charset: Charset,
    /// The inventory that results, in its own encoding; `None` when that has no octets for it.
    pub inventory: Option<Vec<u8>>,
}

/// A device and what is said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its asset number.
    pub asset: String,
    /// Its line in the list, or in the inventory when it is removed.
    pub line: u32,
    /// Its fields that differ.
    pub changes: Vec<Change>,
}

/// A field before and after; empty where there is nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The inventory's heading.
    pub field: String,
    /// Before.
    pub old: String,
    /// After.
    pub new: String,
}

/// A row that is not taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The asset number, empty when there is none.
    pub asset: String,
    /// Its line in the list.
    pub line: u32,
    /// Why, at least one error.
    pub findings: Vec<Finding>,
}

/// Devices that change environment; `None` is outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Id of the environment they were in.
    pub from: Option<String>,
    /// Id of the environment they will be in.
    pub to: Option<String>,
    /// How many.
    pub devices: usize,
}

impl Import {
    /// Whether anything would be written.
    #[must_use]
    pub fn differs(&self) -> bool {
        !(self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty())
    }
}

/// Compares the list `octets`, called `name` in findings, with the inventory of `sources`. Its
/// encoding is `charset`, else what the octets show. With `full`, what the list does not hold is
/// removed.
///
/// # Errors
/// The findings when the list or the inventory cannot be read as a table at all.
pub fn import(
    octets: &[u8],
    name: &str,
    charset: Option<Charset>,
    sources: &Sources,
    full: bool,
    now: Timestamp,
) -> Result<Import, Vec<Finding>> {
    let sink = Sink::default();
    let current = required(&sources.config, "config", "inventory.csv", &sink);
    let book = current.and_then(|octets| Book::read(octets, &sink));
    let (list, book) = match (list::read(octets, name, charset, &sink), book) {
        (Some(list), Some(book)) => (list, book),
        _ => return Err(sink.into_findings()),
    };
    let mut comparison = Comparison::new(list, &book, full, name, &sink);
    let before = compile(sources, now).plan;
    let mut after = sources.clone();
    let mut round = 0;
    let (compiled, inventory, lines) = loop {
        comparison.refuse_collisions();
        let (text, lines) = comparison.merged();
        let inventory = book.charset.encode(&text);
        // Findings are worth having even when the text cannot be written as it must be.
        let octets = inventory.clone().unwrap_or_else(|| text.into_bytes());
        after.config.insert("inventory.csv".to_owned(), octets);
        let compiled = compile(&after, now);
        round += 1;
        let ours =
            compiled.findings.iter().filter_map(|finding| Some((of(finding, &lines)?, finding)));
        let errors = ours.filter(|(_, finding)| finding.severity() == Severity::Error);
        let refused = errors.map(|(item, finding)| comparison.refuse(item, finding)).count();
        if refused == 0 || round == ROUNDS_MAX {
            break (compiled, inventory, lines);
        }
    };
    let mut warnings = Vec::new();
    let mut faults = Vec::new();
    for finding in &compiled.findings {
        if finding.severity() == Severity::Error {
            faults.push(finding.clone());
        } else if let Some(item) = of(finding, &lines)
            && finding.severity() == Severity::Warning
            // The list's own are told of already.
            && finding.kind != FindingKind::PrivateUse
        {
            warnings.push(comparison.relocate(item, finding));
        }
    }
    let moves = moves(before.as_ref(), compiled.plan.as_ref());
    let mut import = comparison.finish(sink, warnings);
    (import.faults, import.moves, import.inventory) = (faults, moves, inventory);
    Ok(import)
}

/// The item of the list whose row in the merged inventory a finding is about.
fn of(finding: &Finding, lines: &HashMap<u32, usize>) -> Option<usize> {
    let Origin { file, line } = finding.at.as_ref()?;
    if &**file == PATH { lines.get(line).copied() } else { None }
}

fn moves(before: Option<&Plan>, after: Option<&Plan>) -> Vec<Move> {
    let (Some(before), Some(after)) = (before, after) else { return Vec::new() };
    let environments = |plan: &Plan| -> HashMap<String, String> {
        let id = |index| plan.environments.get(usize::from(index)).map(|found| found.id.clone());
        let of = plan.devices.iter();
        of.filter_map(|device| Some((device.asset.clone(), id(device.environment.0)?))).collect()
    };
    let (before, after) = (environments(before), environments(after));
    let mut counts: BTreeMap<(Option<String>, Option<String>), usize> = BTreeMap::new();
    let gone = before.keys().filter(|asset| !after.contains_key(*asset));
    for asset in after.keys().chain(gone) {
        let (from, to) = (before.get(asset).cloned(), after.get(asset).cloned());
        if from != to {
            *counts.entry((from, to)).or_default() += 1;
        }
    }
    counts.into_iter().map(|((from, to), devices)| Move { from, to, devices }).collect()
}
