//! The engine over the in-memory store: turns, recovery, crash at every commit.

mod announcements;
mod children;
mod crash;
mod deliveries;
mod events;
mod hook;
mod metrics;
mod paging;
mod previews;
mod replays;
mod restart;
mod runs;
mod schedules;
mod take_in;
mod topics;
mod world;
