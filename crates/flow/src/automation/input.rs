//! What a run is told and what it asks for: the closed lists of both.
//!
//! The engine stores inputs in its inbox and maps commands to rows; nothing here knows how.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use model::Scope;
use model::agreed::AgreedPlan;
use model::document::Attachment;
use model::effect::Outcome;
use model::fleet::ChildEnd;
use model::ids::Entropy;
use model::report::{RunReport, StartRun};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::document::{Document, Format};

/// What every turn of a run is given besides its input.
#[derive(Debug, Clone)]
pub struct Context {
    /// The run's id: the execution id on the wire, and the parent of all its effect ids.
    pub id: Uuid,
    /// Whose run it is; account and region answer `global:ACCOUNT_ID` and `global:REGION`.
    pub scope: Scope,
    /// The instant of the turn.
    pub at: Timestamp,
    /// The turn's journaled randomness (unused by the actions of today; part of every turn).
    pub entropy: Entropy,
    /// How many steps may begin in this turn before the run lets others pass ([`Command::Continue`]).
    pub budget: u32,
    /// How long a step goes on trying a call that is throttled before that counts as a failed attempt, in seconds
    /// (SSM's own setting, 0 to 3600). Taken when a run begins.
    pub throttle_retry_secs: u32,
}

/// The budget that a caller gives when it has no reason for another: every legal run fits into one turn of it.
pub const DEFAULT_BUDGET: u32 = 10_000;

/// What happened, from the run's point of view.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Input {
    /// Begin. Only for a run that does not exist yet; a second one changes nothing.
    Start(Box<Start>),
    /// An effect ended.
    Effect {
        /// The id given in [`Command::Perform`].
        effect: Uuid,
        /// How it ended.
        outcome: Outcome,
    },
    /// A timer is due.
    Timer {
        /// The key given in [`Command::SetTimer`].
        key: String,
    },
    /// Somebody called SendAutomationSignal.
    Signal(Signal),
    /// Somebody called StopAutomationExecution.
    Stop {
        /// How to stop.
        kind: StopKind,
        /// ARN of whoever asked.
        by: String,
    },
    /// A person settled a step whose outcome was unknown.
    Resolve {
        /// Step name, or the step execution's id.
        step: String,
        /// What is the case, or what to do.
        resolution: Resolution,
        /// ARN of whoever said so.
        by: String,
    },
    /// The answer to [`Command::Continue`]: go on.
    Continue,
    /// A place has become free: a run that waits for one begins.
    Admitted,
    /// A child run ended. Told twice, it counts once.
    ChildEnded(Box<ChildEnd>),
    /// The run that started this one stops it. Nothing when it has ended.
    ParentStops {
        /// How to stop.
        kind: StopKind,
        /// ARN of whoever asked.
        by: String,
    },
}

/// What a run is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// The wish, as it was accepted.
    pub request: StartRun,
    /// The document's text, looked up by the engine in the same turn.
    pub document: DocumentSource,
    /// The same text parsed, where the engine has it at hand.
    #[serde(skip)]
    pub parsed: Parsed,
    /// What kind of resource the document is for (its `TargetType`), if it says so.
    #[serde(default)]
    pub target_type: Option<String>,
    /// Whether it must wait for [`Input::Admitted`] before it begins.
    #[serde(default)]
    pub queued: bool,
}

/// A document parsed before: no part of an input's identity, since it follows from the text.
#[derive(Clone, Default)]
pub struct Parsed(pub Option<Arc<Document>>);

impl PartialEq for Parsed {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl std::fmt::Debug for Parsed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Parsed" } else { "-" })
    }
}

/// The document of a run, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum DocumentSource {
    /// The version that runs.
    Found {
        /// Document name.
        name: String,
        /// Version number as text.
        version: String,
        /// `JSON` or `YAML`.
        format: Format,
        /// The text.
        content: String,
        /// Its attachments.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        attachments: Vec<Attachment>,
    },
    /// There is no such document or version.
    Missing {
        /// Which one, and what to do.
        reason: String,
    },
}

