//! `PutRule`: creates a rule, or replaces all of it but its targets, tags and (when none is given) state.

use engine::checks::{Pattern, Schedule};
use model::bus::{Rule, RuleState};
use serde_json::json;

use super::names::{self, RULE_NAME};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};
use crate::decode::Text;
use crate::error::ApiError;
use crate::tags;

/// Most rules on one bus.
const MAX_RULES: usize = 300;
const STATES: &[&str] = &[
    "ENABLED",
    "DISABLED",
    "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS",
];

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let name = fields.required_text("Name", RULE_NAME)?;
    let pattern = fields
        .text("EventPattern", Text::length(0, 4096))?
        .filter(|text| !text.is_empty());
    let schedule = fields
        .text("ScheduleExpression", Text::length(0, 256))?
        .filter(|text| !text.is_empty());
    let state = fields.one_of("State", STATES)?.map(state_of);
    let description = fields
        .text("Description", Text::length(0, 512))?
        .filter(|text| !text.is_empty());
    let role_arn = fields.text("RoleArn", Text::length(1, 1600))?;
    let new_tags = tags::read(&fields, "Tags")?;
    if pattern.is_none() && schedule.is_none() {
        return Err(ApiError::validation(
            "Parameter(s) EventPattern or ScheduleExpression must be specified.",
        ));
    }
    pattern.map(check_pattern).transpose()?;
    if new_tags.len() > tags::MAX_TAGS {
        return Err(names::limit_exceeded("50 tags on one resource"));
    }
    let bus = names::existing_bus(&call, "EventBusName").await?;
    schedule
        .map(|text| check_schedule(text, &bus))
        .transpose()?;
    let full = is_full(&call, &bus).await?;
    let key = names::rule_key(&call, &bus, name);
    catalog::edit(call.handle(), &key, |found: Option<Rule>| {
        if found.is_none() && full {
            return Err(names::limit_exceeded("300 rules on one bus"));
        }
        let (targets, kept_tags, kept_state) = match found {
            Some(rule) => (rule.targets, rule.tags, rule.state),
            None => (Default::default(), new_tags.clone(), RuleState::Enabled),
        };
        let rule = Rule {
            name: name.to_owned(),
            bus: bus.clone(),
            event_pattern: pattern.map(str::to_owned),
            schedule_expression: schedule.map(str::to_owned),
            state: state.unwrap_or(kept_state),
            description: description.map(str::to_owned),
            role_arn: role_arn.map(str::to_owned),
            targets,
            tags: kept_tags,
        };
        Ok((Edit::Put(rule), ()))
    })
    .await?;
    Ok(Reply::ok(
        json!({ "RuleArn": names::rule_arn(&call, &bus, name) }),
    ))
}

async fn is_full(call: &Call, bus: &str) -> Result<bool, ApiError> {
    let rules = names::rule_key(call, bus, "");
    let page: Vec<catalog::Kept<Rule>> =
        catalog::list(call.handle(), &rules, None, MAX_RULES).await?;
    Ok(page.len() >= MAX_RULES)
}

fn state_of(word: &str) -> RuleState {
    match word {
        "DISABLED" => RuleState::Disabled,
        "ENABLED" => RuleState::Enabled,
        _ => RuleState::EnabledWithAllCloudtrailManagementEvents,
    }
}

/// Refuses a schedule that AWS would refuse, in AWS's words.
fn check_schedule(text: &str, bus: &str) -> Result<(), ApiError> {
    if bus != names::DEFAULT_BUS {
        return Err(ApiError::validation(
            "ScheduleExpression is supported only on the default event bus.",
        ));
    }
    Schedule::parse(text)
        .map(|_| ())
        .map_err(|error| ApiError::validation(error.aws_message()))
}

/// Refuses a pattern that AWS would refuse, in AWS's words.
pub(super) fn check_pattern(text: &str) -> Result<Pattern, ApiError> {
    Pattern::parse(text)
        .map_err(|error| ApiError::new("InvalidEventPatternException", error.aws_message()))
}
