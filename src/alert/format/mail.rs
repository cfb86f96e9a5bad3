//! Mail (RFC 5322) in UTF-8 by base64, whose header and body no fact can break out of.

use std::fmt::Write as _;

use super::{NAME, one_line};
use crate::alert::{Alert, shown};
use crate::vocabulary::{Language, Text, Timestamp};

/// Letters of the sentence that a subject repeats.
const SUBJECT_LETTERS_MAX: usize = 80;
/// Octets of text in one encoded word: 39 become 52 of base64, and 73 with its frame and the
/// name of the field, of the 76 that RFC 2047 §2 allows a line.
const WORD_OCTETS_MAX: usize = 39;
/// Octets of text in a line of base64 (RFC 2045 §6.8: 76 letters).
const LINE_OCTETS: usize = 57;

/// What a letter needs beside the alert.
#[derive(Clone, Copy, Debug)]
pub struct Letter<'a> {
    /// The sender's address.
    pub from: &'a str,
    /// The addressees.
    pub to: &'a [String],
    /// This node.
    pub node: &'a str,
    /// When it is written.
    pub now: Timestamp,
}

/// A whole message with CRLF at the end of each line, not yet dot-stuffed.
#[must_use]
pub fn letter(alert: &Alert, letter: Letter<'_>, language: Language) -> String {
    let sentence = one_line(&alert.text(language));
    let level = match alert.severity.id() {
        "error" => Text { ja: "緊急", en: "urgent" },
        "warning" => Text { ja: "警告", en: "warning" },
        _ => Text { ja: "通知", en: "notice" },
    };
    let shortened: String = sentence.chars().take(SUBJECT_LETTERS_MAX).collect();
    let subject = format!("[{NAME}] {}: {shortened}", level.get(language));
    let id = alert.fields.get("alert").map(shown).unwrap_or_default();
    let id: String = id.chars().filter(|it| it.is_ascii_alphanumeric() || *it == '-').collect();
    let domain = letter.from.split_once('@').map_or(NAME, |(_, domain)| domain);
    let mut message = format!(
        "Date: {}\r\nFrom: <{}>\r\nTo: {}\r\nMessage-ID: <{id}@{domain}>\r\nSubject: {}\r\n\
         Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: base64\r\n\r\n",
        date(letter.now),
        letter.from,
        letter.to.iter().map(|to| format!("<{to}>")).collect::<Vec<_>>().join(",\r\n "),
        encoded_words(&subject),
    );
    let body = body(alert, &sentence, letter.node);
    for line in body.as_bytes().chunks(LINE_OCTETS) {
        message.push_str(&base64(line));
        message.push_str("\r\n");
    }
    message
}

fn body(alert: &Alert, sentence: &str, node: &str) -> String {
    let mut body = format!("{sentence}\n\n");
    for (name, value) in [
        ("event", alert.kind.id().to_owned()),
        ("time", format!("{} (JST)", alert.time.local())),
        ("node", node.to_owned()),
    ] {
        let _ = writeln!(body, "{name}: {value}"); // OK because a String takes every write
    }
    for (name, value) in &alert.fields {
        let known = ["event", "time", "node", "text", "schema"].contains(&name.as_str());
        let value = one_line(&shown(value));
        if !known && !value.is_empty() {
            let _ = writeln!(body, "{name}: {value}"); // OK as above
        }
    }
    body
}

/// `Tue, 24 Nov 2026 20:15:02 +0900` (RFC 5322 §3.3).
fn date(time: Timestamp) -> String {
    const FORM: &[time::format_description::FormatItem<'_>] = time::macros::format_description!(
        "[weekday repr:short], [day padding:none] [month repr:short] [year] [hour]:[minute]:[second] +0900"
    );
    let epoch = || "Thu, 1 Jan 1970 09:00:00 +0900".to_owned();
    time.japan().and_then(|time| time.format(FORM).ok()).unwrap_or_else(epoch)
}

/// RFC 2047, folded, each word whole letters.
fn encoded_words(text: &str) -> String {
    let mut words: Vec<String> = vec![String::new()];
    for letter in text.chars() {
        let last = words.last_mut();
        if let Some(last) = last.filter(|it| it.len() + letter.len_utf8() <= WORD_OCTETS_MAX) {
            last.push(letter);
            continue;
        }
        words.push(letter.to_string());
    }
    let encode = |word: &String| format!("=?UTF-8?B?{}?=", base64(word.as_bytes()));
    words.iter().map(encode).collect::<Vec<_>>().join("\r\n ")
}

/// RFC 4648 §4.
#[must_use]
pub(crate) fn base64(octets: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(octets.len().div_ceil(3) * 4);
    for chunk in octets.chunks(3) {
        let octet = |at: usize| chunk.get(at).copied().unwrap_or(0);
        let all = u32::from(octet(0)) << 16 | u32::from(octet(1)) << 8 | u32::from(octet(2));
        for place in 0..4_usize {
            let six = usize::try_from(all >> (18 - 6 * place) & 63).unwrap_or(0);
            let letter = LETTERS.get(six).copied().unwrap_or(b'=');
            text.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}
