//! The readings around a Task's call that can be taken back: the state before it, kept before the call is made, and the
//! state that it left.
//!
//! As `automation::machine::capture` does for runs. A reading that fails never keeps a Task from its call, and the history
//! tells nothing of it. What is kept lies beside the history: no turn reads it.

use std::sync::Arc;

use model::decision::FrameWrite;
use model::effect::{AwsCall, Outcome, Spelling};
use model::{EffectCommand, FrameBody};
use serde_json::Value;
use uuid::Uuid;

use super::task;
use super::turn::Turn;
use crate::asl::execution::{Capture, Phase};
use crate::asl::input::Settlement;
use crate::asl::integration::Integration;
use crate::asl::undo::{CallEnd, end_key, record_key};
use crate::automation::captured::Captured;
use crate::automation::inverse::{self, Call as Reading, Params};

/// Seconds that a reading may take.
const READ_SECONDS: u64 = 25;
/// Most calls that one execution keeps.
const MOST: u32 = 10_000;

/// Makes the call of a Task, or first the reading before it.
pub(super) fn begin(
    turn: &mut Turn<'_>,
    integration: &Integration,
    call: AwsCall,
) -> (Uuid, Option<Box<Capture>>) {
    let wanted = turn.x.origin.start.capture && turn.x.root.changes < MOST && !integration.waits();
    let reading = if wanted { reading(&call) } else { None };
    match reading {
        None => (task::perform(turn, EffectCommand::CallAws(call)), None),
        Some(reading) => {
            let effect = read(turn, (&reading, role_of(&call)));
            (effect, Some(Box::new(Capture::Before { call })))
        }
    }
}

/// The reading before a call, where it can be taken back.
fn reading(call: &AwsCall) -> Option<Reading> {
    let rule = inverse::rule(&call.service, &call.operation)?;
    rule.reading(&params(call))
}

/// A call's parameters as the service spells them.
fn params(call: &AwsCall) -> Params {
    let given = call.params.as_object().cloned().unwrap_or_default();
    if call.spelling == Spelling::Service {
        return given;
    }
    inverse::as_service(&call.service, given)
}

fn role_of(call: &AwsCall) -> String {
    let role = call.assume_role.as_ref();
    role.map(|role| role.role_arn.clone()).unwrap_or_default()
}

/// Makes a reading as the call's role, and gives the effect's id.
fn read(turn: &mut Turn<'_>, (reading, role): (&Reading, String)) -> Uuid {
    let params = reading.params.as_object().cloned().unwrap_or_default();
    task::perform_spelled(
        turn,
        (reading.service, reading.operation),
        (params, role, Some(READ_SECONDS)),
        Spelling::Service,
    )
}

/// An effect of a thread's Task ended. Gives back the outcome that is the call's; `None` when another effect follows.
pub(super) fn on_outcome(turn: &mut Turn<'_>, id: u32, outcome: Outcome) -> Option<Outcome> {
    let capture = match turn.touch(id).map(|thread| &mut thread.phase) {
        Some(Phase::Calling(call)) => call.capture.take(),
        _ => None,
    };
    let Some(capture) = capture else {
        return Some(outcome);
    };
    match *capture {
        Capture::Before { call } => {
            change(turn, id, (call, &outcome));
            None
        }
        Capture::Change { record } => changed(turn, id, (record, outcome)),
        Capture::After { record, answer } => {
            let after = record.told(&outcome).ok();
            end(turn, record.n, "done", after);
            Some(Outcome::Done { result: answer })
        }
    }
}

/// The state before is known, or why not: it is kept, and the call is made.
fn change(turn: &mut Turn<'_>, id: u32, (call, before): (AwsCall, &Outcome)) {
    let n = turn.x.root.changes;
    turn.x.root.changes += 1;
    let mut record = Captured {
        v: 1,
        n,
        seq: asked_by(turn, id),
        state: turn
            .thread(id)
            .and_then(|thread| turn.x.state_at(thread))
            .map(str::to_owned),
        service: call.service.clone(),
        operation: call.operation.clone(),
        params: Value::Object(params(&call)),
        role: Some(role_of(&call)),
        before: None,
        unreadable: None,
        after: None,
        call: "sent".to_owned(),
    };
    match record.told(before) {
        Ok(state) => record.before = Some(state),
        Err(reason) => record.unreadable = Some(reason.chars().take(1_000).collect()),
    }
    turn.keep(FrameWrite::put(
        record_key(n),
        FrameBody::typed(Arc::new(record.clone())),
    ));
    let effect = task::perform(turn, EffectCommand::CallAws(call));
    follow(turn, id, (effect, Capture::Change { record }));
}

