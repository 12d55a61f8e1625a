//! Which parameters a call has, and which it must be given, in the names that Step Functions has for them: those of the
//! model with a capital, at every level.
//!
//! Source: Step Functions developer guide, "Passing parameters to a service API", and messages of the service: it names
//! the first member that it does not know, and goes into lists and structures for that.

use serde_json::{Map, Value};

use crate::model::{Ref, Service, Shape, Structure, catalog};
use crate::spelling::capital;

/// Deeper values are not looked at.
const MAX_DEPTH: usize = 100;

/// The parameters that a call must be given; none where no model knows it. A token that the client makes where there is
/// none is not asked for.
#[must_use]
pub fn required(service: &str, operation: &str) -> Vec<String> {
    let Ok(service) = catalog().service(service) else {
        return Vec::new();
    };
    let Some(structure) = input(&service, operation).and_then(|input| service.structure(input))
    else {
        return Vec::new();
    };
    let asked = structure
        .members
        .iter()
        .filter(|member| member.required && !member.target.traits().idempotency_token);
    asked.map(|member| capital(member.name)).collect()
}

/// The first member of parameters that the call does not have; nothing where no model knows the call. Only names are
/// looked at.
#[must_use]
pub fn foreign(service: &str, operation: &str, params: &Value) -> Option<String> {
    let service = catalog().service(service).ok()?;
    let input = input(&service, operation)?;
    within(&service, input, params, 0)
}

fn input<'a>(service: &'a Service, operation: &str) -> Option<&'a Ref> {
    service.operation(operation)?.input.as_ref()
}

fn within(service: &Service, target: &Ref, value: &Value, depth: usize) -> Option<String> {
    if depth > MAX_DEPTH {
        return None;
    }
    match (service.shape(target), value) {
        (Shape::Structure(structure), Value::Object(given)) if !structure.document => {
            of_structure(service, structure, given, depth)
        }
        (Shape::List { member, .. }, Value::Array(items)) => {
            let mut items = items.iter();
            items.find_map(|item| within(service, member, item, depth + 1))
        }
        // Keys of a map are data.
        (Shape::Map { value: target, .. }, Value::Object(entries)) => {
            let mut values = entries.values();
            values.find_map(|value| within(service, target, value, depth + 1))
        }
        _ => None,
    }
}

fn of_structure(
    service: &Service,
    structure: &Structure,
    given: &Map<String, Value>,
    depth: usize,
) -> Option<String> {
    given.iter().find_map(|(key, value)| {
        // Beyond the first letter the SDKs differ: `ACL` is `Acl` in one of them.
        let mut members = structure.members.iter();
        let member = members.find(|member| member.name.eq_ignore_ascii_case(key));
        match member {
            Some(member) if !key.starts_with(|first: char| first.is_ascii_lowercase()) => {
                within(service, &member.target, value, depth + 1)
            }
            _ => Some(key.clone()),
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_must_be_given_is_told_in_capitals() {
        for (service, operation, wanted) in [
            ("sqs", "SendMessage", &["QueueUrl", "MessageBody"][..]),
            ("ecs", "RunTask", &["TaskDefinition"]),
            ("stepfunctions", "StartExecution", &["StateMachineArn"]),
            ("sns", "Publish", &["Message"]),
            // The model requires a token, too.
            ("emr-containers", "StartJobRun", &["VirtualClusterId"]),
            ("sqs", "NoSuchCall", &[]),
            ("no-service", "SendMessage", &[]),
        ] {
            assert_eq!(
                required(service, operation),
                wanted,
                "{service} {operation}"
            );
        }
    }

    #[test]
    fn the_first_name_that_the_call_does_not_have_is_told() {
        let tags = |key: &str| json!({"TrainingJobName": "t", "Tags": [{key: "k", "value": "v"}]});
        let overrides = |key: &str| json!({"Overrides": {"ContainerOverrides": [{key: []}]}});
        for (service, operation, params, wanted) in [
            (
                "sqs",
                "SendMessage",
                json!({"QueueUrl": 1, "Delay": 2, "Colour": 3}),
                Some("Delay"),
            ),
            (
                "sqs",
                "SendMessage",
                json!({"MessageBody": {"any": "thing"}}),
                None,
            ),
            ("sagemaker", "CreateTrainingJob", tags("key"), Some("key")),
            ("sagemaker", "CreateTrainingJob", tags("Key"), Some("value")),
            ("ecs", "RunTask", overrides("Environment"), None),
            (
                "ecs",
                "RunTask",
                overrides("environment"),
                Some("environment"),
            ),
            (
                "ecs",
                "RunTask",
                json!({"EnableEcsManagedTags": true}),
                None,
            ),
            (
                "sns",
                "Publish",
                json!({"MessageAttributes": {"a": {"Type": "String"}}}),
                Some("Type"),
            ),
            (
                "dynamodb",
                "PutItem",
                json!({"Item": {"a": {"M": {"b": {"SS": []}}}}}),
                None,
            ),
            (
                "dynamodb",
                "PutItem",
                json!({"Item": {"a": {"M": {"b": {"X": 1}}}}}),
                Some("X"),
            ),
            ("sqs", "NoSuchCall", json!({"Any": 1}), None),
            ("no-service", "X", json!({"Any": 1}), None),
            ("sqs", "SendMessage", json!("a text"), None),
        ] {
            let found = foreign(service, operation, &params);
            assert_eq!(found.as_deref(), wanted, "{service} {operation} {params}");
        }
    }
}
