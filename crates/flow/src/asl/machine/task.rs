//! Tasks: the call, its events, its token, its time limits.

use model::effect::{AssumeRole, AwsCall, Outcome};
use model::{EffectCommand, ids};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::enter::Scene;
use super::turn::Turn;
use super::{end, fail, leave, quantity, seconds_after};
use crate::asl::definition::{State, Task};
use crate::asl::execution::{Call, Phase};
use crate::asl::fault::{self, Fault, MAX_PAYLOAD, TASK_FAILED, TIMEOUT};
use crate::asl::input::{Command, Settlement};
use crate::asl::integration::{Family, Integration};

/// Seconds that one call may take when the state does not say less.
const CALL_SECONDS: u32 = 60;

/// Asks for a Task's work.
pub(super) fn begin(
    turn: &mut Turn<'_>,
    (id, state): (u32, &State),
    mut scene: Scene,
    task: &Task,
) -> Result<(), Fault> {
    let integration = Integration::parse(&task.resource).map_err(Fault::runtime)?;
    let token = integration
        .callback
        .then(|| turn.random.uuid().simple().to_string());
    if let Some(token) = &token {
        scene.with_token(&format!("{}.{id}.{token}", turn.x.root.id.simple()));
    }
    let arguments = match &task.arguments {
        Some(arguments) => scene.fill(arguments, &scene.input, turn)?,
        None => scene.input.clone(),
    };
    let timeout = limit(turn, &scene, (task.timeout.as_ref(), "TimeoutSeconds"))?;
    let heartbeat = limit(turn, &scene, (task.heartbeat.as_ref(), "HeartbeatSeconds"))?;
    let role = match &task.role {
        None => turn.x.origin.start.role_arn.clone(),
        Some(role) => scene.fill(role, &scene.input, turn)?["RoleArn"]
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| Fault::runtime("The RoleArn of the Credentials must be a string"))?,
    };
    let shown = arguments.to_string();
    if shown.len() > MAX_PAYLOAD {
        return Err(fault::too_large(&state.name));
    }
    show_scheduled(
        turn,
        id,
        (&integration, shown),
        (timeout, heartbeat, task.role.is_some().then_some(&role)),
    );
    let parameters = integration.parameters(arguments)?;
    let effect = perform(turn, &integration, (parameters, role, timeout));
    let timer = timeout.map(|limit| turn.timer("timeout", seconds_after(turn.cx.at, limit)));
    let beat = heartbeat.map(|limit| turn.timer("heartbeat", seconds_after(turn.cx.at, limit)));
    if let Some(thread) = turn.touch(id) {
        thread.phase = Phase::Calling(Call {
            effect: Some(effect),
            token,
            timer,
            beat,
            heartbeat,
            unknown: None,
        });
    }
    Ok(())
}

/// Asks for the call and gives the effect's id.
fn perform(
    turn: &mut Turn<'_>,
    integration: &Integration,
    (parameters, role, timeout): (Map<String, Value>, String, Option<u64>),
) -> Uuid {
    turn.x.root.effects += 1;
    let effect = ids::child(turn.cx.id, turn.x.root.effects);
    let call = AwsCall {
        service: integration.service.clone(),
        operation: integration.operation.clone(),
        params: Value::Object(parameters),
        region: turn.cx.scope.region.clone(),
        assume_role: Some(AssumeRole {
            role_arn: role,
            session_name: session(&turn.x.origin.start.name),
            through: None,
        }),
        timeout_secs: timeout.map_or(CALL_SECONDS, |limit| {
            u32::try_from(limit)
                .unwrap_or(u32::MAX)
                .clamp(1, CALL_SECONDS)
        }),
    };
    turn.commands.push(Command::Perform {
        effect,
        command: EffectCommand::CallAws(call),
    });
    effect
}

/// A session's name from an execution's: what STS does not take is left out.
fn session(name: &str) -> String {
    let taken = |c: &char| c.is_ascii_alphanumeric() || "+=,.@-_".contains(*c);
    let session: String = name.chars().filter(taken).take(64).collect();
    if session.len() < 2 {
        "quell".to_owned()
    } else {
        session
    }
}

