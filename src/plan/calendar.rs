//! `config/calendar.toml`: when the city hall works. Without the file nobody is out of hours.
//!
//! National holidays are not written there: they follow from the law (`alert::holiday`).

use super::finding::Sink;
use super::read::{Located, Table, document};
use super::{FindingKind, Sources};
use crate::vocabulary::Timestamp;

/// Entries of one list.
const ENTRIES_MAX: usize = 1000;
const MINUTES_A_DAY: u16 = 24 * 60;

/// When the city hall works.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    /// Days on which it is closed beside national holidays.
    pub closed: Vec<Days>,
    /// Days on which it is open although a holiday or weekend.
    pub open: Vec<Days>,
    /// Office hours; those that name a section go before those that name none.
    pub hours: Vec<Hours>,
}

/// Some days with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Days {
    /// Which.
    pub span: DaySpan,
    /// What people call them.
    pub name: String,
}

/// A stretch of days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DaySpan {
    /// From a month and day to another, each year, across its end where the second is earlier.
    EveryYear((u8, u8), (u8, u8)),
    /// From the first instant to before the second.
    Once(Timestamp, Timestamp),
}

/// Office hours of sections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    /// The sections; empty for every section that is not named elsewhere.
    pub sections: Vec<String>,
    /// Monday first.
    pub weekdays: [bool; 7],
    /// Minutes since midnight in Japan.
    pub begin: u16,
    /// Minutes since midnight; at most 1,440.
    pub end: u16,
    /// Whether they hold on holidays and closed days too.
    pub holidays: bool,
}

/// Reads `config/calendar.toml`, where there is one.
pub(super) fn read(sources: &Sources, sink: &Sink) -> Calendar {
    let Some(octets) = sources.config.get("calendar.toml") else { return Calendar::default() };
    let read = document("config/calendar.toml", octets, sink, |table| {
        let list = |key| {
            let mut list = table.tables(key, days);
            table.at_most(key, &mut list, ENTRIES_MAX);
            list
        };
        let (closed, open) = (list("closed"), list("open"));
        let mut hours = table.tables("hours", hours);
        table.at_most("hours", &mut hours, ENTRIES_MAX);
        Some(Calendar { closed, open, hours })
    });
    read.unwrap_or_default()
}

fn days(table: &Table<'_>) -> Option<Days> {
    let name = table.text("name");
    let yearly = |text: &Located<String>| month_day(&text.value);
    let (from, until) = (table.any_text("from")?, table.any_text("until")?);
    let span = match (yearly(&from), yearly(&until)) {
        (Some(from), Some(until)) => DaySpan::EveryYear(from, until),
        _ => {
            let from = table.time("from", Timestamp::parse_day);
            let until = table.time("until", Timestamp::parse_end);
            let (from, until) = (from?, until?);
            if until.value <= from.value {
                let finding = until.finding(FindingKind::TimesReversed);
                table.push(finding.day("from", from.value).day("until", until.value.just_before()));
                return None;
            }
            DaySpan::Once(from.value, until.value)
        }
    };
    Some(Days { span, name: name?.value })
}

/// `12-29`: a day of every year. The 29th of February is one.
fn month_day(text: &str) -> Option<(u8, u8)> {
    const DAYS: [u8; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let (month, day) = text.split_once('-')?;
    let number = |text: &str| {
        let digits = text.len() == 2 && text.bytes().all(|octet| octet.is_ascii_digit());
        digits.then(|| text.parse::<u8>().ok()).flatten()
    };
    let (month, day) = (number(month)?, number(day)?);
    let last = DAYS.get(usize::from(month.checked_sub(1)?))?;
    (1..=*last).contains(&day).then_some((month, day))
}

fn hours(table: &Table<'_>) -> Option<Hours> {
    const WEEKDAYS: &[(&str, usize)] =
        &[("mon", 0), ("tue", 1), ("wed", 2), ("thu", 3), ("fri", 4), ("sat", 5), ("sun", 6)];
    let sections = table.texts("sections");
    let days = table.texts("days").and_then(|days| table.choose_all(&days, WEEKDAYS));
    let (begin, end) = (time_of_day(table, "begin"), time_of_day(table, "end"));
    let holidays = table.boolean("holidays");
    let (begin, end) = (begin?, end?);
    if end.value <= begin.value {
        table.push(end.finding(FindingKind::BadTimeOfDay).fact("value", shown(end.value)));
        return None;
    }
    let mut weekdays = [false; 7];
    for day in days? {
        if let Some(worked) = weekdays.get_mut(day) {
            *worked = true;
        }
    }
    let sections = sections?.into_iter().map(|section| section.value).collect();
    Some(Hours { sections, weekdays, begin: begin.value, end: end.value, holidays: holidays? })
}

/// `08:30` up to `24:00`.
fn time_of_day(table: &Table<'_>, key: &'static str) -> Option<Located<u16>> {
    let text = table.any_text(key)?;
    let read = || {
        let (hour, minute) = text.value.split_once(':')?;
        let number = |text: &str| {
            let digits = text.len() == 2 && text.bytes().all(|octet| octet.is_ascii_digit());
            digits.then(|| text.parse::<u16>().ok()).flatten()
        };
        let (hour, minute) = (number(hour)?, number(minute)?);
        let all = hour * 60 + minute;
        (minute < 60 && all <= MINUTES_A_DAY).then_some(all)
    };
    match read() {
        Some(minutes) => Some(text.map(|_| minutes)),
        None => {
            table.push(text.finding(FindingKind::BadTimeOfDay).fact("value", &text.value));
            None
        }
    }
}

/// `08:30`.
fn shown(minutes: u16) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

impl Hours {
    /// `08:30-17:15`.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}-{}", shown(self.begin), shown(self.end))
    }
}
