//! The table that joins kinds of aggregates to their deciders. Opening this file shows every machine there is.

use std::sync::Arc;

use flow::asl::Definitions;
use jiff::{SignedDuration, Timestamp};
use model::ids::Entropy;
use model::{
    AggregateId, AggregateKind, ClaimWish, EffectCommand, Fact, FrameWrite, IndexEntry, Recovery,
    Rejection, Scope,
};
use ports::store::{ArchivedEvent, Frames};
use serde_json::Value;
use uuid::Uuid;

use crate::accept::PutEntry;
use crate::input::Input;
use crate::lookup::Prepared;
use crate::machines::{
    activity, call, delivery, engagement, execution, incident, invocation, machine_plan, map_run,
    parked, preview, replay, run, schedule,
};

/// An aggregate's state as its machine knows it.
#[derive(Debug, Clone)]
pub(crate) enum State {
    Incident(Box<response::incident::Incident>),
    Engagement(Box<response::engage::Engagement>),
    Run(Box<flow::automation::Run>),
    Delivery(Box<bus::delivery::Delivery>),
    Call(Box<flow::call::Call>),
    Parked(Box<bus::parked::Parked>),
    Schedule(Box<bus::schedule::Schedule>),
    Replay(Box<bus::replay::Replay>),
    Execution(Box<flow::asl::Execution>),
    Invocation(Box<bus::invocation::Invocation>),
    Activity(Box<flow::asl::activity::Activity>),
    Preview(Box<flow::automation::preview::Preview>),
    MapRun(Box<flow::asl::map_run::MapRun>),
    MachinePlan(Box<flow::asl::plan::Preview>),
}

/// What a decider gets besides its input.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) id: AggregateId,
    pub(crate) scope: Scope,
    pub(crate) at: Timestamp,
    pub(crate) entropy: Entropy,
    pub(crate) step_budget: u32,
    pub(crate) throttle_retry_secs: u32,
    pub(crate) definitions: Arc<Definitions>,
    /// How long an ended dry run is kept.
    pub(crate) keep_previews: SignedDuration,
}

/// One decision, in the words that all machines share.
#[derive(Debug)]
pub(crate) struct Decided {
    pub(crate) state: State,
    pub(crate) frames: Vec<FrameWrite>,
    pub(crate) facts: Vec<Fact>,
    pub(crate) index: Vec<IndexEntry>,
    pub(crate) claims: Vec<ClaimWish>,
    pub(crate) releases: Vec<(String, String)>,
    pub(crate) reply: Value,
    pub(crate) orders: Vec<Order>,
}

/// What a machine asks for, as rows.
#[derive(Debug)]
pub(crate) enum Order {
    /// Perform an outside effect; `recovery` overrides the performer's knowledge.
    Perform {
        effect: Uuid,
        command: EffectCommand,
        recovery: Option<Recovery>,
    },
    /// Set or replace a timer.
    SetTimer { key: String, due: Timestamp },
    /// Cancel a timer.
    CancelTimer { key: String },
    /// Give another aggregate an input.
    Send {
        to: AggregateId,
        scope: Scope,
        input: Box<Input>,
    },
    /// Keep events for archives.
    Keep(Vec<ArchivedEvent>),
    /// Put an event on a bus.
    Announce(Box<PutEntry>),
    /// The budget is spent: the aggregate goes on with this input in a later turn.
    Continue(Box<Input>),
}

impl Order {
    /// Gives another aggregate an input.
    pub(crate) fn send((to, scope, input): (AggregateId, Scope, Input)) -> Self {
        Self::Send {
            to,
            scope,
            input: Box::new(input),
        }
    }
}

