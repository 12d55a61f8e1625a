//! Parallel and Map: threads within a state, and how they come together.

use serde_json::{Value, json};

use super::cut::{cut, cut_all, fail_all};
use super::enter::Scene;
use super::turn::Turn;
use super::{fail, leave, planned, quantity, spread};
use crate::asl::definition::{Items, Kind, Map, State};
use crate::asl::document::Document;
use crate::asl::execution::{Fork, Phase, Thread};
use crate::asl::fault::{self, EXCEEDED, Fault, QUERY_EVALUATION};
use crate::asl::map_run::Limits;
use crate::asl::template::Template;

/// Iterations that run at once where no limit is declared (what the service does in practice).
const MOST_AT_ONCE: u32 = 40;
/// Most branches and iterations of one execution that run at once: each may have an input of its own.
const MOST_THREADS: usize = 2_500;
/// Most bytes of the results of one Map's iterations, or one Parallel's branches, that are kept until all have ended.
const MOST_KEPT: usize = 32 << 20;

/// Begins the branches of a Parallel.
pub(super) fn parallel(
    turn: &mut Turn<'_>,
    (id, state): (u32, &State),
    scene: &Scene,
    (branches, arguments): (&[usize], Option<&Template>),
) -> Result<(), Fault> {
    let input = match arguments {
        Some(arguments) => {
            let given = scene.fill(arguments, &scene.input, turn)?;
            fault::check_size(&given, &state.name)?;
            given.into()
        }
        None => scene.input.clone(),
    };
    turn.thread_event(id, "ParallelStateStarted", None);
    let count = u32::try_from(branches.len()).unwrap_or(u32::MAX);
    set(
        turn,
        id,
        Fork {
            count,
            begun: count,
            ended: 0,
            limit: count,
            tolerated: None,
            failed: 0,
            kept: 0,
            input: Document::default(),
        },
    );
    for (block, index) in branches.iter().zip(0..) {
        turn.begin_thread(Some(id), (*block, index), (input.clone(), None));
    }
    Ok(())
}

fn set(turn: &mut Turn<'_>, id: u32, fork: Fork) {
    if let Some(thread) = turn.touch(id) {
        thread.phase = Phase::Forked(fork);
    }
}

/// Begins the iterations of a Map.
pub(super) fn map(
    turn: &mut Turn<'_>,
    (id, state): (u32, &State),
    scene: &Scene,
    map: &Map,
) -> Result<(), Fault> {
    let limit = match &map.concurrency {
        None => 0,
        Some(number) => quantity::integer(turn, scene, (number, "MaxConcurrency"))?,
    };
    let limit =
        u32::try_from(limit).map_err(|_| Fault::runtime("MaxConcurrency cannot be negative."))?;
    // A plan shows what each item would have done, wherever that would be done.
    let distributed = map.distributed.as_ref().filter(|_| !turn.open);
    let reads = distributed.is_some_and(|it| it.reader.is_some());
    let items = if reads {
        Vec::new()
    } else {
        items(turn, scene, map)?
    };
    let count = u32::try_from(items.len()).unwrap_or(u32::MAX);
    let details = json!({"length": count});
    turn.thread_event(
        id,
        "MapStateStarted",
        Some(("mapStateStartedEventDetails", details)),
    );
    if let Some(distributed) = distributed {
        let limits = limits(turn, scene, (map, limit))?;
        return spread::begin(turn, (id, state), scene, (distributed, items, limits));
    }
    let tolerated = tolerated(turn, scene, (map, count))?;
    turn.keep_items(id, items);
    let at_once = match limit {
        0 => MOST_AT_ONCE,
        limit => limit.min(MOST_AT_ONCE),
    };
    set(
        turn,
        id,
        Fork {
            count,
            begun: 0,
            ended: 0,
            limit: at_once,
            tolerated,
            failed: 0,
            kept: 0,
            input: scene.input.clone(),
        },
    );
    if count == 0 {
        return join(turn, (id, state));
    }
    let started = turn.thread(id).map_or(0, |thread| thread.last);
    for _ in 0..count.min(at_once) {
        if let Err(fault) = iterate(turn, (id, state), started) {
            cut_all(turn, id, fault);
            return Ok(());
        }
    }
    Ok(())
}

/// The items of a Map.
pub(super) fn items(turn: &mut Turn<'_>, scene: &Scene, map: &Map) -> Result<Vec<Value>, Fault> {
    if turn.open && map.distributed.as_ref().is_some_and(planned::shapes_items) {
        return Ok(vec![planned::some_item(&scene.thread, turn)]);
    }
    let value = match &map.items {
        Items::Input => scene.input.to_value(),
        Items::At(path) => scene
            .view(&scene.input)
            .look(path)
            .map_err(|reason| fault::invalid_path(path, &reason))?,
        Items::Given(template) => {
            let value = scene.fill(template, &scene.input, turn)?;
            if scene.lacks(&value) && !value.is_array() {
                return Ok(vec![value]);
            }
            if let (
                Template::Expression {
                    location,
                    expression,
                },
                false,
            ) = (template, value.is_array())
            {
                return Err(fault::unexpected_type(
                    expression.source(),
                    location,
                    "array",
                    &value,
                ));
            }
            value
        }
    };
    match value {
        Value::Array(items) => Ok(items),
        other if scene.lacks(&other) => Ok(vec![other]),
        other => {
            let cause = format!("Map state input must be an array but was: {other}");
            Err(if map.items == Items::Input && scene.is_jsonata() {
                Fault::definition(QUERY_EVALUATION, cause)
            } else {
                Fault::runtime(cause)
            })
        }
    }
}

