//! The warnings: each looks at the whole document and says where it may not do what its author thinks.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::graph::Graph;
use super::shell;
use crate::automation::action;
use crate::automation::document::{Action, Body, Document, Step, pointer_of, resolved_texts};
use crate::expr::reference::{Reference, find};
use crate::finding::{Finding, Repeatable, Severity};
use crate::source::Source;

/// Keys of a parameter's declaration.
const PARAMETER_KEYS: [&str; 13] = [
    "type",
    "description",
    "default",
    "allowedValues",
    "allowedPattern",
    "minItems",
    "maxItems",
    "minChars",
    "maxChars",
    "minValue",
    "maxValue",
    "displayType",
    "sensitive",
];

/// All warnings of a valid document.
pub(super) fn all(
    source: &Source,
    document: &Document,
    repeatable: &Repeatable<'_>,
) -> Vec<Finding> {
    let mut notes = Notes {
        source,
        findings: Vec::new(),
    };
    let graph = Graph::of(document);
    unused_parameters(&mut notes, document);
    unknown_keys(&mut notes);
    for (at, step) in document.steps.iter().enumerate() {
        let here = pointer_of(document, at);
        let place = Place {
            at,
            step,
            here: &here,
        };
        if graph.before(at).is_none() {
            unreachable(&mut notes, &place);
            continue;
        }
        outputs_that_may_be_missing(&mut notes, document, &graph, &place);
        values_in_shells(&mut notes, document, &place);
        repeats(&mut notes, &place, repeatable);
        timeouts(&mut notes, &place);
        runtimes(&mut notes, &place);
    }
    notes.findings
}

struct Notes<'a> {
    source: &'a Source,
    findings: Vec<Finding>,
}

/// A step and where it stands.
struct Place<'a> {
    at: usize,
    step: &'a Step,
    here: &'a str,
}

impl Notes<'_> {
    fn add(
        &mut self,
        code: &'static str,
        (pointer, step): (&str, Option<&Step>),
        message: String,
        remedy: &str,
    ) {
        let place = self.source.place(pointer);
        let finding = Finding {
            severity: Severity::Warning,
            code,
            line: place.line,
            column: place.column,
            part: step.map(|step| step.name.clone()),
            message,
            remedy: Some(remedy.to_owned()),
        };
        if self.findings.len() < 500 && !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }
}

fn unreachable(notes: &mut Notes<'_>, place: &Place<'_>) {
    let name = &place.step.name;
    notes.add(
        "unreachable-step",
        (place.here, Some(place.step)),
        format!("step \"{name}\" is never reached: no step leads to it"),
        "lead a nextStep, a choice, onFailure or onCancel to it, or remove it",
    );
}

fn unused_parameters(notes: &mut Notes<'_>, document: &Document) {
    let mut used: BTreeSet<String> = BTreeSet::new();
    let mut look = |text: &str| {
        for found in find(text) {
            if let Reference::Parameter { name, .. } = found.reference {
                used.insert(name);
            }
        }
    };
    document.assume_role.iter().for_each(|role| look(role));
    for at in 0..document.steps.len() {
        resolved_texts(document, at, &mut |_, text| look(text));
    }
    for parameter in &document.parameters {
        let name = &parameter.name;
        if used.contains(name) {
            continue;
        }
        let (message, remedy) = if name == "AutomationAssumeRole" {
            (
                "parameter \"AutomationAssumeRole\" is never used: the run acts as whoever starts it".to_owned(),
                "write `assumeRole: \"{{ AutomationAssumeRole }}\"` at the top of the document",
            )
        } else {
            (
                format!("parameter \"{name}\" is never used"),
                "refer to it as {{ NAME }} in an input (a script gets it through InputPayload), or remove it",
            )
        };
        let pointer = crate::source::child_pointer("/parameters", name);
        notes.add("unused-parameter", (&pointer, None), message, remedy);
    }
}

fn unknown_keys(notes: &mut Notes<'_>) {
    let source = notes.source;
    let parameters = source.value.get("parameters").and_then(Value::as_object);
    for (name, body) in parameters.into_iter().flatten() {
        for key in body.as_object().into_iter().flat_map(Map::keys) {
            if !PARAMETER_KEYS.contains(&key.as_str()) {
                let pointer = crate::source::child_pointer("/parameters", name);
                let pointer = crate::source::child_pointer(&pointer, key);
                notes.add(
                    "unknown-key",
                    (&pointer, None),
                    format!("parameter \"{name}\" has the key \"{key}\", which means nothing"),
                    "correct its spelling, or remove it",
                );
            }
        }
    }
}

fn outputs_that_may_be_missing(
    notes: &mut Notes<'_>,
    document: &Document,
    graph: &Graph,
    place: &Place<'_>,
) {
    let Some(before) = graph.before(place.at) else {
        return;
    };
    let condition = format!("{}/inputs/LoopCondition", place.here);
    let mut missing: Vec<(String, String, String)> = Vec::new();
    resolved_texts(document, place.at, &mut |pointer, text| {
        // The condition of a loop is looked at after a pass.
        let after_pass = pointer.starts_with(&condition);
        for found in find(text) {
            let Reference::Output { step, output, .. } = found.reference else {
                continue;
            };
            let Some(target) = document.by_name.get(&step).copied() else {
                continue;
            };
            let around = place.step.parent == Some(target) || place.at == target;
            if around && Action::Loop.fixed_outputs().contains(&output.as_str()) {
                continue;
            }
            let known = if after_pass {
                graph.pass_end(place.at).unwrap_or(before)
            } else {
                before
            };
            if !known.has(target) {
                missing.push((pointer.to_owned(), step, output));
            }
        }
    });
    for (pointer, target, output) in missing {
        let name = &place.step.name;
        notes.add(
            "output-may-be-missing",
            (&pointer, Some(place.step)),
            format!(
                "step \"{name}\" refers to \"{target}.{output}\", but on some way to it \"{target}\" has not run or has failed: the step would fail there"
            ),
            "lead that way past this step, or keep the value in a variable with a default",
        );
    }
}

