//! Replays of archives: `bus::replay`.

use bus::replay::{self, Command, Replay};
use jiff::SignedDuration;
use model::{AggregateId, AggregateKind, Rejection};
use serde_json::Value;

use crate::input::Input;
use crate::lookup::{Lookup, Prepared};
use crate::machine::{Context, Decided, Order, State, misdirected};
use crate::replays::{PAUSE, PAUSE_SECS};

pub(crate) fn restore(frames: Vec<(String, Value)>) -> Result<State, String> {
    Replay::restore(frames)
        .map(|state| State::Replay(Box::new(state)))
        .map_err(|error| error.to_string())
}

pub(crate) fn decide(
    state: Option<State>,
    prepared: Prepared,
    cx: &Context,
) -> Result<Decided, Rejection> {
    let current = match state {
        Some(State::Replay(replay)) => Some(replay),
        Some(_) => return Err(misdirected(cx)),
        None => None,
    };
    let (input, mut sends, archived) = match (prepared.input, prepared.lookup) {
        (Input::Replay(_) | Input::Timer { .. }, Lookup::Page(page)) => {
            (page.input, page.sends, page.archived)
        }
        (Input::Replay(input), _) => (*input, Vec::new(), Vec::new()),
        _ => return Err(misdirected(cx)),
    };
    let decision = replay::step(current.as_deref(), input, &super::turn_context(cx))?;
    let mut orders = Vec::new();
    for command in &decision.commands {
        match command {
            Command::Deliver => {
                orders.extend(sends.drain(..).map(Order::send));
                orders.push(Order::Keep(archived.clone()));
            }
            Command::Next => {
                let to = AggregateId {
                    kind: AggregateKind::Replay,
                    id: cx.id.id,
                };
                let next = Input::Replay(Box::new(replay::Input::Next));
                orders.push(Order::send((to, cx.scope.clone(), next)));
            }
            Command::Pause => orders.push(Order::SetTimer {
                key: PAUSE.to_owned(),
                due: cx
                    .at
                    .checked_add(SignedDuration::from_secs(PAUSE_SECS))
                    .unwrap_or(cx.at),
            }),
        }
    }
    let wrap = |state| State::Replay(Box::new(state));
    Ok(Decided::with_orders(decision, wrap, orders))
}
