//! Scheduled rules: which rule has which schedule, and what a firing gives to the rule's targets.
//!
//! The schedule itself is an aggregate (`bus::schedule`). It is told of its rule's changes by inbox rows of the commit
//! that changes the rule: no crash can part the two.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bus::schedule::{self, Missed, Plan, Schedule};
use jiff::Timestamp;
use model::bus::{RULE, Rule, RuleState};
use model::{AggregateId, Event, Scope, ids};
use ports::StoreError;
use ports::store::ArchivedEvent;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::deliver::{Arrival, Inputs, rule_arn};
use crate::engine::Shared;
use crate::fan_out::{self, Given};
use crate::input::Input;
use crate::lookup::readable;

/// A rule: its owner (with region) and its resource's name, `<bus>/<rule>`.
type RuleKey = (Scope, String);

/// The plans of all scheduled rules, as committed.
#[derive(Debug, Default)]
pub(crate) struct Schedules {
    known: Mutex<HashMap<RuleKey, Plan>>,
}

/// A change of a schedule that belongs to a change of its rule.
pub(crate) struct Change {
    key: RuleKey,
    plan: Option<Plan>,
    pub(crate) to: AggregateId,
    pub(crate) input: Input,
}

impl Change {
    pub(crate) fn scope(&self) -> &Scope {
        &self.key.0
    }
}

impl Schedules {
    /// Takes in a rule as found at the start.
    pub(crate) fn load(&self, scope: &Scope, name: &str, body: &Value) {
        if let Some(plan) = plan(body) {
            self.note((scope.clone(), name.to_owned()), Some(plan));
        }
    }

    /// What a change of a rule resource means for its schedule; nothing when that stays as it is.
    pub(crate) fn change(
        &self,
        scope: &Scope,
        name: &str,
        body: Option<&Value>,
        at: Timestamp,
    ) -> Option<Change> {
        let key = (scope.clone(), name.to_owned());
        let plan = body.and_then(plan);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.get(&key) == plan.as_ref() {
            return None;
        }
        drop(known);
        let (bus, rule) = name.split_once('/')?;
        let input = match &plan {
            Some(plan) => schedule::Input::Set {
                plan: plan.clone(),
                at: whole_second(at),
            },
            None => schedule::Input::Clear,
        };
        Some(Change {
            to: AggregateId::schedule_of(scope, bus, rule),
            key,
            plan,
            input: Input::Schedule(Box::new(input)),
        })
    }

    /// Notes a change that is committed.
    pub(crate) fn committed(&self, change: &Change) {
        self.note(change.key.clone(), change.plan.clone());
    }

    fn note(&self, key: RuleKey, plan: Option<Plan>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match plan {
            Some(plan) => drop(known.insert(key, plan)),
            None => drop(known.remove(&key)),
        }
    }
}

/// What a rule's body says about a schedule.
fn plan(body: &Value) -> Option<Plan> {
    let rule = Rule::deserialize(body).ok()?;
    Some(Plan {
        expression: rule.schedule_expression?,
        bus: rule.bus,
        rule: rule.name,
        enabled: rule.state != RuleState::Disabled,
    })
}

/// Events tell their time in whole seconds, and so do the instants that a rate counts to.
fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// A firing as it was found when its timer went off, with what it gives to whom.
#[derive(Debug, Clone)]
pub(crate) struct Firing {
    pub(crate) at: Timestamp,
    pub(crate) missed: Missed,
    pub(crate) due: Option<Timestamp>,
    pub(crate) sends: Inputs,
    pub(crate) archived: Vec<ArchivedEvent>,
}

impl Firing {
    /// As the journal keeps it: what was sent stands in full in the inbox.
    pub(crate) fn journaled(&self) -> Value {
        let sent: Vec<String> = self.sends.iter().map(|(to, ..)| to.to_string()).collect();
        json!({ "at": self.at, "missed": self.missed, "due": self.due, "sent": sent })
    }
}

/// Prepares what is due now.
pub(crate) async fn prepare(
    shared: &Shared,
    scope: &Scope,
    schedule: &Schedule,
) -> Result<Firing, StoreError> {
    let at = shared.ports.clock.now();
    let missed = shared.options.missed_schedules;
    let due = schedule.firing(at, missed);
    let given = match due {
        Some(due) => given(shared, scope, &schedule.plan, (due, at)).await?,
        None => Given::default(),
    };
    Ok(Firing {
        at,
        missed,
        due,
        sends: given.inputs,
        archived: given.archived,
    })
}

/// The inputs that the scheduled event gives to the rule's targets. A rule that has changed since its schedule was
/// told has nothing to fire.
async fn given(
    shared: &Shared,
    scope: &Scope,
    plan: &Plan,
    (due, now): (Timestamp, Timestamp),
) -> Result<Given, StoreError> {
    let name = format!("{}/{}", plan.bus, plan.rule);
    let store = &shared.ports.store;
    let found = store.resource(scope.clone(), RULE.to_owned(), name.clone());
    let body = found.await?.map(|found| found.body);
    let Some(rule) = body.and_then(|body| readable::<Rule>(&name, body)) else {
        return Ok(Given::default());
    };
    let same = rule.schedule_expression.as_ref() == Some(&plan.expression);
    if !same || rule.state == RuleState::Disabled {
        return Ok(Given::default());
    }
    let (value, event) = scheduled_event(scope, &rule, due);
    let text = value.to_string();
    let arrival = Arrival {
        scope,
        event: &event,
        value: &value,
        text: &text,
        now,
    };
    let rule = Arc::new(rule);
    let mut given = fan_out::deliveries(shared, &arrival, &[Arc::clone(&rule)])
        .await
        .map_err(|error| StoreError(error.to_string()))?;
    shared.metrics.fired(scope, &rule);
    shared.metrics.taken(&given.taken, now);
    for event in std::mem::take(&mut given.arrived) {
        event.note(shared);
    }
    Ok(given)
}

/// The event of a firing. Its id is that of the firing, so that one due instant is one event.
fn scheduled_event(scope: &Scope, rule: &Rule, due: Timestamp) -> (Value, Event) {
    let arn = rule_arn(scope, rule);
    let time = due.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let id = ids::named(&["scheduled-event", &scope.tenant, &arn, &due.to_string()]);
    let event = Event {
        version: "0".to_owned(),
        id: id.to_string(),
        detail_type: "Scheduled Event".to_owned(),
        source: "aws.events".to_owned(),
        account: scope.account.clone(),
        time,
        region: scope.region.clone(),
        resources: vec![arn],
        detail: json!({}),
    };
    let value = json!({
        "version": event.version,
        "id": event.id,
        "detail-type": event.detail_type,
        "source": event.source,
        "account": event.account,
        "time": event.time,
        "region": event.region,
        "resources": event.resources,
        "detail": {},
    });
    (value, event)
}
