//! What people and incidents do next (pure).
//!
//! Four machines in one shape: `step(state, input, context)` answers a [`model::Decision`] or a
//! [`model::Rejection`]. Given the same arguments they give the same answer: time and randomness are
//! arguments, and nothing here knows storage, sockets, tasks or playbooks.
//!
//! | Module | Decides |
//! |---|---|
//! | [`plan`] | what trigger an event or a `StartIncident` makes of a response plan |
//! | [`incident`] | an incident record with its timeline, related items, runbook and engagements |
//! | [`engage`] | who is paged when, and when paging stops |
//! | [`delivery`] | one event on its way to one webhook |
//! | [`contact_rules`] | what a contact's plan may target |
//! | [`filters`], [`view`] | how lists are filtered and what the wire shows |

pub mod contact_rules;
pub mod delivery;
pub mod engage;
pub mod filters;
mod frames;
pub mod incident;
pub mod plan;
mod recall;
pub mod template;
mod text;
pub mod view;

pub use frames::RestoreError;

use jiff::Timestamp;
use model::Scope;
use model::ids::Entropy;
use uuid::Uuid;

/// What a turn gives every machine besides its input.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    /// The aggregate's id.
    pub id: Uuid,
    /// Whose it is.
    pub scope: Scope,
    /// When the turn is decided: the only clock.
    pub at: Timestamp,
    /// The turn's 32 random bytes: the only randomness.
    pub entropy: Entropy,
}
