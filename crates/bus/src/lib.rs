//! What becomes of an event once rules have matched it (pure).
//!
//! Machines in one shape, `step(state, input, context)` to a [`model::Decision`] or a [`model::Rejection`]: the same
//! arguments give the same answer. Nothing here knows storage, sockets, people or playbooks.
//!
//! | Module | Decides |
//! |---|---|
//! | [`delivery`] | one event on its way to one target, with its retries |
//! | [`invocation`] | one event that a function takes asynchronously |
//! | [`parked`] | a message that could not be taken in, until an operator retries or discards it |
//! | [`replay`] | the events of an archive, once more to the rules of their bus |
//! | [`schedule`] | when a scheduled rule fires |
//! | [`topics`] | what becomes of a message that is published |
//!
//! [`measures`] counts what became of events, by the names of CloudWatch's `AWS/Events`.

pub mod delivery;
pub mod invocation;
pub mod measures;
pub mod parked;
pub mod replay;
pub mod schedule;
pub mod topics;
