//! Fiscal years and quarters of Japanese offices: April to March.

use super::time::{ERAS, JST, fold_width};
use super::{Language, Timestamp, registry};
use time::{Date, Month, OffsetDateTime, Time};

registry! {
    /// Why a text is no fiscal period.
    FiscalError {
        Quarter "fiscal.quarter"
            ["四半期 `{value}` を読み取れません。例: 令和8年度第3四半期、R8Q3、2026Q3(いずれも令和8年10月1日から12月31日)", "cannot read the quarter `{value}`; write 令和8年度第3四半期, R8Q3 or 2026Q3, each of which is October to December 2026: years are fiscal years"]
        Year "fiscal.year"
            ["年度 `{value}` を読み取れません。例: 令和8年度、R8、2026年度(いずれも令和8年4月1日から令和9年3月31日)", "cannot read the fiscal year `{value}`; write 令和8年度, R8 or 2026, each of which is April 2026 to March 2027"]
        NoSuchQuarter "fiscal.no-such-quarter"
            ["四半期は第1(4–6月)から第4(1–3月)までです: `{value}`", "a fiscal year has quarters 1 (April to June) to 4 (January to March), not `{value}`"]
        OutsideEra "fiscal.outside-era"
            ["`{value}` は存在しない年度です。平成元年度から平成31年度まで、または令和元年度からで指定します", "there is no fiscal year `{value}`; 平成 has 1 to 31, 令和 begins with 1 (元年度, April 2019)"]
    }
}

/// A fiscal year, or one quarter of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FiscalPeriod {
    /// The calendar year in which the fiscal year begins.
    year: i32,
    /// 1 to 4; `None` for the whole year.
    quarter: Option<u8>,
}

/// Years that can be named without an era.
const YEARS: std::ops::RangeInclusive<i32> = 1989..=2999;
/// Written behind a year.
const YEAR_SIGNS: [&str; 2] = ["年度", "年"];

impl FiscalPeriod {
    /// Reads a fiscal year: `令和8年度`, `R8`, `2026年度`, `2026`; 元年, full-width digits.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse_year(text: &str) -> Result<Self, FiscalError> {
        let text = folded(text);
        let year = fiscal_year(&text).map_err(|error| error.unwrap_or(FiscalError::Year))?;
        Ok(Self { year, quarter: None })
    }

    /// Reads a quarter of a fiscal year: `令和8年度第3四半期`, `R8Q3`, `2026Q3`. The year is the
    /// fiscal year in any case: `2026Q4` is January to March 2027.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse_quarter(text: &str) -> Result<Self, FiscalError> {
        let text = folded(text);
        let (year, quarter) = match text.strip_suffix("四半期") {
            Some(rest) => rest.split_once('第'),
            None => text.rsplit_once(['Q', 'q']),
        }
        .ok_or(FiscalError::Quarter)?;
        let year = year.trim_end_matches([' ', '-', '.']);
        let year = fiscal_year(year).map_err(|error| error.unwrap_or(FiscalError::Quarter))?;
        let quarter: u8 = quarter.parse().map_err(|_| FiscalError::Quarter)?;
        if !(1..=4).contains(&quarter) {
            return Err(FiscalError::NoSuchQuarter);
        }
        Ok(Self { year, quarter: Some(quarter) })
    }

    /// The first instant, midnight in Japan.
    #[must_use]
    pub fn from(self) -> Timestamp {
        match self.quarter {
            Some(4) => midnight(self.year + 1, Month::January),
            Some(3) => midnight(self.year, Month::October),
            Some(2) => midnight(self.year, Month::July),
            _ => midnight(self.year, Month::April),
        }
    }

    /// The first instant after it.
    #[must_use]
    pub fn to(self) -> Timestamp {
        match self.quarter {
            Some(1) => midnight(self.year, Month::July),
            Some(2) => midnight(self.year, Month::October),
            Some(3) => midnight(self.year + 1, Month::January),
            _ => midnight(self.year + 1, Month::April),
        }
    }

    /// What people call it: `令和8年度第3四半期`, `FY2026 Q3`.
    #[must_use]
    pub fn name(self, language: Language) -> String {
        match language {
            Language::Japanese => {
                // The year that began as 平成31年度 is called by the era most of it was in.
                let era = ERAS.iter().find(|era| era.year <= self.year);
                let year = match era.map(|era| (era.name, self.year - era.year + 1)) {
                    Some((name, 1)) => format!("{name}元年度"),
                    Some((name, year)) => format!("{name}{year}年度"),
                    None => format!("{}年度", self.year),
                };
                self.quarter.map_or(year.clone(), |quarter| format!("{year}第{quarter}四半期"))
            }
            Language::English => {
                let year = format!("FY{}", self.year);
                self.quarter.map_or(year.clone(), |quarter| format!("{year} Q{quarter}"))
            }
        }
    }

    /// The same for machines: `2026Q3`, `2026`.
    #[must_use]
    pub fn id(self) -> String {
        self.quarter.map_or_else(|| self.year.to_string(), |it| format!("{}Q{it}", self.year))
    }
}

fn folded(text: &str) -> String {
    text.chars().map(fold_width).filter(|letter| !letter.is_whitespace()).collect()
}

