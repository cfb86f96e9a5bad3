//! Records as a table that spreadsheets read.

use std::borrow::Cow;

use encoding_rs::SHIFT_JIS;
use serde_json::Value;

use super::store::{Line, Record};
use crate::vocabulary::Text;

/// How a table is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableEncoding {
    /// UTF-8 with a byte order mark, by which Excel recognises it.
    Utf8,
    /// CP932 (Windows-31J); characters it lacks become 〓.
    Cp932,
}

/// The columns: key of the record, heading.
pub const COLUMNS: &[(&str, Text)] = &[
    ("seq", Text { ja: "番号", en: "number" }),
    ("time", Text { ja: "日時(UTC)", en: "time (UTC)" }),
    ("event", Text { ja: "事象", en: "event" }),
    ("severity", Text { ja: "重要度", en: "severity" }),
    ("outcome", Text { ja: "結果", en: "result" }),
    ("reason", Text { ja: "理由", en: "reason" }),
    ("text", Text { ja: "説明", en: "explanation" }),
    ("mac", Text { ja: "MACアドレス", en: "MAC address" }),
    ("address", Text { ja: "IPアドレス", en: "IP address" }),
    ("asset", Text { ja: "資産番号", en: "asset" }),
    ("host", Text { ja: "コンピューター名", en: "computer" }),
    ("identity", Text { ja: "証明書の名前", en: "certificate name" }),
    ("section", Text { ja: "所属", en: "section" }),
    ("site", Text { ja: "拠点", en: "site" }),
    ("switch", Text { ja: "スイッチ", en: "switch" }),
    ("place", Text { ja: "場所", en: "place" }),
    ("environment", Text { ja: "環境", en: "environment" }),
    ("vlan", Text { ja: "VLAN", en: "VLAN" }),
    ("rule", Text { ja: "規則", en: "rule" }),
    ("session", Text { ja: "接続番号", en: "session" }),
    ("generation", Text { ja: "計画の世代", en: "plan generation" }),
    ("node", Text { ja: "ノード", en: "node" }),
];

/// A field of a line as people read it; what service events say stands under `message`.
#[must_use]
pub fn cell(line: &Line, key: &str) -> String {
    let value = line.get(key).or_else(|| line.get("message").filter(|_| key == "text"));
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// The records as CSV (RFC 4180) with a heading line.
#[must_use]
pub fn csv(
    records: &[Record],
    language: crate::vocabulary::Language,
    encoding: TableEncoding,
) -> Vec<u8> {
    let headings = COLUMNS.iter().map(|(_, heading)| heading.get(language).to_owned()).collect();
    let cells = |record: &Record| {
        let line = record.line();
        COLUMNS.iter().map(|(key, _)| cell(&line, key)).collect()
    };
    csv_rows(std::iter::once(headings).chain(records.iter().map(cells)), encoding)
}

/// Rows, which may differ in length, as CSV (RFC 4180) in which no cell is a formula.
#[must_use]
pub fn csv_rows(rows: impl Iterator<Item = Vec<String>>, encoding: TableEncoding) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .flexible(true)
        .from_writer(Vec::new());
    for row in rows {
        // OK because a Vec takes every write
        let _ = writer.write_record(row.iter().map(|cell| harmless(cell).into_owned()));
    }
    let octets = writer.into_inner().unwrap_or_default();
    // OK because the writer was given text alone
    let text = String::from_utf8(octets).unwrap_or_default();
    match encoding {
        TableEncoding::Utf8 => [&[0xef, 0xbb, 0xbf], text.as_bytes()].concat(),
        TableEncoding::Cp932 => cp932(&text),
    }
}

/// A cell that no spreadsheet takes for a formula: peers choose their own names.
fn harmless(cell: &str) -> Cow<'_, str> {
    match cell.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') => format!("'{cell}").into(),
        _ => cell.into(),
    }
}

fn cp932(text: &str) -> Vec<u8> {
    let mut octets = Vec::with_capacity(text.len());
    let mut letter_octets = [0; 4];
    for letter in text.chars() {
        // The same characters, as Windows maps them.
        let letter = match letter {
            '\u{301c}' => '\u{ff5e}',
            '\u{2014}' => '\u{2015}',
            '\u{2016}' => '\u{2225}',
            '\u{2212}' => '\u{ff0d}',
            // It would silently become a backslash.
            '\u{a5}' => '\u{ffe5}',
            other => other,
        };
        let (encoded, _, replaced) = SHIFT_JIS.encode(letter.encode_utf8(&mut letter_octets));
        // 〓, where CP932 has no such character.
        octets.extend_from_slice(if replaced { &[0x81, 0xac] } else { &encoded });
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::contract::decision;
    use crate::record::{GENESIS, body};
    use crate::vocabulary::Language;

    fn record(change: impl FnOnce(&mut Line)) -> Record {
        let mut line = decision(0, 1, Some("A"));
        change(&mut line);
        Record { sequence: 1, hash: GENESIS, body: body(&line, 1) }
    }

    #[test]
    fn a_table_reads_back_in_both_encodings() {
        let record = record(|line| {
            line.insert("host".into(), "髙橋〜,\"端末\"\n😀".into());
        });
        let utf8 = csv(std::slice::from_ref(&record), Language::Japanese, TableEncoding::Utf8);
        let text =
            String::from_utf8(utf8.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap().to_vec()).unwrap();
        assert!(text.starts_with("番号,日時(UTC),"), "{text}");
        assert!(text.contains("\"髙橋〜,\"\"端末\"\"\n😀\""), "{text}");
        let windows = csv(&[record], Language::Japanese, TableEncoding::Cp932);
        let (text, _, wrong) = SHIFT_JIS.decode(&windows);
        assert!(!wrong && text.contains("\"髙橋～,\"\"端末\"\"\n〓\""), "{text}");
    }

    #[test]
    fn no_cell_is_a_formula() {
        let record = record(|line| {
            line.insert("host".into(), "=cmd|' /C calc'!A0".into());
        });
        let table = csv(&[record], Language::English, TableEncoding::Utf8);
        let text = String::from_utf8(table).unwrap();
        assert!(text.contains(",'=cmd"), "{text}");
    }
}
