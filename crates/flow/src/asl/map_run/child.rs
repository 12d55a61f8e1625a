//! One execution of a map run: what it knows of the run, and what the run knows of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::asl::execution::Status;

/// What an execution of a map run knows of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// The map run.
    pub(crate) run: Uuid,
    /// The map run's ARN.
    pub(crate) arn: String,
    /// The Map's label.
    pub(crate) label: String,
    /// The block of the definition that it walks through.
    pub(crate) block: usize,
    /// Which execution of the run it is.
    pub(crate) index: u32,
    /// How often another one was begun for the same items before.
    pub(crate) attempt: u32,
    /// How many items it is for.
    pub(crate) items: u32,
    /// `Map.Item` of the context object.
    pub(crate) item: Value,
    /// Whether the run wants to know its input again, however it ends.
    #[serde(default)]
    pub(crate) whole: bool,
}

impl Member {
    /// The map run's ARN.
    #[must_use]
    pub fn map_run_arn(&self) -> &str {
        &self.arn
    }

    /// The Map's label.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Which execution of the run it is.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.index
    }

    /// How many items it is for.
    #[must_use]
    pub fn items(&self) -> u32 {
        self.items
    }
}

/// How an execution of a map run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// Its status, a final one.
    pub status: Status,
    /// JSON text of its input, where the run may need it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// JSON text of its output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// The error's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The error's cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub stopped: Timestamp,
    /// How often it was redriven.
    #[serde(default)]
    pub redrives: u32,
    /// Whether it could be redriven.
    #[serde(default)]
    pub redrivable: bool,
}

/// Where an execution of a map run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Standing {
    /// It lives.
    Running,
    /// It has ended.
    Ended,
    /// It has ended, and waits to live again.
    Again,
}

/// Key of the frame with what the run knows of an execution.
#[must_use]
pub fn child_frame(index: u32) -> String {
    format!("child/{index:08}")
}

/// Whether the execution with this frame has ended and waits to live again.
#[must_use]
pub fn waits_to_live_again(frame: &Value) -> bool {
    Standing::deserialize(&frame["standing"]).is_ok_and(|it| it == Standing::Again)
}

/// What the run knows of an execution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Child {
    pub(crate) v: u16,
    pub(crate) standing: Standing,
    /// Position of its first item.
    pub(crate) first: u64,
    /// How many items it has.
    pub(crate) items: u32,
    /// Number of executions that were begun for these items before.
    #[serde(default)]
    pub(crate) attempt: u32,
    /// How it ended; kept while it waits to live again.
    #[serde(default)]
    pub(crate) end: Option<End>,
    /// Bytes of what it gives to the results.
    #[serde(default)]
    pub(crate) size: u64,
    /// Whether of its end only that is kept which the counts need: the results are too large anyway.
    #[serde(default)]
    pub(crate) bare: bool,
}

impl End {
    /// Bytes of what it gives to the results: of its output, or of all that describes it where that is `shown`.
    pub(crate) fn size(&self, shown: bool) -> u64 {
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let mut size = length(&self.output);
        if shown || self.output.is_none() {
            size += [&self.input, &self.error, &self.cause]
                .map(length)
                .iter()
                .sum::<usize>();
        }
        u64::try_from(size).unwrap_or(u64::MAX)
    }

    /// Forgets what only the results need.
    pub(crate) fn strip(&mut self) {
        (self.input, self.output) = (None, None);
        (self.error, self.cause) = (None, None);
    }
}

impl Child {
    /// Whether it ended well.
    pub(crate) fn succeeded(&self) -> bool {
        self.end
            .as_ref()
            .is_some_and(|end| end.status == Status::Succeeded)
    }

    /// Its status while it has ended.
    pub(crate) fn status(&self) -> Option<Status> {
        let ended = self.standing == Standing::Ended;
        self.end.as_ref().filter(|_| ended).map(|end| end.status)
    }
}

/// An execution that never began; `input` is what it would have been given, where that could be made.
pub(crate) fn pending(
    (arn, machine_arn, name): (&str, &str, &str),
    input: Option<String>,
) -> Value {
    let mut record = json!({
        "ExecutionArn": arn,
        "InputDetails": {"Included": input.is_some()},
        "Name": name,
        "StateMachineArn": machine_arn,
        "Status": "PENDING",
    });
    if let Some(input) = input {
        record["Input"] = input.into();
    }
    record
}

/// An execution with its metadata, as the service gives results that are not transformed: inputs and outputs are texts.
pub(crate) fn record((arn, machine_arn, name): (&str, &str, &str), end: &End) -> Value {
    let mut body = Map::new();
    let mut text = |key: &str, text: Option<&str>| {
        if let Some(text) = text {
            body.insert(key.to_owned(), text.into());
        }
    };
    text("Cause", end.cause.as_deref());
    text("Error", end.error.as_deref());
    text("ExecutionArn", Some(arn));
    text("Input", end.input.as_deref());
    text("Name", Some(name));
    text("Output", end.output.as_deref());
    text("StateMachineArn", Some(machine_arn));
    text("Status", Some(end.status.as_str()));
    text("StartDate", Some(&format!("{:.3}", end.started)));
    text("StopDate", Some(&format!("{:.3}", end.stopped)));
    body.insert("RedriveCount".to_owned(), end.redrives.into());
    for (key, there) in [
        ("InputDetails", end.input.is_some()),
        ("OutputDetails", end.output.is_some()),
    ] {
        if there {
            body.insert(key.to_owned(), json!({"Included": true}));
        }
    }
    Value::Object(body)
}
