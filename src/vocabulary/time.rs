//! Points in time, and the ways Japanese offices write them.

use std::fmt;
use std::time::Duration;

use time::format_description::well_known::Rfc3339;
use time::{Date, Month, OffsetDateTime, Time, UtcOffset};

/// Japan Standard Time: +09:00 all year.
pub(super) const JST: UtcOffset = match UtcOffset::from_hms(9, 0, 0) {
    Ok(offset) => offset,
    Err(_) => UtcOffset::UTC, // OK because nine hours are a valid offset
};

/// Wall-clock time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// An instant as both clocks show it: timers use the monotonic one, evidence the wall clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Time since an arbitrary start of this process; never steps back.
    pub monotonic: Duration,
    /// Wall-clock time; may step.
    pub wall: Timestamp,
}

/// Why a text is no date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateError {
    /// None of the accepted forms.
    Form,
    /// The form is right, the day does not exist (令和8年2月30日).
    NoSuchDay,
    /// The day lies outside the named era (平成31年5月1日).
    OutsideEra,
}

impl Timestamp {
    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// From whole seconds since the epoch.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// This time and a span later, stopping at the ends of the type.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Whole seconds from `self` until `later`; negative when `later` lies before.
    #[must_use]
    pub const fn seconds_until(self, later: Self) -> i64 {
        later.0.saturating_sub(self.0).div_euclid(1000)
    }

    /// RFC 3339 in UTC with milliseconds, for machines.
    #[must_use]
    pub fn rfc3339(self) -> String {
        let mut text = String::with_capacity(24);
        self.push_rfc3339(&mut text);
        text
    }

    /// The same, appended to a text.
    pub fn push_rfc3339(self, text: &mut String) {
        let Some(time) = self.civil(UtcOffset::UTC) else {
            text.push_str(&self.0.to_string());
            return;
        };
        let parts: [(u32, u32, char); 7] = [
            (time.year().unsigned_abs(), 1000, '-'),
            (u8::from(time.month()).into(), 10, '-'),
            (time.day().into(), 10, 'T'),
            (time.hour().into(), 10, ':'),
            (time.minute().into(), 10, ':'),
            (time.second().into(), 10, '.'),
            (time.millisecond().into(), 100, 'Z'),
        ];
        if time.year() < 0 {
            text.push('-');
        }
        for (number, highest, after) in parts {
            let mut unit = highest;
            while unit > 0 {
                text.push(char::from_digit(number / unit % 10, 10).unwrap_or('0'));
                unit /= 10;
            }
            text.push(after);
        }
    }

    /// The day in Japan in the era of the day: `令和8年11月23日`; the Western form before 平成.
    #[must_use]
    pub fn wareki(self) -> String {
        let Some(time) = self.civil(JST) else { return self.0.to_string() };
        let date = time.date();
        let (era, first) = match ERAS.iter().find(|era| date >= era.start()) {
            Some(era) => (era.name, era.year),
            None => {
                return format!("{}年{}月{}日", date.year(), u8::from(date.month()), date.day());
            }
        };
        let year = date.year() - first + 1;
        let year = if year == 1 { "元".to_owned() } else { year.to_string() };
        format!("{era}{year}年{}月{}日", u8::from(date.month()), date.day())
    }

    /// The day in Japan as ISO 8601 writes it: `2026-11-23`.
    #[must_use]
    pub fn day(self) -> String {
        let Some(time) = self.civil(JST) else { return self.0.to_string() };
        format!("{:04}-{:02}-{:02}", time.year(), u8::from(time.month()), time.day())
    }

    /// Date and time in Japan, for people: `2026-11-23 09:00:00`.
    #[must_use]
    pub fn local(self) -> String {
        let Some(time) = self.civil(JST) else { return self.0.to_string() };
        format!("{} {:02}:{:02}:{:02}", self.day(), time.hour(), time.minute(), time.second())
    }

    /// An instant of the record for people ([`Timestamp::local`]); another text as it is.
    #[must_use]
    pub fn told(text: &str) -> String {
        Self::parse(text).map_or_else(|_| text.to_owned(), Self::local)
    }

    /// Date and time in Japan; `None` outside the years that a calendar has.
    #[must_use]
    pub fn japan(self) -> Option<OffsetDateTime> {
        self.civil(JST)
    }

    /// The last instant before this one: what is over from midnight on held through the day
    /// before.
    #[must_use]
    pub const fn just_before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// Reads a point in time: RFC 3339, a day and the time of day in Japan (`2026-11-23 09:00` or
    /// `09:00:00`), or a day (see [`Timestamp::parse_day`]) as its first instant in Japan.
    ///
    /// # Errors
    /// [`DateError`] says whether the form or the day is wrong.
    pub fn parse(text: &str) -> Result<Self, DateError> {
        Self::instant(text).unwrap_or_else(|| Self::parse_day(text))
    }

