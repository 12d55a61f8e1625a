//! Runs: `flow::automation`.

use flow::automation::{self, Command, Run, Start};
use model::{AggregateId, Rejection};
use serde_json::Value;

use crate::input::Input;
use crate::lookup::{Lookup, Prepared};
use crate::machine::{Context, Decided, Order, State, misdirected};

pub(crate) fn restore(frames: Vec<(String, Value)>) -> Result<State, String> {
    Run::restore(frames)
        .map(|run| State::Run(Box::new(run)))
        .map_err(|error| error.to_string())
}

pub(crate) fn decide(
    state: Option<State>,
    prepared: Prepared,
    cx: &Context,
) -> Result<Decided, Rejection> {
    let run = match state {
        Some(State::Run(run)) => Some(*run),
        Some(_) => return Err(misdirected(cx)),
        None => None,
    };
    let input = match (prepared.input, prepared.lookup) {
        (Input::Run(input), _) => *input,
        (Input::StartRun(request), Lookup::Document(document, parsed)) => {
            automation::Input::Start(Box::new(Start {
                request: *request,
                document,
                parsed,
            }))
        }
        (Input::Settled { effect, outcome }, _) => automation::Input::Effect { effect, outcome },
        (Input::Timer { key }, _) => automation::Input::Timer { key },
        _ => return Err(misdirected(cx)),
    };
    let incident = incident_of(run.as_ref(), &input);
    let context = automation::Context {
        id: cx.id.id,
        scope: cx.scope.clone(),
        at: cx.at,
        entropy: cx.entropy,
        budget: cx.step_budget,
        throttle_retry_secs: cx.throttle_retry_secs,
    };
    let decision = automation::step(run, input, &context)?;
    Ok(Decided::of(
        decision,
        |run| State::Run(Box::new(run)),
        |command| order(command, incident, cx),
    ))
}

/// The incident that a run reports to.
fn incident_of(run: Option<&Run>, input: &automation::Input) -> Option<uuid::Uuid> {
    match (run, input) {
        (Some(run), _) => run.incident(),
        (None, automation::Input::Start(start)) => start.request.incident,
        _ => None,
    }
}

fn order(command: Command, incident: Option<uuid::Uuid>, cx: &Context) -> Order {
    match command {
        Command::Perform { effect, command } => Order::Perform {
            effect,
            command,
            recovery: None,
        },
        Command::SetTimer { key, due } => Order::SetTimer { key, due },
        Command::CancelTimer { key } => Order::CancelTimer { key },
        Command::Report(report) => Order::Send {
            // A report without an incident goes nowhere: the machine sends none then.
            to: AggregateId::incident(incident.unwrap_or_default()),
            scope: cx.scope.global(),
            input: Box::new(Input::Incident(Box::new(response::incident::Input::Run(
                report,
            )))),
        },
        Command::Continue => Order::Continue,
    }
}
