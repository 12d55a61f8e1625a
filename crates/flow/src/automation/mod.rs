//! SSM Automation, schemaVersion 0.3: the document, the run, and what a reader is shown.
//!
//! [`document::parse`] turns a text into a [`Document`] or all its diagnostics; [`step`] takes one input of a run to
//! its next state; [`view`] renders runs as the AWS API shows them. Nothing here performs anything.

pub mod condition;
pub mod document;
pub mod fleet;
pub mod parameters;
pub mod preview;
pub mod review;
pub mod survey;
pub mod undo;
pub mod view;

mod action;
mod agreed;
pub(crate) mod captured;
mod input;
pub(crate) mod inverse;
mod java_pattern;
mod machine;
mod origin;
mod record;
mod resolve;
mod restore_error;
mod run;
mod summary;

pub use document::{Diagnostic, Document, Format};
pub use input::{
    Command, Context, DEFAULT_BUDGET, DocumentSource, Input, Parsed, Resolution, Signal,
    SignalKind, Start, StopKind,
};
pub use machine::step;
pub use record::{Status, StepExecution};
pub use run::{MAX_STEP_EXECUTIONS, RestoreError, Run};
pub use summary::{ReadDocuments, Summary};