/// The frames of an aggregate that its actor holds. An incident is held without its timeline: an input that edits an
/// event brings it along. What becomes of a parked message is decided without its body.
pub(crate) fn held_frames(kind: AggregateKind) -> Frames {
    match kind {
        AggregateKind::Incident | AggregateKind::Parked => Frames::RootAnd(Vec::new()),
        AggregateKind::Execution => Frames::Without(flow::asl::HISTORY_FAMILY.to_owned()),
        AggregateKind::Engagement
        | AggregateKind::Run
        | AggregateKind::Delivery
        | AggregateKind::Call
        | AggregateKind::Schedule
        | AggregateKind::Replay
        | AggregateKind::Invocation
        | AggregateKind::Activity
        | AggregateKind::Preview
        | AggregateKind::MapRun
        | AggregateKind::MachinePlan => Frames::All,
    }
}

/// Frames a machine wants loaded before it decides: all of a run, the root of the others and what an input names.
pub(crate) fn restore(
    kind: AggregateKind,
    frames: Vec<(String, Value)>,
    definitions: &Definitions,
) -> Result<State, String> {
    match kind {
        AggregateKind::Incident => incident::restore(frames),
        AggregateKind::Engagement => engagement::restore(frames),
        AggregateKind::Run => run::restore(frames),
        AggregateKind::Delivery => delivery::restore(frames),
        AggregateKind::Call => call::restore(frames),
        AggregateKind::Parked => parked::restore(frames),
        AggregateKind::Schedule => schedule::restore(frames),
        AggregateKind::Replay => replay::restore(frames),
        AggregateKind::Execution => execution::restore(frames, definitions),
        AggregateKind::Invocation => invocation::restore(frames),
        AggregateKind::Activity => activity::restore(frames),
        AggregateKind::Preview => preview::restore(frames),
        AggregateKind::MapRun => map_run::restore(frames),
        AggregateKind::MachinePlan => machine_plan::restore(frames),
    }
}

/// Asks the aggregate's machine.
pub(crate) fn decide(
    state: Option<State>,
    prepared: Prepared,
    cx: &Context,
) -> Result<Decided, Rejection> {
    match cx.id.kind {
        AggregateKind::Incident => incident::decide(state, prepared, cx),
        AggregateKind::Engagement => engagement::decide(state, prepared, cx),
        AggregateKind::Run => run::decide(state, prepared, cx),
        AggregateKind::Delivery => delivery::decide(state, prepared, cx),
        AggregateKind::Call => call::decide(state, prepared, cx),
        AggregateKind::Parked => parked::decide(state, prepared, cx),
        AggregateKind::Schedule => schedule::decide(state, prepared, cx),
        AggregateKind::Replay => replay::decide(state, prepared, cx),
        AggregateKind::Execution => execution::decide(state, prepared, cx),
        AggregateKind::Invocation => invocation::decide(state, prepared, cx),
        AggregateKind::Activity => activity::decide(state, prepared, cx),
        AggregateKind::Preview => preview::decide(state, prepared, cx),
        AggregateKind::MapRun => map_run::decide(state, prepared, cx),
        AggregateKind::MachinePlan => machine_plan::decide(state, prepared, cx),
    }
}

impl Decided {
    /// From a machine's own decision: `state` wraps its state, `orders` are its commands mapped.
    pub(crate) fn of<S, C>(
        mut decision: model::Decision<S, C>,
        state: impl FnOnce(S) -> State,
        orders: impl FnMut(C) -> Order,
    ) -> Self {
        let commands = std::mem::take(&mut decision.commands);
        Self::with_orders(decision, state, commands.into_iter().map(orders).collect())
    }

    /// As [`Decided::of`], with orders that are not one for each command.
    pub(crate) fn with_orders<S, C>(
        decision: model::Decision<S, C>,
        state: impl FnOnce(S) -> State,
        orders: Vec<Order>,
    ) -> Self {
        Self {
            state: state(decision.state),
            frames: decision.frames,
            facts: decision.facts,
            index: decision.index,
            claims: decision.claims,
            releases: decision.releases,
            reply: decision.reply,
            orders,
        }
    }
}

/// The refusal of an input that this kind of machine has no use for.
pub(crate) fn misdirected(cx: &Context) -> Rejection {
    Rejection::invalid("", format!("{} takes no such input", cx.id))
}
