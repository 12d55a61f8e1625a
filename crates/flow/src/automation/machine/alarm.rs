//! The alarm that stops a run: CloudWatch is asked for its state before the first step, and while the run goes on.
//!
//! An alarm that is active cancels the run, so that its `onCancel` steps clean up; so does a state that cannot be read,
//! unless the run was told to ignore that (<https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_AlarmConfiguration.html>).

use model::EffectCommand;
use model::effect::{AwsCall, Outcome};
use serde_json::{Value, json};
use uuid::Uuid;

use super::stop;
use super::turn::Turn;
use crate::automation::action::CALL_SECONDS;
use crate::automation::input::{Command, StopKind};
use crate::automation::run::{AlarmState, Run, Stop};

/// Key of the timer after which the alarm is looked at again.
const TIMER: &str = "alarm";
/// Seconds between two looks.
const INTERVAL: u64 = 30;
const ACTIVE: &str = "ALARM";
const UNREADABLE: &str = "UNKNOWN";

/// Whether the run waits for the alarm's first state: nothing begins before.
pub(super) fn is_awaited(run: &Run) -> bool {
    match &run.root.alarm {
        None => run.request().alarm.is_some(),
        Some(state) => !state.seen,
    }
}

/// Asks for the alarm's state the first time, as soon as the role is known that asks.
pub(super) fn begin(turn: &mut Turn<'_>) {
    let root = &turn.run.root;
    let ready = root.lookup.is_none() && root.lookups.is_empty();
    if ready && root.alarm.is_none() && turn.run.request().alarm.is_some() {
        turn.run.root.alarm = Some(AlarmState::default());
        ask(turn);
    }
}

fn ask(turn: &mut Turn<'_>) {
    let Some(name) = turn
        .run
        .request()
        .alarm
        .as_ref()
        .map(|alarm| alarm.name.clone())
    else {
        return;
    };
    let assume_role = turn.run.role(turn.cx).ok().flatten();
    let effect = turn.next_effect();
    let command = EffectCommand::CallAws(AwsCall {
        service: "cloudwatch".to_owned(),
        operation: "DescribeAlarms".to_owned(),
        params: json!({ "AlarmNames": [name], "AlarmTypes": ["MetricAlarm", "CompositeAlarm"] }),
        region: turn.run.request().region.clone(),
        assume_role,
        timeout_secs: CALL_SECONDS,
        spelling: model::effect::Spelling::default(),
    });
    if let Some(state) = turn.run.root.alarm.as_mut() {
        state.asking = Some(effect);
    }
    turn.commands.push(Command::Perform { effect, command });
}

/// Takes the answer, if it is the one to this question.
pub(super) fn on_effect(turn: &mut Turn<'_>, effect: Uuid, outcome: &Outcome) -> bool {
    let Some(state) = turn.run.root.alarm.as_mut() else {
        return false;
    };
    if state.asking != Some(effect) {
        return false;
    }
    state.asking = None;
    state.seen = true;
    let Some(alarm) = turn.run.request().alarm.clone() else {
        return true;
    };
    let found = match outcome {
        Outcome::Done { result } => {
            state_of(result, &alarm.name).ok_or_else(|| "there is no such alarm".to_owned())
        }
        Outcome::Failed(failure) => Err(format!("{} ({})", failure.message, failure.code)),
        Outcome::Unknown { reason } => Err(reason.clone()),
    };
    match found {
        Ok(ACTIVE) => trigger(turn, ACTIVE, format!("The alarm {} is active.", alarm.name)),
        Err(reason) if !alarm.ignore_poll_failure => {
            let message = format!(
                "The state of the alarm {} could not be read: {reason}.",
                alarm.name
            );
            trigger(turn, UNREADABLE, message);
        }
        Ok(_) | Err(_) => turn.timer_at(TIMER.to_owned(), INTERVAL),
    }
    true
}

/// The state of an alarm of this name among those that the answer has.
fn state_of<'a>(answer: &'a Value, name: &str) -> Option<&'a str> {
    let families = ["MetricAlarms", "CompositeAlarms"];
    let lists = families
        .iter()
        .filter_map(|family| answer.get(family)?.as_array());
    let mut alarms = lists.flatten();
    let found = alarms.find(|alarm| alarm.get("AlarmName").and_then(Value::as_str) == Some(name));
    found?.get("StateValue")?.as_str()
}

fn trigger(turn: &mut Turn<'_>, state: &str, message: String) {
    if let Some(alarm) = turn.run.root.alarm.as_mut() {
        alarm.triggered = Some(state.to_owned());
    }
    turn.fact(
        "run.alarm",
        json!({ "run": turn.cx.id, "state": state, "message": message }),
    );
    // One that is being cancelled already goes on with that.
    if matches!(turn.run.root.stop, Some(Stop::Cancel { .. })) {
        return;
    }
    turn.run.root.failed = Some(message.clone());
    // Only a wish to complete what is being cancelled is refused.
    let _ = stop::stop(turn, StopKind::Cancel, &message);
    turn.reply = Value::Null;
}

/// It is time to look again.
pub(super) fn on_timer(turn: &mut Turn<'_>, key: &str) -> bool {
    let waits = |state: &AlarmState| state.asking.is_none() && state.triggered.is_none();
    if key != TIMER || !turn.run.root.alarm.as_ref().is_some_and(waits) {
        return key == TIMER;
    }
    ask(turn);
    true
}

/// The run has ended: nobody looks any more.
pub(super) fn leave(turn: &mut Turn<'_>) {
    let Some(state) = turn.run.root.alarm.as_mut() else {
        return;
    };
    let is_set = state.seen && state.asking.take().is_none() && state.triggered.is_none();
    if is_set {
        turn.cancel_timer(TIMER.to_owned());
    }
}
