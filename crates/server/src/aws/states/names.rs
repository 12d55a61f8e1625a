//! Names and ARNs of state machines and executions, and the exceptions for those that are not there.

use model::Rejection;
use model::arn::Arn;

use crate::call::Call;
use crate::decode::{Fields, Text};
use crate::error::{ApiError, echo};

/// An ARN.
pub(super) const ARN: Text = Text::length(1, 2000);
/// A name, before its characters are looked at.
const NAME: Text = Text::length(1, 80);
/// Characters that no name has.
const FORBIDDEN: &str = "<>{}[]?*\"#%\\^|~`$&,;:/";

/// The name in a member, checked.
pub(super) fn name<'a>(fields: &Fields<'a>) -> Result<Option<&'a str>, ApiError> {
    let Some(name) = fields.text("name", NAME)? else {
        return Ok(None);
    };
    let bad = |c: char| c.is_whitespace() || c.is_control() || FORBIDDEN.contains(c);
    if name.contains(bad) {
        let message = format!("Invalid Name: '{}'", echo(name));
        return Err(ApiError::new("InvalidName", message));
    }
    Ok(Some(name))
}

pub(super) fn machine_arn(call: &Call, name: &str) -> String {
    call.arn("states", &format!("stateMachine:{name}"))
}

/// The name of the machine that a member names by ARN, of the call's account and region.
pub(super) fn machine(call: &Call, member: &str) -> Result<String, ApiError> {
    let fields = call.fields();
    let text = fields.required_text(member, ARN)?;
    let resource = resource(text)?;
    let name = resource
        .strip_prefix("stateMachine:")
        .ok_or_else(|| wrong_type(resource))?;
    if machine_arn(call, name) != text {
        return Err(no_machine(text));
    }
    Ok(name.to_owned())
}

/// Machine and name of the execution that a member names by ARN, of the call's account and region.
pub(super) fn execution(call: &Call) -> Result<(String, String), ApiError> {
    let fields = call.fields();
    let text = fields.required_text("executionArn", ARN)?;
    let resource = resource(text)?;
    let tail = resource
        .strip_prefix("execution:")
        .ok_or_else(|| wrong_type(resource))?;
    let (machine, name) = tail.split_once(':').ok_or_else(|| no_execution(text))?;
    if execution_arn(call, machine, name) != text {
        return Err(no_execution(text));
    }
    Ok((machine.to_owned(), name.to_owned()))
}

pub(super) fn execution_arn(call: &Call, machine: &str, name: &str) -> String {
    call.arn("states", &format!("execution:{machine}:{name}"))
}

fn resource(text: &str) -> Result<&str, ApiError> {
    let states = Arn::parse(text).is_some_and(|arn| arn.service == "states");
    let resource = text.splitn(6, ':').nth(5).filter(|_| states);
    resource.ok_or_else(|| {
        let message = format!("Invalid Arn: 'Invalid ARN prefix: {}'", echo(text));
        ApiError::new("InvalidArn", message)
    })
}

fn wrong_type(resource: &str) -> ApiError {
    let kind = resource.split(':').next().unwrap_or_default();
    let message = format!(
        "Invalid Arn: 'Resource type not valid in this context: {}'",
        echo(kind)
    );
    ApiError::new("InvalidArn", message)
}

pub(super) fn no_machine(arn: &str) -> ApiError {
    let message = format!("State Machine Does Not Exist: '{}'", echo(arn));
    ApiError::new("StateMachineDoesNotExist", message)
}

pub(super) fn no_execution(arn: &str) -> ApiError {
    let message = format!("Execution Does Not Exist: '{}'", echo(arn));
    ApiError::new("ExecutionDoesNotExist", message)
}

/// The exception for an input that an execution refused.
pub(crate) fn refused(rejection: Rejection) -> ApiError {
    match rejection {
        Rejection::Conflict { code, message } if !code.is_empty() => ApiError::new(code, message),
        Rejection::NotFound { .. } => {
            ApiError::new("TaskDoesNotExist", "Task Does Not Exist: 'Invalid token'")
        }
        other => ApiError::validation(other.to_string()),
    }
}

/// Refuses members that mean something which this server does not do.
pub(super) fn refuse(fields: &Fields<'_>, members: &[(&str, &str)]) -> Result<(), ApiError> {
    for (member, why) in members {
        let given = fields
            .raw(member)
            .is_some_and(|value| value != &serde_json::Value::Bool(false) && !value.is_null());
        if given {
            return Err(ApiError::validation(format!("`{member}`: {why}")));
        }
    }
    Ok(())
}

/// Why there are no versions.
pub(super) const NO_VERSIONS: &str =
    "this server keeps no versions of state machines, leave it out";
