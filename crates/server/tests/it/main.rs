//! The server over a real engine, in memory: what a client sees on the wire.

#![expect(clippy::too_many_lines, reason = "a test tells one whole story")]

mod archives;
mod auth;
mod aws_calls;
mod connections;
mod deliveries;
mod documents;
mod escalations;
mod events;
mod executions;
mod explain;
mod functions;
mod limits;
mod listen;
mod machines;
mod map_runs;
mod metrics;
mod operator;
mod runs;
mod states_cases;
mod targets;
mod world;
