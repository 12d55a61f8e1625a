//! Telling others how an invocation ended, one after another.

use jiff::SignedDuration;
use model::effect::{DESTINATION_BUSY, Failure};
use model::{Context, Decision, FrameWrite, Outcome};
use serde_json::Value;

use super::ending::Ending;
use super::{
    BUSY_SECS, Command, Decided, Invocation, MAX_TELLS, Status, TELL, Telling, decided, fact,
    next_effect, record,
};

/// Tells destinations the record.
pub(super) fn begin(
    invocation: Invocation,
    ending: Ending,
    to: Vec<String>,
    cx: &Context,
) -> Decided {
    let untold = to.into_iter().map(|to| Telling {
        to,
        dead_letter: false,
    });
    begin_with(invocation, ending, untold.collect(), cx)
}

pub(super) fn begin_with(
    mut invocation: Invocation,
    ending: Ending,
    untold: Vec<Telling>,
    cx: &Context,
) -> Decided {
    let name = if ending.succeeded() {
        "invocation.succeeded"
    } else {
        "invocation.gave_up"
    };
    invocation.ending = Some(ending);
    invocation.ended = Some(cx.at);
    invocation.untold = untold;
    invocation.tells = 0;
    let fact = fact(name, &invocation, cx);
    let mut decision = next(invocation, cx);
    decision.facts.insert(0, fact);
    decision
}

/// Tells the next one; when there is none, nothing is left to do and the invocation goes.
pub(super) fn next(mut invocation: Invocation, cx: &Context) -> Decided {
    loop {
        let Some(telling) = invocation.untold.first().cloned() else {
            return gone(invocation);
        };
        invocation.status = Status::Telling;
        let Some(command) = record::command(&invocation, &telling, cx) else {
            invocation.untold.remove(0);
            invocation.tells = 0;
            continue;
        };
        invocation.tells += 1;
        let effect = next_effect(&mut invocation, cx);
        return decided(invocation, vec![Command::Perform { effect, command }]);
    }
}

pub(super) fn told(mut invocation: Invocation, outcome: &Outcome, cx: &Context) -> Decided {
    let name = match outcome {
        Outcome::Done { result } if refused_entries(result) == 0 => "invocation.told",
        Outcome::Failed(Failure { code, .. }) if code == DESTINATION_BUSY => {
            invocation.tells = invocation.tells.saturating_sub(1);
            return later(invocation, cx);
        }
        Outcome::Failed(failure) if !failure.transient => "invocation.not_told",
        _ if invocation.tells >= MAX_TELLS => "invocation.not_told",
        _ => return later(invocation, cx),
    };
    let fact = fact(name, &invocation, cx);
    if !invocation.untold.is_empty() {
        invocation.untold.remove(0);
    }
    invocation.tells = 0;
    let mut decision = next(invocation, cx);
    decision.facts.insert(0, fact);
    decision
}

/// `PutEvents` answers HTTP 200 for an entry that it refuses.
fn refused_entries(result: &Value) -> u64 {
    let count = result.get("FailedEntryCount").and_then(Value::as_u64);
    count.unwrap_or(0)
}

fn later(invocation: Invocation, cx: &Context) -> Decided {
    let wait = (BUSY_SECS.0 << invocation.tells.min(20)).min(BUSY_SECS.1);
    let due = cx.at.checked_add(SignedDuration::from_secs(wait));
    let key = TELL.to_owned();
    let due = due.unwrap_or(cx.at);
    decided(invocation, vec![Command::SetTimer { key, due }])
}

fn gone(mut invocation: Invocation) -> Decided {
    invocation.status = Status::Ended;
    let mut decision = Decision::unchanged(invocation);
    decision.frames = vec![FrameWrite::delete("")];
    decision
}
