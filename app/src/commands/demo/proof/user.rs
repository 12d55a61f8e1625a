//! What the account says about a user: whether its keys work, and what is denied to it.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::super::account::User;
use super::super::client::{Client, list, text};
use super::super::style::Style;
use super::Finding;

/// Reads keys and policies back from the account.
pub(crate) async fn read_back(aws: &Client, user: &User, style: Style) -> Result<Vec<Finding>> {
    let params = json!({"UserName": user.name});
    let listed = aws
        .call("iam", "ListAccessKeys", params.clone())
        .await
        .context("the user's keys")?;
    let keys: Vec<(String, String)> = list(&listed, "/AccessKeyMetadata")
        .iter()
        .map(|key| Ok((text(key, "/AccessKeyId")?, text(key, "/Status")?)))
        .collect::<Result<_>>()?;
    let found = aws.call("iam", "ListUserPolicies", params).await?;
    let mut statements = Vec::new();
    for policy in list(&found, "/PolicyNames") {
        let params = json!({"UserName": user.name, "PolicyName": policy});
        let found = aws.call("iam", "GetUserPolicy", params).await?;
        let name = policy.as_str().unwrap_or_default().to_owned();
        statements.extend(
            list(&found, "/PolicyDocument/Statement")
                .into_iter()
                .map(|statement| (name.clone(), statement)),
        );
    }
    // The state machine takes the one key of the finding, and sessions.
    let whole = style != Style::States;
    Ok(vec![
        keys_inactive("leaked access key inactive", true, &keys, |key| {
            key == user.leaked
        }),
        keys_inactive("other access keys inactive", whole, &keys, |key| {
            key != user.leaked
        }),
        denied("older sessions denied", true, &statements, older_sessions),
        denied(
            "everything denied to the user",
            whole,
            &statements,
            unconditional,
        ),
    ])
}

fn keys_inactive(
    what: &'static str,
    promised: bool,
    keys: &[(String, String)],
    which: impl Fn(&str) -> bool,
) -> Finding {
    let mine: Vec<_> = keys.iter().filter(|(key, _)| which(key)).collect();
    let seen: Vec<String> = mine
        .iter()
        .map(|(key, status)| format!("{key} {status}"))
        .collect();
    Finding {
        what,
        promised,
        holds: !mine.is_empty() && mine.iter().all(|(_, status)| status == "Inactive"),
        seen: seen.join(", "),
    }
}

/// Holds when a statement that denies all actions on everything is as `enough` wants it.
fn denied(
    what: &'static str,
    promised: bool,
    statements: &[(String, Value)],
    enough: impl Fn(&Value) -> bool,
) -> Finding {
    let total = |statement: &Value| {
        statement["Effect"] == "Deny" && statement["Action"] == "*" && statement["Resource"] == "*"
    };
    let names: Vec<&str> = statements
        .iter()
        .filter(|(_, statement)| total(statement) && enough(statement))
        .map(|(name, _)| name.as_str())
        .collect();
    Finding {
        what,
        promised,
        holds: !names.is_empty(),
        seen: names.join(", "),
    }
}

fn unconditional(statement: &Value) -> bool {
    statement.get("Condition").is_none()
}

/// Denied to all, or to what was issued before some moment and nothing less.
fn older_sessions(statement: &Value) -> bool {
    let Some(condition) = statement.get("Condition") else {
        return true;
    };
    let only = condition.as_object().is_some_and(|tests| tests.len() == 1);
    only && condition
        .pointer("/DateLessThan/aws:TokenIssueTime")
        .is_some_and(Value::is_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_are_not_there_are_not_inactive() {
        let key = |id: &str, status: &str| (id.to_owned(), status.to_owned());
        let keys = [key("AKIA1", "Inactive"), key("AKIA2", "Active")];
        for (id, holds) in [("AKIA1", true), ("AKIA2", false), ("AKIA3", false)] {
            assert_eq!(
                keys_inactive("", true, &keys, |key| key == id).holds,
                holds,
                "{id}"
            );
        }
        assert!(!keys_inactive("", true, &keys, |_| true).holds);
    }

    #[test]
    fn only_a_denial_of_everything_counts() {
        let before = json!({"DateLessThan": {"aws:TokenIssueTime": "2026-01-05T10:00:00Z"}});
        let nearby = json!({"DateLessThan": {"aws:TokenIssueTime": "2026-01-05T10:00:00Z"},
            "IpAddress": {"aws:SourceIp": "203.0.113.0/24"}});
        for (effect, action, condition, older, everything) in [
            ("Deny", "*", None, true, true),
            ("Deny", "*", Some(before), true, false),
            ("Deny", "*", Some(nearby), false, false),
            ("Allow", "*", None, false, false),
            ("Deny", "s3:*", None, false, false),
        ] {
            let mut statement = json!({"Effect": effect, "Action": action, "Resource": "*"});
            if let Some(condition) = condition {
                statement["Condition"] = condition;
            }
            let statements = [("one".to_owned(), statement)];
            let read = (
                denied("", true, &statements, older_sessions).holds,
                denied("", true, &statements, unconditional).holds,
            );
            assert_eq!(read, (older, everything), "{}", statements[0].1);
        }
    }
}
