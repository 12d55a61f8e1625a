//! Dry runs: what a document would do with these parameters, found out by playing it on the account as it is.
//!
//! | state | input | next |
//! |---|---|---|
//! | none | Start | the run is made and played until it asks for something |
//! | asking | Settled: an answer | the run takes it and is played on |
//! | asking | Settled: "this would change something" | the call is written into the plan, its outputs are unknown |
//! | wants a document | Found | the child is made and played |
//! | a branch that depends on what is unknown | (same turn) | its ways are followed, one behind the other |
//! | no way is left | (same turn) | Success: the plan with its hash; what hangs on it happens, or is void |
//! | any | Forget | nothing is left of it |
//!
//! The machine that plays is the one that runs (`machine::rehearse`). Nothing that changes the account can be asked for
//! here: calls go out as [`PreviewAsk`], whose performer makes those that only read and describes the others.

pub(crate) mod ledger;
pub mod plan;

pub(crate) mod blast;
pub(crate) mod describe;
mod finish;
mod itself;
mod kept;
pub(crate) mod live;
pub(crate) mod moment;
mod play;
mod shown;
pub(crate) mod state;

use model::agreed::AgreedPlan;
use model::effect::Outcome;
use model::report::StartRun;
use model::{Decision, EffectCommand, Fact, IndexEntry, Rejection};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::input::{Context, Signal, Start};
use super::machine::make;
use super::parameters;
use super::run::Run;
use crate::expr::unknown;
pub use blast::{Related, Resource};
pub use finish::Summary;
pub use state::{Preview, RestoreError, Status};

/// Index of previews by the hash of their plan.
pub const HASH_INDEX: &str = "plan";

/// What can happen to a preview.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Input {
    /// Begin.
    Start(Box<Begin>),
    /// An effect ended.
    Settled {
        /// The effect.
        effect: Uuid,
        /// How.
        outcome: Outcome,
    },
    /// Go on: with the document of the child that is wanted, which the engine brings.
    Next {
        /// The child as it would be started.
        #[serde(default)]
        child: Option<Box<Start>>,
    },
    /// It has been kept long enough after its end, or stands still for as long after its beginning.
    Forget,
}

/// What is to be planned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Begin {
    /// The run as it would be started.
    #[serde(default)]
    pub start: Option<Box<Start>>,
    /// Or a run that waits for approval, as it stands: what it would do once it is approved.
    #[serde(default)]
    pub waiting: Option<Vec<(String, Value)>>,
    /// What happens if the plan is the one that is expected.
    #[serde(default)]
    pub bound: Option<Bound>,
}

/// What hangs on a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bound {
    /// The preview whose plan was agreed to.
    pub preview: Uuid,
    /// That plan's hash.
    pub hash: String,
    /// Its steps.
    pub steps: Vec<plan::PlanStep>,
    /// What happens if this plan is the same.
    pub then: Then,
}

/// What happens if a plan is the one that was agreed to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Then {
    /// The run starts.
    Start {
        /// Its execution id.
        run: Uuid,
        /// What it is asked for.
        request: Box<StartRun>,
    },
    /// A waiting run gets this signal.
    Signal {
        /// Its execution id.
        run: Uuid,
        /// The approval.
        signal: Signal,
    },
}

impl Then {
    /// That it did not happen, in words.
    fn void(&self) -> &'static str {
        match self {
            Self::Start { .. } => "the run was not started",
            Self::Signal { .. } => "the approval was not given",
        }
    }

    /// The same, with a run that is bound to the plan.
    fn along(mut self, plan: AgreedPlan) -> Self {
        let plan = Some(Box::new(plan));
        match &mut self {
            Self::Start { request, .. } => request.agreed = plan,
            Self::Signal { signal, .. } => signal.agreed = plan,
        }
        self
    }
}

/// What a preview asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Perform; nothing of it changes the account.
    Perform {
        /// Id of the effect; comes back in [`Input::Settled`].
        effect: Uuid,
        /// What to perform.
        command: EffectCommand,
    },
    /// It has begun, or has ended: give [`Input::Forget`] when it has been kept long enough from now on, and not sooner.
    Kept,
    /// Give [`Input::Next`] in a later turn, with the child's document where one is wanted.
    Next,
    /// The plan is the one that was agreed to.
    Then(Then),
}

