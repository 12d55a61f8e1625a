//! Activities: `flow::asl::activity`.

use flow::asl::Input as ExecutionInput;
use flow::asl::activity::{self, Activity, Command};
use model::{AggregateId, AggregateKind, Rejection};
use serde_json::Value;

use crate::input::Input;
use crate::lookup::Prepared;
use crate::machine::{Context, Decided, Order, State, misdirected};

pub(crate) fn restore(frames: Vec<(String, Value)>) -> Result<State, String> {
    Activity::restore(frames)
        .map(|activity| State::Activity(Box::new(activity)))
        .map_err(|error| error.to_string())
}

pub(crate) fn decide(
    state: Option<State>,
    prepared: Prepared,
    cx: &Context,
) -> Result<Decided, Rejection> {
    let current = match state {
        Some(State::Activity(activity)) => Some(*activity),
        Some(_) => return Err(misdirected(cx)),
        None => None,
    };
    let Input::Activity(input) = prepared.input else {
        return Err(misdirected(cx));
    };
    let decision = activity::step(current, *input, cx.at)?;
    Ok(Decided::of(
        decision,
        |activity| State::Activity(Box::new(activity)),
        |command| order(command, cx),
    ))
}

fn order(command: Command, cx: &Context) -> Order {
    let Command::Tell {
        execution,
        token,
        word,
    } = command;
    let to = AggregateId {
        kind: AggregateKind::Execution,
        id: execution,
    };
    let input = ExecutionInput::Activity { token, word };
    Order::send((to, cx.scope.clone(), Input::Execution(Box::new(input))))
}
