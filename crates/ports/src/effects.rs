//! The door through which every outside effect goes.

use model::effect::Intent;
use model::{EffectCommand, Outcome, Recovery};
use serde_json::Value;

use crate::BoxFuture;

/// What a look at the world says about an effect whose outcome is not known.
#[derive(Debug, Clone, PartialEq)]
pub enum Probe {
    /// It happened; this is the answer it would have given.
    Happened(Value),
    /// It did not happen (as far as an eventually consistent read can tell; the caller waits before it repeats).
    NotHappened,
    /// The look itself failed.
    Unclear(String),
}

/// Performs effects. Called only after the commit that holds the intent.
pub trait Effects: Send + Sync + 'static {
    /// The recovery class of a command: pure knowledge, asked before the intent is committed and stored with it.
    fn recovery(&self, command: &EffectCommand) -> Recovery;

    /// Performs one effect under its id as idempotency token and says how it ended.
    ///
    /// The performer may retry inside (throttling, a refused connection), but repeats a request whose fate is
    /// unknown only if `intent.recovery` allows it. It never panics and always ends: every command has a limit in time.
    fn perform(&self, intent: Intent) -> BoxFuture<'static, Outcome>;

    /// Looks whether an effect of class [`Recovery::Probe`] happened.
    fn probe(&self, intent: Intent) -> BoxFuture<'static, Probe>;
}
