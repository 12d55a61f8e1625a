//! What is said to and asked of a queue besides its messages: deletions, hiding, its depth and its policy.

use std::sync::Arc;
use std::time::Duration;

use aws::client::{CallError, Policy};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{Next, Queue, Received};
use crate::source::sources::{Shared, Source};

/// Between two looks at the queue's depth.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// Limit of one call.
const CALL_LIMIT: Duration = Duration::from_secs(15);

/// Deletes what is settled, and lets the rest come again.
pub(super) async fn settle(
    shared: &Shared,
    place: (&Source, &Queue),
    messages: &[Received],
    nexts: &[Next],
) {
    let mut done = Vec::new();
    let mut again = Vec::new();
    for (message, next) in messages.iter().zip(nexts) {
        match next {
            Next::Delete => done.push(message),
            Next::Again(seconds) => again.push((message, *seconds)),
        }
    }
    if !again.is_empty() {
        change_visibility(shared, place, &again).await;
    }
    if done.is_empty() {
        return;
    }
    let entries: Vec<Value> = done
        .iter()
        .enumerate()
        .map(|(index, message)| json!({ "Id": index.to_string(), "ReceiptHandle": message.handle }))
        .collect();
    batch(shared, place, ("DeleteMessageBatch", entries)).await;
}

/// Sets for how many seconds messages stay hidden.
pub(super) async fn change_visibility(
    shared: &Shared,
    place: (&Source, &Queue),
    messages: &[(&Received, u64)],
) {
    let entries: Vec<Value> = messages
        .iter()
        .enumerate()
        .map(|(index, (message, seconds))| {
            json!({ "Id": index.to_string(), "ReceiptHandle": message.handle, "VisibilityTimeout": seconds })
        })
        .collect();
    batch(shared, place, ("ChangeMessageVisibilityBatch", entries)).await;
}

/// One batch call. What fails of it is told and left: the message comes again and is recognised.
async fn batch(
    shared: &Shared,
    (source, queue): (&Source, &Queue),
    (operation, entries): (&str, Vec<Value>),
) {
    let request = queue.request(operation, json!({ "Entries": entries }));
    let policy = Policy::repeatable().within(CALL_LIMIT);
    let problem = match shared.doors.aws.call(request, policy).await {
        Ok(answer) => {
            let failed = answer.value.get("Failed").and_then(Value::as_array);
            let Some(first) = failed.and_then(|failed| failed.first()) else {
                return;
            };
            let text = |name: &str| first.get(name).and_then(Value::as_str).unwrap_or_default();
            format!("{operation}: {}: {}", text("Code"), text("Message"))
        }
        Err(error) => format!("{operation}: {}: {}", error.code(), error.message()),
    };
    tracing::warn!(
        source = source.settings.name,
        error = problem,
        "messages of a queue could not be settled; they come again"
    );
    source.state.failed(shared.handle.now(), &problem);
}

