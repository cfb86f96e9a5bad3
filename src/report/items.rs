//! Item numbers of the audit guide (監査項目番号), which each city maps to the rules itself.

use std::collections::BTreeMap;

use super::rules::RULES;
use crate::vocabulary::registry;

registry! {
    /// Why a file of item numbers cannot be used.
    ItemsError {
        Form "report.items-form"
            ["監査項目番号のファイルを読み取れません: {cause}。例: [items] の下に R01 = \"5.1.2\"", "the file of item numbers cannot be read: {cause}; write R01 = \"5.1.2\" below [items]"]
        Rule "report.items-rule"
            ["`{rule}` という規則はありません。R01 から R25 で書きます", "there is no rule `{rule}`; they are R01 to R25"]
    }
}

/// What to fill into the text of an [`ItemsError`].
pub type ItemsFacts = Vec<(&'static str, String)>;

/// The item number of each rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Items(BTreeMap<String, String>);

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    items: BTreeMap<String, String>,
}

impl Items {
    /// Reads a file's text.
    ///
    /// # Errors
    /// What is wrong, and what to fill into its text.
    pub fn parse(text: &str) -> Result<Self, (ItemsError, ItemsFacts)> {
        let file: File = toml::from_str(text)
            .map_err(|cause| (ItemsError::Form, vec![("cause", cause.message().to_owned())]))?;
        let unknown = file.items.keys().find(|rule| RULES.iter().all(|(id, _)| id != rule));
        match unknown {
            Some(rule) => Err((ItemsError::Rule, vec![("rule", rule.clone())])),
            None => Ok(Self(file.items)),
        }
    }

    /// The number of a rule; empty where none is given.
    #[must_use]
    pub fn of(&self, rule: &str) -> &str {
        self.0.get(rule).map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_and_wrong_files_refused() {
        let items = Items::parse("[items]\nR01 = \"5.1.2\"\n").unwrap();
        assert_eq!((items.of("R01"), items.of("R02")), ("5.1.2", ""));
        assert_eq!(Items::parse("").unwrap(), Items::default());
        assert_eq!(Items::parse("[items]\nR26 = \"1\"").unwrap_err().0, ItemsError::Rule);
        for text in ["[item]\nR01 = \"1\"", "[items]\nR01 = 1", "x"] {
            assert_eq!(Items::parse(text).unwrap_err().0, ItemsError::Form, "{text}");
        }
    }
}
