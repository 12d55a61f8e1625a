//! Acceptance: events and triggers become committed inbox rows before anybody is told that they were taken.
//!
//! Matching happens in memory first. One commit holds a request's events with all their deliveries; an event that no
//! rule wants costs a counter only.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use model::arn::Arn;
use model::bus::{Rule, Target};
use model::incident::Trigger;
use model::plan::{RESPONSE_PLAN, ResponsePlan};
use model::report::StartRun;
use model::{AggregateId, Event, Scope, ids};
use ports::StoreError;
use ports::store::{ClaimKey, NewInput, Turn};
use response::delivery;
use response::plan::{self, EventStart};
use rules::transform::{InputTransformer, TargetInput, TransformContext};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::dispatch::Mail;
use crate::engine::Shared;
use crate::error::AskError;
use crate::input::Input;

/// One event to be put on a bus. The members have been checked for presence by whoever decoded the request.
#[derive(Debug, Clone, PartialEq)]
pub struct PutEntry {
    /// Bus name.
    pub bus: String,
    /// Source.
    pub source: String,
    /// Free-text kind.
    pub detail_type: String,
    /// JSON object as text, kept to the letter.
    pub detail: String,
    /// ARNs.
    pub resources: Vec<String>,
    /// When it happened; `None` means now.
    pub time: Option<Timestamp>,
}

/// What became of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryOutcome {
    /// Taken, under this id.
    Accepted {
        /// The event's id.
        event_id: Uuid,
    },
    /// `detail` is no JSON object within the limits.
    Malformed {
        /// What is wrong.
        reason: String,
    },
}

/// Events seen and events that no rule wanted, since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) seen: AtomicU64,
    pub(crate) unmatched: AtomicU64,
}

/// Triggers a response plan and waits for the incident that takes the trigger.
pub(crate) async fn trigger(
    shared: &Arc<Shared>,
    scope: &Scope,
    trigger: Trigger,
) -> Result<Value, AskError> {
    let scope = scope.global();
    let to = incident_for(shared, &scope, &trigger).await?;
    let input = Input::Incident(Box::new(response::incident::Input::Trigger(Box::new(
        trigger,
    ))));
    shared.dispatcher.ask(to, scope, input, Vec::new()).await
}

/// The open incident with the trigger's dedupe key, or a new one. Only a hint: the claim decides.
async fn incident_for(
    shared: &Shared,
    scope: &Scope,
    trigger: &Trigger,
) -> Result<AggregateId, StoreError> {
    if let Some(wish) = trigger.dedupe_claim() {
        let key = ClaimKey {
            scope: scope.clone(),
            family: wish.scope,
            key: wish.key,
        };
        if let Some(holder) = shared
            .ports
            .store
            .claim(key, shared.ports.clock.now())
            .await?
        {
            return Ok(holder);
        }
    }
    let fresh = ids::random(&shared.ports.entropy.draw(), "incident");
    Ok(AggregateId::incident(fresh))
}

pub(crate) async fn put_events(
    shared: &Arc<Shared>,
    scope: &Scope,
    entries: Vec<PutEntry>,
) -> Result<Vec<EntryOutcome>, AskError> {
    shared.dispatcher.admit(entries.len())?;
    let now = shared.ports.clock.now();
    let mut outcomes = Vec::with_capacity(entries.len());
    let mut inputs = Vec::new();
    for entry in entries {
        let id = ids::random(&shared.ports.entropy.draw(), "event");
        let text = envelope(scope, &entry, id, now);
        let event = match rules::Event::parse(&text) {
            Ok(event) => event,
            Err(error) => {
                outcomes.push(EntryOutcome::Malformed {
                    reason: error.to_string(),
                });
                continue;
            }
        };
        shared.counters.seen.fetch_add(1, Ordering::Relaxed);
        let matching = shared.bus.matching(scope, &entry.bus, &event);
        if matching.is_empty() {
            shared.counters.unmatched.fetch_add(1, Ordering::Relaxed);
        } else {
            inputs.extend(deliveries(shared, scope, &matching, &text, now).await?);
        }
        outcomes.push(EntryOutcome::Accepted { event_id: id });
    }
    commit(shared, inputs, now).await?;
    Ok(outcomes)
}

/// The event's envelope around the detail's own text, so that numbers and escapes stay as they were sent.
fn envelope(scope: &Scope, entry: &PutEntry, id: Uuid, now: Timestamp) -> String {
    let time = entry.time.unwrap_or(now);
    let head = json!({
        "version": "0",
        "id": id,
        "detail-type": entry.detail_type,
        "source": entry.source,
        "account": scope.account,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "region": scope.region,
        "resources": entry.resources,
    });
    let head = head.to_string();
    let open = head.strip_suffix('}').unwrap_or(&head);
    format!("{open},\"detail\":{}}}", entry.detail)
}

