//! What is wrong with what people wrote: every finding has an id, a place and a remedy.

mod kinds;

use std::cell::RefCell;
use std::fmt::Display;

pub use kinds::FindingKind;

use super::{Origin, Step};
use crate::vocabulary::{Fact, Language, Text, Timestamp};

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
    /// The file and line; `None` where no line can be named.
    pub at: Option<Origin>,
    /// The field, as `environment[2].vlan[0].id`, a column's heading, or empty.
    pub field: String,
    /// What the texts want filled in.
    pub facts: Vec<(&'static str, Fact)>,
    /// How it comes about, step by step, where a proof found it.
    pub witness: Vec<Step>,
    /// How much it matters here, when an exception makes that another than its kind's.
    pub graded: Option<Severity>,
}

impl Finding {
    /// A finding without facts.
    #[must_use]
    pub fn new(kind: FindingKind, at: Option<Origin>, field: impl Into<String>) -> Self {
        let (facts, witness) = (Vec::new(), Vec::new());
        Self { kind, at, field: field.into(), facts, witness, graded: None }
    }

    /// Adds a fact.
    #[must_use]
    pub fn fact(mut self, name: &'static str, value: impl Display) -> Self {
        self.facts.push((name, Fact::word(value)));
        self
    }

    /// Adds a day.
    #[must_use]
    pub fn day(mut self, name: &'static str, time: Timestamp) -> Self {
        self.facts.push((name, Fact::Day(time)));
        self
    }

    /// Adds one of the words that files are described with.
    #[must_use]
    pub(super) fn term(mut self, name: &'static str, word: &'static str) -> Self {
        self.facts.push((name, Fact::Both(Box::new(Text { ja: japanese(word), en: word }))));
        self
    }

    /// How much it matters.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        match self.graded {
            Some(severity) => severity,
            None => self.kind.severity(),
        }
    }

    /// What is wrong, for an operator.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        self.kind.text().tell(language, &self.facts)
    }

    /// What to do about it, for an operator.
    #[must_use]
    pub fn remedy(&self, language: Language) -> String {
        self.kind.remedy().tell(language, &self.facts)
    }
}

/// The Japanese for a word that files are described with; the word itself where Japanese has no
/// other.
fn japanese(word: &'static str) -> &'static str {
    match word {
        "site" => "拠点",
        "switch" => "スイッチ",
        "port" => "ポート",
        "ring" => "リング",
        "environment" => "環境",
        "profile" => "プロファイル",
        "class" => "端末区分",
        "device, class" => "端末または端末区分",
        "authority" => "認証局",
        "ssid" => "無線ネットワーク",
        "one host address is wanted" => "一台のアドレスを書きます",
        "an address, alone or with a prefix length, is wanted" => {
            "アドレス、またはアドレス/プレフィックス長を書きます"
        }
        "first > last" => "始まりが終わりより大きい",
        "number too large" => "番号が大きすぎます",
        "too many" => "多すぎます",
        "too long" => "長すぎます",
        "spaces" => "空白があります",
        "asset" => "資産番号",
        "gateway" => "ゲートウェイ",
        "acl" => "アクセスリスト",
        "form" => "書き方が違います",
        "no such day" => "暦にない日です",
        "outside the era" => "その元号の日ではありません",
        "spelling" => "書き方が違います",
        "all zero" => "すべて 0 です",
        "multicast or broadcast" => "一台のアドレスではありません",
        "another entry" => "別の項目",
        "string" => "文字列",
        "integer" => "整数",
        "float" => "小数",
        "boolean" => "true または false",
        "datetime" => "日時",
        "array" => "配列",
        "table" => "テーブル",
        "array of tables" => "テーブルの配列",
        word => word,
    }
}

/// Where the readers of files put what they find.
#[derive(Debug, Default)]
pub(crate) struct Sink(RefCell<Vec<Finding>>);

impl Sink {
    pub(crate) fn push(&self, finding: Finding) {
        self.0.borrow_mut().push(finding);
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.0.borrow().iter().any(|finding| finding.severity() == Severity::Error)
    }

    /// Everything found, by file and line, the gravest first within a line.
    pub(crate) fn into_findings(self) -> Vec<Finding> {
        let mut findings = self.0.into_inner();
        // What a file that could not be read defines is not missing.
        let unread = |finding: &Finding| {
            use FindingKind as K;
            matches!(
                finding.kind,
                K::FileAbsent
                    | K::FileNotText
                    | K::Syntax
                    | K::NoHeader
                    | K::ColumnMissing
                    | K::ColumnTwice
                    | K::QuoteOpen
            )
        };
        if findings.iter().any(unread) {
            findings.retain(|finding| finding.kind != FindingKind::UnknownReference);
        }
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

/// The first few of a list, and how many more there are.
pub(crate) fn some_of(items: &[String], max: usize) -> String {
    let mut shown: Vec<&str> = items.iter().take(max).map(String::as_str).collect();
    let rest = items.len().saturating_sub(max);
    let more = format!("+{rest}");
    if rest > 0 {
        shown.push(&more);
    }
    shown.join(", ")
}
