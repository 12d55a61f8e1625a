//! What an attempt's outcome means for a delivery: taken, to be tried again, or refused for good.

use model::Outcome;
use model::effect::{DESTINATION_BUSY, Failure};
use model::text::one_line;
use serde_json::Value;

use super::Failed;

/// Most characters of an error that are kept and shown.
const MESSAGE_CHARS: usize = 500;

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Attempt {
    /// The target has it.
    Taken,
    /// It was not tried: too many others wait for the same destination.
    NotTried,
    /// It failed in passing, or nobody knows.
    Again(Failed),
    /// It was refused, and would be again.
    Never(Failed),
}

/// Reads an outcome.
pub(super) fn attempt(outcome: &Outcome) -> Attempt {
    match outcome {
        Outcome::Done { result } => entry_failure(result).unwrap_or(Attempt::Taken),
        Outcome::Unknown { reason } => Attempt::Again(failed("UNKNOWN", reason)),
        Outcome::Failed(failure) if failure.code == DESTINATION_BUSY => Attempt::NotTried,
        // The execution's name is the delivery's own: an earlier attempt started it.
        Outcome::Failed(failure) if failure.code == "ExecutionAlreadyExists" => Attempt::Taken,
        Outcome::Failed(failure) => {
            let message = format!("{}: {}", failure.code, failure.message);
            let read = failed(error_code(failure), &message);
            if failure.transient {
                Attempt::Again(read)
            } else {
                Attempt::Never(read)
            }
        }
    }
}

/// `PutEvents` answers HTTP 200 for an entry that it refuses: the answer says it.
fn entry_failure(result: &Value) -> Option<Attempt> {
    let count = result.get("FailedEntryCount").and_then(Value::as_u64)?;
    if count == 0 {
        return None;
    }
    let entry = result.get("Entries").and_then(|entries| entries.get(0));
    let text = |name: &str| {
        let found = entry.and_then(|entry| entry.get(name));
        found.and_then(Value::as_str).unwrap_or_default()
    };
    let code = text("ErrorCode");
    let failure = Failure {
        code: code.to_owned(),
        message: text("ErrorMessage").to_owned(),
        status: None,
        request_id: None,
        extended_request_id: None,
        shape: None,
        transient: is_throttling(code) || code.starts_with("Internal"),
    };
    Some(attempt(&Outcome::Failed(failure)))
}

pub(super) fn failed(code: &str, message: &str) -> Failed {
    Failed {
        code: code.to_owned(),
        message: one_line(message, MESSAGE_CHARS),
        exhausted: None,
    }
}

fn is_throttling(code: &str) -> bool {
    code.contains("Throttl")
        || code.contains("TooManyRequests")
        || code.contains("ProvisionedThroughputExceeded")
        || code == "RequestLimitExceeded"
        || code == "SlowDown"
}

/// The failure in the words of EventBridge's `ERROR_CODE`
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html>).
fn error_code(failure: &Failure) -> &'static str {
    let (code, status) = (failure.code.as_str(), failure.status.unwrap_or(0));
    let says = |parts: &[&str]| parts.iter().any(|part| code.contains(part));
    if is_throttling(code) || status == 429 {
        "THROTTLING"
    } else if code == "Timeout" || status == 408 {
        "TIMEOUT"
    } else if code == "Network" {
        "CONNECTION_FAILURE"
    } else if code == "Credentials" {
        "FAILED_TO_ASSUME_ROLE"
    } else if says(&["AccessDenied", "NotAuthorized", "Unauthorized", "Forbidden"])
        || says(&[
            "AuthorizationError",
            "InvalidClientTokenId",
            "SignatureDoesNotMatch",
        ])
        || matches!(status, 401 | 403)
    {
        "NO_PERMISSIONS"
    } else if says(&["NotFound", "NonExistent", "DoesNotExist"]) || matches!(status, 404 | 410) {
        "NO_RESOURCE"
    } else if says(&["Invalid", "Validation", "Malformed"]) {
        "INVALID_PARAMETER"
    } else if status >= 500 || code == "Http" || code == "Smtp" {
        "ERROR_FROM_TARGET"
    } else {
        "SDK_CLIENT_ERROR"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(code: &str, status: Option<u16>, transient: bool) -> Outcome {
        Outcome::Failed(Failure {
            code: code.to_owned(),
            message: "why".to_owned(),
            status,
            request_id: None,
            extended_request_id: None,
            shape: None,
            transient,
        })
    }

    #[test]
    fn failures_have_eventbridges_codes() {
        for (code, status, want) in [
            ("ThrottlingException", Some(400), "THROTTLING"),
            (
                "ProvisionedThroughputExceededException",
                Some(400),
                "THROTTLING",
            ),
            ("Http", Some(429), "THROTTLING"),
            ("Timeout", None, "TIMEOUT"),
            ("Network", None, "CONNECTION_FAILURE"),
            ("Credentials", None, "FAILED_TO_ASSUME_ROLE"),
            ("AccessDeniedException", Some(400), "NO_PERMISSIONS"),
            ("Http", Some(403), "NO_PERMISSIONS"),
            ("Http", Some(404), "NO_RESOURCE"),
            ("ResourceNotFoundException", Some(400), "NO_RESOURCE"),
            (
                "AWS.SimpleQueueService.NonExistentQueue",
                Some(400),
                "NO_RESOURCE",
            ),
            ("QueueDoesNotExist", Some(400), "NO_RESOURCE"),
            ("StateMachineDoesNotExist", Some(400), "NO_RESOURCE"),
            ("ParamValidation", None, "INVALID_PARAMETER"),
            ("InvalidExecutionInput", Some(400), "INVALID_PARAMETER"),
            ("Http", Some(500), "ERROR_FROM_TARGET"),
            ("ServiceException", Some(502), "ERROR_FROM_TARGET"),
            ("NotImplementedByTarget", None, "SDK_CLIENT_ERROR"),
        ] {
            let got = attempt(&refused(code, status, false));
            let Attempt::Never(failed) = got else {
                panic!("{code}: {got:?}")
            };
            assert_eq!(failed.code, want, "{code} {status:?}");
            assert!(
                matches!(attempt(&refused(code, status, true)), Attempt::Again(_)),
                "{code}"
            );
        }
    }

    #[test]
    fn an_answer_of_200_may_be_a_refusal() {
        let done = |result| attempt(&Outcome::Done { result });
        assert_eq!(done(json!({})), Attempt::Taken);
        assert_eq!(
            done(json!({ "FailedEntryCount": 0, "Entries": [{ "EventId": "x" }] })),
            Attempt::Taken
        );
        let entry = |code: &str| {
            done(
                json!({ "FailedEntryCount": 1, "Entries": [{ "ErrorCode": code, "ErrorMessage": "m" }] }),
            )
        };
        assert!(
            matches!(entry("NotAuthorizedForSourceException"), Attempt::Never(failed) if failed.code == "NO_PERMISSIONS")
        );
        assert!(matches!(entry("ThrottlingException"), Attempt::Again(_)));
        assert!(matches!(entry("InternalFailure"), Attempt::Again(_)));
        assert_eq!(
            attempt(&refused("ExecutionAlreadyExists", Some(400), false)),
            Attempt::Taken
        );
        assert_eq!(
            attempt(&refused(DESTINATION_BUSY, None, true)),
            Attempt::NotTried
        );
    }
}
