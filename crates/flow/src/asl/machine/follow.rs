//! Tasks that wait for a job (`.sync`): its state is read, more and more seldom, until it is over.

use model::effect::Failure;
use serde_json::Value;

use super::turn::Turn;
use super::{seconds_after, task};
use crate::asl::definition::State;
use crate::asl::execution::{Followed, Phase};
use crate::asl::fault::{Fault, TASK_FAILED};
use crate::asl::integration::Integration;
use crate::asl::job::{Job, Seen};

/// Seconds from one look to the next; the last one stays.
const PAUSES: [u64; 8] = [1, 1, 2, 2, 3, 5, 8, 15];
/// Looks in a row that may fail for reasons that pass.
const PASSING_MISSES: u32 = 40;
/// Looks in a row that may fail for others: what has just begun may not be seen at once.
const MISSES: u32 = 3;
/// Looks in a row that may find a job missing: with the pauses, most of a minute. A service that is consistent only
/// in the end may not know at first what it has begun.
const MISSING: u32 = 10;

fn followed<'a>(turn: &'a mut Turn<'_>, id: u32) -> Option<&'a mut Followed> {
    match turn.touch(id).map(|thread| &mut thread.phase) {
        Some(Phase::Calling(call)) => call.job.as_deref_mut(),
        _ => None,
    }
}

/// Whether a thread's job has begun.
pub(super) fn has_begun(turn: &Turn<'_>, id: u32) -> bool {
    turn.thread(id).is_some_and(|thread| {
        matches!(&thread.phase, Phase::Calling(call) if call.job.as_ref().is_some_and(|job| job.begun.is_some()))
    })
}

/// The call that begins a job was answered.
pub(super) fn begin(turn: &mut Turn<'_>, id: u32, job: &Job, answer: Value) {
    if let Some(followed) = followed(turn, id) {
        followed.begun = Some(answer);
    }
    look(turn, id, job);
}

/// Asks for the job's state.
pub(super) fn look(turn: &mut Turn<'_>, id: u32, job: &Job) {
    let Some(now) = followed(turn, id) else {
        return;
    };
    now.timer = None;
    now.looks += 1;
    let begun = now.begun.clone().unwrap_or_default();
    let parameters = job.look_at(&now.asked, &begun);
    ask(turn, id, (job.look, parameters));
}

/// Asks for a call about the job, as the role that began it.
fn ask(
    turn: &mut Turn<'_>,
    id: u32,
    (operation, parameters): (&str, serde_json::Map<String, Value>),
) {
    let role = followed(turn, id).map(|now| now.role.clone());
    let (Some(integration), Some(role)) = (task::integration_at(turn, id), role) else {
        return;
    };
    let call = (integration.service.as_str(), operation);
    let spelling = integration.spelling();
    let effect = task::perform_spelled(turn, call, (parameters, role, None), spelling);
    if let Some(Phase::Calling(call)) = turn.touch(id).map(|thread| &mut thread.phase) {
        call.effect = Some(effect);
    }
}

/// What a look brought.
pub(super) fn looked(
    turn: &mut Turn<'_>,
    (id, state): (u32, &State),
    (integration, job, opened): (&Integration, &Job, bool),
    answer: Result<Value, Failure>,
) -> Result<(), Fault> {
    let Some(now) = followed(turn, id) else {
        return Ok(());
    };
    match answer {
        Err(failure) => {
            now.misses += 1;
            let most = if failure.transient {
                PASSING_MISSES
            } else {
                MISSES
            };
            if now.misses >= most {
                return Err(integration.fault(&failure));
            }
        }
        Ok(answer) => {
            let seen = job.seen(&answer, opened);
            now.misses = 0;
            now.missing = match seen {
                Seen::Missing(_) => now.missing + 1,
                _ => 0,
            };
            match seen {
                Seen::Running => {}
                Seen::Missing(_) if now.missing < MISSING => {}
                Seen::Succeeded(result) => {
                    return task::succeed(turn, (id, state), integration, result);
                }
                Seen::Failed(why) | Seen::Missing(why) => {
                    let error = Some(TASK_FAILED.to_owned());
                    return Err(Fault::of(error, Some(why.to_string())));
                }
            }
        }
    }
    let looks = usize::try_from(now.looks).unwrap_or(usize::MAX);
    let last = PAUSES.len() - 1;
    let pause = PAUSES.get(looks.saturating_sub(1).min(last)).copied();
    let timer = turn.timer("look", seconds_after(turn.cx.at, pause.unwrap_or(1)));
    if let Some(now) = followed(turn, id) {
        now.timer = Some(timer);
    }
    if let Some(Phase::Calling(call)) = turn.touch(id).map(|thread| &mut thread.phase) {
        call.effect = None;
    }
    Ok(())
}

/// Ends a job that nobody waits for any more; what becomes of that call is of no meaning.
pub(super) fn stop(turn: &mut Turn<'_>, id: u32) {
    if !has_begun(turn, id) {
        return;
    }
    let job = task::integration_at(turn, id).and_then(|found| found.job);
    let (Some((job, _)), Some(now)) = (job, followed(turn, id)) else {
        return;
    };
    let begun = now.begun.clone().unwrap_or_default();
    for parameters in job.stop_it(&now.asked.clone(), &begun) {
        ask(turn, id, (job.stop, parameters));
    }
}