/// The inputs that one event gives to the targets of the rules that match it.
async fn deliveries(
    shared: &Shared,
    scope: &Scope,
    matching: &[Arc<Rule>],
    text: &str,
    now: Timestamp,
) -> Result<Vec<(AggregateId, Scope, Input)>, AskError> {
    let value: Value = serde_json::from_str(text).unwrap_or(Value::Null);
    let Ok(event) = serde_json::from_value::<Event>(value.clone()) else {
        return Ok(Vec::new());
    };
    let arrival = Arrival {
        scope,
        event: &event,
        value: &value,
        text,
        now,
    };
    let mut inputs = Vec::new();
    for rule in matching {
        let rule_arn = rule_arn(scope, rule);
        for target in rule.targets.values() {
            match deliver(shared, &arrival, (rule, &rule_arn), target).await? {
                Ok(input) => inputs.push(input),
                Err(reason) => tracing::warn!(
                    rule.arn = rule_arn,
                    target.id = target.id,
                    event.id = event.id,
                    reason,
                    "an event was not delivered"
                ),
            }
        }
    }
    Ok(inputs)
}

/// An event that has arrived, in the forms that targets want.
struct Arrival<'a> {
    scope: &'a Scope,
    event: &'a Event,
    value: &'a Value,
    text: &'a str,
    now: Timestamp,
}

/// The input for one target, or why there is none.
async fn deliver(
    shared: &Shared,
    arrival: &Arrival<'_>,
    (rule, rule_arn): (&Rule, &str),
    target: &Target,
) -> Result<Result<(AggregateId, Scope, Input), String>, AskError> {
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
            let owner = arrival.scope.global();
            let found = shared
                .ports
                .store
                .resource(owner.clone(), RESPONSE_PLAN.to_owned(), name.clone())
                .await?;
            let Some(plan) =
                found.and_then(|found| serde_json::from_value::<ResponsePlan>(found.body).ok())
            else {
                return Ok(Err(format!("there is no response plan `{name}`")));
            };
            let trigger = plan::trigger_from_event(&EventStart {
                plan: &plan,
                plan_arn: &target.arn,
                rule_arn,
                event: arrival.event,
                raw: arrival.text,
                input: &rendered,
                at: arrival.now,
            });
            let to = incident_for(shared, &owner, &trigger).await?;
            let input = Input::Incident(Box::new(response::incident::Input::Trigger(Box::new(
                trigger,
            ))));
            Ok(Ok((to, owner, input)))
        }
        Destination::Document => {
            let request = start_run(arrival, target, rule_arn, &rendered);
            Ok(request.map(|request| {
                (
                    AggregateId::run(id),
                    arrival.scope.clone(),
                    Input::StartRun(Box::new(request)),
                )
            }))
        }
        Destination::Webhook => {
            let retry = |name: &str| {
                let given = target.retry_policy.as_ref()?.get(name)?.as_u64()?;
                u32::try_from(given).ok()
            };
            let start = delivery::Start {
                url: target.arn.clone(),
                rule_arn: rule_arn.to_owned(),
                subject: arrival.event.detail_type.clone(),
                message: rendered,
                maximum_retry_attempts: retry("MaximumRetryAttempts"),
                maximum_event_age_in_seconds: retry("MaximumEventAgeInSeconds"),
            };
            let input = Input::Delivery(Box::new(delivery::Input::Start(start)));
            Ok(Ok((
                AggregateId::delivery(id),
                arrival.scope.clone(),
                input,
            )))
        }
        Destination::Unknown => Ok(Err(format!(
            "target `{}` is of no kind that Quell serves",
            target.arn
        ))),
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
fn rule_arn(scope: &Scope, rule: &Rule) -> String {
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

/// Commits all deliveries of a request at once, then lets their aggregates know.
async fn commit(
    shared: &Arc<Shared>,
    inputs: Vec<(AggregateId, Scope, Input)>,
    now: Timestamp,
) -> Result<(), AskError> {
    if inputs.is_empty() {
        return Ok(());
    }
    let inbox_new = inputs
        .iter()
        .map(|(aggregate, scope, input)| NewInput {
            aggregate: *aggregate,
            scope: scope.clone(),
            body: input.to_body(),
            at: now,
        })
        .collect();
    let committed = shared
        .ports
        .store
        .commit(Turn {
            inbox_new,
            ..Turn::default()
        })
        .await?;
    for ((to, scope, input), seq) in inputs.into_iter().zip(committed.inbox) {
        shared
            .dispatcher
            .send(to, scope, Mail::Inbox { seq, input });
    }
    Ok(())
}
