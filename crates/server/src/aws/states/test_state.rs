//! `TestState`: one state by itself, with what its work brings or would bring.
//!
//! A Task without a mock is really done: its call is an execution of its own, of a machine with nothing but the Task. A
//! call of a web API is made at once, so that it can be shown.

use engine::views::machines::trial::{self, Mock, Report, Trial, Tried};
use engine::views::machines::{self, Context, MachineType, Start, Status, single};
use model::effect::HttpCall;
use model::{AggregateId, Rejection};
use ports::connection::Traced;
use serde_json::{Map, Value, json};

use super::machines as stored;
use super::mocks::{self, Mode};
use super::start_execution::{self, INPUT, check_input};
use crate::call::{Answer, Call, Reply};
use crate::decode::{Fields, Text};
use crate::error::{ApiError, echo};

const DEFINITION: Text = Text::length(1, 1_048_576);
/// States entered in a trial: one.
const BUDGET: u32 = 1;
/// What a context object may hold.
const CONTEXT: [(&str, &[&str]); 4] = [
    (
        "Execution",
        &[
            "Id",
            "Input",
            "Name",
            "RoleArn",
            "StartTime",
            "RedriveCount",
            "RedriveTime",
        ],
    ),
    ("StateMachine", &["Id", "Name"]),
    ("State", &["EnteredTime", "Name", "RetryCount"]),
    ("Task", &["Token"]),
];

/// A request, read as far as it can be without looking at the state.
struct Asked {
    machine: machines::StateMachine,
    at: (usize, usize),
    kind: &'static str,
    inspects: bool,
    traces: bool,
    reveals: bool,
    role: Option<String>,
    input: String,
    variables: Map<String, Value>,
    context: Option<Value>,
    mock: Option<(Mock, Mode)>,
    retried: u64,
    failures: Option<u64>,
    read: Option<Value>,
}

pub(super) async fn handle(call: Call) -> Answer {
    let asked = read(&call.fields())?;
    require_fit(&asked)?;
    let trial = trial(&call, &asked);
    let cx = Context {
        id: call.handle().new_id(),
        scope: call.scope.clone(),
        at: call.handle().now(),
        entropy: call.handle().entropy(),
        budget: BUDGET,
        definitions: std::sync::Arc::default(),
    };
    let machine = asked.machine.clone();
    let tried = trial::try_state(machine.clone(), trial.clone(), &cx).map_err(refused)?;
    let mut traced = None;
    let report = match tried {
        Tried::Ended(report) => report,
        Tried::Needs {
            resource,
            arguments,
            role,
            web,
        } => {
            let mock = match web {
                Some(web) => {
                    let seen = over_web(&call, *web, asked.reveals).await?;
                    trial::answered(traced.insert(seen).outcome.clone())
                }
                None => done(&call, (&trial.start, role), (&resource, &arguments)).await?,
            };
            let trial = Trial {
                mock: Some(mock),
                ..trial
            };
            match trial::try_state(machine, trial, &cx).map_err(refused)? {
                Tried::Ended(report) => report,
                Tried::Needs { .. } => {
                    return Err(ApiError::internal("a trial asks for its call again"));
                }
            }
        }
    };
    let mut body = shown(report, asked.inspects);
    if let Some(traced) = traced.filter(|_| asked.traces) {
        for (member, seen) in [("request", traced.request), ("response", traced.response)] {
            if let Some(seen) = seen {
                body["inspectionData"][member] = seen;
            }
        }
    }
    Ok(Reply::ok(body))
}

/// Calls a web API. Nothing depends on a trial, so nothing of it is stored: what the connection adds is shown to the
/// caller at most.
async fn over_web(call: &Call, web: HttpCall, reveal: bool) -> Result<Traced, ApiError> {
    let Some(door) = &call.state.config().authorizer else {
        return Err(ApiError::internal("this process calls no web APIs"));
    };
    Ok(door.trace(web, reveal).await)
}

fn refused(rejection: Rejection) -> ApiError {
    ApiError::validation(rejection.to_string())
}

