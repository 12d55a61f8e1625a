//! How an invocation ended, as far as those who are told of it want to know.

use model::effect::Failure;
use model::text::one_line;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Longest answer of a function that is told on, in bytes; of a longer one nothing is.
const MAX_ANSWER: usize = 128 * 1024;
/// Most characters of an error message that a dead-letter queue gets.
const MESSAGE_CHARS: usize = 1_000;

/// An end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ending {
    condition: Condition,
    /// HTTP status of the last attempt.
    pub(super) status: u16,
    /// `Unhandled`, when the function itself failed.
    pub(super) function_error: Option<String>,
    /// What the function answered, or its error: a JSON text.
    pub(super) answer: Option<String>,
    /// What a dead-letter queue gets as `ErrorMessage`.
    pub(super) message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Condition {
    Success,
    Exhausted,
    TooOld,
}

impl Ending {
    /// From the answer of an attempt.
    pub(super) fn of_answer(answer: &Value) -> Self {
        let text = |name: &str| answer.get(name).and_then(Value::as_str);
        let payload = text("Payload").unwrap_or("null");
        let function_error = text("FunctionError").map(str::to_owned);
        let condition = match function_error {
            None => Condition::Success,
            Some(_) => Condition::Exhausted,
        };
        Self {
            condition,
            status: 200,
            message: function_error
                .as_ref()
                .map_or_else(String::new, |_| error_message(payload)),
            function_error,
            answer: (payload.len() <= MAX_ANSWER).then(|| payload.to_owned()),
        }
    }

    /// The function could not be run, and a repeat would change nothing.
    pub(super) fn refused(failure: &Failure) -> Self {
        let message = format!("{}: {}", failure.code, failure.message);
        Self {
            condition: Condition::Exhausted,
            status: failure.status.unwrap_or(500),
            function_error: None,
            answer: None,
            message: one_line(&message, MESSAGE_CHARS),
        }
    }

    /// It never found a place.
    pub(super) fn of_age() -> Self {
        Self {
            condition: Condition::TooOld,
            status: 429,
            function_error: None,
            answer: None,
            message: "Rate Exceeded.".to_owned(),
        }
    }

    /// The same end because of the event's age.
    pub(super) fn too_old(self) -> Self {
        Self {
            condition: Condition::TooOld,
            ..self
        }
    }

    pub(super) fn succeeded(&self) -> bool {
        self.condition == Condition::Success
    }

    /// As the record of an invocation says it
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>).
    pub(super) fn condition(&self) -> &'static str {
        match self.condition {
            Condition::Success => "Success",
            Condition::Exhausted => "RetriesExhausted",
            Condition::TooOld => "EventAgeExceeded",
        }
    }
}

fn error_message(payload: &str) -> String {
    let parsed: Option<Value> = serde_json::from_str(payload).ok();
    let message = parsed
        .as_ref()
        .and_then(|parsed| parsed.get("errorMessage"))
        .and_then(Value::as_str);
    one_line(message.unwrap_or(payload), MESSAGE_CHARS)
}
