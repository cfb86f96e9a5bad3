//! MAC addresses as people and spreadsheets leave them in a cell.

use crate::plan::finding::Sink;
use crate::plan::read::Located;
use crate::plan::{Finding, FindingKind};
use crate::vocabulary::{Mac, MacError};

/// Hexadecimal digits of an address.
const DIGITS: usize = 12;

/// The addresses of a cell, separated by `;`, `/` or line breaks; false when one of them could
/// not be read, after a finding.
pub(in crate::plan) fn addresses(
    cell: &Located<String>,
    sink: &Sink,
    found: &mut Vec<Mac>,
) -> bool {
    let folded: String = cell.value.chars().map(fold).collect();
    let mut sound = true;
    for text in folded.split([';', '/', '\n']).map(str::trim).filter(|text| !text.is_empty()) {
        match Mac::parse(text) {
            Ok(mac) => found.push(mac),
            Err(error) => {
                sink.push(diagnose(cell, text, error).fact("value", text));
                sound = false;
            }
        }
    }
    sound
}

/// A character as its ASCII look-alike. Normalisation of names would not do: it leaves most of
/// the hyphens, and turns the half-width long-vowel mark into the full-width one.
pub(in crate::plan) fn fold(letter: char) -> char {
    match letter {
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{30fc}' | '\u{ff70}' => '-',
        '\u{3000}' => ' ',
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(letter) - 0xfee0).unwrap_or(letter),
        _ => letter,
    }
}

/// What is wrong with a text that is no address.
fn diagnose(cell: &Located<String>, text: &str, error: MacError) -> Finding {
    let finding = |kind| cell.finding(kind);
    match error {
        MacError::Zero => return finding(FindingKind::MacZero),
        MacError::Group => {
            let mut digits = text.chars().filter(char::is_ascii_alphanumeric);
            let broadcast = digits.all(|digit| digit.eq_ignore_ascii_case(&'f'));
            let kind = if broadcast { FindingKind::MacBroadcast } else { FindingKind::MacGroup };
            return finding(kind);
        }
        MacError::Spelling => {}
    }
    if is_exponent(text) {
        return finding(FindingKind::MacExponent);
    }
    if text.len() < DIGITS && text.bytes().all(|octet| octet.is_ascii_digit()) {
        return finding(FindingKind::MacZerosLost).fact("candidate", format!("{text:0>12}"));
    }
    let strange = |letter: char| !letter.is_ascii_hexdigit() && !"-:. ".contains(letter);
    if let Some((position, letter)) = text.chars().enumerate().find(|(_, it)| strange(*it)) {
        let finding = finding(FindingKind::MacNotHex).fact("position", position + 1);
        return finding.fact("letter", letter);
    }
    let digits = text.chars().filter(char::is_ascii_hexdigit).count();
    if digits == DIGITS {
        finding(FindingKind::MacSeparators)
    } else {
        finding(FindingKind::MacLength).fact("digits", digits)
    }
}

/// `1E+200`, `1.23457E+11`.
fn is_exponent(text: &str) -> bool {
    let number = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit() || octet == b'.');
    text.to_ascii_lowercase().split_once("e+").is_some_and(|(before, after)| {
        !before.is_empty() && !after.is_empty() && number(before) && number(after)
    })
}
