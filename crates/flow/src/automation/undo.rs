//! Taking a run back: what can be undone, newest first, and the run that does it.
//!
//! The reverse plan is an ordinary document, made of the states that the run kept; what it must find before it changes
//! anything goes with the request. Pure: the caller starts it.

use std::collections::{BTreeMap, BTreeSet};

use model::Rejection;
use model::report::{Expected, StartRun, UndoWish};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::captured::Captured;
use super::document::{Action, Format};
use super::input::{DocumentSource, Parsed, Start};
use super::inverse;
use super::parameters::to_wire;
use super::record::{Status, StepExecution};
use super::run::Run;

/// Name of the document of a run that takes another one back.
pub const DOCUMENT_NAME: &str = "Quell-Undo";
/// Name of the last step, which does nothing.
const LAST: &str = "Finished";
/// Beginning of the names of steps that only compare; no step of a playbook's own undo has it.
const CHECK: &str = "Check";

/// One call of the run, and how it is taken back.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UndoStep {
    /// The run's step.
    pub step: String,
    /// The call that it made, or its action.
    pub call: String,
    /// Whether it can be taken back.
    pub undoable: bool,
    /// How, or why not.
    pub how: String,
    /// The calls that take it back, in their order.
    pub calls: Vec<Value>,
}

/// A reverse plan.
#[derive(Debug, Clone)]
pub struct UndoPlan {
    /// What the run did, newest first.
    pub steps: Vec<UndoStep>,
    /// The run that takes it back; `None` when there is nothing to take back.
    pub start: Option<Start>,
}

/// Plans to take a run back. `accept` names steps whose state is overwritten even if somebody changed it since.
///
/// # Errors
/// The run has not ended, takes back another one itself, or `accept` names a step that it does not have.
pub fn plan(run: &Run, accept: &BTreeSet<String>, by: &str) -> Result<UndoPlan, Rejection> {
    if !run.status().is_final() {
        return Err(Rejection::Conflict {
            code: "InvalidAutomationStatusUpdateException".to_owned(),
            message: format!(
                "execution {} has not ended: stop it, then undo it",
                run.id()
            ),
        });
    }
    if let Some(of) = run.request().undo.of {
        return Err(Rejection::Conflict {
            code: "InvalidAutomationStatusUpdateException".to_owned(),
            message: format!(
                "execution {} took back execution {of}: to do its work again, start its playbook again",
                run.id()
            ),
        });
    }
    if run.is_fleet() {
        return Err(Rejection::Conflict {
            code: "InvalidAutomationStatusUpdateException".to_owned(),
            message: format!(
                "execution {} is one run for each resource or place: undo those by their own ids",
                run.id()
            ),
        });
    }
    if let Some(name) = accept.iter().find(|name| run.document.step(name).is_none()) {
        return Err(Rejection::not_found("AutomationStep", name.clone()));
    }
    let mut maker = Maker::default();
    let mut steps = Vec::new();
    let mut told = BTreeSet::new();
    for record in run
        .undo
        .iter()
        .rev()
        .filter(|record| record.call != "failed")
    {
        told.insert(record.seq);
        steps.push((record.seq, maker.take_back(run, record, accept)));
    }
    for execution in run.executions().filter(|one| !told.contains(&one.seq)) {
        if let Some(step) = untold(run, execution) {
            steps.push((execution.seq, step));
        }
    }
    steps.sort_by_key(|(seq, _)| std::cmp::Reverse(*seq));
    let start = maker.finish(run, by);
    Ok(UndoPlan {
        steps: steps.into_iter().map(|(_, step)| step).collect(),
        start,
    })
}

