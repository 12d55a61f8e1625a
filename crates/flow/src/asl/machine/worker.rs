//! Tasks that workers ask for: an activity takes the task in, a worker takes it from there and sends its token back.

use model::arn::Arn;
use serde_json::{Value, json};

use super::turn::Turn;
use super::{fail, seconds_after, shown, task};
use crate::asl::activity::Word;
use crate::asl::execution::{Call, Offer, Phase};
use crate::asl::fault::Fault;
use crate::asl::input::Command;
use crate::asl::integration::Integration;

/// What a task's workers are to know, and how long they have.
pub(super) struct Work {
    /// The secret part of its token.
    pub(super) token: String,
    /// JSON text of the input.
    pub(super) input: String,
    /// Time limit in seconds.
    pub(super) timeout: Option<u64>,
    /// Seconds between heartbeats, from when a worker has it.
    pub(super) heartbeat: Option<u64>,
}

/// Offers a task to the activity's workers. Its event follows when the activity has taken it in.
pub(super) fn offer(
    turn: &mut Turn<'_>,
    id: u32,
    integration: &Integration,
    work: Work,
) -> Result<(), Fault> {
    let arn = &integration.resource;
    let name = own(turn, arn).ok_or_else(|| missing(arn))?;
    let limits = (work.timeout, work.heartbeat, None);
    let scheduled = shown::scheduling(turn, (integration, work.input.clone()), limits);
    turn.commands.push(Command::Offer {
        activity: name.clone(),
        token: task::whole_token(turn, id, &work.token),
        input: work.input,
    });
    let timer = work
        .timeout
        .map(|limit| turn.timer("timeout", seconds_after(turn.cx.at, limit)));
    if let Some(thread) = turn.touch(id) {
        thread.phase = Phase::Calling(Call {
            effect: None,
            token: Some(work.token),
            timer,
            beat: None,
            heartbeat: work.heartbeat,
            unknown: None,
            job: None,
            offer: Some(Box::new(Offer {
                activity: name,
                scheduled: Some(scheduled),
                taken: false,
            })),
            capture: None,
        });
    }
    Ok(())
}

/// The name in the ARN of an activity of this account and region.
fn own(turn: &Turn<'_>, arn: &str) -> Option<String> {
    let found = Arn::parse(arn)?;
    let scope = &turn.cx.scope;
    let here = found.account == scope.account && found.region == scope.region;
    let name = found.resource.strip_prefix("activity:")?;
    here.then(|| name.to_owned())
}

fn missing(arn: &str) -> Fault {
    Fault::runtime(format!("The activity {arn} does not exist."))
}

/// An activity says what became of a task. What is said of a task that is not waited for any more is of no meaning.
pub(super) fn told(turn: &mut Turn<'_>, (id, token): (u32, &str), word: Word) {
    let waits = turn.thread(id).is_some_and(|thread| {
        matches!(&thread.phase, Phase::Calling(call) if call.token.as_deref() == Some(token) && call.offer.is_some())
    });
    if !waits {
        return;
    }
    match word {
        Word::Offered => show(turn, id),
        Word::Taken { worker } => taken(turn, id, worker),
        Word::Missing => {
            let arn = task::integration_at(turn, id).map(|found| found.resource);
            task::drop_timers(turn, id);
            if let Some(thread) = turn.touch(id) {
                thread.phase = Phase::Ready;
            }
            fail::fail(turn, id, missing(&arn.unwrap_or_default()));
        }
    }
}

/// Shows that a task waits for a worker, once.
pub(super) fn show(turn: &mut Turn<'_>, id: u32) {
    let Some(integration) = task::integration_at(turn, id) else {
        return;
    };
    let details = offered(turn, id).and_then(|offer| offer.scheduled.take());
    if let Some(details) = details {
        shown::scheduled(turn, id, &integration, details);
    }
}

fn offered<'a>(turn: &'a mut Turn<'_>, id: u32) -> Option<&'a mut Offer> {
    match turn.touch(id).map(|thread| &mut thread.phase) {
        Some(Phase::Calling(call)) => call.offer.as_deref_mut(),
        _ => None,
    }
}

fn taken(turn: &mut Turn<'_>, id: u32, worker: Option<String>) {
    show(turn, id);
    if let Some(offer) = offered(turn, id) {
        offer.taken = true;
    }
    let details = match worker {
        Some(worker) => json!({"workerName": worker}),
        None => Value::Object(serde_json::Map::new()),
    };
    turn.thread_event(
        id,
        "ActivityStarted",
        Some(("activityStartedEventDetails", details)),
    );
    let heartbeat = match turn.thread(id).map(|thread| &thread.phase) {
        Some(Phase::Calling(call)) => call.heartbeat,
        _ => None,
    };
    let Some(seconds) = heartbeat else { return };
    let beat = turn.timer("heartbeat", seconds_after(turn.cx.at, seconds));
    if let Some(Phase::Calling(call)) = turn.touch(id).map(|thread| &mut thread.phase) {
        call.beat = Some(beat);
    }
}

/// Takes back what no worker has yet.
pub(super) fn withdraw(turn: &mut Turn<'_>, id: u32) {
    let Some(Phase::Calling(call)) = turn.thread(id).map(|thread| thread.phase.clone()) else {
        return;
    };
    let (Some(offer), Some(token)) = (call.offer.filter(|offer| !offer.taken), call.token) else {
        return;
    };
    let token = task::whole_token(turn, id, &token);
    turn.commands.push(Command::Withdraw {
        activity: offer.activity,
        token,
    });
}
