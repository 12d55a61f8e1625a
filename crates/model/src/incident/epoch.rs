//! Instants as AWS writes them in JSON: seconds since 1970 with milliseconds, a number.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serializer, de};

/// The instant cut to whole milliseconds: what is kept and what the wire shows.
#[must_use]
pub fn to_millis(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

/// Seconds since 1970 with milliseconds.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds of the years 0 to 9999 stay below 2^53"
)]
pub fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}

/// The instant of `seconds` since 1970, to the millisecond; `None` outside the years -9999 to 9999.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    reason = "a float cast saturates and the range is checked behind it"
)]
pub fn parse(seconds: f64) -> Option<Timestamp> {
    if !seconds.is_finite() {
        return None;
    }
    Timestamp::from_millisecond((seconds * 1000.0).round() as i64).ok()
}

/// Writes a number.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(seconds(*at))
}

/// Reads a number.
///
/// # Errors
/// When it is no number or out of range.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    parse(seconds).ok_or_else(|| de::Error::custom("the timestamp is out of range"))
}

/// The same for an instant that may be absent.
pub mod option {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de};

    /// Writes a number or null.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(
        at: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => serializer.serialize_f64(super::seconds(*at)),
            None => serializer.serialize_none(),
        }
    }

    /// Reads a number or null.
    ///
    /// # Errors
    /// When it is no number or out of range.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        let Some(seconds) = Option::<f64>::deserialize(deserializer)? else {
            return Ok(None);
        };
        let at = super::parse(seconds)
            .ok_or_else(|| de::Error::custom("the timestamp is out of range"))?;
        Ok(Some(at))
    }
}
