//! What an event becomes for a target: a trigger of a response plan, a wish for a run, a delivery to a webhook.

use bus::delivery;
use jiff::Timestamp;
use model::arn::Arn;
use model::bus::{Rule, Target};
use model::plan::{RESPONSE_PLAN, ResponsePlan};
use model::report::StartRun;
use model::{AggregateId, Event, Scope, ids};
use response::plan::{self, EventStart};
use rules::transform::{InputTransformer, TargetInput, TransformContext};
use serde_json::{Value, json};

use crate::engine::Shared;
use crate::error::AskError;
use crate::input::Input;
use crate::lookup::readable;
use crate::routes::{incident_for, incident_input};

/// An event that has arrived, in the forms that targets want.
pub(crate) struct Arrival<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) event: &'a Event,
    pub(crate) value: &'a Value,
    pub(crate) text: &'a str,
    pub(crate) now: Timestamp,
}

/// What one event gives to one target: an input, or why there is none.
pub(crate) type Delivered = Result<(AggregateId, Scope, Input), String>;

/// The input for one target, or why there is none.
pub(crate) async fn deliver(
    shared: &Shared,
    arrival: &Arrival<'_>,
    (rule, rule_arn): (&Rule, &str),
    target: &Target,
) -> Result<Delivered, AskError> {
    let context = TransformContext {
        rule_arn,
        rule_name: &rule.name,
        ingestion_time: arrival.now,
    };
    let rendered = target_input(target).and_then(|input| {
        input
            .render(arrival.value, &context)
            .map_err(|error| error.to_string())
    });
    let rendered = match rendered {
        Ok(rendered) => rendered,
        Err(reason) => return Ok(Err(reason)),
    };
    let id = ids::named(&["delivery", &arrival.event.id, rule_arn, &target.id]);
    match destination(&target.arn) {
        Destination::ResponsePlan(name) => {
            let place = (name.as_str(), target.arn.as_str(), rule_arn);
            to_plan(shared, arrival, place, &rendered).await
        }
        Destination::Document => {
            let request = start_run(arrival, target, rule_arn, &rendered);
            Ok(request.map(|request| {
                let input = Input::StartRun(Box::new(request));
                (AggregateId::run(id), arrival.scope.clone(), input)
            }))
        }
        Destination::Webhook => {
            let input = to_webhook(arrival, target, rule_arn, rendered);
            let to = AggregateId::delivery(id);
            Ok(Ok((to, arrival.scope.clone(), input)))
        }
        Destination::Unknown => Ok(Err(format!(
            "target `{}` is of no kind that Quell serves",
            target.arn
        ))),
    }
}

async fn to_plan(
    shared: &Shared,
    arrival: &Arrival<'_>,
    (name, plan_arn, rule_arn): (&str, &str, &str),
    rendered: &str,
) -> Result<Delivered, AskError> {
    let owner = arrival.scope.global();
    let store = &shared.ports.store;
    let found = store.resource(owner.clone(), RESPONSE_PLAN.to_owned(), name.to_owned());
    let stored = found.await?.map(|found| found.body);
    let Some(plan) = stored.and_then(|body| readable::<ResponsePlan>(name, body)) else {
        return Ok(Err(format!("there is no response plan `{name}`")));
    };
    let trigger = plan::trigger_from_event(&EventStart {
        plan: &plan,
        plan_arn,
        rule_arn,
        event: arrival.event,
        raw: arrival.text,
        input: rendered,
        at: arrival.now,
    });
    let to = incident_for(shared, &owner, &trigger).await?;
    Ok(Ok((to, owner, incident_input(trigger))))
}

fn to_webhook(arrival: &Arrival<'_>, target: &Target, rule_arn: &str, rendered: String) -> Input {
    let notification = delivery::Notification {
        url: target.arn.clone(),
        subject: arrival.event.detail_type.clone(),
        message: rendered,
    };
    let request = delivery::Request::Notification(notification);
    let start = start(arrival, target, rule_arn, request);
    Input::Delivery(Box::new(delivery::Input::Start(Box::new(start))))
}

