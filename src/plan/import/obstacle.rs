//! What keeps an import from being written.

use super::Import;
use crate::vocabulary::{Language, Text};

/// Devices that one import may remove without being told how many, in percent.
const REMOVED_PERCENT_MAX: usize = 5;

/// What the operator has agreed to beforehand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Consent {
    /// That refused rows are left out.
    pub partial: bool,
    /// That exactly so many devices are removed.
    pub removals: Option<usize>,
}

/// A reason not to write the inventory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// Rows are refused.
    Refused(usize),
    /// More devices would be removed than [`REMOVED_PERCENT_MAX`] allows.
    RemovalsMany(usize),
    /// Other than the number of devices agreed to would be removed.
    RemovalsOther(usize, usize),
    /// A refused row may be about any of the devices that would be removed.
    RemovalsUnsure,
    /// The plan would have errors.
    Faults(usize),
    /// The inventory's encoding has no octets for a character.
    Unwritable(&'static str),
}

impl Import {
    /// Everything that keeps the result from being written.
    #[must_use]
    pub fn obstacles(&self, consent: Consent) -> Vec<Obstacle> {
        let mut obstacles = Vec::new();
        let removed = self.removed.len();
        if !self.refused.is_empty() && !consent.partial {
            obstacles.push(Obstacle::Refused(self.refused.len()));
        }
        match consent.removals {
            Some(agreed) if agreed != removed => {
                obstacles.push(Obstacle::RemovalsOther(removed, agreed));
            }
            Some(_) => {}
            None if removed * 100 > self.devices * REMOVED_PERCENT_MAX => {
                obstacles.push(Obstacle::RemovalsMany(removed));
            }
            None => {}
        }
        if removed > 0 && self.nameless {
            obstacles.push(Obstacle::RemovalsUnsure);
        }
        if !self.faults.is_empty() {
            obstacles.push(Obstacle::Faults(self.faults.len()));
        }
        if self.inventory.is_none() {
            obstacles.push(Obstacle::Unwritable(self.inventory_charset.name()));
        }
        obstacles
    }
}

impl Obstacle {
    /// The stable id.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Refused(_) => "import.rows-refused",
            Self::RemovalsMany(_) => "import.removals-many",
            Self::RemovalsOther(..) => "import.removals-other",
            Self::RemovalsUnsure => "import.removals-unsure",
            Self::Faults(_) => "import.plan-refused",
            Self::Unwritable(_) => "import.unwritable",
        }
    }

    /// The obstacle for people, and what to do about it.
    #[must_use]
    pub fn text(self, language: Language) -> String {
        let mut facts = Vec::new();
        let text = match self {
            Self::Refused(count) => {
                facts.push(("count", count.to_string()));
                Text {
                    ja: "不正な行が {count} 行あります。直すか、その行を除いて取り込むなら --accept-partial を付けてください",
                    en: "{count} rows are invalid; mend them, or add --accept-partial to leave them out",
                }
            }
            Self::RemovalsMany(count) => {
                facts.push(("count", count.to_string()));
                facts.push(("percent", REMOVED_PERCENT_MAX.to_string()));
                Text {
                    ja: "削除が端末全体の {percent}% を超えます。本当に削除するなら --accept-removals {count} を付けてください",
                    en: "more than {percent}% of the devices would be removed; if that is meant, add --accept-removals {count}",
                }
            }
            Self::RemovalsOther(count, agreed) => {
                facts.push(("count", count.to_string()));
                facts.push(("agreed", agreed.to_string()));
                Text {
                    ja: "削除は {count} 台ですが、--accept-removals は {agreed} です",
                    en: "{count} devices would be removed, but --accept-removals says {agreed}",
                }
            }
            Self::RemovalsUnsure => Text {
                ja: "どの端末か分からない不正な行があるため、削除してよい端末を決められません。その行を直してください",
                en: "an invalid row does not say which device it is about, so none can be removed; mend that row",
            },
            Self::Faults(count) => {
                facts.push(("count", count.to_string()));
                Text {
                    ja: "取り込み後の設定に誤りが {count} 件あります。先に直してください",
                    en: "the files would hold {count} errors; mend them first",
                }
            }
            Self::Unwritable(charset) => {
                facts.push(("charset", charset.to_owned()));
                Text {
                    ja: "台帳の文字コード {charset} では書けない文字があります。config/inventory.csv を UTF-8 で保存し直してください",
                    en: "a character cannot be written in {charset}, the encoding of the inventory; save config/inventory.csv as UTF-8",
                }
            }
        };
        text.fill(language, &facts)
    }
}
