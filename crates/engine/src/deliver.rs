//! What an event becomes for a target: a trigger of a response plan, a wish for a run, a delivery to a target outside.

use bus::delivery::{self, Notification, Request, Undeliverable};
use bus::topics::Message;
use flow::automation::DocumentSource;
use jiff::Timestamp;
use model::arn::Arn;
use model::bus::{Rule, Target};
use model::plan::{RESPONSE_PLAN, ResponsePlan};
use model::report::StartRun;
use model::{AggregateId, Event, Scope, ids};
use ports::connection::ConfiguredError;
use response::plan::{self, EventStart};
use rules::transform::{InputTransformer, TargetInput, TransformContext};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::destinations;
use crate::engine::Shared;
use crate::error::AskError;
use crate::input::Input;
use crate::lookup::{self, Lookup, Prepared, readable};
use crate::machine::{self, Context};
use crate::routes::{incident_for, incident_input};
use crate::targets::{self, Destination, destination};
use crate::topics;

/// An event that has arrived, in the forms that targets want.
pub(crate) struct Arrival<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) event: &'a Event,
    pub(crate) value: &'a Value,
    pub(crate) text: &'a str,
    pub(crate) now: Timestamp,
}

/// Inputs for aggregates, to be committed together.
pub(crate) type Inputs = Vec<(AggregateId, Scope, Input)>;

/// The inputs for one target. An event of which nothing can be made for the target becomes a delivery all the same: it
/// ends in the target's dead-letter queue, or is shown as dropped.
pub(crate) async fn deliver(
    shared: &Shared,
    arrival: &Arrival<'_>,
    (rule, rule_arn): (&Rule, &str),
    target: &Target,
) -> Result<Inputs, AskError> {
    let id = delivery_id(arrival, rule_arn, target);
    let made = match rendered(arrival, (rule, rule_arn), target) {
        Ok(rendered) => wanted(shared, arrival, (rule_arn, target, id), rendered).await?,
        Err(reason) => Err(undeliverable("INVALID_JSON", reason)),
    };
    Ok(made.unwrap_or_else(|why| vec![refused(arrival, rule_arn, target, why)]))
}

/// The delivery that takes an event to where undeliverable events go.
pub(crate) fn refused(
    arrival: &Arrival<'_>,
    rule_arn: &str,
    target: &Target,
    why: Undeliverable,
) -> (AggregateId, Scope, Input) {
    tracing::warn!(
        rule.arn = rule_arn,
        target.id = target.id,
        event.id = arrival.event.id,
        reason = why.message,
        "an event cannot be delivered"
    );
    let id = delivery_id(arrival, rule_arn, target);
    let request = Request::Undeliverable(why);
    delivery(arrival, (rule_arn, target, id), request)
}

/// The same event for the same target of the same rule is one delivery; a replay of it is another.
fn delivery_id(arrival: &Arrival<'_>, rule_arn: &str, target: &Target) -> Uuid {
    let event = arrival.event.id.as_str();
    let replay = arrival.value.get("replay-name").and_then(Value::as_str);
    match replay {
        None => ids::named(&["delivery", event, rule_arn, &target.id]),
        Some(replay) => ids::named(&["delivery", event, rule_arn, &target.id, replay]),
    }
}

/// The target's input.
fn rendered(
    arrival: &Arrival<'_>,
    (rule, rule_arn): (&Rule, &str),
    target: &Target,
) -> Result<String, String> {
    let context = TransformContext {
        rule_arn,
        rule_name: &rule.name,
        ingestion_time: arrival.now,
    };
    let rendered = target_input(target)?.render(arrival.value, &context);
    rendered.map_err(|error| error.to_string())
}

pub(crate) fn undeliverable(code: &str, message: String) -> Undeliverable {
    Undeliverable {
        code: code.to_owned(),
        message,
    }
}

/// What one event gives to one target, or why there is nothing.
async fn wanted(
    shared: &Shared,
    arrival: &Arrival<'_>,
    (rule_arn, target, id): (&str, &Target, Uuid),
    rendered: String,
) -> Result<Result<Inputs, Undeliverable>, AskError> {
    let destination = destination(&target.arn);
    if let Destination::Api(_) = &destination
        && let Err(why) = exists(shared, arrival, &target.arn).await?
    {
        return Ok(Err(why));
    }
    if let Destination::Topic(arn) = &destination
        && let Some(made) = to_topic(shared, arrival, (arn, id), &rendered)
    {
        return Ok(made);
    }
    if let Some(request) = targets::outside(arrival, target, (&destination, id), &rendered) {
        return Ok(request.map(|request| vec![delivery(arrival, (rule_arn, target, id), request)]));
    }
    match destination {
        Destination::ResponsePlan(name) => {
            let place = (name.as_str(), target.arn.as_str(), rule_arn);
            to_plan(shared, arrival, place, &rendered).await
        }
        Destination::Document => {
            let made = to_run(shared, arrival, (rule_arn, target, id), &rendered).await?;
            Ok(made.map(|request| {
                let input = Input::StartRun(Box::new(request));
                vec![(AggregateId::run(id), arrival.scope.clone(), input)]
            }))
        }
        Destination::Webhook => {
            let request = notification(arrival, target, rendered);
            Ok(Ok(vec![delivery(arrival, (rule_arn, target, id), request)]))
        }
        _ => {
            let message = format!("target `{}` is of no kind that Quell serves", target.arn);
            Ok(Err(undeliverable("INVALID_PARAMETER", message)))
        }
    }
}

