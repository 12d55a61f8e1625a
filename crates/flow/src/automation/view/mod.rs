//! What the AWS API shows of a run: AutomationExecution, AutomationExecutionMetadata, StepExecution.
//!
//! Field names and shapes are those of the SSM API (JSON 1.1: instants as epoch seconds). Reads a run, changes nothing.

mod fleet;

use jiff::Timestamp;
use model::report::AlarmWatch;
use serde_json::{Map, Value, json};

use super::document::{Body, Document, Step};
use super::parameters::to_wire;
use super::record::{Status, StepExecution, execution_id};
use super::run::Run;
use super::summary::Summary;
use crate::expr::value_type::text_of;

/// An instant as the API writes it: seconds since 1970, with milliseconds.
fn seconds(at: Timestamp) -> Value {
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds of all years to 9999 are exact in an f64"
    )]
    let seconds = at.as_millisecond() as f64 / 1_000.0;
    json!(seconds)
}

fn put(map: &mut Map<String, Value>, key: &str, value: Option<Value>) {
    if let Some(value) = value {
        map.insert(key.to_owned(), value);
    }
}

fn wire_map(values: &Map<String, Value>) -> Value {
    values
        .iter()
        .map(|(name, value)| (name.clone(), json!(to_wire(value))))
        .collect::<Map<_, _>>()
        .into()
}

/// What both shapes of an execution have.
fn head(run: &Summary) -> Map<String, Value> {
    let (root, origin) = (&run.root, &run.origin);
    let mut map = Map::new();
    map.insert("AutomationExecutionId".to_owned(), json!(root.id));
    map.insert("DocumentName".to_owned(), json!(origin.name));
    map.insert("DocumentVersion".to_owned(), json!(origin.version));
    map.insert(
        "AutomationExecutionStatus".to_owned(),
        json!(root.status.as_str()),
    );
    map.insert("ExecutionStartTime".to_owned(), seconds(root.started));
    put(&mut map, "ExecutionEndTime", root.ended.map(seconds));
    map.insert("ExecutedBy".to_owned(), json!(run.request().executed_by));
    map.insert("Mode".to_owned(), json!(run.request().mode));
    map.insert("Outputs".to_owned(), json!(root.outputs));
    put(
        &mut map,
        "FailureMessage",
        root.failure_message.as_ref().map(|text| json!(text)),
    );
    if let Some((name, action)) = &run.current {
        map.insert("CurrentStepName".to_owned(), json!(name));
        map.insert("CurrentAction".to_owned(), json!(action));
    }
    fleet::head(run, &mut map);
    alarm(run, &mut map);
    map
}

/// The alarm that stops the run, and its state if it did.
fn alarm(run: &Summary, map: &mut Map<String, Value>) {
    let Some(alarm) = &run.request().alarm else {
        return;
    };
    map.insert("AlarmConfiguration".to_owned(), alarm_configured(alarm));
    let state = run.root.alarm.as_ref();
    if let Some(triggered) = state.and_then(|state| state.triggered.as_ref()) {
        let shown = json!([{ "Name": alarm.name, "State": triggered }]);
        map.insert("TriggeredAlarms".to_owned(), shown);
    }
}

fn alarm_configured(alarm: &AlarmWatch) -> Value {
    json!({
        "Alarms": [{ "Name": alarm.name }],
        "IgnorePollAlarmFailure": alarm.ignore_poll_failure,
    })
}

/// `AutomationExecution`, as GetAutomationExecution gives it.
#[must_use]
pub fn execution(run: &Run) -> Value {
    let summary = run.summary();
    let mut map = head(&summary);
    let mut parameters = run.origin.parameters.clone();
    parameters.extend(run.root.looked_up.clone());
    map.insert("Parameters".to_owned(), wire_map(&parameters));
    map.insert("StepExecutions".to_owned(), Value::Array(steps(run)));
    map.insert("StepExecutionsTruncated".to_owned(), json!(false));
    map.insert("ResolvedTargets".to_owned(), fleet::resolved(&summary));
    fleet::execution(&summary, &mut map);
    if !run.root.variables.is_empty() {
        map.insert("Variables".to_owned(), wire_map(&run.root.variables));
    }
    Value::Object(map)
}

/// `AutomationExecutionMetadata`, as DescribeAutomationExecutions gives it.
#[must_use]
pub fn metadata(run: &Summary) -> Value {
    let mut map = head(run);
    map.insert(
        "AutomationType".to_owned(),
        json!(fleet::automation_type(run)),
    );
    Value::Object(map)
}

/// All `StepExecution`s: what ran in its order, then the steps of the document that did not run yet.
#[must_use]
pub fn steps(run: &Run) -> Vec<Value> {
    let mut list: Vec<Value> = run
        .executions()
        .map(|record| executed(run, record))
        .collect();
    if run.is_fleet() {
        return list;
    }
    let pending = run.document.steps.iter().enumerate().filter(|(at, step)| {
        step.parent.is_none() && run.latest.get(*at).copied().flatten().is_none()
    });
    list.extend(pending.map(|(_, step)| {
        let mut map = declared(step, &run.document);
        map.insert("StepStatus".to_owned(), json!(Status::Pending.as_str()));
        map.insert(
            "StepExecutionId".to_owned(),
            json!(execution_id(run.id(), &step.name, None)),
        );
        map.insert("Inputs".to_owned(), json!({}));
        map.insert("Outputs".to_owned(), json!({}));
        Value::Object(map)
    }));
    list
}

