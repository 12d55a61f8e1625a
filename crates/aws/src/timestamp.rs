//! Timestamps in all forms that AWS services read and write.

use jiff::civil::{DateTime, Time, date};
use jiff::fmt::{rfc2822, strtime, temporal};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use crate::model::TimestampFormat;

/// A point in time in UTC. It reaches to the end of the year 9999, which services give for "never", and to which
/// [`Timestamp`] does not quite reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(DateTime);

impl Moment {
    /// The [`Timestamp`]; `None` in the last two days of the year 9999.
    #[must_use]
    pub fn to_timestamp(self) -> Option<Timestamp> {
        let zoned = self.0.to_zoned(TimeZone::UTC).ok()?;
        Some(zoned.timestamp())
    }

    /// Whole seconds since 1970, rounded down.
    #[must_use]
    pub fn as_second(self) -> i64 {
        self.as_millisecond().div_euclid(1000)
    }

    /// Whole milliseconds since 1970, rounded down.
    #[must_use]
    pub fn as_millisecond(self) -> i64 {
        let since = self.0.duration_since(EPOCH);
        let below = i64::from(since.subsec_nanos()).div_euclid(1_000_000);
        since.as_secs().saturating_mul(1000).saturating_add(below)
    }

    /// `seconds` and `nanos` after the beginning of 1970; both may be negative.
    fn new(seconds: i64, nanos: i32) -> Option<Self> {
        let since = SignedDuration::new(seconds, nanos);
        EPOCH.checked_add(since).ok().map(Self)
    }

    fn has_microseconds(self) -> bool {
        self.0.subsec_nanosecond() >= 1000
    }
}

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        Self(TimeZone::UTC.to_datetime(at))
    }
}

/// RFC 3339, as `2015-01-25T08:00:00.5Z`.
impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}Z", self.0)
    }
}

const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);

/// Longest text looked at.
const MAX_TEXT: usize = 64;

/// Reads a timestamp in any form: ISO 8601 with or without an offset (then UTC) or time, RFC 822 and its HTTP form
/// with an optional fraction, or seconds since 1970 with an optional fraction.
#[must_use]
pub fn parse(text: &str) -> Option<Moment> {
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_TEXT {
        return None;
    }
    let number =
        |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E');
    if text.bytes().all(number)
        && let Some(at) = from_decimal(text).or_else(|| text.parse().ok().and_then(from_seconds))
    {
        return Some(at);
    }
    text.parse::<Timestamp>()
        .ok()
        .map(Moment::from)
        .or_else(|| civil(text))
        .or_else(|| rfc822(text))
}

/// Reads seconds since 1970.
#[must_use]
pub fn from_seconds(seconds: f64) -> Option<Moment> {
    // The nearest microsecond: finer digits of a float are noise.
    let micros = (seconds * 1e6).round();
    if micros.is_nan() || micros.abs() > 4e17 {
        return None;
    }
    let micros = micros as i64;
    let nanos = i32::try_from(micros.rem_euclid(1_000_000))
        .ok()?
        .checked_mul(1000)?;
    Moment::new(micros.div_euclid(1_000_000), nanos)
}

/// Exact reading of `[-]seconds[.fraction]`.
fn from_decimal(text: &str) -> Option<Moment> {
    let (negative, digits) = text
        .strip_prefix('-')
        .map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty()
        || !whole
            .bytes()
            .chain(fraction.bytes())
            .all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    let seconds: i64 = whole.parse().ok()?;
    let nanos: i32 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    let sign = if negative { -1 } else { 1 };
    Moment::new(seconds.checked_mul(sign)?, nanos * sign as i32)
}

/// Without an offset, without a time, or too late for a [`Timestamp`].
fn civil(text: &str) -> Option<Moment> {
    let pieces = temporal::DateTimeParser::new().parse_pieces(text).ok()?;
    let local = pieces
        .date()
        .to_datetime(pieces.time().unwrap_or(Time::midnight()));
    let offset = pieces.to_numeric_offset().unwrap_or(Offset::UTC);
    local
        .checked_sub(offset.duration_since(Offset::UTC))
        .ok()
        .map(Moment)
}

fn rfc822(text: &str) -> Option<Moment> {
    // The HTTP form may carry a fraction, which RFC 2822 does not know.
    if let Some((before, after)) = text.split_once('.') {
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let (fraction, zone) = after.split_at_checked(digits)?;
        let whole = rfc822(&format!("{before}{zone}"))?;
        let nanos: i32 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
        return Moment::new(whole.as_second(), nanos);
    }
    rfc2822::DateTimeParser::new()
        .relaxed_weekday(true)
        .parse_timestamp(text)
        .ok()
        .map(Moment::from)
        .or_else(|| {
            let parsed = strtime::parse("%a, %d %b %Y %H:%M:%S GMT", text).ok()?;
            parsed.to_datetime().ok().map(Moment)
        })
}

/// Writes a timestamp for a request.
#[must_use]
pub fn format(at: Moment, format: TimestampFormat) -> String {
    match format {
        TimestampFormat::Iso8601 => iso8601(at),
        TimestampFormat::Rfc822 => at.0.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string(),
        TimestampFormat::Unix => at.as_second().to_string(),
    }
}

/// `2015-01-25T08:00:00Z`, with microseconds when there are any.
fn iso8601(at: Moment) -> String {
    if at.has_microseconds() {
        at.0.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
    } else {
        at.0.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }
}

