//! Rule targets: what an ARN means, what an event asks of it, and what can be said of a target before any event comes.

mod check;
mod destination;
mod request;

pub use check::{TargetFault, check};
pub(crate) use destination::{Destination, destination};
pub(crate) use request::outside;
