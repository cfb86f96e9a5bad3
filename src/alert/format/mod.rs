//! How an alert looks to each kind of receiver. Everything here is text in, text out.
//!
//! Each form escapes by its own rules, and each has a property test that another reading of the
//! same rules gets the same values back.

mod cef;
mod mail;
mod syslog;
#[cfg(test)]
mod tests;

pub use cef::cef;
pub(crate) use mail::base64;
pub use mail::{Letter, letter};
pub use syslog::{Header, bsd, rfc5424};

use serde_json::json;

use super::Alert;
use crate::record::Line;
use crate::vocabulary::Language;

/// The program's name to receivers.
pub const NAME: &str = "sekisho";

/// The object that a webhook gets: the line of the evidence, its text in the receiver's language.
#[must_use]
pub fn json(alert: &Alert, language: Language) -> String {
    let mut line: Line = alert.fields.clone();
    line.insert("text".to_owned(), json!(alert.text(language)));
    serde_json::Value::Object(line).to_string()
}

/// A text on one line, whatever a peer put into it.
fn one_line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}