/// The event with which the thread asked for its call: the last one says that it began.
fn asked_by(turn: &Turn<'_>, id: u32) -> u32 {
    let last = turn.thread(id).map_or(0, |thread| thread.last);
    u32::try_from(last.saturating_sub(1)).unwrap_or(u32::MAX)
}

/// Waits for the next effect of the same Task.
fn follow(turn: &mut Turn<'_>, id: u32, (effect, capture): (Uuid, Capture)) {
    if let Some(Phase::Calling(call)) = turn.touch(id).map(|thread| &mut thread.phase) {
        call.effect = Some(effect);
        call.capture = Some(Box::new(capture));
    }
}

fn changed(
    turn: &mut Turn<'_>,
    id: u32,
    (record, outcome): (Captured, Outcome),
) -> Option<Outcome> {
    let Outcome::Done { result } = outcome else {
        match &outcome {
            Outcome::Failed(_) => end(turn, record.n, "failed", None),
            _ => wait_on(turn, id, record),
        }
        return Some(outcome);
    };
    end(turn, record.n, "done", None);
    let Some(reading) = record.reading_after() else {
        return Some(Outcome::Done { result });
    };
    // The call has been made: what its time limits were for is over.
    task::drop_timers(turn, id);
    let effect = read(turn, (&reading, record.role.clone().unwrap_or_default()));
    let answer = result;
    follow(turn, id, (effect, Capture::After { record, answer }));
    None
}

/// Nobody knows what became of the call: a person says so.
fn wait_on(turn: &mut Turn<'_>, id: u32, record: Captured) {
    if let Some(Phase::Calling(call)) = turn.touch(id).map(|thread| &mut thread.phase) {
        call.capture = Some(Box::new(Capture::Change { record }));
    }
}

/// Takes down what became of a kept call.
fn end(turn: &mut Turn<'_>, n: u32, call: &str, after: Option<Value>) {
    let end = CallEnd {
        v: 1,
        call: call.to_owned(),
        after,
    };
    turn.keep(FrameWrite::put(end_key(n), FrameBody::typed(Arc::new(end))));
}

/// A person says what became of a call; one that is to be made again may have happened.
pub(super) fn settled(turn: &mut Turn<'_>, id: u32, word: &Settlement) {
    let Some(n) = under_way(turn, id).map(|(_, n)| n) else {
        return;
    };
    match word {
        Settlement::Succeeded { .. } => end(turn, n, "done", None),
        Settlement::Failed { .. } => end(turn, n, "failed", None),
        Settlement::Heartbeat | Settlement::Retry => {}
    }
}

/// Nobody waits for a thread's call any more; what becomes of it is still taken down.
pub(super) fn abandon(turn: &mut Turn<'_>, id: u32) {
    if let Some((Some(effect), n)) = under_way(turn, id) {
        turn.x.root.late.insert(effect, n);
    }
}

/// The kept call that a thread waits for, and its number.
fn under_way(turn: &Turn<'_>, id: u32) -> Option<(Option<Uuid>, u32)> {
    let Phase::Calling(call) = &turn.thread(id)?.phase else {
        return None;
    };
    match call.capture.as_deref()? {
        Capture::Change { record } => Some((call.effect, record.n)),
        _ => None,
    }
}

/// An effect ended that no thread waits for. One whose outcome is unknown stays a call of which nobody knows.
pub(super) fn late(turn: &mut Turn<'_>, effect: Uuid, outcome: &Outcome) {
    let became = match outcome {
        Outcome::Done { .. } => "done",
        Outcome::Failed(_) => "failed",
        Outcome::Unknown { .. } => "sent",
    };
    if let Some(n) = turn.x.root.late.remove(&effect) {
        end(turn, n, became, None);
    }
}
