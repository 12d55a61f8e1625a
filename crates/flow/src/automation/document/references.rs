//! Whether every reference of a document has something to refer to.

use serde_json::Value;

use super::read::Notes;
use super::steps::pointer_of;
use super::{Action, Body, Document};
use crate::expr::reference::{Reference, find, visit_texts};

/// Checks all texts that are resolved at run time. A script's text is not one of them.
pub(super) fn check(notes: &mut Notes<'_>, document: &Document) {
    if let Some(text) = &document.assume_role {
        check_text(notes, document, ("/assumeRole", false), text);
    }
    for (at, step) in document.steps.iter().enumerate() {
        let here = format!("{}/inputs", pointer_of(document, at));
        let mut texts: Vec<(String, &str)> = Vec::new();
        if let Some(inputs) = step.inputs.as_object() {
            for (key, value) in inputs {
                let raw = match step.action {
                    Action::ExecuteScript => key == "Script",
                    Action::Branch => key == "Choices",
                    Action::Loop => key == "Steps" || key == "LoopCondition",
                    _ => false,
                };
                if !raw {
                    let pointer = format!("{here}/{key}");
                    visit_texts(value, &mut |text| texts.push((pointer.clone(), text)));
                }
            }
        }
        let mut add = |value| collect(value, &here, &mut texts);
        match &step.body {
            Body::Branch { choices, .. } => choices
                .iter()
                .for_each(|(condition, _)| condition.visit(&mut add)),
            Body::Loop {
                condition: Some(condition),
                ..
            } => condition.visit(&mut add),
            _ => {}
        }
        let looping = step.parent.is_some() || step.action == Action::Loop;
        for (pointer, text) in texts {
            check_text(notes, document, (&pointer, looping), text);
        }
    }
}

fn collect<'a>(value: &'a Value, here: &str, texts: &mut Vec<(String, &'a str)>) {
    visit_texts(value, &mut |text| texts.push((here.to_owned(), text)));
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
            Reference::Global(_) | Reference::Automation(_) => {}
        }
    }
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