/// How many iterations may fail.
pub(super) fn tolerated(
    turn: &mut Turn<'_>,
    scene: &Scene,
    (map, count): (&Map, u32),
) -> Result<Option<u32>, Fault> {
    let limits = limits(turn, scene, (map, 0))?;
    let given = limits.tolerated_count;
    let mut most = given.map(|most| u32::try_from(most).unwrap_or(u32::MAX));
    if let Some(percent) = limits.tolerated_percentage {
        let share = f64::from(count) * percent / 100.0;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a u32"
        )]
        let share = share.floor() as u32;
        most = Some(most.map_or(share, |most| most.min(share)));
    }
    Ok(most)
}

/// What a Map says of concurrency and of failures.
fn limits(
    turn: &mut Turn<'_>,
    scene: &Scene,
    (map, concurrency): (&Map, u32),
) -> Result<Limits, Fault> {
    let mut limits = Limits {
        concurrency,
        tolerated_count: None,
        tolerated_percentage: None,
    };
    if let Some(number) = &map.tolerated_count {
        let number = quantity::integer(turn, scene, (number, "ToleratedFailureCount"))?;
        let number = u64::try_from(number)
            .map_err(|_| Fault::runtime("ToleratedFailureCount cannot be negative."))?;
        limits.tolerated_count = Some(number);
    }
    if let Some(number) = &map.tolerated_percentage {
        let percent = quantity::float(turn, scene, (number, "ToleratedFailurePercentage"))?;
        if !(0.0..=100.0).contains(&percent) {
            return Err(Fault::runtime(
                "ToleratedFailurePercentage must be between 0 and 100.",
            ));
        }
        limits.tolerated_percentage = Some(percent);
    }
    Ok(limits)
}

/// Begins the next iteration, if there is one; its first event follows `previous`.
pub(super) fn iterate(
    turn: &mut Turn<'_>,
    (id, state): (u32, &State),
    previous: u64,
) -> Result<(), Fault> {
    let Kind::Map(map) = &state.kind else {
        return Ok(());
    };
    let Some((index, input)) = turn.thread(id).and_then(|thread| match &thread.phase {
        Phase::Forked(fork) if fork.begun < fork.count => Some((fork.begun, fork.input.clone())),
        _ => None,
    }) else {
        return Ok(());
    };
    if turn.x.threads.len() >= MOST_THREADS {
        return Err(fault::too_many_threads(&state.name, MOST_THREADS));
    }
    let at = usize::try_from(index).unwrap_or(usize::MAX);
    let value = turn
        .x
        .items
        .get(&id)
        .and_then(|items| items.get(at))
        .cloned()
        .unwrap_or_default();
    let item = json!({"Index": index, "Value": value});
    let given = match &map.item_selector {
        None => value,
        Some(selector) => {
            let Some(mut scene) = Scene::of(turn, id, state).transpose()? else {
                return Ok(());
            };
            scene.with_item(&item);
            scene.fill(selector, &input, turn)?
        }
    };
    fault::check_size(&given, &state.name)?;
    if let Some(Phase::Forked(fork)) = turn.touch(id).map(|thread| &mut thread.phase) {
        fork.begun += 1;
    }
    let details = iteration(state, index);
    let event = turn.event(
        "MapIterationStarted",
        previous,
        Some(("mapIterationStartedEventDetails", details)),
    );
    let child = turn.begin_thread(
        Some(id),
        (map.processor, index),
        (given.into(), Some(item.into())),
    );
    if let Some(child) = child.and_then(|child| turn.touch(child)) {
        child.last = event;
    }
    Ok(())
}

pub(super) fn iteration(state: &State, index: u32) -> Value {
    json!({"name": state.name, "index": index})
}

/// A branch or iteration has come to its end.
pub(super) fn ended(turn: &mut Turn<'_>, child: &Thread, output: Document) {
    let Some(id) = child.parent else { return };
    let bytes = output.length();
    turn.keep_result((id, child.index), output);
    came(turn, child, Ok(bytes));
}

/// A branch or iteration has failed.
pub(super) fn failed(turn: &mut Turn<'_>, id: u32, fault: Fault) {
    let Some(child) = turn.thread(id).cloned() else {
        return;
    };
    came(turn, &child, Err(fault));
}