impl DocumentSource {
    /// A document that is still to be looked up by its name.
    #[must_use]
    pub fn unsought() -> Self {
        Self::Missing {
            reason: String::new(),
        }
    }

    /// Whether it is still to be looked up.
    #[must_use]
    pub fn is_unsought(&self) -> bool {
        matches!(self, Self::Missing { reason } if reason.is_empty())
    }
}

/// How StopAutomationExecution stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopKind {
    /// The current step is cancelled, then its `onCancel` chain runs (two minutes at most).
    Cancel,
    /// The current step finishes, the rest stays pending, the run succeeds.
    Complete,
}

/// A signal in its wire form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// Which signal.
    pub kind: SignalKind,
    /// `Payload`: `Comment`, `StepName`, `StepExecutionId`.
    #[serde(default)]
    pub payload: BTreeMap<String, Vec<String>>,
    /// ARN of whoever sent it.
    pub by: String,
    /// The plan that an approval is bound to, and with it the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreed: Option<Box<AgreedPlan>>,
}

/// `SignalType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SignalKind {
    /// One approval for the waiting `aws:approve` step.
    Approve,
    /// A rejection, which fails the step.
    Reject,
    /// Starts the next step of an interactive run.
    StartStep,
    /// Stops the current step of a run.
    StopStep,
    /// Ends the waiting of an `aws:pause` step.
    Resume,
    /// Just-in-time access only; always refused.
    Revoke,
}

impl SignalKind {
    /// The kind with this wire name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "Approve" => Self::Approve,
            "Reject" => Self::Reject,
            "StartStep" => Self::StartStep,
            "StopStep" => Self::StopStep,
            "Resume" => Self::Resume,
            "Revoke" => Self::Revoke,
            _ => return None,
        })
    }
}

/// What a person says about an effect whose outcome nobody knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Resolution {
    /// It happened.
    Succeeded {
        /// The step's outputs, by name. With outputs given the step ends at once.
        #[serde(default)]
        outputs: Map<String, Value>,
        /// The call's answer as far as it is known: the step goes on as if it had arrived.
        #[serde(default)]
        result: Option<Value>,
    },
    /// It did not happen, or not as wanted: the attempt failed.
    Failed {
        /// Why, shown as the failure message.
        message: String,
    },
    /// Do it again, as a new intent with a new token.
    Retry,
    /// Go on as after a success, without outputs.
    Skip,
}

/// What a run asks of the world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Command {
    /// Perform an effect; its id is the idempotency token.
    Perform {
        /// Id of the effect, a child of the run's id; every intent has its own.
        effect: Uuid,
        /// What to do.
        command: model::EffectCommand,
    },
    /// Wake the run at an instant. A key is set once.
    SetTimer {
        /// Unique within the run.
        key: String,
        /// When.
        due: Timestamp,
    },
    /// The timer is not needed any more.
    CancelTimer {
        /// The key it was set with.
        key: String,
    },
    /// Tell the incident that asked for the run. Only sent when the request named one.
    Report(RunReport),
    /// Start a run; its end comes back as [`Input::ChildEnded`].
    StartChild {
        /// Its execution id, a child of this run's id.
        run: Uuid,
        /// What it is asked for.
        request: Box<StartRun>,
    },
    /// Stop a run that was started: [`Input::ParentStops`] for it.
    StopChild {
        /// Its execution id.
        run: Uuid,
        /// How to stop.
        kind: StopKind,
        /// ARN of whoever asked.
        by: String,
    },
    /// Tell the run that started this one: [`Input::ChildEnded`] for it.
    TellParent {
        /// Its execution id.
        run: Uuid,
        /// How this one ended.
        end: Box<ChildEnd>,
    },
    /// The budget of this turn is spent: feed [`Input::Continue`] in a later turn.
    Continue,
}
