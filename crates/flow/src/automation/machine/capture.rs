//! The readings around a call that can be taken back: the state before it, kept before the call is made, and the state
//! that it left.
//!
//! A reading that fails never keeps a step from its call. In a run that takes another one back the reading before a call
//! is the check that nobody has changed the state since.

use model::EffectCommand;
use model::effect::{AwsCall, Outcome};
use model::report::Expected;
use serde_json::Value;

use super::settle::settle;
use super::turn::Turn;
use crate::automation::action::{Goto, Progress, Success};
use crate::automation::captured::{Capture, Captured};
use crate::automation::inverse::{self, Params};
use crate::automation::record::Failure;

/// Seconds that a reading may take.
const READ_SECONDS: u32 = 25;
/// Most records of one run.
const MOST: usize = 10_000;

/// Begins with the reading, where the call has one; otherwise the call is for the caller to make.
pub(crate) fn begin(turn: &mut Turn<'_>, call: &AwsCall) -> bool {
    let empty = Params::new();
    let reading = match expected(turn) {
        Some(expected) => {
            let params = expected.params.as_object().unwrap_or(&empty);
            inverse::rule(&expected.service, &expected.operation)
                .and_then(|rule| rule.reading_after(params, &expected.before))
        }
        None if turn.run.request().undo.capture && turn.run.undo.len() < MOST => {
            let params = call.params.as_object().unwrap_or(&empty);
            inverse::rule(&call.service, &call.operation).and_then(|rule| rule.reading(params))
        }
        None => None,
    };
    let Some(reading) = reading else {
        return false;
    };
    perform(turn, call, &reading, true);
    if let Some(current) = turn.current_mut() {
        current.capture = Some(Box::new(Capture::Before { call: call.clone() }));
    }
    true
}

/// What the current step must find, in a run that takes another one back.
fn expected(turn: &Turn<'_>) -> Option<Expected> {
    let name = &turn.run.current()?.name;
    turn.run.request().undo.expect.get(name).cloned()
}

/// Makes a reading as the call's caller, in the call's region.
fn perform(turn: &mut Turn<'_>, call: &AwsCall, reading: &inverse::Call, loseable: bool) {
    let command = EffectCommand::CallAws(AwsCall {
        service: reading.service.to_owned(),
        operation: reading.operation.to_owned(),
        params: reading.params.clone(),
        region: call.region.clone(),
        assume_role: call.assume_role.clone(),
        timeout_secs: READ_SECONDS,
        spelling: model::effect::Spelling::default(),
    });
    turn.send(command, loseable);
}

/// An effect of the current step ended. Gives back the outcome that is the action's; `None` when another effect or the
/// step's end follows from a reading.
pub(super) fn on_outcome(turn: &mut Turn<'_>, (outcome, late): (Outcome, bool)) -> Option<Outcome> {
    let Some(capture) = turn
        .current_mut()
        .and_then(|current| current.capture.take())
    else {
        return Some(outcome);
    };
    match *capture {
        Capture::Before { call } => {
            read_before(turn, call, &outcome);
            None
        }
        Capture::Change { n } => changed(turn, n, (outcome, late)),
        Capture::After { n, result } => {
            let state = state_of(turn, n, &outcome);
            if let Some(record) = turn.captured(n) {
                record.after = state.ok();
            }
            Some(Outcome::Done { result })
        }
    }
}

/// The state before is known, or why not: the call follows.
fn read_before(turn: &mut Turn<'_>, call: AwsCall, outcome: &Outcome) {
    let seq = turn.run.current().map_or(0, |record| record.seq);
    if let Some(expected) = expected(turn) {
        return compare(turn, call, (&expected, outcome));
    }
    let n = u32::try_from(turn.run.undo.len()).unwrap_or(u32::MAX);
    let mut record = Captured {
        v: 1,
        n,
        seq,
        state: None,
        service: call.service.clone(),
        operation: call.operation.clone(),
        params: call.params.clone(),
        role: call.assume_role.as_ref().map(|role| role.role_arn.clone()),
        before: None,
        unreadable: None,
        after: None,
        call: "sent".to_owned(),
    };
    match record.told(outcome) {
        Ok(state) => record.before = Some(state),
        Err(reason) => record.unreadable = Some(reason.chars().take(1_000).collect()),
    }
    turn.run.undo.push(std::sync::Arc::new(record));
    turn.captured(n);
    turn.touch(seq);
    turn.perform(EffectCommand::CallAws(call), false);
    if let Some(current) = turn.current_mut() {
        current.capture = Some(Box::new(Capture::Change { n }));
    }
}

