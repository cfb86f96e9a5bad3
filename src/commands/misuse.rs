//! Wrong use in words: the command line library speaks English only.

use std::error::Error as _;

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::vocabulary::{Language, Text};

/// What is wrong with a command line, and where help is.
pub(super) fn text(error: &Error, language: Language) -> String {
    let text = match error.kind() {
        ErrorKind::InvalidSubcommand => Text {
            ja: "コマンド `{command}` はありません",
            en: "there is no command `{command}`",
        },
        ErrorKind::UnknownArgument => {
            Text { ja: "`{argument}` は使えません", en: "`{argument}` is not known here" }
        }
        ErrorKind::InvalidValue if has(error, ContextKind::ValidValue) => Text {
            ja: "`{argument}` に `{value}` は指定できません。選べるのは {choices} です",
            en: "`{argument}` cannot be `{value}`; write one of {choices}",
        },
        ErrorKind::InvalidValue => {
            Text { ja: "`{argument}` に値が必要です", en: "`{argument}` needs a value" }
        }
        ErrorKind::ValueValidation if range(error).is_some() => Text {
            ja: "`{argument}` の値 `{value}` は {range} の範囲にありません",
            en: "the value `{value}` of `{argument}` is not within {range}",
        },
        ErrorKind::ValueValidation => Text {
            ja: "`{argument}` の値 `{value}` を読み取れません",
            en: "the value `{value}` of `{argument}` cannot be read",
        },
        ErrorKind::MissingRequiredArgument => {
            Text { ja: "{argument} が必要です", en: "{argument} is needed" }
        }
        ErrorKind::ArgumentConflict => Text {
            ja: "`{argument}` は {other} と同時に、または二度は指定できません",
            en: "`{argument}` cannot be used with {other}, or twice",
        },
        ErrorKind::MissingSubcommand => Text {
            ja: "コマンドが必要です: {choices}",
            en: "a command is needed: {choices}",
        },
        ErrorKind::InvalidUtf8 => {
            Text { ja: "引数が UTF-8 ではありません", en: "an argument is not UTF-8" }
        }
        // Kinds that this program's options cannot cause, and those the library may add.
        _ => {
            Text { ja: "コマンドの使い方が違います", en: "the command line is wrong" }
        }
    };
    let fact = |name, kinds: &[ContextKind]| (name, found(error, kinds));
    let mut words = text.fill(
        language,
        &[
            fact("command", &[ContextKind::InvalidSubcommand]),
            fact("argument", &[ContextKind::InvalidArg]),
            fact("value", &[ContextKind::InvalidValue]),
            fact("other", &[ContextKind::PriorArg]),
            ("range", range(error).unwrap_or_default()),
            fact("choices", &[ContextKind::ValidValue, ContextKind::ValidSubcommand]),
        ],
    );
    let suggested = found(
        error,
        &[ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue],
    );
    if suggested != "-" {
        let text = Text { ja: "。`{it}` のことですか", en: "; did you mean `{it}`?" };
        words.push_str(&text.fill(language, &[("it", suggested)]));
    }
    let help = Text { ja: "(説明は --help)", en: " (see --help)" };
    words.push_str(help.get(language));
    words
}

fn has(error: &Error, kind: ContextKind) -> bool {
    match error.get(kind) {
        Some(ContextValue::Strings(values)) => !values.is_empty(),
        Some(_) => true,
        None => false,
    }
}

/// The range that a number is not within, `1..=9`: only the text of what is beneath tells it.
fn range(error: &Error) -> Option<String> {
    let beneath = error.source()?.to_string();
    Some(beneath.rsplit_once(" is not in ")?.1.to_owned())
}

/// The first of these pieces of context, `-` for none.
fn found(error: &Error, kinds: &[ContextKind]) -> String {
    let one = |kind: &ContextKind| match error.get(*kind)? {
        ContextValue::String(value) => Some(value.clone()),
        ContextValue::Strings(values) if !values.is_empty() => Some(values.join(", ")),
        _ => None,
    };
    kinds.iter().find_map(one).unwrap_or_else(|| "-".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_well_formed_in_both_languages() {
        super::super::define(Language::Japanese).debug_assert();
        super::super::define(Language::English).debug_assert();
    }

    #[test]
    fn wrong_use_is_told_in_the_reader_s_language_with_what_was_typed() {
        for (arguments, typed) in [
            (&["sekisho", "chek"][..], "check"),
            (&["sekisho", "check", "--colour"], "--colour"),
            (&["sekisho", "explain", "--switch", "x"], "--mac"),
            (&["sekisho", "plan", "show", "first"], "first"),
            (&["sekisho", "--lang", "fr", "check"], "ja, en"),
            (&["sekisho", "check", "--config"], "--config"),
            (&["sekisho", "evaluate", "--simulate", "1", "--hours", "0"], "1..=744"),
            (&["sekisho", "evaluate", "--simulate", "x"], "`x`"),
        ] {
            for language in [Language::Japanese, Language::English] {
                let error = super::super::define(language).try_get_matches_from(arguments);
                let words = text(&error.unwrap_err(), language);
                assert!(words.contains(typed), "{arguments:?}: {words}");
                let japanese = words.contains("説明は");
                assert_eq!(japanese, language == Language::Japanese, "{words}");
            }
        }
    }
}
