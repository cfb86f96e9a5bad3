//! Japan's national holidays by rule (国民の祝日に関する法律), so that no file must be updated.
//!
//! The law as amended for 2022 and later. The two equinoxes are fixed by the almanac that the
//! National Astronomical Observatory publishes each February for the year after; the formula
//! here agrees with every published one and is good until 2099.

use time::{Date, Duration, Month, Weekday};

/// The name of the national holiday on a day, substitute and intervening holidays included.
#[must_use]
pub fn holiday(date: Date) -> Option<&'static str> {
    if let Some(name) = named(date) {
        return Some(name);
    }
    if is_substitute(date) {
        return Some("振替休日");
    }
    // §3(3): a day between two holidays is one itself.
    let between = neighbour(date, -1).and_then(named).and(neighbour(date, 1).and_then(named));
    between.map(|_| "国民の休日")
}

/// §3(2): a holiday on a Sunday moves to the next day that is none.
fn is_substitute(date: Date) -> bool {
    let mut before = neighbour(date, -1);
    while let Some(day) = before.filter(|day| named(*day).is_some()) {
        if day.weekday() == Weekday::Sunday {
            return true;
        }
        before = neighbour(day, -1);
    }
    false
}

fn neighbour(date: Date, days: i64) -> Option<Date> {
    date.checked_add(Duration::days(days))
}

/// §2: the holidays themselves.
fn named(date: Date) -> Option<&'static str> {
    let (year, month, day) = date.to_calendar_date();
    let monday = |week: u8| date.weekday() == Weekday::Monday && (day - 1) / 7 + 1 == week;
    let name = match (month, day) {
        (Month::January, 1) => "元日",
        (Month::January, _) if monday(2) => "成人の日",
        (Month::February, 11) => "建国記念の日",
        (Month::February, 23) => "天皇誕生日",
        (Month::March, day) if day == spring(year) => "春分の日",
        (Month::April, 29) => "昭和の日",
        (Month::May, 3) => "憲法記念日",
        (Month::May, 4) => "みどりの日",
        (Month::May, 5) => "こどもの日",
        (Month::July, _) if monday(3) => "海の日",
        (Month::August, 11) => "山の日",
        (Month::September, day) if day == autumn(year) => "秋分の日",
        (Month::September, _) if monday(3) => "敬老の日",
        (Month::October, _) if monday(2) => "スポーツの日",
        (Month::November, 3) => "文化の日",
        (Month::November, 23) => "勤労感謝の日",
        _ => return None,
    };
    Some(name)
}

fn spring(year: i32) -> u8 {
    equinox(year, 20_843_100)
}

fn autumn(year: i32) -> u8 {
    equinox(year, 23_248_800)
}

/// The day of an equinox in Japan: where it stood in 1980, in millionths of a day, and the part
/// of a day by which the tropical year is longer than 365 days.
fn equinox(year: i32, in_1980: i64) -> u8 {
    let years = i64::from(year) - 1980;
    let day = (in_1980 + 242_194 * years).div_euclid(1_000_000) - years.div_euclid(4);
    u8::try_from(day).unwrap_or(0) // OK because no year of the calendar's is so far away
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every holiday of seven years, `MMDD`, written down from calendars: up to 2027 as the
    /// Cabinet Office publishes them (syukujitsu.csv), later ones as the law and the observatory's
    /// formula give them. The packages `holidays` and `jpholiday` of PyPI list the same days.
    const TABLE: &[(i32, &str)] = &[
        (
            2024,
            "0101 0108 0211 0212 0223 0320 0429 0503 0504 0505 0506 0715 0811 0812 0916 0922 0923 1014 1103 1104 1123",
        ),
        (
            2025,
            "0101 0113 0211 0223 0224 0320 0429 0503 0504 0505 0506 0721 0811 0915 0923 1013 1103 1123 1124",
        ),
        (
            2026,
            "0101 0112 0211 0223 0320 0429 0503 0504 0505 0506 0720 0811 0921 0922 0923 1012 1103 1123",
        ),
        (
            2027,
            "0101 0111 0211 0223 0321 0322 0429 0503 0504 0505 0719 0811 0920 0923 1011 1103 1123",
        ),
        (2028, "0101 0110 0211 0223 0320 0429 0503 0504 0505 0717 0811 0918 0922 1009 1103 1123"),
        (
            2029,
            "0101 0108 0211 0212 0223 0320 0429 0430 0503 0504 0505 0716 0811 0917 0923 0924 1008 1103 1123",
        ),
        (
            2030,
            "0101 0114 0211 0223 0320 0429 0503 0504 0505 0506 0715 0811 0812 0916 0923 1014 1103 1104 1123",
        ),
    ];

    #[test]
    fn every_holiday_of_seven_years_is_found_and_no_other() {
        for (year, days) in TABLE {
            let mut found = Vec::new();
            let mut date = Date::from_calendar_date(*year, Month::January, 1).unwrap();
            while date.year() == *year {
                if holiday(date).is_some() {
                    found.push(format!("{:02}{:02}", u8::from(date.month()), date.day()));
                }
                date = date.next_day().unwrap();
            }
            assert_eq!(found.join(" "), *days, "{year}");
        }
    }

    #[test]
    fn substitute_and_intervening_holidays_have_their_names() {
        let at = |year, month, day| holiday(Date::from_calendar_date(year, month, day).unwrap());
        assert_eq!(at(2026, Month::May, 6), Some("振替休日"));
        assert_eq!(at(2026, Month::September, 22), Some("国民の休日"));
        assert_eq!(at(2026, Month::November, 23), Some("勤労感謝の日"));
        assert_eq!(at(2026, Month::November, 24), None);
    }

    #[test]
    fn no_day_of_the_calendar_panics() {
        for date in [Date::MIN, Date::MAX] {
            let _ = holiday(date);
        }
    }
}
