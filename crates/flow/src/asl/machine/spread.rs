//! Distributed Maps: a map run has an execution for each item; this one waits for what comes of it.

use model::ids;
use serde_json::json;

use super::enter::Scene;
use super::turn::Turn;
use super::{end, fail, leave, supply};
use crate::asl::definition::{Distributed, Kind, MachineType, State};
use crate::asl::execution::{Mapping, Phase, Status};
use crate::asl::fault::Fault;
use crate::asl::input::{Command, Start};
use crate::asl::map_run::{Begin, End, Limits, Origin, Outcome, Parent, Report, Supply};

/// Begins the map run of a distributed Map.
pub(super) fn begin(
    turn: &mut Turn<'_>,
    (id, state): (u32, &State),
    scene: &Scene,
    (distributed, items, limits): (&Distributed, Vec<serde_json::Value>, Limits),
) -> Result<(), Fault> {
    let Kind::Map(map) = &state.kind else {
        return Ok(());
    };
    let supply = supply::supply(turn, scene, distributed)?;
    turn.x.root.effects += 1;
    let run = ids::child(turn.cx.id, turn.x.root.effects);
    let parent = Parent {
        execution: turn.cx.id,
        arn: turn.x.origin.start.arn.clone(),
        thread: id,
        state: state.name.clone(),
        entered: turn.thread(id).map_or(0, |thread| thread.entered.0),
    };
    let start = turn.x.origin.start.clone();
    let mut origin = origin(start, (run, parent), (distributed, map.processor), scene);
    origin.supply = supply;
    let arn = origin.arn.clone();
    let details = json!({"mapRunArn": arn});
    turn.thread_event(
        id,
        "MapRunStarted",
        Some(("mapRunStartedEventDetails", details)),
    );
    let begin = Begin {
        origin,
        items,
        limits,
    };
    turn.commands.push(Command::BeginMapRun {
        run,
        begin: Box::new(begin),
    });
    if let Some(thread) = turn.touch(id) {
        thread.phase = Phase::Mapping(Mapping {
            run,
            arn,
            redrives: 0,
            over: false,
        });
    }
    Ok(())
}

/// What a map run is made from, with the names that the service gives it and its executions.
fn origin(
    start: Start,
    (run, parent): (uuid::Uuid, Parent),
    (distributed, block): (&Distributed, usize),
    scene: &Scene,
) -> Origin {
    // Maps within the executions of a map run are Maps of the same machine.
    let name = start.machine_name.split('/').next().unwrap_or_default();
    let account = start.machine_arn.split(":stateMachine:").next();
    let account = account.unwrap_or_default();
    let machine_arn = format!("{account}:stateMachine:{name}");
    let express = distributed.execution_type == MachineType::Express;
    let made_up = || ids::named(&["map-label", &machine_arn, &parent.state]).to_string();
    let label = distributed.label.clone().unwrap_or_else(made_up);
    Origin {
        v: 1,
        arn: format!("{account}:mapRun:{name}/{label}:{run}"),
        pattern: Box::new(Start {
            name: String::new(),
            arn: String::new(),
            machine_arn: format!("{machine_arn}/{label}"),
            machine_name: format!("{name}/{label}"),
            express,
            input: String::new(),
            capture: start.capture && !express,
            member: None,
            ..start
        }),
        parent,
        label,
        machine_arn,
        block,
        given: scene.given(),
        supply: Supply::default(),
    }
}

/// A map run says how it ended. What one says that is not waited for any more is of no meaning.
pub(super) fn told(turn: &mut Turn<'_>, report: Report) {
    let id = report.thread;
    let waits = turn.thread(id).is_some_and(|thread| {
        matches!(&thread.phase, Phase::Mapping(mapping)
            if mapping.run == report.run && mapping.redrives == report.redrives && !mapping.over)
    });
    if !waits {
        return;
    }
    let done = match report.outcome {
        Outcome::Succeeded { result } => succeeded(turn, id, result),
        Outcome::Failed { error, cause } => {
            if let Some(Phase::Mapping(mapping)) = turn.touch(id).map(|thread| &mut thread.phase) {
                mapping.over = true;
            }
            let details = end::error_details(error.as_deref(), cause.as_deref());
            turn.thread_event(
                id,
                "MapRunFailed",
                Some(("mapRunFailedEventDetails", details)),
            );
            Err(Fault::of(error, cause))
        }
    };
    if let Err(fault) = done {
        fail::fail(turn, id, fault);
    }
}