/// In a run that takes back: goes on only from the state that the call left.
fn compare(turn: &mut Turn<'_>, call: AwsCall, (expected, outcome): (&Expected, &Outcome)) {
    let found = inverse::told(
        &expected.service,
        &expected.operation,
        (&expected.params, outcome),
    );
    let as_left = matches!((&found, &expected.after), (Ok(state), Some(left)) if state == left);
    let as_before = matches!(&found, Ok(state) if *state == expected.before);
    if (as_before && !as_left) || (expected.check && as_left) {
        let (response, goto) = match (as_left, expected.check) {
            (true, _) => ("the state is as the run left it", None),
            (false, true) => ("the state is already as it was before", None),
            (false, false) => (
                "the state is already as it was before",
                Some(Goto(expected.then.clone())),
            ),
        };
        let success = Success {
            response: Some(response.to_owned()),
            goto,
            ..Success::default()
        };
        return settle(turn, Progress::Done(success));
    }
    if as_left || expected.accept_drift {
        return turn.perform(EffectCommand::CallAws(call), false);
    }
    let reason = match (&found, &expected.after) {
        (Err(reason), _) => format!("the present state could not be read: {reason}"),
        (Ok(_), None) => "the state that the run left is not known".to_owned(),
        (Ok(state), Some(left)) => format!(
            "the state is not what the run left; found {}, expected {}",
            shown(state),
            shown(left)
        ),
    };
    let message = format!(
        "Drift: {reason}. Nothing was changed; to overwrite it, accept the drift of this step."
    );
    settle(turn, Progress::Failed(Failure::refused(message)));
}

fn shown(value: &Value) -> String {
    value.to_string().chars().take(300).collect()
}

fn changed(turn: &mut Turn<'_>, n: u32, (outcome, late): (Outcome, bool)) -> Option<Outcome> {
    let became = match &outcome {
        Outcome::Done { .. } => "done",
        Outcome::Failed(_) => "failed",
        Outcome::Unknown { .. } => "sent",
    };
    if let Some(record) = turn.captured(n) {
        record.call = became.to_owned();
    }
    if matches!(outcome, Outcome::Unknown { .. })
        && let Some(current) = turn.current_mut()
    {
        current.capture = Some(Box::new(Capture::Change { n }));
    }
    let Outcome::Done { result } = outcome else {
        return Some(outcome);
    };
    let reading = if late { None } else { reading_after(turn, n) };
    let Some((call, reading)) = reading else {
        return Some(Outcome::Done { result });
    };
    // Not given up at the time limit: the call has been made, and its step's outcome hangs on what follows.
    perform(turn, &call, &reading, false);
    if let Some(current) = turn.current_mut() {
        current.capture = Some(Box::new(Capture::After { n, result }));
    }
    None
}

/// The reading of the state that a call left; as the same caller.
fn reading_after(turn: &Turn<'_>, n: u32) -> Option<(AwsCall, inverse::Call)> {
    let record = turn.run.undo.get(usize::try_from(n).ok()?)?;
    let reading = record.reading_after()?;
    let call = AwsCall {
        service: record.service.clone(),
        operation: record.operation.clone(),
        params: Value::Null,
        region: turn.run.request().region.clone(),
        assume_role: turn.run.role(turn.cx).ok().flatten(),
        timeout_secs: READ_SECONDS,
        spelling: model::effect::Spelling::default(),
    };
    Some((call, reading))
}

fn state_of(turn: &Turn<'_>, n: u32, outcome: &Outcome) -> Result<Value, String> {
    let record = usize::try_from(n).ok().and_then(|n| turn.run.undo.get(n));
    record.ok_or("the record is missing")?.told(outcome)
}
