//! `DescribeRule`.

use model::bus::Rule;
use serde_json::{Map, Value};

use super::names::{self, RULE_NAME};
use crate::call::{Answer, Call, Reply};

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let name = fields.required_text("Name", RULE_NAME)?;
    let bus = names::existing_bus(&call, "EventBusName").await?;
    let rule = names::existing_rule(&call, &bus, name).await?;
    let mut body = view(&call, &rule);
    body.insert("CreatedBy".to_owned(), call.scope.account.as_str().into());
    Ok(Reply::ok(Value::Object(body)))
}

/// A rule as `DescribeRule` and `ListRules` show it.
pub(super) fn view(call: &Call, rule: &Rule) -> Map<String, Value> {
    let state = serde_json::to_value(rule.state).unwrap_or(Value::Null);
    let members = [
        ("Name", Some(Value::from(rule.name.as_str()))),
        (
            "Arn",
            Some(names::rule_arn(call, &rule.bus, &rule.name).into()),
        ),
        ("EventPattern", rule.event_pattern.clone().map(Value::from)),
        (
            "ScheduleExpression",
            rule.schedule_expression.clone().map(Value::from),
        ),
        ("State", Some(state)),
        ("Description", rule.description.clone().map(Value::from)),
        ("RoleArn", rule.role_arn.clone().map(Value::from)),
        ("EventBusName", Some(rule.bus.as_str().into())),
    ];
    members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}
