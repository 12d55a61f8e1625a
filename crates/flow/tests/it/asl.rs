//! State machines against what the service answered (third-party cases, read from `QUELL_CASES`).

mod bounds;
mod bucket;
mod cases;
mod chance;
mod compare;
mod data_limits;
mod datasets;
mod errors;
mod failing;
mod golden;
mod graph;
mod laws;
mod map_data;
mod map_redrives;
mod map_runs;
mod paths;
mod plans;
mod random;
mod redriving;
mod rehearsal;
mod review;
pub(crate) mod spread;
mod telling;
mod trials;
mod waiting;
mod web;
pub(crate) mod world;
