//! Whether a failed attempt is worth another, and after how long. Pure: the jitter is a number passed in.
//!
//! Source: SDK reference guide, "Retry behavior", standard mode: three attempts, exponential backoff with full jitter,
//! 20 s at most. [`crate::client`] adds what needs memory: the retry quota, and which calls may be repeated at all.

use std::time::Duration;

use crate::{FailureKind, ServiceError};

/// Attempts in all, the first included.
pub const MAX_ATTEMPTS: u32 = 3;

const BASE_DELAY_MS: u64 = 1_000;
const MAX_DELAY_MS: u64 = 20_000;
/// A `Retry-After` beyond this is not waited for; the engine has its own timers.
const MAX_RETRY_AFTER_MS: u64 = 60_000;

/// Codes by which services ask to slow down. Source: botocore's standard retry mode.
const THROTTLING: [&str; 14] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottledException",
    "TooManyRequestsException",
    "ProvisionedThroughputExceededException",
    "TransactionInProgressException",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
    "LimitExceededException",
    "RequestThrottled",
    "SlowDown",
    "PriorRequestNotComplete",
    "EC2ThrottledException",
];

/// Codes of passing trouble. Source: botocore's standard retry mode, and the exceptions that models mark as retryable
/// under a status that does not say so (those whose code means the same in every service).
const TRANSIENT: [&str; 10] = [
    "RequestTimeout",
    "RequestTimeoutException",
    "InternalError",
    "InternalErrorException",
    "ServiceUnavailable",
    // STS could not reach the provider of a web identity.
    "IDPCommunicationError",
    "ReplicatedWriteConflictException",
    "RetryableConflictException",
    "ModelNotReadyException",
    "DirectoryUnavailableException",
];

/// Whether the code asks the caller to slow down. A throttled request was not performed.
#[must_use]
pub fn is_throttling(code: &str) -> bool {
    THROTTLING.contains(&code)
}

/// Whether the error may pass by itself.
#[must_use]
pub fn is_retryable(error: &ServiceError) -> bool {
    match error.kind {
        FailureKind::NotImplementedByTarget => false,
        FailureKind::Unreadable => error.status >= 500,
        FailureKind::Api => {
            is_throttling(&error.code)
                || TRANSIENT.contains(&error.code.as_str())
                || matches!(error.status, 429 | 500 | 502 | 503 | 504)
        }
    }
}

/// The pause after attempt number `attempt` (the first is 1) that failed, with the service's own words where it
/// answered. `jitter` is a random number from 0 to 1. `None` when the service asks for a longer pause than is waited.
#[must_use]
pub fn pause(error: Option<&ServiceError>, attempt: u32, jitter: f64) -> Option<Duration> {
    let own = backoff(attempt, jitter);
    match error.and_then(|error| error.retry_after_ms.map(u64::from)) {
        Some(asked) if asked > MAX_RETRY_AFTER_MS => None,
        Some(asked) => Some(Duration::from_millis(asked.max(own))),
        None => Some(Duration::from_millis(own)),
    }
}

fn backoff(attempt: u32, jitter: f64) -> u64 {
    let ceiling = BASE_DELAY_MS
        .checked_shl(attempt.saturating_sub(1))
        .unwrap_or(MAX_DELAY_MS)
        .min(MAX_DELAY_MS);
    (ceiling as f64 * jitter.clamp(0.0, 1.0)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HttpResponse;

    fn error(kind: FailureKind, status: u16, code: &str, headers: &[(&str, &str)]) -> ServiceError {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        ServiceError::new(
            kind,
            &HttpResponse {
                status,
                headers,
                ..HttpResponse::default()
            },
            code,
            "",
        )
    }

    #[test]
    fn what_is_retried() {
        use FailureKind::{Api, NotImplementedByTarget, Unreadable};
        for (kind, status, code, retried) in [
            (Api, 400, "ThrottlingException", true),
            (Api, 503, "SlowDown", true),
            (Api, 500, "InternalFailure", true),
            (Api, 429, "Anything", true),
            (Api, 400, "IDPCommunicationError", true),
            (Api, 400, "InvalidParameterValue", false),
            (Api, 403, "AccessDenied", false),
            (NotImplementedByTarget, 500, "NotImplementedByTarget", false),
            (Unreadable, 502, "UnreadableResponse", true),
            (Unreadable, 200, "UnreadableResponse", false),
        ] {
            let error = error(kind, status, code, &[]);
            assert_eq!(is_retryable(&error), retried, "{status} {code}");
        }
    }

    #[test]
    fn pauses_grow_with_the_attempts_up_to_a_limit() {
        let ms = Duration::from_millis;
        for (attempt, jitter, expected) in [
            (1, 0.5, 500),
            (2, 1.0, 2_000),
            (3, 1.0, 4_000),
            (9, 1.0, 20_000),
            (70, 1.0, 20_000),
            (1, f64::NAN, 0),
            (1, 9.0, 1_000),
        ] {
            assert_eq!(
                pause(None, attempt, jitter),
                Some(ms(expected)),
                "{attempt}"
            );
        }
    }

    #[test]
    fn the_service_says_how_long() {
        for (name, value, expected) in [
            ("Retry-After", "7", Some(7_000)),
            ("x-amz-retry-after", "1500", Some(1_500)),
            ("retry-after", "86400", None),
            ("retry-after", "soon", Some(0)),
            ("retry-after", "18446744073709551615", Some(0)),
        ] {
            let asked = error(FailureKind::Api, 503, "x", &[(name, value)]);
            assert_eq!(
                pause(Some(&asked), 1, 0.0),
                expected.map(Duration::from_millis),
                "{name}: {value}"
            );
        }
    }
}
