//! Instants on the wire: seconds since 1970.

use jiff::Timestamp;
use serde_json::Value;

/// The instant of an epoch number, to the millisecond (a double holds no more for today's dates than microseconds).
pub(super) fn from_epoch(seconds: f64) -> Option<Timestamp> {
    if !seconds.is_finite() || seconds.abs() > 1e12 {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "bounded above: 1e15 fits an i64"
    )]
    let milliseconds = (seconds * 1000.0).round() as i64;
    Timestamp::from_millisecond(milliseconds).ok()
}

/// An instant as the wire wants it: epoch seconds as a number, to the millisecond.
pub(crate) fn epoch(at: Timestamp) -> Value {
    let milliseconds = at.as_millisecond();
    if milliseconds % 1000 == 0 {
        return Value::from(milliseconds / 1000);
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds of year 9999 still fit the mantissa"
    )]
    let seconds = milliseconds as f64 / 1000.0;
    Value::from(seconds)
}