fn read(fields: &Fields<'_>) -> Result<Asked, ApiError> {
    let level = fields.one_of("inspectionLevel", &["INFO", "DEBUG", "TRACE"])?;
    let mock = mock(fields)?;
    if fields.boolean("revealSecrets")? == Some(true) && mock.is_some() {
        return Err(ApiError::validation(
            "TestState does not support RevealSecrets when a mock is specified.",
        ));
    }
    let (machine, at) = located(fields)?;
    let input = fields.text("input", INPUT)?.unwrap_or("{}").to_owned();
    check_input(&input)?;
    let config = fields.object("stateConfiguration")?;
    let number = |name: &str| match &config {
        None => Ok(None),
        Some(config) => config
            .integer(name, 0, i64::from(i32::MAX))
            .map(|number| number.and_then(|number| u64::try_from(number).ok())),
    };
    Ok(Asked {
        kind: single::kind(&machine, at),
        machine,
        at,
        inspects: matches!(level, Some("DEBUG" | "TRACE")),
        traces: level == Some("TRACE"),
        reveals: fields.boolean("revealSecrets")? == Some(true),
        role: stored::role(fields)?,
        input,
        variables: object(fields, "variables")?.unwrap_or_default(),
        context: context(fields)?,
        mock,
        retried: number("retrierRetryCount")?.unwrap_or(0),
        failures: number("mapIterationFailureCount")?,
        read: config.as_ref().map_or(Ok(None), read_by)?,
    })
}

/// What an `ItemReader` would have read.
fn read_by(config: &Fields<'_>) -> Result<Option<Value>, ApiError> {
    let Some(text) = config.text("mapItemReaderData", INPUT)? else {
        return Ok(None);
    };
    let bad = |_| ApiError::validation("`mapItemReaderData` must be JSON text");
    serde_json::from_str(text).map(Some).map_err(bad)
}

/// The machine around the state, and where it is.
fn located(fields: &Fields<'_>) -> Result<(machines::StateMachine, (usize, usize)), ApiError> {
    let text = fields.required_text("definition", DEFINITION)?;
    let name = fields.text("stateName", Text::length(1, 80))?;
    let around = single::wrapped(text);
    let text = around.as_deref().unwrap_or(text);
    let parsed = machines::admit(text, MachineType::Standard, stored::CALLS);
    let machine = parsed.map_err(|mut problems| {
        let prefix = format!("/States/{}", single::NAME);
        for problem in problems.iter_mut().filter(|_| around.is_some()) {
            // The caller knows nothing of the machine around the state.
            let place = problem.location.take().map(|place| {
                let inner = place.strip_prefix(&prefix).unwrap_or(&place).to_owned();
                if inner.is_empty() {
                    "/".to_owned()
                } else {
                    inner
                }
            });
            problem.location = place;
        }
        stored::invalid(&problems)
    })?;
    let name = match (name, around.is_some()) {
        (None, true) => single::NAME,
        (Some(name), false) => name,
        (None, false) => {
            let message = "`stateName` must say which state of the definition is to be tested";
            return Err(ApiError::validation(message));
        }
        (Some(_), true) => {
            let message = "`stateName` belongs to a whole definition: leave it out for one state";
            return Err(ApiError::validation(message));
        }
    };
    match single::locate(&machine, name) {
        Some(at) => Ok((machine, at)),
        None => Err(ApiError::validation(format!(
            "the definition has no state `{}`",
            echo(name)
        ))),
    }
}

/// An object that comes as JSON text.
fn object(fields: &Fields<'_>, member: &str) -> Result<Option<Map<String, Value>>, ApiError> {
    let Some(text) = fields.text(member, INPUT)? else {
        return Ok(None);
    };
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(Some(object)),
        _ => Err(ApiError::validation(format!(
            "`{member}` must be the JSON text of an object"
        ))),
    }
}

fn context(fields: &Fields<'_>) -> Result<Option<Value>, ApiError> {
    let Some(given) = object(fields, "context")? else {
        return Ok(None);
    };
    let bad =
        |what: String| ApiError::validation(format!("Invalid Context object provided: {what}"));
    for (name, held) in &given {
        if name == "Map" {
            let what = "'Map' field is not supported when mocking a Context object";
            return Err(bad(what.to_owned()));
        }
        let known = CONTEXT.iter().find(|(known, _)| known == name);
        let not_allowed = |name: &str| bad(format!("Field '{}' is not allowed", echo(name)));
        let (_, members) = known.ok_or_else(|| not_allowed(name))?;
        let Some(held) = held.as_object() else {
            return Err(bad(format!("Field '{name}' must be an object")));
        };
        if let Some(other) = held.keys().find(|key| !members.contains(&key.as_str())) {
            return Err(not_allowed(other));
        }
    }
    Ok(Some(Value::Object(given)))
}