/// Looks at the queue every so often: how much waits, and whether its policy is sound.
pub(crate) async fn watch(
    shared: Arc<Shared>,
    source: Arc<Source>,
    mut stop: watch::Receiver<bool>,
) {
    let Ok(queue) = Queue::of(&source) else {
        return;
    };
    let mut told = false;
    while !*stop.borrow() {
        if let Ok(attributes) = attributes(&shared, &queue).await {
            let number = |name: &str| attributes.get(name)?.as_str()?.parse::<u64>().ok();
            source.state.depth(
                number("ApproximateNumberOfMessages"),
                number("ApproximateNumberOfMessagesNotVisible"),
            );
            let warnings = warnings(&attributes);
            if !told {
                for warning in &warnings {
                    tracing::warn!(source = source.settings.name, warning);
                }
                told = true;
            }
            source.state.warn(warnings);
        }
        tokio::select! {
            () = shared.doors.clock.sleep(LOOK_EVERY) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

async fn attributes(shared: &Shared, queue: &Queue) -> Result<Value, CallError> {
    let names = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "Policy",
        "RedrivePolicy",
    ];
    let request = queue.request("GetQueueAttributes", json!({ "AttributeNames": names }));
    let policy = Policy::repeatable().within(CALL_LIMIT);
    let answer = shared.doors.aws.call(request, policy).await?;
    Ok(answer.value.get("Attributes").cloned().unwrap_or_default())
}

/// What an operator should know of a queue's attributes: its policy is the only thing that says who sends.
pub(super) fn warnings(attributes: &Value) -> Vec<String> {
    let mut warnings = Vec::new();
    let text = |name: &str| {
        attributes
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    match text("Policy").map(serde_json::from_str::<Value>) {
        None => warnings.push(
            "the queue has no policy: only principals of its own account can send, and EventBridge and SNS cannot"
                .to_owned(),
        ),
        Some(Err(_)) => warnings.push("the queue's policy cannot be read".to_owned()),
        Some(Ok(policy)) => {
            let statements = match policy.get("Statement") {
                Some(Value::Array(list)) => list.clone(),
                Some(one) => vec![one.clone()],
                None => Vec::new(),
            };
            let open = statements.iter().filter(|statement| lets_anybody_send(statement));
            warnings.extend(open.map(|statement| {
                let name = statement.get("Sid").and_then(Value::as_str).unwrap_or("(without Sid)");
                format!(
                    "the queue's policy lets others send without a condition on `aws:SourceArn`: statement `{}`: who can make a rule or a topic anywhere could send events",
                    model::text::one_line(name, 80)
                )
            }));
        }
    }
    if text("RedrivePolicy").is_none() {
        warnings.push(
            "the queue has no dead-letter queue: messages that Quell never gets to are lost at the end of their retention"
                .to_owned(),
        );
    }
    warnings
}

/// A statement that allows sending to a service or to everybody, without saying from which resource or account.
fn lets_anybody_send(statement: &Value) -> bool {
    let is = |name: &str, wanted: &str| statement.get(name).and_then(Value::as_str) == Some(wanted);
    if !is("Effect", "Allow") {
        return false;
    }
    let actions = strings(statement.get("Action"));
    let sends = actions.iter().any(|action| {
        let action = action.to_ascii_lowercase();
        action == "*" || action == "sqs:*" || action.starts_with("sqs:send")
    });
    let principal = statement.get("Principal");
    let everybody = principal.and_then(Value::as_str) == Some("*")
        || strings(principal.and_then(|principal| principal.get("AWS"))).contains(&"*".to_owned());
    let service = principal.is_some_and(|principal| principal.get("Service").is_some());
    sends && (everybody || service) && !names_the_sender(statement.get("Condition"))
}

fn names_the_sender(condition: Option<&Value>) -> bool {
    const KEYS: [&str; 4] = [
        "aws:sourcearn",
        "aws:sourceaccount",
        "aws:sourceorgid",
        "aws:principalorgid",
    ];
    let operators = condition.and_then(Value::as_object).into_iter().flatten();
    operators
        .filter(|(operator, _)| {
            let operator = operator.to_ascii_lowercase();
            !operator.contains("not") && !operator.ends_with("ifexists")
        })
        .filter_map(|(_, keys)| keys.as_object())
        .flatten()
        .any(|(key, values)| {
            let named = strings(Some(values));
            KEYS.contains(&key.to_ascii_lowercase().as_str())
                && !named.is_empty()
                && named
                    .iter()
                    .all(|value| !value.trim_matches('*').is_empty())
        })
}

/// A string or a list of strings.
fn strings(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(list)) => list
            .iter()
            .filter_map(|item| item.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(statement: &Value) -> Vec<String> {
        let policy = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
        warnings(&json!({ "Policy": policy, "RedrivePolicy": "{}" }))
    }

    #[test]
    fn a_policy_must_say_who_sends() {
        let arn = "arn:aws:events:us-east-1:123456789012:rule/findings";
        let statement = |principal: Value, condition: Value| json!({ "Sid": "s", "Effect": "Allow", "Principal": principal, "Action": "sqs:SendMessage", "Condition": condition });
        let service = json!({ "Service": "events.amazonaws.com" });
        for (principal, condition, warned) in [
            (
                service.clone(),
                json!({ "ArnEquals": { "aws:SourceArn": arn } }),
                false,
            ),
            (
                service.clone(),
                json!({ "StringEquals": { "AWS:SourceAccount": ["123456789012"] } }),
                false,
            ),
            (service.clone(), json!({}), true),
            (
                service.clone(),
                json!({ "ArnLike": { "aws:SourceArn": "*" } }),
                true,
            ),
            (
                service.clone(),
                json!({ "ArnNotEquals": { "aws:SourceArn": arn } }),
                true,
            ),
            (
                service.clone(),
                json!({ "ArnLikeIfExists": { "aws:SourceArn": arn } }),
                true,
            ),
            (
                service,
                json!({ "Bool": { "aws:SecureTransport": "true" } }),
                true,
            ),
            (json!("*"), json!({}), true),
            (json!({ "AWS": ["*"] }), json!({}), true),
            (
                json!({ "AWS": "arn:aws:iam::123456789012:root" }),
                json!({}),
                false,
            ),
        ] {
            let found = policy(&statement(principal.clone(), condition.clone()));
            assert_eq!(
                !found.is_empty(),
                warned,
                "{principal} {condition}: {found:?}"
            );
        }
        let deny = json!({ "Effect": "Deny", "Principal": "*", "Action": "sqs:*" });
        assert!(policy(&deny).is_empty());
    }

    #[test]
    fn what_is_missing_is_told() {
        let found = warnings(&json!({}));
        assert_eq!(found.len(), 2, "{found:?}");
        let found = warnings(&json!({ "Policy": "{", "RedrivePolicy": "{}" }));
        assert_eq!(found, ["the queue's policy cannot be read"]);
    }
}
