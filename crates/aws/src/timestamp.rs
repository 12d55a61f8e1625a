//! Timestamps in all forms that AWS services read and write.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;

use crate::model::TimestampFormat;

/// Longest text looked at.
const MAX_TEXT: usize = 64;

/// Reads a timestamp in any form: ISO 8601 with or without an offset (then UTC) or time, RFC 822 and its HTTP form
/// with an optional fraction, or seconds since 1970 with an optional fraction.
#[must_use]
pub fn parse(text: &str) -> Option<Timestamp> {
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
        .or_else(|| civil(text))
        .or_else(|| rfc822(text))
}

/// Reads seconds since 1970.
#[must_use]
pub fn from_seconds(seconds: f64) -> Option<Timestamp> {
    // The nearest microsecond: finer digits of a float are noise.
    let micros = (seconds * 1e6).round();
    (micros.abs() < 4e17)
        .then_some(micros as i64)
        .and_then(|micros| Timestamp::from_microsecond(micros).ok())
}

/// Exact reading of `[-]seconds[.fraction]`.
fn from_decimal(text: &str) -> Option<Timestamp> {
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
    Timestamp::new(seconds.checked_mul(sign)?, nanos * sign as i32).ok()
}

fn civil(text: &str) -> Option<Timestamp> {
    let moment = text
        .parse::<DateTime>()
        .ok()
        .or_else(|| Some(text.parse::<Date>().ok()?.at(0, 0, 0, 0)))?;
    moment
        .to_zoned(TimeZone::UTC)
        .ok()
        .map(|zoned| zoned.timestamp())
}

fn rfc822(text: &str) -> Option<Timestamp> {
    // The HTTP form may carry a fraction, which RFC 2822 does not know.
    if let Some((before, after)) = text.split_once('.') {
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let (fraction, zone) = after.split_at_checked(digits)?;
        let whole = rfc822(&format!("{before}{zone}"))?;
        let nanos: i32 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
        return Timestamp::new(whole.as_second(), nanos).ok();
    }
    rfc2822::DateTimeParser::new()
        .relaxed_weekday(true)
        .parse_timestamp(text)
        .ok()
}

/// Writes a timestamp for a request.
#[must_use]
pub fn format(at: Timestamp, format: TimestampFormat) -> String {
    match format {
        TimestampFormat::Iso8601 => iso8601(at),
        TimestampFormat::Rfc822 => at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string(),
        TimestampFormat::Unix => at.as_second().to_string(),
    }
}

/// `2015-01-25T08:00:00Z`, with microseconds when there are any.
fn iso8601(at: Timestamp) -> String {
    if at.subsec_microsecond_total() == 0 {
        at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    } else {
        at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
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
pub fn format_answer(at: Timestamp) -> String {
    if at.subsec_microsecond_total() == 0 {
        at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
    } else {
        at.strftime("%Y-%m-%dT%H:%M:%S.%6f+00:00").to_string()
    }
}

/// Microseconds below a second, never negative.
trait Subsecond {
    fn subsec_microsecond_total(&self) -> i64;
}

impl Subsecond for Timestamp {
    fn subsec_microsecond_total(&self) -> i64 {
        self.as_microsecond().rem_euclid(1_000_000)
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
