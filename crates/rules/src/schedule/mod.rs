//! When a scheduled rule fires: `rate(5 minutes)` and `cron(0 2 ? * SAT *)`.
//!
//! Times are UTC and whole minutes. The module knows no clock: the caller says what time it is.

mod cron;
mod field;

use jiff::{SignedDuration, Timestamp};

use cron::Cron;

/// A schedule expression that AWS would refuse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{expression}` is not a schedule expression: {reason}")]
#[non_exhaustive]
pub struct ScheduleError {
    /// The expression, cut after 256 characters.
    pub expression: String,
    /// What is wrong and what to do.
    pub reason: String,
}

impl ScheduleError {
    /// The message of AWS's `ValidationException`.
    #[must_use]
    pub fn aws_message(&self) -> &'static str {
        "Parameter ScheduleExpression is not valid."
    }
}

/// A parsed schedule expression.
///
/// ```
/// let nightly = rules::Schedule::parse("cron(30 2 * * ? *)")?;
/// let at: jiff::Timestamp = "2026-01-05T12:00:00Z".parse()?;
/// let next: jiff::Timestamp = "2026-01-06T02:30:00Z".parse()?;
/// assert_eq!(nightly.next_after(at, at), Some(next));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Rate { minutes: i64 },
    Cron(Cron),
}

impl Schedule {
    /// Reads an expression, strictly: no other spacing, case or plural than AWS accepts.
    ///
    /// # Errors
    /// With the reason, when AWS would refuse the expression.
    pub fn parse(expression: &str) -> Result<Schedule, ScheduleError> {
        let refuse = |reason: String| ScheduleError {
            expression: expression.chars().take(256).collect(),
            reason,
        };
        if expression.chars().count() > 256 {
            return Err(refuse("use at most 256 characters".to_owned()));
        }
        if let Some(inside) = inside(expression, "rate(") {
            let minutes = rate(inside).map_err(refuse)?;
            return Ok(Schedule(Kind::Rate { minutes }));
        }
        if let Some(inside) = inside(expression, "cron(") {
            return Cron::parse(inside)
                .map(|cron| Schedule(Kind::Cron(cron)))
                .map_err(refuse);
        }
        Err(refuse(
            "write rate(value unit) or cron(six fields)".to_owned(),
        ))
    }

    /// The first time after `at` at which the schedule fires, or `None` if it never does again.
    ///
    /// A rate counts from `created`, the time the rule was put; a cron expression ignores it.
    #[must_use]
    pub fn next_after(&self, at: Timestamp, created: Timestamp) -> Option<Timestamp> {
        match &self.0 {
            Kind::Rate { minutes } => {
                let period = minutes.checked_mul(60)?;
                let elapsed = at.duration_since(created).as_secs().max(0);
                let periods = (elapsed / period).checked_add(1)?;
                let offset = SignedDuration::from_secs(period.checked_mul(periods)?);
                created.checked_add(offset).ok()
            }
            Kind::Cron(cron) => cron.next_after(at),
        }
    }

    /// The last time after `after` and not after `until` at which the schedule fires, or `None` if there is none.
    ///
    /// Costs a few dozen searches however long the span is and however often the schedule fires.
    #[must_use]
    pub fn last_between(
        &self,
        after: Timestamp,
        until: Timestamp,
        created: Timestamp,
    ) -> Option<Timestamp> {
        let fires_after = |from| self.next_after(from, created).filter(|next| *next <= until);
        let mut last = fires_after(after)?;
        // INVARIANT: nothing fires behind `nothing_after` up to `until`.
        let mut nothing_after = until;
        loop {
            let rest = nothing_after.duration_since(last);
            // Firings are at least a minute apart.
            if rest < SignedDuration::from_secs(1) {
                return Some(last);
            }
            let middle = last.checked_add(rest / 2).ok()?;
            match fires_after(middle) {
                Some(later) => last = later,
                None => nothing_after = middle,
            }
        }
    }
}

fn inside<'a>(expression: &'a str, opening: &str) -> Option<&'a str> {
    expression.strip_prefix(opening)?.strip_suffix(')')
}

/// Minutes between two firings.
fn rate(inside: &str) -> Result<i64, String> {
    let shape = || "write the rate as `5 minutes`".to_owned();
    let (value, unit) = inside.split_once(' ').ok_or_else(shape)?;
    if value.is_empty() || !value.bytes().all(|b| b.is_ascii_digit()) {
        return Err(shape());
    }
    let value: u32 = value
        .parse()
        .map_err(|_| format!("`{value}` is too large"))?;
    if value == 0 {
        return Err("the value must be 1 or more".to_owned());
    }
    let minutes = match (unit, value) {
        ("minute", 1) | ("minutes", 2..) => 1,
        ("hour", 1) | ("hours", 2..) => 60,
        ("day", 1) | ("days", 2..) => 24 * 60,
        _ => {
            return Err(format!(
                "unit `{unit}`: use minute, hour or day for 1 and minutes, hours or days otherwise"
            ));
        }
    };
    Ok(i64::from(value) * minutes)
}

#[cfg(test)]
mod tests;
