//! Amazon States Language: the definition, its paths, functions and expressions, and what an execution does next.
//!
//! [`definition::parse`] turns a text into a [`definition::StateMachine`] or all its problems. Nothing here performs
//! anything. Behaviour and texts are those of the service (its public documentation and recorded answers).

pub mod activity;
pub mod choice;
pub mod dataset;
pub mod definition;
pub mod fault;
pub mod graph;
pub mod intrinsic;
pub mod jsonata;
pub mod logging;
pub mod map_run;
pub mod path;
pub mod plan;
pub mod rehearsal;
pub mod review;
pub mod sdk;
pub mod single;
pub mod template;
pub mod undo;

mod context;
mod definitions;
mod document;
mod execution;
mod input;
mod integration;
mod job;
mod machine;
mod open;
mod optimised;
mod unknown_outcome;
mod web;
mod working;

pub use definitions::Definitions;
pub use execution::{
    Execution, HISTORY_FAMILY, RestoreError, Status, UNDO_FAMILY, history_between,
};
pub use input::{Announcement, Command, Context, Input, Settlement, Start};
pub use machine::trial;
pub use machine::{MACHINE_DELETED, MACHINE_INDEX, step};
pub use unknown_outcome::UnknownOutcome;
