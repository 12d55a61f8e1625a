//! What trigger an event, an alarm or a `StartIncident` makes of a response plan.
//!
//! Deduplication: a plan's `dedupeString` is the key; with variables the key is rendered from the event
//! ([`template::dedupe_key`]). When a variable has no value the key is `<trigger ARN>#<event id>`: nothing folds but
//! the same event delivered again. Without a `dedupeString` AWS's rules hold: one key per rule or alarm, none for a
//! manual start.

use std::borrow::Cow;

use jiff::Timestamp;
use model::arn::Arn;
use model::incident::{Dedupe, ItemType, ItemValue, RelatedItem, Trigger, TriggerDetails};
use model::plan::{Action, ResponsePlan, TargetAccount, at_most, check_count, check_impact};
use model::{Event, Rejection};
use serde_json::Value;

use crate::template::{self, Facts, alarm, resource};

/// `incidentRecordSource.source` of a start without trigger details.
pub const SOURCE_MANUAL: &str = "aws.ssm-incidents.custom";
/// `incidentRecordSource.source` of an event rule.
pub const SOURCE_EVENTS: &str = "aws.events";
/// `incidentRecordSource.source` of an alarm.
pub const SOURCE_ALARM: &str = "aws.cloudwatch";
/// `invokedBy` of an event rule.
const EVENTS_PRINCIPAL: &str = "events.amazonaws.com";

/// An event that reached a plan as the target of a rule.
#[derive(Debug, Clone, Copy)]
pub struct EventStart<'a> {
    /// The plan as it is now.
    pub plan: &'a ResponsePlan,
    /// Its ARN.
    pub plan_arn: &'a str,
    /// The rule's ARN.
    pub rule_arn: &'a str,
    /// The event.
    pub event: &'a Event,
    /// The event's JSON text as it came.
    pub raw: &'a str,
    /// What the target's input made of it; equal to `raw` when the target takes the event itself.
    pub input: &'a str,
    /// When it was accepted, in case the event names no readable time.
    pub at: Timestamp,
}

/// The trigger of an event.
#[must_use]
pub fn trigger_from_event(start: &EventStart<'_>) -> Trigger {
    let envelope = serde_json::to_value(start.event).unwrap_or_default();
    let facts = Facts {
        event: Some(&envelope),
        incident: None,
    };
    Trigger {
        plan: start.plan.clone(),
        plan_arn: start.plan_arn.to_owned(),
        source: SOURCE_EVENTS.to_owned(),
        trigger_arn: Some(start.rule_arn.to_owned()),
        detected: detected(&envelope, start.at),
        raw: start.raw.to_owned(),
        input: (start.input != start.raw).then(|| start.input.to_owned()),
        title: templated_title(start.plan, &facts),
        impact: None,
        related_items: alarm::metric(&envelope).into_iter().collect(),
        involved_resources: involved(start.event, &envelope),
        dedupe: event_dedupe(start, &facts),
        client_token: None,
        caller_arn: start.rule_arn.to_owned(),
        invoked_by: Some(EVENTS_PRINCIPAL.to_owned()),
        region: event_region(start),
    }
}

/// `StartIncident`.
#[derive(Debug, Clone, PartialEq)]
pub struct ManualStart<'a> {
    /// The plan as it is now.
    pub plan: &'a ResponsePlan,
    /// Its ARN.
    pub plan_arn: &'a str,
    /// `title`.
    pub title: Option<String>,
    /// `impact`.
    pub impact: Option<i64>,
    /// `triggerDetails`.
    pub details: Option<TriggerDetails>,
    /// `relatedItems`.
    pub related_items: Vec<RelatedItem>,
    /// `clientToken`.
    pub client_token: Option<String>,
    /// ARN of the caller.
    pub caller_arn: &'a str,
    /// Region of the call.
    pub region: &'a str,
    /// When the call came.
    pub at: Timestamp,
}

/// The trigger of a `StartIncident`.
///
/// # Errors
/// [`Rejection::Invalid`] for a member out of its limits.
pub fn trigger_from_start(start: ManualStart<'_>) -> Result<Trigger, Rejection> {
    check(&start)?;
    let raw = start
        .details
        .as_ref()
        .and_then(|details| details.raw_data.clone())
        .unwrap_or_default();
    let envelope = envelope(&raw);
    let facts = Facts {
        event: envelope.as_ref(),
        incident: None,
    };
    let (source, trigger_arn, timestamp) = match start.details {
        Some(details) => (details.source, details.trigger_arn, details.timestamp),
        None => (SOURCE_MANUAL.to_owned(), None, start.at),
    };
    let involved_resources = start
        .related_items
        .iter()
        .filter(|item| item.identifier.kind == ItemType::InvolvedResource)
        .filter_map(|item| match &item.identifier.value {
            ItemValue::Arn(arn) => Some(arn.clone()),
            _ => None,
        })
        .collect();
    Ok(Trigger {
        plan: start.plan.clone(),
        plan_arn: start.plan_arn.to_owned(),
        dedupe: manual_dedupe(start.plan, &source, trigger_arn.as_deref(), &facts),
        source,
        trigger_arn,
        detected: timestamp.min(start.at),
        raw,
        input: None,
        title: start.title.or_else(|| templated_title(start.plan, &facts)),
        impact: start.impact,
        related_items: start.related_items,
        involved_resources,
        client_token: start.client_token,
        caller_arn: start.caller_arn.to_owned(),
        invoked_by: None,
        region: start.region.to_owned(),
    })
}