/// Text of an answer in any form as it stands in decoded answers; `None` when it is no timestamp.
#[must_use]
pub fn answer_form(text: &str) -> Option<String> {
    plain_answer(text).or_else(|| parse(text).map(format_answer))
}

/// The form nearly all answers have, `2015-01-25T08:00:00[.000]Z`, which only its end must be changed of.
fn plain_answer(text: &str) -> Option<String> {
    let whole = text.get(..19)?;
    let end = text.get(19..)?;
    if end != "Z" && end != ".000Z" {
        return None;
    }
    let number = |from: usize, to: usize| {
        let digits = whole.get(from..to)?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| digits.parse::<u16>().ok()).flatten()
    };
    let marks = |at: usize, mark: u8| whole.as_bytes().get(at) == Some(&mark);
    let shaped = marks(4, b'-') && marks(7, b'-') && marks(10, b'T');
    if !shaped || !marks(13, b':') || !marks(16, b':') {
        return None;
    }
    // Days that only some months have are left to the calendar.
    let fits = (1..=12).contains(&number(5, 7)?)
        && (1..=28).contains(&number(8, 10)?)
        && number(11, 13)? < 24
        && number(14, 16)? < 60
        && number(17, 19)? < 60;
    number(0, 4)?;
    fits.then(|| {
        let mut out = String::with_capacity(25);
        out.push_str(whole);
        out.push_str("+00:00");
        out
    })
}

/// Writes a timestamp as it stands in decoded answers: boto3's datetime in ISO form, `2015-01-25T08:00:00+00:00`,
/// with microseconds when there are any.
#[must_use]
pub fn format_answer(at: impl Into<Moment>) -> String {
    let at = at.into();
    if at.has_microseconds() {
        at.0.strftime("%Y-%m-%dT%H:%M:%S.%6f+00:00").to_string()
    } else {
        at.0.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_are_read() {
        for (text, expected) in [
            ("2015-01-25T08:00:00Z", "2015-01-25T08:00:00Z"),
            ("2015-01-25T08:00:00", "2015-01-25T08:00:00Z"),
            ("2015-01-25 08:00:00", "2015-01-25T08:00:00Z"),
            ("2015-01-25", "2015-01-25T00:00:00Z"),
            ("2015-01-25T09:00:00+01:00", "2015-01-25T08:00:00Z"),
            ("2015-01-25T08:00:00.123Z", "2015-01-25T08:00:00.123Z"),
            ("1422172800", "2015-01-25T08:00:00Z"),
            ("1422172800.123456", "2015-01-25T08:00:00.123456Z"),
            ("1.4221728E9", "2015-01-25T08:00:00Z"),
            ("-1.5", "1969-12-31T23:59:58.5Z"),
            ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
            ("9999-12-31T23:59:59.5-00:00", "9999-12-31T23:59:59.5Z"),
            ("9999-12-31T23:59:59+02:00", "9999-12-31T21:59:59Z"),
            ("Fri, 31 Dec 9999 23:59:59 GMT", "9999-12-31T23:59:59Z"),
            ("253402300799", "9999-12-31T23:59:59Z"),
            ("253402300799.0", "9999-12-31T23:59:59Z"),
            ("Sun, 25 Jan 2015 08:00:00 GMT", "2015-01-25T08:00:00Z"),
            (
                "Sun, 25 Jan 2015 08:00:00.456 GMT",
                "2015-01-25T08:00:00.456Z",
            ),
        ] {
            assert_eq!(
                parse(text).map(|at| at.to_string()).as_deref(),
                Some(expected),
                "{text}"
            );
        }
        for text in [
            "",
            "yesterday",
            "2015-13-01",
            "99999999999999999999",
            "1e400",
            "NaN",
            "12:00",
            "--1",
            "9999-12-31T23:59:59-02:00",
            "253402300800",
            "1.2.3",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_quick_form_is_the_same_as_the_slow_one() {
        for text in [
            "2015-01-25T08:00:00Z",
            "2015-01-25T08:00:00.000Z",
            "2015-02-28T23:59:59Z",
            "2015-02-29T00:00:00Z",
            "2016-02-29T00:00:00Z",
            "2015-12-31T24:00:00Z",
            "2015-12-01T23:59:60Z",
            "2015-13-01T00:00:00Z",
            "2015-00-01T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "2015-01-25T08:00:00.001Z",
            "2015-01-25 08:00:00Z",
            "2015-01-25T08:00:+0Z",
            "2015-01-2\u{665}08:00:00Z",
        ] {
            assert_eq!(answer_form(text), parse(text).map(format_answer), "{text}");
        }
    }

    #[test]
    fn all_forms_are_written() {
        let at = parse("1422172800.25").unwrap();
        assert_eq!(
            format(at, TimestampFormat::Iso8601),
            "2015-01-25T08:00:00.250000Z"
        );
        assert_eq!(
            format(at, TimestampFormat::Rfc822),
            "Sun, 25 Jan 2015 08:00:00 GMT"
        );
        assert_eq!(format(at, TimestampFormat::Unix), "1422172800");
        assert_eq!(format_answer(at), "2015-01-25T08:00:00.250000+00:00");
        let early = parse("-0.25").unwrap();
        assert_eq!(format_answer(early), "1969-12-31T23:59:59.750000+00:00");
    }
}
