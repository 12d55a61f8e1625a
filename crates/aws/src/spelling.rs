//! Names in PascalCase for every service, as Step Functions spells parameters and answers.
//!
//! Guided by the model: members of structures are renamed, keys of maps and documents are data and stay. Source: Step
//! Functions developer guide, "Passing parameters to a service API": names are in PascalCase even where the service's own
//! API is in camelCase. Knows nothing of state machines.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::model::{Ref, Service, Shape, catalog};

/// Deeper values are left as they are.
const MAX_DEPTH: usize = 100;

/// Parameters in PascalCase, in the spelling of the operation's model. A name that the model has stays; one that differs
/// from a member in case only becomes that member; any other stays, for the check of parameters to name. What is known of
/// no model is left as it is.
#[must_use]
pub fn to_members(service: &str, operation: &str, params: Value) -> Value {
    let Ok(service) = catalog().service(service) else {
        return params;
    };
    match service
        .operation(operation)
        .and_then(|operation| operation.input.as_ref())
    {
        Some(input) => members(&service, input, params, 0),
        None => params,
    }
}

/// An answer in the spelling of the operation's model, in PascalCase. With `millis`, instants become milliseconds since
/// 1970.
#[must_use]
pub fn to_pascal(service: &str, operation: &str, answer: Value, millis: bool) -> Value {
    let Ok(service) = catalog().service(service) else {
        return answer;
    };
    match service
        .operation(operation)
        .and_then(|operation| operation.output.as_ref())
    {
        Some(output) => pascal(&service, (output, millis), answer, 0),
        None => answer,
    }
}

fn members(service: &Service, target: &Ref, value: Value, depth: usize) -> Value {
    if depth > MAX_DEPTH {
        return value;
    }
    match (service.shape(target), value) {
        (Shape::Structure(structure), Value::Object(given)) if !structure.document => {
            let mut named = Map::new();
            for (key, value) in given {
                let exact = structure.member(&key);
                let member = exact.or_else(|| {
                    let mut all = structure.members.iter();
                    all.find(|member| member.name.eq_ignore_ascii_case(&key))
                });
                match member {
                    // Given twice, the exact name counts.
                    Some(member) if exact.is_none() && named.contains_key(member.name) => {}
                    Some(member) => {
                        let value = members(service, &member.target, value, depth + 1);
                        named.insert(member.name.to_owned(), value);
                    }
                    None => {
                        named.insert(key, value);
                    }
                }
            }
            Value::Object(named)
        }
        (Shape::List { member, .. }, Value::Array(items)) => {
            let items = items.into_iter();
            items
                .map(|item| members(service, member, item, depth + 1))
                .collect()
        }
        (Shape::Map { value: target, .. }, Value::Object(entries)) => {
            let entries = entries.into_iter();
            let entries =
                entries.map(|(key, value)| (key, members(service, target, value, depth + 1)));
            Value::Object(entries.collect())
        }
        // What is a text or bytes for the service may be given as JSON, and is sent as its text.
        (
            Shape::String { .. } | Shape::Blob,
            value @ (Value::Object(_) | Value::Array(_) | Value::Number(_) | Value::Bool(_)),
        ) => value.to_string().into(),
        (_, value) => value,
    }
}

fn pascal(service: &Service, (target, millis): (&Ref, bool), value: Value, depth: usize) -> Value {
    if depth > MAX_DEPTH {
        return value;
    }
    let inner = |target, value| pascal(service, (target, millis), value, depth + 1);
    match (service.shape(target), value) {
        (Shape::Structure(structure), Value::Object(given)) if !structure.document => {
            let named = given
                .into_iter()
                .map(|(key, value)| match structure.member(&key) {
                    Some(member) => (capital(&key), inner(&member.target, value)),
                    None => (key, value),
                });
            Value::Object(named.collect())
        }
        (Shape::List { member, .. }, Value::Array(items)) => {
            items.into_iter().map(|item| inner(member, item)).collect()
        }
        (Shape::Map { value: target, .. }, Value::Object(entries)) => {
            let entries = entries
                .into_iter()
                .map(|(key, value)| (key, inner(target, value)));
            Value::Object(entries.collect())
        }
        (Shape::Timestamp, value) if millis => in_millis(value),
        (_, value) => value,
    }
}

/// A name with its first letter in upper case.
pub(crate) fn capital(name: &str) -> String {
    let mut chars = name.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}

