//! Whether a failed attempt is worth another, and after how long. Pure: the jitter is a number passed in.
//!
//! Source: SDK reference guide, "Retry behavior", standard mode: three attempts, exponential backoff with full jitter,
//! 20 s at most.

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

/// Codes of passing trouble.
const TRANSIENT: [&str; 4] = [
    "RequestTimeout",
    "RequestTimeoutException",
    "InternalError",
    "ServiceUnavailable",
];

/// How an attempt ended.
#[derive(Debug, Clone, Copy)]
pub enum Outcome<'a> {
    /// The service answered with an error.
    Answered(&'a ServiceError),
    /// The request certainly did not reach the service: no name, no connection, no TLS.
    NotSent,
    /// The connection broke or the time was up after the request may have been sent.
    Interrupted,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Try again after this time.
    After {
        /// Milliseconds.
        delay_ms: u64,
    },
    /// Give up and report the outcome.
    Stop,
}

/// Whether the code asks the caller to slow down. A throttled request was not performed.
#[must_use]
pub fn is_throttling(code: &str) -> bool {
    THROTTLING.contains(&code)
}

/// Decides after attempt number `attempt` (the first is 1). `jitter` is a random number from 0 to 1.
///
/// Whether the call may be repeated at all is not judged here: a caller with an operation that is not repeatable asks
/// only for [`Outcome::NotSent`] and for throttling.
#[must_use]
pub fn classify(outcome: Outcome<'_>, attempt: u32, jitter: f64) -> Retry {
    if attempt >= MAX_ATTEMPTS {
        return Retry::Stop;
    }
    let (worthwhile, asked_ms) = match outcome {
        Outcome::NotSent | Outcome::Interrupted => (true, None),
        Outcome::Answered(error) => (is_retryable(error), error.retry_after_ms),
    };
    match asked_ms {
        _ if !worthwhile => Retry::Stop,
        Some(asked) if asked > MAX_RETRY_AFTER_MS => Retry::Stop,
        Some(asked) => Retry::After {
            delay_ms: asked.max(backoff(attempt, jitter)),
        },
        None => Retry::After {
            delay_ms: backoff(attempt, jitter),
        },
    }
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
            (Api, 400, "InvalidParameterValue", false),
            (Api, 403, "AccessDenied", false),
            (NotImplementedByTarget, 500, "NotImplementedByTarget", false),
            (Unreadable, 502, "UnreadableResponse", true),
            (Unreadable, 200, "UnreadableResponse", false),
        ] {
            let error = error(kind, status, code, &[]);
            let decision = classify(Outcome::Answered(&error), 1, 0.5);
            assert_eq!(
                decision,
                if retried {
                    Retry::After { delay_ms: 500 }
                } else {
                    Retry::Stop
                },
                "{status} {code}"
            );
            assert_eq!(
                classify(Outcome::Answered(&error), MAX_ATTEMPTS, 0.5),
                Retry::Stop
            );
        }
        assert_eq!(
            classify(Outcome::NotSent, 2, 1.0),
            Retry::After { delay_ms: 2_000 }
        );
        assert_eq!(
            classify(Outcome::Interrupted, 1, f64::NAN),
            Retry::After { delay_ms: 0 }
        );
    }

    #[test]
    fn the_service_says_how_long() {
        let asked = error(FailureKind::Api, 503, "x", &[("Retry-After", "7")]);
        assert_eq!(
            classify(Outcome::Answered(&asked), 1, 0.0),
            Retry::After { delay_ms: 7_000 }
        );
        let asked = error(FailureKind::Api, 503, "x", &[("x-amz-retry-after", "1500")]);
        assert_eq!(
            classify(Outcome::Answered(&asked), 1, 0.0),
            Retry::After { delay_ms: 1_500 }
        );
        let tomorrow = error(FailureKind::Api, 503, "x", &[("retry-after", "86400")]);
        assert_eq!(classify(Outcome::Answered(&tomorrow), 1, 0.0), Retry::Stop);
    }
}
