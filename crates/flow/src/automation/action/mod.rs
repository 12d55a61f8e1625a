//! What each action does: one file per action.
//!
//! | action | begins with | goes on with | ends |
//! |---|---|---|---|
//! | executeAwsApi, assert…Property, createTags | one call | its answer | at the answer |
//! | waitFor…Property | a reading call | answer, poll timer | when the property has a desired value, or time is up |
//! | changeInstanceState | the changing call (unless CheckStateOnly) | answer, poll timer | when all instances are there |
//! | executeScript | the script | its answer | at the answer |
//! | sleep | a timer | the timer | at the timer |
//! | approve, pause | waiting (and a notification) | signals | enough approvals, a rejection, Resume, or time is up |
//! | branch, updateVariable | nothing | – | at once |
//! | loop | its first pass | passes (see `machine::rounds`) | after the last pass |
//!
//! An action never follows a step's arrows and never counts attempts: that is the machine's.

mod approve;
mod assert_property;
mod branch;
mod change_instance_state;
mod create_tags;
mod execute_api;
mod execute_script;
mod isolation;
mod loop_control;
mod outputs;
mod pause;
mod polling;
mod sleep;
mod update_variable;
mod wait_property;

use jiff::Timestamp;
use model::effect::{Failure as EffectFailure, ScriptCall};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub(crate) use approve::signal as approval_signal;
pub(crate) use loop_control::{another_pass, begin as begin_loop};
pub(crate) use sleep::seconds as sleep_seconds;

use super::document::{Action, Step};
use super::machine::Turn;
use super::record::Failure;
use crate::expr::value_type::{kind_of, text_of};

/// Seconds that one AWS call of a step may take (SSM's own cap of executeAwsApi).
pub(crate) const CALL_SECONDS: u32 = 25;
/// Time limit of the polling actions where none is declared.
pub(crate) const DEFAULT_TIMEOUT: u64 = 3_600;

/// What an action remembers between turns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Memory {
    /// Nothing.
    Nothing,
    /// A polling action.
    Poll {
        /// What it is at.
        phase: Phase,
        /// Seconds until the next look.
        wait: u64,
    },
    /// An approval.
    Approval {
        /// Decisions so far.
        decisions: Vec<ApproverDecision>,
    },
}

/// What a polling action is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// The changing call is in flight.
    Change,
    /// Looking at the state.
    State,
    /// Looking at the status checks.
    Checks,
}

/// One approver's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ApproverDecision {
    pub(crate) approver: String,
    pub(crate) approved: bool,
    pub(crate) comment: String,
    pub(crate) at: Timestamp,
}

/// How far an action came.
#[derive(Debug)]
pub(crate) enum Progress {
    /// It waits for what it asked for.
    Waiting,
    /// It ended well.
    Done(Success),
    /// The attempt failed.
    Failed(Failure),
}

/// What a good end brings.
#[derive(Debug, Default)]
pub(crate) struct Success {
    /// Outputs by name.
    pub(crate) outputs: Map<String, Value>,
    /// A remark for readers.
    pub(crate) response: Option<String>,
    /// The step to go to, where the action decides that.
    pub(crate) goto: Option<Goto>,
}

/// Where a branch leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Goto(pub(crate) String);

impl Progress {
    pub(crate) fn done(outputs: Map<String, Value>) -> Self {
        Self::Done(Success {
            outputs,
            ..Success::default()
        })
    }

    fn from(result: Result<Self, Failure>) -> Self {
        result.unwrap_or_else(Self::Failed)
    }
}

/// Begins an attempt. The inputs are resolved and already in the record.
pub(crate) fn begin(turn: &mut Turn<'_>, step: &Step, inputs: &Map<String, Value>) -> Progress {
    Progress::from(match step.action {
        Action::ExecuteAwsApi => execute_api::begin(turn, step, inputs),
        Action::AssertAwsResourceProperty => assert_property::begin(turn, step, inputs),
        Action::WaitForAwsResourceProperty => wait_property::begin(turn, step, inputs),
        Action::Branch => branch::begin(turn, step),
        Action::Sleep => sleep::begin(turn, step, inputs),
        Action::CreateTags => create_tags::begin(turn, step, inputs),
        Action::ChangeInstanceState => change_instance_state::begin(turn, step, inputs),
        Action::Approve => approve::begin(turn, step, inputs),
        Action::Pause => Ok(pause::begin(turn, step)),
        Action::ExecuteScript => execute_script::begin(turn, step, inputs),
        Action::UpdateVariable => update_variable::begin(turn, inputs),
        // `machine::rounds` begins loops itself, since their steps run in its hands.
        Action::Loop => Ok(Progress::done(Map::new())),
        // No document with one of these is taken (`Action::is_supported`).
        Action::CopyImage
        | Action::CreateImage
        | Action::CreateStack
        | Action::DeleteImage
        | Action::DeleteStack
        | Action::ExecuteAutomation
        | Action::ExecuteStateMachine
        | Action::InvokeLambdaFunction
        | Action::InvokeWebhook
        | Action::RunCommand
        | Action::RunInstances => Err(Failure::inputs("The action is not supported.")),
    })
}

