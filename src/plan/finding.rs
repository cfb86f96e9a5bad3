//! What is wrong with what people wrote: every finding has an id, a place and a remedy.

use std::cell::RefCell;

use super::Origin;
use crate::vocabulary::{Language, Text};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Good to know.
    Notice,
    /// What only time brought about, or what `serve` will refuse although the files agree.
    Warning,
    /// No plan can be made of these files.
    Error,
}

impl Severity {
    /// `notice`, `warning` or `error`.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Something wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong.
    pub kind: FindingKind,
    /// The file and line; `None` for a file that is absent.
    pub at: Option<Origin>,
    /// The field, as `environment[2].vlan[0].id`, a column's heading, or empty.
    pub field: String,
    /// What the texts want filled in.
    pub facts: Vec<(&'static str, String)>,
}

impl Finding {
    /// A finding without facts.
    #[must_use]
    pub fn new(kind: FindingKind, at: Option<Origin>, field: impl Into<String>) -> Self {
        Self { kind, at, field: field.into(), facts: Vec::new() }
    }

    /// Adds a fact.
    #[must_use]
    pub fn fact(mut self, name: &'static str, value: impl ToString) -> Self {
        self.facts.push((name, value.to_string()));
        self
    }

    /// How much it matters.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.kind.severity()
    }

    /// What is wrong, for an operator.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        self.kind.text().fill(language, &self.facts)
    }

    /// What to do about it, for an operator.
    #[must_use]
    pub fn remedy(&self, language: Language) -> String {
        self.kind.remedy().fill(language, &self.facts)
    }
}

/// Where the readers of files put what they find.
#[derive(Debug, Default)]
pub(super) struct Sink(RefCell<Vec<Finding>>);

impl Sink {
    pub(super) fn push(&self, finding: Finding) {
        self.0.borrow_mut().push(finding);
    }

    pub(super) fn has_errors(&self) -> bool {
        self.0.borrow().iter().any(|finding| finding.severity() == Severity::Error)
    }

    /// Everything found, by file and line, the gravest first within a line.
    pub(super) fn into_findings(self) -> Vec<Finding> {
        let mut findings = self.0.into_inner();
        findings.sort_by(|left, right| {
            let key = |finding: &Finding| {
                let at = finding.at.as_ref().map(|at| (at.file.clone(), at.line));
                (at, std::cmp::Reverse(finding.severity()))
            };
            key(left).cmp(&key(right))
        });
        findings.dedup();
        findings
    }
}

/// Declares the findings: variant, severity, id, what is wrong (ja, en), what to do (ja, en).
macro_rules! findings {
    ($($name:ident $severity:ident $id:literal [$ja:literal, $en:literal] [$remedy_ja:literal, $remedy_en:literal])*) => {
        /// The kinds of finding.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum FindingKind {
            $(#[doc = $en] $name,)*
        }

        impl FindingKind {
            /// Every kind, in order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable id, `family.word`.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            /// How much it matters.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }

            /// What is wrong.
            #[must_use]
            pub const fn text(self) -> Text {
                match self { $(Self::$name => Text { ja: $ja, en: $en },)* }
            }

            /// What to do about it.
            #[must_use]
            pub const fn remedy(self) -> Text {
                match self { $(Self::$name => Text { ja: $remedy_ja, en: $remedy_en },)* }
            }
        }
    };
}

findings! {
    // Secrets.
    SecretOpen Error "secrets.open-to-everyone"
        ["`{path}` をこの機器の誰でも読めます(モード {mode})。", "everyone on this machine may read `{path}` (mode {mode})"]
        ["chmod o-rwx を実行し、漏れたおそれがあれば鍵を替えてください。", "run chmod o-rwx on it, and replace the secret if it may have leaked"]
    // Files and syntax.
    FileAbsent Error "file.absent"
        ["`{path}` がありません。", "`{path}` is missing"]
        ["ファイルを置いてください。`sekisho init` が見本を作ります。", "put the file there; `sekisho init` writes a commented example"]
    FileUnknown Error "file.unknown"
        ["`{path}` という名前のファイルは使われません。", "no file of the name `{path}` is used"]
        ["名前を確認するか、このファイルを取り除いてください。", "check the name, or move the file away"]
    FileNotText Error "file.not-utf-8"
        ["`{path}` は UTF-8 ではありません(先頭から {octet} バイト目)。", "`{path}` is not UTF-8 (octet {octet})"]
        ["UTF-8 で保存し直してください。", "save it as UTF-8"]
    Syntax Error "file.syntax"
        ["TOML として読めません: {cause}", "this is not valid TOML: {cause}"]
        ["その行の書き方を直してください。", "mend the line"]
    UnknownKey Error "file.unknown-key"
        ["`{key}` という項目はありません。{hint}", "there is no key `{key}` here; {hint}"]
        ["綴りを確認するか、項目を取り除いてください。", "check the spelling, or remove the key"]
    MissingKey Error "file.missing-key"
        ["`{key}` がありません。", "the key `{key}` is missing"]
        ["`{key}` を書いてください。既定値はありません。", "write `{key}`; there is no default"]
    WrongType Error "file.wrong-type"
        ["{expected} でなければなりませんが {found} です。", "expected {expected}, found {found}"]
        ["値を {expected} で書いてください。", "write it as {expected}"]
    NotAChoice Error "file.not-a-choice"
        ["`{value}` は選べません。選べるのは {choices} です。", "`{value}` is not one of {choices}"]
        ["{choices} のどれかを書いてください。", "write one of {choices}"]
    OutOfRange Error "file.out-of-range"
        ["{value} は範囲外です({min} から {max})。", "{value} is outside {min} to {max}"]
        ["{min} から {max} の値を書いてください。", "write a value from {min} to {max}"]
    Empty Error "file.empty-value"
        ["空にはできません。", "this may not be empty"]
        ["値を書いてください。", "write a value"]
    Duplicate Error "file.duplicate"
        ["`{value}` はすでに {other} にあります。", "`{value}` is there already: {other}"]
        ["どちらか一方を取り除くか、別の値にしてください。", "remove one of the two, or give it another value"]
    UnknownReference Error "file.unknown-reference"
        ["{what} `{value}` はどこにも定義されていません。{hint}", "{what} `{value}` is defined nowhere; {hint}"]
        ["名前を確認するか、`{value}` を定義してください。", "check the name, or define `{value}`"]
    BadDate Error "file.bad-date"
        ["`{value}` を日付として読めません({why})。", "`{value}` is not a date ({why})"]
        ["2026-11-23、R8.11.23、令和8年11月23日 のように書いてください。", "write it as 2026-11-23, R8.11.23 or 令和8年11月23日"]
    BadAddress Error "file.bad-address"
        ["`{value}` をアドレスとして読めません: {cause}", "`{value}` is no address: {cause}"]
        ["10.1.0.0/16 や 10.250.1.11 のように書いてください。", "write it as 10.1.0.0/16 or 10.250.1.11"]
    HostBits Error "file.host-bits"
        ["`{value}` はネットワークの先頭のアドレスではありません。", "`{value}` has bits beyond its prefix length"]
        ["`{network}` と書いてください。", "write `{network}`"]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_unique_and_texts_want_the_same_facts() {
        let mut ids = BTreeSet::new();
        for kind in FindingKind::ALL {
            assert!(ids.insert(kind.id()), "{} is used twice", kind.id());
            for text in [kind.text(), kind.remedy()] {
                let facts = |language| text.wants(language).collect::<BTreeSet<_>>();
                assert_eq!(facts(Language::Japanese), facts(Language::English), "{}", kind.id());
            }
        }
    }
}
