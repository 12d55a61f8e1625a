//! State machines against what the service answered (third-party cases, read from `QUELL_CASES`).

mod cases;
mod compare;
mod datasets;
mod graph;
mod laws;
mod redriving;
mod rehearsal;
mod review;
mod trials;
mod waiting;
pub(crate) mod world;
