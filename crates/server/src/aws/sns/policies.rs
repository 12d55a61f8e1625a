//! A topic's access policy: kept and shown, changed by labels. Who may call this server is a matter of its keys.

use serde_json::{Value, json};

use super::names::{invalid, plain_invalid};
use crate::error::ApiError;

/// Longest policy, in bytes.
const MAX_BYTES: usize = 30 * 1024;
/// What a policy may speak of.
const ACTIONS: [&str; 9] = [
    "AddPermission",
    "DeleteTopic",
    "GetTopicAttributes",
    "ListSubscriptionsByTopic",
    "Publish",
    "Receive",
    "RemovePermission",
    "SetTopicAttributes",
    "Subscribe",
];

/// Checks a policy as given.
pub(super) fn check(member: &str, text: &str) -> Result<(), ApiError> {
    let parsed = serde_json::from_str::<Value>(text).ok();
    let statements = parsed.as_ref().and_then(|policy| policy.get("Statement"));
    if text.len() > MAX_BYTES || !statements.is_some_and(|all| all.is_array() || all.is_object()) {
        return Err(invalid(
            member,
            "Policy Error: it must be a JSON object with `Statement`, at most 30 KiB",
        ));
    }
    Ok(())
}

/// The policy of a topic that was given none: its own account may do everything.
pub(super) fn default(topic_arn: &str, account: &str) -> Value {
    let allowed = ACTIONS.iter().filter(|action| **action != "Receive");
    json!({
        "Version": "2008-10-17",
        "Id": "__default_policy_ID",
        "Statement": [{
            "Sid": "__default_statement_ID",
            "Effect": "Allow",
            "Principal": { "AWS": "*" },
            "Action": allowed.map(|action| format!("SNS:{action}")).collect::<Vec<_>>(),
            "Resource": topic_arn,
            "Condition": { "StringEquals": { "AWS:SourceOwner": account } },
        }],
    })
}

/// The policy in force, as JSON.
pub(super) fn current(given: Option<&str>, topic_arn: &str, account: &str) -> Value {
    given
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_else(|| default(topic_arn, account))
}

/// The statements; a single one counts as a list of one.
fn statements(policy: &Value) -> Vec<Value> {
    match policy.get("Statement") {
        Some(Value::Array(all)) => all.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    }
}

fn is_labelled(statement: &Value, label: &str) -> bool {
    statement.get("Sid").and_then(Value::as_str) == Some(label)
}

/// The policy with a statement more.
pub(super) fn with(
    policy: &Value,
    label: &str,
    (accounts, actions): (&[&str], &[&str]),
    topic_arn: &str,
) -> Result<Value, ApiError> {
    for action in actions {
        if !ACTIONS.contains(action) {
            return Err(plain_invalid(
                "Policy statement action out of service scope!",
            ));
        }
    }
    let digits =
        |account: &&&str| account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    if accounts.iter().filter(digits).count() != accounts.len() {
        return Err(invalid("AWSAccountId", "each must be twelve digits"));
    }
    let mut all = statements(policy);
    if all.iter().any(|statement| is_labelled(statement, label)) {
        return Err(plain_invalid("Statement already exists"));
    }
    let principals = accounts
        .iter()
        .map(|account| format!("arn:aws:iam::{account}:root"));
    all.push(json!({
        "Sid": label,
        "Effect": "Allow",
        "Principal": { "AWS": principals.collect::<Vec<_>>() },
        "Action": actions.iter().map(|action| format!("SNS:{action}")).collect::<Vec<_>>(),
        "Resource": topic_arn,
    }));
    let mut policy = policy.clone();
    policy["Statement"] = Value::Array(all);
    Ok(policy)
}

/// The policy without the statement of a label.
pub(super) fn without(policy: &Value, label: &str) -> Value {
    let mut all = statements(policy);
    all.retain(|statement| !is_labelled(statement, label));
    let mut policy = policy.clone();
    policy["Statement"] = Value::Array(all);
    policy
}
