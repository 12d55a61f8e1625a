//! ISO-8601 durations and timestamps, as `aws:sleep` takes them.

use jiff::{SignedDuration, Timestamp};

/// Reads a duration such as `PT10M`, `P1DT2H` or `PT1.5S` and gives whole seconds, rounded up.
///
/// # Errors
/// When the text is no duration, has years or months (whose length depends on a calendar), or is negative.
pub fn seconds(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let complain = || format!("`{text}` is not an ISO-8601 duration such as PT10M or P1DT2H");
    if text.is_empty() || text.len() > 64 {
        return Err(complain());
    }
    if text.starts_with('-') || text.contains("T-") {
        return Err(format!("duration `{text}` is negative"));
    }
    let body = text.strip_prefix('+').unwrap_or(text);
    let body = body.strip_prefix(['P', 'p']).ok_or_else(complain)?;
    let (date, time) = match body.split_once(['T', 't']) {
        Some((_, "")) => return Err(complain()),
        Some((date, time)) => (date, time),
        None => (body, ""),
    };
    if date.is_empty() && time.is_empty() {
        return Err(complain());
    }
    let date = units(date, &[('W', 604_800.0), ('D', 86_400.0)]).ok_or_else(complain)?;
    let time = units(time, &[('H', 3_600.0), ('M', 60.0), ('S', 1.0)]).ok_or_else(complain)?;
    let total = (date + time).ceil();
    // A hundred years: beyond any timer, and well inside the exact range of f64.
    if total > 3.2e9 {
        return Err(format!("duration `{text}` is longer than a hundred years"));
    }
    u64::try_from(SignedDuration::from_secs_f64(total).as_secs()).map_err(|_| complain())
}

/// Reads `12H30M`: each unit at most once, in the given order.
fn units(text: &str, order: &[(char, f64)]) -> Option<f64> {
    let mut rest = text;
    let mut next = 0;
    let mut total = 0.0;
    while !rest.is_empty() {
        let cut = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',')?;
        let (number, behind) = rest.split_at(cut);
        let unit = behind.chars().next()?.to_ascii_uppercase();
        let at = order
            .iter()
            .position(|(name, _)| *name == unit)
            .filter(|at| *at >= next)?;
        let amount: f64 = number.replace(',', ".").parse().ok()?;
        total += amount * order.get(at)?.1;
        next = at + 1;
        rest = behind.get(unit.len_utf8()..)?;
    }
    (total.is_finite() && total >= 0.0).then_some(total)
}

/// Reads an instant such as `2026-01-01T01:00:00Z`; without an offset it is UTC.
///
/// # Errors
/// When the text is no timestamp.
pub fn timestamp(text: &str) -> Result<Timestamp, String> {
    let text = text.trim();
    let complain = || format!("`{text}` is not an ISO-8601 timestamp such as 2026-01-01T01:00:00Z");
    if text.len() > 64 {
        return Err(complain());
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    let local: jiff::civil::DateTime = text.parse().map_err(|_| complain())?;
    local
        .to_zoned(jiff::tz::TimeZone::UTC)
        .map(|zoned| zoned.timestamp())
        .map_err(|_| complain())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, expected) in [
            ("PT10M", Some(600)),
            ("PT0S", Some(0)),
            ("P1DT2H3M4S", Some(93_784)),
            ("P2W", Some(1_209_600)),
            ("PT1.5S", Some(2)),
            ("pt5s", Some(5)),
            ("-PT1S", None),
            ("PT-1S", None),
            ("P", None),
            ("PT", None),
            ("P1Y", None),
            ("P1M", None),
            ("PT5M3H", None),
            ("10", None),
            ("PTS", None),
            ("PT1..5S", None),
            ("PT99999999999999999999S", None),
            ("", None),
            ("PTé", None),
        ] {
            assert_eq!(seconds(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn timestamps() {
        let expected: Timestamp = "2026-01-01T01:00:00Z".parse().expect("valid");
        for text in [
            "2026-01-01T01:00:00Z",
            "2026-01-01T02:00:00+01:00",
            "2026-01-01T01:00:00",
        ] {
            assert_eq!(timestamp(text).expect(text), expected);
        }
        for text in ["", "tomorrow", "2026-13-01T00:00:00Z"] {
            assert!(timestamp(text).is_err(), "{text}");
        }
    }
}
