//! The words of the product: plain data, ids, ARNs, validation.
//!
//! Every other crate speaks in these types. This crate knows no storage, no wire protocol and no
//! clock: an id is computed from what it is given, an instant is an argument.

pub mod aggregate;
pub mod agreed;
pub mod arn;
pub mod bus;
pub mod connection;
pub mod contact;
pub mod decision;
pub mod document;
pub mod effect;
pub mod event;
pub mod fleet;
pub mod frame_body;
pub mod frames;
pub mod function;
pub mod ids;
pub mod incident;
pub mod plan;
pub mod report;
pub mod resource;
pub mod scope;
pub mod sealed;
pub mod state_machine;
pub mod text;
pub mod topic;
pub mod web;

pub use aggregate::{AggregateId, AggregateKind};
pub use decision::{ClaimWish, Context, Decision, Fact, FrameWrite, IndexEntry, Rejection};
pub use effect::{Command as EffectCommand, Outcome, Recovery};
pub use event::Event;
pub use frame_body::FrameBody;
pub use frames::RestoreError;
pub use scope::Scope;
