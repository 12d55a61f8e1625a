//! One file per machine: restores its state, turns the engine's inputs into its own, and its commands into orders.

pub(crate) mod activity;
pub(crate) mod call;
pub(crate) mod delivery;
pub(crate) mod engagement;
pub(crate) mod execution;
pub(crate) mod incident;
pub(crate) mod invocation;
pub(crate) mod machine_plan;
pub(crate) mod map_run;
pub(crate) mod parked;
pub(crate) mod preview;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod schedule;

/// The context of a turn in the words that `response` and `bus` share.
fn turn_context(cx: &crate::machine::Context) -> model::Context {
    model::Context {
        id: cx.id.id,
        scope: cx.scope.clone(),
        at: cx.at,
        entropy: cx.entropy,
    }
}