    /// What names an instant and not a day; `None` for anything else.
    fn instant(text: &str) -> Option<Result<Self, DateError>> {
        let text = text.trim();
        if text.contains(['T', 't']) {
            let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| DateError::Form);
            return Some(time.map(Self::of));
        }
        let (day, clock) = text.rsplit_once(' ').filter(|(_, clock)| clock.contains(':'))?;
        let seconds = seconds_of(clock).ok_or(DateError::Form);
        Some(seconds.and_then(|seconds| Ok(Self::parse_day(day)?.plus(seconds))))
    }

    /// Reads a day and gives its first instant in Japan: `2026-11-23`, `2026/11/23`, `20261123`,
    /// `R8.11.23`, `令和8年11月23日`, 平成 likewise, 元年, full-width digits. Two-digit years
    /// without an era are refused.
    ///
    /// # Errors
    /// [`DateError`] says whether the form or the day is wrong.
    pub fn parse_day(text: &str) -> Result<Self, DateError> {
        let folded: String = text.trim().chars().map(fold_width).collect();
        let date = parse_date(&folded)?;
        Ok(Self::of(OffsetDateTime::new_in_offset(date, Time::MIDNIGHT, JST)))
    }

    /// The first instant after the day (in Japan) that `text` names: when something that is
    /// valid through that day ends. With a time of day it names the end itself.
    ///
    /// # Errors
    /// As [`Timestamp::parse`].
    pub fn parse_end(text: &str) -> Result<Self, DateError> {
        Self::instant(text)
            .unwrap_or_else(|| Ok(Self::parse_day(text)?.plus(Duration::from_secs(86_400))))
    }

    fn civil(self, offset: UtcOffset) -> Option<OffsetDateTime> {
        let time = OffsetDateTime::from_unix_timestamp(self.seconds()).ok()?;
        let milliseconds = u16::try_from(self.0.rem_euclid(1000)).ok()?;
        time.replace_millisecond(milliseconds).ok()?.checked_to_offset(offset)
    }

    pub(super) fn of(time: OffsetDateTime) -> Self {
        let milliseconds = time.unix_timestamp_nanos().div_euclid(1_000_000);
        Self(i64::try_from(milliseconds).unwrap_or(i64::MAX))
    }
}

/// How long after midnight `09:00` or `09:00:00` is.
fn seconds_of(clock: &str) -> Option<Duration> {
    let mut parts = clock.split(':').map(|part| {
        let digits = part.len() == 2 && part.bytes().all(|octet| octet.is_ascii_digit());
        part.parse::<u64>().ok().filter(|_| digits)
    });
    let (hours, minutes) = (parts.next()??, parts.next()??);
    let seconds = parts.next().unwrap_or(Some(0))?;
    let sound = hours < 24 && minutes < 60 && seconds < 60 && parts.next().is_none();
    sound.then_some(Duration::from_secs(hours * 3600 + minutes * 60 + seconds))
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

pub(super) struct Era {
    pub(super) name: &'static str,
    pub(super) letter: char,
    /// Western year of 元年.
    pub(super) year: i32,
    month: Month,
    day: u8,
}

impl Era {
    fn start(&self) -> Date {
        Date::from_calendar_date(self.year, self.month, self.day).unwrap_or(Date::MIN)
    }
}

/// Newest first.
pub(super) const ERAS: [Era; 2] = [
    Era { name: "令和", letter: 'R', year: 2019, month: Month::May, day: 1 },
    Era { name: "平成", letter: 'H', year: 1989, month: Month::January, day: 8 },
];

pub(super) fn fold_width(character: char) -> char {
    match character {
        '０'..='９' | 'Ａ'..='Ｚ' | 'ａ'..='ｚ' | '．' | '／' | '－' => {
            char::from_u32(u32::from(character) - 0xfee0).unwrap_or(character)
        }
        other => other,
    }
}

fn parse_date(text: &str) -> Result<Date, DateError> {
    for (index, era) in ERAS.iter().enumerate() {
        let rest = text.strip_prefix(era.name).or_else(|| {
            text.strip_prefix(era.letter)
                .or_else(|| text.strip_prefix(era.letter.to_ascii_lowercase()))
        });
        let Some(rest) = rest else { continue };
        let (year, month, day) = split_date(rest)?;
        let year = if year == "元" { 1 } else { number(year)? };
        let date = calendar(era.year + i32::from(year) - 1, number(month)?, number(day)?)?;
        let ended = index.checked_sub(1).and_then(|newer| ERAS.get(newer)).map(Era::start);
        if year == 0 || date < era.start() || ended.is_some_and(|end| date >= end) {
            return Err(DateError::OutsideEra);
        }
        return Ok(date);
    }
    if text.len() == 8 && text.bytes().all(|octet| octet.is_ascii_digit()) {
        let (year, rest) = text.split_at_checked(4).ok_or(DateError::Form)?;
        let (month, day) = rest.split_at_checked(2).ok_or(DateError::Form)?;
        return calendar(i32::from(number(year)?), number(month)?, number(day)?);
    }
    let (year, month, day) = split_date(text)?;
    if year.len() != 4 {
        return Err(DateError::Form);
    }
    calendar(i32::from(number(year)?), number(month)?, number(day)?)
}

fn split_date(text: &str) -> Result<(&str, &str, &str), DateError> {
    let text = text.strip_suffix('日').unwrap_or(text);
    let mut parts = text.split(['.', '/', '-', '年', '月']);
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(year), Some(month), Some(day), None) => Ok((year, month, day)),
        _ => Err(DateError::Form),
    }
}

