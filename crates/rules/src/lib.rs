//! Which rules match this event, why not, and what input each target gets.
//!
//! Four questions, one module each: [`Event`] says what an event contains, [`Pattern`] whether it
//! is meant (and [`explain`] why, or where it fell short), [`Matcher`] which of many rules want it, and
//! [`transform`] what a target is sent. [`schedule`] tells when a scheduled rule fires.
//! Everything here is a function of its arguments: no clock, no randomness, no logging, no
//! network, and no knowledge of incidents, playbooks or storage.
//!
//! What follows is the crate's specification by example.
#![doc = include_str!("../README.md")]

mod address;
mod condition;
mod event;
mod event_text;
mod explain;
mod json;
mod matcher;
mod number;
mod pattern;
mod scan;
pub mod schedule;
mod search;
pub mod transform;

pub use event::{Event, EventError};
pub use event_text::EventText;
pub use explain::{Explanation, FieldExplanation, FoundValue, Verdict, explain};
pub use matcher::{Matcher, Scratch};
pub use pattern::{Pattern, PatternError};
pub use schedule::{Schedule, ScheduleError};
pub use transform::{InputTransformer, TargetInput, TransformContext, TransformError};