/// Decides what an input makes of a preview.
///
/// # Errors
/// A start whose document or parameters are refused; any other input without a state.
pub fn step(
    state: Option<Preview>,
    input: Input,
    cx: &Context,
) -> Result<Decision<Preview, Command>, Rejection> {
    let Some(mut preview) = state else {
        let Input::Start(begin) = input else {
            return Err(Rejection::not_found("ExecutionPreview", cx.id.to_string()));
        };
        return start(*begin, cx);
    };
    if input == Input::Forget {
        return Ok(preview.forgotten(cx));
    }
    if preview.is_over() {
        return Ok(Decision::unchanged(preview));
    }
    let cue = match input {
        // The engine may deliver a start twice.
        Input::Start(_) | Input::Forget => return Ok(Decision::unchanged(preview)),
        Input::Settled { effect, outcome } => {
            let Some(cue) = preview.settled(effect, outcome, cx) else {
                return Ok(Decision::unchanged(preview));
            };
            Some(cue)
        }
        Input::Next { child } => child.and_then(|child| preview.child_found(*child, cx)),
    };
    let mut commands = Vec::new();
    preview.play(cue, cx, &mut commands);
    Ok(preview.decided(commands, cx))
}

fn start(begin: Begin, cx: &Context) -> Result<Decision<Preview, Command>, Rejection> {
    let Begin {
        start,
        waiting,
        bound,
    } = begin;
    let (run, approving) = match (start, waiting) {
        (Some(mut start), None) => {
            refuse_marks(&start.request)?;
            // It belongs to no incident and to no other run, and needs no place.
            start.request.incident = None;
            start.request.parent = None;
            // Its children are named as those of a run that is bound to a plan.
            start.request.agreed = Some(Box::default());
            start.queued = false;
            let cx = planning(cx, cx.id);
            let run = make(*start, &cx, parameters::bind).map_err(|refused| refused.1)?;
            (run, false)
        }
        (None, Some(frames)) => {
            let run = Run::restore(frames)
                .map_err(|error| Rejection::invalid("run", error.to_string()))?;
            // Whoever may not approve, or has already, is told so before anything is planned.
            if let Some(bound) = &bound
                && let Then::Signal { signal, .. } = &bound.then
            {
                let input = super::Input::Signal(Signal {
                    agreed: Some(Box::new(AgreedPlan {
                        hash: bound.hash.clone(),
                        ..AgreedPlan::default()
                    })),
                    ..signal.clone()
                });
                super::step(Some(run.clone()), input, &planning(cx, run.id()))?;
            }
            (run.planned_as(String::new()), true)
        }
        _ => {
            let message = "either a start or a waiting run must be given";
            return Err(Rejection::invalid("", message));
        }
    };
    let mut preview = Preview::new(run, bound, (approving, cx.at));
    let mut commands = Vec::new();
    preview.play(None, cx, &mut commands);
    if !preview.is_over() {
        // Even if it never ends it is not kept for ever.
        commands.push(Command::Kept);
    }
    let fresh = (
        preview.document().0.to_owned(),
        preview.document().1.to_owned(),
    );
    let given = preview.given_frame();
    let mut decision = preview.decided(commands, cx);
    decision.frames.extend(given);
    decision.reply = json!({"ExecutionPreviewId": cx.id});
    let (document, version) = fresh;
    decision.index.push(IndexEntry {
        name: "document".to_owned(),
        value: document.clone(),
    });
    let body = json!({"preview": cx.id, "document": document, "version": version});
    decision.facts.insert(0, Fact::new("preview.started", body));
    Ok(decision)
}

/// The characters that mark unknown values may not come in by parameters.
fn refuse_marks(request: &StartRun) -> Result<(), Rejection> {
    for (name, values) in &request.parameters {
        if values.iter().any(|text| unknown::is_reserved(text)) {
            let field = format!("Parameters.{name}");
            let message = format!(
                "Parameter \"{name}\" has a character of Unicode's private use, which a preview cannot take."
            );
            return Err(Rejection::invalid(field, message));
        }
    }
    Ok(())
}

/// The turn's context for one of the runs that are played.
fn planning(cx: &Context, run: Uuid) -> Context {
    Context {
        id: run,
        // What is throttled is not waited for.
        throttle_retry_secs: 0,
        budget: super::DEFAULT_BUDGET,
        ..cx.clone()
    }
}
