//! What can be said of a target before any event comes. The words are AWS's where AWS has words for it.

use bus::delivery::queue_url;
use model::Scope;
use model::arn::Arn;
use model::bus::Target;
use rules::transform;
use serde_json::{Map, Value};

use super::destination::{Destination, destination};
use crate::deliver::target_input;

/// What is wrong with a target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetFault {
    /// The whole request is refused.
    #[error("{0}")]
    Request(String),
    /// Only this target is refused: it would be right for another server, or for AWS.
    #[error("{0}")]
    Entry(String),
}

/// Checks all that a target says about itself, for a rule of `scope`.
///
/// # Errors
/// [`TargetFault`], with the message for the caller.
pub fn check(target: &Target, scope: &Scope) -> Result<(), TargetFault> {
    let invalid = TargetFault::Request;
    target_input(target).map_err(|error| {
        invalid(if error.ends_with('.') {
            error
        } else {
            format!("Target {}: {error}.", target.id)
        })
    })?;
    check_role(target)?;
    check_dead_letter(target, scope)?;
    let destination = destination(&target.arn);
    check_parameters(target, &destination)?;
    check_place(target, &destination, scope)
}

fn not_valid(parameter: &str, reason: &str) -> String {
    format!("Parameter {parameter} is not valid. Reason: {reason}")
}

fn check_role(target: &Target) -> Result<(), TargetFault> {
    let Some(role) = &target.role_arn else {
        return Ok(());
    };
    let is_role = Arn::parse(role).is_some_and(|arn| {
        arn.service == "iam" && arn.tail("role").is_some_and(|name| !name.is_empty())
    });
    if is_role {
        return Ok(());
    }
    let reason = "it must be the ARN of a role, arn:aws:iam::<account>:role/<name>.";
    Err(TargetFault::Request(not_valid("RoleArn", reason)))
}

fn check_dead_letter(target: &Target, scope: &Scope) -> Result<(), TargetFault> {
    let config = target.rest.get("DeadLetterConfig");
    let Some(text) = config.and_then(|config| config.get("Arn")?.as_str()) else {
        return Ok(());
    };
    let refuse = |reason: &str| {
        Err(TargetFault::Request(not_valid(
            "DeadLetterConfig.Arn",
            reason,
        )))
    };
    let Some(arn) = Arn::parse(text) else {
        return refuse("Provided Arn is not in correct format.");
    };
    if queue_url(&arn).is_none() || !matches!(destination(text), Destination::Queue(_)) {
        return refuse("it must be the ARN of an SQS queue.");
    }
    if arn.resource.ends_with(".fifo") {
        return refuse("a FIFO queue cannot take dead letters, use a standard queue.");
    }
    if arn.region != scope.region {
        let reason = format!("the queue must be in the rule's region {}.", scope.region);
        return refuse(&reason);
    }
    Ok(())
}

fn check_parameters(target: &Target, destination: &Destination) -> Result<(), TargetFault> {
    let given = |group: &str, name: &str| target.rest.get(group)?.get(name)?.as_str();
    let group = given("SqsParameters", "MessageGroupId");
    if let Destination::Queue(arn) = destination
        && arn.resource.ends_with(".fifo")
        && group.is_none_or(str::is_empty)
    {
        return Err(TargetFault::Request(format!(
            "Parameter(s) SqsParameters must be specified for target: {}.",
            target.id
        )));
    }
    let key = given("KinesisParameters", "PartitionKeyPath");
    let paths = [
        ("SqsParameters.MessageGroupId", group),
        ("KinesisParameters.PartitionKeyPath", key),
    ];
    let http = http_values(target).map(|value| ("HttpParameters", Some(value)));
    for (name, path) in paths.into_iter().chain(http) {
        let path = path.filter(|path| path.starts_with('$'));
        let read = path.map(|path| transform::look_up(path, &Value::Null));
        if let Some(Err(error)) = read {
            return Err(TargetFault::Request(not_valid(name, &format!("{error}."))));
        }
    }
    Ok(())
}

/// All values of a target's `HttpParameters`.
fn http_values(target: &Target) -> impl Iterator<Item = &str> {
    let groups = target.rest.get("HttpParameters").and_then(Value::as_object);
    let groups = groups.into_iter().flat_map(Map::values);
    let values = groups.flat_map(|group| match group {
        Value::Array(list) => list.iter().collect(),
        Value::Object(map) => map.values().collect(),
        _ => Vec::new(),
    });
    values.filter_map(Value::as_str)
}

/// Whether this server can deliver to the destination from a rule in `scope`.
fn check_place(
    target: &Target,
    destination: &Destination,
    scope: &Scope,
) -> Result<(), TargetFault> {
    let refuse = |reason: String| Err(TargetFault::Entry(not_valid("Arn", &reason)));
    match destination {
        Destination::Unknown => refuse(format!(
            "`{}` is nothing that Quell delivers to; give the ARN of a response plan (ssm-incidents), an automation \
             document (ssm automation-definition), a state machine, function, SQS queue, SNS topic, Kinesis or Firehose \
             stream, event bus, API destination, or log group /aws/events/<name>, or an http(s) address.",
            model::incident::cut(&target.arn, 200)
        )),
        Destination::ResponsePlan(_)
        | Destination::Document
        | Destination::LogGroup(..)
        | Destination::Api(_)
            if Arn::parse(&target.arn).is_none_or(|arn| arn.account != scope.account) =>
        {
            refuse(format!("this server's account is {}.", scope.account))
        }
        Destination::Document | Destination::LogGroup(..) | Destination::Api(_)
            if Arn::parse(&target.arn).is_none_or(|arn| arn.region != scope.region) =>
        {
            let what = match destination {
                Destination::Document => "document",
                Destination::LogGroup(..) => "log group",
                _ => "API destination",
            };
            refuse(format!(
                "the {what} must be in the rule's region {}.",
                scope.region
            ))
        }
        Destination::Topic(arn) if arn.resource.ends_with(".fifo") => {
            refuse("a FIFO topic cannot be a target.".to_owned())
        }
        Destination::Bus(..) if target.has_own_input() => refuse(
            "an event bus gets the event as it is: leave Input, InputPath and InputTransformer out.".to_owned(),
        ),
        _ => Ok(()),
    }
}
