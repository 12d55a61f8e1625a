//! Taking the moment out of values: what a run writes of the time it runs at, and of its own id, is another each time,
//! and says nothing about what it does.

use std::sync::LazyLock;

use fancy_regex::{Captures, Regex};
use jiff::Timestamp;
use jiff::civil;
use serde_json::Value;
use uuid::Uuid;

use crate::expr::unknown::each_text;

/// Seconds around a preview in which an instant counts as the moment of the run.
const AROUND: i64 = 120;

/// `2026-11-21`, `2026-11-21T17:00:00.5Z`, `20261121T170000Z`, `2026-11-21_17.00.00`, `2026-11-21 17:00:00`,
/// `20261121170000`, `20261121-1700`.
static INSTANT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?<![0-9])(\d{4})-?(\d{2})-?(\d{2})(?:[T _-]?(\d{2})[:.]?(\d{2})(?:[:.]?(\d{2})(?:\.\d{1,9})?)?(?:Z|[+-]00:?00)?)?(?![0-9])",
    )
    .ok()
});

/// When a preview ran, and the runs that it played.
pub(crate) struct Moment<'a> {
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) runs: &'a [Uuid],
}

impl Moment<'_> {
    /// The value without it.
    pub(crate) fn removed_from(&self, value: &Value) -> Value {
        match value {
            Value::Number(number) => match number.as_i64() {
                Some(n) if self.holds_epoch(n) => Value::String("<time>".to_owned()),
                _ => value.clone(),
            },
            Value::Array(items) => items.iter().map(|item| self.removed_from(item)).collect(),
            Value::Object(map) => {
                let entries = map
                    .iter()
                    .map(|(key, item)| (key.clone(), self.removed_from(item)));
                Value::Object(entries.collect())
            }
            other => each_text(other, &|text| self.text(text)),
        }
    }

    fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for run in self.runs {
            let id = run.to_string();
            if text.contains(&id) {
                text = text.replace(&id, "<execution id>");
            }
        }
        let Some(instant) = INSTANT.as_ref() else {
            return text;
        };
        let mut made = String::with_capacity(text.len());
        let (mut copied, mut at) = (0, 0);
        while let Ok(Some(found)) = instant.captures_from_pos(text.as_str(), at) {
            let Some(all) = found.get(0) else { break };
            // What only looks like one, `1234-20261121` of `i-0ab1234-20261121T170000Z`, may hold the start of one.
            let Some(instead) = self.replacement(&found) else {
                at = all.start() + 1;
                continue;
            };
            made.push_str(&text[copied..all.start()]);
            made.push_str(instead);
            (copied, at) = (all.end(), all.end());
        }
        made.push_str(&text[copied..]);
        made
    }

    fn replacement(&self, found: &Captures<'_, str>) -> Option<&'static str> {
        let part = |n: usize| found.get(n)?.as_str().parse::<i16>().ok();
        let small = |n: usize| i8::try_from(part(n)?).ok();
        let date = civil::Date::new(part(1)?, small(2)?, small(3)?).ok()?;
        if found.get(4).is_none() {
            let day = |at: Timestamp| at.to_zoned(jiff::tz::TimeZone::UTC).date();
            let today = date == day(self.from) || date == day(self.until);
            return today.then_some("<date>");
        }
        // Without seconds it is the whole minute.
        let (second, long) = match found.get(6) {
            Some(_) => (small(6)?, 0),
            None => (0, 59),
        };
        let time = civil::Time::new(small(4)?, small(5)?, second, 0).ok()?;
        let at = date
            .to_datetime(time)
            .to_zoned(jiff::tz::TimeZone::UTC)
            .ok()?;
        let second = at.timestamp().as_second();
        (self.holds(second) || self.holds(second + long)).then_some("<time>")
    }

    fn holds(&self, second: i64) -> bool {
        (self.from.as_second() - AROUND..=self.until.as_second() + AROUND).contains(&second)
    }

    /// Whether a number is the moment in seconds or milliseconds since 1970.
    fn holds_epoch(&self, number: i64) -> bool {
        self.holds(number) || (number > 100_000_000_000 && self.holds(number / 1_000))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_moment_of_the_run_is_taken_out() {
        let run = Uuid::from_u128(7);
        let runs = [run];
        let at = "2026-11-21T17:00:00Z".parse().expect("an instant");
        let moment = Moment {
            from: at,
            until: at,
            runs: &runs,
        };
        let cases = [
            (json!("2026-11-21T17:00:30Z"), json!("<time>")),
            (json!("2026-11-21T16:59:00.123456+00:00"), json!("<time>")),
            (json!("Deny-20261121T170001Z-x"), json!("Deny-<time>-x")),
            (json!("at 2026-11-21_17.00.00"), json!("at <time>")),
            (
                json!("{\"day\":\"2026-11-21\"}"),
                json!("{\"day\":\"<date>\"}"),
            ),
            (json!("2026-11-20T17:00:00Z"), json!("2026-11-20T17:00:00Z")),
            (json!("2012-10-17"), json!("2012-10-17")),
            (json!("ami-20261121170000"), json!("ami-<time>")),
            (json!("ami-202611211700-x"), json!("ami-<time>-x")),
            (json!("20261121-170030"), json!("<time>")),
            (json!("202611211650"), json!("202611211650")),
            (json!("2026112117000012"), json!("2026112117000012")),
            (json!("123456789012"), json!("123456789012")),
            (json!("2026-99-99"), json!("2026-99-99")),
            (
                json!("Deny-i-0ab1234-20261121T170001Z"),
                json!("Deny-i-0ab1234-<time>"),
            ),
            (
                json!("Deny-i-0ab123456-20261121T170001Z"),
                json!("Deny-i-0ab123456-<time>"),
            ),
            (
                json!("i-12345678-20261121T170001Z/2026-11-21"),
                json!("i-12345678-<time>/<date>"),
            ),
            (json!(at.as_second() + 5), json!("<time>")),
            (json!(at.as_millisecond()), json!("<time>")),
            (json!(443), json!(443)),
            (json!(format!("run {run}")), json!("run <execution id>")),
            (
                json!({"K": ["2026-11-21T17:00:00Z"]}),
                json!({"K": ["<time>"]}),
            ),
        ];
        for (value, expected) in cases {
            assert_eq!(moment.removed_from(&value), expected, "{value}");
        }
    }
}