fn succeeded(turn: &mut Turn<'_>, id: u32, result: serde_json::Value) -> Result<(), Fault> {
    let Some((thread, machine)) = turn.at(id) else {
        return Ok(());
    };
    let block = machine.blocks.get(thread.block);
    let Some(state) = block.and_then(|block| block.states.get(thread.state)) else {
        return Ok(());
    };
    let started = thread.last;
    let event = turn.thread_event(id, "MapRunSucceeded", None);
    turn.event("MapStateSucceeded", event, None);
    let batches = matches!(&state.kind, Kind::Map(map)
        if map.distributed.as_ref().is_some_and(|it| it.batcher.is_some()));
    if let Some(thread) = turn.touch(id) {
        thread.phase = Phase::Ready;
        if batches {
            // As the service does it: the exit of a Map with batches follows the beginning of its map run.
            thread.last = started;
        }
    }
    match Scene::of(turn, id, state) {
        None => Ok(()),
        Some(Err(fault)) => Err(fault),
        Some(Ok(scene)) => leave::with_result(turn, (id, state), scene, result.into()),
    }
}

/// A redriven execution goes on with a thread's map run. `false` when it has none.
pub(super) fn redrive(turn: &mut Turn<'_>, id: u32) -> bool {
    let Some(Phase::Mapping(mapping)) = turn.touch(id).map(|thread| &mut thread.phase) else {
        return false;
    };
    mapping.redrives += 1;
    mapping.over = false;
    let (run, redrives) = (mapping.run, mapping.redrives);
    let details = json!({"mapRunArn": mapping.arn, "redriveCount": redrives});
    turn.thread_event(
        id,
        "MapRunRedriven",
        Some(("mapRunRedrivenEventDetails", details)),
    );
    turn.commands.push(Command::RedriveMapRun { run, redrives });
    true
}

/// The map run that a thread waits for.
fn lives(turn: &Turn<'_>, id: u32) -> Option<uuid::Uuid> {
    match turn.thread(id).map(|thread| &thread.phase) {
        Some(Phase::Mapping(mapping)) if !mapping.over => Some(mapping.run),
        _ => None,
    }
}

/// The first thread that waits for a map run.
pub(super) fn waiting(turn: &Turn<'_>) -> Option<u32> {
    let mut threads = turn.x.threads.keys();
    threads.find(|id| lives(turn, **id).is_some()).copied()
}

/// Stops the map run that a thread waits for.
pub(super) fn stop(turn: &mut Turn<'_>, id: u32) {
    if let Some(run) = lives(turn, id) {
        turn.commands.push(Command::StopMapRun { run });
    }
}

/// The events of a thread's map run that is not wanted any more.
pub(super) fn show_abandoned(turn: &mut Turn<'_>, id: u32) {
    if lives(turn, id).is_some() {
        turn.thread_event(id, "MapRunAborted", None);
        turn.thread_event(id, "MapStateAborted", None);
    }
}

/// The events of all map runs that go with the execution.
pub(super) fn show_aborted(turn: &mut Turn<'_>) {
    let threads: Vec<u32> = turn.x.threads.keys().copied().collect();
    for id in threads {
        show_abandoned(turn, id);
    }
}

/// Tells the map run that this execution belongs to how it ended.
pub(super) fn tell(turn: &mut Turn<'_>) {
    let start = &turn.x.origin.start;
    let Some(member) = &start.member else {
        return;
    };
    let root = &turn.x.root;
    let wanted = member.whole || root.status != Status::Succeeded;
    let end = End {
        status: root.status,
        input: wanted.then(|| start.input.clone()),
        output: root.output.clone(),
        error: root.error.clone(),
        cause: root.cause.clone(),
        started: root.started,
        stopped: root.stopped.unwrap_or(turn.cx.at),
        redrives: root.redrives,
        redrivable: turn.x.not_redrivable(turn.cx.at).is_none(),
    };
    let command = Command::TellMapRun {
        run: member.run,
        index: member.index,
        attempt: member.attempt,
        end: Box::new(end),
    };
    turn.commands.push(command);
}