fn mock(fields: &Fields<'_>) -> Result<Option<(Mock, Mode)>, ApiError> {
    let Some(given) = fields.object("mock")? else {
        return Ok(None);
    };
    let mode = match given.one_of("fieldValidationMode", &["STRICT", "PRESENT", "NONE"])? {
        Some("PRESENT") => Mode::Present,
        Some("NONE") => Mode::None,
        _ => Mode::Strict,
    };
    let error = given.object("errorOutput")?;
    let mock = match (given.text("result", INPUT)?, error) {
        (Some(text), None) => {
            let result = serde_json::from_str(text);
            let bad = |_| ApiError::validation("`mock.result` must be JSON text");
            Mock::Result(result.map_err(bad)?)
        }
        (None, Some(error)) => Mock::Failed {
            error: error
                .text("error", Text::length(0, 256))?
                .map(str::to_owned),
            cause: error
                .text("cause", Text::length(0, 32_768))?
                .map(str::to_owned),
        },
        _ => {
            let message = "`mock` must have either `result` or `errorOutput`";
            return Err(ApiError::validation(message));
        }
    };
    Ok(Some((mock, mode)))
}

/// What a state of this kind must and must not be given.
fn require_fit(asked: &Asked) -> Result<(), ApiError> {
    let mocks = ["Task", "Map", "Parallel"].contains(&asked.kind);
    match &asked.mock {
        None if asked.failures.is_some() => Err(ApiError::validation(
            "TestState does not support MapIterationFailureCount when a mock is not specified.",
        )),
        None if ["Map", "Parallel"].contains(&asked.kind) => Err(ApiError::new(
            "InvalidDefinition",
            "TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]",
        )),
        None if asked.kind == "Task" && asked.role.is_none() => Err(ApiError::validation(
            "RoleArn must be specified when testing a Task state",
        )),
        Some(_) if !mocks => Err(ApiError::validation(format!(
            "State type '{}' is not supported when a mock is specified",
            asked.kind
        ))),
        Some((Mock::Result(result), mode)) => match single::answered_by(&asked.machine, asked.at) {
            Some((service, operation)) => mocks::check((&service, &operation), result, *mode),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

fn trial(call: &Call, asked: &Asked) -> Trial {
    let (machine, name) = (call.handle().new_id(), call.handle().new_id());
    let arn = |resource: String| call.arn("states", &resource);
    Trial {
        at: asked.at,
        start: Start {
            name: name.to_string(),
            arn: arn(format!("express:{machine}:{name}")),
            machine_arn: arn(format!("stateMachine:{machine}")),
            machine_name: machine.to_string(),
            definition: String::new(),
            revision: None,
            version: None,
            alias: None,
            express: true,
            logging: None,
            tracing: false,
            updated: None,
            trace_header: None,
            role_arn: asked.role.clone().unwrap_or_default(),
            capture: false,
            member: None,
            input: asked.input.clone(),
        },
        variables: asked.variables.clone(),
        context: asked.context.clone(),
        mock: asked.mock.clone().map(|(mock, _)| mock),
        retried: asked.retried,
        failures: asked.failures,
        read: asked.read.clone(),
    }
}

/// Does a Task's call, as an execution of an Express machine with nothing but that.
async fn done(
    call: &Call,
    (start, role_arn): (&Start, String),
    (resource, arguments): (&str, &Value),
) -> Result<Mock, ApiError> {
    let task = json!({"Type": "Task", "Resource": resource, "End": true});
    let start = Start {
        definition: json!({"StartAt": "Test", "States": {"Test": task}}).to_string(),
        role_arn,
        input: arguments.to_string(),
        ..start.clone()
    };
    let id = AggregateId::execution_of(&call.scope, &start.machine_arn, &start.name);
    let execution = start_execution::to_end(call, id, start).await?;
    let (error, cause) = execution.failure();
    let output = execution.output().map(serde_json::from_str);
    match (execution.status(), output) {
        (Status::Succeeded, Some(Ok(result))) => Ok(Mock::Result(result)),
        _ => Ok(Mock::Failed {
            error: error.map(str::to_owned),
            cause: cause.map(str::to_owned),
        }),
    }
}

fn shown(report: Report, inspects: bool) -> Value {
    let mut body = json!({"status": report.status});
    for (member, text) in [
        ("output", report.output),
        ("error", report.error),
        ("cause", report.cause),
        ("nextState", report.next),
    ] {
        if let Some(text) = text {
            body[member] = text.into();
        }
    }
    if inspects {
        let notes = report.notes.into_iter().map(|(name, value)| {
            let plain = name == "errorDetails" || name == "maxConcurrency";
            let value = if plain || name.starts_with("toleratedFailure") {
                value
            } else {
                Value::String(value.to_string())
            };
            (name, value)
        });
        body["inspectionData"] = notes.collect();
    }
    body
}
