//! What goes wrong while a state runs, in the service's words.

use serde_json::Value;

use super::dataset::weight;
use super::intrinsic::IntrinsicError;
use super::path::Path;

/// `States.Runtime`: the definition cannot be applied to this input. Never caught by `States.ALL`.
pub(crate) const RUNTIME: &str = "States.Runtime";
/// A JSONata expression failed.
pub(crate) const QUERY_EVALUATION: &str = "States.QueryEvaluationError";
/// A data set cannot be read.
pub(crate) const ITEM_READER_FAILED: &str = "States.ItemReaderFailed";
/// Results cannot be written.
pub(crate) const RESULT_WRITER_FAILED: &str = "States.ResultWriterFailed";
/// An intrinsic function failed.
pub(crate) const INTRINSIC_FAILURE: &str = "States.IntrinsicFailure";
/// No rule of a Choice matched.
pub(crate) const NO_CHOICE_MATCHED: &str = "States.NoChoiceMatched";
/// `ResultPath` points into something that is no object.
pub(crate) const RESULT_PATH_MISMATCH: &str = "States.ResultPathMatchFailure";
/// A payload is larger than the service allows.
pub(crate) const DATA_LIMIT_EXCEEDED: &str = "States.DataLimitExceeded";
/// More items of a distributed Map failed than may.
pub(crate) const EXCEEDED: &str = "States.ExceedToleratedFailureThreshold";
/// Matches every error but two.
pub(crate) const ALL: &str = "States.ALL";
/// A time limit passed.
pub(crate) const TIMEOUT: &str = "States.Timeout";
/// No heartbeat came in time; `States.Timeout` matches it, too.
pub(crate) const HEARTBEAT_TIMEOUT: &str = "States.HeartbeatTimeout";
/// Matches every error of a task but a time-out.
pub(crate) const TASK_FAILED: &str = "States.TaskFailed";

/// Largest input, output or result in bytes (the service's limit).
pub const MAX_PAYLOAD: usize = 262_144;

/// A failure of a state: what Retry and Catch look at, and what a history shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The error's name; a Fail state may have none.
    pub(crate) error: Option<String>,
    /// Why.
    pub(crate) cause: Option<String>,
    /// Whether the cause is about the definition, so that the state and its entry are named before it.
    pub(crate) in_definition: bool,
    /// Where a JSONata expression failed: such a failure has an event of its own.
    pub(crate) location: Option<String>,
    /// Whether it is about a value that an expression had yielded already.
    pub(crate) after_entry: bool,
    /// Whether a heartbeat was missed: it is shown as any time-out, but has a name of its own for Retry and Catch.
    pub(crate) missed_beat: bool,
}

impl Fault {
    /// An error of a task, a branch or a Fail state.
    pub(crate) fn of(error: Option<String>, cause: Option<String>) -> Self {
        Self {
            error,
            cause,
            in_definition: false,
            location: None,
            after_entry: false,
            missed_beat: false,
        }
    }

    /// A time limit passed; `missed_beat` is whether it was that of a heartbeat.
    pub(crate) fn timeout(missed_beat: bool) -> Self {
        Self {
            missed_beat,
            ..Self::of(Some(TIMEOUT.to_owned()), None)
        }
    }

    /// An error that the definition or its data made.
    pub(crate) fn definition(error: &str, cause: impl Into<String>) -> Self {
        Self {
            error: Some(error.to_owned()),
            cause: Some(cause.into()),
            in_definition: true,
            location: None,
            after_entry: false,
            missed_beat: false,
        }
    }

    pub(crate) fn runtime(cause: impl Into<String>) -> Self {
        Self::definition(RUNTIME, cause)
    }

    /// A JSONata failure without a place of its own event.
    pub(crate) fn query(cause: impl Into<String>) -> Self {
        Self::definition(QUERY_EVALUATION, cause)
    }

    fn at(mut self, location: &str) -> Self {
        self.location = Some(location.to_owned());
        self
    }

    /// The name before which `ErrorEquals` is compared.
    pub(crate) fn name(&self) -> &str {
        self.error.as_deref().unwrap_or_default()
    }

