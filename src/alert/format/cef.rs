//! ArcSight's Common Event Format, revision 25 (CEF:0).

use super::syslog::bsd_header;
use super::{Header, NAME, one_line};
use crate::alert::{Alert, shown};
use crate::vocabulary::Language;

/// Keys of the extension, and the fact each carries.
const KEYS: &[(&str, &str)] = &[
    ("externalId", "alert"),
    ("smac", "mac"),
    ("src", "address"),
    ("act", "outcome"),
    ("reason", "reason"),
    ("suser", "identity"),
    ("shost", "host"),
    ("sourceServiceName", "section"),
];
/// Custom strings: label and fact.
const STRINGS: &[(&str, &str)] = &[
    ("zone", "environments"),
    ("vlan", "vlan"),
    ("nas", "switch"),
    ("port", "place"),
    ("rule", "rule"),
    ("asset", "asset"),
];

/// One event behind a syslog header of the older style.
#[must_use]
pub fn cef(alert: &Alert, header: Header<'_>, language: Language) -> String {
    let sentence = alert.text(language);
    let mut event = format!(
        "{}CEF:0|{NAME}|{NAME}|{}|{}|{}|{}|",
        bsd_header(alert, header),
        in_header(env!("CARGO_PKG_VERSION")),
        alert.kind.id(),
        in_header(&sentence),
        alert.severity.cef(),
    );
    let mut pairs = vec![
        ("rt".to_owned(), alert.time.0.to_string()),
        ("dvchost".to_owned(), header.node.to_owned()),
        ("cnt".to_owned(), alert.more.saturating_add(1).to_string()),
        ("msg".to_owned(), sentence),
    ];
    let fact = |name: &str| alert.fields.get(name).map(shown).unwrap_or_default();
    pairs.extend(KEYS.iter().map(|(key, name)| ((*key).to_owned(), fact(name))));
    for (number, (label, name)) in (1..).zip(STRINGS) {
        let value = fact(name);
        if !value.is_empty() {
            pairs.push((format!("cs{number}Label"), (*label).to_owned()));
            pairs.push((format!("cs{number}"), value));
        }
    }
    let filled = pairs.into_iter().filter(|(_, value)| !value.is_empty());
    let filled: Vec<_> =
        filled.map(|(key, value)| format!("{key}={}", in_extension(&value))).collect();
    event.push_str(&filled.join(" "));
    event
}

/// A field of the header: `\` and `|` are escaped, and it is one line.
fn in_header(text: &str) -> String {
    let mut escaped = String::new();
    for letter in one_line(text).chars() {
        if matches!(letter, '\\' | '|') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

/// A value of the extension: `\`, `=` and line ends are escaped, the pipe is not.
fn in_extension(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        match letter {
            '\\' | '=' => {
                escaped.push('\\');
                escaped.push(letter);
            }
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            other => escaped.push(other),
        }
    }
    escaped
}
