//! The two languages operators read, and texts that exist in both.

use std::fmt::{Display, Write as _};

use smol_str::{SmolStr, ToSmolStr as _};

use super::Timestamp;
use super::cause::in_japanese;

/// A language of operators' texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// Japanese, the default.
    #[default]
    Japanese,
    /// English.
    English,
}

impl Language {
    /// Chooses by `--lang`, else by the locale variables in their POSIX order of precedence,
    /// else Japanese. The `C` and `POSIX` locales say nothing about language.
    #[must_use]
    pub fn choose(option: Option<Self>, locale: &[Option<String>]) -> Self {
        option
            .or_else(|| {
                let value = locale.iter().flatten().find(|value| !value.is_empty())?;
                if value.starts_with("ja") || value.starts_with('C') || value.starts_with("POSIX") {
                    Some(Self::Japanese)
                } else {
                    Some(Self::English)
                }
            })
            .unwrap_or_default()
    }

    /// `ja` or `en`.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Japanese => "ja",
            Self::English => "en",
        }
    }

    /// Reads `ja` or `en`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "ja" => Some(Self::Japanese),
            "en" => Some(Self::English),
            _ => None,
        }
    }
}

/// Octets in lower-case hexadecimal, without separators.
#[must_use]
pub fn hex(octets: &[u8]) -> String {
    let mut text = String::with_capacity(2 * octets.len());
    for octet in octets {
        let halves = [octet >> 4, octet & 0xf].into_iter();
        text.extend(halves.filter_map(|half| char::from_digit(half.into(), 16)));
    }
    text
}

/// Reads what [`hex`] writes; `None` for anything else.
#[must_use]
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let octet = |pair: &[u8; 2]| {
        let text =
            std::str::from_utf8(pair).ok().filter(|it| it.bytes().all(|it| it.is_ascii_hexdigit()));
        u8::from_str_radix(text?, 16).ok()
    };
    pairs.iter().map(octet).collect()
}

/// A text in both languages; `{name}` stands for a fact of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    /// Japanese.
    pub ja: &'static str,
    /// English.
    pub en: &'static str,
}

