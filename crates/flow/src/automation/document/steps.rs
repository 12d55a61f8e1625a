//! Reading `mainSteps` and the steps of loops, with the rules that need no knowledge of an action's inputs.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::read::{Notes, read_text};
use super::{Action, Body, Document, OnFailure, Output, Step, inputs};
use crate::expr::selector::Selector;
use crate::expr::value_type::{ValueType, kind_of, text_of};
use crate::source::{Source, child_pointer};

const STEP_KEYS: [&str; 12] = [
    "name",
    "action",
    "description",
    "maxAttempts",
    "timeoutSeconds",
    "onFailure",
    "onCancel",
    "isCritical",
    "isEnd",
    "nextStep",
    "inputs",
    "outputs",
];
const DUPLICATE: &str = "Duplicate step names found in mainSteps of the document.";
/// Most steps of one document, those of loops included.
pub(crate) const MAX_STEPS: usize = 1_000;

/// Reads all steps into `document`, then checks where their jumps lead.
pub(super) fn read_all(notes: &mut Notes<'_>, value: Option<&Value>, document: &mut Document) {
    match value {
        Some(Value::Array(list)) if !list.is_empty() => {
            read_list(notes, list, ("/mainSteps", None), document);
        }
        Some(Value::Array(_)) | None => notes.add(
            "/mainSteps",
            "mainSteps must be a list with at least one step",
        ),
        Some(other) => notes.add(
            "/mainSteps",
            format!(
                "mainSteps must be a list of steps, not a {}",
                kind_of(other)
            ),
        ),
    }
    check_jumps(notes, document);
}

/// Whether the text has a step of this name, readable or not.
pub(super) fn is_named(source: &Source, name: &str) -> bool {
    let has = |list: Option<&Value>, inner: &dyn Fn(&Value) -> bool| {
        list.and_then(Value::as_array)
            .is_some_and(|list| list.iter().any(inner))
    };
    let named = |step: &Value| step.get("name").and_then(Value::as_str) == Some(name);
    has(source.value.get("mainSteps"), &|step| {
        named(step) || has(step.pointer("/inputs/Steps"), &named)
    })
}

/// Reads one list of steps; gives the position of its first.
pub(super) fn read_list(
    notes: &mut Notes<'_>,
    list: &[Value],
    (pointer, parent): (&str, Option<usize>),
    document: &mut Document,
) -> Option<usize> {
    let mut previous: Option<usize> = None;
    let mut first = None;
    for (n, value) in list.iter().enumerate() {
        let here = format!("{pointer}/{n}");
        if document.steps.len() >= MAX_STEPS {
            notes.add(
                &here,
                format!("a document may have at most {MAX_STEPS} steps"),
            );
            return first;
        }
        let Some(map) = value.as_object() else {
            notes.add(
                &here,
                format!("a step must be a map, not a {}", kind_of(value)),
            );
            continue;
        };
        let Some(at) = read_step(notes, map, (&here, parent), document) else {
            continue;
        };
        first = first.or(Some(at));
        if let Some(step) = previous.and_then(|before| document.steps.get_mut(before)) {
            step.following = Some(at);
        }
        previous = Some(at);
    }
    first
}

fn read_name(
    notes: &mut Notes<'_>,
    map: &Map<String, Value>,
    here: &str,
    document: &Document,
) -> Option<String> {
    let Some(name) = map.get("name").filter(|name| !name.is_null()) else {
        notes.add(here, "Missing \"name\" in step detail.");
        return None;
    };
    let name = text_of(name).into_owned();
    let legal = !name.is_empty()
        && name.len() <= 128
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !legal {
        notes.add(
            &format!("{here}/name"),
            format!("StepName: {name} is invalid."),
        );
    }
    if document.by_name.contains_key(&name) {
        notes.add(&format!("{here}/name"), DUPLICATE);
    }
    Some(name)
}

fn read_action(
    notes: &mut Notes<'_>,
    map: &Map<String, Value>,
    here: &str,
    name: &str,
) -> Option<Action> {
    let text = read_text(notes, map, here, "action").unwrap_or_default();
    let known = Action::parse(&text);
    if known.is_some() {
        return known;
    }
    let place = format!("{here}/action");
    if map.contains_key("action") {
        notes.add_step(&place, name, format!("Unknown action: {text}"));
    } else {
        notes.add_step(
            here,
            name,
            format!("Missing \"action\" in step \"{name}\"."),
        );
    }
    None
}

