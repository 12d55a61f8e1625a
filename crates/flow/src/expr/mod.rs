//! The small languages inside a playbook: references, selectors, types, durations.
//!
//! Each file is one language, pure and total: any text gives an answer or an error, never a panic. None of them
//! knows a run; values come through a closure or an argument.

pub mod duration;
pub mod reference;
pub mod selector;
pub(crate) mod unknown;
pub mod value_type;