fn values_in_shells(notes: &mut Notes<'_>, document: &Document, place: &Place<'_>) {
    let inputs = format!("{}/inputs", place.here);
    for (pointer, text) in shell::texts(place.step, &inputs) {
        for found in find(text) {
            if !shell::is_open(document, &found.reference) {
                continue;
            }
            notes.add(
                "value-in-shell",
                (&pointer, Some(place.step)),
                format!(
                    "the value of \"{}\" becomes part of a shell's code: whoever writes it (an attacker, if it comes from an event) runs commands on the instance",
                    found.reference
                ),
                "restrict the parameter with allowedPattern or allowedValues, or let the instance read the value from where nothing executes it",
            );
        }
    }
}

/// What a step does that can neither be repeated blindly nor looked up.
fn unrepeatable(step: &Step, repeatable: &Repeatable<'_>) -> Option<String> {
    let text = |key: &str| {
        let value = step.inputs.get(key).and_then(Value::as_str);
        value.filter(|text| find(text).is_empty())
    };
    match step.action {
        Action::ExecuteAwsApi => {
            let (service, api) = (text("Service")?, text("Api")?);
            let mut params = step.inputs.clone();
            if let Some(map) = params.as_object_mut() {
                map.remove("Service");
                map.remove("Api");
            }
            (!repeatable(service, api, &params)).then(|| format!("{service}:{api}"))
        }
        Action::RunCommand => Some("ssm:SendCommand".to_owned()),
        Action::InvokeLambdaFunction if text("InvocationType") != Some("DryRun") => {
            Some("lambda:Invoke".to_owned())
        }
        Action::InvokeWebhook => Some("the webhook's call".to_owned()),
        Action::ExecuteScript => {
            let script = step.inputs.get("Script").and_then(Value::as_str)?;
            let careful = action::is_isolated(script) || script.contains("IdempotencyToken");
            (!careful).then(|| "the script".to_owned())
        }
        _ => None,
    }
}

fn repeats(notes: &mut Notes<'_>, place: &Place<'_>, repeatable: &Repeatable<'_>) {
    let Some(what) = unrepeatable(place.step, repeatable) else {
        return;
    };
    let remedy = match place.step.action {
        Action::ExecuteScript => {
            "pass context[\"IdempotencyToken\"] to the call that changes something, or move that call into a step of its own"
        }
        _ => {
            "use a call that takes a token or can be looked up, or tell the people on duty how to settle it (quell run resolve)"
        }
    };
    let name = &place.step.name;
    notes.add(
        "not-repeatable",
        (&format!("{}/action", place.here), Some(place.step)),
        format!(
            "{what} in step \"{name}\" takes no token and cannot be looked up: if the server dies in it, a person must say what happened"
        ),
        remedy,
    );
}

fn timeouts(notes: &mut Notes<'_>, place: &Place<'_>) {
    let step = place.step;
    let polls_until = |phase: &str| Some(format!("waits up to an hour for {phase}"));
    let waits = match step.action {
        _ if step.timeout_seconds.is_some() => None,
        Action::Approve | Action::Pause => Some("waits up to seven days for people".to_owned()),
        Action::WaitForAwsResourceProperty => polls_until("the property"),
        Action::ChangeInstanceState => polls_until("the instances"),
        Action::RunInstances => polls_until("the instances' checks"),
        Action::CreateImage | Action::CopyImage => polls_until("the image"),
        Action::CreateStack | Action::DeleteStack => polls_until("the stack"),
        Action::RunCommand => polls_until("the command"),
        Action::ExecuteStateMachine => polls_until("the state machine"),
        _ => None,
    };
    if let Some(waits) = waits {
        notes.add(
            "missing-timeout",
            (place.here, Some(step)),
            format!("step \"{}\" {waits}", step.name),
            "set timeoutSeconds to what an incident can bear",
        );
    }
}

fn runtimes(notes: &mut Notes<'_>, place: &Place<'_>) {
    let step = place.step;
    if step.action != Action::ExecuteScript || !matches!(step.body, Body::Plain) {
        return;
    }
    let runtime = step.inputs.get("Runtime").and_then(Value::as_str);
    let Some(runtime) = runtime else { return };
    let old = matches!(
        runtime.to_ascii_lowercase().as_str(),
        "python3.6" | "python3.7" | "python3.8" | "powershell core 6.0" | "powershell 7.0"
    );
    if old {
        let remedy = if runtime.starts_with("python") {
            "declare python3.11"
        } else {
            "declare PowerShell 7.4"
        };
        notes.add(
            "old-runtime",
            (&format!("{}/inputs/Runtime", place.here), Some(step)),
            format!(
                "step \"{}\" declares {runtime}, which is no longer maintained",
                step.name
            ),
            remedy,
        );
    }
}
