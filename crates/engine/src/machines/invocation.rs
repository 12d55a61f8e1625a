//! Asynchronous invocations of functions: `bus::invocation`.

use bus::invocation::{self, Command, Invocation};
use model::{Recovery, Rejection};
use serde_json::Value;

use crate::input::Input;
use crate::lookup::Prepared;
use crate::machine::{Context, Decided, Order, State, misdirected};

pub(crate) fn restore(frames: Vec<(String, Value)>) -> Result<State, String> {
    Invocation::restore(frames)
        .map(|state| State::Invocation(Box::new(state)))
        .map_err(|error| error.to_string())
}

pub(crate) fn decide(
    state: Option<State>,
    prepared: Prepared,
    cx: &Context,
) -> Result<Decided, Rejection> {
    let current = match state {
        Some(State::Invocation(invocation)) => Some(invocation),
        Some(_) => return Err(misdirected(cx)),
        None => None,
    };
    let input = match prepared.input {
        Input::Invocation(input) => *input,
        Input::Settled { effect, outcome } => invocation::Input::Ended { effect, outcome },
        Input::Timer { key } => invocation::Input::Timer { key },
        _ => return Err(misdirected(cx)),
    };
    let decision = invocation::step(current.as_deref(), input, &super::turn_context(cx))?;
    Ok(Decided::of(
        decision,
        |state| State::Invocation(Box::new(state)),
        order,
    ))
}

fn order(command: Command) -> Order {
    match command {
        // At least once, as Lambda runs asynchronous invocations.
        Command::Perform { effect, command } => Order::Perform {
            effect,
            command,
            recovery: Some(Recovery::Repeat),
        },
        Command::SetTimer { key, due } => Order::SetTimer { key, due },
    }
}
