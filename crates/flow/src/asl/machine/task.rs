//! Tasks: the call, its events, its token, its time limits.

use model::effect::{AssumeRole, AwsCall, Outcome, Spelling};
use model::{EffectCommand, ids};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::enter::Scene;
use super::turn::Turn;
use super::worker::{self, Work};
use super::{capture, fail, follow, leave, planned, quantity, seconds_after, shown, spread, trial};
use crate::asl::definition::{Kind, State, Task};
use crate::asl::execution::{Call, Followed, Phase};
use crate::asl::fault::{self, Fault, MAX_PAYLOAD, TASK_FAILED};
use crate::asl::input::{Command, Settlement};
use crate::asl::integration::{Family, Integration};
use crate::asl::web;

/// Seconds that one call may take when neither the state nor its service says more.
const CALL_SECONDS: u32 = 60;
/// Seconds that one call may take at most whatever the state says.
const LONGEST_SECONDS: u32 = 300;
/// Seconds beyond a state's own limit: its timer says when that is reached, and what came of the call is not asked then.
const BEYOND_SECONDS: u32 = 5;
/// Calls that are answered when long work is done, with the seconds that their services allow and a little more, so that
/// it is their word that ends them.
const LONG_CALLS: [(&str, &str, u32); 3] = [
    ("lambda", "Invoke", 915),
    ("stepfunctions", "StartSyncExecution", 315),
    ("stepfunctions", "GetActivityTask", 75),
];

/// Asks for a Task's work.
pub(super) fn begin(
    turn: &mut Turn<'_>,
    (id, state): (u32, &State),
    mut scene: Scene,
    task: &Task,
) -> Result<(), Fault> {
    let integration = Integration::parse(&task.resource).map_err(Fault::runtime)?;
    let token = secret(turn, &integration);
    if integration.callback && !scene.has_token() {
        scene.with_token(&planned::token(turn).unwrap_or_else(|| whole_token(turn, id, &token)));
    }
    let arguments = match &task.arguments {
        Some(arguments) => scene.fill(arguments, &scene.input, turn)?,
        None => scene.input.to_value(),
    };
    let arguments = planned::arguments(turn, &integration, arguments);
    turn.note(trial::arguments_name(state.language), || arguments.clone());
    let timeout = limit(turn, &scene, (task.timeout.as_ref(), "TimeoutSeconds"))?;
    let heartbeat = limit(turn, &scene, (task.heartbeat.as_ref(), "HeartbeatSeconds"))?;
    let role = role(turn, &scene, task)?;
    let shown = arguments.to_string();
    if shown.len() > MAX_PAYLOAD {
        return Err(fault::too_large(&state.name));
    }
    if integration.family == Family::Activity {
        let work = Work {
            token,
            input: shown,
            timeout,
            heartbeat,
        };
        return worker::offer(turn, id, &integration, work);
    }
    let limits = (timeout, heartbeat, task.role.is_some().then_some(&role));
    let details = shown::scheduling(turn, (&integration, shown), limits);
    shown::scheduled(turn, id, &integration, details);
    let web = web_call(turn, &integration, &arguments)?;
    let mut parameters = integration.parameters(arguments)?;
    let start = &turn.x.origin.start;
    integration.name_origin(&mut parameters, (&start.machine_arn, &start.arn));
    let job = followed(&integration, &parameters, &role);
    let call = (integration.service.as_str(), integration.operation.as_str());
    let (effect, capture) = match web {
        Some(web) => (perform(turn, web), None),
        None => {
            let spelling = integration.spelling();
            let call = aws_call(turn, call, (parameters, role, timeout), spelling);
            capture::begin(turn, &integration, call)
        }
    };
    let timer = timeout.map(|limit| turn.timer("timeout", seconds_after(turn.cx.at, limit)));
    let beat = heartbeat.map(|limit| turn.timer("heartbeat", seconds_after(turn.cx.at, limit)));
    if let Some(thread) = turn.touch(id) {
        thread.phase = Phase::Calling(Call {
            effect: Some(effect),
            token: integration.callback.then_some(token),
            timer,
            beat,
            heartbeat,
            unknown: None,
            job,
            offer: None,
            capture,
        });
    }
    Ok(())
}

/// What is known of the job that a Task waits for, before it is begun.
fn followed(
    integration: &Integration,
    parameters: &Map<String, Value>,
    role: &str,
) -> Option<Box<Followed>> {
    integration.job.map(|_| {
        Box::new(Followed {
            asked: Value::Object(parameters.clone()),
            role: role.to_owned(),
            begun: None,
            looks: 0,
            misses: 0,
            missing: 0,
            timer: None,
        })
    })
}