/// What a step did without a record: calls without an inverse, and scripts.
fn untold(run: &Run, execution: &StepExecution) -> Option<UndoStep> {
    if execution.status != Status::Success {
        return None;
    }
    let action = run.document.step(&execution.name)?.action;
    let input = |name: &str| {
        execution
            .inputs
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let (call, how) = match action {
        Action::ExecuteAwsApi => {
            let (service, api) = (input("Service"), input("Api"));
            if reads(api) {
                return None;
            }
            let how = match inverse::prospect(service, api, &execution.inputs) {
                "can be undone" => "cannot be undone: the state before it was not kept",
                other => other,
            };
            (format!("{service}:{api}"), how)
        }
        Action::ExecuteScript => (
            action.as_str().to_owned(),
            "cannot be undone: what a script changed is not known",
        ),
        Action::RunCommand
        | Action::InvokeLambdaFunction
        | Action::ExecuteStateMachine
        | Action::InvokeWebhook => (
            action.as_str().to_owned(),
            "cannot be undone: what it started is not known",
        ),
        Action::RunInstances | Action::CreateImage | Action::CopyImage | Action::CreateStack => (
            action.as_str().to_owned(),
            "undone by deleting what it made",
        ),
        Action::DeleteImage | Action::DeleteStack => (
            action.as_str().to_owned(),
            "cannot be undone: what it removes is gone",
        ),
        Action::ChangeInstanceState | Action::CreateTags => (
            action.as_str().to_owned(),
            "cannot be undone: the state before it was not kept",
        ),
        Action::ExecuteAutomation => (
            action.as_str().to_owned(),
            "runs of its own: undo them by their ids",
        ),
        _ => return None,
    };
    Some(UndoStep {
        step: execution.name.clone(),
        call,
        undoable: false,
        how: how.to_owned(),
        calls: Vec::new(),
    })
}

/// Whether an operation only reads, by its verb.
fn reads(api: &str) -> bool {
    let api: String = api.chars().filter(char::is_ascii_alphanumeric).collect();
    let api = api.to_ascii_lowercase();
    [
        "describe", "get", "list", "head", "batchget", "lookup", "search", "simulate", "query",
        "scan",
    ]
    .iter()
    .any(|verb| api.starts_with(verb))
}

/// The state before a call and the calls that bring it back, or why there are none.
fn calls_back(record: &Captured) -> Result<(&Value, Vec<inverse::Call>), String> {
    let Some(before) = &record.before else {
        let reason = record.unreadable.as_deref().unwrap_or_default();
        return Err(format!(
            "cannot be undone: the prior state could not be read: {reason}"
        ));
    };
    let empty = inverse::Params::new();
    let params = record.params.as_object().unwrap_or(&empty);
    let rule = inverse::rule(&record.service, &record.operation);
    // A state after the call that is not known is taken for another one: everything is brought back.
    let unknown = Value::Null;
    let after = record.after.as_ref().unwrap_or(&unknown);
    let calls = match rule {
        Some(rule) if record.after.as_ref() != Some(before) => rule.back(params, before, after),
        _ => Vec::new(),
    };
    if calls.is_empty() {
        return Err(match &record.after {
            Some(after) if after == before => "nothing to undo: it changed nothing".to_owned(),
            Some(_) => format!(
                "cannot be undone by itself: no call brings back what was before: {}",
                shown(before)
            ),
            // What it may have added is not known, so it cannot be taken away.
            None => format!(
                "cannot be undone by itself: the state that it left is not known; before it was {}",
                shown(before)
            ),
        });
    }
    if rule
        .and_then(|rule| rule.reading_after(params, before))
        .is_none()
    {
        return Err("cannot be undone: its present state cannot be looked at".to_owned());
    }
    Ok((before, calls))
}

/// A state, in short.
fn shown(state: &Value) -> String {
    state.to_string().chars().take(300).collect()
}

/// Collects the steps of the reverse document.
#[derive(Default)]
struct Maker {
    steps: Vec<Value>,
    expect: BTreeMap<String, Expected>,
    parameters: BTreeMap<String, Vec<String>>,
    declared: Map<String, Value>,
    /// The steps that compare before anything is changed.
    checks: Vec<Value>,
    /// States that newer changes touched.
    seen: Vec<inverse::Call>,
}

impl Maker {
    fn take_back(&mut self, run: &Run, record: &Captured, accept: &BTreeSet<String>) -> UndoStep {
        let step = run
            .record(record.seq)
            .map(|one| one.name.clone())
            .unwrap_or_default();
        let told = |undoable, how: String, calls| UndoStep {
            step: step.clone(),
            call: format!("{}:{}", record.service, record.operation),
            undoable,
            how,
            calls,
        };
        let (before, calls) = match calls_back(record) {
            Ok(found) => found,
            Err(how) => return told(false, how, Vec::new()),
        };
        let shown: Vec<Value> = calls
            .iter()
            .map(|call| json!({"service": call.service, "operation": call.operation, "params": call.params}))
            .collect();
        let name = format!("Undo{}", record.n);
        for (at, call) in calls.iter().enumerate() {
            let name = if at == 0 {
                name.clone()
            } else {
                format!("{name}_{at}")
            };
            self.step(&name, call);
        }
        let expected = Expected {
            service: record.service.clone(),
            operation: record.operation.clone(),
            params: record.params.clone(),
            before: before.clone(),
            after: record.after.clone(),
            accept_drift: accept.contains(&step),
            // Filled in when the next step is known.
            then: String::new(),
            check: false,
        };
        self.check(record.n, &expected);
        self.expect.insert(name, expected);
        let how = match (&record.after, record.call.as_str()) {
            (None, _) => {
                "can be undone, but the state it left is not known: accept the drift of its step"
            }
            (_, "sent") => "can be undone; whether the call happened is not known",
            _ => "can be undone",
        };
        told(true, how.to_owned(), shown)
    }

    /// Compares a state before anything at all is changed: of each state only the newest change, for that is what is
    /// there now.
    fn check(&mut self, n: u32, expected: &Expected) {
        let empty = inverse::Params::new();
        let params = expected.params.as_object().unwrap_or(&empty);
        let rule = inverse::rule(&expected.service, &expected.operation);
        let reading = rule.and_then(|rule| rule.reading_after(params, &expected.before));
        let Some(reading) = reading else {
            return;
        };
        let first = !self.seen.contains(&reading);
        if first && !expected.accept_drift {
            let name = format!("{CHECK}{n}");
            let step = self.made(&name, &reading);
            self.checks.push(step);
            let check = Expected {
                check: true,
                ..expected.clone()
            };
            self.expect.insert(name, check);
        }
        self.seen.push(reading);
    }

    fn step(&mut self, name: &str, call: &inverse::Call) {
        let step = self.made(name, call);
        self.steps.push(step);
    }

    fn made(&mut self, name: &str, call: &inverse::Call) -> Value {
        let mut inputs = Map::new();
        inputs.insert("Service".to_owned(), json!(call.service));
        inputs.insert("Api".to_owned(), json!(call.operation));
        for (key, value) in call.params.as_object().into_iter().flatten() {
            inputs.insert(key.clone(), self.literal(value));
        }
        json!({"name": name, "action": "aws:executeAwsApi", "inputs": inputs})
    }

    /// A value as an input. What looks like a reference travels as a parameter's value, which is not looked at again.
    fn literal(&mut self, value: &Value) -> Value {
        if !value.to_string().contains("{{") {
            return value.clone();
        }
        let kind = match value {
            Value::Object(_) => "StringMap",
            Value::Array(items) if items.iter().any(Value::is_object) => "MapList",
            Value::Array(_) => "StringList",
            _ => "String",
        };
        let name = format!("Value{}", self.parameters.len());
        self.declared.insert(name.clone(), json!({ "type": kind }));
        self.parameters.insert(name.clone(), to_wire(value));
        json!(format!("{{{{ {name} }}}}"))
    }

    fn finish(mut self, run: &Run, by: &str) -> Option<Start> {
        if self.steps.is_empty() {
            return None;
        }
        self.steps
            .push(json!({"name": LAST, "action": "aws:sleep", "inputs": {"Duration": "PT0S"}}));
        self.link();
        let mut steps = std::mem::take(&mut self.checks);
        steps.append(&mut self.steps);
        let request = run.request();
        let mut document = json!({
            "schemaVersion": "0.3",
            "description": format!("Takes back what execution {} did.", run.id()),
            "mainSteps": steps,
        });
        if !self.declared.is_empty() {
            document["parameters"] = Value::Object(self.declared);
        }
        if let Some(role) = run.undo.iter().find_map(|record| record.role.as_ref()) {
            document["assumeRole"] = json!(role);
        }
        let request = StartRun {
            document_name: DOCUMENT_NAME.to_owned(),
            parameters: self.parameters,
            executed_by: by.to_owned(),
            region: request.region.clone(),
            mode: "Auto".to_owned(),
            incident: request.incident,
            caller_role: request.caller_role.clone(),
            location: request.location.clone(),
            undo: UndoWish {
                capture: false,
                of: Some(run.id()),
                expect: self.expect,
            },
            ..StartRun::default()
        };
        Some(Start {
            request,
            document: DocumentSource::Found {
                name: DOCUMENT_NAME.to_owned(),
                version: "1".to_owned(),
                format: Format::Json,
                content: document.to_string(),
                attachments: Vec::new(),
            },
            parsed: Parsed::default(),
            target_type: None,
            queued: false,
        })
    }

    /// Says of each first step where to go on when there is nothing to do.
    fn link(&mut self) {
        let names: Vec<String> = self
            .steps
            .iter()
            .filter_map(|step| Some(step.get("name")?.as_str()?.to_owned()))
            .collect();
        for (at, name) in names.iter().enumerate() {
            let later = names.iter().skip(at + 1);
            let mut firsts = later.filter(|name| !name.contains('_'));
            let then = firsts.next().cloned().unwrap_or_else(|| LAST.to_owned());
            if let Some(expected) = self.expect.get_mut(name) {
                expected.then = then;
            }
        }
    }
}
