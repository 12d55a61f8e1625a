//! What a target outside asks of the world for one event: the whole call, made up when the event is accepted.

use std::collections::BTreeMap;

use bus::delivery::{Request, Undeliverable, queue_url};
use model::arn::Arn;
use model::bus::Target;
use model::effect::{ApiDestinationCall, AssumeRole, AwsCall, LogAppend};
use rules::transform;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::destination::Destination;
use crate::deliver::Arrival;

/// Limit of one attempt, in seconds.
const CALL_SECS: u32 = 30;
/// Longest partition key, in characters.
const PARTITION_KEY: usize = 256;

/// The request for a destination outside this process; `None` for those that are inside.
pub(crate) fn outside(
    arrival: &Arrival<'_>,
    target: &Target,
    (destination, id): (&Destination, Uuid),
    rendered: &str,
) -> Option<Result<Request, Undeliverable>> {
    let made = match destination {
        Destination::StateMachine(arn) => Ok(call(
            (target, arn, id),
            ("stepfunctions", "StartExecution"),
            json!({ "stateMachineArn": target.arn, "name": id, "input": rendered }),
        )),
        Destination::Function(arn) => Ok(call(
            (target, arn, id),
            ("lambda", "Invoke"),
            json!({ "FunctionName": target.arn, "InvocationType": "Event", "Payload": rendered }),
        )),
        Destination::Queue(arn) => message(arrival, (target, arn, id), rendered),
        Destination::Topic(arn) => Ok(call(
            (target, arn, id),
            ("sns", "Publish"),
            json!({ "TopicArn": target.arn, "Message": rendered }),
        )),
        Destination::Stream(arn) => record(arrival, (target, arn, id), rendered),
        Destination::DeliveryStream(arn, name) => Ok(call(
            (target, arn, id),
            ("firehose", "PutRecord"),
            json!({ "DeliveryStreamName": name, "Record": { "Data": rendered } }),
        )),
        Destination::Bus(arn, _) => Ok(foreign_bus(arrival, (target, arn, id))),
        Destination::Api(_) => api_destination(arrival, target, rendered),
        Destination::LogGroup(arn, group) => {
            Ok(log_line(arrival, target, (arn, group, id), rendered))
        }
        Destination::ResponsePlan(_)
        | Destination::Document
        | Destination::Webhook
        | Destination::Unknown => return None,
    };
    Some(made)
}

/// A call in the target's region, under the target's role where it has one.
fn call(
    (target, arn, id): (&Target, &Arn, Uuid),
    (service, operation): (&str, &str),
    params: Value,
) -> Request {
    Request::Aws(AwsCall {
        service: service.to_owned(),
        operation: operation.to_owned(),
        params,
        region: arn.region.clone(),
        assume_role: target.role_arn.as_ref().map(|role_arn| AssumeRole {
            role_arn: role_arn.clone(),
            session_name: format!("events-{id}"),
            ..AssumeRole::default()
        }),
        timeout_secs: CALL_SECS,
        spelling: model::effect::Spelling::default(),
    })
}

fn parameter<'a>(target: &'a Target, group: &str, name: &str) -> Option<&'a str> {
    target.rest.get(group)?.get(name)?.as_str()
}

/// A parameter's text: a JSONPath is looked up in the original event, anything else stands for itself.
fn dynamic(arrival: &Arrival<'_>, text: &str) -> Result<Option<String>, Undeliverable> {
    if !(text == "$" || text.starts_with("$.") || text.starts_with("$[")) {
        return Ok(Some(text.to_owned()));
    }
    let found = transform::look_up(text, arrival.value).map_err(|error| Undeliverable {
        code: "INVALID_PARAMETER".to_owned(),
        message: error.to_string(),
    })?;
    Ok(found.map(|value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    }))
}

fn message(
    arrival: &Arrival<'_>,
    (target, arn, id): (&Target, &Arn, Uuid),
    rendered: &str,
) -> Result<Request, Undeliverable> {
    let invalid = |message: String| Undeliverable {
        code: "INVALID_PARAMETER".to_owned(),
        message,
    };
    let url = queue_url(arn).ok_or_else(|| invalid(format!("`{arn}` is not a queue")))?;
    let mut params = Map::from_iter([
        ("QueueUrl".to_owned(), url.into()),
        ("MessageBody".to_owned(), rendered.into()),
    ]);
    if let Some(group) = parameter(target, "SqsParameters", "MessageGroupId") {
        let group = dynamic(arrival, group)?
            .ok_or_else(|| invalid(format!("the event has nothing at MessageGroupId `{group}`")))?;
        params.insert("MessageGroupId".to_owned(), group.into());
    }
    if arn.resource.ends_with(".fifo") {
        params.insert("MessageDeduplicationId".to_owned(), json!(id));
    }
    let operation = ("sqs", "SendMessage");
    Ok(call((target, arn, id), operation, Value::Object(params)))
}