/// The call of an HTTP Task. A plan never makes it: there it is a call of a service that nobody knows.
fn web_call(
    turn: &Turn<'_>,
    integration: &Integration,
    arguments: &Value,
) -> Result<Option<EffectCommand>, Fault> {
    if integration.family != Family::Http || turn.open {
        return Ok(None);
    }
    let call = web::call(arguments, &turn.cx.scope)?;
    Ok(Some(EffectCommand::InvokeHttp(Box::new(call))))
}

/// The role that a Task's call is made as.
fn role(turn: &mut Turn<'_>, scene: &Scene, task: &Task) -> Result<String, Fault> {
    let role = match &task.role {
        None => turn.x.origin.start.role_arn.clone(),
        Some(role) => scene.fill(role, &scene.input, turn)?["RoleArn"]
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| Fault::runtime("The RoleArn of the Credentials must be a string"))?,
    };
    if let Some(notes) = &mut turn.notes {
        notes.role = Some(role.clone());
    }
    Ok(role)
}

/// The secret part of a token, for a task that has one.
fn secret(turn: &mut Turn<'_>, integration: &Integration) -> String {
    if integration.callback || integration.family == Family::Activity {
        turn.random.uuid().simple().to_string()
    } else {
        String::new()
    }
}

/// The token of a thread's task, as the world has it.
pub(super) fn whole_token(turn: &Turn<'_>, id: u32, secret: &str) -> String {
    format!("{}.{id}.{secret}", turn.x.root.id.simple())
}

/// Asks for the call and gives the effect's id.
pub(super) fn perform_spelled(
    turn: &mut Turn<'_>,
    names: (&str, &str),
    call: (Map<String, Value>, String, Option<u64>),
    spelling: Spelling,
) -> Uuid {
    let call = aws_call(turn, names, call, spelling);
    perform(turn, EffectCommand::CallAws(call))
}

/// A call as a role, of what the service takes and within how many seconds.
pub(super) fn aws_call(
    turn: &Turn<'_>,
    (service, operation): (&str, &str),
    (parameters, role, timeout): (Map<String, Value>, String, Option<u64>),
    spelling: Spelling,
) -> AwsCall {
    AwsCall {
        service: service.to_owned(),
        operation: operation.to_owned(),
        params: Value::Object(parameters),
        region: turn.cx.scope.region.clone(),
        assume_role: Some(AssumeRole {
            role_arn: role,
            session_name: session(&turn.x.origin.start.name),
            through: None,
        }),
        timeout_secs: seconds((service, operation), timeout),
        spelling,
    }
}

/// Asks for an effect and gives its id.
pub(super) fn perform(turn: &mut Turn<'_>, command: EffectCommand) -> Uuid {
    turn.x.root.effects += 1;
    let effect = ids::child(turn.cx.id, turn.x.root.effects);
    turn.commands.push(Command::Perform { effect, command });
    effect
}

/// Seconds that a call may take, its repeats included: those of the state where it names some, within bounds.
fn seconds((service, operation): (&str, &str), limit: Option<u64>) -> u32 {
    let long = LONG_CALLS
        .iter()
        .find(|(of, named, _)| (*of, *named) == (service, operation))
        .map(|(_, _, longest)| *longest);
    let Some(limit) = limit else {
        return long.unwrap_or(CALL_SECONDS);
    };
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    limit
        .saturating_add(BEYOND_SECONDS)
        .min(long.unwrap_or(LONGEST_SECONDS))
}

