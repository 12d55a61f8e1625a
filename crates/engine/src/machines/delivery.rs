//! Deliveries to targets: `bus::delivery`.

use bus::delivery::{self, Command, Delivery};
use bus::measures::Outcome;
use model::{Fact, Recovery, Rejection, Scope};
use serde_json::Value;

use crate::input::Input;
use crate::lookup::Prepared;
use crate::machine::{Context, Decided, Order, State, misdirected};
use crate::metrics::{Destination, Metrics};

pub(crate) fn restore(frames: Vec<(String, Value)>) -> Result<State, String> {
    Delivery::restore(frames)
        .map(|state| State::Delivery(Box::new(state)))
        .map_err(|error| error.to_string())
}

pub(crate) fn decide(
    state: Option<State>,
    prepared: Prepared,
    cx: &Context,
) -> Result<Decided, Rejection> {
    let current = match state {
        Some(State::Delivery(delivery)) => Some(delivery),
        Some(_) => return Err(misdirected(cx)),
        None => None,
    };
    let input = match prepared.input {
        Input::Delivery(input) => *input,
        Input::Settled { effect, outcome } => delivery::Input::Sent { effect, outcome },
        Input::Timer { key } => delivery::Input::Timer { key },
        _ => return Err(misdirected(cx)),
    };
    let decision = delivery::step(current.as_deref(), input, &super::turn_context(cx))?;
    Ok(Decided::of(
        decision,
        |state| State::Delivery(Box::new(state)),
        order,
    ))
}

fn order(command: Command) -> Order {
    match command {
        // At least once, as EventBridge and SNS deliver.
        Command::Perform { effect, command } => Order::Perform {
            effect,
            command,
            recovery: Some(Recovery::Repeat),
        },
        Command::SetTimer { key, due } => Order::SetTimer { key, due },
        Command::CancelTimer { key } => Order::CancelTimer { key },
    }
}

/// What a turn's facts say for the numbers of a rule and its target.
pub(crate) fn measured(facts: &[Fact]) -> Vec<Measured> {
    facts.iter().flat_map(read).collect()
}

/// Counts what a committed turn said.
pub(crate) fn count(metrics: &Metrics, scope: &Scope, measured: &[Measured]) {
    for one in measured {
        let destination = Destination {
            scope,
            rule_arn: &one.rule_arn,
            target_id: &one.target_id,
        };
        metrics.note(destination, one.outcome);
    }
}

/// One thing to be counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Measured {
    pub(crate) rule_arn: String,
    pub(crate) target_id: String,
    pub(crate) outcome: Outcome,
}

fn read(fact: &Fact) -> Vec<Measured> {
    let text = |name: &str| {
        fact.body
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let waited = fact.body.get("latency_ms").and_then(Value::as_u64);
    let waited = waited.unwrap_or(0).saturating_mul(1_000);
    let throttled = text("code") == "THROTTLING";
    let outcomes: &[Outcome] = match fact.name.as_str() {
        "delivery.started" => &[Outcome::Started { waited }],
        "delivery.delivered" => &[Outcome::Delivered { waited }],
        "delivery.retried" => &[Outcome::Retried],
        "delivery.failed" if throttled => &[Outcome::Throttled],
        "delivery.gave_up" if throttled => &[Outcome::Throttled, Outcome::Failed],
        "delivery.gave_up" => &[Outcome::Failed],
        "delivery.dead_lettered" => &[Outcome::DeadLettered],
        "delivery.lost_queue" => &[Outcome::DeadLetterFailed],
        _ => &[],
    };
    let measured = |outcome: &Outcome| Measured {
        rule_arn: text("rule").to_owned(),
        target_id: text("target_id").to_owned(),
        outcome: *outcome,
    };
    outcomes.iter().map(measured).collect()
}
