//! What people and incidents do next (pure).
//!
//! Three machines in one shape: `step(state, input, context)` answers a [`model::Decision`] or a
//! [`model::Rejection`]. Given the same arguments they give the same answer: time and randomness are
//! arguments, and nothing here knows storage, sockets, tasks or playbooks.
//!
//! | Module | Decides |
//! |---|---|
//! | [`plan`] | what trigger an event or a `StartIncident` makes of a response plan |
//! | [`incident`] | an incident record with its timeline, related items, runbook and engagements |
//! | [`engage`] | who is paged when, and when paging stops |
//! | [`contact_rules`] | what a contact's plan may target |
//! | [`filters`], [`view`] | how lists are filtered and what the wire shows |

pub mod contact_rules;
pub mod engage;
pub mod filters;
pub mod incident;
pub mod plan;
mod recall;
pub mod template;
pub mod view;

pub use model::{Context, RestoreError};