/// An effect of the step ended.
pub(crate) fn on_effect(
    turn: &mut Turn<'_>,
    step: &Step,
    answer: Result<Value, EffectFailure>,
) -> Progress {
    Progress::from(match step.action {
        Action::ExecuteAwsApi => execute_api::on_effect(turn, step, answer),
        Action::AssertAwsResourceProperty => assert_property::on_effect(turn, step, answer),
        Action::WaitForAwsResourceProperty => wait_property::on_effect(turn, step, answer),
        Action::CreateTags => create_tags::on_effect(turn, answer),
        Action::ChangeInstanceState => change_instance_state::on_effect(turn, step, answer),
        Action::Approve => Ok(approve::on_effect(turn, answer)),
        Action::ExecuteScript => execute_script::on_effect(step, answer),
        _ => Ok(Progress::Waiting),
    })
}

/// A timer of the step, other than its time limit, is due.
pub(crate) fn on_timer(turn: &mut Turn<'_>, step: &Step) -> Progress {
    Progress::from(match step.action {
        Action::Sleep => Ok(Progress::done(Map::new())),
        Action::WaitForAwsResourceProperty => wait_property::look(turn, step),
        Action::ChangeInstanceState => change_instance_state::look(turn),
        _ => Ok(Progress::Waiting),
    })
}

/// Whether the whole step is one effect, so that its outcome is the step's.
pub(crate) fn is_single_effect(action: Action) -> bool {
    matches!(
        action,
        Action::ExecuteAwsApi
            | Action::CreateTags
            | Action::ExecuteScript
            | Action::AssertAwsResourceProperty
    )
}

/// Whether the step waits for people while nothing is in flight.
pub(crate) fn waits_for_people(action: Action) -> bool {
    matches!(action, Action::Approve | Action::Pause)
}

/// A required text among resolved inputs.
pub(crate) fn text_input(inputs: &Map<String, Value>, key: &str) -> Result<String, Failure> {
    match inputs.get(key) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        None | Some(Value::Null) => Err(Failure::inputs(format!("Input {key} is missing."))),
        Some(Value::String(_)) => Err(Failure::inputs(format!("Input {key} is empty."))),
        Some(other) => Err(Failure::inputs(format!(
            "Input {key} must be a text, not a {}.",
            kind_of(other)
        ))),
    }
}

/// A list of texts among resolved inputs; a scalar counts as a list of one.
pub(crate) fn list_input(inputs: &Map<String, Value>, key: &str) -> Result<Vec<String>, Failure> {
    let list: Vec<String> = match inputs.get(key) {
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| text_of(item).into_owned())
            .collect(),
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Object(_)) => {
            return Err(Failure::inputs(format!(
                "Input {key} must be a list of texts, not a map."
            )));
        }
        Some(scalar) => vec![text_of(scalar).into_owned()],
    };
    if list.is_empty() {
        return Err(Failure::inputs(format!("Input {key} has no items.")));
    }
    Ok(list)
}

/// A boolean among resolved inputs, false when absent.
pub(crate) fn flag_input(inputs: &Map<String, Value>, key: &str) -> Result<bool, Failure> {
    match inputs.get(key) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(true),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("false") || text.is_empty() => {
            Ok(false)
        }
        Some(_) => Err(Failure::inputs(format!(
            "Input {key} must be true or false."
        ))),
    }
}

/// The failure of an AWS call, in SSM's words. `phase` is what the step was at.
pub(crate) fn call_failure(
    phase: &str,
    (service, api): (&str, &str),
    error: &EffectFailure,
) -> Failure {
    let code = error.status.map(|status| status.to_string());
    let request = error.request_id.as_deref().unwrap_or("null");
    let message = format!(
        "Step fails when it is {phase}. Get Exception from {api} API of {service} Service. Exception Message from {api} API: [{} (Service: {service}; Status Code: {}; Error Code: {}; Request ID: {request})]. Please refer to Automation Service Troubleshooting Guide for more diagnosis details.",
        error.message,
        code.as_deref().unwrap_or("0"),
        error.code,
    );
    let lower = error.code.to_ascii_lowercase();
    let kind = if lower.contains("denied")
        || lower.contains("unauthorized")
        || lower.contains("credentials")
    {
        "Permission"
    } else if error.transient && lower.contains("throttl") {
        "Throttling"
    } else {
        "Action"
    };
    let stage = if error.code == "ParamValidation" {
        "InputValidation"
    } else {
        "Invocation"
    };
    Failure {
        message,
        stage: stage.to_owned(),
        kind: kind.to_owned(),
        timed_out: error.code == "Timeout",
        code,
    }
}

/// What most steps are at when a call fails.
pub(crate) const EXECUTING: &str = "Execute/Cancelling action";
/// What polling steps are at.
pub(crate) const POLLING: &str = "Poll action status for completion";

/// An AWS call for the current step.
pub(crate) fn call(
    turn: &mut Turn<'_>,
    (service, api): (&str, &str),
    params: Map<String, Value>,
    (reading, limit): (bool, Option<u64>),
) -> Result<Progress, Failure> {
    let assume_role = turn.run.role(turn.cx).map_err(Failure::inputs)?;
    let seconds = limit.map_or(CALL_SECONDS, |limit| {
        u32::try_from(limit).unwrap_or(u32::MAX).min(CALL_SECONDS)
    });
    let command = model::EffectCommand::CallAws(model::effect::AwsCall {
        service: service.to_owned(),
        operation: api.to_owned(),
        params: Value::Object(params),
        region: turn.run.request().region.clone(),
        assume_role,
        timeout_secs: seconds,
    });
    turn.perform(command, reading);
    Ok(Progress::Waiting)
}

/// A script for the current step.
fn run_script(turn: &mut Turn<'_>, call: ScriptCall) -> Progress {
    turn.perform(model::EffectCommand::RunScript(call), false);
    Progress::Waiting
}
