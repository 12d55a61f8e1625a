//! Cron expressions with six fields: minute, hour, day of month, month, day of week, year.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use super::field::{Domain, Numbers};

const MINUTE: Domain = Domain {
    title: "minute",
    low: 0,
    high: 59,
    names: &[],
};
const HOUR: Domain = Domain {
    title: "hour",
    low: 0,
    high: 23,
    names: &[],
};
const DAY: Domain = Domain {
    title: "day of month",
    low: 1,
    high: 31,
    names: &[],
};
const MONTH: Domain = Domain {
    title: "month",
    low: 1,
    high: 12,
    names: &[
        "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
    ],
};
/// Sunday is 1.
const WEEKDAY: Domain = Domain {
    title: "day of week",
    low: 1,
    high: 7,
    names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
};
const YEAR: Domain = Domain {
    title: "year",
    low: 1970,
    high: 2199,
    names: &[],
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cron {
    minutes: Numbers,
    hours: Numbers,
    days: Days,
    months: Numbers,
    years: Numbers,
}

/// Which days of a month: exactly one of the two day fields says so.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Days {
    OfMonth(Numbers),
    LastOfMonth,
    LastWorkday,
    /// The Monday to Friday nearest to a day, within the month.
    WorkdayNear(u16),
    OfWeek(Numbers),
    LastOfWeek(u16),
    NthOfWeek {
        weekday: u16,
        nth: u16,
    },
}

impl Cron {
    pub(super) fn parse(inside: &str) -> Result<Cron, String> {
        let fields: Vec<&str> = inside.split_whitespace().collect();
        let [minute, hour, day, month, weekday, year] = fields.as_slice() else {
            return Err(format!(
                "{} fields: write minute, hour, day of month, month, day of week and year",
                fields.len()
            ));
        };
        Ok(Cron {
            minutes: MINUTE.parse(minute)?,
            hours: HOUR.parse(hour)?,
            days: days(day, weekday)?,
            months: MONTH.parse(month)?,
            years: YEAR.parse(year)?,
        })
    }

    pub(super) fn next_after(&self, at: Timestamp) -> Option<Timestamp> {
        let now = at.to_zoned(TimeZone::UTC).datetime();
        let mut date = now.date();
        // Whole minutes only, and later than `at`.
        let mut from = u16::try_from(now.hour()).ok()? * 60 + u16::try_from(now.minute()).ok()? + 1;
        loop {
            if let Some((hour, minute)) = self.on(date).then(|| self.time(from)).flatten() {
                let time = Time::new(hour, minute, 0, 0).ok()?;
                let moment = date.to_datetime(time).to_zoned(TimeZone::UTC).ok()?;
                return Some(moment.timestamp());
            }
            from = 0;
            date = self.later(date)?;
        }
    }

    fn on(&self, date: Date) -> bool {
        number(date.year()).is_some_and(|year| self.years.contains(year))
            && number(date.month()).is_some_and(|month| self.months.contains(month))
            && self.days.contain(date).unwrap_or(false)
    }

    /// The first time of a day that is not before a minute of that day.
    fn time(&self, from: u16) -> Option<(i8, i8)> {
        let (hour, minute) = (from / 60, from % 60);
        let mut hour = self.hours.at_or_after(hour).map(|next| {
            let minute = if next == hour { minute } else { 0 };
            (next, minute)
        })?;
        loop {
            if let Some(minute) = self.minutes.at_or_after(hour.1) {
                return Some((i8::try_from(hour.0).ok()?, i8::try_from(minute).ok()?));
            }
            hour = (self.hours.at_or_after(hour.0 + 1)?, 0);
        }
    }

    /// The next day worth looking at: months and years that are not meant are passed over.
    fn later(&self, date: Date) -> Option<Date> {
        let year = number(date.year())?;
        if !self.years.contains(year) {
            let next = self.years.at_or_after(year)?;
            return Date::new(i16::try_from(next).ok()?, 1, 1).ok();
        }
        if !self.months.contains(number(date.month())?) {
            return date.last_of_month().tomorrow().ok();
        }
        date.tomorrow().ok()
    }
}

fn days(day: &str, weekday: &str) -> Result<Days, String> {
    match (day, weekday) {
        ("?", "?") => Err("day of month and day of week are both `?`: give one".to_owned()),
        ("?", weekday) => days_of_week(weekday),
        (day, "?") => days_of_month(day),
        _ => Err("day of month and day of week are both given: make one `?`".to_owned()),
    }
}

fn days_of_month(text: &str) -> Result<Days, String> {
    match text {
        "L" => return Ok(Days::LastOfMonth),
        "LW" => return Ok(Days::LastWorkday),
        _ => {}
    }
    match text.strip_suffix('W') {
        Some(day) => DAY.number(day).map(Days::WorkdayNear),
        None => DAY.parse(text).map(Days::OfMonth),
    }
}

fn days_of_week(text: &str) -> Result<Days, String> {
    if let Some((weekday, nth)) = text.split_once('#') {
        let weekday = WEEKDAY.number(weekday)?;
        return match nth.parse() {
            Ok(nth @ 1..=5)
                if nth.to_string().len() == text.len() - text.find('#').unwrap_or(0) - 1 =>
            {
                Ok(Days::NthOfWeek { weekday, nth })
            }
            _ => Err(format!("`#{nth}`: use #1 to #5, outside of lists")),
        };
    }
    match text.strip_suffix('L') {
        // `L` alone is the last day of the week.
        Some("") => WEEKDAY.parse("7").map(Days::OfWeek),
        Some(weekday) => WEEKDAY.number(weekday).map(Days::LastOfWeek),
        None => WEEKDAY.parse(text).map(Days::OfWeek),
    }
}

impl Days {
    fn contain(&self, date: Date) -> Option<bool> {
        let day = number(date.day())?;
        let last = number(date.days_in_month())?;
        let weekday = number(date.weekday().to_sunday_one_offset())?;
        Some(match self {
            Days::OfMonth(days) => days.contains(day),
            Days::LastOfMonth => day == last,
            Days::LastWorkday => day == nearest_workday(date, last)?,
            // A month that is too short has no such day.
            Days::WorkdayNear(near) => *near <= last && day == nearest_workday(date, *near)?,
            Days::OfWeek(days) => days.contains(weekday),
            Days::LastOfWeek(wanted) => weekday == *wanted && day + 7 > last,
            Days::NthOfWeek {
                weekday: wanted,
                nth,
            } => weekday == *wanted && (day - 1) / 7 + 1 == *nth,
        })
    }
}

/// The Monday to Friday nearest to a day of the date's month, without leaving the month.
fn nearest_workday(date: Date, near: u16) -> Option<u16> {
    let last = number(date.days_in_month())?;
    let day = Date::new(date.year(), date.month(), i8::try_from(near).ok()?).ok()?;
    Some(match day.weekday().to_sunday_one_offset() {
        7 if near == 1 => 3,
        7 => near - 1,
        1 if near == last => near - 2,
        1 => near + 1,
        _ => near,
    })
}

fn number(value: impl TryInto<u16>) -> Option<u16> {
    value.try_into().ok()
}
