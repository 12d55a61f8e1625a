//! When a delivery is tried again, and when no more.

use jiff::{SignedDuration, Timestamp};
use model::ids::Entropy;
use model::{Context, ids};

use super::{Delivery, Exhausted, MAX_AGE_SECS, MAX_ATTEMPTS};

/// Longest wait in milliseconds.
const LAST_WAIT_MS: u64 = 15 * 60 * 1_000;

/// When to try again, or which limit forbids it.
pub(super) fn next_attempt(
    delivery: &Delivery,
    wait: SignedDuration,
    at: Timestamp,
) -> Result<Timestamp, Exhausted> {
    let most = |given: Option<u32>, limit: u32| given.unwrap_or(limit).min(limit);
    if delivery.attempts > most(delivery.retry.maximum_attempts, MAX_ATTEMPTS) {
        return Err(Exhausted::Attempts);
    }
    let age = i64::from(most(delivery.retry.maximum_age_secs, MAX_AGE_SECS));
    let due = at.checked_add(wait);
    let last = delivery.since.checked_add(SignedDuration::from_secs(age));
    match (due, last) {
        (Ok(due), Ok(last)) if due <= last => Ok(due),
        _ => Err(Exhausted::Age),
    }
}

/// Doubling waits with up to a quarter of jitter.
pub(super) fn wait(first_ms: u64, number: u32, cx: &Context) -> SignedDuration {
    let wait = (first_ms << number.saturating_sub(1).min(20)).min(LAST_WAIT_MS);
    let wait = wait - jitter(&cx.entropy, wait / 4);
    SignedDuration::from_millis(i64::try_from(wait).unwrap_or(i64::MAX))
}

/// A number from 0 to `most`.
fn jitter(entropy: &Entropy, most: u64) -> u64 {
    let bytes = ids::secret(entropy, "delivery jitter");
    let number = bytes
        .iter()
        .take(8)
        .fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    number % (most + 1)
}
