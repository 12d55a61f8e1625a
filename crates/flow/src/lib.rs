//! What a playbook does next (pure), and what becomes of a single call that an operator asks for.
//!
//! A playbook is an SSM Automation document. This crate parses it, tells everything that is wrong with it, and
//! decides, input by input, what its run does next. It knows no clock, no randomness, no store and no network:
//! instants and entropy are arguments, and whatever the world must do comes back as a [`automation::Command`].

pub mod asl;
pub mod automation;
pub mod call;
pub mod expr;
pub mod finding;

mod json;
mod source;
mod yaml;
