//! Keeps to a destination's rate limit, and to its own wish to be left alone for a while.
//!
//! Requests to one destination are spread evenly over each second, so that no second sees more than the limit. One that
//! would wait long is sent back as not tried, and so holds no place that others need.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;
use jiff::Timestamp;
use ports::Clock;

/// Longest wait here; what would wait longer comes back later.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// Most requests to one destination that wait or are under way at once.
const AT_ONCE: usize = 32;
/// Longest time that a receiver may ask to be left alone.
const LONGEST_REST: Duration = Duration::from_secs(3600);
/// Destinations that are remembered before those that rest are forgotten.
const REMEMBERED: usize = 4096;

/// The paces of all destinations.
#[derive(Clone, Default)]
pub(super) struct Pace {
    lanes: Arc<Mutex<HashMap<String, Lane>>>,
}

#[derive(Default)]
struct Lane {
    /// When the next request may begin.
    next: Duration,
    /// Until when the receiver wants none.
    closed: Duration,
    /// How many wait or are under way.
    busy: usize,
}

/// A request's place; given back when dropped.
pub(super) struct Turn {
    lanes: Arc<Mutex<HashMap<String, Lane>>>,
    name: String,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get_mut(&self.name) {
            lane.busy = lane.busy.saturating_sub(1);
        }
    }
}

impl Pace {
    /// Waits for a turn, or says how long it would take.
    pub(super) async fn turn(
        &self,
        name: &str,
        per_second: u32,
        clock: &dyn Clock,
    ) -> Result<Turn, Duration> {
        let (turn, wait) = self.take(name, per_second, clock.monotonic())?;
        if !wait.is_zero() {
            clock.sleep(wait).await;
        }
        Ok(turn)
    }

    fn take(
        &self,
        name: &str,
        per_second: u32,
        now: Duration,
    ) -> Result<(Turn, Duration), Duration> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if lanes.len() >= REMEMBERED {
            lanes.retain(|_, lane| lane.busy > 0 || lane.next > now || lane.closed > now);
        }
        let lane = lanes.entry(name.to_owned()).or_default();
        let start = lane.next.max(lane.closed).max(now);
        let wait = start.saturating_sub(now);
        if wait > LONGEST_WAIT || lane.busy >= AT_ONCE {
            return Err(wait);
        }
        lane.next = start + Duration::from_secs(1) / per_second.max(1);
        lane.busy += 1;
        let turn = Turn {
            lanes: Arc::clone(&self.lanes),
            name: name.to_owned(),
        };
        Ok((turn, wait))
    }

    /// The receiver wants no request for a while.
    pub(super) fn leave_alone(&self, name: &str, wait: Duration, clock: &dyn Clock) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.entry(name.to_owned()).or_default();
        let until = clock.monotonic() + wait.min(LONGEST_REST);
        lane.closed = lane.closed.max(until);
    }
}

/// How long a receiver wants to be left alone: seconds, or a date (RFC 9110, section 10.2.3).
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds).min(LONGEST_REST));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    let wait = Duration::try_from(date.duration_since(now)).ok()?;
    Some(wait.min(LONGEST_REST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_second_sees_more_than_the_limit() {
        let pace = Pace::default();
        let at = Duration::from_secs(100);
        let mut starts = Vec::new();
        let mut held = Vec::new();
        for _ in 0..8 {
            let (turn, wait) = pace.take("a", 4, at).unwrap();
            starts.push(wait);
            held.push(turn);
        }
        let expected: Vec<Duration> = (0..8).map(|n| Duration::from_millis(250 * n)).collect();
        assert_eq!(starts, expected);
        assert!(
            pace.take("b", 1, at).is_ok(),
            "another destination is not held up"
        );
        held.push(pace.take("a", 4, at).unwrap().0);
        let refused = pace.take("a", 4, at).err().unwrap();
        assert_eq!(refused, Duration::from_millis(2250));
        assert!(pace.take("a", 4, at + Duration::from_secs(1)).is_ok());
    }

    #[test]
    fn too_many_at_once_are_sent_back_and_a_place_is_given_back() {
        let pace = Pace::default();
        let at = Duration::from_secs(100);
        let mut held: Vec<Turn> = (0..AT_ONCE)
            .map(|_| pace.take("a", 1_000_000, at).unwrap().0)
            .collect();
        assert!(pace.take("a", 1_000_000, at).is_err());
        held.pop();
        assert!(pace.take("a", 1_000_000, at).is_ok());
    }

    #[test]
    fn a_receivers_wish_is_read_and_bounded() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        for (text, wanted) in [
            ("7", Some(7)),
            ("0", Some(0)),
            ("999999999999", Some(3600)),
            ("Thu, 01 Jan 2026 00:00:30 GMT", Some(30)),
            ("Wed, 31 Dec 2025 00:00:30 GMT", None),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            let read = retry_after(&headers, now).map(|wait| wait.as_secs());
            assert_eq!(read, wanted, "{text}");
        }
    }
}
