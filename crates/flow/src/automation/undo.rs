//! Taking a run back: what can be undone, newest first, and the run that does it.
//!
//! The reverse plan is an ordinary document, made of the states that the run kept; what it must find before it changes
//! anything goes with the request. Pure: the caller starts it.

pub(crate) mod reverse;

use std::collections::BTreeSet;

use model::Rejection;
use serde::Serialize;
use serde_json::Value;

use super::document::Action;
use super::input::Start;
use super::inverse;
use super::record::{Status, StepExecution};
use super::run::Run;
use reverse::{Maker, Taken};

/// Name of the document of a run that takes another one back.
pub const DOCUMENT_NAME: &str = "Quell-Undo";

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
    /// The run that takes it back; `None` when there is nothing to take back, or too much.
    pub start: Option<Start>,
    /// Why there is no such run although there is something to take back.
    pub refused: Option<Rejection>,
}

impl UndoPlan {
    pub(crate) fn of(steps: Vec<UndoStep>, made: Result<Option<Start>, Rejection>) -> Self {
        let (start, refused) = match made {
            Ok(start) => (start, None),
            Err(refused) => (None, Some(refused)),
        };
        Self {
            steps,
            start,
            refused,
        }
    }
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
        let step = run.record(record.seq).map(|one| one.name.clone());
        let step = step.unwrap_or_default();
        steps.push((record.seq, maker.take_back((step, record), accept)));
    }
    for execution in run.executions().filter(|one| !told.contains(&one.seq)) {
        if let Some(step) = untold(run, execution) {
            steps.push((execution.seq, step));
        }
    }
    steps.sort_by_key(|(seq, _)| std::cmp::Reverse(*seq));
    let made = maker.finish(taken(run, by));
    let steps = steps.into_iter().map(|(_, step)| step).collect();
    Ok(UndoPlan::of(steps, made))
}

fn taken(run: &Run, by: &str) -> Taken {
    let request = run.request();
    Taken {
        of: run.id(),
        name: format!("execution {}", run.id()),
        by: by.to_owned(),
        region: request.region.clone(),
        incident: request.incident,
        caller_role: request.caller_role.clone(),
        location: request.location.clone(),
    }
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
            let how = inverse::unkept(service, api, &execution.inputs);
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
pub(crate) fn reads(api: &str) -> bool {
    let api: String = api.chars().filter(char::is_ascii_alphanumeric).collect();
    let api = api.to_ascii_lowercase();
    [
        "describe", "get", "list", "head", "batchget", "lookup", "search", "simulate", "query",
        "scan",
    ]
    .iter()
    .any(|verb| api.starts_with(verb))
}
