//! Whether a section is at work: its hours, national holidays, and the city's own calendar.

use super::holiday::holiday;
use crate::plan::{Calendar, DaySpan, Days, Hours};
use crate::vocabulary::Timestamp;

/// Why a section is not at work at `now`: the name of the holiday, or its hours. `None` when it
/// is, or when nobody wrote its hours down.
#[must_use]
pub fn closed(now: Timestamp, calendar: &Calendar, section: &str) -> Option<String> {
    let hours = hours_of(calendar, section)?;
    let local = now.japan()?;
    let date = local.date();
    let day = (u8::from(date.month()), date.day());
    let open = calendar.open.iter().any(|days| holds(days, now, day));
    if !open && !hours.holidays {
        let own = || calendar.closed.iter().find(|days| holds(days, now, day));
        let name = holiday(date).map(str::to_owned);
        if let Some(name) = name.or_else(|| own().map(|days| days.name.clone())) {
            return Some(name);
        }
    }
    let weekday = usize::from(date.weekday().number_days_from_monday());
    let worked = open || hours.weekdays.get(weekday).copied().unwrap_or_default();
    let minute = u16::from(local.hour()) * 60 + u16::from(local.minute());
    let within = worked && (hours.begin..hours.end).contains(&minute);
    (!within).then(|| hours.text())
}

fn hours_of<'a>(calendar: &'a Calendar, section: &str) -> Option<&'a Hours> {
    let own = |hours: &&Hours| hours.sections.iter().any(|each| each == section);
    let common = |hours: &&Hours| hours.sections.is_empty();
    let all = || calendar.hours.iter();
    all().find(own).or_else(|| all().find(common))
}

fn holds(days: &Days, now: Timestamp, day: (u8, u8)) -> bool {
    match days.span {
        DaySpan::EveryYear(from, until) if from <= until => from <= day && day <= until,
        DaySpan::EveryYear(from, until) => from <= day || day <= until,
        DaySpan::Once(from, until) => from <= now && now < until,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan;

    #[test]
    fn the_shipped_calendar_knows_when_the_city_works() {
        let sources = plan::tests::shipped();
        let plan = plan::compile(&sources, plan::tests::NOW).plan.unwrap();
        let asked = |time: &str, section: &str| {
            let now = Timestamp::parse(&format!("{time}:00+09:00")).unwrap();
            closed(now, &plan.calendar, section)
        };
        for (time, section, expected) in [
            ("2026-11-24T09:00", "市民課", None),
            ("2026-11-24T06:59", "市民課", Some("07:00-21:00")),
            ("2026-11-24T20:59", "市民課", None),
            ("2026-11-24T21:00", "市民課", Some("07:00-21:00")),
            ("2026-11-23T10:00", "市民課", Some("勤労感謝の日")),
            ("2026-11-28T10:00", "市民課", Some("07:00-21:00")),
            ("2026-12-29T10:00", "市民課", Some("年末年始")),
            ("2027-01-01T10:00", "市民課", Some("元日")),
            ("2027-01-03T10:00", "市民課", Some("年末年始")),
            ("2027-01-04T10:00", "市民課", None),
            ("2027-03-28T10:00", "市民課", None),
            ("2027-01-01T03:00", "消防局", None),
        ] {
            assert_eq!(asked(time, section).as_deref(), expected, "{time} {section}");
        }
        assert_eq!(closed(plan::tests::NOW, &Calendar::default(), "市民課"), None);
        assert_eq!(closed(Timestamp(i64::MAX), &plan.calendar, "市民課"), None);
    }
}
