//! Ways to reach a person.

pub(crate) mod email;
pub(crate) mod topic;