fn limit(
    turn: &mut Turn<'_>,
    scene: &Scene,
    (number, field): (Option<&crate::asl::definition::Number>, &str),
) -> Result<Option<u64>, Fault> {
    let Some(number) = number else {
        return Ok(None);
    };
    let seconds = quantity::integer(turn, scene, (number, field))?;
    u64::try_from(seconds)
        .ok()
        .filter(|seconds| (1..=99_999_999).contains(seconds))
        .map(Some)
        .ok_or_else(|| Fault::runtime(format!("{field} must be between 1 and 99999999.")))
}

fn show_scheduled(
    turn: &mut Turn<'_>,
    id: u32,
    (integration, parameters): (&Integration, String),
    (timeout, heartbeat, role): (Option<u64>, Option<u64>, Option<&String>),
) {
    let mut details = if integration.family == Family::Function {
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
    if integration.family == Family::Function {
        turn.thread_event(
            id,
            "LambdaFunctionScheduled",
            Some(("lambdaFunctionScheduledEventDetails", details)),
        );
        turn.thread_event(id, "LambdaFunctionStarted", None);
    } else {
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
}

fn named(integration: &Integration) -> Value {
    json!({"resourceType": integration.resource_type, "resource": integration.resource})
}

/// The call of a thread's Task ended.
pub(super) fn on_effect(turn: &mut Turn<'_>, effect: Uuid, outcome: Outcome) {
    let found = turn
        .x
        .threads
        .values()
        .find_map(|thread| match &thread.phase {
            Phase::Calling(call) if call.effect == Some(effect) => Some(thread.id),
            _ => None,
        });
    let Some(id) = found else { return };
    let answer = match outcome {
        Outcome::Done { result } => Ok(result),
        Outcome::Failed(failure) => Err(failure),
        Outcome::Unknown { reason } => {
            // Only a person can say what became of it; the time limits wait for that word, too.
            drop_timers(turn, id);
            if let Some(Phase::Calling(call)) = turn.touch(id).map(|thread| &mut thread.phase) {
                call.unknown = Some(reason);
            }
            return;
        }
    };
    with_state(turn, id, |turn, state, integration| match answer {
        Err(failure) => Err(integration.fault(&failure)),
        Ok(answer) => {
            let result = integration.result(answer)?;
            if !integration.callback {
                return succeed(turn, (id, state), integration, result);
            }
            let mut details = named(integration);
            details["output"] = json!(result.to_string());
            details["outputDetails"] = json!({"truncated": false});
            turn.thread_event(
                id,
                "TaskSubmitted",
                Some(("taskSubmittedEventDetails", details)),
            );
            if let Some(Phase::Calling(call)) = turn.touch(id).map(|thread| &mut thread.phase) {
                call.effect = None;
            }
            Ok(())
        }
    });
}

/// Runs `work` with a thread's Task and takes its fault where it leads.
fn with_state(
    turn: &mut Turn<'_>,
    id: u32,
    work: impl FnOnce(&mut Turn<'_>, &State, &Integration) -> Result<(), Fault>,
) {
    let Some((thread, machine)) = turn.at(id) else {
        return;
    };
    let Some(state) = machine
        .blocks
        .get(thread.block)
        .and_then(|block| block.states.get(thread.state))
    else {
        return;
    };
    let crate::asl::definition::Kind::Task(task) = &state.kind else {
        return;
    };
    let Ok(integration) = Integration::parse(&task.resource) else {
        return;
    };
    if let Err(fault) = work(turn, state, &integration) {
        failed(turn, id, (&integration, fault));
    }
}

fn succeed(
    turn: &mut Turn<'_>,
    (id, state): (u32, &State),
    integration: &Integration,
    result: Value,
) -> Result<(), Fault> {
    let text = result.to_string();
    if text.len() > MAX_PAYLOAD {
        return Err(fault::too_large(&state.name));
    }
    drop_timers(turn, id);
    let mut details = json!({"output": text, "outputDetails": {"truncated": false}});
    if integration.family == Family::Function {
        turn.thread_event(
            id,
            "LambdaFunctionSucceeded",
            Some(("lambdaFunctionSucceededEventDetails", details)),
        );
    } else {
        details["resourceType"] = json!(integration.resource_type);
        details["resource"] = json!(integration.resource);
        turn.thread_event(
            id,
            "TaskSucceeded",
            Some(("taskSucceededEventDetails", details)),
        );
    }
    if let Some(thread) = turn.touch(id) {
        thread.phase = Phase::Ready;
    }
    let left = match Scene::of(turn, id, state) {
        None => return Ok(()),
        Some(Err(fault)) => Err(fault),
        Some(Ok(scene)) => leave::with_result(turn, (id, state), scene, result),
    };
    // The work is done: what goes wrong now has no event of the task.
    if let Err(fault) = left {
        fail::fail(turn, id, fault);
    }
    Ok(())
}

/// The events of a Task that failed, then what follows.
fn failed(turn: &mut Turn<'_>, id: u32, (integration, fault): (&Integration, Fault)) {
    drop_timers(turn, id);
    let timed_out = fault.name() == TIMEOUT;
    let word = if timed_out { "TimedOut" } else { "Failed" };
    let mut details = end::error_details(fault.error.as_deref(), fault.cause.as_deref());
    let (kind, key) = if integration.family == Family::Function {
        (
            format!("LambdaFunction{word}"),
            format!("lambdaFunction{word}EventDetails"),
        )
    } else {
        details["resourceType"] = json!(integration.resource_type);
        details["resource"] = json!(integration.resource);
        (format!("Task{word}"), format!("task{word}EventDetails"))
    };
    turn.thread_event(id, &kind, Some((&key, details)));
    if let Some(thread) = turn.touch(id) {
        thread.phase = Phase::Ready;
    }
    fail::fail(turn, id, fault);
}

/// A time limit of a Task passed.
pub(super) fn time_out(turn: &mut Turn<'_>, id: u32) {
    with_state(turn, id, |_, _, _| {
        Err(Fault::of(Some(TIMEOUT.to_owned()), None))
    });
}

/// Somebody sent a token back. `false` when no task waits for it.
pub(super) fn on_token(turn: &mut Turn<'_>, (id, token): (u32, &str), word: Settlement) -> bool {
    let waits = turn.thread(id).is_some_and(|thread| {
        matches!(&thread.phase, Phase::Calling(call) if call.token.as_deref() == Some(token))
    });
    if !waits {
        return false;
    }
    settle(turn, id, word);
    true
}

/// A person says what became of a call whose outcome is unknown. `false` when there is none.
pub(super) fn on_resolve(turn: &mut Turn<'_>, state: &str, word: Settlement) -> bool {
    let found = turn.x.threads.values().find(|thread| {
        let name = turn
            .x
            .machine
            .blocks
            .get(thread.block)
            .and_then(|block| block.states.get(thread.state));
        let named = name.is_some_and(|at| at.name == state);
        named && matches!(&thread.phase, Phase::Calling(call) if call.unknown.is_some())
    });
    let Some(id) = found.map(|thread| thread.id) else {
        return false;
    };
    settle(turn, id, word);
    true
}

fn settle(turn: &mut Turn<'_>, id: u32, word: Settlement) {
    with_state(turn, id, |turn, state, integration| match word {
        Settlement::Succeeded { output } => succeed(turn, (id, state), integration, output),
        Settlement::Failed { error, cause } => {
            let error = error.or_else(|| Some(TASK_FAILED.to_owned()));
            Err(Fault::of(error, cause))
        }
        Settlement::Heartbeat => {
            beat(turn, id);
            Ok(())
        }
        Settlement::Retry => {
            drop_timers(turn, id);
            super::enter::work(turn, id);
            Ok(())
        }
    });
}

/// Sets the heartbeat's timer anew.
fn beat(turn: &mut Turn<'_>, id: u32) {
    let Some(Phase::Calling(call)) = turn.thread(id).map(|thread| thread.phase.clone()) else {
        return;
    };
    let (Some(seconds), Some(timer)) = (call.heartbeat, call.beat) else {
        return;
    };
    turn.cancel_timer(timer);
    let timer = turn.timer("heartbeat", seconds_after(turn.cx.at, seconds));
    if let Some(Phase::Calling(call)) = turn.touch(id).map(|thread| &mut thread.phase) {
        call.beat = Some(timer);
    }
}

fn drop_timers(turn: &mut Turn<'_>, id: u32) {
    let Some(Phase::Calling(call)) = turn.touch(id).map(|thread| &mut thread.phase) else {
        return;
    };
    let timers = [call.timer.take(), call.beat.take()];
    for timer in timers.into_iter().flatten() {
        turn.cancel_timer(timer);
    }
}
