//! Runs turns: inbox → decide → one commit → perform; timers, recovery, the rule registry.
//!
//! This is the one crate that joins the pure deciders (`rules`, `response`, `flow`) to the doors of `ports`.
//! It alone commits. It knows neither HTTP nor SQL, and performs no effect itself.
//!
//! Start with [`Engine::start`]; everything else goes through the cheap-to-clone [`Handle`].

mod accept;
mod actor;
mod archives;
mod attachments;
mod batch;
mod catalog;
mod deliver;
mod destinations;
mod dispatch;
mod documents;
mod engine;
mod error;
mod fan_out;
mod functions;
mod handle;
mod input;
mod lookup;
mod machine;
mod machines;
mod metrics;
mod places;
mod recent;
mod recovery;
mod registry;
mod removal;
mod replays;
mod routes;
mod schedules;
mod take_in;
mod targets;
mod tasks;
mod timers;
mod topics;
pub mod views;
mod watch;

pub use accept::{EntryOutcome, EventCounts, PutEntry};
pub use attachments::StoredAttachments;
pub use bus::schedule::Missed as MissedSchedules;
pub use catalog::{ResourceChange, checks};
pub use destinations::StoredDestinations;
pub use engine::{Engine, Options, Ports};
pub use error::{AskError, ChangeError, ReadError};
pub use functions::StoredFunctions;
pub use handle::{Handle, Token};
pub use input::Input;
pub use metrics::Figures;
pub use places::RunLimits;
pub use recent::{NearMiss, NearMisses, RecentLimits};
pub use replays::StartReplayError;
pub use take_in::{Arriving, DedupeKey, Message, TakeInError, Taken, TakenIn};
pub use topics::ChatChannel;
pub use watch::Watch;
