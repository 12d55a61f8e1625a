//! The message for a dead-letter queue: the original event, and in the attributes why it was not delivered.

use model::EffectCommand;
use model::arn::Arn;
use model::effect::AwsCall;
use serde_json::{Map, Value, json};

use super::{Delivery, Exhausted};

/// Limit of one attempt, in seconds.
const CALL_SECS: u32 = 30;

/// The address under which an SQS queue is called, from its ARN; `None` when the ARN is not that of a queue.
#[must_use]
pub fn queue_url(queue: &Arn) -> Option<String> {
    if queue.service != "sqs" || queue.region.is_empty() || queue.account.is_empty() {
        return None;
    }
    let suffix = match queue.partition.as_str() {
        "aws-cn" => "amazonaws.com.cn",
        _ => "amazonaws.com",
    };
    let (region, account, name) = (&queue.region, &queue.account, &queue.resource);
    Some(format!("https://sqs.{region}.{suffix}/{account}/{name}"))
}

/// The command that puts the event into the queue, if the delivery has one and its ARN names one.
pub(super) fn command(delivery: &Delivery) -> Option<EffectCommand> {
    let queue = Arn::parse(delivery.dead_letter.as_deref()?)?;
    let url = queue_url(&queue)?;
    let payload = delivery.payload.as_ref()?;
    Some(EffectCommand::DeliverByAws(AwsCall {
        service: "sqs".to_owned(),
        operation: "SendMessage".to_owned(),
        params: json!({
            "QueueUrl": url,
            "MessageBody": payload.event,
            "MessageAttributes": attributes(delivery),
        }),
        region: queue.region,
        assume_role: None,
        timeout_secs: CALL_SECS,
        spelling: model::effect::Spelling::default(),
    }))
}

fn attributes(delivery: &Delivery) -> Value {
    let failed = delivery.failed.as_ref();
    let text = |value: &str| json!({ "DataType": "String", "StringValue": value });
    let retries = delivery.attempts.saturating_sub(1).to_string();
    let mut all = Map::from_iter([
        ("RULE_ARN".to_owned(), text(&delivery.origin)),
        ("TARGET_ARN".to_owned(), text(&delivery.target_arn)),
        (
            "ERROR_CODE".to_owned(),
            text(failed.map_or("UNKNOWN", |failed| &failed.code)),
        ),
        (
            "RETRY_ATTEMPTS".to_owned(),
            json!({ "DataType": "Number", "StringValue": retries }),
        ),
    ]);
    // SQS refuses an attribute without a value.
    if let Some(failed) = failed.filter(|failed| !failed.message.is_empty()) {
        all.insert("ERROR_MESSAGE".to_owned(), text(&failed.message));
    }
    if let Some(exhausted) = failed.and_then(|failed| failed.exhausted) {
        let condition = match exhausted {
            Exhausted::Attempts => "MaximumRetryAttempts",
            Exhausted::Age => "MaximumEventAgeInSeconds",
        };
        all.insert("EXHAUSTED_RETRY_CONDITION".to_owned(), text(condition));
    }
    Value::Object(all)
}
