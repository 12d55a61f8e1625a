//! What those get who are told how an invocation ended: the record, or for a dead-letter queue the event itself.

use jiff::Timestamp;
use model::arn::Arn;
use model::effect::AwsCall;
use model::{Context, EffectCommand};
use serde_json::{Value, json};

use super::ending::Ending;
use super::{Invocation, Telling};
use crate::delivery::queue_url;

/// Limit of one attempt, in seconds.
const CALL_SECS: u32 = 30;

/// The command that tells one; `None` where its ARN is nothing that can be told.
pub(super) fn command(
    invocation: &Invocation,
    telling: &Telling,
    cx: &Context,
) -> Option<EffectCommand> {
    let ending = invocation.ending.as_ref()?;
    let arn = Arn::parse(&telling.to)?;
    let (text, attributes) = if telling.dead_letter {
        let attributes = attributes(ending, cx);
        (invocation.start.payload.clone(), Some(attributes))
    } else {
        (record(invocation, ending, cx).to_string(), None)
    };
    let (service, operation, params) = match arn.service.as_str() {
        "sqs" => {
            let mut params = json!({ "QueueUrl": queue_url(&arn)?, "MessageBody": text });
            if let Some(attributes) = attributes {
                params["MessageAttributes"] = attributes;
            }
            if arn.resource.ends_with(".fifo") {
                params["MessageGroupId"] = json!(cx.id);
                params["MessageDeduplicationId"] = json!(cx.id);
            }
            ("sqs", "SendMessage", params)
        }
        "sns" => {
            let mut params = json!({ "TopicArn": telling.to, "Message": text });
            if let Some(attributes) = attributes {
                params["MessageAttributes"] = attributes;
            }
            ("sns", "Publish", params)
        }
        "lambda" => {
            let params =
                json!({ "FunctionName": telling.to, "InvocationType": "Event", "Payload": text });
            ("lambda", "Invoke", params)
        }
        "events" => {
            arn.tail("event-bus")?;
            let outcome = if ending.succeeded() {
                "Success"
            } else {
                "Failure"
            };
            let entry = json!({
                "EventBusName": telling.to,
                "Source": "lambda",
                "DetailType": format!("Lambda Function Invocation Result - {outcome}"),
                "Resources": [telling.to, invocation.start.version_arn],
                "Detail": text,
            });
            ("events", "PutEvents", json!({ "Entries": [entry] }))
        }
        _ => return None,
    };
    Some(EffectCommand::DeliverByAws(AwsCall {
        service: service.to_owned(),
        operation: operation.to_owned(),
        params,
        region: arn.region,
        assume_role: None,
        timeout_secs: CALL_SECS,
        spelling: model::effect::Spelling::default(),
    }))
}

/// The attributes of a dead-letter queue's message
/// (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html#invocation-dlq>).
fn attributes(ending: &Ending, cx: &Context) -> Value {
    let text = |value: &str| json!({ "DataType": "String", "StringValue": value });
    let mut all = json!({
        "RequestID": text(&cx.id.to_string()),
        "ErrorCode": { "DataType": "Number", "StringValue": ending.status.to_string() },
    });
    // SQS refuses an attribute without a value.
    if !ending.message.is_empty() {
        all["ErrorMessage"] = text(&ending.message);
    }
    all
}

/// The record of an invocation.
fn record(invocation: &Invocation, ending: &Ending, cx: &Context) -> Value {
    let start = &invocation.start;
    let parsed =
        |text: &str| serde_json::from_str::<Value>(text).unwrap_or_else(|_| Value::from(text));
    let mut record = json!({
        "version": "1.0",
        "timestamp": millis(invocation.ended.unwrap_or(cx.at)),
        "requestContext": {
            "requestId": cx.id,
            "functionArn": start.version_arn,
            "condition": ending.condition(),
            "approximateInvokeCount": invocation.attempts,
        },
        "requestPayload": parsed(&start.payload),
    });
    if invocation.attempts > 0 {
        let mut context = json!({ "statusCode": ending.status, "executedVersion": start.version });
        if let Some(error) = &ending.function_error {
            context["functionError"] = error.as_str().into();
        }
        record["responseContext"] = context;
        record["responsePayload"] = ending.answer.as_deref().map_or(Value::Null, parsed);
    }
    record
}

/// An instant with three digits of milliseconds.
fn millis(at: Timestamp) -> String {
    format!("{at:.3}")
}