fn read_step(
    notes: &mut Notes<'_>,
    map: &Map<String, Value>,
    (here, parent): (&str, Option<usize>),
    document: &mut Document,
) -> Option<usize> {
    let name = read_name(notes, map, here, document).unwrap_or_default();
    for key in map.keys().filter(|key| !STEP_KEYS.contains(&key.as_str())) {
        let message = format!(
            "unknown key \"{key}\" in step \"{name}\"; known are {}",
            STEP_KEYS.join(", ")
        );
        notes.add_step(&child_pointer(here, key), &name, message);
    }
    let action = read_action(notes, map, here, &name);
    let at = document.steps.len();
    document.by_name.entry(name.clone()).or_insert(at);
    let step = Step {
        action: action.unwrap_or(Action::Pause),
        description: read_text(notes, map, here, "description"),
        max_attempts: number(notes, map, here, "maxAttempts")
            .map_or(1, |n| u32::try_from(n).unwrap_or(u32::MAX)),
        timeout_seconds: number(notes, map, here, "timeoutSeconds"),
        on_failure: read_on_failure(notes, map, here),
        on_cancel: read_on_cancel(notes, map, here),
        is_critical: flag(notes, map, here, "isCritical"),
        is_end: flag(notes, map, here, "isEnd").unwrap_or(false),
        next_step: read_text(notes, map, here, "nextStep"),
        inputs: map
            .get("inputs")
            .cloned()
            .unwrap_or_else(|| Value::Object(Map::new())),
        outputs: read_outputs(notes, map, here),
        body: Body::Plain,
        parent,
        following: None,
        name: name.clone(),
    };
    if step.is_end && step.next_step.is_some() {
        notes.add_step(
            here,
            &name,
            "\"isEnd == true\" and nextStep should not exist in same step.",
        );
    }
    document.steps.push(step);
    let pointer = format!("{here}/inputs");
    let body = inputs::read(notes, (&pointer, action), at, document);
    if let Some(step) = document.steps.get_mut(at) {
        step.body = body;
    }
    Some(at)
}

/// A positive whole number, also written as text.
fn number(notes: &mut Notes<'_>, map: &Map<String, Value>, here: &str, key: &str) -> Option<u64> {
    let value = map.get(key).filter(|value| !value.is_null())?;
    let number = value
        .as_u64()
        .or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()));
    let fits = number.filter(|n| (1..=31_536_000).contains(n));
    if fits.is_none() {
        notes.add(
            &child_pointer(here, key),
            format!("\"{key}\" must be a whole number of at least 1, found {value}"),
        );
    }
    fits
}

/// A boolean, also written as text.
fn flag(notes: &mut Notes<'_>, map: &Map<String, Value>, here: &str, key: &str) -> Option<bool> {
    let value = map.get(key).filter(|value| !value.is_null())?;
    let flag = match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    };
    if flag.is_none() {
        notes.add(
            &child_pointer(here, key),
            format!("\"{key}\" must be true or false, found {value}"),
        );
    }
    flag
}

fn read_on_failure(notes: &mut Notes<'_>, map: &Map<String, Value>, here: &str) -> OnFailure {
    let Some(text) = read_text(notes, map, here, "onFailure") else {
        return OnFailure::Abort;
    };
    match text.trim() {
        "Abort" => OnFailure::Abort,
        "Continue" => OnFailure::Continue,
        other => match other.strip_prefix("step:") {
            Some(name) => OnFailure::Step(name.trim().to_owned()),
            None => {
                let message =
                    format!("onFailure must be Abort, Continue or step:NAME, found \"{other}\"");
                notes.add(&format!("{here}/onFailure"), message);
                OnFailure::Abort
            }
        },
    }
}

fn read_on_cancel(notes: &mut Notes<'_>, map: &Map<String, Value>, here: &str) -> Option<String> {
    let text = read_text(notes, map, here, "onCancel")?;
    match text.trim() {
        "Abort" => None,
        other => {
            let name = other
                .strip_prefix("step:")
                .map(|name| name.trim().to_owned());
            if name.is_none() {
                notes.add(
                    &format!("{here}/onCancel"),
                    format!("onCancel must be Abort or step:NAME, found \"{other}\""),
                );
            }
            name
        }
    }
}

