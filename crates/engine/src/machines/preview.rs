//! Dry runs: `flow::automation::preview`.

use flow::automation;
use flow::automation::preview::{self, Command, Preview, Then};
use jiff::Timestamp;
use model::{AggregateId, Rejection};
use serde_json::Value;

use crate::input::Input;
use crate::lookup::Prepared;
use crate::machine::{Context, Decided, Order, State, misdirected};

pub(crate) fn restore(frames: Vec<(String, Value)>) -> Result<State, String> {
    Preview::restore(frames)
        .map(|preview| State::Preview(Box::new(preview)))
        .map_err(|error| error.to_string())
}

pub(crate) fn decide(
    state: Option<State>,
    prepared: Prepared,
    cx: &Context,
) -> Result<Decided, Rejection> {
    let current = match state {
        Some(State::Preview(preview)) => Some(*preview),
        Some(_) => return Err(misdirected(cx)),
        None => None,
    };
    let input = match prepared.input {
        Input::Preview(input) => *input,
        Input::Settled { effect, outcome } => preview::Input::Settled { effect, outcome },
        Input::Timer { .. } => preview::Input::Forget,
        _ => return Err(misdirected(cx)),
    };
    let context = automation::Context {
        id: cx.id.id,
        scope: cx.scope.clone(),
        at: cx.at,
        entropy: cx.entropy,
        budget: cx.step_budget,
        throttle_retry_secs: 0,
    };
    let decision = preview::step(current, input, &context)?;
    Ok(Decided::of(
        decision,
        |preview| State::Preview(Box::new(preview)),
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
        Command::Next => {
            Order::Continue(Box::new(Input::Preview(Box::new(preview::Input::Next {
                child: None,
            }))))
        }
        Command::Then(Then::Start { run, request }) => Order::send((
            AggregateId::run(run),
            cx.scope.clone(),
            Input::StartRun(request),
        )),
        Command::Then(Then::Signal { run, signal }) => Order::send((
            AggregateId::run(run),
            cx.scope.clone(),
            Input::Run(Box::new(automation::Input::Signal(signal))),
        )),
    }
}