/// An instant as answers carry it (a text, or seconds), in milliseconds; what is none stays.
fn in_millis(value: Value) -> Value {
    let text = value
        .as_str()
        .and_then(|text| text.parse::<Timestamp>().ok());
    #[expect(
        clippy::cast_possible_truncation,
        reason = "instants in milliseconds are below 2^53"
    )]
    let seconds = || {
        value
            .as_f64()
            .map(|seconds| (seconds * 1000.0).round() as i64)
    };
    match text.map(Timestamp::as_millisecond).or_else(seconds) {
        Some(millis) => millis.into(),
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn parameters_get_the_names_of_the_model() {
        for (service, operation, given, wanted) in [
            (
                "ecs",
                "RunTask",
                json!({
                    "Cluster": "c", "TaskDefinition": "t", "EnableECSManagedTags": true,
                    "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": ["s"]}},
                    "Overrides": {"ContainerOverrides": [{"Name": "n", "Environment": [{"Name": "A", "Value": "B"}]}]},
                }),
                json!({
                    "cluster": "c", "taskDefinition": "t", "enableECSManagedTags": true,
                    "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"]}},
                    "overrides": {"containerOverrides": [{"name": "n", "environment": [{"name": "A", "value": "B"}]}]},
                }),
            ),
            // Keys of maps are data.
            (
                "batch",
                "SubmitJob",
                json!({"JobName": "j", "Parameters": {"Input": "x"}, "Tags": {"Team": "soc"}}),
                json!({"jobName": "j", "parameters": {"Input": "x"}, "tags": {"Team": "soc"}}),
            ),
            (
                "s3",
                "PutObject",
                json!({"Acl": "private", "Bucket": "b"}),
                json!({"ACL": "private", "Bucket": "b"}),
            ),
            ("ecs", "RunTask", json!({"Colour": 1}), json!({"Colour": 1})),
            (
                "ecs",
                "RunTask",
                json!({"Cluster": "other", "cluster": "exact"}),
                json!({"cluster": "exact"}),
            ),
            ("no-service", "X", json!({"A": 1}), json!({"A": 1})),
        ] {
            assert_eq!(
                to_members(service, operation, given),
                wanted,
                "{service} {operation}"
            );
        }
    }

    #[test]
    fn what_is_a_text_for_the_service_may_be_given_as_json() {
        for (service, operation, given, wanted) in [
            (
                "stepfunctions",
                "StartExecution",
                json!({"StateMachineArn": "a", "Input": {"n": [1, null]}}),
                json!({"stateMachineArn": "a", "input": "{\"n\":[1,null]}"}),
            ),
            ("s3", "PutObject", json!({"Body": 0}), json!({"Body": "0"})),
            (
                "s3",
                "PutObject",
                json!({"Body": true, "Key": "k", "ContentLength": 4}),
                json!({"Body": "true", "Key": "k", "ContentLength": 4}),
            ),
            (
                "s3",
                "PutObject",
                json!({"Body": null}),
                json!({"Body": null}),
            ),
            (
                "dynamodb",
                "PutItem",
                json!({"Item": {"n": {"N": 5}, "b": {"BOOL": true}}}),
                json!({"Item": {"n": {"N": "5"}, "b": {"BOOL": true}}}),
            ),
        ] {
            assert_eq!(to_members(service, operation, given), wanted, "{operation}");
        }
    }

    #[test]
    fn answers_get_capitals_and_instants_in_milliseconds() {
        let answer = json!({
            "tasks": [{"taskArn": "t", "createdAt": "2026-01-01T00:00:00.5Z", "containers": [{"exitCode": 0}]}],
            "ResponseMetadata": {"HTTPStatusCode": 200},
        });
        let wanted = json!({
            "Tasks": [{"TaskArn": "t", "CreatedAt": 1_767_225_600_500_i64, "Containers": [{"ExitCode": 0}]}],
            "ResponseMetadata": {"HTTPStatusCode": 200},
        });
        assert_eq!(
            to_pascal("ecs", "DescribeTasks", answer.clone(), true),
            wanted
        );
        let texts = to_pascal("ecs", "DescribeTasks", answer, false);
        assert_eq!(texts["Tasks"][0]["CreatedAt"], "2026-01-01T00:00:00.5Z");
        let item = json!({"Item": {"team": {"S": "soc"}}});
        assert_eq!(to_pascal("dynamodb", "GetItem", item.clone(), true), item);
    }
}