/// Takes a child's end into its state: more iterations, the join, or the failure.
fn came(turn: &mut Turn<'_>, child: &Thread, ended: Result<usize, Fault>) {
    let (kept, fault) = match ended {
        Ok(bytes) => (bytes, None),
        Err(fault) => (0, Some(fault)),
    };
    let Some(id) = child.parent else { return };
    turn.end_thread(child.id);
    let Some((parent, machine)) = turn.at(id) else {
        return;
    };
    let Some(state) = machine
        .blocks
        .get(parent.block)
        .and_then(|block| block.states.get(parent.state))
    else {
        return;
    };
    let Some((done, exceeded, tolerates)) = count(turn, id, (fault.is_some(), kept)) else {
        return;
    };
    let end = fault.clone().filter(|_| exceeded);
    let end = end.map(|fault| if tolerates { threshold() } else { fault });
    if let Some(end) = &end {
        cut(turn, id, (child.last, end));
    }
    // A fault of the definition itself has no events of its own.
    let shows = matches!(state.kind, Kind::Map(_)) && fault.as_ref().is_none_or(fail::has_event);
    let event = shows.then(|| {
        let (kind, key) = match &fault {
            None => ("MapIterationSucceeded", "mapIterationSucceededEventDetails"),
            Some(_) => ("MapIterationFailed", "mapIterationFailedEventDetails"),
        };
        turn.event(kind, child.last, Some((key, iteration(state, child.index))))
    });
    if let Some(thread) = turn.touch(id) {
        // The state's next event follows an iteration's success, but what a failed one did last.
        thread.last = match (&fault, event) {
            (None, Some(event)) => event,
            _ => child.last,
        };
    }
    if let Some(fault) = end {
        return fail_all(turn, id, fault);
    }
    let next = if kept_of(turn, id) > MOST_KEPT {
        Err(fault::results_too_large(&state.name, MOST_KEPT))
    } else if done {
        join(turn, (id, state))
    } else {
        iterate(turn, (id, state), child.last)
    };
    if let Err(fault) = next {
        cut_all(turn, id, fault);
    }
}

/// Counts a child that has ended: whether it was the last one, whether more have failed now than may, and whether any may.
fn count(
    turn: &mut Turn<'_>,
    id: u32,
    (has_failed, kept): (bool, usize),
) -> Option<(bool, bool, bool)> {
    let Phase::Forked(fork) = &mut turn.touch(id)?.phase else {
        return None;
    };
    fork.ended += 1;
    fork.kept = fork.kept.saturating_add(kept);
    fork.failed += u32::from(has_failed);
    let tolerated = fork.tolerated.unwrap_or(0);
    Some((
        fork.ended == fork.count,
        fork.failed > tolerated,
        tolerated > 0,
    ))
}

/// Bytes of the results that a state has of its children.
fn kept_of(turn: &Turn<'_>, id: u32) -> usize {
    match turn.thread(id).map(|thread| &thread.phase) {
        Some(Phase::Forked(fork)) => fork.kept,
        _ => 0,
    }
}

fn threshold() -> Fault {
    Fault::of(
        Some(EXCEEDED.to_owned()),
        Some("The specified tolerated failure threshold was exceeded".to_owned()),
    )
}

/// A redriven execution goes on with a state of whose branches or iterations none is at work: the next iterations, or its
/// end. `false` when it is no such state.
pub(super) fn redrive(turn: &mut Turn<'_>, id: u32) -> bool {
    let Some((thread, machine)) = turn.at(id) else {
        return false;
    };
    let (Phase::Forked(fork), Some(block)) = (&thread.phase, machine.blocks.get(thread.block))
    else {
        return false;
    };
    let Some(state) = block.states.get(thread.state) else {
        return false;
    };
    let done = if fork.ended >= fork.count {
        join(turn, (id, state))
    } else {
        (fork.begun..fork.count.min(fork.begun.saturating_add(fork.limit)))
            .try_for_each(|_| iterate(turn, (id, state), thread.last))
    };
    if let Err(fault) = done {
        cut_all(turn, id, fault);
    }
    true
}

/// All have ended: the state's result is the list of theirs.
fn join(turn: &mut Turn<'_>, (id, state): (u32, &State)) -> Result<(), Fault> {
    let count = match turn.thread(id).map(|thread| &thread.phase) {
        Some(Phase::Forked(fork)) => fork.count,
        _ => return Ok(()),
    };
    let results: Value = (0..count)
        .map(|index| {
            turn.x
                .results
                .get(&(id, index))
                .map_or(Value::Null, Document::to_value)
        })
        .collect();
    let last = turn.thread(id).map_or(0, |thread| thread.last);
    turn.event(
        &format!("{}StateSucceeded", state.kind.as_str()),
        last,
        None,
    );
    match Scene::of(turn, id, state) {
        None => Ok(()),
        Some(Err(fault)) => Err(fault),
        Some(Ok(scene)) => leave::with_result(turn, (id, state), scene, results.into()),
    }
}

/// The event of a Parallel or Map that has failed.
pub(super) fn show_failed(turn: &mut Turn<'_>, (id, state): (u32, &State), fault: &Fault) {
    let forks = matches!(state.kind, Kind::Map(_) | Kind::Parallel { .. });
    if !forks || !fail::has_event(fault) {
        return;
    }
    turn.thread_event(id, &format!("{}StateFailed", state.kind.as_str()), None);
}
