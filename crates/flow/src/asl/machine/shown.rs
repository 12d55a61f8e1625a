//! The events of Tasks: calls of services, functions and activities each have their own.

use serde_json::{Value, json};

use super::end;
use super::turn::Turn;
use crate::asl::fault::{Fault, TIMEOUT};
use crate::asl::integration::{Family, Integration};

/// Time limit and seconds between heartbeats, and the role where the state names one.
pub(super) type Limits<'a> = (Option<u64>, Option<u64>, Option<&'a String>);

/// Details of the event with which a Task asks for its work.
pub(super) fn scheduling(
    turn: &Turn<'_>,
    (integration, parameters): (&Integration, String),
    (timeout, heartbeat, role): Limits<'_>,
) -> Value {
    let mut details = if integration.family.events().is_some() {
        json!({
            "resource": integration.resource,
            "input": parameters,
            "inputDetails": {"truncated": false},
        })
    } else {
        json!({
            "resourceType": integration.resource_type,
            "resource": integration.resource,
            "region": turn.cx.scope.region,
            "parameters": parameters,
        })
    };
    if let Some(timeout) = timeout {
        details["timeoutInSeconds"] = json!(timeout);
    }
    if let (Some(heartbeat), true) = (heartbeat, integration.family != Family::Function) {
        details["heartbeatInSeconds"] = json!(heartbeat);
    }
    if let Some(role) = role {
        details["taskCredentials"] = json!({"roleArn": role});
    }
    details
}

/// The call of a Task is asked for, and begins.
pub(super) fn scheduled(turn: &mut Turn<'_>, id: u32, integration: &Integration, details: Value) {
    if let Some((kind, member)) = integration.family.events() {
        let member = format!("{member}ScheduledEventDetails");
        turn.thread_event(id, &format!("{kind}Scheduled"), Some((&member, details)));
        if integration.family == Family::Function {
            turn.thread_event(id, "LambdaFunctionStarted", None);
        }
        return;
    }
    turn.thread_event(
        id,
        "TaskScheduled",
        Some(("taskScheduledEventDetails", details)),
    );
    let details = named(integration);
    turn.thread_event(
        id,
        "TaskStarted",
        Some(("taskStartedEventDetails", details)),
    );
}

/// The call of a Task that waits for more was answered.
pub(super) fn submitted(turn: &mut Turn<'_>, id: u32, integration: &Integration, result: &Value) {
    let mut details = named(integration);
    details["output"] = json!(result.to_string());
    details["outputDetails"] = json!({"truncated": false});
    turn.thread_event(
        id,
        "TaskSubmitted",
        Some(("taskSubmittedEventDetails", details)),
    );
}

/// The call of a Task that waits for more was refused.
pub(super) fn not_submitted(
    turn: &mut Turn<'_>,
    id: u32,
    integration: &Integration,
    fault: &Fault,
) {
    let details = end::error_details(fault.error.as_deref(), fault.cause.as_deref());
    ended(turn, id, (integration, "SubmitFailed"), details);
}

/// A Task has its result.
pub(super) fn succeeded(turn: &mut Turn<'_>, id: u32, integration: &Integration, result: String) {
    let details = json!({"output": result, "outputDetails": {"truncated": false}});
    ended(turn, id, (integration, "Succeeded"), details);
}

/// A Task has failed.
pub(super) fn failed(turn: &mut Turn<'_>, id: u32, integration: &Integration, fault: &Fault) {
    let timed_out = fault.name() == TIMEOUT;
    let word = if timed_out { "TimedOut" } else { "Failed" };
    let details = end::error_details(fault.error.as_deref(), fault.cause.as_deref());
    ended(turn, id, (integration, word), details);
}

fn ended(
    turn: &mut Turn<'_>,
    id: u32,
    (integration, word): (&Integration, &str),
    mut details: Value,
) {
    let (kind, member) = integration.family.events().unwrap_or(("Task", "task"));
    if integration.family.events().is_none() {
        details["resourceType"] = json!(integration.resource_type);
        details["resource"] = json!(integration.resource);
    }
    let member = format!("{member}{word}EventDetails");
    turn.thread_event(id, &format!("{kind}{word}"), Some((&member, details)));
}

fn named(integration: &Integration) -> Value {
    json!({"resourceType": integration.resource_type, "resource": integration.resource})
}
