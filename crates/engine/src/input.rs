//! The inputs of all machines, and how they lie in an inbox.

use model::report::StartRun;
use model::{AggregateKind, Outcome};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

/// An input for one aggregate.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "machine", content = "input", rename_all = "snake_case")]
pub enum Input {
    /// For an incident.
    Incident(Box<response::incident::Input>),
    /// For an engagement.
    Engagement(Box<response::engage::Input>),
    /// For a run that exists.
    Run(Box<flow::automation::Input>),
    /// A run is wanted; the engine finds the document before it decides.
    StartRun(Box<StartRun>),
    /// For a delivery.
    Delivery(Box<bus::delivery::Input>),
    /// For an operator's call.
    Call(Box<flow::call::Input>),
    /// For a parked message.
    Parked(Box<bus::parked::Input>),
    /// For a schedule.
    Schedule(Box<bus::schedule::Input>),
    /// For a replay.
    Replay(Box<bus::replay::Input>),
    /// For an execution of a state machine.
    Execution(Box<flow::asl::Input>),
    /// For an activity.
    Activity(Box<flow::asl::activity::Input>),
    /// For the run of a distributed Map.
    MapRun(Box<flow::asl::map_run::Input>),
    /// For an asynchronous invocation.
    Invocation(Box<bus::invocation::Input>),
    /// For a dry run; the engine brings the documents.
    Preview(Box<flow::automation::preview::Input>),
    /// For a state machine's preview.
    MachinePlan(Box<flow::asl::plan::Input>),
    /// An effect of the aggregate ended.
    Settled {
        /// The effect.
        effect: Uuid,
        /// How it ended.
        outcome: Outcome,
    },
    /// A timer of the aggregate is due.
    Timer {
        /// Its key.
        key: String,
    },
}

/// Version of the envelope in which inputs are stored.
const VERSION: u64 = 1;

impl Input {
    /// The stored form: `{"v":1,"machine":...,"input":...}`.
    pub(crate) fn to_body(&self) -> Value {
        let mut body = serde_json::to_value(self).unwrap_or_else(|_| json!({}));
        if let Some(map) = body.as_object_mut() {
            map.insert("v".to_owned(), VERSION.into());
        }
        body
    }

    /// Reads the stored form.
    pub(crate) fn from_body(body: Value) -> Result<Self, String> {
        let version = body.get("v").and_then(Value::as_u64);
        if version != Some(VERSION) {
            return Err(format!(
                "input version {version:?} is not known to this program"
            ));
        }
        serde_json::from_value(body).map_err(|error| error.to_string())
    }

    /// Which kind of aggregate takes this input; `None` for inputs that any kind takes.
    pub(crate) fn kind(&self) -> Option<AggregateKind> {
        match self {
            Self::Incident(_) => Some(AggregateKind::Incident),
            Self::Engagement(_) => Some(AggregateKind::Engagement),
            Self::Run(_) | Self::StartRun(_) => Some(AggregateKind::Run),
            Self::Delivery(_) => Some(AggregateKind::Delivery),
            Self::Call(_) => Some(AggregateKind::Call),
            Self::Parked(_) => Some(AggregateKind::Parked),
            Self::Schedule(_) => Some(AggregateKind::Schedule),
            Self::Replay(_) => Some(AggregateKind::Replay),
            Self::Execution(_) => Some(AggregateKind::Execution),
            Self::Invocation(_) => Some(AggregateKind::Invocation),
            Self::Activity(_) => Some(AggregateKind::Activity),
            Self::MapRun(_) => Some(AggregateKind::MapRun),
            Self::Preview(_) => Some(AggregateKind::Preview),
            Self::MachinePlan(_) => Some(AggregateKind::MachinePlan),
            Self::Settled { .. } | Self::Timer { .. } => None,
        }
    }
}