    /// Whether `wanted`, one name of an `ErrorEquals`, means this failure.
    pub(crate) fn is(&self, wanted: &str) -> bool {
        let name = self.name();
        match wanted {
            ALL => ![RUNTIME, DATA_LIMIT_EXCEEDED].contains(&name),
            TIMEOUT => name == TIMEOUT || name == HEARTBEAT_TIMEOUT,
            HEARTBEAT_TIMEOUT => self.missed_beat || name == HEARTBEAT_TIMEOUT,
            TASK_FAILED => {
                ![TIMEOUT, HEARTBEAT_TIMEOUT, RUNTIME, DATA_LIMIT_EXCEEDED].contains(&name)
            }
            _ => name == wanted,
        }
    }

    /// The cause as histories show it: a fault of the definition names its state.
    pub(crate) fn in_state(mut self, state: &str, entered: u64) -> Self {
        if self.in_definition {
            let cause = self.cause.take().unwrap_or_default();
            self.cause = Some(format!(
                "An error occurred while executing the state '{state}' (entered at the event id #{entered}). {cause}"
            ));
            self.in_definition = false;
        }
        self
    }
}

pub(crate) fn path_not_found(path: &Path, field: &str, searched: &Value) -> Fault {
    Fault::runtime(format!(
        "The JSONPath '{path}' specified for the field '{field}' could not be found in the input '{searched}'"
    ))
}

/// `InputPath`, `OutputPath` and their like.
pub(crate) fn invalid_path(path: &Path, reason: &str) -> Fault {
    Fault::runtime(format!("Invalid path '{path}' : {reason}"))
}

pub(crate) fn undefined(expression: &str, location: &str) -> Fault {
    Fault::query(format!(
        "The JSONata expression '{expression}' specified for the field '{location}' returned nothing (undefined)."
    ))
    .at(location)
}

pub(crate) fn threw(expression: &str, location: &str, words: &str) -> Fault {
    Fault::query(format!(
        "The JSONata expression '{expression}' specified for the field '{location}' threw an error during evaluation. {words}"
    ))
    .at(location)
}

pub(crate) fn unexpected_type(
    expression: &str,
    location: &str,
    wanted: &str,
    found: &Value,
) -> Fault {
    Fault::query(format!(
        "The JSONata expression '{expression}' specified for the field '{location}' returned an unexpected result type. Expected '{wanted}', but was '{}' for value: {found}",
        type_name(found)
    ))
    .at(location)
}

pub(crate) fn intrinsic(field: &str, error: &IntrinsicError) -> Fault {
    Fault::definition(
        INTRINSIC_FAILURE,
        format!(
            "The function call specified for the field '{field}' threw an error during execution: {error}"
        ),
    )
}

/// Refuses a value that is larger than the service allows.
pub(crate) fn check_size(value: &Value, state: &str) -> Result<(), Fault> {
    if weight::text(value) > MAX_PAYLOAD {
        return Err(too_large(state));
    }
    Ok(())
}

/// `state`: the name of a state, or for the result of a task the type of its resource.
pub(crate) fn too_large(state: &str) -> Fault {
    Fault::of(
        Some(DATA_LIMIT_EXCEEDED.to_owned()),
        Some(format!(
            "The state/task '{state}' returned a result with a size exceeding the maximum number of bytes service limit."
        )),
    )
}

pub(crate) fn variables_too_large(state: &str) -> Fault {
    Fault::of(
        Some(DATA_LIMIT_EXCEEDED.to_owned()),
        Some(format!(
            "The state/task '{state}' assigned variables with a size exceeding the maximum number of bytes service limit."
        )),
    )
}

/// What a state keeps of its branches or iterations is more than an execution is given room for.
pub(crate) fn results_too_large(state: &str, most: usize) -> Fault {
    Fault::of(
        Some(DATA_LIMIT_EXCEEDED.to_owned()),
        Some(format!(
            "The results of the state '{state}' have more than {most} bytes together."
        )),
    )
}

/// More work side by side than an execution is given room for.
pub(crate) fn too_many_threads(state: &str, most: usize) -> Fault {
    Fault::of(
        Some(DATA_LIMIT_EXCEEDED.to_owned()),
        Some(format!(
            "The state '{state}' cannot begin another iteration: {most} branches and iterations of the execution run already."
        )),
    )
}

/// The name of a JSON type.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
