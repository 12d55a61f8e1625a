//! `PutPermission`: one statement of a bus's policy, or the whole policy. Kept and shown; Quell's own keys decide who
//! may put events.

use model::bus::Bus;
use serde_json::{Map, Value, json};

use super::names;
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};
use crate::decode::{Fields, Text, is_word};
use crate::error::ApiError;

/// Largest policy, in bytes (AWS).
const MAX_POLICY: usize = 10_240;
const ACTION: Text = Text::length(1, 64).matching("events:[a-zA-Z]+", |text| {
    let name = text.strip_prefix("events:").unwrap_or_default();
    !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphabetic())
});
const PRINCIPAL: Text = Text::length(1, 12).matching("(\\d{12}|\\*)", |text| {
    text == "*" || (text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()))
});
/// A statement's id.
pub(super) const STATEMENT_ID: Text =
    Text::length(1, 64).matching("[a-zA-Z0-9-_]+", |text| is_word(text, "-_"));
const WORD: Text = Text::length(1, 512);

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let bus = names::existing_bus(&call, "EventBusName").await?;
    let wish = match fields.text("Policy", Text::length(0, usize::MAX))? {
        Some(text) => Wish::Whole(whole(&fields, text)?),
        None => Wish::One(statement(&call, &fields, &bus)?),
    };
    catalog::edit(
        call.handle(),
        &names::bus_key(&call, &bus),
        |found: Option<Bus>| {
            let mut found = names::stored_or_default(found, &bus)?;
            let policy = match &wish {
                Wish::Whole(policy) => policy.clone(),
                Wish::One(statement) => with(found.policy.take(), statement),
            };
            if policy.to_string().len() > MAX_POLICY {
                return Err(ApiError::new(
                    "PolicyLengthExceededException",
                    format!(
                        "The policy of event bus {bus} would have more than {MAX_POLICY} bytes."
                    ),
                ));
            }
            found.policy = Some(policy);
            Ok((Edit::Put(found), ()))
        },
    )
    .await?;
    Ok(Reply::empty())
}

enum Wish {
    /// This policy instead of the present one.
    Whole(Value),
    /// This statement in place of the one with its id.
    One(Value),
}

/// A whole policy document.
fn whole(fields: &Fields<'_>, text: &str) -> Result<Value, ApiError> {
    let others = ["Action", "Principal", "StatementId", "Condition"];
    if let Some(other) = others.iter().find(|name| fields.raw(name).is_some()) {
        return Err(ApiError::validation(format!(
            "Parameter {other} is not valid. Reason: with Policy, which holds all statements, leave it out."
        )));
    }
    let bad = || ApiError::validation("This policy contains invalid Json");
    // The request's own depth is bounded; that of a text within it is here.
    let policy: Value = serde_json::from_str(text).map_err(|_| bad())?;
    let statements = match policy.get("Statement") {
        Some(Value::Array(statements)) => statements.iter().collect(),
        Some(one @ Value::Object(_)) => vec![one],
        _ => Vec::new(),
    };
    let complete = |statement: &Value| {
        let effect = statement.get("Effect").and_then(Value::as_str);
        matches!(effect, Some("Allow" | "Deny"))
            && ["Principal", "Action", "Resource"]
                .iter()
                .all(|name| statement.get(name).is_some())
    };
    if statements.is_empty() || !statements.into_iter().all(complete) {
        return Err(ApiError::validation(
            "Parameter Policy is not valid. Reason: it must be a JSON object with a Statement, each with Effect, Principal, Action and Resource.",
        ));
    }
    Ok(policy)
}

/// The statement that the single members describe.
fn statement(call: &Call, fields: &Fields<'_>, bus: &str) -> Result<Value, ApiError> {
    let required =
        |name: &str| ApiError::validation(format!("Parameter {name} must be specified."));
    let principal = fields
        .text("Principal", PRINCIPAL)?
        .ok_or_else(|| required("Principal"))?;
    let action = fields
        .text("Action", ACTION)?
        .ok_or_else(|| required("Action"))?;
    let id = fields
        .text("StatementId", STATEMENT_ID)?
        .ok_or_else(|| required("StatementId"))?;
    if action != "events:PutEvents" {
        return Err(ApiError::validation(
            "Provided value in parameter 'action' is not supported.",
        ));
    }
    let shown = match principal {
        "*" => Value::from("*"),
        account => {
            let partition = call.scope.partition();
            json!({ "AWS": format!("arn:{partition}:iam::{account}:root") })
        }
    };
    let mut statement = Map::new();
    statement.insert("Sid".to_owned(), id.into());
    statement.insert("Effect".to_owned(), "Allow".into());
    statement.insert("Principal".to_owned(), shown);
    statement.insert("Action".to_owned(), action.into());
    statement.insert("Resource".to_owned(), names::bus_arn(call, bus).into());
    if let Some(condition) = fields.object("Condition")? {
        let kind = condition.required_text("Type", WORD)?;
        let key = condition.required_text("Key", WORD)?;
        let value = condition.required_text("Value", WORD)?;
        if principal != "*" {
            return Err(ApiError::validation(
                "Value of the parameter 'principal' must be '*' when the parameter 'condition' is set.",
            ));
        }
        if (kind, key) != ("StringEquals", "aws:PrincipalOrgID") {
            return Err(ApiError::validation(
                "Parameter Condition is not valid. Reason: Type must be StringEquals and Key aws:PrincipalOrgID.",
            ));
        }
        let condition = json!({ kind: { key: value } });
        statement.insert("Condition".to_owned(), condition);
    }
    Ok(Value::Object(statement))
}

/// A policy with a statement in place of the one with the same id.
fn with(policy: Option<Value>, statement: &Value) -> Value {
    let mut policy = match policy {
        Some(Value::Object(policy)) => policy,
        _ => Map::from_iter([("Version".to_owned(), Value::from("2012-10-17"))]),
    };
    let mut statements = match policy.remove("Statement") {
        Some(Value::Array(statements)) => statements,
        Some(one) => vec![one],
        None => Vec::new(),
    };
    statements.retain(|have| have.get("Sid") != statement.get("Sid"));
    statements.push(statement.clone());
    policy.insert("Statement".to_owned(), Value::Array(statements));
    Value::Object(policy)
}
