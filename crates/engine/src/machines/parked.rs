//! Messages that could not be taken in: `bus::parked`.

use bus::parked::{self, Parked};
use model::Rejection;
use serde_json::Value;

use crate::input::Input;
use crate::lookup::Prepared;
use crate::machine::{Context, Decided, State, misdirected};

pub(crate) fn restore(frames: Vec<(String, Value)>) -> Result<State, String> {
    Parked::restore(&frames)
        .map(|state| State::Parked(Box::new(state)))
        .map_err(|error| error.to_string())
}

pub(crate) fn decide(
    state: Option<State>,
    prepared: Prepared,
    cx: &Context,
) -> Result<Decided, Rejection> {
    let current = match state {
        Some(State::Parked(parked)) => Some(parked),
        Some(_) => return Err(misdirected(cx)),
        None => None,
    };
    let Input::Parked(input) = prepared.input else {
        return Err(misdirected(cx));
    };
    let decision = parked::step(current.as_deref(), *input, &super::turn_context(cx))?;
    Ok(Decided::of(
        decision,
        |state| State::Parked(Box::new(state)),
        |never| match never {},
    ))
}