fn record(
    arrival: &Arrival<'_>,
    (target, arn, id): (&Target, &Arn, Uuid),
    rendered: &str,
) -> Result<Request, Undeliverable> {
    let path = parameter(target, "KinesisParameters", "PartitionKeyPath");
    let key = match path {
        Some(path) => dynamic(arrival, path)?,
        None => None,
    };
    // As on AWS, the event's id is the key where none is configured; it also stands in for one that is not there.
    let key = key.filter(|key| !key.is_empty());
    let key: String = key
        .unwrap_or_else(|| arrival.event.id.clone())
        .chars()
        .take(PARTITION_KEY)
        .collect();
    Ok(call(
        (target, arn, id),
        ("kinesis", "PutRecord"),
        json!({ "StreamARN": target.arn, "Data": rendered, "PartitionKey": key }),
    ))
}

/// An entry for a bus that another account, and so AWS, holds.
fn foreign_bus(arrival: &Arrival<'_>, place: (&Target, &Arn, Uuid)) -> Request {
    let event = arrival.event;
    let detail = arrival.value.get("detail").unwrap_or(&Value::Null);
    let entry = json!({
        "EventBusName": place.0.arn,
        "Source": event.source,
        "DetailType": event.detail_type,
        "Detail": detail.to_string(),
        "Resources": event.resources,
        "Time": event.time,
    });
    call(
        place,
        ("events", "PutEvents"),
        json!({ "Entries": [entry] }),
    )
}

/// A request to an API destination. What goes where in it is data of the event: the performer sees to it that none of it
/// becomes more than a part of a path, a header's value or a parameter.
fn api_destination(
    arrival: &Arrival<'_>,
    target: &Target,
    rendered: &str,
) -> Result<Request, Undeliverable> {
    let parameters = target.rest.get("HttpParameters");
    let group = |name: &str| parameters.and_then(|parameters| parameters.get(name));
    let values = group("PathParameterValues").and_then(Value::as_array);
    let mut path = Vec::new();
    for value in values.into_iter().flatten() {
        let text = value.as_str().unwrap_or_default();
        let found = dynamic(arrival, text)?.ok_or_else(|| Undeliverable {
            code: "INVALID_PARAMETER".to_owned(),
            message: format!("the event has nothing at path parameter `{text}`"),
        })?;
        path.push(found);
    }
    // A header or parameter of which the event has nothing is left out.
    let named = |name: &str| -> Result<BTreeMap<String, String>, Undeliverable> {
        let mut found = BTreeMap::new();
        for (key, value) in group(name).and_then(Value::as_object).into_iter().flatten() {
            if let Some(text) = dynamic(arrival, value.as_str().unwrap_or_default())? {
                found.insert(key.clone(), text);
            }
        }
        Ok(found)
    };
    Ok(Request::ApiDestination(ApiDestinationCall {
        scope: arrival.scope.clone(),
        destination_arn: target.arn.clone(),
        path,
        headers: named("HeaderParameters")?,
        query: named("QueryStringParameters")?,
        body: rendered.to_owned(),
    }))
}

/// A line of a log group. An input of the target's own in the form of a log event says time and text itself.
fn log_line(
    arrival: &Arrival<'_>,
    target: &Target,
    (arn, group, id): (&Arn, &str, Uuid),
    rendered: &str,
) -> Request {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct LogEvent {
        timestamp: i64,
        message: String,
    }
    let own = target
        .has_own_input()
        .then(|| serde_json::from_str::<LogEvent>(rendered));
    let (timestamp, message) = match own {
        Some(Ok(event)) => (event.timestamp, event.message),
        _ => (arrival.now.as_millisecond(), rendered.to_owned()),
    };
    Request::LogEvents(LogAppend {
        id,
        region: arn.region.clone(),
        group: group.to_owned(),
        timestamp,
        message,
    })
}
