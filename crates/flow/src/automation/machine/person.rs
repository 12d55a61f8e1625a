//! What people say to a run: signals, and words about unknown outcomes.

use model::effect::Outcome;
use model::{Decision, Rejection};
use serde_json::json;

use super::turn::Turn;
use super::{arrivals, flow, settle, stop};
use crate::automation::action::{self, Progress, Success};
use crate::automation::agreed;
use crate::automation::document::Action;
use crate::automation::input::{Command, Input, Resolution, Signal, SignalKind};
use crate::automation::record::{Failure, Status};
use crate::automation::run::Run;

fn bad_signal(message: impl Into<String>) -> Rejection {
    Rejection::Conflict {
        code: "InvalidAutomationSignalException".to_owned(),
        message: message.into(),
    }
}

/// The run has ended: nobody can tell it anything.
pub(super) fn refuse_late(
    turn: &Turn<'_>,
    input: &Input,
) -> Result<Decision<Run, Command>, Rejection> {
    let status = turn.run.status().as_str();
    let message = format!("execution {} has ended with status {status}", turn.cx.id);
    let code = match input {
        Input::Stop { .. } => "InvalidAutomationStatusUpdateException",
        _ => "InvalidAutomationSignalException",
    };
    Err(Rejection::Conflict {
        code: code.to_owned(),
        message,
    })
}

/// The action and position of the current step, if its name (when given) is the one that is meant.
fn current_action(turn: &Turn<'_>, named: Option<&str>) -> Result<Option<Action>, Rejection> {
    if let Some(name) = named
        && turn.run.document.step(name).is_none()
    {
        return Err(Rejection::not_found("AutomationStep", name));
    }
    let current = turn
        .run
        .root
        .current
        .as_ref()
        .and_then(|current| turn.run.document.steps.get(current.step));
    Ok(current
        .filter(|step| named.is_none_or(|name| step.name == name))
        .map(|step| step.action))
}

/// A run that has left the plan which it is bound to is not told to go on, unless with a plan of what is left.
fn keep_to_plan(turn: &Turn<'_>, signal: &Signal) -> Result<(), Rejection> {
    let goes_on = matches!(
        signal.kind,
        SignalKind::Approve | SignalKind::Resume | SignalKind::StartStep
    );
    if let Some(step) = agreed::left(&turn.run).filter(|_| goes_on && signal.agreed.is_none()) {
        return Err(bad_signal(format!(
            "the run has left the plan that it is bound to, at step {step}: plan what is left to do, and approve that plan"
        )));
    }
    Ok(())
}

/// Takes a signal.
pub(super) fn signal(turn: &mut Turn<'_>, signal: &Signal) -> Result<(), Rejection> {
    turn.reply = json!({});
    let first = |key: &str| {
        signal
            .payload
            .get(key)
            .and_then(|texts| texts.first())
            .map(String::as_str)
    };
    keep_to_plan(turn, signal)?;
    match signal.kind {
        SignalKind::Approve | SignalKind::Reject => {
            if current_action(turn, first("StepName"))? != Some(Action::Approve) {
                return Err(bad_signal(
                    "no aws:approve step of the execution waits for a decision",
                ));
            }
            let seq = turn
                .run
                .root
                .current
                .as_ref()
                .map_or(0, |current| current.seq);
            turn.touch(seq);
            let progress = action::approval_signal(turn, signal)?;
            if let (SignalKind::Approve, Some(plan)) = (signal.kind, &signal.agreed) {
                agreed::bind(turn, plan);
            }
            settle::settle(turn, progress);
        }
        SignalKind::Resume => {
            if current_action(turn, first("StepName"))? != Some(Action::Pause) {
                return Err(bad_signal(
                    "no aws:pause step of the execution waits to be resumed",
                ));
            }
            let response = Some(format!("resumed by {}", signal.by));
            settle::settle(
                turn,
                Progress::Done(Success {
                    response,
                    ..Success::default()
                }),
            );
        }
        SignalKind::StartStep => start_step(turn, first("StepName"))?,
        SignalKind::StopStep => stop_step(turn, first("StepExecutionId"), &signal.by)?,
        SignalKind::Revoke => {
            return Err(bad_signal(
                "Revoke is for just-in-time access requests, not for this execution",
            ));
        }
    }
    Ok(())
}

