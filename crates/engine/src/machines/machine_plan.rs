//! Dry runs of state machines: `flow::asl::plan`.

use std::sync::Arc;

use flow::asl;
use flow::asl::plan::{self, Command, Preview};
use jiff::Timestamp;
use model::Rejection;
use serde_json::Value;

use crate::input::Input;
use crate::lookup::Prepared;
use crate::machine::{Context, Decided, Order, State, misdirected};

pub(crate) fn restore(frames: Vec<(String, Value)>) -> Result<State, String> {
    Preview::restore(frames)
        .map(|preview| State::MachinePlan(Box::new(preview)))
        .map_err(|error| error.to_string())
}

pub(crate) fn decide(
    state: Option<State>,
    prepared: Prepared,
    cx: &Context,
) -> Result<Decided, Rejection> {
    let current = match state {
        Some(State::MachinePlan(preview)) => Some(*preview),
        Some(_) => return Err(misdirected(cx)),
        None => None,
    };
    let input = match prepared.input {
        Input::MachinePlan(input) => *input,
        Input::Settled { effect, outcome } => plan::Input::Settled { effect, outcome },
        Input::Timer { .. } => plan::Input::Forget,
        _ => return Err(misdirected(cx)),
    };
    let context = asl::Context {
        id: cx.id.id,
        scope: cx.scope.clone(),
        at: cx.at,
        entropy: cx.entropy,
        budget: cx.step_budget,
        definitions: Arc::clone(&cx.definitions),
    };
    let decision = plan::step(current, input, &context)?;
    Ok(Decided::of(
        decision,
        |preview| State::MachinePlan(Box::new(preview)),
        |command| order(command, cx),
    ))
}

fn order(command: Command, cx: &Context) -> Order {
    match command {
        Command::Perform { effect, command } => Order::Perform {
            effect,
            command,
            recovery: None,
        },
        Command::Kept => Order::SetTimer {
            key: "forget".to_owned(),
            due: cx
                .at
                .checked_add(cx.keep_previews)
                .unwrap_or(Timestamp::MAX),
        },
    }
}
