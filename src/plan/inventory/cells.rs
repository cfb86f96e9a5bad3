//! A spreadsheet's export as rows of cells under known headings.

use csv::{Reader, ReaderBuilder, StringRecord};

use crate::plan::finding::Sink;
use crate::plan::read::{File, Located};
use crate::plan::{Finding, FindingKind, Origin};

/// Devices of one inventory.
pub(in crate::plan) const ROWS_MAX: usize = 200_000;
/// Characters of one cell.
const CELL_CHARACTERS_MAX: usize = 1_000;
/// Columns of one inventory.
const COLUMNS_MAX: usize = 256;
/// Lines among which the headings are looked for; those above them are titles.
const HEADER_LINES_MAX: usize = 20;
/// Known headings by which the line of headings is told from titles.
const HEADINGS_MIN: usize = 2;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::plan) enum Column {
    Mac,
    Asset,
    Computer,
    Domain,
    Model,
    Serial,
    Certificate,
    Class,
    Section,
    Environment,
    Place,
    Note,
}

/// Headings as [`fold`] leaves them. The first is the one texts name.
const HEADINGS: &[(Column, &[&str])] = &[
    (Column::Mac, &["macアドレス", "物理アドレス", "lanアドレス", "mac"]),
    (Column::Asset, &["資産番号", "管理番号", "端末番号", "端末機番号", "備品番号", "asset"]),
    (Column::Computer, &["コンピューター名", "コンピュータ名", "ホスト名", "pc名", "computer"]),
    (Column::Domain, &["ドメイン名", "ワークグループ名", "domain"]),
    (Column::Model, &["システムモデル", "型番", "機種", "model"]),
    (Column::Serial, &["システムシリアル", "シリアル番号", "製造番号", "serial"]),
    (Column::Certificate, &["証明書識別名", "証明書名", "certificate"]),
    (Column::Class, &["区分", "class"]),
    (Column::Section, &["課名", "所属", "部署", "課かい", "section"]),
    (Column::Environment, &["環境", "系統", "environment"]),
    (Column::Place, &["設置場所", "施設", "フロア", "place"]),
    (Column::Note, &["備考", "note"]),
];

/// Columns without which nothing can be registered, by the heading to add.
pub(in crate::plan) const REQUIRED: &[(Column, &str)] = &[
    (Column::Asset, "資産番号"),
    (Column::Mac, "MACアドレス"),
    (Column::Class, "区分"),
    (Column::Environment, "環境"),
];

/// What each column holds, and its heading.
pub(in crate::plan) type Columns = Vec<(Option<Column>, String)>;

/// How a text was read as a table.
pub(in crate::plan) struct Layout {
    pub(in crate::plan) separator: u8,
    /// Lines of titles above the headings.
    pub(in crate::plan) titles: usize,
    pub(in crate::plan) columns: Columns,
    /// Where the headings are.
    pub(in crate::plan) at: Origin,
    /// Rows without content.
    pub(in crate::plan) blank: usize,
    /// Whether every row was read, and no quote was left open.
    pub(in crate::plan) whole: bool,
}

/// A row and where it begins.
pub(in crate::plan) struct Row<'a> {
    columns: &'a [(Option<Column>, String)],
    record: &'a StringRecord,
    pub(in crate::plan) at: Origin,
    /// The octet of the text at which it begins.
    pub(in crate::plan) start: usize,
    /// The octet after it and its line end.
    pub(in crate::plan) end: usize,
    /// As wide as the headings, and no cell too long; otherwise there is a finding.
    pub(in crate::plan) sound: bool,
}

impl Row<'_> {
    /// The cells of a kind that are not blank.
    pub(in crate::plan) fn cells(&self, kind: Column) -> impl Iterator<Item = Located<String>> {
        let cells = self.columns.iter().zip(self.record);
        cells.filter(move |((column, _), _)| *column == Some(kind)).filter_map(
            |((_, heading), cell)| {
                let value = plain(cell);
                let value = (!value.is_empty()).then(|| value.to_owned())?;
                Some(Located { value, at: self.at.clone(), field: heading.clone() })
            },
        )
    }

    /// What each column holds, and its heading.
    pub(in crate::plan) const fn columns(&self) -> &[(Option<Column>, String)] {
        self.columns
    }

    /// Every cell as it is written, without its quotes.
    pub(in crate::plan) fn raw(&self) -> impl Iterator<Item = &str> {
        self.record.iter()
    }

    /// The cell of a kind, when it is there and not blank.
    pub(in crate::plan) fn cell(&self, kind: Column) -> Option<Located<String>> {
        self.cells(kind).next()
    }

    /// The text of a cell, empty when it is blank or absent.
    pub(in crate::plan) fn text(&self, kind: Column) -> String {
        self.cell(kind).map(|cell| cell.value).unwrap_or_default()
    }

    /// A finding about a column.
    pub(in crate::plan) fn finding(&self, kind: FindingKind, column: Column) -> Finding {
        let heading = self.columns.iter().find(|(known, _)| *known == Some(column));
        let heading = heading.map(|(_, heading)| heading.as_str()).unwrap_or_default();
        Finding::new(kind, Some(self.at.clone()), heading)
    }
}