fn check(start: &ManualStart<'_>) -> Result<(), Rejection> {
    at_most("title", start.title.as_deref(), 200)?;
    at_most("clientToken", start.client_token.as_deref(), 128)?;
    if let Some(impact) = start.impact {
        check_impact("impact", impact)?;
    }
    if let Some(details) = &start.details {
        details.validate()?;
    }
    check_count("relatedItems", start.related_items.len(), 100)?;
    for (index, item) in start.related_items.iter().enumerate() {
        let field = format!("relatedItems[{index}]");
        if item.generated_id.is_some() {
            let message = "is given by the server and must not be sent";
            return Err(Rejection::invalid(format!("{field}.generatedId"), message));
        }
        item.validate(&field)?;
    }
    Ok(())
}

/// Raw data that is an EventBridge envelope.
fn envelope(raw: &str) -> Option<Value> {
    serde_json::from_str::<Value>(raw)
        .ok()
        .filter(|value| value.get("detail").is_some())
}

/// The template's title with its variables filled in; `None` when it has none.
fn templated_title(plan: &ResponsePlan, facts: &Facts<'_>) -> Option<String> {
    let title = &plan.incident_template.title;
    template::has_variables(title).then(|| template::title(title, facts))
}

fn dedupe_string(plan: &ResponsePlan) -> Option<&str> {
    plan.incident_template
        .dedupe_string
        .as_deref()
        .filter(|text| !text.is_empty())
}

fn event_dedupe(start: &EventStart<'_>, facts: &Facts<'_>) -> Dedupe {
    Dedupe::Key(match dedupe_string(start.plan) {
        None => start.rule_arn.to_owned(),
        Some(text) if !template::has_variables(text) => text.to_owned(),
        Some(text) => template::dedupe_key(text, facts).unwrap_or_else(|_| {
            format!(
                "{}#{}",
                start.rule_arn,
                model::incident::cut(&start.event.id, 200)
            )
        }),
    })
}

fn manual_dedupe(
    plan: &ResponsePlan,
    source: &str,
    trigger_arn: Option<&str>,
    facts: &Facts<'_>,
) -> Dedupe {
    let automatic = || {
        let known = source == SOURCE_ALARM || source == SOURCE_EVENTS;
        trigger_arn
            .filter(|_| known)
            .map_or(Dedupe::None, |arn| Dedupe::Key(arn.to_owned()))
    };
    match dedupe_string(plan) {
        None => automatic(),
        Some(text) if !template::has_variables(text) => Dedupe::Key(text.to_owned()),
        Some(text) => template::dedupe_key(text, facts).map_or(Dedupe::None, Dedupe::Key),
    }
}

fn detected(envelope: &Value, at: Timestamp) -> Timestamp {
    resource::first_seen(envelope)
        .and_then(|text| text.parse::<Timestamp>().ok())
        .map_or(at, |seen| seen.min(at))
}

/// What an alarm's metric is about, the event's `resources`, and the resource of the finding (GuardDuty leaves the
/// envelope's list empty).
fn involved(event: &Event, envelope: &Value) -> Vec<String> {
    let mut all = alarm::resources(envelope);
    let primary = resource::primary(envelope).and_then(|primary| primary.arn);
    for arn in event.resources.iter().take(100).cloned().chain(primary) {
        if !all.contains(&arn) {
            all.push(arn);
        }
    }
    all
}

/// The runbook runs where the plan's owner listens, or where the event came from if the plan says so.
fn event_region(start: &EventStart<'_>) -> String {
    let impacted = start
        .plan
        .actions
        .iter()
        .any(|Action::SsmAutomation(action)| {
            action.target_account == Some(TargetAccount::ImpactedAccount)
        });
    let rule = Arn::parse(start.rule_arn)
        .map(|arn| arn.region)
        .filter(|region| !region.is_empty() && !impacted);
    let region = rule.map_or(Cow::Borrowed(start.event.region.as_str()), Cow::Owned);
    region.into_owned()
}
