//! The engine over the in-memory store: turns, recovery, crash at every commit.

mod crash;
mod deliveries;
mod events;
mod metrics;
mod paging;
mod restart;
mod runs;
mod schedules;
mod take_in;
mod world;