/// A session's name from an execution's: what STS does not take is left out.
pub(super) fn session(name: &str) -> String {
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

/// The call of a thread's Task ended.
pub(super) fn on_effect(turn: &mut Turn<'_>, effect: Uuid, outcome: Outcome) {
    let Some(id) = waits_for(turn, effect) else {
        return capture::late(turn, effect, &outcome);
    };
    let Some(outcome) = capture::on_outcome(turn, id, outcome) else {
        return;
    };
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
    with_state(turn, id, |turn, state, integration| {
        if let (Some((job, opened)), true) = (integration.job, follow::has_begun(turn, id)) {
            return follow::looked(turn, (id, state), (integration, job, opened), answer);
        }
        let answer = match answer {
            Ok(answer) => answer,
            Err(failure) => {
                refused(turn, id, (integration, integration.fault(&failure)));
                return Ok(());
            }
        };
        if let Some((error, cause)) = integration.not_begun(&answer) {
            return Err(Fault::of(Some(error.to_owned()), Some(cause)));
        }
        let begun = integration.job.map(|(job, _)| (job, answer.clone()));
        let result = integration.result(answer)?;
        if !integration.callback && begun.is_none() {
            return succeed(turn, (id, state), integration, result);
        }
        shown::submitted(turn, id, integration, &result);
        if let Some(Phase::Calling(call)) = turn.touch(id).map(|thread| &mut thread.phase) {
            call.effect = None;
        }
        if let Some((job, answer)) = begun {
            follow::begin(turn, id, job, answer);
        }
        Ok(())
    });
}

/// What a thread's Task asks for.
pub(super) fn integration_at(turn: &Turn<'_>, id: u32) -> Option<Integration> {
    let thread = turn.thread(id)?;
    let block = turn.x.machine.blocks.get(thread.block)?;
    match &block.states.get(thread.state)?.kind {
        Kind::Task(task) => Integration::parse(&task.resource).ok(),
        _ => None,
    }
}

/// What a thread waits for is not wanted any more.
pub(super) fn abandon(turn: &mut Turn<'_>, id: u32) {
    capture::abandon(turn, id);
    worker::withdraw(turn, id);
    follow::stop(turn, id);
    spread::stop(turn, id);
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
    let Kind::Task(task) = &state.kind else {
        return;
    };
    let Ok(integration) = Integration::parse(&task.resource) else {
        return;
    };
    if let Err(fault) = work(turn, state, &integration) {
        failed(turn, id, (&integration, fault));
    }
}

pub(super) fn succeed(
    turn: &mut Turn<'_>,
    (id, state): (u32, &State),
    integration: &Integration,
    result: Value,
) -> Result<(), Fault> {
    let text = result.to_string();
    if text.len() > MAX_PAYLOAD {
        // A task is named by what it calls (as recorded from the service), any other state by its own name.
        return Err(fault::too_large(&integration.resource_type));
    }
    drop_timers(turn, id);
    shown::succeeded(turn, id, integration, text);
    if let Some(thread) = turn.touch(id) {
        thread.phase = Phase::Ready;
    }
    let left = match Scene::of(turn, id, state) {
        None => return Ok(()),
        Some(Err(fault)) => Err(fault),
        Some(Ok(scene)) => leave::with_result(turn, (id, state), scene, result.into()),
    };
    // The work is done: what goes wrong now has no event of the task.
    if let Err(fault) = left {
        fail::fail(turn, id, fault);
    }
    Ok(())
}

/// The events of a Task whose call was refused, then what follows. One that was to wait for more was not even submitted.
fn refused(turn: &mut Turn<'_>, id: u32, (integration, fault): (&Integration, Fault)) {
    if !integration.waits() || fault.is(fault::TIMEOUT) {
        return failed(turn, id, (integration, fault));
    }
    drop_timers(turn, id);
    shown::not_submitted(turn, id, integration, &fault);
    over(turn, id, fault);
}

/// The events of a Task that failed, then what follows.
fn failed(turn: &mut Turn<'_>, id: u32, (integration, fault): (&Integration, Fault)) {
    drop_timers(turn, id);
    shown::failed(turn, id, integration, &fault);
    over(turn, id, fault);
}

fn over(turn: &mut Turn<'_>, id: u32, fault: Fault) {
    if let Some(thread) = turn.touch(id) {
        thread.phase = Phase::Ready;
    }
    fail::fail(turn, id, fault);
}

/// A time limit of a Task passed: that of the whole, or of a heartbeat.
pub(super) fn time_out(turn: &mut Turn<'_>, id: u32, missed_beat: bool) {
    abandon(turn, id);
    worker::show(turn, id);
    with_state(turn, id, |_, _, _| Err(Fault::timeout(missed_beat)));
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

/// The thread that waits for an effect.
pub(super) fn waits_for(turn: &Turn<'_>, effect: Uuid) -> Option<u32> {
    let found = turn.x.threads.values().find(
        |thread| matches!(&thread.phase, Phase::Calling(call) if call.effect == Some(effect)),
    );
    found.map(|thread| thread.id)
}

pub(super) fn settle(turn: &mut Turn<'_>, id: u32, word: Settlement) {
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

pub(super) fn drop_timers(turn: &mut Turn<'_>, id: u32) {
    let Some(Phase::Calling(call)) = turn.touch(id).map(|thread| &mut thread.phase) else {
        return;
    };
    let look = call.job.as_mut().and_then(|job| job.timer.take());
    let timers = [call.timer.take(), call.beat.take(), look];
    for timer in timers.into_iter().flatten() {
        turn.cancel_timer(timer);
    }
}
