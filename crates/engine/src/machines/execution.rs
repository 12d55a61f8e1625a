//! Executions of state machines: `flow::asl`.

use std::sync::Arc;

use bus::delivery::{self, Request};
use flow::asl::{self, Announcement, Command, Definitions, Execution, activity, map_run};
use model::effect::LogBatch;
use model::{AggregateId, Rejection};
use serde_json::Value;

use crate::accept::PutEntry;
use crate::fan_out::DEFAULT_BUS;
use crate::input::Input;
use crate::lookup::Prepared;
use crate::machine::{Context, Decided, Order, State, misdirected};

pub(crate) fn restore(
    frames: Vec<(String, Value)>,
    definitions: &Definitions,
) -> Result<State, String> {
    Execution::restore(frames, definitions)
        .map(|execution| State::Execution(Box::new(execution)))
        .map_err(|error| error.to_string())
}

pub(crate) fn decide(
    state: Option<State>,
    prepared: Prepared,
    cx: &Context,
) -> Result<Decided, Rejection> {
    let execution = match state {
        Some(State::Execution(execution)) => Some(*execution),
        Some(_) => return Err(misdirected(cx)),
        None => None,
    };
    let input = match prepared.input {
        Input::Execution(input) => *input,
        Input::Settled { effect, outcome } => asl::Input::Effect { effect, outcome },
        Input::Timer { key } => asl::Input::Timer { key },
        _ => return Err(misdirected(cx)),
    };
    let context = asl::Context {
        id: cx.id.id,
        scope: cx.scope.clone(),
        at: cx.at,
        entropy: cx.entropy,
        budget: cx.step_budget,
        definitions: Arc::clone(&cx.definitions),
    };
    let decision = asl::step(execution, input, &context)?;
    Ok(Decided::of(
        decision,
        |execution| State::Execution(Box::new(execution)),
        |command| order(command, cx),
    ))
}

/// An input of an activity of the execution's account and region.
fn told(cx: &Context, name: &str, input: activity::Input) -> Order {
    let to = AggregateId::activity_of(&cx.scope, name);
    Order::send((to, cx.scope.clone(), Input::Activity(Box::new(input))))
}

/// An input of a map run of the execution's account and region.
fn told_run(cx: &Context, run: uuid::Uuid, input: map_run::Input) -> Order {
    let to = AggregateId::map_run(run);
    Order::send((to, cx.scope.clone(), Input::MapRun(Box::new(input))))
}

/// Lines on their way to a log group: a delivery of its own, which holds up nothing.
fn logged(cx: &Context, (origin, target_arn): (String, String), batch: Box<LogBatch>) -> Order {
    let to = AggregateId::delivery(batch.id);
    let start = delivery::Start {
        origin,
        target_id: String::new(),
        target_arn,
        request: Request::Logs(batch),
        retry: delivery::Retry::default(),
        dead_letter: None,
        event: String::new(),
    };
    let start = delivery::Input::Start(Box::new(start));
    Order::send((to, cx.scope.clone(), Input::Delivery(Box::new(start))))
}

fn order(command: Command, cx: &Context) -> Order {
    match command {
        Command::BeginMapRun { run, begin } => told_run(cx, run, map_run::Input::Begin(begin)),
        Command::StopMapRun { run } => told_run(cx, run, map_run::Input::Stop),
        Command::RedriveMapRun { run, redrives } => {
            told_run(cx, run, map_run::Input::Redrive { redrives })
        }
        Command::TellMapRun {
            run,
            index,
            attempt,
            end,
        } => {
            let ended = map_run::Input::Ended {
                index,
                attempt,
                end,
            };
            told_run(cx, run, ended)
        }
        Command::Offer {
            activity,
            token,
            input,
        } => {
            let offer = activity::Input::Offer {
                execution: cx.id.id,
                token,
                input,
            };
            told(cx, &activity, offer)
        }
        Command::Withdraw { activity, token } => {
            told(cx, &activity, activity::Input::Withdraw { token })
        }
        Command::Log {
            group_arn,
            machine_arn,
            batch,
        } => logged(cx, (machine_arn, group_arn), batch),
        Command::Announce(announcement) => Order::Announce(Box::new(PutEntry {
            bus: DEFAULT_BUS.to_owned(),
            source: Announcement::SOURCE.to_owned(),
            detail_type: Announcement::DETAIL_TYPE.to_owned(),
            detail: announcement.detail,
            resources: announcement.resources,
            id: Some(announcement.id),
            ..PutEntry::default()
        })),
        Command::Perform { effect, command } => Order::Perform {
            effect,
            command,
            recovery: None,
        },
        Command::SetTimer { key, due } => Order::SetTimer { key, due },
        Command::CancelTimer { key } => Order::CancelTimer { key },
        Command::Continue => {
            Order::Continue(Box::new(Input::Execution(Box::new(asl::Input::Continue))))
        }
    }
}
