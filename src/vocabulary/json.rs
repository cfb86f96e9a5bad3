//! Members of a JSON object appended to a text in place, for lines of which there are many
//! thousands a second.

use std::fmt::Write as _;

use super::{Mac, MacSpelling, Timestamp};

/// A value that appends its JSON form to a text.
pub trait Json {
    /// Appends it.
    fn push_json(&self, text: &mut String);
}

/// What a function appends, as a JSON string.
struct Words<F>(F);

/// What `push` appends, as a JSON string.
pub fn words(push: impl Fn(&mut String)) -> impl Json {
    Words(push)
}

impl<F: Fn(&mut String)> Json for Words<F> {
    fn push_json(&self, text: &mut String) {
        text.push('"');
        let begin = text.len();
        (self.0)(text);
        escape_from(text, begin);
        text.push('"');
    }
}

impl Json for str {
    fn push_json(&self, text: &mut String) {
        words(|text| text.push_str(self)).push_json(text);
    }
}

impl Json for Mac {
    fn push_json(&self, text: &mut String) {
        words(|text| MacSpelling::RFC3580.format_to(*self, text)).push_json(text);
    }
}

impl Json for Timestamp {
    fn push_json(&self, text: &mut String) {
        words(|text| self.push_rfc3339(text)).push_json(text);
    }
}

impl Json for u64 {
    fn push_json(&self, text: &mut String) {
        let _ = write!(text, "{self}"); // OK because a String takes every write
    }
}

impl Json for bool {
    fn push_json(&self, text: &mut String) {
        text.push_str(if *self { "true" } else { "false" });
    }
}

impl<T: Json + ?Sized> Json for &T {
    fn push_json(&self, text: &mut String) {
        (*self).push_json(text);
    }
}

impl<T: Json> Json for Option<T> {
    fn push_json(&self, text: &mut String) {
        match self {
            Some(value) => value.push_json(text),
            None => text.push_str("null"),
        }
    }
}

/// Escapes what stands from `begin` on as RFC 8259 §7 wants it; hardly ever there is any need.
fn escape_from(text: &mut String, begin: usize) {
    let needs = |octet: &u8| matches!(octet, 0..=0x1f | b'"' | b'\\');
    if !text.as_bytes().iter().skip(begin).any(needs) {
        return;
    }
    for character in text.split_off(begin).chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            '\0'..='\u{1f}' => {
                // OK because a String takes every write.
                let _ = write!(text, "\\u{:04x}", u32::from(character));
            }
            _ => text.push(character),
        }
    }
}

/// Appends members to a JSON object that has some already.
macro_rules! members {
    ($text:expr, { $($key:literal: $value:expr,)* }) => {
        $(
            $text.push_str(concat!(",\"", $key, "\":"));
            $crate::vocabulary::Json::push_json(&$value, $text);
        )*
    };
}
pub(crate) use members;

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: impl Json) -> String {
        let mut text = String::from("{\"first\":0");
        members!(&mut text, { "value": value, });
        text.push('}');
        text
    }

    #[test]
    fn numbers_and_what_is_missing_read_as_such() {
        assert_eq!(
            of(18_446_744_073_709_551_615_u64),
            r#"{"first":0,"value":18446744073709551615}"#
        );
        assert_eq!(of(Some(true)), r#"{"first":0,"value":true}"#);
        assert_eq!(of(None::<&str>), r#"{"first":0,"value":null}"#);
    }

    proptest::proptest! {
        #[test]
        fn every_text_is_read_back_as_it_was(words: String) {
            let line: serde_json::Value = serde_json::from_str(&of(words.as_str())).unwrap();
            proptest::prop_assert_eq!(&line["value"], &words);
        }
    }
}