/// What the document says about a step.
fn declared(step: &Step, document: &Document) -> Map<String, Value> {
    let mut map = Map::new();
    map.insert("StepName".to_owned(), json!(step.name));
    map.insert("Action".to_owned(), json!(step.action.as_str()));
    put(
        &mut map,
        "TimeoutSeconds",
        step.timeout_seconds.map(|n| json!(n)),
    );
    map.insert("OnFailure".to_owned(), json!(step.on_failure.wire()));
    map.insert("MaxAttempts".to_owned(), json!(step.max_attempts));
    map.insert("IsEnd".to_owned(), json!(step.is_end));
    map.insert("IsCritical".to_owned(), json!(step.critical()));
    let following = step
        .following
        .and_then(|at| document.steps.get(at))
        .map(|next| next.name.clone());
    let next = step
        .next_step
        .clone()
        .or(following)
        .filter(|_| !step.is_end);
    let mut valid: Vec<String> = match &step.body {
        Body::Branch { choices, default } => choices
            .iter()
            .map(|(_, target)| target.clone())
            .chain(default.clone())
            .collect(),
        _ => next.clone().into_iter().collect(),
    };
    valid.dedup();
    put(
        &mut map,
        "NextStep",
        next.filter(|_| !matches!(step.body, Body::Branch { .. }))
            .map(Value::String),
    );
    map.insert("ValidNextSteps".to_owned(), json!(valid));
    map
}

fn executed(run: &Run, record: &StepExecution) -> Value {
    // A fleet's executions are named after resources, not after steps.
    let step = run.document.step(&record.name).filter(|_| !run.is_fleet());
    let mut map = step
        .map(|step| declared(step, &run.document))
        .unwrap_or_default();
    map.insert("StepName".to_owned(), json!(record.name));
    map.insert("Action".to_owned(), json!(record.action));
    map.insert("StepStatus".to_owned(), json!(record.status.as_str()));
    map.insert("StepExecutionId".to_owned(), json!(record.id));
    map.insert("ExecutionStartTime".to_owned(), seconds(record.started));
    put(&mut map, "ExecutionEndTime", record.ended.map(seconds));
    map.insert("Inputs".to_owned(), shown_inputs(record, step));
    if run.is_fleet() {
        fleet::child(record, &mut map);
    }
    map.insert("Outputs".to_owned(), wire_map(&record.outputs));
    put(
        &mut map,
        "Response",
        record.response.as_ref().map(|text| json!(text)),
    );
    put(
        &mut map,
        "ResponseCode",
        record.response_code.as_ref().map(|text| json!(text)),
    );
    if let Some(failure) = &record.failure {
        map.insert("FailureMessage".to_owned(), json!(failure.message));
        map.insert(
            "FailureDetails".to_owned(),
            json!({"FailureStage": failure.stage, "FailureType": failure.kind, "Details": {"Attempts": [record.attempt.to_string()]}}),
        );
    }
    if let Some(parent) = &record.parent {
        let mut details = Map::new();
        details.insert("StepExecutionId".to_owned(), json!(parent.id));
        details.insert("StepName".to_owned(), json!(parent.name));
        details.insert("Action".to_owned(), json!("aws:loop"));
        details.insert("Iteration".to_owned(), json!(parent.iteration));
        put(
            &mut details,
            "IteratorValue",
            parent.value.as_ref().map(|text| json!(text)),
        );
        map.insert("ParentStepDetails".to_owned(), Value::Object(details));
    }
    Value::Object(map)
}

/// Inputs as JSON texts. What the record leaves out (scripts, choices, nested steps) is shown as it is written.
fn shown_inputs(record: &StepExecution, step: Option<&Step>) -> Value {
    let mut shown: Map<String, Value> = Map::new();
    if let Some(written) = step.and_then(|step| step.inputs.as_object()) {
        for (key, value) in written {
            let value = record.inputs.get(key).unwrap_or(value);
            shown.insert(key.clone(), Value::String(value.to_string()));
        }
    }
    Value::Object(shown)
}

/// A document's parameters, as DescribeDocument gives them.
#[must_use]
pub fn document_parameters(document: &Document) -> Vec<Value> {
    document
        .parameters
        .iter()
        .map(|parameter| {
            let mut map = Map::new();
            map.insert("Name".to_owned(), json!(parameter.name));
            map.insert("Type".to_owned(), json!(parameter.type_name));
            put(
                &mut map,
                "Description",
                parameter.description.as_ref().map(|text| json!(text)),
            );
            put(
                &mut map,
                "DefaultValue",
                parameter
                    .default
                    .as_ref()
                    .map(|value| json!(text_of(value))),
            );
            Value::Object(map)
        })
        .collect()
}
