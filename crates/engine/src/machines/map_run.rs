//! Map runs: `flow::asl::map_run`.

use std::sync::Arc;

use flow::asl::Input as ExecutionInput;
use flow::asl::map_run::{self, Command, MapRun};
use model::effect::Recovery;
use model::{AggregateId, AggregateKind, Rejection};
use serde_json::Value;
use uuid::Uuid;

use crate::input::Input;
use crate::lookup::Prepared;
use crate::machine::{Context, Decided, Order, State, misdirected};

pub(crate) fn restore(frames: Vec<(String, Value)>) -> Result<State, String> {
    MapRun::restore(frames)
        .map(|run| State::MapRun(Box::new(run)))
        .map_err(|error| error.to_string())
}

pub(crate) fn decide(
    state: Option<State>,
    prepared: Prepared,
    cx: &Context,
) -> Result<Decided, Rejection> {
    let current = match state {
        Some(State::MapRun(run)) => Some(*run),
        Some(_) => return Err(misdirected(cx)),
        None => None,
    };
    let input = match prepared.input {
        Input::MapRun(input) => *input,
        Input::Settled { effect, outcome } => map_run::Input::Effect { effect, outcome },
        _ => return Err(misdirected(cx)),
    };
    let context = flow::asl::Context {
        id: cx.id.id,
        scope: cx.scope.clone(),
        at: cx.at,
        entropy: cx.entropy,
        budget: cx.step_budget,
        definitions: Arc::clone(&cx.definitions),
    };
    let decision = map_run::step(current, input, &context)?;
    Ok(Decided::of(
        decision,
        |run| State::MapRun(Box::new(run)),
        |command| order(command, cx),
    ))
}

/// An input of an execution of the same account and region.
fn told(cx: &Context, execution: Uuid, input: ExecutionInput) -> Order {
    let to = AggregateId {
        kind: AggregateKind::Execution,
        id: execution,
    };
    Order::send((to, cx.scope.clone(), Input::Execution(Box::new(input))))
}

fn order(command: Command, cx: &Context) -> Order {
    match command {
        Command::Start { execution, start } => told(cx, execution, ExecutionInput::Start(start)),
        Command::Stop { execution } => {
            let stop = ExecutionInput::Stop {
                error: None,
                cause: None,
            };
            told(cx, execution, stop)
        }
        Command::Redrive { execution, token } => {
            let redrive = ExecutionInput::Redrive {
                token: Some(token),
                by_map_run: true,
            };
            told(cx, execution, redrive)
        }
        Command::Tell { execution, report } => {
            told(cx, execution, ExecutionInput::MapRun(Box::new(report)))
        }
        Command::Perform { effect, command } => Order::Perform {
            effect,
            command: *command,
            // Reads, and files: each redrive writes into a folder of its own, so that a key has one body for ever.
            recovery: Some(Recovery::Repeat),
        },
        Command::Continue => {
            Order::Continue(Box::new(Input::MapRun(Box::new(map_run::Input::Continue))))
        }
    }
}
