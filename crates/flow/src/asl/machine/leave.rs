//! Leaving a state: its output, its variables, and where to go.

use serde_json::{Map, Value};

use super::enter::Scene;
use super::event::Details;
use super::turn::Turn;
use super::{end, fail};
use crate::asl::definition::{Kind, Language, Selection, State};
use crate::asl::document::Document;
use crate::asl::execution::Phase;
use crate::asl::fault::{self, Fault, MAX_PAYLOAD, RESULT_PATH_MISMATCH};
use crate::asl::template::Template;
use crate::expr::unknown;

/// Most bytes of all variables of one thread (the service's limit).
const MAX_VARIABLES: usize = 10 * 1_048_576;

/// How a state is left when its own fields do not say it alone.
pub(super) struct Exit<'a> {
    pub(super) next: Option<usize>,
    pub(super) assign: Option<&'a Template>,
    pub(super) output: Option<&'a Template>,
}

/// A state's work has brought `result`.
pub(super) fn with_result(
    turn: &mut Turn<'_>,
    (id, state): (u32, &State),
    mut scene: Scene,
    result: Document,
) -> Result<(), Fault> {
    let brings = matches!(
        state.kind,
        Kind::Task(_) | Kind::Parallel { .. } | Kind::Map(_)
    );
    if matches!(
        state.kind,
        Kind::Task(_)
            | Kind::Pass {
                result: Some(_),
                ..
            }
    ) {
        turn.note("result", || result.to_value());
    }
    let output = match state.language {
        Language::JsonPath => {
            let selected = match (selector(state), brings) {
                (Some(selector), true) => scene.fill(selector, &result, turn)?.into(),
                _ => result.clone(),
            };
            turn.note("afterResultSelector", || selected.to_value());
            let placed = put(&state.result_path, &scene, selected)?;
            turn.note("afterResultPath", || placed.to_value());
            scene.select(&state.output_path, &placed)?
        }
        Language::Jsonata => {
            if brings {
                scene.with("result", result.clone());
            }
            match &state.output {
                Some(output) => scene.fill(output, &result, turn)?.into(),
                None => result.clone(),
            }
        }
    };
    let assigned = assigned(turn, &scene, (state.assign.as_ref(), &result))?;
    go(turn, (id, state), (output, assigned), state.next)
}

fn selector(state: &State) -> Option<&Template> {
    match &state.kind {
        Kind::Task(task) => task.selector.as_ref(),
        Kind::Parallel { selector, .. } => selector.as_ref(),
        Kind::Map(map) => map.selector.as_ref(),
        _ => None,
    }
}

/// `ResultPath` applied to the state's raw input.
fn put(path: &Selection, scene: &Scene, result: Document) -> Result<Document, Fault> {
    let raw = &scene.thread.input;
    match path {
        Selection::Whole => Ok(result),
        Selection::Nothing => Ok(raw.clone()),
        Selection::At(path) => {
            let mut placed = raw.to_value();
            match path.write(&mut placed, result.into_value()) {
                Ok(()) => Ok(placed.into()),
                Err(_) if scene.lacks(raw) => Ok(unknown::mark("input with a result").into()),
                Err(_) => Err(Fault::definition(
                    RESULT_PATH_MISMATCH,
                    format!("Unable to apply ReferencePath {path} to input {}", **raw),
                )),
            }
        }
    }
}

/// A Choice goes on with its input.
pub(super) fn to(
    turn: &mut Turn<'_>,
    (id, state): (u32, &State),
    scene: Scene,
    exit: Exit<'_>,
) -> Result<(), Fault> {
    let output = match (state.language, exit.output) {
        (Language::Jsonata, Some(output)) => scene.fill(output, &scene.input, turn)?.into(),
        (Language::Jsonata, None) => scene.input.clone(),
        (Language::JsonPath, _) => scene.select(&state.output_path, &scene.input)?,
    };
    let assigned = assigned(turn, &scene, (exit.assign, &scene.input))?;
    go(turn, (id, state), (output, assigned), exit.next)
}

