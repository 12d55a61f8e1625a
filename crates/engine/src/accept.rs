//! Acceptance: events and triggers become committed inbox rows before anybody is told that they were taken.
//!
//! Matching happens in memory first. One commit holds a request's events with all their deliveries; an event that no
//! rule wants costs a counter only.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use model::bus::Rule;
use model::incident::Trigger;
use model::{AggregateId, Event, Scope, ids};
use ports::StoreError;
use ports::store::{ClaimKey, NewInput, Turn};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::deliver::{Arrival, deliver, rule_arn};
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
    let input = incident_input(trigger);
    shared.dispatcher.ask(to, scope, input, Vec::new()).await
}

pub(crate) fn incident_input(trigger: Trigger) -> Input {
    Input::Incident(Box::new(response::incident::Input::Trigger(Box::new(
        trigger,
    ))))
}

/// Which new incident a dedupe key was last sent to, until its claim is committed: triggers that follow each other
/// closely then meet in one incident, in their order, instead of racing for the claim. Only a hint: the claim decides.
#[derive(Debug, Default)]
pub(crate) struct Routes(Mutex<HashMap<ClaimKey, AggregateId>>);

/// Routes kept; when there are more, all are forgotten, which costs a race and nothing else.
const ROUTES: usize = 4_096;

impl Routes {
    fn route(&self, key: ClaimKey, fresh: AggregateId) -> AggregateId {
        let mut routes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if routes.len() >= ROUTES {
            routes.clear();
        }
        *routes.entry(key).or_insert(fresh)
    }

    fn forget(&self, key: &ClaimKey) {
        let mut routes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        routes.remove(key);
    }
}

/// The open incident with the trigger's dedupe key, or a new one.
pub(crate) async fn incident_for(
    shared: &Shared,
    scope: &Scope,
    trigger: &Trigger,
) -> Result<AggregateId, StoreError> {
    let fresh = AggregateId::incident(ids::random(&shared.ports.entropy.draw(), "incident"));
    let Some(wish) = trigger.dedupe_claim() else {
        return Ok(fresh);
    };
    let key = ClaimKey {
        scope: scope.clone(),
        family: wish.scope,
        key: wish.key,
    };
    let now = shared.ports.clock.now();
    match shared.ports.store.claim(key.clone(), now).await? {
        Some(holder) => {
            shared.routes.forget(&key);
            Ok(holder)
        }
        None => Ok(shared.routes.route(key, fresh)),
    }
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
        let event = match whole_object(&entry.detail).and_then(|()| read(&text)) {
            Ok(event) => event,
            Err(reason) => {
                outcomes.push(EntryOutcome::Malformed { reason });
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

/// Whether a detail is one JSON object and nothing besides: text behind it could speak for the envelope.
fn whole_object(detail: &str) -> Result<(), String> {
    let object = serde_json::from_str::<BTreeMap<String, IgnoredAny>>(detail);
    object.map(|_| ()).map_err(|error| error.to_string())
}

fn read(text: &str) -> Result<rules::Event, String> {
    rules::Event::parse(text).map_err(|error| error.to_string())
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
