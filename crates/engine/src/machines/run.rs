//! Runs: `flow::automation`.

use flow::automation::{self, Command, Run, Start};
use model::{AggregateId, ClaimWish, Rejection};
use serde_json::Value;
use uuid::Uuid;

use crate::input::Input;
use crate::lookup::{Lookup, Prepared};
use crate::machine::{Context, Decided, Order, State, misdirected};
use crate::places::{self, Admission};

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
        (Input::StartRun(_), Lookup::Document(found)) if found.admission == Admission::Full => {
            let message = "as many executions wait as may: wait for one to end, or stop one";
            return Err(Rejection::Quota {
                message: message.to_owned(),
            });
        }
        (Input::StartRun(mut request), Lookup::Document(found)) => {
            // Every run that does not take another one back can be taken back itself.
            request.undo.capture = request.undo.of.is_none();
            automation::Input::Start(Box::new(Start {
                request: *request,
                document: found.source,
                parsed: found.parsed,
                target_type: found.target_type,
                queued: found.admission == Admission::Queued,
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
    let born = run.is_none();
    let was_over = run.as_ref().is_some_and(|run| run.status().is_final());
    let mut decision = automation::step(run, input, &context)?;
    let over = decision.state.status().is_final();
    // What is not over is found again by its claim: see `places`.
    if born && !over {
        decision.claims.push(ClaimWish {
            scope: places::FAMILY.to_owned(),
            key: cx.id.id.to_string(),
            expires: None,
        });
    } else if over && !was_over {
        let claim = (places::FAMILY.to_owned(), cx.id.id.to_string());
        decision.releases.push(claim);
    }
    Ok(Decided::of(
        decision,
        |run| State::Run(Box::new(run)),
        |command| order(command, incident, cx),
    ))
}

/// The incident that a run reports to.
fn incident_of(run: Option<&Run>, input: &automation::Input) -> Option<Uuid> {
    match (run, input) {
        (Some(run), _) => run.incident(),
        (None, automation::Input::Start(start)) => start.request.incident,
        _ => None,
    }
}

/// An input for another run of the same owner: parents and children share account and region, wherever they act.
fn tell(cx: &Context, run: Uuid, input: automation::Input) -> Order {
    Order::Send {
        to: AggregateId::run(run),
        scope: cx.scope.clone(),
        input: Box::new(Input::Run(Box::new(input))),
    }
}

fn order(command: Command, incident: Option<Uuid>, cx: &Context) -> Order {
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
        Command::StartChild { run, request } => Order::Send {
            to: AggregateId::run(run),
            scope: cx.scope.clone(),
            input: Box::new(Input::StartRun(request)),
        },
        Command::StopChild { run, kind, by } => {
            tell(cx, run, automation::Input::ParentStops { kind, by })
        }
        Command::TellParent { run, end } => tell(cx, run, automation::Input::ChildEnded(end)),
        Command::Continue => {
            Order::Continue(Box::new(Input::Run(Box::new(automation::Input::Continue))))
        }
    }
}
