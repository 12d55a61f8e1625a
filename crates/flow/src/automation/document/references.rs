//! Whether every reference of a document has something to refer to.

use serde_json::Value;

use super::read::Notes;
use super::steps::pointer_of;
use super::{Action, Document};
use crate::expr::reference::{Reference, find, visit_texts_at};
use crate::source::child_pointer;

/// What `global:` knows.
const GLOBALS: [&str; 5] = ["ACCOUNT_ID", "REGION", "AWS_PARTITION", "DATE", "DATE_TIME"];

const SECRET: &str = "`ssm-secure:` is not resolved in runbooks, since the value would stand in the run's record; let a script read it with GetParameter where it is used";

/// Checks all texts that are resolved at run time. A script's text is not one of them.
pub(super) fn check(notes: &mut Notes<'_>, document: &Document) {
    if let Some(text) = &document.assume_role {
        check_text(notes, document, ("/assumeRole", false), text);
    }
    for (at, step) in document.steps.iter().enumerate() {
        let looping = step.parent.is_some() || step.action == Action::Loop;
        resolved_texts(document, at, &mut |pointer, text| {
            // A command document resolves it on the instance.
            if step.action != Action::RunCommand && names_secret(text) {
                notes.add(pointer, SECRET);
            }
            check_text(notes, document, (pointer, looping), text);
        });
        check_keys(
            notes,
            &step.inputs,
            &format!("{}/inputs", pointer_of(document, at)),
        );
    }
}

/// Keys of maps are never resolved: a reference in one is a mistake.
fn check_keys(notes: &mut Notes<'_>, value: &Value, pointer: &str) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                if key.contains("{{") && !find(key).is_empty() {
                    notes.add(
                        &child_pointer(pointer, key),
                        format!("the key \"{key}\" holds a reference, which is never resolved; references stand in values only"),
                    );
                }
                if inner.is_object() || inner.is_array() {
                    check_keys(notes, inner, &child_pointer(pointer, key));
                }
            }
        }
        Value::Array(items) => {
            for (n, inner) in items.iter().enumerate() {
                if inner.is_object() || inner.is_array() {
                    check_keys(notes, inner, &format!("{pointer}/{n}"));
                }
            }
        }
        _ => {}
    }
}

/// Visits all texts of a step that are resolved when it runs and may hold a reference, with their places: not a
/// script's own, and not those of the steps inside a loop.
pub(crate) fn resolved_texts<'a>(
    document: &'a Document,
    at: usize,
    visit: &mut dyn FnMut(&str, &'a str),
) {
    let Some(step) = document.steps.get(at) else {
        return;
    };
    let here = format!("{}/inputs", pointer_of(document, at));
    for (key, value) in step.inputs.as_object().into_iter().flatten() {
        let raw = match step.action {
            Action::ExecuteScript => key == "Script",
            Action::Loop => key == "Steps",
            _ => false,
        };
        if !raw {
            visit_texts_at(value, &child_pointer(&here, key), visit);
        }
    }
}

/// `looping`: whether the text belongs to a loop, so that `loop` means something in it.
fn check_text(
    notes: &mut Notes<'_>,
    document: &Document,
    (pointer, looping): (&str, bool),
    text: &str,
) {
    for found in find(text) {
        match found.reference {
            Reference::Parameter { name, .. } => {
                let declared = notes.source.value.get("parameters").is_some_and(|all| all.get(&name).is_some());
                if !declared && name != "RESOURCE_ID" {
                    notes.add(pointer, format!("Parameter \"{name}\" is not declared."));
                }
            }
            Reference::Variable { name, .. } => {
                if !document.variables.iter().any(|variable| variable.name == name) {
                    notes.add(pointer, format!("Variable \"{name}\" is not declared."));
                }
            }
            Reference::Output { step, output, .. } => {
                let known = document.by_name.contains_key(&step);
                if looping && !known && step == "loop" && Action::Loop.fixed_outputs().contains(&output.as_str()) {
                    continue;
                }
                if !known && !super::steps::is_named(notes.source, &step) {
                    notes.add(pointer, format!("Unknown step name: \"{step}\" in reference to \"{step}.{output}\""));
                } else if let Some(missing) = undeclared_output(document, &step, &output) {
                    notes.add(pointer, missing);
                }
            }
            Reference::Ssm(_) => notes.add(
                pointer,
                format!("\"{{{{ {} }}}}\": parameters of the parameter store may only be referred to by defaults of parameters", found.reference),
            ),
            Reference::Global(name) => {
                if !GLOBALS.contains(&name.as_str()) {
                    notes.add(pointer, format!("unknown reference \"global:{name}\"; known are {}", GLOBALS.join(", ")));
                }
            }
            Reference::Automation(name) => {
                if !["EXECUTION_ID", "RESOURCE_ID"].contains(&name.as_str()) {
                    notes.add(pointer, format!("unknown reference \"automation:{name}\"; known are EXECUTION_ID and RESOURCE_ID"));
                }
            }
        }
    }
}

/// Whether a text refers to a SecureString parameter.
fn names_secret(text: &str) -> bool {
    text.split("{{")
        .skip(1)
        .any(|behind| behind.trim_start().starts_with("ssm-secure:"))
}

/// A supported step that neither declares the output nor has it by nature.
fn undeclared_output(document: &Document, step: &str, output: &str) -> Option<String> {
    let step = document.step(step)?;
    let known = step.outputs.iter().any(|declared| declared.name == output)
        || step.action.fixed_outputs().contains(&output)
        || step.action.has_further_outputs()
        // A step that could not be read stands in the list as a pause.
        || step.action == Action::Pause;
    (!known).then(|| {
        format!(
            "step \"{}\" has no output \"{output}\"; declare it in the step's outputs",
            step.name
        )
    })
}
