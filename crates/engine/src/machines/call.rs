//! Calls of operators: `flow::call`.

use flow::call::{self, Call, Command};
use model::Rejection;
use serde_json::Value;

use crate::input::Input;
use crate::lookup::Prepared;
use crate::machine::{Context, Decided, Order, State, misdirected};

pub(crate) fn restore(frames: Vec<(String, Value)>) -> Result<State, String> {
    Call::restore(frames)
        .map(|state| State::Call(Box::new(state)))
        .map_err(|error| error.to_string())
}

pub(crate) fn decide(
    state: Option<State>,
    prepared: Prepared,
    cx: &Context,
) -> Result<Decided, Rejection> {
    let current = match state {
        Some(State::Call(call)) => Some(*call),
        Some(_) => return Err(misdirected(cx)),
        None => None,
    };
    let input = match prepared.input {
        Input::Call(input) => *input,
        Input::Settled { effect, outcome } => call::Input::Settled { effect, outcome },
        _ => return Err(misdirected(cx)),
    };
    let context = call::Context {
        id: cx.id.id,
        at: cx.at,
    };
    let decision = call::step(current, input, &context)?;
    Ok(Decided::of(
        decision,
        |call| State::Call(Box::new(call)),
        |Command::Perform { effect, command }| Order::Perform {
            effect,
            command,
            recovery: None,
        },
    ))
}