/// A cell as meant: without blanks around it, and without the `="…"` that keeps a spreadsheet
/// from reading digits as a number.
pub(in crate::plan) fn plain(cell: &str) -> &str {
    let cell = cell.trim();
    cell.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"')).unwrap_or(cell).trim()
}

/// Hands every row that is not blank to `each`; `None` after findings that concern them all.
/// `required` are the columns that must be there.
pub(in crate::plan) fn rows(
    text: &str,
    path: &str,
    required: &[(Column, &str)],
    sink: &Sink,
    mut each: impl FnMut(&Row<'_>),
) -> Option<Layout> {
    let file = File::new(path, text);
    let Some((separator, titles)) = header(text) else {
        let finding = Finding::new(FindingKind::NoHeader, Some(file.at(0)), "");
        sink.push(finding.fact("lines", HEADER_LINES_MAX));
        return None;
    };
    let mut reader = reader(text, separator);
    let mut record = StringRecord::new();
    for _ in 0..=titles {
        read(&mut reader, &mut record);
    }
    let at = file.at(start(text, &record));
    let columns = columns(&record, &at, required, sink)?;
    let mut layout = Layout { separator, titles, columns, at, blank: 0, whole: true };
    let mut last = file.at(0);
    let mut count = 0;
    while read(&mut reader, &mut record) {
        if record.iter().all(|cell| cell.trim().is_empty()) {
            layout.blank += 1;
            continue;
        }
        let start = start(text, &record);
        last = file.at(start);
        count += 1;
        if count > ROWS_MAX {
            let finding = Finding::new(FindingKind::TooMany, Some(last.clone()), "");
            sink.push(finding.fact("count", count).fact("max", ROWS_MAX));
            layout.whole = false;
            break;
        }
        let (columns, record) = (&layout.columns, &record);
        let end = end(text, &reader);
        let mut row = Row { columns, record, at: last.clone(), start, end, sound: true };
        row.sound = sound(&row, sink);
        each(&row);
    }
    if text.matches('"').count() % 2 == 1 {
        sink.push(Finding::new(FindingKind::QuoteOpen, Some(last), ""));
        layout.whole = false;
    }
    Some(layout)
}

fn reader(text: &str, separator: u8) -> Reader<&[u8]> {
    let mut builder = ReaderBuilder::new();
    builder.has_headers(false).flexible(true).delimiter(separator).from_reader(text.as_bytes())
}

/// Reads the next record; false at the end.
fn read(reader: &mut Reader<&[u8]>, record: &mut StringRecord) -> bool {
    // OK because text is UTF-8, memory does not fail and rows may have any length.
    reader.read_record(record).unwrap_or(false)
}

/// The octet at which a record begins, the line ends before it left out.
fn start(text: &str, record: &StringRecord) -> usize {
    let byte = record.position().map_or(0, csv::Position::byte);
    let start = usize::try_from(byte).unwrap_or(usize::MAX);
    let rest = text.as_bytes().get(start..).unwrap_or_default();
    start + rest.iter().take_while(|octet| matches!(**octet, b'\n' | b'\r')).count()
}

/// The octet after the record just read; its carriage return keeps its line feed.
fn end(text: &str, reader: &Reader<&[u8]>) -> usize {
    let end = usize::try_from(reader.position().byte()).unwrap_or(usize::MAX).min(text.len());
    let rest = text.as_bytes().get(end..).unwrap_or_default();
    let before = text.as_bytes().get(..end).unwrap_or_default();
    if before.ends_with(b"\r") && rest.starts_with(b"\n") { end + 1 } else { end }
}

/// The separator under which a line shows most headings, and the records above that line.
fn header(text: &str) -> Option<(u8, usize)> {
    let mut best = None;
    for separator in *b",\t;" {
        let mut reader = reader(text, separator);
        let mut record = StringRecord::new();
        for skip in 0..HEADER_LINES_MAX {
            if !read(&mut reader, &mut record) {
                break;
            }
            let cells = record.iter().take(COLUMNS_MAX).filter(|cell| !cell.trim().is_empty());
            let kinds: Vec<Option<Column>> = cells.map(column).collect();
            let known = kinds.iter().flatten().count();
            // A list of nothing but asset numbers tells what is still there.
            if known >= HEADINGS_MIN || kinds == [Some(Column::Asset)] {
                best = best.max(Some((known, std::cmp::Reverse(skip), separator)));
                break;
            }
        }
    }
    best.map(|(_, skip, separator)| (separator, skip.0))
}

/// What each column holds, with its heading; `None` after a finding that spoils all rows.
fn columns(
    record: &StringRecord,
    at: &Origin,
    required: &[(Column, &str)],
    sink: &Sink,
) -> Option<Columns> {
    let mut columns = Columns::new();
    if record.len() > COLUMNS_MAX {
        let finding = Finding::new(FindingKind::TooMany, Some(at.clone()), "");
        sink.push(finding.fact("count", record.len()).fact("max", COLUMNS_MAX));
        return None;
    }
    let mut sound = true;
    for cell in record {
        let heading = plain(cell).to_owned();
        let kind = column(cell);
        let finding = |kind| Finding::new(kind, Some(at.clone()), heading.as_str());
        if kind.is_none() && !heading.is_empty() {
            sink.push(finding(FindingKind::ColumnUnknown).fact("column", &heading));
        }
        let twin = columns.iter().find(|(known, _)| kind.is_some() && *known == kind);
        if let Some((_, other)) = twin
            && kind != Some(Column::Mac)
        {
            let finding = finding(FindingKind::ColumnTwice).fact("column", &heading);
            sink.push(finding.fact("other", other));
            sound = false;
        }
        columns.push((kind, heading));
    }
    for (needed, heading) in required {
        if columns.iter().all(|(kind, _)| *kind != Some(*needed)) {
            let finding = Finding::new(FindingKind::ColumnMissing, Some(at.clone()), *heading);
            sink.push(finding.fact("column", heading));
            sound = false;
        }
    }
    sound.then_some(columns)
}

/// Whether a row can be read at all: as wide as the headings, no cell too long.
fn sound(row: &Row<'_>, sink: &Sink) -> bool {
    let expected = row.columns.len();
    let beyond = row.record.iter().skip(expected).any(|cell| !cell.trim().is_empty());
    if row.record.len() < expected || beyond {
        let finding = Finding::new(FindingKind::RowWidth, Some(row.at.clone()), "");
        sink.push(finding.fact("found", row.record.len()).fact("expected", expected));
        return false;
    }
    let mut sound = true;
    for ((_, heading), cell) in row.columns.iter().zip(row.record) {
        let finding = |kind| Finding::new(kind, Some(row.at.clone()), heading.as_str());
        if cell.chars().nth(CELL_CHARACTERS_MAX).is_some() {
            sink.push(finding(FindingKind::CellLong).fact("max", CELL_CHARACTERS_MAX));
            sound = false;
        }
        let private = |letter: &char| ('\u{e000}'..='\u{f8ff}').contains(letter);
        if let Some(letter) = cell.chars().find(private) {
            let code = format!("{:04X}", u32::from(letter));
            sink.push(finding(FindingKind::PrivateUse).fact("code", code));
        }
    }
    sound
}

/// What a heading announces.
fn column(heading: &str) -> Option<Column> {
    let heading = fold(plain(heading));
    // MACアドレス1, MACアドレス2, …
    let stem = heading.trim_end_matches(|letter: char| letter.is_ascii_digit());
    HEADINGS.iter().find_map(|(column, known)| {
        let wanted = if *column == Column::Mac { stem } else { heading.as_str() };
        known.contains(&wanted).then_some(*column)
    })
}

/// Full-width katakana in the order of their half-width forms, U+FF66 to U+FF9D.
const KATAKANA: &str = "ヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン";

/// A heading without what people do not see: full and half width, blanks, case, and a long-vowel
/// mark at the end.
pub(in crate::plan) fn fold(heading: &str) -> String {
    let mut folded = String::new();
    for letter in heading.chars().filter(|letter| !letter.is_whitespace()) {
        let code = u32::from(letter);
        match letter {
            '\u{ff01}'..='\u{ff5e}' => folded.extend(char::from_u32(code - 0xfee0)),
            '\u{ff66}'..='\u{ff9d}' => {
                folded.extend(KATAKANA.chars().nth(usize::try_from(code - 0xff66).unwrap_or(0)));
            }
            // A voiced form follows its plain one in Unicode, a half-voiced one comes after it.
            '\u{ff9e}' | '\u{ff9f}' => {
                let voiced = folded.pop().map(|plain| u32::from(plain) + (code - 0xff9d));
                folded.extend(voiced.and_then(char::from_u32));
            }
            _ => folded.push(letter),
        }
    }
    let folded = folded.to_lowercase();
    folded.strip_suffix('ー').map_or_else(|| folded.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_known_in_every_width() {
        for (heading, expected) in [
            ("MACアドレス", Some(Column::Mac)),
            ("Macアドレス 2", Some(Column::Mac)),
            ("ＭＡＣｱﾄﾞﾚｽ１", Some(Column::Mac)),
            ("ｺﾝﾋﾟｭｰﾀｰ名", Some(Column::Computer)),
            ("コンピュータ名", Some(Column::Computer)),
            ("課　名", Some(Column::Section)),
            ("=\"区分\"", Some(Column::Class)),
            ("区分2", None),
            ("IPアドレス", None),
            ("", None),
        ] {
            assert_eq!(column(heading), expected, "{heading}");
        }
        assert_eq!(KATAKANA.chars().count(), 0xff9d - 0xff66 + 1);
    }
}