/// A Wait is over.
pub(super) fn after_wait(turn: &mut Turn<'_>, id: u32) {
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
    if let Some(thread) = turn.touch(id) {
        thread.phase = Phase::Ready;
    }
    let done = match Scene::of(turn, id, state) {
        None => return,
        Some(Err(fault)) => Err(fault),
        Some(Ok(scene)) => {
            let input = scene.input.clone();
            with_result(turn, (id, state), scene, input)
        }
    };
    if let Err(fault) = done {
        fail::fail(turn, id, fault);
    }
}

/// A catcher takes an error.
pub(super) fn caught(
    turn: &mut Turn<'_>,
    (id, state): (u32, &State),
    (at, error): (usize, Value),
) -> Result<(), Fault> {
    let Some(catcher) = state.catch.get(at) else {
        return Ok(());
    };
    let Some(mut scene) = Scene::of(turn, id, state).transpose()? else {
        return Ok(());
    };
    let error = Document::from(error);
    let output = match state.language {
        Language::JsonPath => put(&catcher.result_path, &scene, error.clone())?,
        Language::Jsonata => {
            scene.with("errorOutput", error.clone());
            match &catcher.output {
                Some(output) => scene.fill(output, &error, turn)?.into(),
                None => error.clone(),
            }
        }
    };
    let assigned = assigned(turn, &scene, (catcher.assign.as_ref(), &error))?;
    go(turn, (id, state), (output, assigned), Some(catcher.next))
}

fn assigned(
    turn: &mut Turn<'_>,
    scene: &Scene,
    (assign, document): (Option<&Template>, &Value),
) -> Result<Map<String, Value>, Fault> {
    let Some(assign) = assign else {
        return Ok(Map::new());
    };
    match scene.fill(assign, document, turn)? {
        Value::Object(assigned) => Ok(assigned),
        _ => Ok(Map::new()),
    }
}

/// Writes the exit and moves the thread on.
fn go(
    turn: &mut Turn<'_>,
    (id, state): (u32, &State),
    (output, assigned): (Document, Map<String, Value>),
    next: Option<usize>,
) -> Result<(), Fault> {
    let text = output.to_string();
    if text.len() > MAX_PAYLOAD {
        return Err(fault::too_large(&state.name));
    }
    check_variables(turn, id, (&state.name, &assigned))?;
    let shown = assigned
        .iter()
        .map(|(name, value)| (name.clone(), Value::String(value.to_string())));
    let details = Details::Exited {
        name: state.name.clone(),
        output: text,
        assigned: shown.collect(),
    };
    turn.drop_fork(id);
    let kind = format!("{}StateExited", state.kind.as_str());
    turn.state_event(id, kind, details);
    if let Some(thread) = turn.touch(id) {
        thread.variables.extend(assigned);
        thread.phase = Phase::Ready;
    }
    turn.note_variables(id);
    match next {
        Some(next) => {
            if let Some(thread) = turn.touch(id) {
                thread.state = next;
                thread.input = output;
            }
            turn.x.root.ready.push_back(id);
        }
        None => end::block(turn, id, output),
    }
    Ok(())
}

fn check_variables(
    turn: &Turn<'_>,
    id: u32,
    (state, assigned): (&str, &Map<String, Value>),
) -> Result<(), Fault> {
    if assigned.is_empty() {
        return Ok(());
    }
    let sizes: Vec<usize> = assigned
        .values()
        .map(|value| value.to_string().len())
        .collect();
    let held: usize = turn
        .thread(id)
        .map(|thread| {
            let kept = thread
                .variables
                .iter()
                .filter(|(name, _)| !assigned.contains_key(*name));
            kept.map(|(_, value)| value.to_string().len()).sum()
        })
        .unwrap_or_default();
    let added: usize = sizes.iter().sum();
    if added > MAX_PAYLOAD || held + added > MAX_VARIABLES {
        return Err(fault::variables_too_large(state));
    }
    Ok(())
}