/// A delivery of an event to a rule's target, with the target's own retry policy and dead-letter queue.
fn start(
    arrival: &Arrival<'_>,
    target: &Target,
    rule_arn: &str,
    request: delivery::Request,
) -> delivery::Start {
    let policy = |name: &str| {
        let given = target.retry_policy.as_ref()?.get(name)?.as_u64()?;
        u32::try_from(given).ok()
    };
    let queue = target.rest.get("DeadLetterConfig");
    let queue = queue.and_then(|config| config.get("Arn")?.as_str());
    delivery::Start {
        origin: rule_arn.to_owned(),
        target_id: target.id.clone(),
        target_arn: target.arn.clone(),
        request,
        retry: delivery::Retry {
            maximum_attempts: policy("MaximumRetryAttempts"),
            maximum_age_secs: policy("MaximumEventAgeInSeconds"),
        },
        dead_letter: queue.map(str::to_owned),
        event: arrival.text.to_owned(),
    }
}

pub(crate) fn target_input(target: &Target) -> Result<TargetInput, String> {
    let transformer = match &target.input_transformer {
        None => None,
        Some(value) => {
            let paths = value
                .get("InputPathsMap")
                .cloned()
                .unwrap_or_else(|| json!({}));
            let paths = serde_json::from_value(paths).map_err(|error| error.to_string())?;
            let template = value
                .get("InputTemplate")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned();
            Some(InputTransformer { paths, template })
        }
    };
    TargetInput::from_parts(
        &target.id,
        target.input.clone(),
        target.input_path.clone(),
        transformer,
    )
    .map_err(|error| error.to_string())
}

/// What kind of thing a target's ARN names.
pub(crate) enum Destination {
    /// A response plan of this name.
    ResponsePlan(String),
    /// An automation document.
    Document,
    /// An HTTP(S) address.
    Webhook,
    /// Nothing that Quell serves.
    Unknown,
}

/// Reads a target's ARN.
pub(crate) fn destination(target: &str) -> Destination {
    if target.starts_with("https://") || target.starts_with("http://") {
        return Destination::Webhook;
    }
    match Arn::parse(target) {
        Some(arn) if arn.service == "ssm-incidents" => match arn.tail("response-plan") {
            Some(name) => Destination::ResponsePlan(name.to_owned()),
            None => Destination::Unknown,
        },
        Some(arn) if arn.service == "ssm" => {
            match arn.tail("automation-definition").or(arn.tail("document")) {
                Some(_) => Destination::Document,
                None => Destination::Unknown,
            }
        }
        _ => Destination::Unknown,
    }
}

/// A run as a rule target asks for it: the target's input is a JSON object of parameters, each a list of strings.
fn start_run(
    arrival: &Arrival<'_>,
    target: &Target,
    rule_arn: &str,
    rendered: &str,
) -> Result<StartRun, String> {
    let own_input =
        target.input.is_some() || target.input_path.is_some() || target.input_transformer.is_some();
    let parameters = if own_input {
        serde_json::from_str(rendered).map_err(|error| {
            format!("the target's input must be a JSON object of parameters, each a list of strings: {error}")
        })?
    } else {
        std::collections::BTreeMap::new()
    };
    Ok(StartRun {
        document_name: target.arn.clone(),
        document_version: None,
        parameters,
        executed_by: target
            .role_arn
            .clone()
            .unwrap_or_else(|| rule_arn.to_owned()),
        region: arrival.scope.region.clone(),
        mode: "Auto".to_owned(),
        incident: None,
        tags: std::collections::BTreeMap::new(),
    })
}

/// A rule's ARN: rules of the default bus stand without the bus.
pub(crate) fn rule_arn(scope: &Scope, rule: &Rule) -> String {
    let partition = scope.partition();
    let place = if rule.bus == "default" {
        rule.name.clone()
    } else {
        format!("{}/{}", rule.bus, rule.name)
    };
    format!(
        "arn:{partition}:events:{}:{}:rule/{place}",
        scope.region, scope.account
    )
}
