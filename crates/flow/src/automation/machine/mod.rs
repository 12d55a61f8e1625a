//! The run's machine: one input, the next state, and what the world is asked to do.
//!
//! | state | input | next |
//! |---|---|---|
//! | none | Start | looking up defaults, or the first step |
//! | looking up | Effect | next look-up, the first step, or Failed |
//! | alarm's state awaited | Effect | the first step, or as Stop Cancel |
//! | any but ended | Timer (alarm) | asking for its state, then as before, or as Stop Cancel |
//! | between steps | (same turn) or Continue | the next step, while the turn's budget lasts |
//! | step in flight | Effect done | step Success: `isEnd`, `goto`, `nextStep`, or the next in the list |
//! | step in flight | Effect failed | next attempt, or `onFailure` |
//! | step in flight | Effect unknown | step waits, marked "outcome unknown" |
//! | outcome unknown | Resolve, or the late result | as if the result had arrived |
//! | step waits | Timer (poll, sleep) | next look, or Success |
//! | step waits | Timer (time limit) | next attempt, or TimedOut and `onFailure` |
//! | approve, pause | Signal | Success, Failed, or still waiting |
//! | executeAutomation in flight | ChildEnded | Success, or next attempt, or `onFailure` |
//! | waiting for a place | Admitted | looking up defaults, or the first step |
//! | fleet | ChildEnded | more children, or the end with the last one |
//! | interactive, between steps | Signal StartStep | the next step |
//! | last step of a loop's list | (same turn) | next pass, or behind the loop |
//! | any but ended | Stop Cancel | Cancelling: `onCancel` chain (two minutes), then Cancelled |
//! | any but ended | Stop Complete | Success after the current step |
//! | ended | Signal, Stop, Resolve | refused |
//! | ended | Effect, Timer, Continue | nothing: it came too late |

mod alarm;
mod arrivals;
mod capture;
mod fleet;
mod flow;
mod person;
mod rehearse;
mod rounds;
mod settle;
mod start;
mod stop;
mod turn;

use model::effect::Outcome;
use model::{Decision, Rejection};

pub(crate) use capture::begin as begin_capture;
pub(crate) use rehearse::{Cue, Played, leads_on, leads_to_step, play, present, reads_changes};
pub(crate) use start::make;
pub(crate) use turn::Turn;

use super::input::{Command, Context, Input};
use super::run::Run;

/// Takes one input. A run that does not exist yet begins with [`Input::Start`].
///
/// # Errors
/// When the input is refused; nothing has changed then. `run` is consumed: keep a (cheap) clone to go on with.
pub fn step(
    run: Option<Run>,
    input: Input,
    cx: &Context,
) -> Result<Decision<Run, Command>, Rejection> {
    let Some(run) = run else {
        return match input {
            Input::Start(start) => start::start(*start, cx),
            _ => Err(Rejection::not_found(
                "AutomationExecution",
                cx.id.to_string(),
            )),
        };
    };
    let mut turn = Turn::new(run, cx);
    if turn.run.status().is_final() {
        return match input {
            Input::Signal(_) | Input::Stop { .. } | Input::Resolve { .. } => {
                person::refuse_late(&turn, &input)
            }
            _ => Ok(turn.finish()),
        };
    }
    match input {
        // The engine may deliver a start twice; the run exists already.
        Input::Start(_) | Input::Continue => {}
        Input::Admitted => start::admitted(&mut turn),
        Input::ChildEnded(end) => arrivals::on_child(&mut turn, &end),
        Input::ParentStops { kind, by } => stop::by_parent(&mut turn, kind, &by)?,
        Input::Effect { effect, outcome } => on_effect(&mut turn, effect, outcome),
        Input::Timer { key } => arrivals::on_timer(&mut turn, &key),
        Input::Signal(signal) => person::signal(&mut turn, &signal)?,
        Input::Stop { kind, by } => stop::stop(&mut turn, kind, &by)?,
        Input::Resolve {
            step,
            resolution,
            by,
        } => person::resolve(&mut turn, &step, resolution, &by)?,
    }
    flow::advance(&mut turn);
    Ok(turn.finish())
}

fn on_effect(turn: &mut Turn<'_>, effect: uuid::Uuid, outcome: Outcome) {
    if turn.run.root.lookup == Some(effect) {
        start::on_lookup(turn, outcome);
    } else if !alarm::on_effect(turn, effect, &outcome) && !fleet::on_effect(turn, effect, &outcome)
    {
        arrivals::on_effect(turn, effect, outcome);
    }
}
