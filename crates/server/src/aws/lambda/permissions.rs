//! Resource policies: `AddPermission`, `RemovePermission`, `GetPolicy`.
//!
//! They are kept and shown. Who may call is decided by the keys of this server.

use model::function::{Function, Policy};
use serde_json::{Value, json};

use super::names::{self, Place};
use crate::call::{Answer, Call, Reply};
use crate::decode::{Fields, Text, is_word};
use crate::error::ApiError;

/// Longest policy as JSON, in bytes.
const MAX_POLICY: usize = 20 * 1024;
const SID: Text = Text::length(1, 100).matching("([a-zA-Z0-9-_]+)", |text| is_word(text, "-_"));
const NO_SPACE: Text =
    Text::length(1, 2048).matching("[^\\s]+", |text| !text.chars().any(char::is_whitespace));
const ACTION: Text = Text::length(1, 256).matching("(lambda:[*]|lambda:[a-zA-Z]+|[*])", |text| {
    let rest = text.strip_prefix("lambda:");
    text == "*" || rest.is_some_and(|rest| rest == "*" || (!rest.is_empty() && is_word(rest, "")))
});
const ACCOUNT: Text = Text::length(12, 12).matching("\\d{12}", |text| {
    text.bytes().all(|byte| byte.is_ascii_digit())
});

pub(super) async fn add(call: Call) -> Answer {
    let place = names::place(&call)?;
    let fields = call.fields();
    let statement = statement(&call, &place, &fields)?;
    let sid = fields.required_text("StatementId", SID)?;
    let revision = names::revision(&call);
    names::change(&call, &place, |function| {
        let key = policy_key(&call, function, &place)?;
        let policy = function.policies.entry(key).or_insert_with(|| Policy {
            statements: Vec::new(),
            revision,
        });
        if !policy.statements.is_empty() {
            names::expect_revision(&call, policy.revision)?;
        }
        if policy.statements.iter().any(|one| one["Sid"] == sid) {
            return Err(names::conflict(format!(
                "The statement id ({sid}) provided already exists. Please provide a new statement id, or remove the existing statement."
            )));
        }
        policy.statements.push(statement.clone());
        policy.revision = revision;
        if document(policy).len() > MAX_POLICY {
            let message = format!("The final policy size is bigger than the limit ({MAX_POLICY}).");
            return Err(ApiError::new("PolicyLengthExceededException", message));
        }
        Ok(())
    })
    .await?;
    Ok(Reply::ok(json!({ "Statement": statement.to_string() })))
}

pub(super) async fn remove(call: Call) -> Answer {
    let place = names::place(&call)?;
    let sid = call
        .fields()
        .required_text("StatementId", Text::length(1, 100))?;
    let revision = names::revision(&call);
    names::change(&call, &place, |function| {
        let key = policy_key(&call, function, &place)?;
        let gone = || {
            names::not_found(&format!(
                "Statement {} is not found in resource policy.",
                crate::error::echo(sid)
            ))
        };
        let policy = function.policies.get_mut(&key).ok_or_else(gone)?;
        names::expect_revision(&call, policy.revision)?;
        let at = policy.statements.iter().position(|one| one["Sid"] == sid);
        policy.statements.remove(at.ok_or_else(gone)?);
        policy.revision = revision;
        if policy.statements.is_empty() {
            function.policies.remove(&key);
        }
        Ok(())
    })
    .await?;
    Ok(Reply::empty())
}

pub(super) async fn get(call: Call) -> Answer {
    let place = names::place(&call)?;
    let function = names::existing(&call, &place).await?.body;
    let key = policy_key(&call, &function, &place)?;
    let policy = function.policies.get(&key);
    let none = || names::not_found("The resource you requested does not exist.");
    let policy = policy.ok_or_else(none)?;
    Ok(Reply::ok(
        json!({ "Policy": document(policy), "RevisionId": policy.revision }),
    ))
}

fn document(policy: &Policy) -> String {
    json!({ "Version": "2012-10-17", "Id": "default", "Statement": policy.statements }).to_string()
}

/// Whose policy is meant; the qualifier must be there.
fn policy_key(call: &Call, function: &Function, place: &Place) -> Result<String, ApiError> {
    match &place.qualifier {
        None => Ok(String::new()),
        Some(qualifier) => match function.resolve(qualifier, 1.0) {
            Some(_) if qualifier == model::function::LATEST => Err(names::invalid(
                "We currently do not support adding policies for $LATEST.",
            )),
            Some(_) => Ok(qualifier.clone()),
            None => Err(place.missing(call)),
        },
    }
}

fn statement(call: &Call, place: &Place, fields: &Fields<'_>) -> Result<Value, ApiError> {
    for member in ["FunctionUrlAuthType", "InvokedViaFunctionUrl"] {
        if fields.raw(member).is_some() {
            return Err(names::invalid(format!(
                "{member} is not served by Quell: functions have no addresses of their own"
            )));
        }
    }
    let principal = fields.required_text("Principal", NO_SPACE)?;
    let is_account = principal.len() == 12 && principal.bytes().all(|byte| byte.is_ascii_digit());
    let principal = if principal == "*" {
        json!("*")
    } else if is_account {
        let partition = call.scope.partition();
        json!({ "AWS": format!("arn:{partition}:iam::{principal}:root") })
    } else if principal.starts_with("arn:") {
        json!({ "AWS": principal })
    } else {
        json!({ "Service": principal })
    };
    let mut statement = json!({
        "Sid": fields.required_text("StatementId", SID)?,
        "Effect": "Allow",
        "Principal": principal,
        "Action": fields.required_text("Action", ACTION)?,
        "Resource": place.arn(call),
    });
    let mut condition = json!({});
    for (member, operator, key, rule) in [
        (
            "SourceAccount",
            "StringEquals",
            "AWS:SourceAccount",
            ACCOUNT,
        ),
        (
            "EventSourceToken",
            "StringEquals",
            "lambda:EventSourceToken",
            Text::length(0, 256),
        ),
        (
            "PrincipalOrgID",
            "StringEquals",
            "aws:PrincipalOrgID",
            Text::length(12, 34),
        ),
        ("SourceArn", "ArnLike", "AWS:SourceArn", NO_SPACE),
    ] {
        if let Some(value) = fields.text(member, rule)? {
            condition[operator][key] = value.into();
        }
    }
    if condition.as_object().is_some_and(|all| !all.is_empty()) {
        statement["Condition"] = condition;
    }
    Ok(statement)
}
