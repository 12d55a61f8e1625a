//! Names and ARNs of state machines and executions, and the exceptions for those that are not there.

use model::Rejection;
use model::arn::Arn;
use uuid::Uuid;

use crate::call::Call;
use crate::decode::{Fields, Text};
use crate::error::{ApiError, echo};

/// An ARN.
pub(crate) const ARN: Text = Text::length(1, 2000);
/// A name, before its characters are looked at.
const NAME: Text = Text::length(1, 80);
/// Characters that no name has.
const FORBIDDEN: &str = "<>{}[]?*\"#%\\^|~`$&,;:/";

/// The name in a member, checked.
pub(super) fn name<'a>(fields: &Fields<'a>) -> Result<Option<&'a str>, ApiError> {
    named(fields, "name")
}

/// A name in any member, checked.
pub(super) fn named<'a>(fields: &Fields<'a>, member: &str) -> Result<Option<&'a str>, ApiError> {
    let Some(name) = fields.text(member, NAME)? else {
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
    model::state_machine::machine_arn(&call.scope, name)
}

/// A state machine's name in an ARN, with what stands behind it: a version's number or an alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(super) name: String,
    pub(super) qualifier: Option<String>,
}

impl Place {
    /// The number, if the qualifier is a version.
    pub(super) fn version(&self) -> Option<u32> {
        let qualifier = self.qualifier.as_deref()?;
        let digits = qualifier.bytes().all(|byte| byte.is_ascii_digit());
        qualifier.parse().ok().filter(|_| digits)
    }

    /// The name, if the qualifier is an alias: one that holds more than digits.
    pub(super) fn alias(&self) -> Option<&str> {
        let qualifier = self.qualifier.as_deref()?;
        let digits = qualifier.bytes().all(|byte| byte.is_ascii_digit());
        (!digits).then_some(qualifier)
    }

    pub(super) fn arn(&self, call: &Call) -> String {
        let arn = machine_arn(call, &self.name);
        match &self.qualifier {
            Some(qualifier) => format!("{arn}:{qualifier}"),
            None => arn,
        }
    }
}

/// The machine, version or alias in a text, of the call's account and region.
pub(super) fn parse_place(call: &Call, text: &str) -> Result<Place, ApiError> {
    let resource = resource(text)?;
    let tail = resource
        .strip_prefix("stateMachine:")
        .ok_or_else(|| wrong_type(resource))?;
    let (name, qualifier) = match tail.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier.to_owned())),
        None => (tail, None),
    };
    let place = Place {
        name: name.to_owned(),
        qualifier,
    };
    if place.arn(call) != text {
        return Err(no_machine(text));
    }
    Ok(place)
}

/// The machine, version or alias that a member names by ARN.
pub(crate) fn place(call: &Call, member: &str) -> Result<Place, ApiError> {
    parse_place(call, call.fields().required_text(member, ARN)?)
}

/// What has tags.
pub(super) enum Tagged {
    /// A machine, by name.
    Machine(String),
    /// An activity, by name.
    Activity(String),
}

/// The resource with tags that `resourceArn` names.
pub(super) fn tagged(call: &Call) -> Result<Tagged, ApiError> {
    let text = call.fields().required_text("resourceArn", ARN)?;
    if resource(text)?.starts_with("activity:") {
        activity(call, "resourceArn").map(Tagged::Activity)
    } else {
        machine(call, "resourceArn").map(Tagged::Machine)
    }
}

/// The name of the activity that a member names by ARN, of the call's account and region.
pub(super) fn activity(call: &Call, member: &str) -> Result<String, ApiError> {
    let fields = call.fields();
    let text = fields.required_text(member, ARN)?;
    let resource = resource(text)?;
    let name = resource
        .strip_prefix("activity:")
        .ok_or_else(|| wrong_type(resource))?;
    if activity_arn(call, name) != text {
        return Err(no_activity(text));
    }
    Ok(name.to_owned())
}

pub(super) fn activity_arn(call: &Call, name: &str) -> String {
    call.arn("states", &format!("activity:{name}"))
}

pub(super) fn no_activity(arn: &str) -> ApiError {
    let message = format!("Activity Does Not Exist: '{}'", echo(arn));
    ApiError::new("ActivityDoesNotExist", message)
}

/// A machine's version by number.
pub(super) fn version_arn(call: &Call, name: &str, number: u32) -> String {
    format!("{}:{number}", machine_arn(call, name))
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
    execution_in(call, fields.required_text("executionArn", ARN)?)
}

/// Machine and name of the execution of an ARN, of the call's account and region.
pub(crate) fn execution_in(call: &Call, text: &str) -> Result<(String, String), ApiError> {
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

/// The id of the map run that a member names by ARN, of the call's account and region.
pub(super) fn map_run(call: &Call) -> Result<(Uuid, String), ApiError> {
    let text = call.fields().required_text("mapRunArn", ARN)?;
    let resource = resource(text)?;
    let tail = resource
        .strip_prefix("mapRun:")
        .ok_or_else(|| wrong_type(resource))?;
    let id = tail.rsplit(':').next().and_then(|id| id.parse().ok());
    let here = call.arn("states", resource) == text;
    match id.filter(|_| here) {
        Some(id) => Ok((id, text.to_owned())),
        None => Err(no_map_run(text)),
    }
}

pub(super) fn no_map_run(arn: &str) -> ApiError {
    let message = format!("Resource not found: '{}'", echo(arn));
    ApiError::new("ResourceNotFound", message)
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

pub(super) fn machine_deleting(arn: &str) -> ApiError {
    let message = format!("State Machine is being deleted: '{}'", echo(arn));
    ApiError::new("StateMachineDeleting", message)
}

pub(super) fn no_execution(arn: &str) -> ApiError {
    let message = format!("Execution Does Not Exist: '{}'", echo(arn));
    ApiError::new("ExecutionDoesNotExist", message)
}

/// The exception for an operation that the machine's type does not have.
pub(super) fn wrong_machine_type() -> ApiError {
    ApiError::new(
        "StateMachineTypeNotSupported",
        "This operation is not supported by this type of state machine",
    )
}

/// The exception for an alias or version that is not there.
pub(super) fn no_resource() -> ApiError {
    ApiError::new(
        "ResourceNotFound",
        "Request references a resource that does not exist.",
    )
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
