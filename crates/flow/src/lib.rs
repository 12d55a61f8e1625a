//! What a playbook does next (pure).
//!
//! A playbook is an SSM Automation document. This crate parses it, tells everything that is wrong with it, and
//! decides, input by input, what its run does next. It knows no clock, no randomness, no store and no network:
//! instants and entropy are arguments, and whatever the world must do comes back as a [`automation::Command`].

pub mod automation;
pub mod expr;

mod json;
mod source;
mod yaml;
