//! Acceptance: events and triggers become committed inbox rows before anybody is told that they were taken.
//!
//! Matching happens in memory first. One commit holds a request's events with all their deliveries; an event that no
//! rule wants costs a counter only.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use model::bus::Rule;
use model::incident::Trigger;
use model::{AggregateId, Event, Scope, ids};
use ports::CommitError;
use ports::store::{ArchivedEvent, NewInput, Turn};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::deliver::{Arrival, Inputs};
use crate::dispatch::Mail;
use crate::engine::Shared;
use crate::error::AskError;
use crate::fan_out;
pub(crate) use crate::fan_out::deliveries;
use crate::input::Input;
use crate::metrics::Local;
use crate::routes::{incident_for, incident_input};

/// One event to be put on a bus. The members have been checked for presence by whoever decoded the request.
#[derive(Debug, Clone, PartialEq, Default)]
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
    /// The event's own id, where it has been an event before it came here; `None` makes one.
    pub id: Option<Uuid>,
    /// The account that the event comes from; `None` is the bus's.
    pub account: Option<String>,
    /// The region that the event comes from; `None` is the bus's.
    pub region: Option<String>,
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

/// Events since the start of the process.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    seen: AtomicU64,
    unmatched: AtomicU64,
    unknown_bus: AtomicU64,
}

/// How many events came since the start of the process, and how many of them no rule wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventCounts {
    /// Events accepted.
    pub seen: u64,
    /// Those that no enabled rule of their bus matched: nothing of them is stored.
    pub unmatched: u64,
    /// Those of the unmatched whose bus does not exist: accepted and dropped, as EventBridge does.
    pub unknown_bus: u64,
}

impl Counters {
    pub(crate) fn read(&self) -> EventCounts {
        EventCounts {
            seen: self.seen.load(Ordering::Relaxed),
            unmatched: self.unmatched.load(Ordering::Relaxed),
            unknown_bus: self.unknown_bus.load(Ordering::Relaxed),
        }
    }
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

pub(crate) async fn put_events(
    shared: &Arc<Shared>,
    scope: &Scope,
    entries: Vec<PutEntry>,
) -> Result<Vec<EntryOutcome>, AskError> {
    shared.dispatcher.admit(entries.len())?;
    let now = shared.ports.clock.now();
    let mut outcomes = Vec::with_capacity(entries.len());
    let mut inputs = Vec::new();
    let mut taken = Vec::new();
    let (mut archived, mut arrived) = (Vec::new(), Vec::new());
    for entry in entries {
        outcomes.push(match accept(shared, scope, &entry, now).await? {
            Ok(accepted) => {
                arrived.extend(accepted.arrived);
                inputs.extend(accepted.inputs);
                taken.extend(accepted.taken);
                archived.extend(accepted.archived);
                EntryOutcome::Accepted {
                    event_id: accepted.id,
                }
            }
            Err(reason) => EntryOutcome::Malformed { reason },
        });
    }
    commit(shared, inputs, archived, now).await?;
    arrived.into_iter().for_each(|event| event.note(shared));
    shared.metrics.taken(&taken, now);
    Ok(outcomes)
}

/// An event that has been matched, with what is still to be committed.
pub(crate) struct Accepted {
    pub(crate) id: Uuid,
    pub(crate) inputs: Inputs,
    /// Targets in this process that will have the event with the commit.
    pub(crate) taken: Vec<Local>,
    /// What archives keep of it.
    pub(crate) archived: Vec<ArchivedEvent>,
    /// Its arrivals at all buses that it comes to.
    pub(crate) arrived: Vec<Arrived>,
}

/// What is counted and shown of an event that arrived, whoever wants it: to be noted when it is sure that it did.
#[must_use]
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) scope: Scope,
    /// Its bus; empty for a name that is not to be counted by.
    pub(crate) bus: String,
    /// For the bus that it came to first, whether there is such a bus; rules lead to others that there are.
    pub(crate) first: Option<bool>,
    pub(crate) matching: Vec<Arc<Rule>>,
    pub(crate) id: Uuid,
    pub(crate) at: Timestamp,
    pub(crate) text: String,
}

impl Arrived {
    /// Counts it, and keeps it among the recent ones of its bus.
    pub(crate) fn note(self, shared: &Shared) {
        if let Some(exists) = self.first {
            let count =
                |counter: &AtomicU64, by: bool| counter.fetch_add(by.into(), Ordering::Relaxed);
            count(&shared.counters.seen, true);
            count(&shared.counters.unmatched, self.matching.is_empty());
            count(&shared.counters.unknown_bus, !exists);
        }
        let (scope, bus) = (&self.scope, &self.bus);
        shared.metrics.arrived(scope, bus, &self.matching);
        if !bus.is_empty() {
            shared
                .recent
                .keep(scope, bus, (self.id, self.at), self.text);
        }
    }
}

