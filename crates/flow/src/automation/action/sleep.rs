//! `aws:sleep`: a timer, for a duration or until an instant.

use serde_json::{Map, Value};

use super::{Progress, text_input};
use crate::automation::document::Step;
use crate::automation::machine::Turn;
use crate::automation::record::Failure;
use crate::expr::duration;

/// Longest sleep (SSM's own limit).
const MAX_SECONDS: u64 = 604_799;

/// A sleep's duration in seconds.
pub(crate) fn seconds(text: &str) -> Result<u64, String> {
    let seconds = duration::seconds(text)?;
    if seconds > MAX_SECONDS {
        return Err(format!(
            "duration `{text}` is longer than {MAX_SECONDS} seconds"
        ));
    }
    Ok(seconds)
}

pub(super) fn begin(
    turn: &mut Turn<'_>,
    step: &Step,
    inputs: &Map<String, Value>,
) -> Result<Progress, Failure> {
    let given = |key: &str| inputs.get(key).is_some_and(|value| !value.is_null());
    let wait = if given("Duration") {
        seconds(&text_input(inputs, "Duration")?).map_err(Failure::inputs)?
    } else {
        let until =
            duration::timestamp(&text_input(inputs, "Timestamp")?).map_err(Failure::inputs)?;
        // Rounded up, so that the run never wakes before the instant.
        let millis = until
            .as_millisecond()
            .saturating_sub(turn.cx.at.as_millisecond());
        u64::try_from(millis).unwrap_or(0).div_ceil(1_000)
    };
    if wait == 0 {
        return Ok(Progress::done(Map::new()));
    }
    if let Some(limit) = step.timeout_seconds {
        turn.set_timeout(limit);
    }
    turn.set_timer("sleep", wait);
    Ok(Progress::Waiting)
}
