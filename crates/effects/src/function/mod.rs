//! Runs functions: existing Python code that was written for Lambda, in the sandbox of scripts.
//!
//! Knows how to run one version of a function once. Who may call it, what becomes of its answer, and when it is tried
//! again are others' matters.

mod answer;
mod counts;
mod host;
mod log;
mod places;
mod shelf;
pub(crate) mod unpack;

pub(crate) use host::{FunctionHost, Surroundings, outcome};
pub use shelf::FunctionShelf;

pub(crate) use shelf::digest;
