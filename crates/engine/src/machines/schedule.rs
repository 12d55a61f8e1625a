//! Schedules of rules: `bus::schedule`.

use bus::schedule::{self, Command, Schedule};
use model::Rejection;
use serde_json::Value;

use crate::input::Input;
use crate::lookup::{Lookup, Prepared};
use crate::machine::{Context, Decided, Order, State, misdirected};

pub(crate) fn restore(frames: Vec<(String, Value)>) -> Result<State, String> {
    Schedule::restore(frames)
        .map(|state| State::Schedule(Box::new(state)))
        .map_err(|error| error.to_string())
}

pub(crate) fn decide(
    state: Option<State>,
    prepared: Prepared,
    cx: &Context,
) -> Result<Decided, Rejection> {
    let current = match state {
        Some(State::Schedule(schedule)) => Some(schedule),
        Some(_) => return Err(misdirected(cx)),
        None => None,
    };
    let (input, mut sends, archived) = match (prepared.input, prepared.lookup) {
        (Input::Schedule(input), _) => (*input, Vec::new(), Vec::new()),
        (Input::Timer { .. }, Lookup::Firing(firing)) => {
            let input = schedule::Input::Due {
                at: firing.at,
                missed: firing.missed,
                prepared: firing.due,
            };
            (input, firing.sends, firing.archived)
        }
        _ => return Err(misdirected(cx)),
    };
    let decision = schedule::step(current.as_deref(), input, &super::turn_context(cx))?;
    let mut orders = Vec::new();
    for command in &decision.commands {
        match command {
            Command::Fire { .. } => {
                orders.extend(sends.drain(..).map(Order::send));
                orders.push(Order::Keep(archived.clone()));
            }
            Command::SetTimer { key, due } => orders.push(Order::SetTimer {
                key: key.clone(),
                due: *due,
            }),
            Command::CancelTimer { key } => orders.push(Order::CancelTimer { key: key.clone() }),
        }
    }
    let wrap = |state| State::Schedule(Box::new(state));
    Ok(Decided::with_orders(decision, wrap, orders))
}