impl Text {
    /// The text in `language`, unfilled.
    #[must_use]
    pub const fn get(self, language: Language) -> &'static str {
        match language {
            Language::Japanese => self.ja,
            Language::English => self.en,
        }
    }

    /// The text in `language` with every `{name}` replaced by the fact of that name. A name
    /// without a fact prints as `-`. Facts are not searched for names themselves. What the
    /// operating system gives as `cause` or `system` is said in Japanese where that is spoken.
    #[must_use]
    pub fn fill(self, language: Language, facts: &[(&'static str, String)]) -> String {
        let mut filled = String::new();
        let push = |name: &str, value: &String, filled: &mut String| {
            if language == Language::Japanese && is_foreign(name) {
                filled.push_str(&in_japanese(value));
            } else {
                filled.push_str(value);
            }
        };
        self.fill_to(language, facts, push, &mut filled);
        filled
    }

    /// The same with facts that may read differently in each language.
    #[must_use]
    pub fn tell(self, language: Language, facts: &[(&'static str, Fact)]) -> String {
        let mut text = String::new();
        self.tell_to(language, facts, &mut text);
        text
    }

    /// The same, appended to a text.
    pub fn tell_to(self, language: Language, facts: &[(&'static str, Fact)], text: &mut String) {
        let push = |name: &str, fact: &Fact, text: &mut String| match fact {
            Fact::Word(word) if language == Language::Japanese && is_foreign(name) => {
                text.push_str(&in_japanese(word));
            }
            _ => fact.tell_to(language, text),
        };
        self.fill_to(language, facts, push, text);
    }

    fn fill_to<F>(
        self,
        language: Language,
        facts: &[(&'static str, F)],
        push: impl Fn(&str, &F, &mut String),
        filled: &mut String,
    ) {
        let mut rest = self.get(language);
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let Some((name, tail)) = after.split_once('}') else {
                rest = after;
                break;
            };
            match facts.iter().find(|(key, _)| *key == name) {
                Some((name, value)) => push(name, value, filled),
                None => filled.push('-'),
            }
            rest = tail;
        }
        filled.push_str(rest);
    }

    /// The names of the facts this text wants, in order of appearance.
    pub fn wants(self, language: Language) -> impl Iterator<Item = &'static str> {
        self.get(language).split('{').skip(1).filter_map(|part| part.split('}').next())
    }
}

/// Whether a fact of this name is what the operating system or a library said.
fn is_foreign(name: &str) -> bool {
    matches!(name, "cause" | "system")
}

/// Declares an enum of ids with their texts in both languages.
macro_rules! registry {
    ($(#[$doc:meta])* $name:ident { $($variant:ident $id:literal [$ja:literal, $en:literal])* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $(#[doc = $en] $variant,)*
        }

        impl $name {
            /// Everything in the registry, in order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable id.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$variant => $id,)* }
            }

            /// The text, with names of facts in braces.
            #[must_use]
            pub const fn text(self) -> $crate::vocabulary::Text {
                match self { $(Self::$variant => $crate::vocabulary::Text { ja: $ja, en: $en },)* }
            }
        }
    };
}
pub(crate) use registry;

/// What a text wants filled in: the same for everybody, or a day that each language writes in
/// its own calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A word or number.
    Word(SmolStr),
    /// The day in Japan that holds an instant.
    Day(Timestamp),
    /// A word that each language has its own for.
    Both(Box<Text>),
}

impl Fact {
    /// A word or number; one of up to 23 octets takes no memory of its own.
    #[must_use]
    pub fn word(value: impl Display) -> Self {
        Self::Word(value.to_smolstr())
    }

    /// The fact as people write it.
    #[must_use]
    pub fn get(&self, language: Language) -> String {
        let mut text = String::new();
        self.tell_to(language, &mut text);
        text
    }

    /// The same, appended to a text.
    fn tell_to(&self, language: Language, text: &mut String) {
        match (self, language) {
            (Self::Word(word), _) => text.push_str(word),
            (Self::Both(both), _) => text.push_str(both.get(language)),
            (Self::Day(time), Language::Japanese) => text.push_str(&time.wareki()),
            (Self::Day(time), Language::English) => text.push_str(&time.day()),
        }
    }
}

/// Octets from the network as printable text: printable characters of valid UTF-8 as they are,
/// everything else, the backslash and the quote included, as `\xNN`. No information is lost.
#[must_use]
pub fn escape(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len());
    escape_to(octets, &mut text);
    text
}

/// The same, appended to a text.
pub fn escape_to(octets: &[u8], text: &mut String) {
    for chunk in octets.utf8_chunks() {
        let plain = |octet: u8| matches!(octet, b' '..=b'~') && !matches!(octet, b'\\' | b'"');
        if chunk.valid().bytes().all(plain) {
            text.push_str(chunk.valid());
        } else {
            for character in chunk.valid().chars() {
                escape_one(character, text);
            }
        }
        for octet in chunk.invalid() {
            let _ = write!(text, "\\x{octet:02x}"); // OK because a String takes every write
        }
    }
}

fn escape_one(character: char, text: &mut String) {
    if character.is_control() || matches!(character, '\\' | '"' | '\u{2028}' | '\u{2029}') {
        let mut buffer = [0; 4];
        for octet in character.encode_utf8(&mut buffer).bytes() {
            let _ = write!(text, "\\x{octet:02x}"); // OK because a String takes every write
        }
    } else {
        text.push(character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_fill_their_names_once() {
        let text =
            Text { ja: "端末 {device} は {environment}", en: "{device} of {environment}" };
        let facts = [("device", "{environment}".to_owned())];
        assert_eq!(text.fill(Language::English, &facts), "{environment} of -");
        assert_eq!(text.wants(Language::Japanese).collect::<Vec<_>>(), ["device", "environment"]);
    }

    #[test]
    fn option_beats_locale_and_silence_is_japanese() {
        let locale = |text: &str| [Some(text.to_owned())];
        assert_eq!(Language::choose(None, &[]), Language::Japanese);
        assert_eq!(Language::choose(None, &locale("en_US.UTF-8")), Language::English);
        assert_eq!(Language::choose(None, &locale("C.UTF-8")), Language::Japanese);
        let option = Some(Language::Japanese);
        assert_eq!(Language::choose(option, &locale("en_US.UTF-8")), Language::Japanese);
    }

    #[test]
    fn escaping_keeps_japanese_and_shows_the_rest() {
        assert_eq!(escape("佐\\\u{7}".as_bytes()), "佐\\x5c\\x07");
        assert_eq!(escape(&[0xff, b'a', 0]), "\\xffa\\x00");
    }
}
