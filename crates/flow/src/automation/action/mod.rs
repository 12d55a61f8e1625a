//! What each action does: one file per action.
//!
//! | action | begins with | goes on with | ends |
//! |---|---|---|---|
//! | executeAwsApi, assert…Property, createTags | one call | its answer | at the answer |
//! | waitFor…Property | a reading call | answer, poll timer | when the property has a desired value, or time is up |
//! | changeInstanceState | the changing call (unless CheckStateOnly) | answer, poll timer | when all instances are there |
//! | executeScript | the script | its answer | at the answer |
//! | invokeLambdaFunction, invokeWebhook | one call | its answer | at the answer |
//! | runCommand, runInstances, createImage, copyImage, createStack, deleteStack, executeStateMachine | the changing call | answer, poll timer | when what was made is there, or gone |
//! | deleteImage | a look, the changing call | one call for each snapshot | after the last |
//! | sleep | a timer | the timer | at the timer |
//! | approve, pause | waiting (and a notification) | signals | enough approvals, a rejection, Resume, or time is up |
//! | executeAutomation | a child run | its end | with the child |
//! | branch, updateVariable | nothing | – | at once |
//! | loop | its first pass | passes (see `machine::rounds`) | after the last pass |
//!
//! An action never follows a step's arrows and never counts attempts: that is the machine's.

mod approve;
mod assert_property;
mod branch;
mod change_instance_state;
mod copy_image;
mod create_image;
mod create_stack;
mod create_tags;
mod delete_image;
mod delete_stack;
mod execute_api;
mod execute_automation;
mod execute_script;
mod execute_state_machine;
mod given;
mod image;
mod invoke_lambda_function;
mod invoke_webhook;
mod isolation;
mod loop_control;
mod outputs;
mod pause;
mod polling;
mod run_command;
mod run_instances;
mod sleep;
mod update_variable;
mod wait_property;

use jiff::Timestamp;
use model::effect::{Failure as EffectFailure, ScriptCall};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub(crate) use approve::signal as approval_signal;
pub(crate) use execute_automation::on_child as child_ended;
pub(crate) use isolation::is_isolated;
pub(crate) use loop_control::{another_pass, begin as begin_loop};
pub(crate) use sleep::seconds as sleep_seconds;

use super::document::{Action, Step};
use super::machine::{Turn, begin_capture};
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
    /// An action that follows one thing that it made or changes.
    Follow {
        /// What it is at.
        phase: Phase,
        /// Seconds until the next look.
        wait: u64,
        /// Id or ARN of that thing.
        subject: String,
        /// What else the action must not forget.
        #[serde(default)]
        rest: Vec<String>,
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
    /// Looking whether something stands in the way.
    Before,
    /// Removing what stands in the way, or what was left behind.
    Clearing,
    /// Reading what came of it.
    Results,
    /// Reading it in another way.
    Details,
    /// The call that ends it before its time is in flight.
    Stopping,
}

/// One approver's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ApproverDecision {
    pub(crate) approver: String,
    pub(crate) approved: bool,
    pub(crate) comment: String,
    pub(crate) at: Timestamp,
    /// The hash of the plan that was approved, or that the run was bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) plan: Option<String>,
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
        Action::ExecuteAutomation => execute_automation::begin(turn, step, inputs),
        Action::UpdateVariable => update_variable::begin(turn, inputs),
        // `machine::rounds` begins loops itself, since their steps run in its hands.
        Action::Loop => Ok(Progress::done(Map::new())),
        Action::CopyImage => copy_image::begin(turn, step, inputs),
        Action::CreateImage => create_image::begin(turn, step, inputs),
        Action::CreateStack => create_stack::begin(turn, step, inputs),
        Action::DeleteImage => delete_image::begin(turn, step, inputs),
        Action::DeleteStack => delete_stack::begin(turn, step, inputs),
        Action::ExecuteStateMachine => execute_state_machine::begin(turn, step, inputs),
        Action::InvokeLambdaFunction => invoke_lambda_function::begin(turn, step, inputs),
        Action::InvokeWebhook => invoke_webhook::begin(turn, step, inputs),
        Action::RunCommand => run_command::begin(turn, step, inputs),
        Action::RunInstances => run_instances::begin(turn, step, inputs),
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
        Action::CopyImage => copy_image::on_effect(turn, answer),
        Action::CreateImage => create_image::on_effect(turn, answer),
        Action::CreateStack => create_stack::on_effect(turn, answer),
        Action::DeleteImage => delete_image::on_effect(turn, answer),
        Action::DeleteStack => delete_stack::on_effect(turn, answer),
        Action::ExecuteStateMachine => execute_state_machine::on_effect(turn, answer),
        Action::InvokeLambdaFunction => invoke_lambda_function::on_effect(turn, step, answer),
        Action::InvokeWebhook => invoke_webhook::on_effect(answer),
        Action::RunCommand => run_command::on_effect(turn, answer),
        Action::RunInstances => run_instances::on_effect(turn, answer),
        _ => Ok(Progress::Waiting),
    })
}

