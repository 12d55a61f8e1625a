//! The things that change by turns: one turn changes exactly one aggregate.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Scope, ids};

/// What kind of machine decides for an aggregate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AggregateKind {
    /// An incident record with its timeline and related items (`response::incident`).
    Incident,
    /// One engagement of a contact, escalation plan or schedule with its pages (`response::engage`).
    Engagement,
    /// One automation execution (`flow::automation`).
    Run,
    /// One event on its way to one HTTP(S) target, with its retries (`bus::delivery`).
    Delivery,
    /// One AWS call that an operator asked for (`flow::call`).
    Call,
    /// One message that could not be taken in, kept for an operator (`bus::parked`).
    Parked,
    /// The schedule of one rule: when it fires next (`bus::schedule`).
    Schedule,
    /// One replay of an archive (`bus::replay`).
    Replay,
    /// One execution of a state machine (`flow::asl`).
    Execution,
    /// One asynchronous invocation of a function, with its retries (`bus::invocation`).
    Invocation,
    /// One activity: tasks that wait for workers (`flow::asl::activity`).
    Activity,
    /// One dry run of a document (`flow::automation::preview`).
    Preview,
    /// One run of a distributed Map: the executions for its items (`flow::asl::map_run`).
    MapRun,
    /// One dry run of a state machine (`flow::asl::plan`).
    MachinePlan,
}

impl AggregateKind {
    /// All kinds, in storage order.
    pub const ALL: [Self; 14] = [
        Self::Incident,
        Self::Engagement,
        Self::Run,
        Self::Delivery,
        Self::Call,
        Self::Parked,
        Self::Schedule,
        Self::Replay,
        Self::Execution,
        Self::Invocation,
        Self::Activity,
        Self::Preview,
        Self::MapRun,
        Self::MachinePlan,
    ];

    /// The name under which the kind is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Incident => "incident",
            Self::Engagement => "engagement",
            Self::Run => "run",
            Self::Delivery => "delivery",
            Self::Call => "call",
            Self::Parked => "parked",
            Self::Schedule => "schedule",
            Self::Replay => "replay",
            Self::Execution => "execution",
            Self::Invocation => "invocation",
            Self::Activity => "activity",
            Self::Preview => "preview",
            Self::MapRun => "map-run",
            Self::MachinePlan => "machine-plan",
        }
    }

    /// The kind stored under `name`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// The identity of an aggregate: its kind and a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AggregateId {
    /// Which machine decides.
    pub kind: AggregateKind,
    /// Unique within the kind.
    pub id: Uuid,
}

/// Number of shards that aggregates are spread over (`../docs/decisions`, storage: 256 leases).
pub const SHARDS: u16 = 256;

impl AggregateId {
    /// An incident's id.
    #[must_use]
    pub fn incident(id: Uuid) -> Self {
        Self {
            kind: AggregateKind::Incident,
            id,
        }
    }

    /// An engagement's id.
    #[must_use]
    pub fn engagement(id: Uuid) -> Self {
        Self {
            kind: AggregateKind::Engagement,
            id,
        }
    }

    /// A preview's id.
    #[must_use]
    pub fn preview(id: Uuid) -> Self {
        Self {
            kind: AggregateKind::Preview,
            id,
        }
    }

    /// The id of a state machine's preview.
    #[must_use]
    pub fn machine_plan(id: Uuid) -> Self {
        Self {
            kind: AggregateKind::MachinePlan,
            id,
        }
    }

    /// A run's id.
    #[must_use]
    pub fn run(id: Uuid) -> Self {
        Self {
            kind: AggregateKind::Run,
            id,
        }
    }

    /// A delivery's id.
    #[must_use]
    pub fn delivery(id: Uuid) -> Self {
        Self {
            kind: AggregateKind::Delivery,
            id,
        }
    }

    /// The id of an operator's call.
    #[must_use]
    pub fn call(id: Uuid) -> Self {
        Self {
            kind: AggregateKind::Call,
            id,
        }
    }

    /// The id of a parked message.
    #[must_use]
    pub fn parked(id: Uuid) -> Self {
        Self {
            kind: AggregateKind::Parked,
            id,
        }
    }

    /// The id of a rule's schedule: the same for every schedule that the rule of this name ever has.
    #[must_use]
    pub fn schedule_of(scope: &Scope, bus: &str, rule: &str) -> Self {
        let Scope {
            tenant,
            account,
            region,
        } = scope;
        Self {
            kind: AggregateKind::Schedule,
            id: ids::named(&["schedule", tenant, account, region, bus, rule]),
        }
    }

    /// The id of the replay of a name: names are unique within account and region.
    #[must_use]
    pub fn replay_of(scope: &Scope, name: &str) -> Self {
        let Scope {
            tenant,
            account,
            region,
        } = scope;
        Self {
            kind: AggregateKind::Replay,
            id: ids::named(&["replay", tenant, account, region, name]),
        }
    }

    /// The id of the execution of a name: names are unique within a state machine.
    #[must_use]
    pub fn execution_of(scope: &Scope, machine: &str, name: &str) -> Self {
        let Scope {
            tenant,
            account,
            region,
        } = scope;
        Self {
            kind: AggregateKind::Execution,
            id: ids::named(&["execution", tenant, account, region, machine, name]),
        }
    }

    /// The id of the activity of a name: names are unique within account and region.
    #[must_use]
    pub fn activity_of(scope: &Scope, name: &str) -> Self {
        let Scope {
            tenant,
            account,
            region,
        } = scope;
        Self {
            kind: AggregateKind::Activity,
            id: ids::named(&["activity", tenant, account, region, name]),
        }
    }

    /// The id of a map run: the last part of its ARN.
    #[must_use]
    pub fn map_run(id: Uuid) -> Self {
        Self {
            kind: AggregateKind::MapRun,
            id,
        }
    }

    /// The id of an asynchronous invocation: its request's.
    #[must_use]
    pub fn invocation(id: Uuid) -> Self {
        Self {
            kind: AggregateKind::Invocation,
            id,
        }
    }

    /// The shard that owns this aggregate: stable for ever, since rows store it.
    #[must_use]
    pub fn shard(&self) -> u16 {
        // UUIDs of versions 4 and 5 are uniform in their first bytes.
        u16::from(self.id.as_bytes()[0])
    }
}

impl std::fmt::Display for AggregateId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind.as_str(), self.id)
    }
}