/// The calendar year in which a fiscal year begins; `None` where the text is no year at all.
fn fiscal_year(text: &str) -> Result<i32, Option<FiscalError>> {
    let bare = YEAR_SIGNS.iter().find_map(|sign| text.strip_suffix(sign)).unwrap_or(text);
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
        text.parse::<i32>().ok().filter(|_| digits && text.len() <= 4).ok_or(None)
    };
    for (index, era) in ERAS.iter().enumerate() {
        let by_letter = |letter: char| bare.strip_prefix(letter);
        let rest = bare.strip_prefix(era.name).or_else(|| by_letter(era.letter));
        let rest = rest.or_else(|| by_letter(era.letter.to_ascii_lowercase()));
        let Some(rest) = rest else { continue };
        let year = if rest == "元" { 1 } else { number(rest)? };
        let year = era.year + year - 1;
        // A fiscal year has the name of any era that it is in: 平成31年度 is 令和元年度.
        let newer = index.checked_sub(1).and_then(|newer| ERAS.get(newer));
        let over = newer.is_some_and(|newer| year > newer.year);
        return if year < era.year || over || !YEARS.contains(&year) {
            Err(Some(FiscalError::OutsideEra))
        } else {
            Ok(year)
        };
    }
    let year = number(bare)?;
    if bare.len() == 4 && YEARS.contains(&year) { Ok(year) } else { Err(None) }
}

fn midnight(year: i32, month: Month) -> Timestamp {
    let date = Date::from_calendar_date(year, month, 1).unwrap_or(Date::MAX);
    Timestamp::of(OffsetDateTime::new_in_offset(date, Time::MIDNIGHT, JST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quarter(text: &str) -> Result<String, FiscalError> {
        FiscalPeriod::parse_quarter(text).map(FiscalPeriod::id)
    }

    fn year(text: &str) -> Result<String, FiscalError> {
        FiscalPeriod::parse_year(text).map(FiscalPeriod::id)
    }

    #[test]
    fn every_spelling_of_a_quarter_is_the_same_quarter() {
        for text in [
            "令和8年度第3四半期",
            "令和８年度第３四半期",
            "令和8年度 第3四半期",
            "令和8年第3四半期",
            "R8Q3",
            "r8q3",
            "Ｒ８Ｑ３",
            "R8-Q3",
            "2026Q3",
            "2026年度第3四半期",
            " 2026-Q3 ",
        ] {
            assert_eq!(quarter(text).as_deref(), Ok("2026Q3"), "{text}");
        }
        assert_eq!(quarter("令和元年度第4四半期").as_deref(), Ok("2019Q4"));
        assert_eq!(quarter("平成31年度第1四半期").as_deref(), Ok("2019Q1"));
        assert_eq!(quarter("R1Q1").as_deref(), Ok("2019Q1"));
    }

    #[test]
    fn every_spelling_of_a_year_is_the_same_year() {
        for text in ["令和8年度", "令和８年度", "R8", "2026", "2026年度", "令和8年"] {
            assert_eq!(year(text).as_deref(), Ok("2026"), "{text}");
        }
        assert_eq!(year("令和元年度"), year("平成31年度"));
        assert_eq!(year("平成元年度").as_deref(), Ok("1989"));
    }

    #[test]
    fn quarters_follow_one_another_without_gap_from_april_to_march_in_japan() {
        let span = |text: &str| {
            let period = FiscalPeriod::parse_quarter(text).unwrap();
            (period.from(), period.to())
        };
        let day = |text: &str| Timestamp::parse_day(text).unwrap();
        assert_eq!(span("R8Q1"), (day("2026-04-01"), day("2026-07-01")));
        assert_eq!(span("R8Q2"), (day("2026-07-01"), day("2026-10-01")));
        assert_eq!(span("R8Q3"), (day("2026-10-01"), day("2027-01-01")));
        assert_eq!(span("R8Q4"), (day("2027-01-01"), day("2027-04-01")));
        let whole = FiscalPeriod::parse_year("令和8年度").unwrap();
        assert_eq!((whole.from(), whole.to()), (day("2026-04-01"), day("2027-04-01")));
        assert_eq!(whole.from().rfc3339(), "2026-03-31T15:00:00.000Z");
    }

    #[test]
    fn a_period_is_called_as_offices_call_it() {
        let name = |text: &str, language| FiscalPeriod::parse_quarter(text).unwrap().name(language);
        assert_eq!(name("R8Q3", Language::Japanese), "令和8年度第3四半期");
        assert_eq!(name("2019Q1", Language::Japanese), "令和元年度第1四半期");
        assert_eq!(name("2018Q4", Language::Japanese), "平成30年度第4四半期");
        assert_eq!(name("R8Q3", Language::English), "FY2026 Q3");
        assert_eq!(FiscalPeriod::parse_year("R8").unwrap().name(Language::English), "FY2026");
    }

    #[test]
    fn what_is_no_period_is_refused_with_its_kind() {
        for text in [
            "",
            "Q3",
            "令和8年度",
            "8Q3",
            "26Q3",
            "2026",
            "R8Qx",
            "第3四半期",
            "昭和63年度第1四半期",
        ] {
            assert_eq!(quarter(text), Err(FiscalError::Quarter), "{text}");
        }
        for text in ["2026Q0", "R8Q5", "令和8年度第9四半期"] {
            assert_eq!(quarter(text), Err(FiscalError::NoSuchQuarter), "{text}");
        }
        for text in ["令和0年度", "平成32年度", "R1000"] {
            assert_eq!(year(text), Err(FiscalError::OutsideEra), "{text}");
        }
        for text in ["", "8", "令和", "令和x年度", "R8Q3", "20260", "1868", "-2026", "令和+8年度"]
        {
            assert_eq!(year(text), Err(FiscalError::Year), "{text}");
        }
    }

    #[test]
    fn refusals_show_an_example_in_both_languages() {
        for error in FiscalError::ALL {
            for language in [Language::Japanese, Language::English] {
                let text = error.text().fill(language, &[("value", "x".into())]);
                assert!(text.contains("`x`"), "{text}");
            }
        }
    }
}