fn start_step(turn: &mut Turn<'_>, named: Option<&str>) -> Result<(), Rejection> {
    if let Some(name) = named
        && turn.run.document.step(name).is_none()
    {
        return Err(Rejection::not_found("AutomationStep", name));
    }
    let next = turn
        .run
        .root
        .next
        .filter(|_| turn.run.root.current.is_none() && flow::waits_for_start(&turn.run));
    let Some(step) = next.and_then(|at| turn.run.document.steps.get(at)) else {
        return Err(bad_signal(
            "the execution does not wait for a step to be started",
        ));
    };
    if named.is_some_and(|name| name != step.name) {
        return Err(bad_signal(format!("the next step is {}", step.name)));
    }
    turn.run.root.started_by_hand = true;
    Ok(())
}

fn stop_step(turn: &mut Turn<'_>, id: Option<&str>, by: &str) -> Result<(), Rejection> {
    let Some(id) = id else {
        return Err(bad_signal("StopStep needs the payload StepExecutionId"));
    };
    let Some(seq) = turn
        .run
        .executions()
        .find(|record| record.id.to_string() == id)
        .map(|record| record.seq)
    else {
        return Err(Rejection::not_found("AutomationStep", id));
    };
    if turn
        .run
        .root
        .current
        .as_ref()
        .is_none_or(|current| current.seq != seq)
    {
        return Err(bad_signal("the step has ended"));
    }
    stop::stop_step(turn, by)
}

/// The effect, execution and step position of the unknown outcome that a person speaks of.
fn unknown_outcome(turn: &Turn<'_>, named: &str) -> Result<(uuid::Uuid, u32, usize), Rejection> {
    let mut executions = turn.run.executions();
    if turn.run.document.step(named).is_none()
        && !executions.any(|record| record.id.to_string() == named)
    {
        return Err(Rejection::not_found("AutomationStep", named));
    }
    let unknown = turn.run.root.current.as_ref().and_then(|current| {
        let record = turn.run.record(current.seq)?;
        let (effect, _) = current.unknown.as_ref()?;
        let meant = record.name == named || record.id.to_string() == named;
        meant.then_some((*effect, current.seq, current.step))
    });
    unknown.ok_or_else(|| bad_signal(format!("step {named} has no unknown outcome to settle")))
}

/// Takes a person's word about an unknown outcome.
pub(super) fn resolve(
    turn: &mut Turn<'_>,
    named: &str,
    resolution: Resolution,
    by: &str,
) -> Result<(), Rejection> {
    let (effect, seq, at) = unknown_outcome(turn, named)?;
    let document = turn.document();
    let Some(step) = document.steps.get(at) else {
        return Ok(());
    };
    turn.reply = json!({});
    let kind = match &resolution {
        Resolution::Succeeded { .. } => "succeeded",
        Resolution::Failed { .. } => "failed",
        Resolution::Retry => "retry",
        Resolution::Skip => "skip",
    };
    let body = json!({"run": turn.cx.id, "seq": seq, "step": step.name, "as": kind, "by": by});
    turn.fact("run.step.resolved", body);
    let note = format!("outcome settled as {kind} by {by}");
    if let Some(record) = turn.touch(seq) {
        record.response = Some(note.clone());
        record.outcome_unknown = false;
        record.status = Status::InProgress;
    }
    let done = |outputs| {
        Progress::Done(Success {
            outputs,
            response: Some(note),
            goto: None,
        })
    };
    match resolution {
        Resolution::Succeeded { outputs, result }
            if !outputs.is_empty()
                || (result.is_none() && action::is_single_effect(step.action)) =>
        {
            settle::settle(turn, done(outputs));
        }
        Resolution::Succeeded { result, .. } => {
            let result = result.unwrap_or_else(|| json!({}));
            arrivals::on_effect(turn, effect, Outcome::Done { result });
        }
        Resolution::Failed { message } => {
            let message: String = message.chars().take(4_000).collect();
            settle::settle(turn, Progress::Failed(Failure::action(message)));
        }
        Resolution::Retry => settle::restart(turn, step),
        Resolution::Skip => settle::settle(turn, done(serde_json::Map::new())),
    }
    Ok(())
}
