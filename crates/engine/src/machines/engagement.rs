//! Engagements: `response::engage`.

use model::{AggregateId, Recovery, Rejection};
use response::engage::{self, Command, Engagement};
use serde_json::Value;

use crate::input::Input;
use crate::lookup::{Lookup, Prepared};
use crate::machine::{Context, Decided, Order, State, misdirected};

pub(crate) fn restore(frames: Vec<(String, Value)>) -> Result<State, String> {
    Engagement::restore(frames)
        .map(|state| State::Engagement(Box::new(state)))
        .map_err(|error| error.to_string())
}

pub(crate) fn decide(
    state: Option<State>,
    prepared: Prepared,
    cx: &Context,
) -> Result<Decided, Rejection> {
    let current = match state {
        Some(State::Engagement(engagement)) => Some(engagement),
        Some(_) => return Err(misdirected(cx)),
        None => None,
    };
    let input = match prepared.input {
        Input::Engagement(input) => *input,
        Input::Settled { effect, outcome } => engage::Input::Sent { effect, outcome },
        Input::Timer { key } => engage::Input::Timer { key },
        _ => return Err(misdirected(cx)),
    };
    let Lookup::Directory(directory) = prepared.lookup else {
        return Err(misdirected(cx));
    };
    let decision = engage::step(
        current.as_deref(),
        input,
        &directory,
        &super::turn_context(cx),
    )?;
    Ok(Decided::of(
        decision,
        |state| State::Engagement(Box::new(state)),
        |command| order(command, cx),
    ))
}

fn order(command: Command, cx: &Context) -> Order {
    match command {
        // A page sent twice is better than one not sent.
        Command::Send { effect, command } => Order::Perform {
            effect,
            command,
            recovery: Some(Recovery::Repeat),
        },
        Command::SetTimer { key, due } => Order::SetTimer { key, due },
        Command::CancelTimer { key } => Order::CancelTimer { key },
        Command::NotifyIncident { incident, notice } => Order::Send {
            to: AggregateId::incident(incident),
            scope: cx.scope.global(),
            input: Box::new(Input::Incident(Box::new(
                response::incident::Input::Engagement(notice),
            ))),
        },
    }
}
