//! Deliveries to targets: `bus::delivery`.

use bus::delivery::{self, Command, Delivery};
use model::{Recovery, Rejection};
use serde_json::Value;

use crate::input::Input;
use crate::lookup::Prepared;
use crate::machine::{Context, Decided, Order, State, misdirected};

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
