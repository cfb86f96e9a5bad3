//! The two languages operators read, and texts that exist in both.

use std::fmt::Write as _;

use super::Timestamp;

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
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
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
    /// without a fact prints as `-`. Facts are not searched for names themselves.
    #[must_use]
    pub fn fill(self, language: Language, facts: &[(&'static str, String)]) -> String {
        let mut filled = String::new();
        let mut rest = self.get(language);
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let Some((name, tail)) = after.split_once('}') else {
                rest = after;
                break;
            };
            let value = facts.iter().find(|(key, _)| *key == name);
            filled.push_str(value.map_or("-", |(_, value)| value));
            rest = tail;
        }
        filled.push_str(rest);
        filled
    }

    /// The same with facts that may read differently in each language.
    #[must_use]
    pub fn tell(self, language: Language, facts: &[(&'static str, Fact)]) -> String {
        let facts: Vec<_> = facts.iter().map(|(name, fact)| (*name, fact.get(language))).collect();
        self.fill(language, &facts)
    }

    /// The names of the facts this text wants, in order of appearance.
    pub fn wants(self, language: Language) -> impl Iterator<Item = &'static str> {
        self.get(language).split('{').skip(1).filter_map(|part| part.split('}').next())
    }
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
    Word(String),
    /// The day in Japan that holds an instant.
    Day(Timestamp),
    /// A word that each language has its own for.
    Both(Text),
}

impl Fact {
    /// The fact as people write it.
    #[must_use]
    pub fn get(&self, language: Language) -> String {
        match (self, language) {
            (Self::Word(word), _) => word.clone(),
            (Self::Both(text), _) => text.get(language).to_owned(),
            (Self::Day(time), Language::Japanese) => time.wareki(),
            (Self::Day(time), Language::English) => time.day(),
        }
    }
}

/// Octets from the network as printable text: printable characters of valid UTF-8 as they are,
/// everything else, the backslash and the quote included, as `\xNN`. No information is lost.
#[must_use]
pub fn escape(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len());
    for chunk in octets.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() || matches!(character, '\\' | '"' | '\u{2028}' | '\u{2029}') {
                let mut buffer = [0; 4];
                for octet in character.encode_utf8(&mut buffer).bytes() {
                    let _ = write!(text, "\\x{octet:02x}"); // OK because a String takes every write
                }
            } else {
                text.push(character);
            }
        }
        for octet in chunk.invalid() {
            let _ = write!(text, "\\x{octet:02x}"); // OK because a String takes every write
        }
    }
    text
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
