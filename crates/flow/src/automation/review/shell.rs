//! Texts that a shell will read, and whether a value spliced into one may hold a command.

use serde_json::Value;

use crate::automation::document::{Action, Document, Step};
use crate::automation::parameters::compile;
use crate::expr::reference::{Reference, visit_texts_at};
use crate::expr::value_type::ValueType;
use crate::source::child_pointer;

/// Parameters of command documents that are code.
const CODE: [&str; 5] = [
    "commands",
    "command",
    "commandline",
    "script",
    "powershellscript",
];
/// What a value must not be able to be.
const HOSTILE: [&str; 8] = [
    "$(id)", "`id`", "a; id", "a | id", "a && id", "a\nid", "a' id", "a\" id",
];

/// Whether a command document's parameter of this name is code.
pub(crate) fn is_code(parameter: &str) -> bool {
    CODE.contains(&parameter.to_ascii_lowercase().as_str())
}

/// The texts of a step that become code of a shell on an instance, with their places.
pub(super) fn texts<'a>(step: &'a Step, inputs: &str) -> Vec<(String, &'a str)> {
    let mut found = Vec::new();
    let is_call = |service: &str, api: &str| {
        step.action == Action::ExecuteAwsApi
            && text(step, "Service") == service
            && text(step, "Api").replace('_', "").eq_ignore_ascii_case(api)
    };
    if step.action == Action::RunCommand || is_call("ssm", "SendCommand") {
        let parameters = step.inputs.get("Parameters").and_then(Value::as_object);
        for (name, value) in parameters.into_iter().flatten() {
            if is_code(name) {
                let place = child_pointer(&format!("{inputs}/Parameters"), name);
                visit_texts_at(value, &place, &mut |place, text| {
                    found.push((place.to_owned(), text));
                });
            }
        }
    }
    if (step.action == Action::RunInstances || is_call("ec2", "RunInstances"))
        && let Some(data) = step.inputs.get("UserData").and_then(Value::as_str)
    {
        found.push((format!("{inputs}/UserData"), data));
    }
    found
}

fn text<'a>(step: &'a Step, key: &str) -> &'a str {
    step.inputs
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Whether the value may hold what a shell would execute.
pub(super) fn is_open(document: &Document, reference: &Reference) -> bool {
    let harmless =
        |value_type: ValueType| matches!(value_type, ValueType::Integer | ValueType::Boolean);
    let (value_type, rules) = match reference {
        Reference::Global(_) | Reference::Automation(_) | Reference::Ssm(_) => return false,
        Reference::Output { step, output, .. } => {
            let declared = document
                .step(step)
                .and_then(|step| step.outputs.iter().find(|known| known.name == *output));
            return declared.is_none_or(|output| !harmless(output.value_type));
        }
        Reference::Parameter { name, .. } => match document.parameter(name) {
            Some(parameter) => (parameter.value_type, &parameter.constraints),
            None => return true,
        },
        Reference::Variable { name, .. } => {
            match document.variables.iter().find(|known| known.name == *name) {
                Some(variable) => (variable.value_type, &variable.constraints),
                None => return true,
            }
        }
    };
    if harmless(value_type) || !rules.allowed_values.is_empty() || rules.implied_pattern.is_some() {
        return false;
    }
    match rules.allowed_pattern.as_deref().map(compile) {
        Some(Ok(pattern)) => HOSTILE
            .iter()
            .any(|value| pattern.is_match(value).unwrap_or(true)),
        _ => true,
    }
}