/// A timer of the step, other than its time limit, is due.
pub(crate) fn on_timer(turn: &mut Turn<'_>, step: &Step) -> Progress {
    Progress::from(match step.action {
        Action::Sleep => Ok(Progress::done(Map::new())),
        Action::WaitForAwsResourceProperty => wait_property::look(turn, step),
        Action::ChangeInstanceState => change_instance_state::look(turn),
        Action::CopyImage | Action::CreateImage => image::look(turn),
        Action::CreateStack => create_stack::look(turn),
        Action::DeleteImage => delete_image::look(turn),
        Action::DeleteStack => delete_stack::look(turn),
        Action::ExecuteStateMachine => execute_state_machine::look(turn),
        Action::RunCommand => run_command::look(turn),
        Action::RunInstances => run_instances::look(turn),
        _ => Ok(Progress::Waiting),
    })
}

/// Asks the world to end what the current step has under way there and what would go on by itself. Whether there is
/// such a thing: then its answer is waited for.
pub(crate) fn stop(turn: &mut Turn<'_>, step: &Step) -> bool {
    let asked = match step.action {
        Action::ExecuteStateMachine => execute_state_machine::stop(turn),
        Action::RunCommand => run_command::stop(turn),
        _ => Ok(false),
    };
    asked.unwrap_or(false)
}

/// Whether what was asked for last is the end of what the step has under way.
pub(crate) fn is_stopping(turn: &Turn<'_>) -> bool {
    polling::followed(turn).is_some_and(|followed| followed.phase == Phase::Stopping)
}

/// Whether the whole step is one effect, so that its outcome is the step's.
pub(crate) fn is_single_effect(action: Action) -> bool {
    matches!(
        action,
        Action::ExecuteAwsApi
            | Action::CreateTags
            | Action::ExecuteScript
            | Action::InvokeLambdaFunction
            | Action::InvokeWebhook
            | Action::AssertAwsResourceProperty
    )
}

/// Whether the action begins with the inputs that it is given and nothing of the step's record.
pub(crate) fn is_handed_all(action: Action) -> bool {
    matches!(
        action,
        Action::AssertAwsResourceProperty | Action::Branch | Action::UpdateVariable
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
    } else if is_throttled(&lower) {
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

/// Whether a code (in lower case) says that there were too many requests. Source: botocore's throttling codes.
fn is_throttled(code: &str) -> bool {
    const CODES: [&str; 8] = [
        "requestlimitexceeded",
        "toomanyrequestsexception",
        "slowdown",
        "limitexceededexception",
        "bandwidthlimitexceeded",
        "priorrequestnotcomplete",
        "ec2throttledexception",
        "provisionedthroughputexceededexception",
    ];
    code.contains("throttl") || CODES.contains(&code)
}

/// Whether the current action has done its change and is at clearing up behind it.
pub(crate) fn is_clearing(turn: &Turn<'_>) -> bool {
    let phase = match turn.memory() {
        Some(Memory::Poll { phase, .. } | Memory::Follow { phase, .. }) => phase,
        _ => return false,
    };
    phase == Phase::Clearing
}

/// What most steps are at when a call fails.
pub(crate) const EXECUTING: &str = "Execute/Cancelling action";
/// What polling steps are at.
pub(crate) const POLLING: &str = "Poll action status for completion";

/// An AWS call for the current step, within [`CALL_SECONDS`] or a shorter limit.
pub(crate) fn call(
    turn: &mut Turn<'_>,
    called: (&str, &str),
    params: Map<String, Value>,
    (reading, limit): (bool, Option<u64>),
) -> Result<Progress, Failure> {
    let most = u64::from(CALL_SECONDS);
    let seconds = limit.map_or(most, |limit| limit.min(most));
    call_within(turn, called, params, (reading, seconds))
}

/// An AWS call for the current step, within so many seconds.
fn call_within(
    turn: &mut Turn<'_>,
    (service, api): (&str, &str),
    params: Map<String, Value>,
    (reading, seconds): (bool, u64),
) -> Result<Progress, Failure> {
    let assume_role = turn.run.role(turn.cx).map_err(Failure::inputs)?;
    let call = model::effect::AwsCall {
        service: service.to_owned(),
        operation: api.to_owned(),
        params: Value::Object(params),
        region: turn.run.request().region.clone(),
        assume_role,
        timeout_secs: u32::try_from(seconds).unwrap_or(u32::MAX),
        spelling: model::effect::Spelling::default(),
    };
    if reading || !begin_capture(turn, &call) {
        turn.perform(model::EffectCommand::CallAws(call), reading);
    }
    Ok(Progress::Waiting)
}

/// A script for the current step.
fn run_script(turn: &mut Turn<'_>, call: ScriptCall) -> Progress {
    turn.perform(model::EffectCommand::RunScript(call), false);
    Progress::Waiting
}