fn read_outputs(notes: &mut Notes<'_>, map: &Map<String, Value>, here: &str) -> Vec<Output> {
    let pointer = format!("{here}/outputs");
    let list = match map.get("outputs") {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Array(list)) => list,
        Some(other) => {
            notes.add(
                &pointer,
                format!(
                    "\"outputs\" of a step must be a list, not a {}",
                    kind_of(other)
                ),
            );
            return Vec::new();
        }
    };
    list.iter()
        .enumerate()
        .filter_map(|(n, item)| read_output(notes, item, &format!("{pointer}/{n}")))
        .collect()
}

fn read_output(notes: &mut Notes<'_>, item: &Value, here: &str) -> Option<Output> {
    let Some(map) = item.as_object() else {
        notes.add(
            here,
            format!(
                "an output must be a map with Name, Selector and Type, not a {}",
                kind_of(item)
            ),
        );
        return None;
    };
    let name = read_text(notes, map, here, "Name").unwrap_or_default();
    if name.is_empty() {
        notes.add(here, "an output has no \"Name\"");
    }
    let selector =
        match Selector::parse(&read_text(notes, map, here, "Selector").unwrap_or_default()) {
            Ok(selector) => Some(selector),
            Err(error) => {
                notes.add(here, format!("output \"{name}\": {error}"));
                None
            }
        };
    let type_name = read_text(notes, map, here, "Type").unwrap_or_else(|| "String".to_owned());
    let value_type = ValueType::parse(&type_name);
    if value_type.is_none() {
        notes.add(
            here,
            format!("output \"{name}\" has the unknown type \"{type_name}\"; known are String, StringList, Integer, Boolean, StringMap, MapList"),
        );
    }
    Some(Output {
        name,
        selector: selector?,
        value_type: value_type?,
    })
}

/// Jumps stay within their list: out of a loop and into a loop there is no way.
fn check_jumps(notes: &mut Notes<'_>, document: &Document) {
    let parents: HashMap<&str, (Option<usize>, Action)> = document
        .steps
        .iter()
        .map(|step| (step.name.as_str(), (step.parent, step.action)))
        .collect();
    for (at, step) in document.steps.iter().enumerate() {
        let here = pointer_of(document, at);
        let known = |target: &str| {
            parents
                .get(target)
                .is_some_and(|(parent, _)| *parent == step.parent)
        };
        // `path` ends with the member's name.
        let mut complain = |target: &str, path: &str| {
            let member = path.rsplit('/').next().unwrap_or(path);
            let member = if member == "NextStep" {
                "nextStep"
            } else {
                member
            };
            let message = format!("Unknown step name: \"{target}\" in {member}");
            notes.add_step(&format!("{here}/{path}"), &step.name, message);
        };
        if let Some(target) = step.next_step.as_deref().filter(|target| !known(target)) {
            complain(target, "nextStep");
        }
        if let OnFailure::Step(target) = &step.on_failure
            && !known(target)
        {
            complain(target, "onFailure");
        }
        if let Body::Branch { choices, default } = &step.body {
            let targets = choices.iter().map(|(_, target)| target).enumerate();
            targets
                .filter(|(_, target)| !known(target))
                .for_each(|(n, t)| complain(t, &format!("inputs/Choices/{n}/NextStep")));
            default
                .iter()
                .filter(|target| !known(target))
                .for_each(|target| complain(target, "inputs/Default"));
        }
        if let Some(target) = &step.on_cancel {
            if !known(target) {
                complain(target, "onCancel");
            } else if matches!(step.action, Action::Loop | Action::UpdateVariable) {
                notes.add_step(
                    &here,
                    &step.name,
                    format!("onCancel is not allowed on {}", step.action.as_str()),
                );
            } else if let Some((_, action)) = parents.get(target.as_str())
                && !action.allowed_on_cancel()
            {
                let message = format!(
                    "onCancel may not lead to \"{target}\", since {} cannot clean up",
                    action.as_str()
                );
                notes.add_step(&here, &step.name, message);
            }
        }
    }
}

/// Where a step stands in the text: lists keep the order of the document.
pub(crate) fn pointer_of(document: &Document, at: usize) -> String {
    let Some(step) = document.steps.get(at) else {
        return "/mainSteps".to_owned();
    };
    let before = document
        .steps
        .iter()
        .take(at)
        .filter(|other| other.parent == step.parent)
        .count();
    match step.parent {
        None => format!("/mainSteps/{before}"),
        Some(parent) => {
            let outer = document
                .steps
                .iter()
                .take(parent)
                .filter(|other| other.parent.is_none())
                .count();
            format!("/mainSteps/{outer}/inputs/Steps/{before}")
        }
    }
}