fn number(text: &str) -> Result<u16, DateError> {
    if text.is_empty() || !text.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(DateError::Form);
    }
    text.parse().map_err(|_| DateError::Form)
}

fn calendar(year: i32, month: u16, day: u16) -> Result<Date, DateError> {
    let month = u8::try_from(month).ok().and_then(|month| Month::try_from(month).ok());
    let (Some(month), Ok(day)) = (month, u8::try_from(day)) else {
        return Err(DateError::NoSuchDay);
    };
    Date::from_calendar_date(year, month, day).map_err(|_| DateError::NoSuchDay)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_names_the_same_day() {
        let expected = Timestamp::parse("2026-11-23T00:00:00+09:00");
        for text in [
            "2026-11-23",
            "2026/11/23",
            "20261123",
            "R8.11.23",
            "r8/11/23",
            "令和8年11月23日",
            "令和８年１１月２３日",
            "２０２６／１１／２３",
        ] {
            assert_eq!(Timestamp::parse(text), expected, "{text}");
        }
        assert_eq!(Timestamp::parse("令和元年5月1日"), Timestamp::parse("2019-05-01"));
        assert_eq!(expected.unwrap().wareki(), "令和8年11月23日");
        assert_eq!(Timestamp::parse("2019-05-01").unwrap().wareki(), "令和元年5月1日");
    }

    #[test]
    fn impossible_days_are_refused() {
        for (text, error) in [
            ("平成31年5月1日", DateError::OutsideEra),
            ("令和元年4月30日", DateError::OutsideEra),
            ("R0.5.1", DateError::OutsideEra),
            ("令和8年2月30日", DateError::NoSuchDay),
            ("26-11-23", DateError::Form),
            ("2026-11", DateError::Form),
            ("", DateError::Form),
            ("+2026-1-1", DateError::Form),
            ("2026-11-23T25:00:00Z", DateError::Form),
        ] {
            assert_eq!(Timestamp::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn a_day_ends_after_itself() {
        assert_eq!(Timestamp::parse_end("2026-11-23"), Timestamp::parse("2026-11-24"));
        let exact = "2026-11-23T12:00:00+09:00";
        assert_eq!(Timestamp::parse_end(exact), Timestamp::parse(exact));
        assert_eq!(Timestamp::parse(exact).unwrap().rfc3339(), "2026-11-23T03:00:00.000Z");
        // What people are shown they may write.
        let shown = Timestamp::parse(exact).unwrap().local();
        assert_eq!(Timestamp::parse(&shown), Timestamp::parse(exact), "{shown}");
        assert_eq!(Timestamp::parse_end("R8.11.23 12:00"), Timestamp::parse(exact));
        for wrong in ["2026-11-23 24:00", "2026-11-23 9:00", "2026-11-23 12:00:00:00", "x 12:00"] {
            assert!(Timestamp::parse(wrong).is_err(), "{wrong}");
        }
        let end = Timestamp::parse_end("2026-11-23").unwrap();
        assert_eq!(
            (end.day(), end.just_before().day()),
            ("2026-11-24".into(), "2026-11-23".into())
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text: String) {
            let _ = Timestamp::parse(&text);
            let _ = Timestamp::parse_end(&text);
        }

        #[test]
        fn no_time_panics(milliseconds: i64) {
            let _ = (Timestamp(milliseconds).rfc3339(), Timestamp(milliseconds).wareki());
        }

        #[test]
        fn machine_form_round_trips(milliseconds in 0_i64..4_102_444_800_000) {
            let time = Timestamp(milliseconds);
            proptest::prop_assert_eq!(Timestamp::parse(&time.rfc3339()), Ok(time));
        }
    }
}