/// Matches an event and makes the inputs of its targets, or says why it is no event.
pub(crate) async fn accept(
    shared: &Shared,
    scope: &Scope,
    entry: &PutEntry,
    now: Timestamp,
) -> Result<Result<Accepted, String>, AskError> {
    let id = entry
        .id
        .unwrap_or_else(|| ids::random(&shared.ports.entropy.draw(), "event"));
    let text = envelope(scope, entry, id, now);
    let event = match whole_object(&entry.detail).and_then(|()| read(&text)) {
        Ok(event) => event,
        Err(reason) => return Ok(Err(reason)),
    };
    let matching = shared.rules.matching(scope, &entry.bus, event);
    let bus = (scope, entry.bus.as_str());
    let kept = (id, entry.time.unwrap_or(now), text.as_str());
    let archived = shared.archives.keep(bus, event, kept);
    let known = shared.rules.knows(scope, &entry.bus);
    let mut accepted = Accepted {
        id,
        inputs: Vec::new(),
        taken: Vec::new(),
        archived,
        arrived: Vec::new(),
    };
    // What is kept must be fit for targets, too: a replay gives it to them.
    if !matching.is_empty() || !accepted.archived.is_empty() {
        let (value, envelope) = match parsed(&text) {
            Ok(parsed) => parsed,
            Err(reason) => return Ok(Err(reason)),
        };
        let arrival = Arrival {
            scope,
            event: &envelope,
            value: &value,
            text: &text,
            now,
        };
        let given = deliveries(shared, &arrival, &matching).await?;
        accepted.inputs = given.inputs;
        accepted.taken = given.taken;
        accepted.archived.extend(given.archived);
        accepted.arrived = given.arrived;
    }
    let arrived = Arrived {
        scope: scope.clone(),
        first: Some(known || fan_out::bus_exists(shared, scope, &entry.bus).await?),
        bus: if known {
            entry.bus.clone()
        } else {
            String::new()
        },
        matching,
        id,
        at: now,
        text,
    };
    accepted.arrived.push(arrived);
    Ok(Ok(accepted))
}

/// Whether a detail is one JSON object and nothing besides: text behind it could speak for the envelope.
fn whole_object(detail: &str) -> Result<(), String> {
    let object = serde_json::from_str::<BTreeMap<String, IgnoredAny>>(detail);
    object.map(|_| ()).map_err(|error| error.to_string())
}

fn read(text: &str) -> Result<rules::EventText<'_>, String> {
    rules::EventText::check(text).map_err(|error| error.to_string())
}

/// The event as targets take it. A number beyond what a double holds passes the matcher, which compares texts, but no
/// target could be given it: it is refused, never accepted and dropped.
pub(crate) fn parsed(text: &str) -> Result<(Value, Event), String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let event = Event::deserialize(&value).map_err(|error| error.to_string())?;
    Ok((value, event))
}

/// The event's envelope around the detail's own text, so that numbers and escapes stay as they were sent.
fn envelope(scope: &Scope, entry: &PutEntry, id: Uuid, now: Timestamp) -> String {
    let time = entry.time.unwrap_or(now);
    let head = json!({
        "version": "0",
        "id": id,
        "detail-type": entry.detail_type,
        "source": entry.source,
        "account": entry.account.as_ref().unwrap_or(&scope.account),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "region": entry.region.as_ref().unwrap_or(&scope.region),
        "resources": entry.resources,
    });
    let head = head.to_string();
    let open = head.strip_suffix('}').unwrap_or(&head);
    format!("{open},\"detail\":{}}}", entry.detail)
}

/// Commits all deliveries of a request at once, then lets their aggregates know.
pub(crate) async fn commit(
    shared: &Arc<Shared>,
    inputs: Inputs,
    archived: Vec<ArchivedEvent>,
    now: Timestamp,
) -> Result<(), AskError> {
    if inputs.is_empty() && archived.is_empty() {
        return Ok(());
    }
    let turn = Turn {
        inbox_new: rows(&inputs, now),
        archived,
        ..Turn::default()
    };
    commit_whole(shared, turn, inputs).await??;
    Ok(())
}

/// Commits a turn that accepts `inputs`, and lets their aggregates know. Both happen even if the caller goes away in
/// between: what is committed and told to nobody would wait for the next start.
pub(crate) async fn commit_whole(
    shared: &Arc<Shared>,
    turn: Turn,
    inputs: Inputs,
) -> Result<Result<(), CommitError>, AskError> {
    let (answer, answered) = oneshot::channel();
    let owned = Arc::clone(shared);
    shared.tasks.spawn(async move {
        let committed = owned.ports.store.commit(turn).await;
        let committed = owned.metrics.committed(committed);
        let outcome = committed.map(|committed| announce(&owned, inputs, committed.inbox));
        // Nobody waits any more: what was accepted is under way all the same.
        let _ = answer.send(outcome);
    });
    let lost = |_| AskError::Broken("the commit of an acceptance did not end".to_owned());
    answered.await.map_err(lost)
}

/// Inputs as inbox rows.
pub(crate) fn rows(inputs: &[(AggregateId, Scope, Input)], now: Timestamp) -> Vec<NewInput> {
    let row = |(aggregate, scope, input): &(AggregateId, Scope, Input)| NewInput {
        aggregate: *aggregate,
        scope: scope.clone(),
        body: input.to_body(),
        at: now,
    };
    inputs.iter().map(row).collect()
}

/// Lets the aggregates know of committed inputs.
fn announce(shared: &Shared, inputs: Inputs, committed: Vec<u64>) {
    for ((to, scope, input), seq) in inputs.into_iter().zip(committed) {
        shared
            .dispatcher
            .send(to, scope, Mail::Inbox { seq, input });
    }
}