/// Whether there is such an API destination, with its connection: an event for none goes to the dead-letter queue now.
async fn exists(
    shared: &Shared,
    arrival: &Arrival<'_>,
    arn: &str,
) -> Result<Result<(), Undeliverable>, AskError> {
    let store = shared.ports.store.as_ref();
    match destinations::find(store, arrival.scope, arn).await {
        Ok(_) => Ok(Ok(())),
        Err(ConfiguredError::Missing(message)) => Ok(Err(undeliverable("NO_RESOURCE", message))),
        Err(ConfiguredError::Unreadable(message)) => Err(AskError::Broken(message)),
    }
}

/// The wish for a run, decided once without being kept: what its machine would refuse later, when nobody is left to be
/// told, is refused now.
async fn to_run(
    shared: &Shared,
    arrival: &Arrival<'_>,
    (rule_arn, target, id): (&str, &Target, Uuid),
    rendered: &str,
) -> Result<Result<StartRun, Undeliverable>, AskError> {
    let request = match start_run(arrival, target, rule_arn, rendered) {
        Ok(request) => request,
        Err(reason) => return Ok(Err(undeliverable("INVALID_PARAMETER", reason))),
    };
    let found = lookup::document(shared, arrival.scope, &request).await?;
    let missing = matches!(found.source, DocumentSource::Missing { .. });
    let prepared = Prepared {
        input: Input::StartRun(Box::new(request.clone())),
        lookup: Lookup::Document(Box::new(found)),
    };
    let context = Context {
        id: AggregateId::run(id),
        scope: arrival.scope.clone(),
        at: arrival.now,
        entropy: [0; 32],
        step_budget: 1,
        throttle_retry_secs: 0,
        definitions: std::sync::Arc::clone(&shared.definitions),
        keep_previews: jiff::SignedDuration::ZERO,
    };
    let code = if missing {
        "NO_RESOURCE"
    } else {
        "INVALID_PARAMETER"
    };
    let tried = machine::decide(None, prepared, &context);
    Ok(tried
        .map(|_| request)
        .map_err(|rejection| undeliverable(code, rejection.to_string())))
}

async fn to_plan(
    shared: &Shared,
    arrival: &Arrival<'_>,
    (name, plan_arn, rule_arn): (&str, &str, &str),
    rendered: &str,
) -> Result<Result<Inputs, Undeliverable>, AskError> {
    let owner = arrival.scope.global();
    let store = &shared.ports.store;
    let found = store.resource(owner.clone(), RESPONSE_PLAN.to_owned(), name.to_owned());
    let stored = found.await?.map(|found| found.body);
    let Some(plan) = stored.and_then(|body| readable::<ResponsePlan>(name, body)) else {
        let message = format!("there is no response plan `{name}`");
        return Ok(Err(undeliverable("NO_RESOURCE", message)));
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
    Ok(Ok(vec![(to, owner, incident_input(trigger))]))
}

/// What a topic of this server makes of an event; `None` for a topic that is not here.
fn to_topic(
    shared: &Shared,
    arrival: &Arrival<'_>,
    (topic, id): (&Arn, Uuid),
    rendered: &str,
) -> Option<Result<Inputs, Undeliverable>> {
    let scope = Scope {
        account: topic.account.clone(),
        region: topic.region.clone(),
        ..arrival.scope.clone()
    };
    let place = (&scope, topic.resource.as_str());
    if !shared.topics.holds(place.0, place.1) {
        return None;
    }
    let message = match Message::plain(rendered, "") {
        Ok(message) => message,
        Err(error) => {
            return Some(Err(undeliverable("INVALID_PARAMETER", error.to_string())));
        }
    };
    topics::publish_inputs(shared, place, id, &message, arrival.now).map(Ok)
}

fn notification(arrival: &Arrival<'_>, target: &Target, rendered: String) -> Request {
    Request::Notification(Notification {
        url: target.arn.clone(),
        subject: arrival.event.detail_type.clone(),
        message: rendered,
    })
}

/// The start of a delivery, as an input.
fn delivery(
    arrival: &Arrival<'_>,
    (rule_arn, target, id): (&str, &Target, Uuid),
    request: Request,
) -> (AggregateId, Scope, Input) {
    let start = start(arrival, target, rule_arn, request);
    let input = Input::Delivery(Box::new(delivery::Input::Start(Box::new(start))));
    (AggregateId::delivery(id), arrival.scope.clone(), input)
}

/// A delivery of an event to a rule's target, with the target's own retry policy and dead-letter queue.
fn start(
    arrival: &Arrival<'_>,
    target: &Target,
    rule_arn: &str,
    request: Request,
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
            ..delivery::Retry::default()
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

/// A run as a rule target asks for it: the target's input is a JSON object of parameters, each a list of strings.
fn start_run(
    arrival: &Arrival<'_>,
    target: &Target,
    rule_arn: &str,
    rendered: &str,
) -> Result<StartRun, String> {
    let parameters = if target.has_own_input() {
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
        ..StartRun::default()
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
